# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A VPC behind a transit gateway and Cloud VPN, made by the APIs of both clouds: real BGP, real packets."""

from __future__ import annotations

import ipaddress
import typing as t

import boto3
import pytest

from ansible_collections.podreach.gke.tests.integration import machines
from ansible_collections.podreach.gke.tests.integration.api import COMPUTE, REGION, ROUTERS, Api
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

Json = dict[str, t.Any]
KEYS = ("transit_key_1", "transit_key_2")
VPN_GATEWAYS, TUNNELS = f"{COMPUTE}/regions/{REGION}/vpnGateways", f"{COMPUTE}/regions/{REGION}/vpnTunnels"
EXTERNAL = f"{COMPUTE}/global/externalVpnGateways"
HERE, NEAR, FAR = "vm1", "10.0.1.7", "10.0.2.7"


class Amazon:
    """EC2 of the lab, and what was made there."""

    def __init__(self, lab: Lab) -> None:
        self.ec2 = boto3.client(
            "ec2",
            endpoint_url=lab.env["AWS_ENDPOINT_URL"],
            region_name=lab.env["AWS_DEFAULT_REGION"],
            aws_access_key_id=lab.env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=lab.env["AWS_SECRET_ACCESS_KEY"],
        )
        self.vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.table = self.ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [self.vpc]}])
        self.table = self.table["RouteTables"][0]["RouteTableId"]
        group = self.ec2.create_security_group(GroupName="open", Description="open", VpcId=self.vpc)["GroupId"]
        anybody = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=anybody)
        self.subnets = [self.instance(group, NEAR, "a"), self.instance(group, FAR, "c")]
        self.transit = self.ec2.create_transit_gateway(Options={"AmazonSideAsn": 64600})["TransitGateway"]
        self.id = self.transit["TransitGatewayId"]

    def instance(self, group: str, address: str, zone: str) -> str:
        """An instance in a subnet of its own, whose id is returned."""
        block = str(ipaddress.IPv4Interface(f"{address}/24").network)
        place = {"VpcId": self.vpc, "CidrBlock": block, "AvailabilityZone": f"ap-northeast-1{zone}"}
        subnet = str(self.ec2.create_subnet(**place)["Subnet"]["SubnetId"])
        fields = {"ImageId": "ami-0123456789abcdef0", "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
        tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": f"ec2-{zone}"}]}]
        self.ec2.run_instances(
            SubnetId=subnet, PrivateIpAddress=address, SecurityGroupIds=[group], TagSpecifications=tags, **fields
        )
        return subnet

    def attach(self) -> None:
        """By the first subnet only, and with a route in the one table that both subnets use."""
        self.ec2.create_transit_gateway_vpc_attachment(
            TransitGatewayId=self.id, VpcId=self.vpc, SubnetIds=self.subnets[:1]
        )
        route = {"RouteTableId": self.table, "DestinationCidrBlock": "10.1.0.0/16", "TransitGatewayId": self.id}
        self.ec2.create_route(**route)

    def connect(self, address: str) -> list[Json]:
        """A VPN connection with a gateway at that address; its two tunnels."""
        customer = self.ec2.create_customer_gateway(Type="ipsec.1", BgpAsn=65010, PublicIp=address)["CustomerGateway"]
        made = self.ec2.create_vpn_connection(
            Type="ipsec.1",
            CustomerGatewayId=customer["CustomerGatewayId"],
            TransitGatewayId=self.id,
            Options={"TunnelOptions": [{"PreSharedKey": key} for key in KEYS]},
        )
        found = self.ec2.describe_vpn_connections(VpnConnectionIds=[made["VpnConnection"]["VpnConnectionId"]])
        options: list[Json] = found["VpnConnections"][0]["Options"]["TunnelOptions"]
        return options


def google(api: Api) -> str:
    """A network with a machine and one end of a VPN, whose address is returned."""
    machines.network(api, "n1", "10.1.0.0/24")
    anybody: Json = {"sourceRanges": ["0.0.0.0/0"], "allowed": [{"IPProtocol": "all"}]}
    machines.rule(api, "n1", "open", **anybody)
    machines.vm(api, "n1", HERE, "10.1.0.9")
    api.post(ROUTERS, {"name": "r1", "network": "global/networks/n1", "bgp": {"asn": 65010}})
    api.post(VPN_GATEWAYS, {"name": "g1", "network": "global/networks/n1"})
    made = api.get(f"{VPN_GATEWAYS}/g1")
    assert made is not None
    return str(made["vpnInterfaces"][0]["ipAddress"])


def join(api: Api, there: t.Sequence[Json]) -> None:
    """Tunnels to the ends over there, with BGP."""
    ends = [{"id": at, "ipAddress": item["OutsideIpAddress"]} for at, item in enumerate(there)]
    api.post(EXTERNAL, {"name": "aws", "redundancyType": "TWO_IPS_REDUNDANCY", "interfaces": ends})
    interfaces, peers = [], []
    for at, item in enumerate(there):
        name, inside = f"t{at}", ipaddress.IPv4Network(item["TunnelInsideCidr"])
        tunnel = {
            "name": name,
            "vpnGateway": f"regions/{REGION}/vpnGateways/g1",
            "vpnGatewayInterface": 0,
            "peerExternalGateway": "global/externalVpnGateways/aws",
            "peerExternalGatewayInterface": at,
            "router": f"regions/{REGION}/routers/r1",
            "sharedSecret": KEYS[at],
            "ikeVersion": 2,
        }
        api.post(TUNNELS, tunnel)
        link = f"regions/{REGION}/vpnTunnels/{name}"
        interfaces.append({"name": f"if-{name}", "ipRange": f"{inside[2]}/30", "linkedVpnTunnel": link})
        peer = {"name": f"peer-{name}", "interfaceName": f"if-{name}", "peerIpAddress": str(inside[1])}
        peers.append(peer | {"peerAsn": 64600})
    api.patch(f"{ROUTERS}/r1", {"interfaces": interfaces, "bgpPeers": peers})


@pytest.fixture
def amazon(lab: Lab) -> Amazon:
    """Both clouds, joined by a transit gateway."""
    api, made = Api(lab), Amazon(lab)
    join(api, made.connect(google(api)))
    return made


def test_there_and_back_and_where_not(lab: Lab, amazon: Amazon) -> None:
    # Without an attachment the transit gateway has no way into the VPC, and so announces none: the default route it is.
    assert lab.trace(HERE, NEAR)["request"]["died"]["reason"] == "internet"
    amazon.attach()
    found = lab.trace(HERE, NEAR)
    assert found["verdict"] == "reachable", found
    assert [hop["ttl"] for hop in found["reply"]["hops"]][-1] == 63
    assert f"tgw {amazon.id}" in [hop["at"] for hop in found["reply"]["hops"]]
    assert lab.exec("ec2-a", "curl", "-s", "http://10.1.0.9/health").stdout == "OK\n"
    # The other zone is reached, and has no way back.
    found = lab.trace(HERE, FAR)
    assert found["request"]["delivered"]
    died = found["reply"]["died"]
    assert (died["at"], died["reason"]) == (f"vpc {amazon.vpc}", "tgw-no-attachment-in-az")
    # The VPC needs its own route.
    amazon.ec2.delete_route(RouteTableId=amazon.table, DestinationCidrBlock="10.1.0.0/16")
    died = lab.trace(HERE, NEAR)["reply"]["died"]
    assert (died["reason"], died["detail"]) == ("aws-route", f"the route table {amazon.table} has no route to it")


def test_a_blackhole_of_the_transit_route_table(lab: Lab, amazon: Amazon) -> None:
    amazon.attach()
    assert lab.trace("ec2-a", "10.1.0.9")["verdict"] == "reachable"
    table = amazon.transit["Options"]["AssociationDefaultRouteTableId"]
    amazon.ec2.create_transit_gateway_route(
        DestinationCidrBlock="10.1.0.0/24", TransitGatewayRouteTableId=table, Blackhole=True
    )
    died = lab.trace("ec2-a", "10.1.0.9")["request"]["died"]
    assert (died["at"], died["reason"]) == (f"tgw {amazon.id}", "tgw-route")
    assert died["detail"] == f"10.1.0.0/24 is a blackhole in the transit gateway route table {table}"
