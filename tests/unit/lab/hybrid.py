# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Estates of both clouds written by hand: what the APIs and BGP would have made of them is simply said."""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t
import unittest.mock

from ansible_collections.podreach.gke.tests.lab.podreach_lab.aws import facts as aws
from ansible_collections.podreach.gke.tests.lab.podreach_lab.clock import Clock
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane.compile import Compiled, compile_plan
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane.gateways import Wan
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane.trace import look_up
from ansible_collections.podreach.gke.tests.lab.podreach_lab.kubernetes.facts import ClusterFacts, Pod
from ansible_collections.podreach.gke.tests.lab.podreach_lab.links import self_link
from ansible_collections.podreach.gke.tests.lab.podreach_lab.state import Resource, State
from ansible_collections.podreach.gke.tests.lab.podreach_lab.wan import learning
from ansible_collections.podreach.gke.tests.lab.podreach_lab.wan.model import (
    DynamicRoute,
    Negotiated,
    Path,
    Tunnel,
    TunnelEnd,
    router_key,
    transit_gateway_key,
    virtual_gateway_key,
)

Json = dict[str, t.Any]
PROJECT = "projects/p"
REGION = "asia-northeast1"
CLUSTER = f"{PROJECT}/locations/{REGION}-a/clusters/c"
ALL = aws.GroupRule(True, "-1", -1, -1, ("0.0.0.0/0",))
ANYBODY = aws.GroupRule(False, "-1", -1, -1, ("0.0.0.0/0",))
OPEN = aws.Acl(
    "acl-open",
    "vpc-1",
    (
        aws.AclEntry(100, False, True, "-1", "0.0.0.0/0"),
        aws.AclEntry(100, True, True, "-1", "0.0.0.0/0"),
    ),
)
LOCAL = aws.Route("10.0.0.0/16", "local", "local")


def network_path(name: str) -> str:
    return f"{PROJECT}/global/networks/{name}"


def link(network: str) -> str:
    return self_link(network_path(network))


def router_path(name: str, region: str = REGION) -> str:
    return f"{PROJECT}/regions/{region}/routers/{name}"


def tunnel_path(name: str, region: str = REGION) -> str:
    return f"{PROJECT}/regions/{region}/vpnTunnels/{name}"


class Google:
    """Networks of project p."""

    def __init__(self) -> None:
        self.state = State(Clock("zero"), seed=1)

    def add(self, kind: str, path: str, body: Json, **hidden: t.Any) -> Resource:
        return self.state.add(Resource(kind, path, {"name": path.rpartition("/")[2], **body}, hidden))

    def network(self, name: str, mode: str = "REGIONAL", **ranges: str) -> None:
        """Everything is admitted. Ranges by region, with _ for -."""
        body = {"routingConfig": {"routingMode": mode}, "networkFirewallPolicyEnforcementOrder": ""}
        body["networkFirewallPolicyEnforcementOrder"] = "AFTER_CLASSIC_FIREWALL"
        self.add("compute#network", network_path(name), body)
        for region, text in ranges.items():
            where = region.replace("_", "-")
            path = f"{PROJECT}/regions/{where}/subnetworks/{name}-{where}"
            self.add("compute#subnetwork", path, {"network": link(name), "ipCidrRange": text})
        rule = {"direction": "INGRESS", "sourceRanges": ["0.0.0.0/0"], "allowed": [{"IPProtocol": "all"}]}
        path = f"{PROJECT}/global/firewalls/{name}-open"
        self.add("compute#firewall", path, {"network": link(name), "priority": 1000, "disabled": False, **rule})

    def vm(self, name: str, network: str, address: str, region: str = REGION, tags: str = "", **hidden: t.Any) -> None:
        path = f"{PROJECT}/zones/{region}-a/instances/{name}"
        cards = [{"network": link(network), "networkIP": address}]
        body = {"networkInterfaces": cards, "status": "RUNNING", "tags": {"items": tags.split()}}
        self.add("compute#instance", path, body, **hidden)

    def node(self, name: str, network: str, address: str, pods: str, native: bool = True) -> None:
        """A node of cluster c. Its pods' block is an alias, or has a static route."""
        if self.state.get(CLUSTER) is None:
            self.add("container#cluster", CLUSTER, {"location": f"{REGION}-a"}, network=network_path(network))
        self.vm(name, network, address, cluster=CLUSTER, pods=pods)
        item = self.state.of_kind("compute#instance")[-1]
        if native:
            item.body["networkInterfaces"][0]["aliasIpRanges"] = [{"ipCidrRange": pods}]
        else:
            item.body["canIpForward"] = True
            self.route(f"route-{name}", network, pods, nextHopInstance=item.path)

    def route(self, name: str, network: str, to: str, priority: int = 1000, **fields: t.Any) -> None:
        body = {"network": link(network), "destRange": to, "priority": priority, **fields}
        self.add("compute#route", f"{PROJECT}/global/routes/{name}", body)

    def peer(self, one: str, other: str, exported: bool = True) -> None:
        """`one` exports its custom routes to `other`, or does not."""
        for here, there, exports in ((one, other, exported), (other, one, False)):
            item = self.state.get(network_path(here))
            assert item is not None
            peering = {"name": there, "network": link(there), "state": "ACTIVE"}
            flags = {"exportCustomRoutes": exports, "importCustomRoutes": True}
            public = {"exportSubnetRoutesWithPublicIp": True, "importSubnetRoutesWithPublicIp": False}
            item.body.setdefault("peerings", []).append(peering | flags | public)

    def router(self, name: str, network: str, *tunnels: str, region: str = REGION) -> None:
        """A Cloud Router with tunnels of these names."""
        path = router_path(name, region)
        self.add("compute#router", path, {"network": link(network)})
        for tunnel in tunnels:
            self.add("compute#vpnTunnel", tunnel_path(tunnel, region), {"router": path})


@dataclasses.dataclass
class Known:
    """What tunnels and BGP came to."""

    tunnels: list[Tunnel] = dataclasses.field(default_factory=list)
    paths: dict[str, list[Path]] = dataclasses.field(default_factory=dict)
    dynamic: dict[str, list[DynamicRoute]] = dataclasses.field(default_factory=dict)

    def tunnel(self, one: tuple[str, str], other: tuple[str, str], silent: bool = False) -> None:
        """(gateway key, resource) of both ends."""
        base = ipaddress.IPv4Address("169.254.20.0") + 4 * len(self.tunnels)
        inside = [f"{base + 2}/30", f"{base + 1}/30"]
        a, b = (TunnelEnd(key, name, at) for (key, name), at in zip((one, other), inside, strict=True))
        self.tunnels.append(Tunnel(a, b, silent))

    def path(self, gateway: str, to: str, *tunnels: str, priority: int = 0) -> None:
        self.paths.setdefault(gateway, []).append(Path(gateway, to, tunnels, priority))

    def learn(self, network: str, to: str, router: str, region: str = REGION, priority: int = 100) -> None:
        """A dynamic route of a network."""
        route = DynamicRoute(to, priority, region, router_path(router, region))
        self.dynamic.setdefault(network_path(network), []).append(route)

    def dynamic_routes(self, state: State, network: Resource) -> list[DynamicRoute]:
        """In the place of what the wan knows."""
        return self.dynamic.get(network.path, [])

    @property
    def wan(self) -> Wan:
        return Wan(
            Negotiated(tuple(self.tunnels)),
            lambda gateway: self.paths.get(gateway, ()),
            lambda gateway, table: self.paths.get(transit_gateway_key(gateway.id), ()),
        )


def amazon(**more: t.Any) -> aws.AwsFacts:
    """VPC vpc-1 (10.0.0.0/16) with i-1 at 10.0.1.7, i-2 beside it at 10.0.1.8, and i-3 in another subnet and zone at
    10.0.2.7. One security group that is open; one route table into which vgw-1 propagates."""
    subnets = (
        aws.Subnet("subnet-1", "vpc-1", "10.0.1.0/24", "ap-northeast-1a", "rtb-1", "acl-open"),
        aws.Subnet("subnet-2", "vpc-1", "10.0.2.0/24", "ap-northeast-1c", "rtb-1", "acl-open"),
    )
    cards = (
        card("1", "subnet-1", "10.0.1.7"),
        card("2", "subnet-1", "10.0.1.8"),
        card("3", "subnet-2", "10.0.2.7"),
    )
    fields = {
        "vpcs": (aws.Vpc("vpc-1", "123456789012", "ap-northeast-1", ("10.0.0.0/16",)),),
        "subnets": subnets,
        "interfaces": cards,
        "instances": tuple(aws.Instance(f"i-{item.id[4:]}", f"ec2-{item.id[4:]}", True, (item.id,)) for item in cards),
        "tables": (aws.RouteTable("rtb-1", "vpc-1", True, (LOCAL,), ("vgw-1",)),),
        "groups": (aws.Group("sg-1", "vpc-1", (ALL, ANYBODY)),),
        "acls": (OPEN,),
        "virtual_gateways": (aws.VirtualGateway("vgw-1", 64512, "vpc-1"),),
    }
    return aws.AwsFacts(**fields | more)


def card(number: str, subnet: str, *addresses: str, groups: tuple[str, ...] = ("sg-1",), check: bool = True) -> t.Any:
    """Interface eni-N of instance i-N."""
    return aws.Interface(f"eni-{number}", "vpc-1", subnet, addresses, groups, check, f"i-{number}")


@dataclasses.dataclass
class Hybrid:
    """Both clouds."""

    google: Google
    known: Known
    pods: list[Pod] = dataclasses.field(default_factory=list)

    def compiled(self) -> Compiled:
        clusters = {CLUSTER: ClusterFacts(CLUSTER, tuple(self.pods))} if self.pods else {}
        with unittest.mock.patch.object(learning, "dynamic_routes", self.known.dynamic_routes):
            return compile_plan(self.google.state, clusters, self.known.wan)

    def pod(self, name: str, node: str, address: str) -> None:
        """A pod of the namespace `default`."""
        self.pods.append(Pod("default", name, name, f"{PROJECT}/zones/{REGION}-a/instances/{node}", address))

    def facts(self, **more: t.Any) -> None:
        self.google.state.learn_aws(dataclasses.replace(self.google.state.aws, **more))


def hybrid(learned: t.Sequence[str] = ("10.1.0.0/24",)) -> Hybrid:
    """Network n1 with vm (10.1.0.9) and the Cloud Router r1, whose tunnels t1 and t2 end at vgw-1. r1 learned
    10.0.0.0/16 by both; vgw-1 learned some ranges, and uses t1's other end."""
    google, known = Google(), Known()
    google.network("n1", asia_northeast1="10.1.0.0/24")
    google.vm("vm", "n1", "10.1.0.9")
    google.router("r1", "n1", "t1", "t2")
    google.state.learn_aws(amazon())
    here, there = router_key(router_path("r1")), virtual_gateway_key("vgw-1")
    known.tunnel((here, tunnel_path("t1")), (there, "vpn-1/0"))
    known.tunnel((here, tunnel_path("t2")), (there, "vpn-1/1"))
    known.path(here, "10.0.0.0/16", tunnel_path("t1"), tunnel_path("t2"), priority=100)
    known.learn("n1", "10.0.0.0/16", "r1")
    for to in learned:
        known.path(there, to, "vpn-1/0")
    return Hybrid(google, known)


def walk(compiled: Compiled, start: str, source: str, destination: str) -> tuple[list[str], str]:
    """The namespaces that a packet passes by the plan's routes alone, and why it ended: '' when it arrived. Of several
    hops the first."""
    links = {}
    for link in compiled.plan.links:
        links[link.a] = link.b
        links[link.b] = link.a
    ends = {(end.namespace, end.device): other for end, other in links.items()}
    passed, name, device = [start], start, ""
    while len(passed) < 20:
        namespace = compiled.plan.namespaces[name]
        if any(address.partition("/")[0] == destination for _device, address in namespace.addresses):
            return passed, ""
        route = look_up(namespace, device, source, destination)
        if route is None:
            return passed, "no route"
        if not route.hops or route.hops[0][0] == "lo":
            why = compiled.nowhere.get((name, route.table, route.to))
            return passed, f"{why.reason}: {why.detail}" if why else "refused"
        end = ends[name, route.hops[0][0]]
        name, device = end.namespace, end.device
        passed.append(name)
    return passed, "a circle"
