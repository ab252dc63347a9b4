# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster's Kubernetes says that matters to packets: the only thing the data plane knows of Kubernetes.

Derived from the cluster's store by the controllers; compared by value, so that an unchanged cluster costs nothing.
Nodes are named by the paths of their compute instances.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Port:
    """protocol is tcp, udp or sctp."""

    protocol: str
    number: int


@dataclasses.dataclass(frozen=True)
class Pod:
    """A pod that runs. With host_network its address is the node's."""

    namespace: str
    name: str
    uid: str
    node: str
    address: str
    host_network: bool = False
    listens: frozenset[Port] = frozenset()
    """Ports that its containers declare, or that their image is known to open."""


@dataclasses.dataclass(frozen=True)
class Idle:
    """A pod that does not run: no packets follow it, but users ask for it by its name. why may be ''."""

    namespace: str
    name: str
    phase: str
    why: str


@dataclasses.dataclass(frozen=True)
class ServicePort:
    """One port of a Service and the ready endpoints behind it: (pod address, port)."""

    port: Port
    endpoints: tuple[tuple[str, int], ...]


@dataclasses.dataclass(frozen=True)
class Service:
    """A Service with a cluster address. load_balancer is the address of an internal load balancer, '' while there is
    none; source_ranges are spec.loadBalancerSourceRanges."""

    namespace: str
    name: str
    cluster_ip: str
    ports: tuple[ServicePort, ...]
    load_balancer: str = ""
    global_access: bool = False
    source_ranges: tuple[str, ...] = ()
    local_traffic_policy: bool = False


@dataclasses.dataclass(frozen=True)
class MasqueradeChain:
    """One chain that POSTROUTING of a node jumps to for what is not for the node itself. Destinations in `keep` leave
    with the pod's address, and the node's for the rest; a second chain still sees what this one kept."""

    name: str
    keep: tuple[str, ...]
    pods_only: bool = True
    """Only packets from the node's own pod range are masqueraded."""


@dataclasses.dataclass(frozen=True)
class PolicyPeer:
    """A range less its exceptions."""

    cidr: str
    except_: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class PolicyRule:
    """Allows any of `peers` (none: everybody) on any of `ports` (none: all). A port is (protocol, first, last)."""

    peers: tuple[PolicyPeer, ...] = ()
    ports: tuple[tuple[str, int, int], ...] = ()
    anybody: bool = False
    """True: peers does not restrict. False with no peers: nobody."""


@dataclasses.dataclass(frozen=True)
class PodPolicy:
    """What the NetworkPolicies that select a pod allow together. None: not isolated in that direction."""

    address: str
    ingress: tuple[PolicyRule, ...] | None = None
    egress: tuple[PolicyRule, ...] | None = None


@dataclasses.dataclass(frozen=True)
class ClusterFacts:
    """One cluster: container path, and all of the above. chains: by node."""

    cluster: str
    pods: tuple[Pod, ...] = ()
    services: tuple[Service, ...] = ()
    chains: tuple[tuple[str, tuple[MasqueradeChain, ...]], ...] = ()
    policies: tuple[PodPolicy, ...] = ()
    idle: tuple[Idle, ...] = ()
