# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VPC firewall rules: https://cloud.google.com/compute/docs/reference/rest/v1/firewalls"""

from __future__ import annotations

import typing as t

from .. import addressing
from ..arguments import ArgumentSpec
from ..engine import Grade, Plan, Step
from .client import network_path
from .fields import Default, Field, Fixed, Json, Kind, Link, Names, Patch, disruptive, disruptive_if_less
from .resource import GcpResource
from .subnetworks import missing_network

_PROTOCOLS = {
    "type": "list",
    "elements": "dict",
    "options": {
        "ip_protocol": {"type": "str", "required": True},
        "ports": {"type": "list", "elements": "str"},
    },
}
_NAMES = {"type": "list", "elements": "str"}

SPEC = ArgumentSpec(
    options={
        "name": {"type": "str", "required": True},
        "network": {"type": "str"},
        "description": {"type": "str"},
        "direction": {"type": "str", "choices": ["INGRESS", "EGRESS"]},
        "priority": {"type": "int"},
        "allowed": _PROTOCOLS,
        "denied": _PROTOCOLS,
        "source_ranges": _NAMES,
        "destination_ranges": _NAMES,
        "source_tags": _NAMES,
        "target_tags": _NAMES,
        "source_service_accounts": _NAMES,
        "target_service_accounts": _NAMES,
        "disabled": {"type": "bool"},
        "log_config": {"type": "dict", "options": {"enable": {"type": "bool", "required": True}}},
        "purge_rules": {"type": "bool", "default": False},
        "purge_ranges": {"type": "bool", "default": False},
        "purge_tags": {"type": "bool", "default": False},
    },
    mutually_exclusive=(("allowed", "denied"),),
)


class Protocols(Kind):
    """Protocols with their ports; a protocol may stand several times, no ports means all of them.

    A protocol that is mentioned has exactly the ports that are mentioned with it.
    """

    def canonical(self, value: t.Any) -> dict[str, list[str]]:
        return {name: sorted(ports) for name, ports in self.ports(value).items()}

    @staticmethod
    def ports(value: t.Any) -> dict[str, list[str]]:
        """The ports of each protocol, in the order in which they are given."""
        ports: dict[str, list[str]] = {}
        for item in value or []:
            protocol, mentioned = item["IPProtocol"].lower(), item.get("ports") or []
            everything = not mentioned or ports.get(protocol) == []
            ports[protocol] = [] if everything else list(dict.fromkeys([*ports.get(protocol, []), *mentioned]))
        return ports

    def merged(self, current: t.Any, wanted: t.Any, *, exact: bool) -> t.Any:
        ports = {**({} if exact else self.ports(current)), **self.ports(wanted)}
        return [{"IPProtocol": name, **({"ports": of_it} if of_it else {})} for name, of_it in ports.items()]

    def removed(self, current: t.Any, after: t.Any) -> list[str]:
        now, then = self.canonical(current), self.canonical(after)
        gone = []
        for name, ports in now.items():
            left = then.get(name)
            if left is None or (left and (not ports or set(ports) - set(left))):
                gone.append(name)
        return gone


def _protocols(value: list[dict[str, t.Any]]) -> list[Json]:
    return [
        {"IPProtocol": item["ip_protocol"], **({"ports": item["ports"]} if item.get("ports") else {})} for item in value
    ]


def _denied_grade(old: t.Any, new: t.Any) -> Grade:
    return Grade.SAFE if Protocols().canonical(new) == Protocols().canonical(old) else Grade.DISRUPTIVE


def _destinations_grade(old: t.Any, new: t.Any) -> Grade:
    """Fewer destinations; no list at all means every destination."""
    return Grade.DISRUPTIVE if not old else disruptive_if_less(Names())(old, new)


def _ranges(option: str, grade: t.Callable[[t.Any, t.Any], Grade]) -> Field:
    return Field(option, Patch(grade), Names(), purge="purge_ranges")


def _tags(option: str) -> Field:
    # a tag more on either side is fewer sources or more targets, depending on the rule: never plainly safe
    return Field(option, Patch(disruptive), Names(), purge="purge_tags")


class FirewallRule(GcpResource):
    kind = "firewall_rule"
    required = ("network",)
    fields = (
        Field("description", Patch()),
        Field("network", Fixed("a rule stays in its network"), Link()),
        Field("direction", kind=Default("INGRESS")),
        Field("priority", Patch(disruptive), Default(1000)),
        Field("allowed", Patch(disruptive_if_less(Protocols())), Protocols(), purge="purge_rules", encode=_protocols),
        Field("denied", Patch(_denied_grade), Protocols(), purge="purge_rules", encode=_protocols),
        _ranges("sourceRanges", disruptive_if_less(Names())),
        _ranges("destinationRanges", _destinations_grade),
        _tags("sourceTags"),
        _tags("targetTags"),
        _tags("sourceServiceAccounts"),
        _tags("targetServiceAccounts"),
        Field("disabled", Patch(disruptive), Default(False)),
        Field("logConfig.enable", Patch(), Default(False)),
    )

    @property
    def collection(self) -> str:
        return f"projects/{self.project}/global/firewalls"

    def validate(self) -> None:
        if self.params.get("network") is not None:
            self.check_name("network", str(Link().canonical(self.params["network"])))
        priority = self.params.get("priority")
        if priority is not None and not 0 <= priority <= 65535:
            self.invalid("priority", priority, "a priority is 0 (first) to 65535 (last)")
        for option in ("source_ranges", "destination_ranges"):
            if self.params.get(option) == []:
                self.invalid(option, [], "an empty list would mean everywhere; leave it out, or say 0.0.0.0/0")
            for number, cidr in enumerate(self.params.get(option) or []):
                if ":" in cidr:
                    continue
                try:
                    addressing.parse(cidr)
                except addressing.AddressingError as error:
                    self.invalid(f"{option}[{number}]", cidr, str(error), code=error.code)
        for option in ("allowed", "denied"):
            for number, item in enumerate(self.params.get(option) or []):
                where = f"{option}[{number}]"
                if not item["ip_protocol"]:
                    self.invalid(f"{where}.ip_protocol", "", "a protocol is a name (tcp, udp, icmp, all) or a number")
                for port in item.get("ports") or []:
                    ends = port.split("-")
                    numbers = [int(end) for end in ends if end.isdigit() and int(end) <= 65535]
                    if len(numbers) != len(ends) or len(ends) > 2 or numbers != sorted(numbers):
                        self.invalid(
                            f"{where}.ports", port, "a port is a number up to 65535, or a range such as 8000-8100"
                        )
        if self.params.get("direction") == "EGRESS":
            for option in ("source_ranges", "source_tags", "source_service_accounts"):
                if self.params.get(option):
                    self.invalid(option, self.params[option], "an EGRESS rule has no sources; use destination_ranges")
        tags = self.params.get("source_tags") or self.params.get("target_tags")
        accounts = self.params.get("source_service_accounts") or self.params.get("target_service_accounts")
        if tags and accounts:
            self.invalid("source_tags/target_tags", tags, "tags and service accounts cannot be used in one rule")

    def plan(self, current: Json | None, *, check_mode: bool) -> Plan:
        for option, other in (("allowed", "denied"), ("denied", "allowed")):
            if current and self.params.get(option) and current.get(other):
                raise self.refused(
                    f"it has {other} and cannot get {option}: make another rule, and delete this one",
                    code="fixed-at-creation",
                )
        return super().plan(current, check_mode=check_mode)

    def precheck(self, current: Json | None, after: Json, *, check_mode: bool) -> list[str]:
        return [] if current else missing_network(self, after["network"], check_mode=check_mode)

    def creation(self, body: Json) -> Json:
        sources = ("sourceRanges", "sourceTags", "sourceServiceAccounts")
        if body.get("allowed") and body.get("direction") != "EGRESS" and not any(body.get(key) for key in sources):
            raise self.refused(
                "a rule without sources admits the whole internet: give source_ranges (source_ranges: [0.0.0.0/0] if "
                "that is meant)",
                code="invalid-input",
            )
        body["network"] = network_path(self.params["network"], self.project)
        if not body.get("allowed") and not body.get("denied"):
            raise self.refused("to create a rule, give allowed or denied", code="invalid-input")
        return body

    def patch_step(
        self,
        current: Json,
        patch: Json,
        patched: t.Sequence[str],
        grade: Grade = Grade.SAFE,
        summary: str | None = None,
    ) -> Step:
        if current.get("denied") and {"sourceRanges", "destinationRanges"} & set(patched):
            # what is more for a rule that denies is less for the traffic
            grade = Grade.DISRUPTIVE
        return super().patch_step(current, patch, patched, grade, summary)
