# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`lab exec`: the server's side. A socket in the lab's directory takes a command and the descriptors it is to use.

Whoever may open the socket may run programs in the lab's namespaces; it is the owner's alone, as is the directory.
The messages are those of wire.py. First {"name", "argv", "env", "tty"} with stdin, stdout and stderr; the answer is
{"pid"} or {"error", "exit"}. Then {"signal"} any number of times, and from the server once {"exit"}.
"""

from __future__ import annotations

import asyncio
import collections.abc
import contextlib
import errno
import os
import pathlib
import signal
import socket
import typing as t

from . import wire
from .capability import Unavailable
from .fabric import Fabric, FabricDied

SOCKET = "exec.sock"
# The exit codes of docker and of shells.
LAB_FAILED, CANNOT_RUN, NOT_FOUND = 125, 126, 127
GRACE_SECONDS = 2.0
"""Real time, not the lab's: how long a program may take to end when its caller is gone."""


@contextlib.contextmanager
def address(directory: pathlib.Path) -> t.Iterator[str]:
    """The socket's address, whatever the length of the path: the kernel takes no more than 107 characters."""
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET}"
    finally:
        os.close(descriptor)


class Channel:
    """Messages over a socket, for asyncio."""

    def __init__(self, link: socket.socket) -> None:
        link.setblocking(False)
        self.link = link
        self.incoming = wire.Incoming()

    async def receive(self) -> tuple[wire.Json, list[int]] | None:
        """The next message; None at the end."""
        loop = asyncio.get_running_loop()
        while True:
            for message in self.incoming.messages():
                return message
            try:
                if not self.incoming.read(self.link):
                    return None
            except BlockingIOError:
                readable = asyncio.Event()
                loop.add_reader(self.link, readable.set)
                try:
                    await readable.wait()
                finally:
                    loop.remove_reader(self.link)

    async def send(self, message: wire.Json) -> None:
        await asyncio.get_running_loop().sock_sendall(self.link, wire.pack(message))


class ExecServer:
    """Listens until it is closed."""

    def __init__(
        self,
        directory: pathlib.Path,
        fabric: collections.abc.Callable[[], collections.abc.Awaitable[Fabric]],
        resolve: collections.abc.Callable[[str], str],
    ) -> None:
        """`fabric` waits until packets follow the state and answers the Fabric, or raises Unavailable; `resolve` makes
        a namespace's name of what the user typed, or raises LookupError with a sentence."""
        self.directory = directory
        self.fabric = fabric
        self.resolve = resolve
        self.tasks: set[asyncio.Task[None]] = set()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.setblocking(False)

    async def start(self) -> None:
        (self.directory / SOCKET).unlink(missing_ok=True)
        with address(self.directory) as path:
            # Before bind: so nobody else can open it at any moment.
            os.fchmod(self.listener.fileno(), 0o600)
            self.listener.bind(path)
        self.listener.listen(64)
        self.keep(self.accept())

    async def close(self) -> None:
        """Programs that run by it are ended."""
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.listener.close()
        (self.directory / SOCKET).unlink(missing_ok=True)

    def keep(self, work: collections.abc.Coroutine[t.Any, t.Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def accept(self) -> None:
        while True:
            link, _address = await asyncio.get_running_loop().sock_accept(self.listener)
            self.keep(self.handle(link))

    async def handle(self, link: socket.socket) -> None:
        with link:
            channel = Channel(link)
            try:
                received = await channel.receive()
                if received:
                    await self.execute(channel, *received)
            except OSError:
                pass  # the caller is gone

    async def execute(self, channel: Channel, request: wire.Json, descriptors: list[int]) -> None:
        try:
            stdin, stdout, stderr = descriptors
            fabric = await self.fabric()
            running = await fabric.run(
                self.resolve(str(request["name"])),
                [str(word) for word in request["argv"]],
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env={"HOME": "/tmp", **request.get("env", {})},
                tty=bool(request.get("tty")),
            )
        except OSError as error:
            code = NOT_FOUND if error.errno == errno.ENOENT else CANNOT_RUN
            await channel.send({"error": error.strerror or str(error), "exit": code})
            return
        except (LookupError, ValueError, Unavailable, FabricDied) as error:
            text = str(error.args[0]) if error.args else str(error)
            await channel.send({"error": str(error) if isinstance(error, Unavailable) else text, "exit": LAB_FAILED})
            return
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        try:
            await channel.send({"pid": running.process})
            signals = asyncio.ensure_future(self.signals(channel, running.kill))
            ended = asyncio.ensure_future(running.wait())
            await asyncio.wait([signals, ended], return_when=asyncio.FIRST_COMPLETED)
            signals.cancel()
            if ended.done():
                await channel.send({"exit": ended.result()})
            else:
                await running.kill(signal.SIGHUP)
                await asyncio.wait([ended], timeout=GRACE_SECONDS)
        finally:
            with contextlib.suppress(FabricDied):
                await running.kill(signal.SIGKILL)

    @staticmethod
    async def signals(channel: Channel, kill: collections.abc.Callable[[int], collections.abc.Awaitable[None]]) -> None:
        """Pass signals on until the caller is gone."""
        while received := await channel.receive():
            message, descriptors = received
            for descriptor in descriptors:
                os.close(descriptor)
            await kill(int(message["signal"]))
