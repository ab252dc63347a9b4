# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The AWS account that stays between topologies, and how it is brought from one plan to the next.

A plan is what generate_vpn.py makes: plain JSON in the names of this file. Only what differs from the last plan is
called.
"""

from __future__ import annotations

import typing as t

import boto3
from botocore.config import Config

Json = dict[str, t.Any]
REGION = "ap-northeast-1"
BLOCKS = ("10.0.0.0/16", "10.5.0.0/16")
#: Range and zone.
SUBNETS = {
    "a": ("10.0.1.0/24", "a"),
    "b": ("10.0.2.0/24", "c"),
    "c": ("10.0.3.0/24", "a"),
    "d": ("10.5.1.0/24", "c"),
}
#: A transit gateway's own subnets, by zone.
LANDINGS = {"a": "10.0.250.0/28", "c": "10.0.250.16/28"}
#: Subnet and address.
EC2 = {
    "ec2-a": ("a", "10.0.1.7"),
    "ec2-b": ("b", "10.0.2.7"),
    "ec2-c": ("c", "10.0.3.7"),
    "ec2-d": ("d", "10.5.1.7"),
    "ec2-e": ("a", "10.0.1.8"),
}
#: Security groups, and their rules for what comes in; out they let everything. `fresh` is another in every topology.
GROUPS: dict[str, list[Json]] = {
    "open": [{"egress": False, "protocol": "-1", "ports": None, "ranges": ["0.0.0.0/0"], "groups": []}],
    "shut": [],
    "web": [
        {"egress": False, "protocol": "icmp", "ports": None, "ranges": ["0.0.0.0/0"], "groups": []},
        {"egress": False, "protocol": "tcp", "ports": [80, 80], "ranges": ["0.0.0.0/0"], "groups": []},
    ],
    "ten": [{"egress": False, "protocol": "-1", "ports": None, "ranges": ["10.0.0.0/8"], "groups": []}],
    "friends": [{"egress": False, "protocol": "-1", "ports": None, "ranges": [], "groups": ["fresh"]}],
    "fresh": [],
}
EVERYTHING_OUT: Json = {"egress": True, "protocol": "-1", "ports": None, "ranges": ["0.0.0.0/0"], "groups": []}
#: One of those that moto knows.
IMAGE = "ami-12c6146b"
AMAZON_ASN, GOOGLE_ASN = 64512, 65010
#: Two connections, two tunnels each.
SESSIONS = 4
INSIDE = ("169.254.21.0/30", "169.254.22.0/30", "169.254.23.0/30", "169.254.24.0/30")
TABLES = 3


def client(env: dict[str, str]) -> t.Any:
    """A boto3 client for EC2 of a lab."""
    return boto3.client(
        "ec2",
        endpoint_url=env["AWS_ENDPOINT_URL"],
        region_name=env.get("AWS_DEFAULT_REGION", REGION),
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=20),
    )


class Account:
    """Builds the account, knows its ids, and brings it to a plan."""

    def __init__(self, ec2: t.Any, transit: bool) -> None:
        self.ec2 = ec2
        self.transit = transit
        self.plan: Json = {}
        self.vpc = ""
        self.internet = ""
        self.gateway = ""
        self.subnets: dict[str, str] = {}
        self.landings: dict[str, str] = {}
        self.tables: list[str] = []
        self.acls: list[str] = []
        self.acl_links: dict[str, str] = {}
        self.table_links: dict[str, str] = {}
        self.groups: dict[str, str] = {}
        self.machines: dict[str, str] = {}
        self.cards: dict[str, str] = {}
        self.attachments: dict[str, str] = {}
        self.transit_tables: list[str] = []
        self.connections: list[str] = []

    # ---- building

    def build(self, outsides: t.Sequence[str]) -> list[Json]:
        """The account, with VPN connections to Google's two outside addresses; returns the four tunnels' options."""
        self.build_network()
        self.build_machines()
        gateway = self.build_transit() if self.transit else self.build_virtual()
        options = [self.connect(outside, gateway, INSIDE[2 * at : 2 * at + 2]) for at, outside in enumerate(outsides)]
        if self.transit:
            self.find_attachments()
        return [tunnel for both in options for tunnel in both]

    def build_network(self) -> None:
        self.vpc = self.ec2.create_vpc(CidrBlock=BLOCKS[0])["Vpc"]["VpcId"]
        self.ec2.associate_vpc_cidr_block(VpcId=self.vpc, CidrBlock=BLOCKS[1])
        for name, (block, zone) in SUBNETS.items():
            self.subnets[name] = self.subnet(block, zone)
        self.internet = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.ec2.attach_internet_gateway(InternetGatewayId=self.internet, VpcId=self.vpc)
        mine = [{"Name": "vpc-id", "Values": [self.vpc]}]
        main = self.ec2.describe_route_tables(Filters=mine)["RouteTables"][0]["RouteTableId"]
        more = [
            self.ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"] for _more in range(TABLES - 1)
        ]
        self.tables = [main, *more]
        default = self.ec2.describe_network_acls(Filters=mine)["NetworkAcls"][0]
        fresh = self.ec2.create_network_acl(VpcId=self.vpc)["NetworkAcl"]["NetworkAclId"]
        self.acls = [default["NetworkAclId"], fresh]
        links = {item["SubnetId"]: item["NetworkAclAssociationId"] for item in default["Associations"]}
        self.acl_links = {name: links[subnet] for name, subnet in self.subnets.items()}

    def subnet(self, block: str, zone: str) -> str:
        answer = self.ec2.create_subnet(VpcId=self.vpc, CidrBlock=block, AvailabilityZone=f"{REGION}{zone}")
        return t.cast(str, answer["Subnet"]["SubnetId"])

    def build_machines(self) -> None:
        for name in GROUPS:
            answer = self.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.vpc)
            self.groups[name] = answer["GroupId"]
        for name, rules in GROUPS.items():
            self.change_rules(name, rules, revoke=False)
        for name, (subnet, address) in EC2.items():
            answer = self.ec2.run_instances(
                ImageId=IMAGE,
                MinCount=1,
                MaxCount=1,
                InstanceType="t3.micro",
                SubnetId=self.subnets[subnet],
                PrivateIpAddress=address,
                SecurityGroupIds=[self.groups["open"]],
                TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}],
            )
            self.machines[name] = answer["Instances"][0]["InstanceId"]
            self.cards[name] = answer["Instances"][0]["NetworkInterfaces"][0]["NetworkInterfaceId"]

    def build_virtual(self) -> Json:
        answer = self.ec2.create_vpn_gateway(Type="ipsec.1", AmazonSideAsn=AMAZON_ASN)
        self.gateway = answer["VpnGateway"]["VpnGatewayId"]
        self.ec2.attach_vpn_gateway(VpnGatewayId=self.gateway, VpcId=self.vpc)
        return {"VpnGatewayId": self.gateway}

    def build_transit(self) -> Json:
        options = {
            "AmazonSideAsn": AMAZON_ASN,
            "DefaultRouteTableAssociation": "disable",
            "DefaultRouteTablePropagation": "disable",
            "VpnEcmpSupport": "enable",
        }
        self.gateway = self.ec2.create_transit_gateway(Options=options)["TransitGateway"]["TransitGatewayId"]
        for zone, block in LANDINGS.items():
            self.landings[zone] = self.subnet(block, zone)
        answer = self.ec2.create_transit_gateway_vpc_attachment(
            TransitGatewayId=self.gateway, VpcId=self.vpc, SubnetIds=sorted(self.landings.values())
        )
        self.attachments["vpc"] = answer["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
        for _table in range(2):
            answer = self.ec2.create_transit_gateway_route_table(TransitGatewayId=self.gateway)
            self.transit_tables.append(answer["TransitGatewayRouteTable"]["TransitGatewayRouteTableId"])
        return {"TransitGatewayId": self.gateway}

    def connect(self, outside: str, gateway: Json, inside: t.Sequence[str]) -> list[Json]:
        """A VPN connection; the options of its tunnels."""
        answer = self.ec2.create_customer_gateway(Type="ipsec.1", BgpAsn=GOOGLE_ASN, PublicIp=outside)
        tunnels = [
            {
                "TunnelInsideCidr": block,
                "PreSharedKey": f"topologies_{block.replace('/', '_')}",
                "IKEVersions": [{"Value": "ikev2"}],
            }
            for block in inside
        ]
        made = self.ec2.create_vpn_connection(
            Type="ipsec.1",
            CustomerGatewayId=answer["CustomerGateway"]["CustomerGatewayId"],
            Options={"StaticRoutesOnly": False, "TunnelOptions": tunnels},
            **gateway,
        )
        name = made["VpnConnection"]["VpnConnectionId"]
        self.connections.append(name)
        found = self.ec2.describe_vpn_connections(VpnConnectionIds=[name])["VpnConnections"][0]
        return t.cast(list[Json], found["Options"]["TunnelOptions"])

    def find_attachments(self) -> None:
        """Those of the VPN connections, which came with them."""
        found = self.ec2.describe_transit_gateway_attachments()["TransitGatewayAttachments"]
        by_resource = {item["ResourceId"]: item["TransitGatewayAttachmentId"] for item in found}
        for at, connection in enumerate(self.connections):
            self.attachments[f"vpn{at}"] = by_resource[connection]

    # ---- from plan to plan

    def apply(self, plan: Json) -> None:
        before, self.plan = self.plan, plan
        for name, subnet in self.subnets.items():
            self.move_acl(name, before.get("acls", {}).get(name, 0), plan["acls"][name])
            self.move_table(name, subnet, before.get("tables", {}).get(name, 0), plan["tables"][name])
        if plan["fresh"] != before.get("fresh", [EVERYTHING_OUT]):
            self.change_rules("fresh", before.get("fresh", [EVERYTHING_OUT]), revoke=True)
            self.change_rules("fresh", plan["fresh"], revoke=False)
        for name, machine in self.machines.items():
            if plan["groups"][name] != before.get("groups", {}).get(name, ["open"]):
                ids = [self.groups[group] for group in plan["groups"][name]]
                self.ec2.modify_instance_attribute(InstanceId=machine, Groups=ids)
            self.power(machine, name in before.get("stopped", []), name in plan["stopped"])
        self.change_entries(before.get("entries", []), plan["entries"])
        for at, table in enumerate(self.tables):
            self.change_routes(table, before.get("routes", {}).get(str(at), []), plan["routes"][str(at)])
            self.propagate(table, at in before.get("propagating", []), at in plan["propagating"])
        if self.transit:
            self.change_transit(before.get("transit", {}), plan["transit"])

    def move_acl(self, name: str, before: int, after: int) -> None:
        if before != after:
            answer = self.ec2.replace_network_acl_association(
                AssociationId=self.acl_links[name], NetworkAclId=self.acls[after]
            )
            self.acl_links[name] = answer["NewAssociationId"]

    def move_table(self, name: str, subnet: str, before: int, after: int) -> None:
        """Table 0 is the main one, which a subnet uses that is associated with none."""
        if before == after:
            return
        if before:
            self.ec2.disassociate_route_table(AssociationId=self.table_links.pop(name))
        if after:
            answer = self.ec2.associate_route_table(RouteTableId=self.tables[after], SubnetId=subnet)
            self.table_links[name] = answer["AssociationId"]

    def power(self, machine: str, before: bool, after: bool) -> None:
        if after and not before:
            self.ec2.stop_instances(InstanceIds=[machine])
        if before and not after:
            self.ec2.start_instances(InstanceIds=[machine])

    def change_rules(self, group: str, rules: t.Sequence[Json], revoke: bool) -> None:
        for egress, word in ((False, "ingress"), (True, "egress")):
            listed = unique([self.permission(rule) for rule in rules if rule["egress"] == egress])
            if listed:
                verb = "revoke" if revoke else "authorize"
                call = getattr(self.ec2, f"{verb}_security_group_{word}")
                call(GroupId=self.groups[group], IpPermissions=listed)

    def permission(self, rule: Json) -> Json:
        found: Json = {"IpProtocol": rule["protocol"]}
        if rule["protocol"] == "icmp":
            found |= {"FromPort": rule["ports"][0] if rule["ports"] else -1, "ToPort": -1}
        elif rule["ports"]:
            found |= {"FromPort": rule["ports"][0], "ToPort": rule["ports"][1]}
        if rule["ranges"]:
            found["IpRanges"] = [{"CidrIp": text} for text in rule["ranges"]]
        if rule["groups"]:
            found["UserIdGroupPairs"] = [{"GroupId": self.groups[name]} for name in rule["groups"]]
        return found

    def change_entries(self, before: t.Sequence[Json], after: t.Sequence[Json]) -> None:
        for entry in before:
            if entry not in after:
                self.ec2.delete_network_acl_entry(
                    NetworkAclId=self.acls[1], RuleNumber=entry["number"], Egress=entry["egress"]
                )
        for entry in after:
            if entry not in before:
                more: Json = {}
                if entry["protocol"] == "1":
                    more["IcmpTypeCode"] = {"Type": entry["ports"][0] if entry["ports"] else -1, "Code": -1}
                elif entry["ports"]:
                    more["PortRange"] = {"From": entry["ports"][0], "To": entry["ports"][1]}
                self.ec2.create_network_acl_entry(
                    NetworkAclId=self.acls[1],
                    RuleNumber=entry["number"],
                    Egress=entry["egress"],
                    Protocol=entry["protocol"],
                    RuleAction="allow" if entry["allow"] else "deny",
                    CidrBlock=entry["range"],
                    **more,
                )

    def change_routes(self, table: str, before: t.Sequence[list[str]], after: t.Sequence[list[str]]) -> None:
        targets = {
            "vgw": {"GatewayId": self.gateway},
            "tgw": {"TransitGatewayId": self.gateway},
            "igw": {"GatewayId": self.internet},
            "interface": {"NetworkInterfaceId": self.cards["ec2-e"]},
        }
        for item in before:
            if item not in after:
                self.ec2.delete_route(RouteTableId=table, DestinationCidrBlock=item[0])
        for item in after:
            if item not in before:
                self.ec2.create_route(RouteTableId=table, DestinationCidrBlock=item[0], **targets[item[1]])

    def propagate(self, table: str, before: bool, after: bool) -> None:
        if after and not before:
            self.ec2.enable_vgw_route_propagation(RouteTableId=table, GatewayId=self.gateway)
        if before and not after:
            self.ec2.disable_vgw_route_propagation(RouteTableId=table, GatewayId=self.gateway)

    # ---- transit gateway

    def change_transit(self, before: Json, after: Json) -> None:
        self.change_zones(before.get("zones", list(LANDINGS)), after["zones"])
        old, new = before.get("static", []), after["static"]
        for to, _target in [item for item in old if item not in new]:
            self.ec2.delete_transit_gateway_route(
                TransitGatewayRouteTableId=self.transit_tables[0], DestinationCidrBlock=to
            )
        for name, table in after["associations"].items():
            self.associate(name, before.get("associations", {}).get(name), table)
        for table, name in before.get("propagations", []):
            if [table, name] not in after["propagations"]:
                self.ec2.disable_transit_gateway_route_table_propagation(**self.link(table, name))
        for table, name in after["propagations"]:
            if [table, name] not in before.get("propagations", []):
                self.ec2.enable_transit_gateway_route_table_propagation(**self.link(table, name))
        for to, target in [item for item in new if item not in old]:
            where = (
                {"Blackhole": True}
                if target == "blackhole"
                else {"TransitGatewayAttachmentId": self.attachments[target]}
            )
            self.ec2.create_transit_gateway_route(
                TransitGatewayRouteTableId=self.transit_tables[0], DestinationCidrBlock=to, **where
            )

    def change_zones(self, before: list[str], after: list[str]) -> None:
        more: Json = {
            "AddSubnetIds": [self.landings[zone] for zone in after if zone not in before],
            "RemoveSubnetIds": [self.landings[zone] for zone in before if zone not in after],
        }
        more = {name: value for name, value in more.items() if value}
        if more:
            self.ec2.modify_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=self.attachments["vpc"], **more)

    def associate(self, name: str, before: int | None, after: int) -> None:
        if before == after:
            return
        if before is not None:
            self.ec2.disassociate_transit_gateway_route_table(**self.link(before, name))
        self.ec2.associate_transit_gateway_route_table(**self.link(after, name))

    def link(self, table: int, name: str) -> Json:
        return {
            "TransitGatewayRouteTableId": self.transit_tables[table],
            "TransitGatewayAttachmentId": self.attachments[name],
        }


def unique(found: list[Json]) -> list[Json]:
    return [item for at, item in enumerate(found) if item not in found[:at]]
