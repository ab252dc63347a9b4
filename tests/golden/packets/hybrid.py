# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a vector's ``given`` means between the clouds: one Cloud Router, its tunnels, what is at their far ends.

Values only; outside.py builds them. What a vector says was learned or received is made to come about by configuration:
what Google learned is a CIDR block of the VPC behind a virtual private gateway where AWS allows one of that size
(/16 to /28: https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html), else a static route of a transit
gateway; what AWS received is what the Cloud Router advertises by custom ranges alone.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.podreach.gke.tests.golden.loader import Vector
from ansible_collections.podreach.gke.tests.golden.packets.ends import parse
from ansible_collections.podreach.gke.tests.golden.packets.world import REGION, Json, around, ip, last, net

AWS_ASN = 64512
GOOGLE_ASN = 65010
#: The block of a VPC of which nothing is said.
SOME_VPC = "10.0.0.0/16"
OTHER_VPC = "172.30.0.0/16"
#: Keys of ``given`` that are of the other cloud or of what lies between.
KEYS = (
    "aws",
    "Vpcs",
    "vpnTunnels",
    "vgwReceived",
    "tgwReceived",
    "TransitGatewayRouteTables",
    "routerStatus",
    "learned",
)
UNDER = ("vgwReceived", "tgwReceived")


@dataclasses.dataclass(frozen=True)
class Tunnel:
    """One tunnel: its name, what is given of its BGP peer, the range of its inside addresses, what is wrong with it."""

    name: str
    peer: Json
    inside: str
    status: str = "ESTABLISHED"
    #: Google's key where it isn't AWS's
    secret: str = ""


@dataclasses.dataclass(frozen=True)
class Far:
    """One AWS gateway, ``vgw`` or ``tgw``, the blocks of its VPC and, of a transit gateway, its static routes."""

    kind: str
    asn: int
    cidrs: list[str]
    statics: list[str]
    tunnels: list[Tunnel]

    @property
    def learned(self) -> list[str]:
        """What its sessions tell Google."""
        return self.statics if self.kind == "tgw" and self.statics else self.cidrs


@dataclasses.dataclass(frozen=True)
class Plan:
    """The Cloud Router, as its insert has it, and what is at the far ends of its tunnels."""

    name: str
    network: str
    region: str
    bgp: Json
    interfaces: list[Json]
    fars: list[Far]


def dynamic_routes(given: Json) -> list[Json]:
    """The routes that Google is said to have learned."""
    return [route for route in given.get("routes", []) if route.get("routeType") == "BGP"]


def peers(given: Json) -> list[Json]:
    """The BGP peers of the vector's router."""
    return [peer for router in given.get("routers", []) for peer in router.get("bgpPeers", [])]


def texts(ask: Json) -> list[str]:
    """Every end that a question names."""
    asked = [ask, *ask.get("flows", []), *(item for item in ask.values() if isinstance(item, dict))]
    return [item[key] for item in asked for key in ("from", "to") if isinstance(item.get(key), str)]


def is_hybrid(vector: Vector) -> bool:
    """Whether the vector needs the other cloud."""
    given = vector.given
    return bool(
        any(key in given for key in KEYS)
        or dynamic_routes(given)
        or peers(given)
        or any(text.startswith(("ec2 ", "tunnel ")) for text in texts(vector.ask))
        or "advertised" in vector.expect
    )


def plain(given: Json) -> Json:
    """What is given of Google alone, less what the sessions bring about."""
    left = {key: value for key, value in given.items() if key not in ("routers", "vpnTunnels")}
    if "routes" in given:
        left["routes"] = [route for route in given["routes"] if route.get("routeType") != "BGP"]
    return left


# ---- the parts


def far_address(vector: Vector) -> str:
    """The address of the machine at AWS that a question names, '' if it names none."""
    for text in texts(vector.ask):
        if text.startswith("ec2 "):
            return parse(text).address
    return str(vector.given.get("aws", {}).get("instance", ""))


def vpc_blocks(vector: Vector) -> list[str]:
    """The CIDR blocks of the VPC: as given, else what was learned where that is a block, else around the machine."""
    given = vector.given
    for vpc in given.get("Vpcs", given.get("aws", {}).get("Vpcs", [])):
        more = [item["CidrBlock"] for item in vpc.get("CidrBlockAssociationSet", [])]
        return list(dict.fromkeys([vpc["CidrBlock"], *more]))
    return []


def is_block(cidr: str) -> bool:
    """Whether a VPC may have it."""
    return 16 <= net(cidr).prefixlen <= 28


def some_block(given: Json, address: str) -> str:
    """A block for a VPC of which nothing is said: around the machine's address, or clear of all that is given."""
    if address:
        return str(around(address, 16))
    used = [net(item["ipCidrRange"]) for item in given.get("subnetworks", [])]
    return SOME_VPC if not any(net(SOME_VPC).overlaps(one) for one in used) else OTHER_VPC


def inside_range(given: Json, peer: Json, number: int) -> str:
    """The /30 of a tunnel: AWS's own word, else that of the peer's address, else one of many."""
    connections = given.get("aws", {}).get("VpnConnections", [])
    if number < len(connections):
        return str(connections[number]["TunnelInsideCidr"])
    if "peerIpAddress" in peer:
        return str(around(peer["peerIpAddress"], 30))
    return f"169.254.60.{4 * number}/30"


def tunnels(given: Json) -> list[Tunnel]:
    """The tunnels, each with its peer: those that routes and tunnels name, or one for each peer."""
    routes = dynamic_routes(given)
    said = given.get("vpnTunnels", [])
    status = {item["name"]: item.get("status", "ESTABLISHED") for item in said}
    secrets = {item["name"]: item.get("sharedSecret", "") for item in said}
    names = list(dict.fromkeys([*status, *(route["nextHopVpnTunnel"] for route in routes)]))
    there = peers(given)
    while len(names) < max(len(there), 1):
        names.append(f"t{len(names) + 1}")
    there += [{"name": f"peer{number + 1}"} for number in range(len(there), len(names))]
    return [
        Tunnel(name, peer, inside_range(given, peer, number), status.get(name, "ESTABLISHED"), secrets.get(name, ""))
        for number, (name, peer) in enumerate(zip(names, there, strict=True))
    ]


def amazon_asn(given: Json, ours: list[Tunnel]) -> int:
    """The ASN at AWS: its own word, else what the peers say."""
    for gateway in given.get("aws", {}).get("VpnGateways", []):
        return int(gateway["AmazonSideAsn"])
    return int(ours[0].peer.get("peerAsn", AWS_ASN))


def transit(given: Json) -> bool:
    """Whether the gateway at AWS is said to be a transit gateway."""
    return given.get("aws", {}).get("gateway") == "transit gateway" or "TransitGatewayRouteTables" in given


def fars(vector: Vector) -> list[Far]:
    """What is at the far ends: tunnels by which the same is learned end at the same gateway."""
    given = vector.given
    ours = tunnels(given)
    asn = amazon_asn(given, ours)
    by_tunnel: dict[str, list[str]] = {tunnel.name: [] for tunnel in ours}
    for route in dynamic_routes(given):
        by_tunnel[route["nextHopVpnTunnel"]].append(route["destRange"])
    if not any(by_tunnel.values()):
        by_tunnel = {name: given.get("learned", []) for name in by_tunnel}
    found = []
    carrying = {name: sorted(learned) for name, learned in by_tunnel.items()}
    if len(ours) > len([1 for learned in carrying.values() if learned]):
        # a tunnel that carries nothing ends where the others do
        usual = max(carrying.values(), key=len)
        carrying = {name: learned or usual for name, learned in carrying.items()}
    for learned in dict.fromkeys(tuple(item) for item in carrying.values()):
        members = [tunnel for tunnel in ours if tuple(carrying[tunnel.name]) == learned]
        blocks = vpc_blocks(vector)
        if not blocks and len(learned) == 1 and is_block(learned[0]) and not transit(given):
            blocks = list(learned)
        blocks = blocks or [some_block(given, far_address(vector))]
        statics = [cidr for cidr in learned if cidr not in blocks]
        kind = "tgw" if transit(given) or statics else "vgw"
        found.append(Far(kind, asn, blocks, list(learned) if statics else [], members))
    return found


def advertisement(given: Json, router: Json) -> Json:
    """How the router advertises: as given; exactly what AWS is said to have received; or more than the subnetworks."""
    bgp: Json = {"asn": GOOGLE_ASN, **router.get("bgp", {})}
    ranges = received(given)
    groups: list[str] = []
    if ranges is None and "advertised" in given:
        subnetworks = given.get("subnetworks", [])
        local = [item["ipCidrRange"] for item in subnetworks]
        local += [each["ipCidrRange"] for item in subnetworks for each in item.get("secondaryIpRanges", [])]
        ranges, groups = [cidr for cidr in given["advertised"] if cidr not in local], ["ALL_SUBNETS"]
    if ranges is None or "routers" in given:
        return bgp
    custom = [{"range": cidr} for cidr in ranges]
    return {**bgp, "advertiseMode": "CUSTOM", "advertisedGroups": groups, "advertisedIpRanges": custom}


def received(given: Json) -> list[str] | None:
    """The prefixes that AWS is said to have learned, in words or by its route tables; None: nothing is said."""
    said = [cidr for key in UNDER for cidr in given.get(key, [])]
    propagated = [
        route["DestinationCidrBlock"]
        for table in given.get("RouteTables", [])
        for route in table["Routes"]
        if route.get("Origin") == "EnableVgwRoutePropagation"
    ]
    if not said and not propagated and not any(key in given for key in (*UNDER, "RouteTables")):
        return None
    return list(dict.fromkeys([*said, *propagated]))


def plan(vector: Vector) -> Plan:
    """What is to be built between the clouds."""
    given = vector.given
    routers = given.get("routers", [])
    assert len(routers) <= 1, "more than one router"
    router: Json = routers[0] if routers else {}
    routes = dynamic_routes(given)
    networks = [item["network"] for item in [router, *routes] if "network" in item]
    regions = [item["region"] for item in [router, *routes, *given.get("vpnTunnels", [])] if "region" in item]
    return Plan(
        name=router.get("name", "r1"),
        network=last(networks[0]) if networks else "n1",
        region=regions[0] if regions else REGION,
        bgp=advertisement(given, router),
        interfaces=router.get("interfaces", []),
        fars=fars(vector),
    )


def first_host(cidr: str) -> str:
    """AWS's address inside a tunnel."""
    return str(net(cidr)[1])


def second_host(cidr: str) -> str:
    """The customer's address inside a tunnel."""
    return str(net(cidr)[2])


def inside_any(address: str, cidrs: t.Iterable[str]) -> bool:
    """Whether one of the ranges holds the address."""
    return any(ip(address) in net(cidr) for cidr in cidrs)
