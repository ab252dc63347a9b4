# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A router's interfaces and BGP peers: their options, how they are merged, and what may be said of them.

Both are lists of https://cloud.google.com/compute/docs/reference/rest/v1/routers, merged by name. A peer's MD5 key is a
third list there: it is sent once, when the peer gets it, and can't be read back.
"""

from __future__ import annotations

import ipaddress
import typing as t

from .. import addressing
from ..engine import Grade
from .fields import Default, Items, Json, Keyed, Kind, Labels, Link, Names, camel, to_api
from .resource import GcpResource

LINK_LOCAL = ipaddress.IPv4Network("169.254.0.0/16")
#: holds the metadata server's address
METADATA = ipaddress.IPv4Network("169.254.169.252/30")
#: https://cloud.google.com/network-connectivity/docs/router/quotas
MAX_PEERS, MAX_RANGES, MAX_LEARNED = 128, 200, 10

_RANGES = {
    "type": "list",
    "elements": "dict",
    "options": {"range": {"type": "str", "required": True}, "description": {"type": "str"}},
}
_STATE = {"type": "str", "choices": ["present", "absent"], "default": "present"}

OPTIONS: dict[str, t.Any] = {
    "interfaces": {
        "type": "list",
        "elements": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "ip_range": {"type": "str"},
            "linked_vpn_tunnel": {"type": "str"},
            "state": _STATE,
        },
    },
    "bgp_peers": {
        "type": "list",
        "elements": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "interface_name": {"type": "str"},
            "peer_ip_address": {"type": "str"},
            "peer_asn": {"type": "int"},
            "ip_address": {"type": "str"},
            "advertised_route_priority": {"type": "int"},
            "advertise_mode": {"type": "str", "choices": ["DEFAULT", "CUSTOM"]},
            "advertised_groups": {"type": "list", "elements": "str", "choices": ["ALL_SUBNETS"]},
            "advertised_ip_ranges": _RANGES,
            "enable": {"type": "bool"},
            "bfd": {
                "type": "dict",
                "options": {
                    "session_initialization_mode": {"type": "str", "choices": ["ACTIVE", "PASSIVE", "DISABLED"]},
                    "min_receive_interval": {"type": "int"},
                    "min_transmit_interval": {"type": "int"},
                    "multiplier": {"type": "int"},
                },
            },
            "md5_authentication_key": {"type": "str", "no_log": True},
            "custom_learned_ip_ranges": {"type": "list", "elements": "str"},
            "custom_learned_route_priority": {"type": "int"},
            "state": _STATE,
        },
    },
    "purge_interfaces": {"type": "bool", "default": False},
    "purge_bgp_peers": {"type": "bool", "default": False},
}

INTERFACE_KINDS: dict[str, Kind] = {"linkedVpnTunnel": Link()}
PEER_KINDS: dict[str, Kind] = {
    "advertiseMode": Default("DEFAULT"),
    "advertisedGroups": Names(),
    "advertisedIpRanges": Keyed("range"),
    "advertisedRoutePriority": Default(100),
    "enable": Default("TRUE"),
    "bfd": Labels(),
    "customLearnedIpRanges": Keyed("range"),
    "customLearnedRoutePriority": Default(100),
}
#: what a session says and hears of routes; a change in it leaves the session up
ROUTES = frozenset(
    {"advertiseMode", "advertisedGroups", "advertisedIpRanges", "customLearnedIpRanges", "advertisedRoutePriority"}
)

#: what an interface may be on
LINKS = ("linkedVpnTunnel", "linkedInterconnectAttachment", "subnetwork")

INTERFACES = Items(INTERFACE_KINDS)


class Peers(Items):
    """BGP peers. ``exact_routes``: their lists of ranges and groups are complete."""

    def __init__(self, *, exact_routes: bool = False) -> None:
        whole = ("advertisedGroups", "advertisedIpRanges", "customLearnedIpRanges") if exact_routes else ()
        super().__init__(PEER_KINDS, whole)

    def item(self, now: Json, wanted: Json) -> Json:
        if wanted.get("md5AuthenticationKeyName") and now.get("md5AuthenticationKeyName"):
            wanted = {**wanted, "md5AuthenticationKeyName": now["md5AuthenticationKeyName"]}
        after = super().item(now, wanted)
        if "ipAddress" not in wanted and after.get("peerIpAddress") != now.get("peerIpAddress"):
            after.pop("ipAddress", None)  # it follows from the interface
        if after.get("advertiseMode", "DEFAULT") == "DEFAULT":
            for name in ("advertisedGroups", "advertisedIpRanges"):
                after.pop(name, None)
        return after


def encode_peers(peers: list[Json]) -> list[Json]:
    """The API's form of the option. A key is a name here; an empty one takes the key away."""
    encoded = []
    for peer in peers:
        item = {camel(name): to_api(value) for name, value in peer.items() if value is not None}
        if "enable" in item:
            item["enable"] = "TRUE" if item["enable"] else "FALSE"
        if "customLearnedIpRanges" in item:
            item["customLearnedIpRanges"] = [{"range": cidr} for cidr in item["customLearnedIpRanges"]]
        if "md5AuthenticationKey" in item:
            item["md5AuthenticationKeyName"] = item["name"] if item.pop("md5AuthenticationKey") else None
        encoded.append(item)
    return encoded


def grade_interfaces(old: t.Any, new: t.Any) -> Grade:
    """An interface that goes or changes takes its session with it."""
    then = INTERFACES.keys(new)
    unchanged = all(then.get(key) == item for key, item in INTERFACES.keys(old).items())
    return Grade.SAFE if unchanged else Grade.DISRUPTIVE


def grade_peers(old: t.Any, new: t.Any) -> Grade:
    """A session that goes or changes is down for a while; more routes over it are safe, fewer are not."""
    then = Items(PEER_KINDS).keys(new)
    for key, item in Items(PEER_KINDS).keys(old).items():
        after = then.get(key)
        if item.get("enable") == "FALSE" or after == item:
            continue
        if after is None or any(item.get(name) != after.get(name) for name in (item.keys() | after.keys()) - ROUTES):
            return Grade.DISRUPTIVE
        if item.get("advertisedRoutePriority", 100) != after.get("advertisedRoutePriority", 100):
            return Grade.DISRUPTIVE
        if Keyed("range").removed(item.get("customLearnedIpRanges"), after.get("customLearnedIpRanges")):
            return Grade.DISRUPTIVE
    return Grade.SAFE


def announces(bgp: Json, peer: Json) -> tuple[bool, set[str]]:
    """What a session announces: whether every subnetwork, and which other ranges."""
    if peer.get("enable") == "FALSE":
        return False, set()
    lists = peer if peer.get("advertiseMode") == "CUSTOM" else bgp
    if lists.get("advertiseMode") != "CUSTOM":
        return True, set()
    ranges = {item["range"] for item in lists.get("advertisedIpRanges") or []}
    return "ALL_SUBNETS" in (lists.get("advertisedGroups") or []), ranges


def withdraws(bgp: Json, peers: t.Any, bgp_then: Json, peers_then: t.Any) -> bool:
    """Whether a session that stays announces less afterwards, its own lists overriding the router's."""
    then = {peer["name"]: peer for peer in peers_then or []}
    for peer in peers or []:
        if peer["name"] in then:
            everything, ranges = announces(bgp, peer)
            everything_then, ranges_then = announces(bgp_then, then[peer["name"]])
            if (everything and not everything_then) or ranges - ranges_then:
                return True
    return False


# -- what may be said


def check_ranges(resource: GcpResource, option: str, ranges: t.Sequence[Json]) -> None:
    """Ranges to be advertised: each of them a range, once, and not too many."""
    seen = set()
    for number, item in enumerate(ranges):
        where = f"{option}[{number}].range"
        try:
            network = addressing.parse(item["range"])
        except addressing.AddressingError as error:
            resource.invalid(where, item["range"], str(error), code=error.code)
            continue
        if network in seen:
            resource.invalid(where, item["range"], "this range is given twice")
        seen.add(network)
    if len(ranges) > MAX_RANGES:
        resource.invalid(option, len(ranges), f"a session advertises at most {MAX_RANGES} custom ranges: aggregate")


def check_mode_lists(resource: GcpResource, where: str, part: t.Mapping[str, t.Any]) -> None:
    """The lists of what to advertise belong to CUSTOM."""
    if part.get("advertise_mode") != "CUSTOM":
        for option in ("advertised_groups", "advertised_ip_ranges"):
            if part.get(option):
                resource.invalid(
                    f"{where}.{option}", part[option], "only advertise_mode: CUSTOM takes it; say that too"
                )
    check_ranges(resource, f"{where}.advertised_ip_ranges", part.get("advertised_ip_ranges") or [])


def check_options(resource: GcpResource) -> None:
    """Everything about interfaces and peers that can be known without asking anybody."""
    for option in ("interfaces", "bgp_peers"):
        seen = set()
        for number, item in enumerate(resource.params.get(option) or []):
            where = f"{option}[{number}]"
            resource.check_name(f"{where}.name", item["name"])
            if item["name"] in seen:
                resource.invalid(f"{where}.name", item["name"], "this name is given twice")
            seen.add(item["name"])
            if item["state"] == "present":
                (_check_interface if option == "interfaces" else _check_peer)(resource, where, item)
    _check_overlaps(resource)


def _check_interface(resource: GcpResource, where: str, item: Json) -> None:
    if item.get("linked_vpn_tunnel") is not None:
        resource.check_name(f"{where}.linked_vpn_tunnel", str(Link().canonical(item["linked_vpn_tunnel"])))
    text = item.get("ip_range")
    if text is None:
        return
    try:
        address = ipaddress.IPv4Interface(text)
    except ValueError:
        address = None
    if address is None or "/" not in text or address.network.prefixlen != 30 or address not in LINK_LOCAL:
        resource.invalid(
            f"{where}.ip_range",
            text,
            "the router's own address in a /30 of 169.254.0.0/16 is wanted, 169.254.24.222/30",
        )
    elif address.ip not in hosts(address.network):
        resource.invalid(
            f"{where}.ip_range",
            text,
            f"the router's own address is wanted, one of the two hosts of {address.network}: "
            f"{address.network[1]}/30 or {address.network[2]}/30",
        )
    elif address.network == METADATA:
        resource.invalid(f"{where}.ip_range", text, "169.254.169.254 is the metadata server's; take another /30")


def _check_overlaps(resource: GcpResource) -> None:
    taken: dict[ipaddress.IPv4Network, str] = {}
    for number, item in enumerate(resource.params.get("interfaces") or []):
        try:
            network = ipaddress.IPv4Interface(item.get("ip_range") or "").network
        except ValueError:
            continue
        if network in taken and item["state"] == "present":
            resource.invalid(
                f"interfaces[{number}].ip_range",
                item["ip_range"],
                f"interface {taken[network]} has an address of {network} already; take another /30",
            )
        taken.setdefault(network, item["name"])


def _check_peer(resource: GcpResource, where: str, item: Json) -> None:
    check_mode_lists(resource, where, item)
    for option in ("peer_ip_address", "ip_address"):
        try:
            ipaddress.IPv4Address(item.get(option) or "0.0.0.0")
        except ValueError:
            resource.invalid(f"{where}.{option}", item[option], "an IPv4 address is wanted, such as 169.254.24.221")
    bounds = {
        "peer_asn": (1, 4294967294),
        "advertised_route_priority": (0, 65535),
        "custom_learned_route_priority": (0, 65335),
    }
    parts = [(where, item, bounds)]
    bfd = {"min_receive_interval": (1000, 30000), "min_transmit_interval": (1000, 30000), "multiplier": (5, 16)}
    parts.append((f"{where}.bfd", item.get("bfd") or {}, bfd))
    for place, part, limits in parts:
        for option, (low, high) in limits.items():
            if part.get(option) is not None and not low <= part[option] <= high:
                resource.invalid(f"{place}.{option}", part[option], f"it is {low} to {high}")
    key = item.get("md5_authentication_key")
    if key is not None and (len(key) > 80 or not key.isascii() or not (key.isprintable())):
        resource.invalid(f"{where}.md5_authentication_key", "(not shown)", "at most 80 printable ASCII characters")
    learned = [{"range": cidr} for cidr in item.get("custom_learned_ip_ranges") or []]
    check_ranges(resource, f"{where}.custom_learned_ip_ranges", learned)
    if len(learned) > MAX_LEARNED:
        resource.invalid(f"{where}.custom_learned_ip_ranges", len(learned), f"a session takes at most {MAX_LEARNED}")


def problems(after: Json, named: t.Collection[str]) -> list[str]:
    """What is wrong with a router's interfaces and peers as they shall be. Those that the caller did not name
    (``named`` holds the others) are judged only together with one that they did."""
    found = []
    interfaces = {item["name"]: item for item in after.get("interfaces") or []}
    networks: dict[ipaddress.IPv4Network, str] = {}
    for name, item in interfaces.items():
        if name in named and not any(item.get(link) for link in LINKS):
            found.append(f"interface {name} is new: give linked_vpn_tunnel")
        own = _own_address(item)
        if own is None:
            continue
        other = networks.setdefault(own.network, name)
        if other != name and {name, other} & set(named):
            found.append(f"interfaces {other} and {name} both have an address of {own.network}: give each its own /30")
    peers = after.get("bgpPeers") or []
    if len(peers) > MAX_PEERS:
        found.append(f"it would have {len(peers)} BGP peers, and {MAX_PEERS} is the most: make another router")
    asn = (after.get("bgp") or {}).get("asn")
    for peer in peers:
        found += _peer_problems(peer, interfaces, asn, named)
    return found


def hosts(network: ipaddress.IPv4Network) -> tuple[ipaddress.IPv4Address, ipaddress.IPv4Address]:
    """The two hosts of a /30."""
    return network[1], network[2]


def _own_address(interface: Json) -> ipaddress.IPv4Interface | None:
    try:
        return ipaddress.IPv4Interface(interface.get("ipRange") or "")
    except ValueError:
        return None


def _peer_problems(peer: Json, interfaces: dict[str, Json], asn: t.Any, named: t.Collection[str]) -> list[str]:
    name = peer["name"]
    interface = interfaces.get(peer.get("interfaceName", ""))
    if interface is None and peer.get("interfaceName"):
        remedy = "take the peer away too (state: absent)" if name not in named else "add it to interfaces"
        return [
            f"BGP peer {name} needs the interface {peer['interfaceName']}, which the router would not have: {remedy}"
        ]
    if name not in named and not (interface and interface["name"] in named):
        return []
    found = [
        f"BGP peer {name} is new: give {option}"
        for option, key in (("interface_name", "interfaceName"), ("peer_asn", "peerAsn"))
        if not peer.get(key)
    ]
    if asn is not None and peer.get("peerAsn") == asn:
        found.append(f"BGP peer {name}: peer_asn {asn} is the router's own; the peer must have another one (eBGP)")
    own = _own_address(interface or {})
    if own is None:
        return found
    theirs = peer.get("peerIpAddress")
    if theirs and (theirs == str(own.ip) or ipaddress.ip_address(theirs) not in hosts(own.network)):
        wanted = next(str(host) for host in hosts(own.network) if host != own.ip)
        found.append(
            f"BGP peer {name}: peer_ip_address {theirs} is not the other address of {own.network}, where the router's "
            f"interface {peer['interfaceName']} is {own.ip}: it must be {wanted}"
        )
    if peer.get("ipAddress", str(own.ip)) != str(own.ip):
        found.append(
            f"BGP peer {name}: ip_address {peer['ipAddress']} is not that of its interface {peer['interfaceName']}, "
            f"{own.ip}: leave it out"
        )
    return found
