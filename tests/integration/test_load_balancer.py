# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One internal address before a group of machines that heals itself: built by modules, tried by packets, taken down."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.integration import machines
from ansible_collections.podreach.gke.tests.integration.api import COMPUTE, PROJECT, REGION, ZONE, Api, Json
from ansible_collections.podreach.gke.tests.integration.playbooks import Playbooks, Run, play, task
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

VIP = "10.1.0.100"
HERE = {"region": REGION}
REGIONAL = f"{COMPUTE}/regions/{REGION}"
#: what stands on what, the first first
PARTS: list[tuple[str, Json]] = [
    ("address", {"name": "proxy", **HERE, "subnetwork": "net", "address": VIP}),
    ("health_check", {"name": "proxy", **HERE, "tcp_health_check": {"port": 80}}),
    ("health_check", {"name": "healing", "http_health_check": {"request_path": "/health"}, "unhealthy_threshold": 3}),
    (
        "firewall_rule",
        {
            "name": "checks",
            "network": "net",
            "source_ranges": ["35.191.0.0/16", "130.211.0.0/22", "10.1.0.0/24"],
            "target_tags": ["web"],
            "allowed": [{"ip_protocol": "tcp", "ports": ["80"]}],
        },
    ),
    (
        "instance_group_manager",
        {
            "name": "proxy",
            **HERE,
            "instance_template": "t1",
            "target_size": 2,
            "distribution_policy": {"zones": [ZONE, f"{REGION}-b"]},
            "auto_healing_policies": [{"health_check": "healing", "initial_delay_sec": 60}],
        },
    ),
    (
        "backend_service",
        {
            "name": "proxy",
            **HERE,
            "health_checks": ["proxy"],
            "backends": [{"group": "proxy"}],
            "connection_draining": {"draining_timeout_sec": 30},
        },
    ),
    (
        "forwarding_rule",
        {
            "name": "proxy",
            **HERE,
            "subnetwork": "net",
            "ip_address": "proxy",
            "ports": [80],
            "backend_service": "proxy",
            "allow_global_access": True,
        },
    ),
]
#: tasks that must fail, and what they say
REFUSED: dict[str, tuple[str, Json, list[str]]] = {
    "deaf": (
        "instance_group_manager",
        {
            "name": "deaf",
            "zone": ZONE,
            "instance_template": "t1",
            "target_size": 1,
            "auto_healing_policies": [{"health_check": "elsewhere"}],
            "wait_stable": 1,
        },
        ["not stable: verifying 1", "health check", "35.191.0.0/16"],
    ),
    "no-room": (
        "instance_group_manager",
        {"name": "no-room", "zone": ZONE, "instance_template": "one-address", "target_size": 2, "wait_stable": 1},
        ["not stable: creating 1", "It says", "10.1.0.50"],
    ),
    "smaller": (
        "instance_group_manager",
        {"name": "proxy", **HERE, "target_size": 1},
        ["resize instance_group_manager proxy from 2 to 1", "allow_disruption"],
    ),
    "group-in-use": ("instance_group_manager", {"name": "proxy", **HERE, "state": "absent"}, ["already being used by"]),
    "check-in-use": ("health_check", {"name": "proxy", **HERE, "state": "absent"}, ["already being used by"]),
    "service-in-use": ("backend_service", {"name": "proxy", **HERE, "state": "absent"}, ["already being used by"]),
}


def named(number: int) -> str:
    return f"{PARTS[number][0]} {PARTS[number][1]['name']}"


def building(**keywords: t.Any) -> Json:
    return play(
        [
            task(named(at), kind, {"environment": "lab", **options}, **keywords)
            for at, (kind, options) in enumerate(PARTS)
        ]
    )


class Estate(t.NamedTuple):
    """A network with a client, and the load balancer that a playbook made in it."""

    lab: Lab
    api: Api
    playbooks: Playbooks
    planned: Run
    made: Run


@pytest.fixture(scope="module")
def estate(lab_process: Lab, tmp_path_factory: pytest.TempPathFactory) -> Estate:
    lab_process.reset()
    api = Api(lab_process)
    machines.network(api, "net", "10.1.0.0/24")
    machines.vm(api, "net", "client", "10.1.0.9")
    api.template(subnetwork="net")
    api.template("one-address", subnetwork="net", networkIP="10.1.0.50")
    api.health_check("elsewhere", where="global", tcpHealthCheck={"port": 9999})
    playbooks = Playbooks(lab_process, tmp_path_factory.mktemp("balancer"))
    return Estate(lab_process, api, playbooks, playbooks.run(building(check_mode=True)), playbooks.run(building()))


def served(estate: Estate) -> str:
    """The machine that answers the client at the load balancer's address."""
    answer = estate.lab.exec("client", "curl", "-s", "--max-time", "5", f"http://{VIP}/")
    return str(json.loads(answer.stdout)["served_by"]).rpartition("/")[2]


def members(estate: Estate) -> dict[str, str]:
    """The group's machines: where each is, by its name."""
    answer = estate.api.post(f"{REGIONAL}/instanceGroupManagers/proxy/listManagedInstances", {})
    return {item["name"]: item["instance"].partition("/projects/")[2] for item in answer["managedInstances"]}


def test_planned_whole_before_anything_is_there(estate: Estate) -> None:
    assert [record.status for record in estate.planned.records] == ["ok"] * len(PARTS)
    assert all(record.result["changed"] for record in estate.planned.records)
    assert estate.planned.records[-1].mutations == estate.planned.records[0].mutations
    group = estate.planned["backend_service proxy"]
    assert any("instanceGroups/proxy does not exist yet" in warning for warning in group.result["warnings"])


def test_answers_from_both_machines(estate: Estate) -> None:
    assert [record.status for record in estate.made.records] == ["ok"] * len(PARTS), estate.made.output
    group = estate.made["instance_group_manager proxy"].result["resource"]
    assert group["status"]["isStable"]
    rule = estate.made["forwarding_rule proxy"].result["resource"]
    assert (rule["IPAddress"], rule["allowGlobalAccess"]) == (VIP, True)
    found = members(estate)
    assert {place.split("/")[2] for place in found.values()} == {ZONE, f"{REGION}-b"}
    assert served(estate) in found


def test_answers_while_machines_are_lost_and_heals(estate: Estate) -> None:
    deleted, killed = members(estate).items()
    before = estate.api.get(f"/compute/v1/projects/{killed[1]}")
    estate.lab.kill_node(killed[0])
    assert served(estate) == deleted[0]
    estate.api.delete(f"/compute/v1/projects/{deleted[1]}")
    again = estate.playbooks.run(building())
    assert [record.result["changed"] for record in again.records] == [False] * len(PARTS), again.output
    assert again["instance_group_manager proxy"].result["resource"]["status"]["isStable"]
    after = estate.api.get(f"/compute/v1/projects/{killed[1]}")
    assert before
    assert after
    assert before["id"] != after["id"]
    assert served(estate) in members(estate)


def test_what_is_refused_says_why(estate: Estate) -> None:
    tasks = [task(name, kind, {"environment": "lab", **options}) for name, (kind, options, _words) in REFUSED.items()]
    run = estate.playbooks.run(play(tasks))
    for name, (_kind, _options, words) in REFUSED.items():
        assert run[name].failed
        message = run[name].result["msg"]
        assert [word for word in words if word not in message] == [], message
    for name in ("deaf", "no-room"):
        # the group was made, and the failure says so
        assert run[name].result["changed"]
        assert run[name].result["error"]["code"] == "group-not-stable"
        estate.api.delete(f"{COMPUTE}/zones/{ZONE}/instanceGroupManagers/{name}")
    assert served(estate) in members(estate)


def test_a_group_that_was_begun_is_waited_for(estate: Estate) -> None:
    """Machines take their time; a run that finds its group at work waits for it, and makes nothing anew."""
    options = {"environment": "lab", "name": "timed", "zone": ZONE, "instance_template": "t1", "target_size": 1}
    estate.lab.admin("POST", "latency", {"profile": "realistic", "scale": 0.05})
    try:
        tasks = [
            task(name, "instance_group_manager", {**options, "wait": name == "stands"}) for name in ("begun", "stands")
        ]
        begun, stands = estate.playbooks.run(play(tasks)).records
    finally:
        estate.lab.admin("POST", "latency", {"profile": "zero", "scale": 1.0})
    assert begun.result["changed"]
    assert begun.result["operation"]
    assert not stands.result["changed"]
    assert stands.result["resource"]["status"]["isStable"]
    estate.api.delete(f"{COMPUTE}/zones/{ZONE}/instanceGroupManagers/timed")


def test_taken_down_in_reverse(estate: Estate) -> None:
    def absent() -> Json:
        return play(
            [
                task(named(at), PARTS[at][0], {"environment": "lab", "state": "absent", **which(PARTS[at][1])})
                for at in reversed(range(len(PARTS)))
            ]
        )

    def which(options: Json) -> Json:
        return {key: options[key] for key in ("name", "region") if key in options}

    run, again = estate.playbooks.run(absent()), estate.playbooks.run(absent())
    assert [record.result["changed"] for record in run.records] == [True] * len(PARTS), run.output
    assert [record.result["changed"] for record in again.records] == [False] * len(PARTS), again.output
    left = estate.api.get(f"{COMPUTE}/aggregated/instances")
    assert left
    assert [item["name"] for scope in left["items"].values() for item in scope.get("instances", [])] == ["client"]
    reserved = estate.api.get(f"{COMPUTE}/aggregated/addresses?filter=name%3Dproxy")
    assert reserved
    assert not any(scope.get("addresses") for scope in reserved["items"].values())
    assert estate.api.get(f"/compute/v1/projects/{PROJECT}/global/instanceTemplates/t1")
