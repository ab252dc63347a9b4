# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Long-running operations of both APIs: begun by a request, finished by the clock.

A request is judged at once (a refusal is an HTTP error) and what it changes in place is changed at once; the rest
(becoming READY, being deleted, nodes appearing) happens in `finish`, when the operation's time is over. A fault raised
there becomes the operation's error. With the latency profile `zero` all of that precedes the first reply.
"""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import typing as t
import uuid

from .clock import Clock, compute_time, container_operation_time
from .faults import ApiFault, already_exists, invalid
from .links import CONTAINER_BASE, self_link
from .organization import ORGANIZATION
from .state import State

Body = dict[str, t.Any]
Finish = t.Callable[[], None]


@dataclasses.dataclass
class Operation:
    """An operation of compute or container; `body` is what its API shows, but for the passage of time."""

    service: str
    path: str
    body: Body
    began: float
    seconds: float
    target: str
    waiters: list[asyncio.Future[None]] = dataclasses.field(default_factory=list)

    @property
    def done(self) -> bool:
        return bool(self.body["status"] == "DONE")


class Operations:
    """All operations of all projects, oldest first."""

    LIMIT = 20000

    def __init__(self, state: State) -> None:
        self._state = state
        self._by_path: dict[str, Operation] = {}
        self._by_request: dict[tuple[str, str], Operation] = {}
        self.doom: ApiFault | None = None
        """What the next operation that begins is to fail with, for tests."""

    @property
    def _clock(self) -> Clock:
        return self._state.clock

    def clear(self) -> None:
        for operation in self._by_path.values():
            self._release(operation)
        self._by_path.clear()
        self._by_request.clear()

    def get(self, path: str) -> Operation | None:
        return self._by_path.get(path)

    def within(self, collection: str) -> list[Operation]:
        return [op for op in self._by_path.values() if op.path.rsplit("/", 1)[0] == collection]

    def of_project(self, service: str, project: str) -> list[Operation]:
        return [op for op in self._by_path.values() if op.service == service and op.path.split("/")[1] == project]

    def running(self) -> list[Operation]:
        return [op for op in self._by_path.values() if not op.done]

    # ---- beginning

    def repeated(self, project: str, request_id: str | None) -> Operation | None:
        """The operation that an earlier request with the same requestId began."""
        if request_id is None:
            return None
        try:
            value = uuid.UUID(request_id)
        except ValueError:
            raise invalid("requestId", request_id, "Must be a valid UUID.") from None
        if value.int == 0:
            raise invalid("requestId", request_id, "The zero UUID is not supported.")
        return self._by_request.get((project, str(value)))

    def begin_compute(
        self,
        *,
        method_id: str,
        kind: str,
        target: str,
        target_id: str,
        user: str,
        request_id: str | None,
        finish: Finish | None = None,
        abort: Finish | None = None,
    ) -> Operation:
        """Start a compute operation. Its scope (global, region, zone) is its target's. `abort` is run instead of
        `finish` when a test wants the operation to fail."""
        now = self._clock.now()
        stamp = f"{int(now.timestamp() * 1000)}-{self._state.new_hex(13)}-{self._state.new_hex(8)}"
        name = f"operation-{stamp}-{self._state.new_hex(8)}"
        parts = target.split("/")
        scope = "global" if parts[2:3] == ["global"] or len(parts) < 4 else "/".join(parts[2:4])
        root = f"projects/{parts[1]}/{scope}"
        if parts[0] == "locations":  # the organization's, which gcloud finds in the operation's name
            root = scope = "locations/global"
            name = f"org-{ORGANIZATION.rsplit('/', 1)[1]}-operation-{stamp.rsplit('-', 1)[0]}"
        path = f"{root}/operations/{name}"
        body: Body = {
            "kind": "compute#operation",
            "id": self._state.new_id(),
            "name": name,
            "operationType": kind,
            "targetLink": self_link(target),
            "targetId": target_id,
            "status": "RUNNING",
            "user": user,
            "progress": 0,
            "insertTime": compute_time(now),
            "startTime": compute_time(now),
            "selfLink": self_link(path),
        }
        if scope.startswith("regions/"):
            body["region"] = self_link(f"projects/{parts[1]}/{scope}")
        elif scope.startswith("zones/"):
            body["zone"] = self_link(f"projects/{parts[1]}/{scope}")
        if request_id:
            body["clientOperationId"] = request_id
        seconds = self._clock.seconds(method_id, "compute")
        operation = Operation("compute", path, body, self._clock.monotonic(), seconds, target)
        if request_id:
            owner = parts[1] if parts[0] == "projects" else ""
            self._by_request[owner, str(uuid.UUID(request_id))] = operation
        return self._start(operation, finish, abort)

    def begin_container(
        self, *, kind: str, target: str, location: str, finish: Finish | None = None, abort: Finish | None = None
    ) -> Operation:
        """Start a container operation on a cluster or one of its node pools."""
        project = target.split("/")[1]
        now = self._clock.now()
        name = f"operation-{int(now.timestamp() * 1000)}-{uuid.UUID(int=int(self._state.new_hex(32), 16))}"
        path = f"projects/{project}/locations/{location}/operations/{name}"
        place = "zones" if location.count("-") > 1 else "locations"
        number = self._state.projects[project]
        tail = target.split("/", 4)[4]
        body: Body = {
            "name": name,
            "zone": location,
            "location": location,
            "operationType": kind,
            "status": "RUNNING",
            "selfLink": f"{CONTAINER_BASE}projects/{number}/{place}/{location}/operations/{name}",
            "targetLink": f"{CONTAINER_BASE}projects/{number}/{place}/{location}/{tail}",
            "startTime": container_operation_time(now),
        }
        seconds = self._clock.seconds(kind, "container")
        operation = Operation("container", path, body, self._clock.monotonic(), seconds, target)
        return self._start(operation, finish, abort)

    def _start(self, operation: Operation, finish: Finish | None, abort: Finish | None) -> Operation:
        if operation.path in self._by_path:
            raise already_exists(operation.path)
        self._by_path[operation.path] = operation
        while len(self._by_path) > self.LIMIT:
            del self._by_path[next(iter(self._by_path))]
        doom, self.doom = self.doom, None
        if doom is not None:
            finish = _failing(doom, abort)
        self._clock.after(operation.seconds, lambda: self._end(operation, finish))
        return operation

    def _end(self, operation: Operation, finish: Finish | None) -> None:
        if self._by_path.get(operation.path) is not operation:
            return  # the lab was reset meanwhile
        try:
            if finish:
                finish()
        except ApiFault as fault:
            if operation.service == "compute":
                operation.body["error"] = fault.compute_operation_error()
                operation.body["httpErrorStatusCode"] = fault.code
                operation.body["httpErrorMessage"] = {400: "BAD REQUEST", 403: "FORBIDDEN", 404: "NOT FOUND"}.get(
                    fault.code, "ERROR"
                )
            else:
                operation.body["error"] = fault.rpc_status()
                operation.body["statusMessage"] = fault.message
        operation.body["status"] = "DONE"
        if operation.service == "compute":
            operation.body["progress"] = 100
            operation.body["endTime"] = compute_time(self._clock.now())
        else:
            operation.body["endTime"] = container_operation_time(self._clock.now())
        self._release(operation)

    @staticmethod
    def _release(operation: Operation) -> None:
        for waiter in operation.waiters:
            if not waiter.done():
                waiter.set_result(None)
        operation.waiters.clear()

    # ---- reading

    def view(self, operation: Operation) -> Body:
        """The operation as its API shows it now."""
        body = copy.deepcopy(operation.body)
        if not operation.done and operation.seconds > 0:
            share = min(0.99, (self._clock.monotonic() - operation.began) / operation.seconds)
            if share < self._clock.pending:
                body["status"] = "PENDING"
                return body
            if operation.service == "compute":
                body["progress"] = int(share * 100)
            elif operation.body["operationType"] in ("CREATE_CLUSTER", "DELETE_CLUSTER", "CREATE_NODE_POOL"):
                total, so_far = 12, int(share * 12)
                body["progress"] = {
                    "metrics": [
                        {"name": "CLUSTER_CONFIGURING_TOTAL", "intValue": str(total)},
                        {"name": "CLUSTER_CONFIGURING", "intValue": str(so_far)},
                    ]
                }
        return body

    async def wait(self, operation: Operation, seconds: float) -> Body:
        """Until it is done, or that long."""
        if not operation.done:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            operation.waiters.append(waiter)
            try:
                await asyncio.wait_for(waiter, seconds)
            except TimeoutError:
                pass
        return self.view(operation)


def _failing(fault: ApiFault, abort: Finish | None) -> Finish:
    def finish() -> None:
        if abort:
            abort()
        raise fault

    return finish
