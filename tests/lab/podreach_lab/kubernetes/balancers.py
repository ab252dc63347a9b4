# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services of type LoadBalancer: what GKE makes in compute for an internal one.

Names and fields as in kubernetes/cloud-provider-gcp providers/gce/gce_loadbalancer_internal.go, static addresses in the
order of kubernetes/ingress-gce pkg/l4/address/to_use.go, events as in k8s.io/cloud-provider controllers/service.
Backend services, instance groups and health checks are not made. An external one gets no address: the lab has no
internet.
"""

from __future__ import annotations

import ipaddress
import typing as t

from .. import links
from ..clock import compute_time
from ..compute import allocation, subnetworks
from ..container import nodes
from ..container.common import digest, region_of
from ..faults import ApiFault
from ..state import Body, Change, Resource
from . import services
from .context import Context
from .store import Event

Json = dict[str, t.Any]
CLEANUP = "service.kubernetes.io/load-balancer-cleanup"
FINALIZER = "gke.networking.io/l4-ilb-v1"
SOURCE = "service-controller"
HEALTH_CHECKERS = ["130.211.0.0/22", "35.191.0.0/16"]
HEALTH_PORT = "10256"
MOST_PORTS = 5


class Refused(Exception):
    """Why there is no load balancer."""


class Balancers:
    """The service controller of a cluster."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._busy: set[str] = set()
        self._failed: dict[str, t.Any] = {}
        self._unsupported: set[str] = set()
        context.stage("balancers", self.reconcile)
        context.listeners.append(self._saw)
        self._stop = context.lab.state.watch(self._state_changed)

    def stop(self) -> None:
        self._stop()

    def _saw(self, event: Event) -> None:
        if event.key == "services":
            metadata = event.stored["metadata"]
            if event.type == "DELETED":
                self._failed.pop(metadata["uid"], None)
            self.context.enqueue("balancers", metadata["namespace"], metadata["name"])

    def _state_changed(self, change: Change) -> None:
        """Addresses that come or go may help a Service that was refused one."""
        kinds = (allocation.ADDRESS, allocation.FORWARDING_RULE, allocation.INSTANCE, subnetworks.KIND)
        if self._failed and change.resource.kind in kinds:
            self._failed.clear()
            for service in self.context.all("services"):
                self.context.enqueue("balancers", service["metadata"]["namespace"], service["metadata"]["name"])

    # ---- one Service

    def reconcile(self, namespace: str, name: str) -> None:
        service = self.context.get("services", namespace, name)
        if service is None or service["metadata"]["uid"] in self._busy:
            return
        uid = service["metadata"]["uid"]
        rule = self._rule(service)
        wanted = services.is_internal(service) and not service["metadata"].get("deletionTimestamp")
        if wanted:
            signature = _signature(service)
            if self._failed.get(uid) == signature:
                return
            if rule is not None and rule.hidden.get("signature") == signature and _address(service):
                return
            self.context.event(service, "Normal", "EnsuringLoadBalancer", "Ensuring load balancer", SOURCE)
            self._busy.add(uid)
            self.context.change("services", service, _hold)
            self._after(lambda: self._ensure(namespace, name, uid))
        elif rule is not None or FINALIZER in (service["metadata"].get("finalizers") or []):
            self.context.event(service, "Normal", "DeletingLoadBalancer", "Deleting load balancer", SOURCE)
            self._busy.add(uid)
            self._after(lambda: self._remove(namespace, name, uid))
        elif service["spec"].get("type") == "LoadBalancer" and uid not in self._unsupported:
            self._unsupported.add(uid)
            self.context.event(
                service,
                "Warning",
                "SyncLoadBalancerFailed",
                "Error syncing load balancer: the lab has no internet, so an external load balancer gets no address; "
                f'for an internal one set the annotation {services.TYPE_KEYS[0]}: "Internal"',
                SOURCE,
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
        try:
            rule = self._make(cluster, service)
        except (Refused, ApiFault) as error:
            self._failed[uid] = _signature(service)
            why = error.message if isinstance(error, ApiFault) else str(error)
            message = f"Error syncing load balancer: failed to ensure load balancer: {why}"
            self.context.event(service, "Warning", "SyncLoadBalancerFailed", message, SOURCE)
            return
        status = {
            **service.get("status", {}),
            "loadBalancer": {"ingress": [{"ip": rule.body["IPAddress"], "ipMode": "VIP"}]},
        }
        self.context.set_status("services", service, status)
        self.context.event(service, "Normal", "EnsuredLoadBalancer", "Ensured load balancer", SOURCE)

    def _remove(self, namespace: str, name: str, uid: str) -> None:
        self._busy.discard(uid)
        service = self.context.get("services", namespace, name)
        if service is None or service["metadata"]["uid"] != uid:
            return
        self.context.enqueue("balancers", namespace, name)
        if services.is_internal(service) and not service["metadata"].get("deletionTimestamp"):
            return
        rule = self._rule(service)
        if rule is not None:
            self.drop(rule)
        self.context.event(service, "Normal", "DeletedLoadBalancer", "Deleted load balancer", SOURCE)
        self.context.set_status("services", service, {**service.get("status", {}), "loadBalancer": {}})
        self.context.change("services", service, _let_go)

    # ---- in compute

    def _rule(self, service: Json) -> Resource | None:
        cluster = self.context.cluster
        if cluster is None:
            return None
        return self.context.lab.state.get(_path(cluster, service))

    def _make(self, cluster: Resource, service: Json) -> Resource:
        state = self.context.lab.state
        ports = service["spec"].get("ports") or []
        protocols = {str(port.get("protocol", "TCP")) for port in ports}
        if len(protocols) != 1:
            raise Refused("mixed protocol is not supported for LoadBalancer")
        protocol = protocols.pop()
        if protocol not in ("TCP", "UDP"):
            raise Refused(f"Invalid protocol {protocol}, only TCP and UDP are supported")
        if not self.context.all("nodes"):
            message = "There are no available nodes for LoadBalancer"
            self.context.event(service, "Warning", "UnAvailableLoadBalancer", message, SOURCE)
        path = _path(cluster, service)
        before = state.get(path)
        space, where = self._space(cluster, service)
        address = self._choose(cluster, service, space, before)
        described = f'{{"kubernetes.io/service-name":"{_full_name(service)}"}}'
        numbers = [str(port["port"]) for port in ports]
        body = self._base("compute#forwardingRule", path) | {
            "name": path.rsplit("/", 1)[1],
            "description": described,
            "region": links.self_link("/".join(path.split("/")[:4])),
            "IPAddress": address,
            "IPProtocol": protocol,
            "loadBalancingScheme": "INTERNAL",
            "networkTier": "PREMIUM",
            "backendService": links.self_link(path.replace("/forwardingRules/", "/backendServices/")),
            "fingerprint": state.new_fingerprint(),
            "labelFingerprint": state.new_fingerprint(),
            "allowGlobalAccess": services.global_access(service),
            **where,
            **({"allPorts": True} if len(numbers) > MOST_PORTS else {"ports": numbers}),
        }
        hidden = {"cluster": cluster.path, "service": _full_name(service), "signature": _signature(service)}
        if before is not None:
            self._release(before)
            state.remove(path)
        rule = state.add(Resource("compute#forwardingRule", path, body, hidden))
        self._use(rule)
        self._firewalls(cluster, service, address, protocol)
        return rule

    def _space(self, cluster: Resource, service: Json) -> tuple[allocation.Space, Body]:
        """Where the address comes from, and what the rule says of that."""
        state = self.context.lab.state
        network = state.get(cluster.hidden["network"])
        assert network is not None
        where: Body = {"network": network.body["selfLink"]}
        if not cluster.hidden["subnetwork"]:
            return allocation.of_legacy(network), where
        subnetwork = state.get(cluster.hidden["subnetwork"])
        named = services.annotation(service, *services.SUBNET_KEYS)
        if named:
            path = subnetworks.path_of(network.project, region_of(cluster.body["location"]), named)
            subnetwork = state.get(path)
            if subnetwork is None or subnetwork.body["network"] != network.body["selfLink"]:
                raise Refused(f"The subnetwork '{path}' was not found in the cluster's network")
        assert subnetwork is not None
        return allocation.of_subnetwork(subnetwork), where | {"subnetwork": subnetwork.body["selfLink"]}

    def _choose(self, cluster: Resource, service: Json, space: allocation.Space, before: Resource | None) -> str:
        """The named reserved address, else loadBalancerIP, else what it had, else the next free one."""
        state = self.context.lab.state
        own = before.body["IPAddress"] if before is not None else ""
        asked = service["spec"].get("loadBalancerIP") or ""
        names = services.annotation(service, services.ADDRESS_NAMES)
        if names:
            asked = self._named(cluster, names, space)
        if asked and asked != own:
            return allocation.claim(state, space, asked, "resource.IPAddress")
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

    def _use(self, rule: Resource) -> None:
        """Mark the reservation of the rule's address as used."""
        for item in self.context.lab.state.of_kind(allocation.ADDRESS):
            same = item.body.get("address") == rule.body["IPAddress"]
            if same and item.body.get("subnetwork") == rule.body.get("subnetwork"):
                item.body |= {"status": "IN_USE", "users": [rule.body["selfLink"]]}
                self.context.lab.state.changed(item)

    def _release(self, rule: Resource) -> None:
        for item in self.context.lab.state.of_kind(allocation.ADDRESS):
            if rule.body["selfLink"] in item.body.get("users", []):
                item.body["users"].remove(rule.body["selfLink"])
                if not item.body["users"]:
                    del item.body["users"]
                    item.body["status"] = "RESERVED"
                self.context.lab.state.changed(item)

    def drop(self, rule: Resource) -> None:
        """Remove a rule and what came with it; the health checkers' rule goes with the last one of the cluster."""
        state = self.context.lab.state
        self._release(rule)
        state.remove(rule.path)
        last = not self.rules()
        for item in state.of_kind("compute#firewall"):
            mine = item.hidden.get("cluster") == self.context.path
            if mine and (item.name == f"k8s-fw-{rule.name}" or (last and item.hidden.get("health_checks"))):
                state.remove(item.path)

    def rules(self) -> list[Resource]:
        """The forwarding rules of this cluster's Services."""
        found = self.context.lab.state.of_kind(allocation.FORWARDING_RULE)
        return [rule for rule in found if rule.hidden.get("cluster") == self.context.path]

    def _firewalls(self, cluster: Resource, service: Json, address: str, protocol: str) -> None:
        path = _path(cluster, service)
        described = f'{{"kubernetes.io/service-name":"{_full_name(service)}", "kubernetes.io/service-ip":"{address}"}}'
        ports = port_ranges([port["port"] for port in service["spec"]["ports"]])
        self._firewall(
            cluster,
            f"k8s-fw-{path.rsplit('/', 1)[1]}",
            {
                "description": described,
                "sourceRanges": services.source_ranges(service) or ["0.0.0.0/0"],
                "destinationRanges": [address],
                "allowed": [{"IPProtocol": protocol.lower(), "ports": ports}],
            },
        )
        self._firewall(
            cluster,
            _health_name(digest(cluster.body["id"], 16)),
            {"sourceRanges": list(HEALTH_CHECKERS), "allowed": [{"IPProtocol": "tcp", "ports": [HEALTH_PORT]}]},
            health_checks=True,
        )

    def _firewall(self, cluster: Resource, name: str, rule: Body, *, health_checks: bool = False) -> None:
        state = self.context.lab.state
        path = f"projects/{cluster.hidden['network'].split('/')[1]}/global/firewalls/{name}"
        have = state.get(path)
        body: Body = {
            "name": name,
            "network": links.self_link(cluster.hidden["network"]),
            "direction": "INGRESS",
            "priority": 1000,
            "disabled": False,
            "logConfig": {"enable": False},
            "targetTags": [nodes.tag_of(cluster)],
            **rule,
        }
        if have is None:
            hidden = {"cluster": cluster.path, "health_checks": health_checks}
            state.add(Resource("compute#firewall", path, self._base("compute#firewall", path) | body, hidden))
        elif any(have.body.get(key) != value for key, value in body.items()):
            have.body |= body
            state.changed(have)

    def _base(self, kind: str, path: str) -> Body:
        state = self.context.lab.state
        return {
            "kind": kind,
            "id": state.new_id(),
            "creationTimestamp": compute_time(state.clock.now()),
            "selfLink": links.self_link(path),
        }


def _full_name(service: Json) -> str:
    return f"{service['metadata']['namespace']}/{service['metadata']['name']}"


def _path(cluster: Resource, service: Json) -> str:
    """The rule is named after the Service's uid, as cloud-provider's default is."""
    name = ("a" + service["metadata"]["uid"].replace("-", ""))[:32]
    return f"projects/{cluster.project}/regions/{region_of(cluster.body['location'])}/forwardingRules/{name}"


def _health_name(cluster_id: str) -> str:
    return f"k8s-{cluster_id}-node-hc"


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
    )


def _hold(service: Json) -> None:
    have = service["metadata"].setdefault("finalizers", [])
    have += [item for item in (CLEANUP, FINALIZER) if item not in have]


def _let_go(service: Json) -> None:
    left = [item for item in service["metadata"].get("finalizers") or [] if item not in (CLEANUP, FINALIZER)]
    service["metadata"].pop("finalizers", None)
    if left:
        service["metadata"]["finalizers"] = left


def port_ranges(ports: t.Iterable[int]) -> list[str]:
    """Neighbours joined: 80, 443, 444 are 80 and 443-444."""
    found: list[list[int]] = []
    for port in sorted(set(ports)):
        if found and found[-1][1] == port - 1:
            found[-1][1] = port
        else:
            found.append([port, port])
    return [str(first) if first == last else f"{first}-{last}" for first, last in found]
