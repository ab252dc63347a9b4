# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""shared_vpc on a scripted wire: what the lab does not show, such as conditions, lost races and lost answers."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.podreach.gke.plugins.module_utils.errors import InvalidInput
from ansible_collections.podreach.gke.plugins.module_utils.gcp.service_agents import gke_agent, google_agent, member
from ansible_collections.podreach.gke.plugins.module_utils.gcp.shared_vpc_task import DEFINITION

from .wire import Expected, Wire, google_error, operation

Json = dict[str, t.Any]

HOST, SUB = "projects/p", "projects/p/regions/r1/subnetworks/s"
GKE, GOOGLE = member(gke_agent("7")), member(google_agent("7"))
USER, AGENT, ADMIN = "roles/compute.networkUser", "roles/container.hostServiceAgentUser", "roles/compute.securityAdmin"
CONDITIONAL = {"role": USER, "members": [GKE], "condition": {"title": "t", "expression": "true"}}
OWNER = {"role": "roles/owner", "members": ["user:o@example.com"]}
PARAMS: Json = {"host_project": "p", "service_projects": ["svc"], "subnetworks": [{"name": "s", "region": "r1"}]}
ABSENT: Json = {**PARAMS, "state": "absent"}


def host(*, enabled: bool = True) -> Expected:
    return Expected("GET", HOST, {"name": "p", "xpnProjectStatus": "HOST" if enabled else "UNSPECIFIED"})


def attached(*names: str) -> Expected:
    resources = [{"id": name, "type": "PROJECT"} for name in names]
    return Expected("GET", f"{HOST}/getXpnResources", {"resources": resources})


NUMBER = Expected("GET", "projects/svc", {"projectId": "svc", "projectNumber": "7"})
NO_OPERATIONS = Expected("GET", f"{HOST}/global/operations", {})
NO_USERS = [
    Expected("GET", "projects/svc/locations/-/clusters"),
    *(Expected("GET", f"projects/svc/aggregated/{kind}") for kind in ("instances", "forwardingRules", "addresses")),
]


def policy(*bindings: Json, etag: str = "e1", version: int = 1) -> Json:
    return {"version": version, "etag": etag, "bindings": list(bindings)}


def of_host(reply: Json) -> Expected:
    return Expected("POST", f"{HOST}:getIamPolicy", reply, body={"options": {"requestedPolicyVersion": 3}})


def of_subnetwork(reply: Json) -> Expected:
    return Expected("GET", f"{SUB}/getIamPolicy", reply, query={"optionsRequestedPolicyVersion": "3"})


def write(path: str, wanted: Json, **more: t.Any) -> Expected:
    where = f"{path}:setIamPolicy" if path == HOST else f"{path}/setIamPolicy"
    return Expected("POST", where, body={"policy": wanted}, **more)


LET_IN = {"role": AGENT, "members": [GKE]}
USERS = {"role": USER, "members": [GKE, GOOGLE]}


def reading(project: Json, subnetwork: Json, *, services: t.Sequence[str] = ("svc",)) -> list[Expected]:
    """What every run looks at."""
    return [host(), attached(*services), NUMBER, of_host(project), of_subnetwork(subnetwork)]


def test_a_second_run_reads_five_things_and_changes_nothing() -> None:
    wire = Wire(*reading(policy(OWNER, LET_IN), policy(USERS)))
    result = wire.run(DEFINITION, PARAMS)
    assert not result["changed"]
    assert result["resource"] == {
        "host_project": "p",
        "enabled": True,
        "service_projects": [{"project": "svc", "number": "7", "attached": True}],
        "bindings": [{"resource": HOST, **LET_IN}, {"resource": SUB, **USERS}],
    }


def test_conditions_and_others_are_sent_back_as_they_came() -> None:
    others = {"role": USER, "members": ["user:z@example.com", GKE]}
    before = policy(CONDITIONAL, OWNER, others, version=3)
    after = policy(CONDITIONAL, OWNER, {"role": USER, "members": [*others["members"], GOOGLE]}, version=3)
    once = reading(policy(LET_IN), before)
    wire = Wire(*once, *once, write(SUB, after), of_subnetwork({**after, "etag": "e2"}))
    assert wire.run(DEFINITION, PARAMS)["changed"]


@pytest.mark.parametrize(("path", "status", "reason"), [(HOST, 409, "aborted"), (SUB, 412, "conditionNotMet")])
def test_a_lost_race_is_read_and_merged_again(path: str, status: int, reason: str) -> None:
    lost = google_error(status, reason)
    new = {"role": "roles/viewer", "members": ["user:new@example.com"]}
    first = [policy(OWNER), policy(USERS)] if path == HOST else [policy(LET_IN), policy(OWNER)]
    then = [policy(OWNER, new, etag="e2"), policy(USERS)] if path == HOST else [policy(LET_IN), policy(OWNER, new)]
    mine = LET_IN if path == HOST else USERS
    before, meant = (first[0], then[0]) if path == HOST else (first[1], then[1])
    done = {**meant, "bindings": [*meant["bindings"], mine], "etag": "e3"}
    wire = Wire(
        *reading(*first),
        *reading(*first),
        write(path, {**before, "bindings": [OWNER, mine]}, reply=lost, status=status),
        *reading(*then),
        write(path, {**meant, "bindings": [OWNER, new, mine]}),
        of_host(done) if path == HOST else of_subnetwork(done),
    )
    result = wire.run(DEFINITION, PARAMS)
    assert [step["action"] for step in result["plan"]] == ["update"]


def test_races_that_are_always_lost_end() -> None:
    once = reading(policy(OWNER), policy(USERS))
    lost = write(HOST, policy(OWNER, LET_IN), reply=google_error(409, "aborted", "Try again."), status=409)
    wire = Wire(*once, *once, lost, *((*once, lost) * 5))
    error = wire.fails(DEFINITION, PARAMS)
    assert "Try again." in str(error)
    assert not error.changed


def test_a_lost_answer_is_looked_for() -> None:
    once = reading(policy(OWNER), policy(USERS))
    lost = write(HOST, policy(OWNER, LET_IN), reply=OSError("gone"))
    wire = Wire(*once, *once, lost, *reading(policy(OWNER, LET_IN, etag="e2"), policy(USERS)))
    assert wire.run(DEFINITION, PARAMS)["changed"]


def test_a_service_project_of_another_host_is_refused_with_its_host() -> None:
    wire = Wire(
        *reading(policy(), policy(OWNER), services=["other"]),
        NO_OPERATIONS,
        Expected("GET", "projects/svc/getXpnHost", {"name": "second-host"}),
    )
    error = wire.fails(DEFINITION, PARAMS)
    assert error.code == "attached-elsewhere"
    assert "project svc is attached to the host project second-host" in str(error)


def test_a_host_that_is_a_service_project_is_refused() -> None:
    wire = Wire(
        host(enabled=False),
        NUMBER,
        of_host(policy()),
        of_subnetwork(policy(OWNER)),
        NO_OPERATIONS,
        Expected("GET", f"{HOST}/getXpnHost", {"name": "second-host"}),
        Expected("GET", "projects/svc/getXpnHost", {}),
    )
    assert "so it cannot become a host project" in str(wire.fails(DEFINITION, PARAMS))


def test_an_operation_in_flight_is_adopted_and_named_where_nobody_waits() -> None:
    running = operation("enableXpnResource", HOST, "RUNNING", name="op-7")
    seen = reading(policy(LET_IN), policy(USERS), services=[])
    wire = Wire(*seen, Expected("GET", f"{HOST}/global/operations", {"items": [running]}))
    result = wire.run(DEFINITION, {**PARAMS, "wait": False})
    assert (result["operation"], result["changed"]) == ("op-7", False)


def test_undo_takes_what_it_names_and_leaves_the_rest() -> None:
    other = member(gke_agent("8"))
    project = policy(OWNER, {"role": AGENT, "members": [other, GKE]}, {"role": ADMIN, "members": [GKE]})
    shared = policy(CONDITIONAL, USERS, version=3)
    left = policy(OWNER, {"role": AGENT, "members": [other]}, {"role": ADMIN, "members": [GKE]})
    wire = Wire(
        *(*reading(project, shared), NO_OPERATIONS, *NO_USERS) * 2,
        Expected("POST", f"{HOST}/disableXpnResource", operation("disableXpnResource", HOST)),
        host(),
        attached("other"),
        write(HOST, left),
        of_host(left),
        write(SUB, policy(CONDITIONAL, version=3)),
        of_subnetwork(policy(CONDITIONAL, version=3)),
    )
    result = wire.run(DEFINITION, ABSENT)
    assert [step["grade"] for step in result["plan"]] == ["destructive"] * 3
    assert result["resource"]["bindings"] == []


def test_users_of_the_host_are_named_and_keep_their_project_attached() -> None:
    network = "https://www.googleapis.com/compute/v1/projects/p/global/networks/n"
    theirs = {"name": "vm", "zone": "projects/svc/zones/z1", "networkInterfaces": [{"network": network}]}
    mine = {"name": "own", "networkInterfaces": [{"network": network.replace("projects/p/", "projects/svc/")}]}
    cluster = {"name": "c1", "location": "z1", "networkConfig": {"network": "projects/p/global/networks/n"}}
    wire = Wire(
        *reading(policy(LET_IN), policy(USERS), services=["svc", "second"]),
        Expected("GET", "projects/svc/locations/-/clusters", {"clusters": [cluster, {"name": "c2", "network": "n"}]}),
        Expected("GET", "projects/svc/aggregated/instances", {"items": {"zones/z1": {"instances": [theirs, mine]}}}),
        *NO_USERS[2:],
    )
    # disabling is judged at once
    wire.expected.insert(5, NO_OPERATIONS)
    error = wire.fails(DEFINITION, {**ABSENT, "disable_host": True})
    assert "networks of this host project: cluster c1 (z1), instance vm (z1). Delete these first" in str(error)
    assert "it has other service projects, and is not disabled: second" in str(error)


def test_a_subnetwork_that_is_not_there_counts_as_planned_in_check_mode_alone() -> None:
    missing = Expected("GET", f"{SUB}/getIamPolicy", google_error(404, "notFound"), status=404)
    seen = [host(), attached("svc"), NUMBER, of_host(policy(LET_IN)), missing]
    warnings: list[str] = []
    result = Wire(*seen).run(DEFINITION, PARAMS, check_mode=True, warnings=warnings)
    assert result["resource"]["bindings"][1]["resource"] == SUB
    assert warnings == [f"shared_vpc p: {SUB} does not exist yet; counted as planned."]
    assert Wire(*seen).fails(DEFINITION, PARAMS).code == "missing-prerequisite"


def test_a_host_that_may_not_be_written_is_refused_before_anything_is_sent() -> None:
    wire = Wire(*reading(policy(), policy(OWNER)))
    assert wire.fails(DEFINITION, {**PARAMS, "projects": ["q"]}).code == "project-not-listed"


def test_a_project_of_a_domain_is_written_too() -> None:
    at = "projects/example.com:h"
    readings = [
        Expected("GET", at, {"xpnProjectStatus": "HOST"}),
        Expected("GET", f"{at}/getXpnResources", {"resources": [{"id": "svc", "type": "PROJECT"}]}),
        NUMBER,
        Expected("POST", f"{at}:getIamPolicy", policy(OWNER)),
    ]
    done = Expected("POST", f"{at}:getIamPolicy", policy(OWNER, LET_IN))
    wire = Wire(*readings, *readings, Expected("POST", f"{at}:setIamPolicy"), done)
    params = {"host_project": "example.com:h", "service_projects": ["svc"], "projects": ["example.com:h"]}
    assert wire.run(DEFINITION, params)["changed"]


def test_a_project_whose_number_cannot_be_read_is_refused() -> None:
    wire = Wire(host(), attached(), Expected("GET", "projects/svc", google_error(403, "forbidden"), status=403))
    error = wire.fails(DEFINITION, PARAMS)
    assert error.code == "project-unreadable"
    assert "resourcemanager.projects.get" in str(error)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"service_projects": []}, "name at least one"),
        ({"service_projects": ["100000000001"]}, "service_projects: '100000000001': write the ID"),
        ({"service_projects": ["My Project"]}, "'My Project'"),
        ({"host_project": "a/b"}, "host_project: 'a/b'"),
        ({"service_projects": ["p"]}, "p is the host project itself"),
        ({"subnetworks": [{"name": "s"}]}, "s: region: None"),
        ({"subnetworks": [{"name": "S", "region": "r1"}]}, "'S'"),
        ({"subnetworks": [{"name": "projects/q/regions/r1/subnetworks/s"}]}, "project q, not of the host"),
        ({"subnetworks": [{"name": SUB, "region": "r2"}]}, "'r2'"),
    ],
)
def test_what_cannot_be_right_is_refused_without_a_request(wrong: Json, told: str) -> None:
    error = Wire().fails(DEFINITION, {**PARAMS, **wrong})
    assert isinstance(error, InvalidInput)
    assert told in str(error)
