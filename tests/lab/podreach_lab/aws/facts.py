# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What EC2 holds that matters to packets and to BGP: the only thing that the rest of the lab knows of AWS.

Derived from the API's store after every call that changes something; compared by value. Everything is named by its id
(vpc-..., rtb-...), and only what is in force is here: what is pending, deleting or gone is left out.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Vpc:
    """ranges: the primary IPv4 block first, then the associated ones."""

    id: str
    account: str
    region: str
    ranges: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Subnet:
    """table is the route table that counts: the associated one, else the VPC's main one."""

    id: str
    vpc: str
    range: str
    zone: str
    table: str
    acl: str


@dataclasses.dataclass(frozen=True)
class Interface:
    """An elastic network interface. The primary address is first. instance: '' when it is not attached."""

    id: str
    vpc: str
    subnet: str
    addresses: tuple[str, ...]
    groups: tuple[str, ...]
    source_check: bool
    instance: str


@dataclasses.dataclass(frozen=True)
class Instance:
    """name is the tag Name, '' without one. interfaces by device index."""

    id: str
    name: str
    runs: bool
    interfaces: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Route:
    """A route that is in a table: local, static, or by a prefix list (one Route for each of its entries).

    kind: local, interface, instance, vgw, tgw, igw, nat, peering, or other; target: the id behind it. State blackhole:
    what it leads to is gone. Propagated routes are not here: they follow from propagating and what BGP learned.
    """

    to: str
    kind: str
    target: str
    blackhole: bool = False
    prefix_list: str = ""


@dataclasses.dataclass(frozen=True)
class RouteTable:
    """propagating: the virtual private gateways whose routes are propagated into it."""

    id: str
    vpc: str
    main: bool
    routes: tuple[Route, ...]
    propagating: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class GroupRule:
    """One permission. protocol: tcp, udp, icmp, a number, or -1 for all; first and last are ports, or ICMP type and
    code; -1 is any. Prefix lists are in ranges already; groups: the members of these groups."""

    egress: bool
    protocol: str
    first: int
    last: int
    ranges: tuple[str, ...]
    groups: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Group:
    """A security group."""

    id: str
    vpc: str
    rules: tuple[GroupRule, ...]


@dataclasses.dataclass(frozen=True)
class AclEntry:
    """One numbered entry of a network ACL; protocol and ports as in GroupRule."""

    number: int
    egress: bool
    allow: bool
    protocol: str
    range: str
    first: int = -1
    last: int = -1


@dataclasses.dataclass(frozen=True)
class Acl:
    """A network ACL: entries in order of their numbers, without the final deny."""

    id: str
    vpc: str
    entries: tuple[AclEntry, ...]


@dataclasses.dataclass(frozen=True)
class VirtualGateway:
    """A virtual private gateway. vpc: '' while it is not attached."""

    id: str
    asn: int
    vpc: str


@dataclasses.dataclass(frozen=True)
class TransitGateway:
    """ecmp: whether VPN connections share the traffic (VpnEcmpSupport)."""

    id: str
    asn: int
    ecmp: bool


@dataclasses.dataclass(frozen=True)
class Attachment:
    """Of a transit gateway: kind is vpc or vpn, resource the VPC's or VPN connection's id. subnets: a VPC's, one a
    zone. table: the transit route table that it is associated with, '' with none."""

    id: str
    gateway: str
    kind: str
    resource: str
    subnets: tuple[str, ...]
    table: str


@dataclasses.dataclass(frozen=True)
class TransitRouteTable:
    """static: (range, attachment id; '' for a blackhole). propagating: the attachments whose routes it takes."""

    id: str
    gateway: str
    static: tuple[tuple[str, str], ...]
    propagating: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class CustomerGateway:
    """What AWS was told of the other side."""

    id: str
    asn: int
    address: str


@dataclasses.dataclass(frozen=True)
class TunnelOptions:
    """One of a VPN connection's two tunnels. inside: the /30; AWS has its first host, the customer gateway the second.
    Empty lists of algorithms mean AWS's defaults: all that it supports."""

    outside: str
    inside: str
    key: str
    ike_versions: tuple[str, ...] = ("ikev1", "ikev2")
    phase1_encryption: tuple[str, ...] = ()
    phase1_integrity: tuple[str, ...] = ()
    phase1_groups: tuple[int, ...] = ()
    phase2_encryption: tuple[str, ...] = ()
    phase2_integrity: tuple[str, ...] = ()
    phase2_groups: tuple[int, ...] = ()
    starts: bool = False
    """StartupAction start: AWS begins the negotiation itself."""


@dataclasses.dataclass(frozen=True)
class VpnConnection:
    """gateway: the id of a virtual private or a transit gateway. With static_only there is no BGP, static is routed."""

    id: str
    gateway: str
    customer_gateway: str
    static_only: bool
    static: tuple[str, ...]
    tunnels: tuple[TunnelOptions, ...]


@dataclasses.dataclass(frozen=True)
class AwsFacts:
    """All accounts and regions together: ids are unique."""

    vpcs: tuple[Vpc, ...] = ()
    subnets: tuple[Subnet, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    instances: tuple[Instance, ...] = ()
    tables: tuple[RouteTable, ...] = ()
    groups: tuple[Group, ...] = ()
    acls: tuple[Acl, ...] = ()
    virtual_gateways: tuple[VirtualGateway, ...] = ()
    transit_gateways: tuple[TransitGateway, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    transit_tables: tuple[TransitRouteTable, ...] = ()
    customer_gateways: tuple[CustomerGateway, ...] = ()
    connections: tuple[VpnConnection, ...] = ()
