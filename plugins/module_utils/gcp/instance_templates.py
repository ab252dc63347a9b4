# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instance templates: https://cloud.google.com/compute/docs/reference/rest/v1/instanceTemplates

What a managed group makes its instances from. A template never changes: another one is made beside it, and the group
is told to take that. These are global ones, which groups of every region take; a subnetwork has its region all the
same.
"""

from __future__ import annotations

import typing as t

from ..arguments import ArgumentSpec
from ..errors import ApiError, Refused
from . import machines
from .fields import Field, Fixed, Json
from .resource import GcpResource

SPEC = ArgumentSpec(
    options={
        **machines.OPTIONS,
        "region": {"type": "str"},
        "network_interfaces": {"type": "list", "elements": "dict", "options": machines.INTERFACE_OPTIONS},
    }
)


class InstanceTemplate(GcpResource):
    kind = "instance_template"
    role = ""
    required = machines.REQUIRED
    fields: t.ClassVar[tuple[Field, ...]] = machines.fields(
        {},
        Fixed(
            "a template never changes. Make one under another name, tell the managed group to take that "
            "(instance_template), and then delete this one"
        ),
        below="properties.",
    )

    @property
    def collection(self) -> str:
        return f"projects/{self.project}/global/instanceTemplates"

    def validate(self) -> None:
        machines.validate(self)
        region = self.params.get("region")
        if region is not None:
            self.check_name("region", region)
        for number, item in enumerate(self.params.get("network_interfaces") or []):
            subnetwork = item.get("subnetwork")
            if subnetwork and "/" not in subnetwork and region is None:
                self.invalid(
                    f"network_interfaces[{number}].subnetwork",
                    subnetwork,
                    "a template is global: give region too, or the subnetwork's path (regions/.../subnetworks/...)",
                )
        for option, value in (
            ("machine_type", self.params.get("machine_type")),
            ("boot_disk.type", (self.params.get("boot_disk") or {}).get("type")),
        ):
            if value and "/" in value:
                self.invalid(option, value, "a template has no zone: give the bare name")

    def creation(self, body: Json) -> Json:
        machines.complete(body["properties"], str(self.project), region=self.params.get("region"), disk_types=None)
        return body

    def precheck(self, current: Json | None, after: Json, *, check_mode: bool) -> list[str]:
        if current:
            return []
        return machines.look_at_networks(self, after["properties"]["networkInterfaces"], check_mode=check_mode)

    def removal_refusal(self, current: Json) -> Refused | None:
        users = self._groups()
        using = f"managed groups make their instances from it: {', '.join(users)}"
        if users and self.call.check_mode:
            # whoever plans this may plan to delete them before
            self.call.warn(f"{self.label}: {using}; counted as planned to go.")
        elif users:
            return self.refused(
                f"{using}. Tell them to take another (instance_template), or delete them first.", code="in-use"
            )
        return None

    def _groups(self) -> list[str]:
        """The managed groups of the project that use this template; none where they may not be listed."""
        try:
            found = self.client.list_all("compute", f"projects/{self.project}/aggregated/instanceGroupManagers")
        except ApiError as error:
            if error.status == 403:
                return []  # the API itself refuses what is in use
            raise
        users = []
        for group in found:
            links = [
                group.get("instanceTemplate"),
                *(item.get("instanceTemplate") for item in group.get("versions", [])),
            ]
            if any(str(link).endswith(f"/{self.path}") for link in links):
                users.append("projects/" + str(group["selfLink"]).partition("/projects/")[2])
        return users
