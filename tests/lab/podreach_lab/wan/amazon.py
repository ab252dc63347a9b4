# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sessions of AWS's gateways: two for each VPN connection that is not static, and what they announce.

A virtual private gateway announces its VPC's blocks; a transit gateway what is in the route table that the connection
is associated with: https://docs.aws.amazon.com/vpn/latest/s2svpn/VPNRoutingTypes.html
"""

from __future__ import annotations

import ipaddress
import typing as t

from ..aws.facts import Attachment, AwsFacts, TransitRouteTable, VpnConnection
from ..state import State
from . import figures
from .model import (
    Announcement,
    Session,
    SpeakerState,
    aws_end,
    device,
    transit_gateway_key,
    virtual_gateway_key,
)


def sessions(state: State, up: t.Container[str]) -> dict[str, tuple[Session, ...]]:
    """By gateway key. `up`: the tunnels that are."""
    facts = state.aws
    found: dict[str, list[Session]] = {}
    for virtual in facts.virtual_gateways:
        said = announcements(block for vpc in facts.vpcs if vpc.id == virtual.vpc for block in vpc.ranges)
        mine = found.setdefault(virtual_gateway_key(virtual.id), [])
        for connection in of_gateway(facts, virtual.id):
            mine += pair(facts, connection, virtual.asn, said, figures.VIRTUAL_GATEWAY_ACCEPTS, up)
    for transit in facts.transit_gateways:
        key = transit_gateway_key(transit.id)
        mine = found.setdefault(key, [])
        for connection in of_gateway(facts, transit.id):
            said = in_table(facts, connection, state.bgp.get(key, SpeakerState()))
            mine += pair(facts, connection, transit.asn, said, figures.TRANSIT_GATEWAY_ACCEPTS, up)
    return {key: tuple(items) for key, items in found.items()}


def of_gateway(facts: AwsFacts, gateway: str) -> list[VpnConnection]:
    return [item for item in facts.connections if item.gateway == gateway]


def pair(
    facts: AwsFacts,
    connection: VpnConnection,
    asn: int,
    said: tuple[Announcement, ...],
    limit: int,
    up: t.Container[str],
) -> t.Iterator[Session]:
    """The sessions of a connection's tunnels. AWS has the first host of the inside block, the customer the second."""
    customer = next((item for item in facts.customer_gateways if item.id == connection.customer_gateway), None)
    if connection.static_only or customer is None:
        return
    for number, tunnel in enumerate(connection.tunnels):
        resource = aws_end(connection.id, number)
        inside = ipaddress.IPv4Network(tunnel.inside)
        yield Session(
            name=resource,
            resource=resource,
            device=device(resource) if resource in up else "",
            local=str(inside[1]),
            remote=str(inside[2]),
            local_asn=asn,
            remote_asn=customer.asn,
            announced=said,
            limit=limit,
            hold=figures.AWS_HOLD,
        )


def announcements(ranges: t.Iterable[str]) -> tuple[Announcement, ...]:
    return tuple(Announcement(text, figures.AWS_MED) for text in sorted(set(ranges), key=ipaddress.IPv4Network))


# ---- transit gateways


def attachment_of(facts: AwsFacts, resource: str) -> Attachment | None:
    return next((item for item in facts.attachments if item.resource == resource), None)


def in_table(facts: AwsFacts, connection: VpnConnection, known: SpeakerState) -> tuple[Announcement, ...]:
    """What the table of a connection's attachment holds: VPCs' blocks, static routes, and what other connections
    brought, with the path that it had."""
    mine = attachment_of(facts, connection.id)
    table = next((item for item in facts.transit_tables if mine is not None and item.id == mine.table), None)
    if table is None:
        return ()
    found = {item.range: item for item in brought(facts, table, connection, known)}
    found |= {item.range: item for item in announcements(own(facts, table))}
    return tuple(found[text] for text in sorted(found, key=ipaddress.IPv4Network))


def own(facts: AwsFacts, table: TransitRouteTable) -> t.Iterator[str]:
    """Static ranges, but no blackholes; and the blocks of the VPCs that propagate into the table."""
    yield from (to for to, attachment in table.static if attachment)
    propagating = {item.resource for item in facts.attachments if item.id in table.propagating and item.kind == "vpc"}
    for vpc in facts.vpcs:
        if vpc.id in propagating:
            yield from vpc.ranges


def brought(
    facts: AwsFacts, table: TransitRouteTable, connection: VpnConnection, known: SpeakerState
) -> list[Announcement]:
    """From the other connections that propagate into the table; of several the shortest path."""
    others = {
        item.resource
        for item in facts.attachments
        if item.id in table.propagating and item.kind == "vpn" and item.resource != connection.id
    }
    found = [item for item in known.routes if item.session.rpartition("/")[0] in others]
    found.sort(key=lambda item: (-len(item.path), item.session))
    return [Announcement(item.range, figures.AWS_MED, item.path) for item in found]
