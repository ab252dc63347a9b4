# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scripted wire: the requests that are expected, in order, each with its reply. Nothing more and nothing less."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.podreach.gke.plugins.module_utils.arguments import Call, Definition
from ansible_collections.podreach.gke.plugins.module_utils.errors import PodreachError
from ansible_collections.podreach.gke.plugins.module_utils.gcp import client, transport

COMPUTE = "https://compute.googleapis.com/compute/v1/"
CONTAINER = "https://container.googleapis.com/v1/"
RESOURCE_MANAGER = "https://cloudresourcemanager.googleapis.com/v1/"
#: the shortest pause of a wait in seconds, by which it may go beyond its end
LAST_PAUSE = 0.011
#: what is asked by POST and changes nothing
READING = ("/getHealth", "/listManagedInstances")


@dataclass
class Expected:
    """One request and its reply. ``path`` is below the API's root, without the query."""

    method: str
    path: str
    reply: dict[str, t.Any] | OSError = field(default_factory=dict)
    body: dict[str, t.Any] | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    #: what the query must hold, apart from the request id; not looked at where it is None
    query: dict[str, str] | None = None


def absent(path: str) -> Expected:
    """A read of what does not exist."""
    return Expected("GET", path, google_error(404, "notFound"), status=404)


def google_error(status: int, reason: str, message: str = "no") -> dict[str, t.Any]:
    return {
        "error": {
            "code": status,
            "message": message,
            "errors": [{"message": message, "domain": "global", "reason": reason}],
        }
    }


def operation(
    kind: str = "insert", target: str = "", status: str = "DONE", name: str = "op-1", **more: t.Any
) -> dict[str, t.Any]:
    """A compute operation of project p."""
    return {
        "kind": "compute#operation",
        "name": name,
        "operationType": kind,
        "status": status,
        "targetLink": f"https://www.googleapis.com/compute/v1/{target}",
        "selfLink": f"https://www.googleapis.com/compute/v1/projects/p/global/operations/{name}",
        **more,
    }


def container_operation(
    kind: str = "CREATE_CLUSTER", status: str = "DONE", name: str = "operation-1", **more: t.Any
) -> dict[str, t.Any]:
    """A container operation of project p in asia-northeast1."""
    return {
        "name": name,
        "operationType": kind,
        "status": status,
        "zone": "asia-northeast1",
        "location": "asia-northeast1",
        "selfLink": f"https://container.googleapis.com/v1/projects/100/locations/asia-northeast1/operations/{name}",
        **more,
    }


class Wire:
    """The transport of a test. ``time`` passes only by sleeping."""

    def __init__(self, *expected: Expected) -> None:
        self.expected = list(expected)
        self.request_ids: list[str] = []
        #: method and path of all that was asked
        self.asked: list[tuple[str, str]] = []
        self.time = 0.0
        self.sleeps: list[float] = []

    def __call__(self, method: str, url: str, body: dict[str, t.Any] | None) -> transport.Answer:
        bare = url.split("?")[0]
        for root in (COMPUTE, CONTAINER, RESOURCE_MANAGER):
            bare = bare.removeprefix(root)
        assert self.expected, f"nothing more was expected, but there came {method} {bare} {body}"
        want = self.expected.pop(0)
        assert (method, bare) == (want.method, want.path), f"expected {want.method} {want.path}"
        self.asked.append((method, bare))
        if want.body is not None:
            assert body == want.body
        query = parse_qs(urlsplit(url).query)
        if method != "GET" and url.startswith(COMPUTE) and not bare.endswith((*READING, "/setIamPolicy")):
            self.request_ids += query.pop("requestId")
        assert "requestId" not in query, "only a change of compute bears a request id"
        if want.query is not None:
            assert {name: values[0] for name, values in query.items()} == want.query
        if isinstance(want.reply, OSError):
            raise want.reply
        return transport.Answer(want.status, want.headers, want.reply)

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.time += seconds

    def client(self, *, timeout: float = 600, **more: t.Any) -> client.Client:
        """A client over this wire, for project p."""
        urls = {"compute": COMPUTE, "container": CONTAINER, "cloudresourcemanager": RESOURCE_MANAGER}
        return client.Client(self, urls, project="p", timeout=timeout, clock=self, **more)  # type: ignore[arg-type]

    def fails(self, definition: Definition, params: dict[str, t.Any], **more: t.Any) -> PodreachError:
        """Run a module that must fail, and make sure that all that was expected was asked before it did."""
        with pytest.raises(PodreachError) as caught:
            self.run(definition, params, **more)
        assert not self.expected, f"not asked: {self.expected}"
        return caught.value

    def run(
        self,
        definition: Definition,
        params: dict[str, t.Any],
        *,
        check_mode: bool = False,
        lines: list[str] | None = None,
        warnings: list[str] | None = None,
        run_dir: str | None = None,
    ) -> dict[str, t.Any]:
        """Run a module over this wire, and make sure that all that was expected was asked."""
        args = {"project": "p", "access_token": "a-token-of-the-test", **params}
        validation = ArgumentSpecValidator(definition.spec.options, **definition.spec.rules()).validate(args)
        assert not validation.errors.errors, validation.error_messages
        call = Call(
            params=validation.validated_parameters,
            check_mode=check_mode,
            diff=True,
            progress=(lines if lines is not None else []).append,
            warn=(warnings if warnings is not None else []).append,
            run_dir=run_dir,
        )
        with mock.patch.object(client, "HttpTransport", lambda session: self), mock.patch.object(client, "Clock", self):
            result = definition.execute(call)
        assert not self.expected, f"not asked: {self.expected}"
        return result
