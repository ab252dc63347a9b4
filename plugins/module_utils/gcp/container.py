# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clusters and their node pools have in common: objects of the container API, with their status and operations."""

from __future__ import annotations

from ..engine import Plan
from .fields import Json, dig
from .resource import GcpResource


class ContainerResource(GcpResource):
    """A resource of the container API, whose objects show a status while an operation changes them."""

    service = "container"
    role = "cluster"
    marked_by_description = False

    def settle(self, current: Json | None) -> tuple[Json | None, str | None]:
        """Adopt the operation that goes on: wait for it and read again, or name it where this call does not wait."""
        if not current or current.get("status") not in ("PROVISIONING", "RECONCILING", "STOPPING"):
            return current, None
        operation = self.client.in_flight(self.service, self.operations_scope, self.path)
        if operation is None:
            return self.read(), None
        pending = self.client.finish(self.service, operation, self.label)
        return (current, pending) if pending else (self.read(), None)

    def plan(self, current: Json | None, *, check_mode: bool) -> Plan:
        if current and current.get("status") == "ERROR" and self.params["state"] == "present":
            reasons = [item.get("message") for item in current.get("conditions") or []]
            told = "; ".join(filter(None, reasons)) or current.get("statusMessage") or "Google gives no reason"
            raise self.refused(
                f"it is in the state ERROR and cannot be used: {told}. Delete it and make it anew.", code="in-error"
            )
        return super().plan(current, check_mode=check_mode)

    @staticmethod
    def marked(current: Json) -> bool:
        labels = dig(current, "config.resourceLabels") or current.get("resourceLabels") or {}
        return bool(labels.get("managed-by") == "podreach-gke")
