# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several writers at once, runs that are interrupted, answers that are lost: nothing is lost and nothing made twice."""

from __future__ import annotations

import collections
import os
import signal
import time
import typing as t
import urllib.parse

import pytest

from ansible_collections.podreach.gke.tests.integration.api import (
    CLUSTERS,
    COMPUTE,
    REGION,
    ROUTERS,
    SUBNETWORKS,
    ZONE,
    Api,
    Json,
)
from ansible_collections.podreach.gke.tests.integration.playbooks import PATHS, Playbooks, Run, Started, play, task
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

DEADLINE = 30
BFD: Json = {"bfd": {"session_initialization_mode": "PASSIVE", "multiplier": 7}}


@pytest.fixture
def slow(lab: Lab) -> t.Iterator[t.Callable[[str, float], None]]:
    """Sets the lab's latency for one test."""

    def configure(profile: str, scale: float) -> None:
        lab.admin("POST", "latency", {"profile": profile, "scale": scale})

    yield configure
    configure("zero", 1.0)


def lab_task(name: str, module: str, args: t.Mapping[str, t.Any], **keywords: t.Any) -> Json:
    return task(name, module, {"environment": "lab", **args}, **keywords)


def all_ok(*runs: Run) -> None:
    for run in runs:
        for record in run.records:
            assert record.status == "ok", record.result


# ---- several writers


def test_writers_of_one_subnetwork_lose_nothing(playbooks: Playbooks, slow: t.Callable[[str, float], None]) -> None:
    """Two plays by both paths, each of four hosts, add a range each."""
    api = Api(playbooks.lab)
    api.network()
    api.subnetwork(ranges={"first": "10.2.0.0/20"})
    slow("fast", 2)

    def adding(number: int) -> Json:
        ranges = [{"range_name": "r-{{ inventory_hostname }}-" + str(number), "ip_cidr_range": "{{ cidr }}"}]
        return lab_task("add", "subnetwork", {"name": "s1", "region": REGION, "secondary_ip_ranges": ranges})

    started = [
        playbooks.start(
            play([adding(number)]),
            hosts={f"h{host}": {"cidr": f"10.{100 + 10 * number + host}.0.0/20"} for host in range(4)},
            path=path,
            arguments=["-f", "4"],
        )
        for number, path in enumerate(PATHS)
    ]
    all_ok(*(playbooks.finish(item) for item in started))
    now = api.get(f"{SUBNETWORKS}/s1")
    assert now
    names = {item["rangeName"] for item in now["secondaryIpRanges"]}
    assert names == {"first", *(f"r-h{host}-{number}" for host in range(4) for number in (0, 1))}


def test_writers_of_one_router_lose_nothing(playbooks: Playbooks, slow: t.Callable[[str, float], None]) -> None:
    """A router has no fingerprint: writers take turns."""
    api = Api(playbooks.lab)
    api.network()
    api.router(
        bgp={
            "asn": 65010,
            "advertiseMode": "CUSTOM",
            "advertisedGroups": ["ALL_SUBNETS"],
            "advertisedIpRanges": [{"range": "10.64.0.0/16"}],
        }
    )
    slow("fast", 2)
    bgp = {"advertise_mode": "CUSTOM", "advertised_ip_ranges": [{"range": "{{ cidr }}"}]}
    add = lab_task("add", "router", {"name": "r1", "region": REGION, "bgp": bgp})
    started = [
        playbooks.start(
            play([add]),
            hosts={f"h{host}": {"cidr": f"10.{100 + 10 * number + host}.0.0/16"} for host in range(4)},
            path=path,
            arguments=["-f", "4"],
        )
        for number, path in enumerate(PATHS)
    ]
    all_ok(*(playbooks.finish(item) for item in started))
    now = api.get(f"{ROUTERS}/r1")
    assert now
    ranges = {item["range"] for item in now["bgp"]["advertisedIpRanges"]}
    added = {f"10.{100 + 10 * number + host}.0.0/16" for host in range(4) for number in (0, 1)}
    assert ranges == {"10.64.0.0/16", *added}
    assert now["bgp"]["advertisedGroups"] == ["ALL_SUBNETS"]


def test_writers_of_the_sessions_of_one_router_lose_nothing(
    playbooks: Playbooks, slow: t.Callable[[str, float], None]
) -> None:
    """Two plays by both paths, each of four hosts, add a session each; what nobody mentions stays."""
    api = Api(playbooks.lab)
    api.network()
    api.router(nats=[{"name": "nat", "natIpAllocateOption": "AUTO_ONLY"}])
    api.vpn_gateway()
    api.external_vpn_gateway()
    ends = [(own, peer) for own in range(2) for peer in range(4)]
    for number, (own, peer) in enumerate(ends):
        api.vpn_tunnel(f"t{number}", interface=own, peer=peer)
    slow("fast", 2)
    interface = {
        "name": "i{{ number }}",
        "ip_range": "169.254.10{{ number }}.2/30",
        "linked_vpn_tunnel": "t{{ number }}",
    }
    peer_options = {
        "name": "p{{ number }}",
        "interface_name": "i{{ number }}",
        "peer_ip_address": "169.254.10{{ number }}.1",
        "peer_asn": 64512,
    }
    where = {"name": "r1", "region": REGION}
    tasks = [
        lab_task("add", "router", {**where, "interfaces": [interface], "bgp_peers": [peer_options]}),
        lab_task(
            "tune", "router", {**where, "bgp_peers": [{"name": "p{{ number }}", **BFD}], "allow_disruption": True}
        ),
    ]
    started = [
        playbooks.start(
            play(tasks),
            hosts={f"h{host}": {"number": 4 * number + host} for host in range(4)},
            path=path,
            arguments=["-f", "4"],
        )
        for number, path in enumerate(PATHS)
    ]
    all_ok(*(playbooks.finish(item) for item in started))
    now = api.get(f"{ROUTERS}/r1")
    assert now
    assert {item["name"] for item in now["interfaces"]} == {f"i{number}" for number in range(8)}
    assert {item["name"]: item["bfd"]["multiplier"] for item in now["bgpPeers"]} == {f"p{at}": 7 for at in range(8)}
    assert [item["name"] for item in now["nats"]] == ["nat"]


def test_a_session_that_another_tool_takes_away_is_reported(
    playbooks: Playbooks, slow: t.Callable[[str, float], None]
) -> None:
    """Locks of ours do not stop others: their whole list arrives just before ours is read back."""
    api = Api(playbooks.lab)
    api.network()
    api.router()
    api.vpn_gateway()
    api.external_vpn_gateway()
    for number in range(2):
        api.vpn_tunnel(f"t{number}", peer=number)
    where = {"name": "r1", "region": REGION}
    options = [
        {"name": f"i{number}", "ip_range": f"169.254.{number + 6}.2/30", "linked_vpn_tunnel": f"t{number}"}
        for number in range(2)
    ]
    all_ok(playbooks.run(play([lab_task("first", "router", {**where, "interfaces": options[:1]})])))
    # the answer to the read that verifies is late enough for the other tool
    playbooks.lab.fault(method="PATCH", path="/routers/r1$", when="after", delay=3)
    playbooks.lab.mark = playbooks.lab.seq()
    started = playbooks.start(play([lab_task("second", "router", {**where, "interfaces": options[1:]})]))
    end = time.monotonic() + DEADLINE
    while len((api.get(f"{ROUTERS}/r1") or {}).get("interfaces", [])) < 2:
        assert time.monotonic() < end
        time.sleep(0.02)
    now = api.get(f"{ROUTERS}/r1")
    assert now
    api.patch(f"{ROUTERS}/r1", {"interfaces": [item for item in now["interfaces"] if item["name"] == "i1"]})
    run = playbooks.finish(started)
    assert run["second"].failed
    assert run["second"].result["error"]["code"] == "lost-update", run["second"].result
    assert "interfaces i0" in run["second"].result["msg"]


def test_many_create_the_same(playbooks: Playbooks, slow: t.Callable[[str, float], None]) -> None:
    """Whoever comes second adopts what the first one creates."""
    slow("fast", 2)
    hosts: dict[str, Json] = {f"h{number}": {} for number in range(5)}
    run = playbooks.run(play([lab_task("create", "network", {"name": "n1"})]), hosts=hosts, arguments=["-f", "5"])
    all_ok(run)
    assert sum(bool(record.result["changed"]) for record in run.records) == 1
    assert created(playbooks.lab, "/global/networks")[200] == 1


# ---- interrupted runs


def created(lab: Lab, collection: str) -> collections.Counter[int]:
    """The statuses of the POSTs to a collection."""
    return collections.Counter(
        item["status"] for item in lab.requests() if item["method"] == "POST" and item["path"].endswith(collection)
    )


def kill_after_create(lab: Lab, started: Started, collection: str) -> None:
    """Kill a run as soon as the server has got its create call."""
    end = time.monotonic() + DEADLINE
    while not created(lab, collection):
        assert time.monotonic() < end, "no create call was sent"
        assert started.process.poll() is None, started.process.communicate()[0]
        time.sleep(0.02)
    os.killpg(started.process.pid, signal.SIGKILL)
    started.process.communicate(timeout=DEADLINE)


POD_RANGES = {"pod": "10.1.128.0/19", "svc": "10.1.160.0/22"}
#: module -> what it creates, and where
CREATIONS: dict[str, tuple[Json, str]] = {
    "network": ({"name": "n2"}, f"{COMPUTE}/global/networks"),
    "subnetwork": ({"name": "s2", "region": REGION, "network": "n1", "ip_cidr_range": "10.9.0.0/24"}, SUBNETWORKS),
    "router": ({"name": "r1", "region": REGION, "network": "n1", "bgp": {"asn": 65010}}, ROUTERS),
    "vpn_gateway": ({"name": "g1", "region": REGION, "network": "n1"}, f"{COMPUTE}/regions/{REGION}/vpnGateways"),
    "external_vpn_gateway": (
        {"name": "e1", "interfaces": [{"id": 0, "ip_address": "203.0.113.1"}]},
        f"{COMPUTE}/global/externalVpnGateways",
    ),
    "vpn_tunnel": (
        {
            "name": "t1",
            "region": REGION,
            "vpn_gateway": "g1",
            "vpn_gateway_interface": 0,
            "peer_external_gateway": "e1",
            "peer_external_gateway_interface": 0,
            "router": "r1",
            "shared_secret": "a.secret_of_the_tests",
        },
        f"{COMPUTE}/regions/{REGION}/vpnTunnels",
    ),
    "address": ({"name": "a1", "region": REGION, "subnetwork": "s1"}, f"{COMPUTE}/regions/{REGION}/addresses"),
    "cluster": (
        {
            "name": "c2",
            "location": ZONE,
            "network": "n1",
            "subnetwork": "s1",
            "ip_allocation_policy": {"cluster_secondary_range_name": "pod", "services_secondary_range_name": "svc2"},
        },
        CLUSTERS,
    ),
    "node_pool": ({"name": "p2", "cluster": "c1", "location": ZONE}, f"{CLUSTERS}/c1/nodePools"),
}


@pytest.fixture
def prepared(playbooks: Playbooks) -> Playbooks:
    """The surroundings of those creations; requests count from here."""
    api = Api(playbooks.lab)
    api.network()
    api.subnetwork(ranges={**POD_RANGES, "svc2": "10.1.164.0/22"})
    api.cluster()
    playbooks.lab.mark = playbooks.lab.seq()
    return playbooks


@pytest.mark.parametrize(
    "module, path, scale",
    [
        ("network", "in-process", 0.1),
        ("subnetwork", "module", 0.1),
        ("router", "in-process", 0.15),
        ("cluster", "in-process", 0.008),
        ("cluster", "module", 0.008),
        ("node_pool", "in-process", 0.02),
    ],
)
def test_an_interrupted_creation_is_adopted(
    module: str, path: str, scale: float, prepared: Playbooks, slow: t.Callable[[str, float], None]
) -> None:
    """The run is killed once the server has got its create call; the next one does not create it again."""
    lab, (args, collection) = prepared.lab, CREATIONS[module]
    slow("realistic", scale)
    plays = [play([lab_task("create", module, args)])]
    kill_after_create(lab, prepared.start(*plays, path=path), collection)
    assert lab.status()["operations_running"] == 1
    run = prepared.run(*plays, path=path)
    all_ok(run)
    assert not run["create"].result["changed"]
    assert created(lab, collection)[200] == 1
    if module in ("cluster", "node_pool"):
        # their status tells that something goes on, and the second run waits for it
        assert lab.status()["operations_running"] == 0
        assert run["create"].result["resource"]["status"] == "RUNNING"


# ---- lost answers


@pytest.mark.parametrize("fault", [{"status": 503}, {"drop": True}, {"status": 500}], ids=["503", "no-answer", "500"])
def test_a_lost_answer_does_not_make_two(fault: Json, prepared: Playbooks) -> None:
    """The server has done it, and its answer does not arrive: asked again, it does not do it again."""
    lab = prepared.lab
    for _args, collection in CREATIONS.values():
        lab.fault(method="POST", path=f"{collection}$", when="after", **fault)
    tasks = [lab_task(name, name, args) for name, (args, _collection) in CREATIONS.items()]
    again = [lab_task(f"{name} again", name, args) for name, (args, _collection) in CREATIONS.items()]
    run = prepared.run(play([*tasks, *again]))
    all_ok(run)
    for name, (_args, collection) in CREATIONS.items():
        assert not run[f"{name} again"].result["changed"]
        posts = [item for item in lab.requests() if item["method"] == "POST" and item["path"].endswith(collection)]
        if name in ("cluster", "node_pool"):
            # no request id: it is looked for, and found
            assert created(lab, collection)[200] <= 1
        else:
            assert run[name].result["changed"]
            ids = [urllib.parse.parse_qs(item["query"])["requestId"] for item in posts]
            assert len(ids) == 2
            assert ids[0] == ids[1]


def test_a_stale_fingerprint_is_planned_again(playbooks: Playbooks) -> None:
    lab, api = playbooks.lab, Api(playbooks.lab)
    api.network()
    api.subnetwork()
    lab.fault(method="PATCH", path="/subnetworks/s1$", status=412, reason="conditionNotMet", message="stale", count=2)
    ranges = [{"range_name": "a", "ip_cidr_range": "10.6.0.0/20"}]
    args = {"name": "s1", "region": REGION, "secondary_ip_ranges": ranges}
    run = playbooks.run(play([lab_task("add", "subnetwork", args)]))
    all_ok(run)
    assert run["add"].result["changed"]
    assert [step["action"] for step in run["add"].result["plan"]] == ["update"]


def test_a_server_in_trouble_fails_in_time(playbooks: Playbooks) -> None:
    """What does not get better ends with the task's own deadline, and names the request."""
    playbooks.lab.fault(method="GET", path="/networks/n1$", status=503, count=1000)
    began = time.monotonic()
    run = playbooks.run(play([lab_task("create", "network", {"name": "n1", "timeout": 3})]))
    assert run["create"].failed
    assert "503" in run["create"].result["msg"] and "/networks/n1" in run["create"].result["msg"]
    assert time.monotonic() - began < 15


def test_retry_after_is_honoured(playbooks: Playbooks) -> None:
    lab = playbooks.lab
    lab.fault(method="GET", path="/networks/n1$", status=429, reason="rateLimitExceeded", headers={"Retry-After": "2"})
    began = time.monotonic()
    run = playbooks.run(play([lab_task("create", "network", {"name": "n1"})]))
    all_ok(run)
    assert time.monotonic() - began >= 2
