# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.addresses and compute.forwardingRules."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.podreach.gke.tests.unit.lab.cloud import REGION, Cloud, Refused
from ansible_collections.podreach.gke.tests.unit.lab.test_instances import create

Json = dict[str, t.Any]
ADDRESSES = f"regions/{REGION}/addresses"
RULES = f"regions/{REGION}/forwardingRules"
SUBNETWORK = f"regions/{REGION}/subnetworks/s1"


def reserve(cloud: Cloud, name: str = "a1", **fields: t.Any) -> Json:
    body = {"name": name, "addressType": "INTERNAL", "subnetwork": SUBNETWORK}
    cloud.compute("POST", ADDRESSES, {**body, **fields})
    return cloud.compute("GET", f"{ADDRESSES}/{name}")


def behind(cloud: Cloud, name: str = "b", **fields: t.Any) -> Json:
    """A backend service, with a health check of its own."""
    check = {"name": name, "type": "HTTP", "httpHealthCheck": {"port": 10256}}
    cloud.compute("POST", "global/healthChecks", check)
    body = {"name": name, "loadBalancingScheme": "INTERNAL", "healthChecks": [f"global/healthChecks/{name}"]}
    cloud.compute("POST", f"regions/{REGION}/backendServices", {**body, **fields})
    return cloud.compute("GET", f"regions/{REGION}/backendServices/{name}")


def balance(cloud: Cloud, name: str = "f1", **fields: t.Any) -> Json:
    """A forwarding rule, and the backend service behind it."""
    if not cloud.compute("GET", f"regions/{REGION}/backendServices").get("items"):
        behind(cloud)
    body = {
        "name": name,
        "loadBalancingScheme": "INTERNAL",
        "network": "global/networks/n1",
        "subnetwork": SUBNETWORK,
        "backendService": f"regions/{REGION}/backendServices/b",
        "ports": ["80"],
    }
    cloud.compute("POST", RULES, {**body, **fields})
    return cloud.compute("GET", f"{RULES}/{name}")


def test_reserved_addresses(cloud: Cloud) -> None:
    cloud.estate()
    first = reserve(cloud)
    assert (first["address"], first["status"], first["purpose"]) == ("10.1.0.2", "RESERVED", "GCE_ENDPOINT")
    assert reserve(cloud, "a2", address="10.1.0.50")["address"] == "10.1.0.50"
    for text in ("10.1.0.50", "10.9.0.1", "10.1.0.1"):
        with pytest.raises(Refused):
            reserve(cloud, "a3", address=text)
    create(cloud, "vm1")
    assert cloud.compute("GET", f"{ADDRESSES}/a1")["status"] == "RESERVED"  # not given to who did not ask for it
    create(cloud, "vm2", networkIP="10.1.0.2")
    used = cloud.compute("GET", f"{ADDRESSES}/a1")
    assert (used["status"], used["users"][0].rsplit("/", 1)[1]) == ("IN_USE", "vm2")
    with pytest.raises(Refused, match="already being used by 'projects/podreach-lab/zones/.*/instances/vm2'"):
        cloud.compute("DELETE", f"{ADDRESSES}/a1")
    cloud.compute("DELETE", f"{ADDRESSES}/a2")
    assert [item["name"] for item in cloud.compute("GET", ADDRESSES)["items"]] == ["a1"]
    found = cloud.compute("GET", "aggregated/addresses")["items"]
    assert [item["name"] for item in found[f"regions/{REGION}"]["addresses"]] == ["a1"]


def test_the_address_of_an_instance_may_be_reserved(cloud: Cloud) -> None:
    cloud.estate()
    create(cloud)
    assert reserve(cloud, address="10.1.0.2")["status"] == "IN_USE"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"addressType": "EXTERNAL"}, 501),
        ({"purpose": "VPC_PEERING"}, 501),
        ({"purpose": "NONSENSE"}, 400),
        ({"subnetwork": None}, 400),
        ({"subnetwork": f"regions/{REGION}/subnetworks/none"}, 404),
        ({"address": "ten"}, 400),
    ],
)
def test_bad_addresses(cloud: Cloud, fields: Json, code: int) -> None:
    cloud.estate()
    with pytest.raises(Refused) as refused:
        reserve(cloud, **fields)
    assert refused.value.code == code


def test_forwarding_rules(cloud: Cloud) -> None:
    cloud.estate()
    rule = balance(cloud)
    assert (rule["IPAddress"], rule["allowGlobalAccess"], rule["IPProtocol"]) == ("10.1.0.2", False, "TCP")
    with pytest.raises(Refused, match="already being used"):
        create(cloud, "vm1", networkIP="10.1.0.2")
    cloud.compute("PATCH", f"{RULES}/f1", {"allowGlobalAccess": True, "fingerprint": rule["fingerprint"]})
    assert cloud.compute("GET", f"{RULES}/f1")["allowGlobalAccess"] is True
    with pytest.raises(Refused, match="immutable"):
        cloud.compute("PATCH", f"{RULES}/f1", {"ports": ["81"]})
    with pytest.raises(Refused, match="forwardingRules/f1"):
        cloud.compute("DELETE", SUBNETWORK)
    assert [item["name"] for item in cloud.compute("GET", RULES)["items"]] == ["f1"]
    found = cloud.compute("GET", "aggregated/forwardingRules")["items"]
    assert len(found[f"regions/{REGION}"]["forwardingRules"]) == 1
    cloud.compute("DELETE", f"{RULES}/f1")
    cloud.compute("DELETE", SUBNETWORK)


def test_rules_and_reserved_addresses(cloud: Cloud) -> None:
    cloud.estate()
    reserve(cloud, "own", address="10.1.0.20")
    reserve(cloud, "shared", address="10.1.0.21", purpose="SHARED_LOADBALANCER_VIP")
    assert balance(cloud, "f1", IPAddress=f"{ADDRESSES}/own")["IPAddress"] == "10.1.0.20"
    with pytest.raises(Refused, match="already being used"):
        balance(cloud, "f2", IPAddress="10.1.0.20")
    balance(cloud, "f2", IPAddress="10.1.0.21")
    with pytest.raises(Refused, match="would result in a conflict"):
        balance(cloud, "f3", IPAddress="10.1.0.21")
    udp = behind(cloud, "u", protocol="UDP")["selfLink"]
    balance(cloud, "f3", IPAddress="10.1.0.21", IPProtocol="UDP", backendService=udp)
    assert len(cloud.compute("GET", f"{ADDRESSES}/shared")["users"]) == 2


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"loadBalancingScheme": "EXTERNAL"}, 501),
        ({"backendService": None}, 400),
        ({"ports": None}, 400),
        ({"ports": ["1", "2", "3", "4", "5", "6"]}, 400),
        ({"subnetwork": None}, 400),
        ({"IPAddress": f"{ADDRESSES}/none"}, 400),
    ],
)
def test_bad_forwarding_rules(cloud: Cloud, fields: Json, code: int) -> None:
    cloud.estate()
    with pytest.raises(Refused) as refused:
        balance(cloud, **fields)
    assert refused.value.code == code
