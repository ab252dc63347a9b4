# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The second seed by hand: pods of a routes-based cluster, and a project that is reached by VPC peering.

https://future-architect.github.io/articles/20190828/ tells it. The networks, the two VMs and the peering are there
before it begins (preset peered-project); the cluster and everything tried is typed.
"""

from __future__ import annotations

import json
import typing as t

from .teller import Teller

ZONE = "--zone=asia-northeast1-a"
POD, VM, OWN, TARGET = "my-pod", "test-gce-01", "10.1.0.9", "10.2.0.1"
NETWORK, SUBNET = "my-network", "my-subnet"
PEERING, BACK = "my-to-target", "target-to-my"
RESYNC = 0.6
"""Seconds that are longer than a resync (60 s) and the propagation of a ConfigMap at the lab's scale."""


def tell(story: Teller) -> None:
    """All of it."""
    cluster(story, "my-gke", "--no-enable-ip-alias --cluster-ipv4-cidr=172.16.0.0/16")
    what_was_found(story)
    config_map(story)
    custom_routes(story)
    story.type(f"gcloud container clusters delete my-gke {ZONE} --quiet")
    without_an_agent(story)
    cluster(story, "my-native", "--enable-ip-alias --cluster-ipv4-cidr=172.16.0.0/16")
    assert story.health(POD, TARGET)


def cluster(story: Teller, name: str, ranges: str) -> None:
    """A cluster with one pod that has curl."""
    where = f"--network={NETWORK} --subnetwork={SUBNET}"
    story.type(f"gcloud container clusters create {name} {ZONE} --num-nodes=2 {where} {ranges}")
    story.type(f"gcloud container clusters get-credentials {name} {ZONE}")
    story.type(f"kubectl run {POD} --image=curlimages/curl --command -- sleep infinity")
    story.type(f"kubectl wait --for=condition=Ready pod/{POD} --timeout=20s")
    story.until(lambda: pod(story, name)["status"]["phase"] == "Running", f"{POD} runs")


def pod(story: Teller, name: str) -> dict[str, t.Any]:
    """The pod, as the API of the cluster of that name has it."""
    path = f"projects/podreach-lab/locations/asia-northeast1-a/clusters/{name}"
    return story.get(f"/api/v1/namespaces/default/pods/{POD}", path)


def what_was_found(story: Teller) -> None:
    """(a) fails, (b) and (c) work."""
    assert not story.health(POD, TARGET), "(a) a pod does not reach the other project"
    assert story.health(POD, OWN), "(b) it reaches a VM of its own"
    assert story.health(VM, TARGET), "(c) which reaches the other project"


def create_config(story: Teller, key: str, text: str) -> None:
    """kubectl create configmap --from-file, as the article has it: the file's name is the key."""
    story.type("kubectl create configmap ip-masq-agent --namespace=kube-system --from-file=", (key, text))


def config_map(story: Teller) -> None:
    good = "nonMasqueradeCIDRs:\n  - 172.16.0.0/16\n  - 10.1.0.0/16\nresyncInterval: 60s\n"
    remove = "kubectl delete configmap ip-masq-agent --namespace=kube-system"

    create_config(story, "config", good)
    story.becomes(True, POD, TARGET)
    assert story.health(POD, OWN)
    seen = story.inside(POD, f"curl --silent --max-time 1 http://{OWN}/").stdout
    assert '"source": "172.16.' in seen, "its own project still sees the pod"
    story.type(remove)
    story.becomes(False, POD, TARGET)

    create_config(story, "ip-masq-config", good)
    story.stays(False, POD, TARGET, RESYNC)
    story.type(remove)

    create_config(story, "config", good)
    story.becomes(True, POD, TARGET)
    many = "nonMasqueradeCIDRs:\n" + "".join(f"  - 10.{number}.0.0/16\n" for number in range(65))
    for rejected in (many, "nonMasqueradeCIDRs:\n  - 10.1.0.1/16\n"):
        patch = json.dumps({"data": {"config": rejected}})
        change = "kubectl patch configmap ip-masq-agent --namespace=kube-system --type=merge --patch-file="
        story.type(change, ("patch.json", patch))
        story.stays(True, POD, TARGET, RESYNC)
    story.type(remove)
    story.becomes(False, POD, TARGET)


def without_an_agent(story: Teller) -> None:
    """GKE deploys no agent where pods have addresses in 10.0.0.0/8."""
    cluster(story, "no-agent", "--no-enable-ip-alias --cluster-ipv4-cidr=10.96.0.0/16")
    create_config(story, "config", "nonMasqueradeCIDRs:\n  - 172.16.0.0/16\n  - 10.1.0.0/16\n")
    story.stays(False, POD, TARGET, RESYNC)
    story.type(f"gcloud container clusters delete no-agent {ZONE} --quiet")


def custom_routes(story: Teller) -> None:
    peerings = "gcloud compute networks peerings update"
    mine = f"{peerings} {PEERING} --network={NETWORK}"
    theirs = f"{peerings} {BACK} --network=target-network --project=podreach-peer"

    story.type(f"{mine} --export-custom-routes")
    assert not story.health(POD, TARGET), "export alone does not help"
    story.type(f"{theirs} --import-custom-routes")
    assert story.health(POD, TARGET), "export and import do"

    tagged_route(story)
    assert story.health(POD, TARGET)

    story.type(f"{theirs} --no-import-custom-routes")
    assert not story.health(POD, TARGET)
    story.type(f"{mine} --no-export-custom-routes")


def tagged_route(story: Teller) -> None:
    """A route with a tag never crosses, whatever the peerings say: the node's route is replaced by such a one."""
    node = pod(story, "my-gke")["spec"]["nodeName"]
    routes = story.get("/compute/v1/projects/podreach-lab/global/routes")["items"]
    route = next(item for item in routes if item.get("nextHopInstance", "").endswith(f"/{node}"))
    story.learn("node", node)
    story.learn("route", route["name"])
    story.learn("range", route["destRange"])
    create = f"gcloud compute routes create {{}} --network={NETWORK} --destination-range={{range}}"
    hop = "--next-hop-instance={node} --next-hop-instance-zone=asia-northeast1-a"

    story.type("gcloud compute routes delete {route} --quiet")
    story.type(f"{create.replace('{}', 'tagged')} {hop} --tags=some-tag")
    assert not story.health(POD, TARGET)
    story.type("gcloud compute routes delete tagged --quiet")
    story.type(f"{create.replace('{}', '{route}')} {hop}")
