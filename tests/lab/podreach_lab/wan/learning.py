# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what the gateways' BGP learned to the routes in force.

Google: https://cloud.google.com/network-connectivity/docs/router/concepts/learned-routes (the best path selection mode
LEGACY): a router prefers the shorter AS path, then the lower MED, and uses all that are equal; the MED is the priority
of the dynamic route. Between routers only priorities count.
AWS: https://docs.aws.amazon.com/vpn/latest/s2svpn/vpn-route-priority.html: of equal ranges static routes come first,
then the shorter AS path, then the lower MED. A virtual private gateway sends into one tunnel, a transit gateway into
all that are equal if its ECMP support is on.
"""

from __future__ import annotations

import collections
import dataclasses
import ipaddress
import typing as t

from ..aws.facts import TransitGateway, TransitRouteTable, VpnConnection
from ..dataplane.view import in_force, link_path
from ..state import Resource, State
from . import cloud_router, figures
from .model import (
    DynamicRoute,
    LearnedRoute,
    Negotiated,
    Path,
    SpeakerState,
    aws_end,
    router_key,
    transit_gateway_key,
    virtual_gateway_key,
)
from .tunnels import negotiate

Rank = tuple[int, int, int]


@dataclasses.dataclass(frozen=True)
class Rival:
    """One way to a range. The lowest rank wins: static before learned, path length, MED."""

    range: str
    tunnel: str
    rank: Rank = (0, 0, 0)


def metric(route: LearnedRoute) -> int:
    return figures.WITHOUT_MED if route.med is None else route.med


def learned_rank(route: LearnedRoute) -> Rank:
    return 1, len(route.path), metric(route)


def in_order(range_: str) -> tuple[int, str]:
    """How Google sorts what is more than a quota allows: the shortest masks first, then by their text."""
    return ipaddress.IPv4Network(range_).prefixlen, range_


# ---- a gateway's paths


def paths(state: State, gateway: str) -> tuple[Path, ...]:
    """What a gateway (by its key) sends into which of its tunnels, one Path a range.

    Of a transit gateway: all of its connections together, whatever its route tables say; see `transit_paths`.
    """
    for router in in_force(state, cloud_router.ROUTER):
        if router_key(router.path) == gateway:
            return router_paths(state, router)
    for virtual in state.aws.virtual_gateways:
        if virtual_gateway_key(virtual.id) == gateway:
            return best(gateway, aws_rivals(state, gateway, connections_of(state, virtual.id)), shared=False)
    for transit in state.aws.transit_gateways:
        if transit_gateway_key(transit.id) == gateway:
            return best(gateway, aws_rivals(state, gateway, connections_of(state, transit.id)), shared=transit.ecmp)
    return ()


def best(gateway: str, rivals: t.Iterable[Rival], shared: bool) -> tuple[Path, ...]:
    """The best way to each range; all that are equally good if they share the traffic, else a stable one of them."""
    by_range: dict[str, list[Rival]] = collections.defaultdict(list)
    for rival in rivals:
        by_range[rival.range].append(rival)
    found = []
    for text in sorted(by_range, key=in_order):
        first = min(rival.rank for rival in by_range[text])
        tunnels = sorted({rival.tunnel for rival in by_range[text] if rival.rank == first})
        found.append(Path(gateway, text, tuple(tunnels if shared else tunnels[:1])))
    return tuple(found)


def router_routes(state: State, router: Resource) -> list[LearnedRoute]:
    """The best that a Cloud Router learned: several for one range where they are equally good."""
    known = state.bgp.get(router_key(router.path), SpeakerState()).routes
    first: dict[str, Rank] = {}
    for route in known:
        first[route.range] = min(first.get(route.range, learned_rank(route)), learned_rank(route))
    chosen = [route for route in known if learned_rank(route) == first[route.range]]
    return sorted(chosen, key=lambda route: (in_order(route.range), route.session))


def router_paths(state: State, router: Resource) -> tuple[Path, ...]:
    tunnels = {peer.name: peer.tunnel for peer in cloud_router.peers(router)}
    by_range: dict[str, list[LearnedRoute]] = collections.defaultdict(list)
    for route in router_routes(state, router):
        if tunnels.get(route.session):
            by_range[route.range].append(route)
    return tuple(
        Path(router_key(router.path), text, tuple(sorted({tunnels[route.session] for route in best})), metric(best[0]))
        for text, best in by_range.items()
    )


def connections_of(state: State, gateway: str) -> list[VpnConnection]:
    return [item for item in state.aws.connections if item.gateway == gateway]


def aws_rivals(state: State, gateway: str, connections: t.Iterable[VpnConnection]) -> list[Rival]:
    """What the connections of a gateway bring: static routes where their tunnels are up, and what BGP learned."""
    negotiated = negotiate(state)
    known = state.bgp.get(gateway, SpeakerState()).routes
    found = []
    for connection in connections:
        if connection.static_only:
            tunnels = up_tunnels(negotiated, connection)
            found += [Rival(text, tunnel) for text in connection.static for tunnel in tunnels]
        else:
            mine = {aws_end(connection.id, number) for number in range(len(connection.tunnels))}
            found += [Rival(item.range, item.session, learned_rank(item)) for item in known if item.session in mine]
    return found


def up_tunnels(negotiated: Negotiated, connection: VpnConnection) -> list[str]:
    mine = {aws_end(connection.id, number) for number in range(len(connection.tunnels))}
    return [end.resource for tunnel in negotiated.tunnels for end in tunnel.ends if end.resource in mine]


def transit_paths(state: State, gateway: TransitGateway, table: TransitRouteTable) -> tuple[Path, ...]:
    """What of a transit route table leads into tunnels: its static routes to VPN attachments, and what those that
    propagate into it brought. Static routes come first."""
    key = transit_gateway_key(gateway.id)
    by_attachment = {item.id: item.resource for item in state.aws.attachments if item.kind == "vpn"}
    connections = {item.id: item for item in connections_of(state, gateway.id)}
    propagating = [
        connections[by_attachment[name]] for name in table.propagating if by_attachment.get(name) in connections
    ]
    found = aws_rivals(state, key, propagating)
    negotiated = negotiate(state)
    for text, attachment in table.static:
        connection = connections.get(by_attachment.get(attachment, ""))
        if connection is not None:
            found += [Rival(text, tunnel) for tunnel in usable_tunnels(state, key, negotiated, connection)]
    return best(key, found, shared=gateway.ecmp)


def usable_tunnels(state: State, gateway: str, negotiated: Negotiated, connection: VpnConnection) -> list[str]:
    """The tunnels that a static route to a connection uses: those that are up, with BGP where there is to be BGP."""
    up = up_tunnels(negotiated, connection)
    if connection.static_only:
        return up
    sessions = state.bgp.get(gateway, SpeakerState()).sessions
    return [name for name in up if name in sessions and sessions[name].up]


# ---- a network's dynamic routes


def dynamic_routes(state: State, network: Resource) -> list[DynamicRoute]:
    """The dynamic routes of a VPC network, one a range, region and Cloud Router, each with the priority that it has in
    its own region. What a region learned beyond its quota is not there."""
    found: dict[str, list[DynamicRoute]] = collections.defaultdict(list)
    for router in in_force(state, cloud_router.ROUTER):
        if link_path(router, router.body["network"]) == network.path:
            region = cloud_router.region_of(router)
            found[region] += [
                DynamicRoute(path.range, path.priority, region, router.path) for path in router_paths(state, router)
            ]
    return [route for routes in found.values() for route in within(routes, figures.LEARNED_HERE)]


def routes_in(state: State, network: Resource, region: str) -> list[DynamicRoute]:
    """The dynamic routes that a region's machines use: its own, and in a network with global routing the other
    regions', their priority raised by what is between."""
    found = dynamic_routes(state, network)
    own = [route for route in found if route.region == region]
    if not cloud_router.is_global(network):
        return own
    others = [
        dataclasses.replace(route, priority=route.priority + figures.inter_region_cost(region, route.region))
        for route in found
        if route.region != region
    ]
    return own + within(others, figures.LEARNED_ELSEWHERE)


def within(routes: t.Sequence[DynamicRoute], quota: int) -> list[DynamicRoute]:
    """The routes to the first so many destinations: https://cloud.google.com/network-connectivity/docs/router/quotas"""
    kept = set(sorted({route.dest_range for route in routes}, key=in_order)[:quota])
    return [route for route in routes if route.dest_range in kept]


def admit(routes: t.Iterable[DynamicRoute]) -> tuple[list[DynamicRoute], list[DynamicRoute]]:
    """Dynamic routes of a peering group that fit into its quota, and those that are dropped, silently as Google does.
    A destination counts once a region; who came first stays."""
    kept: list[DynamicRoute] = []
    dropped: list[DynamicRoute] = []
    seen: dict[str, set[str]] = {}
    for route in routes:
        known = seen.setdefault(route.region, set())
        if route.dest_range in known or len(known) < figures.PEERING_GROUP_ACCEPTS:
            known.add(route.dest_range)
            kept.append(route)
        else:
            dropped.append(route)
    return kept, dropped
