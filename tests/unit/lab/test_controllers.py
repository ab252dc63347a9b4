# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What acts by itself in a cluster: nodes, pods, workloads, Services, load balancers, ip-masq-agent."""

from __future__ import annotations

import asyncio
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.lab.podreach_lab.clock import ManualClock
from ansible_collections.podreach.gke.tests.lab.podreach_lab.container.placing import Misplaced, place_node
from ansible_collections.podreach.gke.tests.lab.podreach_lab.kubernetes import (
    agents,
    bootstrap,
    facts,
    masquerade,
    node_objects,
)
from ansible_collections.podreach.gke.tests.lab.podreach_lab.kubernetes.controllers import Controllers
from ansible_collections.podreach.gke.tests.lab.podreach_lab.kubernetes.facts import ClusterFacts, Pod, PodPolicy
from ansible_collections.podreach.gke.tests.lab.podreach_lab.state import Resource
from ansible_collections.podreach.gke.tests.unit.lab.cloud import ZONE, Cloud

Json = dict[str, t.Any]
PATH = f"projects/podreach-lab/locations/{ZONE}/clusters/c1"
ROUTES: Json = {"ipAllocationPolicy": {"useRoutes": True}, "clusterIpv4Cidr": "172.16.0.0/16"}


class Kube:
    """A cluster's store with its controllers, as the API server would use it."""

    def __init__(self, cloud: Cloud, path: str = PATH) -> None:
        self.cloud = cloud
        self.path = path
        cluster = cloud.lab.state.get(path)
        assert cluster is not None
        self.store = bootstrap.make(cloud.clock, cluster.body, "certificate", seed=1)
        self.told: list[ClusterFacts] = []
        self.controllers = Controllers(cloud.lab, path, self.store, self.told.append)
        self.settle()

    def settle(self) -> None:
        self.controllers.settle()

    def wait(self, seconds: float) -> None:
        assert isinstance(self.cloud.clock, ManualClock)
        self.cloud.clock.advance(seconds)
        self.settle()

    @property
    def facts(self) -> ClusterFacts:
        return self.controllers.facts

    def pods(self) -> list[Pod]:
        return list(self.facts.pods)

    def policies(self) -> list[PodPolicy]:
        return list(self.facts.policies)

    def create(self, key: str, name: str, namespace: str = "default", /, **fields: t.Any) -> Json:
        metadata = {"name": name, "namespace": namespace, **fields.pop("metadata", {})}
        found = self.store.create(key, {"metadata": metadata, **fields})
        self.settle()
        return found

    def change(self, key: str, name: str, alter: t.Callable[[Json], t.Any], namespace: str = "default") -> None:
        self.store.change(key, namespace, name, alter)
        self.settle()

    def delete(self, key: str, name: str, namespace: str = "default", **how: t.Any) -> None:
        self.store.delete(key, namespace, name, **how)
        self.settle()

    def names(self, key: str, namespace: str | None = "default") -> list[str]:
        return [item["metadata"]["name"] for item in self.store.stored(key, namespace)]

    def events(self, reason: str = "") -> list[str]:
        return [item["message"] for item in self.store.stored("events") if reason in ("", item["reason"])]

    def pod(self, name: str = "my-pod", /, image: str = "nginx", **fields: t.Any) -> Json:
        spec = {"containers": [{"name": "c", "image": image}], **fields.pop("spec", {})}
        self.create("pods", name, spec=spec, **fields)
        return self.store.get("pods", "default", name)

    def deployment(self, name: str = "web", replicas: int = 3, **spec: t.Any) -> Json:
        return self.create("deployments.apps", name, spec=workload(name, replicas=replicas, **spec))

    def config(self, text: str, key: str = "config", name: str = "ip-masq-agent") -> None:
        if self.store.find("configmaps", "kube-system", name):
            self.change("configmaps", name, lambda new: new.update(data={key: text}), "kube-system")
        else:
            self.create("configmaps", name, "kube-system", data={key: text})

    def chains(self, at: int = 0) -> dict[str, tuple[str, ...]]:
        return {chain.name: chain.keep for chain in self.facts.chains[at][1]}


def workload(name: str, image: str = "nginx", **spec: t.Any) -> Json:
    labels = {"app": name}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": image}]}}
    return {"selector": {"matchLabels": labels}, "template": pod, **spec}


def estate(cloud: Cloud, nodes: int = 2, **fields: t.Any) -> Kube:
    """Built at once, whatever the clock."""
    profile = cloud.clock.profile
    cloud.clock.configure("zero", 1)
    cloud.estate()
    cloud.cluster(nodePools=[{"name": "default-pool", "initialNodeCount": nodes}], **fields)
    cloud.clock.configure(profile, 1)
    return Kube(cloud)


@pytest.fixture
def kube(cloud: Cloud) -> Kube:
    """Two nodes, pods in 10.4.0.0/20; nothing takes time."""
    return estate(cloud)


@pytest.fixture
def routes(slow: Cloud) -> Kube:
    """A routes-based cluster with its pods in 172.16.0.0/16, where GKE deploys the agent; time is moved by hand."""
    return estate(slow, **ROUTES)


# ---- what every cluster has


def test_the_api_service_leads_out_of_the_lab(kube: Kube) -> None:
    found = facts.ServicePort(facts.Port("tcp", 443), ())
    assert kube.facts.services == (facts.Service("default", "kubernetes", "10.5.0.1", (found,)),)


def test_nodes_follow_instances(kube: Kube) -> None:
    instances = {item["name"]: item for item in kube.cloud.nodes()}
    assert kube.names("nodes", None) == sorted(instances)
    node = kube.store.stored("nodes")[0]
    name = node["metadata"]["name"]
    card = instances[name]["networkInterfaces"][0]
    assert node["spec"]["podCIDR"] == card["aliasIpRanges"][0]["ipCidrRange"]
    assert node["spec"]["providerID"] == f"gce://podreach-lab/{ZONE}/{name}"
    assert {"type": "InternalIP", "address": card["networkIP"]} in node["status"]["addresses"]
    assert node["metadata"]["labels"]["topology.kubernetes.io/zone"] == ZONE
    assert node["metadata"]["labels"]["cloud.google.com/gke-nodepool"] == "default-pool"
    assert node_objects.AGENT_LABEL not in node["metadata"]["labels"]
    kube.cloud.container("POST", f"{ZONE}/clusters/c1/nodePools/default-pool:setSize", {"nodeCount": 1})
    kube.settle()
    assert len(kube.names("nodes", None)) == 1
    assert len(kube.facts.chains) == 1


# ---- pods


def test_a_pod_runs_at_once(kube: Kube) -> None:
    pod = kube.pod()
    assert pod["status"]["phase"] == "Running"
    assert pod["status"]["podIP"] == "10.4.0.2"
    assert {item["type"]: item["status"] for item in pod["status"]["conditions"]}["Ready"] == "True"
    assert pod["status"]["containerStatuses"][0]["imageID"].startswith("docker.io/library/nginx@sha256:")
    found = kube.pods()[0]
    assert (found.name, found.address, found.listens) == ("my-pod", "10.4.0.2", frozenset({facts.Port("tcp", 80)}))
    assert found.node.endswith(pod["spec"]["nodeName"])
    assert kube.told[-1] == kube.facts
    kube.delete("pods", "my-pod")
    assert kube.pods() == []
    assert kube.names("pods") == []


def test_nothing_new_is_not_told(kube: Kube) -> None:
    kube.pod()
    count = len(kube.told)
    kube.change("pods", "my-pod", lambda new: new["metadata"].setdefault("annotations", {}).update(a="b"))
    kube.create("configmaps", "x", data={"a": "b"})
    assert len(kube.told) == count


def test_addresses_are_not_given_again_at_once(kube: Kube) -> None:
    first = [kube.pod("a")["status"]["podIP"], kube.pod("b")["status"]["podIP"]]
    assert first == ["10.4.0.2", "10.4.1.2"]  # one on each node
    kube.delete("pods", "a")
    assert kube.pod("c")["status"]["podIP"] == "10.4.0.3"


def test_a_pod_asks_for_an_address(kube: Kube) -> None:
    def asking(address: str) -> Json:
        return {"metadata": {"annotations": {"lab.podreach.gke/address": address}}}

    assert kube.pod("a", **asking("10.4.1.77"))["status"]["podIP"] == "10.4.1.77"
    taken = kube.pod("b", **asking("10.4.1.77"))
    assert taken["status"]["containerStatuses"][0]["state"] == {"waiting": {"reason": "ContainerCreating"}}
    assert "the address 10.4.1.77 is taken" in kube.events("FailedCreatePodSandBox")[0]
    kube.pod("c", **asking("10.9.0.1"))
    assert "2 node(s) didn't have the address 10.9.0.1 in their pod block" in kube.events("FailedScheduling")[0]
    assert kube.pod("d", **asking("10.4.0.1"))["status"]["phase"] == "Pending"
    kube.delete("pods", "a")
    assert kube.store.get("pods", "default", "b")["status"]["podIP"] == "10.4.1.77"


def test_host_network(kube: Kube) -> None:
    pod = kube.pod(spec={"hostNetwork": True})
    assert pod["status"]["podIP"] == pod["status"]["hostIP"] == "10.1.0.3" or pod["status"]["podIP"] == "10.1.0.2"
    assert kube.pods()[0].host_network


def test_no_node_will_do(kube: Kube) -> None:
    pod = kube.pod(spec={"nodeSelector": {"disk": "fast"}})
    assert pod["status"]["phase"] == "Pending"
    why = "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."
    assert kube.events("FailedScheduling") == [why]
    assert kube.pods() == []
    node = kube.names("nodes", None)[1]
    kube.change("nodes", node, lambda new: new["metadata"]["labels"].update(disk="fast"), "")
    assert kube.store.get("pods", "default", "my-pod")["spec"]["nodeName"] == node


def test_taints(kube: Kube) -> None:
    taint = {"key": "only", "value": "x", "effect": "NoSchedule"}
    for node in kube.names("nodes", None):
        kube.change("nodes", node, lambda new: new["spec"].update(taints=[taint]), "")
    assert kube.pod("a")["status"]["phase"] == "Pending"
    assert kube.events("FailedScheduling") == ["0/2 nodes are available: 2 node(s) had untolerated taint {only: x}."]
    assert kube.pod("b", spec={"tolerations": [{"key": "only", "operator": "Exists"}]})["status"]["phase"] == "Running"


def test_too_many_pods(cloud: Cloud) -> None:
    cloud.estate()
    pool = {"name": "p", "initialNodeCount": 1, "maxPodsConstraint": {"maxPodsPerNode": "8"}}
    cloud.cluster(nodePools=[pool])
    kube = Kube(cloud)
    kube.deployment(replicas=9)
    assert len(kube.pods()) == 8
    assert kube.events("FailedScheduling") == ["0/1 nodes are available: 1 Too many pods."]
    kube.delete("pods", kube.pods()[0].name)
    assert len(kube.pods()) == 8


def test_volumes_that_are_missing(kube: Kube) -> None:
    spec = {"volumes": [{"name": "v", "configMap": {"name": "settings"}}]}
    assert kube.pod(spec=spec)["status"]["phase"] == "Pending"
    assert kube.events("FailedMount") == ['MountVolume.SetUp failed for volume "v" : configmap "settings" not found']
    kube.create("configmaps", "settings", data={"a": "b"})
    assert kube.store.get("pods", "default", "my-pod")["status"]["phase"] == "Running"


def test_pods_of_a_lost_node_start_elsewhere(kube: Kube) -> None:
    kube.deployment(replicas=4)
    kube.cloud.container("POST", f"{ZONE}/clusters/c1/nodePools/default-pool:setSize", {"nodeCount": 1})
    kube.settle()
    assert len(kube.pods()) == 4
    assert len({pod.node for pod in kube.pods()}) == 1


# ---- workloads


def test_deployment(kube: Kube) -> None:
    kube.deployment()
    found = kube.store.get("deployments.apps", "default", "web")
    assert found["status"]["readyReplicas"] == 3
    assert found["status"]["observedGeneration"] == found["metadata"]["generation"]
    assert [item["status"] for item in found["status"]["conditions"]] == ["True", "True"]
    assert found["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"
    kube.change("deployments.apps", "web", lambda new: new["spec"].update(replicas=1))
    assert len(kube.pods()) == 1
    kube.delete("deployments.apps", "web")
    assert kube.names("pods") == kube.names("replicasets.apps") == []


def restart(item: Json) -> None:
    metadata = item["spec"]["template"]["metadata"]
    metadata.setdefault("annotations", {})["kubectl.kubernetes.io/restartedAt"] = "2026-11-01T00:00:00Z"


def test_rolling_update(kube: Kube) -> None:
    kube.deployment(replicas=4)
    before = {pod.uid for pod in kube.pods()}
    lowest: list[int] = []

    def count(_event: t.Any) -> None:
        pods = kube.store.stored("pods", "default")
        lowest.append(sum(1 for pod in pods if pod.get("status", {}).get("podIP")))

    stop = kube.store.watch(count)
    kube.change("deployments.apps", "web", restart)
    stop()
    assert min(lowest) >= 3  # 25 % of 4 may be missing
    assert len(kube.pods()) == 4
    assert not before & {pod.uid for pod in kube.pods()}
    found = kube.store.get("deployments.apps", "default", "web")
    assert found["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "2"
    assert found["status"]["updatedReplicas"] == found["status"]["replicas"] == 4
    assert len(kube.names("replicasets.apps")) == 2


def test_an_update_that_cannot_run_keeps_the_old_pods(kube: Kube) -> None:
    kube.deployment(replicas=4)
    selector = {"disk": "none"}
    kube.change("deployments.apps", "web", lambda new: new["spec"]["template"]["spec"].update(nodeSelector=selector))
    assert len(kube.pods()) == 3
    progressing = kube.store.get("deployments.apps", "default", "web")["status"]["conditions"][1]
    assert progressing["reason"] == "ReplicaSetUpdated"
    kube.change("deployments.apps", "web", lambda new: new["spec"]["template"]["spec"].pop("nodeSelector"))
    assert len(kube.pods()) == 4
    assert (
        kube.store.get("deployments.apps", "default", "web")["metadata"]["annotations"][
            "deployment.kubernetes.io/revision"
        ]
        == "3"
    )


def test_recreate(kube: Kube) -> None:
    kube.deployment(replicas=2, strategy={"type": "Recreate"})
    before = {pod.uid for pod in kube.pods()}
    kube.change("deployments.apps", "web", restart)
    assert len(kube.pods()) == 2
    assert not before & {pod.uid for pod in kube.pods()}


def test_a_deleted_pod_comes_back(kube: Kube) -> None:
    kube.deployment(replicas=2)
    kube.delete("pods", kube.pods()[0].name)
    assert len(kube.pods()) == 2


def test_adoption(kube: Kube) -> None:
    kube.deployment(replicas=2)
    before = {pod.uid for pod in kube.pods()}
    kube.delete("deployments.apps", "web", propagation="Orphan")
    assert {pod.uid for pod in kube.pods()} == before
    kube.deployment(replicas=2)
    assert {pod.uid for pod in kube.pods()} == before
    assert len(kube.names("replicasets.apps")) == 1


def test_daemon_set(kube: Kube) -> None:
    kube.create("daemonsets.apps", "d", spec=workload("d"))
    assert len({pod.node for pod in kube.pods()}) == len(kube.pods()) == 2
    status = kube.store.get("daemonsets.apps", "default", "d")["status"]
    assert status["desiredNumberScheduled"] == status["numberReady"] == status["updatedNumberScheduled"] == 2
    before = {pod.uid for pod in kube.pods()}
    kube.change("daemonsets.apps", "d", restart)
    assert len(kube.pods()) == 2
    assert not before & {pod.uid for pod in kube.pods()}
    kube.cloud.container("POST", f"{ZONE}/clusters/c1/nodePools/default-pool:setSize", {"nodeCount": 3})
    kube.settle()
    assert len(kube.pods()) == 3
    kube.change("daemonsets.apps", "d", lambda new: new["spec"]["template"]["spec"].update(nodeSelector={"a": "b"}))
    assert kube.pods() == []


def test_stateful_set(kube: Kube) -> None:
    kube.create("statefulsets.apps", "db", spec=workload("db", replicas=2, serviceName="db"))
    assert [pod.name for pod in kube.pods()] == ["db-0", "db-1"]
    before = {pod.uid for pod in kube.pods()}
    kube.change("statefulsets.apps", "db", restart)
    assert [pod.name for pod in kube.pods()] == ["db-0", "db-1"]
    assert not before & {pod.uid for pod in kube.pods()}
    kube.change("statefulsets.apps", "db", lambda new: new["spec"].update(replicas=1))
    assert [pod.name for pod in kube.pods()] == ["db-0"]
    status = kube.store.get("statefulsets.apps", "default", "db")["status"]
    assert status["currentRevision"] == status["updateRevision"]


# ---- Services


def service_of(kube: Kube, name: str = "web") -> facts.Service:
    return next(item for item in kube.facts.services if item.name == name)


def test_endpoints(kube: Kube) -> None:
    kube.deployment(replicas=2)
    kube.create("services", "web", spec={"selector": {"app": "web"}, "ports": [{"port": 8080, "targetPort": 80}]})
    expected = tuple(sorted((pod.address, 80) for pod in kube.pods()))
    assert service_of(kube).ports == (facts.ServicePort(facts.Port("tcp", 8080), expected),)
    shown = kube.store.get("endpoints", "default", "web")["subsets"][0]
    assert sorted((item["ip"], shown["ports"][0]["port"]) for item in shown["addresses"]) == list(expected)
    gone = kube.pods()[0]
    unready = {"lab.podreach.gke/ready": "false"}
    kube.change("pods", gone.name, lambda new: new["metadata"].setdefault("annotations", {}).update(unready))
    assert service_of(kube).ports[0].endpoints == tuple(item for item in expected if item[0] != gone.address)
    assert kube.store.get("deployments.apps", "default", "web")["status"]["readyReplicas"] == 1
    kube.delete("services", "web")
    assert "web" not in kube.names("endpoints")
    assert kube.names("endpointslices.discovery.k8s.io") == ["kubernetes"]


def test_manual_endpoints(kube: Kube) -> None:
    kube.create("services", "out", spec={"ports": [{"port": 80}]})
    subset = {"addresses": [{"ip": "10.1.0.200"}], "ports": [{"port": 8080}]}
    kube.create("endpoints", "out", subsets=[subset])
    assert service_of(kube, "out").ports[0].endpoints == (("10.1.0.200", 8080),)
    kube.delete("endpoints", "out")
    assert service_of(kube, "out").ports[0].endpoints == ()


INTERNAL: Json = {"annotations": {"networking.gke.io/load-balancer-type": "Internal"}}


def balancer(kube: Kube, name: str = "web", annotations: Json | None = None, **spec: t.Any) -> Json:
    metadata = {"annotations": {**INTERNAL["annotations"], **(annotations or {})}}
    ports = [{"name": "a", "port": 80, "targetPort": 5000}]
    kube.create(
        "services",
        name,
        metadata=metadata,
        spec={"type": "LoadBalancer", "selector": {"app": name}, "ports": ports, **spec},
    )
    return kube.store.get("services", "default", name)


def compute(kube: Kube, kind: str) -> list[Resource]:
    return kube.cloud.lab.state.of_kind(kind)


def test_internal_load_balancer(slow: Cloud) -> None:
    kube = estate(slow)
    service = balancer(kube)
    assert service["status"]["loadBalancer"] == {}
    assert kube.events("EnsuringLoadBalancer")
    kube.wait(39)
    assert service_of(kube).load_balancer == ""
    kube.wait(1)
    address = service_of(kube).load_balancer
    assert address == "10.1.0.4"  # after the two nodes
    rule = compute(kube, "compute#forwardingRule")[0]
    discovery = kube.cloud.lab.discovery
    found = discovery.find("compute", "GET", rule.path)
    assert found is not None
    discovery.response(found[0], rule.body)
    assert rule.body["IPAddress"] == address
    assert rule.body["loadBalancingScheme"] == "INTERNAL"
    assert rule.body["ports"] == ["80"]
    firewalls = {item.name: item.body for item in compute(kube, "compute#firewall") if item.name.startswith("k8s-")}
    traffic = firewalls.pop(f"k8s-fw-{rule.name}")
    assert traffic["sourceRanges"] == ["0.0.0.0/0"]
    assert traffic["destinationRanges"] == [address]
    assert traffic["allowed"] == [{"IPProtocol": "tcp", "ports": ["80"]}]
    assert [item["sourceRanges"] for item in firewalls.values()] == [["130.211.0.0/22", "35.191.0.0/16"]]
    kube.delete("services", "web")
    assert kube.names("services") == ["kubernetes", "web"]  # held by its finalizers
    kube.wait(40)
    assert kube.names("services") == ["kubernetes"]
    assert compute(kube, "compute#forwardingRule") == []
    assert not [item for item in compute(kube, "compute#firewall") if item.name.startswith("k8s-")]


def test_load_balancer_options(kube: Kube) -> None:
    annotations = {"networking.gke.io/internal-load-balancer-allow-global-access": "true"}
    sources = ["10.9.0.0/16"]
    balancer(kube, "web", annotations, loadBalancerIP="10.1.0.77", loadBalancerSourceRanges=sources)
    found = service_of(kube)
    assert (found.load_balancer, found.global_access, found.source_ranges) == ("10.1.0.77", True, ("10.9.0.0/16",))
    rule = compute(kube, "compute#forwardingRule")[0]
    assert rule.body["allowGlobalAccess"] is True
    firewall = next(item for item in compute(kube, "compute#firewall") if item.name == f"k8s-fw-{rule.name}")
    assert firewall.body["sourceRanges"] == sources
    kube.change("services", "web", lambda new: new["metadata"]["annotations"].pop(next(iter(annotations))))
    assert not service_of(kube).global_access
    assert compute(kube, "compute#forwardingRule")[0].body["IPAddress"] == "10.1.0.77"


def test_an_address_that_is_taken(kube: Kube) -> None:
    balancer(kube, "web", loadBalancerIP="10.1.0.77")
    balancer(kube, "other", loadBalancerIP="10.1.0.77")
    assert service_of(kube, "other").load_balancer == ""
    why = "Error syncing load balancer: failed to ensure load balancer: IP '10.1.0.77' is already being used"
    assert kube.events("SyncLoadBalancerFailed")[0].startswith(why)
    kube.delete("services", "web")
    assert service_of(kube, "other").load_balancer == "10.1.0.77"


def test_reserved_address(cloud: Cloud) -> None:
    kube = estate(cloud, networkConfig={"enableL4ilbSubsetting": True})
    state = kube.cloud.lab.state
    name = {"networking.gke.io/load-balancer-ip-addresses": "vip"}
    balancer(kube, "web", name, loadBalancerIP="10.1.0.50")
    assert 'reserved address ("vip") is not valid' in kube.events("SyncLoadBalancerFailed")[0]
    path = "projects/podreach-lab/regions/asia-northeast1/addresses/vip"
    subnetwork = state.of_kind("compute#subnetwork")[0].body["selfLink"]
    body = {"name": "vip", "address": "10.1.0.60", "addressType": "INTERNAL", "status": "RESERVED"}
    state.add(Resource("compute#address", path, body | {"subnetwork": subnetwork}))
    kube.settle()
    assert service_of(kube).load_balancer == "10.1.0.60"
    assert kube.events("MixedStaticIP")
    address = state.get(path)
    assert address is not None
    assert address.body["status"] == "IN_USE"
    kube.delete("services", "web")
    assert address.body["status"] == "RESERVED"


def test_an_external_load_balancer_stays_pending(kube: Kube) -> None:
    kube.create("services", "web", spec={"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 80}]})
    assert service_of(kube).load_balancer == ""
    assert "no internet" in kube.events("SyncLoadBalancerFailed")[0]
    kube.change("services", "web", lambda new: new["metadata"].update(INTERNAL))
    assert service_of(kube).load_balancer
    kube.change("services", "web", lambda new: new["metadata"].pop("annotations"))
    assert service_of(kube).load_balancer == ""
    kube.delete("services", "web")
    assert kube.names("services") == ["kubernetes"]


def test_stopping_removes_load_balancers(kube: Kube) -> None:
    balancer(kube)
    kube.controllers.stop()
    assert compute(kube, "compute#forwardingRule") == []


def test_in_a_loop_the_work_is_done_in_its_next_turn(kube: Kube) -> None:
    async def many() -> tuple[int, int]:
        before = len(kube.told)
        for name in "abc":
            kube.store.create(
                "pods", {"metadata": {"name": name}, "spec": workload("x")["template"]["spec"]}, "default"
            )
        during = len(kube.told) - before
        await asyncio.sleep(0)
        return during, len(kube.told) - before

    assert asyncio.run(many()) == (0, 1)
    assert len(kube.pods()) == 3


def test_after_stopping_nothing_happens(kube: Kube) -> None:
    kube.controllers.stop()
    count = len(kube.told)
    kube.store.create("pods", {"metadata": {"name": "a"}, "spec": workload("x")["template"]["spec"]}, "default")
    kube.cloud.container("DELETE", f"{ZONE}/clusters/c1")
    kube.settle()
    assert len(kube.told) == count


# ---- masquerading

DEFAULT = (masquerade.LINK_LOCAL, *masquerade.PRIVATE, *masquerade.RESERVED)
CONFIG = "nonMasqueradeCIDRs:\n  - 172.16.0.0/16\n  - 10.1.0.0/16\nresyncInterval: 60s\n"
LISTED = (masquerade.LINK_LOCAL, "172.16.0.0/16", "10.1.0.0/16")


def agent_pods(kube: Kube) -> list[str]:
    return [pod.name for pod in kube.pods() if pod.namespace == "kube-system"]


def test_gke_deploys_no_agent_for_pods_in_ten(kube: Kube) -> None:
    assert kube.names("daemonsets.apps", "kube-system") == []
    assert kube.chains() == {"IP-MASQ": DEFAULT}
    kube.config(CONFIG)
    assert kube.chains() == {"IP-MASQ": DEFAULT}


def test_gke_deploys_the_agent(routes: Kube) -> None:
    assert len(agent_pods(routes)) == 2
    node = routes.store.stored("nodes")[0]
    assert node["metadata"]["labels"][node_objects.AGENT_LABEL] == "true"
    assert routes.chains() == {"IP-MASQ": DEFAULT}
    routes.delete("daemonsets.apps", "ip-masq-agent", "kube-system")
    assert len(agent_pods(routes)) == 2


def test_resync(routes: Kube) -> None:
    routes.wait(20)
    routes.config(CONFIG)
    routes.wait(35)  # in the file by now, but the agent looks again at second 60
    assert routes.chains() == {"IP-MASQ": DEFAULT}
    routes.wait(5)
    assert routes.chains(0) == routes.chains(1) == {"IP-MASQ": LISTED}
    routes.delete("configmaps", "ip-masq-agent", "kube-system")
    routes.wait(59)
    assert routes.chains() == {"IP-MASQ": LISTED}
    routes.wait(1)
    assert routes.chains() == {"IP-MASQ": DEFAULT}


def test_the_new_interval_counts_from_its_reading(routes: Kube) -> None:
    routes.config("resyncInterval: 10s\n")
    routes.wait(60)
    routes.config(CONFIG)
    routes.wait(29)
    assert routes.chains() == {"IP-MASQ": DEFAULT}
    routes.wait(1)
    assert routes.chains() == {"IP-MASQ": LISTED}


def test_restarting_reads_at_once(routes: Kube) -> None:
    routes.config(CONFIG)
    assert routes.chains() == {"IP-MASQ": DEFAULT}
    routes.change("daemonsets.apps", "ip-masq-agent", restart, "kube-system")
    assert routes.chains(0) == routes.chains(1) == {"IP-MASQ": LISTED}


def said(kube: Kube, name: str) -> list[str]:
    pod = kube.store.get("pods", "kube-system", name)
    return kube.store.logs[pod["metadata"]["uid"], pod["spec"]["containers"][0]["name"]]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nonMasqueradeCIDRs: [10.1.0.1/16]\n", "is not aligned to a CIDR block"),
        ("nonMasqueradeCIDRs: [" + ", ".join(f"10.{at}.0.0/16" for at in range(65)) + "]\n", "up to 64 CIDRs"),
        ("*", "yaml: did not find expected alphabetic or numeric character"),
    ],
)
def test_a_rejected_list_changes_nothing(routes: Kube, text: str, why: str) -> None:
    routes.config(CONFIG)
    routes.wait(60)
    routes.config(text)
    routes.wait(120)
    assert routes.chains() == {"IP-MASQ": LISTED}
    log = said(routes, agent_pods(routes)[0])
    assert log[-1].startswith("E") and "] Error syncing configuration: " in log[-1] and why in log[-1]
    assert any(why in message for message in routes.events("MasqueradeConfigRejected"))


def test_a_rejected_list_at_the_start_writes_no_rules(routes: Kube) -> None:
    routes.config(CONFIG)
    routes.wait(60)
    routes.config("*")
    routes.change("daemonsets.apps", "ip-masq-agent", restart, "kube-system")
    assert routes.chains() == {"IP-MASQ": LISTED}


def test_another_key_is_ignored(routes: Kube) -> None:
    routes.config(CONFIG, "ip-masq-agent")
    routes.wait(120)
    assert routes.chains() == {"IP-MASQ": DEFAULT}


def test_an_agent_that_was_never_deployed_left_nothing(routes: Kube) -> None:
    routes.config(CONFIG)
    routes.wait(60)
    routes.controllers.set_agent(False)
    routes.settle()
    assert agent_pods(routes) == []
    assert node_objects.AGENT_LABEL not in routes.store.stored("nodes")[0]["metadata"]["labels"]
    routes.config("nonMasqueradeCIDRs: []\n")
    routes.wait(300)
    assert routes.chains() == {"IP-MASQ": DEFAULT}


def test_the_agent_by_setting(kube: Kube) -> None:
    kube.config(CONFIG)
    kube.controllers.set_agent(True)
    kube.settle()
    assert kube.chains() == {"IP-MASQ": LISTED}


def by_hand(args: list[str], **container: t.Any) -> Json:
    """The DaemonSet that users create themselves."""
    found = agents.daemon_set()
    del found["metadata"]["labels"]
    spec = found["spec"]["template"]["spec"]
    del spec["nodeSelector"]
    spec["containers"][0] |= {"args": args, **container}
    return found


def test_a_daemon_set_by_hand(kube: Kube) -> None:
    kube.config(CONFIG)
    own = by_hand(["--masq-chain=IP-MASQ"])
    kube.create("daemonsets.apps", "ip-masq-agent", "kube-system", spec=own["spec"])
    assert kube.chains() == {"IP-MASQ": LISTED}
    kube.delete("configmaps", "ip-masq-agent", "kube-system")
    assert kube.chains() == {"IP-MASQ": (masquerade.LINK_LOCAL, *masquerade.PRIVATE)}
    kube.delete("daemonsets.apps", "ip-masq-agent", "kube-system")
    assert agent_pods(kube) == []
    assert kube.chains() == {"IP-MASQ": (masquerade.LINK_LOCAL, *masquerade.PRIVATE)}


def test_two_chains(kube: Kube) -> None:
    kube.config(CONFIG)
    kube.create("daemonsets.apps", "ip-masq-agent", "kube-system", spec=by_hand([])["spec"])
    assert kube.chains() == {"IP-MASQ": DEFAULT, "IP-MASQ-AGENT": LISTED}


def test_an_agent_that_cannot_work(kube: Kube) -> None:
    kube.config(CONFIG)
    weak = by_hand(["--masq-chain=IP-MASQ"], securityContext={})
    kube.create("daemonsets.apps", "weak", "kube-system", spec=weak["spec"])
    assert kube.chains() == {"IP-MASQ": DEFAULT}
    kube.delete("daemonsets.apps", "weak", "kube-system")
    wrong = by_hand(["--chain=IP-MASQ"])
    kube.create("daemonsets.apps", "wrong", "kube-system", spec=wrong["spec"])
    assert kube.chains() == {"IP-MASQ": DEFAULT}
    pod = kube.store.stored("pods", "kube-system")[0]
    assert pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert kube.store.get("daemonsets.apps", "kube-system", "wrong")["status"]["numberReady"] == 0
    assert said(kube, pod["metadata"]["name"]) == ["flag provided but not defined: -chain"]


def test_default_snat_disabled(cloud: Cloud) -> None:
    kube = estate(cloud, networkConfig={"defaultSnatStatus": {"disabled": True}})
    assert kube.chains() == {}
    kube.config(CONFIG)
    kube.controllers.set_agent(True)
    kube.settle()
    assert kube.chains() == {"IP-MASQ": LISTED}


def test_autopilot(cloud: Cloud) -> None:
    cloud.estate()
    path = PATH.replace(ZONE, "asia-northeast1")
    cloud.cluster(location="asia-northeast1", autopilot={"enabled": True}, nodePools=None)
    kube = Kube(cloud, path)
    names = kube.names("egressnatpolicies.networking.gke.io", None)
    assert names[0] == "default" and names[1].startswith("gke-") and len(names) == 2
    own = (masquerade.LINK_LOCAL, "10.1.0.0/24", "10.4.0.0/20", "10.5.0.0/22")
    assert kube.chains()["EGRESS-NAT-POLICY"] == (*own, *masquerade.PRIVATE, *masquerade.RESERVED)
    kube.config("nonMasqueradeCIDRs: []\n")
    destinations = [{"cidr": "192.168.0.0/16"}]
    kube.change(
        "egressnatpolicies.networking.gke.io", "default", lambda new: new["spec"].update(destinations=destinations), ""
    )
    assert kube.chains() == {"EGRESS-NAT-POLICY": (*own, "192.168.0.0/16")}
    kube.delete("egressnatpolicies.networking.gke.io", "default", "")
    assert kube.chains() == {"EGRESS-NAT-POLICY": own}


def test_windows(kube: Kube) -> None:
    place_node(kube.cloud.lab, PATH, None, "win", "10.1.0.90", "10.4.9.0/24", system="windows")
    kube.settle()
    chains = dict(kube.facts.chains)[f"projects/podreach-lab/zones/{ZONE}/instances/win"]
    assert chains == (facts.MasqueradeChain("WINDOWS-NAT", ("10.1.0.0/24", "10.4.0.0/20", "10.5.0.0/22")),)
    node = kube.store.get("nodes", "", "win")
    assert node["metadata"]["labels"]["kubernetes.io/os"] == "windows"
    kube.create("daemonsets.apps", "d", spec=workload("d"))
    assert len(kube.pods()) == 2


# ---- network policies


def test_policies_only_where_they_are_enforced(kube: Kube, cloud: Cloud) -> None:
    kube.pod()
    kube.create("networkpolicies.networking.k8s.io", "p", spec={"podSelector": {}})
    assert kube.policies() == []
    cluster = cloud.lab.state.get(PATH)
    assert cluster is not None
    cluster.body["networkPolicy"] = {"enabled": True, "provider": "CALICO"}
    cloud.lab.state.changed(cluster)
    kube.settle()
    assert kube.policies() == [facts.PodPolicy("10.4.0.2", ())]
    assert len(agent_pods(kube)) == 2  # with Calico GKE deploys the agent


# ---- nodes as tests want them


def test_placed_nodes(routes: Kube) -> None:
    lab = routes.cloud.lab
    node = place_node(lab, PATH, "default-pool", "gke-node-02", "10.1.0.20", "172.16.77.0/24")
    routes.settle()
    assert routes.store.get("nodes", "", "gke-node-02")["spec"]["podCIDR"] == "172.16.77.0/24"
    assert any(route["destRange"] == "172.16.77.0/24" for route in routes.cloud.routes())
    assert node.body["canIpForward"] is True
    assert routes.cloud.container("GET", f"{ZONE}/clusters/c1")["currentNodeCount"] == 3
    for arguments, why in [
        (("c", "", "x", "10.1.0.21"), "cluster must be"),
        ((PATH, "none", "x", "10.1.0.21"), "pool must be one of"),
        ((PATH, "", "Node_2", "10.1.0.21"), "name must be a match"),
        ((PATH, "", "gke-node-02", "10.1.0.21"), "already"),
        ((PATH, "", "x", "10.1.0.20"), "already being used"),
        ((PATH, "", "x", "10.2.0.20"), "outside the subnetwork"),
        ((PATH, "", "x", "10.1.0.21", "172.16.77.128/25"), "overlaps 172.16.77.0/24"),
        ((PATH, "", "x", "10.1.0.21", "172.17.0.0/24"), "not inside the pod range"),
        ((PATH, "", "x", "10.1.0.21", "172.16.255.0/24"), "overlaps 172.16.240.0/20"),
    ]:
        with pytest.raises(Misplaced, match=why):
            place_node(lab, *arguments)
    with pytest.raises(Misplaced, match="os must be one of"):
        place_node(lab, PATH, "", "x", "10.1.0.21", system="beos")


def test_restarted_controllers_go_on(kube: Kube) -> None:
    kube.deployment(replicas=3)
    before = kube.facts
    again = Controllers(kube.cloud.lab, PATH, kube.store, kube.told.append)
    again.settle()
    assert again.facts == before
