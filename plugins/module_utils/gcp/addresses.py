# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reserved addresses: https://cloud.google.com/compute/docs/reference/rest/v1/addresses

Internal ones are what a Service of type LoadBalancer can be given a fixed address from. Nothing of one can be changed.
"""

from __future__ import annotations

import ipaddress

from ..arguments import ArgumentSpec
from ..errors import Refused
from .fields import Default, Field, Fixed, Json, Link, full_path
from .resource import GcpResource

SPEC = ArgumentSpec(
    options={
        "name": {"type": "str", "required": True},
        "region": {"type": "str"},
        "description": {"type": "str"},
        "address_type": {"type": "str", "choices": ["INTERNAL", "EXTERNAL"], "default": "INTERNAL"},
        "address": {"type": "str"},
        "subnetwork": {"type": "str"},
        "purpose": {"type": "str", "choices": ["GCE_ENDPOINT", "SHARED_LOADBALANCER_VIP"]},
    }
)

_ANOTHER = "a reservation is fixed; delete this one, or reserve under another name"


class Address(GcpResource):
    kind = "address"
    fields = (
        Field("description", kind=Default("")),
        Field("addressType", Fixed(_ANOTHER), Default("EXTERNAL")),
        Field("address", Fixed(_ANOTHER)),
        Field("subnetwork", Fixed(_ANOTHER), Link()),
        Field("purpose", Fixed(_ANOTHER), Default("GCE_ENDPOINT")),
    )

    @property
    def collection(self) -> str:
        region = self.params.get("region")
        return f"projects/{self.project}/{f'regions/{region}' if region else 'global'}/addresses"

    def validate(self) -> None:
        params = self.params
        if params.get("region") is not None:
            self.check_name("region", params["region"])
        if params.get("subnetwork") is not None:
            self.check_name("subnetwork", str(Link().canonical(params["subnetwork"])))
        if params["address_type"] == "INTERNAL":
            if params.get("region") is None:
                self.invalid("region", None, "an internal address is in a region: say which")
        else:
            for option in ("subnetwork", "purpose", "address"):
                if params.get(option) is not None:
                    self.invalid(
                        option, params[option], "only address_type: INTERNAL takes it; Google chooses the rest"
                    )
        if params.get("address") is not None:
            try:
                ipaddress.IPv4Address(params["address"])
            except ValueError:
                self.invalid("address", params["address"], "an IPv4 address is wanted, such as 10.1.1.77")

    def creation(self, body: Json) -> Json:
        if body["addressType"] == "INTERNAL":
            if not body.get("subnetwork"):
                raise self.refused("to reserve an internal address, give subnetwork", code="invalid-input")
            place = f"regions/{self.params['region']}/subnetworks"
            body["subnetwork"] = full_path(body["subnetwork"], self.project, place)
        return body

    def precheck(self, current: Json | None, after: Json, *, check_mode: bool) -> list[str]:
        if current or not after.get("subnetwork"):
            return []
        path = after["subnetwork"]
        subnetwork = self.look_at(path)
        if subnetwork is None:
            if check_mode:
                return [f"{self.label}: subnetwork {path} does not exist yet; counted as planned."]
            raise self.refused(f"subnetwork {path} does not exist: create it first", code="missing-prerequisite")
        if after.get("address") and subnetwork.get("ipCidrRange"):
            refusal = place_refusal(self, "address", after["address"], subnetwork["ipCidrRange"], path)
            if refusal:
                raise refusal
        return []

    def removal_refusal(self, current: Json) -> Refused | None:
        users = current.get("users") or []
        names = ", ".join("projects/" + user.split("/projects/", 1)[-1] for user in users)
        if users and self.call.check_mode:
            # whoever plans this may plan to delete them before
            self.call.warn(f"{self.label}: it is in use by {names}; counted as planned to go.")
        elif users:
            return self.refused(f"it is in use by {names}: delete these first", code="in-use")
        return None


def place_refusal(resource: GcpResource, option: str, text: str, cidr: str, path: str) -> Refused | None:
    """Why an internal address cannot be one of this subnetwork with this primary range, if so."""
    address, network = ipaddress.IPv4Address(text), ipaddress.IPv4Network(cidr)
    if address not in network:
        return resource.refused(
            f"{option}: {text} is not in {network}, the primary range of subnetwork {path}: take one of that range, "
            f"or leave {option} out",
            code="address-outside",
        )
    # https://cloud.google.com/vpc/docs/subnets#unusable-ip-addresses-in-every-subnet
    if address in (network[0], network[1], network[-2], network[-1]):
        return resource.refused(
            f"{option}: {text} is one of the four that Google keeps for itself in {network} (the first two and the "
            "last two): take another",
            code="address-reserved",
        )
    return None
