# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Transit gateways: what moto has, with the default associations, propagations and routes that EC2 makes.

https://docs.aws.amazon.com/vpc/latest/tgw/tgw-route-tables.html
"""

from __future__ import annotations

import ipaddress
import typing as t

from moto.core.responses import ActionResult
from moto.ec2.models import EC2Backend
from moto.ec2.models.transit_gateway import TransitGateway
from moto.ec2.models.transit_gateway_attachments import TransitGatewayAttachment
from moto.ec2.models.transit_gateway_route_tables import TransitGatewayRouteTable
from moto.ec2.responses import EC2Response
from moto.ec2.utils import generic_filter

from ..wan.learning import paths
from ..wan.model import transit_gateway_key
from . import reading
from .answers import Refused, invalid_value
from .places import Place, advance
from .vpn import checked_asn

Json = dict[str, t.Any]


def not_found(what: str, identity: object) -> Refused:
    """what: TransitGateway, TransitGatewayAttachment, RouteTable."""
    return Refused(f"Invalid{what}ID.NotFound", f"{what} {identity} was deleted or does not exist.")


class TransitBackend(EC2Backend):
    """The transit gateways of a region's store."""

    place: Place

    # ---- gateways

    def create_transit_gateway(
        self, description: str | None, options: Json | None = None, tags: t.Any = None
    ) -> TransitGateway:
        chosen = dict(options or {})
        chosen["AmazonSideAsn"] = checked_asn(chosen.get("AmazonSideAsn"))
        made = super().create_transit_gateway(description, chosen, tags)
        made.transit_gateway_id = made.id
        made.state = "pending"
        for side, of in (("Association", "association"), ("Propagation", "propagation")):
            if made.options[f"DefaultRouteTable{side}"] != "enable":
                made.options.pop(f"{side}DefaultRouteTableId", None)
                setattr(made.default_route_table, f"default_{of}_route_table", False)
        self.place.later("aws.transitGateway", lambda: advance(made, "pending", "available"))
        return made

    def available_transit_gateway(self, identity: str) -> TransitGateway:
        found = self.transit_gateways.get(identity)
        if found is None:
            raise not_found("TransitGateway", identity)
        if found.state not in ("available", "modifying"):
            raise Refused("IncorrectState", f"{identity} is in invalid state")
        return found

    def describe_transit_gateways(self, filters: t.Any, transit_gateway_ids: list[str] | None) -> list[TransitGateway]:
        for identity in transit_gateway_ids or ():
            if identity not in self.transit_gateways:
                raise not_found("TransitGateway", identity)
        return t.cast(list[TransitGateway], super().describe_transit_gateways(filters, transit_gateway_ids))

    def delete_transit_gateway(self, transit_gateway_id: str) -> TransitGateway:
        self.available_transit_gateway(transit_gateway_id)
        used = [item.id for item in self.living_attachments() if item.transit_gateway_id == transit_gateway_id]
        if used:
            text = f"{transit_gateway_id} has non-deleted Transit Gateway Attachments: {', '.join(used)}."
            raise Refused("IncorrectState", text)
        gone = super().delete_transit_gateway(transit_gateway_id)
        gone.state = "deleted"
        for table in list(self.transit_gateways_route_tables.values()):
            if table.transit_gateway_id == transit_gateway_id:
                del self.transit_gateways_route_tables[table.id]
        return gone

    def attached_transit(self, gateway: str, vpc_id: str) -> bool:
        """Whether a VPC has an attachment to a transit gateway that is in force."""
        return any(
            (item.transit_gateway_id, item.resource_id, item.state) == (gateway, vpc_id, "available")
            for item in self.transit_gateway_attachments.values()
        )

    # ---- attachments

    def living_attachments(self) -> list[TransitGatewayAttachment]:
        return [item for item in self.transit_gateway_attachments.values() if item.state not in ("deleting", "deleted")]

    def attachment(self, identity: str) -> TransitGatewayAttachment:
        found = self.transit_gateway_attachments.get(identity)
        if found is None or found.state == "deleted":
            raise not_found("TransitGatewayAttachment", identity)
        return found

    def describe_transit_gateway_attachments(
        self, transit_gateways_attachment_ids: list[str] | None = None, filters: t.Any = None
    ) -> list[TransitGatewayAttachment]:
        known = self.transit_gateway_attachments
        chosen = [self.attachment(item) for item in transit_gateways_attachment_ids or ()] or list(known.values())
        return t.cast(list[TransitGatewayAttachment], generic_filter(filters, chosen))

    def describe_transit_gateway_vpc_attachments(
        self, transit_gateways_attachment_ids: list[str] | None = None, filters: t.Any = None
    ) -> list[TransitGatewayAttachment]:
        found = self.describe_transit_gateway_attachments(transit_gateways_attachment_ids)
        ours = [item for item in found if item.resource_type == "vpc"]
        return t.cast(list[TransitGatewayAttachment], generic_filter(filters, ours))

    def create_transit_gateway_vpc_attachment(
        self, transit_gateway_id: str, vpc_id: str, subnet_ids: list[str], tags: t.Any = None, options: t.Any = None
    ) -> TransitGatewayAttachment:
        self.available_transit_gateway(transit_gateway_id)
        self.get_vpc(vpc_id)
        self._check_zones(vpc_id, subnet_ids)
        made = super().create_transit_gateway_vpc_attachment(transit_gateway_id, vpc_id, subnet_ids, tags, options)
        return self._begun(made)

    def modify_transit_gateway_vpc_attachment(
        self,
        transit_gateway_attachment_id: str,
        add_subnet_ids: t.Any = None,
        options: t.Any = None,
        remove_subnet_ids: t.Any = None,
    ) -> TransitGatewayAttachment:
        known = self.attachment(transit_gateway_attachment_id)
        kept = [item for item in known.subnet_ids if item not in (remove_subnet_ids or [])]
        self._check_zones(known.vpc_id, [*kept, *(add_subnet_ids or [])])
        return super().modify_transit_gateway_vpc_attachment(
            transit_gateway_attachment_id, add_subnet_ids, options, remove_subnet_ids
        )

    def _check_zones(self, vpc_id: str, subnet_ids: list[str]) -> None:
        """https://docs.aws.amazon.com/vpc/latest/tgw/tgw-vpc-attachments.html: one subnet of a zone."""
        chosen = [self.get_subnet(item) for item in subnet_ids]
        if not chosen:
            raise Refused("MissingParameter", "The request must contain the parameter subnetIds")
        if any(item.vpc_id != vpc_id for item in chosen):
            raise invalid_value("subnetIds", ", ".join(subnet_ids), f"They must be of {vpc_id}.")
        zones = [item.availability_zone for item in chosen]
        if len(set(zones)) < len(zones):
            raise Refused("DuplicateSubnetsInSameZone", "Duplicate Subnets for same AZ")

    def create_transit_gateway_vpn_attachment(
        self, vpn_id: str, transit_gateway_id: str, tags: t.Any = None
    ) -> TransitGatewayAttachment:
        return self._begun(super().create_transit_gateway_vpn_attachment(vpn_id, transit_gateway_id, tags))

    def _begun(self, made: TransitGatewayAttachment) -> TransitGatewayAttachment:
        """A new attachment goes into the gateway's default tables, and takes its time. moto shows the association of
        `transit_gateway_route_table`."""
        options = self.transit_gateways[made.transit_gateway_id].options
        for table in self.transit_gateways_route_tables.values():
            table.route_table_associations.pop(made.id, None)
        made.transit_gateway_route_table = None
        made.state = "pending"
        if options.get("AssociationDefaultRouteTableId"):
            self.associate_transit_gateway_route_table(made.id, options["AssociationDefaultRouteTableId"])
        if options.get("PropagationDefaultRouteTableId"):
            table_id = options["PropagationDefaultRouteTableId"]
            self.enable_transit_gateway_route_table_propagation(made.id, table_id)
        if made.resource_type == "vpn":
            self.place.later("aws.vpnConnection", lambda: advance(made, "pending", "available"))
        else:
            self.place.later("aws.transitGatewayAttachment", lambda: advance(made, "pending", "available"))
        return made

    def delete_transit_gateway_vpc_attachment(self, transit_gateway_attachment_id: str) -> TransitGatewayAttachment:
        gone = self.attachment(transit_gateway_attachment_id)
        self.forget_attachment(gone.id)
        del self.transit_gateway_attachments[gone.id]
        gone.state = "deleted"
        return gone

    def forget_attachment(self, identity: str) -> None:
        """Out of every transit route table; static routes to it become blackholes."""
        for table in self.transit_gateways_route_tables.values():
            table.route_table_associations.pop(identity, None)
            table.route_table_propagation = [
                item for item in table.route_table_propagation if item.transitGatewayAttachmentId != identity
            ]
            for route in table.routes.values():
                if route["attachment"] == identity:
                    route["attachment"] = ""

    # ---- route tables

    def transit_table(self, identity: str) -> TransitGatewayRouteTable:
        found = self.transit_gateways_route_tables.get(identity)
        if found is None or found.state != "available":
            raise not_found("RouteTable", identity)
        return found

    def delete_transit_gateway_route_table(self, transit_gateway_route_table_id: str) -> TransitGatewayRouteTable:
        table = self.transit_table(transit_gateway_route_table_id)
        if table.route_table_associations or table.default_association_route_table:
            raise Refused("IncorrectState", f"{table.id} has non-deleted associations.")
        return super().delete_transit_gateway_route_table(table.id)

    def associate_transit_gateway_route_table(
        self, transit_gateway_attachment_id: str, transit_gateway_route_table_id: str
    ) -> Json:
        item = self.attachment(transit_gateway_attachment_id)
        table = self.transit_table(transit_gateway_route_table_id)
        if item.transit_gateway_route_table is not None:
            text = f"{item.id} is already associated to a route table."
            raise Refused("Resource.AlreadyAssociated", text)
        self.set_route_table_association(item.id, table.id)
        item.transit_gateway_route_table = table
        return relation(item, table.id, "associated")

    def disassociate_transit_gateway_route_table(self, tgw_attach_id: str, tgw_rt_id: str) -> Json:
        item, table = self.attachment(tgw_attach_id), self.transit_table(tgw_rt_id)
        if item.id not in table.route_table_associations:
            raise Refused("InvalidAssociation.NotFound", f"{item.id} is not associated with {table.id}.")
        self.unset_route_table_association(table.id, item.id)
        item.transit_gateway_route_table = None
        return relation(item, table.id, "disassociated")

    def enable_transit_gateway_route_table_propagation(
        self, transit_gateway_attachment_id: str, transit_gateway_route_table_id: str
    ) -> Json:
        item = self.attachment(transit_gateway_attachment_id)
        table = self.transit_table(transit_gateway_route_table_id)
        if item.id in propagating(table):
            text = f"Propagation of {item.id} to {table.id} is already enabled."
            raise Refused("TransitGatewayRouteTablePropagation.Duplicate", text)
        self.set_route_table_propagation(item.id, table.id)
        return relation(item, table.id, "enabled")

    def disable_transit_gateway_route_table_propagation(
        self, transit_gateway_attachment_id: str, transit_gateway_route_table_id: str
    ) -> Json:
        item = self.attachment(transit_gateway_attachment_id)
        table = self.transit_table(transit_gateway_route_table_id)
        if item.id not in propagating(table):
            text = f"Propagation of {item.id} to {table.id} is not enabled."
            raise Refused("TransitGatewayRouteTablePropagation.NotFound", text)
        self.disable_route_table_propagation(item.id, table.id)
        return relation(item, table.id, "disabled")

    # ---- transit routes; table.routes: attachment id by range, '' for a blackhole

    def put_transit_route(self, table_id: str, cidr: str, attachment: str | None, blackhole: bool, new: bool) -> Json:
        table = self.transit_table(table_id)
        try:
            to = str(ipaddress.IPv4Network(cidr))
        except ValueError:
            raise invalid_value("destinationCidrBlock", cidr) from None
        if new and to in table.routes:
            raise Refused("RouteAlreadyExists", f"Route {to} already exists in Transit Gateway Route Table {table_id}.")
        if not new and to not in table.routes:
            raise Refused("InvalidRoute.NotFound", f"Route {to} does not exist in {table_id}.")
        if blackhole == bool(attachment):
            text = "The request must contain either transitGatewayAttachmentId or blackhole"
            raise Refused("InvalidParameterCombination", text)
        table.routes[to] = {"attachment": self.attachment(attachment).id if attachment else ""}
        return self.shown_transit_route(to, table.routes[to]["attachment"], "static")

    def remove_transit_route(self, table_id: str, cidr: str) -> Json:
        table = self.transit_table(table_id)
        if cidr not in table.routes:
            raise Refused("InvalidRoute.NotFound", f"Route {cidr} does not exist in {table_id}.")
        gone = self.shown_transit_route(cidr, table.routes.pop(cidr)["attachment"], "static")
        return gone | {"State": "deleted"}

    def transit_routes(self, table_id: str) -> list[Json]:
        """Of one range: the static route, else a VPC's, else the VPN connections'."""
        table = self.transit_table(table_id)
        found = {to: self.shown_transit_route(to, route["attachment"], "static") for to, route in table.routes.items()}
        takes = [self.transit_gateway_attachments[item] for item in propagating(table)]
        for item in [item for item in takes if item.state == "available" and item.resource_type == "vpc"]:
            for text in reading.ranges_of(self.get_vpc(item.resource_id)):
                found.setdefault(text, self.shown_transit_route(text, item.id, "propagated"))
        tunnels = {item.resource_id: item.id for item in takes if item.resource_type == "vpn"}
        for path in paths(self.place.state, transit_gateway_key(table.transit_gateway_id)):
            through = [end.partition("/")[0] for end in path.tunnels]
            used = list(dict.fromkeys(tunnels[item] for item in through if item in tunnels))
            if used:
                shown = [self.shown_transit_route(path.range, item, "propagated") for item in used]
                merged = [card for one in shown for card in one["TransitGatewayAttachments"]]
                found.setdefault(path.range, shown[0] | {"TransitGatewayAttachments": merged})
        return list(found.values())

    def shown_transit_route(self, to: str, attachment: str, kind: str) -> Json:
        route = {"DestinationCidrBlock": to, "Type": kind, "State": "active" if attachment else "blackhole"}
        if not attachment:
            return route
        item = self.transit_gateway_attachments[attachment]
        card = {"ResourceId": item.resource_id, "ResourceType": item.resource_type}
        return route | {"TransitGatewayAttachments": [card | {"TransitGatewayAttachmentId": item.id}]}


def propagating(table: TransitGatewayRouteTable) -> list[str]:
    return [item.transitGatewayAttachmentId for item in table.route_table_propagation]


def relation(item: TransitGatewayAttachment, table_id: str, state: str) -> Json:
    """TransitGatewayAssociation and TransitGatewayPropagation."""
    return {
        "TransitGatewayAttachmentId": item.id,
        "TransitGatewayRouteTableId": table_id,
        "ResourceId": item.resource_id,
        "ResourceType": item.resource_type,
        "State": state,
    }


def matches(route: Json, filters: t.Mapping[str, list[str]]) -> bool:
    """SearchTransitGatewayRoutes' filters, but for longest-prefix-match."""
    cards = route.get("TransitGatewayAttachments", [])
    network = ipaddress.IPv4Network(route["DestinationCidrBlock"])

    def by_range(test: t.Callable[[ipaddress.IPv4Network], bool], values: list[str]) -> bool:
        return any(test(ipaddress.IPv4Network(value, strict=False)) for value in values)

    tests: dict[str, t.Callable[[list[str]], bool]] = {
        "type": lambda values: route["Type"] in values,
        "state": lambda values: route["State"] in values,
        "attachment.transit-gateway-attachment-id": lambda values: any(
            card["TransitGatewayAttachmentId"] in values for card in cards
        ),
        "attachment.resource-id": lambda values: any(card["ResourceId"] in values for card in cards),
        "attachment.resource-type": lambda values: any(card["ResourceType"] in values for card in cards),
        "prefix-list-id": lambda values: False,
        "route-search.exact-match": lambda values: by_range(lambda value: value == network, values),
        "route-search.longest-prefix-match": lambda values: by_range(lambda value: value.subnet_of(network), values),
        "route-search.subnet-of-match": lambda values: by_range(network.subnet_of, values),
        "route-search.supernet-of-match": lambda values: by_range(network.supernet_of, values),
    }
    for name in filters:
        if name not in tests:
            raise Refused("InvalidParameterValue", f"The filter '{name}' is invalid")
    return all(tests[name](values) for name, values in filters.items())


def searched(routes: list[Json], filters: t.Mapping[str, list[str]]) -> list[Json]:
    found = [route for route in routes if matches(route, filters)]
    if "route-search.longest-prefix-match" in filters and found:
        longest = max(_length(route) for route in found)
        found = [route for route in found if _length(route) == longest]
    return sorted(found, key=lambda route: ipaddress.IPv4Network(route["DestinationCidrBlock"]))


def _length(route: Json) -> int:
    return int(route["DestinationCidrBlock"].partition("/")[2])


class TransitResponse(EC2Response):
    """Calls about transit gateways that moto lacks or answers in part."""

    def create_transit_gateway_vpc_attachment(self) -> ActionResult:
        made = self.ec2_backend.create_transit_gateway_vpc_attachment(
            self._get_param("TransitGatewayId"),
            self._get_param("VpcId"),
            self._get_param("SubnetIds", []),
            self._parse_tag_specification().get("transit-gateway-attachment", {}),
            self._get_param("Options", {}),
        )
        return ActionResult({"TransitGatewayVpcAttachment": made})

    def create_transit_gateway_route(self) -> ActionResult:
        return self._put(new=True)

    def replace_transit_gateway_route(self) -> ActionResult:
        return self._put(new=False)

    def _put(self, new: bool) -> ActionResult:
        route = self.ec2_backend.put_transit_route(
            self._get_param("TransitGatewayRouteTableId"),
            self._get_param("DestinationCidrBlock"),
            self._get_param("TransitGatewayAttachmentId"),
            bool(self._get_param("Blackhole", False)),
            new,
        )
        return ActionResult({"Route": route})

    def delete_transit_gateway_route(self) -> ActionResult:
        table, to = self._get_param("TransitGatewayRouteTableId"), self._get_param("DestinationCidrBlock")
        return ActionResult({"Route": self.ec2_backend.remove_transit_route(table, to)})

    def search_transit_gateway_routes(self) -> ActionResult:
        routes = self.ec2_backend.transit_routes(self._get_param("TransitGatewayRouteTableId"))
        found = searched(routes, self._filters_from_querystring())
        most = int(self._get_param("MaxResults", 1000))
        return ActionResult({"Routes": found[:most], "AdditionalRoutesAvailable": len(found) > most})

    def get_transit_gateway_attachment_propagations(self) -> ActionResult:
        identity = self._get_param("TransitGatewayAttachmentId")
        self.ec2_backend.attachment(identity)
        tables = self.ec2_backend.transit_gateways_route_tables.values()
        found = [
            {"TransitGatewayRouteTableId": table.id, "State": "enabled"}
            for table in tables
            if identity in propagating(table)
        ]
        return ActionResult({"TransitGatewayAttachmentPropagations": found})
