# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Managed instance groups: https://cloud.google.com/compute/docs/reference/rest/v1/regionInstanceGroupManagers

A group keeps so many machines, made from a template, and with a health check makes those anew that fall silent. It is
regional, over several zones, or of one zone; both kinds are alike.
"""

from __future__ import annotations

import typing as t

from ..arguments import ArgumentSpec, Call
from ..engine import Grade, Plan, Step
from ..errors import Timeout
from .client import Client
from .fields import Default, Field, Fixed, Json, Kind, Patch, Request, Via, dig, full_path
from .references import Path, check_link, required
from .resource import NAME, GcpResource

SPEC = ArgumentSpec(
    options={
        "name": {"type": "str", "required": True},
        "region": {"type": "str"},
        "zone": {"type": "str"},
        "description": {"type": "str"},
        "instance_template": {"type": "str"},
        "target_size": {"type": "int"},
        "base_instance_name": {"type": "str"},
        "auto_healing_policies": {
            "type": "list",
            "elements": "dict",
            "options": {"health_check": {"type": "str"}, "initial_delay_sec": {"type": "int"}},
        },
        "distribution_policy": {
            "type": "dict",
            "options": {"zones": {"type": "list", "elements": "str"}},
        },
        "wait_stable": {"type": "int", "default": 600},
    },
    mutually_exclusive=(("region", "zone"),),
    required_one_of=(("region", "zone"),),
)

#: https://cloud.google.com/load-balancing/docs/health-check-concepts#ip-ranges
CHECKERS = "35.191.0.0/16 and 130.211.0.0/22"
#: the API appends a hyphen and four characters
MOST_OF_BASE = 58
#: how many of the group's errors a message shows
MOST_ERRORS = 3

_AT_CREATION = "this module gives it to new groups only; make another group, under another name"


class Healing(Kind):
    """At most one policy. What is not said of it stays."""

    @staticmethod
    def policy(value: t.Any) -> Json:
        return next((item for item in value or [] if item), {})

    def canonical(self, value: t.Any) -> t.Any:
        policy = self.policy(value)
        return Path().canonical(policy.get("healthCheck")), policy.get("initialDelaySec") or 0

    def merged(self, current: t.Any, wanted: t.Any, *, exact: bool) -> t.Any:
        return [{**self.policy(current), **self.policy(wanted)}] if wanted else []


def _healing_grade(old: t.Any, new: t.Any) -> Grade:
    """Machines that another check finds unwell are made anew."""
    before, after = (Healing().canonical(value)[0] for value in (old, new))
    return Grade.DISRUPTIVE if after and after != before else Grade.SAFE


class Zones(Kind):
    """Zones, by name or link, as a whole."""

    def canonical(self, value: t.Any) -> t.Any:
        return sorted(str(item["zone"]).rpartition("/")[2] for item in value or [])


def _set_template(group: InstanceGroupManager, current: Json, new: str) -> list[Step]:
    # by itself this is for machines that are made from now on
    rolled = dig(current, "updatePolicy.type") == "PROACTIVE"
    body = {"instanceTemplate": new}
    return [
        Step(
            "update",
            f"set template {new.rpartition('/')[2]} for {group.kind} {group.name}",
            Request("POST", f"{group.path}/setInstanceTemplate", body),
            Grade.DISRUPTIVE if rolled else Grade.SAFE,
            ("instanceTemplate",),
        )
    ]


def _resize(group: InstanceGroupManager, current: Json, new: int) -> list[Step]:
    now = current.get("targetSize") or 0
    return [
        Step(
            "update",
            f"resize {group.kind} {group.name} from {now} to {new}",
            Request("POST", f"{group.path}/resize", query={"size": new}),
            Grade.DISRUPTIVE if new < now else Grade.SAFE,
            ("targetSize",),
        )
    ]


class InstanceGroupManager(GcpResource):
    kind = "instance_group_manager"
    role = ""
    required = ("instance_template", "target_size")
    fingerprinted = True
    fields = (
        Field("description", Patch(), Default("")),
        Field("baseInstanceName", Fixed(_AT_CREATION)),
        Field("distributionPolicy.zones", Fixed(_AT_CREATION), Zones()),
        Field("autoHealingPolicies", Patch(_healing_grade), Healing()),
        Field("instanceTemplate", Via(_set_template), Path()),
        Field("targetSize", Via(_resize), Default(0)),
    )

    def __init__(self, client: Client, call: Call, params: t.Mapping[str, t.Any]) -> None:
        project, params = params.get("project") or client.project, dict(params)
        if params.get("instance_template"):
            params["instance_template"] = full_path(params["instance_template"], project, "global/instanceTemplates")
        params["auto_healing_policies"] = params.get("auto_healing_policies") and [
            {**item, "health_check": item["health_check"] and full_path(item["health_check"], project, _CHECKS)}
            for item in params["auto_healing_policies"]
        ]
        zones = dig(params, "distribution_policy.zones")
        if zones is not None:
            links = [{"zone": full_path(zone, project, "zones")} for zone in zones]
            params["distribution_policy"] = {"zones": links}
        #: whether something else decides about the size
        self.autoscaled = False
        super().__init__(client, call, params)

    @property
    def place(self) -> str:
        region = self.params.get("region")
        return f"regions/{region}" if region else f"zones/{self.params['zone']}"

    @property
    def collection(self) -> str:
        return f"projects/{self.project}/{self.place}/instanceGroupManagers"

    def validate(self) -> None:
        params = self.params
        for option in ("region", "zone"):
            if params.get(option) is not None:
                self.check_name(option, params[option])
        check_link(self, "instance_template", params.get("instance_template"))
        base = params.get("base_instance_name")
        if base is not None:
            self.check_name("base_instance_name", base, MOST_OF_BASE)
        size = params.get("target_size")
        if size is not None and size < 0:
            self.invalid("target_size", size, "a number of machines is wanted, 0 for none")
        if params["wait_stable"] < 0:
            self.invalid("wait_stable", params["wait_stable"], "a number of seconds is wanted, 0 for no wait")
        policies = params.get("auto_healing_policies") or []
        if len(policies) > 1:
            self.invalid("auto_healing_policies", len(policies), "a group has one policy at most")
        for number, policy in enumerate(policies):
            check_link(self, f"auto_healing_policies[{number}].health_check", policy.get("health_check"))
            delay = policy.get("initial_delay_sec")
            if delay is not None and not 0 <= delay <= 3600:
                where = f"auto_healing_policies[{number}].initial_delay_sec"
                self.invalid(where, delay, "0 to 3600 seconds are wanted")
        self._check_zones()

    def _check_zones(self) -> None:
        zones = dig(self.params, "distribution_policy.zones")
        if zones is None:
            return
        region = self.params.get("region")
        if region is None:
            self.invalid("distribution_policy", "zones", "a group of one zone has no others; give region, not zone")
            return
        if not zones:
            self.invalid("distribution_policy.zones", [], "name zones, or leave it out for Google's choice")
        for number, item in enumerate(zones):
            zone = item["zone"].rpartition("/")[2]
            if not NAME.fullmatch(zone) or zone.rpartition("-")[0] != region:
                self.invalid(f"distribution_policy.zones[{number}]", zone, f"it is no zone of region {region}")

    def creation(self, body: Json) -> Json:
        body.setdefault("baseInstanceName", self.name[:MOST_OF_BASE].rstrip("-"))
        policies = body.get("autoHealingPolicies")
        if policies and not policies[0].get("healthCheck"):
            raise self.refused("auto_healing_policies: to heal, give health_check", code="invalid-input")
        return body

    def plan(self, current: Json | None, *, check_mode: bool) -> Plan:
        if current and self.params["state"] == "present":
            self.autoscaled = bool(dig(current, "status.autoscaler"))
            if self.params.get("instance_template") and len(current.get("versions") or []) > 1:
                raise self.refused(
                    "it has several versions, that is, an update that goes on: end that with the tool that began it, "
                    "or leave instance_template out",
                    code="several-versions",
                )
        return super().plan(current, check_mode=check_mode)

    def merged(self, item: Field, now: t.Any, wanted: t.Any) -> t.Any:
        if item.path == "targetSize" and self.autoscaled:
            return now
        return super().merged(item, now, wanted)

    def precheck(self, current: Json | None, after: Json, *, check_mode: bool) -> list[str]:
        warnings: list[str] = []
        template = after.get("instanceTemplate")
        policy = Healing.policy(after.get("autoHealingPolicies"))
        if current and policy and not policy.get("healthCheck"):
            raise self.refused("auto_healing_policies: to heal, give health_check", code="invalid-input")
        if template and not Path().same(template, (current or {}).get("instanceTemplate")):
            required(self, "instance template", template, warnings, check_mode=check_mode)
            if current and dig(current, "updatePolicy.type") != "PROACTIVE":
                warnings.append(
                    f"{self.label}: machines that there are stay as they were made; those that are made from now on "
                    f"are of template {template.rpartition('/')[2]}."
                )
        check = policy.get("healthCheck")
        if check and not Healing().same([policy], (current or {}).get("autoHealingPolicies")):
            required(self, "health check", "projects/" + Path().canonical(check), warnings, check_mode=check_mode)
        return warnings

    # -- until it stands

    def afterwards(self, observed: Json | None) -> Json | None:
        """Wait until the group has come to rest; if it does not, say why."""
        seconds = self.params["wait_stable"]
        if not seconds or not self.client.wait or self.params["state"] == "absent":
            return observed
        seen: list[Json] = [observed or {}]

        def missing() -> list[str]:
            if not dig(seen[0], "status.isStable"):
                seen[0] = self.read() or {}
            return [] if dig(seen[0], "status.isStable") else [doing(seen[0])]

        left = self.client.wait_until(missing, seconds, f"{self.label}: waiting until it is stable")
        if left:
            raise Timeout(
                f"{self.label}: after {seconds} s (wait_stable) it is not stable: {left[0]}.{self.why(seen[0])}",
                code="group-not-stable",
                resource=self.label,
            )
        return seen[0]

    def why(self, group: Json) -> str:
        """What the group itself says went wrong, the latest first; and what keeps machines from being well."""
        found = self.client.list_all("compute", f"{self.path}/listErrors")
        found.sort(key=lambda item: str(item.get("timestamp")), reverse=True)
        texts = dict.fromkeys(
            f"{dig(item, 'error.code')}: {dig(item, 'error.message')}".replace("\n", " ") for item in found
        )
        said = "".join(f" It says {text.rstrip('.')}." for text in list(texts)[:MOST_ERRORS])
        if dig(group, "currentActions.verifying"):
            said += (
                " No answer to the health check yet: does something listen on its port, and does the firewall admit "
                f"{CHECKERS}?"
            )
        return said


_CHECKS = "global/healthChecks"


def doing(group: Json) -> str:
    """What goes on in a group, in words: 'creating 2, verifying 1'."""
    actions = {name: count for name, count in (group.get("currentActions") or {}).items() if count and name != "none"}
    return ", ".join(f"{name} {count}" for name, count in actions.items()) or "something is about to be changed"
