# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.networks' peering methods: addPeering, updatePeering, removePeering, listPeeringRoutes.

Each side has its own entry in its network's `peerings`; they are ACTIVE when both exist. A caller needs no right on the
peer's project, and learns nothing of it: a peer network that does not exist leaves the peering INACTIVE.
https://cloud.google.com/vpc/docs/using-vpc-peering
"""

from __future__ import annotations

import typing as t

from ..clock import compute_time
from ..core import Call, method
from ..faults import ApiFault, invalid, required
from ..links import resolve, self_link
from ..state import Body, Phase, Resource, State
from . import exchange, networks, overlaps, quotas, ranges
from .common import NAME, listed, ready

CHANGEABLE = (
    "exportCustomRoutes",
    "importCustomRoutes",
    "exportSubnetRoutesWithPublicIp",
    "importSubnetRoutesWithPublicIp",
    "stackType",
)
FIELD = "networkPeering"
BUSY = "peering_operation"
TYPES = {
    exchange.SUBNET: "SUBNET_PEERING_ROUTE",
    exchange.STATIC: "STATIC_PEERING_ROUTE",
    exchange.DYNAMIC: "DYNAMIC_PEERING_ROUTE",
}


# ---- one operation at a time


def refuse_while_peering(*found: Resource | None) -> None:
    """Refuse while a peering operation runs on one of the networks."""
    if any(network is not None and network.hidden.get(BUSY) for network in found):
        raise ApiFault(
            400, "There is a peering operation in progress on the local or peer network. Try again later.", "badRequest"
        )


def refuse_while_routing(state: State, *found: Resource | None) -> None:
    """Refuse while a static route of one of the networks is being made or deleted."""
    for network in found:
        routes = networks.members(state, network.path, ranges.ROUTE) if network is not None else []
        if any(route.phase is not Phase.READY for route in routes):
            raise ApiFault(
                400,
                "There is a route operation in progress on the local or peer network. Try again later.",
                "badRequest",
            )


def operate(call: Call, kind: str, network: Resource, peer: Resource | None, change: t.Callable[[], None]) -> Body:
    """Begin a peering operation, whose `change` happens (or is refused) at its end."""
    refuse_while_peering(network, peer)
    refuse_while_routing(call.state, network, peer)
    held = [item for item in (network, peer) if item is not None]
    for item in held:
        item.hidden[BUSY] = True

    def abort() -> None:
        for item in held:
            item.hidden.pop(BUSY, None)

    def finish() -> None:
        abort()
        change()

    return call.compute_operation(kind, network.path, network.body["id"], finish, abort)


# ---- the two sides


def connect(call: Call, network: Resource, peer: Resource | None) -> None:
    """Bring the state of both sides' entries to what it is now, and tell whoever watches."""
    mine = exchange.peering_with(network, peer.path) if peer else None
    theirs = exchange.peering_with(peer, network.path) if peer else None
    for side, other in ((mine, peer), (theirs, network)):
        if side is None:
            continue
        state, text = (
            ("ACTIVE", "Connected.") if mine and theirs else ("INACTIVE", "Waiting for peer network to connect.")
        )
        if side["state"] != state:
            side |= {"state": state, "stateDetails": details(call, text)}
        side.pop("peerMtu", None)
        if state == "ACTIVE" and other is not None:
            side["peerMtu"] = other.body["mtu"]
    call.state.changed(network)
    if theirs is not None and peer is not None:
        call.state.changed(peer)


def details(call: Call, text: str) -> str:
    return f"[{compute_time(call.state.clock.now())}]: {text}"


def refuse_overlaps(state: State, network: Resource, peer: Resource | None, mine: Body) -> None:
    if peer is None:
        return
    overlaps.refuse_between(state, network, peer, mine, exchange.peering_with(peer, network.path))
    overlaps.refuse_in_chain(state, network, peer)


def named(network: Resource, name: str) -> Body:
    found = next((item for item in exchange.peerings(network) if item["name"] == name), None)
    if found is None:
        raise ApiFault(400, f"There is no peering ({name}) for the network.", "badRequest")
    return found


# ---- methods


def this_network(call: Call) -> Resource:
    return ready(call.get(networks.path_of(call.project, call.params["network"])))


def requested(call: Call) -> Body:
    """The peering that is asked for, in today's form or in the old one (name, peerNetwork, autoCreateRoutes)."""
    if FIELD in call.body:
        wanted = call.lab.discovery.writable("compute", "NetworkPeering", call.body[FIELD])
        prefix, mesh = f"{FIELD}.", "exchangeSubnetRoutes"
        target = wanted.get("network")
        where = f"{FIELD}.network"
    else:
        wanted = {key: call.body[key] for key in ("name", "autoCreateRoutes") if key in call.body}
        prefix, mesh = "", "autoCreateRoutes"
        target = call.body.get("peerNetwork")
        where = "peerNetwork"
    if not wanted.get("name"):
        raise required(f"{prefix}name")
    if not NAME.fullmatch(wanted["name"]):
        raise invalid(f"{prefix}name", wanted["name"], f"Must be a match of regex '{NAME.pattern}'")
    if not target:
        raise required(where)
    if not wanted.get(mesh):
        raise invalid(f"{prefix}{mesh}", wanted.get(mesh, False), "It must be true.")
    if wanted.get("updateStrategy") == "CONSENSUS":
        raise ApiFault(501, "The lab does not model peerings with the update strategy CONSENSUS.", "notImplemented")
    path = resolve(target, where, call.project, "networks")
    return wanted | {"network": self_link(path)}


def complete(wanted: Body) -> Body:
    """A new entry, with the server's defaults: https://cloud.google.com/compute/docs/reference/rest/v1/networks."""
    return {
        "autoCreateRoutes": True,
        "exchangeSubnetRoutes": True,
        "exportCustomRoutes": wanted.get("exportCustomRoutes", False),
        "exportSubnetRoutesWithPublicIp": wanted.get("exportSubnetRoutesWithPublicIp", True),
        "importCustomRoutes": wanted.get("importCustomRoutes", False),
        "importSubnetRoutesWithPublicIp": wanted.get("importSubnetRoutesWithPublicIp", False),
        "name": wanted["name"],
        "network": wanted["network"],
        "stackType": wanted.get("stackType", "IPV4_ONLY"),
        "state": "",
        "stateDetails": "",
        "updateStrategy": "INDEPENDENT",
    }


def peer_of(state: State, path: str) -> Resource | None:
    found = state.get(path)
    return found if found is not None and found.phase is Phase.READY else None


@method("compute.networks.addPeering")
def add_peering(call: Call) -> Body:
    network = this_network(call)
    entry = complete(requested(call))
    path = exchange.peer_path(entry)
    peer = peer_of(call.state, path)
    if path == network.path:
        raise invalid(f"{FIELD}.network", entry["network"], "A network cannot be peered with itself.")
    for item in (network, peer):
        if item is not None and networks.is_legacy(item):
            raise invalid(f"{FIELD}.network", item.body["selfLink"], "Legacy networks are not supported for peering.")
    refuse_while_peering(network, peer)
    for known in exchange.peerings(network):
        if known["name"] == entry["name"]:
            raise ApiFault(
                409, f"There is already a peering {entry['name']} in the network. Choose another name.", "alreadyExists"
            )
        if exchange.peer_path(known) == path:
            raise ApiFault(
                400,
                f"There is already a peering {known['name']} with the same network. Select another network.",
                "badRequest",
            )
    quotas.check("PEERINGS_PER_NETWORK", len(exchange.peerings(network)) + 1)

    def change() -> None:
        ready(network)
        now = peer_of(call.state, path)
        refuse_overlaps(call.state, network, now, entry)
        if now is not None:
            quotas.check_joining(call.state, network, now)
        network.body.setdefault("peerings", []).append(entry)
        entry.update(state="INACTIVE", stateDetails=details(call, "Waiting for peer network to connect."))
        connect(call, network, now)

    return operate(call, "addPeering", network, peer, change)


@method("compute.networks.updatePeering")
def update_peering(call: Call) -> Body:
    network = this_network(call)
    wanted = call.lab.discovery.writable("compute", "NetworkPeering", call.body.get(FIELD) or {})
    if not wanted.get("name"):
        raise required(f"{FIELD}.name")
    entry = named(network, wanted["name"])
    if "network" in wanted and resolve(wanted["network"], f"{FIELD}.network", call.project, "networks") != (
        exchange.peer_path(entry)
    ):
        raise invalid(f"{FIELD}.network", wanted["network"], "The peer network of a peering cannot be changed.")
    if wanted.get("exchangeSubnetRoutes") is False:
        raise invalid(f"{FIELD}.exchangeSubnetRoutes", False, "It must be true.")
    if wanted.get("updateStrategy") == "CONSENSUS":
        raise ApiFault(501, "The lab does not model peerings with the update strategy CONSENSUS.", "notImplemented")
    fields = {name: wanted[name] for name in CHANGEABLE if wanted.get(name) is not None}

    def change() -> None:
        peer = peer_of(call.state, exchange.peer_path(entry))
        refuse_overlaps(call.state, network, peer, entry | fields)
        entry.update(fields)
        connect(call, network, peer)

    return operate(call, "updatePeering", network, peer_of(call.state, exchange.peer_path(entry)), change)


@method("compute.networks.removePeering")
def remove_peering(call: Call) -> Body:
    network = this_network(call)
    if not call.body.get("name"):
        raise required("name")
    entry = named(network, call.body["name"])
    path = exchange.peer_path(entry)

    def change() -> None:
        network.body["peerings"].remove(entry)
        if not network.body["peerings"]:
            del network.body["peerings"]
        connect(call, network, peer_of(call.state, path))

    return operate(call, "removePeering", network, peer_of(call.state, path), change)


@method("compute.networks.listPeeringRoutes")
def list_peering_routes(call: Call) -> Body:
    network = call.get(networks.path_of(call.project, call.params["network"]))
    for name in ("peeringName", "direction"):
        if not call.query.get(name):
            raise required(name)
    entry = named(network, call.query["peeringName"])
    peer = call.state.get(exchange.peer_path(entry))
    region = call.query.get("region", "")
    found: list[exchange.ExchangedRoute] = []
    if peer is not None:
        look = exchange.imports if call.query["direction"] == "INCOMING" else exchange.exports
        found = look(call.state, network, peer)
    items = [shown(item) for item in found if not region or item.only_in in ("", region)]
    path = f"{network.path}/listPeeringRoutes"
    return listed(call, "compute#exchangedPeeringRoutesList", path, items)


def shown(route: exchange.ExchangedRoute) -> Body:
    body: Body = {
        "destRange": route.dest_range,
        "type": TYPES[route.type],
        "priority": route.priority,
        "imported": route.imported,
    }
    return body | ({"nextHopRegion": route.next_hop_region} if route.next_hop_region else {})
