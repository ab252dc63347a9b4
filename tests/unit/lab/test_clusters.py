# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""container clusters: addresses, nodes, what GKE adds to the network, and refusals."""

from __future__ import annotations

import base64
import ipaddress
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.lab.podreach_lab.container.pod_ranges import node_prefix
from ansible_collections.podreach.gke.tests.unit.lab.cloud import REGION, ZONE, Cloud, Refused, secondary

Json = dict[str, t.Any]


def get(cloud: Cloud, location: str = ZONE, name: str = "c1") -> Json:
    return cloud.container("GET", f"{location}/clusters/{name}")


def test_vpc_native_by_names(cloud: Cloud) -> None:
    cloud.estate()
    operation = cloud.cluster()
    assert operation["status"] == "DONE"
    assert "error" not in operation
    cluster = get(cloud)
    assert cluster["status"] == "RUNNING"
    assert cluster["selfLink"] == (
        f"https://container.googleapis.com/v1/projects/podreach-lab/zones/{ZONE}/clusters/c1"
    )
    policy = cluster["ipAllocationPolicy"]
    assert policy["useIpAliases"] is True
    assert policy["clusterSecondaryRangeName"] == "pods"
    assert policy["stackType"] == "IPV4"
    assert policy["podCidrOverprovisionConfig"] == {}
    for where in (cluster["clusterIpv4Cidr"], policy["clusterIpv4Cidr"], policy["clusterIpv4CidrBlock"]):
        assert where == "10.4.0.0/20"
    for where in (cluster["servicesIpv4Cidr"], policy["servicesIpv4Cidr"], policy["servicesIpv4CidrBlock"]):
        assert where == "10.5.0.0/22"
    assert (cluster["network"], cluster["subnetwork"]) == ("n1", "s1")
    assert cluster["networkConfig"]["network"] == "projects/podreach-lab/global/networks/n1"
    assert cluster["releaseChannel"] == {"channel": "REGULAR"}
    assert cluster["locations"] == [ZONE]
    assert cluster["currentNodeCount"] == 1
    certificate = base64.b64decode(cluster["masterAuth"]["clusterCaCertificate"])
    assert certificate.startswith(b"-----BEGIN CERTIFICATE-----")
    assert ipaddress.IPv4Address(cluster["endpoint"]).is_loopback
    pool = cluster["nodePools"][0]
    assert pool["maxPodsConstraint"] == {"maxPodsPerNode": "110"}
    assert pool["podIpv4CidrSize"] == 24
    assert pool["networkConfig"]["podRange"] == "pods"
    assert pool["networkConfig"]["podIpv4CidrBlock"] == "10.4.0.0/20"
    assert pool["networkConfig"]["podIpv4RangeUtilization"] == pytest.approx(256 / 4096)
    assert pool["config"]["machineType"] == "e2-medium"
    assert pool["config"]["imageType"] == "COS_CONTAINERD"
    assert pool["management"] == {"autoRepair": True, "autoUpgrade": True}


def test_nodes_are_instances_with_alias_ranges(cloud: Cloud) -> None:
    cloud.estate()
    cloud.cluster()
    (node,) = cloud.nodes()
    (card,) = node["networkInterfaces"]
    assert card["networkIP"] == "10.1.0.2"
    assert card["aliasIpRanges"] == [{"ipCidrRange": "10.4.0.0/24", "subnetworkRangeName": "pods"}]
    assert node["canIpForward"] is False
    (url,) = get(cloud)["nodePools"][0]["instanceGroupUrls"]
    group = cloud.call("GET", url.removeprefix("https://www.googleapis.com"))
    assert group["targetSize"] == 1
    managed = cloud.call("POST", f"{url.removeprefix('https://www.googleapis.com')}/listManagedInstances")
    assert [item["instance"] for item in managed["managedInstances"]] == [node["selfLink"]]
    assert [route["destRange"] for route in cloud.routes() if route.get("nextHopInstance")] == []


def test_regional_clusters_count_nodes_per_zone(cloud: Cloud) -> None:
    cloud.estate()
    cloud.cluster(location=REGION, nodePools=[{"name": "p", "initialNodeCount": 2}])
    cluster = get(cloud, REGION)
    assert cluster["locations"] == [f"{REGION}-a", f"{REGION}-b", f"{REGION}-c"]
    assert cluster["currentNodeCount"] == 6
    zones = sorted(node["zone"][-1] for node in cloud.nodes())
    assert zones == ["a", "a", "b", "b", "c", "c"]
    blocks = {node["networkInterfaces"][0]["aliasIpRanges"][0]["ipCidrRange"] for node in cloud.nodes()}
    assert len(blocks) == 6
    assert f"/locations/{REGION}/clusters/c1" in cluster["selfLink"]


def test_routes_based(cloud: Cloud) -> None:
    cloud.estate()
    cloud.cluster(ipAllocationPolicy={"useRoutes": True}, clusterIpv4Cidr="10.32.0.0/14")
    cluster = get(cloud)
    assert cluster["clusterIpv4Cidr"] == "10.32.0.0/14"
    assert cluster["servicesIpv4Cidr"] == "10.35.240.0/20"
    assert cluster["ipAllocationPolicy"]["useRoutes"] is True
    assert "useIpAliases" not in cluster["ipAllocationPolicy"]
    (node,) = cloud.nodes()
    assert node["canIpForward"] is True
    assert "aliasIpRanges" not in node["networkInterfaces"][0]
    (route,) = [item for item in cloud.routes() if item.get("nextHopInstance")]
    assert route["nextHopInstance"] == node["selfLink"]
    assert (route["destRange"], route["priority"], route["description"]) == ("10.32.0.0/24", 1000, "k8s-node-route")
    assert "tags" not in route
    cloud.container("POST", f"{ZONE}/clusters/c1/nodePools/default-pool:setSize", {"nodeCount": 3})
    assert len([item for item in cloud.routes() if item.get("nextHopInstance")]) == 3
    cloud.container("POST", f"{ZONE}/clusters/c1/nodePools/default-pool:setSize", {"nodeCount": 1})
    assert len([item for item in cloud.routes() if item.get("nextHopInstance")]) == 1
    blocked = cloud.compute("DELETE", "global/networks/n1")
    assert blocked["error"]["errors"][0]["code"] == "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE"
    cloud.container("DELETE", f"{ZONE}/clusters/c1")
    assert [item for item in cloud.routes() if item.get("nextHopInstance")] == []


def test_a_routes_based_cluster_holds_as_many_nodes_as_its_range(cloud: Cloud) -> None:
    cloud.network()
    cloud.subnetwork("s1", "10.1.0.0/22")
    routes: Json = {"ipAllocationPolicy": {"useRoutes": True}, "clusterIpv4Cidr": "172.16.0.0/19"}
    cloud.cluster(nodePools=[{"name": "p", "initialNodeCount": 16}], **routes)
    assert len(cloud.nodes()) == 16
    operation = cloud.container("POST", f"{ZONE}/clusters/c1/nodePools/p:setSize", {"nodeCount": 17})
    assert operation["error"]["message"].startswith("[IP_SPACE_EXHAUSTED]")
    with pytest.raises(Refused, match="too small"):
        cloud.cluster("c2", ipAllocationPolicy={"useRoutes": True}, clusterIpv4Cidr="172.20.0.0/20")


def test_neither_names_nor_sizes_make_a_vpc_native_cluster_with_ranges_of_gke(cloud: Cloud) -> None:
    cloud.network()
    cloud.subnetwork()
    cloud.cluster(ipAllocationPolicy=None)
    cluster = get(cloud)
    assert cluster["servicesIpv4Cidr"] == "34.118.224.0/20"
    (made,) = cloud.compute("GET", f"regions/{REGION}/subnetworks/s1")["secondaryIpRanges"]
    assert made["ipCidrRange"].endswith("/14")
    assert made["rangeName"].startswith("gke-c1-pods-")
    assert cluster["ipAllocationPolicy"]["clusterSecondaryRangeName"] == made["rangeName"]
    assert "servicesSecondaryRangeName" not in cluster["ipAllocationPolicy"]
    cloud.container("DELETE", f"{ZONE}/clusters/c1")
    assert "secondaryIpRanges" not in cloud.compute("GET", f"regions/{REGION}/subnetworks/s1")


def test_sizes_make_ranges_that_fit_the_network(cloud: Cloud) -> None:
    cloud.network()
    cloud.subnetwork("s1", "10.0.0.0/24")
    policy = {"useIpAliases": True, "clusterIpv4CidrBlock": "/19", "servicesIpv4CidrBlock": "/24"}
    cloud.cluster(ipAllocationPolicy=policy)
    cloud.cluster("c2", ipAllocationPolicy=policy)
    ranges = cloud.compute("GET", f"regions/{REGION}/subnetworks/s1")["secondaryIpRanges"]
    nets = [ipaddress.IPv4Network(item["ipCidrRange"]) for item in ranges]
    assert sorted(net.prefixlen for net in nets) == [19, 19, 24, 24]
    everything = [*nets, ipaddress.IPv4Network("10.0.0.0/24")]
    assert not any(a.overlaps(b) for at, a in enumerate(everything) for b in everything[:at])


def test_exact_blocks(cloud: Cloud) -> None:
    cloud.network()
    cloud.subnetwork()
    policy = {"useIpAliases": True, "clusterIpv4CidrBlock": "10.8.0.0/16", "servicesIpv4CidrBlock": "10.9.0.0/24"}
    cloud.cluster(ipAllocationPolicy=policy)
    cluster = get(cloud)
    assert (cluster["clusterIpv4Cidr"], cluster["servicesIpv4Cidr"]) == ("10.8.0.0/16", "10.9.0.0/24")
    with pytest.raises(Refused, match="conflicts"):
        cloud.cluster("c2", ipAllocationPolicy={"useIpAliases": True, "clusterIpv4CidrBlock": "10.8.0.0/17"})


def test_a_subnetwork_made_by_gke_goes_with_the_cluster(cloud: Cloud) -> None:
    cloud.network()
    cloud.cluster(subnetwork=None, ipAllocationPolicy={"useIpAliases": True, "createSubnetwork": True})
    name = get(cloud)["subnetwork"]
    assert name.startswith("gke-c1-subnet-")
    cloud.container("DELETE", f"{ZONE}/clusters/c1")
    assert "subnetworks" not in cloud.compute("GET", "global/networks/n1")


def test_autopilot(cloud: Cloud) -> None:
    cloud.estate()
    cloud.cluster(location=REGION, autopilot={"enabled": True}, nodePools=None)
    cluster = get(cloud, REGION)
    assert cluster["autopilot"]["enabled"] is True
    assert cluster["networkConfig"]["datapathProvider"] == "ADVANCED_DATAPATH"
    assert cluster["nodePools"][0]["podIpv4CidrSize"] == 26
    with pytest.raises(Refused, match="Autopilot"):
        cloud.container("POST", f"{REGION}/clusters/c1/nodePools", {"nodePool": {"name": "p2"}})
    two = {"nodePools": [{"name": "p1", "initialNodeCount": 1}, {"name": "p2", "initialNodeCount": 1}]}
    wrong: list[tuple[str, Json]] = [(ZONE, {"nodePools": None}), (REGION, two)]
    for location, fields in wrong:
        with pytest.raises(Refused, match="Autopilot"):
            cloud.cluster("c2", location=location, autopilot={"enabled": True}, **fields)


def test_firewall_rules_of_gke_come_and_go(cloud: Cloud) -> None:
    cloud.estate()
    cloud.cluster(privateClusterConfig={"enablePrivateNodes": True, "masterIpv4CidrBlock": "172.31.0.0/28"})
    rules = {rule["name"].rsplit("-", 1)[1]: rule for rule in cloud.compute("GET", "global/firewalls")["items"]}
    assert set(rules) == {"all", "vms", "inkubelet", "exkubelet", "master"}
    assert rules["all"]["sourceRanges"] == ["10.4.0.0/20"]
    assert {item["IPProtocol"] for item in rules["all"]["allowed"]} == {"tcp", "udp", "icmp", "esp", "ah", "sctp"}
    assert rules["inkubelet"]["priority"] == 999
    assert rules["master"]["sourceRanges"] == ["172.31.0.0/28"]
    assert rules["all"]["targetTags"][0] in cloud.nodes()[0]["tags"]["items"]
    cloud.container("DELETE", f"{ZONE}/clusters/c1")
    assert "items" not in cloud.compute("GET", "global/firewalls")


def test_a_missing_secondary_range_fails_inside_the_operation(cloud: Cloud) -> None:
    cloud.network()
    cloud.subnetwork()
    operation = cloud.cluster()
    base = "https://www.googleapis.com/compute/v1/projects/podreach-lab"
    message = (
        f'Secondary range "pods" does not exist in network "{base}/global/networks/n1", '
        f'subnetwork "{base}/regions/{REGION}/subnetworks/s1".'
    )
    assert operation["error"] == {"code": 3, "message": message}
    cluster = get(cloud)
    assert (cluster["status"], cluster["statusMessage"]) == ("ERROR", message)
    cloud.container("DELETE", f"{ZONE}/clusters/c1")


def test_a_pod_range_without_room_fails_inside_the_operation(cloud: Cloud) -> None:
    cloud.network()
    cloud.subnetwork("s1", "10.1.0.0/24", pods="10.4.0.0/23", services="10.5.0.0/22")
    operation = cloud.cluster(nodePools=[{"name": "p", "initialNodeCount": 3}])
    assert "[IP_SPACE_EXHAUSTED]" in operation["error"]["message"]
    assert "The secondary range name is 'pods'." in operation["error"]["message"]
    assert len(cloud.nodes()) == 2
    assert get(cloud)["status"] == "ERROR"


def test_a_primary_range_without_room_fails_too(cloud: Cloud) -> None:
    cloud.network()
    cloud.subnetwork("s1", "10.1.0.0/29", pods="10.4.0.0/20", services="10.5.0.0/22")
    operation = cloud.cluster(nodePools=[{"name": "p", "initialNodeCount": 5}])
    assert "[IP_SPACE_EXHAUSTED]" in operation["error"]["message"]
    addresses = sorted(node["networkInterfaces"][0]["networkIP"] for node in cloud.nodes())
    assert addresses == ["10.1.0.2", "10.1.0.3", "10.1.0.4"]
    private = cloud.lab.state.of_kind("container#cluster")[0].body["privateClusterConfig"]
    assert private["privateEndpoint"] == "10.1.0.5"


def test_ranges_may_be_shared_between_clusters_as_google_allows(cloud: Cloud) -> None:
    cloud.estate()
    cloud.cluster()
    cloud.cluster("c2")
    blocks = [node["networkInterfaces"][0]["aliasIpRanges"][0]["ipCidrRange"] for node in cloud.nodes()]
    assert sorted(blocks) == ["10.4.0.0/24", "10.4.1.0/24"]
    swapped = {"clusterSecondaryRangeName": "services", "servicesSecondaryRangeName": "pods"}
    with pytest.raises(Refused, match="already in use as a services range"):
        cloud.cluster("c3", ipAllocationPolicy=swapped)


def test_equal_range_names_in_the_words_of_google(cloud: Cloud) -> None:
    cloud.estate()
    with pytest.raises(Refused) as refused:
        cloud.cluster(ipAllocationPolicy={"clusterSecondaryRangeName": "pods", "servicesSecondaryRangeName": "pods"})
    assert refused.value.message == (
        "Pod secondary range name (pods) should not be the same as service secondary range name."
    )
    assert refused.value.reason == "badRequest"


LEGACY: Json = {"network": "old", "subnetwork": None}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"network": "none"}, 'Network "none" does not exist.'),
        ({"subnetwork": "none"}, 'Subnetwork "none" does not exist'),
        ({"subnetwork": None}, "a subnetwork must be specified"),
        ({"subnetwork": "elsewhere"}, "does not exist in region"),
        ({"subnetwork": "other"}, 'is not valid for network "n1"'),
        ({"name": "Upper"}, "cluster.name"),
        ({"name": "x" * 41}, "cluster.name"),
        ({"locations": ["us-central1-a"]}, "is not in the region"),
        ({"initialClusterVersion": "1.9.7-gke.3"}, 'Master version "1.9.7-gke.3" is unsupported'),
        ({"nodePools": None}, "initial_node_count must be greater than zero"),
        ({"initialNodeCount": 1}, "cannot be set together"),
        ({"nodePools": [{"name": "p", "config": {"imageType": "COS"}}]}, 'Image type "COS" is not supported'),
        ({"ipAllocationPolicy": {"useRoutes": True, "useIpAliases": True}}, "cannot both be set"),
        ({"ipAllocationPolicy": {"useRoutes": True, "clusterSecondaryRangeName": "pods"}}, "use_ip_aliases"),
        ({"clusterIpv4Cidr": "10.8.0.0/16"}, "not by both"),
        ({"ipAllocationPolicy": {"useRoutes": True}, "clusterIpv4Cidr": "10.1.0.0/16"}, "conflicts with the range"),
        ({"ipAllocationPolicy": {"useRoutes": True}, "clusterIpv4Cidr": "10.8.0.1/16"}, "host bits"),
        ({**LEGACY}, "does not support VPC-native"),
        (
            {"ipAllocationPolicy": {"useRoutes": True}, "networkConfig": {"defaultSnatStatus": {"disabled": True}}},
            "Default SNAT",
        ),
        ({"nodePools": [{"name": "p"}, {"name": "p"}]}, "unique"),
        ({"nodePools": [{"name": "p", "maxPodsConstraint": {"maxPodsPerNode": "300"}}]}, "between 8 and 256"),
    ],
)
def test_refusals_leave_nothing_behind(cloud: Cloud, fields: Json, message: str) -> None:
    cloud.estate()
    cloud.compute("POST", "global/networks", {"name": "old"})
    cloud.network("n2")
    cloud.subnetwork("other", "10.1.0.0/24", network="n2")
    before = cloud.lab.state.counts()
    ranges = cloud.compute("GET", f"regions/{REGION}/subnetworks/s1")["secondaryIpRanges"]
    with pytest.raises(Refused) as refused:
        cloud.cluster(**{"name": "c1", **fields})
    assert refused.value.code == 400
    assert message in refused.value.message
    assert cloud.lab.state.counts() == before
    assert cloud.compute("GET", f"regions/{REGION}/subnetworks/s1")["secondaryIpRanges"] == ranges


def test_a_refused_cluster_gives_back_the_ranges_made_for_it(cloud: Cloud) -> None:
    cloud.network()
    cloud.subnetwork()
    with pytest.raises(Refused):
        cloud.cluster(ipAllocationPolicy={}, nodePools=[{"name": "BAD"}])
    assert "secondaryIpRanges" not in cloud.compute("GET", f"regions/{REGION}/subnetworks/s1")


def test_routes_based_on_a_legacy_network(cloud: Cloud) -> None:
    cloud.compute("POST", "global/networks", {"name": "old"})
    cloud.cluster(**LEGACY, ipAllocationPolicy={"useRoutes": True}, clusterIpv4Cidr="172.16.0.0/16")
    (node,) = cloud.nodes()
    assert node["networkInterfaces"][0]["networkIP"] == "10.240.0.2"
    assert "subnetwork" not in get(cloud)


def test_unknown_and_existing_clusters(cloud: Cloud) -> None:
    with pytest.raises(Refused) as missing:
        get(cloud)
    assert missing.value.error == {
        "code": 404,
        "message": f"Not found: projects/podreach-lab/zones/{ZONE}/clusters/c1.",
        "errors": [
            {
                "message": f"Not found: projects/podreach-lab/zones/{ZONE}/clusters/c1.",
                "domain": "global",
                "reason": "notFound",
            }
        ],
        "status": "NOT_FOUND",
    }
    with pytest.raises(Refused, match=f"projects/podreach-lab/locations/{REGION}/clusters/c1"):
        get(cloud, REGION)
    cloud.estate()
    cloud.cluster()
    with pytest.raises(Refused) as existing:
        cloud.cluster()
    assert (existing.value.code, existing.value.error["status"]) == (409, "ALREADY_EXISTS")
    assert existing.value.message == f"Already exists: projects/podreach-lab/zones/{ZONE}/clusters/c1."
    cloud.cluster(location=REGION)
    assert len(cloud.container("GET", "-/clusters")["clusters"]) == 2
    assert len(cloud.container("GET", f"{ZONE}/clusters")["clusters"]) == 1


@pytest.mark.parametrize(
    ("pods", "mask"),
    [
        (8, 28),
        (9, 27),
        (16, 27),
        (17, 26),
        (32, 26),
        (33, 25),
        (64, 25),
        (65, 24),
        (110, 24),
        (128, 24),
        (129, 23),
        (256, 23),
    ],
)
def test_a_nodes_block_has_room_for_twice_its_pods(pods: int, mask: int) -> None:
    assert node_prefix(pods) == mask
    assert node_prefix(pods, overprovision=False) == mask + 1


def test_labels_need_their_fingerprint(cloud: Cloud) -> None:
    cloud.estate()
    cloud.cluster()
    fingerprint = get(cloud)["labelFingerprint"]
    body = {"resourceLabels": {"managed-by": "podreach-gke"}, "labelFingerprint": fingerprint}
    cloud.container("POST", f"{ZONE}/clusters/c1:setResourceLabels", body)
    assert get(cloud)["resourceLabels"] == {"managed-by": "podreach-gke"}
    with pytest.raises(Refused) as refused:
        cloud.container("POST", f"{ZONE}/clusters/c1:setResourceLabels", body)
    assert refused.value.code == 412


def test_server_config(cloud: Cloud) -> None:
    config = cloud.container("GET", f"{REGION}/serverConfig")
    channels = {item["channel"]: item for item in config["channels"]}
    assert config["defaultClusterVersion"] == channels["REGULAR"]["defaultVersion"]
    cloud.estate()
    wanted = channels["STABLE"]["validVersions"][-1]
    cloud.cluster(initialClusterVersion=wanted)
    assert get(cloud)["currentMasterVersion"] == wanted
    assert get(cloud)["releaseChannel"] == {"channel": "STABLE"}


def test_services_are_enabled(cloud: Cloud) -> None:
    answer = cloud.call("GET", "/v1/projects/podreach-lab/services/container.googleapis.com")
    assert answer["state"] == "ENABLED"


def test_a_pod_range_in_use_is_listed_as_managed_when_gke_made_it(cloud: Cloud) -> None:
    cloud.network()
    cloud.subnetwork()
    cloud.cluster(ipAllocationPolicy={"clusterIpv4CidrBlock": "/20"})
    found = cloud.call("GET", "/v1/projects/podreach-lab/aggregated/usableSubnetworks")["subnetworks"]
    (entry,) = found[0]["secondaryIpRanges"]
    assert entry["status"] == "IN_USE_MANAGED_POD"
    with pytest.raises(Refused, match="was created by GKE"):
        cloud.cluster("c2", ipAllocationPolicy={"clusterSecondaryRangeName": entry["rangeName"]})


def test_secondary_helper_matches_the_api() -> None:
    assert secondary(a="10.0.0.0/8") == [{"rangeName": "a", "ipCidrRange": "10.0.0.0/8"}]
