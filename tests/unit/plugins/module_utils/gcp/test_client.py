# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client over a scripted wire: what is sent again and what is not, how long, and what becomes of operations."""

from __future__ import annotations

import itertools
import re
import typing as t

import pytest

from ansible_collections.podreach.gke.plugins.module_utils.errors import (
    ApiError,
    Conflict,
    PodreachError,
    Refused,
    Timeout,
)
from ansible_collections.podreach.gke.plugins.module_utils.gcp import client as module
from ansible_collections.podreach.gke.plugins.module_utils.gcp.transport import Answer
from ansible_collections.podreach.gke.tests.unit.plugins.module_utils.gcp.wire import (
    LAST_PAUSE,
    Expected,
    Wire,
    absent,
    container_operation,
    google_error,
    operation,
)

NETWORK = "projects/p/global/networks/n"
NETWORKS = "projects/p/global/networks"
CLUSTERS = "projects/p/locations/asia-northeast1/clusters"
CLUSTER = f"{CLUSTERS}/c"
POLL = "projects/p/global/operations/op-1"
CONTAINER_POLL = "projects/100/locations/asia-northeast1/operations/operation-1"

PASSING = [
    (429, "rateLimitExceeded", ""),
    (500, "backendError", ""),
    (502, "backendError", ""),
    (503, "backendError", ""),
    (504, "backendError", ""),
    (403, "rateLimitExceeded", ""),
    (400, "resourceNotReady", "The resource 'projects/p/global/networks/n' is not ready"),
    (400, "badRequest", "There is a peering operation in progress on the local or peer network. Try again later."),
    (400, "badRequest", "There is a route operation in progress on the local or peer network. Try again later."),
]
FINAL = [
    (400, "invalid", "Invalid value for field 'resource.ipCidrRange'"),
    (400, "required", ""),
    (400, "resourceInUseByAnotherResource", ""),
    (401, "authError", ""),
    (403, "forbidden", ""),
    (403, "quotaExceeded", "Quota 'NETWORKS' exceeded. Limit: 5.0 globally."),
    (404, "notFound", ""),
    (409, "alreadyExists", ""),
    (409, "alreadyExists", "a peering operation in progress"),
]


def failing(method: str, path: str, status: int, reason: str, message: str = "no", **headers: str) -> Expected:
    return Expected(method, path, google_error(status, reason, message), status=status, headers=headers)


# -- what is sent again


@pytest.mark.parametrize(("status", "reason", "message"), PASSING)
def test_what_passes_is_sent_again_with_the_same_request_id(status: int, reason: str, message: str) -> None:
    wire = Wire(
        failing("POST", NETWORKS, status, reason, message),
        failing("POST", NETWORKS, status, reason, message),
        Expected("POST", NETWORKS, operation(), {"name": "n"}),
    )
    assert wire.client().mutate("compute", "POST", NETWORKS, {"name": "n"})["name"] == "op-1"
    assert len(wire.request_ids) == 3
    assert len(set(wire.request_ids)) == 1
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", wire.request_ids[0])
    assert len(wire.sleeps) == 2


@pytest.mark.parametrize(("status", "reason", "message"), PASSING)
def test_a_read_is_sent_again_too(status: int, reason: str, message: str) -> None:
    wire = Wire(failing("GET", NETWORK, status, reason, message), Expected("GET", NETWORK, {"name": "n"}))
    assert wire.client().get("compute", NETWORK) == {"name": "n"}


@pytest.mark.parametrize(("status", "reason", "message"), FINAL)
def test_what_is_final_is_sent_once(status: int, reason: str, message: str) -> None:
    wire = Wire(failing("POST", NETWORKS, status, reason, message))
    with pytest.raises(ApiError) as caught:
        wire.client().mutate("compute", "POST", NETWORKS, {}, resource="network n")
    error = caught.value
    assert (error.status, error.reason, error.code, error.resource) == (status, reason, reason, "network n")
    assert not isinstance(error, Conflict)
    assert message in str(error)
    assert wire.sleeps == []


def test_two_changes_bear_two_request_ids() -> None:
    wire = Wire(Expected("POST", NETWORKS), Expected("POST", NETWORKS))
    client = wire.client()
    client.mutate("compute", "POST", NETWORKS, {})
    client.mutate("compute", "POST", NETWORKS, {})
    assert len(set(wire.request_ids)) == 2


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_every_change_of_compute_bears_a_request_id_and_none_of_container(method: str) -> None:
    wire = Wire(Expected(method, NETWORK), Expected(method, CLUSTER, query={}))
    client = wire.client()
    client.mutate("compute", method, NETWORK)
    client.mutate("container", method, CLUSTER)
    assert len(wire.request_ids) == 1


def test_a_stale_fingerprint_is_a_conflict_at_once() -> None:
    wire = Wire(failing("PATCH", NETWORK, 412, "conditionNotMet", "Invalid fingerprint."))
    with pytest.raises(Conflict) as caught:
        wire.client().mutate("compute", "PATCH", NETWORK, {}, resource="network n")
    assert (caught.value.status, caught.value.resource, caught.value.unsure) == (412, "network n", False)
    assert wire.sleeps == []


def test_a_lost_answer_of_compute_is_asked_for_again() -> None:
    wire = Wire(Expected("POST", NETWORKS, OSError("reset")), Expected("POST", NETWORKS, operation()))
    wire.client().mutate("compute", "POST", NETWORKS, {})
    assert len(wire.request_ids) == 2
    assert len(set(wire.request_ids)) == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_lost_answer_of_a_container_change_is_a_conflict(method: str) -> None:
    wire = Wire(Expected(method, CLUSTER, OSError("reset")))
    with pytest.raises(Conflict, match="no answer") as caught:
        wire.client().mutate("container", method, CLUSTER, {}, resource="cluster c")
    assert caught.value.unsure
    assert caught.value.resource == "cluster c"
    assert len(wire.asked) == 1


def test_a_lost_answer_of_a_container_read_is_asked_for_again() -> None:
    wire = Wire(Expected("GET", CLUSTER, OSError("reset")), Expected("GET", CLUSTER, {"name": "c"}))
    assert wire.client().get("container", CLUSTER) == {"name": "c"}


def test_an_answer_that_never_comes_is_an_error_after_two_minutes() -> None:
    class Silent(Wire):
        def __call__(self, method: str, url: str, body: dict[str, t.Any] | None) -> Answer:
            self.asked.append((method, url))
            raise OSError("unreachable")

    wire = Silent()
    with pytest.raises(ApiError, match="unreachable") as caught:
        wire.client().get("compute", NETWORK)
    assert caught.value.code == "no-answer"
    assert wire.time == pytest.approx(module.PATIENCE, abs=LAST_PAUSE)
    assert len(wire.asked) < 25


# -- how long


class Stubborn(Wire):
    """Answers everything with one error."""

    def __init__(self, status: int, reason: str, message: str = "no", **headers: str) -> None:
        super().__init__()
        self.answer = Answer(status, headers, google_error(status, reason, message))

    def __call__(self, method: str, url: str, body: dict[str, t.Any] | None) -> Answer:
        self.asked.append((method, url))
        return self.answer


def test_trouble_is_put_up_with_for_two_minutes() -> None:
    wire = Stubborn(503, "backendError")
    with pytest.raises(ApiError) as caught:
        wire.client(timeout=600).get("compute", NETWORK)
    assert caught.value.status == 503
    assert wire.time == pytest.approx(module.PATIENCE, abs=LAST_PAUSE)


def test_the_deadline_of_the_call_ends_it_earlier() -> None:
    wire = Stubborn(503, "backendError")
    with pytest.raises(ApiError):
        wire.client(timeout=30).get("compute", NETWORK)
    assert wire.time == pytest.approx(30, abs=LAST_PAUSE)


def test_what_is_not_ready_is_waited_for_until_the_deadline_of_the_call() -> None:
    wire = Stubborn(400, "resourceNotReady")
    with pytest.raises(ApiError):
        wire.client(timeout=600).get("compute", NETWORK)
    assert wire.time == pytest.approx(600, abs=LAST_PAUSE)


def test_after_the_deadline_a_request_is_sent_once() -> None:
    wire = Stubborn(503, "backendError")
    client = wire.client(timeout=10)
    wire.time = 11
    with pytest.raises(ApiError):
        client.get("compute", NETWORK)
    assert len(wire.asked) == 1


def test_pauses_grow_to_fifteen_seconds_and_are_jittered() -> None:
    wires = [Stubborn(400, "resourceNotReady") for _time in range(5)]
    for wire in wires:
        with pytest.raises(ApiError):
            wire.client(timeout=600).get("compute", NETWORK)
        for number, pause in enumerate(wire.sleeps[:-1]):
            top = min(0.5 * 2**number, 15)
            assert top / 2 <= pause <= top
    assert len({tuple(wire.sleeps) for wire in wires}) == len(wires)


def test_retry_after_is_honoured() -> None:
    wire = Wire(
        failing("GET", NETWORK, 429, "rateLimitExceeded", **{"retry-after": "17"}),
        Expected("GET", NETWORK, {}),
    )
    wire.client().get("compute", NETWORK)
    assert wire.sleeps == [17]


def test_retry_after_does_not_outlive_the_deadline() -> None:
    wire = Stubborn(503, "backendError", **{"retry-after": "3600"})
    with pytest.raises(ApiError):
        wire.client(timeout=60).get("compute", NETWORK)
    assert wire.time == pytest.approx(60, abs=LAST_PAUSE)
    assert len(wire.asked) == 2


@pytest.mark.parametrize("header", ["Wed, 21 Oct 2026 07:28:00 GMT", "-5", "soon", ""])
def test_a_retry_after_that_is_no_number_of_seconds_is_ignored(header: str) -> None:
    wire = Wire(failing("GET", NETWORK, 503, "backendError", **{"retry-after": header}), Expected("GET", NETWORK, {}))
    wire.client().get("compute", NETWORK)
    assert wire.sleeps[0] <= 0.5


# -- errors as they come


def test_an_object_that_is_absent_is_none() -> None:
    assert Wire(absent(NETWORK)).client().get("compute", NETWORK) is None


def test_an_error_of_the_container_api() -> None:
    body = {"error": {"code": 400, "message": "Cluster name is bad.", "status": "INVALID_ARGUMENT"}}
    wire = Wire(Expected("POST", CLUSTERS, body, status=400))
    with pytest.raises(ApiError, match=r"POST .*/clusters: 400: Cluster name is bad\.") as caught:
        wire.client().mutate("container", "POST", CLUSTERS, {})
    assert caught.value.code == "INVALID_ARGUMENT"


def test_an_error_page_that_is_no_json() -> None:
    wire = Wire(Expected("GET", NETWORK, {}, status=403))
    with pytest.raises(ApiError, match="HTTP 403") as caught:
        wire.client().get("compute", NETWORK)
    assert caught.value.code == "403"


def test_messages_do_not_show_the_query() -> None:
    wire = Wire(failing("POST", NETWORKS, 400, "invalid"))
    with pytest.raises(ApiError) as caught:
        wire.client().mutate("compute", "POST", NETWORKS, {})
    assert "requestId" not in str(caught.value)


# -- which projects may be written


def test_a_project_that_is_not_listed_is_refused_before_anything_is_sent() -> None:
    wire = Wire()
    client = wire.client(projects=["q", "r"])
    for service, path in (("compute", NETWORK), ("container", CLUSTER)):
        with pytest.raises(Refused, match=r"project p is not among .*\(q, r\).*nothing was sent") as caught:
            client.mutate(service, "DELETE", path, resource="network n")
        assert caught.value.code == "project-not-listed"
    assert wire.asked == []


def test_a_listed_project_may_be_written_and_others_may_be_read() -> None:
    wire = Wire(Expected("POST", NETWORKS), Expected("GET", "projects/host/global/networks/n"))
    client = wire.client(projects=["p"])
    client.mutate("compute", "POST", NETWORKS, {})
    client.get("compute", "projects/host/global/networks/n")


# -- lists


def test_all_pages_of_a_list() -> None:
    path = "projects/p/regions/r/routers"
    wire = Wire(
        Expected("GET", path, {"items": [{"name": "a"}], "nextPageToken": "t1"}, query={}),
        Expected("GET", path, {"nextPageToken": "t2"}, query={"pageToken": "t1"}),
        Expected("GET", path, {"items": [{"name": "b"}]}, query={"pageToken": "t2"}),
    )
    assert [item["name"] for item in wire.client().list_all("compute", path)] == ["a", "b"]


def test_an_empty_list_has_no_items() -> None:
    assert Wire(Expected("GET", NETWORKS, {"kind": "x"})).client().list_all("compute", NETWORKS) == []


def test_a_filter_is_kept_on_every_page() -> None:
    wire = Wire(
        Expected("GET", NETWORKS, {"nextPageToken": "t1"}, query={"filter": "name=n"}),
        Expected("GET", NETWORKS, {}, query={"filter": "name=n", "pageToken": "t1"}),
    )
    wire.client().list_all("compute", NETWORKS, filter="name=n")


def test_an_aggregated_list_gives_those_of_all_scopes_and_pages() -> None:
    path = "projects/p/aggregated/subnetworks"
    empty = {"warning": {"code": "NO_RESULTS_ON_PAGE", "data": []}}
    wire = Wire(
        Expected(
            "GET",
            path,
            {
                "items": {"regions/a": {"subnetworks": [{"name": "x"}, {"name": "y"}]}, "regions/b": empty},
                "nextPageToken": "t",
            },
        ),
        Expected("GET", path, {"items": {"regions/c": {"subnetworks": [{"name": "z"}]}, "global": empty}}),
    )
    assert [item["name"] for item in wire.client().list_all("compute", path)] == ["x", "y", "z"]


# -- operations


def test_an_operation_that_is_done_is_not_asked_about() -> None:
    assert Wire().client().finish("compute", operation(), "network n") is None


def test_an_operation_is_polled_until_it_is_done() -> None:
    wire = Wire(
        Expected("GET", POLL, operation(status="RUNNING")),
        Expected("GET", POLL, operation(status="RUNNING")),
        Expected("GET", POLL, operation(status="DONE")),
    )
    assert wire.client().finish("compute", operation(status="PENDING"), "network n") is None
    assert len(wire.asked) == len(wire.sleeps) == 3
    assert all(0 < pause <= 5 for pause in wire.sleeps)


def test_a_poll_that_fails_in_passing_is_sent_again() -> None:
    wire = Wire(
        failing("GET", POLL, 503, "backendError"),
        Expected("GET", POLL, OSError("reset")),
        Expected("GET", POLL, operation()),
    )
    wire.client().finish("compute", operation(status="RUNNING"), "network n")


@pytest.mark.parametrize(
    ("service", "link", "more", "path"),
    [
        ("compute", "projects/p/global/operations/o", {}, "projects/p/global/operations/o"),
        ("compute", "projects/p/regions/r/operations/o", {}, "projects/p/regions/r/operations/o"),
        ("compute", "projects/p/zones/r-a/operations/o", {}, "projects/p/zones/r-a/operations/o"),
        ("compute", "projects/100/global/operations/o", {}, "projects/100/global/operations/o"),
        ("container", "projects/100/zones/r-a/operations/o", {}, "projects/100/locations/r-a/operations/o"),
        (
            "container",
            "projects/100/locations/r/operations/o",
            {"location": "r"},
            "projects/100/locations/r/operations/o",
        ),
        (
            "container",
            "projects/100/zones/r-a/operations/o",
            {"zone": "r-a"},
            "projects/100/locations/r-a/operations/o",
        ),
    ],
)
def test_where_an_operation_is_read(service: str, link: str, more: dict[str, str], path: str) -> None:
    for base in ("https://www.googleapis.com/compute/v1/", "http://127.0.0.1:8080/v1/", ""):
        running = {"name": "o", "status": "RUNNING", "selfLink": base + link, **more}
        wire = Wire(Expected("GET", path, {**running, "status": "DONE"}))
        wire.client().finish(service, running, "x")


def test_an_operation_without_a_link_cannot_be_followed() -> None:
    with pytest.raises(PodreachError, match="no usable selfLink"):
        Wire().client().finish("compute", {"name": "o", "status": "RUNNING"}, "x")


def test_a_failure_inside_the_operation_is_raised_with_its_name() -> None:
    failed = operation(
        "delete",
        error={"errors": [{"code": "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", "message": "is already being used by 's'"}]},
        httpErrorStatusCode=400,
    )
    wire = Wire(Expected("GET", POLL, failed))
    with pytest.raises(ApiError, match="network n: delete failed: is already being used by 's'") as caught:
        wire.client().finish("compute", operation("delete", status="RUNNING"), "network n")
    assert caught.value.as_result() == {
        "code": "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE",
        "reason": "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE",
        "message": "network n: delete failed: is already being used by 's'",
        "resource": "network n",
        "operation": "op-1",
    }


def test_a_failure_inside_a_container_operation() -> None:
    failed = container_operation(error={"code": 8, "message": "IP space exhausted"})
    with pytest.raises(ApiError, match="cluster c: CREATE_CLUSTER failed: IP space exhausted") as caught:
        Wire(Expected("GET", CONTAINER_POLL, failed)).client().finish(
            "container", container_operation(status="RUNNING"), "cluster c"
        )
    assert caught.value.operation == "operation-1"


def test_what_was_not_ready_inside_an_operation_is_a_conflict() -> None:
    failed = operation(error={"errors": [{"code": "RESOURCE_NOT_READY", "message": "is not ready"}]})
    with pytest.raises(Conflict):
        Wire().client().finish("compute", failed, "network n")


def test_the_failure_of_an_operation_is_raised_even_if_it_is_not_waited_for() -> None:
    failed = operation(error={"errors": [{"code": "QUOTA_EXCEEDED", "message": "quota"}]})
    with pytest.raises(ApiError, match="quota"):
        Wire().client(wait=False).finish("compute", failed, "network n")


def test_an_operation_that_is_not_waited_for_is_named() -> None:
    assert Wire().client(wait=False).finish("compute", operation(status="RUNNING"), "network n") == "op-1"
    assert Wire().client(wait=False).finish("compute", operation(status="DONE"), "network n") is None


class Endless(Wire):
    """An operation that does not end before ``end``."""

    end = float("inf")

    def __call__(self, method: str, url: str, body: dict[str, t.Any] | None) -> Answer:
        self.asked.append((method, url))
        status = "DONE" if self.time >= self.end else "RUNNING"
        return Answer(200, {}, operation(status=status, progress=40))


def test_a_timeout_names_resource_operation_and_times() -> None:
    wire = Endless()
    with pytest.raises(Timeout) as caught:
        wire.client(timeout=90).finish("compute", operation(status="RUNNING"), "network n")
    assert "network n: insert op-1 is still RUNNING after 90 s (timeout 90 s)" in str(caught.value)
    assert "the next run adopts it" in str(caught.value)
    assert (caught.value.operation, caught.value.resource) == ("op-1", "network n")
    assert wire.time == pytest.approx(90, abs=LAST_PAUSE)


def test_progress_is_said_first_after_ten_seconds_then_at_doubling_intervals() -> None:
    wire = Endless()
    wire.end = 400
    lines: list[str] = []
    wire.client(timeout=600, progress=lines.append).finish("compute", operation(status="RUNNING"), "network n")
    assert lines[0].startswith("network n: insert op-1 RUNNING 40 %, ")
    times = [int(line.rsplit(" ", 2)[1]) for line in lines]
    assert 10 <= times[0] <= 16
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    for number, gap in enumerate(gaps):
        assert 20 * 2**number - 1 <= gap <= 20 * 2**number + 6
    assert len(lines) == 5


def test_a_short_operation_says_nothing() -> None:
    wire = Endless()
    wire.end = 9
    lines: list[str] = []
    wire.client(progress=lines.append).finish("compute", operation(status="RUNNING"), "network n")
    assert lines == []


# -- adopting what is in flight


def test_the_operation_in_flight_on_a_compute_resource() -> None:
    wire = Wire(
        Expected(
            "GET",
            "projects/p/global/operations",
            {
                "items": [
                    operation("insert", "projects/p/global/networks/nn", "RUNNING", "other"),
                    operation("insert", "projects/p/global/networks/n", "DONE", "old"),
                    operation("insert", "projects/p/global/networks/n", "RUNNING", "mine"),
                ]
            },
            query={"filter": 'status != "DONE"'},
        )
    )
    found = wire.client().in_flight("compute", "projects/p/global", NETWORK)
    assert found is not None
    assert found["name"] == "mine"


@pytest.mark.parametrize("link", ["projects/100/locations/r-a", "projects/100/zones/r-a", "projects/p/locations/r-a"])
def test_the_operation_in_flight_on_a_cluster_whose_links_say_zones_or_a_number(link: str) -> None:
    links = [f"https://container.googleapis.com/v1/{link}/clusters/{name}" for name in ("cc", "c/nodePools/c", "c")]
    operations = [
        container_operation(status="RUNNING", name=f"operation-{number}", targetLink=target)
        for number, target in enumerate(links)
    ]
    wire = Wire(Expected("GET", "projects/p/locations/r-a/operations", {"operations": operations}, query={}))
    found = wire.client().in_flight("container", "projects/p/locations/r-a", "projects/p/locations/r-a/clusters/c")
    assert found is not None
    assert found["name"] == "operation-2"


def test_nothing_in_flight() -> None:
    wire = Wire(Expected("GET", "projects/p/locations/r/operations", {}))
    assert wire.client().in_flight("container", "projects/p/locations/r", "projects/p/locations/r/clusters/c") is None


# -- waiting for others


def test_what_is_missing_is_asked_again_until_it_is_there() -> None:
    wire, left = Wire(), [["a", "b"], ["b"], []]
    assert wire.client().wait_until(lambda: left.pop(0), 600, "cluster c") == []
    assert len(wire.sleeps) == 2
    assert wire.sleeps[0] < 1


def test_what_is_missing_is_waited_for_no_longer_than_said() -> None:
    wire, lines = Wire(), list[str]()
    assert wire.client(progress=lines.append).wait_until(lambda: ["a"], 60, "cluster c waits") == ["a"]
    assert wire.time == pytest.approx(60, abs=LAST_PAUSE)
    assert [line.split(",")[0] for line in lines] == ["cluster c waits: a"] * 2


# -- names


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://www.googleapis.com/compute/v1/projects/p/global/networks/n", ("p", "global/networks/n")),
        ("http://127.0.0.1:80/compute/v1/projects/p/regions/r", ("p", "regions/r")),
        ("projects/p/global/networks/n", ("p", "global/networks/n")),
        ("global/networks/n", ("", "global/networks/n")),
        ("n", ("", "n")),
        ("", ("", "")),
    ],
)
def test_relative(url: str, expected: tuple[str, str]) -> None:
    assert module.relative(url) == expected
