# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.instances and instanceGroupManagers: reading the nodes of clusters. Nothing is created here."""

from __future__ import annotations

import typing as t

from ..core import Call, method
from ..faults import invalid
from ..places import ZONES
from ..state import Body
from .common import aggregated, bodies, listed, zone_scopes

INSTANCE = "compute#instance"
MANAGER = "compute#instanceGroupManager"


def zone_path(call: Call, what: str) -> str:
    zone = call.params["zone"]
    if zone not in ZONES:
        raise invalid("zone", zone, "Unknown zone.")
    return f"projects/{call.project}/zones/{zone}/{what}"


@method("compute.instances.get")
def get_instance(call: Call) -> Body:
    return t.cast(Body, call.get(f"{zone_path(call, 'instances')}/{call.params['instance']}").body)


@method("compute.instances.list")
def list_instances(call: Call) -> Body:
    path = zone_path(call, "instances")
    return listed(call, "compute#instanceList", path, bodies(call.state, path))


@method("compute.instances.aggregatedList")
def aggregated_instances(call: Call) -> Body:
    found = [item.body for item in call.state.of_kind(INSTANCE, call.project)]
    return aggregated(call, "compute#instanceAggregatedList", "instances", found, zone_scopes())


@method("compute.instanceGroupManagers.get")
def get_manager(call: Call) -> Body:
    path = f"{zone_path(call, 'instanceGroupManagers')}/{call.params['instanceGroupManager']}"
    return t.cast(Body, call.get(path).body)


@method("compute.instanceGroupManagers.list")
def list_managers(call: Call) -> Body:
    path = zone_path(call, "instanceGroupManagers")
    return listed(call, "compute#instanceGroupManagerList", path, bodies(call.state, path))


@method("compute.instanceGroupManagers.aggregatedList")
def aggregated_managers(call: Call) -> Body:
    found = [item.body for item in call.state.of_kind(MANAGER, call.project)]
    return aggregated(call, "compute#instanceGroupManagerAggregatedList", "instanceGroupManagers", found, zone_scopes())


@method("compute.instanceGroupManagers.listManagedInstances")
def managed_instances(call: Call) -> Body:
    path = f"{zone_path(call, 'instanceGroupManagers')}/{call.params['instanceGroupManager']}"
    group = call.get(path)
    return {
        "managedInstances": [
            {
                "instance": item.body["selfLink"],
                "id": item.body["id"],
                "name": item.name,
                "instanceStatus": item.body["status"],
                "currentAction": "NONE",
            }
            for item in call.state.of_kind(INSTANCE, call.project)
            if item.hidden.get("group") == group.path
        ]
    }
