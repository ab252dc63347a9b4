# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both halves of an HA VPN by one module: made, changed, taken up after a kill, made anew under traffic, taken away."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import typing as t

import boto3
import pytest
import yaml

from ansible_collections.podreach.gke.plugins.modules import ha_vpn
from ansible_collections.podreach.gke.tests.golden.packets.kube import Kube
from ansible_collections.podreach.gke.tests.integration import machines
from ansible_collections.podreach.gke.tests.integration.api import (
    CLUSTERS,
    COMPUTE,
    NETWORK,
    REGION,
    ROUTERS,
    Api,
    Json,
)
from ansible_collections.podreach.gke.tests.integration.playbooks import PATHS, Playbooks, Record, Run, play, task
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import COMMAND, Lab, resident

TUNNELS = f"{COMPUTE}/regions/{REGION}/vpnTunnels"
GATEWAYS = f"{COMPUTE}/regions/{REGION}/vpnGateways"
EXTERNALS = f"{COMPUTE}/global/externalVpnGateways"
EC2 = "10.0.1.7"
NAMES = [f"aws-vpn-{place}-tunnel-{number}" for place in (1, 2) for number in (1, 2)]
SECONDS = 30
KEYS = [f"a_key.of_the_tests_{number}" for number in range(4)]


def ec2(lab: Lab) -> t.Any:
    return boto3.client(
        "ec2",
        endpoint_url=lab.env["AWS_ENDPOINT_URL"],
        region_name=lab.env["AWS_DEFAULT_REGION"],
        aws_access_key_id=lab.env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=lab.env["AWS_SECRET_ACCESS_KEY"],
    )


def vpn(aws: Json | None = None, **more: t.Any) -> Json:
    """The module's options for a VPN to the preset's account."""
    half = {"vpc_name": "aws-vpc", "route_tables": ["all"], **(aws or {})}
    common = {"name": "aws-vpn", "region": REGION, "network": "n1", "asn": 65010, "wait_established": SECONDS}
    return {"environment": "lab", **common, "aws": half, **more}


def good(run: Run, task_name: str) -> Record:
    record = run[task_name]
    assert record.status == "ok", record.result.get("msg", record.result)
    return record


def summaries(record: Record) -> list[str]:
    return [step["summary"] for step in record.result["plan"]]


@pytest.fixture
def account(playbooks: Playbooks) -> Playbooks:
    """AWS's account, whose instance admits everybody, and a network at Google."""
    lab = playbooks.lab
    lab.preset("aws-account")
    api, aws = Api(lab), ec2(lab)
    [group] = aws.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["aws-ec2"]}])["SecurityGroups"]
    anybody = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]
    aws.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=anybody)
    machines.network(api, "n1", "10.1.0.0/20")
    machines.rule(api, "n1", "open", sourceRanges=["10.0.0.0/8"], allowed=[{"IPProtocol": "all"}])
    return playbooks


def pod(account: Playbooks, tmp_path: pathlib.Path) -> str:
    """A pod of a VPC-native cluster in that network; its name."""
    lab = account.lab
    api = Api(lab)
    api.post(CLUSTERS, {"cluster": {"name": "c1", "network": "n1", "subnetwork": "n1", "initialNodeCount": 1}})
    cluster = api.get(f"{CLUSTERS}/c1")
    assert cluster
    kube = Kube(cluster, lab.token(), tmp_path)
    body = {"containers": [{"name": "c", "image": "example.com/app"}]}
    kube.put({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a-pod", "namespace": "default"}, "spec": body})
    kube.wait("a-pod", lambda: (kube.get("Pod", "a-pod") or {})["status"].get("podIP"))
    return "a-pod"


class Ping:
    """A ping that runs while something else is done."""

    def __init__(self, lab: Lab, source: str, target: str = EC2) -> None:
        lab.settle()
        command = [sys.executable, "-m", "podreach_lab", "--dir", str(lab.directory), "exec", source, "--"]
        self.process = subprocess.Popen(
            [*command, "timeout", "-s", "INT", "170", "ping", "-i", "0.2", "-W", "1", target],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"PYTHONPATH": str(COMMAND)},
        )
        time.sleep(1)

    def lost(self) -> tuple[list[int], int]:
        """The numbers of the packets without an answer, and how many were answered."""
        time.sleep(1.5)
        self.process.send_signal(signal.SIGINT)
        said, _nothing = self.process.communicate(timeout=20)
        numbers = [int(text) for text in re.findall(r"icmp_seq=(\d+) ttl=", said)]
        assert numbers, said
        return sorted(set(range(1, max(numbers) + 1)) - set(numbers)), len(numbers)


@pytest.mark.parametrize("path", PATHS)
def test_from_nothing_to_established_and_away_again(path: str, account: Playbooks) -> None:
    lab = account.lab
    before = len(lab.mutating())
    tasks = [
        task("check", "ha_vpn", vpn(), check_mode=True),
        task("make", "ha_vpn", vpn()),
        task("again", "ha_vpn", vpn()),
    ]
    change: Json = {"advertise_mode": "CUSTOM", "advertised_groups": ["ALL_SUBNETS"]}
    change["advertised_ip_ranges"] = [{"range": "10.32.0.0/14"}]
    tasks += [
        task("check change", "ha_vpn", vpn(**change), check_mode=True),
        task("change", "ha_vpn", vpn(**change)),
        task("change again", "ha_vpn", vpn(**change)),
        task("check away", "ha_vpn", vpn(state="absent"), check_mode=True),
        task("away", "ha_vpn", vpn(state="absent")),
        task("away again", "ha_vpn", vpn(state="absent")),
    ]
    run = account.run(play(tasks, diff=True), path=path, arguments=["-vvv"])
    check, made = good(run, "check"), good(run, "make")
    assert check.mutations == before
    assert check.result["plan"] == made.result["plan"]
    assert "(known after apply)" in str(check.result["diff"])
    assert "240.0." not in str(check.result) + str(made.result)
    assert check.result["gateway"]["addresses"] == ["(known after apply)"] * 2
    assert [item["name"] for item in check.result["tunnels"]] == NAMES
    for item in made.result["tunnels"]:
        assert (item["status"], item["session_state"]) == ("ESTABLISHED", "Established")
        assert (item["learned_routes"], item["advertised_routes"]) == (1, 1)
    assert made.result["aws"]["gateway"]["type"] == "virtual_private_gateway"
    assert [item["customer_address"] for item in made.result["aws"]["connections"]] == made.result["gateway"][
        "addresses"
    ]
    assert not good(run, "again").result["changed"]
    assert run["again"].mutations == made.mutations
    assert good(run, "check change").result["plan"] == good(run, "change").result["plan"]
    assert summaries(run["change"]) == [
        "change bgp.advertise_mode, bgp.advertised_groups, bgp.advertised_ip_ranges of router aws-vpn-router"
    ]
    assert not good(run, "change again").result["changed"]
    assert good(run, "check away").result["plan"] == good(run, "away").result["plan"]
    assert not good(run, "away again").result["changed"]
    no_keys(lab, run)
    left = [Api(lab).get(where) or {} for where in (ROUTERS, TUNNELS, GATEWAYS, EXTERNALS)]
    assert not [item for one in left for item in one.get("items") or []]
    assert not ec2(lab).describe_vpn_gateways(Filters=[{"Name": "state", "Values": ["available"]}])["VpnGateways"]


def no_keys(lab: Lab, run: Run) -> None:
    """Nothing that was shown or kept holds a key."""
    said = run.output + "".join(str(record.result) for record in run.records)
    found = ec2(lab).describe_vpn_connections()["VpnConnections"]
    keys = {
        tunnel["PreSharedKey"]
        for item in found
        for tunnel in item["Options"]["TunnelOptions"]
        if "PreSharedKey" in tunnel
    }
    for secret in (*keys, "sharedSecret", *KEYS):
        assert secret not in said


def test_made_anew_one_by_one_without_loss(account: Playbooks, tmp_path: pathlib.Path) -> None:
    """Other options of all of AWS's tunnels and other keys: each tunnel in turn, and a pod does not notice."""
    lab = account.lab
    source = pod(account, tmp_path)
    good(account.run(play([task("make", "ha_vpn", vpn())])), "make")
    ping = Ping(lab, source)
    changed = {"tunnel_options": {"phase2_dh_group_numbers": [20]}}
    tasks = [
        task("refused", "ha_vpn", vpn(changed, pre_shared_keys=KEYS)),
        task("check", "ha_vpn", vpn(changed, pre_shared_keys=KEYS, confirm_replace="aws-vpn"), check_mode=True),
        task("anew", "ha_vpn", vpn(changed, pre_shared_keys=KEYS, confirm_replace="aws-vpn")),
        task("again", "ha_vpn", vpn(changed, pre_shared_keys=KEYS, confirm_replace="aws-vpn")),
    ]
    run = account.run(play(tasks, diff=True))
    missing, answered = ping.lost()
    anew = good(run, "anew")
    print("\n".join(summaries(anew)), f"lost {missing} of {answered}")
    assert (missing, answered > 20) == ([], True)
    said = run["refused"].result["msg"]
    # once for all, by Google's names, with the reason and one word
    assert f"to be made anew: {', '.join(NAMES)} (phase2_dh_group_numbers at AWS; another key). Say confirm_rep" in said
    assert "Say confirm_replace: aws-vpn (-e vpn_confirm_replace=aws-vpn " in said
    assert (said.count("\n"), said.count("Say "), "update_secret" in said, "allow_disruption" in said) == (
        0,
        1,
        False,
        False,
    )
    assert not run["refused"].result["changed"]
    shown = str(good(run, "check").result["diff"])
    assert "https://" not in shown
    assert "'pre_shared_key': '(not shown)'" in shown and "'pre_shared_key': '(another one, not shown)'" in shown
    assert "update_secret" not in str(anew.result)
    assert sorted(summaries(good(run, "check"))) == sorted(summaries(anew))
    order = [name for line in summaries(anew) for name in NAMES if line.startswith(f"create vpn_tunnel {name}")]
    assert order == NAMES
    assert not good(run, "again").result["changed"]
    assert {item["status"] for item in anew.result["tunnels"]} == {"ESTABLISHED"}
    no_keys(lab, run)


def by_hand(lab: Lab, number: int) -> None:
    """Somebody replaces one of AWS's connections: another one between the same ends has other addresses."""
    aws = ec2(lab)
    listed = aws.describe_vpn_connections(Filters=[{"Name": "state", "Values": ["available"]}])["VpnConnections"]
    addresses = {
        item["CustomerGatewayId"]: item["IpAddress"] for item in aws.describe_customer_gateways()["CustomerGateways"]
    }
    found = Api(lab).get(f"{GATEWAYS}/aws-vpn")
    assert found
    [old] = [
        item for item in listed if addresses[item["CustomerGatewayId"]] == found["vpnInterfaces"][number]["ipAddress"]
    ]
    aws.delete_vpn_connection(VpnConnectionId=old["VpnConnectionId"])
    # somebody else gets the addresses meanwhile
    gateway = aws.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    others, customers = [], []
    for address in ("192.0.2.77", "192.0.2.78"):
        made = aws.create_customer_gateway(Type="ipsec.1", BgpAsn=65001, IpAddress=address)["CustomerGateway"]
        customers.append(made["CustomerGatewayId"])
        ends = {"CustomerGatewayId": customers[-1], "VpnGatewayId": gateway}
        others.append(aws.create_vpn_connection(Type="ipsec.1", **ends)["VpnConnection"]["VpnConnectionId"])
    ends = {name: old[name] for name in ("CustomerGatewayId", "VpnGatewayId")}
    aws.create_vpn_connection(Type="ipsec.1", **ends)
    for identity in others:
        aws.delete_vpn_connection(VpnConnectionId=identity)
    for identity in customers:
        aws.delete_customer_gateway(CustomerGatewayId=identity)
    aws.delete_vpn_gateway(VpnGatewayId=gateway)
    lab.settle()


def externals(lab: Lab) -> list[str]:
    return sorted(item["name"] for item in (Api(lab).get(EXTERNALS) or {}).get("items") or [])


def test_google_follows_awss_addresses(account: Playbooks, tmp_path: pathlib.Path) -> None:
    """A connection is another one: tunnels move to a second external gateway, and then to a third name, the first."""
    lab = account.lab
    source = pod(account, tmp_path)
    good(account.run(play([task("make", "ha_vpn", vpn())])), "make")
    for number, (old, new) in enumerate((("aws-vpn-peer", "aws-vpn-peer-2"), ("aws-vpn-peer-2", "aws-vpn-peer"))):
        assert externals(lab) == [old]
        by_hand(lab, number)
        ping = Ping(lab, source)
        tasks = [
            task("refused", "ha_vpn", vpn()),
            task("check", "ha_vpn", vpn(confirm_replace="aws-vpn"), check_mode=True),
            task("follow", "ha_vpn", vpn(confirm_replace="aws-vpn")),
            task("again", "ha_vpn", vpn()),
        ]
        run = account.run(play(tasks))
        missing, answered = ping.lost()
        followed = good(run, "follow")
        print("\n".join(summaries(followed)), f"lost {missing} of {answered}")
        assert missing == []
        error = run["refused"].result["error"]
        assert error["code"] == "replace-not-confirmed"
        changed, moved = (NAMES[:2], NAMES[2:]) if number == 0 else (NAMES[2:], NAMES[:2])
        assert f"{', '.join(changed)} (the peer has another address)" in error["message"]
        assert f"{', '.join(moved)} (moves to external gateway {new})" in error["message"]
        assert error["message"].count("-e vpn_confirm_replace=aws-vpn ") == 1
        assert summaries(good(run, "check")) == summaries(followed)
        assert summaries(followed)[0] == f"create external_vpn_gateway {new}"
        assert summaries(followed)[-1] == f"delete external_vpn_gateway {old}"
        assert not good(run, "again").result["changed"]
        assert {item["session_state"] for item in followed.result["tunnels"]} == {"Established"}
        assert (externals(lab), followed.result["external_gateway"]) == ([new], new)
        no_keys(lab, run)


def test_one_tunnel_alone(account: Playbooks) -> None:
    """By its own name a tunnel is made anew in any case; one with a wrong key is found, and mended by either name."""
    lab = account.lab
    api = Api(lab)
    tasks = [
        task("make", "ha_vpn", vpn()),
        task("check", "ha_vpn", vpn(confirm_replace=NAMES[1]), check_mode=True),
        task("alone", "ha_vpn", vpn(confirm_replace=NAMES[1])),
    ]
    run = account.run(play(tasks))
    alone = good(run, "alone")
    assert summaries(good(run, "check")) == summaries(alone)
    assert [line for line in summaries(alone) if line.startswith("create")] == [f"create vpn_tunnel {NAMES[1]}"]
    body = api.get(f"{TUNNELS}/{NAMES[2]}")
    assert body
    api.delete(f"{TUNNELS}/{NAMES[2]}")
    kept = ("name", "description", "vpnGateway", "vpnGatewayInterface", "peerExternalGateway", "router", "ikeVersion")
    fields = {name: body[name] for name in (*kept, "peerExternalGatewayInterface") if name in body}
    api.post(TUNNELS, {**fields, "sharedSecret": "Another.key_of_the_tests"})
    lab.settle()
    tasks = [
        task("refused", "ha_vpn", vpn()),
        task("mend", "ha_vpn", vpn(confirm_replace="aws-vpn")),
        task("again", "ha_vpn", vpn(confirm_replace="aws-vpn")),
    ]
    run = account.run(play(tasks))
    assert f"to be made anew: {NAMES[2]} (its key is not the peer's). Say " in run["refused"].result["msg"]
    assert run["refused"].result["error"]["code"] == "replace-not-confirmed"
    assert f"create vpn_tunnel {NAMES[2]}" in summaries(good(run, "mend"))
    assert not good(run, "again").result["changed"]
    assert not run["mend"].result.get("warnings")
    [warning] = run["again"].result["warnings"]
    assert "confirm_replace: aws-vpn: nothing of it has to be made anew" in warning
    assert "give four in pre_shared_keys" in warning


def test_a_session_is_switched_on_again_where_its_tunnel_may_not_go(account: Playbooks) -> None:
    lab = account.lab
    good(account.run(play([task("make", "ha_vpn", vpn())])), "make")
    lab.fault(method="DELETE", path="/vpnTunnels/", status=403, reason="forbidden", message="no")
    run = account.run(play([task("fails", "ha_vpn", vpn(confirm_replace=NAMES[0])), task("again", "ha_vpn", vpn())]))
    assert (run["fails"].failed, run["fails"].result["changed"]) == (True, True)
    assert not good(run, "again").result["changed"]
    assert everything(lab) == WHOLE


def everything(lab: Lab) -> dict[str, int]:
    """How many there are of each kind."""
    api, aws = Api(lab), ec2(lab)
    found = {where: len((api.get(where) or {}).get("items") or []) for where in (ROUTERS, TUNNELS, GATEWAYS, EXTERNALS)}
    router = api.get(f"{ROUTERS}/aws-vpn-router") or {}
    alive = [{"Name": "state", "Values": ["available", "pending"]}]
    return {
        **found,
        "sessions": len(router.get("bgpPeers") or []),
        "switched off": sum(peer.get("enable") == "FALSE" for peer in router.get("bgpPeers") or []),
        "vgw": len(aws.describe_vpn_gateways(Filters=alive)["VpnGateways"]),
        "cgw": len(aws.describe_customer_gateways(Filters=alive)["CustomerGateways"]),
        "connections": len(aws.describe_vpn_connections(Filters=alive)["VpnConnections"]),
    }


WHOLE = {ROUTERS: 1, TUNNELS: 4, GATEWAYS: 1, EXTERNALS: 1, "sessions": 4, "switched off": 0, "vgw": 1, "cgw": 2}
WHOLE |= {"connections": 2}


def killed(account: Playbooks, options: Json, after: int) -> None:
    """A run that is killed once the lab has seen so many changes."""
    lab, since = account.lab, account.lab.seq()
    started = account.start(play([task("killed", "ha_vpn", options)]))
    until = time.monotonic() + 60
    while len(lab.mutating(since)) < after and started.process.poll() is None and time.monotonic() < until:
        time.sleep(0.005)
    # a worker of Ansible's is in a process group of its own
    processes, mine = resident(), [started.process.pid]
    for pid in mine:
        mine += [child for child, (parent, _size) in processes.items() if parent == pid]
    for pid in mine:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    started.process.communicate()


@pytest.mark.parametrize("after", [1, 4, 8, 11, 14])
def test_a_killed_run_is_taken_up(after: int, account: Playbooks) -> None:
    lab = account.lab
    killed(account, vpn(), after)
    run = account.run(play([task("finish", "ha_vpn", vpn()), task("again", "ha_vpn", vpn())]))
    finished = good(run, "finish")
    assert {item["session_state"] for item in finished.result["tunnels"]} == {"Established"}
    assert not good(run, "again").result["changed"]
    assert everything(lab) == WHOLE


@pytest.mark.parametrize("after", [1, 3, 6])
def test_a_killed_replacement_is_taken_up(after: int, account: Playbooks) -> None:
    lab = account.lab
    good(account.run(play([task("make", "ha_vpn", vpn())])), "make")
    by_hand(lab, 0)
    moving = vpn(confirm_replace="aws-vpn")
    killed(account, moving, after)
    run = account.run(play([task("finish", "ha_vpn", moving), task("again", "ha_vpn", vpn())]))
    finished = good(run, "finish")
    assert {item["session_state"] for item in finished.result["tunnels"]} == {"Established"}
    assert not good(run, "again").result["changed"]
    assert everything(lab) == WHOLE


def test_begin_and_finish(account: Playbooks) -> None:
    lab = account.lab
    tasks = [
        task("begin", "ha_vpn", vpn({"make_keys": True}, wait=False)),
        task("finish", "ha_vpn", vpn({"make_keys": True})),
        task("begin again", "ha_vpn", vpn({"make_keys": True}, wait=False)),
    ]
    run = account.run(play(tasks))
    begun = good(run, "begin")
    assert "create the connection to aws-vpn/1" in summaries(begun)
    assert not [line for line in summaries(begun) if "vpn_tunnel" in line]
    assert [line for line in summaries(good(run, "finish")) if "vpn_tunnel" in line]
    assert not good(run, "begin again").result["changed"]
    assert everything(lab) == WHOLE
    away = vpn({"make_keys": True}, state="absent")
    good(account.run(play([task("begun", "ha_vpn", {**away, "wait": False}), task("away", "ha_vpn", away)])), "away")
    assert not any(everything(lab).values())


def test_a_router_of_somebody_else(account: Playbooks) -> None:
    """Its ASN is taken from it, and keep_router leaves it with what is not this VPN's."""
    lab = account.lab
    Api(lab).router("r1", network="n1", bgp={"asn": 65123})
    without = {name: value for name, value in vpn(router="r1").items() if name != "asn"}
    tasks = [
        task("nothing to take it from", "ha_vpn", {**without, "router": "r2"}),
        task("make", "ha_vpn", without),
        task("away", "ha_vpn", {**without, "state": "absent", "keep_router": True}),
    ]
    run = account.run(play(tasks))
    assert "asn" in run["nothing to take it from"].result["msg"]
    assert good(run, "make").result["router"] == {"name": "r1", "asn": 65123}
    assert not [line for line in summaries(good(run, "away")) if "delete router" in line]
    left = Api(lab).get(f"{ROUTERS}/r1")
    assert left and not left.get("bgpPeers") and not left.get("interfaces")
    assert externals(lab) == []


def test_through_a_transit_gateway(account: Playbooks, tmp_path: pathlib.Path) -> None:
    lab = account.lab
    source = pod(account, tmp_path)
    [subnet] = ec2(lab).describe_subnets()["Subnets"]
    cluster = Api(lab).get(f"{CLUSTERS}/c1") or {}
    ranges = ["10.1.0.0/20", cluster["clusterIpv4Cidr"]]
    half = {"gateway": {"type": "transit_gateway", "asn": 64600, "subnets": [subnet["SubnetId"]]}}
    wanted = vpn({**half, "google_ranges": ranges})
    tasks = [
        task("check", "ha_vpn", wanted, check_mode=True),
        task("make", "ha_vpn", wanted),
        task("again", "ha_vpn", wanted),
    ]
    run = account.run(play(tasks))
    assert good(run, "check").result["plan"] == good(run, "make").result["plan"]
    assert not good(run, "again").result["changed"]
    lab.settle()
    done = lab.exec(source, "ping", "-c", "3", "-W", "1", EC2)
    assert done.returncode == 0, done.stdout
    other = ec2(lab).create_transit_gateway(Options={"AmazonSideAsn": 64700})["TransitGateway"]["TransitGatewayId"]
    moved = vpn({"gateway": {"id": other, "subnets": [subnet["SubnetId"]]}, "route_tables": None})
    tasks = [
        task("refused", "ha_vpn", moved),
        task("move", "ha_vpn", {**moved, "confirm_replace": "aws-vpn"}),
        task("again", "ha_vpn", {**moved, "confirm_replace": "aws-vpn"}),
    ]
    run = account.run(play(tasks))
    assert run["refused"].result["error"]["code"] == "replace-not-confirmed"
    lines = summaries(good(run, "move"))
    print("\n".join(lines))
    first, second = (at for at, line in enumerate(lines) if line.startswith("replace the connection"))
    between = [line for line in lines[first:second] if line.startswith("bring session")]
    assert between == [f"bring session aws-vpn-1-bgp-{number} up again" for number in (1, 2)]
    assert not good(run, "again").result["changed"]
    assert len(externals(lab)) == 1


def test_the_limit_of_prefixes(account: Playbooks) -> None:
    """100 toward a virtual private gateway, counted before anything is sent; a transit gateway takes 1000."""
    ranges = [{"range": f"10.64.{number}.0/24"} for number in range(101)]
    crowded: Json = {"advertise_mode": "CUSTOM", "advertised_groups": ["ALL_SUBNETS"], "advertised_ip_ranges": ranges}
    transit = {"gateway": {"type": "transit_gateway"}, "route_tables": None, "vpc_name": None}
    tasks = [
        task("virtual", "ha_vpn", vpn(**crowded)),
        task("transit", "ha_vpn", vpn(transit, **crowded), check_mode=True),
    ]
    run = account.run(play(tasks))
    result = run["virtual"].result
    assert (result["error"]["code"], result["changed"]) == ("bgp-prefix-limit", False)
    for place in (1, 2):
        for number in (1, 2):
            assert f"aws-vpn-router/aws-vpn-{place}-bgp-{number}: 0 now, 102 then" in result["msg"]
    assert not [item for item in account.lab.mutating() if "vpnGateways" in item["path"]]
    good(run, "transit")


def test_what_the_vpc_hides_is_said(account: Playbooks) -> None:
    """In the plan, when it is made, and when nothing is left to do: a subnetwork's ranges and custom ones."""
    api = Api(account.lab)
    quiet = account.run(play([task("quiet", "ha_vpn", vpn(), check_mode=True)]))
    assert "shadowed" not in str(good(quiet, "quiet").result)
    api.subnetwork("hidden", "10.1.16.0/20", ranges={"pods": "10.0.64.0/18"})
    change: Json = {"advertise_mode": "CUSTOM", "advertised_groups": ["ALL_SUBNETS"]}
    change["advertised_ip_ranges"] = [{"range": "10.0.8.0/24"}]
    tasks = [
        task("check", "ha_vpn", vpn(), check_mode=True),
        task("make", "ha_vpn", vpn()),
        task("again", "ha_vpn", vpn()),
        task("check again", "ha_vpn", vpn(), check_mode=True),
        task("custom", "ha_vpn", vpn(**change)),
        task("refused", "ha_vpn", vpn({"google_ranges": ["10.0.64.0/18"]})),
    ]
    run = account.run(play(tasks))
    for name in ("check", "make", "again", "check again", "custom"):
        [warning] = [text for text in good(run, name).result["warnings"] if "aws-route-shadowed" in text]
        words = f"10.0.64.0/18, the secondary range pods of subnetwork hidden in {REGION}, overlaps 10.0.0.0/16 of vpc-"
        assert words in warning, warning
        assert "10.1." not in warning
        assert ("10.0.8.0/24, a custom range of the router, " in warning) == (name == "custom")
    assert not run["again"].result["changed"]
    assert run["refused"].result["error"]["code"] == "range-overlap"


def test_what_would_newly_win_is_shown(account: Playbooks) -> None:
    """The routes that AWS's tables get: those that take traffic from others, and default routes, need the word, when
    propagation is enabled and when more is advertised to a table that takes it already. Once said, it is not needed
    again."""
    lab, aws = account.lab, ec2(account.lab)
    [table] = aws.describe_route_tables(Filters=[{"Name": "tag:Name", "Values": ["aws-routes"]}])["RouteTables"]
    [item] = aws.describe_network_interfaces()["NetworkInterfaces"]
    old, target = {"RouteTableId": table["RouteTableId"]}, item["NetworkInterfaceId"]
    aws.create_route(**old, DestinationCidrBlock="10.0.0.0/8", NetworkInterfaceId=target)

    def custom(*ranges: str, **more: t.Any) -> Json:
        change: Json = {"advertise_mode": "CUSTOM", "advertised_groups": ["ALL_SUBNETS"], **more}
        return vpn(**change, advertised_ip_ranges=[{"range": text} for text in ranges])

    word: Json = {"allow_disruption": True}
    alone = {"name": "aws-vpn", "vpc_name": "aws-vpc", "route_tables": ["all"], "google_ranges": ["10.1.0.0/20"]}
    static = {"name": "old", "network": f"{NETWORK}/n1", "destRange": "10.0.0.0/12", "nextHopIp": "10.1.0.5"}
    Api(lab).post(f"{COMPUTE}/global/routes", static)
    without: Json = {"advertise_mode": "CUSTOM", "advertised_ip_ranges": [{"range": "192.168.8.0/24"}]}
    tasks = [
        task("without", "ha_vpn", vpn(**without)),
        task("check", "ha_vpn", vpn(), check_mode=True),
        task("refused", "ha_vpn", vpn()),
        task("alone", "aws_vpn", {"environment": "lab", **alone}, check_mode=True),
        task("make", "ha_vpn", vpn(**word)),
        task("again", "ha_vpn", vpn()),
        task("elsewhere", "ha_vpn", custom("192.168.8.0/24")),
        task("check pods", "ha_vpn", custom("192.168.8.0/24", "10.32.0.0/14", "0.0.0.0/0"), check_mode=True),
        task("pods refused", "ha_vpn", custom("192.168.8.0/24", "10.32.0.0/14", "0.0.0.0/0")),
        task("pods", "ha_vpn", custom("192.168.8.0/24", "10.32.0.0/14", "0.0.0.0/0", **word)),
        task("pods again", "ha_vpn", custom("192.168.8.0/24", "10.32.0.0/14", "0.0.0.0/0")),
        task("back refused", "ha_vpn", vpn(advertise_mode="DEFAULT")),
        task("purge refused", "ha_vpn", custom("10.32.0.0/14", purge_advertisement=True)),
        task("purge", "ha_vpn", custom("10.32.0.0/14", purge_advertisement=True, **word)),
        task("back", "ha_vpn", vpn(advertise_mode="DEFAULT", **word)),
    ]
    run = account.run(play(tasks))
    before = run["check"].mutations

    takes = f"it takes traffic from the route to 10.0.0.0/8 by {target}"
    check, made = good(run, "check"), good(run, "make")
    [coming] = [item for item in check.result["new_routes"] if item["route_table"] == table["RouteTableId"]]
    assert coming == {
        "route_table": table["RouteTableId"],
        "dest_range": "10.1.0.0/20",
        "wins": True,
        "problem": takes,
    }
    assert {item["dest_range"] for item in check.result["new_routes"]} == {"10.1.0.0/20"}
    assert check.result["plan"] == made.result["plan"]
    assert made.result["new_routes"] == check.result["new_routes"]
    [step] = [step for step in made.result["plan"] if step["grade"] == "disruptive"]
    assert step["summary"] == (
        f"enable propagation into route table aws-routes ({table['RouteTableId']}), which brings 10.1.0.0/20 "
        f"(10.1.0.0/20: {takes})"
    )
    [warning] = [text for text in check.result["warnings"] if takes in text]
    refused = run["refused"].result
    assert refused["error"]["code"] == "disruption-not-allowed"
    learns = "10.0.0.0/16: it takes traffic from route old (10.0.0.0/12)"
    assert learns in str(check.result["warnings"]) and learns in refused["msg"]
    assert takes in warning and takes in refused["msg"] and "allow_disruption: true" in refused["msg"]
    assert (refused["changed"], run["refused"].mutations) == (False, before)
    assert any(takes in step["summary"] for step in good(run, "alone").result["plan"])
    assert not good(run, "again").result["changed"] and run["again"].result["new_routes"] == []

    assert {item["dest_range"] for item in good(run, "elsewhere").result["new_routes"]} == {"192.168.8.0/24"}
    refused = run["pods refused"].result
    assert refused["error"]["code"] == "disruption-not-allowed"
    for words in (f"10.32.0.0/14: {takes}", "0.0.0.0/0: it is a default route", table["RouteTableId"]):
        assert words in refused["msg"]
        assert words in str(good(run, "check pods").result["warnings"])
    assert run["pods refused"].mutations == run["elsewhere"].mutations
    pods = {(item["dest_range"], item["problem"]) for item in good(run, "pods").result["new_routes"]}
    assert {("10.32.0.0/14", takes), ("10.32.0.0/14", None), ("0.0.0.0/0", "it is a default route")} == pods
    assert not good(run, "pods again").result["changed"]
    assert run["without"].result["error"]["code"] == "withdraws-subnets"
    for name in ("back refused", "purge refused"):
        assert run[name].result["error"]["code"] == "disruption-not-allowed"
        assert run[name].mutations == run["pods"].mutations
    for name in ("purge", "back"):
        assert [step["grade"] for step in good(run, name).result["plan"]] == ["disruptive"]
        assert run[name].result["new_routes"] == []
    lab.settle()
    [now] = aws.describe_route_tables(RouteTableIds=[table["RouteTableId"]])["RouteTables"]
    learned = {item["DestinationCidrBlock"] for item in now["Routes"] if item["Origin"] == "EnableVgwRoutePropagation"}
    assert learned == {"10.1.0.0/20"}


PEER: Json = {
    "environment": "lab",
    "name": "aws-vpn",
    "region": REGION,
    "network": "n1",
    "asn": 65010,
    "peer_asn": 65020,
    "wait_established": 0,
}


@pytest.mark.parametrize("count", [1, 2, 4])
def test_toward_any_peer(count: int, account: Playbooks) -> None:
    ends = [
        {"ip_address": f"203.0.113.{at}", "ip_range": f"169.254.30.{4 * at + 2}/30"}
        | {"peer_ip_address": f"169.254.30.{4 * at + 1}"}
        for at in range(count)
    ]
    wanted = {**PEER, "peer_interfaces": ends, "pre_shared_keys": KEYS[:count]}
    other = {**wanted, "peer_interfaces": [{**end, "ip_address": f"198.51.100.{at}"} for at, end in enumerate(ends)]}
    tasks = [
        task("check", "ha_vpn", wanted, check_mode=True),
        task("make", "ha_vpn", wanted),
        task("again", "ha_vpn", wanted),
        task("waits", "ha_vpn", {**wanted, "wait_established": 1}),
        task("refused", "ha_vpn", other),
        task("away", "ha_vpn", {**wanted, "state": "absent"}),
    ]
    run = account.run(play(tasks))
    assert good(run, "check").result["plan"] == good(run, "make").result["plan"]
    assert not good(run, "again").result["changed"]
    assert len(run["make"].result["tunnels"]) == count
    message = run["waits"].result["msg"]
    for item in run["make"].result["tunnels"]:
        assert f"tunnel {item['name']} is " in message
        assert f"session {item['session']} is " in message
    assert run["refused"].result["error"]["code"] == "replace-not-confirmed"
    assert good(run, "away").result["changed"]
    assert externals(account.lab) == []
    assert not any(key in run.output for key in KEYS)


def test_a_network_is_waited_for(account: Playbooks) -> None:
    late = {**PEER, "network": "late", "peer_interfaces": [{"ip_address": "203.0.113.1"}], "pre_shared_keys": KEYS[:1]}
    tasks = [
        task("check", "ha_vpn", late, check_mode=True),
        task("refused", "ha_vpn", late),
        task("waited", "ha_vpn", {**late, "prerequisite_timeout": 1}),
    ]
    run = account.run(play(tasks))
    [warning] = good(run, "check").result["warnings"]
    assert "late does not exist yet" in warning
    for name in ("refused", "waited"):
        message = run[name].result["msg"]
        assert "network projects/podreach-lab/global/networks/late does not exist" in message
    started = account.start(play([task("make", "ha_vpn", {**late, "prerequisite_timeout": 30})]))
    time.sleep(2)
    Api(account.lab).network("late")
    run = account.finish(started)
    assert good(run, "make").result["changed"]


BAD: dict[str, tuple[Json, list[str]]] = {
    "neither peer": ({"aws": None}, ["aws", "peer_interfaces"]),
    "both peers": ({"peer_asn": 65020, "peer_interfaces": [{"ip_address": "203.0.113.1"}]}, ["mutually exclusive"]),
    "three ends": (
        {"aws": None, "peer_asn": 65020, "peer_interfaces": [{"ip_address": f"203.0.113.{n}"} for n in range(3)]},
        ["peer_interfaces: 3", "1, 2 or 4"],
    ),
    "two keys": ({"pre_shared_keys": KEYS[:2]}, ["pre_shared_keys: 2 keys", "4 tunnels"]),
    "a bad key": ({"pre_shared_keys": ["0short", *KEYS[:3]]}, ["pre_shared_key", "not shown"]),
    "a public ASN": ({"asn": 15169}, ["bgp.asn", "15169", "private ASN"]),
    "AWS's own ASN": ({"asn": 64600, "aws": {"gateway": {"asn": 64600}}}, ["asn: 64600", "two AS numbers"]),
    "a bad name": ({"name": "Aws_Vpn"}, ["Aws_Vpn", "lower-case"]),
    "no such VPC": ({"aws": {"vpc_name": "nothing"}}, ["nothing", "names 0 VPCs"]),
    "no such table": ({"aws": {"vpc_name": "aws-vpc", "route_tables": ["x"]}}, ["route_tables: x", "aws-routes"]),
    "two ways to name it": ({"aws": {"vpc_name": "a", "vpc_id": "b"}}, ["mutually exclusive"]),
    "a confirmation of nothing": (
        {"confirm_replace": "aws-vpn-1-tunnel-9"},
        ["confirm_replace: aws-vpn-1-tunnel-9", "the VPN (aws-vpn)", *NAMES, "external gateway (aws-vpn-peer;"],
    ),
    "a tunnel that a smaller VPN has not": (
        {"aws": None, "peer_asn": 65020, "peer_interfaces": [{"ip_address": "203.0.113.1"}]}
        | {"pre_shared_keys": KEYS[:1], "confirm_replace": NAMES[1]},
        [f"confirm_replace: {NAMES[1]}", f"its tunnels ({NAMES[0]})"],
    ),
    "waits backwards": ({"wait_established": -1}, ["wait_established: -1"]),
    "no such network": ({"network": "other"}, ["networks/other does not exist"]),
    "another account": ({"aws_account": "999999999999"}, ["account: 999999999999"]),
    "the cloud": ({"environment": "cloud"}, ["cloud"]),
}


def test_bad_calls_send_nothing(account: Playbooks) -> None:
    before = len(account.lab.mutating())
    given = {name: {**vpn(), **options} for name, (options, _said) in BAD.items()}
    run = account.run(
        play([task(name, "ha_vpn", {k: v for k, v in given[name].items() if v is not None}) for name in given])
    )
    for name, (_options, said) in BAD.items():
        record = run[name]
        assert record.failed, name
        for text in said:
            assert text in record.result["msg"], f"{name}: {record.result['msg']}"
        assert record.result["msg"].count("does not exist") == ("network" in name), record.result["msg"]
        assert "Unexpected" not in record.result["msg"], record.result["msg"]
        assert (record.mutations, record.result.get("changed", False)) == (before, False), name


@pytest.mark.parametrize(
    "path", ["/vpnGateways", "/externalVpnGateways", "/vpnTunnels", "/routers", "CreateVpnConnection"]
)
def test_a_lost_answer_makes_nothing_twice(path: str, account: Playbooks) -> None:
    lab = account.lab
    lab.fault(path=path, method="POST", when="after", drop=True)
    run = account.run(play([task("make", "ha_vpn", vpn()), task("again", "ha_vpn", vpn())]))
    good(run, "make")
    assert not good(run, "again").result["changed"]
    assert everything(lab) == WHOLE


def await_up(lab: Lab, count: int) -> None:
    """Until so many sessions are up, as the router says it."""
    lab.settle()
    until = time.monotonic() + 20
    while time.monotonic() < until:
        status = Api(lab).get(f"{ROUTERS}/aws-vpn-router/getRouterStatus") or {}
        if sum(peer["status"] == "UP" for peer in status["result"]["bgpPeerStatus"]) == count:
            return
        time.sleep(0.2)


def test_what_is_down_is_named(account: Playbooks) -> None:
    """By tunnel and session, with the words of both clouds. Where nothing is to be done it is a warning as long as one
    session is up, and else a failure; the only way that is left is not touched."""
    lab = account.lab
    good(account.run(play([task("make", "ha_vpn", vpn())])), "make")
    for name in NAMES[1:]:
        lab.cut_tunnel(name)
    await_up(lab, 1)
    changed = vpn(advertise_mode="CUSTOM", advertised_groups=["ALL_SUBNETS"], wait_established=1)
    tasks = [
        task("nothing to do", "ha_vpn", vpn(wait_established=600)),
        task("the last one", "ha_vpn", vpn(confirm_replace=NAMES[0])),
        task("something to do", "ha_vpn", changed),
    ]
    before, began = len(lab.mutating()), time.monotonic()
    run = account.run(play(tasks))
    assert time.monotonic() - began < 60
    [warning] = good(run, "nothing to do").result["warnings"]
    assert not run["nothing to do"].result["changed"]
    assert (run["something to do"].failed, run["something to do"].result["changed"]) == (True, True)
    for message in (warning, run["something to do"].result["msg"]):
        for name in NAMES[1:]:
            assert f"tunnel {name} is NO_INCOMING_PACKETS" in message
            assert f"session {name.replace('tunnel', 'bgp')} is " in message
        assert "AWS says DOWN" in message
        assert "UDP 500" in message
        assert NAMES[0] not in message
    result = run["the last one"].result
    assert (result["error"]["code"], result["changed"]) == ("disruption-not-allowed", False)
    assert "it is the only one whose session is up" in result["msg"]
    assert run["the last one"].mutations == before
    lab.cut_tunnel(NAMES[0])
    await_up(lab, 0)
    down = account.run(play([task("all down", "ha_vpn", vpn(wait_established=1))]))["all down"].result
    assert (down["error"]["code"], down["changed"]) == ("bgp-session-down", False)
    assert "-e vpn_wait_established=0 " in down["msg"]


def test_the_examples(account: Playbooks) -> None:
    """As they stand in the documentation, one after the other."""
    machines.network(Api(account.lab), "aws-internal-connect", "10.2.0.0/20")
    tasks = yaml.safe_load(ha_vpn.EXAMPLES)
    run = account.run(
        play(tasks, environment={"PODREACH_ENVIRONMENT": "lab"}), hosts={"here": {"key_of_the_vault": KEYS[0]}}
    )
    for one in tasks:
        assert good(run, one["name"]).result["changed"], one["name"]
    assert not any(summary.startswith("delete router") for summary in summaries(run[tasks[-1]["name"]]))
