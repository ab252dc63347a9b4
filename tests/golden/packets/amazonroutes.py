# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes at AWS: which one of a subnet's table a packet takes, and which connection of a virtual private gateway.

The vectors of route tables share one VPN with its session: each gets a VPC of its own, to which the gateway moves.
"""

from __future__ import annotations

from ansible_collections.podreach.gke.tests.golden.loader import Vector
from ansible_collections.podreach.gke.tests.golden.packets import tables
from ansible_collections.podreach.gke.tests.golden.packets.amazon import Json
from ansible_collections.podreach.gke.tests.golden.packets.hybrid import Far, Plan, Tunnel, received, vpc_blocks
from ansible_collections.podreach.gke.tests.golden.packets.outside import FarSide, Outside
from ansible_collections.podreach.gke.tests.golden.packets.questions import staged
from ansible_collections.podreach.gke.tests.golden.packets.stage import Stage
from ansible_collections.podreach.gke.tests.golden.packets.traces import (
    died_at_amazon,
    gateways,
    passed_at,
    routeless,
    trace,
)
from ansible_collections.podreach.gke.tests.golden.packets.world import REGION, World, around, net

KEY = "route tables of AWS"
ASN = 65010
FIRST_PEER = Tunnel("t1", {"name": "peer1"}, "169.254.24.220/30")


def a_plan(router: str = "r1", network: str = "n1", tunnel: Tunnel = FIRST_PEER) -> Plan:
    """One tunnel to a virtual private gateway; nothing is advertised."""
    bgp = {"asn": ASN, "advertiseMode": "CUSTOM", "advertisedGroups": [], "advertisedIpRanges": []}
    far = Far("vgw", 64512, ["10.0.0.0/16"], [], [tunnel])
    return Plan(router, network, REGION, bgp, [], [far])


def build(world: World) -> None:
    """The VPN that all vectors of route tables share."""
    world.outside = Outside(world, a_plan())
    world.outside.build({})


def in_a_new_vpc(vector: Vector, outside: Outside) -> tables.Targets:
    """Move the gateway to a new VPC as given, and advertise what is said to be propagated or received."""
    (side,) = outside.sides
    amazon, given = outside.amazon, vector.given
    amazon.terminate_all(side.vpc)
    if side.attached:
        amazon.detach(side.gateway, side.vpc)
    side.vpc = amazon.vpc(vpc_blocks(vector))
    for subnet in given["Subnets"]:
        amazon.subnet(side.vpc, subnet["SubnetId"], subnet["CidrBlock"])
    amazon.attach(side.gateway, side.vpc)
    side.attached = True
    ranges = [{"range": cidr} for cidr in received(given) or []]
    outside.advertise({**outside.plan.bgp, "advertisedIpRanges": ranges})
    targets = tables.make(amazon, side.vpc, side.gateway, given)
    if any(route["State"] == "blackhole" for table in given["RouteTables"] for route in table["Routes"]):
        # a route is a black hole once its target is gone
        amazon.detach(side.gateway, side.vpc)
        side.attached = False
    outside.settle()
    tables.as_given(amazon, targets, given)
    return targets


@staged("aws_route", "route", "route_table", "delivered")
def aws_route(vector: Vector, stage: Stage) -> None:
    """Which route of a subnet's table a packet takes."""
    world = stage.keep(KEY, build)
    outside = world.far_clouds
    (side,) = outside.sides
    targets = in_a_new_vpc(vector, outside)
    ask, expected = vector.ask["aws_route"], vector.expect["route"]
    (cidr,) = [item["CidrBlock"] for item in vector.given["Subnets"] if item["SubnetId"] == ask["SubnetId"]]
    sender = outside.machine(str(net(cidr)[10]), ask["SubnetId"])
    if expected is None:
        part = sent(world, sender, ask["to"])
        assert routeless(part), part
        assert died_at_amazon(world, part), part
        assert not gateways(world, part), part
    elif expected.get("GatewayId") == "local":
        receiver = local_machine(outside, side, ask["to"])
        part = sent(world, sender, ask["to"])
        assert part["delivered"], part
        assert receiver in part["received_by"], part
        assert not gateways(world, part), part
    else:
        by_target(world, sent(world, sender, ask["to"]), vector, targets)
    if "route_table" in vector.expect:
        turn_propagation(world, sender, vector)


def sent(world: World, sender: str, to: str) -> Json:
    """The way of a packet from a machine at AWS."""
    world.far_clouds.settle()
    part: Json = trace(world, sender, to, "icmp")["request"]
    return part


def local_machine(outside: Outside, side: FarSide, address: str) -> str:
    """A machine of the VPC at the address that the packet goes to."""
    outside.amazon.subnet(side.vpc, "of-receiver", str(around(address)))
    return outside.machine(address)


def by_target(world: World, part: Json, vector: Vector, targets: tables.Targets) -> None:
    """The packet took the way of the expected target, or died of it."""
    expected = vector.expect["route"]
    for key, name in expected.items():
        if key in ("GatewayId", "TransitGatewayId"):
            assert passed_at(part, targets.known[name]), part
        elif key == "NetworkInterfaceId":
            assert passed_at(part, targets.vpc.instances[tables.APPLIANCE[2]]), part
        elif key == "VpcPeeringConnectionId":
            # no lab has such a peering: it must be what the packet died of
            assert not gateways(world, part), part
            assert died_at_amazon(world, part), part
            assert not routeless(part), part
        elif key == "State":
            assert expected["State"] == "blackhole"
            assert not gateways(world, part), part
            assert died_at_amazon(world, part), part
    if "delivered" in vector.expect:
        assert part["delivered"] == vector.expect["delivered"], part
    if "TransitGatewayId" not in expected and "GatewayId" not in expected:
        assert not gateways(world, part), part


def turn_propagation(world: World, sender: str, vector: Vector) -> None:
    """Turn propagation round in the table that is said to decide: the answer must turn with it."""
    outside = world.far_clouds
    (side,) = outside.sides
    (table,) = [item for item in vector.given["RouteTables"] if item["RouteTableId"] == vector.expect["route_table"]]
    on = bool(table["PropagatingVgws"])
    outside.amazon.propagate(side.vpc.tables[table["RouteTableId"]], side.gateway, on=not on)
    part = sent(world, sender, vector.ask["aws_route"]["to"])
    assert (side.gateway in gateways(world, part)) != on, part


# ---- among the connections of one gateway


@staged("vgw_path", "vpn")
def vgw_path(vector: Vector, stage: Stage) -> None:
    """Which of its connections a virtual private gateway sends a packet by: each leads to a network of its own, and
    both have a machine with the address."""
    world = stage.fresh()
    to = vector.ask["vgw_path"]
    outside = Outside(world, a_plan())
    world.outside = outside
    amazon = outside.amazon
    vpc = amazon.vpc(["10.0.0.0/16"])
    gateway = amazon.virtual_gateway(64512, vpc)
    amazon.propagate(vpc.main_table, gateway)
    receivers = {}
    for number, route in enumerate(vector.given["VgwRoutes"]):
        network = route["vpn"]
        peer = {"name": f"peer{number}", "advertisedRoutePriority": route.get("med", 100)}
        tunnel = Tunnel(f"t{number}", peer, f"169.254.60.{4 * number}/30")
        one = Outside(world, a_plan(f"r{number}", network, tunnel))
        static = route["origin"] == "VPN static"
        side = one.onto(gateway, vpc, f"gateway{number}", static=[route["prefix"]] if static else [])
        if not static:
            custom = {"advertiseMode": "CUSTOM", "advertisedIpRanges": [{"range": route["prefix"]}]}
            one.advertise({**one.plan.bgp, **custom})
        outside.sides.append(side)
        world.allow(network, f"in-{network}")
        world.make_subnetwork({"name": f"of-{network}", "network": network, "ipCidrRange": str(around(to))})
        receivers[route["vpn"]] = world.machine(f"of-{network}", network, to)
    sender = outside.machine("10.0.1.7")
    part = sent(world, sender, to)
    assert part["delivered"], part
    assert receivers[vector.expect["vpn"]] in part["received_by"], part
