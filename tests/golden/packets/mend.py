# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Causes shown by packets: what is said to keep a flow from its end is taken away, and the flow must get there.

So an estate in which nothing arrives for another reason doesn't pass for the expected one.
"""

from __future__ import annotations

import typing as t

from ansible_collections.podreach.gke.tests.golden.loader import Vector
from ansible_collections.podreach.gke.tests.golden.packets.amazon import ANYWHERE
from ansible_collections.podreach.gke.tests.golden.packets.ends import parse
from ansible_collections.podreach.gke.tests.golden.packets.hybrid import plan
from ansible_collections.podreach.gke.tests.golden.packets.outside import FarSide
from ansible_collections.podreach.gke.tests.golden.packets.stage import Stage
from ansible_collections.podreach.gke.tests.golden.packets.traces import trace
from ansible_collections.podreach.gke.tests.golden.packets.world import World, around

Mend = t.Callable[[Vector, World], None]


def advertise_pods(vector: Vector, world: World) -> None:
    """Advertise the block of the flow's pod as a custom range, beside the subnetworks."""
    ends = [parse(vector.ask[key]) for key in ("from", "to")]
    ranges = [{"range": str(around(end.address))} for end in ends if end.kind == "pod"]
    bgp = plan(vector).bgp
    more = [*bgp.get("advertisedIpRanges", []), *ranges]
    world.far_clouds.advertise(
        {**bgp, "advertiseMode": "CUSTOM", "advertisedGroups": ["ALL_SUBNETS"], "advertisedIpRanges": more}
    )


def open_group(_vector: Vector, world: World) -> None:
    """Open the security groups."""
    for side in world.far_clouds.sides:
        world.far_clouds.amazon.filter(side.vpc, None)


def open_firewall(_vector: Vector, world: World) -> None:
    """A firewall rule that lets everything into the router's network."""
    world.allow(world.far_clouds.plan.network, "mended", priority=0)


def exchange_routes(vector: Vector, world: World) -> None:
    """Let custom routes cross every peering, and advertise the pods beyond."""
    for network in vector.given["networks"]:
        for peering in network["peerings"]:
            body = {
                "name": peering["name"],
                "exchangeSubnetRoutes": True,
                "exportCustomRoutes": True,
                "importCustomRoutes": True,
            }
            world.do("PATCH", f"global/networks/{network['name']}/updatePeering", {"networkPeering": body})
    advertise_pods(vector, world)


def route_globally(_vector: Vector, world: World) -> None:
    """Global instead of regional routing."""
    mode = {"routingConfig": {"routingMode": "GLOBAL"}}
    world.do("PATCH", f"global/networks/{world.far_clouds.plan.network}", mode)


def the_side(world: World) -> FarSide:
    """The only far side."""
    (side,) = world.far_clouds.sides
    return side


def route_to_transit(_vector: Vector, world: World) -> None:
    """A route to the transit gateway in every table that the vector names."""
    side = the_side(world)
    for table in side.vpc.tables.values():
        world.far_clouds.amazon.ec2.create_route(
            RouteTableId=table, DestinationCidrBlock=ANYWHERE, TransitGatewayId=side.gateway
        )


def attach_every_zone(_vector: Vector, world: World) -> None:
    """Attach the VPC in the zones of all of its subnets."""
    side = the_side(world)
    ec2 = world.far_clouds.amazon.ec2
    reply = ec2.describe_transit_gateway_vpc_attachments(TransitGatewayAttachmentIds=[side.attachment])
    there = reply["TransitGatewayVpcAttachments"][0]["SubnetIds"]
    missing = [found for found in side.vpc.subnets.values() if found not in there]
    ec2.modify_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=side.attachment, AddSubnetIds=missing)


def propagate_vpn(_vector: Vector, world: World) -> None:
    """Let the VPN's routes into the transit gateway's table."""
    side = the_side(world)
    amazon = world.far_clouds.amazon
    amazon.ec2.enable_transit_gateway_route_table_propagation(
        TransitGatewayRouteTableId=side.table, TransitGatewayAttachmentId=amazon.vpn_attachment(side.connection)
    )


def associate_vpc(_vector: Vector, world: World) -> None:
    """Let what comes from the VPC be routed by the transit gateway's table."""
    side = the_side(world)
    world.far_clouds.amazon.ec2.associate_transit_gateway_route_table(
        TransitGatewayRouteTableId=side.table, TransitGatewayAttachmentId=side.attachment
    )


#: Cause -> what takes it away.
MENDS: dict[str, Mend] = {
    "bgp-range-not-advertised": advertise_pods,
    "aws-sg-denies": open_group,
    "firewall-denies": open_firewall,
    "bgp-region-scope": route_globally,
    "peering-not-transitive": exchange_routes,
    "tgw-route-missing": route_to_transit,
    "tgw-no-attachment-in-az": attach_every_zone,
    "tgw-propagation": propagate_vpn,
    "tgw-association": associate_vpc,
}
#: Those that are undone where the estate is used again (estates.change).
UNDONE = ("bgp-range-not-advertised", "aws-sg-denies")


def judge(vector: Vector, stage: Stage, world: World, name: str, address: str) -> None:
    """Take the expected causes away, the last one first: the flow from the machine of that name arrives when all are
    gone, and not before."""
    causes = vector.expect.get("causes", [])
    any_of = [cause for cause in vector.expect.get("causes_any_of", []) if cause in MENDS]
    if not any_of and not (causes and set(causes) <= set(MENDS)):
        return
    if not set(causes or any_of) <= set(UNDONE):
        stage.forget()
    steps = [[cause] for cause in reversed(causes)] or [any_of]
    for number, step in enumerate(steps):
        for cause in step:
            MENDS[cause](vector, world)
        world.far_clouds.settle()
        answer = trace(world, name, address, vector.ask["protocol"], vector.ask.get("port"))
        expected = "reachable" if number == len(steps) - 1 else "unreachable"
        assert answer["verdict"] == expected, f"after taking away {step}: {answer}"
