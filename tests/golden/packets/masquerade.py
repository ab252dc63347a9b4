# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Masquerade: with which source a pod's packets leave its node, and what the agent makes of its configuration."""

from __future__ import annotations

import concurrent.futures
import typing as t

from ansible_collections.podreach.gke.tests.golden.loader import Vector
from ansible_collections.podreach.gke.tests.golden.packets.build import Builder
from ansible_collections.podreach.gke.tests.golden.packets.ends import End, parse
from ansible_collections.podreach.gke.tests.golden.packets.flows import stand
from ansible_collections.podreach.gke.tests.golden.packets.questions import answers
from ansible_collections.podreach.gke.tests.golden.packets.traces import on_the_wire, trace
from ansible_collections.podreach.gke.tests.golden.packets.world import Json, World, around, ip, net


def masquerading(vector: Vector, world: World, source: End) -> str:
    """Build the vector and the pod; the pod's name for a trace."""
    Builder(world, vector.given, [source]).build()
    return stand(world, source, vector.given)


def kept(world: World, name: str, address: str, protocol: str = "icmp") -> str:
    """``pod`` or ``node``, and the source with which a packet from the pod to the address leaves the node."""
    return on_the_wire(trace(world, name, address, protocol))


@answers("snat", "source", "address", "new_flow", "10.2.0.1", "10.1.0.50", "172.16.9.9", "8.8.8.8")
def snat(vector: Vector, world: World) -> None:
    """With which source packets leave the node."""
    ask, expect = vector.ask["snat"], vector.expect
    source = parse(ask["src"])
    if expect.get("source") == "unknown":
        two_answers(vector, world, source)
        return
    if "flow" in vector.given:
        running_flow(vector, world, source)
        return
    if "iptables_nat_postrouting" in (vector.given.get("nodes") or [{}])[0]:
        two_chains(vector, world, source)
        return
    name = masquerading(vector, world, source)
    node = world.cluster_made.nodes[source.node]["address"]
    for address in [ask["dst"]] if isinstance(ask["dst"], str) else ask["dst"]:
        seen = kept(world, name, address)
        expected = str(expect.get(address, expect.get("source")))
        assert seen == {"pod": source.address or node, "node": node}[expected], f"to {address}: {seen}"
        if "address" in expect:
            assert seen == expect["address"], f"to {address}: {seen}"


def two_answers(vector: Vector, world: World, source: End) -> None:
    """What the reader doesn't know decides: with it one way and the other, packets leave with different sources."""
    given, to = vector.given, vector.ask["snat"]["dst"]
    if given.get("unread") == ["cluster.autopilot"]:
        # with the agent, Standard obeys the list; Autopilot doesn't look at it
        daemon_set = {"args": ["--masq-chain=IP-MASQ"]}
        autopilot = {"autopilot": {"enabled": True}, "clusterIpv4Cidr": "10.32.0.0/17"}
        (node,) = given["nodes"]
        of_autopilot = [{**node, "podCIDR": str(around(source.address, 26))}]
        ways: list[Json] = [{"daemonSet": daemon_set}, {"clusters": [autopilot], "nodes": of_autopilot}]
    elif "seconds_since_change" in given:
        ways = [
            {},
            {
                "configMap": {
                    "metadata": given["configMap"]["metadata"],
                    "data": {"config": "nonMasqueradeCIDRs: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16]"},
                }
            },
        ]
        assert given["previous"] == {"nonMasqueradeCIDRs": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]}
    else:
        # ready on some nodes only: a node with the agent, and one without
        status = given["daemonSet"]["status"]
        assert status["numberReady"] < status["desiredNumberScheduled"]
        ways = [{}, {"daemonSet": "absent"}]
    seen = []
    for way in ways:
        world.lab.reset()
        fresh = World(world.lab, world.scratch)
        Builder(fresh, {**given, **way}, [source]).build()
        seen.append(kept(fresh, stand(fresh, source, given), to))
    assert len(set(seen)) == len(ways), f"both times {seen}: it could be known"


def running_flow(vector: Vector, world: World, source: End) -> None:
    """A ping that began before the change keeps its translation, a new one doesn't; to a machine that replies."""
    to, expect = vector.ask["snat"]["dst"], vector.expect
    given = {
        **vector.given,
        "configMap": "absent",
        "open": ["gcp-firewall"],
        "nodes": [
            {"name": source.node, "networkIP": expect["new_flow"]["address"], "podCIDR": str(around(source.address))}
        ],
    }
    assert vector.given["flow"] == {"began": "before the change", "protocol": "icmp", "same_identifier": True}
    Builder(world, given, [source]).build()
    name = stand(world, source, given)
    machine = stand(world, parse(f"vm {to}"), given)
    to = world.instead.get(to, to)
    assert ping_source(world, name, machine, to, 777) == source.address
    world.config_map(vector.given["configMap"])
    world.lab.settle()
    assert expect["source"] == "pod"
    assert ping_source(world, name, machine, to, 777) == source.address == expect["address"]
    assert expect["new_flow"]["source"] == "node"
    assert ping_source(world, name, machine, to, 778) == expect["new_flow"]["address"]


ECHO = """
import socket, struct, sys
number, to = int(sys.argv[1]), sys.argv[2]
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
raw.settimeout(2)
body = struct.pack("!BBHHH", 8, 0, 0, number, 1)
total = sum(struct.unpack("!4H", body))
check = ~((total & 0xffff) + (total >> 16)) & 0xffff
raw.sendto(struct.pack("!BBHHH", 8, 0, check, number, 1), (to, 0))
while True:
    packet = raw.recv(100)
    if packet[20] == 0 and struct.unpack("!H", packet[24:26])[0] == number:
        break
print(packet[12:16].hex())
"""
LISTEN = """
import socket
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
raw.settimeout(5)
print("ready", flush=True)
while True:
    packet = raw.recv(100)
    if packet[20] == 8:
        print(".".join(map(str, packet[12:16])))
        break
"""


def ping_source(world: World, name: str, machine: str, to: str, number: int) -> str:
    """The source of an echo request with this identifier, as the machine with address ``to`` sees it."""
    with concurrent.futures.ThreadPoolExecutor() as threads:
        listening = threads.submit(world.lab.exec, machine, "python3", "-c", LISTEN)
        # the listener says nothing before it ends; a few tries find it
        while not listening.done():
            world.lab.exec(name, "python3", "-c", ECHO, str(number), to)
        seen = listening.result()
    assert seen.returncode == 0, seen
    return str(seen.stdout).split()[-1]


def two_chains(vector: Vector, world: World, source: End) -> None:
    """Two agents, each with its chain: both exist once the user deploys one beside the node's own."""
    (node,) = vector.given["nodes"]
    given = {"nodes": [{key: value for key, value in node.items() if key != "iptables_nat_postrouting"}]}
    Builder(world, given, [source]).build()
    for chain in node["iptables_nat_postrouting"]:
        name = f"{chain['chain'].lower()}-daemon"
        world.agent([f"--masq-chain={chain['chain']}"], name=name)
        lines = "".join(f"  - {cidr}\n" for cidr in chain["nonMasqueradeCIDRs"])
        world.config_map(
            {
                "metadata": {"namespace": "kube-system", "name": name},
                "data": {"config": f"nonMasqueradeCIDRs:\n{lines}"},
            }
        )
    seen = kept(world, stand(world, source, given), vector.ask["snat"]["dst"])
    assert vector.expect["source"] == "node"
    assert seen == vector.expect["address"]


DEFAULT_LIST = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]
PROBES = [*DEFAULT_LIST, "100.64.0.0/10", "192.0.2.0/24", "198.18.0.0/15", "203.0.113.0/24", "8.8.8.0/24"]


def inside(cidr: str) -> str:
    """An address of the range that no node has: near its end."""
    range_ = net(cidr)
    return str(range_[7] if range_[0] in net("240.0.0.0/4") else range_[-2 if range_.num_addresses > 1 else 0])


def judge_list(world: World, name: str, pod: str, node: str, cidrs: t.Iterable[str]) -> None:
    """Packets keep the pod's address to exactly these ranges: tried inside each (of many, in some: all or none are
    taken) and in well-known ranges besides."""
    ranges = [net(cidr) for cidr in cidrs if ":" not in cidr]
    tried = ranges if len(ranges) < 16 else [*ranges[::12], ranges[-1]]
    for address in dict.fromkeys([*(inside(str(one)) for one in tried), *map(inside, PROBES)]):
        expected = pod if any(ip(address) in one for one in ranges) else node
        assert kept(world, name, address) == expected, f"to {address}"


@answers(
    "masq_config",
    "accepted",
    "nonMasqueradeCIDRs",
    "cidrLimit",
    "masqLinkLocal",
    "resyncInterval",
    "count",
    "message",
    "in_force",
)
def masq_config(vector: Vector, world: World) -> None:
    """What the agent makes of its configuration: by packets to each range and to others, and by its log."""
    (node,) = vector.given["nodes"]
    source = End("pod", address=str(net(node["podCIDR"])[5]), node=node["name"])
    name = masquerading(vector, world, source)
    pod, expect = source.address, vector.expect
    log = world.cluster_made.kube.agent_log(node["name"])
    if expect["accepted"]:
        cidrs: list[str] = expect.get("nonMasqueradeCIDRs", [])
        if "count" in expect:
            lines = vector.given["configMap"]["data"]["config"].split()
            cidrs = [word for word in lines if "/" in word]
            assert len(cidrs) == expect["count"]
        judge_list(world, name, pod, node["networkIP"], cidrs)
        judge_settings(world, name, pod, node["networkIP"], expect, log)
        return
    assert expect.get("message", "Error syncing configuration: ") in log.replace('\\"', '"'), log
    in_force = expect["in_force"]
    judge_list(
        world,
        name,
        pod,
        node["networkIP"],
        DEFAULT_LIST if in_force == "previous rules" else in_force["nonMasqueradeCIDRs"],
    )


def judge_settings(world: World, name: str, pod: str, node: str, expect: Json, log: str) -> None:
    """Link-local by a packet; the limit and the interval by the agent's log, in Go's words."""
    if "masqLinkLocal" in expect:
        assert kept(world, name, "169.254.169.254") == (node if expect["masqLinkLocal"] else pod)
    if "cidrLimit" in expect:
        assert f'"cidrLimit":{expect["cidrLimit"]}' in log or "using default values" in log, log
    if "resyncInterval" in expect:
        seconds = int(expect["resyncInterval"].removesuffix("s"))
        assert f'"resyncInterval":{seconds * 10**9}' in log or "using default values" in log, log


@answers("agent_expected", "agent")
def agent_expected(vector: Vector, world: World) -> None:
    """GKE by itself deploys the agent for such a cluster and labels the node: by the cluster's API."""
    (node,) = vector.given["nodes"]
    given = {"nodes": [{key: value for key, value in node.items() if key != "labels"}]}
    Builder(world, given).build()
    cluster = world.cluster_made
    world.lab.admin("POST", "masquerade", {"cluster": cluster.path, "agent": None})
    assert vector.expect["agent"] == "expected"
    cluster.kube.wait("the agent", lambda: cluster.kube.get("DaemonSet", "ip-masq-agent", "kube-system"))
    there = cluster.kube.get("Node", node["name"])
    assert there is not None
    assert node["labels"].items() <= there["metadata"]["labels"].items()


@answers("nat", "source_offered_to_nat")
def nat(vector: Vector, world: World) -> None:
    """The source with which a packet for the internet comes into the VPC, where a NAT gateway would see it."""
    ask = vector.ask["nat"]
    source = parse(ask["src"])
    given = {key: value for key, value in vector.given.items() if key != "routers"}
    Builder(world, given, [source]).build()
    assert kept(world, stand(world, source, given), ask["dst"]) == vector.expect["source_offered_to_nat"]
