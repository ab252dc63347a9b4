# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the APIs tell of BGP: pure functions over what was really said.

What AWS writes beside a tunnel's status is known from users' reports only.
"""

from __future__ import annotations

import datetime

from ..clock import compute_time
from ..dataplane.view import link_path
from ..links import self_link
from ..state import Body, Resource, State
from . import cloud_router, figures, learning
from .model import (
    LearnedRoute,
    SessionState,
    SpeakerState,
    Telemetry,
    aws_end,
    router_key,
    transit_gateway_key,
    virtual_gateway_key,
)
from .tunnels import negotiate

IPSEC_DOWN = "IPSEC IS DOWN"
BGP_DOWN = "IPSEC IS UP"
ROUTES = "{} BGP ROUTES"
STATIC_UP = ""


# ---- AWS


def telemetry(state: State, connection: str, number: int) -> Telemetry:
    """Of one tunnel of a VPN connection at AWS: up only with IPsec and BGP, of a static one with IPsec."""
    found = next((item for item in state.aws.connections if item.id == connection), None)
    resource = aws_end(connection, number)
    said = negotiate(state).states.get(resource)
    ipsec = said is not None and said.status == "UP"
    session = SessionState()
    if found is not None:
        for key in (virtual_gateway_key(found.gateway), transit_gateway_key(found.gateway)):
            session = state.bgp.get(key, SpeakerState()).sessions.get(resource, session)
    if not ipsec:
        return Telemetry(False, IPSEC_DOWN, 0, session.since)
    if found is not None and found.static_only:
        return Telemetry(True, STATIC_UP, 0, session.since)
    if not session.up:
        return Telemetry(False, BGP_DOWN, 0, session.since)
    return Telemetry(True, ROUTES.format(session.learned), session.learned, session.since)


# ---- Google


def router_view(state: State, router_path: str) -> Body:
    """RouterStatus of a Cloud Router: what its sessions said, the best of what it learned (bestRoutesForRouter), and
    what its region uses (bestRoutes)."""
    router = state.get(router_path)
    if router is None:
        return {}
    body: Body = {"network": router.body["network"]}
    if region := region_routes(state, router):
        body["bestRoutes"] = region
    if own := learned_routes(state, router):
        body["bestRoutesForRouter"] = own
    if peers := cloud_router.peers(router):
        known = state.bgp.get(router_key(router.path), SpeakerState())
        body["bgpPeerStatus"] = [
            peer_status(state, peer, known.sessions.get(peer.name, SessionState())) for peer in peers
        ]
    return body


def peer_status(state: State, peer: cloud_router.Peer, session: SessionState) -> Body:
    body: Body = {
        "name": peer.name,
        "status": "UP" if session.up else "DOWN",
        "state": session.state,
        "numLearnedRoutes": session.learned if session.up else 0,
        "enableIpv4": peer.body.get("enableIpv4", True),
        "enableIpv6": peer.body.get("enableIpv6", False),
        "md5AuthEnabled": "md5AuthenticationKeyName" in peer.body,
    }
    if peer.local:
        body["ipAddress"] = peer.local
    if peer.remote:
        body["peerIpAddress"] = peer.remote
    if peer.tunnel:
        body["linkedVpnTunnel"] = self_link(peer.tunnel)
    if session.up:
        seconds = max(0, int(state.clock.monotonic() - session.since))
        body["uptime"] = written_uptime(seconds)
        body["uptimeSeconds"] = str(seconds)
        if session.announced:
            body["advertisedRoutes"] = [
                {
                    "kind": "compute#route",
                    "destRange": item.range,
                    "priority": item.med or 0,
                    "nextHopIp": peer.local,
                }
                for item in session.announced
            ]
    return body


def written_uptime(seconds: int) -> str:
    parts: list[str] = []
    for word, size in (("weeks", 604800), ("days", 86400), ("hours", 3600), ("minutes", 60), ("seconds", 1)):
        if seconds >= size or parts or word == "seconds":
            parts.append(f"{seconds // size} {word}")
            seconds %= size
    return ", ".join(parts)


def learned_routes(state: State, router: Resource, here: str = "") -> list[Body]:
    """The best that a router learned, as routes of its own region, or as another region (`here`) has them."""
    there = cloud_router.region_of(router)
    cost = figures.inter_region_cost(here or there, there)
    peers = {peer.name: peer for peer in cloud_router.peers(router)}
    sessions = state.bgp.get(router_key(router.path), SpeakerState()).sessions
    return [
        learned_route(state, router, peers[route.session], route, sessions.get(route.session, SessionState()), cost)
        for route in learning.router_routes(state, router)
        if route.session in peers
    ]


def learned_route(
    state: State, router: Resource, peer: cloud_router.Peer, route: LearnedRoute, session: SessionState, cost: int
) -> Body:
    age = datetime.timedelta(seconds=state.clock.monotonic() - session.since)
    body: Body = {
        "kind": "compute#route",
        "network": router.body["network"],
        "destRange": route.range,
        "priority": learning.metric(route) + cost,
        "nextHopIp": route.next_hop,
        "nextHopMed": learning.metric(route),
        "nextHopOrigin": "IGP",
        "routeType": "BGP",
        "routeStatus": "ACTIVE",
        "asPaths": [{"pathSegmentType": "AS_SEQUENCE", "asLists": list(route.path)}],
        "creationTimestamp": compute_time(state.clock.now() - age),
    }
    if cost:
        body["nextHopInterRegionCost"] = cost
    if peer.tunnel:
        body["nextHopVpnTunnel"] = self_link(peer.tunnel)
    return body


def region_routes(state: State, router: Resource) -> list[Body]:
    """What is in force in the router's region: of each destination that its quotas admit the routes with the lowest
    priority."""
    network = state.get(link_path(router, router.body["network"]))
    if network is None:
        return []
    here = cloud_router.region_of(router)
    admitted: dict[str, list[tuple[int, str]]] = {}
    for item in learning.routes_in(state, network, here):
        admitted.setdefault(item.dest_range, []).append((item.priority, item.origin))
    found: list[Body] = []
    shown: dict[str, list[Body]] = {}
    for text, routes in admitted.items():
        lowest = min(priority for priority, _origin in routes)
        for priority, origin in routes:
            source = state.get(origin)
            if priority == lowest and source is not None:
                known = shown.setdefault(origin, learned_routes(state, source, here))
                found += [body for body in known if body["destRange"] == text]
    return found
