# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One flow, watched in every namespace: the way of its first packet and of the answer, and where and why one died.

A packet that entered a namespace and did not leave it died there. Why is told by the drop counter that moved, or by the
route of the plan that leads nowhere.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t

from . import packets
from .compile import Compiled
from .fabric import Fabric
from .plan import Namespace, Route, Rule
from .probes import ANSWERS, owners_of
from .rules import Drop
from .taps import EVERYTHING, Sighting, Taps

Json = dict[str, t.Any]


async def trace(
    fabric: Fabric, taps: Taps, compiled: Compiled, start: str, flow: packets.Flow, names: t.Callable[[str], str]
) -> Json:
    """The way there and back of a flow that begins in a namespace. `names` turns one into what a user calls it."""
    owners = owners_of(compiled.plan)
    token = packets.new_token()
    before = await fabric.counters()
    async with taps.watch(fabric, compiled.plan.namespaces, EVERYTHING) as watch:
        refused = packets.send(await taps.sender(fabric, start), flow, token)
        found = await watch.settle()
    after = await fabric.counters()
    mine = [item for item in found if item.seen.token == token]
    ways = Ways(compiled, before, after, owners, names)
    there = ways.part([item for item in mine if not item.seen.answer], refused)
    answers = [item for item in mine if item.seen.answer]
    counted = [item for item in answers if item.seen.answer in ANSWERS[flow.protocol]]
    back = ways.part(counted or answers, "") if answers else None
    returned = bool(counted and back and back["delivered"] and back["received_by"] == names(start))
    return {
        "verdict": "reachable" if there["delivered"] and returned else "unreachable",
        "request": there,
        "reply": back,
        "answer": (counted or answers)[0].seen.answer if answers else None,
    }


@dataclasses.dataclass
class Ways:
    """Turns sightings into a story."""

    compiled: Compiled
    before: dict[str, dict[str, int]]
    after: dict[str, dict[str, int]]
    owners: dict[str, set[str]]
    names: t.Callable[[str], str]

    def part(self, sightings: list[Sighting], refused: str) -> Json:
        """One direction."""
        hops: list[Json] = []
        for item in sightings:
            entry = (
                hops[-1] if hops and hops[-1]["namespace"] == item.namespace and not hops[-1]["device_out"] else None
            )
            if entry is None or not item.out:
                entry = {
                    "namespace": item.namespace,
                    "at": self.names(item.namespace),
                    "device_in": None,
                    "device_out": None,
                }
                hops.append(entry)
            entry["device_out" if item.out else "device_in"] = item.device
            entry |= {
                "source": item.seen.source,
                "destination": item.seen.destination,
                "ttl": item.seen.ttl,
                "source_port": item.seen.source_port,
                "port": item.seen.port,
            }
        last = hops[-1] if hops else None
        arrived = bool(
            last
            and (last["device_out"] is None or last["device_out"] == "lo")
            and last["namespace"] in self.owners.get(last["destination"], ())
        )
        answer: Json = {
            "delivered": arrived,
            "source_seen": last["source"] if arrived and last else None,
            "destination_seen": last["destination"] if arrived and last else None,
            "port_seen": (last["port"] or None) if arrived and last else None,
            "received_by": last["at"] if arrived and last else None,
            "died": None if arrived else self.death(last, refused),
            "hops": [{key: value for key, value in hop.items() if key != "namespace"} for hop in hops],
        }
        return answer

    def death(self, last: Json | None, refused: str) -> Json:
        """Why a packet that entered a namespace did not leave it."""
        if last is None:
            return {"at": None, "reason": "not-sent", "detail": refused or "the sender's own rules dropped it"}
        name = last["namespace"]
        was = self.before.get(name, {})
        counted = [
            self.compiled.drops[(name, counter)]
            for counter, number in self.after.get(name, {}).items()
            if number > was.get(counter, 0) and (name, counter) in self.compiled.drops
        ]
        drop = counted[0] if counted else Drop("lost", "it entered and did not leave")
        if drop.reason == "no-route" or not counted:
            namespace = self.compiled.plan.namespaces[name]
            matched = look_up(
                namespace, last["device_in"] or "", last["source"], last["destination"], last["port"] or 0
            )
            if matched is not None:
                why = self.compiled.nowhere.get((name, matched.table, matched.to))
                if why:
                    drop = why
                elif not matched.hops and not matched.local:
                    drop = Drop("no-such-pod", f"no pod of the node has {last['destination']}")
        return {"at": last["at"], "reason": drop.reason, "detail": drop.detail}


def look_up(namespace: Namespace, device: str, source: str, destination: str, port: int = 0) -> Route | None:
    """The route that a plan gives to a packet; rules in order, the longest prefix of the first table that has one."""
    to, sender = ipaddress.IPv4Address(destination), ipaddress.IPv4Address(source)
    rules = sorted(namespace.rules, key=lambda rule: rule.priority)
    for rule in [*rules, Rule(32766, 254)]:
        if rule.device and rule.device != device:
            continue
        if rule.port and rule.port != port:
            continue
        if rule.to and to not in ipaddress.IPv4Network(rule.to):
            continue
        if rule.source and sender not in ipaddress.IPv4Network(rule.source):
            continue
        matching = [
            route for route in namespace.routes if route.table == rule.table and to in ipaddress.IPv4Network(route.to)
        ]
        if matching:
            return max(matching, key=lambda route: ipaddress.IPv4Network(route.to).prefixlen)
    return None
