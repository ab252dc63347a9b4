# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab against the real gcloud: what Google's own client asks, prints and accepts.

gcloud knows nothing of the lab but its endpoints (`.lab/env`). Each test is a short story told in the commands that
users type; the lab's request log tells what gcloud really sent.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import typing as t

import pytest
import yaml

from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

pytestmark = pytest.mark.skipif(
    shutil.which("gcloud") is None, reason="gcloud is not installed; the lab's conformance with it cannot be tried"
)

REGION = "asia-northeast1"
ZONE = "asia-northeast1-a"
NETWORK = "aws-internal-connect"
SUBNET_1 = f"{NETWORK}-subnet-1"
SUBNET_2 = f"{NETWORK}-subnet-2"
BASE = "https://www.googleapis.com/compute/v1/projects/podreach-lab"


class Gcloud:
    """The command, with the lab's environment and nothing of the machine's own configuration."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("CLOUDSDK_", "GOOGLE_", "GCP_"))
        }
        self.environment = {**kept, **lab.env}

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["gcloud", *line.split()], capture_output=True, text=True, env=self.environment, timeout=120, check=False
        )

    def __call__(self, line: str) -> str:
        """Standard output of a command that must succeed."""
        done = self.run(line)
        assert done.returncode == 0, f"gcloud {line}\n{done.stderr}"
        return done.stdout

    def json(self, line: str) -> t.Any:
        return json.loads(self(f"{line} --format=json"))

    def fails(self, line: str) -> str:
        """Standard error of a command that must fail without a crash of gcloud."""
        done = self.run(line)
        assert done.returncode == 1, f"gcloud {line}\n{done.stdout}"
        assert "gcloud crashed" not in done.stderr
        return done.stderr


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Lab]:
    lab = Lab.start(tmp_path_factory.mktemp("gcloud") / ".lab")
    yield lab
    lab.stop()


@pytest.fixture
def gcloud(process: Lab) -> Gcloud:
    process.reset()
    return Gcloud(process)


@pytest.fixture
def subnets(gcloud: Gcloud) -> Gcloud:
    """The network of the first story with its second subnetwork."""
    gcloud(f"compute networks create {NETWORK} --subnet-mode custom")
    gcloud(
        f"compute networks subnets create {SUBNET_2} --network {NETWORK} --region {REGION} --range 10.1.1.0/24 "
        "--secondary-range subnet-2-pod=10.1.128.0/19,subnet-2-svc=10.1.160.0/22"
    )
    return gcloud


def sent(gcloud: Gcloud) -> list[str]:
    """Method and the end of the path of every request since the last reset."""
    return [f"{item['method']} {item['path'].rsplit('/', 1)[1]}" for item in gcloud.lab.requests()]


def test_networks(gcloud: Gcloud) -> None:
    gcloud.lab.admin("POST", "latency", {"profile": "fast"})
    assert NETWORK in gcloud(f"compute networks create {NETWORK} --subnet-mode custom")
    gcloud.lab.admin("POST", "latency", {"profile": "zero"})
    assert [item.split("/")[0] for item in sent(gcloud)] == ["POST networks", "POST wait", f"GET {NETWORK}"]
    network = gcloud.json(f"compute networks describe {NETWORK}")
    assert network["autoCreateSubnetworks"] is False
    assert network["routingConfig"]["routingMode"] == "REGIONAL"
    gcloud(f"compute networks update {NETWORK} --bgp-routing-mode=global")
    assert [item["x_gcloud_bgp_routing_mode"] for item in gcloud.json("compute networks list")] == ["GLOBAL"]
    assert f"The resource 'projects/podreach-lab/global/networks/{NETWORK}' already exists" in gcloud.fails(
        f"compute networks create {NETWORK} --subnet-mode custom"
    )
    gcloud(f"compute networks delete {NETWORK}")
    assert gcloud.json("compute networks list") == []
    assert "was not found" in gcloud.fails(f"compute networks describe {NETWORK}")


def test_a_network_in_use_is_not_deleted(subnets: Gcloud) -> None:
    said = subnets.fails(f"compute networks delete {NETWORK}")
    assert f"The network resource 'projects/podreach-lab/global/networks/{NETWORK}' is already being used by" in said


def test_secondary_ranges(subnets: Gcloud) -> None:
    update = f"compute networks subnets update {SUBNET_2} --region {REGION}"
    subnets(f"{update} --add-secondary-ranges more=10.9.0.0/24")
    assert len(described(subnets)["secondaryIpRanges"]) == 3
    subnets(f"{update} --remove-secondary-ranges more")
    assert described(subnets)["secondaryIpRanges"] == [
        {"ipCidrRange": "10.1.128.0/19", "rangeName": "subnet-2-pod"},
        {"ipCidrRange": "10.1.160.0/22", "rangeName": "subnet-2-svc"},
    ]
    said = subnets.fails(f"{update} --add-secondary-ranges clash=10.1.1.0/24")
    assert f"conflicts with existing subnetwork '{SUBNET_2}' in region '{REGION}'" in said
    subnets(f"compute networks subnets expand-ip-range {SUBNET_2} --region {REGION} --prefix-length 23")
    subnets(f"{update} --enable-private-ip-google-access")
    after = described(subnets)
    assert (after["ipCidrRange"], after["privateIpGoogleAccess"]) == ("10.1.0.0/23", True)


def described(gcloud: Gcloud) -> dict[str, t.Any]:
    return t.cast("dict[str, t.Any]", gcloud.json(f"compute networks subnets describe {SUBNET_2} --region {REGION}"))


def test_lists_of_subnetworks(subnets: Gcloud) -> None:
    for line in ("list", f"list --regions {REGION}", f"list --filter=region:({REGION})", f"list --network {NETWORK}"):
        assert [item["name"] for item in subnets.json(f"compute networks subnets {line}")] == [SUBNET_2], line
    (usable,) = subnets.json("compute networks subnets list-usable")
    assert usable["subnetwork"] == f"{BASE}/regions/{REGION}/subnetworks/{SUBNET_2}"
    assert [item["name"] for item in subnets.json("compute networks subnets list --regions us-central1")] == []


def test_two_deletes_at_once_are_a_batch(gcloud: Gcloud) -> None:
    gcloud(f"compute networks create {NETWORK} --subnet-mode custom")
    for at in (1, 2):
        create = f"compute networks subnets create s{at} --network {NETWORK} --region {REGION} --range 10.1.{at}.0/24"
        gcloud(create)
    mark = gcloud.lab.seq()
    gcloud(f"compute networks subnets delete s1 s2 --region {REGION}")
    assert [item["method"] for item in gcloud.lab.mutating(mark)] == ["DELETE", "DELETE"]
    assert gcloud.json("compute networks subnets list") == []
    assert "s1' was not found" in gcloud.fails(f"compute networks subnets delete s1 s2 --region {REGION}")


def test_vpc_native_cluster(subnets: Gcloud, tmp_path: pathlib.Path) -> None:
    subnets(
        f"container clusters create test-cluster --location={ZONE} --machine-type=e2-medium --num-nodes=1 "
        f"--network={NETWORK} --subnetwork={SUBNET_2} --enable-ip-alias "
        "--cluster-secondary-range-name=subnet-2-pod --services-secondary-range-name=subnet-2-svc "
        "--enable-autorepair --release-channel=regular"
    )
    cluster = subnets.json(f"container clusters describe test-cluster --location {ZONE}")
    assert cluster["status"] == "RUNNING"
    assert cluster["clusterIpv4Cidr"] == "10.1.128.0/19"
    assert cluster["servicesIpv4Cidr"] == "10.1.160.0/22"
    assert [item["name"] for item in subnets.json("container clusters list")] == ["test-cluster"]

    kubeconfig = tmp_path / "kubeconfig"
    subnets.environment["KUBECONFIG"] = str(kubeconfig)
    subnets(f"container clusters get-credentials test-cluster --location {ZONE}")
    config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    assert config["current-context"] == f"gke_podreach-lab_{ZONE}_test-cluster"
    (entry,) = config["clusters"]
    assert entry["cluster"]["server"] == f"https://{cluster['endpoint']}"
    assert entry["cluster"]["certificate-authority-data"] == cluster["masterAuth"]["clusterCaCertificate"]

    subnets(f"container clusters update test-cluster --location {ZONE} --disable-default-snat")
    said = subnets.fails(f"compute networks subnets delete {SUBNET_2} --region {REGION}")
    assert "is already being used by" in said
    subnets(f"container clusters resize test-cluster --location {ZONE} --num-nodes 2")
    nodes = subnets.json("compute instances list")
    assert len(nodes) == 2
    assert {item["networkInterfaces"][0]["aliasIpRanges"][0]["subnetworkRangeName"] for item in nodes} == {
        "subnet-2-pod"
    }
    subnets(f"container clusters delete test-cluster --location {ZONE}")
    assert subnets.json("container clusters list") == []
    assert "Not found: projects/podreach-lab/zones/" in subnets.fails(
        f"container clusters describe test-cluster --location {ZONE}"
    )


def test_routes_based_cluster(gcloud: Gcloud) -> None:
    gcloud(f"compute networks create {NETWORK} --subnet-mode custom")
    create = f"compute networks subnets create {SUBNET_1} --network {NETWORK} --region {REGION} --range 10.1.0.0/24"
    gcloud(create)
    gcloud(
        f"container clusters create before --location={REGION} --num-nodes=1 --network={NETWORK} "
        f"--subnetwork={SUBNET_1} --no-enable-ip-alias --cluster-ipv4-cidr=172.16.0.0/16"
    )
    routes = gcloud.json("compute routes list --filter=description=k8s-node-route")
    assert sorted(item["destRange"] for item in routes) == ["172.16.0.0/24", "172.16.1.0/24", "172.16.2.0/24"]
    cluster = gcloud.json(f"container clusters describe before --location {REGION}")
    assert (cluster["servicesIpv4Cidr"], cluster["ipAllocationPolicy"]["useRoutes"]) == ("172.16.240.0/20", True)
    rules = gcloud.json("compute firewall-rules list")
    assert all(item["name"].startswith("gke-before-") for item in rules)


def test_autopilot_cluster(subnets: Gcloud) -> None:
    subnets(f"container clusters create-auto auto --location={REGION} --network={NETWORK} --subnetwork={SUBNET_2}")
    cluster = subnets.json(f"container clusters describe auto --location {REGION}")
    assert cluster["autopilot"]["enabled"] is True
    assert cluster["servicesIpv4Cidr"] == "34.118.224.0/20"
    (ranges,) = [
        item for item in described(subnets)["secondaryIpRanges"] if item["rangeName"].startswith("gke-auto-pods-")
    ]
    assert ranges["ipCidrRange"] == cluster["clusterIpv4Cidr"]
    assert cluster["clusterIpv4Cidr"].endswith("/17")


def test_node_pools(subnets: Gcloud) -> None:
    subnets(
        f"container clusters create c --location={ZONE} --num-nodes=1 --network={NETWORK} --subnetwork={SUBNET_2} "
        "--enable-ip-alias --cluster-secondary-range-name=subnet-2-pod --services-secondary-range-name=subnet-2-svc"
    )
    at = f"--cluster c --location {ZONE}"
    update = f"compute networks subnets update {SUBNET_2} --region {REGION}"
    subnets(f"{update} --add-secondary-ranges pods2=10.9.0.0/20")
    subnets(f"container clusters update c --location {ZONE} --additional-pod-ipv4-ranges pods2")
    subnets(f"container node-pools create p2 {at} --num-nodes 1 --max-pods-per-node 32 --pod-ipv4-range pods2")
    pool = subnets.json(f"container node-pools describe p2 {at}")
    assert (pool["networkConfig"]["podRange"], pool["podIpv4CidrSize"]) == ("pods2", 26)
    assert len(subnets.json(f"container node-pools list {at}")) == 2
    subnets(f"container node-pools delete p2 {at}")
    subnets(f"container clusters update c --location {ZONE} --remove-additional-pod-ipv4-ranges pods2")
    subnets(f"{update} --remove-secondary-ranges pods2")
    assert "channels" in subnets.json(f"container get-server-config --location {ZONE}")
    operations = subnets.json(f"container operations list --location {ZONE}")
    assert {item["status"] for item in operations} == {"DONE"}


OUTSIDE = ("52.192.0.1", "52.192.0.2", "52.192.0.3", "52.192.0.4")


@pytest.fixture
def vpn(gcloud: Gcloud) -> Gcloud:
    """A network with an HA VPN gateway, a router and the four addresses of AWS."""
    gcloud(f"compute networks create {NETWORK} --subnet-mode custom")
    gcloud(f"compute vpn-gateways create gw --network {NETWORK} --region {REGION}")
    gcloud(f"compute routers create r1 --network {NETWORK} --region {REGION} --asn 65010")
    interfaces = ",".join(f"{at}={text}" for at, text in enumerate(OUTSIDE))
    gcloud(f"compute external-vpn-gateways create aws --interfaces {interfaces}")
    return gcloud


def tunnel_line(at: int) -> str:
    return (
        f"compute vpn-tunnels create t{at} --region {REGION} --vpn-gateway gw --interface {at // 2} --router r1 "
        f"--peer-external-gateway aws --peer-external-gateway-interface {at} --ike-version 2 --shared-secret psk_{at}"
    )


def test_vpn_gateways(vpn: Gcloud) -> None:
    at = f"gw --region {REGION}"
    gateway = vpn.json(f"compute vpn-gateways describe {at}")
    assert [card["id"] for card in gateway["vpnInterfaces"]] == [0, 1]
    assert gateway["vpnInterfaces"][0]["ipAddress"] in vpn("compute vpn-gateways list")
    assert vpn("compute vpn-gateways list --format=value(name,network.basename())").split() == ["gw", NETWORK]
    assert vpn.json(f"compute vpn-gateways get-status {at}") == {"result": {}}
    vpn(f"compute vpn-gateways update {at} --update-labels a=b")
    assert vpn.json(f"compute vpn-gateways describe {at}")["labels"] == {"a": "b"}
    vpn(f"compute vpn-gateways delete {at}")
    said = vpn.fails(f"compute vpn-gateways describe {at}")
    assert f"The resource 'projects/podreach-lab/regions/{REGION}/vpnGateways/gw' was not found" in said


def test_external_vpn_gateways(vpn: Gcloud) -> None:
    found = vpn.json("compute external-vpn-gateways describe aws")
    assert found["redundancyType"] == "FOUR_IPS_REDUNDANCY"
    assert [card["ipAddress"] for card in found["interfaces"]] == list(OUTSIDE)
    vpn("compute external-vpn-gateways update aws --update-labels a=b")
    assert [item["labels"] for item in vpn.json("compute external-vpn-gateways list")] == [{"a": "b"}]
    vpn("compute external-vpn-gateways delete aws")
    assert vpn.json("compute external-vpn-gateways list") == []


def test_vpn_tunnels(vpn: Gcloud) -> None:
    mark = vpn.lab.seq()
    vpn(tunnel_line(0))
    assert [item["method"] for item in vpn.lab.mutating(mark)] == ["POST"]
    tunnel = vpn.json(f"compute vpn-tunnels describe t0 --region {REGION}")
    assert (tunnel["sharedSecret"], tunnel["peerIp"]) == ("*************", OUTSIDE[0])
    assert tunnel["status"] == "WAITING_FOR_FULL_CONFIG"
    shown = vpn("compute vpn-tunnels list --format=csv[no-heading](name,region.basename(),vpnGatewayInterface,peerIp)")
    assert shown.strip() == f"t0,{REGION},0,{OUTSIDE[0]}"
    assert "GATEWAY" in vpn("compute vpn-tunnels list")
    said = vpn.fails(f"compute vpn-gateways delete gw --region {REGION}")
    assert "is already being used by" in said
    assert "A tunnel with same peer external VPN gateway interface" in vpn.fails(
        tunnel_line(0).replace("create t0", "create t9")
    )
    for at in (1, 2, 3):
        vpn(tunnel_line(at))
    (connection,) = vpn.json(f"compute vpn-gateways get-status gw --region {REGION}")["result"]["vpnConnections"]
    assert connection["state"] == {"state": "CONNECTION_REDUNDANCY_MET"}
    vpn(f"compute vpn-tunnels delete t0 t1 --region {REGION}")
    assert [item["name"] for item in vpn.json("compute vpn-tunnels list")] == ["t2", "t3"]


def test_classic_vpn_is_refused_in_clear(vpn: Gcloud) -> None:
    said = vpn.fails(f"compute target-vpn-gateways create c --network {NETWORK} --region {REGION}")
    assert "The lab does not model Classic VPN" in said


def test_vpn_between_two_networks(vpn: Gcloud) -> None:
    vpn("compute networks create other --subnet-mode custom")
    vpn(f"compute vpn-gateways create gw2 --network other --region {REGION}")
    vpn(f"compute routers create r2 --network other --region {REGION} --asn 65011")
    for name, gateway, peer, router, last in (("a", "gw", "gw2", "r1", 1), ("b", "gw2", "gw", "r2", 2)):
        vpn(
            f"compute vpn-tunnels create {name} --region {REGION} --vpn-gateway {gateway} --interface 0 "
            f"--router {router} --peer-gcp-gateway {peer} --shared-secret s"
        )
        vpn(
            f"compute routers add-interface {router} --region {REGION} --interface-name if0 --vpn-tunnel {name} "
            f"--ip-address 169.254.0.{last} --mask-length 30"
        )
    for name in ("a", "b"):
        tunnel = vpn.json(f"compute vpn-tunnels describe {name} --region {REGION}")
        assert (tunnel["status"], tunnel["detailedStatus"]) == ("ESTABLISHED", "Tunnel is up and running.")
    vpn.lab.cut_tunnel("a")
    assert vpn.json(f"compute vpn-tunnels describe b --region {REGION}")["status"] == "NO_INCOMING_PACKETS"
    vpn.lab.cut_tunnel("a", end=True)
    assert [item["status"] for item in vpn.lab.status()["tunnels"]] == ["ESTABLISHED"]


def test_routers(vpn: Gcloud) -> None:
    at = f"r1 --region {REGION}"
    vpn(
        f"compute routers update {at} --advertisement-mode custom --set-advertisement-groups all_subnets "
        "--set-advertisement-ranges 172.16.0.0/16=pods"
    )
    add_interface = f"compute routers add-interface {at} --interface-name if0 --vpn-tunnel t0"
    assert "cannot be found" in vpn.fails(f"{add_interface} --ip-address 169.254.24.222 --mask-length 30")
    vpn(tunnel_line(0))
    vpn(f"{add_interface} --ip-address 169.254.24.222 --mask-length 30")
    vpn(
        f"compute routers add-bgp-peer {at} --interface if0 --peer-name p0 --peer-asn 64512 "
        "--peer-ip-address 169.254.24.221"
    )
    router = vpn.json(f"compute routers describe {at}")
    assert router["bgp"] == {
        "advertiseMode": "CUSTOM",
        "advertisedGroups": ["ALL_SUBNETS"],
        "advertisedIpRanges": [{"description": "pods", "range": "172.16.0.0/16"}],
        "asn": 65010,
        "keepaliveInterval": 20,
    }
    assert router["interfaces"][0]["linkedVpnTunnel"] == f"{BASE}/regions/{REGION}/vpnTunnels/t0"
    assert router["bgpPeers"][0]["ipAddress"] == "169.254.24.222"
    mark = vpn.lab.seq()
    said = vpn(f"compute routers get-status {at}")
    assert said.startswith("kind: compute#routerStatusResponse\nresult:\n  bgpPeerStatus:\n")
    assert len(vpn.lab.requests(mark)) == 1
    assert yaml.safe_load(said)["result"]["bgpPeerStatus"][0]["status"] == "DOWN"
    assert [item["name"] for item in vpn.json("compute routers list")] == ["r1"]
    assert "is already being used by" in vpn.fails(f"compute routers delete {at}")
    vpn(f"compute vpn-tunnels delete t0 --region {REGION}")
    vpn(f"compute routers remove-bgp-peer {at} --peer-name p0")
    vpn(f"compute routers remove-interface {at} --interface-name if0")
    assert "interfaces" not in vpn.json(f"compute routers describe {at}")
    vpn(f"compute routers delete {at}")


def test_addresses(subnets: Gcloud) -> None:
    """Reserved addresses of a subnetwork, and those that internal load balancers share."""
    at = f"--region {REGION}"
    create = f"compute addresses create %s {at} --subnet {SUBNET_2}"
    subnets(create % "first" + " --addresses 10.1.1.9")
    subnets(create % "shared" + " --purpose SHARED_LOADBALANCER_VIP")
    first = subnets.json(f"compute addresses describe first {at}")
    assert (first["address"], first["purpose"], first["status"]) == ("10.1.1.9", "GCE_ENDPOINT", "RESERVED")
    assert subnets.json(f"compute addresses describe shared {at}")["purpose"] == "SHARED_LOADBALANCER_VIP"
    assert [item["name"] for item in subnets.json("compute addresses list")] == ["first", "shared"]
    assert "10.1.1.9" in subnets("compute addresses list")
    assert "already being used" in subnets.fails(create % "again" + " --addresses 10.1.1.9")
    subnets(f"compute addresses delete first shared {at}")
    assert subnets.json("compute addresses list") == []


def test_firewall_rules_and_routes(gcloud: Gcloud) -> None:
    gcloud(f"compute networks create {NETWORK} --subnet-mode custom")
    gcloud(f"compute firewall-rules create f1 --network {NETWORK} --allow tcp:443,icmp --source-ranges 10.0.0.0/8")
    gcloud("compute firewall-rules update f1 --priority 900")
    rule = gcloud.json("compute firewall-rules describe f1")
    assert (rule["priority"], rule["sourceRanges"]) == (900, ["10.0.0.0/8"])
    gcloud("compute firewall-rules delete f1")
    gcloud(f"compute routes create r1 --network {NETWORK} --destination-range 10.50.0.0/16 --next-hop-address 10.1.0.9")
    assert len(gcloud.json("compute routes list")) == 2
    gcloud("compute routes delete r1")


def test_refusals_are_shown_as_gcloud_shows_googles(gcloud: Gcloud) -> None:
    said = gcloud.fails("compute networks list --project podreach-forbidden")
    assert "Required 'compute.networks.list' permission for 'projects/podreach-forbidden'" in said
    said = gcloud.fails("container clusters list --project podreach-forbidden")
    assert "code=403" in said
    gcloud.lab.fault(path="global/networks", status=503)
    assert "unavailable" in gcloud.fails("compute networks create other --subnet-mode custom")


def test_places_and_project(gcloud: Gcloud) -> None:
    assert REGION in [item["name"] for item in gcloud.json("compute regions list")]
    assert ZONE in [item["name"] for item in gcloud.json("compute zones list")]
    assert gcloud.json("compute project-info describe")["name"] == "podreach-lab"
