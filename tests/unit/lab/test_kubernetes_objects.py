# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patches, field ownership, schemas, defaults, validation and tables of the lab's Kubernetes."""

from __future__ import annotations

import datetime
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podreach.gke.tests.lab.podreach_lab.clock import ManualClock
from ansible_collections.podreach.gke.tests.lab.podreach_lab.kubernetes import (
    bootstrap,
    managed,
    patches,
    protobuf,
    schema,
    tables,
)
from ansible_collections.podreach.gke.tests.lab.podreach_lab.kubernetes.errors import ApiError
from ansible_collections.podreach.gke.tests.lab.podreach_lab.kubernetes.kinds import BUILT_IN, Type
from ansible_collections.podreach.gke.tests.lab.podreach_lab.kubernetes.store import Store

Json = dict[str, t.Any]

KINDS = {kind.key: kind for kind in BUILT_IN}
DEPLOYMENT = schema.of(KINDS["deployments.apps"])


def workload(**spec: t.Any) -> Json:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


def containers(*items: Json) -> Json:
    return {"template": {"spec": {"containers": list(items)}}}


# ---- patches; the examples of RFC 7386 and RFC 6902 are those of their appendices


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch(target: t.Any, patch: t.Any, result: t.Any) -> None:
    assert patches.merge_patch(target, patch) == result


@pytest.mark.parametrize(
    ("target", "operations", "result"),
    [
        ({"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux"}], {"baz": "qux", "foo": "bar"}),
        ({"foo": ["a", "b"]}, [{"op": "add", "path": "/foo/1", "value": "x"}], {"foo": ["a", "x", "b"]}),
        ({"foo": ["a"]}, [{"op": "add", "path": "/foo/-", "value": ["b"]}], {"foo": ["a", ["b"]]}),
        ({"foo": ["a", "b"]}, [{"op": "remove", "path": "/foo/1"}], {"foo": ["a"]}),
        ({"a/b": 1, "m~n": 2}, [{"op": "replace", "path": "/a~1b", "value": 3}], {"a/b": 3, "m~n": 2}),
        ({"a": {"b": 1}, "c": {}}, [{"op": "move", "from": "/a/b", "path": "/c/d"}], {"a": {}, "c": {"d": 1}}),
        (
            {"a": 1},
            [{"op": "test", "path": "/a", "value": 1}, {"op": "copy", "from": "/a", "path": "/b"}],
            {"a": 1, "b": 1},
        ),
    ],
)
def test_json_patch(target: Json, operations: list[Json], result: Json) -> None:
    before = str(target)
    assert patches.json_patch(target, operations) == result
    assert str(target) == before


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/none"},
        {"op": "replace", "path": "/none", "value": 1},
        {"op": "test", "path": "/a", "value": 2},
        {"op": "add", "path": "/list/5", "value": 1},
        {"op": "add", "path": "/a/b/c", "value": 1},
        {"op": "other", "path": "/a"},
    ],
)
def test_json_patches_that_cannot_be_done(operation: Json) -> None:
    with pytest.raises(ApiError) as raised:
        patches.json_patch({"a": 1, "list": []}, [operation])
    assert raised.value.code == 422


def test_strategic_merge_by_key() -> None:
    before = workload(**containers({"name": "a", "image": "1", "args": ["x", "y"]}, {"name": "b", "image": "1"}))
    patch = {"spec": containers({"name": "a", "image": "2", "args": ["z"]}, {"name": "c", "image": "1"})}
    after = patches.strategic_patch(before, patch, DEPLOYMENT)
    assert after["spec"]["template"]["spec"]["containers"] == [
        {"name": "a", "image": "2", "args": ["z"]},
        {"name": "b", "image": "1"},
        {"name": "c", "image": "1"},
    ]


def test_strategic_directives() -> None:
    before = workload(
        strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}},
        **containers({"name": "a", "image": "1"}, {"name": "b", "image": "1"}),
    )
    spec: Json = {"template": {"spec": {"containers": [{"name": "a", "$patch": "delete"}]}}}
    spec["strategy"] = {"$retainKeys": ["type"], "type": "Recreate"}
    after = patches.strategic_patch(before, {"spec": spec}, DEPLOYMENT)
    assert after["spec"]["strategy"] == {"type": "Recreate"}
    assert after["spec"]["template"]["spec"]["containers"] == [{"name": "b", "image": "1"}]
    replaced = {"spec": {"template": {"spec": {"containers": [{"name": "z"}, {"$patch": "replace"}]}}}}
    assert patches.strategic_patch(before, replaced, DEPLOYMENT)["spec"]["template"]["spec"]["containers"] == [
        {"name": "z"}
    ]
    ordered = {"spec": {"template": {"spec": {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}}}}
    after = patches.strategic_patch(before, ordered, DEPLOYMENT)
    assert [item["name"] for item in after["spec"]["template"]["spec"]["containers"]] == ["b", "a"]
    finalizers = {"metadata": {"finalizers": ["a", "b", "c"]}}
    less = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["b"]}}
    assert patches.strategic_patch(finalizers, less, DEPLOYMENT)["metadata"]["finalizers"] == ["a", "c"]


# ---- who owns what


def manager(name: str, operation: str = "Apply", subresource: str = "") -> managed.Manager:
    return managed.Manager(name, operation, "apps/v1", set(), "2026-11-01T00:00:00Z", subresource)


def apply(live: Json | None, config: Json, name: str, *, force: bool = False) -> Json:
    merged, managers = managed.apply(live, config, DEPLOYMENT, manager(name), has_status=True, force=force)
    managed.write_managers(merged, managers)
    return merged


A, B = {"name": "a", "image": "1"}, {"name": "b", "image": "1"}


def test_what_a_manager_leaves_out_goes() -> None:
    live = apply(None, workload(replicas=2, **containers(A, B)), "me")
    live["spec"]["template"]["spec"]["containers"][1]["terminationMessagePath"] = "/x"
    after = apply(live, workload(**containers(A)), "me")
    assert after["spec"] == containers(A)


def test_what_others_own_too_stays() -> None:
    live = apply(None, workload(replicas=2, **containers(A)), "me")
    live = apply(live, workload(replicas=2, **containers(B)), "other")
    after = apply(live, workload(**containers(A)), "me")
    assert after["spec"]["replicas"] == 2
    assert [item["name"] for item in after["spec"]["template"]["spec"]["containers"]] == ["a", "b"]
    with pytest.raises(ApiError, match="conflict with"):
        apply(after, workload(replicas=3, **containers(A)), "me")


def test_conflicts_and_force() -> None:
    live = apply(None, workload(replicas=2, **containers(A)), "me")
    config = workload(replicas=3, **containers({"name": "a", "image": "2"}))
    with pytest.raises(ApiError) as raised:
        apply(live, config, "other")
    assert raised.value.status["message"] == (
        'Apply failed with 2 conflicts: conflicts with "me":\n'
        '- .spec.replicas\n- .spec.template.spec.containers[name="a"].image'
    )
    assert raised.value.status["details"]["causes"][0] == {
        "reason": "FieldManagerConflict",
        "message": 'conflict with "me"',
        "field": ".spec.replicas",
    }
    after = apply(live, config, "other", force=True)
    owners = {item["manager"]: item["fieldsV1"] for item in after["metadata"]["managedFields"]}
    assert "f:replicas" not in owners["me"]["f:spec"]
    assert "f:replicas" in owners["other"]["f:spec"]


def test_whoever_updates_a_field_owns_it() -> None:
    live = apply(None, workload(replicas=2, **containers(A)), "me")
    new = workload(replicas=5, **containers(A))
    managed.track_update(new, live, DEPLOYMENT, manager("kubectl", "Update", "scale"), has_status=True)
    with pytest.raises(ApiError) as raised:
        apply(new, workload(replicas=2, **containers(A)), "me")
    told = 'conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas'
    assert raised.value.status["message"] == f"Apply failed with 1 conflict: {told}"


def test_what_nobody_owned_was_there_before_the_first_apply() -> None:
    live = workload(replicas=2, **containers(A))
    with pytest.raises(ApiError, match='conflict with "before-first-apply" using apps/v1: .spec.replicas'):
        apply(live, workload(replicas=3, **containers(A)), "me")
    assert apply(live, workload(replicas=2, **containers(A)), "me")["spec"] == live["spec"]


def test_ports_without_a_protocol_are_tcps() -> None:
    config = workload(**containers({"name": "a", "ports": [{"containerPort": 80}]}))
    live = apply(None, config, "me")
    live["spec"]["template"]["spec"]["containers"][0]["ports"][0]["protocol"] = "TCP"
    after = apply(live, config, "me")
    assert after["spec"]["template"]["spec"]["containers"][0]["ports"] == [{"containerPort": 80, "protocol": "TCP"}]


WORDS = st.text("abc", min_size=1, max_size=3)
VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(0, 9), WORDS),
    lambda inside: st.dictionaries(WORDS, inside, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(WORDS, VALUES, min_size=1, max_size=4))
def test_fields_can_be_written_and_read_back(value: Json) -> None:
    fields = set(managed.leaves(value, {}))
    assert managed.read_fields(managed.write_fields(fields)) == fields


@given(st.dictionaries(WORDS, VALUES, max_size=4), st.dictionaries(WORDS, VALUES, min_size=1, max_size=4))
def test_applying_twice_is_applying_once(live: Json, config: Json) -> None:
    first, managers = managed.apply({"metadata": {}, **live}, config, {}, manager("me"), has_status=False, force=True)
    managed.write_managers(first, managers)
    second, _managers = managed.apply(first, config, {}, manager("me"), has_status=False)
    second["metadata"]["managedFields"] = first["metadata"]["managedFields"]
    assert second == first
    for path, value in managed.leaves(config, {}).items():
        assert managed.leaves(second, {}).get(path, value) == value


# ---- schemas


def test_unknown_fields_are_named_and_dropped() -> None:
    item = workload(replica=2, template={"spec": {"containers": [{"name": "a", "imag": "x"}]}})
    decoded = schema.decode(item, KINDS["deployments.apps"])
    assert decoded.problems == ['unknown field "spec.replica"', 'unknown field "spec.template.spec.containers[0].imag"']
    assert decoded.object["spec"] == {"template": {"spec": {"containers": [{"name": "a"}]}}}


def test_wrong_types() -> None:
    with pytest.raises(ApiError) as raised:
        schema.decode(workload(replicas="two"), KINDS["deployments.apps"])
    assert raised.value.status["message"] == (
        'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct '
        "field Deployment.spec.replicas of type int32"
    )


def test_what_go_leaves_out() -> None:
    """Lists and maps of their own when empty; structs stay, since a selector of everybody is one."""
    policy = {"spec": {"podSelector": {}, "ingress": [{"from": []}], "egress": []}, "metadata": {"labels": {}}}
    decoded = schema.decode(policy, KINDS["networkpolicies.networking.k8s.io"])
    assert decoded.object == {"spec": {"podSelector": {}, "ingress": [{}]}, "metadata": {}}


@pytest.mark.parametrize(
    ("given_text", "canonical"),
    [
        ("0.5", "500m"),
        ("1000m", "1"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("100m", "100m"),
        ("0", "0"),
        ("1e3", "1e3"),
    ],
)
def test_quantities(given_text: str, canonical: str) -> None:
    assert schema.quantity(given_text) == canonical


def test_protobuf_of_a_namespace() -> None:
    """As `kubectl create namespace blue` sends it."""
    meta = b"\x0a\x04blue\x12\x00\x1a\x00\x22\x00\x2a\x00\x32\x00\x38\x00\x42\x00"
    body = b"\x0a" + bytes([len(meta)]) + meta + b"\x12\x00\x1a\x02\x0a\x00"
    head = b"\x0a\x0f\x0a\x02v1\x12\x09Namespace"
    raw = b"k8s\x00" + head + b"\x12" + bytes([len(body)]) + body + b"\x1a\x00\x22\x00"
    assert protobuf.decode(raw) == {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "blue"},
        "spec": {},
        "status": {},
    }
    for wrong in (b"{}", raw[:-20], b"k8s\x00\x0a\x07\x12\x05Other"):
        with pytest.raises(ApiError):
            protobuf.decode(wrong)


# ---- defaults and validation


@pytest.fixture
def store() -> Store:
    return bootstrap.make(ManualClock(), {"servicesIpv4Cidr": "10.0.0.0/24", "endpoint": "127.64.0.1"}, "PEM", seed=1)


POD_SPEC = {"containers": [{"name": "c", "image": "nginx"}]}
SELECTED = {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": POD_SPEC}}


@pytest.mark.parametrize(
    ("key", "item", "field", "why"),
    [
        ("configmaps", {"metadata": {}}, "metadata.name", "name or generateName is required"),
        ("configmaps", {"metadata": {"name": "A"}}, "metadata.name", "a lowercase RFC 1123 subdomain must"),
        ("namespaces", {"metadata": {"name": "a.b"}}, "metadata.name", "a lowercase RFC 1123 label must"),
        ("services", {"metadata": {"name": "1a"}, "spec": {"ports": [{"port": 1}]}}, "metadata.name", "DNS-1035"),
        ("configmaps", {"metadata": {"name": "a", "labels": {"x": "-"}}}, "metadata.labels", "a valid label must"),
        ("configmaps", {"metadata": {"name": "a", "labels": {"x y": ""}}}, "metadata.labels", "name part must"),
        ("configmaps", {"metadata": {"name": "a"}, "data": {"a b": ""}}, "data[a b]", "a valid config key"),
        ("services", {"metadata": {"name": "a"}, "spec": {}}, "spec.ports", "Required value"),
        ("services", {"metadata": {"name": "a"}, "spec": {"ports": [{"port": 0}]}}, "spec.ports[0].port", "between 1"),
        ("services", {"metadata": {"name": "a"}, "spec": {"type": "X", "ports": [{"port": 1}]}}, "spec.type", "Unsupp"),
        ("pods", {"metadata": {"name": "a"}, "spec": {}}, "spec.containers", "Required value"),
        (
            "pods",
            {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c"}]}},
            "spec.containers[0].image",
            "Req",
        ),
        (
            "deployments.apps",
            {"metadata": {"name": "a"}, "spec": {"template": {"spec": POD_SPEC}}},
            "spec.selector",
            "Req",
        ),
        (
            "networkpolicies.networking.k8s.io",
            {
                "metadata": {"name": "a"},
                "spec": {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "x"}}]}]},
            },
            "spec.ingress[0].from[0].ipBlock.cidr",
            "must be a valid CIDR value",
        ),
        (
            "networkpolicies.networking.k8s.io",
            {
                "metadata": {"name": "a"},
                "spec": {
                    "podSelector": {},
                    "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/8"]}}]}],
                },
            },
            "spec.egress[0].to[0].ipBlock.except[0]",
            "must be a strict subset of `cidr`",
        ),
    ],
)
def test_what_is_refused(store: Store, key: str, item: Json, field: str, why: str) -> None:
    with pytest.raises(ApiError) as raised:
        store.create(key, item)
    assert raised.value.code == 422
    causes = {cause["field"]: cause["message"] for cause in raised.value.status["details"]["causes"]}
    assert why in causes[field]


def test_what_cannot_be_changed(store: Store) -> None:
    store.create("deployments.apps", {"metadata": {"name": "a"}, "spec": SELECTED})

    def reselect(item: Json) -> None:
        item["spec"]["selector"] = {"matchLabels": {"a": "c"}}
        item["spec"]["template"]["metadata"]["labels"] = {"a": "c"}

    with pytest.raises(ApiError, match="field is immutable"):
        store.change("deployments.apps", "default", "a", reselect)
    store.create("pods", {"metadata": {"name": "p"}, "spec": POD_SPEC})
    store.change("pods", "default", "p", lambda item: item["spec"].update(nodeName="n"))
    store.change("pods", "default", "p", lambda item: item["spec"]["containers"][0].update(image="other"))
    with pytest.raises(ApiError, match="pod updates may not change fields other than"):
        store.change("pods", "default", "p", lambda item: item["spec"].update(nodeName="m"))
    store.create("configmaps", {"metadata": {"name": "c"}, "immutable": True, "data": {"a": "b"}})
    with pytest.raises(ApiError, match="field is immutable when `immutable` is set"):
        store.change("configmaps", "default", "c", lambda item: item.update(data={}))


def test_defaults(store: Store) -> None:
    made = store.create("pods", {"metadata": {"name": "p"}, "spec": POD_SPEC})
    assert made["spec"]["containers"][0]["imagePullPolicy"] == "Always"
    assert made["spec"]["terminationGracePeriodSeconds"] == 30
    assert made["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
    policy = store.create("networkpolicies.networking.k8s.io", {"metadata": {"name": "n"}, "spec": {"podSelector": {}}})
    assert policy["spec"]["policyTypes"] == ["Ingress"]
    secret = store.create("secrets", {"metadata": {"name": "s"}, "stringData": {"a": "b"}})
    assert (secret["type"], secret["data"], "stringData" in secret) == ("Opaque", {"a": "Yg=="}, False)
    made = store.create(
        "services", {"metadata": {"name": "v"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 1}]}}
    )
    assert made["spec"]["ports"][0]["nodePort"] in range(30000, 32768)
    assert made["spec"]["externalTrafficPolicy"] == "Cluster"


# ---- tables


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<invalid>"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (200, "3m20s"),
        (3599, "59m"),
        (3 * 3600, "3h"),
        (3 * 3600 + 300, "3h5m"),
        (47 * 3600, "47h"),
        (50 * 3600, "2d2h"),
        (40 * 86400, "40d"),
        (800 * 86400, "2y70d"),
        (10 * 365 * 86400, "10y"),
    ],
)
def test_ages(seconds: int, text: str) -> None:
    """As https://github.com/kubernetes/apimachinery/blob/master/pkg/util/duration/duration_test.go has them."""
    assert tables.human(seconds) == text


def row(key: str, item: Json) -> dict[str, t.Any]:
    now = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
    found = tables.table(KINDS[key], [item], tables.Moment(now), "None", {})
    headings = [column["name"] for column in found["columnDefinitions"]]
    assert len(headings) == len(found["rows"][0]["cells"])
    return dict(zip(headings, found["rows"][0]["cells"], strict=True))


def test_rows() -> None:
    metadata = {"name": "a", "creationTimestamp": "2026-10-31T23:59:00Z"}
    ingress = {"loadBalancer": {"ingress": [{"ip": "10.0.0.9"}]}}
    spec = {
        "type": "LoadBalancer",
        "clusterIP": "10.4.0.1",
        "ports": [{"port": 80, "protocol": "TCP", "nodePort": 31000}],
    }
    cells = row("services", {"metadata": metadata, "spec": spec, "status": ingress})
    assert (cells["External-IP"], cells["Port(s)"], cells["Age"]) == ("10.0.0.9", "80:31000/TCP", "60s")
    assert row("services", {"metadata": metadata, "spec": spec, "status": {}})["External-IP"] == "<pending>"
    waiting = {"containerStatuses": [{"name": "c", "state": {"waiting": {"reason": "ImagePullBackOff"}}}]}
    pod = {"metadata": metadata, "spec": POD_SPEC, "status": {"phase": "Pending", **waiting}}
    assert row("pods", pod)["Status"] == "ImagePullBackOff"
    assert row("pods", pod | {"metadata": metadata | {"deletionTimestamp": "x"}})["Status"] == "Terminating"
    conditions = {"conditions": [{"type": "Ready", "status": "True"}]}
    node = {"metadata": metadata, "spec": {"unschedulable": True}, "status": conditions}
    assert row("nodes", node)["Status"] == "Ready,SchedulingDisabled"


@pytest.mark.parametrize("kind", [kind for kind in BUILT_IN if kind.key in tables.PRINTERS], ids=lambda kind: kind.key)
def test_every_row_has_a_cell_for_each_column(kind: Type) -> None:
    row(kind.key, {"metadata": {"name": "a"}, "spec": {}, "status": {}})
