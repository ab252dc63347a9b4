# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes that a virtual private gateway propagates into route tables, and how route tables are shown with them."""

from __future__ import annotations

import ipaddress
import typing as t

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.models import EC2Backend
from moto.ec2.models.route_tables import Route, RouteTable
from moto.ec2.responses import EC2Response

from . import reading
from .answers import Refused, invalid_value
from .facts import AwsFacts
from .networks import normal
from .places import Place
from .routes import propagated

Json = dict[str, t.Any]

SHOWN = (
    "destination_cidr_block",
    "destination_ipv6_cidr_block",
    "destination_prefix_list_id",
    "egress_only_internet_gateway_id",
    "gateway_id",
    "instance_id",
    "nat_gateway_id",
    "transit_gateway_id",
    "carrier_gateway_id",
    "network_interface_id",
    "vpc_peering_connection_id",
    "origin",
)
"""What moto's routes have of botocore's Route."""


class RouteTableBackend(EC2Backend):
    """The part of a region's store that concerns route tables."""

    place: Place
    going: str
    """The VPC that is being deleted at this moment, with its main table."""
    propagation: dict[str, list[str]]
    """By route table: the virtual private gateways that propagate into it."""

    def enable_propagation(self, table_id: str, gateway_id: str) -> None:
        table = self.get_route_table(table_id)
        gateway = self.known_vpn_gateway(gateway_id)
        if self.attached_vpc(gateway) != table.vpc_id:
            text = f"The gateway {gateway_id} is not attached to network {table.vpc_id}"
            raise Refused("Gateway.NotAttached", text)
        known = self.propagation.setdefault(table_id, [])
        if gateway_id not in known:
            known.append(gateway_id)

    def disable_propagation(self, table_id: str, gateway_id: str) -> None:
        self.get_route_table(table_id)
        self.known_vpn_gateway(gateway_id)
        if gateway_id in self.propagation.get(table_id, []):
            self.propagation[table_id].remove(gateway_id)

    def forget_propagation(self, gateway_id: str) -> None:
        """Of a gateway that is being detached."""
        for known in self.propagation.values():
            if gateway_id in known:
                known.remove(gateway_id)

    def delete_route_table(self, route_table_id: str) -> None:
        table = self.get_route_table(route_table_id)
        if table.main_association_id is not None and table.vpc_id != self.going:
            text = f"The routeTable '{route_table_id}' has dependencies and cannot be deleted."
            raise Refused("DependencyViolation", text)
        super().delete_route_table(route_table_id)
        self.propagation.pop(route_table_id, None)

    def create_route(
        self, route_table_id: str, destination_cidr_block: str | None, *rest: t.Any, local: bool = False, **more: t.Any
    ) -> Route:
        table = self.get_route_table(route_table_id)
        to = normal(destination_cidr_block) if destination_cidr_block else None
        if not local:
            # moto's own call has the two other kinds of destinations in `rest`
            self._check_destination(table, to, rest[1] if len(rest) > 1 else None, more, new=True)
            self._check_target(table, more)
        return super().create_route(route_table_id, to, *rest, local=local, **more)

    def replace_route(
        self, route_table_id: str, destination_cidr_block: str | None, *rest: t.Any, **more: t.Any
    ) -> Route:
        table = self.get_route_table(route_table_id)
        to = normal(destination_cidr_block) if destination_cidr_block else None
        names = ("nat_gateway_id", "egress_only_igw_id", "transit_gateway_id")
        target = more | dict(zip(names, rest[2:], strict=False))
        self._check_destination(table, to, rest[1] if len(rest) > 1 else None, target, new=False)
        self._check_target(table, target)
        return super().replace_route(route_table_id, to, *rest, **more)

    def delete_route(self, route_table_id: str, destination_cidr_block: str | None, *rest: t.Any) -> Route:
        table = self.get_route_table(route_table_id)
        to = normal(destination_cidr_block) if destination_cidr_block else None
        blocks = reading.ranges_of(self.vpcs[table.vpc_id]) if table.vpc_id in self.vpcs else ()
        if to in blocks:
            text = f"cannot remove local route {to} in route table {route_table_id}"
            raise Refused("InvalidParameterValue", text)
        return super().delete_route(route_table_id, to, *rest)

    def _check_destination(
        self, table: RouteTable, to: str | None, prefixes: str | None, target: Json, new: bool
    ) -> None:
        """https://docs.aws.amazon.com/vpc/latest/userguide/subnet-route-tables.html"""
        if prefixes and prefixes not in self.managed_prefix_lists:
            raise Refused("InvalidPrefixListID.NotFound", f"The prefix list ID '{prefixes}' does not exist")
        if prefixes and new and any(route.destination_prefix_list_id == prefixes for route in table.routes):
            raise Refused("RouteAlreadyExists", f"The route identified by {prefixes} already exists.")
        if to is None:
            return
        blocks = reading.ranges_of(self.get_vpc(table.vpc_id))
        if to in blocks:
            raise Refused("RouteAlreadyExists", f"The route identified by {to} already exists.")
        network = ipaddress.IPv4Network(to)
        if any(network.subnet_of(ipaddress.IPv4Network(block)) for block in blocks):
            own = [item.cidr_block for item in self.describe_subnets(filters={"vpc-id": [table.vpc_id]})]
            inner = ("interface_id", "instance_id", "nat_gateway_id", "vpc_endpoint_id")
            if to not in own or not any(target.get(name) for name in inner):
                text = "Route destination doesn't match any subnet CIDR blocks with a target that may be more specific."
                raise Refused("InvalidParameterValue", text)

    def _check_target(self, table: RouteTable, target: Json) -> None:
        transit = target.get("transit_gateway_id")
        if transit and not self.attached_transit(transit, table.vpc_id):
            raise Refused("InvalidTransitGatewayID.NotFound", f"The transitGateway ID '{transit}' does not exist.")
        gateway = str(target.get("gateway_id") or "")
        homes: list[str | None] = [table.vpc_id]
        if gateway.startswith("vgw-"):
            homes = [self.attached_vpc(self.known_vpn_gateway(gateway))]
        elif gateway.startswith("igw-"):
            home = self.get_internet_gateway(gateway).vpc
            homes = [home.id if home else None]
        if homes != [table.vpc_id]:
            text = f"route table {table.id} and network gateway {gateway} belong to different networks"
            raise Refused("InvalidParameterValue", text)

    # ---- showing

    def dead(self, route: Route) -> bool:
        """Whether what a route leads to is gone: blackhole."""
        vpc = route.route_table.vpc_id
        if route.local:
            return False
        if route.gateway is not None:
            identity = route.gateway.id
            if identity in self.vpn_gateways:
                return self.attached_vpc(self.vpn_gateways[identity]) != vpc
            if identity.startswith("igw-"):
                return identity not in self.internet_gateways or self.internet_gateways[identity].vpc.id != vpc
            return False
        if route.transit_gateway is not None:
            return not self.attached_transit(route.transit_gateway.id, vpc)
        if route.interface is not None:
            return route.interface.id not in self.enis or not running(route.interface.instance)
        if route.instance is not None:
            return not running(route.instance)
        if route.nat_gateway is not None:
            return route.nat_gateway.state != "available"
        if route.vpc_pcx is not None:
            return route.vpc_pcx._status.code != "active"
        return not route.vpc_endpoint_id

    def shown_table(self, table: RouteTable, facts: AwsFacts) -> Json:
        routes = [
            {name: getattr(route, name) for name in SHOWN} | {"state": "blackhole" if self.dead(route) else "active"}
            for route in table.routes
        ]
        for fact in facts.tables:
            if fact.id == table.id:
                routes += [
                    shown_propagated(item.to, item.target, item.blackhole)
                    for item in propagated(self.place.state, fact)
                ]
        return {
            "route_table_id": table.id,
            "vpc_id": table.vpc_id,
            "owner_id": table.owner_id,
            "associations": table.associations,
            "tags": table.get_tags(),
            "routes": routes,
            "propagating_vgws": [{"gateway_id": item} for item in self.propagation.get(table.id, [])],
        }


def running(instance: t.Any) -> bool:
    return instance is not None and bool(instance.is_running())


def shown_propagated(to: str, gateway: str, blackhole: bool) -> Json:
    state = "blackhole" if blackhole else "active"
    return {
        "destination_cidr_block": to,
        "gateway_id": gateway,
        "origin": "EnableVgwRoutePropagation",
        "state": state,
    }


class RouteTableResponse(EC2Response):
    """Calls about route tables that moto lacks or answers in part."""

    def enable_vgw_route_propagation(self) -> ActionResult:
        self.ec2_backend.enable_propagation(self._get_param("RouteTableId"), self._get_param("GatewayId"))
        return EmptyResult()

    def disable_vgw_route_propagation(self) -> ActionResult:
        self.ec2_backend.disable_propagation(self._get_param("RouteTableId"), self._get_param("GatewayId"))
        return EmptyResult()

    def describe_route_tables(self) -> ActionResult:
        identities = self._get_param("RouteTableIds", [])
        backend = self.ec2_backend
        tables = backend.describe_route_tables(identities, self._filters_from_querystring())
        facts = backend.place.state.aws
        return ActionResult({"RouteTables": [backend.shown_table(table, facts) for table in tables]})

    def create_route_table(self) -> ActionResult:
        vpc_id = self._get_param("VpcId")
        if not vpc_id:
            raise invalid_value("vpcId")
        tags = self._parse_tag_specification().get("route-table", {})
        backend = self.ec2_backend
        table = backend.create_route_table(vpc_id, [{"Key": key, "Value": value} for key, value in tags.items()])
        return ActionResult({"RouteTable": backend.shown_table(table, AwsFacts())})
