# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a workload has come about as it is wanted, and if not, why: its conditions, its pods, their events.

What counts as done is what kubectl's rollout status takes for it:
https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status
"""

from __future__ import annotations

import typing as t

from ..errors import ApiError, Timeout
from . import pods
from .client import Json, Kube
from .manifests import ROLLED_OUT

REVISION = "deployment.kubernetes.io/revision"
TEMPLATE_HASH = "pod-template-hash"
STATEFUL_REVISION = "controller-revision-hash"


class Progress(t.NamedTuple):
    """How far a workload is: pods that are ready and of the newest template, and pods that there shall be."""

    done: bool
    ready: int
    wanted: int
    #: whether its controller has seen the newest change
    seen: bool


def progress(item: Json) -> Progress | None:
    """How far a workload is; ``None`` for what is not rolled out."""
    kind, spec, status = item.get("kind"), item.get("spec") or {}, item.get("status") or {}
    if kind not in ROLLED_OUT or spec.get("paused"):
        return None
    seen = status.get("observedGeneration", 0) >= item["metadata"].get("generation", 1)
    if kind == "DaemonSet":
        wanted, ready = status.get("desiredNumberScheduled", 0), status.get("numberAvailable", 0)
        updated = status.get("updatedNumberScheduled", 0)
        by_hand = (spec.get("updateStrategy") or {}).get("type") == "OnDelete"
        return Progress(seen and ready >= wanted and (by_hand or updated >= wanted), min(ready, wanted), wanted, seen)
    wanted, updated = spec.get("replicas", 1), status.get("updatedReplicas", 0)
    if kind == "Deployment":
        ready = status.get("availableReplicas", 0)
        settled = updated >= wanted and status.get("replicas", 0) <= updated
    else:
        ready = status.get("readyReplicas", 0)
        strategy = spec.get("updateStrategy") or {}
        kept = (strategy.get("rollingUpdate") or {}).get("partition") or 0
        settled = strategy.get("type") == "OnDelete" or updated >= wanted - kept
        settled = settled and status.get("replicas", 0) == wanted
    return Progress(seen and settled and ready >= wanted, min(ready, updated, wanted), wanted, seen)


def selector_text(selector: Json | None) -> str:
    """A label selector as a query has it."""
    found = [f"{key}={value}" for key, value in ((selector or {}).get("matchLabels") or {}).items()]
    for term in (selector or {}).get("matchExpressions") or []:
        values = f"({','.join(term.get('values') or [])})"
        written = {"In": f"{term['key']} in {values}", "NotIn": f"{term['key']} notin {values}"}
        written |= {"Exists": term["key"], "DoesNotExist": f"!{term['key']}"}
        found.append(written.get(term.get("operator"), term["key"]))
    return ",".join(found)


class Rollout:
    """One workload that is waited for."""

    def __init__(self, kube: Kube, path: str, label: str, item: Json) -> None:
        self.kube = kube
        self.path = path
        self.label = label
        self.item = item
        self.namespace: str = item["metadata"]["namespace"]

    def finish(self) -> Json:
        """The workload once it is as wanted. Raises :class:`ApiError` for what somebody has to mend, and
        :class:`Timeout`; both say why."""

        def done() -> Json | None:
            found = self.kube.get(self.path, self.label)
            if found is None:
                raise ApiError(f"{self.label}: somebody deleted it meanwhile", code="gone", resource=self.label)
            self.item = found
            state = progress(found)
            if state is None or state.done:
                return found
            if state.seen:
                self._give_up(found)
            return None

        state = progress(self.item)
        if state is None or state.done:
            return self.item
        found = self.kube.wait(done, f"{self.label}: waiting for its pods")
        if found is not None:
            return found
        raise Timeout(
            f"{self._state()} after {self.kube.timeout:.0f} s (timeout). {self.why()}What was asked for stays; correct "
            "it, or run again to wait longer.",
            code="not-ready",
            resource=self.label,
        )

    def _state(self) -> str:
        state = progress(self.item)
        return f"{self.label}: {state.ready if state else 0} of {state.wanted if state else 0} new pods are ready"

    def _give_up(self, item: Json) -> None:
        """Raise where no wait helps."""
        condition = self._condition("Progressing")
        late = condition.get("reason") == "ProgressDeadlineExceeded"
        wrong = [pod for pod in self.pods() if pods.needs_mending(pod)] if not late else []
        if late or any(self._is_new(pod) for pod in wrong):
            raise ApiError(
                f"{self._state()}. {self.why()}What was asked for stays; correct it.",
                code="not-ready",
                resource=self.label,
            )

    def _condition(self, kind: str) -> Json:
        conditions = (self.item.get("status") or {}).get("conditions") or []
        return next((item for item in conditions if item.get("type") == kind), {})

    def _is_new(self, pod: Json) -> bool:
        """Whether a pod is of the newest template. Where that cannot be told, it is not."""
        labels = pod["metadata"].get("labels") or {}
        if self.item["kind"] == "StatefulSet":
            return labels.get(STATEFUL_REVISION) == (self.item.get("status") or {}).get("updateRevision")
        if self.item["kind"] != "Deployment":
            return False
        revision = (self.item["metadata"].get("annotations") or {}).get(REVISION)
        path = f"/apis/apps/v1/namespaces/{self.namespace}/replicasets"
        return any(
            (item["metadata"].get("annotations") or {}).get(REVISION) == revision
            and (item["metadata"].get("labels") or {}).get(TEMPLATE_HASH) == labels.get(TEMPLATE_HASH)
            for item in self._list(path, "ReplicaSets")
        )

    def _list(self, path: str, what: str) -> list[Json]:
        """What its selector selects. Without the right to list: nothing."""
        query = {"labelSelector": selector_text(self.item["spec"].get("selector"))}
        try:
            found = self.kube.request("GET", path, f"{what} of {self.label}", query=query)
        except ApiError:
            return []
        return list(found.get("items") or [])

    def pods(self) -> list[Json]:
        """Its pods that are not ready, the newest first."""
        found = self._list(f"/api/v1/namespaces/{self.namespace}/pods", "pods")
        left = [pod for pod in found if not pods.is_ready(pod) and not pod["metadata"].get("deletionTimestamp")]
        return sorted(left, key=lambda pod: str(pod["metadata"].get("creationTimestamp") or ""), reverse=True)

    def why(self) -> str:
        """The reason that is nearest to the cause, as a sentence; nothing if there is none."""
        told = []
        for kind, bad in (("ReplicaFailure", "True"), ("Progressing", "False")):
            condition = self._condition(kind)
            if condition.get("status") == bad:
                told.append(f"{condition.get('reason')}: {condition.get('message')}")
        left = self.pods()
        if left:
            pod = left[0]
            name = pod["metadata"]["name"]
            reason = pods.trouble(pod)[0]
            told.append(f"Pod {self.namespace}/{name}: {reason}")
            warned = self._warning("Pod", name)
            if warned and warned not in reason:
                told.append(warned)
        else:
            told.append(self._warning(self.item["kind"], self.item["metadata"]["name"]))
        return "".join(f"{text.rstrip('.')}. " for text in dict.fromkeys(filter(None, told)))

    def _warning(self, kind: str, name: str) -> str:
        for event in reversed(self.kube.events(self.namespace, kind, name)):
            if event["type"] == "Warning":
                return f"{event['reason']}: {event['message']}"
        return ""

    def events(self) -> list[Json]:
        """What was noted about it and its pods that are not ready, each with whom it is about."""
        about = [(self.item["kind"], self.item["metadata"]["name"])]
        about += [("Pod", pod["metadata"]["name"]) for pod in self.pods()[:3]]
        return [
            {"object": f"{kind} {self.namespace}/{name}", **event}
            for kind, name in about
            for event in self.kube.events(self.namespace, kind, name)
        ]
