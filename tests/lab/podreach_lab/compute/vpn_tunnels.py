# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.vpnTunnels: tunnels from HA VPN gateways. What becomes of them is negotiated in wan/tunnels.py."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import typing as t

from ..core import Call, method
from ..faults import invalid, required
from ..links import self_link
from ..state import Body, Phase, Resource, State
from ..wan.tunnels import negotiate
from . import vpn_gateways
from .common import (
    aggregated,
    check_region,
    delete,
    insert,
    listed,
    need,
    reference,
    region_scopes,
    same_project,
)
from .labels import set_labels

KIND = vpn_gateways.TUNNEL
MASKED = "*************"
ANYTHING = ["0.0.0.0/0"]
OUTPUT_ONLY = ("status", "detailedStatus", "sharedSecretHash")
PEERS = ("peerExternalGateway", "peerGcpGateway")


def collection(call: Call) -> str:
    return f"projects/{call.project}/regions/{check_region(call)}/vpnTunnels"


def find(call: Call, name: str) -> Resource:
    return t.cast(Resource, call.get(f"{collection(call)}/{name}"))


def hashed(secret: str) -> str:
    """A text of the length and alphabet of Google's, the same for the same secret."""
    return base64.urlsafe_b64encode(b"\0" + hashlib.sha1(secret.encode()).digest()).decode()


def view(state: State, tunnel: Resource) -> Body:
    """With what the tunnel says of itself now."""
    said = negotiate(state).states[tunnel.path]
    return tunnel.body | {"status": said.status, "detailedStatus": said.detail}


# ---- creating


@method("compute.vpnTunnels.insert")
def insert_tunnel(call: Call) -> Body:
    where = collection(call)
    body = call.lab.discovery.writable("compute", "VpnTunnel", call.body)
    for name in OUTPUT_ONLY:
        body.pop(name, None)
    need(body, "name")
    check_is_ha(body)
    need(body, "sharedSecret", "router")
    if body.setdefault("ikeVersion", 2) not in (1, 2):
        raise invalid("resource.ikeVersion", body["ikeVersion"], "Acceptable IKE versions are 1 or 2.")
    gateway = own_gateway(call, body)
    router = own_router(call, body, gateway)
    body |= {"vpnGateway": gateway.body["selfLink"], "router": router.body["selfLink"]} | peer(call, body, gateway)
    if call.state.get(f"{where}/{body['name']}") is None:
        check_only_one(call.state, body)
    secret = body["sharedSecret"]
    body |= {
        "region": self_link(f"projects/{call.project}/regions/{call.params['region']}"),
        "sharedSecret": MASKED,
        "sharedSecretHash": hashed(secret),
        "localTrafficSelector": ANYTHING,
        "remoteTrafficSelector": ANYTHING,
        "labelFingerprint": call.state.new_fingerprint(),
    }
    path = f"{where}/{body['name']}"
    return insert(call, KIND, path, body, made=lambda item: shake_hands(call.state, item), hidden={"secret": secret})


def shake_hands(state: State, tunnel: Resource) -> None:
    """The first handshake takes its time on the clock, if it has any."""
    seconds = state.clock.seconds("vpn.handshake", "compute")
    if seconds <= 0:
        return

    def over() -> None:
        tunnel.hidden.pop("handshake", None)
        if state.get(tunnel.path) is tunnel:
            state.changed_phase(tunnel)

    tunnel.hidden["handshake"] = True
    state.clock.after(seconds, over)


async def shaken_hands(state: State) -> None:
    """Wait until no tunnel is in its first handshake any more."""
    changed = asyncio.Event()
    stop = state.watch(lambda change: changed.set())
    try:
        while any("handshake" in tunnel.hidden for tunnel in state.of_kind(KIND)):
            changed.clear()
            await changed.wait()
    finally:
        stop()


def check_is_ha(body: Body) -> None:
    """Classic VPN is not modelled; its fields are not for HA VPN."""
    if body.get("targetVpnGateway"):
        raise vpn_gateways.classic_refused()
    need(body, "vpnGateway")
    if body.get("peerIp"):
        raise invalid(
            "resource.peerIp",
            body["peerIp"],
            "Cannot specify peer IP for HA VPN tunnel creation, please specify peerExternalGateway or peerGcpGateway "
            "instead.",
        )
    for name in ("localTrafficSelector", "remoteTrafficSelector"):
        if body.get(name) not in (None, [], ANYTHING):
            raise invalid(f"resource.{name}", body[name][0], "Cannot be specified for an HA VPN tunnel.")


def own_gateway(call: Call, body: Body) -> Resource:
    text = body["vpnGateway"]
    gateway = reference(call, text, "resource.vpnGateway", "vpnGateways")
    same_project(call, gateway, "resource.vpnGateway", text)
    if gateway.path.split("/")[3] != call.params["region"]:
        raise invalid("resource.vpnGateway", text, "The VPN gateway must be in the tunnel's region.")
    if "vpnGatewayInterface" not in body:
        raise required("resource.vpnGatewayInterface")
    if body["vpnGatewayInterface"] not in (0, 1):
        raise invalid("resource.vpnGatewayInterface", body["vpnGatewayInterface"], "Must be 0 or 1.")
    return gateway


def own_router(call: Call, body: Body, gateway: Resource) -> Resource:
    text = body["router"]
    router = reference(call, text, "resource.router", "routers")
    same_project(call, router, "resource.router", text)
    if router.path.split("/")[3] != call.params["region"]:
        raise invalid("resource.router", text, "The router must be in the tunnel's region.")
    if router.body["network"] != gateway.body["network"]:
        raise invalid("resource.router", text, "The router must be in the network of the VPN gateway.")
    return router


def peer(call: Call, body: Body, gateway: Resource) -> Body:
    """The fields about the other end: exactly one of an external gateway's interface and another HA VPN gateway."""
    given = [name for name in PEERS if body.get(name)]
    if not given:
        raise required("resource.peerExternalGateway")
    if len(given) > 1:
        raise invalid("resource.peerGcpGateway", body["peerGcpGateway"], "It excludes peerExternalGateway.")
    if given == ["peerGcpGateway"]:
        return google_peer(call, body, gateway)
    field = "resource.peerExternalGateway"
    external = reference(call, body["peerExternalGateway"], field, "externalVpnGateways")
    same_project(call, external, field, body["peerExternalGateway"])
    number = body.get("peerExternalGatewayInterface")
    if number is None:
        raise required(f"{field}Interface")
    address = next((card["ipAddress"] for card in external.body["interfaces"] if card["id"] == number), None)
    if address is None:
        raise invalid(f"{field}Interface", number, "The external VPN gateway has no such interface.")
    return {"peerExternalGateway": external.body["selfLink"], "peerIp": address}


def google_peer(call: Call, body: Body, gateway: Resource) -> Body:
    """Another HA VPN gateway, of this or another project; its interface of the same number."""
    field, text = "resource.peerGcpGateway", body["peerGcpGateway"]
    other = reference(call, text, field, "vpnGateways")
    if other is gateway:
        raise invalid(field, text, "A VPN gateway cannot be its own peer.")
    if other.path.split("/")[3] != gateway.path.split("/")[3]:
        raise invalid(field, text, "Both HA VPN gateways must be in the same region.")
    if body.get("peerExternalGatewayInterface") is not None:
        raise invalid(
            "resource.peerExternalGatewayInterface", body["peerExternalGatewayInterface"], "It excludes peerGcpGateway."
        )
    return {
        "peerGcpGateway": other.body["selfLink"],
        "peerIp": vpn_gateways.address_of(other, body["vpnGatewayInterface"]),
    }


def check_only_one(state: State, body: Body) -> None:
    """One interface has one tunnel to an address."""
    names = ("vpnGateway", "vpnGatewayInterface", "peerIp")
    for other in state.of_kind(KIND):
        if all(other.body[name] == body[name] for name in names):
            if "peerGcpGateway" in body:
                raise invalid(
                    "resource.peerGcpGateway", body["peerGcpGateway"], "A tunnel to the same interface already exists."
                )
            raise invalid(
                "resource.peerExternalGatewayInterface",
                body["peerExternalGatewayInterface"],
                "A tunnel with same peer external VPN gateway interface already exists.",
            )


# ---- reading and deleting


@method("compute.vpnTunnels.get")
def get_tunnel(call: Call) -> Body:
    return view(call.state, find(call, call.params["vpnTunnel"]))


@method("compute.vpnTunnels.list")
def list_tunnels(call: Call) -> Body:
    where = collection(call)
    found = [view(call.state, item) for item in call.state.within(where)]
    return listed(call, "compute#vpnTunnelList", where, found)


@method("compute.vpnTunnels.aggregatedList")
def aggregated_tunnels(call: Call) -> Body:
    found = [view(call.state, item) for item in call.state.of_kind(KIND, call.project)]
    return aggregated(call, "compute#vpnTunnelAggregatedList", "vpnTunnels", found, region_scopes())


@method("compute.vpnTunnels.setLabels")
def label_tunnel(call: Call) -> Body:
    return set_labels(call, find(call, call.params["resource"]))


@method("compute.vpnTunnels.delete")
def delete_tunnel(call: Call) -> Body:
    """A router's interface on it is no obstacle and stays behind, as users find who try a failover this way."""
    tunnel = find(call, call.params["vpnTunnel"])
    reply = delete(call, tunnel)
    if tunnel.phase is Phase.DELETING and call.state.get(tunnel.path) is tunnel:
        call.state.changed_phase(tunnel)  # it carries no packets from now on
    return reply
