# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""router_status_info against real BGP: four tunnels between a network of Google's and a VPC, by both paths.

Where the machine can't have packets, the tests fail with the reason, unless PODREACH_NO_PACKETS is set.
"""

from __future__ import annotations

import collections
import os
import typing as t

import pytest
import yaml

from ansible_collections.podreach.gke.plugins.module_utils import bgp
from ansible_collections.podreach.gke.plugins.modules import router_status_info
from ansible_collections.podreach.gke.tests.integration.api import Json
from ansible_collections.podreach.gke.tests.integration.playbooks import PATHS, Playbooks, Run, play, task
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

ROUTER = {"environment": "lab", "name": "aws-router", "region": "asia-northeast1"}
NETWORK = {"environment": "lab", "network": "aws-internal-connect"}
SESSIONS = [f"aws-vpn-{connection}-bgp-{number}" for connection in (1, 2) for number in (1, 2)]
WANTED = [{"name": "nodes", "cidr": "10.1.0.0/24"}, {"name": "pods", "cidr": "10.32.0.0/14"}]
#: differs from one reading to the next
PASSING = {"uptime", "uptime_seconds"}

TASKS = [
    task("wait", "router_status_info", {**NETWORK, "wait_established": True, "timeout": 60}),
    task("router", "router_status_info", {**ROUTER, "ranges": WANTED, "include_raw": True}),
    task("check", "router_status_info", {**ROUTER, "ranges": WANTED, "include_raw": True}, check_mode=True),
    task("region", "router_status_info", {"environment": "lab", "region": "asia-northeast1"}),
    task("elsewhere", "router_status_info", {"environment": "lab", "region": "us-east1"}),
    task("full", "router_status_info", {**ROUTER, "advertised_prefix_limit": 1}),
    task("query", "router_status_info", {**ROUTER, "query": "routers[].peers[].{name: name, up: up}"}),
    task("no-such-router", "router_status_info", {**ROUTER, "name": "none"}),
    task(
        "advertise",
        "router",
        {
            **ROUTER,
            "bgp": {
                "advertise_mode": "CUSTOM",
                "advertised_groups": ["ALL_SUBNETS"],
                "advertised_ip_ranges": [{"range": "10.32.0.0/14"}],
            },
        },
    ),
    task(
        "advertised",
        "router_status_info",
        {**ROUTER, "ranges": WANTED},
        register="now",
        until="now.routers[0] is podreach.gke.bgp_advertises('10.32.0.0/14')",
        retries=40,
        delay=0.5,
    ),
    task(
        "filters",
        "ansible.builtin.debug",
        {
            "msg": {
                "established": "{{ now is podreach.gke.bgp_established }}",
                "missing": "{{ now.routers | podreach.gke.bgp_missing_ranges('10.99.0.0/16', each_peer=false) }}",
                "headroom": "{{ now | podreach.gke.bgp_prefix_headroom | map(attribute='headroom') }}",
            }
        },
    ),
]


@pytest.fixture(scope="module", autouse=True)
def sessions(lab_process: Lab) -> None:
    """Only where there is BGP."""
    packets = lab_process.status()["packets"]
    for found in (packets, packets["bgp"]):
        if not found["available"]:
            if os.environ.get("PODREACH_NO_PACKETS") == "1":
                pytest.skip(found["reason"])
            pytest.fail(f"{found['reason']} (PODREACH_NO_PACKETS=1 skips what needs packets)")


class Story(t.NamedTuple):
    """A run and what the lab showed beside it."""

    run: Run
    mutations: int


@pytest.fixture(scope="module", params=PATHS)
def story(request: pytest.FixtureRequest, lab_process: Lab, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """All tasks by one path, in surroundings of their own."""
    lab_process.reset()
    lab_process.preset("aws-vpn")
    before = lab_process.status()["mutations"]
    run = Playbooks(lab_process, tmp_path_factory.mktemp("status")).run(play(TASKS), path=request.param)
    if request.param == "module":
        assert collections.Counter(run.processes)["router_status_info"] >= len(TASKS) - 2
    else:
        assert run.processes == []
    return Story(run, run["no-such-router"].mutations - before)


def routers(story: Story, name: str) -> list[Json]:
    record = story.run[name]
    assert record.status == "ok", record.result
    assert not record.result["changed"]
    return t.cast("list[Json]", record.result["routers"])


def lasting(value: t.Any) -> t.Any:
    """A result without what passes."""
    if isinstance(value, dict):
        return {key: lasting(item) for key, item in value.items() if key not in PASSING and key != "raw"}
    return [lasting(item) for item in value] if isinstance(value, list) else value


def test_reading_changes_nothing(story: Story) -> None:
    assert story.mutations == 0


def test_waits_for_the_sessions(story: Story) -> None:
    (router,) = routers(story, "wait")
    assert [(peer["name"], peer["state"], peer["up"]) for peer in router["peers"]] == [
        (name, "Established", True) for name in SESSIONS
    ]


def test_one_router(story: Story) -> None:
    (router,) = routers(story, "router")
    assert (router["name"], router["region"], router["network"], router["asn"]) == (
        "aws-router",
        "asia-northeast1",
        "aws-internal-connect",
        65010,
    )
    first = router["peers"][0]
    assert (first["ip_address"], first["peer_ip_address"]) == ("169.254.24.222", "169.254.24.221")
    assert (first["linked_vpn_tunnel"], first["peer_asn"], first["enabled"]) == ("aws-vpn-1-tunnel-1", 64512, True)
    assert first["advertised_ranges"] == [
        {"range": "10.1.0.0/24", "priority": 100, "next_hop_ip": "169.254.24.222"},
    ]
    assert bgp.duration_seconds(first["uptime"]) == first["uptime_seconds"]
    assert {peer["num_learned_routes"] for peer in router["peers"]} == {1}
    assert [[item["name"] for item in peer["missing_ranges"]] for peer in router["peers"]] == [["pods"]] * 4
    assert [(item["name"], item["code"]) for item in router["missing_ranges"]] == [("pods", "bgp-range-not-advertised")]
    assert router["differences"] == []
    assert {(route["range"], route["next_hop_vpn_tunnel"]) for route in router["best_routes"]} == {
        ("10.0.0.0/16", f"aws-vpn-{connection}-tunnel-{number}") for connection in (1, 2) for number in (1, 2)
    }
    assert router["raw"]["kind"] == "compute#routerStatusResponse"


def test_other_ways_to_ask(story: Story) -> None:
    one = lasting(routers(story, "router"))
    assert lasting(routers(story, "check")) == one
    (listed,) = lasting(routers(story, "region"))
    assert listed["peers"][0]["advertised_ranges"] == one[0]["peers"][0]["advertised_ranges"]
    assert routers(story, "elsewhere") == routers(story, "no-such-router") == []
    full = routers(story, "full")[0]["peers"]
    assert [(peer["prefix_headroom"]["headroom"], peer["prefix_headroom"]["code"]) for peer in full] == [(0, None)] * 4
    assert story.run["query"].result["selected"] == [{"name": name, "up": True} for name in SESSIONS]


def test_custom_advertisement_fills_the_gap(story: Story) -> None:
    (router,) = routers(story, "advertised")
    assert router["missing_ranges"] == []
    assert all(peer["missing_ranges"] == [] for peer in router["peers"])
    said = story.run["filters"].result["msg"]
    assert said["established"] is True
    assert [item["range"] for item in said["missing"]] == ["10.99.0.0/16"]
    assert said["headroom"] == [98] * 4


def test_a_session_that_is_down_is_named_with_its_tunnel(playbooks: Playbooks) -> None:
    lab = playbooks.lab
    lab.preset("aws-vpn")
    lab.settle()
    lab.stop_session("aws-router", "aws-vpn-2-bgp-1")
    waiting = task("wait", "router_status_info", {**ROUTER, "wait_established": True, "timeout": 8})
    seen = task("seen", "router_status_info", {**ROUTER, "ranges": ["10.1.0.0/24"]})
    run = playbooks.run(play([waiting, seen]))
    assert run["wait"].failed
    message = run["wait"].result["msg"]
    assert "aws-router/aws-vpn-2-bgp-1 is " in message
    assert "its tunnel aws-vpn-2-tunnel-1 is ESTABLISHED: Tunnel is up and running." in message
    assert "aws-vpn-1-bgp-1" not in message
    assert run["wait"].result["error"]["code"] == "bgp-session-down"
    (router,) = run["seen"].result["routers"]
    assert [peer["name"] for peer in router["peers"] if peer["missing_ranges"]] == ["aws-vpn-2-bgp-1"]
    assert router["missing_ranges"] == []
    assert [(item["aspect"], item["peers"]) for item in router["differences"]] == [("up", ["aws-vpn-2-bgp-1"])]


def test_examples(playbooks: Playbooks) -> None:
    """They run as they stand, in the lab."""
    playbooks.lab.preset("aws-vpn")
    playbooks.lab.settle()
    tasks = yaml.safe_load(router_status_info.EXAMPLES)
    run = playbooks.run(play(tasks, environment={"PODREACH_ENVIRONMENT": "lab"}))
    assert [record.status for record in run.records] == ["ok"] * len(tasks), run.output
    (said,) = run["Say what is missing"].result["msg"]
    assert said.startswith("pods (10.32.0.0/14) is not advertised; make it a range of a subnetwork")
