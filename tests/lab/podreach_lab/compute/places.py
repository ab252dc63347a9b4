# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.regions, zones."""

from __future__ import annotations

from ..core import Call, method
from ..faults import not_found
from ..links import self_link
from ..places import REGIONS, ZONES, zones_of
from ..state import Body
from .common import listed

_CREATED = "1969-12-31T16:00:00.000-08:00"


def region_body(project: str, name: str) -> Body:
    number = 1000 + 10 * list(REGIONS).index(name)
    return {
        "kind": "compute#region",
        "id": str(number),
        "creationTimestamp": _CREATED,
        "name": name,
        "description": name,
        "status": "UP",
        "zones": [self_link(f"projects/{project}/zones/{zone}") for zone in zones_of(name)],
        "selfLink": self_link(f"projects/{project}/regions/{name}"),
        "supportsPzs": False,
    }


def zone_body(project: str, name: str) -> Body:
    return {
        "kind": "compute#zone",
        "id": str(2000 + list(ZONES).index(name)),
        "creationTimestamp": _CREATED,
        "name": name,
        "description": name,
        "status": "UP",
        "region": self_link(f"projects/{project}/regions/{ZONES[name]}"),
        "selfLink": self_link(f"projects/{project}/zones/{name}"),
    }


@method("compute.regions.list")
def list_regions(call: Call) -> Body:
    path = f"projects/{call.project}/regions"
    return listed(call, "compute#regionList", path, [region_body(call.project, name) for name in REGIONS])


@method("compute.regions.get")
def get_region(call: Call) -> Body:
    if call.params["region"] not in REGIONS:
        raise not_found(f"projects/{call.project}/regions/{call.params['region']}")
    return region_body(call.project, call.params["region"])


@method("compute.zones.list")
def list_zones(call: Call) -> Body:
    path = f"projects/{call.project}/zones"
    return listed(call, "compute#zoneList", path, [zone_body(call.project, name) for name in ZONES])


@method("compute.zones.get")
def get_zone(call: Call) -> Body:
    if call.params["zone"] not in ZONES:
        raise not_found(f"projects/{call.project}/zones/{call.params['zone']}")
    return zone_body(call.project, call.params["zone"])
