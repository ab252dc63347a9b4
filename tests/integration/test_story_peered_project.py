# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The second seed, told with gcloud, kubectl and `lab exec`, and again from the HTTP that they sent.

PODREACH_RECORD_STORIES=1 writes the recording anew while it is told with the real clients.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.integration.stories import peered_project
from ansible_collections.podreach.gke.tests.integration.stories.teller import Replayer, Typist
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

RECORDING = pathlib.Path(__file__).parent / "data" / "peered_project.http.json"
MISSING = [name for name in ("gcloud", "kubectl", "gke-gcloud-auth-plugin") if shutil.which(name) is None]
SCALE = "0.5"


@pytest.fixture
def fast_lab(tmp_path: pathlib.Path) -> t.Iterator[Lab]:
    """A lab whose minute is 0.15 s, with the story's surroundings."""
    lab = Lab.start(tmp_path / ".lab", "fast", "--scale", SCALE)
    lab.preset("peered-project")
    yield lab
    lab.stop()


@pytest.mark.by_hand
@pytest.mark.skipif(bool(MISSING), reason=f"not on this machine: {', '.join(MISSING)}; the recorded story is told")
def test_by_hand(fast_lab: Lab) -> None:
    story = Typist(fast_lab)
    peered_project.tell(story)
    if os.environ.get("PODREACH_RECORD_STORIES"):
        RECORDING.parent.mkdir(exist_ok=True)
        story.keep(RECORDING)


def test_from_the_recording(fast_lab: Lab) -> None:
    peered_project.tell(Replayer(fast_lab, RECORDING))
