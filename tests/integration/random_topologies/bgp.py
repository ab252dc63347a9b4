# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each side of a VPN tells the other by BGP, and what a network can use of it, by the vendors' documents.

- A Cloud Router announces its network's subnet ranges, primary and secondary: with the routing mode REGIONAL those of
  its region, with GLOBAL all, at a higher MED for other regions; in custom mode the groups and ranges that are listed,
  a session's own list in place of the router's; never static routes, peers' ranges, or what it learned.
  https://cloud.google.com/network-connectivity/docs/router/concepts/advertised-routes
- What it learns is usable in its region, or with GLOBAL everywhere; peers may import it, under the mode of the network
  that exports. https://cloud.google.com/vpc/docs/vpc-peering
- A virtual private gateway announces its VPC's blocks; a transit gateway the routes of the table that the VPN
  connection is associated with. https://docs.aws.amazon.com/vpn/latest/s2svpn/VPNRoutingTypes.html
  https://docs.aws.amazon.com/vpc/latest/tgw/tgw-vpn-attachments.html
"""

from __future__ import annotations

import dataclasses
import typing as t

from . import world as w
from .amazon import Amazon, Attachment, Connection, TransitTable

#: That a virtual private gateway accepts. https://docs.aws.amazon.com/vpn/latest/s2svpn/vpn-limits.html
MOST_PREFIXES = 100


@dataclasses.dataclass(frozen=True)
class Dynamic:
    """A route that a Cloud Router learned."""

    destination: w.Range
    router: w.Router


@dataclasses.dataclass(frozen=True)
class Med:
    """A priority, or with `more` any greater one."""

    base: int
    more: bool = False

    def allows(self, found: int) -> bool:
        return found > self.base if self.more else found == self.base


class Bgp:
    """Who knows what in one world."""

    def __init__(self, world: w.World) -> None:
        self.world = world
        self.amazon: Amazon = world.amazon
        self.routers = {router.path: router for router in world.routers}
        self.connections: dict[str, Connection] = {
            outside: connection for connection in self.amazon.connections for outside in connection.outsides
        }
        self.attachments: dict[str, Attachment] = {item.resource: item for item in self.amazon.attachments}
        self.transit: dict[str, TransitTable] = {item.id: item for item in self.amazon.transit_tables}
        possible = [item for item in world.sessions if item.up and item.outside in self.connections]
        self.flapping = [item for item in possible if self.is_too_much(item)]
        """They come up, announce more than AWS takes, and go down, again and again."""
        self.established = [item for item in possible if item not in self.flapping]

    def is_too_much(self, session: w.Session) -> bool:
        virtual = self.connections[session.outside].gateway in dict(self.amazon.attached)
        return virtual and len(self.announced(session)) > MOST_PREFIXES

    # ---- from Google

    def announced(self, session: w.Session) -> dict[w.Range, Med]:
        """What a session sends while it is up."""
        router = self.routers[session.router]
        told = session.advertisement if session.advertisement.custom else router.advertisement
        found: dict[w.Range, Med] = {}
        if told.custom:
            found |= {listed: Med(session.priority) for listed in told.ranges}
        if not told.custom or told.all_subnets:
            found |= self.subnets(router, session.priority)
        return found

    def subnets(self, router: w.Router, priority: int) -> dict[w.Range, Med]:
        everywhere = router.network in self.world.worldwide
        return {
            found: Med(priority, more=subnetwork.region != router.region)
            for subnetwork in self.world.subnetworks
            if subnetwork.network == router.network and (everywhere or subnetwork.region == router.region)
            for found in subnetwork.ranges
        }

    def known_to(self, connection: Connection) -> set[w.Range]:
        """What AWS learned over a VPN connection."""
        return {
            found
            for session in self.established
            if session.outside in connection.outsides
            for found in self.announced(session)
        }

    def known_to_gateway(self, gateway: str) -> set[w.Range]:
        return {
            found
            for connection in self.amazon.connections
            if connection.gateway == gateway
            for found in self.known_to(connection)
        }

    # ---- from AWS

    def offered(self, connection: Connection) -> set[w.Range]:
        """What AWS announces over a connection, without what Google itself announced: its AS number is in that path.
        Whether static routes of a transit table are announced is not documented; the generator makes none there."""
        blocks = {vpc.id: vpc.ranges for vpc in self.amazon.vpcs}
        attached = dict(self.amazon.attached)
        if connection.gateway in attached:
            return set(blocks[attached[connection.gateway]])
        table = self.table_of(connection.id)
        if table is None:
            return set()
        propagated = [item.resource for item in self.amazon.attachments if item.id in table.propagating]
        return {block for resource in propagated for block in blocks.get(resource, ())}

    def table_of(self, resource: str) -> TransitTable | None:
        attachment = self.attachments.get(resource)
        return self.transit.get(attachment.table) if attachment else None

    def learned(self, session: w.Session) -> set[w.Range]:
        return self.offered(self.connections[session.outside]) if session in self.established else set()

    def dynamics(self, network: str) -> list[Dynamic]:
        """What the network's own Cloud Routers brought."""
        found = {
            Dynamic(to, self.routers[session.router])
            for session in self.established
            if self.routers[session.router].network == network
            for to in self.learned(session)
        }
        return sorted(found, key=lambda item: (item.destination, item.router.path))

    def usable(self, route: Dynamic, region: str) -> bool:
        """Whether machines of a region, in whatever network, have the route."""
        return route.router.network in self.world.worldwide or route.router.region == region

    def towards(self, router: w.Router, destination: w.Address) -> list[Connection]:
        """The connections by which a router may send a packet: those that offered the longest prefix."""
        offers = [
            (to.prefixlen, self.connections[session.outside])
            for session in self.established
            if session.router == router.path
            for to in self.learned(session)
            if destination in to
        ]
        longest = max(length for length, connection in offers)
        found: t.Iterable[Connection] = {connection for length, connection in offers if length == longest}
        return sorted(found, key=lambda connection: connection.id)
