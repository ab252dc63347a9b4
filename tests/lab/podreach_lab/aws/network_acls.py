# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network ACLs: moto's, with EC2's rules about their entries.

https://docs.aws.amazon.com/vpc/latest/userguide/nacl-rules.html
"""

from __future__ import annotations

import ipaddress
import typing as t

from moto.core.responses import EmptyResult
from moto.ec2.models import EC2Backend
from moto.ec2.models.network_acls import NetworkAcl, NetworkAclAssociation
from moto.ec2.responses import EC2Response

from .answers import Refused, invalid_value

LAST_ENTRY = 32767
"""The one that denies what no other entry matched; every ACL has it and nobody may change it."""
_PROTOCOLS = {"all": "-1", "tcp": "6", "udp": "17", "icmp": "1"}


class NetworkAclBackend(EC2Backend):
    """The network ACLs of a region's store."""

    def create_network_acl(self, vpc_id: str, tags: t.Any = None, default: bool = False) -> NetworkAcl:
        made = super().create_network_acl(vpc_id, tags, default)
        if not default:
            for egress in (True, False):
                self._put_entry(made.id, LAST_ENTRY, "-1", "deny", egress, "0.0.0.0/0")
        return made

    def _put_entry(self, acl: str, number: int, protocol: str, action: str, egress: bool, cidr: str) -> None:
        nothing = {"icmp_code": None, "icmp_type": None, "port_range_from": None, "port_range_to": None}
        self.create_network_acl_entry(acl, number, protocol, action, egress, cidr, ipv6_cidr_block=None, **nothing)

    def delete_network_acl(self, network_acl_id: str) -> NetworkAcl:
        if self.get_network_acl(network_acl_id).default:
            text = f"cannot delete default network ACL {network_acl_id}"
            raise Refused("InvalidParameterValue", text)
        return super().delete_network_acl(network_acl_id)

    def delete_network_acl_entry(self, network_acl_id: str, rule_number: int, egress: bool) -> t.Any:
        acl = self.get_network_acl(network_acl_id)
        if not any((item.rule_number, item.egress) == (rule_number, egress) for item in acl.network_acl_entries):
            side = "egress" if egress else "ingress"
            text = f"The network acl entry identified by {rule_number}/{side} does not exist"
            raise Refused("InvalidNetworkAclEntry.NotFound", text)
        return super().delete_network_acl_entry(network_acl_id, rule_number, egress)

    def replace_network_acl_association(self, association_id: str, network_acl_id: str) -> NetworkAclAssociation:
        new = self.get_network_acl(network_acl_id)
        old = [acl for acl in self.network_acls.values() if association_id in acl._associations]
        if not old:
            text = f"The association ID '{association_id}' does not exist"
            raise Refused("InvalidAssociationID.NotFound", text)
        if old[0].vpc_id != new.vpc_id:
            text = f"network ACL {network_acl_id} and the subnet belong to different networks"
            raise Refused("InvalidParameterValue", text)
        return super().replace_network_acl_association(association_id, network_acl_id)


class NetworkAclResponse(EC2Response):
    """Entries are held against the rules before moto takes them."""

    def create_network_acl_entry(self) -> EmptyResult:
        self._check_entry()
        return super().create_network_acl_entry()

    def replace_network_acl_entry(self) -> EmptyResult:
        self._check_entry()
        return super().replace_network_acl_entry()

    def delete_network_acl_entry(self) -> EmptyResult:
        self._check_number()
        return super().delete_network_acl_entry()

    def _check_number(self) -> None:
        number = self._get_param("RuleNumber")
        if number is None or not 1 <= int(number) < LAST_ENTRY:
            raise invalid_value("ruleNumber", number, f"It must be between 1 and {LAST_ENTRY - 1}.")

    def _check_entry(self) -> None:
        self._check_number()
        protocol = str(self._get_param("Protocol"))
        protocol = self.params["Protocol"] = _PROTOCOLS.get(protocol.lower(), protocol)
        if protocol != "-1" and not (protocol.isdigit() and int(protocol) < 256):
            raise invalid_value("protocol", protocol)
        if self._get_param("RuleAction") not in ("allow", "deny"):
            raise invalid_value("ruleAction", self._get_param("RuleAction"))
        cidr = self._get_param("CidrBlock")
        if cidr:
            try:
                self.params["CidrBlock"] = str(ipaddress.IPv4Network(cidr, strict=False))
            except ValueError:
                raise invalid_value("cidrBlock", cidr) from None
        elif not self._get_param("Ipv6CidrBlock"):
            raise Refused("MissingParameter", "The request must contain the parameter cidrBlock or ipv6CidrBlock")
        if protocol in ("6", "17"):
            self._check_ports()
        self.params["Icmp"] = self.params.get("IcmpTypeCode") or {}  # the name by which moto looks for it
        if protocol == "1" and self._get_param("Icmp.Type") is None:
            raise Refused("MissingParameter", "The request must contain the parameter icmpTypeCode")

    def _check_ports(self) -> None:
        first, last = self._get_param("PortRange.From"), self._get_param("PortRange.To")
        if first is None or last is None:
            raise Refused("MissingParameter", "The request must contain the parameter portRange")
        if not 0 <= int(first) <= int(last) <= 65535:
            raise invalid_value("portRange", f"{first}-{last}")
