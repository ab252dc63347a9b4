# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forwarding rules of internal passthrough load balancers:
https://cloud.google.com/compute/docs/reference/rest/v1/forwardingRules

One address, at which the machines behind a backend service answer. Apart from who may come from other regions, nothing
of one can be changed: the API has a call for the target of proxies, and none for a backend service, ports or address.
"""

from __future__ import annotations

import ipaddress
import typing as t

from ..arguments import ArgumentSpec, Call
from ..engine import Grade
from .addresses import place_refusal
from .client import Client, network_path
from .fields import Default, Field, Fixed, Json, Link, Patch, Whole, full_path
from .references import Path, check_link, required
from .resource import GcpResource

SPEC = ArgumentSpec(
    options={
        "name": {"type": "str", "required": True},
        "region": {"type": "str", "required": True},
        "description": {"type": "str"},
        "load_balancing_scheme": {"type": "str", "choices": ["INTERNAL"], "default": "INTERNAL"},
        "ip_address": {"type": "str"},
        "ip_protocol": {"type": "str", "choices": ["TCP", "UDP"]},
        "ports": {"type": "list", "elements": "str"},
        "all_ports": {"type": "bool"},
        "allow_global_access": {"type": "bool"},
        "backend_service": {"type": "str"},
        "network": {"type": "str"},
        "subnetwork": {"type": "str"},
    },
    mutually_exclusive=(("ports", "all_ports"),),
)

#: https://cloud.google.com/load-balancing/docs/forwarding-rule-concepts#port_specifications
MOST_PORTS = 5

_ANOTHER = (
    "a rule is fixed. Make one under another name beside it (both can have one address of the purpose "
    "SHARED_LOADBALANCER_VIP, if not the same ports), or delete this one first"
)


def _access_grade(old: t.Any, new: t.Any) -> Grade:
    return Grade.SAFE if new else Grade.DISRUPTIVE


class ForwardingRule(GcpResource):
    kind = "forwarding_rule"
    role = ""
    required = ("backend_service",)
    fingerprinted = True
    fields = (
        Field("description", kind=Default("")),
        Field("loadBalancingScheme", Fixed(_ANOTHER)),
        Field("IPAddress", Fixed(_ANOTHER), option="ip_address"),
        Field("IPProtocol", Fixed(_ANOTHER), Default("TCP"), option="ip_protocol"),
        Field("ports", Fixed(_ANOTHER), Whole()),
        Field("allPorts", Fixed(_ANOTHER), Default(False)),
        Field("allowGlobalAccess", Patch(_access_grade), Default(False)),
        Field("backendService", Fixed(_ANOTHER), Path()),
        Field("network", Fixed(_ANOTHER), Link()),
        Field("subnetwork", Fixed(_ANOTHER), Link()),
    )

    def __init__(self, client: Client, call: Call, params: t.Mapping[str, t.Any]) -> None:
        project, place = params.get("project") or client.project, f"regions/{params['region']}"
        address, service = params.get("ip_address"), params.get("backend_service")
        if address and not _numeric(address):
            address = full_path(address, project, f"{place}/addresses")
        super().__init__(
            client,
            call,
            {
                **params,
                "ip_address": address,
                "backend_service": service and full_path(service, project, f"{place}/backendServices"),
            },
        )

    @property
    def collection(self) -> str:
        return f"projects/{self.project}/regions/{self.params['region']}/forwardingRules"

    def validate(self) -> None:
        params = self.params
        self.check_name("region", params["region"])
        for option in ("network", "subnetwork"):
            if params.get(option) is not None:
                self.check_name(option, str(Link().canonical(params[option])))
        check_link(self, "backend_service", params.get("backend_service"))
        address = params.get("ip_address")
        if address and _numeric(address):
            try:
                ipaddress.IPv4Address(address)
            except ValueError:
                self.invalid(
                    "ip_address", address, "an IPv4 address is wanted, such as 10.1.1.77, or a reserved one's name"
                )
        else:
            check_link(self, "ip_address", address)
        ports = params.get("ports")
        if ports is not None and not 1 <= len(ports) <= MOST_PORTS:
            self.invalid("ports", ports, f"1 to {MOST_PORTS} ports are wanted; all_ports: true for more")
        for number, port in enumerate(ports or []):
            if not port.isdigit() or not 1 <= int(port) <= 65535:
                self.invalid(f"ports[{number}]", port, "a port is a number from 1 to 65535")

    def merged(self, item: Field, now: t.Any, wanted: t.Any) -> t.Any:
        if item.path == "IPAddress" and "/" in wanted:
            # a rule shows the number, whatever it was made with
            return (self.look_at(wanted) or {}).get("address", wanted)
        return super().merged(item, now, wanted)

    def creation(self, body: Json) -> Json:
        body.setdefault("IPProtocol", "TCP")
        if not body.get("ports") and not body.get("allPorts"):
            raise self.refused("to create a rule, give ports, or all_ports: true", code="invalid-input")
        if not body.get("subnetwork") and not body.get("network"):
            raise self.refused("to create a rule, give subnetwork", code="invalid-input")
        if body.get("network"):
            body["network"] = network_path(body["network"], self.project)
        if body.get("subnetwork"):
            place = f"regions/{self.params['region']}/subnetworks"
            body["subnetwork"] = full_path(body["subnetwork"], self.project, place)
        return body

    def precheck(self, current: Json | None, after: Json, *, check_mode: bool) -> list[str]:
        warnings: list[str] = []
        if current:
            return warnings
        service = required(self, "backend service", after["backendService"], warnings, check_mode=check_mode)
        protocol = (service or {}).get("protocol", after["IPProtocol"])
        if protocol != after["IPProtocol"]:
            raise self.refused(
                f"ip_protocol: {after['IPProtocol']} does not go with backend service {after['backendService']}, whose "
                f"protocol is {protocol}: both must be the same",
                code="protocol-mismatch",
            )
        address = str(after.get("IPAddress") or "")
        if "/" in address:
            required(self, "address", address, warnings, check_mode=check_mode)
        if not after.get("subnetwork"):
            network = required(self, "network", after["network"], warnings, check_mode=check_mode)
            if network and not network.get("autoCreateSubnetworks"):
                raise self.refused(f"network {after['network']} makes no subnetworks by itself: give subnetwork")
            return warnings
        subnetwork = required(self, "subnetwork", after["subnetwork"], warnings, check_mode=check_mode)
        if subnetwork and subnetwork.get("ipCidrRange") and _numeric(address):
            refusal = place_refusal(self, "ip_address", address, subnetwork["ipCidrRange"], after["subnetwork"])
            if refusal:
                raise refusal
        return warnings


def _numeric(value: str) -> bool:
    """Whether this is meant as an address, right or wrong, and not as the name of a reserved one."""
    return bool(value) and "/" not in value and (value[0].isdigit() or ":" in value)
