# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.vpnGateways: HA VPN gateways, two interfaces each; compute.targetVpnGateways (Classic VPN) is refused."""

from __future__ import annotations

import typing as t

from ..core import Call, method
from ..faults import ApiFault, in_use
from ..links import relative, self_link
from ..state import Body, Resource, State
from . import networks
from .common import (
    aggregated,
    bodies,
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

KIND = "compute#vpnGateway"
TUNNEL = "compute#vpnTunnel"
BLOCKS = ("35.242", "35.220")
"""Where the outside addresses of interfaces 0 and 1 are from, as users see them."""


def collection(call: Call) -> str:
    return f"projects/{call.project}/regions/{check_region(call)}/vpnGateways"


def find(call: Call, name: str) -> Resource:
    return t.cast(Resource, call.get(f"{collection(call)}/{name}"))


def address_of(gateway: Resource, number: int) -> str:
    """The outside address of an interface."""
    return str(next(card["ipAddress"] for card in gateway.body["vpnInterfaces"] if card["id"] == number))


def addresses(state: State) -> set[str]:
    """All outside addresses of all gateways."""
    return {card["ipAddress"] for item in state.of_kind(KIND) for card in item.body["vpnInterfaces"]}


def free_address(state: State, block: str) -> str:
    """An outside address that no gateway has. Taken at random, so that one is not given out again soon."""
    while True:
        found = f"{block}.{int(state.new_hex(2), 16)}.{int(state.new_hex(4), 16) % 254 + 1}"
        if found not in addresses(state):
            return found


@method("compute.vpnGateways.insert")
def insert_gateway(call: Call) -> Body:
    where = collection(call)
    body = call.lab.discovery.writable("compute", "VpnGateway", call.body)
    need(body, "name", "network")
    network = reference(call, body["network"], "resource.network", "networks")
    same_project(call, network, "resource.network", body["network"])
    networks.not_for_legacy(network, "resource.network", body["network"])
    if body.get("gatewayIpVersion", "IPV4") != "IPV4" or body.get("stackType", "IPV4_ONLY") != "IPV4_ONLY":
        raise ApiFault(501, "The lab models VPN gateways for IPv4 only.", "notImplemented")
    if any(card.get("interconnectAttachment") for card in body.get("vpnInterfaces", [])):
        raise ApiFault(501, "The lab does not model HA VPN over Cloud Interconnect.", "notImplemented")
    body |= {
        "network": network.body["selfLink"],
        "region": self_link(f"projects/{call.project}/regions/{call.params['region']}"),
        "gatewayIpVersion": "IPV4",
        "stackType": "IPV4_ONLY",
        "labelFingerprint": call.state.new_fingerprint(),
        "vpnInterfaces": [{"id": at, "ipAddress": free_address(call.state, block)} for at, block in enumerate(BLOCKS)],
    }
    return insert(call, KIND, f"{where}/{body['name']}", body)


@method("compute.vpnGateways.get")
def get_gateway(call: Call) -> Body:
    return find(call, call.params["vpnGateway"]).body


@method("compute.vpnGateways.list")
def list_gateways(call: Call) -> Body:
    where = collection(call)
    return listed(call, "compute#vpnGatewayList", where, bodies(call.state, where))


@method("compute.vpnGateways.aggregatedList")
def aggregated_gateways(call: Call) -> Body:
    found = [item.body for item in call.state.of_kind(KIND, call.project)]
    return aggregated(call, "compute#vpnGatewayAggregatedList", "vpnGateways", found, region_scopes())


@method("compute.vpnGateways.setLabels")
def label_gateway(call: Call) -> Body:
    return set_labels(call, find(call, call.params["resource"]))


@method("compute.vpnGateways.delete")
def delete_gateway(call: Call) -> Body:
    gateway = find(call, call.params["vpnGateway"])
    for tunnel in users(call.state, gateway):
        raise in_use("vpn_gateway", gateway.path, tunnel.path)
    return delete(call, gateway)


def users(state: State, gateway: Resource) -> list[Resource]:
    """The tunnels that begin at a gateway, or lead to it from another one."""
    link = gateway.body["selfLink"]
    return [
        item for item in state.of_kind(TUNNEL) if link in (item.body["vpnGateway"], item.body.get("peerGcpGateway"))
    ]


# ---- status


@method("compute.vpnGateways.getStatus")
def gateway_status(call: Call) -> Body:
    """Whether the tunnels to each peer cover all interfaces of both sides, up or not.

    https://cloud.google.com/network-connectivity/docs/vpn/how-to/checking-vpn-status
    """
    gateway = find(call, call.params["vpnGateway"])
    by_peer: dict[tuple[str, str], list[Resource]] = {}
    for tunnel in call.state.of_kind(TUNNEL):
        if tunnel.body["vpnGateway"] == gateway.body["selfLink"]:
            by_peer.setdefault(peer_of(tunnel), []).append(tunnel)
    found = [connection(call.state, field, link, tunnels) for (field, link), tunnels in by_peer.items()]
    return {"result": {"vpnConnections": found} if found else {}}


def peer_of(tunnel: Resource) -> tuple[str, str]:
    """Which field names the peer gateway, and the link in it."""
    field = "peerExternalGateway" if "peerExternalGateway" in tunnel.body else "peerGcpGateway"
    return field, tunnel.body[field]


def connection(state: State, field: str, link: str, tunnels: list[Resource]) -> Body:
    """All tunnels to one peer."""
    pairs = [
        {
            "tunnelUrl": item.body["selfLink"],
            "localGatewayInterface": item.body["vpnGatewayInterface"],
            "peerGatewayInterface": item.body.get("peerExternalGatewayInterface", item.body["vpnGatewayInterface"]),
        }
        for item in tunnels
    ]
    ends = interfaces(state.get(relative(link, tunnels[0].project)))
    covered = {pair["localGatewayInterface"] for pair in pairs} == {0, 1} and (
        {pair["peerGatewayInterface"] for pair in pairs} == ends
    )
    verdict = (
        {"state": "CONNECTION_REDUNDANCY_MET"}
        if covered
        else {"state": "CONNECTION_REDUNDANCY_NOT_MET", "unsatisfiedReason": "INCOMPLETE_TUNNELS_COVERAGE"}
    )
    return {field: link, "tunnels": pairs, "state": verdict}


def interfaces(peer: Resource | None) -> set[int]:
    """The numbers of a peer gateway's interfaces, be it external or Google's."""
    cards: list[Body] = []
    if peer:
        cards = peer.body["vpnInterfaces" if peer.kind == KIND else "interfaces"]
    return {card["id"] for card in cards}


# ---- Classic VPN


@method(
    *(
        f"compute.targetVpnGateways.{verb}"
        for verb in ("insert", "get", "list", "aggregatedList", "delete", "setLabels")
    )
)
def classic(call: Call) -> Body:
    raise classic_refused()


def classic_refused() -> ApiFault:
    return ApiFault(
        501,
        "The lab does not model Classic VPN (target VPN gateways): use an HA VPN gateway (compute.vpnGateways).",
        "notImplemented",
    )
