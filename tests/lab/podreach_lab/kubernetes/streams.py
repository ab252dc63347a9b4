# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kubectl exec: a program in a container, its streams carried over a websocket.

Subprotocols v4.channel.k8s.io and v5.channel.k8s.io: the first byte of a message says which stream it belongs to;
https://github.com/kubernetes/kubernetes/tree/master/staging/src/k8s.io/streaming and
https://kubernetes.io/blog/2024/08/20/websockets-transition/. SPDY is not spoken; kubectl has preferred websockets
since 1.31.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import json
import os
import pty
import struct
import termios
import typing as t

from aiohttp import WSMsgType, web

Json = dict[str, t.Any]

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
CHUNK = 32 * 1024


class Executor(t.Protocol):
    """Runs programs in containers."""

    async def exec(
        self, pod: Json, container: str, argv: list[str], *, stdin: int, stdout: int, stderr: int, tty: bool
    ) -> int:
        """Run argv and return its exit code (128 + signal). The three are file descriptors that stay the caller's;
        with tty all three are the same terminal. When this is cancelled the program must be ended. A program that
        cannot be started at all: ExecError."""
        raise NotImplementedError


class ExecError(Exception):
    """The program could not be started; the text says why, in a container runtime's words."""


class Session:
    """One exec over one websocket."""

    def __init__(self, socket: web.WebSocketResponse, *, stdin: bool, stdout: bool, stderr: bool, tty: bool) -> None:
        self.socket = socket
        self.wants = {STDIN: stdin, STDOUT: stdout, STDERR: stderr and not tty}
        self.tty = tty
        self._to_child = -1
        self._open: set[int] = set()

    async def run(self, executor: Executor, pod: Json, container: str, argv: list[str]) -> None:
        """Run the program, carry its streams, report its end."""
        try:
            child, outputs = self._pipes()
            task = asyncio.ensure_future(
                executor.exec(pod, container, argv, stdin=child[0], stdout=child[1], stderr=child[2], tty=self.tty)
            )
            pumps = [asyncio.ensure_future(self._pump(fd, channel)) for fd, channel in outputs]
            reader = asyncio.ensure_future(self._read())
            try:
                await asyncio.wait({task, reader}, return_when=asyncio.FIRST_COMPLETED)
                if not task.done():
                    await self._abandon(task)
                    return
                for fd in set(child):
                    self._close(fd)
                if pumps:
                    await asyncio.wait(pumps, timeout=5)
                await self._report(task)
            finally:
                for one in (*pumps, reader, task):
                    one.cancel()
                await asyncio.gather(*pumps, reader, task, return_exceptions=True)
        finally:
            for fd in list(self._open):
                self._close(fd)

    async def _abandon(self, task: asyncio.Future[int]) -> None:
        """The client has gone: so must the program."""
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task

    async def _report(self, task: asyncio.Future[int]) -> None:
        try:
            status = ended(task.result())
        except ExecError as error:
            status = failure(f"Internal error occurred: {error}", "InternalError", 500)
        if self.socket.closed:
            return
        with contextlib.suppress(ConnectionError, RuntimeError):
            await self.socket.send_bytes(bytes([ERROR]) + json.dumps(status).encode())
            await self.socket.close()

    # ---- streams

    def _pipes(self) -> tuple[tuple[int, int, int], list[tuple[int, int]]]:
        """The child's three descriptors, and what to read from with the channel that it goes to."""
        if self.tty:
            master, slave = pty.openpty()
            self._open |= {master, slave}
            os.set_blocking(master, False)
            self._to_child = master
            return (slave, slave, slave), [(master, STDOUT)]
        ends: list[int] = []
        outputs: list[tuple[int, int]] = []
        for channel in (STDIN, STDOUT, STDERR):
            if not self.wants[channel]:
                fd = os.open(os.devnull, os.O_RDWR)
                self._open.add(fd)
                ends.append(fd)
                continue
            read_end, write_end = os.pipe()
            self._open |= {read_end, write_end}
            ours, theirs = (write_end, read_end) if channel == STDIN else (read_end, write_end)
            os.set_blocking(ours, False)
            ends.append(theirs)
            if channel == STDIN:
                self._to_child = ours
            else:
                outputs.append((ours, channel))
        return (ends[0], ends[1], ends[2]), outputs

    def _close(self, fd: int) -> None:
        if fd in self._open:
            self._open.remove(fd)
            loop = asyncio.get_running_loop()
            loop.remove_reader(fd)
            loop.remove_writer(fd)
            os.close(fd)

    async def _ready(self, fd: int, *, write: bool) -> None:
        loop = asyncio.get_running_loop()
        ready = loop.create_future()

        def wake() -> None:
            if not ready.done():
                ready.set_result(None)

        (loop.add_writer if write else loop.add_reader)(fd, wake)
        try:
            await ready
        finally:
            (loop.remove_writer if write else loop.remove_reader)(fd)

    async def _pump(self, fd: int, channel: int) -> None:
        """From the program to the client, until the program has closed its end."""
        while True:
            await self._ready(fd, write=False)
            try:
                data = os.read(fd, CHUNK)
            except BlockingIOError:
                continue
            except OSError as error:
                if error.errno == errno.EIO:  # a terminal whose last user has gone
                    return
                raise
            if not data:
                return
            await self.socket.send_bytes(bytes([channel]) + data)

    async def _read(self) -> None:
        """From the client to the program, until the client goes."""
        async for message in self.socket:
            if message.type == WSMsgType.TEXT:
                data = message.data.encode()
            elif message.type == WSMsgType.BINARY:
                data = message.data
            else:
                continue
            if not data:
                continue
            channel, rest = data[0], data[1:]
            if channel == STDIN and rest:
                await self._feed(rest)
            elif channel == RESIZE:
                self._resize(rest)
            elif channel == CLOSE and rest[:1] == bytes([STDIN]):
                self._end_of_input()

    async def _feed(self, data: bytes) -> None:
        while data and self._to_child in self._open:
            try:
                data = data[os.write(self._to_child, data) :]
            except BlockingIOError:
                await self._ready(self._to_child, write=True)
            except OSError:
                self._end_of_input()

    def _end_of_input(self) -> None:
        if self._to_child in self._open and not self.tty:
            self._close(self._to_child)

    def _resize(self, data: bytes) -> None:
        if not self.tty or self._to_child not in self._open:
            return
        with contextlib.suppress(ValueError, KeyError, TypeError, struct.error, OSError):
            size = json.loads(data)
            packed = struct.pack("HHHH", int(size["Height"]), int(size["Width"]), 0, 0)
            fcntl.ioctl(self._to_child, termios.TIOCSWINSZ, packed)


def ended(code: int) -> Json:
    """The Status that says how a program ended."""
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    status = failure(f"command terminated with non-zero exit code: exit status {code}", "NonZeroExitCode", 0)
    del status["code"]
    status["details"] = {"causes": [{"reason": "ExitCode", "message": str(code)}]}
    return status


def failure(message: str, reason: str, code: int) -> Json:
    return {"metadata": {}, "status": "Failure", "message": message, "reason": reason, "code": code}


def is_upgrade(headers: t.Mapping[str, str]) -> bool:
    return "upgrade" in headers.get("Connection", "").lower() and headers.get("Upgrade", "").lower() == "websocket"
