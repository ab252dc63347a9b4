# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a managed instance group does by itself: it makes the instances that it should have, makes them again under
their names when they are gone, and with a health check replaces those that fell silent.

https://cloud.google.com/compute/docs/instance-groups/autohealing-instances-in-migs
"""

from __future__ import annotations

import asyncio
import copy
import typing as t

from .. import iam
from ..auth import Caller
from ..clock import compute_time
from ..core import Call, Lab
from ..faults import ApiFault
from ..links import relative, self_link
from ..places import REGIONS, zones_of
from ..state import Body, Change, Phase, Resource, State
from . import groups, health, instances
from .common import base

ACTIONS = (
    "abandoning",
    "creating",
    "creatingWithoutRetries",
    "deleting",
    "none",
    "recreating",
    "refreshing",
    "restarting",
    "resuming",
    "starting",
    "stopping",
    "suspending",
    "verifying",
)
BUSY = (Phase.CREATING, Phase.DELETING)


class Keeper:
    """Sees to the instances of one group, from its creation to its end."""

    def __init__(self, lab: Lab, manager: Resource) -> None:
        self.lab = lab
        self.manager = manager
        self.wanted: dict[str, str] = {}
        """Name -> zone of every instance that there should be, oldest first."""
        self.failures: dict[str, tuple[ApiFault, str]] = {}
        """Name -> why it could not be made, and when that was seen first."""
        self._suspects: set[str] = set()
        self._working = self._again = self._due = False
        self._stop = lab.state.watch(self._saw)

    @property
    def state(self) -> State:
        return self.lab.state

    # ---- what there should be

    @property
    def zones(self) -> list[str]:
        place = self.manager.path.split("/")[3]
        if place not in REGIONS:
            return [place]
        given = self.manager.body.get("distributionPolicy", {}).get("zones", [])
        return [item["zone"].rsplit("/", 1)[1] for item in given] or zones_of(place)[:3]

    def resize(self, size: int) -> None:
        """Want so many, spread over the zones; of too many, the newest of the fullest zone goes first."""
        self.manager.body["targetSize"] = size
        while len(self.wanted) < size:
            counts = {zone: list(self.wanted.values()).count(zone) for zone in self.zones}
            zone = min(counts, key=lambda item: counts[item])
            self.wanted[self._new_name(zone)] = zone
        while len(self.wanted) > size:
            held = list(self.wanted.values())
            fullest = max(held, key=held.count)
            del self.wanted[[name for name, zone in self.wanted.items() if zone == fullest][-1]]
        self.failures = {name: item for name, item in self.failures.items() if name in self.wanted}
        self.reconcile()

    def _new_name(self, zone: str) -> str:
        while True:
            name = f"{self.manager.body['baseInstanceName']}-{self.state.new_hex(4)}"
            if name not in self.wanted and self.state.get(self.path_of(name, zone)) is None:
                return name

    def path_of(self, name: str, zone: str) -> str:
        return f"projects/{self.manager.project}/zones/{zone}/instances/{name}"

    @property
    def check(self) -> Resource | None:
        """The health check that heals, if any."""
        policies = self.manager.body.get("autoHealingPolicies") or [{}]
        link = policies[0].get("healthCheck", "")
        return self.state.get(relative(link, self.manager.project)) if link else None

    # ---- keeping it so

    def _saw(self, change: Change) -> None:
        if change.resource is self.manager and change.verb == "removed":
            self._stop()
        elif not self.state.clearing and not self._due:
            try:
                asyncio.get_running_loop().call_soon(self.reconcile)  # when all have been told of this change
                self._due = True
            except RuntimeError:
                self.reconcile()

    def reconcile(self) -> None:
        """Idempotent. What it does itself calls it again, which counts once."""
        self._due, self._again = False, True
        if self._working:
            return
        self._working = True
        try:
            while self._again:
                self._again = False
                if self.state.get(self.manager.path) is self.manager and self.manager.phase is not Phase.DELETING:
                    self._round()
        finally:
            self._working = False

    def _round(self) -> None:
        for name, zone in list(self.wanted.items()):
            have = self.state.get(self.path_of(name, zone))
            if have is None:
                self._make(name, zone)
            elif have.phase is Phase.READY:
                self._heal(have)
        for item in self.members():
            if item.name not in self.wanted and item.phase is Phase.READY:
                self._remove(item, "DELETING")
        group = self.state.get(str(self.manager.hidden["group"]))
        here = [item.path for item in self.members()]
        if group is not None and group.hidden.get("members") != here:
            group.hidden["members"] = here
            self.state.changed_phase(group)

    def members(self) -> list[Resource]:
        """The instances that there are, also those that are about to go."""
        found = self.state.of_kind(instances.INSTANCE, self.manager.project)
        return [item for item in found if item.hidden.get("group") == self.manager.path]

    def _make(self, name: str, zone: str) -> None:
        again = name in self.failures
        template = self.state.get(relative(self.manager.body["instanceTemplate"], self.manager.project))
        try:
            if template is None:
                raise ApiFault(404, f"The resource '{self.manager.body['instanceTemplate']}' was not found", "notFound")
            body = instance_body(self.lab, self.manager, template, name, zone)
        except ApiFault as fault:
            if not again:
                self.failures[name] = (fault, compute_time(self.state.clock.now()))
            return
        self.failures.pop(name, None)
        hidden: Body = {"group": self.manager.path, "template": template.path, "action": "CREATING"}
        made = self.state.add(Resource(instances.INSTANCE, self.path_of(name, zone), body, hidden, Phase.CREATING))

        def done() -> None:
            if self.state.get(made.path) is made:
                made.body |= {"status": "RUNNING", "lastStartTimestamp": compute_time(self.state.clock.now())}
                made.phase = Phase.READY
                del made.hidden["action"]
                self.state.changed_phase(made)

        clock = self.state.clock
        clock.after(clock.seconds("compute.instances.insert", "compute"), done)

    def _remove(self, item: Resource, action: str) -> None:
        item.phase = Phase.DELETING
        item.hidden["action"] = action
        item.body["status"] = "STOPPING"
        self.state.changed_phase(item)

        def gone() -> None:
            if self.state.get(item.path) is item:
                self.state.remove(item.path)

        clock = self.state.clock
        clock.after(clock.seconds("compute.instances.delete", "compute"), gone)

    def _heal(self, item: Resource) -> None:
        """Replace an instance that was well once and has not been for as long as the health check takes to say so."""
        check = self.check
        if check is None:
            return
        if is_well(self.state, item, check):
            item.hidden["well"] = True
            return
        if not item.hidden.get("well") or item.path in self._suspects:
            return
        self._suspects.add(item.path)

        def notice() -> None:
            self._suspects.discard(item.path)
            found, now = self.state.get(item.path), self.check
            unwell = found is item and item.phase is Phase.READY and now is not None
            if unwell and now is not None and not is_well(self.state, item, now):
                self._remove(item, "RECREATING")

        clock = self.state.clock
        clock.after(clock.scaled(check.body["checkIntervalSec"] * check.body["unhealthyThreshold"]), notice)


def is_well(state: State, instance: Resource, check: Resource) -> bool:
    """Whether the group's health check finds an instance well: it must run and answer, and the firewall must let
    Google's health checkers in."""
    if instance.body["status"] != "RUNNING" or instance.hidden.get("dead") or not health.vm_answers(check):
        return False
    card = instance.body["networkInterfaces"][0]
    network = relative(card["network"], instance.project)
    return health.Health(state).reaches(instance, network, card["networkIP"], health.VM_PORT)


def instance_body(lab: Lab, manager: Resource, template: Resource, name: str, zone: str) -> Body:
    """A new instance. Google's agent makes it, so that it is who needs a right on a Shared VPC's subnetwork."""
    project = manager.project
    nobody: t.Any = None
    agent = Caller(iam.google_agent(lab.state, project), (project,))
    call = Call(lab, nobody, {"project": project, "zone": zone}, {}, {}, agent)
    body = copy.deepcopy(template.body["properties"]) | {"name": name}
    number = lab.state.projects[project]
    items = list((body.get("metadata") or {}).get("items", []))
    items.append({"key": "instance-template", "value": template.path.replace(project, number, 1)})
    items.append({"key": "created-by", "value": manager.path.replace(project, number, 1)})
    body["metadata"] = {"items": items}
    instances.fill(call, body, self_link(f"projects/{project}/zones/{zone}"))
    body["networkInterfaces"] = instances.interfaces(call, body["networkInterfaces"])
    return base(call, instances.INSTANCE, f"projects/{project}/zones/{zone}/instances/{name}") | body


# ---- what the API shows of it


def keeper_of(manager: Resource) -> Keeper | None:
    """None for the groups of clusters, which GKE sees to."""
    found = manager.hidden.get("keeper")
    return found if isinstance(found, Keeper) else None


def view(manager: Resource) -> Body:
    keeper = keeper_of(manager)
    if keeper is None:
        return manager.body if manager.hidden.get("cluster") else manager.body | {"status": {"isStable": False}}
    shown = [item["currentAction"] for item in managed(manager)]
    counts = {name: sum(action.replace("_", "").lower() == name.lower() for action in shown) for name in ACTIONS}
    target = relative(manager.body["instanceTemplate"], manager.project)
    status: Body = {
        "isStable": counts["none"] == len(shown) == manager.body["targetSize"],
        "allInstancesConfig": {"effective": True},
        "stateful": {"hasStatefulConfig": False, "perInstanceConfigs": {"allEffective": True}},
        "versionTarget": {"isReached": all(item.hidden.get("template") == target for item in keeper.members())},
    }
    return manager.body | {"currentActions": counts, "status": status}


def managed(manager: Resource) -> list[Body]:
    """The instances as listManagedInstances shows them."""
    keeper = keeper_of(manager)
    if keeper is None:
        return []
    found: list[Body] = []
    members = {item.name: item for item in keeper.members()}
    for name in [*keeper.wanted, *(item for item in members if item not in keeper.wanted)]:
        item = members.get(name)
        entry: Body = {
            "name": name,
            "instance": self_link(keeper.path_of(name, keeper.wanted[name])) if item is None else item.body["selfLink"],
            "currentAction": "CREATING" if item is None else action_of(keeper, item),
            "version": {"instanceTemplate": manager.body["instanceTemplate"]},
        }
        if item is not None:
            entry |= {"id": item.body["id"], "instanceStatus": item.body["status"]}
            entry["version"] = {"instanceTemplate": self_link(item.hidden["template"])}
            check = keeper.check
            if check is not None and item.phase is Phase.READY:
                well = is_well(keeper.state, item, check)
                entry["instanceHealth"] = [
                    {"healthCheck": check.body["selfLink"], "detailedHealthState": "HEALTHY" if well else "TIMEOUT"}
                ]
        if name in keeper.failures:
            entry["lastAttempt"] = {"errors": keeper.failures[name][0].compute_operation_error()}
        found.append(entry)
    return found


def action_of(keeper: Keeper, item: Resource) -> str:
    if keeper.manager.phase is Phase.DELETING:
        return "DELETING"
    if item.phase in BUSY:
        return str(item.hidden.get("action", "DELETING"))
    return "VERIFYING" if keeper.check is not None and not item.hidden.get("well") else "NONE"


def failures(manager: Resource) -> list[Body]:
    """What listErrors shows: instances that could not be made."""
    keeper = keeper_of(manager)
    if keeper is None:
        return []
    return [
        {
            "error": fault.compute_operation_error()["errors"][0],
            "instanceActionDetails": {
                "action": "CREATING",
                "instance": self_link(keeper.path_of(name, keeper.wanted[name])),
                "version": {"instanceTemplate": manager.body["instanceTemplate"]},
            },
            "timestamp": when,
        }
        for name, (fault, when) in keeper.failures.items()
    ]


def group_path(manager: str) -> str:
    return manager.replace("/instanceGroupManagers/", "/instanceGroups/")


def add_group(call: Call, manager: Resource) -> None:
    """The instance group that goes with a manager and has its name."""
    path = group_path(manager.path)
    body = base(call, groups.INSTANCES, path) | {
        "name": manager.name,
        "description": f"This instance group is controlled by Instance Group Manager '{manager.name}'. To modify "
        "instances in this group, use the Instance Group Manager API: "
        "https://cloud.google.com/compute/docs/reference/latest/instanceGroupManagers",
        "fingerprint": call.state.new_fingerprint(),
    }
    body |= {name: manager.body[name] for name in ("zone", "region", "namedPorts") if name in manager.body}
    template = call.state.get(relative(manager.body["instanceTemplate"], manager.project))
    if template is not None:
        card = template.body["properties"]["networkInterfaces"][0]
        body |= {name: card[name] for name in ("network", "subnetwork") if name in card}
    call.state.add(Resource(groups.INSTANCES, path, body, {"members": []}))
