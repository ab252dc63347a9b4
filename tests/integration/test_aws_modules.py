# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules for AWS against the lab's EC2: create, modify and delete, each in check mode, for real, again, verified.

Both paths; then what goes wrong: lost answers, throttling, other credentials, bad calls, keys in outputs.
"""

from __future__ import annotations

import dataclasses
import functools
import typing as t

import boto3
import pytest
import yaml

from ansible_collections.podreach.gke.plugins.modules import (
    aws_pod_access,
    aws_pod_access_info,
    aws_vpn,
    aws_vpn_info,
)
from ansible_collections.podreach.gke.tests.integration.playbooks import PATHS, Playbooks, Run, play, task
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

Json = dict[str, t.Any]

ADDRESSES = ["192.0.2.1", "192.0.2.2"]
KEY = "a_secret.key_of.42.letters"
INSIDE = ["169.254.10.0/30", "169.254.10.4/30"]


def ec2(lab: Lab) -> t.Any:
    return boto3.client(
        "ec2",
        endpoint_url=lab.env["AWS_ENDPOINT_URL"],
        region_name=lab.env["AWS_DEFAULT_REGION"],
        aws_access_key_id=lab.env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=lab.env["AWS_SECRET_ACCESS_KEY"],
    )


def account(lab: Lab) -> Json:
    """A VPC with a subnet, a route table and an instance; their ids."""
    lab.preset("aws-account")
    api = ec2(lab)
    tables = api.describe_route_tables(Filters=[{"Name": "tag:Name", "Values": ["aws-routes"]}])["RouteTables"]
    return {
        "vpc": api.describe_vpcs()["Vpcs"][0]["VpcId"],
        "subnet": api.describe_subnets()["Subnets"][0]["SubnetId"],
        "table": tables[0]["RouteTableId"],
        "group": api.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["aws-ec2"]}])[
            "SecurityGroups"
        ][0]["GroupId"],
    }


def vpn(**more: t.Any) -> Json:
    common = {"name": "google", "vpc_name": "aws-vpc", "customer_asn": 65010, "customer_addresses": ADDRESSES}
    return {"environment": "lab", **common, **more}


@dataclasses.dataclass(frozen=True)
class Row:
    """What one module is given, and what its reading sibling must then show. {subnet} is an id of the account."""

    name: str
    module: str
    create: Json
    created: Json
    modify: Json
    modified: Json
    absent: Json
    look: Json
    #: how many steps each verb takes
    steps: tuple[int, int, int]


ROWS = [
    Row(
        "virtual",
        "aws_vpn",
        vpn(
            connections=[{"tunnels": [{"inside_cidr": item, "pre_shared_key": KEY} for item in INSIDE]}],
            make_keys=True,
            route_tables=["aws-routes"],
        ),
        {
            "gateway": {"type": "virtual_private_gateway", "asn": 64512, "owned": True},
            "connections": [
                {
                    "customer_address": "192.0.2.1",
                    "customer_asn": 65010,
                    "state": "available",
                    "owned": True,
                    "tunnels": [
                        {"inside_cidr": INSIDE[0], "aws_inside_address": "169.254.10.1"},
                        {"inside_cidr": INSIDE[1], "customer_inside_range": "169.254.10.6/30"},
                    ],
                },
                {"customer_address": "192.0.2.2", "tunnels": [{"status": "DOWN"}, {"status": "DOWN"}]},
            ],
            "route_tables": [{"main": True, "propagating": False}, {"name": "aws-routes", "propagating": True}],
        },
        vpn(
            connections=[{"tunnels": [{"inside_cidr": "169.254.10.8/30"}]}],
            tunnel_options={"phase2_dh_group_numbers": [20]},
            route_tables=["all"],
        ),
        {
            "connections": [
                {"tunnels": [{"inside_cidr": "169.254.10.8/30"}, {"inside_cidr": INSIDE[1]}]},
                {"tunnels": [{}, {}]},
            ],
            "route_tables": [{"main": True, "propagating": True}, {"propagating": True}],
        },
        {"name": "google"},
        {"name": "google"},
        (7, 5, 8),
    ),
    Row(
        "transit",
        "aws_vpn",
        vpn(
            gateway={"type": "transit_gateway", "asn": 64600, "subnets": ["aws-subnet-1"]},
            route_tables=["aws-routes"],
            google_ranges=["10.1.0.0/24"],
        ),
        {
            "gateway": {"type": "transit_gateway", "asn": 64600, "owned": True},
            "connections": [{"customer_address": item, "tunnels": [{}, {}]} for item in ADDRESSES],
            "route_tables": [{"main": True, "ranges": []}, {"name": "aws-routes", "ranges": ["10.1.0.0/24"]}],
        },
        vpn(
            gateway={"type": "transit_gateway"},
            route_tables=["aws-routes"],
            google_ranges=["10.1.0.0/24", "10.32.0.0/14"],
            tunnel_options={"startup_action": "start"},
        ),
        {
            "gateway": {"asn": 64600},
            "route_tables": [{"ranges": []}, {"ranges": ["10.1.0.0/24", "10.32.0.0/14"]}],
        },
        {"name": "google"},
        {"name": "google"},
        (7, 5, 8),
    ),
    Row(
        "access",
        "aws_pod_access",
        {
            "environment": "lab",
            "name": "pods",
            "group_name": "aws-ec2",
            "ranges": ["10.32.0.0/14"],
            "description": "Pods",
        },
        {
            "rules": [
                {
                    "range": "10.32.0.0/14",
                    "protocol": "icmp",
                    "from_port": -1,
                    "description": "Pods",
                    "owned": True,
                    "name": "pods",
                }
            ]
        },
        {
            "environment": "lab",
            "name": "pods",
            "group_name": "aws-ec2",
            "ranges": ["10.32.0.0/14"],
            "protocol": "tcp",
            "ports": ["80", "8000-8100"],
            "purge_rules": True,
            "allow_disruption": True,
        },
        {
            "rules": [
                {"protocol": "tcp", "from_port": 80, "to_port": 80},
                {"protocol": "tcp", "from_port": 8000, "to_port": 8100},
            ]
        },
        {"name": "pods", "group_name": "aws-ec2"},
        {"name": "pods", "group_name": "aws-ec2"},
        (1, 3, 2),
    ),
]
VERBS = ("create", "modify", "delete")
HOWS = ("check", "real", "again", "verified")


def filled(value: t.Any, ids: Json) -> t.Any:
    if isinstance(value, dict):
        return {key: filled(item, ids) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, ids) for item in value]
    return ids[value[1:-1]] if isinstance(value, str) and value.startswith("{") else value


def plays(row: Row, ids: Json) -> list[Json]:
    tasks = []
    absent = {"environment": "lab", **row.absent, "state": "absent"}
    for verb, args in (("create", row.create), ("modify", row.modify), ("delete", absent)):
        for how, keywords in (("check", {"check_mode": True}), ("real", {}), ("again", {})):
            tasks.append(task(f"{verb}-{how}", row.module, filled(args, ids), **keywords))
            look = {"environment": "lab", **row.look}
            tasks.append(task(f"{verb}-{how}-look", f"{row.module}_info", look))
    return [play(tasks, diff=True)]


@pytest.fixture(scope="module")
def finished(lab_process: Lab, tmp_path_factory: pytest.TempPathFactory) -> t.Callable[[str, str], Run]:
    @functools.cache
    def run(name: str, path: str) -> Run:
        row = next(row for row in ROWS if row.name == name)
        lab_process.reset()
        ids = account(lab_process)
        before = lab_process.status()["mutations"]
        done = Playbooks(lab_process, tmp_path_factory.mktemp("aws")).run(*plays(row, ids), path=path)
        assert len(done.records) == 18, done.output
        for record in done.records:
            record.mutations -= before
        return done

    return run


def seen(row: Row, result: Json) -> Json | None:
    if row.module == "aws_vpn":
        return next(iter(result["vpns"]), None)
    return result if result["rules"] else None


def shows(current: t.Any, wanted: t.Any, where: str = "") -> list[str]:
    """Where the current object is not as wanted; dicts may have more keys."""
    if isinstance(wanted, dict) and isinstance(current, dict):
        return [item for key in wanted for item in shows(current.get(key), wanted[key], f"{where}.{key}")]
    if isinstance(wanted, list) and isinstance(current, list) and len(wanted) == len(current):
        pairs = enumerate(zip(current, wanted, strict=True))
        return [item for number, pair in pairs for item in shows(*pair, f"{where}[{number}]")]
    return [] if current == wanted else [f"{where} is {current!r}, not {wanted!r}"]


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_case(row: Row, path: str, verb: str, how: str, finished: t.Callable[[str, str], Run]) -> None:
    run = finished(row.name, path)
    tasks = [record for record in run.records if not record.task.endswith("-look")]
    record = run[f"{verb}-{'again' if how == 'verified' else how}"]
    assert record.status == "ok", record.result["msg"]
    index = tasks.index(record)
    mutations = record.mutations - (tasks[index - 1].mutations if index else 0)
    look = seen(row, run[f"{record.task}-look"].result)
    state_before = {"create": None, "modify": row.created, "delete": row.modified}[verb]
    state_after = {"create": row.created, "modify": row.modified, "delete": None}[verb]
    if how == "check":
        assert record.result["changed"]
        assert len(record.result["plan"]) == row.steps[VERBS.index(verb)]
        assert record.result["diff"]["before"] != record.result["diff"]["after"]
        assert mutations == 0
        assert shows(look, state_before) == []
    elif how == "real":
        assert record.result["changed"]
        assert mutations == row.steps[VERBS.index(verb)]
        check = run[f"{verb}-check"].result
        assert record.result["plan"] == check["plan"]
        assert record.result["diff"] == check["diff"]
    elif how == "again":
        assert not record.result["changed"]
        assert record.result["plan"] == []
        assert mutations == 0
    else:
        assert shows(look, state_after) == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_paths_agree(row: Row, finished: t.Callable[[str, str], Run]) -> None:
    """The same tasks with the same steps, and each path is what it says."""
    one, other = (finished(row.name, path) for path in PATHS)
    assert one.processes == []
    assert len(other.processes) == 18
    for first, second in zip(one.records, other.records, strict=True):
        assert first.result.keys() == second.result.keys()
        assert first.mutations == second.mutations
        assert len(first.result.get("plan", [])) == len(second.result.get("plan", []))


@pytest.mark.parametrize("path", PATHS)
def test_keys_are_shown_to_nobody(lab: Lab, playbooks: Playbooks, path: str) -> None:
    """Neither given keys, nor those made here or by AWS, at any verbosity; but a hidden result has them."""
    account(lab)

    def given(text: str) -> list[Json]:
        # not in the playbook itself, which core quotes where a task fails
        return [{"tunnels": [{"pre_shared_key": text}]}]

    key, other, bad = (
        f"{{{{ lookup('env', 'A_KEY') {change} }}}}" for change in ("", "| reverse", "| replace('a', '-')")
    )
    asked = vpn(connections=given(key), include_pre_shared_keys=True)
    made = "{{ made.connections | map(attribute='tunnels') | flatten | map(attribute='pre_shared_key') | list }}"
    usable = "{{ keys | reject('match', '^[A-Za-z0-9._]{8,64}$') | length == 0 and keys | unique | length == 4 }}"
    tasks = [
        task("hidden", "aws_vpn", asked, no_log=True, register="made", diff=True),
        task("usable", "ansible.builtin.set_fact", {"usable": usable}, vars={"keys": made}),
        task("shown", "aws_vpn", asked),
        task("plain", "aws_vpn", vpn(connections=given(key)), diff=True),
        task("info", "aws_vpn_info", {"environment": "lab"}),
        task("other key", "aws_vpn", vpn(connections=given(other)), diff=True),
        task("bad key", "aws_vpn", vpn(connections=given(bad))),
        task("gone", "aws_vpn", {"environment": "lab", "name": "google", "state": "absent"}, diff=True),
    ]
    # which makes modules think that every task hides its result
    env: dict[str, str | None] = {"A_KEY": KEY, "ANSIBLE_NO_TARGET_SYSLOG": "1"}
    run = playbooks.run(play(tasks), path=path, arguments=["-vvvv"], env=env)
    assert run["usable"].result["ansible_facts"]["usable"] in (True, "True"), run["usable"].result
    assert "no_log" in run["shown"].result["msg"]
    assert "pre_shared_key" in run["bad key"].result["msg"]
    assert run["other key"].result["plan"][0]["fields"] == ["pre_shared_key"]
    assert not run["gone"].failed, run["gone"].result
    # what was deleted stays described
    left = ec2(lab).describe_vpn_connections()["VpnConnections"]
    keys = {item["PreSharedKey"] for one in left for item in one["Options"]["TunnelOptions"]}
    assert len(keys) == 4
    for secret in (KEY, KEY[::-1], KEY.replace("a", "-"), lab.env["AWS_SECRET_ACCESS_KEY"], *keys):
        assert secret not in run.output
        for record in run.records:
            if record.task != "hidden":
                assert secret not in str(record.result), record.task


def test_a_vpn_that_carries_traffic(lab: Lab, playbooks: Playbooks) -> None:
    """It is read as it is, used as it is, and changed tunnel by tunnel, with a word."""
    lab.preset("aws-vpn")
    lab.settle()
    api = ec2(lab)
    known = api.describe_vpn_connections()["VpnConnections"]
    gateway = api.describe_vpn_gateways()["VpnGateways"][0]["VpnGatewayId"]
    addresses = [item["IpAddress"] for item in api.describe_customer_gateways()["CustomerGateways"]]
    asked = vpn(gateway={"id": gateway}, customer_addresses=addresses)
    start = {**asked, "tunnel_options": {"startup_action": "start"}}
    moved = {**asked, "customer_addresses": [addresses[0], "192.0.2.9"], "confirm_replace": "google"}
    tasks = [
        task("info", "aws_vpn_info", {"environment": "lab", "vpc_name": "aws-vpc"}),
        task("use", "aws_vpn", asked),
        task("refused", "aws_vpn", start),
        task("allowed", "aws_vpn", {**start, "allow_disruption": True}),
        task("not ours", "aws_vpn", moved),
    ]
    run = playbooks.run(play(tasks))
    (found,) = run["info"].result["vpns"]
    tunnels = [tunnel for item in found["connections"] for tunnel in item["tunnels"]]
    assert {tunnel["status"] for tunnel in tunnels} == {"UP"}
    assert all(tunnel["accepted_route_count"] for tunnel in tunnels)
    assert "10.1.0.0/24" in found["propagated_ranges"]
    assert (found["name"], found["gateway"]["owned"]) == (None, False)
    assert not run["use"].failed, run["use"].result
    assert not run["use"].result["changed"]
    assert {item["id"] for item in run["use"].result["connections"]} == {item["VpnConnectionId"] for item in known}
    assert "allow_disruption: true" in run["refused"].result["msg"]
    assert not run["allowed"].failed, run["allowed"].result
    assert [step["grade"] for step in run["allowed"].result["plan"]] == ["disruptive"] * 4
    # somebody else's connection is left where it is
    assert [step["action"] for step in run["not ours"].result["plan"]] == ["create", "create"]
    left = [item["VpnConnectionId"] for item in api.describe_vpn_connections()["VpnConnections"]]
    assert len(left) == len(known) + 1


def test_what_carries_traffic_is_replaced_one_at_a_time(lab: Lab, playbooks: Playbooks) -> None:
    lab.preset("aws-vpn")
    lab.settle()
    api = ec2(lab)
    known = [item["VpnConnectionId"] for item in api.describe_vpn_connections()["VpnConnections"]]
    gateway = api.describe_vpn_gateways()["VpnGateways"][0]["VpnGatewayId"]
    customers = [item["CustomerGatewayId"] for item in api.describe_customer_gateways()["CustomerGateways"]]
    tags = {"podreach.gke/owner": "podreach.gke", "podreach.gke/name": "google"}
    api.create_tags(
        Resources=[gateway, *known, *customers], Tags=[{"Key": key, "Value": value} for key, value in tags.items()]
    )
    moved = vpn(customer_addresses=["192.0.2.8", "192.0.2.9"], confirm_replace="google")
    tasks = [
        task("check", "aws_vpn", moved, check_mode=True),
        task("one", "aws_vpn", moved),
        task("not yet", "aws_vpn", moved),
        task("other", "aws_vpn", {**moved, "allow_disruption": True}),
        task("again", "aws_vpn", moved),
    ]
    run = playbooks.run(play(tasks))
    for name in ("check", "one", "not yet"):
        assert not run[name].failed, run[name].result
        assert "run again when the tunnels of the other one are up" in run[name].result["warnings"][0]
    replaced = [step["summary"] for step in run["one"].result["plan"] if step["action"] == "replace"]
    assert len(replaced) == 1
    assert not run["not yet"].result["changed"]
    assert [step["action"] for step in run["other"].result["plan"]] == ["replace", "create", "delete"]
    assert [item["customer_address"] for item in run["other"].result["connections"]] == ["192.0.2.8", "192.0.2.9"]
    assert not run["again"].result["changed"]


def test_a_transit_gateway_without_default_tables(lab: Lab, playbooks: Playbooks) -> None:
    """What is attached goes into the table that is asked for; check mode knows it beforehand."""
    ids = account(lab)
    api = ec2(lab)
    options = {"DefaultRouteTableAssociation": "disable", "DefaultRouteTablePropagation": "disable"}
    gateway = api.create_transit_gateway(Options=options)["TransitGateway"]["TransitGatewayId"]
    made = api.create_transit_gateway_route_table(TransitGatewayId=gateway)["TransitGatewayRouteTable"]
    table = made["TransitGatewayRouteTableId"]
    usual = api.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    where = {"id": gateway, "route_table_id": table, "subnets": [ids["subnet"]]}
    asked = vpn(gateway=where, route_tables=["aws-routes"], google_ranges=["10.1.0.0/24"])
    tasks = [
        task("check", "aws_vpn", asked, check_mode=True),
        task("make", "aws_vpn", asked),
        task("again", "aws_vpn", asked),
        task("info", "aws_vpn_info", {"environment": "lab", "name": "google"}),
        task("default", "aws_vpn", vpn(name="other", gateway={**where, "id": usual})),
        task("gone", "aws_vpn", {**asked, "state": "absent"}),
    ]
    run = playbooks.run(play(tasks))
    assert not run["make"].failed, run["make"].result
    assert run["make"].result["plan"] == run["check"].result["plan"]
    words = [step["summary"].partition(" ")[0] for step in run["make"].result["plan"]]
    assert (words.count("associate"), words.count("propagate")) == (3, 3)
    assert not run["again"].result["changed"]
    assert run["info"].result["vpns"][0]["gateway"]["owned"] is False
    assert "default association" in run["default"].result["msg"]
    assert not run["gone"].failed, run["gone"].result
    summaries = [step["summary"] for step in run["gone"].result["plan"]]
    assert any(text.startswith(f"delete the attachment of {ids['vpc']}") for text in summaries)
    assert any(text.startswith("delete the route to 10.1.0.0/24") for text in summaries)
    gateways = api.describe_transit_gateways(TransitGatewayIds=[gateway])["TransitGateways"]
    assert gateways[0]["State"] == "available"


@pytest.mark.parametrize("operation", ["CreateVpnGateway", "CreateCustomerGateway", "CreateVpnConnection"])
def test_a_lost_answer_makes_nothing_twice(lab: Lab, playbooks: Playbooks, operation: str) -> None:
    account(lab)
    lab.fault(method=operation.upper(), drop=True, when="after")
    run = playbooks.run(play([task("make", "aws_vpn", vpn()), task("again", "aws_vpn", vpn())]))
    assert not run["make"].failed, run["make"].result
    assert not run["again"].result["changed"]
    sent = [item["method"] for item in lab.mutating() if item["method"].startswith("Create")]
    assert sent.count("CreateVpnGateway") == 1
    assert sent.count("CreateCustomerGateway") == 2
    assert sent.count("CreateVpnConnection") == 2


@pytest.mark.parametrize("kind", ["virtual_private_gateway", "transit_gateway"])
def test_a_killed_run_is_taken_up(lab: Lab, playbooks: Playbooks, kind: str) -> None:
    """Each change fails once, in one run after the other: in the end there is one of everything."""
    ids = account(lab)
    asked = vpn(gateway={"type": kind}, route_tables=["aws-routes"], google_ranges=["10.1.0.0/24"])
    if kind == "transit_gateway":
        asked["gateway"]["subnets"] = [ids["subnet"]]
    tasks = []
    for number in range(8):
        tasks.append(task(f"run {number}", "aws_vpn", asked))
    stops = "AttachVpnGateway|CreateCustomer|CreateVpnConn|EnableVgw|CreateTransitGatewayVpc|CreateRoute$"
    lab.fault(path=f"/ec2/.*/({stops})", status=400, reason="UnauthorizedOperation", message="no", count=4)
    run = playbooks.run(play(tasks))
    assert [run[f"run {number}"].failed for number in range(8)] == [True] * 4 + [False] * 4
    assert "UnauthorizedOperation" in run["run 0"].result["msg"]
    assert run["run 0"].result["changed"]
    assert [run[f"run {number}"].result["changed"] for number in range(4, 8)] == [True, False, False, False]
    api = ec2(lab)
    assert len(api.describe_vpn_connections()["VpnConnections"]) == 2
    assert len(api.describe_customer_gateways()["CustomerGateways"]) == 2
    assert (
        len(api.describe_vpn_gateways()["VpnGateways"]) + len(api.describe_transit_gateways()["TransitGateways"]) == 1
    )


def test_throttling_and_trouble_are_waited_out(lab: Lab, playbooks: Playbooks) -> None:
    account(lab)
    lab.fault(path="/ec2/.*/(Create|Attach)", status=503, reason="RequestLimitExceeded", count=3)
    lab.fault(path="/ec2/.*/Describe", status=500, reason="InternalError", count=2)
    lab.fault(path="/ec2/.*/Describe", drop=True, count=1)
    run = playbooks.run(play([task("make", "aws_vpn", vpn())]))
    assert not run["make"].failed, run["make"].result
    assert len(ec2(lab).describe_vpn_gateways()["VpnGateways"]) == 1


def test_a_connection_in_flight_is_adopted(lab: Lab, playbooks: Playbooks) -> None:
    account(lab)
    lab.admin("POST", "latency", {"profile": "fast"})
    try:
        run = playbooks.run(
            play([task("begin", "aws_vpn", vpn(wait=False)), task("finish", "aws_vpn", vpn(route_tables=["all"]))])
        )
    finally:
        lab.admin("POST", "latency", {"profile": "zero"})
    assert "pending" in run["begin"].result["operation"]
    assert run["begin"].result["changed"]
    done = run["finish"].result
    assert not run["finish"].failed, done
    assert {item["state"] for item in done["connections"]} == {"available"}
    assert all("propagation" in step["summary"] for step in done["plan"])


def test_another_address_replaces_a_connection(lab: Lab, playbooks: Playbooks) -> None:
    account(lab)
    moved = vpn(customer_addresses=["192.0.2.1", "192.0.2.9"])
    tasks = [
        task("make", "aws_vpn", vpn()),
        task("check", "aws_vpn", moved, check_mode=True),
        task("unconfirmed", "aws_vpn", moved),
        task("confirmed", "aws_vpn", {**moved, "confirm_replace": "google"}, diff=True),
        task("again", "aws_vpn", moved),
    ]
    run = playbooks.run(play(tasks))
    assert "confirm_replace: google" in run["unconfirmed"].result["msg"]
    assert [step["action"] for step in run["check"].result["plan"]] == ["create", "replace", "create", "delete"]
    done = run["confirmed"].result
    assert not run["confirmed"].failed, done
    assert done["plan"] == run["check"].result["plan"]
    kept = run["make"].result["connections"][0]["id"]
    assert [item["customer_address"] for item in done["connections"]] == ["192.0.2.1", "192.0.2.9"]
    assert done["connections"][0]["id"] == kept
    assert not run["again"].result["changed"]


def test_what_is_not_ours_is_used_and_stays(lab: Lab, playbooks: Playbooks) -> None:
    ids = account(lab)
    api = ec2(lab)
    gateway = api.create_vpn_gateway(Type="ipsec.1", AmazonSideAsn=64620)["VpnGateway"]["VpnGatewayId"]
    api.attach_vpn_gateway(VpnGatewayId=gateway, VpcId=ids["vpc"])
    customer = api.create_customer_gateway(Type="ipsec.1", BgpAsn=65010, IpAddress=ADDRESSES[0])["CustomerGateway"]
    block = [{"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1, "IpRanges": [{"CidrIp": "10.32.0.0/14"}]}]
    api.authorize_security_group_ingress(GroupId=ids["group"], IpPermissions=block)
    access = {"environment": "lab", "name": "pods", "group_id": ids["group"], "ranges": ["10.32.0.0/14"]}
    tasks = [
        task("own gateway", "aws_vpn", vpn()),
        task("make", "aws_vpn", vpn(gateway={"id": gateway}, route_tables=["all"])),
        task("access", "aws_pod_access", access),
        task("no access", "aws_pod_access", {**access, "state": "absent"}),
        task("gone", "aws_vpn", vpn(gateway={"id": gateway}, state="absent")),
    ]
    run = playbooks.run(play(tasks))
    assert f"gateway.id: {gateway}" in run["own gateway"].result["msg"]
    made = run["make"].result
    assert not run["make"].failed, made
    assert made["gateway"] == {"id": gateway, "type": "virtual_private_gateway", "asn": 64620, "owned": False}
    assert made["connections"][0]["customer_gateway_id"] == customer["CustomerGatewayId"]
    assert not run["access"].result["changed"]
    assert not run["no access"].result["changed"]
    assert not run["gone"].failed, run["gone"].result
    assert api.describe_vpn_gateways()["VpnGateways"][0]["State"] == "available"
    left = [item for item in api.describe_customer_gateways()["CustomerGateways"] if item["State"] == "available"]
    assert [item["CustomerGatewayId"] for item in left] == [customer["CustomerGatewayId"]]
    assert len(api.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [ids["group"]]}])) > 0


def test_network_acls_are_warned_of(lab: Lab, playbooks: Playbooks) -> None:
    ids = account(lab)
    api = ec2(lab)
    acl = api.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [ids["subnet"]]}])
    deny = {"RuleNumber": 50, "Protocol": "-1", "RuleAction": "deny", "Egress": True, "CidrBlock": "10.33.0.0/16"}
    api.create_network_acl_entry(NetworkAclId=acl["NetworkAcls"][0]["NetworkAclId"], **deny)
    access = {"environment": "lab", "name": "pods", "group_name": "aws-ec2", "ranges": ["10.32.0.0/14", "10.1.0.0/24"]}
    run = playbooks.run(play([task("access", "aws_pod_access", access)]))
    (warning,) = run["access"].result["network_acl_warnings"]
    assert "entry 50 refuses echo replies of 10.32.0.0/14" in warning
    assert warning in run["access"].result["warnings"][0]


BAD: dict[str, tuple[str, Json, Json, list[str]]] = {
    # id: module, options, environment, what the message must say
    "wrong-secret": ("aws_vpn", vpn(), {"AWS_SECRET_ACCESS_KEY": "x" * 40}, ["DescribeVpnGateways", "AuthFailure"]),
    "other-account": ("aws_vpn", vpn(account="999999999999"), {}, ["999999999999", "123456789012"]),
    "no-region": (
        "aws_vpn",
        {**vpn(), "environment": "{{ omit }}"},
        {"AWS_DEFAULT_REGION": "", "AWS_REGION": ""},
        ["region is not set"],
    ),
    "lab-at-amazon": (
        "aws_vpn",
        vpn(endpoint_url="https://ec2.us-east-1.amazonaws.com"),
        {},
        ["environment is lab", "amazonaws.com"],
    ),
    "cloud-in-the-lab": ("aws_vpn", {**vpn(), "environment": "cloud"}, {}, ["environment is cloud", "127.0.0.1"]),
    "no-such-profile": ("aws_vpn", {**vpn(profile="nobody"), "environment": "{{ omit }}"}, {}, ["nobody"]),
    "no-such-vpc": ("aws_vpn", {**vpn(), "vpc_name": "else"}, {}, ["vpc_name: else", "0 VPCs"]),
    "three-addresses": ("aws_vpn", vpn(customer_addresses=[*ADDRESSES, "192.0.2.3"]), {}, ["customer_addresses"]),
    "reserved-range": (
        "aws_vpn",
        vpn(connections=[{"tunnels": [{"inside_cidr": "169.254.5.0/30"}]}]),
        {},
        ["connections[0].tunnels[0].inside_cidr", "169.254.5.0/30"],
    ),
    "same-asn": ("aws_vpn", vpn(customer_asn=64512), {}, ["64512", "gateway.asn"]),
    "overlap": ("aws_vpn", vpn(google_ranges=["10.0.128.0/20"]), {}, ["10.0.128.0/20", "10.0.0.0/16"]),
    "no-such-table": ("aws_vpn", vpn(route_tables=["none"]), {}, ["route_tables: none", "aws-routes"]),
    "no-such-gateway": ("aws_vpn", vpn(gateway={"id": "vgw-0123"}), {}, ["gateway.id: vgw-0123"]),
    "no-subnets": ("aws_vpn", vpn(gateway={"type": "transit_gateway"}), {}, ["gateway.subnets"]),
    "no-ports": (
        "aws_pod_access",
        {"environment": "lab", "name": "p", "group_name": "aws-ec2", "ranges": ["10.0.0.0/8"], "protocol": "tcp"},
        {},
        ["ports"],
    ),
    "no-such-group": (
        "aws_pod_access",
        {"environment": "lab", "name": "p", "group_name": "none", "ranges": ["10.0.0.0/8"]},
        {},
        ["group_name: none"],
    ),
}


def test_examples_run(lab: Lab, playbooks: Playbooks) -> None:
    """The documentation's examples, as they stand; the action group brings the environment."""
    ids = account(lab)
    tasks: list[Json] = []
    for module in (aws_vpn, aws_vpn_info, aws_pod_access, aws_pod_access_info):
        tasks += yaml.safe_load(module.EXAMPLES)
    defaults = {"group/podreach.gke.aws": {"environment": "lab"}}
    run = playbooks.run(play(tasks, module_defaults=defaults, vars={"subnet_id": ids["subnet"]}))
    assert [record.task for record in run.records] == [item["name"] for item in tasks]
    assert [record.result for record in run.records if record.failed] == []
    assert run["Delete what was made"].result["changed"]


def test_bad_calls(lab: Lab, playbooks: Playbooks) -> None:
    """Each names what is wrong, and changes nothing."""
    account(lab)
    before = lab.status()["mutations"]
    tasks = [
        task(name, module, args, environment=environment) for name, (module, args, environment, _says) in BAD.items()
    ]
    run = playbooks.run(play(tasks))
    for name, (_module, _args, _environment, says) in BAD.items():
        record = run[name]
        assert record.failed, name
        assert [text for text in says if text not in record.result["msg"]] == [], record.result["msg"]
        assert "Unexpected" not in record.result["msg"]
    assert run.records[-1].mutations == before
