# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what BGP learned to routes in force, and to what the APIs tell of it."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.lab.podreach_lab.aws.facts import (
    Attachment,
    AwsFacts,
    TransitGateway,
    TransitRouteTable,
    TunnelOptions,
    VirtualGateway,
    VpnConnection,
)
from ansible_collections.podreach.gke.tests.lab.podreach_lab.clock import ManualClock
from ansible_collections.podreach.gke.tests.lab.podreach_lab.state import Resource, State
from ansible_collections.podreach.gke.tests.lab.podreach_lab.wan import figures, learning, report
from ansible_collections.podreach.gke.tests.lab.podreach_lab.wan.model import (
    DynamicRoute,
    LearnedRoute,
    Negotiated,
    SessionState,
    SpeakerState,
    Telemetry,
    Tunnel,
    TunnelEnd,
    TunnelState,
    router_key,
    transit_gateway_key,
    virtual_gateway_key,
)

HERE, THERE = "asia-northeast1", "us-east1"
NETWORK = "projects/p1/global/networks/n1"
VGW, TGW = virtual_gateway_key("vgw-1"), transit_gateway_key("tgw-1")
TUNNELS = (TunnelOptions("", "169.254.1.0/30", ""), TunnelOptions("", "169.254.2.0/30", ""))
Way = tuple[str, str, int | None, int]
"""(session, range, MED, length of the AS path)"""


def router_path(region: str, name: str = "r1") -> str:
    return f"projects/p1/regions/{region}/routers/{name}"


def tunnel_path(region: str, number: int) -> str:
    return f"projects/p1/regions/{region}/vpnTunnels/t{number}"


@pytest.fixture
def state() -> State:
    found = State(ManualClock(), seed=1)
    found.add(Resource("compute#network", NETWORK, {"routingConfig": {"routingMode": "REGIONAL"}}))
    return found


def add_router(state: State, region: str = HERE, name: str = "r1") -> Resource:
    """With peers p0 to p2, one a tunnel."""
    interfaces = [
        {"name": f"i{at}", "ipRange": f"169.254.{at}.2/30", "linkedVpnTunnel": tunnel_path(region, at)}
        for at in range(3)
    ]
    peers = [{"name": f"p{at}", "interfaceName": f"i{at}", "peerIpAddress": f"169.254.{at}.1"} for at in range(3)]
    body = {"network": NETWORK, "bgp": {"asn": 65010}, "interfaces": interfaces, "bgpPeers": peers}
    return state.add(Resource("compute#router", router_path(region, name), body))


def learn(state: State, gateway: str, *ways: Way) -> None:
    routes = tuple(
        LearnedRoute(range_, session, "169.254.9.1", med, tuple(64512 + at for at in range(length)))
        for session, range_, med, length in ways
    )
    names = [session for session, *_rest in ways]
    sessions = {name: SessionState("Established", learned=names.count(name)) for name in names}
    state.learn_bgp(gateway, SpeakerState(sessions, routes))


def short_paths(state: State, gateway: str) -> dict[str, tuple[list[str], int]]:
    """Range -> (the tunnels' names, priority)."""
    return {
        path.range: ([name.rpartition("vpnTunnels/")[2] for name in path.tunnels], path.priority)
        for path in learning.paths(state, gateway)
    }


# ---- a Cloud Router


@pytest.mark.parametrize(
    ("ways", "found"),
    [
        ([("p0", 100, 1), ("p1", 100, 1)], (["t0", "t1"], 100)),
        ([("p0", 100, 2), ("p1", 200, 1)], (["t1"], 200)),
        ([("p0", 300, 1), ("p1", 200, 1), ("p2", 200, 1)], (["t1", "t2"], 200)),
        ([("p0", None, 1), ("p1", 100, 1)], (["t0"], 0)),
    ],
    ids=["equal", "shorter path", "lower MED", "no MED"],
)
def test_the_best_of_a_router(
    state: State, ways: list[tuple[str, int | None, int]], found: tuple[list[str], int]
) -> None:
    add_router(state)
    learn(state, router_key(router_path(HERE)), *((name, "10.0.0.0/16", med, length) for name, med, length in ways))
    assert short_paths(state, router_key(router_path(HERE))) == {"10.0.0.0/16": found}


def test_dynamic_routes_of_a_network(state: State) -> None:
    network = state.get(NETWORK)
    assert network is not None
    add_router(state)
    add_router(state, name="r2")
    add_router(state, THERE)
    learn(state, router_key(router_path(HERE)), ("p0", "10.0.0.0/16", 100, 1), ("p1", "0.0.0.0/0", 100, 1))
    learn(state, router_key(router_path(HERE, "r2")), ("p0", "10.0.0.0/16", 200, 3))
    learn(state, router_key(router_path(THERE)), ("p0", "10.9.0.0/16", 100, 1))
    here, second = router_path(HERE), router_path(HERE, "r2")
    own = [
        DynamicRoute("0.0.0.0/0", 100, HERE, here),
        DynamicRoute("10.0.0.0/16", 100, HERE, here),
        DynamicRoute("10.0.0.0/16", 200, HERE, second),
    ]
    other = DynamicRoute("10.9.0.0/16", 100, THERE, router_path(THERE))
    assert learning.dynamic_routes(state, network) == [*own, other]
    assert learning.routes_in(state, network, HERE) == own
    network.body["routingConfig"]["routingMode"] = "GLOBAL"
    cost = figures.inter_region_cost(HERE, THERE)
    assert learning.routes_in(state, network, HERE) == [*own, dataclasses.replace(other, priority=100 + cost)]


def test_a_region_uses_so_many_destinations(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "LEARNED_HERE", 3)
    monkeypatch.setattr(figures, "LEARNED_ELSEWHERE", 1)
    network = state.get(NETWORK)
    assert network is not None
    network.body["routingConfig"]["routingMode"] = "GLOBAL"
    add_router(state)
    add_router(state, THERE)
    ranges = ("10.2.0.0/24", "10.10.0.0/24", "10.9.0.0/16", "10.3.0.0/24")
    learn(state, router_key(router_path(HERE)), *(("p0", text, 100, 1) for text in ranges))
    kept = ["10.9.0.0/16", "10.10.0.0/24", "10.2.0.0/24"]
    assert [item.dest_range for item in learning.routes_in(state, network, HERE)] == kept
    assert [item.dest_range for item in learning.routes_in(state, network, THERE)] == kept[:1]
    result = report.router_view(state, router_path(HERE))
    assert [item["destRange"] for item in result["bestRoutes"]] == kept
    assert len(result["bestRoutesForRouter"]) == 4


# ---- AWS


def connection(name: str, gateway: str, *static: str) -> VpnConnection:
    return VpnConnection(name, gateway, "cgw-1", bool(static), static, TUNNELS)


def negotiated(*up: str) -> Negotiated:
    tunnels = tuple(Tunnel(TunnelEnd("router r1", f"t {name}", ""), TunnelEnd("", name, "")) for name in up)
    return Negotiated(tunnels, {name: TunnelState("UP", "") for name in up})


@pytest.fixture
def aws(state: State, monkeypatch: pytest.MonkeyPatch) -> State:
    """Virtual gateway vgw-1: vpn-1 with BGP, vpn-2 static; transit gateway tgw-1: vpn-3 and vpn-4. All tunnels are up
    but one of vpn-2."""
    state.learn_aws(
        AwsFacts(
            virtual_gateways=(VirtualGateway("vgw-1", 64512, "vpc-1"),),
            transit_gateways=(TransitGateway("tgw-1", 64512, True),),
            connections=(
                connection("vpn-1", "vgw-1"),
                connection("vpn-2", "vgw-1", "10.1.0.0/24", "10.7.0.0/24"),
                connection("vpn-3", "tgw-1"),
                connection("vpn-4", "tgw-1"),
            ),
            attachments=(
                Attachment("a-3", "tgw-1", "vpn", "vpn-3", (), "t-1"),
                Attachment("a-4", "tgw-1", "vpn", "vpn-4", (), "t-1"),
            ),
        )
    )
    names = ("vpn-1/0", "vpn-1/1", "vpn-2/1", "vpn-3/0", "vpn-3/1", "vpn-4/0")
    for module in (learning, report):
        monkeypatch.setattr(module, "negotiate", lambda _state: negotiated(*names))
    return state


def test_a_virtual_gateway_sends_into_one_tunnel(aws: State) -> None:
    ways: list[Way] = [
        ("vpn-1/0", "10.1.0.0/24", 100, 1),
        ("vpn-1/1", "10.8.0.0/24", 100, 1),
        ("vpn-1/0", "10.8.0.0/24", 100, 1),
        ("vpn-1/0", "10.9.0.0/24", 200, 1),
        ("vpn-1/1", "10.9.0.0/24", 100, 1),
        ("vpn-1/0", "10.10.0.0/24", 200, 1),
        ("vpn-1/1", "10.10.0.0/24", 100, 2),
    ]
    learn(aws, VGW, *ways)
    assert {text: tunnels for text, (tunnels, _priority) in short_paths(aws, VGW).items()} == {
        "10.1.0.0/24": ["vpn-2/1"],
        "10.7.0.0/24": ["vpn-2/1"],
        "10.8.0.0/24": ["vpn-1/0"],
        "10.9.0.0/24": ["vpn-1/1"],
        "10.10.0.0/24": ["vpn-1/0"],
    }


def test_a_transit_gateway_shares_among_equals(aws: State) -> None:
    equal: list[Way] = [(name, "10.1.0.0/24", 100, 1) for name in ("vpn-3/0", "vpn-3/1", "vpn-4/0")]
    learn(aws, TGW, *equal)
    assert short_paths(aws, TGW) == {"10.1.0.0/24": (["vpn-3/0", "vpn-3/1", "vpn-4/0"], 0)}
    gateway = aws.aws.transit_gateways[0]
    table = TransitRouteTable("t-1", "tgw-1", (("10.7.0.0/16", "a-4"), ("10.8.0.0/16", "")), ("a-3",))
    found = {path.range: path.tunnels for path in learning.transit_paths(aws, gateway, table)}
    assert found == {"10.1.0.0/24": ("vpn-3/0", "vpn-3/1"), "10.7.0.0/16": ("vpn-4/0",)}
    aws.learn_aws(dataclasses.replace(aws.aws, transit_gateways=(dataclasses.replace(gateway, ecmp=False),)))
    assert short_paths(aws, TGW) == {"10.1.0.0/24": (["vpn-3/0"], 0)}


def test_nothing_is_known_of_other_gateways(state: State) -> None:
    assert learning.paths(state, "vgw vgw-9") == ()


def test_telemetry(aws: State) -> None:
    session = SessionState("Established", 7.0, "", 3)
    aws.learn_bgp(VGW, SpeakerState({"vpn-1/0": session}))
    assert report.telemetry(aws, "vpn-1", 0) == Telemetry(True, "3 BGP ROUTES", 3, 7.0)
    assert report.telemetry(aws, "vpn-1", 1) == Telemetry(False, "IPSEC IS UP", 0, 0.0)
    assert report.telemetry(aws, "vpn-2", 0) == Telemetry(False, "IPSEC IS DOWN", 0, 0.0)
    assert report.telemetry(aws, "vpn-2", 1).up
    assert report.telemetry(aws, "vpn-9", 0) == Telemetry(False, "IPSEC IS DOWN", 0, 0.0)


# ---- getRouterStatus


def test_status_of_a_router(state: State) -> None:
    clock = t.cast(ManualClock, state.clock)
    network = state.get(NETWORK)
    assert network is not None
    network.body["routingConfig"]["routingMode"] = "GLOBAL"
    add_router(state)
    add_router(state, THERE)
    learn(state, router_key(router_path(HERE)), ("p0", "10.0.0.0/16", 100, 1), ("p1", "10.0.0.0/16", 100, 1))
    learn(state, router_key(router_path(THERE)), ("p0", "10.0.0.0/16", 100, 1), ("p1", "10.9.0.0/16", 100, 1))
    clock.advance(61)
    result = report.router_view(state, router_path(HERE))
    own = [(item["destRange"], item["priority"], item["nextHopVpnTunnel"][-2:]) for item in result["bestRoutes"]]
    assert own == [("10.0.0.0/16", 100, "t0"), ("10.0.0.0/16", 100, "t1"), ("10.9.0.0/16", 350, "t1")]
    assert result["bestRoutes"][2]["nextHopInterRegionCost"] == 250
    assert result["bestRoutesForRouter"] == result["bestRoutes"][:2]
    up, _also, down = result["bgpPeerStatus"]
    assert (up["status"], up["uptime"], up["uptimeSeconds"]) == ("UP", "1 minutes, 1 seconds", "61")
    assert (down["status"], down["state"], down["numLearnedRoutes"]) == ("DOWN", "Idle", 0)
    assert report.router_view(state, router_path(HERE, "r9")) == {}
