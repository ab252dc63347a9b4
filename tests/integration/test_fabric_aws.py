# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real packets through both clouds, where tunnels and BGP are as a test says.

Where the machine can't, the tests fail with the reason, unless PODREACH_NO_PACKETS is set.
"""

from __future__ import annotations

import asyncio
import collections.abc
import os
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane import packets
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane.fabric import Fabric, Unavailable
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane.taps import Taps
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane.trace import trace
from ansible_collections.podreach.gke.tests.unit.lab.hybrid import Hybrid, hybrid

SECONDS = 30
VM, EC2 = "instance projects/p/zones/asia-northeast1-a/instances/vm", "ec2 i-1"
ADDRESSES = {VM: "10.1.0.9", EC2: "10.0.1.7", "ec2 i-2": "10.0.1.8", "ec2 i-3": "10.0.2.7"}
Json = dict[str, t.Any]


@pytest.fixture(scope="module", autouse=True)
def possible() -> None:
    async def attempt() -> None:
        await (await Fabric.start()).close()

    try:
        asyncio.run(attempt())
    except Unavailable as error:
        if os.environ.get("PODREACH_NO_PACKETS"):
            pytest.skip(str(error))
        pytest.fail(f"{error} (PODREACH_NO_PACKETS=1 skips these tests)")


class World:
    """A fabric that follows an estate."""

    def __init__(self, fabric: Fabric, estate: Hybrid) -> None:
        self.fabric = fabric
        self.estate = estate
        self.taps = Taps()

    async def apply(self) -> None:
        self.compiled = self.estate.compiled()
        await self.fabric.apply(self.compiled.plan)

    async def trace(self, start: str, to: str, protocol: str = "icmp", port: int = 0, length: int = 0) -> Json:
        flow = packets.Flow(ADDRESSES[start], to, protocol, port, 0, length)
        return await trace(self.fabric, self.taps, self.compiled, start, flow, str)


def with_world(estate: Hybrid, body: t.Callable[[World], collections.abc.Awaitable[None]]) -> None:
    async def run() -> None:
        fabric = await Fabric.start()
        world = World(fabric, estate)
        try:
            await world.apply()
            await asyncio.wait_for(body(world), SECONDS)
        finally:
            world.taps.close()
            await fabric.close()

    asyncio.run(run())


def test_there_and_back_over_the_tunnels() -> None:
    async def body(world: World) -> None:
        found = await world.trace(VM, "10.0.1.7")
        assert found["verdict"] == "reachable", found
        there = ["vpc vpc-1", "vgw vgw-1", "router projects/p/regions/asia-northeast1/routers/r1"]
        assert [hop["at"] for hop in found["reply"]["hops"]] == [
            EC2,
            *there,
            "network projects/p/global/networks/n1",
            VM,
        ]
        assert found["reply"]["hops"][-1]["ttl"] == 63
        back = await world.trace(EC2, "10.1.0.9", "tcp", 80)
        assert (back["verdict"], back["answer"]) == ("reachable", "rst"), back

    with_world(hybrid(), body)
