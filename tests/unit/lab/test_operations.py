# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations: their course, waiting, idempotency by requestId, one at a time on a cluster."""

from __future__ import annotations

import asyncio
import json
import uuid

import pytest

from ansible_collections.podreach.gke.tests.lab.podreach_lab.auth import Accounts
from ansible_collections.podreach.gke.tests.lab.podreach_lab.clock import PROFILES, SECONDS, Clock, ManualClock
from ansible_collections.podreach.gke.tests.lab.podreach_lab.discovery import Discovery
from ansible_collections.podreach.gke.tests.unit.lab.cloud import REGION, ZONE, Cloud, Refused


def move(cloud: Cloud, seconds: float) -> None:
    assert isinstance(cloud.clock, ManualClock)
    cloud.clock.advance(seconds)


def test_a_compute_operation_runs_and_ends(slow: Cloud) -> None:
    first = slow.network()
    assert (first["status"], first["progress"]) == ("RUNNING", 0)
    assert "endTime" not in first
    assert first["user"] == "operator@podreach-lab.iam.gserviceaccount.com"
    assert "region" not in first
    move(slow, 7.5)
    path = f"global/operations/{first['name']}"
    assert slow.compute("GET", path)["progress"] == 50
    move(slow, 10)
    last = slow.compute("GET", path)
    assert (last["status"], last["progress"]) == ("DONE", 100)
    assert last["endTime"] > last["startTime"]
    assert slow.compute("POST", f"{path}/wait") == last


def test_an_operation_may_be_pending_first(slow: Cloud) -> None:
    slow.clock.configure("realistic", 1.0, pending=0.4)
    first = slow.network()
    assert first["status"] == "PENDING"
    for seconds, status in ((5, "PENDING"), (5, "RUNNING"), (10, "DONE")):
        move(slow, seconds)
        assert slow.compute("GET", f"global/operations/{first['name']}")["status"] == status


def test_regional_operations_name_their_region(slow: Cloud) -> None:
    slow.network()
    move(slow, 20)
    operation = slow.subnetwork()
    assert operation["region"].endswith(f"/regions/{REGION}")
    assert slow.compute("GET", f"regions/{REGION}/operations/{operation['name']}")["status"] == "RUNNING"
    with pytest.raises(Refused) as refused:
        slow.compute("GET", f"global/operations/{operation['name']}")
    assert refused.value.code == 404


def test_a_network_that_is_not_ready_cannot_be_used_yet(slow: Cloud) -> None:
    slow.network()
    with pytest.raises(Refused) as refused:
        slow.subnetwork()
    assert (refused.value.code, refused.value.reason) == (400, "resourceNotReady")
    assert refused.value.message == "The resource 'projects/podreach-lab/global/networks/n1' is not ready"
    move(slow, 20)
    slow.subnetwork()


def test_a_delete_ends_with_its_operation(slow: Cloud) -> None:
    slow.network()
    move(slow, 20)
    operation = slow.compute("DELETE", "global/networks/n1")
    assert slow.compute("GET", "global/networks/n1")["name"] == "n1"
    with pytest.raises(Refused, match="is not ready"):
        slow.compute("PATCH", "global/networks/n1", {"routingConfig": {"routingMode": "GLOBAL"}})
    move(slow, 20)
    assert slow.compute("GET", f"global/operations/{operation['name']}")["status"] == "DONE"
    with pytest.raises(Refused):
        slow.compute("GET", "global/networks/n1")


def test_the_same_request_id_is_the_same_operation(slow: Cloud) -> None:
    number = str(uuid.uuid4())
    body = {"name": "n1", "autoCreateSubnetworks": False}
    first = slow.compute("POST", f"global/networks?requestId={number}", body)
    assert first["clientOperationId"] == number
    assert slow.compute("POST", f"global/networks?requestId={number.upper()}", body)["name"] == first["name"]
    with pytest.raises(Refused) as refused:
        slow.compute("POST", f"global/networks?requestId={uuid.uuid4()}", body)
    assert refused.value.code == 409
    move(slow, 20)
    gone = str(uuid.uuid4())
    first = slow.compute("DELETE", f"global/networks/n1?requestId={gone}")
    move(slow, 20)
    assert slow.compute("DELETE", f"global/networks/n1?requestId={gone}")["status"] == "DONE"


@pytest.mark.parametrize("number", ["abc", "00000000-0000-0000-0000-000000000000"])
def test_bad_request_ids(cloud: Cloud, number: str) -> None:
    with pytest.raises(Refused, match="'requestId'"):
        cloud.compute("POST", f"global/networks?requestId={number}", {"name": "n1"})


def test_a_cluster_operation_runs_and_excludes_others(slow: Cloud) -> None:
    slow.network()
    move(slow, 20)
    slow.subnetwork("s1", "10.1.0.0/24", pods="10.4.0.0/20", services="10.5.0.0/22")
    move(slow, 20)
    first = slow.cluster()
    assert (first["operationType"], first["status"], first["zone"]) == ("CREATE_CLUSTER", "RUNNING", ZONE)
    assert f"/projects/100000000001/zones/{ZONE}/operations/{first['name']}" in first["selfLink"]
    assert first["targetLink"].endswith(f"/projects/100000000001/zones/{ZONE}/clusters/c1")
    move(slow, 180)
    running = slow.container("GET", f"{ZONE}/operations/{first['name']}")
    assert {item["name"]: item["intValue"] for item in running["progress"]["metrics"]} == {
        "CLUSTER_CONFIGURING_TOTAL": "12",
        "CLUSTER_CONFIGURING": "6",
    }
    assert slow.container("GET", f"{ZONE}/clusters/c1")["status"] == "PROVISIONING"
    with pytest.raises(Refused) as refused:
        slow.container("DELETE", f"{ZONE}/clusters/c1")
    assert refused.value.error["status"] == "FAILED_PRECONDITION"
    assert refused.value.message == f"Cluster is running incompatible operation {first['name']}."
    move(slow, 200)
    assert slow.container("GET", f"{ZONE}/operations/{first['name']}")["status"] == "DONE"
    assert slow.container("GET", f"{ZONE}/clusters/c1")["status"] == "RUNNING"
    assert [item["name"] for item in slow.container("GET", "-/operations")["operations"]] == [first["name"]]
    slow.container("DELETE", f"{ZONE}/clusters/c1")
    assert slow.container("GET", f"{ZONE}/clusters/c1")["status"] == "STOPPING"


def test_one_update_at_a_time(slow: Cloud) -> None:
    slow.network()
    move(slow, 20)
    slow.subnetwork("s1", "10.1.0.0/24", pods="10.4.0.0/20", services="10.5.0.0/22")
    move(slow, 20)
    slow.cluster()
    move(slow, 400)
    snat = {"update": {"desiredDefaultSnatStatus": {"disabled": True}}}
    slow.container("PUT", f"{ZONE}/clusters/c1", snat)
    assert slow.container("GET", f"{ZONE}/clusters/c1")["status"] == "RECONCILING"
    for path, body in (("clusters/c1", snat), ("clusters/c1/nodePools/default-pool:setSize", {"nodeCount": 2})):
        with pytest.raises(Refused, match="incompatible operation"):
            slow.container("PUT" if path == "clusters/c1" else "POST", f"{ZONE}/{path}", body)
    move(slow, 60)
    assert slow.container("GET", f"{ZONE}/clusters/c1")["status"] == "RUNNING"
    slow.container("POST", f"{ZONE}/clusters/c1/nodePools/default-pool:setSize", {"nodeCount": 2})
    move(slow, 100)
    assert len(slow.nodes()) == 2


def test_waiting_ends_with_the_operation(accounts: Accounts, discovery: Discovery) -> None:
    async def run() -> float:
        cloud = Cloud(Clock("realistic", 0.01), accounts, discovery)
        reply = await cloud.lab.call(
            "POST",
            "/compute/v1/projects/podreach-lab/global/networks",
            cloud.headers,
            json.dumps({"name": "n"}).encode(),
        )
        name = reply.json()["name"]
        before = cloud.clock.monotonic()
        path = f"/compute/v1/projects/podreach-lab/global/operations/{name}/wait"
        done = await cloud.lab.call("POST", path, cloud.headers)
        assert done.json()["status"] == "DONE"
        assert not [item for item in cloud.lab.log if item["mutating"] and item["path"].endswith("/wait")]
        return cloud.clock.monotonic() - before

    assert 0.05 < asyncio.run(run()) < 1.0


def test_a_reset_leaves_no_operation_behind(slow: Cloud) -> None:
    slow.network()
    slow.lab.reset()
    move(slow, 60)
    assert slow.lab.state.counts() == {}
    assert slow.lab.operations.running() == []
    assert "items" not in slow.compute("GET", "global/operations")


def test_the_clock_knows_its_profiles() -> None:
    assert set(PROFILES) == {"zero", "fast", "realistic"}
    assert Clock("zero").seconds("CREATE_CLUSTER", "container") == 0
    assert Clock("realistic", 0.01).seconds("CREATE_CLUSTER", "container") == pytest.approx(3.6)
    assert Clock("fast").seconds("CREATE_CLUSTER", "container") < 3
    assert Clock("realistic").seconds("compute.unheard.of", "compute") == SECONDS["compute"]
    for profile, scale in (("slow", 1.0), ("fast", -1.0)):
        with pytest.raises(ValueError, match="must be"):
            Clock(profile, scale)
    with pytest.raises(ValueError, match="must be"):
        Clock().configure("fast", 1.0, pending=2.0)
