# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One packet in AWS, from hand to hand, by the vendor's documents.

- routes: the VPC's own blocks first, then the longest prefix, static before propagated; a subnet without an association
  uses the main table. https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Route_Tables.html
  https://docs.aws.amazon.com/vpn/latest/s2svpn/vpn-route-priority.html
- a virtual private gateway routes only to prefixes that BGP brought it and to its VPC (the same page)
- security groups: allow only, stateful; a group as a source means its members' private addresses.
  https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html
- network ACLs: by number, the first that matches decides, both ways, between subnets only.
  https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html
- transit gateways: the table that the attachment is associated with; static before propagated; a VPC is reached by
  attachments in its zones. A static route to a VPN connection is not filtered.
  https://docs.aws.amazon.com/vpc/latest/tgw/how-transit-gateways-work.html
  https://docs.aws.amazon.com/vpc/latest/tgw/tgw-vpc-attachments.html
"""

from __future__ import annotations

import collections
import dataclasses
import typing as t

from . import world as w
from .amazon import Attachment, Connection, Entry, Machine, Permission, Subnet, Table, TransitTable
from .bgp import Bgp
from .walk import BeyondTheDocuments, Choose, Dropped, Memory, Packet, Tell

#: Where a client's port may be: what a masquerading node takes.
CLIENT_PORTS = (1024, 65535)
ECHO_REQUEST, ECHO_REPLY = 8, 0


@dataclasses.dataclass(frozen=True)
class Arrived:
    """An instance has it."""

    machine: Machine
    packet: Packet


@dataclasses.dataclass(frozen=True)
class ToGoogle:
    """It comes out of the tunnels of a VPN connection, at this Cloud Router."""

    router: w.Router
    packet: Packet


Fate = Arrived | ToGoogle


class Cloud:
    """The AWS side of one world."""

    def __init__(self, bgp: Bgp, choose: Choose, tell: Tell) -> None:
        self.bgp = bgp
        self.choose = choose
        self.tell = tell
        amazon = bgp.amazon
        self.machines = {machine.name: machine for machine in amazon.machines}
        self.at = {machine.address: machine for machine in amazon.machines}
        self.subnets = {subnet.id: subnet for subnet in amazon.subnets}
        self.tables = {table.id: table for table in amazon.tables}
        self.vpcs = {vpc.id: vpc for vpc in amazon.vpcs}
        self.permissions: dict[str, list[Permission]] = collections.defaultdict(list)
        self.entries: dict[str, list[Entry]] = collections.defaultdict(list)
        for group, permission in amazon.permissions:
            self.permissions[group].append(permission)
        for acl, entry in sorted(amazon.entries, key=lambda item: item[1].number):
            self.entries[acl].append(entry)
        self.known = {gateway: bgp.known_to_gateway(gateway) for gateway, _vpc in amazon.attached}

    # ---- from an instance

    def send(self, machine: Machine, packet: Packet, memory: Memory) -> Fate:
        if not machine.running:
            raise Dropped(f"{machine.name} does not run")
        subnet = self.subnets[machine.subnet]
        self.pass_groups(machine, packet, memory, egress=True)
        if packet.destination in subnet.range:
            return self.deliver(subnet.vpc, packet, memory, subnet)
        self.pass_acl(subnet, packet, egress=True)
        if any(packet.destination in block for block in self.vpcs[subnet.vpc].ranges):
            return self.deliver(subnet.vpc, packet, memory, subnet)
        kind, target = self.route(self.tables[subnet.table], packet.destination)
        self.tell(f"{machine.name} sends {packet}, next is {target}")
        if kind == "vgw":
            return self.by_virtual_gateway(target, packet)
        if kind == "tgw":
            return self.by_transit_gateway(subnet, target, packet, memory)
        raise Dropped(f"{target} leads {packet.destination} nowhere")

    def route(self, table: Table, destination: w.Address) -> tuple[str, str]:
        """Kind and target of the route that decides."""
        found = [(route.to, 1, route.kind, route.target) for route in table.routes]
        found += [(to, 0, "vgw", gateway) for gateway in sorted(table.propagating) for to in self.known[gateway]]
        fitting = [item for item in found if destination in item[0]]
        if not fitting:
            raise Dropped(f"{table.id} has no route to {destination}")
        best = max(fitting, key=lambda item: (item[0].prefixlen, item[1]))
        return best[2], best[3]

    def by_virtual_gateway(self, gateway: str, packet: Packet) -> Fate:
        if not any(packet.destination in known for known in self.known.get(gateway, ())):
            raise Dropped(f"{gateway} knows no way to {packet.destination}")
        return self.over([item for item in self.bgp.amazon.connections if item.gateway == gateway], packet)

    def by_transit_gateway(self, subnet: Subnet, gateway: str, packet: Packet, memory: Memory) -> Fate:
        attachment = next(
            (item for item in self.bgp.amazon.attachments if (item.gateway, item.resource) == (gateway, subnet.vpc)),
            None,
        )
        if attachment is None or subnet.zone not in attachment.zones:
            raise Dropped(f"{gateway} has no attachment in {subnet.zone}")
        return self.from_attachment(attachment, packet, memory)

    def from_attachment(self, attachment: Attachment, packet: Packet, memory: Memory) -> Fate:
        """What a transit gateway does with a packet that comes out of an attachment."""
        table = self.bgp.transit.get(attachment.table)
        if table is None:
            raise Dropped(f"{attachment.id} is associated with no table")
        resource = self.choose(self.transit_targets(table, packet.destination), "which of equal transit routes")
        self.tell(f"{table.id} leads {packet} to {resource}")
        if resource in self.vpcs:
            return self.deliver(resource, packet, memory, None)
        return self.over([item for item in self.bgp.amazon.connections if item.id == resource], packet)

    def transit_targets(self, table: TransitTable, destination: w.Address) -> list[str]:
        """The VPC, or the VPN connections that share the traffic."""
        resources = {item.id: item.resource for item in self.bgp.amazon.attachments}
        found = [(to, 1, resources.get(attachment, "")) for to, attachment in table.static]
        for attachment in sorted(table.propagating):
            found += [(to, 0, resources[attachment]) for to in self.brought_by(resources[attachment])]
        fitting = [item for item in found if destination in item[0]]
        if not fitting:
            raise Dropped(f"{table.id} has no route to {destination}")
        first = max((to.prefixlen, static) for to, static, resource in fitting)
        best = sorted({resource for to, static, resource in fitting if (to.prefixlen, static) == first})
        if best == [""]:
            raise Dropped(f"{table.id} has a blackhole for {destination}")
        vpcs = [resource for resource in best if resource in self.vpcs]
        return vpcs or best

    def brought_by(self, resource: str) -> t.Iterable[w.Range]:
        if resource in self.vpcs:
            return self.vpcs[resource].ranges
        return next(self.bgp.known_to(item) for item in self.bgp.amazon.connections if item.id == resource)

    def over(self, connections: t.Sequence[Connection], packet: Packet) -> Fate:
        """Through the tunnels of one of the connections."""
        routers = {
            session.router
            for session in self.bgp.established
            if any(session.outside in connection.outsides for connection in connections)
        }
        if not routers:
            raise BeyondTheDocuments("a static route into a VPN connection without BGP")
        if len(routers) > 1:
            raise BeyondTheDocuments("several Cloud Routers")
        return ToGoogle(self.bgp.routers[routers.pop()], packet)

    # ---- from Google

    def receive(self, router: w.Router, packet: Packet, memory: Memory) -> Fate:
        """A packet that a Cloud Router sent into a tunnel."""
        connection = self.choose(self.bgp.towards(router, packet.destination), "which VPN connection")
        attached = dict(self.bgp.amazon.attached)
        if connection.gateway in attached:
            return self.deliver(attached[connection.gateway], packet, memory, None)
        return self.from_attachment(self.bgp.attachments[connection.id], packet, memory)

    # ---- to an instance

    def deliver(self, vpc: str, packet: Packet, memory: Memory, origin: Subnet | None) -> Fate:
        """Inside the VPC. `origin` is the sender's subnet, None when it came by a gateway."""
        machine = self.at.get(packet.destination)
        if machine is None or self.subnets[machine.subnet].vpc != vpc or not machine.running:
            raise Dropped(f"nobody in {vpc} has {packet.destination}")
        subnet = self.subnets[machine.subnet]
        attachment = self.bgp.attachments.get(vpc)
        if origin is None and attachment and subnet.zone not in attachment.zones:
            reached = self.choose([True, False], "whether a zone without an attachment is reached from another")
            if not reached:
                raise Dropped(f"no attachment in {subnet.zone}")
        if origin != subnet:
            self.pass_acl(subnet, packet, egress=False)
        self.pass_groups(machine, packet, memory, egress=False)
        return Arrived(machine, packet)

    # ---- filters

    def pass_groups(self, machine: Machine, packet: Packet, memory: Memory, egress: bool) -> None:
        if packet.reply:
            if (machine.id, packet.destination, packet.source) in memory.passed:
                return
            raise Dropped(f"{machine.name} knows nothing of the connection of {packet}")
        other = packet.destination if egress else packet.source
        members = self.at[other].groups if other in self.at else frozenset()
        for group in sorted(machine.groups):
            for permission in self.permissions[group]:
                from_range = any(other in block for block in permission.ranges)
                if permission.egress != egress or not (from_range or members & permission.groups):
                    continue
                if self.fits(permission.protocol, permission.span, packet):
                    memory.passed.add((machine.id, packet.source, packet.destination))
                    return
        raise Dropped(f"no security group of {machine.name} allows {packet} {'out' if egress else 'in'}")

    def pass_acl(self, subnet: Subnet, packet: Packet, egress: bool) -> None:
        other = packet.destination if egress else packet.source
        for entry in self.entries[subnet.acl]:
            if entry.egress == egress and other in entry.range and self.fits(entry.protocol, entry.span, packet):
                if entry.allow:
                    return
                raise Dropped(f"entry {entry.number} of {subnet.acl} denies {packet}")
        raise Dropped(f"{subnet.acl} allows {packet} nowhere")

    def fits(self, protocol: str, span: tuple[int, int] | None, packet: Packet) -> bool:
        """Whether protocol and ports are the packet's, as it is on the wire."""
        if protocol == "all":
            return True
        if protocol != packet.protocol:
            return False
        if span is None:
            return True
        low, high = span
        if packet.protocol == "icmp":
            return low <= (ECHO_REPLY if packet.reply else ECHO_REQUEST) <= high
        if not packet.reply:
            return low <= packet.port <= high
        first, last = CLIENT_PORTS
        if low <= first and high >= last:
            return True
        if high < first or low > last:
            return False
        return self.choose([True, False], "which port the client took")
