# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is applied of a manifest or of options, what of it may be shown, and how far it is. Pure."""

from __future__ import annotations

import copy
import json
import typing as t

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podreach.gke.plugins.module_utils.errors import InvalidInput
from ansible_collections.podreach.gke.plugins.module_utils.kubernetes import manifests, rollouts, workloads

Json = dict[str, t.Any]


def params(**options: t.Any) -> Json:
    """Validated parameters."""
    validation = ArgumentSpecValidator(workloads.SPEC.options, **workloads.SPEC.rules()).validate(
        {"name": "plot", "image": "plot:1", **options}
    )
    assert not validation.errors.errors, validation.error_messages
    found: Json = validation.validated_parameters
    return found


def container(**options: t.Any) -> Json:
    found: Json = manifests.deployment(params(**options))["spec"]["template"]["spec"]["containers"][0]
    return found


# ---- a Deployment of options


def test_a_deployment_of_an_image() -> None:
    found = manifests.deployment(params())
    assert found["metadata"] == {"name": "plot", "namespace": "default", "labels": {"app": "plot"}}
    # so that a scaler may have its own number
    assert "replicas" not in found["spec"]
    assert found["spec"]["selector"] == {"matchLabels": {"app": "plot"}}
    pod = found["spec"]["template"]["spec"]
    assert pod["securityContext"] == {"seccompProfile": {"type": "RuntimeDefault"}}
    assert pod["automountServiceAccountToken"] is False
    assert pod["containers"] == [
        {"name": "plot", "image": "plot:1", "securityContext": {"allowPrivilegeEscalation": False}}
    ]


def test_the_restricted_standard() -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted"""
    pod = manifests.deployment(params(pod_security="restricted"))["spec"]["template"]["spec"]
    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert pod["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize(
    ("options", "field", "value"),
    [
        ({"port": 80}, "ports", [{"containerPort": 80, "protocol": "TCP"}]),
        (
            {"ports": [{"port": 53, "protocol": "UDP", "name": "dns"}]},
            "ports",
            [{"containerPort": 53, "protocol": "UDP", "name": "dns"}],
        ),
        ({"env": {"A": True, "B": 3}}, "env", [{"name": "A", "value": "true"}, {"name": "B", "value": "3"}]),
        ({"command": ["a"]}, "command", ["a"]),
        ({"args": ["b"]}, "args", ["b"]),
        (
            {"requests": {"cpu": 1}, "limits": {"memory": "64Mi"}},
            "resources",
            {"requests": {"cpu": "1"}, "limits": {"memory": "64Mi"}},
        ),
        (
            {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 80}], "readiness_path": "/ok"},
            "readinessProbe",
            {"httpGet": {"path": "/ok", "port": 80}},
        ),
    ],
)
def test_options_of_the_container(options: Json, field: str, value: t.Any) -> None:
    assert container(**options)[field] == value


CURRENT: Json = {
    "spec": {
        "selector": {"matchLabels": {"run": "plot"}},
        "template": {"metadata": {"labels": {"run": "plot"}}, "spec": {"containers": [{"name": "main"}]}},
    }
}


@pytest.mark.parametrize(
    ("labels", "selector", "on_pods"),
    [
        (None, {"run": "plot"}, {"app": "plot", "run": "plot"}),
        ({"team": "a"}, {"run": "plot"}, {"team": "a", "run": "plot"}),
        # these contradict it, which the API has to say
        ({"run": "other"}, {"run": "other"}, {"run": "other"}),
    ],
)
def test_a_selector_that_is_there_stays(labels: Json | None, selector: Json, on_pods: Json) -> None:
    wanted = manifests.deployment(params(labels=labels) if labels else params())
    before = copy.deepcopy(wanted)
    found = manifests.fitted(wanted, CURRENT, labels_given=bool(labels))
    assert wanted == before
    assert found["spec"]["selector"]["matchLabels"] == selector
    assert found["spec"]["template"]["metadata"]["labels"] == on_pods
    assert found["spec"]["template"]["spec"]["containers"][0]["name"] == "main"


# ---- manifests

ITEM: Json = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}


@pytest.mark.parametrize(
    "manifest",
    [
        ITEM,
        [ITEM],
        yaml.safe_dump(ITEM),
        f"---\n{yaml.safe_dump(ITEM)}---\n",
        json.dumps(ITEM),
        {"apiVersion": "v1", "kind": "List", "items": [ITEM]},
    ],
)
def test_every_way_to_write_a_manifest(manifest: t.Any) -> None:
    assert manifests.documents(manifest) == [ITEM]


def test_what_is_no_yaml_is_not_shown() -> None:
    with pytest.raises(InvalidInput) as raised:
        manifests.documents("stringData:\n  password: [sesame\nb")
    assert "line" in str(raised.value)
    assert "sesame" not in str(raised.value)


def test_what_only_the_api_says_is_not_applied() -> None:
    metadata: Json = {"name": "a", "creationTimestamp": None, "resourceVersion": "1", "uid": "u", "managedFields": []}
    found = manifests.prepared({**ITEM, "metadata": metadata, "status": {"x": 1}}, "shop")
    assert found == {**ITEM, "metadata": {"name": "a", "namespace": "shop"}}


def test_a_secrets_text_is_applied_as_data() -> None:
    item = {"kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "eA=="}, "stringData": {"b": 5}}
    found = manifests.prepared(item, "shop")
    assert found["data"] == {"a": "eA==", "b": "NQ=="}
    assert "stringData" not in found


@pytest.mark.parametrize(
    ("containers", "ports"),
    [
        ([{}], None),
        ([{"ports": [{"containerPort": 80}]}], [{"port": 80, "target_port": "80", "protocol": "TCP", "name": None}]),
        (
            [{"ports": [{"containerPort": 80, "name": "web"}]}, {"ports": [{"containerPort": 81, "protocol": "UDP"}]}],
            [
                {"port": 80, "target_port": "80", "protocol": "TCP", "name": "web"},
                {"port": 81, "target_port": "81", "protocol": "UDP", "name": "port-81"},
            ],
        ),
    ],
)
def test_ports_for_a_service(containers: list[Json], ports: list[Json] | None) -> None:
    workload = {
        "kind": "StatefulSet",
        "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"spec": {"containers": containers}}},
    }
    assert manifests.service_ports([ITEM, workload]) == ports
    assert manifests.selector_of([ITEM, workload]) == {"a": "b"}
    assert manifests.service_ports([ITEM]) is None
    assert manifests.selector_of([ITEM]) is None


# ---- what may be shown


@given(st.dictionaries(st.text("abc", min_size=1), st.text("xyz0123456789", min_size=8, max_size=20), min_size=1))
def test_no_secret_is_shown(values: dict[str, str]) -> None:
    item = manifests.prepared({"kind": "Secret", "metadata": {"name": "s"}, "stringData": values}, "n")
    item["metadata"]["annotations"] = {manifests.LAST_APPLIED: json.dumps(item), "other": "-"}
    before = {**item, "data": dict.fromkeys(item["data"], "")}
    shown = json.dumps([manifests.hidden(item), manifests.projection(item, before)])
    for other, word in ((before, manifests.HIDDEN_OTHER), (item, manifests.HIDDEN)):
        assert (manifests.projection(item, other) or {})["data"] == dict.fromkeys(values, word)
    for value in (*values.values(), *item["data"].values()):
        assert value not in shown
        assert value in manifests.secret_values(item)


def named(**items: t.Any) -> list[Json]:
    return [{"name": name, "v": value} for name, value in items.items()]


@pytest.mark.parametrize(
    ("before", "after", "paths"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": {"b": 1}}, {"a": {"b": 2, "c": 3}}, ["a.b", "a.c"]),
        ({"a": [1, 2]}, {"a": [1, 3]}, ["a[1]"]),
        ({"a": [1, 2]}, {"a": [1]}, ["a"]),
        ({"a": named(x=1, y=2)}, {"a": named(x=1, y=3, z=4)}, ["a[y].v", "a[z]"]),
        ({"a": named(x=1, y=2)}, {"a": named(y=2, x=1)}, ["a"]),
    ],
)
def test_differences(before: Json, after: Json, paths: list[str]) -> None:
    assert manifests.differences(before, after) == paths


# ---- grades


def spec(kind: str, **fields: t.Any) -> Json:
    return {"kind": kind, "spec": fields}


PORT: Json = {"port": 80, "targetPort": 5000}


@pytest.mark.parametrize(
    ("before", "after", "cuts"),
    [
        (spec("Deployment", replicas=2), spec("Deployment", replicas=1), False),
        (spec("Deployment", replicas=2), spec("Deployment", replicas=0), True),
        (spec("StatefulSet", replicas=0), spec("StatefulSet", replicas=0), False),
        (spec("Deployment", template=1), spec("Deployment", template=2), False),
        (
            spec("Deployment", template=1, strategy={"type": "Recreate"}),
            spec("Deployment", template=2, strategy={"type": "Recreate"}),
            True,
        ),
        (spec("Service", selector={"a": "b"}), spec("Service", selector={"a": "c"}), True),
        (spec("Service", ports=[PORT]), spec("Service", ports=[PORT, {**PORT, "port": 81}]), False),
        (spec("Service", ports=[PORT]), spec("Service", ports=[{**PORT, "targetPort": 1}]), True),
        (spec("Service", ports=[PORT]), spec("Service", ports=[]), True),
        (spec("NetworkPolicy", ingress=[]), spec("NetworkPolicy"), True),
        ({"kind": "ConfigMap", "data": {"a": "b"}}, {"kind": "ConfigMap", "data": {}}, False),
    ],
)
def test_what_may_cut_traffic(before: Json, after: Json, cuts: bool) -> None:
    assert bool(manifests.disruption(before, after)) is cuts


# ---- how far a workload is


def state(kind: str, spec: Json, status: Json, generation: int = 2) -> Json:
    return {
        "kind": kind,
        "metadata": {"generation": generation},
        "spec": spec,
        "status": {"observedGeneration": 2, **status},
    }


READY: Json = {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "readyReplicas": 2}


@pytest.mark.parametrize(
    ("item", "done", "ready"),
    [
        (state("Deployment", {"replicas": 2}, READY), True, 2),
        (state("Deployment", {"replicas": 2}, READY, generation=3), False, 2),
        (state("Deployment", {"replicas": 2}, {**READY, "updatedReplicas": 1}), False, 1),
        # an old pod is still there
        (state("Deployment", {"replicas": 2}, {**READY, "replicas": 3}), False, 2),
        (state("Deployment", {"replicas": 2}, {**READY, "availableReplicas": 0}), False, 0),
        (state("Deployment", {"replicas": 0}, {}), True, 0),
        (state("StatefulSet", {"replicas": 2}, READY), True, 2),
        (state("StatefulSet", {"replicas": 2}, {**READY, "updatedReplicas": 0}), False, 0),
        (
            state(
                "StatefulSet",
                {"replicas": 2, "updateStrategy": {"rollingUpdate": {"partition": 1}}},
                {**READY, "updatedReplicas": 1},
            ),
            True,
            1,
        ),
        (
            state(
                "DaemonSet",
                {},
                {"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 2},
            ),
            True,
            2,
        ),
        (
            state(
                "DaemonSet",
                {},
                {"desiredNumberScheduled": 2, "updatedNumberScheduled": 1, "numberAvailable": 2},
            ),
            False,
            2,
        ),
    ],
)
def test_progress(item: Json, done: bool, ready: int) -> None:
    found = rollouts.progress(item)
    assert found is not None
    assert (found.done, found.ready) == (done, ready)


@pytest.mark.parametrize("item", [{"kind": "ConfigMap"}, state("Deployment", {"paused": True}, {})])
def test_what_is_not_rolled_out(item: Json) -> None:
    assert rollouts.progress(item) is None


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        (None, ""),
        ({"matchLabels": {"a": "b", "c": "d"}}, "a=b,c=d"),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["b", "c"]}]}, "a in (b,c)"),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["b"]}]}, "a notin (b)"),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, "a"),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, "!a"),
    ],
)
def test_selectors_as_queries(selector: Json | None, text: str) -> None:
    assert rollouts.selector_text(selector) == text
