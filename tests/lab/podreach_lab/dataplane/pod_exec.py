# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kubectl exec: a program in the namespace of a pod, or of its node where the pod uses the host's network."""

from __future__ import annotations

import asyncio
import errno
import signal
import typing as t

from ..kubernetes.streams import ExecError
from .capability import Unavailable
from .fabric import FabricDied, Running
from .reconcile import DataPlane
from .view import pod_namespace

Json = dict[str, t.Any]
ENVIRONMENT = {"HOME": "/tmp", "TERM": "xterm"}


class PodExec:
    """Runs programs in pods, as kubernetes.streams.Executor."""

    def __init__(self, plane: DataPlane) -> None:
        self.plane = plane

    async def exec(
        self, pod: Json, container: str, argv: list[str], *, stdin: int, stdout: int, stderr: int, tty: bool
    ) -> int:
        try:
            fabric = await self.plane.settled()
            environment = ENVIRONMENT | {"HOSTNAME": pod["metadata"]["name"]}
            running = await fabric.run(
                self.namespace(pod), argv, stdin=stdin, stdout=stdout, stderr=stderr, env=environment, tty=tty
            )
        except OSError as error:
            if error.errno == errno.ENOENT:
                raise ExecError(f'exec: "{argv[0]}": executable file not found in $PATH') from None
            raise ExecError(f'exec: "{argv[0]}": {error.strerror}') from None
        except (Unavailable, FabricDied, LookupError) as error:
            raise ExecError(f"error dialing backend: {error}") from None
        return await self.until_its_end(running)

    @staticmethod
    async def until_its_end(running: Running) -> int:
        try:
            return await running.wait()
        except asyncio.CancelledError:
            await running.kill(signal.SIGKILL)
            raise

    def namespace(self, pod: Json) -> str:
        uid = pod["metadata"]["uid"]
        for facts in self.plane.facts.values():
            for known in facts.pods:
                if known.uid == uid:
                    check_node(self.plane, known.node)
                    if known.host_network:
                        return f"instance {known.node}"
                    return pod_namespace(facts.cluster, known.namespace, known.name)
        raise LookupError(f"the pod {pod['metadata']['name']} does not run")


def check_node(plane: DataPlane, node: str) -> None:
    """Nobody enters the pods of a machine that does not answer. Raises LookupError."""
    machine = plane.compiled.machines.get(node)
    if machine is not None and machine.dead:
        raise LookupError(f"the node {machine.name} does not answer")
