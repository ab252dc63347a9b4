# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules for things in a cluster, against the lab's Kubernetes and its packets, by both paths.

What the lab holds between two tasks is read by a task of the play itself: an unchanging one, `state: present` with a
name alone, or by the cluster's API after the run.
"""

from __future__ import annotations

import base64
import json
import pathlib
import typing as t

import pytest
import yaml

from ansible_collections.podreach.gke.plugins.modules import internal_service, pod_probe
from ansible_collections.podreach.gke.tests.integration import machines
from ansible_collections.podreach.gke.tests.integration.api import COMPUTE, Json
from ansible_collections.podreach.gke.tests.integration.kubernetes_site import (
    ADMIT,
    CLUSTER,
    INTERNAL,
    MANAGED_BY,
    REGION,
    VM,
    Site,
    failed,
    make_site,
    needs_packets,
    ok,
    probe,
    service,
)
from ansible_collections.podreach.gke.tests.integration.playbooks import PATHS, task
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab


@pytest.fixture
def site(lab: Lab, tmp_path: pathlib.Path) -> Site:
    return make_site(lab, tmp_path)


@pytest.fixture
def subsetting(lab: Lab, tmp_path: pathlib.Path) -> Site:
    return make_site(lab, tmp_path, networkConfig={"enableL4ilbSubsetting": True})


# ---- internal_service: create, modify and delete, each in check mode, for real, again

CREATE: Json = {"selector": {"app": "web"}, "ports": [{"port": 80, "target_port": "5000"}], "labels": {"team": "a"}}
MODIFY: Json = {
    "ports": [{"port": 80, "name": "http"}, {"port": 81, "target_port": "5000", "name": "more"}],
    "source_ranges": ["10.1.0.0/20", "10.3.0.0/24"],
    "external_traffic_policy": "Local",
    "global_access": True,
    "annotations": {"example.com/note": "x"},
    "allow_disruption": True,
}
STEPS = (("create", CREATE), ("modify", MODIFY), ("delete", {"state": "absent"}))


@pytest.mark.parametrize("path", PATHS)
def test_create_modify_delete(site: Site, path: str) -> None:
    tasks = []
    for verb, options in STEPS:
        for how, keywords in (("check", {"check_mode": True}), ("real", {}), ("again", {})):
            tasks.append(service(f"{verb}-{how}", options, **keywords))
            # not marked as theirs, so this one only reads
            tasks.append(service(f"{verb}-{how}-seen", {"wait": False, "adopt": True}, check_mode=True))
    before = site.lab.seq()
    done = site.run(*tasks, path=path, arguments=["--diff"])
    seen = {}
    for verb, _options in STEPS:
        check, real, again = (done[f"{verb}-{how}"] for how in ("check", "real", "again"))
        for record, changes in ((check, True), (real, True), (again, False)):
            assert ok(record)["changed"] is changes, (record.task, record.result)
        assert check.result["plan"] == real.result["plan"] != []
        assert check.result["diff"] == real.result["diff"]
        assert again.result["plan"] == []
        seen[verb] = [done[f"{verb}-{how}-seen"].result for how in ("check", "real", "again")]
    # a check left all as it was
    assert "does not exist" in seen["create"][0]["msg"]
    assert seen["modify"][0]["resource"] == seen["create"][1]["resource"]
    assert seen["delete"][0]["resource"] == seen["modify"][1]["resource"]
    assert "does not exist" in seen["delete"][1]["msg"]
    created, modified = done["create-real"].result, done["modify-real"].result
    assert created["address"].startswith("10.1.")
    assert created["resource"]["metadata"]["labels"] == {"team": "a", MANAGED_BY: "podreach.gke"}
    assert created["annotations"][INTERNAL] == "Internal"
    assert created["node_ports"][0]["port"] == 80
    assert "managedFields" not in created["resource"]["metadata"]
    assert modified["address"] == created["address"]
    ports = {port["name"]: port for port in modified["resource"]["spec"]["ports"]}
    assert (ports["http"]["targetPort"], ports["more"]["port"]) == (5000, 81)
    assert ports["http"]["nodePort"] == created["node_ports"][0]["node_port"]
    assert modified["resource"]["spec"]["loadBalancerSourceRanges"] == ["10.1.0.0/20", "10.3.0.0/24"]
    assert modified["resource"]["spec"]["externalTrafficPolicy"] == "Local"
    assert modified["resource"]["spec"]["selector"] == {"app": "web"}
    methods = [item["method"] for item in site.lab.mutating(before)]
    assert methods == ["POST", "PATCH", "DELETE"]
    # its load balancer was gone when the task ended
    rules = site.api.get(f"{COMPUTE}/regions/{REGION}/forwardingRules") or {}
    assert not rules.get("items")
    assert bool(done.processes) == (path == "module")


def test_paths_agree(lab: Lab, tmp_path: pathlib.Path) -> None:
    results = []
    for path in PATHS:
        scratch = tmp_path / path
        scratch.mkdir()
        one = make_site(lab, scratch)
        tasks = [service("create", {**CREATE, "load_balancer_ip": "10.1.0.50"}), service("bad", {"name": "Web"})]
        tasks += [service("delete", {"state": "absent"}), service("missing", {"name": "other"})]
        done = one.run(*tasks, path=path)
        results.append([comparable(record.result) for record in done.records])
    assert results[0] == results[1]


def comparable(value: t.Any) -> t.Any:
    own = {"uid", "resourceVersion", "creationTimestamp", "clusterIP", "clusterIPs", "cluster_ip", "nodePort"}
    own |= {"node_port", "healthCheckNodePort"}
    if isinstance(value, dict):
        return {key: "its own" if key in own else comparable(item) for key, item in value.items()}
    return [comparable(item) for item in value] if isinstance(value, list) else value


# ---- addresses


@pytest.mark.parametrize("path", PATHS)
def test_a_fixed_address(site: Site, path: str) -> None:
    fixed = {**CREATE, "load_balancer_ip": "10.1.0.50"}
    moved = {"load_balancer_ip": "10.1.0.51"}
    done = site.run(
        service("create", fixed),
        service("refused", moved),
        service("shown", moved, check_mode=True),
        service("moved", {**moved, "allow_disruption": True}),
        path=path,
    )
    assert ok(done["create"])["address"] == "10.1.0.50"
    assert "allow_disruption: true" in failed(done["refused"])
    assert ok(done["shown"])["plan"][0]["grade"] == "disruptive"
    assert ok(done["moved"])["address"] == "10.1.0.51"


def test_reserved_addresses_by_name(subsetting: Site) -> None:
    subsetting.reserve("vip", "10.1.0.60")
    subsetting.reserve("other", "10.1.0.61")
    done = subsetting.run(
        service("create", {**CREATE, "address_names": ["vip"]}),
        service("again", {**CREATE, "address_names": ["vip"]}),
        service("moved", {"address_names": ["other"], "allow_disruption": True}),
    )
    assert ok(done["create"])["address"] == "10.1.0.60"
    assert ok(done["again"])["changed"] is False
    assert ok(done["moved"])["address"] == "10.1.0.61"


def test_names_in_a_cluster_that_does_not_heed_them(site: Site) -> None:
    site.reserve("vip", "10.1.0.60")
    done = site.run(service("create", {**CREATE, "address_names": ["vip"], "timeout": 2}))
    message = failed(done["create"])
    assert "not 10.1.0.60" in message
    assert "use load_balancer_ip" in message
    assert done["create"].result["changed"] is True


@pytest.mark.parametrize("path", PATHS)
def test_why_there_is_no_address(site: Site, path: str) -> None:
    wrong = {**CREATE, "load_balancer_ip": "10.77.0.1", "timeout": 2}
    done = site.run(service("wrong", wrong), service("not waited for", {**wrong, "wait": False}), path=path)
    record = done["wrong"]
    message = failed(record)
    assert "SyncLoadBalancerFailed: Error syncing load balancer:" in message
    assert "10.77.0.1" in message
    assert record.result["changed"] is True
    assert record.result["error"]["code"] == "no-address"
    assert "SyncLoadBalancerFailed" in [event["reason"] for event in record.result["events"]]
    assert ok(done["not waited for"])["changed"] is False
    assert done["not waited for"].result["address"] is None


def test_a_reserved_address_that_is_not_there(subsetting: Site) -> None:
    done = subsetting.run(service("wrong", {**CREATE, "address_names": ["no-such"], "timeout": 2}))
    assert 'reserved address ("no-such") is not valid' in failed(done["wrong"])


# ---- whose it is


def test_only_what_is_ours(site: Site) -> None:
    site.service()
    port = {"ports": [{"port": 81, "target_port": "5000", "name": "b"}, {"port": 80, "name": "a"}]}
    before = site.lab.seq()
    done = site.run(
        service("used", {"selector": {"app": "web"}}),
        service("refused", port),
        service("kept", {"state": "absent"}),
    )
    assert ok(done["used"])["changed"] is False
    assert "adopt: true" in failed(done["refused"])
    assert '"Helm"' in failed(done["refused"])
    assert "not deleted" in failed(done["kept"])
    assert site.lab.mutating(before) == []
    done = site.run(
        service("adopted", {**port, "adopt": True}),
        service("again", {**port, "adopt": True}),
        service("deleted", {"state": "absent"}),
    )
    assert [record.result["changed"] for record in done.records] == [True, False, True]
    assert site.kube.get("Service", "web") is None


def test_what_others_wrote_stays(site: Site) -> None:
    site.run(service("create", CREATE))
    found = site.kube.get("Service", "web")
    assert found is not None
    found["metadata"]["annotations"]["example.com/theirs"] = "y"
    found["metadata"]["labels"]["theirs"] = "y"
    found["spec"]["sessionAffinity"] = "ClientIP"
    site.kube.put(found)
    ok(site.run(service("again", {**CREATE, "annotations": {"example.com/mine": True}}))["again"])
    now = site.kube.get("Service", "web")
    assert now is not None
    assert now["metadata"]["annotations"]["example.com/theirs"] == "y"
    assert now["metadata"]["annotations"]["example.com/mine"] == "true"
    assert now["metadata"]["labels"]["theirs"] == "y"
    assert now["spec"]["sessionAffinity"] == "ClientIP"


def test_an_external_one_is_replaced_only_when_confirmed(site: Site) -> None:
    site.service(ours=True, annotations={"example.com/note": "x"})
    done = site.run(
        service("refused", {}),
        service("check", {}, check_mode=True),
        service("done", {"confirm_replace": "web"}),
        service("again", {"confirm_replace": "web"}),
    )
    assert "confirm_replace: web" in failed(done["refused"])
    assert [step["action"] for step in ok(done["check"])["plan"]] == ["replace", "create"]
    assert [step["action"] for step in ok(done["done"])["plan"]] == ["replace", "create"]
    assert done["done"].result["address"]
    assert done["done"].result["annotations"]["example.com/note"] == "x"
    assert done["done"].result["resource"]["spec"]["ports"][0]["targetPort"] == 5000
    assert ok(done["again"])["changed"] is False


def test_a_cluster_service_becomes_one_in_place(site: Site) -> None:
    site.service(ours=True, annotations={}, type="ClusterIP")
    uid = (site.kube.get("Service", "web") or {})["metadata"]["uid"]
    done = site.run(service("done", {}))
    assert ok(done["done"])["address"]
    assert done["done"].result["resource"]["metadata"]["uid"] == uid


def test_another_writer_in_between(site: Site) -> None:
    """A version that has moved is refused by the API, and planned again."""
    site.run(service("create", CREATE))
    site.lab.fault(method="PATCH", path="services/web", status=409, reason="Conflict", count=1)
    done = site.run(service("change", {"labels": {"team": "b"}}))
    assert ok(done["change"])["changed"] is True
    assert len(done["change"].result["plan"]) == 1


# ---- how a cluster is found


def test_by_address_and_token(site: Site) -> None:
    """As AWX's credential for Kubernetes gives it: address, token, and either an authority or no verification."""
    authority = site.scratch / "authority.pem"
    authority.write_bytes(base64.b64decode(site.cluster["masterAuth"]["clusterCaCertificate"]))
    access: dict[str, str | None] = {
        "K8S_AUTH_HOST": f"https://{site.cluster['endpoint']}",
        "K8S_AUTH_API_KEY": site.lab.token(),
        "K8S_AUTH_VERIFY_SSL": "True",
    }
    options = {"environment": "lab", "name": "web", **CREATE}
    trusted = {**access, "K8S_AUTH_SSL_CA_CERT": str(authority)}
    blind = {**access, "K8S_AUTH_VERIFY_SSL": "False"}
    for path in PATHS:
        run = site.run(task("service", "internal_service", options), path=path, env=trusted)
        assert ok(run["service"])["address"]
        run = site.run(task("service", "internal_service", options), path=path, env=blind)
        assert ok(run["service"])["changed"] is False
        assert "is not verified" in run["service"].result["warnings"][0]
    run = site.run(task("service", "internal_service", options), env=access)
    assert "ca_cert" in failed(run["service"])
    run = site.run(task("service", "internal_service", options), env={**blind, "K8S_AUTH_API_KEY": "wrong-token-123"})
    assert "The token was not accepted" in failed(run["service"])
    assert "wrong-token-123" not in run.output


def test_by_kubeconfig(site: Site) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "lab",
        "contexts": [{"name": "lab", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [
            {
                "name": "c",
                "cluster": {
                    "server": f"https://{site.cluster['endpoint']}",
                    "certificate-authority-data": site.cluster["masterAuth"]["clusterCaCertificate"],
                },
            }
        ],
        "users": [{"name": "u", "user": {"token": site.lab.token()}}],
    }
    file = site.scratch / "kubeconfig"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    options = {"environment": "lab", "name": "web", "kubeconfig": str(file), **CREATE}
    for path in PATHS:
        assert ok(site.run(task("service", "internal_service", options), path=path)["service"])["address"]
    run = site.run(
        task("cloud", "internal_service", {**options, "environment": "cloud"}),
        task("context", "internal_service", {**options, "context": "none"}),
        task("file", "internal_service", {**options, "kubeconfig": "/none"}),
        task("nothing", "internal_service", {"name": "web"}),
        task("elsewhere", "internal_service", {"environment": "lab", "host": "https://10.0.0.2", "name": "web"}),
        service("no cluster", {"cluster": "none", **CREATE}),
        service("planned", {"cluster": "none", **CREATE}, check_mode=True),
        service("gone", {"cluster": "none", "state": "absent"}),
    )
    assert "which is this machine" in failed(run["cloud"])
    assert "none" in failed(run["context"])
    assert "/none" in failed(run["file"])
    assert "give cluster with location" in failed(run["nothing"])
    assert "which is not this machine" in failed(run["elsewhere"])
    assert "clusters/none does not exist" in failed(run["no cluster"])
    assert ok(run["planned"])["changed"] is True
    assert ok(run["gone"])["changed"] is False


@pytest.mark.parametrize("path", PATHS)
def test_no_token_is_shown(site: Site, path: str) -> None:
    access = {"environment": "lab", "host": f"https://{site.cluster['endpoint']}", "validate_certs": False}
    token = site.lab.token()
    tasks = [
        service("create", CREATE),
        probe("probe", {"kind": "icmp", "target": VM, "expect": "any"}),
        task("host", "internal_service", {**access, "api_key": token, "name": "web"}),
        task("probe by host", "pod_probe", {**access, "api_key": token, "kind": "icmp", "target": VM, "expect": "any"}),
        task("bad", "internal_service", {**access, "api_key": token, "name": "web", "state": token}),
    ]
    done = site.run(*tasks, path=path, arguments=["-vvvv", "--diff"])
    ok(done["create"])
    assert ok(done["probe by host"])["ran"] is True
    assert token not in done.output
    assert token not in json.dumps([record.result for record in done.records])


# ---- bad calls

BAD: dict[str, tuple[str, Json, list[str]]] = {
    "name": ("internal_service", {"name": "Web"}, ["name", "'Web'", "lower-case"]),
    "namespace": ("internal_service", {"namespace": "My"}, ["namespace", "'My'"]),
    "port": ("internal_service", {"ports": [{"port": 0}]}, ["ports[0].port", "0", "65535"]),
    "target": ("internal_service", {"ports": [{"port": 1, "target_port": "-"}]}, ["ports[0].target_port", "'-'"]),
    "twice": ("internal_service", {"ports": [{"port": 1, "name": "a"}, {"port": 1, "name": "b"}]}, ["twice", "TCP 1"]),
    "unnamed": ("internal_service", {"ports": [{"port": 1}, {"port": 2, "name": "b"}]}, ["ports[0].name", "missing"]),
    "address": ("internal_service", {"load_balancer_ip": "vip"}, ["load_balancer_ip", "'vip'", "address_names"]),
    "address name": ("internal_service", {"address_names": ["10.1.0.9"]}, ["address_names[0]", "load_balancer_ip"]),
    "both": ("internal_service", {"load_balancer_ip": "10.1.0.9", "address_names": ["a"]}, ["mutually exclusive"]),
    "range": ("internal_service", {"source_ranges": ["10.0.0.1/8"]}, ["source_ranges[0]", "10.0.0.0/8"]),
    "own annotation": ("internal_service", {"annotations": {INTERNAL: "External"}}, [INTERNAL, "leave it out"]),
    "own label": ("internal_service", {"labels": {MANAGED_BY: "me"}}, [MANAGED_BY]),
    "class": ("internal_service", {"load_balancer_class": "x/y"}, ["load_balancer_class", "x/y"]),
    "missing": ("internal_service", {"name": "new"}, ["does not exist", "ports, selector"]),
    "no namespace": ("internal_service", {"namespace": "none", **CREATE}, ['namespaces "none" not found']),
    "location": ("internal_service", {"location": ""}, ["location"]),
    "kind": ("pod_probe", {"kind": "udp"}, ["kind", "udp"]),
    "probe target": ("pod_probe", {"kind": "icmp"}, ["target"]),
    "option as target": ("pod_probe", {"kind": "icmp", "target": "-f"}, ["target", "'-f'"]),
    "probe port": ("pod_probe", {"kind": "tcp", "target": VM, "port": 70000}, ["port", "70000"]),
    "url": ("pod_probe", {"kind": "http", "url": "ftp://x"}, ["url", "'ftp://x'"]),
    "body": ("pod_probe", {"kind": "http", "url": f"http://{VM}", "body": "("}, ["body", "regular expression"]),
    "received": ("pod_probe", {"kind": "icmp", "target": VM, "min_received": 4}, ["min_received", "4"]),
    "no pod": ("pod_probe", {"kind": "icmp", "target": VM, "pod": "none"}, ["Pod default/none", "does not exist"]),
    "source of a URL": ("pod_probe", {"kind": "icmp", "target": VM, "source_url": VM}, ["source_url", f"'{VM}'"]),
    "a pod's network": (
        "pod_probe",
        {"kind": "icmp", "target": VM, "pod": "web-0", "host_network": True},
        ["host_network", "'web-0'", "leave one of them out"],
    ),
    "probe namespace": (
        "pod_probe",
        {"kind": "icmp", "target": VM, "namespace": "none"},
        ['namespaces "none" not found', "create Pod none/"],
    ),
}


def test_bad_calls(site: Site) -> None:
    tasks = [
        task(name, module, {**CLUSTER, **({"name": "web"} if module == "internal_service" else {}), **options})
        for name, (module, options, _words) in BAD.items()
    ]
    done = site.run(*tasks)
    for name, (_module, _options, words) in BAD.items():
        message = failed(done[name])
        assert all(word in message for word in words), message
        assert "Traceback" not in message
    assert site.pods() == []
    assert site.kube.get("Service", "web") is None


# ---- what the documentation shows


@needs_packets
def test_the_examples_run(lab: Lab, tmp_path: pathlib.Path) -> None:
    site = make_site(lab, tmp_path, name="test-cluster")
    machines.rule(site.api, "net", "admit", **ADMIT)
    subnetwork = {"name": "far", "network": "global/networks/net", "ipCidrRange": "10.0.1.0/24"}
    site.api.post(f"{COMPUTE}/regions/{REGION}/subnetworks", subnetwork)
    card = {"subnetwork": f"regions/{REGION}/subnetworks/far", "networkIP": "10.0.1.7"}
    machines.vm(site.api, "net", "ec2", "10.0.1.7", networkInterfaces=[card])
    site.pod("web-0")
    tasks = [one for module in (internal_service, pod_probe) for one in yaml.safe_load(module.EXAMPLES)]
    done = site.run(*tasks, env={"PODREACH_ENVIRONMENT": "lab"})
    assert len(done.records) == len(tasks)
    for record in done.records:
        ok(record)
    assert ok(done["From a pod that is there"])["reachable"] is True
    assert site.kube.get("Service", "orders") is None
    assert [name for name in site.pods() if not name.startswith("plot-")] == ["web-0"]


# ---- packets


@needs_packets
@pytest.mark.parametrize("path", PATHS)
def test_clients_reach_the_pods(site: Site, path: str) -> None:
    site.pod("a")
    done = site.run(service("create", {**CREATE, "source_ranges": ["10.77.0.0/16"]}), path=path)
    address = ok(done["create"])["address"]
    assert site.lab.trace("client", address, "tcp", 80)["request"]["died"]["reason"] == "source-ranges"
    done = site.run(service("admit", {"source_ranges": ["10.1.0.0/20"]}), path=path)
    assert ok(done["admit"])["plan"][0]["grade"] == "safe"
    assert site.lab.trace("client", address, "tcp", 80)["verdict"] == "reachable"
    done = site.run(
        service("refused", {"source_ranges": ["10.77.0.0/16"], "purge_source_ranges": True}),
        service("open", {"source_ranges": [], "purge_source_ranges": True}),
    )
    assert "allow_disruption: true" in failed(done["refused"])
    assert ok(done["open"])["changed"] is True
    assert site.lab.trace("client", address, "tcp", 80)["verdict"] == "reachable"


@needs_packets
@pytest.mark.parametrize("path", PATHS)
def test_probe_a_machine(site: Site, path: str) -> None:
    icmp = {"kind": "icmp", "target": VM}
    closed = site.run(
        probe("icmp", icmp),
        probe("as expected", {**icmp, "expect": "unreachable"}),
        probe("any", {"kind": "tcp", "target": VM, "port": 80, "expect": "any"}),
        probe("check", icmp, check_mode=True),
        path=path,
    )
    assert "does not reach 10.1.0.200 by icmp" in failed(closed["icmp"])
    assert closed["icmp"].result["error"]["reason"] == "no-reply"
    assert ok(closed["as expected"])["reachable"] is False
    assert ok(closed["any"])["reason"] == "timed-out"
    assert (ok(closed["check"])["ran"], closed["check"].result["reachable"]) == (False, None)
    assert {record.result["changed"] for record in closed.records} == {False}
    machines.rule(site.api, "net", "admit", **ADMIT)
    opened = site.run(
        probe("icmp", {**icmp, "count": 2, "min_received": 2}),
        probe("tcp", {"kind": "tcp", "target": VM, "port": 80}),
        probe("refused", {"kind": "tcp", "target": VM, "port": 81, "expect": "unreachable"}),
        probe("http", {"kind": "http", "url": f"http://{VM}/health", "status": [200], "body": "^OK"}),
        probe("body", {"kind": "http", "url": f"http://{VM}/health", "body": "no such words", "expect": "any"}),
        probe("status", {"kind": "http", "url": f"http://{VM}/health", "status": [404], "expect": "any"}),
        probe("dns", {"kind": "dns", "target": "localhost"}),
        path=path,
    )
    result = ok(opened["icmp"])
    assert (result["sent"], result["received"]) == (2, 2)
    assert result["ttl"] > 0
    assert 0 < result["rtt"]["min"] <= result["rtt"]["max"]
    assert result["pod"]["own"] is True
    assert result["pod"]["host_network"] is False
    assert result["pod"]["node"].startswith("gke-")
    assert result["pod"]["address"]
    assert ok(opened["tcp"])["reachable"] is True
    assert ok(opened["refused"])["reason"] == "refused"
    assert (ok(opened["http"])["status"], opened["http"].result["body"].strip()) == (200, "OK")
    assert ok(opened["body"])["reason"] == "body"
    assert ok(opened["status"])["reason"] == "status"
    assert "127.0.0.1" in ok(opened["dns"])["addresses"] or "::1" in opened["dns"].result["addresses"]
    # its own pods are gone
    assert site.pods() == []


@needs_packets
@pytest.mark.parametrize("path", PATHS)
def test_probe_from_a_pod_that_is_there(site: Site, path: str) -> None:
    machines.rule(site.api, "net", "admit", **ADMIT)
    address = site.pod("mine")
    site.pod("host", hostNetwork=True)
    done = site.run(
        probe("pod", {"kind": "icmp", "target": VM, "pod": "mine"}),
        probe("node", {"kind": "icmp", "target": VM, "pod": "host"}),
        probe("container", {"kind": "icmp", "target": VM, "pod": "mine", "container": "none"}),
        path=path,
    )
    assert ok(done["pod"])["pod"] == {
        "name": "mine",
        "namespace": "default",
        "address": address,
        "node": done["pod"].result["pod"]["node"],
        "node_address": (site.kube.get("Pod", "mine") or {})["status"]["hostIP"],
        "host_network": False,
        "own": False,
    }
    assert ok(done["node"])["pod"]["host_network"] is True
    assert "its containers are c" in failed(done["container"])
    assert site.pods() == ["host", "mine"]


@needs_packets
def test_probes_clean_up(site: Site) -> None:
    """Also after a failure; what a killed run left goes with the next, what another one uses stays."""
    labels = {MANAGED_BY: "podreach.gke", "app.kubernetes.io/component": "pod-probe"}
    site.pod("left", metadata={"labels": labels}, activeDeadlineSeconds=1)
    site.pod("used", metadata={"labels": labels}, activeDeadlineSeconds=3600)
    nowhere = {"kind": "icmp", "target": VM, "node_selector": {"no": "such"}, "timeout": 2}
    done = site.run(probe("never runs", nowhere), probe("unreachable", {"kind": "icmp", "target": VM}))
    assert "FailedScheduling" in failed(done["never runs"])
    failed(done["unreachable"])
    assert site.pods() == ["used"]
