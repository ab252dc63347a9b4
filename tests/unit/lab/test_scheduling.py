# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which nodes a pod may run on, and what its status is called."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.podreach.gke.tests.lab.podreach_lab.kubernetes import node_objects, pod_status, scheduling
from ansible_collections.podreach.gke.tests.lab.podreach_lab.kubernetes.balancer_resources import port_ranges

Json = dict[str, t.Any]
NODE: Json = {
    "metadata": {"name": "n1", "labels": {"zone": "a", "size": "8"}},
    "spec": {"podCIDRs": ["10.4.0.0/24"]},
    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
}


def affinity(*terms: Json) -> Json:
    return {
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
    }


def expression(key: str, operator: str, *values: str) -> Json:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, True),
        ({"nodeSelector": {"zone": "a"}}, True),
        ({"nodeSelector": {"zone": "b"}}, False),
        (affinity(expression("zone", "In", "b"), expression("zone", "In", "a", "c")), True),
        (affinity(expression("zone", "NotIn", "a")), False),
        (affinity(expression("other", "Exists")), False),
        (affinity(expression("other", "DoesNotExist")), True),
        (affinity(expression("size", "Gt", "4")), True),
        (affinity(expression("size", "Lt", "4")), False),
        (affinity(expression("zone", "Gt", "4")), False),
        (affinity({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]}), True),
        (affinity({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n2"]}]}), False),
        (affinity({}), False),
    ],
)
def test_selects(spec: Json, expected: bool) -> None:
    assert scheduling.selects(spec, NODE) is expected


@pytest.mark.parametrize(
    ("toleration", "expected"),
    [
        ({"operator": "Exists"}, True),
        ({"key": "k", "operator": "Exists"}, True),
        ({"key": "k", "value": "v"}, True),
        ({"key": "k", "value": "v", "effect": "NoExecute"}, False),
        ({"key": "k", "value": "other"}, False),
        ({"key": "other", "operator": "Exists"}, False),
    ],
)
def test_tolerates(toleration: Json, expected: bool) -> None:
    assert scheduling.tolerates([toleration], {"key": "k", "value": "v", "effect": "NoSchedule"}) is expected


def test_where_nothing_is() -> None:
    pod: Json = {"metadata": {}, "spec": {}}
    assert scheduling.choose(pod, [], lambda node: 1) == (None, "no nodes available to schedule pods")
    down = NODE | {"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}
    cordoned = NODE | {"spec": {"unschedulable": True}}
    assert scheduling.choose(pod, [down, cordoned, NODE], lambda node: 0)[1] == (
        "0/3 nodes are available: 1 Too many pods, 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }, "
        "1 node(s) were unschedulable."
    )


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("bitnami/redis:7", "docker.io/bitnami/redis:7"),
        ("localhost:5000/a", "localhost:5000/a:latest"),
        ("gcr.io/p/a@sha256:12", "gcr.io/p/a@sha256:12"),
    ],
)
def test_full_image(image: str, expected: str) -> None:
    assert pod_status.full_image(image) == expected


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, "BestEffort"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}, "Burstable"),
    ],
)
def test_quality_of_service(resources: Json, expected: str) -> None:
    assert pod_status.qos({"spec": {"containers": [{"name": "c", "resources": resources}]}}) == expected


def test_readiness_gates() -> None:
    pod: Json = {
        "metadata": {"uid": "u"},
        "spec": {"containers": [{"name": "c", "image": "nginx"}], "readinessGates": [{"conditionType": "g"}]},
        "status": {},
    }
    waiting = pod_status.running(pod, "10.1.0.2", "10.4.0.2", "now")
    ready = next(item for item in waiting["conditions"] if item["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "ReadinessGatesNotReady")
    pod["status"] = {"conditions": [{"type": "g", "status": "True"}]}
    passed = pod_status.running(pod, "10.1.0.2", "10.4.0.2", "now")
    assert [item["status"] for item in passed["conditions"] if item["type"] in ("Ready", "g")] == ["True", "True"]


def test_machines() -> None:
    assert node_objects.resources("e2-medium") == (2, 4)
    assert node_objects.resources("e2-standard-4") == (4, 16)
    assert node_objects.resources("n2-highmem-8") == (8, 64)
    assert node_objects.resources("custom") == (2, 8)


def test_port_ranges() -> None:
    assert port_ranges([443, 80, 444, 445, 80]) == ["80", "443-445"]
