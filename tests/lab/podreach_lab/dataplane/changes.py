# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between a Plan and what the kernel holds, in an order in which it can be done. Pure, no kernel here.

`Held` remembers what was done and succeeded, so that after a failure the next comparison finds what is still missing.
"""

from __future__ import annotations

import dataclasses
import functools
import ipaddress
import itertools
import re
import typing as t

from .plan import End, Link, Namespace, Plan, Route, Rule

FIRST_INDEX = 100
"""Interface indexes below are the kernel's own (lo, and fallback tunnels where their modules are loaded)."""

MAIN_TABLE = 254

What = t.Literal[
    "delete link",
    "delete namespace",
    "create namespace",
    "settings",
    "keep TTL",
    "create link",
    "link up",
    "loopback up",
    "add address",
    "nft",
    "delete route",
    "set route",
    "add rule",
    "delete rule",
    "delete address",
]

# Written one by one: a new namespace takes some of them from the machine, where they may be anything.
SETTINGS = {
    "ipv6/conf/all/disable_ipv6": "1",
    "ipv6/conf/default/disable_ipv6": "1",
    "ipv4/fib_multipath_hash_policy": "1",
    "ipv4/icmp_ratelimit": "0",
    **{
        f"ipv4/conf/{which}/{name}": value
        for which in ("all", "default", "lo")
        for name, value in {
            "rp_filter": "0",
            "accept_local": "1",
            "send_redirects": "0",
            "accept_redirects": "0",
            "promote_secondaries": "1",
        }.items()
    },
}


class PlanError(ValueError):
    """A Plan that contradicts itself."""


@dataclasses.dataclass(frozen=True)
class Change:
    """One thing to do. `namespace` is where; a link is created from the namespace of its end `a`."""

    what: What
    namespace: str
    item: t.Any = None

    def __str__(self) -> str:
        text = str(self.item) if self.what != "nft" else ""
        return f"{self.what} {text}".strip()


@functools.lru_cache(maxsize=1 << 16)
def network(text: str) -> str:
    """One spelling for each prefix."""
    return str(ipaddress.IPv4Network(text))


def key(route: Route) -> tuple[int, str]:
    """What the kernel tells routes apart by, as all have the same metric."""
    return route.table, network(route.to)


@dataclasses.dataclass
class HeldNamespace:
    settings: bool | None = None
    """forwards, once all settings are written."""
    keeps_ttl: bool = False
    loopback: bool = False
    addresses: set[tuple[str, str]] = dataclasses.field(default_factory=set)
    routes: dict[tuple[int, str], Route] = dataclasses.field(default_factory=dict)
    rules: set[Rule] = dataclasses.field(default_factory=set)
    nft: str = ""

    def without(self, devices: set[str]) -> HeldNamespace:
        """What the kernel keeps when devices disappear: addresses on them and routes over them go with them."""
        left = dataclasses.replace(self, addresses=set(self.addresses), routes=dict(self.routes), rules=set(self.rules))
        for address in self.addresses:
            if address[0] in devices:
                left.forget_address(address)
        for name, route in self.routes.items():
            if any(device in devices for device, _weight in route.hops):
                left.routes.pop(name, None)
        return left

    def forget_address(self, address: tuple[str, str]) -> None:
        """Routes of the main table that prefer an address disappear with its last copy; other tables keep theirs."""
        self.addresses.discard(address)
        host = address[1].partition("/")[0]
        if not any(other.partition("/")[0] == host for _device, other in self.addresses):
            self.routes = {
                name: route for name, route in self.routes.items() if (route.table, route.source) != (MAIN_TABLE, host)
            }


class Held:
    """What the kernel holds."""

    def __init__(self) -> None:
        self.namespaces: dict[str, HeldNamespace] = {}
        self.links: set[Link] = set()
        self.links_of: dict[str, set[Link]] = {}
        """By the namespaces of their ends."""
        self.up: set[End] = set()
        self.indexes: dict[Link, tuple[int, int]] = {}
        """Interface indexes of both ends, also of links about to be created."""
        self.devices: dict[End, int] = {}
        """The index by which a device is meant now: a new link may take the name of one that is about to go."""
        self.next_index = itertools.count(FIRST_INDEX)
        self.numbers: dict[str, int] = {}
        """Of namespaces, also of those about to be created. Small, for they stand for file descriptors."""
        self.free_numbers: list[int] = []

    def number(self, namespace: str) -> int:
        """The number of a namespace; a new one is given out where there is none."""
        if namespace not in self.numbers:
            self.numbers[namespace] = self.free_numbers.pop() if self.free_numbers else len(self.numbers)
        return self.numbers[namespace]

    def give_indexes(self, link: Link) -> tuple[int, int]:
        """The indexes for a link that is to be created."""
        if link not in self.indexes:
            self.indexes[link] = (next(self.next_index), next(self.next_index))
        self.devices[link.a], self.devices[link.b] = self.indexes[link]
        return self.indexes[link]

    def record(self, change: Change) -> None:
        """Remember what was done."""
        if change.what == "create namespace":
            self.namespaces[change.namespace] = HeldNamespace()
            return
        if change.what == "delete namespace":
            self.namespaces.pop(change.namespace, None)
            self.free_numbers.append(self.numbers.pop(change.namespace))
            for link in list(self.links_of.get(change.namespace, ())):
                self.forget_link(link)
            return
        item = change.item
        if change.what == "create link":
            self.links.add(item)
            self.up.add(item.a)
            for end in (item.a, item.b):
                self.links_of.setdefault(end.namespace, set()).add(item)
            return
        if change.what == "delete link":
            self.forget_link(item)
            return
        if change.what == "link up":
            self.up.add(item)
            return
        self.record_in(self.namespaces[change.namespace], change.what, item)

    def record_in(self, held: HeldNamespace, what: What, item: t.Any) -> None:
        if what == "settings":
            held.settings = item
        elif what == "keep TTL":
            held.keeps_ttl = item
        elif what == "loopback up":
            held.loopback = True
        elif what == "nft":
            held.nft = item
        elif what == "add address":
            held.addresses.add(item)
        elif what == "delete address":
            held.forget_address(item)
        elif what == "set route":
            held.routes[key(item)] = item
        elif what == "delete route":
            held.routes.pop(key(item), None)
        elif what == "add rule":
            held.rules.add(item)
        elif what == "delete rule":
            held.rules.discard(item)

    def forget_link(self, link: Link) -> None:
        self.links.discard(link)
        indexes = self.indexes.pop(link, ())
        for end in (link.a, link.b):
            others = self.links_of.get(end.namespace, set())
            others.discard(link)
            if not others:
                self.links_of.pop(end.namespace, None)
            self.up.discard(end)
            if self.devices.get(end) in indexes:
                del self.devices[end]
            held = self.namespaces.get(end.namespace)
            if held:
                self.namespaces[end.namespace] = held.without({end.device})


def check(plan: Plan) -> None:
    """Raise PlanError for what no kernel could hold."""
    ends: set[End] = set()
    for end in itertools.chain.from_iterable((link.a, link.b) for link in plan.links):
        if end in ends or end.device == "lo" or not 0 < len(end.device.encode()) < 16:
            raise PlanError(f"{end.namespace}: the device name {end.device!r} is taken or impossible")
        if end.namespace not in plan.namespaces:
            raise PlanError(f"{end.namespace}: a link ends here, but there is no such namespace")
        ends.add(end)
    for name, wanted in plan.namespaces.items():
        seen: dict[tuple[int, str], Route] = {}
        for route in wanted.routes:
            try:
                other = seen.setdefault(key(route), route)
            except ValueError as error:
                raise PlanError(f"{name}: {route}: {error}") from error
            if other is not route:
                raise PlanError(f"{name}: two routes to the same prefix in one table: {route}, {other}")


def tables(text: str) -> list[str]:
    """The tables that an nft text defines: ["ip nat", ...]."""
    plain = re.sub(r'"[^"\n]*"|#[^\n]*', " ", text)
    found = []
    depth = 0
    for token in re.finditer(r"[{}]|\btable\s+((?:ip|ip6|inet|arp|bridge|netdev)\s+)?([\w/.-]+)\s*(?=\{)", plain):
        if token[0] == "{":
            depth += 1
        elif token[0] == "}":
            depth -= 1
        elif depth == 0:
            found.append(f"{(token[1] or 'ip').strip()} {token[2]}")
    return list(dict.fromkeys(found))


def replacement(held: str, wanted: str) -> str:
    """The nft commands that replace one text by another in a single transaction, leaving other tables alone.

    What need not be deleted is not: the kernel waits some 10 ms for packets to leave a deleted chain.
    """
    names = dict.fromkeys(tables(held) + tables(wanted)) if held else {}
    return "".join(f"add table {name}\ndelete table {name}\n" for name in names) + wanted + "\n"


def changes(held: Held, plan: Plan) -> list[Change]:
    """What is to be done. Links go before their namespaces, filters are in place before routes lead to them."""
    gone = held.links - plan.links
    lost: dict[str, set[str]] = {}
    for end in itertools.chain.from_iterable((link.a, link.b) for link in gone):
        lost.setdefault(end.namespace, set()).add(end.device)

    found = deleted_links(gone, plan)
    found += [Change("delete namespace", name) for name in held.namespaces if name not in plan.namespaces]
    for name, wanted in plan.namespaces.items():
        there = held.namespaces.get(name)
        if there is None:
            found.append(Change("create namespace", name))
        if there is None or there.settings != wanted.forwards:
            found.append(Change("settings", name, wanted.forwards))
    found += link_changes(held, plan)
    filters: list[Change] = []
    routing: list[Change] = []
    for name, wanted in plan.namespaces.items():
        there = held.namespaces.get(name) or HeldNamespace()
        if name in lost:
            there = there.without(lost[name])
        if there.keeps_ttl != wanted.keeps_ttl:
            filters.append(Change("keep TTL", name, wanted.keeps_ttl))
        if there.nft != wanted.nft:
            filters.append(Change("nft", name, wanted.nft))
        routing += routing_changes(name, there, wanted)
    return found + filters + routing


def deleted_links(gone: set[Link], plan: Plan) -> list[Change]:
    """Those to be deleted one by one. A link between two namespaces that go, goes with them, at no cost here."""
    found = []
    for link in gone:
        staying = [end.namespace for end in (link.a, link.b) if end.namespace in plan.namespaces]
        if staying:
            found.append(Change("delete link", staying[0], link))
    return sorted(found, key=lambda change: change.namespace)


def place(link: Link) -> str:
    """To bring together what happens in one namespace."""
    return link.a.namespace


def link_changes(held: Held, plan: Plan) -> list[Change]:
    created = sorted(plan.links - held.links, key=place)
    down = [link.b for link in plan.links if link not in held.links or link.b not in held.up]
    down.sort(key=lambda end: end.namespace)
    return [
        *(Change("create link", link.a.namespace, link) for link in created),
        *(Change("link up", end.namespace, end) for end in down),
    ]


def routing_changes(name: str, held: HeldNamespace, wanted: Namespace) -> list[Change]:
    found = [] if held.loopback else [Change("loopback up", name)]
    if held.addresses != wanted.addresses:
        found += [Change("add address", name, item) for item in sorted(wanted.addresses - held.addresses)]
    routes = {key(route): route for route in wanted.routes}
    if held.routes != routes:
        found += [Change("delete route", name, route) for where, route in held.routes.items() if where not in routes]
        found += [
            Change("set route", name, route)
            for where, route in sorted(routes.items())
            if held.routes.get(where) != route
        ]
    if held.rules != wanted.rules:
        found += [Change("add rule", name, rule) for rule in wanted.rules - held.rules]
        found += [Change("delete rule", name, rule) for rule in held.rules - wanted.rules]
    if held.addresses != wanted.addresses:
        found += [Change("delete address", name, item) for item in sorted(held.addresses - wanted.addresses)]
    return found
