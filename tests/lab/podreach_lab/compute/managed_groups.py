# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.instanceGroupManagers and compute.regionInstanceGroupManagers: managed instance groups as users make them.
Those of clusters are for reading: GKE makes and keeps them (container/nodes.py).

No rolling updates, autoscaling, stateful instances: a new template is for instances that are made from then on.
"""

from __future__ import annotations

import typing as t

from ..core import Call, Handler, method
from ..faults import ApiFault, already_exists, bad_fingerprint, in_use, invalid, required
from ..links import relative, self_link
from ..places import ZONES, zones_of
from ..state import Body, Resource, State
from . import health_checks, instance_templates, instances
from .common import (
    NAME,
    aggregated,
    check_region,
    cut,
    delete,
    insert,
    listed,
    merge_patch,
    need,
    ready,
    region_scopes,
    zone_scopes,
)
from .managed_instances import Keeper, add_group, failures, group_path, keeper_of, managed, view

MANAGER = instances.MANAGER
BACKEND_SERVICE = "compute#backendService"
MOST = 1000
NOT_MODELLED = (
    "allInstancesConfig",
    "instanceFlexibilityPolicy",
    "resourcePolicies",
    "statefulPolicy",
    "targetPools",
    "targetStoppedSize",
    "targetSuspendedSize",
)
PATCHABLE = {
    "autoHealingPolicies",
    "description",
    "fingerprint",
    "instanceLifecyclePolicy",
    "instanceTemplate",
    "listManagedInstancesResults",
    "name",
    "targetSize",
    "updatePolicy",
    "versions",
}


def both(verb: str) -> t.Callable[[Handler], Handler]:
    """The same method of zonal and regional groups."""
    return method(f"compute.instanceGroupManagers.{verb}", f"compute.regionInstanceGroupManagers.{verb}")


def collection(call: Call) -> str:
    if "region" in call.params:
        return f"projects/{call.project}/regions/{check_region(call)}/instanceGroupManagers"
    return instances.zone_path(call, "instanceGroupManagers")


def find(call: Call) -> Resource:
    return t.cast(Resource, call.get(f"{collection(call)}/{call.params['instanceGroupManager']}"))


def target(call: Call) -> tuple[Resource, Keeper]:
    """The group to change, which must not be a cluster's."""
    manager = ready(find(call))
    keeper = keeper_of(manager)
    if keeper is None:
        raise ApiFault(501, "The lab does not model changing a cluster's groups: resize its pool.", "notImplemented")
    return manager, keeper


# ---- creating


@both("insert")
def insert_manager(call: Call) -> Body:
    body = call.lab.discovery.writable("compute", "InstanceGroupManager", call.body)
    where = collection(call)
    need(body, "name")
    path = f"{where}/{body['name']}"
    if not NAME.fullmatch(body["name"]):
        raise invalid("resource.name", body["name"], f"Must be a match of regex '{NAME.pattern}'")
    if body.get("targetSize") is None:
        raise required("resource.targetSize")
    check_size(body["targetSize"], "resource.targetSize")
    body["baseInstanceName"] = body.get("baseInstanceName") or body["name"]
    if not NAME.fullmatch(body["baseInstanceName"]) or len(body["baseInstanceName"]) > 58:
        why = f"Must be a match of regex '{NAME.pattern}', and have at most 58 characters."
        raise invalid("resource.baseInstanceName", body["baseInstanceName"], why)
    complete(call, body)
    if not body.get("instanceTemplate"):
        raise required("resource.instanceTemplate")
    for other in (path, group_path(path)):
        if call.state.get(other):
            raise already_exists(other)
    spread(call, body)
    defaults: Body = {
        "instanceGroup": self_link(group_path(path)),
        "fingerprint": call.state.new_fingerprint(),
        "updatePolicy": {"type": "OPPORTUNISTIC", "minimalAction": "REPLACE", "replacementMethod": "SUBSTITUTE"},
        "instanceLifecyclePolicy": {"defaultActionOnFailure": "REPAIR", "forceUpdateOnRepair": "NO"},
        "listManagedInstancesResults": "PAGELESS",
    }
    hidden: Body = {"group": group_path(path)}

    def made(manager: Resource) -> None:
        add_group(call, manager)
        keeper = manager.hidden["keeper"] = Keeper(call.lab, manager)
        keeper.resize(manager.body["targetSize"])

    return insert(call, MANAGER, path, merge_patch(defaults, body), made=made, hidden=hidden)


def check_size(size: int, field: str) -> None:
    if not 0 <= size <= MOST:
        raise invalid(field, size, f"Must be between 0 and {MOST}.")


def complete(call: Call, body: Body) -> None:
    """Check what was asked for, of a new group or a change, and bring references to one form."""
    for name in NOT_MODELLED:
        if body.get(name):
            raise ApiFault(501, f"The lab does not model {name} of managed instance groups.", "notImplemented")
    if (body.get("updatePolicy") or {}).get("type") == "PROACTIVE":
        raise ApiFault(501, "The lab does not model rolling updates.", "notImplemented")
    versions = body.pop("versions", None) or []
    if len(versions) > 1:
        raise ApiFault(501, "The lab does not model several versions in a group.", "notImplemented")
    given = body.get("instanceTemplate") or (versions[0].get("instanceTemplate") if versions else None)
    if given:
        template = template_of(call, given).body["selfLink"]
        version: Body = {"instanceTemplate": template}
        if versions and versions[0].get("name"):
            version["name"] = versions[0]["name"]
        body |= {"instanceTemplate": template, "versions": [version]}
    policies = [item for item in body.get("autoHealingPolicies") or [] if item]  # gcloud clears them with an empty one
    if "autoHealingPolicies" in body:
        body["autoHealingPolicies"] = policies
    if len(policies) > 1:
        raise invalid("resource.autoHealingPolicies", "", "At most one policy can be specified.")
    for policy in policies:
        if policy.get("healthCheck"):
            check = call.state.get(relative(policy["healthCheck"], call.project))
            if check is None or check.kind != health_checks.KIND:
                why = "The referenced healthCheck resource cannot be found."
                raise invalid("resource.autoHealingPolicies[0].healthCheck", policy["healthCheck"], why)
            policy["healthCheck"] = ready(check).body["selfLink"]


def template_of(call: Call, value: str) -> Resource:
    path = relative(str(value), call.project)
    found = call.state.get(path)
    if found is None or found.kind != instance_templates.KIND:
        raise ApiFault(404, f"The resource '{path}' was not found", "notFound")
    return ready(found)


def spread(call: Call, body: Body) -> None:
    """Where the instances will be: a zonal group's zone, or some zones of a region, evenly."""
    if "zone" in call.params:
        body["zone"] = self_link(f"projects/{call.project}/zones/{call.params['zone']}")
        return
    region = call.params["region"]
    policy = body.get("distributionPolicy") or {}
    if policy.get("targetShape", "EVEN") != "EVEN":
        raise ApiFault(501, "The lab spreads the instances of regional groups evenly.", "notImplemented")
    zones = [item["zone"].rsplit("/", 1)[-1] for item in policy.get("zones", [])] or zones_of(region)[:3]
    for zone in zones:
        if ZONES.get(zone) != region:
            raise invalid("resource.distributionPolicy.zones", zone, f"It must be a zone of the region {region}.")
    links = [{"zone": self_link(f"projects/{call.project}/zones/{zone}")} for zone in zones]
    body |= {
        "region": self_link(f"projects/{call.project}/regions/{region}"),
        "distributionPolicy": {"zones": links, "targetShape": "EVEN"},
    }


# ---- changing


@both("patch")
def patch_manager(call: Call) -> Body:
    manager, keeper = target(call)
    change = call.lab.discovery.writable("compute", "InstanceGroupManager", call.body)
    if change.get("fingerprint") not in (None, manager.body["fingerprint"]):
        raise bad_fingerprint()
    complete(call, change)
    other = sorted(name for name, value in change.items() if name not in PATCHABLE and value != manager.body.get(name))
    if other:
        raise ApiFault(501, f"The lab does not model changing {other[0]} of a managed group.", "notImplemented")
    size = change.pop("targetSize", None)
    if size is not None:
        check_size(size, "resource.targetSize")
    change = {
        name: value for name, value in change.items() if name in PATCHABLE and name not in ("name", "fingerprint")
    }
    after = merge_patch(manager.body, change)
    if not after.get("autoHealingPolicies"):
        after.pop("autoHealingPolicies", None)
        manager.body.pop("autoHealingPolicies", None)
    manager.body |= after
    return changed(call, "patch", manager, keeper, size)


def changed(call: Call, verb: str, manager: Resource, keeper: Keeper, size: int | None = None) -> Body:
    keeper.resize(manager.body["targetSize"] if size is None else size)
    call.state.changed(manager)
    return call.compute_operation(verb, manager.path, manager.body["id"])


@both("resize")
def resize_manager(call: Call) -> Body:
    manager, keeper = target(call)
    check_size(call.query["size"], "size")
    return changed(call, "compute.instanceGroupManagers.resize", manager, keeper, call.query["size"])


@both("setInstanceTemplate")
def set_template(call: Call) -> Body:
    """For instances that are made from now on."""
    manager, keeper = target(call)
    need(call.body, "instanceTemplate", prefix="")
    link = template_of(call, call.body["instanceTemplate"]).body["selfLink"]
    manager.body |= {"instanceTemplate": link, "versions": [{"instanceTemplate": link}]}
    return changed(call, "compute.instanceGroupManagers.setInstanceTemplate", manager, keeper)


@both("delete")
def delete_manager(call: Call) -> Body:
    manager, keeper = target(call)
    user = user_of(call.state, manager)
    if user:
        raise in_use("instance_group_manager", manager.path, user)

    def after() -> None:
        for item in keeper.members():
            call.state.remove(item.path)
        call.state.remove(group_path(manager.path))

    return delete(call, manager, after=after)


def user_of(state: State, manager: Resource) -> str:
    """The path of a backend service that has the group, or ''."""
    for item in state.of_kind(BACKEND_SERVICE, manager.project):
        links = (relative(backend["group"], item.project) for backend in item.body.get("backends", ()))
        if group_path(manager.path) in links:
            return item.path
    return ""


# ---- reading


@both("get")
def get_manager(call: Call) -> Body:
    return view(find(call))


@both("list")
def list_managers(call: Call) -> Body:
    where = collection(call)
    kind = "regionInstanceGroupManagerList" if "region" in call.params else "instanceGroupManagerList"
    return listed(call, f"compute#{kind}", where, [view(item) for item in call.state.within(where)])


@method("compute.instanceGroupManagers.aggregatedList")
def aggregated_managers(call: Call) -> Body:
    found = [view(item) for item in call.state.of_kind(MANAGER, call.project)]
    scopes = [*region_scopes(), *zone_scopes()]
    return aggregated(call, "compute#instanceGroupManagerAggregatedList", "instanceGroupManagers", found, scopes)


@both("listManagedInstances")
def list_managed(call: Call) -> Body:
    manager = find(call)
    found = managed(manager) if keeper_of(manager) else nodes(call, manager)
    page, token = cut(found, call.query.get("maxResults", 500), call.query.get("pageToken", ""))
    return ({"managedInstances": page} if page else {}) | ({"nextPageToken": token} if token else {})


def nodes(call: Call, manager: Resource) -> list[Body]:
    """Those of a cluster's group."""
    return [
        {
            "instance": item.body["selfLink"],
            "id": item.body["id"],
            "name": item.name,
            "instanceStatus": item.body["status"],
            "currentAction": "NONE",
        }
        for item in call.state.of_kind(instances.INSTANCE, call.project)
        if item.hidden.get("group") == manager.path
    ]


@both("listErrors")
def list_errors(call: Call) -> Body:
    page, token = cut(failures(find(call)), call.query.get("maxResults", 500), call.query.get("pageToken", ""))
    return ({"items": page} if page else {}) | ({"nextPageToken": token} if token else {})


# ---- autoscalers, of which there are none


@method("compute.autoscalers.list", "compute.regionAutoscalers.list")
def list_autoscalers(call: Call) -> Body:
    if "region" in call.params:
        where = f"projects/{call.project}/regions/{check_region(call)}/autoscalers"
        return listed(call, "compute#regionAutoscalerList", where, [])
    return listed(call, "compute#autoscalerList", instances.zone_path(call, "autoscalers"), [])


@method("compute.autoscalers.aggregatedList")
def aggregated_autoscalers(call: Call) -> Body:
    scopes = [*region_scopes(), *zone_scopes()]
    return aggregated(call, "compute#autoscalerAggregatedList", "autoscalers", [], scopes)
