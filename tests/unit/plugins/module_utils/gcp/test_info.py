# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules that read what exists, over a scripted wire: what each asks, and what it makes of pages and warnings."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.podreach.gke.plugins.module_utils.errors import InvalidInput, PodreachError
from ansible_collections.podreach.gke.plugins.module_utils.gcp import info
from ansible_collections.podreach.gke.tests.unit.plugins.module_utils.gcp.wire import (
    Expected,
    Wire,
    absent,
    google_error,
)

Json = dict[str, t.Any]
BASE = "https://www.googleapis.com/compute/v1/"
PARTIAL = {"returnPartialSuccess": "true"}
NOTHING: Json = {"warning": {"code": "NO_RESULTS_ON_PAGE", "message": "No results for the scope."}}

#: kind -> where all are listed, where those of one place are
PATHS: dict[str, tuple[str, str]] = {
    "address": ("projects/p/aggregated/addresses", "projects/p/regions/r1/addresses"),
    "backend_service": ("projects/p/aggregated/backendServices", "projects/p/regions/r1/backendServices"),
    "cluster": ("projects/p/locations/-/clusters", "projects/p/locations/r1/clusters"),
    "external_vpn_gateway": ("projects/p/global/externalVpnGateways", ""),
    "firewall_rule": ("projects/p/global/firewalls", ""),
    "instance": ("projects/p/aggregated/instances", "projects/p/zones/r1/instances"),
    "instance_template": ("projects/p/global/instanceTemplates", ""),
    "forwarding_rule": ("projects/p/aggregated/forwardingRules", "projects/p/regions/r1/forwardingRules"),
    "health_check": ("projects/p/aggregated/healthChecks", "projects/p/regions/r1/healthChecks"),
    "instance_group_manager": (
        "projects/p/aggregated/instanceGroupManagers",
        "projects/p/regions/r1/instanceGroupManagers",
    ),
    "network": ("projects/p/global/networks", ""),
    "route": ("projects/p/global/routes", ""),
    "router": ("projects/p/aggregated/routers", "projects/p/regions/r1/routers"),
    "subnetwork": ("projects/p/aggregated/subnetworks", "projects/p/regions/r1/subnetworks"),
    "vpn_gateway": ("projects/p/aggregated/vpnGateways", "projects/p/regions/r1/vpnGateways"),
    "vpn_tunnel": ("projects/p/aggregated/vpnTunnels", "projects/p/regions/r1/vpnTunnels"),
}


def run(kind: str, params: Json, *expected: Expected, warnings: list[str] | None = None) -> list[str]:
    """Names of what a module finds over this wire."""
    result = Wire(*expected).run(info.definition(kind), params, warnings=warnings)
    assert not result["changed"]
    return [item["name"] for item in result[info.KINDS[kind].key]]


def scoped(kind: str, **scopes: t.Any) -> Json:
    """An aggregated list: region -> names, or a scope as it is."""
    collection = info.KINDS[kind].collection
    items = {
        f"regions/{region}": names if isinstance(names, dict) else {collection: [{"name": name} for name in names]}
        for region, names in scopes.items()
    }
    return {"items": items}


def test_every_kind_is_here() -> None:
    assert set(PATHS) == set(info.KINDS)


@pytest.mark.parametrize("kind", PATHS)
def test_all(kind: str) -> None:
    path = PATHS[kind][0]
    query = PARTIAL if "aggregated" in path else {}
    if "aggregated" in path:
        answer = scoped(kind, r1=["b"], r2=NOTHING, r3=["a"])
    else:
        answer = {"clusters" if kind == "cluster" else "items": [{"name": "b"}, {"name": "a"}]}
    warnings: list[str] = []
    assert run(kind, {}, Expected("GET", path, answer, query=query), warnings=warnings) == ["a", "b"]
    if info.KINDS[kind].place:
        assert run(kind, {"name": "b"}, Expected("GET", path, answer)) == ["b"]
    assert warnings == []
    assert run(kind, {}, Expected("GET", path, {})) == []


@pytest.mark.parametrize("kind", PATHS)
def test_one(kind: str) -> None:
    everywhere, there = PATHS[kind]
    place = info.KINDS[kind].place
    params: Json = {"name": "x", **({place: "r1"} if place else {})}
    path = f"{there or everywhere}/x"
    assert run(kind, params, Expected("GET", path, {"name": "x"}, query={})) == ["x"]
    assert run(kind, params, absent(path)) == []
    for project in ("The resource 'projects/p' was not found", "The resource 'projects/p' was not found."):
        gone = Expected("GET", path, google_error(404, "notFound", project), status=404)
        assert Wire(gone).fails(info.definition(kind), params).code == "notFound"
    forbidden = Expected("GET", path, google_error(403, "forbidden", "Required permission"), status=403)
    assert "403: Required permission" in str(Wire(forbidden).fails(info.definition(kind), params))


@pytest.mark.parametrize("kind", [kind for kind, (_all, there) in PATHS.items() if there])
def test_of_a_place(kind: str) -> None:
    key = "clusters" if kind == "cluster" else "items"
    place = str(info.KINDS[kind].place)
    answer = {key: [{"name": "x"}]}
    assert run(kind, {place: "r1"}, Expected("GET", PATHS[kind][1], answer, query={})) == ["x"]


def test_groups_of_a_zone() -> None:
    asked = Expected("GET", "projects/p/zones/z1/instanceGroupManagers", {"items": [{"name": "x"}]}, query={})
    assert run("instance_group_manager", {"zone": "z1"}, asked) == ["x"]
    one = Expected("GET", "projects/p/zones/z1/instanceGroupManagers/x", {"name": "x"})
    assert run("instance_group_manager", {"zone": "z1", "name": "x"}, one) == ["x"]


def test_of_one_name_in_a_region_and_a_zone_both_are_found() -> None:
    groups = [{"name": "x", "zone": "r1-a"}, {"name": "x", "region": "r1"}]
    items = {f"at{number}": {"instanceGroupManagers": [group]} for number, group in enumerate(groups)}
    asked = Expected("GET", PATHS["instance_group_manager"][0], {"items": items})
    result = Wire(asked).run(info.definition("instance_group_manager"), {"name": "x"})
    assert result["resources"] == [groups[1], groups[0]]


def test_the_machines_of_a_group_page_by_page() -> None:
    path = f"{PATHS['instance_group_manager'][1]}/x"
    first = {"managedInstances": [{"name": "x-1"}], "nextPageToken": "t1"}
    result = Wire(
        Expected("GET", path, {"name": "x", "selfLink": BASE + path}),
        Expected("POST", f"{path}/listManagedInstances", first, query={}),
        Expected(
            "POST", f"{path}/listManagedInstances", {"managedInstances": [{"name": "x-2"}]}, query={"pageToken": "t1"}
        ),
    ).run(info.definition("instance_group_manager"), {"region": "r1", "name": "x", "include_instances": True})
    assert [item["name"] for item in result["resources"][0]["managedInstances"]] == ["x-1", "x-2"]


def test_the_health_of_each_group_behind_a_service() -> None:
    path = f"{PATHS['backend_service'][1]}/x"
    groups = [{"group": f"{BASE}projects/p/regions/r1/instanceGroups/{name}"} for name in "ab"]
    well = [{"healthState": "HEALTHY"}]
    result = Wire(
        Expected("GET", path, {"name": "x", "selfLink": BASE + path, "backends": groups}),
        Expected("POST", f"{path}/getHealth", {"healthStatus": well}, body=groups[0]),
        Expected("POST", f"{path}/getHealth", {}, body=groups[1]),
    ).run(info.definition("backend_service"), {"region": "r1", "name": "x", "include_health": True})
    health = result["resources"][0]["health"]
    assert health == [{**groups[0], "healthStatus": well}, {**groups[1], "healthStatus": []}]


def test_global_addresses() -> None:
    asked = Expected("GET", "projects/p/global/addresses", {"items": [{"name": "x"}]})
    assert run("address", {"region": "global"}, asked) == ["x"]


def test_pages_and_the_apis_own_filter() -> None:
    path, query = PATHS["router"][0], {**PARTIAL, "filter": 'name eq "x.*"'}
    pages = [
        Expected("GET", path, {**scoped("router", r1=["x2"]), "nextPageToken": "t1"}, query=query),
        Expected("GET", path, scoped("router", r1=["x1"], r2=["x0"]), query={**query, "pageToken": "t1"}),
    ]
    assert run("router", {"filter": query["filter"]}, *pages) == ["x0", "x1", "x2"]


def test_a_name_beside_a_filter_is_listed() -> None:
    """The API's expressions of two kinds cannot be joined, so the name is looked for in the answer."""
    listed = Expected("GET", PATHS["network"][0], {"items": [{"name": "x"}, {"name": "y"}]}, query={"filter": "mtu>1"})
    assert run("network", {"name": "x", "filter": "mtu>1"}, listed) == ["x"]


def test_chosen_by_a_link() -> None:
    there = f"{BASE}projects/p/global/networks/"
    listed = {"items": [{"name": "a", "network": f"{there}n"}, {"name": "b", "network": f"{there}m"}, {"name": "c"}]}
    asked = Expected("GET", PATHS["firewall_rule"][0], listed)
    assert run("firewall_rule", {"network": "n"}, asked) == ["a"]
    assert run("firewall_rule", {"network": "projects/p/global/networks/m"}, asked) == ["b"]
    assert run("firewall_rule", {"network": "projects/q/global/networks/m"}, asked) == []
    clusters = [
        {"name": "a", "network": "n", "networkConfig": {"network": "projects/q/global/networks/n"}},
        {"name": "b", "network": "n"},
    ]
    asked = Expected("GET", PATHS["cluster"][0], {"clusters": clusters})
    assert run("cluster", {"network": "projects/p/global/networks/n"}, asked) == ["b"]


def test_of_one_name_in_two_regions_both_are_found() -> None:
    items = {f"regions/{region}": {"routers": [{"name": "x", "region": region}]} for region in ("r2", "r1")}
    result = Wire(Expected("GET", PATHS["router"][0], {"items": items})).run(info.definition("router"), {"name": "x"})
    assert [item["region"] for item in result["resources"]] == ["r1", "r2"]


@pytest.mark.parametrize(
    "kind, answer, words",
    [
        (
            "router",
            scoped("router", r1=["x"], r2={"warning": {"code": "UNREACHABLE", "message": "It is down."}}),
            "regions/r2 (UNREACHABLE: It is down.)",
        ),
        ("router", {**scoped("router", r1=["x"]), "unreachables": ["regions/r2"]}, "regions/r2"),
        (
            "network",
            {"items": [{"name": "x"}], "warning": {"code": "PARTIAL_SUCCESS", "message": "Some are missing."}},
            "the list (PARTIAL_SUCCESS: Some are missing.)",
        ),
        ("cluster", {"clusters": [{"name": "x"}], "missingZones": ["r2-a"]}, "r2-a"),
    ],
)
def test_what_could_not_be_read_is_a_warning(kind: str, answer: Json, words: str) -> None:
    warnings: list[str] = []
    path = PATHS[kind][0]
    pages = [Expected("GET", path, {**answer, "nextPageToken": "t1"}), Expected("GET", path, answer)]
    run(kind, {}, *pages, warnings=warnings)
    assert warnings == [f"{path}: {words} could not be read: what is there is missing in resources. Ask again later."]


def test_names_that_cannot_be_any_are_refused_unasked() -> None:
    error = Wire().fails(info.definition("router"), {"name": "x/getRouterStatus", "region": "-"})
    assert "name: 'x/getRouterStatus'" in str(error)
    assert "region: '-'" in str(error)
    assert isinstance(Wire().fails(info.definition("cluster"), {"location": "a/b"}), InvalidInput)


def test_no_such_project_in_a_list() -> None:
    gone = Expected("GET", PATHS["router"][0], google_error(404, "notFound", "projects/p"), status=404)
    error = Wire(gone).fails(info.definition("router"), {})
    assert isinstance(error, PodreachError)
    assert "projects/p" in str(error)


def test_secrets_stay_here() -> None:
    keys = {"clientKey": "k", "clientCertificate": "c", "password": "p", "username": "u", "clusterCaCertificate": "ca"}
    asked = Expected("GET", PATHS["cluster"][0], {"clusters": [{"name": "x", "masterAuth": keys}]})
    result = Wire(asked).run(info.definition("cluster"), {})
    assert result["resources"] == [{"name": "x", "masterAuth": {"clusterCaCertificate": "ca"}}]


def test_the_redundancy_of_a_gateways_connections() -> None:
    gateways = [{"name": name, "selfLink": f"{BASE}projects/p/regions/r1/vpnGateways/{name}"} for name in "abc"]
    status = {"vpnConnections": [{"state": {"state": "CONNECTION_REDUNDANCY_MET"}}]}
    where = PATHS["vpn_gateway"][1]
    wire = Wire(
        Expected("GET", where, {"items": gateways}),
        Expected("GET", f"{where}/a/getStatus", {"result": status}),
        Expected("GET", f"{where}/b/getStatus", {}),
        absent(f"{where}/c/getStatus"),
    )
    result = wire.run(info.definition("vpn_gateway"), {"region": "r1", "include_status": True})
    assert [(item["name"], item["status"]) for item in result["resources"]] == [("a", status), ("b", {})]
