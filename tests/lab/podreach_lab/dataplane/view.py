# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state as packets see it: networks, machines and routes, typed, and only what is in force.

A resource that is still being created does nothing yet; one that is being deleted works until it is gone.
"""

from __future__ import annotations

import dataclasses
import hashlib
import ipaddress

from ..links import region_of_zone, relative
from ..state import Body, Phase, Resource, State

Range = ipaddress.IPv4Network
NETWORK = "compute#network"
SUBNETWORK = "compute#subnetwork"
INSTANCE = "compute#instance"
ROUTE = "compute#route"
CLUSTER = "container#cluster"
ROUTER = "compute#router"
TUNNEL = "compute#vpnTunnel"


def in_force(state: State, kind: str) -> list[Resource]:
    return [item for item in state.of_kind(kind) if item.phase is not Phase.CREATING]


def link_path(item: Resource, link: str) -> str:
    """The path behind a link in a resource's body."""
    return relative(link, item.project)


def short(*parts: object) -> str:
    """Ten hexadecimal digits that depend on nothing but the parts: for names of devices and counters."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:10]


def region_of_path(path: str) -> str:
    """The region of a regional resource."""
    return path.split("/")[3]


@dataclasses.dataclass(frozen=True)
class Card:
    """A network interface of a machine: nic0 is eth0 inside it and `device` in its network's namespace."""

    at: int
    network: str
    region: str
    address: str
    aliases: tuple[Range, ...]
    device: str

    @property
    def inner(self) -> str:
        return f"eth{self.at}"

    @property
    def owned(self) -> list[Range]:
        return [Range(self.address), *self.aliases]


@dataclasses.dataclass(frozen=True)
class Machine:
    """An instance: a VM, or a node of a cluster when `cluster` is set. pods is the block of a node's pods."""

    path: str
    zone: str
    cards: tuple[Card, ...]
    tags: frozenset[str]
    accounts: frozenset[str]
    forwards: bool
    runs: bool
    cluster: str = ""
    pods: str = ""
    dead: bool = False
    """It neither sends nor answers, whatever the API says."""

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[1]

    @property
    def region(self) -> str:
        return region_of_zone(self.zone)

    @property
    def namespace(self) -> str:
        return f"instance {self.path}"


@dataclasses.dataclass(frozen=True)
class Network:
    """A VPC network: the ranges of its subnets (primary and secondary; a legacy network has one), and its routes."""

    path: str
    mtu: int
    ranges: tuple[Range, ...]
    routes: tuple[Resource, ...]

    @property
    def namespace(self) -> str:
        return network_namespace(self.path)


def network_namespace(path: str) -> str:
    return f"network {path}"


def pod_namespace(cluster: str, namespace: str, name: str) -> str:
    return f"pod {cluster} {namespace}/{name}"


def machines(state: State) -> list[Machine]:
    return [machine(item) for item in in_force(state, INSTANCE)]


def machine(item: Resource) -> Machine:
    zone = item.path.split("/")[3]
    found: list[Card] = []
    for at, card in enumerate(item.body["networkInterfaces"]):
        aliases = tuple(Range(entry["ipCidrRange"]) for entry in card.get("aliasIpRanges", []))
        network = link_path(item, card["network"])
        found.append(Card(at, network, region_of_zone(zone), card["networkIP"], aliases, "m" + short(item.path, at)))
    return Machine(
        path=item.path,
        zone=zone,
        cards=tuple(found),
        tags=frozenset(item.body.get("tags", {}).get("items", ())),
        accounts=frozenset(entry["email"] for entry in item.body.get("serviceAccounts", ())),
        forwards=bool(item.body.get("canIpForward")),
        runs=item.body["status"] == "RUNNING",
        cluster=item.hidden.get("cluster", ""),
        pods=item.hidden.get("pods", ""),
        dead=bool(item.hidden.get("dead")),
    )


def networks(state: State) -> dict[str, Network]:
    ranges: dict[str, list[Range]] = {}
    for subnetwork in in_force(state, SUBNETWORK):
        mine = ranges.setdefault(link_path(subnetwork, subnetwork.body["network"]), [])
        mine.append(Range(subnetwork.body["ipCidrRange"]))
        mine += [Range(entry["ipCidrRange"]) for entry in subnetwork.body.get("secondaryIpRanges", ())]
    routes: dict[str, list[Resource]] = {}
    for route in in_force(state, ROUTE):
        if not is_subnet_route(route.body):
            routes.setdefault(link_path(route, route.body["network"]), []).append(route)
    found = {}
    for item in in_force(state, NETWORK):
        own = [Range(item.body["IPv4Range"])] if "IPv4Range" in item.body else ranges.get(item.path, [])
        found[item.path] = Network(
            item.path, int(item.body.get("mtu", 1460)), tuple(own), tuple(routes.get(item.path, ()))
        )
    return found


def is_subnet_route(body: Body) -> bool:
    return "nextHopNetwork" in body
