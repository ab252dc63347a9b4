# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controllers of one cluster, and what packets need to know of it.

Nodes follow the cluster's compute instances; pods, workloads, endpoints, load balancers and ip-masq-agent have modules
of their own. Whenever the work is done and something has changed, `on_facts` is told.
"""

from __future__ import annotations

import base64
import ipaddress
import typing as t

from ..container import nodes as gke_nodes
from ..container.common import digest
from ..core import Lab
from ..state import Change, Resource
from . import facts, masquerade, node_objects, policies, services
from .agents import Agents
from .balancers import Balancers
from .context import Context
from .endpoints import SKIP, SLICES, Endpoints
from .kinds import Type
from .kubelet import Pods
from .store import Event, Store
from .workloads import OWNERS, Workloads

Json = dict[str, t.Any]
INSTANCE_ID = "container.googleapis.com/instance_id"
ROOT_CA = "kube-root-ca.crt"
NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
POLICIES = "egressnatpolicies.networking.gke.io"
EGRESS_NAT_POLICY = Type("networking.gke.io", "v1", "egressnatpolicies", "EgressNATPolicy", namespaced=False)
ALSO = {"pods": ("agents",), "services": ("balancers",)}
FACTS_FROM = {"pods", "services", SLICES, "networkpolicies.networking.k8s.io", "namespaces", "nodes", POLICIES}


class Controllers:
    """Everything that acts by itself in one cluster's Kubernetes."""

    def __init__(
        self, lab: Lab, cluster_path: str, store: Store, on_facts: t.Callable[[facts.ClusterFacts], None]
    ) -> None:
        self.lab = lab
        self.path = cluster_path
        self.store = store
        self.facts = facts.ClusterFacts(cluster_path)
        self._on_facts = on_facts
        self._stale = True
        self._pod_facts: dict[str, tuple[str, facts.Pod]] = {}
        self.context = context = Context(lab, cluster_path, store)
        context.stage("namespaces", self._namespace)
        context.stage("nodes", self._node)
        context.stage("addons", self._addons)
        self.workloads = Workloads(context)
        self.pods = Pods(context)
        self.agents = Agents(context, self._mark)
        self.endpoints = Endpoints(context)
        self.balancers = Balancers(context)
        context.listeners.append(self._saw)
        context.idle.append(self._deliver)
        self._stop = lab.state.watch(self._state_changed)
        for name in NAMESPACES:
            context.enqueue("namespaces", "", name)
        for instance in self._instances():
            context.enqueue("nodes", "", instance.name)
        context.enqueue("addons")
        for key in (*OWNERS.values(), "pods", "services"):
            for item in context.all(key):
                for stage in (key, *ALSO.get(key, ())):
                    context.enqueue(stage, item["metadata"]["namespace"], item["metadata"]["name"])

    # ---- for the lab

    def settle(self) -> None:
        """Do now all that there is to do now; what waits for the clock stays waiting."""
        self.context.settle()

    def stop(self) -> None:
        """The cluster is gone: so are the load balancers of its Services."""
        self._stop()
        self.balancers.stop()
        for rule in self.balancers.rules():
            self.balancers.drop(rule)
        self.context.stop()

    def set_agent(self, deployed: bool | None) -> None:
        """Tell whether GKE deployed ip-masq-agent; None: the lab's own rule decides."""
        self.agents.setting = deployed
        self._renew()

    def log(self, namespace: str, pod: str, container: str = "") -> list[str] | None:
        """The lines that a pod's container has logged; None where the lab knows of no program that writes any."""
        return self.agents.log(namespace, pod)

    def _renew(self) -> None:
        self._stale = True
        for instance in self._instances():
            self.context.enqueue("nodes", "", instance.name)
        self.context.enqueue("addons")

    # ---- what makes work

    def _instances(self) -> list[Resource]:
        return [item for item in self.lab.state.of_kind("compute#instance") if item.hidden.get("cluster") == self.path]

    def _state_changed(self, change: Change) -> None:
        resource = change.resource
        if resource.kind == "compute#instance":
            if resource.hidden.get("cluster") == self.path:
                self._stale = True
                self.context.enqueue("nodes", "", resource.name)
        elif resource.path == self.path and change.verb != "removed":
            self._renew()
        elif resource.kind == "compute#subnetwork":
            cluster = self.context.cluster
            if cluster is not None and resource.path == cluster.hidden.get("subnetwork"):
                self._mark()

    def _saw(self, event: Event) -> None:
        if event.key in FACTS_FROM:
            self._mark()
        metadata = event.stored["metadata"]
        if event.key == "namespaces":
            self.context.enqueue("namespaces", "", metadata["name"])
        elif event.key == "nodes" and event.type == "DELETED":
            self.context.enqueue("nodes", "", metadata["name"])
        elif event.type == "DELETED" and (
            (event.key == "serviceaccounts" and metadata["name"] == "default")
            or (event.key == "configmaps" and metadata["name"] == ROOT_CA)
        ):
            self.context.enqueue("namespaces", "", metadata["namespace"])

    def _mark(self) -> None:
        self._stale = True
        self.context.wake()

    # ---- namespaces and what every cluster has

    def _namespace(self, _none: str, name: str) -> None:
        context = self.context
        found = context.get("namespaces", "", name)
        if found is None:
            if name in NAMESPACES:
                labels = {policies.NAMESPACE_LABEL: name}
                body = {"metadata": {"name": name, "labels": labels}, "spec": {"finalizers": ["kubernetes"]}}
                found = context.create("namespaces", body)
            if found is None:
                return
        if found["metadata"].get("deletionTimestamp"):
            return
        if not found.get("status", {}).get("phase"):
            context.set_status("namespaces", found, {"phase": "Active"})
        if context.get("serviceaccounts", name, "default") is None:
            context.create("serviceaccounts", {"metadata": {"name": "default", "namespace": name}})
        if context.get("configmaps", name, ROOT_CA) is None:
            certificate = base64.b64decode(self.lab.authority.certificate_base64()).decode()
            described = {
                "kubernetes.io/description": "Contains a CA bundle that can be used to verify the kube-apiserver"
            }
            context.create(
                "configmaps",
                {
                    "metadata": {"name": ROOT_CA, "namespace": name, "annotations": described},
                    "data": {"ca.crt": certificate},
                },
            )
        if name == "default":
            self._api_service()

    def _api_service(self) -> None:
        """The Service named kubernetes: it leads to the control plane, which is outside the lab's packets."""
        body = self.context.body
        if self.context.get("services", "default", "kubernetes") is not None or not body.get("servicesIpv4Cidr"):
            return
        address = str(ipaddress.IPv4Network(body["servicesIpv4Cidr"])[1])
        plane = body.get("privateClusterConfig", {}).get("privateEndpoint") or body.get("endpoint", "")
        where = {"name": "kubernetes", "namespace": "default"}
        port: Json = {"name": "https", "port": 443, "protocol": "TCP"}
        self.context.create(
            "services",
            {
                "metadata": {**where, "labels": {"component": "apiserver", "provider": "kubernetes"}},
                "spec": {
                    "clusterIP": address,
                    "clusterIPs": [address],
                    "internalTrafficPolicy": "Cluster",
                    "ipFamilies": ["IPv4"],
                    "ipFamilyPolicy": "SingleStack",
                    "ports": [{**port, "targetPort": 443}],
                    "sessionAffinity": "None",
                    "type": "ClusterIP",
                },
            },
        )
        if not plane:
            return
        self.context.create(
            "endpoints",
            {
                "metadata": {**where, "labels": {SKIP: "true"}},
                "subsets": [{"addresses": [{"ip": plane}], "ports": [port]}],
            },
        )
        self.context.create(
            SLICES,
            {
                "metadata": {**where, "labels": {services.SLICE_SERVICE: "kubernetes"}},
                "addressType": "IPv4",
                "endpoints": [{"addresses": [plane], "conditions": {"ready": True}}],
                "ports": [port],
            },
        )

    def _addons(self, _namespace: str, _name: str) -> None:
        """What GKE itself keeps in the cluster."""
        if self.context.cluster is None:
            return
        self.agents.deploy()
        if masquerade.is_autopilot(self.context.body):
            self._egress_policies()

    def _egress_policies(self) -> None:
        crds = "customresourcedefinitions.apiextensions.k8s.io"
        if self.context.get(crds, "", POLICIES) is not None:
            return
        self.context.create(crds, egress_policy_definition())
        if POLICIES not in self.store.types:
            self.store.register(EGRESS_NAT_POLICY)
        self.context.create(POLICIES, masquerade.default_policy())
        name = digest(self.context.body["id"], 20)
        self.context.create(POLICIES, masquerade.managed_policy(name, self.ranges()))

    # ---- nodes

    def _node(self, _namespace: str, name: str) -> None:
        context = self.context
        instance = next((item for item in self._instances() if item.name == name), None)
        node = context.get("nodes", "", name)
        known = (node["metadata"].get("annotations") or {}).get(INSTANCE_ID, "") if node else ""
        if node is not None and (instance is None or known != instance.body["id"]):
            self.agents.forget(known)
            context.delete("nodes", node)
            node = None
        if instance is None:
            return
        cluster = context.body
        pool = node_objects.pool_of(cluster, instance.hidden["pool"])
        wanted = node_objects.labels(instance, cluster, pool, self.agents.deployed)
        now = self.store.timestamp()
        if node is None:
            metadata = {"name": name, "labels": wanted, "annotations": {INSTANCE_ID: instance.body["id"]}}
            status = node_objects.status(instance, cluster, pool, now, now)
            spec = node_objects.spec(instance, pool)
            context.create("nodes", {"metadata": metadata, "spec": spec, "status": status})
            return
        have = node["metadata"].get("labels") or {}
        changed = {key: value for key, value in wanted.items() if have.get(key) != value}
        gone = node_objects.AGENT_LABEL in have and node_objects.AGENT_LABEL not in wanted

        def relabel(new: Json) -> None:
            new["metadata"].setdefault("labels", {}).update(changed)
            if gone:
                del new["metadata"]["labels"][node_objects.AGENT_LABEL]

        if changed or gone:
            context.change("nodes", node, relabel)
        self._node_status(node, instance, now)

    def _node_status(self, node: Json, instance: Resource, now: str) -> None:
        cluster = self.context.body
        pool = node_objects.pool_of(cluster, instance.hidden["pool"])
        status = node_objects.status(instance, cluster, pool, now, now)
        before = {item["type"]: item for item in node["status"]["conditions"]}
        for item in status["conditions"]:
            old = before.get(item["type"], {})
            if old.get("status") == item["status"]:
                item |= {key: old[key] for key in ("lastHeartbeatTime", "lastTransitionTime")}
        self.context.set_status("nodes", node, status)

    def ranges(self) -> list[str]:
        """The cluster's own addresses: nodes', pods', services'."""
        cluster = self.context.cluster
        if cluster is None:
            return []
        space = self.lab.state.get(cluster.hidden["subnetwork"] or cluster.hidden["network"])
        found = [] if space is None else [space.body.get("ipCidrRange") or space.body.get("IPv4Range", "")]
        found += gke_nodes.pod_sources(cluster)
        return [item for item in [*found, cluster.body.get("servicesIpv4Cidr", "")] if item]

    # ---- facts

    def _deliver(self) -> None:
        if not self._stale:
            return
        self._stale = False
        found = self._compute()
        if found != self.facts:
            self.facts = found
            self._on_facts(found)

    def _compute(self) -> facts.ClusterFacts:
        context = self.context
        if context.cluster is None:
            return facts.ClusterFacts(self.path)
        instances = {instance.name: instance for instance in self._instances()}
        pods, running = [], []
        kept: dict[str, tuple[str, facts.Pod]] = {}
        for pod in sorted(context.all("pods"), key=_by_name):
            instance = instances.get(pod["spec"].get("nodeName", ""))
            if instance is None or pod.get("status", {}).get("phase") != "Running":
                continue
            running.append(pod)
            metadata = pod["metadata"]
            known = self._pod_facts.get(metadata["uid"])
            if known is None or known[0] != metadata["resourceVersion"]:
                known = (metadata["resourceVersion"], _pod_facts(pod, instance))
            kept[metadata["uid"]] = known
            pods.append(known[1])
        self._pod_facts = kept
        chains = [
            (instance.path, self.agents.chains(instance, self.ranges))
            for instance in sorted(instances.values(), key=lambda item: item.path)
        ]
        found_policies: list[facts.PodPolicy] = []
        if policies.enforced(context.body):
            found_policies = policies.resolve(
                context.all("networkpolicies.networking.k8s.io"), running, context.all("namespaces")
            )
        return facts.ClusterFacts(self.path, tuple(pods), tuple(self._services()), tuple(chains), tuple(found_policies))

    def _services(self) -> t.Iterator[facts.Service]:
        slices: dict[tuple[str, str], list[Json]] = {}
        for item in self.context.all(SLICES):
            name = (item["metadata"].get("labels") or {}).get(services.SLICE_SERVICE, "")
            slices.setdefault((item["metadata"]["namespace"], name), []).append(item)
        for service in sorted(self.context.all("services"), key=_by_name):
            metadata = service["metadata"]
            found = services.service_facts(service, slices.get((metadata["namespace"], metadata["name"]), []))
            if found is not None:
                yield found


def _by_name(item: Json) -> tuple[str, str]:
    return item["metadata"]["namespace"], item["metadata"]["name"]


def _pod_facts(pod: Json, instance: Resource) -> facts.Pod:
    metadata = pod["metadata"]
    return facts.Pod(
        metadata["namespace"],
        metadata["name"],
        metadata["uid"],
        instance.path,
        pod["status"]["podIP"],
        bool(pod["spec"].get("hostNetwork")),
        services.listens(pod),
    )


def egress_policy_definition() -> Json:
    """The CustomResourceDefinition of EgressNATPolicy, as far as Google documents its fields."""
    destination = {"type": "object", "required": ["cidr"], "properties": {"cidr": {"type": "string"}}}
    spec = {
        "type": "object",
        "required": ["action"],
        "properties": {
            "action": {"type": "string", "enum": ["NoSNAT"]},
            "destinations": {"type": "array", "items": destination},
        },
    }
    schema = {"type": "object", "required": ["spec"], "properties": {"spec": spec}}
    return {
        "metadata": {"name": POLICIES},
        "spec": {
            "group": "networking.gke.io",
            "names": {
                "kind": "EgressNATPolicy",
                "listKind": "EgressNATPolicyList",
                "plural": "egressnatpolicies",
                "singular": "egressnatpolicy",
            },
            "scope": "Cluster",
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }
