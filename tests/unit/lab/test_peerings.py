# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.networks' peering methods, and what peering forbids elsewhere."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.podreach.gke.tests.lab.podreach_lab.clock import ManualClock
from ansible_collections.podreach.gke.tests.lab.podreach_lab.compute import exchange, quotas
from ansible_collections.podreach.gke.tests.lab.podreach_lab.wan import figures, learning
from ansible_collections.podreach.gke.tests.lab.podreach_lab.wan.model import (
    DynamicRoute,
    LearnedRoute,
    SessionState,
    SpeakerState,
    router_key,
)
from ansible_collections.podreach.gke.tests.unit.lab import vpn
from ansible_collections.podreach.gke.tests.unit.lab.cloud import REGION, Cloud, Refused

Json = dict[str, t.Any]
IN_PROGRESS = "There is a peering operation in progress on the local or peer network. Try again later."


def peer(cloud: Cloud, one: str, other: str, /, **fields: t.Any) -> Json:
    """The side of network `one`, called to-`other`."""
    body = {"name": f"to-{other}", "network": f"global/networks/{other}", "exchangeSubnetRoutes": True, **fields}
    return cloud.compute("POST", f"global/networks/{one}/addPeering", {"networkPeering": body})


def update(cloud: Cloud, one: str, other: str, /, **fields: t.Any) -> Json:
    body = {"networkPeering": {"name": f"to-{other}", **fields}}
    return cloud.compute("PATCH", f"global/networks/{one}/updatePeering", body)


def remove(cloud: Cloud, one: str, other: str) -> Json:
    return cloud.compute("POST", f"global/networks/{one}/removePeering", {"name": f"to-{other}"})


def sides(cloud: Cloud, *names: str) -> list[str]:
    """The states of all peerings of the networks."""
    found = [cloud.compute("GET", f"global/networks/{name}").get("peerings", []) for name in names]
    return [side["state"] for network in found for side in network]


def routes(cloud: Cloud, network: str, other: str, direction: str = "INCOMING", more: str = "") -> dict[str, Json]:
    target = f"global/networks/{network}/listPeeringRoutes?peeringName=to-{other}&direction={direction}{more}"
    return {item["destRange"]: item for item in cloud.compute("GET", target).get("items", [])}


def wrong(operation: Json) -> str:
    """The message of a failed operation."""
    return str(operation["error"]["errors"][0]["message"])


@pytest.fixture
def pair(cloud: Cloud) -> Cloud:
    """n1 (10.1.0.0/24, pods 10.32.0.0/16) and n2 (10.2.0.0/16), not peered yet."""
    cloud.network("n1")
    cloud.network("n2")
    cloud.subnetwork("s1", "10.1.0.0/24", "n1", pods="10.32.0.0/16")
    cloud.subnetwork("s2", "10.2.0.0/16", "n2")
    return cloud


@pytest.fixture
def peered(pair: Cloud) -> Cloud:
    peer(pair, "n1", "n2")
    peer(pair, "n2", "n1")
    return pair


def test_both_sides_make_it_active(pair: Cloud) -> None:
    operation = peer(pair, "n1", "n2")
    assert (operation["operationType"], operation["status"]) == ("addPeering", "DONE")
    [side] = pair.compute("GET", "global/networks/n1")["peerings"]
    assert side["state"] == "INACTIVE"
    assert side["stateDetails"].endswith("]: Waiting for peer network to connect.")
    assert routes(pair, "n1", "n2") == {}
    peer(pair, "n2", "n1")
    [side] = pair.compute("GET", "global/networks/n1")["peerings"]
    assert side.pop("stateDetails").endswith("]: Connected.")
    assert side == {
        "name": "to-n2",
        "network": "https://www.googleapis.com/compute/v1/projects/podreach-lab/global/networks/n2",
        "state": "ACTIVE",
        "autoCreateRoutes": True,
        "exchangeSubnetRoutes": True,
        "exportCustomRoutes": False,
        "importCustomRoutes": False,
        "exportSubnetRoutesWithPublicIp": True,
        "importSubnetRoutesWithPublicIp": False,
        "stackType": "IPV4_ONLY",
        "updateStrategy": "INDEPENDENT",
        "peerMtu": 1460,
    }
    remove(pair, "n2", "n1")
    assert sides(pair, "n1", "n2") == ["INACTIVE"]
    assert "peerings" not in pair.compute("GET", "global/networks/n2")
    peer(pair, "n2", "n1")
    assert sides(pair, "n1", "n2") == ["ACTIVE", "ACTIVE"]


def test_watchers_hear_of_both_sides(pair: Cloud) -> None:
    peer(pair, "n1", "n2")
    heard: list[str] = []
    pair.lab.state.watch(lambda change: heard.append(change.resource.name))
    peer(pair, "n2", "n1")
    update(pair, "n2", "n1", exportCustomRoutes=True)
    remove(pair, "n1", "n2")
    assert heard == ["n2", "n1", "n2", "n1", "n1", "n2"]


def test_two_projects_and_the_old_form(cloud: Cloud) -> None:
    cloud.network("n1")
    cloud.project = "podreach-peer"
    cloud.network("n1")
    body = {"name": "back", "peerNetwork": "projects/podreach-lab/global/networks/n1", "autoCreateRoutes": True}
    cloud.compute("POST", "global/networks/n1/addPeering", body)
    cloud.project = "podreach-lab"
    peer(cloud, "n1", "other", network="https://x/compute/v1/projects/podreach-peer/global/networks/n1")
    assert sides(cloud, "n1") == ["ACTIVE"]


def test_no_right_on_the_peers_project_is_needed(cloud: Cloud) -> None:
    cloud.headers = {"authorization": f"Bearer {cloud.accounts.issue(cloud.accounts.accounts['lab'].caller)}"}
    cloud.network("n1")
    peer(cloud, "n1", "n2", network="projects/podreach-peer/global/networks/unknown")
    assert sides(cloud, "n1") == ["INACTIVE"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"network": "global/networks/n1"}, "with itself"),
        ({"network": None}, "networkPeering.network"),
        ({"name": None}, "networkPeering.name"),
        ({"name": "Bad"}, "regex"),
        ({"exchangeSubnetRoutes": False}, "exchangeSubnetRoutes"),
        ({"exchangeSubnetRoutes": None}, "exchangeSubnetRoutes"),
        ({"network": "n2"}, "malformed"),
        ({"stackType": "IPV9"}, "stackType"),
        ({"network": "global/networks/old"}, "Legacy networks"),
    ],
)
def test_bad_peerings(pair: Cloud, fields: Json, said: str) -> None:
    pair.compute("POST", "global/networks", {"name": "old"})
    body = {"name": "p", "network": "global/networks/n2", "exchangeSubnetRoutes": True, **fields}
    body = {key: value for key, value in body.items() if value is not None}
    with pytest.raises(Refused, match=said) as refused:
        pair.compute("POST", "global/networks/n1/addPeering", {"networkPeering": body})
    assert refused.value.code == 400
    assert sides(pair, "n1") == []


def test_a_legacy_network_has_no_peers(pair: Cloud) -> None:
    pair.compute("POST", "global/networks", {"name": "old"})
    with pytest.raises(Refused, match="Legacy networks"):
        peer(pair, "old", "n2")


def test_a_name_and_a_peer_are_used_once(peered: Cloud) -> None:
    with pytest.raises(Refused, match="There is already a peering to-n2 with the same network. Select another network"):
        peer(peered, "n1", "n2", name="again")
    peered.network("n3")
    with pytest.raises(Refused, match="There is already a peering to-n2") as refused:
        peer(peered, "n1", "n3", name="to-n2")
    assert refused.value.code == 409


def test_unknown_peerings(pair: Cloud) -> None:
    for ask in (
        lambda: remove(pair, "n1", "n2"),
        lambda: update(pair, "n1", "n2", exportCustomRoutes=True),
        lambda: routes(pair, "n1", "n2"),
    ):
        with pytest.raises(Refused, match="There is no peering"):
            ask()


def test_update(peered: Cloud) -> None:
    update(peered, "n1", "n2", exportCustomRoutes=True, importSubnetRoutesWithPublicIp=True)
    [side] = peered.compute("GET", "global/networks/n1")["peerings"]
    assert (side["exportCustomRoutes"], side["importSubnetRoutesWithPublicIp"]) == (True, True)
    assert (side["importCustomRoutes"], side["exportSubnetRoutesWithPublicIp"]) == (False, True)
    with pytest.raises(Refused, match="cannot be changed"):
        update(peered, "n1", "n2", network="global/networks/n3")


# ---- one at a time


def settle(slow: Cloud) -> None:
    t.cast(ManualClock, slow.clock).advance(60)


def test_one_operation_at_a_time_on_either_network(slow: Cloud) -> None:
    for name in ("n1", "n2", "n3"):
        slow.network(name)
    settle(slow)
    peer(slow, "n1", "n2")
    assert sides(slow, "n1") == []
    for one, other in (("n2", "n1"), ("n3", "n2"), ("n1", "n3")):
        with pytest.raises(Refused) as refused:
            peer(slow, one, other)
        assert (refused.value.code, refused.value.message) == (400, IN_PROGRESS)
    route = {"name": "r", "network": "global/networks/n1", "destRange": "10.9.0.0/16", "nextHopIp": "10.1.0.9"}
    with pytest.raises(Refused, match=IN_PROGRESS):
        slow.compute("POST", "global/routes", route)
    settle(slow)
    slow.compute("POST", "global/routes", route)
    with pytest.raises(Refused, match="There is a route operation in progress on the local or peer network"):
        peer(slow, "n2", "n1")
    settle(slow)
    peer(slow, "n2", "n1")
    with pytest.raises(Refused, match=IN_PROGRESS):
        update(slow, "n1", "n2", exportCustomRoutes=True)
    with pytest.raises(Refused, match=IN_PROGRESS):
        remove(slow, "n1", "n2")
    settle(slow)
    assert sides(slow, "n1", "n2") == ["ACTIVE", "ACTIVE"]
    remove(slow, "n1", "n2")
    assert sides(slow, "n1", "n2") == ["ACTIVE", "ACTIVE"]
    settle(slow)
    assert sides(slow, "n1", "n2") == ["INACTIVE"]


def test_a_failed_operation_lets_the_next_begin(slow: Cloud) -> None:
    for name in ("n1", "n2"):
        slow.network(name, autoCreateSubnetworks=True)
    settle(slow)
    for _attempt in range(2):
        operation = peer(slow, "n1", "n2")
        settle(slow)
        done = slow.compute("GET", f"global/operations/{operation['name']}")
        assert "overlaps with an IP range" in wrong(done)


# ---- overlap


def test_two_auto_mode_networks(cloud: Cloud) -> None:
    cloud.network("n1", autoCreateSubnetworks=True)
    cloud.network("n2", autoCreateSubnetworks=True)
    assert "overlaps with an IP range" in wrong(peer(cloud, "n1", "n2"))
    assert sides(cloud, "n1") == []


@pytest.mark.parametrize(("text", "refused"), [("10.200.0.0/24", True), ("10.1.0.0/24", False)])
def test_an_auto_mode_network_claims_its_half(cloud: Cloud, text: str, refused: bool) -> None:
    cloud.network("n1")
    cloud.subnetwork("s1", text, "n1")
    cloud.network("n2", autoCreateSubnetworks=True)
    assert ("error" in peer(cloud, "n1", "n2")) is refused
    assert ("error" in peer(cloud, "n2", "n1")) is refused


def test_ranges_that_overlap(pair: Cloud) -> None:
    pair.subnetwork("s3", "10.32.7.0/24", "n2")
    operation = peer(pair, "n1", "n2")
    assert operation["error"]["errors"][0]["code"] == "INVALID_USAGE"
    assert wrong(operation) == (
        "An IP range in the peer network (10.32.7.0/24) overlaps with an IP range in the local network (10.32.0.0/16) "
        f"allocated by resource (projects/podreach-lab/regions/{REGION}/subnetworks/s1)."
    )


def test_ranges_that_come_to_overlap_before_the_second_side(pair: Cloud) -> None:
    peer(pair, "n1", "n2")
    pair.subnetwork("s3", "10.32.7.0/24", "n2")  # not connected yet: nobody minds
    assert "overlaps" in wrong(peer(pair, "n2", "n1"))
    assert sides(pair, "n1", "n2") == ["INACTIVE"]


def test_a_chain_through_a_hub(peered: Cloud) -> None:
    peered.network("n3")
    peered.subnetwork("s3", "10.1.0.128/25", "n3")
    operation = peer(peered, "n3", "n2")
    assert wrong(operation) == (
        "An IP range in the local network (10.1.0.128/25) allocated by resource "
        f"(projects/podreach-lab/regions/{REGION}/subnetworks/s3) overlaps with an IP range (10.1.0.0/24) in an active "
        "peer of the peer network."
    )
    assert "active peer of the local network" in wrong(peer(peered, "n2", "n3"))


def test_later_ranges(peered: Cloud) -> None:
    peered.network("n3")
    peered.subnetwork("s3", "10.3.0.0/24", "n3")
    peer(peered, "n2", "n3")
    peer(peered, "n3", "n2")
    for ask in (
        lambda: peered.subnetwork("s4", "10.2.7.0/24", "n1"),  # the peer's
        lambda: peered.subnetwork("s4", "10.3.0.0/25", "n1"),  # the peer's peer's
        lambda: peered.subnetwork("s4", "10.4.0.0/24", "n1", more="10.2.0.0/20"),
        lambda: peered.patch_subnetwork(
            "s1",
            secondaryIpRanges=[
                {"rangeName": "pods", "ipCidrRange": "10.32.0.0/16"},
                {"rangeName": "more", "ipCidrRange": "10.2.0.0/20"},
            ],
        ),
        lambda: peered.compute(
            "POST", f"regions/{REGION}/subnetworks/s1/expandIpCidrRange", {"ipCidrRange": "10.0.0.0/14"}
        ),
    ):
        with pytest.raises(Refused, match="overlaps with an IP range") as refused:
            ask()
        assert refused.value.code == 400
    peered.subnetwork("s4", "10.4.0.0/24", "n1")


def static(cloud: Cloud, **fields: t.Any) -> Json:
    body = {"name": "r1", "network": "global/networks/n1", "destRange": "10.9.0.0/16", "nextHopIp": "10.1.0.9"}
    return cloud.compute("POST", "global/routes", {**body, **fields})


def test_static_routes_and_peers_ranges(peered: Cloud) -> None:
    for text in ("10.2.5.0/24", "10.2.0.0/16"):
        with pytest.raises(Refused, match="hides the address space of a peer network") as refused:
            static(peered, destRange=text)
        assert refused.value.reason == "invalid"
    static(peered, destRange="10.2.0.0/15", name="wide")
    static(peered, destRange="10.9.5.0/24")
    with pytest.raises(Refused, match="overlaps with an IP range"):
        peered.subnetwork("s3", "10.9.0.0/16", "n2")
    remove(peered, "n1", "n2")
    peered.subnetwork("s3", "10.9.0.0/16", "n2")
    assert "overlaps" in wrong(peer(peered, "n1", "n2"))


def test_public_ranges_meet_only_where_they_cross(pair: Cloud) -> None:
    pair.subnetwork("p1", "30.0.0.0/16", "n1")
    pair.subnetwork("p2", "30.0.1.0/24", "n2")
    peer(pair, "n1", "n2")
    peer(pair, "n2", "n1")
    assert "overlaps" in wrong(update(pair, "n2", "n1", importSubnetRoutesWithPublicIp=True))
    [side] = pair.compute("GET", "global/networks/n2")["peerings"]
    assert side["importSubnetRoutesWithPublicIp"] is False
    assert sides(pair, "n1", "n2") == ["ACTIVE", "ACTIVE"]


# ---- routes


def test_subnet_routes_always_cross(peered: Cloud) -> None:
    found = routes(peered, "n2", "n1")
    assert set(found) == {"10.1.0.0/24", "10.32.0.0/16"}
    assert {(item["type"], item["imported"]) for item in found.values()} == {("SUBNET_PEERING_ROUTE", True)}
    assert set(routes(peered, "n1", "n2", "OUTGOING")) == set(found)
    assert set(routes(peered, "n1", "n2")) == {"10.2.0.0/16"}


@pytest.mark.parametrize("imported", [True, False])
def test_custom_routes(peered: Cloud, imported: bool) -> None:
    static(peered)
    static(peered, name="tagged", destRange="10.10.0.0/16", tags=["gw"])
    gateway = "global/gateways/default-internet-gateway"
    static(
        peered, name="out", destRange="10.11.0.0/16", nextHopIp=None, nextHopGateway=f"projects/podreach-lab/{gateway}"
    )
    assert "10.9.0.0/16" not in routes(peered, "n2", "n1")
    update(peered, "n2", "n1", importCustomRoutes=imported)
    assert "10.9.0.0/16" not in routes(peered, "n2", "n1")
    update(peered, "n1", "n2", exportCustomRoutes=True)
    found = routes(peered, "n2", "n1")
    assert set(found) == {"10.1.0.0/24", "10.32.0.0/16", "10.9.0.0/16"}
    assert found["10.9.0.0/16"] == {
        "destRange": "10.9.0.0/16",
        "type": "STATIC_PEERING_ROUTE",
        "priority": 1000,
        "imported": imported,
    }
    assert routes(peered, "n1", "n2", "OUTGOING")["10.9.0.0/16"]["imported"] is imported


@pytest.mark.parametrize("mode", ["REGIONAL", "GLOBAL"])
def test_dynamic_routes_and_the_exporters_mode(peered: Cloud, mode: str) -> None:
    peered.compute("PATCH", "global/networks/n1", {"routingConfig": {"routingMode": mode}})
    update(peered, "n1", "n2", exportCustomRoutes=True)
    update(peered, "n2", "n1", importCustomRoutes=True)
    learn(peered, "10.0.0.0/16", "10.2.9.0/24")  # the other is inside a subnetwork of the importer
    found = routes(peered, "n2", "n1", more=f"&region={REGION}")
    assert found["10.0.0.0/16"]["type"] == "DYNAMIC_PEERING_ROUTE"
    assert (found["10.0.0.0/16"]["imported"], found["10.0.0.0/16"]["nextHopRegion"]) == (True, REGION)
    assert found["10.2.9.0/24"]["imported"] is False
    assert ("10.0.0.0/16" in routes(peered, "n2", "n1", more="&region=us-east1")) is (mode == "GLOBAL")


def learn(cloud: Cloud, *ranges: str) -> None:
    """A router of n1 that has learned these."""
    if not cloud.compute("GET", vpn.ROUTERS).get("items"):
        vpn.gateway(cloud)
        vpn.external(cloud)
        vpn.router(cloud)
        vpn.tunnel(cloud, "t0")
        vpn.link(cloud, "t0")
    found = tuple(LearnedRoute(text, "peer-t0", "169.254.24.1", 100, (64512,)) for text in ranges)
    cloud.lab.state.learn_bgp(
        router_key(f"projects/podreach-lab/regions/{REGION}/routers/r1"),
        SpeakerState({"peer-t0": SessionState("Established", learned=len(found))}, found),
    )


def test_public_and_special_use_ranges(pair: Cloud) -> None:
    pair.subnetwork("p1", "30.0.0.0/16", "n1")
    pair.subnetwork("p2", "100.64.0.0/16", "n1")
    peer(pair, "n1", "n2")
    peer(pair, "n2", "n1")
    found = routes(pair, "n2", "n1")
    assert (found["30.0.0.0/16"]["imported"], found["100.64.0.0/16"]["imported"]) == (False, True)
    update(pair, "n2", "n1", importSubnetRoutesWithPublicIp=True)
    assert routes(pair, "n2", "n1")["30.0.0.0/16"]["imported"] is True
    update(pair, "n1", "n2", exportSubnetRoutesWithPublicIp=False)
    found = routes(pair, "n2", "n1")
    assert "30.0.0.0/16" not in found
    assert "100.64.0.0/16" in found


def test_what_is_imported_goes_no_further(peered: Cloud) -> None:
    peered.network("n3")
    peered.subnetwork("s3", "10.3.0.0/24", "n3")
    peer(peered, "n2", "n3", exportCustomRoutes=True)
    peer(peered, "n3", "n2", importCustomRoutes=True)
    assert set(routes(peered, "n3", "n2")) == {"10.2.0.0/16"}


def test_a_routes_based_clusters_node_routes(peered: Cloud) -> None:
    policy = {"useRoutes": True}
    peered.cluster(ipAllocationPolicy=policy, clusterIpv4Cidr="172.16.0.0/16")
    update(peered, "n1", "n2", exportCustomRoutes=True)
    assert routes(peered, "n2", "n1")["172.16.0.0/24"] == {
        "destRange": "172.16.0.0/24",
        "type": "STATIC_PEERING_ROUTE",
        "priority": 1000,
        "imported": False,
    }
    state = peered.lab.state
    n1, n2 = (state.get(f"projects/podreach-lab/global/networks/{name}") for name in ("n1", "n2"))
    assert n1 and n2
    [route] = [item for item in exchange.imports(state, n2, n1) if item.type == exchange.STATIC]
    assert route.origin.startswith("projects/podreach-lab/global/routes/gke-c1-")


# ---- quotas


def test_peerings_per_network(pair: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(quotas.LIMITS, "PEERINGS_PER_NETWORK", 1)
    peer(pair, "n1", "n2")
    with pytest.raises(Refused, match="Quota 'PEERINGS_PER_NETWORK' exceeded.  Limit: 1.0") as refused:
        peer(pair, "n1", "n3")
    assert (refused.value.code, refused.value.reason) == (403, "quotaExceeded")


def test_subnet_ranges_per_peering_group(pair: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(quotas.LIMITS, "SUBNET_RANGES_PER_PEERING_GROUP", 2)
    operation = peer(pair, "n1", "n2")
    assert operation["error"]["errors"][0]["code"] == "QUOTA_EXCEEDED"
    monkeypatch.setitem(quotas.LIMITS, "SUBNET_RANGES_PER_PEERING_GROUP", 3)
    peer(pair, "n1", "n2")
    peer(pair, "n2", "n1")
    assert sides(pair, "n1") == ["ACTIVE"]
    with pytest.raises(Refused, match="SUBNET_RANGES_PER_PEERING_GROUP"):
        pair.subnetwork("s3", "10.3.0.0/24", "n2")


def test_static_routes_per_network(pair: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(quotas.LIMITS, "STATIC_ROUTES_PER_NETWORK", 2)
    pools = [{"name": "p", "initialNodeCount": 3}]
    pair.cluster(ipAllocationPolicy={"useRoutes": True}, clusterIpv4Cidr="172.16.0.0/16", nodePools=pools)
    assert len(pair.nodes()) == 3
    assert len([route for route in pair.routes() if route.get("description") == "k8s-node-route"]) == 2
    with pytest.raises(Refused, match="STATIC_ROUTES_PER_NETWORK"):
        static(pair)


def test_dynamic_routes_over_quota_are_dropped(peered: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "PEERING_GROUP_ACCEPTS", 1)
    one, same, other, elsewhere = (
        DynamicRoute(text, 100, region, origin)
        for text, region, origin in (
            ("10.0.0.0/16", "r1", "a"),
            ("10.0.0.0/16", "r1", "b"),
            ("10.1.0.0/16", "r1", "a"),
            ("10.1.0.0/16", "r2", "a"),
        )
    )
    assert learning.admit([one, same, other, elsewhere]) == ([one, same, elsewhere], [other])
    update(peered, "n1", "n2", exportCustomRoutes=True)
    update(peered, "n2", "n1", importCustomRoutes=True)
    learn(peered, "10.10.0.0/16", "10.11.0.0/16")
    found = routes(peered, "n2", "n1", more=f"&region={REGION}")
    assert [text for text in found if text.startswith("10.1") and not text.startswith("10.1.")] == ["10.10.0.0/16"]


def test_a_peered_network_stays(peered: Cloud) -> None:
    peered.compute("DELETE", f"regions/{REGION}/subnetworks/s2")
    said = wrong(peered.compute("DELETE", "global/networks/n2"))
    assert "is already being used by 'projects/podreach-lab/global/networks/n1'" in said
    remove(peered, "n2", "n1")
    assert "error" not in peered.compute("DELETE", "global/networks/n2")
    assert sides(peered, "n1") == ["INACTIVE"]
