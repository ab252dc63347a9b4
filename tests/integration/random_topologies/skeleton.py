# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stays between the topologies around a VPN, so that BGP's sessions do: an AWS account, and in Google a network
with a Cloud Router and four tunnels. And how what a topology added is taken away again."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

from . import world as w
from .account import AMAZON_ASN, GOOGLE_ASN, SESSIONS, Account
from .clients import Client, Json
from .generate import PROJECTS, REGIONS
from .reading import relative
from .reading_amazon import AmazonReader

PROJECT, REGION = PROJECTS[0], REGIONS[0]
HERE = f"projects/{PROJECT}/regions/{REGION}"
GLOBAL = f"projects/{PROJECT}/global"
NETWORK = f"{GLOBAL}/networks/n0"
ROUTER = f"{HERE}/routers/router"


class Skeleton:
    """Both clouds' fixed parts in one lab."""

    def __init__(self, lab: Lab, google: Client, ec2: t.Any, transit: bool) -> None:
        self.lab = lab
        self.google = google
        self.transit = transit
        self.account = Account(ec2, transit)
        self.reader = AmazonReader(ec2)
        self.peers: list[Json] = []
        self.disturbed: dict[str, list[int]] = {"stopped": [], "cut": []}
        """Numbers of sessions that AWS's side has switched off, and of tunnels that are cut."""

    def post(self, path: str, body: Json) -> None:
        self.google.call("POST", f"/compute/v1/{path}", body)

    def get(self, path: str) -> Json:
        return self.google.call("GET", f"/compute/v1/{path}")

    # ---- building

    def build(self) -> None:
        """In an empty lab."""
        self.post(f"{GLOBAL}/networks", {"name": "n0", "autoCreateSubnetworks": False})
        self.post(f"{HERE}/vpnGateways", {"name": "gateway", "network": NETWORK})
        self.post(f"{HERE}/routers", {"name": "router", "network": NETWORK, "bgp": {"asn": GOOGLE_ASN}})
        interfaces = self.get(f"{HERE}/vpnGateways/gateway")["vpnInterfaces"]
        options = self.account.build([item["ipAddress"] for item in interfaces])
        outsides = [{"id": at, "ipAddress": item["OutsideIpAddress"]} for at, item in enumerate(options)]
        body = {"name": "amazon", "redundancyType": "FOUR_IPS_REDUNDANCY", "interfaces": outsides}
        self.post(f"{GLOBAL}/externalVpnGateways", body)
        for at, option in enumerate(options):
            self.tunnel(at, option["PreSharedKey"])
        self.connect_router(options)

    def tunnel(self, at: int, key: str) -> None:
        body = {
            "name": f"tunnel{at}",
            "vpnGateway": f"{HERE}/vpnGateways/gateway",
            "vpnGatewayInterface": at // 2,
            "peerExternalGateway": f"{GLOBAL}/externalVpnGateways/amazon",
            "peerExternalGatewayInterface": at,
            "router": ROUTER,
            "sharedSecret": key,
            "ikeVersion": 2,
        }
        self.post(f"{HERE}/vpnTunnels", body)

    def connect_router(self, options: t.Sequence[Json]) -> None:
        """AWS has the first host of each /30, the customer gateway the second."""
        interfaces = []
        for at, option in enumerate(options):
            block = option["TunnelInsideCidr"].partition("/")[0]
            stem, _dot, number = block.rpartition(".")
            interfaces.append(
                {
                    "name": f"if{at}",
                    "ipRange": f"{stem}.{int(number) + 2}/30",
                    "linkedVpnTunnel": f"{HERE}/vpnTunnels/tunnel{at}",
                }
            )
            self.peers.append(
                {
                    "name": f"peer{at}",
                    "interfaceName": f"if{at}",
                    "peerIpAddress": f"{stem}.{int(number) + 1}",
                    "peerAsn": AMAZON_ASN,
                }
            )
        assert len(self.peers) == SESSIONS
        self.google.call("PATCH", f"/compute/v1/{ROUTER}", {"interfaces": interfaces, "bgpPeers": self.peers})

    # ---- what a topology sets as a whole

    def set_router(self, body: Json) -> None:
        peers = [
            peer | said | {"enable": "FALSE" if at in body["disabled"] else "TRUE"}
            for at, (peer, said) in enumerate(zip(self.peers, body["peers"], strict=True))
        ]
        self.google.call("PATCH", f"/compute/v1/{ROUTER}", {"bgp": body["bgp"], "bgpPeers": peers})
        for at in range(SESSIONS):
            for kind, disturb in (("stopped", self.stop), ("cut", self.cut)):
                if (at in body[kind]) != (at in self.disturbed[kind]):
                    disturb(at, at not in body[kind])
        self.disturbed = {kind: body[kind] for kind in self.disturbed}

    def stop(self, at: int, end: bool) -> None:
        self.lab.stop_session(ROUTER, f"peer{at}", end=end)

    def cut(self, at: int, end: bool) -> None:
        """A cut is noticed after a while only."""
        self.lab.cut_tunnel(f"tunnel{at}", end=end)
        patience = time.monotonic() + 20
        while not end and self.status()[f"peer{at}"]["status"] == "UP":
            assert time.monotonic() < patience, f"nobody noticed that tunnel{at} is cut"
            time.sleep(0.02)

    def undisturbed(self, sessions: t.Iterable[w.Session]) -> tuple[w.Session, ...]:
        """The sessions; those that were disturbed are not up, which no API's configuration says."""
        down = {f"peer{at}" for numbers in self.disturbed.values() for at in numbers}
        return tuple(dataclasses.replace(item, up=item.up and item.name not in down) for item in sessions)

    # ---- taking away

    def sweep(self) -> None:
        """Delete what is not the skeleton's, users before what they use."""
        for project in PROJECTS:
            for cluster in self.google.call("GET", f"/v1/projects/{project}/locations/-/clusters").get("clusters", []):
                where = f"projects/{project}/locations/{cluster['location']}/clusters/{cluster['name']}"
                self.google.call("DELETE", f"/v1/{where}")
        for project in PROJECTS:
            for network in self.items(f"projects/{project}/global/networks"):
                for peering in network.get("peerings", []):
                    body = {"name": peering["name"]}
                    self.post(f"{relative(network['selfLink'])}/removePeering", body)
            for instance in self.aggregated(project, "instances"):
                self.delete(instance)
            for body in self.items(f"projects/{project}/global/routes"):
                default = body["destRange"] == "0.0.0.0/0" and body["name"].startswith("default")
                if not default and "nextHopNetwork" not in body:
                    self.delete(body)
            for body in self.items(f"projects/{project}/global/firewalls"):
                self.delete(body)
            for subnetwork in self.aggregated(project, "subnetworks"):
                self.delete(subnetwork)
            for network in self.items(f"projects/{project}/global/networks"):
                if relative(network["selfLink"]) != NETWORK:
                    self.delete(network)

    def delete(self, body: Json) -> None:
        self.google.call("DELETE", f"/compute/v1/{relative(body['selfLink'])}")

    def items(self, path: str) -> list[Json]:
        return t.cast(list[Json], self.get(f"{path}?maxResults=500").get("items", []))

    def aggregated(self, project: str, kind: str) -> list[Json]:
        answer = self.get(f"projects/{project}/aggregated/{kind}?maxResults=500")
        return [body for scope in answer.get("items", {}).values() for body in scope.get(kind, [])]

    # ---- what both sides report

    def status(self) -> dict[str, Json]:
        """bgpPeerStatus by the peer's name."""
        result = self.get(f"{ROUTER}/getRouterStatus")["result"]
        return {item["name"]: item for item in result.get("bgpPeerStatus", [])}

    def telemetry(self) -> dict[str, Json]:
        """VgwTelemetry by AWS's outside address."""
        answer = self.account.ec2.describe_vpn_connections(VpnConnectionIds=self.account.connections)
        return {
            item["OutsideIpAddress"]: item
            for connection in answer["VpnConnections"]
            for item in connection["VgwTelemetry"]
        }
