# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ranges of peered networks must not overlap: the checks that peering, subnetworks and routes share.

Rules: https://cloud.google.com/vpc/docs/vpc-peering#restrictions. Wording, as users report it:
https://github.com/terraform-google-modules/terraform-google-network (troubleshooting).
"""

from __future__ import annotations

import typing as t

from .. import cidr
from ..faults import ApiFault
from ..state import Body, Resource, State
from . import exchange, networks, ranges


class Claim(t.NamedTuple):
    """A range and the resource of that network which has it."""

    range: cidr.Range
    holder: str


def subnet_claims(state: State, network: Resource) -> list[Claim]:
    """Every subnet range; an auto mode network claims all that its subnetworks may ever have."""
    found = [Claim(owned.range, owned.subnetwork.path) for owned in ranges.ranges_in(state, network.path)]
    return [*found, Claim(cidr.AUTO_MODE, network.path)] if networks.is_auto(network) else found


def static_claims(state: State, network: Resource) -> list[Claim]:
    return [Claim(cidr.Range(item.body["destRange"]), item.path) for item in ranges.static_routes(state, network.path)]


def crossing(claims: list[Claim], sender: Body | None, receiver: Body | None) -> list[Claim]:
    """Those subnet ranges that cross a peering, or would (None: a side that does not exist yet, with defaults)."""
    if sender is not None and receiver is not None:
        public = sender["exportSubnetRoutesWithPublicIp"] and receiver["importSubnetRoutesWithPublicIp"]
        if public:
            return claims
    return [claim for claim in claims if not ranges.is_public(claim.range)]


def refuse_between(state: State, local: Resource, peer: Resource, mine: Body, theirs: Body | None) -> None:
    """Refuse a peering of two networks whose ranges, or whose static routes and ranges, meet."""
    own, other = subnet_claims(state, local), subnet_claims(state, peer)
    for claim in own:
        for foreign in crossing(other, theirs, mine):
            if claim.range.overlaps(foreign.range):
                raise peer_overlap(foreign.range, claim)
    for claim in crossing(own, mine, theirs):
        for foreign in other:
            if claim.range.overlaps(foreign.range):
                raise peer_overlap(foreign.range, claim)
    for claim in static_claims(state, local):
        for foreign in crossing(other, theirs, mine):
            if claim.range.subnet_of(foreign.range):
                raise peer_overlap(foreign.range, claim)
    for claim in crossing(own, mine, theirs):
        for foreign in static_claims(state, peer):
            if foreign.range.subnet_of(claim.range):
                raise peer_overlap(foreign.range, claim)


def refuse_in_chain(state: State, local: Resource, peer: Resource) -> None:
    """Refuse a peering by which a network would have two peers with overlapping ranges."""
    for near, hub in ((local, peer), (peer, local)):
        for third in exchange.active_peers(state, hub):
            if third.path != near.path:
                refuse_pair_in_chain(state, near, third, hub is peer)


def refuse_pair_in_chain(state: State, near: Resource, third: Resource, near_is_local: bool) -> None:
    for claim in private(subnet_claims(state, near)):
        for foreign in private(subnet_claims(state, third)):
            if not claim.range.overlaps(foreign.range):
                continue
            if near_is_local:
                raise ApiFault(
                    400,
                    f"An IP range in the local network ({claim.range}) allocated by resource ({claim.holder}) overlaps "
                    f"with an IP range ({foreign.range}) in an active peer of the peer network.",
                    "invalidUsage",
                )
            raise ApiFault(
                400,
                f"An IP range in the peer network ({claim.range}) overlaps with an IP range ({foreign.range}) in an "
                "active peer of the local network.",
                "invalidUsage",
            )


def private(claims: list[Claim]) -> list[Claim]:
    return crossing(claims, None, None)


def peer_overlap(foreign: cidr.Range, claim: Claim) -> ApiFault:
    return ApiFault(
        400,
        f"An IP range in the peer network ({foreign}) overlaps with an IP range in the local network ({claim.range}) "
        f"allocated by resource ({claim.holder}).",
        "invalidUsage",
    )


# ---- later changes inside one network


def refuse_range(state: State, network: Resource, wanted: cidr.Range, holder: str) -> None:
    """Refuse a subnet range that meets what a peer, or a peer's peer, has. `holder` is the subnetwork's path."""
    claim = Claim(wanted, holder)
    for peer in exchange.active_peers(state, network):
        mine, theirs = exchange.peering_with(network, peer.path), exchange.peering_with(peer, network.path)
        exported = crossing([claim], mine, theirs)
        foreign = subnet_claims(state, peer)
        for other in foreign if exported else crossing(foreign, theirs, mine):
            if wanted.overlaps(other.range):
                raise peer_overlap(other.range, claim)
        for other in static_claims(state, peer) if exported else []:
            if other.range.subnet_of(wanted):
                raise peer_overlap(other.range, claim)
        for third in exchange.active_peers(state, peer):
            if third.path == network.path:
                continue
            for other in private(subnet_claims(state, third)):
                if private([claim]) and wanted.overlaps(other.range):
                    raise ApiFault(
                        400,
                        f"An IP range in the local network ({wanted}) allocated by resource ({holder}) overlaps with "
                        f"an IP range ({other.range}) in an active peer of the peer network.",
                        "invalidUsage",
                    )


def hidden_by_peer(state: State, network: Resource, wanted: cidr.Range) -> Claim | None:
    """The peer's subnet range that a static route to `wanted` would equal or be inside of."""
    for peer in exchange.active_peers(state, network):
        mine, theirs = exchange.peering_with(network, peer.path), exchange.peering_with(peer, network.path)
        for claim in crossing(subnet_claims(state, peer), theirs, mine):
            if wanted.subnet_of(claim.range):
                return claim
    return None
