# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the kernel hold a Plan, and lets the server run programs and open sockets in its namespaces.

One child process (worker.py), in user, mount, pid and network namespaces of its own, holds everything. It ends when
this process ends, however that happens, and the kernel takes back the rest. No root is needed.
"""

from __future__ import annotations

import asyncio
import base64
import collections.abc
import dataclasses
import errno
import fcntl
import importlib
import itertools
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
import typing as t

from . import changes, ttl, wire
from .capability import Unavailable, check, refused
from .changes import Change, Held, PlanError
from .plan import End, Link, Namespace, Plan, Route, Rule

__all__ = ["Applied", "ApplyError", "Fabric", "FabricDied", "Failure", "PlanError", "Running", "Unavailable"]

PACKAGE = pathlib.Path(__file__).resolve().parent.parent
START_SECONDS = 15.0
END_SECONDS = 5.0
STEPS_AT_ONCE = 100
IN_A_THREAD = 100
"""So many changes take long enough to encode that the event loop should not wait for it."""

# What a deletion says when there is nothing left to delete, and an addition when it is there already.
DONE_ALREADY = {
    "delete link": errno.ENODEV,
    "delete route": errno.ESRCH,
    "delete address": errno.EADDRNOTAVAIL,
    "add rule": errno.EEXIST,
    "delete rule": errno.ENOENT,
}
BY_NETLINK = {
    "create link",
    "link up",
    "loopback up",
    "add address",
    "delete address",
    "set route",
    "delete route",
    "add rule",
    "delete rule",
}
TRIAL = """
table ip trial {
    counter seen { }
    chain filter { type filter hook forward priority 0; ct state established accept; counter name seen drop; }
    chain after { type nat hook postrouting priority 100; fib daddr type != local masquerade; }
    chain before { type nat hook prerouting priority -100; tcp dport 1 dnat to 10.0.0.1:2; }
}
"""


@dataclasses.dataclass(frozen=True)
class Failure:
    """What could not be done in which namespace, and what the kernel said."""

    namespace: str
    item: str
    reason: str

    def __str__(self) -> str:
        return f"{self.namespace}: {self.item}: {self.reason}"


class ApplyError(Exception):
    """Some of a Plan could not be made; the rest was, and the next `apply` tries again what is missing."""

    def __init__(self, failures: list[Failure]) -> None:
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        super().__init__(f"{failures[0]}{more}")
        self.failures = failures
        self.namespace = failures[0].namespace
        self.item = failures[0].item


class FabricDied(Exception):
    """The child process has ended."""


@dataclasses.dataclass(frozen=True)
class Applied:
    """How much was done, in how many seconds."""

    changes: int
    seconds: float


@dataclasses.dataclass
class Running:
    """A program in a namespace. `process` is its id there."""

    fabric: Fabric
    process: int
    ended: asyncio.Future[int]
    terminal: int | None = None

    async def wait(self) -> int:
        """Its exit code, or 128 + the signal that ended it."""
        return await asyncio.shield(self.ended)

    async def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to it and its process group. Nothing happens when it has ended."""
        if not self.ended.done():
            await self.fabric.request("kill", process=self.process, signal=int(number))

    def resize(self, rows: int, columns: int) -> None:
        """Tell a program with a terminal that the window has another size."""
        if self.terminal is not None:
            fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("=HHHH", rows, columns, 0, 0))

    def end(self, code: int) -> None:
        """It has ended."""
        if self.terminal is not None:
            os.close(self.terminal)
            self.terminal = None
        if not self.ended.done():
            self.ended.set_result(code)


@dataclasses.dataclass
class Step:
    """One step for the worker and the changes it stands for."""

    kind: str
    number: int
    argument: t.Any
    changes: list[Change]


class Fabric:
    """Namespaces, links and programs. Made by `start`; belongs to the event loop that made it."""

    def __init__(self, process: subprocess.Popen[bytes], link: socket.socket) -> None:
        self.on_death: collections.abc.Callable[[], None] | None = None
        self.process = process
        self.link = link
        self.held = Held()
        self.could_not: list[str] = []
        """What of the protection of the machine's files could not be set up."""
        self.loop = asyncio.get_running_loop()
        self.incoming = wire.Incoming()
        self.numbers = itertools.count(1)
        self.waiting: dict[int, asyncio.Future[tuple[wire.Json, list[int]]]] = {}
        self.running: dict[int, Running] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.applying = asyncio.Lock()
        self.sending = asyncio.Lock()
        self.alive = True
        self.closing = False
        self.first: asyncio.Future[wire.Json] = self.loop.create_future()
        self.loop.add_reader(link, self.read)

    # --- life

    @classmethod
    async def start(cls, log: pathlib.Path | None = None) -> Fabric:
        """Start the child. What it has to complain goes to `log`. Raises Unavailable when this machine can't.

        The child ends with the thread that started it, not only with the process: call this from one that lasts.
        """
        check()
        # Its tenth of a second passes while the child starts.
        loading = asyncio.create_task(asyncio.to_thread(importlib.import_module, ".messages", __package__))
        with open(log, "ab+") if log else tempfile.TemporaryFile() as complaints:
            begin = complaints.seek(0, os.SEEK_END)
            try:
                fabric = await cls.launch("-Urnpm", complaints)
            except Unavailable:
                if os.geteuid():
                    raise
                # Where user namespaces are forbidden, root needs none.
                complaints.seek(begin)
                complaints.truncate()
                fabric = await cls.launch("-npm", complaints)
        try:
            await loading
            await fabric.try_everything()
        except ApplyError as error:
            await fabric.close()
            raise refused(str(error)) from error
        except BaseException:
            await fabric.close()
            raise
        return fabric

    @classmethod
    async def launch(cls, namespaces: str, complaints: t.IO[bytes]) -> Fabric:
        begin = complaints.tell()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        command = ["unshare", namespaces, "--fork", "--kill-child"]
        command += [sys.executable, "-S", "-m", "podreach_lab.dataplane.worker", str(theirs.fileno())]
        if shutil.which("setpriv"):
            # The child notices our end by its socket; should it hang, its parent still goes with us.
            command = ["setpriv", "--pdeathsig", "KILL", *command]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONSTARTUP"}
        environment["PYTHONPATH"] = str(PACKAGE.parent)
        with theirs:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=complaints,
                stderr=complaints,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                env=environment,
            )
        fabric = cls(process, ours)
        try:
            hello = await asyncio.wait_for(asyncio.shield(fabric.first), START_SECONDS)
        except (FabricDied, TimeoutError) as error:
            await fabric.close()
            complaints.seek(begin)
            raise refused(complaints.read().decode(errors="replace")) from error
        except BaseException:
            await fabric.close()
            raise
        if "refused" in hello:
            await fabric.close()
            raise refused(hello["refused"])
        fabric.could_not = hello["could_not"]
        return fabric

    async def try_everything(self) -> None:
        """Make a bit of everything and take it away again: kernels are built differently."""
        link = Link(End("a", "ab"), End("b", "ba"))
        routes = frozenset({Route("10.0.0.0/8", (("ab", 1), ("lo", 2)), table=100), Route("10.0.0.0/9", ())})
        rules = frozenset({Rule(100, 100, "ab", "10.0.0.0/8"), Rule(101, 100, "ab", protocol="tcp", port=80)})
        first = Namespace(frozenset({("lo", "10.0.0.1/32")}), routes, rules, True, True, TRIAL)
        await self.apply(Plan({"a": first, "b": Namespace()}, frozenset({link})))
        await self.apply(Plan())

    async def close(self) -> None:
        """End the child and all that runs in it."""
        self.closing = True
        self.died()
        try:
            await asyncio.to_thread(self.process.wait, END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            await asyncio.to_thread(self.process.wait)

    def died(self) -> None:
        if not self.alive:
            return
        self.alive = False
        self.loop.remove_reader(self.link)
        self.link.close()
        waiting: list[asyncio.Future[t.Any]] = [self.first, *self.waiting.values()]
        for future in waiting:
            if not future.done():
                future.set_exception(FabricDied("the process that holds the namespaces has ended"))
        if self.first.done() and not self.first.cancelled():
            self.first.exception()  # looked at: nobody may be waiting for it
        self.waiting.clear()
        for running in list(self.running.values()):
            running.end(128 + signal.SIGKILL)
        self.running.clear()
        if not self.closing:
            # It may have failed rather than ended: nothing of it is to stay.
            self.process.kill()
            self.loop.run_in_executor(None, self.process.wait)
            if self.on_death:
                self.on_death()

    # --- messages

    def read(self) -> None:
        try:
            more = self.incoming.read(self.link)
        except BlockingIOError:
            return
        except OSError:
            more = False
        for message, descriptors in self.incoming.messages():
            self.receive(message, descriptors)
        if not more:
            self.died()

    def receive(self, message: wire.Json, descriptors: list[int]) -> None:
        if "exit" in message:
            running = self.running.pop(message["run"], None)
            if running:
                running.end(message["exit"])
        elif "id" in message:
            future = self.waiting.pop(message["id"], None)
            if future and not future.done():
                future.set_result((message, descriptors))
            else:
                for descriptor in descriptors:
                    os.close(descriptor)
        elif not self.first.done():
            self.first.set_result(message)

    async def ask(
        self, what: str, descriptors: t.Sequence[int] = (), **fields: t.Any
    ) -> asyncio.Future[tuple[wire.Json, list[int]]]:
        """Send a request; the answer comes in the future. Requests are carried out in the order they are sent."""
        async with self.sending:
            if not self.alive:
                raise FabricDied("the process that holds the namespaces has ended")
            number = next(self.numbers)
            future: asyncio.Future[tuple[wire.Json, list[int]]] = self.loop.create_future()
            self.waiting[number] = future
            data = wire.pack({"id": number, "do": what, **fields}, descriptors)
            try:
                sent = 0
                if descriptors:
                    sent = self.link.sendmsg([data], wire.rights(descriptors))
                await self.loop.sock_sendall(self.link, memoryview(data)[sent:])
            except OSError as error:
                self.died()
                raise FabricDied("the process that holds the namespaces has ended") from error
            return future

    async def request(self, what: str, descriptors: t.Sequence[int] = (), **fields: t.Any) -> wire.Json:
        answer, _none = await self.exchange(what, descriptors, **fields)
        return answer

    async def exchange(
        self, what: str, descriptors: t.Sequence[int] = (), **fields: t.Any
    ) -> tuple[wire.Json, list[int]]:
        answer, received = await (await self.ask(what, descriptors, **fields))
        if "error" in answer:
            raise OSError(answer["errno"], answer["error"])
        return answer, received

    def number(self, namespace: str) -> int:
        if namespace not in self.held.namespaces:
            raise LookupError(f"there is no namespace {namespace!r}")
        return self.held.number(namespace)

    # --- the plan

    async def apply(self, plan: Plan) -> Applied:
        """Make the kernel hold the plan; only what differs is touched.

        Raises PlanError before anything is done for a plan that contradicts itself, ApplyError when the kernel
        refuses something; all else is done then, and the next `apply` tries the rest again.
        """
        # Whoever gives up waiting leaves the work undisturbed: it must be known what was done.
        return await asyncio.shield(self.loop.create_task(self.apply_all(plan)))

    async def apply_all(self, plan: Plan) -> Applied:
        async with self.applying:
            began = time.monotonic()
            changes.check(plan)
            todo = changes.changes(self.held, plan)
            failures: list[Failure] = []
            answers = []
            steps = self.steps(todo, failures)
            while True:
                batch = (
                    await asyncio.to_thread(take, steps)
                    if len(todo) > IN_A_THREAD
                    else list(itertools.islice(steps, STEPS_AT_ONCE))
                )
                if not batch:
                    break
                argument = [(step.kind, step.number, step.argument) for step in batch]
                answers.append((batch, await self.ask("apply", steps=argument)))
            for batch, future in answers:
                answer, _none = await future
                self.learn(batch, answer, failures)
            if failures:
                raise ApplyError(failures)
            return Applied(len(todo), time.monotonic() - began)

    def steps(self, todo: list[Change], failures: list[Failure]) -> t.Iterator[Step]:
        """The changes as steps for the worker: neighbours that go by netlink in one namespace are sent together."""
        from . import messages  # not at the top: pyroute2 may be absent, and capability.check() says so

        for (way, name), group in itertools.groupby(todo, lambda change: (way_of(change), change.namespace)):
            number = self.held.number(name)
            if way == "step":
                yield from (self.step(number, change) for change in group)
                continue
            if way == "link running":
                waited = list(group)
                yield Step("running", number, [self.held.devices.get(change.item, 0) for change in waited], waited)
                continue
            encoded: list[bytes] = []
            sent: list[Change] = []
            for change in group:
                try:
                    encoded.append(messages.message(self.held, change, len(sent)))
                except (LookupError, ValueError, struct.error) as error:
                    failures.append(Failure(name, str(change), str(error)))
                    continue
                sent.append(change)
            if sent and way == "delete link":
                # Numbered beyond the changes: its failure is a failure of all of them.
                encoded.append(messages.delete_doomed_message(len(sent)))
            if sent:
                yield Step("netlink", number, base64.b64encode(b"".join(encoded)).decode(), sent)

    def step(self, number: int, change: Change) -> Step:
        if change.what == "create namespace":
            return Step("new", number, None, [change])
        if change.what == "delete namespace":
            return Step("close", number, None, [change])
        if change.what == "settings":
            forward = {"ipv4/ip_forward": "1" if change.item else "0"}
            there = self.held.namespaces.get(change.namespace)
            known = there is not None and there.settings is not None
            return Step("settings", number, forward if known else {**forward, **changes.SETTINGS}, [change])
        if change.what == "keep TTL":
            return Step("netfilter", number, base64.b64encode(ttl.keep(change.item)).decode(), [change])
        there = self.held.namespaces.get(change.namespace)
        return Step("nft", number, changes.replacement(there.nft if there else "", change.item), [change])

    def learn(self, batch: list[Step], answer: wire.Json, failures: list[Failure]) -> None:
        """Remember what was done and what was not."""
        if "error" in answer:
            failures += [Failure(step.changes[0].namespace, step.kind, answer["error"]) for step in batch]
            return
        failed: dict[int, dict[int | None, tuple[int, str]]] = {}
        for position, within, number, text in answer["failures"]:
            failed.setdefault(position, {})[within] = (number, text)
        for position, step in enumerate(batch):
            bad = failed.get(position, {})
            if len(step.changes) in bad:
                bad[None] = bad[len(step.changes)]
            for within, change in enumerate(step.changes):
                number, text = bad.get(within) or bad.get(None) or (0, "")
                if number and number != DONE_ALREADY.get(change.what):
                    reason = (
                        f"{os.strerror(number)}: {text}" if None not in bad and text else text or os.strerror(number)
                    )
                    failures.append(Failure(change.namespace, str(change), reason))
                else:
                    self.held.record(change)

    # --- what goes on inside

    async def run(
        self,
        namespace: str,
        argv: list[str],
        *,
        stdin: int,
        stdout: int,
        stderr: int,
        env: collections.abc.Mapping[str, str],
        cwd: str = "/",
        tty: bool = False,
    ) -> Running:
        """Start a program in a namespace with these descriptors, which stay the caller's.

        `tty`: stdin is a terminal, and it becomes the controlling terminal of the program's session.
        Raises LookupError for an unknown namespace, OSError (FileNotFoundError...) for a program that can't start.
        """
        number = self.number(namespace)
        task = self.loop.create_task(
            self.start_program(
                [os.dup(descriptor) for descriptor in (stdin, stdout, stderr)],
                tty,
                namespace=number,
                argv=argv,
                env=dict(env),
                cwd=cwd,
            )
        )
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(self.abandon)
            raise

    async def start_program(self, descriptors: list[int], tty: bool, **request: t.Any) -> Running:
        run = next(self.numbers)
        # Known before it runs: it may end before its start is reported.
        running = Running(self, 0, self.loop.create_future())
        self.running[run] = running
        try:
            if tty:
                running.terminal = os.dup(descriptors[0])
            answer = await self.request("run", descriptors, run=run, tty=tty, **request)
        except BaseException:
            self.running.pop(run, None)
            running.end(128 + signal.SIGKILL)
            raise
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        running.process = answer["process"]
        return running

    def abandon(self, task: asyncio.Task[Running]) -> None:
        """Nobody waits any more for a program that was being started."""
        if not task.cancelled() and task.exception() is None:
            self.tasks.add(kill := self.loop.create_task(task.result().kill()))
            kill.add_done_callback(self.tasks.discard)

    async def socket(
        self,
        namespace: str,
        family: int,
        kind: int,
        protocol: int = 0,
        bind: tuple[t.Any, ...] | None = None,
        options: collections.abc.Iterable[tuple[int, int, bytes | int]] = (),
        connect: str | None = None,
    ) -> socket.socket:
        """A socket of a namespace, for use here. It is bound in there if asked, and blocking as new sockets are.

        `connect`: a path that only those inside can see, for AF_UNIX.
        """
        _answer, descriptors = await self.exchange(
            "socket",
            namespace=self.number(namespace),
            family=int(family),
            kind=int(kind),
            protocol=protocol,
            bind=bind,
            connect=connect,
            options=[
                (level, name, value if isinstance(value, int) else base64.b64encode(value).decode())
                for level, name, value in options
            ],
        )
        return socket.socket(family, kind, protocol, fileno=descriptors[0])

    async def counters(self, namespaces: collections.abc.Iterable[str] | None = None) -> dict[str, dict[str, int]]:
        """The packets of the named nft counters, by namespace. A counter starts at 0 when its text is replaced."""
        names = (
            [name for name, held in self.held.namespaces.items() if held.nft]
            if namespaces is None
            else list(namespaces)
        )
        answer = await self.request("counters", namespaces=[self.number(name) for name in names])
        return dict(zip(names, answer["counters"], strict=True))


def way_of(change: Change) -> str:
    """Neighbours that go the same way are sent together; deletions of links are finished before anything else."""
    if change.what in ("delete link", "link running"):
        return change.what
    return "netlink" if change.what in BY_NETLINK else "step"


def take(steps: t.Iterator[Step]) -> list[Step]:
    return list(itertools.islice(steps, STEPS_AT_ONCE))
