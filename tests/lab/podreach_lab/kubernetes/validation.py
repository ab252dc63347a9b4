# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Kubernetes API server refuses in an object, in its words where they are known.

After the validation of each group (https://github.com/kubernetes/kubernetes/tree/master/pkg/apis, validation.go) and
https://kubernetes.io/docs/concepts/overview/working-with-objects/names/. Only what matters in this lab.
"""

from __future__ import annotations

import ipaddress
import json
import re
import typing as t

from . import errors, selectors
from .errors import Cause
from .store import Write

Json = dict[str, t.Any]
Causes = list[Cause]

LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
SUBDOMAIN = rf"{LABEL}(\.{LABEL})*"
LABEL_1035 = "[a-z]([-a-z0-9]*[a-z0-9])?"
QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
CONFIG_KEY = "[-._a-zA-Z0-9]+"
NOT_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    f"and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{SUBDOMAIN}')"
)
NOT_LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    f"with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '{LABEL}')"
)
NOT_LABEL_1035 = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    f"'{LABEL_1035}')"
)
NOT_LABEL_VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation "
    "is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
NOT_QUALIFIED = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    f"character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{QUALIFIED}')"
)
NOT_CONFIG_KEY = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  "
    f"or 'key-name', regex used for validation is '{CONFIG_KEY}')"
)
NOT_PORT = "must be between 1 and 65535, inclusive"
IMMUTABLE = "field is immutable"
ANNOTATIONS_LIMIT = 256 * 1024
DATA_LIMIT = 1024 * 1024
POD_UPDATE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
PROTOCOLS = ("SCTP", "TCP", "UDP")


def shown(value: t.Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def bad(field: str, value: t.Any, why: str) -> Cause:
    return Cause(field, f"Invalid value: {shown(value)}: {why}")


def required(field: str, why: str = "") -> Cause:
    return Cause(field, f"Required value: {why}" if why else "Required value")


def unsupported(field: str, value: t.Any, choices: t.Iterable[str]) -> Cause:
    listed = ", ".join(json.dumps(choice) for choice in sorted(choices))
    return Cause(field, f"Unsupported value: {shown(value)}: supported values: {listed}")


def forbidden(field: str, why: str) -> Cause:
    return Cause(field, f"Forbidden: {why}")


def admit(write: Write) -> None:
    """Admission that refuses."""
    if write.verb == "delete":
        return
    kind = write.type
    metadata = write.new["metadata"]
    causes = check_metadata(write)
    if not write.subresource:
        check = CHECKS.get(kind.key)
        if check is not None:
            causes += check(write.new)
        if write.old is not None:
            change = CHANGES.get(kind.key)
            if change is not None:
                causes += change(write.new, write.old)
        if kind.schema is not None:
            causes += by_schema(write.new, kind.schema, "")
    if causes:
        raise errors.invalid(kind.kind, kind.group, metadata.get("name") or metadata.get("generateName", ""), causes)


# ---- metadata


def check_metadata(write: Write) -> Causes:
    metadata = write.new["metadata"]
    causes = check_name(write.type.key, metadata.get("name", "")) if write.old is None else []
    causes += check_labels(metadata.get("labels"), "metadata.labels")
    causes += check_annotations(metadata.get("annotations"), "metadata.annotations")
    for at, owner in enumerate(metadata.get("ownerReferences") or ()):
        for field in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(field):
                causes.append(bad(f"metadata.ownerReferences[{at}].{field}", owner.get(field, ""), "must not be empty"))
    if write.old is not None and write.old["metadata"].get("deletionTimestamp"):
        before = set(write.old["metadata"].get("finalizers") or ())
        added = [item for item in metadata.get("finalizers") or () if item not in before]
        if added:
            causes.append(
                forbidden(
                    "metadata.finalizers",
                    f"no new finalizers can be added if the object is being deleted, found new finalizers {added}",
                )
            )
    return causes


NAMES: dict[str, tuple[str, int, str]] = {
    "namespaces": (LABEL, 63, NOT_LABEL),
    "services": (LABEL_1035, 63, NOT_LABEL_1035),
}
"""Types whose names are not just subdomains: pattern, length, words."""
FREE_NAMES = ("roles", "rolebindings", "clusterroles", "clusterrolebindings")
"""May be called system:anything."""


def check_name(key: str, name: str) -> Causes:
    if not name:
        return [required("metadata.name", "name or generateName is required")]
    if key.partition(".")[0] in FREE_NAMES:
        wrong = name in (".", "..") or "/" in name or "%" in name
        return [bad("metadata.name", name, "may not be '.' or '..', nor contain '/' or '%'")] if wrong else []
    pattern, length, why = NAMES.get(key, (SUBDOMAIN, 253, NOT_SUBDOMAIN))
    causes = []
    if len(name) > length:
        causes.append(bad("metadata.name", name, f"must be no more than {length} characters"))
    if not re.fullmatch(pattern, name):
        causes.append(bad("metadata.name", name, why))
    return causes


def check_qualified(key: str, field: str) -> Causes:
    prefix, separator, name = key.rpartition("/")
    causes = []
    if separator and not re.fullmatch(SUBDOMAIN, prefix):
        causes.append(bad(field, key, f"prefix part {NOT_SUBDOMAIN}"))
    if not name:
        causes.append(bad(field, key, "name part must be non-empty"))
    elif len(name) > 63:
        causes.append(bad(field, key, "name part must be no more than 63 characters"))
    if not re.fullmatch(QUALIFIED, name):
        causes.append(bad(field, key, NOT_QUALIFIED))
    return causes


def check_labels(labels: Json | None, field: str) -> Causes:
    causes = []
    for key, value in (labels or {}).items():
        causes += check_qualified(key, field)
        causes += check_label_value(value, field)
    return causes


def check_label_value(value: str, field: str) -> Causes:
    if len(value) > 63:
        return [bad(field, value, "must be no more than 63 characters")]
    return [] if value == "" or re.fullmatch(QUALIFIED, value) else [bad(field, value, NOT_LABEL_VALUE)]


def check_annotations(annotations: Json | None, field: str) -> Causes:
    found = annotations or {}
    causes = [cause for key in found for cause in check_qualified(key.lower(), field)]
    if sum(len(key) + len(value) for key, value in found.items()) > ANNOTATIONS_LIMIT:
        causes.append(Cause(field, f"Too long: may not be more than {ANNOTATIONS_LIMIT} bytes"))
    return causes


# ---- configuration


def check_data(item: Json) -> Causes:
    causes = []
    for field in ("data", "binaryData"):
        for key in item.get(field) or {}:
            if not re.fullmatch(CONFIG_KEY, key) or key in (".", ".."):
                causes.append(bad(f"{field}[{key}]", key, NOT_CONFIG_KEY))
            elif len(key) > 253:
                causes.append(bad(f"{field}[{key}]", key, "must be no more than 253 characters"))
            if field == "binaryData" and key in (item.get("data") or {}):
                causes.append(bad(f"data[{key}]", key, "duplicate of key present in binaryData"))
    size = sum(len(value) for field in ("data", "binaryData") for value in (item.get(field) or {}).values())
    if size > DATA_LIMIT:
        causes.append(Cause("", f"Too long: may not be more than {DATA_LIMIT} bytes"))
    return causes


def change_data(new: Json, old: Json) -> Causes:
    if not old.get("immutable"):
        return []
    causes = []
    if not new.get("immutable"):
        causes.append(forbidden("immutable", "field is immutable when `immutable` is set"))
    for field in ("data", "binaryData"):
        if new.get(field) != old.get(field):
            causes.append(forbidden(field, "field is immutable when `immutable` is set"))
    return causes


def change_secret(new: Json, old: Json) -> Causes:
    same = new.get("type") == old.get("type")
    return ([] if same else [bad("type", new.get("type"), IMMUTABLE)]) + change_data(new, old)


# ---- pods


def check_port(value: t.Any, field: str) -> Causes:
    if value in (None, 0) and field.endswith("Port"):
        return [required(field)]
    if isinstance(value, int) and not 1 <= value <= 65535:
        return [bad(field, value, NOT_PORT)]
    return []


def check_containers(spec: Json, field: str) -> Causes:
    causes: Causes = []
    volumes = [item.get("name") for item in spec.get("volumes") or ()]
    names: list[str] = []
    for group in ("initContainers", "containers"):
        for at, item in enumerate(spec.get(group) or ()):
            where = f"{field}.{group}[{at}]"
            name = item.get("name", "")
            if not name:
                causes.append(required(f"{where}.name"))
            elif not re.fullmatch(LABEL, name) or len(name) > 63:
                causes.append(bad(f"{where}.name", name, NOT_LABEL))
            elif name in names:
                causes.append(Cause(f"{where}.name", f"Duplicate value: {shown(name)}"))
            names.append(name)
            image = item.get("image", "")
            if not image:
                causes.append(required(f"{where}.image"))
            elif image != image.strip():
                causes.append(bad(f"{where}.image", image, "must not have leading or trailing whitespace"))
            policy = item.get("imagePullPolicy")
            if policy not in ("Always", "IfNotPresent", "Never"):
                causes.append(unsupported(f"{where}.imagePullPolicy", policy, ("Always", "IfNotPresent", "Never")))
            causes += check_container_ports(item, bool(spec.get("hostNetwork")), where)
            for number, variable in enumerate(item.get("env") or ()):
                if not variable.get("name"):
                    causes.append(required(f"{where}.env[{number}].name"))
                if variable.get("value") and variable.get("valueFrom"):
                    why = "may not be specified when `value` is not empty"
                    causes.append(bad(f"{where}.env[{number}].valueFrom", "", why))
            for number, mount in enumerate(item.get("volumeMounts") or ()):
                if mount.get("name") not in volumes:
                    causes.append(
                        Cause(f"{where}.volumeMounts[{number}].name", f"Not found: {shown(mount.get('name', ''))}")
                    )
                if not mount.get("mountPath"):
                    causes.append(required(f"{where}.volumeMounts[{number}].mountPath"))
    return causes


def check_container_ports(item: Json, host_network: bool, where: str) -> Causes:
    causes: Causes = []
    names: list[str] = []
    for number, port in enumerate(item.get("ports") or ()):
        spot = f"{where}.ports[{number}]"
        causes += check_port(port.get("containerPort"), f"{spot}.containerPort")
        if port.get("hostPort"):
            causes += check_port(port["hostPort"], f"{spot}.hostPort")
            if host_network and port["hostPort"] != port.get("containerPort"):
                causes.append(
                    bad(f"{spot}.hostPort", port["hostPort"], "must match `containerPort` when `hostNetwork` is true")
                )
        if port.get("protocol") not in PROTOCOLS:
            causes.append(unsupported(f"{spot}.protocol", port.get("protocol"), PROTOCOLS))
        name = port.get("name")
        if name and (not re.fullmatch(r"[a-z0-9](-?[a-z0-9])*", name) or len(name) > 15):
            why = "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-), at most 15 of them"
            causes.append(bad(f"{spot}.name", name, why))
        if name and name in names:
            causes.append(Cause(f"{spot}.name", f"Duplicate value: {shown(name)}"))
        names.append(name or "")
    return causes


def check_pod_spec(spec: Json, field: str) -> Causes:
    causes: Causes = []
    names: list[str] = []
    for at, item in enumerate(spec.get("volumes") or ()):
        name = item.get("name", "")
        if not name:
            causes.append(required(f"{field}.volumes[{at}].name"))
        elif not re.fullmatch(LABEL, name):
            causes.append(bad(f"{field}.volumes[{at}].name", name, NOT_LABEL))
        elif name in names:
            causes.append(Cause(f"{field}.volumes[{at}].name", f"Duplicate value: {shown(name)}"))
        names.append(name)
    if not spec.get("containers"):
        causes.append(required(f"{field}.containers"))
    causes += check_containers(spec, field)
    policies = ("Always", "OnFailure", "Never")
    if spec.get("restartPolicy") not in policies:
        causes.append(unsupported(f"{field}.restartPolicy", spec.get("restartPolicy"), policies))
    causes += check_labels(spec.get("nodeSelector"), f"{field}.nodeSelector")
    for at, item in enumerate(spec.get("tolerations") or ()):
        if item.get("operator") == "Exists" and item.get("value"):
            why = "value must be empty when `operator` is 'Exists'"
            causes.append(bad(f"{field}.tolerations[{at}].operator", item["value"], why))
    return causes


def check_pod(item: Json) -> Causes:
    return check_pod_spec(item.get("spec") or {}, "spec")


def change_pod(new: Json, old: Json) -> Causes:
    """The scheduler may still say where it runs; otherwise little of a pod changes."""

    def fixed(item: Json) -> Json:
        spec = dict(item["spec"])
        for name in ("activeDeadlineSeconds", "terminationGracePeriodSeconds", "tolerations"):
            spec.pop(name, None)
        if not old["spec"].get("nodeName"):
            spec.pop("nodeName", None)
        for name in ("containers", "initContainers"):
            spec[name] = [{key: value for key, value in one.items() if key != "image"} for one in spec.get(name) or ()]
        return spec

    before = old["spec"].get("tolerations") or []
    kept = all(item in (new["spec"].get("tolerations") or []) for item in before)
    return [] if kept and fixed(new) == fixed(old) else [forbidden("spec", POD_UPDATE)]


# ---- workloads


def check_selector(selector: Json | None, field: str) -> Causes:
    causes = check_labels((selector or {}).get("matchLabels"), f"{field}.matchLabels")
    operators = ("DoesNotExist", "Exists", "In", "NotIn")
    for at, item in enumerate((selector or {}).get("matchExpressions") or ()):
        where = f"{field}.matchExpressions[{at}]"
        operator = item.get("operator")
        if operator not in operators:
            causes.append(bad(f"{where}.operator", operator, "not a valid selector operator"))
        elif operator in ("In", "NotIn") and not item.get("values"):
            causes.append(required(f"{where}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
        elif operator in ("Exists", "DoesNotExist") and item.get("values"):
            why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            causes.append(forbidden(f"{where}.values", why))
        causes += check_qualified(item.get("key", ""), f"{where}.key")
    return causes


def check_workload(item: Json) -> Causes:
    spec = item.get("spec") or {}
    causes: Causes = []
    selector = spec.get("selector")
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    if selector is None:
        causes.append(required("spec.selector"))
    else:
        causes += check_selector(selector, "spec.selector")
        if not selector.get("matchLabels") and not selector.get("matchExpressions"):
            causes.append(bad("spec.selector", selector, "empty selector is invalid for workloads"))
    for field in ("replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"):
        if isinstance(spec.get(field), int) and spec[field] < 0:
            causes.append(bad(f"spec.{field}", spec[field], "must be greater than or equal to 0"))
    if not causes and not selectors.matches(selectors.from_object(selector), labels):
        causes.append(bad("spec.template.metadata.labels", labels, "`selector` does not match template `labels`"))
    causes += check_template(template)
    if template.get("spec", {}).get("restartPolicy") not in (None, "Always"):
        policy = template["spec"]["restartPolicy"]
        causes.append(unsupported("spec.template.spec.restartPolicy", policy, ("Always",)))
    return causes


def check_template(template: Json) -> Causes:
    metadata = template.get("metadata") or {}
    return [
        *check_labels(metadata.get("labels"), "spec.template.labels"),
        *check_annotations(metadata.get("annotations"), "spec.template.annotations"),
        *check_pod_spec(template.get("spec") or {}, "spec.template.spec"),
    ]


def check_strategy(item: Json) -> Causes:
    causes = check_workload(item)
    strategy = (item.get("spec") or {}).get("strategy") or {}
    kind = strategy.get("type")
    if kind not in ("Recreate", "RollingUpdate"):
        causes.append(unsupported("spec.strategy.type", kind, ("Recreate", "RollingUpdate")))
    elif kind == "Recreate" and strategy.get("rollingUpdate"):
        why = "may not be specified when strategy `type` is 'Recreate'"
        causes.append(forbidden("spec.strategy.rollingUpdate", why))
    rolling = strategy.get("rollingUpdate") or {}
    if kind == "RollingUpdate" and all(rolling.get(name) in (0, "0", "0%") for name in ("maxUnavailable", "maxSurge")):
        why = "may not be 0 when `maxSurge` is 0"
        causes.append(bad("spec.strategy.rollingUpdate.maxUnavailable", rolling.get("maxUnavailable"), why))
    return causes


def check_job(item: Json) -> Causes:
    spec = item.get("spec") or {}
    template = spec.get("template") or {}
    causes = check_template(template)
    policy = (template.get("spec") or {}).get("restartPolicy")
    if policy not in ("OnFailure", "Never"):
        causes.append(unsupported("spec.template.spec.restartPolicy", policy, ("OnFailure", "Never")))
    return causes


def change_selector(new: Json, old: Json) -> Causes:
    selector = (new.get("spec") or {}).get("selector")
    if selector == (old.get("spec") or {}).get("selector"):
        return []
    return [bad("spec.selector", selector, IMMUTABLE)]


def change_stateful_set(new: Json, old: Json) -> Causes:
    free = (
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    )
    fixed = [{key: value for key, value in item["spec"].items() if key not in free} for item in (new, old)]
    if fixed[0] == fixed[1]:
        return []
    named = ", ".join(f"'{name}'" for name in free[:-1])
    why = f"updates to statefulset spec for fields other than {named} and '{free[-1]}' are forbidden"
    return [forbidden("spec", why)]


def change_job(new: Json, old: Json) -> Causes:
    causes = []
    for field in ("selector", "template", "completionMode"):
        if (new["spec"].get(field)) != old["spec"].get(field):
            causes.append(bad(f"spec.{field}", new["spec"].get(field), IMMUTABLE))
    return causes


# ---- networking


SOURCE_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"


def check_service(item: Json) -> Causes:
    spec = item.get("spec") or {}
    kind = spec.get("type")
    causes: Causes = []
    if kind not in ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort"):
        causes.append(unsupported("spec.type", kind, ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")))
    ports = spec.get("ports") or []
    if not ports and kind != "ExternalName" and spec.get("clusterIP") != "None":
        causes.append(required("spec.ports"))
    names: list[str] = []
    seen: list[tuple[t.Any, t.Any]] = []
    for at, port in enumerate(ports):
        field = f"spec.ports[{at}]"
        name = port.get("name", "")
        if len(ports) > 1 and not name:
            causes.append(required(f"{field}.name"))
        elif name and not re.fullmatch(LABEL, name):
            causes.append(bad(f"{field}.name", name, NOT_LABEL))
        elif name and name in names:
            causes.append(Cause(f"{field}.name", f"Duplicate value: {shown(name)}"))
        names.append(name)
        number = port.get("port")
        if not isinstance(number, int) or not 1 <= number <= 65535:
            causes.append(bad(f"{field}.port", number or 0, NOT_PORT))
        if port.get("protocol") not in PROTOCOLS:
            causes.append(unsupported(f"{field}.protocol", port.get("protocol"), PROTOCOLS))
        target = port.get("targetPort")
        if isinstance(target, int) and not 1 <= target <= 65535:
            causes.append(bad(f"{field}.targetPort", target, NOT_PORT))
        if (port.get("protocol"), number) in seen:
            causes.append(Cause(field, f"Duplicate value: {shown({'protocol': port.get('protocol'), 'port': number})}"))
        seen.append((port.get("protocol"), number))
        if port.get("nodePort") and kind in ("ClusterIP", "ExternalName"):
            causes.append(forbidden(f"{field}.nodePort", "may not be used when `type` is 'ClusterIP'"))
    causes += check_labels(spec.get("selector"), "spec.selector")
    if spec.get("clusterIP") == "None" and kind in ("NodePort", "LoadBalancer"):
        causes.append(
            bad("spec.clusterIPs[0]", "None", "may not be set to 'None' for LoadBalancer services")
            if kind == "LoadBalancer"
            else bad("spec.clusterIPs[0]", "None", "may not be set to 'None' for NodePort services")
        )
    for at, text in enumerate(spec.get("loadBalancerSourceRanges") or ()):
        causes += check_cidr(text.strip(), f"spec.loadBalancerSourceRanges[{at}]")
    given = (item["metadata"].get("annotations") or {}).get(SOURCE_RANGES, "")
    if any(check_cidr(text.strip(), "") for text in given.split(",") if text.strip()):
        why = "must be a list of IP ranges. For example, 10.240.0.0/24,10.250.0.0/24"
        causes.append(bad(f"metadata.annotations[{SOURCE_RANGES}]", given, why))
    if kind == "ExternalName" and not spec.get("externalName"):
        causes.append(required("spec.externalName"))
    return causes


def check_cidr(text: t.Any, field: str) -> Causes:
    try:
        if "/" not in text:
            raise ValueError(text)
        ipaddress.ip_network(text, strict=False)
    except (ValueError, TypeError):
        return [bad(field, text, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")]
    return []


def check_network_policy(item: Json) -> Causes:
    spec = item.get("spec") or {}
    causes = check_selector(spec.get("podSelector"), "spec.podSelector")
    for at, kind in enumerate(spec.get("policyTypes") or ()):
        if kind not in ("Egress", "Ingress"):
            causes.append(unsupported(f"spec.policyTypes[{at}]", kind, ("Egress", "Ingress")))
    for direction, side in (("ingress", "from"), ("egress", "to")):
        for at, rule in enumerate(spec.get(direction) or ()):
            where = f"spec.{direction}[{at}]"
            for number, port in enumerate(rule.get("ports") or ()):
                causes += check_policy_port(port, f"{where}.ports[{number}]")
            for number, peer in enumerate(rule.get(side) or ()):
                causes += check_peer(peer, f"{where}.{side}[{number}]")
    return causes


def check_policy_port(port: Json, field: str) -> Causes:
    causes: Causes = []
    if port.get("protocol") not in PROTOCOLS:
        causes.append(unsupported(f"{field}.protocol", port.get("protocol"), PROTOCOLS))
    number = port.get("port")
    if isinstance(number, int) and not 1 <= number <= 65535:
        causes.append(bad(f"{field}.port", number, NOT_PORT))
    end = port.get("endPort")
    if end is not None:
        if number is None:
            causes.append(required(f"{field}.port", "may not be empty when `endPort` is specified"))
        elif isinstance(number, str):
            causes.append(bad(f"{field}.endPort", number, "must be an integer when `endPort` is specified"))
        elif end < number:
            causes.append(bad(f"{field}.endPort", end, "must be greater than or equal to `port`"))
    return causes


def check_peer(peer: Json, field: str) -> Causes:
    causes: Causes = []
    block = peer.get("ipBlock")
    for name in ("podSelector", "namespaceSelector"):
        if peer.get(name) is not None:
            causes += check_selector(peer[name], f"{field}.{name}")
    if block is None:
        if not any(peer.get(name) is not None for name in ("podSelector", "namespaceSelector")):
            causes.append(required(field, "must specify a peer"))
        return causes
    if len(peer) > 1:
        return [*causes, forbidden(field, "may not specify both ipBlock and another peer")]
    if not block.get("cidr"):
        return [*causes, required(f"{field}.ipBlock.cidr")]
    wrong = check_cidr(block["cidr"], f"{field}.ipBlock.cidr")
    if wrong:
        return [*causes, *wrong]
    whole = ipaddress.ip_network(block["cidr"], strict=False)
    for at, text in enumerate(block.get("except") or ()):
        spot = f"{field}.ipBlock.except[{at}]"
        wrong = check_cidr(text, spot)
        causes += wrong
        if not wrong:
            part = ipaddress.ip_network(text, strict=False)
            inside = part.version == whole.version and part.subnet_of(t.cast(t.Any, whole))
            if not inside or part.prefixlen == whole.prefixlen:
                causes.append(bad(spot, text, "must be a strict subset of `cidr`"))
    return causes


def change_role(new: Json, old: Json) -> Causes:
    same = new.get("roleRef") == old.get("roleRef")
    return [] if same else [bad("roleRef", new.get("roleRef"), "cannot change roleRef")]


# ---- custom resources


def by_schema(value: t.Any, schema: Json, field: str) -> Causes:
    """What a custom resource's schema says."""
    causes: Causes = []
    kind = schema.get("type")
    if value is None:
        return [] if schema.get("nullable") else [bad(field, None, f"{field} in body must be of type {kind}")]
    found = "boolean" if isinstance(value, bool) else _JSON_TYPES.get(type(value), "object")
    if schema.get("x-kubernetes-int-or-string"):
        return [] if found in ("integer", "string") else [_type(field, "integer,string", found)]
    if kind and kind != found and (kind, found) != ("number", "integer"):
        return [_type(field, kind, found)]
    if "enum" in schema and value not in schema["enum"]:
        causes.append(unsupported(field, value, map(str, schema["enum"])))
    if isinstance(value, dict):
        causes += _object_by_schema(value, schema, field)
    elif isinstance(value, list):
        for name, wrong in (("minItems", len(value) < schema.get("minItems", 0)),):
            if wrong:
                causes.append(bad(field, len(value), f"{field} in body should have at least {schema[name]} items"))
        if "maxItems" in schema and len(value) > schema["maxItems"]:
            causes.append(Cause(field, f"Too many: {len(value)}: must have at most {schema['maxItems']} items"))
        for at, item in enumerate(value):
            causes += by_schema(item, schema.get("items") or {}, f"{field}[{at}]")
    elif isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            causes.append(bad(field, value, f"{field} in body should match '{schema['pattern']}'"))
        if len(value) < schema.get("minLength", 0):
            why = f"{field} in body should be at least {schema['minLength']} chars long"
            causes.append(bad(field, value, why))
        if "maxLength" in schema and len(value) > schema["maxLength"]:
            causes.append(Cause(field, f"Too long: may not be more than {schema['maxLength']} bytes"))
        if schema.get("format") in ("cidr", "ipv4"):
            try:
                (ipaddress.ip_network if schema["format"] == "cidr" else ipaddress.IPv4Address)(value)
            except ValueError:
                causes.append(bad(field, value, f"{field} in body must be of type {schema['format']}: {shown(value)}"))
    elif not isinstance(value, bool):
        if "minimum" in schema and value < schema["minimum"]:
            why = f"{field} in body should be greater than or equal to {schema['minimum']}"
            causes.append(bad(field, value, why))
        if "maximum" in schema and value > schema["maximum"]:
            causes.append(bad(field, value, f"{field} in body should be less than or equal to {schema['maximum']}"))
    return causes


_JSON_TYPES: dict[type, str] = {str: "string", int: "integer", float: "number", list: "array", dict: "object"}


def _type(field: str, wanted: str, found: str) -> Cause:
    return bad(field, found, f"{field} in body must be of type {wanted}: {json.dumps(found)}")


def _object_by_schema(value: Json, schema: Json, field: str) -> Causes:
    causes: Causes = []
    prefix = f"{field}." if field else ""
    for name in schema.get("required", ()):
        if name not in value:
            causes.append(required(f"{prefix}{name}"))
    properties = schema.get("properties", {})
    for name, item in value.items():
        if not field and name in ("apiVersion", "kind", "metadata"):
            continue
        if name in properties:
            causes += by_schema(item, properties[name], f"{prefix}{name}")
        elif isinstance(schema.get("additionalProperties"), dict):
            causes += by_schema(item, schema["additionalProperties"], f"{prefix}{name}")
    return causes


RBAC = "rbac.authorization.k8s.io"
CHECKS: dict[str, t.Callable[[Json], Causes]] = {
    "configmaps": check_data,
    "secrets": check_data,
    "pods": check_pod,
    "services": check_service,
    "deployments.apps": check_strategy,
    "daemonsets.apps": check_workload,
    "replicasets.apps": check_workload,
    "statefulsets.apps": check_workload,
    "jobs.batch": check_job,
    "networkpolicies.networking.k8s.io": check_network_policy,
}
CHANGES: dict[str, t.Callable[[Json, Json], Causes]] = {
    "configmaps": change_data,
    "secrets": change_secret,
    "pods": change_pod,
    "deployments.apps": change_selector,
    "daemonsets.apps": change_selector,
    "replicasets.apps": change_selector,
    "statefulsets.apps": change_stateful_set,
    "jobs.batch": change_job,
    f"rolebindings.{RBAC}": change_role,
    f"clusterrolebindings.{RBAC}": change_role,
}
