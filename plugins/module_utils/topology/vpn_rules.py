# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold of a VPN in a topology by itself, beyond the types of its keys: all that its role would refuse later
without asking anybody, and keys that it would ignore.
"""

from __future__ import annotations

import ipaddress
import re
import typing as t

from .. import addressing
from ..aws import tunnel_options
from .cluster_rules import routes_based
from .network_rules import check_advertisement
from .references import declared_router
from .shape import UNKNOWN, Report, suggest
from .values import (
    Item,
    check_address,
    check_aws_settings,
    check_name,
    check_not_both,
    check_private_asn,
    check_there,
    check_within,
    given,
    items,
    known_range,
    parse_range,
    strings,
    sub,
)

if t.TYPE_CHECKING:
    from .reading import Entry

#: AmazonSideAsn where nothing is said: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpnGateway.html
AWS_ASN = 64512
ASNS = (1, 4294967294)
VIRTUAL, TRANSIT = "virtual_private_gateway", "transit_gateway"
#: What gateways' ids begin with.
GATEWAYS = {"vgw-": VIRTUAL, "tgw-": TRANSIT}
#: How many interfaces an external VPN gateway can have.
PEER_ADDRESSES = (1, 2, 4)
#: A connection for each of the two addresses of Google's gateway, of two tunnels each.
CONNECTIONS = TUNNELS_OF_A_CONNECTION = 2
VPC_ID = re.compile(r"vpc-[0-9a-f]+")


def router_of(vpn: Entry) -> t.Any:
    """The name of a VPN's router, UNKNOWN where it is templated."""
    return _named(vpn, "router", "router")


def external_gateway_of(vpn: Entry) -> t.Any:
    """The name of a VPN's external gateway, UNKNOWN where it is templated."""
    return _named(vpn, "external_gateway", "peer")


def _named(vpn: Entry, key: str, suffix: str) -> t.Any:
    name = vpn.real_name
    return vpn.clean.get(key, f"{name}-{suffix}" if isinstance(name, str) else UNKNOWN)


def advertised_pods(vpn: Entry, clusters: t.Mapping[str, Entry], report: Report) -> dict[str, t.Any]:
    """What ``advertise_pods_of`` stands for: a custom advertisement of those clusters' pods besides all subnetworks. It
    is written into what is known of the VPN as if the user had, and returned as its role must be told."""
    names, at = vpn.clean.get("advertise_pods_of"), vpn.at("advertise_pods_of")
    if names is UNKNOWN:
        report.error(at, "a template cannot be looked up here: list keys of clusters")
    if not names or not vpn.present:
        return {}
    if vpn.clean.get("advertise_mode") == "DEFAULT":
        report.error(vpn.at("advertise_mode"), "'advertise_pods_of' needs CUSTOM: remove 'advertise_mode', or that")
        return {}
    said = vpn.clean.get("advertised_ip_ranges", [])
    if not isinstance(said, list):
        report.error(
            vpn.at("advertised_ip_ranges"), "a template cannot be added to: list the ranges, or the pods there"
        )
        return {}
    listed = {known_range(item.get("range")) for item, _path in items(said, "")}
    more: list[tuple[t.Any, t.Any]] = []
    for index, name in enumerate(names):
        cluster = clusters.get(name) if isinstance(name, str) else None
        problem = _not_advertised(name, cluster, clusters)
        if problem:
            report.error(f"{at}[{index}]", problem)
        elif cluster and known_range(cluster.clean.get("cluster_ipv4_cidr")) not in listed - {None}:
            item = {"description": f"Pods of {cluster.key}"}
            known, raw = cluster.clean["cluster_ipv4_cidr"], cluster.raw["cluster_ipv4_cidr"]
            more.append(({**item, "range": known}, {**item, "range": raw}))
    added = {"advertise_mode": "CUSTOM", "advertised_groups": ["ALL_SUBNETS"]}
    added = {key: value for key, value in added.items() if key not in vpn.clean}
    vpn.clean.update(added, advertised_ip_ranges=[*said, *(known for known, _raw in more)])
    return {
        **added,
        "advertised_ip_ranges": [*(vpn.raw.get("advertised_ip_ranges") or []), *(raw for _known, raw in more)],
    }


def _not_advertised(name: t.Any, cluster: Entry | None, clusters: t.Mapping[str, Entry]) -> str | None:
    """Why the pods of a cluster cannot be advertised by its name, or need not be."""
    if cluster is None and isinstance(name, str):
        return f"'{name}' is not a key of clusters: {suggest(name, list(clusters), 'declare it')}"
    if cluster is None:
        return "a template cannot be looked up here: write the key of a cluster"
    if not cluster.present:
        return f"'{name}' is declared with state absent: remove it here, or there"
    uses = sub(cluster.clean, "ip_allocation_policy", "use_routes")
    if uses is not UNKNOWN and not routes_based(cluster):
        return (
            f"'{name}' is VPC-native: its pods are in a secondary range of its subnetwork, which is advertised with "
            "the subnetworks, so remove it here"
        )
    if "cluster_ipv4_cidr" not in cluster.clean:
        return f"the pods' range of '{name}' is not given: add it at {cluster.at('cluster_ipv4_cidr')}"
    return None


def check_vpn(vpn: Entry, report: Report) -> None:
    """One VPN. Its network is already looked up; what it does to ranges of several entries comes later."""
    clean = vpn.clean
    if vpn.effective("region") is None:
        report.error(vpn.at("region"), "'region' is missing: add it here or at the top")
    for name in ("router", "external_gateway"):
        check_name(report, clean.get(name), vpn.at(name))
    check_aws_settings(report, clean, vpn.path, "aws_")
    if isinstance(clean.get("aws"), dict):
        _check_aws_half(clean["aws"], vpn.at("aws"), report)
    if not vpn.surely_present:
        return
    _check_asn(vpn, report)
    word = clean.get("confirm_withdraw_subnets")
    check_advertisement(report, clean, vpn.path, router_of(vpn), word)
    check_not_both(report, clean, vpn.path, "aws", "peer_interfaces")
    if "peer_interfaces" in clean and "aws" not in clean:
        _check_peer(vpn, report)
    elif "aws" not in clean:
        report.error(vpn.at("aws"), "'aws' is missing: add AWS's half, or 'peer_interfaces' of another peer")
    elif given(clean, "peer_asn"):
        report.error(vpn.at("peer_asn"), "'peer_asn' is for peer_interfaces: remove it, or set aws.gateway.asn")
    _check_keys(vpn, report)


def _check_asn(vpn: Entry, report: Report) -> None:
    clean, at = vpn.clean, vpn.at("asn")
    asn = clean.get("asn")
    check_private_asn(report, asn, at)
    found = declared_router(vpn)
    if found is not None and vpn.network is not None:
        router, index = found
        path = f"{vpn.network.at('routers')}[{index}]"
        here, there = vpn.effective("region"), router.get("region", vpn.network.effective("region"))
        if isinstance(here, str) and isinstance(there, str) and here != there:
            report.error(
                vpn.at("router"),
                f"'{clean['router']}' at {path} is in region {there}, the VPN in {here}: choose a router of that "
                "region, or another name",
            )
        others = sub(dict(router), "bgp", "asn")
        if isinstance(asn, int) and isinstance(others, int) and asn != others:
            report.error(at, f"{asn} is not the ASN of the router at {path}.bgp.asn, {others}: leave it out here")
        asn = asn if "asn" in clean else others
    elif "asn" not in clean and not _may_have_asn(vpn):
        report.error(at, "'asn' is missing: add the router's private AS number, such as 65010")
    if not isinstance(asn, int):
        return
    where = at if "asn" in clean else vpn.at("router")
    if asn == clean.get("peer_asn"):
        report.error(vpn.at("peer_asn"), f"{asn} is the router's own ASN too: BGP between two peers needs two")
    gateway = sub(clean, "aws", "gateway")
    theirs: t.Any = None
    if isinstance(clean.get("aws"), dict) and gateway is not UNKNOWN:
        theirs = (gateway or {}).get("asn", None if "id" in (gateway or {}) else AWS_ASN)
    if asn == theirs:
        report.error(
            where,
            f"{asn} is AWS's too{'' if 'asn' in (gateway or {}) else ' (its default)'}: BGP "
            "between two clouds needs two ASNs, so choose another one here or there",
        )


def _may_have_asn(vpn: Entry) -> bool:
    """Could a router that cannot be judged be the VPN's?"""
    if "router" not in vpn.clean or vpn.clean.get("network") is UNKNOWN:
        return "router" in vpn.clean
    if vpn.network is None:
        return False
    routers = vpn.network.clean.get("routers", [])
    if vpn.clean["router"] is UNKNOWN or not isinstance(routers, list):
        return True
    return any(not isinstance(item, dict) or item.get("name") is UNKNOWN for item in routers)


def _check_aws_half(aws: Item, path: str, report: Report) -> None:
    check_not_both(report, aws, path, "vpc_id", "vpc_name")
    vpc = aws.get("vpc_id")
    if isinstance(vpc, str) and not VPC_ID.fullmatch(vpc):
        report.error(f"{path}.vpc_id", f"'{vpc}' is not a VPC's id: write one such as vpc-0a1b2c, or use vpc_name")
    gateway = aws.get("gateway", {})
    if isinstance(gateway, dict):
        _check_gateway(aws, gateway, path, report)
    seen: dict[str, str] = {}
    for cidr, where in strings(aws.get("google_ranges"), f"{path}.google_ranges"):
        own = parse_range(report, cidr, where)
        others = [other for other in seen if own and addressing.overlaps(_pair(own, other))]
        if own and others:
            report.error(where, f"{own} overlaps {others[0]} at {seen[others[0]]}: keep one of them")
        elif own:
            seen[own] = where
    _check_connections(aws, path, report)
    options = aws.get("tunnel_options")
    if isinstance(options, dict):
        _check_tunnel_options(options, f"{path}.tunnel_options", report)


def _pair(one: str, other: str) -> list[addressing.Range]:
    return [addressing.Range(one, "one"), addressing.Range(other, "other")]


def _check_gateway(aws: Item, gateway: Item, path: str, report: Report) -> None:
    at = f"{path}.gateway"
    identity, kind = gateway.get("id"), gateway.get("type")
    if isinstance(identity, str):
        known = next((name for prefix, name in GATEWAYS.items() if identity.startswith(prefix)), None)
        if known is None:
            report.error(f"{at}.id", f"'{identity}' is not a gateway's id: write one that begins with vgw- or tgw-")
        elif isinstance(kind, str) and kind != known:
            report.error(f"{at}.type", f"'{kind}' is not what {identity} is, a {known}: leave 'type' out")
        kind = known or UNKNOWN
    elif identity is UNKNOWN:
        kind = kind or UNKNOWN
    check_private_asn(report, gateway.get("asn"), f"{at}.asn")
    vpc = given(aws, "vpc_id") or given(aws, "vpc_name")
    if given(aws, "route_tables") and not {"vpc_id", "vpc_name"} & aws.keys() and "id" not in gateway:
        report.error(
            f"{path}.vpc_name", "'vpc_name' is missing: name the VPC that the route tables are of, or give vpc_id"
        )
    if kind is UNKNOWN:
        return
    if kind != TRANSIT:
        for key in ("route_table_id", "subnets"):
            if given(gateway, key):
                report.error(
                    f"{at}.{key}", f"'{key}' is for a transit gateway: remove it, or add 'type: {TRANSIT}' beside it"
                )
        return
    if "id" not in gateway and given(gateway, "route_table_id"):
        report.error(f"{at}.route_table_id", "'route_table_id' is of a transit gateway that exists: add its 'id'")
    if "id" not in gateway and vpc and "subnets" not in gateway:
        report.error(
            f"{at}.subnets",
            "'subnets' is missing: name one of each zone whose instances shall be reached, or all",
        )
    if aws.get("route_tables") and "google_ranges" not in aws:
        report.error(
            f"{path}.google_ranges",
            "'google_ranges' is missing: a transit gateway propagates nothing into route tables, so list the ranges "
            "that they get static routes for, pods included",
        )


def _check_connections(aws: Item, path: str, report: Report) -> None:
    at = f"{path}.connections"
    connections = aws.get("connections")
    if isinstance(connections, list) and len(connections) > CONNECTIONS:
        report.error(at, f"{len(connections)} connections: Google's gateway has two addresses, so list two at most")
    seen: dict[str, str] = {}
    for connection, where in items(connections, at):
        tunnels = connection.get("tunnels")
        if isinstance(tunnels, list) and len(tunnels) > TUNNELS_OF_A_CONNECTION:
            report.error(f"{where}.tunnels", f"{len(tunnels)} tunnels: a connection of AWS has two, list two at most")
        for tunnel, place in items(tunnels, f"{where}.tunnels"):
            cidr = parse_range(report, tunnel.get("inside_cidr"), f"{place}.inside_cidr")
            wrong = addressing.check_inside_cidr(cidr) if cidr else []
            if wrong:
                report.error(f"{place}.inside_cidr", wrong[0].message.replace("; ", ": ", 1))
            elif cidr in seen:
                report.error(f"{place}.inside_cidr", f"{cidr} is already at {seen[cidr]}: give each tunnel its own")
            elif cidr:
                seen[cidr] = f"{place}.inside_cidr"


def _check_tunnel_options(options: Item, path: str, report: Report) -> None:
    for name, limits in tunnel_options.RANGES.items():
        check_within(report, options.get(name), limits, f"{path}.{name}", "a number of seconds that AWS takes")
    first, second = (
        options.get(name, tunnel_options.VALUES[name][2])
        for name in ("phase1_lifetime_seconds", "phase2_lifetime_seconds")
    )
    if isinstance(first, int) and isinstance(second, int) and second >= first:
        report.error(
            f"{path}.phase2_lifetime_seconds",
            f"{second}{'' if 'phase2_lifetime_seconds' in options else ', the default,'} is not less than "
            f"phase1_lifetime_seconds, {first}: choose less",
        )
    for name, (_request, _answer, choices, _default) in tunnel_options.LISTS.items():
        if options.get(name) == []:
            report.error(f"{path}.{name}", "an empty list leaves nothing to agree on: remove the key, or name one")
        for index, value in enumerate(options.get(name) or []):
            if isinstance(value, int) and value not in choices:
                listed = ", ".join(map(str, choices))
                report.error(f"{path}.{name}[{index}]", f"{value} is no group that AWS takes: use one of {listed}")


def _check_peer(vpn: Entry, report: Report) -> None:
    """Google's half alone: the ends at a peer."""
    clean, at = vpn.clean, vpn.at("peer_interfaces")
    ends = clean["peer_interfaces"]
    check_there(vpn, report, "peer_asn", "add the peer's AS number")
    check_within(report, clean.get("peer_asn"), ASNS, vpn.at("peer_asn"), "an AS number")
    check_there(vpn, report, "pre_shared_keys", "add one for each tunnel, in a vault")
    if isinstance(ends, list) and len(ends) not in PEER_ADDRESSES:
        report.error(at, f"{len(ends)} interfaces: a VPN has 1, 2 or 4 tunnels, list one for each")
    addresses: set[t.Any] = set()
    networks: dict[ipaddress.IPv4Network, str] = {}
    for end, path in items(ends, at):
        addresses.add(end.get("ip_address"))
        check_address(report, end.get("ip_address"), f"{path}.ip_address", "203.0.113.7")
        own = _inside(report, end.get("ip_range"), f"{path}.ip_range")
        theirs = check_address(report, end.get("peer_ip_address"), f"{path}.peer_ip_address", "169.254.24.221")
        if own is None:
            continue
        if own.network in networks:
            report.error(f"{path}.ip_range", f"{own} is in the range of {networks[own.network]}: use a /30 for each")
        networks.setdefault(own.network, f"{path}.ip_range")
        other = next(host for host in own.network.hosts() if host != own.ip)
        if theirs is not None and theirs != other:
            report.error(f"{path}.peer_ip_address", f"{theirs} is not the other end of {own}: write {other}")
    all_known = isinstance(ends, list) and UNKNOWN not in (*ends, *addresses)
    if all_known and len(ends) in PEER_ADDRESSES and len(addresses) not in PEER_ADDRESSES:
        report.error(
            at, f"{len(addresses)} different addresses: a peer has 1, 2 or 4, name one of them as often as needed"
        )


def _inside(report: Report, text: t.Any, path: str) -> ipaddress.IPv4Interface | None:
    """Google's end of a tunnel."""
    if not isinstance(text, str):
        return None
    try:
        own = ipaddress.IPv4Interface(text)
    except ValueError:
        own = None
    if own is None or own.network.prefixlen != 30 or not own.network.subnet_of(tunnel_options.LINK_LOCAL):
        report.error(
            path, f"'{text}' is not an address in a /30 of 169.254.0.0/16: write Google's, such as 169.254.24.222/30"
        )
    elif own.ip not in own.network.hosts():
        hosts = " or ".join(f"{host}/30" for host in own.network.hosts())
        report.error(path, f"'{text}' is no host's address: write Google's, {hosts}")
    elif str(own.network) == "169.254.169.252/30":
        report.error(path, f"'{text}' is beside the metadata server's address: use another /30 of 169.254.0.0/16")
    else:
        return own
    return None


def _check_keys(vpn: Entry, report: Report) -> None:
    """The pre-shared keys: how many, and of which characters. None of them is ever shown."""
    keys, at = vpn.clean.get("pre_shared_keys"), vpn.at("pre_shared_keys")
    if not isinstance(keys, list):
        return
    aws, ends = "aws" in vpn.clean, vpn.clean.get("peer_interfaces")
    wanted = CONNECTIONS * TUNNELS_OF_A_CONNECTION if aws else len(ends) if isinstance(ends, list) else len(keys)
    if len(keys) != wanted and (keys or not aws):
        report.error(at, f"{len(keys)} given for {wanted} tunnels: give one for each, in their order")
    for key, path in strings(keys, at):
        if aws and not tunnel_options.KEY.fullmatch(key):
            report.error(
                path,
                "the key (not shown) is none that both clouds take: use 8 to 64 letters, digits, '.' and '_', not "
                "beginning with 0",
            )
        elif not (key.isascii() and key.isprintable()):
            report.error(path, "the key (not shown) has characters that Google refuses: use printable ASCII only")
