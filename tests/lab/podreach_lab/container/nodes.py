# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster's nodes as compute instances, with their group managers, node routes and GKE's firewall rules."""

from __future__ import annotations

from .. import cidr
from ..clock import compute_time
from ..compute import quotas, routes, shared_vpc
from ..compute.common import base
from ..core import Call
from ..faults import ApiFault
from ..links import self_link
from ..state import Body, Resource
from . import pod_ranges
from .common import digest, nodes_of

INSTANCE = "compute#instance"
MANAGER = "compute#instanceGroupManager"


def cluster_hash(cluster: Resource) -> str:
    return digest(cluster.body["id"])


def tag_of(cluster: Resource) -> str:
    return f"gke-{cluster.name}-{cluster_hash(cluster)}-node"


def stem(cluster: Resource, pool: str) -> str:
    """The beginning of the names of a pool's nodes. Long names are cut, as GKE does."""
    return f"gke-{cluster.name[:20]}-{pool[:20]}-{digest(cluster.body['id'] + pool)}"


def group_path(cluster: Resource, pool: str, zone: str) -> str:
    suffix = "" if zone == cluster.body["locations"][0] else f"-{zone[-1]}"
    return f"projects/{cluster.project}/zones/{zone}/instanceGroupManagers/{stem(cluster, pool)}{suffix}-grp"


def fit(call: Call, cluster: Resource, pool: Body, per_zone: int) -> None:
    """Make the pool have that many nodes in each zone; raises IP_SPACE_EXHAUSTED after what fitted."""
    zones = pool["locations"]
    for node in nodes_of(call, cluster, pool["name"]):
        if node.hidden["zone"] not in zones:
            remove_node(call, node)
    for zone in zones:
        ensure_group(call, cluster, pool, zone, per_zone)
        have = [node for node in nodes_of(call, cluster, pool["name"]) if node.hidden["zone"] == zone]
        for node in have[per_zone:]:
            remove_node(call, node)
    for _round in range(per_zone):
        for zone in zones:
            have = [node for node in nodes_of(call, cluster, pool["name"]) if node.hidden["zone"] == zone]
            if len(have) < per_zone and len(have) <= _round:
                add_node(call, cluster, pool, zone)
    refresh(call, cluster, pool)


def refresh(call: Call, cluster: Resource, pool: Body) -> None:
    """What a pool says of its groups and of its range's use."""
    pool["instanceGroupUrls"] = [self_link(group_path(cluster, pool["name"], zone)) for zone in pool["locations"]]
    if not cluster.hidden["routes"]:
        share = pod_ranges.utilization(call, cluster, pool)
        pool["networkConfig"]["podIpv4RangeUtilization"] = share
    cluster.body["instanceGroupUrls"] = [
        url for item in cluster.body["nodePools"] for url in item.get("instanceGroupUrls", [])
    ]
    if not cluster.hidden["routes"] and cluster.body["nodePools"]:
        first = cluster.body["nodePools"][0]["networkConfig"]
        if "podIpv4RangeUtilization" in first:
            policy = cluster.body["ipAllocationPolicy"]
            policy["defaultPodIpv4RangeUtilization"] = first["podIpv4RangeUtilization"]


def ensure_group(call: Call, cluster: Resource, pool: Body, zone: str, size: int) -> None:
    path = group_path(cluster, pool["name"], zone)
    group = call.state.get(path)
    if group is None:
        name = path.rsplit("/", 1)[1]
        body = base(call, MANAGER, path) | {
            "name": name,
            "zone": self_link(f"projects/{cluster.project}/zones/{zone}"),
            "baseInstanceName": stem(cluster, pool["name"]),
            "instanceGroup": self_link(f"projects/{cluster.project}/zones/{zone}/instanceGroups/{name}"),
            "instanceTemplate": self_link(
                f"projects/{cluster.project}/global/instanceTemplates/{stem(cluster, pool['name'])}"
            ),
            "targetSize": size,
            "status": {"isStable": True},
        }
        call.state.add(Resource(MANAGER, path, body, {"cluster": cluster.path, "pool": pool["name"]}))
    elif group.body["targetSize"] != size:
        group.body["targetSize"] = size
        call.state.changed(group)


def add_node(call: Call, cluster: Resource, pool: Body, zone: str) -> None:
    shared_vpc.check_agents(call.state, cluster.project, cluster.hidden["subnetwork"])
    subnetwork = call.state.get(cluster.hidden["subnetwork"]) if cluster.hidden["subnetwork"] else None
    name = free_name(call, cluster, pool, zone)
    address = pod_ranges.next_address(call, subnetwork) if subnetwork else legacy_address(call, cluster)
    if address is None:
        raise exhausted(cluster, name, "")
    pods = pod_ranges.next_block(call, cluster, pool)
    if pods is None:
        raise exhausted(cluster, name, "" if cluster.hidden["routes"] else pool["networkConfig"]["podRange"])
    make_node(call, cluster, pool, zone, name, address, pods)


def free_name(call: Call, cluster: Resource, pool: Body, zone: str) -> str:
    """A node's name ends in four random digits, of which a large pool soon meets some again."""
    while True:
        name = f"{stem(cluster, pool['name'])}-{call.state.new_hex(4)}"
        if call.state.get(f"projects/{cluster.project}/zones/{zone}/instances/{name}") is None:
            return name


def make_node(
    call: Call, cluster: Resource, pool: Body, zone: str, name: str, address: str, pods: cidr.Range
) -> Resource:
    """A node that is known to fit."""
    subnetwork = call.state.get(cluster.hidden["subnetwork"]) if cluster.hidden["subnetwork"] else None
    path = f"projects/{cluster.project}/zones/{zone}/instances/{name}"
    routes_based = cluster.hidden["routes"]
    card: Body = {
        "kind": "compute#networkInterface",
        "name": "nic0",
        "network": self_link(cluster.hidden["network"]),
        "networkIP": address,
        "stackType": "IPV4_ONLY",
        "fingerprint": call.state.new_fingerprint(),
    }
    if subnetwork:
        card["subnetwork"] = subnetwork.body["selfLink"]
    range_name = ""
    if not routes_based:
        range_name = pool["networkConfig"]["podRange"]
        card["aliasIpRanges"] = [{"ipCidrRange": str(pods), "subnetworkRangeName": range_name}]
    config = pool["config"]
    zone_link = self_link(f"projects/{cluster.project}/zones/{zone}")
    body = base(call, INSTANCE, path) | {
        "name": name,
        "zone": zone_link,
        "machineType": f"{zone_link}/machineTypes/{config['machineType']}",
        "status": "RUNNING",
        "canIpForward": routes_based,
        "networkInterfaces": [card],
        "tags": {"items": [tag_of(cluster), *config.get("tags", [])], "fingerprint": call.state.new_fingerprint()},
        "labels": {
            "goog-gke-node": "",
            "goog-gke-cluster-id-base32": digest(cluster.body["id"], 20),
            "goog-k8s-cluster-name": cluster.name,
            "goog-k8s-cluster-location": cluster.body["location"],
            "goog-k8s-node-pool-name": pool["name"],
        },
        "labelFingerprint": call.state.new_fingerprint(),
        "lastStartTimestamp": compute_time(call.state.clock.now()),
    }
    hidden: Body = {
        "cluster": cluster.path,
        "pool": pool["name"],
        "zone": zone,
        "group": group_path(cluster, pool["name"], zone),
        "pods": str(pods),
        "pod_scope": pod_ranges.scope_of(cluster, range_name),
    }
    node = call.state.add(Resource(INSTANCE, path, body, hidden))
    if routes_based:
        add_node_route(call, cluster, node)
    return node


def legacy_address(call: Call, cluster: Resource) -> str | None:
    """A node's address in a legacy network."""
    network = call.state.get(cluster.hidden["network"])
    assert network is not None
    space = cidr.Range(network.body["IPv4Range"])
    busy = {node.body["networkInterfaces"][0]["networkIP"] for node in call.state.of_kind(INSTANCE)}
    return next((str(space[at]) for at in range(2, space.num_addresses - 2) if str(space[at]) not in busy), None)


def exhausted(cluster: Resource, node: str, range_name: str) -> ApiFault:
    space = cluster.hidden["subnetwork"] or cluster.hidden["network"]
    if cluster.hidden["routes"]:
        text = f"the cluster's pod range {cluster.body['clusterIpv4Cidr']}"
        why = f"IP space of {text} is exhausted."
    elif range_name:
        why = f"IP space of '{space}' is exhausted. The secondary range name is '{range_name}'."
    else:
        why = f"IP space of '{space}' is exhausted."
    return ApiFault(400, f"[IP_SPACE_EXHAUSTED]: Instance '{node}' creation failed: {why}", status="RESOURCE_EXHAUSTED")


def add_node_route(call: Call, cluster: Resource, node: Resource) -> None:
    """The static route by which a routes-based cluster makes a node's pods reachable. Where it may not be made (quota,
    a peer's range), the node stays without it."""
    network = call.state.get(cluster.hidden["network"])
    assert network is not None
    try:
        quotas.check_new_static_route(call.state, network)
    except ApiFault:
        return
    if routes.hides(call.state, network, cidr.Range(node.hidden["pods"])):
        return
    unique = digest(node.body["id"], 32)
    suffix = "-".join((unique[:8], unique[8:12], unique[12:16], unique[16:20], unique[20:32]))
    name = f"gke-{cluster.name[:13]}-{cluster_hash(cluster)}-{suffix}"[:63]
    path = f"projects/{cluster.project}/global/routes/{name}"
    body = base(call, "compute#route", path) | {
        "name": name,
        "description": "k8s-node-route",
        "network": self_link(cluster.hidden["network"]),
        "destRange": node.hidden["pods"],
        "priority": 1000,
        "nextHopInstance": node.body["selfLink"],
        "routeType": "STATIC",
    }
    call.state.add(Resource("compute#route", path, body, {"cluster": cluster.path}))
    node.hidden["route"] = path


def remove_node(call: Call, node: Resource) -> None:
    if "route" in node.hidden:
        call.state.remove(node.hidden["route"])
    call.state.remove(node.path)


def remove_pool(call: Call, cluster: Resource, pool: str) -> None:
    """The pool's nodes and groups."""
    for node in nodes_of(call, cluster, pool):
        remove_node(call, node)
    for group in call.state.of_kind(MANAGER, cluster.project):
        if group.hidden.get("cluster") == cluster.path and group.hidden.get("pool") == pool:
            call.state.remove(group.path)


# ---- firewall rules


def add_firewalls(call: Call, cluster: Resource) -> None:
    """The rules that GKE makes for a cluster, as public dumps show them."""
    pods = pod_sources(cluster)
    network = call.state.get(cluster.hidden["network"])
    subnetwork = call.state.get(cluster.hidden["subnetwork"]) if cluster.hidden["subnetwork"] else None
    assert network is not None
    nodes = subnetwork.body["ipCidrRange"] if subnetwork else network.body["IPv4Range"]
    every = [{"IPProtocol": name} for name in ("ah", "sctp", "tcp", "udp", "icmp", "esp")]
    ports = [
        {"IPProtocol": "icmp"},
        {"IPProtocol": "tcp", "ports": ["1-65535"]},
        {"IPProtocol": "udp", "ports": ["1-65535"]},
    ]
    kubelet = [{"IPProtocol": "tcp", "ports": ["10255"]}]
    add_firewall(call, cluster, "all", {"sourceRanges": pods, "allowed": every})
    add_firewall(call, cluster, "vms", {"sourceRanges": [nodes], "allowed": ports})
    inner = {"sourceRanges": pods, "sourceTags": [tag_of(cluster)], "allowed": kubelet, "priority": 999}
    add_firewall(call, cluster, "inkubelet", inner)
    add_firewall(call, cluster, "exkubelet", {"sourceRanges": ["0.0.0.0/0"], "denied": kubelet})
    master = cluster.body.get("privateClusterConfig", {}).get("masterIpv4CidrBlock")
    if master:
        allowed = [{"IPProtocol": "tcp", "ports": ["10250", "443"]}]
        add_firewall(call, cluster, "master", {"sourceRanges": [master], "allowed": allowed})


def pod_sources(cluster: Resource) -> list[str]:
    """Every range that the cluster's pods have addresses in."""
    found = [cluster.body["clusterIpv4Cidr"]]
    for pool in cluster.body["nodePools"]:
        found.append(pool.get("networkConfig", {}).get("podIpv4CidrBlock"))
    return list(dict.fromkeys(item for item in found if item))


def refresh_firewalls(call: Call, cluster: Resource) -> None:
    """Follow a change of the pools' ranges."""
    wanted = pod_sources(cluster)
    for rule in call.state.of_kind("compute#firewall"):
        follows = rule.hidden.get("cluster") == cluster.path and rule.name.endswith(("-all", "-inkubelet"))
        if follows and rule.body["sourceRanges"] != wanted:
            rule.body["sourceRanges"] = wanted
            call.state.changed(rule)


def add_firewall(call: Call, cluster: Resource, what: str, rule: Body) -> None:
    name = f"gke-{cluster.name}-{cluster_hash(cluster)}-{what}"
    path = f"projects/{cluster.hidden['network'].split('/')[1]}/global/firewalls/{name}"
    body = base(call, "compute#firewall", path) | {
        "name": name,
        "network": self_link(cluster.hidden["network"]),
        "direction": "INGRESS",
        "priority": 1000,
        "disabled": False,
        "logConfig": {"enable": False},
        "targetTags": [tag_of(cluster)],
    }
    call.state.add(Resource("compute#firewall", path, body | rule, {"cluster": cluster.path}))


def remove_firewalls(call: Call, cluster: Resource) -> None:
    for rule in call.state.of_kind("compute#firewall"):
        if rule.hidden.get("cluster") == cluster.path:
            call.state.remove(rule.path)
