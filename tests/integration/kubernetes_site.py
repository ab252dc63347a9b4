# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster of the lab for tests of the modules that work inside one, and their tasks."""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.golden.packets.kube import Kube
from ansible_collections.podreach.gke.tests.integration import machines
from ansible_collections.podreach.gke.tests.integration.api import COMPUTE, Api, Json
from ansible_collections.podreach.gke.tests.integration.playbooks import Playbooks, Record, Run, play, task
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

REGION, ZONE = machines.REGION, machines.ZONE
CLUSTERS = f"/v1/projects/{machines.PROJECT}/locations/{ZONE}/clusters"
CLUSTER: Json = {"environment": "lab", "cluster": "c1", "location": ZONE}
MANAGED_BY = "app.kubernetes.io/managed-by"
INTERNAL = "networking.gke.io/load-balancer-type"
VM = "10.1.0.200"
ADMIT: Json = {"direction": "INGRESS", "sourceRanges": ["10.0.0.0/8"], "allowed": [{"IPProtocol": "all"}]}

needs_packets = pytest.mark.skipif(shutil.which("unshare") is None, reason="there are no namespaces for packets here")


@dataclasses.dataclass
class Site:
    """A cluster `c1` with two nodes, and a VM `client` in its network."""

    lab: Lab
    api: Api
    kube: Kube
    cluster: Json
    scratch: pathlib.Path
    playbooks: Playbooks

    def run(self, *tasks: Json, path: str = "in-process", **keywords: t.Any) -> Run:
        return self.playbooks.run(play(tasks), path=path, **keywords)

    def service(self, name: str = "web", *, ours: bool = False, **spec: t.Any) -> Json:
        """A Service that was made beforehand, and is ours or somebody else's."""
        labels = {MANAGED_BY: "podreach.gke" if ours else "Helm"}
        annotations = spec.pop("annotations", {INTERNAL: "Internal"})
        metadata = {"name": name, "namespace": "default", "labels": labels, "annotations": annotations}
        body = {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 5000}], **spec}
        return self.kube.put({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": body})

    def pod(self, name: str, app: str = "web", **spec: t.Any) -> str:
        """A pod that listens on TCP port 5000; its address."""
        container = {"name": "c", "image": "example.com/app", "ports": [{"containerPort": 5000}]}
        metadata = {"name": name, "namespace": "default", "labels": {"app": app}, **spec.pop("metadata", {})}
        body = {"containers": [container], **spec}
        self.kube.put({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": body})
        return str(self.kube.wait(name, lambda: (self.kube.get("Pod", name) or {})["status"].get("podIP")))

    def pods(self) -> list[str]:
        reply = self.kube.request("GET", "api/v1/namespaces/default/pods")
        return sorted(item["metadata"]["name"] for item in reply.json()["items"])

    def reserve(self, name: str, address: str) -> None:
        body = {"name": name, "addressType": "INTERNAL", "address": address}
        body["subnetwork"] = f"regions/{REGION}/subnetworks/net"
        self.api.post(f"{COMPUTE}/regions/{REGION}/addresses", body)


def make_site(lab: Lab, scratch: pathlib.Path, **cluster: t.Any) -> Site:
    lab.reset()
    api = Api(lab)
    machines.network(api, "net", "10.1.0.0/20")
    body: Json = {"name": "c1", "network": "net", "subnetwork": "net", "initialNodeCount": 2, **cluster}
    api.post(CLUSTERS, {"cluster": body})
    machines.vm(api, "net", "client", VM)
    found = api.get(f"{CLUSTERS}/{body['name']}")
    assert found is not None
    return Site(lab, api, Kube(found, lab.token(), scratch), found, scratch, Playbooks(lab, scratch))


def service(name: str, options: Json, **keywords: t.Any) -> Json:
    return task(name, "internal_service", {**CLUSTER, "name": "web", "timeout": 20, **options}, **keywords)


def probe(name: str, options: Json, **keywords: t.Any) -> Json:
    return task(name, "pod_probe", {**CLUSTER, "timeout": 40, "probe_timeout": 2, "count": 1, **options}, **keywords)


def ok(record: Record) -> Json:
    assert record.status == "ok", record.result.get("msg")
    return record.result


def failed(record: Record) -> str:
    assert record.status == "failed", record.result
    return str(record.result["msg"])


def workload(name: str, options: Json, **keywords: t.Any) -> Json:
    named = {} if "manifest" in options else {"name": "plot"}
    return task(name, "workload", {**CLUSTER, **named, "timeout": 20, **options}, **keywords)
