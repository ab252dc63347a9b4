# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.globalOperations, regionOperations and zoneOperations: get, list, wait."""

from __future__ import annotations

from ..core import Call, method
from ..faults import not_found
from ..operations import Operation
from ..state import Body
from .common import aggregated, listed, region_scopes, zone_scopes

LONGEST_WAIT = 120


def collection(call: Call) -> str:
    for key, word in (("region", "regions"), ("zone", "zones")):
        if key in call.params:
            return f"projects/{call.project}/{word}/{call.params[key]}/operations"
    return f"projects/{call.project}/global/operations" if "project" in call.params else "locations/global/operations"


def find(call: Call) -> Operation:
    path = f"{collection(call)}/{call.params['operation']}"
    found = call.lab.operations.get(path)
    if found is None or found.service != "compute":
        raise not_found(path)
    return found


@method(
    "compute.globalOperations.get",
    "compute.regionOperations.get",
    "compute.zoneOperations.get",
    "compute.globalOrganizationOperations.get",
)
def get_operation(call: Call) -> Body:
    return call.lab.operations.view(find(call))


@method("compute.globalOperations.wait", "compute.regionOperations.wait", "compute.zoneOperations.wait")
async def wait_operation(call: Call) -> Body:
    return await call.lab.operations.wait(find(call), LONGEST_WAIT)


@method(
    "compute.globalOperations.list",
    "compute.regionOperations.list",
    "compute.zoneOperations.list",
    "compute.globalOrganizationOperations.list",
)
def list_operations(call: Call) -> Body:
    path = collection(call)
    found = [call.lab.operations.view(item) for item in call.lab.operations.within(path) if item.service == "compute"]
    return listed(call, "compute#operationList", path, found)


@method("compute.globalOperations.aggregatedList")
def aggregated_operations(call: Call) -> Body:
    found = [call.lab.operations.view(item) for item in call.lab.operations.of_project("compute", call.project)]
    scopes = ["global", *region_scopes(), *zone_scopes()]
    return aggregated(call, "compute#operationAggregatedList", "operations", found, scopes)
