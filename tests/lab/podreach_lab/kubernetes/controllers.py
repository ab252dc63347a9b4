# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controllers of one cluster, and what packets need to know of it.

The store is bootstrap's. Nodes follow the cluster's compute instances; pods, workloads, endpoints, load balancers and
ip-masq-agent have modules of their own. Whenever the work is done and something has changed, `on_facts` is told.
"""

from __future__ import annotations

import typing as t

from ..container import nodes as gke_nodes
from ..container.common import digest
from ..core import Lab
from ..state import Change, Resource
from . import definitions, facts, masquerade, node_objects, policies, scheduling, services
from .agents import Agents
from .balancers import Balancers
from .context import Context
from .endpoints import SLICES, Endpoints
from .heartbeats import Heartbeats
from .kubelet import Pods
from .store import Event, Store
from .workloads import OWNERS, Workloads

Json = dict[str, t.Any]
INSTANCE_ID = "container.googleapis.com/instance_id"
POLICIES = "egressnatpolicies.networking.gke.io"
ALSO = {"pods": ("agents",), "services": ("balancers", "backends")}
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
        self._has_policies = POLICIES in store.types and bool(store.stored(POLICIES))
        self._by_name = {
            item.name: item
            for item in lab.state.of_kind("compute#instance")
            if item.hidden.get("cluster") == cluster_path
        }
        self._pod_facts: dict[str, tuple[str, facts.Pod]] = {}
        self.context = context = Context(lab, cluster_path, store)
        self.heartbeats = Heartbeats(lab.state.clock, lambda name: context.enqueue("nodes", "", name))
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
        for instance in self._instances():
            self.heartbeats.saw(instance)
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
        self.context.stop()

    def set_agent(self, deployed: bool | None) -> None:
        """Tell whether GKE deployed ip-masq-agent; None: the lab's own rule decides."""
        self.agents.tell(deployed)
        self._renew()
        self._mark()

    def _renew(self) -> None:
        self._stale = True
        for instance in self._instances():
            self.context.enqueue("nodes", "", instance.name)
        self.context.enqueue("addons")

    # ---- what makes work

    def _instances(self) -> list[Resource]:
        return list(self._by_name.values())

    def _state_changed(self, change: Change) -> None:
        resource = change.resource
        if resource.kind == "compute#instance":
            if resource.hidden.get("cluster") == self.path:
                if change.verb == "removed":
                    self._by_name.pop(resource.name, None)
                    self.heartbeats.forget(resource)
                else:
                    self._by_name[resource.name] = resource
                    self.heartbeats.saw(resource)
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
        if event.key == "nodes" and event.type == "DELETED":
            self.context.enqueue("nodes", "", event.stored["metadata"]["name"])

    def _mark(self) -> None:
        self._stale = True
        self.context.wake()

    # ---- what GKE keeps in a cluster

    def _addons(self, _namespace: str, _name: str) -> None:
        if self.context.cluster is None:
            return
        self.agents.deploy()
        if masquerade.is_autopilot(self.context.body):
            self._egress_policies()

    def _egress_policies(self) -> None:
        """Autopilot's two policies, once; their owner may edit or delete the one named default."""
        if POLICIES not in self.store.types:
            self.context.create(definitions.KEY, definitions.GKE_EGRESS_NAT_POLICY)
        if POLICIES not in self.store.types:  # a store that serves no definitions
            self.store.register(definitions.type_of(definitions.GKE_EGRESS_NAT_POLICY))
        if not self._has_policies:
            self._has_policies = True
            self.context.create(POLICIES, masquerade.default_policy())
            name = digest(self.context.body["id"], 20)
            self.context.create(POLICIES, masquerade.managed_policy(name, self.ranges()))

    # ---- nodes

    def _node(self, _namespace: str, name: str) -> None:
        context = self.context
        instance = self._by_name.get(name)
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
            heard = self.heartbeats.heard(instance)
            status = node_objects.status(instance, cluster, pool, now, now, heard=heard)
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
        heard = self.heartbeats.heard(instance)
        status = node_objects.status(instance, cluster, pool, now, now, heard=heard)
        before = {item["type"]: item for item in node["status"]["conditions"]}
        for item in status["conditions"]:
            old = before.get(item["type"], {})
            if old.get("status") == item["status"]:
                item |= {key: old[key] for key in ("lastHeartbeatTime", "lastTransitionTime")}
        if scheduling.is_ready(node) != heard:
            word, who = ("NodeReady", "kubelet") if heard else ("NodeNotReady", "node-controller")
            message = f"Node {instance.name} status is now: {word}"
            self.context.event(node, "Normal", word, message, who)
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
        instances = self._by_name
        pods, running, idle = [], [], []
        kept: dict[str, tuple[str, facts.Pod]] = {}
        for pod in sorted(context.all("pods"), key=_by_name):
            instance = instances.get(pod["spec"].get("nodeName", ""))
            if instance is None or pod.get("status", {}).get("phase") != "Running":
                idle.append(_idle(pod))
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
        return facts.ClusterFacts(
            self.path, tuple(pods), tuple(self._services()), tuple(chains), tuple(found_policies), tuple(idle)
        )

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


def _idle(pod: Json) -> facts.Idle:
    status = pod.get("status", {})
    untrue = (item.get("message", "") for item in status.get("conditions") or [] if item["status"] != "True")
    metadata = pod["metadata"]
    return facts.Idle(metadata["namespace"], metadata["name"], status.get("phase", "Pending"), next(untrue, ""))


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
