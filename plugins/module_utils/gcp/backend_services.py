# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backend services of internal passthrough load balancers:
https://cloud.google.com/compute/docs/reference/rest/v1/regionBackendServices

What stands behind a forwarding rule: groups of machines, and the check that says which of them are well.
"""

from __future__ import annotations

import typing as t

from ..arguments import ArgumentSpec, Call
from .client import Client
from .fields import Default, Field, Fixed, Json, Keyed, Patch, disruptive, disruptive_if_less, full_path, to_api
from .references import URL, Path, Paths, check_link, required
from .resource import GcpResource

AFFINITIES = ("NONE", "CLIENT_IP", "CLIENT_IP_PROTO", "CLIENT_IP_PORT_PROTO", "CLIENT_IP_NO_DESTINATION")
SPEC = ArgumentSpec(
    options={
        "name": {"type": "str", "required": True},
        "region": {"type": "str", "required": True},
        "description": {"type": "str"},
        "load_balancing_scheme": {"type": "str", "choices": ["INTERNAL"], "default": "INTERNAL"},
        "protocol": {"type": "str", "choices": ["TCP", "UDP"]},
        "backends": {
            "type": "list",
            "elements": "dict",
            "options": {
                "group": {"type": "str", "required": True},
                "description": {"type": "str"},
                "failover": {"type": "bool"},
            },
        },
        "purge_backends": {"type": "bool", "default": False},
        "health_checks": {"type": "list", "elements": "str"},
        "session_affinity": {"type": "str", "choices": list(AFFINITIES)},
        "connection_draining": {"type": "dict", "options": {"draining_timeout_sec": {"type": "int"}}},
    }
)

#: how an internal passthrough load balancer spreads connections; there is no other mode for it
MODE = "CONNECTION"
MOST_DRAINING = 3600


class Backends(Keyed):
    """Groups, told apart by their paths. What is not said of one stays."""

    def __init__(self) -> None:
        super().__init__("group")

    def keys(self, value: t.Any) -> dict[tuple[str, ...], Json]:
        return {(str(Path().canonical(item["group"])),): item for item in value or []}

    def canonical(self, value: t.Any) -> t.Any:
        return {
            key: (item.get("description") or "", bool(item.get("failover"))) for key, item in self.keys(value).items()
        }

    def merged(self, current: t.Any, wanted: t.Any, *, exact: bool) -> t.Any:
        return [{"balancingMode": MODE, **item} for item in super().merged(current, wanted, exact=exact)]


def group_path(value: str, project: str | None, region: str) -> str:
    """The path of an instance group, given by its own or its manager's name or URL."""
    path = full_path(value, project, f"regions/{region}/instanceGroups")
    return path.replace("/instanceGroupManagers/", "/instanceGroups/")


def _backends_grade(old: t.Any, new: t.Any) -> t.Any:
    """A group more is safe; one less, or one that becomes the spare, is not."""
    before, after = Backends().canonical(old), Backends().canonical(new)
    moved = any(key in before and before[key][1] != item[1] for key, item in after.items())
    return disruptive(old, new) if moved else disruptive_if_less(Backends())(old, new)


class BackendService(GcpResource):
    kind = "backend_service"
    role = ""
    required = ("health_checks",)
    fingerprinted = True
    fields = (
        Field("description", Patch(), Default("")),
        Field("loadBalancingScheme", Fixed("a service stays with its kind of load balancer; make another one")),
        Field("protocol", Fixed("forwarding rules go by it; make another service, and a rule for that")),
        Field("backends", Patch(_backends_grade), Backends(), purge="purge_backends", encode=lambda value: value),
        Field("healthChecks", Patch(disruptive), Paths()),
        Field("sessionAffinity", Patch(disruptive), Default("NONE")),
        Field("connectionDraining.drainingTimeoutSec", Patch(), Default(0)),
    )

    def __init__(self, client: Client, call: Call, params: t.Mapping[str, t.Any]) -> None:
        project, region = params.get("project") or client.project, params["region"]
        checks = params.get("health_checks")
        backends = params.get("backends")
        super().__init__(
            client,
            call,
            {
                **params,
                "health_checks": checks
                and [full_path(check, project, f"regions/{region}/healthChecks") for check in checks],
                "backends": backends
                and [{**to_api(item), "group": URL + group_path(item["group"], project, region)} for item in backends],
            },
        )

    @property
    def collection(self) -> str:
        return f"projects/{self.project}/regions/{self.params['region']}/backendServices"

    def validate(self) -> None:
        params = self.params
        self.check_name("region", params["region"])
        checks = params.get("health_checks")
        if checks is not None and len(checks) != 1:
            self.invalid("health_checks", checks, "exactly one is wanted")
        for number, check in enumerate(checks or []):
            check_link(self, f"health_checks[{number}]", check)
        draining = (params.get("connection_draining") or {}).get("draining_timeout_sec")
        if draining is not None and not 0 <= draining <= MOST_DRAINING:
            where = "connection_draining.draining_timeout_sec"
            self.invalid(where, draining, f"0 to {MOST_DRAINING} seconds are wanted")
        seen: set[tuple[str, ...]] = set()
        for number, item in enumerate(params.get("backends") or []):
            (key,) = Backends().keys([item])
            check_link(self, f"backends[{number}].group", key[0])
            if key in seen:
                self.invalid(f"backends[{number}].group", key[0], "this group is there twice")
            seen.add(key)

    def creation(self, body: Json) -> Json:
        body.setdefault("protocol", "TCP")
        return body

    def precheck(self, current: Json | None, after: Json, *, check_mode: bool) -> list[str]:
        warnings: list[str] = []
        now = current or {}
        if not Paths().same(after.get("healthChecks"), now.get("healthChecks")):
            for check in after["healthChecks"]:
                path = "projects/" + str(Path().canonical(check))
                required(self, "health check", path, warnings, check_mode=check_mode)
        known = Backends().keys(now.get("backends"))
        for (path,) in Backends().keys(after.get("backends")):
            if (path,) not in known:
                required(self, "instance group", f"projects/{path}", warnings, check_mode=check_mode)
        return warnings
