# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of site.yml that are killed come to the same estate when it is run again, without orphan and without duplicate.

Here one run after the other is killed on the same estate, a request of each kind further every time. `make test-resume`
does it after every single request, each on a new estate.
"""

from __future__ import annotations

import pathlib
import re
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.integration.api import COMPUTE, REGION, Api, Json
from ansible_collections.podreach.gke.tests.integration.estates import ec2
from ansible_collections.podreach.gke.tests.integration.resuming import Resuming
from ansible_collections.podreach.gke.tests.integration.sites import Sites
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

#: What the killed runs were doing; one after the other as site.yml comes to it.
POINTS: tuple[Json, ...] = (
    {"path": "/global/networks$"},
    {"path": "/locations/[^/]+/clusters$"},
    {"method": "AuthorizeSecurityGroupIngress"},
    {"method": "CreateVpnGateway"},
    {"method": "CreateCustomerGateway"},
    {"method": "CreateVpnConnection"},
    {"method": "CreateVpnConnection"},
    {"path": "/vpnTunnels$", "count": 2},
    {"method": "PATCH", "path": "/routers/"},
    {"path": "^/api/v1/namespaces/default/services$"},
    {"path": "^/api/v1/namespaces/default/pods$"},
)


@pytest.fixture(scope="module")
def reference(lab_process: Lab, tmp_path_factory: pytest.TempPathFactory) -> Json:
    """The estate of a run that nobody disturbed, and its requests."""
    undisturbed = Resuming(Sites(lab_process, tmp_path_factory.mktemp("reference")))
    requests = undisturbed.undisturbed()
    return {"estate": undisturbed.reference, "requests": requests}


def when(point: Json, requests: list[Json]) -> int:
    """Where a point is in the order of an undisturbed run."""
    method, path = point.get("method", ""), point.get("path", "")
    return next(
        place for place, item in enumerate(requests) if method in ("", item["method"]) and re.search(path, item["path"])
    )


@pytest.fixture
def resuming(lab: Lab, tmp_path: pathlib.Path, reference: Json) -> Resuming:
    return Resuming(Sites(lab, tmp_path), reference=reference["estate"])


def another_gateway(lab: Lab) -> None:
    ec2(lab).create_vpn_gateway(Type="ipsec.1")


def another_customer_gateway(lab: Lab) -> None:
    """With the tags that a lost one would have."""
    client = ec2(lab)
    [first, *_others] = client.describe_customer_gateways()["CustomerGateways"]
    tags = [{"ResourceType": "customer-gateway", "Tags": first["Tags"]}]
    client.create_customer_gateway(Type="ipsec.1", BgpAsn=65010, PublicIp="192.0.2.9", TagSpecifications=tags)


def another_address(lab: Lab) -> None:
    """Of a Service that is not there."""
    place = f"projects/podreach-lab/regions/{REGION}/subnetworks/aws-internal-connect-subnet-1"
    body = {"name": "orphan", "addressType": "INTERNAL", "subnetwork": place}
    Api(lab).post(f"{COMPUTE}/regions/{REGION}/addresses", body)


ORPHANS = (another_gateway, another_customer_gateway, another_address)


def test_killed_at_every_kind_of_request(resuming: Resuming, reference: Json) -> None:
    resuming.begin()
    for point in sorted(POINTS, key=lambda item: when(item, reference["requests"])):
        request = resuming.killed(**point)
        assert request is not None, f"the run ended before {point}"
    assert resuming.finished() == []
    # and whatever it had left would have been seen
    for made, orphan in enumerate(ORPHANS, 1):
        orphan(resuming.lab)
        assert len(resuming.compare()) == made, orphan.__name__


def without_tags(lab: Lab) -> None:
    """A gateway as it would be, had its tags been put on by a second request."""
    client = ec2(lab)
    [gateway] = client.describe_vpn_gateways()["VpnGateways"]
    client.delete_tags(Resources=[gateway["VpnGatewayId"]], Tags=[{"Key": tag["Key"]} for tag in gateway["Tags"]])


def test_a_duplicate_would_be_seen(resuming: Resuming) -> None:
    """What makes the difference here are the tags, with which a thing at AWS is found again."""
    resuming.begin()
    assert resuming.killed(method="CreateVpnGateway")
    without_tags(resuming.lab)
    [problem] = resuming.finished()
    assert "/AWS/VpnGateways: 1 and 2 items" in problem


def test_what_the_estates_hold(reference: Json) -> None:
    """The comparison is worth what it looks at."""
    made = reference["estate"]
    google = {place.split("/")[-2] for place in made["Google"]}
    assert google >= {"networks", "subnetworks", "routers", "firewalls", "vpnGateways", "externalVpnGateways"}
    assert google >= {"vpnTunnels", "clusters", "forwardingRules", "backendServices"}
    amazon: dict[str, t.Any] = {kind: len(items) for kind, items in made["AWS"].items()}
    assert (amazon["VpnGateways"], amazon["CustomerGateways"], amazon["VpnConnections"]) == (1, 2, 2)
    [router] = [item for place, item in made["Google"].items() if place.endswith("aws-vpn-router")]
    assert (len(router["interfaces"]), len(router["bgpPeers"])) == (4, 4)
    [cluster] = made["Kubernetes"].values()
    assert "plot" in [item["name"] for item in cluster["services"]]
    assert not [item for item in cluster["pods"] if item["namespace"] == "default"]
