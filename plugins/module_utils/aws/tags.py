# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags: who made a resource, and which logical name it belongs to. They are part of the create call."""

from __future__ import annotations

import typing as t

OWNER_TAG, OWNER = "podreach.gke/owner", "podreach.gke"
NAME_TAG = "podreach.gke/name"


def of(resource: t.Mapping[str, t.Any]) -> dict[str, str]:
    """A resource's tags as a dictionary."""
    return {tag["Key"]: tag["Value"] for tag in resource.get("Tags") or []}


def owned(resource: t.Mapping[str, t.Any], name: str | None = None) -> bool:
    """Whether this collection made it, for this logical name if one is given."""
    tags = of(resource)
    return tags.get(OWNER_TAG) == OWNER and (name is None or tags.get(NAME_TAG) == name)


def name_of(resource: t.Mapping[str, t.Any]) -> str | None:
    """The Name that the console shows."""
    return of(resource).get("Name")


def specification(kind: str, name: str, shown: str | None = None) -> list[dict[str, t.Any]]:
    """The TagSpecifications of a create call. ``shown`` is the Name tag, the logical name by default."""
    pairs = {"Name": shown or name, OWNER_TAG: OWNER, NAME_TAG: name}
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in pairs.items()]}]
