# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes whose kubelet no longer posts its status, as the node lifecycle controller notices: after a grace period.

An instance with the hidden flag `dead` is silent. https://kubernetes.io/docs/concepts/architecture/nodes/#heartbeats.
Pods are not evicted.
"""

from __future__ import annotations

import typing as t

from ..clock import Clock
from ..state import Resource


class Heartbeats:
    """Which instances of a cluster are silent, and which have been so for too long."""

    def __init__(self, clock: Clock, again: t.Callable[[str], None]) -> None:
        self.clock = clock
        self._again = again
        self._silent: dict[str, object] = {}  # instance id -> the silence that it is in
        self._lost: set[str] = set()

    def saw(self, instance: Resource) -> None:
        """An instance as it is now."""
        number = instance.body["id"]
        if not instance.hidden.get("dead"):
            self.forget(instance)
        elif number not in self._silent:
            silence = self._silent[number] = object()
            seconds = self.clock.seconds("kubernetes.nodeMonitorGrace", "kubernetes")
            self.clock.after(seconds, lambda: self._give_up(instance, silence))

    def forget(self, instance: Resource) -> None:
        self._silent.pop(instance.body["id"], None)
        self._lost.discard(instance.body["id"])

    def _give_up(self, instance: Resource, silence: object) -> None:
        if self._silent.get(instance.body["id"]) is silence:
            self._lost.add(instance.body["id"])
            self._again(instance.name)

    def heard(self, instance: Resource) -> bool:
        """Whether the control plane takes it for alive."""
        return instance.body.get("status") == "RUNNING" and instance.body["id"] not in self._lost
