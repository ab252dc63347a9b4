# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""module_utils/bgp.py: what is read out of a router's status in any form, and what is concluded from it."""

from __future__ import annotations

import ipaddress
import json
import textwrap
import typing as t

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podreach.gke.plugins.module_utils import addressing, bgp

Json = dict[str, t.Any]

# ---------------------------------------------------------------------------------------------------------------------
# What people paste

#: `gcloud compute routers get-status` as it stands in a public report, with its ellipses: first with the ranges of a
#: routes-based cluster missing, then with those of a VPC-native one.
BEFORE = """\
$ gcloud compute routers get-status <Cloud Router Name> --region asia-northeast1
・・・
  bgpPeerStatus:
  - advertisedRoutes:
    - destRange: 10.1.0.0/24
      kind: compute#route
      nextHopIp: 169.254.24.222
      priority: 100
    ipAddress: 169.254.24.222
    name: aws-vpn-1-bgp-1
    numLearnedRoutes: 6
    peerIpAddress: 169.254.24.221
    state: Established
    status: UP
    uptime: 1 weeks, 1 days, 23 hours, 0 minutes, 0 seconds
    uptimeSeconds: '774000'
  - advertisedRoutes:
    - destRange: 10.1.0.0/24
      kind: compute#route
      nextHopIp: 169.254.27.98
      priority: 100
    ipAddress: 169.254.27.98
    name: aws-vpn-2-bgp-1
    numLearnedRoutes: 6
    peerIpAddress: 169.254.27.97
    state: Established
    status: UP
    uptime: 2 days, 13 hours, 19 minutes, 0 seconds
    uptimeSeconds: '220740'
・・・
"""

AFTER = """\
・・・
  bgpPeerStatus:
  - advertisedRoutes:
    - destRange: 10.1.128.0/19
      kind: compute#route
      nextHopIp: 169.254.24.222
      priority: 100
    - destRange: 10.1.160.0/22
      kind: compute#route
      nextHopIp: 169.254.24.222
      priority: 100
    - destRange: 10.1.0.0/24
      kind: compute#route
      nextHopIp: 169.254.24.222
      priority: 100
    - destRange: 10.1.1.0/24
      kind: compute#route
      nextHopIp: 169.254.24.222
      priority: 100
    ipAddress: 169.254.24.222
    name: aws-vpn-1-bgp-1
    numLearnedRoutes: 6
    peerIpAddress: 169.254.24.221
    state: Established
    status: UP
    uptime: 1 weeks, 1 days, 23 hours, 0 minutes, 0 seconds
    uptimeSeconds: '774000'
  - advertisedRoutes:
    - destRange: 10.1.128.0/19
      kind: compute#route
      nextHopIp: 169.254.27.98
      priority: 100
    - destRange: 10.1.160.0/22
      kind: compute#route
      nextHopIp: 169.254.27.98
      priority: 100
    - destRange: 10.1.0.0/24
      kind: compute#route
      nextHopIp: 169.254.27.98
      priority: 100
    - destRange: 10.1.1.0/24
      kind: compute#route
      nextHopIp: 169.254.27.98
      priority: 100
    ipAddress: 169.254.27.98
    name: aws-vpn-2-bgp-1
    numLearnedRoutes: 6
    peerIpAddress: 169.254.27.97
    state: Established
    status: UP
    uptime: 2 days, 13 hours, 19 minutes, 0 seconds
    uptimeSeconds: '220740'
・・・
"""

PEER: Json = {
    "name": "a",
    "ipAddress": "169.254.24.222",
    "peerIpAddress": "169.254.24.221",
    "state": "Established",
    "status": "UP",
    "numLearnedRoutes": 6,
    "uptimeSeconds": "774000",
    "linkedVpnTunnel": "https://www.googleapis.com/compute/v1/projects/p/regions/r/vpnTunnels/t1",
}


def peer(name: str = "a", *ranges: str, priority: int = 100, **more: t.Any) -> Json:
    """A session as the API tells of it, advertising these ranges."""
    routes = [
        {"kind": "compute#route", "destRange": cidr, "priority": priority, "nextHopIp": "169.254.24.222"}
        for cidr in ranges
    ]
    return {**PEER, "name": name, **({"advertisedRoutes": routes} if routes else {}), **more}


def response(*peers: Json, **more: t.Any) -> Json:
    """A response of getRouterStatus."""
    result = {"network": "https://www.googleapis.com/compute/v1/projects/p/global/networks/n", **more}
    return {
        "kind": "compute#routerStatusResponse",
        "result": {**result, **({"bgpPeerStatus": [*peers]} if peers else {})},
    }


DOWN: Json = {"state": "Connect", "status": "DOWN", "uptimeSeconds": None}


def test_pasted_text() -> None:
    one, other = bgp.read(BEFORE).peers
    assert one == bgp.Peer(
        name="aws-vpn-1-bgp-1",
        state="Established",
        status="UP",
        up=True,
        uptime="1 weeks, 1 days, 23 hours, 0 minutes, 0 seconds",
        uptime_seconds=774000,
        ip_address="169.254.24.222",
        peer_ip_address="169.254.24.221",
        num_learned_routes=6,
        advertised_ranges=(bgp.AdvertisedRange("10.1.0.0/24", 100, "169.254.24.222"),),
    )
    assert (other.name, other.up, other.uptime_seconds) == ("aws-vpn-2-bgp-1", True, 220740)
    assert other.advertised_ranges == (bgp.AdvertisedRange("10.1.0.0/24", 100, "169.254.27.98"),)


def test_pasted_text_tells_what_was_missing() -> None:
    """The pods of the first cluster, and not those of the second."""
    wanted = ["10.1.0.0/24", "10.32.0.0/14"]
    missing = bgp.missing_ranges(bgp.read(BEFORE), wanted)
    assert [(item.peer, item.range, item.code) for item in missing] == [
        ("aws-vpn-1-bgp-1", "10.32.0.0/14", "bgp-range-not-advertised"),
        ("aws-vpn-2-bgp-1", "10.32.0.0/14", "bgp-range-not-advertised"),
    ]
    pods_and_services = ["10.1.0.0/24", "10.1.1.0/24", "10.1.128.0/19", "10.1.160.0/22"]
    assert bgp.missing_ranges(bgp.read(AFTER), pods_and_services) == []
    assert [item.range for item in bgp.missing_ranges(bgp.read(BEFORE), pods_and_services, each_peer=False)] == [
        "10.1.1.0/24",
        "10.1.128.0/19",
        "10.1.160.0/22",
    ]


WHOLE = yaml.safe_dump(response(peer("a", "10.1.0.0/24"), peer("b", "10.1.0.0/24")))
#: only the sessions, as deep as they stand in the whole
DEEP = WHOLE.partition("result:\n")[2]
LIST = DEEP.partition("bgpPeerStatus:\n")[2].partition("  network:")[0]


@pytest.mark.parametrize(
    "text",
    [
        WHOLE,
        json.dumps(response(peer("a", "10.1.0.0/24"), peer("b", "10.1.0.0/24"))),
        json.dumps([peer("a", "10.1.0.0/24"), peer("b", "10.1.0.0/24")], indent=2),
        DEEP,
        DEEP.strip(),
        LIST,
        LIST.strip(),
        textwrap.indent(WHOLE, "\t"),
        WHOLE.replace("\n", "\r\n"),
        f"```\n{WHOLE}```",
        f"...\n{DEEP}...\n",
        f"[...]\n{DEEP}(snip)\n",
        f"\n\n  …\n{DEEP}\n  ⋮\n",
        f"$ gcloud compute routers get-status r\n# of today\n{WHOLE}",
        f"{DEEP}(中略)\n",
    ],
)
def test_forms_of_text(text: str) -> None:
    """The whole or a part, deep or shallow, with the first line's indentation lost, among ellipses and prompts."""
    found = bgp.read(text).peers
    assert [item.name for item in found] == ["a", "b"]
    assert all(item.up and item.sent == ("10.1.0.0/24",) and item.linked_vpn_tunnel == "t1" for item in found)


def test_forms_of_data() -> None:
    """Whole, result, sessions, one session, our own data, a module's result, and lists of these, are all the same."""
    api = response(peer("a", "10.1.0.0/24"), bestRoutes=[ROUTE], bestRoutesForRouter=[ROUTE])
    whole = bgp.read(api)
    assert bgp.read(api["result"]) == whole
    assert bgp.read([api]) == whole
    own = bgp.as_data(whole)
    assert json.loads(json.dumps(own)) == own
    assert bgp.read(own) == whole
    assert bgp.read({"changed": False, "routers": [{"name": "r", **own}]}) == whole
    for sessions in (api["result"]["bgpPeerStatus"], api["result"]["bgpPeerStatus"][0], own["peers"], own["peers"][0]):
        assert bgp.read(sessions).peers == whole.peers
    assert bgp.read([api, WHOLE]).peers == (*whole.peers, *bgp.read(WHOLE).peers)


ROUTE: Json = {
    "kind": "compute#route",
    "destRange": "10.0.0.0/16",
    "priority": 100,
    "nextHopIp": "169.254.24.221",
    "nextHopVpnTunnel": "https://www.googleapis.com/compute/v1/projects/p/regions/r/vpnTunnels/t1",
    "routeType": "BGP",
    "routeStatus": "ACTIVE",
    "asPaths": [{"pathSegmentType": "AS_SEQUENCE", "asLists": [64512]}, {"asLists": [65000, 65001]}],
}


def test_best_routes() -> None:
    status = bgp.read(response(bestRoutes=[ROUTE], bestRoutesForRouter=[{"destRange": "0.0.0.0/0"}]))
    assert status.best_routes == (
        bgp.LearnedRoute("10.0.0.0/16", 100, "169.254.24.221", "t1", (64512, 65000, 65001), "ACTIVE"),
    )
    assert status.best_routes_for_router == (bgp.LearnedRoute("0.0.0.0/0"),)


@pytest.mark.parametrize(
    ("said", "up"),
    [
        ({"state": "Established", "status": "UP"}, True),
        ({"state": "Established"}, True),
        ({"status": "UP"}, True),
        ({}, False),
        ({"status": "UNKNOWN"}, False),
        ({"state": "Established", "status": "DOWN"}, False),
        ({"state": "Idle", "status": "UP"}, False),
        *[({"state": state}, False) for state in ("Idle", "Connect", "Active", "OpenSent", "OpenConfirm")],
    ],
)
def test_up_only_where_all_that_is_said_says_so(said: Json, up: bool) -> None:
    (found,) = bgp.read({"name": "a", "peerIpAddress": "169.254.24.221", **said}).peers
    assert found.up is up


def test_a_router_without_peers() -> None:
    assert bgp.read(response()) == bgp.RouterStatus()
    assert bgp.read({"kind": "compute#routerStatusResponse"}) == bgp.RouterStatus()
    assert bgp.read({"result": {}}) == bgp.RouterStatus()
    assert bgp.read({"network": "n"}) == bgp.RouterStatus()
    assert bgp.read([]) == bgp.RouterStatus()


def test_ipv6_is_shown_and_counted_and_covers_nothing_of_ipv4() -> None:
    (found,) = bgp.read(peer("a", "fd20::/64", "fd20:0:0:1::/64", "10.1.0.0/24")).peers
    assert [item.range for item in found.advertised_ranges] == ["fd20::/64", "fd20:0:0:1::/64", "10.1.0.0/24"]
    assert found.sent == ("10.1.0.0/24",)
    headroom = bgp.prefix_headroom(found)
    assert (headroom.count, headroom.aggregated_count) == (3, 2)
    assert headroom.aggregates == (bgp.Aggregate("fd20::/63", ("fd20::/64", "fd20:0:0:1::/64")),)


WRONG: list[tuple[t.Any, str, str]] = [
    (None, "status-shape", "None is not the status of a router; give what `gcloud compute routers get-status ROUTER"),
    (5, "status-shape", "5 is not the status"),
    ("", "status-syntax", "there is no status in this text"),
    ("・・・\n...\n", "status-syntax", "there is no status in this text"),
    ("a: [", "status-syntax", "not YAML: line 1"),
    ('{"a": ', "status-syntax", "not JSON: Expecting value: line 1 column 7"),
    ("hello", "status-shape", "'hello' is not the status of a router"),
    ("- hello", "status-shape", "'- hello' is not the status of a router"),
    ("[1, 2]", "status-shape", "'[1, 2]' is not the status of a router"),
    ("bgp:\n  asn: 65010\nname: r", "status-shape", "neither bgpPeerStatus nor peers, only bgp, name"),
    ({}, "status-shape", "neither bgpPeerStatus nor peers"),
    (f"{DEEP}\n  bgpPeerStatus: []", "status-syntax", "bgpPeerStatus is there twice"),
    (f"{WHOLE}---\n{WHOLE}", "status-syntax", "not YAML: line"),
    (response({"name": 5, "state": "Idle"}), "status-shape", "result.bgpPeerStatus[0].name: 5 is not a string"),
    ({"bgpPeerStatus": {"a": 1}}, "status-shape", "bgpPeerStatus: {'a': 1} is not a list"),
    ({"bgpPeerStatus": ["a"]}, "status-shape", "bgpPeerStatus[0]: 'a' is not a dictionary"),
    ({"result": "nothing"}, "status-shape", "result: 'nothing' is not a dictionary"),
    (
        [response(peer("a", "10.1.0.0/33"))],
        "status-shape",
        "[0].result.bgpPeerStatus[0].advertisedRoutes[0].destRange: '10.1.0.0/33' is not a range",
    ),
    (peer("a", numLearnedRoutes="many"), "status-shape", "numLearnedRoutes: 'many' is not a whole number"),
    (peer("a", uptimeSeconds=None, uptime="a while"), "duration-syntax", "uptime: 'a while' is not a duration"),
    ({"bestRoutes": [{}]}, "status-shape", "bestRoutes[0].destRange: None is not a range"),
    (
        {"bestRoutes": [{**ROUTE, "asPaths": [{"asLists": [True]}]}]},
        "status-shape",
        "bestRoutes[0].asPaths[0].asLists: True is not a whole number",
    ),
    (
        {"peers": [{"advertised_ranges": ["10.1.0.0/24"]}]},
        "status-shape",
        "peers[0].advertised_ranges[0]: '10.1.0.0/24'",
    ),
]


@pytest.mark.parametrize(("value", "code", "part"), WRONG)
def test_what_cannot_be_read_is_named_with_its_place(value: t.Any, code: str, part: str) -> None:
    with pytest.raises(bgp.BgpError) as caught:
        bgp.read(value)
    assert caught.value.code == code
    assert part in str(caught.value)


@given(st.text(alphabet=" \n\t:-[]{}&*#$'\"・.abc10/", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Never another exception."""
    try:
        bgp.read(text)
    except bgp.BgpError as problem:
        assert str(problem)


# ---------------------------------------------------------------------------------------------------------------------
# Durations


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("1 weeks, 1 days, 23 hours, 0 minutes, 0 seconds", 774000),
        ("2 days, 13 hours, 19 minutes, 0 seconds", 220740),
        ("14 years, 51 weeks, 6 days, 23 hours, 59 minutes, 59 seconds", 14 * 31536000 + 52 * 604800 - 1),
        ("0 seconds", 0),
        ("1 minutes, 5 seconds", 65),
        ("52 weeks, 0 days, 0 hours, 0 minutes, 0 seconds", 52 * 604800),
    ],
)
def test_durations(words: str, seconds: int) -> None:
    assert bgp.duration_seconds(words) == seconds
    assert bgp.duration_words(seconds) == words


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(5, 5), ("774000", 774000), (" 1 week,2 hours ", 612000), ("1 day", 86400), (0, 0)],
)
def test_other_spellings_of_durations(value: t.Any, seconds: int) -> None:
    assert bgp.duration_seconds(value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        "",
        "soon",
        "1 hours, 1 days",
        "1 days, 1 days",
        "1 day 2 hours",
        "-5",
        -5,
        "1.5 days",
        "1 s",
        None,
        True,
        [],
        "²",
    ],
)
def test_no_durations(value: t.Any) -> None:
    with pytest.raises(bgp.BgpError, match="is not a duration") as caught:
        bgp.duration_seconds(value)
    assert caught.value.code == "duration-syntax"


def test_no_negative_durations() -> None:
    with pytest.raises(bgp.BgpError, match="-1 is not a duration"):
        bgp.duration_words(-1)


@given(st.integers(min_value=0, max_value=10**12))
def test_durations_come_back(seconds: int) -> None:
    assert bgp.duration_seconds(bgp.duration_words(seconds)) == seconds


# ---------------------------------------------------------------------------------------------------------------------
# What is missing


@pytest.mark.parametrize(
    ("wanted", "advertised", "by", "missing"),
    [
        ("10.1.128.0/19", ["10.1.128.0/19"], ["10.1.128.0/19"], []),
        ("10.1.128.0/19", ["10.0.0.0/8", "10.1.0.0/16", "10.1.128.0/20"], ["10.1.0.0/16"], []),
        ("10.1.128.0/19", ["0.0.0.0/0"], ["0.0.0.0/0"], []),
        ("10.1.0.0/23", ["10.1.1.0/24", "10.1.0.0/24", "10.2.0.0/16"], ["10.1.0.0/24", "10.1.1.0/24"], []),
        ("10.1.0.0/22", ["10.1.1.0/24"], ["10.1.1.0/24"], ["10.1.0.0/24", "10.1.2.0/23"]),
        ("10.32.0.0/14", ["10.1.0.0/24"], [], ["10.32.0.0/14"]),
        ("10.32.0.0/14", [], [], ["10.32.0.0/14"]),
        ("10.1.0.7/32", ["10.1.0.0/24"], ["10.1.0.0/24"], []),
    ],
)
def test_coverage(wanted: str, advertised: list[str], by: list[str], missing: list[str]) -> None:
    assert bgp.coverage(wanted, advertised) == bgp.Coverage(tuple(by), tuple(missing))


@st.composite
def ranges(draw: st.DrawFn) -> str:
    """A range inside 10.0.0.0/24, so that few of them meet often."""
    prefix = draw(st.integers(min_value=24, max_value=32))
    index = draw(st.integers(min_value=0, max_value=(1 << (prefix - 24)) - 1))
    return f"{ipaddress.IPv4Address((10 << 24) + index * (1 << (32 - prefix)))}/{prefix}"


def members(cidrs: t.Iterable[str]) -> set[int]:
    return {int(address) for cidr in cidrs for address in ipaddress.IPv4Network(cidr)}


@given(ranges(), st.lists(ranges(), max_size=8))
def test_missing_and_covered_make_up_what_was_asked(wanted: str, advertised: list[str]) -> None:
    found = bgp.coverage(wanted, advertised)
    assert members(found.missing) == members([wanted]) - members(advertised)
    assert members(found.missing) | (members(found.advertised_by) & members([wanted])) == members([wanted])
    assert not members(found.missing) & members(found.advertised_by)
    assert set(found.advertised_by) <= set(advertised)


@given(st.lists(st.lists(ranges(), max_size=3), min_size=1, max_size=3), st.lists(ranges(), max_size=3))
def test_sessions_together_miss_what_each_misses(sessions: list[list[str]], wanted: list[str]) -> None:
    status = bgp.read([peer(f"p{number}", *item) for number, item in enumerate(sessions)])
    each = bgp.missing_ranges(status, wanted)
    for item in bgp.missing_ranges(status, wanted, each_peer=False):
        parts = [members(other.missing) for other in each if other.range == item.range]
        assert len(parts) >= len(sessions)
        assert members(item.missing) == set.intersection(*parts)


def test_missing_names_what_was_asked() -> None:
    status = bgp.read([peer("a", "10.1.0.0/25"), peer("b", "10.1.0.128/25", "10.32.0.0/14")])
    asked = {"nodes": "10.1.0.0/24", "pods": {"ip_cidr_range": "10.32.0.0/16"}}
    found = bgp.missing_ranges(status, asked)
    assert [(item.peer, item.name, item.missing, item.advertised_by) for item in found] == [
        ("a", "nodes", ("10.1.0.128/25",), ("10.1.0.0/25",)),
        ("a", "pods", ("10.32.0.0/16",), ()),
        ("b", "nodes", ("10.1.0.0/25",), ("10.1.0.128/25",)),
    ]
    assert found[0].message == (
        "nodes (10.1.0.0/24) is advertised in part (10.1.0.0/25), 10.1.0.128/25 is missing on a; "
        "make it a range of a subnetwork of the network, or add it to the advertised_ip_ranges"
    )
    assert bgp.missing_ranges(status, asked, each_peer=False) == []


def test_a_session_that_is_down_advertises_nothing() -> None:
    status = bgp.read([peer("a", "10.1.0.0/24", **DOWN), peer("b", "10.1.0.0/24")])
    (found,) = bgp.missing_ranges(status, "10.1.0.0/24")
    assert (found.peer, found.code, found.missing) == ("a", "bgp-session-down", ("10.1.0.0/24",))
    assert "no session is up (a is Connect)" in found.message
    assert bgp.missing_ranges(status, "10.1.0.0/24", each_peer=False) == []


@pytest.mark.parametrize("each_peer", [True, False])
def test_without_sessions_everything_is_missing(each_peer: bool) -> None:
    (found,) = bgp.missing_ranges(bgp.RouterStatus(), ["10.1.0.0/24"], each_peer=each_peer)
    assert (found.peer, found.code) == (None, "bgp-session-down")
    assert "has no BGP peer" in found.message


@pytest.mark.parametrize(
    ("ranges", "names"),
    [
        ("10.1.0.0/24", ["10.1.0.0/24"]),
        (["10.1.0.0/24", {"cidr": "10.2.0.0/24"}], ["10.1.0.0/24", "10.2.0.0/24"]),
        ({"name": "nodes", "cidr": "10.1.0.0/24"}, ["nodes"]),
        ([{"name": "nodes", "cidr": "10.1.0.0/24"}], ["nodes"]),
        ({"nodes": "10.1.0.0/24"}, ["nodes"]),
        (
            [
                {
                    "name": "s",
                    "ipCidrRange": "10.1.0.0/24",
                    "secondaryIpRanges": [{"rangeName": "p", "range": "10.2.0.0/24"}],
                }
            ],
            ["s", "s.p"],
        ),
    ],
)
def test_ranges_are_called_by_their_names_or_themselves(ranges: t.Any, names: list[str]) -> None:
    assert [item.label for item in bgp.asked_ranges(ranges)] == names
    assert [item.name for item in bgp.missing_ranges(bgp.RouterStatus(), ranges)] == names


def test_wrong_ranges_are_named() -> None:
    with pytest.raises(addressing.AddressingError, match=r"ranges\[0\]: '10.1.0.1/24' has host bits set"):
        bgp.missing_ranges(bgp.RouterStatus(), ["10.1.0.1/24"])


# ---------------------------------------------------------------------------------------------------------------------
# Headroom


def subnets(count: int) -> list[str]:
    """So many ranges of which no two are neighbours."""
    return [f"10.{number // 128}.{number % 128 * 2}.0/24" for number in range(count)]


@pytest.mark.parametrize(
    ("count", "limit", "left", "code"),
    [(99, 100, 1, None), (100, 100, 0, None), (101, 100, -1, "bgp-prefix-limit"), (101, 1000, 899, None)],
)
def test_headroom(count: int, limit: int, left: int, code: str | None) -> None:
    (one,) = bgp.read(peer("a", *subnets(count))).peers
    found = bgp.prefix_headroom(one, limit)
    assert (found.peer, found.count, found.limit, found.headroom, found.code) == ("a", count, limit, left, code)
    assert (found.aggregated_count, found.aggregates) == (count, ())
    assert f"a: {count} of {limit} prefixes" in found.message


def test_headroom_foresees() -> None:
    (one,) = bgp.read(peer("a", *subnets(100))).peers
    found = bgp.prefix_headroom(one, adding=["10.200.0.0/16", "10.0.0.0/24"])
    assert (found.count, found.code) == (101, "bgp-prefix-limit"), "one that is advertised already counts once"


def test_aggregates() -> None:
    """Neighbours of the same length, several levels up, and what lies in another."""
    (one,) = bgp.read(peer("a", "10.1.1.0/24", "10.1.0.0/24", "10.1.2.0/23", "10.1.2.128/25", "10.9.0.0/16")).peers
    found = bgp.prefix_headroom(one, 4)
    assert found.aggregates == (
        bgp.Aggregate("10.1.0.0/22", ("10.1.0.0/24", "10.1.1.0/24", "10.1.2.0/23", "10.1.2.128/25")),
    )
    assert (found.count, found.aggregated_count, found.headroom) == (5, 2, -1)
    assert "1 too many" in found.message
    assert "Aggregates would make them 2" in found.message


@given(st.lists(ranges(), max_size=12))
def test_aggregates_lose_and_add_nothing(cidrs: list[str]) -> None:
    (one,) = bgp.read(peer("a", *cidrs)).peers
    found = bgp.prefix_headroom(one)
    replaced = {cidr for item in found.aggregates for cidr in item.replaces}
    then = [*(set(cidrs) - replaced), *(item.range for item in found.aggregates)]
    assert len(then) == found.aggregated_count <= found.count == len(set(cidrs))
    assert members(then) == members(cidrs)
    assert found.aggregated_count == len(list(ipaddress.collapse_addresses(map(ipaddress.IPv4Network, cidrs))))


def test_no_limit() -> None:
    with pytest.raises(bgp.BgpError, match="0 is not a limit on prefixes"):
        bgp.prefix_headroom(bgp.Peer("a"), 0)


# ---------------------------------------------------------------------------------------------------------------------
# Differences


def test_sessions_that_are_alike() -> None:
    assert bgp.differences(bgp.read(AFTER).peers) == []
    assert bgp.differences(()) == []
    assert bgp.differences(bgp.read([peer("a", **DOWN), peer("b", **DOWN)]).peers) == [], "alike, though bad"


def test_differences() -> None:
    sessions = [
        peer("a", "10.1.0.0/24", "10.2.0.0/24"),
        peer("b", "10.1.0.0/24", priority=200, numLearnedRoutes=1),
        peer("c", "10.9.0.0/24", **DOWN),
    ]
    found = bgp.differences(bgp.read(sessions).peers)
    assert [(item.aspect, item.range, item.peers, item.others) for item in found] == [
        ("up", None, ("c",), ("a", "b")),
        ("priority", "10.1.0.0/24", ("b",), ("a",)),
        ("range", "10.2.0.0/24", ("b",), ("a",)),
        ("learned", None, ("b",), ("a",)),
    ]
    assert [item.message for item in found] == [
        "c is Connect, a, b up",
        "10.1.0.0/24 is advertised with different priorities: 100 by a, 200 by b",
        "10.2.0.0/24 is advertised by a, not by b",
        "different numbers of routes are learned: 6 by a, 1 by b",
    ]
