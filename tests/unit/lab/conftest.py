# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the lab's own tests."""

from __future__ import annotations

import time

import pytest

from ansible_collections.podreach.gke.tests.lab.podreach_lab.auth import Accounts
from ansible_collections.podreach.gke.tests.lab.podreach_lab.clock import Clock, ManualClock
from ansible_collections.podreach.gke.tests.lab.podreach_lab.discovery import Discovery
from ansible_collections.podreach.gke.tests.unit.lab.cloud import Cloud


@pytest.fixture(scope="session")
def accounts() -> Accounts:
    """Made once: generating keys takes a while."""
    made = Accounts(time.time)
    made.token_uri = "http://127.0.0.1:1/token"
    return made


@pytest.fixture(scope="session")
def discovery() -> Discovery:
    return Discovery()


@pytest.fixture
def cloud(accounts: Accounts, discovery: Discovery) -> Cloud:
    """An empty lab whose operations end at once."""
    return Cloud(Clock("zero"), accounts, discovery)


@pytest.fixture
def slow(accounts: Accounts, discovery: Discovery) -> Cloud:
    """An empty lab with realistic durations and a clock that the test moves."""
    return Cloud(ManualClock(), accounts, discovery)
