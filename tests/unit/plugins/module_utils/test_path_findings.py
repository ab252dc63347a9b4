# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What readings of a path mean: cases as changes to a path that works."""

from __future__ import annotations

import copy
import typing as t

import pytest

from ansible_collections.podreach.gke.plugins.module_utils import addressing, bgp
from ansible_collections.podreach.gke.plugins.module_utils.errors import InvalidInput
from ansible_collections.podreach.gke.plugins.module_utils.path_findings.google import TUNNEL_DOWN
from ansible_collections.podreach.gke.plugins.module_utils.path_findings.judge import judge
from ansible_collections.podreach.gke.plugins.module_utils.path_findings.report import WIDTH, written
from ansible_collections.podreach.gke.plugins.module_utils.path_findings.sheet import Asked, Row

Json = dict[str, t.Any]
REGION = "https://www.googleapis.com/compute/v1/projects/p/regions/r1"
NODES = addressing.Range("10.1.0.0/24", "nodes")


def peer(number: int, *ranges: str) -> Json:
    found: Json = {
        "name": f"s{number}",
        "state": "Established",
        "up": True,
        "enabled": True,
        "linked_vpn_tunnel": f"t{number}",
        "peer_asn": 64512,
        "ip_address": f"169.254.{number}.2",
        "peer_ip_address": f"169.254.{number}.1",
        "num_learned_routes": 1,
        "advertised_ranges": [{"range": cidr} for cidr in ranges],
        "prefix_headroom": {"code": None, "count": len(ranges), "limit": 100},
        "missing_ranges": [],
    }
    return found


def tunnel(number: int, **more: t.Any) -> Json:
    return {
        "name": f"t{number}",
        "region": REGION,
        "router": f"{REGION}/routers/cr",
        "vpnGateway": f"{REGION}/vpnGateways/gw",
        "peerExternalGateway": "https://www.googleapis.com/compute/v1/projects/p/global/externalVpnGateways/aws",
        "peerIp": f"203.0.113.{number}",
        "status": "ESTABLISHED",
        "detailedStatus": "Tunnel is up and running.",
        **more,
    }


def connection(*numbers: int) -> Json:
    tunnels = [
        {
            "outside_ip_address": f"203.0.113.{number}",
            "aws_inside_address": f"169.254.{number}.1",
            "customer_inside_range": f"169.254.{number}.2/30",
            "status": "UP",
            "status_message": "1 BGP ROUTES",
            "accepted_route_count": 1,
        }
        for number in numbers
    ]
    return {"id": f"vpn-{numbers[0]}", "customer_asn": 65010, "tunnels": tunnels}


def flow(*, reachable: bool | None = True, **more: t.Any) -> Json:
    asked = {"kind": "icmp", "target": "10.0.1.7", "cluster": "c1", **more}
    result: Json = {"item": asked, "ran": reachable is not None, "reachable": reachable, "msg": "as it was seen"}
    expected = asked.get("expect", "reachable")
    if reachable is False:
        result["reason"] = "no-reply"
    if reachable is not None and expected not in ("any", "reachable" if reachable else "unreachable"):
        result["error"] = {"code": "not-as-expected"}
    return result


def good() -> Json:
    """Two tunnels to AWS that carry the nodes' range, and a flow that passes."""
    return {
        "routers": {
            "routers": [
                {
                    "name": "cr",
                    "region": "r1",
                    "network": "n",
                    "asn": 65010,
                    "peers": [peer(1, "10.1.0.0/24"), peer(2, "10.1.0.0/24")],
                    "missing_ranges": [],
                }
            ],
            "unread": [],
        },
        "tunnels": {"tunnels": [tunnel(1), tunnel(2)]},
        "aws": {
            "vpns": [
                {
                    "name": "v",
                    "gateway": {"id": "vgw-1", "type": "virtual_private_gateway", "asn": 64512},
                    "connections": [connection(1, 2)],
                    "route_tables": [{"id": "rtb-1", "name": "main", "propagating": True, "ranges": ["10.1.0.0/24"]}],
                    "propagated_ranges": ["10.1.0.0/24"],
                    "warnings": [],
                }
            ]
        },
        "flows": [flow()],
    }


class Path:
    """A path to break, and the report on it."""

    def __init__(self) -> None:
        self.readings = good()

    @property
    def router(self) -> Json:
        return t.cast(Json, self.readings["routers"]["routers"][0])

    @property
    def peers(self) -> list[Json]:
        return t.cast("list[Json]", self.router["peers"])

    @property
    def tunnels(self) -> list[Json]:
        return t.cast("list[Json]", self.readings["tunnels"]["tunnels"])

    @property
    def vpn(self) -> Json:
        return t.cast(Json, self.readings["aws"]["vpns"][0])

    @property
    def ends(self) -> list[Json]:
        return [item for one in self.vpn["connections"] for item in one["tunnels"]]

    def down(self, *numbers: int, state: str = "Idle", message: str = "IPSEC IS UP") -> Path:
        """Sessions that are down over tunnels that are up."""
        for number in numbers:
            self.peers[number - 1] |= {"state": state, "up": False, "advertised_ranges": []}
            self.ends[number - 1] |= {"status": "DOWN", "status_message": message, "accepted_route_count": 0}
        if not any(item["up"] for item in self.peers):
            self.lose("10.1.0.0/24")
        return self

    def cut(self, *numbers: int) -> Path:
        for number in numbers:
            self.tunnels[number - 1] |= {"status": "NO_INCOMING_PACKETS", "detailedStatus": "No incoming packets."}
        return self.down(*numbers, message="IPSEC IS DOWN")

    def lose(self, *ranges: str) -> Path:
        """AWS has no route."""
        self.vpn["propagated_ranges"] = [item for item in self.vpn["propagated_ranges"] if item not in ranges]
        for table in self.vpn["route_tables"]:
            table["ranges"] = [item for item in table["ranges"] if item not in ranges]
        return self

    def missing(self, cidr: str, *numbers: int, code: str = "bgp-range-not-advertised") -> Path:
        entry = {"range": cidr, "name": cidr, "code": code, "message": f"{cidr} is not advertised"}
        for number in numbers or range(1, len(self.peers) + 1):
            self.peers[number - 1]["missing_ranges"].append(entry)
        if not numbers:
            self.router["missing_ranges"].append(entry)
        return self

    def report(self, *ranges: addressing.Range, **asked: t.Any) -> Json:
        before = copy.deepcopy(self.readings)
        found = judge(self.readings, Asked(ranges=ranges or (NODES,), **asked))
        assert self.readings == before, "what was read is left alone"
        assert all(len(line) <= WIDTH for line in found["table"])
        return found


def causes(path: Path, *ranges: addressing.Range, **asked: t.Any) -> list[str]:
    return t.cast("list[str]", path.report(*ranges, **asked)["causes"])


def states(report: Json, what: str) -> dict[str, str]:
    return {row["name"]: row["state"] for row in report["rows"] if row["what"] == what}


def test_a_path_that_works() -> None:
    found = Path().report()
    assert (found["ok"], found["proven"], found["causes"], found["warnings"]) == (True, True, [], [])
    assert found["failures"] == found["notes"] == []
    assert found["message"] == ""
    assert found["table"] == [
        "WHAT        NAME               STATE        DETAIL",
        "tunnel      t1                 ESTABLISHED  Tunnel is up and running",
        "tunnel      t2                 ESTABLISHED  Tunnel is up and running",
        "session     cr/s1              Established  sends 1, learns 1, via t1",
        "session     cr/s2              Established  sends 1, learns 1, via t2",
        "range       nodes              advertised   10.1.0.0/24 by 2 sessions of cr",
        "AWS tunnel  vpn-1/203.0.113.1  UP           t1: 1 BGP ROUTES",
        "AWS tunnel  vpn-1/203.0.113.2  UP           t2: 1 BGP ROUTES",
        "AWS route   nodes              present      10.1.0.0/24",
        "flow        icmp 10.0.1.7      reachable    from c1, expected reachable",
        "result                         proven       every flow is as expected",
    ]


def test_without_a_flow_nothing_is_proven() -> None:
    path = Path()
    del path.readings["flows"]
    found = path.report()
    assert (found["ok"], found["proven"]) == (True, False)
    assert " ".join(found["table"][-1].split()) == "result ok nothing wrong was read, no flow was tried"
    assert judge({}, Asked())["proven"] is False


# -- tunnels and sessions


def test_all_tunnels_cut_names_every_tunnel_and_session() -> None:
    found = Path().cut(1, 2).report()
    assert found["causes"] == ["tunnel-down", "bgp-session-down"]
    assert not found["ok"]
    for name in ("t1", "t2", "cr/s1", "cr/s2"):
        assert f"{name} is " in found["message"]
    assert states(found, "range") == {"nodes": "not advertised"}
    assert states(found, "AWS route") == {"nodes": "missing"}, "told, and not as a cause of its own"


def test_one_tunnel_cut_costs_redundancy() -> None:
    found = Path().cut(1).report()
    assert found["ok"]
    assert found["proven"]
    assert found["causes"] == ["tunnel-down", "bgp-session-down", "redundancy-lost"]
    assert "1 of 2 sessions of cr with aws are down (s1); the others carry the traffic" in found["notes"][-1]
    strict = Path().cut(1).report(redundancy=True)
    assert not strict["ok"]
    assert all(item["fails"] for item in strict["findings"])


def test_another_peers_session_is_no_redundancy() -> None:
    """The only session with another gateway is down, and the two to AWS do not stand in for it."""
    path = Path()
    path.router["peers"].append({**peer(3), "state": "Connect", "up": False})
    path.tunnels.append(tunnel(3, peerExternalGateway="global/externalVpnGateways/office"))
    found = path.report()
    assert [(item["code"], item["where"], item["fails"]) for item in found["findings"]] == [
        ("bgp-session-down", "cr/s3", True)
    ]


@pytest.mark.parametrize(
    "stranger",
    [
        tunnel(9, router=f"{REGION}/routers/other"),
        tunnel(1, region="regions/r2", router="regions/r2/routers/cr"),
        tunnel(9, router=None, vpnGateway="gw2"),
    ],
    ids=["another router", "the same names in another region", "no router"],
)
def test_tunnels_of_others_do_not_disturb(stranger: Json) -> None:
    path = Path()
    path.tunnels.append({**stranger, "status": "NO_INCOMING_PACKETS"})
    assert causes(path) == []


def test_only_the_gateway_that_was_asked_for() -> None:
    """Its tunnels, and the sessions over them."""
    path = Path()
    path.router["peers"].append({**peer(3), "state": "Idle", "up": False})
    path.tunnels.append(tunnel(3, vpnGateway=f"{REGION}/vpnGateways/gw2", status="FAILED"))
    assert causes(path) == ["tunnel-down", "bgp-session-down", "redundancy-lost"]
    found = path.report(vpn_gateway="gw")
    assert found["causes"] == []
    assert len(states(found, "session")) == 2


def test_a_tunnel_of_the_router_without_a_session_counts() -> None:
    path = Path()
    path.tunnels.append(tunnel(3, status="NEGOTIATION_FAILURE"))
    found = path.report()
    assert found["causes"] == ["tunnel-down"]
    assert found["ok"], "the two sessions with the same gateway carry the traffic"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"peer_asn": 64513}, "the peer's ASN is 64513, and AWS has 64512"),
        ({"ip_address": "169.254.1.1", "peer_ip_address": "169.254.1.2"}, "the peer's address is 169.254.1.2, and AWS"),
        ({"status_reason": "MD5_AUTH_INTERNAL_PROBLEM"}, "MD5_AUTH_INTERNAL_PROBLEM"),
        ({"linked_vpn_tunnel": "gone"}, "its tunnel gone does not exist"),
        ({"linked_vpn_tunnel": None}, "no VPN tunnel is linked"),
        ({}, "no cause is known (tunnel t1)"),
    ],
)
def test_why_a_session_is_down(change: Json, words: str) -> None:
    path = Path().down(1, state="Connect")
    path.peers[0] |= change
    found = path.report(redundancy=True)
    (said,) = [item["message"] for item in found["findings"] if item["where"] == "cr/s1"]
    assert words in said


def test_disabled_sessions() -> None:
    """One is meant so; where all are, nothing passes."""
    path = Path().down(1)
    path.peers[0]["enabled"] = False
    assert [code for code in causes(path) if code.startswith("bgp")] == []
    assert states(path.report(), "session")["cr/s1"] == "disabled"
    path.down(2)
    path.peers[1]["enabled"] = False
    assert causes(path) == ["bgp-session-down"]


def test_more_prefixes_than_the_peer_takes() -> None:
    path = Path().down(1, 2)
    for item in path.peers:
        item["prefix_headroom"] = {"code": "bgp-prefix-limit", "count": 101, "limit": 100, "aggregated_count": 7}
    found = path.report()
    assert found["causes"] == ["bgp-prefix-limit", "bgp-session-down"]
    assert "cr/s1 sends 101 prefixes, and its peer takes 100" in found["message"]
    assert "aggregates (they would make 7)" in found["message"]
    assert "cr/s1 is Idle: its peer takes 100 prefixes, and it sends 101" in found["message"]
    assert any("101 of 100 prefixes, via t1" in line for line in found["table"])


def test_prefixes_that_no_api_counts_are_suspected() -> None:
    """AWS's ends cannot be switched off: where all else agrees, they end sessions for their limit."""
    found = Path().down(1, 2).report()
    assert found["causes"] == ["bgp-prefix-limit", "bgp-session-down"]
    assert "probably" in found["message"]
    assert "It takes 100 prefixes, and the configuration makes 1;" in found["message"]
    tried_again = Path().down(1, state="Connect").down(2)
    assert causes(tried_again) == ["bgp-prefix-limit", "bgp-session-down"]


@pytest.mark.parametrize("what", ["one session only", "connecting", "ASN", "no word of AWS"])
def test_nothing_is_suspected_where_something_else_may_be(what: str) -> None:
    path = Path().down(1, 2, state="Connect" if what == "connecting" else "Idle")
    if what == "one session only":
        path = Path().down(1)
    elif what == "ASN":
        path.peers[0]["peer_asn"] = 1
    elif what == "no word of AWS":
        del path.readings["aws"]
    assert "bgp-prefix-limit" not in causes(path)


def test_a_router_without_sessions() -> None:
    path = Path()
    path.router["peers"] = []
    path.readings["tunnels"]["tunnels"] = []
    assert "bgp-session-down" in causes(path)
    path.readings["routers"]["routers"] = []
    assert "router-not-found" in causes(path)


def test_a_router_of_cloud_nat_does_not_disturb() -> None:
    path = Path()
    nat = {"name": "nat", "region": "r1", "network": "n", "peers": [], "missing_ranges": [{"range": "10.1.0.0/24"}]}
    path.readings["routers"]["routers"].append(nat)
    found = path.report()
    assert found["causes"] == []
    assert list(states(found, "range")) == ["nodes"]


# -- ranges

PODS = addressing.Range("10.32.0.0/14", "pods")


def test_a_range_that_no_session_advertises() -> None:
    found = Path().missing("10.32.0.0/14").report(NODES, PODS)
    assert found["causes"] == ["bgp-range-not-advertised"], "AWS's lack of it follows"
    assert states(found, "range") == {"nodes": "advertised", "pods": "not advertised"}
    assert states(found, "AWS route") == {"nodes": "present", "pods": "missing"}


@pytest.mark.parametrize("code", ["bgp-range-not-advertised", "bgp-peer-override"])
def test_a_range_that_one_session_lacks(code: str) -> None:
    path = Path().missing("10.1.0.0/24", 2, code=code)
    found = path.report()
    assert found["causes"] == [code]
    assert found["findings"][0]["where"] == "cr/s2"
    assert states(found, "range") == {"nodes": "not on all"}


@pytest.mark.parametrize(
    ("propagated", "code"),
    [
        (["10.32.0.0/15", "10.34.0.0/15"], None),
        (["10.32.0.0/11"], None),
        (["10.0.0.0/8", "10.32.0.0/15"], None),
        (["10.32.0.0/15"], "aws-range-not-propagated"),
        ([], "aws-range-not-propagated"),
    ],
)
def test_ranges_in_pieces_and_aggregates(propagated: list[str], code: str | None) -> None:
    path = Path()
    path.vpn["propagated_ranges"] = ["10.1.0.0/24", *propagated]
    found = path.report(NODES, PODS)
    assert found["causes"] == ([code] if code else [])
    if propagated and code:
        assert "10.34.0.0/15 is missing" in found["message"]


def test_propagation_that_is_off() -> None:
    path = Path().lose("10.1.0.0/24")
    path.vpn["route_tables"][0]["propagating"] = False
    found = path.report()
    assert found["causes"] == ["aws-propagation-off"]
    assert "(main)" in found["message"]
    path.vpn["route_tables"][0]["ranges"] = ["10.0.0.0/8"]
    assert causes(path) == [], "a static route to the gateway does as well"


@pytest.mark.parametrize(
    ("propagated", "routed", "expected"),
    [
        (["10.1.0.0/24"], ["10.0.0.0/8"], []),
        (["10.1.0.0/24"], [], ["tgw-route-missing"]),
        ([], ["10.0.0.0/8"], ["tgw-propagation"]),
    ],
)
def test_a_transit_gateway(propagated: list[str], routed: list[str], expected: list[str]) -> None:
    path = Path()
    path.vpn["gateway"] = {"id": "tgw-1", "type": "transit_gateway", "asn": 64512}
    path.vpn["propagated_ranges"] = propagated
    path.vpn["route_tables"] = [{"id": "rtb-1", "name": None, "propagating": False, "ranges": routed}]
    assert causes(path) == expected


def test_pods_ranges_are_looked_for_in_their_network() -> None:
    path = Path().missing("172.16.0.0/16")
    path.readings["routers"]["pod_ranges"] = [
        {"name": "pods of old", "cidr": "172.16.0.0/16", "network": "n"},
        {"name": "pods of far", "cidr": "172.17.0.0/16", "network": "n2"},
        {"name": "pods of c1", "cidr": "10.1.0.0/24", "network": "n"},
    ]
    found = path.report()
    assert states(found, "range") == {"nodes": "advertised", "pods of old": "not advertised"}
    assert found["causes"][0] == "bgp-range-not-advertised"


def test_what_was_not_read_is_not_proven() -> None:
    path = Path()
    path.readings["routers"]["unread"] = ["the pods' ranges were not read: forbidden"]
    found = path.report()
    assert (found["ok"], found["proven"]) == (True, False)
    assert found["warnings"] == path.readings["routers"]["unread"]
    assert "not everything was read or run" in found["table"][-1]


@pytest.mark.parametrize("which", ["routers", "tunnels", "aws"])
def test_a_reading_that_failed(which: str) -> None:
    path = Path()
    path.readings[which] = {"msg": "may not", "error": {"code": "forbidden"}, "failed": False}
    for planned in (False, True):
        found = path.report(planned=planned)
        assert "forbidden" in found["causes"]
        assert not found["ok"]
        assert "may not" in found["message"]


# -- AWS


def test_another_customers_connection_does_not_disturb() -> None:
    path = Path()
    path.vpn["connections"].append(connection(9))
    path.ends[-1] |= {"status": "DOWN", "status_message": "IPSEC IS DOWN"}
    found = path.report()
    assert found["causes"] == []
    assert len(states(found, "AWS tunnel")) == 2


def test_a_tunnel_of_aws_that_google_does_not_use() -> None:
    path = Path()
    path.vpn["connections"] = [connection(1, 2, 3)]
    path.ends[2] |= {"status": "DOWN", "status_message": "IPSEC IS DOWN", "accepted_route_count": 0}
    path.vpn["warnings"] = ["tunnel 2 of vpn-1 (203.0.113.3) is DOWN: IPSEC IS DOWN", "propagation is off"]
    found = path.report()
    [finding] = found["findings"]
    assert (finding["code"], finding["fails"], finding["where"]) == ("tunnel-down", False, "vpn-1/203.0.113.3")
    assert "no tunnel at Google" in finding["message"]
    assert found["warnings"] == ["propagation is off"]


def test_a_report_of_aws_that_lags() -> None:
    path = Path()
    path.ends[0] |= {"status": "DOWN", "status_message": "IPSEC IS DOWN", "accepted_route_count": 0}
    found = path.report()
    assert found["causes"] == []
    assert "lag" in found["warnings"][0]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"status": "DOWN", "status_message": "IPSEC IS DOWN"}, "tunnel-down"),
        ({"status": "DOWN", "status_message": "IPSEC IS UP"}, "bgp-session-down"),
        ({"status": "UP"}, "aws-no-route-accepted"),
    ],
)
def test_aws_alone(change: Json, code: str) -> None:
    path = Path()
    path.readings = {"aws": path.readings["aws"]}
    for end in path.ends:
        end |= {**change, "accepted_route_count": 0}
    assert causes(path) == [code]
    path.ends[0] |= {"status": "UP", "accepted_route_count": 1}
    assert path.report()["ok"]


# -- check mode


def test_before_the_first_run_all_is_planned() -> None:
    readings: Json = {
        "routers": {"routers": [], "unread": [], "pod_ranges": []},
        "tunnels": {"tunnels": []},
        "aws": {"msg": "vpc_name: v: this names 0 VPCs", "error": {"code": "vpc-not-found"}},
        "flows": [{"item": {"kind": "icmp", "target": "10.0.1.7"}, "ran": False, "reachable": None}],
    }
    found = judge(readings, Asked(ranges=(NODES,), planned=True))
    assert (found["ok"], found["proven"], found["causes"]) == (True, False, [])
    assert [row["state"] for row in found["rows"]] == ["planned", "planned", "not run"]
    assert found["table"][-1].split()[:2] == ["result", "planned"]
    assert judge(readings, Asked(ranges=(NODES,))) == found, "a check that was not run tells of check mode as well"
    del readings["flows"]
    assert judge(readings, Asked(ranges=(NODES,)))["causes"] == ["router-not-found", "vpc-not-found"]
    empty = judge({"aws": {"vpns": []}}, Asked(planned=True))
    assert empty["ok"]


def test_what_is_there_is_judged_in_check_mode() -> None:
    found = Path().cut(1, 2).report(planned=True)
    assert found["causes"] == ["tunnel-down", "bgp-session-down"]
    found = Path().missing("10.32.0.0/14").report(NODES, PODS, planned=True)
    assert found["ok"]
    assert states(found, "range")["pods"] == states(found, "AWS route")["pods"] == "planned"


# -- flows


@pytest.mark.parametrize(
    ("one", "code", "state", "detail"),
    [
        (flow(name="db"), None, "reachable", "from c1, expected reachable"),
        (flow(name="db", reachable=False), "flow-unreachable", "unreachable", "from c1, expected reachable: no-reply"),
        (flow(name="db", reachable=False, expect="unreachable"), None, "unreachable", "from c1, expected unreachable"),
        (flow(name="db", expect="unreachable"), "flow-not-blocked", "reachable", "from c1, expected unreachable"),
        (flow(name="db", reachable=False, expect="any"), None, "unreachable", "from c1, expected any: no-reply"),
        (flow(name="db", reachable=None), None, "not run", "from c1, expected reachable: check mode"),
        ({"item": {"name": "db"}, "msg": "no", "error": {"code": "x"}}, "flow-not-run", "not run", "expected reach"),
        ({"item": {"name": "db"}, "skipped": True}, "flow-not-run", "not run", "expected reachable"),
    ],
)
def test_flows(one: Json, code: str | None, state: str, detail: str) -> None:
    found = judge({"flows": [one]}, Asked())
    assert found["causes"] == ([code] if code else [])
    (row,) = found["rows"]
    assert (row["name"], row["state"]) == ("db", state)
    assert detail in row["detail"]
    assert found["proven"] == (code is None and state != "not run")


def test_a_failed_check_is_no_plan() -> None:
    one = {"item": {"name": "db"}, "ran": False, "reachable": None, "error": {"code": "forbidden"}, "msg": "may not"}
    assert judge({"flows": [one]}, Asked(planned=True))["causes"] == ["flow-not-run"]


def test_causes_come_first_and_flows_last() -> None:
    path = Path().cut(1)
    path.readings["flows"] = [flow(reachable=False), flow(name="b", reachable=False)]
    path.missing("10.32.0.0/14")
    found = path.report(NODES, PODS)
    assert found["causes"] == [
        "bgp-range-not-advertised",
        "tunnel-down",
        "bgp-session-down",
        "redundancy-lost",
        "flow-unreachable",
    ]
    assert found["message"].rindex("redundancy-lost") < found["message"].index("flow-unreachable")


# -- the rest


def test_an_unknown_reading() -> None:
    with pytest.raises(InvalidInput, match="peers: there is no such reading"):
        judge({"peers": []}, Asked())


def test_long_names_do_not_push_the_table_aside() -> None:
    rows = [
        Row("tunnel", "a" * 60, "ESTABLISHED", "one two three " * 10),
        Row("tunnel", "b", "DOWN", "short"),
    ]
    lines = written(rows)
    assert lines[1].startswith(f"tunnel  {'a' * 60}  ESTABLISHED")
    place = lines[0].index("DETAIL")
    assert all(line[place - 1] == " " and line[place] != " " for line in lines[2:])


def test_the_codes_are_those_of_bgp() -> None:
    assert (bgp.SESSION_DOWN, bgp.OVER_LIMIT, TUNNEL_DOWN) == (
        "bgp-session-down",
        "bgp-prefix-limit",
        "tunnel-down",
    )


def test_a_range_inside_the_vpc_gets_no_answer() -> None:
    """Whatever is propagated: the VPC's local route wins."""
    path = Path()
    path.vpn["vpc_ranges"] = ["10.1.128.0/17"]
    found = path.report(addressing.Range("10.1.128.0/19", "pods"))
    [finding] = [item for item in found["findings"] if item["code"] == "aws-route-shadowed"]
    assert finding["fails"] and "10.1.128.0/17" in finding["message"]
    assert [row["state"] for row in found["rows"] if row["what"] == "AWS route" and row["name"] == "pods"] == [
        "shadowed"
    ]


def test_a_route_that_some_tables_lack() -> None:
    path = Path()
    wanted = "10.1.0.0/24"
    for number, ranges in enumerate(([wanted], [])):
        table = {"id": f"rtb-{number}", "name": f"t{number}", "main": not number, "subnets": [], "propagating": True}
        path.vpn.setdefault("more", []).append({**table, "ranges": ranges})
    path.vpn["route_tables"] = path.vpn.pop("more")
    rows = path.report(addressing.Range(wanted, wanted))["rows"]
    assert [row["detail"] for row in rows if row["what"] == "AWS route"] == [f"{wanted} in 1 of 2 route tables"]
