# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the kernel following the state: after every change compile, apply, and say so.

Changes come in bursts (a cluster is hundreds), so that one run covers all that happened before it. Whoever wants to
know whether packets follow already waits for `settled`.
"""

from __future__ import annotations

import asyncio
import pathlib
import sys
import traceback
import typing as t

from ..kubernetes.facts import ClusterFacts
from ..state import State
from ..wan.sessions import Bgp
from ..wan.speakers import speakers
from ..wan.tunnels import negotiate
from .compile import Compiled, compile_plan
from .fabric import ApplyError, Fabric, FabricDied, PlanError, Unavailable
from .plan import Plan
from .taps import Taps
from .workloads import Workloads

Json = dict[str, t.Any]
MISTAKES = (LookupError, TypeError, ValueError, AttributeError, AssertionError)
RETRY = 1.0
"""Seconds until what could not be applied is tried again."""
BGP_SECONDS = 15.0
"""How long whoever waits for the packets waits for BGP."""


class DataPlane:
    """The lab's packets. Without a fabric (`unavailable` says why) the control plane works as before."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.facts: dict[str, ClusterFacts] = {}
        self.fabric: Fabric | None = None
        self.unavailable: str | None = "The data plane has not been started."
        self.compiled = Compiled(Plan())
        self.failure: str | None = None
        self.changes = 0
        self.applied = -1
        self.workloads = Workloads()
        self.taps = Taps()
        self.bgp = Bgp(state)
        self._wake = asyncio.Event()
        self._reached = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._unwatch: list[t.Callable[[], None]] = []

    async def start(self, log: pathlib.Path | None = None) -> None:
        """Start the fabric if the machine can; `unavailable` is set if it can't."""
        try:
            self.fabric = await Fabric.start(log)
        except Unavailable as error:
            self.unavailable = str(error)
            return
        self.unavailable = None
        self.fabric.on_death = self._died
        self._unwatch = [self.state.watch(lambda change: self.touch()), self.state.watch_outside(self.touch)]
        self._task = asyncio.get_running_loop().create_task(self._follow())
        self.touch()

    async def close(self) -> None:
        for unwatch in self._unwatch:
            unwatch()
        if self._task:
            self._task.cancel()
        await self.bgp.close()
        await self.workloads.close()
        self.taps.close()
        if self.fabric:
            await self.fabric.close()
            self.fabric = None

    def touch(self) -> None:
        """Something changed that packets may follow."""
        self.changes += 1
        self._wake.set()

    def learn(self, facts: ClusterFacts) -> None:
        """What a cluster's Kubernetes says now."""
        self.facts[facts.cluster] = facts
        self.touch()

    def forget(self, cluster: str) -> None:
        self.facts.pop(cluster, None)
        self.touch()

    async def settled(self) -> Fabric:
        """Wait until the packets follow everything that has happened up to now, and what BGP makes of it."""
        fabric = await self._followed()
        try:
            async with asyncio.timeout(BGP_SECONDS):
                while self.bgp.waiting():
                    await self.bgp.changed()
                    fabric = await self._followed()
        except TimeoutError:
            waited = "; ".join(self.bgp.waiting())
            raise Unavailable(f"BGP has not settled in {BGP_SECONDS:.0f} seconds: {waited}.", "") from None
        return fabric

    async def _followed(self) -> Fabric:
        wanted = self.changes
        async with self._reached:
            await self._reached.wait_for(lambda: self.applied >= wanted or self.unavailable or self.failure)
        if self.unavailable or self.fabric is None:
            raise Unavailable(self.unavailable or "The data plane has been closed.", "")
        if self.applied < wanted:
            raise Unavailable(f"The kernel did not take the latest change: {self.failure}", "")
        return self.fabric

    def status(self) -> Json:
        return {
            "available": self.unavailable is None,
            "reason": self.unavailable or self.failure,
            "settled": self.applied >= self.changes,
            "applied_revision": max(self.applied, 0),
            "namespaces": len(self.compiled.plan.namespaces),
            "bgp": self.bgp.status(),
        }

    async def _follow(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            number = self.changes
            try:
                await self._apply()
            except FabricDied:
                return
            except (ApplyError, PlanError) as error:
                await self._stumble(str(error))
            except MISTAKES as error:  # the lab's own mistake: say so, keep the packets of before, try again
                traceback.print_exc(file=sys.stderr)
                await self._stumble(f"{type(error).__name__}: {error}")
            else:
                async with self._reached:
                    self.failure, self.applied = None, number
                    self._reached.notify_all()

    async def _apply(self) -> None:
        assert self.fabric is not None
        negotiated = negotiate(self.state)
        said = speakers(self.state, negotiated)
        compiled = compile_plan(self.state, self.facts)
        self.taps.forget(self.compiled.plan.namespaces.keys() - compiled.plan.namespaces.keys())
        await self.bgp.release(compiled.plan.namespaces)
        await self.fabric.apply(compiled.plan)
        self.compiled = compiled
        await self.workloads.follow(self.fabric, compiled, self.facts)
        await self.bgp.follow(self.fabric, said, negotiated)

    async def _stumble(self, why: str) -> None:
        print(f"The data plane did not follow: {why}", file=sys.stderr, flush=True)
        async with self._reached:
            self.failure = why
            self._reached.notify_all()
        asyncio.get_running_loop().call_later(RETRY, self._wake.set)

    def _died(self) -> None:
        self.unavailable = "The process that held the namespaces has ended."
        self.fabric = None

        async def tell() -> None:
            async with self._reached:
                self._reached.notify_all()

        asyncio.get_running_loop().create_task(tell())
