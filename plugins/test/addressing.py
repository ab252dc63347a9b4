# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Jinja tests over module_utils/addressing.py. Each is documented in the YAML file of its name beside this one."""

from __future__ import annotations

import typing as t

from ..module_utils import addressing
from ..plugin_utils.jinja import plugin, truth


@plugin
def range_within(value: t.Any, outer: t.Any) -> bool:
    outer_cidrs = [item.cidr for item in addressing.as_ranges(outer, where="outer")]
    return all(addressing.is_within(item.cidr, outer_cidrs) for item in addressing.as_ranges(value))


@plugin
def range_overlapping(value: t.Any, others: t.Any = None) -> bool:
    ours = addressing.as_ranges(value)
    if others is None:
        return bool(addressing.overlaps(ours))
    theirs = addressing.as_ranges(others, where="others")
    # Ranges of one side may overlap one another; only a pair with one of each side counts.
    our_ids = {id(item) for item in ours}
    return any((id(one) in our_ids) != (id(other) in our_ids) for one, other in addressing.overlaps([*ours, *theirs]))


@plugin
def range_mask_valid(
    value: t.Any,
    purpose: str = "pods",
    profile: str = addressing.DEFAULT_PROFILE,
    managed: t.Any = False,
    allow_warnings: t.Any = False,
) -> bool:
    if isinstance(value, t.Mapping):
        value = addressing.own_range(value)
    findings = addressing.check_mask(
        addressing.prefix_length(value), purpose, profile, managed=truth(managed, "managed")
    )
    if truth(allow_warnings, "allow_warnings"):
        return all(finding.severity != "error" for finding in findings)
    return not findings


@plugin
def range_private(value: t.Any, special_use: t.Any = False) -> bool:
    spaces = {"private", "special-use"} if truth(special_use, "special_use") else {"private"}
    return all(addressing.space(item.cidr) in spaces for item in addressing.as_ranges(value))


class TestModule:
    """Ansible's entry point."""

    def tests(self) -> dict[str, t.Callable[..., bool]]:
        return {
            "range_mask_valid": range_mask_valid,
            "range_overlapping": range_overlapping,
            "range_private": range_private,
            "range_within": range_within,
        }
