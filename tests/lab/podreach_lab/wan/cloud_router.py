# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Cloud Router's sessions, and what it advertises in each.

https://cloud.google.com/network-connectivity/docs/router/concepts/advertised-routes: subnet ranges (of its region, or
of all in a network with global routing) and custom ranges, and nothing else: no static and no peering routes.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t

from ..dataplane.view import SUBNETWORK, in_force, link_path
from ..state import Body, Resource, State
from . import figures
from .model import Announcement, Session, device

ROUTER = "compute#router"
Metrics = dict[str, int]
"""Range -> MED."""


@dataclasses.dataclass(frozen=True)
class Peer:
    """A BGP peer with the interface that it uses. tunnel: the path of its vpnTunnel, '' without one."""

    body: Body
    interface: Body
    tunnel: str

    @property
    def name(self) -> str:
        return str(self.body["name"])

    @property
    def local(self) -> str:
        text = self.body.get("ipAddress") or self.interface.get("ipRange", "").partition("/")[0]
        return str(text)

    @property
    def remote(self) -> str:
        return str(self.body.get("peerIpAddress", ""))


def region_of(item: Resource) -> str:
    return item.path.split("/")[3]


def peers(router: Resource) -> list[Peer]:
    interfaces = {item["name"]: item for item in router.body.get("interfaces", [])}
    found = []
    for body in router.body.get("bgpPeers", []):
        interface = interfaces.get(body["interfaceName"], {})
        tunnel = interface.get("linkedVpnTunnel", "")
        found.append(Peer(body, interface, link_path(router, tunnel) if tunnel else ""))
    return found


def network_of(state: State, router: Resource) -> Resource | None:
    return state.get(link_path(router, router.body["network"]))


def is_global(network: Resource | None) -> bool:
    return network is not None and network.body.get("routingConfig", {}).get("routingMode") == "GLOBAL"


def sessions(state: State, router: Resource, up: t.Container[str]) -> tuple[Session, ...]:
    """`up`: the tunnels that are."""
    costs = subnet_costs(state, router)
    return tuple(session(router, peer, costs, up) for peer in peers(router))


def session(router: Resource, peer: Peer, costs: Metrics, up: t.Container[str]) -> Session:
    bgp = router.body["bgp"]
    return Session(
        name=peer.name,
        resource=peer.tunnel,
        device=device(peer.tunnel) if peer.tunnel in up else "",
        local=peer.local,
        remote=peer.remote,
        local_asn=bgp["asn"],
        remote_asn=peer.body["peerAsn"],
        announced=advertised(bgp, peer.body, costs),
        limit=figures.GOOGLE_ACCEPTS,
        enabled=peer.body.get("enable", "TRUE") != "FALSE",
        hold=3 * bgp.get("keepaliveInterval", figures.KEEPALIVE),
        password=password(router, peer.body),
    )


def password(router: Resource, peer: Body) -> str:
    """The MD5 key that the peer names; keys are never shown, so they are hidden facts."""
    keys: dict[str, str] = router.hidden.get("md5_keys", {})
    return keys.get(peer.get("md5AuthenticationKeyName", ""), "")


# ---- advertisement


def subnet_costs(state: State, router: Resource) -> Metrics:
    """The subnet ranges that the router may advertise, each with what its region adds to the base priority."""
    here = region_of(router)
    network = link_path(router, router.body["network"])
    everywhere = is_global(state.get(network))
    found: Metrics = {}
    for item in in_force(state, SUBNETWORK):
        there = region_of(item)
        if link_path(item, item.body["network"]) == network and (everywhere or there == here):
            cost = figures.inter_region_cost(here, there)
            found[item.body["ipCidrRange"]] = cost
            found |= {entry["ipCidrRange"]: cost for entry in item.body.get("secondaryIpRanges", [])}
    return found


def advertised(bgp: Body, peer: Body, costs: Metrics) -> tuple[Announcement, ...]:
    """A session that is CUSTOM has lists of its own, any other the router's. A custom range that is a subnet range
    which is advertised anyway counts for nothing."""
    rules = peer if peer.get("advertiseMode") == "CUSTOM" else bgp
    base = peer.get("advertisedRoutePriority", figures.BASE_PRIORITY)
    custom = rules.get("advertiseMode") == "CUSTOM"
    found: Metrics = {}
    if custom:
        found = {entry["range"]: base for entry in rules.get("advertisedIpRanges", []) if ":" not in entry["range"]}
    if not custom or "ALL_SUBNETS" in rules.get("advertisedGroups", []):
        found |= {text: base + cost for text, cost in costs.items()}
    return tuple(Announcement(text, med) for text, med in sorted(found.items(), key=in_order))


def in_order(item: tuple[str, int]) -> tuple[ipaddress.IPv4Network, int]:
    return ipaddress.IPv4Network(item[0]), item[1]
