# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.externalVpnGateways: what Google is told of the gateways at the other end, AWS's for example."""

from __future__ import annotations

import typing as t

from ..core import Call, method
from ..faults import in_use, invalid, required
from ..state import Body, Resource
from . import allocation, vpn_gateways
from .common import bodies, delete, insert, listed, need
from .labels import set_labels

KIND = "compute#externalVpnGateway"
REDUNDANCY = {1: "SINGLE_IP_INTERNALLY_REDUNDANT", 2: "TWO_IPS_REDUNDANCY", 4: "FOUR_IPS_REDUNDANCY"}
"""By how many interfaces there are."""


def collection(call: Call) -> str:
    return f"projects/{call.project}/global/externalVpnGateways"


def find(call: Call, name: str) -> Resource:
    return t.cast(Resource, call.get(f"{collection(call)}/{name}"))


@method("compute.externalVpnGateways.insert")
def insert_gateway(call: Call) -> Body:
    body = call.lab.discovery.writable("compute", "ExternalVpnGateway", call.body)
    need(body, "name", "interfaces")
    body["interfaces"] = check_interfaces(call, body["interfaces"], body.get("redundancyType"))
    body["redundancyType"] = REDUNDANCY[len(body["interfaces"])]
    body["labelFingerprint"] = call.state.new_fingerprint()
    path = f"{collection(call)}/{body['name']}"
    return insert(call, KIND, path, body, verb="compute.externalVpnGateways.insert")


def check_interfaces(call: Call, interfaces: list[Body], redundancy: str | None) -> list[Body]:
    """Their ids must be those that the redundancy type has, and their addresses not Google's."""
    expected = REDUNDANCY.get(len(interfaces))
    if expected is None or redundancy not in (None, expected):
        raise invalid(
            "resource.interfaces", "", f"{len(interfaces)} interfaces do not fit the redundancy type {redundancy}."
        )
    ours = vpn_gateways.addresses(call.state)
    found: dict[int, Body] = {}
    for at, item in enumerate(interfaces):
        where = f"resource.interfaces[{at}]"
        number = item.get("id", 0)
        if number in found or not 0 <= number < len(interfaces):
            raise invalid(
                f"{where}.id", number, f"The ids of {expected} are 0 to {len(interfaces) - 1}, each of them once."
            )
        if item.get("ipv6Address"):
            raise invalid(f"{where}.ipv6Address", item["ipv6Address"], "The lab models IPv4 only.")
        if not item.get("ipAddress"):
            raise required(f"{where}.ipAddress")
        address = str(allocation.parse(item["ipAddress"], f"{where}.ipAddress"))
        if address in ours:
            raise invalid(
                f"{where}.ipAddress",
                address,
                "You cannot provide an interface with an IP address owned by Google Cloud. You can only create tunnels "
                "from an HA gateway to an HA gateway or create tunnels from an HA gateway to an ExternalVpnGateway.",
            )
        found[number] = {"id": number, "ipAddress": address}
    return [found[number] for number in sorted(found)]


@method("compute.externalVpnGateways.get")
def get_gateway(call: Call) -> Body:
    return find(call, call.params["externalVpnGateway"]).body


@method("compute.externalVpnGateways.list")
def list_gateways(call: Call) -> Body:
    where = collection(call)
    return listed(call, "compute#externalVpnGatewayList", where, bodies(call.state, where))


@method("compute.externalVpnGateways.setLabels")
def label_gateway(call: Call) -> Body:
    return set_labels(call, find(call, call.params["resource"]))


@method("compute.externalVpnGateways.delete")
def delete_gateway(call: Call) -> Body:
    gateway = find(call, call.params["externalVpnGateway"])
    for tunnel in call.state.of_kind(vpn_gateways.TUNNEL):
        if tunnel.body.get("peerExternalGateway") == gateway.body["selfLink"]:
            raise in_use("external_vpn_gateway", gateway.path, tunnel.path)
    return delete(call, gateway, verb="compute.externalVpnGateways.delete")
