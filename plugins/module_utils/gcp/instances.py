# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Single virtual machines: https://cloud.google.com/compute/docs/reference/rest/v1/instances

Tags, labels, metadata and the protection against deletion change by calls of their own while it runs. Google takes
another machine type or service account only while the instance is stopped; nothing here stops one, so that is refused
with what to do.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ..arguments import ArgumentSpec
from ..engine import Grade, Plan, Step
from ..errors import Refused
from . import machines
from .fields import Default, Field, Fixed, Json, Link, Names, Request, Via, disruptive_if_less, full_path
from .resource import GcpResource, shown

SPEC = ArgumentSpec(
    options={
        **machines.OPTIONS,
        "zone": {"type": "str", "required": True},
        "network_interfaces": {
            "type": "list",
            "elements": "dict",
            "options": {**machines.INTERFACE_OPTIONS, "network_ip": {"type": "str"}},
        },
        "deletion_protection": {"type": "bool"},
        "purge_tags": {"type": "bool", "default": False},
        "purge_labels": {"type": "bool", "default": False},
        "purge_metadata": {"type": "bool", "default": False},
    }
)


def _tags(instance: Instance, current: Json, wanted: t.Any) -> list[Step]:
    now = current.get("tags") or {}
    body = {"items": wanted, "fingerprint": now.get("fingerprint")}
    # what a firewall rule admits by a tag is cut off without it
    grade = disruptive_if_less(Names())(now.get("items"), wanted)
    return [instance.call_of("setTags", "tags", body, grade)]


def _labels(instance: Instance, current: Json, wanted: t.Any) -> list[Step]:
    body = {"labels": wanted, "labelFingerprint": current.get("labelFingerprint")}
    return [instance.call_of("setLabels", "labels", body)]


def _metadata(instance: Instance, current: Json, wanted: t.Any) -> list[Step]:
    body = {"items": wanted, "fingerprint": (current.get("metadata") or {}).get("fingerprint")}
    return [instance.call_of("setMetadata", "metadata", body)]


def _machine_type(instance: Instance, current: Json, wanted: t.Any) -> list[Step]:
    now = Link().canonical(current.get("machineType"))
    instance.need_stopped("machine_type", current, now, wanted)
    return [instance.call_of("setMachineType", "machine_type", {"machineType": instance.machine_type(wanted)})]


def _service_account(instance: Instance, current: Json, wanted: t.Any) -> list[Step]:
    now = (current.get("serviceAccounts") or [None])[0]
    instance.need_stopped("service_account", current, now, wanted[0])
    return [instance.call_of("setServiceAccount", "service_account", wanted[0])]


def _deletion_protection(instance: Instance, current: Json, wanted: t.Any) -> list[Step]:
    return [instance.protection_step(on=wanted)]


class Instance(GcpResource):
    kind = "instance"
    role = ""
    required = machines.REQUIRED
    fields: t.ClassVar[tuple[Field, ...]] = (
        *machines.fields(
            {
                "machine_type": Via(_machine_type),
                "tags": Via(_tags),
                "labels": Via(_labels),
                "metadata": Via(_metadata),
                "service_account": Via(_service_account),
            },
            Fixed("this is set when an instance is made; make another one, or delete this one and make it anew"),
        ),
        Field("deletionProtection", Via(_deletion_protection), Default(False)),
    )

    @property
    def zone(self) -> str:
        return str(self.params["zone"])

    @property
    def region(self) -> str:
        return self.zone.rpartition("-")[0]

    @property
    def collection(self) -> str:
        return f"projects/{self.project}/zones/{self.zone}/instances"

    def machine_type(self, name: str) -> str:
        return f"zones/{self.zone}/machineTypes/{Link().canonical(name)}"

    def validate(self) -> None:
        self.check_name("zone", self.zone)
        machines.validate(self)
        for number, item in enumerate(self.params.get("network_interfaces") or []):
            address = item.get("network_ip")
            if address is not None and not machines.is_address(address):
                self.check_name(f"network_interfaces[{number}].network_ip", str(Link().canonical(address)))

    # -- planning

    def plan(self, current: Json | None, *, check_mode: bool) -> Plan:
        if self.params["state"] == "present" and self.params.get("network_interfaces"):
            cards = [self._with_address(item, check_mode=check_mode) for item in self.params["network_interfaces"]]
            self.params = {**self.params, "network_interfaces": cards}
        return super().plan(current, check_mode=check_mode)

    def _with_address(self, card: Json, *, check_mode: bool) -> Json:
        """An interface whose reserved address, if one is named, is replaced by what it is."""
        wanted = card.get("network_ip")
        if wanted is None or machines.is_address(wanted):
            return card
        path = full_path(wanted, self.project, f"regions/{self.region}/addresses")
        reserved = self.look_at(path)
        if reserved is None and not check_mode:
            raise self.refused(f"network_ip: address {path} does not exist: reserve it first", "missing-prerequisite")
        if reserved and reserved.get("addressType") != "INTERNAL":
            raise self.refused(f"network_ip: address {path} is an external one: take an internal one", "invalid-input")
        # one that is planned need not have its number yet
        return {**card, "network_ip": (reserved or {}).get("address") or path}

    def creation(self, body: Json) -> Json:
        body["machineType"] = self.machine_type(body["machineType"])
        place = f"zones/{self.zone}/diskTypes"
        machines.complete(body, str(self.project), region=self.region, disk_types=place)
        return body

    def precheck(self, current: Json | None, after: Json, *, check_mode: bool) -> list[str]:
        if current:
            return []
        return machines.look_at_networks(self, after["networkInterfaces"], check_mode=check_mode)

    def removal_refusal(self, current: Json) -> Refused | None:
        if current.get("deletionProtection") and self.params.get("deletion_protection") is not False:
            word = "deletion_protection: false"
            return self.refused(
                f"it is protected against deletion: say {word} to have it deleted all the same", "deletion-protected"
            )
        return None

    def _plan_removal(self, current: Json | None) -> Plan:
        plan = super()._plan_removal(current)
        if not plan.steps or not current or not current.get("deletionProtection"):
            return plan
        return dataclasses.replace(plan, steps=(self.protection_step(on=False), *plan.steps))

    # -- the calls

    def call_of(self, method: str, option: str, body: Json, grade: Grade = Grade.SAFE) -> Step:
        """The step that changes one option by a call of its own."""
        request = Request("POST", f"{self.path}/{method}", body)
        return Step("update", f"change {option} of instance {self.name}", request, grade, (option,))

    def protection_step(self, *, on: bool) -> Step:
        query = {"deletionProtection": "true" if on else "false"}
        request = Request("POST", f"{self.path}/setDeletionProtection", query=query)
        summary = f"{'protect' if on else 'no longer protect'} instance {self.name} against deletion"
        return Step("update", summary, request, fields=("deletion_protection",))

    def need_stopped(self, option: str, current: Json, now: t.Any, wanted: t.Any) -> None:
        """Refuse what Google changes only while the instance is stopped, if it is not."""
        if current.get("status") != "TERMINATED":
            where = f"{self.name} --zone {self.zone} --project {self.project}"
            raise self.refused(
                f"{option} is {shown(now)} and shall become {shown(wanted)}: Google changes it only while the instance "
                f"is stopped, it is {current.get('status')}, and this module stops nothing. Stop it (gcloud compute "
                f"instances stop {where}), run this again, and start it.",
                code="must-be-stopped",
            )
