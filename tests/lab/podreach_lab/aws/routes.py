# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The routes of an AWS route table that count, in AWS's order.

The longest prefix wins; of routes to one destination a static one before a prefix list's before a propagated one. What
is propagated into the VPC's own ranges never counts, however specific it is.
https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html
"""

from __future__ import annotations

import functools
import ipaddress
import typing as t

from ..dataplane import mutants
from ..state import State
from ..wan import learning
from ..wan.model import Path, virtual_gateway_key
from .facts import Route, RouteTable

Range = ipaddress.IPv4Network
Paths = t.Callable[[str], t.Sequence[Path]]
"""By gateway key."""
LOCAL = "local"


@functools.lru_cache(maxsize=1 << 14)
def parse(text: str) -> Range:
    return Range(text)


def propagated(state: State, table: RouteTable, paths: Paths | None = None) -> tuple[Route, ...]:
    """What its virtual private gateways propagate into the table, lost to other routes or not (kind vgw)."""
    attached = {item.id for item in state.aws.virtual_gateways if item.vpc == table.vpc}
    find = paths or functools.partial(learning.paths, state)
    return tuple(
        Route(path.range, "vgw", gateway)
        for gateway in table.propagating
        if gateway in attached
        for path in find(virtual_gateway_key(gateway))
    )


def choose(own: t.Iterable[Route], learned: t.Iterable[Route]) -> tuple[Route, ...]:
    """The routes that count, one a destination: those that are in a table, and those propagated into it."""
    own = list(own)
    local = [parse(route.to) for route in own if route.kind == LOCAL]
    found: dict[Range, Route] = {}
    for route in sorted(own, key=lambda item: bool(item.prefix_list)):
        found.setdefault(parse(route.to), route)
    for route in learned:
        to = parse(route.to)
        hidden = any(to.subnet_of(item) for item in local) and not mutants.on("propagated-beats-local")
        if not hidden:
            found.setdefault(to, route)
    return tuple(found.values())


def decide(chosen: t.Iterable[Route], address: str) -> Route | None:
    """Of the routes that count, the one for an address."""
    host = parse(address)
    matching = [route for route in chosen if host.subnet_of(parse(route.to))]
    return max(matching, key=lambda route: parse(route.to).prefixlen, default=None)
