# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules workload and internal_service_info, and a Service with its workload, against the lab, by both paths."""

from __future__ import annotations

import base64
import json
import pathlib
import typing as t

import pytest
import yaml

from ansible_collections.podreach.gke.plugins.modules import internal_service_info
from ansible_collections.podreach.gke.plugins.modules import workload as workload_module
from ansible_collections.podreach.gke.tests.integration.api import Json
from ansible_collections.podreach.gke.tests.integration.kubernetes_site import (
    CLUSTER,
    CLUSTERS,
    MANAGED_BY,
    Site,
    failed,
    make_site,
    needs_packets,
    ok,
    service,
    workload,
)
from ansible_collections.podreach.gke.tests.integration.playbooks import PATHS, task
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab


@pytest.fixture
def site(lab: Lab, tmp_path: pathlib.Path) -> Site:
    return make_site(lab, tmp_path)


# ---- workload: create, modify and delete, each in check mode, for real, again


IMAGE: Json = {"image": "registry.example.com/plot:1", "port": 5000, "replicas": 2, "env": {"TITLE": "x"}}
IMAGE_STEPS: tuple[tuple[str, Json], ...] = (
    ("create", IMAGE),
    ("modify", {**IMAGE, "image": "registry.example.com/plot:2", "env": {"SIZE": 3}, "requests": {"cpu": "50m"}}),
    ("delete", {"state": "absent"}),
)


@pytest.mark.parametrize("path", PATHS)
def test_workload_create_modify_delete(site: Site, path: str) -> None:
    tasks = []
    for verb, options in IMAGE_STEPS:
        for how, keywords in (("check", {"check_mode": True}), ("real", {}), ("again", {})):
            tasks.append(workload(f"{verb}-{how}", options, **keywords))
    before = site.lab.seq()
    done = site.run(*tasks, path=path, arguments=["--diff"])
    for verb, _options in IMAGE_STEPS:
        check, real, again = (done[f"{verb}-{how}"] for how in ("check", "real", "again"))
        for record, changes in ((check, True), (real, True), (again, False)):
            assert ok(record)["changed"] is changes, (record.task, record.result)
        assert check.result["plan"] == real.result["plan"] != []
        assert check.result["diff"] == real.result["diff"]
        assert again.result["plan"] == []
    created, modified = done["create-real"].result, done["modify-real"].result
    assert created["rollouts"] == [{"name": "Deployment default/plot", "done": True, "ready": 2, "wanted": 2}]
    assert created["selector"] == {"app": "plot"}
    assert [port["port"] for port in created["ports"]] == [5000]
    [made] = created["resources"]
    assert made["metadata"]["labels"] == {"app": "plot", MANAGED_BY: "podreach.gke"}
    assert made["spec"]["template"]["spec"]["containers"][0]["securityContext"] == {"allowPrivilegeEscalation": False}
    assert made["spec"]["template"]["spec"]["automountServiceAccountToken"] is False
    [changed] = modified["resources"]
    [container] = changed["spec"]["template"]["spec"]["containers"]
    assert container["image"].endswith(":2")
    # what the first call set and the second one leaves out is gone
    assert container["env"] == [{"name": "SIZE", "value": "3"}]
    assert modified["plan"][0]["grade"] == "safe"
    methods = [item["method"] for item in site.lab.mutating(before)]
    assert methods == ["PATCH", "PATCH", "DELETE"]
    # they were gone when the task ended
    assert site.pods() == []
    assert bool(done.processes) == (path == "module")


# ---- manifests

LABELS = {"app": "greeter"}
TEMPLATE: Json = {
    "metadata": {"labels": LABELS},
    "spec": {"containers": [{"name": "c", "image": "registry.example.com/g:1", "ports": [{"containerPort": 5000}]}]},
}
MANIFEST: list[Json] = [
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "words"}, "data": {"a": "1", "b": "2"}},
    {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"}, "stringData": {"password": "first-passphrase"}},
    {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "greeter"}},
    {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "greeter"},
        "spec": {"selector": {"matchLabels": LABELS}, "template": TEMPLATE},
    },
    {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "store"},
        "spec": {
            "serviceName": "store",
            "replicas": 2,
            "selector": {"matchLabels": {"app": "store"}},
            "template": {**TEMPLATE, "metadata": {"labels": {"app": "store"}}},
        },
    },
    {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "agent"},
        "spec": {
            "selector": {"matchLabels": {"app": "agent"}},
            "template": {**TEMPLATE, "metadata": {"labels": {"app": "agent"}}},
        },
    },
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "inside"},
        "spec": {"selector": LABELS, "ports": [{"port": 80, "targetPort": 5000}]},
    },
    # a kind that is found by discovery
    {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "open"},
        "spec": {"podSelector": {}},
    },
]


def changed_manifest() -> list[Json]:
    items: list[Json] = json.loads(json.dumps(MANIFEST))
    items[0]["data"] = {"a": "3"}
    items[1]["stringData"]["password"] = "other-passphrase"
    items[3]["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example.com/g:2"
    return items


@pytest.mark.parametrize("path", PATHS)
def test_manifest_create_modify_delete(site: Site, path: str) -> None:
    steps: tuple[tuple[str, Json], ...] = (
        ("create", {"manifest": MANIFEST}),
        ("modify", {"manifest": yaml.safe_dump_all(changed_manifest())}),
        ("delete", {"manifest": MANIFEST, "state": "absent"}),
    )
    tasks = []
    for verb, options in steps:
        for how, keywords in (("check", {"check_mode": True}), ("real", {}), ("again", {})):
            tasks.append(workload(f"{verb}-{how}", options, **keywords))
    before = site.lab.seq()
    done = site.run(*tasks, path=path, arguments=["--diff", "-vvvv"])
    for verb, _options in steps:
        check, real, again = (done[f"{verb}-{how}"] for how in ("check", "real", "again"))
        for record, changes in ((check, True), (real, True), (again, False)):
            assert ok(record)["changed"] is changes, (record.task, record.result)
        assert check.result["plan"] == real.result["plan"] != []
        assert check.result["diff"] == real.result["diff"]
        assert again.result["plan"] == []
    assert [step["action"] for step in done["create-real"].result["plan"]] == ["create"] * len(MANIFEST)
    assert {item["name"]: item["ready"] for item in done["create-real"].result["rollouts"]} == {
        "Deployment default/greeter": 1,
        "StatefulSet default/store": 2,
        "DaemonSet default/agent": 2,
    }
    modified = done["modify-real"].result
    assert [step["fields"] for step in modified["plan"]] == [
        ["data.a", "data.b"],
        ["data.password"],
        ["spec.template.spec.containers[c].image"],
    ]
    assert {step["grade"] for step in modified["plan"]} == {"safe"}
    secret = next(item for item in modified["diff"] if item["before_header"] == "Secret default/key")
    assert (secret["before"]["data"], secret["after"]["data"]) == (
        {"password": "hidden"},
        {"password": "hidden, another one"},
    )
    deleted = [step["summary"] for step in done["delete-real"].result["plan"]]
    assert deleted[0] == "delete NetworkPolicy default/open"
    assert deleted[-1] == "delete ConfigMap default/words"
    methods = [item["method"] for item in site.lab.mutating(before)]
    assert methods == ["PATCH"] * (len(MANIFEST) + 3) + ["DELETE"] * len(MANIFEST)
    assert site.pods() == []
    shown = json.dumps([record.result for record in done.records]) + done.output
    for text in ("first-passphrase", "other-passphrase"):
        assert text not in shown
        assert base64.b64encode(text.encode()).decode() not in shown


def test_nothing_is_changed_where_one_object_is_refused(site: Site) -> None:
    bad = [*MANIFEST[:2], {**MANIFEST[3], "spec": {**MANIFEST[3]["spec"], "selector": {"matchLabels": {"app": "x"}}}}]
    before = site.lab.seq()
    done = site.run(workload("bad", {"manifest": bad}))
    assert "selector" in failed(done["bad"])
    assert site.lab.mutating(before) == []


# ---- whose it is


def deployment(site: Site, name: str = "plot", manager: str = "Helm", **spec: t.Any) -> None:
    """As `kubectl run` once made it, by somebody else."""
    metadata = {"name": name, "namespace": "default", "labels": {"run": name, MANAGED_BY: manager}}
    container = {"name": "main", "image": "registry.example.com/plot:0", "ports": [{"containerPort": 80}]}
    template = {"metadata": {"labels": {"run": name}}, "spec": {"containers": [container]}}
    body = {"selector": {"matchLabels": {"run": name}}, "template": template, "replicas": 1, **spec}
    item = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": body}
    reply = site.kube.request("POST", "apis/apps/v1/namespaces/default/deployments", item)
    assert reply.ok, reply.text


def read(site: Site, name: str = "plot") -> Json | None:
    reply = site.kube.request("GET", f"apis/apps/v1/namespaces/default/deployments/{name}")
    return t.cast("Json", reply.json()) if reply.ok else None


@pytest.mark.parametrize("path", PATHS)
def test_only_what_is_ours(site: Site, path: str) -> None:
    deployment(site)
    before = site.lab.seq()
    done = site.run(
        workload("refused", IMAGE),
        workload("kept", {"state": "absent"}),
        path=path,
    )
    assert "adopt: true" in failed(done["refused"])
    assert '"Helm"' in failed(done["refused"])
    assert "not deleted" in failed(done["kept"])
    assert site.lab.mutating(before) == []
    done = site.run(
        workload("adopted", {**IMAGE, "adopt": True}),
        workload("again", {**IMAGE, "adopt": True}),
        workload("ours now", IMAGE),
        path=path,
    )
    assert [ok(record)["changed"] for record in done.records] == [True, False, False]
    # its selector cannot change, and its container keeps its name
    assert done["adopted"].result["selector"] == {"run": "plot"}
    [container] = (read(site) or {})["spec"]["template"]["spec"]["containers"]
    assert (container["name"], container["image"]) == ("main", "registry.example.com/plot:1")
    done = site.run(workload("deleted", {"state": "absent"}), path=path)
    assert ok(done["deleted"])["changed"] is True
    assert read(site) is None


def test_what_others_wrote_stays_and_their_replicas_too(site: Site) -> None:
    alone = {key: value for key, value in IMAGE.items() if key != "replicas"}
    site.run(workload("create", IMAGE))
    # no number is no wish: what an earlier call asked for stays
    done = site.run(workload("without", alone))
    assert ok(done["without"])["changed"] is False
    scaled = {"spec": {"replicas": 3}, "metadata": {"annotations": {"example.com/theirs": "y"}}}
    path = f"{site.kube.url}/apis/apps/v1/namespaces/default/deployments/plot?fieldManager=scaler"
    headers = {"content-type": "application/merge-patch+json"}
    assert site.kube._http.patch(path, data=json.dumps(scaled), headers=headers, timeout=20).ok
    done = site.run(
        workload("kept", alone),
        workload("image", {**alone, "image": "registry.example.com/plot:2"}),
        workload("asked", IMAGE),
    )
    assert ok(done["kept"])["changed"] is False
    assert ok(done["image"])["rollouts"][0]["wanted"] == 3
    # the caller's word counts more
    assert ok(done["asked"])["plan"][-1]["fields"][0] == "spec.replicas"
    found = read(site) or {}
    assert found["spec"]["replicas"] == 2
    assert found["metadata"]["annotations"]["example.com/theirs"] == "y"


def test_grades(site: Site) -> None:
    other = {**IMAGE, "labels": {"app": "other"}}
    manifest = json.loads(json.dumps([MANIFEST[3], MANIFEST[6]]))
    narrowed = json.loads(json.dumps(manifest))
    narrowed[1]["spec"]["selector"] = {"app": "other"}
    done = site.run(
        workload("create", IMAGE),
        workload("none", {**IMAGE, "replicas": 0}),
        workload("none shown", {**IMAGE, "replicas": 0}, check_mode=True),
        workload("none allowed", {**IMAGE, "replicas": 0, "allow_disruption": True}),
        workload("more", IMAGE),
        workload("other", other),
        workload("other shown", other, check_mode=True),
        workload("other done", {**other, "confirm_replace": "plot"}),
        workload("manifest", {"manifest": manifest}),
        workload("selector", {"manifest": narrowed}),
    )
    assert "allow_disruption: true" in failed(done["none"])
    assert ok(done["none shown"])["plan"][0]["grade"] == "disruptive"
    assert ok(done["none allowed"])["rollouts"][0] == {
        "name": "Deployment default/plot",
        "done": True,
        "ready": 0,
        "wanted": 0,
    }
    assert ok(done["more"])["plan"][0]["grade"] == "safe"
    assert "confirm_replace: plot" in failed(done["other"])
    assert [step["action"] for step in ok(done["other shown"])["plan"]] == ["replace", "create"]
    assert ok(done["other done"])["selector"] == {"app": "other"}
    assert "allow_disruption: true" in failed(done["selector"])


def test_another_writer_in_between(site: Site) -> None:
    site.run(workload("create", IMAGE))
    site.lab.fault(method="PATCH", path="deployments/plot", status=409, reason="Conflict", count=2)
    done = site.run(workload("change", {**IMAGE, "replicas": 3}))
    assert ok(done["change"])["changed"] is True
    assert len(done["change"].result["plan"]) == 1


def test_a_lost_answer(site: Site) -> None:
    site.lab.fault(method="PATCH", path="deployments/plot\\?fieldManager=podreach.gke$", when="after", drop=True)
    done = site.run(workload("create", IMAGE))
    assert ok(done["create"])["changed"] is True
    assert len(done["create"].result["plan"]) == 1


# ---- why pods are not ready


@pytest.mark.parametrize("path", PATHS)
def test_why_pods_are_not_ready(site: Site, path: str) -> None:
    missing = {**IMAGE, "image": "registry.invalid/plot:1"}
    crash = {**IMAGE, "command": ["false"], "timeout": 3}
    nowhere = json.loads(json.dumps(MANIFEST[3]))
    nowhere["spec"]["template"]["spec"]["nodeSelector"] = {"no": "such"}
    volume = json.loads(json.dumps(MANIFEST[3]))
    volume["spec"]["template"]["spec"]["volumes"] = [{"name": "v", "secret": {"secretName": "none"}}]
    done = site.run(
        workload("image", missing),
        workload("again", missing),
        workload("not waited for", {**missing, "wait": False}),
        workload("mended", IMAGE),
        workload("crash", crash),
        workload("nowhere", {"manifest": nowhere, "timeout": 2}),
        workload("volume", {"manifest": volume, "timeout": 2}),
        path=path,
    )
    record = done["image"]
    assert "0 of 2 new pods are ready" in failed(record)
    assert "ImagePullBackOff" in record.result["msg"]
    assert "lookup registry.invalid: no such host" in record.result["msg"]
    assert record.result["error"]["code"] == "not-ready"
    assert record.result["changed"] is True
    assert "Failed" in [event["reason"] for event in record.result["events"]]
    assert "ImagePullBackOff" in failed(done["again"])
    assert done["again"].result["changed"] is False
    assert ok(done["not waited for"])["changed"] is False
    # the broken pods of the version before do not count against the new one
    assert ok(done["mended"])["rollouts"][0]["ready"] == 2
    assert "CrashLoopBackOff" in failed(done["crash"])
    assert "3 s (timeout)" in done["crash"].result["msg"]
    assert "Unschedulable" in failed(done["nowhere"])
    assert 'secret "none" not found' in failed(done["volume"])


@pytest.mark.parametrize("path", PATHS)
def test_no_token_is_shown(site: Site, path: str) -> None:
    token = site.lab.token()
    access = {"environment": "lab", "host": f"https://{site.cluster['endpoint']}", "validate_certs": False}
    options = {**access, "api_key": token, "name": "plot", "timeout": 20, **IMAGE}
    done = site.run(
        task("create", "workload", options),
        task("bad", "workload", {**options, "image": f"a {token}"}),
        task("info", "internal_service_info", {**access, "api_key": token}),
        path=path,
        arguments=["-vvvv", "--diff"],
    )
    ok(done["create"])
    failed(done["bad"])
    ok(done["info"])
    assert token not in done.output
    assert token not in json.dumps([record.result for record in done.records])


# ---- clusters that are not there yet


def test_a_cluster_that_is_still_being_made(site: Site) -> None:
    absent = {"cluster": "later"}
    done = site.run(
        workload("missing", {**IMAGE, **absent}),
        workload("waited", {**IMAGE, **absent, "prerequisite_timeout": 1}),
        workload("planned", {**IMAGE, **absent, "prerequisite_timeout": 60}, check_mode=True),
        workload("manifest planned", {"manifest": MANIFEST, **absent}, check_mode=True),
        workload("gone", {**absent, "state": "absent", "prerequisite_timeout": 60}),
        service("service planned", {**absent, "workload": IMAGE}, check_mode=True),
        task("probe", "pod_probe", {**CLUSTER, **absent, "kind": "icmp", "target": "10.1.0.9"}, check_mode=True),
        task("info", "internal_service_info", {**CLUSTER, **absent}, check_mode=True),
        task("info fails", "internal_service_info", {**CLUSTER, **absent}),
    )
    assert "clusters/later does not exist. Create it" in failed(done["missing"])
    assert "after 1 s (prerequisite_timeout)" in failed(done["waited"])
    assert "clusters/later" in done["waited"].result["msg"]
    assert ok(done["planned"])["changed"] is True
    assert "counts as planned" in done["planned"].result["warnings"][0]
    assert len(ok(done["manifest planned"])["plan"]) == len(MANIFEST)
    assert ok(done["gone"])["changed"] is False
    assert [step["action"] for step in ok(done["service planned"])["plan"]] == ["create", "create"]
    assert ok(done["probe"])["ran"] is False
    assert ok(done["info"])["services"] == []
    assert "clusters/later" in failed(done["info fails"])


def test_a_cluster_that_comes_is_waited_for(site: Site) -> None:
    asked = workload("create", {**IMAGE, "cluster": "later", "prerequisite_timeout": 60})
    started = site.playbooks.start({"hosts": "all", "gather_facts": False, "tasks": [asked]})
    while not any("clusters/later" in item["path"] for item in site.lab.requests()):
        assert started.process.poll() is None
    body: Json = {"name": "later", "network": "net", "subnetwork": "net", "initialNodeCount": 1}
    site.api.post(CLUSTERS, {"cluster": body})
    done = site.playbooks.finish(started)
    assert ok(done["create"])["changed"] is True


# ---- a Service with its workload


@pytest.mark.parametrize("path", PATHS)
def test_service_and_workload(site: Site, path: str) -> None:
    both = {"workload": IMAGE}
    steps: tuple[tuple[str, Json], ...] = (
        ("create", both),
        ("modify", {"workload": {**IMAGE, "image": "registry.example.com/plot:2"}}),
        ("delete", {**both, "state": "absent"}),
    )
    tasks = []
    for verb, options in steps:
        for how, keywords in (("check", {"check_mode": True}), ("real", {}), ("again", {})):
            tasks.append(service(f"{verb}-{how}", options, **keywords))
    before = site.lab.seq()
    done = site.run(*tasks, path=path, arguments=["--diff"])
    for verb, _options in steps:
        check, real, again = (done[f"{verb}-{how}"] for how in ("check", "real", "again"))
        for record, changes in ((check, True), (real, True), (again, False)):
            assert ok(record)["changed"] is changes, (record.task, record.result)
        assert check.result["plan"] == real.result["plan"] != []
        assert check.result["diff"] == real.result["diff"]
    created = done["create-real"].result
    assert [step["summary"] for step in created["plan"]] == [
        "create Deployment default/web",
        "create Service default/web",
    ]
    assert created["address"]
    assert created["resource"]["spec"]["selector"] == {"app": "web"}
    assert [(port["port"], port["targetPort"]) for port in created["resource"]["spec"]["ports"]] == [(5000, 5000)]
    assert created["workload"]["rollouts"][0]["ready"] == 2
    assert [step["summary"] for step in done["delete-real"].result["plan"]] == [
        "delete Service default/web",
        "delete Deployment default/web",
    ]
    called = [(item["method"], item["path"].rsplit("/", 2)[-2]) for item in site.lab.mutating(before)]
    assert called[0] == ("PATCH", "deployments")
    assert called[-2:] == [("DELETE", "services"), ("DELETE", "deployments")]
    assert site.pods() == []


def test_neither_is_changed_where_one_is_refused(site: Site) -> None:
    site.service(selector={"app": "other"})
    # as it is, with its address
    ok(site.run(service("used", {}))["used"])
    before = site.lab.seq()
    done = site.run(service("foreign", {"workload": IMAGE}), service("moved", {"workload": IMAGE, "adopt": True}))
    assert "adopt: true" in failed(done["foreign"])
    assert "allow_disruption: true" in failed(done["moved"])
    assert site.lab.mutating(before) == []


def test_ports_of_a_service_that_is_there_stay(site: Site) -> None:
    ports = {"ports": [{"port": 80, "target_port": "5000"}]}
    done = site.run(
        service("create", {"workload": IMAGE, **ports}),
        service("again", {"workload": IMAGE}),
        service("moved", {"workload": {**IMAGE, "port": 6000}}),
    )
    assert ok(done["create"])["changed"] is True
    assert ok(done["again"])["changed"] is False
    assert "warnings" not in done["again"].result
    assert "(80 to 5000) do not lead to those of the workload (6000)" in ok(done["moved"])["warnings"][0]


@needs_packets
def test_pods_answer_at_the_address(site: Site) -> None:
    done = site.run(
        service("create", {"workload": IMAGE, "ports": [{"port": 80, "target_port": "5000"}]}),
        task("info", "internal_service_info", {**CLUSTER}),
    )
    address = ok(done["create"])["address"]
    answer = site.lab.exec("client", "curl", "-s", f"http://{address}/health")
    assert answer.stdout == "OK\n"
    [found] = ok(done["info"])["services"]
    assert (found["address"], found["internal"], found["owned"]) == (address, True, True)
    assert [item["pod"][:4] for item in found["ready_endpoints"]] == ["web-", "web-"]


# ---- internal_service_info


@pytest.mark.parametrize("path", PATHS)
def test_info(site: Site, path: str) -> None:
    site.service("mine", ours=True, loadBalancerSourceRanges=["10.0.0.0/8"])
    site.service("outside", annotations={})
    site.service("inside", type="ClusterIP", annotations={})
    site.service("wrong", loadBalancerIP="10.77.0.1")
    site.kube.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "empty"}})
    pod = site.pod("a")
    reads = [
        task("all", "internal_service_info", CLUSTER),
        task("one", "internal_service_info", {**CLUSTER, "name": "mine", "namespace": "default"}),
        task("empty", "internal_service_info", {**CLUSTER, "namespace": "empty"}),
        task("bad", "internal_service_info", {**CLUSTER, "namespace": "Bad"}),
        task("check", "internal_service_info", CLUSTER, check_mode=True),
    ]
    # until the controllers have done their part
    site.run(service("address", {"name": "mine"}), task("pause", "ansible.builtin.pause", {"seconds": 1}))
    done = site.run(*reads, path=path)
    found = {item["name"]: item for item in ok(done["all"])["services"] if item["namespace"] == "default"}
    assert list(found) == ["mine", "outside", "wrong"]
    assert [found[name]["internal"] for name in found] == [True, False, True]
    assert found["mine"]["source_ranges"] == ["10.0.0.0/8"]
    assert found["mine"]["owned"] is True
    assert found["mine"]["ports"] == [{"port": 80, "protocol": "TCP", "target_port": "5000", "name": None}]
    assert [(item["address"], item["pod"]) for item in found["mine"]["ready_endpoints"]] == [(pod, "a")]
    assert "events" not in found["mine"]
    assert found["wrong"]["address"] is None
    assert "SyncLoadBalancerFailed" in [event["reason"] for event in found["wrong"]["events"]]
    assert [item["name"] for item in ok(done["one"])["services"]] == ["mine"]
    assert ok(done["empty"])["services"] == []
    assert "namespace: 'Bad'" in failed(done["bad"])
    assert done["check"].result == done["all"].result
    assert bool(done.processes) == (path == "module")


# ---- bad calls

BAD: dict[str, tuple[Json, list[str]]] = {
    "name": ({"name": "Plot", "image": "i"}, ["name", "'Plot'", "lower-case"]),
    "no name": ({"name": None, "image": "i"}, ["name is missing"]),
    "no image": ({}, ["image is missing", "manifest"]),
    "image": ({"image": "a b"}, ["image", "'a b'"]),
    "port": ({"image": "i", "port": 0}, ["port: 0", "65535"]),
    "both ports": ({"image": "i", "port": 1, "ports": [{"port": 2}]}, ["port, ports"]),
    "twice": ({"image": "i", "ports": [{"port": 1}, {"port": 1}]}, ["ports[1]", "TCP 1", "twice"]),
    "port name": ({"image": "i", "ports": [{"port": 1, "name": "A"}]}, ["ports[0].name", "'A'"]),
    "replicas": ({"image": "i", "replicas": -1}, ["replicas: -1"]),
    "env": ({"image": "i", "env": {"A B": 1}}, ["env", "'A B'"]),
    "env value": ({"image": "i", "env": {"A": [1]}}, ["env", "'A'", "no text"]),
    "own label": ({"image": "i", "labels": {MANAGED_BY: "me"}}, [MANAGED_BY]),
    "no labels": ({"image": "i", "labels": {}}, ["labels"]),
    "path": ({"image": "i", "port": 1, "readiness_path": "x"}, ["readiness_path", "'x'"]),
    "path without port": ({"image": "i", "readiness_path": "/"}, ["readiness_path", "give port"]),
    "security": ({"image": "i", "pod_security": "none"}, ["pod_security", "none"]),
    "namespace": ({"image": "i", "namespace": "My"}, ["namespace", "'My'"]),
    "no namespace": ({"image": "i", "namespace": "none"}, ['namespaces "none" not found']),
    "both": ({"manifest": [], "image": "i", "replicas": 1}, ["manifest says all", "image, replicas"]),
    "empty": ({"manifest": ""}, ["manifest", "no object"]),
    "no YAML": ({"manifest": "a: [1\nb"}, ["manifest", "no YAML at line"]),
    "text": ({"manifest": ["x"]}, ["manifest[0]", "str"]),
    "no kind": ({"manifest": {"metadata": {"name": "x"}}}, ["manifest[0].apiVersion", "manifest[0].kind"]),
    "no metadata": ({"manifest": {"kind": "x"}}, ["manifest[0]", "metadata"]),
    "object name": (
        {"manifest": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "X"}}},
        ["manifest[0].metadata.name", "'X'"],
    ),
    "object twice": ({"manifest": [MANIFEST[0], MANIFEST[0]]}, ["manifest[1]", "default/words", "manifest[0]"]),
    "their label": (
        {"manifest": {**MANIFEST[0], "metadata": {"name": "x", "labels": {MANAGED_BY: "Helm"}}}},
        ["manifest[0].metadata.labels", MANAGED_BY],
    ),
    "kind": ({"manifest": {**MANIFEST[0], "kind": "ConfigMop"}}, ["no kind ConfigMop of v1"]),
    "cluster's": ({"manifest": {**MANIFEST[0], "kind": "Namespace"}}, ["Namespace (v1) belongs to no namespace"]),
    "group": ({"manifest": {**MANIFEST[0], "apiVersion": "x.io/v1"}}, ["no kind ConfigMap of x.io/v1"]),
}


def test_bad_calls(site: Site) -> None:
    before = site.lab.seq()
    done = site.run(*(workload(name, options) for name, (options, _words) in BAD.items()))
    for name, (_options, words) in BAD.items():
        message = failed(done[name])
        assert all(word in message for word in words), message
        assert "Traceback" not in message
    same = {**MANIFEST[6], "metadata": {"name": "web"}}
    done = site.run(
        service("workload", {"workload": {"image": "i", "port": 0}}),
        service("nothing", {"workload": {"replicas": 1}}),
        service("same", {"workload": {"manifest": [MANIFEST[3], same]}}),
    )
    assert "workload.port: 0" in failed(done["workload"])
    assert "workload.image is missing" in failed(done["nothing"])
    assert "Service default/web is what this module makes" in failed(done["same"])
    assert site.lab.mutating(before) == []


# ---- what the documentation shows


@pytest.mark.parametrize("module", [workload_module, internal_service_info])
def test_the_examples_run(lab: Lab, tmp_path: pathlib.Path, module: t.Any) -> None:
    site = make_site(lab, tmp_path, name="test-cluster")
    tasks = yaml.safe_load(module.EXAMPLES)
    if module is internal_service_info:
        site.run(service("web", {"cluster": "test-cluster", "workload": IMAGE}))
    done = site.run(*tasks, env={"PODREACH_ENVIRONMENT": "lab"})
    assert done.records
    for record in done.records:
        ok(record)
    assert read(site, "plot") is None
