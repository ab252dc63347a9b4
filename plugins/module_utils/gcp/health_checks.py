# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Health checks: https://cloud.google.com/compute/docs/reference/rest/v1/healthChecks and regionHealthChecks

What load balancers ask their backends, and groups their machines. Global ones and those of a region are alike.
"""

from __future__ import annotations

import typing as t

from ..arguments import ArgumentSpec, Call
from ..engine import Grade
from .client import Client
from .fields import Default, Field, Fixed, Json, Patch, dig, disruptive
from .resource import GcpResource

SPEC = ArgumentSpec(
    options={
        "name": {"type": "str", "required": True},
        "region": {"type": "str"},
        "description": {"type": "str"},
        "type": {"type": "str", "choices": ["TCP", "HTTP"]},
        "tcp_health_check": {"type": "dict", "options": {"port": {"type": "int"}}},
        "http_health_check": {
            "type": "dict",
            "options": {"port": {"type": "int"}, "request_path": {"type": "str"}, "host": {"type": "str"}},
        },
        "check_interval_sec": {"type": "int"},
        "timeout_sec": {"type": "int"},
        "healthy_threshold": {"type": "int"},
        "unhealthy_threshold": {"type": "int"},
    },
    mutually_exclusive=(("tcp_health_check", "http_health_check"),),
)

#: option -> from, to; as gcloud has them
BOUNDS = {
    "check_interval_sec": (1, 300),
    "timeout_sec": (1, 300),
    "healthy_threshold": (1, 10),
    "unhealthy_threshold": (1, 10),
}
_BLOCKS = {"TCP": "tcp_health_check", "HTTP": "http_health_check"}
_DEFAULTS = {"checkIntervalSec": 5, "timeoutSec": 5, "healthyThreshold": 2, "unhealthyThreshold": 2}


def _patience(name: str) -> Field:
    """A check that gives up sooner may find machines unwell that were well."""
    usual = _DEFAULTS[name]

    def grade(old: t.Any, new: t.Any) -> Grade:
        return Grade.DISRUPTIVE if new < (usual if old is None else old) else Grade.SAFE

    return Field(name, Patch(grade), Default(usual))


class HealthCheck(GcpResource):
    kind = "health_check"
    role = ""
    required = ("type",)
    fields = (
        Field("description", Patch(), Default("")),
        Field("type", Fixed("a check keeps its protocol; make another one, and name that where this one is named")),
        Field("tcpHealthCheck.port", Patch(disruptive), Default(80)),
        Field("httpHealthCheck.port", Patch(disruptive), Default(80)),
        Field("httpHealthCheck.requestPath", Patch(disruptive), Default("/")),
        Field("httpHealthCheck.host", Patch(disruptive), Default("")),
        _patience("checkIntervalSec"),
        _patience("timeoutSec"),
        Field("healthyThreshold", Patch(), Default(_DEFAULTS["healthyThreshold"])),
        _patience("unhealthyThreshold"),
    )

    def __init__(self, client: Client, call: Call, params: t.Mapping[str, t.Any]) -> None:
        given = [kind for kind, block in _BLOCKS.items() if params.get(block) is not None]
        super().__init__(client, call, {**params, "type": params.get("type") or (given[0] if given else None)})

    @property
    def collection(self) -> str:
        region = self.params.get("region")
        return f"projects/{self.project}/{f'regions/{region}' if region else 'global'}/healthChecks"

    def validate(self) -> None:
        params = self.params
        if params.get("region") is not None:
            self.check_name("region", params["region"])
        for kind, block in _BLOCKS.items():
            port = dig(params, f"{block}.port")
            if params.get(block) is not None and params["type"] != kind:
                self.invalid(block, params[block], f"it belongs to type: {kind}, not to {params['type']}")
            elif port is not None and not 1 <= port <= 65535:
                self.invalid(f"{block}.port", port, "a port is 1 to 65535")
        path = dig(params, "http_health_check.request_path")
        if path is not None and not path.startswith("/"):
            self.invalid("http_health_check.request_path", path, "a path begins with /, such as /health")
        for option, (least, most) in BOUNDS.items():
            value = params.get(option)
            if value is not None and not least <= value <= most:
                self.invalid(option, value, f"{least} to {most} is wanted")

    def creation(self, body: Json) -> Json:
        block = {"TCP": "tcpHealthCheck", "HTTP": "httpHealthCheck"}[body["type"]]
        body[block] = {"port": 80, **(body.get(block) or {})}
        return body

    def precheck(self, current: Json | None, after: Json, *, check_mode: bool) -> list[str]:
        timeout, interval = ((after.get(key) or _DEFAULTS[key]) for key in ("timeoutSec", "checkIntervalSec"))
        if timeout > interval:
            raise self.refused(
                f"timeout_sec: {timeout} is more than check_interval_sec: {interval}: the API takes no "
                "timeout that is longer than the interval; give both",
                code="invalid-input",
            )
        return []
