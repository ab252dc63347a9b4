# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments, ReplicaSets, DaemonSets and StatefulSets: from what is wanted to pods.

https://kubernetes.io/docs/concepts/workloads/controllers/. Not modelled: progress deadlines, volume claims, partitions
of a StatefulSet's update, Jobs.
"""

from __future__ import annotations

import math
import typing as t

from . import scheduling, selectors
from .context import Context, controller_of, owner_reference, safe_hash
from .services import is_ready
from .store import Event, clone

Json = dict[str, t.Any]

DEPLOYMENTS, REPLICA_SETS = "deployments.apps", "replicasets.apps"
DAEMON_SETS, STATEFUL_SETS = "daemonsets.apps", "statefulsets.apps"
HASH = "pod-template-hash"
REVISION_HASH = "controller-revision-hash"
REVISION = "deployment.kubernetes.io/revision"
OWNERS = {
    "Deployment": DEPLOYMENTS,
    "ReplicaSet": REPLICA_SETS,
    "DaemonSet": DAEMON_SETS,
    "StatefulSet": STATEFUL_SETS,
}


class Workloads:
    """The controllers of what makes pods."""

    def __init__(self, context: Context) -> None:
        self.context = context
        context.stage(DEPLOYMENTS, self.deployment)
        context.stage(REPLICA_SETS, self.replica_set)
        context.stage(DAEMON_SETS, self.daemon_set)
        context.stage(STATEFUL_SETS, self.stateful_set)
        context.listeners.append(self._saw)

    def _saw(self, event: Event) -> None:
        metadata = event.stored["metadata"]
        if event.key in OWNERS.values():
            self.context.enqueue(event.key, metadata["namespace"], metadata["name"])
        if event.key in ("pods", REPLICA_SETS):
            owner = controller_of(event.stored)
            if owner.get("kind") in OWNERS:
                self.context.enqueue(OWNERS[owner["kind"]], metadata["namespace"], owner["name"])
                if event.key == "pods" and event.type == "DELETED" and owner["kind"] == "ReplicaSet":
                    self._pod_gone(metadata["namespace"], owner["name"])
            elif event.type == "ADDED":  # perhaps somebody adopts it
                for key in (REPLICA_SETS, DAEMON_SETS, STATEFUL_SETS) if event.key == "pods" else (DEPLOYMENTS,):
                    for item in self.context.all(key, metadata["namespace"]):
                        self.context.enqueue(key, metadata["namespace"], item["metadata"]["name"])
        if event.key == "nodes" and (event.before is None or event.type == "DELETED" or _differs(event)):
            for item in self.context.all(DAEMON_SETS):
                self.context.enqueue(DAEMON_SETS, item["metadata"]["namespace"], item["metadata"]["name"])

    def _pod_gone(self, namespace: str, replica_set: str) -> None:
        """Deployments that recreate wait for this."""
        item = self.context.get(REPLICA_SETS, namespace, replica_set)
        owner = controller_of(item) if item else {}
        if owner.get("kind") == "Deployment":
            self.context.enqueue(DEPLOYMENTS, namespace, owner["name"])

    # ---- what all of them do

    def _children(self, owner: Json, key: str) -> list[Json]:
        """What an object controls and is not going; orphans that its selector matches are adopted."""
        selector = selectors.from_object(owner["spec"]["selector"])
        namespace = owner["metadata"]["namespace"]
        found = [item for item in self.context.owned(owner, key) if not item["metadata"].get("deletionTimestamp")]
        for item in self.context.all(key, namespace):
            if controller_of(item) or item["metadata"].get("deletionTimestamp"):
                continue
            if selectors.matches(selector, item["metadata"].get("labels")):
                adopted = self.context.change(key, item, lambda new: _adopt(new, owner))
                if adopted is not None:
                    found.append(adopted)
        return found

    def _make_pod(self, owner: Json, extra: t.Mapping[str, str], alter: t.Callable[[Json], None] | None = None) -> None:
        template = owner["spec"]["template"]
        metadata = clone(template.get("metadata") or {})
        pod: Json = {
            "metadata": {
                "generateName": f"{owner['metadata']['name']}-",
                "namespace": owner["metadata"]["namespace"],
                "labels": {**(metadata.get("labels") or {}), **extra},
                "ownerReferences": [owner_reference(owner)],
            },
            "spec": clone(template["spec"]),
        }
        if metadata.get("annotations"):
            pod["metadata"]["annotations"] = metadata["annotations"]
        if alter:
            alter(pod)
        made = self.context.create("pods", pod)
        component = f"{owner['kind'].lower()}-controller"
        if made is not None:
            message = f"Created pod: {made['metadata']['name']}"
            self.context.event(owner, "Normal", "SuccessfulCreate", message, component)

    def _drop_pod(self, owner: Json, pod: Json) -> None:
        self.context.delete("pods", pod)
        message = f"Deleted pod: {pod['metadata']['name']}"
        self.context.event(owner, "Normal", "SuccessfulDelete", message, f"{owner['kind'].lower()}-controller")

    # ---- ReplicaSets

    def replica_set(self, namespace: str, name: str) -> None:
        owner = self.context.get(REPLICA_SETS, namespace, name)
        if owner is None or owner["metadata"].get("deletionTimestamp"):
            return
        wanted = owner["spec"].get("replicas", 1)
        pods = [pod for pod in self._children(owner, "pods") if _alive(pod)]
        for _missing in range(wanted - len(pods)):
            self._make_pod(owner, {})
        if len(pods) > wanted:
            for pod in sorted(pods, key=_dispensable)[: len(pods) - wanted]:
                self._drop_pod(owner, pod)
        pods = [pod for pod in self._children(owner, "pods") if _alive(pod)]
        ready = sum(1 for pod in pods if is_ready(pod))
        status: Json = {"replicas": len(pods), "observedGeneration": owner["metadata"].get("generation", 1)}
        labels = owner["spec"]["template"].get("metadata", {}).get("labels") or {}
        matching = selectors.from_object({"matchLabels": labels})
        if pods:
            status["fullyLabeledReplicas"] = sum(
                1 for pod in pods if selectors.matches(matching, pod["metadata"].get("labels"))
            )
        if ready:
            status |= {"readyReplicas": ready, "availableReplicas": ready}
        self.context.set_status(REPLICA_SETS, owner, status)

    # ---- Deployments

    def deployment(self, namespace: str, name: str) -> None:
        owner = self.context.get(DEPLOYMENTS, namespace, name)
        if owner is None or owner["metadata"].get("deletionTimestamp"):
            return
        sets = self._children(owner, REPLICA_SETS)
        current = next((item for item in sets if _template(item) == _template(owner)), None)
        if current is None and not owner["spec"].get("paused"):
            current = self._new_set(owner, sets)
            if current is None:
                return
        old = [item for item in sets if current is None or item["metadata"]["uid"] != current["metadata"]["uid"]]
        if current is not None:
            current = self._stamp(owner, current, sets)
            self._roll(owner, current, old)
        self._trim(owner, old)
        self._deployment_status(owner, current)

    def _new_set(self, owner: Json, sets: list[Json]) -> Json | None:
        suffix = safe_hash([_template(owner), owner.get("status", {}).get("collisionCount", 0)])
        template = clone(owner["spec"]["template"])
        template.setdefault("metadata", {}).setdefault("labels", {})[HASH] = suffix
        selector = clone(owner["spec"]["selector"])
        selector.setdefault("matchLabels", {})[HASH] = suffix
        replicas = owner["spec"].get("replicas", 1)
        surge, _unavailable = _limits(owner)
        annotations = {
            key: value
            for key, value in (owner["metadata"].get("annotations") or {}).items()
            if key != "kubectl.kubernetes.io/last-applied-configuration"
        }
        annotations |= {
            "deployment.kubernetes.io/desired-replicas": str(replicas),
            "deployment.kubernetes.io/max-replicas": str(replicas + surge),
            REVISION: str(max((_revision(item) for item in sets), default=0) + 1),
        }
        return self.context.create(
            REPLICA_SETS,
            {
                "metadata": {
                    "name": f"{owner['metadata']['name']}-{suffix}",
                    "namespace": owner["metadata"]["namespace"],
                    "labels": dict(template["metadata"]["labels"]),
                    "annotations": annotations,
                    "ownerReferences": [owner_reference(owner)],
                },
                "spec": {"replicas": 0, "selector": selector, "template": template},
            },
        )

    def _stamp(self, owner: Json, current: Json, sets: list[Json]) -> Json:
        """The newest set has the highest revision, and the Deployment shows it."""
        newest = max((_revision(item) for item in sets if item is not current), default=0)
        if _revision(current) <= newest:
            changed = self.context.change(REPLICA_SETS, current, lambda new: _annotate(new, REVISION, str(newest + 1)))
            current = changed or current
        shown = (owner["metadata"].get("annotations") or {}).get(REVISION)
        if shown != str(_revision(current)):
            self.context.change(DEPLOYMENTS, owner, lambda new: _annotate(new, REVISION, str(_revision(current))))
        return current

    def _roll(self, owner: Json, current: Json, old: list[Json]) -> None:
        """One step; the next follows when pods have come or gone."""
        wanted = owner["spec"].get("replicas", 1)
        left = sum(item["spec"].get("replicas", 0) for item in old)
        have = current["spec"].get("replicas", 0)
        if (owner["spec"].get("strategy") or {}).get("type") == "Recreate":
            for item in old:
                self._scale(owner, item, 0)
            if not any(self.context.owned(item, "pods") for item in old):
                self._scale(owner, current, wanted)
            return
        surge, unavailable = _limits(owner)
        if have > wanted or not left:
            self._scale(owner, current, wanted)
        elif have < wanted:
            self._scale(owner, current, min(wanted, have + max(0, wanted + surge - have - left)))
        if not left:
            return
        current = (
            self.context.get(REPLICA_SETS, current["metadata"]["namespace"], current["metadata"]["name"]) or current
        )
        everything = [*old, current]
        least = wanted - unavailable
        coming = current["spec"].get("replicas", 0) - _available(current)
        most = sum(item["spec"].get("replicas", 0) for item in everything) - least - coming
        spare = sum(_available(item) for item in everything) - least
        for item in sorted(old, key=_revision):
            replicas = item["spec"].get("replicas", 0)
            broken = min(most, replicas - _available(item))  # what does not work goes first
            healthy = min(most - max(0, broken), max(0, spare), _available(item))
            drop = max(0, broken) + max(0, healthy)
            most -= drop
            spare -= max(0, healthy)
            if drop:
                self._scale(owner, item, replicas - drop)

    def _scale(self, owner: Json, item: Json, replicas: int) -> None:
        before = item["spec"].get("replicas", 0)
        if before == replicas:
            return
        self.context.change(REPLICA_SETS, item, lambda new: new["spec"].update(replicas=replicas))
        way = "up" if replicas > before else "down"
        message = f"Scaled {way} replica set {item['metadata']['name']} from {before} to {replicas}"
        self.context.event(owner, "Normal", "ScalingReplicaSet", message, "deployment-controller")

    def _trim(self, owner: Json, old: list[Json]) -> None:
        empty = [
            item for item in old if not item["spec"].get("replicas") and not item.get("status", {}).get("replicas")
        ]
        limit = owner["spec"].get("revisionHistoryLimit", 10)
        for item in sorted(empty, key=_revision)[: max(0, len(empty) - limit)]:
            self.context.delete(REPLICA_SETS, item)

    def _deployment_status(self, owner: Json, current: Json | None) -> None:
        owner = self.context.get(DEPLOYMENTS, owner["metadata"]["namespace"], owner["metadata"]["name"]) or owner
        sets = self.context.owned(owner, REPLICA_SETS)
        wanted = owner["spec"].get("replicas", 1)
        total = sum(item.get("status", {}).get("replicas", 0) for item in sets)
        ready = sum(item.get("status", {}).get("readyReplicas", 0) for item in sets)
        updated = 0
        if current is not None:
            fresh = self.context.get(REPLICA_SETS, owner["metadata"]["namespace"], current["metadata"]["name"])
            updated = (fresh or current).get("status", {}).get("replicas", 0)
        _surge, unavailable = _limits(owner)
        status: Json = {"observedGeneration": owner["metadata"].get("generation", 1)}
        counts = {
            "replicas": total,
            "updatedReplicas": updated,
            "readyReplicas": ready,
            "availableReplicas": ready,
            "unavailableReplicas": max(0, wanted - ready),
        }
        status |= {key: value for key, value in counts.items() if value}
        enough = ready >= wanted - unavailable
        done = updated == wanted and total == wanted and ready == wanted
        what = current["metadata"]["name"] if current else owner["metadata"]["name"]
        conditions = [
            (
                "Available",
                str(enough),
                "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
                f"Deployment {'has' if enough else 'does not have'} minimum availability.",
            ),
            (
                "Progressing",
                "True",
                "NewReplicaSetAvailable" if done else "ReplicaSetUpdated",
                f'ReplicaSet "{what}" {"has successfully progressed" if done else "is progressing"}.',
            ),
        ]
        before = {item["type"]: item for item in owner.get("status", {}).get("conditions") or []}
        status["conditions"] = [_dated(self.context.store.timestamp(), before, *item) for item in conditions]
        self.context.set_status(DEPLOYMENTS, owner, status)

    # ---- DaemonSets

    def daemon_set(self, namespace: str, name: str) -> None:
        owner = self.context.get(DAEMON_SETS, namespace, name)
        if owner is None or owner["metadata"].get("deletionTimestamp"):
            return
        revision = safe_hash(_template(owner))
        template = clone(owner["spec"]["template"])
        spec = _daemon_spec(template["spec"])
        nodes = {node["metadata"]["name"]: node for node in self.context.all("nodes") if _belongs(spec, node)}
        pods: dict[str, list[Json]] = {}
        for pod in self._children(owner, "pods"):
            if pod.get("status", {}).get("phase") in ("Failed", "Succeeded"):
                self.context.delete("pods", pod)
                continue
            pods.setdefault(_meant_for(pod), []).append(pod)
        for node, found in pods.items():
            found.sort(key=_dispensable)
            for pod in found if node not in nodes else found[:-1]:
                self._drop_pod(owner, pod)
        for node in sorted(set(nodes) - set(pods)):
            self._make_pod(owner, {REVISION_HASH: revision}, _to_node(spec, node))
        kept = [found[-1] for node, found in sorted(pods.items()) if node in nodes]
        self._update_daemons(owner, revision, kept, len(nodes))
        self._daemon_status(owner, revision, set(nodes))

    def _update_daemons(self, owner: Json, revision: str, pods: list[Json], desired: int) -> None:
        strategy = owner["spec"].get("updateStrategy") or {}
        if strategy.get("type") == "OnDelete":
            return
        rolling = strategy.get("rollingUpdate") or {}
        allowed = max(1, _share(rolling.get("maxUnavailable", 1), desired, math.ceil))
        old = [pod for pod in pods if pod["metadata"]["labels"].get(REVISION_HASH) != revision]
        down = desired - sum(1 for pod in pods if is_ready(pod))
        for pod in [pod for pod in old if not is_ready(pod)]:
            self._drop_pod(owner, pod)
        for pod in [pod for pod in old if is_ready(pod)][: max(0, allowed - down)]:
            self._drop_pod(owner, pod)

    def _daemon_status(self, owner: Json, revision: str, nodes: set[str]) -> None:
        pods = self._children(owner, "pods")
        right = [pod for pod in pods if _meant_for(pod) in nodes]
        ready = sum(1 for pod in right if is_ready(pod))
        status: Json = {
            "currentNumberScheduled": len(right),
            "desiredNumberScheduled": len(nodes),
            "numberMisscheduled": len(pods) - len(right),
            "numberReady": ready,
            "observedGeneration": owner["metadata"].get("generation", 1),
        }
        updated = sum(1 for pod in right if pod["metadata"]["labels"].get(REVISION_HASH) == revision)
        counts = {
            "numberAvailable": ready,
            "numberUnavailable": len(nodes) - ready,
            "updatedNumberScheduled": updated,
        }
        status |= {key: value for key, value in counts.items() if value}
        self.context.set_status(DAEMON_SETS, owner, status)

    # ---- StatefulSets

    def stateful_set(self, namespace: str, name: str) -> None:
        owner = self.context.get(STATEFUL_SETS, namespace, name)
        if owner is None or owner["metadata"].get("deletionTimestamp"):
            return
        wanted = owner["spec"].get("replicas", 1)
        first = (owner["spec"].get("ordinals") or {}).get("start", 0)
        revision = f"{name}-{safe_hash(_template(owner))}"
        parallel = owner["spec"].get("podManagementPolicy") == "Parallel"
        going = [pod for pod in self.context.owned(owner, "pods") if pod["metadata"].get("deletionTimestamp")]
        pods = {_ordinal(pod): pod for pod in self._children(owner, "pods")}
        for at in range(first, first + wanted):
            if at in pods:
                if not parallel and not is_ready(pods[at]):
                    break
                continue
            if not any(_ordinal(pod) == at for pod in going):
                self._make_pod(owner, {REVISION_HASH: revision}, _named(owner, at))
            if not parallel:
                break
        else:
            surplus = sorted((at for at in pods if not first <= at < first + wanted), reverse=True)
            for at in surplus if parallel else surplus[:1]:
                self._drop_pod(owner, pods[at])
            old = [at for at in pods if pods[at]["metadata"]["labels"].get(REVISION_HASH) != revision]
            strategy = (owner["spec"].get("updateStrategy") or {}).get("type", "RollingUpdate")
            if old and not surplus and not going and strategy == "RollingUpdate":
                self._drop_pod(owner, pods[max(old)])
        self._stateful_status(owner, revision)

    def _stateful_status(self, owner: Json, revision: str) -> None:
        pods = self._children(owner, "pods")
        ready = sum(1 for pod in pods if is_ready(pod))
        updated = sum(1 for pod in pods if pod["metadata"]["labels"].get(REVISION_HASH) == revision)
        done = updated == len(pods) == owner["spec"].get("replicas", 1)
        before = owner.get("status", {}).get("currentRevision", revision)
        status: Json = {
            "observedGeneration": owner["metadata"].get("generation", 1),
            "replicas": len(pods),
            "availableReplicas": ready,
            "currentRevision": revision if done else before,
            "updateRevision": revision,
            "collisionCount": 0,
        }
        current = updated if done or before == revision else len(pods) - updated
        counts = {"readyReplicas": ready, "updatedReplicas": updated, "currentReplicas": current}
        status |= {key: value for key, value in counts.items() if value}
        self.context.set_status(STATEFUL_SETS, owner, status)


def _available(item: Json) -> int:
    """Pods of a set that work; one that has been scaled down will have no more than it wants."""
    return min(int(item.get("status", {}).get("availableReplicas", 0)), int(item["spec"].get("replicas", 0)))


def _adopt(item: Json, owner: Json) -> None:
    item["metadata"].setdefault("ownerReferences", []).append(owner_reference(owner))


def _annotate(item: Json, key: str, value: str) -> None:
    item["metadata"].setdefault("annotations", {})[key] = value


def _differs(event: Event) -> bool:
    """Whether a node's change can matter to a DaemonSet."""
    before, after = event.before or {}, event.stored
    return (
        before.get("spec") != after["spec"]
        or before["metadata"].get("labels") != after["metadata"].get("labels")
        or scheduling.is_ready(before) != scheduling.is_ready(after)
    )


def _alive(pod: Json) -> bool:
    return pod.get("status", {}).get("phase") not in ("Failed", "Succeeded")


def _dispensable(pod: Json) -> tuple[bool, bool, str, str]:
    """What is given up first: the unscheduled, the unready, the youngest."""
    metadata = pod["metadata"]
    youngest_first = "".join(chr(0x10FFFF - ord(letter)) for letter in metadata["creationTimestamp"])
    return bool(pod["spec"].get("nodeName")), is_ready(pod), youngest_first, metadata["name"]


def _template(item: Json) -> Json:
    """A pod template without the label that a Deployment's sets add."""
    template: Json = clone(item["spec"]["template"])
    metadata = template.get("metadata") or {}
    metadata.pop("creationTimestamp", None)
    (metadata.get("labels") or {}).pop(HASH, None)
    return template


def _revision(item: Json) -> int:
    text = (item["metadata"].get("annotations") or {}).get(REVISION, "0")
    return int(text) if str(text).isdigit() else 0


def _share(value: t.Any, whole: int, rounding: t.Callable[[float], int]) -> int:
    """A number, or a percentage of `whole`."""
    if isinstance(value, str):
        return rounding(int(value.rstrip("%")) * whole / 100)
    return int(value)


def _limits(owner: Json) -> tuple[int, int]:
    """maxSurge and maxUnavailable of a Deployment."""
    rolling = (owner["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    wanted = owner["spec"].get("replicas", 1)
    surge = _share(rolling.get("maxSurge", "25%"), wanted, math.ceil)
    unavailable = _share(rolling.get("maxUnavailable", "25%"), wanted, math.floor)
    return surge, min(wanted, unavailable if surge or unavailable else 1)


def _dated(now: str, before: t.Mapping[str, Json], kind: str, value: str, reason: str, message: str) -> Json:
    old = before.get(kind, {})
    same = (old.get("status"), old.get("reason"), old.get("message")) == (value, reason, message)
    return {
        "type": kind,
        "status": value,
        "reason": reason,
        "message": message,
        "lastUpdateTime": old["lastUpdateTime"] if same else now,
        "lastTransitionTime": old["lastTransitionTime"] if old.get("status") == value else now,
    }


DAEMON_TOLERATIONS: tuple[tuple[str, str], ...] = (
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
)


def _daemon_spec(spec: Json) -> Json:
    """A DaemonSet's pod spec with the tolerations that every daemon gets."""
    given = list(spec.get("tolerations") or [])
    added = [{"key": key, "operator": "Exists", "effect": effect} for key, effect in DAEMON_TOLERATIONS]
    if spec.get("hostNetwork"):
        key = "node.kubernetes.io/network-unavailable"
        added.append({"key": key, "operator": "Exists", "effect": "NoSchedule"})
    return {**spec, "tolerations": [*given, *(item for item in added if item not in given)]}


def _belongs(spec: Json, node: Json) -> bool:
    return scheduling.untolerated(spec, node) is None and scheduling.selects(spec, node)


def _to_node(spec: Json, node: str) -> t.Callable[[Json], None]:
    """A daemon is bound to its node by an affinity, and then scheduled like any pod."""

    def alter(pod: Json) -> None:
        pod["spec"] = clone(spec)
        pod["spec"].setdefault("affinity", {})["nodeAffinity"] = {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]
            }
        }

    return alter


def _meant_for(pod: Json) -> str:
    """The node that a daemon's pod is on, or is to go to."""
    if pod["spec"].get("nodeName"):
        return str(pod["spec"]["nodeName"])
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    terms = (affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms") or [{}]
    fields = terms[0].get("matchFields") or [{}]
    return str((fields[0].get("values") or [""])[0])


def _ordinal(pod: Json) -> int:
    tail = pod["metadata"]["name"].rsplit("-", 1)[-1]
    return int(tail) if tail.isdigit() else -1


def _named(owner: Json, at: int) -> t.Callable[[Json], None]:
    name = f"{owner['metadata']['name']}-{at}"

    def alter(pod: Json) -> None:
        metadata = pod["metadata"]
        metadata.pop("generateName")
        metadata["name"] = name
        metadata["labels"] |= {"statefulset.kubernetes.io/pod-name": name, "apps.kubernetes.io/pod-index": str(at)}
        pod["spec"]["hostname"] = name
        if owner["spec"].get("serviceName"):
            pod["spec"]["subdomain"] = owner["spec"]["serviceName"]

    return alter
