# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.images: some public ones, which anybody may read. Clients look them up; machines do not depend on them."""

from __future__ import annotations

from ..core import PUBLIC_READING, Call, method
from ..faults import not_found
from ..links import self_link
from ..state import Body

FAMILIES: dict[str, tuple[str, ...]] = {
    "cos-cloud": ("cos-stable",),
    "debian-cloud": ("debian-11", "debian-12", "debian-13"),
    "rocky-linux-cloud": ("rocky-linux-9",),
    "ubuntu-os-cloud": ("ubuntu-2204-lts", "ubuntu-2404-lts-amd64"),
}
"""Project -> its image families, of which each has one image here."""
VERSION = "v20260101"
CREATED = "2026-01-01T00:00:00.000-08:00"

for _id in ("compute.images.get", "compute.images.getFromFamily"):
    PUBLIC_READING[_id] = frozenset(FAMILIES)


def image(project: str, family: str) -> Body:
    name = f"{family}-{VERSION}"
    families = FAMILIES[project]
    return {
        "kind": "compute#image",
        "id": str(3000 + 10 * list(FAMILIES).index(project) + families.index(family)),
        "creationTimestamp": CREATED,
        "name": name,
        "family": family,
        "status": "READY",
        "diskSizeGb": "10",
        "selfLink": self_link(f"projects/{project}/global/images/{name}"),
    }


@method("compute.images.getFromFamily")
def get_from_family(call: Call) -> Body:
    family = call.params["family"]
    if family not in FAMILIES.get(call.project, ()):
        raise not_found(f"projects/{call.project}/global/images/family/{family}")
    return image(call.project, family)


@method("compute.images.get")
def get_image(call: Call) -> Body:
    name = call.params["image"]
    for family in FAMILIES.get(call.project, ()):
        if name == f"{family}-{VERSION}":
            return image(call.project, family)
    raise not_found(f"projects/{call.project}/global/images/{name}")
