# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a seed to API calls: a random estate that both APIs must accept, and a few changes to it.

Ranges of networks that may ever be peered never overlap, and no static route lies inside a subnet range, because Google
refuses both. What the vendors leave open is kept rare rather than avoided; the oracle knows it.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import random
import typing as t

Json = dict[str, t.Any]
Range = ipaddress.IPv4Network

PROJECTS = ("podreach-lab", "podreach-peer")
REGIONS = ("asia-northeast1", "us-central1")
TAGS = ("web", "db", "gw")
BROAD = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "0.0.0.0/0", "16.0.0.0/4", "100.64.0.0/10")
NOWHERE = ("10.200.0.0/16", "10.200.5.0/24")
PORTS = (80, 5000)


@dataclasses.dataclass(frozen=True)
class Step:
    """One call. api: compute, container, kubernetes (of `cluster`), lab; or router and amazon, which set many things at
    once (skeleton.py, account.py). In path and body stand for what only the estate knows: @node:CLUSTER:N and
    @link:CLUSTER:N, a node's name and instance; @default:NETWORK and @noderoute:CLUSTER:N, names of routes."""

    what: str
    api: str
    method: str
    path: str
    body: Json | None = None
    cluster: str = ""
    content_type: str = "application/json"

    def __str__(self) -> str:
        return f"{self.what}: {self.method} {self.path} {self.body if self.body is not None else ''}"


@dataclasses.dataclass
class Vm:
    project: str
    zone: str
    name: str
    network: int
    tags: list[str]
    forwards: bool
    running: bool = True

    @property
    def path(self) -> str:
        return f"projects/{self.project}/zones/{self.zone}/instances/{self.name}"


@dataclasses.dataclass
class Subnet:
    name: str
    region: str
    primary: Range
    secondary: dict[str, Range]


@dataclasses.dataclass
class Network:
    project: str
    name: str
    subnets: list[Subnet]
    alone: bool = False

    @property
    def path(self) -> str:
        return f"projects/{self.project}/global/networks/{self.name}"


@dataclasses.dataclass
class Cluster:
    project: str
    zone: str
    name: str
    network: int
    subnet: Subnet
    cidr: Range
    routes_based: bool
    nodes: int
    policies: bool
    agent: bool
    pods: list[str] = dataclasses.field(default_factory=list)

    @property
    def path(self) -> str:
        return f"projects/{self.project}/locations/{self.zone}/clusters/{self.name}"


@dataclasses.dataclass
class Topology:
    """What a seed means: steps that build it, and then changes, each followed by a comparison."""

    seed: int
    steps: list[Step]
    changes: list[Step]


def generate(seed: int, changes: int = 3) -> Topology:
    return Generator(seed).run(changes)


class Generator:
    """Makes one topology. What exists is kept in lists, so that changes can refer to it."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.steps: list[Step] = []
        self.networks: list[Network] = []
        self.vms: list[Vm] = []
        self.clusters: list[Cluster] = []
        self.sides: dict[tuple[int, int], bool] = {}
        self.routes: list[tuple[str, str]] = []
        self.taken: set[tuple[int, str, int]] = set()
        self.firewalls: list[tuple[str, str, str]] = []
        self.policies: list[tuple[Cluster, str]] = []
        self.node_routes: list[tuple[Cluster, int]] = []
        self.buried: list[Range] = []
        self.number = 0

    def run(self, changes: int) -> Topology:
        for index in range(self.random.choice([1, 2, 2, 2, 3, 3])):
            self.make_network(index)
        for index, network in enumerate(self.networks):
            for count in range(self.random.choice([1, 1, 2, 3])):
                self.make_vm(index, count)
            for _count in range(2):
                if not network.alone and len(self.clusters) < 2 and self.chance(0.45):
                    self.make_cluster(index)
        later = [self.make_peerings, self.make_routes, self.make_firewalls]
        self.random.shuffle(later)
        for make in later:
            make()
        for cluster in self.clusters:
            self.make_workloads(cluster)
        built, self.steps = self.steps, []
        while len(self.steps) < changes:
            self.change()
        return Topology(self.seed, built, self.steps)

    # ---- small tools

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def pick(self, options: t.Sequence[t.Any]) -> t.Any:
        return self.random.choice(options)

    def new(self, prefix: str) -> str:
        self.number += 1
        return f"{prefix}{self.number}"

    def some(self, options: t.Sequence[t.Any], most: int) -> list[t.Any]:
        return self.random.sample(list(options), self.random.randint(0, min(most, len(options))))

    def compute(self, what: str, method: str, path: str, body: Json | None = None) -> None:
        self.steps.append(Step(what, "compute", method, path, body))

    def kubernetes(self, what: str, cluster: Cluster, method: str, path: str, body: Json | None = None) -> None:
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        self.steps.append(Step(what, "kubernetes", method, path, body, cluster.path, kind))

    # ---- networks

    def make_network(self, index: int) -> None:
        alone = index == 2 and self.chance(0.35)
        project = self.pick([PROJECTS[0], PROJECTS[index % 2]])
        network = Network(project, f"n{index}", [], alone)
        self.networks.append(network)
        self.insert_network(network)
        if alone:  # the same ranges as another network, which it never meets
            network.subnets = [dataclasses.replace(item) for item in self.networks[0].subnets]
        else:
            network.subnets = [self.make_subnet(index, at) for at in range(self.pick([1, 1, 2]))]
        for subnet in network.subnets:
            subnet.name = self.new("s")
            secondary = [{"rangeName": key, "ipCidrRange": str(value)} for key, value in subnet.secondary.items()]
            self.compute(
                "subnetwork",
                "POST",
                f"projects/{project}/regions/{subnet.region}/subnetworks",
                {
                    "name": subnet.name,
                    "network": network.path,
                    "ipCidrRange": str(subnet.primary),
                    "secondaryIpRanges": secondary,
                },
            )
        if self.chance(0.4):
            self.drop_default(network)

    def insert_network(self, network: Network) -> None:
        body = {"name": network.name, "autoCreateSubnetworks": False}
        self.compute("network", "POST", f"projects/{network.project}/global/networks", body)

    def drop_default(self, network: Network) -> None:
        path = f"projects/{network.project}/global/routes/@default:{network.path}"
        self.compute("no default route", "DELETE", path)

    def make_subnet(self, network: int, at: int) -> Subnet:
        """Ranges that no other subnet of the topology has."""
        primary = [
            f"10.{10 + 4 * network + at}.0.0/24",
            f"10.{10 + 4 * network + at}.0.0/24",
            f"192.168.{16 * network + at}.0/24",
            f"172.{17 + network}.{at}.0/24",
            f"100.{64 + network}.{at}.0/24",
            f"{30 + network}.{10 + at}.0.0/24",
        ]
        pods = [
            f"10.{40 + 4 * network + at}.0.0/21",
            f"172.{24 + network}.{8 * at}.0/21",
            f"192.168.{64 + 16 * network + 8 * at}.0/21",
            f"100.{72 + network}.{8 * at}.0/21",
            f"{20 + network}.{8 * at}.0.0/21",
        ]
        alias = [f"10.{60 + 4 * network + at}.0.0/24", f"{26 + network}.{at}.0.0/24"]
        secondary = {"pods": self.pick(pods), "alias": self.pick(alias)}
        if self.chance(0.5):
            secondary["services"] = f"10.{80 + 4 * network + at}.0.0/22"
        made = {key: Range(value) for key, value in secondary.items()}
        return Subnet("", self.pick(REGIONS), Range(self.pick(primary)), made)

    # ---- instances

    def make_vm(self, index: int, count: int) -> None:
        network = self.networks[index]
        subnet = self.pick(network.subnets)
        vm = Vm(network.project, f"{subnet.region}-a", self.new("vm"), index, self.some(TAGS, 2), self.chance(0.45))
        card: Json = {
            "network": network.path,
            "subnetwork": f"projects/{network.project}/regions/{subnet.region}/subnetworks/{subnet.name}",
            "networkIP": str(subnet.primary[10 + count]),
        }
        if self.chance(0.3):
            block = str(list(subnet.secondary["alias"].subnets(new_prefix=28))[1 + count])
            card["aliasIpRanges"] = [{"ipCidrRange": block, "subnetworkRangeName": "alias"}]
        elif self.chance(0.15):
            card["aliasIpRanges"] = [{"ipCidrRange": str(list(subnet.primary.subnets(new_prefix=28))[4 + count])}]
        body = {
            "name": vm.name,
            "machineType": f"zones/{vm.zone}/machineTypes/e2-medium",
            "canIpForward": vm.forwards,
            "tags": {"items": vm.tags},
            "networkInterfaces": [card],
            "disks": [
                {"boot": True, "initializeParams": {"sourceImage": "projects/debian-cloud/global/images/debian-12"}}
            ],
        }
        self.vms.append(vm)
        self.compute("instance", "POST", f"projects/{vm.project}/zones/{vm.zone}/instances", body)

    # ---- clusters

    def make_cluster(self, index: int) -> None:
        network = self.networks[index]
        subnet = self.pick(network.subnets)
        others = [cluster.routes_based for cluster in self.clusters if cluster.network == index]
        routes_based = not others[0] if others else self.chance(0.5)
        ranges = [
            f"10.{120 + index}.0.0/16",
            f"10.{120 + index}.0.0/16",
            f"172.{28 + index}.0.0/16",
            f"192.168.{128 + 32 * index}.0/19",
            f"100.{100 + index}.0.0/16",
            f"{46 + index}.0.0.0/16",
        ]
        cluster = Cluster(
            network.project,
            f"{subnet.region}-a",
            f"c{len(self.clusters)}",
            index,
            subnet,
            Range(self.pick(ranges)) if routes_based else subnet.secondary["pods"],
            routes_based,
            nodes=self.pick([1, 2]),
            policies=self.chance(0.4),
            agent=self.chance(0.6),
        )
        self.clusters.append(cluster)
        body: Json = {
            "name": cluster.name,
            "network": network.name,
            "subnetwork": subnet.name,
            "nodePools": [{"name": "p", "initialNodeCount": 1, "config": {"tags": ["nodes"]}}],
        }
        if cluster.policies:
            body["networkPolicy"] = {"enabled": True, "provider": "CALICO"}
            body["addonsConfig"] = {"networkPolicyConfig": {"disabled": False}}
        if routes_based:
            body["clusterIpv4Cidr"] = str(cluster.cidr)
            body["ipAllocationPolicy"] = {"useRoutes": True}
        else:
            policy = {"useIpAliases": True, "createSubnetwork": False, "clusterSecondaryRangeName": "pods"}
            if "services" in subnet.secondary:
                policy["servicesSecondaryRangeName"] = "services"
            body["ipAllocationPolicy"] = policy
            if self.chance(0.3):
                body["privateClusterConfig"] = {
                    "enablePrivateNodes": True,
                    "masterIpv4CidrBlock": f"10.250.{index}.0/28",
                }
                body["networkConfig"] = {"defaultSnatStatus": {"disabled": True}}
        path = cluster.path.rsplit("/", 2)[0]
        self.steps.append(Step("cluster", "container", "POST", path, {"cluster": body, "parent": path}))
        for at in range(1, cluster.nodes):
            block = str(list(cluster.cidr.subnets(new_prefix=24))[3])
            node = {
                "cluster": cluster.path,
                "pool": "p",
                "name": f"z-{cluster.name}-node{at}",
                "address": str(subnet.primary[190 + 10 * len(self.clusters) + at]),
                "pods": block,
            }
            self.steps.append(Step("node", "lab", "POST", "nodes", node))
        if routes_based:
            self.node_routes += [(cluster, at) for at in range(cluster.nodes)]
            blocks = list(cluster.cidr.subnets(new_prefix=24))
            self.taken |= {(index, str(blocks[at]), 1000) for at in (0, 3)}
            if self.chance(0.15):
                self.bury(cluster)
        self.set_agent(cluster)

    def bury(self, cluster: Cluster) -> None:
        """A subnet over a node's pods, whose route is deleted before: from then on the subnet route decides, and nobody
        has those addresses, whatever broader route leads to the node."""
        network = self.networks[cluster.network]
        block = next(cluster.cidr.subnets(new_prefix=24))
        self.node_routes.remove((cluster, 0))
        self.buried.append(block)
        path = f"projects/{cluster.project}/global/routes"
        self.compute("node route", "DELETE", f"{path}/@noderoute:{cluster.name}:0")
        subnet = {"name": self.new("s"), "network": network.path, "ipCidrRange": str(block)}
        where = f"projects/{cluster.project}/regions/{cluster.zone[:-2]}/subnetworks"
        self.compute("subnetwork over pods", "POST", where, subnet)
        broad = {
            "name": self.new("r"),
            "network": network.path,
            "destRange": str(cluster.cidr),
            "priority": 50,
            "nextHopInstance": f"@link:{cluster.name}:0",
        }
        self.compute("route", "POST", path, broad)

    def set_agent(self, cluster: Cluster) -> None:
        body = {"cluster": cluster.path, "agent": cluster.agent}
        self.steps.append(Step("agent", "lab", "POST", "masquerade", body))

    # ---- peering

    def make_peerings(self) -> None:
        friends = [index for index, network in enumerate(self.networks) if not network.alone]
        for one in friends:
            for other in friends:
                if one < other and self.chance(0.85 if other == one + 1 else 0.3):
                    sides = [(one, other), (other, one)]
                    self.random.shuffle(sides)
                    for mine, theirs in sides[: self.pick([1, 2, 2, 2, 2])]:
                        self.add_side(mine, theirs)

    def add_side(self, mine: int, theirs: int) -> None:
        self.sides[mine, theirs] = True
        network, peer = self.networks[mine], self.networks[theirs]
        body = {"name": f"to-{peer.name}", "network": peer.path, "exchangeSubnetRoutes": True} | self.flags()
        self.compute("peering", "POST", f"{network.path}/addPeering", {"networkPeering": body})

    def flags(self) -> Json:
        found: Json = {}
        for name, probability in (
            ("exportCustomRoutes", 0.7),
            ("importCustomRoutes", 0.7),
            ("exportSubnetRoutesWithPublicIp", 0.7),
            ("importSubnetRoutesWithPublicIp", 0.5),
        ):
            if self.chance(0.8):
                found[name] = self.chance(probability)
        return found

    # ---- routes

    def make_routes(self) -> None:
        for index in range(len(self.networks)):
            for _count in range(self.random.randint(0, 4)):
                self.add_route(index)
            if self.chance(0.4):
                self.add_detour(index)

    def add_detour(self, index: int) -> None:
        """A route of some instances only, to pods that others reach directly, by a hop that may not forward."""
        targets = [cluster.cidr for cluster in self.clusters if cluster.routes_based]
        tags = sorted({tag for vm in self.vms if vm.network == index for tag in vm.tags})
        hops = [vm.path for vm in self.vms if vm.network == index and vm.forwards]
        hops += [f"@link:{cluster.name}:0" for cluster in self.clusters if cluster.network == index for _weight in "12"]
        block = next(self.pick(targets).subnets(new_prefix=24)) if targets else None
        if block and tags and hops and block not in self.buried:
            network = self.networks[index]
            body = {
                "name": self.new("r"),
                "network": network.path,
                "destRange": str(block),
                "priority": self.pick([10, 20]),
                "tags": [self.pick(tags)],
                "nextHopInstance": self.pick(hops),
            }
            if (index, str(block), body["priority"]) not in self.taken:
                self.taken.add((index, str(block), body["priority"]))
                self.routes.append((network.project, body["name"]))
                self.compute("detour", "POST", f"projects/{network.project}/global/routes", body)

    def destinations(self) -> list[str]:
        """Where a static route may lead: what is broad, what is nowhere, and the pods of routes-based clusters."""
        pods: list[str] = []
        for cluster in self.clusters:
            if cluster.routes_based:
                blocks = list(cluster.cidr.subnets(new_prefix=24))
                pods += [str(blocks[0]), str(blocks[3]), str(next(blocks[0].subnets())), str(cluster.cidr)]
        options = [*BROAD, *NOWHERE, *pods, *pods]
        inside = [found for network in self.networks for item in network.subnets for found in ranges_of(item)]
        inside += self.buried
        return [text for text in options if not any(Range(text).subnet_of(found) for found in inside)]

    def priority(self, destination: str) -> int:
        """Of a new static route."""
        return t.cast(int, self.pick([100, 500, 900, 1000, 1100]))

    def add_route(self, index: int) -> None:
        network = self.networks[index]
        destination = self.pick(self.destinations())
        priority = self.priority(destination)
        if (index, destination, priority) in self.taken:  # equal routes share the traffic: any answer would do
            return
        self.taken.add((index, destination, priority))
        body: Json = {
            "name": self.new("r"),
            "network": network.path,
            "destRange": destination,
            "priority": priority,
        }
        if self.chance(0.4):
            body["tags"] = [self.pick([*TAGS, "nodes"])]
        hops = [vm.path for vm in self.vms if vm.network == index for _weight in range(3 if vm.forwards else 1)]
        for cluster in self.clusters:
            if cluster.network == index:
                hops += [f"@link:{cluster.name}:{at}" for at in range(cluster.nodes)]
        if self.chance(0.07):
            body["nextHopGateway"] = f"projects/{network.project}/global/gateways/default-internet-gateway"
        else:
            body["nextHopInstance"] = self.pick(hops)
        self.routes.append((network.project, body["name"]))
        self.compute("route", "POST", f"projects/{network.project}/global/routes", body)

    # ---- firewall

    def make_firewalls(self) -> None:
        for index, network in enumerate(self.networks):
            if self.chance(0.8):
                body = {"allowed": [{"IPProtocol": "all"}], "priority": 65000, "sourceRanges": ["0.0.0.0/0"]}
                self.insert_firewall(network, body)
            for _count in range(self.random.randint(0, 3)):
                self.insert_firewall(network, self.firewall(index))

    def insert_firewall(self, network: Network, rule: Json) -> None:
        body = rule | {"name": self.new("f"), "network": network.path}
        self.firewalls.append((network.project, body["name"], "denied" if "denied" in body else "allowed"))
        self.compute("firewall", "POST", f"projects/{network.project}/global/firewalls", body)

    def firewall(self, index: int) -> Json:
        ingress = self.chance(0.65)
        deny = self.chance(0.6)
        body: Json = {
            "direction": "INGRESS" if ingress else "EGRESS",
            "priority": self.pick([0, 500, 900, 1000, 1000, 1000, 65000]),
            "denied" if deny else "allowed": self.protocols(),
        }
        if self.chance(0.15):
            body["disabled"] = True
        if self.chance(0.4):
            body["targetTags"] = [self.pick([*TAGS, "nodes"])]
        if not ingress:
            body["destinationRanges"] = self.some(self.interesting(), 2) or ["0.0.0.0/0"]
            return body
        if self.chance(0.4):
            body["sourceTags"] = [self.pick([*TAGS, "nodes"])]
        if "sourceTags" not in body or self.chance(0.3):
            body["sourceRanges"] = self.some(self.interesting(), 2) or ["0.0.0.0/0"]
        return body

    def protocols(self) -> list[Json]:
        options: list[list[Json]] = [
            [{"IPProtocol": "all"}],
            [{"IPProtocol": "icmp"}],
            [{"IPProtocol": "tcp"}],
            [{"IPProtocol": "tcp", "ports": ["80"]}],
            [{"IPProtocol": "tcp", "ports": ["22", "4000-5999"]}, {"IPProtocol": "icmp"}],
            [{"IPProtocol": "udp"}],
        ]
        return t.cast(list[Json], self.pick(options))

    def interesting(self) -> list[str]:
        """Ranges that something is in."""
        found = ["10.0.0.0/8", "0.0.0.0/0"]
        for network in self.networks:
            for subnet in network.subnets:
                found += [str(subnet.primary), f"{subnet.primary[10]}/32", str(subnet.secondary["pods"])]
        found += [str(cluster.cidr) for cluster in self.clusters]
        return sorted(set(found))

    # ---- Kubernetes

    def make_workloads(self, cluster: Cluster) -> None:
        if self.chance(0.6):
            self.set_list(cluster)
        for _count in range(self.random.randint(1, 3)):
            self.add_pod(cluster)
        if self.chance(0.4):
            self.add_pod(cluster, host_network=True)
        if self.chance(0.35):
            self.add_service(cluster)
        if cluster.policies:
            for _count in range(self.random.randint(0, 2)):
                self.add_policy(cluster)

    def add_pod(self, cluster: Cluster, host_network: bool = False) -> None:
        name = self.new("pod")
        cluster.pods.append(name)
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": {"app": "host" if host_network else self.pick(["a", "b"])}},
            "spec": {
                "nodeName": f"@node:{cluster.name}:{self.random.randrange(cluster.nodes)}",
                "hostNetwork": host_network,
                "containers": [{"name": "main", "image": "nginx", "ports": [{"containerPort": 80}]}],
            },
        }
        self.kubernetes("pod", cluster, "POST", "/api/v1/namespaces/default/pods", body)

    def add_service(self, cluster: Cluster) -> None:
        body = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": self.new("svc")},
            "spec": {
                "selector": {"app": self.pick(["a", "b"])},
                "ports": [{"port": self.pick(PORTS), "targetPort": 80, "protocol": "TCP"}],
            },
        }
        self.kubernetes("service", cluster, "POST", "/api/v1/namespaces/default/services", body)

    def add_policy(self, cluster: Cluster) -> None:
        name = self.new("policy")
        self.policies.append((cluster, name))
        types = self.pick([["Ingress"], ["Egress"], ["Ingress", "Egress"]])
        spec: Json = {"podSelector": {"matchLabels": {"app": self.pick(["a", "b"])}}, "policyTypes": types}
        for direction, who in (("Ingress", "from"), ("Egress", "to")):
            if direction in types:
                spec[direction.lower()] = [self.policy_rule(who) for _count in range(self.random.randint(0, 2))]
        body = {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": name},
            "spec": spec,
        }
        path = "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies"
        self.kubernetes("policy", cluster, "POST", path, body)

    def policy_rule(self, who: str) -> Json:
        rule: Json = {}
        if self.chance(0.8):
            block: Json = {"cidr": self.pick(self.interesting())}
            holes = [text for text in self.interesting() if proper_part(text, block["cidr"])]
            if holes and self.chance(0.4):
                block["except"] = [self.pick(holes)]
            rule[who] = [{"ipBlock": block}]
        if self.chance(0.4):
            rule["ports"] = [self.pick([{"protocol": "TCP", "port": 80}, {"protocol": "TCP"}, {"protocol": "UDP"}])]
        return rule

    def set_list(self, cluster: Cluster) -> None:
        """The ConfigMap of ip-masq-agent: lists, and what the agent ignores or refuses."""
        own = [str(cluster.cidr), str(cluster.subnet.primary)]
        lists: list[list[str]] = [
            own,
            own,
            [str(cluster.cidr)],
            [*own, *self.some(self.interesting(), 3)],
            [],
            ["10.0.0.0/8"],
            ["172.16.0.0/12", "192.168.0.0/16"],
            ["10.1.0.1/16", *own],
            [f"10.{at}.0.0/16" for at in range(65)],
        ]
        text = f"nonMasqueradeCIDRs: {self.pick(lists)}\nresyncInterval: 60s\n".replace("'", "")
        key = self.pick(["config", "config", "config", "config", "conf"])
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "ip-masq-agent"},
            "data": {key: text},
        }
        self.kubernetes("list", cluster, "APPLY", "/api/v1/namespaces/kube-system/configmaps/ip-masq-agent", body)

    # ---- changes

    def change(self) -> None:
        """One change of what was built, if there is something of the kind."""
        self.pick(
            [
                self.add_a_route,
                self.add_a_route,
                self.delete_a_route,
                self.delete_a_node_route,
                self.set_tags,
                self.set_tags,
                self.change_flags,
                self.change_flags,
                self.remove_side,
                self.add_missing_side,
                self.stop_or_start,
                self.drop_aliases,
                self.change_list,
                self.change_list,
                self.delete_list,
                self.deploy_agent,
                self.patch_firewall,
                self.patch_firewall,
                self.add_a_firewall,
                self.delete_firewall,
                self.add_a_pod,
                self.delete_pod,
                self.add_a_policy,
                self.delete_policy,
            ]
        )()

    def add_a_route(self) -> None:
        self.add_route(self.random.randrange(len(self.networks)))

    def delete_a_route(self) -> None:
        if self.routes:
            project, name = self.routes.pop(self.random.randrange(len(self.routes)))
            self.compute("route", "DELETE", f"projects/{project}/global/routes/{name}")

    def delete_a_node_route(self) -> None:
        if self.node_routes:
            cluster, at = self.node_routes.pop(self.random.randrange(len(self.node_routes)))
            path = f"projects/{cluster.project}/global/routes/@noderoute:{cluster.name}:{at}"
            self.compute("node route", "DELETE", path)

    def set_tags(self) -> None:
        vm = self.pick(self.vms)
        vm.tags = self.some(TAGS, 2)
        self.compute("tags", "POST", f"{vm.path}/setTags", {"items": vm.tags})

    def change_flags(self) -> None:
        if self.sides:
            mine, theirs = self.pick(sorted(self.sides))
            body = {"name": f"to-{self.networks[theirs].name}"} | self.flags()
            path = f"{self.networks[mine].path}/updatePeering"
            if len(body) > 1:
                self.compute("peering flags", "PATCH", path, {"networkPeering": body})

    def remove_side(self) -> None:
        if self.sides:
            mine, theirs = self.pick(sorted(self.sides))
            del self.sides[mine, theirs]
            body = {"name": f"to-{self.networks[theirs].name}"}
            self.compute("peering", "POST", f"{self.networks[mine].path}/removePeering", body)

    def add_missing_side(self) -> None:
        missing = [(other, one) for one, other in sorted(self.sides) if (other, one) not in self.sides]
        if missing:
            self.add_side(*self.pick(missing))

    def stop_or_start(self) -> None:
        vm = self.pick(self.vms)
        self.compute("power", "POST", f"{vm.path}/{'stop' if vm.running else 'start'}")
        vm.running = not vm.running

    def drop_aliases(self) -> None:
        """An instance without its alias ranges; a node's pods have addresses then that are nobody's."""
        hops = [f"@link:{cluster.name}:0" for cluster in self.clusters if not cluster.routes_based]
        path = self.pick([*[vm.path for vm in self.vms], *hops, *hops])
        self.compute("aliases", "PATCH", f"{path}/updateNetworkInterface?networkInterface=nic0", {"aliasIpRanges": []})

    def change_list(self) -> None:
        if self.clusters:
            self.set_list(self.pick(self.clusters))

    def delete_list(self) -> None:
        if self.clusters:
            path = "/api/v1/namespaces/kube-system/configmaps/ip-masq-agent"
            self.kubernetes("list", self.pick(self.clusters), "FORGET", path)

    def deploy_agent(self) -> None:
        """Never the other way: an agent that goes leaves its rules, and who would clear them away is not documented."""
        without = [cluster for cluster in self.clusters if not cluster.agent]
        if without:
            cluster = self.pick(without)
            cluster.agent = True
            self.set_agent(cluster)

    def patch_firewall(self) -> None:
        if self.firewalls:
            project, name, action = self.pick(self.firewalls)
            options: list[Json] = [
                {"priority": self.pick([0, 900, 1000, 65000])},
                {"disabled": self.chance(0.5)},
                {action: self.protocols()},
            ]
            self.compute("firewall", "PATCH", f"projects/{project}/global/firewalls/{name}", self.pick(options))

    def add_a_firewall(self) -> None:
        index = self.random.randrange(len(self.networks))
        self.insert_firewall(self.networks[index], self.firewall(index))

    def delete_firewall(self) -> None:
        if self.firewalls:
            project, name, _action = self.firewalls.pop(self.random.randrange(len(self.firewalls)))
            self.compute("firewall", "DELETE", f"projects/{project}/global/firewalls/{name}")

    def add_a_pod(self) -> None:
        if self.clusters:
            self.add_pod(self.pick(self.clusters))

    def delete_pod(self) -> None:
        cluster = self.pick(self.clusters) if self.clusters else None
        if cluster and cluster.pods:
            name = cluster.pods.pop(self.random.randrange(len(cluster.pods)))
            path = f"/api/v1/namespaces/default/pods/{name}?gracePeriodSeconds=0"
            self.kubernetes("pod", cluster, "DELETE", path)

    def add_a_policy(self) -> None:
        able = [cluster for cluster in self.clusters if cluster.policies]
        if able:
            self.add_policy(self.pick(able))

    def delete_policy(self) -> None:
        if self.policies:
            cluster, name = self.policies.pop(self.random.randrange(len(self.policies)))
            path = f"/apis/networking.k8s.io/v1/namespaces/default/networkpolicies/{name}"
            self.kubernetes("policy", cluster, "DELETE", path)


def ranges_of(subnet: Subnet) -> list[Range]:
    return [subnet.primary, *subnet.secondary.values()]


def proper_part(text: str, whole: str) -> bool:
    return text != whole and Range(text).subnet_of(Range(whole))
