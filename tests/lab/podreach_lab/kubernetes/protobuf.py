# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the protobuf bodies that kubectl sends for the kinds that its `create` and `run` commands make.

The envelope is https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding; field numbers are those
of generated.proto in https://github.com/kubernetes/api. What is not in MESSAGES is refused by name: the lab does not
guess. Answers are always JSON, which every client takes.
"""

from __future__ import annotations

import base64
import struct
import typing as t

from .errors import bad_request

Json = dict[str, t.Any]

MAGIC = b"k8s\x00"
CONTENT_TYPE = "application/vnd.kubernetes.protobuf"

Field = tuple[str, str]
"""JSON name and what it is: str, bool, int, bytes, quantity, intstr, time, a message's name; in brackets a list of
them, after `map ` a map of strings to them."""

_META: dict[int, Field] = {
    1: ("name", "str"),
    2: ("generateName", "str"),
    3: ("namespace", "str"),
    4: ("selfLink", "str"),
    5: ("uid", "str"),
    6: ("resourceVersion", "str"),
    7: ("generation", "int"),
    8: ("creationTimestamp", "time"),
    9: ("deletionTimestamp", "time"),
    10: ("deletionGracePeriodSeconds", "int"),
    11: ("labels", "map str"),
    12: ("annotations", "map str"),
    13: ("ownerReferences", "[OwnerReference]"),
    14: ("finalizers", "[str]"),
}
MESSAGES: dict[str, dict[int, Field]] = {
    "ObjectMeta": _META,
    "OwnerReference": {
        1: ("kind", "str"),
        3: ("name", "str"),
        4: ("uid", "str"),
        5: ("apiVersion", "str"),
        6: ("controller", "bool"),
        7: ("blockOwnerDeletion", "bool"),
    },
    "LabelSelector": {1: ("matchLabels", "map str"), 2: ("matchExpressions", "[LabelSelectorRequirement]")},
    "LabelSelectorRequirement": {1: ("key", "str"), 2: ("operator", "str"), 3: ("values", "[str]")},
    "Namespace": {1: ("metadata", "ObjectMeta"), 2: ("spec", "NamespaceSpec"), 3: ("status", "Empty")},
    "NamespaceSpec": {1: ("finalizers", "[str]")},
    "Empty": {},
    "ConfigMap": {
        1: ("metadata", "ObjectMeta"),
        2: ("data", "map str"),
        3: ("binaryData", "map bytes"),
        4: ("immutable", "bool"),
    },
    "Secret": {
        1: ("metadata", "ObjectMeta"),
        2: ("data", "map bytes"),
        3: ("type", "str"),
        4: ("stringData", "map str"),
        5: ("immutable", "bool"),
    },
    "ServiceAccount": {
        1: ("metadata", "ObjectMeta"),
        3: ("imagePullSecrets", "[LocalObjectReference]"),
        4: ("automountServiceAccountToken", "bool"),
    },
    "LocalObjectReference": {1: ("name", "str")},
    "Service": {1: ("metadata", "ObjectMeta"), 2: ("spec", "ServiceSpec"), 3: ("status", "ServiceStatus")},
    "ServiceStatus": {1: ("loadBalancer", "Empty")},
    "ServiceSpec": {
        1: ("ports", "[ServicePort]"),
        2: ("selector", "map str"),
        3: ("clusterIP", "str"),
        4: ("type", "str"),
        5: ("externalIPs", "[str]"),
        7: ("sessionAffinity", "str"),
        8: ("loadBalancerIP", "str"),
        9: ("loadBalancerSourceRanges", "[str]"),
        10: ("externalName", "str"),
        11: ("externalTrafficPolicy", "str"),
        12: ("healthCheckNodePort", "int"),
        13: ("publishNotReadyAddresses", "bool"),
        17: ("ipFamilyPolicy", "str"),
        18: ("clusterIPs", "[str]"),
        19: ("ipFamilies", "[str]"),
        20: ("allocateLoadBalancerNodePorts", "bool"),
        21: ("loadBalancerClass", "str"),
        22: ("internalTrafficPolicy", "str"),
    },
    "ServicePort": {
        1: ("name", "str"),
        2: ("protocol", "str"),
        3: ("port", "int"),
        4: ("targetPort", "intstr"),
        5: ("nodePort", "int"),
        6: ("appProtocol", "str"),
    },
    "Deployment": {1: ("metadata", "ObjectMeta"), 2: ("spec", "DeploymentSpec"), 3: ("status", "Empty")},
    "DeploymentSpec": {
        1: ("replicas", "int"),
        2: ("selector", "LabelSelector"),
        3: ("template", "PodTemplateSpec"),
        4: ("strategy", "DeploymentStrategy"),
        5: ("minReadySeconds", "int"),
        6: ("revisionHistoryLimit", "int"),
        7: ("paused", "bool"),
        9: ("progressDeadlineSeconds", "int"),
    },
    "DeploymentStrategy": {1: ("type", "str"), 2: ("rollingUpdate", "RollingUpdateDeployment")},
    "RollingUpdateDeployment": {1: ("maxUnavailable", "intstr"), 2: ("maxSurge", "intstr")},
    "PodTemplateSpec": {1: ("metadata", "ObjectMeta"), 2: ("spec", "PodSpec")},
    "Pod": {1: ("metadata", "ObjectMeta"), 2: ("spec", "PodSpec"), 3: ("status", "Empty")},
    "PodSpec": {
        2: ("containers", "[Container]"),
        3: ("restartPolicy", "str"),
        4: ("terminationGracePeriodSeconds", "int"),
        6: ("dnsPolicy", "str"),
        7: ("nodeSelector", "map str"),
        8: ("serviceAccountName", "str"),
        9: ("serviceAccount", "str"),
        10: ("nodeName", "str"),
        11: ("hostNetwork", "bool"),
        12: ("hostPID", "bool"),
        13: ("hostIPC", "bool"),
        14: ("securityContext", "Empty"),
        15: ("imagePullSecrets", "[LocalObjectReference]"),
        16: ("hostname", "str"),
        17: ("subdomain", "str"),
        19: ("schedulerName", "str"),
        24: ("priorityClassName", "str"),
    },
    "Container": {
        1: ("name", "str"),
        2: ("image", "str"),
        3: ("command", "[str]"),
        4: ("args", "[str]"),
        5: ("workingDir", "str"),
        6: ("ports", "[ContainerPort]"),
        7: ("env", "[EnvVar]"),
        8: ("resources", "ResourceRequirements"),
        13: ("terminationMessagePath", "str"),
        14: ("imagePullPolicy", "str"),
        16: ("stdin", "bool"),
        17: ("stdinOnce", "bool"),
        18: ("tty", "bool"),
        20: ("terminationMessagePolicy", "str"),
    },
    "ContainerPort": {
        1: ("name", "str"),
        2: ("hostPort", "int"),
        3: ("containerPort", "int"),
        4: ("protocol", "str"),
        5: ("hostIP", "str"),
    },
    "EnvVar": {1: ("name", "str"), 2: ("value", "str")},
    "ResourceRequirements": {1: ("limits", "map quantity"), 2: ("requests", "map quantity")},
    "Job": {1: ("metadata", "ObjectMeta"), 2: ("spec", "JobSpec"), 3: ("status", "Empty")},
    "JobSpec": {
        1: ("parallelism", "int"),
        2: ("completions", "int"),
        3: ("activeDeadlineSeconds", "int"),
        4: ("selector", "LabelSelector"),
        5: ("manualSelector", "bool"),
        6: ("template", "PodTemplateSpec"),
        7: ("backoffLimit", "int"),
        8: ("ttlSecondsAfterFinished", "int"),
        9: ("completionMode", "str"),
        10: ("suspend", "bool"),
    },
    "Role": {1: ("metadata", "ObjectMeta"), 2: ("rules", "[PolicyRule]")},
    "ClusterRole": {1: ("metadata", "ObjectMeta"), 2: ("rules", "[PolicyRule]")},
    "PolicyRule": {
        1: ("verbs", "[str]"),
        2: ("apiGroups", "[str]"),
        3: ("resources", "[str]"),
        4: ("resourceNames", "[str]"),
        5: ("nonResourceURLs", "[str]"),
    },
    "RoleBinding": {1: ("metadata", "ObjectMeta"), 2: ("subjects", "[Subject]"), 3: ("roleRef", "RoleRef")},
    "ClusterRoleBinding": {1: ("metadata", "ObjectMeta"), 2: ("subjects", "[Subject]"), 3: ("roleRef", "RoleRef")},
    "Subject": {1: ("kind", "str"), 2: ("apiGroup", "str"), 3: ("name", "str"), 4: ("namespace", "str")},
    "RoleRef": {1: ("apiGroup", "str"), 2: ("kind", "str"), 3: ("name", "str")},
    "DeleteOptions": {
        1: ("gracePeriodSeconds", "int"),
        2: ("preconditions", "Preconditions"),
        3: ("orphanDependents", "bool"),
        4: ("propagationPolicy", "str"),
        5: ("dryRun", "[str]"),
    },
    "Preconditions": {1: ("uid", "str"), 2: ("resourceVersion", "str")},
    "SelfSubjectReview": {1: ("metadata", "ObjectMeta"), 2: ("status", "Empty")},
    "SelfSubjectRulesReview": {
        1: ("metadata", "ObjectMeta"),
        2: ("spec", "SelfSubjectRulesReviewSpec"),
        3: ("status", "Empty"),
    },
    "SelfSubjectRulesReviewSpec": {1: ("namespace", "str")},
    "SelfSubjectAccessReview": {
        1: ("metadata", "ObjectMeta"),
        2: ("spec", "SelfSubjectAccessReviewSpec"),
        3: ("status", "Empty"),
    },
    "SelfSubjectAccessReviewSpec": {
        1: ("resourceAttributes", "ResourceAttributes"),
        2: ("nonResourceAttributes", "NonResourceAttributes"),
    },
    "ResourceAttributes": {
        1: ("namespace", "str"),
        2: ("verb", "str"),
        3: ("group", "str"),
        4: ("version", "str"),
        5: ("resource", "str"),
        6: ("subresource", "str"),
        7: ("name", "str"),
    },
    "NonResourceAttributes": {1: ("path", "str"), 2: ("verb", "str")},
    "Eviction": {1: ("metadata", "ObjectMeta"), 2: ("deleteOptions", "DeleteOptions")},
    "TokenRequest": {1: ("metadata", "ObjectMeta"), 2: ("spec", "TokenRequestSpec"), 3: ("status", "Empty")},
    "TokenRequestSpec": {1: ("audiences", "[str]"), 4: ("expirationSeconds", "int")},
    "Lease": {1: ("metadata", "ObjectMeta"), 2: ("spec", "LeaseSpec")},
    "LeaseSpec": {1: ("holderIdentity", "str"), 2: ("leaseDurationSeconds", "int")},
}
"""Field numbers by message. Empty messages are kept as {}, whatever is in them."""


def decode(raw: bytes) -> Json:
    """The object in a protobuf body."""
    if not raw.startswith(MAGIC):
        raise bad_request("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    api_version = kind = ""
    inside = b""
    for number, value in _fields(raw[len(MAGIC) :]):
        if number == 1 and isinstance(value, bytes):
            for which, text in _fields(value):
                if which == 1 and isinstance(text, bytes):
                    api_version = text.decode()
                elif which == 2 and isinstance(text, bytes):
                    kind = text.decode()
        elif number == 2 and isinstance(value, bytes):
            inside = value
    if kind not in MESSAGES:
        raise bad_request(f"the lab does not read {kind} {api_version} as protobuf; send it as JSON")
    return {"apiVersion": api_version, "kind": kind, **_message(inside, kind)}


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise bad_request("unexpected EOF in a protobuf message")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _fields(data: bytes) -> t.Iterator[tuple[int, int | bytes]]:
    """Field number and value: an int, or bytes for what has a length."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        wire = tag & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value
            continue
        if wire == 2:
            length, at = _varint(data, at)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise bad_request(f"wrong wire type {wire} in a protobuf message")
        if at + length > len(data):
            raise bad_request("unexpected EOF in a protobuf message")
        chunk = data[at : at + length]
        at += length
        if wire == 2:
            yield tag >> 3, chunk
        else:
            yield tag >> 3, int(struct.unpack("<Q" if wire == 1 else "<I", chunk)[0])


def _message(data: bytes, name: str) -> Json:
    result: Json = {}
    known = MESSAGES[name]
    for number, value in _fields(data):
        if number not in known:
            if name == "Empty":
                continue
            raise bad_request(f"the lab does not read field {number} of {name} as protobuf; send the object as JSON")
        field, kind = known[number]
        if kind.startswith("map "):
            key, item = _entry(_bytes(value), kind[4:])
            result.setdefault(field, {})[key] = item
        elif kind.startswith("["):
            result.setdefault(field, []).append(_value(value, kind[1:-1]))
        else:
            result[field] = _value(value, kind)
    return {key: value for key, value in result.items() if value not in ("", 0, None) or _pointer(name, key)}


POINTERS = {
    ("DeploymentSpec", "replicas"),
    ("DeploymentSpec", "revisionHistoryLimit"),
    ("DeploymentSpec", "progressDeadlineSeconds"),
    ("PodSpec", "terminationGracePeriodSeconds"),
    ("DeleteOptions", "gracePeriodSeconds"),
    ("JobSpec", "parallelism"),
    ("JobSpec", "completions"),
    ("JobSpec", "backoffLimit"),
    ("JobSpec", "ttlSecondsAfterFinished"),
    ("ServiceAccount", "automountServiceAccountToken"),
    ("ServiceSpec", "allocateLoadBalancerNodePorts"),
    ("OwnerReference", "controller"),
    ("OwnerReference", "blockOwnerDeletion"),
    ("DeleteOptions", "orphanDependents"),
}
"""Where zero or false is not the same as nothing. Go writes the zero of all others, too."""


def _pointer(message: str, field: str) -> bool:
    return (message, field) in POINTERS


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise bad_request("wrong wire type in a protobuf message")
    return value


def _entry(data: bytes, kind: str) -> tuple[str, t.Any]:
    key, item = "", _value(b"", kind)
    for number, value in _fields(data):
        if number == 1:
            key = _bytes(value).decode()
        elif number == 2:
            item = _value(value, kind)
    return key, item


def _value(value: int | bytes, kind: str) -> t.Any:
    if kind == "bool":
        return bool(value)
    if kind == "int":
        number = int(t.cast(int, value))
        return number - (1 << 64) if number >= 1 << 63 else number
    data = _bytes(value)
    if kind == "str":
        return data.decode()
    if kind == "bytes":
        return base64.b64encode(data).decode()
    if kind == "quantity":
        return next((_bytes(text).decode() for number, text in _fields(data) if number == 1), "0")
    if kind == "intstr":
        found = dict(_fields(data))
        if found.get(1):
            return _bytes(found.get(3, b"")).decode()
        return _value(found.get(2, 0), "int")
    if kind == "time":
        return None  # the server sets all times itself
    return _message(data, kind)
