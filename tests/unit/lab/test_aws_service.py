# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way in to AWS: credentials, the log, faults, what is not modelled, moto's attributes that the lab relies on."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import typing as t

import pytest
from botocore.exceptions import ClientError

from ansible_collections.podreach.gke.tests.lab.podreach_lab import presets
from ansible_collections.podreach.gke.tests.lab.podreach_lab.aws import credentials
from ansible_collections.podreach.gke.tests.lab.podreach_lab.aws.facts import AwsFacts
from ansible_collections.podreach.gke.tests.lab.podreach_lab.core import InjectedFault
from ansible_collections.podreach.gke.tests.unit.lab.aws_account import Account, client, code
from ansible_collections.podreach.gke.tests.unit.lab.cloud import Cloud


def refused(call: t.Callable[[], t.Any]) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    return code(caught.value)


def test_who_is_calling(cloud: Cloud) -> None:
    answer = client(cloud.lab, "sts").get_caller_identity()
    assert (answer["Account"], answer["Arn"]) == ("123456789012", "arn:aws:iam::123456789012:user/lab")


@pytest.mark.parametrize("service", ["ec2", "sts"])
@pytest.mark.parametrize(
    "keys",
    [{"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE"}, {"aws_secret_access_key": "wrong" * 8}],
    ids=["unknown key", "wrong secret"],
)
def test_strangers_are_refused(cloud: Cloud, service: str, keys: dict[str, str]) -> None:
    stranger = client(cloud.lab, service, **keys)
    call = stranger.describe_vpcs if service == "ec2" else stranger.get_caller_identity
    assert refused(call) == {"ec2": "AuthFailure", "sts": "InvalidClientTokenId"}[service]
    assert cloud.lab.log[-1]["status"] == {"ec2": 401, "sts": 403}[service]


def test_the_log_names_action_and_whether_it_changes_something(cloud: Cloud) -> None:
    account = Account(cloud.lab)
    account.vpc()
    account.ec2.describe_vpcs()
    made, read = cloud.lab.log
    assert (made["service"], made["method"], made["mutating"], made["method_id"]) == (
        "aws",
        "CreateVpc",
        True,
        "ec2.CreateVpc",
    )
    assert made["caller"] == credentials.ACCESS_KEY
    assert (read["method"], read["mutating"]) == ("DescribeVpcs", False)
    assert cloud.lab.mutations == 1


def test_injected_faults(cloud: Cloud) -> None:
    account = Account(cloud.lab)
    cloud.lab.faults.append(InjectedFault(method="CreateVpc", status=503, reason="RequestLimitExceeded"))
    assert refused(account.vpc) == "RequestLimitExceeded"
    cloud.lab.faults.append(InjectedFault(path="/ec2/.*/CreateVpc$", status=500, reason="InternalError", when="after"))
    assert refused(account.vpc) == "InternalError"
    assert len(account.ec2.describe_vpcs()["Vpcs"]) == 1


def test_what_is_not_modelled_says_so(cloud: Cloud) -> None:
    account = Account(cloud.lab)
    assert refused(account.ec2.describe_vpc_encryption_controls) == "UnsupportedOperation"
    assert cloud.lab.log[-1]["status"] == 501
    assert refused(lambda: account.ec2.create_vpc(CidrBlock="10.0.0.0/16", DryRun=True)) == "DryRunOperation"
    assert cloud.lab.state.aws.vpcs == ()


def test_an_account_starts_empty_and_reset_empties_it(cloud: Cloud) -> None:
    account = Account(cloud.lab)
    assert account.ec2.describe_vpcs()["Vpcs"] == []
    account.vpc()
    client(cloud.lab, region="eu-west-1").create_vpc(CidrBlock="10.9.0.0/16")
    assert {vpc.region for vpc in cloud.lab.state.aws.vpcs} == {"ap-northeast-1", "eu-west-1"}
    cloud.lab.reset()
    assert cloud.lab.state.aws == AwsFacts()
    assert account.ec2.describe_vpcs()["Vpcs"] == []


def test_others_are_told_once_for_each_change(cloud: Cloud) -> None:
    told: list[int] = []
    cloud.lab.state.watch_outside(lambda: told.append(len(cloud.lab.state.aws.vpcs)))
    account = Account(cloud.lab)
    vpc = account.vpc()
    account.ec2.create_tags(Resources=[vpc], Tags=[{"Key": "team", "Value": "a"}])
    assert told == [1]


def test_filters_that_moto_lacks(cloud: Cloud) -> None:
    account = Account(cloud.lab)
    account.vpc()
    for name, said in (("no-such", "InvalidParameterValue"), ("ipv6-cidr-block-association.ipv6-pool", "Unsupported")):
        with pytest.raises(ClientError) as refused:
            account.ec2.describe_vpcs(Filters=[{"Name": name, "Values": ["x"]}])
        assert refused.value.response["Error"]["Code"].startswith(said)
        assert "moto" not in str(refused.value).lower()
        assert "issue" not in str(refused.value)


def test_a_preset_builds_the_account(cloud: Cloud) -> None:
    made = asyncio.run(presets.build(cloud.lab, "aws-account"))["made"]
    facts = cloud.lab.state.aws
    [instance], [card], [subnet] = facts.instances, facts.interfaces, facts.subnets
    assert (instance.name, instance.runs, card.addresses) == ("aws-ec2-01", True, ("10.0.1.7",))
    [table] = [item for item in facts.tables if item.id == subnet.table]
    assert not table.main
    [group] = [item for item in facts.groups if item.id in card.groups]
    assert [rule.egress for rule in group.rules] == [True]
    assert instance.id in made
    assert cloud.lab.aws.counts()["ec2#instance"] == 1
    with pytest.raises(presets.PresetError, match=r"RunInstances was refused: Invalid"):
        steps = presets.aws_account()
        asyncio.run(presets.carry_out(cloud.lab, steps[-1], dict.fromkeys(("subnet", "group"), "subnet-1")))


def test_moto_is_imported_by_the_first_request_only() -> None:
    program = (
        "import sys; from ansible_collections.podreach.gke.tests.lab.podreach_lab import server; "
        "print([name for name in ('moto', 'botocore', 'boto3') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=_paths())
    assert done.stdout == "[]\n"


def _paths() -> dict[str, str]:
    return {"PYTHONPATH": ":".join(sys.path)}


def test_what_the_lab_relies_on_exists_in_moto() -> None:
    """The lab extends moto 5.2 by subclasses; each method and attribute that it overrides or reads must be there."""
    import moto
    from moto.ec2.models import EC2Backend
    from moto.ec2.responses import EC2Response

    from ansible_collections.podreach.gke.tests.lab.podreach_lab.aws import backend

    assert moto.__version__.startswith("5.2.")
    overridden = {
        "create_vpn_gateway", "get_vpn_gateway", "attach_vpn_gateway", "detach_vpn_gateway", "delete_vpn_gateway",
        "create_customer_gateway", "describe_customer_gateways", "get_customer_gateway", "delete_customer_gateway",
        "describe_vpn_connections", "delete_vpn_connection", "create_transit_gateway_vpn_attachment",
        "create_route_table", "get_route_table", "describe_route_tables", "delete_route_table", "create_route",
        "replace_route", "delete_route", "create_vpc", "delete_vpc", "associate_vpc_cidr_block", "create_default_vpc",
        "create_subnet", "delete_subnet", "delete_security_group", "create_network_interface", "run_instances",
        "terminate_instances", "assign_private_ip_addresses", "modify_network_interface_attribute",
        "modify_instance_attribute", "modify_instance_security_groups", "create_network_acl", "delete_network_acl",
        "delete_network_acl_entry", "replace_network_acl_association", "create_transit_gateway",
        "delete_transit_gateway", "create_transit_gateway_vpc_attachment", "delete_transit_gateway_vpc_attachment",
        "associate_transit_gateway_route_table", "disassociate_transit_gateway_route_table",
        "enable_transit_gateway_route_table_propagation", "disable_transit_gateway_route_table_propagation",
        "set_route_table_association", "unset_route_table_association", "set_route_table_propagation",
        "disable_route_table_propagation", "get_security_group_from_id", "get_security_group_from_name",
    }  # fmt: skip
    assert {name for name in overridden if not callable(getattr(EC2Backend, name, None))} == set()
    stores = {
        "vpcs", "route_tables", "network_acls", "enis", "reservations", "groups", "vpn_gateways", "transit_gateways",
        "transit_gateway_attachments", "transit_gateways_route_tables", "customer_gateways", "vpn_connections",
        "internet_gateways", "managed_prefix_lists", "nat_gateways",
    }  # fmt: skip
    made = EC2Backend("ap-northeast-1", "123456789012")
    assert {name for name in stores if not hasattr(made, name)} == set()
    [subnet, *_others] = made.describe_subnets()
    assert {"_unused_ips", "_subnet_ips", "cidr", "availability_zone"} <= set(dir(subnet))
    [table] = made.route_tables.values()
    assert {"_associations", "main_association_id", "routes", "associations"} <= set(dir(table))
    [acl] = made.network_acls.values()
    assert {"_associations", "network_acl_entries", "default"} <= set(dir(acl))
    mixins = [base for base in backend.Response.__mro__ if base.__module__.startswith(backend.__package__ or "?")]
    lacking = {"enable_vgw_route_propagation", "disable_vgw_route_propagation", "modify_vpn_tunnel_options"}
    assert all(not hasattr(EC2Response, name) for name in lacking)
    assert all(any(hasattr(mixin, name) for mixin in mixins) for name in lacking)
