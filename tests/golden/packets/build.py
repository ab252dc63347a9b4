# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a vector's ``given``, and the ends that its question names, to a World that holds it."""

from __future__ import annotations

import copy
import typing as t

from ansible_collections.podreach.gke.tests.golden.packets.ends import End
from ansible_collections.podreach.gke.tests.golden.packets.world import (
    FAR,
    NODE_ROUTE,
    REGION,
    Json,
    Network,
    World,
    around,
    ip,
    last,
    net,
)

#: The keys of ``given`` that are read, by this module or by the checks; or that tell a reader what follows from the
#: rest and so come of themselves in an estate: events, advertised, routers without sessions, what a proxy does.
READS = frozenset(
    (
        "networks",
        "subnetworks",
        "routes",
        "instances",
        "clusters",
        "nodes",
        "firewalls",
        "firewallPolicys",
        "open",
        "masquerade",
        "daemonSet",
        "configMap",
        "previous",
        "seconds_since_change",
        "flow",
        "pods",
        "egressNatPolicies",
        "networkPolicies",
        "services",
        "endpoints",
        "forwardingRules",
        "loadBalancerSourceRanges",
        "events",
        "advertised",
        "vpnTunnels",
        "routers",
        "proxies",
        "unread",
        "namespaces",
        "quota",
        "aws",
        "Vpcs",
        "Subnets",
        "RouteTables",
        "PrefixLists",
        "SecurityGroups",
        "NetworkAcls",
        "TransitGatewayVpcAttachments",
        "TransitGatewayRouteTables",
        "VgwRoutes",
        "vgwReceived",
        "tgwReceived",
        "flow_source",
        "learned",
        "counts",
        "changed",
        "plan",
        "note",
        "routerStatus",
    )
)
#: What makes a vector need a cluster.
OF_A_CLUSTER = ("nodes", "daemonSet", "configMap", "egressNatPolicies", "networkPolicies", "services", "masquerade")
POD_RANGE = "pods"


def present(given: Json, key: str) -> t.Any:
    """The value of a key, None where it is left out or said to be absent."""
    return None if given.get(key) in (None, "absent") else given[key]


def needs_cluster(given: Json, ends: t.Sequence[End]) -> bool:
    """Whether the vector speaks of a cluster, its nodes or its pods."""
    routed = any(route.get("description") == NODE_ROUTE for route in given.get("routes", []))
    return (
        any(present(given, key) for key in OF_A_CLUSTER)
        or any(end.kind == "pod" or (end.kind == "node" and end.name) for end in ends)
        or bool(routed and given.get("clusters"))
    )


def nodes_of(given: Json, ends: t.Sequence[End]) -> list[Json]:
    """The given nodes, and those that only a route, a pod or a Service presupposes."""
    nodes = [dict(node) for node in given.get("nodes", [])]
    known = {node["name"] for node in nodes}
    for route in given.get("routes", []):
        name = last(route.get("nextHopInstance", ""))
        if route.get("description") == NODE_ROUTE and name not in known:
            nodes.append({"name": name, "podCIDR": route["destRange"]})
            known.add(name)
    for end in ends:
        name = end.node or (end.name if end.kind == "node" else "")
        if end.kind in ("pod", "node") and name and name not in known:
            nodes.append({"name": name, **({"podCIDR": str(around(end.address))} if end.kind == "pod" else {})})
            known.add(name)
    return nodes or [{"name": "gke-n1"}]


def primary_of(instance: Json) -> tuple[str, str]:
    """Address and pod block of an instance that is a node."""
    (interface,) = instance["networkInterfaces"]
    (alias,) = interface["aliasIpRanges"]
    return interface["networkIP"], alias["ipCidrRange"]


def pod_range(cluster: Json, nodes: list[Json], node_addresses: list[str]) -> Network:
    """The cluster's pod range: as given, else the /16 of the first node's block, or the /24 where that holds nodes."""
    if "clusterIpv4Cidr" in cluster:
        return net(cluster["clusterIpv4Cidr"])
    first = net(nodes[0].get("podCIDR", "10.32.0.0/24"))
    wide = around(str(first[0]), 16)
    return around(str(first[0])) if any(ip(address) in wide for address in node_addresses) else wide


class Builder:
    """Builds one vector. ``pool`` is what the cluster's node pool has besides: tags, a service account."""

    def __init__(self, world: World, given: Json, ends: t.Sequence[End] = (), pool: Json | None = None) -> None:
        self.world = world
        self.given = given
        self.ends = ends
        self.pool = pool or {}
        self.subnetworks = [copy.deepcopy(item) for item in given.get("subnetworks", [])]
        self.open = " ".join(given.get("open", []))
        self.hops = world.hops

    def build(self) -> World:
        """All of it, in the order that the APIs need."""
        clustered = needs_cluster(self.given, self.ends)
        nodes = nodes_of(self.given, self.ends) if clustered else []
        cluster = (self.given.get("clusters") or [{}])[0]
        network = last(cluster.get("network", "n1"))
        if clustered:
            self.place_cluster(cluster, network, nodes)
        self.make_networks()
        if clustered:
            self.make_cluster(cluster, network, nodes)
        names = {node["name"] for node in nodes}
        for instance in self.given.get("instances", []):
            if "networkInterfaces" in instance and instance["name"] not in names:
                self.world.given_instance(instance)
        for number, route in enumerate(self.given.get("routes", [])):
            self.hops[route.get("name", f"route-{number}")] = self.world.route(route, number)
        for instance in self.given.get("instances", []):
            if instance.get("status") == "TERMINATED":
                self.world.stop(instance["name"])
        self.make_firewalls()
        if clustered:
            self.make_objects()
        if "firewalls" in self.given:
            # GKE's own rules and a Service's come of themselves
            names = {rule["name"] for rule in self.given["firewalls"]}
            self.world.only_firewalls(names | {f"far-{network}" for network in self.world.networks})
        return self.world

    # ---- networks

    def make_networks(self) -> None:
        """Networks, subnetworks, peerings; n1 where nothing is named."""
        networks = self.given.get("networks", [])
        for body in networks:
            self.world.need_network(**{key: value for key, value in body.items() if key != "peerings"})
        for subnetwork in self.subnetworks:
            self.world.make_subnetwork(subnetwork)
        named = [
            item["network"] for key in ("routes", "firewalls") for item in self.given.get(key, []) if "network" in item
        ] + [end.network for end in self.ends if end.network]
        for name in named or ([] if self.world.networks else ["n1"]):
            self.world.need_network(last(name))
        self.world.peerings(networks)

    def place_cluster(self, cluster: Json, network: str, nodes: list[Json]) -> None:
        """Complete nodes and subnetworks so that the cluster has a place: addresses, a secondary range for pods."""
        instances = {item["name"]: item for item in self.given.get("instances", []) if "networkInterfaces" in item}
        for node in nodes:
            if node["name"] in instances:
                node["networkIP"], node["podCIDR"] = primary_of(instances[node["name"]])
        ours = [item for item in self.subnetworks if item["network"] == network]
        addresses = [node["networkIP"] for node in nodes if "networkIP" in node]
        place = next((item for item in ours if not addresses or ip(addresses[0]) in net(item["ipCidrRange"])), None)
        if place is None:
            place = {
                "name": "helper-cluster",
                "network": network,
                "region": REGION,
                "ipCidrRange": str(around(addresses[0] if addresses else "10.1.0.2")),
            }
            self.subnetworks.append(place)
        taken = set(addresses)
        free = (str(host) for host in list(net(place["ipCidrRange"]).hosts())[1:100] if str(host) not in taken)
        for node in nodes:
            if "networkIP" not in node:
                node["networkIP"] = next(free)
        if not cluster.get("ipAllocationPolicy", {}).get("useRoutes"):
            name = cluster.get("ipAllocationPolicy", {}).get("clusterSecondaryRangeName", POD_RANGE)
            secondary = place.setdefault("secondaryIpRanges", [])
            if name not in [item["rangeName"] for item in secondary]:
                secondary.append({"rangeName": name, "ipCidrRange": str(pod_range(cluster, nodes, list(taken)))})
            pods = next(net(item["ipCidrRange"]) for item in secondary if item["rangeName"] == name)
        else:
            pods = net(cluster["clusterIpv4Cidr"])
        blocks = (
            block for block in pods.subnets(new_prefix=24) if str(block) not in {node.get("podCIDR") for node in nodes}
        )
        for node in nodes:
            if "podCIDR" not in node:
                node["podCIDR"] = str(next(blocks))
        self.place = place

    # ---- clusters

    def make_cluster(self, cluster: Json, network: str, nodes: list[Json]) -> None:
        """The cluster, its nodes exactly, its node routes as given, and the agent if there is one."""
        body = dict(cluster)
        if present(self.given, "networkPolicies"):
            body.setdefault("networkPolicy", {"enabled": True, "provider": "CALICO"})
        if body.get("networkConfig", {}).get("defaultSnatStatus", {}).get("disabled"):
            # https://cloud.google.com/sdk/gcloud/reference/container/clusters/create: --disable-default-snat needs
            # private nodes
            private = {"enablePrivateNodes": True, "masterIpv4CidrBlock": "172.30.0.0/28"}
            body.setdefault("privateClusterConfig", private)
        subnetwork = next(item for item in self.world.subnetworks if item.name == self.place["name"])
        for service in self.given.get("services", []):
            # where the cluster's own ranges aren't given, the one that holds the Service's address is for Services
            held = [
                name
                for name, range_ in subnetwork.secondary.items()
                if "clusterIP" in service["spec"] and ip(service["spec"]["clusterIP"]) in range_
            ]
            if held and "ipAllocationPolicy" not in body:
                body["ipAllocationPolicy"] = {"servicesSecondaryRangeName": held[0]}
        made = self.world.cluster_at(network=network, subnetwork=subnetwork, given=body, pool=self.pool)
        autopilot = body.get("autopilot", {}).get("enabled", False)
        for node in nodes:
            self.world.node(
                made,
                node["name"],
                node["networkIP"],
                node["podCIDR"],
                node.get("os", "linux"),
                pool="" if autopilot else "pool",
            )
        self.make_agent()

    def make_agent(self) -> None:
        """The agent, when given or when a list is said to be in force, first with what was before."""
        daemon_set = present(self.given, "daemonSet")
        if lists := present(self.given, "masquerade"):
            self.world.agent(["--masq-chain=IP-MASQ"])
            self.world.masquerade_list(lists["nonMasqueradeCIDRs_in_force"])
        elif daemon_set:
            self.world.agent([*daemon_set["args"], "--v=2"])
        if before := present(self.given, "previous"):
            self.world.masquerade_list(before["nonMasqueradeCIDRs"])

    def make_objects(self) -> None:
        """ConfigMap, policies, pods, Services. What the agent had before is in force by then."""
        kube = self.world.cluster_made.kube
        self.world.lab.admin("POST", "settle", {})
        if config_map := present(self.given, "configMap"):
            self.world.config_map(config_map)
        elif present(self.given, "previous"):
            kube.delete("ConfigMap", "ip-masq-agent", "kube-system")
        for policy in self.given.get("egressNatPolicies", []):
            kube.put(policy)
        for number, policy in enumerate(self.given.get("networkPolicies", [])):
            kube.put(
                {
                    "apiVersion": "networking.k8s.io/v1",
                    "kind": "NetworkPolicy",
                    **policy,
                    "metadata": {"name": f"given-{number}", **policy["metadata"]},
                }
            )
        for namespace in self.given.get("namespaces", []):
            kube.put({"apiVersion": "v1", "kind": "Namespace", "metadata": namespace})
        for pod in self.given.get("pods", []):
            if "name" not in pod:
                # one that the question names; it is made there
                assert pod["spec"] == {"hostNetwork": True}, pod
                continue
            end = End("pod", pod["name"], pod["ip"], pod["node"], namespace=pod.get("namespace", "default"))
            self.world.make_pod(pod["name"], end, labels=pod.get("labels", {}), ports=pod.get("listens", [80]))
        for service in self.given.get("services", []):
            self.make_service(service)

    def make_service(self, service: Json) -> None:
        """A Service as given and, behind it, one pod that listens on the target port."""
        name = service["metadata"]["name"]
        spec = {
            "type": "ClusterIP",
            "ports": [{"port": 80, "targetPort": 5000}],
            "selector": {"app": name},
            **service["spec"],
        }
        assert self.given.get("endpoints", {"ready": 1}) == {"ready": 1}
        cluster = self.world.cluster_made
        block = net(next(iter(cluster.nodes.values()))["pods"])
        self.world.make_pod(
            f"{name}-0",
            End("pod", address=str(block[9])),
            labels={"app": name},
            ports=[port["targetPort"] for port in spec["ports"]],
        )
        for port in spec["ports"]:
            port.setdefault("protocol", "TCP")
        metadata = {"namespace": "default", **service["metadata"]}
        if "loadBalancerSourceRanges" in self.given:
            spec["loadBalancerSourceRanges"] = self.given["loadBalancerSourceRanges"]
        ingress = service.get("status", {}).get("loadBalancer", {}).get("ingress", [])
        if ingress:
            spec["loadBalancerIP"] = ingress[0]["ip"]
        elif service["spec"].get("type") == "LoadBalancer":
            spec["loadBalancerIP"] = "192.0.2.1"  # in no subnetwork, so it stays pending
        cluster.kube.put({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})

        def address() -> t.Any:
            found = cluster.kube.get("Service", name)
            assert found is not None
            return found.get("status", {}).get("loadBalancer", {}).get("ingress")

        if ingress:
            assert cluster.kube.wait(f"Service {name} has an address", address)[0]["ip"] == ingress[0]["ip"]
            self.judge_forwarding_rules()

    def judge_forwarding_rules(self) -> None:
        """The load balancer's forwarding rule is the given one."""
        for given in self.given.get("forwardingRules", []):
            items = self.world.read(f"regions/{given['region']}/forwardingRules").get("items", [])
            (rule,) = [item for item in items if item["IPAddress"] == given["IPAddress"]]
            assert rule["loadBalancingScheme"] == given["loadBalancingScheme"]
            assert rule.get("allowGlobalAccess", False) == given["allowGlobalAccess"]

    # ---- firewalls

    def make_firewalls(self) -> None:
        """The given rules; everything in, where the vector calls the layer open; stand-ins let everything in."""
        for rule in self.given.get("firewalls", []):
            self.world.firewall(rule)
        for network in sorted(self.world.networks):
            if "gcp-firewall" in self.open:
                self.world.allow(network, f"open-{network}")
            else:
                self.world.allow(network, f"far-{network}", targetTags=[FAR], priority=1)
