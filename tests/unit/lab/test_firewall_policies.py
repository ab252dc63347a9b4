# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Firewall policies of every sort, and the order in which an instance meets them."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.podreach.gke.tests.lab.podreach_lab.compute import effective, firewall_policies
from ansible_collections.podreach.gke.tests.lab.podreach_lab.organization import FOLDER, ORGANIZATION
from ansible_collections.podreach.gke.tests.lab.podreach_lab.state import Resource
from ansible_collections.podreach.gke.tests.unit.lab.cloud import REGION, ZONE, Cloud, Refused
from ansible_collections.podreach.gke.tests.unit.lab.test_instances import create

Json = dict[str, t.Any]
GLOBAL = "global/firewallPolicies"
REGIONAL = f"regions/{REGION}/firewallPolicies"
NETWORK = "projects/podreach-lab/global/networks/n1"


def rule(priority: int = 1000, action: str = "deny", source: str = "10.0.0.0/8", **fields: t.Any) -> Json:
    match = {"srcIpRanges": [source], "layer4Configs": [{"ipProtocol": "tcp", "ports": ["80", "8000-9000"]}]}
    return {"priority": priority, "direction": "INGRESS", "action": action, "match": match, **fields}


def policy(cloud: Cloud, name: str, where: str = GLOBAL, *rules: Json, network: str = "n1") -> None:
    """A policy of a network, associated."""
    cloud.compute("POST", where, {"name": name})
    for item in rules or (rule(),):
        cloud.compute("POST", f"{where}/{name}/addRule", item)
    link = {"name": "a", "attachmentTarget": f"global/networks/{network}"}
    cloud.compute("POST", f"{where}/{name}/addAssociation", link)


def organization(cloud: Cloud, method: str, path: str, body: Json | None = None) -> Json:
    return cloud.call(method, f"/compute/v1/locations/global/firewallPolicies{path}", body)


def hierarchical(cloud: Cloud, name: str, node: str, *rules: Json) -> str:
    """A policy of the organization or folder, associated with it; its number."""
    made = organization(cloud, "POST", f"?parentId={node}", {"shortName": name})
    number = str(made["targetLink"].rsplit("/", 1)[1])
    for item in rules or (rule(),):
        organization(cloud, "POST", f"/{number}/addRule", item)
    organization(cloud, "POST", f"/{number}/addAssociation", {"name": "a", "attachmentTarget": node})
    return number


@pytest.fixture
def estate(cloud: Cloud) -> Cloud:
    cloud.estate()
    create(cloud)
    return cloud


def vm(cloud: Cloud) -> Resource:
    found = cloud.lab.state.get(f"projects/podreach-lab/zones/{ZONE}/instances/vm1")
    assert found is not None
    return found


def order(cloud: Cloud) -> list[tuple[str, str]]:
    return [(layer.kind, layer.policy) for layer in effective.layers(cloud.lab.state, vm(cloud))]


def everything(cloud: Cloud) -> None:
    """One of each sort, made in no particular order."""
    policy(cloud, "reg", REGIONAL)
    policy(cloud, "net")
    hierarchical(cloud, "fold", FOLDER)
    network = cloud.lab.state.get(NETWORK)
    assert network is not None
    firewall_policies.add_system_policy(cloud.lab.state, network, REGION, "gke-system", [rule(action="allow")])
    hierarchical(cloud, "org", ORGANIZATION)
    policy(cloud, "elsewhere", "regions/us-east1/firewallPolicies")


def test_the_order_of_layers(estate: Cloud) -> None:
    everything(estate)
    hierarchy = [("hierarchy", "org"), ("hierarchy", "fold"), ("system", "gke-system")]
    own = [("network", "net"), ("network-regional", "reg")]
    assert order(estate) == [*hierarchy, ("vpc", ""), *own, ("implied", "")]
    change = {"networkFirewallPolicyEnforcementOrder": "BEFORE_CLASSIC_FIREWALL"}
    estate.compute("PATCH", "global/networks/n1", change)
    assert order(estate) == [*hierarchy, *own, ("vpc", ""), ("implied", "")]


def test_no_policies(estate: Cloud) -> None:
    assert order(estate) == [("vpc", ""), ("implied", "")]
    assert [(item.direction, item.action) for item in effective.layers(estate.lab.state, vm(estate))[-1].rules] == [
        ("EGRESS", "allow"),
        ("INGRESS", "deny"),
    ]


def names(cloud: Cloud, kind: str) -> list[str]:
    found = next(layer for layer in effective.layers(cloud.lab.state, vm(cloud)) if layer.kind == kind)
    return [item.name for item in found.rules]


def firewall(cloud: Cloud, name: str, **fields: t.Any) -> None:
    body = {"name": name, "network": "global/networks/n1", "allowed": [{"IPProtocol": "tcp", "ports": ["443"]}]}
    cloud.compute("POST", "global/firewalls", {**body, **fields})


def test_vpc_rules(estate: Cloud) -> None:
    firewall(estate, "a")
    firewall(
        estate, "z-deny", allowed=None, denied=[{"IPProtocol": "6", "ports": ["1-2"]}], sourceRanges=["10.0.0.0/8"]
    )
    firewall(estate, "first", priority=10, sourceTags=["web"], targetTags=["web", "other"])
    firewall(estate, "off", disabled=True)
    firewall(estate, "another-target", targetTags=["db"])
    firewall(estate, "by-account", targetServiceAccounts=["100000000001-compute@developer.gserviceaccount.com"])
    firewall(estate, "six", sourceRanges=["::/0"])
    firewall(estate, "out", direction="EGRESS", destinationRanges=["10.0.0.0/8"])
    assert names(estate, "vpc") == ["first", "z-deny", "a", "by-account", "out"]
    rules = {item.name: item for layer in effective.layers(estate.lab.state, vm(estate)) for item in layer.rules}
    assert rules["z-deny"].layer4 == (effective.Layer4("tcp", ((1, 2),)),)
    assert rules["a"].src_ranges == ("0.0.0.0/0",)
    assert (rules["first"].src_ranges, rules["first"].src_tags) == ((), ("web",))
    assert rules["out"].dest_ranges == ("10.0.0.0/8",)
    create(estate, "vm2", aliasIpRanges=[{"ipCidrRange": "/24", "subnetworkRangeName": "pods"}])
    assert effective.primary_addresses(estate.lab.state, NETWORK, rules["first"]) == ["10.1.0.2", "10.1.0.3"]
    assert effective.primary_addresses(estate.lab.state, NETWORK, rules["a"]) == []


def test_policy_rules(estate: Cloud) -> None:
    here, there = "global/networks/n1", "projects/podreach-peer/global/networks/n1"
    account = "100000000001-compute@developer.gserviceaccount.com"
    hierarchical(
        estate,
        "org",
        ORGANIZATION,
        rule(3, "goto_next"),
        rule(2, "allow", targetServiceAccounts=["a@b"]),
        rule(1, targetResources=[f"projects/podreach-lab/{here}"], ruleName="named"),
        rule(4, targetResources=[there]),
        rule(5, disabled=True),
        rule(6, targetServiceAccounts=[account]),
    )
    assert names(estate, "hierarchy") == ["named", "org/3", "org/6", "org/2147483646", "org/2147483647"]


def test_rules_of_a_policy(estate: Cloud) -> None:
    policy(estate, "net")
    where = f"{GLOBAL}/net"
    assert [item["priority"] for item in estate.compute("GET", where)["rules"]] == [
        1000,
        2147483644,
        2147483645,
        2147483646,
        2147483647,
    ]
    with pytest.raises(Refused, match="exists already"):
        estate.compute("POST", f"{where}/addRule", rule())
    estate.compute("POST", f"{where}/patchRule?priority=1000", {"action": "allow", "priority": 900})
    assert estate.compute("GET", f"{where}/getRule?priority=900")["action"] == "allow"
    estate.compute("POST", f"{where}/removeRule?priority=900")
    with pytest.raises(Refused, match="no rule with this priority"):
        estate.compute("GET", f"{where}/getRule?priority=900")
    with pytest.raises(Refused, match="Default rules"):
        estate.compute("POST", f"{where}/removeRule?priority=2147483647")
    estate.compute("POST", GLOBAL, {"name": "copy"})
    estate.compute("POST", f"{where}/addRule", rule(7))
    estate.compute("POST", f"{GLOBAL}/copy/cloneRules?sourceFirewallPolicy=projects/podreach-lab/{where}")
    assert estate.compute("GET", f"{GLOBAL}/copy")["rules"][0]["priority"] == 7


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"action": "mirror"}, 400),
        ({"action": "apply_security_profile_group"}, 501),
        ({"direction": "SIDEWAYS"}, 400),
        ({"priority": -1}, 400),
        ({"match": None}, 400),
        ({"match": {"srcIpRanges": ["10.0.0.0/8"]}}, 400),
        ({"match": {"srcIpRanges": ["10.0.0.1/8"], "layer4Configs": [{"ipProtocol": "all"}]}}, 400),
        ({"match": {"srcFqdns": ["a.example"], "layer4Configs": [{"ipProtocol": "all"}]}}, 501),
        ({"match": {"layer4Configs": [{"ipProtocol": "icmp", "ports": ["1"]}]}}, 400),
        ({"targetSecureTags": [{"name": "tagValues/1"}]}, 501),
    ],
)
def test_bad_policy_rules(cloud: Cloud, fields: Json, code: int) -> None:
    cloud.compute("POST", GLOBAL, {"name": "p"})
    body = {key: value for key, value in {**rule(), **fields}.items() if value is not None}
    with pytest.raises(Refused) as refused:
        cloud.compute("POST", f"{GLOBAL}/p/addRule", body)
    assert refused.value.code == code


def test_associations(estate: Cloud) -> None:
    policy(estate, "net")
    link = estate.compute("GET", "global/networks/n1")["firewallPolicy"]
    assert link.endswith(f"/{GLOBAL}/net")
    with pytest.raises(Refused, match="is already being used by"):
        estate.compute("DELETE", f"{GLOBAL}/net")
    estate.compute("POST", GLOBAL, {"name": "other"})
    body = {"name": "b", "attachmentTarget": "global/networks/n1"}
    with pytest.raises(Refused, match="already associated"):
        estate.compute("POST", f"{GLOBAL}/other/addAssociation", body)
    estate.compute("POST", f"{GLOBAL}/other/addAssociation?replaceExistingAssociation=true", body)
    assert estate.compute("GET", f"{GLOBAL}/net")["associations"] == []
    assert estate.compute("GET", f"{GLOBAL}/other/getAssociation?name=b")["attachmentTarget"].endswith("/networks/n1")
    assert ("network", "other") in order(estate)
    estate.compute("POST", f"{GLOBAL}/other/removeAssociation?name=b")
    assert "firewallPolicy" not in estate.compute("GET", "global/networks/n1")
    estate.compute("DELETE", f"{GLOBAL}/other")
    assert [item["name"] for item in estate.compute("GET", GLOBAL)["items"]] == ["net"]


def test_the_organizations_policies(estate: Cloud) -> None:
    number = hierarchical(estate, "org", ORGANIZATION)
    hierarchical(estate, "fold", FOLDER)
    found = organization(estate, "GET", f"?parentId={ORGANIZATION}")["items"]
    assert [(item["shortName"], item["parent"]) for item in found] == [("org", ORGANIZATION)]
    assert organization(estate, "GET", f"/{number}")["shortName"] == "org"
    links = organization(estate, "GET", f"/listAssociations?targetResource={FOLDER}&includeInheritedPolicies=true")
    assert {item["shortName"] for item in links["associations"]} == {"org", "fold"}
    with pytest.raises(Refused) as refused:
        organization(estate, "POST", "?parentId=organizations/1", {"shortName": "x"})
    assert refused.value.code == 403
    token = estate.accounts.issue(estate.accounts.accounts["lab"].caller)
    estate.headers = {"authorization": f"Bearer {token}"}
    with pytest.raises(Refused) as refused:
        organization(estate, "GET", f"?parentId={ORGANIZATION}")
    assert refused.value.code == 403


def test_operations_of_the_organization(cloud: Cloud) -> None:
    made = organization(cloud, "POST", f"?parentId={ORGANIZATION}", {"shortName": "org"})
    assert made["name"].startswith("org-123456789012-operation-")
    again = cloud.call("GET", f"/compute/v1/locations/global/operations/{made['name']}?parentId={ORGANIZATION}")
    assert again["status"] == "DONE"


def test_what_is_in_effect(estate: Cloud) -> None:
    everything(estate)
    firewall(estate, "a")
    firewall(estate, "for-others", targetTags=["db"])
    found = estate.compute("GET", f"zones/{ZONE}/instances/vm1/getEffectiveFirewalls?networkInterface=nic0")
    assert [item["name"] for item in found["firewalls"]] == ["a"]
    assert [item["type"] for item in found["firewallPolicys"]] == [
        "HIERARCHY",
        "HIERARCHY",
        "SYSTEM_REGIONAL",
        "NETWORK",
        "NETWORK_REGIONAL",
    ]
    assert [item.get("shortName") for item in found["firewallPolicys"]][:2] == ["org", "fold"]
    assert found["firewallPolicys"][3]["priority"] == 1000
    found = estate.compute("GET", "global/networks/n1/getEffectiveFirewalls")
    assert {item["name"] for item in found["firewalls"]} == {"a", "for-others"}
    assert [item["type"] for item in found["firewallPolicys"]] == ["HIERARCHY", "HIERARCHY", "NETWORK"]
    found = estate.compute("GET", f"{REGIONAL}/getEffectiveFirewalls?network=n1")
    assert [item["type"] for item in found["firewallPolicys"]][2:] == ["SYSTEM_REGIONAL", "NETWORK", "NETWORK_REGIONAL"]
    for query in ("", "?networkInterface=nic7"):
        with pytest.raises(Refused):
            estate.compute("GET", f"zones/{ZONE}/instances/vm1/getEffectiveFirewalls{query}")


def test_a_network_with_a_policy_stays(cloud: Cloud) -> None:
    cloud.network()
    policy(cloud, "net")
    assert "firewallPolicies/net" in cloud.compute("DELETE", "global/networks/n1")["error"]["errors"][0]["message"]
