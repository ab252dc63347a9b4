# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""shared_vpc, usable_subnetworks_info, and clusters in a host project's subnetwork, against the lab."""

from __future__ import annotations

import collections
import typing as t

import pytest
import yaml

from ansible_collections.podreach.gke.plugins.modules import shared_vpc, usable_subnetworks_info
from ansible_collections.podreach.gke.tests.integration import machines
from ansible_collections.podreach.gke.tests.integration.api import PROJECT, REGION, ZONE, Api, Json
from ansible_collections.podreach.gke.tests.integration.playbooks import PATHS, Playbooks, Record, Run, play, task
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

HOST = "podreach-peer"
SUBNETWORK = f"projects/{HOST}/regions/{REGION}/subnetworks"
GKE = "serviceAccount:service-100000000001@container-engine-robot.iam.gserviceaccount.com"
GOOGLE = "serviceAccount:100000000001@cloudservices.gserviceaccount.com"
USER, AGENT, ADMIN = "roles/compute.networkUser", "roles/container.hostServiceAgentUser", "roles/compute.securityAdmin"
#: somebody else's
READER = {"role": "roles/compute.networkViewer", "members": ["group:readers@example.com"]}
THEIRS = {"role": USER, "members": ["user:somebody@example.com"]}
SHARED: Json = {
    "environment": "lab",
    "host_project": HOST,
    "service_projects": [PROJECT],
    "subnetworks": [{"name": "shared", "region": REGION}],
}


def shared(name: str, more: Json | None = None, **keywords: t.Any) -> Json:
    return task(name, "shared_vpc", {**SHARED, **(more or {})}, **keywords)


def usable(name: str, more: Json | None = None) -> Json:
    return task(name, "usable_subnetworks_info", {"environment": "lab", **(more or {})})


def policy(api: Api, path: str) -> Json:
    """The policy of a subnetwork or of the host project, as role -> members."""
    if path == HOST:
        found = api.post(f"/v1/projects/{HOST}:getIamPolicy", {})
    else:
        found = api.get(f"/compute/v1/{SUBNETWORK}/{path}/getIamPolicy") or {}
    return {item["role"]: item["members"] for item in found.get("bindings", [])}


def estate(lab: Lab) -> Api:
    """A network of the host project, whose policies hold what others need."""
    api = Api(lab)
    machines.network(api, "shared", "10.1.0.0/24", HOST, pods="10.4.0.0/20", services="10.5.0.0/22")
    machines.network(api, "second", "10.2.0.0/24", HOST)
    api.post(f"/compute/v1/{SUBNETWORK}/shared/setIamPolicy", {"policy": {"bindings": [READER, THEIRS]}})
    now = api.post(f"/v1/projects/{HOST}:getIamPolicy", {})
    now["bindings"].append(READER)
    api.post(f"/v1/projects/{HOST}:setIamPolicy", {"policy": now})
    return api


def ok(record: Record) -> Json:
    assert record.status == "ok", record.result
    return record.result


def refused(record: Record, code: str, *words: str) -> None:
    assert record.failed, record.result
    assert record.result["error"]["code"] == code, record.result
    assert [word for word in words if word not in record.result["msg"]] == [], record.result["msg"]
    assert not record.result["changed"]


# ---- the twelve cases

MORE: Json = {
    "subnetworks": [*SHARED["subnetworks"], {"name": f"{SUBNETWORK}/second"}],
    "all_subnetworks": True,
    "firewall_admin": True,
}
STEPS: dict[str, Json] = {
    "create": {},
    "modify": MORE,
    "delete": {**MORE, "state": "absent", "disable_host": True},
}
#: how many requests change something in each
CHANGES = {"create": 4, "modify": 2, "delete": 5}


def cases() -> list[Json]:
    watch = {
        "observe": [
            f"/compute/v1/projects/{HOST}",
            f"/compute/v1/projects/{PROJECT}/getXpnHost",
            *(f"/compute/v1/{SUBNETWORK}/{name}/getIamPolicy" for name in ("shared", "second")),
        ]
    }
    return [
        shared(f"{verb}-{how}", options, vars=watch, diff=True, **keywords)
        for verb, options in STEPS.items()
        for how, keywords in (("check", {"check_mode": True}), ("real", {}), ("again", {}))
    ]


def judge(record: Record, state: str) -> None:
    host, attached, *policies = record.observed
    there = state in ("create", "modify")
    assert (host["xpnProjectStatus"] == "HOST", attached.get("name") == HOST) == (there, there)
    users = [{item["role"]: item["members"] for item in found.get("bindings", [])}.get(USER, []) for found in policies]
    both = [GOOGLE, GKE]
    somebody = THEIRS["members"]
    assert users == [[*(both if there else []), *somebody], both if state == "modify" else []]


@pytest.fixture(scope="module")
def finished(lab_process: Lab, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Run, Json, Json]]:
    """The cases by both paths, with the policies of the host project before and after."""
    runs = {}
    for path in PATHS:
        lab_process.reset()
        api = estate(lab_process)
        before = policy(api, HOST)
        run = Playbooks(lab_process, tmp_path_factory.mktemp("shared")).run(play(cases()), path=path)
        runs[path] = run, before, policy(api, HOST)
    return runs


@pytest.mark.parametrize("path", PATHS)
def test_create_modify_delete(finished: dict[str, tuple[Run, Json, Json]], path: str) -> None:
    run, policy_before, policy_after = finished[path]
    before, mutations = "none", run.records[0].mutations
    for verb in STEPS:
        check, real, again = (run[f"{verb}-{how}"] for how in ("check", "real", "again"))
        for record, changes in ((check, True), (real, True), (again, False)):
            assert ok(record)["changed"] is changes, (record.task, record.result)
        assert check.result["plan"] == real.result["plan"] != []
        assert check.result["diff"] == real.result["diff"]
        assert check.result["resource"] == real.result["resource"] == again.result["resource"]
        assert (check.mutations, real.mutations) == (mutations, mutations + CHANGES[verb])
        assert again.mutations == real.mutations
        mutations = real.mutations
        for record, state in ((check, before), (real, verb), (again, verb)):
            judge(record, state)
        before = verb
    roles = [item["role"] for item in run["modify-real"].result["resource"]["bindings"]]
    assert sorted(roles) == sorted([AGENT, USER, ADMIN, USER, USER])
    assert policy_after == policy_before, "what others have is as it was"
    assert {step["grade"] for step in run["delete-real"].result["plan"]} == {"destructive"}
    assert collections.Counter(run.processes) == ({"shared_vpc": 9} if path == "module" else {})


def test_paths_agree(finished: dict[str, tuple[Run, Json, Json]]) -> None:
    one, other = ([(record.task, record.result) for record in finished[path][0].records] for path in PATHS)
    assert one == other


# ---- a cluster

CLUSTER: Json = {
    "environment": "lab",
    "name": "c1",
    "location": ZONE,
    "network": f"projects/{HOST}/global/networks/shared",
    "subnetwork": f"{SUBNETWORK}/shared",
    "ip_allocation_policy": {"cluster_secondary_range_name": "pods", "services_secondary_range_name": "services"},
    "node_pools": [{"name": "p", "node_count": 1}],
}
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "client"},
    "spec": {"containers": [{"name": "client", "image": "curlimages/curl", "command": ["sleep", "infinity"]}]},
}


def test_pods_of_a_service_project_reach_the_host(lab: Lab, playbooks: Playbooks) -> None:
    api = estate(lab)
    machines.rule(
        api, "shared", "pods", HOST, sourceRanges=["10.4.0.0/20"], allowed=[{"IPProtocol": "tcp", "ports": ["80"]}]
    )
    machines.vm(api, "shared", "target", "10.1.0.50", HOST)
    before = policy(api, HOST)
    # others write both policies at the same moment, and one answer is lost
    lab.fault(method="POST", path=":setIamPolicy$", status=409, reason="aborted")
    lab.fault(method="POST", path="/setIamPolicy$", status=412, reason="conditionNotMet")
    lab.fault(method="POST", path="/enableXpnResource$", when="after", drop=True)
    gone = {**CLUSTER, "state": "absent", "deletion_protection": False}
    where = {"environment": "lab", "cluster": "c1", "location": ZONE}
    run = playbooks.run(
        play(
            [
                task("not attached", "cluster", CLUSTER),
                task("planned", "cluster", CLUSTER, check_mode=True),
                usable("own"),
                shared("others' key", {"service_auth": {"service_account_file": str(lab.key_file("peer"))}}),
                shared("attach", {"subnetworks": []}),
                task("no role", "cluster", CLUSTER),
                shared("share"),
                usable("free", {"name": "shared", "region": REGION, "network": "shared"}),
                task("made", "cluster", CLUSTER),
                shared("again"),
                usable("used", {"host_project": HOST}),
                task("client", "workload", {**where, "name": "client", "manifest": yaml.safe_dump(POD)}),
                shared("used by a cluster", {"state": "absent"}),
                shared("planned removal", {"state": "absent"}, check_mode=True),
            ]
        )
    )
    refused(run["not attached"], "subnetwork-not-usable", f"project {PROJECT} is not attached", HOST)
    assert "counted as planned" in str(ok(run["planned"])["warnings"])
    assert ok(run["own"])["subnetworks"] == []
    refused(run["others' key"], "project-unreadable", PROJECT, "resourcemanager.projects.get")
    assert ok(run["attach"])["changed"]
    accounts = [who.partition(":")[2] for who in (GKE, GOOGLE)]
    refused(run["no role"], "subnetwork-not-usable", f"{USER} on {SUBNETWORK}/shared", *accounts)
    created = [item for item in lab.mutating() if item["path"].endswith("/clusters")]
    assert [item["status"] for item in created] == [200], "what is refused is not sent"
    assert sorted(item["status"] for item in lab.requests() if item["path"].endswith("etIamPolicy"))[-2:] == [409, 412]
    statuses = {
        name: {item["range_name"]: item["status"] for item in found["secondary_ip_ranges"]}
        for name in ("free", "used")
        for found in ok(run[name])["subnetworks"]
        if found["name"] == "shared"
    }
    assert statuses == {
        "free": {"pods": "UNUSED", "services": "UNUSED"},
        "used": {"pods": "IN_USE_SHAREABLE_POD", "services": "IN_USE_SERVICE"},
    }
    assert ok(run["used"])["host_project"] == HOST
    assert ok(run["share"])["changed"]
    assert ok(run["made"])["resource"]["networkConfig"]["subnetwork"] == CLUSTER["subnetwork"]
    assert not ok(run["again"])["changed"]
    for name in ("used by a cluster", "planned removal"):
        refused(run[name], "in-use", f"cluster c1 ({ZONE}), instance gke-c1-p-")
    assert policy(api, "shared") == {READER["role"]: READER["members"], USER: [GOOGLE, GKE, *THEIRS["members"]]}
    lab.settle()
    ok(run["client"])
    answer = lab.exec("client", "curl", "--silent", "--max-time", "3", "http://10.1.0.50/health")
    assert answer.stdout == "OK\n", answer

    run = playbooks.run(
        play([task("gone", "cluster", gone), shared("undone", {"state": "absent", "disable_host": True})])
    )
    assert [step["action"] for step in ok(run["undone"])["plan"]] == ["delete"] * 4
    assert policy(api, HOST) == before
    assert policy(api, "shared") == {READER["role"]: READER["members"], THEIRS["role"]: THEIRS["members"]}


# ---- documentation


def test_examples(lab: Lab, playbooks: Playbooks) -> None:
    """They run in the order given, in the projects that they name."""
    api = Api(lab)
    machines.network(api, "shared-subnet", "10.1.0.0/24", HOST, pods="10.4.0.0/20")
    text = shared_vpc.EXAMPLES.replace("[my-project, my-second-project]", "[my-project]")
    names = {"my-host-project": HOST, "my-project": PROJECT, "/etc/keys/service-project.json": str(lab.key_file("lab"))}
    first, *others = [yaml.safe_load(_renamed(part, names)) for part in (text, usable_subnetworks_info.EXAMPLES)]
    *made, undo = first
    run = playbooks.run(play([*made, *others[0], undo]))
    for record in run.records:
        assert record.status in ("ok", "skipped"), record.result
    assert run["Ranges that are still free for the pods of a cluster"].result["msg"] == ["pods"]


def _renamed(text: str, names: t.Mapping[str, str]) -> str:
    for name, then in names.items():
        text = text.replace(name, then)
    return text
