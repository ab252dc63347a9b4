# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What GKE makes in compute for an internal LoadBalancer Service: how it is called, and putting it there.

Two controllers do it. The service controller (version 1) uses instance groups; names and fields as in
kubernetes/cloud-provider-gcp providers/gce/gce_loadbalancer_internal.go. The L4 controller of clusters with subsetting
(version 2) uses GCE_VM_IP network endpoint groups; as in kubernetes/ingress-gce pkg/utils/namer/l4_namer.go and pkg/l4.
The eight characters by which version 2 tells clusters and Services apart are the lab's own digest.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import typing as t

from .. import iam, links
from ..clock import compute_time
from ..compute import allocation, backend_services, groups, health, health_checks
from ..container import nodes
from ..container.common import digest, region_of
from ..state import Body, Resource, State
from . import services

Json = dict[str, t.Any]
FIREWALL = "compute#firewall"
NODES_PORT = health.KUBE_PROXY
MOST_PORTS = 5
MOST_NODES = {"Cluster": 25, "Local": 250}
"""How many nodes of a cluster a Service's network endpoint groups hold, by externalTrafficPolicy."""
SLOWER = ("checkIntervalSec", "timeoutSec", "healthyThreshold", "unhealthyThreshold")
"""What of a health check stays as somebody set it, where that is more."""
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
LONGEST = 39
"""Of a namespace and a name in a name of version 2."""


@dataclasses.dataclass(frozen=True)
class Names:
    """What a Service's resources are called."""

    rule: str
    backend: str
    group: str
    check: str
    firewall: str
    check_firewall: str


def names(version: int, cluster: Resource, service: Json) -> Names:
    local = services.is_local(service)
    if version == 1:
        unique = ("a" + service["metadata"]["uid"].replace("-", ""))[:32]
        number = digest(cluster.body["id"], 16)
        check = unique if local else f"k8s-{number}-node"
        return Names(unique, unique, f"k8s-ig--{number}", check, f"k8s-fw-{unique}", f"{check}-hc")
    metadata = service["metadata"]
    number = letters(cluster.body["id"])
    suffix = letters(f"{number};{metadata['namespace']};{metadata['name']}")
    middle = trimmed(LONGEST, metadata["namespace"], metadata["name"])
    protocol = protocol_of(service).lower()
    short = trimmed(LONGEST - len(protocol) - 1, metadata["namespace"], metadata["name"])
    own = f"k8s2-{number}-{middle}-{suffix}"
    check = own if local else f"k8s2-{number}-l4-shared-hc"
    return Names(f"k8s2-{protocol}-{number}-{short}-{suffix}", own, own, check, own, f"{check[:60]}-fw")


def letters(text: str) -> str:
    return "".join(LETTERS[byte % len(LETTERS)] for byte in hashlib.sha256(text.encode()).digest()[:8])


def trimmed(longest: int, *parts: str) -> str:
    """The parts joined, each cut in proportion when they are too long together."""
    excess = sum(map(len, parts)) - longest
    if excess > 0:
        whole = sum(map(len, parts))
        parts = tuple(part[: len(part) - (excess * len(part) + whole - 1) // whole] for part in parts)
    return "-".join(parts)


def protocol_of(service: Json) -> str:
    ports = service["spec"].get("ports") or [{}]
    return str(ports[0].get("protocol", "TCP"))


def full_name(service: Json) -> str:
    return f"{service['metadata']['namespace']}/{service['metadata']['name']}"


def described(version: int, service: Json, address: str = "") -> str:
    """What the description of a resource says of its Service."""
    if version == 1:
        told = f', "kubernetes.io/service-ip":"{address}"' if address else ""
        return f'{{"kubernetes.io/service-name":"{full_name(service)}"{told}}}'
    found = {"networking.gke.io/service-name": full_name(service), "networking.gke.io/api-version": "ga"}
    return json.dumps(found | ({"networking.gke.io/service-ip": address} if address else {}), separators=(",", ":"))


SHARED_CHECK = (
    '{"networking.gke.io/service-name":"","networking.gke.io/api-version":"ga",'
    '"networking.gke.io/resource-description":"This resource is shared by all L4 ILB Services using '
    'ExternalTrafficPolicy: Cluster."}'
)


class Compute:
    """Puts one cluster's resources into compute, and takes them away."""

    def __init__(self, state: State, cluster: str) -> None:
        self.state = state
        self.path = cluster

    @property
    def cluster(self) -> Resource:
        found = self.state.get(self.path)
        assert found is not None
        return found

    @property
    def region(self) -> str:
        return f"projects/{self.path.split('/')[1]}/regions/{region_of(self.path.split('/')[3])}"

    def put(self, kind: str, path: str, body: Body, **hidden: t.Any) -> Resource:
        """Have a resource there, with at least these fields."""
        have = self.state.get(path)
        hidden |= {"cluster": self.path}
        if have is None:
            base: Body = {
                "kind": kind,
                "id": self.state.new_id(),
                "creationTimestamp": compute_time(self.state.clock.now()),
                "selfLink": links.self_link(path),
                "name": path.rsplit("/", 1)[1],
            }
            return self.state.add(Resource(kind, path, base | body, hidden))
        changed = any(have.body.get(key) != value for key, value in body.items())
        if changed or any(have.hidden.get(key) != value for key, value in hidden.items()):
            have.body |= body
            have.hidden |= hidden
            (self.state.changed if changed else self.state.changed_phase)(have)
        return have

    def mine(self, kind: str) -> list[Resource]:
        return [item for item in self.state.of_kind(kind) if item.hidden.get("cluster") == self.path]

    def rule_of(self, service: Json) -> Resource | None:
        """The forwarding rule of a Service, by its uid."""
        uid = service["metadata"]["uid"]
        return next((item for item in self.mine(allocation.FORWARDING_RULE) if item.hidden.get("uid") == uid), None)

    # ---- what stands behind a rule

    def health_check(self, version: int, service: Json, called: Names) -> Resource:
        local = services.is_local(service)
        fast = local and version == 2
        description = described(version, service) if local else SHARED_CHECK if version == 2 else ""
        body: Body = {
            "description": description,
            "type": "HTTP",
            "checkIntervalSec": 3 if fast else 8,
            "timeoutSec": 1,
            "healthyThreshold": 1,
            "unhealthyThreshold": 2 if fast else 3,
            "httpHealthCheck": {
                "port": check_port(service),
                "requestPath": "/healthz",
                "proxyHeader": "NONE",
            },
        }
        path = f"projects/{self.path.split('/')[1]}/global/healthChecks/{called.check}"
        have = self.state.get(path)
        if have is not None:
            body |= {field: max(body[field], have.body[field]) for field in SLOWER}
        return self.put(health_checks.KIND, path, body, firewall=called.check_firewall)

    def group(self, version: int, service: Json, called: Names, zone: str, members: t.Sequence[str]) -> Resource:
        """One zone's group of nodes."""
        where = f"projects/{self.path.split('/')[1]}/zones/{zone}"
        network, subnetwork = self.cluster.hidden["network"], self.cluster.hidden["subnetwork"]
        body: Body = {"zone": links.self_link(where), "network": links.self_link(network)}
        if subnetwork:
            body["subnetwork"] = links.self_link(subnetwork)
        if version == 1:
            body["description"] = ""
            path = f"{where}/instanceGroups/{called.group}"
            if self.state.get(path) is None:
                body["fingerprint"] = self.state.new_fingerprint()
            return self.put(groups.INSTANCES, path, body, members=list(members))
        body |= {"networkEndpointType": "GCE_VM_IP", "description": self.told_of(service)}
        path = f"{where}/networkEndpointGroups/{called.group}"
        return self.put(groups.ENDPOINTS, path, body, members=list(members))

    def told_of(self, service: Json) -> str:
        metadata = service["metadata"]
        found = {
            "cluster-uid": letters(self.cluster.body["id"]),
            "namespace": metadata["namespace"],
            "service-name": metadata["name"],
            "port": "0",
        }
        return json.dumps(found, separators=(",", ":"))

    def backend_service(
        self, version: int, service: Json, called: Names, check: Resource, behind: t.Sequence[Resource]
    ) -> Resource:
        affinity = "CLIENT_IP" if service["spec"].get("sessionAffinity") == "ClientIP" else "NONE"
        protocol = protocol_of(service)
        draining = 30 if version == 2 and protocol == "TCP" else 0
        path = f"{self.region}/backendServices/{called.backend}"
        body: Body = {
            "description": described(version, service),
            "region": links.self_link(self.region),
            "protocol": protocol,
            "loadBalancingScheme": "INTERNAL",
            "healthChecks": [check.body["selfLink"]],
            "backends": [{"group": item.body["selfLink"], "balancingMode": "CONNECTION"} for item in behind],
            "sessionAffinity": affinity,
            "timeoutSec": 30,
            "connectionDraining": {"drainingTimeoutSec": draining},
        }
        if self.state.get(path) is None:
            body["fingerprint"] = self.state.new_fingerprint()
        return self.put(backend_services.KIND, path, body, service=full_name(service))

    # ---- firewall rules

    def firewall(self, name: str, rule: Body, **hidden: t.Any) -> str:
        """Have a rule there; where GKE may not write it, in the network of a host project, the gcloud command that
        would."""
        network = self.cluster.hidden["network"]
        body: Body = {
            "network": links.self_link(network),
            "direction": "INGRESS",
            "priority": 1000,
            "disabled": False,
            "logConfig": {"enable": False},
            "targetTags": [nodes.tag_of(self.cluster)],
            **rule,
        }
        path = f"projects/{network.split('/')[1]}/global/firewalls/{name}"
        if self._may_write(network):
            self.put(FIREWALL, path, body, **hidden)
            return ""
        return written_by_hand(self.state.get(path), path, body)

    def _may_write(self, network: str) -> bool:
        own, host = self.path.split("/")[1], network.split("/")[1]
        agent = iam.gke_agent(self.state, own)
        return own == host or iam.permitted(self.state, agent, "compute.firewalls.create", f"projects/{host}")

    def firewalls(self, version: int, service: Json, called: Names, address: str) -> list[str]:
        """One for the Service's clients, one for those who check health. Returns the commands for what GKE may not
        do itself."""
        wanted = self.firewall(
            called.firewall,
            {
                "description": described(version, service, address),
                "sourceRanges": services.source_ranges(service) or ["0.0.0.0/0"],
                "destinationRanges": [address],
                "allowed": [
                    {
                        "IPProtocol": protocol_of(service).lower(),
                        "ports": port_ranges([port["port"] for port in service["spec"]["ports"]]),
                    }
                ],
            },
            service=full_name(service),
        )
        allowed = [{"IPProtocol": "tcp", "ports": [str(check_port(service))]}]
        checks = self.firewall(called.check_firewall, {"sourceRanges": list(health.CHECKERS), "allowed": allowed})
        return [command for command in (wanted, checks) if command]

    # ---- the rule itself

    def rule(
        self, version: int, service: Json, called: Names, backend: Resource, address: str, where: Body, signature: t.Any
    ) -> Resource:
        """Forwarding rules can't be changed: another one takes the place of what is there."""
        numbers = [str(port["port"]) for port in service["spec"]["ports"]]
        body: Body = {
            "description": described(version, service, address if version == 2 else ""),
            "region": links.self_link(self.region),
            "IPAddress": address,
            "IPProtocol": protocol_of(service),
            "loadBalancingScheme": "INTERNAL",
            "networkTier": "PREMIUM",
            "backendService": backend.body["selfLink"],
            "fingerprint": self.state.new_fingerprint(),
            "labelFingerprint": self.state.new_fingerprint(),
            "allowGlobalAccess": services.global_access(service),
            **where,
            **({"allPorts": True} if len(numbers) > MOST_PORTS else {"ports": numbers}),
        }
        before = self.rule_of(service)
        if before is not None:
            self.drop_rule(before)
        path = f"{self.region}/forwardingRules/{called.rule}"
        hidden = {"uid": service["metadata"]["uid"], "service": full_name(service), "signature": signature}
        rule = self.put(allocation.FORWARDING_RULE, path, body, **hidden)
        self._use(rule)
        return rule

    def _use(self, rule: Resource) -> None:
        """Mark the reservation of the rule's address as used."""
        for item in self.state.of_kind(allocation.ADDRESS):
            same = item.body.get("address") == rule.body["IPAddress"]
            if same and item.body.get("subnetwork") == rule.body.get("subnetwork"):
                item.body["status"] = "IN_USE"
                item.body["users"] = [*item.body.get("users", ()), rule.body["selfLink"]]
                self.state.changed(item)

    def _release(self, rule: Resource) -> None:
        for item in self.state.of_kind(allocation.ADDRESS):
            if rule.body["selfLink"] in item.body.get("users", []):
                item.body["users"].remove(rule.body["selfLink"])
                if not item.body["users"]:
                    del item.body["users"]
                    item.body["status"] = "RESERVED"
                self.state.changed(item)

    # ---- going

    def drop_rule(self, rule: Resource) -> None:
        self._release(rule)
        self.state.remove(rule.path)

    def drop(self, service: str) -> None:
        """Remove what was made for a Service (namespace/name), and what nobody needs any more."""
        for kind in (allocation.FORWARDING_RULE, backend_services.KIND, FIREWALL):
            for item in self.mine(kind):
                if item.hidden.get("service") == service:
                    self._remove(item)
        self.sweep()

    def _remove(self, item: Resource) -> None:
        if item.kind == allocation.FORWARDING_RULE:
            self.drop_rule(item)
        elif item.kind != backend_services.KIND or not backend_services.rules_of(self.state, item):
            self.state.remove(item.path)

    def sweep(self) -> None:
        """Health checks with their firewall rules, and groups, that no backend service has."""
        for check in self.mine(health_checks.KIND):
            if not health_checks.user_of(self.state, check):
                self.state.remove(check.path)
                for item in self.mine(FIREWALL):
                    if item.name == check.hidden["firewall"]:
                        self.state.remove(item.path)
        used = {
            links.relative(entry["group"], item.project)
            for item in self.state.of_kind(backend_services.KIND)
            for entry in item.body.get("backends", ())
        }
        for kind in (groups.INSTANCES, groups.ENDPOINTS):
            for item in self.mine(kind):
                if item.path not in used:
                    self.state.remove(item.path)

    def clear(self) -> None:
        """Everything: the cluster is gone."""
        for kind in (allocation.FORWARDING_RULE, backend_services.KIND):
            for item in self.mine(kind):
                self.drop(item.hidden["service"])
        self.sweep()


def check_port(service: Json) -> int:
    return int(service["spec"].get("healthCheckNodePort") or 0) if services.is_local(service) else NODES_PORT


def subset(service: Json, members: t.Sequence[str]) -> list[str]:
    """Of a cluster's nodes those that are behind a Service of version 2: a few, always the same."""
    most = MOST_NODES["Local" if services.is_local(service) else "Cluster"]
    if len(members) <= most:
        return sorted(members)
    uid = service["metadata"]["uid"]
    return sorted(sorted(members, key=lambda path: digest(f"{uid};{path}", 16))[:most])


def written_by_hand(have: Resource | None, path: str, rule: Body) -> str:
    """The command by which the host project's security admin makes or mends a firewall rule; '' if it is right. In
    the words of https://github.com/kubernetes/cloud-provider-gcp/blob/master/providers/gce/gce_util.go"""
    if have is not None and all(have.body.get(key) == rule[key] for key in ("allowed", "sourceRanges", "targetTags")):
        return ""
    ports = sorted(f"{item['IPProtocol']}:{port}" for item in rule["allowed"] for port in item["ports"])
    name, network = path.rsplit("/", 1)[1], rule["network"].rsplit("/", 1)[1]
    verb = f"create {name} --network {network}" if have is None else f"update {name}"
    return (
        f"gcloud compute firewall-rules {verb} --description {json.dumps(rule.get('description', ''))} "
        f"--allow {','.join(ports)} --source-ranges {','.join(sorted(rule['sourceRanges']))} "
        f"--target-tags {','.join(rule['targetTags'])} --project {path.split('/')[1]}"
    )


def port_ranges(ports: t.Iterable[int]) -> list[str]:
    """Neighbours joined: 80, 443, 444 are 80 and 443-444."""
    found: list[list[int]] = []
    for port in sorted(set(ports)):
        if found and found[-1][1] == port - 1:
            found[-1][1] = port
        else:
            found.append([port, port])
    return [str(first) if first == last else f"{first}-{last}" for first, last in found]
