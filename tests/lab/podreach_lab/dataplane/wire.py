# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the server, its child in the namespaces and `lab exec` talk: JSON with a length before it, and file descriptors.

Only what the child can afford to import: the standard library.
"""

from __future__ import annotations

import array
import collections
import json
import socket
import struct
import typing as t

Json = dict[str, t.Any]
LENGTH = struct.Struct("!I")
MOST_DESCRIPTORS = 16
BLOCK = 1 << 18
# libnftables uses select(), which knows no descriptor above 1023: those that stay open are kept out of its way.
FIRST_KEPT = 1024
FIRST_NAMESPACE = 1032
"""The worker holds namespace number N open as descriptor FIRST_NAMESPACE + N; links name their other end by it."""


def pack(message: Json, descriptors: t.Sequence[int] = ()) -> bytes:
    """A message as it is sent; its first bytes must travel together with the descriptors."""
    text = json.dumps({**message, "fds": len(descriptors)}).encode()
    return LENGTH.pack(len(text)) + text


def rights(descriptors: t.Sequence[int]) -> list[tuple[int, int, array.array[int]]]:
    """The ancillary data that hands descriptors over."""
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []


def send(link: socket.socket, message: Json, descriptors: t.Sequence[int] = ()) -> None:
    """Send over a blocking socket."""
    data = pack(message, descriptors)
    sent = link.sendmsg([data], rights(descriptors))
    if sent < len(data):
        link.sendall(data[sent:])  # with nothing left it would still fail where the other side has gone meanwhile


class Incoming:
    """Puts messages and their descriptors together again, in the order they came."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.descriptors: collections.deque[int] = collections.deque()

    def read(self, link: socket.socket) -> bool:
        """Take what has arrived; False at the end of the stream. Raises BlockingIOError where nothing has."""
        room = socket.CMSG_SPACE(MOST_DESCRIPTORS * struct.calcsize("i"))
        try:
            data, ancillary, flags, _address = link.recvmsg(BLOCK, room, socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError:
            return False
        for level, kind, payload in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                found = array.array("i")
                found.frombytes(payload[: len(payload) - len(payload) % found.itemsize])
                self.descriptors.extend(found)
        if flags & socket.MSG_CTRUNC:
            raise OSError("file descriptors were lost on the way: too many are open")
        self.data += data
        return bool(data)

    def messages(self) -> t.Iterator[tuple[Json, list[int]]]:
        """The complete messages so far, each with its descriptors."""
        while len(self.data) >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self.data)
            if len(self.data) < LENGTH.size + length:
                return
            message: Json = json.loads(self.data[LENGTH.size : LENGTH.size + length])
            del self.data[: LENGTH.size + length]
            yield message, [self.descriptors.popleft() for _number in range(message.pop("fds"))]
