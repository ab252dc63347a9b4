# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The oracle of the random topologies around a VPN, by cases whose answer a reader of the vendors' pages knows.

Network n is joined to a VPC 10.0.0.0/16 by two sessions. In asia are vm at 10.1.0.2 and node 10.1.0.5 with pod
10.4.0.9, in us is far at 10.2.0.2; in the VPC is box at 10.0.1.7 in subnet a, pal at 10.0.2.7 in subnet b.
"""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.integration.random_topologies import amazon as a
from ansible_collections.podreach.gke.tests.integration.random_topologies import world as w
from ansible_collections.podreach.gke.tests.integration.random_topologies.bgp import Bgp
from ansible_collections.podreach.gke.tests.integration.random_topologies.generate_vpn import generate
from ansible_collections.podreach.gke.tests.integration.random_topologies.oracle import PRIVATE, Oracle

ASIA, AMERICA = "asia-northeast1", "us-central1"
EVERYWHERE = w.cidr("0.0.0.0/0")
CLUSTER = f"projects/p/locations/{ASIA}-a/clusters/c"
POD = "c/default/pod"
ROUTER = w.Router("r/router", "n", ASIA)
OPEN = tuple(("sg", a.Permission(egress, "all", None, (EVERYWHERE,))) for egress in (False, True))
CLOSED = (("sg", a.Permission(True, "all", None, (EVERYWHERE,))),)
PASS = tuple(("acl", a.Entry(100, egress, True, "all", EVERYWHERE)) for egress in (False, True))


def instance(name: str, region: str, address: str, network: str = "n", **fields: t.Any) -> w.Instance:
    return w.Instance(f"projects/p/zones/{region}-a/instances/{name}", network, w.address(address), **fields)


VM = instance("vm", ASIA, "10.1.0.2")
FAR = instance("far", AMERICA, "10.2.0.2")
NODE = instance("node", ASIA, "10.1.0.5", aliases=(w.cidr("10.4.0.0/24"),), cluster=CLUSTER, pods=w.cidr("10.4.0.0/24"))
AMAZON = a.Amazon(
    vpcs=(a.Vpc("vpc", (w.cidr("10.0.0.0/16"),)),),
    subnets=(
        a.Subnet("a", "vpc", w.cidr("10.0.1.0/24"), "za", "rtb", "acl"),
        a.Subnet("b", "vpc", w.cidr("10.0.2.0/24"), "zc", "rtb", "acl"),
    ),
    tables=(a.Table("rtb", (), frozenset({"vgw"})),),
    permissions=OPEN,
    entries=PASS,
    machines=(
        a.Machine("i-1", "box", w.address("10.0.1.7"), "a", frozenset({"sg"})),
        a.Machine("i-2", "pal", w.address("10.0.2.7"), "b", frozenset({"pals"})),
    ),
    attached=(("vgw", "vpc"),),
    connections=(a.Connection("vpn", "vgw", ("1.1.1.1", "1.1.1.2")),),
)
TRANSIT = dataclasses.replace(
    AMAZON,
    tables=(a.Table("rtb", (a.Route(w.cidr("10.0.0.0/8"), "tgw", "tgw"),)),),
    attached=(),
    connections=(a.Connection("vpn", "tgw", ("1.1.1.1", "1.1.1.2")),),
    attachments=(
        a.Attachment("at-vpc", "tgw", "vpc", "t0", frozenset({"za", "zc"})),
        a.Attachment("at-vpn", "tgw", "vpn", "t1"),
    ),
    transit_tables=(
        a.TransitTable("t0", (), frozenset({"at-vpn"})),
        a.TransitTable("t1", (), frozenset({"at-vpc"})),
    ),
)
WORLD = w.World(
    networks=("n", "m"),
    subnetworks=(
        w.Subnetwork("n", (w.cidr("10.1.0.0/24"), w.cidr("10.4.0.0/16")), ASIA),
        w.Subnetwork("n", (w.cidr("10.2.0.0/24"),), AMERICA),
        w.Subnetwork("m", (w.cidr("10.3.0.0/24"),), ASIA),
    ),
    instances=(VM, FAR, NODE, instance("peer", ASIA, "10.3.0.2", "m")),
    firewalls=tuple(
        w.Firewall(f"open-{name}", name, matches=(w.Match("all"),), sources=(EVERYWHERE,)) for name in "nm"
    ),
    clusters=(w.Cluster(CLUSTER, PRIVATE),),
    pods=(w.Pod(CLUSTER, "default", "pod", NODE.path, w.address("10.4.0.9")),),
    routers=(ROUTER,),
    sessions=(w.Session("r/router", "p1", "1.1.1.1"), w.Session("r/router", "p2", "1.1.1.2")),
    amazon=AMAZON,
)


def paths(world: w.World) -> dict[str, str]:
    return {item.name: item.path for item in world.instances} | {"pod": POD, "box": "box", "pal": "pal"}


def ask(world: w.World, sender: str, to: str, protocol: str = "icmp", port: int = 0) -> str:
    """The only verdict: the source seen, with `, lost` when no reply came back; '' when nothing was delivered."""
    found = Oracle(world).verdicts(w.Flow(paths(world)[sender], to, protocol, port))
    assert found is not None and len(found) == 1, found
    verdict = next(iter(found))
    if not verdict.delivered:
        return ""
    return str(verdict.source_seen) + ("" if verdict.replied else ", lost")


def but(world: w.World, **amazon: t.Any) -> w.World:
    return dataclasses.replace(world, amazon=dataclasses.replace(world.amazon, **amazon))


def custom(world: w.World, *ranges: str, all_subnets: bool = True) -> w.World:
    told = w.Advertisement(True, all_subnets, tuple(w.cidr(text) for text in ranges))
    return dataclasses.replace(world, routers=(dataclasses.replace(ROUTER, advertisement=told),))


def announced(world: w.World, at: int = 0) -> list[str]:
    bgp = Bgp(world)
    return [f"{found} {med.base}{'+' if med.more else ''}" for found, med in bgp.announced(world.sessions[at]).items()]


GLOBAL = dataclasses.replace(WORLD, worldwide=("n",))
PEERED = dataclasses.replace(
    WORLD, peerings=(w.Peering("n", "m", export_custom=True), w.Peering("m", "n", import_custom=True))
)


# ---- what is announced


def test_regional_routers_announce_their_region() -> None:
    assert announced(WORLD) == ["10.1.0.0/24 100", "10.4.0.0/16 100"]


def test_global_routers_announce_all_regions_at_a_higher_med() -> None:
    assert announced(GLOBAL) == ["10.1.0.0/24 100", "10.4.0.0/16 100", "10.2.0.0/24 100+"]


def test_custom_ranges_stand_alone_or_beside_the_subnets() -> None:
    assert announced(custom(WORLD, "172.16.0.0/16", all_subnets=False)) == ["172.16.0.0/16 100"]
    assert announced(custom(WORLD, "172.16.0.0/16")) == ["172.16.0.0/16 100", "10.1.0.0/24 100", "10.4.0.0/16 100"]


def test_a_sessions_own_mode_overrides_the_routers() -> None:
    mine = w.Advertisement(True, False, (w.cidr("10.9.0.0/16"),))
    first = dataclasses.replace(WORLD.sessions[0], advertisement=mine, priority=7)
    world = dataclasses.replace(custom(WORLD, "172.16.0.0/16"), sessions=(first, WORLD.sessions[1]))
    assert announced(world) == ["10.9.0.0/16 7"]
    assert "172.16.0.0/16 100" in announced(world, 1)


# ---- there and back


@pytest.mark.parametrize("world", [WORLD, dataclasses.replace(WORLD, amazon=TRANSIT)])
@pytest.mark.parametrize(
    ("sender", "to", "seen"),
    [("vm", "10.0.1.7", "10.1.0.2"), ("pod", "10.0.1.7", "10.4.0.9"), ("box", "10.4.0.9", "10.0.1.7")],
)
def test_both_ways(world: w.World, sender: str, to: str, seen: str) -> None:
    assert ask(world, sender, to) == seen


def test_a_masquerading_node_shows_its_own_address() -> None:
    world = dataclasses.replace(WORLD, clusters=(w.Cluster(CLUSTER, (w.cidr("10.4.0.0/16"),)),))
    assert ask(world, "pod", "10.0.1.7") == "10.1.0.5"


def test_pods_that_are_not_announced_get_no_reply() -> None:
    assert ask(custom(WORLD, "10.1.0.0/24", all_subnets=False), "pod", "10.0.1.7") == "10.4.0.9, lost"
    assert ask(custom(WORLD, "10.1.0.0/24", all_subnets=False), "box", "10.4.0.9") == ""


def test_other_regions_need_the_mode_global() -> None:
    assert ask(WORLD, "far", "10.0.1.7") == ""
    assert ask(GLOBAL, "far", "10.0.1.7") == "10.2.0.2"
    assert ask(custom(WORLD, "10.2.0.0/24"), "box", "10.2.0.2") == "10.0.1.7, lost"


def test_a_peer_needs_the_routes_and_the_advertisement() -> None:
    assert ask(WORLD, "peer", "10.0.1.7") == ""
    assert ask(PEERED, "peer", "10.0.1.7") == "10.3.0.2, lost"
    assert ask(custom(PEERED, "10.3.0.0/24"), "peer", "10.0.1.7") == "10.3.0.2"
    assert ask(custom(PEERED, "10.3.0.0/24"), "box", "10.3.0.2") == "10.0.1.7"


def test_without_a_session_nothing_is_learned() -> None:
    down = tuple(dataclasses.replace(item, up=False) for item in WORLD.sessions)
    assert ask(dataclasses.replace(WORLD, sessions=down), "vm", "10.0.1.7") == ""
    assert ask(dataclasses.replace(WORLD, sessions=(WORLD.sessions[0], down[1])), "vm", "10.0.1.7") == "10.1.0.2"


@pytest.mark.parametrize(("count", "seen"), [(100, "10.1.0.2"), (101, "")])
def test_a_virtual_gateway_takes_a_hundred_prefixes(count: int, seen: str) -> None:
    ranges = ["10.1.0.0/24", *(f"10.210.{at}.0/24" for at in range(count - 1))]
    assert ask(custom(WORLD, *ranges, all_subnets=False), "vm", "10.0.1.7") == seen


@pytest.mark.parametrize(("priority", "seen"), [(0, ""), (30_000, "10.1.0.2")])
def test_of_equal_destinations_the_priority_decides(priority: int, seen: str) -> None:
    static = w.Route("s", "n", w.cidr("10.0.0.0/16"), priority, FAR.path)
    assert ask(dataclasses.replace(WORLD, routes=(static,)), "vm", "10.0.1.7") == seen


def test_a_subnet_that_holds_the_vpc_comes_first() -> None:
    wide = w.Subnetwork("n", (w.cidr("10.0.0.0/15"),), ASIA)
    assert ask(dataclasses.replace(WORLD, subnetworks=(*WORLD.subnetworks, wide)), "vm", "10.0.1.7") == ""


def test_tunnels_use_routes_without_tags_only() -> None:
    routes_based = dataclasses.replace(NODE, aliases=(), pods=w.cidr("172.16.0.0/24"), can_forward=True)
    pod = dataclasses.replace(WORLD.pods[0], address=w.address("172.16.0.9"))
    route = w.Route("node", "n", w.cidr("172.16.0.0/24"), 1000, NODE.path)
    world = dataclasses.replace(
        custom(WORLD, "172.16.0.0/16"), instances=(VM, routes_based), pods=(pod,), routes=(route,)
    )
    world = but(world, tables=(a.Table("rtb", (), frozenset({"vgw"})),))
    assert ask(world, "box", "172.16.0.9") == "10.0.1.7"
    tagged = dataclasses.replace(route, tags=frozenset({"x"}))
    assert ask(dataclasses.replace(world, routes=(tagged,)), "box", "172.16.0.9") == ""


# ---- AWS


def test_without_propagation_replies_have_no_route() -> None:
    assert ask(but(WORLD, tables=(a.Table("rtb"),)), "vm", "10.0.1.7") == "10.1.0.2, lost"


@pytest.mark.parametrize(("to", "heard"), [("10.1.0.0/24", False), ("10.1.0.0/16", True), ("10.1.0.0/28", False)])
def test_static_routes_come_before_propagated_ones_of_their_length(to: str, heard: bool) -> None:
    table = a.Table("rtb", (a.Route(w.cidr(to), "dead", "igw"),), frozenset({"vgw"}))
    assert ask(but(WORLD, tables=(table,)), "vm", "10.0.1.7") == ("10.1.0.2" if heard else "10.1.0.2, lost")


def test_a_virtual_gateway_needs_the_prefix() -> None:
    table = a.Table("rtb", (a.Route(EVERYWHERE, "vgw", "vgw"),))
    assert ask(but(WORLD, tables=(table,)), "box", "10.1.0.2") == "10.0.1.7"
    assert ask(but(WORLD, tables=(table,)), "box", "10.2.0.2") == ""


def test_pods_inside_the_vpcs_block_get_no_reply() -> None:
    overlap = w.cidr("10.0.64.0/24")
    node = dataclasses.replace(NODE, aliases=(overlap,), pods=overlap)
    pod = dataclasses.replace(WORLD.pods[0], address=w.address("10.0.64.9"))
    subnets = (*WORLD.subnetworks, w.Subnetwork("n", (overlap,), ASIA))
    world = dataclasses.replace(WORLD, instances=(VM, node), pods=(pod,), subnetworks=subnets)
    assert ask(world, "pod", "10.0.1.7") == "10.0.64.9, lost"


def test_groups_are_stateful_and_closed_by_default() -> None:
    closed = but(WORLD, permissions=CLOSED)
    assert ask(closed, "vm", "10.0.1.7") == ""
    assert ask(closed, "box", "10.1.0.2") == "10.0.1.7"


def test_a_group_as_a_source_means_its_members() -> None:
    friends = but(WORLD, permissions=(*CLOSED, ("sg", a.Permission(False, "all", None, (), frozenset({"pals"})))))
    friends = but(friends, permissions=(*friends.amazon.permissions, ("pals", CLOSED[0][1])))
    assert ask(friends, "pal", "10.0.1.7") == "10.0.2.7"
    assert ask(friends, "vm", "10.0.1.7") == ""


@pytest.mark.parametrize(
    ("egress", "protocol", "span", "verdict"),
    [
        (True, "tcp", (1024, 65535), "10.1.0.2, lost"),
        (True, "tcp", (80, 80), "10.1.0.2"),
        (False, "tcp", (80, 80), ""),
        (False, "tcp", (443, 443), "10.1.0.2"),
        (False, "udp", None, "10.1.0.2"),
        (False, "all", None, ""),
    ],
)
def test_acls_see_each_direction(egress: bool, protocol: str, span: tuple[int, int] | None, verdict: str) -> None:
    denied = ("acl", a.Entry(50, egress, False, protocol, EVERYWHERE, span))
    assert ask(but(WORLD, entries=(denied, *PASS)), "vm", "10.0.1.7", "tcp", 80) == verdict


def test_acls_know_echo_from_its_reply() -> None:
    denied = ("acl", a.Entry(50, True, False, "icmp", EVERYWHERE, (0, 0)))
    assert ask(but(WORLD, entries=(denied, *PASS)), "vm", "10.0.1.7") == "10.1.0.2, lost"
    assert ask(but(WORLD, entries=(denied, *PASS)), "box", "10.1.0.2") == "10.0.1.7"


def test_acls_stand_between_subnets_only() -> None:
    near = dataclasses.replace(AMAZON.machines[1], address=w.address("10.0.1.9"), subnet="a", groups=frozenset({"sg"}))
    world = but(WORLD, machines=(AMAZON.machines[0], near), entries=())
    assert ask(world, "box", "10.0.1.9") == "10.0.1.7"
    assert ask(but(WORLD, entries=()), "box", "10.0.2.7") == ""


# ---- transit gateway


def transit(**more: t.Any) -> w.World:
    return dataclasses.replace(WORLD, amazon=dataclasses.replace(TRANSIT, **more))


def test_transit_tables_need_propagation_both_ways() -> None:
    blind = transit(transit_tables=(a.TransitTable("t0"), TRANSIT.transit_tables[1]))
    assert ask(blind, "vm", "10.0.1.7") == "10.1.0.2, lost"
    silent = transit(transit_tables=(TRANSIT.transit_tables[0], a.TransitTable("t1")))
    assert ask(silent, "vm", "10.0.1.7") == ""


def test_zones_without_attachment_do_not_reach_the_transit_gateway() -> None:
    near = (dataclasses.replace(TRANSIT.attachments[0], zones=frozenset({"za"})), TRANSIT.attachments[1])
    both = (*OPEN, *(("pals", permission) for group, permission in OPEN))
    assert ask(transit(attachments=near, permissions=both), "pal", "10.1.0.2") == ""
    assert ask(transit(attachments=near, permissions=both), "box", "10.1.0.2") == "10.0.1.7"


def test_static_transit_routes_into_a_vpn_are_not_filtered() -> None:
    table = a.TransitTable("t0", ((w.cidr("10.2.0.0/16"), "at-vpn"), (w.cidr("10.1.0.0/16"), "")))
    world = transit(transit_tables=(table, TRANSIT.transit_tables[1]))
    assert ask(world, "box", "10.2.0.2") == "10.0.1.7, lost"
    assert ask(world, "box", "10.1.0.2") == ""


# ---- the generator


def test_a_seed_means_one_topology() -> None:
    assert generate(5).steps == generate(5).steps
    assert generate(5).steps != generate(6).steps
