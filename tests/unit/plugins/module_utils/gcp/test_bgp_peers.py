# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A router's interfaces and BGP peers: what is sent, what is kept, how a change is graded, and what is refused."""

from __future__ import annotations

import copy
import tempfile
import typing as t
from pathlib import Path

import pytest

from ansible_collections.podreach.gke.plugins.module_utils.engine import Grade
from ansible_collections.podreach.gke.plugins.module_utils.gcp import bgp_peers, routers
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import definition
from ansible_collections.podreach.gke.tests.unit.plugins.module_utils.gcp.wire import (
    Expected,
    Wire,
    absent,
    google_error,
    operation,
)

Json = dict[str, t.Any]
MODULE = definition(routers.Router, routers.SPEC)
BASE = "https://www.googleapis.com/compute/v1/"
REGION = "projects/p/regions/r1"
PATH = f"{REGION}/routers/r"
LISTED = "projects/p/aggregated/routers"
NETWORK = "projects/p/global/networks/n"


@pytest.fixture(autouse=True)
def _locks_of_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def interface(number: int, **more: t.Any) -> Json:
    """As the API has it."""
    link = f"{BASE}{REGION}/vpnTunnels/t{number}"
    return {
        "name": f"i{number}",
        "ipRange": f"169.254.{number}.2/30",
        "linkedVpnTunnel": link,
        "managementType": "MANAGED_BY_USER",
        **more,
    }


def peer(number: int, **more: t.Any) -> Json:
    """As the API has it."""
    return {
        "name": f"p{number}",
        "interfaceName": f"i{number}",
        "ipAddress": f"169.254.{number}.2",
        "peerIpAddress": f"169.254.{number}.1",
        "peerAsn": 64512,
        "advertiseMode": "DEFAULT",
        "advertisedRoutePriority": 100,
        "enable": "TRUE",
        **more,
    }


def router(*numbers: int, **more: t.Any) -> Json:
    return {
        "name": "r",
        "description": "[podreach.gke]",
        "network": BASE + NETWORK,
        "region": BASE + REGION,
        "bgp": {"asn": 65010, "advertiseMode": "DEFAULT"},
        "interfaces": [interface(number) for number in numbers],
        "bgpPeers": [peer(number) for number in numbers],
        **more,
    }


def said(number: int, **more: t.Any) -> Json:
    """A new session, as an option."""
    return {
        "name": f"p{number}",
        "interface_name": f"i{number}",
        "peer_ip_address": f"169.254.{number}.1",
        "peer_asn": 64512,
        **more,
    }


def said_interface(number: int, **more: t.Any) -> Json:
    return {"name": f"i{number}", "ip_range": f"169.254.{number}.2/30", "linked_vpn_tunnel": f"t{number}", **more}


WHERE: Json = {"name": "r", "region": "r1"}


def looked(now: Json) -> list[Expected]:
    """What is read to count prefixes: there are two subnetworks' ranges."""
    subnetwork = {"name": "s", "network": BASE + NETWORK, "region": BASE + REGION, "ipCidrRange": "10.1.0.0/24"}
    status = [Expected("GET", f"{PATH}/getRouterStatus", {"result": {}})] if now["bgpPeers"] else []
    return [
        Expected("GET", LISTED, {"items": {"regions/r1": {"routers": [now]}}}),
        Expected("GET", NETWORK, {"name": "n", "routingConfig": {"routingMode": "REGIONAL"}}),
        Expected("GET", "projects/p/aggregated/subnetworks", {"items": {"regions/r1": {"subnetworks": [subnetwork]}}}),
        *status,
    ]


def tunnel(number: int) -> Expected:
    return Expected("GET", f"{REGION}/vpnTunnels/t{number}", {"name": f"t{number}", "router": BASE + PATH})


def change(before: Json, patch: Json, after: Json, *surroundings: Expected) -> Wire:
    """Read, look, lock, read and look again, patch, verify."""
    return Wire(
        *(Expected("GET", PATH, before), *surroundings),
        *(Expected("GET", PATH, copy.deepcopy(before)), *copy.deepcopy(surroundings)),
        Expected("PATCH", PATH, operation("patch", PATH), patch),
        Expected("GET", PATH, after),
    )


# -- what is sent


def test_a_new_session_sends_its_two_lists_and_keeps_the_others() -> None:
    before = router(1, nats=[{"name": "nat"}])
    new = {"name": "i2", "ipRange": "169.254.2.2/30", "linkedVpnTunnel": f"{REGION}/vpnTunnels/t2"}
    made = {"name": "p2", "interfaceName": "i2", "peerIpAddress": "169.254.2.1", "peerAsn": 64512}
    patch = {"interfaces": [interface(1), new], "bgpPeers": [peer(1), made]}
    wire = change(before, patch, router(1, 2, nats=[{"name": "nat"}]), tunnel(2), *looked(before))
    result = wire.run(MODULE, {**WHERE, "interfaces": [said_interface(2)], "bgp_peers": [said(2)]})
    assert [(step["fields"], step["grade"]) for step in result["plan"]] == [(["interfaces", "bgpPeers"], "safe")]


def test_what_is_said_again_in_other_words_changes_nothing() -> None:
    params = {**WHERE, "interfaces": [said_interface(1)], "bgp_peers": [said(1, enable=True, advertise_mode="DEFAULT")]}
    assert not Wire(Expected("GET", PATH, router(1, 2))).run(MODULE, params)["changed"]
    url = {
        **said_interface(1),
        "linked_vpn_tunnel": f"https://compute.googleapis.com/compute/v1/{REGION}/vpnTunnels/t1",
    }
    assert not Wire(Expected("GET", PATH, router(1, 2))).run(MODULE, {**WHERE, "interfaces": [url]})["changed"]


def test_a_field_alone_leaves_the_other_fields() -> None:
    before = router(1, 2)
    before["bgpPeers"][0]["bfd"] = {"multiplier": 5, "minReceiveInterval": 1000}
    bfd = {"multiplier": 7, "minReceiveInterval": 1000}
    patch = {"bgpPeers": [peer(1, bfd=bfd), peer(2)]}
    after = router(1, 2)
    after["bgpPeers"][0]["bfd"] = bfd
    params = {**WHERE, "bgp_peers": [{"name": "p1", "bfd": {"multiplier": 7}}]}
    assert Wire(Expected("GET", PATH, before), *looked(before)).fails(MODULE, params).code == "disruption-not-allowed"
    wire = change(before, patch, after, *looked(before))
    result = wire.run(MODULE, {**params, "allow_disruption": True})
    assert result["plan"][0]["summary"] == "change bgp_peers of router r"


def test_one_is_taken_out_by_name_and_the_rest_by_purging() -> None:
    out = {**WHERE, "allow_disruption": True}
    named = {
        "interfaces": [{"name": "i2", "state": "absent"}],
        "bgp_peers": [{"name": "p2", "state": "absent"}, {"name": "never", "state": "absent"}],
    }
    patch = {"interfaces": [interface(1)], "bgpPeers": [peer(1)]}
    before = router(1, 2)
    result = change(before, patch, router(1), *looked(before)).run(MODULE, {**out, **named})
    assert result["plan"][0]["grade"] == "disruptive"
    purged = {
        "interfaces": [{"name": "i1"}],
        "bgp_peers": [{"name": "p1"}],
        "purge_interfaces": True,
        "purge_bgp_peers": True,
    }
    assert change(before, patch, router(1), *looked(before)).run(MODULE, {**out, **purged})["changed"]
    # a list that is not given stays
    assert not Wire(Expected("GET", PATH, before)).run(MODULE, {**out, "purge_bgp_peers": True})["changed"]


def test_an_interface_does_not_leave_its_session_behind() -> None:
    params = {**WHERE, "interfaces": [{"name": "i2", "state": "absent"}], "allow_disruption": True}
    error = Wire(Expected("GET", PATH, router(1, 2))).fails(MODULE, params)
    assert "BGP peer p2 needs the interface i2" in str(error)
    assert "state: absent" in str(error)


def test_a_session_that_vanished_while_we_wrote_is_reported() -> None:
    before = router(1, 2)
    patch = {"bgpPeers": [peer(1, enable="FALSE"), peer(2)]}
    after = router(1)
    after["interfaces"] = before["interfaces"]
    after["bgpPeers"][0]["enable"] = "FALSE"
    wire = change(before, patch, after, *looked(before))
    params = {**WHERE, "bgp_peers": [{"name": "p1", "enable": False}], "allow_disruption": True}
    error = wire.fails(MODULE, params)
    assert error.code == "lost-update"
    assert "bgp_peers p2" in str(error)
    assert error.changed


def test_a_key_is_sent_once_and_the_others_by_name() -> None:
    before = router(1, 2)
    before["bgpPeers"][0]["md5AuthenticationKeyName"] = "theirs"
    before["md5AuthenticationKeys"] = [{"name": "theirs"}]
    mine = peer(2, md5AuthenticationKeyName="p2")
    patch = {
        "bgpPeers": [before["bgpPeers"][0], mine],
        "md5AuthenticationKeys": [{"name": "theirs"}, {"name": "p2", "key": "secret.of.the.tests"}],
    }
    after = {**before, "bgpPeers": [before["bgpPeers"][0], mine]}
    params = {**WHERE, "bgp_peers": [{"name": "p2", "md5_authentication_key": "secret.of.the.tests"}]}
    result = change(before, patch, after, *looked(before)).run(MODULE, {**params, "allow_disruption": True})
    assert "secret.of.the.tests" not in str(result)
    # it can't be compared: another one changes nothing
    params["bgp_peers"][0]["md5_authentication_key"] = "other.of.the.tests"
    assert not Wire(Expected("GET", PATH, after)).run(MODULE, params)["changed"]
    # and the key of a session that has one keeps its name
    params["bgp_peers"] = [{"name": "p1", "md5_authentication_key": "other.of.the.tests"}]
    assert not Wire(Expected("GET", PATH, after)).run(MODULE, params)["changed"]


def test_a_session_that_moves_to_another_address_takes_the_router_along() -> None:
    before = router(1)
    moved = {**interface(1), "ipRange": "169.254.9.2/30"}
    changed = {key: value for key, value in peer(1, peerIpAddress="169.254.9.1").items() if key != "ipAddress"}
    after = router(1, interfaces=[moved], bgpPeers=[{**changed, "ipAddress": "169.254.9.2"}])
    wire = change(before, {"interfaces": [moved], "bgpPeers": [changed]}, after, *looked(before))
    params = {
        "interfaces": [{"name": "i1", "ip_range": "169.254.9.2/30"}],
        "bgp_peers": [{"name": "p1", "peer_ip_address": "169.254.9.1"}],
    }
    assert wire.run(MODULE, {**WHERE, **params, "allow_disruption": True})["changed"]


# -- grades

RANGE: Json = {"advertiseMode": "CUSTOM", "advertisedIpRanges": [{"range": "10.7.0.0/16"}]}
ALL: Json = {"advertisedGroups": ["ALL_SUBNETS"]}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ([peer(1)], [peer(1), peer(2)], Grade.SAFE),
        ([peer(1), peer(2)], [peer(1)], Grade.DISRUPTIVE),
        ([peer(1)], [peer(1, peerAsn=64513)], Grade.DISRUPTIVE),
        ([peer(1)], [peer(1, enable="FALSE")], Grade.DISRUPTIVE),
        ([peer(1, enable="FALSE")], [peer(1)], Grade.SAFE),
        ([peer(1, enable="FALSE")], [], Grade.SAFE),
        ([peer(1)], [peer(1, advertisedRoutePriority=200)], Grade.DISRUPTIVE),
        ([peer(1)], [peer(1, **RANGE, **ALL)], Grade.SAFE),
        ([peer(1)], [peer(1, customLearnedIpRanges=[{"range": "10.7.0.0/16"}])], Grade.SAFE),
        ([peer(1, customLearnedIpRanges=[{"range": "10.7.0.0/16"}])], [peer(1)], Grade.DISRUPTIVE),
        (None, [peer(1)], Grade.SAFE),
        ([peer(1)], None, Grade.DISRUPTIVE),
    ],
)
def test_the_grade_of_a_change_of_sessions(old: t.Any, new: t.Any, expected: Grade) -> None:
    assert bgp_peers.grade_peers(old, new) is expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ([interface(1)], [interface(1), interface(2)], Grade.SAFE),
        ([interface(1), interface(2)], [interface(1)], Grade.DISRUPTIVE),
        ([interface(1)], [interface(1, ipRange="169.254.9.2/30")], Grade.DISRUPTIVE),
        ([], [interface(1)], Grade.SAFE),
    ],
)
def test_the_grade_of_a_change_of_interfaces(old: t.Any, new: t.Any, expected: Grade) -> None:
    assert bgp_peers.grade_interfaces(old, new) is expected


@pytest.mark.parametrize(
    ("bgp", "now", "bgp_then", "then", "expected"),
    [
        ({}, {}, {}, RANGE | ALL, False),
        # its own lists do not inherit the router's
        (RANGE | ALL, {}, RANGE | ALL, {"advertiseMode": "CUSTOM"} | ALL, True),
        (RANGE | ALL, {}, RANGE | ALL, RANGE | ALL, False),
        ({}, RANGE | ALL, {}, {"advertiseMode": "CUSTOM"} | ALL, True),
        ({}, RANGE | ALL, {}, {}, True),
        (RANGE | ALL, RANGE | ALL, RANGE | ALL, {"advertiseMode": "DEFAULT"}, False),
        ({}, {}, {}, RANGE, True),
        # the router's own change, as far as it reaches the session
        ({}, {}, RANGE, {}, True),
        ({}, RANGE, RANGE, RANGE, False),
        ({}, {"enable": "FALSE"}, {}, RANGE, False),
    ],
)
def test_whether_a_session_announces_less(bgp: Json, now: Json, bgp_then: Json, then: Json, expected: bool) -> None:
    name = {"name": "p"}
    assert bgp_peers.withdraws(bgp, [name | now], bgp_then, [name | then]) is expected


# -- what is refused


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"interfaces": [said_interface(1, ip_range="10.0.0.2/30")]}, "interfaces[0].ip_range: '10.0.0.2/30'"),
        ({"interfaces": [said_interface(1, ip_range="169.254.1.2/29")]}, "a /30 of 169.254.0.0/16"),
        ({"interfaces": [said_interface(1, ip_range="169.254.1.2")]}, "a /30 of 169.254.0.0/16"),
        ({"interfaces": [said_interface(1, ip_range="x")]}, "a /30 of 169.254.0.0/16"),
        ({"interfaces": [said_interface(1, ip_range="169.254.1.0/30")]}, "169.254.1.1/30 or 169.254.1.2/30"),
        ({"interfaces": [said_interface(1, ip_range="169.254.169.253/30")]}, "metadata server"),
        (
            {"interfaces": [said_interface(1), said_interface(2, ip_range="169.254.1.1/30")]},
            "interface i1 has an address of 169.254.1.0/30 already",
        ),
        ({"interfaces": [said_interface(1), said_interface(1)]}, "this name is given twice"),
        ({"interfaces": [said_interface(1, name="I1")]}, "interfaces[0].name: 'I1'"),
        ({"bgp_peers": [said(1), said(1)]}, "bgp_peers[1].name: 'p1': this name is given twice"),
        ({"bgp_peers": [said(1, peer_ip_address="169.254.1")]}, "bgp_peers[0].peer_ip_address: '169.254.1'"),
        ({"bgp_peers": [said(1, peer_asn=0)]}, "bgp_peers[0].peer_asn: 0"),
        ({"bgp_peers": [said(1, advertised_route_priority=65536)]}, "it is 0 to 65535"),
        ({"bgp_peers": [said(1, bfd={"multiplier": 4})]}, "bgp_peers[0].bfd.multiplier: 4: it is 5 to 16"),
        ({"bgp_peers": [said(1, bfd={"min_transmit_interval": 999})]}, "it is 1000 to 30000"),
        ({"bgp_peers": [said(1, advertised_groups=["ALL_SUBNETS"])]}, "only advertise_mode: CUSTOM takes it"),
        (
            {"bgp_peers": [said(1, advertise_mode="CUSTOM", advertised_ip_ranges=[{"range": "10.0.0.1/8"}])]},
            "bgp_peers[0].advertised_ip_ranges[0].range: '10.0.0.1/8'",
        ),
        (
            {
                "bgp_peers": [
                    said(
                        1,
                        advertise_mode="CUSTOM",
                        advertised_ip_ranges=[{"range": f"10.{number}.0.0/16"} for number in range(201)],
                    )
                ]
            },
            "at most 200 custom ranges",
        ),
        (
            {"bgp_peers": [said(1, custom_learned_ip_ranges=[f"10.{number}.0.0/16" for number in range(11)])]},
            "at most 10",
        ),
        ({"bgp_peers": [said(1, md5_authentication_key="k" * 81)]}, "md5_authentication_key: '(not shown)'"),
    ],
)
def test_what_is_wrong_is_refused_without_any_request(params: Json, problem: str) -> None:
    error = Wire().fails(MODULE, {**WHERE, **params})
    assert problem in str(error)
    assert "kkkk" not in str(error)


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"bgp_peers": [said(1, peer_asn=65010)]}, "peer_asn 65010 is the router's own"),
        ({"bgp_peers": [said(1, peer_ip_address="169.254.1.2")]}, "it must be 169.254.1.1"),
        ({"bgp_peers": [said(1, peer_ip_address="169.254.2.1")]}, "not the other address of 169.254.1.0/30"),
        ({"bgp_peers": [said(1, ip_address="169.254.1.1")]}, "ip_address 169.254.1.1 is not that of its interface i1"),
        ({"bgp_peers": [said(7)]}, "needs the interface i7, which the router would not have: add it to interfaces"),
        ({"bgp_peers": [{"name": "p7", "interface_name": "i1"}]}, "BGP peer p7 is new: give peer_asn"),
        ({"bgp_peers": [{"name": "p7"}]}, "BGP peer p7 is new: give interface_name"),
        ({"interfaces": [{"name": "i7"}]}, "interface i7 is new: give linked_vpn_tunnel"),
        (
            {"interfaces": [said_interface(7, ip_range="169.254.1.1/30")]},
            "interfaces i1 and i7 both have an address of 169.254.1.0/30",
        ),
    ],
)
def test_what_does_not_fit_the_router_is_refused(params: Json, problem: str) -> None:
    error = Wire(Expected("GET", PATH, router(1, 2))).fails(MODULE, {**WHERE, **params, "allow_disruption": True})
    assert problem in str(error)


def test_what_somebody_else_made_of_the_router_is_no_fault_of_this_change() -> None:
    before = router(1, 2)
    before["bgpPeers"][0]["peerIpAddress"] = "169.254.1.3"
    after = copy.deepcopy(before)
    after["bgpPeers"][1]["enable"] = "FALSE"
    params = {**WHERE, "bgp_peers": [{"name": "p2", "enable": False}], "allow_disruption": True}
    assert change(before, {"bgpPeers": after["bgpPeers"]}, after, *looked(before)).run(MODULE, params)["changed"]


def test_a_tunnel_must_be_there_and_be_the_routers_own() -> None:
    params = {**WHERE, "interfaces": [said_interface(2)]}
    error = Wire(Expected("GET", PATH, router(1)), absent(f"{REGION}/vpnTunnels/t2")).fails(MODULE, params)
    assert error.code == "missing-prerequisite"
    other = Expected("GET", f"{REGION}/vpnTunnels/t2", {"name": "t2", "router": f"{BASE}{REGION}/routers/other"})
    assert "made for router other" in str(Wire(Expected("GET", PATH, router(1)), other).fails(MODULE, params))
    warnings: list[str] = []
    before = router(1)
    gone = Expected("GET", f"{REGION}/vpnTunnels/t2", google_error(404, "notFound"), status=404)
    wire = Wire(Expected("GET", PATH, before), gone, *looked(before))
    assert wire.run(MODULE, params, check_mode=True, warnings=warnings)["changed"]
    assert "does not exist yet; counted as planned" in warnings[0]


def test_a_session_without_the_subnetworks_needs_the_routers_name() -> None:
    mine = said(1, advertise_mode="CUSTOM", advertised_ip_ranges=[{"range": "10.7.0.0/16"}])
    params = {**WHERE, "bgp_peers": [mine], "allow_disruption": True}
    error = Wire(Expected("GET", PATH, router(1))).fails(MODULE, params)
    assert error.code == "withdraws-subnets"
    assert "bgp_peers (p1).advertise_mode" in str(error)
    assert "confirm_withdraw_subnets: r" in str(error)
    before, after = router(1), router(1)
    after["bgpPeers"][0] |= RANGE
    wire = change(before, {"bgpPeers": after["bgpPeers"]}, after, *looked(before))
    assert wire.run(MODULE, {**params, "confirm_withdraw_subnets": "r"})["plan"][0]["grade"] == "disruptive"


def test_new_sessions_are_counted_before_there_are_any() -> None:
    ranges = [{"range": f"10.64.{number}.0/24"} for number in range(100)]
    before = router()
    custom = {"advertise_mode": "CUSTOM", "advertised_groups": ["ALL_SUBNETS"], "advertised_ip_ranges": ranges}
    sessions = [said(1, **custom), said(2)]
    params = {**WHERE, "interfaces": [said_interface(1), said_interface(2)], "bgp_peers": sessions}
    wire = Wire(Expected("GET", PATH, before), tunnel(1), tunnel(2), *looked(before))
    error = wire.fails(MODULE, params)
    assert error.code == "bgp-prefix-limit"
    assert "r/p1: 0 now, 101 then" in str(error)
    assert "r/p2" not in str(error)


def test_a_session_that_is_switched_off_sends_nothing_until_it_is_switched_on() -> None:
    ranges = [{"range": f"10.64.{number}.0/24"} for number in range(100)]
    before = router(1)
    before["bgpPeers"][0] |= {"enable": "FALSE", **ALL, "advertiseMode": "CUSTOM", "advertisedIpRanges": ranges}
    wire = Wire(Expected("GET", PATH, before), *looked(before))
    error = wire.fails(MODULE, {**WHERE, "bgp_peers": [{"name": "p1", "enable": True}]})
    assert "r/p1: 0 now, 101 then" in str(error)
