# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""network_peering and network_peering_routes_info against the lab: one side, both sides, many sides, and packets."""

from __future__ import annotations

import collections
import json
import pathlib
import typing as t

import pytest
import yaml

from ansible_collections.podreach.gke.plugins.modules import network_peering, network_peering_routes_info
from ansible_collections.podreach.gke.tests.integration.api import COMPUTE, MARKER, PROJECT, REGION, ZONE, Api, Json
from ansible_collections.podreach.gke.tests.integration.playbooks import PATHS, Playbooks, Record, Run, play, task
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

PEER = "podreach-peer"
THERE = f"/compute/v1/projects/{PEER}"
MINE, THEIRS = f"projects/{PROJECT}/global/networks/n1", f"projects/{PEER}/global/networks/n2"
ONE: Json = {"name": "to-n2", "network": "n1", "peer_network": THEIRS}
BOTH: Json = {**ONE, "peer_side": {"name": "to-n1"}}
BUSY = "There is a peering operation in progress on the local or peer network. Try again later."
#: differs from run to run
ITS_OWN = {"stateDetails", "state_details"}


def peering(name: str, options: Json, **keywords: t.Any) -> Json:
    return task(name, "network_peering", {"environment": "lab", **options}, **keywords)


def routes_of(name: str, options: Json, **keywords: t.Any) -> Json:
    return task(name, "network_peering_routes_info", {"environment": "lab", **options}, **keywords)


def network(api: Api, where: str, name: str, cidr: str, **more: t.Any) -> None:
    api.post(f"{where}/global/networks", {"name": name, "autoCreateSubnetworks": False, **more})
    path = f"{where.removeprefix('/compute/v1/')}/global/networks/{name}"
    body = {"name": f"{name}-subnet", "network": path, "ipCidrRange": cidr}
    api.post(f"{where}/regions/{REGION}/subnetworks", body)


def route(api: Api, where: str, name: str, of: str, to: str, hop: str, **more: t.Any) -> None:
    path = f"{where.removeprefix('/compute/v1/')}/global/networks/{of}"
    body = {"name": name, "network": path, "destRange": to, "nextHopIp": hop, "priority": 1000, **more}
    api.post(f"{where}/global/routes", body)


def side(api: Api, where: str, name: str, of: str, to: str, **more: t.Any) -> None:
    """One side by hand."""
    body = {"name": name, "network": to, "exchangeSubnetRoutes": True, **more}
    api.post(f"{where}/global/networks/{of}/addPeering", {"networkPeering": body})


def entries(api: Api, where: str, name: str) -> dict[str, Json]:
    return {item["name"]: item for item in (api.get(f"{where}/global/networks/{name}") or {}).get("peerings", [])}


def ok(record: Record) -> Json:
    assert record.status == "ok", record.result
    return record.result


def refused(record: Record, code: str, *words: str) -> str:
    assert record.failed, record.result
    message: str = record.result["msg"]
    assert record.result["error"]["code"] == code, record.result
    assert [word for word in words if word not in message] == [], message
    assert not record.result["changed"]
    assert len(message) < 1000
    return message


@pytest.fixture
def api(lab: Lab) -> Api:
    """Both networks, not peered."""
    found = Api(lab)
    network(found, COMPUTE, "n1", "10.1.0.0/16")
    network(found, THERE, "n2", "10.2.0.0/16")
    return found


def done(playbooks: Playbooks, *tasks: Json, **keywords: t.Any) -> Run:
    return playbooks.run(play(list(tasks)), **keywords)


# ---- the twelve cases


CREATE: Json = {**BOTH, "export_custom_routes": True, "peer_side": {"name": "to-n1", "import_custom_routes": True}}
MODIFY: Json = {
    **ONE,
    "export_custom_routes": False,
    "import_custom_routes": True,
    "peer_side": {"name": "to-n1", "export_subnet_routes_with_public_ip": False, "stack_type": "IPV4_IPV6"},
    "allow_disruption": True,
}
STEPS = (("create", CREATE), ("modify", MODIFY), ("delete", {**BOTH, "state": "absent"}))
STATES: dict[str, tuple[Json, Json] | None] = {
    "none": None,
    "create": (
        {"exportCustomRoutes": True, "importCustomRoutes": False, "stackType": "IPV4_ONLY", "state": "ACTIVE"},
        {"exportCustomRoutes": False, "importCustomRoutes": True, "stackType": "IPV4_ONLY", "state": "ACTIVE"},
    ),
    "modify": (
        {"exportCustomRoutes": False, "importCustomRoutes": True, "exportSubnetRoutesWithPublicIp": True},
        {"importCustomRoutes": True, "exportSubnetRoutesWithPublicIp": False, "stackType": "IPV4_IPV6"},
    ),
    "delete": None,
}


def cases() -> list[Json]:
    watch = {"observe": [f"{COMPUTE}/global/networks/n1", f"{THERE}/global/networks/n2"]}
    return [
        peering(f"{verb}-{how}", options, vars=watch, diff=True, **keywords)
        for verb, options in STEPS
        for how, keywords in (("check", {"check_mode": True}), ("real", {}), ("again", {}))
    ]


def judge(record: Record, state: str) -> None:
    found = [(item or {}).get("peerings", []) for item in record.observed]
    wanted = STATES[state]
    assert [len(item) for item in found] == ([1, 1] if wanted else [0, 0])
    for (one,), then in zip(found, wanted, strict=True) if wanted else ():
        assert {key: one[key] for key in then} == then


@pytest.mark.parametrize("path", PATHS)
def test_create_modify_delete(api: Api, playbooks: Playbooks, path: str) -> None:
    run = done(playbooks, *cases(), path=path)
    before, mutations = "none", run.records[0].mutations
    for verb, _options in STEPS:
        check, real, again = (run[f"{verb}-{how}"] for how in ("check", "real", "again"))
        for record, changes in ((check, True), (real, True), (again, False)):
            assert ok(record)["changed"] is changes, (record.task, record.result)
        assert check.result["plan"] == real.result["plan"] != []
        assert check.result["diff"] == real.result["diff"]
        assert again.result["plan"] == []
        assert (check.mutations, again.mutations) == (mutations, mutations + 2)
        mutations += 2
        for record, state in ((check, before), (real, verb), (again, verb)):
            judge(record, state)
        before = verb
    assert run["create-real"].result["active"]
    grades = {(step["action"], step["grade"]) for step in run["modify-real"].result["plan"]}
    assert grades == {("update", "disruptive")}
    assert collections.Counter(run.processes) == ({"network_peering": 9} if path == "module" else {})


def comparable(value: t.Any) -> t.Any:
    if isinstance(value, dict):
        return {key: "its own" if key in ITS_OWN else comparable(item) for key, item in value.items()}
    return [comparable(item) for item in value] if isinstance(value, list) else value


def test_paths_agree(lab: Lab, playbooks: Playbooks) -> None:
    results = []
    for path in PATHS:
        lab.reset()
        network(Api(lab), COMPUTE, "n1", "10.1.0.0/16")
        network(Api(lab), THERE, "n2", "10.2.0.0/16")
        info = routes_of("routes", {"network": "n1"})
        run = done(playbooks, *cases()[:6], info, peering("bad", {**ONE, "name": "Bad"}), *cases()[6:], path=path)
        assert ok(run["routes"])["routes"]
        results.append([comparable(record.result) for record in run.records])
    assert results[0] == results[1]


# ---- one side, and two owners


def key_of(lab: Lab, account: str) -> Json:
    return {"auth_kind": "serviceaccount", "service_account_file": str(lab.key_file(account))}


def test_each_owner_makes_its_side(api: Api, playbooks: Playbooks, lab: Lab) -> None:
    """Neither may read the other's project."""
    theirs = {"name": "to-n1", "project": PEER, "network": "n2", "peer_network": MINE}
    run = done(
        playbooks,
        peering("mine", {**ONE, **key_of(lab, "lab")}),
        peering("theirs", {**theirs, **key_of(lab, "peer")}),
        peering("again", {**ONE, **key_of(lab, "lab")}),
    )
    mine = ok(run["mine"])
    assert (mine["changed"], mine["active"]) == (True, False)
    assert mine["resource"]["state"] == "INACTIVE"
    assert any("Waiting for peer network to connect" in text for text in mine["warnings"])
    assert any("could not be read (403)" in text and "overlapping" in text for text in mine["warnings"])
    assert ok(run["theirs"])["active"]
    again = ok(run["again"])
    assert (again["changed"], again["active"], again["peer_resource"]) == (False, True, None)
    assert "warnings" not in again


def test_the_reason_of_one_side_that_may_be_read(api: Api, playbooks: Playbooks) -> None:
    run = done(playbooks, peering("mine", ONE), peering("absent", {**ONE, "state": "absent"}))
    assert any(f"{THEIRS} has no peering with {MINE}" in text for text in ok(run["mine"])["warnings"])
    assert ok(run["absent"])["changed"]
    assert entries(api, COMPUTE, "n1") == {}


@pytest.mark.parametrize("path", PATHS)
def test_other_credentials_for_the_peer(api: Api, playbooks: Playbooks, lab: Lab, path: str) -> None:
    contents = json.loads(lab.key_file("peer").read_text(encoding="utf-8"))
    token = lab.token("peer")
    mine = key_of(lab, "lab")
    key = {"service_account_contents": contents}
    run = done(
        playbooks,
        peering("without", {**BOTH, **mine}),
        peering("file", {**BOTH, **mine, "peer_auth": {"service_account_file": str(lab.key_file("peer"))}}),
        peering("contents", {**BOTH, **mine, "peer_auth": key, "state": "absent"}),
        peering("token", {**BOTH, **mine, "peer_auth": {"access_token": token}}),
        peering("wrong", {**BOTH, **mine, "peer_auth": {"access_token": "ya29.nobodys"}}),
        arguments=["-vvv"],
        path=path,
    )
    assert "403" in run["without"].result["msg"]
    assert run["without"].mutations == run["file"].mutations - 2
    for name in ("file", "contents", "token"):
        assert ok(run[name])["changed"]
    assert ok(run["token"])["active"]
    # a structure's parts, such as the project's name, are not taken for secrets
    assert run["contents"].result["plan"][1]["summary"].endswith(THEIRS)
    assert "401" in run["wrong"].result["msg"]
    for secret in ("ya29.nobodys", token, contents["private_key"].splitlines()[1]):
        assert secret not in run.output
        assert secret not in json.dumps([record.result for record in run.records])


def test_both_projects_must_be_listed(api: Api, playbooks: Playbooks) -> None:
    run = done(
        playbooks,
        peering("one", {**BOTH, "projects": [PROJECT]}),
        peering("both", {**BOTH, "projects": [PROJECT, PEER]}),
    )
    refused(run["one"], "project-not-listed", PEER, "projects")
    assert run["one"].mutations == run["both"].mutations - 2, "nothing was sent, for this side either"
    assert ok(run["both"])["changed"]


# ---- what is refused


def test_names_and_peers(api: Api, playbooks: Playbooks) -> None:
    network(api, COMPUTE, "n3", "10.3.0.0/16")
    side(api, COMPUTE, "to-n2", "n1", THEIRS)
    other = f"projects/{PROJECT}/global/networks/n3"
    api.post(f"{COMPUTE}/global/networks", {"name": "n4", "autoCreateSubnetworks": False, "description": MARKER})
    side(api, COMPUTE, "to-n2", "n4", THEIRS)
    run = done(
        playbooks,
        peering("taken", {**ONE, "peer_network": other}),
        peering("not meant", {**ONE, "peer_network": other, "state": "absent"}),
        peering("kept", {**ONE, "peer_network": other, "state": "absent", "unmarked": "keep"}),
        peering("network not ours", {**ONE, "state": "absent", "unmarked": "keep"}),
        peering("twice", {**ONE, "name": "another"}),
        peering("itself", {**ONE, "peer_network": "n1"}),
        peering("nowhere", {**ONE, "network": "none"}),
        peering("no peer", {**BOTH, "name": "x", "peer_network": "none"}),
        peering("planned", {**BOTH, "network": "none"}, check_mode=True),
        peering("gone already", {**ONE, "name": "x", "peer_network": other, "state": "absent"}),
        peering("peer name", {**ONE, "peer_side": {"name": "Two"}}),
        peering("limit", {**ONE, "peering_limit": 0}),
        peering("wait", {**ONE, "prerequisite_timeout": -1}),
        peering("stack", {**ONE, "stack_type": "IPV6"}),
        peering("nothing", {"name": "x"}),
        peering("unknown", {**ONE, "peer_side": {"nam": "x"}}),
        peering("network of ours", {**ONE, "network": "n4", "state": "absent", "unmarked": "keep"}),
    )
    refused(run["taken"], "name-taken", THEIRS, other)
    refused(run["not meant"], "not-ours", THEIRS, other)
    for name in ("kept", "network not ours"):
        kept = ok(run[name])
        assert not kept["changed"] and any("left alone" in text for text in kept["warnings"])
    assert ok(run["network of ours"])["changed"]
    refused(run["twice"], "peered-already", "to-n2")
    refused(run["itself"], "invalid-input", "peer_network", "itself")
    refused(run["nowhere"], "missing-prerequisite", "networks/none")
    refused(run["no peer"], "missing-prerequisite", "networks/none")
    planned = ok(run["planned"])
    assert len(planned["plan"]) == 2
    assert any("networks/none does not exist yet" in text for text in planned["warnings"])
    assert not ok(run["gone already"])["changed"]
    refused(run["peer name"], "invalid-input", "peer_side.name", "'Two'")
    refused(run["wait"], "invalid-input", "prerequisite_timeout")
    refused(run["limit"], "invalid-input", "peering_limit", "0")
    for name, words in (("stack", "IPV6"), ("nothing", "peer_network"), ("unknown", "nam")):
        assert run[name].failed
        assert words in run[name].result["msg"]
    assert len({record.mutations for record in run.records[:-1]}) == 1
    assert list(entries(api, COMPUTE, "n1")) == ["to-n2"]


def test_overlaps(api: Api, playbooks: Playbooks) -> None:
    """Of both networks; of both as peers of a third; of a static route and a range of the peer."""
    network(api, THERE, "same", "10.1.128.0/20")
    network(api, COMPUTE, "spoke", "10.2.16.0/20")
    network(api, COMPUTE, "routed", "10.4.0.0/16")
    route(api, COMPUTE, "into-n2", "routed", "10.2.8.0/24", "10.4.0.9")
    side(api, COMPUTE, "to-n2", "n1", THEIRS)
    side(api, THERE, "to-n1", "n2", MINE)
    hub = {"peer_network": MINE, "peer_side": {}}
    run = done(
        playbooks,
        peering("direct", {**ONE, "name": "x", "peer_network": f"projects/{PEER}/global/networks/same"}),
        peering("by hub", {"name": "x", "network": "spoke", **hub}),
        peering("from the hub", {"name": "x", "network": "n1", "peer_network": "spoke", "peer_side": {}}),
        peering("static", {"name": "x", "network": "routed", "peer_network": THEIRS}),
        peering("checked", {"name": "x", "network": "spoke", **hub}, check_mode=True),
    )
    subnet = f"projects/{PROJECT}/regions/{REGION}/subnetworks"
    refused(run["direct"], "range-overlap", f"10.1.0.0/16 of subnetwork {subnet}/n1-subnet", "10.1.128.0/20", "same")
    for name in ("by hub", "from the hub", "checked"):
        refused(run[name], "range-overlap", f"10.2.16.0/20 of subnetwork {subnet}/spoke-subnet", "10.2.0.0/16", THEIRS)
    refused(run["static"], "range-overlap", "route into-n2 (10.2.8.0/24)", "10.2.0.0/16", "n2-subnet")
    assert len({record.mutations for record in run.records}) == 1


def test_overlaps_by_a_hub_without_subnetworks(lab: Lab, playbooks: Playbooks) -> None:
    api = Api(lab)
    api.network("hub")
    for name in ("a", "b"):
        network(api, COMPUTE, name, "10.9.0.0/24")
    to_hub = {"name": "x", "peer_network": "hub", "peer_side": {}}
    run = done(
        playbooks,
        peering("first", {**to_hub, "network": "a", "peer_side": {"name": "a"}}),
        peering("second", {**to_hub, "network": "b", "peer_side": {"name": "b"}}),
    )
    assert ok(run["first"])["active"]
    refused(run["second"], "range-overlap", "networks/a", "subnetworks/b-subnet", "networks/hub")


def test_public_ranges_overlap_only_where_they_cross(api: Api, playbooks: Playbooks) -> None:
    network(api, COMPUTE, "p1", "20.1.0.0/24")
    network(api, THERE, "p2", "20.1.0.0/24")
    options = {"name": "x", "network": "p1", "peer_network": f"projects/{PEER}/global/networks/p2", "peer_side": {}}
    run = done(
        playbooks,
        peering("crossing", {**options, "import_subnet_routes_with_public_ip": True}),
        peering("apart", options),
        peering("later", {**options, "import_subnet_routes_with_public_ip": True}),
    )
    refused(run["later"], "range-overlap", "20.1.0.0/24")
    refused(run["crossing"], "range-overlap", "20.1.0.0/24")
    assert ok(run["apart"])["active"]


def test_an_auto_mode_network(lab: Lab, playbooks: Playbooks) -> None:
    api = Api(lab)
    api.post(f"{COMPUTE}/global/networks", {"name": "auto", "autoCreateSubnetworks": True})
    network(api, THERE, "n2", "10.130.0.0/24")
    run = done(playbooks, peering("auto", {**ONE, "network": "auto"}))
    refused(run["auto"], "range-overlap", "10.130.0.0/24", "auto")


# ---- routes


def with_routes(api: Api) -> None:
    """n2 offers a default route, one inside a route of n1, one that n1 has itself, one of its own kind, and two that
    never cross."""
    route(api, COMPUTE, "wide", "n1", "172.16.0.0/12", "10.1.0.9")
    route(api, COMPUTE, "known", "n1", "10.60.0.0/16", "10.1.0.9")
    for name, to in (
        ("all", "0.0.0.0/0"),
        ("inside", "172.20.0.0/16"),
        ("same", "10.60.0.0/16"),
        ("new", "10.50.0.0/16"),
    ):
        route(api, THERE, name, "n2", to, "10.2.0.9")
    route(api, THERE, "tagged", "n2", "10.70.0.0/16", "10.2.0.9", tags=["x"])
    gateway = f"projects/{PEER}/global/gateways/default-internet-gateway"
    body = {"name": "internet", "network": THEIRS, "destRange": "198.51.100.0/24", "nextHopGateway": gateway}
    api.post(f"{THERE}/global/routes", body)


CROSSING: Json = {**BOTH, "import_custom_routes": True, "peer_side": {"name": "to-n1", "export_custom_routes": True}}


@pytest.mark.parametrize("before", ["nothing", "peered", "exported"])
def test_routes_that_would_newly_come(api: Api, playbooks: Playbooks, before: str) -> None:
    """Known beforehand, whether Google lists them already or not."""
    with_routes(api)
    if before != "nothing":
        side(api, COMPUTE, "to-n2", "n1", THEIRS)
        side(api, THERE, "to-n1", "n2", MINE, exportCustomRoutes=before == "exported")
    run = done(
        playbooks,
        peering("check", CROSSING, check_mode=True),
        peering("refused", CROSSING),
        peering("allowed", {**CROSSING, "allow_disruption": True}),
        peering("again", CROSSING),
    )
    check = ok(run["check"])
    coming = {item["dest_range"]: item for item in check["new_routes"]}
    assert {cidr for cidr, item in coming.items() if not item["wins"]} - {"0.0.0.0/0"} == {"10.60.0.0/16"}
    assert coming.keys() == {"0.0.0.0/0", "10.50.0.0/16", "10.60.0.0/16", "172.20.0.0/16"}
    problems = {cidr: item["problem"] for cidr, item in coming.items() if item["problem"]}
    assert problems.keys() == {"0.0.0.0/0", "172.20.0.0/16"}
    assert "route wide (172.16.0.0/12)" in problems["172.20.0.0/16"]
    assert {item["network"] for item in coming.values()} == {MINE}
    assert any("allow_disruption: true" in text for text in check["warnings"])
    assert [step["grade"] for step in check["plan"]].count("disruptive") == 1
    refused(run["refused"], "disruption-not-allowed", "default route", "route wide", "allow_disruption: true")
    assert run["refused"].mutations == run["check"].mutations
    assert ok(run["allowed"])["plan"] == check["plan"]
    assert run["allowed"].result["new_routes"] == check["new_routes"]
    again = ok(run["again"])
    assert (again["changed"], again["new_routes"]) == (False, [])


def test_harmless_routes_need_no_word(api: Api, playbooks: Playbooks) -> None:
    route(api, THERE, "new", "n2", "10.50.0.0/16", "10.2.0.9")
    run = done(
        playbooks,
        peering("import", CROSSING),
        peering("off", {**ONE, "import_custom_routes": False}),
        peering("off allowed", {**ONE, "import_custom_routes": False, "allow_disruption": True}),
        peering("on", {**ONE, "import_custom_routes": True}),
    )
    assert [item["dest_range"] for item in ok(run["import"])["new_routes"]] == ["10.50.0.0/16"]
    refused(run["off"], "disruption-not-allowed", "import_custom_routes: false")
    assert ok(run["off allowed"])["changed"]
    on = ok(run["on"])
    assert [item["dest_range"] for item in on["new_routes"]] == ["10.50.0.0/16"]
    assert on["plan"][0]["grade"] == "safe"


def test_a_route_that_another_peer_gives(api: Api, playbooks: Playbooks) -> None:
    """Which of two peers wins is Google's choice."""
    network(api, THERE, "n3", "10.3.0.0/16")
    for name, to, hop in (("one", "n2", "10.2.0.9"), ("other", "n3", "10.3.0.9")):
        route(api, THERE, name, to, "10.50.0.0/16", hop)
    options = {**CROSSING, "name": "to-n3", "peer_network": f"projects/{PEER}/global/networks/n3"}
    run = done(playbooks, peering("first", CROSSING), peering("second", options))
    assert ok(run["first"])["changed"]
    refused(run["second"], "disruption-not-allowed", "10.50.0.0/16 of peering to-n2")


@pytest.mark.parametrize("path", PATHS)
def test_routes_info(api: Api, playbooks: Playbooks, path: str) -> None:
    with_routes(api)
    side(api, COMPUTE, "to-n2", "n1", THEIRS)
    side(api, THERE, "to-n1", "n2", MINE, exportCustomRoutes=True)
    before = playbooks.lab.seq()
    theirs = {"network": "n2", "project": PEER}
    run = done(
        playbooks,
        routes_of("all", {"network": "n1"}),
        routes_of("out", {**theirs, "direction": "OUTGOING", "name": "to-n1", "region": REGION}),
        routes_of("no such", {**theirs, "name": "none"}),
        routes_of("no network", {"network": "none"}),
        routes_of("bad", {"network": "n1", "name": "A", "region": "/"}),
        routes_of("forbidden", {"network": "n1", "project": "podreach-forbidden"}),
        path=path,
    )
    assert playbooks.lab.mutating(before) == []
    every = ok(run["all"])
    assert every["regions"] == [REGION]
    assert [item["name"] for item in every["peerings"]] == ["to-n2"]
    found = {(item["direction"], item["dest_range"]): item for item in every["routes"]}
    assert found["INCOMING", "10.2.0.0/16"]["status"] == "accepted"
    assert found["OUTGOING", "10.1.0.0/16"]["imported"] is True
    rejected = found["INCOMING", "172.20.0.0/16"]
    assert (rejected["status"], rejected["type"]) == ("rejected", "STATIC_PEERING_ROUTE")
    assert rejected["reason"] == "import_custom_routes is off in peering to-n2: turn it on to take it."
    assert rejected["regions"] == [REGION]
    outgoing = {item["dest_range"]: item for item in ok(run["out"])["routes"]}
    assert {item["direction"] for item in outgoing.values()} == {"OUTGOING"}
    assert outgoing["10.50.0.0/16"]["status"] == "rejected"
    assert "import_custom_routes is off in its peering" in outgoing["10.50.0.0/16"]["reason"]
    refused(run["no such"], "missing-prerequisite", "'none'", "to-n1")
    refused(run["no network"], "missing-prerequisite", "networks/none")
    refused(run["bad"], "invalid-input", "'A'", "'/'")
    assert "403" in run["forbidden"].result["msg"]


# ---- others at the same network


def test_an_operation_of_somebody_else(api: Api, playbooks: Playbooks, lab: Lab) -> None:
    """Refused at once or in the operation: it is tried again, and nobody hears of it."""
    lab.fault(method="POST", path="/n1/addPeering$", status=400, reason="badRequest", message=BUSY, count=2)
    lab.fault(
        method="POST", path="/n2/addPeering$", when="operation", status=400, reason="badRequest", message=BUSY, count=1
    )
    result = ok(done(playbooks, peering("both", BOTH))["both"])
    assert result["active"]
    assert "in progress" not in json.dumps(result)


def test_a_lost_answer(api: Api, playbooks: Playbooks, lab: Lab) -> None:
    lab.fault(method="POST", path="/addPeering$", when="after", drop=True, count=1)
    lab.fault(method="POST", path="/removePeering$", when="after", drop=True, count=1)
    run = done(playbooks, peering("both", BOTH), peering("gone", {**BOTH, "state": "absent"}))
    assert ok(run["both"])["active"]
    assert len(ok(run["both"])["plan"]) == 2
    assert len(ok(run["gone"])["plan"]) == 2


@pytest.fixture
def slow(lab: Lab) -> t.Iterator[None]:
    """Operations take some time."""
    lab.admin("POST", "latency", {"profile": "fast", "scale": 2})
    yield
    lab.admin("POST", "latency", {"profile": "zero", "scale": 1})


@pytest.mark.parametrize("elsewhere", [False, True], ids=["one machine", "two machines"])
def test_two_runs_at_one_hub(
    lab: Lab, playbooks: Playbooks, tmp_path: pathlib.Path, request: pytest.FixtureRequest, elsewhere: bool
) -> None:
    """By both paths at once. Locks stop only who sees them: with another place for them, the two wait for Google."""
    api = Api(lab)
    network(api, COMPUTE, "hub", "10.1.0.0/16")
    for number in range(4):
        network(api, THERE, f"spoke-{number}", f"10.100.{number}.0/24")
    request.getfixturevalue("slow")
    hub = f"projects/{PROJECT}/global/networks/hub"
    options = {"name": "{{ spoke }}", "network": hub, "peer_network": "{{ spoke }}", "peer_project": PEER}
    one = peering("peer", {**options, "peer_side": {}})
    places = [tmp_path / "here", tmp_path / ("there" if elsewhere else "here")]
    for place in places:
        place.mkdir(exist_ok=True)
    started = [
        playbooks.start(
            play([one]),
            hosts={f"h{2 * number + at}": {"spoke": f"spoke-{2 * number + at}"} for at in range(2)},
            env={"TMPDIR": str(places[number])},
            path=path,
        )
        for number, path in enumerate(PATHS)
    ]
    for run in [playbooks.finish(item) for item in started]:
        assert all(ok(record)["active"] for record in run.records)
        assert "in progress" not in run.output
    assert len(entries(api, COMPUTE, "hub")) == 4
    waited = [item for item in lab.requests() if item["status"] == 400 and "addPeering" in item["path"]]
    assert elsewhere or not waited


def test_two_that_are_begun_and_not_waited_for(api: Api, playbooks: Playbooks, request: pytest.FixtureRequest) -> None:
    """The next run takes up what the first one left."""
    request.getfixturevalue("slow")
    run = done(playbooks, peering("begin", {**BOTH, "wait": False}), peering("finish", BOTH), peering("again", BOTH))
    assert ok(run["begin"])["operation"]
    assert ok(run["finish"])["active"]
    again = ok(run["again"])
    assert (again["changed"], again["active"]) == (False, True)


# ---- packets


def health(lab: Lab, source: str) -> bool:
    lab.settle()
    found = lab.exec(source, "curl", "--silent", "--max-time", "2", "http://10.2.0.1/health")
    return found.stdout == "OK\n"


def test_packets(lab: Lab, playbooks: Playbooks) -> None:
    """VM to VM by the new peering; a pod of a routes-based cluster only with custom routes exported and imported."""
    lab.preset("peered-project", peering=False)
    api = Api(lab)
    api.cluster(
        "my-gke",
        network="my-network",
        subnetwork="my-subnet",
        ipAllocationPolicy={"useRoutes": True},
        clusterIpv4Cidr="172.16.0.0/16",
    )
    container = {"name": "curl", "image": "curlimages/curl", "command": ["sleep", "infinity"]}
    manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "my-pod"}, "spec": {"containers": [container]}}
    cluster = {"environment": "lab", "cluster": "my-gke", "location": ZONE}
    made = task("pod", "workload", {**cluster, "name": "my-pod", "manifest": yaml.safe_dump(manifest)})
    target = "projects/podreach-peer/global/networks/target-network"
    options = {"name": "my-to-target", "network": "my-network", "peer_network": target}

    def peered(mine: Json, theirs: Json, **more: t.Any) -> Json:
        run = done(playbooks, peering("peer", {**options, **mine, "peer_side": {"name": "back", **theirs}, **more}))
        return ok(run["peer"])

    assert ok(done(playbooks, made)["pod"])["changed"]
    assert not health(lab, "test-gce-01")
    peered({}, {})
    assert health(lab, "test-gce-01")
    assert not health(lab, "my-pod"), "its range is a static route"
    exported = peered({"export_custom_routes": True}, {})
    assert exported["new_routes"] == []
    assert not health(lab, "my-pod"), "export alone"
    imported = peered({"export_custom_routes": True}, {"import_custom_routes": True})
    assert {item["dest_range"].rpartition(".")[0] for item in imported["new_routes"]} <= {"172.16.0", "172.16.1"}
    assert imported["new_routes"]
    assert health(lab, "my-pod")
    peered({"export_custom_routes": False}, {"import_custom_routes": True}, allow_disruption=True)
    assert not health(lab, "my-pod"), "import alone"
    assert health(lab, "test-gce-01")
    peered({}, {}, state="absent")
    assert not health(lab, "test-gce-01")


# ---- documentation


@pytest.mark.parametrize("module", [network_peering, network_peering_routes_info], ids=["peering", "info"])
def test_examples(lab: Lab, playbooks: Playbooks, module: t.Any) -> None:
    """They run in the order given, against the networks that they name."""
    lab.preset("peered-project", peering=False)
    text = module.EXAMPLES.replace("my-peer-project", PEER).replace("my-project", PROJECT)
    text = text.replace("/etc/keys/peer.json", str(lab.key_file("peer")))
    if module is network_peering_routes_info:
        side(Api(lab), COMPUTE, "my-to-target", "my-network", f"projects/{PEER}/global/networks/target-network")
        side(Api(lab), THERE, "target-to-my", "target-network", f"projects/{PROJECT}/global/networks/my-network")
    run = done(playbooks, *yaml.safe_load(text))
    for record in run.records:
        assert record.status in ("ok", "skipped"), record.result
