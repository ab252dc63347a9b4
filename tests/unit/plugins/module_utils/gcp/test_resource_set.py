# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several resources as one: all errors at once, then in the order in which they need each other."""

from __future__ import annotations

import tempfile
import typing as t
from pathlib import Path

import pytest

from ansible_collections.podreach.gke.plugins.module_utils.errors import Several
from ansible_collections.podreach.gke.plugins.module_utils.gcp.resource_set import DEFINITION, KINDS
from ansible_collections.podreach.gke.tests.unit.plugins.module_utils.gcp.wire import (
    Expected,
    Wire,
    absent,
    container_operation,
    google_error,
    operation,
)

Json = dict[str, t.Any]

N = "projects/p/global/networks/n"
S = "projects/p/regions/r1/subnetworks/s"
R = "projects/p/regions/r1/routers/r"
F = "projects/p/global/firewalls/f"
C = "projects/p/locations/r1/clusters/c"
P = f"{C}/nodePools/extra"
DEFAULT_POOL_PATH = f"{C}/nodePools/default-pool"
URL = "https://www.googleapis.com/compute/v1/"
MARK = "[podreach.gke]"
LABEL = {"managed-by": "podreach-gke"}
ROUTERS = Expected("GET", "projects/p/aggregated/routers", {})
SUBNETWORKS = Expected("GET", "projects/p/aggregated/subnetworks", {})
USABLE = Expected("GET", "projects/p/aggregated/usableSubnetworks", {})

NETWORK: Json = {"name": "n", "description": MARK, "autoCreateSubnetworks": False}
SUBNETWORK: Json = {
    "name": "s",
    "description": MARK,
    "network": URL + N,
    "region": f"{URL}projects/p/regions/r1",
    "ipCidrRange": "10.1.0.0/24",
    "secondaryIpRanges": [
        {"rangeName": "pods", "ipCidrRange": "10.2.0.0/16"},
        {"rangeName": "svc", "ipCidrRange": "10.3.0.0/20"},
    ],
    "fingerprint": "f1",
}
ROUTER: Json = {"name": "r", "description": MARK, "network": URL + N, "bgp": {"asn": 65010}}
RULE: Json = {
    "name": "f",
    "description": MARK,
    "network": URL + N,
    "allowed": [{"IPProtocol": "icmp"}],
    "sourceRanges": ["10.0.0.0/8"],
}
POOL: Json = {"name": "extra", "status": "RUNNING", "config": {"resourceLabels": LABEL}, "initialNodeCount": 1}
CLUSTER: Json = {
    "name": "c",
    "status": "RUNNING",
    "resourceLabels": LABEL,
    "network": "n",
    "subnetwork": "s",
    "location": "r1",
    "ipAllocationPolicy": {
        "useIpAliases": True,
        "clusterSecondaryRangeName": "pods",
        "servicesSecondaryRangeName": "svc",
        "clusterIpv4CidrBlock": "10.2.0.0/16",
    },
    "nodePools": [{"name": "default-pool", "initialNodeCount": 1}],
}

WANTED: Json = {
    "defaults": {"region": "r1", "location": "r1", "network": "n", "subnetwork": "s", "cluster": "c"},
    "networks": [{"name": "n"}],
    "subnetworks": [
        {
            "name": "s",
            "ip_cidr_range": "10.1.0.0/24",
            "secondary_ip_ranges": [
                {"range_name": "pods", "ip_cidr_range": "10.2.0.0/16"},
                {"range_name": "svc", "ip_cidr_range": "10.3.0.0/20"},
            ],
        }
    ],
    "routers": [{"name": "r", "bgp": {"asn": 65010}}],
    "firewall_rules": [{"name": "f", "allowed": [{"ip_protocol": "icmp"}], "source_ranges": ["10.0.0.0/8"]}],
    "clusters": [
        {
            "name": "c",
            "ip_allocation_policy": {
                "cluster_secondary_range_name": "pods",
                "services_secondary_range_name": "svc",
            },
            "node_pools": [{"name": "default-pool"}],
            "deletion_protection": False,
        }
    ],
    "node_pools": [{"name": "default-pool"}, {"name": "extra"}],
}
ALL = {N: NETWORK, S: SUBNETWORK, R: ROUTER, F: RULE, C: CLUSTER, P: POOL}


@pytest.fixture(autouse=True)
def _locks_of_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def made(method: str, path: str, now: Json | None) -> list[Expected]:
    """A change and the read that verifies it."""
    reply = container_operation() if "/locations/" in path else operation()
    target = path.rsplit("/", 1)[0] if method == "POST" else path
    return [Expected(method, target, reply), Expected("GET", path, now) if now else absent(path)]


def test_everything_is_made_in_the_order_in_which_it_is_needed() -> None:
    wire = Wire(
        # plan: the subnetwork's network and the cluster's network and subnetwork are about to come
        absent(N),
        *(absent(S), SUBNETWORKS, ROUTERS),
        absent(R),
        absent(F),
        *(absent(C), USABLE),
        *(absent(DEFAULT_POOL_PATH), absent(P)),
        # apply
        *made("POST", N, NETWORK),
        *made("POST", S, SUBNETWORK),
        *(absent(R), Expected("GET", N, NETWORK), *made("POST", R, ROUTER)),
        *made("POST", F, RULE),
        *made("POST", C, CLUSTER),
        *made("POST", P, POOL),
    )
    result = wire.run(DEFINITION, WANTED)
    assert result["changed"]
    assert [(item["kind"], item["name"], item["changed"]) for item in result["resources"]] == [
        ("network", "n", True),
        ("subnetwork", "s", True),
        ("router", "r", True),
        ("firewall_rule", "f", True),
        ("cluster", "c", True),
        ("node_pool", "default-pool", False),
        ("node_pool", "extra", True),
    ]
    assert [step["action"] for step in result["plan"]] == ["create"] * 6
    assert result["plan"][0]["resource"] == f"network {N}"
    assert len(result["diff"]) == 6


def reads() -> list[Expected]:
    default_pool = Expected("GET", DEFAULT_POOL_PATH, {**POOL, "name": "default-pool"})
    return [
        *(Expected("GET", path, dict(now)) for path, now in ALL.items() if path != P),
        default_pool,
        Expected("GET", P, POOL),
    ]


def test_a_second_run_is_one_read_each() -> None:
    result = Wire(*reads()).run(DEFINITION, WANTED)
    assert not result["changed"]
    assert result["plan"] == result["diff"] == []


def test_check_mode_only_reads() -> None:
    wire = Wire(
        absent(N),
        *(absent(S), SUBNETWORKS, ROUTERS),
        absent(R),
        absent(F),
        *(absent(C), USABLE),
        *(absent(DEFAULT_POOL_PATH), absent(P)),
    )
    warnings: list[str] = []
    assert len(wire.run(DEFINITION, WANTED, check_mode=True, warnings=warnings)["plan"]) == 6
    assert warnings == []


NO_TUNNELS = Expected("GET", "projects/p/aggregated/vpnTunnels", {"items": {}})


def test_everything_is_deleted_in_the_opposite_order() -> None:
    wire = Wire(
        *(Expected("GET", path, ALL.get(path, POOL)) for path in (P, DEFAULT_POOL_PATH, C, F, R)),
        *(NO_TUNNELS, Expected("GET", S, ALL[S])),
        Expected("GET", N, {**NETWORK, "subnetworks": [URL + S]}),
        Expected("GET", "projects/p/locations/-/clusters", {"clusters": [CLUSTER]}),
        *made("DELETE", P, None),
        *made("DELETE", DEFAULT_POOL_PATH, None),
        *made("DELETE", C, None),
        *made("DELETE", F, None),
        *(Expected("GET", R, ROUTER), NO_TUNNELS, *made("DELETE", R, None)),
        *made("DELETE", S, None),
        *made("DELETE", N, None),
    )
    result = wire.run(DEFINITION, {**WANTED, "state": "absent"})
    assert [step["action"] for step in result["plan"]] == ["delete"] * 7


def test_deleting_what_is_not_there() -> None:
    wire = Wire(*(absent(path) for path in (P, DEFAULT_POOL_PATH, C, F, R, S, N)))
    assert not wire.run(DEFINITION, {**WANTED, "state": "absent"})["changed"]


# -- all errors at once


def test_every_option_that_is_wrong_is_named_before_any_request() -> None:
    params = {
        "networks": [{"name": "N"}, {"nam": "n"}],
        "subnetworks": [{"name": "s"}, {"name": "t", "region": "r1", "ip_cidr_range": "10.0.0.1/8"}],
        "clusters": [{"name": "c", "location": "r1", "autopilot": {}}],
    }
    error = Wire().fails(DEFINITION, params)
    assert isinstance(error, Several)
    message = str(error)
    assert "network N: name: 'N'" in message
    assert "networks[1] (no name)" in message
    assert "subnetworks[0] (s): missing required arguments: region" in message
    assert "10.0.0.1/8" in message
    assert "clusters[0] (c)" in message
    assert "autopilot" in message


def test_every_refusal_is_named_before_anything_is_sent() -> None:
    params = {
        "networks": [{"name": "n", "mtu": 1500}, {"name": "new"}],
        "subnetworks": [
            {"name": "s", "region": "r1", "ip_cidr_range": "10.1.0.0/25"},
            {"name": "t", "region": "r1", "network": "n"},
        ],
        "routers": [{"name": "r", "region": "r1", "bgp": {"asn": 65010, "keepalive_interval": 30}}],
    }
    wire = Wire(
        Expected("GET", N, NETWORK),
        absent("projects/p/global/networks/new"),
        Expected("GET", S, SUBNETWORK),
        absent("projects/p/regions/r1/subnetworks/t"),
        Expected("GET", R, ROUTER),
        ROUTERS,
    )
    error = wire.fails(DEFINITION, params)
    assert isinstance(error, Several)
    assert [type(one).__name__ for one in error.errors] == ["Refused", "Refused", "InvalidInput", "Refused"]
    assert not error.changed


def test_what_was_done_before_an_error_counts_as_changed() -> None:
    wire = Wire(
        absent(N),
        absent(F),
        *made("POST", N, NETWORK),
        Expected("POST", "projects/p/global/firewalls", google_error(403, "quotaExceeded"), status=403),
    )
    error = wire.fails(DEFINITION, {key: WANTED[key] for key in ("defaults", "networks", "firewall_rules")})
    assert error.changed
    assert error.resource == f"firewall_rule {F}"


# -- what one item needs of another


def cluster_with(*names: str) -> Json:
    policy = dict(zip(("cluster_secondary_range_name", "services_secondary_range_name"), names, strict=True))
    return {**WANTED, "clusters": [{**WANTED["clusters"][0], "ip_allocation_policy": policy}], "node_pools": []}


def test_a_range_that_no_subnetwork_will_have_is_refused_before_the_first_call() -> None:
    wire = Wire(
        absent(N),
        *(absent(S), SUBNETWORKS, ROUTERS),
        absent(R),
        absent(F),
        absent(C),
    )
    error = wire.fails(DEFINITION, cluster_with("podz", "svc"))
    assert error.code == "missing-prerequisite"
    assert "subnetwork s has no secondary range podz (it has pods, svc)" in str(error)


def test_a_range_that_an_existing_subnetwork_is_about_to_get_will_do() -> None:
    before = {**SUBNETWORK, "secondaryIpRanges": SUBNETWORK["secondaryIpRanges"][1:]}
    params = {key: WANTED[key] for key in ("defaults", "subnetworks", "clusters")}
    wire = Wire(
        *(Expected("GET", S, before), Expected("GET", N, NETWORK), SUBNETWORKS, ROUTERS),
        *(absent(C), Expected("GET", N, NETWORK), Expected("GET", S, before)),
        USABLE,
        Expected("PATCH", S, operation()),
        Expected("GET", S, SUBNETWORK),
        *made("POST", C, CLUSTER),
    )
    assert wire.run(DEFINITION, params)["changed"]


@pytest.mark.parametrize("network_exists", [True, False])
def test_two_new_subnetworks_that_overlap_are_refused(network_exists: bool) -> None:
    paths = [f"projects/p/regions/r1/subnetworks/{name}" for name in "ab"]
    seen = [Expected("GET", N, NETWORK), SUBNETWORKS] if network_exists else [SUBNETWORKS]
    wire = Wire(*([] if network_exists else [absent(N)]), absent(paths[0]), *seen, ROUTERS, absent(paths[1]), *seen)
    params = {
        "defaults": {"region": "r1", "network": "n"},
        "networks": [] if network_exists else [{"name": "n"}],
        "subnetworks": [{"name": "a", "ip_cidr_range": "10.0.0.0/16"}, {"name": "b", "ip_cidr_range": "10.0.1.0/24"}],
    }
    error = wire.fails(DEFINITION, params)
    assert error.code == "range-overlap"
    assert "10.0.1.0/24 overlaps 10.0.0.0/16 of subnetwork a in r1" in str(error)


def test_a_network_with_a_cluster_that_stays_keeps_all_that_is_in_it() -> None:
    wire = Wire(
        *(Expected("GET", F, ALL[F]), Expected("GET", R, ALL[R]), NO_TUNNELS, Expected("GET", S, ALL[S])),
        Expected("GET", N, {**NETWORK, "subnetworks": [URL + S]}),
        Expected("GET", "projects/p/locations/-/clusters", {"clusters": [CLUSTER, {**CLUSTER, "network": "other"}]}),
    )
    params = {key: WANTED[key] for key in ("defaults", "networks", "subnetworks", "routers", "firewall_rules")}
    error = wire.fails(DEFINITION, {**params, "state": "absent", "unmarked": "keep"})
    assert error.code == "in-use"
    assert f"clusters still live in it: {C}. Delete these first." in str(error)


def test_what_goes_makes_room_for_what_comes() -> None:
    new = "projects/p/regions/r1/subnetworks/new"
    listed = Expected(
        "GET", "projects/p/aggregated/subnetworks", {"items": {"regions/r1": {"subnetworks": [SUBNETWORK]}}}
    )
    params = {
        "defaults": {"region": "r1", "network": "n"},
        "subnetworks": [{"name": "new", "ip_cidr_range": "10.1.0.0/16"}, {"name": "s", "state": "absent"}],
    }
    wire = Wire(
        Expected("GET", S, SUBNETWORK),
        *(absent(new), Expected("GET", N, NETWORK), listed, ROUTERS),
        *made("DELETE", S, None),
        *made("POST", new, {**SUBNETWORK, "name": "new", "ipCidrRange": "10.1.0.0/16"}),
    )
    assert [step["action"] for step in wire.run(DEFINITION, params)["plan"]] == ["delete", "create"]


# -- what is not ours


def test_unmarked_things_are_not_deleted_and_nothing_else_is_either() -> None:
    foreign = {**RULE, "description": "by hand"}
    params = {**{key: WANTED[key] for key in ("defaults", "networks", "firewall_rules")}, "state": "absent"}
    wire = Wire(Expected("GET", F, foreign), Expected("GET", N, NETWORK))
    assert wire.fails(DEFINITION, params).code == "not-ours"


def test_unmarked_things_can_be_left_alone() -> None:
    foreign, warnings = {**RULE, "description": "by hand"}, list[str]()
    params = {**{key: WANTED[key] for key in ("defaults", "networks", "firewall_rules")}, "state": "absent"}
    wire = Wire(Expected("GET", F, foreign), Expected("GET", N, NETWORK), *made("DELETE", N, None))
    result = wire.run(DEFINITION, {**params, "unmarked": "keep"}, warnings=warnings)
    assert [step["summary"] for step in result["plan"]] == ["delete network n"]
    assert len(warnings) == 1
    assert "Left alone" in warnings[0]


@pytest.mark.parametrize("unmarked", ["keep", "refuse"])
def test_a_network_that_holds_somebody_elses_subnetwork_stays(unmarked: str) -> None:
    foreign = f"{URL}projects/p/regions/r1/subnetworks/foreign"
    params = {**{key: WANTED[key] for key in ("defaults", "networks", "subnetworks")}, "state": "absent"}
    plan = [Expected("GET", S, SUBNETWORK), Expected("GET", N, {**NETWORK, "subnetworks": [URL + S, foreign]})]
    if unmarked == "refuse":
        error = Wire(*plan).fails(DEFINITION, params)
        assert error.code == "holds-others"
        assert str(error).count("subnetworks/") == 1
    else:
        warnings: list[str] = []
        wire = Wire(*plan, *made("DELETE", S, None))
        assert wire.run(DEFINITION, {**params, "unmarked": "keep"}, warnings=warnings)["changed"]
        assert "foreign" in warnings[0]


def test_a_kept_subnetwork_keeps_its_network() -> None:
    params = {**{key: WANTED[key] for key in ("defaults", "networks", "subnetworks")}, "state": "absent"}
    wire = Wire(
        Expected("GET", S, {**SUBNETWORK, "description": ""}), Expected("GET", N, {**NETWORK, "subnetworks": [URL + S]})
    )
    result = wire.run(DEFINITION, {**params, "unmarked": "keep"})
    assert not result["changed"]


def test_a_protected_cluster_is_refused_even_where_unmarked_ones_are_kept() -> None:
    params = {"clusters": [{"name": "c", "location": "r1"}], "state": "absent", "unmarked": "keep"}
    assert Wire(Expected("GET", C, CLUSTER)).fails(DEFINITION, params).code == "deletion-protected"


# -- what an item says for itself


def test_an_item_may_go_while_others_come() -> None:
    params = {"networks": [{"name": "n"}], "firewall_rules": [{"name": "f", "state": "absent"}]}
    wire = Wire(Expected("GET", F, RULE), absent(N), *made("DELETE", F, None), *made("POST", N, NETWORK))
    assert [step["action"] for step in wire.run(DEFINITION, params)["plan"]] == ["delete", "create"]


def test_no_item_stays_where_the_set_goes() -> None:
    params = {"state": "absent", "networks": [{"name": "n", "state": "present"}]}
    assert Wire(Expected("GET", N, NETWORK), *made("DELETE", N, None)).run(DEFINITION, params)["changed"]


def test_an_item_may_live_in_another_project() -> None:
    path = "projects/q/global/networks/n"
    params = {"networks": [{"name": "n", "project": "q"}], "projects": ["p"]}
    error = Wire(absent(path)).fails(DEFINITION, params)
    assert error.code == "project-not-listed"
    wire = Wire(absent(path), *made("POST", path, NETWORK))
    assert wire.run(DEFINITION, {**params, "projects": ["p", "q"]})["changed"]


def test_a_default_is_for_items_that_have_the_option_and_do_not_say_it() -> None:
    params = {
        "defaults": {"region": "r1", "network": "n", "nonsense": 1, "bgp": {"asn": 65010}},
        "subnetworks": [{"name": "s"}, {"name": "s", "region": "r2"}],
        "networks": [{"name": "n"}],
    }
    wire = Wire(
        Expected("GET", N, NETWORK),
        Expected("GET", S, SUBNETWORK),
        Expected("GET", "projects/p/regions/r2/subnetworks/s", SUBNETWORK),
    )
    assert not wire.run(DEFINITION, params)["changed"]


def test_one_cluster_of_several_may_be_replaced() -> None:
    d = "projects/p/locations/r1/clusters/d"
    params = {
        "clusters": [
            {"name": name, "location": "r1", "ip_allocation_policy": {"use_routes": True}, "deletion_protection": False}
            for name in "cd"
        ],
        "confirm_replace": "d",
    }
    wire = Wire(Expected("GET", C, CLUSTER), Expected("GET", d, {**CLUSTER, "name": "d"}))
    error = wire.fails(DEFINITION, params)
    assert error.code == "replace-not-confirmed"
    assert f"cluster {C}" in str(error)


def test_every_kind_has_the_options_of_its_own_module() -> None:
    assert {option: resource.kind for option, (resource, _spec) in KINDS.items()} == {
        "networks": "network",
        "subnetworks": "subnetwork",
        "routers": "router",
        "vpn_gateways": "vpn_gateway",
        "external_vpn_gateways": "external_vpn_gateway",
        "vpn_tunnels": "vpn_tunnel",
        "addresses": "address",
        "firewall_rules": "firewall_rule",
        "clusters": "cluster",
        "node_pools": "node_pool",
    }
