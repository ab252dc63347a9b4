# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VPCs and what is in them at AWS: rules that EC2 has, and what of it the rest of the lab learns."""

from __future__ import annotations

import typing as t

import pytest
from botocore.exceptions import ClientError

from ansible_collections.podreach.gke.tests.lab.podreach_lab.aws.facts import (
    Acl,
    AclEntry,
    AwsFacts,
    Group,
    GroupRule,
    Interface,
    Route,
    RouteTable,
    Subnet,
)
from ansible_collections.podreach.gke.tests.unit.lab.aws_account import Account, code
from ansible_collections.podreach.gke.tests.unit.lab.cloud import Cloud

Json = dict[str, t.Any]
IMAGE = "ami-0123456789abcdef0"


def refused(call: t.Callable[..., t.Any], *arguments: t.Any, **options: t.Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(*arguments, **options)
    return code(caught.value)


@pytest.fixture
def account(cloud: Cloud) -> Account:
    return Account(cloud.lab)


def facts(account: Account) -> AwsFacts:
    return account.lab.state.aws


def table_of(account: Account, identity: str) -> RouteTable:
    return next(item for item in facts(account).tables if item.id == identity)


def group_of(account: Account, identity: str) -> Group:
    return next(item for item in facts(account).groups if item.id == identity)


def acl_of(account: Account, identity: str) -> Acl:
    return next(item for item in facts(account).acls if item.id == identity)


def card_of(account: Account, identity: str) -> Interface:
    return next(item for item in facts(account).interfaces if item.id == identity)


def subnet_of(account: Account, identity: str) -> Subnet:
    return next(item for item in facts(account).subnets if item.id == identity)


def launch(account: Account, **options: t.Any) -> Json:
    made = account.ec2.run_instances(ImageId=IMAGE, InstanceType="t3.micro", MinCount=1, MaxCount=1, **options)
    return t.cast(Json, made["Instances"][0])


def new_group(account: Account, vpc: str, name: str = "web") -> str:
    return str(account.ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"])


# ---- VPCs and subnets


def test_blocks_of_a_vpc(account: Account) -> None:
    vpc = account.vpc("10.0.7.0/16")
    associate = account.ec2.associate_vpc_cidr_block
    assert refused(associate, VpcId=vpc, CidrBlock="10.0.128.0/17") == "InvalidVpc.Range"
    made = associate(VpcId=vpc, CidrBlock="10.9.0.0/16")["CidrBlockAssociation"]["AssociationId"]
    assert facts(account).vpcs[0].ranges == ("10.0.0.0/16", "10.9.0.0/16")
    assert {route.to for route in facts(account).tables[0].routes} == {"10.0.0.0/16", "10.9.0.0/16"}
    account.ec2.disassociate_vpc_cidr_block(AssociationId=made)
    assert facts(account).vpcs[0].ranges == ("10.0.0.0/16",)
    assert [route.to for route in facts(account).tables[0].routes] == ["10.0.0.0/16"]


def test_a_subnet_uses_the_main_table_until_it_has_its_own(account: Account) -> None:
    vpc = account.vpc()
    [main] = facts(account).tables
    subnet = account.subnet(vpc)
    assert subnet_of(account, subnet).table == main.id
    assert main.main
    table = account.table(vpc, subnet)
    assert subnet_of(account, subnet).table == table
    shown = account.ec2.describe_subnets()["Subnets"][0]
    assert (shown["DefaultForAz"], shown["MapPublicIpOnLaunch"]) == (False, False)
    assert refused(account.ec2.delete_route_table, RouteTableId=table) == "DependencyViolation"
    assert refused(account.ec2.delete_route_table, RouteTableId=main.id) == "DependencyViolation"
    account.ec2.delete_subnet(SubnetId=subnet)
    account.ec2.delete_route_table(RouteTableId=table)


@pytest.mark.parametrize("block", ["10.0.0.0/15", "10.0.1.0/29", "nonsense"])
def test_sizes_of_subnets(account: Account, block: str) -> None:
    assert refused(account.subnet, account.vpc(), block).startswith("Invalid")


def test_zones_of_other_regions(account: Account) -> None:
    place = {"VpcId": account.vpc(), "CidrBlock": "10.0.1.0/24", "AvailabilityZone": "us-east-1a"}
    assert refused(account.ec2.create_subnet, **place) == "InvalidParameterValue"


def test_what_keeps_a_vpc(account: Account) -> None:
    vpc = account.vpc()
    delete = account.ec2.delete_vpc
    group = new_group(account, vpc)
    assert refused(delete, VpcId=vpc) == "DependencyViolation"
    account.ec2.delete_security_group(GroupId=group)
    acl = account.ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    assert refused(delete, VpcId=vpc) == "DependencyViolation"
    account.ec2.delete_network_acl(NetworkAclId=acl)
    internet = account.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    account.ec2.attach_internet_gateway(InternetGatewayId=internet, VpcId=vpc)
    assert refused(delete, VpcId=vpc) == "DependencyViolation"
    account.ec2.detach_internet_gateway(InternetGatewayId=internet, VpcId=vpc)
    delete(VpcId=vpc)
    assert facts(account) == AwsFacts()


# ---- routes


def test_routes(account: Account) -> None:
    vpc = account.vpc()
    table, gateway = account.table(vpc), account.gateway(vpc)
    add, remove = account.ec2.create_route, account.ec2.delete_route
    add(RouteTableId=table, DestinationCidrBlock="172.16.7.7/12", GatewayId=gateway)
    assert table_of(account, table).routes == (
        Route("10.0.0.0/16", "local", ""),
        Route("172.16.0.0/12", "vgw", gateway),
    )
    twice = {"RouteTableId": table, "DestinationCidrBlock": "172.16.0.0/12", "GatewayId": gateway}
    assert refused(add, **twice) == "RouteAlreadyExists"
    assert refused(add, **twice | {"DestinationCidrBlock": "10.0.0.0/16"}) == "RouteAlreadyExists"
    assert refused(add, **twice | {"DestinationCidrBlock": "10.0.1.0/24"}) == "InvalidParameterValue"
    stranger = account.gateway()
    elsewhere = {"RouteTableId": table, "DestinationCidrBlock": "172.17.0.0/16", "GatewayId": stranger}
    assert refused(add, **elsewhere) == "InvalidParameterValue"
    assert refused(remove, RouteTableId=table, DestinationCidrBlock="10.0.0.0/16") == "InvalidParameterValue"
    account.ec2.detach_vpn_gateway(VpnGatewayId=gateway, VpcId=vpc)
    assert [route.blackhole for route in table_of(account, table).routes] == [False, True]
    assert [route["State"] for route in account.routes(table)] == ["active", "blackhole"]
    remove(RouteTableId=table, DestinationCidrBlock="172.16.0.0/12")
    assert len(account.routes(table)) == 1


def test_routes_to_interfaces_and_instances(account: Account) -> None:
    vpc = account.vpc()
    subnet, inner = account.subnet(vpc), account.subnet(vpc, "10.0.2.0/24")
    table = account.table(vpc)
    instance = launch(account, SubnetId=subnet)
    card = instance["NetworkInterfaces"][0]["NetworkInterfaceId"]
    add = account.ec2.create_route
    add(RouteTableId=table, DestinationCidrBlock="10.4.0.0/14", NetworkInterfaceId=card)
    add(RouteTableId=table, DestinationCidrBlock="10.8.0.0/14", InstanceId=instance["InstanceId"])
    add(RouteTableId=table, DestinationCidrBlock="10.0.2.0/24", NetworkInterfaceId=card)
    found = {route.to: (route.kind, route.target, route.blackhole) for route in table_of(account, table).routes}
    assert found["10.4.0.0/14"] == found["10.0.2.0/24"] == ("interface", card, False)
    assert found["10.8.0.0/14"] == ("instance", instance["InstanceId"], False)
    account.ec2.stop_instances(InstanceIds=[instance["InstanceId"]])
    assert sum(route.blackhole for route in table_of(account, table).routes) == 3
    assert not facts(account).instances[0].runs
    account.ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    assert sum(route.blackhole for route in table_of(account, table).routes) == 3
    assert (facts(account).instances, facts(account).interfaces) == ((), ())
    account.ec2.delete_subnet(SubnetId=inner)


def test_replaced_routes(account: Account) -> None:
    vpc = account.vpc()
    table, gateway = account.table(vpc), account.gateway(vpc)
    internet = account.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    route = {"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0"}
    account.ec2.create_route(**route, GatewayId=gateway)
    assert refused(account.ec2.replace_route, **route, GatewayId=internet) == "InvalidParameterValue"
    account.ec2.attach_internet_gateway(InternetGatewayId=internet, VpcId=vpc)
    account.ec2.replace_route(**route, GatewayId=internet)
    assert table_of(account, table).routes[0] == Route("0.0.0.0/0", "igw", internet)


def test_another_main_table(account: Account) -> None:
    vpc = account.vpc()
    subnet, table = account.subnet(vpc), account.table(vpc)
    main = next(item for item in account.ec2.describe_route_tables()["RouteTables"] if item["Associations"])
    association = main["Associations"][0]["RouteTableAssociationId"]
    account.ec2.replace_route_table_association(AssociationId=association, RouteTableId=table)
    assert subnet_of(account, subnet).table == table
    assert [item.id for item in facts(account).tables if item.main] == [table]


def test_peering_routes(account: Account) -> None:
    one, two = account.vpc(), account.vpc("10.1.0.0/16")
    made = account.ec2.create_vpc_peering_connection(VpcId=one, PeerVpcId=two)["VpcPeeringConnection"]
    peering = made["VpcPeeringConnectionId"]
    account.ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    table = account.table(one)
    account.ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.1.0.0/16", VpcPeeringConnectionId=peering)
    assert Route("10.1.0.0/16", "peering", peering) in table_of(account, table).routes
    account.ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering)
    assert Route("10.1.0.0/16", "peering", peering, True) in table_of(account, table).routes


# ---- prefix lists


def test_prefix_lists_in_routes_and_groups(account: Account) -> None:
    vpc = account.vpc()
    table, gateway, group = account.table(vpc), account.gateway(vpc), new_group(account, vpc)
    entries = [{"Cidr": "10.4.0.0/14", "Description": "pods"}]
    made = account.ec2.create_managed_prefix_list(
        PrefixListName="pods", Entries=entries, MaxEntries=5, AddressFamily="IPv4"
    )
    pods = made["PrefixList"]["PrefixListId"]
    route = {"RouteTableId": table, "DestinationPrefixListId": pods}
    account.ec2.create_route(**route, GatewayId=gateway)
    assert refused(account.ec2.create_route, **route, GatewayId=gateway) == "RouteAlreadyExists"
    nothing = route | {"DestinationPrefixListId": "pl-1"}
    assert refused(account.ec2.create_route, **nothing, GatewayId=gateway) == "InvalidPrefixListID.NotFound"
    permission = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "PrefixListIds": [{"PrefixListId": pods}]}
    account.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    account.ec2.modify_managed_prefix_list(
        PrefixListId=pods, CurrentVersion=1, AddEntries=[{"Cidr": "10.8.0.0/14"}], RemoveEntries=[]
    )
    assert [item for item in table_of(account, table).routes if item.prefix_list] == [
        Route("10.4.0.0/14", "vgw", gateway, prefix_list=pods),
        Route("10.8.0.0/14", "vgw", gateway, prefix_list=pods),
    ]
    assert GroupRule(False, "tcp", 80, 80, ("10.4.0.0/14", "10.8.0.0/14")) in group_of(account, group).rules
    [shown] = [item for item in account.routes(table) if item.get("DestinationPrefixListId")]
    assert (shown["DestinationPrefixListId"], shown["State"]) == (pods, "active")
    internet = account.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    account.ec2.attach_internet_gateway(InternetGatewayId=internet, VpcId=vpc)
    account.ec2.replace_route(**route, GatewayId=internet)
    assert {item.kind for item in table_of(account, table).routes if item.prefix_list} == {"igw"}
    account.ec2.delete_route(**route)
    assert len(table_of(account, table).routes) == 1


# ---- groups


def test_groups(account: Account) -> None:
    vpc = account.vpc()
    [default] = facts(account).groups
    everything = GroupRule(True, "-1", -1, -1, ("0.0.0.0/0",))
    assert set(default.rules) == {everything, GroupRule(False, "-1", -1, -1, (), (default.id,))}
    group = new_group(account, vpc)
    assert group_of(account, group).rules == (everything,)
    permissions = [
        {"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1, "IpRanges": [{"CidrIp": "10.4.0.0/14"}]},
        {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 90, "UserIdGroupPairs": [{"GroupId": default.id}]},
        {"IpProtocol": "17", "FromPort": 53, "ToPort": 53, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]},
        {"IpProtocol": "50", "IpRanges": [{"CidrIp": "10.0.0.0/8"}]},
    ]
    account.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permissions)
    account.ec2.revoke_security_group_egress(
        GroupId=group, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    )
    assert set(group_of(account, group).rules) == {
        GroupRule(False, "icmp", -1, -1, ("10.4.0.0/14",)),
        GroupRule(False, "tcp", 80, 90, (), (default.id,)),
        GroupRule(False, "udp", 53, 53, ("10.0.0.0/8",)),
        GroupRule(False, "50", -1, -1, ("10.0.0.0/8",)),
    }


def test_what_a_permission_may_not_say(account: Account) -> None:
    group = new_group(account, account.vpc())
    before = facts(account)
    tcp = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80}
    for wrong in (
        {**tcp, "IpProtocol": "tcpp"},
        {**tcp, "ToPort": 99999},
        {**tcp, "FromPort": 90},
        {**tcp, "IpRanges": [{"CidrIp": "10.1.128/19"}]},
    ):
        permission = {"IpRanges": [{"CidrIp": "10.0.0.0/8"}], **wrong}
        code = refused(account.ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[permission])
        assert code == "InvalidParameterValue"
    assert facts(account) == before
    permission = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.1.128.1/19"}]}
    account.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    assert GroupRule(False, "-1", -1, -1, ("10.1.128.0/19",)) in group_of(account, group).rules


# ---- network ACLs


def test_the_default_acl_admits_everything(account: Account) -> None:
    subnet = account.subnet(account.vpc())
    [acl] = facts(account).acls
    assert subnet_of(account, subnet).acl == acl.id
    assert set(acl.entries) == {AclEntry(100, egress, True, "-1", "0.0.0.0/0") for egress in (True, False)}
    assert refused(account.ec2.delete_network_acl, NetworkAclId=acl.id) == "InvalidParameterValue"


def test_acls(account: Account) -> None:
    vpc = account.vpc()
    subnet = account.subnet(vpc)
    made = account.ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]
    acl = made["NetworkAclId"]
    assert sorted((item["RuleNumber"], item["Egress"], item["RuleAction"]) for item in made["Entries"]) == [
        (32767, False, "deny"),
        (32767, True, "deny"),
    ]
    assert acl_of(account, acl).entries == ()
    create = account.ec2.create_network_acl_entry
    entry: Json = {"NetworkAclId": acl, "RuleAction": "allow", "CidrBlock": "10.4.0.0/14", "Egress": False}
    create(**entry, RuleNumber=200, Protocol="6", PortRange={"From": 80, "To": 90})
    create(**entry, RuleNumber=100, Protocol="icmp", IcmpTypeCode={"Type": 8, "Code": -1})
    create(**entry | {"Egress": True, "RuleAction": "deny"}, RuleNumber=100, Protocol="-1")
    assert acl_of(account, acl).entries == (
        AclEntry(100, False, True, "icmp", "10.4.0.0/14", 8, -1),
        AclEntry(100, True, False, "-1", "10.4.0.0/14"),
        AclEntry(200, False, True, "tcp", "10.4.0.0/14", 80, 90),
    )
    again = entry | {"RuleNumber": 100, "Protocol": "-1"}
    assert refused(create, **again) == "NetworkAclEntryAlreadyExists"
    account.ec2.replace_network_acl_entry(**again | {"RuleAction": "deny"})
    assert acl_of(account, acl).entries[0] == AclEntry(100, False, False, "-1", "10.4.0.0/14")
    account.ec2.delete_network_acl_entry(NetworkAclId=acl, RuleNumber=100, Egress=False)
    gone = {"NetworkAclId": acl, "RuleNumber": 100, "Egress": False}
    assert refused(account.ec2.delete_network_acl_entry, **gone) == "InvalidNetworkAclEntry.NotFound"
    found = account.ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])
    [association] = found["NetworkAcls"][0]["Associations"]
    replace = account.ec2.replace_network_acl_association
    new = replace(AssociationId=association["NetworkAclAssociationId"], NetworkAclId=acl)["NewAssociationId"]
    assert subnet_of(account, subnet).acl == acl
    assert refused(account.ec2.delete_network_acl, NetworkAclId=acl) == "DependencyViolation"
    assert refused(replace, AssociationId="aclassoc-1", NetworkAclId=acl) == "InvalidAssociationID.NotFound"
    default = found["NetworkAcls"][0]["NetworkAclId"]
    replace(AssociationId=new, NetworkAclId=default)
    account.ec2.delete_network_acl(NetworkAclId=acl)


@pytest.mark.parametrize(
    "wrong",
    [
        {"RuleNumber": 0},
        {"RuleNumber": 32767},
        {"Protocol": "300"},
        {"RuleAction": "maybe"},
        {"CidrBlock": "10.0.0.0/40"},
        {"PortRange": {"From": 90, "To": 80}},
    ],
    ids=str,
)
def test_entries_that_aws_refuses(account: Account, wrong: Json) -> None:
    acl = account.ec2.create_network_acl(VpcId=account.vpc())["NetworkAcl"]["NetworkAclId"]
    entry = {"NetworkAclId": acl, "RuleNumber": 1, "Protocol": "6", "RuleAction": "allow", "Egress": False}
    entry |= {"CidrBlock": "10.0.0.0/8", "PortRange": {"From": 1, "To": 2}}
    assert refused(account.ec2.create_network_acl_entry, **entry | wrong) == "InvalidParameterValue"
    del entry["PortRange"]
    assert refused(account.ec2.create_network_acl_entry, **entry) == "MissingParameter"


# ---- instances and interfaces


def test_addresses_of_instances(account: Account) -> None:
    subnet = account.subnet(account.vpc())
    launch(account, SubnetId=subnet, PrivateIpAddress="10.0.1.7")
    with_address = {"ImageId": IMAGE, "MinCount": 1, "MaxCount": 1, "SubnetId": subnet}
    run = account.ec2.run_instances
    assert refused(run, **with_address, PrivateIpAddress="10.0.1.7") == "InvalidIPAddress.InUse"
    assert refused(run, **with_address, PrivateIpAddress="10.0.2.7") == "InvalidParameterValue"
    for reserved in ("10.0.1.0", "10.0.1.3", "10.0.1.255"):
        assert refused(run, **with_address, PrivateIpAddress=reserved) == "InvalidParameterValue"
    made = run(**with_address | {"MinCount": 5, "MaxCount": 5})["Instances"]
    addresses = {item["PrivateIpAddress"] for item in made}
    assert len(addresses) == 5
    assert "10.0.1.7" not in addresses
    account.ec2.terminate_instances(InstanceIds=[made[0]["InstanceId"]])
    launch(account, SubnetId=subnet, PrivateIpAddress=made[0]["PrivateIpAddress"])


def test_several_interfaces(account: Account) -> None:
    vpc = account.vpc()
    one, two = account.subnet(vpc), account.subnet(vpc, "10.0.2.0/24")
    group, other = new_group(account, vpc), new_group(account, vpc, "other")
    asked = {"SubnetId": two, "Groups": [other], "PrivateIpAddress": "10.0.2.9", "SecondaryPrivateIpAddressCount": 2}
    kept = account.ec2.create_network_interface(**asked)["NetworkInterface"]["NetworkInterfaceId"]
    cards = [
        {"DeviceIndex": 0, "SubnetId": one, "Groups": [group], "PrivateIpAddress": "10.0.1.9"},
        {"DeviceIndex": 1, "NetworkInterfaceId": kept},
    ]
    instance = launch(account, NetworkInterfaces=cards)
    [found] = facts(account).instances
    assert found.interfaces[1] == kept
    assert card_of(account, found.interfaces[0]).groups == (group,)
    second = card_of(account, kept)
    assert (second.groups, second.addresses[0], len(set(second.addresses))) == ((other,), "10.0.2.9", 3)
    assert second.instance == instance["InstanceId"]
    shown = {
        item["NetworkInterfaceId"]: item for item in account.ec2.describe_network_interfaces()["NetworkInterfaces"]
    }
    assert [item["GroupId"] for item in shown[kept]["Groups"]] == [other]
    again = {"ImageId": IMAGE, "MinCount": 1, "MaxCount": 1, "NetworkInterfaces": cards[1:]}
    assert refused(account.ec2.run_instances, **again) == "InvalidNetworkInterface.InUse"
    assert refused(account.ec2.delete_network_interface, NetworkInterfaceId=kept) == "InvalidParameterValue"
    account.ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    assert [(item.id, item.instance) for item in facts(account).interfaces] == [(kept, "")]
    account.ec2.delete_network_interface(NetworkInterfaceId=kept)


def test_interfaces_that_stay_or_go(account: Account) -> None:
    instance = launch(account, SubnetId=account.subnet(account.vpc()))
    [card] = instance["NetworkInterfaces"]
    change = account.ec2.modify_network_interface_attribute
    identity = {"NetworkInterfaceId": card["NetworkInterfaceId"]}
    known, unknown = card["Attachment"]["AttachmentId"], "eni-attach-1"
    wrong = {"AttachmentId": unknown, "DeleteOnTermination": False}
    assert refused(change, **identity, Attachment=wrong) == "InvalidAttachmentID.NotFound"
    change(**identity, Attachment={"AttachmentId": known, "DeleteOnTermination": False})
    account.ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
    assert [(item.id, item.instance) for item in facts(account).interfaces] == [(card["NetworkInterfaceId"], "")]


def test_attaching_and_detaching(account: Account) -> None:
    subnet = account.subnet(account.vpc())
    instance = launch(account, SubnetId=subnet)["InstanceId"]
    card = account.ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    attach = account.ec2.attach_network_interface
    place = {"NetworkInterfaceId": card, "InstanceId": instance}
    assert refused(attach, **place, DeviceIndex=0) == "InvalidParameterValue"
    attachment = attach(**place, DeviceIndex=1)["AttachmentId"]
    assert card_of(account, card).instance == instance
    account.ec2.detach_network_interface(AttachmentId=attachment)
    assert card_of(account, card).instance == ""


def test_secondary_addresses(account: Account) -> None:
    subnet = account.subnet(account.vpc())
    made = account.ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]
    card, primary = made["NetworkInterfaceId"], made["PrivateIpAddress"]
    account.ec2.assign_private_ip_addresses(NetworkInterfaceId=card, PrivateIpAddresses=["10.0.1.77"])
    account.ec2.assign_private_ip_addresses(NetworkInterfaceId=card, SecondaryPrivateIpAddressCount=3)
    assert len(set(card_of(account, card).addresses)) == 5
    taken = {"NetworkInterfaceId": card, "PrivateIpAddresses": ["10.0.1.77"]}
    assert refused(account.ec2.assign_private_ip_addresses, **taken) == "InvalidIPAddress.InUse"
    account.ec2.unassign_private_ip_addresses(**taken)
    assert "10.0.1.77" not in card_of(account, card).addresses
    first = {"NetworkInterfaceId": card, "PrivateIpAddresses": [primary]}
    assert refused(account.ec2.unassign_private_ip_addresses, **first) == "InvalidParameterValue"


def test_source_checks_and_groups_by_instance_or_interface(account: Account) -> None:
    vpc = account.vpc()
    subnet, group = account.subnet(vpc), new_group(account, vpc)
    foreign = new_group(account, account.vpc("10.1.0.0/16"))
    instance = launch(account, SubnetId=subnet)["InstanceId"]
    card = facts(account).interfaces[0].id
    change, change_card = account.ec2.modify_instance_attribute, account.ec2.modify_network_interface_attribute
    change(InstanceId=instance, SourceDestCheck={"Value": False})
    assert not card_of(account, card).source_check
    change_card(NetworkInterfaceId=card, SourceDestCheck={"Value": True})
    assert card_of(account, card).source_check
    shown = account.ec2.describe_instances()["Reservations"][0]["Instances"][0]
    assert shown["SourceDestCheck"] is True
    change(InstanceId=instance, Groups=[group])
    assert card_of(account, card).groups == (group,)
    assert refused(change, InstanceId=instance, Groups=[foreign]) == "InvalidParameter"
    assert refused(change_card, NetworkInterfaceId=card, Groups=["sg-1"]) == "InvalidGroup.NotFound"
    assert refused(account.ec2.delete_security_group, GroupId=group) == "DependencyViolation"
    default = next(item.id for item in facts(account).groups if item.vpc == vpc and item.id != group)
    change_card(NetworkInterfaceId=card, Groups=[default])
    account.ec2.delete_security_group(GroupId=group)
    shown = account.ec2.describe_instances()["Reservations"][0]["Instances"][0]
    assert [item["GroupId"] for item in shown["SecurityGroups"]] == [default]


def test_what_keeps_a_subnet(account: Account) -> None:
    subnet = account.subnet(account.vpc())
    card = account.ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    assert refused(account.ec2.delete_subnet, SubnetId=subnet) == "DependencyViolation"
    account.ec2.delete_network_interface(NetworkInterfaceId=card)
    account.ec2.delete_subnet(SubnetId=subnet)


def test_there_is_no_default_vpc_until_one_is_made(account: Account) -> None:
    assert refused(account.ec2.run_instances, ImageId=IMAGE, MinCount=1, MaxCount=1) == "VPCIdNotSpecified"
    account.ec2.create_default_vpc()
    assert [item.ranges for item in facts(account).vpcs] == [("172.31.0.0/16",)]
    launch(account)
