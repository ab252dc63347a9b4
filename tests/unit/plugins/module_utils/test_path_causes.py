# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why flows toward peered networks fail: cases as changes to what is read of a way that is whole."""

from __future__ import annotations

import copy
import typing as t

import pytest

from ansible_collections.podreach.gke.plugins.module_utils.path_findings.judge import judge
from ansible_collections.podreach.gke.plugins.module_utils.path_findings.sheet import Asked

Json = dict[str, t.Any]
HOME, PEER = "projects/lab/global/networks/home", "projects/peer/global/networks/target"
FAR = "projects/far/global/networks/far"
SUBNET, STATIC = "SUBNET_PEERING_ROUTE", "STATIC_PEERING_ROUTE"
TARGET = "10.2.0.1"
EXPORT, IMPORT = "peering-export-off", "peering-import-off"


def crossing(peering: str, direction: str, cidr: str, kind: str, *, imported: bool = True) -> Json:
    return {
        "peering": peering,
        "direction": direction,
        "dest_range": cidr,
        "type": kind,
        "imported": imported,
        "reason": None if imported else "as it was said",
    }


def entry(name: str, peer: str, *, exports: bool = True, imports: bool = True) -> Json:
    return {
        "name": name,
        "peer_network": peer,
        "state": "ACTIVE",
        "state_details": "[2026-11-23T09:12:03.415-08:00]: Connected.",
        "export_custom_routes": exports,
        "import_custom_routes": imports,
    }


def local(cidr: str) -> Json:
    return {"name": f"local-{cidr}", "destRange": cidr, "nextHopNetwork": "itself"}


def static(name: str, cidr: str, *tags: str) -> Json:
    return {"name": name, "destRange": cidr, "nextHopIp": "10.1.0.2", "tags": list(tags)}


class Way:
    """A pod of a routes-based cluster that does not reach a target in a peered network, for no reason that is read."""

    def __init__(self) -> None:
        self.flow: Json = {"kind": "icmp", "target": TARGET, "cluster": "c1", "location": "z"}
        self.tried: Json = {"ran": True, "reachable": False, "reason": "no-reply", "error": {"code": "not-as-expected"}}
        self.cluster: Json = {
            "name": "c1",
            "clusterIpv4Cidr": "172.16.0.0/16",
            "ipAllocationPolicy": {"useRoutes": True},
            "networkConfig": {"network": HOME},
        }
        self.home: Json = {
            "item": HOME,
            "peerings": [entry("to-target", PEER)],
            "routes": [
                crossing("to-target", "INCOMING", "10.2.0.0/16", SUBNET),
                crossing("to-target", "OUTGOING", "10.1.0.0/16", SUBNET),
                crossing("to-target", "OUTGOING", "172.16.0.0/24", STATIC),
            ],
        }
        self.peer: Json = {
            "item": PEER,
            "peerings": [entry("to-home", HOME)],
            "routes": [
                crossing("to-home", "INCOMING", "10.1.0.0/16", SUBNET),
                crossing("to-home", "INCOMING", "172.16.0.0/24", STATIC),
                crossing("to-home", "OUTGOING", "10.2.0.0/16", SUBNET),
            ],
        }
        self.home_routes: Json = {
            "item": HOME,
            "resources": [
                {"name": "default", "destRange": "0.0.0.0/0", "nextHopGateway": "default-internet-gateway"},
                local("10.1.0.0/16"),
                static("gke-c1-1", "172.16.0.0/24"),
                {"name": "ipv6", "destRange": "fd20::/64", "nextHopNetwork": "itself"},
            ],
        }
        self.peer_routes: Json = {"item": PEER, "resources": [local("10.2.0.0/16")]}
        self.masquerade: Json = {
            "item": {"cluster": "c1", "location": "z"},
            "mode": "standard",
            "agent": {"deployed": True, "ready": True},
            "source": "default",
            "non_masquerade_cidrs": ["10.0.0.0/8", "172.16.0.0/12"],
            "destinations": [{"destination": TARGET, "seen_as": "pod"}],
            "findings": [],
        }
        self.readings: Json = {}

    def exports(self, on: bool) -> Way:
        self.home["peerings"][0]["export_custom_routes"] = on
        if not on:
            self.home["routes"] = [item for item in self.home["routes"] if item["type"] == SUBNET]
        return self

    def imports(self, on: bool) -> Way:
        self.peer["peerings"][0]["import_custom_routes"] = on
        if not on:
            for item in self.home["routes"]:
                if item["type"] == STATIC:
                    item |= {"imported": False, "reason": "as it was said"}
        return self

    def native(self) -> Way:
        self.cluster["ipAllocationPolicy"] = {"useIpAliases": True}
        return self

    def masks(self, code: str, **more: t.Any) -> Way:
        self.masquerade["findings"] = [{"code": code, "message": "It has no effect.", "mend": "Mend it."}]
        self.masquerade |= more
        return self

    def report(self) -> Json:
        readings = {
            "flows": [{"item": self.flow, **self.tried}],
            "clusters": [{"item": {"cluster": "c1", "location": "z"}, "resources": [self.cluster]}],
            "peerings": [self.home, self.peer],
            "routes": [self.home_routes, self.peer_routes],
            "masquerades": [self.masquerade],
            **self.readings,
        }
        before = copy.deepcopy(readings)
        found = judge(readings, Asked())
        assert readings == before, "what was read is left alone"
        return found

    def causes(self) -> list[str]:
        found = self.report()
        assert found["warnings"] == []
        assert found["causes"][-1] == "flow-unreachable"
        return t.cast("list[str]", found["causes"][:-1])


def test_a_way_that_is_whole_names_no_cause() -> None:
    found = Way().report()
    assert (found["causes"], found["warnings"]) == (["flow-unreachable"], [])
    assert found["unreached"] == [{"cluster": "c1", "location": "z", "destinations": [TARGET]}]


DEFAULT = "masq-default-keeps-pod-ip"


@pytest.mark.parametrize(
    ("exports", "imports", "causes"),
    [(False, False, [EXPORT, IMPORT, DEFAULT]), (False, True, [EXPORT, DEFAULT]), (True, False, [IMPORT, DEFAULT])],
)
def test_the_routes_of_pods_need_both_flags(exports: bool, imports: bool, causes: list[str]) -> None:
    assert Way().exports(exports).imports(imports).causes() == causes
    # subnetworks' routes always cross
    assert Way().exports(exports).imports(imports).native().causes() == []
    # the target sees the node then, and has a route to it
    way = Way().exports(exports).imports(imports)
    way.masquerade["destinations"][0]["seen_as"] = "node"
    assert way.causes() == []
    way = Way().exports(exports).imports(imports)
    way.flow["host_network"] = True
    assert way.causes() == []


def test_what_is_said_of_a_cause() -> None:
    found = {item["code"]: item for item in Way().exports(False).imports(False).report()["findings"]}
    assert found[EXPORT]["message"] == (
        "home does not export custom routes in its peering to-target (export_custom_routes is false), so target has no "
        "route back to the pods of c1 (172.16.0.0/16): the cluster is routes-based, so its routes are static"
    )
    assert found[EXPORT]["where"] == "home/to-target"
    update = "gcloud compute networks peerings update"
    assert f"{update} to-target --project lab --network home --export-custom-routes" in found[EXPORT]["mend"]
    assert f"{update} to-home --project peer --network target --import-custom-routes" in found[IMPORT]["mend"]
    assert "10.0.0.0/8" in found[DEFAULT]["message"]
    assert "target has no route back to them" in found[DEFAULT]["message"]


def test_several_flows_to_one_peer_name_a_cause_once() -> None:
    way = Way().exports(False)
    other = {**way.flow, "target": "10.2.0.2", "name": "other"}
    way.readings["flows"] = [{"item": item, **way.tried} for item in (way.flow, other)]
    way.masquerade["destinations"].append({"destination": "10.2.0.2", "seen_as": "pod"})
    found = way.report()
    assert [item["code"] for item in found["findings"]].count(EXPORT) == 1
    assert found["unreached"][0]["destinations"] == [TARGET, "10.2.0.2"]


# -- the peer that may not be read

FORBIDDEN: Json = {"item": PEER, "msg": "forbidden", "error": {"code": "forbidden"}}


@pytest.mark.parametrize(
    ("exports", "imports", "causes", "words"),
    [
        (True, True, [], None),
        (True, False, [IMPORT, DEFAULT], "target rejects the routes that home exports"),
        (False, False, [EXPORT, DEFAULT], None),
    ],
)
def test_a_peer_that_may_not_be_read(exports: bool, imports: bool, causes: list[str], words: str | None) -> None:
    way = Way().exports(exports).imports(imports)
    way.peer = way.peer_routes = FORBIDDEN
    found = way.report()
    assert found["causes"] == [*causes, "flow-unreachable"]
    assert words is None or words in found["message"]
    assert [text for text in found["warnings"] if "target could not be read" in text] == found["warnings"]
    assert bool(found["warnings"]) is not exports
    assert not found["proven"]


@pytest.mark.parametrize("what", ["clusters", "peerings", "masquerades"])
def test_what_could_not_be_read_is_a_warning(what: str) -> None:
    way = Way().exports(False)
    item = {"peerings": HOME}.get(what, {"cluster": "c1", "location": "z"})
    way.readings[what] = [{"item": item, "msg": "nobody may read it"}]
    found = way.report()
    assert [text for text in found["warnings"] if "read" in text or "not known" in text]
    assert found["causes"] == ([EXPORT, "flow-unreachable"] if what == "masquerades" else ["flow-unreachable"])


def test_without_readings_nothing_is_said() -> None:
    way = Way().exports(False)
    way.readings = dict.fromkeys(("clusters", "peerings", "routes", "masquerades"))
    assert way.causes() == []
    way.readings = {"masquerades": None}
    assert way.causes() == [EXPORT]


def test_a_route_that_the_peer_does_not_take_for_another_reason() -> None:
    way = Way()
    way.home["routes"][-1] |= {"imported": False, "reason": "a quota"}
    found = way.report()
    assert IMPORT not in found["causes"]
    assert found["warnings"] == ["target does not take 172.16.0.0/24: a quota"]


# -- the way there


def test_a_peering_without_its_other_side() -> None:
    way = Way()
    way.home["peerings"][0] |= {"state": "INACTIVE", "state_details": "[2026-11-23T09]: Waiting for peer network."}
    way.home["routes"], way.peer["peerings"], way.peer["routes"] = [], [], []
    assert way.causes() == ["peering-one-sided"]
    found = way.report()
    assert "is INACTIVE (Waiting for peer network): target has no side of it" in found["message"]
    assert "--project peer --network target --peer-project lab --peer-network home" in found["message"]
    # somebody else's address
    way.peer_routes["resources"] = [local("10.9.0.0/16")]
    assert way.causes() == []
    way.peer_routes = FORBIDDEN
    found = way.report()
    assert found["causes"] == ["flow-unreachable"]
    assert "whether 10.2.0.1 is behind it" in found["warnings"][0]


def behind_the_peer(**more: t.Any) -> Way:
    """The target is where the peer has a static route to."""
    way = Way()
    way.flow["target"] = "10.7.0.1"
    way.masquerade["destinations"] = [{"destination": "10.7.0.1", "seen_as": "pod"}]
    way.peer_routes["resources"].append({**static("to-office", "10.7.0.0/16"), **more})
    return way


def test_what_the_peer_has_beyond_its_subnetworks() -> None:
    way = behind_the_peer()
    way.home["routes"].append(crossing("to-target", "INCOMING", "10.7.0.0/16", STATIC))
    assert way.causes() == []
    way.home["routes"][-1] |= {"imported": False, "reason": "as it was said"}
    assert "home does not take 10.7.0.0/16 from target: as it was said" in way.report()["warnings"]
    way.home["peerings"][0]["import_custom_routes"] = False
    assert way.causes() == [IMPORT]
    way = behind_the_peer()
    way.peer["peerings"][0]["export_custom_routes"] = False
    assert way.causes() == [EXPORT]
    assert "target does not export custom routes in its peering to-home" in way.report()["message"]
    way = behind_the_peer(tags=["office"])
    assert way.causes() == ["peering-tagged-route"]
    assert "to-office to 10.7.0.0/16, has network tags (office)" in way.report()["message"]


def test_peerings_are_not_transitive() -> None:
    way = Way()
    way.flow["target"] = "10.7.0.1"
    way.peer["peerings"].append(entry("to-far", FAR))
    way.peer["routes"].append(crossing("to-far", "INCOMING", "10.7.0.0/16", SUBNET))
    assert way.causes() == ["peering-not-transitive"]
    assert "10.7.0.1 is in 10.7.0.0/16 of far, a peer of target" in way.report()["message"]


def test_an_own_address_is_no_matter_of_peerings() -> None:
    way = Way().exports(False)
    way.flow["target"] = "10.1.0.9"
    way.home["peerings"][0]["state"] = "INACTIVE"
    assert way.causes() == []


def test_the_more_specific_route_leads() -> None:
    way = Way().exports(False)
    way.home_routes["resources"].append(static("to-appliance", "10.0.0.0/8"))
    assert way.causes() == [EXPORT, DEFAULT]
    way.home_routes["resources"].append(static("to-other-appliance", "10.2.0.0/24"))
    assert way.causes() == []


def test_a_peer_with_a_route_of_its_own_to_the_pods() -> None:
    way = Way().exports(False)
    way.peer_routes["resources"].append(static("to-appliance", "172.16.0.0/24"))
    assert way.causes() == [EXPORT, DEFAULT], "a part of them"
    way.peer_routes["resources"].append(static("to-appliance", "172.16.0.0/12"))
    assert way.causes() == []


def test_routes_of_pods_with_tags() -> None:
    way = Way()
    way.home["routes"].pop()
    assert "none to the pods of c1" in way.report()["warnings"][0]
    way.home_routes["resources"][2]["tags"] = ["nodes"]
    assert way.causes() == ["peering-tagged-route", DEFAULT]


# -- masquerading


@pytest.mark.parametrize(
    "code", ["masq-no-agent", "masq-wrong-key", "masq-rejected", "masq-wrong-mode", "snat-disabled"]
)
def test_why_a_configuration_does_not_masquerade(code: str) -> None:
    way = Way().exports(False).masks(code)
    assert way.causes() == [EXPORT, code]
    assert f"{code}: c1: It has no effect: Mend it" in way.report()["message"]
    # the routes are there, so nobody needs it
    assert Way().masks(code).causes() == []
    assert Way().exports(False).native().masks(code).causes() == []


def test_what_does_not_keep_pods_from_being_masqueraded_is_no_cause() -> None:
    assert Way().exports(False).masks("masq-pod-range-missing", source="config_map").causes() == [EXPORT]
    way = Way().exports(False)
    way.masquerade |= {"source": "config_map"}
    assert way.causes() == [EXPORT], "somebody wants it so"
    way.masquerade |= {"source": "default", "agent": {"deployed": False, "ready": False}}
    assert "deploy_agent: true, for no agent runs" in way.report()["message"]


# -- AWS, behind a VPN of the same network


def joined(way: Way, missing: bool) -> Way:
    peer: Json = {"name": "s1", "state": "Established", "up": True, "advertised_ranges": [], "missing_ranges": []}
    lacks = {"range": "172.16.0.0/16", "code": "bgp-range-not-advertised", "message": "172.16.0.0/16 is not advertised"}
    router: Json = {"name": "cr", "region": "r1", "network": HOME, "peers": [peer], "missing_ranges": []}
    if missing:
        peer["missing_ranges"] = router["missing_ranges"] = [lacks]
    pods = {"name": "pods of c1", "cidr": "172.16.0.0/16", "network": HOME}
    way.readings["routers"] = {"routers": [router], "pod_ranges": [pods], "unread": []}
    table = {"id": "rtb-1", "propagating": True, "ranges": ["172.16.0.0/16"]}
    way.readings["aws"] = {"vpns": [{"name": "v", "vpc_ranges": ["10.2.0.0/16"], "route_tables": [table]}]}
    return way


def test_pods_whose_range_aws_does_not_hear_of() -> None:
    assert joined(Way(), missing=True).causes() == ["bgp-range-not-advertised", DEFAULT]
    assert joined(Way(), missing=False).causes() == []
    way = joined(Way(), missing=True)
    way.readings["routers"]["routers"][0]["peers"][0] |= {"state": "Idle", "up": False}
    assert DEFAULT not in way.causes(), "the session is the cause"
    # peerings do not lead there
    assert joined(Way().exports(False), missing=False).causes() == []


# -- which flows


@pytest.mark.parametrize(
    ("flow", "tried"),
    [
        ({"expect": "unreachable"}, {"error": None}),
        ({"expect": "any"}, {"error": None}),
        ({"target": "db.example.com"}, {}),
        ({"kind": "dns"}, {}),
        ({"kind": "http", "target": None, "url": "http://db.example.com/"}, {}),
        ({"target": "fd20::1"}, {}),
        ({"cluster": None}, {}),
        ({}, {"ran": False, "reachable": None, "error": {"code": "timeout"}}),
        ({}, {"reachable": True, "error": None}),
        # an answer came back
        *(({}, {"reason": reason}) for reason in ("refused", "lost", "status", "body")),
    ],
)
def test_flows_whose_causes_are_not_looked_for(flow: Json, tried: Json) -> None:
    way = Way().exports(False)
    way.flow |= flow
    way.tried |= tried
    found = way.report()
    assert found["unreached"] == []
    assert [code for code in found["causes"] if not code.startswith("flow-")] == []


def test_the_host_of_a_url_is_a_target_too() -> None:
    way = Way().exports(False)
    way.flow |= {"kind": "http", "target": None, "url": "http://10.2.0.1:8080/health"}
    assert way.causes() == [EXPORT, DEFAULT]


@pytest.mark.parametrize(
    ("seen_as", "words"), [("node", "its node"), ("pod", "the pod itself"), ("other", "neither pod nor node")]
)
def test_whom_the_target_saw(seen_as: str, words: str) -> None:
    way = Way()
    way.tried = {"ran": True, "reachable": True, "seen_source": "10.1.0.3", "seen_as": seen_as}
    [row] = [item for item in way.report()["rows"] if item["what"] == "flow"]
    assert row["detail"] == f"from c1, expected reachable, seen as 10.1.0.3 ({words})"


# -- masquerading that may not be in force yet

PENDING: Json = {"at_latest": "2026-11-23T17:21:30+00:00", "seconds_left": 90}
UNTIL = 1795454490


def not_in_force_yet() -> Way:
    way = Way().exports(False)
    way.masks("masq-resync-pending", in_force=dict(PENDING), source="config_map")
    way.masquerade["destinations"][0]["seen_as"] = "unknown"
    return way


def test_a_flow_waits_while_masquerading_may_change() -> None:
    way = not_in_force_yet()
    found = way.report()
    assert found["waiting"] == [{"flow": way.flow, "since": UNTIL - 90, "until": UNTIL}]
    assert found["causes"] == [EXPORT, "masq-resync-pending", "flow-unreachable"]
    for change in ({"host_network": True}, {"location": "elsewhere"}, {"expect": "unreachable"}):
        way = not_in_force_yet()
        way.flow |= change
        assert way.report()["waiting"] == []
    way = not_in_force_yet()
    way.masquerade["in_force"] = None
    assert way.report()["waiting"] == []


def test_what_came_of_trying_again() -> None:
    way = not_in_force_yet()
    other = {"kind": "icmp", "target": "10.2.0.2", "cluster": "c1", "location": "z"}
    first = [{"item": other, **way.tried}, {"item": way.flow, **way.tried}]
    item = {"flow": way.flow, "since": UNTIL - 90, "until": UNTIL}
    way.readings = {"flows": first, "again": [{"item": item, "ran": True, "reachable": True, "attempts": 2}]}
    found = way.report()
    assert [row["state"] for row in found["rows"][:2]] == ["unreachable", "reachable"]
    assert found["rows"][0]["detail"] == "from c1, expected reachable: no-reply"
    assert found["rows"][1]["detail"] == "from c1, tried again until masquerading was in force, expected reachable"
    assert found["unreached"] == [{"cluster": "c1", "location": "z", "destinations": ["10.2.0.2"]}]
    # in vain, and what is read then is that the time is over
    now = copy.deepcopy(way.masquerade) | {"findings": [], "in_force": None}
    now["destinations"][0]["seen_as"] = "node"
    way.readings = {
        "flows": first[1:],
        "again": [{"item": item, **way.tried}],
        "masquerades": [way.masquerade, now],
    }
    found = way.report()
    assert (found["causes"], found["waiting"]) == (["flow-unreachable"], [])
    told = "from c1, tried again while masquerading was not in force, expected reachable: no-reply"
    assert found["rows"][0]["detail"] == told
