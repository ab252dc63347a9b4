# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of routes to Google that a route table of a VPC would newly get; pure.

A local route wins against whatever is propagated. Else the longest prefix counts, and of routes to one destination a
static one wins against a propagated one: https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html
"""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t

from .. import addressing

Json = dict[str, t.Any]

#: what begins the ids of targets that lead to the internet, so that no private address is reached by them
INTERNET = ("igw-", "nat-")
#: how many routes or problems are named in a sentence
NAMED = 5


@dataclasses.dataclass(frozen=True)
class Coming:
    """A route that a table would newly get. ``problem`` is why that needs the caller's word, if so."""

    table: str
    to: str
    wins: bool
    problem: str | None = None

    def as_result(self) -> Json:
        return {"route_table": self.table, "dest_range": self.to, "wins": self.wins, "problem": self.problem}


def judged(table: Json, ranges: t.Iterable[str], blocks: t.Sequence[str], gateway: str | None) -> list[Coming]:
    """The ranges that a table has no route to by the gateway yet, with what becomes of them there, in order of
    addresses. ``table`` is as :func:`.vpn_reading.route_tables` returns it, ``blocks`` are the VPC's own ranges."""
    routes = [route for route in table["routes"] if _parsed(route["to"])]
    mine = {route["to"] for route in routes if gateway and route["target"] == gateway}
    networks = [network for network in map(_parsed, set(ranges)) if network and str(network) not in mine]
    return [_one(table["id"], network, routes, blocks, gateway) for network in sorted(networks)]


def _one(
    table: str, network: ipaddress.IPv4Network, routes: t.Sequence[Json], blocks: t.Sequence[str], gateway: str | None
) -> Coming:
    if addressing.is_within(str(network), blocks):
        return Coming(table, str(network), wins=False)
    holder = _holder(network, routes)
    beaten = bool(holder and holder["to"] == str(network) and not holder["propagated"])
    problem = None
    if network.prefixlen == 0:
        problem = "it is a default route"
    elif holder and not beaten and _carries(holder, network, gateway):
        problem = f"it takes traffic from the route to {holder['to']} by {holder['target'] or 'another target'}"
    return Coming(table, str(network), wins=not beaten, problem=problem)


def _holder(network: ipaddress.IPv4Network, routes: t.Sequence[Json]) -> Json | None:
    """The route that all addresses of a range are sent by now, where no more specific one takes some of them."""
    around = [route for route in routes if network.subnet_of(ipaddress.IPv4Network(route["to"]))]
    return max(
        around,
        key=lambda route: (ipaddress.IPv4Network(route["to"]).prefixlen, not route["propagated"]),
        default=None,
    )


def _carries(route: Json, network: ipaddress.IPv4Network, gateway: str | None) -> bool:
    """Whether traffic to a range may use this route now, and would go to Google then."""
    target = str(route["target"] or "")
    if route["state"] == "blackhole" or target in ("local", gateway):
        return False
    to_internet = route["to"] == "0.0.0.0/0" and target.startswith(INTERNET)
    return not to_internet or addressing.space(str(network)) == "public"


def _parsed(text: str | None) -> ipaddress.IPv4Network | None:
    """An IPv4 range; IPv6 is left out."""
    try:
        return ipaddress.IPv4Network(text or "")
    except ValueError:
        return None


def in_words(coming: t.Sequence[Coming]) -> str:
    """The routes that win or need a word, for the summary of the step that brings them; empty where there are none."""
    problems = [f"{item.to}: {item.problem}" for item in coming if item.problem]
    named = [item.to for item in coming if item.wins or item.problem]
    told = f" ({_few(problems, '; ')})" if problems else ""
    return f", which brings {_few(named, ', ')}{told}" if named else ""


def _few(items: t.Sequence[str], separator: str) -> str:
    more = f"{separator}and {len(items) - NAMED} more" if len(items) > NAMED else ""
    return separator.join(items[:NAMED]) + more
