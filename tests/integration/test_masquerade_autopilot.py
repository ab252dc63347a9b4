# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules `masquerade` and `masquerade_info` in an Autopilot cluster of the lab, and its packets, by both paths."""

from __future__ import annotations

import pathlib
import typing as t

from ansible_collections.podreach.gke.tests.golden.packets.kube import Kube
from ansible_collections.podreach.gke.tests.integration.api import Api, Json
from ansible_collections.podreach.gke.tests.integration.kubernetes_site import CLUSTERS, Site, failed, needs_packets, ok
from ansible_collections.podreach.gke.tests.integration.playbooks import PATHS, Playbooks, task
from ansible_collections.podreach.gke.tests.integration.test_masquerade import (
    ALLOWED,
    ANNOTATION,
    PEER,
    TARGET,
    authority,
    pod,
    source_seen,
)
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

NAMED: Json = {"environment": "lab", "cluster": "auto", "location": "asia-northeast1"}
THEIRS, MINE = "theirs", "podreach.gke"


def built(lab: Lab, scratch: pathlib.Path) -> Site:
    lab.reset()
    lab.preset("peered-project")
    api = Api(lab)
    parent = CLUSTERS.replace("asia-northeast1-a", "asia-northeast1")
    body = {"name": "auto", "network": "my-network", "subnetwork": "my-subnet", "autopilot": {"enabled": True}}
    api.post(parent, {"cluster": body})
    found = api.get(f"{parent}/auto")
    assert found is not None
    return Site(lab, api, Kube(found, lab.token(), scratch), found, scratch, Playbooks(lab, scratch))


def masq(name: str, options: Json, **keywords: t.Any) -> Json:
    return task(name, "masquerade", {**NAMED, "timeout": 20, **options}, **keywords)


def specs(site: Site) -> dict[str, Json]:
    """The policies, with what our annotation says."""
    return {
        item["metadata"]["name"]: {"spec": item["spec"], **(item["metadata"].get("annotations") or {})}
        for item in site.kube.items("EgressNATPolicy")
    }


def write(site: Site, name: str, *cidrs: str) -> None:
    """Somebody writes a policy as they like it."""
    spec = {"action": "NoSNAT", "destinations": [{"cidr": cidr} for cidr in cidrs]}
    item = {"apiVersion": "networking.gke.io/v1", "kind": "EgressNATPolicy", "metadata": {"name": name}, "spec": spec}
    site.kube.put(item)


STEPS: tuple[tuple[str, Json], ...] = (
    ("create", {"masquerade": [PEER], **ALLOWED}),
    ("modify", {"masquerade": [PEER], "keep": ["8.8.8.0/24"], **ALLOWED}),
    ("exact", {"non_masquerade_cidrs": ["192.168.0.0/16", "8.8.4.0/24"], **ALLOWED}),
    ("delete", {"state": "absent"}),
)


def test_create_modify_delete(lab: Lab, tmp_path: pathlib.Path) -> None:
    site = built(lab, tmp_path)
    write(site, THEIRS, "9.0.0.0/8")
    at_first = specs(site)
    results = {}
    for path in PATHS:
        # each task of the module's own path is a process: the first and the last step tell enough of it
        steps = STEPS if path == "in-process" else (STEPS[0], STEPS[-1])
        tasks = [
            masq(f"{verb}-{how}", options, **keywords)
            for verb, options in steps
            for how, keywords in (("check", {"check_mode": True}), ("real", {}), ("again", {}))
        ]
        before = lab.seq()
        done = site.run(*tasks, path=path, arguments=["--diff"])
        assert bool(done.processes) == (path == "module")
        results[path] = {record.task: record.result for record in done.records}
        for verb, _options in steps:
            check, real, again = (done[f"{verb}-{how}"] for how in ("check", "real", "again"))
            for record, changes in ((check, True), (real, True), (again, False)):
                assert ok(record)["changed"] is changes, (record.task, record.result)
            assert check.result["plan"] == real.result["plan"] != []
            assert check.result["diff"] == real.result["diff"]
            for key in ("non_masquerade_cidrs", "owned_cidrs"):
                assert sorted(check.result[key]) == sorted(real.result[key]) == sorted(again.result[key])
        created = done["create-real"].result
        assert [(step["action"], step["grade"]) for step in created["plan"]] == [
            ("create", "safe"),
            ("update", "disruptive"),
        ]
        assert created["plan"][1]["summary"] == (
            f"take 10.0.0.0/8 out of EgressNATPolicy default: masquerade toward {PEER}"
        )
        assert (created["now_masqueraded"], created["now_kept"]) == ([PEER], [])
        # all is as it was, what others wrote among that
        assert specs(site) == at_first
        methods = [item["method"] for item in lab.mutating(before)]
        assert methods == ["POST", *["PATCH"] * (5 if path == "in-process" else 2), "DELETE"]
    assert results["in-process"]["modify-real"]["now_kept"] == ["8.8.8.0/24"]
    assert results["in-process"]["exact-real"]["owned_cidrs"] == ["8.8.4.0/24"]
    for name in ("create-check", "create-real", "create-again"):
        assert results["module"][name] == results["in-process"][name]


def test_with_others(lab: Lab, tmp_path: pathlib.Path) -> None:
    site = built(lab, tmp_path)
    write(site, THEIRS, "10.0.0.0/14", "9.0.0.0/8")
    host = {"environment": "lab", "host": site.kube.url, "api_key": lab.token()}
    host["ca_cert"] = str(authority(site.cluster, tmp_path))
    asked: Json = {"masquerade": [PEER]}
    # somebody else is faster once
    lab.fault(path=f"/egressnatpolicies/{THEIRS}$", method="PATCH", status=409, reason="Conflict", count=1)
    done = site.run(
        masq("theirs", {**asked, **ALLOWED}),
        masq("unsaid", {**asked, "adopt": True}),
        masq("for the agent", {**asked, "deploy_agent": True, "resync_interval": "30s", "masq_link_local": False}),
        task("ranges", "masquerade", {**host, **asked, **ALLOWED}),
        masq("adopted", {**asked, "adopt": True, **ALLOWED}),
        task("by address", "masquerade", {**host, **asked, "cluster_ranges": ["10.1.0.0/16"]}),
        task("info", "masquerade_info", {**NAMED, "destinations": [PEER, "10.3.0.1", "10.0.0.0/8", "8.8.8.8"]}),
        masq("gone", {"state": "absent"}),
    )
    assert "10.0.0.0/14 in EgressNATPolicy theirs was put there by somebody else" in failed(done["theirs"])
    assert "allow_disruption: true" in failed(done["unsaid"])
    for option in ("deploy_agent", "resync_interval", "masq_link_local"):
        assert f"{option}: this is an Autopilot cluster" in failed(done["for the agent"])
    assert done["for the agent"].result["error"]["code"] == "masq-wrong-mode"
    assert "give its pod, node and Services ranges as cluster_ranges" in failed(done["ranges"])
    assert ok(done["adopted"])["now_masqueraded"] == [PEER]
    assert ok(done["by address"])["changed"] is False
    info = ok(done["info"])
    assert (info["mode"], info["source"]) == ("autopilot", "policies")
    assert [one["seen_as"] for one in info["destinations"]] == ["node", "pod", "both", "node"]
    assert {"10.3.0.0/16", "9.0.0.0/8"} <= {*info["non_masquerade_cidrs"]}
    assert ok(done["gone"])["changed"] is True
    assert [one["cidr"] for one in specs(site)[THEIRS]["spec"]["destinations"]] == ["10.0.0.0/14", "9.0.0.0/8"]
    assert all(ANNOTATION not in one for one in specs(site).values())


@needs_packets
def test_packets(lab: Lab, tmp_path: pathlib.Path) -> None:
    site = built(lab, tmp_path)
    found = pod(site)
    own, node = found["status"]["podIP"], found["status"]["hostIP"]
    asked = {"masquerade": [PEER], "keep": ["8.8.8.0/24"], **ALLOWED}
    outside = "8.8.8.8"

    def seen() -> list[str]:
        return [source_seen(site, TARGET), source_seen(site, "10.1.0.9"), source_seen(site, outside)]

    assert seen() == [own, own, node]
    assert ok(site.run(masq("real", asked))["real"])["changed"] is True
    assert seen() == [node, own, own]
    assert ok(site.run(masq("gone", {"state": "absent"}))["gone"])["changed"] is True
    assert seen() == [own, own, node]
