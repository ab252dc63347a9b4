# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows: a packet from one end to another, and its reply."""

from __future__ import annotations

from ansible_collections.podreach.gke.tests.golden.loader import Vector
from ansible_collections.podreach.gke.tests.golden.packets import mend
from ansible_collections.podreach.gke.tests.golden.packets.build import Builder
from ansible_collections.podreach.gke.tests.golden.packets.ends import End, parse
from ansible_collections.podreach.gke.tests.golden.packets.estates import raised
from ansible_collections.podreach.gke.tests.golden.packets.exchange import peering_routes
from ansible_collections.podreach.gke.tests.golden.packets.hybrid import is_hybrid
from ansible_collections.podreach.gke.tests.golden.packets.payload import datagrams, streams
from ansible_collections.podreach.gke.tests.golden.packets.questions import answers, staged
from ansible_collections.podreach.gke.tests.golden.packets.stage import Stage
from ansible_collections.podreach.gke.tests.golden.packets.traces import (
    NO_ROUTE,
    died_at_amazon,
    died_in_network,
    first_gateway,
    passed,
    reason,
    trace,
)
from ansible_collections.podreach.gke.tests.golden.packets.world import FAR, Json, World, ip, last, net


def network_of(world: World, end: End) -> str:
    """The network that an end is in: the named one, the one whose subnetwork holds the address, n1, or the only one."""
    if end.network:
        return end.network
    for subnetwork in world.subnetworks:
        if end.address and ip(end.address) in subnetwork.primary:
            return subnetwork.network
    return "n1" if "n1" in world.networks else next(iter(world.networks))


def stand(world: World, end: End, given: Json) -> str:
    """Make an end be there; returns its name for a trace."""
    if end.kind == "pod":
        return world.pod(end)
    if end.kind == "node" and end.name:
        return end.name
    if world.outside is not None and world.outside.knows(end):
        return world.outside.machine(end.address, end.subnet)
    if end.name in world.machines:
        return end.name
    if (address := world.instead.get(end.address, end.address)) in world.addresses:
        return world.addresses[address]
    network = network_of(world, end)
    if not end.address:
        return world.sender(network, end.region)
    name = end.name or f"{end.kind}-{end.address.replace('.', '-')}"
    tags = {"tags": {"items": [FAR]}} if far(end, given) else {}
    return world.machine(name, network, end.address, end.region, **tags)


def far(end: End, given: Json) -> bool:
    """Whether the end is a stand-in, outside all that is given."""
    return end.kind == "address" and not any(
        ip(end.address) in net(item["ipCidrRange"]) for item in given.get("subnetworks", [])
    )


def target(world: World, end: End, given: Json) -> str:
    """Make the end be there, and the address to send to."""
    if end.kind == "service":
        service = world.cluster_made.kube.get("Service", end.name)
        assert service is not None
        ingress = service.get("status", {}).get("loadBalancer", {}).get("ingress")
        if service["spec"]["type"] == "LoadBalancer" and not end.address:
            return str(ingress[0]["ip"]) if ingress else ""
        return end.address or str(service["spec"]["clusterIP"])
    if end.kind == "address" and end.address in served(given):
        return end.address
    stand(world, end, given)
    return world.instead.get(end.address, end.address)


def served(given: Json) -> list[str]:
    """The addresses of Services, which no machine has."""
    found = [item["IPAddress"] for item in given.get("forwardingRules", [])]
    for service in given.get("services", []):
        found += [item["ip"] for item in service.get("status", {}).get("loadBalancer", {}).get("ingress", [])]
        found += [service["spec"]["clusterIP"]] if "clusterIP" in service["spec"] else []
    return found


def judge_flow(vector: Vector, world: World, flow: Json, expect: Json) -> Json:
    """Send the flow's packet and judge its verdict and all that is expected of what was seen."""
    source, to = parse(flow["from"]), parse(flow["to"])
    name = stand(world, source, vector.given)
    address = target(world, to, vector.given)
    if not address:
        assert expect["verdict"] == "unreachable", "there is no address to send to"
        return {}
    if world.outside is not None:
        world.outside.settle()
    answer = trace(world, name, address, flow["protocol"], flow.get("port"))
    assert answer["verdict"] == expect["verdict"], answer
    request = answer["request"]
    judge_where(world, answer, expect)
    if "ttl_seen_by_pod" in expect:
        judge_ttl(world, name, address, expect["ttl_seen_by_pod"])
    if "source_seen" in expect:
        assert request["source_seen"] == expect["source_seen"], answer
    if "source_seen_by_pod" in expect:
        assert expect["source_seen_by_pod"] == "a node"
        assert request["source_seen"] in [node["address"] for node in world.cluster_made.nodes.values()], answer
    if "served_by" in expect:
        kind, _colon, port = expect["served_by"].partition(":")
        assert kind == "pod"
        assert request["port_seen"] == int(port), answer
        assert "plot-0" in request["received_by"], answer
    if "reply_route" in expect:
        judge_reply_route(world, answer, expect["reply_route"])
    return answer


def judge_where(world: World, answer: Json, expect: Json) -> None:
    """How far the request came, and where its reply was lost."""
    if "request_arrives" in expect:
        assert answer["request"]["delivered"] == expect["request_arrives"], answer
    if "reply_arrives" in expect:
        assert bool(answer["reply"] and answer["reply"]["delivered"]) == expect["reply_arrives"], answer
    if "lost" in expect:
        assert expect["lost"] == "reply, at AWS"
        assert answer["request"]["delivered"], answer
        assert died_at_amazon(world, answer["reply"]), answer
    if "where" in expect:
        assert expect["where"] == "reply entering by the tunnel finds no route"
        assert answer["request"]["delivered"], answer
        assert died_in_network(answer["reply"], world.far_clouds.plan.network), answer
        assert reason(answer["reply"]) == NO_ROUTE, answer


def judge_ttl(world: World, name: str, address: str, ttl: int) -> None:
    """The TTL of the reply, as ping says it."""
    done = world.lab.exec(name, "ping", "-c1", "-W2", address)
    assert f"64 bytes from {address}: icmp_seq=1 ttl={ttl} " in done.stdout, done


def judge_reply_route(world: World, answer: Json, route: Json) -> None:
    """The route that the reply needs is there (imported, where it is a peer's), and the reply was delivered."""
    assert answer["reply"]["delivered"], answer
    network = route.get("network")
    if network is None:
        (found,) = [item for item in world.routes_of("n1") if item["destRange"] == route["destRange"]]
        assert last(found["nextHopInstance"]) == route["nextHopInstance"]
        assert route["nextHopInstance"] in passed(world, answer["reply"]), answer
        return
    (peering,) = world.read(f"global/networks/{network}")["peerings"]
    items = peering_routes(world, network, peering["name"], "INCOMING")
    assert [item["imported"] for item in items if item["destRange"] == route["destRange"]] == [True], items


@staged(
    "flow",
    "verdict",
    "source_seen",
    "source_seen_by_pod",
    "served_by",
    "reply_route",
    "request_arrives",
    "reply_arrives",
    "lost",
    "where",
    "ttl_seen_by_pod",
    "sender_told",
)
def flow(vector: Vector, stage: Stage) -> None:
    """One packet from one end to the other, and its reply."""
    if not is_hybrid(vector):
        flow_here(vector, stage.fresh())
    elif {"ip_length", "bytes"} & set(vector.ask):
        payload_of(vector, raised(vector, stage))
    else:
        world = raised(vector, stage)
        judge_tunnels(vector, world)
        judge_flow(vector, world, vector.ask, vector.expect)
        if vector.expect["verdict"] == "unreachable":
            name = stand(world, parse(vector.ask["from"]), vector.given)
            address = target(world, parse(vector.ask["to"]), vector.given)
            mend.judge(vector, stage, world, name, address)


def payload_of(vector: Vector, world: World) -> None:
    """Datagrams of a length that a tunnel carries or doesn't: of those that are too long none arrives. Or a stream."""
    source, to = parse(vector.ask["from"]), parse(vector.ask["to"])
    name, machine = stand(world, source, vector.given), stand(world, to, vector.given)
    world.far_clouds.settle()
    if "bytes" in vector.ask:
        assert vector.ask["protocol"] == "tcp"
        arrived = streams(world, name, machine, to.address, vector.ask["port"], vector.ask["bytes"])
    else:
        assert (vector.ask["protocol"], vector.ask["df"]) == ("udp", True)
        arrived, told = datagrams(world, name, machine, to.address, vector.ask["port"], vector.ask["ip_length"])
        # what is lost without a word is a black hole
        assert told == vector.expect.get("sender_told", False)
    assert arrived == (vector.expect["verdict"] == "reachable")


#: With two tunnels, a dozen flows by one of them only is chance in one of 2000 cases.
FLOWS = range(8000, 8012)


@staged("tunnels", "count")
def tunnels(vector: Vector, stage: Stage) -> None:
    """By how many tunnels the gateway nearest to the sender sends many flows."""
    world = raised(vector, stage)
    ask = vector.ask["tunnels"]
    name, address = stand(world, parse(ask["from"]), vector.given), target(world, parse(ask["to"]), vector.given)
    world.far_clouds.settle()
    used = set()
    for port in FLOWS:
        answer = trace(world, name, address, "tcp", port)
        assert answer["verdict"] == "reachable", answer
        used.add(first_gateway(answer["request"])["device_out"])
    assert len(used) == vector.expect["count"], used


def judge_tunnels(vector: Vector, world: World) -> None:
    """The tunnels are as the vector has them."""
    for tunnel in vector.given.get("vpnTunnels", []):
        if "status" in tunnel:
            assert world.far_clouds.tunnel_status(tunnel["name"]) == tunnel["status"]


def flow_here(vector: Vector, world: World) -> None:
    """The same where no other cloud is needed."""
    ends = [parse(vector.ask["from"]), parse(vector.ask["to"])]
    if vector.expect.get("verdict") == "unknown":
        before_and_after_resync(vector, world, ends)
        return
    if ends[0].kind == "address":
        spoofed(vector, world, ends[0], ends[1])
        return
    Builder(world, vector.given, ends).build()
    judge_flow(vector, world, vector.ask, vector.expect)


@answers("flows", "verdicts", "source_seen_at_target")
def flows(vector: Vector, world: World) -> None:
    """Several packets, the last one to the target. The connections of a proxy are its own, so its ends suffice."""
    parsed = [[parse(item["from"]), parse(item["to"])] for item in vector.ask["flows"]]
    Builder(world, vector.given, [end for pair in parsed for end in pair]).build()
    found = {}
    for item, verdict in zip(vector.ask["flows"], vector.expect["verdicts"], strict=True):
        found = judge_flow(vector, world, item, {"verdict": verdict})
    if "source_seen_at_target" in vector.expect:
        assert found["request"]["source_seen"] == vector.expect["source_seen_at_target"]


def spoofed(vector: Vector, world: World, source: End, to: End) -> None:
    """A packet with a source that the instance doesn't own; the same from one that may forward arrives."""
    assert source.kind == "address"
    builder = Builder(world, vector.given, [to])
    builder.build()
    assert vector.expect["verdict"] == "unreachable"
    stand(world, to, vector.given)
    (given,) = vector.given["instances"]
    world.machine("forwarder", last(given["networkInterfaces"][0]["network"]), canIpForward=True)
    assert not arrives_spoofed(world, source.node, source.address, to.address)
    assert arrives_spoofed(world, "forwarder", source.address, to.address)


SPOOF = """
import socket, struct, sys
source, to = map(socket.inet_aton, sys.argv[1:3])
ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 29, 1, 0, 64, 17, 0, source, to)
udp = struct.pack("!HHHH", 40000, 40001, 9, 0) + b"x"
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
for _number in range(3):
    raw.sendto(ip + udp, (sys.argv[2], 0))
"""
RECEIVED = "import re; print(re.search(r'^Ip: [^F].*', open('/proc/net/snmp').read(), re.M)[0].split()[3])"


def arrives_spoofed(world: World, name: str, source: str, to: str) -> bool:
    """Whether packets of this source, sent by a raw socket, come in at the machine with address ``to``."""
    receiver = world.addresses[to]
    before = received(world, receiver)
    done = world.lab.exec(name, "python3", "-c", SPOOF, source, to)
    assert done.returncode == 0, done
    return received(world, receiver) - before >= 3


def received(world: World, name: str) -> int:
    """How many IP packets a machine has received."""
    done = world.lab.exec(name, "python3", "-c", RECEIVED)
    assert done.returncode == 0, done
    return int(done.stdout)


def before_and_after_resync(vector: Vector, world: World, ends: list[End]) -> None:
    """The new list isn't in force at once and is later: two answers, so that none can be known in between."""
    assert "seconds_since_change" in vector.given, "nothing says what to complete"
    given = {**vector.given, "configMap": "absent", "previous": None}
    Builder(world, given, ends).build()
    name, address = stand(world, ends[0], given), target(world, ends[1], given)
    world.lab.admin("POST", "latency", {"profile": "realistic"})
    try:
        world.config_map(vector.given["configMap"])
        assert trace(world, name, address, vector.ask["protocol"], vector.ask["port"])["verdict"] == "unreachable"
    finally:
        world.lab.admin("POST", "latency", {"profile": "zero"})
    world.config_map(
        {
            **vector.given["configMap"],
            "metadata": {**vector.given["configMap"]["metadata"], "labels": {"touched": "again"}},
        }
    )
    assert trace(world, name, address, vector.ask["protocol"], vector.ask["port"])["verdict"] == "reachable"
