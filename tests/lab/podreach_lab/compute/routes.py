# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.routes: static routes, beside the subnet routes and the default route that the server makes itself."""

from __future__ import annotations

from .. import cidr
from ..core import Call, method
from ..faults import ApiFault, invalid, required
from ..links import relative, resolve, self_link
from ..state import Body, Resource, State
from . import allocation, exchange, networks, overlaps, peerings, quotas, ranges
from .common import NAME, delete, insert, listed, need, reference, same_project

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


def resolve_next_hop(call: Call, body: Body, network: Resource) -> None:
    """Bring the next hop to the form that the server shows; refused when it is nothing in this network."""
    link = network.body["selfLink"]
    if body.get("nextHopInstance"):
        field = "resource.nextHopInstance"
        instance = reference(call, body["nextHopInstance"], field, "instances")
        if all(card["network"] != link for card in instance.body["networkInterfaces"]):
            raise invalid(field, body["nextHopInstance"], "The instance has no interface in the route's network.")
        body["nextHopInstance"] = instance.body["selfLink"]
    if body.get("nextHopIp"):
        body["nextHopIp"] = str(allocation.parse(body["nextHopIp"], "resource.nextHopIp"))
    if body.get("nextHopIlb"):
        field = "resource.nextHopIlb"
        if "/" in body["nextHopIlb"]:
            rule = reference(call, body["nextHopIlb"], field, "forwardingRules")
            if rule.body["network"] != link:
                raise invalid(field, body["nextHopIlb"], "The forwarding rule is not in the route's network.")
            body["nextHopIlb"] = rule.body["selfLink"]
        else:
            body["nextHopIlb"] = str(allocation.parse(body["nextHopIlb"], field))
    for name, kind in (("nextHopGateway", "gateways"), ("nextHopVpnTunnel", "vpnTunnels")):
        if body.get(name):
            body[name] = self_link(resolve(body[name], f"resource.{name}", call.project, kind))


def view(state: State, route: Resource) -> Body:
    """A route with the warnings that Google gives about instances that cannot carry it."""
    code, why = trouble(state, route)
    return route.body | ({"warnings": [{"code": code, "message": why}]} if code else {})


def trouble(state: State, route: Resource) -> tuple[str, str]:
    link, address = route.body.get("nextHopInstance"), route.body.get("nextHopIp")
    if address:
        found = next(
            (
                instance
                for instance, card in allocation.cards(state)
                if (card["network"], card["networkIP"]) == (route.body["network"], address)
            ),
            None,
        )
        if found is None:
            text = f"Next hop IP '{address}' is not assigned to an instance in network '{route.body['network']}'."
            return "NEXT_HOP_ADDRESS_NOT_ASSIGNED", text
    elif link:
        found = state.get(relative(link, route.project))
        if found is None:
            return "NEXT_HOP_INSTANCE_NOT_FOUND", f"Next hop instance '{link}' does not exist."
    else:
        return "", ""
    name = found.body["selfLink"]
    if found.body["status"] != "RUNNING":
        return "NEXT_HOP_NOT_RUNNING", f"Next hop instance '{name}' is not running."
    if not found.body["canIpForward"]:
        return "NEXT_HOP_CANNOT_IP_FORWARD", f"Next hop instance '{name}' cannot forward IP traffic."
    return "", ""


@method("compute.routes.insert")
def insert_route(call: Call) -> Body:
    body = call.lab.discovery.writable("compute", "Route", call.body)
    need(body, "name", "network", "destRange")
    network = reference(call, body["network"], "resource.network", "networks", missing="400")
    same_project(call, network, "resource.network", body["network"])
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
    resolve_next_hop(call, body, network)
    for at, tag in enumerate(body.get("tags", [])):
        if not NAME.fullmatch(tag):
            raise invalid(f"resource.tags[{at}]", tag, f"Must be a match of regex '{NAME.pattern}'")
    body["routeType"] = "STATIC"
    body["network"] = network.body["selfLink"]
    return insert(call, KIND, path_of(call.project, body["name"]), body)


@method("compute.routes.get")
def get_route(call: Call) -> Body:
    return view(call.state, call.get(path_of(call.project, call.params["route"])))


@method("compute.routes.list")
def list_routes(call: Call) -> Body:
    path = f"projects/{call.project}/global/routes"
    found = [view(call.state, item) for item in call.state.within(path)]
    return listed(call, "compute#routeList", path, found)


@method("compute.routes.delete")
def delete_route(call: Call) -> Body:
    route = call.get(path_of(call.project, call.params["route"]))
    if route.hidden.get("subnetwork"):
        raise ApiFault(400, "The local route cannot be deleted.", "badRequest")
    peerings.refuse_while_peering(call.state.get(exchange.network_of(route)))
    return delete(call, route)
