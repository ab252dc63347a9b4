# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection finds what gcloud made as declared; gcloud describes, lists and deletes what the collection made."""

from __future__ import annotations

import dataclasses
import pathlib
import shutil

import pytest

from ansible_collections.podreach.gke.plugins.module_utils import bgp
from ansible_collections.podreach.gke.tests.integration.api import COMPUTE, ZONE, Api, Json
from ansible_collections.podreach.gke.tests.integration.playbooks import Playbooks, play, task
from ansible_collections.podreach.gke.tests.integration.sites import AFTER, BEFORE, Sites, changed, estate
from ansible_collections.podreach.gke.tests.integration.test_gcloud_conformance import (
    NETWORK,
    REGION,
    SUBNET_1,
    SUBNET_2,
    Gcloud,
)
from ansible_collections.podreach.gke.tests.integration.test_gcloud_peering import As
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

pytestmark = pytest.mark.skipif(
    shutil.which("gcloud") is None, reason="gcloud is not installed; that both find each other's work cannot be tried"
)

ROUTER = f"{NETWORK}-router"
CLUSTER = "test-cluster"
VPC = [
    f"compute networks create {NETWORK} --subnet-mode=custom",
    f"compute networks subnets create {SUBNET_1} --network={NETWORK} --region={REGION} --range=10.1.0.0/24",
]
PODS = [
    f"compute networks subnets create {SUBNET_2} --network={NETWORK} --region={REGION} --range=10.1.1.0/24"
    " --secondary-range=subnet-2-pod=10.1.128.0/19,subnet-2-svc=10.1.160.0/22",
]
ROUTERS = [f"compute routers create {ROUTER} --network={NETWORK} --region={REGION} --asn=65010"]
COMMON = (
    f"container clusters create {CLUSTER} --region={REGION} --network={NETWORK} --num-nodes=1"
    " --machine-type=e2-medium --enable-autorepair --enable-autoupgrade"
)
NATIVE = [
    f"{COMMON} --subnetwork={SUBNET_2} --enable-ip-alias --cluster-secondary-range-name=subnet-2-pod"
    " --services-secondary-range-name=subnet-2-svc"
]
ROUTES = [f"{COMMON} --subnetwork={SUBNET_1} --no-enable-ip-alias --cluster-ipv4-cidr=10.32.0.0/14"]


@pytest.fixture
def sites(lab: Lab, tmp_path: pathlib.Path) -> Sites:
    return Sites(lab, tmp_path)


@pytest.mark.parametrize(
    ("topology", "commands"),
    [(AFTER, [*VPC, *PODS, *ROUTERS, *NATIVE]), (BEFORE, [*VPC, *ROUTERS, *ROUTES])],
    ids=["vpc-native", "routes-based"],
)
def test_site_finds_what_gcloud_made(topology: pathlib.Path, commands: list[str], sites: Sites) -> None:
    gcloud = Gcloud(sites.lab)
    for command in commands:
        gcloud(command)
    before, since = estate(sites.lab), sites.lab.seq()
    for arguments in (("--check", "--diff"), ()):
        run = sites.site(topology, *arguments)
        assert changed(run) == []
        assert "+++" not in run.output
    assert sites.lab.mutating(since) == []
    # nor does it delete what it did not make
    assert changed(sites.teardown(topology)) == []
    assert estate(sites.lab) == before


def test_gcloud_describes_lists_and_deletes_what_site_made(sites: Sites) -> None:
    changed(sites.site(AFTER))
    gcloud = Gcloud(sites.lab)
    assert gcloud.json(f"compute networks describe {NETWORK}")["description"] == "[podreach.gke]"
    listed = gcloud.json(f"compute networks subnets list --network={NETWORK}")
    assert {item["name"] for item in listed} == {SUBNET_1, SUBNET_2}
    subnetwork = gcloud.json(f"compute networks subnets describe {SUBNET_2} --region={REGION}")
    assert {item["rangeName"]: item["ipCidrRange"] for item in subnetwork["secondaryIpRanges"]} == {
        "subnet-2-pod": "10.1.128.0/19",
        "subnet-2-svc": "10.1.160.0/22",
    }
    assert gcloud.json(f"compute routers describe {ROUTER} --region={REGION}")["bgp"]["asn"] == 65010
    (cluster,) = gcloud.json("container clusters list")
    assert (cluster["name"], cluster["status"], cluster["clusterIpv4Cidr"]) == (CLUSTER, "RUNNING", "10.1.128.0/19")
    described = gcloud.json(f"container clusters describe {CLUSTER} --region={REGION}")
    assert described["ipAllocationPolicy"]["clusterSecondaryRangeName"] == "subnet-2-pod"
    (pool,) = gcloud.json(f"container node-pools list --cluster={CLUSTER} --region={REGION}")
    assert (pool["name"], pool["config"]["machineType"]) == ("default-pool", "e2-medium")

    gcloud(f"container clusters delete {CLUSTER} --region={REGION}")
    gcloud(f"compute routers delete {ROUTER} --region={REGION}")
    gcloud(f"compute networks subnets delete {SUBNET_1} {SUBNET_2} --region={REGION}")
    gcloud(f"compute networks delete {NETWORK}")
    assert estate(sites.lab) == {}
    # and there is nothing left that a teardown would stumble over
    assert changed(sites.teardown(AFTER)) == []


def test_what_gcloud_prints_of_a_router_is_read_like_the_response(lab: Lab) -> None:
    """YAML for people, JSON, and the sessions alone, as somebody would paste them."""
    lab.preset("aws-vpn")
    lab.settle()
    gcloud = Gcloud(lab)
    command = f"compute routers get-status aws-router --region={REGION}"
    text = gcloud(command)
    response = gcloud.json(command)
    told = bgp.read(text)
    assert [peer.name for peer in told.peers] == [f"aws-vpn-{one}-bgp-{two}" for one in (1, 2) for two in (1, 2)]
    assert [peer.linked_vpn_tunnel for peer in told.peers] == [
        f"aws-vpn-{one}-tunnel-{two}" for one in (1, 2) for two in (1, 2)
    ]

    def steady(status: bgp.RouterStatus) -> list[bgp.Peer]:
        return [dataclasses.replace(peer, uptime=None, uptime_seconds=None) for peer in status.peers]

    assert steady(bgp.read(response)) == steady(told)
    assert bgp.read(response).best_routes == told.best_routes
    head, _key, tail = text.partition("  bgpPeerStatus:\n")
    pasted = "...\n  bgpPeerStatus:\n" + tail.partition("\n  network:")[0] + "\n...\n"
    assert head
    assert bgp.read(pasted).peers == told.peers


def test_machines(lab: Lab, tmp_path: pathlib.Path) -> None:
    """What gcloud made as declared is found as it is; what is changed then, gcloud shows and heeds."""
    api, gcloud = Api(lab), As(lab, "operator", tmp_path)
    api.network()
    api.subnetwork()
    given = "--machine-type e2-small --image-family debian-12 --image-project debian-cloud --boot-disk-size 10GB "
    given += "--boot-disk-type pd-balanced --no-address --tags proxy --labels role=proxy --metadata flag=TRUE"
    where = f"--zone {ZONE}"
    gcloud(f"compute instances create i1 {where} --subnet s1 --private-network-ip 10.1.0.20 {given}")
    gcloud(f"compute instance-templates create it1 --network n1 --subnet s1 --region {REGION} {given}")
    common: Json = {
        "environment": "lab",
        "machine_type": "e2-small",
        "boot_disk": {
            "image": "projects/debian-cloud/global/images/family/debian-12",
            "size_gb": 10,
            "type": "pd-balanced",
        },
        "tags": ["proxy"],
        "labels": {"role": "proxy"},
        "metadata": {"flag": True},
    }
    mine: Json = {"name": "i1", "zone": ZONE}
    cards = [{"subnetwork": "s1", "network_ip": "10.1.0.20", "external_address": False}]
    more = {"tags": ["more"], "metadata": {"script": "text"}, "deletion_protection": True}
    run = Playbooks(lab, tmp_path).run(
        play(
            [
                task("instance", "instance", {**mine, **common, "network_interfaces": cards}),
                task(
                    "template",
                    "instance_template",
                    {"name": "it1", "region": REGION, **common, "network_interfaces": [{"subnetwork": "s1"}]},
                ),
                task("change", "instance", {"environment": "lab", **mine, **more}),
            ]
        )
    )
    assert {record.status for record in run.records} == {"ok"}, run.output
    assert [run[name].result["changed"] for name in ("instance", "template", "change")] == [False, False, True]
    described = gcloud.json(f"compute instances describe i1 {where}")
    assert sorted(described["tags"]["items"]) == ["more", "proxy"]
    assert {item["key"]: item["value"] for item in described["metadata"]["items"]} == {"flag": "TRUE", "script": "text"}
    assert "protected against deletion" in gcloud.fails(f"compute instances delete i1 {where}")
    gcloud(f"compute instances update i1 {where} --no-deletion-protection")
    api.post(f"{COMPUTE}/zones/{ZONE}/instances/i1/stop", {})
    gcloud(f"compute instances set-machine-type i1 {where} --machine-type e2-micro")
    now = api.get(f"{COMPUTE}/zones/{ZONE}/instances/i1")
    assert now
    assert (now["machineType"].rpartition("/")[2], now["deletionProtection"]) == ("e2-micro", False)
