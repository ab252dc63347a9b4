# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP server: one asyncio process on 127.0.0.1 that hands every request to its part of the lab."""

from __future__ import annotations

import asyncio
import json
import pathlib
import signal
import typing as t
import urllib.parse

from aiohttp import web

from . import admin, batch, compute, container, files
from .auth import Accounts, TokenRefusal
from .aws import front
from .aws.credentials import is_aws
from .clock import Clock
from .core import Lab, Reply, encode
from .dataplane.execution import ExecServer
from .dataplane.pod_exec import PodExec
from .dataplane.reconcile import DataPlane
from .halt import withheld
from .kubernetes.controllers import Controllers
from .kubernetes.service import Kubernetes
from .kubernetes.store import Store
from .state import State

Json = dict[str, t.Any]
HOST = "127.0.0.1"
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

SERVICES = (compute, container)
"""Importing them has registered their handlers."""


class Server:
    """A lab and the socket it listens on."""

    def __init__(self, lab: Lab, around: admin.Around) -> None:
        self.lab = lab
        self.around = around

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.headers.get("Host", "").rsplit(":", 1)[0] not in _LOOPBACK:
            # A page in some browser could otherwise reach the lab under a name of its own.
            return web.Response(status=403, text="The lab answers to loopback names only.\n")
        raw = await request.read()
        api = not request.path.startswith("/_lab/")
        if api and await withheld(self.lab, request):
            return web.Response(status=500)
        reply = await self.answer(request.method, request.raw_path, request.headers, raw)
        if api and await withheld(self.lab, request):
            return web.Response(status=500)
        if reply.delay:
            await asyncio.sleep(min(reply.delay, 300))
        if reply.dropped:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)
        headers = {"Content-Type": reply.content_type} | reply.headers
        return web.Response(status=reply.status, body=reply.body, headers=headers)

    async def answer(self, http_method: str, target: str, headers: t.Mapping[str, str], raw: bytes) -> Reply:
        path = target.partition("?")[0]
        if is_aws(headers):
            return await front.answer(self.lab, http_method, target, headers, raw)
        if path.startswith(("/compute/v1/", "/v1/")):
            return await self.lab.call(http_method, target, headers, raw)
        if path.startswith("/_lab/"):
            return await admin.answer(self.lab, http_method, target, raw, self.around)
        if path == "/batch/compute/v1" and http_method == "POST":
            return await batch.answer(self.lab, headers, raw)
        if path == "/token" and http_method == "POST":
            return self.token(raw, headers)
        if path == "/" or path.startswith("/computeMetadata/v1"):
            return self.metadata(target, headers)
        return Reply(404, encode({"error": {"code": 404, "message": f"The lab serves nothing at {path}."}}))

    def token(self, raw: bytes, headers: t.Mapping[str, str]) -> Reply:
        text = raw.decode("utf-8", "replace")
        try:
            if "json" in headers.get("Content-Type", ""):
                form = {str(key): str(value) for key, value in json.loads(text).items()}
            else:
                form = dict(urllib.parse.parse_qsl(text))
            return Reply(200, encode(self.lab.accounts.exchange(form)))
        except TokenRefusal as refusal:
            return Reply(400, encode(refusal.body))
        except (ValueError, AttributeError):
            return Reply(400, encode({"error": "invalid_request", "error_description": "Malformed body."}))

    def metadata(self, target: str, headers: t.Mapping[str, str]) -> Reply:
        flavor = {"Metadata-Flavor": "Google", "Server": "Metadata Server for VM"}
        path, _separator, query = target.partition("?")
        if path == "/":
            return Reply(200, b"computeMetadata/\n", flavor, "application/text")
        if headers.get("Metadata-Flavor") != "Google":
            return Reply(403, b"Missing Metadata-Flavor:Google header.\n", flavor, "text/html")
        recursive = urllib.parse.parse_qs(query).get("recursive", [""])[0].lower() == "true"
        inside = urllib.parse.unquote(path[len("/computeMetadata/v1") :])
        found = self.lab.accounts.metadata(inside, recursive, self.lab.state.projects)
        if found is None:
            return Reply(404, b"Not found\n", flavor, "text/html")
        return Reply(200, found[0].encode(), flavor, found[1])


def follow_cluster(lab: Lab, around: admin.Around, path: str, store: Store | None) -> None:
    """A cluster that became ready gets controllers, which tell the data plane what to know; they go with it."""
    if store is not None:
        around.controllers[path] = Controllers(lab, path, store, around.plane.learn)
    elif path in around.controllers:
        around.controllers.pop(path).stop()
        around.plane.forget(path)


async def serve(directory: pathlib.Path, port: int, profile: str, scale: float, check_responses: bool) -> None:
    """Run until SIGTERM or SIGINT. Writes the directory's files once the port is open."""
    state = State(Clock(profile, scale))
    accounts = Accounts(lambda: state.clock.now().timestamp())
    lab = Lab(state, accounts, check_responses=check_responses)
    plane = DataPlane(state)
    around = admin.Around(directory, plane)
    server = Server(lab, around)
    runner = web.ServerRunner(web.Server(server.handle, access_log=None), shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, HOST, port, reuse_address=True)
    await site.start()
    assert runner.addresses
    around.port = int(runner.addresses[0][1])
    lab.accounts.token_uri = f"http://{HOST}:{around.port}/token"
    kubernetes = Kubernetes(lab, PodExec(plane))
    kubernetes.on_cluster(lambda path, store: follow_cluster(lab, around, path, store))
    await kubernetes.start()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    files.private_directory(directory)
    await plane.start(directory / files.LOG)
    commands = ExecServer(directory, plane.settled, around.questions.namespace)
    await commands.start()
    around.instance = files.write(directory, around.port, lab.accounts)
    await stop.wait()
    lab.operations.clear()
    await commands.close()
    await kubernetes.close()
    await plane.close()
    await runner.cleanup()
