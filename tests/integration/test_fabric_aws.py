# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real packets through both clouds, where tunnels and BGP are as a test says.

Where the machine can't, the tests fail with the reason, unless PODREACH_NO_PACKETS is set.
"""

from __future__ import annotations

import asyncio
import collections.abc
import dataclasses
import os
import socket
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.lab.podreach_lab.aws import facts as aws
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane import mutants, packets
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane.fabric import Fabric, Unavailable
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane.taps import Taps
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane.trace import trace
from ansible_collections.podreach.gke.tests.unit.lab.hybrid import ALL, CLUSTER, LOCAL, OPEN, Hybrid, hybrid

SECONDS = 30
VM, EC2 = "instance projects/p/zones/asia-northeast1-a/instances/vm", "ec2 i-1"
ADDRESSES = {VM: "10.1.0.9", EC2: "10.0.1.7", "ec2 i-2": "10.0.1.8", "ec2 i-3": "10.0.2.7"}
Json = dict[str, t.Any]


@pytest.fixture(scope="module", autouse=True)
def possible() -> None:
    async def attempt() -> None:
        await (await Fabric.start()).close()

    try:
        asyncio.run(attempt())
    except Unavailable as error:
        if os.environ.get("PODREACH_NO_PACKETS"):
            pytest.skip(str(error))
        pytest.fail(f"{error} (PODREACH_NO_PACKETS=1 skips these tests)")


class World:
    """A fabric that follows an estate."""

    def __init__(self, fabric: Fabric, estate: Hybrid) -> None:
        self.fabric = fabric
        self.estate = estate
        self.taps = Taps()

    async def apply(self) -> None:
        self.compiled = self.estate.compiled()
        await self.fabric.apply(self.compiled.plan)

    async def trace(self, start: str, to: str, protocol: str = "icmp", port: int = 0, length: int = 0) -> Json:
        flow = packets.Flow(ADDRESSES[start], to, protocol, port, 0, length)
        return await trace(self.fabric, self.taps, self.compiled, start, flow, str)


def with_world(estate: Hybrid, body: t.Callable[[World], collections.abc.Awaitable[None]]) -> None:
    async def run() -> None:
        fabric = await Fabric.start()
        world = World(fabric, estate)
        try:
            await world.apply()
            await asyncio.wait_for(body(world), SECONDS)
        finally:
            world.taps.close()
            await fabric.close()

    asyncio.run(run())


def died(found: Json) -> tuple[str, str]:
    """Where, and for which reason, a request or else its answer died."""
    way = found["request"]["died"] or found["reply"]["died"]
    return way["at"], way["reason"]


def detail(found: Json) -> str:
    return str((found["request"]["died"] or found["reply"]["died"])["detail"])


def group(*rules: aws.GroupRule, name: str = "sg-1") -> aws.Group:
    return aws.Group(name, "vpc-1", (ALL, *rules))


def inbound(protocol: str, *ranges: str, first: int = -1, last: int = -1, groups: tuple[str, ...] = ()) -> t.Any:
    return aws.GroupRule(False, protocol, first, last, ranges, groups)


def test_there_and_back_over_the_tunnels() -> None:
    async def body(world: World) -> None:
        found = await world.trace(VM, "10.0.1.7")
        assert found["verdict"] == "reachable", found
        there = ["vpc vpc-1", "vgw vgw-1", "router projects/p/regions/asia-northeast1/routers/r1"]
        network = "network projects/p/global/networks/n1"
        assert [hop["at"] for hop in found["reply"]["hops"]] == [EC2, *there, network, VM]
        back = await world.trace(EC2, "10.1.0.9", "tcp", 80)
        assert (back["verdict"], back["answer"]) == ("reachable", "rst")

    with_world(hybrid(), body)


def test_pods_and_what_aws_knows_of_them() -> None:
    """Of a VPC-native cluster the pods' range is announced, of a routes-based one it is not."""
    estate = hybrid(learned=("10.1.0.0/24", "10.1.128.0/19"))
    body = {"network": estate.google.state.of_kind("compute#subnetwork")[0].body["network"]}
    ranges = {"ipCidrRange": "10.1.0.0/24", "secondaryIpRanges": [{"rangeName": "p", "ipCidrRange": "10.1.128.0/19"}]}
    estate.google.state.of_kind("compute#subnetwork")[0].body.update(body | ranges)
    estate.google.node("native", "n1", "10.1.0.2", "10.1.128.0/24")
    estate.google.node("routed", "n1", "10.1.0.3", "10.32.0.0/24", native=False)
    estate.pod("a", "native", "10.1.128.5")
    estate.pod("b", "routed", "10.32.0.5")

    async def test(world: World) -> None:
        for name, address in (("a", "10.1.128.5"), ("b", "10.32.0.5")):
            ADDRESSES[f"pod {CLUSTER} default/{name}"] = address
        found = await world.trace(f"pod {CLUSTER} default/a", "10.0.1.7")
        assert found["verdict"] == "reachable", found
        assert found["reply"]["hops"][-1]["ttl"] == 62
        found = await world.trace(f"pod {CLUSTER} default/b", "10.0.1.7")
        assert found["request"]["delivered"] and found["request"]["source_seen"] == "10.32.0.5"
        assert died(found) == ("vpc vpc-1", "aws-route")
        assert detail(found) == "the route table rtb-1 has no route to it"

    with_world(estate, test)


def test_security_groups() -> None:
    estate = hybrid()
    estate.facts(groups=(group(),))

    async def body(world: World) -> None:
        async def follow(*rules: aws.GroupRule) -> None:
            estate.facts(groups=(group(*rules),))
            await world.apply()

        async def verdict(start: str, to: str, protocol: str, port: int = 0) -> str:
            return str((await world.trace(start, to, protocol, port))["verdict"])

        found = await world.trace(VM, "10.0.1.7")
        assert died(found) == ("vpc vpc-1", "aws-security-group")
        assert detail(found) == "no inbound rule of sg-1 allows it"
        # What an instance began is answered whatever the inbound rules say.
        assert await verdict(EC2, "10.1.0.9", "icmp") == "reachable"
        await follow(inbound("icmp", "10.1.0.0/24"))
        assert await verdict(VM, "10.0.1.7", "icmp") == "reachable"
        assert await verdict(VM, "10.0.1.7", "tcp", 80) == "unreachable"
        await follow(inbound("icmp", "10.1.0.0/24", first=0))
        assert await verdict(VM, "10.0.1.7", "icmp") == "unreachable"
        await follow(inbound("6", "10.1.0.9/32", first=80, last=90))
        assert await verdict(VM, "10.0.1.7", "tcp", 85) == "reachable"
        assert await verdict(VM, "10.0.1.7", "tcp", 91) == "unreachable"
        # A group stands for the addresses of its members, never for what comes from elsewhere.
        await follow(inbound("-1", groups=("sg-1",)))
        assert await verdict("ec2 i-3", "10.0.1.7", "icmp") == "reachable"
        assert await verdict(VM, "10.0.1.7", "icmp") == "unreachable"
        # Within a subnet as well.
        await follow()
        assert await verdict("ec2 i-2", "10.0.1.7", "icmp") == "unreachable"
        estate.facts(groups=(aws.Group("sg-1", "vpc-1", (inbound("-1", "0.0.0.0/0"),)),))
        await world.apply()
        found = await world.trace(EC2, "10.1.0.9")
        assert detail(found) == "no outbound rule of sg-1 allows it"

    with_world(estate, body)


def acl(*entries: aws.AclEntry) -> aws.Acl:
    return aws.Acl("acl-1", "vpc-1", entries)


def entry(number: int, egress: bool, allow: bool, protocol: str = "-1", first: int = -1, last: int = -1) -> t.Any:
    return aws.AclEntry(number, egress, allow, protocol, "10.0.0.0/8", first, last)


def with_acl(*entries: aws.AclEntry) -> Hybrid:
    """subnet-1 has acl-1 with these entries."""
    estate = hybrid()
    first, second = estate.google.state.aws.subnets
    estate.facts(acls=(OPEN, acl(*entries)), subnets=(dataclasses.replace(first, acl="acl-1"), second))
    return estate


def test_network_acls_do_not_know_connections() -> None:
    estate = with_acl(entry(100, False, True))

    async def body(world: World) -> None:
        found = await world.trace(VM, "10.0.1.7")
        assert found["request"]["delivered"]
        assert died(found) == ("vpc vpc-1", "aws-network-acl")
        assert detail(found) == "denied by the outbound rule * of acl-1"
        # Not asked within the subnet, asked between two of a VPC.
        assert (await world.trace("ec2 i-2", "10.0.1.7"))["verdict"] == "reachable"
        assert died(await world.trace("ec2 i-3", "10.0.1.7"))[1] == "aws-network-acl"
        # Answers go to the ports that clients begin from.
        web = [entry(100, False, True, "tcp", 80, 80), entry(100, True, True, "tcp", 1024, 65535)]
        estate.facts(acls=(OPEN, acl(*web)))
        await world.apply()
        assert (await world.trace(VM, "10.0.1.7", "tcp", 80))["verdict"] == "reachable"
        found = await world.trace(VM, "10.0.1.7", "tcp", 81)
        assert (found["request"]["delivered"], detail(found)) == (False, "denied by the inbound rule * of acl-1")
        # The first that matches decides.
        ordered = [entry(90, False, False, "icmp", 8), entry(100, False, True), entry(100, True, True)]
        estate.facts(acls=(OPEN, acl(*ordered)))
        await world.apply()
        assert detail(await world.trace(VM, "10.0.1.7")) == "denied by the inbound rule 90 of acl-1"
        assert (await world.trace(VM, "10.0.1.7", "udp", 53))["verdict"] == "reachable"

    with_world(estate, body)


@pytest.mark.parametrize(
    ("mutant", "estate"),
    [("acl-stateful", with_acl(entry(100, False, True))), ("security-groups-ignored", hybrid())],
)
def test_faults_are_seen(monkeypatch: pytest.MonkeyPatch, mutant: str, estate: Hybrid) -> None:
    if mutant == "security-groups-ignored":
        estate.facts(groups=(group(),))

    async def body(world: World) -> None:
        assert (await world.trace(VM, "10.0.1.7"))["verdict"] == "unreachable"
        monkeypatch.setattr(mutants, "_CHOSEN", mutant)
        await world.apply()
        assert (await world.trace(VM, "10.0.1.7"))["verdict"] == "reachable"

    with_world(estate, body)


def test_source_and_destination_check() -> None:
    """An instance in the way passes packets on only where the check is off."""
    estate = hybrid()
    routes = (LOCAL, aws.Route("10.1.0.0/24", "instance", "i-3"))
    first, second = estate.google.state.aws.subnets
    tables = (aws.RouteTable("rtb-2", "vpc-1", False, routes), *estate.google.state.aws.tables)
    estate.facts(tables=tables, subnets=(dataclasses.replace(first, table="rtb-2"), second))

    async def body(world: World) -> None:
        assert died(await world.trace(EC2, "10.1.0.9")) == ("vpc vpc-1", "source-dest-check")
        cards = tuple(
            dataclasses.replace(item, source_check=item.id != "eni-3") for item in estate.google.state.aws.interfaces
        )
        estate.facts(interfaces=cards)
        await world.apply()
        found = await world.trace(EC2, "10.1.0.9")
        assert found["verdict"] == "reachable", found
        assert "ec2 i-3" in [hop["at"] for hop in found["request"]["hops"]]

    with_world(estate, body)


def test_a_silent_tunnel_loses_both_ways() -> None:
    estate = hybrid()
    for number, tunnel in enumerate(estate.known.tunnels):
        estate.known.tunnels[number] = dataclasses.replace(tunnel, silent=True)

    async def body(world: World) -> None:
        found = await world.trace(VM, "10.0.1.7")
        assert died(found) == ("router projects/p/regions/asia-northeast1/routers/r1", "tunnel-silent")
        assert detail(found) in ("the tunnel t1 loses it", "the tunnel t2 loses it")
        assert died(await world.trace(EC2, "10.1.0.9")) == ("vgw vgw-1", "tunnel-silent")
        # Nor does what the gateways say themselves arrive; the devices are there all the same.
        inside = estate.known.tunnels[0]
        with (
            await world.fabric.socket("vgw vgw-1", socket.AF_INET, socket.SOCK_DGRAM) as sender,
            pytest.raises(OSError),
        ):
            sender.sendto(b"x", (inside.a.inside.partition("/")[0], 179))
        estate.known.tunnels[:] = [dataclasses.replace(item, silent=False) for item in estate.known.tunnels]
        await world.apply()
        assert (await world.trace(VM, "10.0.1.7"))["verdict"] == "reachable"
        with await world.fabric.socket("vgw vgw-1", socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"x", (inside.a.inside.partition("/")[0], 179))

    with_world(estate, body)


def test_too_long_packets_are_answered() -> None:
    async def body(world: World) -> None:
        assert (await world.trace(VM, "10.0.1.7", length=1406))["verdict"] == "reachable"
        found = await world.trace(VM, "10.0.1.7", length=1407)
        assert (found["verdict"], found["answer"]) == ("unreachable", "fragmentation-needed")
        assert found["request"]["died"]["reason"] == "too-long"
        assert found["reply"]["delivered"]
        found = await world.trace(EC2, "10.1.0.9", length=1450)
        assert found["answer"] == "fragmentation-needed" and found["reply"]["delivered"]

    with_world(hybrid(), body)


def test_a_network_acl_may_keep_that_answer_away() -> None:
    estate = with_acl(entry(100, False, True), entry(100, True, True))

    async def body(world: World) -> None:
        found = await world.trace(EC2, "10.1.0.9", length=1450)
        assert found["request"]["died"]["at"] == "vgw vgw-1"
        assert (found["reply"]["died"]["at"], found["reply"]["died"]["reason"]) == ("vpc vpc-1", "aws-network-acl")

    with_world(estate, body)


def test_tcp_is_clamped() -> None:
    async def body(world: World) -> None:
        with (
            await world.fabric.socket(EC2, socket.AF_INET, socket.SOCK_STREAM, bind=("0.0.0.0", 80)) as server,
            await world.fabric.socket(VM, socket.AF_INET, socket.SOCK_STREAM) as client,
        ):
            server.listen()
            for end in (server, client):
                end.settimeout(5)
            await asyncio.to_thread(client.connect, ("10.0.1.7", 80))
            accepted, _address = await asyncio.to_thread(server.accept)
            with accepted:
                for end in (client, accepted):
                    # Twelve bytes of it are for time stamps.
                    assert end.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG) in (1366, 1354)

    with_world(hybrid(), body)


def test_a_dead_instance_of_ec2() -> None:
    estate = hybrid()
    estate.google.state.silence("i-1", True)

    async def body(world: World) -> None:
        assert died(await world.trace(VM, "10.0.1.7")) == ("vpc vpc-1", "instance-dead")
        assert (await world.trace(EC2, "10.1.0.9"))["request"]["died"]["reason"] == "not-sent"
        estate.google.state.silence("i-1", False)
        await world.apply()
        assert (await world.trace(VM, "10.0.1.7"))["verdict"] == "reachable"

    with_world(estate, body)


def test_dead_machines_neither_send_nor_answer() -> None:
    estate = hybrid(learned=("10.1.0.0/24", "10.32.0.0/24"))
    estate.google.node("node", "n1", "10.1.0.3", "10.32.0.0/24", native=False)
    estate.pod("pod", "node", "10.32.0.5")
    estate.google.state.of_kind("compute#instance")[-1].hidden["dead"] = True

    async def body(world: World) -> None:
        node = "instance projects/p/zones/asia-northeast1-a/instances/node"
        for address in ("10.1.0.3", "10.32.0.5"):
            found = await world.trace(EC2, address)
            assert died(found) == ("network projects/p/global/networks/n1", "instance-dead"), found
        ADDRESSES[f"pod {CLUSTER} default/pod"] = "10.32.0.5"
        assert died(await world.trace(f"pod {CLUSTER} default/pod", "10.0.1.7")) == (node, "instance-dead")
        ADDRESSES[node] = "10.1.0.3"
        assert (await world.trace(node, "10.0.1.7"))["request"]["died"]["reason"] == "not-sent"

    with_world(estate, body)
