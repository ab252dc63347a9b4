# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HA VPN estates in a line each, and what EC2 would hold at their other end, written by hand."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.podreach.gke.tests.lab.podreach_lab.aws.facts import (
    AwsFacts,
    CustomerGateway,
    TransitGateway,
    TunnelOptions,
    VirtualGateway,
    VpnConnection,
)
from ansible_collections.podreach.gke.tests.unit.lab.cloud import REGION, Cloud

Json = dict[str, t.Any]
GATEWAYS = f"regions/{REGION}/vpnGateways"
EXTERNAL = "global/externalVpnGateways"
TUNNELS = f"regions/{REGION}/vpnTunnels"
ROUTERS = f"regions/{REGION}/routers"
OUTSIDE = ("52.192.0.1", "52.192.0.2", "52.192.0.3", "52.192.0.4")
KEYS = ("psk_0", "psk_1", "psk_2", "psk_3")
INSIDE = tuple(f"169.254.24.{4 * at}/30" for at in range(4))
PATHS = tuple(f"projects/podreach-lab/{TUNNELS}/t{at}" for at in range(4))


def gateway(cloud: Cloud, name: str = "g1", network: str = "n1") -> Json:
    cloud.compute("POST", GATEWAYS, {"name": name, "network": f"global/networks/{network}"})
    return cloud.compute("GET", f"{GATEWAYS}/{name}")


def external(cloud: Cloud, name: str = "aws", addresses: t.Sequence[str] = OUTSIDE, **fields: t.Any) -> Json:
    interfaces = [{"id": at, "ipAddress": text} for at, text in enumerate(addresses)]
    cloud.compute("POST", EXTERNAL, {"name": name, "interfaces": interfaces, **fields})
    return cloud.compute("GET", f"{EXTERNAL}/{name}")


def router(cloud: Cloud, name: str = "r1", network: str = "n1", asn: int = 65010) -> None:
    cloud.compute("POST", ROUTERS, {"name": name, "network": f"global/networks/{network}", "bgp": {"asn": asn}})


def tunnel(cloud: Cloud, name: str, **fields: t.Any) -> Json:
    """To the external gateway aws unless `fields` say otherwise; None leaves a field out."""
    body: Json = {
        "name": name,
        "vpnGateway": f"{GATEWAYS}/g1",
        "vpnGatewayInterface": 0,
        "peerExternalGateway": f"{EXTERNAL}/aws",
        "peerExternalGatewayInterface": 0,
        "router": f"{ROUTERS}/r1",
        "sharedSecret": "psk_0",
        **fields,
    }
    cloud.compute("POST", TUNNELS, {key: value for key, value in body.items() if value is not None})
    return cloud.compute("GET", f"{TUNNELS}/{name}")


def link(cloud: Cloud, *names: str, router: str = "r1", insides: t.Sequence[str] = (), asn: int = 64512) -> None:
    """Interfaces if-NAME with BGP peers peer-NAME: the second host of each inside range here, the first over there."""
    interfaces, peers = [], []
    for at, name in enumerate(names):
        base, _dot, last = (insides or INSIDE)[at].partition("/")[0].rpartition(".")
        interfaces.append(
            {
                "name": f"if-{name}",
                "ipRange": f"{base}.{int(last) + 2}/30",
                "linkedVpnTunnel": f"projects/{cloud.project}/{TUNNELS}/{name}",
            }
        )
        address = f"{base}.{int(last) + 1}"
        peers.append({"name": f"peer-{name}", "interfaceName": f"if-{name}", "peerIpAddress": address, "peerAsn": asn})
    cloud.compute("PATCH", f"{ROUTERS}/{router}", {"interfaces": interfaces, "bgpPeers": peers})


def to_aws(cloud: Cloud, **fields: t.Any) -> list[Json]:
    """Network n1 with gateway g1, router r1 and four linked tunnels t0 to t3, as Google's guide has them for AWS."""
    cloud.network()
    gateway(cloud)
    router(cloud)
    external(cloud)
    made = [
        tunnel(
            cloud,
            f"t{at}",
            vpnGatewayInterface=at // 2,
            peerExternalGatewayInterface=at,
            sharedSecret=KEYS[at],
            **fields,
        )
        for at in range(4)
    ]
    link(cloud, "t0", "t1", "t2", "t3")
    return made


def aws(cloud: Cloud, *, transit: bool = False, **options: t.Any) -> AwsFacts:
    """What EC2 holds at the other end of to_aws; `options` are for each of the four tunnels."""
    cards = cloud.compute("GET", f"{GATEWAYS}/g1")["vpnInterfaces"]
    home = "tgw-1" if transit else "vgw-1"
    tunnels = [dataclasses.replace(TunnelOptions(OUTSIDE[at], INSIDE[at], KEYS[at]), **options) for at in range(4)]
    return AwsFacts(
        virtual_gateways=() if transit else (VirtualGateway(home, 64512, "vpc-1"),),
        transit_gateways=(TransitGateway(home, 64512, True),) if transit else (),
        customer_gateways=tuple(CustomerGateway(f"cgw-{at}", 65010, cards[at]["ipAddress"]) for at in (0, 1)),
        connections=tuple(
            VpnConnection(f"vpn-{at}", home, f"cgw-{at}", False, (), tuple(tunnels[2 * at : 2 * at + 2]))
            for at in (0, 1)
        ),
    )


def change_tunnel(facts: AwsFacts, connection: int, number: int, **options: t.Any) -> AwsFacts:
    """One tunnel of one connection otherwise."""
    connections = list(facts.connections)
    tunnels = list(connections[connection].tunnels)
    tunnels[number] = dataclasses.replace(tunnels[number], **options)
    connections[connection] = dataclasses.replace(connections[connection], tunnels=tuple(tunnels))
    return dataclasses.replace(facts, connections=tuple(connections))
