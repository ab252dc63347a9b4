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
from ..state import Body, Resource, State
from . import exchange, networks, overlaps, peerings, quotas, ranges
from .common import delete, insert, listed, need, reference

KIND = "compute#route"
NEXT_HOPS = ("nextHopGateway", "nextHopInstance", "nextHopIp", "nextHopVpnTunnel", "nextHopIlb")


def path_of(project: str, name: str) -> str:
    return f"projects/{project}/global/routes/{name}"


def hides(state: State, network: Resource, wanted: cidr.Range) -> str:
    """Why a static route to that range is refused: what it would hide; '' if nothing. Subnetworks that allow overlap
    (hybrid subnets) may be hidden. Wording: https://github.com/rimusz/gke-haproxy-lb/issues/4 and
    https://github.com/SUSE/ha-sap-terraform-deployments/issues/655"""
    end = "Cannot change the routing of packets destined for the network."
    if networks.is_legacy(network) and wanted.subnet_of(cidr.Range(network.body["IPv4Range"])):
        return f"hides the reserved address space for network ({network.body['IPv4Range']}). {end}"
    for owned in ranges.ranges_in(state, network.path):
        if wanted.subnet_of(owned.range) and not owned.subnetwork.body.get("allowSubnetCidrRoutesOverlap"):
            return f"hides the address space of the network ({owned.range}). {end}"
    claim = overlaps.hidden_by_peer(state, network, wanted)
    return f"hides the address space of a peer network ({claim.range}). {end}" if claim else ""


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
    hidden = hides(call.state, network, wanted)
    if hidden:
        raise invalid("resource.destRange", wanted, f"{body['name']} {hidden}")
    peerings.refuse_while_peering(network)
    quotas.check_new_static_route(call.state, network)
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
    found = [item.body for item in call.state.within(path) if not item.hidden.get("dynamic")]
    return listed(call, "compute#routeList", path, found)


@method("compute.routes.delete")
def delete_route(call: Call) -> Body:
    route = call.get(path_of(call.project, call.params["route"]))
    if route.hidden.get("subnetwork"):
        raise ApiFault(400, "The local route cannot be deleted.", "badRequest")
    peerings.refuse_while_peering(call.state.get(exchange.network_of(route)))
    return delete(call, route)
