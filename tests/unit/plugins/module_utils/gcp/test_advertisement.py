# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The prefix budget of BGP sessions: what a change would have them advertise, and when it is refused."""

from __future__ import annotations

import tempfile
import typing as t
from pathlib import Path

import pytest

from ansible_collections.podreach.gke.plugins.module_utils.gcp import networks, resource_set, routers, subnetworks
from ansible_collections.podreach.gke.plugins.module_utils.gcp.advertisement import advertised
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import definition
from ansible_collections.podreach.gke.tests.unit.plugins.module_utils.gcp.wire import (
    Expected,
    Wire,
    absent,
    operation,
)

SUBNETWORK = definition(subnetworks.Subnetwork, subnetworks.SPEC)
NETWORK = definition(networks.Network, networks.SPEC)
ROUTER = definition(routers.Router, routers.SPEC)
BASE = "https://www.googleapis.com/compute/v1/"
N = "projects/p/global/networks/n"
Json = dict[str, t.Any]


@pytest.fixture(autouse=True)
def _locks_of_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def subnetwork(name: str, region: str, primary: str, *secondary: str, network: str = "n") -> Json:
    return {
        "name": name,
        "network": f"{BASE}projects/p/global/networks/{network}",
        "region": f"{BASE}projects/p/regions/{region}",
        "ipCidrRange": primary,
        "secondaryIpRanges": [
            {"rangeName": f"x{number}", "ipCidrRange": cidr} for number, cidr in enumerate(secondary)
        ],
        "fingerprint": "f",
    }


def router(name: str, region: str, *peers: Json, network: str = "n", **bgp: t.Any) -> Json:
    return {
        "name": name,
        "network": f"{BASE}projects/p/global/networks/{network}",
        "region": f"{BASE}projects/p/regions/{region}",
        "bgp": {"asn": 65010, **bgp},
        "bgpPeers": list(peers),
    }


def network(mode: str = "REGIONAL", **more: t.Any) -> Json:
    return {"name": "n", "autoCreateSubnetworks": False, "routingConfig": {"routingMode": mode}, **more}


# -- what one session advertises

HERE = subnetwork("here", "r1", "10.1.0.0/24", "10.2.0.0/16", "10.3.0.0/20")
THERE = subnetwork("there", "r2", "10.4.0.0/24")
ALL = {"10.1.0.0/24", "10.2.0.0/16", "10.3.0.0/20", "10.4.0.0/24"}
LOCAL = ALL - {"10.4.0.0/24"}
X, Y = {"range": "172.16.0.0/16"}, {"range": "172.17.0.0/16"}
CUSTOM_X: Json = {"advertiseMode": "CUSTOM", "advertisedIpRanges": [X]}
CUSTOM_Y: Json = {"advertiseMode": "CUSTOM", "advertisedIpRanges": [Y]}
WITH_ALL: Json = {"advertisedGroups": ["ALL_SUBNETS"]}


@pytest.mark.parametrize(
    ("mode", "bgp", "peer", "expected"),
    [
        ("REGIONAL", {}, {}, LOCAL),
        ("GLOBAL", {}, {}, ALL),
        (None, {}, {}, LOCAL),
        ("REGIONAL", {"advertiseMode": "DEFAULT"}, {"advertiseMode": "DEFAULT"}, LOCAL),
        ("GLOBAL", CUSTOM_X, {}, {"172.16.0.0/16"}),
        ("GLOBAL", CUSTOM_X | WITH_ALL, {}, ALL | {"172.16.0.0/16"}),
        ("REGIONAL", CUSTOM_X | WITH_ALL, {"advertiseMode": "DEFAULT"}, LOCAL | {"172.16.0.0/16"}),
        ("GLOBAL", CUSTOM_X | WITH_ALL, CUSTOM_Y, {"172.17.0.0/16"}),
        ("GLOBAL", {}, CUSTOM_Y, {"172.17.0.0/16"}),
        ("GLOBAL", {}, CUSTOM_Y | WITH_ALL, ALL | {"172.17.0.0/16"}),
        ("GLOBAL", {"advertiseMode": "DEFAULT", "advertisedIpRanges": [X]}, {}, ALL),
        # a custom range that a subnetwork advertises too is one prefix
        (
            "REGIONAL",
            {"advertiseMode": "CUSTOM", "advertisedIpRanges": [{"range": "10.2.0.0/16"}]} | WITH_ALL,
            {},
            LOCAL,
        ),
    ],
)
def test_what_a_session_advertises(mode: str | None, bgp: Json, peer: Json, expected: set[str]) -> None:
    net = network(mode) if mode else {"name": "n"}
    assert advertised(net, [HERE, THERE], router("r", "r1", **bgp), peer) == expected


# -- the limit

ROUTERS = "projects/p/aggregated/routers"
SUBNETWORKS = "projects/p/aggregated/subnetworks"
PATH = "projects/p/regions/r1/subnetworks/s"


def aggregated(key: str, *items: Json) -> Json:
    return {"items": {f"regions/{number}": {key: [item]} for number, item in enumerate(items)}}


def status(*sent: tuple[str, int]) -> Json:
    return {
        "kind": "compute#routerStatusResponse",
        "result": {
            "bgpPeerStatus": [
                {"name": name, "advertisedRoutes": [{"destRange": f"10.9.{i}.0/24"} for i in range(count)]}
                for name, count in sent
            ]
        },
    }


def look(routing: Json, subnets: list[Json], *found: tuple[Json, Json]) -> list[Expected]:
    """The requests by which the budget is read: routers with their status."""
    return [
        Expected("GET", ROUTERS, aggregated("routers", *(item for item, _status in found))),
        Expected("GET", N, routing),
        Expected("GET", SUBNETWORKS, aggregated("subnetworks", *subnets)),
        *(
            Expected(
                "GET",
                f"projects/p/regions/{item['region'].rsplit('/', 1)[1]}/routers/{item['name']}/getRouterStatus",
                reply,
            )
            for item, reply in found
            if item["bgpPeers"]
        ),
    ]


def create(ranges: int, routing: Json, *found: tuple[Json, Json], **more: t.Any) -> tuple[list[Expected], Json]:
    """Creating subnetwork s in r1 with so many secondary ranges: the requests up to the POST, and the parameters."""
    expected = [
        absent(PATH),
        Expected("GET", N, routing),
        Expected("GET", SUBNETWORKS, aggregated("subnetworks", THERE)),
        *look(routing, [THERE], *found),
    ]
    params = {
        "name": "s",
        "region": "r1",
        "network": "n",
        "ip_cidr_range": "10.10.0.0/24",
        "secondary_ip_ranges": [
            {"range_name": f"x{number}", "ip_cidr_range": f"10.20.{number}.0/24"} for number in range(ranges)
        ],
        **more,
    }
    return expected, params


PEER = {"name": "peer0"}


def allowed(expected: list[Expected], params: Json) -> None:
    count = len(params["secondary_ip_ranges"])
    made = subnetwork("s", "r1", "10.10.0.0/24", *(f"10.20.{number}.0/24" for number in range(count)))
    wire = Wire(
        *expected,
        Expected("POST", "projects/p/regions/r1/subnetworks", operation("insert", PATH)),
        Expected("GET", PATH, made),
    )
    assert wire.run(SUBNETWORK, params)["changed"]


def refused(expected: list[Expected], params: Json) -> str:
    error = Wire(*expected).fails(SUBNETWORK, params)
    assert error.code == "bgp-prefix-limit"
    return str(error)


def test_up_to_the_limit_is_allowed() -> None:
    # 97 are sent now, a primary and two secondary ranges come
    allowed(*create(2, network(), (router("r", "r1", PEER), status(("peer0", 97)))))


def test_one_more_than_the_limit_is_refused_with_the_counts() -> None:
    message = refused(*create(2, network(), (router("r", "r1", PEER), status(("peer0", 98)))))
    assert "r/peer0: 98 now, 101 then" in message
    assert "over 100 prefixes" in message


def test_it_is_refused_in_check_mode_too() -> None:
    expected, params = create(2, network(), (router("r", "r1", PEER), status(("peer0", 98))))
    assert Wire(*expected).fails(SUBNETWORK, params, check_mode=True).code == "bgp-prefix-limit"


def test_every_session_that_is_too_full_is_named() -> None:
    message = refused(
        *create(
            0,
            network("GLOBAL"),
            (router("r", "r1", {"name": "a"}, {"name": "b"}, {"name": "c"}), status(("a", 100), ("b", 99), ("c", 120))),
            (router("far", "r2", PEER), status(("peer0", 100))),
        )
    )
    assert "r/a: 100 now, 101 then; r/c: 120 now, 121 then; far/peer0: 100 now, 101 then" in message
    assert "r/b" not in message


def test_another_limit_is_the_callers_word() -> None:
    found = (router("r", "r1", PEER), status(("peer0", 98)))
    allowed(*create(2, network(), found, advertised_prefix_limit=1000))
    assert "over 50 prefixes" in refused(*create(0, network(), found, advertised_prefix_limit=50))


def test_regional_routing_spares_the_sessions_of_other_regions() -> None:
    allowed(*create(2, network("REGIONAL"), (router("far", "r2", PEER), status(("peer0", 100)))))
    refused(*create(2, network("GLOBAL"), (router("far", "r2", PEER), status(("peer0", 100)))))


def test_a_session_with_lists_of_its_own_is_not_affected() -> None:
    allowed(*create(2, network(), (router("r", "r1", {**PEER, **CUSTOM_Y}), status(("peer0", 100)))))
    refused(*create(2, network(), (router("r", "r1", {**PEER, **CUSTOM_Y, **WITH_ALL}), status(("peer0", 100)))))


def test_without_a_status_the_prefixes_are_counted() -> None:
    many = [{"range": f"172.16.{number}.0/24"} for number in range(99)]
    bgp: Json = {"advertiseMode": "CUSTOM", "advertisedIpRanges": many, **WITH_ALL}
    allowed(*create(0, network(), (router("r", "r1", PEER, **bgp), {})))
    assert "r/peer0: 99 now, 101 then" in refused(*create(1, network(), (router("r", "r1", PEER, **bgp), {})))


def test_routers_of_other_networks_and_without_sessions_are_not_asked() -> None:
    expected, params = create(0, network())
    expected[3:] = [
        Expected("GET", ROUTERS, aggregated("routers", router("o", "r1", PEER, network="other"), router("idle", "r1")))
    ]
    allowed(expected, params)


def test_a_change_that_adds_no_range_asks_nobody() -> None:
    now = subnetwork("s", "r1", "10.10.0.0/24", "10.20.0.0/24")
    wire = Wire(
        Expected("GET", PATH, now),
        Expected("POST", f"{PATH}/setPrivateIpGoogleAccess", operation("x", PATH)),
        Expected("GET", PATH, {**now, "privateIpGoogleAccess": True}),
    )
    assert wire.run(SUBNETWORK, {"name": "s", "region": "r1", "private_ip_google_access": True})["changed"]


def test_expanding_a_range_is_no_prefix_more() -> None:
    now = subnetwork("s", "r1", "10.10.0.0/24")
    wire = Wire(
        Expected("GET", PATH, now),
        Expected("GET", N, network()),
        Expected("GET", SUBNETWORKS, aggregated("subnetworks", now)),
        *look(network(), [now], (router("r", "r1", PEER), status(("peer0", 100)))),
        Expected("POST", f"{PATH}/expandIpCidrRange", operation("x", PATH)),
        Expected("GET", PATH, {**now, "ipCidrRange": "10.10.0.0/23"}),
    )
    assert wire.run(SUBNETWORK, {"name": "s", "region": "r1", "ip_cidr_range": "10.10.0.0/23"})["changed"]


def test_global_routing_adds_the_ranges_of_other_regions() -> None:
    found = (router("r", "r1", PEER), status(("peer0", 100)))
    wire = Wire(Expected("GET", N, network()), *look(network(), [HERE, THERE], found))
    error = wire.fails(NETWORK, {"name": "n", "routing_config": {"routing_mode": "GLOBAL"}})
    assert error.code == "bgp-prefix-limit"
    assert "r/peer0: 100 now, 101 then" in str(error)


def test_a_custom_range_is_a_prefix_more() -> None:
    now = router("r", "r1", PEER)
    wire = Wire(
        Expected("GET", "projects/p/regions/r1/routers/r", now), *look(network(), [HERE], (now, status(("peer0", 100))))
    )
    bgp = {"advertise_mode": "CUSTOM", "advertised_groups": ["ALL_SUBNETS"], "advertised_ip_ranges": [X]}
    error = wire.fails(ROUTER, {"name": "r", "region": "r1", "bgp": bgp})
    assert error.code == "bgp-prefix-limit"
    assert "r/peer0: 100 now, 101 then" in str(error)


def test_a_router_without_sessions_may_change_beside_one_that_has_some() -> None:
    now, path = router("idle", "r1"), "projects/p/regions/r1/routers/idle"
    after = router("idle", "r1", advertiseMode="CUSTOM", advertisedGroups=["ALL_SUBNETS"])
    seen = [Expected("GET", path, now), *look(network(), [HERE], (now, {}), (router("r", "r1", PEER), status()))]
    wire = Wire(*seen, *seen, Expected("PATCH", path, operation("patch", path)), Expected("GET", path, after))
    params = {"name": "idle", "region": "r1", "bgp": {"advertise_mode": "CUSTOM", "advertised_groups": ["ALL_SUBNETS"]}}
    assert wire.run(ROUTER, params)["changed"]


def test_aggregating_many_ranges_into_one_is_allowed_when_the_session_is_full() -> None:
    now, path = router("r", "r1", PEER), "projects/p/regions/r1/routers/r"
    after = router("r", "r1", PEER, **CUSTOM_X)
    seen = [Expected("GET", path, now), *look(network(), [HERE], (now, status(("peer0", 120))))]
    wire = Wire(*seen, *seen, Expected("PATCH", path, operation("patch", path)), Expected("GET", path, after))
    params = {
        "name": "r",
        "region": "r1",
        "bgp": {"advertise_mode": "CUSTOM", "advertised_ip_ranges": [X]},
        "confirm_withdraw_subnets": "r",
        "allow_disruption": True,
    }
    assert wire.run(ROUTER, params)["changed"]


def test_the_ranges_that_one_task_adds_are_counted_together() -> None:
    found = (router("r", "r1", PEER), status(("peer0", 99)))
    expected: list[Expected] = []
    for name in ("s1", "s2"):
        expected += [
            absent(f"projects/p/regions/r1/subnetworks/{name}"),
            Expected("GET", N, network()),
            Expected("GET", SUBNETWORKS, aggregated("subnetworks", THERE)),
            *look(network(), [THERE], found),
        ]
    params = {
        "defaults": {"region": "r1", "network": "n"},
        "subnetworks": [
            {"name": "s1", "ip_cidr_range": "10.10.0.0/24"},
            {"name": "s2", "ip_cidr_range": "10.11.0.0/24"},
        ],
    }
    error = Wire(*expected).fails(resource_set.DEFINITION, params)
    assert error.code == "bgp-prefix-limit"
    assert "subnetworks/s2: " in str(error)
    assert "r/peer0: 99 now, 101 then" in str(error)


def test_global_routing_and_a_subnetwork_elsewhere_are_counted_together() -> None:
    found = (router("r", "r1", PEER), status(("peer0", 98)))
    path = "projects/p/regions/r2/subnetworks/s2"
    expected = [
        Expected("GET", N, network()),
        *look(network(), [THERE], found),
        absent(path),
        Expected("GET", N, network()),
        Expected("GET", SUBNETWORKS, aggregated("subnetworks", THERE)),
        *look(network(), [THERE], found),
    ]
    params = {
        "networks": [{"name": "n", "routing_config": {"routing_mode": "GLOBAL"}}],
        "subnetworks": [
            {
                "name": "s2",
                "region": "r2",
                "network": "n",
                "ip_cidr_range": "10.10.0.0/24",
                "secondary_ip_ranges": [{"range_name": "x", "ip_cidr_range": "10.11.0.0/24"}],
            }
        ],
    }
    error = Wire(*expected).fails(resource_set.DEFINITION, params)
    assert error.code == "bgp-prefix-limit"
    assert "r/peer0: 98 now, 101 then" in str(error)
