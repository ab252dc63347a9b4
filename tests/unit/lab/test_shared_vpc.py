# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shared VPC: hosts and service projects, policies, and clusters and machines in another project's network."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.podreach.gke.tests.lab.podreach_lab import iam
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane import view
from ansible_collections.podreach.gke.tests.lab.podreach_lab.kubernetes import balancer_resources
from ansible_collections.podreach.gke.tests.unit.lab.cloud import REGION, ZONE, Cloud, Refused

Json = dict[str, t.Any]
HOST, SERVICE = "podreach-lab", "podreach-peer"
SUBNETWORK = f"projects/{HOST}/regions/{REGION}/subnetworks/s1"
NETWORK = f"projects/{HOST}/global/networks/n1"
AGENT = "serviceAccount:service-100000000002@container-engine-robot.iam.gserviceaccount.com"
GOOGLE = "serviceAccount:100000000002@cloudservices.gserviceaccount.com"
PEER = "serviceAccount:peer@podreach-peer.iam.gserviceaccount.com"
USER, HOST_AGENT_USER = "roles/compute.networkUser", "roles/container.hostServiceAgentUser"
RESOURCE = {"xpnResource": {"id": SERVICE, "type": "PROJECT"}}


def attach(cloud: Cloud) -> None:
    for ask in ("enableXpnHost", "enableXpnResource"):
        path = f"/compute/v1/projects/{HOST}/{ask}"
        assert cloud.call("POST", path, RESOURCE if ask.endswith("Resource") else None)["status"] == "DONE"


def bind(cloud: Cloud, role: str, *members: str) -> Json:
    """Add a binding to the host project's policy."""
    policy = cloud.call("POST", f"/v1/projects/{HOST}:getIamPolicy", {})
    policy["bindings"].append({"role": role, "members": list(members)})
    return cloud.call("POST", f"/v1/projects/{HOST}:setIamPolicy", {"policy": policy})


def share(cloud: Cloud, *members: str) -> Json:
    """Give the subnetwork to these, and to no others."""
    body = {"policy": {"bindings": [{"role": USER, "members": list(members)}]}}
    return cloud.call("POST", f"/compute/v1/{SUBNETWORK}/setIamPolicy", body)


def as_peer(cloud: Cloud) -> Cloud:
    """Calls of the account that may use the service project only."""
    token = cloud.accounts.issue(cloud.accounts.accounts["peer"].caller)
    cloud.headers = {"authorization": f"Bearer {token}"}
    cloud.project = SERVICE
    return cloud


def cluster(cloud: Cloud, name: str = "c1", **fields: t.Any) -> Json:
    cloud.project = SERVICE
    return cloud.cluster(name, **{"network": NETWORK, "subnetwork": SUBNETWORK, **fields})


# ---- hosts and service projects


def test_a_host_and_its_service_project(cloud: Cloud) -> None:
    host = f"/compute/v1/projects/{HOST}"
    assert cloud.call("GET", host)["xpnProjectStatus"] == "UNSPECIFIED_XPN_PROJECT_STATUS"
    assert cloud.call("GET", f"/compute/v1/projects/{SERVICE}/getXpnHost") == {}
    attach(cloud)
    attach(cloud)  # a second time changes nothing
    assert cloud.call("GET", host)["xpnProjectStatus"] == "HOST"
    assert cloud.call("GET", f"/compute/v1/projects/{SERVICE}/getXpnHost")["name"] == HOST
    assert cloud.call("GET", f"{host}/getXpnResources")["resources"] == [{"id": SERVICE, "type": "PROJECT"}]
    [found] = cloud.call("POST", f"{host}/listXpnHosts", {"organization": "123456789012"})["items"]
    assert found["selfLink"].endswith(f"/projects/{HOST}")
    with pytest.raises(Refused, match="because it has active service projects"):
        cloud.call("POST", f"{host}/disableXpnHost")
    cloud.call("POST", f"{host}/disableXpnResource", RESOURCE)
    with pytest.raises(Refused, match="is not linked to shared VPC host") as refused:
        cloud.call("POST", f"{host}/disableXpnResource", RESOURCE)
    assert refused.value.reason == "invalidResourceUsage"
    cloud.call("POST", f"{host}/disableXpnHost")
    assert "items" not in cloud.call("POST", f"{host}/listXpnHosts", {})


def test_the_operation_is_the_hosts(slow: Cloud) -> None:
    operation = slow.compute("POST", "enableXpnHost")
    assert operation["targetLink"].endswith(f"/projects/{HOST}")
    assert "/global/operations/" in operation["selfLink"]
    with pytest.raises(Refused, match=r"Invalid resource usage: ''projects/podreach-lab' is not a shared VPC host"):
        slow.compute("POST", "enableXpnResource", RESOURCE)


def test_who_cannot_be_attached(cloud: Cloud) -> None:
    attach(cloud)
    cloud.project = SERVICE
    with pytest.raises(Refused, match="is a service project of the shared VPC host"):
        cloud.compute("POST", "enableXpnHost")
    cloud.project = HOST
    for name, code in ((HOST, 400), ("unheard-of", 404), ("podreach-forbidden", 403), ("", 400)):
        with pytest.raises(Refused) as refused:
            cloud.compute("POST", "enableXpnResource", {"xpnResource": {"id": name, "type": "PROJECT"}})
        assert refused.value.code == code, name


def test_an_owner_of_one_project_is_no_admin(cloud: Cloud) -> None:
    with pytest.raises(Refused, match="Required 'compute.organizations.enableXpnHost' permission") as refused:
        as_peer(cloud).compute("POST", "enableXpnHost")
    assert refused.value.code == 403


# ---- policies


def test_a_subnetworks_policy(cloud: Cloud) -> None:
    cloud.estate()
    path = f"/compute/v1/{SUBNETWORK}"
    assert cloud.call("GET", f"{path}/getIamPolicy")["etag"] == "ACAB"
    kept = share(cloud, PEER, PEER)
    assert kept["bindings"] == [{"role": USER, "members": [PEER]}]
    assert cloud.call("GET", f"{path}/getIamPolicy") == kept
    with pytest.raises(Refused) as refused:
        cloud.call("POST", f"{path}/setIamPolicy", {"policy": {"etag": "ACAB"}})
    assert (refused.value.code, refused.value.reason) == (412, "conditionNotMet")
    asked = {
        "permissions": ["compute.subnetworks.use", "compute.subnetworks.delete", "compute.subnetworks.setIamPolicy"]
    }
    assert cloud.call("POST", f"{path}/testIamPermissions", asked) == asked
    as_peer(cloud)
    assert cloud.call("GET", path)["name"] == "s1"
    for verb, ask in (("GET", path.replace("s1", "s2")), ("DELETE", path), ("GET", f"{path}/getIamPolicy")):
        with pytest.raises(Refused) as refused:
            cloud.call(verb, ask)
        assert refused.value.code == 403
    cloud.compute("GET", "global/networks")


@pytest.mark.parametrize(
    ("binding", "said"),
    [
        ({"role": USER, "members": ["peer@podreach-peer.iam.gserviceaccount.com"]}, "is of an unknown type"),
        (
            {"role": USER, "members": ["serviceAccount:service-9@container-engine-robot.iam.gserviceaccount.com"]},
            "Service account service-9@container-engine-robot.iam.gserviceaccount.com does not exist.",
        ),
        ({"role": "networkUser", "members": [PEER]}, "must be in the form"),
        ({"role": USER, "members": [PEER], "condition": {"expression": "true"}}, "does not model conditions"),
    ],
)
def test_policies_that_are_refused(cloud: Cloud, binding: Json, said: str) -> None:
    cloud.estate()
    with pytest.raises(Refused, match=said):
        cloud.call("POST", f"/compute/v1/{SUBNETWORK}/setIamPolicy", {"policy": {"bindings": [binding]}})
    with pytest.raises(Refused, match=said):
        bind(cloud, binding["role"], *binding["members"]) if "condition" not in binding else cloud.call(
            "POST", f"/v1/projects/{HOST}:setIamPolicy", {"policy": {"bindings": [binding]}}
        )


def test_a_projects_policy(cloud: Cloud) -> None:
    policy = cloud.call("POST", f"/v1/projects/{HOST}:getIamPolicy", {})
    assert {item["role"] for item in policy["bindings"]} >= {"roles/owner", "roles/container.serviceAgent"}
    kept = bind(cloud, USER, PEER)
    with pytest.raises(Refused, match="There were concurrent policy changes") as refused:
        cloud.call("POST", f"/v1/projects/{HOST}:setIamPolicy", {"policy": policy})
    assert refused.value.code == 409
    with pytest.raises(Refused, match="at least one owner"):
        cloud.call("POST", f"/v1/projects/{HOST}:setIamPolicy", {"policy": {"etag": kept["etag"]}})
    about = cloud.call("GET", f"/v1/projects/{HOST}")
    assert (about["projectNumber"], about["parent"]["type"]) == ("100000000001", "folder")
    as_peer(cloud)
    assert "items" not in cloud.call("GET", f"/compute/v1/projects/{HOST}/global/networks")
    with pytest.raises(Refused, match="does not have permission"):
        cloud.call("POST", f"/v1/projects/{HOST}:getIamPolicy", {})
    asked = {"permissions": ["compute.networks.list", "compute.networks.delete"]}
    assert cloud.call("POST", f"/v1/projects/{HOST}:testIamPermissions", asked) == {
        "permissions": ["compute.networks.list"]
    }


def test_what_roles_give() -> None:
    assert iam.grants("roles/compute.securityAdmin", "compute.firewalls.create")
    assert not iam.grants(USER, "compute.firewalls.create")
    assert not iam.grants("roles/editor", "compute.subnetworks.setIamPolicy")
    assert not iam.grants("roles/owner", "compute.organizations.enableXpnHost")
    assert not iam.grants("roles/unheard.of", "compute.networks.get")
    assert iam.permission_of("compute.firewalls.insert") == "compute.firewalls.create"
    assert iam.permission_of("container.projects.locations.clusters.list") == "container.clusters.list"


# ---- subnetworks of the host


def test_usable_subnetworks(cloud: Cloud) -> None:
    cloud.estate()
    cloud.subnetwork("s2", "10.2.0.0/24")
    attach(cloud)
    usable = f"/compute/v1/projects/{HOST}/aggregated/subnetworks/listUsable"
    clusters = f"/v1/projects/{SERVICE}/aggregated/usableSubnetworks?filter=networkProjectId%3D{HOST}"
    assert len(cloud.call("GET", usable)["items"]) == 2
    assert len(cloud.call("GET", f"{usable}?serviceProject={SERVICE}")["items"]) == 2
    assert cloud.call("GET", clusters) == {}
    bind(cloud, HOST_AGENT_USER, AGENT)
    assert "Required" in cloud.call("GET", clusters)["subnetworks"][0]["statusMessage"]
    share(cloud, AGENT, GOOGLE, PEER)
    [first, second] = cloud.call("GET", clusters)["subnetworks"]
    assert [item["rangeName"] for item in first["secondaryIpRanges"]] == ["pods", "services"]
    assert "statusMessage" in second
    as_peer(cloud)
    assert [item["subnetwork"].rsplit("/", 1)[1] for item in cloud.call("GET", usable)["items"]] == ["s1"]
    assert [item["subnetwork"] for item in cloud.call("GET", clusters)["subnetworks"]] == [SUBNETWORK]


def test_machines_and_addresses_in_a_hosts_subnetwork(cloud: Cloud) -> None:
    cloud.estate()
    attach(cloud)
    as_peer(cloud)
    machine = {
        "name": "vm",
        "machineType": f"zones/{ZONE}/machineTypes/e2-micro",
        "disks": [{}],
        "networkInterfaces": [{"subnetwork": SUBNETWORK}],
    }
    address = {"name": "a", "addressType": "INTERNAL", "subnetwork": SUBNETWORK}
    asks: list[t.Callable[[], Json]] = [
        lambda: cloud.compute("POST", f"zones/{ZONE}/instances", machine),
        lambda: cloud.compute("POST", f"regions/{REGION}/addresses", address),
    ]
    for ask in asks:
        with pytest.raises(Refused, match="Required 'compute.subnetworks.use' permission") as refused:
            ask()
        assert refused.value.code == 403
    subnetwork = cloud.lab.state.get(SUBNETWORK)
    assert subnetwork is not None
    subnetwork.hidden["policy"] = {"etag": "x", "bindings": [{"role": USER, "members": [PEER]}]}
    for ask in asks:
        assert ask()["status"] == "DONE"
    [card] = cloud.compute("GET", f"zones/{ZONE}/instances/vm")["networkInterfaces"]
    assert card["network"].endswith(NETWORK)


def test_what_is_in_use_is_not_detached(cloud: Cloud) -> None:
    cloud.estate()
    attach(cloud)
    bind(cloud, HOST_AGENT_USER, AGENT)
    share(cloud, AGENT, GOOGLE)
    cluster(cloud)
    with pytest.raises(Refused, match=f"is already being used by 'projects/{SERVICE}/locations/{ZONE}/clusters/c1'"):
        cloud.call("POST", f"/compute/v1/projects/{HOST}/disableXpnResource", RESOURCE)


# ---- clusters


def test_a_cluster_needs_what_google_asks_for(cloud: Cloud) -> None:
    cloud.estate()
    with pytest.raises(Refused) as refused:
        cluster(cloud)
    assert refused.value.message == f'Project "{SERVICE}" does not have an associated Shared-VPC host project.'
    attach(cloud)
    with pytest.raises(Refused, match='required "container.hostServiceAgent.use" permission') as refused:
        cluster(cloud)
    assert refused.value.code == 403
    bind(cloud, HOST_AGENT_USER, AGENT)
    for at, (wanted, members) in enumerate(((".get", [PEER]), (".use", [PEER, AGENT]))):
        share(cloud, *members)
        failed = cluster(cloud, f"failed{at}")["error"]["message"]
        assert failed == f"Google Compute Engine: Required 'compute.subnetworks{wanted}' permission for '{SUBNETWORK}'"
        assert cloud.container("GET", f"{ZONE}/clusters/failed{at}")["status"] == "ERROR"


def test_a_cluster_in_a_hosts_subnetwork(cloud: Cloud) -> None:
    cloud.estate()
    attach(cloud)
    bind(cloud, HOST_AGENT_USER, AGENT)
    bind(cloud, USER, AGENT, GOOGLE)  # for every subnetwork of the host
    as_peer(cloud)  # who has no right in the host: GKE's agent has
    assert "error" not in cluster(cloud)
    found = cloud.container("GET", f"{ZONE}/clusters/c1")
    assert (found["status"], found["network"], found["subnetwork"]) == ("RUNNING", NETWORK, SUBNETWORK)
    state = cloud.lab.state
    [node] = state.of_kind("compute#instance")
    assert node.project == SERVICE
    assert {rule.project for rule in state.of_kind("compute#firewall")} == {HOST}
    [machine] = view.machines(state)
    assert [card.network for card in machine.cards] == [NETWORK]
    cloud.container("DELETE", f"{ZONE}/clusters/c1")
    assert state.of_kind("compute#firewall") == []


def test_nodes_come_as_long_as_the_role_is_there(cloud: Cloud) -> None:
    cloud.estate()
    attach(cloud)
    bind(cloud, HOST_AGENT_USER, AGENT)
    share(cloud, AGENT, GOOGLE)
    cluster(cloud)
    share(cloud, AGENT)
    failed = cloud.container("POST", f"{ZONE}/clusters/c1/nodePools/default-pool:setSize", {"nodeCount": 2})
    assert "Required 'compute.subnetworks.use' permission" in failed["error"]["message"]


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ({"useRoutes": True}, "must be VPC-native"),
        ({"useIpAliases": True}, "must use existing secondary ranges"),
        ({"clusterSecondaryRangeName": "pods", "servicesIpv4CidrBlock": "/22"}, "must use existing secondary ranges"),
        ({"clusterSecondaryRangeName": "pods", "createSubnetwork": True}, "must use existing secondary ranges"),
    ],
)
def test_gke_makes_no_ranges_in_a_host(cloud: Cloud, policy: Json, said: str) -> None:
    cloud.estate()
    attach(cloud)
    bind(cloud, HOST_AGENT_USER, AGENT)
    share(cloud, AGENT, GOOGLE)
    with pytest.raises(Refused, match=said):
        cluster(cloud, ipAllocationPolicy=policy)


def test_services_that_gke_manages_do_in_a_host(cloud: Cloud) -> None:
    cloud.estate()
    attach(cloud)
    bind(cloud, HOST_AGENT_USER, AGENT)
    share(cloud, AGENT, GOOGLE)
    assert "error" not in cluster(cloud, ipAllocationPolicy={"clusterSecondaryRangeName": "pods"})
    pool = {"name": "p2", "initialNodeCount": 1, "networkConfig": {"createPodRange": True, "podIpv4CidrBlock": "/20"}}
    with pytest.raises(Refused, match="cannot be created in a Shared VPC network"):
        cloud.container("POST", f"{ZONE}/clusters/c1/nodePools", {"nodePool": pool})


def test_load_balancers_firewall_rules_in_a_host(cloud: Cloud) -> None:
    cloud.estate()
    attach(cloud)
    bind(cloud, HOST_AGENT_USER, AGENT)
    share(cloud, AGENT, GOOGLE)
    cluster(cloud)
    state = cloud.lab.state
    compute = balancer_resources.Compute(state, f"projects/{SERVICE}/locations/{ZONE}/clusters/c1")
    rule: Json = {
        "description": '{"a":"b"}',
        "sourceRanges": ["10.0.0.0/8"],
        "allowed": [{"IPProtocol": "tcp", "ports": ["80", "443"]}],
    }
    path = f"projects/{HOST}/global/firewalls/k8s-fw"
    command = compute.firewall("k8s-fw", rule)
    assert command.startswith(
        r'gcloud compute firewall-rules create k8s-fw --network n1 --description "{\"a\":\"b\"}" '
        "--allow tcp:443,tcp:80 --source-ranges 10.0.0.0/8 --target-tags gke-c1-"
    )
    assert command.endswith(f" --project {HOST}")
    assert state.get(path) is None
    cloud.project = HOST
    by_hand = {**rule, "name": "k8s-fw", "network": NETWORK, "targetTags": [command.split()[-3]]}
    cloud.compute("POST", "global/firewalls", by_hand)
    assert compute.firewall("k8s-fw", rule) == ""
    assert "firewall-rules update k8s-fw --desc" in compute.firewall("k8s-fw", {**rule, "sourceRanges": ["0.0.0.0/0"]})
    bind(cloud, "roles/compute.securityAdmin", AGENT)
    assert compute.firewall("k8s-fw-2", rule) == ""
    assert state.get(f"{path}-2") is not None
