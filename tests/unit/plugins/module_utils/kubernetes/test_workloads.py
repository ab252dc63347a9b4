# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Server-side apply over a scripted API: which requests are sent, and how often."""

from __future__ import annotations

import copy
import typing as t

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.podreach.gke.plugins.module_utils.arguments import Call
from ansible_collections.podreach.gke.plugins.module_utils.engine import Consent, Outcome, converge
from ansible_collections.podreach.gke.plugins.module_utils.errors import ApiError, Conflict, PodreachError, Refused
from ansible_collections.podreach.gke.plugins.module_utils.kubernetes import workloads
from ansible_collections.podreach.gke.plugins.module_utils.kubernetes.client import MANAGED_BY, Answer, Kube

Json = dict[str, t.Any]
PATH = "/apis/apps/v1/namespaces/default/deployments/plot"


class Cluster:
    """A cluster of one Deployment. Keeps what is sent; an apply replaces what it mentions, at the first two levels."""

    def __init__(self, now: Json | None = None) -> None:
        self.now = copy.deepcopy(now)
        self.sent: list[tuple[str, str]] = []
        self.bodies: list[Json | None] = []
        self.faults: list[Answer] = []
        self.time = 0.0

    def __call__(self, method: str, path: str, body: Json | None, content_type: str) -> Answer:
        query = path.partition("?")[2]
        self.sent.append((method, "dry run" if "dryRun" in query else ""))
        self.bodies.append(body)
        if method != "GET" and self.faults:
            return self.faults.pop(0)
        found = self.now
        if method == "PATCH":
            assert body is not None
            assert content_type == workloads.APPLY
            assert "fieldManager=podreach.gke" in query
            old = self.now or {"metadata": {"uid": "u", "resourceVersion": "1"}}
            kept = {key: value for key, value in old["metadata"].items() if key not in body["metadata"]}
            found = {**old, **body, "metadata": {**body["metadata"], **kept}}
            if not query.count("dryRun"):
                self.now = {**found, "metadata": {**found["metadata"], "resourceVersion": str(len(self.sent))}}
        elif method == "DELETE":
            self.now = found = None
        if found is None:
            return Answer(404 if method == "GET" else 200, {}, {"reason": "NotFound", "message": "not found"})
        return Answer(200, {}, copy.deepcopy(found))

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def run(cluster: Cluster, *, check_mode: bool = False, **options: t.Any) -> Outcome:
    validation = ArgumentSpecValidator(workloads.SPEC.options, **workloads.SPEC.rules()).validate(
        {"name": "plot", "image": "plot:1", "timeout": 30, **options}
    )
    call = Call(validation.validated_parameters, check_mode=check_mode)

    class Clock:
        now = staticmethod(lambda: cluster.time)
        sleep = staticmethod(cluster.sleep)

    kube = Kube(cluster, timeout=30, url="https://10.0.0.2", clock=t.cast("t.Any", Clock))
    found = workloads.resources(kube, call, workloads.wanted(call.params), of_options=True, planned=False)
    consent = Consent(call.params["allow_disruption"], call.params.get("confirm_replace"))
    [outcome] = converge(found, consent, check_mode=check_mode)
    return outcome


def made(**options: t.Any) -> Cluster:
    """A cluster with a Deployment of ours."""
    cluster = Cluster()
    run(cluster, **options)
    cluster.sent.clear()
    cluster.bodies.clear()
    return cluster


DRY = ("PATCH", "dry run")
APPLY = ("PATCH", "")
READ = ("GET", "")


def test_creation_is_tried_first() -> None:
    cluster = Cluster()
    assert run(cluster).changed
    assert cluster.sent == [READ, DRY, APPLY, READ, DRY]


def test_check_mode_changes_nothing() -> None:
    cluster = Cluster()
    assert run(cluster, check_mode=True).changed
    assert cluster.sent == [READ, DRY]
    assert cluster.now is None


def test_two_requests_where_nothing_differs() -> None:
    cluster = made()
    assert not run(cluster).changed
    assert cluster.sent == [READ, DRY]


def test_a_change_is_for_the_version_that_was_read() -> None:
    cluster = made()
    assert run(cluster, image="plot:2").changed
    assert cluster.sent == [READ, DRY, APPLY, READ, DRY]
    assert cluster.bodies[2] is not None
    assert cluster.bodies[2]["metadata"]["resourceVersion"] == "3"


def conflict(reason: str = "Conflict") -> Answer:
    return Answer(409, {}, {"reason": reason, "message": "the object has been modified"})


def test_what_changes_meanwhile_is_read_again() -> None:
    cluster = made()
    cluster.faults = [conflict(), conflict()]
    assert not run(cluster).changed
    assert cluster.sent == [READ, DRY] * 3


def test_what_changes_all_the_time_is_given_up() -> None:
    cluster = made()
    cluster.faults = [conflict()] * 20
    with pytest.raises(Conflict):
        run(cluster)
    assert cluster.sent.count(DRY) == workloads.MAX_READS


def test_a_refusal_comes_before_any_change() -> None:
    cluster = Cluster()
    cluster.faults = [Answer(422, {}, {"reason": "Invalid", "message": "spec.x: Invalid value"})]
    with pytest.raises(ApiError, match="Deployment default/plot: spec.x"):
        run(cluster)
    assert cluster.sent == [READ, DRY]


def test_a_missing_namespace_counts_as_planned_in_check_mode() -> None:
    missing = Answer(404, {}, {"reason": "NotFound", "message": 'namespaces "default" not found'})
    cluster = Cluster()
    cluster.faults = [missing]
    assert "counts as planned" in run(cluster, check_mode=True).plan.warnings[0]
    cluster.faults = [missing]
    with pytest.raises(ApiError, match="namespaces"):
        run(cluster)


def test_what_others_made() -> None:
    cluster = made()
    assert cluster.now is not None
    cluster.now["metadata"]["labels"] = {"app": "plot"}
    # used as it is
    assert not run(cluster).changed
    with pytest.raises(Refused, match="adopt: true"):
        run(cluster, image="plot:2")
    with pytest.raises(Refused, match="not deleted"):
        run(cluster, state="absent")
    assert run(cluster, adopt=True).changed
    assert cluster.now["metadata"]["labels"][MANAGED_BY] == "podreach.gke"


def test_what_cannot_be_changed_is_made_anew_when_confirmed() -> None:
    immutable = Answer(422, {}, {"reason": "Invalid", "message": "spec.selector: Invalid value: field is immutable"})
    cluster = made()
    cluster.faults = [immutable]
    with pytest.raises(PodreachError, match="confirm_replace: plot"):
        run(cluster, image="plot:2")
    cluster.faults = [immutable]
    cluster.sent.clear()
    outcome = run(cluster, image="plot:2", confirm_replace="plot")
    assert [step.action for step in outcome.steps] == ["replace", "create"]
    assert cluster.sent == [READ, DRY, ("DELETE", ""), READ, DRY, APPLY, READ, DRY]


def owned(manager: str) -> list[Json]:
    return [{"manager": manager, "operation": "Apply", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]


@pytest.mark.parametrize(("manager", "said"), [("podreach.gke", 3), ("scaler", None)])
def test_replicas_that_are_left_out(manager: str, said: int | None) -> None:
    cluster = made(replicas=3)
    assert cluster.now is not None
    cluster.now["metadata"]["managedFields"] = owned(manager)
    run(cluster, check_mode=True)
    assert cluster.bodies[1] is not None
    assert cluster.bodies[1]["spec"].get("replicas") == said


def test_deletion_takes_the_pods_along() -> None:
    cluster = made()
    outcome = run(cluster, state="absent")
    assert [step.grade.value for step in outcome.steps] == ["destructive"]
    assert cluster.bodies[1] is not None
    assert cluster.bodies[1]["propagationPolicy"] == "Foreground"
    assert cluster.bodies[1]["preconditions"] == {"uid": "u"}
    assert not run(cluster, state="absent").changed
