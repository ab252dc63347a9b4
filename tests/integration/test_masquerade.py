# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `masquerade` against the lab's Kubernetes, its agents and its packets, by both paths.

The lab's story is that of a routes-based cluster with pods in 172.16.0.0/16, which reach their own network and not the
project that it is peered with: nobody there has a route to the pods.
"""

from __future__ import annotations

import base64
import json
import pathlib
import typing as t

import pytest
import yaml

from ansible_collections.podreach.gke.plugins.modules import masquerade
from ansible_collections.podreach.gke.tests.golden.packets.kube import Kube
from ansible_collections.podreach.gke.tests.integration.api import Api, Json
from ansible_collections.podreach.gke.tests.integration.kubernetes_site import (
    CLUSTER,
    CLUSTERS,
    Site,
    failed,
    needs_packets,
    ok,
)
from ansible_collections.podreach.gke.tests.integration.playbooks import PATHS, Playbooks, task
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

OWN = ("172.16.0.0/16", "10.1.0.0/16")
PEER, TARGET = "10.2.0.0/16", "10.2.0.1"
ANNOTATION = "podreach.gke/masquerade"
ALLOWED: Json = {"allow_disruption": True}
#: the lab's agent runs as GKE's: it keeps private and reserved ranges
DERIVED = [
    "10.0.0.0/15",
    "10.3.0.0/16",
    "10.4.0.0/14",
    "10.8.0.0/13",
    "10.16.0.0/12",
    "10.32.0.0/11",
    "10.64.0.0/10",
    "10.128.0.0/9",
    "100.64.0.0/10",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "240.0.0.0/4",
]


def built(lab: Lab, scratch: pathlib.Path, pods: str = OWN[0], **cluster: t.Any) -> Site:
    """The surroundings of the story, and a cluster of two nodes in them."""
    lab.reset()
    lab.preset("peered-project")
    api = Api(lab)
    body: Json = {"name": "c1", "network": "my-network", "subnetwork": "my-subnet", "initialNodeCount": 2, **cluster}
    if "autopilot" not in cluster and "ipAllocationPolicy" not in cluster:
        body |= {"clusterIpv4Cidr": pods, "ipAllocationPolicy": {"useRoutes": True}}
    api.post(CLUSTERS, {"cluster": body})
    found = api.get(f"{CLUSTERS}/c1")
    assert found is not None
    return Site(lab, api, Kube(found, lab.token(), scratch), found, scratch, Playbooks(lab, scratch))


@pytest.fixture
def site(lab: Lab, tmp_path: pathlib.Path) -> Site:
    return built(lab, tmp_path)


def masq(name: str, options: Json, **keywords: t.Any) -> Json:
    return task(name, "masquerade", {**CLUSTER, "timeout": 20, **options}, **keywords)


def config_map(site: Site) -> Json | None:
    return site.kube.get("ConfigMap", "ip-masq-agent", "kube-system")


def theirs(site: Site, text: str, key: str = "config", **metadata: t.Any) -> None:
    """Somebody writes the ConfigMap as they like it."""
    metadata = {"name": "ip-masq-agent", "namespace": "kube-system", **metadata}
    site.kube.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {key: text}})


def entries(site: Site) -> list[str]:
    found = config_map(site)
    return [] if found is None else yaml.safe_load(found["data"]["config"])["nonMasqueradeCIDRs"]


# ---- create, modify and delete, each in check mode, for real, again

STEPS: tuple[tuple[str, Json], ...] = (
    ("create", {"masquerade": [PEER], **ALLOWED}),
    ("modify", {"masquerade": [PEER], "keep": ["8.8.8.0/24"], "resync_interval": "30s", **ALLOWED}),
    ("exact", {"non_masquerade_cidrs": list(OWN), "resync_interval": "30s", **ALLOWED}),
    ("delete", {"state": "absent"}),
)


@pytest.mark.parametrize("path", PATHS)
def test_create_modify_delete(site: Site, path: str) -> None:
    tasks = [
        masq(f"{verb}-{how}", options, **keywords)
        for verb, options in STEPS
        for how, keywords in (("check", {"check_mode": True}), ("real", {}), ("again", {}))
    ]
    before = site.lab.seq()
    done = site.run(*tasks, path=path, arguments=["--diff"])
    for verb, _options in STEPS:
        check, real, again = (done[f"{verb}-{how}"] for how in ("check", "real", "again"))
        for record, changes in ((check, True), (real, True), (again, False)):
            assert ok(record)["changed"] is changes, (record.task, record.result)
        assert check.result["plan"] == real.result["plan"] != []
        assert check.result["diff"] == real.result["diff"]
        assert again.result["config"] == real.result["config"] == check.result["config"]
    created = done["create-real"].result
    assert created["non_masquerade_cidrs"] == created["owned_cidrs"] == DERIVED
    assert created["now_masqueraded"] == [PEER]
    assert created["now_kept"] == []
    assert created["plan"][0]["grade"] == "disruptive"
    assert created["in_force"]["seen"] is None
    assert created["in_force"]["at_latest"] is not None
    modified = done["modify-real"].result
    assert modified["now_kept"] == ["8.8.8.0/24"]
    assert modified["resync_seconds"] == 30
    assert done["exact-real"].result["non_masquerade_cidrs"] == [*OWN]
    assert done["delete-real"].result["now_kept"][0] == "10.0.0.0/16"
    assert config_map(site) is None
    methods = [item["method"] for item in site.lab.mutating(before)]
    assert methods == ["POST", "PATCH", "PATCH", "DELETE"]
    assert bool(done.processes) == (path == "module")


def test_paths_agree(lab: Lab, tmp_path: pathlib.Path) -> None:
    results = []
    for path in PATHS:
        scratch = tmp_path / path
        scratch.mkdir()
        one = built(lab, scratch)
        tasks = [masq(verb, options) for verb, options in STEPS] + [masq("bad", {"keep": ["10.0.0.1/8"]})]
        done = one.run(*tasks, path=path)
        for record in done.records:
            record.result.pop("in_force", None)
        results.append([record.result for record in done.records])
    assert results[0] == results[1]


# ---- with others

THEIRS = "# ours, do not touch\nnonMasqueradeCIDRs:\n  - 172.16.0.0/16   # pods\n  - 10.1.0.0/16\n  - 10.0.0.0/8\n"


def test_what_others_wrote_stays_to_the_letter(site: Site) -> None:
    theirs(site, THEIRS)
    done = site.run(
        masq("there already", {"non_masquerade_cidrs": [*OWN]}),
        masq("more", {"non_masquerade_cidrs": ["192.168.0.0/16"], **ALLOWED}),
        masq("more again", {"non_masquerade_cidrs": ["192.168.0.0/16"]}),
    )
    assert ok(done["there already"])["changed"] is False
    assert done["there already"].result["config"] == THEIRS
    assert ok(done["more"])["owned_cidrs"] == ["192.168.0.0/16"]
    assert done["more"].result["non_masquerade_cidrs"] == [*OWN, "10.0.0.0/8", "192.168.0.0/16"]
    assert any("its comments go" in text for text in done["more"].result["warnings"])
    assert ok(done["more again"])["changed"] is False
    done = site.run(masq("gone", {"state": "absent"}))
    assert ok(done["gone"])["changed"] is True
    found = config_map(site)
    assert found is not None
    assert found["data"]["config"] == THEIRS
    assert ANNOTATION not in found["metadata"].get("annotations", {})


@pytest.mark.parametrize("path", PATHS)
def test_an_entry_of_others_gives_way_only_when_adopted(site: Site, path: str) -> None:
    theirs(site, THEIRS)
    done = site.run(
        masq("refused", {"masquerade": [PEER], **ALLOWED}),
        masq("adopted", {"masquerade": [PEER], "adopt": True, **ALLOWED}),
        masq("again", {"masquerade": [PEER]}),
        masq("gone", {"state": "absent"}),
        path=path,
    )
    assert "10.0.0.0/8 in the list was put there by somebody else" in failed(done["refused"])
    adopted = ok(done["adopted"])
    assert adopted["now_masqueraded"] == [PEER]
    assert adopted["non_masquerade_cidrs"][:2] == [*OWN]
    assert "10.0.0.0/8" not in adopted["non_masquerade_cidrs"]
    assert ok(done["again"])["changed"] is False
    assert ok(done["gone"])["config"] == THEIRS


def test_ten_alternating_runs_with_another_owner(site: Site) -> None:
    theirs(site, json.dumps({"nonMasqueradeCIDRs": [*OWN], "theirKey": {"a": 1}}))
    for turn in range(10):
        current = config_map(site)
        assert current is not None
        values = json.loads(current["data"]["config"])
        values["nonMasqueradeCIDRs"].append(f"192.168.{turn}.0/24")
        metadata = {key: current["metadata"][key] for key in ("annotations",) if key in current["metadata"]}
        theirs(site, json.dumps(values), **metadata)
        mine = [f"10.{number}.0.0/16" for number in range(10, 11 + turn)]
        team = {"owner": "team", "non_masquerade_cidrs": ["10.10.0.0/16", f"10.{100 + turn}.0.0/16"]}
        done = site.run(masq("mine", {"non_masquerade_cidrs": mine, **ALLOWED}), masq("team", {**team, **ALLOWED}))
        assert ok(done["mine"])["changed"] is True
        assert ok(done["team"])["changed"] is True
        now = set(entries(site))
        assert {*OWN, *mine, *(f"192.168.{number}.0/24" for number in range(turn + 1))} <= now
        assert f"10.{100 + turn}.0.0/16" in now
        assert f"10.{99 + turn}.0.0/16" not in now
    done = site.run(masq("mine gone", {"state": "absent"}))
    assert ok(done["mine gone"])["changed"] is True
    # the other owner wants it still
    assert "10.10.0.0/16" in entries(site)
    done = site.run(masq("team gone", {"state": "absent", "owner": "team"}))
    assert entries(site) == [*OWN, *(f"192.168.{number}.0/24" for number in range(10))]
    found = config_map(site)
    assert found is not None
    assert json.loads(found["data"]["config"])["theirKey"] == {"a": 1}


def test_a_setting_has_one_owner(site: Site) -> None:
    done = site.run(
        masq("mine", {"resync_interval": "30s"}),
        masq("theirs", {"resync_interval": "20s", "owner": "team"}),
        masq("same", {"resync_interval": "0.5m", "owner": "team"}),
        masq("metadata", {"masq_link_local": True}),
        masq("gone", {"state": "absent"}),
    )
    assert ok(done["mine"])["plan"][0]["grade"] == "safe"
    assert done["mine"].result["non_masquerade_cidrs"][0] == "10.0.0.0/8"
    assert "the owner podreach.gke has set it to 30s" in failed(done["theirs"])
    assert ok(done["same"])["changed"] is False
    assert "allow_disruption: true" in failed(done["metadata"])
    assert "169.254.0.0/16" in failed(done["metadata"])
    assert ok(done["gone"])["changed"] is True
    assert config_map(site) is None


def test_another_writer_in_between(site: Site) -> None:
    theirs(site, THEIRS)
    site.lab.fault(path="/configmaps/ip-masq-agent$", method="PATCH", status=409, reason="Conflict", count=1)
    done = site.run(masq("more", {"non_masquerade_cidrs": ["192.168.0.0/16"], **ALLOWED}))
    assert ok(done["more"])["changed"] is True


# ---- what has no effect, and what the agent would not take


@pytest.mark.parametrize("path", PATHS)
def test_without_an_agent(lab: Lab, tmp_path: pathlib.Path, path: str) -> None:
    site = built(lab, tmp_path, "10.96.0.0/16")
    done = site.run(
        masq("real", STEPS[0][1]),
        masq("check", STEPS[0][1], check_mode=True),
        masq("absent", {"state": "absent"}),
        path=path,
    )
    for name in ("real", "check"):
        assert "would have no effect (masq-no-agent)" in failed(done[name])
        assert done[name].result["error"]["code"] == "masq-no-agent"
    assert ok(done["absent"])["changed"] is False
    assert config_map(site) is None


@needs_packets
@pytest.mark.parametrize("path", PATHS)
def test_an_agent_of_ours(lab: Lab, tmp_path: pathlib.Path, path: str) -> None:
    site = built(lab, tmp_path, "10.96.0.0/16")
    found = pod(site)
    own, node = found["status"]["podIP"], found["status"]["hostIP"]
    asked = {**STEPS[0][1], "deploy_agent": True, "timeout": 40}
    done = site.run(masq("check", asked, check_mode=True), masq("real", asked), masq("again", asked), path=path)
    assert [step["summary"] for step in ok(done["real"])["plan"]] == [
        "create ConfigMap kube-system/ip-masq-agent: masquerade toward 10.2.0.0/16",
        "create DaemonSet kube-system/ip-masq-agent",
    ]
    assert ok(done["check"])["plan"] == done["real"].result["plan"]
    assert done["real"].result["in_force"]["seen"] is True
    assert done["real"].result["now_masqueraded"] == [PEER]
    assert ok(done["again"])["changed"] is False
    assert source_seen(site, TARGET) == node
    assert source_seen(site, "10.1.0.9") == own
    done = site.run(
        masq("kept", {"state": "absent"}, check_mode=True),
        masq("gone", {"state": "absent", "deploy_agent": True}),
        masq("gone again", {"state": "absent", "deploy_agent": True}),
        path=path,
    )
    assert len(ok(done["kept"])["plan"]) == 1
    assert [step["action"] for step in ok(done["gone"])["plan"]] == ["delete", "delete"]
    assert ok(done["gone again"])["changed"] is False
    assert site.kube.get("DaemonSet", "ip-masq-agent", "kube-system") is None
    assert source_seen(site, TARGET) == own


def test_an_agent_of_others_is_left_alone(site: Site) -> None:
    before = site.kube.get("DaemonSet", "ip-masq-agent", "kube-system")
    assert before is not None
    done = site.run(
        masq("real", {**STEPS[0][1], "deploy_agent": True}), masq("gone", {"state": "absent", "deploy_agent": True})
    )
    assert len(ok(done["real"])["plan"]) == len(ok(done["gone"])["plan"]) == 1
    after = site.kube.get("DaemonSet", "ip-masq-agent", "kube-system")
    assert after is not None
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["spec"] == before["spec"]


def test_default_snat_disabled(lab: Lab, tmp_path: pathlib.Path) -> None:
    native: Json = {"useIpAliases": True, "clusterIpv4CidrBlock": "10.96.0.0/16"}
    nodes: Json = {"enablePrivateNodes": True, "masterIpv4CidrBlock": "172.31.0.0/28"}
    disabled = {"defaultSnatStatus": {"disabled": True}}
    site = built(lab, tmp_path, ipAllocationPolicy=native, privateClusterConfig=nodes, networkConfig=disabled)
    message = failed(site.run(masq("real", STEPS[0][1]))["real"])
    assert "default SNAT disabled, so pods keep their own addresses toward everything" in message


def authority(cluster: Json, scratch: pathlib.Path) -> pathlib.Path:
    path = scratch / "ca.pem"
    path.write_bytes(base64.b64decode(cluster["masterAuth"]["clusterCaCertificate"]))
    return path


def test_by_address_the_ranges_are_given(site: Site) -> None:
    host = {"cluster": None, "location": None, "host": site.kube.url, "api_key": site.lab.token()}
    host["ca_cert"] = str(authority(site.cluster, site.scratch))
    done = site.run(
        masq("not said", {**STEPS[0][1], **host}),
        masq("said", {**STEPS[0][1], **host, "cluster_ranges": [*OWN]}),
    )
    assert "give its pod, node and Services ranges as cluster_ranges" in failed(done["not said"])
    assert ok(done["said"])["non_masquerade_cidrs"] == DERIVED


def test_a_wrong_key_is_named(site: Site) -> None:
    theirs(site, THEIRS, key="ip-masq-config")
    done = site.run(masq("right", STEPS[0][1]), masq("gone", {"state": "absent"}))
    warned = " ".join(ok(done["right"])["warnings"])
    assert "its key 'ip-masq-config' holds a configuration" in warned
    assert "masq-wrong-key" in warned
    found = config_map(site)
    assert found is not None
    assert found["data"] == {"ip-masq-config": THEIRS}


def test_what_the_agent_does_not_take(site: Site) -> None:
    theirs(site, "nonMasqueradeCIDRs: [10.1.0.1/16]\n")
    done = site.run(masq("there", STEPS[0][1]))
    assert 'CIDR "10.1.0.1/16" is not aligned to a CIDR block' in failed(done["there"])
    assert done["there"].result["error"]["code"] == "masq-rejected"
    theirs(site, "nonMasqueradeCIDR: [10.0.0.0/8]\n")
    many = [f"10.{number}.0.0/16" for number in range(65)]
    done = site.run(
        masq("many", {"non_masquerade_cidrs": many, **ALLOWED}),
        masq("misspelt", {"non_masquerade_cidrs": [*OWN], **ALLOWED}),
    )
    assert "the daemon can only accept up to 64 CIDRs" in failed(done["many"])
    assert any("nonMasqueradeCIDRs may be meant" in text for text in ok(done["misspelt"])["warnings"])


def test_ranges_of_its_own_that_are_missing(site: Site) -> None:
    done = site.run(masq("bare", {"non_masquerade_cidrs": ["10.3.0.0/16"], **ALLOWED}, check_mode=True))
    warned = " ".join(ok(done["bare"])["warnings"])
    assert "172.16.0.0/16, the cluster's pod range" in warned
    assert "masq-pod-range-missing" in warned
    assert "10.1.0.0/16, the cluster's node range" in warned


BAD: tuple[tuple[str, Json, str], ...] = (
    ("nothing", {}, "nothing is asked for"),
    ("both", {"non_masquerade_cidrs": [], "keep": []}, "mutually exclusive"),
    ("bits", {"masquerade": ["10.2.0.1/16"]}, "masquerade[0]: '10.2.0.1/16' is no range: write 10.2.0.0/16"),
    ("bare", {"keep": ["10.2.0.1"]}, "keep[0]: '10.2.0.1' has no mask: write 10.2.0.1/32"),
    ("six", {"keep": ["fc00::/7"]}, "is a range of IPv6"),
    ("six unwanted", {"non_masquerade_cidrs": ["fc00::/7"], **ALLOWED}, "ipv6 is not enabled"),
    ("number", {"resync_interval": "60"}, "missing unit"),
    ("never", {"resync_interval": "0s"}, "is no time"),
    ("own", {"masquerade": ["172.16.3.0/24"]}, "is in 172.16.0.0/16, the cluster's pod range"),
    ("contrary", {"masquerade": [PEER], "keep": [PEER]}, "it can be one only"),
    ("rest", {"unmentioned": "masquerade", "resync_interval": "5s"}, "unmentioned: it needs keep or masquerade"),
    ("unsaid", {"masquerade": [PEER]}, "allow_disruption: true"),
)


@pytest.mark.parametrize("path", PATHS)
def test_bad_calls(site: Site, path: str) -> None:
    done = site.run(*(masq(name, options) for name, options, _message in BAD), path=path)
    for name, _options, message in BAD:
        assert message in failed(done[name]), name
    assert len({record.mutations for record in done.records}) == 1


def test_a_cluster_that_is_to_come(site: Site) -> None:
    later = {"cluster": "later", **STEPS[0][1]}
    done = site.run(masq("check", later, check_mode=True), masq("real", later))
    assert ok(done["check"])["changed"] is True
    assert "does not exist" in failed(done["real"])


# ---- in force


def talkative(site: Site) -> None:
    """An agent that says which configuration it uses."""
    found = site.kube.get("DaemonSet", "ip-masq-agent", "kube-system")
    assert found is not None
    found["spec"]["template"]["spec"]["containers"][0]["args"].append("--v=2")
    site.kube.put(found)

    def ready() -> bool:
        pods = [pod for pod in site.kube.items("Pod", "kube-system") if pod["metadata"]["name"].startswith("ip-masq")]
        logs = [site.kube.agent_log(pod["spec"]["nodeName"]) for pod in pods]
        return len(pods) == 2 and all("using default values" in log for log in logs)

    site.kube.wait("the agents run anew", ready)


@pytest.mark.parametrize("path", PATHS)
def test_it_waits_until_the_agents_use_it(site: Site, path: str) -> None:
    talkative(site)
    done = site.run(masq("real", STEPS[0][1]), path=path)
    assert ok(done["real"])["in_force"] == {"seen": True, "at_latest": None}


def test_the_examples_run(site: Site) -> None:
    tasks: list[Json] = yaml.safe_load(masquerade.EXAMPLES)
    for one in tasks:
        one["podreach.gke.masquerade"] |= CLUSTER
    done = site.run(*tasks)
    for record in done.records:
        assert ok(record)["changed"] is True, record.task


# ---- packets


def pod(site: Site) -> Json:
    container = {"name": "c", "image": "curlimages/curl", "command": ["sleep", "infinity"]}
    metadata = {"name": "my-pod", "namespace": "default"}
    return site.kube.running_pod(
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}
    )


def source_seen(site: Site, destination: str) -> str:
    """With which address a packet of the pod to a destination comes into the network."""
    answer = site.lab.trace("my-pod", destination)
    return next(hop["source"] for hop in answer["request"]["hops"] if hop["at"].startswith("network "))


@needs_packets
def test_the_peered_project_is_reached_from_the_nodes(site: Site) -> None:
    found = pod(site)
    own, node = found["status"]["podIP"], found["status"]["hostIP"]

    def page(address: str) -> str:
        return site.lab.exec("my-pod", "curl", "--silent", "--max-time", "2", f"http://{address}/health").stdout.strip()

    assert page(TARGET) == ""
    assert ok(site.run(masq("real", STEPS[0][1]))["real"])["changed"] is True
    assert page(TARGET) == page("10.1.0.9") == "OK"
    assert source_seen(site, TARGET) == node
    assert source_seen(site, "10.1.0.9") == own
    assert ok(site.run(masq("gone", {"state": "absent"}))["gone"])["changed"] is True
    assert page(TARGET) == ""
