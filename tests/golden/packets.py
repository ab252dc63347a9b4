# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts golden vectors to a lab: what they give is built by API calls (build.py, world.py), what they ask is asked with
packets, or with the API where that is the question.

What packets can say is judged: verdicts, the source that was seen, the route that was taken, what a firewall did and by
which rule, what the masquerade agent does and logs, what an API answers. Why something is so (causes, may, must_not,
warn) is a reader's to say and not judged here: READERS. A vector whose answer is `unknown` to a reader who lacks
something is judged by completing what it lacks in two ways: packets must then give two answers.

Which rule a firewall matched shows when its action is turned round: the packet's fate must turn with it, and must not
where no rule is said to match.
"""

from __future__ import annotations

import concurrent.futures
import pathlib
import typing as t

from ansible_collections.podreach.gke.tests.golden.build import READS, Builder
from ansible_collections.podreach.gke.tests.golden.ends import End, parse
from ansible_collections.podreach.gke.tests.golden.loader import Answers, Vector
from ansible_collections.podreach.gke.tests.golden.world import (
    ANCESTORS,
    FAR,
    REGION,
    Json,
    World,
    around,
    ip,
    last,
    net,
    reserved,
)
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

ANSWERS = Answers()
#: Keys of ``expect`` that say why: nothing that packets could show.
READERS = ("causes", "causes_any_of", "may", "must_not", "warn", "likely", "decided_by")
GROUPS = ("gcp-routes", "gcp-firewall", "peering", "masquerade", "service", "story", "more")

#: What the lab can't express, and why.
UNEXPRESSED = {
    "subnet-beats-more-specific-dynamic": "a dynamic route inside a subnetwork: needs BGP; a static one is refused",
    "hybrid-subnet-is-unknown": "the answer is that hybrid subnets aren't modelled",
    "tagged-route-not-for-traffic-from-the-tunnel": "packets out of a tunnel: needs the VPN",
    "static-route-quota-leaves-nodes-without-a-route": "no quota of routes in the lab",
    "system-policy-before-vpc-rules": "only Google's own services write system policies: no API call makes one",
    "network-policy-not-understood-is-unknown": "the answer is that FQDNNetworkPolicy isn't modelled",
    "udp-over-payload-mtu-without-icmp": "the payload MTU of a tunnel: needs the VPN",
    "small-udp-passes-the-same-tunnel": "the payload MTU of a tunnel: needs the VPN",
    "dynamic-exported-with-the-same-flags": "a dynamic route: needs BGP",
    "policy-based-route-never-exchanged": "policy-based routes are of another API, networkconnectivity",
    "exporting-network-routing-mode-decides-regions": "a dynamic route of a region: needs BGP",
    "spoke-to-hub-aws-nothing-set": "a dynamic route of the hub and what it advertises: needs the VPN and AWS",
    "spoke-to-hub-aws-routes-exchanged-but-not-advertised": "as above: needs the VPN and AWS",
    "spoke-to-hub-aws-advertised-and-exchanged": "as above: needs the VPN and AWS",
    "dynamic-route-quota-drops-silently": "dynamic routes and their quota: needs BGP",
    "internal-lb-health-checks-not-admitted": "expects a warning and a cause only: no answer that packets could give",
    "s1-17-node-route-slip-is-noticed": "a slip in a text, no state that an estate could be in",
}
#: Judged, but not all of it: key of ``expect`` -> why the rest is left.
PARTLY = {
    "route-dump-default-internet-route": {"advertised": "needs BGP"},
    "internal-lb-address-is-of-the-primary-range": {"advertised": "needs BGP"},
    "masqueraded-traffic-misses-nat-of-the-pod-range": {"nat_used": "the lab has no Cloud NAT"},
    "resync-pending": {"wait_at_most_about": "the lab's clock is scaled"},
    "s1-13-about-a-minute": {"settled_within_about": "the lab's clock is scaled"},
}
#: Vectors that contradict a source: id -> that source. They must fail, or the entry goes.
CONTRADICTED: dict[str, str] = {}


def run(vector: Vector, lab: Lab, scratch: pathlib.Path) -> None:
    """Judge a vector in an emptied lab."""
    ANSWERS.run(vector, World(lab, scratch))


def answers(kind: str, *judges: str) -> t.Callable[[t.Callable[[Vector, World], None]], t.Callable[..., None]]:
    """Decorator: the function answers questions of this kind; why and what is only partly judged is taken as read."""
    beside = {key for keys in PARTLY.values() for key in keys}
    return ANSWERS.to(kind, reads=READS, judges={*judges, *READERS, *beside})


# ---- packets


def trace(world: World, source: str, to: str, protocol: str, port: int | None = None, **more: t.Any) -> Json:
    """Send one packet and see where it goes."""
    body = {"from": source, "to": to, "protocol": protocol, **({"port": port} if port else {}), **more}
    answer: Json = world.lab.admin("POST", "trace", body)
    return answer


def passed(world: World, part: Json) -> list[str]:
    """The instances that the packet came by, in order and once each, by name."""
    seen: list[str] = []
    for hop in part["hops"]:
        kind, _space, path = hop["at"].partition(" ")
        if kind == "instance" and last(path) in world.machines and last(path) not in seen[-1:]:
            seen.append(last(path))
    return seen


def reason(part: Json) -> str:
    """Why the packet died, '' if it didn't."""
    return part["died"]["reason"] if part["died"] else ""


def on_the_wire(answer: Json) -> str:
    """The source address in the first network that the packet came into."""
    sources = [hop["source"] for hop in answer["request"]["hops"] if hop["at"].startswith("network ")]
    assert sources, f"the packet never left its node: {answer}"
    return str(sources[0])


# ---- flows


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
    if end.kind == "node":
        return end.name
    if end.name in world.machines:
        return end.name
    if end.address in world.addresses:
        return world.addresses[end.address]
    network = network_of(world, end)
    if not end.address:
        return world.sender(network, end.region)
    name = end.name or f"{end.kind}-{end.address.replace('.', '-')}"
    region = end.region
    if end.kind == "ec2":
        region = (given.get("vpnTunnels") or [{}])[0].get("region", "")
    tags = {"tags": {"items": [FAR]}} if far(world, end, given) else {}
    return world.machine(name, network, end.address, region, **tags)


def far(world: World, end: End, given: Json) -> bool:
    """Whether the end is a stand-in, outside all that is given."""
    return end.kind in ("ec2", "address") and not any(
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
    balanced = [item["IPAddress"] for item in given.get("forwardingRules", [])]
    if end.kind == "address" and end.address in balanced:
        return end.address
    stand(world, end, given)
    return end.address


def judge_flow(vector: Vector, world: World, flow: Json, expect: Json) -> Json:
    """Send the flow's packet and judge its verdict and all that is expected of what was seen."""
    source, to = parse(flow["from"]), parse(flow["to"])
    name = stand(world, source, vector.given)
    address = target(world, to, vector.given)
    if not address:
        assert expect["verdict"] == "unreachable", "there is no address to send to"
        return {}
    answer = trace(world, name, address, flow["protocol"], flow.get("port"))
    assert answer["verdict"] == expect["verdict"], answer
    request = answer["request"]
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


@answers("flow", "verdict", "source_seen", "source_seen_by_pod", "served_by", "reply_route")
def flow(vector: Vector, world: World) -> None:
    """One packet from one end to the other, and its reply."""
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


# ---- routes


@answers("route network+to", "route", "one_of", "delivered", "verdict")
@answers("route from+network+to", "route", "one_of", "delivered", "verdict")
def route(vector: Vector, world: World) -> None:
    """Which next hop a packet takes: next hops are instances of their own, and the packet shows by which it came."""
    ask = vector.ask["route"]
    builder = Builder(world, vector.given)
    builder.build()
    source = stand(world, parse(ask["from"]), vector.given) if "from" in ask else world.sender(ask["network"])
    part = trace(world, source, ask["to"], "icmp")["request"]
    hops = [name for name in passed(world, part) if name != source]
    taken = {name for name, hop in builder.hops.items() if hop and hop in hops[:1]}
    if reason(part) == "internet":
        taken |= {name for name, hop in builder.hops.items() if not hop}
    if "one_of" in vector.expect:
        dead = {item["name"] for item in vector.given.get("instances", []) if item.get("status") == "TERMINATED"}
        assert (taken and taken <= set(vector.expect["one_of"])) or dead & set(builder.hops.values()), part
        return
    expected = vector.expect["route"]
    if expected.get("routeType") == "SUBNET":
        (subnetwork,) = [
            item for item in world.subnetworks if net(expected["destRange"]) in (item.primary, *item.secondary.values())
        ]
        assert subnetwork.network == ask["network"]
        assert not taken, part
        assert reason(part) == "unassigned-address", part
    else:
        assert taken == {expected["name"]}, part
    if "delivered" in vector.expect:
        assert part["delivered"] == vector.expect["delivered"], part


@answers("classify_route", "routeType", "exportable_by_peering")
def classify_route(vector: Vector, world: World) -> None:
    """The lab's own route of that kind has the shape that the dump has."""
    (dumped,) = vector.given["routes"]
    network = last(dumped["network"])
    world.need_network(network)
    world.make_subnetwork({"name": "s1", "network": network, "ipCidrRange": "10.95.128.0/17"})
    (found,) = [item for item in world.routes_of(network) if item["destRange"] == dumped["destRange"]]
    assert "routeType" not in found
    assert found["priority"] == dumped["priority"]
    assert found["description"] == dumped["description"]
    assert {key for key in found if key.startswith("nextHop")} == {key for key in dumped if key.startswith("nextHop")}
    if vector.expect["routeType"] == "SUBNET":
        assert last(found["nextHopNetwork"]) == network
    if "exportable_by_peering" in vector.expect:
        world.need_network("other")
        world.peer(network, {"name": "p", "network": "other", "exportCustomRoutes": True})
        world.peer("other", {"name": "p", "network": network, "importCustomRoutes": True})
        crossing = [item["destRange"] for item in peering_routes(world, "other", "p", "INCOMING")]
        assert (dumped["destRange"] in crossing) == vector.expect["exportable_by_peering"]


# ---- firewalls


@answers("firewall", "action", "matched")
def firewall(vector: Vector, world: World) -> None:
    """What becomes of one packet, and whether that turns round with the rule that is said to match."""
    ask, expect = vector.ask["firewall"], vector.expect
    name, address = firewall_ends(vector, world)
    given = {rule["name"]: rule for rule in vector.given.get("firewalls", [])}
    make_policies(world, vector.given)

    def allowed() -> bool:
        part = trace(world, name, address, ask["protocol"], ask.get("port"))["request"]
        if part["delivered"]:
            return True
        assert reason(part).startswith("firewall-"), part
        direction = "ingress" if ask["direction"] == "INGRESS" else "egress"
        if direction == "egress" and reason(part) == "firewall-ingress":
            return True
        assert direction in reason(part) or "policy" in reason(part), part
        return False

    assert allowed() == (expect["action"] == "allow")
    if expect["matched"] == "implied":
        others = [rule for rule in given.values() if not rule.get("disabled") and "denied" in rule]
        for rule in others:
            turn_rule(world, rule)
        assert allowed() == (expect["action"] == "allow"), "one of the given rules decided"
    elif expect["matched"] in given:
        turn_rule(world, given[expect["matched"]])
        assert allowed() != (expect["action"] == "allow"), f"{expect['matched']} didn't decide"
    else:
        turn_policy(world, expect["matched"])
        assert allowed() != (expect["action"] == "allow"), f"{expect['matched']} didn't decide"


def firewall_ends(vector: Vector, world: World) -> tuple[str, str]:
    """Builds the vector with a sender and a receiver as the question has them: name to trace from, address to go to."""
    ask, given = vector.ask["firewall"], vector.given
    at = parse(ask["at"]) if "at" in ask else End("vm")
    (one,) = {rule.get("network", "n1") for rule in given["firewalls"]} or {"n1"}
    network = at.network or one
    kind = ask.get("source_kind", "")
    source = ask.get("source", "")
    if "/" in source:
        # a range is asked for: an address that the rules have something to say of
        source = str(net(given["firewalls"][0]["sourceRanges"][0])[16])
    ends: list[End] = []
    pool: Json = {}
    if kind.startswith("pod on ") or (source and ends_reserved(source)):
        ends = [End("pod", address=source, node=kind.removeprefix("pod on ") if kind.startswith("pod on ") else "n")]
    elif kind.startswith("node "):
        ends = [End("node", kind.split()[1].rstrip(","))]
    nodes = [item for item in given.get("instances", []) if ends and "networkInterfaces" in item]
    for item in nodes:
        config: Json = {"tags": item.get("tags", {}).get("items", [])}
        if "serviceAccounts" in item:
            config["serviceAccount"] = item["serviceAccounts"][0]["email"]
        pool = {"config": config}
    ours = {**given, "instances": nodes}
    Builder(world, ours, ends, pool).build()
    tags: Json = {"tags": {"items": ask["target_tags"]}} if ask.get("target_tags") else {}
    if "target_service_account" in ask:
        tags["serviceAccounts"] = [{"email": ask["target_service_account"], "scopes": []}]
    if ask["direction"] == "EGRESS":
        world.machine("receiver", network, ask["destination"])
        return world.machine("sender", network), str(ask["destination"])
    destination = parse(ask["destination"]) if "destination" in ask else at
    receiver = world.machine("receiver", network, destination.address, destination.region, **tags)
    address = next(found for found, name in world.addresses.items() if name == receiver)
    if ends:
        return stand(world, ends[0], given), address
    fields: Json = {}
    if "source_tags" in ask:
        fields["tags"] = {"items": ask["source_tags"]}
    if "source_service_account" in ask:
        fields["serviceAccounts"] = [{"email": ask["source_service_account"], "scopes": []}]
    other = [name for name in sorted(world.networks) if name != network]
    sender = world.machine("sender", other[0] if other else network, source, **fields)
    return sender, address


def ends_reserved(address: str) -> bool:
    """Whether no subnetwork of a reasonable size has this address to give."""
    return all(reserved(address, around(address, size)) for size in (24, 28, 23, 22, 16))


def turned(rule: Json) -> Json:
    """The rule with its action turned round."""
    swap = {"allowed": "denied", "denied": "allowed"}
    return {swap.get(key, key): value for key, value in rule.items()}


def turn_rule(world: World, rule: Json) -> None:
    """Replace a VPC rule by its contrary: an action can't be changed in place."""
    world.do("DELETE", f"global/firewalls/{rule['name']}")
    world.firewall(turned(rule))


DEFAULT_RULE = 2147483647


def make_policies(world: World, given: Json) -> None:
    """The firewall policies, associated with n1, its region or, from the organisation down, the project's ancestors."""
    ancestors = iter(ANCESTORS)
    for policy in given.get("firewallPolicys", []):
        name = policy["name"]
        if policy["type"] == "HIERARCHY":
            ancestor = next(ancestors)
            where = world.hierarchical_policy(name, ancestor)
            association = {"name": f"{name}-here", "attachmentTarget": ancestor}
        else:
            assert policy["type"] in ("NETWORK", "NETWORK_REGIONAL"), policy
            scope = "global" if policy["type"] == "NETWORK" else f"regions/{REGION}"
            where = f"projects/{world.project}/{scope}/firewallPolicies/{name}"
            world.act(where.rpartition("/")[0], {"name": name})
            association = {"name": f"{name}-here", "attachmentTarget": world.network_path("n1")}
        rules = [rule for rule in policy["rules"] if rule["priority"] != DEFAULT_RULE]
        assert all(rule["action"] == "goto_next" for rule in policy["rules"] if rule not in rules)
        for rule in rules:
            world.act(f"{where}/addRule", rule)
        world.act(f"{where}/addAssociation", association)
        world.policies[name] = {"where": where, "rules": rules}


def turn_policy(world: World, name: str) -> None:
    """Turn round the action of every rule of a policy."""
    policy = world.policies[name]
    for rule in policy["rules"]:
        action = {"allow": "deny", "deny": "allow"}.get(rule["action"], rule["action"])
        world.act(f"{policy['where']}/patchRule?priority={rule['priority']}", {**rule, "action": action})


# ---- masquerade


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
        ways: list[Json] = [{"daemonSet": daemon_set}, {"clusters": [autopilot]}]
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
    """Packets keep the pod's address to exactly these ranges: tried inside each, and in well-known ranges besides."""
    ranges = [net(cidr) for cidr in cidrs if ":" not in cidr]
    for address in [inside(str(one)) for one in ranges] + [inside(one) for one in PROBES]:
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
    assert expect.get("message", "error syncing configuration") in log.replace('\\"', '"'), log
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


# ---- what an API answers


def peering_routes(world: World, network: str, peering: str, direction: str, region: str = "") -> list[Json]:
    """networks.listPeeringRoutes."""
    query = f"peeringName={peering}&direction={direction}" + (f"&region={region}" if region else "")
    items: list[Json] = world.read(f"global/networks/{network}/listPeeringRoutes?{query}").get("items", [])
    return items


@answers("listPeeringRoutes", "routes", "routes_include", "routes_exclude")
def list_peering_routes(vector: Vector, world: World) -> None:
    """The exchanged routes; the status that gcloud prints is its own word for ``imported``."""
    ask = vector.ask["listPeeringRoutes"]
    Builder(world, vector.given).build()
    # helper subnetworks are exchanged like any other
    found = [
        item
        for item in peering_routes(world, ask["network"], ask["peeringName"], ask["direction"], ask.get("region", ""))
        if not net(item["destRange"]).subnet_of(net("172.29.0.0/16"))
    ]
    keys = ("destRange", "type", "imported")
    plain = [{key: item[key] for key in keys} for item in found]
    words = {"rejected by config": False, "accepted": True}
    for expected in vector.expect.get("routes_include", []):
        if "gcloud_status" in expected:
            assert words[expected["gcloud_status"]] == expected["imported"]
        assert {key: expected[key] for key in keys} in plain
    if "routes" in vector.expect:
        assert sorted(plain, key=str) == sorted(vector.expect["routes"], key=str)
    for excluded in vector.expect.get("routes_exclude", []):
        assert excluded not in [item["destRange"] for item in plain]


@answers("peering_state", "state", "stateDetails_contains")
def peering_state(vector: Vector, world: World) -> None:
    """The state of one side of a peering."""
    ask = vector.ask["peering_state"]
    Builder(world, vector.given).build()
    (found,) = [
        item for item in world.read(f"global/networks/{ask['network']}")["peerings"] if item["name"] == ask["name"]
    ]
    assert found["state"] == vector.expect["state"]
    assert vector.expect["stateDetails_contains"] in found["stateDetails"]


@answers("address_in", "range")
def address_in(vector: Vector, world: World) -> None:
    """An address that the lab chooses for the load balancer, none being asked for, lies in that range too."""
    Builder(world, vector.given).build()
    assert ip(vector.ask["address_in"]["ip"]) in net(vector.expect["range"])
    (service,) = vector.given["services"]
    kube = world.cluster_made.kube
    spec = {key: value for key, value in service["spec"].items() if key != "clusterIP"}
    kube.put(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {**service["metadata"], "name": "second"},
            "spec": {**spec, "selector": {"app": "plot"}},
        }
    )
    ingress = kube.wait(
        "an address",
        lambda: (kube.get("Service", "second") or {}).get("status", {}).get("loadBalancer", {}).get("ingress"),
    )
    assert ip(ingress[0]["ip"]) in net(vector.expect["range"])


@answers("max_nodes", "max_nodes")
def max_nodes(vector: Vector, world: World) -> None:
    """So many nodes can be made, and not one more."""
    (cluster,) = vector.given["clusters"]
    count = vector.expect["max_nodes"]
    world.make_subnetwork({"name": "s1", "network": "n1", "ipCidrRange": "10.1.0.0/16"})
    made = world.cluster_at(network="n1", subnetwork=world.subnetworks[0], given=cluster, pool={})
    pool = f"{made.path.partition('/locations/')[2]}/nodePools/pool"
    for wanted in (count, count + 1):
        reply = world.container("POST", f"locations/{pool}:setSize", {"nodeCount": wanted})
        error = "error" in reply.json() or not reply.ok
        assert error == (wanted > count), reply.text


# ---- refusals


def refused(operation: Json | None) -> bool:
    """Whether an attempt was refused, at once or in its operation."""
    return operation is None or "error" in operation


@answers("validate compute.routes.insert", "error")
def routes_insert(vector: Vector, world: World) -> None:
    """A route that the API must refuse at once."""
    body = dict(vector.ask["validate"]["body"])
    ends = [End("node", body["nextHopInstance"])] if "clusters" in vector.given else []
    Builder(world, vector.given, ends).build()
    hop = body["nextHopInstance"]
    legacy = next((item["IPv4Range"] for item in vector.given.get("networks", []) if "IPv4Range" in item), "")
    if legacy:
        # no machine can be made there: https://cloud.google.com/vpc/docs/legacy; a gateway is a hop as good
        del body["nextHopInstance"]
        body["nextHopGateway"] = f"projects/{world.project}/global/gateways/default-internet-gateway"
    else:
        body["nextHopInstance"] = world.machines[world.hop(hop, body["network"])]
    body["network"] = world.network_path(body["network"])
    refused_at_once(vector, world, "global/routes", {"name": "new", "priority": 1000, **body})


@answers("validate compute.subnetworks.insert", "error")
def subnetworks_insert(vector: Vector, world: World) -> None:
    """A subnetwork that the API must refuse at once."""
    Builder(world, vector.given).build()
    body = dict(vector.ask["validate"]["body"])
    body["network"] = world.network_path(body["network"])
    refused_at_once(vector, world, f"regions/{REGION}/subnetworks", body)


def refused_at_once(vector: Vector, world: World, path: str, body: Json) -> None:
    """A 400 for the reason ``invalid``, about the field and with the words that are expected."""
    expected = vector.expect["error"]
    assert expected["class"] == "invalid"
    reply = world.compute("POST", path, body)
    assert reply.status_code == 400, reply.text
    error = reply.json()["error"]
    assert [item["reason"] for item in error["errors"]] == ["invalid"]
    if "field" in expected:
        assert f"'{expected['field']}'" in error["message"]
    assert expected.get("message_contains", "") in error["message"]


@answers("validate compute.networks.addPeering", "error")
def add_peering(vector: Vector, world: World) -> None:
    """Both sides are tried: whether a refusal comes with the first or the second isn't the question."""
    ask = vector.ask["validate"]
    Builder(world, vector.given).build()
    operations: list[Json | None] = []
    errors = ""
    for here, there in ((ask["network"], ask["peer"]), (ask["peer"], ask["network"])):
        body = {
            "networkPeering": {
                "name": f"to-{there}",
                "network": world.network_path(there),
                "exchangeSubnetRoutes": True,
            }
        }
        reply, operation = world.attempt("POST", f"global/networks/{here}/addPeering", body)
        operations.append(operation)
        errors += str((operation or {}).get("error", "" if reply.ok else reply.text))
    expected = vector.expect["error"]
    peerings = world.read(f"global/networks/{ask['network']}").get("peerings", [])
    active = [item["state"] for item in peerings] == ["ACTIVE"]
    if expected is None:
        assert not errors
        assert active
        return
    assert not active
    assert any(refused(operation) for operation in operations), "both sides were accepted"
    if expected["class"] == "operation-error":
        assert None not in operations, "refused at once, not in the operation"
    assert expected.get("message_contains", "") in errors


@answers("validate compute.subnetworks.expandIpCidrRange", "error")
def expand(vector: Vector, world: World) -> None:
    """An expansion that must not come about."""
    ask = vector.ask["validate"]
    Builder(world, vector.given).build()
    path = f"regions/{REGION}/subnetworks/{ask['subnetwork']}"
    before = world.read(path)["ipCidrRange"]
    _reply, operation = world.attempt("POST", f"{path}/expandIpCidrRange", ask["body"])
    assert vector.expect["error"]["class"] == "refused"
    assert refused(operation)
    assert world.read(path)["ipCidrRange"] == before
