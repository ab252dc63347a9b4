# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The oracle of the random topologies, by cases whose answer a reader of the vendors' pages knows."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.integration.random_topologies import reading
from ansible_collections.podreach.gke.tests.integration.random_topologies import world as w
from ansible_collections.podreach.gke.tests.integration.random_topologies.generate import generate
from ansible_collections.podreach.gke.tests.integration.random_topologies.oracle import PRIVATE, SPECIAL_USE, Oracle

OPEN = w.Firewall("open", "", priority=65000, matches=(w.Match("all"),), sources=(w.cidr("0.0.0.0/0"),))
CLUSTER = "projects/p/locations/z/clusters/c"
POD = "c/default/pod"


class Builder:
    """A world in a line each. Networks are n1, n2...; everything is admitted unless `shut`."""

    def __init__(self, *networks: str, shut: bool = False) -> None:
        self.world = w.World(networks=networks)
        if not shut:
            self.add(firewalls=[dataclasses.replace(OPEN, network=name) for name in networks])

    def add(self, **more: t.Sequence[t.Any]) -> Builder:
        grown: dict[str, t.Any] = {name: (*getattr(self.world, name), *items) for name, items in more.items()}
        self.world = dataclasses.replace(self.world, **grown)
        return self

    def subnet(self, network: str, *ranges: str) -> Builder:
        return self.add(subnetworks=[w.Subnetwork(network, tuple(w.cidr(text) for text in ranges))])

    def vm(self, name: str, network: str, address: str, *aliases: str, tags: str = "", **fields: t.Any) -> Builder:
        found = tuple(w.cidr(text) for text in aliases)
        return self.add(
            instances=[w.Instance(f"i/{name}", network, w.address(address), found, frozenset(tags.split()), **fields)]
        )

    def route(self, network: str, to: str, hop: str, priority: int = 1000, tags: str = "") -> Builder:
        name = f"r{len(self.world.routes)}"
        path = f"i/{hop}" if hop else ""
        return self.add(routes=[w.Route(name, network, w.cidr(to), priority, path, frozenset(tags.split()))])

    def rule(self, network: str, **fields: t.Any) -> Builder:
        fields = {"matches": (w.Match("all"),)} | fields
        return self.add(firewalls=[w.Firewall(f"f{len(self.world.firewalls)}", network, **fields)])

    def peer(self, one: str, other: str, mine: t.Mapping[str, bool] | None = None, **theirs: bool) -> Builder:
        return self.add(peerings=[w.Peering(one, other, **(mine or {})), w.Peering(other, one, **theirs)])

    def cluster(self, kept: t.Sequence[w.Range] = PRIVATE, enforced: bool = False) -> Builder:
        return self.add(clusters=[w.Cluster(CLUSTER, tuple(kept), (), enforced)])

    def node(self, name: str, network: str, address: str, pods: str, native: bool) -> Builder:
        aliases = [pods] if native else []
        more = {"cluster": CLUSTER, "pods": w.cidr(pods), "can_forward": not native}
        self.vm(name, network, address, *aliases, tags="nodes", **more)
        return self if native else self.route(network, pods, name)

    def pod(self, node: str, address: str, name: str = "pod", app: str = "a", **fields: t.Any) -> Builder:
        labels = (("app", app),)
        found = w.Pod(CLUSTER, "default", name, f"i/{node}", w.address(address), labels, **fields)
        return self.add(pods=[found])

    def ask(self, sender: str, to: str, protocol: str = "icmp", port: int = 0) -> str:
        """The only verdict: the source seen, `lost` when no reply came back, `` when nothing was delivered."""
        found = self.all(sender, to, protocol, port)
        assert len(found) == 1, found
        return found.pop()

    def all(self, sender: str, to: str, protocol: str = "icmp", port: int = 0) -> set[str]:
        name = sender if "/" in sender else f"i/{sender}"
        allowed = Oracle(self.world).verdicts(w.Flow(name, to, protocol, port))
        assert allowed is not None
        return {said(verdict) for verdict in allowed}


def said(verdict: w.Verdict) -> str:
    if not verdict.delivered:
        return ""
    return str(verdict.source_seen) if verdict.replied else f"{verdict.source_seen} lost"


def two_vms(**fields: t.Any) -> Builder:
    return Builder("n1", **fields).subnet("n1", "10.1.0.0/24").vm("a", "n1", "10.1.0.2").vm("b", "n1", "10.1.0.3")


# ---- routes


def test_within_a_subnet() -> None:
    assert two_vms().ask("a", "10.1.0.3") == "10.1.0.2"
    assert two_vms().ask("a", "10.1.0.99") == ""


def test_subnets_decide_before_anything_more_specific_or_broader() -> None:
    world = two_vms().vm("x", "n1", "10.1.0.4", "10.9.0.0/28", can_forward=True)
    assert world.route("n1", "10.0.0.0/8", "x").ask("a", "10.1.0.99") == ""
    assert world.ask("a", "10.9.0.5") == "10.1.0.2"


def through(**fields: t.Any) -> Builder:
    """Address 10.9.0.5 is an alias of x, outside every subnet: static routes alone lead to it."""
    return two_vms().vm("x", "n1", "10.1.0.4", "10.9.0.0/28", **fields)


def test_longest_prefix_before_priority() -> None:
    world = through().route("n1", "10.9.0.0/16", "b", 100).route("n1", "10.9.0.0/24", "x", 1000)
    assert world.ask("a", "10.9.0.5") == "10.1.0.2"


def test_lowest_priority_number_among_equals() -> None:
    world = through().route("n1", "10.9.0.0/24", "b", 900).route("n1", "10.9.0.0/24", "x", 800)
    assert world.ask("a", "10.9.0.5") == "10.1.0.2"


def test_a_next_hop_that_does_not_run_is_ignored() -> None:
    world = through().vm("off", "n1", "10.1.0.5", running=False)
    world.route("n1", "10.9.0.0/24", "off", 100).route("n1", "10.9.0.0/24", "x", 800)
    assert world.ask("a", "10.9.0.5") == "10.1.0.2"


def test_without_a_running_next_hop_the_less_specific_route_is_open() -> None:
    world = through().vm("off", "n1", "10.1.0.5", running=False)
    world.route("n1", "10.9.0.0/24", "off").route("n1", "10.0.0.0/8", "x")
    assert world.all("a", "10.9.0.5") == {"", "10.1.0.2"}


def test_tagged_routes_are_for_tagged_instances() -> None:
    world = through().vm("t", "n1", "10.1.0.5", tags="gw").route("n1", "10.9.0.0/24", "x", tags="gw")
    assert world.ask("a", "10.9.0.5") == ""
    assert world.ask("t", "10.9.0.5") == "10.1.0.5"


def test_the_internet_is_nowhere() -> None:
    assert two_vms().route("n1", "0.0.0.0/0", "").ask("a", "8.8.8.8") == ""


def test_an_instance_gets_and_sends_only_its_own_unless_it_may_forward() -> None:
    for forwards, answer in ((True, "10.1.0.2"), (False, "")):
        world = Builder("n1").subnet("n1", "10.1.0.0/24").vm("a", "n1", "10.1.0.2", tags="gw")
        world.vm("y", "n1", "10.1.0.3", can_forward=forwards).cluster()
        world.node("node", "n1", "10.1.0.9", "172.16.3.0/24", native=False).pod("node", "172.16.3.5")
        world.route("n1", "172.16.3.0/24", "y", 100, tags="gw")
        assert world.ask("a", "172.16.3.5") == answer


def test_a_circle_ends() -> None:
    world = two_vms().vm("x", "n1", "10.1.0.4", can_forward=True).route("n1", "10.9.0.0/16", "x")
    assert world.ask("a", "10.9.0.5") == ""


# ---- peering


def peered(mine: t.Mapping[str, bool] | None = None, **theirs: bool) -> Builder:
    """A routes-based and a VPC-native pod in n1, a VM in n2."""
    world = Builder("n1", "n2").subnet("n1", "10.1.0.0/24", "10.32.0.0/20").subnet("n2", "10.2.0.0/16").cluster()
    world.node("node", "n1", "10.1.0.2", "172.16.3.0/24", native=False).pod("node", "172.16.3.5")
    world.node("native", "n1", "10.1.0.3", "10.32.3.0/24", native=True).pod("native", "10.32.3.5", "own")
    return world.vm("vm", "n2", "10.2.0.1").peer("n1", "n2", mine, **theirs)


def test_one_side_is_none() -> None:
    world = peered()
    world.world = dataclasses.replace(world.world, peerings=world.world.peerings[:1])
    assert world.ask("node", "10.2.0.1") == ""


def test_subnet_routes_cross_without_a_flag() -> None:
    assert peered().ask("node", "10.2.0.1") == "10.1.0.2"
    assert peered().ask("c/default/own", "10.2.0.1") == "10.32.3.5"


@pytest.mark.parametrize(
    ("mine", "theirs", "answer"),
    [
        ({}, {}, "172.16.3.5 lost"),
        ({"export_custom": True}, {}, "172.16.3.5 lost"),
        ({"import_custom": True}, {"export_custom": True}, "172.16.3.5 lost"),
        ({"export_custom": True}, {"import_custom": True}, "172.16.3.5"),
    ],
)
def test_routes_based_pods_need_both_flags(mine: dict[str, bool], theirs: dict[str, bool], answer: str) -> None:
    assert peered(mine, **theirs).ask(POD, "10.2.0.1") == answer


def test_tagged_routes_never_cross() -> None:
    world = peered({"export_custom": True}, import_custom=True)
    tagged = [dataclasses.replace(route, tags=frozenset({"nodes"})) for route in world.world.routes]
    world.world = dataclasses.replace(world.world, routes=tuple(tagged))
    assert world.ask(POD, "10.2.0.1") == "172.16.3.5 lost"


def test_public_ranges_need_both_flags() -> None:
    for flags, answer in (({}, ""), ({"import_public": True}, "10.2.0.1")):
        world = Builder("n1", "n2").subnet("n1", "30.0.0.0/16").subnet("n2", "10.2.0.0/24")
        world.vm("a", "n1", "30.0.3.5").vm("b", "n2", "10.2.0.1").peer("n1", "n2", {}, **flags)
        assert world.ask("b", "30.0.3.5") == answer


def test_special_use_ranges_are_not_public() -> None:
    world = Builder("n1", "n2").subnet("n1", "100.64.0.0/16").subnet("n2", "10.2.0.0/24")
    world.vm("a", "n1", "100.64.3.5").vm("b", "n2", "10.2.0.1")
    assert world.peer("n1", "n2", {"export_public": False}).ask("b", "100.64.3.5") == "10.2.0.1"


def test_nothing_is_passed_on_to_a_third_network() -> None:
    world = Builder("a", "b", "c")
    for at, name in enumerate("abc"):
        world.subnet(name, f"10.{at}.0.0/24").vm(name, name, f"10.{at}.0.9")
    both = {"export_custom": True, "import_custom": True}
    world.peer("a", "b", both, **both).peer("b", "c", both, **both)
    assert world.ask("a", "10.2.0.9") == ""
    # ... unless a router in the middle does it, with routes that both sides take over.
    world.vm("x", "b", "10.1.0.8", can_forward=True).route("b", "10.0.0.0/8", "x")
    assert world.ask("a", "10.2.0.9") == "10.0.0.9"


def test_a_local_route_beats_an_imported_one_to_the_same_destination() -> None:
    both = {"export_custom": True, "import_custom": True}
    for prefix, answer in (("10.9.0.0/24", "10.1.0.2"), ("10.0.0.0/8", "")):
        world = through().subnet("n2", "10.2.0.0/24").vm("z", "n2", "10.2.0.2", can_forward=True)
        world.route("n1", prefix, "x", 2000).route("n2", "10.9.0.0/24", "z", 100)
        world.world = dataclasses.replace(world.world, networks=("n1", "n2"))
        world.add(firewalls=[dataclasses.replace(OPEN, network="n2")])
        assert world.peer("n1", "n2", both, **both).ask("a", "10.9.0.5") == answer


def test_two_peers_with_one_destination_are_open() -> None:
    flags = {"export_custom": True, "import_custom": True}
    world = Builder("n1", "n2", "n3").subnet("n1", "10.1.0.0/24").vm("a", "n1", "10.1.0.2")
    for at, name in ((2, "n2"), (3, "n3")):
        world.subnet(name, f"10.{at}.0.0/24").vm(name, name, f"10.{at}.0.2", *["10.9.0.0/28"][: at - 2])
        world.route(name, "10.9.0.0/24", name).peer("n1", name, flags, **flags)
    assert world.all("a", "10.9.0.5") == {"", "10.1.0.2"}


# ---- firewall


def test_ingress_is_denied_and_egress_allowed_when_no_rule_matches() -> None:
    assert two_vms(shut=True).ask("a", "10.1.0.3") == ""
    world = two_vms(shut=True).rule("n1", sources=(w.cidr("10.1.0.2/32"),))
    assert world.ask("a", "10.1.0.3") == "10.1.0.2"
    assert world.ask("b", "10.1.0.2") == ""


def test_deny_wins_at_the_same_priority_and_loses_behind_a_lower_number() -> None:
    world = two_vms().rule("n1", deny=True, priority=1000, matches=(w.Match("tcp", ((443, 443),)),))
    assert world.ask("a", "10.1.0.3", "tcp", 443) == ""
    assert world.ask("a", "10.1.0.3", "tcp", 80) == "10.1.0.2"
    assert world.rule("n1", priority=1000).ask("a", "10.1.0.3", "tcp", 443) == ""
    assert world.rule("n1", priority=999).ask("a", "10.1.0.3", "tcp", 443) == "10.1.0.2"


def test_a_disabled_rule_is_none() -> None:
    assert two_vms().rule("n1", deny=True, priority=1, disabled=True).ask("a", "10.1.0.3") == "10.1.0.2"


def test_egress() -> None:
    world = two_vms().rule("n1", ingress=False, deny=True, destinations=(w.cidr("10.1.0.3/32"),))
    assert world.ask("a", "10.1.0.3") == ""
    assert world.ask("b", "10.1.0.2") == "10.1.0.3"


def test_source_tags_mean_nodes_and_never_pods() -> None:
    world = Builder("n1", shut=True).subnet("n1", "10.1.0.0/24", "10.32.0.0/20").vm("vm", "n1", "10.1.0.9").cluster()
    world.node("native", "n1", "10.1.0.3", "10.32.3.0/24", native=True).pod("native", "10.32.3.5")
    world.rule("n1", source_tags=frozenset({"nodes"}))
    assert world.ask("native", "10.1.0.9") == "10.1.0.3"
    assert world.ask(POD, "10.1.0.9") == ""


def test_source_tags_do_not_cross_a_peering() -> None:
    world = Builder("n1", "n2", shut=True).subnet("n1", "10.1.0.0/24").subnet("n2", "10.2.0.0/24").peer("n1", "n2")
    world.vm("a", "n1", "10.1.0.2", tags="web").vm("b", "n2", "10.2.0.2")
    assert world.rule("n2", source_tags=frozenset({"web"})).ask("a", "10.2.0.2") == ""


# ---- masquerading


def test_a_destination_that_is_not_kept_sees_the_node() -> None:
    """The second story: the pod's address has no way back through the peering, the node's has."""
    world = peered()
    assert world.ask(POD, "10.2.0.1") == "172.16.3.5 lost"
    kept = (w.cidr("172.16.0.0/16"), w.cidr("10.1.0.0/24"))
    world.world = dataclasses.replace(world.world, clusters=(w.Cluster(CLUSTER, kept),))
    assert world.ask(POD, "10.2.0.1") == "10.1.0.2"
    assert world.ask(POD, "10.1.0.3") == "172.16.3.5"


def test_a_pod_with_the_hosts_network_is_the_node() -> None:
    assert peered().pod("node", "10.1.0.2", "host", host_network=True).ask("c/default/host", "10.2.0.1") == "10.1.0.2"


def test_pods_without_the_node_s_consent() -> None:
    """A source that a VPC-native node does not own is dropped."""
    world = Builder("n1").subnet("n1", "10.1.0.0/24").vm("vm", "n1", "10.1.0.9").cluster()
    world.node("native", "n1", "10.1.0.3", "172.20.0.0/24", native=True).pod("native", "172.20.0.5")
    stripped = [dataclasses.replace(item, aliases=()) for item in world.world.instances]
    world.world = dataclasses.replace(world.world, instances=tuple(stripped))
    assert world.ask(POD, "10.1.0.9") == ""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, None),
        ("resyncInterval: 60s", None),
        ("nonMasqueradeCidr: [10.0.0.0/8]", None),
        ("nonMasqueradeCIDRs: []", ()),
        ("nonMasqueradeCIDRs:\nresyncInterval: 60s", ()),
        ("nonMasqueradeCIDRs: [10.0.0.0/8]", (w.cidr("10.0.0.0/8"),)),
        ('{"nonMasqueradeCIDRs": ["10.0.0.0/8"]}', (w.cidr("10.0.0.0/8"),)),
    ],
)
def test_the_agent_s_list(text: str | None, found: tuple[w.Range, ...] | None) -> None:
    assert reading.configured(text) == found


@pytest.mark.parametrize(
    "cidrs", [["10.1.0.1/16"], ["10.0.0.0/8", "10.1.2.3"], [f"10.{at}.0.0/16" for at in range(65)]]
)
def test_lists_that_the_agent_refuses(cidrs: list[str]) -> None:
    with pytest.raises(ValueError, match=r".*"):
        reading.configured(f"nonMasqueradeCIDRs: {cidrs}".replace("'", ""))


# ---- policies and services


def with_policy(**fields: t.Any) -> Builder:
    world = Builder("n1").subnet("n1", "10.1.0.0/24", "10.32.0.0/20").vm("vm", "n1", "10.1.0.9").cluster(enforced=True)
    world.node("native", "n1", "10.1.0.3", "10.32.3.0/24", native=True).pod("native", "10.32.3.5")
    policy = w.Policy(CLUSTER, "default", "policy", (("app", "a"),), **fields)
    return world.add(policies=[policy])


def test_a_selected_pod_is_isolated_but_from_its_node() -> None:
    world = with_policy(ingress=())
    assert world.ask("vm", "10.32.3.5") == ""
    assert world.ask(POD, "10.1.0.9") == "10.32.3.5"
    assert len(world.all("native", "10.32.3.5")) > 1  # delivered, from whichever address the node has there
    assert "" not in world.all("native", "10.32.3.5")


def test_policies_are_stateful_and_know_exceptions() -> None:
    rule = w.PolicyRule(((w.cidr("10.1.0.0/24"), (w.cidr("10.1.0.9/32"),)),))
    assert with_policy(egress=(rule,)).ask(POD, "10.1.0.9") == ""
    assert with_policy(egress=(rule,)).ask("vm", "10.32.3.5") == "10.1.0.9"
    assert with_policy(egress=(w.PolicyRule(),)).ask(POD, "10.1.0.9") == "10.32.3.5"


def test_a_service_is_reached_from_its_nodes_alone() -> None:
    world = peered().pod("native", "10.32.3.9", "back", app="s")
    service = w.Service(CLUSTER, "default", "svc", w.address("34.118.224.7"), (("app", "s"),), (("tcp", 80, 8080),))
    world.add(services=[service])
    assert world.ask(POD, "34.118.224.7", "tcp", 80) == "172.16.3.5"
    assert world.ask("node", "34.118.224.7", "tcp", 80) == "10.1.0.2"
    assert world.ask(POD, "34.118.224.7", "tcp", 81) == ""
    assert world.ask("vm", "34.118.224.7", "tcp", 80) == ""


# ---- the generator


def test_a_seed_means_one_topology() -> None:
    assert generate(7) == generate(7)
    assert generate(7) != generate(8)


def test_special_use_is_not_private() -> None:
    assert not any(one.overlaps(other) for one in PRIVATE for other in SPECIAL_USE)
