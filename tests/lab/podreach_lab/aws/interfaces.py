# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances and their interfaces: free addresses of their subnet, groups, source checks.

moto picks addresses at random, takes any, and gives every interface of an instance the groups of all.
"""

from __future__ import annotations

import ipaddress
import typing as t

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.models import EC2Backend
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.instances import Instance
from moto.ec2.models.security_groups import SecurityGroup
from moto.ec2.models.subnets import Subnet
from moto.ec2.responses import EC2Response

from .answers import Refused, invalid_value

Json = dict[str, t.Any]


def bad_address(address: str, why: str = "") -> Refused:
    return invalid_value("address", address, why)


class LabInterface(NetworkInterface):
    """An interface whose groups are its own."""

    @property
    def network_interface_id(self) -> str:
        return str(self.id)  # moto finds it by the name of its own class otherwise

    @property
    def group_set(self) -> list[SecurityGroup]:
        return t.cast(list[SecurityGroup], self._group_set)


class InterfaceBackend(EC2Backend):
    """The instances and interfaces of a region's store."""

    # ---- addresses

    def taken_addresses(self, subnet: Subnet) -> set[str]:
        cards = [card for card in self.enis.values() if card.subnet.id == subnet.id]
        return {item["PrivateIpAddress"] for card in cards for item in card.private_ip_addresses}

    def check_address(self, subnet: Subnet, text: str) -> None:
        """AWS keeps the first four addresses and the last:
        https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html"""
        try:
            address = ipaddress.IPv4Address(text)
        except ValueError:
            raise bad_address(text) from None
        if address not in subnet.cidr:
            raise bad_address(text, "Address does not fall within the subnet's address range")
        place = int(address) - int(subnet.cidr.network_address)
        if place < 4 or address == subnet.cidr.broadcast_address:
            raise bad_address(text, "Address is in subnet's reserved address range")
        if text in self.taken_addresses(subnet):
            raise Refused("InvalidIPAddress.InUse", f"Address {text} is in use.")

    def free_address(self, subnet: Subnet, besides: t.Collection[str] = ()) -> str:
        taken = self.taken_addresses(subnet) | set(besides)
        for host in list(subnet.cidr.hosts())[3:]:
            if str(host) not in taken:
                return str(host)
        text = f"insufficient free addresses in subnet '{subnet.id}'"
        raise Refused("InsufficientFreeAddressesInSubnet", text)

    # ---- interfaces

    def create_network_interface(
        self,
        subnet: Subnet | str,
        private_ip_address: str | list[str] | None,
        private_ip_addresses: list[Json] | None = None,
        group_ids: list[str] | None = None,
        description: str | None = None,
        tags: dict[str, str] | None = None,
        delete_on_termination: bool | None = False,
        **more: t.Any,
    ) -> NetworkInterface:
        home = self.get_subnet(subnet) if isinstance(subnet, str) else subnet
        more_asked = [str(item["PrivateIpAddress"]) for item in private_ip_addresses or []]
        primary = private_ip_address[0] if isinstance(private_ip_address, list) else private_ip_address
        listed = [item["PrivateIpAddress"] for item in private_ip_addresses or [] if item.get("Primary")]
        primary = primary or (listed[0] if listed else None)
        for text in {*more_asked, *([primary] if primary else [])}:
            self.check_address(home, text)
        chosen = [primary or self.free_address(home, more_asked)]
        chosen += [text for text in more_asked if text not in chosen]
        for _extra in range(int(more.pop("secondary_ips_count", None) or 0)):
            chosen.append(self.free_address(home, chosen))
        members = [self.known_group(item, home.vpc_id).id for item in group_ids or []]
        addresses = [{"Primary": at == 0, "PrivateIpAddress": text} for at, text in enumerate(chosen)]
        made = LabInterface(
            self,
            home,
            chosen[0],
            addresses,
            group_ids=members,
            description=description,
            tags=tags,
            delete_on_termination=delete_on_termination,
            **more,
        )
        self.enis[made.id] = made
        return made

    def known_group(self, identity: str, vpc_id: str) -> SecurityGroup:
        group = self.get_security_group_from_id(identity)
        if group is None:
            raise Refused("InvalidGroup.NotFound", f"The security group '{identity}' does not exist")
        if group.vpc_id != vpc_id:
            text = f"Security group {identity} and the network interface belong to different networks."
            raise Refused("InvalidParameter", text)
        return group

    def assign_private_ip_addresses(
        self, eni_id: str, private_ip_addresses: list[str] | None = None, secondary_ips_count: int | None = None
    ) -> NetworkInterface:
        card = self.get_network_interface(eni_id)
        chosen = list(private_ip_addresses or [])
        for text in chosen:
            self.check_address(card.subnet, text)
        for _extra in range(int(secondary_ips_count or 0)):
            chosen.append(self.free_address(card.subnet, chosen))
        card.private_ip_addresses.extend({"Primary": False, "PrivateIpAddress": text} for text in chosen)
        return card

    def unassign_private_ip_addresses(self, eni_id: str, private_ip_address: list[str] | None = None) -> t.Any:
        card = self.get_network_interface(eni_id)
        if card.private_ip_address in (private_ip_address or []):
            text = f"{card.private_ip_address} is the primary address of the interface and cannot be unassigned"
            raise Refused("InvalidParameterValue", text)
        return super().unassign_private_ip_addresses(eni_id, private_ip_address)

    def attach_network_interface(self, eni_id: str, instance_id: str, device_index: int) -> t.Any:
        card, instance = self.get_network_interface(eni_id), self.get_instance(instance_id)
        if card.attachment_id:
            raise Refused("InvalidNetworkInterface.InUse", f"Interface: [{eni_id}] in use.")
        if int(device_index) in instance.nics:
            text = f"Instance '{instance_id}' already has an interface attached at device index '{device_index}'."
            raise Refused("InvalidParameterValue", text)
        return super().attach_network_interface(eni_id, instance_id, device_index)

    def modify_network_interface_attribute(
        self,
        eni_id: str,
        group_ids: list[str],
        source_dest_check: bool | None = None,
        description: str | None = None,
    ) -> None:
        card = self.get_network_interface(eni_id)
        for item in group_ids:
            self.known_group(item, card.vpc_id)
        super().modify_network_interface_attribute(eni_id, group_ids, source_dest_check, description)
        if card.instance is not None and card.device_index == 0:
            self._match_instance(card.instance)

    @staticmethod
    def _match_instance(instance: Instance) -> None:
        """An instance shows the groups and the source check of its primary interface."""
        primary = instance.nics[0]
        instance.security_groups = list(primary.group_set)
        instance.source_dest_check = primary.source_dest_check

    # ---- instances

    def run_instances(self, *arguments: t.Any, **more: t.Any) -> t.Any:
        cards = more.get("nics") or []
        home = more.get("subnet_id")
        if home and more.get("private_ip"):
            self.check_address(self.get_subnet(home), more["private_ip"])
        placed = home or any(item.get("SubnetId") or item.get("NetworkInterfaceId") for item in cards)
        if not placed and self.get_default_vpc() is None:
            text = "No default VPC for this user. GroupName is only supported for EC2-Classic and default VPC."
            raise Refused("VPCIdNotSpecified", text)
        if not placed and not cards:
            zone = more.get("placement") or f"{self.region_name}a"
            more["subnet_id"] = self.get_default_subnets()[zone].id
        given = {item["NetworkInterfaceId"] for item in cards if item.get("NetworkInterfaceId")}
        for item in given:
            if self.get_network_interface(item).attachment_id:
                raise Refused("InvalidNetworkInterface.InUse", f"Interface: [{item}] in use.")
        self._free_of_moto()
        reservation = super().run_instances(*arguments, **more)
        asked = {int(item.get("DeviceIndex", 0)): item for item in cards}
        for instance in reservation.instances:
            for index, card in instance.nics.items():
                if card.id not in given:  # made with the instance, it goes with it unless said otherwise
                    self._complete(card, asked.get(index, {}))
            self._match_instance(instance)
        return reservation

    def _free_of_moto(self) -> None:
        """moto's subnets give addresses to instances without looking at interfaces: let them see those."""
        for subnet in self.describe_subnets():
            taken = self.taken_addresses(subnet)
            subnet._unused_ips -= taken
            subnet._subnet_ips = dict.fromkeys(taken)

    def _complete(self, card: NetworkInterface, asked: Json) -> None:
        card.delete_on_termination = asked.get("DeleteOnTermination", True) is not False
        listed = [item["PrivateIpAddress"] for item in asked.get("PrivateIpAddresses") or []]
        others = [text for text in listed if text != card.private_ip_address]
        self.assign_private_ip_addresses(card.id, others, asked.get("SecondaryPrivateIpAddressCount"))

    def terminate_instances(self, instance_ids: list[str]) -> t.Any:
        answer = super().terminate_instances(instance_ids)
        for card in self.enis.values():
            if card.instance is not None and card.instance.id in instance_ids:  # it was made before, and stays
                card.instance = card.attachment_id = card.attach_time = card.device_index = None
                card.status = "available"
        return answer

    def modify_instance_attribute(self, instance_id: str, key: str, value: t.Any) -> t.Any:
        answer = super().modify_instance_attribute(instance_id, key, value)
        if key == "source_dest_check":
            instance = self.get_instance(instance_id)
            instance.nics[0].source_dest_check = str(value).lower() == "true"
            self._match_instance(instance)
        return answer

    def modify_instance_security_groups(self, instance_id: str, new_group_id_list: list[str]) -> Instance:
        instance = self.get_instance(instance_id)
        members = [self.known_group(item, instance.vpc_id) for item in new_group_id_list]
        instance.nics[0]._group_set = members
        self._match_instance(instance)
        return instance


class InterfaceResponse(EC2Response):
    """Calls that moto answers with more, or less, than EC2."""

    def terminate_instances(self) -> ActionResult:
        """moto's own would wake its load balancers and autoscaling."""
        ended = self.ec2_backend.terminate_instances(self._get_param("InstanceIds", []))
        shown = [
            {"InstanceId": instance.id, "PreviousState": before, "CurrentState": {"Code": 32, "Name": "shutting-down"}}
            for instance, before in ended
        ]
        return ActionResult({"TerminatingInstances": shown})

    def modify_network_interface_attribute(self) -> EmptyResult:
        """moto passes over what happens to an interface when its instance is terminated."""
        attachment = self._get_param("Attachment", {})
        if "DeleteOnTermination" in attachment:
            card = self.ec2_backend.get_network_interface(self._get_param("NetworkInterfaceId"))
            if card.attachment_id is None or card.attachment_id != attachment.get("AttachmentId"):
                identity = attachment.get("AttachmentId")
                text = f"The network attachment ID '{identity}' does not exist."
                raise Refused("InvalidAttachmentID.NotFound", text)
            card.delete_on_termination = attachment["DeleteOnTermination"]
        return super().modify_network_interface_attribute()

    def delete_network_interface(self) -> EmptyResult:
        identity = self._get_param("NetworkInterfaceId")
        if self.ec2_backend.get_network_interface(identity).attachment_id:
            raise Refused("InvalidParameterValue", f"Network interface '{identity}' is currently in use.")
        return super().delete_network_interface()
