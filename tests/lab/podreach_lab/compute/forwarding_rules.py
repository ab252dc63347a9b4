# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.forwardingRules of internal passthrough load balancers.

What packets follow is in `health` and the data plane's `balancing`.
"""

from __future__ import annotations

import typing as t

from ..core import Call, method
from ..faults import ApiFault, invalid, required
from ..links import relative, self_link
from ..state import Body, Resource, State
from . import allocation, networks, shared_vpc
from .common import (
    aggregated,
    bodies,
    check_region,
    delete,
    fixed,
    insert,
    listed,
    merge_patch,
    need,
    ready,
    reference,
    region_scopes,
    same_project,
)

KIND = allocation.FORWARDING_RULE
MOST_PORTS = 5
SHARED = "SHARED_LOADBALANCER_VIP"


def place(call: Call, what: str) -> str:
    where = f"regions/{check_region(call)}" if "region" in call.params else "global"
    return f"projects/{call.project}/{where}/{what}"


# ---- forwarding rules


def ip_address(call: Call, body: Body, space: allocation.Space) -> str:
    """The rule's address: as asked for (in digits, or a reserved address by its URL), or the next free one. A shared
    one (SHARED_LOADBALANCER_VIP) may have several rules."""
    wanted = body.get("IPAddress")
    if not wanted:
        found = allocation.free(call.state, space)
        if found is None:
            raise allocation.exhausted(space)
        return found
    if "/" in wanted:
        reserved = call.state.get(relative(wanted, call.project))
        if reserved is None or reserved.kind != allocation.ADDRESS:
            raise invalid("resource.IPAddress", wanted, "The referenced address resource cannot be found.")
        wanted = reserved.body["address"]
    return claim(call.state, space, wanted, body)


def claim(state: State, space: allocation.Space, wanted: t.Any, rule: Body, besides: str = "") -> str:
    """An address for a new rule: a free one, or a shared one as long as no other rule forwards the same there.
    besides: the path of the rule that this one takes the place of."""
    text = str(wanted)
    for item in state.of_kind(allocation.ADDRESS):
        same = (item.body.get("subnetwork"), item.body["address"]) == (space.link, text)
        if same and item.body.get("purpose") == SHARED:
            for other in state.of_kind(KIND):
                here = other.body.get("subnetwork") == space.link and other.body["IPAddress"] == text
                if here and other.path != besides and collide(other.body, rule):
                    why = "Specified IP address is in-use and would result in a conflict."
                    raise invalid("resource.IPAddress", text, why)
            return text
    return allocation.claim(state, space, text, "resource.IPAddress")


def collide(one: Body, other: Body) -> bool:
    """Whether two rules with the same address would both want some packet."""
    if one["IPProtocol"] != other["IPProtocol"]:
        return False
    return bool(one.get("allPorts") or other.get("allPorts") or set(one.get("ports", ())) & set(other.get("ports", ())))


@method("compute.forwardingRules.insert")
def insert_rule(call: Call) -> Body:
    body = call.lab.discovery.writable("compute", "ForwardingRule", call.body)
    where = place(call, "forwardingRules")
    need(body, "name")
    scheme = body.get("loadBalancingScheme", "EXTERNAL")
    if scheme != "INTERNAL":
        raise ApiFault(501, f"The lab does not model forwarding rules of the scheme {scheme}.", "notImplemented")
    if not body.get("backendService"):
        raise required("resource.backendService")
    body.setdefault("IPProtocol", "TCP")
    if len(body.get("ports", [])) > MOST_PORTS:
        raise invalid("resource.ports", "", f"At most {MOST_PORTS} ports can be given; use allPorts for more.")
    if body["IPProtocol"] in ("TCP", "UDP") and not (body.get("ports") or body.get("allPorts")):
        raise required("resource.ports")
    service = reference(call, body["backendService"], "resource.backendService", "backendServices")
    same_project(call, service, "resource.backendService", body["backendService"])
    check_service(call, body, service)
    network, subnetwork = whereabouts(call, body)
    if call.state.get(f"{where}/{body['name']}") is None:
        body["IPAddress"] = ip_address(call, body, allocation.of_subnetwork(subnetwork))
    body |= {
        "network": network.body["selfLink"],
        "subnetwork": subnetwork.body["selfLink"],
        "backendService": service.body["selfLink"],
        "region": self_link(f"projects/{call.project}/regions/{call.params['region']}"),
        "allowGlobalAccess": body.get("allowGlobalAccess", False),
        "networkTier": "PREMIUM",
        "fingerprint": call.state.new_fingerprint(),
        "labelFingerprint": call.state.new_fingerprint(),
    }
    return insert(call, KIND, f"{where}/{body['name']}", body)


def check_service(call: Call, body: Body, service: Resource) -> None:
    """The backend service must be in the rule's region and be of its protocol."""
    if service.path.split("/")[3] != call.params["region"]:
        raise invalid("resource.backendService", body["backendService"], "It must be in the rule's region.")
    protocol = service.body["protocol"]
    if (body["IPProtocol"] == "L3_DEFAULT") != (protocol == "UNSPECIFIED") or (
        protocol != "UNSPECIFIED" and body["IPProtocol"] != protocol
    ):
        why = f"The backend service's protocol is {protocol}."
        raise invalid("resource.IPProtocol", body["IPProtocol"], why)


def whereabouts(call: Call, body: Body) -> tuple[Resource, Resource]:
    """The network and subnetwork of a new rule; in an auto mode network the subnetwork is found by region."""
    if body.get("subnetwork"):
        subnetwork = reference(call, body["subnetwork"], "resource.subnetwork", "subnetworks")
        shared_vpc.usable_subnetwork(call, subnetwork, "resource.subnetwork", body["subnetwork"])
        if subnetwork.path.split("/")[3] != call.params["region"]:
            raise invalid("resource.subnetwork", body["subnetwork"], "It must be in the rule's region.")
        return call.get(relative(subnetwork.body["network"], call.project)), subnetwork
    network = reference(call, body.get("network") or "global/networks/default", "resource.network", "networks")
    same_project(call, network, "resource.network", network.body["selfLink"])
    networks.not_for_legacy(network, "resource.network", network.body["selfLink"])
    if not networks.is_auto(network):
        raise required("resource.subnetwork")
    path = f"projects/{network.project}/regions/{call.params['region']}/subnetworks/{network.name}"
    return network, ready(call.get(path))


@method("compute.forwardingRules.get")
def get_rule(call: Call) -> Body:
    return t.cast(Body, call.get(f"{place(call, 'forwardingRules')}/{call.params['forwardingRule']}").body)


@method("compute.forwardingRules.list")
def list_rules(call: Call) -> Body:
    where = place(call, "forwardingRules")
    return listed(call, "compute#forwardingRuleList", where, bodies(call.state, where))


@method("compute.forwardingRules.aggregatedList")
def aggregated_rules(call: Call) -> Body:
    found = [item.body for item in call.state.of_kind(KIND, call.project)]
    kind = "compute#forwardingRuleAggregatedList"
    return aggregated(call, kind, "forwardingRules", found, ["global", *region_scopes()])


@method("compute.forwardingRules.patch")
def patch_rule(call: Call) -> Body:
    rule = ready(call.get(f"{place(call, 'forwardingRules')}/{call.params['forwardingRule']}"))
    change = call.lab.discovery.writable("compute", "ForwardingRule", call.body)
    change.pop("fingerprint", None)
    fixed(rule, change, [name for name in change if name not in ("allowGlobalAccess", "description")], call)
    rule.body |= merge_patch(rule.body, change)
    call.state.changed(rule)
    return call.compute_operation("patch", rule.path, rule.body["id"])


@method("compute.forwardingRules.delete")
def delete_rule(call: Call) -> Body:
    return delete(call, call.get(f"{place(call, 'forwardingRules')}/{call.params['forwardingRule']}"))
