# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watching packets, and sending them, where they are: AF_PACKET and raw sockets of this process in the namespaces.

Both are kept from one question to the next, since the kernel takes its time to close a tap. One that nobody looks at
has a filter that lets nothing through.
"""

from __future__ import annotations

import asyncio
import collections.abc
import contextlib
import ctypes
import dataclasses
import select
import socket
import struct
import time
import typing as t

from . import packets
from .fabric import Fabric

Program = t.Sequence[tuple[int, int, int, int]]

SO_ATTACH_FILTER, SO_TIMESTAMPNS = 26, 35
PACKET_OUTGOING = 4
ETH_P_ALL, ETH_P_IP = 3, 0x0800
QUIET = 0.03
"""Seconds without a packet after which nothing more is expected; all hops are on this machine."""
LONGEST = 2.0
STAMPING = 0.02
FEWEST = 54
"""The TTL below which a probe of many is not looked at: packets that circle until it ends would fill the taps."""
# Programs of linux/filter.h. INCOMING: load the byte at 8 of the IP header (TTL), refuse less than FEWEST; load the
# packet's type, refuse what goes out; accept.
EVERYTHING: Program = ((0x06, 0, 0, 0xFFFF),)
NOTHING: Program = ((0x06, 0, 0, 0),)
INCOMING: Program = (
    (0x30, 0, 0, 8),
    (0x35, 0, 3, FEWEST),
    (0x30, 0, 0, 0x100000000 - 0x1000 + 4),
    (0x15, 1, 0, PACKET_OUTGOING),
    (0x06, 0, 0, 0xFFFF),
    (0x06, 0, 0, 0),
)


@dataclasses.dataclass(frozen=True)
class Sighting:
    """A packet passing an interface of a namespace."""

    when: int
    namespace: str
    device: str
    out: bool
    seen: packets.Seen


class Taps:
    """Captures in the namespaces of one fabric, and the sockets to send from there."""

    def __init__(self) -> None:
        self._taps: dict[str, socket.socket] = {}
        self._raws: dict[str, socket.socket] = {}

    def forget(self, namespaces: t.Iterable[str]) -> None:
        """They are gone, or another will have the name. Closing waits for the kernel, so a thread does it."""
        for name in namespaces:
            if raw := self._raws.pop(name, None):
                raw.close()
            if tap := self._taps.pop(name, None):
                asyncio.get_running_loop().run_in_executor(None, tap.close)

    def close(self) -> None:
        for made in (*self._taps.values(), *self._raws.values()):
            made.close()
        self._taps.clear()
        self._raws.clear()

    async def _open(self, fabric: Fabric, namespaces: t.Iterable[str]) -> None:
        options = ((socket.SOL_SOCKET, SO_TIMESTAMPNS, 1), (socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20))
        new = [name for name in namespaces if name not in self._taps]
        first = not self._taps
        made = await asyncio.gather(
            *(
                fabric.socket(name, socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL), options=options)
                for name in new
            )
        )
        for name, tap in zip(new, made, strict=True):
            tap.setblocking(False)
            self._taps[name] = tap
        if first:  # the machine begins to stamp packets only a moment after somebody wants it to
            await asyncio.sleep(STAMPING)

    @contextlib.asynccontextmanager
    async def watch(
        self, fabric: Fabric, namespaces: t.Iterable[str], program: Program
    ) -> collections.abc.AsyncIterator[Watch]:
        """Look at what passes in these namespaces and a program accepts."""
        names = list(namespaces)
        await self._open(fabric, names)
        taps = {name: self._taps[name] for name in names}
        for tap in taps.values():
            empty(tap)
            attach(tap, program)
        try:
            yield Watch(taps)
        finally:
            for tap in taps.values():
                if tap.fileno() >= 0:
                    attach(tap, NOTHING)

    async def sender(self, fabric: Fabric, namespace: str) -> socket.socket:
        """A socket that sends whole packets from a namespace."""
        if namespace not in self._raws:
            made = await fabric.socket(namespace, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
            made.setblocking(False)
            self._raws[namespace] = made
        return self._raws[namespace]


class Watch:
    """What was seen since it began."""

    def __init__(self, taps: t.Mapping[str, socket.socket]) -> None:
        self._names = {tap.fileno(): (name, tap) for name, tap in taps.items()}
        self._poll = select.poll()
        for number in self._names:
            self._poll.register(number, select.POLLIN)
        self.seen: list[Sighting] = []

    def look(self) -> bool:
        """Take what has come, before it fills the sockets; whether there was something."""
        before = len(self.seen)
        for number, _events in self._poll.poll(0):
            name, tap = self._names[number]
            with contextlib.suppress(OSError):  # nothing more, or the namespace has gone
                while True:
                    data, extra, _flags, address = tap.recvmsg(2048, 128)
                    found = packets.read(data) if address[1] == ETH_P_IP else None
                    if found is not None:
                        out = address[2] == PACKET_OUTGOING
                        self.seen.append(Sighting(moment(extra), name, address[0], out, found))
        return len(self.seen) > before

    async def settle(self) -> list[Sighting]:
        """All that passes until it has been quiet for a moment, in order of time."""
        began = last = time.monotonic()
        while True:
            now = time.monotonic()
            if self.look():
                last = now
            if now - last > QUIET or now - began > LONGEST:
                return sorted(self.seen, key=lambda item: item.when)
            await asyncio.sleep(0.001)


def attach(tap: socket.socket, program: Program) -> None:
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


def empty(tap: socket.socket) -> None:
    """Throw away what came between two questions, while the filter was being changed."""
    with contextlib.suppress(BlockingIOError):
        while True:
            tap.recv(1)
