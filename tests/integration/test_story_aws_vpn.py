# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first seed, told with gcloud, kubectl, boto3 and `lab exec`, and again from the HTTP that they sent; and what
becomes of its VPN when something in it breaks.

PODREACH_RECORD_STORIES=1 writes the recordings anew while they are told with the real clients.
"""

from __future__ import annotations

import functools
import os
import pathlib
import shutil
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.integration.api import COMPUTE, REGION, ROUTERS, ZONE, Api
from ansible_collections.podreach.gke.tests.integration.stories import aws_vpn
from ansible_collections.podreach.gke.tests.integration.stories.teller import Replayer, Teller, Typist
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab, run_command

DATA = pathlib.Path(__file__).parent / "data"
MISSING = [name for name in ("gcloud", "kubectl", "gke-gcloud-auth-plugin") if shutil.which(name) is None]
TUNNELS = f"{COMPUTE}/regions/{REGION}/vpnTunnels"
MACHINE, ADDRESS = "in-google", "10.1.0.9"
SCALE = "0.5"
MEGABYTES = 400
LIMIT = "limit exceeded"
"""What BIRD says of too many prefixes."""
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


@pytest.mark.by_hand
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


# ---- when something breaks


@pytest.fixture
def story(lab: Lab) -> Teller:
    """The whole VPN as the preset builds it, and a machine at its end in Google's network."""
    lab.preset("aws-vpn")
    vm(lab)
    found = Teller(lab)
    aws_vpn.learn_preset(found)
    lab.settle()
    return found


def vm(lab: Lab) -> None:
    """MACHINE, which AWS may reach."""
    card = {"subnetwork": f"regions/{REGION}/subnetworks/{aws_vpn.SUBNET_1}", "networkIP": ADDRESS}
    image = "projects/debian-cloud/global/images/family/debian-12"
    body = {
        "name": MACHINE,
        "machineType": f"zones/{ZONE}/machineTypes/e2-micro",
        "disks": [{"boot": True, "initializeParams": {"sourceImage": image}}],
        "networkInterfaces": [card],
    }
    Api(lab).post(f"{COMPUTE}/zones/{ZONE}/instances", body)


def disturb(lab: Lab, *words: str) -> None:
    """`lab fault WORDS`"""
    run_command(lab.directory, "fault", *words)


def sessions(story: Teller) -> dict[str, tuple[str, str]]:
    """status and state of the router's sessions, by the tunnel's name."""
    answer = story.get(f"{ROUTERS}/{aws_vpn.ROUTER}/getRouterStatus")
    names = {aws_vpn.peer_name(*item): aws_vpn.tunnel_name(*item) for item in aws_vpn.TUNNELS}
    return {names[peer["name"]]: (peer["status"], peer["state"]) for peer in answer["result"]["bgpPeerStatus"]}


def is_down(story: Teller, name: str) -> bool:
    """Whether both clouds say so of a tunnel."""
    return sessions(story)[name][0] == "DOWN" and aws_vpn.telemetry(story)[name]["Status"] == "DOWN"


def test_traffic_goes_on_when_tunnels_are_cut(story: Teller) -> None:
    """One after the other, until the last one is gone."""
    lab = story.lab
    assert story.health(aws_vpn.INSTANCE, ADDRESS)
    names = [aws_vpn.tunnel_name(*item) for item in aws_vpn.TUNNELS]
    for number, name in enumerate(names, 1):
        disturb(lab, "tunnel", name)
        story.until(functools.partial(is_down, story, name), f"both clouds say that {name} is down")
        lab.settle()
        assert story.health(aws_vpn.INSTANCE, ADDRESS) is (number < len(names)), name
        assert sum(status == "UP" for status, _state in sessions(story).values()) == len(names) - number
        assert story.get(f"{TUNNELS}/{name}")["status"] != "ESTABLISHED"


def all_down(story: Teller) -> bool:
    """Whether both clouds say so of all sessions, and AWS routes nothing."""
    said = {(item["Status"], item["AcceptedRouteCount"]) for item in aws_vpn.telemetry(story).values()}
    states = {status for status, _state in sessions(story).values()}
    return states == {"DOWN"} and said == {("DOWN", 0)} and not aws_vpn.propagated(story)


def test_a_hundred_and_one_prefixes(story: Teller) -> None:
    """A virtual private gateway takes no more than 100.

    https://docs.aws.amazon.com/vpn/latest/s2svpn/vpn-limits.html
    """
    lab = story.lab
    disturb(lab, "prefixes", aws_vpn.ROUTER, "--count=100")
    lab.settle()
    assert {said["AcceptedRouteCount"] for said in aws_vpn.telemetry(story).values()} == {100}
    disturb(lab, "prefixes", aws_vpn.ROUTER)
    lab.settle()
    assert all_down(story)
    assert not story.health(aws_vpn.INSTANCE, ADDRESS)
    assert any(LIMIT in item["reason"] for item in lab.status()["sessions"])
    assert all_down(story), "they stay down"

    disturb(lab, "prefixes", aws_vpn.ROUTER, "--end")
    lab.settle()
    assert set(sessions(story).values()) == {("UP", "Established")}
    assert story.health(aws_vpn.INSTANCE, ADDRESS)


def test_both_clouds_are_small(tmp_path: pathlib.Path) -> None:
    lab = Lab.start(tmp_path / ".lab")
    try:
        lab.preset("aws-vpn")
        lab.settle()
        assert lab.memory() < MEGABYTES
    finally:
        lab.stop()
