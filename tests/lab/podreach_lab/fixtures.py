# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pytest fixtures: `lab_process`, one lab for the session, and `lab`, the same one emptied for each test."""

from __future__ import annotations

import typing as t

import pytest

from .testing import Lab


@pytest.fixture(scope="session")
def lab_process(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Lab]:
    """One lab process with the latency profile zero."""
    running = Lab.start(tmp_path_factory.mktemp("lab") / ".lab")
    yield running
    running.stop()


@pytest.fixture
def lab(lab_process: Lab) -> Lab:
    """The session's lab, emptied."""
    lab_process.reset()
    return lab_process
