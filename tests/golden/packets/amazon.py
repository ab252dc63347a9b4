# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The AWS side of a vector's estate, by boto3 alone: VPCs, route tables, filters, gateways, VPN connections."""

from __future__ import annotations

import dataclasses
import time
import typing as t

import boto3
import botocore.config

Json = dict[str, t.Any]
ANYWHERE = "0.0.0.0/0"
ALL: Json = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": ANYWHERE}]}
IMAGE = "ami-12c6146b"
ZONE = "ap-northeast-1a"
DEADLINE = 15.0
#: A key that both clouds' rules admit: 8 to 64 of letters, digits, dots, underscores, no leading zero
#: (botocore's model of VpnTunnelOptionsSpecification.PreSharedKey).
SHARED_KEY = "golden.vectors_1"


@dataclasses.dataclass(frozen=True)
class Tunnel:
    """One of the two tunnels of a VPN connection, as DescribeVpnConnections tells it. In each inside range AWS has the
    first address and the customer the second (https://docs.aws.amazon.com/vpn/latest/s2svpn/VPNTunnels.html)."""

    outside: str
    inside_cidr: str


@dataclasses.dataclass
class Vpc:
    """A VPC with one security group for all of its instances; ``subnets``, ``tables`` and ``instances`` by our names,
    an instance's by its address."""

    id: str
    cidrs: list[str]
    main_table: str
    group: str
    subnets: dict[str, str] = dataclasses.field(default_factory=dict)
    subnet_cidrs: dict[str, str] = dataclasses.field(default_factory=dict)
    tables: dict[str, str] = dataclasses.field(default_factory=dict)
    instances: dict[str, str] = dataclasses.field(default_factory=dict)


class Amazon:
    """EC2 of the lab's account."""

    def __init__(self, env: dict[str, str]) -> None:
        self.ec2 = boto3.client(
            "ec2",
            endpoint_url=env["AWS_ENDPOINT_URL"],
            region_name=env["AWS_DEFAULT_REGION"],
            aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
            config=botocore.config.Config(retries={"max_attempts": 1}, proxies={}),
        )

    def wait(self, what: str, look: t.Callable[[], t.Any]) -> t.Any:
        """What ``look`` returns as soon as that is true."""
        deadline = time.monotonic() + DEADLINE
        while not (found := look()):
            assert time.monotonic() < deadline, f"{what}: not within {DEADLINE} s"
            time.sleep(0.02)
        return found

    # ---- VPCs

    def vpc(self, cidrs: list[str]) -> Vpc:
        """A VPC with these CIDR blocks whose main table has local routes only; its group lets everything pass."""
        made = self.ec2.create_vpc(CidrBlock=cidrs[0])["Vpc"]["VpcId"]
        for cidr in cidrs[1:]:
            self.ec2.associate_vpc_cidr_block(VpcId=made, CidrBlock=cidr)
        (table,) = self.tables_of(made)
        group = self.ec2.create_security_group(GroupName=f"of {made}", Description="of golden vectors", VpcId=made)
        found = Vpc(made, cidrs, table["RouteTableId"], group["GroupId"])
        self.filter(found, None)
        return found

    def subnet(self, vpc: Vpc, name: str, cidr: str, zone: str = ZONE) -> str:
        """A subnet, by our name."""
        made = self.ec2.create_subnet(VpcId=vpc.id, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"]["SubnetId"]
        vpc.subnets[name] = made
        vpc.subnet_cidrs[name] = cidr
        return str(made)

    def instance(self, vpc: Vpc, subnet: str, address: str) -> str:
        """An instance at an address of a subnet; its Name."""
        if address in vpc.instances:
            return vpc.instances[address]
        name = f"ec2-{address.replace('.', '-')}"
        made = self.ec2.run_instances(
            ImageId=IMAGE,
            MinCount=1,
            MaxCount=1,
            InstanceType="t3.micro",
            SubnetId=vpc.subnets[subnet],
            PrivateIpAddress=address,
            SecurityGroupIds=[vpc.group],
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}],
        )
        assert made["Instances"][0]["PrivateIpAddress"] == address
        vpc.instances[address] = name
        return name

    def interface_of(self, vpc: Vpc, address: str) -> str:
        """The network interface of the instance that has the address."""
        filters = [{"Name": "vpc-id", "Values": [vpc.id]}, {"Name": "private-ip-address", "Values": [address]}]
        (reservation,) = self.ec2.describe_instances(Filters=filters)["Reservations"]
        return str(reservation["Instances"][0]["NetworkInterfaces"][0]["NetworkInterfaceId"])

    def terminate_all(self, vpc: Vpc) -> None:
        """End the VPC's instances: their names are free again."""
        reply = self.ec2.describe_instances(Filters=[{"Name": "vpc-id", "Values": [vpc.id]}])
        found = [item["InstanceId"] for each in reply["Reservations"] for item in each["Instances"]]
        if found:
            self.ec2.terminate_instances(InstanceIds=found)
        vpc.instances.clear()

    # ---- filters

    def filter(self, vpc: Vpc, group: Json | None) -> None:
        """Give the security group exactly these rules; None: everything passes. What has no source is no rule."""
        (now,) = self.ec2.describe_security_groups(GroupIds=[vpc.group])["SecurityGroups"]
        wanted = group or {}
        inward = [self.rule(vpc, rule) for rule in wanted.get("IpPermissions", [ALL])]
        outward = [self.rule(vpc, rule) for rule in wanted.get("IpPermissionsEgress", [ALL])]
        for rules, revoke, authorize, new in (
            (
                now["IpPermissions"],
                self.ec2.revoke_security_group_ingress,
                self.ec2.authorize_security_group_ingress,
                inward,
            ),
            (
                now["IpPermissionsEgress"],
                self.ec2.revoke_security_group_egress,
                self.ec2.authorize_security_group_egress,
                outward,
            ),
        ):
            if rules:
                revoke(GroupId=vpc.group, IpPermissions=rules)
            if effective := [rule for rule in new if rule.get("IpRanges") or rule.get("UserIdGroupPairs")]:
                authorize(GroupId=vpc.group, IpPermissions=effective)

    @staticmethod
    def rule(vpc: Vpc, given: Json) -> Json:
        """A rule as given; the group that it names is the VPC's one."""
        pairs = [{"GroupId": vpc.group} for _pair in given.get("UserIdGroupPairs", [])]
        return {**given, "UserIdGroupPairs": pairs} if pairs else given

    def network_acl(self, vpc: Vpc, given: Json) -> str:
        """A network ACL with exactly these entries for its subnets, which are known by our names."""
        made = str(self.ec2.create_network_acl(VpcId=vpc.id)["NetworkAcl"]["NetworkAclId"])
        for entry in given["Entries"]:
            self.ec2.create_network_acl_entry(NetworkAclId=made, **entry)
        for association in given["Associations"]:
            self.use_acl(vpc, association["SubnetId"], made)
        return made

    def use_acl(self, vpc: Vpc, subnet: str, acl: str) -> None:
        """Let a subnet have another ACL."""
        filters = [{"Name": "association.subnet-id", "Values": [vpc.subnets[subnet]]}]
        (now,) = self.ec2.describe_network_acls(Filters=filters)["NetworkAcls"]
        (association,) = [item for item in now["Associations"] if item["SubnetId"] == vpc.subnets[subnet]]
        self.ec2.replace_network_acl_association(AssociationId=association["NetworkAclAssociationId"], NetworkAclId=acl)

    def default_acl(self, vpc: Vpc) -> str:
        """The ACL that a VPC's subnets have at first: everything passes."""
        filters = [{"Name": "vpc-id", "Values": [vpc.id]}, {"Name": "default", "Values": ["true"]}]
        (found,) = self.ec2.describe_network_acls(Filters=filters)["NetworkAcls"]
        return str(found["NetworkAclId"])

    # ---- route tables

    def tables_of(self, vpc_id: str) -> list[Json]:
        """DescribeRouteTables of a VPC."""
        reply = self.ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])
        found: list[Json] = reply["RouteTables"]
        return found

    def table(self, table_id: str) -> Json:
        """One route table as described."""
        (found,) = self.ec2.describe_route_tables(RouteTableIds=[table_id])["RouteTables"]
        described: Json = found
        return described

    def new_table(self, vpc: Vpc, name: str) -> str:
        """A route table of our name."""
        made = str(self.ec2.create_route_table(VpcId=vpc.id)["RouteTable"]["RouteTableId"])
        vpc.tables[name] = made
        return made

    def propagate(self, table: str, gateway: str, *, on: bool = True) -> None:
        """Turn a virtual private gateway's propagation into a table on or off."""
        act = self.ec2.enable_vgw_route_propagation if on else self.ec2.disable_vgw_route_propagation
        act(RouteTableId=table, GatewayId=gateway)

    # ---- gateways and VPN connections

    def virtual_gateway(self, asn: int, vpc: Vpc | None) -> str:
        """A virtual private gateway, attached."""
        made = str(self.ec2.create_vpn_gateway(Type="ipsec.1", AmazonSideAsn=asn)["VpnGateway"]["VpnGatewayId"])
        if vpc is not None:
            self.attach(made, vpc)
        return made

    def attach(self, gateway: str, vpc: Vpc) -> None:
        """Attach a virtual private gateway."""
        self.ec2.attach_vpn_gateway(VpnGatewayId=gateway, VpcId=vpc.id)

        def attached() -> bool:
            (found,) = self.ec2.describe_vpn_gateways(VpnGatewayIds=[gateway])["VpnGateways"]
            return any(
                item["VpcId"] == vpc.id and item["State"] == "attached" for item in found.get("VpcAttachments", [])
            )

        self.wait(f"{gateway} is attached", attached)

    def detach(self, gateway: str, vpc: Vpc) -> None:
        """Detach a virtual private gateway."""
        self.ec2.detach_vpn_gateway(VpnGatewayId=gateway, VpcId=vpc.id)

    def transit_gateway(self, asn: int, *, automatic: bool = True) -> str:
        """A transit gateway; ``automatic``: attachments join its default table by themselves, both ways."""
        word = "enable" if automatic else "disable"
        options = {
            "AmazonSideAsn": asn,
            "VpnEcmpSupport": "enable",
            "DefaultRouteTableAssociation": word,
            "DefaultRouteTablePropagation": word,
        }
        made = str(self.ec2.create_transit_gateway(Options=options)["TransitGateway"]["TransitGatewayId"])

        def available() -> bool:
            (found,) = self.ec2.describe_transit_gateways(TransitGatewayIds=[made])["TransitGateways"]
            return bool(found["State"] == "available")

        self.wait(f"{made} is available", available)
        return made

    def transit_attachment(self, gateway: str, vpc: Vpc, subnets: list[str]) -> str:
        """Attach a VPC to a transit gateway in the zones of these subnets."""
        ids = [vpc.subnets[name] for name in subnets]
        reply = self.ec2.create_transit_gateway_vpc_attachment(TransitGatewayId=gateway, VpcId=vpc.id, SubnetIds=ids)
        made = str(reply["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"])
        self.wait(f"{made} is available", lambda: self.attachment(TransitGatewayAttachmentIds=[made]))
        return made

    def attachment(self, **query: t.Any) -> str:
        """The id of the one attachment that is so and available, '' while there is none."""
        found = self.ec2.describe_transit_gateway_attachments(**query)["TransitGatewayAttachments"]
        ready = [item["TransitGatewayAttachmentId"] for item in found if item["State"] == "available"]
        return str(ready[0]) if len(ready) == 1 else ""

    def vpn_attachment(self, connection: str) -> str:
        """The attachment of a VPN connection to its transit gateway."""
        filters = [{"Name": "resource-id", "Values": [connection]}]
        return str(self.wait(f"attachment of {connection}", lambda: self.attachment(Filters=filters)))

    def transit_table(self, gateway: str) -> str:
        """The transit gateway's default route table."""
        (found,) = self.ec2.describe_transit_gateways(TransitGatewayIds=[gateway])["TransitGateways"]
        return str(found["Options"]["AssociationDefaultRouteTableId"])

    def new_transit_table(self, gateway: str) -> str:
        """Another route table of a transit gateway."""
        reply = self.ec2.create_transit_gateway_route_table(TransitGatewayId=gateway)
        return str(reply["TransitGatewayRouteTable"]["TransitGatewayRouteTableId"])

    def transit_route(self, table: str, destination: str, attachment: str) -> None:
        """A static route of a transit gateway."""
        self.ec2.create_transit_gateway_route(
            DestinationCidrBlock=destination,
            TransitGatewayRouteTableId=table,
            TransitGatewayAttachmentId=attachment,
        )

    def customer_gateway(self, address: str, asn: int) -> str:
        """A customer gateway: the Google side, as AWS knows it."""
        reply = self.ec2.create_customer_gateway(Type="ipsec.1", BgpAsn=asn, IpAddress=address)
        return str(reply["CustomerGateway"]["CustomerGatewayId"])

    def connection(
        self, gateway: str, customer: str, inside: list[str], *, static: bool = False, options: Json | None = None
    ) -> str:
        """A VPN connection with these inside ranges for its tunnels; ``options`` go into both tunnels'."""
        tunnels = [
            {
                "TunnelInsideCidr": cidr,
                "PreSharedKey": SHARED_KEY,
                "IKEVersions": [{"Value": "ikev2"}],
                **(options or {}),
            }
            for cidr in inside
        ]
        kind = "TransitGatewayId" if gateway.startswith("tgw-") else "VpnGatewayId"
        reply = self.ec2.create_vpn_connection(
            Type="ipsec.1",
            CustomerGatewayId=customer,
            Options={"StaticRoutesOnly": static, "TunnelOptions": tunnels},
            **{kind: gateway},
        )
        made = str(reply["VpnConnection"]["VpnConnectionId"])
        self.wait(f"{made} is available", lambda: self.described(made)["State"] == "available")
        return made

    def described(self, connection: str) -> Json:
        """A VPN connection as described."""
        (found,) = self.ec2.describe_vpn_connections(VpnConnectionIds=[connection])["VpnConnections"]
        described: Json = found
        return described

    def tunnels(self, connection: str) -> list[Tunnel]:
        """The two tunnels of a connection, in the order in which their options were given."""
        options = self.described(connection)["Options"]["TunnelOptions"]
        return [Tunnel(item["OutsideIpAddress"], item["TunnelInsideCidr"]) for item in options]

    def telemetry(self, connection: str, outside: str) -> Json:
        """VgwTelemetry of one tunnel."""
        (found,) = [item for item in self.described(connection)["VgwTelemetry"] if item["OutsideIpAddress"] == outside]
        described: Json = found
        return described
