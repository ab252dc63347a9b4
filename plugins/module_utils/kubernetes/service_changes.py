# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Service of type LoadBalancer is, what to change of it to be the wanted one, and what that may do. Pure.

Annotations and their order of precedence: https://cloud.google.com/kubernetes-engine/docs/how-to/internal-load-balancing
and https://github.com/kubernetes/ingress-gce (pkg/l4/annotations, pkg/l4/address).
"""

from __future__ import annotations

import copy
import ipaddress
import re
import typing as t
from dataclasses import dataclass

from ..engine import Grade
from ..gcp.resource import shown
from .client import MANAGED_BY, OWNER, Json

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


@dataclass(frozen=True)
class Change:
    """One field that differs: where it is, the option that says so, what it shall be, what that may do to traffic."""

    path: tuple[str, ...]
    option: str
    new: t.Any
    grade: Grade = Grade.SAFE


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
