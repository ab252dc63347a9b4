# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.firewalls and compute.routes."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.podreach.gke.tests.unit.lab.cloud import REGION, ZONE, Cloud, Refused
from ansible_collections.podreach.gke.tests.unit.lab.test_addresses import behind
from ansible_collections.podreach.gke.tests.unit.lab.test_instances import create

Json = dict[str, t.Any]


def rule(cloud: Cloud, **fields: t.Any) -> Json:
    body = {"name": "f1", "network": "global/networks/n1", "allowed": [{"IPProtocol": "tcp", "ports": ["443"]}]}
    return cloud.compute("POST", "global/firewalls", {**body, **fields})


def test_rule_defaults(cloud: Cloud) -> None:
    cloud.network()
    rule(cloud)
    found = cloud.compute("GET", "global/firewalls/f1")
    assert (found["direction"], found["priority"], found["disabled"]) == ("INGRESS", 1000, False)
    assert found["sourceRanges"] == ["0.0.0.0/0"]
    assert found["logConfig"] == {"enable": False}
    rule(cloud, name="f2", direction="EGRESS", allowed=None, denied=[{"IPProtocol": "all"}])
    assert cloud.compute("GET", "global/firewalls/f2")["destinationRanges"] == ["0.0.0.0/0"]


def test_patch_merges_and_put_replaces(cloud: Cloud) -> None:
    cloud.network()
    rule(cloud, sourceRanges=["10.0.0.0/8"], description="d")
    cloud.compute("PATCH", "global/firewalls/f1", {"sourceRanges": ["10.0.0.0/9"]})
    found = cloud.compute("GET", "global/firewalls/f1")
    assert (found["sourceRanges"], found["description"]) == (["10.0.0.0/9"], "d")
    cloud.compute("PATCH", "global/firewalls/f1", {"denied": [{"IPProtocol": "icmp"}]})
    assert "allowed" not in cloud.compute("GET", "global/firewalls/f1")
    cloud.compute("PUT", "global/firewalls/f1", {"name": "f1", "allowed": [{"IPProtocol": "ICMP"}]})
    found = cloud.compute("GET", "global/firewalls/f1")
    assert found["allowed"] == [{"IPProtocol": "icmp"}]
    assert found["sourceRanges"] == ["0.0.0.0/0"]
    assert "description" not in found
    cloud.compute("DELETE", "global/firewalls/f1")
    assert "items" not in cloud.compute("GET", "global/firewalls")


@pytest.mark.parametrize(
    "fields",
    [
        {"allowed": None},
        {"denied": [{"IPProtocol": "all"}]},
        {"priority": 70000},
        {"sourceRanges": ["10.0.0.1/8"]},
        {"sourceRanges": ["ten"]},
        {"allowed": [{"IPProtocol": "icmp", "ports": ["1"]}]},
        {"allowed": [{"IPProtocol": "tcp", "ports": ["90-80"]}]},
        {"allowed": [{"IPProtocol": "tcp", "ports": ["70000"]}]},
        {"allowed": [{"IPProtocol": "quic"}]},
        {"allowed": [{"ports": ["1"]}]},
        {"direction": "EGRESS", "sourceTags": ["a"]},
        {"sourceTags": ["a"], "targetServiceAccounts": ["a@b"]},
        {"network": "global/networks/none"},
        {"direction": "SIDEWAYS"},
    ],
)
def test_bad_rules(cloud: Cloud, fields: Json) -> None:
    cloud.network()
    with pytest.raises(Refused) as refused:
        rule(cloud, **fields)
    assert refused.value.code == 400
    assert "items" not in cloud.compute("GET", "global/firewalls")


@pytest.mark.parametrize("change", [{"network": "global/networks/n2"}, {"direction": "EGRESS"}, {"name": "f2"}])
def test_fixed_fields_of_a_rule(cloud: Cloud, change: Json) -> None:
    cloud.network()
    cloud.network("n2")
    rule(cloud)
    with pytest.raises(Refused, match="immutable"):
        cloud.compute("PATCH", "global/firewalls/f1", change)


def test_the_server_makes_routes(cloud: Cloud) -> None:
    cloud.estate()
    found = {route["destRange"]: route for route in cloud.routes()}
    assert set(found) == {"0.0.0.0/0", "10.1.0.0/24", "10.4.0.0/20", "10.5.0.0/22"}
    default = found["0.0.0.0/0"]
    assert default["nextHopGateway"].endswith("/global/gateways/default-internet-gateway")
    assert default["priority"] == 1000
    local = found["10.1.0.0/24"]
    assert (local["priority"], local["nextHopNetwork"]) == (0, local["network"])
    assert "routeType" not in local
    with pytest.raises(Refused, match="local route cannot be deleted"):
        cloud.compute("DELETE", f"global/routes/{local['name']}")
    cloud.compute("DELETE", f"global/routes/{default['name']}")


def static(cloud: Cloud, **fields: t.Any) -> Json:
    body = {"name": "r1", "network": "global/networks/n1", "destRange": "10.9.0.0/16", "nextHopIp": "10.1.0.9"}
    return cloud.compute("POST", "global/routes", {**body, **fields})


def test_static_routes(cloud: Cloud) -> None:
    cloud.estate()
    static(cloud)
    assert cloud.compute("GET", "global/routes/r1")["priority"] == 1000
    assert cloud.compute("DELETE", "global/networks/n1")["error"]
    cloud.compute("DELETE", "global/routes/r1")
    with pytest.raises(Refused, match="hides the address space of the network"):
        static(cloud, destRange="10.4.1.0/24")


@pytest.mark.parametrize(
    "fields",
    [
        {"nextHopIp": None},
        {"nextHopGateway": "global/gateways/default-internet-gateway"},
        {"destRange": "10.9.0.1/16"},
        {"destRange": None},
        {"priority": 65536},
        {"network": "n1"},
    ],
)
def test_bad_routes(cloud: Cloud, fields: Json) -> None:
    cloud.estate()
    with pytest.raises(Refused) as refused:
        static(cloud, **fields)
    assert refused.value.code == 400


def test_routes_in_a_legacy_network(cloud: Cloud) -> None:
    cloud.compute("POST", "global/networks", {"name": "n1", "IPv4Range": "10.148.0.0/16"})
    with pytest.raises(Refused) as refused:
        static(cloud, destRange="10.148.252.10/32")
    assert refused.value.message == (
        "Invalid value for field 'resource.destRange': '10.148.252.10/32'. r1 hides the reserved address space for "
        "network (10.148.0.0/16). Cannot change the routing of packets destined for the network."
    )
    static(cloud)


def test_subnetworks_and_static_routes(cloud: Cloud) -> None:
    cloud.network()
    static(cloud, destRange="10.1.0.0/16")
    with pytest.raises(Refused, match="conflicts with existing route 'r1'"):
        cloud.subnetwork("s1", "10.0.0.0/8")
    hybrid = {"name": "s1", "network": "global/networks/n1", "allowSubnetCidrRoutesOverlap": True}
    cloud.compute("POST", f"regions/{REGION}/subnetworks", {**hybrid, "ipCidrRange": "10.0.0.0/8"})
    static(cloud, name="r2", destRange="10.1.5.0/24")
    cloud.subnetwork("s2", "11.0.0.0/24")
    static(cloud, name="r3", destRange="11.0.1.0/24")
    expand = f"regions/{REGION}/subnetworks/s2/expandIpCidrRange"
    with pytest.raises(Refused, match="conflicts with existing route 'r3'"):
        cloud.compute("POST", expand, {"ipCidrRange": "11.0.0.0/16"})


def test_next_hops(cloud: Cloud) -> None:
    cloud.estate()
    cloud.network("n2")
    cloud.subnetwork("s2", "10.2.0.0/24", "n2")
    create(cloud, "vm1")
    create(cloud, "vm2", "s2")
    hop = f"zones/{ZONE}/instances/vm1"
    static(cloud, nextHopIp=None, nextHopInstance=hop, tags=["gw"])
    route = cloud.compute("GET", "global/routes/r1")
    assert (route["tags"], route["routeType"]) == (["gw"], "STATIC")
    assert route["nextHopInstance"].startswith("https://www.googleapis.com/")
    assert route["warnings"][0]["code"] == "NEXT_HOP_CANNOT_IP_FORWARD"
    cloud.compute("POST", f"{hop}/stop")
    assert cloud.compute("GET", "global/routes/r1")["warnings"][0]["code"] == "NEXT_HOP_NOT_RUNNING"
    cloud.compute("DELETE", hop)
    assert cloud.compute("GET", "global/routes/r1")["warnings"][0]["code"] == "NEXT_HOP_INSTANCE_NOT_FOUND"
    static(cloud, name="r2")
    assert cloud.compute("GET", "global/routes/r2")["warnings"][0]["code"] == "NEXT_HOP_ADDRESS_NOT_ASSIGNED"
    with pytest.raises(Refused, match="no interface in the route's network"):
        static(cloud, name="r3", nextHopIp=None, nextHopInstance=f"zones/{ZONE}/instances/vm2")
    for fields in (
        {"nextHopIp": "10.1.0.0/24"},
        {"tags": ["Bad"]},
        {"nextHopIp": None, "nextHopIlb": "ten"},
        {"nextHopIp": None, "nextHopIlb": f"regions/{REGION}/forwardingRules/none"},
    ):
        with pytest.raises(Refused):
            static(cloud, name="r3", **fields)
    static(cloud, name="r3", nextHopIp=None, nextHopIlb="10.1.0.20")
    behind(cloud)
    rule = {
        "name": "f1",
        "loadBalancingScheme": "INTERNAL",
        "subnetwork": f"regions/{REGION}/subnetworks/s1",
        "backendService": f"regions/{REGION}/backendServices/b",
        "allPorts": True,
    }
    cloud.compute("POST", f"regions/{REGION}/forwardingRules", rule)
    static(cloud, name="r4", nextHopIp=None, nextHopIlb=f"regions/{REGION}/forwardingRules/f1")
    assert cloud.compute("GET", "global/routes/r4")["nextHopIlb"].endswith("/forwardingRules/f1")
