# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold of a cluster in a topology, beyond the types of its keys.

Rules come from Google's discovery document, https://container.googleapis.com/$discovery/rest?version=v1, where no other
page is named.
"""

from __future__ import annotations

import re
import typing as t

from .. import addressing
from .shape import UNKNOWN, Report, suggest
from .values import (
    REGION,
    ZONE,
    Item,
    add_findings,
    check_name,
    given,
    items,
    parse_range,
    profile_of,
    strings,
    sub,
)

if t.TYPE_CHECKING:
    from .reading import Entry

LABEL = re.compile(r"[a-z][-_a-z0-9]{0,62}")


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
        _check_block(policy.get(block), f"{at}.{block}", purpose, profile_of(cluster), report)


def _not_together(report: Report, policy: Item, path: str, what: str) -> None:
    found = [key for key in _VPC_NATIVE_ONLY if given(policy, key)]
    if found:
        report.error(f"{path}.{found[0]}", f"{what} has no {' and no '.join(found)}: remove either")


def block_prefix(block: str) -> int | None:
    """The prefix length where only a size is given, such as /14."""
    match = re.fullmatch(r"/(\d{1,2})", block)
    return int(match[1]) if match and int(match[1]) <= 32 else None


def _check_block(block: t.Any, path: str, purpose: str, profile: str, report: Report) -> None:
    """A range that Google shall make: a size or a range."""
    if not isinstance(block, str):
        return
    prefix = block_prefix(block)
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
            _check_block(network["pod_ipv4_cidr_block"], at, "pods", profile_of(cluster), report)


def _not_negative(report: Report, value: t.Any, path: str) -> None:
    if isinstance(value, int) and value < 0:
        report.error(path, f"{value} is not a number of nodes: use 0 or more")
