# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Service of type LoadBalancer that GKE makes an internal passthrough load balancer of.

Changes are JSON merge patches of exactly the fields that differ, with the version that was read. Server-side apply was
not taken: it would remove what an earlier call set and this one does not mention, and it would either fight over, or
silently take, fields that Helm, a controller or a person owns. A patch leaves all that alone, and a version that has
moved makes the API refuse it, so that it is planned again.

Annotations and their order of precedence: https://cloud.google.com/kubernetes-engine/docs/how-to/internal-load-balancing
and https://github.com/kubernetes/ingress-gce (pkg/l4/annotations, pkg/l4/address).
"""

from __future__ import annotations

import contextlib
import copy
import ipaddress
import re
import typing as t
from dataclasses import dataclass

from ..arguments import ArgumentSpec, Call, Definition, failure
from ..engine import Consent, Grade, Outcome, Plan, Step, converge
from ..errors import ApiError, Conflict, InvalidInput, PodreachError, Refused, Timeout, raise_all
from ..gcp.resource import shown
from ..gcp.task import rehearse
from .access import ACCESS_SPEC, NoCluster
from .client import FIELD_MANAGER, JSON, MANAGED_BY, MERGE_PATCH, OWNER, Answer, Json, Kube

INTERNAL = "networking.gke.io/load-balancer-type"
LEGACY_INTERNAL = "cloud.google.com/load-balancer-type"
ADDRESS_NAMES = "networking.gke.io/load-balancer-ip-addresses"
GLOBAL_ACCESS = "networking.gke.io/internal-load-balancer-allow-global-access"
SUBNET = "networking.gke.io/internal-load-balancer-subnet"
CLASSES = ("networking.gke.io/l4-regional-internal", "networking.gke.io/l4-regional-internal-legacy")
#: annotation -> the option that sets it
OWN_ANNOTATIONS = {
    INTERNAL: "this module itself",
    LEGACY_INTERNAL: "legacy_annotation",
    ADDRESS_NAMES: "address_names",
    GLOBAL_ACCESS: "global_access",
    SUBNET: "subnet",
}
#: annotations that controllers and kubectl write for themselves
THEIRS = ("service.kubernetes.io/", "cloud.google.com/neg", "kubectl.kubernetes.io/last-applied-configuration")
#: changes of these annotations move the load balancer to another address
MOVING = frozenset({ADDRESS_NAMES, SUBNET})

#: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
SERVICE_NAME = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")
NAMESPACE_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
PORT_NAME = re.compile(r"(?=.*[a-z])[a-z0-9](?:-?[a-z0-9])*")

SPEC = ACCESS_SPEC.merge(
    ArgumentSpec(
        options={
            "name": {"type": "str", "required": True},
            "namespace": {"type": "str", "default": "default"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "selector": {"type": "dict"},
            "ports": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "port": {"type": "int", "required": True},
                    "target_port": {"type": "str"},
                    "protocol": {"type": "str", "choices": ["TCP", "UDP"], "default": "TCP"},
                    "name": {"type": "str"},
                },
            },
            "purge_ports": {"type": "bool", "default": False},
            "labels": {"type": "dict"},
            "annotations": {"type": "dict"},
            "legacy_annotation": {"type": "bool", "default": False},
            "load_balancer_ip": {"type": "str"},
            "address_names": {"type": "list", "elements": "str"},
            "global_access": {"type": "bool"},
            "subnet": {"type": "str"},
            "load_balancer_class": {"type": "str", "choices": list(CLASSES)},
            "source_ranges": {"type": "list", "elements": "str"},
            "purge_source_ranges": {"type": "bool", "default": False},
            "external_traffic_policy": {"type": "str", "choices": ["Cluster", "Local"]},
            "adopt": {"type": "bool", "default": False},
            "allow_disruption": {"type": "bool", "default": False},
            "confirm_replace": {"type": "str"},
            "wait": {"type": "bool", "default": True},
            "timeout": {"type": "int", "default": 300},
        },
        mutually_exclusive=(("load_balancer_ip", "address_names"),),
    )
)


@dataclass(frozen=True)
class Request:
    """One request that changes a Service."""

    method: str
    path: str
    body: Json
    content_type: str = JSON


@dataclass(frozen=True)
class Change:
    """One field that differs: where it is, the option that says so, what it shall be, what that may do to traffic."""

    path: tuple[str, ...]
    option: str
    new: t.Any
    grade: Grade = Grade.SAFE


# ---- what a Service is. Pure.


def annotations_of(service: Json) -> Json:
    return t.cast("Json", (service.get("metadata") or {}).get("annotations") or {})


def labels_of(service: Json) -> Json:
    return t.cast("Json", (service.get("metadata") or {}).get("labels") or {})


def is_ours(service: Json) -> bool:
    return bool(labels_of(service).get(MANAGED_BY) == OWNER)


def is_internal(service: Json) -> bool:
    """Whether GKE makes an internal load balancer of it: by its class, else by either key, in capitals or not."""
    spec = service.get("spec") or {}
    if spec.get("type") != "LoadBalancer":
        return False
    if spec.get("loadBalancerClass"):
        return spec["loadBalancerClass"] in CLASSES
    known = annotations_of(service)
    return str(known.get(INTERNAL) or known.get(LEGACY_INTERNAL) or "").capitalize() == "Internal"


def address_of(service: Json | None) -> str | None:
    """The load balancer's address, if it has one by now."""
    ingress = (((service or {}).get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    return next((str(item["ip"]) for item in ingress if item.get("ip")), None)


def as_text(value: t.Any) -> str:
    """A label's or annotation's value as Kubernetes wants it: always text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def port_key(port: Json) -> tuple[str, int]:
    return str(port.get("protocol") or "TCP"), int(port["port"])


def target_of(port: Json) -> int | str:
    """A port's target as the API has it: a number, or the name of a container's port."""
    value = port.get("targetPort") or port["port"]
    return int(value) if str(value).isdigit() else str(value)


def merged_ports(current: t.Sequence[Json], wanted: t.Sequence[Json], *, purge: bool) -> list[Json]:
    """The ports that a Service shall have. Each keeps what is not mentioned of it, its node port among that."""
    given = {port_key(port): port for port in wanted}
    before = {port_key(port): port for port in current}
    found = [{**port, **given.get(key, {})} for key, port in before.items() if key in given or not purge]
    found += [{"targetPort": port["port"], **port} for key, port in given.items() if key not in before]
    return found


def port_options(ports: t.Sequence[Json]) -> list[Json]:
    """Ports as a Service has them, of the option ``ports``."""
    found = []
    for given in ports:
        port: Json = {"port": given["port"], "protocol": given.get("protocol") or "TCP"}
        if given.get("target_port"):
            port["targetPort"] = target_of({"targetPort": given["target_port"], **port})
        if given.get("name"):
            port["name"] = given["name"]
        found.append(port)
    return found


def canonical(ports: t.Sequence[Json]) -> list[Json]:
    """Ports to compare and to show: without what the API chose, in an order of their own."""
    found = [
        {
            "port": port["port"],
            "protocol": port.get("protocol") or "TCP",
            "targetPort": target_of(port),
            **({"name": port["name"]} if port.get("name") else {}),
        }
        for port in ports
    ]
    return sorted(found, key=port_key)


def wanted_annotations(params: Json, current: Json | None) -> dict[str, str | None]:
    """Annotation -> value, ``None`` where it is to be removed."""
    wanted: dict[str, str | None] = {
        key: None if value is None else as_text(value) for key, value in (params.get("annotations") or {}).items()
    }
    by_class = params.get("load_balancer_class") or ((current or {}).get("spec") or {}).get("loadBalancerClass")
    if not by_class and not (current and is_internal(current)):
        wanted[INTERNAL] = "Internal"
    if params.get("legacy_annotation"):
        wanted[LEGACY_INTERNAL] = "Internal"
    if params.get("address_names"):
        wanted[ADDRESS_NAMES] = ",".join(params["address_names"])
    if params.get("global_access") is not None:
        wanted[GLOBAL_ACCESS] = as_text(params["global_access"])
    if params.get("subnet"):
        wanted[SUBNET] = params["subnet"]
    return wanted


def changes(params: Json, current: Json) -> list[Change]:
    """What to change of a Service, field by field; nothing that is not mentioned."""
    spec = current.get("spec") or {}
    serves = address_of(current) is not None
    found = [
        Change(("metadata", "labels", key), "labels", value)
        for key, value in _texts(params.get("labels")).items()
        if labels_of(current).get(key) != value
    ]
    if not is_ours(current) and params.get("adopt"):
        found.append(Change(("metadata", "labels", MANAGED_BY), "adopt", OWNER))
    known = annotations_of(current)
    for key, value in wanted_annotations(params, current).items():
        if key == LEGACY_INTERNAL and str(known.get(key)).capitalize() == "Internal":
            continue
        if key == GLOBAL_ACCESS and value == "false" and key not in known:
            continue
        if known.get(key) != value:
            cuts = serves and (key in MOVING or (key == GLOBAL_ACCESS and value == "false"))
            grade = Grade.DISRUPTIVE if cuts else Grade.SAFE
            found.append(Change(("metadata", "annotations", key), OWN_OPTION.get(key, "annotations"), value, grade))
    if spec.get("type") != "LoadBalancer":
        found.append(Change(("spec", "type"), "type", "LoadBalancer"))
    if params.get("selector") is not None and _texts(params["selector"]) != (spec.get("selector") or {}):
        # keys of it that are no more wanted have to go with the rest, or it would select fewer pods than asked
        new = {**dict.fromkeys(spec.get("selector") or {}), **_texts(params["selector"])}
        found.append(Change(("spec", "selector"), "selector", new, Grade.DISRUPTIVE if serves else Grade.SAFE))
    found += _port_changes(params, spec, serves=serves)
    found += _source_changes(params, spec, serves=serves)
    asked = params.get("load_balancer_ip")
    if asked and asked != spec.get("loadBalancerIP"):
        moves = serves and asked != address_of(current)
        grade = Grade.DISRUPTIVE if moves else Grade.SAFE
        found.append(Change(("spec", "loadBalancerIP"), "load_balancer_ip", asked, grade))
    policy = params.get("external_traffic_policy")
    if policy and policy != (spec.get("externalTrafficPolicy") or "Cluster"):
        grade = Grade.DISRUPTIVE if serves else Grade.SAFE
        found.append(Change(("spec", "externalTrafficPolicy"), "external_traffic_policy", policy, grade))
    name = params.get("load_balancer_class")
    if name and name != spec.get("loadBalancerClass"):
        found.append(Change(("spec", "loadBalancerClass"), "load_balancer_class", name))
    return found


#: annotation -> the option to name for it
OWN_OPTION = {key: option if key != INTERNAL else "annotations" for key, option in OWN_ANNOTATIONS.items()}


def _texts(values: Json | None) -> dict[str, str]:
    return {key: as_text(value) for key, value in (values or {}).items()}


def _port_changes(params: Json, spec: Json, *, serves: bool) -> list[Change]:
    if params.get("ports") is None:
        return []
    before = spec.get("ports") or []
    after = merged_ports(before, port_options(params["ports"]), purge=params["purge_ports"])
    if canonical(before) == canonical(after):
        return []
    kept = {port_key(port): port for port in canonical(after)}
    cuts = any(
        port_key(port) not in kept or kept[port_key(port)]["targetPort"] != port["targetPort"]
        for port in canonical(before)
    )
    return [Change(("spec", "ports"), "ports", after, Grade.DISRUPTIVE if serves and cuts else Grade.SAFE)]


def _source_changes(params: Json, spec: Json, *, serves: bool) -> list[Change]:
    if params.get("source_ranges") is None:
        return []
    before = list(spec.get("loadBalancerSourceRanges") or [])
    kept = [] if params["purge_source_ranges"] else before
    after = list(dict.fromkeys([*kept, *params["source_ranges"]]))
    if set(before) == set(after):
        return []
    # none at all means everybody
    cuts = bool(after) and (not before or not set(before) <= set(after))
    grade = Grade.DISRUPTIVE if serves and cuts else Grade.SAFE
    return [Change(("spec", "loadBalancerSourceRanges"), "source_ranges", after, grade)]


def why_replace(params: Json, current: Json) -> str | None:
    """Why a Service can only become the wanted one by being made anew, if so."""
    spec = current.get("spec") or {}
    if spec.get("type") == "ExternalName" or spec.get("clusterIP") == "None":
        kind = "of type ExternalName" if spec.get("type") == "ExternalName" else "headless"
        return f"it is {kind}, and cannot become a load balancer in place"
    if spec.get("type") != "LoadBalancer":
        return None
    if not is_internal(current):
        at = f" at {address_of(current)}" if address_of(current) else ""
        return f"it is an external load balancer{at}, and GKE does not make an internal one of it in place"
    before, after = spec.get("loadBalancerClass"), params.get("load_balancer_class")
    if after and before != after:
        return f"load_balancer_class is {shown(before)} and cannot become {shown(after)}: Kubernetes fixes it"
    return None


def carried(current: Json) -> Json:
    """What a Service that is made anew takes over of the one before: what people wrote, not what controllers did."""
    spec = current.get("spec") or {}
    kept = ("selector", "sessionAffinity", "externalTrafficPolicy", "loadBalancerSourceRanges")
    unwanted = (INTERNAL, LEGACY_INTERNAL, ADDRESS_NAMES, SUBNET, "cloud.google.com/l4-rbs")
    found: Json = {
        "metadata": {
            "labels": dict(labels_of(current)),
            "annotations": {
                key: value
                for key, value in annotations_of(current).items()
                if not key.startswith(THEIRS) and key not in unwanted
            },
        },
        "spec": {key: copy.deepcopy(spec[key]) for key in kept if spec.get(key)},
    }
    if spec.get("ports"):
        found["spec"]["ports"] = [
            {key: value for key, value in port.items() if key != "nodePort"} for port in spec["ports"]
        ]
    return found


def creation(params: Json, base: Json | None = None) -> Json:
    """The body that creates the Service, on top of what it takes over."""
    base = copy.deepcopy(base or {})
    before = base.get("spec") or {}
    annotations = {**annotations_of(base), **wanted_annotations(params, None)}
    spec: Json = {**before, "type": "LoadBalancer"}
    if params.get("selector") is not None:
        spec["selector"] = _texts(params["selector"])
    spec["ports"] = merged_ports(before.get("ports") or [], port_options(params["ports"] or []), purge=False)
    if params.get("ports") is not None and params["purge_ports"]:
        spec["ports"] = merged_ports(before.get("ports") or [], port_options(params["ports"]), purge=True)
    if params.get("source_ranges"):
        spec["loadBalancerSourceRanges"] = params["source_ranges"]
    for option, field in (
        ("load_balancer_ip", "loadBalancerIP"),
        ("external_traffic_policy", "externalTrafficPolicy"),
        ("load_balancer_class", "loadBalancerClass"),
    ):
        if params.get(option):
            spec[field] = params[option]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": params["name"],
            "namespace": params["namespace"],
            "labels": {**labels_of(base), **_texts(params.get("labels")), MANAGED_BY: OWNER},
            "annotations": {key: value for key, value in annotations.items() if value is not None},
        },
        "spec": spec,
    }


def projection(service: Json | None) -> Json | None:
    """What people write into a Service, for diffs."""
    if service is None:
        return None
    spec = service.get("spec") or {}
    kept = ("type", "selector", "loadBalancerIP", "loadBalancerClass", "externalTrafficPolicy")
    found: Json = {
        "metadata": {
            "name": service["metadata"]["name"],
            "namespace": service["metadata"].get("namespace"),
            "labels": dict(labels_of(service)),
            "annotations": {key: value for key, value in annotations_of(service).items() if not key.startswith(THEIRS)},
        },
        "spec": {key: copy.deepcopy(spec[key]) for key in kept if spec.get(key)},
    }
    if spec.get("ports"):
        found["spec"]["ports"] = canonical(spec["ports"])
    if spec.get("loadBalancerSourceRanges"):
        found["spec"]["loadBalancerSourceRanges"] = sorted(spec["loadBalancerSourceRanges"])
    return found


def merge_patch(found: t.Sequence[Change], version: str | None) -> Json:
    """One JSON merge patch of these changes, for exactly that version of the object."""
    patch: Json = {"metadata": {"resourceVersion": version}}
    for change in found:
        *way, last = change.path
        place = patch
        for key in way:
            place = place.setdefault(key, {})
        place[last] = change.new
    return patch


def patched(service: Json, patch: t.Any) -> t.Any:
    """What a JSON merge patch makes of a value (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    found = dict(service) if isinstance(service, dict) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = patched(found.get(key) or {}, value)
    return found


def complaints(params: Json) -> list[str]:
    """What can be known to be wrong with the options without asking anybody."""
    found = []
    if not SERVICE_NAME.fullmatch(params["name"]):
        found.append(
            f"name: {params['name']!r}: a Service's name has 1 to 63 lower-case letters, digits and hyphens, starts "
            "with a letter and does not end with a hyphen"
        )
    if not NAMESPACE_NAME.fullmatch(params["namespace"]):
        found.append(f"namespace: {params['namespace']!r} is no name of a namespace")
    found += _port_complaints(params.get("ports"))
    for key in params.get("annotations") or {}:
        if key in OWN_ANNOTATIONS:
            found.append(f"annotations: {key!r} is set by {OWN_ANNOTATIONS[key]}: leave it out here")
    if MANAGED_BY in (params.get("labels") or {}):
        found.append(f"labels: {MANAGED_BY!r} says whose the Service is, and is set by this module: leave it out")
    for key, value in {**(params.get("labels") or {}), **(params.get("selector") or {})}.items():
        if isinstance(value, (dict, list)) or value is None:
            found.append(f"labels, selector: {key!r}: {value!r} is no text")
    if params.get("selector") is not None and not params["selector"]:
        found.append("selector: it is empty, and would select nothing: give at least one label of the pods")
    if params.get("load_balancer_ip"):
        try:
            ipaddress.ip_address(params["load_balancer_ip"])
        except ValueError:
            found.append(
                f"load_balancer_ip: {params['load_balancer_ip']!r} is no IP address (for the name of a reserved one "
                "there is address_names)"
            )
    for index, name in enumerate(params.get("address_names") or []):
        if not SERVICE_NAME.fullmatch(name):
            found.append(
                f"address_names[{index}]: {name!r} is no name of a reserved address (for an address itself "
                "there is load_balancer_ip)"
            )
    for index, text in enumerate(params.get("source_ranges") or []):
        try:
            ipaddress.ip_network(text)
        except ValueError:
            try:
                better = f": write {ipaddress.ip_network(text, strict=False)}"
            except ValueError:
                better = ": write a range like 10.0.0.0/8"
            found.append(f"source_ranges[{index}]: {text!r} is no range{better}")
    return found


def _port_complaints(ports: t.Sequence[Json] | None) -> list[str]:
    found = []
    seen: dict[t.Any, int] = {}
    for index, port in enumerate(ports or []):
        where = f"ports[{index}]"
        if not 1 <= port["port"] <= 65535:
            found.append(f"{where}.port: {port['port']} is not between 1 and 65535")
        target = port.get("target_port")
        if target is not None and not (
            1 <= int(target) <= 65535 if target.isdigit() else len(target) <= 15 and PORT_NAME.fullmatch(target)
        ):
            found.append(f"{where}.target_port: {target!r} is neither a port (1 to 65535) nor the name of one")
        if port_key(port) in seen:
            found.append(f"{where}: {port['protocol']} {port['port']} is there twice (ports[{seen[port_key(port)]}])")
        seen.setdefault(port_key(port), index)
        if len(ports or []) > 1 and not port.get("name"):
            found.append(f"{where}.name is missing: where there are several ports, each needs a name")
    names = [port["name"] for port in ports or [] if port.get("name")]
    found += [f"ports: the name {name!r} is there twice" for name in sorted(set(names)) if names.count(name) > 1]
    if ports is not None and not ports:
        found.append("ports: there is none: give at least one")
    return found


# ---- the Service in its cluster


class InternalService:
    """An internal LoadBalancer Service and what the caller wants of it; a :class:`..engine.Resource`."""

    def __init__(self, kube: Kube, call: Call) -> None:
        self.kube = kube
        self.params = call.params
        self.name: str = call.params["name"]
        self.namespace: str = call.params["namespace"]
        self.waits: bool = call.params["wait"] and not call.check_mode
        self.collection = f"/api/v1/namespaces/{self.namespace}/services"
        self.path = f"{self.collection}/{self.name}"
        #: what is taken over where it is made anew
        self._base: Json | None = None
        found = complaints(call.params)
        raise_all([InvalidInput(f"{self.label}: {problem}", resource=self.label) for problem in found])

    @property
    def label(self) -> str:
        return f"Service {self.namespace}/{self.name}"

    def read(self) -> Json | None:
        return self.kube.get(self.path, self.label)

    def word(self, option: str, value: str) -> str:
        return f"{option}: {value}"

    def exclusive(self) -> contextlib.AbstractContextManager[t.Any] | None:
        return None

    def pause(self, attempt: int) -> None:
        self.kube.pause(attempt)

    def refused(self, problem: str, code: str) -> Refused:
        return Refused(f"{self.label}: {problem}", code=code, resource=self.label)

    def settle(self, current: Json | None) -> tuple[Json | None, str | None]:
        """A Service that is being deleted goes when its load balancer has gone: wait for that, or say so."""
        if current is None or not current["metadata"].get("deletionTimestamp"):
            return current, None
        if not self.waits:
            return current, f"deletion of {self.label}"
        uid = current["metadata"]["uid"]

        def gone() -> bool | None:
            found = self.read()
            return True if found is None or found["metadata"]["uid"] != uid else None

        if self.kube.wait(gone, f"{self.label}: its load balancer is being deleted") is None:
            raise Timeout(
                f"{self.label}: it is still being deleted after {self.kube.timeout:.0f} s (timeout). "
                f"{self.told(uid, ('DeleteLoadBalancerFailed', 'SyncLoadBalancerFailed'))}It goes on; the next run "
                "waits for it again.",
                resource=self.label,
            )
        return self.read(), None

    def told(self, uid: str | None, reasons: tuple[str, ...] = ()) -> str:
        """The newest warning about it, as a sentence; nothing if there is none."""
        for event in reversed(self.events(uid)):
            if event["type"] == "Warning" and (not reasons or event["reason"] in reasons):
                times = f" ({event['count']} times)" if event["count"] > 1 else ""
                return f"{event['reason']}: {str(event['message']).rstrip('.')}{times}. "
        return ""

    def events(self, uid: str | None) -> list[Json]:
        return self.kube.events(self.namespace, "Service", self.name, uid)

    def plan(self, current: Json | None, *, check_mode: bool) -> Plan:
        if self.params["state"] == "absent":
            return self._removal(current)
        if current is None:
            return self._creation(self._base)
        self._base = None
        found = changes(self.params, current)
        why = why_replace(self.params, current)
        if (found or why) and not is_ours(current) and not self.params["adopt"]:
            owner = labels_of(current).get(MANAGED_BY)
            wanted = ", ".join(dict.fromkeys(change.option for change in found)) or "its kind"
            raise self.refused(
                f"it exists, and podreach.gke did not create it ({MANAGED_BY} is {shown(owner)}), so it is not "
                f"changed ({wanted}). Say adopt: true to make it this collection's, or take another name.",
                "not-ours",
            )
        if why:
            return self._replacement(current, why)
        before = projection(current)
        if not found:
            return Plan(before, before)
        patch = merge_patch(found, current["metadata"].get("resourceVersion"))
        options = ", ".join(dict.fromkeys(change.option for change in found))
        disruptive = any(change.grade is not Grade.SAFE for change in found)
        step = Step(
            "update",
            f"change {options} of {self.label}",
            Request("PATCH", self.path, patch, MERGE_PATCH),
            Grade.DISRUPTIVE if disruptive else Grade.SAFE,
            tuple(".".join(change.path) for change in found),
        )
        return Plan(before, projection(patched(current, patch)), (step,))

    def _creation(self, base: Json | None = None) -> Plan:
        body = creation(self.params, base)
        missing = [option for option in ("ports", "selector") if not body["spec"].get(option)]
        if missing:
            raise InvalidInput(
                f"{self.label} does not exist, and to create it these options are missing: {', '.join(missing)}",
                resource=self.label,
            )
        step = Step("create", f"create {self.label}", Request("POST", self.collection, body))
        return Plan(None, projection(body), (step,))

    def _replacement(self, current: Json, why: str) -> Plan:
        self._base = carried(current)
        made = self._creation(self._base)
        removal = Step(
            "replace",
            f"delete {self.label} and make it anew: {why}",
            self._delete(current),
            Grade.DESTRUCTIVE,
        )
        return Plan(projection(current), made.after, (removal, *made.steps))

    def _removal(self, current: Json | None) -> Plan:
        if current is None:
            return Plan(None, None)
        if not is_ours(current):
            raise self.refused(
                f"podreach.gke did not create it ({MANAGED_BY} is {shown(labels_of(current).get(MANAGED_BY))}), so it "
                "is not deleted. Delete it with the tool that made it.",
                "not-ours",
            )
        step = Step("delete", f"delete {self.label}", self._delete(current), Grade.DESTRUCTIVE)
        return Plan(projection(current), None, (step,))

    def _delete(self, current: Json) -> Request:
        metadata = current["metadata"]
        seen = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": seen}
        return Request("DELETE", self.path, body)

    def send(self, step: Step) -> str | None:
        request: Request = step.request
        query = {} if request.method == "DELETE" else {"fieldManager": FIELD_MANAGER}
        try:
            self.kube.request(
                request.method,
                request.path,
                self.label,
                query=query,
                body=request.body,
                content_type=request.content_type,
            )
        except ApiError as error:
            if isinstance(error, Conflict):
                raise
            there = request.method == "POST" and error.reason == "AlreadyExists"
            if not there and error.status != 404:
                raise
            if request.method == "POST" and error.status == 404:
                raise  # the namespace is missing
            raise Conflict(
                str(error), unsure=error.tries > 1, status=error.status, reason=error.reason, resource=self.label
            ) from None
        return None

    def lost(self, plan: Plan, observed: Json | None) -> list[str]:
        after, seen = plan.after, projection(observed)
        if plan.before is None or after is None or seen is None:
            return []
        gone = []
        for part in ("labels", "annotations"):
            gone += [f"{part} {key}" for key in after["metadata"][part] if key not in seen["metadata"][part]]
        left = [port_key(port) for port in seen["spec"].get("ports") or []]
        gone += [f"port {port['port']}" for port in after["spec"].get("ports") or [] if port_key(port) not in left]
        return gone

    # -- its address

    def expected(self) -> str | None:
        """The address that was asked for, where it is known."""
        names = self.params.get("address_names")
        if not names:
            return t.cast("str | None", self.params.get("load_balancer_ip"))
        access = self.kube.access
        if not access or not access.google:
            return None
        region = "-".join(str(self.params["location"]).split("-")[:2])
        for name in names:
            path = f"projects/{access.google.project}/regions/{region}/addresses/{name}"
            try:
                found = access.google.get("compute", path) or {}
            except PodreachError:
                # the right to read addresses is not needed otherwise
                return None
            if ":" not in str(found.get("address", ":")):
                return str(found["address"])
        return None

    def await_address(self) -> Json:
        """The Service once it has the address that it should. Raises :class:`Timeout` with what its events say."""
        expected = self.expected()

        def served() -> Json | None:
            found = self.read()
            address = address_of(found)
            return found if found and address and expected in (None, address) else None

        service = self.kube.wait(served, f"{self.label}: waiting for the load balancer's address")
        if service is not None:
            return service
        now = self.read()
        uid = now["metadata"]["uid"] if now else None
        address = address_of(now)
        problem = f"its address is {address}, not {expected}" if address else "it has no address"
        raise Timeout(
            f"{self.label}: {problem} after {self.kube.timeout:.0f} s (timeout). "
            + (self.told(uid) or "No event says why: see who makes load balancers in this cluster. ")
            + self._hint(),
            code="no-address",
            resource=self.label,
        )

    def _hint(self) -> str:
        cluster = (self.kube.access.cluster if self.kube.access else None) or {}
        subsetting = (cluster.get("networkConfig") or {}).get("enableL4ilbSubsetting")
        if self.params.get("address_names") and cluster and not subsetting:
            return (
                "address_names is heeded in clusters with subsetting for internal load balancers "
                "(networkConfig.enableL4ilbSubsetting), which this one has not: use load_balancer_ip."
            )
        return "What was asked for stays; correct it, or run again to wait longer."


def execute(call: Call) -> dict[str, t.Any]:
    """Bring the Service about, wait for its address."""
    absent = call.params["state"] == "absent"
    try:
        kube = Kube.for_call(call)
    except NoCluster as error:
        if not (call.check_mode or absent):
            raise
        call.warn(f"{error} " + ("So there is nothing to delete." if absent else "It counts as planned."))
        kube = Kube(_empty, timeout=call.params["timeout"])
    resource = InternalService(kube, call)
    consent = Consent(call.params["allow_disruption"], call.params.get("confirm_replace"))
    [outcome] = converge([resource], consent, check_mode=call.check_mode)
    for warning in outcome.plan.warnings:
        call.warn(warning)
    if resource.waits and not absent and not outcome.operation:
        try:
            outcome.observed = resource.await_address()
        except PodreachError as error:
            error.changed = outcome.changed
            uid = ((outcome.observed or {}).get("metadata") or {}).get("uid")
            return {**failure(error), **report(outcome, call), "events": resource.events(uid)}
    return report(outcome, call)


def _empty(method: str, path: str, body: Json | None, content_type: str) -> Answer:
    """A cluster that is not there yet: it holds nothing."""
    return Answer(404, {}, {"reason": "NotFound", "message": "the cluster does not exist"})


def report(outcome: Outcome, call: Call) -> dict[str, t.Any]:
    """The result of a task."""
    service = outcome.plan.after if call.check_mode and outcome.changed else outcome.observed
    spec = (service or {}).get("spec") or {}
    label = outcome.resource.label
    found: dict[str, t.Any] = {
        "changed": outcome.changed,
        "plan": [step.as_result() for step in outcome.steps],
        "resource": without_managers(service),
        "operation": outcome.operation,
        "address": address_of(service),
        "cluster_ip": spec.get("clusterIP"),
        "node_ports": [
            {"port": port["port"], "protocol": port.get("protocol") or "TCP", "node_port": port["nodePort"]}
            for port in spec.get("ports") or []
            if port.get("nodePort")
        ],
        "annotations": annotations_of(service or {}),
    }
    if call.diff:
        steps = ", ".join(f"{step.summary} ({step.grade.value})" for step in outcome.steps)
        found["diff"] = {
            "before_header": label,
            "after_header": steps or label,
            "before": outcome.plan.before or {},
            "after": (outcome.plan.after if outcome.changed else outcome.plan.before) or {},
        }
    return found


def without_managers(item: Json | None) -> Json | None:
    """An object without the bookkeeping of its fields' owners."""
    if item is None:
        return None
    metadata = {key: value for key, value in item["metadata"].items() if key != "managedFields"}
    return {**item, "metadata": metadata}


DEFINITION = Definition(name="internal_service", spec=SPEC, execute=execute, rehearse=rehearse)
