# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes: which next hop a packet takes."""

from __future__ import annotations

from ansible_collections.podreach.gke.tests.golden.loader import Vector
from ansible_collections.podreach.gke.tests.golden.packets.build import Builder
from ansible_collections.podreach.gke.tests.golden.packets.ends import parse
from ansible_collections.podreach.gke.tests.golden.packets.exchange import peering_routes
from ansible_collections.podreach.gke.tests.golden.packets.flows import stand
from ansible_collections.podreach.gke.tests.golden.packets.questions import answers
from ansible_collections.podreach.gke.tests.golden.packets.traces import passed, reason, trace
from ansible_collections.podreach.gke.tests.golden.packets.world import World, last, net


@answers("route network+to", "route", "one_of", "delivered", "verdict")
@answers("route from+network+to", "route", "one_of", "delivered", "verdict")
def route(vector: Vector, world: World) -> None:
    """Which next hop a packet takes: next hops are instances of their own, and the packet shows by which it came."""
    ask = vector.ask["route"]
    # firewalls are another question
    builder = Builder(world, {**vector.given, "open": ["gcp-firewall"]})
    builder.build()
    source = stand(world, parse(ask["from"]), vector.given) if "from" in ask else world.sender(ask["network"])
    part = trace(world, source, ask["to"], "icmp")["request"]
    hops = [name for name in passed(world, part) if name != source]
    taken = {name for name, hop in builder.hops.items() if hop and hop in hops[:1]}
    if not taken and reason(part) == "internet":
        taken = {name for name, hop in builder.hops.items() if not hop}
    if "one_of" in vector.expect:
        # a stopped one can't be seen to get it
        dead = [item["name"] for item in vector.given.get("instances", []) if item.get("status") == "TERMINATED"]
        assert taken <= set(vector.expect["one_of"]), part
        assert taken or dead, part
        return
    expected = vector.expect["route"]
    if expected.get("routeType") == "SUBNET":
        (subnetwork,) = [
            item for item in world.subnetworks if net(expected["destRange"]) in (item.primary, *item.secondary.values())
        ]
        assert subnetwork.network == ask["network"]
        assert not taken, part
        assert reason(part) == "unassigned-address", part
    else:
        assert taken == {expected["name"]}, part
    if "delivered" in vector.expect:
        assert part["delivered"] == vector.expect["delivered"], part


@answers("classify_route", "routeType", "exportable_by_peering")
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
