# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server says of itself: groups, versions, resources and their schemas.

In the shapes of recorded answers (https://github.com/kubernetes/kubernetes/tree/master/api/discovery) and of
https://kubernetes.io/docs/concepts/overview/kubernetes-api/: legacy and aggregated discovery, OpenAPI v2 and v3.
"""

from __future__ import annotations

import hashlib
import json
import typing as t

from . import schema as schemas
from .kinds import Type
from .store import Store

Json = dict[str, t.Any]

REVIEWS = (
    ("authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview"),
    ("authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
    ("authorization.k8s.io", "v1", "selfsubjectrulesreviews", "SelfSubjectRulesReview"),
)
"""Answered at once, never stored."""

SUBRESOURCES: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "status": ("", "", "", ("get", "patch", "update")),
    "scale": ("autoscaling", "v1", "Scale", ("get", "patch", "update")),
    "log": ("", "", "", ("get",)),
    "exec": ("", "", "PodExecOptions", ("create", "get")),
    "binding": ("", "", "Binding", ("create",)),
    "eviction": ("policy", "v1", "Eviction", ("create",)),
}
"""Group, version and kind (where they are not the parent's) and verbs."""


def types(store: Store) -> list[Type]:
    """All that is served, with the reviews."""
    reviews = [
        Type(group, version, plural, kind, namespaced=False, verbs=("create",))
        for group, version, plural, kind in REVIEWS
    ]
    return [*store.types.values(), *reviews]


def groups(store: Store) -> dict[str, list[str]]:
    """Versions by named group, the preferred one first."""
    found: dict[str, list[str]] = {}
    for kind in types(store):
        versions = found.setdefault(kind.group, [])
        if kind.version not in versions:
            versions.append(kind.version)
    found.pop("", None)
    return found


# ---- legacy discovery


def api_versions(address: str) -> Json:
    """GET /api"""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }


def _group(name: str, versions: list[str]) -> Json:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def api_groups(store: Store) -> Json:
    """GET /apis"""
    found = [_group(name, versions) for name, versions in groups(store).items()]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": found}


def api_group(store: Store, name: str) -> Json | None:
    """GET /apis/GROUP"""
    versions = groups(store).get(name)
    return None if versions is None else {"kind": "APIGroup", "apiVersion": "v1"} | _group(name, versions)


def resources(store: Store, group: str, version: str) -> Json | None:
    """GET /api/v1, /apis/GROUP/VERSION"""
    found: list[Json] = []
    for kind in types(store):
        if (kind.group, kind.version) != (group, version):
            continue
        entry: Json = {
            "name": kind.plural,
            "singularName": kind.one,
            "namespaced": kind.namespaced,
            "kind": kind.kind,
            "verbs": list(kind.verbs),
        }
        if kind.short:
            entry["shortNames"] = list(kind.short)
        if kind.categories:
            entry["categories"] = list(kind.categories)
        found.append(entry)
        for name in sorted(kind.subresources):
            other_group, other_version, other_kind, verbs = SUBRESOURCES[name]
            entry = {
                "name": f"{kind.plural}/{name}",
                "singularName": "",
                "namespaced": kind.namespaced,
                "kind": other_kind or kind.kind,
                "verbs": list(verbs),
            }
            if other_group:
                entry = {"group": other_group, "version": other_version} | entry
            found.append(entry)
    if not found:
        return None
    name = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": found}


# ---- aggregated discovery


def aggregated(store: Store, *, core: bool, version: str) -> Json:
    """GET /api or /apis by who asks for apidiscovery.k8s.io."""
    names = {"": ["v1"]} if core else groups(store)
    found = []
    for group, versions in names.items():
        entry: Json = {"metadata": {"name": group, "creationTimestamp": None} if group else {"creationTimestamp": None}}
        entry["versions"] = [
            {"version": item, "resources": _aggregated(store, group, item), "freshness": "Current"} for item in versions
        ]
        found.append(entry)
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "metadata": {},
        "items": found,
    }


def _aggregated(store: Store, group: str, version: str) -> list[Json]:
    found = []
    for kind in types(store):
        if (kind.group, kind.version) != (group, version):
            continue
        entry: Json = {
            "resource": kind.plural,
            "responseKind": {"group": "", "version": "", "kind": kind.kind},  # empty: the parent's, as recorded
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "singularResource": kind.one,
            "verbs": list(kind.verbs),
        }
        if kind.short:
            entry["shortNames"] = list(kind.short)
        if kind.categories:
            entry["categories"] = list(kind.categories)
        if kind.subresources:
            entry["subresources"] = [_subresource(kind, name) for name in sorted(kind.subresources)]
        found.append(entry)
    return found


def _subresource(kind: Type, name: str) -> Json:
    group, version, other, verbs = SUBRESOURCES[name]
    response = {"group": group, "version": version, "kind": other or kind.kind}
    return {"subresource": name, "responseKind": response, "verbs": list(verbs)}


# ---- OpenAPI


def openapi_v2(store: Store, version: str) -> Json:
    """GET /openapi/v2"""
    definitions = dict(schemas.definitions())
    paths: Json = {}
    for kind in store.types.values():
        name = _definition(kind)
        if name not in definitions:
            definitions[name] = {**schemas.of(kind), "x-kubernetes-group-version-kind": [_gvk(kind)]}
        paths |= _paths(kind, f"#/definitions/{name}", third=False)
    info = {"title": "Kubernetes", "version": version}
    return {"swagger": "2.0", "info": info, "paths": paths, "definitions": definitions}


def openapi_v3_index(store: Store) -> Json:
    """GET /openapi/v3"""
    found = {}
    for root in sorted({kind.root for kind in store.types.values()}):
        name = root.lstrip("/")
        text = repr([(kind, json.dumps(kind.schema, sort_keys=True)) for kind in _under(store, name)])
        digest = hashlib.sha256(text.encode()).hexdigest().upper()
        found[name] = {"serverRelativeURL": f"/openapi/v3/{name}?hash={digest}"}
    return {"paths": found}


def _under(store: Store, name: str) -> list[Type]:
    return [kind for kind in store.types.values() if kind.root == f"/{name}"]


def openapi_v3(store: Store, name: str, version: str) -> Json | None:
    """GET /openapi/v3/api/v1, /openapi/v3/apis/GROUP/VERSION"""
    kinds = _under(store, name)
    if not kinds:
        return None
    components: Json = {}
    paths: Json = {}
    for kind in kinds:
        top = _definition(kind)
        body = {**schemas.of(kind), "x-kubernetes-group-version-kind": [_gvk(kind)]}
        _collect(top, body, components)
        paths |= _paths(kind, f"#/components/schemas/{top}", third=True)
    info = {"title": "Kubernetes", "version": version}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": components}}


def _definition(kind: Type) -> str:
    found = schemas.definition_name(kind.group, kind.version, kind.kind)
    if found:
        return found
    return ".".join([*reversed(kind.group.split(".")), kind.version, kind.kind])


def _gvk(kind: Type) -> Json:
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}


def _collect(name: str, body: Json, components: Json) -> None:
    if name in components:
        return
    found: list[str] = []
    components[name] = _third(body, found)
    for reference in found:
        _collect(reference, schemas.definitions()[reference], components)


def _third(value: t.Any, found: list[str]) -> t.Any:
    """A schema of v2 in v3's words."""
    if isinstance(value, list):
        return [_third(item, found) for item in value]
    if not isinstance(value, dict):
        return value
    reference = value.get("$ref")
    if isinstance(reference, str):
        name = reference.rsplit("/", 1)[1]
        found.append(name)
        here = {"$ref": f"#/components/schemas/{name}"}
        rest = {key: item for key, item in value.items() if key != "$ref"}
        return {**rest, "allOf": [here]} if rest else here
    if value.get("format") == "int-or-string":
        return {"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]}
    result = {key: _third(item, found) for key, item in value.items() if key != "properties"}
    if isinstance(value.get("properties"), dict):
        result["properties"] = {key: _third(item, found) for key, item in value["properties"].items()}
    return result


_WRITE = ("dryRun", "fieldManager", "fieldValidation")


def _paths(kind: Type, reference: str, *, third: bool) -> Json:
    """The paths of a type: enough for clients that look up which parameters a write takes."""
    collection = (
        f"{kind.root}/namespaces/{{namespace}}/{kind.plural}" if kind.namespaced else f"{kind.root}/{kind.plural}"
    )
    paths: Json = {
        collection: {"get": _operation(kind, "list", (), reference, third=third)},
        f"{collection}/{{name}}": {"get": _operation(kind, "get", (), reference, third=third)},
    }
    if "create" in kind.verbs:
        paths[collection]["post"] = _operation(kind, "post", _WRITE, reference, third=third)
        paths[f"{collection}/{{name}}"]["put"] = _operation(kind, "put", _WRITE, reference, third=third)
        paths[f"{collection}/{{name}}"]["patch"] = _operation(kind, "patch", (*_WRITE, "force"), reference, third=third)
        paths[f"{collection}/{{name}}"]["delete"] = _operation(kind, "delete", ("dryRun",), reference, third=third)
    return paths


def _operation(kind: Type, action: str, names: tuple[str, ...], reference: str, *, third: bool) -> Json:
    parameters: list[Json] = []
    for name in names:
        shape: Json = {"type": "boolean" if name == "force" else "string", "uniqueItems": True}
        entry: Json = {"name": name, "in": "query"}
        parameters.append(entry | ({"schema": shape} if third else shape))
    schema = {"$ref": reference}
    answer: Json = {"description": "OK"}
    answer |= {"content": {"application/json": {"schema": schema}}} if third else {"schema": schema}
    return {
        "operationId": f"{action}{kind.group.partition('.')[0].capitalize()}{kind.version.capitalize()}{kind.kind}",
        "parameters": parameters,
        "responses": {"200": answer},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": _gvk(kind),
    }
