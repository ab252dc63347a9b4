# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shared VPCs of a topology: what becomes of references, what only all entries together tell, and that the topology
refuses whatever the module would refuse without asking anybody.
"""

from __future__ import annotations

import json
import typing as t

import pytest
import yaml

from ansible_collections.podreach.gke.plugins.inventory import topology as plugin_file
from ansible_collections.podreach.gke.plugins.module_utils.arguments import Call
from ansible_collections.podreach.gke.plugins.module_utils.errors import PodreachError
from ansible_collections.podreach.gke.plugins.module_utils.gcp import shared_vpc
from ansible_collections.podreach.gke.plugins.module_utils.topology import reading as topology

Json = dict[str, t.Any]

SPECS = plugin_file.load_specs()
TEMPLATE = "{{ something }}"
HOST, LAB = "podreach-peer", "podreach-lab"
HEAD: Json = {"plugin": "podreach.gke.topology", "environment": "lab", "project": LAB, "region": "asia-northeast1"}
SHARED: Json = {"host_project": HOST, "service_projects": [LAB]}
PATH = f"projects/{HOST}/regions/us-east1/subnetworks/"


def subnetwork(name: str, number: int, **more: t.Any) -> Json:
    return {"name": name, "ip_cidr_range": f"10.{number}.0.0/24", **more}


PODS = [{"range_name": "pods", "ip_cidr_range": "10.16.0.0/16"}]
NETWORKS: Json = {
    "shared": {
        "name": "main",
        "project": HOST,
        "subnetworks": [
            subnetwork("s1", 1, secondary_ip_ranges=[{"range_name": "pods", "ip_cidr_range": "10.16.0.0/16"}]),
            subnetwork("s2", 2, region="us-east1"),
            subnetwork("s3", 3),
        ],
    },
    "own": {"subnetworks": [subnetwork("s4", 4, region="us-west1")]},
}
CLUSTER: Json = {
    "network": "shared",
    "subnetwork": "s1",
    "ip_allocation_policy": {"cluster_secondary_range_name": "pods"},
}


def read(**keys: t.Any) -> topology.Topology:
    return topology.read({**HEAD, "networks": NETWORKS, **keys}, SPECS, plugin_file.is_opaque)


def errors(*entries: Json, **keys: t.Any) -> list[str]:
    shared = {f"h{number}": entry for number, entry in enumerate(entries, 1)}
    return [str(problem) for problem in read(shared_vpcs=shared, **keys).errors]


def warnings(*entries: Json, **keys: t.Any) -> list[str]:
    result = read(shared_vpcs={f"h{number}": entry for number, entry in enumerate(entries, 1)}, **keys)
    assert [str(problem) for problem in result.errors] == []
    return [str(problem) for problem in result.warnings]


def variables(host: str, **keys: t.Any) -> Json:
    result = read(**keys)
    assert [str(problem) for problem in result.errors] == []
    return next(found.variables for found in result.hosts if found.name == host)


# ---- references


@pytest.mark.parametrize(
    ("item", "region"),
    [
        ({"name": "s1"}, "asia-northeast1"),
        ({"name": "s2"}, "us-east1"),
        ({"name": "elsewhere"}, "asia-northeast1"),
        # of another project's network
        ({"name": "s4"}, "asia-northeast1"),
        ({"name": "s2", "region": "us-west1"}, "us-west1"),
        ({"name": "s2", "region": TEMPLATE}, TEMPLATE),
        ({"name": PATH + "s2"}, None),
        ({"name": TEMPLATE}, None),
    ],
)
def test_the_region_of_a_subnetwork(item: Json, region: str | None) -> None:
    found = variables("h1", shared_vpcs={"h1": {**SHARED, "subnetworks": [item]}})
    assert found == {
        "shared_vpc_host_project": HOST,
        "shared_vpc_service_projects": [LAB],
        "shared_vpc_subnetworks": [item if region is None else {**item, "region": region}],
        "shared_vpc_environment": "lab",
        "shared_vpc_project": LAB,
    }


def test_a_declared_region_that_is_a_template() -> None:
    networks = {"shared": {**NETWORKS["shared"], "region": TEMPLATE}}
    entry = {**SHARED, "subnetworks": [{"name": "s1"}, {"name": "s2"}]}
    found = variables("h1", networks=networks, shared_vpcs={"h1": entry})
    assert [item["region"] for item in found["shared_vpc_subnetworks"]] == [TEMPLATE, "us-east1"]


def test_the_host_is_the_project_of_the_entry() -> None:
    entry = {"project": HOST, "service_projects": [LAB], "subnetworks": [{"name": "s2"}]}
    found = variables("h1", shared_vpcs={"h1": entry})
    assert found["shared_vpc_project"] == HOST and "shared_vpc_host_project" not in found
    assert found["shared_vpc_subnetworks"] == [{"name": "s2", "region": "us-east1"}]


def test_a_cluster_in_a_network_of_the_host() -> None:
    entry = {**SHARED, "subnetworks": [{"name": "s1"}]}
    found = variables("c1", clusters={"c1": CLUSTER}, shared_vpcs={"h1": entry})
    assert found["cluster_network"] == f"projects/{HOST}/global/networks/main"
    assert found["cluster_subnetwork"] == f"projects/{HOST}/regions/asia-northeast1/subnetworks/s1"
    assert found["cluster_project"] == LAB


def test_what_stands_at_the_top_and_no_secrets() -> None:
    auth = {"access_token": "hush", "service_account_contents": {"private_key": "hush"}, "scopes": ["a"]}
    result = read(
        resource_manager_endpoint="http://127.0.0.1:1/v1/", shared_vpcs={"h1": {**SHARED, "service_auth": auth}}
    )
    assert result.hosts[-1].variables["shared_vpc_resource_manager_endpoint"] == "http://127.0.0.1:1/v1/"
    assert not [name for name in result.hosts[0].variables if "resource_manager" in name]
    assert "hush" not in json.dumps(result.declared)
    assert result.declared["shared_vpcs"]["h1"]["service_auth"] == {"scopes": ["a"]}


# ---- all of them together


def test_what_two_entries_may_say() -> None:
    other = {"host_project": HOST, "service_projects": ["podreach-more"]}
    assert errors(SHARED, other) == []
    assert errors({**SHARED, "state": "absent"}, {"host_project": "podreach-host", "service_projects": [LAB]}) == []
    assert errors({**SHARED, "state": TEMPLATE}, {"host_project": "podreach-host", "service_projects": [LAB]}) == []
    assert (
        errors({**SHARED, "disable_host": True}, {"project": "podreach-host", "service_projects": ["my-own-1"]}) == []
    )
    assert len(errors({**SHARED, "disable_host": True}, other)) == 1
    assert len(errors(SHARED, {**SHARED, "state": "absent"})) == 1


@pytest.mark.parametrize(
    ("subnetworks", "told"),
    [
        ([], 1),
        ([{"name": "s3"}], 1),
        ([{"name": "s1", "region": "us-east1"}], 1),
        ([{"name": PATH + "s1"}], 1),
        ([{"name": "s3"}, {"name": "s1"}], 0),
        ([{"name": PATH.replace("us-east1", "asia-northeast1") + "s1"}], 0),
        ([{"name": "s1", "region": TEMPLATE}], 0),
        ([{"name": TEMPLATE}], 0),
        (TEMPLATE, 0),
    ],
)
def test_a_cluster_whose_subnetwork_is_not_shared(subnetworks: t.Any, told: int) -> None:
    entry = {**SHARED, "subnetworks": subnetworks}
    found = warnings(entry, clusters={"c1": CLUSTER})
    assert [text.partition(":")[0] for text in found] == ["clusters.c1.subnetwork"] * told
    for other in ({**entry, "all_subnetworks": True}, {**entry, "service_projects": ["podreach-more"]}):
        assert warnings(other, clusters={"c1": CLUSTER}) == []


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        ({}, ["cluster_secondary_range_name"]),
        ({"use_routes": True}, ["use_routes"]),
        ({"cluster_ipv4_cidr_block": "/16"}, ["cluster_secondary_range_name"]),
        ({"cluster_secondary_range_name": "pods", "services_ipv4_cidr_block": "/20"}, ["services_ipv4_cidr_block"]),
        ({"cluster_secondary_range_name": "pods", "services_ipv4_cidr_block": "34.118.224.0/20"}, []),
        ({"cluster_secondary_range_name": TEMPLATE, "services_ipv4_cidr_block": TEMPLATE}, []),
        (TEMPLATE, []),
    ],
)
def test_ranges_of_a_cluster_in_a_host_project(policy: t.Any, told: list[str]) -> None:
    cluster = {**CLUSTER, "ip_allocation_policy": policy}
    paths = [f"clusters.c1.ip_allocation_policy.{key}" for key in told]
    foreign = {"network": f"projects/{HOST}/global/networks/x", "subnetwork": PATH + "x"}
    for more in ({}, foreign):
        assert [text.partition(":")[0] for text in errors(clusters={"c1": {**cluster, **more}})] == paths
    own = {**cluster, "network": "own", "subnetwork": "s4", "location": "us-west1"}
    found = errors(clusters={"c1": own, "c2": {**cluster, "state": TEMPLATE}})
    assert not [text for text in found if "another project" in text]


# ---- what the module would refuse


class Nobody:
    """A client that nothing may be asked of."""

    project = LAB


@pytest.mark.parametrize(
    "entry",
    [
        {}, {"host_project": LAB}, {"host_project": "podreach-Peer"}, {"host_project": "1234567"},
        {"service_projects": []}, {"service_projects": [HOST]}, {"service_projects": [LAB, "podreach-Lab"]},
        *({"subnetworks": [item]} for item in (
            {"name": "s1"}, {"name": "S1"}, {"name": PATH + "s1"}, {"name": PATH + "S1"},
            {"name": PATH + "s1", "region": "us-east1"}, {"name": PATH + "s1", "region": "us-west1"},
            {"name": PATH.replace("peer", "lab") + "s1"}, {"name": "s1", "region": "us_east1"},
            {"name": "https://www.googleapis.com/compute/v1/" + PATH + "s1"},
        )),
        *({"prerequisite_timeout": seconds} for seconds in (-1, 0, 1)),
    ],
)  # fmt: skip
def test_the_topology_refuses_what_shared_vpc_would(entry: Json) -> None:
    entry = {**SHARED, **entry}
    found = errors(entry)
    spec = {name: option.get("default") for name, option in shared_vpc.SPEC.options.items()}
    region = HEAD["region"]
    items = [{"region": None if "/" in item["name"] else region, **item} for item in entry.get("subnetworks", [])]
    client = t.cast("t.Any", Nobody())
    try:
        shared_vpc.SharedVpc(client, client, Call({**spec, **entry, "subnetworks": items}))
    except PodreachError as error:
        assert found, error
    else:
        assert found == []


def test_the_example_of_the_readme() -> None:
    text = (plugin_file.ROLES / "shared_vpc" / "README.md").read_text(encoding="utf-8")
    found = yaml.safe_load(text.partition("## In a topology")[2].partition("```yaml\n")[2].partition("```")[0])
    assert set(found) == {"networks", "shared_vpcs", "clusters"}
    result = topology.read({**HEAD, "projects": ["my-host-project", LAB], **found}, SPECS, plugin_file.is_opaque)
    assert [*map(str, result.errors), *map(str, result.warnings)] == []
