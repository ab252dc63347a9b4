# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters over a scripted wire: what the create call says, what is fixed, what is updated one field at a time."""

from __future__ import annotations

import copy
import typing as t

import pytest

from ansible_collections.podreach.gke.plugins.module_utils.gcp import clusters
from ansible_collections.podreach.gke.plugins.module_utils.gcp.node_pools import DEFAULT_SCOPES
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import definition
from ansible_collections.podreach.gke.tests.unit.plugins.module_utils.gcp.wire import (
    LAST_PAUSE,
    Expected,
    Wire,
    absent,
    container_operation,
    google_error,
)

Json = dict[str, t.Any]

MODULE = definition(clusters.Cluster, clusters.SPEC)
LOCATION = "projects/p/locations/asia-northeast1"
COLLECTION = f"{LOCATION}/clusters"
PATH = f"{COLLECTION}/c"
NETWORK = "projects/p/global/networks/n"
SUBNETWORK = "projects/p/regions/asia-northeast1/subnetworks/s"
USABLE = "projects/p/aggregated/usableSubnetworks"
THEIRS = "projects/host/regions/asia-northeast1/subnetworks/s"
OPERATIONS = f"{LOCATION}/operations"
POLL = "projects/100/locations/asia-northeast1/operations/operation-1"
POD_RANGES = {"pods": "10.1.128.0/19", "svc": "10.1.160.0/22", "more": "10.2.0.0/16"}


def subnetwork(**ranges: str) -> Json:
    extra = [{"rangeName": name, "ipCidrRange": cidr} for name, cidr in (ranges or POD_RANGES).items()]
    return {"name": "s", "secondaryIpRanges": extra}


def usable(**states: str) -> Expected:
    extra = [{"rangeName": name, "status": state} for name, state in states.items()]
    return Expected(
        "GET",
        USABLE,
        {"subnetworks": [{"subnetwork": "projects/p/x"}, {"subnetwork": SUBNETWORK, "secondaryIpRanges": extra}]},
        query={"filter": "networkProjectId=p"},
    )


def looks(*, usable_too: bool = True) -> list[Expected]:
    """What a creation looks at first."""
    return [
        Expected("GET", NETWORK, {"name": "n"}),
        Expected("GET", SUBNETWORK, subnetwork()),
        *([usable(pods="UNUSED")] if usable_too else []),
    ]


def cluster(**more: t.Any) -> Json:
    """A VPC-native cluster as the API shows it."""
    return {
        "name": "c",
        "status": "RUNNING",
        "network": "n",
        "subnetwork": "s",
        "location": "asia-northeast1",
        "locations": ["asia-northeast1-a", "asia-northeast1-b"],
        "clusterIpv4Cidr": "10.1.128.0/19",
        "ipAllocationPolicy": {
            "useIpAliases": True,
            "clusterSecondaryRangeName": "pods",
            "servicesSecondaryRangeName": "svc",
            "clusterIpv4CidrBlock": "10.1.128.0/19",
            "servicesIpv4CidrBlock": "10.1.160.0/22",
        },
        "networkConfig": {"network": NETWORK, "subnetwork": SUBNETWORK},
        "releaseChannel": {"channel": "REGULAR"},
        "defaultMaxPodsConstraint": {"maxPodsPerNode": "110"},
        "resourceLabels": {"managed-by": "podreach-gke"},
        "labelFingerprint": "l1",
        "masterAuth": {"clusterCaCertificate": "Y2E=", "clientKey": "a secret"},
        "nodePools": [{"name": "default-pool"}],
        **more,
    }


def routes_based(**more: t.Any) -> Json:
    return cluster(clusterIpv4Cidr="10.32.0.0/14", ipAllocationPolicy={"useRoutes": True}, **more)


BASE = {"name": "c", "location": "asia-northeast1"}
NAMED: Json = {
    **BASE,
    "network": "n",
    "subnetwork": "s",
    "ip_allocation_policy": {"cluster_secondary_range_name": "pods", "services_secondary_range_name": "svc"},
}
ROUTES: Json = {
    **BASE,
    "network": "n",
    "subnetwork": "s",
    "cluster_ipv4_cidr": "10.32.0.0/14",
    "ip_allocation_policy": {"use_routes": True},
}
DEFAULT_POOL = {
    "name": "default-pool",
    "config": {"resourceLabels": {"managed-by": "podreach-gke"}, "oauthScopes": DEFAULT_SCOPES},
    "initialNodeCount": 1,
}


def body(**more: t.Any) -> Json:
    made = {
        "name": "c",
        "network": NETWORK,
        "subnetwork": SUBNETWORK,
        "resourceLabels": {"managed-by": "podreach-gke"},
        "nodePools": [DEFAULT_POOL],
        **more,
    }
    return {"parent": LOCATION, "cluster": {key: value for key, value in made.items() if value is not None}}


BY_NAMES = {
    "clusterSecondaryRangeName": "pods",
    "servicesSecondaryRangeName": "svc",
    "useIpAliases": True,
    "createSubnetwork": False,
}


def post(expected: Json, reply: Json | None = None) -> Expected:
    return Expected("POST", COLLECTION, reply or container_operation(), expected)


# -- create


def test_vpc_native_by_the_names_of_ranges() -> None:
    wire = Wire(
        absent(PATH),
        *looks(),
        post(body(ipAllocationPolicy=BY_NAMES), container_operation(status="RUNNING")),
        Expected("GET", POLL, container_operation(status="RUNNING")),
        Expected("GET", POLL, container_operation()),
        Expected("GET", PATH, cluster()),
    )
    result = wire.run(MODULE, NAMED)
    assert result["changed"]
    assert [step["summary"] for step in result["plan"]] == ["create cluster c"]
    assert result["resource"]["masterAuth"] == {"clusterCaCertificate": "Y2E="}
    assert wire.request_ids == []


def test_vpc_native_by_size() -> None:
    params = {**NAMED, "ip_allocation_policy": {"cluster_ipv4_cidr_block": "/14", "services_ipv4_cidr_block": "/20"}}
    policy = {"clusterIpv4CidrBlock": "/14", "servicesIpv4CidrBlock": "/20", "useIpAliases": True}
    made = cluster()
    made["ipAllocationPolicy"] |= {"clusterIpv4CidrBlock": "10.4.0.0/14", "servicesIpv4CidrBlock": "10.8.0.0/20"}
    wire = Wire(
        absent(PATH), *looks(usable_too=False), post(body(ipAllocationPolicy=policy)), Expected("GET", PATH, made)
    )
    assert wire.run(MODULE, params)["changed"]
    assert not Wire(Expected("GET", PATH, made)).run(MODULE, params)["changed"]
    params["ip_allocation_policy"]["cluster_ipv4_cidr_block"] = "/16"
    assert 'cluster_ipv4_cidr_block is "10.4.0.0/14"' in str(Wire(Expected("GET", PATH, made)).fails(MODULE, params))


def test_without_a_word_about_ranges_it_is_vpc_native() -> None:
    params = {**BASE, "network": "n"}
    wire = Wire(
        absent(PATH),
        Expected("GET", NETWORK, {"name": "n"}),
        post(body(subnetwork=None, ipAllocationPolicy={"useIpAliases": True})),
        Expected("GET", PATH, cluster()),
    )
    assert wire.run(MODULE, params)["changed"]


def test_routes_based() -> None:
    wire = Wire(
        absent(PATH),
        *looks(usable_too=False),
        post(body(clusterIpv4Cidr="10.32.0.0/14", ipAllocationPolicy={"useRoutes": True})),
        Expected("GET", PATH, routes_based()),
    )
    assert wire.run(MODULE, ROUTES)["changed"]


def test_autopilot_has_no_pools_of_ours() -> None:
    wire = Wire(
        absent(PATH),
        *looks(),
        post(body(ipAllocationPolicy=BY_NAMES, autopilot={"enabled": True}, nodePools=None)),
        Expected("GET", PATH, cluster(autopilot={"enabled": True})),
    )
    assert wire.run(MODULE, {**NAMED, "autopilot": {"enabled": True}})["changed"]


def test_private_with_authorised_networks_and_everything_else() -> None:
    params = {
        **NAMED,
        "description": "for tests",
        "private_cluster_config": {
            "enable_private_nodes": True,
            "enable_private_endpoint": False,
            "master_ipv4_cidr_block": "172.16.0.0/28",
        },
        "master_authorized_networks_config": {
            "cidr_blocks": [{"cidr_block": "203.0.113.0/24", "display_name": "office"}]
        },
        "network_config": {"datapath_provider": "ADVANCED_DATAPATH", "default_snat_status": {"disabled": True}},
        "release_channel": {"channel": "STABLE"},
        "initial_cluster_version": "1.33",
        "default_max_pods_constraint": {"max_pods_per_node": 64},
        "locations": ["asia-northeast1-b", "asia-northeast1-a"],
        "resource_labels": {"team_name": "pods", "cost": 5},
        "node_pools": [
            {"name": "a", "node_count": 2, "config": {"labels": {"my_key": "x"}}},
            {"name": "b", "autoscaling": {"min_node_count": 3, "max_node_count": 5}},
        ],
    }
    sent: Json = {
        "description": "for tests",
        "ipAllocationPolicy": BY_NAMES,
        "privateClusterConfig": {
            "enablePrivateNodes": True,
            "enablePrivateEndpoint": False,
            "masterIpv4CidrBlock": "172.16.0.0/28",
        },
        "masterAuthorizedNetworksConfig": {
            "enabled": True,
            "cidrBlocks": [{"cidrBlock": "203.0.113.0/24", "displayName": "office"}],
        },
        "networkConfig": {"datapathProvider": "ADVANCED_DATAPATH", "defaultSnatStatus": {"disabled": True}},
        "releaseChannel": {"channel": "STABLE"},
        "initialClusterVersion": "1.33",
        "defaultMaxPodsConstraint": {"maxPodsPerNode": "64"},
        "locations": ["asia-northeast1-b", "asia-northeast1-a"],
        "resourceLabels": {"team_name": "pods", "cost": "5", "managed-by": "podreach-gke"},
        "nodePools": [
            {
                "name": "a",
                "initialNodeCount": 2,
                "config": {
                    "labels": {"my_key": "x"},
                    "resourceLabels": {"managed-by": "podreach-gke"},
                    "oauthScopes": DEFAULT_SCOPES,
                },
            },
            {
                "name": "b",
                "initialNodeCount": 3,
                "autoscaling": {"enabled": True, "minNodeCount": 3, "maxNodeCount": 5},
                "config": {"resourceLabels": {"managed-by": "podreach-gke"}, "oauthScopes": DEFAULT_SCOPES},
            },
        ],
    }
    made = {**cluster(), **copy.deepcopy(sent), "ipAllocationPolicy": cluster()["ipAllocationPolicy"]}
    wire = Wire(absent(PATH), *looks(), post(body(**sent)), Expected("GET", PATH, made))
    assert wire.run(MODULE, params)["changed"]
    assert not Wire(Expected("GET", PATH, made)).run(MODULE, params)["changed"], "the description among it"


def test_additional_pod_ranges_follow_in_an_update() -> None:
    params = copy.deepcopy(NAMED)
    params["ip_allocation_policy"]["additional_pod_ranges_config"] = {"pod_range_names": ["more"]}
    after = cluster()
    after["ipAllocationPolicy"]["additionalPodRangesConfig"] = {"podRangeNames": ["more"]}
    wire = Wire(
        absent(PATH),
        *looks(),
        post(body(ipAllocationPolicy=BY_NAMES)),
        Expected("GET", PATH, cluster()),
        Expected(
            "PUT",
            PATH,
            container_operation("UPDATE_CLUSTER"),
            {"name": PATH, "update": {"additionalPodRangesConfig": {"podRangeNames": ["more"]}}},
        ),
        Expected("GET", PATH, after),
    )
    assert [step["action"] for step in wire.run(MODULE, params)["plan"]] == ["create", "update"]


def test_shared_vpc_reads_the_host_project() -> None:
    params = {**NAMED, "network": "projects/host/global/networks/n"}
    params["subnetwork"] = "https://www.googleapis.com/compute/v1/projects/host/regions/asia-northeast1/subnetworks/s"
    wire = Wire(
        absent(PATH),
        Expected("GET", "projects/host/global/networks/n", {"name": "n"}),
        Expected("GET", THEIRS, subnetwork()),
        Expected("GET", USABLE, {"subnetworks": [{"subnetwork": THEIRS}]}, query={"filter": "networkProjectId=host"}),
        post(
            body(
                network="projects/host/global/networks/n",
                subnetwork="projects/host/regions/asia-northeast1/subnetworks/s",
                ipAllocationPolicy=BY_NAMES,
            )
        ),
        Expected("GET", PATH, cluster()),
    )
    assert wire.run(MODULE, params)["changed"]


IN_HOST: Json = {**NAMED, "network": "projects/host/global/networks/n", "subnetwork": THEIRS}
HOST_LOOKS = [Expected("GET", "projects/host/global/networks/n", {"name": "n"}), Expected("GET", THEIRS, subnetwork())]


def test_shared_vpc_takes_no_right_to_read_the_host_where_gke_tells() -> None:
    denied = google_error(403, "forbidden")
    ranges = subnetwork()["secondaryIpRanges"]
    wire = Wire(
        absent(PATH),
        Expected("GET", "projects/host/global/networks/n", denied, status=403),
        Expected("GET", THEIRS, denied, status=403),
        Expected("GET", USABLE, {"subnetworks": [{"subnetwork": THEIRS, "secondaryIpRanges": ranges}]}),
        post(body(network="projects/host/global/networks/n", subnetwork=THEIRS, ipAllocationPolicy=BY_NAMES)),
        Expected("GET", PATH, cluster()),
    )
    assert wire.run(MODULE, IN_HOST)["changed"]


ROBOT, APIS = "service-7@container-engine-robot.iam.gserviceaccount.com", "7@cloudservices.gserviceaccount.com"


@pytest.mark.parametrize(
    ("usable_there", "host", "account", "told"),
    [
        ([], {}, None, ["project p is not attached to the host project host (it is attached to no host project)"]),
        ([], {"name": "second"}, None, ["it is attached to second, and a project has one host"]),
        (
            [],
            {"name": "host"},
            "7-compute@developer.gserviceaccount.com",
            [f"roles/container.hostServiceAgentUser on project host to {ROBOT}", f"to {ROBOT} and {APIS}"],
        ),
        (
            [{"subnetwork": THEIRS, "statusMessage": "Required 'compute.subnetworks.get' permission"}],
            {"name": "host"},
            "nodes@p.iam.gserviceaccount.com",
            ["Required 'compute.subnetworks.get'", f"roles/compute.networkUser on {THEIRS}", "service-NUMBER-OF-p@"],
        ),
    ],
)
def test_what_keeps_a_cluster_from_a_hosts_subnetwork_is_told(
    usable_there: list[Json], host: Json, account: str | None, told: list[str]
) -> None:
    looked = [
        *HOST_LOOKS,
        Expected("GET", USABLE, {"subnetworks": usable_there}, query={"filter": "networkProjectId=host"}),
        Expected("GET", "projects/p/getXpnHost", host),
        *([Expected("GET", "projects/p", {"defaultServiceAccount": account})] if account else []),
    ]
    error = Wire(absent(PATH), *looked).fails(MODULE, IN_HOST)
    assert error.code == "subnetwork-not-usable"
    assert [words for words in told if words not in str(error)] == []
    warnings: list[str] = []
    assert Wire(absent(PATH), *looked).run(MODULE, IN_HOST, check_mode=True, warnings=warnings)["changed"]
    assert told[0] in warnings[0]


def test_what_may_not_be_asked_is_taken_for_right() -> None:
    denied = google_error(403, "forbidden")
    wire = Wire(
        absent(PATH),
        *HOST_LOOKS,
        Expected("GET", USABLE, denied, status=403),
        Expected("GET", "projects/p/getXpnHost", denied, status=403),
        Expected("GET", "projects/p", denied, status=403),
    )
    assert "cannot be asked (GET https://container" in str(wire.fails(MODULE, IN_HOST))


def test_check_mode_of_a_creation_only_reads() -> None:
    wire = Wire(absent(PATH), *looks())
    result = wire.run(MODULE, NAMED, check_mode=True)
    assert result["changed"]
    assert result["resource"]["nodePools"] == [DEFAULT_POOL]


# -- what must be there first


def test_a_subnetwork_may_be_named_without_its_network() -> None:
    params = {key: value for key, value in NAMED.items() if key != "network"}
    wire = Wire(
        absent(PATH),
        Expected("GET", SUBNETWORK, subnetwork()),
        usable(pods="UNUSED"),
        post(body(network=None, ipAllocationPolicy=BY_NAMES)),
        Expected("GET", PATH, cluster()),
    )
    assert wire.run(MODULE, params)["changed"]


def test_what_is_missing_is_named() -> None:
    assert f"network {NETWORK} does not exist" in str(Wire(absent(PATH), absent(NETWORK)).fails(MODULE, NAMED))
    wire = Wire(absent(PATH), Expected("GET", NETWORK, {"name": "n"}), absent(SUBNETWORK))
    error = wire.fails(MODULE, NAMED)
    assert f"subnetwork {SUBNETWORK} does not exist: create it first" in str(error)
    assert error.code == "missing-prerequisite"


def test_missing_ranges_are_named_with_those_that_are_there() -> None:
    params = copy.deepcopy(NAMED)
    params["ip_allocation_policy"] |= {"cluster_secondary_range_name": "podz"}
    params["ip_allocation_policy"]["additional_pod_ranges_config"] = {"pod_range_names": ["extra"]}
    error = Wire(absent(PATH), *looks(usable_too=False)).fails(MODULE, params)
    assert "no secondary range podz (it has pods, svc, more)" in str(error)
    assert "no secondary range extra" in str(error)


def test_what_is_missing_is_waited_for() -> None:
    lines: list[str] = []
    missing = [Expected("GET", NETWORK, {"name": "n"}), absent(SUBNETWORK)]
    half = [Expected("GET", NETWORK, {"name": "n"}), Expected("GET", SUBNETWORK, subnetwork(svc="10.1.160.0/22"))]
    wire = Wire(
        absent(PATH),
        absent(NETWORK),
        *(expected for _time in range(8) for expected in missing),
        *half,
        *looks(),
        post(body(ipAllocationPolicy=BY_NAMES)),
        Expected("GET", PATH, cluster()),
    )
    # the first look counts as one, the wait begins with another
    assert wire.run(MODULE, {**NAMED, "prerequisite_timeout": 600}, lines=lines)["changed"]
    assert "waits for what it needs: subnetwork" in lines[0]


def test_what_stays_missing_fails_at_the_deadline() -> None:
    class Never(Wire):
        def __call__(self, method: str, url: str, body: Json | None) -> t.Any:
            self.expected = [absent(PATH if url.endswith("/c") else NETWORK)]
            return super().__call__(method, url, body)

    wire = Never()
    error = wire.fails(MODULE, {**NAMED, "prerequisite_timeout": 60})
    assert error.code == "missing-prerequisite"
    assert wire.time == pytest.approx(60, abs=LAST_PAUSE)
    assert {method for method, _path in wire.asked} == {"GET"}


def test_what_is_missing_counts_as_planned_in_check_mode() -> None:
    warnings: list[str] = []
    wire = Wire(absent(PATH), absent(NETWORK))
    result = wire.run(MODULE, {**NAMED, "prerequisite_timeout": 600}, check_mode=True, warnings=warnings)
    assert result["changed"]
    assert warnings == [f"cluster {PATH}: network {NETWORK} does not exist; counted as planned."]
    assert wire.sleeps == []


def test_a_legacy_network_holds_no_vpc_native_cluster() -> None:
    legacy = Expected("GET", NETWORK, {"name": "n", "IPv4Range": "10.240.0.0/16"})
    error = Wire(absent(PATH), legacy).fails(MODULE, {**NAMED, "prerequisite_timeout": 600})
    assert error.code == "legacy-network"
    assert "make a new network" in str(error)
    params = {key: value for key, value in ROUTES.items() if key != "subnetwork"}
    wire = Wire(absent(PATH), legacy, post_any(), Expected("GET", PATH, routes_based()))
    assert wire.run(MODULE, params)["changed"]


def post_any() -> Expected:
    return Expected("POST", COLLECTION, container_operation())


@pytest.mark.parametrize("state", ["IN_USE_MANAGED_POD", "IN_USE_SERVICE"])
def test_a_range_that_gke_made_for_another_cluster_is_refused(state: str) -> None:
    error = Wire(absent(PATH), *looks(usable_too=False), usable(pods=state)).fails(MODULE, NAMED)
    assert error.code == "range-in-use"
    assert f"pods is {state}" in str(error)


def test_a_range_that_a_user_made_may_be_shared() -> None:
    wire = Wire(
        absent(PATH),
        *looks(usable_too=False),
        usable(pods="IN_USE_SHAREABLE_POD"),
        post_any(),
        Expected("GET", PATH, cluster()),
    )
    assert wire.run(MODULE, NAMED)["changed"]


@pytest.mark.parametrize(
    ("cidr", "pools", "more", "fits"),
    [
        # a block of /24 for each of three zones
        ("10.1.128.0/22", [{"name": "a", "initial_node_count": 1}], {}, True),
        ("10.1.128.0/23", [{"name": "a", "initial_node_count": 1}], {}, False),
        ("10.1.128.0/23", [{"name": "a", "initial_node_count": 1}], {"locations": ["asia-northeast1-a"]}, True),
        ("10.1.128.0/22", [{"name": "a", "node_count": 1}, {"name": "b", "node_count": 1}], {}, False),
        (
            "10.1.128.0/23",
            [{"name": "a", "initial_node_count": 1, "max_pods_constraint": {"max_pods_per_node": 32}}],
            {},
            True,
        ),
        (
            "10.1.128.0/23",
            [{"name": "a", "initial_node_count": 1}],
            {"default_max_pods_constraint": {"max_pods_per_node": 32}},
            True,
        ),
    ],
)
def test_the_first_nodes_must_fit_into_the_pod_range(cidr: str, pools: list[Json], more: Json, fits: bool) -> None:
    before = [
        absent(PATH),
        Expected("GET", NETWORK, {"name": "n"}),
        Expected("GET", SUBNETWORK, subnetwork(pods=cidr, svc="10.1.160.0/22")),
        usable(),
    ]
    params = {**NAMED, "node_pools": pools, **more}
    if fits:
        after = cluster(**({"defaultMaxPodsConstraint": {"maxPodsPerNode": "32"}} if "default" in str(more) else {}))
        after["locations"] = more.get("locations", after["locations"])
        assert Wire(*before, post_any(), Expected("GET", PATH, after)).run(MODULE, params)["changed"]
    else:
        error = Wire(*before).fails(MODULE, params)
        assert error.code == "range-too-small"
        assert f"the pod range {cidr} has " in str(error)


# -- what is fixed


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"network": "m"}, 'network is "n" and cannot become "m"'),
        ({"subnetwork": "m"}, 'subnetwork is "s" and cannot become "m"'),
        ({"cluster_ipv4_cidr": "10.9.0.0/16"}, "cluster_ipv4_cidr is"),
        ({"ip_allocation_policy": {"cluster_secondary_range_name": "x"}}, 'cluster_secondary_range_name is "pods"'),
        ({"ip_allocation_policy": {"services_secondary_range_name": "x"}}, 'services_secondary_range_name is "svc"'),
        ({"ip_allocation_policy": {"services_ipv4_cidr_block": "10.9.0.0/20"}}, "services_ipv4_cidr_block is"),
        ({"autopilot": {"enabled": True}}, "autopilot.enabled is unset and cannot become true"),
        ({"network_config": {"datapath_provider": "ADVANCED_DATAPATH"}}, "network_config.datapath_provider is unset"),
        ({"private_cluster_config": {"enable_private_nodes": True}}, "private_cluster_config.enable_private_nodes"),
        ({"private_cluster_config": {"master_ipv4_cidr_block": "172.16.0.0/28"}}, "master_ipv4_cidr_block is unset"),
        ({"default_max_pods_constraint": {"max_pods_per_node": 32}}, 'max_pods_per_node is "110"'),
        ({"description": "x"}, "description is unset"),
    ],
)
def test_what_is_fixed_is_refused_by_name(params: Json, named: str) -> None:
    error = Wire(Expected("GET", PATH, cluster())).fails(MODULE, {**BASE, **params})
    assert named in str(error)
    assert error.code == "fixed-at-creation"


@pytest.mark.parametrize(
    ("now", "params"),
    [
        (cluster(), {"ip_allocation_policy": {"use_routes": True}}),
        (cluster(), {"ip_allocation_policy": {"use_ip_aliases": False}}),
        (routes_based(), {"ip_allocation_policy": {"use_ip_aliases": True}}),
        (routes_based(), {"ip_allocation_policy": {"use_routes": False}}),
        (cluster(ipAllocationPolicy={}), {"ip_allocation_policy": {"use_ip_aliases": True}}),
    ],
)
def test_a_cluster_is_not_converted(now: Json, params: Json) -> None:
    error = Wire(Expected("GET", PATH, now)).fails(MODULE, {**BASE, **params})
    assert error.code == "cluster-type-fixed"
    assert "confirm_replace" in str(error)


def test_a_routes_based_cluster_need_not_say_so_itself() -> None:
    now = cluster(clusterIpv4Cidr="10.32.0.0/14", ipAllocationPolicy={})
    assert not Wire(Expected("GET", PATH, now)).run(MODULE, ROUTES)["changed"]


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"name": "c" * 41}, "1 to 40 lower-case letters"),
        ({"ip_allocation_policy": {"use_routes": True, "use_ip_aliases": True}}, "either routes-based or VPC-native"),
        ({"ip_allocation_policy": {"use_routes": True, "cluster_secondary_range_name": "x"}}, "takes no secondary"),
        (
            {
                "ip_allocation_policy": {"use_routes": True},
                "default_max_pods_constraint": {"max_pods_per_node": 32},
            },
            "every node of a routes-based one gets a /24",
        ),
        (
            {"ip_allocation_policy": {"cluster_secondary_range_name": "x", "services_secondary_range_name": "x"}},
            "pods and Services need a range each",
        ),
        (
            {"ip_allocation_policy": {"cluster_secondary_range_name": "x", "cluster_ipv4_cidr_block": "/14"}},
            "cluster_secondary_range_name says the range already",
        ),
        ({"cluster_ipv4_cidr": "/14", "ip_allocation_policy": {"cluster_ipv4_cidr_block": "/14"}}, "leave one out"),
        ({"cluster_ipv4_cidr": "10.0.0.1/14"}, "cluster_ipv4_cidr: '10.0.0.1/14'"),
        ({"private_cluster_config": {"master_ipv4_cidr_block": "172.16.0.0/27"}}, "range is a /28"),
        (
            {"cluster_ipv4_cidr": "10.0.0.0/14", "private_cluster_config": {"master_ipv4_cidr_block": "10.1.0.0/28"}},
            "overlaps 10.0.0.0/14 of cluster_ipv4_cidr",
        ),
        (
            {"private_cluster_config": {"enable_private_endpoint": True, "enable_private_nodes": False}},
            "it needs enable_private_nodes: true",
        ),
        (
            {
                "ip_allocation_policy": {"use_routes": True},
                "network_config": {"default_snat_status": {"disabled": True}},
            },
            "only VPC-native clusters",
        ),
        ({"autopilot": {"enabled": True}, "node_pools": [{"name": "a"}]}, "Autopilot makes its own pools"),
        ({"node_pools": [{"name": "A"}]}, "node_pools[0].name: 'A'"),
        ({"node_pools": [{"name": "a", "node_count": -1}]}, "node_pools[0].node_count: -1"),
        ({"master_authorized_networks_config": {"cidr_blocks": [{"cidr_block": "x"}]}}, "cidr_blocks[0].cidr_block"),
    ],
)
def test_what_is_wrong_is_refused_without_any_request(params: Json, problem: str) -> None:
    assert problem in str(Wire().fails(MODULE, {**BASE, **params}))


# -- updates


def put(update: Json) -> Expected:
    return Expected("PUT", PATH, container_operation("UPDATE_CLUSTER"), {"name": PATH, "update": update})


def test_unchanged_is_one_request() -> None:
    assert not Wire(Expected("GET", PATH, cluster())).run(MODULE, NAMED)["changed"]


def test_one_field_an_update_and_a_read_after_each() -> None:
    first = cluster(networkConfig={"defaultSnatStatus": {"disabled": True}})
    second = {**first, "releaseChannel": {"channel": "STABLE"}}
    third = {**second, "locations": ["asia-northeast1-a", "asia-northeast1-b", "asia-northeast1-c"]}
    fourth = {**third, "resourceLabels": {"managed-by": "podreach-gke", "team": "x"}, "labelFingerprint": "l2"}
    wire = Wire(
        Expected("GET", PATH, cluster()),
        put({"desiredDefaultSnatStatus": {"disabled": True}}),
        Expected("GET", PATH, first),
        put({"desiredReleaseChannel": {"channel": "STABLE"}}),
        Expected("GET", PATH, second),
        put({"desiredLocations": ["asia-northeast1-c", "asia-northeast1-b", "asia-northeast1-a"]}),
        Expected("GET", PATH, third),
        Expected(
            "POST",
            f"{PATH}:setResourceLabels",
            container_operation("UPDATE_CLUSTER"),
            {"labelFingerprint": "l1", "resourceLabels": {"managed-by": "podreach-gke", "team": "x"}},
        ),
        Expected("GET", PATH, fourth),
    )
    params = {
        **BASE,
        "network_config": {"default_snat_status": {"disabled": True}},
        "release_channel": {"channel": "STABLE"},
        "locations": ["asia-northeast1-c", "asia-northeast1-b", "asia-northeast1-a"],
        "resource_labels": {"team": "x"},
        "allow_disruption": True,
    }
    result = wire.run(MODULE, params)
    assert [step["grade"] for step in result["plan"]] == ["disruptive", "safe", "safe", "safe"]


@pytest.mark.parametrize(
    "params",
    [
        {"network_config": {"default_snat_status": {"disabled": True}}},
        {"private_cluster_config": {"enable_private_endpoint": True}},
        {"locations": ["asia-northeast1-a"]},
    ],
)
def test_what_may_cut_traffic_needs_the_callers_word(params: Json) -> None:
    error = Wire(Expected("GET", PATH, cluster())).fails(MODULE, {**BASE, **params})
    assert error.code == "disruption-not-allowed"


def with_ranges(*names: str) -> Json:
    now = cluster()
    if names:
        now["ipAllocationPolicy"]["additionalPodRangesConfig"] = {"podRangeNames": list(names)}
    return now


def test_additional_pod_ranges_are_added_and_removed_in_two_updates() -> None:
    params = {
        **BASE,
        "ip_allocation_policy": {"additional_pod_ranges_config": {"pod_range_names": ["b", "c"]}},
    }
    wire = Wire(
        Expected("GET", PATH, with_ranges("a", "b")),
        put({"additionalPodRangesConfig": {"podRangeNames": ["c"]}}),
        Expected("GET", PATH, with_ranges("a", "b", "c")),
    )
    assert [step["grade"] for step in wire.run(MODULE, params)["plan"]] == ["safe"]
    purge = {**params, "purge_additional_pod_ranges": True}
    assert Wire(Expected("GET", PATH, with_ranges("a", "b"))).fails(MODULE, purge).code == "disruption-not-allowed"
    wire = Wire(
        Expected("GET", PATH, with_ranges("a", "b")),
        put({"additionalPodRangesConfig": {"podRangeNames": ["c"]}}),
        Expected("GET", PATH, with_ranges("a", "b", "c")),
        put({"removedAdditionalPodRangesConfig": {"podRangeNames": ["a"]}}),
        Expected("GET", PATH, with_ranges("b", "c")),
    )
    result = wire.run(MODULE, {**purge, "allow_disruption": True})
    assert [step["grade"] for step in result["plan"]] == ["safe", "disruptive"]


def test_authorised_networks_are_merged_and_what_else_is_set_there_is_kept() -> None:
    now: Json = {
        "enabled": True,
        "gcpPublicCidrsAccessEnabled": True,
        "cidrBlocks": [{"cidrBlock": "198.51.100.0/24", "displayName": "home"}],
    }
    blocks = [{"cidr_block": "203.0.113.0/24"}]
    sent = {**now, "cidrBlocks": [*now["cidrBlocks"], {"cidrBlock": "203.0.113.0/24"}]}
    wire = Wire(
        Expected("GET", PATH, cluster(masterAuthorizedNetworksConfig=now)),
        put({"desiredMasterAuthorizedNetworksConfig": sent}),
        Expected("GET", PATH, cluster(masterAuthorizedNetworksConfig=sent)),
    )
    params = {**BASE, "master_authorized_networks_config": {"cidr_blocks": blocks}}
    assert wire.run(MODULE, params)["plan"][0]["grade"] == "safe"
    purge = {**params, "purge_master_authorized_networks": True}
    error = Wire(Expected("GET", PATH, cluster(masterAuthorizedNetworksConfig=now))).fails(MODULE, purge)
    assert error.code == "disruption-not-allowed"
    # who was let in without being listed is shut out
    assert Wire(Expected("GET", PATH, cluster())).fails(MODULE, params).code == "disruption-not-allowed"


def test_a_failed_update_after_another_says_that_something_was_changed() -> None:
    first = cluster(releaseChannel={"channel": "STABLE"})
    wire = Wire(
        Expected("GET", PATH, cluster()),
        put({"desiredReleaseChannel": {"channel": "STABLE"}}),
        Expected("GET", PATH, first),
        Expected("POST", f"{PATH}:setResourceLabels", google_error(400, "badRequest"), status=400),
    )
    params = {**BASE, "release_channel": {"channel": "STABLE"}, "resource_labels": {"a": "b"}}
    assert wire.fails(MODULE, params).changed


# -- replacing

CONVERT: Json = {**NAMED, "ip_allocation_policy": {**NAMED["ip_allocation_policy"], "use_ip_aliases": True}}
REPLACE: Json = {**CONVERT, "confirm_replace": "c", "deletion_protection": False}


def test_replacing_is_delete_wait_create() -> None:
    wire = Wire(
        Expected("GET", PATH, routes_based()),
        *looks(),
        Expected("DELETE", PATH, container_operation("DELETE_CLUSTER", "RUNNING")),
        Expected("GET", POLL, container_operation("DELETE_CLUSTER", "RUNNING")),
        Expected("GET", POLL, container_operation("DELETE_CLUSTER")),
        absent(PATH),
        *looks(),
        post(body(ipAllocationPolicy=BY_NAMES)),
        Expected("GET", PATH, cluster()),
    )
    result = wire.run(MODULE, REPLACE)
    assert [(step["action"], step["grade"]) for step in result["plan"]] == [
        ("replace", "destructive"),
        ("create", "safe"),
    ]
    assert result["plan"][0]["summary"] == "delete cluster c and make it anew"


@pytest.mark.parametrize(
    ("params", "now", "code", "asked"),
    [
        ({**REPLACE, "confirm_replace": None}, routes_based(), "cluster-type-fixed", 1),
        ({**REPLACE, "confirm_replace": "other"}, routes_based(), "replace-not-confirmed", 4),
        ({**REPLACE, "deletion_protection": True}, routes_based(), "deletion-protected", 1),
        ({**REPLACE, "deletion_protection": None}, routes_based(), "deletion-protected", 1),
        (REPLACE, routes_based(resourceLabels={}), "not-ours", 1),
        ({**REPLACE, "allow_disruption": True, "confirm_replace": ""}, routes_based(), "cluster-type-fixed", 1),
    ],
)
def test_replacing_needs_name_protection_off_and_the_mark(params: Json, now: Json, code: str, asked: int) -> None:
    params = {key: value for key, value in params.items() if value is not None}
    wire = Wire(Expected("GET", PATH, now), *(looks() if asked == 4 else []))
    assert wire.fails(MODULE, params).code == code
    assert {method for method, _path in wire.asked} == {"GET"}


def test_replacing_is_refused_before_the_delete_if_the_new_cluster_cannot_be_made() -> None:
    wire = Wire(Expected("GET", PATH, routes_based()), Expected("GET", NETWORK, {"name": "n"}), absent(SUBNETWORK))
    assert wire.fails(MODULE, REPLACE).code == "missing-prerequisite"


def test_replacing_in_check_mode_waits_for_nothing() -> None:
    warnings: list[str] = []
    wire = Wire(Expected("GET", PATH, routes_based()), absent(NETWORK))
    result = wire.run(MODULE, {**REPLACE, "prerequisite_timeout": 600}, check_mode=True, warnings=warnings)
    assert [step["action"] for step in result["plan"]] == ["replace", "create"]
    assert wire.sleeps == []
    assert len(warnings) == 1


def test_nothing_is_replaced_where_nothing_fixed_differs() -> None:
    assert not Wire(Expected("GET", PATH, cluster())).run(MODULE, REPLACE)["changed"]


# -- deleting


def test_deleting_needs_the_mark_and_protection_off() -> None:
    gone = {**BASE, "state": "absent"}
    assert Wire(Expected("GET", PATH, cluster())).fails(MODULE, gone).code == "deletion-protected"
    off = {**gone, "deletion_protection": False}
    for labels in ({}, {"managed-by": "terraform"}):
        assert Wire(Expected("GET", PATH, cluster(resourceLabels=labels))).fails(MODULE, off).code == "not-ours"
    described = cluster(resourceLabels={}, description="[podreach.gke]")
    assert Wire(Expected("GET", PATH, described)).fails(MODULE, off).code == "not-ours"
    wire = Wire(
        Expected("GET", PATH, cluster()), Expected("DELETE", PATH, container_operation("DELETE_CLUSTER")), absent(PATH)
    )
    assert wire.run(MODULE, off)["changed"]


def test_a_change_of_labels_keeps_the_mark() -> None:
    after = cluster(resourceLabels={"managed-by": "podreach-gke", "a": "b"})
    wire = Wire(
        Expected("GET", PATH, cluster()),
        Expected(
            "POST",
            f"{PATH}:setResourceLabels",
            container_operation(),
            {"labelFingerprint": "l1", "resourceLabels": {"managed-by": "podreach-gke", "a": "b"}},
        ),
        Expected("GET", PATH, after),
    )
    assert wire.run(MODULE, {**BASE, "resource_labels": {"a": "b"}})["changed"]


def test_somebody_elses_cluster_may_be_changed_and_gets_no_mark() -> None:
    wire = Wire(
        Expected("GET", PATH, cluster(resourceLabels={})),
        put({"desiredReleaseChannel": {"channel": "STABLE"}}),
        Expected("GET", PATH, cluster(resourceLabels={}, releaseChannel={"channel": "STABLE"})),
    )
    assert wire.run(MODULE, {**BASE, "release_channel": {"channel": "STABLE"}})["changed"]


# -- begin and finish

PROVISIONING = cluster(status="PROVISIONING")
CREATING = container_operation(
    status="RUNNING", targetLink="https://container.googleapis.com/v1/projects/100/locations/asia-northeast1/clusters/c"
)


def test_begin_starts_and_finish_adopts() -> None:
    wire = Wire(absent(PATH), *looks(), post(body(ipAllocationPolicy=BY_NAMES), CREATING))
    begun = wire.run(MODULE, {**NAMED, "wait": False})
    assert begun["changed"]
    assert begun["operation"] == "operation-1"
    wire = Wire(
        Expected("GET", PATH, PROVISIONING),
        Expected("GET", OPERATIONS, {"operations": [CREATING]}),
        Expected("GET", POLL, {**CREATING, "status": "DONE"}),
        Expected("GET", PATH, cluster()),
    )
    finished = wire.run(MODULE, NAMED)
    assert not finished["changed"]
    assert finished["operation"] is None
    assert finished["resource"]["status"] == "RUNNING"


def test_begin_again_names_the_operation_and_plans_nothing() -> None:
    wire = Wire(Expected("GET", PATH, PROVISIONING), Expected("GET", OPERATIONS, {"operations": [CREATING]}))
    result = wire.run(MODULE, {**NAMED, "wait": False, "release_channel": {"channel": "STABLE"}})
    assert not result["changed"]
    assert result["operation"] == "operation-1"


def test_finish_goes_on_with_what_is_left() -> None:
    after = cluster(releaseChannel={"channel": "STABLE"})
    wire = Wire(
        Expected("GET", PATH, PROVISIONING),
        Expected("GET", OPERATIONS, {"operations": [CREATING]}),
        Expected("GET", POLL, {**CREATING, "status": "DONE"}),
        Expected("GET", PATH, cluster()),
        put({"desiredReleaseChannel": {"channel": "STABLE"}}),
        Expected("GET", PATH, after),
    )
    assert wire.run(MODULE, {**NAMED, "release_channel": {"channel": "STABLE"}})["changed"]


def test_finish_after_a_begun_delete_creates() -> None:
    stopping = container_operation("DELETE_CLUSTER", "RUNNING", targetLink=CREATING["targetLink"])
    wire = Wire(
        Expected("GET", PATH, routes_based(status="STOPPING")),
        Expected("GET", OPERATIONS, {"operations": [stopping]}),
        Expected("GET", POLL, {**stopping, "status": "DONE"}),
        absent(PATH),
        *looks(),
        post(body(ipAllocationPolicy=BY_NAMES)),
        Expected("GET", PATH, cluster()),
    )
    assert wire.run(MODULE, CONVERT)["changed"]


def test_a_creation_that_fails_while_finishing_is_raised() -> None:
    failed = {**CREATING, "status": "DONE", "error": {"code": 8, "message": "stockout"}}
    wire = Wire(
        Expected("GET", PATH, PROVISIONING),
        Expected("GET", OPERATIONS, {"operations": [CREATING]}),
        Expected("GET", POLL, failed),
    )
    error = wire.fails(MODULE, NAMED)
    assert "stockout" in str(error)
    assert error.operation == "operation-1"


def test_a_lost_answer_to_the_creation_is_not_asked_for_twice() -> None:
    wire = Wire(
        absent(PATH),
        *looks(),
        Expected("POST", COLLECTION, OSError("reset")),
        Expected("GET", PATH, PROVISIONING),
        Expected("GET", OPERATIONS, {"operations": [CREATING]}),
        Expected("GET", POLL, {**CREATING, "status": "DONE"}),
        Expected("GET", PATH, cluster()),
    )
    result = wire.run(MODULE, NAMED)
    assert result["changed"]
    assert wire.asked.count(("POST", COLLECTION)) == 1


def test_a_lost_answer_of_a_creation_that_is_not_waited_for() -> None:
    wire = Wire(
        absent(PATH),
        *looks(),
        Expected("POST", COLLECTION, OSError("reset")),
        Expected("GET", PATH, PROVISIONING),
        Expected("GET", OPERATIONS, {"operations": [CREATING]}),
    )
    result = wire.run(MODULE, {**NAMED, "wait": False, "release_channel": {"channel": "STABLE"}})
    assert result["changed"]
    assert result["operation"] == "operation-1"


def test_two_begin_the_same_cluster() -> None:
    wire = Wire(
        absent(PATH),
        *looks(),
        Expected("POST", COLLECTION, google_error(409, "alreadyExists"), status=409),
        Expected("GET", OPERATIONS, {"operations": [CREATING]}),
        Expected("GET", POLL, {**CREATING, "status": "DONE"}),
        Expected("GET", PATH, cluster()),
    )
    assert not wire.run(MODULE, NAMED)["changed"]
