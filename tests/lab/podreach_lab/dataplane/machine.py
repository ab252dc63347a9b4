# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The namespaces of machines and pods: a VM with its addresses; a node with pods, Services, masquerading and policies.

A node does what kube-proxy, its CNI plugin and ip-masq-agent do to packets:
https://kubernetes.io/docs/reference/networking/virtual-ips/ and
https://cloud.google.com/kubernetes-engine/docs/concepts/ip-masquerade-agent
"""

from __future__ import annotations

import dataclasses
import typing as t

from ..kubernetes.facts import ClusterFacts, MasqueradeChain, Pod, PodPolicy, PolicyRule, Service
from . import mutants
from .plan import End, Link, Namespace, Route, Rule
from .rules import Ruleset, ranges
from .view import Card, Machine, Range, network_namespace, pod_namespace, short

EVERYWHERE = "0.0.0.0/0"
HIDE = "0x4000"
"""The mark on packets that a Service must answer through this node."""


@dataclasses.dataclass(frozen=True)
class Node:
    """What a node needs to know of its cluster."""

    machine: Machine
    facts: ClusterFacts
    pod_ranges: tuple[str, ...]

    @property
    def pods(self) -> list[Pod]:
        return [pod for pod in self.facts.pods if pod.node == self.machine.path]

    @property
    def chains(self) -> tuple[MasqueradeChain, ...]:
        return dict(self.facts.chains).get(self.machine.path, ())

    @property
    def address(self) -> str:
        return self.machine.cards[0].address


def pod_device(cluster: str, pod: Pod) -> str:
    """A pod's interface on its node."""
    return "c" + short(cluster, pod.namespace, pod.name)


def cards_links(machine: Machine, mtus: t.Mapping[str, int]) -> list[Link]:
    """Every interface hangs on its network's router."""
    return [
        Link(End(machine.namespace, card.inner), End(network_namespace(card.network), card.device), mtus[card.network])
        for card in machine.cards
    ]


def vm(machine: Machine, forwarded: t.Collection[tuple[str, str]] = ()) -> Namespace:
    """A plain VM: the guest agent makes its alias ranges local, and the addresses of load balancers that it is behind
    (with the network of each)."""
    routes = {item for card in machine.cards for item in card_routes(card)}
    routes |= {Route(str(item), ((card.inner, 1),), local=True) for card in machine.cards for item in card.aliases}
    for card in machine.cards:
        mine = sorted({address for network, address in forwarded if network == card.network})
        routes |= {Route(f"{address}/32", ((card.inner, 1),), local=True) for address in mine}
    return Namespace(
        addresses=frozenset((card.inner, f"{card.address}/32") for card in machine.cards),
        routes=frozenset(routes),
        rules=card_rules(machine),
        forwards=machine.forwards,
    )


def card_routes(card: Card) -> list[Route]:
    """nic0 has the default route; every other interface a table of its own, for what is sent from its address."""
    return [Route(EVERYWHERE, ((card.inner, 1),), 254 if card.at == 0 else 100 + card.at, card.address)]


def card_rules(machine: Machine) -> frozenset[Rule]:
    return frozenset(
        Rule(50 + card.at, 100 + card.at, source=f"{card.address}/32") for card in machine.cards if card.at
    )


def node(spec: Node) -> tuple[dict[str, Namespace], list[Link], Ruleset]:
    """A node, its pods, and the pairs between them."""
    machine = spec.machine
    routes = {item for card in machine.cards for item in card_routes(card)}
    if machine.pods:
        routes.add(Route(machine.pods, ()))
    found: dict[str, Namespace] = {}
    links: list[Link] = []
    for pod in spec.pods:
        if pod.host_network:
            continue
        device = pod_device(spec.facts.cluster, pod)
        routes.add(Route(f"{pod.address}/32", ((device, 1),)))
        inside = pod_namespace(spec.facts.cluster, pod.namespace, pod.name)
        links.append(Link(End(inside, "eth0"), End(machine.namespace, device)))
        found[inside] = Namespace(
            addresses=frozenset({("eth0", f"{pod.address}/32")}),
            routes=frozenset({Route(EVERYWHERE, (("eth0", 1),), source=pod.address)}),
        )
    table = node_rules(spec)
    found[machine.namespace] = Namespace(
        addresses=frozenset((card.inner, f"{card.address}/32") for card in machine.cards),
        routes=frozenset(routes),
        rules=card_rules(machine),
        forwards=True,
        nft=table.text(),
    )
    return found, links, table


def node_rules(spec: Node) -> Ruleset:
    table = Ruleset("node")
    services(table, spec)
    masquerading(table, spec)
    filtering(table, spec)
    return table


# ---- Services


def services(table: Ruleset, spec: Node) -> None:
    lines: list[str] = []
    empty: list[str] = []
    for service in sorted(spec.facts.services, key=lambda item: (item.namespace, item.name)):
        if service.cluster_ip:
            one_service(table, spec, service, service.cluster_ip, "cluster", lines, empty)
        if service.load_balancer:
            one_service(table, spec, service, service.load_balancer, "balancer", lines, empty)
    table.chain("services", lines)
    table.chain("prerouting", ["jump services"], "nat hook prerouting priority -100")
    table.chain("output", ["jump services"], "nat hook output priority -100")
    table.chain("unserved", empty)


def one_service(
    table: Ruleset, spec: Node, service: Service, address: str, how: str, lines: list[str], empty: list[str]
) -> None:
    """Send each port of a Service's address to one of its endpoints.

    Packets from outside the cluster, and everything to a load balancer unless its traffic policy is Local, are
    answered through this node, so that replies find their way back. With the policy Local a load balancer's packets
    keep to this node's endpoints, except those of the cluster's own pods and nodes. loadBalancerSourceRanges are asked
    here too.
    """
    local = how == "balancer" and service.local_traffic_policy
    asked = service.source_ranges if how == "balancer" else ()
    within = ranges(asked) if asked else ""
    allowed = f"ip saddr {within}" if within else ""
    name = f"{service.namespace}/{service.name}"
    for port in service.ports:
        to_port = f"ip daddr {address} {port.port.protocol} dport {port.port.number}"
        match = " ".join(filter(None, (to_port, allowed)))
        endpoints = list(port.endpoints)
        if not endpoints:
            drop = table.drop("no-endpoints", f"the Service {name} has no ready endpoint", "reject")
            empty.append(f"{match} {drop}")
        elif local:
            mine = {pod.address for pod in spec.pods}
            lines.append(f"{match} fib saddr type local meta mark set {HIDE}")
            for who in (f"ip saddr {ranges(spec.pod_ranges)}", "fib saddr type local"):
                lines.append(f"{match} {who} {to_one_of(endpoints)}")
            lines += [
                f"{match} {to_one_of(here)}" for here in [[item for item in endpoints if item[0] in mine]] if here
            ]
            drop = table.drop("no-endpoints", f"the Service {name} has no ready endpoint on this node")
            empty.append(f"{match} {drop}")
        else:
            outside = "" if how == "balancer" else f"ip saddr != {ranges(spec.pod_ranges)}"
            lines.append(" ".join(filter(None, (match, outside, f"meta mark set {HIDE}"))))
            lines.append(f"{match} {to_one_of(endpoints)}")
        if allowed:
            detail = f"loadBalancerSourceRanges of the Service {name} leave it out"
            empty.append(f"{to_port} {table.drop('source-ranges', detail)}")


def to_one_of(endpoints: t.Sequence[tuple[str, int]]) -> str:
    if len(endpoints) == 1:
        return f"dnat to {endpoints[0][0]}:{endpoints[0][1]}"
    entries = ", ".join(f"{at} : {ip} . {number}" for at, (ip, number) in enumerate(endpoints))
    return f"dnat ip to numgen random mod {len(endpoints)} map {{ {entries} }}"


# ---- masquerading


def masquerading(table: Ruleset, spec: Node) -> None:
    jumps = []
    for chain in spec.chains:
        if mutants.on("no-masquerade"):
            break
        lines = [f"{destination(keep)}{table.count('kept_' + short(chain.name, keep))} return" for keep in chain.keep]
        who = f"ip saddr {spec.machine.pods} " if chain.pods_only and spec.machine.pods else ""
        lines.append(f"{who}{table.count('masqueraded_' + short(chain.name))} masquerade fully-random")
        table.chain(chain_name(chain.name), lines)
        jumps.append(f"fib daddr type != local jump {chain_name(chain.name)}")
    hairpin = [f"meta mark {HIDE} masquerade fully-random"]
    table.chain("postrouting", [*hairpin, *jumps], "nat hook postrouting priority 100")


def destination(cidr: str) -> str:
    """A match of a destination range; '' for everywhere."""
    found = ranges([cidr])
    return f"ip daddr {found} " if found else ""


def chain_name(name: str) -> str:
    """nft takes no hyphens."""
    return "nat_" + name.replace("-", "_").lower()


# ---- policies


def filtering(table: Ruleset, spec: Node) -> None:
    """NetworkPolicies of this node's pods, on addresses as they are after a Service was resolved."""
    mine = {pod.address: pod for pod in spec.pods if not pod.host_network}
    lines = ["ct state established,related accept", "jump unserved"]
    for policy in sorted(spec.facts.policies, key=lambda item: item.address):
        pod = mine.get(policy.address)
        if pod is None:
            continue
        lines += policy_lines(table, pod, policy)
    table.chain("forward", lines, "filter hook forward priority 0; policy accept")
    table.chain("local_output", ["jump unserved"], "filter hook output priority 0; policy accept")


def policy_lines(table: Ruleset, pod: Pod, policy: PodPolicy) -> list[str]:
    lines = []
    for way, mine, other, rules in (
        ("egress", "saddr", "daddr", policy.egress),
        ("ingress", "daddr", "saddr", policy.ingress),
    ):
        if rules is None:
            continue
        chain = f"{way}_{short(pod.namespace, pod.name)}"
        denied = table.drop("network-policy", f"the NetworkPolicies of {pod.namespace}/{pod.name} allow no such {way}")
        table.chain(chain, [*(line for rule in rules for line in policy_rule(rule, other)), denied])
        lines.append(f"ip {mine} {pod.address} jump {chain}")
    return lines


def policy_rule(rule: PolicyRule, other: str) -> t.Iterator[str]:
    whos = [""] if rule.anybody else []
    for peer in rule.peers:
        within = ranges([peer.cidr])
        without = ranges(peer.except_) if peer.except_ else ""
        if peer.except_ and not without:
            continue
        match = [f"ip {other} {within}"] if within else []
        match += [f"ip {other} != {without}"] if without else []
        whos.append(" ".join(match))
    whats = [""] if not rule.ports else []
    for protocol, first, last in rule.ports:
        if first <= 0:
            whats.append(f"meta l4proto {protocol}")
        else:
            whats.append(f"{protocol} dport {first}" if first == last else f"{protocol} dport {first}-{last}")
    for who in whos:
        for what in whats:
            yield " ".join(filter(None, (who, what, "return")))


def pod_ranges_of(body: dict[str, t.Any]) -> tuple[str, ...]:
    """The ranges that a cluster's pods have addresses in."""
    found = [body.get("clusterIpv4Cidr")]
    found += [pool.get("networkConfig", {}).get("podIpv4CidrBlock") for pool in body.get("nodePools", ())]
    return tuple(str(Range(item)) for item in dict.fromkeys(found) if item)
