# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The namespaces of AWS: a router for every VPC, and its EC2 instances.

A packet's way through a VPC, all of it in the forward hook of the VPC's router: the sender's source check and security
groups, the network ACL of the subnet that it leaves, the route table of that subnet, the network ACL of the subnet that
it enters, the receiver's destination check and security groups. Only the groups know connections.
https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security.html
"""

from __future__ import annotations

import dataclasses
import typing as t

from ..aws import facts as held
from ..aws import routes
from ..state import State
from ..wan.model import transit_gateway_key, virtual_gateway_key
from . import mutants
from .gateways import AWS_MTU, vpc_namespace
from .plan import End, Link, Namespace, Route, Rule
from .routing import END_TABLE, EVERYWHERE, LAST, SUBNETS, Hops, Routing, gateway_device, table_number
from .rules import Drop, Part, Ruleset, dead, dead_drop, ranges, verdict_map
from .view import short

INWARD = 1
"""The table of what comes from a virtual private gateway: the VPC's own addresses."""
NEW = "ct state new,untracked,invalid"
NAMES = {"1": "icmp", "6": "tcp", "17": "udp", "icmpv6": "58"}
OUTSIDE = "outside-the-lab"


@dataclasses.dataclass(frozen=True)
class Card:
    """A network interface of an instance that runs: ethN inside of it, `device` at its VPC's router."""

    interface: held.Interface
    subnet: held.Subnet
    at: int
    owner: str
    dead: bool = False

    @property
    def device(self) -> str:
        return "i" + short(self.interface.id)

    @property
    def inner(self) -> str:
        return f"eth{self.at}"


@dataclasses.dataclass(frozen=True)
class Instance:
    """An EC2 instance that runs. name is its tag Name."""

    id: str
    name: str
    cards: tuple[Card, ...]
    dead: bool = False
    """It neither sends nor answers, whatever the API says."""

    @property
    def namespace(self) -> str:
        return f"ec2 {self.id}"

    @property
    def address(self) -> str:
        return self.cards[0].interface.addresses[0]


@dataclasses.dataclass
class Built:
    part: Part
    instances: tuple[Instance, ...]


def build(state: State, paths: routes.Paths) -> Built:
    """All VPCs and what runs in them."""
    part = Part()
    found = instances(state.aws, state.dead)
    cards: dict[str, list[Card]] = {}
    for item in found:
        part.namespaces[item.namespace] = guest(item)
        if item.dead:
            silent = dead()
            part.namespaces[item.namespace] = dataclasses.replace(guest(item), nft=silent.text())
            part.drops |= {(item.namespace, counter): drop for counter, drop in silent.drops.items()}
        for card in item.cards:
            cards.setdefault(card.subnet.vpc, []).append(card)
            ends = End(item.namespace, card.inner), End(vpc_namespace(card.subnet.vpc), card.device)
            part.links.add(Link(*ends, AWS_MTU))
    for vpc in state.aws.vpcs:
        router = VpcRouter(state, vpc, cards.get(vpc.id, []), paths)
        routing, table = router.build(), filters(state.aws, vpc.id, cards.get(vpc.id, []))
        name = vpc_namespace(vpc.id)
        part.namespaces[name] = Namespace(
            routes=routing.routes, rules=frozenset(routing.rules), forwards=True, keeps_ttl=True, nft=table.text()
        )
        part.drops |= {(name, counter): drop for counter, drop in table.drops.items()}
        part.nowhere |= {(name, number, to): Drop(*why) for (number, to), why in routing.why.items()}
    return Built(part, tuple(found))


def instances(facts: held.AwsFacts, silent: t.Container[str] = ()) -> list[Instance]:
    """Those that run."""
    subnets = {item.id: item for item in facts.subnets}
    vpcs = {item.id for item in facts.vpcs}
    usable = (item for item in facts.interfaces if item.subnet in subnets and item.vpc in vpcs and item.addresses)
    interfaces = {item.id: item for item in usable}
    found = []
    for item in facts.instances:
        mine = [interfaces[name] for name in item.interfaces if name in interfaces]
        if item.runs and mine:
            gone = item.id in silent
            cards = tuple(Card(card, subnets[card.subnet], at, item.id, gone) for at, card in enumerate(mine))
            found.append(Instance(item.id, item.name, cards, gone))
    return found


def guest(instance: Instance) -> Namespace:
    """The instance itself. It passes packets on when AWS lets it: a guest without that use would not be asked to."""
    addresses, table, rules = set(), set(), set()
    for card in instance.cards:
        own = card.interface.addresses
        addresses |= {(card.inner, f"{address}/32") for address in own}
        number = 254 if card.at == 0 else 100 + card.at
        table.add(Route(EVERYWHERE, ((card.inner, 1),), number, own[0]))
        if card.at:
            rules |= {Rule(50 + card.at, number, source=f"{address}/32") for address in own}
    forwards = any(not card.interface.source_check for card in instance.cards)
    return Namespace(frozenset(addresses), frozenset(table), frozenset(rules), forwards=forwards)


# ---- routes


class VpcRouter:
    """Works out the routing of one VPC: a table of the kernel for every route table and zone that somebody sends by."""

    def __init__(self, state: State, vpc: held.Vpc, cards: t.Sequence[Card], paths: routes.Paths) -> None:
        facts = state.aws
        self.state = state
        self.vpc = vpc
        self.cards = cards
        self.paths = paths
        self.tables = {item.id: item for item in facts.tables}
        self.subnets = {item.id: item for item in facts.subnets if item.vpc == vpc.id}
        self.gateway = next((item.id for item in facts.virtual_gateways if item.vpc == vpc.id), "")
        self.transits = {item.gateway: item for item in attachments(facts, vpc.id)}
        self.interfaces = {card.interface.id: card.device for card in cards}
        self.owners = {card.owner: card.device for card in reversed(cards)}
        self.routing = Routing()
        self.done: set[int] = set()

    def build(self) -> Routing:
        for card in self.cards:
            self.enter(card.device, card.subnet)
        if self.gateway:
            self.inward()
            self.routing.rules.add(Rule(SUBNETS, INWARD, gateway_device(virtual_gateway_key(self.gateway))))
        for gateway, attachment in self.transits.items():
            entry = min((self.subnets[item] for item in attachment.subnets if item in self.subnets), key=zone_of)
            self.enter(gateway_device(transit_gateway_key(gateway)), entry)
        self.routing.rules.add(Rule(LAST, END_TABLE))
        self.routing.add(END_TABLE, EVERYWHERE, (), ("aws-route", f"nothing in {self.vpc.id} routes it"))
        return self.routing

    def enter(self, device: str, subnet: held.Subnet) -> None:
        number = table_number("rtb", subnet.table, subnet.zone)
        self.routing.rules.add(Rule(SUBNETS, number, device))
        if number not in self.done:
            self.done.add(number)
            self.table(number, subnet)

    def inward(self) -> None:
        for to in self.vpc.ranges:
            self.routing.add(INWARD, to, (), self.unassigned(to))
        for address, device in self.addresses():
            self.routing.add(INWARD, f"{address}/32", ((device, 1),))
        why = ("aws-route", f"what comes from {self.gateway} may only go into the ranges of {self.vpc.id}")
        self.routing.add(INWARD, EVERYWHERE, (), why)

    def table(self, number: int, subnet: held.Subnet) -> None:
        """Local routes become those to every address: for each address the one route that counts is asked for, as there
        may be more specific ones that lead into an interface on the way."""
        found = self.tables.get(subnet.table)
        title = f"the route table {found.id}" if found else f"no route table of {subnet.id}"
        self.routing.add(number, EVERYWHERE, (), ("aws-route", f"{title} has no route to it"))
        chosen: tuple[held.Route, ...] = ()
        if found:
            chosen = routes.choose(found.routes, routes.propagated(self.state, found, self.paths))
        for route in chosen:
            self.routing.add(number, route.to, *self.target(title, route, subnet.zone))
        for address, device in self.addresses():
            last = routes.decide(chosen, address)
            if last is not None and last.kind == routes.LOCAL:
                self.routing.add(number, f"{address}/32", ((device, 1),))

    def addresses(self) -> t.Iterator[tuple[str, str]]:
        for card in self.cards:
            for address in card.interface.addresses:
                yield address, card.device

    def target(self, title: str, route: held.Route, zone: str) -> tuple[Hops, tuple[str, str]]:
        """Where a route leads; else nowhere and why."""
        gone = ("aws-route", f"the route {route.to} of {title} is a blackhole: {route.target} can't be used")
        device = ""
        if route.kind == routes.LOCAL:
            return (), self.unassigned(route.to)
        if route.kind == "interface":
            device = self.interfaces.get(route.target, "")
        elif route.kind == "instance":
            device = self.owners.get(route.target, "")
        elif route.kind == "vgw" and route.target == self.gateway:
            device = gateway_device(virtual_gateway_key(route.target))
        elif route.kind == "tgw" and route.target in self.transits:
            if zone not in self.zones(route.target):
                return (), ("tgw-no-attachment-in-az", f"{route.target} has no attachment in the zone {zone}")
            device = gateway_device(transit_gateway_key(route.target))
        elif route.kind not in ("vgw", "tgw"):
            return (), (OUTSIDE, f"the route {route.to} of {title} leads to {route.target}, outside the lab")
        if route.blackhole or not device:
            return (), gone
        return ((device, 1),), ("", "")

    def zones(self, gateway: str) -> set[str]:
        return {self.subnets[item].zone for item in self.transits[gateway].subnets if item in self.subnets}

    def unassigned(self, to: str) -> tuple[str, str]:
        return "unassigned-address", f"no interface has it in {to}, of {self.vpc.id}"


def attachments(facts: held.AwsFacts, vpc: str) -> list[held.Attachment]:
    """Those of a VPC to transit gateways."""
    gateways = {item.id for item in facts.transit_gateways}
    subnets = {item.id for item in facts.subnets if item.vpc == vpc}
    return [
        item
        for item in facts.attachments
        if (item.kind, item.resource) == ("vpc", vpc) and item.gateway in gateways and subnets & set(item.subnets)
    ]


def zone_of(subnet: held.Subnet) -> str:
    return subnet.zone


# ---- filters


def filters(facts: held.AwsFacts, vpc: str, cards: t.Sequence[Card]) -> Ruleset:
    """The table of one VPC's router."""
    table = Ruleset("vpc")
    guarded = [card for card in cards if card.interface.source_check]
    spoofed, foreign = "", ""
    if guarded and not mutants.on("no-source-check"):
        table.set("guarded", "ifname", [f'"{card.device}"' for card in guarded])
        owned = [f'"{card.device}" . {item}' for card in guarded for item in card.interface.addresses]
        table.set("owned", "ifname . ipv4_addr", owned)
        check = "source-dest-check"
        sent = table.drop(check, "with the source/destination check an instance sends only from its own addresses")
        taken = table.drop(check, "with the source/destination check an instance is handed only its own addresses")
        spoofed = f"iifname @guarded iifname . ip saddr != @owned {sent}"
        foreign = f"oifname @guarded oifname . ip daddr != @owned {taken}"
    groups = Groups(facts, table)
    acls = Acls(facts, vpc, table, cards)
    outward = {card.device: groups.chain(card.interface.groups, True) for card in cards}
    inward = {card.device: groups.chain(card.interface.groups, False) for card in cards}
    if mutants.on("security-groups-ignored"):
        outward, inward = {}, {}
    silent = quoted(card.device for card in cards if card.dead)
    gone = dead_drop(table) if any(card.dead for card in cards) else ""
    lines = [
        f"iifname {silent} {gone}" if gone else "",
        f"oifname {silent} {gone}" if gone else "",
        spoofed,
        verdict_map(f"{NEW} iifname", outward),
        *acls.leaving(),
        f'oifname "lo" {table.drop("no-route", "")}',
        *acls.entering(),
        foreign,
        verdict_map(f"{NEW} oifname", inward),
    ]
    table.chain("forward", filter(None, lines), "filter hook forward priority 0; policy accept")
    return table


class Groups:
    """Security groups: what no rule allows is dropped. Interfaces in the same groups share their chains."""

    def __init__(self, facts: held.AwsFacts, table: Ruleset) -> None:
        self.table = table
        self.groups = {item.id: item for item in facts.groups}
        self.members: dict[str, list[str]] = {}
        self.known: set[str] = set()
        for interface in facts.interfaces:
            for group in interface.groups:
                self.members.setdefault(group, []).extend(interface.addresses)

    def chain(self, groups: t.Sequence[str], egress: bool) -> str:
        way = "outbound" if egress else "inbound"
        name = f"{way}_{short(*sorted(groups))}"
        if name not in self.known:
            self.known.add(name)
            rules = [rule for item in groups if item in self.groups for rule in self.groups[item].rules]
            lines = [line for rule in rules if rule.egress == egress for line in self.lines(rule)]
            detail = f"no {way} rule of {' or '.join(sorted(groups)) or 'any security group'} allows it"
            self.table.chain(name, [*lines, self.table.drop("aws-security-group", detail)])
        return name

    def lines(self, rule: held.GroupRule) -> t.Iterator[str]:
        """A group stands for the addresses of its members' interfaces, and for nothing else."""
        members = [address for group in rule.groups for address in self.members.get(group, ())]
        found = [*rule.ranges, *members]
        if found:
            yield " ".join(filter(None, (address(rule.egress, found), match(rule), "return")))


def address(egress: bool, found: t.Sequence[str]) -> str:
    """A match of the other side; '' for everybody."""
    merged = ranges(found)
    return f"ip {'daddr' if egress else 'saddr'} {merged}" if merged else ""


def match(rule: held.GroupRule | held.AclEntry) -> str:
    """A match of protocol and ports; '' for everything."""
    protocol = NAMES.get(rule.protocol, rule.protocol)
    if protocol == "-1":
        return ""
    if protocol == "icmp" and rule.first >= 0:
        return f"icmp type {rule.first}" + (f" icmp code {rule.last}" if rule.last >= 0 else "")
    if protocol in ("tcp", "udp") and rule.first >= 0 and (rule.first, rule.last) != (0, 65535):
        return f"{protocol} dport {rule.first}-{max(rule.first, rule.last)}"
    return f"meta l4proto {protocol}"


class Acls:
    """Network ACLs: asked where a packet leaves a subnet and where it enters one, never within one, and again for every
    answer. Where a transit gateway is attached by another subnet than the instance's, that one's is asked as well:
    https://docs.aws.amazon.com/vpc/latest/tgw/tgw-nacls.html"""

    def __init__(self, facts: held.AwsFacts, vpc: str, table: Ruleset, cards: t.Sequence[Card]) -> None:
        self.table = table
        self.acls = {item.id: item for item in facts.acls}
        self.known: set[str] = set()
        self.subnets = {item.id: item for item in facts.subnets if item.vpc == vpc}
        self.devices: dict[str, list[str]] = {}
        for card in cards:
            self.devices.setdefault(card.subnet.id, []).append(card.device)
        self.transits = [
            (
                gateway_device(transit_gateway_key(item.gateway)),
                [self.subnets[name] for name in item.subnets if name in self.subnets],
            )
            for item in attachments(facts, vpc)
        ]

    def leaving(self) -> t.Iterator[str]:
        for name, devices in self.devices.items():
            subnet, mine = self.subnets[name], quoted(devices)
            yield self.ask(f"iifname {mine} oifname != {mine}", subnet, True)
            for device, entry in self.entries(subnet):
                if entry.id != subnet.id:
                    yield self.ask(f'iifname "{device}" oifname {mine}', entry, True)

    def entering(self) -> t.Iterator[str]:
        for name, devices in self.devices.items():
            subnet, mine = self.subnets[name], quoted(devices)
            others = [*devices]
            for device, entry in self.entries(subnet):
                yield self.ask(f'iifname {mine} oifname "{device}"', entry, False)
                if entry.id == subnet.id:
                    others.append(device)
            yield self.ask(f"oifname {mine} iifname != {quoted(others)}", subnet, False)

    def entries(self, subnet: held.Subnet) -> t.Iterator[tuple[str, held.Subnet]]:
        """By which subnets packets go between a subnet and the transit gateways: those in its zone."""
        for device, subnets in self.transits:
            near = [item for item in subnets if item.zone == subnet.zone]
            yield device, (near or sorted(subnets, key=zone_of))[0]

    def ask(self, where: str, subnet: held.Subnet, egress: bool) -> str:
        """A jump into the chain of a subnet's ACL; '' when it lets everything pass."""
        acl = self.acls.get(subnet.acl)
        entries = [item for item in acl.entries if item.egress == egress] if acl else []
        if acl is None or (
            entries and entries[0].allow and (entries[0].protocol, entries[0].range) == ("-1", EVERYWHERE)
        ):
            return ""
        way = "outbound" if egress else "inbound"
        name = f"{way}_{short(acl.id)}"
        if name not in self.known:
            self.known.add(name)
            self.table.chain(name, [*(self.line(acl, way, item) for item in entries), self.denied(acl, way, "*")])
        state = f"{NEW} " if mutants.on("acl-stateful") else ""
        return f"{state}{where} jump {name}"

    def line(self, acl: held.Acl, way: str, item: held.AclEntry) -> str:
        action = "return" if item.allow else self.denied(acl, way, str(item.number))
        return " ".join(filter(None, (address(item.egress, [item.range]), match(item), action)))

    def denied(self, acl: held.Acl, way: str, number: str) -> str:
        return self.table.drop("aws-network-acl", f"denied by the {way} rule {number} of {acl.id}")


def quoted(devices: t.Iterable[str]) -> str:
    return "{ " + ", ".join(f'"{name}"' for name in devices) + " }"
