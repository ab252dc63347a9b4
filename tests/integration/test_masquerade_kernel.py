# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decision of masquerade_rules.would_masquerade against that of the lab's kernel, for random cases.

A case is a state of a cluster, a list (of which some are refused by the agent), and a destination; a packet is sent
from a pod, and the address with which it comes into the network is compared. Of every few destinations, one is
link-local, one is tried from a pod in the node's network, and on Autopilot, where several policies share the list, one
is the cluster's own. Where default SNAT is disabled, an agent comes halfway. PODREACH_MASQUERADE_CASES says how many
are tried, PODREACH_MASQUERADE_SEED with which seed:
PODREACH_MASQUERADE_CASES=10000 make integration ARGS="-k the_decision_is_the_kernels" takes some minutes.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import os
import pathlib
import random
import typing as t

import pytest
import yaml

from ansible_collections.podreach.gke.plugins.module_utils.kubernetes import (
    masquerade_agent,
    masquerade_config,
    masquerade_rules,
)
from ansible_collections.podreach.gke.plugins.module_utils.kubernetes.masquerade_config import Config, Flags, Rejected
from ansible_collections.podreach.gke.plugins.module_utils.kubernetes.masquerade_rules import LINK_LOCAL
from ansible_collections.podreach.gke.tests.golden.packets.kube import Kube
from ansible_collections.podreach.gke.tests.integration.api import Api, Json
from ansible_collections.podreach.gke.tests.integration.kubernetes_site import CLUSTERS, needs_packets
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

CASES = int(os.environ.get("PODREACH_MASQUERADE_CASES", "300"))
SEED = int(os.environ.get("PODREACH_MASQUERADE_SEED", "1"))
#: destinations that are tried with one list
EACH = 6
#: lists of which some are refused
EACH_FAULT = 10
POLICIES = ("default", "podreach.gke", "theirs")
STATES = ("agent", "two-chains", "none", "disabled", "autopilot")
#: where lists and destinations come from, so that they meet often
ROOTS = (
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "203.0.113.0/24",
    "8.0.0.0/7",
)


@dataclasses.dataclass
class Ground:
    """A cluster in one of the states, with a pod of its own address and one in the node's network."""

    lab: Lab
    state: str
    kube: Kube
    cluster: Json
    flags: Flags | None
    config: Config | None
    #: those that somebody may write, by name
    policies: dict[str, Json] = dataclasses.field(default_factory=dict)
    pods: dict[str, Json] = dataclasses.field(default_factory=dict)

    @property
    def own(self) -> list[str]:
        """The cluster's own ranges."""
        return [self.cluster["clusterIpv4Cidr"], self.cluster["servicesIpv4Cidr"], "10.1.0.0/16"]

    def effective(self) -> masquerade_rules.Effective:
        if self.policies:
            return masquerade_rules.autopilot(self.policies.values(), self.own)
        return masquerade_rules.standard(self.flags, self.config, snat_disabled=self.state == "disabled")

    def write(self, chance: random.Random, cidrs: list[str]) -> None:
        """Bring a list into the cluster; what the agent refuses leaves it as it was."""
        if self.policies:
            for policy in self.policies.values():
                policy["spec"]["destinations"] = []
            for cidr in cidrs:
                self.policies[chance.choice(POLICIES)]["spec"]["destinations"].append({"cidr": cidr})
            for policy in self.policies.values():
                self.kube.put(policy)
            return
        text = yaml.safe_dump({"nonMasqueradeCIDRs": cidrs, "masqLinkLocal": chance.random() < 0.3})
        metadata = {"name": "ip-masq-agent", "namespace": "kube-system"}
        self.kube.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"config": text}})
        if self.flags:
            try:
                self.config = masquerade_config.read(text, self.flags)
            except Rejected:
                return

    def deploy(self) -> None:
        """The agent as the module deploys it, with nothing to read yet."""
        self.kube.delete("ConfigMap", "ip-masq-agent", "kube-system")
        item = self.kube.put(masquerade_agent.daemon_set(masquerade_agent.IMAGE))
        self.flags = masquerade_config.flags_of(item["spec"]["template"]["spec"]["containers"][0])
        self.await_agent()

    def await_agent(self) -> None:
        self.kube.wait(
            "the agent runs",
            lambda: any(
                pod["metadata"]["name"].startswith("ip-masq-agent") and pod["status"].get("phase") == "Running"
                for pod in self.kube.items("Pod", "kube-system")
            ),
        )


def ground(lab: Lab, scratch: pathlib.Path, state: str) -> Ground:
    lab.reset()
    lab.preset("peered-project")
    api = Api(lab)
    body: Json = {"name": "c1", "network": "my-network", "subnetwork": "my-subnet"}
    where = CLUSTERS
    if state == "autopilot":
        where = CLUSTERS.replace("asia-northeast1-a", "asia-northeast1")
        body |= {"autopilot": {"enabled": True}}
    elif state == "disabled":
        native: Json = {"useIpAliases": True, "clusterIpv4CidrBlock": "172.16.0.0/16"}
        body |= {"initialNodeCount": 1, "ipAllocationPolicy": native}
        body |= {"networkConfig": {"defaultSnatStatus": {"disabled": True}}}
        body |= {"privateClusterConfig": {"enablePrivateNodes": True, "masterIpv4CidrBlock": "172.31.0.0/28"}}
    else:
        body |= {"initialNodeCount": 1, "clusterIpv4Cidr": "172.16.0.0/16", "ipAllocationPolicy": {"useRoutes": True}}
    api.post(where, {"cluster": body})
    cluster = api.get(f"{where}/c1")
    assert cluster is not None
    kube = Kube(cluster, lab.token(), scratch)
    if state in ("none", "disabled"):
        lab.admin("POST", "masquerade", {"cluster": f"{where}/c1".removeprefix("/v1/"), "agent": False})
    elif state == "two-chains":
        daemon_set = kube.get("DaemonSet", "ip-masq-agent", "kube-system")
        assert daemon_set is not None
        daemon_set["spec"]["template"]["spec"]["containers"][0]["args"] = ["--masq-chain=OWN-CHAIN"]
        # GKE's own chain is what its agent left there
        lab.admin("POST", "masquerade", {"cluster": f"{where}/c1".removeprefix("/v1/"), "agent": False})
        metadata = {key: value for key, value in daemon_set["metadata"].items() if key in ("name", "namespace")}
        template = daemon_set["spec"]["template"]
        template["spec"].pop("nodeSelector", None)
        spec = {"selector": daemon_set["spec"]["selector"], "template": template}
        kube.put({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": metadata, "spec": spec})
    pods = {}
    for name, more in (("own", {}), ("of-node", {"hostNetwork": True})):
        container = {"name": "c", "image": "example.com/app"}
        metadata = {"name": name, "namespace": "default"}
        spec = {"containers": [container], **more}
        pods[name] = kube.running_pod({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    agent = kube.get("DaemonSet", "ip-masq-agent", "kube-system")
    flags = masquerade_config.flags_of(agent["spec"]["template"]["spec"]["containers"][0]) if agent else None
    assert (flags is not None) == (state in ("agent", "two-chains"))
    here = Ground(lab, state, kube, cluster, flags, None, pods=pods)
    if flags:
        here.await_agent()
    if state == "autopilot":
        for name in POLICIES:
            metadata = {"apiVersion": "networking.gke.io/v1", "kind": "EgressNATPolicy", "metadata": {"name": name}}
            here.policies[name] = {**metadata, "spec": {"action": "NoSNAT", "destinations": []}}
    return here


def some_range(chance: random.Random) -> str:
    root = ipaddress.IPv4Network(chance.choice(ROOTS))
    length = chance.randint(root.prefixlen, 32)
    address = int(root.network_address) + chance.getrandbits(32 - root.prefixlen)
    return str(ipaddress.IPv4Network((address >> (32 - length) << (32 - length), length)))


def some_list(chance: random.Random, number: int) -> list[str]:
    """Some ranges; of every few lists, three are such that the agent refuses them, each for another reason."""
    found = [some_range(chance) for _number in range(chance.randint(0, 8))]
    return {
        3: [*found, "10.0.0.1/8"],
        6: [f"10.{number}.0.0/16" for number in range(65)],
        8: [*found, "fc00::/7"],
    }.get(number % EACH_FAULT, found)


def some_destination(chance: random.Random, ranges: t.Sequence[str]) -> str:
    """An address in one of the ranges, or just outside of one; none that no packet goes to."""
    while True:
        source = chance.choice(ranges)
        if ":" in source:
            continue
        network = ipaddress.ip_network(source, strict=False)
        low, high = int(network.network_address), int(network.broadcast_address)
        found = ipaddress.IPv4Address(chance.choice([low, high, low - 1, high + 1, chance.randint(low, high)]) % 2**32)
        if (
            found.is_multicast
            or found.is_unspecified
            or found.is_loopback
            or int(found) >= 240 << 24
            or int(found) < 1 << 24
        ):
            continue
        return str(found)


@needs_packets
@pytest.mark.parametrize("state", STATES)
def test_the_decision_is_the_kernels(lab: Lab, tmp_path: pathlib.Path, state: str) -> None:
    chance = random.Random(f"{SEED} {state}")
    here = ground(lab, tmp_path, state)
    addresses = {name: pod["status"]["podIP"] for name, pod in here.pods.items()}
    nodes = {name: pod["status"]["hostIP"] for name, pod in here.pods.items()}
    tally = {True: 0, False: 0}
    wanted = CASES // len(STATES)
    lists = 0
    while sum(tally.values()) < wanted:
        if state == "disabled" and here.flags is None and sum(tally.values()) >= wanted // 2:
            here.deploy()
        cidrs = some_list(chance, lists)
        if state == "autopilot":
            cidrs = [cidr for cidr in cidrs if cidr != "10.0.0.1/8"]
        lists += 1
        here.write(chance, cidrs)
        here.lab.settle()
        for number in range(EACH):
            sources = [LINK_LOCAL] if number == 0 else here.own if number == 1 and here.policies else [*cidrs, *ROOTS]
            to = some_destination(chance, sources)
            name = "of-node" if number == 2 else "own"
            answer = lab.trace(name, to)
            seen = [hop["source"] for hop in answer["request"]["hops"] if hop["at"].startswith("network ")]
            if not seen:
                # it never left the node: its own address, or one that is on it
                continue
            expected = masquerade_rules.would_masquerade(here.effective(), to, host_network=name == "of-node")
            told = f"{state}, seed {SEED}: {name} to {to} with {cidrs}: {seen[0]}"
            assert seen[0] == (nodes if expected else addresses)[name], told
            tally[bool(expected)] += 1
    assert min(tally.values()) > sum(tally.values()) // 20, tally
