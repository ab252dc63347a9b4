# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Transit gateways: attachments, associations, propagations, routes."""

from __future__ import annotations

import typing as t

import pytest
from botocore.exceptions import ClientError

from ansible_collections.podreach.gke.tests.lab.podreach_lab.aws import transit
from ansible_collections.podreach.gke.tests.lab.podreach_lab.aws.facts import (
    Attachment,
    AwsFacts,
    Route,
    TransitGateway,
    TransitRouteTable,
)
from ansible_collections.podreach.gke.tests.lab.podreach_lab.clock import ManualClock
from ansible_collections.podreach.gke.tests.lab.podreach_lab.wan.model import Path
from ansible_collections.podreach.gke.tests.unit.lab.aws_account import Account, code
from ansible_collections.podreach.gke.tests.unit.lab.cloud import Cloud

Json = dict[str, t.Any]


def refused(call: t.Callable[..., t.Any], *arguments: t.Any, **options: t.Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(*arguments, **options)
    return code(caught.value)


@pytest.fixture
def account(cloud: Cloud) -> Account:
    return Account(cloud.lab)


def facts(account: Account) -> AwsFacts:
    return account.lab.state.aws


def gateway(account: Account, **options: t.Any) -> str:
    made = account.ec2.create_transit_gateway(Options=options) if options else account.ec2.create_transit_gateway()
    return str(made["TransitGateway"]["TransitGatewayId"])


def attached(account: Account, transit_gateway: str, vpc: str, *subnets: str) -> str:
    made = account.ec2.create_transit_gateway_vpc_attachment(
        TransitGatewayId=transit_gateway, VpcId=vpc, SubnetIds=list(subnets)
    )
    return str(made["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"])


def search(account: Account, table: str, **filters: str) -> list[Json]:
    asked = [{"Name": name.replace("__", "-"), "Values": [value]} for name, value in filters.items()]
    asked = asked or [{"Name": "type", "Values": ["static", "propagated"]}]
    found = account.ec2.search_transit_gateway_routes(TransitGatewayRouteTableId=table, Filters=asked)
    return t.cast(list[Json], found["Routes"])


def test_attachments_go_into_the_default_table(account: Account) -> None:
    identity = gateway(account, AmazonSideAsn=64900)
    vpc = account.vpc()
    one, two = account.subnet(vpc), account.subnet(vpc, "10.0.2.0/24", "c")
    to_vpc = attached(account, identity, vpc, one, two)
    connection = account.connection(account.customer(), identity)["VpnConnectionId"]
    known = facts(account)
    assert known.transit_gateways == (TransitGateway(identity, 64900, True),)
    [table] = known.transit_tables
    by_kind = {item.kind: item for item in known.attachments}
    assert by_kind["vpc"] == Attachment(to_vpc, identity, "vpc", vpc, tuple(sorted((one, two))), table.id)
    to_vpn = by_kind["vpn"].id
    assert by_kind["vpn"] == Attachment(to_vpn, identity, "vpn", connection, (), table.id)
    assert table == TransitRouteTable(table.id, identity, (), tuple(sorted((to_vpc, to_vpn))))
    propagations = account.ec2.get_transit_gateway_route_table_propagations(TransitGatewayRouteTableId=table.id)
    assert {
        item["TransitGatewayAttachmentId"]: item["State"]
        for item in (propagations["TransitGatewayRouteTablePropagations"])
    } == {to_vpc: "enabled", to_vpn: "enabled"}
    shown = account.ec2.describe_transit_gateway_attachments()["TransitGatewayAttachments"]
    assert {item["Association"]["TransitGatewayRouteTableId"] for item in shown} == {table.id}
    found = account.ec2.describe_transit_gateways()["TransitGateways"][0]
    assert found["Options"]["AssociationDefaultRouteTableId"] == table.id
    assert found["Options"]["AmazonSideAsn"] == 64900


def test_without_default_tables(account: Account) -> None:
    vpc = account.vpc()
    identity = gateway(
        account,
        DefaultRouteTableAssociation="disable",
        DefaultRouteTablePropagation="disable",
        VpnEcmpSupport="disable",
    )
    attachment = attached(account, identity, vpc, account.subnet(vpc))
    assert facts(account).transit_gateways[0].ecmp is False
    assert facts(account).attachments[0].table == ""
    made = account.ec2.create_transit_gateway_route_table(TransitGatewayId=identity)["TransitGatewayRouteTable"]
    table = made["TransitGatewayRouteTableId"]
    both = {"TransitGatewayAttachmentId": attachment, "TransitGatewayRouteTableId": table}
    answer = account.ec2.associate_transit_gateway_route_table(**both)["Association"]
    assert (answer["ResourceId"], answer["State"]) == (vpc, "associated")
    assert facts(account).attachments[0].table == table
    assert refused(account.ec2.associate_transit_gateway_route_table, **both) == "Resource.AlreadyAssociated"
    enable = account.ec2.enable_transit_gateway_route_table_propagation
    disable = account.ec2.disable_transit_gateway_route_table_propagation
    assert enable(**both)["Propagation"]["State"] == "enabled"
    assert refused(enable, **both) == "TransitGatewayRouteTablePropagation.Duplicate"
    assert [item.propagating for item in facts(account).transit_tables if item.id == table] == [(attachment,)]
    identity_only = {"TransitGatewayAttachmentId": attachment}
    found = account.ec2.get_transit_gateway_attachment_propagations(**identity_only)
    assert found["TransitGatewayAttachmentPropagations"] == [{"TransitGatewayRouteTableId": table, "State": "enabled"}]
    disable(**both)
    assert refused(disable, **both) == "TransitGatewayRouteTablePropagation.NotFound"
    delete = account.ec2.delete_transit_gateway_route_table
    assert refused(delete, TransitGatewayRouteTableId=table) == "IncorrectState"
    account.ec2.disassociate_transit_gateway_route_table(**both)
    assert facts(account).attachments[0].table == ""
    delete(TransitGatewayRouteTableId=table)
    assert table not in {item.id for item in facts(account).transit_tables}


def test_one_attachment_may_propagate_into_several_tables(account: Account) -> None:
    vpc, identity = account.vpc(), gateway(account)
    attachment = attached(account, identity, vpc, account.subnet(vpc))
    made = account.ec2.create_transit_gateway_route_table(TransitGatewayId=identity)["TransitGatewayRouteTable"]
    table = made["TransitGatewayRouteTableId"]
    both = {"TransitGatewayAttachmentId": attachment, "TransitGatewayRouteTableId": table}
    account.ec2.enable_transit_gateway_route_table_propagation(**both)
    assert {item.propagating for item in facts(account).transit_tables} == {(attachment,)}
    account.ec2.disable_transit_gateway_route_table_propagation(**both)
    assert sorted(item.propagating for item in facts(account).transit_tables) == [(), (attachment,)]


def test_tags_and_filters_of_attachments(account: Account) -> None:
    vpc, identity = account.vpc(), gateway(account)
    named = [{"ResourceType": "transit-gateway-attachment", "Tags": [{"Key": "Name", "Value": "a"}]}]
    made = account.ec2.create_transit_gateway_vpc_attachment(
        TransitGatewayId=identity, VpcId=vpc, SubnetIds=[account.subnet(vpc)], TagSpecifications=named
    )["TransitGatewayVpcAttachment"]
    assert made["Tags"] == [{"Key": "Name", "Value": "a"}]
    account.connection(account.customer(), identity)
    of_vpcs, of_all = (
        account.ec2.describe_transit_gateway_vpc_attachments,
        account.ec2.describe_transit_gateway_attachments,
    )
    assert len(of_vpcs()["TransitGatewayVpcAttachments"]) == 1
    for name, value, found in (
        ("tag:Name", "a", 1),
        ("tag:Name", "b", 0),
        ("vpc-id", vpc, 1),
        ("state", "available", 1),
    ):
        filters = [{"Name": name, "Values": [value]}]
        assert len(of_vpcs(Filters=filters)["TransitGatewayVpcAttachments"]) == found
    filters = [{"Name": "resource-type", "Values": ["vpn"]}]
    assert len(of_all(Filters=filters)["TransitGatewayAttachments"]) == 1
    unknown = ["tgw-attach-1"]
    assert refused(of_all, TransitGatewayAttachmentIds=unknown) == "InvalidTransitGatewayAttachmentID.NotFound"


def test_zones_of_an_attachment(account: Account) -> None:
    vpc, identity = account.vpc(), gateway(account)
    one, two = account.subnet(vpc), account.subnet(vpc, "10.0.2.0/24")
    other = account.subnet(account.vpc("10.1.0.0/16"), "10.1.1.0/24")
    assert refused(attached, account, identity, vpc, one, two) == "DuplicateSubnetsInSameZone"
    assert refused(attached, account, identity, vpc, other) == "InvalidParameterValue"
    attachment = attached(account, identity, vpc, one)
    assert refused(attached, account, identity, vpc, one) == "DuplicateTransitGatewayAttachment"
    third = account.subnet(vpc, "10.0.3.0/24", "c")
    change = account.ec2.modify_transit_gateway_vpc_attachment
    change(TransitGatewayAttachmentId=attachment, AddSubnetIds=[third])
    assert facts(account).attachments[0].subnets == tuple(sorted((one, third)))
    again = {"TransitGatewayAttachmentId": attachment, "AddSubnetIds": [two]}
    assert refused(change, **again) == "DuplicateSubnetsInSameZone"


def test_routes_of_a_transit_table(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc, identity = account.vpc(), gateway(account)
    to_vpc = attached(account, identity, vpc, account.subnet(vpc))
    first = account.connection(account.customer(), identity)["VpnConnectionId"]
    second = account.connection(account.customer("192.0.2.2"), identity)["VpnConnectionId"]
    [table] = [item.id for item in facts(account).transit_tables]
    vpns = {item.resource: item.id for item in facts(account).attachments if item.kind == "vpn"}

    def learned(state: object, key: str) -> tuple[Path, ...]:
        ends = (f"{first}/0", f"{first}/1", f"{second}/0")
        return (Path(key, "10.4.0.0/14", ends), Path(key, "10.0.0.0/16", ends), Path(key, "10.8.0.0/14", ends[:1]))

    monkeypatch.setattr(transit, "paths", learned)
    create = account.ec2.create_transit_gateway_route
    into = {"TransitGatewayRouteTableId": table}
    create(**into, DestinationCidrBlock="10.8.0.0/14", TransitGatewayAttachmentId=to_vpc)
    create(**into, DestinationCidrBlock="10.12.0.0/14", Blackhole=True)
    found = {item["DestinationCidrBlock"]: item for item in search(account, table)}
    assert list(found) == ["10.0.0.0/16", "10.4.0.0/14", "10.8.0.0/14", "10.12.0.0/14"]
    assert found["10.0.0.0/16"]["TransitGatewayAttachments"] == [
        {"ResourceId": vpc, "ResourceType": "vpc", "TransitGatewayAttachmentId": to_vpc}
    ]
    through = found["10.4.0.0/14"]["TransitGatewayAttachments"]
    assert {item["TransitGatewayAttachmentId"] for item in through} == set(vpns.values())
    assert (found["10.4.0.0/14"]["Type"], found["10.4.0.0/14"]["State"]) == ("propagated", "active")
    assert (found["10.8.0.0/14"]["Type"], found["10.12.0.0/14"]["State"]) == ("static", "blackhole")
    account.ec2.disable_transit_gateway_route_table_propagation(**into, TransitGatewayAttachmentId=vpns[first])
    left = search(account, table, **{"route-search.exact-match": "10.4.0.0/14"})[0]["TransitGatewayAttachments"]
    assert [item["ResourceId"] for item in left] == [second]
    assert facts(account).transit_tables[0].static == (("10.12.0.0/14", ""), ("10.8.0.0/14", to_vpc))
    account.ec2.delete_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=to_vpc)
    assert facts(account).transit_tables[0].static == (("10.12.0.0/14", ""), ("10.8.0.0/14", ""))


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("type", "static", ["10.4.0.0/14", "10.4.0.0/16"]),
        ("type", "propagated", ["10.0.0.0/16"]),
        ("state", "blackhole", ["10.4.0.0/14", "10.4.0.0/16"]),
        ("attachment.resource-type", "vpc", ["10.0.0.0/16"]),
        ("attachment.resource-type", "vpn", []),
        ("route-search.exact-match", "10.4.0.0/14", ["10.4.0.0/14"]),
        ("route-search.longest-prefix-match", "10.4.7.7/32", ["10.4.0.0/16"]),
        ("route-search.subnet-of-match", "10.4.0.0/14", ["10.4.0.0/14", "10.4.0.0/16"]),
        ("route-search.supernet-of-match", "10.4.0.0/16", ["10.4.0.0/14", "10.4.0.0/16"]),
    ],
)
def test_searching(account: Account, name: str, value: str, expected: list[str]) -> None:
    vpc, identity = account.vpc(), gateway(account)
    attached(account, identity, vpc, account.subnet(vpc))
    [table] = [item.id for item in facts(account).transit_tables]
    for block in ("10.4.0.0/14", "10.4.0.0/16"):
        account.ec2.create_transit_gateway_route(
            TransitGatewayRouteTableId=table, DestinationCidrBlock=block, Blackhole=True
        )
    found = sorted(item["DestinationCidrBlock"] for item in search(account, table, **{name: value}))
    assert found == expected


def test_changing_static_routes(account: Account) -> None:
    vpc, identity = account.vpc(), gateway(account)
    attachment = attached(account, identity, vpc, account.subnet(vpc))
    [table] = [item.id for item in facts(account).transit_tables]
    route = {"TransitGatewayRouteTableId": table, "DestinationCidrBlock": "10.4.0.0/14"}
    create, replace = account.ec2.create_transit_gateway_route, account.ec2.replace_transit_gateway_route
    assert refused(create, **route) == "InvalidParameterCombination"
    assert refused(replace, **route, Blackhole=True) == "InvalidRoute.NotFound"
    assert refused(create, **route, TransitGatewayAttachmentId="tgw-attach-1") == (
        "InvalidTransitGatewayAttachmentID.NotFound"
    )
    create(**route, Blackhole=True)
    assert refused(create, **route, Blackhole=True) == "RouteAlreadyExists"
    replace(**route, TransitGatewayAttachmentId=attachment)
    assert facts(account).transit_tables[0].static == (("10.4.0.0/14", attachment),)
    account.ec2.delete_transit_gateway_route(**route)
    assert refused(account.ec2.delete_transit_gateway_route, **route) == "InvalidRoute.NotFound"


def test_a_vpc_route_to_a_transit_gateway_needs_an_attachment(account: Account) -> None:
    vpc, identity = account.vpc(), gateway(account)
    subnet, table = account.subnet(vpc), account.table(vpc)
    route = {"RouteTableId": table, "DestinationCidrBlock": "10.4.0.0/14", "TransitGatewayId": identity}
    assert refused(account.ec2.create_route, **route) == "InvalidTransitGatewayID.NotFound"
    attachment = attached(account, identity, vpc, subnet)
    account.ec2.create_route(**route)
    [found] = [item for item in facts(account).tables if item.id == table]
    assert Route("10.4.0.0/14", "tgw", identity) in found.routes
    account.ec2.delete_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=attachment)
    assert account.routes(table)[1]["State"] == "blackhole"


def test_what_keeps_a_transit_gateway(account: Account) -> None:
    vpc, identity = account.vpc(), gateway(account)
    delete = account.ec2.delete_transit_gateway
    attachment = attached(account, identity, vpc, account.subnet(vpc))
    assert refused(delete, TransitGatewayId=identity) == "IncorrectState"
    account.ec2.delete_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=attachment)
    connection = account.connection(account.customer(), identity)["VpnConnectionId"]
    assert refused(delete, TransitGatewayId=identity) == "IncorrectState"
    account.ec2.delete_vpn_connection(VpnConnectionId=connection)
    assert delete(TransitGatewayId=identity)["TransitGateway"]["State"] == "deleted"
    known = facts(account)
    assert (known.transit_gateways, known.transit_tables, known.attachments) == ((), (), ())
    assert refused(delete, TransitGatewayId=identity) == "InvalidTransitGatewayID.NotFound"


def test_time(slow: Cloud) -> None:
    account, clock = Account(slow.lab), t.cast(ManualClock, slow.clock)
    vpc, identity = account.vpc(), gateway(account)
    subnet = account.subnet(vpc)
    assert account.ec2.describe_transit_gateways()["TransitGateways"][0]["State"] == "pending"
    assert refused(attached, account, identity, vpc, subnet) == "IncorrectState"
    clock.advance(60)
    attached(account, identity, vpc, subnet)
    account.connection(account.customer(), identity)
    states = account.ec2.describe_transit_gateway_attachments()["TransitGatewayAttachments"]
    assert {item["State"] for item in states} == {"pending"}
    assert facts(account).attachments == ()
    clock.advance(60)
    assert [item.kind for item in facts(account).attachments] == ["vpc"]
    clock.advance(180)
    assert sorted(item.kind for item in facts(account).attachments) == ["vpc", "vpn"]
