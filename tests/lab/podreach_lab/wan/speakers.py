# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every gateway's BGP is configured to say, and to whom.

Each side's sessions come from its own configuration alone: where the two contradict each other, BGP finds out itself.
"""

from __future__ import annotations

import dataclasses
import hashlib
import ipaddress

from ..dataplane.view import in_force
from ..state import State
from . import amazon, cloud_router
from .model import Announcement, Negotiated, Session, Speaker, router_key

FILLER = ipaddress.IPv4Network("198.18.0.0/15")
"""What a router announces that was told to announce more than it has: /28s of this."""


def speakers(state: State, negotiated: Negotiated) -> dict[str, Speaker]:
    """By gateway key."""
    up = {end.resource for tunnel in negotiated.tunnels for end in tunnel.ends}
    found: dict[str, tuple[Session, ...]] = {}
    for router in in_force(state, cloud_router.ROUTER):
        if "bgp" in router.body:
            said = cloud_router.sessions(state, router, up)
            found[router_key(router.path)] = padded(said, router.hidden.get("prefixes", 0))
    found |= amazon.sessions(state, up)
    stopped = stopped_ends(state, negotiated)
    return {key: Speaker(key, router_id(key), stop(said, stopped)) for key, said in found.items()}


def router_id(gateway: str) -> str:
    """An address that depends on the gateway's name alone: another id would restart all of its sessions."""
    first, *others = hashlib.sha256(gateway.encode()).digest()[:4]
    return ".".join(map(str, (1 + first % 223, *others)))


def padded(said: tuple[Session, ...], number: int) -> tuple[Session, ...]:
    """Sessions that announce so many prefixes (0: what they do anyway)."""
    if not number:
        return said
    blocks = FILLER.subnets(new_prefix=28)
    filler = [Announcement(str(block), 100) for block, _count in zip(blocks, range(number), strict=False)]
    return tuple(dataclasses.replace(item, announced=(*item.announced, *filler)[:number]) for item in said)


def stopped_ends(state: State, negotiated: Negotiated) -> set[str]:
    """The tunnels' ends whose sessions are held down: opposite to the peers that a router's hidden `stopped` names."""
    opposite: dict[str, str] = {}
    for tunnel in negotiated.tunnels:
        opposite |= {tunnel.a.resource: tunnel.b.resource, tunnel.b.resource: tunnel.a.resource}
    return {
        opposite[peer.tunnel]
        for router in in_force(state, cloud_router.ROUTER)
        for peer in cloud_router.peers(router)
        if peer.name in router.hidden.get("stopped", ()) and peer.tunnel in opposite
    }


def stop(said: tuple[Session, ...], stopped: set[str]) -> tuple[Session, ...]:
    return tuple(dataclasses.replace(item, enabled=False) if item.resource in stopped else item for item in said)
