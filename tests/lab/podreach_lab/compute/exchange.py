# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one network exports to its peer, and what of that the peer imports: the only answer to that question.

Pure functions over the state; the API's listPeeringRoutes and the data plane both ask here. The rules are those of
https://cloud.google.com/vpc/docs/vpc-peering#route-exchange-options:

- subnet routes of private and special-use ranges cross always; of privately used public ranges if the one side exports
  and the other imports them;
- static routes cross if the one side exports and the other imports custom routes, but never those with tags, and never
  those to the default internet gateway;
- dynamic routes likewise; policy-based routes never;
- only a network's own routes: what it imported goes no further.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .. import cidr
from ..links import relative
from ..state import Body, Resource, State
from ..wan import learning
from ..wan.model import DynamicRoute
from . import ranges

SUBNET = "SUBNET"
STATIC = "STATIC"
DYNAMIC = "DYNAMIC"
NETWORK = "compute#network"


@dataclasses.dataclass(frozen=True)
class ExchangedRoute:
    """A route that a network exports. `origin` is the path of the resource behind it; next_hop_region
    is told for dynamic routes only."""

    dest_range: str
    type: str
    priority: int
    imported: bool
    next_hop_region: str
    origin: str
    only_in: str = ""
    """The one region whose instances may use it ('': all), as the exporting network's routing mode decides."""


Dynamic = t.Callable[[State, Resource], t.Sequence[DynamicRoute]]


def network_of(resource: Resource) -> str:
    """The path of the network that a resource's body names."""
    return relative(resource.body["network"], resource.project)


# ---- peerings


def peerings(network: Resource) -> list[Body]:
    return list(network.body.get("peerings", []))


def peer_path(peering: Body) -> str:
    return relative(peering["network"], "")


def peering_with(network: Resource, peer: str) -> Body | None:
    """The network's own peering with the network at a path."""
    return next((item for item in peerings(network) if peer_path(item) == peer), None)


def active_peers(state: State, network: Resource) -> list[Resource]:
    """The networks that it is connected with."""
    paths = [peer_path(item) for item in peerings(network) if item["state"] == "ACTIVE"]
    return [peer for path in paths if (peer := state.get(path)) is not None]


# ---- routes


def exports(
    state: State, network: Resource, peer: Resource, dynamic: Dynamic = learning.dynamic_routes
) -> list[ExchangedRoute]:
    """What `network` exports to `peer`; `imported` says whether the peer takes it. Nothing unless both sides peer."""
    mine, theirs = peering_with(network, peer.path), peering_with(peer, network.path)
    if mine is None or theirs is None or mine["state"] != "ACTIVE":
        return []
    found = [
        ExchangedRoute(str(owned.range), SUBNET, 0, imports_subnet(owned.range, theirs), "", owned.subnetwork.path)
        for owned in ranges.ranges_in(state, network.path)
        if exports_subnet(owned.range, mine)
    ]
    if not mine["exportCustomRoutes"]:
        return found
    local = [owned.range for owned in ranges.ranges_in(state, peer.path)]

    def taken(text: str) -> bool:
        """A route into the peer's own subnetworks would never be used there."""
        return bool(theirs["importCustomRoutes"]) and not any(cidr.Range(text).subnet_of(own) for own in local)

    for route in ranges.static_routes(state, network.path):
        text = route.body["destRange"]
        if not route.body.get("tags") and not route.body.get("nextHopGateway"):
            found.append(ExchangedRoute(text, STATIC, route.body["priority"], taken(text), "", route.path))
    regional = network.body["routingConfig"]["routingMode"] == "REGIONAL"
    for item in admitted(state, network, peer, dynamic):
        only_in = item.region if regional else ""
        imported = taken(item.dest_range)
        found.append(
            ExchangedRoute(item.dest_range, DYNAMIC, item.priority, imported, item.region, item.origin, only_in)
        )
    return found


def admitted(state: State, network: Resource, peer: Resource, dynamic: Dynamic) -> list[DynamicRoute]:
    """The network's dynamic routes that the peer has room for, besides its own and its other peers'."""
    own = dynamic(state, network)
    if not own:
        return []
    group = [peer, *active_peers(state, peer)]
    kept, _dropped = learning.admit(route for member in group for route in dynamic(state, member))
    return [route for route in own if route in kept]


def imports(
    state: State, network: Resource, peer: Resource, dynamic: Dynamic = learning.dynamic_routes
) -> list[ExchangedRoute]:
    """What `peer` exports to `network`, those that it does not import included (imported is False then)."""
    return exports(state, network=peer, peer=network, dynamic=dynamic)


def exports_subnet(found: cidr.Range, mine: Body) -> bool:
    return bool(mine["exportSubnetRoutesWithPublicIp"]) or not ranges.is_public(found)


def imports_subnet(found: cidr.Range, theirs: Body) -> bool:
    return bool(theirs["importSubnetRoutesWithPublicIp"]) or not ranges.is_public(found)
