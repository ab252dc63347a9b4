# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks over a scripted wire: which requests, in which order."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.podreach.gke.plugins.module_utils.gcp import networks
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import definition
from ansible_collections.podreach.gke.tests.unit.plugins.module_utils.gcp.wire import (
    Expected,
    Wire,
    absent,
    google_error,
    operation,
)

MODULE = definition(networks.Network, networks.SPEC)
COLLECTION = "projects/p/global/networks"
PATH = f"{COLLECTION}/n"
NO_ROUTERS = Expected("GET", "projects/p/aggregated/routers", {"items": {}})


def network(mode: str = "REGIONAL", **more: t.Any) -> dict[str, t.Any]:
    return {
        "name": "n",
        "description": "[podreach.gke]",
        "autoCreateSubnetworks": False,
        "mtu": 1460,
        "routingConfig": {"routingMode": mode},
        **more,
    }


def test_create_makes_a_custom_mode_network_that_bears_the_mark() -> None:
    body = {
        "name": "n",
        "description": "pods [podreach.gke]",
        "mtu": 1500,
        "routingConfig": {"routingMode": "GLOBAL"},
        "autoCreateSubnetworks": False,
    }
    wire = Wire(
        absent(PATH),
        Expected("POST", COLLECTION, operation("insert", PATH), body),
        Expected("GET", PATH, network("GLOBAL", description="pods [podreach.gke]", mtu=1500)),
    )
    result = wire.run(
        MODULE, {"name": "n", "description": "pods", "mtu": 1500, "routing_config": {"routing_mode": "GLOBAL"}}
    )
    assert result["changed"]
    assert result["operation"] is None
    assert result["diff"]["before"] == {}
    assert result["diff"]["after"] == body


def test_check_mode_of_a_creation_is_one_read() -> None:
    wire = Wire(absent(PATH))
    result = wire.run(MODULE, {"name": "n"}, check_mode=True)
    assert result["changed"]
    assert result["resource"] == {"name": "n", "description": "[podreach.gke]", "autoCreateSubnetworks": False}


def test_what_was_not_mentioned_is_left_alone() -> None:
    wire = Wire(Expected("GET", PATH, network("GLOBAL", description="of somebody", autoCreateSubnetworks=True)))
    assert not wire.run(MODULE, {"name": "n"})["changed"]


def test_the_default_routing_mode_need_not_be_said_by_the_api() -> None:
    wire = Wire(Expected("GET", PATH, {"name": "n"}))
    assert not wire.run(MODULE, {"name": "n", "routing_config": {"routing_mode": "REGIONAL"}})["changed"]


def test_the_routing_mode_is_patched_alone_after_a_look_at_the_routers() -> None:
    wire = Wire(
        Expected("GET", PATH, network()),
        NO_ROUTERS,
        Expected("PATCH", PATH, operation("patch", PATH), {"routingConfig": {"routingMode": "GLOBAL"}}),
        Expected("GET", PATH, network("GLOBAL")),
    )
    result = wire.run(MODULE, {"name": "n", "routing_config": {"routing_mode": "GLOBAL"}})
    assert [step["grade"] for step in result["plan"]] == ["safe"]
    assert result["plan"][0]["fields"] == ["routingConfig.routingMode"]


def test_back_to_regional_withdraws_routes() -> None:
    wanted = {"name": "n", "routing_config": {"routing_mode": "REGIONAL"}}
    error = Wire(Expected("GET", PATH, network("GLOBAL")), NO_ROUTERS).fails(MODULE, wanted)
    assert error.code == "disruption-not-allowed"
    wire = Wire(
        Expected("GET", PATH, network("GLOBAL")),
        NO_ROUTERS,
        Expected("PATCH", PATH, operation("patch", PATH), {"routingConfig": {"routingMode": "REGIONAL"}}),
        Expected("GET", PATH, network()),
    )
    assert wire.run(MODULE, {**wanted, "allow_disruption": True})["changed"]


def test_the_best_path_selection_is_disruptive() -> None:
    wanted = {"name": "n", "routing_config": {"bgp_best_path_selection_mode": "STANDARD"}}
    wire = Wire(Expected("GET", PATH, network()), NO_ROUTERS)
    assert "allow_disruption" in str(wire.fails(MODULE, wanted))


@pytest.mark.parametrize(
    ("option", "value"), [("mtu", 1500), ("auto_create_subnetworks", True), ("description", "another")]
)
def test_what_is_fixed_is_refused_by_name(option: str, value: t.Any) -> None:
    error = Wire(Expected("GET", PATH, network())).fails(MODULE, {"name": "n", option: value})
    assert f"{option} is " in str(error)
    assert "cannot become" in str(error)
    assert error.code == "fixed-at-creation"
    assert error.resource == f"network {PATH}"


def test_all_that_is_fixed_is_said_at_once() -> None:
    error = Wire(Expected("GET", PATH, network())).fails(
        MODULE, {"name": "n", "mtu": 1500, "auto_create_subnetworks": True}
    )
    assert len(str(error).splitlines()) == 2


def test_the_mark_belongs_to_a_description_that_is_wanted() -> None:
    wire = Wire(Expected("GET", PATH, network(description="pods [podreach.gke]")))
    assert not wire.run(MODULE, {"name": "n", "description": "pods"})["changed"]
    wire = Wire(Expected("GET", PATH, network(description="pods")))
    assert not wire.run(MODULE, {"name": "n", "description": "pods"})["changed"], "unmarked stays unmarked"


@pytest.mark.parametrize("mtu", [1299, 8897])
def test_an_mtu_out_of_range_is_refused_without_any_request(mtu: int) -> None:
    assert f"mtu: {mtu}: a network's MTU is 1300 to 8896" in str(Wire().fails(MODULE, {"name": "n", "mtu": mtu}))


@pytest.mark.parametrize("name", ["", "N", "1n", "n-", "n_n", "n" * 64, "n\n"])
def test_a_bad_name_is_refused_without_any_request(name: str) -> None:
    assert "1 to 63 lower-case letters" in str(Wire().fails(MODULE, {"name": name}))


# -- somebody else was faster


def test_a_creation_that_somebody_else_began_is_adopted() -> None:
    running = operation("insert", PATH, "RUNNING")
    wire = Wire(
        absent(PATH),
        Expected("POST", COLLECTION, google_error(409, "alreadyExists"), status=409),
        Expected("GET", "projects/p/global/operations", {"items": [running]}),
        Expected("GET", "projects/p/global/operations/op-1", operation("insert", PATH)),
        Expected("GET", PATH, network()),
    )
    assert not wire.run(MODULE, {"name": "n"})["changed"]


def test_a_creation_that_somebody_else_ended_is_read_again() -> None:
    wire = Wire(
        absent(PATH),
        Expected("POST", COLLECTION, google_error(409, "alreadyExists"), status=409),
        Expected("GET", "projects/p/global/operations", {}),
        Expected("GET", PATH, network()),
        NO_ROUTERS,
        Expected("PATCH", PATH, operation("patch", PATH), {"routingConfig": {"routingMode": "GLOBAL"}}),
        Expected("GET", PATH, network("GLOBAL")),
    )
    assert wire.run(MODULE, {"name": "n", "routing_config": {"routing_mode": "GLOBAL"}})["changed"]


def test_a_refusal_of_the_api_is_raised_with_the_resource() -> None:
    wire = Wire(absent(PATH), Expected("POST", COLLECTION, google_error(403, "quotaExceeded", "Quota"), status=403))
    error = wire.fails(MODULE, {"name": "n"})
    assert (error.code, error.resource, error.changed) == ("quotaExceeded", f"network {PATH}", False)


def test_a_creation_that_is_not_waited_for_names_its_operation() -> None:
    wire = Wire(absent(PATH), Expected("POST", COLLECTION, operation("insert", PATH, "RUNNING")))
    result = wire.run(MODULE, {"name": "n", "wait": False})
    assert result["changed"]
    assert result["operation"] == "op-1"


# -- deleting


def test_deleting_what_is_ours() -> None:
    wire = Wire(Expected("GET", PATH, network()), Expected("DELETE", PATH, operation("delete", PATH)), absent(PATH))
    result = wire.run(MODULE, {"name": "n", "state": "absent"})
    assert result["changed"]
    assert result["resource"] is None
    assert [step["grade"] for step in result["plan"]] == ["destructive"]


@pytest.mark.parametrize("description", ["", "by terraform", None])
@pytest.mark.parametrize("check_mode", [False, True])
def test_what_is_not_ours_is_not_deleted(description: str | None, check_mode: bool) -> None:
    wire = Wire(Expected("GET", PATH, network(description=description)))
    error = wire.fails(MODULE, {"name": "n", "state": "absent", "allow_disruption": True}, check_mode=check_mode)
    assert error.code == "not-ours"
    assert "Delete it with the tool that made it" in str(error)


def test_deleting_what_is_not_there_is_one_read() -> None:
    assert not Wire(absent(PATH)).run(MODULE, {"name": "n", "state": "absent"})["changed"]


def test_a_network_with_subnetworks_is_not_deleted() -> None:
    url = "https://www.googleapis.com/compute/v1/projects/p/regions/r/subnetworks/s"
    error = Wire(Expected("GET", PATH, network(subnetworks=[url]))).fails(MODULE, {"name": "n", "state": "absent"})
    assert error.code == "holds-others"
    assert "it still holds projects/p/regions/r/subnetworks/s" in str(error)


def test_somebody_else_deleted_it_first() -> None:
    wire = Wire(
        Expected("GET", PATH, network()),
        Expected("DELETE", PATH, google_error(404, "notFound"), status=404),
        Expected("GET", "projects/p/global/operations", {}),
        absent(PATH),
    )
    assert not wire.run(MODULE, {"name": "n", "state": "absent"})["changed"]


def test_a_delete_that_fails_inside_its_operation() -> None:
    failed = operation(
        "delete",
        PATH,
        error={"errors": [{"code": "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", "message": "already being used by 'r'"}]},
    )
    error = Wire(Expected("GET", PATH, network()), Expected("DELETE", PATH, failed)).fails(
        MODULE, {"name": "n", "state": "absent"}
    )
    assert error.code == "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE"
    assert error.operation == "op-1"
