# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.backendServices and compute.regionBackendServices: what stands behind a forwarding rule.

Only regional ones of internal passthrough load balancers can be made; the global collection is there and empty.
"""

from __future__ import annotations

import typing as t

from ..core import Call, method
from ..faults import ApiFault, bad_fingerprint, in_use, invalid, required
from ..links import region_of_zone, relative, self_link
from ..state import Body, Resource, State
from . import allocation, groups, health, health_checks
from .common import (
    aggregated,
    bodies,
    check_region,
    delete,
    fixed,
    insert,
    listed,
    merge_patch,
    need,
    ready,
    reference,
    region_scopes,
)

KIND = health.BACKEND_SERVICE
PROTOCOLS = ("TCP", "UDP", "UNSPECIFIED")
KEPT = ("kind", "id", "creationTimestamp", "selfLink", "name", "region", "loadBalancingScheme", "fingerprint")


def collection(call: Call) -> str:
    where = f"regions/{check_region(call)}" if "region" in call.params else "global"
    return f"projects/{call.project}/{where}/backendServices"


def find(call: Call) -> Resource:
    return t.cast(Resource, call.get(f"{collection(call)}/{call.params['backendService']}"))


def rules_of(state: State, service: Resource) -> list[Resource]:
    """The forwarding rules that lead to a backend service."""
    return [
        item
        for item in state.of_kind(allocation.FORWARDING_RULE)
        if relative(item.body.get("backendService", ""), item.project) == service.path
    ]


def complete(call: Call, body: Body, region: str) -> Body:
    """Check what it refers to, and fill in what Google fills in."""
    if body["protocol"] not in PROTOCOLS:
        why = "Protocol must be TCP, UDP or UNSPECIFIED for the load balancing scheme INTERNAL."
        raise invalid("resource.protocol", body["protocol"], why)
    checks = body.get("healthChecks") or []
    if not checks:
        raise required("resource.healthChecks")
    if len(checks) > 1:
        raise invalid("resource.healthChecks", "", "At most one health check can be specified.")
    check = call.state.get(relative(str(checks[0]), call.project))
    if check is None or check.kind != health_checks.KIND:
        why = "The referenced healthCheck resource cannot be found."
        raise invalid("resource.healthChecks[0]", checks[0], why)
    body["healthChecks"] = [ready(check).body["selfLink"]]
    for at, backend in enumerate(body.get("backends", [])):
        complete_backend(call, backend, f"resource.backends[{at}]", region)
    if not body.get("backends"):
        body.pop("backends", None)
    body.setdefault("sessionAffinity", "NONE")
    body.setdefault("timeoutSec", 30)
    body.setdefault("connectionDraining", {"drainingTimeoutSec": 0})
    return body


def complete_backend(call: Call, backend: Body, field: str, region: str) -> None:
    link = backend.get("group")
    if not link:
        raise required(f"{field}.group")
    group = call.state.get(relative(str(link), call.project))
    if group is None or group.kind not in (groups.INSTANCES, groups.ENDPOINTS):
        raise invalid(f"{field}.group", link, "The referenced group resource cannot be found.")
    place = group.path.split("/")[3]
    if region not in (place, region_of_zone(place)):
        raise invalid(f"{field}.group", link, f"The group must be in the region {region}.")
    backend["group"] = group.body["selfLink"]
    if backend.setdefault("balancingMode", "CONNECTION") != "CONNECTION":
        why = "Balancing mode must be CONNECTION for the load balancing scheme INTERNAL."
        raise invalid(f"{field}.balancingMode", backend["balancingMode"], why)


@method("compute.backendServices.insert", "compute.regionBackendServices.insert")
def insert_service(call: Call) -> Body:
    body = call.lab.discovery.writable("compute", "BackendService", call.body)
    where = collection(call)
    need(body, "name")
    scheme = body.get("loadBalancingScheme", "EXTERNAL")
    if scheme != "INTERNAL" or "region" not in call.params:
        kind = f"{'regional' if 'region' in call.params else 'global'} backend services of the scheme {scheme}"
        raise ApiFault(501, f"The lab does not model {kind}.", "notImplemented")
    body.setdefault("protocol", "TCP")
    complete(call, body, call.params["region"])
    if body.get("network"):
        body["network"] = reference(call, body["network"], "resource.network", "networks").body["selfLink"]
    body |= {
        "region": self_link(where.rsplit("/", 1)[0]),
        "fingerprint": call.state.new_fingerprint(),
    }
    return insert(call, KIND, f"{where}/{body['name']}", body)


@method("compute.backendServices.get", "compute.regionBackendServices.get")
def get_service(call: Call) -> Body:
    return find(call).body


@method("compute.backendServices.list", "compute.regionBackendServices.list")
def list_services(call: Call) -> Body:
    where = collection(call)
    return listed(call, "compute#backendServiceList", where, bodies(call.state, where))


@method("compute.backendServices.aggregatedList")
def aggregated_services(call: Call) -> Body:
    found = [item.body for item in call.state.of_kind(KIND, call.project)]
    kind = "compute#backendServiceAggregatedList"
    return aggregated(call, kind, "backendServices", found, ["global", *region_scopes()])


@method(
    "compute.backendServices.patch",
    "compute.backendServices.update",
    "compute.regionBackendServices.patch",
    "compute.regionBackendServices.update",
)
def change_service(call: Call) -> Body:
    service = ready(find(call))
    change = call.lab.discovery.writable("compute", "BackendService", call.body)
    given = call.body.get("fingerprint")
    if given and given != service.body["fingerprint"]:
        raise bad_fingerprint()
    change.pop("fingerprint", None)
    fixed(service, change, ("name", "region", "loadBalancingScheme", "network"), call)
    if change.get("protocol", service.body["protocol"]) != service.body["protocol"] and rules_of(call.state, service):
        why = "Cannot change the protocol of a backend service that a forwarding rule uses."
        raise invalid("resource.protocol", change["protocol"], why)
    kept = {key: service.body[key] for key in KEPT}
    before = service.body if call.method.patches else {"protocol": service.body["protocol"]}
    body = complete(call, merge_patch(before, change) | kept, call.params.get("region", ""))
    service.body.clear()
    service.body.update(body)
    call.state.changed(service)
    return call.compute_operation("patch" if call.method.patches else "update", service.path, service.body["id"])


@method("compute.backendServices.delete", "compute.regionBackendServices.delete")
def delete_service(call: Call) -> Body:
    service = find(call)
    for rule in rules_of(call.state, service):
        raise in_use("backend_service", service.path, rule.path)
    return delete(call, service)


@method("compute.backendServices.getHealth", "compute.regionBackendServices.getHealth")
def get_health(call: Call) -> Body:
    """For each forwarding rule how its checks find each member of a group; without a rule nobody checks."""
    service = find(call)
    link = call.body.get("group")
    if not link:
        raise required("resource.group")
    wanted = relative(str(link), call.project)
    if wanted not in [relative(item["group"], call.project) for item in service.body.get("backends", ())]:
        raise invalid("resource.group", link, f"The backend service '{service.name}' has no such backend.")
    judge = health.Health(call.state)
    found = []
    for rule in rules_of(call.state, service):
        network, address = relative(rule.body["network"], rule.project), rule.body["IPAddress"]
        for item in judge.backends(service, network, address):
            if relative(item.group, call.project) == wanted:
                found.append(status_of(item, rule, wanted))
    return {"kind": "compute#backendServiceGroupHealth"} | ({"healthStatus": found} if found else {})


def status_of(backend: health.Backend, rule: Resource, group: str) -> Body:
    status: Body = {
        "instance": backend.instance.body["selfLink"],
        "ipAddress": backend.instance.body["networkInterfaces"][0]["networkIP"],
        "healthState": "HEALTHY" if backend.healthy else "UNHEALTHY",
        "forwardingRule": rule.body["selfLink"],
        "forwardingRuleIp": rule.body["IPAddress"],
    }
    return status | ({"port": 80} if "/instanceGroups/" in group else {})
