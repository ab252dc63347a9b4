# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VPCs and what is in them, where moto is more lenient than EC2 or forgets what something leaves behind."""

from __future__ import annotations

import ipaddress
import typing as t

from moto.core.responses import ActionResult
from moto.ec2.models import EC2Backend
from moto.ec2.models.subnets import Subnet
from moto.ec2.models.vpcs import VPC
from moto.ec2.responses import EC2Response

from . import reading
from .answers import Refused, invalid_value
from .credentials import ACCOUNT

PORTED = ("tcp", "6", "udp", "17", "icmp", "1")
NAMED = ("-1", "all", "tcp", "udp", "icmp", "icmpv6")


def normal(cidr: str) -> str:
    """100.68.0.18/18 is 100.68.0.0/18 to EC2."""
    try:
        return str(ipaddress.IPv4Network(cidr, strict=False))
    except ValueError:
        text = f"Value ({cidr}) for parameter cidrBlock is invalid. This is not a valid CIDR block."
        raise Refused("InvalidParameterValue", text) from None


def in_use(what: str, identity: str) -> Refused:
    return Refused("DependencyViolation", f"The {what} '{identity}' has dependencies and cannot be deleted.")


class NetworkBackend(EC2Backend):
    """The part of a region's store that concerns VPCs and what is in them."""

    going: str

    # ---- VPCs

    def create_vpc(self, cidr_block: str, *rest: t.Any, **more: t.Any) -> VPC:
        made = super().create_vpc(normal(cidr_block), *rest, **more)
        group = self.get_security_group_from_name("default", vpc_id=made.id)
        # Its members may reach one another: docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html
        self.authorize_security_group_ingress(
            group.id, "-1", None, None, [], source_groups=[{"GroupId": group.id}], vpc_id=made.id
        )
        return made

    def associate_vpc_cidr_block(self, vpc_id: str, cidr_block: str, amazon_provided_ipv6_cidr_block: bool) -> t.Any:
        if amazon_provided_ipv6_cidr_block:
            return super().associate_vpc_cidr_block(vpc_id, cidr_block, amazon_provided_ipv6_cidr_block)
        text = normal(cidr_block)
        network = ipaddress.IPv4Network(text)
        if not 16 <= network.prefixlen <= 28:
            raise Refused("InvalidVpc.Range", f"The CIDR '{text}' is invalid.")
        if any(network.overlaps(ipaddress.IPv4Network(item)) for item in reading.ranges_of(self.get_vpc(vpc_id))):
            raise Refused("InvalidVpc.Range", f"The CIDR '{text}' conflicts with another CIDR block of the VPC.")
        return super().associate_vpc_cidr_block(vpc_id, text, False)

    def delete_vpc(self, vpc_id: str) -> VPC:
        self.get_vpc(vpc_id)
        gateways = [self.attached_vpc(item, ("attaching", "attached")) for item in self.vpn_gateways.values()]
        internet = [item.vpc.id for item in self.internet_gateways.values() if item.vpc]
        transit = [item.resource_id for item in self.transit_gateway_attachments.values() if item.state != "deleted"]
        groups = [item for item in self.groups.get(vpc_id, {}).values() if item.name != "default"]
        acls = [item for item in self.network_acls.values() if item.vpc_id == vpc_id and not item.default]
        if vpc_id in (*gateways, *internet, *transit) or groups or acls:
            raise in_use("vpc", vpc_id)
        self.going = vpc_id
        try:
            deleted = super().delete_vpc(vpc_id)
        finally:
            self.going = ""
        for acl in [item for item in self.network_acls.values() if item.vpc_id == vpc_id]:
            del self.network_acls[acl.id]
        return deleted

    # ---- subnets

    def create_subnet(
        self,
        vpc_id: str,
        cidr_block: str,
        ipv6_cidr_block: str | None = None,
        availability_zone: str | None = None,
        availability_zone_id: str | None = None,
        *rest: t.Any,
        **more: t.Any,
    ) -> Subnet:
        if availability_zone is None and availability_zone_id is None:
            availability_zone = f"{self.region_name}a"
        if availability_zone and not availability_zone.startswith(self.region_name):
            raise invalid_value("availabilityZone", availability_zone, f"It must be one of {self.region_name}.")
        text = normal(cidr_block)
        if not 16 <= ipaddress.IPv4Network(text).prefixlen <= 28:
            raise Refused("InvalidSubnet.Range", f"The CIDR '{cidr_block}' is invalid.")
        made = super().create_subnet(
            vpc_id, text, ipv6_cidr_block, availability_zone, availability_zone_id, *rest, **more
        )
        if not self.vpcs[vpc_id].is_default:
            made.default_for_az = made.map_public_ip_on_launch = False
        return made

    def delete_subnet(self, subnet_id: str) -> Subnet:
        self.get_subnet(subnet_id)
        if any(item.subnet.id == subnet_id for item in self.enis.values()):
            raise in_use("subnet", subnet_id)
        for table in self.route_tables.values():
            table._associations = {key: item for key, item in table._associations.items() if item != subnet_id}
        for acl in self.network_acls.values():
            acl._associations = {key: item for key, item in acl._associations.items() if item.subnet_id != subnet_id}
        return super().delete_subnet(subnet_id)

    # ---- security groups

    def delete_security_group(self, name: str | None = None, group_id: str | None = None) -> t.Any:
        used = [group.id for item in self.enis.values() for group in item.group_set]
        if group_id in used:
            raise Refused("DependencyViolation", f"resource {group_id} has a dependent object")
        return super().delete_security_group(name, group_id)


def check_rule(protocol: str, rule: dict[str, t.Any]) -> None:
    """Refuse what EC2 refuses of one permission, and write its ranges as EC2 keeps them: without host bits.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html
    """
    known = protocol in (*NAMED, "none") or (protocol.isdigit() and int(protocol) < 256)
    if not known:
        raise Refused("InvalidParameterValue", f"Invalid value '{protocol}' for IP protocol. Unknown protocol.")
    first, last = (-1 if rule[name] is None else int(rule[name]) for name in ("from_port", "to_port"))
    if protocol in ("tcp", "6", "udp", "17") and not -1 <= first <= last <= 65535:
        raise Refused("InvalidParameterValue", f"Invalid TCP/UDP port range ({first}:{last})")
    for item in rule["ip_ranges"] or ():
        if item.get("CidrIp"):
            item["CidrIp"] = normal(item["CidrIp"])


class NetworkResponse(EC2Response):
    """Calls in which moto asks a store that is not the lab's, or trips over what EC2 accepts."""

    def _process_rules_from_querystring(self) -> t.Iterator[t.Any]:
        """What a security group's call asks for; other protocols than these have no ports."""
        for rule in super()._process_rules_from_querystring():
            protocol = str(rule["ip_protocol"]).lower()
            if rule["from_port"] is None and rule["ip_protocol"] is not None and protocol not in ("-1", "all"):
                if protocol in PORTED:
                    text = (
                        f"Invalid value 'Must specify both from and to ports with {protocol.upper()}.' for portRange."
                    )
                    raise Refused("InvalidParameterValue", text)
                rule["from_port"] = rule["to_port"] = -1
            check_rule(protocol, rule)
            yield rule

    def create_vpc_peering_connection(self) -> ActionResult:
        peer = self._get_param("PeerVpcId")
        if (self._get_param("PeerOwnerId") or ACCOUNT) != ACCOUNT:
            raise Refused("UnsupportedOperation", "The lab has one AWS account.")
        other = self.backends.of(self._get_param("PeerRegion") or self.region).get_vpc(peer)
        tags = self._parse_tag_specification().get("vpc-peering-connection", {})
        mine = self.ec2_backend.get_vpc(self._get_param("VpcId"))
        return ActionResult({"VpcPeeringConnection": self.ec2_backend.create_vpc_peering_connection(mine, other, tags)})
