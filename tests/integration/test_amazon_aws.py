# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's EC2 against amazon.aws and community.aws: a playbook builds the AWS side of a VPN, and a second run of it
changes nothing.

The VPN is made without tunnel_options: of the module's suboptions the ones left out reach boto3 as null
(https://github.com/ansible-collections/amazon.aws/issues/2546).
"""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.integration.community import COMMUNITY, Community, needs_community
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

Json = dict[str, t.Any]

pytestmark = needs_community

REGION = "ap-northeast-1"


@pytest.fixture
def community(lab: Lab, tmp_path: pathlib.Path) -> Community:
    access = {name: value for name, value in lab.env.items() if name.startswith("AWS_")}
    return Community(lab, tmp_path, access)


def task(module: str, register: str = "", **options: t.Any) -> Json:
    found: Json = {module: {"region": REGION, **options}, "vars": {"ansible_python_interpreter": PYTHON}}
    return found | {"register": register} if register else found


PYTHON = str(COMMUNITY / "bin" / "python")

TASKS = [
    task("amazon.aws.ec2_vpc_net", "vpc", name="aws-vpc", cidr_block="10.0.0.0/16"),
    task(
        "amazon.aws.ec2_vpc_subnet",
        "subnet",
        vpc_id="{{ vpc.vpc.id }}",
        cidr="10.0.1.0/24",
        az=f"{REGION}a",
        tags={"Name": "aws-subnet-1"},
    ),
    task("amazon.aws.ec2_vpc_vgw", "vgw", name="aws-vgw", vpc_id="{{ vpc.vpc.id }}", asn=64512, wait_timeout=60),
    task("community.aws.ec2_customer_gateway", "customer", name="gcp-1", ip_address="192.0.2.1", bgp_asn=65010),
    task(
        "amazon.aws.ec2_vpc_vpn",
        "vpn",
        customer_gateway_id="{{ customer.gateway.customer_gateway.customer_gateway_id }}",
        vpn_gateway_id="{{ vgw.vgw.id }}",
        tags={"Name": "vpn-1"},
        filters={"tags": {"Name": "vpn-1"}},
        wait_timeout=60,
    ),
    task(
        "amazon.aws.ec2_vpc_route_table",
        "table",
        vpc_id="{{ vpc.vpc.id }}",
        subnets=["{{ subnet.subnet.id }}"],
        propagating_vgw_ids=["{{ vgw.vgw.id }}"],
        routes=[{"dest": "192.168.7.0/24", "gateway_id": "{{ vgw.vgw.id }}"}],
        tags={"Name": "aws-routes"},
    ),
    task(
        "amazon.aws.ec2_security_group",
        "group",
        name="aws-ec2",
        description="what pods may reach",
        vpc_id="{{ vpc.vpc.id }}",
        rules=[{"proto": "icmp", "from_port": -1, "to_port": -1, "cidr_ip": "10.4.0.0/14"}],
    ),
]


AROUND = [
    TASKS[0],
    TASKS[1],
    task("amazon.aws.ec2_vpc_igw", "internet", vpc_id="{{ vpc.vpc.id }}", tags={"Name": "aws-internet"}),
    task(
        "amazon.aws.ec2_vpc_nacl",
        "acl",
        vpc_id="{{ vpc.vpc.id }}",
        name="aws-acl",
        subnets=["{{ subnet.subnet.id }}"],
        ingress=[[100, "tcp", "allow", "10.4.0.0/14", None, None, 80, 90], [200, "icmp", "allow", "0.0.0.0/0", 8, -1]],
        egress=[[100, "all", "allow", "0.0.0.0/0", None, None, None, None]],
    ),
    task("community.aws.ec2_transit_gateway", "transit", description="to Google", asn=64600, wait_timeout=60),
    task(
        "community.aws.ec2_transit_gateway_vpc_attachment",
        "attachment",
        name="aws-attachment",
        transit_gateway="{{ transit.transit_gateway.transit_gateway_id }}",
        subnets=["{{ subnet.subnet.id }}"],
        wait_timeout=60,
    ),
    task(
        "amazon.aws.ec2_vpc_route_table",
        vpc_id="{{ vpc.vpc.id }}",
        subnets=["{{ subnet.subnet.id }}"],
        routes=[
            {"dest": "10.4.0.0/14", "transit_gateway_id": "{{ transit.transit_gateway.transit_gateway_id }}"},
            {"dest": "0.0.0.0/0", "gateway_id": "igw"},
        ],
        tags={"Name": "aws-routes"},
    ),
    task(
        "amazon.aws.ec2_eni",
        "card",
        name="aws-card",
        subnet_id="{{ subnet.subnet.id }}",
        private_ip_address="10.0.1.9",
    ),
    task(
        "amazon.aws.ec2_instance",
        "instance",
        name="aws-ec2-01",
        image_id="ami-0123456789abcdef0",
        instance_type="t3.micro",
        vpc_subnet_id="{{ subnet.subnet.id }}",
        network_interfaces=[{"private_ip_address": "10.0.1.7"}],
        wait_timeout=60,
    ),
]


def test_a_second_run_changes_nothing_around_it(community: Community) -> None:
    first = community.run(*AROUND)
    assert [result["changed"] for result in first] == [True] * len(AROUND)
    before = community.lab.seq()
    second = community.run(*AROUND)
    assert [item["method"] for item in community.lab.mutating(before)] == []
    assert [result["changed"] for result in second] == [False] * len(AROUND)


def test_a_second_run_changes_nothing(community: Community) -> None:
    first = community.run(*TASKS)
    assert [result["changed"] for result in first] == [True] * len(TASKS)
    before = community.lab.seq()
    second = community.run(*TASKS)
    assert [result["changed"] for result in second] == [False] * len(TASKS)
    assert community.lab.mutating(before) == []
    table = second[5]["route_table"]
    assert [item["gateway_id"] for item in table["propagating_vgws"]] == [second[2]["vgw"]["id"]]
    tunnels = second[4]["options"]["tunnel_options"]
    assert len({item["outside_ip_address"] for item in tunnels}) == 2


def test_what_was_built_can_be_taken_down(community: Community) -> None:
    gone = [
        task("amazon.aws.ec2_security_group", name="aws-ec2", vpc_id="{{ vpc.vpc.id }}", state="absent"),
        task("amazon.aws.ec2_vpc_vpn", vpn_connection_id="{{ vpn.vpn_connection_id }}", state="absent"),
        task(
            "amazon.aws.ec2_vpc_route_table", route_table_id="{{ table.route_table.id }}", lookup="id", state="absent"
        ),
        task("amazon.aws.ec2_vpc_vgw", vpn_gateway_id="{{ vgw.vgw.id }}", state="absent"),
        task("amazon.aws.ec2_vpc_subnet", vpc_id="{{ vpc.vpc.id }}", cidr="10.0.1.0/24", state="absent"),
        task("amazon.aws.ec2_vpc_net", name="aws-vpc", cidr_block="10.0.0.0/16", state="absent"),
    ]
    results = community.run(*TASKS, *gone)
    assert [result["changed"] for result in results[len(TASKS) :]] == [True] * len(gone)
