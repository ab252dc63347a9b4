# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the nodes of a cluster fit into its pod ranges: every node takes a block of its own.

https://cloud.google.com/kubernetes-engine/docs/concepts/alias-ips#cluster_sizing
"""

from __future__ import annotations

import typing as t

from .. import addressing
from .client import relative
from .fields import Json, dig
from .resource import GcpResource


def zones_of(cluster: Json) -> list[str]:
    """The zones of a cluster's nodes. Where a region's are not named, three stand for them."""
    location = str(cluster.get("location") or "")
    return cluster.get("locations") or ([location] if location.count("-") > 1 else [f"{location}-{n}" for n in "abc"])


def subnetwork_path(cluster: Json, project: str | None, location: str) -> str:
    """Where the cluster's subnetwork is read: in its own project unless it names another (Shared VPC)."""
    full = dig(cluster, "networkConfig.subnetwork") or cluster.get("subnetwork") or ""
    owner, path = relative(full)
    region = location if location.count("-") == 1 else location.rsplit("-", 1)[0]
    name = path.rsplit("/", 1)[-1]
    return f"projects/{owner or project}/regions/{region}/subnetworks/{name}"


def refuse_too_many(resource: GcpResource, cluster: Json, counts: t.Sequence[tuple[Json, int]]) -> None:
    """Refuse node pools that their pod range has no room for.

    ``counts`` holds every pool of the cluster, as the API has it or will get it, with its nodes per zone; the first one
    is the one that is asked for. Pools of other ranges do not count. Where the cluster has additional ranges and the
    pool names none, Google chooses, and nothing is refused.
    """
    policy = cluster.get("ipAllocationPolicy") or {}
    default = policy.get("clusterSecondaryRangeName")

    def range_of(pool: Json) -> str | None:
        return dig(pool, "networkConfig.podRange") or default

    wanted = range_of(counts[0][0])
    if dig(counts[0][0], "networkConfig.createPodRange"):
        # the range is made to measure
        return
    if not dig(counts[0][0], "networkConfig.podRange") and dig(policy, "additionalPodRangesConfig.podRangeNames"):
        return
    cidr = _cidr(resource, cluster, wanted)
    if cidr is None:
        return
    routes_based = not policy.get("useIpAliases")
    needed, nodes = 0, 0
    for pool, count in counts:
        if range_of(pool) == wanted:
            in_all_zones = count * len(pool.get("locations") or zones_of(cluster))
            nodes += in_all_zones
            needed += in_all_zones * addressing.addresses(_block(cluster, pool, routes_based))
    room = addressing.addresses(addressing.parse(cidr).prefixlen)
    if routes_based:
        room = max(0, room - addressing.addresses(addressing.ROUTES_BASED_SERVICES_PREFIX))
    if needed > room:
        raise resource.refused(
            f"{nodes} nodes need {needed} pod addresses (each takes a block of its own), and the pod range {cidr} has "
            f"{room} for them: take fewer nodes, a larger range, another range for this pool "
            "(network_config.pod_range), or a smaller max_pods_per_node for a new pool",
            code="range-too-small",
        )


def _block(cluster: Json, pool: Json, routes_based: bool) -> int:
    """The prefix length of the block that a node of this pool takes."""
    if routes_based:
        return addressing.ROUTES_BASED_NODE_PREFIX
    if pool.get("podIpv4CidrSize"):
        return int(pool["podIpv4CidrSize"])
    pods = dig(pool, "maxPodsConstraint.maxPodsPerNode") or dig(cluster, "defaultMaxPodsConstraint.maxPodsPerNode")
    default = 32 if dig(cluster, "autopilot.enabled") else addressing.DEFAULT_MAX_PODS
    return addressing.pod_cidr_mask(int(pods or default))


def _cidr(resource: GcpResource, cluster: Json, range_name: str | None) -> str | None:
    """The CIDR of a pod range, ``None`` where it is not known yet."""
    policy = cluster.get("ipAllocationPolicy") or {}
    if range_name == policy.get("clusterSecondaryRangeName"):
        known = policy.get("clusterIpv4CidrBlock") or cluster.get("clusterIpv4Cidr")
        if known and not known.startswith("/"):
            return str(known)
    if not range_name:
        return None
    path = subnetwork_path(cluster, resource.project, resource.params["location"])
    for extra in (resource.look_at(path) or {}).get("secondaryIpRanges") or []:
        if extra["rangeName"] == range_name:
            return str(extra["ipCidrRange"])
    return None
