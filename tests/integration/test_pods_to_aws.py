# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users are promised of pods that talk with AWS, tried as users do: make, playbooks, gcloud, kubectl, ping.

One lab; the tests are in order, and go on with what those before them built. Of the collection they use its playbooks,
its examples and what its READMEs say.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import ipaddress
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import typing as t

import boto3
import pytest
import yaml
from botocore.config import Config

from ansible_collections.podreach.gke.tests.golden.packets.kube import Kube
from ansible_collections.podreach.gke.tests.integration.api import COMPUTE, CONTAINER, REGION, ROUTERS, Api
from ansible_collections.podreach.gke.tests.integration.playbooks import (
    HERE,
    ROOT,
    SETTINGS,
    Playbooks,
    Run,
    Started,
)
from ansible_collections.podreach.gke.tests.integration.sites import EXAMPLES, PODS_TO_AWS, Sites, estate, failures
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

Json = dict[str, t.Any]

BEFORE = EXAMPLES / "pods-to-aws-before.podreach.yml"
ADVERTISED = EXAMPLES / "pods-to-aws-advertised.podreach.yml"
TRANSIT = EXAMPLES / "pods-to-aws-transit-gateway.podreach.yml"
VERIFY = ROOT / "playbooks" / "verify.yml"
STORY = ROOT / "playbooks" / "story_aws.yml"

NETWORK, CLUSTER, VPN, ROUTER = "aws-internal-connect", "test-cluster", "aws-vpn", "aws-vpn-router"
EC2, TARGET = "aws-ec2-01", "10.0.1.7"
NODES, PODS, SERVICES = "10.1.1.0/24", "10.1.128.0/19", "10.1.160.0/22"
ROUTES_PODS = "10.32.0.0/14"
ASKED = "10.1.1.77"
TRANSIT_VPN = "aws-tgw"
VPN_TUNNELS = f"{COMPUTE}/regions/{REGION}/vpnTunnels"
POD, PLOT = "my-pod", "plot-pod"
BY_GKE = ("forwardingRules", "backendServices", "healthChecks")
LASTING = ("vpc", "subnet", "route-table", "security-group", "instance", "network-interface", "network-acl")
"""Of what the preset makes; the lab goes on to describe the tags of what is deleted."""
LIMIT = 100
"""Prefixes that a virtual private gateway takes: https://docs.aws.amazon.com/vpn/latest/s2svpn/vpn-limits.html"""


def ends(vpn: str, kind: str) -> list[str]:
    """What a VPN's four tunnels are called, or with bgp its sessions."""
    return [f"{vpn}-{connection}-{kind}-{number}" for connection in (1, 2) for number in (1, 2)]


TUNNELS, SESSIONS = ends(VPN, "tunnel"), ends(VPN, "bgp")
FLOW = r'"flow +(pod-to-ec2|icmp 10\.0\.1\.7) +{}\b'
"""What is shown of the example's flow."""

by_gcloud = pytest.mark.skipif(
    shutil.which("gcloud") is None, reason="gcloud is not installed; what it prints of the router cannot be tried"
)
CLIENTS = [name for name in ("gcloud", "kubectl", "gke-gcloud-auth-plugin") if shutil.which(name) is None]
by_kubectl = pytest.mark.skipif(
    bool(CLIENTS), reason=f"not installed: {', '.join(CLIENTS)}; the walk through the README cannot be tried"
)


# ---- the lab, and looking at it


@dataclasses.dataclass
class World:
    """A copy of the checkout with the lab that its `make site` uses."""

    checkout: pathlib.Path
    scratch: pathlib.Path
    lab: Lab
    sites: Sites
    check: Run | None = None
    """What a check said before anything was made, for later tests; and what was in the AWS account then."""
    before: Json = dataclasses.field(default_factory=dict)

    @property
    def api(self) -> Api:
        return Api(self.lab)

    @property
    def ec2(self) -> t.Any:
        env = self.lab.env
        session = boto3.session.Session(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"])
        place = {"region_name": env["AWS_DEFAULT_REGION"], "endpoint_url": env["AWS_ENDPOINT_URL"]}
        return session.client("ec2", config=Config(proxies={}), **place)

    def empty(self) -> None:
        """Nothing but an AWS account with its VPC."""
        self.lab.reset()
        self.lab.preset("aws-account")

    def make(self, *words: str) -> Run:
        """`make WORDS` in the copy."""
        where = self.scratch / f"make-{time.monotonic_ns()}"
        where.mkdir()
        others = (*SETTINGS, "CLOUDSDK_", "MAKE", "VENV", "TOPOLOGY", "PYTHON")
        env = {name: value for name, value in os.environ.items() if not name.startswith(others)}
        env |= {"HOME": str(where), "ANSIBLE_NOCOLOR": "1", "PODREACH_RECORD": str(where / "record")}
        env |= {"ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"), "ANSIBLE_CALLBACKS_ENABLED": "record"}
        process = subprocess.Popen(
            ["make", *words],
            cwd=self.checkout,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return Playbooks.finish(Started(process, where))

    def verify(self, *arguments: str) -> Run:
        return self.sites.run(VERIFY, "-i", str(PODS_TO_AWS), *arguments)

    # -- Kubernetes

    @property
    def kube(self) -> Kube:
        cluster = self.api.get(f"{CONTAINER}/locations/{REGION}/clusters/{CLUSTER}")
        assert cluster is not None
        return Kube(cluster, self.lab.token(), self.scratch)

    def pod(self, name: str, run: str = "", image: str = "nginx", port: int = 80) -> str:
        """A pod as `kubectl run NAME` makes it; its address."""
        container = {"name": name, "image": image, "ports": [{"containerPort": port}]}
        metadata = {"name": name, "namespace": "default", "labels": {"run": run or name}}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}
        address = str(self.kube.running_pod(pod)["status"]["podIP"])
        self.lab.settle()
        return address

    def ping(self, *words: str, source: str = POD) -> subprocess.CompletedProcess[str]:
        return self.lab.exec(source, "ping", *(words or ("-c", "1", "-W", "2")), TARGET)

    def curl(self, address: str) -> str:
        """What the EC2 instance gets from there; empty where nothing answers."""
        done = self.lab.exec(EC2, "curl", "--silent", "--max-time", "2", f"http://{address}/health")
        return done.stdout.strip()

    # -- Google

    def tunnels(self) -> dict[str, Json]:
        items: list[Json] = (self.api.get(VPN_TUNNELS) or {}).get("items", [])
        return {item["name"]: item for item in items}

    def sessions(self, vpn: str = VPN) -> dict[str, Json]:
        answer = self.api.get(f"{ROUTERS}/{vpn}-router/getRouterStatus")
        assert answer is not None, f"{vpn} has no router"
        return {item["name"]: item for item in answer["result"].get("bgpPeerStatus", [])}

    def established(self, vpn: str = VPN) -> bool:
        """Whether all four tunnels are up with their sessions, as Google says."""
        self.lab.settle()
        tunnels = {name: item["status"] for name, item in self.tunnels().items()}
        sessions = {name: item["state"] for name, item in self.sessions(vpn).items()}
        wanted = dict.fromkeys(ends(vpn, "tunnel"), "ESTABLISHED"), dict.fromkeys(ends(vpn, "bgp"), "Established")
        return (tunnels, sessions) == wanted

    # -- AWS

    def connections(self) -> list[Json]:
        found = self.ec2.describe_vpn_connections()["VpnConnections"]
        return [item for item in found if item["State"] != "deleted"]

    def group(self) -> Json:
        found: Json = self.ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["aws-ec2"]}])
        group: Json = found["SecurityGroups"][0]
        return group

    def table(self) -> Json:
        """The route table of the instance's subnet."""
        found = self.ec2.describe_route_tables(Filters=[{"Name": "tag:Name", "Values": ["aws-routes"]}])
        table: Json = found["RouteTables"][0]
        return table

    def account(self) -> Json:
        """Everything in the AWS account that a VPN changes, and the ids of the rest."""
        ec2 = self.ec2
        gateways = [item for item in ec2.describe_vpn_gateways()["VpnGateways"] if item["State"] != "deleted"]
        customers = [
            item for item in ec2.describe_customer_gateways()["CustomerGateways"] if item["State"] != "deleted"
        ]
        transit = [item for item in ec2.describe_transit_gateways()["TransitGateways"] if item["State"] != "deleted"]
        attached = ec2.describe_transit_gateway_attachments()["TransitGatewayAttachments"]
        return {
            "connections": self.connections(),
            "gateways": gateways,
            "customer gateways": customers,
            "transit gateways": transit,
            "transit gateway attachments": [item for item in attached if item["State"] != "deleted"],
            "groups": ec2.describe_security_groups()["SecurityGroups"],
            "route tables": ec2.describe_route_tables()["RouteTables"],
            "rules": ec2.describe_security_group_rules()["SecurityGroupRules"],
            "tags": [item for item in ec2.describe_tags()["Tags"] if item["ResourceType"] in LASTING],
            "vpcs": [item["VpcId"] for item in ec2.describe_vpcs()["Vpcs"]],
            "subnets": [item["SubnetId"] for item in ec2.describe_subnets()["Subnets"]],
            "interfaces": [
                item["NetworkInterfaceId"] for item in ec2.describe_network_interfaces()["NetworkInterfaces"]
            ],
        }

    # -- what playbooks asked for

    def changes(self, since: int) -> list[str]:
        """The requests that changed something, but for the pods from which flows are tried."""
        found = [item for item in self.lab.mutating(since) if "/namespaces/default/pods" not in item["path"]]
        return [f"{item['method']} {item['path']}" for item in found]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[World]:
    scratch = tmp_path_factory.mktemp("pods-to-aws")
    checkout = copied(scratch / "checkout")
    lab = Lab.start(checkout / ".lab")
    lab.reset()
    lab.preset("aws-account")
    yield World(checkout, scratch, lab, Sites(lab, scratch))
    lab.stop()


def copied(checkout: pathlib.Path) -> pathlib.Path:
    """The checkout without what was made in it; its .venv is this Python's, so that make need not make one."""

    def made(directory: str, names: list[str]) -> set[str]:
        top = pathlib.Path(directory) == ROOT
        return {name for name in names if name == "__pycache__" or (top and name[0] == "." and name != ".collections")}

    shutil.copytree(ROOT, checkout, symlinks=True, ignore=made)
    (checkout / ".venv").mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (checkout / ".venv" / name).symlink_to(pathlib.Path(sys.prefix) / name)
    (checkout / ".venv" / "run.stamp").touch()
    return checkout


# ---- reading what playbooks said


def recap(run: Run) -> dict[str, dict[str, int]]:
    """Every host's figures under PLAY RECAP."""
    _all, _recap, tail = run.output.rpartition("PLAY RECAP")
    lines = re.findall(r"^(\S+) +: (ok=.*)$", tail, re.MULTILINE)
    return {host: {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", text)} for host, text in lines}


def assert_good(run: Run) -> None:
    """It ended well, and no host failed."""
    assert run.rc == 0, run.output
    assert {host for host, figures in recap(run).items() if figures["failed"]} == set(), run.output


def assert_unchanged(run: Run) -> None:
    assert_good(run)
    assert {host: figures["changed"] for host, figures in recap(run).items() if figures["changed"]} == {}, run.output


def reason(run: Run) -> str:
    """Why a run failed, as it told; all it said where it did not even begin."""
    assert run.rc != 0, run.output
    return "\n".join(failures(run).values()) or run.output


def lines(run: Run) -> list[str]:
    """The lines of an output, and warnings as one each, which are broken at the terminal's width."""
    return [*run.output.splitlines(), *(" ".join(part.split()) for part in run.output.split("[WARNING]")[1:])]


def edited(
    world: World, change: t.Callable[[Json], None], name: str, source: pathlib.Path = PODS_TO_AWS
) -> pathlib.Path:
    """A copy of an example, changed."""
    topology: Json = copy.deepcopy(yaml.safe_load(source.read_text(encoding="utf-8")))
    change(topology)
    path = world.scratch / f"{name}.podreach.yml"
    path.write_text(yaml.safe_dump(topology, sort_keys=False), encoding="utf-8")
    return path


# ---- before anything is there


def test_a_vpn_without_its_network_says_so_at_once(world: World) -> None:
    since = world.lab.seq()
    run = world.sites.site(PODS_TO_AWS, "--limit", VPN)
    said = reason(run)
    assert NETWORK in said and "does not exist" in said
    assert world.lab.mutating(since) == []
    asked = [item for item in world.lab.requests(since) if item["path"].endswith(f"/global/networks/{NETWORK}")]
    assert 1 <= len(asked) <= 2, "it waited"


def test_a_check_changes_nothing(world: World) -> None:
    world.before = world.account()
    since = world.lab.seq()
    world.check = world.sites.site(PODS_TO_AWS, "--check", "--diff")
    assert world.lab.mutating(since) == []
    assert world.account() == world.before
    assert estate(world.lab) == {}


def test_a_check_ends_well(world: World) -> None:
    """There is nothing wrong with what only has to be made."""
    assert world.check is not None
    assert_good(world.check)


# ---- both clouds


def test_make_site_builds_both_clouds(world: World) -> None:
    """And its last word is of a packet that a pod sent and got back."""
    run = world.make("site")
    assert_good(run)
    assert re.search(FLOW.format("reachable"), run.output)
    assert world.established()


ACTIONS = {
    "CreateVpnGateway": r"virtual[ _]private[ _]gateway",
    "AttachVpnGateway": r"attach",
    "CreateCustomerGateway": r"customer[ _]gateway",
    "CreateVpnConnection": r"(vpn[ _]|create (the )?)connection",
    "EnableVgwRoutePropagation": r"propagation",
    "AuthorizeSecurityGroupIngress": rf"admit.*{re.escape(PODS)}",
}
"""What stands for a call to AWS in the words of a plan."""


def test_the_check_had_named_everything(world: World) -> None:
    """Of both clouds: by name, or what was done at AWS, where things have ids."""
    assert world.check is not None
    said = [line for line in world.check.output.splitlines() if not line.endswith("[],")]
    called = {item["method"] for item in world.lab.mutating() if item.get("service") == "aws"}
    account = {"CreateVpc", "CreateSubnet", "CreateRouteTable", "AssociateRouteTable", "CreateSecurityGroup"}
    called -= {*account, "RunInstances", "CreateTags"}
    assert called == set(ACTIONS)
    unsaid = {action for action in called if not any(re.search(ACTIONS[action], line, re.I) for line in said)}

    router = world.api.get(f"{ROUTERS}/{ROUTER}") or {}
    made = [path.split("/") for path in estate(world.lab)]
    names = {path[-1] for path in made if path[-2] not in BY_GKE and not path[-1].startswith(("gke-", "k8s-"))}
    names |= {item["name"] for key in ("interfaces", "bgpPeers") for item in router[key]}
    names |= set(world.tunnels()) | {"plot"}
    for path in ("global/externalVpnGateways", f"regions/{REGION}/vpnGateways"):
        names |= {item["name"] for item in (world.api.get(f"{COMPUTE}/{path}") or {})["items"]}
    assert {*TUNNELS, *SESSIONS, NETWORK, CLUSTER, ROUTER, VPN} <= names
    unsaid |= {name for name in names if not any(re.search(rf"\b{re.escape(name)}\b", line) for line in said)}
    assert unsaid == set()


def test_make_site_again_changes_nothing(world: World) -> None:
    since = world.lab.seq()
    run = world.make("site")
    assert_unchanged(run)
    assert "changed=0" in run.output
    assert re.search(FLOW.format("reachable"), run.output)
    assert world.changes(since) == []


def test_every_peer_hears_of_pods_and_services(world: World) -> None:
    """By a virtual private gateway, and AWS took what it was told."""
    sessions = world.sessions()
    assert sorted(sessions) == SESSIONS
    for session in sessions.values():
        assert {PODS, SERVICES} <= {item["destRange"] for item in session["advertisedRoutes"]}
    connections = world.connections()
    assert len(connections) == 2
    assert all(item.get("VpnGatewayId") and not item.get("TransitGatewayId") for item in connections)
    routes = {item["DestinationCidrBlock"] for item in world.table()["Routes"] if item["Origin"] != "CreateRouteTable"}
    assert {PODS, SERVICES, NODES} <= routes


def clean(lab: Lab) -> dict[str, str]:
    """The environment of a shell that took the lab's."""
    others = (*SETTINGS, "CLOUDSDK_", "KUBE", "AWS_")
    return {name: value for name, value in os.environ.items() if not name.startswith(others)} | lab.env


def typed(world: World, line: str) -> str:
    """The output of a command that must succeed."""
    done = subprocess.run(line.split(), capture_output=True, text=True, env=clean(world.lab), timeout=60, check=False)
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout


@by_gcloud
def test_gcloud_prints_what_the_article_shows(world: World) -> None:
    text = typed(world, f"gcloud compute routers get-status {ROUTER} --region {REGION}")
    peers = yaml.safe_load(text)["result"]["bgpPeerStatus"]
    assert "  bgpPeerStatus:\n  - advertisedRoutes:\n    - destRange: " in text
    assert [peer["name"] for peer in peers] == SESSIONS
    for peer in peers:
        own = peer["ipAddress"]
        for route in peer["advertisedRoutes"]:
            assert set(route) == {"destRange", "kind", "nextHopIp", "priority"}
            assert (route["kind"], route["nextHopIp"], route["priority"]) == ("compute#route", own, 100)
        assert {PODS, SERVICES} <= {route["destRange"] for route in peer["advertisedRoutes"]}
        assert ipaddress.ip_address(peer["peerIpAddress"]) + 1 == ipaddress.ip_address(own)
        assert peer["numLearnedRoutes"] >= 1
        assert (peer["state"], peer["status"]) == ("Established", "UP")
        seconds = int(peer["uptimeSeconds"])
        assert isinstance(peer["uptimeSeconds"], str)
        assert re.fullmatch(r"((\d+ (weeks?|days?|hours?|minutes?), )*)\d+ seconds?", peer["uptime"])
        assert peer["uptime"].endswith(f"{seconds % 60} second{'s' * (seconds % 60 != 1)}")


# ---- packets


PING = r"64 bytes from 10\.0\.1\.7: icmp_seq=1 ttl=62 time="


def test_a_pod_pings_ec2(world: World) -> None:
    """The seed's last ping, to the TTL."""
    address = world.pod(POD)
    assert ipaddress.ip_address(address) in ipaddress.ip_network(PODS)
    done = world.ping("-c", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(PING, done.stdout)
    assert "1 packets transmitted, 1 received, 0% packet loss" in done.stdout


@by_kubectl
def test_the_walk_of_the_readme(world: World) -> None:
    typed(world, f"gcloud container clusters get-credentials {CLUSTER} --location {REGION}")
    typed(world, "kubectl run walker --image nginx")
    typed(world, "kubectl wait --for condition=Ready pod/walker --timeout=20s")
    assert re.search(PING, world.ping("-c", "1", source="walker").stdout)
    line = typed(world, "kubectl get svc plot").splitlines()[1].split()
    assert line[:2] == ["plot", "LoadBalancer"]
    assert ipaddress.ip_address(line[3]) in ipaddress.ip_network(NODES)


def service(world: World, name: str) -> Json:
    found = world.kube.get("Service", name)
    assert found is not None
    return found


def test_the_internal_service_is_reached_from_ec2(world: World) -> None:
    """Its address is one of the nodes'; the ClusterIP, though AWS has a route to it, answers nobody there."""
    world.pod(PLOT, "plot", "example.com/plot", 5000)
    plot = service(world, "plot")
    (address,) = [item["ip"] for item in plot["status"]["loadBalancer"]["ingress"]]
    assert ipaddress.ip_address(address) in ipaddress.ip_network(NODES)
    assert world.curl(address) == "OK"
    assert ipaddress.ip_address(plot["spec"]["clusterIP"]) in ipaddress.ip_network(SERVICES)
    assert world.curl(plot["spec"]["clusterIP"]) == ""


def test_the_internal_service_gets_the_address_that_was_asked_for(world: World) -> None:
    def more(topology: Json) -> None:
        asked = {"address": {"subnetwork": f"{NETWORK}-subnet-2", "address": ASKED}}
        topology["services"]["plot-asked"] = topology["services"]["plot"] | asked

    topology = edited(world, more, "asked")
    assert_good(world.sites.site(topology, "--limit", "plot-asked"))
    assert service(world, "plot-asked")["status"]["loadBalancer"]["ingress"] == [{"ip": ASKED, "ipMode": "VIP"}]
    world.lab.settle()
    assert world.curl(ASKED) == "OK"
    assert_good(world.sites.teardown(topology, "--limit", "plot-asked"))
    assert world.kube.get("Service", "plot-asked") is None


# ---- what somebody undid by hand


def test_a_deleted_tunnel_is_named(world: World) -> None:
    """By its name or by AWS's end, which is alone now. The other three carry what there is to carry."""
    name = TUNNELS[2]
    end = world.tunnels()[name]["peerIp"]
    if shutil.which("gcloud"):
        typed(world, f"gcloud compute vpn-tunnels delete {name} --region {REGION} --quiet")
    else:
        world.api.delete(f"{VPN_TUNNELS}/{name}")
    world.lab.settle()
    assert re.search(PING, world.ping("-c", "1").stdout)
    run = world.verify()
    assert any(
        re.search(rf"\b({name}|{re.escape(end)})\b.*(down|no tunnel|missing)", line, re.I) for line in lines(run)
    )
    assert run.rc != 0, run.output


def test_a_propagation_that_is_off_is_named(world: World) -> None:
    """Another table has the range still, but the instance's has not."""
    table = world.table()
    (gateway,) = [item["GatewayId"] for item in table["PropagatingVgws"]]
    world.ec2.disable_vgw_route_propagation(RouteTableId=table["RouteTableId"], GatewayId=gateway)
    world.lab.settle()
    assert world.ping("-c", "1", "-W", "1").returncode == 1
    run = world.verify()
    assert run.rc != 0, run.output
    named = rf"(\baws-routes\b|{table['RouteTableId']}).*propagat|propagat.*(\baws-routes\b|{table['RouteTableId']})"
    assert any(re.search(named, line) for line in lines(run)), run.output


def test_a_removed_rule_is_named(world: World) -> None:
    """With the security group closed, a pod of the VPC-native cluster does not get as far as the instance."""
    group = world.group()
    (rule,) = group["IpPermissions"]
    world.ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[rule])
    world.lab.settle()
    done = world.ping("-c", "1", "-W", "1")
    assert done.returncode == 1 and "100% packet loss" in done.stdout
    assert world.lab.trace(POD, TARGET)["request"]["died"]["reason"] == "aws-security-group"
    run = world.verify()
    assert run.rc != 0, run.output
    named = r"security[ -]group|\baws-ec2\b(?!-)"
    assert any(re.search(named, line, re.I) for line in lines(run) if not line.startswith("TASK")), run.output


def test_a_run_mends_exactly_that(world: World) -> None:
    ids = {key: item["id"] for key, item in world.tunnels().items()}
    assert sorted(ids) == [name for name in TUNNELS if name != TUNNELS[2]]
    since = world.lab.seq()
    assert_good(world.sites.site(PODS_TO_AWS))
    done = sorted(line.rpartition("/")[2] for line in world.changes(since))
    assert done == ["AuthorizeSecurityGroupIngress", "EnableVgwRoutePropagation", "vpnTunnels"]
    assert [item["IpRanges"][0]["CidrIp"] for item in world.group()["IpPermissions"]] == [PODS]
    assert world.established()
    assert re.search(PING, world.ping("-c", "1").stdout)
    now = {key: item["id"] for key, item in world.tunnels().items()}
    assert [key for key in TUNNELS if now[key] != ids.get(key)] == [TUNNELS[2]]


# ---- what breaks


def test_the_ping_goes_on_with_one_tunnel_cut(world: World) -> None:
    world.lab.cut_tunnel(TUNNELS[0])
    try:
        world.lab.settle()
        done = world.ping("-c", "3", "-i", "0.2")
        assert "3 packets transmitted, 3 received" in done.stdout
    finally:
        world.lab.cut_tunnel(TUNNELS[0], end=True)
    assert world.established()


def test_verify_names_tunnels_and_sessions_when_all_are_cut(world: World) -> None:
    for name in TUNNELS:
        world.lab.cut_tunnel(name)
    try:
        world.lab.settle()
        assert world.ping("-c", "1", "-W", "1").returncode == 1
        said = reason(world.verify())
    finally:
        for name in TUNNELS:
            world.lab.cut_tunnel(name, end=True)
    for word in ("tunnel-down", "bgp-session-down", *TUNNELS, *SESSIONS):
        assert word in said
    assert world.established()


def wide(world: World, ranges: int, *kinds: str) -> pathlib.Path:
    """The example with one more subnetwork of so many pod ranges; of these kinds only, if any are given."""

    def more(topology: Json) -> None:
        blocks = [str(block) for block in ipaddress.ip_network("10.2.0.0/16").subnets(new_prefix=24)]
        extra = [{"range_name": f"pods-{number}", "ip_cidr_range": blocks[number]} for number in range(1, ranges + 1)]
        subnetwork = {"name": "wide", "ip_cidr_range": blocks[0], "secondary_ip_ranges": extra}
        topology["networks"][NETWORK]["subnetworks"].append(subnetwork)
        for kind in {"clusters", "vpns", "aws", "services", "flows"}.difference(kinds) if kinds else ():
            del topology[kind]

    return edited(world, more, f"wide-{ranges}-{len(kinds)}")


def test_more_than_a_hundred_prefixes_are_refused_beforehand(world: World) -> None:
    """Four are advertised. With 97 and their subnetwork's own range it would be 102; with 95, 100. The sessions are
    counted also where the topology does not declare the VPN."""
    before, since = estate(world.lab), world.lab.seq()
    declared = reason(world.sites.site(wide(world, 97)))
    assert re.search(rf"\b{VPN}\b.*\b102\b.*\b{LIMIT}\b", declared), declared
    found = reason(world.sites.site(wide(world, 97, "networks")))
    for name in SESSIONS:
        assert re.search(rf"\b{name}\b.*\b102\b", found), found
    assert re.search(rf"\b{LIMIT}\b", found)
    assert world.changes(since) == []
    assert estate(world.lab) == before
    assert world.established()
    assert_good(world.sites.site(wide(world, 95, "networks"), "--check"))


def test_verify_names_too_many_prefixes_from_elsewhere(world: World) -> None:
    world.lab.flood(ROUTER)
    try:
        world.lab.settle()
        assert {item["status"] for item in world.sessions().values()} == {"DOWN"}
        said = reason(world.verify("--limit", VPN))
    finally:
        world.lab.flood(ROUTER, end=True)
    assert world.established()
    for name in SESSIONS:
        assert name in said
    assert "bgp-session-down" in said
    assert re.search(r"bgp-prefix-limit|prefix(es)?\b", said), said


# ---- a set of tunnels made anew


@contextlib.contextmanager
def pinging(world: World) -> t.Iterator[list[str]]:
    """A pod that pings all the time; what ping said is in the list afterwards."""
    command = [sys.executable, "-m", "podreach_lab", "--dir", str(world.lab.directory), "exec", POD, "--"]
    env = os.environ | {"PYTHONPATH": str(ROOT / "tests" / "lab")}
    words = ["ping", "-i", "0.2", TARGET]
    process = subprocess.Popen([*command, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)
    said: list[str] = []
    time.sleep(1)
    try:
        yield said
    finally:
        process.send_signal(signal.SIGINT)
        said.append(process.communicate(timeout=20)[0])


@contextlib.contextmanager
def watching(world: World) -> t.Iterator[list[int]]:
    """How many sessions were established, again and again."""
    counts: list[int] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.1):
            counts.append(sum(item["state"] == "Established" for item in world.sessions().values()))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield counts
    finally:
        ended.set()
        thread.join()


def test_tunnels_are_replaced_one_at_a_time(world: World) -> None:
    """For other keys; no packet of a ping five times a second is lost meanwhile. Not without a word."""
    ids = {key: item["id"] for key, item in world.tunnels().items()}
    assert world.established()
    keys = world.scratch / "keys.yml"
    keys.write_text(yaml.safe_dump({"vpn_pre_shared_keys": [f"another.key_{key}" for key in "abcd"]}), encoding="utf-8")
    since = world.lab.seq()
    run = world.sites.site(PODS_TO_AWS, "--limit", VPN, "-e", f"@{keys}")
    assert "confirm_replace" in run.output
    assert world.changes(since) == []

    with pinging(world) as said, watching(world) as counts:
        run = world.sites.site(PODS_TO_AWS, "-e", f"@{keys}", "-e", f"vpn_confirm_replace={VPN}")
    assert_good(run)
    assert "another.key" not in run.output
    now = {key: item["id"] for key, item in world.tunnels().items()}
    assert sorted(now) == TUNNELS
    assert {key for key in now if now[key] == ids[key]} == set(), "these are the old ones"

    missing, most = 0, 0
    for item in world.lab.mutating(since):
        if item["path"].startswith(VPN_TUNNELS):
            missing += {"DELETE": 1, "POST": -1}[item["method"]]
            most = max(most, missing)
    assert (most, missing) == (1, 0)
    assert min(counts) >= len(TUNNELS) - 1
    sent, received = re.findall(r"(\d+) packets transmitted, (\d+) received", said[0])[0]
    assert int(sent) > 10
    assert sent == received, said[0][-600:]
    assert world.established()


# ---- away with it


def test_teardown_leaves_what_was_there_before(world: World) -> None:
    assert_good(world.sites.teardown(PODS_TO_AWS))
    assert world.account() == world.before
    assert estate(world.lab) == {}
    left = {kind for kind in world.lab.status()["resources"] if not kind.startswith("ec2#")}
    assert left == set()


def test_teardown_again_changes_nothing(world: World) -> None:
    since = world.lab.seq()
    assert_unchanged(world.sites.teardown(PODS_TO_AWS))
    assert world.lab.mutating(since) == []


# ---- before the change, and the story


def test_routes_based_pods_get_no_answer(world: World) -> None:
    """Their request arrives, for the security group admits it; AWS has no route for the reply."""
    world.empty()
    run = world.sites.site(BEFORE)
    said = reason(run)
    assert world.established()
    (rule,) = world.group()["IpPermissions"]
    assert rule["IpRanges"][0]["CidrIp"] == ROUTES_PODS

    address = world.pod(POD)
    assert ipaddress.ip_address(address) in ipaddress.ip_network(ROUTES_PODS)
    done = world.ping("-c", "1", "-W", "1")
    assert done.returncode == 1 and "100% packet loss" in done.stdout
    way = world.lab.trace(POD, TARGET)
    assert not way["request"].get("died")
    assert way["reply"]["died"]["reason"] == "aws-route", way["reply"]
    # that AWS has no way back is what the README promises to be told
    assert "bgp-range-not-advertised" in said
    assert ROUTES_PODS in said


def test_their_range_advertised_they_get_it(world: World) -> None:
    """That one key is all that is changed, at the router; no session goes down."""

    def advertised() -> set[frozenset[str]]:
        return {
            frozenset(route["destRange"] for route in item["advertisedRoutes"]) for item in world.sessions().values()
        }

    nodes = "10.1.0.0/24"
    assert advertised() == {frozenset([nodes])}
    since = world.lab.seq()
    run = world.sites.site(ADVERTISED)
    assert_good(run)
    assert world.changes(since) == [f"PATCH {ROUTERS}/{ROUTER}"]
    assert re.search(FLOW.format("reachable"), run.output)
    assert re.search(rf"pods of {CLUSTER} +advertised +{re.escape(ROUTES_PODS)} by 4 sessions", run.output)
    assert advertised() == {frozenset([nodes, ROUTES_PODS])}
    assert re.search(PING, world.ping("-c", "1").stdout)
    assert_unchanged(world.sites.site(ADVERTISED))


def test_the_story_is_told_twice(world: World) -> None:
    world.empty()
    for _time in range(2):
        run = world.sites.run(STORY, "-i", str(PODS_TO_AWS))
        assert_good(run)
        assert "bgp-range-not-advertised" in run.output
        assert re.search(FLOW.format("unreachable"), run.output)
        assert re.search(FLOW.format("reachable"), run.output)
        assert world.established()
    world.pod(POD)
    assert re.search(PING, world.ping("-c", "1").stdout)


# ---- the other gateway


def test_a_transit_gateway_does_it_too(world: World) -> None:
    assert TRANSIT.is_file()
    world.empty()
    before = world.account()
    first = world.sites.site(TRANSIT)
    assert_good(first)
    assert re.search(FLOW.format("reachable"), first.output)
    assert world.established(TRANSIT_VPN)
    for session in world.sessions(TRANSIT_VPN).values():
        assert {PODS, SERVICES} <= {item["destRange"] for item in session["advertisedRoutes"]}
    connections = world.connections()
    assert len(connections) == 2
    assert all(item.get("TransitGatewayId") and not item.get("VpnGatewayId") for item in connections)
    assert_unchanged(world.sites.site(TRANSIT))

    world.pod(POD)
    done = world.ping("-c", "1")
    assert done.returncode == 0 and "1 received" in done.stdout
    for name in ends(TRANSIT_VPN, "tunnel"):
        world.lab.cut_tunnel(name)
    world.lab.settle()
    said = reason(world.sites.run(VERIFY, "-i", str(TRANSIT)))
    assert "tunnel-down" in said and "bgp-session-down" in said
    for name in ends(TRANSIT_VPN, "tunnel"):
        world.lab.cut_tunnel(name, end=True)

    assert_good(world.sites.teardown(TRANSIT))
    assert world.account() == before
    assert estate(world.lab) == {}
