# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scheduler and the nodes' kubelets: a pod gets a node, an address from the node's block, and runs at once.

No container really runs: what a pod's processes would do is the data plane's (services.listens). Probes always pass;
a pod with the annotation lab.podreach.gke/ready "false" is not ready, and lab.podreach.gke/address asks for an address.
An image of a registry under .invalid, which no name server knows (RFC 6761), cannot be pulled.
"""

from __future__ import annotations

import ipaddress
import typing as t

from . import masquerade, pod_status, scheduling, services
from .context import Context
from .store import Event

Json = dict[str, t.Any]
Problem = tuple[str, str]
"""Reason and message of a Warning event."""


class Pods:
    """All pods of a cluster."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._held: dict[str, tuple[str, str]] = {}  # uid -> node, address ('' in the host's network)
        self._used: dict[str, dict[str, str]] = {}  # node -> address -> uid
        self._on: dict[str, set[str]] = {}  # node -> uids
        self._last: dict[str, int] = {}
        self._waiting: dict[tuple[str, str], None] = {}
        for pod in context.all("pods"):
            address = pod.get("status", {}).get("podIP")
            if address and pod["spec"].get("nodeName"):
                self._hold(pod, "" if pod["spec"].get("hostNetwork") else address)
        context.stage("pods", self.reconcile)
        context.listeners.append(self._saw)

    def _saw(self, event: Event) -> None:
        if event.key == "pods":
            metadata = event.stored["metadata"]
            if event.type == "DELETED":
                self.release(metadata["uid"])
                self._waiting.pop((metadata["namespace"], metadata["name"]), None)
            else:
                self.context.enqueue("pods", metadata["namespace"], metadata["name"])
        elif event.key == "nodes":
            if event.type == "DELETED":
                for namespace, name in self.on_node(event.stored["metadata"]["name"]):
                    self.context.enqueue("pods", namespace, name)
            elif event.before is None or _schedules(event.before) != _schedules(event.stored):
                if event.before and scheduling.is_ready(event.before) != scheduling.is_ready(event.stored):
                    for namespace, name in self.on_node(event.stored["metadata"]["name"]):
                        self.context.enqueue("pods", namespace, name)
                self.retry()
        elif event.key in ("configmaps", "secrets") and event.type == "ADDED":
            self.retry()

    def retry(self) -> None:
        """Look again at the pods that wait for something."""
        for namespace, name in list(self._waiting):
            self.context.enqueue("pods", namespace, name)

    def on_node(self, node: str) -> list[tuple[str, str]]:
        return [
            (pod["metadata"]["namespace"], pod["metadata"]["name"])
            for pod in self.context.all("pods")
            if pod["spec"].get("nodeName") == node
        ]

    # ---- one pod

    def reconcile(self, namespace: str, name: str) -> None:
        pod = self.context.get("pods", namespace, name)
        if pod is None:
            return
        metadata = pod["metadata"]
        if metadata.get("deletionTimestamp"):
            self.release(metadata["uid"])
            if metadata.get("deletionGracePeriodSeconds"):
                self.context.delete("pods", pod, grace=0)
            return
        if pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
            self.release(metadata["uid"])
            return
        if not pod["spec"].get("nodeName"):
            bound = self._schedule(pod)
            if bound is None:
                return
            pod = bound
        node = self.context.get("nodes", "", pod["spec"]["nodeName"])
        if node is None:
            if metadata["uid"] in self._held or pod.get("status", {}).get("podIP"):
                self.context.delete("pods", pod, grace=0)  # as the pod garbage collector does
            else:
                self._waiting[namespace, name] = None
            return
        self._run(pod, node)

    def _schedule(self, pod: Json) -> Json | None:
        """The pod on its node, or None."""
        metadata = pod["metadata"]
        where = (metadata["namespace"], metadata["name"])
        scheduler = pod["spec"].get("schedulerName", "default-scheduler")
        if scheduler not in ("default-scheduler", "gke.io/default-scheduler") or pod["spec"].get("schedulingGates"):
            return None
        nodes = sorted(self.context.all("nodes"), key=lambda node: str(node["metadata"]["name"]))
        node, why = scheduling.choose(pod, nodes, self.room)
        if node is None:
            self._waiting[where] = None
            status = pod_status.pending(pod, self.context.store.timestamp(), why)
            if pod.get("status", {}).get("conditions") != status["conditions"]:
                self.context.event(pod, "Warning", "FailedScheduling", why, scheduler)
            self.context.set_status("pods", pod, status)
            return None
        name = node["metadata"]["name"]
        bound = self.context.change("pods", pod, lambda new: new["spec"].update(nodeName=name), "binding")
        if bound is not None:
            message = f"Successfully assigned {where[0]}/{where[1]} to {name}"
            self.context.event(pod, "Normal", "Scheduled", message, scheduler)
        return bound

    def room(self, node: Json) -> int:
        """How many more pods a node takes."""
        name = node["metadata"]["name"]
        return int(node["status"]["allocatable"]["pods"]) - len(self._on.get(name, ()))

    def _run(self, pod: Json, node: Json) -> None:
        metadata = pod["metadata"]
        where = (metadata["namespace"], metadata["name"])
        host = next(item["address"] for item in node["status"]["addresses"] if item["type"] == "InternalIP")
        now = self.context.store.timestamp()
        crashing, crash = _crash(pod)
        if not scheduling.is_ready(node):
            if services.is_ready(pod):
                self.context.event(pod, "Warning", "NodeNotReady", "Node is not ready", "node-controller")
                self.context.set_status("pods", pod, pod_status.unreachable(pod, now))
            return
        if metadata["uid"] in self._held:
            address = self._held[metadata["uid"]][1] or host
            self.context.set_status("pods", pod, pod_status.running(pod, host, address, now, crash))
            return
        if self.room(node) < 1:
            message = "Node didn't have enough resource: pods"
            self.context.set_status("pods", pod, pod_status.failed(pod, "OutOfpods", message, now))
            return
        missing = next((name for name in _images(pod) if _registry(name).endswith(".invalid")), "")
        if missing:
            failed = f'Failed to pull image "{missing}": lookup {_registry(missing)}: no such host'
            self.context.event(pod, "Warning", "Failed", failed, "kubelet")
            self.context.set_status("pods", pod, pod_status.not_pulled(pod, host, now, missing))
            return
        address, problem = self._prepare(pod, node)
        if problem is not None:
            self._waiting[where] = None
            self.context.event(pod, "Warning", *problem, "kubelet")
            self.context.set_status("pods", pod, pod_status.creating(pod, host, now))
            return
        self._waiting.pop(where, None)
        self._hold(pod, address)
        self.context.set_status("pods", pod, pod_status.running(pod, host, address or host, now, crash))
        for container in pod["spec"]["containers"]:
            self.context.event(pod, "Normal", "Started", f"Started container {container['name']}", "kubelet")
        if crash:
            self.context.store.say(metadata["uid"], crashing, crash)
            self.context.event(pod, "Warning", "BackOff", f"Back-off restarting failed container: {crash}", "kubelet")

    def _prepare(self, pod: Json, node: Json) -> tuple[str, Problem | None]:
        """The pod's address ('' in the host's network), or what keeps it from starting."""
        for volume in pod["spec"].get("volumes") or []:
            problem = self._mount(pod["metadata"]["namespace"], volume)
            if problem:
                return "", ("FailedMount", f'MountVolume.SetUp failed for volume "{volume["name"]}" : {problem}')
        if pod["spec"].get("hostNetwork"):
            return "", None
        address = scheduling.wanted_address(pod)
        why = self._unfit(node, address) if address else ""
        if not address:
            address = self._next(node)
            why = "" if address else f"no free address in {node['spec'].get('podCIDR', 'no pod block')}"
        if why:
            return "", ("FailedCreatePodSandBox", f"Failed to create pod sandbox: {why}")
        return address, None

    def _mount(self, namespace: str, volume: Json) -> str:
        if volume.get("configMap"):
            try:
                source = volume["configMap"]
                masquerade.volume_files(source, self.context.get("configmaps", namespace, source.get("name", "")))
            except masquerade.Unmountable as error:
                return str(error)
        secret = volume.get("secret")
        if secret and not secret.get("optional"):
            name = secret.get("secretName", "")
            if self.context.get("secrets", namespace, name) is None:
                return f'secret "{name}" not found'
        return ""

    # ---- addresses

    def _unfit(self, node: Json, address: str) -> str:
        name = node["metadata"]["name"]
        if not scheduling.holds(node, address):
            return f"the address {address} is not in the pod block {node['spec'].get('podCIDR')} of {name}"
        if ipaddress.ip_address(address) not in _usable(node):
            return (
                f"the address {address} is the network's, the node's own or the last one of {node['spec']['podCIDR']}"
            )
        return f"the address {address} is taken" if address in self._used.get(name, {}) else ""

    def _next(self, node: Json) -> str:
        """The next free address after the last one given, so that one that was given back rests for a while."""
        name = node["metadata"]["name"]
        usable = _usable(node)
        used = self._used.get(name, {})
        at = self._last.get(name, -1)
        for _try in range(len(usable)):
            at = (at + 1) % len(usable)
            address = str(usable[at])
            if address not in used:
                self._last[name] = at
                return address
        return ""

    def _hold(self, pod: Json, address: str) -> None:
        uid, node = pod["metadata"]["uid"], pod["spec"]["nodeName"]
        self._held[uid] = (node, address)
        self._on.setdefault(node, set()).add(uid)
        if address:
            self._used.setdefault(node, {})[address] = uid

    def release(self, uid: str) -> None:
        if uid not in self._held:
            return
        node, address = self._held.pop(uid)
        self._on[node].discard(uid)
        self._used.get(node, {}).pop(address, None)
        self.retry()


def _usable(node: Json) -> list[ipaddress.IPv4Address]:
    """A node's addresses for pods: the first one is the node's own on its bridge."""
    block = node["spec"].get("podCIDR")
    if not block:
        return []
    found = _USABLE.get(block)
    if found is None:
        found = _USABLE[block] = list(ipaddress.IPv4Network(block))[2:-1]
    return found


_USABLE: dict[str, list[ipaddress.IPv4Address]] = {}


def _schedules(node: Json) -> t.Any:
    """What of a node decides who may run there."""
    spec = node["spec"]
    return (
        spec.get("taints"),
        spec.get("unschedulable"),
        node["metadata"].get("labels"),
        scheduling.is_ready(node),
    )


def _images(pod: Json) -> list[str]:
    return [str(item.get("image", "")) for item in pod["spec"]["containers"]]


def _registry(image: str) -> str:
    return image.partition("/")[0].partition(":")[0]


def _crash(pod: Json) -> tuple[str, str]:
    """The container whose process exits at once, and what it says: of the command lines, only the agent's and that of
    the program `false` are read."""
    for container in pod["spec"]["containers"]:
        if container.get("command") == ["false"]:
            return container["name"], "false ended with exit status 1"
        if masquerade.is_agent(container):
            try:
                masquerade.flags_of(masquerade.arguments_of(container))
            except masquerade.Rejected as error:
                return container["name"], str(error)
    return "", ""
