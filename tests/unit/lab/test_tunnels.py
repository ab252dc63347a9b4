# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""wan.tunnels.negotiate: which tunnels come up, and what both ends say."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.lab.podreach_lab.aws.facts import CustomerGateway
from ansible_collections.podreach.gke.tests.lab.podreach_lab.wan.tunnels import Suite, google_suite, negotiate
from ansible_collections.podreach.gke.tests.unit.lab import vpn
from ansible_collections.podreach.gke.tests.unit.lab.cloud import REGION, Cloud

Json = dict[str, t.Any]
T0, T1, T2, T3 = vpn.PATHS
ROUTER = f"router projects/podreach-lab/{vpn.ROUTERS}/r1"


@pytest.fixture
def joined(cloud: Cloud) -> Cloud:
    """Four tunnels to a virtual private gateway."""
    vpn.to_aws(cloud)
    cloud.lab.state.learn_aws(vpn.aws(cloud))
    return cloud


def said(cloud: Cloud) -> dict[str, str]:
    """The status of each end, by the last part of its name."""
    return {name.split("vpnTunnels/")[-1]: item.status for name, item in negotiate(cloud.lab.state).states.items()}


def ups(cloud: Cloud) -> set[str]:
    return {end.resource.split("vpnTunnels/")[-1] for item in negotiate(cloud.lab.state).tunnels for end in item.ends}


def test_four_tunnels_to_aws(joined: Cloud) -> None:
    found = negotiate(joined.lab.state)
    assert set(said(joined).values()) == {"ESTABLISHED", "UP"}
    assert len(found.states) == 8
    by_ends = {item.a.resource: item for item in found.tunnels}
    assert [(by_ends[path].b.resource) for path in vpn.PATHS] == ["vpn-0/0", "vpn-0/1", "vpn-1/0", "vpn-1/1"]
    second = by_ends[T1]
    assert (second.a.gateway, second.a.inside) == (ROUTER, "169.254.24.6/30")
    assert (second.b.gateway, second.b.inside) == ("vgw vgw-1", "169.254.24.5/30")
    assert not second.silent
    assert found.states[T0].detail == "Tunnel is up and running."


def test_a_transit_gateway(cloud: Cloud) -> None:
    vpn.to_aws(cloud)
    cloud.lab.state.learn_aws(vpn.aws(cloud, transit=True))
    assert {item.b.gateway for item in negotiate(cloud.lab.state).tunnels} == {"tgw tgw-1"}


def test_it_is_worked_out_once_for_a_state(joined: Cloud) -> None:
    assert negotiate(joined.lab.state) is negotiate(joined.lab.state)
    before = negotiate(joined.lab.state)
    joined.network("n2")
    assert negotiate(joined.lab.state) is not before


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"key": "another"}, "AUTHORIZATION_ERROR"),
        ({"ike_versions": ("ikev1",)}, "NEGOTIATION_FAILURE"),
        ({"outside": "52.0.0.9"}, "NO_INCOMING_PACKETS"),
    ],
)
def test_what_keeps_one_tunnel_down(joined: Cloud, options: Json, status: str) -> None:
    joined.lab.state.learn_aws(vpn.change_tunnel(joined.lab.state.aws, 1, 0, **options))
    expected = {"t2": status, "vpn-1/0": "DOWN", "t3": "ESTABLISHED", "vpn-1/1": "UP"}
    assert {name: word for name, word in said(joined).items() if name in expected} == expected
    assert ups(joined) == {"t0", "t1", "t3", "vpn-0/0", "vpn-0/1", "vpn-1/1"}


def test_a_wrong_inside_address_is_no_matter_of_ipsec(joined: Cloud) -> None:
    joined.lab.state.learn_aws(vpn.change_tunnel(joined.lab.state.aws, 0, 0, inside="169.254.99.0/30"))
    assert said(joined)["t0"] == "ESTABLISHED"
    (tunnel,) = [item for item in negotiate(joined.lab.state).tunnels if item.a.resource == T0]
    assert (tunnel.a.inside, tunnel.b.inside) == ("169.254.24.2/30", "169.254.99.1/30")


def test_a_customer_gateway_with_another_address(joined: Cloud) -> None:
    facts = joined.lab.state.aws
    wrong = CustomerGateway("cgw-0", 65010, "35.1.1.1")
    changed = dataclasses.replace(facts, customer_gateways=(wrong, facts.customer_gateways[1]))
    joined.lab.state.learn_aws(changed)
    assert ups(joined) == {"t2", "t3", "vpn-1/0", "vpn-1/1"}
    assert (said(joined)["t0"], said(joined)["vpn-0/0"]) == ("NO_INCOMING_PACKETS", "DOWN")


def test_nothing_at_aws(cloud: Cloud) -> None:
    vpn.to_aws(cloud)
    assert set(said(cloud).values()) == {"NO_INCOMING_PACKETS"}
    assert negotiate(cloud.lab.state).tunnels == ()


def test_without_an_interface_it_waits(joined: Cloud) -> None:
    joined.compute("PATCH", f"{vpn.ROUTERS}/r1", {"bgpPeers": [], "interfaces": []})
    found = negotiate(joined.lab.state)
    assert (found.states[T0].status, found.states[T0].detail) == (
        "WAITING_FOR_FULL_CONFIG",
        "Waiting for route configuration.",
    )
    assert found.states["vpn-0/0"].status == "DOWN"
    vpn.link(joined, "t3")
    assert ups(joined) == {"t3", "vpn-1/1"}


def test_google_to_google(cloud: Cloud) -> None:
    for at in (1, 2):
        cloud.network(f"n{at}")
        vpn.gateway(cloud, f"g{at}", f"n{at}")
        vpn.router(cloud, f"r{at}", f"n{at}", 65000 + at)
    to_google: Json = {"peerExternalGateway": None, "peerExternalGatewayInterface": None}
    vpn.tunnel(cloud, "a0", peerGcpGateway=f"{vpn.GATEWAYS}/g2", **to_google)
    vpn.link(cloud, "a0", asn=65002)
    assert said(cloud) == {"a0": "FIRST_HANDSHAKE"}
    back = {"vpnGateway": f"{vpn.GATEWAYS}/g2", "peerGcpGateway": f"{vpn.GATEWAYS}/g1", "router": f"{vpn.ROUTERS}/r2"}
    vpn.tunnel(cloud, "b0", **to_google, **back)
    assert said(cloud) == {"a0": "FIRST_HANDSHAKE", "b0": "WAITING_FOR_FULL_CONFIG"}
    vpn.link(cloud, "b0", router="r2", asn=65001)
    assert said(cloud) == {"a0": "ESTABLISHED", "b0": "ESTABLISHED"}
    (tunnel,) = negotiate(cloud.lab.state).tunnels
    assert {end.gateway.rsplit("/", 1)[1] for end in tunnel.ends} == {"r1", "r2"}


# ---- ciphers


def test_ciphers_of_google_in_the_words_of_aws() -> None:
    phase1 = {
        "encryption": ["AES-CBC-256", "AES-GCM-16-128"],
        "integrity": ["HMAC-SHA2-256-128", "HMAC-SHA1-96"],
        "prf": ["PRF-HMAC-SHA2-256"],
        "dh": ["Group-14", "Group-19"],
    }
    expected = Suite(frozenset({"AES256", "AES128-GCM-16"}), frozenset({"SHA2-256", "SHA1"}), frozenset({14, 19}))
    assert google_suite(phase1, "dh") == expected
    assert google_suite({}, "dh") == Suite()


@pytest.mark.parametrize(
    ("left", "right", "agree"),
    [
        (Suite(), Suite(), True),
        (Suite(frozenset({"AES128"})), Suite(), True),
        (Suite(frozenset({"AES128"})), Suite(frozenset({"AES256"})), False),
        (Suite(groups=frozenset({14})), Suite(groups=frozenset({2})), False),
        (Suite(groups=frozenset({14})), Suite(groups=frozenset({2, 14})), True),
        (Suite(integrity=frozenset({"SHA1"})), Suite(integrity=frozenset({"SHA2-256"})), True),
        (
            Suite(frozenset({"AES128"}), frozenset({"SHA1"})),
            Suite(frozenset({"AES128"}), frozenset({"SHA2-256"})),
            False,
        ),
        (
            Suite(frozenset({"AES128-GCM-16"}), frozenset({"SHA1"})),
            Suite(frozenset({"AES128-GCM-16"}), frozenset({"SHA2-256"})),
            True,
        ),
    ],
)
def test_when_two_suites_agree(left: Suite, right: Suite, agree: bool) -> None:
    assert left.agrees(right) is right.agrees(left) is agree


def test_ciphers_decide(cloud: Cloud) -> None:
    suite = {"phase1": {"encryption": ["AES-CBC-256"], "dh": ["Group-14"]}, "phase2": {"pfs": ["Group-14"]}}
    vpn.to_aws(cloud, cipherSuite=suite)
    facts = vpn.aws(cloud, phase1_groups=(14,), phase2_groups=(14,))
    cloud.lab.state.learn_aws(vpn.change_tunnel(facts, 0, 1, phase2_groups=(2,)))
    assert said(cloud)["t1"] == "NEGOTIATION_FAILURE"
    assert ups(cloud) == {"t0", "t2", "t3", "vpn-0/0", "vpn-1/0", "vpn-1/1"}


# ---- time


def test_a_new_tunnel_takes_its_time(slow: Cloud) -> None:
    clock = t.cast(t.Any, slow.clock)

    def do(method: str, path: str, body: Json) -> None:
        slow.compute(method, path, body)
        clock.advance(60)

    do("POST", "global/networks", {"name": "n1", "autoCreateSubnetworks": False})
    do("POST", vpn.GATEWAYS, {"name": "g1", "network": "global/networks/n1"})
    do("POST", vpn.ROUTERS, {"name": "r1", "network": "global/networks/n1", "bgp": {"asn": 65010}})
    do("POST", vpn.EXTERNAL, {"name": "aws", "interfaces": [{"id": 0, "ipAddress": vpn.OUTSIDE[0]}]})
    slow.lab.state.learn_aws(vpn.aws(slow))
    assert vpn.tunnel(slow, "t0")["status"] == "ALLOCATING_RESOURCES"
    clock.advance(21)
    vpn.link(slow, "t0")
    path = f"{vpn.TUNNELS}/t0"
    assert slow.compute("GET", path)["status"] == "FIRST_HANDSHAKE"
    assert said(slow)["vpn-0/0"] == "DOWN"
    clock.advance(20)
    assert slow.compute("GET", path)["status"] == "ESTABLISHED"
    assert said(slow)["vpn-0/0"] == "UP"
    do("PATCH", f"{vpn.ROUTERS}/r1", {"bgpPeers": [], "interfaces": []})
    slow.compute("DELETE", path)
    assert slow.compute("GET", path)["status"] == "DEPROVISIONING"
    assert REGION in slow.compute("GET", path)["region"]
