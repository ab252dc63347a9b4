# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which node a pod may run on. Pure.

https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/ (nodeSelector, required node affinity) and
https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/. Resources, preferences, pod affinity and
topology spread are not looked at.
"""

from __future__ import annotations

import ipaddress
import typing as t

from .selectors import Requirement

Json = dict[str, t.Any]
ADDRESS = "lab.podreach.gke/address"
"""An annotation by which a pod asks the lab for one address."""


def tolerates(tolerations: t.Iterable[Json], taint: Json) -> bool:
    for item in tolerations:
        if item.get("effect") and item["effect"] != taint["effect"]:
            continue
        if item.get("key") and item["key"] != taint["key"]:
            continue
        if item.get("operator", "Equal") == "Exists":
            return True
        if item.get("key") and (item.get("value") or "") == (taint.get("value") or ""):
            return True
    return False


def untolerated(spec: Json, node: Json) -> Json | None:
    """The first taint of a node that keeps a pod away."""
    for taint in node["spec"].get("taints") or []:
        if taint["effect"] in ("NoSchedule", "NoExecute") and not tolerates(spec.get("tolerations") or [], taint):
            return t.cast(Json, taint)
    return None


def selects(spec: Json, node: Json) -> bool:
    """nodeSelector, and the node affinity that scheduling requires."""
    labels = node["metadata"].get("labels") or {}
    if any(labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return False
    affinity = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    )
    if not affinity:
        return True
    return any(_term(term, labels, node["metadata"]["name"]) for term in affinity.get("nodeSelectorTerms") or [])


def _term(term: Json, labels: t.Mapping[str, str], name: str) -> bool:
    expressions, fields = term.get("matchExpressions") or [], term.get("matchFields") or []
    if not expressions and not fields:
        return False
    return all(_matches(item, labels) for item in expressions) and all(
        _matches(item, {"metadata.name": name}) for item in fields
    )


def _matches(item: Json, labels: t.Mapping[str, str]) -> bool:
    values = tuple(item.get("values") or ())
    if item["operator"] in ("Gt", "Lt"):
        have = labels.get(item["key"], "")
        if not have.lstrip("-").isdigit() or len(values) != 1:
            return False
        return int(have) > int(values[0]) if item["operator"] == "Gt" else int(have) < int(values[0])
    return Requirement(item["key"], item["operator"], values).matches(labels)


def wanted_address(pod: Json) -> str:
    return str((pod["metadata"].get("annotations") or {}).get(ADDRESS, ""))


def holds(node: Json, address: str) -> bool:
    """Whether an address is of a node's pod block."""
    try:
        return any(
            ipaddress.ip_address(address) in ipaddress.ip_network(item) for item in node["spec"].get("podCIDRs") or []
        )
    except ValueError:
        return False


def is_ready(node: Json) -> bool:
    conditions = node.get("status", {}).get("conditions") or []
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def refusal(pod: Json, node: Json, room: int) -> str:
    """Why a pod cannot go to a node that has `room` for so many more pods; '' when it can."""
    spec = pod["spec"]
    taint = untolerated(spec, node)
    if taint is not None:
        value = taint.get("value") or ""
        return f"node(s) had untolerated taint {{{taint['key']}: {value}}}"
    if node["spec"].get("unschedulable"):
        unschedulable = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
        if not tolerates(spec.get("tolerations") or [], unschedulable):
            return "node(s) were unschedulable"
    if not is_ready(node):
        return "node(s) had untolerated taint {node.kubernetes.io/not-ready: }"
    if not selects(spec, node):
        return "node(s) didn't match Pod's node affinity/selector"
    address = wanted_address(pod)
    if address and not spec.get("hostNetwork") and not holds(node, address):
        return f"node(s) didn't have the address {address} in their pod block"
    if room < 1:
        return "Too many pods"
    return ""


def choose(pod: Json, nodes: t.Iterable[Json], room: t.Callable[[Json], int]) -> tuple[Json | None, str]:
    """The node with the most room, and why there is none."""
    best: tuple[int, Json] | None = None
    reasons: dict[str, int] = {}
    count = 0
    for node in nodes:
        count += 1
        left = room(node)
        why = refusal(pod, node, left)
        if why:
            reasons[why] = reasons.get(why, 0) + 1
        elif best is None or left > best[0]:
            best = (left, node)
    if best is not None:
        return best[1], ""
    if not count:
        return None, "no nodes available to schedule pods"
    listed = ", ".join(f"{times} {why}" for why, times in sorted(reasons.items()))
    return None, f"0/{count} nodes are available: {listed}."
