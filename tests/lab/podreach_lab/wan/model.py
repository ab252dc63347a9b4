# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tunnels between gateways, and the BGP speakers behind them, as plain values.

A gateway is where tunnels end and BGP is spoken: a Cloud Router (its HA VPN gateway's tunnels end with it), a virtual
private gateway, a transit gateway. It is named by its key, which is also the name of its namespace.
A tunnel's end is named by its resource: the path of a vpnTunnel, or CONNECTION/NUMBER (vpn-0a1b/0) at AWS.
"""

from __future__ import annotations

import dataclasses
import hashlib
import typing as t

PAYLOAD_MTU = 1406
"""Inside of a tunnel with an AEAD cipher over IPv4.
https://cloud.google.com/network-connectivity/docs/vpn/concepts/mtu-considerations"""


def router_key(path: str) -> str:
    return f"router {path}"


def virtual_gateway_key(gateway: str) -> str:
    return f"vgw {gateway}"


def transit_gateway_key(gateway: str) -> str:
    return f"tgw {gateway}"


def aws_end(connection: str, number: int) -> str:
    """The name of a VPN connection's tunnel, counted from 0."""
    return f"{connection}/{number}"


def device(resource: str) -> str:
    """The interface of a tunnel's end, in its gateway's namespace."""
    return "t" + hashlib.sha256(resource.encode()).hexdigest()[:10]


# ---- tunnels


@dataclasses.dataclass(frozen=True)
class TunnelState:
    """What one end says of its tunnel: status is VpnTunnel.status' word at Google, UP or DOWN at AWS (of IPsec alone);
    detail is the sentence beside it."""

    status: str
    detail: str


@dataclasses.dataclass(frozen=True)
class TunnelEnd:
    """inside: this end's address and mask (169.254.24.222/30), '' while none is configured."""

    gateway: str
    resource: str
    inside: str

    @property
    def device(self) -> str:
        return device(self.resource)


@dataclasses.dataclass(frozen=True)
class Tunnel:
    """A tunnel whose two ends have agreed: packets pass, unless it is silent."""

    a: TunnelEnd
    b: TunnelEnd
    silent: bool = False
    """What is sent into it is lost, and neither end has noticed yet."""

    @property
    def ends(self) -> tuple[TunnelEnd, TunnelEnd]:
        return self.a, self.b


@dataclasses.dataclass(frozen=True)
class Negotiated:
    """All tunnels: those that are up, and by resource what each end says, up or not."""

    tunnels: tuple[Tunnel, ...] = ()
    states: t.Mapping[str, TunnelState] = dataclasses.field(default_factory=dict)


# ---- what is to be said


@dataclasses.dataclass(frozen=True)
class Announcement:
    """A range that a session sends. med: None sends none. path: ASNs to put behind one's own."""

    range: str
    med: int | None = None
    path: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class Session:
    """One configured BGP session, as its speaker has it. name: the BGP peer's name at a Cloud Router, the tunnel's
    resource at AWS. device: the tunnel's interface; '' while the tunnel is not up."""

    name: str
    resource: str
    device: str
    local: str
    remote: str
    local_asn: int
    remote_asn: int
    announced: tuple[Announcement, ...]
    limit: int
    """It goes down when the peer sends more prefixes than this."""
    enabled: bool = True
    hold: int = 60
    """Seconds; keepalive is a third of it."""
    password: str = ""


@dataclasses.dataclass(frozen=True)
class Speaker:
    """A gateway that speaks BGP, whether its sessions can come up or not."""

    gateway: str
    router_id: str
    sessions: tuple[Session, ...]


# ---- what was really said


@dataclasses.dataclass(frozen=True)
class LearnedRoute:
    """A route as it came in, before anything was chosen. path[0] is the peer's ASN. med: None when there was none."""

    range: str
    session: str
    next_hop: str
    med: int | None
    path: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class SessionState:
    """state: Idle, Connect, Active, OpenSent, OpenConfirm or Established. reason: what ended it or keeps it down, in
    the words of the speaker. since: when it became what it is, on the lab's clock (Clock.monotonic)."""

    state: str = "Idle"
    since: float = 0.0
    reason: str = ""
    learned: int = 0
    announced: tuple[Announcement, ...] = ()
    """What went out really."""

    @property
    def up(self) -> bool:
        return self.state == "Established"


@dataclasses.dataclass(frozen=True)
class SpeakerState:
    """What a gateway's BGP knows now. Sessions by name."""

    sessions: t.Mapping[str, SessionState] = dataclasses.field(default_factory=dict)
    routes: tuple[LearnedRoute, ...] = ()


# ---- what follows from it


@dataclasses.dataclass(frozen=True)
class Path:
    """A range that a gateway reaches by its tunnels: the best of what it learned, in force.

    tunnels: resources of its own ends; several share the traffic. priority: at a Cloud Router, of the dynamic route
    that its network gets (of its own region); 0 elsewhere.
    """

    gateway: str
    range: str
    tunnels: tuple[str, ...]
    priority: int = 0


@dataclasses.dataclass(frozen=True)
class Telemetry:
    """What DescribeVpnConnections tells of one tunnel. since: on the lab's clock (Clock.monotonic)."""

    up: bool
    message: str
    accepted: int
    since: float


@dataclasses.dataclass(frozen=True)
class DynamicRoute:
    """A route that a VPC network has from one of its Cloud Routers (`origin`, its path), best paths only."""

    dest_range: str
    priority: int
    region: str
    origin: str
