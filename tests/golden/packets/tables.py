# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Route tables of a VPC as a vector gives them, and the targets that their static routes need."""

from __future__ import annotations

from ansible_collections.podreach.gke.tests.golden.packets.amazon import Amazon, Json, Vpc
from ansible_collections.podreach.gke.tests.golden.packets.world import net

STATIC = "CreateRoute"
PROPAGATED = "EnableVgwRoutePropagation"
LOCAL = "CreateRouteTable"
#: A subnet for what a static route leads to, and a VPC to peer with: of no vector.
APPLIANCE = ("appliance", "10.0.77.0/24", "10.0.77.7")
PEER_VPC = "172.31.0.0/16"


class Targets:
    """The real things behind the names that a vector's routes lead to: ``vgw-1``, ``tgw-1``, ``eni-1``, ``pcx-1``."""

    def __init__(self, amazon: Amazon, vpc: Vpc, gateway: str) -> None:
        self.amazon = amazon
        self.vpc = vpc
        self.known: dict[str, str] = {"local": "local"}
        if gateway.startswith("vgw-"):
            self.known["vgw-1"] = gateway
        else:
            self.known["tgw-1"] = gateway

    def real(self, kind: str, name: str) -> str:
        """The id of what the vector calls so, made if need be."""
        if name not in self.known:
            make = {
                "TransitGatewayId": self.transit_gateway,
                "NetworkInterfaceId": self.interface,
                "VpcPeeringConnectionId": self.peering,
            }
            self.known[name] = make[kind]()
        return self.known[name]

    def transit_gateway(self) -> str:
        """A transit gateway that the VPC is attached to and nothing else."""
        made = self.amazon.transit_gateway(64600)
        self.amazon.transit_attachment(made, self.vpc, [next(iter(self.vpc.subnets))])
        return made

    def interface(self) -> str:
        """The interface of an instance that forwards."""
        subnet, cidr, address = APPLIANCE
        self.amazon.subnet(self.vpc, subnet, cidr)
        self.amazon.instance(self.vpc, subnet, address)
        found = self.amazon.interface_of(self.vpc, address)
        self.amazon.ec2.modify_network_interface_attribute(NetworkInterfaceId=found, SourceDestCheck={"Value": False})
        return found

    def peering(self) -> str:
        """A peering with another VPC."""
        ec2 = self.amazon.ec2
        other = self.amazon.vpc([PEER_VPC])
        made = ec2.create_vpc_peering_connection(VpcId=self.vpc.id, PeerVpcId=other.id)["VpcPeeringConnection"]
        ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=made["VpcPeeringConnectionId"])
        return str(made["VpcPeeringConnectionId"])


def make(amazon: Amazon, vpc: Vpc, gateway: str, given: Json) -> Targets:
    """The given route tables, less what is propagated into them: that comes by itself."""
    targets = Targets(amazon, vpc, gateway)
    lists = {item["PrefixListId"]: prefix_list(amazon, item) for item in given.get("PrefixLists", [])}
    for table in given["RouteTables"]:
        main = any(item.get("Main") for item in table["Associations"])
        name = table["RouteTableId"]
        table_id = vpc.main_table if main else amazon.new_table(vpc, name)
        vpc.tables[name] = table_id
        for association in table["Associations"]:
            if association.get("SubnetId") in vpc.subnets:
                amazon.ec2.associate_route_table(RouteTableId=table_id, SubnetId=vpc.subnets[association["SubnetId"]])
        if table["PropagatingVgws"]:
            amazon.propagate(table_id, gateway)
        for route in table["Routes"]:
            if route["Origin"] == STATIC:
                static(amazon, targets, lists, table_id, route)
    return targets


def static(amazon: Amazon, targets: Targets, lists: dict[str, str], table: str, route: Json) -> None:
    """One static route."""
    body: Json = {"RouteTableId": table}
    if "DestinationPrefixListId" in route:
        body["DestinationPrefixListId"] = lists[route["DestinationPrefixListId"]]
    else:
        body["DestinationCidrBlock"] = route["DestinationCidrBlock"]
    (kind,) = [key for key in route if key.endswith("Id") and key != "DestinationPrefixListId"]
    body[kind] = targets.real(kind, route[kind])
    amazon.ec2.create_route(**body)


def prefix_list(amazon: Amazon, given: Json) -> str:
    """A managed prefix list."""
    reply = amazon.ec2.create_managed_prefix_list(
        PrefixListName=given["PrefixListId"],
        Entries=[{"Cidr": cidr} for cidr in given["Cidrs"]],
        MaxEntries=10,
        AddressFamily="IPv4",
    )
    return str(reply["PrefixList"]["PrefixListId"])


def comparable(targets: Targets, route: Json) -> tuple[str, str, str, str]:
    """Destination, origin, target and state of a route, a given one or a described one, in real ids."""
    kinds = ("GatewayId", "TransitGatewayId", "NetworkInterfaceId", "VpcPeeringConnectionId")
    target = next((route[kind] for kind in kinds if route.get(kind)), "")
    destination = route.get("DestinationCidrBlock") or "a prefix list"
    if destination != "a prefix list":
        destination = str(net(destination))
    return destination, route["Origin"], targets.known.get(target, target), route["State"]


def as_given(amazon: Amazon, targets: Targets, given: Json) -> None:
    """The tables, as described, hold exactly the given routes."""
    for table in given["RouteTables"]:
        described = amazon.table(targets.vpc.tables[table["RouteTableId"]])
        expected = sorted(comparable(targets, route) for route in table["Routes"])
        found = sorted(comparable(targets, route) for route in described["Routes"])
        assert found == expected, f"{table['RouteTableId']}: {found}"
