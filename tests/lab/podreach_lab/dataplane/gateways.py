# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The namespaces of gateways: Cloud Routers with their tunnels, virtual private gateways, transit gateways.

A tunnel is a veth pair between two of them; its ends have the inside addresses, between which the gateways' BGP talks.
A gateway hangs on its network's router by `uplink` (a transit gateway on each VPC by an interface of its own). Cloud
VPN leaves the TTL as it is and clamps the MSS of TCP; AWS's gateways count as a hop.
https://cloud.google.com/network-connectivity/docs/vpn/concepts/mtu-considerations
"""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ..aws.facts import Attachment, AwsFacts, TransitGateway, TransitRouteTable
from ..state import Resource, State
from ..wan import learning, tunnels
from ..wan.model import (
    PAYLOAD_MTU,
    Negotiated,
    Path,
    TunnelEnd,
    device,
    router_key,
    transit_gateway_key,
    virtual_gateway_key,
)
from .plan import End, Link, Namespace, Rule
from .routing import END_TABLE, EVERYWHERE, LAST, Hops, Routing, gateway_device, table_number
from .rules import Drop, Part, Ruleset
from .view import ROUTER, TUNNEL, in_force, link_path, network_namespace, short

UPLINK = "uplink"
INTO: Hops = ((UPLINK, 1),)
LEARNED, INWARD, DETACHED = 1, 2, 3
"""Tables of a gateway: what its tunnels lead to, what comes out of them, and what no table is associated with."""
MAIN_TABLE = 254
MSS = PAYLOAD_MTU - 40
AWS_MTU = 1500
"""Of what enters a VPC by a gateway, and so of everything in one: larger frames would matter inside of it only.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/network_mtu.html"""


@dataclasses.dataclass(frozen=True)
class Wan:
    """What gateways need to know of tunnels and BGP. paths: of a gateway, by its key; transit: of a transit gateway's
    route table, what leads into tunnels."""

    negotiated: Negotiated
    paths: t.Callable[[str], t.Sequence[Path]]
    transit: t.Callable[[TransitGateway, TransitRouteTable], t.Sequence[Path]]

    @classmethod
    def of(cls, state: State) -> Wan:
        """As it is now. Each gateway's paths are worked out once."""
        paths = functools.cache(functools.partial(learning.paths, state))
        return cls(tunnels.negotiate(state), paths, functools.partial(learning.transit_paths, state))


@dataclasses.dataclass(frozen=True)
class Ends:
    """The ends of all tunnels that are up, by gateway key; and the devices of those that are silent."""

    by_gateway: t.Mapping[str, t.Sequence[TunnelEnd]]
    silent: frozenset[str]

    @classmethod
    def of(cls, negotiated: Negotiated) -> Ends:
        found: dict[str, list[TunnelEnd]] = {}
        for tunnel in negotiated.tunnels:
            for end in tunnel.ends:
                found.setdefault(end.gateway, []).append(end)
        silent = {end.device for tunnel in negotiated.tunnels if tunnel.silent for end in tunnel.ends}
        return cls(found, frozenset(silent))

    def at(self, gateway: str) -> t.Sequence[TunnelEnd]:
        return self.by_gateway.get(gateway, ())


def build(state: State, wan: Wan, mtus: t.Mapping[str, int]) -> Part:
    """All gateways. `mtus` by the path of a network."""
    part = Part()
    ends = Ends.of(wan.negotiated)
    direct = tunnels_of_routes(state)
    for router in cloud_routers(state):
        network = link_path(router, router.body["network"])
        if network in mtus:
            cloud_router(part, router, End(network_namespace(network), ""), mtus[network], ends, wan, direct)
    for gateway in state.aws.virtual_gateways:
        virtual_gateway(part, state.aws, gateway.id, gateway.vpc, ends, wan)
    for transit in state.aws.transit_gateways:
        Transit(part, state.aws, transit, ends, wan).build()
    for tunnel in wan.negotiated.tunnels:
        a, b = (End(end.gateway, end.device) for end in tunnel.ends)
        if a.namespace in part.namespaces and b.namespace in part.namespaces:
            part.links.add(Link(a, b, PAYLOAD_MTU))
    return part


def cloud_routers(state: State) -> list[Resource]:
    """Those that have tunnels, up or not."""
    used = {link_path(item, item.body["router"]) for item in in_force(state, TUNNEL) if item.body.get("router")}
    return [item for item in in_force(state, ROUTER) if item.path in used]


def tunnels_of_routes(state: State) -> set[str]:
    """The tunnels that static routes name as their next hop."""
    found = ((item, item.body.get("nextHopVpnTunnel")) for item in in_force(state, "compute#route"))
    return {link_path(item, link) for item, link in found if link}


def direct_device(tunnel: str) -> str:
    """A network's interface to one tunnel, for the static routes that name it."""
    return "s" + short(tunnel)


def transit_device(attachment: str) -> str:
    """A transit gateway's interface towards a VPC."""
    return "v" + short(attachment)


# ---- one gateway


def cloud_router(
    part: Part, router: Resource, home: End, mtu: int, ends: Ends, wan: Wan, direct: t.Collection[str]
) -> None:
    key = router_key(router.path)
    mine = ends.at(key)
    title = f"the Cloud Router {router.name}"
    routing = Routing()
    learned(routing, title, wan.paths(key), mine)
    routing.add(INWARD, EVERYWHERE, INTO)
    routing.rules |= {Rule(100, INWARD, end.device) for end in mine} | {Rule(110, INWARD, "lo")}
    part.links.add(Link(End(key, UPLINK), End(home.namespace, gateway_device(router.path)), mtu))
    for end in mine:
        if end.resource in direct:
            table, entry = table_number("tunnel", end.resource), direct_device(end.resource)
            routing.add(table, EVERYWHERE, ((end.device, 1),))
            routing.rules.add(Rule(100, table, entry))
            part.links.add(Link(End(key, entry), End(home.namespace, entry), mtu))
    finish(part, key, routing, mine, ends.silent, clamps=True, keeps_ttl=True)


def virtual_gateway(part: Part, facts: AwsFacts, gateway: str, vpc: str, ends: Ends, wan: Wan) -> None:
    """What comes out of its tunnels goes into the VPC's own ranges and nowhere else."""
    key = virtual_gateway_key(gateway)
    mine = ends.at(key)
    routing = Routing()
    learned(routing, f"the virtual private gateway {gateway}", wan.paths(key), mine)
    ranges = next((item.ranges for item in facts.vpcs if item.id == vpc), ())
    where = f"the ranges of {vpc}" if ranges else "the ranges of a VPC, and it is attached to none"
    routing.add(INWARD, EVERYWHERE, (), ("no-route", f"{gateway} hands on what comes out of a tunnel only to {where}"))
    for item in ranges:
        routing.add(INWARD, item, INTO)
        routing.rules.add(Rule(110, INWARD, "lo", to=item))
    routing.rules |= {Rule(100, INWARD, end.device) for end in mine}
    if ranges:
        part.links.add(Link(End(key, UPLINK), End(vpc_namespace(vpc), gateway_device(key)), AWS_MTU))
    finish(part, key, routing, mine, ends.silent)


def vpc_namespace(vpc: str) -> str:
    return f"vpc {vpc}"


def learned(routing: Routing, title: str, paths: t.Iterable[Path], ends: t.Iterable[TunnelEnd]) -> None:
    """What goes into the tunnels."""
    up = {end.resource for end in ends}
    routing.add(LEARNED, EVERYWHERE, (), ("no-route", f"{title} has not learned a route to it"))
    for path in paths:
        hops = tuple((device(item), 1) for item in path.tunnels if item in up)
        routing.add(LEARNED, path.range, hops, ("no-route", f"no tunnel of {title} leads to {path.range} now"))
    routing.rules |= {Rule(100, LEARNED, UPLINK), Rule(120, LEARNED, "lo")}


def finish(
    part: Part,
    key: str,
    routing: Routing,
    ends: t.Sequence[TunnelEnd],
    silent: t.Collection[str],
    clamps: bool = False,
    keeps_ttl: bool = False,
) -> None:
    """The namespace. What its BGP sends itself goes by the addresses inside the tunnels."""
    routing.rules |= {Rule(90, MAIN_TABLE, "lo"), Rule(LAST, END_TABLE)}
    routing.add(END_TABLE, EVERYWHERE, (), ("no-route", "no route leads there"))
    table = filters(ends, silent, clamps)
    part.namespaces[key] = Namespace(
        addresses=frozenset((end.device, end.inside) for end in ends if end.inside),
        routes=routing.routes,
        rules=frozenset(routing.rules),
        forwards=True,
        keeps_ttl=keeps_ttl,
        nft=table.text(),
    )
    part.drops |= {(key, name): drop for name, drop in table.drops.items()}
    part.nowhere |= {(key, number, to): Drop(*why) for (number, to), why in routing.why.items()}


def filters(ends: t.Sequence[TunnelEnd], silent: t.Collection[str], clamps: bool) -> Ruleset:
    """Silent tunnels lose what is forwarded and what the gateway itself says; too long packets are only counted, for
    the kernel answers them."""
    table = Ruleset("gateway")
    lines = [f'oifname "lo" {table.drop("no-route", "")}']
    output: list[str] = []
    for end in ends:
        if end.device in silent:
            lost = table.drop("tunnel-silent", f"the tunnel {end.resource.rpartition('/vpnTunnels/')[2]} loses it")
            lines.append(f'oifname "{end.device}" {lost}')
            output.append(f'oifname "{end.device}" {table.count("own_lost")} drop')
    if clamps:
        lines.append(f"tcp flags syn tcp option maxseg size set {MSS}")
    detail = f"it is longer than the {PAYLOAD_MTU} bytes that fit into a tunnel, and must not be fragmented"
    output.append(f"icmp type destination-unreachable icmp code 4 {table.drop('too-long', detail, 'accept')}")
    table.chain("forward", lines, "filter hook forward priority 0; policy accept")
    table.chain("output", output, "filter hook output priority 0; policy accept")
    return table


# ---- transit gateways


class Transit:
    """One transit gateway. Where a packet came in decides its route table."""

    def __init__(self, part: Part, facts: AwsFacts, gateway: TransitGateway, ends: Ends, wan: Wan) -> None:
        self.part = part
        self.gateway = gateway
        self.key = transit_gateway_key(gateway.id)
        self.ends = ends.at(self.key)
        self.silent = ends.silent
        self.wan = wan
        self.vpcs = {item.id: item for item in facts.vpcs}
        self.attachments = {item.id: item for item in facts.attachments if item.gateway == gateway.id}
        self.tables = [item for item in facts.transit_tables if item.gateway == gateway.id]

    def build(self) -> None:
        routing = Routing()
        for table in self.tables:
            self.table(routing, table)
        known = {table.id for table in self.tables}
        for item in self.attachments.values():
            number = table_number("tgw", item.table) if item.table in known else table_number("tgw", item.id)
            if item.table not in known:
                reason = (
                    "tgw-route",
                    f"the attachment {item.id} is associated with no route table of {self.gateway.id}",
                )
                routing.add(number, EVERYWHERE, (), reason)
            routing.rules |= {Rule(100, number, name) for name, _weight in self.devices(item)}
            if item.kind == "vpc" and item.resource in self.vpcs:
                there = End(vpc_namespace(item.resource), gateway_device(self.key))
                self.part.links.add(Link(End(self.key, transit_device(item.id)), there, AWS_MTU))
        finish(self.part, self.key, routing, self.ends, self.silent)

    def table(self, routing: Routing, table: TransitRouteTable) -> None:
        """Static routes come before those of VPCs, and these before what VPN connections learned: a later one takes the
        place of an earlier one. https://docs.aws.amazon.com/vpc/latest/tgw/how-transit-gateways-work.html"""
        number = table_number("tgw", table.id)
        title = f"the transit gateway route table {table.id}"
        routing.add(number, EVERYWHERE, (), ("tgw-route", f"{title} has no route to it"))
        up = {end.resource for end in self.ends}
        into: dict[str, Hops] = {}
        for path in self.wan.transit(self.gateway, table):
            into[path.range] = tuple((device(item), 1) for item in path.tunnels if item in up)
            routing.add(number, path.range, into[path.range], self.down(path.range, title))
        for name in table.propagating:
            source = self.attachments.get(name)
            for to in self.vpcs[source.resource].ranges if source and source.resource in self.vpcs else ():
                routing.add(number, to, self.devices(self.attachments[name]))
        for to, target in table.static:
            attachment = self.attachments.get(target)
            if attachment is None:
                routing.add(number, to, (), ("tgw-route", f"{to} is a blackhole in {title}"))
            else:
                hops = into.get(to, ()) if attachment.kind == "vpn" else self.devices(attachment)
                routing.add(number, to, hops, self.down(to, title))

    @staticmethod
    def down(to: str, title: str) -> tuple[str, str]:
        return "tgw-route", f"what the route {to} of {title} leads to is down"

    def devices(self, item: Attachment) -> Hops:
        if item.kind == "vpc":
            return ((transit_device(item.id), 1),) if item.resource in self.vpcs else ()
        return tuple((end.device, 1) for end in self.ends if end.resource.partition("/")[0] == item.resource)
