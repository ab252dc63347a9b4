# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node pools over a scripted wire: sizes, ranges, and the calls that change one thing each."""

from __future__ import annotations

import copy
import typing as t

import pytest

from ansible_collections.podreach.gke.plugins.module_utils.errors import Refused
from ansible_collections.podreach.gke.plugins.module_utils.gcp import node_pools
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import definition
from ansible_collections.podreach.gke.tests.unit.plugins.module_utils.gcp.wire import (
    Expected,
    Wire,
    absent,
    container_operation,
)

Json = dict[str, t.Any]

MODULE = definition(node_pools.NodePool, node_pools.SPEC)
LOCATION = "projects/p/locations/asia-northeast1"
CLUSTER = f"{LOCATION}/clusters/c"
COLLECTION = f"{CLUSTER}/nodePools"
PATH = f"{COLLECTION}/np"
SUBNETWORK = "projects/p/regions/asia-northeast1/subnetworks/s"
GROUP = "projects/p/zones/asia-northeast1-a/instanceGroupManagers/gke-np"
BASE = {"name": "np", "cluster": "c", "location": "asia-northeast1"}
MARK = {"managed-by": "podreach-gke"}


def cluster(cidr: str = "10.0.0.0/16", *pools: Json, zones: int = 1, **policy: t.Any) -> Json:
    return {
        "name": "c",
        "location": "asia-northeast1",
        "locations": [f"asia-northeast1-{zone}" for zone in "abc"[:zones]],
        "clusterIpv4Cidr": cidr,
        "subnetwork": "s",
        "networkConfig": {"subnetwork": SUBNETWORK},
        "ipAllocationPolicy": {
            "useIpAliases": True,
            "clusterSecondaryRangeName": "pods",
            "clusterIpv4CidrBlock": cidr,
            **policy,
        },
        "nodePools": list(pools),
    }


def routes_based(cidr: str, *pools: Json) -> Json:
    return {**cluster(cidr, *pools), "ipAllocationPolicy": {"useRoutes": True}}


def pool(**more: t.Any) -> Json:
    """A node pool as the API shows it."""
    return {
        "name": "np",
        "status": "RUNNING",
        "initialNodeCount": 1,
        "config": {
            "machineType": "e2-medium",
            "imageType": "COS_CONTAINERD",
            "diskSizeGb": 100,
            "diskType": "pd-balanced",
            "oauthScopes": node_pools.DEFAULT_SCOPES,
            "serviceAccount": "default",
            "resourceLabels": MARK,
        },
        "maxPodsConstraint": {"maxPodsPerNode": "110"},
        "management": {"autoRepair": True, "autoUpgrade": True},
        "upgradeSettings": {"maxSurge": 1},
        "networkConfig": {"podRange": "pods", "podIpv4CidrBlock": "10.0.0.0/16"},
        "instanceGroupUrls": [f"https://www.googleapis.com/compute/v1/{GROUP}"],
        "version": "1.33.1-gke.1",
        **more,
    }


def grouped(size: int) -> Expected:
    return Expected("GET", GROUP, {"name": "gke-np", "targetSize": size})


def done() -> Json:
    return container_operation("UPDATE_CLUSTER")


# -- create


def test_create_with_the_defaults_of_gcloud() -> None:
    body = {
        "parent": CLUSTER,
        "nodePool": {
            "name": "np",
            "initialNodeCount": 1,
            "config": {"resourceLabels": MARK, "oauthScopes": node_pools.DEFAULT_SCOPES},
        },
    }
    wire = Wire(
        absent(PATH),
        Expected("GET", CLUSTER, cluster()),
        Expected("POST", COLLECTION, container_operation("CREATE_NODE_POOL"), body),
        Expected("GET", PATH, pool()),
    )
    assert wire.run(MODULE, BASE)["changed"]
    assert wire.request_ids == []


FULL: Json = {
    **BASE,
    "initial_node_count": 2,
    "autoscaling": {"min_node_count": 1, "max_node_count": 3, "location_policy": "ANY"},
    "management": {"auto_repair": True, "auto_upgrade": False},
    "config": {
        "machine_type": "e2-small",
        "image_type": "cos_containerd",
        "disk_size_gb": 50,
        "oauth_scopes": ["https://www.googleapis.com/auth/cloud-platform"],
        "labels": {"my_label": "x"},
        "tags": ["pods"],
        "spot": True,
    },
    "network_config": {"pod_range": "more", "enable_private_nodes": True},
    "max_pods_constraint": {"max_pods_per_node": 32},
    "locations": ["asia-northeast1-a"],
    "upgrade_settings": {"max_surge": 2, "max_unavailable": 0},
}


def test_create_with_everything_and_nothing_to_do_afterwards() -> None:
    sent = {
        "name": "np",
        "initialNodeCount": 2,
        "autoscaling": {"enabled": True, "minNodeCount": 1, "maxNodeCount": 3, "locationPolicy": "ANY"},
        "management": {"autoRepair": True, "autoUpgrade": False},
        "config": {
            "machineType": "e2-small",
            "imageType": "COS_CONTAINERD",
            "diskSizeGb": 50,
            "oauthScopes": ["https://www.googleapis.com/auth/cloud-platform"],
            "labels": {"my_label": "x"},
            "tags": ["pods"],
            "spot": True,
            "resourceLabels": MARK,
        },
        "networkConfig": {"podRange": "more", "enablePrivateNodes": True},
        "maxPodsConstraint": {"maxPodsPerNode": "32"},
        "locations": ["asia-northeast1-a"],
        "upgradeSettings": {"maxSurge": 2, "maxUnavailable": 0},
    }
    made = pool(**sent)
    made["management"] = {"autoRepair": True}  # the API leaves out what is false
    made["upgradeSettings"] = {"maxSurge": 2, "strategy": "SURGE"}
    subnetwork = {"secondaryIpRanges": [{"rangeName": "more", "ipCidrRange": "10.2.0.0/20"}]}
    wire = Wire(
        absent(PATH),
        Expected("GET", CLUSTER, cluster(additionalPodRangesConfig={"podRangeNames": ["more"]})),
        Expected("GET", SUBNETWORK, subnetwork),
        Expected("POST", COLLECTION, container_operation("CREATE_NODE_POOL"), {"parent": CLUSTER, "nodePool": sent}),
        Expected("GET", PATH, made),
    )
    assert wire.run(MODULE, FULL)["changed"]
    assert not Wire(Expected("GET", PATH, made)).run(MODULE, FULL)["changed"]


@pytest.mark.parametrize(
    ("params", "count"),
    [
        ({"node_count": 3}, 3),
        ({"node_count": 0}, 0),
        ({"initial_node_count": 2}, 2),
        ({"autoscaling": {"min_node_count": 2, "max_node_count": 4}}, 2),
        ({"autoscaling": {"min_node_count": 0, "max_node_count": 4}}, 1),
    ],
)
def test_the_number_of_nodes_at_creation(params: Json, count: int) -> None:
    wire = Wire(absent(PATH), Expected("GET", CLUSTER, cluster()))
    result = wire.run(MODULE, {**BASE, **params}, check_mode=True)
    assert result["resource"]["initialNodeCount"] == count


def test_a_range_given_by_size_is_fulfilled_by_any_of_that_size() -> None:
    params: Json = {**BASE, "network_config": {"create_pod_range": True, "pod_ipv4_cidr_block": "/20"}}
    made = pool(networkConfig={"podRange": "gke-c-np", "podIpv4CidrBlock": "10.64.0.0/20"})
    wire = Wire(
        absent(PATH),
        Expected("GET", CLUSTER, cluster("10.0.0.0/24", other())),
        Expected("POST", COLLECTION, container_operation()),
        Expected("GET", PATH, made),
    )
    assert wire.run(MODULE, params)["changed"]
    assert not Wire(Expected("GET", PATH, made)).run(MODULE, params)["changed"]
    params["network_config"]["pod_ipv4_cidr_block"] = "/19"
    assert 'pod_ipv4_cidr_block is "10.64.0.0/20"' in str(Wire(Expected("GET", PATH, made)).fails(MODULE, params))


def test_a_cluster_that_is_not_there() -> None:
    error = Wire(absent(PATH), absent(CLUSTER)).fails(MODULE, BASE)
    assert error.code == "missing-prerequisite"
    warnings: list[str] = []
    assert Wire(absent(PATH), absent(CLUSTER)).run(MODULE, BASE, check_mode=True, warnings=warnings)["changed"]
    assert "cluster c does not exist yet; counted as planned" in warnings[0]


def test_max_pods_need_a_vpc_native_cluster() -> None:
    params = {**BASE, "max_pods_constraint": {"max_pods_per_node": 32}}
    error = Wire(absent(PATH), Expected("GET", CLUSTER, routes_based("10.32.0.0/14"))).fails(MODULE, params)
    assert error.code == "routes-based"


# -- the room in the pod range


def fits(now: Json, params: Json, *more: Expected) -> bool:
    """Whether a new pool passes; asserts that a refusal is the right one."""
    wire = Wire(absent(PATH), Expected("GET", CLUSTER, now), *more)
    params = {**BASE, **params}
    try:
        wire.run(MODULE, params, check_mode=True)
    except Refused as error:
        assert error.code == "range-too-small"
        return False
    return True


def other(**more: t.Any) -> Json:
    return pool(name="other", instanceGroupUrls=[], **more)


def test_new_nodes_must_fit_into_the_pod_range() -> None:
    assert fits(cluster("10.0.0.0/22"), {"node_count": 4})
    assert not fits(cluster("10.0.0.0/22"), {"node_count": 5})
    assert fits(cluster("10.0.0.0/22", zones=2), {"node_count": 2})
    assert not fits(cluster("10.0.0.0/22", zones=2), {"node_count": 3})
    assert fits(cluster("10.0.0.0/22", zones=2), {"node_count": 4, "locations": ["asia-northeast1-a"]})


def test_smaller_blocks_hold_more_nodes() -> None:
    assert fits(cluster("10.0.0.0/22"), {"node_count": 16, "max_pods_constraint": {"max_pods_per_node": 32}})
    assert not fits(cluster("10.0.0.0/22"), {"node_count": 17, "max_pods_constraint": {"max_pods_per_node": 32}})
    default = {**cluster("10.0.0.0/22"), "defaultMaxPodsConstraint": {"maxPodsPerNode": "32"}}
    assert fits(default, {"node_count": 16})


def test_other_pools_of_the_same_range_count_with_blocks_of_their_own_size() -> None:
    assert fits(cluster("10.0.0.0/22", other(initialNodeCount=3)), {"node_count": 1})
    assert not fits(cluster("10.0.0.0/22", other(initialNodeCount=3)), {"node_count": 2})
    small = other(initialNodeCount=4, maxPodsConstraint={"maxPodsPerNode": "32"})
    assert fits(cluster("10.0.0.0/22", small), {"node_count": 3})


def test_pools_of_other_ranges_do_not_count() -> None:
    elsewhere = other(initialNodeCount=100, networkConfig={"podRange": "more"})
    assert fits(cluster("10.0.0.0/22", elsewhere), {"node_count": 4})


def test_a_range_that_gke_chooses_is_not_judged() -> None:
    now = cluster("10.0.0.0/24", other(), additionalPodRangesConfig={"podRangeNames": ["more"]})
    assert fits(now, {"node_count": 4})


def test_a_named_range_is_read_from_the_subnetwork() -> None:
    now = cluster("10.0.0.0/24", other(), additionalPodRangesConfig={"podRangeNames": ["more"]})
    ranges = {"secondaryIpRanges": [{"rangeName": "more", "ipCidrRange": "10.2.0.0/22"}]}
    look = Expected("GET", SUBNETWORK, ranges)
    assert fits(now, {"node_count": 4, "network_config": {"pod_range": "more"}}, look)
    assert not fits(now, {"node_count": 5, "network_config": {"pod_range": "more"}}, look)


def test_a_routes_based_range_keeps_a_part_for_services() -> None:
    # (2^(32-19) - 2^12) / 2^8
    assert fits(routes_based("10.32.0.0/19"), {"node_count": 16})
    assert not fits(routes_based("10.32.0.0/19"), {"node_count": 17})
    without_range = other(networkConfig={})
    assert fits(routes_based("10.32.0.0/19", without_range), {"node_count": 15})
    assert not fits(routes_based("10.32.0.0/19", without_range), {"node_count": 16})


# -- the number of nodes


def test_without_a_number_the_groups_are_not_read() -> None:
    assert not Wire(Expected("GET", PATH, pool())).run(MODULE, BASE)["changed"]


def test_the_number_is_read_from_the_instance_groups() -> None:
    wire = Wire(Expected("GET", PATH, pool(initialNodeCount=1)), grouped(3))
    assert not wire.run(MODULE, {**BASE, "node_count": 3})["changed"]


def test_more_nodes_are_one_call() -> None:
    wire = Wire(
        Expected("GET", PATH, pool()),
        grouped(1),
        Expected("GET", CLUSTER, cluster("10.0.0.0/16", pool())),
        Expected("POST", f"{PATH}:setSize", container_operation("SET_NODE_POOL_SIZE"), {"nodeCount": 3}),
        Expected("GET", PATH, pool()),
        grouped(3),
    )
    result = wire.run(MODULE, {**BASE, "node_count": 3})
    assert result["plan"] == [
        {
            "action": "update",
            "summary": "resize from 1 to 3 nodes in each zone",
            "grade": "safe",
            "fields": ["nodeCount"],
        }
    ]
    assert result["diff"]["before"]["nodeCount"] == 1
    assert result["diff"]["after"]["nodeCount"] == 3


def test_fewer_nodes_need_the_callers_word_and_no_room() -> None:
    # the range is too small for what is there already: that is no reason not to shrink
    wire = Wire(Expected("GET", PATH, pool()), grouped(5))
    error = wire.fails(MODULE, {**BASE, "node_count": 4})
    assert error.code == "disruption-not-allowed"


def test_more_nodes_than_the_range_has_room_for_are_refused() -> None:
    wire = Wire(
        Expected("GET", PATH, pool()), grouped(1), Expected("GET", CLUSTER, cluster("10.0.0.0/23", pool(), other()))
    )
    error = wire.fails(MODULE, {**BASE, "node_count": 2})
    assert error.code == "range-too-small"
    assert "another range for this pool" in str(error)


# -- what changes by a call of its own


@pytest.mark.parametrize(
    ("params", "method", "path", "body", "after", "grade"),
    [
        (
            {"autoscaling": {"min_node_count": 1, "max_node_count": 3}},
            "POST",
            f"{PATH}:setAutoscaling",
            {"autoscaling": {"enabled": True, "minNodeCount": 1, "maxNodeCount": 3}},
            {"autoscaling": {"enabled": True, "minNodeCount": 1, "maxNodeCount": 3}},
            "safe",
        ),
        (
            {"management": {"auto_upgrade": False}},
            "POST",
            f"{PATH}:setManagement",
            {"management": {"autoRepair": True, "autoUpgrade": False}},
            {"management": {"autoRepair": True}},
            "safe",
        ),
        (
            {"config": {"machine_type": "e2-small"}},
            "PUT",
            PATH,
            {"machineType": "e2-small"},
            {"config": {**pool()["config"], "machineType": "e2-small"}},
            "disruptive",
        ),
        (
            {"config": {"image_type": "ubuntu_containerd"}},
            "PUT",
            PATH,
            {"imageType": "UBUNTU_CONTAINERD", "nodeVersion": "1.33.1-gke.1"},
            {"config": {**pool()["config"], "imageType": "UBUNTU_CONTAINERD"}},
            "disruptive",
        ),
        (
            {"version": "1.34.0-gke.1"},
            "PUT",
            PATH,
            {"nodeVersion": "1.34.0-gke.1"},
            {"version": "1.34.0-gke.1"},
            "disruptive",
        ),
        (
            {"upgrade_settings": {"max_unavailable": 1}},
            "PUT",
            PATH,
            {"upgradeSettings": {"maxSurge": 1, "maxUnavailable": 1}},
            {"upgradeSettings": {"maxSurge": 1, "maxUnavailable": 1}},
            "safe",
        ),
    ],
)
def test_a_change_is_one_call(params: Json, method: str, path: str, body: Json, after: Json, grade: str) -> None:
    wire = Wire(
        Expected("GET", PATH, pool()), Expected(method, path, done(), body), Expected("GET", PATH, pool(**after))
    )
    result = wire.run(MODULE, {**BASE, **params, "allow_disruption": True})
    assert [step["grade"] for step in result["plan"]] == [grade]
    if grade == "disruptive":
        assert Wire(Expected("GET", PATH, pool())).fails(MODULE, {**BASE, **params}).code == "disruption-not-allowed"


def test_switching_autoscaling_off() -> None:
    now = pool(autoscaling={"enabled": True, "minNodeCount": 1, "maxNodeCount": 3})
    wire = Wire(
        Expected("GET", PATH, now),
        Expected(
            "POST",
            f"{PATH}:setAutoscaling",
            done(),
            {"autoscaling": {"enabled": False, "minNodeCount": 1, "maxNodeCount": 3}},
        ),
        Expected("GET", PATH, pool(autoscaling={})),
    )
    assert wire.run(MODULE, {**BASE, "autoscaling": {"enabled": False}})["changed"]


def test_several_changes_are_several_calls() -> None:
    first = pool(autoscaling={"enabled": True, "maxNodeCount": 3})
    second = {**first, "management": {"autoUpgrade": True}}
    wire = Wire(
        Expected("GET", PATH, pool()),
        Expected("POST", f"{PATH}:setAutoscaling", done()),
        Expected("GET", PATH, first),
        Expected("POST", f"{PATH}:setManagement", done()),
        Expected("GET", PATH, second),
    )
    params = {**BASE, "autoscaling": {"max_node_count": 3}, "management": {"auto_repair": False}}
    assert wire.run(MODULE, params)["changed"]


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"max_pods_constraint": {"max_pods_per_node": 32}}, 'max_pods_per_node is "110" and cannot become "32"'),
        ({"config": {"disk_size_gb": 50}}, "config.disk_size_gb is 100 and cannot become 50"),
        ({"config": {"disk_type": "pd-ssd"}}, "config.disk_type"),
        ({"config": {"service_account": "x@y"}}, "config.service_account"),
        ({"config": {"spot": True}}, "config.spot"),
        ({"network_config": {"pod_range": "more"}}, 'network_config.pod_range is "pods"'),
        ({"network_config": {"enable_private_nodes": True}}, "make a new pool"),
    ],
)
def test_what_is_fixed_is_refused_by_name(params: Json, named: str) -> None:
    error = Wire(Expected("GET", PATH, pool())).fails(MODULE, {**BASE, **params})
    assert named in str(error)
    assert error.code == "fixed-at-creation"


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"name": "n" * 41}, "1 to 40"),
        ({"cluster": "C"}, "cluster: 'C'"),
        ({"node_count": -1}, "node_count: -1: a number of nodes is not negative"),
        ({"autoscaling": {"min_node_count": 3, "max_node_count": 1}}, "is more than max_node_count, 1"),
        ({"autoscaling": {"total_min_node_count": 3, "total_max_node_count": 1}}, "is more than total_max_node_count"),
        ({"node_count": 1, "autoscaling": {}}, "autoscaling decides the count"),
        ({"network_config": {"pod_ipv4_cidr_block": "10.0.0.1/20"}}, "network_config.pod_ipv4_cidr_block"),
        ({"network_config": {"pod_ipv4_cidr_block": "/nonsense"}}, "network_config.pod_ipv4_cidr_block"),
        ({"max_pods_constraint": {"max_pods_per_node": 0}}, "max_pods_per_node: 0"),
    ],
)
def test_what_is_wrong_is_refused_without_any_request(params: Json, problem: str) -> None:
    assert problem in str(Wire().fails(MODULE, {**BASE, **params}))


# -- ownership, and what goes on already


def test_ownership() -> None:
    gone = {**BASE, "state": "absent"}
    foreign = pool()
    foreign["config"] = {**foreign["config"], "resourceLabels": {}}
    assert Wire(Expected("GET", PATH, foreign)).fails(MODULE, gone).code == "not-ours"
    wire = Wire(
        Expected("GET", PATH, pool()), Expected("DELETE", PATH, container_operation("DELETE_NODE_POOL")), absent(PATH)
    )
    assert wire.run(MODULE, gone)["changed"]


def test_an_operation_on_the_pool_is_adopted() -> None:
    link = "https://container.googleapis.com/v1/projects/100/zones/asia-northeast1/clusters/c/nodePools/np"
    running = container_operation("CREATE_NODE_POOL", "RUNNING", targetLink=link)
    wire = Wire(
        Expected("GET", PATH, pool(status="PROVISIONING")),
        Expected("GET", f"{LOCATION}/operations", {"operations": [running]}),
        Expected("GET", "projects/100/locations/asia-northeast1/operations/operation-1", {**running, "status": "DONE"}),
        Expected("GET", PATH, pool()),
    )
    assert not wire.run(MODULE, BASE)["changed"]


def test_labels_keep_their_keys_and_others_are_kept() -> None:
    now = copy.deepcopy(pool())
    now["config"]["labels"] = {"my_label": "x", "of_google": "y"}
    assert not Wire(Expected("GET", PATH, now)).run(MODULE, {**BASE, "config": {"labels": {"my_label": "x"}}})[
        "changed"
    ]
