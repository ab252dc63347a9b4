# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The routing of a VPC network, in Google's order: subnet ranges decide first, then custom routes.

A network is one namespace, its router. Whoever sends into it is of a class, and each class has its own tables:

- a machine's: its region and its tags decide which routes it sees. First the table of subnet ranges (own and peers'),
  then the table of custom routes (own and imported).
- a peer's: only what this network exports to it. A peer's traffic never goes on to another peer.
- what comes out of a Cloud Router's tunnels: subnet ranges as a machine of its region sees them, and static routes
  without tags; never what was learned by a tunnel, so that nothing goes through from one to another.

Destinations that go nowhere are routed to `lo`, where the filter counts and drops them.
Order: https://cloud.google.com/vpc/docs/routes#routeselection
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import typing as t

from ..compute.exchange import DYNAMIC, STATIC, ExchangedRoute
from ..links import relative
from ..wan.figures import inter_region_cost
from ..wan.model import DynamicRoute
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
    dynamic: bool = False


@dataclasses.dataclass(frozen=True)
class Beyond:
    """What a network's Cloud Routers add to it. routers: their regions by path; tunnels: by the paths of those that
    are up and that static routes lead to, the interface for each; through: the static routes, the peers' included,
    whose next hop is a tunnel; dynamic: by region, the learned routes that it uses."""

    routers: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    tunnels: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    through: t.Collection[str] = ()
    dynamic: t.Mapping[str, t.Sequence[DynamicRoute]] = dataclasses.field(default_factory=dict)


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


def gateway_device(gateway: str) -> str:
    """A network's interface towards a gateway: a Cloud Router by its path, one of AWS by its key."""
    return "g" + short(gateway)


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
        beyond: Beyond,
    ) -> None:
        self.network = network
        self.beyond = beyond
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

        def once(key: Key, make: t.Callable[[int], None]) -> int:
            number = table_number(*key)
            if key not in done:
                done.add(key)
                make(number)
            return number

        def subnets(region: str) -> int:
            return once(("subnets", region), lambda number: self.subnet_table(number, region, None))

        for machine, card in self.members:
            tags = frozenset(machine.tags & self.known_tags)
            if mutants.on("tags-ignored"):
                tags = frozenset(self.known_tags)
            make = functools.partial(self.custom_table, region=card.region, tags=tags)
            self.enter(card.device, subnets(card.region), once(("custom", card.region, *sorted(tags)), make))
        for router, region in self.beyond.routers.items():
            make = functools.partial(self.tunnels_table, region=region)
            self.enter(gateway_device(router), subnets(region), once(("tunnels", region), make))
        for peer in self.peers:
            for region in self.regions:
                first, second = ("from", peer.network, region), ("custom from", peer.network, region)
                self.subnet_table(table_number(*first), region, peer)
                self.exported_table(table_number(*second), region, peer)
                device = peer_device(self.network.path, peer.network, region)
                self.enter(device, table_number(*first), table_number(*second))
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
        found = [item for item in self.own_candidates(region) if not item.tags or item.tags & tags]
        found += self.imported(region)
        self.install(table, found)

    def tunnels_table(self, table: int, region: str) -> None:
        """What packets out of the tunnels of a region's Cloud Routers see."""
        static = [item for item in self.static_candidates() if item.origin not in self.beyond.through]
        if not mutants.on("tagged-routes-for-tunnels"):
            static = [item for item in static if not item.tags]
        imported = self.imported(region, (STATIC,))
        self.install(table, static + [item for item in imported if item.origin not in self.beyond.through])

    def imported(self, region: str, kinds: t.Collection[str] = (STATIC, DYNAMIC)) -> list[Candidate]:
        """The peers' custom routes that can be used in a region."""
        return [
            Candidate(
                Range(route.dest_range),
                route.priority + inter_region_cost(region, route.next_hop_region or region),
                ((peer_device(self.network.path, peer.network, region), 1),),
                route.origin,
                peer.network,
                dynamic=route.type == DYNAMIC,
            )
            for peer in self.peers
            for route in peer.imports
            if route.type in kinds and route.only_in in ("", region)
        ]

    def exported_table(self, table: int, region: str, peer: Peer) -> None:
        """What a peer may reach by custom routes of this network."""
        shown = {(route.origin, route.dest_range) for route in peer.exports if route.type != "SUBNET"}
        found = [item for item in self.own_candidates(region) if (item.origin, str(item.to)) in shown]
        if mutants.on("peering-transitive"):
            self.custom_table(table, region, frozenset())
            return
        self.install(table, found)

    def own_candidates(self, region: str) -> list[Candidate]:
        return [*self.static_candidates(), *self.dynamic_candidates(region)]

    def dynamic_candidates(self, region: str) -> list[Candidate]:
        """What the Cloud Routers learned, as far as a region uses it."""
        return [
            Candidate(
                Range(route.dest_range),
                route.priority,
                ((gateway_device(route.origin), 1),),
                route.origin,
                dynamic=True,
            )
            for route in self.beyond.dynamic.get(region, ())
            if route.origin in self.beyond.routers
        ]

    def static_candidates(self) -> list[Candidate]:
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
        if body.get("nextHopVpnTunnel"):
            device = self.beyond.tunnels.get(relative(body["nextHopVpnTunnel"], project))
            return ((device, 1),) if device else ()
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
    the usable ones with the lowest priority, static ones before dynamic ones, and the internet gateway only where there
    is no other."""
    pool = [item for item in rivals if not item.peer]
    if not pool:
        first = min(item.peer for item in rivals)
        pool = [item for item in rivals if item.peer == first]
    usable = [item for item in pool if item.hops]
    lowest = min((item.priority for item in usable), default=0)
    best = [item for item in usable if item.priority == lowest]
    inside = [item for item in best if item.hops != NOWHERE]
    return [item for item in inside if not item.dynamic] or inside or best
