# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects to apply: those of a manifest, or the Deployment that an image and some options make. Pure.

The Deployment is as strict as usual images bear: no gain of privileges, the runtime's filter of system calls, no token
of the cluster's API. Images that start as root and change their user (nginx does) would not bear more; with
``pod_security=restricted`` it meets the restricted Pod Security Standard, for images that do.
Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

import base64
import copy
import re
import typing as t

from ..errors import InvalidInput
from .client import MANAGED_BY, OWNER, Json
from .service_changes import NAMESPACE_NAME, PORT_NAME, as_text

try:
    import yaml
except ImportError:
    # only a manifest that is text needs it, and says so
    yaml = None  # type: ignore[assignment]  # only the name must exist

#: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ (DNS subdomain)
OBJECT_NAME = re.compile(r"[a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?")
ENV_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
#: kinds that make pods of a template, and are rolled out
ROLLED_OUT = ("Deployment", "StatefulSet", "DaemonSet")

#: what says which pods there shall be: options of the module workload, and of internal_service's option workload
CONTENT_OPTIONS: dict[str, t.Any] = {
    "name": {"type": "str"},
    "image": {"type": "str"},
    "port": {"type": "int"},
    "ports": {
        "type": "list",
        "elements": "dict",
        "options": {
            "port": {"type": "int", "required": True},
            "protocol": {"type": "str", "choices": ["TCP", "UDP"], "default": "TCP"},
            "name": {"type": "str"},
        },
    },
    "replicas": {"type": "int"},
    "labels": {"type": "dict"},
    "env": {"type": "dict"},
    "command": {"type": "list", "elements": "str"},
    "args": {"type": "list", "elements": "str"},
    "requests": {"type": "dict"},
    "limits": {"type": "dict"},
    "readiness_path": {"type": "str"},
    "pod_security": {"type": "str", "choices": ["baseline", "restricted"], "default": "baseline"},
    "manifest": {"type": "raw"},
}
#: those that only an image needs
OF_IMAGE = ("image", "port", "ports", "replicas", "labels", "env", "command", "args", "requests", "limits")


# ---- a manifest


def documents(manifest: t.Any, where: str = "manifest") -> list[Json]:
    """The objects of a manifest, which is YAML text, one object or a list of them. Raises :class:`InvalidInput`."""
    if isinstance(manifest, str):
        if yaml is None:
            raise InvalidInput(f"{where}: the Python package PyYAML is missing, which text needs: give a list")
        try:
            manifest = list(yaml.safe_load_all(manifest))
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            at = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
            # not what stands there: it may be a Secret's
            raise InvalidInput(f"{where}: no YAML{at}: {getattr(error, 'problem', None) or 'unreadable'}") from None
    found: list[Json] = []
    for index, item in enumerate(manifest if isinstance(manifest, list) else [manifest]):
        if item is None:
            continue
        if not isinstance(item, dict):
            raise InvalidInput(f"{where}[{index}]: a {type(item).__name__} is no object of Kubernetes: give a dict")
        found += item["items"] if item.get("kind") == "List" and isinstance(item.get("items"), list) else [item]
    if not found:
        raise InvalidInput(f"{where}: there is no object in it")
    return found


def manifest_complaints(items: t.Sequence[t.Any], namespace: str, where: str = "manifest") -> list[str]:
    """What can be known to be wrong with a manifest's objects without asking anybody."""
    found: list[str] = []
    seen: dict[t.Any, int] = {}
    for index, item in enumerate(items):
        at = f"{where}[{index}]"
        metadata = item.get("metadata") if isinstance(item, dict) else None
        if not isinstance(item, dict) or not isinstance(metadata, dict):
            found.append(f"{at}: it is no object of Kubernetes: apiVersion, kind and metadata are needed")
            continue
        for key in ("apiVersion", "kind"):
            if not isinstance(item.get(key), str) or not item[key]:
                found.append(f"{at}.{key} is missing")
        name, inside = metadata.get("name"), metadata.get("namespace", namespace)
        if not isinstance(name, str) or not OBJECT_NAME.fullmatch(name):
            found.append(f"{at}.metadata.name: {name!r} is no name of an object")
        if not isinstance(inside, str) or not NAMESPACE_NAME.fullmatch(inside):
            found.append(f"{at}.metadata.namespace: {inside!r} is no name of a namespace")
        labels = metadata.get("labels") or {}
        if not isinstance(labels, dict):
            found.append(f"{at}.metadata.labels: they are no dict")
        elif labels.get(MANAGED_BY, OWNER) != OWNER:
            found.append(
                f"{at}.metadata.labels: {MANAGED_BY!r} says whose it is, and is set by this module: leave it out"
            )
        spec = item.get("spec")
        if item.get("kind") in ROLLED_OUT and not isinstance((spec or {}).get("template"), dict):
            found.append(f"{at}.spec.template is missing")
        key = str([item.get("apiVersion"), item.get("kind"), inside, name])
        if key in seen:
            found.append(f"{at}: {item.get('kind')} {inside}/{name} is there twice ({where}[{seen[key]}])")
        seen.setdefault(key, index)
    return found


def prepared(item: Json, namespace: str) -> Json:
    """An object as it is applied: with its namespace, without what only the API says, a Secret's text encoded.

    The API encodes ``stringData`` too, but then nobody owns what came of it, and it could not be removed again.
    """
    found = copy.deepcopy(item)
    found.pop("status", None)
    metadata = found["metadata"]
    for key in ("creationTimestamp", "resourceVersion", "uid", "generation", "managedFields", "selfLink"):
        metadata.pop(key, None)
    metadata.setdefault("namespace", namespace)
    if isinstance(found.get("stringData"), dict):
        texts = found.pop("stringData")
        coded = {key: base64.b64encode(as_text(value).encode()).decode() for key, value in texts.items()}
        found["data"] = {**(found.get("data") or {}), **coded}
    return found


# ---- a Deployment of options


def image_complaints(params: Json, where: str = "") -> list[str]:
    """What is wrong with the options that describe a Deployment."""
    found = []
    if not re.fullmatch(r"\S+", params["image"]):
        found.append(f"{where}image: {params['image']!r} is no name of an image")
    if params.get("port") is not None and params.get("ports") is not None:
        found.append(f"{where}port, {where}ports: give one of them")
    listed = container_ports(params)
    for index, port in enumerate(listed):
        at = f"{where}ports[{index}]" if params.get("ports") is not None else f"{where}port"
        if not 1 <= port["containerPort"] <= 65535:
            found.append(f"{at}: {port['containerPort']} is not between 1 and 65535")
        if port.get("name") and not (len(port["name"]) <= 15 and PORT_NAME.fullmatch(port["name"])):
            found.append(f"{at}.name: {port['name']!r} is no name of a port")
        if any(_same_port(port, other) for other in listed[:index]):
            found.append(f"{at}: {port['protocol']} {port['containerPort']} is there twice")
    if params.get("replicas") is not None and params["replicas"] < 0:
        found.append(f"{where}replicas: {params['replicas']} is less than 0")
    for option in ("labels", "env", "requests", "limits"):
        for key, value in (params.get(option) or {}).items():
            if isinstance(value, (dict, list)) or value is None:
                found.append(f"{where}{option}: {key!r}: {value!r} is no text")
    if MANAGED_BY in (params.get("labels") or {}):
        found.append(f"{where}labels: {MANAGED_BY!r} is set by this module: leave it out")
    if params.get("labels") is not None and not params["labels"]:
        found.append(f"{where}labels: there is none: give at least one, or leave the option out")
    for name in params.get("env") or {}:
        if not ENV_NAME.fullmatch(name):
            found.append(f"{where}env: {name!r} is no name of a variable")
    if params.get("readiness_path"):
        if not params["readiness_path"].startswith("/"):
            found.append(f"{where}readiness_path: {params['readiness_path']!r} does not start with /")
        if not any(port["protocol"] == "TCP" for port in listed):
            found.append(f"{where}readiness_path: it is asked for at the first TCP port, and there is none: give port")
    return found


def _same_port(one: Json, other: Json) -> bool:
    return (one["protocol"], one["containerPort"]) == (other["protocol"], other["containerPort"])


def container_ports(params: Json) -> list[Json]:
    """The container's ports, as a Deployment has them."""
    if params.get("port") is not None:
        return [{"containerPort": params["port"], "protocol": "TCP"}]
    return [
        {
            "containerPort": port["port"],
            "protocol": port.get("protocol") or "TCP",
            **({"name": port["name"]} if port.get("name") else {}),
        }
        for port in params.get("ports") or []
    ]


def deployment(params: Json) -> Json:
    """The Deployment that the options describe, where there is none of its name yet."""
    labels = {key: as_text(value) for key, value in (params.get("labels") or {"app": params["name"]}).items()}
    container: Json = {
        "name": params["name"],
        "image": params["image"],
        "securityContext": {"allowPrivilegeEscalation": False},
    }
    security: Json = {"seccompProfile": {"type": "RuntimeDefault"}}
    if params["pod_security"] == "restricted":
        security["runAsNonRoot"] = True
        container["securityContext"]["capabilities"] = {"drop": ["ALL"]}
    ports = container_ports(params)
    if ports:
        container["ports"] = ports
    if params.get("env"):
        container["env"] = [{"name": name, "value": as_text(value)} for name, value in params["env"].items()]
    for option in ("command", "args"):
        if params.get(option):
            container[option] = params[option]
    resources = {
        option: {key: as_text(value) for key, value in params[option].items()}
        for option in ("requests", "limits")
        if params.get(option)
    }
    if resources:
        container["resources"] = resources
    if params.get("readiness_path"):
        port = next((port["containerPort"] for port in ports if port["protocol"] == "TCP"), None)
        container["readinessProbe"] = {"httpGet": {"path": params["readiness_path"], "port": port}}
    spec: Json = {
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": dict(labels)},
            "spec": {
                "automountServiceAccountToken": False,
                "containers": [container],
                "securityContext": security,
            },
        },
    }
    if params.get("replicas") is not None:
        spec["replicas"] = params["replicas"]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": params["name"], "namespace": params["namespace"], "labels": dict(labels)},
        "spec": spec,
    }


def fitted(wanted: Json, current: Json, *, labels_given: bool) -> Json:
    """The Deployment of options on top of one that is there: its selector cannot change and stays, so its pods keep the
    labels for it, and its only container keeps its name. Labels that the caller gave and that contradict the selector
    are left for the API to refuse."""
    found = copy.deepcopy(wanted)
    spec, before = found["spec"], current.get("spec") or {}
    needed = (before.get("selector") or {}).get("matchLabels") or {}
    labels = spec["template"]["metadata"]["labels"]
    if not labels_given or all(labels.get(key, value) == value for key, value in needed.items()):
        spec["selector"] = copy.deepcopy(before.get("selector") or spec["selector"])
        spec["template"]["metadata"]["labels"] = {**labels, **needed}
    containers = ((before.get("template") or {}).get("spec") or {}).get("containers") or []
    if len(containers) == 1:
        spec["template"]["spec"]["containers"][0]["name"] = containers[0]["name"]
    return found


# ---- what a Service in front of it needs


def selector_of(items: t.Sequence[Json]) -> Json | None:
    """The labels by which the first workload finds its pods."""
    for item in items:
        if item.get("kind") in ROLLED_OUT:
            labels = ((item.get("spec") or {}).get("selector") or {}).get("matchLabels")
            return dict(labels) if labels else None
    return None


def service_ports(items: t.Sequence[Json]) -> list[Json] | None:
    """The ports of the first workload's containers, as the option ``ports`` of internal_service has them."""
    for item in items:
        if item.get("kind") not in ROLLED_OUT:
            continue
        template = (item.get("spec") or {}).get("template") or {}
        containers = (template.get("spec") or {}).get("containers") or []
        listed = [port for container in containers for port in container.get("ports") or []]
        return [
            {
                "port": port["containerPort"],
                "target_port": str(port["containerPort"]),
                "protocol": port.get("protocol") or "TCP",
                # each needs a name where there are several
                "name": port.get("name") or (f"port-{port['containerPort']}" if len(listed) > 1 else None),
            }
            for port in listed
        ] or None
    return None


# ---- what may be shown

HIDDEN = "hidden"
HIDDEN_OTHER = "hidden, another one"
#: it repeats the whole object, a Secret's values too
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def secret_values(item: Json) -> set[str]:
    """A Secret's values, plain and encoded, as far as they are long enough not to be found everywhere."""
    found: set[str] = set()
    if item.get("kind") == "Secret":
        for value in (item.get("data") or {}).values():
            found.add(str(value))
            try:
                found.add(base64.b64decode(str(value)).decode())
            except ValueError:
                continue
    return {value for value in found if len(value) >= 6}


def hidden(item: Json, before: Json | None = None) -> Json:
    """An object without a Secret's values; those that differ from the ones before say so."""
    metadata = dict(item.get("metadata") or {})
    annotations = dict(metadata.get("annotations") or {})
    if annotations.pop(LAST_APPLIED, None) is not None:
        metadata["annotations"] = annotations
    found = {**item, "metadata": metadata}
    if item.get("kind") == "Secret":
        known = (before or {}).get("data") or {}
        found.pop("stringData", None)
        found["data"] = {
            key: HIDDEN_OTHER if before is not None and known.get(key) != value else HIDDEN
            for key, value in (item.get("data") or {}).items()
        }
    return found


def tidy(item: Json) -> Json:
    """What people write into an object: no status, no bookkeeping. With a Secret's values: only to compare."""
    own = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")
    metadata = {key: value for key, value in item["metadata"].items() if key not in own}
    return {**{key: value for key, value in item.items() if key != "status"}, "metadata": metadata}


def projection(item: Json | None, before: Json | None = None) -> Json | None:
    """The same to show, in diffs."""
    return None if item is None else hidden(tidy(item), before)


def differences(before: t.Any, after: t.Any, path: str = "") -> list[str]:
    """Where two objects differ: paths of fields, items of lists by their name or place. Never values."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [
            where
            for key in sorted({*before, *after})
            for where in differences(before.get(key), after.get(key), f"{path}.{key}" if path else key)
        ]
    if isinstance(before, list) and isinstance(after, list):
        named = all(isinstance(item, dict) and item.get("name") for item in [*before, *after])
        if named and len({item["name"] for item in before}) == len(before):
            known = {item["name"]: item for item in before}
            new = {item["name"]: item for item in after}
            found = [
                where
                for name in sorted({*known, *new})
                for where in differences(known.get(name), new.get(name), f"{path}[{name}]")
            ]
            return found or ([] if before == after else [path])
        if len(before) == len(after):
            pairs = enumerate(zip(before, after, strict=True))
            return [where for index, (one, two) in pairs for where in differences(one, two, f"{path}[{index}]")]
    return [] if before == after else [path]


# ---- grades


def disruption(before: Json, after: Json) -> str | None:
    """Why a change may cut traffic that flows now, if so. A rolling update does not."""
    kind = before.get("kind")
    old, new = before.get("spec") or {}, after.get("spec") or {}
    if kind in ("Deployment", "StatefulSet", "ReplicaSet"):
        if old.get("replicas", 1) > 0 and new.get("replicas", 1) == 0:
            return "no pod is left"
        recreates = (new.get("strategy") or {}).get("type") == "Recreate"
        if recreates and old.get("template") != new.get("template"):
            return "its strategy is Recreate: all pods go before new ones come"
    if kind == "Service":
        for field in ("selector", "type", "clusterIP", "loadBalancerIP", "externalTrafficPolicy"):
            if old.get(field) != new.get(field):
                return f"its {field} changes"
        ports = {(port.get("protocol", "TCP"), port["port"]): port.get("targetPort") for port in new.get("ports") or []}
        for port in old.get("ports") or []:
            if ports.get((port.get("protocol", "TCP"), port["port"]), ()) != port.get("targetPort"):
                return f"its port {port['port']} goes or leads elsewhere"
    if kind == "NetworkPolicy" and old != new:
        return "it decides who may connect"
    return None
