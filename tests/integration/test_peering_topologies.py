# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Peerings, masquerades and Shared VPCs of a topology: the examples from nothing to nothing again, and a hub with all
the spokes that it may have.
"""

from __future__ import annotations

import collections
import pathlib
import random
import re
import typing as t

import pytest
import yaml

from ansible_collections.podreach.gke.tests.integration.api import COMPUTE, PROJECT, REGION, Api, Json
from ansible_collections.podreach.gke.tests.integration.playbooks import ROOT, Playbooks, Run
from ansible_collections.podreach.gke.tests.integration.sites import (
    EXAMPLES,
    Sites,
    changed,
    differences,
    estate,
    failures,
)
from ansible_collections.podreach.gke.tests.integration.slicing import cut
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

EXAMPLE = EXAMPLES / "pods-to-peer.podreach.yml"
SHARED = EXAMPLES / "pods-to-shared-vpc.podreach.yml"
VERIFY = ROOT / "playbooks" / "verify.yml"
STORY = ROOT / "playbooks" / "story_peer.yml"
PEER = "podreach-peer"
THERE = f"/compute/v1/projects/{PEER}"
HEAD: Json = {
    "plugin": "podreach.gke.topology",
    "environment": "lab",
    "project": PROJECT,
    "region": "asia-northeast1",
}
REACHED = {"pod-to-peer": "reachable", "node-to-peer": "reachable", "pod-to-own-project": "reachable"}
SPOKES = 25
#: Of site.yml alone: verify.yml asks for each peering once more what is not as declared.
MANY = ("-f", "20", "--tags", "network,peering")


@pytest.fixture
def sites(lab: Lab, tmp_path: pathlib.Path) -> Sites:
    return Sites(lab, tmp_path)


def write(sites: Sites, name: str, topology: Json) -> pathlib.Path:
    path = sites.directory / f"{name}.podreach.yml"
    path.write_text(yaml.safe_dump(topology, sort_keys=False), encoding="utf-8")
    return path


def peerings(sites: Sites, where: str, network: str) -> dict[str, Json]:
    found = Api(sites.lab).get(f"{where}/global/networks/{network}") or {}
    return {item["name"]: item for item in found.get("peerings", [])}


def flows(run: Run) -> dict[str, str]:
    """What became of each flow, from the tables at the end."""
    return dict(re.findall(r'"flow +(\S+) +(\S+)', run.output))


def changes(sites: Sites, since: int) -> list[str]:
    """The requests that changed something, but for the pods from which flows are tried."""
    found = [item for item in sites.lab.mutating(since) if "/namespaces/default/pods" not in item["path"]]
    return [f"{item['method']} {item['path']}" for item in found]


def test_the_example_from_nothing_to_nothing(sites: Sites) -> None:
    """Both remedies: the routes cross, or pods are seen with their nodes' addresses."""
    sites.lab.preset("peered-project")
    assert {line.split(":")[0] for line in changed(sites.site(EXAMPLE))} == {"my-gke", "my-to-target"}
    since = sites.lab.seq()
    again = sites.site(EXAMPLE)
    assert changed(again) == []
    assert flows(again) == REACHED
    assert changes(sites, since) == []

    # somebody turns the routes off
    patch = {"networkPeering": {"name": "my-to-target", "exportCustomRoutes": False}}
    Api(sites.lab).patch(f"{COMPUTE}/global/networks/my-network/updatePeering", patch)
    sites.lab.settle()
    found = sites.run(VERIFY, "-i", str(EXAMPLE))
    assert found.rc != 0 and flows(found)["pod-to-peer"] == "unreachable"
    told = failures(found)
    assert "not as declared" in told["my-to-target"] and "set export_custom_routes: true" in told["my-to-target"]
    assert flows(found)["pod-to-own-project"] == "reachable"

    # the other remedy, of a topology that says nothing of custom routes
    masqueraded = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    del masqueraded["peerings"]["my-to-target"]["export_custom_routes"]
    masqueraded["masquerades"] = {
        "seen-as-nodes": {
            "cluster": "my-gke",
            "masquerade": ["10.2.0.0/16"],
            "deploy_agent": True,
            "allow_disruption": True,
        }
    }
    other = write(sites, "masqueraded", masqueraded)
    built = sites.site(other)
    assert [line.split(":")[0] for line in changed(built)] == ["seen-as-nodes"]
    assert flows(built) == REACHED

    # one side is somebody else's by now, with the same name
    api = Api(sites.lab)
    api.post(f"{THERE}/global/networks/target-network/removePeering", {"name": "target-to-my"})
    api.post(f"{THERE}/global/networks", {"name": "third", "autoCreateSubnetworks": False})
    third = {"name": "target-to-my", "network": f"projects/{PEER}/global/networks/third", "exchangeSubnetRoutes": True}
    api.post(f"{THERE}/global/networks/target-network/addPeering", {"networkPeering": third})
    gone = sites.teardown(other)
    assert {line.split(":")[0] for line in changed(gone)} == {"seen-as-nodes", "my-to-target", "my-gke"}
    assert "is left alone" in " ".join(gone.output.split())
    assert peerings(sites, COMPUTE, "my-network") == {}
    assert list(peerings(sites, THERE, "target-network")) == ["target-to-my"]
    assert api.get(f"{COMPUTE}/global/networks/my-network") is not None
    assert changed(sites.teardown(other)) == []


def test_the_story(sites: Sites) -> None:
    """Told where its end is built already; every look in it is held against what it says, and nothing is left of it."""
    sites.lab.preset("peered-project")
    assert flows(sites.site(EXAMPLE)) == REACHED
    before = estate(sites.lab)
    told = sites.run(STORY, "-i", str(EXAMPLE))
    assert failures(told) == {} and told.rc == 0
    assert "Found duplicate mapping key" not in told.output
    looks = re.findall(r'"flow +pod-to-peer +(\S+)', told.output)
    assert looks.count("reachable") == 6 and looks.count("unreachable") == 6
    assert flows(told) == REACHED
    assert differences(before, estate(sites.lab)) == []


def policies(sites: Sites) -> list[dict[str, list[str]]]:
    """Of the host project and of its subnetwork that is shared, as role -> members."""
    api, subnetwork = Api(sites.lab), f"{THERE}/regions/{REGION}/subnetworks/shared-subnet"
    found = [api.post(f"/v1/projects/{PEER}:getIamPolicy", {}), api.get(f"{subnetwork}/getIamPolicy") or {}]
    return [{binding["role"]: sorted(binding["members"]) for binding in item.get("bindings", [])} for item in found]


def test_a_shared_vpc_from_nothing_to_nothing(sites: Sites) -> None:
    """In slices first: the Shared VPC waits for the network of another one, whose cluster waits for the Shared VPC."""
    sites.lab.preset("peered-project")
    api, before = Api(sites.lab), policies(sites)
    first, second, _flows = cut(SHARED, sites)
    assert "peer-to-lab" in yaml.safe_load(second.read_text(encoding="utf-8"))["all"]["hosts"]
    waiting = sites.start(ROOT / "playbooks" / "site.yml", "-i", str(second))
    built = sites.site(first)
    assert {line.split(":")[0] for line in changed(built)} == {"my-gke", "target-network"}
    assert {line.split(":")[0] for line in changed(Playbooks.finish(waiting))} == {"peer-to-lab"}

    since = sites.lab.seq()
    again = sites.site(SHARED)
    assert changed(again) == []
    assert flows(again) == {"pod-to-host-project": "reachable"}
    assert changes(sites, since) == []

    # somebody takes roles back, and something else of the service project gets an address in the host's network
    shared = f"{THERE}/regions/{REGION}/subnetworks/shared-subnet"
    api.post(f"{shared}/setIamPolicy", {"policy": {"bindings": []}})
    address = {"name": "others", "addressType": "INTERNAL", "subnetwork": shared.removeprefix("/compute/v1/")}
    api.post(f"{COMPUTE}/regions/{REGION}/addresses", address)
    told = failures(sites.run(VERIFY, "-i", str(SHARED)))
    assert set(told) == {"peer-to-lab"}
    assert "not as declared" in told["peer-to-lab"] and "give roles/compute.networkUser to " in told["peer-to-lab"]
    since = sites.lab.seq()
    planned = sites.teardown(SHARED, "--check")
    assert {line.split(":")[0] for line in changed(planned)} == {"my-gke", "target-network"}
    assert "cluster my-gke" in " ".join(planned.output.split())
    assert changes(sites, since) == []
    stopped = sites.teardown(SHARED)
    assert set(failures(stopped)) == {"peer-to-lab"}
    assert "address others" in failures(stopped)["peer-to-lab"] and api.get(shared) is not None
    api.delete(f"{COMPUTE}/regions/{REGION}/addresses/others")
    assert {line.split(":")[0] for line in changed(sites.teardown(SHARED))} == {"peer-to-lab", "target-network"}
    assert policies(sites) == before
    assert api.get(f"{THERE}/global/networks/target-network") is not None
    assert {line.split(":")[0] for line in changed(sites.site(SHARED))} == {"my-gke", "peer-to-lab", "target-network"}


def star(spokes: t.Sequence[int]) -> Json:
    """A hub and spokes in another project, all declared; half of the peerings are the spokes'."""
    networks: Json = {"hub": {"subnetworks": [{"name": "hub", "ip_cidr_range": "10.1.0.0/24"}]}}
    entries: Json = {}
    for number in spokes:
        name = f"spoke-{number}"
        subnetwork = {"name": name, "ip_cidr_range": f"10.100.{number}.0/24"}
        networks[name] = {"project": PEER, "subnetworks": [subnetwork]}
        ends = {"network": "hub", "peer_network": name}
        if number % 2:
            ends = {"network": name, "peer_network": "hub", "project": PEER}
        entries[f"peering-{number}"] = {**ends, "peer_side": {}}
    return {**HEAD, "networks": networks, "peerings": entries}


def test_a_hub_with_as_many_spokes_as_its_quota_allows(sites: Sites) -> None:
    """From one topology, in any order, many at a time; a run that looks on waits for the networks of another slice."""
    order = list(range(SPOKES))
    random.Random(6).shuffle(order)
    topology = write(sites, "star", star(order))
    sites.lab.admin("POST", "latency", {"profile": "fast", "scale": 0.5})
    try:
        waiting = sites.start(ROOT / "playbooks" / "site.yml", "-i", str(slice_of(sites, topology)))
        built = sites.site(topology, *MANY, "--limit", "!peering-7")
        late = Playbooks.finish(waiting)
    finally:
        sites.lab.admin("POST", "latency", {"profile": "zero", "scale": 1})
    assert len([line for line in changed(built) if line.startswith("peering-")]) == SPOKES - 1
    assert [line.split(":")[0] for line in changed(late)] == ["peering-7"]
    assert "in progress" not in built.output + late.output
    hub = peerings(sites, COMPUTE, "hub")
    assert len(hub) == SPOKES and {item["state"] for item in hub.values()} == {"ACTIVE"}

    random.Random(9).shuffle(order)
    since = sites.lab.seq()
    again = sites.site(write(sites, "shuffled", star(order)), *MANY)
    assert changed(again) == []
    assert max(collections.Counter(record.host for record in again.records).values()) <= 3
    assert sites.lab.mutating(since) == []

    before = sites.lab.seq()
    refused = sites.site(write(sites, "one-more", star(range(SPOKES + 1))))
    assert refused.rc != 0 and "its quota PEERINGS_PER_NETWORK is 25" in " ".join(refused.output.split())
    assert sites.lab.requests(before) == []
    alone = star([SPOKES])
    Api(sites.lab).post(f"{THERE}/global/networks", {"name": f"spoke-{SPOKES}", "autoCreateSubnetworks": False})
    before = sites.lab.seq()
    told = failures(sites.site(write(sites, "alone", alone), "--limit", f"peering-{SPOKES}"))
    assert "its quota PEERINGS_PER_NETWORK is 25" in told[f"peering-{SPOKES}"]
    assert sites.lab.mutating(before) == []


def slice_of(sites: Sites, topology: pathlib.Path) -> pathlib.Path:
    """A static inventory with one peering, as AWX makes one for a slice."""
    declared = yaml.safe_load(topology.read_text(encoding="utf-8"))
    entry = declared["peerings"]["peering-7"]
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "peering_environment": "lab",
        "peering_project": PEER,
        "peering_network": entry["network"],
        "peering_peer_network": "hub",
        "peering_peer_project": PROJECT,
        "peering_peer_side": {},
    }
    common = {"podreach_topology": {"networks": declared["networks"], "peerings": declared["peerings"]}}
    groups: Json = {"podreach_peerings": {"hosts": {"peering-7": {}}}}
    file = sites.directory / "slice.yml"
    found = {"all": {"hosts": {"peering-7": variables}, "children": groups, "vars": common}}
    file.write_text(yaml.safe_dump(found), encoding="utf-8")
    return file
