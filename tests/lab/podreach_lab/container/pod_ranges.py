# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a cluster's pods and services get their addresses: secondary ranges, routes, and a block per node.

Per-node block: https://cloud.google.com/kubernetes-engine/docs/how-to/flexible-pod-cidr
Routes-based clusters: services take the last /20 of the cluster's range and every node a /24 of the rest.
"""

from __future__ import annotations

import typing as t

from .. import cidr
from ..compute import allocation, exchange, networks, overlaps, ranges, subnetworks
from ..core import Call
from ..faults import ApiFault
from ..state import Body, Resource
from .common import CLUSTER, bad, digest

MANAGED_SERVICES = "34.118.224.0/20"
POOLS_OF_ADDRESSES = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
DEFAULT_PODS = 14
DEFAULT_PODS_AUTOPILOT = 17
DEFAULT_ROUTES_PODS = 14
ROUTES_NODE = 24
ROUTES_SERVICES = 20


EVERYWHERE = "0.0.0.0/0"


def node_prefix(max_pods: int, overprovision: bool = True) -> int:
    """The mask of one node's pod block: room for twice the pods, rounded up to a power of two."""
    return 32 - (max_pods - 1).bit_length() - (1 if overprovision else 0)


def taken(call: Call, network: Resource) -> list[cidr.Range]:
    """Everything of a network that a new range must avoid."""
    found = [owned.range for owned in ranges.ranges_in(call.state, network.path)]
    found += [
        cidr.Range(item.body["destRange"])
        for item in networks.members(call.state, network.path, "compute#route")
        if item.body["destRange"] != EVERYWHERE and not item.hidden.get("automatic")
    ]
    for peer in exchange.active_peers(call.state, network):
        found += [claim.range for claim in overlaps.subnet_claims(call.state, peer)]
    for cluster in call.state.of_kind(CLUSTER):
        if cluster.hidden.get("network") == network.path and cluster.hidden.get("routes"):
            found.append(cidr.Range(cluster.body["clusterIpv4Cidr"]))
    return found


def choose(call: Call, network: Resource, text: str, default: int, what: str) -> cidr.Range:
    """A range from a field that is blank (default size), a size (/17) or a CIDR block."""
    if text and not text.startswith("/"):
        try:
            wanted = cidr.parse(text, what)
            cidr.refuse_prohibited(wanted, what)
        except ApiFault as fault:
            raise bad(fault.message) from None
        for other in taken(call, network):
            if wanted.overlaps(other):
                raise bad(f"The {what} {wanted} conflicts with the range {other}, which is in use in the network.")
        return wanted
    if text and not text[1:].isdigit():
        raise bad(f"Invalid value for {what}: '{text}'. Must be a CIDR block or a size such as /14.")
    prefix = int(text[1:]) if text else default
    if not 8 <= prefix <= 29:
        raise bad(f"Invalid value for {what}: '{text}'. The size is out of range.")
    found = cidr.free_block(prefix, POOLS_OF_ADDRESSES, taken(call, network))
    if found is None:
        raise bad(f"Network {network.name} has no free range of size /{prefix} for {what}.")
    return found


# ---- VPC-native


def secondary_range(call: Call, subnetwork: Resource, network: Resource, name: str) -> str:
    """The CIDR of a named secondary range, or the operation error of a missing one."""
    found = subnetworks.secondary(subnetwork).get(name)
    if found is None:
        raise ApiFault(
            400,
            f'Secondary range "{name}" does not exist in network "{network.body["selfLink"]}", '
            f'subnetwork "{subnetwork.body["selfLink"]}".',
            status="INVALID_ARGUMENT",
        )
    return found


def use_of(call: Call, subnetwork: Resource, name: str) -> str:
    """UsableSubnetworkSecondaryRange.status of one range."""
    for cluster in call.state.of_kind(CLUSTER):
        if cluster.hidden.get("subnetwork") == subnetwork.path:
            use = cluster.hidden["ranges"].get(name)
            if use == "services":
                return "IN_USE_SERVICE"
            if use:
                managed = name in cluster.hidden["made_ranges"]
                return "IN_USE_MANAGED_POD" if managed else "IN_USE_SHAREABLE_POD"
    return "UNUSED"


def claim(call: Call, cluster: Resource | None, subnetwork: Resource, name: str, use: str) -> None:
    """Refuse a range that is used for something else, or that GKE made for another cluster."""
    status = use_of(call, subnetwork, name)
    if cluster is not None and name in cluster.hidden["made_ranges"]:
        return
    if status == "IN_USE_MANAGED_POD":
        raise bad(f'Secondary range "{name}" was created by GKE for another cluster and cannot be shared.')
    if use == "pods" and status == "IN_USE_SERVICE":
        raise bad(f'Secondary range "{name}" is already in use as a services range.')
    if use == "services" and status == "IN_USE_SHAREABLE_POD":
        raise bad(f'Secondary range "{name}" is already in use as a pod range.')


def make_range(call: Call, subnetwork: Resource, name: str, found: cidr.Range) -> None:
    """Add a secondary range that GKE manages to a subnetwork."""
    ranges = subnetwork.body.setdefault("secondaryIpRanges", [])
    ranges.append({"rangeName": name, "ipCidrRange": str(found)})
    call.state.changed(subnetwork)
    subnetworks.add_local_routes(call, subnetwork)


def drop_ranges(call: Call, subnetwork: Resource, names: t.Iterable[str]) -> None:
    gone = set(names)
    left = [item for item in subnetwork.body.get("secondaryIpRanges", []) if item["rangeName"] not in gone]
    if len(left) == len(subnetwork.body.get("secondaryIpRanges", [])):
        return
    if left:
        subnetwork.body["secondaryIpRanges"] = left
    else:
        subnetwork.body.pop("secondaryIpRanges")
    call.state.changed(subnetwork)
    subnetworks.add_local_routes(call, subnetwork)


def made_name(cluster: str, what: str, path: str) -> str:
    return f"gke-{cluster}-{what}-{digest(path + what)}"


# ---- a block for each node


def used_blocks(call: Call, cluster: Resource, range_name: str) -> list[cidr.Range]:
    """Blocks of nodes in one pod range, of every cluster that shares it."""
    found = []
    for node in call.state.of_kind("compute#instance"):
        if node.hidden.get("pod_scope") == scope_of(cluster, range_name) and node.hidden.get("pods"):
            found.append(cidr.Range(node.hidden["pods"]))
    return found


def scope_of(cluster: Resource, range_name: str) -> str:
    """Nodes with equal scopes share one space of pod addresses."""
    return f"{cluster.hidden['subnetwork']}:{range_name}" if range_name else cluster.path


def pod_space(cluster: Resource, pool: Body) -> cidr.Range:
    """Where a pool's nodes take their blocks from."""
    if cluster.hidden["routes"]:
        return cidr.Range(cluster.body["clusterIpv4Cidr"])
    return cidr.Range(pool["networkConfig"]["podIpv4CidrBlock"])


def next_block(call: Call, cluster: Resource, pool: Body) -> cidr.Range | None:
    """The next free pod block for a node of the pool, None when the range is exhausted."""
    range_name = "" if cluster.hidden["routes"] else pool["networkConfig"]["podRange"]
    busy = used_blocks(call, cluster, range_name)
    subnetwork = call.state.get(cluster.hidden["subnetwork"]) if range_name else None
    if subnetwork is not None:  # others may have alias ranges there
        busy += allocation.aliases(call.state, subnetwork.body["selfLink"], range_name)
    if cluster.hidden["routes"]:
        busy.append(cidr.Range(cluster.body["servicesIpv4Cidr"]))
    return cidr.free_block(pool["podIpv4CidrSize"], [str(pod_space(cluster, pool))], busy)


def next_address(call: Call, subnetwork: Resource) -> str | None:
    """The next free primary address for a node."""
    return allocation.free(call.state, allocation.of_subnetwork(subnetwork))


def utilization(call: Call, cluster: Resource, pool: Body) -> float:
    space = pod_space(cluster, pool)
    used = sum(item.num_addresses for item in used_blocks(call, cluster, pool["networkConfig"]["podRange"]))
    return round(used / space.num_addresses, 4)
