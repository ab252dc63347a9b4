# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Estates that reach the other cloud: completed, built, and used again by vectors that give the same.

What a running estate takes as a change is left out of the key under which it is kept, and is set for each vector:
how the router advertises, the security group, the masquerade list; and, where the vector is of nothing but subnetworks
and a router, the subnetworks and the network's routing mode too.
"""

from __future__ import annotations

import copy
import json
import typing as t

from ansible_collections.podreach.gke.tests.golden.loader import Vector
from ansible_collections.podreach.gke.tests.golden.packets.build import Builder, nodes_of
from ansible_collections.podreach.gke.tests.golden.packets.ends import End, parse
from ansible_collections.podreach.gke.tests.golden.packets.hybrid import (
    inside_any,
    is_hybrid,
    plain,
    plan,
    received,
    texts,
)
from ansible_collections.podreach.gke.tests.golden.packets.outside import Outside
from ansible_collections.podreach.gke.tests.golden.packets.stage import Stage
from ansible_collections.podreach.gke.tests.golden.packets.world import (
    ANYWHERE,
    NODE_ROUTE,
    REGION,
    Json,
    World,
    around,
    ip,
    last,
    net,
)

#: How a router, or a peer of it, advertises.
ADVERTISEMENT = ("advertiseMode", "advertisedGroups", "advertisedIpRanges", "advertisedRoutePriority")
DEFAULTS: Json = {
    "advertisedRoutePriority": 100,
    "advertiseMode": "DEFAULT",
    "advertisedGroups": [],
    "advertisedIpRanges": [],
}
#: What the vectors give that are of nothing but subnetworks and a router.
PLAIN = {"networks", "subnetworks", "routers", "aws", "changed"}
PODS = "pods"


def ends_of(vector: Vector) -> list[End]:
    """The ends that the vector's question names."""
    return [parse(text) for text in texts(vector.ask) if not text.startswith("tunnel ")]


# ---- what isn't said


def complete(vector: Vector) -> Json:
    """The given estate with what its packets need besides: a range for its pods, a cluster's network and range."""
    given: Json = copy.deepcopy(vector.given)
    pods = [end.address for end in ends_of(vector) if end.kind == "pod" and end.address]
    if ranges := [cidr for cidr in received(given) or [] if any(inside_any(pod, [cidr]) for pod in pods)]:
        given.setdefault("subnetworks", []).append(
            {
                "name": "of-pods",
                "network": "n1",
                "region": REGION,
                "ipCidrRange": "10.1.0.0/24",
                "secondaryIpRanges": [{"rangeName": PODS, "ipCidrRange": ranges[0]}],
            }
        )
        given.setdefault("nodes", [{"name": "gke-n1", "podCIDR": str(around(pods[0]))}])
    for cluster in given.get("clusters", []):
        if cluster["ipAllocationPolicy"].get("useRoutes"):
            complete_routes_based(given, cluster)
    if "nodes" in given and "clusters" not in given:
        homes = [
            item["network"]
            for item in given.get("subnetworks", [])
            for node in given["nodes"]
            if "networkIP" in node and ip(node["networkIP"]) in net(item["ipCidrRange"])
        ]
        given["clusters"] = [{"network": homes[0]}] if homes else [{}]
    return given


def complete_routes_based(given: Json, cluster: Json) -> None:
    """A routes-based cluster has a range, and the route to a node's block is the one that GKE makes."""
    blocks = {node["podCIDR"]: node["name"] for node in given.get("nodes", []) if "podCIDR" in node}
    if "clusterIpv4Cidr" not in cluster:
        cluster["clusterIpv4Cidr"] = str(around(next(iter(blocks)).partition("/")[0], 14))
    for route in given.get("routes", []):
        if blocks.get(route["destRange"]) == last(route.get("nextHopInstance", "")):
            route["description"] = NODE_ROUTE


# ---- the key


def without(item: Json, keys: t.Iterable[str]) -> Json:
    """The item less these keys."""
    return {key: value for key, value in item.items() if key not in keys}


def is_plain(given: Json) -> bool:
    """Whether subnetworks and a router are all that is given, of one network without peerings."""
    networks = given.get("networks", [])
    return (
        set(given) <= PLAIN
        and {"routers", "subnetworks"} <= set(given)
        and set(given.get("aws", {})) <= {"gateway"}
        and len(networks) == 1
        and "peerings" not in networks[0]
    )


def key_of(vector: Vector) -> str:
    """What vectors have in common that may share an estate, as JSON."""
    given = without(complete(vector), ["changed"])
    for router in given.get("routers", []):
        router["bgp"] = without(router.get("bgp", {}), ADVERTISEMENT)
        router["bgpPeers"] = [without(peer, ADVERTISEMENT) for peer in router.get("bgpPeers", [])]
    if "aws" in given:
        given["aws"] = without(given["aws"], ["SecurityGroups"])
    if "masquerade" in given:
        given["masquerade"] = "a list"
    if is_plain(vector.given):
        given["networks"] = [without(item, ["routingConfig"]) for item in given["networks"]]
        given["subnetworks"] = "any"
        given["aws"] = {"gateway": plan(vector).fars[0].kind}
    kinds = [end for end in ends_of(vector) if end.kind in ("pod", "node")]
    nodes = nodes_of(given, kinds) if kinds or "nodes" in given else []
    return json.dumps([given, nodes], sort_keys=True)


def in_order(vectors: list[Vector]) -> list[Vector]:
    """The vectors as they are, but those that share an estate one after the other."""
    keys = [key_of(vector) if shares(vector) else vector.id for vector in vectors]
    return sorted(vectors, key=lambda vector: keys.index(keys[vectors.index(vector)]))


def shares(vector: Vector) -> bool:
    """Whether the vector's estate may be another's too."""
    return is_hybrid(vector) and vector.kind in ("flow", "advertised_on", "tunnels")


# ---- building


def build(vector: Vector, world: World) -> None:
    """The vector's estate in an empty lab; one of nothing but subnetworks gets these later."""
    given = complete(vector)
    ours = plain(given)
    if is_plain(vector.given):
        ours = without(ours, ["subnetworks"])
    Builder(world, ours, [end for end in ends_of(vector) if end.kind not in ("ec2", "address")]).build()
    if not any(route["destRange"] == ANYWHERE for route in given.get("routes", [])):
        # what comes with a network and isn't given doesn't exist
        for network in world.networks:
            world.drop_routes(network, ANYWHERE)
    outside = Outside(world, plan(vector))
    world.outside = outside
    outside.build(given)


def raised(vector: Vector, stage: Stage) -> World:
    """The vector's estate, sessions established; one that stands already where it is the same."""
    stood, key = stage.kept, key_of(vector)
    world = stage.keep(key, lambda world: build(vector, world))
    if is_plain(vector.given):
        change_subnetworks(vector, world)
    if stood == key:
        change(vector, world)
    world.lab.settle()
    return world


def change(vector: Vector, world: World) -> None:
    """Set what an estate takes as a change."""
    given = vector.given
    outside = world.far_clouds
    given_peers = [peer for router in given.get("routers", []) for peer in router["bgpPeers"]]
    peers = [{**DEFAULTS, **peer} for peer in given_peers] if given_peers else None
    outside.advertise(plan(vector).bgp, peers)
    for side in outside.sides:
        outside.filters(side.vpc, given)
    if "masquerade" in given:
        world.masquerade_list(given["masquerade"]["nonMasqueradeCIDRs_in_force"])


def change_subnetworks(vector: Vector, world: World) -> None:
    """Replace the network's subnetworks, and set its routing mode."""
    (network,) = vector.given["networks"]
    for item in world.subnetworks:
        world.do("DELETE", f"regions/{item.region}/subnetworks/{item.name}")
    world.subnetworks.clear()
    if "routingConfig" in network:
        world.do("PATCH", f"global/networks/{network['name']}", {"routingConfig": network["routingConfig"]})
    for subnetwork in vector.given["subnetworks"]:
        world.make_subnetwork(subnetwork)
