# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users are promised of pods that talk with a peered project, tried as users do: make, playbooks, gcloud, kubectl,
curl.

One lab; the tests are in order, and each leaves what it found but for what the next one needs. Of the collection they
use its playbooks, its example, roles and what the READMEs say. The pairs are those of
https://future-architect.github.io/articles/20190828/: (a) pod to the other project, (b) pod to a VM of its own, (c) VM
and node to the other project.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import pathlib
import re
import shutil
import subprocess
import time
import typing as t

import pytest
import yaml

from ansible_collections.podreach.gke.tests.golden.packets.kube import Kube
from ansible_collections.podreach.gke.tests.integration.machines import OVER_SSH
from ansible_collections.podreach.gke.tests.integration.playbooks import ROOT, Playbooks, Run
from ansible_collections.podreach.gke.tests.integration.sites import EXAMPLES, Sites, differences, estate
from ansible_collections.podreach.gke.tests.integration.test_pods_to_aws import (
    World,
    assert_good,
    assert_unchanged,
    clean,
    copied,
    reason,
)
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

Json = dict[str, t.Any]

EXAMPLE = EXAMPLES / "pods-to-peer.podreach.yml"
VERIFY = ROOT / "playbooks" / "verify.yml"
REGION = "asia-northeast1"
OWN, OTHER = "/compute/v1/projects/podreach-lab", "/compute/v1/projects/podreach-peer"
CLUSTERS = f"/v1/projects/podreach-lab/locations/{REGION}/clusters"
NETWORK = "projects/podreach-lab/global/networks/my-network"
PEER_NETWORK = "projects/podreach-peer/global/networks/target-network"
CLUSTER, PEERING, BACK = "my-gke", "my-to-target", "target-to-my"
POD, VM, NEAR, TARGET = "my-pod", "test-gce-01", "10.1.0.9", "10.2.0.1"
PODS = "172.16."
HARMLESS = "172.30.0.0/24"
"""What of the peer's routes takes nothing from any other."""
SEEDS_LIST = "nonMasqueradeCIDRs:\n  - 172.16.0.0/16 # my-gke-cluster CIDR\n  - 10.1.0.0/16   # my-project CIDR\n"
AGENT = ("ip-masq-agent", "kube-system")
PATIENCE = 30.0
"""Seconds for what comes by itself: agents look at their ConfigMap when they do."""

REACHED, CUT_OFF = (True, True, True, True), (False, True, True, True)
"""Pairs (a), (b), (c) from the VM, (c) from the node."""

BY_HAND = [name for name in ("gcloud", "kubectl", "gke-gcloud-auth-plugin") if shutil.which(name) is None]
by_hand = pytest.mark.skipif(bool(BY_HAND), reason=f"not installed: {', '.join(BY_HAND)}; what they do cannot be tried")
by_nginx = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed, and VMs have what is here")


@dataclasses.dataclass
class Peers(World):
    """Two projects with a VM each; the cluster is between them."""

    preset: Json = dataclasses.field(default_factory=dict)
    node: str = ""
    """The node of the pod, its address, and the pod's."""
    node_address: str = ""
    address: str = ""
    shown: str = ""
    """What a check with --diff said of importing routes."""

    def cluster(self, name: str = CLUSTER) -> Kube:
        found = self.api.get(f"{CLUSTERS}/{name}")
        assert found is not None
        return Kube(found, self.lab.token(), self.scratch)

    def typed(self, line: str) -> str:
        """The output of a command that must succeed."""
        env = clean(self.lab) | {"KUBECONFIG": str(self.scratch / "kubeconfig"), "HOME": str(self.scratch)}
        done = subprocess.run(line.split(), capture_output=True, text=True, env=env, timeout=60, check=False)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    def curled(self, source: str, url: str) -> str:
        done = self.lab.exec(source, "curl", "--silent", "--max-time", "1", url)
        return done.stdout.strip()

    def healthy(self, source: str, address: str = TARGET) -> bool:
        return self.curled(source, f"http://{address}/health") == "OK"

    def seen(self, source: str = POD, address: str = TARGET) -> str:
        """Whom the machine at an address sees, by its own word."""
        return str(json.loads(self.curled(source, f"http://{address}/"))["source"])

    def pairs(self) -> tuple[bool, ...]:
        self.lab.settle()
        return self.healthy(POD), self.healthy(POD, NEAR), self.healthy(VM), self.healthy(self.node)

    def becomes(self, wanted: bool, source: str = POD) -> None:
        """Wait until (a) is so."""
        deadline = time.monotonic() + PATIENCE
        while self.healthy(source) is not wanted:
            assert time.monotonic() < deadline, f"from {source} it was {not wanted} for {PATIENCE} s"

    def flags(self) -> dict[str, tuple[bool, bool]]:
        """Of each peering, whether custom routes are exported and imported."""
        networks = [self.api.get(f"/compute/v1/{path}") or {} for path in (NETWORK, PEER_NETWORK)]
        sides = [side for network in networks for side in network.get("peerings", [])]
        return {side["name"]: (side["exportCustomRoutes"], side["importCustomRoutes"]) for side in sides}

    def configured(self) -> Json | None:
        """The data of the agent's ConfigMap."""
        found = self.cluster().get("ConfigMap", *AGENT)
        return None if found is None else dict(found.get("data") or {})

    def other_owner(self, text: str, key: str = "config", **more: str) -> None:
        """A ConfigMap of somebody else, as the article types it."""
        if BY_HAND:
            metadata = {"name": AGENT[0], "namespace": AGENT[1]}
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {key: text} | more}
            self.cluster().put(body)
            return
        folder = self.scratch / f"config-{time.monotonic_ns()}"
        folder.mkdir()
        (folder / key).write_text(text, encoding="utf-8")
        literals = " ".join(f"--from-literal={name}={value}" for name, value in more.items())
        words = f"kubectl create configmap ip-masq-agent --from-file {folder / key} {literals} --namespace kube-system"
        self.typed(words)

    def play(self, *steps: Json, **keywords: t.Any) -> Run:
        """A playbook of these tasks, where a task that fails does not stop the rest."""
        tried = {"hosts": "all", "gather_facts": False, "ignore_errors": True, "tasks": list(steps)}
        return Playbooks(self.lab, self.scratch / f"play-{time.monotonic_ns()}").run(tried, **keywords)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Peers]:
    """An empty lab; `preset` is what the preset makes of it."""
    scratch = tmp_path_factory.mktemp("pods-to-peer")
    checkout = copied(scratch / "checkout")
    lab = Lab.start(checkout / ".lab")
    lab.reset()
    lab.preset("peered-project")
    preset = estate(lab)
    lab.reset()
    yield Peers(checkout, scratch, lab, Sites(lab, scratch), preset=preset)
    lab.stop()


def role(which: str, /, **inputs: t.Any) -> Json:
    """A task that includes a role, with inputs named without its prefix."""
    values = {f"{which}_{key}": value for key, value in inputs.items()}
    return {"name": f"Role {which}", "ansible.builtin.include_role": {"name": f"podreach.gke.{which}"}, "vars": values}


def peering(export: bool, imported: bool, **more: t.Any) -> Json:
    """The declaration of the example's peering with these switches."""
    back = {"name": BACK, "import_custom_routes": imported}
    return {"network": NETWORK, "peer_network": PEER_NETWORK, "export_custom_routes": export, "peer_side": back} | more


def topology(world: Peers, name: str, **kinds: Json) -> pathlib.Path:
    """The example's cluster with other things around it. Flows are tried from my-pod, and ask whom the target saw."""
    found: Json = copy.deepcopy(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8")))
    del found["peerings"]
    found["flows"] = {
        "a": flow(CLUSTER, TARGET, pod=POD),
        "b": flow(CLUSTER, NEAR, pod=POD),
        "c": flow(CLUSTER, TARGET, host_network=True),
    }
    for kind, entries in kinds.items():
        found[kind] = found.get(kind, {}) | entries
    path = world.scratch / f"{name}.podreach.yml"
    path.write_text(yaml.safe_dump(found, sort_keys=False), encoding="utf-8")
    return path


def flow(cluster: str, address: str, **more: t.Any) -> Json:
    http = {"kind": "http", "url": f"http://{address}/health", "body": "OK", "source_url": f"http://{address}/"}
    return {"cluster": cluster, "probe_timeout": 1} | http | more


def report(run: Run) -> dict[str, str]:
    """The lines of verify's tables, by the flow's name."""
    found = re.findall(r'"flow +(\S+) +(.*?)",?$', run.output, re.MULTILINE)
    assert found, run.output
    return dict(found)


def causes(run: Run) -> set[str]:
    """The codes by which a failed run named what is wrong."""
    return set(re.findall(r"(?:^|[ ;\"])((?:peering|masq|snat|flow)-[a-z-]+): ", reason(run)))


# ---- as the README has it


def test_make_site_ends_with_an_answer(world: Peers) -> None:
    """From nothing. And a pod of ours is answered too."""
    run = world.make("site", f"TOPOLOGY={EXAMPLE.relative_to(ROOT)}")
    assert_good(run)
    assert report(run)["pod-to-peer"].startswith("reachable ")
    assert report(run)["pod-to-own-project"].startswith("reachable ")
    assert world.flags() == {PEERING: (True, False), BACK: (False, True)}

    pod = {"name": POD, "image": "nginx", "ports": [{"containerPort": 80}]}
    metadata = {"name": POD, "namespace": "default", "labels": {"run": POD}}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [pod]}}
    if BY_HAND:
        world.cluster().running_pod(body)
    else:
        world.typed(f"gcloud container clusters get-credentials {CLUSTER} --location {REGION}")
        world.typed(f"kubectl run {POD} --image nginx")
        world.typed(f"kubectl wait --for condition=Ready pod/{POD} --timeout=20s")
    made = world.cluster().get("Pod", POD)
    assert made is not None
    world.node, world.address = made["spec"]["nodeName"], made["status"]["podIP"]
    node = world.cluster().get("Node", world.node)
    assert node is not None
    by_type = {item["type"]: item["address"] for item in node["status"]["addresses"]}
    world.node_address = by_type["InternalIP"]
    assert world.pairs() == REACHED


def test_make_site_again_changes_nothing(world: Peers) -> None:
    since = world.lab.seq()
    run = world.make("site", f"TOPOLOGY={EXAMPLE.relative_to(ROOT)}")
    assert_unchanged(run)
    assert world.changes(since) == []
    # whom the target saw: with route exchange, the pod
    assert f"seen as {PODS}" in report(run)["pod-to-peer"]


def test_with_route_exchange_the_target_sees_the_pod(world: Peers) -> None:
    """As the report says, and as the target itself does. Toward its own project it never is another."""
    assert world.seen() == world.address
    run = world.sites.run(VERIFY, "-i", str(topology(world, "exchanged", peerings={PEERING: peering(True, True)})))
    assert_good(run)
    assert f"seen as {world.address} " in report(run)["a"] + " "
    assert f"seen as {world.address} " in report(run)["b"] + " "
    assert world.seen(POD, NEAR) == world.address
    assert re.search(r"seen as 10\.1\.", report(run)["c"])


@by_hand
def test_gcloud_sees_what_crosses(world: Peers) -> None:
    words = f"gcloud compute networks peerings list-routes {PEERING} --network my-network --region {REGION}"
    text = world.typed(f"{words} --direction OUTGOING")
    assert re.search(r"^172\.16\.\d+\.0/24 +STATIC_PEERING_ROUTE .*accepted by peer", text, re.MULTILINE), text


# ---- the article, before anything is mended


def test_an_export_is_not_switched_off_without_a_word(world: Peers) -> None:
    since = world.lab.seq()
    path = topology(world, "silent", peerings={PEERING: peering(False, False)})
    said = reason(world.sites.site(path, "--limit", PEERING))
    assert "allow_disruption" in said
    assert world.changes(since) == []
    assert world.healthy(POD)


def test_before_anything_is_mended(world: Peers) -> None:
    """Undone, the pairs are those of the article, and the run names why."""
    off = topology(world, "off", peerings={PEERING: peering(False, False, allow_disruption=True)})
    run = world.sites.site(off)
    assert world.flags() == {PEERING: (False, False), BACK: (False, False)}
    assert world.pairs() == CUT_OFF
    assert {"peering-export-off", "peering-import-off", "masq-default-keeps-pod-ip"} <= causes(run)
    assert report(run)["a"].startswith("unreachable ")
    assert report(run)["b"].startswith("reachable ")
    assert report(run)["c"].startswith("reachable ")


# ---- remedy: custom routes


def test_export_alone_does_not_help(world: Peers) -> None:
    path = topology(world, "export", peerings={PEERING: peering(True, False, allow_disruption=True)})
    run = world.sites.site(path)
    assert world.flags() == {PEERING: (True, False), BACK: (False, False)}
    assert world.pairs() == CUT_OFF
    assert "peering-import-off" in causes(run)
    assert "peering-export-off" not in causes(run)


def test_import_alone_does_not_help(world: Peers) -> None:
    path = topology(world, "import", peerings={PEERING: peering(False, True, allow_disruption=True)})
    run = world.sites.site(path)
    assert world.flags() == {PEERING: (False, False), BACK: (False, True)}
    assert world.pairs() == CUT_OFF
    assert "peering-export-off" in causes(run)
    assert "peering-import-off" not in causes(run)


def test_export_and_import_help_until_they_are_undone(world: Peers) -> None:
    both, off = peering(True, True), peering(False, False, allow_disruption=True)
    common = {"name": PEERING, "environment": "lab", "project": "podreach-lab"}
    assert_good(world.play(role("peering", **common, **both)))
    assert world.pairs() == REACHED
    assert world.seen() == world.address
    assert_good(world.play(role("peering", **common, **off)))
    assert world.flags() == {PEERING: (False, False), BACK: (False, False)}
    assert world.pairs() == CUT_OFF


def test_a_default_route_is_not_let_in_without_a_word(world: Peers) -> None:
    """Nor one that takes traffic from a route that is there; they are shown beforehand, and harmless ones come. The
    peer begins to export in the same run."""
    hop = "projects/{}/zones/asia-northeast1-a/instances/{}"
    theirs = {"all": "0.0.0.0/0", "part": "192.168.5.0/24", "harmless": HARMLESS}
    api = world.api
    for name, block in theirs.items():
        there = {"network": PEER_NETWORK, "nextHopInstance": hop.format("podreach-peer", "target-gce-01")}
        api.post(f"{OTHER}/global/routes", {"name": name, "destRange": block, "priority": 500} | there)
    here = {"network": NETWORK, "nextHopInstance": hop.format("podreach-lab", VM), "priority": 500}
    api.post(f"{OWN}/global/routes", {"name": "whole", "destRange": "192.168.0.0/16"} | here)

    common = {"name": PEERING, "environment": "lab", "project": "podreach-lab", "network": NETWORK}
    asked = {"import_custom_routes": True, "peer_side": {"name": BACK, "export_custom_routes": True}}
    into = role("peering", **common, peer_network=PEER_NETWORK, **asked)
    since = world.lab.seq()
    shown = world.play(into, arguments=["--check", "--diff"])
    assert world.changes(since) == []
    for name in ("all", "part"):
        assert theirs[name] in shown.output, shown.output
    world.shown = shown.output
    refused = world.play(into)
    assert world.changes(since) == []
    said = "\n".join(str(record.result.get("msg")) for record in refused.records if record.failed)
    assert "0.0.0.0/0" in said and "192.168.5.0/24" in said and "allow_disruption" in said, refused.output
    assert "192.168.0.0/16" in said, "the route that would lose its traffic is not named"

    for name in ("all", "part"):
        api.delete(f"{OTHER}/global/routes/{name}")
    good = world.play(into)
    assert [record for record in good.records if record.failed] == [], good.output
    assert world.flags() == {PEERING: (False, True), BACK: (True, False)}

    api.delete(f"{OTHER}/global/routes/harmless")
    api.delete(f"{OWN}/global/routes/whole")
    back = {"import_custom_routes": False, "peer_side": {"name": BACK, "export_custom_routes": False}}
    undone = world.play(role("peering", **common, peer_network=PEER_NETWORK, allow_disruption=True, **back))
    assert [record for record in undone.records if record.failed] == [], undone.output
    assert world.flags() == {PEERING: (False, False), BACK: (False, False)}
    assert world.pairs() == CUT_OFF


def test_a_check_shows_harmless_routes_that_would_come(world: Peers) -> None:
    assert HARMLESS in world.shown, world.shown


# ---- remedy: masquerading


def test_a_config_map_with_another_key_does_not_help(world: Peers) -> None:
    """That the article warns of: the key is the file's name. The agents look again while verify does."""
    world.other_owner(SEEDS_LIST + "resyncInterval: 60s\n", "ip-masq-config")
    run = world.sites.run(VERIFY, "-i", str(topology(world, "plain")))
    assert world.pairs() == CUT_OFF
    assert "masq-wrong-key" in causes(run)
    assert "ip-masq-config" in reason(run)
    world.cluster().delete("ConfigMap", *AGENT)


def test_masquerading_alone_helps_until_it_is_undone(world: Peers) -> None:
    entry = {"cluster": CLUSTER, "masquerade": ["10.2.0.0/16"]}
    since = world.lab.seq()
    silent = world.sites.site(topology(world, "unsaid", masquerades={"behind": entry}), "--limit", "behind")
    assert "allow_disruption" in reason(silent)
    assert world.changes(since) == []

    path = topology(world, "masquerade", masquerades={"behind": entry | {"allow_disruption": True}})
    first = world.sites.site(path)
    world.becomes(True)
    assert world.pairs() == REACHED
    assert world.seen() == world.node_address
    assert world.seen(POD, NEAR) == world.address
    assert_good(first)

    since = world.lab.seq()
    again = world.sites.site(path)
    assert_unchanged(again)
    assert world.changes(since) == []
    assert f"seen as {world.node_address} " in report(again)["a"]
    assert f"seen as {world.address} " in report(again)["b"] + " "

    assert_good(world.sites.teardown(path, "--limit", "behind"))
    assert world.configured() is None
    world.becomes(False)
    assert world.pairs() == CUT_OFF


def ranges(data: Json | None) -> set[str]:
    assert data is not None
    return set(yaml.safe_load(data["config"])["nonMasqueradeCIDRs"])


def test_entries_of_somebody_else_stay(world: Peers) -> None:
    """Who goes on writing to the ConfigMap between runs."""
    theirs = {"10.1.0.0/16", "172.16.0.0/16", "192.168.77.0/24"}
    text = SEEDS_LIST + "  - 192.168.77.0/24\nresyncInterval: 60s\n"
    world.other_owner(text, notes="do-not-touch")
    cluster = {"cluster": CLUSTER, "location": REGION, "environment": "lab", "project": "podreach-lab"}
    ours = role("masquerade", **cluster, masquerade=["10.2.0.0/16"], keep=["10.77.0.0/16"], allow_disruption=True)
    for number in (1, 2):
        assert_good(world.play(ours))
        data = world.configured()
        assert theirs | {"10.77.0.0/16"} <= ranges(data), data
        theirs.add(f"192.168.{100 + number}.0/24")
        assert data is not None
        listed: Json = yaml.safe_load(data["config"])
        listed["nonMasqueradeCIDRs"].append(f"192.168.{100 + number}.0/24")
        changed = {**data, "config": yaml.safe_dump(listed, sort_keys=False)}
        metadata = (world.cluster().get("ConfigMap", *AGENT) or {})["metadata"]
        world.cluster().put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": changed})
    world.becomes(True)
    assert world.seen() == world.node_address
    assert_good(world.play(role("masquerade", **cluster, state="absent", allow_disruption=True)))
    left = world.configured()
    assert ranges(left) == theirs
    assert left is not None and left["notes"] == "do-not-touch"
    world.cluster().delete("ConfigMap", *AGENT)
    world.becomes(False)


# ---- remedy: a VPC-native cluster


def test_pods_of_a_vpc_native_cluster_need_nothing_more(world: Peers) -> None:
    policy = {
        "use_ip_aliases": True,
        "cluster_ipv4_cidr_block": "172.20.0.0/16",
        "services_ipv4_cidr_block": "172.21.0.0/20",
    }
    cluster: Json = copy.deepcopy(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))["clusters"][CLUSTER])
    del cluster["cluster_ipv4_cidr"]
    native = cluster | {"ip_allocation_policy": policy}
    flows = {"native": flow("my-native", TARGET)}
    path = topology(world, "native", clusters={"my-native": native}, flows=flows)
    run = world.sites.site(path, "--limit", "localhost,my-native,native")
    assert_good(run)
    assert "seen as 172.20." in report(run)["native"]

    pod = {"name": "native-pod", "image": "nginx"}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "native-pod"}, "spec": {"containers": [pod]}}
    address = world.cluster("my-native").running_pod(body)["status"]["podIP"]
    world.lab.settle()
    assert world.healthy("native-pod")
    assert world.seen("native-pod") == address
    assert world.pairs() == CUT_OFF, "it does not help the other cluster"

    assert_good(world.sites.teardown(path, "--limit", "my-native"))
    assert world.api.get(f"{CLUSTERS}/my-native") is None
    assert world.pairs() == CUT_OFF


# ---- remedy: Shared VPC


def test_a_cluster_in_the_other_projects_network_is_there_already(world: Peers) -> None:
    """It is refused, with what is missing, until the role has made it possible."""
    shared = "projects/podreach-peer/regions/asia-northeast1/subnetworks/shared"
    blocks = {"pods": "10.4.0.0/16", "services": "10.5.0.0/20"}
    secondary = [{"range_name": name, "ip_cidr_range": block} for name, block in blocks.items()]
    subnetwork: Json = {"name": "shared", "network": "target-network", "project": "podreach-peer", "region": REGION}
    subnetwork |= {"environment": "lab"}
    made = {"ip_cidr_range": "10.3.0.0/20", "secondary_ip_ranges": secondary}
    policy = {"cluster_secondary_range_name": "pods", "services_secondary_range_name": "services"}
    place: Json = {"name": "my-guest", "environment": "lab", "project": "podreach-lab", "location": REGION}
    guest: Json = place | {"network": PEER_NETWORK, "subnetwork": shared, "ip_allocation_policy": policy}
    guest |= {"node_pools": [{"name": "default-pool", "node_count": 1}], "deletion_protection": False}
    sharing: Json = {"environment": "lab", "host_project": "podreach-peer", "service_projects": ["podreach-lab"]}
    sharing |= {"subnetworks": [{"name": "shared", "region": REGION}]}

    before = world.play({"podreach.gke.subnetwork": subnetwork | made}, role("cluster", **guest))
    said = " ".join(str(record.result.get("msg")) for record in before.records if record.failed)
    assert "podreach-peer" in said and re.search(r"shared|networkUser|host", said, re.I), before.output
    assert world.api.get(f"{CLUSTERS}/my-guest") is None

    run = world.play(role("shared_vpc", **sharing), role("cluster", **guest))
    assert [record.result.get("msg") for record in run.records if record.failed] == [], run.output
    pod = {"name": "guest-pod", "image": "nginx"}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "guest-pod"}, "spec": {"containers": [pod]}}
    address = world.cluster("my-guest").running_pod(body)["status"]["podIP"]
    world.lab.settle()
    assert world.healthy("guest-pod")
    assert world.seen("guest-pod") == address
    assert world.pairs() == CUT_OFF, "it does not help the other cluster"

    # undone; not while the cluster is there
    gone: Json = sharing | {"state": "absent", "disable_host": True}
    refused = world.play(role("shared_vpc", **gone))
    said = " ".join(str(record.result.get("msg")) for record in refused.records if record.failed)
    assert "my-guest" in said, refused.output
    assert world.healthy("guest-pod")
    away = [role("cluster", **guest, state="absent"), role("shared_vpc", **gone)]
    last = world.play(*away, {"podreach.gke.subnetwork": subnetwork | {"state": "absent"}})
    assert [record.result.get("msg") for record in last.records if record.failed] == [], last.output
    assert (world.api.get(f"{OWN}/getXpnHost") or {}).get("name") is None
    assert world.pairs() == CUT_OFF


# ---- remedy: a proxy


@by_nginx
def test_a_proxy_helps_until_it_is_removed(world: Peers) -> None:
    """On the VM, where the article has nginx. The target sees the VM."""
    listener = {"name": "web", "port": 8080, "upstreams": [{"host": TARGET, "port": 80}], "allow": ["172.16.0.0/16"]}
    inputs: Json = {"service": "direct", "user": "root", "listeners": [listener]}
    inputs |= {"config_dir": "/tmp/etc", "run_dir": "/run/podreach", "log_dir": "/tmp/log"}
    # ssh is twice as fast where a task need not leave its files on the host
    there: Json = {"hosts": {VM: OVER_SSH}, "env": {"ANSIBLE_KEEP_REMOTE_FILES": None}}
    try:
        run = world.play(role("tcp_proxy", **inputs), **there)
        assert [record.result.get("msg") for record in run.records if record.failed] == [], run.output
        assert world.healthy(POD, f"{NEAR}:8080")
        assert world.seen(POD, f"{NEAR}:8080") == NEAR
        assert not world.healthy(world.node, f"{NEAR}:8080"), "nobody else may use it"
        assert world.pairs() == CUT_OFF
    finally:
        run = world.play(role("tcp_proxy", **inputs, state="absent"), **there)
    assert [record.result.get("msg") for record in run.records if record.failed] == [], run.output
    assert not world.healthy(POD, f"{NEAR}:8080")
    assert world.pairs() == CUT_OFF


# ---- away with it


def test_teardown_leaves_what_was_there_before(world: Peers) -> None:
    """Networks, subnetworks, rules and machines of both projects; not the side of the peering that it declares."""
    assert_good(world.sites.teardown(EXAMPLE))

    def kept(found: Json) -> Json:
        """Without what a network says of its peerings."""
        return {path: {key: value for key, value in item.items() if key != "peerings"} for path, item in found.items()}

    assert differences(kept(world.preset), kept(estate(world.lab))) == []
    assert {VM, "target-gce-01"} <= set(world.lab.exec("nobody", "true").stderr.replace(",", "").rstrip(".\n").split())


def test_teardown_leaves_the_peering_that_it_did_not_make(world: Peers) -> None:
    """`delete what it did not create`: the README has no word for that."""
    assert set(world.flags()) == {PEERING, BACK}


def test_teardown_again_changes_nothing(world: Peers) -> None:
    since = world.lab.seq()
    assert_unchanged(world.sites.teardown(EXAMPLE))
    assert world.lab.mutating(since) == []
