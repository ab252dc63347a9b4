# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.instances: creating, addresses, alias ranges, power, tags."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.podreach.gke.tests.lab.podreach_lab.clock import ManualClock
from ansible_collections.podreach.gke.tests.unit.lab.cloud import REGION, ZONE, Cloud, Refused

Json = dict[str, t.Any]
HOME = f"zones/{ZONE}/instances"


def create(cloud: Cloud, name: str = "vm1", home: str = "s1", /, *more: Json, **card: t.Any) -> Json:
    """An instance in a subnetwork; `card` are fields of its first interface, `more` its other interfaces."""
    first = {"subnetwork": f"regions/{REGION}/subnetworks/{home}", **card}
    body = {
        "name": name,
        "machineType": f"zones/{ZONE}/machineTypes/e2-micro",
        "disks": [{"boot": True, "initializeParams": {"sourceImage": "projects/debian-cloud/global/images/x"}}],
        "networkInterfaces": [first, *more],
        "serviceAccounts": [{"email": "default", "scopes": []}],
        "tags": {"items": ["web"]},
    }
    return cloud.compute("POST", HOME, body)


def card_of(cloud: Cloud, name: str = "vm1") -> Json:
    found: Json = cloud.compute("GET", f"{HOME}/{name}")["networkInterfaces"][0]
    return found


def test_an_instance(cloud: Cloud) -> None:
    cloud.estate()
    operation = create(cloud)
    assert (operation["operationType"], operation["zone"].rsplit("/", 1)[1]) == ("insert", ZONE)
    vm = cloud.compute("GET", f"{HOME}/vm1")
    assert (vm["status"], vm["canIpForward"]) == ("RUNNING", False)
    assert vm["machineType"].endswith(f"/zones/{ZONE}/machineTypes/e2-micro")
    assert vm["serviceAccounts"][0]["email"] == "100000000001-compute@developer.gserviceaccount.com"
    [card] = vm["networkInterfaces"]
    assert (card["name"], card["networkIP"]) == ("nic0", "10.1.0.2")
    assert card["network"].endswith("/global/networks/n1")
    create(cloud, "vm2")
    assert card_of(cloud, "vm2")["networkIP"] == "10.1.0.3"
    assert [item["name"] for item in cloud.compute("GET", HOME)["items"]] == ["vm1", "vm2"]
    cloud.compute("DELETE", f"{HOME}/vm1")
    create(cloud, "vm3")
    assert card_of(cloud, "vm3")["networkIP"] == "10.1.0.2"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("10.9.0.5", "outside the subnetwork/network CIDR range"),
        ("10.1.0.0", "reserved"),
        ("10.1.0.1", "reserved"),
        ("10.1.0.254", "reserved"),
        ("10.1.0.255", "reserved"),
        ("ten", "valid IPv4"),
        ("10.1.0.2", "IP '10.1.0.2' is already being used by another resource."),
        ("10.1.0.65", "already being used"),
    ],
)
def test_addresses_that_cannot_be_had(cloud: Cloud, address: str, said: str) -> None:
    cloud.estate()
    create(cloud, aliasIpRanges=[{"ipCidrRange": "10.1.0.64/30"}])
    with pytest.raises(Refused, match=said) as refused:
        create(cloud, "vm2", networkIP=address)
    assert refused.value.code == 400


def test_nodes_and_instances_share_addresses(cloud: Cloud) -> None:
    cloud.estate()
    create(cloud)
    alias = [{"ipCidrRange": "10.4.0.0/24", "subnetworkRangeName": "pods"}]
    create(cloud, "vm2", networkIP="10.1.0.4", aliasIpRanges=alias)
    cloud.cluster(nodePools=[{"name": "p", "initialNodeCount": 2}])
    cards = [node["networkInterfaces"][0] for node in cloud.nodes() if node["name"].startswith("gke-")]
    assert {card["networkIP"] for card in cards} == {"10.1.0.3", "10.1.0.5"}
    assert {card["aliasIpRanges"][0]["ipCidrRange"] for card in cards} == {"10.4.1.0/24", "10.4.2.0/24"}
    with pytest.raises(Refused, match="already being used"):
        create(cloud, "vm3", aliasIpRanges=[{"ipCidrRange": "10.4.1.0/26", "subnetworkRangeName": "pods"}])


def test_alias_ranges(cloud: Cloud) -> None:
    cloud.estate()
    wanted = [
        {"ipCidrRange": "/24", "subnetworkRangeName": "pods"},
        {"ipCidrRange": "10.4.1.7", "subnetworkRangeName": "pods"},
        {"ipCidrRange": "/30"},
    ]
    create(cloud, aliasIpRanges=wanted)
    card = card_of(cloud)
    assert card["aliasIpRanges"] == [
        {"ipCidrRange": "10.4.0.0/24", "subnetworkRangeName": "pods"},
        {"ipCidrRange": "10.4.1.7/32", "subnetworkRangeName": "pods"},
        {"ipCidrRange": "10.1.0.4/30"},
    ]
    for bad, said in (
        ({"ipCidrRange": "10.4.0.0/24", "subnetworkRangeName": "none"}, "no secondary range"),
        ({"ipCidrRange": "10.9.0.0/24", "subnetworkRangeName": "pods"}, "outside"),
        ({"ipCidrRange": "10.1.0.0/30"}, "already being used"),
        ({"ipCidrRange": "10.4.1.0/24", "subnetworkRangeName": "pods"}, "already being used"),
    ):
        with pytest.raises(Refused, match=said):
            create(cloud, "vm2", aliasIpRanges=[bad])
    target = f"{HOME}/vm1/updateNetworkInterface?networkInterface=nic0"
    with pytest.raises(Refused, match="fingerprint"):
        cloud.compute("PATCH", target, {"fingerprint": "AAAA", "aliasIpRanges": []})
    body = {"fingerprint": card["fingerprint"], "aliasIpRanges": wanted[:1]}
    cloud.compute("PATCH", target, body)
    assert card_of(cloud)["aliasIpRanges"] == [{"ipCidrRange": "10.4.0.0/24", "subnetworkRangeName": "pods"}]
    cloud.compute("PATCH", target, {"fingerprint": card_of(cloud)["fingerprint"], "aliasIpRanges": []})
    assert "aliasIpRanges" not in card_of(cloud)


def test_several_interfaces(cloud: Cloud) -> None:
    cloud.estate()
    cloud.network("n2")
    cloud.subnetwork("s2", "10.2.0.0/24", "n2")
    other = {"subnetwork": f"regions/{REGION}/subnetworks/s2"}
    create(cloud, "vm1", "s1", other)
    cards = cloud.compute("GET", f"{HOME}/vm1")["networkInterfaces"]
    assert [(card["name"], card["networkIP"]) for card in cards] == [("nic0", "10.1.0.2"), ("nic1", "10.2.0.2")]
    with pytest.raises(Refused, match="must be distinct"):
        create(cloud, "vm2", "s2", other)


def test_other_networks(cloud: Cloud) -> None:
    cloud.compute("POST", "global/networks", {"name": "old", "IPv4Range": "10.8.0.0/16"})
    cloud.network("auto", autoCreateSubnetworks=True)
    cloud.network()
    create(cloud, "vm1", subnetwork=None, network="global/networks/old")
    assert card_of(cloud)["networkIP"] == "10.8.0.2"
    assert "subnetwork" not in card_of(cloud)
    create(cloud, "vm2", subnetwork=None, network="global/networks/auto")
    assert card_of(cloud, "vm2")["networkIP"] == "10.146.0.2"
    with pytest.raises(Refused, match="Subnetwork should be specified for custom subnetmode network"):
        create(cloud, "vm3", subnetwork=None, network="global/networks/n1")
    with pytest.raises(Refused, match="not found"):
        create(cloud, "vm3", "none")
    said = cloud.compute("DELETE", "global/networks/old")["error"]["errors"][0]["message"]
    assert f"is already being used by 'projects/podreach-lab/{HOME}/vm1'" in said


def test_a_subnetwork_with_instances_stays(cloud: Cloud) -> None:
    cloud.estate()
    create(cloud, aliasIpRanges=[{"ipCidrRange": "/24", "subnetworkRangeName": "pods"}])
    with pytest.raises(Refused, match="is already being used by"):
        cloud.compute("DELETE", f"regions/{REGION}/subnetworks/s1")
    with pytest.raises(Refused, match="is already being used by"):
        cloud.patch_subnetwork(secondaryIpRanges=[{"rangeName": "services", "ipCidrRange": "10.5.0.0/22"}])


def test_power(slow: Cloud) -> None:
    clock = t.cast(ManualClock, slow.clock)
    slow.network()
    clock.advance(60)
    slow.subnetwork()
    clock.advance(60)
    heard: list[str] = []
    slow.lab.state.watch(lambda change: heard.append(f"{change.verb} {change.resource.body['status']}"))
    create(slow)
    clock.advance(60)
    slow.compute("POST", f"{HOME}/vm1/stop")
    assert slow.compute("GET", f"{HOME}/vm1")["status"] == "STOPPING"
    clock.advance(120)
    slow.compute("POST", f"{HOME}/vm1/start")
    clock.advance(60)
    slow.compute("POST", f"{HOME}/vm1/reset")
    slow.compute("DELETE", f"{HOME}/vm1")
    assert slow.compute("GET", f"{HOME}/vm1")["status"] == "STOPPING"
    clock.advance(120)
    assert heard == [
        "added PROVISIONING",
        "changed RUNNING",
        "changed STOPPING",
        "changed TERMINATED",
        "changed STAGING",
        "changed RUNNING",
        "changed RUNNING",
        "changed STOPPING",
        "removed STOPPING",
    ]
    with pytest.raises(Refused, match="not found"):
        slow.compute("GET", f"{HOME}/vm1")


def test_tags_labels_and_account(cloud: Cloud) -> None:
    cloud.estate()
    create(cloud)
    vm = cloud.compute("GET", f"{HOME}/vm1")
    with pytest.raises(Refused) as refused:
        cloud.compute("POST", f"{HOME}/vm1/setTags", {"items": ["a"], "fingerprint": "AAAA"})
    assert refused.value.code == 412
    cloud.compute("POST", f"{HOME}/vm1/setTags", {"items": ["a", "b"], "fingerprint": vm["tags"]["fingerprint"]})
    cloud.compute("POST", f"{HOME}/vm1/setLabels", {"labels": {"x": "y"}, "labelFingerprint": vm["labelFingerprint"]})
    with pytest.raises(Refused, match="must be stopped"):
        cloud.compute("POST", f"{HOME}/vm1/setServiceAccount", {"email": "a@b"})
    cloud.compute("POST", f"{HOME}/vm1/stop")
    cloud.compute("POST", f"{HOME}/vm1/setServiceAccount", {"email": "a@b"})
    vm = cloud.compute("GET", f"{HOME}/vm1")
    assert (vm["tags"]["items"], vm["labels"], vm["serviceAccounts"][0]["email"]) == (["a", "b"], {"x": "y"}, "a@b")


def test_machine_type_and_protection(cloud: Cloud) -> None:
    cloud.estate()
    create(cloud)
    wanted = {"machineType": f"zones/{ZONE}/machineTypes/e2-micro"}
    with pytest.raises(Refused, match="must be stopped"):
        cloud.compute("POST", f"{HOME}/vm1/setMachineType", wanted)
    cloud.compute("POST", f"{HOME}/vm1/stop")
    with pytest.raises(Refused, match="machineType"):
        cloud.compute("POST", f"{HOME}/vm1/setMachineType", {})
    cloud.compute("POST", f"{HOME}/vm1/setMachineType", wanted)
    assert cloud.compute("GET", f"{HOME}/vm1")["machineType"].endswith(f"/zones/{ZONE}/machineTypes/e2-micro")
    # protected unless the parameter says otherwise
    cloud.compute("POST", f"{HOME}/vm1/setDeletionProtection")
    with pytest.raises(Refused, match="protected against deletion"):
        cloud.compute("DELETE", f"{HOME}/vm1")
    cloud.compute("POST", f"{HOME}/vm1/setDeletionProtection?deletionProtection=false")
    cloud.compute("DELETE", f"{HOME}/vm1")


def test_metadata(cloud: Cloud) -> None:
    cloud.estate()
    create(cloud)
    mark = cloud.compute("GET", f"{HOME}/vm1")["metadata"]["fingerprint"]
    items = [{"key": "a", "value": "b"}]
    cloud.compute("POST", f"{HOME}/vm1/setMetadata", {"items": items, "fingerprint": mark})
    assert cloud.compute("GET", f"{HOME}/vm1")["metadata"]["items"] == items
    with pytest.raises(Refused, match="fingerprint"):
        cloud.compute("POST", f"{HOME}/vm1/setMetadata", {"items": items, "fingerprint": mark})


def test_other_projects_networks_are_not_for_use(cloud: Cloud) -> None:
    cloud.estate()
    cloud.project = "podreach-peer"
    home = "projects/podreach-lab"
    subnetwork, network = f"{home}/regions/{REGION}/subnetworks/s1", f"{home}/global/networks/n1"
    allowed = [{"IPProtocol": "all"}]
    for ask in (
        lambda: create(cloud, subnetwork=subnetwork),
        lambda: create(cloud, subnetwork=None, network=network),
        lambda: cloud.compute("POST", "global/firewalls", {"name": "f", "network": network, "allowed": allowed}),
        lambda: cloud.compute(
            "POST",
            "global/routes",
            {"name": "r", "network": network, "destRange": "10.9.0.0/16", "nextHopIp": "10.1.0.9"},
        ),
        lambda: cloud.compute(
            "POST",
            f"regions/{REGION}/addresses",
            {"name": "a", "addressType": "INTERNAL", "subnetwork": subnetwork},
        ),
    ):
        with pytest.raises(Refused, match="Cross project referencing is not allowed"):
            ask()


def test_nodes_stop_but_are_not_deleted(cloud: Cloud) -> None:
    cloud.estate()
    cloud.cluster()
    [node] = cloud.nodes()
    cloud.compute("POST", f"{HOME}/{node['name']}/stop")
    assert cloud.nodes()[0]["status"] == "TERMINATED"
    with pytest.raises(Refused) as refused:
        cloud.compute("DELETE", f"{HOME}/{node['name']}")
    assert refused.value.code == 501


def test_machine_types(cloud: Cloud) -> None:
    names = [item["name"] for item in cloud.compute("GET", f"zones/{ZONE}/machineTypes")["items"]]
    assert "e2-micro" in names
    assert cloud.compute("GET", f"zones/{ZONE}/machineTypes/e2-micro")["guestCpus"] == 2


def test_public_images(cloud: Cloud) -> None:
    images = "/compute/v1/projects/debian-cloud/global/images"
    name = cloud.call("GET", f"{images}/family/debian-12")["name"]
    assert cloud.call("GET", f"{images}/{name}")["family"] == "debian-12"
    for path in (f"{images}/family/debian-1", f"{images}/none", images.replace("debian-cloud", "podreach-lab") + "/x"):
        with pytest.raises(Refused) as refused:
            cloud.call("GET", path)
        assert refused.value.code == 404
    with pytest.raises(Refused) as refused:
        cloud.call("GET", "/compute/v1/projects/debian-cloud/global/networks")
    assert refused.value.code == 403
