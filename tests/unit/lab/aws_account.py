# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real boto3 clients of a lab inside the test's own process: botocore hands its signed requests over before it would
send them."""

from __future__ import annotations

import asyncio
import io
import typing as t
import urllib.parse

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError

from ansible_collections.podreach.gke.tests.lab.podreach_lab.aws import credentials, front
from ansible_collections.podreach.gke.tests.lab.podreach_lab.core import Lab

Json = dict[str, t.Any]


class _Raw(io.BytesIO):
    def stream(self, **_options: t.Any) -> t.Iterator[bytes]:
        yield self.read()


def client(lab: Lab, service: str = "ec2", region: str = credentials.REGION, **keys: str) -> t.Any:
    """A boto3 client; `keys` replace the account's own."""
    own = {"aws_access_key_id": credentials.ACCESS_KEY, "aws_secret_access_key": credentials.SECRET_KEY}
    settings = Config(retries={"max_attempts": 0})
    url = "http://127.0.0.1:1"
    made = boto3.client(service, endpoint_url=url, region_name=region, config=settings, **(own | keys))

    def instead_of_sending(request: AWSPreparedRequest, **_more: t.Any) -> AWSResponse:
        parts = urllib.parse.urlsplit(request.url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        headers = {
            name.title(): value.decode() if isinstance(value, bytes) else value
            for name, value in request.headers.items()
        }
        headers |= {name.lower(): value for name, value in headers.items()} | {"host": parts.netloc}
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        reply = asyncio.run(front.answer(lab, request.method, target, headers, body))
        return AWSResponse(request.url, reply.status, {"Content-Type": reply.content_type}, _Raw(reply.body))

    made.meta.events.register("before-send", instead_of_sending)
    return made


class Account:
    """A VPC and what is built in it, in a line each."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.ec2 = client(lab)

    def vpc(self, block: str = "10.0.0.0/16") -> str:
        return str(self.ec2.create_vpc(CidrBlock=block)["Vpc"]["VpcId"])

    def subnet(self, vpc: str, block: str = "10.0.1.0/24", zone: str = "a") -> str:
        place = f"{credentials.REGION}{zone}"
        made = self.ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=place)
        return str(made["Subnet"]["SubnetId"])

    def table(self, vpc: str, *subnets: str) -> str:
        made = str(self.ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"])
        for subnet in subnets:
            self.ec2.associate_route_table(RouteTableId=made, SubnetId=subnet)
        return made

    def gateway(self, vpc: str = "", asn: int = 64512) -> str:
        made = str(self.ec2.create_vpn_gateway(Type="ipsec.1", AmazonSideAsn=asn)["VpnGateway"]["VpnGatewayId"])
        if vpc:
            self.ec2.attach_vpn_gateway(VpnGatewayId=made, VpcId=vpc)
        return made

    def customer(self, address: str = "192.0.2.1", asn: int = 65010) -> str:
        made = self.ec2.create_customer_gateway(Type="ipsec.1", BgpAsn=asn, IpAddress=address)
        return str(made["CustomerGateway"]["CustomerGatewayId"])

    def connection(self, customer: str, gateway: str, **options: t.Any) -> Json:
        key = "TransitGatewayId" if gateway.startswith("tgw-") else "VpnGatewayId"
        asked: Json = {"Type": "ipsec.1", "CustomerGatewayId": customer, key: gateway}
        if options:
            asked["Options"] = options
        return t.cast(Json, self.ec2.create_vpn_connection(**asked)["VpnConnection"])

    def described(self, connection: str) -> Json:
        found = self.ec2.describe_vpn_connections(VpnConnectionIds=[connection])
        return t.cast(Json, found["VpnConnections"][0])

    def routes(self, table: str) -> list[Json]:
        found = self.ec2.describe_route_tables(RouteTableIds=[table])
        return t.cast(list[Json], found["RouteTables"][0]["Routes"])


def code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])
