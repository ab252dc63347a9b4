# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module `masquerade_info` against the lab's clusters, by both paths. What it says of what is by table, in unit."""

from __future__ import annotations

import pathlib

import yaml

from ansible_collections.podreach.gke.plugins.modules import masquerade_info
from ansible_collections.podreach.gke.tests.integration.kubernetes_site import CLUSTER, failed, ok
from ansible_collections.podreach.gke.tests.integration.playbooks import PATHS, task
from ansible_collections.podreach.gke.tests.integration.test_masquerade import (
    OWN,
    PEER,
    STEPS,
    THEIRS,
    authority,
    built,
    config_map,
    masq,
    theirs,
)
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

INFO = {**CLUSTER, "destinations": [PEER, "10.2.0.1", "8.8.8.8"]}


def test_what_is_said(lab: Lab, tmp_path: pathlib.Path) -> None:
    site = built(lab, tmp_path)
    host = {"environment": "lab", "host": site.kube.url, "api_key": lab.token()}
    host["ca_cert"] = str(authority(site.cluster, tmp_path))
    tasks = [
        task("named", "masquerade_info", INFO),
        task("check", "masquerade_info", INFO, check_mode=True),
        task("by address", "masquerade_info", {**host, "destinations": [PEER]}),
        task("later", "masquerade_info", {**INFO, "cluster": "later"}, check_mode=True),
        task("never", "masquerade_info", {**INFO, "cluster": "later"}),
        task("bad", "masquerade_info", {**INFO, "destinations": ["10.2.0.1/16"]}),
    ]
    before = lab.seq()
    results = []
    for path in PATHS:
        done = site.run(*(tasks if path == "in-process" else [tasks[0], tasks[-1]]), path=path)
        assert bool(done.processes) == (path == "module")
        named = ok(done["named"])
        assert "destinations[0]: '10.2.0.1/16' is no range: write 10.2.0.0/16" in failed(done["bad"])
        results.append([named, done["bad"].result])
        if path == "module":
            continue
        assert named == done["check"].result
        assert (named["mode"], named["source"]) == ("standard", "default")
        assert named["agent"] == {"deployed": True, "ready": True}
        assert named["non_masquerade_cidrs"][0] == "10.0.0.0/8"
        assert named["cluster_ranges"]["pods"] + named["cluster_ranges"]["nodes"] == [*OWN]
        assert [one["seen_as"] for one in named["destinations"]] == ["pod", "pod", "node"]
        assert (named["findings"], named["in_force"]) == ([], None)
        by_address = ok(done["by address"])
        assert by_address["cluster_ranges"] == {"pods": [], "nodes": [], "services": []}
        assert by_address["destinations"] == [{"destination": PEER, "seen_as": "pod"}]
        assert (ok(done["later"])["mode"], done["later"].result["source"]) == (None, "unknown")
        assert "does not exist" in failed(done["never"])
    assert results[0] == results[1]
    assert lab.mutating(before) == []
    # what the module masquerade does, and what somebody else writes
    done = site.run(masq("set", STEPS[0][1]), task("after", "masquerade_info", INFO))
    after = ok(done["after"])
    assert after["source"] == "config_map"
    assert after["non_masquerade_cidrs"] == ok(done["set"])["non_masquerade_cidrs"]
    assert [one["seen_as"] for one in after["destinations"]] == ["unknown"] * 3, "not known before it is in force"
    assert [one["code"] for one in after["findings"]] == ["masq-resync-pending"]
    assert 130 < after["in_force"]["seconds_left"] <= 150
    assert config_map(site) is not None
    theirs(site, THEIRS, key="ip-masq-config")
    examples = yaml.safe_load(masquerade_info.EXAMPLES)
    examples[0]["podreach.gke.masquerade_info"] |= CLUSTER
    done = site.run(*examples)
    assert [one["code"] for one in ok(done.records[0])["findings"]] == ["masq-wrong-key"]
    assert "holds a configuration" in failed(done.records[1])
