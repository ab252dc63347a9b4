# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much there may be of what. Google publishes limits per project and quota page only; these are the defaults that
users report. Change a number here (or in a test) and the lab follows. Those of BGP are in wan/figures.py.

Names: https://cloud.google.com/vpc/docs/quota
"""

from __future__ import annotations

from ..faults import ApiFault
from ..state import Resource, State
from . import exchange, ranges

LIMITS: dict[str, int] = {
    "PEERINGS_PER_NETWORK": 25,
    "SUBNET_RANGES_PER_PEERING_GROUP": 400,
    "STATIC_ROUTES_PER_NETWORK": 200,
    "STATIC_ROUTES_PER_PEERING_GROUP": 300,
}


def exceeded(name: str) -> ApiFault:
    return ApiFault(403, f"Quota '{name}' exceeded.  Limit: {LIMITS[name]}.0", "quotaExceeded")


def check(name: str, count: int) -> None:
    """Refuse what would make it `count`."""
    if count > LIMITS[name]:
        raise exceeded(name)


def group(state: State, network: Resource, other: Resource | None = None) -> list[Resource]:
    """A network and its active peers, with `other` as if it were one of them."""
    found = {item.path: item for item in (network, *exchange.active_peers(state, network), *([other] if other else []))}
    return list(found.values())


def check_new_static_route(state: State, network: Resource) -> None:
    """Refuse one static route more, in the network or in any peering group that counts it."""
    check("STATIC_ROUTES_PER_NETWORK", len(ranges.static_routes(state, network.path)) + 1)
    for centre in group(state, network):
        members = group(state, centre)
        if len(members) > 1:
            routes = sum(len(ranges.static_routes(state, member.path)) for member in members)
            check("STATIC_ROUTES_PER_PEERING_GROUP", routes + 1)


def check_new_ranges(state: State, network: Resource, more: int) -> None:
    """Refuse that many subnet ranges more, in any peering group that counts them."""
    for centre in group(state, network):
        ranges_now = sum(len(ranges.ranges_in(state, member.path)) for member in group(state, centre))
        check("SUBNET_RANGES_PER_PEERING_GROUP", ranges_now + more)


def check_joining(state: State, network: Resource, peer: Resource) -> None:
    """Refuse a peering whose groups, seen from either side, would be too large."""
    for centre, other in ((network, peer), (peer, network)):
        members = group(state, centre, other)
        subnets = sum(len(ranges.ranges_in(state, member.path)) for member in members)
        check("SUBNET_RANGES_PER_PEERING_GROUP", subnets)
        routes = sum(len(ranges.static_routes(state, member.path)) for member in members)
        check("STATIC_ROUTES_PER_PEERING_GROUP", routes)
