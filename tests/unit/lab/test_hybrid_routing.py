# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the compiled routes of both clouds lead, followed by hand from namespace to namespace."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.lab.podreach_lab.aws import facts as aws
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane import mutants, plan, report
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane.changes import check
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane.questions import (
    BadQuestion,
    Directory,
    End,
    flow_of,
)
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane.reconcile import DataPlane
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane.workloads import Listener, listeners
from ansible_collections.podreach.gke.tests.lab.podreach_lab.kubernetes.facts import ClusterFacts, Idle, Service
from ansible_collections.podreach.gke.tests.lab.podreach_lab.state import Resource
from ansible_collections.podreach.gke.tests.lab.podreach_lab.wan.model import (
    router_key,
    transit_gateway_key,
    virtual_gateway_key,
)
from ansible_collections.podreach.gke.tests.unit.lab.hybrid import (
    CLUSTER,
    LOCAL,
    PROJECT,
    REGION,
    Hybrid,
    amazon,
    card,
    hybrid,
    network_path,
    router_path,
    tunnel_path,
    walk,
)

OSAKA = "asia-northeast2"
R1, VGW = router_key(router_path("r1")), virtual_gateway_key("vgw-1")
NETWORK = f"network {network_path('n1')}"


def vm(name: str = "vm", region: str = REGION) -> str:
    return f"instance {PROJECT}/zones/{region}-a/instances/{name}"


def way(estate: Hybrid, start: str, source: str, to: str) -> list[str]:
    """The way of a packet that arrives."""
    found = estate.compiled()
    check(found.plan)
    passed, why = walk(found, start, source, to)
    assert not why, (passed, why)
    return passed


def end(estate: Hybrid, start: str, source: str, to: str) -> tuple[str, str]:
    """Where a packet ends, and why."""
    passed, why = walk(estate.compiled(), start, source, to)
    return passed[-1], why


def test_there_and_back() -> None:
    estate = hybrid()
    there = way(estate, vm(), "10.1.0.9", "10.0.1.7")
    assert there == [vm(), NETWORK, R1, VGW, "vpc vpc-1", "ec2 i-1"]
    assert way(estate, "ec2 i-1", "10.0.1.7", "10.1.0.9") == there[::-1]


def test_what_is_not_announced_dies_in_the_route_table() -> None:
    """A route to the gateway does not help: it goes nowhere but where BGP said."""
    estate = hybrid(learned=())
    where, why = end(estate, "ec2 i-1", "10.0.1.7", "10.1.0.9")
    assert (where, why) == ("vpc vpc-1", "aws-route: the route table rtb-1 has no route to it")
    routed = aws.RouteTable("rtb-1", "vpc-1", True, (LOCAL, aws.Route("10.1.0.0/16", "vgw", "vgw-1")))
    estate.facts(tables=(routed,))
    where, why = end(estate, "ec2 i-1", "10.0.1.7", "10.1.0.9")
    assert where == VGW and why.endswith("vgw-1 has not learned a route to it")


def test_nothing_is_propagated_where_it_is_not_enabled() -> None:
    estate = hybrid()
    estate.facts(tables=(aws.RouteTable("rtb-1", "vpc-1", True, (LOCAL,)),))
    assert end(estate, "ec2 i-1", "10.0.1.7", "10.1.0.9")[0] == "vpc vpc-1"


@pytest.mark.parametrize(
    ("to", "route", "why"),
    [
        ("10.0.9.9", None, "unassigned-address: no interface has it in 10.0.0.0/16, of vpc-1"),
        (
            "8.8.8.8",
            aws.Route("0.0.0.0/0", "igw", "igw-1"),
            "outside-the-lab: the route 0.0.0.0/0 of the route table rtb-1 leads to igw-1, outside the lab",
        ),
        (
            "10.9.0.1",
            aws.Route("10.9.0.0/16", "interface", "eni-9", blackhole=True),
            "aws-route: the route 10.9.0.0/16 of the route table rtb-1 is a blackhole: eni-9 can't be used",
        ),
        (
            "10.9.0.1",
            aws.Route("10.9.0.0/16", "vgw", "vgw-2"),
            "aws-route: the route 10.9.0.0/16 of the route table rtb-1 is a blackhole: vgw-2 can't be used",
        ),
    ],
)
def test_routes_to_nowhere(to: str, route: aws.Route | None, why: str) -> None:
    estate = hybrid()
    estate.facts(tables=(aws.RouteTable("rtb-1", "vpc-1", True, (LOCAL, route) if route else (LOCAL,)),))
    assert end(estate, "ec2 i-1", "10.0.1.7", to) == ("vpc vpc-1", why)


def test_a_static_route_into_an_interface_is_before_the_local_one() -> None:
    estate = hybrid()
    inspected = aws.RouteTable("rtb-1", "vpc-1", True, (LOCAL, aws.Route("10.0.2.0/24", "interface", "eni-2")))
    plain = aws.RouteTable("rtb-2", "vpc-1", False, (LOCAL,))
    first, second = amazon().subnets
    estate.facts(tables=(inspected, plain), subnets=(first, dataclasses.replace(second, table="rtb-2")))
    passed, _why = walk(estate.compiled(), "ec2 i-1", "10.0.1.7", "10.0.2.7")
    assert passed[:3] == ["ec2 i-1", "vpc vpc-1", "ec2 i-2"]
    assert way(estate, "ec2 i-3", "10.0.2.7", "10.0.1.7") == ["ec2 i-3", "vpc vpc-1", "ec2 i-1"]


def test_an_instance_that_does_not_run_has_no_address() -> None:
    estate = hybrid()
    stopped = tuple(dataclasses.replace(item, runs=item.id != "i-1") for item in amazon().instances)
    estate.facts(instances=stopped)
    assert "ec2 i-1" not in estate.compiled().plan.namespaces
    assert end(estate, "ec2 i-2", "10.0.1.8", "10.0.1.7")[1].startswith("unassigned-address")


def test_several_interfaces() -> None:
    estate = hybrid()
    second = dataclasses.replace(card("4", "subnet-2", "10.0.2.9", "10.0.2.10"), instance="i-1")
    instances = tuple(
        dataclasses.replace(item, interfaces=("eni-1", "eni-4")) if item.id == "i-1" else item
        for item in amazon().instances
    )
    estate.facts(interfaces=(*amazon().interfaces, second), instances=instances)
    for address in ("10.0.1.7", "10.0.2.9", "10.0.2.10"):
        assert way(estate, "ec2 i-2", "10.0.1.8", address)[-1] == "ec2 i-1"
    inside = estate.compiled().plan.namespaces["ec2 i-1"]
    assert {rule.source for rule in inside.rules} == {"10.0.2.9/32", "10.0.2.10/32"}


def test_out_of_a_virtual_private_gateway_only_into_the_vpc() -> None:
    estate = hybrid()
    estate.known.learn("n1", "10.9.0.0/16", "r1")
    estate.known.path(R1, "10.9.0.0/16", tunnel_path("t1"))
    where, why = end(estate, vm(), "10.1.0.9", "10.9.0.1")
    assert where == VGW and "only to the ranges of vpc-1" in why


def test_a_gateway_on_its_own_has_its_tunnels_all_the_same() -> None:
    estate = hybrid()
    estate.facts(virtual_gateways=(aws.VirtualGateway("vgw-1", 64512, ""),))
    found = estate.compiled().plan
    assert len(found.namespaces[VGW].addresses) == 2
    assert not any(plan.End(VGW, "uplink") in (link.a, link.b) for link in found.links)
    assert end(estate, vm(), "10.1.0.9", "10.0.1.7")[0] == VGW


def test_several_tunnels_share() -> None:
    estate = hybrid()
    found = estate.compiled().plan
    route = next(item for item in found.namespaces[R1].routes if item.to == "10.0.0.0/16")
    back = next(item for item in found.namespaces[VGW].routes if item.to == "10.1.0.0/24")
    assert (len(route.hops), len(back.hops)) == (2, 1)
    del estate.known.tunnels[0]
    route = next(item for item in estate.compiled().plan.namespaces[R1].routes if item.to == "10.0.0.0/16")
    assert len(route.hops) == 1
    # The virtual private gateway's only path went with its tunnel.
    assert end(estate, "ec2 i-1", "10.0.1.7", "10.1.0.9") == (
        VGW,
        "no-route: no tunnel of the virtual private gateway vgw-1 leads to 10.1.0.0/24 now",
    )


# ---- Google's side


def two_regions(mode: str) -> Hybrid:
    """n1 has a second region with vm2 (10.2.0.9), which AWS knows too."""
    estate = hybrid(learned=("10.1.0.0/24", "10.2.0.0/24"))
    item = estate.google.state.get(network_path("n1"))
    assert item is not None
    item.body["routingConfig"]["routingMode"] = mode
    body = {"network": estate.google.state.of_kind("compute#subnetwork")[0].body["network"]}
    path = f"{PROJECT}/regions/{OSAKA}/subnetworks/second"
    estate.google.add("compute#subnetwork", path, body | {"ipCidrRange": "10.2.0.0/24"})
    estate.google.vm("vm2", "n1", "10.2.0.9", OSAKA)
    return estate


def test_in_regional_mode_a_learned_route_is_for_its_region(monkeypatch: pytest.MonkeyPatch) -> None:
    estate = two_regions("REGIONAL")
    where, why = end(estate, vm("vm2", OSAKA), "10.2.0.9", "10.0.1.7")
    assert where == NETWORK and why.startswith("no-route")
    # What comes out of the tunnel reaches every region: subnet routes know none.
    assert way(estate, "ec2 i-1", "10.0.1.7", "10.2.0.9")[-1] == vm("vm2", OSAKA)
    monkeypatch.setattr(mutants, "_CHOSEN", "regional-as-global")
    assert way(estate, vm("vm2", OSAKA), "10.2.0.9", "10.0.1.7")[-1] == "ec2 i-1"


def test_in_global_mode_the_own_regions_router_is_before_others() -> None:
    estate = two_regions("GLOBAL")
    assert way(estate, vm("vm2", OSAKA), "10.2.0.9", "10.0.1.7")[2] == R1
    estate.google.router("r2", "n1", "t3", region=OSAKA)
    here = router_key(router_path("r2", OSAKA))
    estate.known.tunnel((here, tunnel_path("t3", OSAKA)), (VGW, "vpn-2/0"))
    estate.known.path(here, "10.0.0.0/16", tunnel_path("t3", OSAKA))
    estate.known.learn("n1", "10.0.0.0/16", "r2", OSAKA)
    assert way(estate, vm("vm2", OSAKA), "10.2.0.9", "10.0.1.7")[2] == here
    assert way(estate, vm(), "10.1.0.9", "10.0.1.7")[2] == R1


def test_routers_of_equal_priority_share() -> None:
    estate = hybrid()
    estate.google.router("r2", "n1", "t3")
    estate.known.learn("n1", "10.0.0.0/16", "r2")
    routes = estate.compiled().plan.namespaces[NETWORK].routes
    assert {len(item.hops) for item in routes if item.to == "10.0.0.0/16"} == {2}


OTHER = {"nextHopGateway": "", "nextHopInstance": f"{PROJECT}/zones/{REGION}-a/instances/other"}


@pytest.mark.parametrize(
    ("priority", "fields", "after"),
    [(100, {}, R1), (1000, {}, R1), (2000, {}, None), (1000, OTHER, vm("other")), (100, OTHER, R1)],
    ids=["learned first", "internet last", "internet's priority", "static before dynamic", "dynamic's priority"],
)
def test_a_learned_default_route(priority: int, fields: dict[str, t.Any], after: str | None) -> None:
    """Against a static one of priority 1000: where the network sends what only a default route leads to."""
    estate = hybrid()
    estate.google.vm("other", "n1", "10.1.0.10")
    gateway = {"nextHopGateway": f"{PROJECT}/global/gateways/default-internet-gateway"}
    estate.google.route("default", "n1", "0.0.0.0/0", **gateway | fields)
    estate.known.dynamic.clear()
    estate.known.learn("n1", "0.0.0.0/0", "r1", priority=priority)
    passed, why = walk(estate.compiled(), vm(), "10.1.0.9", "10.0.1.7")
    assert passed[:2] == [vm(), NETWORK]
    assert passed[2:3] == ([after] if after else []), why


def test_subnet_ranges_decide_before_learned_routes() -> None:
    estate = hybrid()
    estate.known.learn("n1", "10.1.0.128/25", "r1")
    where, why = end(estate, vm(), "10.1.0.9", "10.1.0.200")
    assert where == NETWORK and why.startswith("unassigned-address")


def test_static_routes_for_what_comes_out_of_a_tunnel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Untagged ones are for it, tagged ones are not: a routes-based cluster's pods are reached once AWS knows them."""
    estate = hybrid(learned=("10.1.0.0/24", "10.4.0.0/14"))
    estate.google.node("node", "n1", "10.1.0.2", "10.4.1.0/24", native=False)
    estate.pod("pod", "node", "10.4.1.5")
    assert way(estate, "ec2 i-1", "10.0.1.7", "10.4.1.5")[-2:] == [
        vm("node"),
        f"pod {CLUSTER} default/pod",
    ]
    estate.google.state.of_kind("compute#route")[0].body["tags"] = ["some"]
    where, why = end(estate, "ec2 i-1", "10.0.1.7", "10.4.1.5")
    assert where == NETWORK and why.startswith("no-route")
    monkeypatch.setattr(mutants, "_CHOSEN", "tagged-routes-for-tunnels")
    assert way(estate, "ec2 i-1", "10.0.1.7", "10.4.1.5")[-2] == vm("node")


def test_nothing_goes_from_one_tunnel_into_another() -> None:
    estate = hybrid(learned=("10.1.0.0/24", "10.9.0.0/16"))
    estate.google.router("r2", "n1", "t3")
    estate.known.learn("n1", "10.9.0.0/16", "r2")
    where, why = end(estate, "ec2 i-1", "10.0.1.7", "10.9.0.1")
    assert where == NETWORK and why.startswith("no-route")


def test_a_static_route_into_a_tunnel() -> None:
    estate = hybrid()
    estate.google.route("direct", "n1", "10.0.2.0/24", nextHopVpnTunnel=tunnel_path("t2"))
    assert way(estate, vm(), "10.1.0.9", "10.0.2.7") == [vm(), NETWORK, R1, VGW, "vpc vpc-1", "ec2 i-3"]
    assert len(estate.compiled().plan.links) == len(hybrid().compiled().plan.links) + 1
    del estate.known.tunnels[1]
    where, why = end(estate, vm(), "10.1.0.9", "10.0.2.7")
    assert (where, why) == (NETWORK, "no-route: the next hop of the route direct can't be used")


def test_two_networks_of_google_over_a_tunnel_never_in_a_circle() -> None:
    """Neither end counts as a hop, so nothing may come back the way it went."""
    estate = hybrid()
    estate.google.network("n2", asia_northeast1="10.3.0.0/24")
    estate.google.vm("far", "n2", "10.3.0.9")
    estate.google.router("r2", "n2", "u1")
    here, there = R1, router_key(router_path("r2"))
    estate.google.state.add(Resource("compute#vpnTunnel", tunnel_path("t3"), {"router": router_path("r1")}))
    estate.known.tunnel((here, tunnel_path("t3")), (there, tunnel_path("u1")))
    estate.known.path(here, "10.3.0.0/24", tunnel_path("t3"))
    estate.known.learn("n1", "10.3.0.0/24", "r1")
    assert way(estate, vm(), "10.1.0.9", "10.3.0.9") == [
        vm(),
        NETWORK,
        here,
        there,
        f"network {network_path('n2')}",
        vm("far"),
    ]
    estate.google.route("one", "n1", "10.50.0.0/16", nextHopVpnTunnel=tunnel_path("t3"))
    estate.google.route("other", "n2", "10.50.0.0/16", nextHopVpnTunnel=tunnel_path("u1"))
    where, why = end(estate, vm(), "10.1.0.9", "10.50.0.1")
    assert where == f"network {network_path('n2')}" and why.startswith("no-route")


# ---- peered networks


def peered(exported: bool) -> Hybrid:
    """n2 with far (10.3.0.9) peers with n1, whose custom routes it may import; AWS knows both."""
    estate = hybrid(learned=("10.1.0.0/24", "10.3.0.0/24"))
    estate.google.network("n2", asia_northeast1="10.3.0.0/24", asia_northeast2="10.3.1.0/24")
    estate.google.vm("far", "n2", "10.3.0.9")
    estate.google.vm("farther", "n2", "10.3.1.9", OSAKA)
    estate.google.peer("n1", "n2", exported)
    return estate


def test_a_peer_uses_learned_routes_that_it_imports() -> None:
    estate = peered(True)
    there = way(estate, vm("far"), "10.3.0.9", "10.0.1.7")
    peer = f"network {network_path('n2')}"
    assert there == [vm("far"), peer, NETWORK, R1, VGW, "vpc vpc-1", "ec2 i-1"]
    assert way(estate, "ec2 i-1", "10.0.1.7", "10.3.0.9") == there[::-1]
    # The exporting network's mode decides for which regions: REGIONAL.
    where, why = end(estate, vm("farther", OSAKA), "10.3.1.9", "10.0.1.7")
    assert where == peer and why.startswith("no-route")
    item = estate.google.state.get(network_path("n1"))
    assert item is not None
    item.body["routingConfig"]["routingMode"] = "GLOBAL"
    assert way(estate, vm("farther", OSAKA), "10.3.1.9", "10.0.1.7")[-1] == "ec2 i-1"


def test_without_export_a_peer_has_no_way_out_of_the_hub() -> None:
    estate = peered(False)
    where, why = end(estate, vm("far"), "10.3.0.9", "10.0.1.7")
    assert where == f"network {network_path('n2')}" and why.startswith("no-route")
    # In the other direction subnet routes lead there all the same.
    assert way(estate, "ec2 i-1", "10.0.1.7", "10.3.0.9")[-1] == vm("far")


def test_what_comes_out_of_a_tunnel_uses_imported_static_routes_but_no_learned_ones() -> None:
    """The hub imports from n2: its routes-based node's pods are reached, what its own Cloud Router learned is not."""
    estate = peered(False)
    for name in ("n1", "n2"):
        item = estate.google.state.get(network_path(name))
        assert item is not None
        item.body["peerings"][0]["exportCustomRoutes"] = name == "n2"
    estate.known.path(VGW, "10.4.0.0/16", "vpn-1/0")
    estate.google.node("node", "n2", "10.3.0.2", "10.4.1.0/24", native=False)
    estate.pod("pod", "node", "10.4.1.5")
    assert way(estate, "ec2 i-1", "10.0.1.7", "10.4.1.5")[-2:] == [vm("node"), f"pod {CLUSTER} default/pod"]
    estate.google.router("r2", "n2", "u1")
    estate.known.learn("n2", "10.4.2.0/24", "r2")
    where, why = end(estate, "ec2 i-1", "10.0.1.7", "10.4.2.5")
    assert where == NETWORK and why.startswith("no-route")
    assert end(estate, vm(), "10.1.0.9", "10.4.2.5")[0] == router_key(router_path("r2"))


# ---- transit gateways

TGW = transit_gateway_key("tgw-1")


def transit(static: tuple[tuple[str, str], ...] = (), **more: t.Any) -> Hybrid:
    """tgw-1 instead of vgw-1: vpc-1 is attached by subnet-1 only; the VPN connection vpn-1 has two tunnels."""
    estate = hybrid()
    table = aws.TransitRouteTable("tgw-rtb-1", "tgw-1", static, ("att-vpc", "att-vpn"))
    routed = aws.RouteTable("rtb-1", "vpc-1", True, (LOCAL, aws.Route("10.0.0.0/8", "tgw", "tgw-1")))
    fields = {
        "virtual_gateways": (),
        "transit_gateways": (aws.TransitGateway("tgw-1", 64512, True),),
        "attachments": (
            aws.Attachment("att-vpc", "tgw-1", "vpc", "vpc-1", ("subnet-1",), "tgw-rtb-1"),
            aws.Attachment("att-vpn", "tgw-1", "vpn", "vpn-1", (), "tgw-rtb-1"),
        ),
        "transit_tables": (table,),
        "tables": (routed,),
    }
    estate.google.state.learn_aws(amazon(**fields | more))
    estate.known.tunnels.clear()
    estate.known.paths.pop(VGW)
    for number, tunnel in enumerate(("t1", "t2")):
        estate.known.tunnel((R1, tunnel_path(tunnel)), (TGW, f"vpn-1/{number}"))
    estate.known.path(TGW, "10.1.0.0/24", "vpn-1/0", "vpn-1/1")
    return estate


def test_by_a_transit_gateway() -> None:
    estate = transit()
    there = way(estate, vm(), "10.1.0.9", "10.0.1.7")
    assert there == [vm(), NETWORK, R1, TGW, "vpc vpc-1", "ec2 i-1"]
    assert way(estate, "ec2 i-1", "10.0.1.7", "10.1.0.9") == there[::-1]
    route = next(item for item in estate.compiled().plan.namespaces[TGW].routes if item.to == "10.1.0.0/24")
    assert len(route.hops) == 2


def test_a_zone_without_attachment_can_not_answer() -> None:
    estate = transit()
    assert way(estate, vm(), "10.1.0.9", "10.0.2.7")[-1] == "ec2 i-3"
    assert end(estate, "ec2 i-3", "10.0.2.7", "10.1.0.9") == (
        "vpc vpc-1",
        "tgw-no-attachment-in-az: tgw-1 has no attachment in the zone ap-northeast-1c",
    )


def test_the_associated_transit_route_table_decides() -> None:
    estate = transit()
    where, why = end(estate, "ec2 i-1", "10.0.1.7", "10.7.0.1")
    assert (where, why) == (TGW, "tgw-route: the transit gateway route table tgw-rtb-1 has no route to it")
    estate = transit(static=(("10.1.0.0/24", ""),))
    where, why = end(estate, "ec2 i-1", "10.0.1.7", "10.1.0.9")
    assert (where, why) == (TGW, "tgw-route: 10.1.0.0/24 is a blackhole in the transit gateway route table tgw-rtb-1")
    estate = transit(static=(("10.7.0.0/16", "att-vpn"),))
    estate.known.path(TGW, "10.7.0.0/16", "vpn-1/0")
    assert end(estate, "ec2 i-1", "10.0.1.7", "10.7.0.1")[0] == NETWORK
    estate = transit(transit_tables=(aws.TransitRouteTable("tgw-rtb-1", "tgw-1", (), ("att-vpn",)),))
    assert end(estate, vm(), "10.1.0.9", "10.0.1.7")[0] == TGW
    alone = aws.Attachment("att-vpn", "tgw-1", "vpn", "vpn-1", (), "")
    estate = transit(attachments=(transit().google.state.aws.attachments[0], alone))
    where, why = end(estate, vm(), "10.1.0.9", "10.0.1.7")
    assert (where, why) == (TGW, "tgw-route: the attachment att-vpn is associated with no route table of tgw-1")


def test_the_vpc_needs_a_route_to_the_transit_gateway() -> None:
    estate = transit(tables=(aws.RouteTable("rtb-1", "vpc-1", True, (LOCAL,)),))
    assert end(estate, "ec2 i-1", "10.0.1.7", "10.1.0.9") == (
        "vpc vpc-1",
        "aws-route: the route table rtb-1 has no route to it",
    )


def test_two_vpcs_meet_at_a_transit_gateway() -> None:
    there = aws.Vpc("vpc-2", "123456789012", "ap-northeast-1", ("10.6.0.0/16",))
    local = aws.Route("10.6.0.0/16", "local", "local")
    zone = "ap-northeast-1a"
    interface = aws.Interface("eni-9", "vpc-2", "subnet-9", ("10.6.0.7",), (), True, "i-9")
    first = transit().google.state.aws
    estate = transit(
        vpcs=(*first.vpcs, there),
        subnets=(*first.subnets, aws.Subnet("subnet-9", "vpc-2", "10.6.0.0/24", zone, "rtb-9", "")),
        interfaces=(*first.interfaces, interface),
        instances=(*first.instances, aws.Instance("i-9", "", True, ("eni-9",))),
        tables=(
            *first.tables,
            aws.RouteTable("rtb-9", "vpc-2", True, (local, aws.Route("0.0.0.0/0", "tgw", "tgw-1"))),
        ),
        attachments=(
            *first.attachments,
            aws.Attachment("att-9", "tgw-1", "vpc", "vpc-2", ("subnet-9",), "tgw-rtb-1"),
        ),
        transit_tables=(aws.TransitRouteTable("tgw-rtb-1", "tgw-1", (), ("att-vpc", "att-9", "att-vpn")),),
    )
    found = way(estate, "ec2 i-1", "10.0.1.7", "10.6.0.7")
    assert found == ["ec2 i-1", "vpc vpc-1", TGW, "vpc vpc-2", "ec2 i-9"]
    assert way(estate, "ec2 i-9", "10.6.0.7", "10.1.0.9")[-1] == vm()


# ---- what users call things


def test_names_of_ec2_and_of_gateways() -> None:
    estate = hybrid()
    plane = DataPlane(estate.google.state)
    plane.compiled = estate.compiled()
    directory = Directory(plane)
    assert directory.find("ec2-1") == directory.find("i-1") == End("ec2 ec2-1", "ec2 i-1", "10.0.1.7")
    assert directory.address("ec2-3") == "10.0.2.7"
    assert directory.title("ec2 i-1") == "ec2 ec2-1"
    assert directory.title(R1) == f"router p/{REGION}/r1"
    assert (directory.title(VGW), directory.title("vpc vpc-1")) == (VGW, "vpc vpc-1")
    assert Listener("ec2 i-1", "10.0.1.7", 80) in set(listeners(plane.compiled, {}))


def known() -> Directory:
    """vm, a pod on it, one that waits, and two Services of one name."""
    estate = hybrid()
    estate.pod("runs", "vm", "10.32.0.5")
    [pod] = estate.pods
    one = Service("default", "web", "10.40.0.1", ())
    services = (one, dataclasses.replace(one, namespace="other", cluster_ip="10.40.0.2"))
    plane = DataPlane(estate.google.state)
    plane.compiled = estate.compiled()
    host = dataclasses.replace(pod, name="host", address="10.1.0.9", host_network=True)
    idle = (Idle("default", "stuck", "Pending", "no node matches"),)
    plane.facts = {CLUSTER: ClusterFacts(CLUSTER, (pod, host), services, idle=idle)}
    return Directory(plane)


def test_addresses_as_names() -> None:
    directory = known()
    assert directory.find("10.32.0.5") == directory.find("runs")
    assert directory.find("10.0.1.7") == directory.find("i-1")
    assert directory.find("10.1.0.9").name == "vm vm"  # and not the pod that uses its network
    assert directory.address("10.9.9.9") == "10.9.9.9"
    for ask in (directory.find, directory.address):
        with pytest.raises(BadQuestion, match="'10.1.0.900' is neither the name nor the address of an instance or pod"):
            ask("10.1.0.900")


def test_services_and_pods_that_wait() -> None:
    directory = known()
    short = CLUSTER.rpartition("/")[2]
    assert directory.address("svc/other/web") == "10.40.0.2"
    with pytest.raises(BadQuestion, match=f"name of 2 Services; say one of svc/{short}/default/web, svc/"):
        directory.address("svc/web")
    with pytest.raises(BadQuestion, match=f"There is no Service 'shop'. There are: svc/{short}/default/web, "):
        directory.address("svc/shop")
    for name in ("stuck", "default/stuck", f"{short}/default/stuck"):
        with pytest.raises(BadQuestion, match="stuck exists but does not run: it is Pending: no node matches"):
            directory.find(name)


@pytest.mark.parametrize(
    ("flow", "why"),
    [
        ({"protocol": "tcp", "port": 70000}, "^port must be between 0 and 65535, not 70000$"),
        ({"length": -1}, "^length must be between"),
        ({"port": 80}, "icmp has no ports"),
        ({"protocol": "tcp"}, "a tcp flow needs a port"),
    ],
)
def test_flows_that_make_no_sense(flow: dict[str, t.Any], why: str) -> None:
    with pytest.raises(BadQuestion, match=why):
        flow_of(known(), {"from": "vm", "to": "i-1", **flow})


def test_a_refusal_shows_that_packets_pass() -> None:
    passed: dict[str, t.Any] = {
        "hops": [],
        "died": None,
        "port_seen": None,
        "received_by": "a",
        "destination_seen": "b",
        "source_seen": "c",
    }
    answer = {"verdict": "reachable", "request": passed, "reply": passed, "answer": "rst"}
    question = {"from": "vm", "to": "i-1", "protocol": "tcp", "port": 81}
    assert next(report.lines(question, answer)) == "vm -> i-1, tcp 81: reachable, refused (rst)"
    assert next(report.lines(question, answer | {"answer": "syn-ack"})) == "vm -> i-1, tcp 81: reachable"


def test_instances_of_one_name_are_told_apart_by_their_ids() -> None:
    estate = hybrid()
    instances = tuple(dataclasses.replace(item, name="twin") for item in estate.google.state.aws.instances)
    estate.facts(instances=instances)
    plane = DataPlane(estate.google.state)
    plane.compiled = estate.compiled()
    with pytest.raises(BadQuestion, match="3 workloads; say one of i-1, i-2, i-3"):
        Directory(plane).find("twin")
