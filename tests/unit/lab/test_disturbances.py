# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cut tunnels, stopped sessions, dead nodes, too many prefixes; and the lines of `lab status` about tunnels."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.lab.podreach_lab import cli
from ansible_collections.podreach.gke.tests.lab.podreach_lab.aws.facts import AwsFacts, Instance
from ansible_collections.podreach.gke.tests.lab.podreach_lab.core import InjectedFault
from ansible_collections.podreach.gke.tests.lab.podreach_lab.disturbances import disturb, present
from ansible_collections.podreach.gke.tests.lab.podreach_lab.wan import summary
from ansible_collections.podreach.gke.tests.lab.podreach_lab.wan.model import SessionState, SpeakerState
from ansible_collections.podreach.gke.tests.lab.podreach_lab.wan.tunnels import negotiate
from ansible_collections.podreach.gke.tests.unit.lab import vpn
from ansible_collections.podreach.gke.tests.unit.lab.cloud import Cloud
from ansible_collections.podreach.gke.tests.unit.lab.test_instances import create

Json = dict[str, t.Any]
R1 = f"projects/podreach-lab/{vpn.ROUTERS}/r1"


@pytest.fixture
def joined(cloud: Cloud) -> Cloud:
    vpn.to_aws(cloud)
    cloud.lab.state.learn_aws(vpn.aws(cloud))
    return cloud


def up(cloud: Cloud) -> list[str]:
    return sorted(item.a.resource.rpartition("/")[2] for item in negotiate(cloud.lab.state).tunnels)


@pytest.mark.parametrize("name", ["t1", vpn.PATHS[1], "vpn-0/1"])
def test_a_cut_tunnel_is_down_at_both_ends(joined: Cloud, name: str) -> None:
    """At the latency zero its ends notice at once."""
    seen: list[str] = []
    joined.lab.state.watch(lambda change: seen.append(change.resource.name))
    assert disturb(joined.lab.state, {"kind": "tunnel", "name": name}) == "The tunnel t1 is cut."
    assert seen == ["t1"]
    states = negotiate(joined.lab.state).states
    assert (states[vpn.PATHS[1]].status, states["vpn-0/1"].status) == ("NO_INCOMING_PACKETS", "DOWN")
    assert joined.compute("GET", f"{vpn.TUNNELS}/t1")["status"] == "NO_INCOMING_PACKETS"
    assert up(joined) == ["t0", "t2", "t3"]
    assert present(joined.lab.state) == [{"kind": "tunnel", "name": vpn.PATHS[1]}]
    disturb(joined.lab.state, {"kind": "tunnel", "name": name, "end": True})
    assert (up(joined), present(joined.lab.state)) == (["t0", "t1", "t2", "t3"], [])


def test_it_is_silent_until_the_dead_peer_is_noticed(slow: Cloud) -> None:
    clock = t.cast(t.Any, slow.clock)
    slow.clock.configure("zero", 1.0)
    vpn.to_aws(slow)
    slow.lab.state.learn_aws(vpn.aws(slow))
    slow.clock.configure("realistic", 1.0)

    def silent() -> list[bool]:
        return [item.silent for item in negotiate(slow.lab.state).tunnels if item.a.resource == vpn.PATHS[0]]

    disturb(slow.lab.state, {"kind": "tunnel", "name": "t0"})
    assert silent() == [True]
    assert negotiate(slow.lab.state).states["vpn-0/0"].status == "UP"
    clock.advance(29)
    disturb(slow.lab.state, {"kind": "tunnel", "name": "t0", "end": True})
    assert silent() == [False]
    disturb(slow.lab.state, {"kind": "tunnel", "name": "t0"})
    clock.advance(2)  # what was to be noticed of the first cut is not of the second
    assert silent() == [True]
    clock.advance(28)
    assert silent() == []
    assert negotiate(slow.lab.state).states["vpn-0/0"].status == "DOWN"


def test_sessions(joined: Cloud) -> None:
    state = joined.lab.state
    for peer in ("peer-t0", "peer-t2", "peer-t0"):
        disturb(state, {"kind": "session", "router": "r1", "peer": peer})
    router = t.cast(t.Any, state.get(R1))
    assert router.hidden["stopped"] == ["peer-t2", "peer-t0"]
    disturb(state, {"kind": "session", "router": R1, "peer": "peer-t2", "end": True})
    assert router.hidden["stopped"] == ["peer-t0"]
    disturb(state, {"kind": "session", "router": "r1", "peer": "peer-t0", "end": True})
    assert "stopped" not in router.hidden


def test_nodes_and_prefixes(joined: Cloud) -> None:
    state = joined.lab.state
    joined.subnetwork()
    create(joined, "vm1")
    disturb(state, {"kind": "node", "name": "vm1"})
    disturb(state, {"kind": "prefixes", "router": "r1"})
    assert present(state) == [
        {"kind": "prefixes", "router": R1, "count": 101},
        {"kind": "node", "name": "projects/podreach-lab/zones/asia-northeast1-a/instances/vm1"},
    ]
    assert summary.lines({"disturbances": present(state)}) == ["disturbed: prefixes r1 101", "disturbed: node vm1"]
    disturb(state, {"kind": "node", "name": "vm1", "end": True})
    disturb(state, {"kind": "prefixes", "router": "r1", "end": True})
    assert present(state) == []


def test_instances_of_ec2(joined: Cloud) -> None:
    state = joined.lab.state
    twins = tuple(Instance(f"i-{number}", name, True, ()) for number, name in enumerate(("a", "b", "b", "vm1")))
    state.learn_aws(dataclasses.replace(state.aws, instances=twins))
    joined.subnetwork()
    create(joined, "vm1")
    assert disturb(state, {"kind": "node", "name": "a"}) == "a is dead."
    assert disturb(state, {"kind": "node", "name": "i-0"}) == "i-0 is dead already."
    assert present(state) == [{"kind": "node", "name": "a"}]
    assert state.dead == {"i-0"}
    for name, several in (("b", "i-1, i-2"), ("vm1", "projects/podreach-lab/.*/vm1, i-3")):
        with pytest.raises(ValueError, match=f"is the name of several: {several}. Give"):
            disturb(state, {"kind": "node", "name": name})
    with pytest.raises(ValueError, match="no instance or node 'x'; there are vm1. At AWS there are a, b, b, vm1"):
        disturb(state, {"kind": "node", "name": "x"})
    joined.lab.reset()
    assert not state.dead


def test_a_reset_of_a_dead_instance_revives_it(joined: Cloud) -> None:
    joined.subnetwork()
    create(joined, "vm1")
    disturb(joined.lab.state, {"kind": "node", "name": "vm1"})
    joined.compute("POST", "zones/asia-northeast1-a/instances/vm1/reset")
    assert present(joined.lab.state) == []


def test_a_reset_ends_them(joined: Cloud) -> None:
    disturb(joined.lab.state, {"kind": "tunnel", "name": "t0"})
    joined.lab.reset()
    assert present(joined.lab.state) == []
    joined.lab.state.learn_aws(AwsFacts())
    vpn.to_aws(joined)
    joined.lab.state.learn_aws(vpn.aws(joined))
    assert up(joined) == ["t0", "t1", "t2", "t3"]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"kind": "quake"}, "one of tunnel, session, node, prefixes, not 'quake'"),
        ({"kind": "tunnel"}, "name must be the name of something"),
        ({"kind": "tunnel", "name": "t9"}, "no VPN tunnel 't9'; there are t0, t1, t2, t3. At AWS there are vpn-0/0, "),
        ({"kind": "tunnel", "name": "vpn-9/0"}, "there are t0"),
        ({"kind": "session", "router": "r9", "peer": "p"}, "no router 'r9'; there are r1"),
        ({"kind": "session", "router": "r1", "peer": "p"}, "no BGP peer 'p'; there are peer-t0, "),
        ({"kind": "node", "name": "x"}, "no instance or node 'x'; there is none"),
        ({"kind": "prefixes", "router": "r1", "count": 0}, "between 1 and 5000, not 0"),
    ],
)
def test_what_makes_no_sense_is_told_with_what_there_is(joined: Cloud, body: Json, why: str) -> None:
    with pytest.raises(ValueError, match=".") as refused:
        disturb(joined.lab.state, body)
    assert why in str(refused.value)


def test_an_end_at_aws_that_meets_nobody(joined: Cloud) -> None:
    joined.lab.state.learn_aws(vpn.change_tunnel(joined.lab.state.aws, 0, 0, outside="52.0.0.9"))
    with pytest.raises(ValueError, match="No tunnel at Google leads to vpn-0/0"):
        disturb(joined.lab.state, {"kind": "tunnel", "name": "vpn-0/0"})


def test_one_name_in_two_projects(joined: Cloud) -> None:
    joined.project = "podreach-peer"
    joined.network("n1")
    vpn.router(joined)
    with pytest.raises(ValueError, match="is the name of several: projects/podreach-lab/.*, projects/podreach-peer/"):
        disturb(joined.lab.state, {"kind": "prefixes", "router": "r1"})


def test_the_status_in_lines(joined: Cloud) -> None:
    state = joined.lab.state
    state.learn_aws(vpn.change_tunnel(state.aws, 1, 1, outside="52.0.0.9"))
    sessions = {"peer-t0": SessionState("Established", learned=1), "peer-t1": SessionState("Idle", reason="no route")}
    state.learn_bgp(f"router {R1}", SpeakerState(sessions))
    found = {"tunnels": summary.tunnels(state), "sessions": summary.sessions(state)}
    assert summary.lines(found) == [
        "tunnel t0 ESTABLISHED -- vpn-0/0 UP",
        "tunnel t1 ESTABLISHED -- vpn-0/1 UP",
        "tunnel t2 ESTABLISHED -- vpn-1/0 UP",
        "tunnel t3 NO_INCOMING_PACKETS",
        "tunnel vpn-1/1 DOWN",
        "session peer-t0 of router r1: Established, 1 route learned",
        "session peer-t1 of router r1: Idle (no route)",
        "sessions: 1 of 2 established",
    ]


def test_armed_faults_in_lines() -> None:
    armed = [InjectedFault(count=2, method="POST", path="/networks$"), InjectedFault(drop=True)]
    assert summary.lines({"armed": [dataclasses.asdict(fault) for fault in armed]}) == [
        "request fault: the next 2 of POST '/networks$': 503",
        "request fault: the next 1 of any method any path: dropped",
    ]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"kind": "tunnel", "name": "t0"}, ["is cut.", "is cut already.", "is whole.", "was not cut."]),
        (
            {"kind": "session", "router": "r1", "peer": "peer-t0"},
            ["is stopped.", "is stopped already.", "may run.", "was not stopped."],
        ),
        (
            {"kind": "prefixes", "router": "r1"},
            ["101 prefixes.", "101 prefixes already.", "what it should.", "what it should already."],
        ),
    ],
)
def test_what_changes_nothing_says_so(joined: Cloud, body: Json, said: list[str]) -> None:
    for end, sentence in zip((False, False, True, True), said, strict=True):
        assert disturb(joined.lab.state, body | {"end": end}).endswith(f" {sentence}")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("tunnel t0", {"kind": "tunnel", "name": "t0", "end": False}),
        ("tunnel vpn-1/0 --end", {"kind": "tunnel", "name": "vpn-1/0", "end": True}),
        ("session r1 p0", {"kind": "session", "router": "r1", "peer": "p0"}),
        ("node n", {"kind": "node", "name": "n"}),
        ("prefixes r1", {"kind": "prefixes", "router": "r1", "count": 101}),
        ("prefixes r1 --count 7", {"count": 7}),
        ("--method POST --count 2", {"method": "POST", "count": 2}),
    ],
)
def test_the_command_understands(line: str, expected: Json) -> None:
    options = vars(cli.parser().parse_args(["fault", *line.split()]))
    assert {key: options[key] for key in expected} == expected
    assert options["run"] is (cli.do_disturb if "kind" in options else cli.do_fault)
