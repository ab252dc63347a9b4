# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster's Services of type LoadBalancer are: addresses, ports, who is let in, which pods answer."""

from __future__ import annotations

import typing as t

from ..arguments import ArgumentSpec, Call, Definition
from ..errors import ApiError, InvalidInput
from ..gcp.task import rehearse
from . import workloads
from .access import ACCESS_SPEC
from .client import Json
from .service_changes import NAMESPACE_NAME, address_of, canonical, is_internal, is_ours, target_of

#: the label by which a slice names its Service
SERVICE_NAME = "kubernetes.io/service-name"

SPEC = ACCESS_SPEC.merge(
    ArgumentSpec(
        options={
            "name": {"type": "str"},
            "namespace": {"type": "str"},
            "timeout": {"type": "int", "default": 60},
        }
    )
)


def ready_endpoints(slices: t.Sequence[Json], namespace: str, name: str) -> list[Json]:
    """The endpoints of a Service that get connections: address, node and pod. One in several slices counts once.

    Source: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/ (what is not said is ready)
    """
    found: dict[str, Json] = {}
    for item in slices:
        metadata = item["metadata"]
        if metadata.get("namespace") != namespace or (metadata.get("labels") or {}).get(SERVICE_NAME) != name:
            continue
        for endpoint in item.get("endpoints") or []:
            if (endpoint.get("conditions") or {}).get("ready") is False:
                continue
            target = endpoint.get("targetRef") or {}
            for address in endpoint.get("addresses") or []:
                pod = target.get("name") if target.get("kind") == "Pod" else None
                found[address] = {"address": address, "node": endpoint.get("nodeName"), "pod": pod}
    return [found[address] for address in sorted(found)]


def described(service: Json, slices: t.Sequence[Json]) -> Json:
    """What of a Service matters to those who want to reach its pods."""
    spec, metadata = service.get("spec") or {}, service["metadata"]
    return {
        "name": metadata["name"],
        "namespace": metadata["namespace"],
        "internal": is_internal(service),
        "owned": is_ours(service),
        "address": address_of(service),
        "cluster_ip": spec.get("clusterIP"),
        "ports": [
            {
                "port": port["port"],
                "protocol": port["protocol"],
                "target_port": str(target_of(port)),
                "name": port.get("name"),
            }
            for port in canonical(spec.get("ports") or [])
        ],
        "selector": spec.get("selector") or {},
        "source_ranges": list(spec.get("loadBalancerSourceRanges") or []),
        "external_traffic_policy": spec.get("externalTrafficPolicy") or "Cluster",
        "ready_endpoints": ready_endpoints(slices, metadata["namespace"], metadata["name"]),
    }


def execute(call: Call) -> dict[str, t.Any]:
    """Read them. Changes nothing."""
    params = call.params
    for option in ("name", "namespace"):
        if params.get(option) is not None and not NAMESPACE_NAME.fullmatch(params[option]):
            raise InvalidInput(
                f"{option}: {params[option]!r} is no name of a {'Service' if option == 'name' else option}"
            )
    kube, planned = workloads.reach(call)
    if planned:
        return {"changed": False, "services": []}
    inside = f"/namespaces/{params['namespace']}" if params.get("namespace") else ""
    where = f"of namespace {params['namespace']}" if params.get("namespace") else "of all namespaces"
    query = {"fieldSelector": f"metadata.name={params['name']}"} if params.get("name") else {}
    listed = kube.items(f"/api/v1{inside}/services", f"Services {where}", query)
    listed = [item for item in listed if (item.get("spec") or {}).get("type") == "LoadBalancer"]
    slices: list[Json] = []
    if listed:
        query = {"labelSelector": f"{SERVICE_NAME}={params['name']}"} if params.get("name") else {}
        try:
            slices = kube.items(f"/apis/discovery.k8s.io/v1{inside}/endpointslices", f"EndpointSlices {where}", query)
        except ApiError as error:
            if error.status != 403:
                raise
            call.warn(f"{error} So it is not said which endpoints are ready.")
    found = []
    for item in sorted(listed, key=lambda item: (item["metadata"]["namespace"], item["metadata"]["name"])):
        shown = described(item, slices)
        if not shown["address"]:
            shown["events"] = kube.events(shown["namespace"], "Service", shown["name"], item["metadata"].get("uid"))
        found.append(shown)
    return {"changed": False, "services": found}


DEFINITION = Definition(name="internal_service_info", spec=SPEC, execute=execute, rehearse=rehearse)
