# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal LoadBalancer Services: what is planned for which difference, and what is sent, over a scripted cluster."""

from __future__ import annotations

import copy
import typing as t

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.podreach.gke.plugins.module_utils.arguments import Call
from ansible_collections.podreach.gke.plugins.module_utils.engine import Consent, Grade, converge
from ansible_collections.podreach.gke.plugins.module_utils.errors import ApiError, PodreachError, Refused, Timeout
from ansible_collections.podreach.gke.plugins.module_utils.kubernetes import service_changes, services
from ansible_collections.podreach.gke.plugins.module_utils.kubernetes.client import MANAGED_BY, Answer, Kube

Json = dict[str, t.Any]

OURS = {MANAGED_BY: "podreach.gke"}
PATH = "/api/v1/namespaces/default/services/web"


def params(**options: t.Any) -> Json:
    """Validated parameters."""
    validation = ArgumentSpecValidator(services.SPEC.options, **services.SPEC.rules()).validate(
        {"name": "web", "timeout": 30, **options}
    )
    assert not validation.errors.errors, validation.error_messages
    found: Json = validation.validated_parameters
    return found


def service(address: str | None = "10.1.0.4", **more: t.Any) -> Json:
    """A Service of ours with an internal load balancer."""
    metadata = {
        "name": "web",
        "namespace": "default",
        "uid": "u1",
        "resourceVersion": "7",
        "labels": dict(OURS),
        "annotations": {service_changes.INTERNAL: "Internal", "theirs": "x"},
        **more.pop("metadata", {}),
    }
    spec = {
        "type": "LoadBalancer",
        "selector": {"app": "web"},
        "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080, "nodePort": 30080}],
        "clusterIP": "10.96.0.1",
        "externalTrafficPolicy": "Cluster",
        **more,
    }
    status = {"loadBalancer": {"ingress": [{"ip": address}]} if address else {}}
    return {"metadata": metadata, "spec": spec, "status": status}


class Cluster:
    """A cluster of one Service: keeps what is sent. ``serve`` says what the controller makes of it."""

    def __init__(self, now: Json | None = None) -> None:
        self.now = copy.deepcopy(now)
        self.sent: list[tuple[str, Json | None, str]] = []
        self.faults: list[Answer | OSError] = []
        self.events: list[Json] = []
        self.time = 0.0
        self.serve = True

    def __call__(self, method: str, path: str, body: Json | None, content_type: str) -> Answer:
        if "/events" in path:
            return Answer(200, {}, {"items": self.events})
        if method != "GET":
            self.sent.append((method, body, content_type))
            if self.faults:
                fault = self.faults.pop(0)
                if isinstance(fault, OSError):
                    raise fault
                return fault
        if method == "POST":
            assert body is not None
            self.now = {**body, "metadata": {**body["metadata"], "uid": "u2", "resourceVersion": "1"}, "status": {}}
            if self.serve:
                self.now["status"] = {"loadBalancer": {"ingress": [{"ip": "10.1.0.9"}]}}
        elif method == "PATCH":
            assert body is not None
            self.now = service_changes.patched(self.now or {}, body)
        elif method == "DELETE":
            self.now = None
        if self.now is None:
            return Answer(404 if method == "GET" else 200, {}, {"reason": "NotFound", "message": "not found"})
        return Answer(200, {}, copy.deepcopy(self.now))

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def kube(self) -> Kube:
        return Kube(self, timeout=30, url="https://10.0.0.2", clock=_clock(self))


def _clock(cluster: Cluster) -> t.Any:
    class Clock:
        now = staticmethod(cluster.monotonic)
        sleep = staticmethod(cluster.sleep)

    return Clock


def resource(cluster: Cluster, *, check_mode: bool = False, **options: t.Any) -> services.InternalService:
    return services.InternalService(cluster.kube(), Call(params(**options), check_mode=check_mode))


# ---- what differs

CHANGES: dict[str, tuple[Json, Json, list[tuple[str, t.Any, Grade]]]] = {
    "nothing": ({}, {}, []),
    "the same": (
        {},
        {
            "selector": {"app": "web"},
            "ports": [{"port": 80, "target_port": "8080"}],
            "external_traffic_policy": "Cluster",
            "global_access": False,
        },
        [],
    ),
    "label": ({}, {"labels": {"team": "a"}}, [("metadata.labels.team", "a", Grade.SAFE)]),
    "annotation": ({}, {"annotations": {"a": True}}, [("metadata.annotations.a", "true", Grade.SAFE)]),
    "annotation removed": (
        {},
        {"annotations": {"theirs": None, "other": None}},
        [("metadata.annotations.theirs", None, Grade.SAFE)],
    ),
    "another selector": (
        {"selector": {"app": "web", "tier": "x"}},
        {"selector": {"app": "api"}},
        [("spec.selector", {"app": "api", "tier": None}, Grade.DISRUPTIVE)],
    ),
    "one more port": (
        {},
        {"ports": [{"port": 81, "name": "b"}]},
        [
            (
                "spec.ports",
                [
                    {"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080, "nodePort": 30080},
                    {"name": "b", "port": 81, "protocol": "TCP", "targetPort": 81},
                ],
                Grade.SAFE,
            )
        ],
    ),
    "another target": (
        {},
        {"ports": [{"port": 80, "target_port": "http"}]},
        [
            (
                "spec.ports",
                [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http", "nodePort": 30080}],
                Grade.DISRUPTIVE,
            )
        ],
    ),
    "another port instead": (
        {},
        {"ports": [{"port": 81}], "purge_ports": True},
        [("spec.ports", [{"port": 81, "protocol": "TCP", "targetPort": 81}], Grade.DISRUPTIVE)],
    ),
    "first ranges": (
        {},
        {"source_ranges": ["10.0.0.0/8"]},
        [("spec.loadBalancerSourceRanges", ["10.0.0.0/8"], Grade.DISRUPTIVE)],
    ),
    "one more range": (
        {"loadBalancerSourceRanges": ["10.0.0.0/8"]},
        {"source_ranges": ["172.16.0.0/12"]},
        [("spec.loadBalancerSourceRanges", ["10.0.0.0/8", "172.16.0.0/12"], Grade.SAFE)],
    ),
    "fewer ranges": (
        {"loadBalancerSourceRanges": ["10.0.0.0/8", "172.16.0.0/12"]},
        {"source_ranges": ["10.0.0.0/8"], "purge_source_ranges": True},
        [("spec.loadBalancerSourceRanges", ["10.0.0.0/8"], Grade.DISRUPTIVE)],
    ),
    "no range": (
        {"loadBalancerSourceRanges": ["10.0.0.0/8"]},
        {"source_ranges": [], "purge_source_ranges": True},
        [("spec.loadBalancerSourceRanges", [], Grade.SAFE)],
    ),
    "the address that it has": (
        {},
        {"load_balancer_ip": "10.1.0.4"},
        [("spec.loadBalancerIP", "10.1.0.4", Grade.SAFE)],
    ),
    "another address": (
        {},
        {"load_balancer_ip": "10.1.0.5"},
        [("spec.loadBalancerIP", "10.1.0.5", Grade.DISRUPTIVE)],
    ),
    "names": (
        {},
        {"address_names": ["a", "b"]},
        [(f"metadata.annotations.{service_changes.ADDRESS_NAMES}", "a,b", Grade.DISRUPTIVE)],
    ),
    "subnet": ({}, {"subnet": "s"}, [(f"metadata.annotations.{service_changes.SUBNET}", "s", Grade.DISRUPTIVE)]),
    "global access": (
        {},
        {"global_access": True},
        [(f"metadata.annotations.{service_changes.GLOBAL_ACCESS}", "true", Grade.SAFE)],
    ),
    "no global access": (
        {"metadata": {"annotations": {service_changes.INTERNAL: "Internal", service_changes.GLOBAL_ACCESS: "true"}}},
        {"global_access": False},
        [(f"metadata.annotations.{service_changes.GLOBAL_ACCESS}", "false", Grade.DISRUPTIVE)],
    ),
    "policy": (
        {},
        {"external_traffic_policy": "Local"},
        [("spec.externalTrafficPolicy", "Local", Grade.DISRUPTIVE)],
    ),
    "legacy annotation": (
        {},
        {"legacy_annotation": True},
        [(f"metadata.annotations.{service_changes.LEGACY_INTERNAL}", "Internal", Grade.SAFE)],
    ),
    "internal by the legacy key alone": (
        {"metadata": {"annotations": {service_changes.LEGACY_INTERNAL: "internal"}}},
        {"legacy_annotation": True},
        [],
    ),
    "internal by class": (
        {"metadata": {"annotations": {}}, "loadBalancerClass": service_changes.CLASSES[0]},
        {"load_balancer_class": service_changes.CLASSES[0]},
        [],
    ),
    "of type ClusterIP": (
        {"metadata": {"annotations": {}}, "type": "ClusterIP"},
        {},
        [
            (f"metadata.annotations.{service_changes.INTERNAL}", "Internal", Grade.SAFE),
            ("spec.type", "LoadBalancer", Grade.SAFE),
        ],
    ),
    "not ours, adopted": (
        {"metadata": {"labels": {}}},
        {"adopt": True},
        [(f"metadata.labels.{MANAGED_BY}", "podreach.gke", Grade.SAFE)],
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_changes(case: str) -> None:
    more, options, wanted = CHANGES[case]
    found = service_changes.changes(params(**options), service(**copy.deepcopy(more)))
    assert [(".".join(change.path), change.new, change.grade) for change in found] == wanted


def test_what_serves_nobody_is_changed_without_a_word() -> None:
    options = {"selector": {"app": "x"}, "load_balancer_ip": "10.1.0.5", "external_traffic_policy": "Local"}
    found = service_changes.changes(params(**options), service(address=None))
    assert {change.grade for change in found} == {Grade.SAFE}


@pytest.mark.parametrize(
    ("more", "options", "words"),
    [
        ({"metadata": {"annotations": {}}}, {}, "external load balancer at 10.1.0.4"),
        ({"metadata": {"annotations": {service_changes.INTERNAL: "External"}}}, {}, "external load balancer"),
        ({"type": "ExternalName"}, {}, "ExternalName"),
        ({"type": "ClusterIP", "clusterIP": "None"}, {}, "headless"),
        ({}, {"load_balancer_class": service_changes.CLASSES[0]}, "load_balancer_class is unset and cannot become"),
        ({"loadBalancerClass": "networking.gke.io/l4-regional-external"}, {}, "external"),
    ],
)
def test_what_has_to_be_made_anew(more: Json, options: Json, words: str) -> None:
    assert words in (service_changes.why_replace(params(**options), service(**more)) or "")


def test_what_is_made_anew_takes_along_what_people_wrote() -> None:
    old = service(
        metadata={
            "labels": {**OURS, "team": "a"},
            "annotations": {"note": "x", "service.kubernetes.io/backend-service": "b", "cloud.google.com/neg": "{}"},
        },
        sessionAffinity="ClientIP",
    )
    body = service_changes.creation(params(ports=[{"port": 81, "name": "b"}]), service_changes.carried(old))
    assert body["metadata"]["annotations"] == {"note": "x", service_changes.INTERNAL: "Internal"}
    assert body["metadata"]["labels"] == {**OURS, "team": "a"}
    assert body["spec"]["sessionAffinity"] == "ClientIP"
    assert [port["port"] for port in body["spec"]["ports"]] == [80, 81]
    assert "nodePort" not in body["spec"]["ports"][0]
    assert "clusterIP" not in body["spec"]


def test_creation_by_class_needs_no_annotation() -> None:
    given = params(
        selector={"app": "web", "n": 1}, ports=[{"port": 80}], load_balancer_class=service_changes.CLASSES[1]
    )
    body = service_changes.creation(given)
    assert body["metadata"]["annotations"] == {}
    assert body["spec"]["loadBalancerClass"] == service_changes.CLASSES[1]
    assert body["spec"]["selector"] == {"app": "web", "n": "1"}
    assert body["spec"]["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]


@pytest.mark.parametrize(
    ("before", "patch", "after"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": {"b": "c", "d": 1}}, {"a": {"b": None}}, {"a": {"d": 1}}),
        ({"a": [1]}, {"a": [2]}, {"a": [2]}),
        ({}, {"a": {"b": {"c": None}}}, {"a": {"b": {}}}),
    ],
)
def test_merge_patches(before: Json, patch: Json, after: Json) -> None:
    assert service_changes.patched(before, patch) == after


# ---- what is sent


def test_a_patch_holds_what_differs_and_the_version() -> None:
    cluster = Cluster(service())
    [outcome] = converge([resource(cluster, labels={"team": "b"})], Consent(), check_mode=False)
    assert outcome.changed
    patch = {"metadata": {"resourceVersion": "7", "labels": {"team": "b"}}}
    assert cluster.sent == [("PATCH", patch, "application/merge-patch+json")]


def test_a_stale_version_is_planned_again() -> None:
    cluster = Cluster(service())
    cluster.faults = [Answer(409, {}, {"reason": "Conflict", "message": "the object has been modified"})]
    [outcome] = converge([resource(cluster, labels={"team": "b"})], Consent(), check_mode=False)
    assert len(cluster.sent) == 2
    assert len(outcome.steps) == 1


def test_a_lost_answer_is_looked_up() -> None:
    cluster = Cluster(service())
    cluster.faults = [OSError("reset")]
    converge([resource(cluster, labels={"team": "b"})], Consent(), check_mode=False)
    assert [method for method, _body, _type in cluster.sent] == ["PATCH", "PATCH"]


@pytest.mark.parametrize("already", [True, False])
def test_a_create_that_came_second(already: bool) -> None:
    cluster = Cluster()
    made = resource(cluster, selector={"app": "web"}, ports=[{"port": 80, "target_port": "9090"}])
    if already:

        def other(method: str, path: str, body: Json | None, content_type: str) -> Answer:
            if method == "POST":
                cluster.sent.append((method, body, content_type))
                cluster.now = service(metadata={"labels": {}})
                return Answer(409, {}, {"reason": "AlreadyExists", "message": "it exists"})
            return cluster(method, path, body, content_type)

        made.kube.transport = other
        with pytest.raises(Refused, match="adopt: true"):
            converge([made], Consent(), check_mode=False)
    else:
        assert converge([made], Consent(), check_mode=False)[0].changed
    assert len(cluster.sent) == 1


def test_a_deletion_names_what_was_read() -> None:
    cluster = Cluster(service())
    converge([resource(cluster, state="absent")], Consent(), check_mode=False)
    [(method, body, _type)] = cluster.sent
    assert method == "DELETE"
    assert body is not None
    assert body["preconditions"] == {"uid": "u1", "resourceVersion": "7"}


def test_a_deletion_that_does_not_end_says_why() -> None:
    cluster = Cluster(service(metadata={"deletionTimestamp": "2026-11-23T00:00:00Z"}))
    cluster.events = [
        {
            "type": "Warning",
            "reason": "DeleteLoadBalancerFailed",
            "message": "in use by x",
            "count": 3,
            "lastTimestamp": "2026-11-23T00:00:01Z",
        }
    ]
    with pytest.raises(Timeout, match=r"DeleteLoadBalancerFailed: in use by x \(3 times\)"):
        converge([resource(cluster, state="absent")], Consent(), check_mode=False)
    [outcome] = converge([resource(cluster, state="absent", wait=False)], Consent(), check_mode=False)
    assert outcome.operation == "deletion of Service default/web"


def test_a_replacement_needs_its_name() -> None:
    cluster = Cluster(service(metadata={"annotations": {"note": "x"}}))
    with pytest.raises(Refused, match="confirm_replace: web"):
        converge([resource(cluster)], Consent(), check_mode=False)
    assert cluster.sent == []
    [outcome] = converge([resource(cluster)], Consent(confirm_replace="web"), check_mode=False)
    assert [method for method, _body, _type in cluster.sent] == ["DELETE", "POST"]
    assert [step.action for step in outcome.steps] == ["replace", "create"]


@pytest.mark.parametrize(
    ("labels", "options"),
    [({}, {"labels": {"a": "b"}}), ({MANAGED_BY: "Helm"}, {"state": "absent"})],
)
def test_what_is_not_ours_is_left_alone(labels: Json, options: Json) -> None:
    cluster = Cluster(service(metadata={"labels": labels}))
    with pytest.raises(Refused, match="podreach.gke did not create it"):
        converge([resource(cluster, **options)], Consent(True, "web"), check_mode=False)
    assert cluster.sent == []


# ---- its address


def test_no_address_and_no_event() -> None:
    cluster = Cluster(service(address=None))
    with pytest.raises(Timeout, match="it has no address after 30 s .* No event says why"):
        resource(cluster).await_address()


def test_an_address_that_is_not_the_one_asked_for() -> None:
    cluster = Cluster(service())
    with pytest.raises(Timeout, match="its address is 10.1.0.4, not 10.1.0.5"):
        resource(cluster, load_balancer_ip="10.1.0.5").await_address()


# ---- the client


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_may_pass_is_asked_again(status: int) -> None:
    answers = [Answer(status, {"retry-after": "2"}, {"message": "busy"}), Answer(200, {}, {"a": 1})]
    cluster = Cluster()
    kube = Kube(lambda *_args: answers.pop(0), timeout=30, clock=_clock(cluster))
    assert kube.get("/x", "Thing x") == {"a": 1}
    assert cluster.time >= 2


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(403, {}, {"reason": "Forbidden", "message": "may not"}), "read Thing x: may not"),
        (Answer(401, {}, {"reason": "Unauthorized", "message": "Unauthorized"}), "The token was not accepted"),
        (Answer(418, {}, {}), "read Thing x: HTTP 418"),
    ],
)
def test_errors_name_verb_and_object(answer: Answer, words: str) -> None:
    kube = Kube(lambda *_args: answer, timeout=30, clock=_clock(Cluster()))
    with pytest.raises(ApiError, match=words) as caught:
        kube.get("/x", "Thing x")
    assert caught.value.resource == "Thing x"


def test_an_unreachable_api_is_given_up() -> None:
    def nobody(method: str, path: str, body: Json | None, content_type: str) -> Answer:
        raise OSError("timed out")

    cluster = Cluster()
    kube = Kube(nobody, timeout=30, url="https://10.0.0.2", clock=_clock(cluster))
    with pytest.raises(PodreachError, match="read Thing x: no answer from https://10.0.0.2: timed out"):
        kube.get("/x", "Thing x")
    assert 30 <= cluster.time < 60


def test_a_long_wait_says_so() -> None:
    cluster = Cluster()
    lines: list[str] = []
    kube = Kube(cluster, timeout=100, clock=_clock(cluster), progress=lines.append)
    assert kube.wait(lambda: None, "Thing x: waiting") is None
    assert lines
    assert lines[0].startswith("Thing x: waiting, 1")
    assert len(lines) <= 4
