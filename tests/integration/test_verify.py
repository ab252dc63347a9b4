# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role verify on a path to AWS that is whole, and broken in every way that the lab can break it.

Where the machine can't have packets, the tests fail with the reason, unless PODREACH_NO_PACKETS is set.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.integration.api import Api
from ansible_collections.podreach.gke.tests.integration.clusters import LOCATION, PROJECT, REGION, call
from ansible_collections.podreach.gke.tests.integration.playbooks import Playbooks, Run, play, task
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

Json = dict[str, t.Any]

NETWORK = "aws-internal-connect"
NODES, PODS = "10.1.0.0/24", "10.4.0.0/14"
TUNNELS = [f"aws-vpn-{connection}-tunnel-{number}" for connection in (1, 2) for number in (1, 2)]
SESSIONS = [f"aws-router/aws-vpn-{connection}-bgp-{number}" for connection in (1, 2) for number in (1, 2)]
FLOW: Json = {"name": "to EC2", "cluster": "c1", "location": LOCATION, "kind": "icmp", "target": "10.0.1.7"}
VERIFY: Json = {
    "environment": "lab",
    "network": NETWORK,
    "ranges": [{"name": "nodes", "cidr": NODES}],
    "aws_vpn": {"vpc_name": "aws-vpc"},
    "flows": [FLOW],
}
CLUSTER: Json = {
    "environment": "lab",
    "name": "c1",
    "location": LOCATION,
    "network": NETWORK,
    "subnetwork": f"{NETWORK}-subnet-1",
    "ip_allocation_policy": {"use_ip_aliases": True, "cluster_ipv4_cidr_block": PODS},
    "node_pools": [{"name": "main", "node_count": 1}],
}
ACCESS: Json = {
    "environment": "lab",
    "name": "pods",
    "vpc_name": "aws-vpc",
    "group_name": "aws-ec2",
    "ranges": [PODS],
    "allow_disruption": True,
}


@dataclasses.dataclass
class Verified:
    """A run of the role."""

    run: Run

    @property
    def report(self) -> Json:
        found = self.run["podreach.gke.verify : Make the report"].result["ansible_facts"]["verify_report"]
        return t.cast(Json, found)

    @property
    def causes(self) -> list[str]:
        return t.cast("list[str]", self.report["causes"])

    @property
    def message(self) -> str:
        """What it failed with; empty where it did not."""
        return "".join(record.result["msg"] for record in self.run.records if record.failed)

    def states(self, what: str) -> dict[str, str]:
        return {row["name"]: row["state"] for row in self.report["rows"] if row["what"] == what}


@dataclasses.dataclass
class Site:
    lab: Lab
    playbooks: Playbooks

    def verify(self, *arguments: str, without: t.Sequence[str] = (), **inputs: t.Any) -> Verified:
        known = {**VERIFY, **inputs}
        role = {"role": "podreach.gke.verify", "vars": {f"verify_{k}": v for k, v in known.items() if k not in without}}
        return Verified(
            self.playbooks.run({"hosts": "all", "gather_facts": False, "roles": [role]}, arguments=arguments)
        )

    def do(self, *tasks: Json) -> None:
        run = self.playbooks.run(play(tasks, ignore_errors=False))
        assert run.rc == 0, run.output
        self.lab.settle()

    def wait(self) -> None:
        """Until every session is up."""
        asked = {"environment": "lab", "network": NETWORK, "wait_established": True, "timeout": 90}
        self.do(task("sessions", "router_status_info", asked))

    @contextlib.contextmanager
    def advertising(self, *ranges: str) -> t.Iterator[None]:
        """The router advertises some ranges besides, by a call that nothing checks."""
        path = f"compute/v1/projects/{PROJECT}/regions/{REGION}/routers/aws-router"
        more = {"advertisedGroups": ["ALL_SUBNETS"], "advertisedIpRanges": [{"range": cidr} for cidr in ranges]}
        call(self.lab, "PATCH", path, {"bgp": {"advertiseMode": "CUSTOM", **more}})
        self.lab.settle()
        yield
        call(self.lab, "PATCH", path, {"bgp": {"advertiseMode": "DEFAULT", **dict.fromkeys(more)}})
        self.wait()

    @contextlib.contextmanager
    def open(self) -> t.Iterator[None]:
        """EC2's security group admits the pods for a while."""
        self.do(task("open", "aws_pod_access", ACCESS))
        yield
        self.do(task("close", "aws_pod_access", {**ACCESS, "state": "absent"}))


@pytest.fixture(scope="module")
def joined(lab_process: Lab, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A VPN with four tunnels that are up, and a VPC-native cluster; EC2's security group is closed."""
    packets = lab_process.status()["packets"]
    for found in (packets, packets["bgp"]):
        if not found["available"]:
            if os.environ.get("PODREACH_NO_PACKETS") == "1":
                pytest.skip(found["reason"])
            pytest.fail(f"{found['reason']} (PODREACH_NO_PACKETS=1 skips what needs packets)")
    lab_process.reset()
    lab_process.preset("aws-vpn")
    # another VPN, whose tunnel leads nowhere, and a router of Cloud NAT: neither is of this path
    api = Api(lab_process)
    api.network()
    api.router()
    api.vpn_gateway()
    api.external_vpn_gateway()
    api.vpn_tunnel()
    api.router("nat", network=NETWORK)
    made = Site(lab_process, Playbooks(lab_process, tmp_path_factory.mktemp("verify")))
    made.do(task("cluster", "cluster", CLUSTER))
    made.wait()
    return made


@pytest.fixture
def site(joined: Site) -> t.Iterator[Site]:
    """The same; every disturbance ends with its test."""
    yield joined
    if joined.lab.status()["disturbances"]:
        for name in TUNNELS:
            joined.lab.cut_tunnel(name, end=True)
        joined.lab.flood("aws-router", end=True)
        joined.wait()


def test_open(site: Site) -> None:
    """All is well, proven by a packet; the pods' range was found by itself; few tasks ran."""
    with site.open():
        found = site.verify(wait_established=True)
    assert found.run.rc == 0, found.run.output
    assert (found.report["ok"], found.report["proven"], found.causes) == (True, True, [])
    assert found.states("range") == {"nodes": "advertised", "pods of c1": "advertised"}
    assert found.states("AWS route") == {"nodes": "present", "pods of c1": "present"}
    assert found.states("flow") == {"to EC2": "reachable"}
    assert set(found.states("tunnel").values()) == {"ESTABLISHED"}
    assert set(found.states("AWS tunnel").values()) == {"UP"}
    head, *rows = found.report["table"]
    assert head.split() == ["WHAT", "NAME", "STATE", "DETAIL"]
    assert any(line.split()[-4:] == ["from", "c1,", "expected", "reachable"] for line in rows)
    shown = [line for line in found.run.output.splitlines() if line.strip().strip('",') in found.report["table"]]
    assert max(map(len, shown)) <= 120
    tasks = [
        record.task for record in found.run.records if record.status != "skipped" and "Validating" not in record.task
    ]
    assert len(tasks) <= 7


def test_closed(site: Site) -> None:
    """The path is there, and EC2's security group is not open."""
    found = site.verify()
    assert found.causes == ["flow-unreachable"]
    assert "to EC2: " in found.message
    (row,) = [row for row in found.report["rows"] if row["what"] == "flow"]
    assert row["detail"] == "from c1, expected reachable: no-reply"
    assert site.verify(flows=[{**FLOW, "expect": "unreachable"}]).report["proven"]


def test_one_tunnel_cut(site: Site) -> None:
    """Packets still pass: a finding, and a failure only where redundancy is asked for."""
    site.lab.cut_tunnel(TUNNELS[0])
    with site.open():
        found = site.verify()
        strict = site.verify(redundancy=True, flows=[])
    assert found.run.rc == 0, found.run.output
    assert found.causes == ["tunnel-down", "bgp-session-down", "redundancy-lost"]
    assert found.states("flow") == {"to EC2": "reachable"}
    assert TUNNELS[0] in " ".join(found.report["notes"])
    assert strict.run.rc != 0
    assert "redundancy-lost: 1 of 4 sessions" in strict.message


def test_all_tunnels_cut(site: Site) -> None:
    for name in TUNNELS:
        site.lab.cut_tunnel(name)
    found = site.verify()
    assert found.causes == ["tunnel-down", "bgp-session-down", "flow-unreachable"]
    for name in (*TUNNELS, *SESSIONS):
        assert f"{name} is " in found.message
    assert found.message.index("tunnel-down") == 0
    assert found.message.index("flow-unreachable") > found.message.rindex("bgp-session-down")
    shown = site.verify(fail=False, flows=[])
    assert shown.run.rc == 0
    assert "bgp-session-down: " in shown.run.output


def test_prefixes_from_elsewhere(site: Site) -> None:
    """No API counts them while the sessions are down, and the limit is named all the same."""
    site.lab.flood("aws-router", 101)
    site.lab.settle()
    found = site.verify(flows=[])
    assert found.causes == ["bgp-prefix-limit", "bgp-session-down"]
    assert "It takes 100 prefixes, and the configuration makes " in found.message


def test_prefixes_of_the_configuration(site: Site) -> None:
    """More ranges than AWS takes: the cause is told with the count."""
    with site.advertising(*(f"172.20.{number}.0/24" for number in range(99))):
        found = site.verify(flows=[])
    assert found.causes == ["bgp-prefix-limit", "bgp-session-down"]
    assert found.message.startswith(f"bgp-prefix-limit: {SESSIONS[0]} sends 101 prefixes, and its peer takes 100, ")
    assert "advertise aggregates" in found.message


def test_a_routes_based_cluster(site: Site) -> None:
    """Its range is not advertised by itself; both cures are told; where AWS has no route, that is no second cause."""
    routes = {
        **CLUSTER,
        "name": "old",
        "cluster_ipv4_cidr": "172.16.0.0/16",
        "ip_allocation_policy": {"use_routes": True},
    }
    site.do(task("cluster", "cluster", routes))
    found = site.verify(flows=[])
    off = site.verify(flows=[], pod_ranges=False)
    with site.advertising("172.16.0.0/17", "172.16.128.0/17"):
        cured = site.verify(flows=[])
    site.do(task("gone", "cluster", {**routes, "state": "absent", "deletion_protection": False}))
    assert found.causes == ["bgp-range-not-advertised"]
    assert "pods of old (172.16.0.0/16) is not advertised" in found.message
    assert "advertised_ip_ranges" in found.message
    assert "VPC-native" in found.message
    assert found.states("range")["pods of old"] == "not advertised"
    assert off.causes == []
    assert cured.causes == [], cured.message
    assert cured.states("range")["pods of old"] == "advertised"
    assert cured.states("AWS route")["pods of old"] == "present"


def test_pods_ranges_that_may_not_be_read(site: Site) -> None:
    """A warning, and no proof, though every packet passes."""
    with site.open():
        site.lab.fault(count=1, method="GET", path="/clusters$", status=403, reason="forbidden", message="may not")
        found = site.verify()
    assert found.run.rc == 0, found.run.output
    assert (found.report["ok"], found.report["proven"]) == (True, False)
    assert "may not" in found.report["warnings"][0]
    assert found.states("flow") == {"to EC2": "reachable"}


def test_a_flow_alone(site: Site) -> None:
    flows = [{**FLOW, "expect": "unreachable"}]
    found = site.verify(vpn=False, flows=flows, without=["network", "ranges", "aws_vpn"])
    assert found.report["proven"]
    ran = [record.task for record in found.run.records if record.status == "ok" and "Validating" not in record.task]
    assert len(ran) == 3, ran
    assert [row["what"] for row in found.report["rows"]] == ["flow"]


def test_check_mode(site: Site) -> None:
    """What is there is judged, and flows are not run."""
    found = site.verify("--check")
    assert found.run.rc == 0, found.run.output
    assert (found.report["ok"], found.report["proven"]) == (True, False)
    assert found.states("flow") == {"to EC2": "not run"}
    assert set(found.states("session").values()) == {"Established"}


def test_check_mode_before_the_first_run(lab: Lab, playbooks: Playbooks) -> None:
    found = Site(lab, playbooks).verify("--check", wait_established=True)
    assert found.run.rc == 0, found.run.output
    assert found.causes == []
    assert [row["state"] for row in found.report["rows"]] == ["planned", "planned", "not run"]
    assert lab.mutating() == []
    real = Site(lab, playbooks).verify()
    assert real.causes == ["router-not-found", "vpc-not-found", "flow-not-run"]
