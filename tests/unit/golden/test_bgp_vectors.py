# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Golden vectors that can be answered from a router's status alone, put to module_utils/bgp.py.

Some give a status. Of the others, what a Cloud Router sends is worked out by the function that guards a session's
limit, and written as the status that the API would then show: bgp.py must read out of it what the vector expects. What
brings a session down, and the cost between regions in a priority, are questions that the lab answers.
"""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.podreach.gke.plugins.module_utils import bgp
from ansible_collections.podreach.gke.plugins.module_utils.gcp import advertisement
from ansible_collections.podreach.gke.tests.golden.loader import Answers, Vector, load

ANSWERS = Answers()

#: What a vector may give that says nothing about what a router advertises.
ELSEWHERE = ("clusters", "nodes", "routes", "masquerade", "open")


def region_url(resource: dict[str, t.Any]) -> dict[str, t.Any]:
    """The resource with its region as the API writes it."""
    return {**resource, "region": f"https://www.googleapis.com/compute/v1/projects/p/regions/{resource['region']}"}


def status(vector: Vector, subnetworks: list[dict[str, t.Any]]) -> bgp.RouterStatus:
    """What getRouterStatus shows of the vector's one router, all sessions being up, as read back."""
    (router,) = vector.given["routers"]
    (network,) = vector.given["networks"]
    own = [region_url(item) for item in subnetworks if item["network"] == network["name"]]
    peers = []
    for peer in router["bgpPeers"]:
        route = {"kind": "compute#route", "priority": peer.get("advertisedRoutePriority", 100)}
        sent = advertisement.advertised(network, own, region_url(router), peer)
        routes = [{**route, "destRange": cidr, "nextHopIp": peer.get("ipAddress")} for cidr in sorted(sent)]
        peers.append(
            {"name": peer["name"], "state": "Established", "status": "UP", "advertisedRoutes": routes}
            | {key: peer[key] for key in ("ipAddress", "peerIpAddress") if key in peer}
        )
    return bgp.read({"kind": "compute#routerStatusResponse", "result": {"bgpPeerStatus": peers}})


def counted_subnetworks(given: dict[str, t.Any]) -> list[dict[str, t.Any]]:
    """As many subnetworks and ranges as a vector counts, no two of them neighbours."""
    (router,) = given["routers"]
    free = (f"10.{number // 128}.{number % 128 * 2}.0/24" for number in range(10**4))
    return [
        {
            "name": f"s{number}",
            "network": router["network"],
            "region": router["region"],
            "ipCidrRange": next(free),
            "secondaryIpRanges": [
                {"ipCidrRange": next(free)} for _each in range(given["counts"]["secondaryIpRangesEach"])
            ],
        }
        for number in range(given["counts"]["subnetworks"])
    ]


@ANSWERS.to("session", reads=["routerStatus"], judges=["up", "learned", "uptime"])
def session(vector: Vector) -> None:
    """A session's own words."""
    (peer,) = [peer for peer in bgp.read(vector.given["routerStatus"]).peers if peer.name == vector.ask["session"]]
    assert (peer.up, peer.num_learned_routes, peer.uptime) == (
        vector.expect["up"],
        vector.expect["learned"],
        vector.expect["uptime"],
    )


@ANSWERS.to(
    "advertised_on",
    reads=["networks", "subnetworks", "routers", "aws", *ELSEWHERE],
    judges=["both", "advertised", "priority", "nextHopIp", "missing"],
)
def advertised_on(vector: Vector) -> None:
    """What the named sessions advertise, with what priority and next hop, and what is missing."""
    found = status(vector, vector.given["subnetworks"])
    asked = vector.ask["advertised_on"]
    peers = [peer for peer in found.peers if peer.name in asked]
    assert len(peers) == (1 if isinstance(asked, str) else len(asked))
    expected = vector.expect["both" if "both" in vector.expect else "advertised"]
    for peer in peers:
        assert {item.range for item in peer.advertised_ranges} == set(expected)
        if "priority" in vector.expect:
            assert {item.priority for item in peer.advertised_ranges} == {vector.expect["priority"]}
        if "nextHopIp" in vector.expect:
            assert {item.next_hop_ip for item in peer.advertised_ranges} == {vector.expect["nextHopIp"][peer.name]}
    assert not bgp.missing_ranges(found, expected)
    missing = bgp.missing_ranges(found, list(vector.expect.get("missing", {})))
    assert {item.range for item in missing} == set(vector.expect.get("missing", {}))


@ANSWERS.to(
    "prefixes_on",
    reads=["networks", "counts", "routers", "aws", "plan"],
    judges=["count", "count_after", "limit", "headroom", "refused", "causes"],
)
def prefixes_on(vector: Vector) -> None:
    """How many prefixes the session sends, and whether its peer takes them."""
    (peer,) = status(vector, counted_subnetworks(vector.given)).peers
    limit = {"virtual private gateway": bgp.PREFIX_LIMIT, "transit gateway": 1000}[vector.given["aws"]["gateway"]]
    assert vector.given.get("plan", []) in ([], ["add one secondary range"])
    adding = ["10.250.0.0/16"] if "plan" in vector.given else []
    found = bgp.prefix_headroom(peer, limit, adding)
    assert found.limit == vector.expect["limit"]
    assert found.count == vector.expect["count_after" if adding else "count"]
    assert found.headroom == vector.expect.get("headroom", found.headroom)
    assert ([found.code] if found.code else []) == vector.expect["causes"]
    assert bool(found.code) == vector.expect.get("refused", False)


VECTORS = [
    vector
    for group in ("advertisement", "story")
    for vector in load(group)
    if vector in ANSWERS
    and set(vector.given) <= {"routerStatus", "networks", "subnetworks", "counts", "routers", "aws", "plan", *ELSEWHERE}
    and (vector.kind != "session" or "routerStatus" in vector.given)
    and len(vector.given.get("routers", [1])) == len(vector.given.get("networks", [1])) == 1
    and not isinstance(vector.expect.get("priority"), dict)
]


def test_which_these_are() -> None:
    """What pure parsing can answer; the named ones at least."""
    found = {vector.id for vector in VECTORS}
    assert found >= {
        "s0-01-first-advertisement",
        "s0-06-secondary-ranges-are-advertised",
        "s0-10-three-ranges-with-the-managed-services-range",
        "s0-17-session-readings",
        "prefixes-99-of-100",
        "prefixes-100-of-100",
        "prefixes-101-to-a-transit-gateway",
        "adding-a-range-to-a-full-session-is-foreseen",
        "default-mode-primary-and-secondary",
        "session-custom-and-empty-advertises-nothing",
    }


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.id)
def test_golden(vector: Vector) -> None:
    ANSWERS.run(vector)
