# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Kubernetes APIs of a lab: one for each cluster that is ready, over TLS at the cluster's endpoint.

    kubernetes = Kubernetes(lab, executor)
    kubernetes.on_cluster(lambda path, store: ...)   # store is None when the cluster goes
    await kubernetes.start()

Endpoints are reserved when a cluster is asked for, and answer once it is ready. They use port 443 where this user may
bind it, and otherwise one free port for all, which is then part of the endpoint.
"""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import socket
import sys
import time
import traceback
import typing as t

from aiohttp import web

from ..core import MISTAKES, Lab, Reply
from ..faults import ApiFault
from ..halt import withheld
from ..state import Change, Phase, Resource
from . import bootstrap, errors, streams
from .api import Api, Request, Target, choose_container, verb_of
from .errors import ApiError
from .store import Store
from .watching import Watch

Json = dict[str, t.Any]
OnCluster = t.Callable[[str, Store | None], None]

CLUSTER = "container#cluster"
HTTPS = 443
REQUEST_LIMIT = 8 * 1024 * 1024


@dataclasses.dataclass
class Cluster:
    """One API that runs."""

    path: str
    project: str
    store: Store
    api: Api
    server: web.Server
    listener: asyncio.Server | None = None
    opening: asyncio.Task[None] | None = None
    tasks: set[asyncio.Task[t.Any]] = dataclasses.field(default_factory=set)
    """Watches and programs that run: they end with the cluster."""


class Kubernetes:
    """All of a lab's Kubernetes APIs."""

    def __init__(self, lab: Lab, executor: streams.Executor | None = None, seed: int | None = None) -> None:
        self.lab = lab
        self.executor = executor
        self.seed = seed
        self.port = HTTPS
        self.running: dict[str, Cluster] = {}
        self._callbacks: list[OnCluster] = []
        self._sockets: dict[str, socket.socket] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._unwatch: t.Callable[[], None] = lambda: None

    @property
    def clusters(self) -> dict[str, Store]:
        """Stores by the paths of their clusters."""
        return {path: cluster.store for path, cluster in self.running.items()}

    def on_cluster(self, callback: OnCluster) -> None:
        """Be told of every cluster that becomes ready, at once of those that are, and with None of those that go."""
        self._callbacks.append(callback)
        for path, cluster in self.running.items():
            callback(path, cluster.store)

    # ---- life

    async def start(self) -> None:
        """Choose the port and follow the lab's clusters."""
        self.port = usable_port()
        self.lab.authority.reserve = self.reserve
        self._unwatch = self.lab.state.watch(self._changed)
        for resource in self.lab.state.of_kind(CLUSTER):
            self._follow(resource)

    async def close(self) -> None:
        """Stop all and wait until they have stopped."""
        self._unwatch()
        self.reset()
        if self._closing:
            await asyncio.wait(self._closing, timeout=2)

    def reset(self) -> None:
        """Stop all. Emptying the lab's state does the same, one after the other."""
        for path in list(self.running):
            self._stop(path)
        for held in self._sockets.values():
            held.close()
        self._sockets.clear()

    def reserve(self, address: str) -> str | None:
        """Take an address for a cluster's endpoint: what the endpoint is called, or None if another lab has it."""
        held = bind(address, self.port)
        if held is None:
            return None
        endpoint = address if self.port == HTTPS else f"{address}:{self.port}"
        self._sockets[endpoint] = held
        return endpoint

    def _changed(self, change: Change) -> None:
        if change.resource.kind != CLUSTER:
            return
        if change.verb == "removed":
            self._stop(change.resource.path)
            held = self._sockets.pop(endpoint_of(change.resource), None)
            if held is not None:
                held.close()
        else:
            self._follow(change.resource)

    def _follow(self, resource: Resource) -> None:
        failed = resource.body.get("status") == "ERROR"  # it was never created
        if resource.phase is Phase.READY and not failed and resource.path not in self.running:
            self._open(resource)

    def _open(self, resource: Resource) -> None:
        certificate = self.lab.authority.certificate_pem()
        store = bootstrap.make(self.lab.state.clock, resource.body, certificate, self.seed)
        endpoint = endpoint_of(resource)
        host, _separator, port = endpoint.partition(":")
        version = str(resource.body.get("currentMasterVersion", "1.35.0"))
        api = Api(store, version, f"{host}:{port or HTTPS}")
        server = web.Server(lambda request: self.handle(cluster, request), request_factory=_request, access_log=None)
        cluster = Cluster(resource.path, resource.project, store, api, server)
        self.running[resource.path] = cluster
        held = self._sockets.get(endpoint)
        if held is not None:
            held.listen(128)
            cluster.opening = asyncio.get_running_loop().create_task(self._listen(cluster, held, host))
        for callback in list(self._callbacks):
            callback(resource.path, store)

    async def _listen(self, cluster: Cluster, held: socket.socket, host: str) -> None:
        context = self.lab.authority.server_context(host)
        loop = asyncio.get_running_loop()
        cluster.listener = await loop.create_server(cluster.server, sock=held, ssl=context)

    def _stop(self, path: str) -> None:
        cluster = self.running.pop(path, None)
        if cluster is None:
            return
        for callback in list(self._callbacks):
            callback(path, None)
        if cluster.opening is not None:
            cluster.opening.cancel()
        if cluster.listener is not None:
            cluster.listener.close()
        for task in list(cluster.tasks):
            task.cancel()
        closing = asyncio.get_running_loop().create_task(cluster.server.shutdown(1.0))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    # ---- requests

    async def handle(self, cluster: Cluster, request: web.BaseRequest) -> web.StreamResponse:
        """One request to one cluster: who asks, injected faults, the answer, the log."""
        began = time.perf_counter()
        path, _separator, query = request.raw_path.partition("?")
        entry: Json = {"method": request.method, "path": path, "query": query, "caller": "", "method_id": ""}
        raw = await request.read()
        if await withheld(self.lab, request):
            return web.Response(status=500)
        entry |= {"cluster": cluster.path, "mutating": False}
        entry |= describe(cluster, Request.of(request.method, request.raw_path, request.headers, raw))
        fault = self.lab.injected(request.method, path)
        try:
            before = fault is not None and fault.when == "before"
            answer = None if before else await self._answer(cluster, request, raw, entry, began)
            if isinstance(answer, web.StreamResponse):
                return answer
        except MISTAKES as error:  # say so on the wire and in lab.log, and go on serving
            traceback.print_exc(file=sys.stderr)
            answer = Api.refuse(errors.internal(f"the lab failed: {type(error).__name__}: {error}"))
        if answer is None or fault is not None:
            assert fault is not None
            answer = Api.refuse(ApiError(fault.status, fault.reason or REASONS.get(fault.status, ""), fault.message))
            answer.headers |= fault.headers
            answer.delay, answer.dropped = fault.delay, fault.drop
        self.lab.record(entry, answer.status, began)
        if await withheld(self.lab, request):
            return web.Response(status=500)
        if answer.delay:
            await asyncio.sleep(min(answer.delay, 300))
        if answer.dropped:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)
        headers = {"Content-Type": answer.content_type, "Cache-Control": "no-cache, private"} | answer.headers
        return web.Response(status=answer.status, body=answer.body, headers=headers)

    async def _answer(
        self, cluster: Cluster, incoming: web.BaseRequest, raw: bytes, entry: Json, began: float
    ) -> Reply | web.StreamResponse:
        try:
            caller = self.lab.accounts.caller(incoming.headers)
        except ApiFault:
            return Api.refuse(errors.unauthorized())
        entry["caller"] = caller.email
        entry |= self.lab.recorded(incoming.headers, raw)
        request = Request.of(incoming.method, incoming.raw_path, incoming.headers, raw, caller.email)
        request = dataclasses.replace(request, allowed=caller.may_use(cluster.project))
        try:
            target = cluster.api.route(request.path)
            if target is not None and verb_of(request, target) == "watch":
                return await self._watch(cluster, incoming, request, target, entry, began)
            if target is not None and (target.kind.key, target.subresource) == ("pods", "exec"):
                return await self._exec(cluster, incoming, request, target, entry, began)
        except ApiError as error:
            return Api.refuse(error)
        return cluster.api.answer(request)

    async def _watch(
        self, cluster: Cluster, incoming: web.BaseRequest, request: Request, target: Target, entry: Json, began: float
    ) -> web.StreamResponse:
        cluster.api.check_access(request, target)
        if target.kind.key not in cluster.store.types or "watch" not in target.kind.verbs:
            raise errors.method_not_allowed(target.kind.plural, target.kind.group, "watch")
        watch = Watch(cluster.api, request, target)
        self.lab.record(entry, 200, began)
        response = web.StreamResponse(
            headers={"Content-Type": "application/json", "Cache-Control": "no-cache, private"}
        )
        response.enable_chunked_encoding()
        with self._guard(cluster):
            try:
                await response.prepare(incoming)
                async for chunk in watch.lines():
                    await response.write(chunk)
                await response.write_eof()
            except (ConnectionError, asyncio.CancelledError):
                pass  # the client has gone, or the cluster
            finally:
                watch.close()
        return response

    async def _exec(
        self, cluster: Cluster, incoming: web.BaseRequest, request: Request, target: Target, entry: Json, began: float
    ) -> Reply | web.StreamResponse:
        cluster.api.check_access(request, target)
        pod = cluster.store.get("pods", target.where, target.name)
        container = choose_container(pod, request.query.get("container", ""))
        argv = incoming.query.getall("command", [])
        if not argv:
            raise errors.bad_request("you must specify at least one command for the container")
        if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
            phase = pod["status"]["phase"]
            why = f"cannot exec into a container in a completed pod; current phase is {phase}"
            raise errors.bad_request(why)
        if not pod["spec"].get("nodeName"):
            raise errors.bad_request(f"pod {target.name} does not have a host assigned")
        if self.executor is None:
            raise errors.internal("error dialing backend: this lab runs no containers")
        if not streams.is_upgrade(incoming.headers):
            raise errors.bad_request("Upgrade request required: this server speaks websockets only")
        wants = {name: request.flag(name) for name in ("stdin", "stdout", "stderr", "tty")}
        socket_response = web.WebSocketResponse(protocols=streams.PROTOCOLS, heartbeat=None, max_msg_size=0)
        with self._guard(cluster):
            await socket_response.prepare(incoming)
            self.lab.record(entry, 101, began)
            session = streams.Session(socket_response, **wants)
            try:
                await session.run(self.executor, pod, container, argv)
            except (ConnectionError, asyncio.CancelledError):
                pass  # the client has gone, or the cluster
            await socket_response.close()
        return socket_response

    @staticmethod
    def _guard(cluster: Cluster) -> _Guard:
        return _Guard(cluster)


def _request(message: t.Any, payload: t.Any, protocol: t.Any, writer: t.Any, task: t.Any) -> web.BaseRequest:
    """aiohttp's own requests refuse bodies of more than a mebibyte."""
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=REQUEST_LIMIT)


class _Guard:
    """While a stream runs, its task is the cluster's to end."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.task = asyncio.current_task()

    def __enter__(self) -> None:
        if self.task is not None:
            self.cluster.tasks.add(self.task)

    def __exit__(self, *_problem: object) -> None:
        if self.task is not None:
            self.cluster.tasks.discard(self.task)


REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


def describe(cluster: Cluster, request: Request) -> Json:
    """What the log says that a request is."""
    try:
        target = cluster.api.route(request.path)
    except ApiError:
        target = None
    if target is None:
        return {}
    verb = verb_of(request, target)
    stored = target.kind.key in cluster.store.types and target.subresource != "exec"
    return {
        "method_id": f"kubernetes.{target.kind.plural}.{target.subresource or verb}",
        "mutating": verb not in ("get", "list", "watch") and stored and not tries_only(request),
    }


def tries_only(request: Request) -> bool:
    """Whether a request asks for a dry run; of a deletion its body may say so."""
    asked = request.method == "DELETE" and b'"dryRun"' in request.raw and b'"All"' in request.raw
    return bool(request.query.get("dryRun")) or asked


def endpoint_of(resource: Resource) -> str:
    """Where a cluster's API is, whatever its body calls the endpoint that users take."""
    private = resource.body.get("privateClusterConfig") or {}
    return str(private.get("publicEndpoint") or resource.body.get("endpoint", ""))


def bind(address: str, port: int) -> socket.socket | None:
    """A socket that holds address and port, or None where another one does. It does not listen yet."""
    held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        held.bind((address, port))
    except OSError as error:
        held.close()
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            return None
        raise
    held.setblocking(False)
    return held


def usable_port() -> int:
    """443 if this user may bind it, else a free one."""
    probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        probe.bind(("127.64.255.254", HTTPS))
        return HTTPS
    except PermissionError:
        probe.bind(("127.64.255.254", 0))
        return int(probe.getsockname()[1])
    except OSError:
        return HTTPS  # another lab is trying at this moment
    finally:
        probe.close()
