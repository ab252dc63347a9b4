# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends probes and watches them: from every namespace on the way for a trace, from the two ends for many at once.

What a packet met is read from taps (AF_PACKET sockets) in the namespaces; why it died from the drop counters of the
namespace that it entered and did not leave, or from the route that leads nowhere there.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import dataclasses
import ipaddress
import select
import socket
import struct
import time
import typing as t

from . import packets
from .compile import Compiled
from .fabric import Fabric
from .plan import Namespace, Plan, Route, Rule
from .rules import Drop

Json = dict[str, t.Any]
SO_ATTACH_FILTER, SO_TIMESTAMPNS = 26, 35
PACKET_OUTGOING = 4
ETH_P_IP = 0x0800
QUIET = 0.03
"""Seconds without a packet after which nothing more is expected; all hops are on this machine."""
LONGEST = 2.0
BATCH = 400
FEWEST = 54
"""The TTL below which a probe of many is not looked at: packets that circle until it ends would fill the taps."""
# linux/filter.h: load the byte at 8 of the IP header (TTL), refuse less than FEWEST; load the packet's type, refuse
# what goes out; accept.
INCOMING = (
    (0x30, 0, 0, 8),
    (0x35, 0, 3, FEWEST),
    (0x30, 0, 0, 0x100000000 - 0x1000 + 4),
    (0x15, 1, 0, PACKET_OUTGOING),
    (0x06, 0, 0, 0xFFFF),
    (0x06, 0, 0, 0),
)


@dataclasses.dataclass(frozen=True)
class End:
    """Where a probe begins or ends: a namespace and an address in it."""

    name: str
    namespace: str
    address: str


@dataclasses.dataclass(frozen=True)
class Sighting:
    """A packet passing an interface of a namespace."""

    when: int
    namespace: str
    device: str
    out: bool
    seen: packets.Seen


class Taps:
    """Captures in a number of namespaces."""

    def __init__(self) -> None:
        self._sockets: dict[int, tuple[str, socket.socket]] = {}
        self._poll = select.poll()
        self._early: list[Sighting] = []

    async def open(self, fabric: Fabric, namespaces: t.Iterable[str], incoming: bool = False) -> None:
        """`incoming`: only what comes in, and not what has been circling."""
        options = ((socket.SOL_SOCKET, SO_TIMESTAMPNS, 1), (socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20))
        names = list(namespaces)
        made = await asyncio.gather(
            *(
                fabric.socket(name, socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3), options=options)
                for name in names
            )
        )
        for name, tap in zip(names, made, strict=True):
            tap.setblocking(False)
            if incoming:
                attach(tap, INCOMING)
            self._sockets[tap.fileno()] = (name, tap)
            self._poll.register(tap, select.POLLIN)

    def close(self) -> None:
        for _name, tap in self._sockets.values():
            tap.close()
        self._sockets.clear()

    async def collect(self, done: t.Callable[[list[Sighting]], bool]) -> list[Sighting]:
        """What passes until `done` says so or all has been quiet for a moment; in order of time."""
        found = self._early
        began = last = time.monotonic()
        while True:
            fresh = self._read()
            now = time.monotonic()
            if fresh:
                found += fresh
                last = now
            if (found and done(found)) or now - last > QUIET or now - began > LONGEST:
                break
            await asyncio.sleep(0.001)
        return sorted(found, key=lambda item: item.when)

    def look(self) -> None:
        """Take what has come so far, so that it does not fill the sockets."""
        self._early += self._read()

    def _read(self) -> list[Sighting]:
        found = []
        for number, _events in self._poll.poll(0):
            name, tap = self._sockets[number]
            with contextlib.suppress(BlockingIOError):
                while True:
                    data, extra, _flags, address = tap.recvmsg(2048, 128)
                    if address[1] != ETH_P_IP:
                        continue
                    seen = packets.read(data)
                    if seen is not None:
                        found.append(Sighting(moment(extra), name, address[0], address[2] == PACKET_OUTGOING, seen))
        return found


def attach(tap: socket.socket, program: t.Sequence[tuple[int, int, int, int]]) -> None:
    """Let the kernel judge which packets a tap sees."""
    code = b"".join(struct.pack("HBBI", *line) for line in program)
    buffer = ctypes.create_string_buffer(code)
    tap.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", len(program), ctypes.addressof(buffer)))


def moment(extra: t.Sequence[tuple[int, int, bytes]]) -> int:
    """The kernel's time stamp in nanoseconds."""
    for level, kind, data in extra:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack("qq", data[:16])
            return int(seconds) * 10**9 + int(nanoseconds)
    return time.time_ns()


async def raw_socket(fabric: Fabric, namespace: str) -> socket.socket:
    made = await fabric.socket(namespace, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    made.setblocking(False)
    return made


def send(raw: socket.socket, flow: packets.Flow, token: int) -> str:
    """'' or why the sender's own kernel refused."""
    try:
        raw.sendto(packets.request(flow, token), (flow.destination, 0))
    except OSError as error:
        return str(error.strerror)
    return ""


# ---- many flows, ends only


async def probe_all(fabric: Fabric, plan: Plan, flows: t.Sequence[tuple[End, packets.Flow]]) -> list[Json]:
    """Every flow once, all at the same time: whether the request arrived, as whom, and whether an answer came back."""
    owners = owners_of(plan)
    results: list[Json] = []
    for at in range(0, len(flows), BATCH):
        results += await probe_batch(fabric, owners, flows[at : at + BATCH])
    return results


async def probe_batch(
    fabric: Fabric, owners: t.Mapping[str, set[str]], flows: t.Sequence[tuple[End, packets.Flow]]
) -> list[Json]:
    sources = {end.namespace for end, _flow in flows}
    everyone = sources | {name for names in owners.values() for name in names}
    taps = Taps()
    raws = {}
    try:
        await taps.open(fabric, sorted(everyone), incoming=True)
        for name in sources:
            raws[name] = await raw_socket(fabric, name)
        tokens = {}
        for at, (end, flow) in enumerate(flows):
            token = packets.new_token()
            tokens[token] = at
            send(raws[end.namespace], flow, token)
            taps.look()
        found = await taps.collect(lambda _found: False)
    finally:
        taps.close()
        for raw in raws.values():
            raw.close()
    results: list[Json] = [{"delivered": False, "source_seen": None, "replied": False} for _flow in flows]
    for item in found:
        at = tokens.get(item.seen.token, -1)
        if at < 0:
            continue
        end, flow = flows[at]
        here = item.namespace in owners.get(item.seen.destination, ())
        if not item.seen.answer:
            if here:
                results[at] |= {"delivered": True, "source_seen": item.seen.source}
        elif item.namespace == end.namespace and item.seen.destination == flow.source:
            results[at]["replied"] |= item.seen.answer in ANSWERS[flow.protocol]
    return results


ANSWERS = {"icmp": ("echo-reply",), "tcp": ("syn-ack", "rst"), "udp": ("port-unreachable",)}
"""What counts as an answer from the other end."""


def owners_of(plan: Plan) -> dict[str, set[str]]:
    """Address -> the namespaces in which it is local."""
    found: dict[str, set[str]] = {}
    for name, namespace in plan.namespaces.items():
        for _device, address in namespace.addresses:
            found.setdefault(address.split("/")[0], set()).add(name)
        for route in namespace.routes:
            if route.local:
                for inside in ipaddress.IPv4Network(route.to):
                    found.setdefault(str(inside), set()).add(name)
    return found


# ---- one flow, every hop


async def trace(
    fabric: Fabric, compiled: Compiled, start: End, flow: packets.Flow, names: t.Callable[[str], str]
) -> Json:
    """The way there and back. `names` turns a namespace into what a user calls it."""
    plan = compiled.plan
    owners = owners_of(plan)
    taps = Taps()
    token = packets.new_token()
    before = await fabric.counters()
    try:
        await taps.open(fabric, plan.namespaces)
        raw = await raw_socket(fabric, start.namespace)
        try:
            refused = send(raw, flow, token)
            found = await taps.collect(lambda _found: False)
        finally:
            raw.close()
    finally:
        taps.close()
    after = await fabric.counters()
    mine = [item for item in found if item.seen.token == token]
    ways = Ways(compiled, before, after, owners, names)
    there = ways.part([item for item in mine if not item.seen.answer], refused)
    answers = [item for item in mine if item.seen.answer]
    counted = [item for item in answers if item.seen.answer in ANSWERS[flow.protocol]]
    back = ways.part(counted or answers, "") if answers else None
    returned = bool(counted and back and back["delivered"] and back["received_by"] == names(start.namespace))
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
            matched = look_up(namespace, last["device_in"] or "", last["source"], last["destination"])
            if matched is not None:
                why = self.compiled.nowhere.get((name, matched.table, matched.to))
                if why:
                    drop = why
                elif not matched.hops and not matched.local:
                    drop = Drop("no-such-pod", f"no pod of the node has {last['destination']}")
        return {"at": last["at"], "reason": drop.reason, "detail": drop.detail}


def look_up(namespace: Namespace, device: str, source: str, destination: str) -> Route | None:
    """The route that a plan gives to a packet; rules in order, the longest prefix of the first table that has one."""
    to, sender = ipaddress.IPv4Address(destination), ipaddress.IPv4Address(source)
    rules = sorted(namespace.rules, key=lambda rule: rule.priority)
    for rule in [*rules, Rule(32766, 254)]:
        if rule.device and rule.device != device:
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
