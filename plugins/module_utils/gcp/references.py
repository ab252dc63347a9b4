# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links whose place counts: a health check may be global or of a region, a group of a region or of one of its zones.

A bare name becomes a full path at once, of the place where the resource that names it would look first.
"""

from __future__ import annotations

import typing as t

from .client import relative
from .fields import Json, Kind, Whole
from .resource import GcpResource

#: Google's documentation asks for links of this form where it says that partial ones will not do
URL = "https://www.googleapis.com/compute/v1/"


class Path(Kind):
    """A resource's full path, or its URL in any form that names the project."""

    def canonical(self, value: t.Any) -> t.Any:
        return None if value is None else "/".join(relative(value))


class Paths(Whole):
    """A list of paths, always given as a whole."""

    def canonical(self, value: t.Any) -> t.Any:
        return sorted(Path().canonical(item) for item in value or [])


def check_link(resource: GcpResource, option: str, path: str | None) -> None:
    """Note that the name at the end of a link cannot be any."""
    if path:
        resource.check_name(option, path.rpartition("/")[2])


def required(resource: GcpResource, what: str, path: str, warnings: list[str], *, check_mode: bool) -> Json | None:
    """What a resource cannot be without. Where it is missing: refused, or a warning more in check mode."""
    found = resource.look_at(path)
    if found is None:
        if not check_mode:
            raise resource.refused(f"{what} {path} does not exist: create it first", code="missing-prerequisite")
        warnings.append(f"{resource.label}: {what} {path} does not exist yet; counted as planned.")
    return found
