# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One BIRD in a gateway's namespace: started, told its configuration, asked, and listened to.

It writes no file: its configuration is an anonymous file that is its standard input, its log a pipe. Every line of the
log may mean that something changed; `heard` is called then. Its control socket is in the /run that only the processes
of the namespaces see.
"""

from __future__ import annotations

import asyncio
import collections
import itertools
import os
import signal
import socket
import sys
import typing as t

from ..dataplane.fabric import Fabric, FabricDied, Running
from . import bird

CONFIGURATION = "/proc/self/fd/0"
SECONDS = 10.0
"""How long BIRD may take to start or to answer."""
LAST_LINES = 5
BLOCK = 1 << 16
NUMBERS = itertools.count(1)


class BirdError(Exception):
    """BIRD did not start, refused its configuration, or does not answer."""


class Daemon:
    """A running BIRD. Made by `start`."""

    def __init__(self, namespace: str, heard: t.Callable[[], None], ended: t.Callable[[Daemon, str], None]) -> None:
        self.namespace = namespace
        self.heard = heard
        self.ended = ended
        """Called when it ended by itself, with the last that it said."""
        self.text = ""
        self.ups: collections.Counter[str] = collections.Counter()
        """How often each session has come up, by its name in BIRD."""
        self.last: collections.deque[str] = collections.deque(maxlen=LAST_LINES)
        self.stopping = False
        self._path = f"/run/bird.{next(NUMBERS)}"
        self._file = os.memfd_create("bird.conf", os.MFD_CLOEXEC)
        self._log = -1
        self._rest = b""
        self._started = asyncio.Event()
        self._asking = asyncio.Lock()
        self._running: Running | None = None
        self._control: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._watch: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls,
        fabric: Fabric,
        namespace: str,
        text: str,
        heard: t.Callable[[], None],
        ended: t.Callable[[Daemon, str], None],
    ) -> Daemon:
        """Raises BirdError when it does not start, FileNotFoundError where there is none."""
        made = cls(namespace, heard, ended)
        try:
            async with asyncio.timeout(SECONDS):
                await made._launch(fabric, text)
        except TimeoutError:
            made.stopping = True
            await made.stop()
            raise BirdError(f"BIRD does not start: {made.said()}") from None
        except BaseException:
            made.stopping = True
            await made.stop()
            raise
        return made

    async def _launch(self, fabric: Fabric, text: str) -> None:
        self._write(text)
        log, theirs = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(log, False)
        self._log = log
        asyncio.get_running_loop().add_reader(log, self._read_log)
        command = ["bird", "-f", "-c", CONFIGURATION, "-s", self._path]
        try:
            with open(os.devnull, "r+b") as nothing:
                self._running = await fabric.run(
                    self.namespace, command, stdin=self._file, stdout=nothing.fileno(), stderr=theirs, env={}
                )
        finally:
            os.close(theirs)
        self._watch = asyncio.get_running_loop().create_task(self._wait(self._running))
        await self._started.wait()
        if self._running.ended.done():
            raise BirdError(f"BIRD does not start: {self.said()}")
        link = await fabric.socket(self.namespace, socket.AF_UNIX, socket.SOCK_STREAM, connect=self._path)
        link.setblocking(False)
        self._control = await asyncio.open_unix_connection(sock=link)
        await self._answer()

    async def stop(self) -> None:
        """End it; nothing is said to its peers."""
        self.stopping = True
        if self._running is not None:
            try:
                await self._running.kill(signal.SIGKILL)
            except (FabricDied, OSError):
                pass  # it has ended with the fabric, or by itself
        if self._watch is not None:
            self._watch.cancel()
        self._close()

    def _close(self) -> None:
        if self._control is not None:
            self._control[1].close()
            self._control = None
        for descriptor in (self._log, self._file):
            if descriptor >= 0:
                asyncio.get_running_loop().remove_reader(descriptor)
                os.close(descriptor)
        self._log = self._file = -1

    async def _wait(self, running: Running) -> None:
        code = await running.wait()
        self._started.set()
        if not self.stopping:
            self._read_log()
            self.ended(self, f"BIRD has ended ({code}): {self.said()}")

    # ---- what it says

    def said(self) -> str:
        return " / ".join(self.last) or "it said nothing"

    def _read_log(self) -> None:
        if self._log < 0:
            return
        try:
            data = os.read(self._log, BLOCK)
        except BlockingIOError:
            return
        if not data:
            asyncio.get_running_loop().remove_reader(self._log)
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            text = line.decode(errors="replace")
            self.last.append(text)
            if match := bird.CAME_UP.search(text):
                self.ups[match.group(1)] += 1
            if "<INFO> Started" in text:
                self._started.set()
            if "<ERR>" in text or "<FATAL>" in text or "<BUG>" in text:
                print(f"{self.namespace}: {text}", file=sys.stderr, flush=True)
        if lines and self._control is not None:
            self.heard()

    # ---- what it is told and asked

    def _write(self, text: str) -> None:
        self.text = text
        data = text.encode()
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, data, 0)

    async def configure(self, text: str) -> None:
        """Sessions whose part is as before go on undisturbed."""
        self._write(text)
        code, lines = await self.ask("configure")
        if code >= 8000:
            raise BirdError(f"BIRD refuses its configuration: {' '.join(lines)}")

    async def ask(self, command: str) -> tuple[int, list[str]]:
        """The code and the lines of its answer."""
        async with self._asking:
            if self._control is None:
                raise BirdError("BIRD has ended.")
            try:
                async with asyncio.timeout(SECONDS):
                    self._control[1].write(command.encode() + b"\n")
                    return await self._answer()
            except (TimeoutError, OSError) as error:
                raise BirdError(f"BIRD does not answer: {error}") from error

    async def _answer(self) -> tuple[int, list[str]]:
        """Lines begin with a code and a hyphen, or with a space; the last one has a code and a space."""
        assert self._control is not None
        reader = self._control[0]
        found = []
        while line := await reader.readline():
            text = line.decode(errors="replace").rstrip("\n")
            numbered = text[:4].isdigit()
            found.append(text[5:] if numbered else text[1:])
            if numbered and text[4:5] == " ":
                return int(text[:4]), found
        raise BirdError("BIRD has ended.")
