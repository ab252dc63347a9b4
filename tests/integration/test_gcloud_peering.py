# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Peering, instances and firewall policies of the lab, told in the commands of the real gcloud by two projects."""

from __future__ import annotations

import pathlib
import shutil
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.integration.test_gcloud_conformance import Gcloud
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

pytestmark = pytest.mark.skipif(
    shutil.which("gcloud") is None, reason="gcloud is not installed; the lab's conformance with it cannot be tried"
)

REGION = "asia-northeast1"
ZONE = "asia-northeast1-a"
PAIR = {"lab": ("podreach-lab", "10.1.0.0/16"), "peer": ("podreach-peer", "10.2.0.0/16")}


class As(Gcloud):
    """The command as one of the lab's accounts, in that account's own project."""

    def __init__(self, lab: Lab, account: str, directory: pathlib.Path) -> None:
        super().__init__(lab)
        token = directory / f"{account}.token"
        token.write_text(lab.token(account), encoding="utf-8")
        self.environment |= {
            "CLOUDSDK_CONFIG": str(directory / account),
            "CLOUDSDK_CORE_PROJECT": PAIR.get(account, PAIR["lab"])[0],
            "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token),
        }

    def table(self, line: str) -> list[dict[str, str]]:
        """The rows of what it prints, by column."""
        head, *rows = self(line).splitlines()
        names = [name.strip() for name in head.split("  ") if name.strip()]
        starts = [head.index(name) for name in names]
        ends: list[int | None] = [*starts[1:], None]
        return [
            {name: row[start:end].strip() for name, start, end in zip(names, starts, ends, strict=True)}
            for row in rows
            if row.strip()
        ]


class Two(t.NamedTuple):
    """Both projects' gcloud."""

    lab: As
    peer: As


@pytest.fixture
def two(lab: Lab, tmp_path: pathlib.Path) -> Two:
    return Two(As(lab, "lab", tmp_path), As(lab, "peer", tmp_path))


def make_network(gcloud: Gcloud, account: str) -> None:
    gcloud("compute networks create net --subnet-mode custom")
    gcloud(f"compute networks subnets create sub --network net --region {REGION} --range {PAIR[account][1]}")


def test_peering_from_both_sides(two: Two) -> None:
    for account, gcloud in zip(("lab", "peer"), two, strict=True):
        make_network(gcloud, account)
    create = "compute networks peerings create other --network net --peer-network net --peer-project"
    assert "Waiting for peer network to connect." in two.lab(f"{create} podreach-peer")
    assert "state: ACTIVE" in two.peer(f"{create} podreach-lab")
    [row] = two.lab.table("compute networks peerings list")
    assert (row["NAME"], row["PEER_PROJECT"], row["STATE"]) == ("other", "podreach-peer", "ACTIVE")
    assert "There is already a peering other with the same network" in two.lab.fails(
        f"{create.replace('create other', 'create again')} podreach-peer"
    )
    two.lab(
        "compute routes create static --network net --destination-range 10.9.0.0/16 --next-hop-address 10.1.0.9 "
        "--priority 900"
    )
    list_routes = f"compute networks peerings list-routes other --network net --region {REGION} --direction"
    assert [row["DEST_RANGE"] for row in two.peer.table(f"{list_routes} INCOMING")] == ["10.1.0.0/16"]
    two.lab("compute networks peerings update other --network net --export-custom-routes")
    found = {row["DEST_RANGE"]: row for row in two.peer.table(f"{list_routes} INCOMING")}
    assert found["10.1.0.0/16"]["STATUS"] == "accepted"
    static = found["10.9.0.0/16"]
    assert (static["TYPE"], static["PRIORITY"]) == ("STATIC_PEERING_ROUTE", "900")
    assert static["STATUS"] == "rejected by config"
    found = {row["DEST_RANGE"]: row for row in two.lab.table(f"{list_routes} OUTGOING")}
    assert found["10.9.0.0/16"]["STATUS"] == "rejected by peer config"
    two.peer("compute networks peerings update other --network net --import-custom-routes")
    found = {row["DEST_RANGE"]: row for row in two.lab.table(f"{list_routes} OUTGOING")}
    assert found["10.9.0.0/16"]["STATUS"] == "accepted by peer"
    assert "overlaps with an IP range" in two.peer.fails(
        f"compute networks subnets create clash --network net --region {REGION} --range 10.1.7.0/24"
    )
    two.peer("compute networks peerings delete other --network net")
    [row] = two.lab.table("compute networks peerings list")
    assert row["STATE"] == "INACTIVE"
    assert two.peer("compute networks peerings list") == ""


def test_overlap_is_the_operations_error(two: Two, lab: Lab) -> None:
    lab.admin("POST", "latency", {"profile": "fast"})
    try:
        for gcloud in two:
            gcloud("compute networks create net --subnet-mode auto")
        said = two.lab.fails(
            "compute networks peerings create other --network net --peer-network net --peer-project podreach-peer"
        )
    finally:
        lab.admin("POST", "latency", {"profile": "zero"})
    assert "An IP range in the peer network" in said


def test_an_instance_from_its_creation_to_its_end(two: Two) -> None:
    gcloud = two.lab
    make_network(gcloud, "lab")
    create = (
        f"compute instances create test-gce-01 --zone {ZONE} --subnet sub --private-network-ip 10.1.0.9 --no-address "
        "--tags web --can-ip-forward --image-family debian-12 --image-project debian-cloud --machine-type e2-micro"
    )
    assert "10.1.0.9" in gcloud(create)
    assert "already being used by another resource" in gcloud.fails(create.replace("test-gce-01", "another"))
    [row] = gcloud.table("compute instances list")
    assert (row["NAME"], row["MACHINE_TYPE"], row["STATUS"]) == ("test-gce-01", "e2-micro", "RUNNING")
    gcloud(f"compute instances add-tags test-gce-01 --zone {ZONE} --tags more")
    described = gcloud.json(f"compute instances describe test-gce-01 --zone {ZONE}")
    assert described["tags"]["items"] == ["more", "web"]
    assert described["canIpForward"] is True
    gcloud(f"compute instances stop test-gce-01 --zone {ZONE}")
    assert gcloud.table("compute instances list")[0]["STATUS"] == "TERMINATED"
    gcloud(f"compute instances start test-gce-01 --zone {ZONE}")
    gcloud(f"compute instances network-interfaces update test-gce-01 --zone {ZONE} --aliases /28")
    assert "is already being used by" in gcloud.fails(f"compute networks subnets delete sub --region {REGION}")
    gcloud(f"compute instances delete test-gce-01 --zone {ZONE}")
    assert gcloud("compute instances list") == ""


def test_addresses_and_forwarding_rules(two: Two) -> None:
    gcloud = two.lab
    make_network(gcloud, "lab")
    gcloud(f"compute addresses create vip --region {REGION} --subnet sub --purpose SHARED_LOADBALANCER_VIP")
    [row] = gcloud.table("compute addresses list")
    assert (row["NAME"], row["ADDRESS/RANGE"], row["STATUS"]) == ("vip", "10.1.0.2", "RESERVED")
    gcloud("compute health-checks create tcp check --port 80")
    gcloud(
        f"compute backend-services create backend --region {REGION} --load-balancing-scheme internal --protocol tcp "
        "--health-checks check --global-health-checks"
    )
    gcloud(
        f"compute forwarding-rules create rule --region {REGION} --load-balancing-scheme internal --network net "
        "--subnet sub --address 10.1.0.2 --ports 80 --backend-service backend"
    )
    gcloud(f"compute forwarding-rules update rule --region {REGION} --allow-global-access")
    assert gcloud.json(f"compute forwarding-rules describe rule --region {REGION}")["allowGlobalAccess"] is True
    assert gcloud.table("compute addresses list")[0]["STATUS"] == "IN_USE"
    gcloud(f"compute forwarding-rules delete rule --region {REGION}")
    gcloud(f"compute addresses delete vip --region {REGION}")


def test_firewall_policies(lab: Lab, tmp_path: pathlib.Path) -> None:
    gcloud = As(lab, "operator", tmp_path)
    make_network(gcloud, "lab")
    organization = "--organization 123456789012"
    gcloud(f"compute firewall-policies create --short-name org {organization}")
    gcloud(
        f"compute firewall-policies rules create 10 --firewall-policy org {organization} --action allow "
        "--direction INGRESS --src-ip-ranges 10.7.0.0/16 --layer4-configs tcp:80,icmp"
    )
    gcloud(f"compute firewall-policies associations create --firewall-policy org {organization}")
    gcloud("compute network-firewall-policies create net-policy --global")
    policy = "--firewall-policy net-policy --global-firewall-policy"
    gcloud(
        f"compute network-firewall-policies rules create 20 {policy} --action deny --direction EGRESS "
        "--dest-ip-ranges 10.0.0.0/8 --layer4-configs all"
    )
    gcloud(f"compute network-firewall-policies associations create --network net {policy}")
    gcloud("compute firewall-rules create classic --network net --allow tcp:22 --source-ranges 10.0.0.0/8")
    rows = gcloud.table("compute networks get-effective-firewalls net")
    told = [(row["TYPE"], row["PRIORITY"], row["ACTION"]) for row in rows if row["ACTION"] != "GOTO_NEXT"]
    assert ("org-firewall", "10", "ALLOW") in told
    assert ("network-firewall-policy", "20", "DENY") in told
    assert ("network-firewall", "1000", "ALLOW") in told
