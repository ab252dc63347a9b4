# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal passthrough load balancers as packets see them: which address, which ports, which machines behind it.

Every forwarding rule is one. Who of the machines behind it gets packets is `compute.health`'s to say.
https://cloud.google.com/load-balancing/docs/internal
"""

from __future__ import annotations

import collections
import dataclasses
import typing as t

from ..compute import health
from ..state import State
from .rules import Ruleset
from .view import in_force, link_path

FORWARDING_RULE = "compute#forwardingRule"
NONE_BEHIND = ("no-backend", "the load balancer has no backend")


@dataclasses.dataclass(frozen=True)
class Balancer:
    """One forwarding rule. No protocol: every one; no ports: all. backends are all machines behind it, active those
    that new connections go to, both by path."""

    address: str
    network: str
    region: str
    everywhere: bool
    protocol: str
    ports: tuple[int, ...]
    backends: tuple[str, ...]
    active: tuple[str, ...]

    def serves(self, region: str) -> bool:
        """Whether clients of a region may use it."""
        return self.everywhere or self.region == region


def balancers_of(state: State) -> list[Balancer]:
    judge = health.Health(state)
    found = []
    for rule in in_force(state, FORWARDING_RULE):
        body = rule.body
        service = state.get(link_path(rule, body["backendService"]))
        network = link_path(rule, body["network"])
        behind = [] if service is None else judge.backends(service, network, body["IPAddress"])
        chosen = [] if service is None else health.active(service, behind)
        protocol = body["IPProtocol"].lower()
        found.append(
            Balancer(
                body["IPAddress"],
                network,
                rule.path.split("/")[3],
                bool(body.get("allowGlobalAccess")),
                "" if protocol == "l3_default" else protocol,
                () if body.get("allPorts") else tuple(int(port) for port in body.get("ports", ())),
                tuple(sorted(item.instance.path for item in behind)),
                tuple(sorted(item.instance.path for item in chosen)),
            )
        )
    return found


def by_address(balancers: t.Iterable[Balancer]) -> dict[str, list[Balancer]]:
    """Several rules may share an address."""
    found: dict[str, list[Balancer]] = collections.defaultdict(list)
    for item in balancers:
        found[item.address].append(item)
    return found


def unlike(sharing: t.Sequence[Balancer]) -> bool:
    """Whether rules that share an address lead to different machines, or serve different clients."""
    return len({(item.active, item.everywhere, item.region) for item in sharing}) > 1


def unforwarded(table: Ruleset, balancers: t.Iterable[Balancer]) -> t.Iterator[str]:
    """Statements that drop what no forwarding rule of an address forwards."""
    for address, sharing in sorted(by_address(balancers).items()):
        if any(not item.protocol for item in sharing):
            continue
        ports: dict[str, set[int]] = collections.defaultdict(set)
        for item in sharing:
            ports[item.protocol] |= set(item.ports)
        every = {item.protocol for item in sharing if not item.ports}
        told = ", ".join(f"{name} {_told(ports[name], name in every)}" for name in sorted(ports))
        drop = table.drop("not-forwarded", f"the load balancer {address} forwards {told} only")
        yield f"ct state new ip daddr {address} meta l4proto != {{ {', '.join(sorted(ports))} }} {drop}"
        for name in sorted(set(ports) - every):
            numbers = ", ".join(map(str, sorted(ports[name])))
            yield f"ct state new ip daddr {address} {name} dport != {{ {numbers} }} {drop}"


def _told(ports: t.Iterable[int], every: bool) -> str:
    return "(all ports)" if every else "/".join(map(str, sorted(ports)))
