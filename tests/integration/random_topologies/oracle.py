# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which flows of a world arrive, from which address, and whether the reply comes back: written to be obviously right.

One packet is walked from hand to hand, as the vendors' documents describe it, and then its reply. Nothing of the lab is
used or was read. Where the documents leave the answer open, the walk takes every answer in turn (`choose`), and the
flow has several verdicts; where a flow is beyond them, it has none (None: anything may happen).

What it rests on:

- subnet routes, local and of peers, decide first; then the most specific static route; a local route beats an imported
  one to the same destination; routes whose next hop does not run are ignored; then priority; routes with tags apply
  to instances with one of the tags. https://cloud.google.com/vpc/docs/routes
  https://cloud.google.com/vpc/docs/static-routes
- peerings: both sides must exist; subnet routes of private and of special-use ranges are always exchanged, of
  privately used public ranges by two flags; static routes by two flags, with tags or to the default internet gateway
  never; nothing is passed on to a third network. https://cloud.google.com/vpc/docs/vpc-peering
- canIpForward: without it an instance sends only from, and gets packets only for, its own addresses and alias ranges.
  https://cloud.google.com/vpc/docs/using-routes#canipforward
- firewall rules: lowest priority number, deny before allow at the same one, ingress denied and egress allowed when no
  rule matches, replies of allowed connections pass; source tags mean primary addresses of instances of the same
  network. https://cloud.google.com/firewall/docs/firewalls
- pods: https://cloud.google.com/kubernetes-engine/docs/concepts/alias-ips,
  https://cloud.google.com/kubernetes-engine/docs/how-to/routes-based-cluster
- masquerading: https://cloud.google.com/kubernetes-engine/docs/concepts/ip-masquerade-agent,
  https://github.com/kubernetes-sigs/ip-masq-agent
- network policies: https://kubernetes.io/docs/concepts/services-networking/network-policies/ (traffic between a pod and
  its own node is always allowed)
- BGP: see bgp.py; what happens in AWS: see cloud.py
- cluster addresses of Services exist only on the nodes of the cluster:
  https://kubernetes.io/docs/reference/networking/virtual-ips/
"""

from __future__ import annotations

import collections
import dataclasses
import typing as t

from . import world as w
from .amazon import Machine
from .bgp import Bgp, Dynamic
from .cloud import Arrived, Cloud, Fate
from .walk import BeyondTheDocuments, Dropped, Fork, Memory, Packet

PRIVATE = tuple(w.cidr(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
#: https://cloud.google.com/vpc/docs/subnets#valid-ranges, without the private ones
SPECIAL_USE = tuple(
    w.cidr(text)
    for text in (
        "100.64.0.0/10",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "240.0.0.0/4",
    )
)
LINK_LOCAL = w.cidr("169.254.0.0/16")
MAX_HOPS = 8
#: Static routes of these priorities come before, or after, whatever MED a gateway of AWS may send.
SURELY_BEFORE = 0
SURELY_AFTER = 20_000
MAX_WALKS = 256
#: The word of a story whose packet got another source.
MASQUERADED = "masquerades"

T = t.TypeVar("T")
Sender: t.TypeAlias = "w.Instance | w.Pod | Machine"
Google: t.TypeAlias = "w.Instance | w.Pod"
Custom: t.TypeAlias = "w.Route | Dynamic"

__all__ = ["BeyondTheDocuments", "Dropped", "Oracle"]


class Oracle:
    """Answers for one world."""

    def __init__(self, world: w.World) -> None:
        self.world = world
        self.instances = {item.path: item for item in world.instances}
        self.pods = {item.full_name: item for item in world.pods}
        self.clusters = {item.path: item for item in world.clusters}
        self.in_network: dict[str, list[w.Instance]] = collections.defaultdict(list)
        self.rules: dict[tuple[str, bool], list[w.Firewall]] = collections.defaultdict(list)
        self.own_ranges: dict[str, list[w.Range]] = collections.defaultdict(list)
        self.own_routes: dict[str, list[w.Route]] = collections.defaultdict(list)
        for instance in world.instances:
            self.in_network[instance.network].append(instance)
        for rule in world.firewalls:
            self.rules[rule.network, rule.ingress].append(rule)
        for subnetwork in world.subnetworks:
            self.own_ranges[subnetwork.network] += subnetwork.ranges
        for route in world.routes:
            self.own_routes[route.network].append(route)
        self.fork = Fork()
        self.told: list[str] = []
        self.bgp = Bgp(world)
        self.cloud = Cloud(self.bgp, self.choose, self.tell)
        self.own_dynamics = {name: self.bgp.dynamics(name) for name in world.networks}
        self.foreign_ranges = {name: self.imported_ranges(name) for name in world.networks}
        self.foreign_routes = {name: self.imported_routes(name) for name in world.networks}
        self.foreign_dynamics = {name: self.imported_dynamics(name) for name in world.networks}

    # ---- questions

    def verdicts(self, flow: w.Flow) -> frozenset[w.Verdict] | None:
        """Every verdict that the documents allow; None: any."""
        return self.ask(flow)[0]

    def story(self, flow: w.Flow) -> str:
        """The walks in words."""
        return self.ask(flow)[1]

    def ask(self, flow: w.Flow) -> tuple[frozenset[w.Verdict] | None, str]:
        found: set[w.Verdict] = set()
        self.fork = Fork()
        self.told = []
        for _walk in range(MAX_WALKS):
            try:
                verdict = self.walk(flow)
            except BeyondTheDocuments as reason:
                self.tell(f"beyond the documents: {reason}")
                return None, "\n".join(self.told)
            found.add(verdict)
            self.tell(f"=> {verdict}")
            if not self.fork.advance():
                return frozenset(found), "\n".join(self.told)
        return None, "\n".join(self.told)

    def tell(self, text: str) -> None:
        self.told.append(text)

    def choose(self, options: t.Sequence[T], why: str) -> T:
        taken = self.fork.choose(options)
        if len(options) > 1:
            self.tell(f"open: {why}; taking {taken}")
        return taken

    # ---- there and back

    def walk(self, flow: w.Flow) -> w.Verdict:
        sender = self.sender(flow.sender)
        memory = Memory()
        request = Packet(sender.address, w.address(flow.to), flow.protocol, flow.port)
        self.tell(f"{flow}: {request}")
        try:
            receiver, seen = self.send(sender, request, memory)
        except Dropped as reason:
            self.tell(f"dropped: {reason}")
            return w.NOT_DELIVERED
        self.tell(f"arrived at {named(receiver)}: {seen}")
        source = str(seen.source)
        answer = Packet(seen.destination, seen.source, seen.protocol, seen.port, reply=True)
        memory.hops = 0
        try:
            heard, back = self.send(receiver, answer, memory)
        except Dropped as reason:
            self.tell(f"reply dropped: {reason}")
            return w.Verdict(True, source, False)
        self.tell(f"reply arrived at {named(heard)}: {back}")
        return w.Verdict(True, source, self.same(heard, sender))

    def sender(self, name: str) -> Sender:
        if name in self.cloud.machines:
            return self.cloud.machines[name]
        return self.pods[name] if name in self.pods else self.instances[name]

    def same(self, one: Sender, other: Sender) -> bool:
        """A pod with the host's network is its node."""
        return self.itself(one) == self.itself(other)

    def itself(self, who: Sender) -> Sender:
        return self.host(who) if isinstance(who, w.Pod) and who.host_network else who

    def host(self, who: Google) -> w.Instance:
        return who if isinstance(who, w.Instance) else self.instances[who.node]

    # ---- in the sender's hands

    def send(self, sender: Sender, packet: Packet, memory: Memory) -> tuple[Sender, Packet]:
        if isinstance(sender, Machine):
            return self.from_amazon(self.cloud.send(sender, packet, memory), memory)
        if not self.host(sender).running:
            raise Dropped(f"{named(sender)} does not run")
        if isinstance(sender, w.Pod) and not sender.host_network:
            return self.send_from_pod(sender, packet, memory)
        return self.inside(self.host(sender), packet, memory)

    def send_from_pod(self, pod: w.Pod, packet: Packet, memory: Memory) -> tuple[Sender, Packet]:
        node = self.instances[pod.node]
        if not packet.reply:
            behind = self.behind_service(node, packet, memory)
            judged = {packet.destination: packet, behind.destination: behind}
            judged_by = judged[self.choose(list(judged), "whether policies see a Service's address or its pod's")]
            packet = behind
            if judged_by.destination != node.address and not self.policies_allow(pod, judged_by, ingress=False):
                raise Dropped(f"a network policy of {pod.full_name} allows no egress to {judged_by.destination}")
        return self.inside(node, packet, memory, sender=pod)

    # ---- in a machine's hands

    def inside(
        self,
        instance: w.Instance,
        packet: Packet,
        memory: Memory,
        sender: w.Pod | None = None,
        arrived: bool = False,
    ) -> tuple[Sender, Packet]:
        """What the kernel of a VM or node does with a packet: of its own, of a pod of it (`sender`), or from the
        network (`arrived`)."""
        packet = self.translate_back(instance, packet, memory)
        if instance.pods is not None and sender is None and not packet.reply:
            packet = self.behind_service(instance, packet, memory)
        if packet.destination == instance.address or (instance.pods is None and instance.owns(packet.destination)):
            return instance, packet
        if instance.pods is not None and packet.destination in instance.pods:
            return self.to_pod(instance, packet, memory, sender, arrived)
        if arrived and not instance.can_forward and instance.pods is None:
            raise Dropped(f"{instance.name} is no router")
        if self.masquerades(instance, packet):
            packet = self.replace_source(instance, packet, memory, instance.address)
        return self.leave(instance, packet, memory)

    def to_pod(
        self, node: w.Instance, packet: Packet, memory: Memory, sender: w.Pod | None, arrived: bool
    ) -> tuple[Sender, Packet]:
        """Policies see the packet as it came; only then may it be masqueraded, like every packet that a node forwards
        (https://github.com/kubernetes-sigs/ip-masq-agent/issues/65)."""
        assert node.pods is not None
        for pod in self.world.pods:
            if pod.node != node.path or pod.host_network or pod.address != packet.destination:
                continue
            local = packet.source == node.address or sender == pod
            if not packet.reply and not local and not self.policies_allow(pod, packet, ingress=True):
                raise Dropped(f"a network policy of {pod.full_name} allows no ingress from {packet.source}")
            own = sender is None and not arrived and not packet.reply
            if own or self.masquerades(node, packet):
                facing = [node.address, node.pods.network_address, node.pods[1]]
                taken = self.choose(facing, "the node's address towards its own pod, the network plugin's affair")
                packet = self.replace_source(node, packet, memory, taken)
            return pod, packet
        raise Dropped(f"no pod of {node.name} has {packet.destination}")

    def translate_back(self, instance: w.Instance, packet: Packet, memory: Memory) -> Packet:
        if not packet.reply:
            return packet
        source, taken = memory.masqueraded.get(instance.path, (None, None))
        if source is not None and packet.destination == taken:
            packet = dataclasses.replace(packet, destination=source)
            self.tell(f"{instance.name} undoes its masquerading: {packet}")
        before = memory.services.get(instance.path)
        if before is not None and packet.destination == before.source:
            packet = dataclasses.replace(packet, source=before.destination)
        return packet

    def behind_service(self, node: w.Instance, packet: Packet, memory: Memory) -> Packet:
        """The packet with an endpoint in place of a Service's address."""
        for service in self.world.services:
            if service.cluster != node.cluster or service.address != packet.destination:
                continue
            for protocol, port, target in service.ports:
                if (protocol, port) == (packet.protocol, packet.port):
                    return self.to_endpoint(node, service, target, packet, memory)
        return packet

    def to_endpoint(self, node: w.Instance, service: w.Service, target: int, packet: Packet, memory: Memory) -> Packet:
        ready = [pod for pod in self.world.pods if selected(service.cluster, service.namespace, service.labels, pod)]
        if not ready:
            raise Dropped(f"service {service.name} has no endpoints")
        if packet.source != node.address and (node.pods is None or packet.source not in node.pods):
            raise BeyondTheDocuments("a node gets a packet for a Service from elsewhere")
        pod = self.choose(ready, f"an endpoint of {service.name}")
        if pod.address == packet.source:
            raise BeyondTheDocuments("a pod meets itself behind a Service")
        memory.services[node.path] = packet
        self.tell(f"service {service.name} means {pod.full_name}")
        return dataclasses.replace(packet, destination=pod.address, port=target)

    # ---- masquerading

    def keeps(self, node: w.Instance, destination: w.Address) -> bool | None:
        """Whether pods of a node reach a destination by their own address; None: not known."""
        cluster = self.clusters[node.cluster]
        if destination in LINK_LOCAL or any(destination in kept for kept in cluster.kept):
            return True
        return None if any(destination in kept for kept in cluster.perhaps_kept) else False

    def masquerades(self, node: w.Instance, packet: Packet) -> bool:
        """Whether a node puts its own address on a packet that it forwards. Replies keep what their connection has."""
        if node.pods is None or packet.reply or packet.source == node.address:
            return False
        kept = self.keeps(node, packet.destination)
        return not (self.choose([True, False], "whether reserved ranges are kept") if kept is None else kept)

    def replace_source(self, node: w.Instance, packet: Packet, memory: Memory, source: w.Address) -> Packet:
        memory.masqueraded[node.path] = (packet.source, source)
        self.tell(f"{node.name} {MASQUERADED} {packet.source} as {source}")
        return dataclasses.replace(packet, source=source)

    # ---- in the network's hands

    def leave(self, instance: w.Instance, packet: Packet, memory: Memory) -> tuple[Sender, Packet]:
        memory.hops += 1
        if memory.hops > MAX_HOPS:
            raise Dropped("it goes round in circles")
        if not instance.can_forward and not instance.owns(packet.source):
            raise Dropped(f"{instance.name} may not send from {packet.source}")
        self.pass_firewall(instance, packet, memory, ingress=False)
        target = self.next_hop(instance.network, instance.tags, instance.region, packet.destination)
        self.tell(f"{instance.name} sends {packet}, next is {target.name}")
        if isinstance(target, w.Router):
            return self.from_amazon(self.cloud.receive(target, packet, memory), memory)
        return self.hand_over(target, packet, memory)

    def from_amazon(self, fate: Fate, memory: Memory) -> tuple[Sender, Packet]:
        """Either it stays there, or it comes out of a tunnel here. Routes with tags are for instances only; all others
        are for tunnels too. https://cloud.google.com/vpc/docs/routes#applicable_routes"""
        if isinstance(fate, Arrived):
            return fate.machine, fate.packet
        memory.hops += 1
        router, packet = fate.router, fate.packet
        target = self.next_hop(router.network, frozenset(), router.region, packet.destination)
        self.tell(f"{router.name} gets {packet}, next is {target.name}")
        if isinstance(target, w.Router):
            raise BeyondTheDocuments("from AWS to AWS through Google")
        return self.hand_over(target, packet, memory)

    def hand_over(self, target: w.Instance, packet: Packet, memory: Memory) -> tuple[Sender, Packet]:
        if not target.can_forward and not target.owns(packet.destination):
            raise Dropped(f"{target.name} may not get packets for {packet.destination}")
        self.pass_firewall(target, packet, memory, ingress=True)
        return self.inside(target, packet, memory, arrived=True)

    def next_hop(
        self, network: str, tags: frozenset[str], region: str, destination: w.Address
    ) -> w.Instance | w.Router:
        """The running instance whose card gets the packet, or the Cloud Router by whose tunnels it leaves."""
        subnets = [(found, network) for found in self.own_ranges[network]] + self.foreign_ranges[network]
        fitting = [(found, owner) for found, owner in subnets if destination in found]
        if fitting:
            return self.owner(max(fitting, key=lambda item: item[0].prefixlen)[1], destination)
        return self.by_custom_route(network, tags, region, destination)

    def owner(self, network: str, destination: w.Address) -> w.Instance:
        for instance in self.in_network[network]:
            if instance.running and instance.owns(destination):
                return instance
        raise Dropped(f"nobody in {network} has {destination}")

    def by_custom_route(
        self, network: str, tags: frozenset[str], region: str, destination: w.Address
    ) -> w.Instance | w.Router:
        routes = [
            (route, origin) for route, origin in self.customs(network, tags, region) if destination in route.destination
        ]
        while routes:
            longest = max(route.destination.prefixlen for route, origin in routes)
            best = [(route, origin) for route, origin in routes if route.destination.prefixlen == longest]
            origins = sorted({origin for route, origin in best})
            chosen = network if network in origins else self.choose(origins, "which peer's route")
            usable = [route for route, origin in best if origin == chosen and self.usable(route)]
            if usable:
                return self.by_best_route(usable, network, chosen, destination)
            # The page ignores such routes, but only after it has settled on the most specific destination.
            if self.choose([True, False], "whether routes without a running next hop hide less specific ones"):
                raise Dropped(f"no next hop to {destination} runs")
            routes = [(route, origin) for route, origin in routes if (route, origin) not in best or origin != chosen]
        raise Dropped(f"{network} has no route to {destination}")

    def customs(self, network: str, tags: frozenset[str], region: str) -> list[tuple[Custom, str]]:
        """Static and dynamic routes for a sender, with the network that each is from."""
        found: list[tuple[Custom, str]] = [
            (route, network) for route in self.own_routes[network] if not route.tags or route.tags & tags
        ]
        found += self.foreign_routes[network]
        dynamics = [(route, network) for route in self.own_dynamics[network]] + self.foreign_dynamics[network]
        return found + [(route, origin) for route, origin in dynamics if self.bgp.usable(route, region)]

    def usable(self, route: Custom) -> bool:
        if isinstance(route, Dynamic) or not route.hop:
            return True
        return route.hop in self.instances and self.instances[route.hop].running

    def by_best_route(
        self, routes: list[Custom], network: str, origin: str, destination: w.Address
    ) -> w.Instance | w.Router:
        """Of routes to one destination: by priority, at the same one static before dynamic."""
        dynamics = [route for route in routes if isinstance(route, Dynamic)]
        statics = [route for route in routes if isinstance(route, w.Route)]
        if dynamics and (not statics or not self.static_first(min(route.priority for route in statics))):
            routers = {route.router.path: route.router for route in dynamics}
            return routers[self.choose(sorted(routers), "which Cloud Router")]
        return self.by_best_static(statics, network, origin, destination)

    def static_first(self, priority: int) -> bool:
        if SURELY_BEFORE < priority < SURELY_AFTER:
            return self.choose([True, False], "whether the MED of AWS is below a static route's priority")
        return priority <= SURELY_BEFORE

    def by_best_static(self, routes: list[w.Route], network: str, origin: str, destination: w.Address) -> w.Instance:
        first = min(route.priority for route in routes)
        best = [route for route in routes if route.priority == first]
        hops = sorted({route.hop for route in best if route.hop})
        if not hops:
            raise Dropped(f"{destination} is in the internet")
        hop = self.instances[self.choose(hops, "which of equal routes")]
        # A peer's static route leads here, and the peer may have a subnet there that it doesn't share.
        hidden = origin != network and any(destination in found for found in self.own_ranges[origin])
        if hidden and self.choose([True, False], "whether a peer's hidden subnet comes before its shared route"):
            return self.owner(origin, destination)
        return hop

    # ---- peering

    def active_peerings(self, network: str) -> list[tuple[w.Peering, w.Peering]]:
        """Pairs of this network's side and the other's."""
        return [
            (mine, theirs)
            for mine in self.world.peerings
            for theirs in self.world.peerings
            if mine.network == network and mine.peer == theirs.network and theirs.peer == network
        ]

    def imported_ranges(self, network: str) -> list[tuple[w.Range, str]]:
        return [
            (found, theirs.network)
            for mine, theirs in self.active_peerings(network)
            for found in self.own_ranges[theirs.network]
            if not is_public(found) or (theirs.export_public and mine.import_public)
        ]

    def imported_dynamics(self, network: str) -> list[tuple[Dynamic, str]]:
        return [
            (route, theirs.network)
            for mine, theirs in self.active_peerings(network)
            for route in self.own_dynamics[theirs.network]
            if theirs.export_custom and mine.import_custom
        ]

    def imported_routes(self, network: str) -> list[tuple[w.Route, str]]:
        return [
            (route, theirs.network)
            for mine, theirs in self.active_peerings(network)
            for route in self.own_routes[theirs.network]
            if theirs.export_custom and mine.import_custom and not route.tags and route.hop
        ]

    # ---- firewall

    def pass_firewall(self, instance: w.Instance, packet: Packet, memory: Memory, ingress: bool) -> None:
        if packet.reply:
            if (instance.path, packet.destination, packet.source) in memory.passed:
                return
            if self.choose([True, False], f"whether {instance.name} lets a reply pass whose request it never saw"):
                return
            raise Dropped(f"{instance.name} does not know this reply")
        denied = self.denied(instance, packet, ingress)
        if denied:
            raise Dropped(f"firewall of {instance.name}, {'ingress' if ingress else 'egress'}: {denied}")
        memory.passed.add((instance.path, packet.source, packet.destination))

    def denied(self, instance: w.Instance, packet: Packet, ingress: bool) -> str:
        """What denies a request; '' if it may pass."""
        matching = [
            rule
            for rule in self.rules[instance.network, ingress]
            if not rule.disabled
            and (not rule.target_tags or rule.target_tags & instance.tags)
            and any(covers(match, packet) for match in rule.matches)
            and self.concerns(rule, packet)
        ]
        if not matching:
            return "no rule allows it" if ingress else ""
        first = min(rule.priority for rule in matching)
        return next((rule.name for rule in matching if rule.priority == first and rule.deny), "")

    def concerns(self, rule: w.Firewall, packet: Packet) -> bool:
        if rule.destinations and not any(packet.destination in found for found in rule.destinations):
            return False
        if not rule.ingress or not (rule.sources or rule.source_tags):
            return True
        return any(packet.source in found for found in rule.sources) or any(
            item.address == packet.source and item.tags & rule.source_tags for item in self.in_network[rule.network]
        )

    # ---- network policies

    def policies_allow(self, pod: w.Pod, packet: Packet, ingress: bool) -> bool:
        if not self.clusters[pod.cluster].policies_enforced:
            return True
        said = [
            policy.ingress if ingress else policy.egress
            for policy in self.world.policies
            if selected(policy.cluster, policy.namespace, policy.labels, pod)
        ]
        isolating = [rules for rules in said if rules is not None]
        other = packet.source if ingress else packet.destination
        return not isolating or any(permits(rule, other, packet) for rules in isolating for rule in rules)


def named(who: Sender) -> str:
    return who.full_name if isinstance(who, w.Pod) else who.name


def is_public(found: w.Range) -> bool:
    """A privately used public range."""
    return not any(found.subnet_of(space) for space in PRIVATE + SPECIAL_USE)


def covers(match: w.Match, packet: Packet) -> bool:
    if match.protocol not in ("all", packet.protocol):
        return False
    return not match.ports or any(low <= packet.port <= high for low, high in match.ports)


def selected(cluster: str, namespace: str, labels: tuple[tuple[str, str], ...], pod: w.Pod) -> bool:
    return (cluster, namespace) == (pod.cluster, pod.namespace) and set(labels) <= set(pod.labels)


def permits(rule: w.PolicyRule, other: w.Address, packet: Packet) -> bool:
    ranges = not rule.blocks or any(
        other in block and not any(other in hole for hole in holes) for block, holes in rule.blocks
    )
    return ranges and (not rule.matches or any(covers(match, packet) for match in rule.matches))
