# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The golden vectors of group ``addressing`` that ask an API method or a change of an existing estate.

``SERVER`` holds what Google's server says: the lab's server must say it. ``COLLECTION`` holds what must be refused
before anything is sent: the module must fail with the right kind of refusal while the lab's log shows no mutating
request. A refusal may be for another reason than the vector's, so the same task with an allowed value must not fail.
"""

from __future__ import annotations

import pathlib
import re
import typing as t

import pytest
import requests

from ansible_collections.podreach.gke.tests.golden.lab_estate import MARKER, REGION, ZONE, Estate, snake_case
from ansible_collections.podreach.gke.tests.golden.loader import Answers, Vector, load
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

VECTORS = [vector for vector in load("addressing") if vector.needs_lab]
SERVER = Answers()
COLLECTION = Answers()
#: Codes of failures that are no refusal: bad options, a server's error, a deadline, something unforeseen.
NO_REFUSAL = {"invalid-input", "api-error", "timeout", "error"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Lab]:
    """One lab for all vectors; operations end at once."""
    running = Lab.start(tmp_path_factory.mktemp("lab"), latency="zero")
    yield running
    running.stop()


@pytest.fixture
def estate(lab: Lab, tmp_path: pathlib.Path) -> Estate:
    """The lab, emptied: vectors use the same names."""
    lab.reset()
    return Estate(lab, tmp_path)


# ---- what the server says


def server_refuses(vector: Vector, reply: requests.Response) -> None:
    """The reply is an error at once, of the expected class and status, about the field, in Google's words."""
    expected = vector.expect["error"]
    assert not reply.ok, f"accepted: {reply.text}"
    error = reply.json()["error"]
    assert reply.status_code == error["code"]
    assert 400 <= reply.status_code < 500
    if "http" in expected:
        assert reply.status_code == expected["http"]
    if expected["class"] == "invalid":
        assert [item["reason"] for item in error["errors"]] == ["invalid"]
    if "field" in expected:
        assert f"'{expected['field']}'" in error["message"]
    assert expected.get("message_contains", "") in error["message"]


@SERVER.to("validate compute.networks.insert", reads=[], judges=["kind"])
def networks_insert(vector: Vector, estate: Estate) -> None:
    """Which kind of network the body makes; a legacy one has its own range and can't have subnetworks."""
    body = vector.ask["validate"]["body"]
    estate.make("global/networks", body)
    network = estate.compute("GET", f"global/networks/{body['name']}").json()
    assert vector.expect["kind"] == "legacy"
    assert network["IPv4Range"] == body["IPv4Range"]
    assert "autoCreateSubnetworks" not in network
    assert not network.get("subnetworks")


@SERVER.to("validate compute.subnetworks.insert", reads=["networks"], judges=["error"])
def subnetworks_insert(vector: Vector, estate: Estate) -> None:
    """The vectors leave out what every insert needs: a name, and a network where none matters."""
    body = {"name": "new", "network": "n1", **vector.ask["validate"]["body"]}
    estate.networks_and_subnetworks({"networks": [{"name": body["network"]}], **vector.given})
    body["network"] = f"projects/{estate.project}/global/networks/{body['network']}"
    server_refuses(vector, estate.compute("POST", f"regions/{REGION}/subnetworks", body))


def only_subnetwork(vector: Vector, estate: Estate) -> tuple[dict[str, t.Any], str]:
    """Make the given estate; its one subnetwork as given, and its path."""
    estate.networks_and_subnetworks(vector.given)
    (subnetwork,) = vector.given["subnetworks"]
    return subnetwork, f"regions/{subnetwork['region']}/subnetworks/{subnetwork['name']}"


@SERVER.to("validate compute.subnetworks.patch", reads=["subnetworks"], judges=["error"])
def subnetworks_patch(vector: Vector, estate: Estate) -> None:
    """With a current fingerprint: a stale one would be another error."""
    before, path = only_subnetwork(vector, estate)
    fingerprint = estate.compute("GET", path).json()["fingerprint"]
    body = {"fingerprint": fingerprint, **vector.ask["validate"]["body"]}
    server_refuses(vector, estate.compute("PATCH", path, body))
    after = estate.compute("GET", path).json()
    assert after["secondaryIpRanges"] == before["secondaryIpRanges"]


@SERVER.to("validate compute.subnetworks.expandIpCidrRange", reads=["subnetworks"], judges=["error"])
def expand_ip_cidr_range(vector: Vector, estate: Estate) -> None:
    """Google's server takes a superset only; the vector's class is about who uses the collection."""
    before, path = only_subnetwork(vector, estate)
    server_refuses(vector, estate.compute("POST", f"{path}/expandIpCidrRange", vector.ask["validate"]["body"]))
    assert estate.compute("GET", path).json()["ipCidrRange"] == before["ipCidrRange"]


# ---- what the collection refuses


def named(result: dict[str, t.Any], codes: t.Iterable[str]) -> set[str]:
    """Those of the codes that the failure names, as its code or in its message."""
    error = result["error"]
    text = f"{error['code']} {error['message']}"
    return {code for code in codes if re.search(rf"(?<![\w-]){code}(?![\w-])", text)}


def collection_refuses(vector: Vector, estate: Estate, module: str, options: dict[str, t.Any]) -> None:
    """The module fails by a refusal that names every expected cause, and has sent nothing that could change things."""
    result = estate.quietly(module, options)
    assert result["failed"], f"not refused: {result}"
    assert "error" in result, f"failed, but refused nothing: {result}"
    assert vector.expect["error"]["class"] == "refused"
    assert result["error"]["code"] not in NO_REFUSAL, result
    causes = vector.expect.get("causes", [])
    assert named(result, causes) == set(causes), result


def collection_allows(estate: Estate, module: str, options: dict[str, t.Any]) -> None:
    """In check mode the module has nothing against these options."""
    result = estate.module(module, options, check=True)
    assert not result["failed"], f"the control must not fail: {result}"


def vpc(estate: Estate) -> None:
    """A VPC with one subnetwork for clusters to be in."""
    estate.network("n1")
    estate.subnetwork("s1", "n1", "10.1.0.0/24")


def cluster_options(estate: Estate, **options: t.Any) -> dict[str, t.Any]:
    """Options of podreach.gke.cluster for cluster ``c``."""
    return {"name": "c", "location": ZONE, **estate.place(), **options}


@COLLECTION.to(
    "validate container.clusters.create",
    reads=["clusters", "networks", "usableSubnetworks"],
    judges=["error", "causes"],
)
def clusters_create(vector: Vector, estate: Estate) -> None:
    """The cluster is in the question's body, or in the estate when the question has none."""
    body = vector.ask["validate"].get("body")
    if "networks" in vector.given:
        estate.networks_and_subnetworks(vector.given)
        options = {"name": "c", "location": ZONE, **snake_case(body)}
        collection_refuses(vector, estate, "cluster", options)
        return
    vpc(estate)
    if "usableSubnetworks" in vector.given:
        (usable,) = vector.given["usableSubnetworks"]
        assert body == {"ipAllocationPolicy": {"clusterSecondaryRangeName": usable["rangeName"]}}
        range_name = gke_made_pod_range(estate, usable["status"])
        policy = {"use_ip_aliases": True}
        collection_allows(estate, "cluster", cluster_options(estate, ip_allocation_policy=policy))
        refused = policy | {"cluster_secondary_range_name": range_name}
        collection_refuses(vector, estate, "cluster", cluster_options(estate, ip_allocation_policy=refused))
        return
    (cluster,) = vector.given["clusters"]
    options = cluster_options(estate, **snake_case(cluster))
    assert options["ip_allocation_policy"] == {"use_routes": True}
    collection_allows(estate, "cluster", options | {"ip_allocation_policy": {"use_ip_aliases": True}})
    collection_refuses(vector, estate, "cluster", options)


def gke_made_pod_range(estate: Estate, status: str) -> str:
    """Make cluster ``a`` whose pod range GKE makes; the range's name, which GKE chooses, once it has the status."""
    cluster = estate.cluster("a", ipAllocationPolicy={"useIpAliases": True, "clusterIpv4CidrBlock": "/21"})
    range_name: str = cluster["ipAllocationPolicy"]["clusterSecondaryRangeName"]
    usable = estate.container("GET", "aggregated/usableSubnetworks").json()["subnetworks"]
    found = {r["rangeName"]: r["status"] for subnetwork in usable for r in subnetwork.get("secondaryIpRanges", [])}
    assert found[range_name] == status
    return range_name


@COLLECTION.to("change maxPodsPerNode", reads=["nodePools"], judges=["error"])
def change_max_pods(vector: Vector, estate: Estate) -> None:
    """A node pool's maximum is set once."""
    vpc(estate)
    (pool,) = vector.given["nodePools"]
    estate.cluster("c", ipAllocationPolicy={"useIpAliases": True}, nodePools=[{**pool, "initialNodeCount": 1}])
    options = {"name": pool["name"], "cluster": "c", "location": ZONE}
    same = snake_case({"maxPodsConstraint": pool["maxPodsConstraint"]})
    changed = {"max_pods_constraint": snake_case(vector.ask["validate"]["change"])}
    collection_allows(estate, "node_pool", options | same)
    collection_refuses(vector, estate, "node_pool", options | changed)


@COLLECTION.to("change nodeCount", reads=["clusters", "maxPodsConstraint"], judges=["error", "causes"])
def change_node_count(vector: Vector, estate: Estate) -> None:
    """One zone, so that the pool's count per zone is the cluster's count."""
    vpc(estate)
    (cluster,) = vector.given["clusters"]
    count = cluster["currentNodeCount"]
    pool = {"name": "p", "initialNodeCount": count, "maxPodsConstraint": vector.given["maxPodsConstraint"]}
    estate.cluster("c", ipAllocationPolicy=cluster["ipAllocationPolicy"], nodePools=[pool])
    options = {"name": "p", "cluster": "c", "location": ZONE}
    collection_allows(estate, "node_pool", options | {"node_count": count})
    collection_refuses(vector, estate, "node_pool", options | snake_case(vector.ask["validate"]["change"]))


@COLLECTION.to("change useIpAliases", reads=["clusters"], judges=["error", "causes"])
@COLLECTION.to("change useRoutes", reads=["clusters"], judges=["error", "causes"])
def change_cluster_type(vector: Vector, estate: Estate) -> None:
    """A cluster stays of its type."""
    vpc(estate)
    (cluster,) = vector.given["clusters"]
    estate.cluster(**cluster)
    same = cluster_options(estate, **snake_case(cluster))
    changed = {"ip_allocation_policy": snake_case(vector.ask["validate"]["change"])}
    collection_allows(estate, "cluster", same)
    collection_refuses(vector, estate, "cluster", same | changed)


@COLLECTION.to("validate compute.subnetworks.expandIpCidrRange", reads=["subnetworks"], judges=["error"])
def shrink_primary(vector: Vector, estate: Estate) -> None:
    """The module must see it itself; the server's refusal would come after a request."""
    subnetwork, _path = only_subnetwork(vector, estate)
    options = snake_case({key: subnetwork[key] for key in ("name", "network", "region", "ipCidrRange")})
    changed = snake_case(vector.ask["validate"]["body"])
    collection_allows(estate, "subnetwork", options)
    collection_refuses(vector, estate, "subnetwork", options | changed)


def collection_names(vector: Vector, result: dict[str, t.Any]) -> None:
    """The failure names every expected cause; a server's error bears no code of ours."""
    assert result["failed"], f"not refused: {result}"
    assert "error" in result, f"failed, but refused nothing: {result}"
    assert named(result, vector.expect["causes"]) == set(vector.expect["causes"]), result


@COLLECTION.to("validate compute.subnetworks.patch", reads=["subnetworks"], judges=["causes"])
def rename_secondary_range(vector: Vector, estate: Estate) -> None:
    """The same range under another name."""
    subnetwork, _path = only_subnetwork(vector, estate)
    options = snake_case({key: subnetwork[key] for key in ("name", "network", "region")})
    collection_names(vector, estate.module("subnetwork", options | snake_case(vector.ask["validate"]["body"])))


@COLLECTION.to("validate compute.subnetworks.insert", reads=["networks"], judges=["causes"])
def create_subnetwork(vector: Vector, estate: Estate) -> None:
    """The same as the server is asked, by the module."""
    estate.networks_and_subnetworks(vector.given)
    options = {"name": "new", "region": REGION, **snake_case(vector.ask["validate"]["body"])}
    collection_names(vector, estate.module("subnetwork", options))


@COLLECTION.to("validate compute.networks.insert", reads=[], judges=["causes"])
def use_of_a_legacy_network(vector: Vector, estate: Estate) -> None:
    """The cause shows when something is asked of the network that only a VPC can have."""
    body = vector.ask["validate"]["body"]
    estate.make("global/networks", {**body, "description": MARKER})
    result = estate.quietly(
        "cluster",
        {"name": "c", "location": ZONE, "network": body["name"], "ip_allocation_policy": {"use_ip_aliases": True}},
    )
    collection_names(vector, result)


# ---- the vectors


def parameters(answers: Answers) -> list[t.Any]:
    """The vectors of which these judge something, as parameters with their ids."""
    return [pytest.param(vector, id=vector.id) for vector in VECTORS if answers.judged(vector) & set(vector.expect)]


@pytest.mark.parametrize("vector", [pytest.param(vector, id=vector.id) for vector in VECTORS])
def test_every_expectation_is_judged(vector: Vector) -> None:
    """Server and collection together leave nothing of the vector unjudged, and none without an answer."""
    assert vector in SERVER or vector in COLLECTION, f"nothing answers '{vector.kind}'"
    assert SERVER.judged(vector) | COLLECTION.judged(vector) >= set(vector.expect)


@pytest.mark.parametrize("vector", parameters(SERVER))
def test_server(vector: Vector, estate: Estate) -> None:
    """The lab's server says what Google's does."""
    SERVER.run(vector, estate, partly=True)


@pytest.mark.parametrize("vector", parameters(COLLECTION))
def test_collection(vector: Vector, estate: Estate) -> None:
    """The collection refuses, and names the cause."""
    COLLECTION.run(vector, estate, partly=True)
