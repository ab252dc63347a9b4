# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The routing of a VPC network, in Google's order: subnet ranges decide first, then custom routes.

A network is one namespace, its router. Whoever sends into it is of a class, and each class has its own tables:

- a machine's: its region and its tags decide which routes it sees. First the table of subnet ranges (own and peers'),
  then the table of custom routes (own and imported).
- a peer's: only what this network exports to it. A peer's traffic never goes on to another peer.

Destinations that go nowhere are routed to `lo`, where the filter counts and drops them.
Order: https://cloud.google.com/vpc/docs/routes#routeselection
"""

from __future__ import annotations

import collections
import dataclasses
import typing as t

from ..compute.exchange import ExchangedRoute
from ..links import relative
from . import mutants
from .balancing import NONE_BEHIND, Balancer, by_address, unlike
from .plan import Route, Rule
from .view import Card, Machine, Network, Range, short

NOWHERE = (("lo", 1),)
EVERYWHERE = "0.0.0.0/0"
SHARED, SUBNETS, CUSTOM, LAST = 90, 100, 200, 30000
"""Priorities of the rules: load balancers that share an address, the subnet ranges, the custom routes, the end."""
END_TABLE = 999

Hops = tuple[tuple[str, int], ...]
Key = tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A custom route that may be chosen. No hops: its next hop can't be used now. `peer` is the network it is from."""

    to: Range
    priority: int
    hops: Hops
    origin: str
    peer: str = ""
    tags: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True)
class Peer:
    """An ACTIVE peering as one side sees it."""

    network: str
    imports: tuple[ExchangedRoute, ...]
    exports: tuple[ExchangedRoute, ...]
    """Both only as far as the receiving side really imports them."""


@dataclasses.dataclass
class Routing:
    """What goes into the router's namespace; `why` says of a route to nowhere what it means."""

    by_range: dict[tuple[int, str], Route] = dataclasses.field(default_factory=dict)
    rules: set[Rule] = dataclasses.field(default_factory=set)
    why: dict[tuple[int, str], tuple[str, str]] = dataclasses.field(default_factory=dict)
    """(table, destination) -> reason, detail."""

    @property
    def routes(self) -> frozenset[Route]:
        return frozenset(self.by_range.values())

    def add(self, table: int, to: Range | str, hops: Hops, reason: tuple[str, str] = ("", "")) -> None:
        """A later route to the same range takes the place of an earlier one: what is assigned, of what is not."""
        where = (table, str(to))
        self.by_range[where] = Route(str(to), hops or NOWHERE, table)
        self.why.pop(where, None)
        if not hops or hops == NOWHERE:
            self.why[where] = reason


def peer_device(network: str, peer: str, region: str) -> str:
    """The router's interface towards a peer, for traffic that began in a region."""
    return "p" + short(network, peer, region)


def table_number(*key: object) -> int:
    return 1000 + int(short(*key)[:7], 16)


class Router:
    """Works out the routing of one network."""

    def __init__(
        self,
        network: Network,
        members: t.Sequence[tuple[Machine, Card]],
        peers: t.Sequence[Peer],
        balancers: t.Sequence[Balancer],
        regions: t.Iterable[str],
    ) -> None:
        self.network = network
        self.members = [(machine, card) for machine, card in members if machine.runs]
        self.peers = peers
        self.balancers = [item for item in balancers if item.network == network.path]
        self.regions = sorted(regions)
        self.devices = {machine.path: card.device for machine, card in self.members}
        self.routing = Routing()
        self.shared: dict[int, list[Rule]] = {}
        """By table of subnet ranges: where a port of a shared address leads, without the interface."""
        self.known_tags = {tag for route in network.routes for tag in route.body.get("tags", ())}

    def build(self) -> Routing:
        done: set[Key] = set()
        for machine, card in self.members:
            tags = frozenset(machine.tags & self.known_tags)
            if mutants.on("tags-ignored"):
                tags = frozenset(self.known_tags)
            subnets: Key = ("subnets", card.region)
            custom: Key = ("custom", card.region, *sorted(tags))
            if subnets not in done:
                self.subnet_table(table_number(*subnets), card.region, None)
            if custom not in done:
                self.custom_table(table_number(*custom), card.region, tags)
            done |= {subnets, custom}
            self.enter(card.device, table_number(*subnets), table_number(*custom))
        for peer in self.peers:
            for region in self.regions:
                subnets, custom = ("from", peer.network, region), ("custom from", peer.network, region)
                self.subnet_table(table_number(*subnets), region, peer)
                self.exported_table(table_number(*custom), region, peer)
                device = peer_device(self.network.path, peer.network, region)
                self.enter(device, table_number(*subnets), table_number(*custom))
        self.routing.rules.add(Rule(LAST, END_TABLE))
        self.routing.add(END_TABLE, EVERYWHERE, (), ("no-route", f"{self.network.path} has no route to it"))
        return self.routing

    def enter(self, device: str, subnets: int, custom: int) -> None:
        first, second = (SUBNETS, CUSTOM) if not mutants.on("subnet-ranges-not-first") else (CUSTOM, SUBNETS)
        self.routing.rules |= {Rule(first, subnets, device), Rule(second, custom, device)}
        self.routing.rules |= {dataclasses.replace(item, device=device) for item in self.shared.get(subnets, ())}

    # ---- subnet ranges

    def subnet_table(self, table: int, region: str, peer: Peer | None) -> None:
        """Own ranges (for a peer: those it imports), with what is assigned in them; and the peers' for own machines."""
        own = self.network.ranges
        if peer is not None:
            shown = {route.dest_range for route in peer.exports if route.type == "SUBNET"}
            own = tuple(item for item in own if str(item) in shown)
        for item in own:
            self.routing.add(table, item, (), ("unassigned-address", f"nothing has it in the subnet range {item}"))
        for _machine, card in self.members:
            for owned in card.owned:
                if any(owned.subnet_of(item) for item in own):
                    self.routing.add(table, owned, ((card.device, 1),))
        for address, sharing in by_address(self.balancers).items():
            if any(Range(address).subnet_of(item) for item in own):
                self.balanced(table, region, sharing)
        if peer is None or mutants.on("peering-transitive"):
            for other in self.peers:
                if other is peer:
                    continue
                device = peer_device(self.network.path, other.network, region)
                for route in other.imports:
                    if route.type == "SUBNET":
                        self.routing.add(table, route.dest_range, ((device, 1),))

    def balanced(self, table: int, region: str, sharing: t.Sequence[Balancer]) -> None:
        """The way to a load balancer. Where rules that share an address differ, every port has a table of its own."""
        self.balance(table, region, sharing[0])
        for item in sharing if unlike(sharing) else ():
            own = table_number("balancer", table, item.address, item.protocol, *item.ports)
            self.balance(own, region, item)
            self.shared.setdefault(table, []).extend(
                Rule(SHARED, own, to=f"{item.address}/32", protocol=item.protocol, port=port)
                for port in item.ports or (0,)
            )

    def balance(self, table: int, region: str, item: Balancer) -> None:
        if item.serves(region):
            behind = tuple((card.device, 1) for machine, card in self.members if machine.path in item.active)
            self.routing.add(table, Range(item.address), behind, NONE_BEHIND)
        else:
            detail = f"the load balancer {item.address} serves {item.region} only, not {region}"
            self.routing.add(table, Range(item.address), (), ("other-region", detail))

    # ---- custom routes

    def custom_table(self, table: int, region: str, tags: frozenset[str]) -> None:
        """What a machine of that region with those tags sees."""
        found = [item for item in self.own_candidates() if not item.tags or item.tags & tags]
        for peer in self.peers:
            device = peer_device(self.network.path, peer.network, region)
            found += [
                Candidate(Range(route.dest_range), route.priority, ((device, 1),), route.origin, peer.network)
                for route in peer.imports
                if route.type != "SUBNET" and route.only_in in ("", region)
            ]
        self.install(table, found)

    def exported_table(self, table: int, region: str, peer: Peer) -> None:
        """What a peer may reach by custom routes of this network."""
        shown = {route.origin for route in peer.exports if route.type != "SUBNET"}
        found = [item for item in self.own_candidates() if item.origin in shown]
        if mutants.on("peering-transitive"):
            self.custom_table(table, region, frozenset())
            return
        self.install(table, found)

    def own_candidates(self) -> list[Candidate]:
        found = []
        for route in self.network.routes:
            body = route.body
            found.append(
                Candidate(
                    Range(body["destRange"]),
                    int(body.get("priority", 1000)),
                    self.next_hop(route.project, body),
                    route.path,
                    tags=frozenset(body.get("tags", ())),
                )
            )
        return found

    def next_hop(self, project: str, body: dict[str, t.Any]) -> Hops:
        """Where a static route leads; nothing when its next hop can't be used."""
        if body.get("nextHopInstance"):
            device = self.devices.get(relative(body["nextHopInstance"], project))
            return ((device, 1),) if device else ()
        if body.get("nextHopIp"):
            return tuple((card.device, 1) for _machine, card in self.members if card.address == body["nextHopIp"])
        if body.get("nextHopGateway"):
            return NOWHERE
        return ()

    def install(self, table: int, candidates: t.Iterable[Candidate]) -> None:
        by_range: dict[Range, list[Candidate]] = collections.defaultdict(list)
        for item in candidates:
            by_range[item.to].append(item)
        for to, rivals in by_range.items():
            winners = choose(rivals)
            names = ", ".join(item.origin.rsplit("/", 1)[-1] for item in winners or rivals)
            if not winners:
                self.routing.add(table, to, (), ("no-route", f"the next hop of the route {names} can't be used"))
            elif any(item.hops == NOWHERE for item in winners):
                self.routing.add(
                    table, to, (), ("internet", f"the route {names} leads to the internet, outside the lab")
                )
            else:
                hops = dict.fromkeys(hop for item in winners for hop in item.hops)
                self.routing.add(table, to, tuple(sorted(hops)))


def choose(rivals: t.Sequence[Candidate]) -> list[Candidate]:
    """Of routes to one destination: local ones before imported ones, of imported ones those of a single peer; of these
    the usable ones with the lowest priority, and the internet gateway only where there is no other."""
    pool = [item for item in rivals if not item.peer]
    if not pool:
        first = min(item.peer for item in rivals)
        pool = [item for item in rivals if item.peer == first]
    usable = [item for item in pool if item.hops]
    lowest = min((item.priority for item in usable), default=0)
    best = [item for item in usable if item.priority == lowest]
    return [item for item in best if item.hops != NOWHERE] or best
