# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds what is between the clouds and beyond: HA VPN with its Cloud Router by REST, the AWS side by boto3.

The order is that of https://docs.cloud.google.com/network-connectivity/docs/vpn/how-to/connect-ha-vpn-aws-peer-gateway:
Google's gateway, then AWS's with a customer gateway for its address, then tunnels, interfaces and BGP peers.
"""

from __future__ import annotations

from ansible_collections.podreach.gke.tests.golden.packets import tables
from ansible_collections.podreach.gke.tests.golden.packets.amazon import ANYWHERE, SHARED_KEY, Amazon, Vpc
from ansible_collections.podreach.gke.tests.golden.packets.ends import End
from ansible_collections.podreach.gke.tests.golden.packets.hybrid import (
    Far,
    Plan,
    Tunnel,
    first_host,
    inside_any,
    second_host,
)
from ansible_collections.podreach.gke.tests.golden.packets.world import Json, World, around, ip, net

#: An address of nobody: of the benchmarking range (RFC 2544).
NOBODY = "198.18.0.77"
#: Given statuses that have to be brought about, and how: a peer that isn't there; a peer that speaks IKEv2 only.
BROKEN = ("NO_INCOMING_PACKETS", "NEGOTIATION_FAILURE")


class FarSide:
    """One AWS gateway that exists, with its VPC, its connection and which of whose tunnels is which of ours."""

    def __init__(self, far: Far, gateway: str, vpc: Vpc) -> None:
        self.far = far
        self.gateway = gateway
        self.vpc = vpc
        self.attached = True
        self.connection = ""
        #: tunnel name -> outside address at AWS
        self.outside: dict[str, str] = {}
        #: of a transit gateway: the VPC's attachment, and its own route table where one is given
        self.attachment = ""
        self.table = ""

    def holds(self, address: str) -> bool:
        """Whether the address is of the VPC."""
        return inside_any(address, self.vpc.cidrs)


class Outside:
    """The far sides of a world's estate."""

    def __init__(self, world: World, plan: Plan) -> None:
        self.world = world
        self.plan = plan
        self.amazon = Amazon(world.env)
        self.sides: list[FarSide] = []
        self.name = ""
        self.interfaces: list[Json] = []
        self.peers: list[Json] = []

    # ---- Google

    @property
    def router(self) -> str:
        """The router's path below the project."""
        return f"regions/{self.plan.region}/routers/{self.plan.name}"

    def path(self, collection: str, name: str) -> str:
        """The full path of a resource of the router's region."""
        return f"projects/{self.world.project}/regions/{self.plan.region}/{collection}/{name}"

    def build(self, given: Json) -> None:
        """All of it; sessions come up by themselves."""
        address = self.google_side("gateway")
        for number, far in enumerate(self.plan.fars):
            side = self.far_side(far, given)
            self.sides.append(side)
            self.connect(side, address, f"aws-{number}")
            if "TransitGatewayRouteTables" in given:
                self.join_transit(side, given)
        self.world.do("PATCH", self.router, {"interfaces": self.interfaces, "bgpPeers": self.peers})

    def onto(self, gateway: str, vpc: Vpc, name: str, static: list[str]) -> FarSide:
        """The plan's one tunnel to a virtual private gateway that is there; with static routes there is no session.
        ``name`` is that of Google's gateway."""
        address = self.google_side(name)
        (far,) = self.plan.fars
        side = FarSide(far, gateway, vpc)
        self.connect(side, address, f"of-{name}", static=bool(static))
        for cidr in static:
            self.amazon.ec2.create_vpn_connection_route(VpnConnectionId=side.connection, DestinationCidrBlock=cidr)
        peers = [] if static else self.peers
        self.world.do("PATCH", self.router, {"interfaces": self.interfaces, "bgpPeers": peers})
        return side

    def google_side(self, name: str) -> str:
        """Google's HA VPN gateway of that name, and the router; the gateway's first address."""
        world, region = self.world, self.plan.region
        world.need_network(self.plan.network)
        network = world.network_path(self.plan.network)
        world.do("POST", f"regions/{region}/vpnGateways", {"name": name, "network": network})
        router = {"name": self.plan.name, "network": network, "bgp": self.plan.bgp}
        world.do("POST", f"regions/{region}/routers", router)
        self.name = name
        interfaces = world.read(f"regions/{region}/vpnGateways/{name}")["vpnInterfaces"]
        return str(next(item["ipAddress"] for item in interfaces if item.get("id", 0) == 0))

    def connect(self, side: FarSide, address: str, peer_gateway: str, *, static: bool = False) -> None:
        """The VPN connection of one far side, Google's tunnels to it, and what the router needs for them."""
        far, amazon = side.far, self.amazon
        customer = amazon.customer_gateway(address, int(self.plan.bgp["asn"]))
        inside = [tunnel.inside for tunnel in far.tunnels]
        while len(inside) < 2:
            # unique to the gateway at AWS, so by the tunnel beside it
            third, fourth = (int(part) for part in inside[0].partition("/")[0].split(".")[2:])
            inside.append(f"169.254.{third + 80}.{fourth}/30")
        side.connection = amazon.connection(side.gateway, customer, inside, static=static)
        by_inside = {tunnel.inside_cidr: tunnel.outside for tunnel in amazon.tunnels(side.connection)}
        side.outside = {tunnel.name: by_inside[tunnel.inside] for tunnel in far.tunnels}
        self.external_gateway(peer_gateway, [self.outside_address(side, tunnel) for tunnel in far.tunnels])
        for index, tunnel in enumerate(far.tunnels):
            self.tunnel(tunnel, peer_gateway, index, far)

    @staticmethod
    def outside_address(side: FarSide, tunnel: Tunnel) -> str:
        """Where Google looks for the tunnel's far end."""
        assert tunnel.status == "ESTABLISHED" or tunnel.status in BROKEN, tunnel
        return NOBODY if tunnel.status == "NO_INCOMING_PACKETS" else side.outside[tunnel.name]

    def external_gateway(self, name: str, addresses: list[str]) -> None:
        """AWS's gateway, as Google knows it."""
        kinds = {1: "SINGLE_IP_INTERNALLY_REDUNDANT", 2: "TWO_IPS_REDUNDANCY", 4: "FOUR_IPS_REDUNDANCY"}
        self.world.do(
            "POST",
            "global/externalVpnGateways",
            {
                "name": name,
                "redundancyType": kinds[len(addresses)],
                "interfaces": [{"id": number, "ipAddress": address} for number, address in enumerate(addresses)],
            },
        )

    def tunnel(self, tunnel: Tunnel, peer_gateway: str, index: int, far: Far) -> None:
        """A tunnel of Google's, its interface at the router and its peer."""
        world = self.world
        world.do(
            "POST",
            f"regions/{self.plan.region}/vpnTunnels",
            {
                "name": tunnel.name,
                "vpnGateway": self.path("vpnGateways", self.name),
                "vpnGatewayInterface": 0,
                "peerExternalGateway": f"projects/{world.project}/global/externalVpnGateways/{peer_gateway}",
                "peerExternalGatewayInterface": index,
                "router": self.path("routers", self.plan.name),
                "sharedSecret": tunnel.secret or SHARED_KEY,
                "ikeVersion": 1 if tunnel.status == "NEGOTIATION_FAILURE" else 2,
            },
        )
        number = len(self.interfaces)
        interface: Json = {"name": f"if-{tunnel.name}", "ipRange": f"{second_host(tunnel.inside)}/30"}
        if number < len(self.plan.interfaces):
            interface = self.plan.interfaces[number]
        self.interfaces.append({**interface, "linkedVpnTunnel": self.path("vpnTunnels", tunnel.name)})
        self.peers.append(
            {
                "peerIpAddress": first_host(tunnel.inside),
                "ipAddress": interface["ipRange"].partition("/")[0],
                "peerAsn": far.asn,
                **tunnel.peer,
                "interfaceName": interface["name"],
            }
        )

    def advertise(self, bgp: Json, peers: list[Json] | None = None) -> None:
        """Change how the router, or its peers too, advertise."""
        body: Json = {"bgp": {"advertisedGroups": [], "advertisedIpRanges": [], **bgp}}
        if body["bgp"].get("advertiseMode", "DEFAULT") == "DEFAULT":
            body["bgp"]["advertiseMode"] = "DEFAULT"
        if peers is not None:
            self.peers = [{**mine, **given} for mine, given in zip(self.peers, peers, strict=True)]
            body["bgpPeers"] = self.peers
        self.world.do("PATCH", self.router, body)

    # ---- AWS

    def far_side(self, far: Far, given: Json) -> FarSide:
        """The VPC and the gateway of one far side, with open route tables and filters where none are given."""
        amazon = self.amazon
        vpc = amazon.vpc(far.cidrs)
        for subnet in given.get("Subnets", []):
            amazon.subnet(
                vpc, subnet["SubnetId"], subnet["CidrBlock"], subnet.get("AvailabilityZone", "ap-northeast-1a")
            )
        if far.kind == "vgw":
            side = FarSide(far, amazon.virtual_gateway(far.asn, vpc), vpc)
        else:
            side = FarSide(
                far, amazon.transit_gateway(far.asn, automatic="TransitGatewayRouteTables" not in given), vpc
            )
            self.attach_transit(side, given)
        if "RouteTables" in given:
            tables.make(amazon, vpc, side.gateway, given)
        elif far.kind == "vgw":
            amazon.propagate(vpc.main_table, side.gateway)
        else:
            amazon.ec2.create_route(
                RouteTableId=vpc.main_table, DestinationCidrBlock=ANYWHERE, TransitGatewayId=side.gateway
            )
        self.filters(vpc, given)
        return side

    def attach_transit(self, side: FarSide, given: Json) -> None:
        """Attach the VPC to its transit gateway as given, else in one zone; static routes are all that is told then."""
        amazon = self.amazon
        attachments = given.get("TransitGatewayVpcAttachments", [])
        subnets = attachments[0]["SubnetIds"] if attachments else [self.some_subnet(side.vpc)]
        side.attachment = amazon.transit_attachment(side.gateway, side.vpc, subnets)
        if "TransitGatewayRouteTables" in given:
            side.table = amazon.new_transit_table(side.gateway)
            return
        side.table = amazon.transit_table(side.gateway)
        for destination in side.far.statics:
            amazon.transit_route(side.table, destination, side.attachment)
        if side.far.statics:
            amazon.ec2.disable_transit_gateway_route_table_propagation(
                TransitGatewayRouteTableId=side.table, TransitGatewayAttachmentId=side.attachment
            )

    def join_transit(self, side: FarSide, given: Json) -> None:
        """Associate and propagate the attachments that a given transit route table names."""
        (table,) = given["TransitGatewayRouteTables"]
        attachments = {"vpc": side.attachment, "vpn": self.amazon.vpn_attachment(side.connection)}
        for name in table["associations"]:
            self.amazon.ec2.associate_transit_gateway_route_table(
                TransitGatewayRouteTableId=side.table, TransitGatewayAttachmentId=attachments[name]
            )
        for name in table["propagations"]:
            self.amazon.ec2.enable_transit_gateway_route_table_propagation(
                TransitGatewayRouteTableId=side.table, TransitGatewayAttachmentId=attachments[name]
            )

    def some_subnet(self, vpc: Vpc) -> str:
        """The name of a subnet, made if there is none."""
        if not vpc.subnets:
            block = net(vpc.cidrs[0])
            cidr = str(next(block.subnets(new_prefix=max(24, block.prefixlen))))
            self.amazon.subnet(vpc, "some", cidr)
        return next(iter(vpc.subnets))

    def filters(self, vpc: Vpc, given: Json) -> None:
        """The security group as given; open where nothing is said of it."""
        groups = given.get("SecurityGroups", given.get("aws", {}).get("SecurityGroups", "open"))
        self.amazon.filter(vpc, None if groups == "open" else groups[0])

    def side_of(self, address: str) -> FarSide | None:
        """The far side whose VPC holds the address."""
        return next((side for side in self.sides if side.holds(address)), None)

    def knows(self, end: End) -> bool:
        """Whether an end of a flow is a machine at AWS."""
        return end.kind == "ec2" or (end.kind == "address" and self.side_of(end.address) is not None)

    def machine(self, address: str, subnet: str = "") -> str:
        """The instance at an address, made if need be; its name."""
        side = self.side_of(address)
        assert side is not None, f"{address} is of no VPC"
        vpc = side.vpc
        if address in vpc.instances:
            return vpc.instances[address]
        holding = [name for name, cidr in vpc.subnet_cidrs.items() if ip(address) in net(cidr)]
        if not holding:
            self.amazon.subnet(vpc, "of-machine", str(around(address)))
            holding = ["of-machine"]
        assert subnet in ("", holding[0]), f"{address} isn't in {subnet}"
        return self.amazon.instance(vpc, holding[0], address)

    # ---- what became of it

    def settle(self) -> None:
        """Wait until sessions and packets follow all that was asked for."""
        self.world.lab.settle()

    def status(self) -> Json:
        """RouterStatus."""
        result: Json = self.world.read(f"{self.router}/getRouterStatus")["result"]
        return result

    def peer_status(self, name: str) -> Json:
        """What RouterStatus says of one BGP peer."""
        (found,) = [item for item in self.status()["bgpPeerStatus"] if item["name"] == name]
        peer: Json = found
        return peer

    def tunnel_status(self, name: str) -> str:
        """VpnTunnel.status."""
        return str(self.world.read(f"regions/{self.plan.region}/vpnTunnels/{name}")["status"])

    def tunnel_of(self, peer: str) -> tuple[FarSide, Tunnel]:
        """The tunnel that a peer's session goes by, and where it ends."""
        (found,) = [(side, tunnel) for side in self.sides for tunnel in side.far.tunnels if tunnel.peer["name"] == peer]
        return found

    def accepted(self, peer: str) -> Json:
        """AWS's telemetry of the tunnel that a peer's session goes by."""
        side, tunnel = self.tunnel_of(peer)
        return self.amazon.telemetry(side.connection, side.outside[tunnel.name])
