# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be judged of a cluster's options without asking anybody."""

from __future__ import annotations

import typing as t

from .. import addressing
from .fields import Link, dig
from .node_pools import validate_pool

if t.TYPE_CHECKING:
    from .clusters import Cluster


def validate(cluster: Cluster) -> None:
    """Note in the cluster's errors what its options make impossible."""
    cluster.check_name("name", cluster.name, 40)
    cluster.check_name("location", cluster.params["location"])
    for option in ("network", "subnetwork"):
        if cluster.params.get(option) is not None:
            cluster.check_name(option, str(Link().canonical(cluster.params[option])))
    policy = cluster.params.get("ip_allocation_policy") or {}
    _ranges(cluster, policy)
    _pods(cluster, policy)
    for number, pool in enumerate(cluster.pools()):
        cluster.check_name(f"node_pools[{number}].name", pool["name"], 40)
        validate_pool(cluster, pool, f"node_pools[{number}].")
    if dig(cluster.params, "autopilot.enabled") and cluster.pools():
        cluster.invalid("node_pools", [pool["name"] for pool in cluster.pools()], "Autopilot makes its own pools")
    private = cluster.params.get("private_cluster_config") or {}
    if private.get("enable_private_endpoint") and private.get("enable_private_nodes") is False:
        cluster.invalid("private_cluster_config.enable_private_endpoint", True, "it needs enable_private_nodes: true")
    disabled = dig(cluster.params, "network_config.default_snat_status.disabled")
    if disabled and (policy.get("use_routes") or policy.get("use_ip_aliases") is False):
        cluster.invalid(
            "network_config.default_snat_status.disabled",
            True,
            "only VPC-native clusters can switch default SNAT off",
        )


def _ranges(cluster: Cluster, policy: t.Mapping[str, t.Any]) -> None:
    ranges = {
        "cluster_ipv4_cidr": cluster.params.get("cluster_ipv4_cidr"),
        "ip_allocation_policy.cluster_ipv4_cidr_block": policy.get("cluster_ipv4_cidr_block"),
        "ip_allocation_policy.services_ipv4_cidr_block": policy.get("services_ipv4_cidr_block"),
        "private_cluster_config.master_ipv4_cidr_block": dig(
            cluster.params, "private_cluster_config.master_ipv4_cidr_block"
        ),
    }
    for number, item in enumerate(dig(cluster.params, "master_authorized_networks_config.cidr_blocks") or []):
        ranges[f"master_authorized_networks_config.cidr_blocks[{number}].cidr_block"] = item["cidr_block"]
    exact = []
    for option, cidr in ranges.items():
        if cidr is None:
            continue
        try:
            if (
                cidr.startswith("/")
                and option.endswith(("_cidr_block", "cluster_ipv4_cidr"))
                and "master" not in option
            ):
                addressing.prefix_length(cidr)
                continue
            network = addressing.parse(cidr)
        except addressing.AddressingError as error:
            cluster.invalid(option, cidr, str(error), code=error.code)
            continue
        if "authorized" not in option:
            exact.append(addressing.Range(str(network), option))
        if option.endswith("master_ipv4_cidr_block") and network.prefixlen != 28:
            cluster.invalid(option, cidr, "the control plane's range is a /28", code="range-mask")
    for one, other in addressing.overlaps(exact):
        cluster.invalid(other.label, other.cidr, f"overlaps {one.cidr} of {one.label}", code="range-overlap")


def _pods(cluster: Cluster, policy: t.Mapping[str, t.Any]) -> None:
    names = ("cluster_secondary_range_name", "services_secondary_range_name")
    if policy.get("use_routes") and policy.get("use_ip_aliases"):
        cluster.invalid(
            "ip_allocation_policy.use_routes", True, "a cluster is either routes-based or VPC-native; leave one out"
        )
    if policy.get("use_routes") or policy.get("use_ip_aliases") is False:
        for option in (*names, "additional_pod_ranges_config"):
            if policy.get(option):
                cluster.invalid(
                    f"ip_allocation_policy.{option}",
                    policy[option],
                    "a routes-based cluster takes no secondary ranges",
                )
        for pool in cluster.pools():
            if pool.get("max_pods_constraint"):
                cluster.invalid(
                    f"node_pools: {pool['name']}: max_pods_constraint",
                    pool["max_pods_constraint"]["max_pods_per_node"],
                    "it needs a VPC-native cluster: every node of a routes-based one gets a /24",
                    code="routes-based",
                )
        if cluster.params.get("default_max_pods_constraint"):
            cluster.invalid(
                "default_max_pods_constraint",
                cluster.params["default_max_pods_constraint"]["max_pods_per_node"],
                "it needs a VPC-native cluster: every node of a routes-based one gets a /24",
                code="routes-based",
            )
    for option in names:
        if policy.get(option) is not None:
            cluster.check_name(f"ip_allocation_policy.{option}", policy[option])
    if policy.get(names[0]) and policy.get(names[0]) == policy.get(names[1]):
        cluster.invalid(f"ip_allocation_policy.{names[1]}", policy[names[1]], "pods and Services need a range each")
    for name, block in (
        ("cluster_secondary_range_name", "cluster_ipv4_cidr_block"),
        ("services_secondary_range_name", "services_ipv4_cidr_block"),
    ):
        if policy.get(name) and policy.get(block):
            cluster.invalid(
                f"ip_allocation_policy.{block}", policy[block], f"{name} says the range already; leave one out"
            )
    if cluster.params.get("cluster_ipv4_cidr") and policy.get("cluster_ipv4_cidr_block"):
        cluster.invalid(
            "cluster_ipv4_cidr",
            cluster.params["cluster_ipv4_cidr"],
            "ip_allocation_policy.cluster_ipv4_cidr_block says it already; leave one out",
        )
    pods = dig(cluster.params, "default_max_pods_constraint.max_pods_per_node")
    if pods is not None:
        validate_pool(cluster, {"max_pods_constraint": {"max_pods_per_node": pods}}, "default ")
