# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS's half of VPNs as it is: by logical name, by gateway, or by VPC."""

from __future__ import annotations

import typing as t

from ..arguments import ArgumentSpec, Call
from . import vpn_reading
from .client import Client
from .vpn_reading import ALIVE, KINDS, TRANSIT, VIRTUAL, Json

SPEC = ArgumentSpec(
    options={
        "name": {"type": "str"},
        "gateway_id": {"type": "str"},
        "vpc_id": {"type": "str"},
        "vpc_name": {"type": "str"},
        "include_pre_shared_keys": {"type": "bool", "default": False, "no_log": False},
    },
    mutually_exclusive=(("vpc_id", "vpc_name"),),
    empty_is_unset=frozenset({"name", "gateway_id", "vpc_id", "vpc_name"}),
)

#: routes that a virtual private gateway takes from its peers before it drops the session, and from when on to warn
#: https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
ROUTES, NEARLY = 100, 90


def gather(client: Client, call: Call) -> Json:
    """The VPNs that all given options fit; without options, all of the region."""
    params = call.params
    vpc = vpn_reading.one_vpc(client, params.get("vpc_id"), params.get("vpc_name"))
    customers = vpn_reading.customers(client)
    connections = vpn_reading.connections(client, customers, call.secrets)
    found = []
    for gateway in vpn_reading.gateways(client, KINDS):
        ends = [item for item in connections if item["gateway_id"] == gateway["id"] and item["state"] in ALIVE]
        transit = gateway["kind"] == TRANSIT
        held = vpn_reading.attachments(client, gateway["id"], propagations=True) if transit else []
        vpcs = [gateway["vpc_id"]] if gateway["vpc_id"] else []
        vpcs += [item["resource_id"] for item in held if item["kind"] == "vpc"]
        names = {gateway["name"] if gateway["owned"] else None, *(item["name"] for item in ends if item["owned"])}
        if params.get("gateway_id") not in (None, gateway["id"]):
            continue
        if params.get("name") and params["name"] not in names:
            continue
        if vpc and vpc["id"] not in vpcs:
            continue
        found.append(one(client, gateway, ends, held, vpcs, keys=params["include_pre_shared_keys"]))
    return {"vpns": found}


def one(
    client: Client, gateway: Json, ends: t.Sequence[Json], held: t.Sequence[Json], vpcs: t.Sequence[str], *, keys: bool
) -> Json:
    blocks = [block for vpc in vpcs for block in (vpn_reading.one_vpc(client, vpc, None) or {}).get("ranges", [])]
    tables = [table for vpc in vpcs for table in vpn_reading.route_tables(client, vpc)]
    ranges = {route["to"] for table in tables for route in table["routes"] if leads(route, gateway)}
    if gateway["kind"] == TRANSIT:
        ranges |= learned(client, held)
    name = next((item["name"] for item in (gateway, *ends) if item["owned"] and item["name"]), None)
    return {
        "name": name,
        "gateway": vpn_reading.shown_gateway(gateway),
        "vpc_id": vpcs[0] if vpcs else None,
        "vpc_ranges": blocks,
        "connections": [vpn_reading.shown_connection(item, keys=keys) for item in ends],
        "route_tables": [shown_table(table, gateway) for table in tables],
        "propagated_ranges": sorted(ranges),
        "warnings": warnings(gateway, ends, tables),
    }


def leads(route: Json, gateway: Json) -> bool:
    return bool(route["propagated"] and route["target"] == gateway["id"])


def learned(client: Client, held: t.Sequence[Json]) -> set[str]:
    """What VPN connections propagate into a transit gateway's tables."""
    ranges = set()
    for table in {table for item in held if item["kind"] == "vpn" for table in item["propagated_to"]}:
        filters = [
            {"Name": "type", "Values": ["propagated"]},
            {"Name": "attachment.resource-type", "Values": ["vpn"]},
        ]
        answer = client.call("search_transit_gateway_routes", TransitGatewayRouteTableId=table, Filters=filters)
        ranges |= {route["DestinationCidrBlock"] for route in answer.get("Routes") or []}
    return ranges


def shown_table(table: Json, gateway: Json) -> Json:
    return {
        "id": table["id"],
        "name": table["name"],
        "main": table["main"],
        "subnets": table["subnets"],
        "propagating": gateway["id"] in table["propagating"],
        "ranges": sorted(route["to"] for route in table["routes"] if route["target"] == gateway["id"]),
    }


def warnings(gateway: Json, ends: t.Sequence[Json], tables: t.Sequence[Json]) -> list[str]:
    """What a reader should look at, in words."""
    found = []
    if len(ends) < 2:
        found.append(
            f"{gateway['id']} has {len(ends)} VPN connections. High availability takes one for each address of "
            "Google's gateway: two."
        )
    for item in ends:
        if item["static_only"]:
            found.append(f"{item['id']} uses static routes: BGP is off")
        for number, tunnel in enumerate(item["tunnels"]):
            where = f"tunnel {number} of {item['id']} ({tunnel['outside_ip_address']})"
            if tunnel["status"] != "UP":
                found.append(f"{where} is {tunnel['status'] or 'not reported yet'}: {tunnel['status_message'] or '-'}")
            elif not tunnel["accepted_route_count"]:
                found.append(f"{where} is up, and no route was accepted: see what Google's router advertises")
            elif gateway["kind"] == VIRTUAL and tunnel["accepted_route_count"] >= NEARLY:
                found.append(
                    f"{where} has {tunnel['accepted_route_count']} routes. A virtual private gateway drops the "
                    f"session over {ROUTES}."
                )
    if gateway["kind"] == VIRTUAL and not gateway["vpc_id"]:
        found.append(f"{gateway['id']} is attached to no VPC")
    for table in tables:
        label = f"route table {table['name'] or table['id']}"
        if gateway["kind"] == VIRTUAL and gateway["id"] not in table["propagating"]:
            found.append(f"{label} does not take routes of {gateway['id']}: propagation is off")
        for route in table["routes"]:
            if route["state"] == "blackhole" and route["target"] == gateway["id"]:
                found.append(f"{label}: the route to {route['to']} is a blackhole")
    return found
