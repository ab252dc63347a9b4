# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""router_status_info over a scripted wire: which requests it sends, and what it makes of the answers."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.podreach.gke.plugins.module_utils import bgp
from ansible_collections.podreach.gke.plugins.module_utils.errors import InvalidInput, PodreachError
from ansible_collections.podreach.gke.plugins.module_utils.gcp import router_status
from ansible_collections.podreach.gke.tests.unit.plugins.module_utils.gcp.wire import (
    Expected,
    Wire,
    absent,
    google_error,
)

Json = dict[str, t.Any]

PREFIX = "https://www.googleapis.com/compute/v1/"
HERE = "projects/p/regions/r1"
ASKED = {"name": "cr", "region": "r1"}
DEFINITION = router_status.DEFINITION


def router(name: str = "cr", *peers: str, network: str = "n", region: str = "r1", **more: t.Any) -> Json:
    """A router with these peers, each on an interface over the tunnel ``t-PEER``."""
    where = f"{PREFIX}projects/p/regions/{region}"
    return {
        "name": name,
        "selfLink": f"{where}/routers/{name}",
        "region": where,
        "network": f"{PREFIX}projects/p/global/networks/{network}",
        "bgp": {"asn": 65010},
        "interfaces": [{"name": f"if-{peer}", "linkedVpnTunnel": f"{where}/vpnTunnels/t-{peer}"} for peer in peers],
        "bgpPeers": [
            {"name": peer, "interfaceName": f"if-{peer}", "peerAsn": 64512, "enable": "TRUE", **more} for peer in peers
        ],
    }


def session(name: str, *ranges: str, **more: t.Any) -> Json:
    """A session that is up, as the API tells of it."""
    return {
        "name": name,
        "state": "Established",
        "status": "UP",
        "uptimeSeconds": "65",
        "linkedVpnTunnel": f"{PREFIX}{HERE}/vpnTunnels/t-{name}",
        "advertisedRoutes": [{"destRange": cidr, "priority": 100, "nextHopIp": "169.254.0.2"} for cidr in ranges],
        **more,
    }


def status(*sessions: Json, **more: t.Any) -> Json:
    return {"kind": "compute#routerStatusResponse", "result": {"bgpPeerStatus": [*sessions], **more}}


def reads(one: Json, its: Json) -> list[Expected]:
    """The requests for one router by name, and their answers."""
    path = one["selfLink"].removeprefix(PREFIX)
    return [Expected("GET", path, one), Expected("GET", f"{path}/getRouterStatus", its)]


def around(*subnetworks: Json, mode: str = "REGIONAL") -> list[Expected]:
    """The requests for a router's network and its subnetworks, which are made where something is amiss."""
    network = {"name": "n", "routingConfig": {"routingMode": mode}}
    return [
        Expected("GET", "projects/p/global/networks/n", network),
        Expected(
            "GET", "projects/p/aggregated/subnetworks", {"items": {"regions/r1": {"subnetworks": [*subnetworks]}}}
        ),
    ]


def subnetwork(cidr: str, *, region: str = "r1", **secondary: str) -> Json:
    return {
        "name": "s",
        "region": f"{PREFIX}projects/p/regions/{region}",
        "network": f"{PREFIX}projects/p/global/networks/n",
        "ipCidrRange": cidr,
        "secondaryIpRanges": [{"rangeName": name, "ipCidrRange": text} for name, text in secondary.items()],
    }


DOWN = {"state": "Connect", "status": "DOWN", "uptimeSeconds": None, "advertisedRoutes": None}


def test_one_router() -> None:
    answer = status(session("a", "10.1.0.0/24", "10.1.1.0/24"), bestRoutes=[{"destRange": "10.0.0.0/16"}])
    wire = Wire(*reads(router("cr", "a", "b"), answer), *around())
    result = wire.run(DEFINITION, {**ASKED, "ranges": ["10.1.0.0/24", {"name": "pods", "cidr": "10.32.0.0/14"}]})
    assert not result["changed"]
    (found,) = result["routers"]
    assert (found["name"], found["region"], found["network"], found["asn"]) == ("cr", "r1", "n", 65010)
    assert "raw" not in found
    assert "selected" not in result
    a, b = found["peers"]
    assert (a["name"], a["up"], a["uptime"], a["linked_vpn_tunnel"]) == ("a", True, "1 minutes, 5 seconds", "t-a")
    assert (a["peer_asn"], a["enabled"]) == (64512, True)
    assert [item["name"] for item in a["missing_ranges"]] == ["pods"]
    assert a["prefix_headroom"]["headroom"] == 98
    assert a["prefix_headroom"]["aggregates"] == [{"range": "10.1.0.0/23", "replaces": ["10.1.0.0/24", "10.1.1.0/24"]}]
    # what is configured and not told of yet is down, not absent
    assert (b["name"], b["up"], b["state"]) == ("b", False, None)
    assert [item["code"] for item in b["missing_ranges"]] == ["bgp-session-down"] * 2
    assert [(item["name"], item["peer"]) for item in found["missing_ranges"]] == [("pods", None)]
    assert [(item["aspect"], item["peers"]) for item in found["differences"]] == [("up", ["b"])]
    assert [item["range"] for item in found["best_routes"]] == ["10.0.0.0/16"]


def test_raw_and_query() -> None:
    answer = status(session("a"), session("b", **DOWN))
    query = "routers[].peers[?!up].{router_peer: name, state: state}[]"
    result = Wire(*reads(router("cr", "a", "b"), answer), *around()).run(
        DEFINITION, {**ASKED, "include_raw": True, "query": query}
    )
    assert result["routers"][0]["raw"] == answer
    assert result["selected"] == [{"router_peer": "b", "state": "Connect"}]


def test_none_is_no_error() -> None:
    assert Wire(absent(f"{HERE}/routers/cr")).run(DEFINITION, ASKED)["routers"] == []
    gone = [Expected("GET", f"{HERE}/routers/cr", router()), absent(f"{HERE}/routers/cr/getRouterStatus")]
    assert Wire(*gone).run(DEFINITION, ASKED)["routers"] == []


@pytest.mark.parametrize(
    ("asked", "listed", "found"),
    [
        ({"region": "r1"}, f"{HERE}/routers", ["cr", "other"]),
        ({"region": "r1", "network": "n"}, f"{HERE}/routers", ["cr"]),
        ({"network": "n"}, "projects/p/aggregated/routers", ["cr"]),
        ({"network": f"{PREFIX}projects/host/global/networks/n"}, "projects/p/aggregated/routers", []),
        ({"name": "other"}, "projects/p/aggregated/routers", ["other"]),
        ({}, "projects/p/aggregated/routers", ["cr", "other"]),
    ],
)
def test_which_routers(asked: Json, listed: str, found: list[str]) -> None:
    routers = [router("cr"), router("other", network="n2")]
    items: t.Any = {"regions/r1": {"routers": routers}} if "aggregated" in listed else routers
    wire = Wire(
        Expected("GET", listed, {"items": items}),
        *[Expected("GET", f"{HERE}/routers/{name}/getRouterStatus", status()) for name in found],
    )
    assert [item["name"] for item in wire.run(DEFINITION, asked)["routers"]] == found


def test_waits_until_all_are_up() -> None:
    one = router("cr", "a", "b")
    wire = Wire(
        absent(f"{HERE}/routers/cr"),
        *reads(router("cr"), status()),
        *reads(one, status(session("a"))),
        *reads(one, status(session("a"), session("b", **DOWN))),
        *reads(one, status(session("a"), session("b"))),
    )
    result = wire.run(DEFINITION, {**ASKED, "wait_established": True})
    assert all(peer["up"] for peer in result["routers"][0]["peers"])
    assert len(wire.sleeps) == 4


def test_a_disabled_peer_is_not_waited_for() -> None:
    one = router("cr", "a", "b")
    one["bgpPeers"][1]["enable"] = "FALSE"
    wire = Wire(*reads(one, status(session("a"), session("b", **DOWN))))
    found = wire.run(DEFINITION, {**ASKED, "wait_established": True})["routers"][0]
    assert [peer["enabled"] for peer in found["peers"]] == [True, False]
    assert found["differences"] == []


def test_check_mode_does_not_wait() -> None:
    wire = Wire(*reads(router("cr", "a"), status(session("a", **DOWN))), *around())
    result = wire.run(DEFINITION, {**ASKED, "wait_established": True}, check_mode=True)
    assert not result["routers"][0]["peers"][0]["up"]
    assert wire.sleeps == []


class Repeating(Wire):
    """A wire that gives the first answers as often as they are asked for, then the others."""

    def __init__(self, again: list[Expected], *afterwards: Expected) -> None:
        super().__init__(*again)
        self.again, self.afterwards = again, list(afterwards)

    def __call__(self, method: str, url: str, body: Json | None) -> t.Any:
        if not self.expected:
            once_more = url.endswith(self.again[0].path)
            self.expected = list(self.again if once_more else self.afterwards)
        return super().__call__(method, url, body)


def failing(again: list[Expected], *afterwards: Expected, **more: t.Any) -> PodreachError:
    """The failure to wait for a minute."""
    return Repeating(again, *afterwards).fails(DEFINITION, {**ASKED, "wait_established": True, "timeout": 60, **more})


def test_a_session_that_stays_down_is_named_with_its_tunnel() -> None:
    one = router("cr", "a", "b", "c", "d")
    answer = status(
        session("a"),
        session("b", **DOWN),
        session("c", **{**DOWN, "state": "Idle", "statusReason": "MD5_AUTH_INTERNAL_PROBLEM"}),
    )
    error = failing(
        reads(one, answer),
        Expected(
            "GET",
            f"{HERE}/vpnTunnels/t-b",
            {"status": "NO_INCOMING_PACKETS", "detailedStatus": "No incoming packets from peer."},
        ),
        absent(f"{HERE}/vpnTunnels/t-c"),
        Expected("GET", f"{HERE}/vpnTunnels/t-d", google_error(403, "forbidden", "may not"), status=403),
    )
    assert (error.code, error.resource) == ("bgp-session-down", f"router {HERE}/routers/cr")
    message = str(error)
    assert "after 60 s" in message
    assert "cr/a " not in message
    assert "cr/b is Connect, its tunnel t-b is NO_INCOMING_PACKETS: No incoming packets from peer" in message
    assert "cr/c is Idle (MD5_AUTH_INTERNAL_PROBLEM), its tunnel t-c does not exist" in message
    assert "cr/d is not told, its tunnel t-d cannot be read" in message


def test_what_there_is_not_is_waited_for_in_vain() -> None:
    assert "there is no such router" in str(failing([absent(f"{HERE}/routers/cr")]))
    assert "router cr has no enabled BGP peer" in str(failing(reads(router("cr"), status())))


def test_a_router_of_cloud_nat_is_not_waited_for_beside_others() -> None:
    listed = {"items": {"regions/r1": {"routers": [router("cr", "a"), router("nat")]}}}
    wire = Wire(
        Expected("GET", "projects/p/aggregated/routers", listed),
        Expected("GET", f"{HERE}/routers/cr/getRouterStatus", status(session("a"))),
        Expected("GET", f"{HERE}/routers/nat/getRouterStatus", status()),
    )
    wire.run(DEFINITION, {"network": "n", "wait_established": True})
    assert wire.sleeps == []


def test_progress_is_told() -> None:
    lines: list[str] = []
    wire = Repeating([absent(f"{HERE}/routers/cr")])
    with pytest.raises(PodreachError):
        wire.run(DEFINITION, {**ASKED, "wait_established": True, "timeout": 60}, lines=lines)
    assert lines
    assert lines[0].startswith("BGP sessions: there is no such router, ")


@pytest.mark.parametrize(
    ("params", "part"),
    [
        ({"name": "CR"}, "name: 'CR': a name has 1 to 63 lower-case letters"),
        ({"region": "r1/.."}, "region: 'r1/..': a name has"),
        ({"advertised_prefix_limit": 0}, "advertised_prefix_limit: 0: write a whole number"),
        ({"timeout": 0, "wait_established": True}, "timeout: 0: write a whole number"),
        ({"ranges": ["10.1.0.1/24"]}, "ranges[0]: '10.1.0.1/24' has host bits set"),
        ({"ranges": [{"name": "pods"}]}, "ranges"),
        ({"query": "routers[?"}, "query: 'routers[?' is no JMESPath expression"),
        ({"query": ""}, "query: '' is no JMESPath expression"),
    ],
)
def test_bad_calls_are_refused_before_any_request(params: Json, part: str) -> None:
    error = Wire().fails(DEFINITION, params)
    assert isinstance(error, InvalidInput)
    assert part in str(error)


def test_a_query_that_fails() -> None:
    error = Wire(*reads(router(), status())).fails(DEFINITION, {**ASKED, "query": "sum(routers)"})
    assert "query: 'sum(routers)' cannot be answered" in str(error)


def test_without_jmespath(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a query needs it, and then it is named."""
    monkeypatch.setattr(router_status, "JMESPATH_ERROR", ImportError("No module named 'jmespath'"))
    assert Wire(*reads(router(), status())).run(DEFINITION, ASKED)["routers"]
    error = Wire().fails(DEFINITION, {"query": "routers"})
    assert error.code == "missing-library"
    assert "Failed to import the required Python library (jmespath)" in str(error)


def test_a_status_that_cannot_be_read_names_its_router() -> None:
    error = Wire(*reads(router(), status({"name": "a", "advertisedRoutes": [{}]}))).fails(DEFINITION, ASKED)
    assert isinstance(error, bgp.BgpError)
    assert "status of router cr.result.bgpPeerStatus[0].advertisedRoutes[0].destRange" in str(error)


# -- why a range is missing, and of whom


def one_peer(answer: Json, *more: Expected, ranges: t.Sequence[t.Any] = (), **params: t.Any) -> tuple[Json, list[str]]:
    """The result and warnings where the router has one session, ``a``."""
    warnings: list[str] = []
    wire = Wire(*reads(params.pop("router", router("cr", "a")), answer), *more)
    result = wire.run(DEFINITION, {**ASKED, "ranges": [*ranges], **params}, warnings=warnings)
    assert not wire.expected
    return result, warnings


def lacking(result: Json) -> list[tuple[str, str]]:
    """Names and codes of what the session and all sessions together lack, which must be alike."""
    (found,) = result["routers"]
    mine = [(item["name"], item["code"]) for item in found["peers"][0]["missing_ranges"]]
    assert mine == [(item["name"], item["code"]) for item in found["missing_ranges"]]
    return mine


CUSTOM: Json = {"advertiseMode": "CUSTOM", "advertisedIpRanges": [{"range": "10.9.0.0/24"}]}


def test_a_sessions_own_lists_take_the_place_of_the_routers() -> None:
    one = router("cr", "a", **CUSTOM)
    one["bgp"] |= {"advertiseMode": "CUSTOM", "advertisedIpRanges": [{"range": "10.32.0.0/14"}]}
    result, _warnings = one_peer(status(session("a")), *around(), ranges=["10.32.0.0/14"], router=one)
    assert lacking(result) == [("10.32.0.0/14", "bgp-peer-override")]
    assert "the session's own CUSTOM lists" in result["routers"][0]["missing_ranges"][0]["message"]


def test_another_region() -> None:
    far = subnetwork("10.7.0.0/24", region="r2")
    result, _warnings = one_peer(status(session("a")), *around(far), ranges=["10.7.0.0/24"])
    assert lacking(result) == [("10.7.0.0/24", "bgp-region-scope")]
    result, _warnings = one_peer(status(session("a")), *around(far, mode="GLOBAL"), ranges=["10.7.0.0/24"])
    assert lacking(result) == [("10.7.0.0/24", "bgp-range-not-advertised")]


def test_a_custom_advertisement_without_the_subnetworks() -> None:
    one = router("cr", "a")
    one["bgp"] |= CUSTOM
    near = subnetwork("10.7.0.0/24")
    result, _warnings = one_peer(status(session("a")), *around(near), ranges=["10.7.0.0/24"], router=one)
    assert lacking(result) == [("10.7.0.0/24", "bgp-range-not-advertised")]
    assert "ALL_SUBNETS" in result["routers"][0]["missing_ranges"][0]["message"]


def test_what_cannot_be_read_is_told() -> None:
    denied = Expected("GET", "projects/p/global/networks/n", google_error(403, "forbidden", "may not"), status=403)
    result, warnings = one_peer(status(session("a")), denied, ranges=["10.7.0.0/24"])
    assert lacking(result) == [("10.7.0.0/24", "bgp-range-not-advertised")]
    assert len(result["unread"]) == 1
    assert "may not" in result["unread"][0]
    assert warnings == result["unread"]


def test_a_session_that_is_down_counts_what_it_would_send() -> None:
    one = router("cr", "a")
    ranges = [{"range": f"10.9.{number}.0/24"} for number in range(100)]
    one["bgp"] |= {"advertiseMode": "CUSTOM", "advertisedGroups": ["ALL_SUBNETS"], "advertisedIpRanges": ranges}
    result, _warnings = one_peer(status(session("a", **DOWN)), *around(subnetwork("10.1.0.0/24")), router=one)
    headroom = result["routers"][0]["peers"][0]["prefix_headroom"]
    assert (headroom["count"], headroom["code"]) == (101, "bgp-prefix-limit")


def cluster(name: str, cidr: str | None, *, network: str = "n", aliases: bool = True, **more: t.Any) -> Json:
    return {
        "name": name,
        "location": "asia-r1-a",
        "network": network,
        "networkConfig": {
            "network": f"projects/p/global/networks/{network}",
            "subnetwork": "projects/p/regions/asia-r1/subnetworks/s",
        },
        "status": "RUNNING",
        "clusterIpv4Cidr": cidr,
        "ipAllocationPolicy": {"useIpAliases": True, "clusterIpv4CidrBlock": cidr} if aliases else {"useRoutes": True},
        **more,
    }


def clusters(*found: Json, **more: t.Any) -> Expected:
    return Expected("GET", "projects/p/locations/-/clusters", {"clusters": [*found], **more})


def test_pod_ranges() -> None:
    """Of the router's network only, shared ones once, those of routes-based clusters with their cure."""
    found = clusters(
        cluster("c1", "10.32.0.0/14"),
        cluster("c2", "10.32.0.0/14"),
        cluster("old", "172.16.0.0/16", aliases=False),
        cluster("elsewhere", "10.64.0.0/14", network="n2"),
        cluster("going", "10.68.0.0/14", status="STOPPING"),
    )
    result, warnings = one_peer(status(session("a", "10.32.0.0/14")), found, *around(), pod_ranges=True)
    assert [(item["name"], item["cidr"], item["routes_based"]) for item in result["pod_ranges"]] == [
        ("pods of c1, c2", "10.32.0.0/14", False),
        ("pods of old", "172.16.0.0/16", True),
    ]
    assert result["pod_ranges"][0]["network"] == "n"
    assert lacking(result) == [("pods of old", "bgp-range-not-advertised")]
    message = result["routers"][0]["missing_ranges"][0]["message"]
    assert "old is routes-based" in message
    assert "advertised_ip_ranges" in message
    assert "VPC-native" in message
    assert warnings == result["unread"] == []


def test_additional_pod_ranges() -> None:
    """A pool tells its range; one that no pool uses yet is read from the subnetwork."""
    more: Json = {
        "nodePools": [{"name": "p", "networkConfig": {"podRange": "used", "podIpv4CidrBlock": "10.36.0.0/16"}}],
        "ipAllocationPolicy": {
            "useIpAliases": True,
            "clusterIpv4CidrBlock": "10.32.0.0/14",
            "additionalPodRangesConfig": {"podRangeNames": ["used", "spare", "lost"]},
        },
    }
    path = "projects/p/regions/asia-r1/subnetworks/s"
    its = subnetwork("10.1.0.0/24", spare="10.37.0.0/16")
    found = [clusters(cluster("c1", None, **more)), Expected("GET", path, its), Expected("GET", path, its)]
    sent = session("a", "10.32.0.0/13")
    result, _warnings = one_peer(status(sent), *found, pod_ranges=True)
    assert [item["cidr"] for item in result["pod_ranges"]] == ["10.32.0.0/14", "10.36.0.0/16", "10.37.0.0/16"]
    assert lacking(result) == []
    assert result["unread"] == ["pods of c1: there is no range lost in s"]


def test_pod_ranges_that_cannot_be_read() -> None:
    path = "projects/p/locations/-/clusters"
    denied = Expected("GET", path, google_error(403, "forbidden", "container.clusters.list"), status=403)
    result, warnings = one_peer(status(session("a")), denied, pod_ranges=True)
    assert result["pod_ranges"] == []
    assert result["unread"] == warnings
    assert result["unread"][0].startswith("the pods' ranges were not read: ")
    assert "container.clusters.list" in result["unread"][0]
    silent = clusters(missingZones=["r1-b"])
    result, _warnings = one_peer(status(session("a")), silent, pod_ranges=True)
    assert "r1-b" in result["unread"][0]


def test_without_a_router_no_cluster_is_asked_for() -> None:
    result = Wire(absent(f"{HERE}/routers/cr")).run(DEFINITION, {**ASKED, "pod_ranges": True})
    assert (result["routers"], result["pod_ranges"], result["unread"]) == ([], [], [])
