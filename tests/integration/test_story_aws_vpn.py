# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first seed, told with gcloud, kubectl, boto3 and `lab exec`, and again from the HTTP that they sent; and what
becomes of its VPN when something in it breaks.

PODREACH_RECORD_STORIES=1 writes the recordings anew while they are told with the real clients.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.integration.stories import aws_vpn
from ansible_collections.podreach.gke.tests.integration.stories.teller import Replayer, Teller, Typist
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

DATA = pathlib.Path(__file__).parent / "data"
MISSING = [name for name in ("gcloud", "kubectl", "gke-gcloud-auth-plugin") if shutil.which(name) is None]
SCALE = "0.5"
MEGABYTES = 400
BY_HAND = pytest.mark.skipif(
    bool(MISSING), reason=f"not on this machine: {', '.join(MISSING)}; the recorded story is told"
)
STORIES = {
    "aws_vpn": (aws_vpn.tell, "aws-account", {}),
    "aws_vpn_default_services": (aws_vpn.with_default_services, "aws-vpn", {}),
    "aws_vpn_mistakes": (aws_vpn.mistakes, "aws-vpn", {"tunnels": False}),
}


@pytest.fixture
def fast_lab(tmp_path: pathlib.Path) -> t.Iterator[Lab]:
    """A lab whose minute is 0.15 s."""
    lab = Lab.start(tmp_path / ".lab", "fast", "--scale", SCALE)
    yield lab
    lab.stop()


def told(name: str, lab: Lab, story: t.Callable[[Lab], Teller]) -> Teller:
    """One of the stories in its surroundings."""
    tell, preset, options = STORIES[name]
    lab.preset(preset, **options)
    teller = story(lab)
    tell(teller)
    return teller


@BY_HAND
@pytest.mark.parametrize("name", STORIES)
def test_by_hand(fast_lab: Lab, name: str) -> None:
    story = told(name, fast_lab, Typist)
    if os.environ.get("PODREACH_RECORD_STORIES"):
        assert isinstance(story, Typist)
        story.keep(DATA / f"{name}.http.json")


@pytest.mark.parametrize("name", STORIES)
def test_from_the_recording(fast_lab: Lab, name: str) -> None:
    told(name, fast_lab, lambda lab: Replayer(lab, DATA / f"{name}.http.json"))
