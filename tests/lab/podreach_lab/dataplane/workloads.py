# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What answers inside the workloads: small HTTP servers of this process on sockets made in their namespaces.

A VM, at EC2 as well, answers on port 80: `/health` with OK, everything else with who it is and whom it sees. A pod
answers the same way on every TCP port that it listens on.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import socket
import typing as t

from aiohttp import web

from ..compute import health
from ..kubernetes.facts import ClusterFacts
from .compile import Compiled
from .fabric import Fabric
from .view import pod_namespace

VM_PORT = health.VM_PORT


@dataclasses.dataclass(frozen=True)
class Listener:
    """One place to answer at."""

    namespace: str
    address: str
    port: int


class Workloads:
    """Opens what is missing, closes what is gone."""

    def __init__(self) -> None:
        self._servers: dict[Listener, web.ServerRunner] = {}

    async def follow(self, fabric: Fabric, compiled: Compiled, facts: t.Mapping[str, ClusterFacts]) -> None:
        wanted = set(listeners(compiled, facts))
        for gone in set(self._servers) - wanted:
            await self._servers.pop(gone).cleanup()
        new = sorted(wanted - set(self._servers), key=lambda item: (item.namespace, item.port))
        await asyncio.gather(*(self._open(fabric, item) for item in new))

    async def close(self) -> None:
        for runner in self._servers.values():
            await runner.cleanup()
        self._servers.clear()

    async def _open(self, fabric: Fabric, place: Listener) -> None:
        reuse = ((socket.SOL_SOCKET, socket.SO_REUSEADDR, 1),)
        listening = await fabric.socket(
            place.namespace, socket.AF_INET, socket.SOCK_STREAM, bind=("0.0.0.0", place.port), options=reuse
        )
        listening.listen(128)
        listening.setblocking(False)
        runner = web.ServerRunner(web.Server(answerer(place.namespace), access_log=None), shutdown_timeout=0.1)
        await runner.setup()
        with contextlib.suppress(asyncio.CancelledError):
            await web.SockSite(runner, listening).start()
            self._servers[place] = runner


def listeners(compiled: Compiled, facts: t.Mapping[str, ClusterFacts]) -> t.Iterator[Listener]:
    for machine in compiled.machines.values():
        if not machine.cluster:
            yield Listener(machine.namespace, machine.cards[0].address, VM_PORT)
    for instance in compiled.instances:
        yield Listener(instance.namespace, instance.address, VM_PORT)
    for cluster in facts.values():
        for pod in cluster.pods:
            if pod.host_network:
                continue
            namespace = pod_namespace(cluster.cluster, pod.namespace, pod.name)
            if namespace in compiled.plan.namespaces:
                for port in pod.listens:
                    if port.protocol == "tcp":
                        yield Listener(namespace, pod.address, port.number)


def answerer(namespace: str) -> t.Callable[[web.BaseRequest], t.Awaitable[web.StreamResponse]]:
    """What the server in one namespace says."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/health":
            return web.Response(text="OK\n")
        assert request.transport is not None
        peer = request.transport.get_extra_info("peername")
        here = request.transport.get_extra_info("sockname")
        seen = {"served_by": namespace, "source": peer[0], "destination": f"{here[0]}:{here[1]}", "path": request.path}
        return web.Response(text=json.dumps(seen) + "\n", content_type="application/json")

    return answer
