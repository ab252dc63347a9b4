# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the integration tests share: one lab a session, emptied for each test, and a way to run playbooks against it."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.podreach.gke.tests.integration.playbooks import Playbooks
from ansible_collections.podreach.gke.tests.lab.podreach_lab.fixtures import lab, lab_process
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

__all__ = ["lab", "lab_process"]


@pytest.fixture
def playbooks(lab: Lab, tmp_path: pathlib.Path) -> Playbooks:
    """Runs playbooks against the emptied lab."""
    return Playbooks(lab, tmp_path)
