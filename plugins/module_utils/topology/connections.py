# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold of a topology's VPNs, routers and flows together: what AWS hears of, and who else it hears it from.

What a Cloud Router advertises: https://cloud.google.com/network-connectivity/docs/router/concepts/advertised-routes
"""

from __future__ import annotations

import typing as t

from .. import addressing
from .cluster_rules import routes_based
from .range_rules import made_ranges, network_ranges, pod_ranges
from .references import declared_router, region_of, subnetwork_region
from .shape import UNKNOWN, Report
from .values import Item, items, known_range, sub
from .vpn_rules import VIRTUAL, router_of

if t.TYPE_CHECKING:
    from .reading import Entry

#: What a virtual private gateway takes: https://docs.aws.amazon.com/vpn/latest/s2svpn/vpn-limits.html
PREFIX_LIMIT = 100
#: The router's inputs of a VPN that a router has only once.
ROUTER_KEYS = ("asn", "advertise_mode")


def check_connections(entries: t.Sequence[Entry], report: Report) -> None:
    """Everything that takes several entries to see, beyond names that are there twice."""
    vpns = [entry for entry in entries if entry.kind.key == "vpns" and entry.surely_present]
    clusters = [entry for entry in entries if entry.kind.key == "clusters" and entry.surely_present]
    announced = {}
    for vpn in vpns:
        inside = [c for c in clusters if vpn.network is not None and c.network is vpn.network]
        announced[vpn.path] = list(_announced(vpn, inside))
        _check_count(vpn, announced[vpn.path], report)
        _check_way_back(vpn, inside, report)
        _check_google_ranges(vpn, inside, report)
    _check_common_aws(vpns, announced, report)
    _check_routers(entries, report)
    _check_purged_rules([entry for entry in entries if entry.kind.key == "aws" and entry.surely_present], report)
    _check_flows([entry for entry in entries if entry.kind.key == "flows"], report)


# ---------------------------------------------------------------------------------------------------------------------
# What each VPN advertises


def _advertisement(vpn: Entry) -> Item:
    """What is said of its router's advertisement: by the VPN, and where it says nothing by the network's router."""
    found = declared_router(vpn)
    bgp = sub(dict(found[0]), "bgp") if found else None
    keys = ("advertise_mode", "advertised_groups", "advertised_ip_ranges")
    if bgp is UNKNOWN:
        bgp = dict.fromkeys(keys, UNKNOWN)
    return {**(bgp or {}), **{key: vpn.clean[key] for key in keys if key in vpn.clean}}


def _where_ranges(vpn: Entry) -> str:
    found = declared_router(vpn)
    if "advertised_ip_ranges" in vpn.clean or found is None or vpn.network is None:
        return vpn.at("advertised_ip_ranges")
    return f"{vpn.network.at('routers')}[{found[1]}].bgp.advertised_ip_ranges"


def _announced(vpn: Entry, clusters: list[Entry]) -> t.Iterator[addressing.Range]:
    """The ranges that a VPN certainly tells AWS of."""
    said, network = _advertisement(vpn), vpn.network
    mode, groups = said.get("advertise_mode", "DEFAULT"), said.get("advertised_groups", [])
    everything = mode == "DEFAULT" or (mode == "CUSTOM" and isinstance(groups, list) and "ALL_SUBNETS" in groups)
    if everything and network is not None:
        # a network that says nothing is REGIONAL when it is new
        anywhere = sub(network.clean, "routing_config", "routing_mode") == "GLOBAL"
        region = None if anywhere else vpn.effective("region") or UNKNOWN
        yield from network_ranges(network, region)
        for cluster in clusters:
            if region in (None, region_of(cluster.effective("location"))):
                made = made_ranges(cluster)
                yield from (item for item in made if item.cidr != addressing.GKE_DEFAULT_SERVICES_RANGE)
    if mode == "CUSTOM":
        for item, path in items(said.get("advertised_ip_ranges"), _where_ranges(vpn)):
            cidr = known_range(item.get("range"))
            if cidr:
                yield addressing.Range(cidr, f"{path}.range")


def _check_count(vpn: Entry, announced: list[addressing.Range], report: Report) -> None:
    limit, count = vpn.clean.get("advertised_prefix_limit", PREFIX_LIMIT), len({item.cidr for item in announced})
    if not isinstance(limit, int) or count <= limit:
        return
    report.error(
        vpn.at("advertised_prefix_limit") if "advertised_prefix_limit" in vpn.clean else vpn.path,
        f"{count} prefixes would be advertised, and {limit} is the limit: AWS's virtual private gateway drops sessions "
        f"of more than {PREFIX_LIMIT}, so advertise aggregates (advertise_mode CUSTOM), or raise "
        "'advertised_prefix_limit' for a peer that takes more",
    )


def _check_way_back(vpn: Entry, clusters: list[Entry], report: Report) -> None:
    """Pods of a routes-based cluster are in no subnetwork, so nothing advertises them unless it is said."""
    said = _advertisement(vpn)
    ranges = said.get("advertised_ip_ranges", [])
    known = [known_range(item.get("range")) if isinstance(item, dict) else None for item in ranges or []]
    if ranges is UNKNOWN or None in known:
        return
    for cluster in clusters:
        cidr = known_range(cluster.clean.get("cluster_ipv4_cidr"))
        if cidr and routes_based(cluster) and not addressing.is_within(cidr, [item for item in known if item]):
            report.warning(
                _where_ranges(vpn),
                f"{cidr} of {cluster.path} is not among them, and as the cluster is routes-based, AWS has no way back "
                f"to its pods: add '{cluster.key}' to {vpn.at('advertise_pods_of')}, or make the cluster anew with its "
                "pods in a secondary range",
            )


def _check_google_ranges(vpn: Entry, clusters: list[Entry], report: Report) -> None:
    ranges = sub(vpn.clean, "aws", "google_ranges")
    if not isinstance(ranges, list):
        return
    known = [known_range(item) for item in ranges]
    if None in known:
        return
    for cluster in clusters:
        for cidr, path in pod_ranges(cluster).items():
            if not addressing.is_within(cidr, [item for item in known if item]):
                report.warning(
                    vpn.at("aws.google_ranges"),
                    f"{cidr} at {path}, where pods of {cluster.path} are, is in none of them: add it",
                )


# ---------------------------------------------------------------------------------------------------------------------
# Several networks, one AWS


def _aws_of(vpn: Entry) -> t.Iterator[tuple[tuple[t.Any, ...], str]]:
    """What at AWS a VPN leads to: what makes it the same as another one's, and how to call it."""
    aws = vpn.clean.get("aws")
    if not isinstance(aws, dict):
        return
    place = (vpn.effective("aws_region"), vpn.effective("aws_account"))
    for name in ("vpc_id", "vpc_name"):
        if isinstance(aws.get(name), str) and (name == "vpc_id" or UNKNOWN not in place):
            yield (name, aws[name], *(place if name == "vpc_name" else ())), f"VPC {aws[name]}"
    identity = sub(aws, "gateway", "id")
    if isinstance(identity, str):
        yield ("gateway", identity), f"gateway {identity}"


def _check_common_aws(vpns: list[Entry], announced: t.Mapping[str, list[addressing.Range]], report: Report) -> None:
    """AWS knows one way to an address: networks that lead to the same VPC or gateway need ranges of their own."""
    groups: dict[tuple[t.Any, ...], tuple[str, list[Entry]]] = {}
    for vpn in vpns:
        for key, what in _aws_of(vpn):
            groups.setdefault(key, (what, []))[1].append(vpn)
    for what, members in groups.values():
        _check_one_gateway([vpn for vpn in members if _makes_virtual(vpn)], what, report)
        by_label: dict[str, tuple[addressing.Range, Entry]] = {}
        for vpn in members:
            for item in announced[vpn.path]:
                by_label.setdefault(item.label, (item, vpn))
        order = list(by_label)
        found: dict[str, list[str]] = {}
        for pair in addressing.overlaps(item for item, _vpn in by_label.values()):
            one, other = sorted((item.label for item in pair), key=order.index)
            if _network_of(by_label[one][1]) != _network_of(by_label[other][1]):
                found.setdefault(other, []).append(one)
        for label in order:
            if label in found:
                item, vpn = by_label[label]
                earlier, first = by_label[found[label][0]]
                report.error(
                    label,
                    f"{item.cidr} overlaps {earlier.cidr} at {earlier.label}, and {first.path} and {vpn.path} lead "
                    f"both of them to {what}: give one of them another range",
                )


def _makes_virtual(vpn: Entry) -> bool:
    """Is a virtual private gateway made for it for certain?"""
    gateway = sub(vpn.clean, "aws", "gateway")
    if gateway is None:
        return True
    return isinstance(gateway, dict) and "id" not in gateway and gateway.get("type", VIRTUAL) == VIRTUAL


def _check_one_gateway(vpns: list[Entry], what: str, report: Report) -> None:
    for vpn in vpns[1:]:
        report.error(
            vpn.at("aws.gateway"),
            f"{what} has one virtual private gateway, and {vpns[0].path} makes it: give that one's id here once it is "
            "made, or use a transit gateway",
        )


def _network_of(vpn: Entry) -> t.Any:
    return vpn.network.path if vpn.network else vpn.clean.get("network", UNKNOWN)


# ---------------------------------------------------------------------------------------------------------------------
# Said twice


def _check_routers(entries: t.Sequence[Entry], report: Report) -> None:
    """One router may be in several entries, but has one ASN and one mode."""
    seen: dict[tuple[t.Any, ...], tuple[t.Any, str]] = {}
    insides: dict[tuple[t.Any, ...], str] = {}
    for entry in entries:
        for router, path, name, region in _routers(entry):
            place = (entry.effective("project"), region, name)
            if not all(isinstance(part, str) for part in place):
                continue
            for key in ROUTER_KEYS:
                value = router.get(key)
                if value is None or value is UNKNOWN:
                    continue
                before, where = seen.setdefault((*place, key), (value, f"{path}.{key}"))
                if value != before:
                    report.error(
                        f"{path}.{key}",
                        f"{value} is not what {where} says of the same router '{name}', {before}: say the same, or use "
                        "another router",
                    )
            if entry.kind.key == "vpns":
                _check_insides(entry, place, insides, report)


def _routers(entry: Entry) -> t.Iterator[tuple[Item, str, t.Any, t.Any]]:
    """Every router that an entry says something of: its keys, their path, its name, its region."""
    if not entry.surely_present:
        return
    if entry.kind.key == "networks":
        for item, path in items(entry.clean.get("routers"), entry.at("routers")):
            if isinstance(item.get("bgp"), dict) and item.get("state") != "absent":
                yield item["bgp"], f"{path}.bgp", item.get("name"), subnetwork_region(item, entry)
    elif entry.kind.key == "vpns":
        # that its ASN is the declared router's was looked at with the VPN
        keys = ROUTER_KEYS if declared_router(entry) is None else ("advertise_mode",)
        said = {key: entry.clean[key] for key in keys if key in entry.clean}
        yield said, entry.path, router_of(entry), entry.effective("region")


def _check_insides(vpn: Entry, router: tuple[t.Any, ...], seen: dict[tuple[t.Any, ...], str], report: Report) -> None:
    """Ranges for BGP are a router's once, also where it serves several VPNs."""
    connections = sub(vpn.clean, "aws", "connections")
    for connection, where in items(connections, vpn.at("aws.connections")):
        for tunnel, place in items(connection.get("tunnels"), f"{where}.tunnels"):
            cidr, path = known_range(tunnel.get("inside_cidr")), f"{place}.inside_cidr"
            if not cidr:
                continue
            before = seen.setdefault((*router, cidr), path)
            if not before.startswith(f"{vpn.path}."):
                report.error(path, f"{cidr} is already at {before}, of the same router: give each tunnel its own")


def _check_purged_rules(accesses: list[Entry], report: Report) -> None:
    """A rule that purges would remove those of another entry that have its name."""
    named: dict[tuple[t.Any, ...], list[Entry]] = {}
    rules = [
        (access, rule, path, (rule.get("name", access.real_name), access.effective("region")))
        for access in accesses
        for rule, path in items(access.clean.get("rules"), access.at("rules"))
    ]
    for access, _rule, _path, key in rules:
        named.setdefault(key, []).append(access)
    for access, rule, path, key in rules:
        others = [other.path for other in named[key] if other is not access]
        if rule.get("purge_rules") is True and others and UNKNOWN not in key:
            report.error(
                f"{path}.purge_rules",
                f"'purge_rules' would remove the rules named '{key[0]}' of {others[0]}: give these another name",
            )


def _check_flows(flows: list[Entry], report: Report) -> None:
    seen: list[tuple[Item, str]] = []
    for flow in flows:
        said = {key: value for key, value in flow.clean.items() if key != "name"}
        if not _certain(said):
            continue
        same = [path for before, path in seen if before == said]
        if same:
            report.warning(flow.path, f"the flow is the same as {same[0]}: remove one of them")
        seen.append((said, flow.path))


def _certain(value: t.Any) -> bool:
    if isinstance(value, dict):
        return all(map(_certain, value.values()))
    return all(map(_certain, value)) if isinstance(value, list) else value is not UNKNOWN
