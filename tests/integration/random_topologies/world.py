# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the oracle knows: the resources of both APIs, reduced to the fields that decide about packets.

Everything here is what a client reads back; nothing is worked out, except what the names of things mean. Whether a
peering is active, for one, the oracle finds out itself.
"""

from __future__ import annotations

import dataclasses

from .addresses import Address, Range, address, cidr
from .amazon import Amazon

__all__ = ["Address", "Range", "address", "cidr"]


@dataclasses.dataclass(frozen=True)
class Peering:
    """One side's entry. `network` and `peer` are paths of networks."""

    network: str
    peer: str
    export_custom: bool = False
    import_custom: bool = False
    export_public: bool = True
    import_public: bool = False


@dataclasses.dataclass(frozen=True)
class Subnetwork:
    """Primary and secondary ranges, without distinction."""

    network: str
    ranges: tuple[Range, ...]
    region: str = ""


@dataclasses.dataclass(frozen=True)
class Instance:
    """A VM or a node with one network card. `pods` is the block of a node's pods; None: it is no node."""

    path: str
    network: str
    address: Address
    aliases: tuple[Range, ...] = ()
    tags: frozenset[str] = frozenset()
    can_forward: bool = False
    running: bool = True
    cluster: str = ""
    pods: Range | None = None

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[1]

    @property
    def region(self) -> str:
        return self.path.split("/")[3].rpartition("-")[0] if "/zones/" in self.path else ""

    def owns(self, wanted: Address) -> bool:
        return wanted == self.address or any(wanted in alias for alias in self.aliases)


@dataclasses.dataclass(frozen=True)
class Route:
    """A static route. `hop` is the path of an instance; '' is the default internet gateway."""

    name: str
    network: str
    destination: Range
    priority: int = 1000
    hop: str = ""
    tags: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True)
class Match:
    """A protocol (a name, or all) and its port ranges; none: every port."""

    protocol: str
    ports: tuple[tuple[int, int], ...] = ()


@dataclasses.dataclass(frozen=True)
class Firewall:
    """A VPC firewall rule."""

    name: str
    network: str
    ingress: bool = True
    priority: int = 1000
    deny: bool = False
    matches: tuple[Match, ...] = ()
    sources: tuple[Range, ...] = ()
    source_tags: frozenset[str] = frozenset()
    destinations: tuple[Range, ...] = ()
    target_tags: frozenset[str] = frozenset()
    disabled: bool = False


@dataclasses.dataclass(frozen=True)
class Cluster:
    """`kept`: destinations that pods reach by their own address; `perhaps_kept`: those that no public source is certain
    about."""

    path: str
    kept: tuple[Range, ...] = ()
    perhaps_kept: tuple[Range, ...] = ()
    policies_enforced: bool = False


@dataclasses.dataclass(frozen=True)
class Pod:
    """`node` is the path of the instance. With host_network its address is the node's."""

    cluster: str
    namespace: str
    name: str
    node: str
    address: Address
    labels: tuple[tuple[str, str], ...] = ()
    host_network: bool = False

    @property
    def full_name(self) -> str:
        return f"{self.cluster.rsplit('/', 1)[1]}/{self.namespace}/{self.name}"


@dataclasses.dataclass(frozen=True)
class PolicyRule:
    """Ranges, each with its exceptions (none at all: everybody), and protocols with port ranges (none: everything)."""

    blocks: tuple[tuple[Range, tuple[Range, ...]], ...] = ()
    matches: tuple[Match, ...] = ()


@dataclasses.dataclass(frozen=True)
class Policy:
    """A NetworkPolicy whose peers are ipBlocks. None: it says nothing about the direction."""

    cluster: str
    namespace: str
    name: str
    labels: tuple[tuple[str, str], ...] = ()
    ingress: tuple[PolicyRule, ...] | None = None
    egress: tuple[PolicyRule, ...] | None = None


@dataclasses.dataclass(frozen=True)
class Service:
    """A ClusterIP. ports: (protocol, port, target port)."""

    cluster: str
    namespace: str
    name: str
    address: Address
    labels: tuple[tuple[str, str], ...]
    ports: tuple[tuple[str, int, int], ...]


@dataclasses.dataclass(frozen=True)
class Advertisement:
    """What a Cloud Router, or one of its sessions, is told to announce. Not custom: a session does as its router, a
    router announces its subnets."""

    custom: bool = False
    all_subnets: bool = False
    ranges: tuple[Range, ...] = ()


@dataclasses.dataclass(frozen=True)
class Router:
    """A Cloud Router."""

    path: str
    network: str
    region: str
    advertisement: Advertisement = Advertisement()

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[1]


@dataclasses.dataclass(frozen=True)
class Session:
    """A BGP session of a Cloud Router (its path) over the tunnel whose other end has the address `outside`. `up`: both
    ends are configured for it, and nobody has disturbed it."""

    router: str
    name: str
    outside: str
    advertisement: Advertisement = Advertisement()
    priority: int = 100
    up: bool = True


@dataclasses.dataclass(frozen=True)
class World:
    """All of it at one moment."""

    networks: tuple[str, ...] = ()
    peerings: tuple[Peering, ...] = ()
    subnetworks: tuple[Subnetwork, ...] = ()
    instances: tuple[Instance, ...] = ()
    routes: tuple[Route, ...] = ()
    firewalls: tuple[Firewall, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    pods: tuple[Pod, ...] = ()
    policies: tuple[Policy, ...] = ()
    services: tuple[Service, ...] = ()
    worldwide: tuple[str, ...] = ()
    """Networks with the routing mode GLOBAL."""
    routers: tuple[Router, ...] = ()
    sessions: tuple[Session, ...] = ()
    amazon: Amazon = dataclasses.field(default_factory=Amazon)


@dataclasses.dataclass(frozen=True)
class Flow:
    """One question. `sender` is the path of an instance, the full name of a pod or the name of an EC2 instance; port is
    0 for icmp."""

    sender: str
    to: str
    protocol: str = "icmp"
    port: int = 0

    def __str__(self) -> str:
        return f"{self.sender} -> {self.to} {self.protocol}{f'/{self.port}' if self.port else ''}"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Whether the packet arrived at an owner of the destination, from which address, and whether the sender heard
    of it."""

    delivered: bool
    source_seen: str | None = None
    replied: bool = False

    def __str__(self) -> str:
        if not self.delivered:
            return "not delivered"
        return f"delivered from {self.source_seen}, {'replied' if self.replied else 'no reply'}"


NOT_DELIVERED = Verdict(False)
