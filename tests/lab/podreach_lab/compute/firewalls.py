# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.firewalls: VPC firewall rules."""

from __future__ import annotations

import re
import typing as t

from .. import cidr
from ..core import Call, method
from ..faults import invalid, required
from ..state import Body
from .common import bodies, delete, fixed, insert, listed, merge_patch, need, ready, reference, same_project

KIND = "compute#firewall"
PROTOCOLS = ("tcp", "udp", "icmp", "esp", "ah", "sctp", "ipip", "all")
WITH_PORTS = ("tcp", "udp", "sctp", "6", "17", "132")
_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")


def path_of(project: str, name: str) -> str:
    return f"projects/{project}/global/firewalls/{name}"


def complete(body: Body) -> Body:
    """Fill in what the server fills in, and refuse what makes no rule."""
    body.setdefault("direction", "INGRESS")
    body.setdefault("priority", 1000)
    body.setdefault("disabled", False)
    body.setdefault("logConfig", {"enable": False})
    egress = body["direction"] == "EGRESS"
    for name in (
        "sourceRanges",
        "sourceTags",
        "sourceServiceAccounts",
        "destinationRanges",
        "targetTags",
        "allowed",
        "denied",
    ):
        if body.get(name) == []:
            del body[name]
    if egress:
        for name in ("sourceRanges", "sourceTags", "sourceServiceAccounts"):
            if name in body and name != "sourceRanges":
                raise invalid(f"resource.{name}", "", f"{name} is not allowed for an EGRESS rule.")
        if "sourceRanges" not in body:
            body.setdefault("destinationRanges", ["0.0.0.0/0"])
    elif not any(name in body for name in ("sourceRanges", "sourceTags", "sourceServiceAccounts")):
        body["sourceRanges"] = ["0.0.0.0/0"]
    if ("allowed" in body) == ("denied" in body):
        raise (
            required("resource.allowed")
            if "allowed" not in body
            else invalid("resource.denied", "", "A firewall rule has either allowed or denied, not both.")
        )
    if not 0 <= body["priority"] <= 65535:
        raise invalid("resource.priority", body["priority"], "Must be between 0 and 65535.")
    for name in ("sourceRanges", "destinationRanges"):
        for at, text in enumerate(body.get(name, [])):
            if ":" not in text:
                if "/" not in text:
                    body[name][at] = text = f"{text}/32"
                cidr.parse(text, f"resource.{name}[{at}]")
    for name in ("allowed", "denied"):
        for at, entry in enumerate(body.get(name, [])):
            check_entry(entry, f"resource.{name}[{at}]")
    if {"sourceTags", "targetTags"} & set(body) and {"sourceServiceAccounts", "targetServiceAccounts"} & set(body):
        raise invalid("resource.targetTags", "", "Tags and service accounts cannot be used in one rule.")
    return body


def check_entry(entry: Body, field: str) -> None:
    protocol = str(entry.get("IPProtocol", "")).lower()
    if not protocol:
        raise required(f"{field}.IPProtocol")
    if protocol not in PROTOCOLS and not (protocol.isdigit() and int(protocol) < 256):
        raise invalid(f"{field}.IPProtocol", protocol, "Unknown protocol.")
    entry["IPProtocol"] = protocol
    for at, text in enumerate(entry.get("ports", [])):
        match = _PORTS.fullmatch(text)
        numbers = [int(part) for part in match.groups() if part] if match else []
        if not numbers or max(numbers) > 65535 or numbers != sorted(numbers):
            raise invalid(f"{field}.ports[{at}]", text, "Must be a port or a range of ports, such as 80 or 8000-9000.")
        if protocol not in WITH_PORTS:
            raise invalid(f"{field}.ports[{at}]", text, f"Ports are not allowed for the protocol {protocol}.")


@method("compute.firewalls.insert")
def insert_firewall(call: Call) -> Body:
    body = call.lab.discovery.writable("compute", "Firewall", call.body)
    need(body, "name")
    wanted = body.get("network") or "global/networks/default"
    network = reference(call, wanted, "resource.network", "networks", missing="400")
    same_project(call, network, "resource.network", wanted)
    body["network"] = network.body["selfLink"]
    return insert(call, KIND, path_of(call.project, body["name"]), complete(body))


@method("compute.firewalls.get")
def get_firewall(call: Call) -> Body:
    return t.cast(Body, call.get(path_of(call.project, call.params["firewall"])).body)


@method("compute.firewalls.list")
def list_firewalls(call: Call) -> Body:
    path = f"projects/{call.project}/global/firewalls"
    return listed(call, "compute#firewallList", path, bodies(call.state, path))


@method("compute.firewalls.patch", "compute.firewalls.update")
def change_firewall(call: Call) -> Body:
    rule = ready(call.get(path_of(call.project, call.params["firewall"])))
    change = call.lab.discovery.writable("compute", "Firewall", call.body)
    fixed(rule, change, ("name", "network", "direction"), call)
    kept = {
        key: rule.body[key] for key in ("kind", "id", "creationTimestamp", "selfLink", "name", "network", "direction")
    }
    for name in kept:
        change.pop(name, None)
    if call.method.patches:
        other = {"allowed": "denied", "denied": "allowed"}
        base = {key: value for key, value in rule.body.items() if not any(other.get(new) == key for new in change)}
        body = merge_patch(base, change)
    else:
        body = kept | change
    complete(body)
    rule.body.clear()
    rule.body.update(body)
    call.state.changed(rule)
    kind = "patch" if call.method.patches else "update"
    return call.compute_operation(kind, rule.path, rule.body["id"])


@method("compute.firewalls.delete")
def delete_firewall(call: Call) -> Body:
    return delete(call, call.get(path_of(call.project, call.params["firewall"])))
