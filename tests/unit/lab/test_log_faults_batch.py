# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The request log, injected faults, the batch endpoint, the admin API, watching the state."""

from __future__ import annotations

import asyncio
import json
import pathlib
import typing as t

import pytest
from aiohttp import web

from ansible_collections.podreach.gke.tests.lab.podreach_lab import admin, batch
from ansible_collections.podreach.gke.tests.lab.podreach_lab.core import InjectedFault, Reply
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane.reconcile import DataPlane
from ansible_collections.podreach.gke.tests.lab.podreach_lab.halt import Halt, withheld
from ansible_collections.podreach.gke.tests.lab.podreach_lab.state import Change
from ansible_collections.podreach.gke.tests.unit.lab.cloud import REGION, ZONE, Cloud, Refused

Json = dict[str, t.Any]
NETWORKS = "/compute/v1/projects/podreach-lab/global/networks"


def ask(cloud: Cloud, method: str, target: str, body: t.Any = None) -> Reply:
    raw = b"" if body is None else json.dumps(body).encode()
    around = admin.Around(pathlib.Path("lab"), DataPlane(cloud.lab.state), port=1)
    return asyncio.run(admin.answer(cloud.lab, method, f"/_lab/{target}", raw, around))


def test_the_log_tells_who_did_what(cloud: Cloud) -> None:
    cloud.network()
    cloud.compute("GET", "global/networks/n1")
    entries = ask(cloud, "GET", "requests?since=0").json()["requests"]
    assert [(item["method"], item["status"], item["mutating"], item["method_id"]) for item in entries] == [
        ("POST", 200, True, "compute.networks.insert"),
        ("GET", 200, False, "compute.networks.get"),
    ]
    assert entries[0]["caller"] == "operator@podreach-lab.iam.gserviceaccount.com"
    assert [item["seq"] for item in entries] == [1, 2]
    assert len(ask(cloud, "GET", "requests?since=1").json()["requests"]) == 1
    assert len(ask(cloud, "GET", "requests?mutating=1").json()["requests"]) == 1
    status = ask(cloud, "GET", "status").json()
    assert (status["requests"], status["mutations"]) == (2, 1)
    assert status["resources"] == {"compute#network": 1, "compute#route": 1}


def test_refused_writes_count_as_mutating_requests(cloud: Cloud) -> None:
    with pytest.raises(Refused):
        cloud.compute("POST", "global/networks", {"name": "BAD"})
    assert cloud.lab.mutations == 1


def test_reset_empties_everything_but_keeps_counting(cloud: Cloud) -> None:
    cloud.estate()
    cloud.cluster()
    cloud.lab.faults.append(InjectedFault())
    seq = ask(cloud, "POST", "reset").json()["seq"]
    assert seq == 3
    assert cloud.lab.state.counts() == {}
    assert ask(cloud, "GET", f"requests?since={seq}").json()["requests"] == []
    cloud.network()
    assert ask(cloud, "GET", f"requests?since={seq}").json()["requests"][0]["seq"] == 4


def test_a_bad_regular_expression_is_no_fault(cloud: Cloud) -> None:
    reply = ask(cloud, "POST", "faults", {"path": "("})
    assert reply.status == 400
    assert "path must be a regular expression; '(' is none: missing )" in reply.json()["error"]
    assert ask(cloud, "GET", "status").json()["armed"] == []


def test_injected_faults(cloud: Cloud) -> None:
    fault = {"count": 2, "method": "GET", "path": "networks/n1$", "status": 503, "headers": {"Retry-After": "1"}}
    assert ask(cloud, "POST", "faults", fault).status == 200
    cloud.network()
    for _again in range(2):
        reply = cloud.raw("GET", f"{NETWORKS}/n1")
        assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
        assert reply.json()["error"]["errors"][0]["reason"] == "backendError"
    assert cloud.raw("GET", f"{NETWORKS}/n1").status == 200


def test_a_fault_after_the_request_was_carried_out(cloud: Cloud) -> None:
    ask(cloud, "POST", "faults", {"method": "POST", "when": "after", "drop": True})
    reply = cloud.raw("POST", NETWORKS, {"name": "n1", "autoCreateSubnetworks": False})
    assert reply.dropped
    assert cloud.compute("GET", "global/networks/n1")["name"] == "n1"


def doom(cloud: Cloud, method: str) -> None:
    fault = {"method": method, "when": "operation", "status": 403, "reason": "quotaExceeded", "message": "Too many."}
    assert ask(cloud, "POST", "faults", fault).status == 200


def test_operations_that_fail(cloud: Cloud) -> None:
    expected = {"errors": [{"code": "QUOTA_EXCEEDED", "message": "Too many."}]}
    doom(cloud, "POST")
    assert cloud.network()["error"] == expected
    assert cloud.lab.state.counts() == {}
    cloud.network()
    doom(cloud, "POST")
    assert cloud.subnetwork("s1", "10.1.0.0/24", pods="10.4.0.0/20")["error"] == expected
    assert len(cloud.routes()) == 1
    assert "subnetworks" not in cloud.compute("GET", "global/networks/n1")
    doom(cloud, "DELETE")
    assert cloud.compute("DELETE", "global/networks/n1")["error"] == expected
    cloud.subnetwork("s1", "10.1.0.0/24", pods="10.4.0.0/20", services="10.5.0.0/22")
    doom(cloud, "POST")
    assert cloud.cluster()["error"] == {"code": 7, "message": "Too many."}
    assert cloud.container("GET", f"{ZONE}/clusters/c1")["status"] == "ERROR"
    assert cloud.container("GET", f"{ZONE}/clusters/c1")["nodePools"][0]["status"] == "ERROR"
    doom(cloud, "DELETE")
    assert "error" in cloud.container("DELETE", f"{ZONE}/clusters/c1")
    assert cloud.container("GET", f"{ZONE}/clusters/c1")["status"] == "ERROR"
    assert "error" not in cloud.container("DELETE", f"{ZONE}/clusters/c1")


def test_a_halt_counts_what_changes_something(cloud: Cloud) -> None:
    """From when it is asked for, and only requests that it is about; it says which one it was."""
    cloud.network("n0")
    halt = {"count": 2, "method": "POST", "path": "/networks$"}
    assert ask(cloud, "POST", "halt", halt).json()["halt"] == {**halt, "met": 0, "request": None}
    cloud.network("n1")
    cloud.subnetwork("s1", "10.1.0.0/24")
    cloud.compute("GET", "global/networks/n1")
    assert ask(cloud, "GET", "halt").json()["halt"]["request"] is None
    cloud.network("n2")
    reached = ask(cloud, "GET", "halt").json()["halt"]
    assert (reached["met"], reached["request"]["seq"]) == (2, 5)
    cloud.network("n3")
    assert ask(cloud, "GET", "halt").json()["halt"] == reached
    assert ask(cloud, "DELETE", "halt").json() == {"halt": None}


def test_a_reset_ends_a_halt(cloud: Cloud) -> None:
    ask(cloud, "POST", "halt", {})
    ask(cloud, "POST", "reset")
    assert ask(cloud, "GET", "halt").json() == {"halt": None}


class Connection:
    """As much of a request's connection as a lab that stands still looks at."""

    def __init__(self) -> None:
        self.transport: t.Any = self
        self.aborted = False

    def is_closing(self) -> bool:
        return False

    def abort(self) -> None:
        self.aborted = True


def test_nobody_gets_an_answer_while_it_stands_still(cloud: Cloud) -> None:
    """Until the client has gone, or the halt is lifted: then the connection is closed."""
    lab = cloud.lab

    async def tell() -> None:
        connection = Connection()
        request = t.cast(web.BaseRequest, connection)
        assert not await withheld(lab, request)
        lab.halt = Halt()
        assert not await withheld(lab, request)
        cloud.network()
        gone, lifted = Connection(), Connection()
        waiting = [asyncio.create_task(withheld(lab, t.cast(web.BaseRequest, item))) for item in (gone, lifted)]
        await asyncio.sleep(0.05)
        assert not any(item.done() for item in waiting)
        gone.transport = None
        assert await waiting[0]
        assert not waiting[1].done()
        lab.halt = None
        assert await waiting[1]
        assert (gone.aborted, lifted.aborted) == (False, True)

    asyncio.run(tell())


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("POST", "faults", {"when": "never"}),
        ("POST", "faults", {"status": 200}),
        ("POST", "faults", {"count": 0}),
        ("POST", "faults", {"colour": "red"}),
        ("POST", "halt", {"count": 0}),
        ("POST", "halt", {"path": "("}),
        ("POST", "halt", {"met": 1}),
        ("POST", "routerStatus", {"router": "none"}),
        ("POST", "latency", {"profile": "warp"}),
        ("POST", "token", {"account": "root"}),
        ("GET", "requests?since=x", None),
        ("POST", "faults", []),
    ],
)
def test_bad_admin_requests_say_why(cloud: Cloud, method: str, target: str, body: t.Any) -> None:
    reply = ask(cloud, method, target, body)
    assert reply.status == 400
    assert reply.json()["error"]


def test_unknown_admin_paths_list_the_known_ones(cloud: Cloud) -> None:
    reply = ask(cloud, "GET", "magic")
    assert reply.status == 404
    assert "/_lab/status" in reply.json()["error"]


def test_router_status_set_by_hand(cloud: Cloud) -> None:
    cloud.network()
    cloud.compute("POST", f"regions/{REGION}/routers", {"name": "r1", "network": "global/networks/n1"})
    path = f"projects/podreach-lab/regions/{REGION}/routers/r1"
    result = {"bgpPeerStatus": [{"name": "p", "status": "UP", "numLearnedRoutes": 7}]}
    assert ask(cloud, "POST", "routerStatus", {"router": path, "result": result}).status == 200
    status = f"regions/{REGION}/routers/r1/getRouterStatus"
    assert cloud.compute("GET", status)["result"] == result
    bad = ask(cloud, "POST", "routerStatus", {"router": path, "result": {"bgpPeerStatus": [{"colour": 1}]}})
    assert bad.status == 400
    ask(cloud, "POST", "routerStatus", {"router": path, "result": None})
    assert "bgpPeerStatus" not in cloud.compute("GET", status)["result"]


def test_latency_can_be_changed(cloud: Cloud) -> None:
    assert ask(cloud, "POST", "latency", {"profile": "realistic", "scale": 0.5}).json() == {
        "profile": "realistic",
        "scale": 0.5,
        "pending": 0.0,
    }
    assert cloud.lab.state.clock.seconds("CREATE_CLUSTER", "container") == 180
    ask(cloud, "POST", "latency", {"profile": "zero", "scale": 1})


def test_a_batch_as_gcloud_sends_it(cloud: Cloud) -> None:
    cloud.network()
    cloud.subnetwork("sa", "10.1.0.0/24")
    parts = []
    for at, name in enumerate(("sa", "none")):
        parts.append(
            "--===============7==\nContent-Type: application/http\nMIME-Version: 1.0\n"
            f"Content-Transfer-Encoding: binary\nContent-ID: <a1b2+{at}>\n\n"
            f"DELETE /compute/v1/projects/podreach-lab/regions/{REGION}/subnetworks/{name}?alt=json HTTP/1.1\n"
            f"content-length: 0\nauthorization: {cloud.headers['authorization']}\nHost: 127.0.0.1:1\n\n\n"
        )
    raw = "".join(parts) + "--===============7==--"
    headers = {"content-type": 'multipart/mixed; boundary="===============7=="'}
    reply = asyncio.run(batch.answer(cloud.lab, headers, raw.encode()))
    assert reply.status == 200
    boundary = reply.content_type.partition("boundary=")[2]
    pieces = reply.body.decode().split(f"--{boundary}")
    assert "Content-ID: <response-a1b2+0>" in pieces[1]
    assert "HTTP/1.1 200 OK" in pieces[1]
    operation = json.loads(pieces[1].split("\r\n\r\n")[2])
    assert (operation["operationType"], operation["status"]) == ("delete", "DONE")
    assert "HTTP/1.1 404 Not Found" in pieces[2]
    assert pieces[3].strip() == "--"
    assert "items" not in cloud.compute("GET", f"regions/{REGION}/subnetworks")


@pytest.mark.parametrize("headers", [{}, {"content-type": "multipart/mixed; boundary=x"}])
def test_what_is_no_batch(cloud: Cloud, headers: dict[str, str]) -> None:
    assert asyncio.run(batch.answer(cloud.lab, headers, b"nothing")).status == 400


def test_watchers_are_told_of_every_change_in_order(cloud: Cloud) -> None:
    seen: list[Change] = []
    stop = cloud.lab.state.watch(seen.append)
    cloud.estate()
    cloud.cluster()
    cloud.container("DELETE", f"{ZONE}/clusters/c1")
    assert [item.revision for item in seen] == sorted({item.revision for item in seen})
    story = [(item.verb, item.resource.kind) for item in seen]
    for pair in (("added", "compute#instance"), ("removed", "compute#instance"), ("removed", "container#cluster")):
        assert pair in story
    assert story.index(("added", "compute#network")) < story.index(("added", "compute#subnetwork"))
    stop()
    count = len(seen)
    cloud.lab.reset()
    assert len(seen) == count
