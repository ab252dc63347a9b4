# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.routes: static routes, beside the subnet routes and the default route that the server makes itself."""

from __future__ import annotations

import typing as t

from .. import cidr
from ..core import Call, method
from ..faults import ApiFault, invalid, required
from ..links import resolve, self_link
from ..state import Body
from . import networks, subnetworks
from .common import bodies, delete, insert, listed, need, reference

KIND = "compute#route"
NEXT_HOPS = ("nextHopGateway", "nextHopInstance", "nextHopIp", "nextHopVpnTunnel", "nextHopIlb")


def path_of(project: str, name: str) -> str:
    return f"projects/{project}/global/routes/{name}"


@method("compute.routes.insert")
def insert_route(call: Call) -> Body:
    body = call.lab.discovery.writable("compute", "Route", call.body)
    need(body, "name", "network", "destRange")
    network = reference(call, body["network"], "resource.network", "networks", missing="400")
    wanted = cidr.parse(body["destRange"], "resource.destRange")
    hops = [name for name in NEXT_HOPS if body.get(name)]
    if len(hops) != 1:
        raise (
            required("resource.nextHop")
            if not hops
            else invalid(f"resource.{hops[1]}", body[hops[1]], "A route has exactly one next hop.")
        )
    body.setdefault("priority", 1000)
    if not 0 <= body["priority"] <= 65535:
        raise invalid("resource.priority", body["priority"], "Must be between 0 and 65535.")
    for owned in subnetworks.ranges_in(call.state, network.path):
        if wanted.subnet_of(owned.range):
            raise ApiFault(
                400,
                f"Invalid value for field 'resource.destRange': '{wanted}'. {body['name']} hides the address space of "
                f"the network ({owned.range}). Cannot change the routing of packets destined for the network.",
                "invalid",
            )
    if "nextHopInstance" in body:
        body["nextHopInstance"] = reference(
            call, body["nextHopInstance"], "resource.nextHopInstance", "instances"
        ).body["selfLink"]
    for name, kind in (("nextHopGateway", "gateways"), ("nextHopVpnTunnel", "vpnTunnels")):
        if body.get(name):
            body[name] = self_link(resolve(body[name], f"resource.{name}", call.project, kind))
    body["network"] = network.body["selfLink"]
    return insert(call, KIND, path_of(call.project, body["name"]), body)


@method("compute.routes.get")
def get_route(call: Call) -> Body:
    return t.cast(Body, call.get(path_of(call.project, call.params["route"])).body)


@method("compute.routes.list")
def list_routes(call: Call) -> Body:
    path = f"projects/{call.project}/global/routes"
    return listed(call, "compute#routeList", path, bodies(call.state, path))


@method("compute.routes.delete")
def delete_route(call: Call) -> Body:
    route = call.get(path_of(call.project, call.params["route"]))
    if route.hidden.get("subnetwork"):
        raise ApiFault(400, "The local route cannot be deleted.", "badRequest")
    return delete(call, route)


def overlapping_route(call: Call, network: str, wanted: cidr.Range) -> str:
    """The name of a custom route of the network that overlaps a range; '' if none does."""
    for route in networks.members(call.state, network, KIND):
        if not route.hidden.get("automatic") and cidr.Range(route.body["destRange"]).overlaps(wanted):
            return route.name
    return ""
