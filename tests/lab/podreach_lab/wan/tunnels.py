# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tunnels come up, and what each end says of its own.

Every end, Google's and AWS's alike, is an End: the outside addresses it has and expects, and what it brings to the
handshake. Two ends meet when each is at the address that the other expects. The inside addresses play no part: a tunnel
whose two inside addresses do not fit is up, and its BGP is not.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t
import weakref

from ..aws.facts import AwsFacts
from ..links import COMPUTE_BASE
from ..state import Body, Phase, Resource, State
from .model import (
    Negotiated,
    Tunnel,
    TunnelEnd,
    TunnelState,
    aws_end,
    router_key,
    transit_gateway_key,
    virtual_gateway_key,
)

SAYS = {
    "ALLOCATING_RESOURCES": "Allocating resources. VPN tunnel will start soon.",
    "WAITING_FOR_FULL_CONFIG": "Waiting for route configuration.",
    "FIRST_HANDSHAKE": "Handshake with peer broken for unknown reason. Trying again soon.",
    "ESTABLISHED": "Tunnel is up and running.",
    "NO_INCOMING_PACKETS": "No incoming packets from peer.",
    "AUTHORIZATION_ERROR": "Authentication with peer failed. Check the shared secret.",
    "NEGOTIATION_FAILURE": "Negotiation with peer failed: no common IKE version or ciphers.",
    "DEPROVISIONING": "Resources are being deallocated for the VPN tunnel.",
}
"""detailedStatus by status. The last three are the lab's own words, the others Google's:
https://cloud.google.com/network-connectivity/docs/vpn/how-to/checking-vpn-status"""

AWS_SAYS = {"UP": "IPSEC IS UP", "DOWN": "IPSEC IS DOWN"}
WRONG_KEY = "AUTHORIZATION_ERROR"
"""As the API's own description of its words has it: "bad shared secret"."""
NOTHING_COMMON = "NEGOTIATION_FAILURE"
NOBODY_THERE = "NO_INCOMING_PACKETS"
NO_TUNNEL_THERE = "FIRST_HANDSHAKE"
"""The peer is a gateway of Google's, which has no tunnel back: so users find it after deleting the other end."""


# ---- ends


@dataclasses.dataclass(frozen=True)
class Suite:
    """Algorithms in AWS's words, for one IKE phase. An empty set stands for all that there are."""

    encryption: frozenset[str] = frozenset()
    integrity: frozenset[str] = frozenset()
    groups: frozenset[int] = frozenset()

    def agrees(self, other: Suite) -> bool:
        """Whether there is one of each that both have. An AEAD cipher needs no integrity algorithm."""
        ciphers = common(self.encryption, other.encryption)
        if ciphers is None:
            return common(self.groups, other.groups) != frozenset()
        plain = bool(ciphers) and common(self.integrity, other.integrity) != frozenset()
        return (plain or any("GCM" in name for name in ciphers)) and common(self.groups, other.groups) != frozenset()


Item = t.TypeVar("Item")


def common(left: frozenset[Item], right: frozenset[Item]) -> frozenset[Item] | None:
    """What both have; None when neither is limited."""
    if left and right:
        return left & right
    return left or right or None


@dataclasses.dataclass(frozen=True)
class End:
    """One end before the handshake. own and peer: outside addresses. held: Google's word for why it does not even try
    yet. cut: what is sent into it is lost; silent: and nobody has noticed yet."""

    name: TunnelEnd
    own: str
    peer: str
    key: str
    versions: frozenset[str]
    phase1: Suite
    phase2: Suite
    google: bool
    held: str = ""
    handshake: bool = False
    cut: bool = False
    silent: bool = False


def google_ends(state: State) -> t.Iterator[End]:
    insides = {
        item["linkedVpnTunnel"]: item.get("ipRange", "")
        for router in state.of_kind("compute#router")
        for item in router.body.get("interfaces", [])
        if item.get("linkedVpnTunnel")
    }
    for tunnel in state.of_kind("compute#vpnTunnel"):
        body, hidden = tunnel.body, tunnel.hidden
        gateway = state.get(body["vpnGateway"].removeprefix(COMPUTE_BASE))
        if gateway is None:
            continue
        own = {card["id"]: card["ipAddress"] for card in gateway.body["vpnInterfaces"]}[body["vpnGatewayInterface"]]
        inside = insides.get(body["selfLink"])
        suite = body.get("cipherSuite", {})
        yield End(
            TunnelEnd(router_key(body["router"].removeprefix(COMPUTE_BASE)), tunnel.path, inside or ""),
            own,
            body["peerIp"],
            hidden["secret"],
            frozenset({f"ikev{body['ikeVersion']}"}),
            google_suite(suite.get("phase1", {}), "dh"),
            google_suite(suite.get("phase2", {}), "pfs"),
            google=True,
            held=held(tunnel, inside is not None),
            handshake="handshake" in hidden,
            cut=bool(hidden.get("cut")),
            silent="silent" in hidden,
        )


def held(tunnel: Resource, linked: bool) -> str:
    """Why a tunnel at Google does not try yet, or any more. linked: a router's interface is on it."""
    if tunnel.phase is not Phase.READY:
        return "ALLOCATING_RESOURCES" if tunnel.phase is Phase.CREATING else "DEPROVISIONING"
    return "" if linked else "WAITING_FOR_FULL_CONFIG"


def google_suite(given: Body, groups: str) -> Suite:
    """Of a cipherSuite, AES-CBC-128, HMAC-SHA2-256-128 and Group-14 for example; what it leaves open is everything."""
    return Suite(
        frozenset(map(aws_cipher, given.get("encryption", []))),
        frozenset(map(aws_integrity, given.get("integrity", []))),
        frozenset(int(name.rpartition("-")[2]) for name in given.get(groups, []) if name.rpartition("-")[2].isdigit()),
    )


def aws_cipher(name: str) -> str:
    """AES-CBC-128 is AES128 at AWS, AES-GCM-16-256 is AES256-GCM-16."""
    family, _separator, bits = name.rpartition("-")
    mode = family.removeprefix("AES-")
    return f"AES{bits}" if mode == "CBC" else f"AES{bits}-{mode}"


def aws_integrity(name: str) -> str:
    """HMAC-SHA2-256-128 is SHA2-256 at AWS, HMAC-SHA1-96 is SHA1."""
    return name.removeprefix("HMAC-").rpartition("-")[0]


def aws_ends(facts: AwsFacts) -> t.Iterator[End]:
    customers = {item.id: item for item in facts.customer_gateways}
    keys = {item.id: transit_gateway_key(item.id) for item in facts.transit_gateways}
    keys |= {item.id: virtual_gateway_key(item.id) for item in facts.virtual_gateways}
    for connection in facts.connections:
        customer = customers.get(connection.customer_gateway)
        if customer is None or connection.gateway not in keys:
            continue
        for number, options in enumerate(connection.tunnels):
            name = aws_end(connection.id, number)
            yield End(
                TunnelEnd(keys[connection.gateway], name, first_host(options.inside)),
                options.outside,
                customer.address,
                options.key,
                frozenset(options.ike_versions),
                Suite(
                    frozenset(options.phase1_encryption),
                    frozenset(options.phase1_integrity),
                    frozenset(options.phase1_groups),
                ),
                Suite(
                    frozenset(options.phase2_encryption),
                    frozenset(options.phase2_integrity),
                    frozenset(options.phase2_groups),
                ),
                google=False,
            )


def first_host(inside: str) -> str:
    """AWS's address in a tunnel's /30, with its mask."""
    if not inside:
        return ""
    block = ipaddress.IPv4Network(inside, strict=False)
    return f"{block[1]}/{block.prefixlen}"


# ---- handshakes


@dataclasses.dataclass(frozen=True)
class Known:
    """What was worked out for a revision of the state."""

    revision: int
    negotiated: Negotiated
    met: t.Mapping[str, str]


_known: weakref.WeakKeyDictionary[State, Known] = weakref.WeakKeyDictionary()


def negotiate(state: State) -> Negotiated:
    """All tunnels of all gateways."""
    return known(state).negotiated


def met(state: State) -> t.Mapping[str, str]:
    """By each end's resource that of the other end, whether they agree or not."""
    return known(state).met


def known(state: State) -> Known:
    """Kept until something changes: compiling and every GET ask for it."""
    kept = _known.get(state)
    if kept is None or kept.revision != state.revision:
        kept = _known[state] = worked_out(state)
    return kept


def worked_out(state: State) -> Known:
    ends = [*google_ends(state), *aws_ends(state.aws)]
    at: dict[tuple[str, str], End] = {}
    for end in ends:
        at.setdefault((end.own, end.peer), end)
    pairs: dict[str, str] = {}
    gateways = {
        card["ipAddress"] for item in state.of_kind("compute#vpnGateway") for card in item.body["vpnInterfaces"]
    }
    tunnels: list[Tunnel] = []
    states: dict[str, TunnelState] = {}
    for end in ends:
        other = at.get((end.peer, end.own))
        if other:
            pairs[end.name.resource] = other.name.resource
        word = says(end, other, end.peer in gateways)
        if end.google:
            states[end.name.resource] = TunnelState(word, SAYS[word])
        else:
            word = "UP" if word == "ESTABLISHED" else "DOWN"
            states[end.name.resource] = TunnelState(word, AWS_SAYS[word])
        if other and word in ("ESTABLISHED", "UP") and end.name.resource < other.name.resource:
            tunnels.append(Tunnel(end.name, other.name, end.silent or other.silent))
    return Known(state.revision, Negotiated(tuple(tunnels), states), pairs)


def says(end: End, other: End | None, to_google: bool) -> str:
    """The state of one end in Google's words. to_google: the peer's address is a gateway of Google's."""
    if end.held:
        return end.held
    if other is None or other.held:
        return NO_TUNNEL_THERE if to_google else NOBODY_THERE
    if (end.cut or other.cut) and not (end.silent or other.silent):
        return NOBODY_THERE
    trouble = disagreement(end, other)
    if trouble:
        return trouble
    return "FIRST_HANDSHAKE" if end.handshake or other.handshake else "ESTABLISHED"


def disagreement(end: End, other: End) -> str:
    """Why two ends that reach each other cannot agree. The ciphers come first on the wire, then the key."""
    same = end.versions & other.versions and end.phase1.agrees(other.phase1) and end.phase2.agrees(other.phase2)
    if not same:
        return NOTHING_COMMON
    return "" if end.key == other.key else WRONG_KEY
