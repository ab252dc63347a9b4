# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the oracle knows of an AWS account: what EC2's Describe calls tell, reduced to what decides about packets.

What BGP brought is not here: the oracle finds it out itself.
"""

from __future__ import annotations

import dataclasses

from .addresses import Address, Range


@dataclasses.dataclass(frozen=True)
class Vpc:
    id: str
    ranges: tuple[Range, ...]


@dataclasses.dataclass(frozen=True)
class Subnet:
    """`table` and `acl` are those in force: the associated ones, or the VPC's own."""

    id: str
    vpc: str
    range: Range
    zone: str
    table: str
    acl: str


@dataclasses.dataclass(frozen=True)
class Route:
    """A static route. `kind`: vgw, tgw, or what leads nowhere: dead."""

    to: Range
    kind: str
    target: str = ""


@dataclasses.dataclass(frozen=True)
class Table:
    """`propagating`: virtual private gateways."""

    id: str
    routes: tuple[Route, ...] = ()
    propagating: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True)
class Permission:
    """One permission of a security group. `span`: ports, or the type of icmp twice; None: any. `groups`: the members
    of these are meant too."""

    egress: bool
    protocol: str
    span: tuple[int, int] | None = None
    ranges: tuple[Range, ...] = ()
    groups: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True)
class Entry:
    """One entry of a network ACL."""

    number: int
    egress: bool
    allow: bool
    protocol: str
    range: Range
    span: tuple[int, int] | None = None


@dataclasses.dataclass(frozen=True)
class Machine:
    """An EC2 instance with one interface."""

    id: str
    name: str
    address: Address
    subnet: str
    groups: frozenset[str] = frozenset()
    running: bool = True


@dataclasses.dataclass(frozen=True)
class Connection:
    """A VPN connection to a virtual private or a transit gateway. `outsides`: AWS's addresses of its tunnels."""

    id: str
    gateway: str
    outsides: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Attachment:
    """Of a transit gateway: `resource` is a VPC or a VPN connection. `zones`: where a VPC's has a subnet."""

    id: str
    gateway: str
    resource: str
    table: str = ""
    zones: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True)
class TransitTable:
    """`static`: range and attachment ('': a blackhole). `propagating`: attachments."""

    id: str
    static: tuple[tuple[Range, str], ...] = ()
    propagating: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True)
class Amazon:
    """All of it. `attached`: a virtual private gateway and its VPC."""

    vpcs: tuple[Vpc, ...] = ()
    subnets: tuple[Subnet, ...] = ()
    tables: tuple[Table, ...] = ()
    permissions: tuple[tuple[str, Permission], ...] = ()
    """With the group's id."""
    entries: tuple[tuple[str, Entry], ...] = ()
    """With the ACL's id."""
    machines: tuple[Machine, ...] = ()
    attached: tuple[tuple[str, str], ...] = ()
    connections: tuple[Connection, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    transit_tables: tuple[TransitTable, ...] = ()
