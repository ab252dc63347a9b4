# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What gateways say by BGP, as configuration and as text; no BIRD runs."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.lab.podreach_lab.aws.facts import (
    Attachment,
    AwsFacts,
    CustomerGateway,
    TransitGateway,
    TransitRouteTable,
    TunnelOptions,
    VirtualGateway,
    Vpc,
    VpnConnection,
)
from ansible_collections.podreach.gke.tests.lab.podreach_lab.clock import Clock
from ansible_collections.podreach.gke.tests.lab.podreach_lab.state import Phase, Resource, State
from ansible_collections.podreach.gke.tests.lab.podreach_lab.wan import bird, figures, sessions
from ansible_collections.podreach.gke.tests.lab.podreach_lab.wan.model import (
    Announcement,
    LearnedRoute,
    Negotiated,
    Session,
    Speaker,
    SpeakerState,
    Tunnel,
    TunnelEnd,
    device,
    router_key,
    transit_gateway_key,
    virtual_gateway_key,
)
from ansible_collections.podreach.gke.tests.lab.podreach_lab.wan.speakers import speakers

Json = dict[str, t.Any]
HERE, THERE = "asia-northeast1", "us-east1"
REGION = f"projects/p1/regions/{HERE}"
NETWORK = "projects/p1/global/networks/n1"
ROUTER = f"{REGION}/routers/r1"
TUNNEL = f"{REGION}/vpnTunnels/t1"
TUNNELS = (TunnelOptions("", "169.254.1.0/30", ""), TunnelOptions("", "169.254.2.0/30", ""))


class Estate:
    """A router with one peer, p1 (tunnel t1), in a network with a subnetwork in each of two regions."""

    def __init__(self, mode: str = "REGIONAL") -> None:
        self.state = State(Clock("zero"), seed=1)
        self.up: tuple[Tunnel, ...] = ()
        self.state.add(Resource("compute#network", NETWORK, {"routingConfig": {"routingMode": mode}}))
        self.subnetwork(HERE, "10.1.0.0/24", "10.4.0.0/20")
        self.subnetwork(THERE, "10.2.0.0/24")
        self.peer: Json = {"name": "p1", "interfaceName": "i1", "peerIpAddress": "169.254.1.1", "peerAsn": 64512}
        self.bgp: Json = {"asn": 65010, "keepaliveInterval": 20}
        interface = {"name": "i1", "ipRange": "169.254.1.2/30", "linkedVpnTunnel": TUNNEL}
        body = {"network": NETWORK, "bgp": self.bgp, "interfaces": [interface], "bgpPeers": [self.peer]}
        self.router = self.state.add(Resource("compute#router", ROUTER, body))

    def subnetwork(self, region: str, cidr: str, *secondary: str) -> Resource:
        ranges = [{"rangeName": text, "ipCidrRange": text} for text in secondary]
        body = {"network": NETWORK, "ipCidrRange": cidr, "secondaryIpRanges": ranges}
        path = f"projects/p1/regions/{region}/subnetworks/s{cidr.replace('.', '-').replace('/', '-')}"
        return self.state.add(Resource("compute#subnetwork", path, body))

    def speakers(self) -> dict[str, Speaker]:
        return speakers(self.state, Negotiated(self.up))

    def session(self) -> Session:
        (found,) = self.speakers()[router_key(ROUTER)].sessions
        return found

    def said(self) -> dict[str, int | None]:
        return {item.range: item.med for item in self.session().announced}


# ---- a Cloud Router


def test_the_subnet_ranges_of_the_routers_region() -> None:
    estate = Estate()
    assert estate.said() == {"10.1.0.0/24": 100, "10.4.0.0/20": 100}
    assert list(estate.said()) == ["10.1.0.0/24", "10.4.0.0/20"]
    estate.state.add(
        Resource("compute#subnetwork", f"{REGION}/subnetworks/other", {"network": "n2", "ipCidrRange": "10.9.0.0/24"})
    )
    made = estate.subnetwork(HERE, "10.8.0.0/24")
    assert "10.8.0.0/24" in estate.said()
    made.phase = Phase.CREATING
    assert "10.8.0.0/24" not in estate.said()


def test_all_regions_in_a_network_with_global_routing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(figures.INTER_REGION_COSTS, frozenset((HERE, THERE)), 300)
    estate = Estate("GLOBAL")
    estate.peer["advertisedRoutePriority"] = 50
    assert estate.said() == {"10.1.0.0/24": 50, "10.2.0.0/24": 350, "10.4.0.0/20": 50}


CUSTOM = [{"range": "172.16.0.0/16"}, {"range": "10.2.0.0/24"}, {"range": "10.1.0.0/24"}, {"range": "fd00::/64"}]


@pytest.mark.parametrize(
    ("mode", "router", "peer", "said"),
    [
        ("REGIONAL", {"advertiseMode": "CUSTOM", "advertisedIpRanges": CUSTOM}, {},
         {"172.16.0.0/16": 100, "10.2.0.0/24": 100, "10.1.0.0/24": 100}),
        ("REGIONAL", {"advertiseMode": "CUSTOM", "advertisedGroups": ["ALL_SUBNETS"]}, {},
         {"10.1.0.0/24": 100, "10.4.0.0/20": 100}),
        ("GLOBAL", {"advertiseMode": "CUSTOM", "advertisedGroups": ["ALL_SUBNETS"], "advertisedIpRanges": CUSTOM}, {},
         {"10.1.0.0/24": 100, "10.2.0.0/24": 350, "10.4.0.0/20": 100, "172.16.0.0/16": 100}),
        ("REGIONAL", {"advertiseMode": "CUSTOM", "advertisedIpRanges": CUSTOM}, {"advertiseMode": "CUSTOM"}, {}),
        ("REGIONAL", {"advertiseMode": "CUSTOM", "advertisedIpRanges": CUSTOM[:1]}, {"advertiseMode": "DEFAULT"},
         {"172.16.0.0/16": 100}),
        ("REGIONAL", {},
         {"advertiseMode": "CUSTOM", "advertisedIpRanges": CUSTOM[:1], "advertisedRoutePriority": 0},
         {"172.16.0.0/16": 0}),
    ],
    ids=["custom", "group", "a range that is advertised anyway", "own empty lists", "inherited", "own lists"],
)  # fmt: skip
def test_custom_advertisement(mode: str, router: Json, peer: Json, said: dict[str, int]) -> None:
    estate = Estate(mode)
    estate.bgp.update(router)
    estate.peer.update(peer)
    assert estate.said() == said


def test_static_routes_are_never_advertised() -> None:
    estate = Estate()
    route = {"network": NETWORK, "destRange": "172.16.0.0/24", "priority": 1000}
    estate.state.add(Resource("compute#route", "projects/p1/global/routes/gke-node", route))
    assert "172.16.0.0/24" not in estate.said()


def test_a_routers_session() -> None:
    estate = Estate()
    session = estate.session()
    assert (session.name, session.resource, session.device) == ("p1", TUNNEL, "")
    assert (session.local, session.remote) == ("169.254.1.2", "169.254.1.1")
    assert (session.local_asn, session.remote_asn) == (65010, 64512)
    assert (session.limit, session.hold, session.enabled, session.password) == (5000, 60, True, "")
    estate.up = (Tunnel(TunnelEnd(router_key(ROUTER), TUNNEL, ""), TunnelEnd("vgw vgw-1", "vpn-1/0", "")),)
    estate.peer |= {"enable": "FALSE", "md5AuthenticationKeyName": "k1"}
    estate.router.hidden["md5_keys"] = {"k1": "hush"}
    session = estate.session()
    assert (session.device, session.enabled, session.password) == (device(TUNNEL), False, "hush")


def test_disturbances() -> None:
    estate = Estate()
    estate.state.learn_aws(virtual())
    estate.router.hidden["prefixes"] = 101
    assert len({item.range for item in estate.session().announced}) == 101
    assert "10.1.0.0/24" in estate.said()
    estate.router.hidden["prefixes"] = 1
    assert len(estate.said()) == 1
    del estate.router.hidden["prefixes"]
    estate.router.hidden["stopped"] = ["p1"]
    vgw = virtual_gateway_key("vgw-1")
    estate.up = (Tunnel(TunnelEnd(vgw, "vpn-1/1", ""), TunnelEnd(router_key(ROUTER), TUNNEL, "")),)
    assert estate.session().enabled
    assert [item.enabled for item in estate.speakers()[vgw].sessions] == [True, False]


# ---- AWS


def virtual(**fields: t.Any) -> AwsFacts:
    facts = AwsFacts(
        vpcs=(Vpc("vpc-1", "", "", ("10.0.0.0/16", "100.64.0.0/16")), Vpc("vpc-2", "", "", ("10.9.0.0/16",))),
        virtual_gateways=(VirtualGateway("vgw-1", 64512, "vpc-1"),),
        customer_gateways=(CustomerGateway("cgw-1", 65010, ""),),
        connections=(VpnConnection("vpn-1", "vgw-1", "cgw-1", False, (), TUNNELS),),
    )
    return dataclasses.replace(facts, **fields)


def test_a_virtual_private_gateway_announces_its_vpc() -> None:
    estate = Estate()
    estate.state.learn_aws(virtual())
    first, second = estate.speakers()[virtual_gateway_key("vgw-1")].sessions
    assert [item.range for item in first.announced] == ["10.0.0.0/16", "100.64.0.0/16"]
    assert (first.name, first.local, first.remote) == ("vpn-1/0", "169.254.1.1", "169.254.1.2")
    assert (second.name, second.local, second.remote) == ("vpn-1/1", "169.254.2.1", "169.254.2.2")
    assert (first.local_asn, first.remote_asn, first.limit) == (64512, 65010, 100)
    estate.state.learn_aws(virtual(virtual_gateways=(VirtualGateway("vgw-1", 64512, ""),)))
    assert estate.speakers()[virtual_gateway_key("vgw-1")].sessions[0].announced == ()


def test_a_static_connection_speaks_no_bgp() -> None:
    estate = Estate()
    estate.state.learn_aws(
        virtual(connections=(VpnConnection("vpn-1", "vgw-1", "cgw-1", True, ("10.1.0.0/24",), TUNNELS),))
    )
    assert estate.speakers()[virtual_gateway_key("vgw-1")].sessions == ()


def test_a_transit_gateway_announces_what_its_table_holds() -> None:
    estate = Estate()
    connections = tuple(VpnConnection(name, "tgw-1", "cgw-1", False, (), TUNNELS) for name in ("vpn-1", "vpn-2"))
    attachments = (
        Attachment("a-1", "tgw-1", "vpc", "vpc-1", (), "t-1"),
        Attachment("a-2", "tgw-1", "vpc", "vpc-2", (), ""),
        Attachment("a-3", "tgw-1", "vpn", "vpn-1", (), "t-1"),
        Attachment("a-4", "tgw-1", "vpn", "vpn-2", (), ""),
    )
    table = TransitRouteTable("t-1", "tgw-1", (("10.9.1.0/24", "a-2"), ("10.9.2.0/24", "")), ("a-1", "a-3", "a-4"))
    key = transit_gateway_key("tgw-1")
    estate.state.learn_aws(
        virtual(
            transit_gateways=(TransitGateway("tgw-1", 64600, True),),
            connections=connections,
            attachments=attachments,
            transit_tables=(table,),
        )
    )
    brought = (
        LearnedRoute("10.1.0.0/24", "vpn-1/0", "", 100, (65010,)),
        LearnedRoute("10.7.0.0/24", "vpn-2/0", "", 100, (65020, 65021, 65022)),
        LearnedRoute("10.7.0.0/24", "vpn-2/1", "", 100, (65020, 65021)),
    )
    estate.state.learn_bgp(key, SpeakerState({}, brought))
    found = {item.name: item for item in estate.speakers()[key].sessions}
    assert found["vpn-1/0"].announced == (
        Announcement("10.0.0.0/16", 100),
        Announcement("10.7.0.0/24", 100, (65020, 65021)),
        Announcement("10.9.1.0/24", 100),
        Announcement("100.64.0.0/16", 100),
    )
    assert found["vpn-2/0"].announced == ()
    assert (found["vpn-1/0"].limit, found["vpn-1/0"].local_asn) == (1000, 64600)


# ---- BIRD's text


def spoken(**fields: t.Any) -> Session:
    session = Session(
        name="p1",
        resource=TUNNEL,
        device="t0",
        local="169.254.1.2",
        remote="169.254.1.1",
        local_asn=65010,
        remote_asn=64512,
        announced=(Announcement("10.1.0.0/24", 100), Announcement("10.7.0.0/24", None, (65020, 65021))),
        limit=100,
    )
    return dataclasses.replace(session, **fields)


def test_configuration() -> None:
    down = spoken(name="p2", device="")
    text = bird.configuration(Speaker("g", "1.2.3.4", (spoken(password='h"u"sh'), down)), 1.0)
    assert "router id 1.2.3.4;" in text
    assert text.count("protocol bgp") == 1
    assert "route 10.1.0.0/24 unreachable { said_med = 100; };" in text
    assert "route 10.7.0.0/24 unreachable { bgp_path.prepend(65021); bgp_path.prepend(65020); };" in text
    assert "hold time 60; keepalive time 20;" in text
    assert "receive limit 100 action disable;" in text
    assert 'password "hush";' in text
    assert "protocol kernel" not in text
    fast = bird.configuration(Speaker("g", "1.2.3.4", (spoken(enabled=False),)), 0.0)
    assert "hold time 3; keepalive time 1;" in fast
    assert "  disabled;" in fast


SHOWN = """\
Name       Proto      Table      State  Since         Info
device1    Device     ---        up     12:40:02.720
b_1        BGP        ---        up     12:40:03.598  Established
  BGP state:          Established
    Neighbor address: 169.254.1.1
b_2        BGP        ---        start  12:40:03.598  Idle          Automatic shutdown: Route limit exceeded
  BGP state:          Idle
    Last error:       Automatic shutdown: Route limit exceeded
s_b_2      Static     t_b_2      up     12:40:02.720
""".splitlines()
ROUTES = """\
Table t_b_1:
10.9.0.0/24          unicast [b_1 12:28:39.177] * (100) [AS64512i]
\tvia 169.254.1.2 on va
\tType: BGP univ
\tBGP.origin: IGP
\tBGP.as_path: 64512 65020
\tBGP.next_hop: 169.254.1.2
\tBGP.med: 100
\tBGP.local_pref: 100
0.0.0.0/0            unicast [b_1 12:28:39.177] * (100) [AS64512i]
\tBGP.as_path: 64512
\tBGP.next_hop: 169.254.1.2
""".splitlines()


def test_answers() -> None:
    found = bird.protocols(SHOWN)
    assert found == {
        "b_1": bird.Protocol("b_1", "Established", ""),
        "b_2": bird.Protocol("b_2", "Idle", "Automatic shutdown: Route limit exceeded"),
    }
    assert bird.learned("p1", ROUTES) == (
        LearnedRoute("10.9.0.0/24", "p1", "169.254.1.2", 100, (64512, 65020)),
        LearnedRoute("0.0.0.0/0", "p1", "169.254.1.2", None, (64512,)),
    )
    assert bird.announced(ROUTES[:8]) == (Announcement("10.9.0.0/24", 100, (64512, 65020)),)


# ---- what two configurations make


OTHER = spoken(
    name="vpn-1/0",
    local="169.254.1.1",
    remote="169.254.1.2",
    local_asn=64512,
    remote_asn=65010,
    announced=(Announcement("10.0.0.0/16", 100),),
)


def test_what_arrives() -> None:
    assert sessions.agree(spoken(), OTHER)
    assert sessions.brought(OTHER, spoken()) == {("10.0.0.0/16", 100, (64512,))}
    loop = dataclasses.replace(OTHER, announced=(Announcement("10.0.0.0/16", 100, (65010,)),))
    assert sessions.brought(loop, spoken()) == set()


@pytest.mark.parametrize(
    "wrong",
    [
        {"local": "169.254.1.3"},
        {"remote": ""},
        {"local_asn": 64513},
        {"remote_asn": 65011},
        {"password": "hush"},
        {"enabled": False},
        {"device": ""},
        {"limit": 1},
    ],
    ids=lambda item: next(iter(item)),
)
def test_what_contradicts(wrong: Json) -> None:
    assert not sessions.agree(spoken(), dataclasses.replace(OTHER, **wrong))
    assert not sessions.agree(dataclasses.replace(OTHER, **wrong), spoken())
