# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running lab's EC2 by boto3, told by nothing but what `.lab/env` exports."""

from __future__ import annotations

import typing as t

import boto3
import pytest
from botocore.exceptions import ClientError

from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

EXPORTED = {
    "AWS_ENDPOINT_URL",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_DEFAULT_REGION",
    "AWS_EC2_METADATA_DISABLED",
}


@pytest.fixture
def client(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> t.Callable[[str], t.Any]:
    """boto3 in the shell of the lab."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_SESSION_TOKEN", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name in EXPORTED:
        monkeypatch.setenv(name, lab.env[name])
    return boto3.session.Session().client


def test_the_aws_side_of_a_vpn(lab: Lab, client: t.Callable[[str], t.Any]) -> None:
    assert client("sts").get_caller_identity()["Account"] == "123456789012"
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    gateway = ec2.create_vpn_gateway(Type="ipsec.1", AmazonSideAsn=64512)["VpnGateway"]["VpnGatewayId"]
    ec2.attach_vpn_gateway(VpnGatewayId=gateway, VpcId=vpc)
    tunnels = []
    for address in ("192.0.2.1", "192.0.2.2"):
        customer = ec2.create_customer_gateway(Type="ipsec.1", BgpAsn=65010, IpAddress=address)["CustomerGateway"]
        made = ec2.create_vpn_connection(
            Type="ipsec.1",
            CustomerGatewayId=customer["CustomerGatewayId"],
            VpnGatewayId=gateway,
            Options={"TunnelOptions": [{"IKEVersions": [{"Value": "ikev2"}]}] * 2},
        )["VpnConnection"]
        ec2.get_waiter("vpn_connection_available").wait(VpnConnectionIds=[made["VpnConnectionId"]])
        tunnels += made["Options"]["TunnelOptions"]
    ec2.enable_vgw_route_propagation(RouteTableId=table, GatewayId=gateway)
    assert len({item["OutsideIpAddress"] for item in tunnels}) == 4
    found = ec2.describe_vpn_connections()["VpnConnections"]
    assert {item["Status"] for one in found for item in one["VgwTelemetry"]} == {"DOWN"}
    entries = [item for item in lab.mutating() if item["service"] == "aws"]
    assert [item["method"] for item in entries][:3] == ["CreateVpc", "CreateSubnet", "CreateRouteTable"]
    lab.reset()
    assert ec2.describe_vpcs()["Vpcs"] == []


def test_what_takes_time_says_pending_meanwhile(lab: Lab, client: t.Callable[[str], t.Any]) -> None:
    ec2 = client("ec2")
    gateway = ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    customer = ec2.create_customer_gateway(Type="ipsec.1", BgpAsn=65010, IpAddress="192.0.2.1")["CustomerGateway"]
    lab.admin("POST", "latency", {"profile": "fast"})
    try:
        made = ec2.create_vpn_connection(
            Type="ipsec.1", CustomerGatewayId=customer["CustomerGatewayId"], VpnGatewayId=gateway
        )["VpnConnection"]
        assert made["State"] == "pending"
        patience = {"Delay": 0.2, "MaxAttempts": 100}
        identity = made["VpnConnectionId"]
        ec2.get_waiter("vpn_connection_available").wait(VpnConnectionIds=[identity], WaiterConfig=patience)
    finally:
        lab.admin("POST", "latency", {"profile": "zero"})


def test_boto3_asks_again_after_a_fault(lab: Lab, client: t.Callable[[str], t.Any]) -> None:
    lab.fault(method="CreateVpc", status=503, reason="RequestLimitExceeded")
    client("ec2").create_vpc(CidrBlock="10.0.0.0/16")
    assert [item["status"] for item in lab.mutating()] == [503, 200]


def test_a_stranger(lab: Lab, client: t.Callable[[str], t.Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    session = boto3.session.Session()
    with pytest.raises(ClientError, match="AuthFailure"):
        session.client("ec2").describe_vpcs()
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        session.client("sts").get_caller_identity()


def test_the_preset(lab: Lab, client: t.Callable[[str], t.Any]) -> None:
    lab.preset("aws-account")
    [found] = client("ec2").describe_instances()["Reservations"][0]["Instances"]
    assert (found["PrivateIpAddress"], found["Tags"]) == ("10.0.1.7", [{"Key": "Name", "Value": "aws-ec2-01"}])
