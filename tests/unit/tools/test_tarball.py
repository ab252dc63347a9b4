# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tarball check finds what is missing and what should have stayed out."""

from __future__ import annotations

import pytest

from ansible_collections.podreach.gke.tests.tools.tarball import WANTED, faults

COMPLETE = [want + "x" if want.endswith("/") else want for want in WANTED]


def test_complete_tarball_has_no_fault() -> None:
    assert faults(COMPLETE, []) == []


@pytest.mark.parametrize("want", WANTED)
def test_each_missing_part_is_named(want: str) -> None:
    assert faults([name for name in COMPLETE if not name.startswith(want)], []) == [f"lacks {want}"]


@pytest.mark.parametrize(
    "name",
    [
        ".gitignore",
        ".collections/x",
        "Makefile",
        "tests/unit/test_x.py",
        "requirements-dev.txt",
        "roles/network/.cache",
        "tests/lab/__pycache__/x",
    ],
)
def test_each_stray_file_is_named(name: str) -> None:
    (fault,) = faults([*COMPLETE, name], [])
    assert f"holds {name}, " in fault


def test_links_are_named() -> None:
    (fault,) = faults(COMPLETE, ["plugins/link"])
    assert "the link plugins/link" in fault
