# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Custom resource definitions: a type that a definition describes is served as soon as the definition is stored.

https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/. Only the stored
version of a type is served, and there is no conversion.
"""

from __future__ import annotations

import re
import typing as t

from . import errors
from .kinds import Type
from .store import Event, Store, Write
from .validation import LABEL, SUBDOMAIN, bad, required, unsupported

Json = dict[str, t.Any]

KEY = "customresourcedefinitions.apiextensions.k8s.io"
GKE_EGRESS_NAT_POLICY: Json = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {
        "name": "egressnatpolicies.networking.gke.io",
        "labels": {"addonmanager.kubernetes.io/mode": "Reconcile"},
    },
    "spec": {
        "group": "networking.gke.io",
        "scope": "Cluster",
        "names": {
            "plural": "egressnatpolicies",
            "singular": "egressnatpolicy",
            "kind": "EgressNATPolicy",
            "listKind": "EgressNATPolicyList",
        },
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "description": "Which egress traffic of Pods keeps their addresses.",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "required": ["action", "destinations"],
                                "properties": {
                                    "action": {
                                        "type": "string",
                                        "enum": ["NoSNAT"],
                                        "description": "What to do with the traffic that is selected.",
                                    },
                                    "destinations": {
                                        "type": "array",
                                        "description": "Where the traffic goes that is selected: any of these.",
                                        "items": {"type": "object", "properties": {"cidr": {"type": "string"}}},
                                    },
                                },
                            },
                            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                        },
                    }
                },
            }
        ],
    },
}
"""Of Autopilot: https://cloud.google.com/kubernetes-engine/docs/how-to/egress-nat-policy-ip-masq-autopilot. The fields
are Google's, the descriptions ours."""


def attach(store: Store) -> None:
    """Let a store serve what is defined in it."""
    store.admission.append(admit)

    def follow(event: Event) -> None:
        if event.key != KEY:
            return
        if event.type == "DELETED":
            store.unregister(event.stored["metadata"]["name"])
            return
        store.register(type_of(event.stored))
        establish(store, event.stored["metadata"]["name"])

    store.watch(follow)


def admit(write: Write) -> None:
    """Defaults and validation of definitions."""
    if write.type.key != KEY or write.verb == "delete" or write.subresource:
        return
    spec = write.new.setdefault("spec", {})
    names = spec.setdefault("names", {})
    if names.get("kind"):
        names.setdefault("singular", names["kind"].lower())
        names.setdefault("listKind", f"{names['kind']}List")
    spec.setdefault("conversion", {"strategy": "None"})
    name = write.new["metadata"].get("name", "")
    causes = []
    if name != f"{names.get('plural')}.{spec.get('group')}":
        causes.append(bad("metadata.name", name, 'must be spec.names.plural+"."+spec.group'))
    if not re.fullmatch(SUBDOMAIN, spec.get("group", "")) or "." not in spec.get("group", ""):
        causes.append(bad("spec.group", spec.get("group", ""), "should be a domain with at least one dot"))
    for field in ("plural", "kind"):
        if not names.get(field):
            causes.append(required(f"spec.names.{field}"))
    if names.get("plural") and not re.fullmatch(LABEL, names["plural"]):
        causes.append(bad("spec.names.plural", names["plural"], "must be a DNS label"))
    if spec.get("scope") not in ("Cluster", "Namespaced"):
        causes.append(unsupported("spec.scope", spec.get("scope", ""), ("Cluster", "Namespaced")))
    versions = spec.get("versions") or []
    if sum(1 for version in versions if version.get("storage")) != 1:
        listed = [version.get("name") for version in versions]
        causes.append(bad("spec.versions", listed, "must have exactly one version marked as storage version"))
    for at, version in enumerate(versions):
        if not (version.get("schema") or {}).get("openAPIV3Schema"):
            causes.append(required(f"spec.versions[{at}].schema.openAPIV3Schema", "schemas are required"))
    if write.old is not None:
        old = write.old["spec"]
        for path, new_value, old_value in (
            ("spec.group", spec.get("group"), old.get("group")),
            ("spec.scope", spec.get("scope"), old.get("scope")),
            ("spec.names.plural", names.get("plural"), old["names"].get("plural")),
            ("spec.names.kind", names.get("kind"), old["names"].get("kind")),
        ):
            if new_value != old_value:
                causes.append(bad(path, new_value, "field is immutable"))
    elif write.store.types.get(name) is not None:
        causes.append(bad("metadata.name", name, "is a type that is built in"))
    if causes:
        raise errors.invalid("CustomResourceDefinition", "apiextensions.k8s.io", name, causes)


def type_of(definition: Json) -> Type:
    """The type that a definition makes."""
    spec = definition["spec"]
    names = spec["names"]
    version = next(item for item in spec["versions"] if item.get("storage"))
    columns = version.get("additionalPrinterColumns") or (
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    )
    return Type(
        group=spec["group"],
        version=version["name"],
        plural=names["plural"],
        kind=names["kind"],
        namespaced=spec["scope"] == "Namespaced",
        short=tuple(names.get("shortNames") or ()),
        subresources=frozenset(version.get("subresources") or ()),
        categories=tuple(names.get("categories") or ()),
        generation=True,
        singular=names["singular"],
        list_kind=names["listKind"],
        schema=version["schema"]["openAPIV3Schema"],
        columns=tuple(columns),
    )


def establish(store: Store, name: str) -> None:
    """Say in the definition's status that its type is served."""
    item = store.find(KEY, "", name)
    if item is None or (item.get("status") or {}).get("conditions"):
        return
    now = store.timestamp()
    item["status"] = {
        "acceptedNames": item["spec"]["names"],
        "conditions": [
            {
                "lastTransitionTime": now,
                "message": "no conflicts found",
                "reason": "NoConflicts",
                "status": "True",
                "type": "NamesAccepted",
            },
            {
                "lastTransitionTime": now,
                "message": "the initial names have been accepted",
                "reason": "InitialNamesAccepted",
                "status": "True",
                "type": "Established",
            },
        ],
        "storedVersions": [version["name"] for version in item["spec"]["versions"] if version.get("storage")],
    }
    store.update_status(KEY, item)
