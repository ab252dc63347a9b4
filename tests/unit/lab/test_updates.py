# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""container: updates of clusters and node pools."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.podreach.gke.tests.unit.lab.cloud import REGION, ZONE, Cloud, Refused, secondary

Json = dict[str, t.Any]
C1 = f"{ZONE}/clusters/c1"


@pytest.fixture
def one(cloud: Cloud) -> Cloud:
    """A cluster c1 on s1, which has a further range pods2."""
    cloud.network()
    cloud.subnetwork("s1", "10.1.0.0/24", pods="10.4.0.0/22", services="10.5.0.0/22", pods2="10.6.0.0/22")
    cloud.cluster()
    return cloud


def update(cloud: Cloud, **fields: t.Any) -> Json:
    answer = cloud.container("PUT", C1, {"update": fields})
    assert "error" not in answer
    return answer


@pytest.mark.parametrize(
    ("field", "value", "where"),
    [
        ("desiredDefaultSnatStatus", {"disabled": True}, ("networkConfig", "defaultSnatStatus")),
        (
            "desiredMasterAuthorizedNetworksConfig",
            {"enabled": True, "cidrBlocks": [{"cidrBlock": "10.0.0.0/8", "displayName": "in"}]},
            ("masterAuthorizedNetworksConfig",),
        ),
        ("desiredReleaseChannel", {"channel": "RAPID"}, ("releaseChannel",)),
        ("desiredVerticalPodAutoscaling", {"enabled": True}, ("verticalPodAutoscaling",)),
        ("desiredShieldedNodes", {"enabled": True}, ("shieldedNodes",)),
    ],
)
def test_fields_that_are_stored(one: Cloud, field: str, value: Json, where: tuple[str, ...]) -> None:
    before = one.container("GET", C1)["etag"]
    assert update(one, **{field: value})["operationType"] == "UPDATE_CLUSTER"
    body: t.Any = one.container("GET", C1)
    assert body["etag"] != before
    for key in where:
        body = body[key]
    assert body == value


def test_exactly_one_field(one: Cloud) -> None:
    with pytest.raises(Refused, match="Exactly one update"):
        update(one, desiredDefaultSnatStatus={"disabled": True}, desiredReleaseChannel={"channel": "RAPID"})
    nothing: list[Json] = [{}, {"update": {}}, {"update": {"desiredNodePoolId": "default-pool"}}]
    for body in nothing:
        with pytest.raises(Refused, match="Must specify a field to update"):
            one.container("PUT", C1, body)
    with pytest.raises(Refused, match="etag"):
        update(one, desiredReleaseChannel={"channel": "RAPID"}, etag="stale")


def test_endpoints(one: Cloud) -> None:
    update(one, desiredControlPlaneEndpointsConfig={"ipEndpointsConfig": {"enablePublicEndpoint": False}})
    cluster = one.container("GET", C1)
    assert cluster["privateClusterConfig"]["enablePrivateEndpoint"] is True
    endpoints = cluster["controlPlaneEndpointsConfig"]["ipEndpointsConfig"]
    assert endpoints["enablePublicEndpoint"] is False
    assert endpoints["publicEndpoint"] == cluster["endpoint"]
    update(one, desiredEnablePrivateEndpoint=False)
    endpoints = one.container("GET", C1)["controlPlaneEndpointsConfig"]["ipEndpointsConfig"]
    assert endpoints["enablePublicEndpoint"] is True
    update(one, desiredPrivateClusterConfig={"enablePrivateEndpoint": True})
    assert one.container("GET", C1)["privateClusterConfig"]["enablePrivateEndpoint"] is True
    with pytest.raises(Refused, match="master_ipv4_cidr_block cannot be changed"):
        update(one, desiredPrivateClusterConfig={"masterIpv4CidrBlock": "172.16.0.0/28"})


def test_l4_subsetting_is_for_ever(one: Cloud) -> None:
    update(one, desiredL4ilbSubsettingConfig={"enabled": True})
    assert one.container("GET", C1)["networkConfig"]["enableL4ilbSubsetting"] is True
    with pytest.raises(Refused, match="cannot be disabled"):
        update(one, desiredL4ilbSubsettingConfig={"enabled": False})


def test_versions(one: Cloud) -> None:
    versions = one.container("GET", f"{ZONE}/serverConfig")["validMasterVersions"]
    old = one.container("GET", C1)["currentMasterVersion"]
    with pytest.raises(Refused, match="not newer than the master"):
        update(one, desiredNodeVersion=versions[0], desiredNodePoolId="default-pool")
    assert update(one, desiredMasterVersion=versions[0])["operationType"] == "UPGRADE_MASTER"
    cluster = one.container("GET", C1)
    assert (cluster["currentMasterVersion"], cluster["currentNodeVersion"]) == (versions[0], old)
    update(one, desiredNodeVersion="-", desiredNodePoolId="default-pool")
    assert one.container("GET", C1)["currentNodeVersion"] == versions[0]
    for version, message in (("1.9.7-gke.3", "unsupported"), (versions[-1], "downgraded")):
        with pytest.raises(Refused, match=message):
            update(one, desiredMasterVersion=version)


def test_additional_pod_ranges(one: Cloud) -> None:
    update(one, additionalPodRangesConfig={"podRangeNames": ["pods2"]})
    policy = one.container("GET", C1)["ipAllocationPolicy"]
    assert policy["additionalPodRangesConfig"] == {"podRangeNames": ["pods2"]}
    with pytest.raises(Refused, match="already a pod range"):
        update(one, additionalPodRangesConfig={"podRangeNames": ["pods2"]})
    with pytest.raises(Refused, match="does not exist in subnetwork"):
        update(one, additionalPodRangesConfig={"podRangeNames": ["none"]})
    with pytest.raises(Refused, match="already being used"):
        one.patch_subnetwork(secondaryIpRanges=secondary(pods="10.4.0.0/22", services="10.5.0.0/22"))
    pool = {"name": "p2", "initialNodeCount": 1, "networkConfig": {"podRange": "pods2", "createPodRange": False}}
    one.container("POST", f"{C1}/nodePools", {"nodePool": pool})
    assert one.container("GET", f"{C1}/nodePools/p2")["networkConfig"]["podIpv4CidrBlock"] == "10.6.0.0/22"
    with pytest.raises(Refused, match='in use by node pool "p2"'):
        update(one, removedAdditionalPodRangesConfig={"podRangeNames": ["pods2"]})
    one.container("DELETE", f"{C1}/nodePools/p2")
    update(one, removedAdditionalPodRangesConfig={"podRangeNames": ["pods2"]})
    assert "additionalPodRangesConfig" not in one.container("GET", C1)["ipAllocationPolicy"]
    one.patch_subnetwork(secondaryIpRanges=secondary(pods="10.4.0.0/22", services="10.5.0.0/22"))


def test_a_pool_goes_where_there_is_room(one: Cloud) -> None:
    update(one, additionalPodRangesConfig={"podRangeNames": ["pods2"]})
    one.container("POST", f"{C1}/nodePools", {"nodePool": {"name": "big", "initialNodeCount": 4}})
    assert one.container("GET", f"{C1}/nodePools/big")["networkConfig"]["podRange"] == "pods2"
    rules = one.compute("GET", "global/firewalls")["items"]
    (all_pods,) = [rule for rule in rules if rule["name"].endswith("-all")]
    assert all_pods["sourceRanges"] == ["10.4.0.0/22", "10.6.0.0/22"]


def test_locations(cloud: Cloud) -> None:
    cloud.estate()
    cloud.cluster(location=REGION)
    assert len(cloud.nodes()) == 3
    zones = [f"{REGION}-a", f"{REGION}-b"]
    cloud.container("PUT", f"{REGION}/clusters/c1", {"update": {"desiredLocations": zones}})
    assert sorted(node["zone"][-1] for node in cloud.nodes()) == ["a", "b"]
    assert cloud.container("GET", f"{REGION}/clusters/c1")["locations"] == zones


def test_what_is_not_modelled_says_so(one: Cloud) -> None:
    with pytest.raises(Refused) as refused:
        update(one, desiredFleet={"project": "p"})
    assert refused.value.code == 501


# ---- node pools


def test_pool_life(one: Cloud) -> None:
    pools = f"{C1}/nodePools"
    pool = {"name": "p2", "initialNodeCount": 2, "maxPodsConstraint": {"maxPodsPerNode": "32"}}
    operation = one.container("POST", pools, {"nodePool": pool})
    assert operation["operationType"] == "CREATE_NODE_POOL"
    assert operation["targetLink"].endswith("/clusters/c1/nodePools/p2")
    found = one.container("GET", f"{pools}/p2")
    assert (found["status"], found["podIpv4CidrSize"]) == ("RUNNING", 26)
    assert len(one.nodes()) == 3
    with pytest.raises(Refused) as existing:
        one.container("POST", pools, {"nodePool": pool})
    assert existing.value.code == 409
    one.container("POST", f"{pools}/p2:setSize", {"nodeCount": 0})
    assert len(one.nodes()) == 1
    one.container("POST", f"{pools}/p2:setAutoscaling", {"autoscaling": {"enabled": True, "maxNodeCount": 3}})
    assert one.container("GET", f"{pools}/p2")["autoscaling"] == {"enabled": True, "maxNodeCount": 3}
    one.container("POST", f"{pools}/p2:setAutoscaling", {"autoscaling": {}})
    assert "autoscaling" not in one.container("GET", f"{pools}/p2")
    one.container("POST", f"{pools}/p2:setManagement", {"management": {"autoRepair": False, "autoUpgrade": True}})
    with pytest.raises(Refused, match="Auto_upgrade"):
        one.container("POST", f"{pools}/p2:setManagement", {"management": {"autoUpgrade": False}})
    one.container("DELETE", f"{pools}/p2")
    assert [item["name"] for item in one.container("GET", pools)["nodePools"]] == ["default-pool"]
    with pytest.raises(Refused, match="nodePools/p2"):
        one.container("GET", f"{pools}/p2")


def test_pool_updates(one: Cloud) -> None:
    path = f"{C1}/nodePools/default-pool"
    one.container("PUT", path, {"imageType": "ubuntu_containerd"})
    one.container("PUT", path, {"tags": {"tags": ["web"]}})
    one.container("PUT", path, {"labels": {"labels": {"a": "b"}}})
    one.container("PUT", path, {"upgradeSettings": {"maxSurge": 2}})
    pool = one.container("GET", path)
    assert pool["config"]["imageType"] == "UBUNTU_CONTAINERD"
    assert pool["config"]["tags"] == ["web"]
    assert pool["config"]["labels"] == {"a": "b"}
    assert pool["upgradeSettings"] == {"maxSurge": 2, "strategy": "SURGE"}
    assert pool["status"] == "RUNNING"
    with pytest.raises(Refused, match="Must specify"):
        one.container("PUT", path, {})
    with pytest.raises(Refused, match="not supported"):
        one.container("PUT", path, {"imageType": "COS"})


def test_a_pool_that_does_not_fit_runs_with_an_error(one: Cloud) -> None:
    operation = one.container("POST", f"{C1}/nodePools/default-pool:setSize", {"nodeCount": 6})
    assert operation["error"]["code"] == 8
    pool = one.container("GET", f"{C1}/nodePools/default-pool")
    assert pool["status"] == "RUNNING_WITH_ERROR"
    assert "[IP_SPACE_EXHAUSTED]" in pool["statusMessage"]
    assert len(one.nodes()) == 4
    one.container("POST", f"{C1}/nodePools/default-pool:setSize", {"nodeCount": 2})
    assert one.container("GET", f"{C1}/nodePools/default-pool")["status"] == "RUNNING"


def test_a_pool_with_a_range_of_its_own(one: Cloud) -> None:
    config = {"createPodRange": True, "podRange": "mine", "podIpv4CidrBlock": "10.7.0.0/22"}
    one.container(
        "POST", f"{C1}/nodePools", {"nodePool": {"name": "p2", "initialNodeCount": 1, "networkConfig": config}}
    )
    ranges = one.compute("GET", f"regions/{REGION}/subnetworks/s1")["secondaryIpRanges"]
    assert {"rangeName": "mine", "ipCidrRange": "10.7.0.0/22"} in ranges
    one.container("DELETE", f"{C1}/nodePools/p2")
    ranges = one.compute("GET", f"regions/{REGION}/subnetworks/s1")["secondaryIpRanges"]
    assert "mine" not in [item["rangeName"] for item in ranges]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"podRange": "none"}, "does not exist"),
        ({"podRange": "services"}, "services range"),
        ({"podRange": "pods", "createPodRange": True}, "already exists"),
    ],
)
def test_bad_pool_ranges(one: Cloud, config: Json, message: str) -> None:
    with pytest.raises(Refused, match=message):
        one.container("POST", f"{C1}/nodePools", {"nodePool": {"name": "p2", "networkConfig": config}})
    assert len(one.container("GET", f"{C1}/nodePools")["nodePools"]) == 1
