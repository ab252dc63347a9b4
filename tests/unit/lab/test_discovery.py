# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests are held against Google's discovery documents."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.podreach.gke.tests.lab.podreach_lab import core
from ansible_collections.podreach.gke.tests.lab.podreach_lab.discovery import Discovery
from ansible_collections.podreach.gke.tests.lab.podreach_lab.faults import ApiFault
from ansible_collections.podreach.gke.tests.unit.lab.cloud import Cloud, Refused


@pytest.mark.parametrize(
    ("tree", "verb", "path", "method_id", "params"),
    [
        ("compute", "GET", "projects/p/global/networks/n", "compute.networks.get", {"project": "p", "network": "n"}),
        ("compute", "POST", "projects/p/regions/r/subnetworks/s/expandIpCidrRange",
         "compute.subnetworks.expandIpCidrRange",
         {"project": "p", "region": "r", "subnetwork": "s"}),
        ("v1", "POST", "v1/projects/p/locations/l/clusters/c:setResourceLabels",
         "container.projects.locations.clusters.setResourceLabels",
         {"projectsId": "p", "locationsId": "l", "clustersId": "c"}),
        ("v1", "POST", "v1/projects/-/serviceAccounts/a@b.iam.gserviceaccount.com:generateAccessToken",
         "iamcredentials.projects.serviceAccounts.generateAccessToken",
         {"projectsId": "-", "serviceAccountsId": "a@b.iam.gserviceaccount.com"}),
        ("v1", "GET", "v1/projects/p/services/container.googleapis.com", "serviceusage.services.get",
         {"v1Id": "projects", "v1Id1": "p", "servicesId": "container.googleapis.com"}),
    ],
)  # fmt: skip
def test_paths(discovery: Discovery, tree: str, verb: str, path: str, method_id: str, params: dict[str, str]) -> None:
    found = discovery.find(tree, verb, path)
    assert found is not None
    assert (found[0].id, found[1]) == (method_id, params)


def test_every_handler_serves_a_method_of_the_documents(discovery: Discovery) -> None:
    known: set[str] = set()

    def walk(node: t.Any) -> None:
        known.update(method.id for method in node.methods.values())
        for child in [*node.literal.values(), *node.variable.values()]:
            walk(child)

    for tree in discovery._tree.values():
        walk(tree)
    assert set(core.HANDLERS) <= known
    assert len(core.HANDLERS) > 60


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"name": "n", "colour": 1}, 'Invalid JSON payload received. Unknown name "colour": Cannot find field.'),
        (
            {"name": "n", "routingConfig": {"x": 1}},
            "Unknown name \"x\" at 'resource.routingConfig'",
        ),
        ({"name": 7}, "Invalid value at 'resource.name' (TYPE_STRING), 7"),
        ({"name": "n", "autoCreateSubnetworks": "no"}, "Invalid value at 'resource.autoCreateSubnetworks' (TYPE_BOOL)"),
        ({"name": "n", "mtu": "big"}, "Invalid value at 'resource.mtu' (TYPE_INT32)"),
        ({"name": "n", "mtu": True}, "Invalid value at 'resource.mtu' (TYPE_INT32)"),
        ({"name": "n", "routingConfig": []}, "Invalid value at 'resource.routingConfig' (TYPE_MESSAGE)"),
        ({"name": "Upper"}, "Invalid value for field 'resource.name': 'Upper'. Must be a match of regex"),
        ({"name": "n", "routingConfig": {"routingMode": "LOCAL"}}, "'resource.routingConfig.routingMode': 'LOCAL'"),
    ],
)
def test_bad_bodies(cloud: Cloud, body: dict[str, object], message: str) -> None:
    with pytest.raises(Refused) as refused:
        cloud.compute("POST", "global/networks", body)
    assert refused.value.code == 400
    assert message in refused.value.message
    assert "status" not in refused.value.error
    assert cloud.lab.state.counts() == {}


def test_container_errors_carry_a_status_and_no_resource_prefix(cloud: Cloud) -> None:
    with pytest.raises(Refused) as refused:
        cloud.container("POST", "asia-northeast1/clusters", {"cluster": {"name": "c", "status": "FINE"}})
    assert refused.value.error["status"] == "INVALID_ARGUMENT"
    assert refused.value.message == "Invalid value at 'cluster.status' (TYPE_ENUM), \"FINE\""


@pytest.mark.parametrize("raw", [b"{", b"[]", b'"x"'])
def test_what_is_no_json_object(cloud: Cloud, raw: bytes) -> None:
    with pytest.raises(Refused) as refused:
        cloud.compute("POST", "global/networks", raw)
    assert refused.value.code == 400


def test_numbers_in_text_and_text_in_numbers_become_canonical(discovery: Discovery) -> None:
    found = discovery.find("v1", "POST", "v1/projects/p/locations/l/clusters")
    assert found is not None
    raw = b'{"cluster": {"initialNodeCount": "3", "defaultMaxPodsConstraint": {"maxPodsPerNode": 64}, "network": null}}'
    assert discovery.body(found[0], raw) == {
        "cluster": {"initialNodeCount": 3, "defaultMaxPodsConstraint": {"maxPodsPerNode": "64"}}
    }


def test_output_only_fields_are_left_out(discovery: Discovery) -> None:
    body = {"name": "r", "id": "1", "selfLink": "x", "kind": "y", "creationTimestamp": "z", "bgp": {"asn": 65000}}
    assert discovery.writable("compute", "Router", body) == {"name": "r", "bgp": {"asn": 65000}}


def test_a_wrong_answer_of_the_lab_is_a_500(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(core.HANDLERS, "compute.networks.get", lambda call: {"name": "n", "invented": True})
    with pytest.raises(Refused) as refused:
        cloud.compute("GET", "global/networks/n")
    assert refused.value.code == 500
    assert "breaks Google's discovery document" in refused.value.message
    cloud.lab.check_responses = False
    assert cloud.compute("GET", "global/networks/n") == {"name": "n", "invented": True}


def test_an_error_in_a_handler_is_a_500_and_the_lab_goes_on(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(core.HANDLERS, "compute.networks.get", lambda call: call.body["absent"])
    with pytest.raises(Refused, match="KeyError"):
        cloud.compute("GET", "global/networks/n")
    assert "Traceback" in capsys.readouterr().err
    assert "items" not in cloud.compute("GET", "global/networks")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="google-api-python-client"):
        Discovery()


def test_faults_name_themselves() -> None:
    assert ApiFault(400, "m", "resourceInUseByAnotherResource").compute_operation_error() == {
        "errors": [{"code": "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", "message": "m"}]
    }
