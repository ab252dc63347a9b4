# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real BGP: BIRDs in namespaces, told what to say by a state that was made by hand, and what they then know.

The namespaces are as small as can be: two gateways and their tunnels. Where the machine can't, the tests fail with the
reason, unless PODREACH_NO_PACKETS is set.
"""

from __future__ import annotations

import asyncio
import collections.abc
import dataclasses
import os
import time
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.lab.podreach_lab.aws.facts import (
    AwsFacts,
    CustomerGateway,
    TunnelOptions,
    VirtualGateway,
    Vpc,
    VpnConnection,
)
from ansible_collections.podreach.gke.tests.lab.podreach_lab.clock import Clock
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane.fabric import Fabric, Unavailable
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane.plan import End, Link, Namespace, Plan
from ansible_collections.podreach.gke.tests.lab.podreach_lab.state import Resource, State
from ansible_collections.podreach.gke.tests.lab.podreach_lab.wan import sessions
from ansible_collections.podreach.gke.tests.lab.podreach_lab.wan.model import (
    Negotiated,
    SessionState,
    Tunnel,
    TunnelEnd,
    aws_end,
    router_key,
    virtual_gateway_key,
)
from ansible_collections.podreach.gke.tests.lab.podreach_lab.wan.speakers import speakers

Json = dict[str, t.Any]
REGION = "projects/p1/regions/asia-northeast1"
NETWORK = "projects/p1/global/networks/n1"
ROUTER = f"{REGION}/routers/r1"
GOOGLE, AWS = router_key(ROUTER), virtual_gateway_key("vgw-1")
SECONDS = 30.0


@pytest.fixture(scope="module", autouse=True)
def packets() -> None:
    async def attempt() -> None:
        await (await Fabric.start()).close()

    try:
        asyncio.run(attempt())
    except Unavailable as error:
        if os.environ.get("PODREACH_NO_PACKETS"):
            pytest.skip(str(error))
        pytest.fail(f"{error} (PODREACH_NO_PACKETS=1 skips these tests)")
    if not sessions.installed():
        if os.environ.get("PODREACH_NO_PACKETS"):
            pytest.skip(sessions.MISSING)
        pytest.fail(f"{sessions.MISSING} (PODREACH_NO_PACKETS=1 skips these tests)")


class Wan:
    """A Cloud Router (65010, subnet 10.1.0.0/24) and a virtual private gateway (64512, VPC 10.0.0.0/16) with two
    tunnels between them."""

    def __init__(self) -> None:
        self.state = State(Clock("zero"), seed=1)
        self.up = [0, 1]
        self.router = Resource(
            "compute#router",
            ROUTER,
            {
                "name": "r1",
                "network": NETWORK,
                "bgp": {"asn": 65010, "keepaliveInterval": 20},
                "interfaces": [
                    {"name": f"i{at}", "ipRange": f"169.254.{at}.2/30", "linkedVpnTunnel": f"{REGION}/vpnTunnels/t{at}"}
                    for at in (0, 1)
                ],
                "bgpPeers": [
                    {"name": f"p{at}", "interfaceName": f"i{at}", "peerIpAddress": f"169.254.{at}.1", "peerAsn": 64512}
                    for at in (0, 1)
                ],
            },
        )
        self.state.add(Resource("compute#network", NETWORK, {"routingConfig": {"routingMode": "REGIONAL"}}))
        self.subnetwork("s1", "10.1.0.0/24")
        self.state.add(self.router)
        tunnels = tuple(TunnelOptions("", f"169.254.{at}.0/30", "") for at in (0, 1))
        self.facts = AwsFacts(
            vpcs=(Vpc("vpc-1", "", "", ("10.0.0.0/16",)),),
            virtual_gateways=(VirtualGateway("vgw-1", 64512, "vpc-1"),),
            customer_gateways=(CustomerGateway("cgw-1", 65010, ""),),
            connections=(VpnConnection("vpn-1", "vgw-1", "cgw-1", False, (), tunnels),),
        )
        self.state.learn_aws(self.facts)

    def subnetwork(self, name: str, cidr: str, *secondary: str) -> None:
        ranges = [{"rangeName": f"r{at}", "ipCidrRange": text} for at, text in enumerate(secondary)]
        body = {"network": NETWORK, "ipCidrRange": cidr, "secondaryIpRanges": ranges}
        self.state.add(Resource("compute#subnetwork", f"{REGION}/subnetworks/{name}", body))

    @property
    def peers(self) -> list[Json]:
        return t.cast("list[Json]", self.router.body["bgpPeers"])

    @property
    def negotiated(self) -> Negotiated:
        return Negotiated(
            tuple(
                Tunnel(
                    TunnelEnd(GOOGLE, f"{REGION}/vpnTunnels/t{at}", f"169.254.{at}.2/30"),
                    TunnelEnd(AWS, aws_end("vpn-1", at), f"169.254.{at}.1/30"),
                )
                for at in self.up
            )
        )

    @property
    def plan(self) -> Plan:
        tunnels = self.negotiated.tunnels
        namespaces = {
            gateway: Namespace(
                frozenset(
                    (end.device, end.inside) for tunnel in tunnels for end in tunnel.ends if end.gateway == gateway
                )
            )
            for gateway in {end.gateway for tunnel in tunnels for end in tunnel.ends}
        }
        links = {
            Link(End(tunnel.a.gateway, tunnel.a.device), End(tunnel.b.gateway, tunnel.b.device), 1406)
            for tunnel in tunnels
        }
        return Plan(namespaces, frozenset(links))


class Running:
    """A Wan whose BIRDs run."""

    def __init__(self, wan: Wan, fabric: Fabric) -> None:
        self.wan = wan
        self.fabric = fabric
        self.bgp = sessions.Bgp(wan.state)

    async def follow(self) -> None:
        """What the data plane does after each change."""
        await self.bgp.release(self.wan.plan.namespaces)
        await self.fabric.apply(self.wan.plan)
        negotiated = self.wan.negotiated
        await self.bgp.follow(self.fabric, speakers(self.wan.state, negotiated), negotiated)

    async def settle(self) -> None:
        await self.follow()
        await self.until(lambda: not self.bgp.waiting())

    async def until(self, condition: t.Callable[[], bool]) -> None:
        while not condition():
            await self.bgp.changed()

    def session(self, gateway: str, name: str) -> SessionState:
        return self.wan.state.bgp[gateway].sessions[name]

    def learned(self, gateway: str, session: str) -> dict[str, int | None]:
        return {item.range: item.med for item in self.wan.state.bgp[gateway].routes if item.session == session}


def run(wan: Wan, body: collections.abc.Callable[[Running], collections.abc.Awaitable[None]]) -> None:
    async def go() -> None:
        fabric = await Fabric.start()
        running = Running(wan, fabric)
        try:
            async with asyncio.timeout(SECONDS):
                await body(running)
        finally:
            await running.bgp.close()
            await fabric.close()

    asyncio.run(go())


def change_facts(wan: Wan, **fields: t.Any) -> None:
    wan.facts = dataclasses.replace(wan.facts, **fields)
    wan.state.learn_aws(wan.facts)


def test_both_sides_learn_what_the_other_says() -> None:
    async def body(running: Running) -> None:
        began = time.monotonic()
        await running.settle()
        print(f"established and learned in {time.monotonic() - began:.3f} s")
        for at in (0, 1):
            assert running.session(GOOGLE, f"p{at}").up
            assert running.learned(GOOGLE, f"p{at}") == {"10.0.0.0/16": 100}
            assert running.learned(AWS, f"vpn-1/{at}") == {"10.1.0.0/24": 100}
            assert [item.range for item in running.session(AWS, f"vpn-1/{at}").announced] == ["10.0.0.0/16"]
        route = running.wan.state.bgp[AWS].routes[0]
        assert (route.next_hop, route.path) == ("169.254.0.2", (65010,))
        began = time.monotonic()
        since = running.session(AWS, "vpn-1/0").since
        running.wan.subnetwork("s2", "10.1.1.0/24", "10.1.128.0/19", "10.1.160.0/22")
        await running.settle()
        print(f"a change was learned in {time.monotonic() - began:.3f} s")
        assert set(running.learned(AWS, "vpn-1/0")) == {
            "10.1.0.0/24",
            "10.1.1.0/24",
            "10.1.128.0/19",
            "10.1.160.0/22",
        }
        assert running.session(AWS, "vpn-1/0").since == since
        running.wan.state.clear()
        running.wan.state.learn_aws(AwsFacts())
        await running.follow()
        assert not running.wan.state.bgp

    run(Wan(), body)


def test_what_one_side_has_wrong_keeps_the_session_down() -> None:
    """Each side is configured by its own data, so that BIRD itself finds the contradiction."""

    async def body(running: Running) -> None:
        wan = running.wan
        change_facts(wan, customer_gateways=(CustomerGateway("cgw-1", 65011, ""),))
        wan.router.body["interfaces"][1]["ipRange"] = "169.254.1.1/30"
        wan.peers[1]["peerIpAddress"] = "169.254.1.2"
        await running.follow()
        assert not running.bgp.waiting()
        await running.until(lambda: "Bad peer AS" in running.session(AWS, "vpn-1/0").reason)
        await running.until(lambda: running.session(GOOGLE, "p0").reason == "Received: Bad peer AS")
        assert (running.session(GOOGLE, "p0").state, running.learned(GOOGLE, "p0")) == ("Idle", {})
        assert running.session(GOOGLE, "p1").state == "Connect"
        change_facts(wan, customer_gateways=(CustomerGateway("cgw-1", 65010, ""),))
        await running.settle()
        assert running.session(GOOGLE, "p0").up
        assert not running.session(GOOGLE, "p1").up
        wan.router.body["interfaces"][1]["ipRange"] = "169.254.1.2/30"
        wan.peers[1]["peerIpAddress"] = "169.254.1.1"
        await running.settle()
        assert running.session(GOOGLE, "p1").up
        wan.peers[0]["peerAsn"] = 64999
        await running.settle()
        assert not running.session(AWS, "vpn-1/0").up
        assert running.session(AWS, "vpn-1/1").up

    run(Wan(), body)


def test_an_md5_key_must_be_on_both_sides() -> None:
    async def body(running: Running) -> None:
        wan = running.wan
        wan.peers[0]["md5AuthenticationKeyName"] = "k1"
        wan.router.hidden["md5_keys"] = {"k1": "hush"}
        await running.follow()
        await running.until(lambda: running.session(GOOGLE, "p1").up)
        assert not running.session(GOOGLE, "p0").up
        assert running.session(GOOGLE, "p0").state == "Connect"
        del wan.peers[0]["md5AuthenticationKeyName"]
        await running.settle()
        assert running.session(GOOGLE, "p0").up

    run(Wan(), body)


class GoogleWan(Wan):
    """Two Cloud Routers, 65010 and 65020 (subnet 10.2.0.0/24), with one tunnel between them and the same MD5 key."""

    OTHER = "projects/p2/regions/us-east1/routers/r2"

    def __init__(self) -> None:
        super().__init__()
        self.state.learn_aws(AwsFacts())
        network, tunnel = "projects/p2/global/networks/n2", "projects/p2/regions/us-east1/vpnTunnels/t9"
        self.peers[0] |= {"peerAsn": 65020, "md5AuthenticationKeyName": "k1", "advertisedRoutePriority": 300}
        self.router.hidden["md5_keys"] = {"k1": "hush"}
        peer = {"name": "q0", "interfaceName": "i0", "peerIpAddress": "169.254.0.2", "peerAsn": 65010}
        body = {
            "network": network,
            "bgp": {"asn": 65020},
            "interfaces": [{"name": "i0", "ipRange": "169.254.0.1/30", "linkedVpnTunnel": tunnel}],
            "bgpPeers": [peer | {"md5AuthenticationKeyName": "mine"}],
        }
        self.state.add(Resource("compute#router", self.OTHER, body, {"md5_keys": {"mine": "hush"}}))
        subnetwork = {"network": network, "ipCidrRange": "10.2.0.0/24"}
        self.state.add(Resource("compute#subnetwork", "projects/p2/regions/us-east1/subnetworks/s", subnetwork))
        self.other_end = TunnelEnd(router_key(self.OTHER), tunnel, "169.254.0.1/30")

    @property
    def negotiated(self) -> Negotiated:
        here = TunnelEnd(GOOGLE, f"{REGION}/vpnTunnels/t0", "169.254.0.2/30")
        return Negotiated((Tunnel(here, self.other_end),))


def test_two_cloud_routers_with_an_md5_key() -> None:
    async def body(running: Running) -> None:
        await running.settle()
        other = router_key(GoogleWan.OTHER)
        assert running.learned(GOOGLE, "p0") == {"10.2.0.0/24": 100}
        assert running.learned(other, "q0") == {"10.1.0.0/24": 300}
        assert running.session(GOOGLE, "p1").reason == "The tunnel is not up."

    run(GoogleWan(), body)


def test_too_many_prefixes_close_the_session_until_there_are_fewer() -> None:
    async def body(running: Running) -> None:
        await running.settle()
        running.wan.router.hidden["prefixes"] = 100
        await running.settle()
        assert running.session(AWS, "vpn-1/0").learned == 100
        running.wan.router.hidden["prefixes"] = 101
        await running.settle()
        assert running.session(GOOGLE, "p0").reason == "Received: Maximum number of prefixes reached"
        assert "Route limit exceeded" in running.session(AWS, "vpn-1/0").reason
        assert running.session(AWS, "vpn-1/0").state == "Idle"
        del running.wan.router.hidden["prefixes"]
        await running.settle()
        assert running.session(AWS, "vpn-1/0").learned == 1

    run(Wan(), body)


def test_sessions_that_are_switched_off_and_tunnels_that_go() -> None:
    async def body(running: Running) -> None:
        wan = running.wan
        await running.settle()
        wan.router.hidden["stopped"] = ["p0"]
        await running.settle()
        assert running.session(AWS, "vpn-1/0").reason == "It is disabled."
        assert running.session(GOOGLE, "p0").reason == "Received: Peer de-configured"
        assert running.learned(GOOGLE, "p0") == {}
        assert running.session(GOOGLE, "p1").up
        del wan.router.hidden["stopped"]
        wan.peers[1]["enable"] = "FALSE"
        await running.settle()
        assert (running.session(GOOGLE, "p0").up, running.session(GOOGLE, "p1").state) == (True, "Idle")
        wan.up = [1]
        await running.follow()
        assert running.session(GOOGLE, "p0").reason == "The tunnel is not up."
        wan.up = [0, 1]
        wan.peers[1]["enable"] = "TRUE"
        await running.settle()
        assert all(running.session(GOOGLE, name).up for name in ("p0", "p1"))

    run(Wan(), body)


def test_a_bird_that_dies_is_started_again(capsys: pytest.CaptureFixture[str]) -> None:
    async def body(running: Running) -> None:
        await running.settle()
        daemon = running.bgp._gateways[GOOGLE].daemon
        assert daemon is not None and daemon._running is not None
        await daemon._running.kill()
        await running.until(lambda: not running.session(GOOGLE, "p0").up)
        assert running.session(GOOGLE, "p0").reason.startswith("BIRD has ended (137)")
        assert running.bgp.status()["trouble"]
        await running.until(lambda: not running.bgp.waiting())
        assert running.session(GOOGLE, "p0").up
        assert not running.bgp.status()["trouble"]

    run(Wan(), body)
    assert "BIRD has ended (137)" in capsys.readouterr().err


def test_without_bird_sessions_are_down_and_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "installed", lambda: False)

    async def body(running: Running) -> None:
        await running.settle()
        assert running.session(GOOGLE, "p0").reason == sessions.MISSING
        assert running.bgp.status()["reason"] == sessions.MISSING

    run(Wan(), body)
