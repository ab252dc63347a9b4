# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Managed instance groups told in the commands of the real gcloud: a regional one that heals itself, a zonal one."""

from __future__ import annotations

import json
import pathlib
import shutil

import pytest

from ansible_collections.podreach.gke.tests.integration.test_gcloud_peering import As
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

pytestmark = pytest.mark.skipif(
    shutil.which("gcloud") is None, reason="gcloud is not installed; the lab's conformance with it cannot be tried"
)

REGION, ZONE = "asia-northeast1", "asia-northeast1-a"
MANAGED = "compute instance-groups managed"
TEMPLATE = (
    f"compute instance-templates create {{}} --machine-type e2-micro --network net --subnet sub --region {REGION} "
    "--no-address --image-family debian-12 --image-project debian-cloud --tags web"
)


@pytest.fixture
def gcloud(lab: Lab, tmp_path: pathlib.Path) -> As:
    found = As(lab, "operator", tmp_path)
    found("compute networks create net --subnet-mode custom")
    found(f"compute networks subnets create sub --network net --region {REGION} --range 10.1.0.0/24")
    found(TEMPLATE.format("t1"))
    return found


def test_a_regional_group_that_heals_itself(gcloud: As) -> None:
    lab, where = gcloud.lab, f"g1 --region {REGION}"
    [row] = gcloud.table("compute instance-templates list")
    assert (row["NAME"], row["MACHINE_TYPE"]) == ("t1", "e2-micro")
    gcloud("compute health-checks create http alive --port 80 --request-path /health --check-interval 5s")
    gcloud(f"{MANAGED} create {where} --template t1 --size 2 --health-check alive --initial-delay 60")
    assert {row["ACTION"] for row in gcloud.table(f"{MANAGED} list-instances {where}")} == {"VERIFYING"}
    gcloud(
        "compute firewall-rules create checks --network net --allow tcp:80 --target-tags web "
        "--source-ranges 130.211.0.0/22,35.191.0.0/16,10.1.0.0/24"
    )
    gcloud(f"{MANAGED} wait-until {where} --stable --timeout 10")
    [row] = gcloud.table(f"{MANAGED} list")
    assert (row["NAME"], row["LOCATION"], row["SCOPE"]) == ("g1", REGION, "region")
    assert (row["SIZE"], row["TARGET_SIZE"], row["AUTOSCALED"]) == ("2", "2", "no")
    [first, second] = gcloud.table(f"{MANAGED} list-instances {where}")
    assert (first["STATUS"], first["HEALTH_STATE"], first["ACTION"]) == ("RUNNING", "HEALTHY", "NONE")
    assert (first["INSTANCE_TEMPLATE"], first["ZONE"] != second["ZONE"]) == ("t1", True)
    described = gcloud.json(f"compute instances describe {second['NAME']} --zone {second['ZONE']}")
    address = described["networkInterfaces"][0]["networkIP"]
    assert lab.exec(first["NAME"], "curl", "-s", f"http://{address}/health").stdout == "OK\n"
    assert len(gcloud.json(f"compute instance-groups list-instances {where}")) == 2

    lab.kill_node(second["NAME"])
    gcloud(f"{MANAGED} wait-until {where} --stable --timeout 10")
    again = gcloud.json(f"compute instances describe {second['NAME']} --zone {second['ZONE']}")
    assert again["id"] != described["id"]
    address = again["networkInterfaces"][0]["networkIP"]
    assert lab.exec(first["NAME"], "curl", "-s", f"http://{address}/health").stdout == "OK\n"

    gcloud(f"{MANAGED} update {where} --clear-autohealing")
    assert "autoHealingPolicies" not in gcloud.json(f"{MANAGED} describe {where}")
    gcloud("compute health-checks delete alive --global")
    gcloud(TEMPLATE.format("t2"))
    gcloud(f"{MANAGED} set-instance-template {where} --template t2")
    gcloud(f"{MANAGED} resize {where} --size 3")
    made = sorted(row["INSTANCE_TEMPLATE"] for row in gcloud.table(f"{MANAGED} list-instances {where}"))
    assert made == ["t1", "t1", "t2"]
    assert "is already being used by" in gcloud.fails("compute instance-templates delete t2")
    gcloud(f"{MANAGED} delete {where}")
    assert gcloud.json("compute instances list") == []
    gcloud("compute instance-templates delete t2")


def test_a_group_behind_a_load_balancer(gcloud: As) -> None:
    inside = f"--region {REGION}"
    gcloud("compute firewall-rules create in --network net --allow tcp:80 --source-ranges 0.0.0.0/0")
    gcloud("compute health-checks create http alive --port 80")
    gcloud(f"{MANAGED} create g1 {inside} --template t1 --size 2")
    gcloud(
        f"compute backend-services create b1 {inside} --load-balancing-scheme internal --protocol tcp "
        "--health-checks alive --global-health-checks"
    )
    gcloud(f"compute backend-services add-backend b1 {inside} --instance-group g1 --instance-group-region {REGION}")
    gcloud(
        f"compute forwarding-rules create r1 {inside} --load-balancing-scheme internal --network net --subnet sub "
        "--ports 80 --address 10.1.0.100 --backend-service b1"
    )
    [health] = gcloud.json(f"compute backend-services get-health b1 {inside}")
    assert [item["healthState"] for item in health["status"]["healthStatus"]] == ["HEALTHY", "HEALTHY"]
    gcloud(f"compute instances create vm --zone {ZONE} --machine-type e2-micro --subnet sub --no-address")
    members = {item["name"] for item in gcloud.json(f"{MANAGED} list-instances g1 {inside}")}

    def served() -> str:
        said = json.loads(gcloud.lab.exec("vm", "curl", "-s", "--max-time", "5", "http://10.1.0.100/").stdout)
        return str(said["served_by"]).rsplit("/", 1)[1]

    assert served() in members
    gcloud.lab.kill_node(min(members))
    assert {served() for _time in range(5)} == {max(members)}
    assert "is already being used by" in gcloud.fails(f"{MANAGED} delete g1 {inside}")


def test_a_zonal_group_while_time_passes(gcloud: As) -> None:
    gcloud.lab.admin("POST", "latency", {"profile": "fast"})
    try:
        where = f"g1 --zone {ZONE}"
        gcloud(f"{MANAGED} create {where} --template t1 --size 1 --base-instance-name web")
        gcloud(f"{MANAGED} wait-until {where} --stable --timeout 20")
        [row] = gcloud.table(f"{MANAGED} list-instances {where}")
        assert row["NAME"].startswith("web-")
        gcloud(f"compute instances delete {row['NAME']} --zone {ZONE}")
        gcloud(f"{MANAGED} wait-until {where} --stable --timeout 20")
        assert [item["NAME"] for item in gcloud.table("compute instances list")] == [row["NAME"]]
        assert gcloud.json(f"{MANAGED} list-errors {where}") == []
        gcloud(f"{MANAGED} delete {where}")
    finally:
        gcloud.lab.admin("POST", "latency", {"profile": "zero"})
