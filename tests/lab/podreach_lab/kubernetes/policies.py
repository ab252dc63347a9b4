# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NetworkPolicy objects resolved to addresses: what each pod may receive and send. Pure.

https://kubernetes.io/docs/concepts/services-networking/network-policies/. Only networking.k8s.io/v1 is understood:
FQDNNetworkPolicy, CiliumNetworkPolicy and the like are not served and change nothing.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t

from . import selectors
from .facts import PodPolicy, PolicyPeer, PolicyRule

Object = dict[str, t.Any]
Range = tuple[str, int, int]
NAMESPACE_LABEL = "kubernetes.io/metadata.name"


def enforced(cluster: Object) -> bool:
    """Whether a cluster (its body) acts on policies at all: with Calico, or on Dataplane V2.
    https://cloud.google.com/kubernetes-engine/docs/how-to/network-policy"""
    if cluster.get("networkPolicy", {}).get("enabled"):
        return True
    return bool(cluster.get("networkConfig", {}).get("datapathProvider") == "ADVANCED_DATAPATH")


def resolve(policies: t.Iterable[Object], pods: t.Iterable[Object], namespaces: t.Iterable[Object]) -> list[PodPolicy]:
    """What the policies allow the pods that they select. Pods in the host's network are beyond any policy, and are
    nobody's peer by a selector either: their address is the node's."""
    world = _World(
        [pod for pod in pods if pod.get("status", {}).get("podIP") and not pod["spec"].get("hostNetwork")],
        {item["metadata"]["name"]: _namespace_labels(item) for item in namespaces},
    )
    merged: dict[str, PodPolicy] = {}
    in_order = sorted(policies, key=lambda item: (item["metadata"]["namespace"], item["metadata"]["name"]))
    for policy in in_order:
        for pod in world.selected(policy):
            address = pod["status"]["podIP"]
            before = merged.get(address, PodPolicy(address))
            merged[address] = world.allow(policy, pod, before)
    return [merged[address] for address in sorted(merged)]


def _namespace_labels(namespace: Object) -> dict[str, str]:
    metadata = namespace["metadata"]
    return {**(metadata.get("labels") or {}), NAMESPACE_LABEL: metadata["name"]}


@dataclasses.dataclass
class _World:
    pods: list[Object]
    namespaces: dict[str, dict[str, str]]

    def selected(self, policy: Object) -> list[Object]:
        selector = selectors.from_object(policy["spec"].get("podSelector"))
        return [
            pod
            for pod in self.pods
            if pod["metadata"]["namespace"] == policy["metadata"]["namespace"]
            and selectors.matches(selector, pod["metadata"].get("labels"))
        ]

    def allow(self, policy: Object, pod: Object, before: PodPolicy) -> PodPolicy:
        """`before`, and what this policy allows the pod."""
        spec, namespace = policy["spec"], policy["metadata"]["namespace"]
        types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
        ingress, egress = before.ingress, before.egress
        if "Ingress" in types:
            ingress = ingress or ()
            for rule in spec.get("ingress") or []:
                ingress += self.ingress_rule(rule, namespace, pod)
        if "Egress" in types:
            egress = egress or ()
            for rule in spec.get("egress") or []:
                egress += self.egress_rule(rule, namespace)
        return PodPolicy(before.address, ingress, egress)

    def ingress_rule(self, rule: Object, namespace: str, pod: Object) -> tuple[PolicyRule, ...]:
        ports = ports_of(rule, pod)
        if ports is None:
            return ()
        if not rule.get("from"):
            return (PolicyRule((), ports, anybody=True),)
        blocks, peers = self.peers(rule["from"], namespace)
        everybody = (*blocks, *(_peer(item) for item in peers))
        return (PolicyRule(everybody, ports),) if everybody else ()

    def egress_rule(self, rule: Object, namespace: str) -> tuple[PolicyRule, ...]:
        """A named port is each destination pod's own."""
        named = any(isinstance(item.get("port"), str) for item in rule.get("ports") or [])
        plain = ports_of(rule, None)
        blocks, peers = self.peers(rule["to"], namespace) if rule.get("to") else ((), self.pods)
        found = []
        if plain is not None:
            if not rule.get("to"):
                found.append(PolicyRule((), plain, anybody=True))
            elif everybody := (*blocks, *(_peer(item) for item in peers)):
                found.append(PolicyRule(everybody, plain))
        if named:
            for pod in peers:
                ports = ports_of(rule, pod)
                if ports:
                    found.append(PolicyRule((_peer(pod),), ports))
        return tuple(found)

    def peers(self, items: t.Iterable[Object], namespace: str) -> tuple[tuple[PolicyPeer, ...], list[Object]]:
        """The ranges and the pods that a list of peers names."""
        blocks: list[PolicyPeer] = []
        pods: dict[str, Object] = {}
        for item in items:
            if item.get("ipBlock"):
                block = item["ipBlock"]
                if ":" not in block["cidr"]:
                    without = tuple(canonical(text) for text in block.get("except") or ())
                    blocks.append(PolicyPeer(canonical(block["cidr"]), without))
                continue
            for pod in self._matching(item, namespace):
                pods[pod["status"]["podIP"]] = pod
        return tuple(blocks), [pods[address] for address in sorted(pods)]

    def _matching(self, peer: Object, namespace: str) -> t.Iterator[Object]:
        inside = {namespace}
        if peer.get("namespaceSelector") is not None:
            wanted = selectors.from_object(peer["namespaceSelector"])
            inside = {name for name, labels in self.namespaces.items() if selectors.matches(wanted, labels)}
        selector = selectors.from_object(peer.get("podSelector"))
        for pod in self.pods:
            metadata = pod["metadata"]
            if metadata["namespace"] in inside and selectors.matches(selector, metadata.get("labels")):
                yield pod


def _peer(pod: Object) -> PolicyPeer:
    return PolicyPeer(f"{pod['status']['podIP']}/32")


def ports_of(rule: Object, pod: Object | None) -> tuple[Range, ...] | None:
    """The ports of a rule, the named ones as `pod` knows them; () is all, None is none of them."""
    if not rule.get("ports"):
        return ()
    found: list[Range] = []
    for item in rule["ports"]:
        protocol = str(item.get("protocol", "TCP")).lower()
        port = item.get("port")
        if port is None:
            found.append((protocol, 1, 65535))
        elif isinstance(port, int):
            found.append((protocol, port, item.get("endPort", port)))
        elif pod is not None:
            found += [(protocol, number, number) for number in named_ports(pod, port, protocol)]
    return tuple(dict.fromkeys(found)) or None


def named_ports(pod: Object, name: str, protocol: str) -> list[int]:
    """The numbers that a pod's containers give a port's name."""
    return [
        port["containerPort"]
        for container in pod["spec"].get("containers", [])
        for port in container.get("ports") or []
        if port.get("name") == name and str(port.get("protocol", "TCP")).lower() == protocol
    ]


def canonical(range_: str) -> str:
    """Kubernetes takes ranges with host bits, and means the range that they are in."""
    return str(ipaddress.ip_network(range_.strip(), strict=False))
