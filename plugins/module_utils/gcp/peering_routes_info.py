# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which routes a network gives to its peers and gets from them: accepted or rejected, and why.

https://cloud.google.com/compute/docs/reference/rest/v1/networks/listPeeringRoutes
"""

from __future__ import annotations

import dataclasses
import typing as t

from .. import addressing
from ..arguments import ArgumentSpec, Call, Definition
from ..errors import InvalidInput, PodreachError, Refused, raise_all
from .auth import AUTH_SPEC
from .client import Client
from .fields import Json
from .peering_surroundings import SUBNET, Surroundings, is_ipv4, listed, path_of
from .resource import NAME
from .task import rehearse

DIRECTIONS = ("INCOMING", "OUTGOING")
SPEC = AUTH_SPEC.merge(
    ArgumentSpec(
        options={
            "network": {"type": "str", "required": True},
            "name": {"type": "str"},
            "direction": {"type": "str", "choices": list(DIRECTIONS)},
            "region": {"type": "str"},
            "timeout": {"type": "int", "default": 600},
        }
    )
)


def execute(call: Call) -> dict[str, t.Any]:
    params = call.params
    client = Client.for_call(dataclasses.replace(call, params={**params, "wait": True}))
    path = path_of(params["network"], f"projects/{client.project}")
    _check({"network": path.rpartition("/")[2], "name": params["name"], "region": params["region"]})
    network = client.get("compute", path)
    if network is None:
        raise Refused(f"network: {path} does not exist", code="missing-prerequisite", resource=path)
    entries = [item for item in network.get("peerings") or [] if params["name"] in (None, item["name"])]
    if params["name"] and not entries:
        there = ", ".join(item["name"] for item in network.get("peerings") or []) or "none"
        raise Refused(f"name: {path} has no peering {params['name']!r}; it has {there}", code="missing-prerequisite")
    around = Surroundings(client, path, network)
    regions = [params["region"]] if params["region"] else around.regions
    own = [item.cidr for item in around.ranges()]
    directions = [params["direction"]] if params["direction"] else DIRECTIONS
    return {
        "changed": False,
        "peerings": [_peering(item, path) for item in entries],
        "regions": regions,
        "routes": [
            route
            for entry in entries
            for direction in directions
            for route in _routes(client, path, entry, direction, regions, own)
        ],
    }


DEFINITION = Definition(name="network_peering_routes_info", spec=SPEC, execute=execute, rehearse=rehearse)


def _check(names: t.Mapping[str, str | None]) -> None:
    """Refuse names that cannot be any, before anything is sent."""
    errors: list[PodreachError] = []
    for option, value in names.items():
        if value is not None and not NAME.fullmatch(value):
            rule = "a name has 1 to 63 lower-case letters, digits and hyphens, and starts with a letter"
            errors.append(InvalidInput(f"{option}: {value!r}: {rule}"))
    raise_all(errors)


def _peering(entry: Json, path: str) -> Json:
    return {
        "name": entry["name"],
        "peer_network": path_of(entry["network"], path),
        "state": entry.get("state"),
        "state_details": entry.get("stateDetails"),
        "export_custom_routes": bool(entry.get("exportCustomRoutes")),
        "import_custom_routes": bool(entry.get("importCustomRoutes")),
        "export_subnet_routes_with_public_ip": bool(entry.get("exportSubnetRoutesWithPublicIp", True)),
        "import_subnet_routes_with_public_ip": bool(entry.get("importSubnetRoutesWithPublicIp")),
    }


def _routes(
    client: Client, path: str, entry: Json, direction: str, regions: t.Sequence[str], own: t.Sequence[str]
) -> list[Json]:
    """The routes of one peering and direction, each once with the regions in which it is told."""
    found: dict[tuple[t.Any, ...], Json] = {}
    for region in regions:
        for item in listed(client, path, entry["name"], direction, region):
            accepted = bool(item.get("imported"))
            key = (item["destRange"], item["type"], item.get("nextHopRegion"), item.get("priority"), accepted)
            if key not in found:
                found[key] = {
                    "peering": entry["name"],
                    "direction": direction,
                    "regions": [],
                    "dest_range": item["destRange"],
                    "type": item["type"],
                    "priority": item.get("priority", 0),
                    "next_hop_region": item.get("nextHopRegion"),
                    "imported": accepted,
                    "status": "accepted" if accepted else "rejected",
                    "reason": None if accepted else _reason(item, entry, direction, own),
                }
            found[key]["regions"].append(region)
    return list(found.values())


def _reason(item: Json, entry: Json, direction: str, own: t.Sequence[str]) -> str:
    """Why a route is not taken, as far as the receiving side's configuration is known."""
    option = "import_subnet_routes_with_public_ip" if item["type"] == SUBNET else "import_custom_routes"
    if direction == "OUTGOING":
        return (
            f"the peer network does not take it: {option} is off in its peering, or a subnet range of its own holds "
            "this one, or a quota is used up. The other side alone can tell which."
        )
    public = item["type"] == SUBNET and is_ipv4(item["destRange"]) and addressing.space(item["destRange"]) == "public"
    flag = {"import_custom_routes": "importCustomRoutes"}.get(option, "importSubnetRoutesWithPublicIp")
    if not entry.get(flag) and (public or item["type"] != SUBNET):
        return f"{option} is off in peering {entry['name']}: turn it on to take it."
    if is_ipv4(item["destRange"]) and addressing.is_within(item["destRange"], own):
        return "a subnet range of this network holds it, and always wins."
    return "it is not the configuration: a quota of the peering group may be used up, or a route of this network wins."
