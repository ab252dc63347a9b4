# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal LoadBalancer Services with packets: who reaches them, which node gets them, whom the pods see."""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.golden.packets.kube import Kube
from ansible_collections.podreach.gke.tests.integration import machines
from ansible_collections.podreach.gke.tests.integration.api import COMPUTE, Api, Json
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

pytestmark = pytest.mark.skipif(shutil.which("unshare") is None, reason="there are no namespaces for packets here")

REGION, ZONE, OTHER = machines.REGION, machines.ZONE, "us-central1"
INTERNAL = "networking.gke.io/load-balancer-type"
GLOBAL = "networking.gke.io/internal-load-balancer-allow-global-access"
NO_CHECKS: Json = {
    "direction": "INGRESS",
    "priority": 1,
    "sourceRanges": ["130.211.0.0/22", "35.191.0.0/16"],
    "denied": [{"IPProtocol": "tcp"}],
}
CLIENT, FAR = "10.1.0.200", "10.3.0.200"


@dataclasses.dataclass
class Site:
    """A cluster with three nodes, a client in its region and one in another."""

    lab: Lab
    api: Api
    kube: Kube
    cluster: Json

    @property
    def nodes(self) -> list[str]:
        group = self.api.get(f"{COMPUTE}/zones/{ZONE}/instances")
        assert group is not None
        return sorted(item["name"] for item in group["items"] if item["name"].startswith("gke-"))

    def address(self, node: str) -> str:
        found = self.api.get(f"{COMPUTE}/zones/{ZONE}/instances/{node}")
        assert found is not None
        return str(found["networkInterfaces"][0]["networkIP"])

    def pod(self, name: str, node: str, app: str = "web") -> str:
        """A pod that listens on TCP port 5000; its address."""
        container = {"name": "c", "image": "example.com/app", "ports": [{"containerPort": 5000}]}
        spec = {"nodeName": node, "containers": [container]}
        metadata = {"name": name, "namespace": "default", "labels": {"app": app}}
        self.kube.put({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
        return str(self.kube.wait(name, lambda: (self.kube.get("Pod", name) or {})["status"].get("podIP")))

    def service(self, name: str = "web", app: str = "web", annotations: Json | None = None, **spec: t.Any) -> str:
        """Its load balancer's address."""
        metadata = {"name": name, "namespace": "default", "annotations": {INTERNAL: "Internal", **(annotations or {})}}
        body = {"type": "LoadBalancer", "selector": {"app": app}, "ports": [{"port": 80, "targetPort": 5000}], **spec}
        self.kube.put({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": body})

        def ingress() -> t.Any:
            return (self.kube.get("Service", name) or {})["status"].get("loadBalancer", {}).get("ingress")

        return str(self.kube.wait(f"{name} has an address", ingress)[0]["ip"])

    def ask(self, to: str, port: int = 80, source: str = "client", protocol: str = "tcp") -> Json:
        return self.lab.trace(source, to, protocol, port)

    def reached(self, to: str, port: int = 80, source: str = "client", times: int = 8) -> set[tuple[str, str]]:
        """The machines that got packets of so many connections, and whom they saw."""
        found = [self.lab.trace(source, to, "tcp", port) for _time in range(times)]
        assert all(item["verdict"] == "reachable" for item in found), found
        return {(item["request"]["received_by"], item["request"]["source_seen"]) for item in found}

    def health(self) -> dict[str, str]:
        """By node, of the only backend service."""
        services = self.api.get(f"{COMPUTE}/regions/{REGION}/backendServices")
        assert services is not None
        [service] = services["items"]
        found = {}
        for backend in service["backends"]:
            path = f"{COMPUTE}/regions/{REGION}/backendServices/{service['name']}/getHealth"
            for item in self.api.post(path, {"group": backend["group"]}).get("healthStatus", []):
                found[item["instance"].rpartition("/")[2]] = item["healthState"]
        return found


def far_vm(api: Api, name: str, subnetwork: str, address: str) -> None:
    """A machine in the other region."""
    body = {
        "name": name,
        "machineType": f"zones/{OTHER}-a/machineTypes/e2-micro",
        "networkInterfaces": [{"subnetwork": f"regions/{OTHER}/subnetworks/{subnetwork}", "networkIP": address}],
        "disks": [{"boot": True, "initializeParams": {"sourceImage": machines.IMAGE}}],
    }
    api.post(f"{COMPUTE}/zones/{OTHER}-a/instances", body)


def make_site(lab: Lab, tmp_path: pathlib.Path, **cluster: t.Any) -> Site:
    api = Api(lab)
    machines.network(api, "net", "10.1.0.0/20")
    far = {"name": "far", "network": "global/networks/net", "ipCidrRange": "10.3.0.0/24"}
    api.post(f"{COMPUTE}/regions/{OTHER}/subnetworks", far)
    body: Json = {"name": "c1", "network": "net", "subnetwork": "net", "initialNodeCount": 3, **cluster}
    where = f"/v1/projects/{machines.PROJECT}/locations/{ZONE}/clusters"
    api.post(where, {"cluster": body})
    machines.vm(api, "net", "client", CLIENT)
    far_vm(api, "far", "far", FAR)
    found = api.get(f"{where}/c1")
    assert found is not None
    return Site(lab, api, Kube(found, lab.token(), tmp_path), found)


@pytest.fixture(params=[False, True], ids=["instance groups", "endpoint groups"])
def site(request: pytest.FixtureRequest, lab: Lab, tmp_path: pathlib.Path) -> Site:
    """Without and with subsetting."""
    return make_site(lab, tmp_path, networkConfig={"enableL4ilbSubsetting": request.param})


@pytest.fixture
def legacy(lab: Lab, tmp_path: pathlib.Path) -> Site:
    return make_site(lab, tmp_path)


def test_every_healthy_node_serves(site: Site) -> None:
    first, second, _third = site.nodes
    pods = {site.pod("a", first), site.pod("b", second)}
    address = site.service()
    assert set(site.health().values()) == {"HEALTHY"}
    seen = site.reached(address, times=20)
    assert {who.rpartition("/")[2] for who, _source in seen} == {"a", "b"}
    assert pods
    assert {source for _who, source in seen} <= {site.address(node) for node in site.nodes}


def test_only_what_the_rule_forwards(site: Site) -> None:
    site.pod("a", site.nodes[0])
    address = site.service()
    for port, protocol in ((81, "tcp"), (80, "udp"), (0, "icmp")):
        died = site.ask(address, port, protocol=protocol)["request"]["died"]
        assert died["reason"] == "not-forwarded", died


def test_local_policy_keeps_the_clients_address(site: Site) -> None:
    first, second, third = site.nodes
    site.pod("a", first)
    address = site.service(externalTrafficPolicy="Local")
    assert site.health().get(first) == "HEALTHY"
    assert {site.health().get(node, "UNHEALTHY") for node in (second, third)} == {"UNHEALTHY"}
    assert {source for _who, source in site.reached(address)} == {CLIENT}
    mine = site.pod("c", third, "client")
    assert {source for _who, source in site.reached(address, source="c", times=2)} == {mine}  # kube-proxy's shortcut
    site.pod("b", second)
    assert site.health().get(second) == "HEALTHY"
    assert len(site.reached(address, times=20)) == 2


def test_local_policy_without_endpoints(legacy: Site) -> None:
    """Nobody is well, so all nodes get packets, and none has whom to give them to."""
    address = legacy.service(externalTrafficPolicy="Local")
    assert set(legacy.health().values()) == {"UNHEALTHY"}
    assert legacy.ask(address)["request"]["died"]["reason"] == "no-endpoints"
    legacy.pod("a", legacy.nodes[0])
    machines.rule(legacy.api, "net", "no-checks", **NO_CHECKS)
    told = {legacy.ask(address)["verdict"] for _time in range(20)}
    assert told == {"reachable", "unreachable"}  # two of three nodes drop them


def test_a_node_that_stops_gets_nothing(site: Site) -> None:
    first, second, third = site.nodes
    site.pod("a", third)
    address = site.service()
    site.api.post(f"{COMPUTE}/zones/{ZONE}/instances/{first}/stop", {})
    assert site.health() == {first: "UNHEALTHY", second: "HEALTHY", third: "HEALTHY"}
    assert {source for _who, source in site.reached(address, times=20)} <= {
        site.address(second),
        site.address(third),
    }


def test_a_killed_node(site: Site) -> None:
    """The API says that it runs; the health checks and Kubernetes notice, and nothing is lost."""
    first, second, third = site.nodes
    site.pod("a", first)
    site.pod("b", second)
    address = site.service()
    site.lab.kill_node(first)
    assert site.health()[first] == "UNHEALTHY"
    assert {who.rpartition("/")[2] for who, _source in site.reached(address, times=20)} == {"b"}
    assert ready(site, first) == "Unknown"
    site.lab.kill_node(first, end=True)
    assert set(site.health().values()) == {"HEALTHY"}
    site.kube.wait("the node is ready", lambda: ready(site, first) == "True")
    assert {who.rpartition("/")[2] for who, _source in site.reached(address, times=20)} == {"a", "b"}
    site.lab.kill_node(third)
    assert ready(site, third) == "Unknown"
    assert site.reached(address)


def ready(site: Site, node: str) -> str:
    """What its Node says of Ready."""
    found = site.kube.get("Node", node)
    assert found is not None
    return next(str(item["status"]) for item in found["status"]["conditions"] if item["type"] == "Ready")


def test_as_a_last_resort_all_get_packets(site: Site) -> None:
    site.pod("a", site.nodes[0])
    address = site.service()
    machines.rule(site.api, "net", "no-checks", **NO_CHECKS)
    assert set(site.health().values()) == {"UNHEALTHY"}
    assert site.reached(address)


def test_source_ranges(site: Site) -> None:
    """GKE's own rule admits the subnetwork's machines to the nodes, where kube-proxy looks once more."""
    site.pod("a", site.nodes[0])
    address = site.service(annotations={GLOBAL: "true"}, loadBalancerSourceRanges=["10.77.0.0/16"])
    assert site.ask(address, source="far")["request"]["died"]["reason"] == "firewall-ingress"
    assert site.ask(address)["request"]["died"]["reason"] == "source-ranges"
    site.service(annotations={GLOBAL: "true"}, loadBalancerSourceRanges=["10.3.0.0/16"])
    assert site.reached(address, source="far")


def test_other_regions_need_global_access(site: Site) -> None:
    site.pod("a", site.nodes[0])
    address = site.service()
    assert site.ask(address, source="far")["request"]["died"]["reason"] == "other-region"
    site.service(annotations={GLOBAL: "true"})
    assert site.reached(address, source="far")


def test_without_a_node_packets_are_dropped(legacy: Site) -> None:
    legacy.pod("a", legacy.nodes[0])
    address = legacy.service()
    for node in legacy.nodes:
        legacy.api.post(f"{COMPUTE}/zones/{ZONE}/instances/{node}/stop", {})
    assert legacy.ask(address)["request"]["died"]["reason"] == "no-backend"


def test_services_that_share_an_address(lab: Lab, tmp_path: pathlib.Path) -> None:
    """Each port leads to the nodes of its own Service, by the policy Local to one node each."""
    site = make_site(lab, tmp_path)
    first, second, _third = site.nodes
    site.pod("a", first, "one")
    site.pod("b", second, "two")
    reserved = {
        "name": "vip",
        "addressType": "INTERNAL",
        "purpose": "SHARED_LOADBALANCER_VIP",
        "subnetwork": f"regions/{REGION}/subnetworks/net",
        "address": "10.1.0.50",
    }
    site.api.post(f"{COMPUTE}/regions/{REGION}/addresses", reserved)
    local: Json = {"externalTrafficPolicy": "Local", "loadBalancerIP": "10.1.0.50"}
    assert site.service("one", "one", **local) == "10.1.0.50"
    assert site.service("two", "two", **local, ports=[{"port": 81, "targetPort": 5000}]) == "10.1.0.50"
    assert {(who.rpartition("/")[2], source) for who, source in site.reached("10.1.0.50", 80)} == {("a", CLIENT)}
    assert {(who.rpartition("/")[2], source) for who, source in site.reached("10.1.0.50", 81)} == {("b", CLIENT)}
    assert site.ask("10.1.0.50", 82)["request"]["died"]["reason"] == "not-forwarded"


def test_in_a_peered_network(legacy: Site) -> None:
    """A peer's clients are like those of the own network: in the region yes, elsewhere with global access only."""
    api = legacy.api
    machines.network(api, "other", "10.8.0.0/24")
    for one, two in (("net", "other"), ("other", "net")):
        peering = {"name": "p", "network": f"global/networks/{two}", "exchangeSubnetRoutes": True}
        api.post(f"{COMPUTE}/global/networks/{one}/addPeering", {"networkPeering": peering})
    machines.vm(api, "other", "peer", "10.8.0.9")
    away = {"name": "away", "network": "global/networks/other", "ipCidrRange": "10.9.0.0/24"}
    api.post(f"{COMPUTE}/regions/{OTHER}/subnetworks", away)
    far_vm(api, "far-peer", "away", "10.9.0.9")
    legacy.pod("a", legacy.nodes[0])
    address = legacy.service()
    assert legacy.reached(address, source="peer")
    assert legacy.ask(address, source="far-peer")["request"]["died"]["reason"] == "other-region"
    legacy.service(annotations={GLOBAL: "true"})
    assert legacy.reached(address, source="far-peer")
