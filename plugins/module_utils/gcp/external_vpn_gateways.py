# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Google is told of gateways elsewhere: https://cloud.google.com/compute/docs/reference/rest/v1/externalVpnGateways

Nothing of one can be changed: a difference is a replacement, which is possible while no tunnel uses it.
"""

from __future__ import annotations

import ipaddress
import typing as t

from ..arguments import ArgumentSpec
from ..engine import Grade, Plan, Step
from ..errors import Refused
from .fields import Default, Field, Json, Keyed, Request
from .resource import GcpResource
from .vpn_gateways import held_by_tunnels, tunnels_of

SPEC = ArgumentSpec(
    options={
        "name": {"type": "str", "required": True},
        "description": {"type": "str"},
        "interfaces": {
            "type": "list",
            "elements": "dict",
            "options": {
                "id": {"type": "int", "required": True},
                "ip_address": {"type": "str", "required": True},
            },
        },
        "redundancy_type": {
            "type": "str",
            "choices": ["SINGLE_IP_INTERNALLY_REDUNDANT", "TWO_IPS_REDUNDANCY", "FOUR_IPS_REDUNDANCY"],
        },
        "confirm_replace": {"type": "str"},
    }
)

#: how many interfaces -> the redundancy type
REDUNDANCY = {1: "SINGLE_IP_INTERNALLY_REDUNDANT", 2: "TWO_IPS_REDUNDANCY", 4: "FOUR_IPS_REDUNDANCY"}


class _Interfaces(Keyed):
    """Always given as a whole: what a gateway has is fixed. An API may leave out a number that is 0."""

    def keys(self, value: t.Any) -> dict[tuple[str, ...], Json]:
        return {(str(item.get("id", 0)),): {"id": 0, **item} for item in value or []}

    def merged(self, current: t.Any, wanted: t.Any, *, exact: bool) -> t.Any:
        return super().merged(current, wanted, exact=True)


class ExternalVpnGateway(GcpResource):
    kind = "external_vpn_gateway"
    role = "vpn"
    required = ("interfaces",)
    fields = (
        Field("description", kind=Default("")),
        Field("interfaces", kind=_Interfaces("id")),
        Field("redundancyType"),
    )

    @property
    def collection(self) -> str:
        return f"projects/{self.project}/global/externalVpnGateways"

    def validate(self) -> None:
        interfaces = self.params.get("interfaces")
        if interfaces is None:
            return
        count, said = len(interfaces), self.params.get("redundancy_type")
        if count not in REDUNDANCY:
            self.invalid("interfaces", count, "a gateway has 1, 2 or 4 interfaces; an AWS VPN of two connections has 4")
        elif said and said != REDUNDANCY[count]:
            self.invalid("redundancy_type", said, f"{count} interfaces are {REDUNDANCY[count]}; or leave it out")
        if sorted(item["id"] for item in interfaces) != list(range(count)):
            ids = [item["id"] for item in interfaces]
            self.invalid(
                "interfaces[].id", ids, f"the ids of {count} interfaces are 0 to {count - 1}, each of them once"
            )
        seen = set()
        for number, item in enumerate(interfaces):
            option, text = f"interfaces[{number}].ip_address", item["ip_address"]
            try:
                address = ipaddress.IPv4Address(text)
            except ValueError:
                self.invalid(option, text, "an IPv4 address is wanted, such as 203.0.113.1")
                continue
            if address in seen:
                self.invalid(option, text, "this address is given twice")
            seen.add(address)

    def creation(self, body: Json) -> Json:
        body.setdefault("redundancyType", REDUNDANCY[len(body["interfaces"])])
        return body

    def replacement(self, current: Json, differences: list[Refused], *, check_mode: bool) -> Plan | None:
        if self.params.get("interfaces") is None:
            return None
        if not self.marked(current):
            raise self.refused("podreach.gke did not create it, so it does not replace it", code="not-ours")
        left = tunnels_of(self, "peerExternalGateway")
        if left:
            raise self.refused(
                f"its interfaces cannot be changed, and tunnels still use it: {', '.join(left)}. Make another external "
                "gateway under another name, and replace the tunnels by tunnels to it, one after the other.",
                code="holds-others",
            )
        return replace_plan(self, current, differences, check_mode=check_mode)

    def removal_refusal(self, current: Json) -> Refused | None:
        return held_by_tunnels(self, "peerExternalGateway")


def replace_plan(resource: GcpResource, current: Json, differences: t.Sequence[t.Any], *, check_mode: bool) -> Plan:
    """Delete and make anew, saying what differs. Whatever the create call needs is looked at before."""
    creation = resource._plan_creation(check_mode=check_mode)
    why = "; ".join(str(item).removeprefix(f"{resource.label}: ") for item in differences)
    summary = f"delete {resource.kind} {resource.name} and make it anew ({why})"
    replace = Step("replace", summary, Request("DELETE", resource.path), Grade.DESTRUCTIVE)
    return Plan(resource.projection(current), creation.after, (replace, *creation.steps), creation.warnings)
