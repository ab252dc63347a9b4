# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The licence header check knows which files need the header and where it stands."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.podreach.gke.tests.tools.licence_headers import HEADER, has_header, needs_header


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HEADER + '"""Docstring."""\n', True),
        ("#!/usr/bin/python\n" + HEADER, True),
        ('"""Docstring."""\n' + HEADER, False),
        ("#!/bin/sh\necho\n", False),
        (HEADER.replace("2026", "2025"), False),
    ],
)
def test_header_comes_first_or_after_the_interpreter_line(text: str, expected: bool) -> None:
    assert has_header(text) is expected


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("plugins/modules/network.py", "x = 1\n", True),
        ("plugins/__init__.py", "", False),
        (".ci/run", "#!/bin/sh\n", True),
        ("galaxy.yml", "---\n", False),
    ],
)
def test_python_and_scripts_need_it(name: str, text: str, expected: bool) -> None:
    assert needs_header(pathlib.Path(name), text) is expected
