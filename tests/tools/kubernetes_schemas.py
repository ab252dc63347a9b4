# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the lab's Kubernetes schemas: the part of a Kubernetes release's OpenAPI document that the lab serves.

    pip download --no-deps kubernetes-validate==1.37.0
    python tests/tools/kubernetes_schemas.py kubernetes_validate-1.37.0-py3-none-any.whl v1.35.0

That package (Apache-2.0) holds the documents of many releases in JSON schema's dialect; here they become definitions
of OpenAPI v2 again, as a Kubernetes API server serves them at /openapi/v2.
"""

from __future__ import annotations

import json
import pathlib
import sys
import typing as t
import zipfile

TARGET = pathlib.Path(__file__).parent.parent / "lab" / "podreach_lab" / "kubernetes" / "schemas.json"
ROOTS = (
    "api.core.v1.ConfigMap",
    "api.core.v1.Endpoints",
    "api.core.v1.Event",
    "api.core.v1.Namespace",
    "api.core.v1.Node",
    "api.core.v1.Pod",
    "api.core.v1.Secret",
    "api.core.v1.Service",
    "api.core.v1.ServiceAccount",
    "api.apps.v1.DaemonSet",
    "api.apps.v1.Deployment",
    "api.apps.v1.ReplicaSet",
    "api.apps.v1.StatefulSet",
    "api.autoscaling.v1.Scale",
    "api.batch.v1.Job",
    "api.coordination.v1.Lease",
    "api.discovery.v1.EndpointSlice",
    "api.networking.v1.NetworkPolicy",
    "api.policy.v1.Eviction",
    "api.rbac.v1.ClusterRole",
    "api.rbac.v1.ClusterRoleBinding",
    "api.rbac.v1.Role",
    "api.rbac.v1.RoleBinding",
    "apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition",
    "apimachinery.pkg.apis.meta.v1.DeleteOptions",
    "apimachinery.pkg.apis.meta.v1.Status",
)
PREFIX = "#/$defs/"


def main(wheel: str, release: str) -> int:
    with zipfile.ZipFile(wheel) as package:
        found = package.read(f"kubernetes_validate/kubernetes-json-schema/{release}-local/_definitions.json")
    everything = json.loads(found)["$defs"]
    wanted: dict[str, t.Any] = {}
    for root in ROOTS:
        collect(f"io.k8s.{root}", everything, wanted)
    head = {
        "licence": "Apache-2.0, The Kubernetes Authors: part of https://github.com/kubernetes/kubernetes "
        "api/openapi-spec/swagger.json, cut out by tests/tools/kubernetes_schemas.py",
        "release": release,
    }
    lines = [f"{json.dumps(name)}: {json.dumps(wanted[name], sort_keys=True)}" for name in sorted(wanted)]
    top = json.dumps(head, indent=0)[:-2]
    TARGET.write_text(top + ',\n"definitions": {\n' + ",\n".join(lines) + "\n}\n}\n", encoding="utf-8")
    print(f"{TARGET}: {len(lines)} definitions, {TARGET.stat().st_size} bytes")
    return 0


def collect(name: str, everything: dict[str, t.Any], wanted: dict[str, t.Any]) -> None:
    """Take a definition and all that it refers to."""
    if name in wanted:
        return
    wanted[name] = openapi(everything[name])
    for reference in references(wanted[name]):
        collect(reference, everything, wanted)


def references(value: t.Any) -> t.Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"].rsplit("/", 1)[1]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def openapi(schema: t.Any) -> t.Any:
    """One schema in OpenAPI v2's words."""
    if isinstance(schema, list):
        return [openapi(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "oneOf" in schema and {"type", "properties"}.isdisjoint(schema):
        # IntOrString and Quantity
        number = any("integer" in choice["type"] for choice in schema["oneOf"])
        return {"type": "string"} | ({"format": "int-or-string"} if number else {})
    result = {}
    for key, value in schema.items():
        if key == "type" and isinstance(value, list):
            result[key] = next(item for item in value if item != "null")
        elif key == "$ref":
            result[key] = value.replace(PREFIX, "#/definitions/")
        elif key == "properties":
            result[key] = {name: openapi(item) for name, item in value.items()}
        else:
            result[key] = openapi(value)
    properties = result.get("properties", {})
    if "x-kubernetes-group-version-kind" in result:
        for name in ("apiVersion", "kind"):
            properties.get(name, {}).pop("enum", None)
    return result


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
