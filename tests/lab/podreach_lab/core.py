# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an HTTP request to a handler and back: routing, identity, validation, idempotency, faults, the request log.

Knows nothing of sockets: `Lab.call` takes and returns plain values, so that the batch endpoint and unit tests use the
same way in as the server. Handlers register themselves by the id that Google gives to the method.
"""

from __future__ import annotations

import base64
import collections
import dataclasses
import json
import re
import sys
import time
import traceback
import typing as t
import urllib.parse

from . import iam
from .auth import Accounts, Caller
from .authority import Authority
from .aws.service import Aws
from .discovery import Discovery, Method
from .faults import ApiFault, not_found
from .halt import Halt
from .links import project_id
from .operations import Operation, Operations
from .state import State

Json = dict[str, t.Any]
Handler = t.Callable[["Call"], t.Any]

HANDLERS: dict[str, Handler] = {}
PUBLIC_READING: dict[str, frozenset[str]] = {}
"""Method id -> projects of Google's own in which everybody may use it."""
MISTAKES = (LookupError, TypeError, ValueError, AttributeError, AssertionError, RecursionError)
"""What an error in the lab's own code raises, as opposed to a refusal."""
_READING = re.compile(
    r"/wait$|:generateAccessToken$|[/:](?:testIamPermissions|getIamPolicy)$"
    r"|/(?:getHealth|listInstances|listManagedInstances|listNetworkEndpoints|listXpnHosts)$"
)


def method(*ids: str) -> t.Callable[[Handler], Handler]:
    """Register a handler for discovery method ids."""

    def register(handler: Handler) -> Handler:
        for item in ids:
            HANDLERS[item] = handler
        return handler

    return register


def encode(value: t.Any) -> bytes:
    """A body on the wire. Done before anything else can change what it shows."""
    return json.dumps(value, separators=(",", ":")).encode()


@dataclasses.dataclass
class Reply:
    """What goes back. A dropped reply closes the connection instead."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    content_type: str = "application/json; charset=UTF-8"
    dropped: bool = False
    delay: float = 0.0

    def json(self) -> t.Any:
        """The body decoded, for callers without a socket."""
        return json.loads(self.body) if self.body else None


@dataclasses.dataclass
class Call:
    """One validated request, as handlers see it."""

    lab: Lab
    method: Method
    params: dict[str, str]
    query: Json
    body: Json
    caller: Caller

    @property
    def state(self) -> State:
        return self.lab.state

    @property
    def project(self) -> str:
        return self.params["project"]

    @property
    def request_id(self) -> str | None:
        return self.query.get("requestId")

    def get(self, path: str) -> t.Any:
        """The resource at a path, or 404. A numeric last segment is looked up as an id."""
        found = self.state.get(path)
        if found is None and path.rsplit("/", 1)[1].isdigit():
            collection, number = path.rsplit("/", 1)
            found = next((item for item in self.state.within(collection) if item.body.get("id") == number), None)
        if found is None:
            raise not_found(path)
        return found

    def compute_operation(
        self,
        kind: str,
        target: str,
        target_id: str,
        finish: t.Callable[[], None] | None = None,
        abort: t.Callable[[], None] | None = None,
    ) -> Json:
        """Begin a compute operation for this call and return its first reply."""
        operation = self.lab.operations.begin_compute(
            method_id=self.method.id,
            kind=kind,
            target=target,
            target_id=target_id,
            user=self.caller.email,
            request_id=self.request_id,
            finish=finish,
            abort=abort,
        )
        return self.lab.operations.view(operation)


@dataclasses.dataclass
class InjectedFault:
    """The next `count` requests that match are answered with this: instead of being carried out (when: before), or
    after that (after); or they are accepted and their operation fails with it (operation)."""

    count: int = 1
    method: str = ""
    path: str = ""
    status: int = 503
    reason: str = ""
    message: str = "The service is currently unavailable."
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    drop: bool = False
    delay: float = 0.0
    when: str = "before"

    def matches(self, http_method: str, path: str) -> bool:
        return (not self.method or self.method.upper() == http_method) and re.search(self.path, path) is not None


class Lab:
    """Everything that one lab process holds."""

    LOG_LIMIT = 20_000

    def __init__(
        self,
        state: State,
        accounts: Accounts,
        discovery: Discovery | None = None,
        *,
        check_responses: bool = True,
    ) -> None:
        self.state = state
        self.accounts = accounts
        self.discovery = discovery or Discovery()
        self.operations = Operations(state)
        self.check_responses = check_responses
        self.authority = Authority(state.clock.now())
        self.aws = Aws(state)
        self.faults: list[InjectedFault] = []
        self.halt: Halt | None = None
        self.log: collections.deque[Json] = collections.deque(maxlen=self.LOG_LIMIT)
        self.recording = False
        self.sequence = 0
        self.mutations = 0
        self.started = state.clock.monotonic()

    def reset(self) -> None:
        """Back to empty projects and an empty AWS account: resources, operations, injected faults, a halt and the log
        of requests. Tokens stay valid."""
        self.operations.clear()
        self.state.clear()
        self.faults.clear()
        self.halt = None
        self.log.clear()
        self.mutations = 0
        self.aws.reset()

    def recorded(self, headers: t.Mapping[str, str], raw: bytes) -> Json:
        """What the log keeps of a request besides who asked what, while recording: its body, in base64."""
        if not self.recording:
            return {}
        return {"content_type": headers.get("Content-Type", ""), "body": base64.b64encode(raw).decode()}

    # ---- the way in

    async def call(
        self, http_method: str, target: str, headers: t.Mapping[str, str], raw: bytes = b"", *, port: int = 0
    ) -> Reply:
        """Answer one request to a Google API. `target` is the path with its query string."""
        began = time.perf_counter()
        path, _separator, query = target.partition("?")
        path = urllib.parse.unquote(path)
        entry: Json = {"method": http_method, "path": path, "query": query, "caller": "", "method_id": ""}
        entry["mutating"] = http_method not in ("GET", "HEAD") and not _READING.search(path)
        entry |= self.recorded(headers, raw)
        fault = self.injected(http_method, path)
        if fault and fault.when == "before":
            reply = self._fault_reply(fault, path)
        else:
            if fault and fault.when == "operation":
                self.operations.doom = ApiFault(fault.status, fault.message, fault.reason)
            reply = await self._answer(http_method, path, query, headers, raw, entry)
            self.operations.doom = None
            if fault and fault.when == "after":
                reply = self._fault_reply(fault, path)
        self.record(entry, reply.status, began)
        return reply

    def record(self, entry: Json, status: int, began: float) -> None:
        """Put a request into the log; `began` is when time.perf_counter saw it come."""
        self.sequence += 1
        self.mutations += entry["mutating"]
        entry |= {
            "seq": self.sequence,
            "time": self.state.clock.now().isoformat(timespec="milliseconds"),
            "status": status,
            "ms": round((time.perf_counter() - began) * 1000, 3),
        }
        self.log.append(entry)
        if self.halt is not None:
            self.halt.see(entry)

    async def _answer(
        self, http_method: str, path: str, query: str, headers: t.Mapping[str, str], raw: bytes, entry: Json
    ) -> Reply:
        service = "compute" if path.startswith("/compute/") else "container"
        try:
            caller = self.accounts.caller(headers)
            entry["caller"] = caller.email
            tree, rest = ("compute", path[len("/compute/v1/") :]) if service == "compute" else ("v1", path[1:])
            found = self.discovery.find(tree, http_method, rest)
            if found is None:
                raise ApiFault(404, f"Method not found: {http_method} {path} is not in Google's discovery document.")
            found_method, params = found
            service = found_method.service
            entry["method_id"] = found_method.id
            result = self._run(found_method, params, query, raw, caller)
            if hasattr(result, "__await__"):
                result = await result
            if self.check_responses:
                self._check_response(found_method, result)
            return Reply(200, encode(select_fields(result, query)))
        except ApiFault as fault:
            extra = {"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/"'} if fault.code == 401 else {}
            return Reply(fault.code, encode(fault.body(service)), extra)
        except MISTAKES as error:  # say so on the wire and in lab.log, and go on serving
            traceback.print_exc(file=sys.stderr)
            mistake = ApiFault(500, f"The lab failed on {http_method} {path}: {type(error).__name__}: {error}")
            return Reply(500, encode(mistake.body(service)))

    def _run(self, found: Method, params: dict[str, str], query: str, raw: bytes, caller: Caller) -> t.Any:
        if found.service in ("compute", "container"):
            self._enter_project(found, params, caller)
        values = self.discovery.query(found, urllib.parse.parse_qsl(query, keep_blank_values=True))
        self.discovery.check_path(found, params)
        handler = HANDLERS.get(found.id)
        if handler is None:
            raise ApiFault(501, f"The lab does not model {found.id}.", "notImplemented", status="UNIMPLEMENTED")
        call = Call(self, found, params, values, self.discovery.body(found, raw), caller)
        earlier = self._earlier(call)
        return self.operations.view(earlier) if earlier else handler(call)

    def _earlier(self, call: Call) -> Operation | None:
        if call.method.service != "compute":
            return None
        return self.operations.repeated(call.params.get("project", ""), call.request_id)

    def _enter_project(self, found: Method, params: dict[str, str], caller: Caller) -> None:
        """Bring the project to its id and refuse one that does not exist or is not the caller's."""
        for key in ("project", "projectsId", "projectId"):
            if key not in params:
                continue
            name = params["project"] = project_id(params[key])
            if name in PUBLIC_READING.get(found.id, ()):
                return
            if caller.may_use(name):
                if name not in self.state.projects:
                    raise not_found(f"projects/{name}")
                return
            if name in self.state.projects and self._admitted(found, params, name, caller):
                return
            verb = found.id.split(".", 1)[1]
            if found.service == "compute":
                raise ApiFault(403, f"Required 'compute.{verb}' permission for 'projects/{name}'", "forbidden")
            short = ".".join(found.id.split(".")[-2:])
            raise ApiFault(403, f'Required "container.{short}" permission(s) for "projects/{name}".', "forbidden")

    def _admitted(self, found: Method, params: dict[str, str], project: str, caller: Caller) -> bool:
        """Whether policies let a caller do this in a project of somebody else's."""
        permission = iam.permission_of(found.id)
        paths = [f"projects/{project}"]
        if found.id == "compute.subnetworks.listUsable":  # asks for no right; shows what the caller has one to
            paths += [item.path for item in self.state.of_kind("compute#subnetwork", project)]
        name = params.get("subnetwork") or params.get("resource")
        if name and found.id.startswith("compute.subnetworks."):
            paths.append(f"projects/{project}/regions/{params['region']}/subnetworks/{name}")
        return any(iam.permitted(self.state, caller.email, permission, path) for path in paths)

    def _check_response(self, found: Method, result: Json) -> None:
        try:
            self.discovery.response(found, result)
        except ApiFault as fault:
            raise ApiFault(
                500, f"The lab's own answer to {found.id} breaks Google's discovery document: {fault.message}"
            ) from fault

    # ---- faults

    def injected(self, http_method: str, path: str) -> InjectedFault | None:
        """The fault that this request meets, if any; it counts as met."""
        for fault in self.faults:
            if fault.matches(http_method, path):
                fault.count -= 1
                if fault.count <= 0:
                    self.faults.remove(fault)
                return fault
        return None

    @staticmethod
    def _fault_reply(fault: InjectedFault, path: str) -> Reply:
        service = "compute" if path.startswith(("/compute/", "/batch/")) else "container"
        body = ApiFault(fault.status, fault.message, fault.reason).body(service)
        return Reply(fault.status, encode(body), dict(fault.headers), dropped=fault.drop, delay=fault.delay)


# ---- partial responses


def select_fields(result: t.Any, query: str) -> t.Any:
    """Apply the `fields` parameter (a partial response, such as items(name,selfLink),nextPageToken)."""
    if "fields=" not in query:
        return result
    mask = dict(urllib.parse.parse_qsl(query)).get("fields", "*")
    return _pick(result, _parse_mask(re.findall(r"[^,()/]+|[,()/]", mask.replace(" ", ""))))


def _parse_mask(tokens: list[str]) -> Json:
    """items(a,b/c),d -> {'items': {'a': {}, 'b': {'c': {}}}, 'd': {}}; an empty dict means everything below."""
    result: Json = {}
    while tokens and tokens[0] != ")":
        name = tokens.pop(0)
        node = result.setdefault(name, {})
        while tokens and tokens[0] in "/(":
            if tokens.pop(0) == "/":
                node = node.setdefault(tokens.pop(0), {})
            else:
                node |= _parse_mask(tokens)
                if tokens:
                    tokens.pop(0)
        if tokens and tokens[0] == ",":
            tokens.pop(0)
    return result


def _pick(value: t.Any, mask: Json) -> t.Any:
    if not mask:
        return value
    if isinstance(value, list):
        return [_pick(item, mask) for item in value]
    if not isinstance(value, dict):
        return value
    if "*" in mask:
        return {name: _pick(item, mask["*"]) for name, item in value.items()}
    return {name: _pick(value[name], below) for name, below in mask.items() if name in value}
