# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""examples/tcp-proxy-group.yml: one internal address before a group of machines that heals itself, tried by packets."""

from __future__ import annotations

import copy
import json
import typing as t

import pytest
import yaml

from ansible_collections.podreach.gke.tests.integration.api import COMPUTE, FIREWALLS, PROJECT, REGION, ZONE, Api, Json
from ansible_collections.podreach.gke.tests.integration.playbooks import ROOT, Playbooks, Record, Run, play, task
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

HERE = {"region": REGION}
REGIONAL = f"{COMPUTE}/regions/{REGION}"
EXAMPLE: Json = yaml.safe_load((ROOT / "examples" / "tcp-proxy-group.yml").read_text("utf-8"))[0]
#: its tasks that make something, without the startup script
BUILD = [*(item["name"] for item in EXAMPLE["tasks"][0]["block"][1:]), "Admit the pods"]
#: its variables here: the client takes the place of the pods, and nobody waits for connections
ESTATE: Json = {"proxy_clients": ["10.1.0.9/32"], "proxy_drain_seconds": 0}
MORE: Json = {**EXAMPLE["vars"]["proxy_listeners"][0], "name": "more", "port": 81}


def refused(generation: str) -> dict[str, tuple[str, Json, list[str]]]:
    """Tasks that must fail, and what they say. The group and its template are of this name."""
    absent = {"state": "absent"}
    in_use = ["already being used by"]
    return {
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
            {"name": generation, **HERE, "target_size": 1},
            [f"resize instance_group_manager {generation} from 2 to 1", "allow_disruption"],
        ),
        "group-in-use": ("instance_group_manager", {"name": generation, **HERE, **absent}, in_use),
        "check-in-use": ("health_check", {"name": "proxy", **HERE, **absent}, in_use),
        "service-in-use": ("backend_service", {"name": "proxy", **HERE, **absent}, in_use),
        "address-in-use": ("address", {"name": "proxy", **HERE, **absent}, ["in use by", "forwardingRules/proxy"]),
        "template-in-use": ("instance_template", {"name": generation, **absent}, ["make their instances from it"]),
    }


def example(*, check_mode: bool = False, **variables: t.Any) -> Json:
    """The example's play, with other values of some variables."""
    found = copy.deepcopy(EXAMPLE)
    found["vars"] |= {**ESTATE, **variables}
    return {**found, "check_mode": check_mode}


def rounds(run: Run) -> list[list[Record]]:
    """The records of each play of a run that plays the example several times. None of its tasks has failed."""
    assert run.rc == 0, run.output
    begins = [at for at, record in enumerate(run.records) if record.task == run.records[0].task]
    return [run.records[start:end] for start, end in zip(begins, [*begins[1:], len(run.records)], strict=True)]


def changed(records: list[Record]) -> list[str]:
    return [record.task for record in records if record.result.get("changed")]


def result(records: list[Record], begin: str) -> Json:
    """What the only task whose name begins so gave."""
    (found,) = (record.result for record in records if record.task.startswith(begin))
    return found


class Estate(t.NamedTuple):
    """A network with a client, and the load balancer that the example made in it."""

    lab: Lab
    api: Api
    playbooks: Playbooks
    planned: list[Record]
    made: list[Record]

    @property
    def generation(self) -> str:
        """The name of the group, and of its template."""
        return str(result(self.made, "Group, ")["resource"]["name"])

    @property
    def address(self) -> str:
        return str(result(self.made, "Forwarding rule")["resource"]["IPAddress"])


@pytest.fixture(scope="module")
def estate(lab_process: Lab, tmp_path_factory: pytest.TempPathFactory) -> Estate:
    lab_process.reset()
    lab_process.preset("peered-project")
    api = Api(lab_process)
    # what the example admits is all that comes in
    api.delete(f"{FIREWALLS}/my-network-allow-private")
    api.template(subnetwork="my-subnet")
    api.template("one-address", subnetwork="my-subnet", networkIP="10.1.0.50")
    api.health_check("elsewhere", where="global", tcpHealthCheck={"port": 9999})
    playbooks = Playbooks(lab_process, tmp_path_factory.mktemp("balancer"))
    planned, made = rounds(playbooks.run(example(check_mode=True), example()))
    return Estate(lab_process, api, playbooks, planned, made)


def served(estate: Estate) -> str:
    """The machine that answers the client at the load balancer's address."""
    answer = estate.lab.exec("test-gce-01", "curl", "-s", "--max-time", "5", f"http://{estate.address}/")
    return str(json.loads(answer.stdout)["served_by"]).rpartition("/")[2]


def members(estate: Estate, generation: str = "") -> dict[str, str]:
    """The group's machines: where each is, by its name."""
    group = f"{REGIONAL}/instanceGroupManagers/{generation or estate.generation}"
    answer = estate.api.post(f"{group}/listManagedInstances", {})
    return {item["name"]: item["instance"].partition("/projects/")[2] for item in answer["managedInstances"]}


def test_planned_whole_before_anything_is_there(estate: Estate) -> None:
    assert changed(estate.planned) == BUILD
    assert estate.planned[-1].mutations == estate.planned[0].mutations
    warnings = result(estate.planned, "Backend service, to this group too")["warnings"]
    assert any(f"instanceGroups/{estate.generation} does not exist yet" in warning for warning in warnings)


def test_answers_from_both_machines(estate: Estate) -> None:
    assert changed(estate.made) == BUILD
    assert result(estate.made, "Group, ")["resource"]["status"]["isStable"]
    assert result(estate.made, "Forwarding rule")["resource"]["allowGlobalAccess"]
    assert estate.address in result(estate.made, "Say where")["msg"]
    found = members(estate)
    assert {place.split("/")[2] for place in found.values()} == {ZONE, f"{REGION}-b"}
    assert served(estate) in found


def test_answers_while_machines_are_lost_and_heals(estate: Estate) -> None:
    found = members(estate)
    first, second = found
    estate.lab.admin("POST", "latency", {"profile": "realistic", "scale": 1.0})  # so that nothing heals meanwhile
    try:
        estate.lab.kill_node(first)
        assert served(estate) == second
        estate.lab.kill_node(first, end=True)
    finally:
        estate.lab.admin("POST", "latency", {"profile": "zero", "scale": 1.0})

    def ids() -> list[str]:
        return [(estate.api.get(f"/compute/v1/projects/{place}") or {})["id"] for place in found.values()]

    before = ids()
    estate.lab.kill_node(second)
    estate.api.delete(f"/compute/v1/projects/{found[first]}")
    (again,) = rounds(estate.playbooks.run(example()))
    assert changed(again) == []
    assert result(again, "Group, ")["resource"]["status"]["isStable"]
    assert set(before).isdisjoint(ids())
    assert served(estate) in members(estate)


@pytest.fixture(scope="module")
def second_run(estate: Estate) -> Run:
    """What is refused, and then the example with one listener more."""
    tasks = [
        task(name, kind, {"environment": "lab", **options})
        for name, (kind, options, _words) in refused(estate.generation).items()
    ]
    # whoever plans to delete these may plan to delete before what uses them
    tasks += [{**item, "name": f"{item['name']}-planned", "check_mode": True} for item in tasks[-2:]]
    return estate.playbooks.run(play(tasks), example(proxy_listeners=[*EXAMPLE["vars"]["proxy_listeners"], MORE]))


def test_what_is_refused_says_why(estate: Estate, second_run: Run) -> None:
    for name, (_kind, _options, words) in refused(estate.generation).items():
        assert second_run[name].failed
        message = second_run[name].result["msg"]
        assert [word for word in words if word not in message] == [], message
    for name in ("address-in-use-planned", "template-in-use-planned"):
        assert second_run[name].result["changed"]
        assert "counted as planned to go" in second_run[name].result["warnings"][0]
    for name in ("deaf", "no-room"):
        # the group was made, and the failure says so
        assert second_run[name].result["changed"]
        assert second_run[name].result["error"]["code"] == "group-not-stable"
        estate.api.delete(f"{COMPUTE}/zones/{ZONE}/instanceGroupManagers/{name}")


def test_other_listeners_are_another_group(estate: Estate, second_run: Run) -> None:
    """Which serves before the former one is emptied, taken from the backend service, and deleted with its template."""
    assert second_run.rc == 0, second_run.output
    names = [record.task for record in second_run.records]
    records = second_run.records[names.index("template-in-use-planned") + 1 :]
    assert changed(records) == [
        "Template",
        "Group, and wait until both proxies are well",
        "Backend service, to this group too",
        "No instances in former groups, when their connections have ended",
        "Backend service, to this group only",
        "No former group",
        "No former template",
        "Admit the pods",
    ]
    generation, former = result(records, "Group, ")["resource"]["name"], estate.generation
    assert generation != former
    assert served(estate) in members(estate, generation)
    assert estate.api.get(f"{REGIONAL}/instanceGroupManagers/{former}") is None
    assert estate.api.get(f"{COMPUTE}/global/instanceTemplates/{former}") is None


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
    (run,) = rounds(estate.playbooks.run(example(proxy_state="absent")))
    assert changed(run) == [
        "No forwarding rule",
        "No backend service",
        "No former group",
        "No former template",
        "No health check of the backend service",
        "No health check of the group",
        "No address",
        "No firewall rules",
    ]
    left = estate.api.get(f"{COMPUTE}/aggregated/instances")
    assert left
    assert [item["name"] for scope in left["items"].values() for item in scope.get("instances", [])] == ["test-gce-01"]
    reserved = estate.api.get(f"{COMPUTE}/aggregated/addresses?filter=name%3Dproxy")
    assert reserved
    assert not any(scope.get("addresses") for scope in reserved["items"].values())
    assert not (estate.api.get(FIREWALLS) or {}).get("items")
    assert estate.api.get(f"/compute/v1/projects/{PROJECT}/global/instanceTemplates/t1")
