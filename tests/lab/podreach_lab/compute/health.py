# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which backends of an internal passthrough load balancer get its packets. Pure; the packets and getHealth follow it.

A backend is healthy when its machine runs, the firewall lets both ranges of Google's health checkers reach it, and
something there answers on the health check's port: on a node kube-proxy does on 10256, and on the health check port of
a Service with externalTrafficPolicy Local as long as the node has a ready endpoint of it. Other machines answer on 80.

https://cloud.google.com/load-balancing/docs/health-check-concepts and, for who gets packets,
https://cloud.google.com/load-balancing/docs/internal/int-netlb-traffic-distribution
"""

from __future__ import annotations

import dataclasses
import typing as t

from .. import cidr
from ..links import region_of_zone, relative
from ..state import Resource, State
from . import effective, groups, health_checks

BACKEND_SERVICE = "compute#backendService"
CHECKERS = ("130.211.0.0/22", "35.191.0.0/16")
KUBE_PROXY = 10256
VM_PORT = 80
"""Where the machines of the lab answer, over HTTP."""


@dataclasses.dataclass(frozen=True)
class Backend:
    """One instance behind a backend service. spare: of a failover group."""

    instance: Resource
    group: str
    healthy: bool
    spare: bool = False


class Health:
    """Judges the backends of one state; what firewalls say of like machines is worked out once."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._layers: dict[tuple[str, str], list[effective.Layer]] = {}
        self._admitted: dict[tuple[t.Any, ...], bool] = {}
        self._local: dict[int, set[str]] = {}
        for service in state.of_kind(BACKEND_SERVICE):
            if service.hidden.get("local_port"):
                self._local.setdefault(service.hidden["local_port"], set()).update(service.hidden["local_nodes"])

    def backends(self, service: Resource, network: str, address: str) -> list[Backend]:
        """Every instance behind a backend service, as the checks of a rule with this address in a network find it."""
        found = []
        for entry in service.body.get("backends", ()):
            group = self.state.get(relative(entry["group"], service.project))
            for instance in groups.members(self.state, group) if group is not None else ():
                healthy = self.answers(service, instance) and self.admitted(service, instance, network, address)
                found.append(Backend(instance, entry["group"], healthy, bool(entry.get("failover"))))
        return found

    def port(self, service: Resource) -> int:
        """What its health check asks; 0 without one."""
        links = service.body.get("healthChecks") or [""]
        check = self.state.get(relative(links[0], service.project))
        return 0 if check is None else health_checks.port_of(check)

    def answers(self, service: Resource, instance: Resource) -> bool:
        if instance.body["status"] != "RUNNING" or instance.hidden.get("dead"):
            return False
        port = self.port(service)
        if port == VM_PORT and not instance.hidden.get("cluster"):
            check = self.state.get(relative(service.body["healthChecks"][0], service.project))
            return check is not None and vm_answers(check)
        on_node = port == KUBE_PROXY and bool(instance.hidden.get("cluster"))
        return on_node or instance.path in self._local.get(port, ())

    def admitted(self, service: Resource, instance: Resource, network: str, address: str) -> bool:
        """Whether the firewall lets the checks through, which are sent to the load balancer's address."""
        return self.reaches(instance, network, address, self.port(service))

    def reaches(self, instance: Resource, network: str, address: str, port: int) -> bool:
        """Whether the firewall lets Google's health checkers reach an instance at an address and port."""
        region = region_of_zone(instance.path.split("/")[3])
        tags, accounts = effective.tags_of(instance), effective.accounts_of(instance)
        key = (network, region, address, port, tuple(tags), tuple(accounts))
        if key not in self._admitted:
            where = (network, region)
            if where not in self._layers:
                self._layers[where] = effective.all_layers(self.state, *where)
            layers = [
                layer._replace(rules=effective.targeted(layer.rules, tags, accounts, network))
                for layer in self._layers[where]
            ]
            self._admitted[key] = all(admits(layers, source, address, port) for source in CHECKERS)
        return self._admitted[key]


def vm_answers(check: Resource) -> bool:
    """Whether a machine of the lab that runs answers a health check as it wants: /health is OK, everything else an
    object of JSON."""
    specific = check.body[health_checks.SPECIFICS[check.body["type"]]]
    if specific.get("port") != VM_PORT or check.body["type"] not in ("HTTP", "TCP"):
        return False
    said = "" if check.body["type"] == "TCP" else "OK" if specific["requestPath"] == "/health" else "{"
    return said.startswith(specific.get("response") or "")


def admits(layers: t.Iterable[effective.Layer], source: str, address: str, port: int) -> bool:
    """Whether TCP from a whole range may reach an address: denying a part of the range is denying it."""
    for layer in layers:
        action = next((rule.action for rule in layer.rules if concerns(rule, source, address, port)), "goto_next")
        if action != "goto_next":
            return action == "allow"
    return False


def concerns(rule: effective.FilterRule, source: str, address: str, port: int) -> bool:
    start = cidr.Range(source)
    ranges = [cidr.Range(item, strict=False) for item in rule.src_ranges]
    whole = rule.action == "allow"
    from_there = any(start.subnet_of(item) if whole else start.overlaps(item) for item in ranges)
    to_there = any(cidr.Range(address).subnet_of(cidr.Range(item, strict=False)) for item in rule.dest_ranges)
    return rule.direction == "INGRESS" and from_there and to_there and any(asks(item, port) for item in rule.layer4)


def asks(what: effective.Layer4, port: int) -> bool:
    in_range = not what.ports or any(low <= port <= high for low, high in what.ports)
    return what.protocol == "all" or (what.protocol == "tcp" and in_range)


def active(service: Resource, backends: t.Sequence[Backend]) -> list[Backend]:
    """Those that get new connections: the healthy ones, and as a last resort all. With failover groups, the healthy
    spare ones while too few of the others are well."""
    policy = service.body.get("failoverPolicy", {})
    main = [item for item in backends if not item.spare]
    spare = [item for item in backends if item.spare]
    well = [item for item in main if item.healthy]
    ratio = len(well) / len(main) if main else 0.0
    if spare and (not well or ratio < policy.get("failoverRatio", 0.0)):
        well = [item for item in spare if item.healthy] or well
    return well or ([] if policy.get("dropTrafficIfUnhealthy") else main)
