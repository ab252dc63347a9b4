# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what the APIs hold to what the kernel is to hold. Pure: the same state gives the same plan."""

from __future__ import annotations

import dataclasses
import typing as t

from ..compute import effective, exchange
from ..kubernetes.facts import ClusterFacts
from ..state import Resource, State
from ..wan import learning
from ..wan.model import DynamicRoute, router_key
from . import aws, gateways, mutants
from . import filter as filters
from . import machine as hosts
from .aws import Instance
from .balancing import balancers_of
from .gateways import Wan
from .plan import End, Link, Namespace, Plan
from .routing import Beyond, Peer, Router, Routing, peer_device
from .rules import Drop, Part, Ruleset, dead
from .view import (
    CLUSTER,
    ROUTE,
    Card,
    Machine,
    Network,
    in_force,
    link_path,
    machines,
    network_namespace,
    networks,
    region_of_path,
)


@dataclasses.dataclass
class Compiled:
    """A plan and what its drops mean: by namespace and counter, and by namespace, table and destination."""

    plan: Plan
    drops: dict[tuple[str, str], Drop] = dataclasses.field(default_factory=dict)
    nowhere: dict[tuple[str, int, str], Drop] = dataclasses.field(default_factory=dict)
    machines: dict[str, Machine] = dataclasses.field(default_factory=dict)
    instances: tuple[Instance, ...] = ()
    """EC2's that run."""

    def take(self, part: Part) -> None:
        self.plan.namespaces.update(part.namespaces)
        self.drops |= part.drops
        self.nowhere |= part.nowhere


def compile_plan(state: State, facts: t.Mapping[str, ClusterFacts], wan: Wan | None = None) -> Compiled:
    """`facts` by cluster path. `wan`: what is known of tunnels and BGP, by default what the state tells."""
    wan = wan or Wan.of(state)
    everyone = [machine for machine in machines(state) if machine.runs]
    all_networks = networks(state)
    everyone = [machine for machine in everyone if all(card.network in all_networks for card in machine.cards)]
    balancers = balancers_of(state)
    compiled = Compiled(Plan(), machines={machine.path: machine for machine in everyone})
    links: set[Link] = set()
    found = compiled.plan.namespaces
    mtus = {network.path: network.mtu for network in all_networks.values()}
    routers = routers_of(state)
    regions = {card.region for machine in everyone for card in machine.cards}
    regions |= {region for mine in routers.values() for region in mine.values()}
    beyond = {path: beyond_of(state, wan, path, routers.get(path, {}), regions) for path in all_networks}
    peers = {path: peers_of(state, path) for path in all_networks}
    layers = layers_of(state)
    for network in all_networks.values():
        members = [(machine, card) for machine in everyone for card in machine.cards if card.network == network.path]
        routing = Router(network, members, peers[network.path], balancers, regions, beyond[network.path]).build()
        add_network(
            compiled,
            network,
            routing,
            filters.router_rules(network.path, members, layers, sources_of(state, network.path), balancers),
        )
        for peer in peers[network.path]:
            if network.path < peer.network:
                mtu = min(network.mtu, mtus[peer.network])
                links |= {peer_link(network.path, peer.network, region, mtu) for region in regions}
    clusters = {item.path: item for item in in_force(state, CLUSTER)}
    for machine in everyone:
        links |= set(hosts.cards_links(machine, mtus))
        if machine.cluster in clusters:
            ranges = hosts.pod_ranges_of(clusters[machine.cluster].body)
            spec = hosts.Node(machine, facts.get(machine.cluster, ClusterFacts(machine.cluster)), ranges)
            inside, pairs, table = hosts.node(spec)
            found.update(inside)
            links |= set(pairs)
            compiled.drops |= {(machine.namespace, name): drop for name, drop in table.drops.items()}
        else:
            behind = {(item.network, item.address) for item in balancers if machine.path in item.backends}
            found[machine.namespace] = hosts.vm(machine, behind)
        if machine.dead:
            kill(compiled, machine)
    wide, there = gateways.build(state, wan, mtus), aws.build(state, wan.paths)
    for part in (wide, there.part):
        compiled.take(part)
        links |= part.links
    return dataclasses.replace(compiled, plan=Plan(found, frozenset(links)), instances=there.instances)


def kill(compiled: Compiled, machine: Machine) -> None:
    """A dead machine takes nothing and sends nothing, its pods' packets included. Its network's router hands it nothing
    either, so that nothing seems to arrive."""
    table = dead()
    there = compiled.plan.namespaces[machine.namespace]
    compiled.plan.namespaces[machine.namespace] = dataclasses.replace(there, nft=table.text())
    compiled.drops |= {(machine.namespace, name): drop for name, drop in table.drops.items()}


def routers_of(state: State) -> dict[str, dict[str, str]]:
    """The Cloud Routers of every network and their regions."""
    found: dict[str, dict[str, str]] = {}
    for router in gateways.cloud_routers(state):
        found.setdefault(link_path(router, router.body["network"]), {})[router.path] = region_of_path(router.path)
    return found


def beyond_of(state: State, wan: Wan, path: str, routers: t.Mapping[str, str], regions: t.Iterable[str]) -> Beyond:
    """What the Cloud Routers of a network add to it."""
    through = [item.path for item in in_force(state, ROUTE) if item.body.get("nextHopVpnTunnel")]
    named = gateways.tunnels_of_routes(state)
    ends = gateways.Ends.of(wan.negotiated)
    tunnels = {
        end.resource: gateways.direct_device(end.resource)
        for router in routers
        for end in ends.at(router_key(router))
        if end.resource in named
    }
    network = state.get(path)
    dynamic: dict[str, t.Sequence[DynamicRoute]] = {}
    if network is not None and routers:
        dynamic = {region: learning.routes_in(state, network, region) for region in regions}
        if mutants.on("regional-as-global"):
            dynamic = dict.fromkeys(regions, learning.dynamic_routes(state, network))
    return Beyond(routers, tunnels, frozenset(through), dynamic)


def add_network(compiled: Compiled, network: Network, routing: Routing, table: Ruleset) -> None:
    compiled.plan.namespaces[network.namespace] = Namespace(
        routes=routing.routes,
        rules=frozenset(routing.rules),
        forwards=True,
        keeps_ttl=True,
        nft=table.text(),
    )
    compiled.drops |= {(network.namespace, name): drop for name, drop in table.drops.items()}
    compiled.nowhere |= {(network.namespace, number, to): Drop(*why) for (number, to), why in routing.why.items()}


def peer_link(network: str, peer: str, region: str, mtu: int) -> Link:
    return Link(
        End(network_namespace(network), peer_device(network, peer, region)),
        End(network_namespace(peer), peer_device(network=peer, peer=network, region=region)),
        mtu,
    )


def peers_of(state: State, path: str) -> list[Peer]:
    """The networks that it is connected with, and what crosses."""
    network = state.get(path)
    assert network is not None
    found = []
    for peer in exchange.active_peers(state, network):
        imports = exchange.imports(state, network, peer, learning.dynamic_routes)
        exports = exchange.exports(state, network, peer, learning.dynamic_routes)
        if mutants.on("custom-routes-always-exchanged"):
            here, there = exchanging_all(network), exchanging_all(peer)
            imports = exchange.exports(state, there, here, learning.dynamic_routes)
            exports = exchange.exports(state, here, there, learning.dynamic_routes)
        found.append(
            Peer(
                peer.path,
                tuple(route for route in imports if route.imported),
                tuple(route for route in exports if route.imported),
            )
        )
    return found


def exchanging_all(network: Resource) -> Resource:
    """A network whose peerings have every flag on."""
    flags = {"exportCustomRoutes": True, "importCustomRoutes": True}
    peerings = [item | flags for item in network.body.get("peerings", ())]
    return dataclasses.replace(network, body=network.body | {"peerings": peerings})


def sources_of(state: State, network: str) -> filters.Sources:
    return lambda rule: effective.primary_addresses(state, network, rule)


def layers_of(state: State) -> t.Callable[[Machine, Card], filters.Layers]:
    """What the filters of each machine's interface are, in evaluation order."""
    known: dict[tuple[str, str], list[effective.Layer]] = {}

    def find(machine: Machine, card: Card) -> filters.Layers:
        place = (card.network, card.region)
        if place not in known:
            known[place] = effective.all_layers(state, *place)
        return [
            layer._replace(rules=effective.targeted(layer.rules, machine.tags, machine.accounts, card.network))
            for layer in known[place]
        ]

    return find
