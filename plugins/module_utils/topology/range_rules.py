# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All ranges of the networks of a topology against each other, and what they hold."""

from __future__ import annotations

import dataclasses
import typing as t

from .. import addressing
from .cluster_rules import block_prefix, routes_based, secondary_ranges
from .references import region_of, subnetwork_region
from .shape import UNKNOWN, Report
from .values import (
    ZONE,
    Item,
    add_findings,
    items,
    known_range,
    profile_of,
    sub,
)

if t.TYPE_CHECKING:
    from .reading import Entry

#: A regional cluster's nodes are in so many zones where nobody says which:
#: https://cloud.google.com/kubernetes-engine/docs/concepts/regional-clusters
ZONES_OF_A_REGION = 3


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
                findings = addressing.check_mask(int(cidr.split("/")[1]), purpose, profile_of(cluster))
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
            cidr = block if block_prefix(block) is not None else known_range(block)
            if cidr:
                yield cidr, cluster.at("ip_allocation_policy.cluster_ipv4_cidr_block")
    if isinstance(named, str) and named in ranges:
        value, path = ranges[named]
        cidr = known_range(value)
        if cidr:
            yield cidr, path
