# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.healthChecks and compute.regionHealthChecks: what load balancers ask their backends.

Defaults: https://cloud.google.com/compute/docs/reference/rest/v1/healthChecks
"""

from __future__ import annotations

import typing as t

from ..core import Call, method
from ..faults import in_use, invalid
from ..links import relative, self_link
from ..state import Body, Resource, State
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
    region_scopes,
)

KIND = "compute#healthCheck"
BACKEND_SERVICE = "compute#backendService"
MANAGER = "compute#instanceGroupManager"
SPECIFICS = {
    "TCP": "tcpHealthCheck",
    "SSL": "sslHealthCheck",
    "HTTP": "httpHealthCheck",
    "HTTPS": "httpsHealthCheck",
    "HTTP2": "http2HealthCheck",
    "GRPC": "grpcHealthCheck",
    "GRPC_WITH_TLS": "grpcTlsHealthCheck",
}
"""The field that says more, by type."""
PORTS = {"TCP": 80, "HTTP": 80, "SSL": 443, "HTTPS": 443, "HTTP2": 443}
KEPT = ("kind", "id", "creationTimestamp", "selfLink", "name", "region")


def collection(call: Call) -> str:
    where = f"regions/{check_region(call)}" if "region" in call.params else "global"
    return f"projects/{call.project}/{where}/healthChecks"


def complete(body: Body) -> Body:
    """Fill in what Google fills in, and refuse what contradicts itself."""
    kind = body.get("type") or next((name for name, field in SPECIFICS.items() if field in body), "TCP")
    if kind not in SPECIFICS:
        raise invalid("resource.type", kind, "Unsupported health check type.")
    body["type"] = kind
    for field in SPECIFICS.values():
        if field in body and field != SPECIFICS[kind]:
            raise invalid(f"resource.{field}", "", f"It does not belong to the type {kind}.")
    specific = body.setdefault(SPECIFICS[kind], {})
    if kind in PORTS:
        if specific.get("portSpecification", "USE_FIXED_PORT") == "USE_FIXED_PORT":
            specific.setdefault("port", PORTS[kind])
        specific.setdefault("proxyHeader", "NONE")
    if kind.startswith("HTTP"):
        specific.setdefault("requestPath", "/")
    for field, value in {
        "checkIntervalSec": 5,
        "timeoutSec": 5,
        "healthyThreshold": 2,
        "unhealthyThreshold": 2,
    }.items():
        body.setdefault(field, value)
    if body["timeoutSec"] > body["checkIntervalSec"]:
        why = "TimeoutSec should be less than or equal to checkIntervalSec."
        raise invalid("resource.timeoutSec", body["timeoutSec"], why)
    return body


def port_of(check: Resource) -> int:
    """The port that a health check asks; 0 when it asks the backends' own."""
    return int(check.body[SPECIFICS[check.body["type"]]].get("port", 0))


def user_of(state: State, check: Resource) -> str:
    """The path of a backend service or a managed group that a health check serves, or ''."""
    for item in state.of_kind(BACKEND_SERVICE):
        if any(relative(link, item.project) == check.path for link in item.body.get("healthChecks", ())):
            return item.path
    for item in state.of_kind(MANAGER):
        policies = item.body.get("autoHealingPolicies", ())
        if any(relative(policy.get("healthCheck", ""), item.project) == check.path for policy in policies):
            return item.path
    return ""


@method("compute.healthChecks.insert", "compute.regionHealthChecks.insert")
def insert_check(call: Call) -> Body:
    body = call.lab.discovery.writable("compute", "HealthCheck", call.body)
    where = collection(call)
    need(body, "name")
    complete(body)
    if "region" in call.params:
        body["region"] = self_link(where.rsplit("/", 1)[0])
    return insert(call, KIND, f"{where}/{body['name']}", body)


def find(call: Call) -> Resource:
    return t.cast(Resource, call.get(f"{collection(call)}/{call.params['healthCheck']}"))


@method("compute.healthChecks.get", "compute.regionHealthChecks.get")
def get_check(call: Call) -> Body:
    return find(call).body


@method("compute.healthChecks.list", "compute.regionHealthChecks.list")
def list_checks(call: Call) -> Body:
    where = collection(call)
    return listed(call, "compute#healthCheckList", where, bodies(call.state, where))


@method("compute.healthChecks.aggregatedList")
def aggregated_checks(call: Call) -> Body:
    found = [item.body for item in call.state.of_kind(KIND, call.project)]
    return aggregated(call, "compute#healthChecksAggregatedList", "healthChecks", found, ["global", *region_scopes()])


@method(
    "compute.healthChecks.patch",
    "compute.healthChecks.update",
    "compute.regionHealthChecks.patch",
    "compute.regionHealthChecks.update",
)
def change_check(call: Call) -> Body:
    check = ready(find(call))
    change = call.lab.discovery.writable("compute", "HealthCheck", call.body)
    fixed(check, change, ("name", "region"), call)
    kept = {key: check.body[key] for key in KEPT if key in check.body}
    before = check.body if call.method.patches else {}
    other = change.get("type", before.get("type"))
    if other != before.get("type"):
        before = {key: value for key, value in before.items() if key not in SPECIFICS.values()}
    body = complete(merge_patch(before, change) | kept)
    check.body.clear()
    check.body.update(body)
    call.state.changed(check)
    return call.compute_operation("patch" if call.method.patches else "update", check.path, check.body["id"])


@method("compute.healthChecks.delete", "compute.regionHealthChecks.delete")
def delete_check(call: Call) -> Body:
    check = find(call)
    user = user_of(call.state, check)
    if user:
        raise in_use("health_check", check.path, user)
    return delete(call, check)
