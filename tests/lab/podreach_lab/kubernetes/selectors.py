# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Label and field selectors, as query parameters write them.

Grammar: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from .errors import bad_request

Json = dict[str, t.Any]

_NAME = r"[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?"
_SET = re.compile(rf"^({_NAME})\s+(in|notin)\s*\(([^()]*)\)$")
_EQUAL = re.compile(rf"^({_NAME})\s*(==|=|!=)\s*([-A-Za-z0-9_.]*)$")
_EXISTS = re.compile(rf"^(!?)\s*({_NAME})$")


@dataclasses.dataclass(frozen=True)
class Requirement:
    """One condition on labels. operator: In, NotIn, Exists, DoesNotExist."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: t.Mapping[str, str]) -> bool:
        if self.operator == "Exists":
            return self.key in labels
        if self.operator == "DoesNotExist":
            return self.key not in labels
        if self.operator == "In":
            return self.key in labels and labels[self.key] in self.values
        return labels.get(self.key) not in self.values


LabelSelector = tuple[Requirement, ...]


def parse_labels(text: str) -> LabelSelector:
    """The labelSelector parameter; 400 where it makes no sense."""
    found = []
    for part in re.split(r",(?![^(]*\))", text) if text.strip() else []:
        part = part.strip()
        if match := _SET.match(part):
            values = tuple(value.strip() for value in match[3].split(","))
            found.append(Requirement(match[1], "In" if match[2] == "in" else "NotIn", values))
        elif match := _EQUAL.match(part):
            found.append(Requirement(match[1], "NotIn" if match[2] == "!=" else "In", (match[3],)))
        elif match := _EXISTS.match(part):
            found.append(Requirement(match[2], "DoesNotExist" if match[1] else "Exists"))
        else:
            raise bad_request(f"unable to parse requirement: found '{part}', which is no label selector")
    return tuple(found)


def from_object(selector: Json | None) -> LabelSelector:
    """A LabelSelector of an object (matchLabels, matchExpressions). Empty or None selects all."""
    selector = selector or {}
    equal = [Requirement(key, "In", (value,)) for key, value in (selector.get("matchLabels") or {}).items()]
    expressions = [
        Requirement(item["key"], item["operator"], tuple(item.get("values") or ()))
        for item in selector.get("matchExpressions") or ()
    ]
    return (*equal, *expressions)


def matches(selector: LabelSelector, labels: t.Mapping[str, str] | None) -> bool:
    return all(requirement.matches(labels or {}) for requirement in selector)


FIELDS: dict[str, tuple[str, ...]] = {
    "pods": (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    ),
    "nodes": ("spec.unschedulable",),
    "namespaces": ("status.phase",),
    "secrets": ("type",),
    "services": ("spec.clusterIP", "spec.type"),
    "replicasets.apps": ("status.replicas",),
    "jobs.batch": ("status.successful",),
    "events": (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
}
"""Fields that a type can be selected by, besides metadata.name and metadata.namespace."""

FieldSelector = tuple[tuple[str, bool, str], ...]


def parse_fields(text: str, key: str) -> FieldSelector:
    """The fieldSelector parameter as (field, must be equal, value)."""
    found = []
    for part in text.split(",") if text.strip() else []:
        match = re.match(r"^([^=!]+)(==|=|!=)(.*)$", part.strip())
        if match is None:
            raise bad_request(f"invalid selector: '{part}'; can't understand '{part}'")
        if match[1] not in ("metadata.name", "metadata.namespace", *FIELDS.get(key, ())):
            raise bad_request(f"field label not supported: {match[1]}")
        found.append((match[1], match[2] != "!=", match[3]))
    return tuple(found)


def matches_fields(selector: FieldSelector, item: Json) -> bool:
    return all((_text(item, field) == value) == equal for field, equal, value in selector)


def _text(item: t.Any, field: str) -> str:
    for name in field.split("."):
        item = item.get(name) if isinstance(item, dict) else None
    if isinstance(item, bool):
        return str(item).lower()
    return "" if item is None else str(item)
