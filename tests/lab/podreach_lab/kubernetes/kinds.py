# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The types that an API server of the lab serves. What a custom resource definition adds is registered at run time.

Names, short names, categories and verbs: recorded discovery answers of a real server,
https://github.com/kubernetes/kubernetes/tree/master/api/discovery
"""

from __future__ import annotations

import dataclasses
import typing as t

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclasses.dataclass(frozen=True)
class Type:
    """A resource type. `key` is what the store calls it: pods, deployments.apps."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    short: tuple[str, ...] = ()
    subresources: frozenset[str] = frozenset()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = VERBS
    generation: bool = False
    """Whether metadata.generation counts changes of what is wanted."""
    singular: str = ""
    list_kind: str = ""
    schema: t.Any = dataclasses.field(default=None, compare=False, hash=False)
    """Of a custom resource: its OpenAPI v3 schema."""
    columns: tuple[t.Any, ...] = dataclasses.field(default=(), compare=False, hash=False)
    """Of a custom resource: additionalPrinterColumns."""

    @property
    def key(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def root(self) -> str:
        """Where its group and version are served."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    @property
    def one(self) -> str:
        return self.singular or self.kind.lower()

    @property
    def many(self) -> str:
        return self.list_kind or f"{self.kind}List"

    @property
    def has_status(self) -> bool:
        return "status" in self.subresources


def _type(
    group_version: str,
    plural: str,
    kind: str,
    short: str = "",
    subresources: str = "",
    categories: str = "",
    *,
    namespaced: bool = True,
    generation: bool = False,
    verbs: tuple[str, ...] = VERBS,
) -> Type:
    group, separator, version = group_version.rpartition("/")
    return Type(
        group if separator else "",
        version,
        plural,
        kind,
        namespaced,
        tuple(short.split()),
        frozenset(subresources.split()),
        tuple(categories.split()),
        verbs,
        generation,
    )


BUILT_IN: tuple[Type, ...] = (
    _type("v1", "configmaps", "ConfigMap", "cm"),
    _type("v1", "endpoints", "Endpoints", "ep"),
    _type("v1", "events", "Event", "ev"),
    _type(
        "v1",
        "namespaces",
        "Namespace",
        "ns",
        "status",
        namespaced=False,
        verbs=tuple(verb for verb in VERBS if verb != "deletecollection"),
    ),
    _type("v1", "nodes", "Node", "no", "status", namespaced=False),
    _type("v1", "pods", "Pod", "po", "status log exec binding eviction", "all"),
    _type("v1", "secrets", "Secret"),
    _type("v1", "serviceaccounts", "ServiceAccount", "sa"),
    _type("v1", "services", "Service", "svc", "status", "all"),
    _type(
        "apiextensions.k8s.io/v1",
        "customresourcedefinitions",
        "CustomResourceDefinition",
        "crd crds",
        "status",
        "api-extensions",
        namespaced=False,
        generation=True,
    ),
    _type("apps/v1", "daemonsets", "DaemonSet", "ds", "status", "all", generation=True),
    _type("apps/v1", "deployments", "Deployment", "deploy", "status scale", "all", generation=True),
    _type("apps/v1", "replicasets", "ReplicaSet", "rs", "status scale", "all", generation=True),
    _type("apps/v1", "statefulsets", "StatefulSet", "sts", "status scale", "all", generation=True),
    _type("batch/v1", "jobs", "Job", "", "status", "all", generation=True),
    _type("coordination.k8s.io/v1", "leases", "Lease"),
    _type("discovery.k8s.io/v1", "endpointslices", "EndpointSlice", generation=True),
    _type("networking.k8s.io/v1", "networkpolicies", "NetworkPolicy", "netpol", generation=True),
    _type("rbac.authorization.k8s.io/v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False),
    _type("rbac.authorization.k8s.io/v1", "clusterroles", "ClusterRole", namespaced=False),
    _type("rbac.authorization.k8s.io/v1", "rolebindings", "RoleBinding"),
    _type("rbac.authorization.k8s.io/v1", "roles", "Role"),
)
