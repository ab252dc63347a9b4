# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a peering brings together: the ranges that must not overlap, and the custom routes that would newly come.

Ranges are read from the subnetworks of a network; those of its other peers from what it imports of them, which needs
no right on their projects. Custom routes are read from what the exporter lists, or where it does not export yet, from
its own static routes and what its Cloud Routers learned.
Rules: https://cloud.google.com/vpc/docs/vpc-peering (restrictions, route exchange options, order of routes).
"""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t

from .. import addressing
from ..errors import ApiError
from .advertisement import subnetwork_ranges
from .client import Client, relative
from .fields import Json

SUBNET = "SUBNET_PEERING_ROUTE"
STATIC = "STATIC_PEERING_ROUTE"
DYNAMIC = "DYNAMIC_PEERING_ROUTE"
#: what a network in auto mode takes its subnetworks from, now or later
AUTO_MODE = "10.128.0.0/9"


class Unread(Exception):
    """Something of the other network may not be read by these credentials."""


@dataclasses.dataclass(frozen=True)
class Route:
    """A route with the words for it. ``local``: of the network itself, and not of one of its peers."""

    dest_range: str
    type: str
    priority: int
    label: str
    exportable: bool = True
    local: bool = True

    @property
    def range(self) -> ipaddress.IPv4Network:
        return ipaddress.IPv4Network(self.dest_range)


@dataclasses.dataclass(frozen=True)
class Coming:
    """A route that a network would newly get from its peer. ``problem`` is why that needs the caller's word, if so."""

    network: str
    route: Route
    wins: bool
    problem: str | None = None

    def as_result(self) -> Json:
        return {
            "network": self.network,
            "dest_range": self.route.dest_range,
            "type": self.route.type,
            "priority": self.route.priority,
            "wins": self.wins,
            "problem": self.problem,
        }


class Surroundings:
    """One network, as far as these credentials may read it, each thing at most once."""

    def __init__(self, client: Client, path: str, network: Json) -> None:
        self.client = client
        self.path = path
        self.network = network
        self._subnetworks: list[Json] | None = None

    def _list(self, path: str) -> list[Json]:
        """The objects of a list of the project that are of this network."""
        try:
            found = self.client.list_all("compute", f"projects/{self.path.split('/')[1]}/{path}")
        except ApiError as error:
            if error.status in (403, 404):
                raise Unread(f"{path} of {self.path} could not be read ({error.status})") from None
            raise
        return [item for item in found if path_of(item.get("network", ""), self.path) == self.path]

    @property
    def subnetworks(self) -> list[Json]:
        if self._subnetworks is None:
            self._subnetworks = self._list("aggregated/subnetworks")
        return self._subnetworks

    @property
    def regions(self) -> list[str]:
        """The regions in which the network has subnetworks."""
        return sorted({relative(item["region"])[1].rpartition("/")[2] for item in self.subnetworks})

    def ranges(self) -> list[addressing.Range]:
        """The ranges of its subnetworks, and all that an auto mode network may take later."""
        found = [
            addressing.Range(cidr, "subnetwork projects/{}/{}".format(*relative(item["selfLink"])))
            for item in self.subnetworks
            for cidr in subnetwork_ranges(item)
        ]
        if self.network.get("autoCreateSubnetworks"):
            found.append(addressing.Range(AUTO_MODE, f"auto mode network {self.path}"))
        return found

    def incoming(self, peering: str, regions: t.Iterable[str]) -> list[Json]:
        """What a peer exports to this network, each route once, however many regions it is told for."""
        found: dict[tuple[t.Any, ...], Json] = {}
        for region in regions:
            try:
                routes = listed(self.client, self.path, peering, "INCOMING", region)
            except ApiError as error:
                if error.status != 403:
                    raise
                raise Unread(f"the routes of peering {peering} of {self.path} could not be listed (403)") from None
            for item in routes:
                found.setdefault((item["destRange"], item["type"], item.get("nextHopRegion")), item)
        return list(found.values())

    def peers(self, but: str) -> list[Json]:
        """Its ACTIVE peerings with other networks than that one."""
        return [
            item
            for item in self.network.get("peerings") or []
            if item.get("state") == "ACTIVE" and path_of(item["network"], self.path) != but
        ]

    def peers_ranges(self, but: Surroundings) -> list[addressing.Range]:
        """The subnet ranges of its other peers than that one. They are the same in every region."""
        somewhere = (self.regions or but.regions)[:1]
        return [
            addressing.Range(item["destRange"], f"a subnetwork of {path_of(peering['network'], self.path)}")
            for peering in self.peers(but.path)
            for item in self.incoming(peering["name"], somewhere)
            if item["type"] == SUBNET and item.get("imported") and is_ipv4(item["destRange"])
        ]

    def statics(self) -> list[Route]:
        """Its own static routes. Those with tags, and those to the internet gateway, never cross a peering."""
        found = []
        for item in self._list("global/routes"):
            implicit = item.get("nextHopNetwork") or item.get("nextHopPeering")
            if not implicit and is_ipv4(item.get("destRange", "")):
                crosses = not item.get("tags") and not item.get("nextHopGateway")
                label = f"route {item['name']} ({item['destRange']})"
                found.append(Route(item["destRange"], STATIC, item.get("priority", 1000), label, crosses))
        return found

    def dynamics(self) -> list[Route]:
        """What its Cloud Routers learned."""
        found = []
        for router in self._list("aggregated/routers"):
            path = "projects/{}/{}/getRouterStatus".format(*relative(router["selfLink"]))
            try:
                status = self.client.get("compute", path) or {}
            except ApiError as error:
                if error.status != 403:
                    raise
                raise Unread(f"the status of router {router['name']} of {self.path} could not be read (403)") from None
            for item in (status.get("result") or {}).get("bestRoutesForRouter") or []:
                if is_ipv4(item.get("destRange", "")):
                    label = f"{item['destRange']} learned by router {router['name']}"
                    found.append(Route(item["destRange"], DYNAMIC, item.get("priority", 0), label))
        return list({(item.dest_range, item.label): item for item in found}.values())

    def exportable(self) -> list[Route]:
        """The custom routes that it would export."""
        return [item for item in [*self.statics(), *self.dynamics()] if item.exportable]

    def existing(self, but: str) -> list[Route]:
        """The custom routes that its machines use now, without those of the peer that is looked at."""
        imported = [
            Route(
                item["destRange"],
                item["type"],
                item.get("priority", 0),
                f"{item['destRange']} of peering {peering['name']}",
                local=False,
            )
            for peering in self.peers(but)
            if peering.get("importCustomRoutes")
            for item in self.incoming(peering["name"], self.regions)
            if item["type"] != SUBNET and item.get("imported") and is_ipv4(item["destRange"])
        ]
        return [*self.statics(), *self.dynamics(), *imported]


def listed(client: Client, network: str, peering: str, direction: str, region: str) -> list[Json]:
    """The routes of one peering and direction, as a region has them, of all pages."""
    query: dict[str, t.Any] = {"peeringName": peering, "direction": direction, "region": region}
    return client.list_all("compute", f"{network}/listPeeringRoutes", **query)


def path_of(link: str, near: str) -> str:
    """A network's path from its URL in any form, or its bare name in the project of another path."""
    owner, path = relative(link)
    return f"projects/{owner or near.split('/')[1]}/global/networks/{path.rpartition('/')[2]}"


def is_ipv4(cidr: str) -> bool:
    return bool(cidr) and ":" not in cidr


def custom(item: Json, peering: str) -> Route:
    """An exchanged route of the API."""
    words = "static" if item["type"] == STATIC else f"dynamic, {item.get('nextHopRegion')}"
    label = f"{item['destRange']} ({words}) of peering {peering}"
    return Route(item["destRange"], item["type"], item.get("priority", 0), label)


def judged(network: str, new: t.Iterable[Route], existing: t.Sequence[Route], own: t.Sequence[str]) -> list[Coming]:
    """What becomes of routes that would newly come to a network: ``existing`` are its custom routes, ``own`` its
    subnet ranges.

    A route of the network's own with the same or a more specific destination wins; what comes and is more specific
    takes traffic away from what was there. The default route to the internet counts as taken from for public ranges
    only: no private address is reached by it.
    """
    found = []
    for route in sorted(new, key=lambda item: item.range):
        if addressing.is_within(route.dest_range, own):
            found.append(Coming(network, route, wins=False))
            continue
        beaten = any(item.local and item.range == route.range for item in existing)
        losers = [
            item.label
            for item in existing
            if (route.range != item.range and route.range.subnet_of(item.range) and _counts(item, route))
            or (route.range == item.range and not item.local)
        ]
        problem = None
        if route.range.prefixlen == 0:
            problem = "it is a default route"
        elif losers and not beaten:
            problem = f"it takes traffic from {', '.join(losers[:3])}"
        found.append(Coming(network, route, wins=not beaten, problem=problem))
    return found


def _counts(existing: Route, new: Route) -> bool:
    return existing.range.prefixlen > 0 or addressing.space(new.dest_range) == "public"


# -- overlaps


def overlaps(one: Surroundings, other: Surroundings, crosses: t.Callable[[bool, str], bool]) -> list[str]:
    """What Google would refuse to peer, in words: ranges of both networks, of one and the other's other peers, and
    static routes inside the other's ranges.

    ``crosses`` says of a range of the first network (True) or the second (False) whether it crosses the peering.
    """
    mine, theirs = one.ranges(), other.ranges()
    found = [
        _both(first, second)
        for first, second in _pairs(mine, theirs)
        if crosses(True, first.cidr) or crosses(False, second.cidr)
    ]
    for near, hub, ranges in ((one, other, mine), (other, one, theirs)):
        private = [item for item in ranges if addressing.space(item.cidr) != "public"]
        beyond = hub.peers_ranges(near)
        found += [f"{_both(*pair)} (both would be peers of {hub.path})" for pair in _pairs(private, beyond)]
    for near, ranges, first in ((one, theirs, False), (other, mine, True)):
        inside = [item for item in ranges if crosses(first, item.cidr)]
        for route in near.statics():
            for item in inside:
                if route.range.subnet_of(ipaddress.IPv4Network(item.cidr)):
                    found.append(f"{route.label} of {near.path} lies in {item.cidr} of {item.label}")
    return found


def _pairs(
    some: t.Sequence[addressing.Range], others: t.Sequence[addressing.Range]
) -> list[tuple[addressing.Range, addressing.Range]]:
    """The pairs, one of each list, that overlap."""
    ours = {id(item) for item in some}
    found = []
    for pair in addressing.overlaps([*some, *others]):
        known = [id(item) in ours for item in pair]
        if known.count(True) == 1:
            found.append(pair if known[0] else (pair[1], pair[0]))
    return found


def _both(first: addressing.Range, second: addressing.Range) -> str:
    return f"{first.cidr} of {first.label} overlaps {second.cidr} of {second.label}"
