# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VPN at AWS: options of tunnels, what AWS fills in, time, telemetry, propagation, static routes, deletion."""

from __future__ import annotations

import datetime
import ipaddress
import re
import typing as t
from xml.etree import ElementTree

import pytest
from botocore.exceptions import ClientError

from ansible_collections.podreach.gke.tests.lab.podreach_lab.aws import route_tables
from ansible_collections.podreach.gke.tests.lab.podreach_lab.aws.facts import Route, TunnelOptions
from ansible_collections.podreach.gke.tests.lab.podreach_lab.clock import ManualClock
from ansible_collections.podreach.gke.tests.lab.podreach_lab.wan import report
from ansible_collections.podreach.gke.tests.lab.podreach_lab.wan.model import Telemetry
from ansible_collections.podreach.gke.tests.unit.lab.aws_account import Account, code
from ansible_collections.podreach.gke.tests.unit.lab.cloud import Cloud

Json = dict[str, t.Any]

CHOSEN: Json = {
    "TunnelInsideCidr": "169.254.24.220/30",
    "PreSharedKey": "a.key_of_mine",
    "IKEVersions": [{"Value": "ikev2"}],
    "Phase1EncryptionAlgorithms": [{"Value": "AES256-GCM-16"}],
    "Phase2EncryptionAlgorithms": [{"Value": "AES256"}, {"Value": "AES128"}],
    "Phase1IntegrityAlgorithms": [{"Value": "SHA2-256"}],
    "Phase2IntegrityAlgorithms": [{"Value": "SHA2-384"}],
    "Phase1DHGroupNumbers": [{"Value": 20}],
    "Phase2DHGroupNumbers": [{"Value": 5}],
    "Phase1LifetimeSeconds": 3600,
    "Phase2LifetimeSeconds": 1800,
    "RekeyMarginTimeSeconds": 300,
    "RekeyFuzzPercentage": 50,
    "ReplayWindowSize": 128,
    "StartupAction": "start",
    "DPDTimeoutSeconds": 60,
    "DPDTimeoutAction": "restart",
}


def refused(call: t.Callable[..., t.Any], *arguments: t.Any, **options: t.Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(*arguments, **options)
    return code(caught.value)


@pytest.fixture
def account(cloud: Cloud) -> Account:
    return Account(cloud.lab)


# ---- gateways


@pytest.mark.parametrize("asn", [64511, 65535, 4199999999, 4294967295, 0])
def test_amazon_side_asn_out_of_range(account: Account, asn: int) -> None:
    assert refused(account.gateway, asn=asn) == "InvalidParameterValue"
    options = {"AmazonSideAsn": asn}
    assert refused(account.ec2.create_transit_gateway, Options=options) == "InvalidParameterValue"


@pytest.mark.parametrize("asn", [64512, 65534, 4200000000, 4294967294])
def test_amazon_side_asn(account: Account, asn: int) -> None:
    account.gateway(account.vpc(), asn)
    assert [item.asn for item in account.lab.state.aws.virtual_gateways] == [asn]


def test_an_unknown_gateway(account: Account) -> None:
    describe = account.ec2.describe_vpn_gateways
    assert refused(describe, VpnGatewayIds=["vgw-1"]) == "InvalidVpnGatewayID.NotFound"
    unknown = {"TransitGatewayIds": ["tgw-1"]}
    assert refused(account.ec2.describe_transit_gateways, **unknown) == "InvalidTransitGatewayID.NotFound"


def test_the_default_asn(account: Account) -> None:
    assert account.ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["AmazonSideAsn"] == 64512


def test_an_identical_customer_gateway_is_the_same_one(account: Account) -> None:
    first = account.customer("192.0.2.1", 65010)
    assert account.customer("192.0.2.1", 65010) == first
    others = {account.customer("192.0.2.2", 65010), account.customer("192.0.2.1", 65011)}
    made = account.ec2.create_customer_gateway(Type="ipsec.1", BgpAsn=65010, IpAddress="192.0.2.1", DeviceName="b")
    assert len({first, *others, made["CustomerGateway"]["CustomerGatewayId"]}) == 4
    account.ec2.delete_customer_gateway(CustomerGatewayId=first)
    assert account.customer("192.0.2.1", 65010) != first


def test_large_asns_of_customer_gateways(account: Account) -> None:
    made = account.ec2.create_customer_gateway(Type="ipsec.1", BgpAsnExtended=4200000001, IpAddress="192.0.2.1")
    gateway = made["CustomerGateway"]
    assert (gateway["BgpAsnExtended"], "BgpAsn" in gateway) == ("4200000001", False)
    assert account.lab.state.aws.customer_gateways[0].asn == 4200000001


def test_attachment(account: Account) -> None:
    one, two = account.vpc(), account.vpc("10.1.0.0/16")
    gateway = account.gateway(one)
    attach = account.ec2.attach_vpn_gateway
    assert refused(attach, VpnGatewayId=gateway, VpcId=two) == "VpnGatewayAttachmentLimitExceeded"
    assert refused(attach, VpnGatewayId=account.gateway(), VpcId=one) == "InvalidParameterValue"
    assert refused(account.ec2.delete_vpn_gateway, VpnGatewayId=gateway) == "IncorrectState"
    assert refused(account.ec2.delete_vpc, VpcId=one) == "DependencyViolation"
    account.ec2.detach_vpn_gateway(VpnGatewayId=gateway, VpcId=one)
    assert {item.vpc for item in account.lab.state.aws.virtual_gateways} == {""}
    account.ec2.delete_vpn_gateway(VpnGatewayId=gateway)
    assert refused(attach, VpnGatewayId=gateway, VpcId=one) == "InvalidVpnGatewayID.NotFound"


# ---- options of tunnels


def test_chosen_options_are_kept_and_shown(account: Account) -> None:
    made = account.connection(account.customer(), account.gateway(), TunnelOptions=[CHOSEN])
    first, second = account.described(made["VpnConnectionId"])["Options"]["TunnelOptions"]
    expected = {key.replace("IKEV", "IkeV").replace("DPD", "Dpd"): value for key, value in CHOSEN.items()}
    assert {key: value for key, value in first.items() if key != "OutsideIpAddress"} == expected
    assert set(second) == {"OutsideIpAddress", "TunnelInsideCidr", "PreSharedKey"}
    assert account.lab.state.aws.connections[0].tunnels[0] == TunnelOptions(
        outside=first["OutsideIpAddress"],
        inside="169.254.24.220/30",
        key="a.key_of_mine",
        ike_versions=("ikev2",),
        phase1_encryption=("AES256-GCM-16",),
        phase1_integrity=("SHA2-256",),
        phase1_groups=(20,),
        phase2_encryption=("AES256", "AES128"),
        phase2_integrity=("SHA2-384",),
        phase2_groups=(5,),
        starts=True,
    )


def test_what_aws_fills_in_differs_for_every_tunnel(account: Account) -> None:
    gateways = [account.gateway() for _at in range(3)]
    made = [account.connection(account.customer(f"192.0.2.{at}"), gateways[at % 3]) for at in range(12)]
    tunnels = [tunnel for item in made for tunnel in item["Options"]["TunnelOptions"]]
    for name in ("OutsideIpAddress", "TunnelInsideCidr", "PreSharedKey"):
        assert len({tunnel[name] for tunnel in tunnels}) == 24
    for tunnel in tunnels:
        inside = ipaddress.IPv4Network(tunnel["TunnelInsideCidr"])
        assert inside.prefixlen == 30
        assert inside.subnet_of(ipaddress.IPv4Network("169.254.0.0/16"))
        assert re.fullmatch(r"(?!0)[A-Za-z0-9._]{32}", tunnel["PreSharedKey"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"PreSharedKey": "0startswithzero"},
        {"PreSharedKey": "short"},
        {"PreSharedKey": "x" * 65},
        {"PreSharedKey": "with+plus+signs"},
        {"TunnelInsideCidr": "169.254.10.0/29"},
        {"TunnelInsideCidr": "169.254.10.1/30"},
        {"TunnelInsideCidr": "10.0.0.0/30"},
        *({"TunnelInsideCidr": f"169.254.{at}.0/30"} for at in range(6)),
        {"TunnelInsideCidr": "169.254.169.252/30"},
        {"IKEVersions": [{"Value": "ikev3"}]},
        {"Phase1EncryptionAlgorithms": [{"Value": "3DES"}]},
        {"Phase2IntegrityAlgorithms": [{"Value": "MD5"}]},
        {"Phase1DHGroupNumbers": [{"Value": 5}]},
        {"Phase2DHGroupNumbers": [{"Value": 1}]},
        {"StartupAction": "go"},
        {"DPDTimeoutAction": "hold"},
        {"DPDTimeoutSeconds": 29},
        {"Phase1LifetimeSeconds": 28801},
        {"Phase2LifetimeSeconds": 899},
        {"Phase1LifetimeSeconds": 3600, "Phase2LifetimeSeconds": 3600},
        {"Phase2LifetimeSeconds": 900, "RekeyMarginTimeSeconds": 451},
        {"RekeyFuzzPercentage": 101},
        {"ReplayWindowSize": 32},
    ],
    ids=str,
)
def test_options_that_aws_refuses(account: Account, wrong: Json) -> None:
    customer, gateway = account.customer(), account.gateway()
    assert refused(account.connection, customer, gateway, TunnelOptions=[wrong]) == "InvalidParameterValue"
    assert account.ec2.describe_vpn_connections()["VpnConnections"] == []


def test_inside_ranges_are_unique_at_a_gateway(account: Account) -> None:
    gateway, other = account.gateway(), account.gateway()
    one, two = account.customer("192.0.2.1"), account.customer("192.0.2.2")
    same = [{"TunnelInsideCidr": "169.254.10.0/30"}]
    assert refused(account.connection, one, gateway, TunnelOptions=same * 2) == "InvalidParameterValue"
    account.connection(one, gateway, TunnelOptions=same)
    assert refused(account.connection, two, gateway, TunnelOptions=same) == "InvalidParameterValue"
    account.connection(two, other, TunnelOptions=same)


def test_the_same_connection_asked_for_twice(account: Account) -> None:
    customer, gateway = account.customer(), account.gateway()
    first = account.connection(customer, gateway)
    assert account.connection(customer, gateway)["VpnConnectionId"] == first["VpnConnectionId"]


def test_what_a_connection_needs(account: Account) -> None:
    customer, gateway = account.customer(), account.gateway()
    make = account.ec2.create_vpn_connection
    both = {"VpnGatewayId": gateway, "TransitGatewayId": "tgw-1"}
    assert refused(make, Type="ipsec.1", CustomerGatewayId=customer, **both) == "InvalidParameterCombination"
    assert refused(make, Type="ipsec.1", CustomerGatewayId=customer) == "MissingParameter"
    assert refused(account.connection, "cgw-1", gateway) == "InvalidCustomerGatewayID.NotFound"
    assert refused(account.connection, customer, "vgw-1") == "InvalidVpnGatewayID.NotFound"
    assert refused(account.connection, customer, "tgw-1") == "InvalidTransitGatewayID.NotFound"
    assert (
        refused(account.connection, customer, gateway, TunnelOptions=[{"DPDTimeoutSeconds": 30}] * 3)
        == "InvalidParameterValue"
    )


# ---- the configuration for the other side


def test_the_configuration_is_true(account: Account) -> None:
    made = account.connection(account.customer("192.0.2.7", 65010), account.gateway(asn=64999), TunnelOptions=[CHOSEN])
    first, second = made["Options"]["TunnelOptions"]
    root = ElementTree.fromstring(made["CustomerGatewayConfiguration"])
    assert root.get("id") == made["VpnConnectionId"]
    tunnels = root.findall("ipsec_tunnel")
    assert [item.findtext("vpn_gateway/tunnel_outside_address/ip_address") for item in tunnels] == [
        first["OutsideIpAddress"],
        second["OutsideIpAddress"],
    ]
    [mine, theirs] = [tunnels[0].find(side) for side in ("vpn_gateway", "customer_gateway")]
    assert mine is not None
    assert theirs is not None
    assert mine.findtext("tunnel_inside_address/ip_address") == "169.254.24.221"
    assert theirs.findtext("tunnel_inside_address/ip_address") == "169.254.24.222"
    assert theirs.findtext("tunnel_outside_address/ip_address") == "192.0.2.7"
    assert (mine.findtext("bgp/asn"), theirs.findtext("bgp/asn")) == ("64999", "65010")
    assert [item.findtext("ike/pre_shared_key") for item in tunnels] == ["a.key_of_mine", second["PreSharedKey"]]
    assert tunnels[0].findtext("ike/encryption_protocol") == "aes-256-gcm"
    account.ec2.delete_vpn_connection(VpnConnectionId=made["VpnConnectionId"])
    assert "CustomerGatewayConfiguration" not in account.described(made["VpnConnectionId"])


# ---- time


def test_things_take_the_time_of_the_lab(slow: Cloud) -> None:
    clock = t.cast(ManualClock, slow.clock)
    account = Account(slow.lab)
    vpc = account.vpc()
    gateway = account.gateway(vpc)
    shown = account.ec2.describe_vpn_gateways()["VpnGateways"][0]["VpcAttachments"]
    assert [item["State"] for item in shown] == ["attaching"]
    table = account.table(vpc)
    propagate = {"RouteTableId": table, "GatewayId": gateway}
    assert refused(account.ec2.enable_vgw_route_propagation, **propagate) == "Gateway.NotAttached"
    made = account.connection(account.customer(), gateway)
    assert (made["State"], slow.lab.state.aws.connections) == ("pending", ())
    assert slow.lab.state.aws.virtual_gateways[0].vpc == ""
    clock.advance(30)
    assert slow.lab.state.aws.virtual_gateways[0].vpc == vpc
    account.ec2.enable_vgw_route_propagation(**propagate)
    clock.advance(209)
    assert account.described(made["VpnConnectionId"])["State"] == "pending"
    clock.advance(1)
    assert account.described(made["VpnConnectionId"])["State"] == "available"
    assert [item.id for item in slow.lab.state.aws.connections] == [made["VpnConnectionId"]]
    account.ec2.delete_vpn_connection(VpnConnectionId=made["VpnConnectionId"])
    assert (account.described(made["VpnConnectionId"])["State"], slow.lab.state.aws.connections) == ("deleting", ())
    clock.advance(120)
    assert account.described(made["VpnConnectionId"])["State"] == "deleted"


def test_what_was_deleted_while_pending_stays_so(slow: Cloud) -> None:
    account = Account(slow.lab)
    made = account.connection(account.customer(), account.gateway())
    account.ec2.delete_vpn_connection(VpnConnectionId=made["VpnConnectionId"])
    t.cast(ManualClock, slow.clock).advance(1000)
    assert account.described(made["VpnConnectionId"])["State"] == "deleted"
    assert refused(account.ec2.delete_vpn_connection, VpnConnectionId=made["VpnConnectionId"]) == (
        "InvalidVpnConnectionID.NotFound"
    )


def test_a_reset_forgets_what_was_to_come(slow: Cloud) -> None:
    account = Account(slow.lab)
    account.connection(account.customer(), account.gateway())
    slow.lab.reset()
    t.cast(ManualClock, slow.clock).advance(1000)
    assert slow.lab.state.aws.connections == ()


# ---- changes


def test_modified_tunnel_options(slow: Cloud) -> None:
    clock = t.cast(ManualClock, slow.clock)
    account = Account(slow.lab)
    made = account.connection(account.customer(), account.gateway(), TunnelOptions=[CHOSEN])
    clock.advance(240)
    first, second = made["Options"]["TunnelOptions"]
    change = account.ec2.modify_vpn_tunnel_options
    identity = made["VpnConnectionId"]
    which = {"VpnConnectionId": identity, "VpnTunnelOutsideIpAddress": second["OutsideIpAddress"]}
    answer = change(**which, TunnelOptions={"PreSharedKey": "another.key", "IKEVersions": [{"Value": "ikev2"}]})
    assert answer["VpnConnection"]["State"] == "modifying"
    assert slow.lab.state.aws.connections[0].tunnels[1].key == "another.key"
    clock.advance(240)
    found = account.described(identity)
    assert found["State"] == "available"
    assert found["Options"]["TunnelOptions"][0] == first
    assert found["Options"]["TunnelOptions"][1]["IkeVersions"] == [{"Value": "ikev2"}]
    assert refused(change, **which, TunnelOptions={"PreSharedKey": "0"}) == "InvalidParameterValue"
    taken = {"TunnelInsideCidr": first["TunnelInsideCidr"]}
    assert refused(change, **which, TunnelOptions=taken) == "InvalidParameterValue"
    nowhere = which | {"VpnTunnelOutsideIpAddress": "192.0.2.99"}
    assert refused(change, **nowhere, TunnelOptions={}) == "InvalidParameterValue"


def test_modified_connections(account: Account) -> None:
    made = account.connection(account.customer(), account.gateway())
    identity = made["VpnConnectionId"]
    account.ec2.modify_vpn_connection_options(VpnConnectionId=identity, LocalIpv4NetworkCidr="10.4.0.0/14")
    assert account.described(identity)["Options"]["LocalIpv4NetworkCidr"] == "10.4.0.0/14"
    other = account.customer("192.0.2.9")
    account.ec2.modify_vpn_connection(VpnConnectionId=identity, CustomerGatewayId=other)
    assert account.lab.state.aws.connections[0].customer_gateway == other
    gone = account.customer("192.0.2.10")
    account.ec2.delete_customer_gateway(CustomerGatewayId=gone)
    assert refused(account.ec2.modify_vpn_connection, VpnConnectionId=identity, CustomerGatewayId=gone) == (
        "InvalidCustomerGatewayID.NotFound"
    )
    modify = account.ec2.modify_vpn_connection
    assert refused(modify, VpnConnectionId=identity, VpnGatewayId=account.gateway()) == "UnsupportedOperation"


def test_static_routes(account: Account) -> None:
    dynamic = account.connection(account.customer(), account.gateway())["VpnConnectionId"]
    static = account.connection(account.customer("192.0.2.2"), account.gateway(), StaticRoutesOnly=True)
    identity = static["VpnConnectionId"]
    assert "<bgp>" not in static["CustomerGatewayConfiguration"]
    add, remove = account.ec2.create_vpn_connection_route, account.ec2.delete_vpn_connection_route
    route = {"DestinationCidrBlock": "10.4.0.0/14"}
    assert refused(add, VpnConnectionId=dynamic, **route) == "InvalidParameterValue"
    add(VpnConnectionId=identity, **route)
    shown = account.described(identity)["Routes"]
    assert shown == [{"DestinationCidrBlock": "10.4.0.0/14", "Source": "Static", "State": "available"}]
    assert [item.static for item in account.lab.state.aws.connections if item.static_only] == [("10.4.0.0/14",)]
    remove(VpnConnectionId=identity, **route)
    assert refused(remove, VpnConnectionId=identity, **route) == "InvalidRoute.NotFound"


def test_in_use(account: Account) -> None:
    customer, gateway = account.customer(), account.gateway()
    made = account.connection(customer, gateway)["VpnConnectionId"]
    assert refused(account.ec2.delete_customer_gateway, CustomerGatewayId=customer) == "IncorrectState"
    assert refused(account.ec2.delete_vpn_gateway, VpnGatewayId=gateway) == "IncorrectState"
    account.ec2.delete_vpn_connection(VpnConnectionId=made)
    account.ec2.delete_customer_gateway(CustomerGatewayId=customer)
    account.ec2.delete_vpn_gateway(VpnGatewayId=gateway)
    facts = account.lab.state.aws
    assert (facts.connections, facts.customer_gateways, facts.virtual_gateways) == ((), (), ())


@pytest.mark.parametrize(
    ("name", "values", "found"),
    [
        ("vpn-gateway-id", "{gateway}", 1),
        ("transit-gateway-id", "tgw-1", 0),
        ("customer-gateway-id", "{customer}", 1),
        ("state", "available", 1),
        ("state", "deleted", 0),
        ("option.static-routes-only", "false", 1),
        ("bgp-asn", "65010", 1),
        ("route.destination-cidr-block", "10.0.0.0/8", 0),
        ("type", "ipsec.1", 1),
    ],
)
def test_filters(account: Account, name: str, values: str, found: int) -> None:
    gateway, customer = account.gateway(), account.customer()
    account.connection(customer, gateway)
    filters = [{"Name": name, "Values": [values.format(gateway=gateway, customer=customer)]}]
    assert len(account.ec2.describe_vpn_connections(Filters=filters)["VpnConnections"]) == found


def test_filters_of_customer_gateways(account: Account) -> None:
    first, _second = account.customer("192.0.2.1"), account.customer("192.0.2.2", 65011)
    account.ec2.create_tags(Resources=[first], Tags=[{"Key": "Name", "Value": "a"}])
    for name, value in (("tag:Name", "a"), ("ip-address", "192.0.2.1"), ("bgp-asn", "65010")):
        found = account.ec2.describe_customer_gateways(Filters=[{"Name": name, "Values": [value]}])
        assert [item["CustomerGatewayId"] for item in found["CustomerGateways"]] == [first]


# ---- what BGP tells


def test_telemetry_is_what_bgp_reports(slow: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    def reported(state: object, connection: str, number: int) -> Telemetry:
        return Telemetry(number == 0, "3 BGP ROUTES" if number == 0 else "IPSEC IS DOWN", 3 * (1 - number), 100.0)

    account = Account(slow.lab)
    made = account.connection(account.customer(), account.gateway())
    t.cast(ManualClock, slow.clock).advance(400)
    monkeypatch.setattr(report, "telemetry", reported)
    up, down = account.described(made["VpnConnectionId"])["VgwTelemetry"]
    assert (up["Status"], up["StatusMessage"], up["AcceptedRouteCount"]) == ("UP", "3 BGP ROUTES", 3)
    assert (down["Status"], down["StatusMessage"], down["AcceptedRouteCount"]) == ("DOWN", "IPSEC IS DOWN", 0)
    assert up["LastStatusChange"] == slow.clock.now() - datetime.timedelta(seconds=300)
    assert up["OutsideIpAddress"] == made["Options"]["TunnelOptions"][0]["OutsideIpAddress"]


def test_propagation(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc = account.vpc()
    table, gateway, stranger = account.table(vpc), account.gateway(vpc), account.gateway()
    enable, disable = account.ec2.enable_vgw_route_propagation, account.ec2.disable_vgw_route_propagation
    assert refused(enable, RouteTableId=table, GatewayId=stranger) == "Gateway.NotAttached"
    assert refused(enable, RouteTableId="rtb-1", GatewayId=gateway) == "InvalidRouteTableID.NotFound"
    for _time in range(2):
        enable(RouteTableId=table, GatewayId=gateway)
    shown = account.ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]
    assert shown["PropagatingVgws"] == [{"GatewayId": gateway}]

    def propagated(state: t.Any, fact: t.Any) -> tuple[Route, ...]:
        assert state.aws == account.lab.state.aws
        return tuple(Route("10.4.0.0/14", "vgw", item) for item in fact.propagating)

    monkeypatch.setattr(route_tables, "propagated", propagated)
    assert account.routes(table)[1] == {
        "DestinationCidrBlock": "10.4.0.0/14",
        "GatewayId": gateway,
        "Origin": "EnableVgwRoutePropagation",
        "State": "active",
    }
    assert [item.propagating for item in account.lab.state.aws.tables if item.id == table] == [(gateway,)]
    disable(RouteTableId=table, GatewayId=gateway)
    assert len(account.routes(table)) == 1
    enable(RouteTableId=table, GatewayId=gateway)
    account.ec2.detach_vpn_gateway(VpnGatewayId=gateway, VpcId=vpc)
    assert account.ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["PropagatingVgws"] == []
