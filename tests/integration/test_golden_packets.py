# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The golden vectors of all that a path is made of, asked of the lab with packets."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.podreach.gke.tests.golden.loader import Vector
from ansible_collections.podreach.gke.tests.golden.packets import estates, judge, questions
from ansible_collections.podreach.gke.tests.golden.packets.stage import Stage
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab


def parameters() -> list[t.Any]:
    """Every vector that the lab can express; one that a source contradicts must fail."""
    found = []
    for vector in estates.in_order(questions.vectors()):
        if vector.id in questions.UNEXPRESSED:
            continue
        wrong = questions.CONTRADICTED.get(vector.id)
        marks = [pytest.mark.xfail(reason=wrong)] if wrong else []
        found.append(pytest.param(vector, id=vector.id, marks=marks))
    return found


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Stage]:
    """One lab for all vectors; operations end at once."""
    running = Lab.start(tmp_path_factory.mktemp("lab"), latency="zero")
    packets_there = running.status()["packets"]
    assert packets_there["available"], packets_there["reason"]
    yield Stage(running, tmp_path_factory.mktemp("scratch"))
    running.stop()


@pytest.mark.parametrize("vector", parameters())
def test_golden_packets(vector: Vector, stage: Stage) -> None:
    """What packets and APIs of the lab say is what the source says."""
    judge.run(vector, stage)
