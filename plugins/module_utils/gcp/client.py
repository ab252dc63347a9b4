# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to Google's compute, container and resource manager APIs: retries, errors, operations.

Retried: 429, 500, 502, 503, 504, 403 rateLimitExceeded, 400 resourceNotReady, and 400 for another peering or route
operation in progress. Never: other refusals. A stale fingerprint (412), and a lost answer where sending again could
make two, become a :class:`Conflict`: the caller reads and plans again.
Source: https://cloud.google.com/compute/docs/reference/rest/v1 and the discovery documents of these APIs.
"""

from __future__ import annotations

import json
import random
import time
import typing as t
import uuid
from urllib.parse import urlencode

from ..arguments import Call
from ..errors import ApiError, Conflict, InvalidInput, PodreachError, Refused, Timeout
from . import auth, endpoints
from .transport import Answer, HttpTransport, Transport

RETRIED_STATUS = frozenset({429, 500, 502, 503, 504})
RETRIED_TEXTS = (
    "peering operation in progress",
    "route operation in progress",
    "incompatible operation",
    # as the container API passes on compute's resourceNotReady
    "is not ready",
)
#: Seconds that trouble on the way (5xx, rate limits, connection errors) is put up with for one request.
PATIENCE = 120
#: Warnings of a list that mean that something is missing in it; most often there is just nothing (NO_RESULTS_ON_PAGE).
UNREAD = frozenset({"UNREACHABLE", "PARTIAL_SUCCESS", "LIST_OVERHEAD_QUOTA_EXCEED"})
#: After this many seconds a waiting task says its first line; the next ones come at doubling intervals.
FIRST_LINE = 10


class Clock:
    """Time as the waits see it; tests put their own in its place."""

    now = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)


class Client:
    """Google's APIs for one call of a module.

    ``project`` is the default project. ``projects``, if given, are the only ones that may be written.
    """

    def __init__(
        self,
        transport: Transport,
        urls: t.Mapping[str, str],
        *,
        project: str | None,
        timeout: float,
        wait: bool = True,
        projects: t.Sequence[str] | None = None,
        progress: t.Callable[[str], None] | None = None,
        clock: type[Clock] | None = None,
    ) -> None:
        self.transport = transport
        self.urls = urls
        self.project = project
        self.projects = projects
        self.wait = wait
        self._progress = progress or (lambda line: None)
        self._clock = clock or Clock
        self._timeout = timeout
        self._deadline = self._clock.now() + timeout

    @classmethod
    def for_call(cls, call: Call, services: t.Sequence[str] = ("compute", "container")) -> Client:
        """The client that a module's parameters ask for, who may ask these services. Sends nothing yet."""
        params = auth.settle(call.params)
        urls = endpoints.resolve(params)
        endpoints.check(params.get("environment"), {f"the {name} API": urls[name] for name in services})
        session = auth.Session(params, urls, call.run_dir, call.secrets)
        endpoints.check(params.get("environment"), session.token_addresses)
        if not session.project:
            raise InvalidInput(
                "project is not set: give the option project, or GCP_PROJECT, or a service account key that names one"
            )
        return cls(
            HttpTransport(session),
            urls,
            project=session.project,
            timeout=params["timeout"],
            # check mode has nothing to wait for: what is in flight is named
            wait=params["wait"] and not call.check_mode,
            projects=params.get("projects") or ([session.project] if params.get("environment") == "cloud" else None),
            progress=call.progress,
        )

    def renew(self) -> None:
        """Let the time that the task may wait begin anew, for the next part of a task of many."""
        self._deadline = self._clock.now() + self._timeout

    # -- requests

    def get(self, service: str, path: str, **query: t.Any) -> dict[str, t.Any] | None:
        """One object, ``None`` if it does not exist."""
        try:
            return self.request(service, "GET", path, query=query)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def list_all(
        self,
        service: str,
        path: str,
        key: str = "items",
        unread: t.Callable[[str], None] = lambda scope: None,
        **query: t.Any,
    ) -> list[dict[str, t.Any]]:
        """All objects of a list, of all its pages. An aggregated list gives those of all its scopes.

        ``unread`` hears of each scope that the API says it could not read, which otherwise is passed over.
        """
        found: list[dict[str, t.Any]] = []
        missed: dict[str, None] = {}
        while True:
            page = self.request(service, "GET", path, query=query)
            items = page.get(key) or []
            if isinstance(items, dict):
                collection = path.rsplit("/", 1)[1]
                for scope in items.values():
                    found.extend(scope.get(collection) or [])
            else:
                found.extend(items)
            missed.update(dict.fromkeys(unread_scopes(page, items)))
            if not page.get("nextPageToken"):
                break
            query = {**query, "pageToken": page["nextPageToken"]}
        for scope in missed:
            unread(scope)
        return found

    def mutate(
        self,
        service: str,
        method: str,
        path: str,
        body: dict[str, t.Any] | None = None,
        *,
        resource: str = "",
        **query: t.Any,
    ) -> dict[str, t.Any]:
        """Send a change; the answer is an operation, not waited for.

        A compute request carries a request id, so that sending it again cannot make two; a lost answer where there is
        none, of the other APIs and for policies, is a :class:`Conflict`.
        """
        project = path.split("/")[1]
        if service == "cloudresourcemanager":
            # projects/P:setIamPolicy, where P may be example.com:p
            project = project.rpartition(":")[0]
        if self.projects and project not in self.projects:
            raise Refused(
                f"{resource or path}: project {project} is not among the projects that may be written "
                f"({', '.join(self.projects)}): nothing was sent. Add it to projects, or correct the project.",
                code="project-not-listed",
                resource=resource or None,
            )
        named = service == "compute" and not path.endswith("/setIamPolicy")
        if named:
            query = {**query, "requestId": str(uuid.uuid4())}
        try:
            return self.request(service, method, path, query=query, body=body, again=named)
        except ApiError as error:
            error.resource = resource or error.resource
            raise

    def request(
        self,
        service: str,
        method: str,
        path: str,
        *,
        query: t.Mapping[str, t.Any] | None = None,
        body: dict[str, t.Any] | None = None,
        again: bool = True,
    ) -> dict[str, t.Any]:
        """One request, sent again while that may help. ``again`` says whether a lost answer may be asked for again."""
        url = self.urls[service] + path + ("?" + urlencode(query, doseq=True) if query else "")
        limit = min(self._deadline, self._clock.now() + PATIENCE)
        attempt = 0
        while True:
            attempt += 1
            try:
                answer = self.transport(method, url, body)
            except OSError as error:
                if not again:
                    raise Conflict(f"{method} {url}: no answer: {error}", unsure=True, reason="no-answer") from None
                if endpoints.is_loopback(url) and "refused" in str(error):
                    raise ApiError(
                        f"{method} {url}: nobody answers on this machine. If this is the lab's address, the lab is "
                        "down or was started anew: start it (make lab, or ansible-playbook podreach.gke.lab), "
                        "and source "
                        ".lab/env again.",
                        code="no-answer",
                    ) from None
                if self._clock.now() >= limit:
                    raise ApiError(f"{method} {url}: no answer: {error}", code="no-answer") from None
                self._pause(attempt, limit, None)
                continue
            if answer.status < 300:
                return answer.body
            problem = as_error(answer, method, url)
            problem.tries = attempt
            if problem.status == 412:
                raise Conflict(str(problem), status=412, reason=problem.reason)
            busy = problem.status == 400 and (
                problem.reason == "resourceNotReady" or any(text in problem.message for text in RETRIED_TEXTS)
            )
            slower = answer.status in RETRIED_STATUS or (
                problem.status == 403 and problem.reason == "rateLimitExceeded"
            )
            until = self._deadline if busy else limit
            if not (busy or slower) or self._clock.now() >= until:
                raise problem
            self._pause(attempt, until, answer.headers.get("retry-after"))

    def pause(self, attempt: int) -> None:
        """Let some time pass before the ``attempt``-th further look at something; more each time."""
        self._pause(attempt, self._deadline, None)

    def _pause(self, attempt: int, limit: float, retry_after: str | None) -> None:
        pause = random.uniform(0.5, 1.0) * min(0.5 * 2 ** (attempt - 1), 15)  # exponential, with jitter
        if retry_after and retry_after.isdigit():
            pause = max(pause, float(retry_after))
        self._clock.sleep(max(0.0, min(pause, limit - self._clock.now())))

    # -- operations

    def finish(self, service: str, operation: dict[str, t.Any], resource: str) -> str | None:
        """Wait for an operation; its failure is raised. Returns its name if this call does not wait for it."""
        began = self._clock.now()
        next_line, interval, attempt = float(FIRST_LINE), float(FIRST_LINE), 0
        name = operation.get("name", "")
        while operation.get("status") != "DONE":
            if not self.wait:
                return t.cast(str, name)
            waited = self._clock.now() - began
            if self._clock.now() >= self._deadline:
                raise Timeout(
                    f"{resource}: {operation.get('operationType', 'operation')} {name} is still "
                    f"{operation.get('status')} "
                    f"after {waited:.0f} s (timeout {self._timeout:.0f} s). It goes on in the cloud; the next run "
                    "adopts it.",
                    resource=resource,
                    operation=name,
                )
            if waited >= next_line:
                self._progress(
                    f"{resource}: {operation.get('operationType', 'operation')} {name} {operation.get('status')}"
                    f"{progress_of(operation)}, {waited:.0f} s"
                )
                interval *= 2
                next_line = waited + interval
            attempt += 1
            pause = random.uniform(0.7, 1.0) * min(0.1 * 1.5 ** min(attempt, 20), 5)
            self._clock.sleep(max(0.01, min(pause, self._deadline - self._clock.now())))
            operation = self.request(service, "GET", operation_path(service, operation))
        raise_failure(operation, resource)
        return None

    def wait_until(
        self, missing: t.Callable[[], list[str]], seconds: float, what: str, *, longest: float = 10
    ) -> list[str]:
        """Ask again, with growing pauses, until ``missing`` returns nothing or the time is up; returns what is left.

        ``longest`` is the longest pause in seconds.
        """
        began, interval = self._clock.now(), float(FIRST_LINE)
        next_line, attempt = float(FIRST_LINE), 0
        while True:
            left = missing()
            waited = self._clock.now() - began
            if not left or waited >= seconds:
                # this time was the caller's to give, apart from that for operations
                self._deadline += waited
                return left
            if waited >= next_line:
                self._progress(f"{what}: {'; '.join(left)}, {waited:.0f} s")
                interval *= 2
                next_line = waited + interval
            attempt += 1
            self._clock.sleep(
                max(0.01, min(random.uniform(0.7, 1.0) * min(0.5 * 1.5 ** min(attempt, 20), longest), seconds - waited))
            )

    def in_flight(self, service: str, scope: str, target: str) -> dict[str, t.Any] | None:
        """The operation that is changing ``target`` (a resource's path) now, if there is one. ``scope`` is where
        operations are listed: ``projects/P/global``, ``projects/P/regions/R`` or ``projects/P/locations/L``."""
        key = "operations" if service == "container" else "items"
        query: dict[str, t.Any] = {} if service == "container" else {"filter": 'status != "DONE"'}
        for operation in self.list_all(service, f"{scope}/operations", key=key, **query):
            link = relative(str(operation.get("targetLink", "")))[1]
            if service == "container" and link.startswith("zones/"):
                # zonal clusters: the container API takes locations, and writes zones into its links
                link = "locations/" + link.removeprefix("zones/")
            if operation.get("status") != "DONE" and link == relative(target)[1]:
                return operation
        return None


def relative(url: str) -> tuple[str, str]:
    """A resource's URL, full, partial or relative, as (project or '', path below the project).

    ``https://www.googleapis.com/compute/v1/projects/p/global/networks/n`` is ``('p', 'global/networks/n')``.
    """
    tail = url.split("projects/", 1)[-1] if "projects/" in url else None
    if tail is None:
        return "", url.strip("/")
    project, _slash, path = tail.partition("/")
    return project, path


def network_path(link: str | None, project: str | None) -> str:
    """A network's path from its URL in any form, or its bare name, which is of ``project``."""
    owner, path = relative(link or "")
    return f"projects/{owner or project}/global/networks/{path.rpartition('/')[2]}"


def unread_scopes(page: t.Mapping[str, t.Any], items: t.Any) -> list[str]:
    """What one page of a list says it could not read, each place in words."""
    places = [str(place) for place in [*(page.get("unreachables") or []), *(page.get("missingZones") or [])]]
    told = {"the list": page, **(items if isinstance(items, dict) else {})}
    for scope, content in told.items():
        warning = content.get("warning") or {}
        if warning.get("code") in UNREAD:
            places.append(f"{scope} ({warning['code']}: {warning.get('message')})")
    return places


def operation_path(service: str, operation: t.Mapping[str, t.Any]) -> str:
    """Where an operation is read. Google's links may carry the project's number, or zones for locations."""
    link = operation.get("selfLink", "")
    project, path = relative(link)
    if not project:
        raise PodreachError(f"operation {operation.get('name')} has no usable selfLink: {link!r}", code="bad-answer")
    if service == "container":
        location = operation.get("location") or operation.get("zone") or path.split("/")[1]
        return f"projects/{project}/locations/{location}/operations/{operation['name']}"
    return f"projects/{project}/{path}"


def progress_of(operation: t.Mapping[str, t.Any]) -> str:
    progress = operation.get("progress")
    return f" {progress} %" if isinstance(progress, int) else ""


def raise_failure(operation: t.Mapping[str, t.Any], resource: str) -> None:
    """Raise what a finished operation says went wrong."""
    error = operation.get("error")
    if not error:
        return
    details = (error.get("errors") or [error])[0]
    code = str(details.get("code", "operation-failed"))
    message = details.get("message") or operation.get("statusMessage") or json.dumps(error)
    kind = Conflict if code == "RESOURCE_NOT_READY" else ApiError
    raise kind(
        f"{resource}: {operation.get('operationType', 'operation')} failed: {message}",
        code=code,
        reason=code,
        resource=resource,
        operation=operation.get("name"),
    )


def as_error(answer: Answer, method: str, url: str) -> ApiError:
    """An error of either API as one exception; ``code`` and ``reason`` are Google's (``notFound``, ``invalid``)."""
    error = answer.body.get("error")
    error = error if isinstance(error, dict) else {}
    message = error.get("message") or f"HTTP {answer.status}"
    first = (error.get("errors") or [{}])[0]
    reason = first.get("reason") or error.get("status")
    bare = url.split("?", 1)[0]
    return ApiError(
        f"{method} {bare}: {answer.status}: {message}",
        status=answer.status,
        code=reason or str(answer.status),
        reason=reason,
    )
