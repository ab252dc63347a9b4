# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what both APIs answer to the oracle's world."""

from __future__ import annotations

import dataclasses
import typing as t

import yaml

from . import world as w
from .clients import Client
from .oracle import PRIVATE, SPECIAL_USE

Json = dict[str, t.Any]
PROJECTS = ("podreach-lab", "podreach-peer")
EVERYWHERE = w.cidr("0.0.0.0/0")
#: https://github.com/kubernetes-sigs/ip-masq-agent: the default of cidrLimit
CIDR_LIMIT = 64


class Reader:
    """Reads the world through the APIs. It remembers which list each agent took over last, as the agents do."""

    def __init__(self, google: Client, routers: bool = False) -> None:
        self.google = google
        self.routers = routers
        """Whether there are Cloud Routers to be read."""
        self.clusters: dict[str, Client] = {}
        """Clients of the clusters' Kubernetes, by container path."""
        self.agents: dict[str, bool] = {}
        """Whether ip-masq-agent runs, by container path: the test decides it."""
        self.kept: dict[str, tuple[w.Range, ...] | None] = {}

    def close(self) -> None:
        for client in self.clusters.values():
            client.close()

    def read(self) -> w.World:
        found: dict[str, t.Any] = {name: [] for name in w.World.__dataclass_fields__ if name != "amazon"}
        for project in PROJECTS:
            for body in self.items(f"/compute/v1/projects/{project}/global/networks"):
                found["networks"].append(relative(body["selfLink"]))
                if body.get("routingConfig", {}).get("routingMode") == "GLOBAL":
                    found["worldwide"].append(relative(body["selfLink"]))
                found["peerings"] += peerings(body)
            for body in self.aggregated(project, "subnetworks"):
                found["subnetworks"].append(subnetwork(body))
            for body in self.items(f"/compute/v1/projects/{project}/global/routes"):
                if "nextHopInstance" in body or "nextHopGateway" in body:
                    found["routes"].append(route(body))
            for body in self.items(f"/compute/v1/projects/{project}/global/firewalls"):
                found["firewalls"].append(firewall(body))
        blocks: dict[str, tuple[str, w.Range]] = {}
        for path, client in self.clusters.items():
            blocks |= self.read_cluster(path, client, found)
        for project in PROJECTS:
            for body in self.aggregated(project, "instances"):
                found["instances"].append(instance(body, blocks.get(body["name"])))
        self.place_pods(found)
        if self.routers:
            self.read_routers(found)
        fields: dict[str, t.Any] = {name: tuple(items) for name, items in found.items()}
        return w.World(**fields)

    def read_routers(self, found: dict[str, t.Any]) -> None:
        outsides: dict[str, str] = {}
        for project in PROJECTS:
            peers = {
                relative(body["selfLink"]): {item["id"]: item["ipAddress"] for item in body["interfaces"]}
                for body in self.items(f"/compute/v1/projects/{project}/global/externalVpnGateways")
            }
            for body in self.aggregated(project, "vpnTunnels"):
                peer = peers[relative(body["peerExternalGateway"])]
                outsides[relative(body["selfLink"])] = peer[body["peerExternalGatewayInterface"]]
            for body in self.aggregated(project, "routers"):
                found["routers"].append(router(body))
                found["sessions"] += sessions(body, outsides)

    def items(self, path: str) -> list[Json]:
        return t.cast(list[Json], self.google.call("GET", f"{path}?maxResults=500").get("items", []))

    def aggregated(self, project: str, kind: str) -> list[Json]:
        answer = self.google.call("GET", f"/compute/v1/projects/{project}/aggregated/{kind}?maxResults=500")
        return [body for scope in answer.get("items", {}).values() for body in scope.get(kind, [])]

    def read_cluster(self, path: str, client: Client, found: dict[str, t.Any]) -> dict[str, tuple[str, w.Range]]:
        """Adds what the cluster has; pod blocks by the name of the node."""
        body = self.google.call("GET", f"/v1/{path}")
        found["clusters"].append(self.cluster(path, body, client))
        for item in client.call("GET", "/api/v1/pods")["items"]:
            if item["metadata"]["namespace"] != "kube-system" and item["status"].get("podIP"):
                found["pods"].append(pod(path, item))
        for item in client.call("GET", "/apis/networking.k8s.io/v1/networkpolicies")["items"]:
            found["policies"].append(policy(path, item))
        for item in client.call("GET", "/api/v1/services")["items"]:
            if item["spec"].get("selector") and item["metadata"]["namespace"] != "kube-system":
                found["services"].append(service(path, item))
        nodes = client.call("GET", "/api/v1/nodes")["items"]
        return {item["metadata"]["name"]: (path, w.cidr(item["spec"]["podCIDR"])) for item in nodes}

    def place_pods(self, found: dict[str, t.Any]) -> None:
        """Pods name their node; the oracle wants its path."""
        paths = {item.name: item.path for item in found["instances"] if item.pods is not None}
        found["pods"] = [dataclasses.replace(item, node=paths[item.node]) for item in found["pods"]]

    # ---- masquerading

    def cluster(self, path: str, body: Json, client: Client) -> w.Cluster:
        kept, perhaps = self.masquerading(path, body, client)
        network = body.get("networkConfig", {})
        enforced = (
            body.get("networkPolicy", {}).get("enabled") or network.get("datapathProvider") == "ADVANCED_DATAPATH"
        )
        return w.Cluster(path, kept, perhaps, bool(enforced))

    def masquerading(self, path: str, body: Json, client: Client) -> tuple[tuple[w.Range, ...], tuple[w.Range, ...]]:
        """The destinations that pods reach by their own address, and those where that is open."""
        if not self.agents[path]:
            self.kept.pop(path, None)
            if body.get("networkConfig", {}).get("defaultSnatStatus", {}).get("disabled"):
                return (EVERYWHERE,), ()
            return PRIVATE, SPECIAL_USE
        maps = client.call("GET", "/api/v1/namespaces/kube-system/configmaps")["items"]
        texts = [item.get("data", {}).get("config") for item in maps if item["metadata"]["name"] == "ip-masq-agent"]
        return self.agent(path, texts[0] if texts else None, self.keeps_reserved(client))

    def keeps_reserved(self, client: Client) -> bool | None:
        """Whether the agent was started with the flag for all reserved ranges; None: not to be seen."""
        for item in client.call("GET", "/apis/apps/v1/namespaces/kube-system/daemonsets")["items"]:
            if item["metadata"]["name"] == "ip-masq-agent":
                container = item["spec"]["template"]["spec"]["containers"][0]
                return "--nomasq-all-reserved-ranges" in (*container.get("command", []), *container.get("args", []))
        return None

    def agent(
        self, path: str, text: str | None, reserved: bool | None
    ) -> tuple[tuple[w.Range, ...], tuple[w.Range, ...]]:
        began = path not in self.kept
        default = (PRIVATE + (SPECIAL_USE if reserved else ()), SPECIAL_USE if reserved is None else ())
        try:
            listed = configured(text)
        except ValueError:
            if began:  # nothing was in force before: the agent writes no rules, and what else did is not documented
                return (), (EVERYWHERE,)
            listed = self.kept[path]
        self.kept[path] = listed
        return default if listed is None else (listed, ())


def configured(text: str | None) -> tuple[w.Range, ...] | None:
    """The agent's list; None: it takes its default; ValueError: it refuses the text.

    https://github.com/kubernetes-sigs/ip-masq-agent, cmd/ip-masq-agent/ip-masq-agent.go
    """
    body = yaml.safe_load(text) if text else {}
    if not isinstance(body, dict) or "nonMasqueradeCIDRs" not in body:
        return None
    listed = body["nonMasqueradeCIDRs"] or []
    if len(listed) > CIDR_LIMIT:
        raise ValueError("too many")
    if any("/" not in item for item in listed):
        raise ValueError("no CIDR")
    return tuple(w.cidr(item) for item in listed)  # refuses host bits, as the agent does


# ---- one resource each


def relative(link: str) -> str:
    """projects/... of any form of a link."""
    return link[link.index("projects/") :]


def last(link: str) -> str:
    return link.rsplit("/", 1)[1]


def ranges(texts: t.Iterable[str] | None) -> tuple[w.Range, ...]:
    return tuple(w.cidr(text) for text in texts or ())


def peerings(network: Json) -> list[w.Peering]:
    return [
        w.Peering(
            relative(network["selfLink"]),
            relative(body["network"]),
            body.get("exportCustomRoutes", False),
            body.get("importCustomRoutes", False),
            body.get("exportSubnetRoutesWithPublicIp", True),
            body.get("importSubnetRoutesWithPublicIp", False),
        )
        for body in network.get("peerings", [])
    ]


def subnetwork(body: Json) -> w.Subnetwork:
    secondary = [item["ipCidrRange"] for item in body.get("secondaryIpRanges", [])]
    return w.Subnetwork(relative(body["network"]), ranges([body["ipCidrRange"], *secondary]), last(body["region"]))


def advertisement(body: Json) -> w.Advertisement:
    listed = ranges(item["range"] for item in body.get("advertisedIpRanges", []))
    everything = "ALL_SUBNETS" in body.get("advertisedGroups", [])
    return w.Advertisement(body.get("advertiseMode", "DEFAULT") == "CUSTOM", everything, listed)


def router(body: Json) -> w.Router:
    path, network = relative(body["selfLink"]), relative(body["network"])
    return w.Router(path, network, last(body["region"]), advertisement(body.get("bgp", {})))


def sessions(body: Json, outsides: dict[str, str]) -> list[w.Session]:
    """`outsides`: by tunnel, the address of its other end."""
    tunnels = {item["name"]: relative(item["linkedVpnTunnel"]) for item in body.get("interfaces", [])}
    return [
        w.Session(
            relative(body["selfLink"]),
            peer["name"],
            outsides[tunnels[peer["interfaceName"]]],
            advertisement(peer),
            peer.get("advertisedRoutePriority", 100),
            peer.get("enable", "TRUE") == "TRUE",
        )
        for peer in body.get("bgpPeers", [])
    ]


def instance(body: Json, block: tuple[str, w.Range] | None) -> w.Instance:
    card = body["networkInterfaces"][0]
    return w.Instance(
        relative(body["selfLink"]),
        relative(card["network"]),
        w.address(card["networkIP"]),
        ranges(item["ipCidrRange"] for item in card.get("aliasIpRanges", [])),
        frozenset(body.get("tags", {}).get("items", [])),
        body.get("canIpForward", False),
        body["status"] == "RUNNING",
        block[0] if block else "",
        block[1] if block else None,
    )


def route(body: Json) -> w.Route:
    return w.Route(
        body["name"],
        relative(body["network"]),
        w.cidr(body["destRange"]),
        body["priority"],
        relative(body["nextHopInstance"]) if "nextHopInstance" in body else "",
        frozenset(body.get("tags", [])),
    )


def firewall(body: Json) -> w.Firewall:
    return w.Firewall(
        body["name"],
        relative(body["network"]),
        body["direction"] == "INGRESS",
        body["priority"],
        "denied" in body,
        tuple(w.Match(item["IPProtocol"], ports(item)) for item in body.get("denied") or body["allowed"]),
        ranges(body.get("sourceRanges")),
        frozenset(body.get("sourceTags", [])),
        ranges(body.get("destinationRanges")),
        frozenset(body.get("targetTags", [])),
        body.get("disabled", False),
    )


def ports(body: Json) -> tuple[tuple[int, int], ...]:
    parts = [text.split("-") for text in body.get("ports", [])]
    return tuple((int(part[0]), int(part[-1])) for part in parts)


def labels(found: Json | None) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((found or {}).items()))


def pod(cluster: str, body: Json) -> w.Pod:
    metadata, spec = body["metadata"], body["spec"]
    return w.Pod(
        cluster,
        metadata["namespace"],
        metadata["name"],
        spec["nodeName"],
        w.address(body["status"]["podIP"]),
        labels(metadata.get("labels")),
        spec.get("hostNetwork", False),
    )


def policy(cluster: str, body: Json) -> w.Policy:
    metadata, spec = body["metadata"], body["spec"]
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    return w.Policy(
        cluster,
        metadata["namespace"],
        metadata["name"],
        labels(spec.get("podSelector", {}).get("matchLabels")),
        policy_rules(spec.get("ingress"), "from") if "Ingress" in types else None,
        policy_rules(spec.get("egress"), "to") if "Egress" in types else None,
    )


def policy_rules(rules: list[Json] | None, who: str) -> tuple[w.PolicyRule, ...]:
    return tuple(
        w.PolicyRule(
            tuple(
                (w.cidr(peer["ipBlock"]["cidr"]), ranges(peer["ipBlock"].get("except"))) for peer in rule.get(who, [])
            ),
            tuple(policy_port(item) for item in rule.get("ports", [])),
        )
        for rule in rules or []
    )


def policy_port(body: Json) -> w.Match:
    protocol = str(body.get("protocol", "TCP")).lower()
    if "port" not in body:
        return w.Match(protocol)
    first = int(body["port"])
    return w.Match(protocol, ((first, int(body.get("endPort", first))),))


def service(cluster: str, body: Json) -> w.Service:
    metadata, spec = body["metadata"], body["spec"]
    return w.Service(
        cluster,
        metadata["namespace"],
        metadata["name"],
        w.address(spec["clusterIP"]),
        labels(spec["selector"]),
        tuple((item.get("protocol", "TCP").lower(), item["port"], item["targetPort"]) for item in spec["ports"]),
    )
