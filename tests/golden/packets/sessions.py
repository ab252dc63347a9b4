# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""BGP sessions: what they advertise and learn, how much of it, and whether they come up; by the APIs of both clouds."""

from __future__ import annotations

import copy
import dataclasses
import typing as t

from ansible_collections.podreach.gke.tests.golden.loader import Vector
from ansible_collections.podreach.gke.tests.golden.packets.estates import raised
from ansible_collections.podreach.gke.tests.golden.packets.hybrid import first_host, second_host
from ansible_collections.podreach.gke.tests.golden.packets.outside import Outside
from ansible_collections.podreach.gke.tests.golden.packets.questions import staged
from ansible_collections.podreach.gke.tests.golden.packets.stage import Stage
from ansible_collections.podreach.gke.tests.golden.packets.traces import NO_ROUTE, gateways, reason, trace
from ansible_collections.podreach.gke.tests.golden.packets.world import REGION, Json, World, net

ESTABLISHED = "Established"
#: AWS's address in the tunnel of a session that is as it should be.
CONTROL = "169.254.62.1"


def advertised(outside: Outside, peer: str) -> dict[str, Json]:
    """What a session advertises, by range; each one is named once."""
    routes = outside.peer_status(peer).get("advertisedRoutes", [])
    found = {route["destRange"]: route for route in routes}
    assert len(found) == len(routes), f"a range twice: {routes}"
    return found


def established(outside: Outside, peer: str) -> None:
    """The session is up, by what both clouds say."""
    status = outside.peer_status(peer)
    assert (status["state"], status["status"]) == (ESTABLISHED, "UP"), status
    assert outside.accepted(peer)["Status"] == "UP", outside.accepted(peer)


@staged("advertised_on", "advertised", "both", "priority", "missing", "nextHopIp")
def advertised_on(vector: Vector, stage: Stage) -> None:
    """What the peers are sent, by RouterStatus; AWS accepts as many prefixes on each."""
    changed = vector.given.get("changed", [])
    given = {key: value for key, value in vector.given.items() if key != "changed"}
    now = dataclasses.replace(vector, given=given)
    world = raised(dataclasses.replace(vector, given=before(given, changed)) if changed else now, stage)
    outside, expect = world.far_clouds, vector.expect
    if changed:
        add_ranges(vector, world)
    asked = vector.ask["advertised_on"]
    for peer in [asked] if isinstance(asked, str) else asked:
        established(outside, peer)
        found = advertised(outside, peer)
        assert set(found) == set(expect["advertised" if "advertised" in expect else "both"]), found
        assert not set(expect.get("missing", {})) & set(found)
        judge_priorities(found, expect.get("priority", {}))
        own = outside.peer_status(peer)["ipAddress"]
        next_hop = expect.get("nextHopIp", {}).get(peer, own)
        assert own == next_hop
        assert {route["nextHopIp"] for route in found.values()} <= {next_hop}, found
        assert outside.accepted(peer)["AcceptedRouteCount"] == len(found), outside.accepted(peer)


def judge_priorities(found: dict[str, Json], expected: int | dict[str, t.Any]) -> None:
    """The MEDs: one for all, or one for each range, which may be a lower bound."""
    of_each = expected if isinstance(expected, dict) else dict.fromkeys(found, expected)
    for cidr, priority in of_each.items():
        sent = found[cidr]["priority"]
        if isinstance(priority, str):
            assert priority.startswith("> ")
            assert sent > int(priority.removeprefix("> ")), f"{cidr}: {sent}"
        else:
            assert sent == priority, f"{cidr}: {sent}"


def before(given: Json, changed: list[str]) -> Json:
    """The estate before secondary ranges were added."""
    names = [words.split()[2] for words in changed if words.startswith("secondary range ") and words.endswith(" added")]
    assert len(names) == len(changed), changed
    earlier = copy.deepcopy(given)
    for subnetwork in earlier["subnetworks"]:
        ranges = subnetwork.get("secondaryIpRanges", [])
        subnetwork["secondaryIpRanges"] = [item for item in ranges if item["rangeName"] not in names]
    return earlier


def add_ranges(vector: Vector, world: World) -> None:
    """Bring the secondary ranges to what is given now."""
    for subnetwork in vector.given["subnetworks"]:
        path = f"regions/{subnetwork['region']}/subnetworks/{subnetwork['name']}"
        fingerprint = world.read(path)["fingerprint"]
        body = {"fingerprint": fingerprint, "secondaryIpRanges": subnetwork["secondaryIpRanges"]}
        world.do("PATCH", path, body)
    world.far_clouds.settle()


# ---- how many


def many_subnetworks(counts: Json) -> list[Json]:
    """So many subnetworks with so many secondary ranges each."""
    blocks = net("10.64.0.0/12").subnets(new_prefix=24)
    return [
        {
            "name": f"s{number}",
            "network": "n1",
            "region": REGION,
            "ipCidrRange": str(next(blocks)),
            "secondaryIpRanges": [
                {"rangeName": f"range{each}", "ipCidrRange": str(next(blocks))}
                for each in range(counts["secondaryIpRangesEach"])
            ],
        }
        for number in range(counts["subnetworks"])
    ]


@staged("prefixes_on", "count", "limit", "headroom", "count_after", "causes")
def prefixes_on(vector: Vector, stage: Stage) -> None:
    """How many prefixes a session carries, and that it breaks with the first one over the limit, not before."""
    given = {key: value for key, value in vector.given.items() if key not in ("counts", "plan")}
    given["subnetworks"] = many_subnetworks(vector.given["counts"])
    world = raised(dataclasses.replace(vector, given=given), stage)
    outside, expect, peer = world.far_clouds, vector.expect, vector.ask["prefixes_on"]
    limit = expect["limit"]
    count = len(advertised(outside, peer))
    established(outside, peer)
    assert outside.accepted(peer)["AcceptedRouteCount"] == count
    assert count == expect.get("count", count)
    assert limit - count == expect.get("headroom", limit - count)
    if limit > 100:
        # a hundred ranges more is as many as a test has time for; they fit
        assert count > 100
        return
    stage.forget()
    for number in range(limit - count):
        add_one(world, number)
    outside.settle()
    established(outside, peer)
    assert len(advertised(outside, peer)) == limit
    assert limit + 1 == expect.get("count_after", limit + 1)
    add_one(world, limit)
    outside.settle()
    status = outside.amazon.wait("the session breaks", lambda: broken(outside, peer))
    assert status["status"] == "DOWN", status


def broken(outside: Outside, peer: str) -> Json | None:
    """The status of a session that isn't established."""
    status = outside.peer_status(peer)
    return None if status["state"] == ESTABLISHED else status


def add_one(world: World, number: int) -> None:
    """One range more in the router's region."""
    world.make_subnetwork({"name": f"more{number}", "network": "n1", "ipCidrRange": f"10.200.{number}.0/24"})


# ---- how much of it is in force


def many_prefixes(count: int) -> list[str]:
    """So many /24 that don't overlap."""
    blocks = net("172.16.0.0/12").subnets(new_prefix=24)
    return [str(next(blocks)) for _number in range(count)]


#: What the quota is: https://cloud.google.com/network-connectivity/docs/router/quotas
LEARNED = 250


@staged("learned_in_force", "kept", "missing", "count_kept")
def learned_in_force(vector: Vector, stage: Stage) -> None:
    """Which learned prefixes are in force where there are more than the quota: by bestRoutes, and packets.

    A vector's small quota is what the real one leaves when others have the rest: ranges that sort between the
    longest of those kept and the rest.
    """
    quota = vector.given["quota"]["uniqueLearnedDestinationsOwnRegion"]
    learned: list[str] = vector.given.get("learned", [])
    others = [str(block) for block in net("172.0.0.0/7").subnets(new_prefix=15)][: LEARNED - quota]
    if not learned:
        learned = many_prefixes(vector.given["counts"]["learned"])
    given = {"networks": [{"name": "n1"}], "learned": [*learned, *others], "open": ["gcp-firewall"]}
    world = raised(dataclasses.replace(vector, given=given), stage)
    outside = world.far_clouds
    status = outside.status()
    (peer,) = status["bgpPeerStatus"]
    assert peer["state"] == ESTABLISHED, peer
    in_force = {route["destRange"] for route in status["bestRoutes"]}
    assert len(in_force) == LEARNED
    kept = in_force & set(learned)
    assert len(kept) == vector.expect.get("count_kept", len(kept))
    if "kept" not in vector.expect:
        (dropped,) = set(learned) - kept
        packets_follow(world, sorted(kept)[0], dropped)
        return
    assert kept == set(vector.expect["kept"])
    assert set(others) <= in_force
    assert not in_force & set(vector.expect["missing"])


def packets_follow(world: World, kept: str, dropped: str) -> None:
    """Packets to a range in force go by the gateway at AWS, those to another find no route."""
    sender = world.sender(world.far_clouds.plan.network)
    world.far_clouds.settle()
    part = trace(world, sender, str(net(kept)[7]), "icmp")["request"]
    assert gateways(world, part), part
    part = trace(world, sender, str(net(dropped)[7]), "icmp")["request"]
    assert reason(part) == NO_ROUTE, part


# ---- whether it comes up


@staged("session", "state_not", "up", "learned", "uptime", "causes")
def session(vector: Vector, stage: Stage) -> None:
    """A session that must not come up, though one beside it does; or the readings of one that is up."""
    if "routerStatus" in vector.given:
        readings(vector, stage)
        return
    router = vector.given["routers"][0]
    control = {"name": "control", "peerIpAddress": CONTROL}
    routers = [{**router, "bgpPeers": [*router["bgpPeers"], control]}]
    world = raised(dataclasses.replace(vector, given={**vector.given, "routers": routers}), stage)
    stage.forget()
    outside, peer = world.far_clouds, vector.ask["session"]
    established(outside, "control")
    assert outside.peer_status(peer)["state"] != vector.expect["state_not"]
    assert outside.peer_status(peer)["status"] == "DOWN"
    put_right(outside, peer)
    outside.settle()
    established(outside, peer)


@staged("tunnel_status", "status", "aws")
def tunnel_status(vector: Vector, stage: Stage) -> None:
    """What both clouds say of tunnels."""
    outside = raised(vector, stage).far_clouds
    names = vector.ask["tunnel_status"]
    (side,) = outside.sides
    assert [outside.tunnel_status(name) for name in names] == vector.expect["status"]
    found = [outside.amazon.telemetry(side.connection, side.outside[name]) for name in names]
    assert [item["Status"] for item in found] == vector.expect["aws"], found


def put_right(outside: Outside, peer: str) -> None:
    """Give the peer, and its interface, the addresses and the ASN that AWS has, and let it be enabled."""
    side, tunnel = outside.tunnel_of(peer)
    (wrong,) = [item for item in outside.peers if item["name"] == peer]
    (interface,) = [item for item in outside.interfaces if item["name"] == wrong["interfaceName"]]
    interface["ipRange"] = f"{second_host(tunnel.inside)}/30"
    wrong["ipAddress"], wrong["peerIpAddress"] = second_host(tunnel.inside), first_host(tunnel.inside)
    wrong["peerAsn"] = side.far.asn
    wrong["enable"] = "TRUE"
    outside.world.do("PATCH", outside.router, {"interfaces": outside.interfaces, "bgpPeers": outside.peers})


def readings(vector: Vector, stage: Stage) -> None:
    """The lab's own session, with as many routes learned, reads like the recorded one."""
    (recorded,) = vector.given["routerStatus"]["bgpPeerStatus"]
    given = {
        "routers": [{"bgpPeers": [{"name": recorded["name"], "peerIpAddress": recorded["peerIpAddress"]}]}],
        "learned": many_prefixes(recorded["numLearnedRoutes"]),
    }
    world = raised(dataclasses.replace(vector, given=given), stage)
    outside, expect = world.far_clouds, vector.expect
    found = outside.peer_status(vector.ask["session"])
    for key in ("name", "ipAddress", "peerIpAddress", "state", "status", "numLearnedRoutes"):
        assert found[key] == recorded[key], found
    assert expect["up"] == (found["state"] == ESTABLISHED)
    assert found["numLearnedRoutes"] == expect["learned"]
    assert words(int(recorded["uptimeSeconds"])) == expect["uptime"]
    assert found["uptime"] == words(int(found["uptimeSeconds"])), found


def words(seconds: int) -> str:
    """A duration as RouterStatus says it: from the largest unit that it has."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    weeks, days = divmod(days, 7)
    units = [(weeks, "weeks"), (days, "days"), (hours, "hours"), (minutes, "minutes"), (seconds, "seconds")]
    while len(units) > 1 and not units[0][0]:
        del units[0]
    return ", ".join(f"{count} {unit}" for count, unit in units)
