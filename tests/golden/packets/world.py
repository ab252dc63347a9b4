# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds what a golden vector gives, by API calls alone, in a lab whose packets are then asked.

A vector gives no more than its point needs; what packets need besides is added here so that it decides nothing:
subnetworks for addresses that none of the given ones holds (HELPERS and the /24 of an address), machines to send from
and to, a second node where a route names one. Stand-ins, where the thing itself needs another cloud:

* a tunnel that is a next hop: a forwarding instance; which static route is chosen doesn't depend on the kind of hop;
* the address 10.2.0.1 of a machine in the subnetwork 10.2.0.0/16, and the like: the tenth after it, since Google keeps
  the first for itself (https://cloud.google.com/vpc/docs/subnets; Subnetwork.gatewayAddress of the compute API).
"""

from __future__ import annotations

import dataclasses
import ipaddress
import pathlib
import typing as t

import requests

from ansible_collections.podreach.gke.tests.golden.lab_estate import Estate
from ansible_collections.podreach.gke.tests.golden.packets.ends import End
from ansible_collections.podreach.gke.tests.golden.packets.kube import Kube
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

if t.TYPE_CHECKING:
    from ansible_collections.podreach.gke.tests.golden.packets.outside import Outside

Json = dict[str, t.Any]
Address = ipaddress.IPv4Address
Network = ipaddress.IPv4Network

REGION = "asia-northeast1"
#: Ranges of no vector: /24 blocks for machines whose address doesn't matter.
HELPERS = ipaddress.IPv4Network("172.29.0.0/16")
#: The tag of stand-ins, which every network lets everything into.
FAR = "far"
#: Where the lab has its projects, from the top: who may have a hierarchical firewall policy.
ANCESTORS = ("organizations/123456789012", "folders/234567890123")
NODE_ROUTE = "k8s-node-route"
ANYWHERE = "0.0.0.0/0"


@dataclasses.dataclass
class Subnetwork:
    """What exists: ``secondary`` by range name."""

    name: str
    network: str
    region: str
    primary: Network
    secondary: dict[str, Network]


@dataclasses.dataclass
class Cluster:
    """A cluster that exists: its path in the container API, its network and zone, its Kubernetes API."""

    path: str
    network: str
    subnetwork: Subnetwork
    zone: str
    kube: Kube
    nodes: dict[str, Json]


def ip(text: str) -> Address:
    """An IPv4 address."""
    return ipaddress.IPv4Address(text)


def net(text: str) -> Network:
    """An IPv4 range, strictly."""
    return ipaddress.IPv4Network(text)


def around(address: str, prefix: int = 24) -> Network:
    """The block of that size that holds the address."""
    return ipaddress.IPv4Network(f"{address}/{prefix}", strict=False)


def last(reference: str) -> str:
    """The name at the end of a reference: ``projects/p/global/networks/n`` is ``n``."""
    return reference.rsplit("/", 1)[-1]


def reserved(address: str, primary: Network) -> bool:
    """Whether Google keeps the address of a primary range for itself: the first two and the last two."""
    return ip(address) in (primary[0], primary[1], primary[-2], primary[-1])


class World(Estate):
    """An empty lab that becomes what a vector gives."""

    def __init__(self, lab: Lab, scratch: pathlib.Path) -> None:
        super().__init__(lab, scratch)
        self.networks: set[str] = set()
        self.subnetworks: list[Subnetwork] = []
        self.machines: dict[str, str] = {}
        #: address -> name of the machine or node that has it
        self.addresses: dict[str, str] = {}
        #: an address that nobody can have -> the one that its machine got
        self.instead: dict[str, str] = {}
        self.policies: dict[str, Json] = {}
        self.the_cluster: Cluster | None = None
        #: route name -> name of the instance that is its next hop, '' for none
        self.hops: dict[str, str] = {}
        #: what is beyond this project, where a vector speaks of it (outside.py)
        self.outside: Outside | None = None
        self._helpers = HELPERS.subnets(new_prefix=24)

    # ---- requests

    def root(self, method: str, path: str, body: t.Any = None) -> requests.Response:
        """A compute request; ``path`` is below the version."""
        url = f"{self.env['GOOGLE_COMPUTE_CUSTOM_ENDPOINT'].rstrip('/')}/{path}"
        return self._http.request(method, url, json=body, timeout=60)

    def attempt(self, method: str, path: str, body: t.Any = None) -> tuple[requests.Response, Json | None]:
        """A compute request below the project and, where it was accepted, the operation once it has ended."""
        reply = self.root(method, f"projects/{self.project}/{path}", body)
        return reply, self.ended(reply) if reply.ok else None

    def ended(self, reply: requests.Response) -> Json:
        """The operation that an accepted request began, once it has ended."""
        operation: Json = reply.json()
        while operation["status"] != "DONE":
            where = operation["selfLink"].partition("/compute/v1/")[2]
            operation = self.root("GET", where).json()
        return operation

    def act(self, path: str, body: Json) -> Json:
        """A POST below the version that must succeed, its operation too."""
        reply = self.root("POST", path, body)
        assert reply.ok, f"{reply.url}: {reply.text}"
        operation = self.ended(reply)
        assert "error" not in operation, f"{reply.url}: {operation['error']}"
        return operation

    def do(self, method: str, path: str, body: t.Any = None) -> Json:
        """A compute request that must succeed, its operation too."""
        reply, operation = self.attempt(method, path, body)
        assert operation is not None, f"{method} {reply.url}: {reply.text}"
        assert "error" not in operation, f"{method} {reply.url}: {operation['error']}"
        return operation

    def read(self, path: str) -> Json:
        """What a GET below the project answers."""
        reply = self.compute("GET", path)
        assert reply.ok, f"{reply.url}: {reply.text}"
        found: Json = reply.json()
        return found

    def network_path(self, name: str) -> str:
        """The path of a network of the project."""
        return f"projects/{self.project}/global/networks/{last(name)}"

    # ---- networks

    def need_network(self, name: str, **fields: t.Any) -> None:
        """Make the network unless it is there."""
        if name not in self.networks:
            self.networks.add(name)
            self.network(name, **fields)

    def make_subnetwork(self, body: Json) -> Subnetwork:
        """Make a subnetwork as given."""
        fields = dict(body)
        name, network, cidr = fields.pop("name"), last(fields.pop("network")), fields.pop("ipCidrRange")
        region = fields.pop("region", REGION)
        self.need_network(network)
        self.subnetwork(name, network, cidr, region, **fields)
        secondary = {item["rangeName"]: net(item["ipCidrRange"]) for item in fields.get("secondaryIpRanges", [])}
        made = Subnetwork(name, network, region, net(cidr), secondary)
        self.subnetworks.append(made)
        return made

    def holding(self, network: str, address: str, region: str = "") -> Subnetwork | None:
        """The subnetwork of a network whose primary range holds the address."""
        return next(
            (
                item
                for item in self.subnetworks
                if item.network == network and ip(address) in item.primary and region in ("", item.region)
            ),
            None,
        )

    def need_subnetwork(self, network: str, address: str, region: str = "") -> Subnetwork:
        """The subnetwork that holds the address: one that is there, or a new one around it."""
        if found := self.holding(network, address, region):
            return found
        taken = [range_ for item in self.subnetworks for range_ in (item.primary, *item.secondary.values())]
        free = [
            size
            for size in (24, 28, 23, 22, 16, 15, 14)
            if not any(around(address, size).overlaps(one) for one in taken)
        ]
        assert free, f"no range for a machine at {address}"
        # one where the address isn't Google's own, if there is one
        free.sort(key=lambda size: reserved(address, around(address, size)))
        cidr = around(address, free[0])
        return self.make_subnetwork(
            {
                "name": f"helper-{str(cidr[0]).replace('.', '-')}",
                "network": network,
                "region": region or REGION,
                "ipCidrRange": str(cidr),
            }
        )

    def helper(self, network: str, region: str = REGION) -> Subnetwork:
        """A subnetwork that no vector knows, one for each network and region."""
        for item in self.subnetworks:
            if (item.network, item.region) == (network, region) and item.primary.subnet_of(HELPERS):
                return item
        cidr = next(self._helpers)
        name = f"helper-{str(cidr[0]).replace('.', '-')}"
        return self.make_subnetwork({"name": name, "network": network, "region": region, "ipCidrRange": str(cidr)})

    def free_address(self, subnetwork: Subnetwork) -> str:
        """An address of the primary range that nobody has, from its middle on."""
        hosts = (subnetwork.primary[number] for number in range(100, 250))
        return str(next(host for host in hosts if str(host) not in self.addresses))

    def peer(self, network: str, peering: Json) -> None:
        """Make one side of a peering."""
        state = peering.get("state")
        body = {key: value for key, value in peering.items() if key not in ("state", "stateDetails")}
        body["network"] = self.network_path(peering["network"])
        body.setdefault("exchangeSubnetRoutes", True)
        assert state in (None, "ACTIVE", "INACTIVE")
        self.do("POST", f"global/networks/{network}/addPeering", {"networkPeering": body})

    def peerings(self, networks: list[Json]) -> None:
        """Make all given peerings; what is ACTIVE has another side, given or not. Then they are as given."""
        sides = {(item["name"], last(peering["network"])) for item in networks for peering in item.get("peerings", [])}
        for item in networks:
            for peering in item.get("peerings", []):
                self.need_network(last(peering["network"]))
                self.peer(item["name"], peering)
                other = last(peering["network"])
                if peering.get("state") == "ACTIVE" and (other, item["name"]) not in sides:
                    self.peer(other, {"name": "other-side", "network": item["name"]})
        for item in networks:
            there = {one["name"]: one for one in self.read(f"global/networks/{item['name']}").get("peerings", [])}
            for peering in item.get("peerings", []):
                if "state" in peering:
                    assert there[peering["name"]]["state"] == peering["state"], there

    # ---- machines

    def machine(self, name: str, network: str, address: str = "", region: str = "", **fields: t.Any) -> str:
        """Make an instance and start it; without an address, in a helper subnetwork. Returns its name.

        ``fields`` are the API's; ``aliasIpRanges`` goes to its interface.
        """
        if address:
            subnetwork = self.need_subnetwork(network, address, region)
            if reserved(address, subnetwork.primary):
                self.instead[address] = address = str(ip(address) + 10)
        else:
            subnetwork = self.helper(network, region or REGION)
            address = self.free_address(subnetwork)
        zone = f"{subnetwork.region}-b"
        interface: Json = {
            "network": self.network_path(network),
            "networkIP": address,
            "subnetwork": f"projects/{self.project}/regions/{subnetwork.region}/subnetworks/{subnetwork.name}",
        }
        if aliases := fields.pop("aliasIpRanges", None):
            interface["aliasIpRanges"] = aliases
        self.do(
            "POST",
            f"zones/{zone}/instances",
            {
                "name": name,
                "machineType": f"zones/{zone}/machineTypes/e2-small",
                "networkInterfaces": [interface],
                "disks": [
                    {
                        "boot": True,
                        "autoDelete": True,
                        "initializeParams": {"sourceImage": "projects/debian-cloud/global/images/family/debian-12"},
                    }
                ],
                **fields,
            },
        )
        self.machines[name] = f"projects/{self.project}/zones/{zone}/instances/{name}"
        self.addresses[address] = name
        return name

    def given_instance(self, given: Json) -> None:
        """An instance as given; a subnetwork around its address, with a secondary range for its aliases, if need be."""
        (interface,) = given["networkInterfaces"]
        network, address = last(interface["network"]), interface["networkIP"]
        aliases = [dict(alias) for alias in interface.get("aliasIpRanges", [])]
        subnetwork = self.holding(network, address)
        if subnetwork is None and aliases:
            ranges = [
                {"rangeName": "pods", "ipCidrRange": str(around(alias["ipCidrRange"].partition("/")[0], 16))}
                for alias in aliases
            ]
            subnetwork = self.make_subnetwork(
                {
                    "name": "helper-nodes",
                    "network": network,
                    "secondaryIpRanges": ranges,
                    "ipCidrRange": str(around(address)),
                }
            )
        for alias in aliases:
            alias.setdefault("subnetworkRangeName", "pods")
        fields = {key: given[key] for key in ("tags", "canIpForward") if key in given}
        self.machine(given["name"], network, address, aliasIpRanges=aliases, **fields)

    def stop(self, name: str) -> None:
        """Stop an instance."""
        self.do("POST", f"{self.machines[name].split('/', 2)[2]}/stop")

    def sender(self, network: str, region: str = "") -> str:
        """A machine whose address doesn't matter."""
        name = f"asker-{network}-{region or REGION}"
        return name if name in self.machines else self.machine(name, network, region=region)

    # ---- routes and firewalls

    def hop(self, name: str, network: str) -> str:
        """A forwarding instance as next hop; the name of one that is there, or a new one."""
        return name if name in self.machines else self.machine(name, network, canIpForward=True)

    def route(self, given: Json, number: int = 0) -> str:
        """Make a static route as given, an instance in place of a tunnel; returns the next hop's name, '' for none.

        A route of a peer (nextHopPeering) is made there and comes by the peering.
        """
        network = last(given["network"])
        name = given.get("name", f"route-{number}")
        body: Json = {"name": name, "destRange": given["destRange"], "priority": given.get("priority", 1000)}
        if "priority" not in given:
            del body["priority"]
        for key in ("tags", "description"):
            if key in given:
                body[key] = given[key]
        hop = ""
        if "nextHopPeering" in given:
            other = f"beyond-{given['nextHopPeering']}"
            self.need_network(other)
            self.peer(network, {"name": given["nextHopPeering"], "network": other, "importCustomRoutes": True})
            self.peer(other, {"name": "back", "network": network, "exportCustomRoutes": True})
            network, hop = other, self.hop(f"hop-{name}", other)
        elif "nextHopGateway" in given:
            body["nextHopGateway"] = f"projects/{self.project}/global/gateways/default-internet-gateway"
        elif "nextHopInstance" in given:
            hop = self.hop(last(given["nextHopInstance"]), network)
        else:
            hop = self.hop(f"hop-{name}", network)
        if hop:
            body["nextHopInstance"] = self.machines[hop]
        self.need_network(network)
        if given["destRange"] == ANYWHERE or given.get("description") == NODE_ROUTE:
            self.drop_routes(network, given["destRange"])
        self.make("global/routes", {**body, "network": self.network_path(network)})
        return hop

    def routes_of(self, network: str) -> list[Json]:
        """The routes of a network as routes.list tells them."""
        found: list[Json] = self.read("global/routes?maxResults=500").get("items", [])
        return [item for item in found if last(item["network"]) == network]

    def drop_routes(self, network: str, destination: str) -> None:
        """Delete the routes to exactly that range which came of themselves: the given one is to be the only one."""
        for item in self.routes_of(network):
            if item["destRange"] == destination and "nextHopNetwork" not in item:
                self.do("DELETE", f"global/routes/{item['name']}")

    def firewall(self, given: Json) -> None:
        """Make a firewall rule, of n1 where no network is named."""
        body = {**given, "network": self.network_path(given.get("network", "n1"))}
        self.do("POST", "global/firewalls", body)

    def allow(self, network: str, name: str, **fields: t.Any) -> None:
        """Make a rule that lets everything in."""
        self.firewall(
            {
                "name": name,
                "network": network,
                "direction": "INGRESS",
                "sourceRanges": [ANYWHERE],
                "allowed": [{"IPProtocol": "all"}],
                **fields,
            }
        )

    def only_firewalls(self, names: set[str]) -> None:
        """Delete the rules that came of themselves: what is not given does not exist."""
        for item in self.read("global/firewalls").get("items", []):
            if item["name"] not in names:
                self.do("DELETE", f"global/firewalls/{item['name']}")

    def hierarchical_policy(self, name: str, ancestor: str) -> str:
        """Make a firewall policy of the organisation; its path below the version."""
        operation = self.act(f"locations/global/firewallPolicies?parentId={ancestor}", {"shortName": name})
        return f"locations/global/firewallPolicies/{last(operation['targetLink'])}"

    # ---- clusters

    def cluster_at(self, *, network: str, subnetwork: Subnetwork, given: Json, pool: Json) -> Cluster:
        """Make a cluster as given, without nodes, in a subnetwork; GKE hasn't deployed the masquerade agent."""
        autopilot = given.get("autopilot", {}).get("enabled", False)
        location = subnetwork.region if autopilot else f"{subnetwork.region}-b"
        body: Json = {
            "name": given.get("name", "c"),
            "network": self.network_path(network),
            "subnetwork": f"projects/{self.project}/regions/{subnetwork.region}/subnetworks/{subnetwork.name}",
        }
        policy = dict(given.get("ipAllocationPolicy", {}))
        if policy.get("useRoutes"):
            body["clusterIpv4Cidr"] = given["clusterIpv4Cidr"]
        else:
            policy.setdefault("useIpAliases", True)
            policy.setdefault("clusterSecondaryRangeName", "pods")
        body["ipAllocationPolicy"] = policy
        for key in ("autopilot", "networkConfig", "networkPolicy", "privateClusterConfig"):
            if key in given:
                body[key] = given[key]
        if not autopilot:
            body["nodePools"] = [{"name": "pool", "initialNodeCount": 0, **pool}]
        parent = f"locations/{location}"
        reply = self.container("POST", f"{parent}/clusters", {"cluster": body})
        self._done(reply, lambda op: self.container("GET", f"{parent}/operations/{op['name']}"))
        found = self.container("GET", f"{parent}/clusters/{body['name']}").json()
        path = f"projects/{self.project}/{parent}/clusters/{body['name']}"
        if not autopilot:
            self.lab.admin("POST", "masquerade", {"cluster": path, "agent": False})
        kube = Kube(found, self.lab.token(), self.scratch)
        made = Cluster(path, network, subnetwork, f"{subnetwork.region}-b", kube, {})
        self.the_cluster = made
        return made

    def instances(self) -> list[Json]:
        """All instances of the project."""
        scopes = self.read("aggregated/instances?maxResults=500")["items"].values()
        return [item for scope in scopes for item in scope.get("instances", [])]

    def node(self, cluster: Cluster, name: str, address: str, pods: str, os: str, pool: str) -> None:
        """Add a node exactly so to a pool; without a pool, in Autopilot, be content with a node that is so."""
        if pool:
            body = {"cluster": cluster.path, "name": name, "address": address, "pods": pods, "os": os, "pool": pool}
            self.lab.admin("POST", "nodes", body)
        (found,) = [item for item in self.instances() if item["networkInterfaces"][0]["networkIP"] == address]
        if not pool:
            aliases = found["networkInterfaces"][0]["aliasIpRanges"]
            assert [alias["ipCidrRange"] for alias in aliases] == [pods], f"no node has {pods}: {found}"
        self.machines[name] = found["selfLink"].partition("/compute/v1/")[2]
        self.addresses[address] = name
        cluster.nodes[name] = {"address": address, "pods": pods, "name": found["name"]}

    @property
    def far_clouds(self) -> Outside:
        """What is beyond the project."""
        assert self.outside is not None, "the vector needs another cloud"
        return self.outside

    @property
    def cluster_made(self) -> Cluster:
        """The vector's cluster."""
        assert self.the_cluster is not None, "the vector needs a cluster"
        return self.the_cluster

    def pod(self, end: End, **spec: t.Any) -> str:
        """Make the pod that an end describes, unless it is there; returns the name to trace from."""
        cluster = self.cluster_made
        name = end.name or f"pod-{end.address.replace('.', '-')}"
        if cluster.kube.get("Pod", name, end.namespace) is None:
            self.make_pod(name, end, **spec)
        return f"{end.namespace}/{name}"

    def make_pod(self, name: str, end: End, **spec: t.Any) -> None:
        """Make a pod at exactly the address of ``end``, on the node it names or whose block holds the address."""
        cluster = self.cluster_made
        node = end.node or next(name for name, item in cluster.nodes.items() if ip(end.address) in net(item["pods"]))
        labels = spec.pop("labels", {})
        ports = spec.pop("ports", [80])
        metadata: Json = {"name": name, "namespace": end.namespace, "labels": labels}
        if end.address and not end.host_network:
            metadata["annotations"] = {"lab.podreach.gke/address": end.address}
        pod = cluster.kube.running_pod(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": metadata,
                "spec": {
                    "nodeName": cluster.nodes[node]["name"],
                    "hostNetwork": end.host_network,
                    "containers": [
                        {
                            "name": "main",
                            "image": "registry.k8s.io/e2e-test-images/agnhost:2.53",
                            "ports": [{"containerPort": port} for port in ports],
                        }
                    ],
                    **spec,
                },
            }
        )
        expected = cluster.nodes[node]["address"] if end.host_network else end.address
        assert pod["status"]["podIP"] == expected, f"pod {name} got {pod['status']['podIP']}, not {expected}"

    def agent(self, arguments: list[str], *, name: str = "ip-masq-agent", **spec: t.Any) -> None:
        """Deploy the agent as GKE's manual does: a DaemonSet whose optional ConfigMap has the DaemonSet's name."""
        self.cluster_made.kube.put(
            {
                "apiVersion": "apps/v1",
                "kind": "DaemonSet",
                "metadata": {"name": name, "namespace": "kube-system"},
                "spec": {
                    "selector": {"matchLabels": {"k8s-app": name}},
                    "template": {
                        "metadata": {"labels": {"k8s-app": name}},
                        "spec": {
                            "hostNetwork": True,
                            **spec,
                            "containers": [
                                {
                                    "name": "ip-masq-agent",
                                    "image": "gke.gcr.io/ip-masq-agent:v2.9.3-gke.5",
                                    "args": arguments,
                                    "securityContext": {
                                        "privileged": False,
                                        "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN", "NET_RAW"]},
                                    },
                                    "volumeMounts": [{"name": "config-volume", "mountPath": "/etc/config"}],
                                }
                            ],
                            "volumes": [
                                {
                                    "name": "config-volume",
                                    "configMap": {
                                        "name": name,
                                        "optional": True,
                                        "items": [{"key": "config", "path": "ip-masq-agent"}],
                                    },
                                }
                            ],
                            "tolerations": [
                                {"effect": "NoSchedule", "operator": "Exists"},
                                {"effect": "NoExecute", "operator": "Exists"},
                            ],
                        },
                    },
                },
            }
        )
        kube = self.cluster_made.kube

        def ready() -> bool:
            status = (kube.get("DaemonSet", name, "kube-system") or {}).get("status", {})
            wanted: int = status.get("desiredNumberScheduled", 0)
            return wanted > 0 and status.get("numberReady") == wanted

        kube.wait(f"DaemonSet {name} is ready", ready)

    def config_map(self, given: Json) -> None:
        """Put a ConfigMap."""
        self.cluster_made.kube.put({"apiVersion": "v1", "kind": "ConfigMap", **given})

    def masquerade_list(self, cidrs: list[str]) -> None:
        """Put the agent's ConfigMap with this list."""
        lines = "".join(f"  - {cidr}\n" for cidr in cidrs)
        self.config_map(
            {
                "metadata": {"namespace": "kube-system", "name": "ip-masq-agent"},
                "data": {"config": f"nonMasqueradeCIDRs:\n{lines}"},
            }
        )
