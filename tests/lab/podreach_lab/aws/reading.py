# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the stores of EC2 to AwsFacts: what is in force, and only reading."""

from __future__ import annotations

import ipaddress
import typing as t

from . import tunnel_options
from .facts import (
    Acl,
    AclEntry,
    Attachment,
    AwsFacts,
    CustomerGateway,
    Group,
    GroupRule,
    Instance,
    Interface,
    Route,
    RouteTable,
    Subnet,
    TransitGateway,
    TransitRouteTable,
    VirtualGateway,
    Vpc,
    VpnConnection,
)

Json = dict[str, t.Any]
Region = t.Any
"""A Backend of backend.py, which is not imported here: it brings moto."""

LAST_ENTRY = 32767
_PROTOCOLS = {"6": "tcp", "17": "udp", "1": "icmp"}


def facts(regions: t.Iterable[Region]) -> AwsFacts:
    """Everything of all regions, sorted by id so that equal accounts have equal facts."""
    found = list(regions)

    def collected(read: t.Callable[[Region], t.Iterable[t.Any]]) -> tuple[t.Any, ...]:
        return tuple(sorted((item for region in found for item in read(region)), key=lambda item: str(item.id)))

    return AwsFacts(
        vpcs=collected(vpcs),
        subnets=collected(subnets),
        interfaces=collected(interfaces),
        instances=collected(instances),
        tables=collected(tables),
        groups=collected(groups),
        acls=collected(acls),
        virtual_gateways=collected(virtual_gateways),
        transit_gateways=collected(transit_gateways),
        attachments=collected(attachments),
        transit_tables=collected(transit_tables),
        customer_gateways=collected(customer_gateways),
        connections=collected(connections),
    )


# ---- networks


def ranges_of(vpc: t.Any) -> tuple[str, ...]:
    """The primary block first."""
    known = vpc.get_cidr_block_association_set()
    texts = [item["cidr_block"] for item in known if item["cidr_block_state"]["state"] == "associated"]
    return tuple(dict.fromkeys([vpc.cidr_block, *texts]))


def vpcs(region: Region) -> t.Iterator[Vpc]:
    for vpc in region.vpcs.values():
        yield Vpc(vpc.id, region.account_id, region.region_name, ranges_of(vpc))


def subnets(region: Region) -> t.Iterator[Subnet]:
    mains = {item.vpc_id: item.id for item in region.route_tables.values() if item.main_association_id is not None}
    own = {target: item.id for item in region.route_tables.values() for target in item._associations.values()}
    filters = {one.subnet_id: acl.id for acl in region.network_acls.values() for one in acl.associations}
    for subnet in region.describe_subnets():
        if not subnet.cidr_block:
            continue
        table = own.get(subnet.id) or mains.get(subnet.vpc_id, "")
        zone = subnet.availability_zone
        yield Subnet(subnet.id, subnet.vpc_id, subnet.cidr_block, zone, table, filters.get(subnet.id, ""))


def interfaces(region: Region) -> t.Iterator[Interface]:
    for card in region.enis.values():
        others = [item["PrivateIpAddress"] for item in card.private_ip_addresses]
        addresses = tuple(dict.fromkeys([card.private_ip_address, *others]))
        members = tuple(sorted({group.id for group in card.group_set}))
        instance = card.instance.id if card.instance is not None and alive(card.instance) else ""
        checked = str(card.source_dest_check).lower() == "true"
        yield Interface(card.id, card.vpc_id, card.subnet_id, addresses, members, checked, instance)


def alive(instance: t.Any) -> bool:
    return instance.state not in ("terminated", "shutting-down")


def instances(region: Region) -> t.Iterator[Instance]:
    for reservation in region.reservations.values():
        for instance in reservation.instances:
            if alive(instance):
                tags = {tag["key"]: tag["value"] for tag in instance.get_tags()}
                cards = tuple(card.id for _index, card in sorted(instance.nics.items()))
                yield Instance(instance.id, tags.get("Name", ""), instance.state == "running", cards)


# ---- routes


def tables(region: Region) -> t.Iterator[RouteTable]:
    for table in region.route_tables.values():
        routes = tuple(sorted(table_routes(region, table), key=lambda route: (route.to, route.kind, route.target)))
        gateways = tuple(sorted(region.propagation.get(table.id, ())))
        yield RouteTable(table.id, table.vpc_id, table.main_association_id is not None, routes, gateways)


def table_routes(region: Region, table: t.Any) -> t.Iterator[Route]:
    for route in table.routes:
        kind, target = led_to(region, route)
        dead = region.dead(route)
        if route.destination_prefix_list is not None:
            name = route.destination_prefix_list.id
            for text in entries(region, name):
                yield Route(text, kind, target, dead, name)
        elif route.destination_cidr_block:
            yield Route(route.destination_cidr_block, kind, target, dead)


def led_to(region: Region, route: t.Any) -> tuple[str, str]:
    """kind and target of a moto route."""
    if route.local:
        return "local", ""
    if route.interface is not None:
        return "interface", str(route.interface.id)
    if route.instance is not None:
        return "instance", str(route.instance.id)
    if route.transit_gateway is not None:
        return "tgw", str(route.transit_gateway.id)
    if route.nat_gateway is not None:
        return "nat", str(route.nat_gateway.id)
    if route.vpc_pcx is not None:
        return "peering", str(route.vpc_pcx.id)
    identity = str(route.gateway_id or "")
    return {"vgw": "vgw", "igw": "igw"}.get(identity.partition("-")[0], "other"), identity


def entries(region: Region, prefix_list: str) -> tuple[str, ...]:
    """The IPv4 ranges of a managed prefix list, of its latest version."""
    found = region.managed_prefix_lists.get(prefix_list)
    if found is None or found.state == "delete-complete" or found.address_family != "IPv4":
        return ()
    # AWS's own lists have one version, which moto numbers 1 and then calls None
    current = found.entries.get(found.version if found.version is not None else 1) or []
    return tuple(canonical(item["Cidr"]) for item in current)


def canonical(range_: str) -> str:
    """Without host bits, which EC2 drops where users give them."""
    return str(ipaddress.IPv4Network(range_, strict=False))


# ---- filters


def groups(region: Region) -> t.Iterator[Group]:
    for vpc_id, members in region.groups.items():
        for group in members.values():
            if vpc_id in region.vpcs:
                found = [*permissions(region, group.ingress_rules), *permissions(region, group.egress_rules)]
                rules = tuple(sorted(set(found), key=repr))
                yield Group(group.id, vpc_id, rules)


def permissions(region: Region, rules: t.Iterable[t.Any]) -> t.Iterator[GroupRule]:
    for rule in rules:
        protocol = _PROTOCOLS.get(str(rule.ip_protocol), str(rule.ip_protocol))
        first = -1 if rule.from_port is None or protocol == "-1" else int(rule.from_port)
        last = -1 if rule.to_port is None or protocol == "-1" else int(rule.to_port)
        ranges = [canonical(rule.cidr_ipv4)] if rule.cidr_ipv4 else []
        if rule.prefix_list_id:
            ranges += entries(region, rule.prefix_list_id)
        members = (str(rule.source_group["GroupId"]),) if rule.source_group.get("GroupId") else ()
        if ranges or members:
            yield GroupRule(bool(rule.is_egress), protocol, first, last, tuple(ranges), members)


def acls(region: Region) -> t.Iterator[Acl]:
    for acl in region.network_acls.values():
        found = [entry(item) for item in acl.network_acl_entries if item.cidr_block]
        numbered = [item for item in found if item.number < LAST_ENTRY]
        yield Acl(acl.id, acl.vpc_id, tuple(sorted(numbered, key=lambda item: (item.number, item.egress))))


def entry(item: t.Any) -> AclEntry:
    protocol = _PROTOCOLS.get(str(item.protocol), str(item.protocol))
    first, last = -1, -1
    if protocol == "icmp":
        first, last = number(item.icmp_type), number(item.icmp_code)
    elif protocol in ("tcp", "udp"):
        first, last = number(item.port_range_from), number(item.port_range_to)
    allow = item.rule_action == "allow"
    return AclEntry(int(item.rule_number), truth(item.egress), allow, protocol, item.cidr_block, first, last)


def number(value: object) -> int:
    return -1 if value is None else int(str(value))


def truth(value: object) -> bool:
    return str(value).lower() == "true"


# ---- gateways


def virtual_gateways(region: Region) -> t.Iterator[VirtualGateway]:
    for gateway in region.vpn_gateways.values():
        if gateway.state == "available":
            yield VirtualGateway(gateway.id, int(gateway.amazon_side_asn), region.attached_vpc(gateway))


def transit_gateways(region: Region) -> t.Iterator[TransitGateway]:
    for gateway in region.transit_gateways.values():
        if gateway.state in ("available", "modifying"):
            ecmp = gateway.options["VpnEcmpSupport"] == "enable"
            yield TransitGateway(gateway.id, int(gateway.options["AmazonSideAsn"]), ecmp)


def attachments(region: Region) -> t.Iterator[Attachment]:
    for item in region.transit_gateway_attachments.values():
        if item.state in ("available", "modifying") and item.resource_type in ("vpc", "vpn"):
            subnets_of = tuple(sorted(item.subnet_ids)) if item.resource_type == "vpc" else ()
            table = item.transit_gateway_route_table.id if item.transit_gateway_route_table is not None else ""
            kind, resource = item.resource_type, item.resource_id
            yield Attachment(item.id, item.transit_gateway_id, kind, resource, subnets_of, table)


def transit_tables(region: Region) -> t.Iterator[TransitRouteTable]:
    for table in region.transit_gateways_route_tables.values():
        if table.state == "available":
            static = tuple(sorted((to, route["attachment"]) for to, route in table.routes.items()))
            takes = tuple(sorted(item.transitGatewayAttachmentId for item in table.route_table_propagation))
            yield TransitRouteTable(table.id, table.transit_gateway_id, static, takes)


# ---- VPN


def customer_gateways(region: Region) -> t.Iterator[CustomerGateway]:
    for gateway in region.customer_gateways.values():
        if gateway.state == "available":
            yield CustomerGateway(gateway.id, gateway.asn, gateway.ip_address)


def connections(region: Region) -> t.Iterator[VpnConnection]:
    for item in region.connections:
        if item.state in ("available", "modifying"):
            static = tuple(sorted(route["DestinationCidrBlock"] for route in item.routes))
            tunnels = tuple(tunnel_options.facts(options) for options in item.tunnel_set)
            gateway, customer = item.gateway, item.customer_gateway_id
            yield VpnConnection(item.id, gateway, customer, item.static_only, static, tunnels)
