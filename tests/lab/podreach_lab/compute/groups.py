# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.instanceGroups, compute.regionInstanceGroups and compute.networkEndpointGroups, reading only: the groups that
GKE makes of its nodes, and those of managed groups.

Groups know their members by the paths of the instances (hidden `members`); who made a group keeps that list.
"""

from __future__ import annotations

import typing as t

from ..core import Call, method
from ..faults import invalid
from ..places import ZONES
from ..state import Body, Resource, State
from .common import aggregated, check_region, cut, listed, region_scopes, zone_scopes

INSTANCES = "compute#instanceGroup"
ENDPOINTS = "compute#networkEndpointGroup"
INSTANCE = "compute#instance"
SCOPES = ("global", *region_scopes(), *zone_scopes())


def members(state: State, group: Resource) -> list[Resource]:
    """The instances of a group that are there."""
    found = [state.get(path) for path in group.hidden.get("members", ())]
    return [item for item in found if item is not None and item.kind == INSTANCE]


def view(state: State, group: Resource) -> Body:
    return group.body | {"size": len(members(state, group))}


def collection(call: Call, what: str) -> str:
    if "region" in call.params:
        return f"projects/{call.project}/regions/{check_region(call)}/{what}"
    zone = call.params["zone"]
    if zone not in ZONES:
        raise invalid("zone", zone, "Unknown zone.")
    return f"projects/{call.project}/zones/{zone}/{what}"


def find(call: Call, what: str, name: str) -> Resource:
    return t.cast(Resource, call.get(f"{collection(call, what)}/{call.params[name]}"))


def everything(call: Call, kind: str) -> list[Body]:
    return [view(call.state, item) for item in call.state.of_kind(kind, call.project)]


# ---- instance groups


@method("compute.instanceGroups.get", "compute.regionInstanceGroups.get")
def get_group(call: Call) -> Body:
    return view(call.state, find(call, "instanceGroups", "instanceGroup"))


@method("compute.instanceGroups.list", "compute.regionInstanceGroups.list")
def list_groups(call: Call) -> Body:
    where = collection(call, "instanceGroups")
    kind = "regionInstanceGroupList" if "region" in call.params else "instanceGroupList"
    return listed(call, f"compute#{kind}", where, [view(call.state, item) for item in call.state.within(where)])


@method("compute.instanceGroups.aggregatedList")
def aggregated_groups(call: Call) -> Body:
    kind = "compute#instanceGroupAggregatedList"
    return aggregated(call, kind, "instanceGroups", everything(call, INSTANCES), SCOPES)


@method("compute.instanceGroups.listInstances", "compute.regionInstanceGroups.listInstances")
def list_instances(call: Call) -> Body:
    group = find(call, "instanceGroups", "instanceGroup")
    running = call.body.get("instanceState", "ALL") == "RUNNING"
    found = [
        {"instance": item.body["selfLink"], "status": item.body["status"]}
        for item in members(call.state, group)
        if not running or item.body["status"] == "RUNNING"
    ]
    kind = "regionInstanceGroupsListInstances" if "region" in call.params else "instanceGroupsListInstances"
    return listed(call, f"compute#{kind}", f"{group.path}/listInstances", found)


# ---- network endpoint groups


@method("compute.networkEndpointGroups.get")
def get_endpoint_group(call: Call) -> Body:
    return view(call.state, find(call, "networkEndpointGroups", "networkEndpointGroup"))


@method("compute.networkEndpointGroups.list")
def list_endpoint_groups(call: Call) -> Body:
    where = collection(call, "networkEndpointGroups")
    found = [view(call.state, item) for item in call.state.within(where)]
    return listed(call, "compute#networkEndpointGroupList", where, found)


@method("compute.networkEndpointGroups.aggregatedList")
def aggregated_endpoint_groups(call: Call) -> Body:
    kind = "compute#networkEndpointGroupAggregatedList"
    scopes = ["global", *zone_scopes()]
    return aggregated(call, kind, "networkEndpointGroups", everything(call, ENDPOINTS), scopes)


@method("compute.networkEndpointGroups.listNetworkEndpoints")
def list_endpoints(call: Call) -> Body:
    """Without health: for that there is getHealth of the backend service."""
    group = find(call, "networkEndpointGroups", "networkEndpointGroup")
    found: list[Body] = [
        {"networkEndpoint": {"instance": item.name, "ipAddress": item.body["networkInterfaces"][0]["networkIP"]}}
        for item in members(call.state, group)
    ]
    page, token = cut(found, call.query.get("maxResults", 500), call.query.get("pageToken", ""))
    kind = "compute#networkEndpointGroupsListNetworkEndpoints"
    answer: Body = {"kind": kind, "id": f"{group.path}/listNetworkEndpoints"}
    return answer | ({"items": page} if page else {}) | ({"nextPageToken": token} if token else {})
