# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what EC2's Describe calls answer to the oracle's world."""

from __future__ import annotations

import typing as t

from . import world as w
from .amazon import (
    Amazon,
    Attachment,
    Connection,
    Entry,
    Machine,
    Permission,
    Route,
    Subnet,
    Table,
    TransitTable,
    Vpc,
)

Json = dict[str, t.Any]
PROTOCOLS = {"-1": "all", "1": "icmp", "6": "tcp", "17": "udp"}
TARGETS = ("GatewayId", "TransitGatewayId", "NetworkInterfaceId", "InstanceId", "NatGatewayId")


class AmazonReader:
    """Reads an account's region. VPCs, their subnets and gateways are there from the beginning, and read once."""

    def __init__(self, ec2: t.Any) -> None:
        self.ec2 = ec2
        self.blocks: list[Json] = []
        self.fixed = Amazon()

    def read_fixed(self) -> None:
        vpcs = tuple(vpc(body) for body in self.ec2.describe_vpcs()["Vpcs"] if not body.get("IsDefault"))
        ours = {item.id for item in vpcs}
        self.blocks = [body for body in self.ec2.describe_subnets()["Subnets"] if body["VpcId"] in ours]
        self.fixed = Amazon(vpcs=vpcs, attached=tuple(self.attached()), connections=tuple(self.connections()))

    def read(self) -> Amazon:
        if not self.blocks:
            self.read_fixed()
        vpcs = self.fixed.vpcs
        ours = {item.id for item in vpcs}
        tables = [body for body in self.ec2.describe_route_tables()["RouteTables"] if body["VpcId"] in ours]
        acls = [body for body in self.ec2.describe_network_acls()["NetworkAcls"] if body["VpcId"] in ours]
        placed = tuple(subnet(body, tables, acls) for body in self.blocks)
        zones = {item.id: item.zone for item in placed}
        groups = self.ec2.describe_security_groups()["SecurityGroups"]
        return Amazon(
            vpcs,
            placed,
            tuple(table(body) for body in tables),
            tuple((body["GroupId"], item) for body in groups for item in permissions(body)),
            tuple((body["NetworkAclId"], entry(item)) for body in acls for item in body["Entries"]),
            tuple(self.machines(ours)),
            self.fixed.attached,
            self.fixed.connections,
            *self.transit(zones),
        )

    def machines(self, ours: t.Container[str]) -> t.Iterator[Machine]:
        for reservation in self.ec2.describe_instances()["Reservations"]:
            for body in reservation["Instances"]:
                if body.get("VpcId") in ours and body["State"]["Name"] != "terminated":
                    yield machine(body)

    def attached(self) -> t.Iterator[tuple[str, str]]:
        for body in self.ec2.describe_vpn_gateways()["VpnGateways"]:
            for item in body.get("VpcAttachments", []):
                if item["State"] == "attached" and body["State"] == "available":
                    yield body["VpnGatewayId"], item["VpcId"]

    def connections(self) -> t.Iterator[Connection]:
        for body in self.ec2.describe_vpn_connections()["VpnConnections"]:
            if body["State"] == "available":
                outsides = tuple(item["OutsideIpAddress"] for item in body["Options"]["TunnelOptions"])
                gateway = body.get("VpnGatewayId") or body["TransitGatewayId"]
                yield Connection(body["VpnConnectionId"], gateway, outsides)

    def transit(self, zones: dict[str, str]) -> tuple[tuple[Attachment, ...], tuple[TransitTable, ...]]:
        """Attachments and tables of transit gateways."""
        tables = [
            body
            for body in self.ec2.describe_transit_gateway_route_tables()["TransitGatewayRouteTables"]
            if body["State"] == "available"
        ]
        if not tables:
            return (), ()
        of_vpcs = {
            body["TransitGatewayAttachmentId"]: frozenset(zones[item] for item in body.get("SubnetIds", ()))
            for body in self.ec2.describe_transit_gateway_vpc_attachments()["TransitGatewayVpcAttachments"]
        }
        associated: dict[str, str] = {}
        found = []
        for body in tables:
            name = body["TransitGatewayRouteTableId"]
            answer = self.ec2.get_transit_gateway_route_table_associations(TransitGatewayRouteTableId=name)
            for item in answer["Associations"]:
                if item["State"] == "associated":
                    associated[item["TransitGatewayAttachmentId"]] = name
            found.append(self.transit_table(name))
        attachments = tuple(
            Attachment(
                body["TransitGatewayAttachmentId"],
                body["TransitGatewayId"],
                body["ResourceId"],
                associated.get(body["TransitGatewayAttachmentId"], ""),
                of_vpcs.get(body["TransitGatewayAttachmentId"], frozenset()),
            )
            for body in self.ec2.describe_transit_gateway_attachments()["TransitGatewayAttachments"]
            if body["State"] == "available"
        )
        return attachments, tuple(found)

    def transit_table(self, name: str) -> TransitTable:
        answer = self.ec2.get_transit_gateway_route_table_propagations(TransitGatewayRouteTableId=name)
        propagating = frozenset(
            item["TransitGatewayAttachmentId"]
            for item in answer["TransitGatewayRouteTablePropagations"]
            if item["State"] == "enabled"
        )
        static = self.ec2.search_transit_gateway_routes(
            TransitGatewayRouteTableId=name, Filters=[{"Name": "type", "Values": ["static"]}]
        )
        return TransitTable(name, tuple(transit_route(body) for body in static["Routes"]), propagating)


def vpc(body: Json) -> Vpc:
    blocks = [item["CidrBlock"] for item in body["CidrBlockAssociationSet"]]
    return Vpc(body["VpcId"], tuple(w.cidr(text) for text in blocks))


def subnet(body: Json, tables: list[Json], acls: list[Json]) -> Subnet:
    name, home = body["SubnetId"], body["VpcId"]
    mine = [item for item in tables if any(link.get("SubnetId") == name for link in item["Associations"])]
    main = [item for item in tables if item["VpcId"] == home and any(link.get("Main") for link in item["Associations"])]
    own = [item for item in acls if any(link["SubnetId"] == name for link in item["Associations"])]
    default = [item for item in acls if item["VpcId"] == home and item["IsDefault"]]
    return Subnet(
        name,
        home,
        w.cidr(body["CidrBlock"]),
        body["AvailabilityZone"],
        (mine or main)[0]["RouteTableId"],
        (own or default)[0]["NetworkAclId"],
    )


def table(body: Json) -> Table:
    static = [item for item in body["Routes"] if item["Origin"] == "CreateRoute"]
    propagating = frozenset(item["GatewayId"] for item in body.get("PropagatingVgws", []))
    return Table(body["RouteTableId"], tuple(route(item) for item in static), propagating)


def route(body: Json) -> Route:
    target = next((str(body[name]) for name in TARGETS if body.get(name)), "nothing")
    kind, separator, _rest = target.partition("-")
    return Route(w.cidr(body["DestinationCidrBlock"]), kind if separator and kind in ("vgw", "tgw") else "dead", target)


def transit_route(body: Json) -> tuple[w.Range, str]:
    found = body.get("TransitGatewayAttachments") or [{"TransitGatewayAttachmentId": ""}]
    attachment = "" if body["State"] == "blackhole" else found[0]["TransitGatewayAttachmentId"]
    return w.cidr(body["DestinationCidrBlock"]), attachment


def permissions(group: Json) -> t.Iterator[Permission]:
    for egress, name in ((False, "IpPermissions"), (True, "IpPermissionsEgress")):
        for body in group.get(name, []):
            protocol = PROTOCOLS.get(body["IpProtocol"], body["IpProtocol"])
            yield Permission(
                egress,
                protocol,
                span(protocol, body.get("FromPort", -1), body.get("ToPort", -1)),
                tuple(w.cidr(item["CidrIp"]) for item in body.get("IpRanges", [])),
                frozenset(item["GroupId"] for item in body.get("UserIdGroupPairs", [])),
            )


def span(protocol: str, first: int, last: int) -> tuple[int, int] | None:
    """Ports; of icmp the type, since only that is used."""
    if protocol == "all" or first == -1:
        return None
    return (first, first) if protocol == "icmp" else (first, last)


def entry(body: Json) -> Entry:
    protocol = PROTOCOLS.get(str(body["Protocol"]), str(body["Protocol"]))
    ports, kind = body.get("PortRange"), body.get("IcmpTypeCode")
    found = None
    if protocol == "icmp" and kind:
        found = span(protocol, kind.get("Type", -1), kind.get("Code", -1))
    elif ports and protocol != "all":
        found = span(protocol, ports["From"], ports["To"])
    return Entry(
        body["RuleNumber"], body["Egress"], body["RuleAction"] == "allow", protocol, w.cidr(body["CidrBlock"]), found
    )


def machine(body: Json) -> Machine:
    names = [item["Value"] for item in body.get("Tags", []) if item["Key"] == "Name"]
    groups = frozenset(item["GroupId"] for item in body["NetworkInterfaces"][0]["Groups"])
    address = w.address(body["PrivateIpAddress"])
    running = body["State"]["Name"] == "running"
    return Machine(body["InstanceId"], names[0], address, body["SubnetId"], groups, running)
