# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role verify on the way from pods of a routes-based cluster to a peered project: what fails, why, every mend."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.golden.packets.kube import Kube
from ansible_collections.podreach.gke.tests.integration.api import COMPUTE, Api, Json
from ansible_collections.podreach.gke.tests.integration.kubernetes_site import CLUSTER, CLUSTERS, needs_packets
from ansible_collections.podreach.gke.tests.integration.playbooks import Playbooks, task
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

THERE = "/compute/v1/projects/podreach-peer"
EXPORT, IMPORT = "peering-export-off", "peering-import-off"
FROM: Json = {**{key: CLUSTER[key] for key in ("cluster", "location")}, "timeout": 40}
TARGET = "http://10.2.0.1/"
POD: Json = {**FROM, "name": "pod", "kind": "http", "url": TARGET, "source_url": TARGET}
NODE: Json = {**POD, "name": "node", "host_network": True}
#: for one that gets no answer, so that nobody waits long for it
SHORT: Json = {**POD, "probe_timeout": 1}
#: nobody has this address of the target's subnetwork
NOBODY: Json = {**FROM, "name": "nobody", "kind": "icmp", "target": "10.2.128.99", "count": 1, "probe_timeout": 1}
LIST = "nonMasqueradeCIDRs: [172.16.0.0/16, 10.1.0.0/16]\n"
#: The lab's agents then take up a list after 7.5 s: a first try of SHORT comes before that.
SLOW: Json = {"profile": "fast", "scale": 50}
MASQUERADE: Json = {
    **{key: CLUSTER[key] for key in ("cluster", "location")},
    "environment": "lab",
    "masquerade": ["10.2.0.0/16"],
    "adopt": True,
    "allow_disruption": True,
}


@dataclasses.dataclass
class Site:
    lab: Lab
    api: Api
    kube: Kube
    playbooks: Playbooks

    def peering(self, where: str, network: str, name: str, **flags: bool) -> None:
        self.api.patch(f"{where}/global/networks/{network}/updatePeering", {"networkPeering": {"name": name, **flags}})

    def config_map(self, key: str, text: str = LIST) -> None:
        """Somebody writes the agent's list, and nothing else is in the ConfigMap."""
        path = "api/v1/namespaces/kube-system/configmaps"
        self.kube.request("DELETE", f"{path}/ip-masq-agent")
        metadata = {"name": "ip-masq-agent", "namespace": "kube-system"}
        self.kube.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {key: text}})

    def verify(self, *flows: Json, first: t.Sequence[Json] = (), **more: t.Any) -> tuple[Json, list[str]]:
        """The report, and the role's tasks that ran, after the ones that come first."""
        self.lab.settle()
        inputs = {"environment": "lab", "vpn": False, "fail": False, "flows": list(flows), **more}
        role = {"role": "podreach.gke.verify", "vars": {f"verify_{name}": value for name, value in inputs.items()}}
        run = self.playbooks.run({"hosts": "all", "gather_facts": False, "pre_tasks": list(first), "roles": [role]})
        assert run.rc == 0, run.output
        report = run["podreach.gke.verify : Make the report"].result["ansible_facts"]["verify_report"]
        ran = [record.task for record in run.records if record.status != "skipped" and " : " in record.task]
        return t.cast(Json, report), ran


def flows(report: Json) -> dict[str, str]:
    """What came of each flow; an address that was seen is left out."""
    found = {}
    for row in report["rows"]:
        _expected, _comma, more = row["detail"].partition("expected reachable")
        found[row["name"]] = row["state"] + (" as " + more.partition("(")[2].rstrip(")") if "seen as" in more else "")
    return found


@pytest.fixture
def site(lab: Lab, playbooks: Playbooks, tmp_path_factory: pytest.TempPathFactory) -> Site:
    lab.preset("peered-project")
    api = Api(lab)
    body: Json = {"name": "c1", "network": "my-network", "subnetwork": "my-subnet", "initialNodeCount": 1}
    api.post(
        CLUSTERS, {"cluster": {**body, "clusterIpv4Cidr": "172.16.0.0/16", "ipAllocationPolicy": {"useRoutes": True}}}
    )
    found = api.get(f"{CLUSTERS}/c1")
    assert found is not None
    return Site(lab, api, Kube(found, lab.token(), tmp_path_factory.mktemp("kube")), playbooks)


@needs_packets
def test_every_cause_and_every_mend(site: Site) -> None:
    """The node gets through all the time; the pod by both flags together, or by a list that the agent reads."""
    report, _ran = site.verify(SHORT, NODE)
    assert report["causes"] == [EXPORT, IMPORT, "masq-default-keeps-pod-ip", "flow-unreachable"]
    assert flows(report) == {"pod": "unreachable", "node": "reachable as its node"}
    assert "my-network does not export custom routes in its peering my-to-target" in report["message"]
    assert "target-network does not import custom routes in its peering target-to-my" in report["message"]
    assert "keep their own addresses toward 10.2.0.1, for the built-in list has 10.0.0.0/8" in report["message"]
    assert report["warnings"] == []

    site.peering(COMPUTE, "my-network", "my-to-target", exportCustomRoutes=True)
    report, _ran = site.verify(SHORT)
    assert report["causes"] == [IMPORT, "masq-default-keeps-pod-ip", "flow-unreachable"]

    site.peering(THERE, "target-network", "target-to-my", importCustomRoutes=True)
    report, _ran = site.verify(POD, NODE, NOBODY)
    assert flows(report) == {
        "pod": "reachable as the pod itself",
        "node": "reachable as its node",
        "nobody": "unreachable",
    }
    assert (report["causes"], report["warnings"]) == (["flow-unreachable"], []), "of nobody no cause is known"

    site.peering(COMPUTE, "my-network", "my-to-target", exportCustomRoutes=False)
    site.config_map("ip-masq-config")
    report, _ran = site.verify(SHORT)
    assert report["causes"] == [EXPORT, "masq-wrong-key", "flow-unreachable"]
    assert "its key 'ip-masq-config' holds a configuration" in report["message"]

    site.config_map("config")
    report, ran = site.verify(POD, NODE)
    assert (report["proven"], report["causes"]) == (True, [])
    assert flows(report) == {"pod": "reachable as its node", "node": "reachable as its node"}
    assert len([name for name in ran if "Validating" not in name]) == 3, "the causes are looked for where a flow fails"

    # what was taken away and comes again is not in force at once
    site.config_map("config", "nonMasqueradeCIDRs: [10.0.0.0/8, 172.16.0.0/12]\nresyncInterval: 1s\n")
    report, _ran = site.verify(SHORT, masquerade_timeout=1)
    assert report["causes"] == [EXPORT, "masq-resync-pending", "flow-unreachable"]
    assert "tried again while masquerading was not in force" in report["rows"][0]["detail"]
    site.lab.admin("POST", "latency", SLOW)
    try:
        report, ran = site.verify(SHORT, NODE, first=[task("masquerade", "masquerade", MASQUERADE)])
    finally:
        site.lab.admin("POST", "latency", {"profile": "zero"})
    assert (report["proven"], report["causes"], report["warnings"]) == (True, [], [])
    assert flows(report) == {"pod": "reachable as its node", "node": "reachable as its node"}
    told = [row["detail"].partition("tried again until masquerading was in force")[1] != "" for row in report["rows"]]
    assert told == [True, False]
    assert len([name for name in ran if "Validating" not in name]) == 6, "no cause is looked for once it is reached"
