# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What APIs answer: exchanged routes, states of peerings, addresses, limits."""

from __future__ import annotations

from ansible_collections.podreach.gke.tests.golden.loader import Vector
from ansible_collections.podreach.gke.tests.golden.packets.build import Builder
from ansible_collections.podreach.gke.tests.golden.packets.estates import raised
from ansible_collections.podreach.gke.tests.golden.packets.hybrid import is_hybrid
from ansible_collections.podreach.gke.tests.golden.packets.questions import answers, staged
from ansible_collections.podreach.gke.tests.golden.packets.stage import Stage
from ansible_collections.podreach.gke.tests.golden.packets.world import Json, World, ip, net


def peering_routes(world: World, network: str, peering: str, direction: str, region: str = "") -> list[Json]:
    """networks.listPeeringRoutes."""
    query = f"peeringName={peering}&direction={direction}" + (f"&region={region}" if region else "")
    items: list[Json] = world.read(f"global/networks/{network}/listPeeringRoutes?{query}").get("items", [])
    return items


@staged("listPeeringRoutes", "routes", "routes_include", "routes_exclude")
def list_peering_routes(vector: Vector, stage: Stage) -> None:
    """The exchanged routes; the status that gcloud prints is its own word for ``imported``."""
    ask = vector.ask["listPeeringRoutes"]
    if is_hybrid(vector):
        world = raised(vector, stage)
    else:
        world = stage.fresh()
        Builder(world, vector.given).build()
    # helper subnetworks are exchanged like any other
    found = [
        item
        for item in peering_routes(world, ask["network"], ask["peeringName"], ask["direction"], ask.get("region", ""))
        if not net(item["destRange"]).subnet_of(net("172.29.0.0/16"))
    ]
    keys = ("destRange", "type", "imported")
    plain = [{key: item[key] for key in keys} for item in found]
    words = {"rejected by config": False, "accepted": True}
    for expected in vector.expect.get("routes_include", []):
        if "gcloud_status" in expected:
            assert words[expected["gcloud_status"]] == expected["imported"]
        assert {key: expected[key] for key in keys} in plain
    if "routes" in vector.expect:
        assert sorted(plain, key=str) == sorted(vector.expect["routes"], key=str)
    for excluded in vector.expect.get("routes_exclude", []):
        assert excluded not in [item["destRange"] for item in plain]


@answers("peering_state", "state", "stateDetails_contains")
def peering_state(vector: Vector, world: World) -> None:
    """The state of one side of a peering."""
    ask = vector.ask["peering_state"]
    Builder(world, vector.given).build()
    (found,) = [
        item for item in world.read(f"global/networks/{ask['network']}")["peerings"] if item["name"] == ask["name"]
    ]
    assert found["state"] == vector.expect["state"]
    assert vector.expect["stateDetails_contains"] in found["stateDetails"]


@staged("address_in", "range", "advertised", "10.1.163.57", "10.1.1.7")
def address_in(vector: Vector, stage: Stage) -> None:
    """The Service's addresses lie in these ranges, and so does one that the lab chooses, none being asked for."""
    world = raised(vector, stage)
    asked = vector.ask["address_in"]
    if isinstance(asked, list):
        (service,) = vector.given["services"]
        there = world.cluster_made.kube.get("Service", service["metadata"]["name"])
        assert there is not None
        balanced = [item["ip"] for item in there["status"]["loadBalancer"]["ingress"]]
        assert {item["ip"] for item in asked} == {there["spec"]["clusterIP"], *balanced}
        for item in asked:
            assert ip(item["ip"]) in net(vector.expect[item["ip"]].partition(" ")[0])
        return
    range_ = net(vector.expect["range"])
    assert ip(asked["ip"]) in range_
    assert ip(second_service(vector, world)) in range_
    assert (str(range_) in advertised_ranges(world)) == vector.expect["advertised"]


def advertised_ranges(world: World) -> list[str]:
    """What the router's first peer is sent."""
    peer = world.far_clouds.status()["bgpPeerStatus"][0]
    assert peer["state"] == "Established", peer
    return [route["destRange"] for route in peer["advertisedRoutes"]]


def second_service(vector: Vector, world: World) -> str:
    """The address that another such Service gets."""
    (service,) = vector.given["services"]
    kube = world.cluster_made.kube
    spec = {key: value for key, value in service["spec"].items() if key != "clusterIP"}
    kube.put(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {**service["metadata"], "name": "second"},
            "spec": {**spec, "selector": {"app": "plot"}},
        }
    )
    ingress = kube.wait(
        "an address",
        lambda: (kube.get("Service", "second") or {}).get("status", {}).get("loadBalancer", {}).get("ingress"),
    )
    return str(ingress[0]["ip"])


@answers("services_range", "servicesIpv4Cidr", "inside")
def services_range(vector: Vector, world: World) -> None:
    """Where a routes-based cluster gets its Services, by the container API."""
    (cluster,) = vector.given["clusters"]
    subnetwork = world.make_subnetwork(vector.given["subnetworks"][0])
    made = world.cluster_at(network=cluster["network"], subnetwork=subnetwork, given=cluster, pool={})
    found = world.container("GET", made.path.partition(f"projects/{world.project}/")[2]).json()
    assert found["servicesIpv4Cidr"] == vector.expect["servicesIpv4Cidr"]
    assert net(found["servicesIpv4Cidr"]).subnet_of(net(vector.expect["inside"]))


@answers("max_nodes", "max_nodes")
def max_nodes(vector: Vector, world: World) -> None:
    """So many nodes can be made, and not one more."""
    (cluster,) = vector.given["clusters"]
    count = vector.expect["max_nodes"]
    world.make_subnetwork({"name": "s1", "network": "n1", "ipCidrRange": "10.1.0.0/16"})
    made = world.cluster_at(network="n1", subnetwork=world.subnetworks[0], given=cluster, pool={})
    pool = f"{made.path.partition('/locations/')[2]}/nodePools/pool"
    for wanted in (count, count + 1):
        reply = world.container("POST", f"locations/{pool}:setSize", {"nodeCount": wanted})
        error = "error" in reply.json() or not reply.ok
        assert error == (wanted > count), reply.text


@answers("nodes_without_route", "count")
def nodes_without_route(vector: Vector, world: World) -> None:
    """As many nodes as the quota is short of routes are left without one.

    The vector's own numbers are an example, it says so: the limit is found by trying, and twenty nodes are enough.
    """
    quota, (cluster,), short = vector.given["quota"], vector.given["clusters"], vector.expect["count"]
    assert cluster["currentNodeCount"] + quota["used_by_others"] - quota["STATIC_ROUTES_PER_NETWORK"] == short
    nodes = 2 * short
    limit = static_routes(world, "elsewhere", 1000)
    assert static_routes(world, "n1", limit - nodes + short) == limit - nodes + short
    subnetwork = world.make_subnetwork({"name": "s1", "network": "n1", "ipCidrRange": "10.1.0.0/16"})
    made = world.cluster_at(network="n1", subnetwork=subnetwork, given=cluster, pool={})
    pool = f"{made.path.partition('/locations/')[2]}/nodePools/pool"
    reply = world.container("POST", f"locations/{pool}:setSize", {"nodeCount": nodes})
    assert reply.ok, reply.text
    routed = {item["destRange"] for item in world.routes_of("n1")}
    blocks = [item["spec"]["podCIDR"] for item in made.kube.items("Node")]
    assert len(blocks) == nodes
    assert len([block for block in blocks if block not in routed]) == short


def static_routes(world: World, network: str, wanted: int) -> int:
    """Make up to so many static routes in a network; how many could be made."""
    world.need_network(network)
    hop = world.machines[world.hop(f"hop-{network}", network)]
    for number in range(wanted):
        body = {
            "name": f"{network}-{number}",
            "network": world.network_path(network),
            "nextHopInstance": hop,
            "destRange": f"192.168.{number // 8}.{number % 8 * 32}/27",
        }
        _reply, operation = world.attempt("POST", "global/routes", body)
        if operation is None or "error" in operation:
            return number
    return wanted
