# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What golden vectors mean between the clouds, and which of them share an estate: values, no lab."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.podreach.gke.tests.golden.loader import Vector, load
from ansible_collections.podreach.gke.tests.golden.packets import estates, hybrid, mend, questions, sessions, tables
from ansible_collections.podreach.gke.tests.golden.packets.world import net

VECTORS = {vector.id: vector for group in questions.GROUPS for vector in load(group)}


def a_vector(ask: t.Any = None, **given: t.Any) -> Vector:
    """A vector of which only what is given and asked matters."""
    return Vector("v", "story", given, ask or {"advertised_on": "peer1"}, {}, [], "verified", "")


def learned(prefix: str, tunnel: str = "t1", **more: t.Any) -> dict[str, t.Any]:
    """A route that Google has learned."""
    return {"routeType": "BGP", "network": "n1", "destRange": prefix, "nextHopVpnTunnel": tunnel, **more}


def the_far(vector: Vector) -> hybrid.Far:
    """The only far side of a vector."""
    (far,) = hybrid.plan(vector).fars
    return far


@pytest.mark.parametrize(
    ("vector", "expected"),
    [
        ("s0-05-security-group-closed-too", True),
        ("one-tunnel-of-two-down-still-passes", True),
        ("tagged-route-not-for-traffic-from-the-tunnel", True),
        ("cluster-ip-from-aws-though-advertised", True),
        ("custom-routes-longest-prefix-before-priority", False),
        ("s1-16-cause-is-not-the-peers-cloud-router", False),
        ("masqueraded-traffic-misses-nat-of-the-pod-range", False),
    ],
)
def test_is_hybrid(vector: str, expected: bool) -> None:
    """A tunnel as the hop of a static route isn't learned by it; a router without peers has no session."""
    assert hybrid.is_hybrid(VECTORS[vector]) == expected


def test_learned_block_is_a_vpc() -> None:
    """Where AWS allows a VPC of that size, else a transit gateway tells it."""
    far = the_far(a_vector(routes=[learned("10.9.0.0/16")]))
    assert (far.kind, far.cidrs, far.statics, far.learned) == ("vgw", ["10.9.0.0/16"], [], ["10.9.0.0/16"])
    far = the_far(a_vector(routes=[learned("0.0.0.0/0")]))
    assert (far.kind, far.cidrs, far.learned) == ("tgw", ["10.0.0.0/16"], ["0.0.0.0/0"])
    far = the_far(a_vector(learned=["10.1.0.0/24", "10.2.0.0/24"]))
    assert (far.kind, far.learned) == ("tgw", ["10.1.0.0/24", "10.2.0.0/24"])


def test_tunnels_end_where_the_same_is_learned() -> None:
    """Two that carry the same end at one gateway, two that don't at two; one that carries nothing beside the other."""
    same = a_vector(routes=[learned("10.9.0.0/16"), learned("10.9.0.0/16", "t2")])
    assert [tunnel.name for tunnel in the_far(same).tunnels] == ["t1", "t2"]
    other = hybrid.plan(a_vector(routes=[learned("10.9.0.0/16"), learned("10.8.0.0/16", "t2")])).fars
    assert [[tunnel.name for tunnel in far.tunnels] for far in other] == [["t1"], ["t2"]]
    down = a_vector(vpnTunnels=[{"name": "t1", "status": "NO_INCOMING_PACKETS"}], routes=[learned("10.9.0.0/16", "t2")])
    assert [(tunnel.name, tunnel.status) for tunnel in the_far(down).tunnels] == [
        ("t1", "NO_INCOMING_PACKETS"),
        ("t2", "ESTABLISHED"),
    ]


def test_inside_ranges() -> None:
    """The peer's address is AWS's, the first of a /30; AWS's own word comes before it."""
    tunnels = the_far(VECTORS["s0-01-first-advertisement"]).tunnels
    assert [tunnel.inside for tunnel in tunnels] == ["169.254.24.220/30", "169.254.27.96/30"]
    assert [hybrid.first_host(tunnel.inside) for tunnel in tunnels] == ["169.254.24.221", "169.254.27.97"]
    assert [hybrid.second_host(tunnel.inside) for tunnel in tunnels] == ["169.254.24.222", "169.254.27.98"]
    assert the_far(VECTORS["swapped-inside-addresses"]).tunnels[0].inside == "169.254.24.220/30"


def test_asn() -> None:
    """AWS has the one that it says, not the one that the peer says."""
    far = the_far(VECTORS["wrong-peer-asn"])
    assert (far.asn, far.tunnels[0].peer["peerAsn"]) == (64513, 64512)


def test_what_aws_received_is_what_is_advertised() -> None:
    """By custom ranges alone; a router that is given is left as it is."""
    bgp = hybrid.plan(VECTORS["propagation-off"]).bgp
    assert bgp["advertiseMode"] == "CUSTOM"
    assert bgp["advertisedGroups"] == []
    assert [item["range"] for item in bgp["advertisedIpRanges"]] == ["10.1.0.0/24", "10.32.0.0/14"]
    given = hybrid.plan(VECTORS["session-custom-over-router-default"]).bgp
    assert given == {"asn": 65010, "advertiseMode": "DEFAULT"}
    more = hybrid.plan(VECTORS["routes-based-cluster-ip-from-aws"]).bgp
    assert (more["advertisedGroups"], more["advertisedIpRanges"]) == (["ALL_SUBNETS"], [{"range": "10.32.0.0/14"}])


def test_vectors_that_share_an_estate() -> None:
    """Security group, advertisement and masquerade list are changes; nodes and Services aren't."""
    key = {name: estates.key_of(VECTORS[name]) for name in VECTORS if name.startswith(("s0-", "k6545"))}
    first = key["s0-04-pod-fails-and-the-request-arrives"]
    assert first == key["s0-05-security-group-closed-too"] == key["s0-14-other-remedy-custom-advertisement"]
    assert first == key["s0-15-other-remedy-masquerade"] == key["s0-01-first-advertisement"]
    assert first != key["s0-08-new-cluster-pings"] != key["s0-12-ec2-reaches-the-internal-load-balancer"]
    assert len({key[f"k6545-{number}"] for number in range(1, 6)}) == 1


def test_in_order() -> None:
    """None is lost; those that share an estate are neighbours."""
    story = load("story")
    ordered = estates.in_order(story)
    assert sorted(vector.id for vector in ordered) == sorted(vector.id for vector in story)
    names = [vector.id for vector in ordered]
    assert names.index("s0-14-other-remedy-custom-advertisement") == names.index("s0-05-security-group-closed-too") + 1


def test_pods_that_no_cluster_explains() -> None:
    """They get a range, as large as the prefix that AWS received, and a node."""
    given = estates.complete(VECTORS["pod-range-inside-the-vpc-is-unreachable"])
    assert given["subnetworks"][0]["secondaryIpRanges"] == [{"rangeName": "pods", "ipCidrRange": "10.0.32.0/19"}]
    assert given["nodes"] == [{"name": "gke-n1", "podCIDR": "10.0.33.0/24"}]
    spoke = estates.complete(VECTORS["spoke-to-hub-aws-nothing-set"])
    assert spoke["clusters"] == [{"network": "spoke"}]


def test_flows_that_must_not_arrive_are_tried_with_their_causes_gone() -> None:
    """All but those whose cause nothing can take away, or whose estate is broken on purpose."""
    left = set()
    for vector in VECTORS.values():
        if vector.kind != "flow" or not hybrid.is_hybrid(vector) or vector.expect.get("verdict") != "unreachable":
            continue
        any_of = set(vector.expect.get("causes_any_of", [])) & set(mend.MENDS)
        if not any_of and not set(vector.expect.get("causes", ["none"])) <= set(mend.MENDS):
            left |= set(vector.expect.get("causes", vector.expect.get("causes_any_of", [])))
    assert left == {
        "aws-route-shadowed",
        "ilb-no-backend",
        "mtu-blackhole",
        "range-overlap",
        "service-range-not-reachable",
        "tunnel-down",
    }


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (774000, "1 weeks, 1 days, 23 hours, 0 minutes, 0 seconds"),
        (0, "0 seconds"),
        (3661, "1 hours, 1 minutes, 1 seconds"),
    ],
)
def test_words(seconds: int, words: str) -> None:
    """As the first seed has it."""
    assert sessions.words(seconds) == words


def test_many_subnetworks() -> None:
    """As many ranges as are counted, and they don't overlap."""
    made = sessions.many_subnetworks({"subnetworks": 33, "secondaryIpRangesEach": 2})
    ranges = [item["ipCidrRange"] for item in made]
    ranges += [each["ipCidrRange"] for item in made for each in item["secondaryIpRanges"]]
    assert len(set(ranges)) == 99
    assert {net(cidr).prefixlen for cidr in ranges} == {24}


def test_route_in_real_ids() -> None:
    """What is given and what is described compare by destination, origin, target and state."""

    class Known:
        """Targets with one name."""

        known = {"vgw-1": "vgw-0a", "local": "local"}

    given = {"DestinationCidrBlock": "10.32.0.0/14", "GatewayId": "vgw-1", "Origin": "CreateRoute", "State": "active"}
    found = tables.comparable(t.cast("tables.Targets", Known), given)
    assert found == ("10.32.0.0/14", "CreateRoute", "vgw-0a", "active")
