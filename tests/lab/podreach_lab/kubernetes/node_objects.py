# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster's compute instances as Node objects, as GKE shows them. Pure."""

from __future__ import annotations

import typing as t
import uuid

from ..links import region_of_zone
from ..state import Body, Resource

Json = dict[str, t.Any]
AGENT_LABEL = "node.kubernetes.io/masq-agent-ds-ready"
EFFECTS = {"NO_SCHEDULE": "NoSchedule", "PREFER_NO_SCHEDULE": "PreferNoSchedule", "NO_EXECUTE": "NoExecute"}
MACHINES: dict[str, tuple[int, int]] = {"e2-micro": (2, 1), "e2-small": (2, 2), "e2-medium": (2, 4)}
"""Processors and GiB of machine types whose names don't tell."""


def pool_of(cluster: Body, name: str) -> Body:
    return next((item for item in cluster.get("nodePools", []) if item["name"] == name), {})


def is_windows(instance: Resource, pool: Body) -> bool:
    told = instance.hidden.get("os")
    if told:
        return bool(told == "windows")
    return str(pool.get("config", {}).get("imageType", "")).startswith("WINDOWS")


def address_of(instance: Resource) -> str:
    return str(instance.body["networkInterfaces"][0]["networkIP"])


def labels(instance: Resource, cluster: Body, pool: Body, agent: bool) -> dict[str, str]:
    """The labels that GKE and the kubelet give a node. agent: whether GKE deploys ip-masq-agent to the cluster."""
    zone = instance.body["zone"].rsplit("/", 1)[1]
    machine = instance.body["machineType"].rsplit("/", 1)[1]
    system = "windows" if is_windows(instance, pool) else "linux"
    config = pool.get("config", {})
    image = str(config.get("imageType", "COS_CONTAINERD"))
    distribution = "windows_ltsc" if system == "windows" else image.partition("_")[0].lower()
    found = {
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/instance-type": machine,
        "beta.kubernetes.io/os": system,
        "cloud.google.com/gke-boot-disk": str(config.get("diskType", "pd-balanced")),
        "cloud.google.com/gke-container-runtime": "containerd",
        "cloud.google.com/gke-max-pods-per-node": str(max_pods(pool)),
        "cloud.google.com/gke-nodepool": str(instance.hidden["pool"]),
        "cloud.google.com/gke-os-distribution": distribution,
        "cloud.google.com/gke-provisioning": "spot" if config.get("spot") else "standard",
        "cloud.google.com/gke-stack-type": "IPV4",
        "cloud.google.com/machine-family": machine.split("-")[0],
        "failure-domain.beta.kubernetes.io/region": region_of_zone(zone),
        "failure-domain.beta.kubernetes.io/zone": zone,
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": instance.name,
        "kubernetes.io/os": system,
        "node.kubernetes.io/instance-type": machine,
        "topology.gke.io/zone": zone,
        "topology.kubernetes.io/region": region_of_zone(zone),
        "topology.kubernetes.io/zone": zone,
    }
    if config.get("spot"):
        found["cloud.google.com/gke-spot"] = "true"
    if cluster.get("workloadIdentityConfig", {}).get("workloadPool"):
        found["iam.gke.io/gke-metadata-server-enabled"] = "true"
    if agent and system == "linux":
        found[AGENT_LABEL] = "true"
    return found | {str(key): str(value) for key, value in config.get("labels", {}).items()}


def max_pods(pool: Body) -> int:
    return int(pool.get("maxPodsConstraint", {}).get("maxPodsPerNode", 110))


def taints(instance: Resource, pool: Body) -> list[Json]:
    found = [
        {"key": item["key"], "value": item.get("value", ""), "effect": EFFECTS.get(item["effect"], item["effect"])}
        for item in pool.get("config", {}).get("taints", [])
    ]
    if is_windows(instance, pool):
        found.append({"key": "node.kubernetes.io/os", "value": "windows", "effect": "NoSchedule"})
    return found


def spec(instance: Resource, pool: Body) -> Json:
    zone = instance.body["zone"].rsplit("/", 1)[1]
    found: Json = {"providerID": f"gce://{instance.project}/{zone}/{instance.name}"}
    if instance.hidden.get("pods"):
        found |= {"podCIDR": instance.hidden["pods"], "podCIDRs": [instance.hidden["pods"]]}
    if tainted := taints(instance, pool):
        found["taints"] = tainted
    return found


def resources(machine: str) -> tuple[int, int]:
    """Processors and GiB: e2-standard-4 has 4 and 16."""
    if machine in MACHINES:
        return MACHINES[machine]
    last = machine.rsplit("-", 1)[-1]
    processors = int(last) if last.isdigit() else 2
    each = {"highmem": 8, "highcpu": 1, "megamem": 14}.get(machine.split("-")[1] if "-" in machine else "", 4)
    return processors, processors * each


def status(instance: Resource, cluster: Body, pool: Body, now: str, since: str, *, heard: bool) -> Json:
    """heard: whether its kubelet posts its status."""
    processors, gibibytes = resources(instance.body["machineType"].rsplit("/", 1)[1])
    version = f"v{pool.get('version') or cluster.get('currentNodeVersion', '')}"
    pods = str(max_pods(pool))
    zone = instance.body["zone"].rsplit("/", 1)[1]
    project = instance.project
    windows = is_windows(instance, pool)
    fine = [
        ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ]
    conditions = [
        _condition("NetworkUnavailable", "False", "RouteCreated", "NodeController create implicit route", now, since)
    ]
    if heard:
        conditions += [_condition(kind, "False", reason, message, now, since) for kind, reason, message in fine]
        message = "kubelet is posting ready status"
        conditions.append(_condition("Ready", "True", "KubeletReady", message, now, since))
    else:
        message = "Kubelet stopped posting node status."
        conditions += [
            _condition(kind, "Unknown", "NodeStatusUnknown", message, now, since)
            for kind in (*(kind for kind, _reason, _message in fine), "Ready")
        ]
    return {
        "addresses": [
            {"type": "InternalIP", "address": address_of(instance)},
            {"type": "InternalDNS", "address": f"{instance.name}.{zone}.c.{project}.internal"},
            {"type": "Hostname", "address": f"{instance.name}.{zone}.c.{project}.internal"},
        ],
        "allocatable": {
            "cpu": f"{processors * 1000 - 60}m",
            "ephemeral-storage": "47060071478",
            "hugepages-1Gi": "0",
            "hugepages-2Mi": "0",
            "memory": f"{int(gibibytes * 0.7 * 1024 * 1024)}Ki",
            "pods": pods,
        },
        "capacity": {
            "cpu": str(processors),
            "ephemeral-storage": "98831908Ki",
            "hugepages-1Gi": "0",
            "hugepages-2Mi": "0",
            "memory": f"{gibibytes * 1024 * 1024}Ki",
            "pods": pods,
        },
        "conditions": conditions,
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "nodeInfo": {
            "architecture": "amd64",
            "bootID": _uuid(instance, "boot"),
            "containerRuntimeVersion": "containerd://2.0.6",
            "kernelVersion": "10.0.20348" if windows else "6.6.97+",
            "kubeProxyVersion": version,
            "kubeletVersion": version,
            "machineID": _uuid(instance, "machine").replace("-", ""),
            "operatingSystem": "windows" if windows else "linux",
            "osImage": "Windows Server" if windows else "Container-Optimized OS from Google",
            "systemUUID": _uuid(instance, "system"),
        },
    }


def _condition(kind: str, value: str, reason: str, message: str, now: str, since: str) -> Json:
    return {
        "type": kind,
        "status": value,
        "reason": reason,
        "message": message,
        "lastHeartbeatTime": now,
        "lastTransitionTime": since,
    }


def _uuid(instance: Resource, what: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{what}:{instance.body['id']}"))
