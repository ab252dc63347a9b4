# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instance templates and managed instance groups: what is made of them, and how they mend themselves."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.podreach.gke.tests.lab.podreach_lab.clock import ManualClock
from ansible_collections.podreach.gke.tests.unit.lab.cloud import REGION, ZONE, Cloud, Refused

Json = dict[str, t.Any]
REGIONAL, ZONAL = f"regions/{REGION}/instanceGroupManagers", f"zones/{ZONE}/instanceGroupManagers"
CHECKERS = ["130.211.0.0/22", "35.191.0.0/16"]


def template(cloud: Cloud, name: str = "t1", **fields: t.Any) -> Json:
    properties = {
        "machineType": "e2-micro",
        "disks": [{"boot": True, "autoDelete": True, "initializeParams": {"sourceImage": "debian"}}],
        "networkInterfaces": [{"subnetwork": f"regions/{REGION}/subnetworks/s1"}],
        "tags": {"items": ["web"]},
        **fields,
    }
    return cloud.compute("POST", "global/instanceTemplates", {"name": name, "properties": properties})


def group(cloud: Cloud, where: str = REGIONAL, size: int = 2, **fields: t.Any) -> Json:
    body = {"name": "g1", "baseInstanceName": "web", "instanceTemplate": "global/instanceTemplates/t1", **fields}
    return cloud.compute("POST", where, {**body, "targetSize": size})


def healing(cloud: Cloud, admit: bool = True, **check: t.Any) -> list[Json]:
    """A policy, and the rule that lets health checks in."""
    cloud.compute(
        "POST", "global/healthChecks", {"name": "h1", "type": "HTTP", "httpHealthCheck": {"port": 80}, **check}
    )
    if admit:
        rule = {"name": "checks", "network": "global/networks/n1", "allowed": [{"IPProtocol": "tcp"}]}
        cloud.compute("POST", "global/firewalls", {**rule, "sourceRanges": CHECKERS})
    return [{"healthCheck": "global/healthChecks/h1", "initialDelaySec": 60}]


def managed(cloud: Cloud, where: str = REGIONAL) -> list[Json]:
    found = cloud.compute("POST", f"{where}/g1/listManagedInstances")
    return t.cast(list[Json], found.get("managedInstances", []))


def names(cloud: Cloud) -> list[str]:
    return [item["name"] for item in cloud.nodes()]


def kill(cloud: Cloud, name: str) -> None:
    [found] = [item for item in cloud.lab.state.of_kind("compute#instance") if item.name == name]
    found.hidden["dead"] = True
    cloud.lab.state.changed_phase(found)


def start(slow: Cloud) -> ManualClock:
    """What `ready` has, and the clock that made it so."""
    clock = t.cast(ManualClock, slow.clock)
    for make in (slow.network, slow.subnetwork, lambda: template(slow)):
        make()
        clock.advance(60)
    return clock


@pytest.fixture
def ready(cloud: Cloud) -> Cloud:
    cloud.estate()
    template(cloud)
    return cloud


# ---- templates


def test_a_template(ready: Cloud) -> None:
    found = ready.compute("GET", "global/instanceTemplates/t1")
    [card] = found["properties"]["networkInterfaces"]
    assert card["network"].endswith("/networks/n1")
    assert [item["name"] for item in ready.compute("GET", "global/instanceTemplates")["items"]] == ["t1"]
    with pytest.raises(Refused) as refused:
        template(ready)
    assert refused.value.code == 409
    assert ready.raw("PATCH", "/compute/v1/projects/podreach-lab/global/instanceTemplates/t1", {}).status == 404
    ready.compute("DELETE", "global/instanceTemplates/t1")
    assert "items" not in ready.compute("GET", "global/instanceTemplates")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"machineType": f"zones/{ZONE}/machineTypes/e2-micro"}, "must be a name, without a zone"),
        ({"networkInterfaces": [{"network": "global/networks/none"}]}, "was not found"),
        ({"networkInterfaces": []}, "Required field 'resource.properties.networkInterfaces' not specified"),
    ],
)
def test_templates_that_are_refused(ready: Cloud, fields: Json, said: str) -> None:
    with pytest.raises(Refused, match=said):
        template(ready, "t2", **fields)


# ---- groups


def test_a_regional_group(ready: Cloud) -> None:
    group(ready, size=4)
    found = ready.compute("GET", f"{REGIONAL}/g1")
    assert found["status"]["isStable"] is True
    assert found["currentActions"]["none"] == 4
    assert len(found["distributionPolicy"]["zones"]) == 3
    made = ready.nodes()
    assert len({item["zone"] for item in made}) == 3
    assert all(item["status"] == "RUNNING" and item["name"].startswith("web-") for item in made)
    assert made[0]["tags"]["items"] == ["web"]
    assert {item["key"] for item in made[0]["metadata"]["items"]} == {"instance-template", "created-by"}
    assert len({item["networkInterfaces"][0]["networkIP"] for item in made}) == 4
    inside = ready.compute("POST", f"regions/{REGION}/instanceGroups/g1/listInstances", {})["items"]
    assert {item["instance"] for item in inside} == {item["selfLink"] for item in made}
    assert ready.compute("GET", f"regions/{REGION}/instanceGroups/g1")["size"] == 4
    assert ready.compute("GET", f"regions/{REGION}/instanceGroups")["items"][0]["name"] == "g1"
    ready.compute("POST", f"{REGIONAL}/g1/resize?size=1")
    assert len(ready.nodes()) == 1
    with pytest.raises(Refused, match="The instance_template resource '.*' is already being used by"):
        ready.compute("DELETE", "global/instanceTemplates/t1")
    ready.compute("DELETE", f"{REGIONAL}/g1")
    assert ready.nodes() == []
    assert "items" not in ready.compute("GET", f"regions/{REGION}/instanceGroups")


def test_a_zonal_group(ready: Cloud) -> None:
    group(ready, ZONAL)
    assert [item["name"] for item in ready.compute("GET", ZONAL)["items"]] == ["g1"]
    scopes = ready.compute("GET", "aggregated/instanceGroupManagers")["items"]
    assert [item["name"] for item in scopes[f"zones/{ZONE}"]["instanceGroupManagers"]] == ["g1"]
    assert {item["zone"].rsplit("/", 1)[1] for item in ready.nodes()} == {ZONE}
    with pytest.raises(Refused) as refused:
        group(ready, ZONAL)
    assert refused.value.code == 409


def test_time_passes_while_instances_are_made(slow: Cloud) -> None:
    clock = start(slow)
    group(slow, size=1)
    assert slow.compute("GET", f"{REGIONAL}/g1")["status"]["isStable"] is False
    clock.advance(8)
    [item] = managed(slow)
    assert (item["currentAction"], item["instanceStatus"]) == ("CREATING", "PROVISIONING")
    clock.advance(15)
    assert slow.compute("GET", f"{REGIONAL}/g1")["status"]["isStable"] is True
    slow.compute("POST", f"{REGIONAL}/g1/resize?size=0")
    assert [item["currentAction"] for item in managed(slow)] == ["DELETING"]
    clock.advance(60)
    assert managed(slow) == []


def test_a_new_template_is_for_new_instances(ready: Cloud) -> None:
    group(ready, size=1)
    template(ready, "t2", canIpForward=True)
    ready.compute("POST", f"{REGIONAL}/g1/setInstanceTemplate", {"instanceTemplate": "global/instanceTemplates/t2"})
    assert ready.compute("GET", f"{REGIONAL}/g1")["status"]["versionTarget"]["isReached"] is False
    ready.compute("DELETE", "global/instanceTemplates/t1")
    ready.compute("PATCH", f"{REGIONAL}/g1", {"targetSize": 2})
    assert sorted(item["canIpForward"] for item in ready.nodes()) == [False, True]


def test_what_somebody_deletes_comes_back(ready: Cloud) -> None:
    group(ready, ZONAL, size=1)
    [before] = ready.nodes()
    ready.compute("DELETE", f"zones/{ZONE}/instances/{before['name']}")
    [after] = ready.nodes()
    assert after["name"] == before["name"]
    assert after["id"] != before["id"]


def test_a_reset_ends_it_all(ready: Cloud) -> None:
    group(ready)
    ready.lab.reset()
    assert ready.lab.state.counts() == {}
    ready.estate()
    assert ready.nodes() == []


def test_instances_that_cannot_be_made(ready: Cloud) -> None:
    ready.subnetwork("tiny", "10.2.0.0/29")
    template(ready, "t3", networkInterfaces=[{"subnetwork": f"regions/{REGION}/subnetworks/tiny"}])
    group(ready, ZONAL, size=5, instanceTemplate="global/instanceTemplates/t3")
    assert ready.compute("GET", f"{ZONAL}/g1")["status"]["isStable"] is False
    [error] = ready.compute("GET", f"{ZONAL}/g1/listErrors")["items"]
    assert error["instanceActionDetails"]["action"] == "CREATING"
    [waiting] = [item for item in managed(ready, ZONAL) if "lastAttempt" in item]
    assert waiting["currentAction"] == "CREATING"
    path = f"regions/{REGION}/subnetworks/tiny/expandIpCidrRange"
    ready.compute("POST", path, {"ipCidrRange": "10.2.0.0/28"})
    assert len(ready.nodes()) == 5  # it was tried again
    assert ready.compute("GET", f"{ZONAL}/g1")["status"]["isStable"] is True


def test_behind_a_load_balancer(ready: Cloud) -> None:
    healing(ready)
    group(ready)
    service = {
        "name": "b1",
        "loadBalancingScheme": "INTERNAL",
        "protocol": "TCP",
        "healthChecks": ["global/healthChecks/h1"],
        "backends": [{"group": f"regions/{REGION}/instanceGroups/g1"}],
    }
    ready.compute("POST", f"regions/{REGION}/backendServices", service)
    rule = {"name": "r1", "loadBalancingScheme": "INTERNAL", "ports": ["80"], "network": "global/networks/n1"}
    rule |= {"subnetwork": f"regions/{REGION}/subnetworks/s1", "backendService": f"regions/{REGION}/backendServices/b1"}
    ready.compute("POST", f"regions/{REGION}/forwardingRules", rule)
    ask = {"group": f"regions/{REGION}/instanceGroups/g1"}
    found = ready.compute("POST", f"regions/{REGION}/backendServices/b1/getHealth", ask)
    assert [item["healthState"] for item in found["healthStatus"]] == ["HEALTHY", "HEALTHY"]
    with pytest.raises(Refused, match="The instance_group_manager resource '.*' is already being used by"):
        ready.compute("DELETE", f"{REGIONAL}/g1")


@pytest.mark.parametrize(
    ("fields", "code", "said"),
    [
        ({"instanceTemplate": "global/instanceTemplates/none"}, 404, "was not found"),
        ({"instanceTemplate": None}, 400, "Required field 'resource.instanceTemplate'"),
        ({"baseInstanceName": "Web"}, 400, "Must be a match of regex"),
        ({"targetSize": None}, 400, "Required field 'resource.targetSize'"),
        ({"targetSize": 5000}, 400, "Must be between"),
        ({"autoHealingPolicies": [{"healthCheck": "global/healthChecks/none"}]}, 400, "cannot be found"),
        ({"distributionPolicy": {"zones": [{"zone": "zones/us-east1-b"}]}}, 400, "must be a zone of the region"),
        ({"updatePolicy": {"type": "PROACTIVE"}}, 501, "does not model rolling updates"),
        ({"targetPools": ["x"]}, 501, "does not model targetPools"),
    ],
)
def test_groups_that_are_refused(ready: Cloud, fields: Json, code: int, said: str) -> None:
    body = {"name": "g1", "baseInstanceName": "web", "instanceTemplate": "global/instanceTemplates/t1", "targetSize": 1}
    with pytest.raises(Refused, match=said) as refused:
        ready.compute("POST", REGIONAL, {key: item for key, item in {**body, **fields}.items() if item is not None})
    assert refused.value.code == code
    assert ready.nodes() == []


def test_a_clusters_groups_are_for_reading(ready: Cloud) -> None:
    ready.cluster()
    [found] = ready.compute("GET", ZONAL)["items"]
    assert found["status"]["isStable"] is True
    with pytest.raises(Refused) as refused:
        ready.compute("POST", f"{ZONAL}/{found['name']}/resize?size=3")
    assert refused.value.code == 501


# ---- healing


def test_a_dead_instance_is_replaced(ready: Cloud) -> None:
    group(ready, autoHealingPolicies=healing(ready))
    assert {item["instanceHealth"][0]["detailedHealthState"] for item in managed(ready)} == {"HEALTHY"}
    before = {item["name"]: item["id"] for item in ready.nodes()}
    kill(ready, min(before))
    after = {item["name"]: item["id"] for item in ready.nodes()}
    assert sorted(after) == sorted(before)
    assert [name for name in before if before[name] != after[name]] == [min(before)]
    assert ready.compute("GET", f"{REGIONAL}/g1")["status"]["isStable"] is True
    with pytest.raises(Refused, match="The health_check resource '.*' is already being used by"):
        ready.compute("DELETE", "global/healthChecks/h1")


def test_replacing_takes_its_time(slow: Cloud) -> None:
    clock = start(slow)
    policies = healing(slow)
    clock.advance(60)
    group(slow, size=1, autoHealingPolicies=policies)
    clock.advance(60)
    [before] = managed(slow)
    kill(slow, before["name"])
    clock.advance(9)
    [item] = managed(slow)
    assert (item["currentAction"], item["instanceHealth"][0]["detailedHealthState"]) == ("NONE", "TIMEOUT")
    clock.advance(1)  # twice five seconds
    [item] = managed(slow)
    assert (item["currentAction"], item["instanceStatus"]) == ("RECREATING", "STOPPING")
    clock.advance(60)
    [after] = managed(slow)
    assert (after["name"], after["currentAction"]) == (before["name"], "NONE")
    assert after["id"] != before["id"]


def test_what_was_never_well_is_not_replaced(ready: Cloud) -> None:
    group(ready, autoHealingPolicies=healing(ready, admit=False))
    assert {item["currentAction"] for item in managed(ready)} == {"VERIFYING"}
    assert ready.compute("GET", f"{REGIONAL}/g1")["status"]["isStable"] is False
    rule = {"name": "checks", "network": "global/networks/n1", "allowed": [{"IPProtocol": "tcp", "ports": ["80"]}]}
    ready.compute("POST", "global/firewalls", {**rule, "sourceRanges": CHECKERS})
    assert ready.compute("GET", f"{REGIONAL}/g1")["status"]["isStable"] is True


@pytest.mark.parametrize(
    ("check", "well"),
    [
        ({"httpHealthCheck": {"port": 80, "requestPath": "/health", "response": "OK"}}, True),
        ({"httpHealthCheck": {"port": 80, "requestPath": "/", "response": "OK"}}, False),
        ({"type": "TCP", "httpHealthCheck": None, "tcpHealthCheck": {"port": 80}}, True),
        ({"httpHealthCheck": {"port": 8080}}, False),
        ({"type": "HTTPS", "httpHealthCheck": None, "httpsHealthCheck": {"port": 80}}, False),
    ],
)
def test_what_machines_answer(ready: Cloud, check: Json, well: bool) -> None:
    group(ready, size=1, autoHealingPolicies=healing(ready, **check))
    [item] = managed(ready)
    assert (item["currentAction"] == "NONE") is well


def test_healing_is_attached_and_taken_away(ready: Cloud) -> None:
    group(ready, size=1)
    [before] = ready.nodes()
    policies = healing(ready)
    ready.compute("PATCH", f"{REGIONAL}/g1", {"autoHealingPolicies": policies})
    assert ready.compute("GET", f"{REGIONAL}/g1")["autoHealingPolicies"][0]["initialDelaySec"] == 60
    ready.compute("PATCH", f"{REGIONAL}/g1", {"autoHealingPolicies": [{}]})
    assert "autoHealingPolicies" not in ready.compute("GET", f"{REGIONAL}/g1")
    kill(ready, before["name"])
    assert ready.nodes()[0]["id"] == before["id"]
    with pytest.raises(Refused, match="fingerprint"):
        ready.compute("PATCH", f"{REGIONAL}/g1", {"fingerprint": "AAAA", "targetSize": 2})
