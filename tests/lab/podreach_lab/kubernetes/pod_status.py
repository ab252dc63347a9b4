# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pod's status says in each state of its life. Pure.

https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
"""

from __future__ import annotations

import hashlib
import typing as t

Json = dict[str, t.Any]
READY = "lab.podreach.gke/ready"
"""An annotation by which a pod asks the lab to be unready: "false"."""


def wants_ready(pod: Json) -> bool:
    return str((pod["metadata"].get("annotations") or {}).get(READY, "true")).lower() != "false"


def pending(pod: Json, now: str, message: str) -> Json:
    """A pod that no node takes."""
    unscheduled = _condition("PodScheduled", "False", now, "Unschedulable", message)
    return {"phase": "Pending", "conditions": _kept(pod, [unscheduled]), "qosClass": qos(pod)}


def creating(pod: Json, host: str, now: str) -> Json:
    """A pod on its node that cannot start yet."""
    names = [item["name"] for item in pod["spec"]["containers"]]
    message = f"containers with unready status: [{' '.join(names)}]"
    conditions = [
        _condition("PodReadyToStartContainers", "False", now),
        _condition("Initialized", "True", now),
        _condition("Ready", "False", now, "ContainersNotReady", message),
        _condition("ContainersReady", "False", now, "ContainersNotReady", message),
        _condition("PodScheduled", "True", now),
    ]
    waiting = {"waiting": {"reason": "ContainerCreating"}}
    return {
        "phase": "Pending",
        "conditions": _kept(pod, conditions),
        "hostIP": host,
        "hostIPs": [{"ip": host}],
        "startTime": pod.get("status", {}).get("startTime", now),
        "containerStatuses": [_container(pod, item, waiting, ready=False) for item in pod["spec"]["containers"]],
        "qosClass": qos(pod),
    }


def not_pulled(pod: Json, host: str, now: str, image: str) -> Json:
    """A pod on its node whose image is not to be had."""
    found = creating(pod, host, now)
    message = f'Back-off pulling image "{image}"'
    for item, container in zip(found["containerStatuses"], pod["spec"]["containers"], strict=True):
        if container.get("image") == image:
            item["state"] = {"waiting": {"reason": "ImagePullBackOff", "message": message}}
    return found


def running(pod: Json, host: str, address: str, now: str, crash: str = "") -> Json:
    """A pod whose containers run; with `crash`, whose containers exit as soon as they start."""
    before = pod.get("status", {})
    since = before.get("startTime", now)
    ready = wants_ready(pod) and not crash
    names = [item["name"] for item in pod["spec"]["containers"]]
    why = () if ready else ("ContainersNotReady", f"containers with unready status: [{' '.join(names)}]")
    gates = [item["conditionType"] for item in pod["spec"].get("readinessGates") or []]
    have = {item["type"]: item["status"] for item in before.get("conditions") or []}
    gated = [gate for gate in gates if have.get(gate) != "True"]
    pod_why = why or (
        ("ReadinessGatesNotReady", f'the status of pod readiness gate "{gated[0]}" is not "True"') if gated else ()
    )
    conditions = [
        _condition("PodReadyToStartContainers", "True", now),
        _condition("Initialized", "True", now),
        _condition("Ready", str(ready and not gated), now, *pod_why),
        _condition("ContainersReady", str(ready), now, *why),
        _condition("PodScheduled", "True", now),
    ]
    conditions += [item for item in before.get("conditions") or [] if item["type"] in gates]
    state: Json = {"running": {"startedAt": since}}
    if crash:
        state = {"waiting": {"reason": "CrashLoopBackOff", "message": f"back-off restarting failed container: {crash}"}}
    found = {
        "phase": "Running",
        "conditions": _kept(pod, conditions),
        "hostIP": host,
        "hostIPs": [{"ip": host}],
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": since,
        "containerStatuses": [
            _container(pod, item, state, ready=ready, restarts=int(bool(crash))) for item in pod["spec"]["containers"]
        ],
        "qosClass": qos(pod),
    }
    first = pod["spec"].get("initContainers") or []
    if first:
        done = {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": since, "finishedAt": since}}
        found["initContainerStatuses"] = [
            _container(pod, item, state if item.get("restartPolicy") == "Always" else done, ready=True)
            for item in first
        ]
    return found


def unreachable(pod: Json, now: str) -> Json:
    """A pod whose node is not heard of: all as it was last known, but not ready."""
    conditions = [
        item | {"status": "False", "lastTransitionTime": now} if item["type"] == "Ready" else item
        for item in pod["status"].get("conditions") or []
    ]
    return pod["status"] | {"conditions": conditions}


def failed(pod: Json, reason: str, message: str, now: str) -> Json:
    return {"phase": "Failed", "reason": reason, "message": message, "startTime": now, "qosClass": qos(pod)}


def _condition(kind: str, value: str, now: str, reason: str = "", message: str = "") -> Json:
    found: Json = {"type": kind, "status": value, "lastProbeTime": None, "lastTransitionTime": now}
    if reason:
        found["reason"] = reason
    if message:
        found["message"] = message
    return found


def _kept(pod: Json, conditions: list[Json]) -> list[Json]:
    """The conditions, with the time of those that have not changed."""
    before = {item["type"]: item for item in pod.get("status", {}).get("conditions") or []}
    for item in conditions:
        old = before.get(item["type"], {})
        if old.get("status") == item["status"] and old.get("lastTransitionTime"):
            item["lastTransitionTime"] = old["lastTransitionTime"]
    return conditions


def _container(pod: Json, container: Json, state: Json, *, ready: bool, restarts: int = 0) -> Json:
    image = full_image(container.get("image", ""))
    started = "running" in state
    found: Json = {
        "name": container["name"],
        "state": state,
        "lastState": {},
        "ready": ready,
        "restartCount": restarts,
        "image": image,
        "imageID": "",
        "started": started,
    }
    if "waiting" not in state:
        found["imageID"] = f"{image.partition('@')[0].rsplit(':', 1)[0]}@sha256:{_digest(image)}"
        found["containerID"] = f"containerd://{_digest(pod['metadata']['uid'] + container['name'])}"
    return found


def full_image(image: str) -> str:
    """An image's name as containerd writes it."""
    name, at, digest = image.partition("@")
    first, slash, _rest = name.partition("/")
    if not slash:
        name = f"docker.io/library/{name}"
    elif "." not in first and ":" not in first and first != "localhost":
        name = f"docker.io/{name}"
    if not at and ":" not in name.rsplit("/", 1)[-1]:
        name += ":latest"
    return f"{name}{at}{digest}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def qos(pod: Json) -> str:
    """https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/"""
    asked = [item.get("resources") or {} for item in pod["spec"]["containers"]]
    if not any(item.get("requests") or item.get("limits") for item in asked):
        return "BestEffort"
    for item in asked:
        limits = item.get("limits") or {}
        if set(limits) < {"cpu", "memory"} or any(
            value != limits.get(key) for key, value in (item.get("requests") or {}).items()
        ):
            return "Burstable"
    return "Guaranteed"
