# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HA VPN gateways: https://cloud.google.com/compute/docs/reference/rest/v1/vpnGateways

Two interfaces, whose addresses Google chooses. Nothing of a gateway can be changed afterwards, and another gateway has
other addresses: every peer would have to be told. So a difference is refused, never mended by a replacement.
"""

from __future__ import annotations

import typing as t

from ..arguments import ArgumentSpec
from ..errors import ApiError, Refused
from .client import network_path
from .fields import Default, Field, Fixed, Json, Link
from .resource import GcpResource
from .subnetworks import missing_network

SPEC = ArgumentSpec(
    options={
        "name": {"type": "str", "required": True},
        "region": {"type": "str", "required": True},
        "network": {"type": "str"},
        "description": {"type": "str"},
        "stack_type": {"type": "str", "choices": ["IPV4_ONLY", "IPV4_IPV6", "IPV6_ONLY"]},
        "gateway_ip_version": {"type": "str", "choices": ["IPV4", "IPV6"]},
    }
)

_ANOTHER = "another gateway would have other addresses; make one under another name, and move the tunnels there"


class VpnGateway(GcpResource):
    kind = "vpn_gateway"
    role = "vpn"
    required = ("network",)
    fields = (
        Field("description", kind=Default("")),
        Field("network", Fixed("a gateway stays in its network"), Link()),
        Field("stackType", Fixed(_ANOTHER), Default("IPV4_ONLY")),
        Field("gatewayIpVersion", Fixed(_ANOTHER), Default("IPV4")),
    )

    @property
    def collection(self) -> str:
        return f"projects/{self.project}/regions/{self.params['region']}/vpnGateways"

    def validate(self) -> None:
        self.check_name("region", self.params["region"])
        if self.params.get("network") is not None:
            self.check_name("network", str(Link().canonical(self.params["network"])))

    def creation(self, body: Json) -> Json:
        body["network"] = network_path(self.params["network"], self.project)
        return body

    def precheck(self, current: Json | None, after: Json, *, check_mode: bool) -> list[str]:
        return [] if current else missing_network(self, after["network"], check_mode=check_mode)

    def removal_refusal(self, current: Json) -> Refused | None:
        return held_by_tunnels(self, "vpnGateway", "peerGcpGateway")


def tunnels_of(resource: GcpResource, *fields: str) -> list[str]:
    """The tunnels of the project that name this resource in one of these fields, and are there to stay."""
    try:
        found = resource.client.list_all("compute", f"projects/{resource.project}/aggregated/vpnTunnels")
    except ApiError as error:
        if error.status == 403:
            return []  # the API itself refuses what is in use
        raise
    paths = []
    for tunnel in found:
        links = [str(tunnel[field]) for field in fields if tunnel.get(field)]
        if any(link.endswith(f"/{resource.path}") for link in links):
            paths.append("projects/" + str(tunnel["selfLink"]).split("/projects/", 1)[1])
    return [path for path in paths if not _going(resource, path)]


def _going(resource: GcpResource, path: str) -> bool:
    sibling = resource.sibling(path)
    return bool(sibling and sibling.planned and sibling.planned.after is None)


def held_by_tunnels(resource: GcpResource, *fields: t.Any) -> Refused | None:
    """Why a gateway or router may not be deleted: tunnels still hang on it."""
    left = tunnels_of(resource, *fields)
    if left:
        return resource.refused(f"tunnels still use it: {', '.join(left)}. Delete these first.", code="holds-others")
    return None
