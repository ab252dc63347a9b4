# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Until when agents may still go on with what the ConfigMap had before it was changed. Pure."""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass

from .client import Json

#: Seconds until a changed ConfigMap is in the files of running pods: the kubelet looks once a minute, or a little less
#: often. https://kubernetes.io/docs/concepts/configuration/configmap/#mounted-configmaps-are-updated-automatically
PROPAGATION = 90


@dataclass(frozen=True)
class Pending:
    """A change that is not surely in force yet."""

    at_latest: datetime.datetime
    seconds_left: int

    def as_result(self) -> Json:
        return {"at_latest": text_of(self.at_latest), "seconds_left": self.seconds_left}


def at_latest(changed: datetime.datetime, resync: float) -> datetime.datetime:
    """When agents that look every ``resync`` seconds use what was changed then."""
    return changed + datetime.timedelta(seconds=max(0.0, resync) + PROPAGATION)


def text_of(moment: datetime.datetime) -> str:
    """As RFC 3339 has it."""
    return moment.isoformat(timespec="seconds")


def changed_at(item: Json) -> datetime.datetime | None:
    """When an object was last changed, as far as it tells: by anybody, and in anything."""
    metadata = item.get("metadata") or {}
    told = [str(entry["time"]) for entry in metadata.get("managedFields") or [] if entry.get("time")]
    told = told or [str(metadata.get("creationTimestamp") or "")]
    moments = [moment for moment in map(_moment, told) if moment]
    return max(moments, default=None)


def _moment(text: str) -> datetime.datetime | None:
    """A time of Kubernetes: RFC 3339, in UTC and whole seconds."""
    try:
        return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.UTC)
    except ValueError:
        return None


def pending(item: Json, resync: float, now: datetime.datetime) -> Pending | None:
    """What of an object's last change may not be in force yet. A clock that goes ahead of this one prolongs nothing."""
    changed = changed_at(item)
    if changed is None:
        return None
    latest = at_latest(min(changed, now), resync)
    left = math.ceil((latest - now).total_seconds())
    return Pending(latest, left) if left > 0 else None
