# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows that were tried from pods."""

from __future__ import annotations

import dataclasses
import datetime
import ipaddress
import typing as t
from urllib.parse import urlsplit

from .sheet import Json, Sheet

#: What decides about a flow where nothing else was found.
UNREACHABLE_MEND = (
    "with the path whole, look at what admits it there (firewall rules, in AWS the security group and network ACL), at "
    "the target itself, and at network policies"
)
#: Reasons that say that an answer came back, so that the way is whole.
ANSWERED = frozenset({"refused", "lost", "status", "body"})
#: marks the result of a flow that was tried again
AGAIN = "tried_again"
SEEN = {"pod": "the pod itself", "node": "its node", "other": "neither pod nor node"}


@dataclasses.dataclass(frozen=True)
class Failed:
    """A flow from a named cluster to an address that it should reach, and from which no answer came."""

    name: str
    cluster: str
    location: str
    address: ipaddress.IPv4Address
    host_network: bool
    flow: Json


def failed(results: t.Iterable[Json]) -> list[Failed]:
    """The flows whose causes can be looked for, of all that were tried: those from which no answer came."""
    found = []
    for result in results:
        flow = result.get("item") or {}
        address = _address(flow)
        wanted = str(flow.get("expect") or "reachable") == "reachable"
        silent = result.get("ran") and result.get("reachable") is False and result.get("reason") not in ANSWERED
        if wanted and silent and address and flow.get("cluster"):
            place = str(flow["cluster"]), str(flow.get("location") or "")
            found.append(Failed(_name(flow), *place, address, bool(flow.get("host_network")), flow))
    return found


def unreached(flows: t.Iterable[Failed]) -> list[dict[str, t.Any]]:
    """Clusters, each with the addresses that flows from it should reach and do not."""
    found: dict[tuple[str, str], list[str]] = {}
    for flow in flows:
        addresses = found.setdefault((flow.cluster, flow.location), [])
        if str(flow.address) not in addresses:
            addresses.append(str(flow.address))
    return [
        {"cluster": cluster, "location": location, "destinations": addresses}
        for (cluster, location), addresses in found.items()
    ]


def waiting(flows: t.Iterable[Failed], masquerades: t.Iterable[Json]) -> list[dict[str, t.Any]]:
    """Flows of pods that fail while masquerading may still change, ``since`` it was read and ``until`` it surely has.

    Both are seconds since 1970.
    """
    times: dict[tuple[str, str], dict[str, int]] = {}
    for answer in masquerades:
        item, in_force = answer.get("item") or {}, answer.get("in_force") or {}
        place = str(item.get("cluster")), str(item.get("location") or "")
        # the last reading of a cluster counts
        times.pop(place, None)
        if in_force.get("at_latest"):
            until = int(datetime.datetime.fromisoformat(str(in_force["at_latest"])).timestamp())
            times[place] = {"since": until - int(in_force.get("seconds_left") or 0), "until": until}
    return [
        {"flow": flow.flow, **times[flow.cluster, flow.location]}
        for flow in flows
        if not flow.host_network and (flow.cluster, flow.location) in times
    ]


def with_retries(first: t.Sequence[Json], again: t.Sequence[Json]) -> list[Json]:
    """The results of flows, in the place of those that were tried again what came of that."""
    found = list(first)
    for result in again:
        flow = (result.get("item") or {}).get("flow")
        for index, one in enumerate(first):
            if one.get("item") == flow:
                found[index] = {**result, "item": flow, AGAIN: True}
    return found


def _address(flow: Json) -> ipaddress.IPv4Address | None:
    """What a flow is to reach, if that is an address."""
    try:
        text = urlsplit(str(flow["url"])).hostname if flow.get("url") else flow.get("target")
        return None if flow.get("kind") == "dns" else ipaddress.IPv4Address(str(text))
    except ValueError:
        return None


def _name(flow: Json) -> str:
    return str(flow.get("name") or f"{flow.get('kind')} {flow.get('url') or flow.get('target')}")


def judge_flow(sheet: Sheet, result: Json, *, sound: bool) -> bool:
    """One flow; returns whether it was run. ``sound``: nothing else was found that fails."""
    flow = result.get("item") or {}
    name = _name(flow)
    expected = str(flow.get("expect") or "reachable")
    code = (result.get("error") or {}).get("code")
    ran = bool(result.get("ran")) and code in (None, "not-as-expected")
    reachable = result.get("reachable")
    here = f"from {flow['cluster']}, " if flow.get("cluster") else ""
    if not ran or reachable is None:
        why = str(result.get("msg") or "the check gave no answer")
        if result.get("ran") is False and code is None:
            sheet.row("flow", name, "not run", f"{here}expected {expected}: check mode")
            sheet.unproven += 1
        else:
            sheet.row("flow", name, "not run", f"{here}expected {expected}")
            sheet.find("flow-not-run", name, f"{name}: {why}")
        return False
    if result.get(AGAIN):
        here += (
            f"tried again {'until' if reachable else 'while'} masquerading was {'' if reachable else 'not '}in force, "
        )
    seen = "reachable" if reachable else "unreachable"
    reason = "" if reachable else f": {result.get('reason') or 'no reason given'}"
    source = result.get("seen_source")
    whose = f", seen as {source} ({SEEN.get(str(result.get('seen_as')), 'whose is not known')})" if source else ""
    sheet.row("flow", name, seen, f"{here}expected {expected}{reason}{whose}")
    if expected not in ("any", seen):
        told = str(result.get("msg") or f"it is {seen}, and {expected} was expected")
        output = str(result.get("output") or "").strip()
        told = told.removesuffix(output).rstrip(". ") if output else told
        if reachable:
            sheet.find("flow-not-blocked", name, f"{name}: {told}")
        else:
            sheet.find("flow-unreachable", name, f"{name}: {told}", UNREACHABLE_MEND if sound else "")
    return True
