# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel is to hold: namespaces, the veth pairs between them, and all that is configured in each.

Pure data, compared by value: the fabric sends only what differs from the plan before. Every namespace is described
completely; nothing is inherited from the machine.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class End:
    """One end of a veth pair: an interface in a namespace. Its name has at most 15 characters."""

    namespace: str
    device: str


@dataclasses.dataclass(frozen=True)
class Link:
    """A veth pair without neighbour discovery: both ends share a MAC address and are NOARP. Both are up."""

    a: End
    b: End
    mtu: int = 1460


@dataclasses.dataclass(frozen=True)
class Route:
    """One IPv4 route. Every hop is (device, weight), on link: with NOARP pairs no gateway address is needed.

    No hops: the kernel refuses with ICMP unreachable. What is to be dropped silently and counted is routed to `lo`,
    where the filter of the namespace counts it by its reason.
    """

    to: str
    hops: tuple[tuple[str, int], ...]
    table: int = 254
    source: str = ""
    """Preferred source address."""
    local: bool = False
    """Delivered here, as if these addresses were this namespace's own."""


@dataclasses.dataclass(frozen=True)
class Rule:
    """One `ip rule`: packets that came in by `device` from `source` to `to` ('' any) are looked up in `table`; with
    `protocol` (tcp, udp) only those, with `port` only those to that port."""

    priority: int
    table: int
    device: str = ""
    to: str = ""
    source: str = ""
    protocol: str = ""
    port: int = 0


@dataclasses.dataclass(frozen=True)
class Namespace:
    """All that one network namespace holds. `lo` is always up; rp_filter is off everywhere."""

    addresses: frozenset[tuple[str, str]] = frozenset()
    """(device, address with mask)."""
    routes: frozenset[Route] = frozenset()
    rules: frozenset[Rule] = frozenset()
    """Besides the kernel's own three."""
    forwards: bool = False
    """net.ipv4.ip_forward"""
    keeps_ttl: bool = False
    """Forwarding leaves the TTL as it is, as a cloud's fabric does."""
    nft: str = ""
    """Table definitions for libnftables, without `flush ruleset`. Named counters are the evidence of drops."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """Everything. Names of namespaces are free text ('network projects/p/global/networks/n')."""

    namespaces: dict[str, Namespace] = dataclasses.field(default_factory=dict)
    links: frozenset[Link] = frozenset()
