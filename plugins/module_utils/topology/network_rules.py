# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold of a network and of a cluster in a topology, beyond the types of its keys.

Rules come from Google's discovery documents, https://www.googleapis.com/discovery/v1/apis/compute/v1/rest and
https://container.googleapis.com/$discovery/rest?version=v1, where no other page is named.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from .. import addressing
from .references import region_of, subnetwork_region
from .shape import UNKNOWN, Report, suggest
from .values import (
    REGION,
    ZONE,
    Item,
    add_findings,
    check_name,
    check_ports,
    check_private_asn,
    check_range_of_either_family,
    check_region,
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

#: Network.mtu.
MTUS = (1300, 8896)
KEEPALIVE_INTERVALS = (20, 60)
#: https://cloud.google.com/network-connectivity/docs/router/quotas
MAX_CUSTOM_RANGES = 200
LABEL = re.compile(r"[a-z][-_a-z0-9]{0,62}")
#: A regional cluster's nodes are in so many zones where nobody says which:
#: https://cloud.google.com/kubernetes-engine/docs/concepts/regional-clusters
ZONES_OF_A_REGION = 3


def _region(report: Report, item: Item, path: str, network: Entry) -> None:
    if "region" not in item and network.effective("region") is None:
        report.error(f"{path}.region", "'region' is missing: add it here, in the network or at the top")
    check_region(report, item, f"{path}.region")


def _profile(entry: Entry) -> str:
    profile = entry.effective("profile")
    return profile if isinstance(profile, str) else addressing.DEFAULT_PROFILE


# ---------------------------------------------------------------------------------------------------------------------
# Networks


def check_network(network: Entry, report: Report) -> None:
    """One network with its subnetworks, routers and firewall rules; ranges against each other come later."""
    check_within(report, network.clean.get("mtu"), MTUS, network.at("mtu"), "an MTU that a network can have")
    for item, path in items(network.clean.get("subnetworks"), network.at("subnetworks")):
        _check_subnetwork(item, path, network, report)
    for item, path in items(network.clean.get("routers"), network.at("routers")):
        _check_router(item, path, network, report)
    for item, path in items(network.clean.get("firewall_rules"), network.at("firewall_rules")):
        _check_firewall_rule(item, path, report)


def _check_subnetwork(item: Item, path: str, network: Entry, report: Report) -> None:
    check_name(report, item.get("name"), f"{path}.name")
    _region(report, item, path, network)
    if item.get("state") == "absent":
        return
    auto_mode = network.clean.get("auto_create_subnetworks") is True
    at = f"{path}.ip_cidr_range"
    if "ip_cidr_range" not in item:
        report.error(at, "'ip_cidr_range' is missing: add the primary range, such as '10.1.0.0/24'")
    cidr = parse_range(report, item.get("ip_cidr_range"), at)
    if cidr:
        add_findings(report, addressing.check_subnet_range(cidr, auto_mode=auto_mode), at)
        if addressing.usable_addresses(cidr) == 0:
            report.error(
                at, f"{cidr} is too small, Google keeps four addresses of a primary range: use a /29 or larger"
            )
        else:
            add_findings(report, addressing.check_mask(int(cidr.split("/")[1]), "nodes", _profile(network)), at)
    seen: dict[str, str] = {}
    for secondary, where in items(item.get("secondary_ip_ranges"), f"{path}.secondary_ip_ranges"):
        name, at = secondary.get("range_name"), f"{where}.ip_cidr_range"
        check_name(report, name, f"{where}.range_name")
        if isinstance(name, str):
            if name in seen:
                report.error(
                    f"{where}.range_name", f"'{name}' is already the name of {seen[name]}: give it another name"
                )
            seen.setdefault(name, where)
        cidr = parse_range(report, secondary.get("ip_cidr_range"), at)
        if cidr:
            add_findings(report, addressing.check_subnet_range(cidr, auto_mode=auto_mode), at)


def _check_router(item: Item, path: str, network: Entry, report: Report) -> None:
    check_name(report, item.get("name"), f"{path}.name")
    _region(report, item, path, network)
    if item.get("state") == "absent" or item.get("bgp") is UNKNOWN:
        return
    bgp, at = item.get("bgp", {}), f"{path}.bgp"
    asn = bgp.get("asn")
    if asn is None:
        report.error(f"{at}.asn", "'asn' is missing: add the router's private AS number, such as 65010")
    check_private_asn(report, asn, f"{at}.asn")
    check_within(
        report, bgp.get("keepalive_interval"), KEEPALIVE_INTERVALS, f"{at}.keepalive_interval", "an interval in seconds"
    )
    parse_range(report, bgp.get("identifier_range"), f"{at}.identifier_range")
    check_advertisement(report, bgp, at, item.get("name"), item.get("confirm_withdraw_subnets"), " on the router")


def check_advertisement(report: Report, bgp: Item, path: str, router: t.Any, word: t.Any, where: str = "") -> None:
    """What a router is to advertise. ``word`` confirms it, said ``where``, that subnetworks are not among that."""
    mode, groups = bgp.get("advertise_mode", "DEFAULT"), bgp.get("advertised_groups", [])
    seen: dict[str, str] = {}
    for item, at in items(bgp.get("advertised_ip_ranges"), f"{path}.advertised_ip_ranges"):
        cidr = parse_range(report, item.get("range"), f"{at}.range")
        if cidr and cidr in seen:
            report.error(f"{at}.range", f"{cidr} is already at {seen[cidr]}: list it once")
        elif cidr:
            seen[cidr] = f"{at}.range"
    if len(seen) > MAX_CUSTOM_RANGES:
        report.error(
            f"{path}.advertised_ip_ranges",
            f"{len(seen)} ranges are more than a session advertises: aggregate them to {MAX_CUSTOM_RANGES} or fewer",
        )
    if mode == "DEFAULT":
        for key in ("advertised_groups", "advertised_ip_ranges"):
            if bgp.get(key):
                report.error(f"{path}.{key}", f"'{key}' needs advertise_mode CUSTOM: set that, or remove '{key}'")
    withdrawn = mode == "CUSTOM" and isinstance(groups, list) and not {"ALL_SUBNETS", UNKNOWN} & set(groups)
    if withdrawn and UNKNOWN not in (word, router) and word != router:
        report.error(
            f"{path}.advertised_groups",
            "advertise_mode CUSTOM without ALL_SUBNETS stops advertising the subnetworks, pods included: add "
            f"ALL_SUBNETS, or confirm it with 'confirm_withdraw_subnets: {router}'{where}",
        )


def _check_firewall_rule(item: Item, path: str, report: Report) -> None:
    check_name(report, item.get("name"), f"{path}.name")
    if item.get("state") == "absent":
        return
    both = [key for key in ("allowed", "denied") if key in item]
    if given(item, "allowed") and given(item, "denied"):
        report.error(f"{path}.denied", "'denied' cannot be together with 'allowed': make two rules of it")
    elif not both:
        report.error(f"{path}.allowed", "'allowed' is missing: add it, or 'denied'")
    check_within(report, item.get("priority"), (0, 65535), f"{path}.priority", "a priority")
    if item.get("direction") == "EGRESS":
        for key in ("source_ranges", "source_tags", "source_service_accounts"):
            if given(item, key):
                report.error(
                    f"{path}.{key}",
                    f"'{key}' is not for a rule of direction EGRESS: remove it, or use destination_ranges",
                )
    for key in ("source_tags", "target_tags"):
        for account in ("source_service_accounts", "target_service_accounts"):
            if given(item, key) and given(item, account):
                report.error(
                    f"{path}.{key}", f"'{key}' cannot be together with '{account}': use tags or service accounts"
                )
    for key in ("source_ranges", "destination_ranges"):
        for cidr, where in strings(item.get(key), f"{path}.{key}"):
            check_range_of_either_family(report, cidr, where)
    for key in both:
        for protocol, where in items(item.get(key), f"{path}.{key}"):
            for ports, at in strings(protocol.get("ports"), f"{where}.ports"):
                check_ports(report, ports, at)


# ---------------------------------------------------------------------------------------------------------------------
# Clusters


def check_cluster(cluster: Entry, report: Report) -> None:
    """One cluster with its node pools. Its network and subnetwork are already looked up."""
    clean = cluster.clean
    pools = list(items(clean.get("node_pools"), cluster.at("node_pools")))
    for pool, path in pools:
        _check_pool(cluster, pool, path, report)
    _check_locations(cluster, clean, cluster.path, report)
    for label in sub(clean, "resource_labels") or {}:
        if not LABEL.fullmatch(label):
            report.error(
                cluster.at(f"resource_labels.{label}"),
                f"'{label}' is not a valid label: use at most 63 lowercase letters, digits, '-' and '_', beginning "
                "with a letter",
            )
        elif label == "managed-by":
            report.error(
                cluster.at("resource_labels.managed-by"), "'managed-by' is this collection's own label: use another"
            )
    for block, path in items(
        sub(clean, "master_authorized_networks_config", "cidr_blocks"),
        cluster.at("master_authorized_networks_config.cidr_blocks"),
    ):
        parse_range(report, block.get("cidr_block"), f"{path}.cidr_block")
    if not cluster.present:
        return
    if sub(clean, "autopilot", "enabled") is True and clean.get("node_pools"):
        report.error(
            cluster.at("node_pools"), "an Autopilot cluster has no node pools of its own: remove them, or 'autopilot'"
        )
    _check_allocation(cluster, report)
    _check_range_names(cluster, pools, report)
    master = sub(clean, "private_cluster_config", "master_ipv4_cidr_block")
    at = cluster.at("private_cluster_config.master_ipv4_cidr_block")
    cidr = parse_range(report, master, at)
    if cidr and not cidr.endswith("/28"):
        report.error(at, f"{cidr} is not a /28, the only size for the API server: choose a free /28")


def routes_based(cluster: Entry) -> bool:
    """Is it certain that the cluster is routes-based? Google makes a VPC-native one where nothing says so."""
    return sub(cluster.clean, "ip_allocation_policy", "use_routes") is True


_VPC_NATIVE_ONLY = (
    "cluster_secondary_range_name", "services_secondary_range_name", "cluster_ipv4_cidr_block",
    "services_ipv4_cidr_block", "additional_pod_ranges_config",
)  # fmt: skip


def _check_allocation(cluster: Entry, report: Report) -> None:
    policy, at = cluster.clean.get("ip_allocation_policy", {}), cluster.at("ip_allocation_policy")
    whole = cluster.at("cluster_ipv4_cidr")
    cidr = parse_range(report, cluster.clean.get("cluster_ipv4_cidr"), whole)
    if cidr:
        add_findings(report, addressing.check_subnet_range(cidr), whole)
    if not isinstance(policy, dict):
        return
    routes, aliases = policy.get("use_routes"), policy.get("use_ip_aliases")
    if routes is True and aliases is True:
        report.error(f"{at}.use_routes", "'use_routes' cannot be together with 'use_ip_aliases': keep one of them")
    elif routes is True:
        _not_together(report, policy, at, "a routes-based cluster (use_routes)")
        if sub(cluster.clean, "autopilot", "enabled") is True:
            report.error(f"{at}.use_routes", "an Autopilot cluster cannot be routes-based: remove 'use_routes'")
        if cidr and addressing.max_nodes_routes_based(int(cidr.split("/")[1])) == 0:
            report.error(
                whole,
                f"{cidr} is too small, its last /20 is for Services and leaves no node a /24: use a /19 or larger",
            )
    elif aliases is False:
        _not_together(report, policy, at, "a cluster without use_ip_aliases")
    elif given(cluster.clean, "cluster_ipv4_cidr"):
        for key in ("cluster_secondary_range_name", "cluster_ipv4_cidr_block"):
            if given(policy, key):
                report.error(
                    whole,
                    f"'cluster_ipv4_cidr' cannot be together with 'ip_allocation_policy.{key}': keep one of them",
                )
    for purpose, prefix in (("pods", "cluster"), ("services", "services")):
        named, block = f"{prefix}_secondary_range_name", f"{prefix}_ipv4_cidr_block"
        if routes is not True and given(policy, named) and given(policy, block):
            report.error(f"{at}.{block}", f"'{block}' cannot be together with '{named}': keep one of them")
        _check_block(policy.get(block), f"{at}.{block}", purpose, _profile(cluster), report)


def _not_together(report: Report, policy: Item, path: str, what: str) -> None:
    found = [key for key in _VPC_NATIVE_ONLY if given(policy, key)]
    if found:
        report.error(f"{path}.{found[0]}", f"{what} has no {' and no '.join(found)}: remove either")


def _block_prefix(block: str) -> int | None:
    """The prefix length where only a size is given, such as /14."""
    match = re.fullmatch(r"/(\d{1,2})", block)
    return int(match[1]) if match and int(match[1]) <= 32 else None


def _check_block(block: t.Any, path: str, purpose: str, profile: str, report: Report) -> None:
    """A range that Google shall make: a size or a range."""
    if not isinstance(block, str):
        return
    prefix = _block_prefix(block)
    if prefix is None:
        cidr = parse_range(report, block, path)
        if cidr is None:
            return
        if cidr != addressing.GKE_DEFAULT_SERVICES_RANGE:
            add_findings(report, addressing.check_subnet_range(cidr), path)
        prefix = int(cidr.split("/")[1])
    add_findings(report, addressing.check_mask(prefix, purpose, profile, managed=True), path)


def _check_range_names(cluster: Entry, pools: list[tuple[Item, str]], report: Report) -> None:
    """Range names that the cluster and its pools use: distinct, and there."""
    policy = cluster.clean.get("ip_allocation_policy", {})
    if not isinstance(policy, dict):
        return
    at = cluster.at("ip_allocation_policy")
    services = policy.get("services_secondary_range_name")
    pods = [(policy.get("cluster_secondary_range_name"), f"{at}.cluster_secondary_range_name")]
    further = f"{at}.additional_pod_ranges_config.pod_range_names"
    pods += strings(sub(policy, "additional_pod_ranges_config", "pod_range_names"), further)
    for pool, path in pools:
        if sub(pool, "network_config", "create_pod_range") in (None, False):
            pods.append((sub(pool, "network_config", "pod_range"), f"{path}.network_config.pod_range"))
    ranges = secondary_ranges(cluster)
    seen: dict[str, str] = {}
    for name, path in pods:
        if not isinstance(name, str):
            continue
        if name == services:
            report.error(path, f"'{name}' is the range for Services too: pods need one of their own")
        elif path.startswith(further) and name in seen:
            report.error(path, f"'{name}' is already at {seen[name]}: name it once")
        else:
            _must_exist(cluster, ranges, name, path, report)
        seen.setdefault(name, path)
    if isinstance(services, str):
        _must_exist(cluster, ranges, services, f"{at}.services_secondary_range_name", report)


def secondary_ranges(cluster: Entry) -> dict[str, tuple[t.Any, str]] | None:
    """Name -> range and path, of the cluster's subnetwork; None where they are not all known."""
    if cluster.network is None or cluster.subnetwork is None:
        return None
    for item, path in items(cluster.network.clean.get("subnetworks"), cluster.network.at("subnetworks")):
        if item is cluster.subnetwork:
            ranges = item.get("secondary_ip_ranges", [])
            if not isinstance(ranges, list):
                return None
            if any(not isinstance(r, dict) or r.get("range_name") is UNKNOWN for r in ranges):
                return None
            return {
                r["range_name"]: (r.get("ip_cidr_range"), f"{where}.ip_cidr_range")
                for r, where in items(ranges, f"{path}.secondary_ip_ranges")
            }
    return None


def _must_exist(
    cluster: Entry, ranges: dict[str, tuple[t.Any, str]] | None, name: str, path: str, report: Report
) -> None:
    if ranges is None or name in ranges or cluster.subnetwork is None:
        return
    report.error(
        path,
        f"'{name}' is not a secondary range of subnetwork '{cluster.subnetwork.get('name')}': "
        f"{suggest(name, list(ranges), 'declare it there')}",
    )


def _check_locations(cluster: Entry, item: Item, path: str, report: Report) -> None:
    location = cluster.effective("location")
    for zone, where in strings(item.get("locations"), f"{path}.locations"):
        if not ZONE.fullmatch(zone):
            report.error(where, f"'{zone}' is not a zone: write one such as 'asia-northeast1-a'")
        elif isinstance(location, str) and zone[:-2] != (location if REGION.fullmatch(location) else location[:-2]):
            report.error(where, f"'{zone}' is not in the cluster's region ({location}): choose zones of that region")


def _check_pool(cluster: Entry, pool: Item, path: str, report: Report) -> None:
    check_name(report, pool.get("name"), f"{path}.name", 40)
    _check_locations(cluster, pool, path, report)
    scaling = pool.get("autoscaling")
    for key in ("node_count", "initial_node_count"):
        _not_negative(report, pool.get(key), f"{path}.{key}")
    if isinstance(scaling, dict):
        for key in ("min_node_count", "max_node_count", "total_min_node_count", "total_max_node_count"):
            _not_negative(report, scaling.get(key), f"{path}.autoscaling.{key}")
        if scaling.get("enabled") is True and given(pool, "node_count"):
            report.error(
                f"{path}.node_count", "'node_count' cannot be together with autoscaling: use initial_node_count"
            )
        for prefix in ("", "total_"):
            least, most = scaling.get(f"{prefix}min_node_count"), scaling.get(f"{prefix}max_node_count")
            if isinstance(least, int) and isinstance(most, int) and least > most:
                report.error(
                    f"{path}.autoscaling.{prefix}min_node_count", f"{least} is more than the maximum {most}: lower it"
                )
    network = pool.get("network_config")
    if isinstance(network, dict) and given(network, "pod_ipv4_cidr_block"):
        at = f"{path}.network_config.pod_ipv4_cidr_block"
        if network.get("create_pod_range") in (None, False):
            report.error(
                at, "'pod_ipv4_cidr_block' needs 'create_pod_range: true': add that, or name an existing pod_range"
            )
        else:
            _check_block(network["pod_ipv4_cidr_block"], at, "pods", _profile(cluster), report)


def _not_negative(report: Report, value: t.Any, path: str) -> None:
    if isinstance(value, int) and value < 0:
        report.error(path, f"{value} is not a number of nodes: use 0 or more")


# ---------------------------------------------------------------------------------------------------------------------
# All ranges of a network against each other, and what they hold


def check_ranges(entries: list[Entry], report: Report) -> None:
    """Overlaps within each network, prefix lengths by what ranges are used for, and room for the declared nodes.

    Ranges of different networks may overlap; that matters only once the networks are connected.
    """
    by_network: dict[str, list[addressing.Range]] = {}
    for entry in entries:
        if not entry.present:
            continue
        if entry.kind.key == "networks":
            by_network.setdefault(entry.path, []).extend(network_ranges(entry))
        else:
            where = entry.network.path if entry.network else entry.clean.get("network")
            if isinstance(where, str):
                by_network.setdefault(where, []).extend(_cluster_ranges(entry))
    for ranges in by_network.values():
        _check_overlaps(ranges, report)
    clusters = [entry for entry in entries if entry.kind.key == "clusters" and entry.present]
    for cluster in clusters:
        _check_used_masks(cluster, report)
        for _pool, max_pods, path in _max_pods(cluster):
            if path and isinstance(max_pods, int):
                if max_pods < 1:
                    report.error(path, f"{max_pods} is not a number of pods: choose 8 to 256")
                else:
                    add_findings(report, addressing.check_max_pods(max_pods, routes_based=routes_based(cluster)), path)
    _check_room(clusters, report)


def network_ranges(network: Entry, region: t.Any = None) -> t.Iterator[addressing.Range]:
    """The ranges of a network's subnetworks; with ``region``, those that are certainly there."""
    for item, path in items(network.clean.get("subnetworks"), network.at("subnetworks")):
        if item.get("state") == "absent" or region not in (None, item.get("region", network.effective("region"))):
            continue
        places = [(item.get("ip_cidr_range"), f"{path}.ip_cidr_range")]
        for secondary, where in items(item.get("secondary_ip_ranges"), f"{path}.secondary_ip_ranges"):
            places.append((secondary.get("ip_cidr_range"), f"{where}.ip_cidr_range"))
        yield from _ranges(places)


def _cluster_ranges(cluster: Entry) -> t.Iterator[addressing.Range]:
    """Ranges that a cluster brings itself. The secondary ranges it uses are the subnetwork's."""
    key = "private_cluster_config.master_ipv4_cidr_block"
    yield from made_ranges(cluster)
    yield from _ranges(
        [
            (cluster.clean.get("cluster_ipv4_cidr"), cluster.at("cluster_ipv4_cidr")),
            (sub(cluster.clean, *key.split(".")), cluster.at(key)),
        ]
    )


def made_ranges(cluster: Entry) -> t.Iterator[addressing.Range]:
    """Secondary ranges that Google makes for a cluster, where it is said which."""
    policy = cluster.clean.get("ip_allocation_policy") or {}
    places = [
        (policy.get(key), cluster.at(f"ip_allocation_policy.{key}"))
        for key in ("cluster_ipv4_cidr_block", "services_ipv4_cidr_block")
    ]
    for pool, path in items(cluster.clean.get("node_pools"), cluster.at("node_pools")):
        key = "network_config.pod_ipv4_cidr_block"
        places.append((sub(pool, *key.split(".")), f"{path}.{key}"))
    yield from _ranges(places)


def _ranges(places: t.Iterable[tuple[t.Any, str]]) -> t.Iterator[addressing.Range]:
    for value, path in places:
        cidr = known_range(value)
        if cidr:
            yield addressing.Range(cidr, path)


def _check_overlaps(ranges: list[addressing.Range], report: Report) -> None:
    """One error for each range that overlaps what was declared before it."""
    order = {item.label: index for index, item in enumerate(ranges)}
    found: dict[str, list[addressing.Range]] = {}
    for pair in addressing.overlaps(ranges):
        earlier, later = sorted(pair, key=lambda item: order[item.label])
        found.setdefault(later.label, []).append(earlier)
    for item in ranges:
        others = found.get(item.label)
        if others:
            named = " and ".join(f"{other.cidr} at {other.label}" for other in others[:3])
            more = f" and {len(others) - 3} more" if len(others) > 3 else ""
            report.error(item.label, f"{item.cidr} overlaps {named}{more}: give one of them another range")


def _check_used_masks(cluster: Entry, report: Report) -> None:
    """Prefix lengths of the secondary ranges that a cluster uses, by what it uses them for."""
    policy = cluster.clean.get("ip_allocation_policy") or {}
    ranges = secondary_ranges(cluster) or {}
    further = sub(policy, "additional_pod_ranges_config", "pod_range_names")
    pools = [sub(pool, "network_config", "pod_range") for pool, _path in items(cluster.clean.get("node_pools"), "")]
    pods = [policy.get("cluster_secondary_range_name"), *(further if isinstance(further, list) else []), *pools]
    for purpose, names in (("pods", pods), ("services", [policy.get("services_secondary_range_name")])):
        for name in names:
            if not isinstance(name, str) or name not in ranges:
                continue
            value, path = ranges[name]
            cidr = known_range(value)
            if cidr:
                findings = addressing.check_mask(int(cidr.split("/")[1]), purpose, _profile(cluster))
                add_findings(report, findings, path, f"{cidr} for {purpose} of {cluster.path}: ")


def _max_pods(cluster: Entry) -> t.Iterator[tuple[Item | None, t.Any, str]]:
    """Pods per node: of the cluster (pool None) and of each pool, with the path of the key that says it, if any."""
    own = sub(cluster.clean, "default_max_pods_constraint", "max_pods_per_node")
    yield None, own, cluster.at("default_max_pods_constraint.max_pods_per_node") if own is not None else ""
    for pool, path in items(cluster.clean.get("node_pools"), cluster.at("node_pools")):
        value = sub(pool, "max_pods_constraint", "max_pods_per_node")
        if value is None:
            yield pool, addressing.DEFAULT_MAX_PODS if own is None else own, ""
        else:
            yield pool, value, f"{path}.max_pods_constraint.max_pods_per_node"


@dataclasses.dataclass
class _Use:
    """What takes room in one range: ``least`` surely, ``most`` if autoscaling goes all the way."""

    cidr: str
    where: str
    capacity: int
    of: t.Literal["pods", "routes", "nodes"]
    least: int = 0
    most: int = 0
    by: list[str] = dataclasses.field(default_factory=list)

    def add(self, nodes: tuple[int, int], each: int, path: str) -> None:
        self.least += nodes[0] * each
        self.most += nodes[1] * each
        if path not in self.by:
            self.by.append(path)


def _nodes(cluster: Entry, pool: Item) -> tuple[int, int]:
    """How many nodes a pool has at least and at most, in all its zones, as far as it says."""
    location = cluster.effective("location")
    zones = pool.get("locations", cluster.clean.get("locations"))
    if isinstance(zones, list):
        count = len(zones)
    elif zones is UNKNOWN or not isinstance(location, str) or ZONE.fullmatch(location):
        count = 1
    else:
        count = ZONES_OF_A_REGION
    number = pool.get("node_count", pool.get("initial_node_count"))
    least = number * count if isinstance(number, int) else 0
    scaling = pool.get("autoscaling")
    if not isinstance(scaling, dict) or scaling.get("enabled") is not True:
        return least, least
    per_zone, total = scaling.get("max_node_count"), scaling.get("total_max_node_count")
    most = max(per_zone * count if isinstance(per_zone, int) else 0, total if isinstance(total, int) else 0)
    return least, max(least, most)


def _check_room(clusters: list[Entry], report: Report) -> None:
    """Ranges against the nodes of all clusters that use them."""
    pod_ranges: dict[str, _Use] = {}
    primaries: dict[str, _Use] = {}
    for cluster in clusters:
        ranges = secondary_ranges(cluster) or {}
        policy = cluster.clean.get("ip_allocation_policy") or {}
        for pool, max_pods, _path in _max_pods(cluster):
            if pool is None or pool.get("state") == "absent":
                continue
            nodes = _nodes(cluster, pool)
            where = _pool_path(cluster, pool)
            primary = primary_range(cluster)
            if primary:
                use = primaries.setdefault(primary[1], _Use(*primary, addressing.usable_addresses(primary[0]), "nodes"))
                use.add(nodes, 1, where)
            if not isinstance(max_pods, int) or not 1 <= max_pods <= addressing.LARGEST_MAX_PODS:
                continue
            each = addressing.addresses(addressing.pod_cidr_mask(max_pods))
            for cidr, at in _pod_range(cluster, policy, pool, ranges):
                prefix = int(cidr.split("/")[-1])
                if routes_based(cluster):
                    use = _Use(cidr, at, addressing.max_nodes_routes_based(prefix), "routes")
                    pod_ranges.setdefault(at, use).add(nodes, 1, where)
                else:
                    use = _Use(cidr, at, addressing.addresses(prefix), "pods")
                    pod_ranges.setdefault(at, use).add(nodes, each, where)
    for use in (*pod_ranges.values(), *primaries.values()):
        for amount, add, who in (
            (use.least, report.error, "the nodes of"),
            (use.most, report.warning, "if they grow to their maximum, the nodes of"),
        ):
            if amount > use.capacity:
                who += f" {', '.join(use.by)}"
                add(use.where, f"{use.cidr} {_ROOM[use.of].format(use=use, who=who, amount=amount)} or fewer nodes")
                break


_ROOM = {
    "pods": "has {use.capacity} addresses, but {who} need {amount} for pods: use a larger range, fewer pods per node",
    "routes": "serves {use.capacity} nodes, but {who} are {amount}: use a larger range",
    "nodes": "has {use.capacity} usable addresses, but {who} need {amount}: use a larger range",
}


def _pool_path(cluster: Entry, pool: Item) -> str:
    for item, path in items(cluster.clean.get("node_pools"), cluster.at("node_pools")):
        if item is pool:
            return path
    return cluster.at("node_pools")


def primary_range(cluster: Entry, name: str | None = None) -> tuple[str, str] | None:
    """Range and path of the nodes' addresses, or of another subnetwork of that network and region, where it is known
    and holds any.
    """
    network = cluster.network
    if network is None:
        return None
    place = (name, region_of(cluster.effective("location")))
    for item, path in items(network.clean.get("subnetworks"), network.at("subnetworks")):
        here = item.get("state") != "absent" and place == (item.get("name"), subnetwork_region(item, network))
        if here if name else item is cluster.subnetwork:
            cidr = known_range(item.get("ip_cidr_range"))
            return (cidr, f"{path}.ip_cidr_range") if cidr and addressing.usable_addresses(cidr) else None
    return None


def pod_ranges(cluster: Entry) -> dict[str, str]:
    """The ranges that a cluster's pods are in, as far as they are known, each with its path."""
    policy, ranges = cluster.clean.get("ip_allocation_policy") or {}, secondary_ranges(cluster) or {}
    pools = [pool for pool, _path in items(cluster.clean.get("node_pools"), "") if pool.get("state") != "absent"]
    return {cidr: path for pool in [{}, *pools] for cidr, path in _pod_range(cluster, policy, pool, ranges)}


def _pod_range(
    cluster: Entry, policy: Item, pool: Item, ranges: dict[str, tuple[t.Any, str]]
) -> t.Iterator[tuple[str, str]]:
    """The range that a pool's pods are in, with its path; none where it is not known."""
    if routes_based(cluster):
        cidr = known_range(cluster.clean.get("cluster_ipv4_cidr"))
        if cidr and addressing.max_nodes_routes_based(int(cidr.split("/")[1])):
            yield cidr, cluster.at("cluster_ipv4_cidr")
        return
    named = sub(pool, "network_config", "pod_range")
    if named is None:
        if sub(pool, "network_config", "create_pod_range") or "additional_pod_ranges_config" in policy:
            return  # Google makes one, or chooses among several
        named = policy.get("cluster_secondary_range_name")
        block = policy.get("cluster_ipv4_cidr_block")
        if named is None and isinstance(block, str):
            cidr = block if _block_prefix(block) is not None else known_range(block)
            if cidr:
                yield cidr, cluster.at("ip_allocation_policy.cluster_ipv4_cidr_block")
    if isinstance(named, str) and named in ranges:
        value, path = ranges[named]
        cidr = known_range(value)
        if cidr:
            yield cidr, path
