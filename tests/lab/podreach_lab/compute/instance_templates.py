# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.instanceTemplates: what the instances of a managed group are made from. They never change."""

from __future__ import annotations

import typing as t

from ..core import Call, method
from ..faults import ApiFault, in_use, invalid
from ..links import relative
from ..state import Body, Resource, State
from .common import NAME, aggregated, bodies, delete, insert, listed, need, reference

KIND = "compute#instanceTemplate"
MANAGER = "compute#instanceGroupManager"


def collection(call: Call) -> str:
    return f"projects/{call.project}/global/instanceTemplates"


def find(call: Call) -> Resource:
    return t.cast(Resource, call.get(f"{collection(call)}/{call.params['instanceTemplate']}"))


@method("compute.instanceTemplates.insert")
def insert_template(call: Call) -> Body:
    body = call.lab.discovery.writable("compute", "InstanceTemplate", call.body)
    need(body, "name")
    if not NAME.fullmatch(body["name"]):
        raise invalid("resource.name", body["name"], f"Must be a match of regex '{NAME.pattern}'")
    if body.get("sourceInstance"):
        raise ApiFault(501, "The lab does not model templates from instances.", "notImplemented")
    wanted = body.get("properties") or {}
    need(wanted, "machineType", "disks", "networkInterfaces", prefix="resource.properties.")
    machine = wanted["machineType"]
    if "/" in machine:
        why = "The machine type of a template must be a name, without a zone."
        raise invalid("resource.properties.machineType", machine, why)
    cards = [interface(call, item, at) for at, item in enumerate(wanted["networkInterfaces"])]
    wanted |= {
        "networkInterfaces": cards,
        "canIpForward": wanted.get("canIpForward", False),
        "disks": [{"kind": "compute#attachedDisk", "index": at, **item} for at, item in enumerate(wanted["disks"])],
    }
    return insert(call, KIND, f"{collection(call)}/{body['name']}", body | {"properties": wanted})


def interface(call: Call, item: Body, at: int) -> Body:
    """A template's interface: its references must exist, whether they fit is only seen when instances are made."""
    where = f"resource.properties.networkInterfaces[{at}]"
    card: Body = {"kind": "compute#networkInterface", "name": f"nic{at}", **item}
    if item.get("subnetwork"):
        subnetwork = reference(call, item["subnetwork"], f"{where}.subnetwork", "subnetworks")
        card |= {"subnetwork": subnetwork.body["selfLink"], "network": subnetwork.body["network"]}
        if item.get("network") and relative(item["network"], call.project) != relative(card["network"], call.project):
            raise invalid(f"{where}.subnetwork", item["subnetwork"], "It is not in the network of the interface.")
        return card
    wanted = item.get("network") or "global/networks/default"
    return card | {"network": reference(call, wanted, f"{where}.network", "networks").body["selfLink"]}


@method("compute.instanceTemplates.get")
def get_template(call: Call) -> Body:
    return find(call).body


@method("compute.instanceTemplates.list")
def list_templates(call: Call) -> Body:
    where = collection(call)
    return listed(call, "compute#instanceTemplateList", where, bodies(call.state, where))


@method("compute.instanceTemplates.aggregatedList")
def aggregated_templates(call: Call) -> Body:
    found = [item.body for item in call.state.of_kind(KIND, call.project)]
    return aggregated(call, "compute#instanceTemplateAggregatedList", "instanceTemplates", found, ["global"])


@method("compute.instanceTemplates.delete")
def delete_template(call: Call) -> Body:
    template = find(call)

    def before() -> None:
        user = user_of(call.state, template)
        if user:
            raise in_use("instance_template", template.path, user)

    before()
    return delete(call, template, before)


def user_of(state: State, template: Resource) -> str:
    """The path of a managed group that makes its instances from a template, or ''."""
    for item in state.of_kind(MANAGER, template.project):
        if relative(item.body.get("instanceTemplate", ""), item.project) == template.path:
            return item.path
    return ""
