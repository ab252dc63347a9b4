# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services, the pods behind them, and what listens in a pod. Pure.

Endpoints are computed as the endpoint and endpoint slice controllers do, and packets follow the slices, as kube-proxy
does: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/. Session affinity is not modelled.
"""

from __future__ import annotations

import typing as t

from . import facts, selectors
from .masquerade import image_name
from .policies import canonical, named_ports
from .validation import SOURCE_RANGES

Object = dict[str, t.Any]

IMAGES: dict[str, tuple[int, ...]] = {
    "nginx": (80,),
    "httpd": (80,),
    "caddy": (80, 443),
    "traefik": (80,),
    "whoami": (80,),
    "hello-app": (8080,),
    "hello-node": (8080,),
    "whereami": (8080,),
    "echoserver": (8080,),
    "echo-server": (80,),
    "http-echo": (5678,),
    "httpbin": (80,),
    "redis": (6379,),
    "postgres": (5432,),
    "mysql": (3306,),
    "memcached": (11211,),
}
"""TCP ports that well-known images open as they come."""

READS_PORT = {"hello-app", "whereami"}
"""Images that listen on the port that the variable PORT names."""


# ---- what listens


def listens(pod: Object) -> frozenset[facts.Port]:
    """The ports that a pod's processes have open: what their image is known to open, else what they declare."""
    found = set()
    for container in [*pod["spec"].get("containers", []), *_sidecars(pod)]:
        name = image_name(container.get("image", ""))
        if name in IMAGES:
            numbers = IMAGES[name]
            given = next((item.get("value") for item in container.get("env") or [] if item["name"] == "PORT"), None)
            if name in READS_PORT and str(given).isdigit():
                numbers = (int(str(given)),)
            found |= {facts.Port("tcp", number) for number in numbers}
            continue
        for port in container.get("ports") or []:
            found.add(facts.Port(str(port.get("protocol", "TCP")).lower(), port["containerPort"]))
    return frozenset(found)


def _sidecars(pod: Object) -> list[Object]:
    return [item for item in pod["spec"].get("initContainers") or [] if item.get("restartPolicy") == "Always"]


# ---- endpoints


def is_ready(pod: Object) -> bool:
    return any(
        item["type"] == "Ready" and item["status"] == "True" for item in pod.get("status", {}).get("conditions") or []
    )


def backends(service: Object, pods: t.Iterable[Object]) -> list[Object]:
    """The pods that a Service selects and that have an address, by name."""
    wanted = service["spec"].get("selector")
    if not wanted:
        return []
    selector = selectors.from_object({"matchLabels": wanted})
    namespace = service["metadata"]["namespace"]
    found = [
        pod
        for pod in pods
        if pod["metadata"]["namespace"] == namespace
        and pod.get("status", {}).get("podIP")
        and pod["status"].get("phase") not in ("Succeeded", "Failed")
        and not pod["metadata"].get("deletionTimestamp")
        and selectors.matches(selector, pod["metadata"].get("labels"))
    ]
    return sorted(found, key=lambda pod: str(pod["metadata"]["name"]))


def target_port(port: Object, pod: Object) -> int | None:
    """The pod's port behind a Service's port, None when the pod has none of that name."""
    target: int | str = port.get("targetPort") or port["port"]
    if isinstance(target, int) or target.isdigit():
        return int(target)
    numbers = named_ports(pod, target, str(port.get("protocol", "TCP")).lower())
    return numbers[0] if numbers else None


def endpoints(service: Object, pods: t.Iterable[Object]) -> list[Object]:
    """Endpoint sets of a Service: {"ports": [{name, port, protocol}], "ready": [pod], "unready": [pod]}. Pods that give
    a named port different numbers are in different sets."""
    ports = service["spec"].get("ports") or []
    always = bool(service["spec"].get("publishNotReadyAddresses"))
    sets: dict[tuple[int | None, ...], Object] = {}
    for pod in backends(service, pods):
        numbers = tuple(target_port(port, pod) for port in ports)
        if ports and not any(numbers):
            continue
        if numbers not in sets:
            shown = [_port(port, number) for port, number in zip(ports, numbers, strict=True) if number is not None]
            sets[numbers] = {"ports": shown, "ready": [], "unready": []}
        sets[numbers]["ready" if always or is_ready(pod) else "unready"].append(pod)
    return [sets[numbers] for numbers in sorted(sets, key=str)]


def _port(port: Object, number: int) -> Object:
    found: Object = {"port": number, "protocol": port.get("protocol", "TCP")}
    return {"name": port["name"], **found} if port.get("name") else found


def endpoints_object(service: Object, sets: t.Iterable[Object]) -> Object:
    """The Endpoints object of a Service with a selector."""
    subsets = []
    for found in sets:
        subset: Object = {}
        if found["ready"]:
            subset["addresses"] = [_address(pod) for pod in found["ready"]]
        if found["unready"]:
            subset["notReadyAddresses"] = [_address(pod) for pod in found["unready"]]
        if found["ports"]:
            subset["ports"] = found["ports"]
        subsets.append(subset)
    body: Object = {"metadata": _metadata(service)}
    if service["spec"].get("clusterIP") == "None":
        body["metadata"]["labels"]["service.kubernetes.io/headless"] = ""
    if subsets:
        body["subsets"] = subsets
    return body


def _metadata(service: Object) -> Object:
    labels = dict(service["metadata"].get("labels") or {})
    labels["endpoints.kubernetes.io/managed-by"] = "endpoint-controller"
    return {"name": service["metadata"]["name"], "namespace": service["metadata"]["namespace"], "labels": labels}


def _address(pod: Object) -> Object:
    return {"ip": pod["status"]["podIP"], "nodeName": pod["spec"].get("nodeName", ""), "targetRef": _target(pod)}


def _target(pod: Object) -> Object:
    metadata = pod["metadata"]
    return {"kind": "Pod", "namespace": metadata["namespace"], "name": metadata["name"], "uid": metadata["uid"]}


SLICE_SERVICE = "kubernetes.io/service-name"
SLICE_MANAGER = "endpointslice.kubernetes.io/managed-by"
CONTROLLER = "endpointslice-controller.k8s.io"
MIRROR = "endpointslicemirroring-controller.k8s.io"


def slice_object(service: Object, found: Object, zones: t.Mapping[str, str]) -> Object:
    """An EndpointSlice of one set, without a name. zones: by node."""
    items = []
    for ready, pods in ((True, found["ready"]), (False, found["unready"])):
        for pod in pods:
            node = pod["spec"].get("nodeName", "")
            item: Object = {
                "addresses": [pod["status"]["podIP"]],
                "conditions": {"ready": ready, "serving": is_ready(pod), "terminating": False},
                "nodeName": node,
                "targetRef": _target(pod),
            }
            if node in zones:
                item["zone"] = zones[node]
            items.append(item)
    ports = [{"name": item.get("name", ""), **item} for item in found["ports"]]
    return _slice(service, items, ports, CONTROLLER)


def mirrored_slices(service: Object, manual: Object) -> list[Object]:
    """EndpointSlices of an Endpoints object that somebody wrote for a Service without a selector."""
    slices = []
    for subset in manual.get("subsets") or []:
        items: list[Object] = []
        for ready, key in ((True, "addresses"), (False, "notReadyAddresses")):
            items += [{"addresses": [item["ip"]], "conditions": {"ready": ready}} for item in subset.get(key) or []]
        ports = [
            {"name": item.get("name", ""), "port": item["port"], "protocol": item.get("protocol", "TCP")}
            for item in subset.get("ports") or []
        ]
        slices.append(_slice(service, items, ports, MIRROR))
    return slices


def _slice(service: Object, items: list[Object], ports: list[Object], manager: str) -> Object:
    metadata = service["metadata"]
    labels = {**(metadata.get("labels") or {}), SLICE_SERVICE: metadata["name"], SLICE_MANAGER: manager}
    return {
        "metadata": {
            "generateName": f"{metadata['name']}-",
            "namespace": metadata["namespace"],
            "labels": labels,
            "ownerReferences": [
                {
                    "apiVersion": "v1",
                    "kind": "Service",
                    "name": metadata["name"],
                    "uid": metadata["uid"],
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "addressType": "IPv4",
        "endpoints": items,
        "ports": ports,
    }


# ---- what packets see


def service_facts(service: Object, slices: t.Iterable[Object]) -> facts.Service | None:
    """A Service as the nodes' rules have it, None for one without a cluster address."""
    spec, metadata = service["spec"], service["metadata"]
    address = spec.get("clusterIP", "")
    if not address or address == "None" or spec.get("type") == "ExternalName":
        return None
    slices = [item for item in slices if item.get("addressType", "IPv4") == "IPv4"]
    ports = []
    for port in spec.get("ports") or []:
        protocol = str(port.get("protocol", "TCP"))
        behind = {
            (address, shown["port"])
            for item in slices
            for shown in item.get("ports") or []
            if (shown.get("name") or "") == (port.get("name") or "") and shown.get("protocol", "TCP") == protocol
            for endpoint in item.get("endpoints") or []
            if (endpoint.get("conditions") or {}).get("ready") is not False
            for address in endpoint["addresses"]
            if not address.startswith("127.")  # the control plane, which no packet of a node reaches
        }
        shown_port = facts.Port(protocol.lower(), port["port"])
        ports.append(facts.ServicePort(shown_port, tuple(sorted(behind))))
    ingress = (service.get("status", {}).get("loadBalancer") or {}).get("ingress") or [{}]
    return facts.Service(
        metadata["namespace"],
        metadata["name"],
        address,
        tuple(ports),
        ingress[0].get("ip", ""),
        global_access(service),
        tuple(source_ranges(service)),
        is_local(service),
    )


# ---- internal load balancers: https://cloud.google.com/kubernetes-engine/docs/how-to/internal-load-balancing

TYPE_KEYS = ("networking.gke.io/load-balancer-type", "cloud.google.com/load-balancer-type")
ADDRESS_NAMES = "networking.gke.io/load-balancer-ip-addresses"
GLOBAL_ACCESS = "networking.gke.io/internal-load-balancer-allow-global-access"
SUBNET_KEYS = ("networking.gke.io/load-balancer-subnet", "networking.gke.io/internal-load-balancer-subnet")
CLASS_INTERNAL, CLASS_LEGACY = "networking.gke.io/l4-regional-internal", "networking.gke.io/l4-regional-internal-legacy"
EXTERNAL_CLASSES = ("networking.gke.io/l4-regional-external", "networking.gke.io/l4-regional-external-legacy")


def annotation(service: Object, *keys: str) -> str:
    """The first of these annotations that is there."""
    found = service["metadata"].get("annotations") or {}
    return next((str(found[key]) for key in keys if key in found), "")


def is_internal(service: Object) -> bool:
    """Whether a Service asks for an internal load balancer: by class, else by either key, capitalised or not."""
    if service["spec"].get("type") != "LoadBalancer":
        return False
    if service["spec"].get("loadBalancerClass"):
        return service["spec"]["loadBalancerClass"] in (CLASS_INTERNAL, CLASS_LEGACY)
    return type_of(service) == "Internal"


def type_of(service: Object) -> str:
    """What the annotations ask for: Internal, or whatever else they say."""
    text = annotation(service, *TYPE_KEYS)
    return "Internal" if text == "internal" else text


def is_external(service: Object) -> bool:
    """Whether a Service asks GKE for an external load balancer; a class that GKE does not know is somebody else's."""
    if service["spec"].get("type") != "LoadBalancer" or is_internal(service):
        return False
    return service["spec"].get("loadBalancerClass") in (None, "", *EXTERNAL_CLASSES)


def is_local(service: Object) -> bool:
    """Whether what comes from outside keeps to the node that it came to."""
    return bool(service["spec"].get("externalTrafficPolicy") == "Local")


def global_access(service: Object) -> bool:
    return annotation(service, GLOBAL_ACCESS) == "true"


def source_ranges(service: Object) -> list[str]:
    """Who may use a load balancer; nothing said is everybody."""
    given = service["spec"].get("loadBalancerSourceRanges")
    if given:
        return [canonical(str(item)) for item in given]
    text = annotation(service, SOURCE_RANGES)
    return [canonical(item) for item in text.split(",") if item.strip()]
