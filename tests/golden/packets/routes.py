# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes: which next hop a packet takes."""

from __future__ import annotations

import dataclasses

from ansible_collections.podreach.gke.tests.golden.loader import Vector
from ansible_collections.podreach.gke.tests.golden.packets import mend
from ansible_collections.podreach.gke.tests.golden.packets.build import Builder
from ansible_collections.podreach.gke.tests.golden.packets.ends import parse
from ansible_collections.podreach.gke.tests.golden.packets.estates import raised
from ansible_collections.podreach.gke.tests.golden.packets.exchange import advertised_ranges, peering_routes
from ansible_collections.podreach.gke.tests.golden.packets.flows import stand
from ansible_collections.podreach.gke.tests.golden.packets.hybrid import dynamic_routes, is_hybrid, plan
from ansible_collections.podreach.gke.tests.golden.packets.outside import Outside
from ansible_collections.podreach.gke.tests.golden.packets.questions import answers, staged
from ansible_collections.podreach.gke.tests.golden.packets.stage import Stage
from ansible_collections.podreach.gke.tests.golden.packets.traces import (
    NO_ROUTE,
    died_in_network,
    gateways,
    passed,
    reason,
    trace,
)
from ansible_collections.podreach.gke.tests.golden.packets.world import Json, World, last, net


@staged("route network+to", "route", "one_of", "delivered", "verdict")
@staged("route from+network+to", "route", "one_of", "delivered", "verdict")
def route(vector: Vector, stage: Stage) -> None:
    """Which next hop a packet takes: instances of their own, or tunnels, and the packet shows by which it came."""
    if not is_hybrid(vector):
        # firewalls are another question
        world = stage.fresh()
        builder = Builder(world, {**vector.given, "open": ["gcp-firewall"]})
        builder.build()
        judge_route(vector, world, builder.hops)
        return
    open_vector = dataclasses.replace(vector, given={**vector.given, "open": ["gcp-firewall"]})
    world = raised(open_vector, stage)
    if vector.ask["route"].get("from", "").startswith("tunnel "):
        from_the_tunnel(vector, stage, world)
    else:
        judge_route(vector, world, world.hops)
        if vector.expect.get("route", "") is None:
            in_global_mode(vector, stage, world)


def sent(vector: Vector, world: World) -> tuple[str, Json]:
    """The sender's name and the way of its packet."""
    ask = vector.ask["route"]
    if "from" in ask:
        end = parse(ask["from"])
        source = stand(world, dataclasses.replace(end, network=end.network or ask["network"]), vector.given)
    else:
        source = world.sender(ask["network"])
    if world.outside is not None:
        world.outside.settle()
    request: Json = trace(world, source, ask["to"], "icmp")["request"]
    return source, request


def taken_routes(vector: Vector, world: World, hops: dict[str, str]) -> tuple[set[str], Json]:
    """The names of the routes by whose next hop the packet came, and its way. ``hops``: route name -> instance."""
    source, part = sent(vector, world)
    came_by = [name for name in passed(world, part) if name != source]
    taken = {name for name, hop in hops.items() if hop and hop in came_by[:1]}
    for number, dynamic in enumerate(dynamic_routes(vector.given)):
        sides = [] if world.outside is None else world.outside.sides
        ends = [side for side in sides if dynamic["nextHopVpnTunnel"] in side.outside]
        if any(side.gateway in gateways(world, part) for side in ends):
            taken.add(dynamic.get("name", f"dynamic-{number}"))
    if not taken and reason(part) == "internet":
        taken = {name for name, hop in hops.items() if not hop}
    return taken, part


def judge_route(vector: Vector, world: World, hops: dict[str, str]) -> None:
    """Judge the route that was taken."""
    ask = vector.ask["route"]
    taken, part = taken_routes(vector, world, hops)
    if "one_of" in vector.expect:
        # a stopped one can't be seen to get it
        dead = [item["name"] for item in vector.given.get("instances", []) if item.get("status") == "TERMINATED"]
        assert taken <= set(vector.expect["one_of"]), part
        assert taken or dead, part
        return
    expected = vector.expect["route"]
    if expected is None:
        assert not taken, part
        assert reason(part) == NO_ROUTE, part
    elif expected.get("routeType") == "SUBNET":
        (subnetwork,) = [
            item for item in world.subnetworks if net(expected["destRange"]) in (item.primary, *item.secondary.values())
        ]
        assert subnetwork.network == ask["network"]
        assert not taken, part
        assert reason(part) == "unassigned-address", part
    elif "name" in expected:
        assert taken == {expected["name"]}, part
    else:
        (number,) = [
            number for number, item in enumerate(dynamic_routes(vector.given)) if expected.items() <= item.items()
        ]
        assert taken == {f"dynamic-{number}"}, part
    if "delivered" in vector.expect:
        assert part["delivered"] == vector.expect["delivered"], part


def in_global_mode(vector: Vector, stage: Stage, world: World) -> None:
    """With global routing the learned route is taken: it was the mode alone that hid it."""
    assert vector.expect["causes"] == ["bgp-region-scope"]
    stage.forget()
    mend.route_globally(vector, world)
    taken, part = taken_routes(vector, world, world.hops)
    assert taken == {"dynamic-0"}, part


def from_the_tunnel(vector: Vector, stage: Stage, world: World) -> None:
    """A packet that comes out of a tunnel finds no route; it does when the same route has no tags."""
    to, network = vector.ask["route"]["to"], vector.ask["route"]["network"]
    (given,) = vector.given["routes"]
    assert vector.expect["route"] is None
    stage.forget()
    outside = world.far_clouds
    bgp = {**outside.plan.bgp, "advertiseMode": "CUSTOM", "advertisedIpRanges": [{"range": given["destRange"]}]}
    outside.advertise(bgp)
    machine = outside.machine(str(net(outside.sides[0].vpc.cidrs[0])[263]))
    outside.settle()
    part = trace(world, machine, to, "icmp")["request"]
    assert died_in_network(part, network), part
    assert reason(part) == NO_ROUTE, part
    assert not passed(world, part), part
    untagged = {key: value for key, value in given.items() if key != "tags"}
    world.drop_routes(network, given["destRange"])
    hop = world.route(untagged)
    outside.settle()
    part = trace(world, machine, to, "icmp")["request"]
    assert hop in passed(world, part), part


@answers("classify_route", "routeType", "exportable_by_peering", "advertised")
def classify_route(vector: Vector, world: World) -> None:
    """The lab's own route of that kind has the shape that the dump has."""
    (dumped,) = vector.given["routes"]
    network = last(dumped["network"])
    world.need_network(network)
    world.make_subnetwork({"name": "s1", "network": network, "ipCidrRange": "10.95.128.0/17"})
    (found,) = [item for item in world.routes_of(network) if item["destRange"] == dumped["destRange"]]
    assert "routeType" not in found
    assert found["priority"] == dumped["priority"]
    assert found["description"] == dumped["description"]
    assert {key for key in found if key.startswith("nextHop")} == {key for key in dumped if key.startswith("nextHop")}
    if vector.expect["routeType"] == "SUBNET":
        assert last(found["nextHopNetwork"]) == network
    if "exportable_by_peering" in vector.expect:
        world.need_network("other")
        world.peer(network, {"name": "p", "network": "other", "exportCustomRoutes": True})
        world.peer("other", {"name": "p", "network": network, "importCustomRoutes": True})
        crossing = [item["destRange"] for item in peering_routes(world, "other", "p", "INCOMING")]
        assert (dumped["destRange"] in crossing) == vector.expect["exportable_by_peering"]
    if "advertised" in vector.expect:
        world.outside = Outside(world, dataclasses.replace(plan(vector), network=network))
        world.outside.build({})
        world.outside.settle()
        assert (dumped["destRange"] in advertised_ranges(world)) == vector.expect["advertised"]
