# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.routers."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.podreach.gke.tests.lab.podreach_lab.wan.model import (
    Announcement,
    LearnedRoute,
    SessionState,
    SpeakerState,
    router_key,
)
from ansible_collections.podreach.gke.tests.lab.podreach_lab.wan.report import written_uptime
from ansible_collections.podreach.gke.tests.unit.lab import vpn
from ansible_collections.podreach.gke.tests.unit.lab.cloud import REGION, Cloud, Refused

Json = dict[str, t.Any]
ROUTERS = f"regions/{REGION}/routers"
R1 = f"{ROUTERS}/r1"
TUNNEL = f"projects/podreach-lab/regions/{REGION}/vpnTunnels/t1"


def make(cloud: Cloud, name: str = "r1", **fields: t.Any) -> Json:
    return cloud.compute("POST", ROUTERS, {"name": name, "network": "global/networks/n1", **fields})


@pytest.fixture
def peered(cloud: Cloud) -> Cloud:
    """Router r1 with an interface, on a tunnel, and a peer."""
    cloud.network()
    make(cloud, bgp={"asn": 65010})
    vpn.gateway(cloud)
    vpn.external(cloud)
    vpn.tunnel(cloud, "t1")
    interface = {"name": "if0", "ipRange": "169.254.24.222/30", "linkedVpnTunnel": TUNNEL}
    peer = {"name": "p0", "interfaceName": "if0", "peerIpAddress": "169.254.24.221", "peerAsn": 64512}
    cloud.compute("PATCH", R1, {"interfaces": [interface], "bgpPeers": [peer]})
    return cloud


def test_the_server_fills_in(peered: Cloud) -> None:
    router = peered.compute("GET", R1)
    assert router["bgp"] == {"asn": 65010, "advertiseMode": "DEFAULT", "keepaliveInterval": 20}
    assert router["encryptedInterconnectRouter"] is False
    (peer,) = router["bgpPeers"]
    assert (peer["ipAddress"], peer["enable"], peer["advertiseMode"]) == ("169.254.24.222", "TRUE", "DEFAULT")
    assert router["interfaces"][0]["ipRange"] == "169.254.24.222/30"


def test_patch_is_a_merge_and_accepts_the_whole_object(peered: Cloud) -> None:
    before = peered.compute("GET", R1)
    peered.compute("PATCH", R1, before)
    assert peered.compute("GET", R1) == before
    custom = {
        "advertiseMode": "CUSTOM",
        "advertisedGroups": ["ALL_SUBNETS"],
        "advertisedIpRanges": [{"range": "172.16.0.0/16"}],
    }
    peered.compute("PATCH", R1, {"bgp": custom})
    after = peered.compute("GET", R1)
    assert after["bgp"] == {"asn": 65010, "keepaliveInterval": 20, **custom}
    assert after["bgpPeers"] == before["bgpPeers"]
    peered.compute("PATCH", R1, {"bgpPeers": []})
    assert "bgpPeers" not in peered.compute("GET", R1)


def test_put_replaces(peered: Cloud) -> None:
    before = peered.compute("GET", R1)
    peered.compute("PUT", R1, {"bgp": {"asn": 65010}})
    after = peered.compute("GET", R1)
    assert "bgpPeers" not in after
    assert (after["network"], after["id"]) == (before["network"], before["id"])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "r2"}, "resource.name"),
        ({"network": "global/networks/n2"}, "resource.network"),
        ({"bgp": {"asn": 65011}}, "resource.bgp.asn"),
        ({"bgp": None}, "resource.bgp.asn"),
        ({"bgp": {"advertisedGroups": ["ALL_SUBNETS"]}}, "resource.bgp.advertisedGroups"),
        ({"bgp": {"advertiseMode": "CUSTOM", "advertisedIpRanges": [{"range": "10.0.0.1/8"}]}},
         "resource.bgp.advertisedIpRanges[0].range"),
        ({"bgp": {"keepaliveInterval": 10}}, "resource.bgp.keepaliveInterval"),
        ({"interfaces": []}, "resource.bgpPeers[0].interfaceName"),
        ({"interfaces": [{"name": "a", "ipRange": "169.254.1.1/30"}, {"name": "a"}]}, "resource.interfaces[1].name"),
        ({"interfaces": [{"name": "a", "ipRange": "169.254.1.1/30"}, {"name": "b", "ipRange": "169.254.1.2/30"}]},
         "resource.interfaces[1].ipRange"),
        ({"interfaces": [{"name": "a", "ipRange": "10.0.0.1/30", "linkedVpnTunnel": TUNNEL}]},
         "resource.interfaces[0].ipRange"),
        ({"bgpPeers": [{"name": "p", "interfaceName": "if0", "peerAsn": 65010}]}, "resource.bgpPeers[0].peerAsn"),
        ({"bgpPeers": [{"name": "p", "interfaceName": "if0"}]}, "resource.bgpPeers[0].peerAsn"),
        ({"bgpPeers": [{"name": "p", "interfaceName": "if0", "peerAsn": 64512, "peerIpAddress": "169.254.99.1"}]},
         "resource.bgpPeers[0].peerIpAddress"),
    ],
)  # fmt: skip
def test_bad_changes(peered: Cloud, change: Json, field: str) -> None:
    before = peered.compute("GET", R1)
    with pytest.raises(Refused) as refused:
        peered.compute("PATCH", R1, change)
    assert refused.value.code == 400
    assert f"'{field}'" in refused.value.message
    assert peered.compute("GET", R1) == before


def test_tunnels_of_interfaces(peered: Cloud) -> None:
    """The tunnel must be there, this router's, in its region, and have no other interface."""
    make(peered, "r2", bgp={"asn": 65010})
    vpn.tunnel(peered, "t2", vpnGatewayInterface=1, router=f"{ROUTERS}/r2")
    first = peered.compute("GET", R1)["interfaces"][0]
    base = "projects/podreach-lab/regions"
    for path, why in (
        (f"{base}/{REGION}/vpnTunnels/none", "cannot be found"),
        (f"{base}/us-central1/vpnTunnels/none", "cannot be found"),
        (f"{base}/{REGION}/vpnTunnels/t2", "not associated with this router"),
        (TUNNEL, "is linked to the interface 'if0' already"),
    ):
        second = {"name": "if1", "ipRange": "169.254.30.2/30", "linkedVpnTunnel": path}
        with pytest.raises(Refused, match=why) as refused:
            peered.compute("PATCH", R1, {"interfaces": [first, second]})
        assert "resource.interfaces[1].linkedVpnTunnel" in refused.value.message


def test_an_interface_outlives_its_tunnel(peered: Cloud) -> None:
    """gcloud writes back the whole router, whatever became of its tunnels."""
    peered.compute("DELETE", f"{vpn.TUNNELS}/t1")
    before = peered.compute("GET", R1)
    peered.compute("PATCH", R1, before | {"bgpPeers": []})
    assert peered.compute("GET", R1)["interfaces"] == before["interfaces"]
    peered.compute("PATCH", R1, {"interfaces": []})
    with pytest.raises(Refused, match="cannot be found"):
        peered.compute("PATCH", R1, {"interfaces": before["interfaces"]})


@pytest.mark.parametrize("asn", [0, 1, 64511, 65535, 4199999999, 4294967295])
def test_the_asn_is_private(cloud: Cloud, asn: int) -> None:
    cloud.network()
    with pytest.raises(Refused, match=r"resource\.bgp\.asn"):
        make(cloud, bgp={"asn": asn})


def test_five_routers_in_a_network_and_region(cloud: Cloud) -> None:
    cloud.network()
    for at in range(5):
        make(cloud, f"r{at}")
    with pytest.raises(Refused) as refused:
        make(cloud, "r5")
    assert (refused.value.code, refused.value.reason) == (403, "quotaExceeded")


def test_the_network_must_exist_and_not_be_legacy(cloud: Cloud) -> None:
    with pytest.raises(Refused) as refused:
        make(cloud)
    assert (refused.value.code, refused.value.reason) == (404, "notFound")
    cloud.compute("POST", "global/networks", {"name": "n1"})
    with pytest.raises(Refused, match="legacy"):
        make(cloud)


def test_status_without_bgp_is_down_and_empty(peered: Cloud) -> None:
    answer = peered.compute("GET", f"{R1}/getRouterStatus")
    assert answer["kind"] == "compute#routerStatusResponse"
    assert answer["result"]["network"].endswith("/global/networks/n1")
    (peer,) = answer["result"]["bgpPeerStatus"]
    assert (peer["name"], peer["status"], peer["state"], peer["numLearnedRoutes"]) == ("p0", "DOWN", "Idle", 0)
    assert peer["linkedVpnTunnel"].endswith("/vpnTunnels/t1")
    assert (peer["ipAddress"], peer["peerIpAddress"]) == ("169.254.24.222", "169.254.24.221")
    assert "advertisedRoutes" not in peer


def test_status_is_what_bgp_really_did(peered: Cloud) -> None:
    state = peered.lab.state
    learned = LearnedRoute("10.0.0.0/16", "p0", "169.254.24.221", 100, (64512,))
    up = SessionState("Established", state.clock.monotonic() - 774000, "", 1, (Announcement("10.1.0.0/24", 100),))
    key = router_key(f"projects/podreach-lab/{R1}")
    state.learn_bgp(key, SpeakerState({"p0": up}, (learned,)))
    result = peered.compute("GET", f"{R1}/getRouterStatus")["result"]
    (best,) = result["bestRoutes"]
    assert (best["destRange"], best["priority"], best["nextHopIp"]) == ("10.0.0.0/16", 100, "169.254.24.221")
    assert best["nextHopVpnTunnel"].endswith("/vpnTunnels/t1")
    assert (best["routeType"], best["asPaths"]) == ("BGP", [{"pathSegmentType": "AS_SEQUENCE", "asLists": [64512]}])
    assert result["bestRoutesForRouter"] == [best]
    (peer,) = result["bgpPeerStatus"]
    assert (peer["status"], peer["state"], peer["numLearnedRoutes"]) == ("UP", "Established", 1)
    assert peer["uptimeSeconds"] == "774000"
    assert peer["uptime"] == "1 weeks, 1 days, 23 hours, 0 minutes, 0 seconds"
    assert peer["advertisedRoutes"] == [
        {"kind": "compute#route", "destRange": "10.1.0.0/24", "priority": 100, "nextHopIp": "169.254.24.222"}
    ]
    state.learn_bgp(key, SpeakerState({"p0": SessionState("Idle", reason="It is disabled.")}))
    (peer,) = peered.compute("GET", f"{R1}/getRouterStatus")["result"]["bgpPeerStatus"]
    assert (peer["status"], peer["state"]) == ("DOWN", "Idle")


def test_md5_keys_are_kept_and_never_shown(peered: Cloud) -> None:
    (peer,) = peered.compute("GET", R1)["bgpPeers"]
    with pytest.raises(Refused, match=r"resource\.bgpPeers\[0\]\.md5AuthenticationKeyName"):
        peered.compute("PATCH", R1, {"bgpPeers": [{**peer, "md5AuthenticationKeyName": "k1"}]})
    keys = [{"name": "k1", "key": "hush"}]
    peered.compute(
        "PATCH", R1, {"bgpPeers": [{**peer, "md5AuthenticationKeyName": "k1"}], "md5AuthenticationKeys": keys}
    )
    shown = peered.compute("GET", R1)
    assert shown["md5AuthenticationKeys"] == [{"name": "k1"}]
    peered.compute("PATCH", R1, shown)
    resource = peered.lab.state.get(f"projects/podreach-lab/{R1}")
    assert resource is not None
    assert resource.hidden["md5_keys"] == {"k1": "hush"}
    assert peered.compute("GET", f"{R1}/getRouterStatus")["result"]["bgpPeerStatus"][0]["md5AuthEnabled"] is True


def test_uptime_is_written_as_google_does() -> None:
    assert written_uptime(774000) == "1 weeks, 1 days, 23 hours, 0 minutes, 0 seconds"
    assert written_uptime(61) == "1 minutes, 1 seconds"


def test_lists(peered: Cloud) -> None:
    assert [item["name"] for item in peered.compute("GET", ROUTERS)["items"]] == ["r1"]
    items = peered.compute("GET", "aggregated/routers")["items"]
    assert [item["name"] for item in items[f"regions/{REGION}"]["routers"]] == ["r1"]
    with pytest.raises(Refused, match="router resource .* is already being used by '.*/vpnTunnels/t1'"):
        peered.compute("DELETE", R1)
    peered.compute("DELETE", f"{vpn.TUNNELS}/t1")
    peered.compute("DELETE", R1)
    assert "items" not in peered.compute("GET", ROUTERS)
