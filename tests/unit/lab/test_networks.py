# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.networks."""

from __future__ import annotations

import pytest

from ansible_collections.podreach.gke.tests.unit.lab.cloud import REGION, Cloud, Refused


def test_custom_network_has_what_the_server_fills_in(cloud: Cloud) -> None:
    operation = cloud.network()
    assert (operation["status"], operation["progress"], operation["operationType"]) == ("DONE", 100, "insert")
    assert operation["targetLink"].endswith("/projects/podreach-lab/global/networks/n1")
    network = cloud.compute("GET", "global/networks/n1")
    assert network["kind"] == "compute#network"
    assert network["mtu"] == 1460
    assert network["routingConfig"] == {"routingMode": "REGIONAL", "bgpBestPathSelectionMode": "LEGACY"}
    assert network["networkFirewallPolicyEnforcementOrder"] == "AFTER_CLASSIC_FIREWALL"
    assert network["selfLinkWithId"].endswith(network["id"])
    assert operation["targetId"] == network["id"]
    assert "subnetworks" not in network
    assert "peerings" not in network


def test_a_network_is_found_by_its_id_and_the_project_by_its_number(cloud: Cloud) -> None:
    cloud.network()
    network = cloud.compute("GET", "global/networks/n1")
    assert cloud.compute("GET", f"global/networks/{network['id']}") == network
    assert cloud.call("GET", "/compute/v1/projects/100000000001/global/networks/n1") == network


def test_without_auto_create_subnetworks_it_is_a_legacy_network(cloud: Cloud) -> None:
    cloud.compute("POST", "global/networks", {"name": "old"})
    network = cloud.compute("GET", "global/networks/old")
    assert network["IPv4Range"] == "10.240.0.0/16"
    assert network["gatewayIPv4"] == "10.240.0.1"
    assert "autoCreateSubnetworks" not in network
    with pytest.raises(Refused, match="legacy"):
        cloud.subnetwork(network="old")


def test_an_auto_network_has_a_subnetwork_in_each_region_and_keeps_its_space(cloud: Cloud) -> None:
    cloud.network("auto", autoCreateSubnetworks=True)
    found = cloud.compute("GET", f"regions/{REGION}/subnetworks/auto")
    assert found["ipCidrRange"] == "10.146.0.0/20"
    assert len(cloud.compute("GET", "global/networks/auto")["subnetworks"]) > 15
    with pytest.raises(Refused, match=r"cannot overlap with 10\.128\.0\.0/9"):
        cloud.subnetwork("more", "10.200.0.0/24", network="auto")
    cloud.subnetwork("more", "10.20.0.0/24", network="auto")
    with pytest.raises(Refused, match="auto subnetwork"):
        cloud.compute("DELETE", f"regions/{REGION}/subnetworks/auto")


def test_switching_to_custom_mode_frees_the_subnetworks(cloud: Cloud) -> None:
    cloud.network("auto", autoCreateSubnetworks=True)
    cloud.compute("POST", "global/networks/auto/switchToCustomMode")
    cloud.compute("DELETE", f"regions/{REGION}/subnetworks/auto")
    with pytest.raises(Refused, match="auto subnet mode"):
        cloud.compute("POST", "global/networks/auto/switchToCustomMode")


def test_patch_changes_the_routing_mode_only(cloud: Cloud) -> None:
    cloud.network()
    before = cloud.compute("GET", "global/networks/n1")
    cloud.compute("PATCH", "global/networks/n1", {"routingConfig": {"routingMode": "GLOBAL"}})
    after = cloud.compute("GET", "global/networks/n1")
    assert after["routingConfig"] == {"routingMode": "GLOBAL", "bgpBestPathSelectionMode": "LEGACY"}
    assert {**after, "routingConfig": 0} == {**before, "routingConfig": 0}


@pytest.mark.parametrize(
    "change", [{"name": "n2"}, {"description": "other"}, {"autoCreateSubnetworks": True}, {"mtu": 1200}]
)
def test_fixed_and_wrong_fields_are_refused(cloud: Cloud, change: dict[str, object]) -> None:
    cloud.network()
    with pytest.raises(Refused) as refused:
        cloud.compute("PATCH", "global/networks/n1", change)
    assert (refused.value.code, refused.value.reason) == (400, "invalid")


def test_unknown_and_existing_names(cloud: Cloud) -> None:
    with pytest.raises(Refused) as missing:
        cloud.compute("GET", "global/networks/n1")
    assert missing.value.error == {
        "code": 404,
        "message": "The resource 'projects/podreach-lab/global/networks/n1' was not found",
        "errors": [
            {
                "message": "The resource 'projects/podreach-lab/global/networks/n1' was not found",
                "domain": "global",
                "reason": "notFound",
            }
        ],
    }
    cloud.network()
    with pytest.raises(Refused) as existing:
        cloud.network()
    assert (existing.value.code, existing.value.reason) == (409, "alreadyExists")
    assert existing.value.message == "The resource 'projects/podreach-lab/global/networks/n1' already exists"


def test_a_network_in_use_fails_to_be_deleted_inside_the_operation(cloud: Cloud) -> None:
    cloud.network()
    cloud.subnetwork()
    operation = cloud.compute("DELETE", "global/networks/n1")
    assert operation["status"] == "DONE"
    assert operation["error"] == {
        "errors": [
            {
                "code": "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE",
                "message": "The network resource 'projects/podreach-lab/global/networks/n1' is already being used by "
                "'projects/podreach-lab/regions/asia-northeast1/subnetworks/s1'",
            }
        ]
    }
    cloud.compute("DELETE", f"regions/{REGION}/subnetworks/s1")
    assert "error" not in cloud.compute("DELETE", "global/networks/n1")
    assert cloud.routes() == []


def test_projects_are_apart(cloud: Cloud) -> None:
    cloud.network()
    cloud.project = "podreach-peer"
    assert "items" not in cloud.compute("GET", "global/networks")
    cloud.network()
