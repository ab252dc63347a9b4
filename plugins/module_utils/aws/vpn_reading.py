# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading AWS's half of a VPN: gateway, customer gateways, connections, and the VPC's route tables, in one shape.

AWS's answers are turned into plain dictionaries with names of ours here, and nowhere else.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ..errors import PodreachError, Refused
from . import tags, tunnel_options
from .client import Client

Json = dict[str, t.Any]

VIRTUAL, TRANSIT = "virtual_private_gateway", "transit_gateway"
KINDS = (VIRTUAL, TRANSIT)
ALIVE = ("pending", "available", "modifying")
PASSING = ("pending", "modifying", "deleting", "attaching", "detaching", "initiating", "initiatingRequest")


@dataclasses.dataclass
class Estate:
    """What there is of one VPN.

    gateway: id, kind, asn, state, owned, name, vpc_id and attachment (of a virtual private gateway), default_tables.
    customers: id, address, asn, owned, name, used (by any connection).
    connections: those of the logical name, and all others at the gateway.
    tables: id, name, main, propagating, routes, subnets. attachments: of a transit gateway.
    subnets: id, name, zone; read where some are asked for.
    """

    gateway: Json | None = None
    vpc: Json | None = None
    customers: list[Json] = dataclasses.field(default_factory=list)
    connections: list[Json] = dataclasses.field(default_factory=list)
    tables: list[Json] = dataclasses.field(default_factory=list)
    attachments: list[Json] = dataclasses.field(default_factory=list)
    subnets: list[Json] = dataclasses.field(default_factory=list)
    #: other virtual private gateways, by the VPC that each is attached to
    attached: dict[str, str] = dataclasses.field(default_factory=dict)

    def passing(self, name: str) -> list[str]:
        """What of the VPN of that name is about to become something else, with its state."""
        found = []
        mine = [item for item in self.connections if item["owned"] and item["name"] == name]
        ids = {item["id"] for item in mine} | ({self.vpc["id"]} if self.vpc else set())
        gateway = self.gateway
        if gateway and gateway["state"] in PASSING:
            found.append(f"{gateway['id']} {gateway['state']}")
        if gateway and gateway.get("attachment") in PASSING:
            found.append(f"{gateway['id']} {gateway['attachment']} at {gateway['vpc_id']}")
        for item in (*mine, *(item for item in self.attachments if item["resource_id"] in ids)):
            if item["state"] in PASSING:
                found.append(f"{item['id']} {item['state']}")
        return found


def virtual_gateway(answer: Json) -> Json:
    """The attachment that counts is the one that is not gone."""
    held = [item for item in answer.get("VpcAttachments") or [] if item.get("State") != "detached"]
    return {
        "id": answer["VpnGatewayId"],
        "kind": VIRTUAL,
        "asn": int(answer.get("AmazonSideAsn") or 64512),
        "state": answer.get("State"),
        "owned": tags.owned(answer),
        "name": tags.of(answer).get(tags.NAME_TAG),
        "vpc_id": held[0].get("VpcId") if held else None,
        "attachment": held[0].get("State") if held else None,
    }


def transit_gateway(answer: Json) -> Json:
    options = answer.get("Options") or {}
    return {
        "id": answer["TransitGatewayId"],
        "kind": TRANSIT,
        "asn": int(options.get("AmazonSideAsn") or 64512),
        "state": answer.get("State"),
        "owned": tags.owned(answer),
        "name": tags.of(answer).get(tags.NAME_TAG),
        "vpc_id": None,
        "attachment": None,
        #: the table that new attachments are associated with by themselves, and the one that they are propagated to
        "associates": options.get("AssociationDefaultRouteTableId")
        if options.get("DefaultRouteTableAssociation") == "enable"
        else None,
        "propagates": options.get("PropagationDefaultRouteTableId")
        if options.get("DefaultRouteTablePropagation") == "enable"
        else None,
    }


def gateways(client: Client, kinds: t.Collection[str]) -> list[Json]:
    """All gateways of these kinds that are not deleted."""
    found = []
    if VIRTUAL in kinds:
        found += [virtual_gateway(item) for item in client.describe("describe_vpn_gateways", "VpnGateways")]
    if TRANSIT in kinds:
        listed = client.describe("describe_transit_gateways", "TransitGateways")
        found += [transit_gateway(item) for item in listed]
    return [item for item in found if item["state"] != "deleted"]


def customers(client: Client) -> list[Json]:
    found = []
    for item in client.describe("describe_customer_gateways", "CustomerGateways"):
        if item.get("State") in ("pending", "available"):
            found.append(
                {
                    "id": item["CustomerGatewayId"],
                    "address": item.get("IpAddress"),
                    "asn": int(item.get("BgpAsn") or item.get("BgpAsnExtended") or 65000),
                    "state": item.get("State"),
                    "owned": tags.owned(item),
                    "name": tags.of(item).get(tags.NAME_TAG),
                    "plain": not item.get("CertificateArn"),
                }
            )
    return found


def connection(answer: Json, known: t.Mapping[str, Json], secrets: set[str]) -> Json:
    """A connection; its keys go into ``secrets`` and into ``keys``, which no result shows unasked."""
    customer = known.get(answer.get("CustomerGatewayId") or "", {})
    options = answer.get("Options") or {}
    reports = {item.get("OutsideIpAddress"): item for item in answer.get("VgwTelemetry") or []}
    tunnels = []
    for current in options.get("TunnelOptions") or []:
        report = reports.get(current.get("OutsideIpAddress"), {})
        inside = current.get("TunnelInsideCidr")
        mine, theirs = tunnel_options.ends(inside) if inside else (None, None)
        if current.get("PreSharedKey"):
            secrets.add(current["PreSharedKey"])
        tunnels.append(
            {
                "outside_ip_address": current.get("OutsideIpAddress"),
                "inside_cidr": inside,
                "aws_inside_address": mine,
                "customer_inside_range": theirs,
                "status": report.get("Status"),
                "status_message": report.get("StatusMessage"),
                "accepted_route_count": report.get("AcceptedRouteCount"),
                "current": current,
            }
        )
    return {
        "id": answer["VpnConnectionId"],
        "state": answer.get("State"),
        "gateway_id": answer.get("VpnGatewayId") or answer.get("TransitGatewayId"),
        "customer_gateway_id": answer.get("CustomerGatewayId"),
        "customer_address": customer.get("address"),
        "customer_asn": customer.get("asn"),
        "owned": tags.owned(answer),
        "name": tags.of(answer).get(tags.NAME_TAG),
        "static_only": bool(options.get("StaticRoutesOnly")),
        "tunnels": tunnels,
    }


def connections(client: Client, known: t.Sequence[Json], secrets: set[str]) -> list[Json]:
    by_id = {item["id"]: item for item in known}
    listed = client.describe("describe_vpn_connections", "VpnConnections")
    return [connection(item, by_id, secrets) for item in listed if item.get("State") != "deleted"]


def one_vpc(client: Client, identity: str | None, name: str | None) -> Json | None:
    """The VPC of an id or of a Name tag. Raises :class:`Refused` where there is none, or more than one."""
    if not identity and not name:
        return None
    if identity:
        chosen: Json = {"VpcIds": [identity]}
    else:
        chosen = {"Filters": [{"Name": "tag:Name", "Values": [name]}]}
    found = client.describe("describe_vpcs", "Vpcs", **chosen)
    option, value = ("vpc_id", identity) if identity else ("vpc_name", name)
    if len(found) != 1:
        listed = ", ".join(item["VpcId"] for item in found) or "none"
        raise Refused(
            f"{option}: {value}: this names {len(found)} VPCs of region {client.session.region} ({listed}), and must "
            "name one. Give vpc_id.",
            code="vpc-not-found" if not found else "ambiguous",
        )
    item = found[0]
    blocks = [block["CidrBlock"] for block in item.get("CidrBlockAssociationSet") or []]
    return {"id": item["VpcId"], "name": tags.name_of(item), "ranges": blocks or [item["CidrBlock"]]}


def route_tables(client: Client, vpc_id: str) -> list[Json]:
    filters = [{"Name": "vpc-id", "Values": [vpc_id]}]
    found = []
    for item in client.describe("describe_route_tables", "RouteTables", Filters=filters):
        routes = [
            {
                "to": route.get("DestinationCidrBlock"),
                "target": route.get("TransitGatewayId")
                or route.get("GatewayId")
                or route.get("NatGatewayId")
                or route.get("NetworkInterfaceId")
                or route.get("VpcPeeringConnectionId"),
                "state": route.get("State"),
                "propagated": route.get("Origin") == "EnableVgwRoutePropagation",
            }
            for route in item.get("Routes") or []
            if route.get("DestinationCidrBlock")
        ]
        found.append(
            {
                "id": item["RouteTableId"],
                "name": tags.name_of(item),
                "main": any(link.get("Main") for link in item.get("Associations") or []),
                "subnets": [link["SubnetId"] for link in item.get("Associations") or [] if link.get("SubnetId")],
                "propagating": [link["GatewayId"] for link in item.get("PropagatingVgws") or []],
                "routes": routes,
            }
        )
    return sorted(found, key=lambda table: (not table["main"], table["name"] or "", table["id"]))


def subnets(client: Client, vpc_id: str) -> list[Json]:
    filters = [{"Name": "vpc-id", "Values": [vpc_id]}]
    found = [
        {"id": item["SubnetId"], "name": tags.name_of(item), "zone": item.get("AvailabilityZone")}
        for item in client.describe("describe_subnets", "Subnets", Filters=filters)
    ]
    return sorted(found, key=lambda subnet: (subnet["zone"] or "", subnet["name"] or "", subnet["id"]))


def attachments(client: Client, gateway_id: str, *, propagations: bool) -> list[Json]:
    """Of a transit gateway, with the route table of each and, if asked for, those that it is propagated to (which
    only the gateway's own account may read)."""
    filters = [{"Name": "transit-gateway-id", "Values": [gateway_id]}]
    listed = client.describe("describe_transit_gateway_attachments", "TransitGatewayAttachments", Filters=filters)
    vpcs = client.describe("describe_transit_gateway_vpc_attachments", "TransitGatewayVpcAttachments", Filters=filters)
    subnets = {item["TransitGatewayAttachmentId"]: item.get("SubnetIds") or [] for item in vpcs}
    found = []
    for item in listed:
        if item.get("State") in ("deleted", "failed", "rejected"):
            continue
        identity = item["TransitGatewayAttachmentId"]
        propagated = []
        if propagations and item.get("State") == "available":
            propagated = client.describe(
                "get_transit_gateway_attachment_propagations",
                "TransitGatewayAttachmentPropagations",
                TransitGatewayAttachmentId=identity,
            )
        found.append(
            {
                "id": identity,
                "state": item.get("State"),
                "kind": item.get("ResourceType"),
                "resource_id": item.get("ResourceId"),
                "owned": tags.owned(item),
                "name": tags.of(item).get(tags.NAME_TAG),
                "subnet_ids": subnets.get(identity, []),
                "table": (item.get("Association") or {}).get("TransitGatewayRouteTableId"),
                "propagated_to": [
                    entry["TransitGatewayRouteTableId"]
                    for entry in propagated
                    if entry.get("State") in ("enabled", "enabling")
                ],
            }
        )
    return found


def choose_gateway(found: t.Sequence[Json], name: str, identity: str | None) -> Json | None:
    """The gateway of an id, else the one that was made for the logical name."""
    if identity:
        for item in found:
            if item["id"] == identity:
                return item
        raise Refused(
            f"aws_vpn {name}: gateway.id: {identity}: there is no such gateway in this account and region. Correct "
            "the id, the region or the credentials, or leave the id out to have a gateway made.",
            code="gateway-not-found",
        )
    mine = [item for item in found if item["owned"] and item["name"] == name and item["state"] != "deleting"]
    if len(mine) > 1:
        raise Refused(
            f"aws_vpn {name}: several gateways bear the tag {tags.NAME_TAG}={name}: "
            f"{', '.join(item['id'] for item in mine)}. Say which one by gateway.id, and delete the others.",
            code="ambiguous",
        )
    return mine[0] if mine else None


def kind_of(identity: str) -> str | None:
    return VIRTUAL if identity.startswith("vgw-") else TRANSIT if identity.startswith("tgw-") else None


def read(client: Client, params: t.Mapping[str, t.Any], secrets: set[str]) -> Estate:
    """All that concerns the VPN of the logical name ``params["name"]``."""
    name, asked = params["name"], params.get("gateway") or {}
    identity = asked.get("id")
    kind = kind_of(identity) if identity else asked.get("type")
    found = gateways(client, (kind,) if kind else KINDS)
    estate = Estate(gateway=choose_gateway(found, name, identity))
    estate.vpc = one_vpc(client, params.get("vpc_id"), params.get("vpc_name"))
    estate.attached = {
        item["vpc_id"]: item["id"]
        for item in found
        if item["vpc_id"] and item["attachment"] in ("attaching", "attached")
    }
    estate.customers = customers(client)
    known = connections(client, estate.customers, secrets)
    for item in estate.customers:
        item["used"] = any(one["customer_gateway_id"] == item["id"] for one in known)
    gateway = estate.gateway
    estate.connections = [
        item
        for item in known
        if (item["owned"] and item["name"] == name) or (gateway and item["gateway_id"] == gateway["id"])
    ]
    if gateway and gateway["kind"] == TRANSIT:
        estate.attachments = attachments(client, gateway["id"], propagations=bool(asked.get("route_table_id")))
    if estate.vpc is None and gateway:
        theirs = gateway["vpc_id"] or next(
            (item["resource_id"] for item in estate.attachments if item["kind"] == "vpc" and item["name"] == name), None
        )
        estate.vpc = one_vpc(client, theirs, None)
    if estate.vpc:
        estate.tables = route_tables(client, estate.vpc["id"])
    if estate.vpc and asked.get("subnets"):
        estate.subnets = subnets(client, estate.vpc["id"])
    return estate


def choose_tables(tables: t.Sequence[Json], asked: t.Sequence[str], label: str) -> list[Json]:
    """The tables of ids, of Name tags, or ``all``. Raises everything that is wrong with the list."""
    return list(tables) if "all" in asked else _chosen(tables, asked, "route_tables", "route table", label)


def choose_subnets(
    subnets: t.Sequence[Json], asked: t.Sequence[str], attached: t.Collection[str], label: str
) -> list[str]:
    """The ids of subnets of ids, of Name tags, or ``all``: one of each zone, where one is attached that one."""
    if "all" not in asked:
        return [item["id"] for item in _chosen(subnets, asked, "gateway.subnets", "subnet", label)]
    by_zone: dict[str, str] = {}
    for item in sorted(subnets, key=lambda subnet: subnet["id"] not in attached):
        by_zone.setdefault(item["zone"], item["id"])
    return list(by_zone.values())


def _chosen(items: t.Sequence[Json], asked: t.Sequence[str], option: str, what: str, label: str) -> list[Json]:
    """Those of ids or Name tags. Raises everything that is wrong with the list."""
    chosen: list[Json] = []
    problems: list[PodreachError] = []
    code = f"{what.replace(' ', '-')}-not-found"
    for word in asked:
        found = [item for item in items if word in (item["id"], item["name"])]
        if len(found) != 1:
            known = ", ".join(f"{item['name'] or 'no name'} ({item['id']})" for item in items) or "none"
            problems.append(
                Refused(
                    f"{label}: {option}: {word}: this names {len(found)} {what}s of the VPC, and must name one. There "
                    f"are: {known}.",
                    code=code,
                    resource=label,
                )
            )
        elif found[0] not in chosen:
            chosen.append(found[0])
    if len(problems) > 1:
        raise Refused("\n".join(str(problem) for problem in problems), code=code, resource=label)
    if problems:
        raise problems[0]
    return chosen


def shown_connection(item: Json, *, keys: bool = False) -> Json:
    """A connection as results show it; with its keys only where they were asked for."""
    fields = ("id", "state", "customer_gateway_id", "customer_address", "customer_asn", "owned")
    return {
        **{field: item[field] for field in fields},
        "tunnels": [
            {
                **{key: value for key, value in tunnel.items() if key != "current"},
                **({"pre_shared_key": tunnel["current"].get("PreSharedKey")} if keys else {}),
            }
            for tunnel in item["tunnels"]
        ],
    }


def shown_gateway(gateway: Json | None) -> Json | None:
    if gateway is None:
        return None
    return {"id": gateway["id"], "type": gateway["kind"], "asn": gateway["asn"], "owned": gateway["owned"]}
