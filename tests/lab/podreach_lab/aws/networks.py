# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VPCs and what is in them, where moto is more lenient than EC2 or forgets what something leaves behind."""

from __future__ import annotations

import typing as t

from moto.core.responses import ActionResult
from moto.ec2.models import EC2Backend
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.subnets import Subnet
from moto.ec2.models.vpcs import VPC
from moto.ec2.responses import EC2Response

from .answers import Refused


def in_use(what: str, identity: str) -> Refused:
    return Refused("DependencyViolation", f"The {what} '{identity}' has dependencies and cannot be deleted.")


class NetworkBackend(EC2Backend):
    """The part of a region's store that concerns VPCs and what is in them."""

    going: str

    # ---- VPCs

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
        made = super().create_subnet(
            vpc_id, cidr_block, ipv6_cidr_block, availability_zone, availability_zone_id, *rest, **more
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

    # ---- instances and their interfaces

    def run_instances(self, *arguments: t.Any, **more: t.Any) -> t.Any:
        before = set(self.enis)
        reservation = super().run_instances(*arguments, **more)
        asked = {int(item.get("DeviceIndex", 0)): item for item in more.get("nics") or []}
        for instance in reservation.instances:
            for index, card in instance.nics.items():
                if card.id not in before:  # made with the instance, it goes with it unless said otherwise
                    card.delete_on_termination = asked.get(index, {}).get("DeleteOnTermination", True) is not False
        return reservation

    def terminate_instances(self, instance_ids: list[str]) -> t.Any:
        answer = super().terminate_instances(instance_ids)
        for card in [item for item in self.enis.values() if item.instance and item.instance.id in instance_ids]:
            self._let_go(card)
        return answer

    def _let_go(self, card: NetworkInterface) -> None:
        """An interface whose instance was terminated and that did not go with it."""
        card.instance = card.attachment_id = card.attach_time = card.device_index = None
        card.status = "available"

    def modify_instance_attribute(self, instance_id: str, key: str, value: t.Any) -> t.Any:
        answer = super().modify_instance_attribute(instance_id, key, value)
        if key == "source_dest_check":
            self.get_instance(instance_id).nics[0].source_dest_check = str(value).lower() == "true"
        return answer


class NetworkResponse(EC2Response):
    """Calls that moto answers with more than EC2."""

    def terminate_instances(self) -> ActionResult:
        """moto's own would wake its load balancers and autoscaling."""
        ended = self.ec2_backend.terminate_instances(self._get_param("InstanceIds", []))
        shown = [
            {"InstanceId": instance.id, "PreviousState": before, "CurrentState": {"Code": 32, "Name": "shutting-down"}}
            for instance, before in ended
        ]
        return ActionResult({"TerminatingInstances": shown})
