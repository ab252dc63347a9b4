# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node exactly as a test wants it: its name, its address, its pod block. No API of Google's offers that."""

from __future__ import annotations

import typing as t

from .. import cidr
from ..compute import allocation
from ..compute.common import NAME
from ..core import Call, Lab
from ..faults import ApiFault
from ..state import Body, Resource
from . import nodes, pod_ranges
from .common import CLUSTER, nodes_of, touch

SYSTEMS = ("linux", "windows")


class Misplaced(ValueError):
    """Why there cannot be such a node."""


def place_node(
    lab: Lab,
    cluster_path: str,
    pool: str | None,
    name: str,
    address: str,
    pods: str | None = None,
    *,
    system: str = "linux",
) -> Resource:
    """Add a node to a pool (None: the first one) of a cluster, with its route when the cluster is routes-based.
    Without `pods` it gets the next free block. Raises Misplaced."""
    cluster = lab.state.get(cluster_path)
    if cluster is None or cluster.kind != CLUSTER:
        raise Misplaced(f"cluster must be the path of a cluster that exists, not {cluster_path!r}")
    found = next((item for item in cluster.body["nodePools"] if not pool or pool == item["name"]), None)
    if found is None:
        known = ", ".join(item["name"] for item in cluster.body["nodePools"]) or "none"
        raise Misplaced(f"pool must be one of the cluster's ({known}), not {pool!r}")
    if system not in SYSTEMS:
        raise Misplaced(f"os must be one of {', '.join(SYSTEMS)}, not {system!r}")
    if not NAME.fullmatch(name):
        raise Misplaced(f"name must be a match of {NAME.pattern}, not {name!r}")
    call = _call(lab)
    zone = found["locations"][0]
    path = f"projects/{cluster.project}/zones/{zone}/instances/{name}"
    if lab.state.get(path):
        raise Misplaced(f"name: there is an instance {path} already")
    try:
        where = allocation.claim(lab.state, _space(lab, cluster), address, "address")
    except ApiFault as fault:
        raise Misplaced(f"address: {fault.message}") from None
    block = _block(call, cluster, found, pods)
    node = nodes.make_node(call, cluster, found, zone, name, where, block)
    node.hidden["os"] = system
    lab.state.changed_phase(node)
    here = [item for item in nodes_of(call, cluster, found["name"]) if item.hidden["zone"] == zone]
    nodes.ensure_group(call, cluster, found, zone, len(here))
    nodes.refresh(call, cluster, found)
    touch(call, cluster)
    return node


def _call(lab: Lab) -> Call:
    """The functions that make nodes take a request only for its lab."""
    nothing: t.Any = None
    return Call(lab, nothing, {}, {}, {}, nothing)


def _space(lab: Lab, cluster: Resource) -> allocation.Space:
    owner = lab.state.get(cluster.hidden["subnetwork"] or cluster.hidden["network"])
    assert owner is not None
    return allocation.of_subnetwork(owner) if cluster.hidden["subnetwork"] else allocation.of_legacy(owner)


def _block(call: Call, cluster: Resource, pool: Body, text: str | None) -> cidr.Range:
    space = pod_ranges.pod_space(cluster, pool)
    if not text:
        free = pod_ranges.next_block(call, cluster, pool)
        if free is None:
            raise Misplaced(f"pods: no block is free in {space}")
        return free
    try:
        wanted = cidr.parse(text, "pods")
    except ApiFault as fault:
        raise Misplaced(fault.message) from None
    if not wanted.subnet_of(space):
        raise Misplaced(f"pods: {wanted} is not inside the pod range {space}")
    routes = cluster.hidden["routes"]
    busy = pod_ranges.used_blocks(call, cluster, "" if routes else pool["networkConfig"]["podRange"])
    if routes:
        busy.append(cidr.Range(cluster.body["servicesIpv4Cidr"]))
    taken = next((item for item in busy if item.overlaps(wanted)), None)
    if taken is not None:
        raise Misplaced(f"pods: {wanted} overlaps {taken}, which is in use")
    return wanted
