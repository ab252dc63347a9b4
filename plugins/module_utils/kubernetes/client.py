# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to a cluster's Kubernetes API: retries, waits with a deadline, and errors that name the verb and the object.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/ and, for Status and its reasons,
https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/
"""

from __future__ import annotations

import json
import random
import typing as t
import warnings
from urllib.parse import urlencode

from ansible.module_utils.basic import missing_required_lib

from ..arguments import Call
from ..errors import ApiError, Conflict, PodreachError
from ..gcp.client import Clock
from ..gcp.endpoints import is_loopback
from . import access

try:
    import urllib3
    import urllib3.exceptions
except ImportError as import_error:
    IMPORT_ERROR: ImportError | None = import_error
else:
    IMPORT_ERROR = None

Json = dict[str, t.Any]

#: Who changes fields, as their managedFields show it.
FIELD_MANAGER = "podreach.gke"
#: The label of what this collection made.
MANAGED_BY = "app.kubernetes.io/managed-by"
OWNER = "podreach.gke"

#: Seconds that one request may take to answer, and that trouble on the way is put up with.
ANSWER_TIME = 60
PATIENCE = 60
#: After this many seconds a wait says its first line; the next ones come at doubling intervals.
FIRST_LINE = 10
RETRIED_STATUS = frozenset({429, 502, 503, 504})

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"

T = t.TypeVar("T")


class Answer(t.NamedTuple):
    """Status, headers (lower case) and JSON of one answer; ``text`` is that of one which is no JSON."""

    status: int
    headers: t.Mapping[str, str]
    body: Json
    text: str = ""


class Transport(t.Protocol):
    """One request, one answer; ``OSError`` when none came."""

    def __call__(self, method: str, path: str, body: Json | None, content_type: str) -> Answer:
        """Send it."""


class HttpTransport:
    """Requests over HTTP with the token of an access; one that is refused once is renewed, where it can be."""

    def __init__(self, way: access.Access) -> None:
        if IMPORT_ERROR:
            raise PodreachError(missing_required_lib("urllib3"), code="missing-library") from IMPORT_ERROR
        self.access = way
        options: Json = {"retries": False, "timeout": urllib3.Timeout(connect=10, read=ANSWER_TIME)}
        if way.tls:
            options["ssl_context"] = way.tls
            if not way.tls.check_hostname:
                options |= {"cert_reqs": "CERT_NONE", "assert_hostname": False}
        if way.server_name:
            options |= {"server_hostname": way.server_name}
        self.pool: t.Any = urllib3.ProxyManager(way.proxy, **options) if way.proxy else urllib3.PoolManager(**options)

    def __call__(self, method: str, path: str, body: Json | None, content_type: str) -> Answer:
        answer = self._send(method, path, body, content_type, renew=False)
        if answer.status == 401 and self.access.renews:
            answer = self._send(method, path, body, content_type, renew=True)
        return answer

    def _send(self, method: str, path: str, body: Json | None, content_type: str, *, renew: bool) -> Answer:
        headers = {"user-agent": "podreach.gke (ansible)", "accept": JSON}
        self.access.authorize(headers, renew)
        if body is not None:
            headers["content-type"] = content_type
        try:
            with warnings.catch_warnings():
                # that certificates are not verified was said already, once
                warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
                response = self.pool.request(
                    method,
                    self.access.url + path,
                    body=None if body is None else json.dumps(body).encode(),
                    headers=headers,
                    redirect=False,
                )
                text = response.data
        except urllib3.exceptions.HTTPError as error:
            raise OSError(str(error)) from None
        words = ""
        try:
            content = json.loads(text) if text else {}
        except ValueError:
            words = text.decode("utf-8", "replace")
            content = {"message": words[:500].strip()}
        return Answer(
            response.status,
            {name.lower(): value for name, value in response.headers.items()},
            content if isinstance(content, dict) else {},
            words,
        )


class Kube:
    """A cluster's API for one call of a module. ``timeout`` is what the whole call may wait, in seconds."""

    def __init__(
        self,
        transport: Transport,
        *,
        timeout: float,
        url: str = "",
        progress: t.Callable[[str], None] | None = None,
        clock: type[Clock] | None = None,
        way: access.Access | None = None,
    ) -> None:
        self.transport = transport
        self.access = way
        self.url = url
        self.clock = clock or Clock
        self.timeout = timeout
        self.deadline = self.clock.now() + timeout
        self._progress = progress or (lambda line: None)

    @classmethod
    def for_call(cls, call: Call) -> Kube:
        """The client that a module's parameters ask for. A cluster that is named is looked up with Google."""
        way = access.for_call(call)
        timeout = call.params["timeout"]
        return cls(HttpTransport(way), timeout=timeout, url=way.url, progress=call.progress, way=way)

    # -- requests

    def get(self, path: str, what: str) -> Json | None:
        """One object, ``None`` if it does not exist."""
        try:
            return self.request("GET", path, what)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def request(
        self,
        method: str,
        path: str,
        what: str,
        *,
        query: t.Mapping[str, str] | None = None,
        body: Json | None = None,
        content_type: str = JSON,
    ) -> Json:
        """One request about ``what`` (kind and name), sent again while that may help."""
        return self.exchange(method, path, what, query=query, body=body, content_type=content_type).body

    def exchange(
        self,
        method: str,
        path: str,
        what: str,
        *,
        query: t.Mapping[str, str] | None = None,
        body: Json | None = None,
        content_type: str = JSON,
    ) -> Answer:
        """The same, with the answer's headers. A lost answer to a change is a :class:`Conflict`: look, then decide."""
        target = path + ("?" + urlencode(query) if query else "")
        limit = min(self.deadline, self.clock.now() + PATIENCE)
        attempt = 0
        while True:
            attempt += 1
            try:
                answer = self.transport(method, target, body, content_type)
            except OSError as error:
                told = f"{VERBS[method]} {what}: no answer from {self.url}: {error}"
                if is_loopback(self.url) and "refused" in str(error):
                    told += ". If this is the lab's address, the lab is down or was started anew."
                    raise ApiError(told, code="no-answer", resource=what) from None
                if "CERTIFICATE_VERIFY_FAILED" in str(error):
                    told += ". Give the authority that signed the certificate (ca_cert)."
                    raise ApiError(told, code="certificate", resource=what) from None
                if method != "GET":
                    raise Conflict(told, unsure=True, reason="no-answer", resource=what) from None
                if self.clock.now() >= limit:
                    raise ApiError(told, code="no-answer", resource=what) from None
                self._pause(attempt, limit, None)
                continue
            if answer.status < 300:
                return answer
            again = answer.status in RETRIED_STATUS or (answer.status == 500 and method == "GET")
            if not again or self.clock.now() >= limit:
                raise as_error(answer, method, what, attempt)
            self._pause(attempt, limit, answer.headers.get("retry-after"))

    def items(self, path: str, what: str, query: t.Mapping[str, str] | None = None) -> list[Json]:
        """All objects of a collection, page by page."""
        found: list[Json] = []
        more: dict[str, str] = {**(query or {}), "limit": "500"}
        while True:
            page = self.request("GET", path, what, query=more)
            found += page.get("items") or []
            following = (page.get("metadata") or {}).get("continue")
            if not following:
                return found
            more["continue"] = following

    # -- waits

    def pause(self, attempt: int) -> None:
        """Let some time pass before the ``attempt``-th further look at something; more each time."""
        self._pause(attempt, self.deadline, None)

    def _pause(self, attempt: int, limit: float, retry_after: str | None) -> None:
        pause = random.uniform(0.5, 1.0) * min(0.5 * 2 ** (attempt - 1), 15)
        if retry_after and retry_after.isdigit():
            pause = max(pause, float(retry_after))
        self.clock.sleep(max(0.0, min(pause, limit - self.clock.now())))

    def wait(self, look: t.Callable[[], T | None], what: str, until: float | None = None) -> T | None:
        """Look again, with growing pauses, until there is something; ``None`` when the deadline passed first."""
        deadline = self.deadline if until is None else until
        began, interval = self.clock.now(), float(FIRST_LINE)
        next_line, attempt = float(FIRST_LINE), 0
        while True:
            found = look()
            waited = self.clock.now() - began
            if found is not None or self.clock.now() >= deadline:
                return found
            if waited >= next_line:
                self._progress(f"{what}, {waited:.0f} s")
                interval *= 2
                next_line = waited + interval
            attempt += 1
            pause = random.uniform(0.7, 1.0) * min(0.1 * 1.5 ** min(attempt, 20), 5)
            self.clock.sleep(max(0.01, min(pause, deadline - self.clock.now())))

    # -- events

    def events(self, namespace: str, kind: str, name: str, uid: str | None = None) -> list[Json]:
        """What was noted about an object, oldest first: type, reason, message, count, time. Without the right to read
        them: nothing."""
        chosen = {"involvedObject.kind": kind, "involvedObject.name": name}
        if uid:
            chosen["involvedObject.uid"] = uid
        query = {"fieldSelector": ",".join(f"{key}={value}" for key, value in chosen.items())}
        try:
            found = self.request(
                "GET", f"/api/v1/namespaces/{namespace}/events", f"events of {kind} {name}", query=query
            )
        except ApiError:
            return []
        return [_event(item) for item in sorted(found.get("items") or [], key=_when)]


#: what a method does, in words
VERBS = {"GET": "read", "POST": "create", "PATCH": "change", "PUT": "replace", "DELETE": "delete"}


def _when(item: Json) -> tuple[str, int]:
    """When an event happened last; of the same second, the one that was written later is later."""
    metadata = item.get("metadata") or {}
    time = (item.get("series") or {}).get("lastObservedTime") or item.get("lastTimestamp") or item.get("eventTime")
    version = str(metadata.get("resourceVersion") or "")
    return str(time or metadata.get("creationTimestamp") or ""), int(version) if version.isdigit() else 0


def _event(item: Json) -> Json:
    series = item.get("series") or {}
    return {
        "type": item.get("type"),
        "reason": item.get("reason"),
        "message": item.get("message"),
        "count": series.get("count") or item.get("count") or 1,
        "time": _when(item)[0],
    }


def as_error(answer: Answer, method: str, what: str, tries: int = 1) -> ApiError:
    """A refusal of the API as an exception; ``reason`` is that of Kubernetes (``NotFound``, ``Forbidden``)."""
    status = answer.body
    reason = status.get("reason") or None
    message = str(status.get("message") or f"HTTP {answer.status}")
    told = f"{VERBS.get(method, method)} {what}: {message}"
    if answer.status == 401:
        told += ". The token was not accepted: it may have expired, or be of another cluster."
    if answer.status == 409 and method != "POST":
        return Conflict(told, status=409, code="conflict", reason=reason, resource=what)
    error = ApiError(told, status=answer.status, code=reason or "api-error", reason=reason, resource=what)
    error.tries = tries
    return error
