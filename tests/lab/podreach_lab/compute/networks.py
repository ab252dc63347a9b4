# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.networks: custom, auto and legacy networks."""

from __future__ import annotations

import hashlib
import typing as t

from .. import cidr
from ..core import Call, method
from ..faults import ApiFault, in_use, invalid
from ..links import relative, self_link
from ..places import REGIONS
from ..state import Body, Resource, State
from .common import base, bodies, delete, fixed, insert, listed, merge_patch, need, ready

KIND = "compute#network"
LEGACY_RANGE = "10.240.0.0/16"
CHILDREN = ("compute#subnetwork", "compute#router", "compute#vpnGateway", "compute#firewall", "compute#route")
"""What must be gone before a network can be."""


def path_of(project: str, name: str) -> str:
    return f"projects/{project}/global/networks/{name}"


def is_legacy(network: Resource) -> bool:
    """A network made without autoCreateSubnetworks has no subnetworks at all."""
    return "IPv4Range" in network.body


def is_auto(network: Resource) -> bool:
    return bool(network.body.get("autoCreateSubnetworks"))


def members(state: State, network: str, kind: str) -> list[Resource]:
    """Resources of a kind whose body names this network."""
    link = self_link(network)
    return [item for item in state.of_kind(kind) if item.body.get("network") == link]


def view(network: Resource) -> Body:
    return network.body


@method("compute.networks.insert")
def insert_network(call: Call) -> Body:
    body = call.lab.discovery.writable("compute", "Network", call.body)
    need(body, "name")
    path = path_of(call.project, body["name"])
    routing = body.setdefault("routingConfig", {})
    routing.setdefault("routingMode", "REGIONAL")
    routing.setdefault("bgpBestPathSelectionMode", "LEGACY")
    body.setdefault("networkFirewallPolicyEnforcementOrder", "AFTER_CLASSIC_FIREWALL")
    check_mtu(body.setdefault("mtu", 1460))
    if "autoCreateSubnetworks" not in body:
        body["IPv4Range"] = body.get("IPv4Range") or LEGACY_RANGE
        body["gatewayIPv4"] = str(cidr.parse(body["IPv4Range"], "resource.IPv4Range")[1])
        for name in ("routingConfig", "mtu"):
            body.pop(name)
    elif "IPv4Range" in body:
        raise invalid("resource.IPv4Range", body["IPv4Range"], "Only legacy networks have a range of their own.")
    answer = insert(call, KIND, path, body, lambda network: remove_made(call.state, network))
    network = call.state.get(path)
    if network is None:
        return answer  # the operation has failed already
    network.body["selfLinkWithId"] = self_link(path_of(call.project, network.body["id"]))
    add_default_route(call, network)
    if is_auto(network):
        from .subnetworks import add_auto_subnetwork  # subnetworks need networks first

        for region, (_letters, text) in REGIONS.items():
            add_auto_subnetwork(call, network, region, text)
    return answer


def check_mtu(mtu: int) -> None:
    if not 1300 <= mtu <= 8896:
        raise invalid("resource.mtu", mtu, "MTU must be between 1300 and 8896.")


def add_default_route(call: Call, network: Resource) -> None:
    digest = hashlib.sha256(network.body["id"].encode()).hexdigest()[:16]
    name = f"default-route-{digest}"
    path = f"projects/{call.project}/global/routes/{name}"
    call.state.add(
        Resource(
            "compute#route",
            path,
            base(call, "compute#route", path)
            | {
                "name": name,
                "description": "Default route to the Internet.",
                "network": network.body["selfLink"],
                "destRange": "0.0.0.0/0",
                "priority": 1000,
                "nextHopGateway": self_link(f"projects/{call.project}/global/gateways/default-internet-gateway"),
            },
            {"automatic": True},
        )
    )


@method("compute.networks.get")
def get_network(call: Call) -> Body:
    return view(call.get(path_of(call.project, call.params["network"])))


@method("compute.networks.list")
def list_networks(call: Call) -> Body:
    path = f"projects/{call.project}/global/networks"
    return listed(call, "compute#networkList", path, bodies(call.state, path))


@method("compute.networks.patch")
def patch_network(call: Call) -> Body:
    network = ready(call.get(path_of(call.project, call.params["network"])))
    change = call.lab.discovery.writable("compute", "Network", call.body)
    fixed(network, change, ("name", "description", "autoCreateSubnetworks", "IPv4Range"), call)
    if is_legacy(network) and change.get("routingConfig"):
        raise invalid("resource.routingConfig", "", "A legacy network has no routing configuration.")
    if change.get("mtu") is not None:
        check_mtu(change["mtu"])
    network.body |= merge_patch(network.body, change)
    call.state.changed(network)
    return call.compute_operation("patch", network.path, network.body["id"])


@method("compute.networks.switchToCustomMode")
def switch_to_custom(call: Call) -> Body:
    network = ready(call.get(path_of(call.project, call.params["network"])))
    if not is_auto(network):
        raise invalid("network", network.name, "Only an auto subnet mode network can be switched to custom mode.")
    network.body["autoCreateSubnetworks"] = False
    call.state.changed(network)
    return call.compute_operation("switchToCustomMode", network.path, network.body["id"])


@method("compute.networks.delete")
def delete_network(call: Call) -> Body:
    network = call.get(path_of(call.project, call.params["network"]))

    def before() -> None:
        for peering in network.body.get("peerings", []):
            raise in_use("network", network.path, relative(peering["network"], call.project))
        for instance in call.state.of_kind("compute#instance"):
            if any(card["network"] == network.body["selfLink"] for card in instance.body["networkInterfaces"]):
                raise in_use("network", network.path, instance.path)
        for kind in CHILDREN:
            for item in members(call.state, network.path, kind):
                if not (item.hidden.get("automatic") and kind in ("compute#route", "compute#subnetwork")):
                    raise in_use("network", network.path, item.path)
        for policy in call.state.of_kind("compute#firewallPolicy"):
            if any(link["attachmentTarget"] == network.body["selfLink"] for link in policy.body["associations"]):
                raise in_use("network", network.path, policy.path)
        for cluster in call.state.of_kind("container#cluster"):
            if cluster.hidden.get("network") == network.path:
                raise in_use("network", network.path, cluster.path)

    def after() -> None:
        remove_made(call.state, network)

    return delete(call, network, before, after)


def remove_made(state: State, network: Resource) -> None:
    """Take away what the server made with a network."""
    for kind in ("compute#route", "compute#subnetwork"):
        for item in members(state, network.path, kind):
            state.remove(item.path)


def find(call: Call, value: t.Any) -> Resource | None:
    """A network by any form of reference, or by bare name in the caller's project (container accepts both)."""
    text = str(value)
    path = relative(text, call.project) if "/" in text else path_of(call.project, text)
    found = call.state.get(path)
    return found if found is not None and found.kind == KIND else None


def not_for_legacy(network: Resource, field: str, value: t.Any) -> None:
    if is_legacy(network):
        raise ApiFault(
            400,
            f"Invalid value for field '{field}': '{value}'. Network must not be a legacy network: legacy networks "
            "have no subnetworks.",
            "invalid",
        )
