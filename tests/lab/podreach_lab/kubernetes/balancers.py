# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services of type LoadBalancer: who makes an internal load balancer of one, when, and what it says.

Version 1 is the service controller (events as in k8s.io/cloud-provider controllers/service), version 2 the L4
controller of clusters with subsetting (kubernetes/ingress-gce pkg/l4/controllers/l4controller.go). A Service stays with
the one whose finalizer it has. What they make in compute is in `balancer_resources`. An external load balancer gets no
address: the lab has no internet.
"""

from __future__ import annotations

import ipaddress
import json
import typing as t

from ..compute import allocation, forwarding_rules, subnetworks
from ..container import versions
from ..container.common import region_of
from ..faults import ApiFault
from ..state import Body, Change, Resource
from . import balancer_resources as made
from . import services
from .agents import path_of
from .context import Context
from .endpoints import SLICES
from .store import Event

Json = dict[str, t.Any]
CLEANUP = "service.kubernetes.io/load-balancer-cleanup"
FINALIZERS = {1: "gke.networking.io/l4-ilb-v1", 2: "gke.networking.io/l4-ilb-v2"}
SOURCES = {1: "service-controller", 2: "loadbalancer-controller"}
EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"
STATUS = "service.kubernetes.io/"
GROUPS = "cloud.google.com/neg-status"
SUBSETTING_SINCE = (1, 36)
CLASSES_SINCE = versions.key("1.33.1-gke.1779000")


class Refused(Exception):
    """Why there is no load balancer."""


def has_subsetting(cluster: Body) -> bool:
    """https://cloud.google.com/kubernetes-engine/docs/how-to/internal-load-balancing"""
    since = versions.key(str(cluster.get("currentMasterVersion", "1.0")))[:2]
    return bool(cluster.get("networkConfig", {}).get("enableL4ilbSubsetting")) or since >= SUBSETTING_SINCE


def version_of(cluster: Body, service: Json) -> int:
    """Which controller is a Service's; 0: none."""
    have = service["metadata"].get("finalizers") or []
    for version, finalizer in FINALIZERS.items():
        if finalizer in have:
            return version
    given = service["spec"].get("loadBalancerClass")
    if given == services.CLASS_LEGACY:
        return 1
    if given:
        known = versions.key(str(cluster.get("currentMasterVersion", "1.0"))) >= CLASSES_SINCE
        return 2 if has_subsetting(cluster) and known else 0
    return 2 if has_subsetting(cluster) else 1


class Balancers:
    """The service controller and the L4 controller of a cluster."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.compute = made.Compute(context.lab.state, context.path)
        self._busy: set[str] = set()
        self._failed: dict[str, t.Any] = {}
        self._unsupported: set[str] = set()
        context.stage("balancers", self.reconcile)
        context.stage("backends", self.follow)
        context.listeners.append(self._saw)
        self._stop = context.lab.state.watch(self._state_changed)

    def stop(self) -> None:
        """The cluster is gone: so is what was made for its Services."""
        self._stop()
        self.compute.clear()

    def _saw(self, event: Event) -> None:
        metadata = event.stored["metadata"]
        if event.key == "services":
            if event.type == "DELETED":
                self._failed.pop(metadata["uid"], None)
            elif event.before is not None:
                self._tell_type(event.before, event.stored)
            for stage in ("balancers", "backends"):
                self.context.enqueue(stage, metadata["namespace"], metadata["name"])
        elif event.key == SLICES:
            name = (metadata.get("labels") or {}).get(services.SLICE_SERVICE)
            if name:
                self.context.enqueue("backends", metadata["namespace"], name)
        elif event.key == "nodes" and (event.before is None or event.type == "DELETED" or _relabelled(event)):
            self._again("backends")

    def _tell_type(self, before: Json, after: Json) -> None:
        """The L4 controller says when a Service begins or ceases to be an internal one."""
        if services.is_internal(before) != services.is_internal(after) and version_of(self.context.body, after) == 2:
            told = [f"Type : {item['spec'].get('type')}, LBType : {services.type_of(item)}" for item in (before, after)]
            self.context.event(after, "Normal", "Type", " -> ".join(told), SOURCES[2])

    def _again(self, *stages: str) -> None:
        for service in self.context.all("services"):
            for stage in stages:
                self.context.enqueue(stage, service["metadata"]["namespace"], service["metadata"]["name"])

    def _state_changed(self, change: Change) -> None:
        """Addresses that come or go may help a Service that was refused one; subsetting may be switched on."""
        kinds = (allocation.ADDRESS, allocation.FORWARDING_RULE, allocation.INSTANCE, subnetworks.KIND)
        if self._failed and change.resource.kind in kinds:
            self._failed.clear()
            self._again("balancers")
        elif change.resource.path == self.context.path and change.verb != "removed":
            self._again("balancers")

    # ---- one Service

    def reconcile(self, namespace: str, name: str) -> None:
        service = self.context.get("services", namespace, name)
        if service is None or self.context.cluster is None or service["metadata"]["uid"] in self._busy:
            return
        uid = service["metadata"]["uid"]
        version = version_of(self.context.body, service)
        rule = self.compute.rule_of(service)
        if services.is_internal(service) and not service["metadata"].get("deletionTimestamp"):
            signature = _signature(service)
            done = rule is not None and rule.hidden["signature"] == signature and _address(service)
            if done or not version or self._failed.get(uid) == signature:
                return
            if version == 1 or not service["spec"].get("loadBalancerClass"):  # it begins before it knows whose it is
                self.context.event(service, "Normal", "EnsuringLoadBalancer", "Ensuring load balancer", SOURCES[1])
            self._busy.add(uid)
            self.context.change("services", service, lambda new: _hold(new, version))
            self._after(lambda: self._ensure(namespace, name, uid))
        elif rule is not None or not set(FINALIZERS.values()).isdisjoint(service["metadata"].get("finalizers") or []):
            told = "Deleting load balancer" + (f" for {namespace}/{name}" if version == 2 else "")
            self.context.event(service, "Normal", "DeletingLoadBalancer", told, SOURCES[version or 1])
            self._busy.add(uid)
            self._after(lambda: self._remove(namespace, name, uid))
        elif services.is_external(service) and uid not in self._unsupported:
            self._unsupported.add(uid)
            self.context.event(
                service,
                "Warning",
                "SyncLoadBalancerFailed",
                "Error syncing load balancer: the lab has no internet, so an external load balancer gets no address; "
                f'for an internal one set the annotation {services.TYPE_KEYS[0]}: "Internal"',
                SOURCES[1],
            )

    def _after(self, call: t.Callable[[], None]) -> None:
        clock = self.context.lab.state.clock
        clock.after(clock.seconds("kubernetes.loadBalancer", "kubernetes"), call)

    def _ensure(self, namespace: str, name: str, uid: str) -> None:
        self._busy.discard(uid)
        service = self.context.get("services", namespace, name)
        cluster = self.context.cluster
        if service is None or service["metadata"]["uid"] != uid or cluster is None:
            return
        self.context.enqueue("balancers", namespace, name)  # it may have changed meanwhile
        if service["metadata"].get("deletionTimestamp") or not services.is_internal(service):
            return
        version = version_of(cluster.body, service)
        try:
            rule, called = self._make(version, cluster, service)
        except (Refused, ApiFault) as error:
            self._failed[uid] = _signature(service)
            why = error.message if isinstance(error, ApiFault) else str(error)
            why = f"failed to ensure load balancer: {why}" if version == 1 else why
            message = f"Error syncing load balancer: {why}"
            self.context.event(service, "Warning", "SyncLoadBalancerFailed", message, SOURCES[version])
            return
        status = {
            **service.get("status", {}),
            "loadBalancer": {"ingress": [{"ip": rule.body["IPAddress"], "ipMode": "VIP"}]},
        }
        self.context.set_status("services", service, status)
        if version == 1:
            self.context.event(service, "Normal", "EnsuredLoadBalancer", "Ensured load balancer", SOURCES[1])
        else:
            message = "Successfully ensured load balancer resources"
            self.context.event(service, "Normal", "SyncLoadBalancerSuccessful", message, SOURCES[2])
            self._annotate(service, self._annotations(service, called))

    def _remove(self, namespace: str, name: str, uid: str) -> None:
        self._busy.discard(uid)
        service = self.context.get("services", namespace, name)
        if service is None or service["metadata"]["uid"] != uid:
            return
        self.context.enqueue("balancers", namespace, name)
        if services.is_internal(service) and not service["metadata"].get("deletionTimestamp"):
            return
        version = version_of(self.context.body, service)
        self.compute.drop(f"{namespace}/{name}")
        self.context.event(service, "Normal", "DeletedLoadBalancer", "Deleted load balancer", SOURCES[version or 1])
        self.context.set_status("services", service, {**service.get("status", {}), "loadBalancer": {}})
        self._annotate(service, {})
        self.context.change("services", service, _let_go)

    # ---- in compute

    def _make(self, version: int, cluster: Resource, service: Json) -> tuple[Resource, made.Names]:
        ports = service["spec"].get("ports") or []
        protocols = {str(port.get("protocol", "TCP")) for port in ports}
        if len(protocols) != 1:
            raise Refused("mixed protocol is not supported for LoadBalancer")
        protocol = made.protocol_of(service)
        if protocol not in ("TCP", "UDP"):
            raise Refused(f"Invalid protocol {protocol}, only TCP and UDP are supported")
        if not self.context.all("nodes"):
            message = "There are no available nodes for LoadBalancer"
            self.context.event(service, "Warning", "UnAvailableLoadBalancer", message, SOURCES[1])
        called = made.names(version, cluster, service)
        space, where = self._space(version, cluster, service)
        address = self._choose(version, cluster, service, space)
        before = self.compute.rule_of(service)
        if before is not None and before.name != called.rule:
            self.compute.drop_rule(before)
        check = self.compute.health_check(version, service, called)
        behind = self._groups(version, service, called)
        backend = self.compute.backend_service(version, service, called, check, behind)
        self._local(service, backend)
        rule = self.compute.rule(version, service, called, backend, address, where, _signature(service))
        for command in self.compute.firewalls(version, service, called, address):
            message = f"Firewall change required by security admin: `{command}`"
            self.context.event(service, "Normal", "LoadBalancerManualChange", message, SOURCES[version])
        self.compute.sweep()
        return rule, called

    def follow(self, namespace: str, name: str) -> None:
        """Keep the groups behind a Service in step with nodes and endpoints."""
        service = self.context.get("services", namespace, name)
        cluster = self.context.cluster
        if service is None or cluster is None or service["metadata"].get("deletionTimestamp"):
            return
        rule = self.compute.rule_of(service)
        if rule is None or rule.hidden["signature"] != _signature(service):
            return
        version = version_of(cluster.body, service)
        called = made.names(version, cluster, service)
        check = self.compute.health_check(version, service, called)
        behind = self._groups(version, service, called)
        backend = self.compute.backend_service(version, service, called, check, behind)
        self._local(service, backend)
        self.compute.sweep()

    def _nodes(self) -> list[str]:
        """The nodes that may be behind load balancers, by the paths of their instances."""
        return sorted(
            path_of(node)
            for node in self.context.all("nodes")
            if EXCLUDED not in (node["metadata"].get("labels") or {}) and node["spec"].get("providerID")
        )

    def _with_endpoints(self, service: Json) -> list[str]:
        """Those of them that have a ready endpoint of a Service."""
        metadata = service["metadata"]
        names = {
            endpoint.get("nodeName")
            for item in self.context.all(SLICES, metadata["namespace"])
            if (item["metadata"].get("labels") or {}).get(services.SLICE_SERVICE) == metadata["name"]
            for endpoint in item.get("endpoints") or []
            if (endpoint.get("conditions") or {}).get("ready") is not False
        }
        return [path for path in self._nodes() if path.rpartition("/")[2] in names]

    def _groups(self, version: int, service: Json, called: made.Names) -> list[Resource]:
        """A group in every zone that has nodes."""
        everyone = chosen = self._nodes()
        if version == 2:
            chosen = made.subset(service, self._with_endpoints(service) if services.is_local(service) else everyone)
        found = []
        for zone in sorted({path.split("/")[3] for path in everyone}):
            members = [path for path in chosen if path.split("/")[3] == zone]
            found.append(self.compute.group(version, service, called, zone, members))
        return found

    def _local(self, service: Json, backend: Resource) -> None:
        """Who answers the health check of a Service with the policy Local."""
        local = services.is_local(service)
        port = made.check_port(service) if local else 0
        nodes = self._with_endpoints(service) if local else []
        if (backend.hidden.get("local_port"), backend.hidden.get("local_nodes")) != (port, nodes):
            backend.hidden |= {"local_port": port, "local_nodes": nodes}
            self.context.lab.state.changed_phase(backend)

    def _space(self, version: int, cluster: Resource, service: Json) -> tuple[allocation.Space, Body]:
        """Where the address comes from, and what the rule says of that."""
        state = self.context.lab.state
        network = state.get(cluster.hidden["network"])
        assert network is not None
        where: Body = {"network": network.body["selfLink"]}
        if not cluster.hidden["subnetwork"]:
            message = "Internal LoadBalancer options are not supported with Legacy Networks."
            self.context.event(service, "Warning", "ILBOptionsIgnored", message, SOURCES[version])
            return allocation.of_legacy(network), where
        subnetwork = state.get(cluster.hidden["subnetwork"])
        named = services.annotation(service, *services.SUBNET_KEYS[-version:])
        if named:
            path = subnetworks.path_of(network.project, region_of(cluster.body["location"]), named)
            subnetwork = state.get(path)
            if subnetwork is None or subnetwork.body["network"] != network.body["selfLink"]:
                raise Refused(f"The subnetwork '{path}' was not found in the cluster's network")
        assert subnetwork is not None
        return allocation.of_subnetwork(subnetwork), where | {"subnetwork": subnetwork.body["selfLink"]}

    def _choose(self, version: int, cluster: Resource, service: Json, space: allocation.Space) -> str:
        """The named reserved address (version 2), else loadBalancerIP, else what it had, else the next free one."""
        state = self.context.lab.state
        before = self.compute.rule_of(service)
        own = before.body["IPAddress"] if before is not None else ""
        asked = service["spec"].get("loadBalancerIP") or ""
        names = services.annotation(service, services.ADDRESS_NAMES) if version == 2 else ""
        if names:
            if asked:
                self.context.event(service, "Normal", "MixedStaticIP", MIXED, SOURCES[2])
            asked = self._named(cluster, names, space)
        if asked and asked != own:
            wanted = {
                "IPProtocol": made.protocol_of(service),
                "ports": [str(port["port"]) for port in service["spec"]["ports"]],
            }
            besides = before.path if before is not None else ""
            return forwarding_rules.claim(state, space, asked, wanted, besides)
        if own and ipaddress.ip_address(own) in space.range:
            return str(own)
        found = allocation.free(state, space)
        if found is None:
            raise allocation.exhausted(space)
        return found

    def _named(self, cluster: Resource, names: str, space: allocation.Space) -> str:
        region = region_of(cluster.body["location"])
        for name in (item.strip() for item in names.split(",")):
            found = self.context.lab.state.get(f"projects/{cluster.project}/regions/{region}/addresses/{name}")
            if found is None:
                raise Refused(f'reserved address ("{name}") is not valid, err: address not found in region {region}')
            if found.body.get("addressType") != "INTERNAL":
                raise Refused(f'reserved address ("{name}") is not valid, err: it is not an internal address')
            if ipaddress.ip_address(found.body["address"]) in space.range:
                return str(found.body["address"])
        raise Refused(
            f'reserved address ("{names}") is not valid, err: it is not in the subnetwork of the load balancer'
        )

    # ---- what the L4 controller writes on a Service

    def _annotations(self, service: Json, called: made.Names) -> dict[str, str]:
        zones = sorted({path.split("/")[3] for path in self._nodes()})
        groups = {"network_endpoint_groups": {"0": called.group}, "zones": zones}
        return {
            f"{STATUS}{made.protocol_of(service).lower()}-forwarding-rule": called.rule,
            f"{STATUS}backend-service": called.backend,
            f"{STATUS}firewall-rule": called.firewall,
            f"{STATUS}healthcheck": called.check,
            f"{STATUS}firewall-rule-for-hc": called.check_firewall,
            GROUPS: json.dumps(groups, separators=(",", ":")),
        }

    def _annotate(self, service: Json, wanted: dict[str, str]) -> None:
        """Exactly these of the controller's own annotations."""
        have = service["metadata"].get("annotations") or {}
        mine = {key: value for key, value in have.items() if key in OWN}
        if mine == wanted:
            return

        def alter(new: Json) -> None:
            kept = {k: v for k, v in (new["metadata"].get("annotations") or {}).items() if k not in OWN}
            new["metadata"]["annotations"] = kept | wanted

        self.context.change("services", service, alter)


MIXED = (
    'Found both .Spec.LoadBalancerIP and "networking.gke.io/load-balancer-ip-addresses" annotation. '
    "Consider using annotation only."
)
OWN = {
    GROUPS,
    *(
        STATUS + name
        for name in (
            "tcp-forwarding-rule",
            "udp-forwarding-rule",
            "backend-service",
            "firewall-rule",
            "healthcheck",
            "firewall-rule-for-hc",
        )
    ),
}


def _relabelled(event: Event) -> bool:
    before = event.before or {"metadata": {}}
    return bool(before["metadata"].get("labels") != event.stored["metadata"].get("labels"))


def _address(service: Json) -> str:
    ingress = (service.get("status", {}).get("loadBalancer") or {}).get("ingress") or [{}]
    return str(ingress[0].get("ip", ""))


def _signature(service: Json) -> t.Any:
    """Everything of a Service that its load balancer depends on."""
    spec = service["spec"]
    return (
        tuple((str(port.get("protocol", "TCP")), port["port"]) for port in spec.get("ports") or []),
        spec.get("loadBalancerIP") or "",
        services.annotation(service, services.ADDRESS_NAMES),
        services.annotation(service, *services.SUBNET_KEYS),
        services.global_access(service),
        tuple(services.source_ranges(service)),
        services.is_local(service),
        spec.get("healthCheckNodePort"),
        spec.get("sessionAffinity"),
    )


def _hold(service: Json, version: int) -> None:
    have = service["metadata"].setdefault("finalizers", [])
    wanted = [FINALIZERS[version]] if service["spec"].get("loadBalancerClass") else [CLEANUP, FINALIZERS[version]]
    have += [item for item in wanted if item not in have]


def _let_go(service: Json) -> None:
    mine = (CLEANUP, *FINALIZERS.values())
    left = [item for item in service["metadata"].get("finalizers") or [] if item not in mine]
    service["metadata"].pop("finalizers", None)
    if left:
        service["metadata"]["finalizers"] = left
