# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Peerings over a scripted wire, and what becomes of routes that newly come, which is pure."""

from __future__ import annotations

import copy
import typing as t

import pytest

from ansible_collections.podreach.gke.plugins.module_utils.arguments import ArgumentSpec
from ansible_collections.podreach.gke.plugins.module_utils.gcp import peering_routes_info, peering_surroundings
from ansible_collections.podreach.gke.plugins.module_utils.gcp.peering_surroundings import (
    DYNAMIC,
    STATIC,
    Route,
    judged,
)
from ansible_collections.podreach.gke.plugins.module_utils.gcp.peering_task import DEFINITION
from ansible_collections.podreach.gke.tests.unit.plugins.module_utils.gcp.wire import (
    LAST_PAUSE,
    Expected,
    Wire,
    google_error,
    operation,
)

Json = dict[str, t.Any]

PREFIX = "https://www.googleapis.com/compute/v1/"
HERE, THERE = "projects/p/global/networks/n1", "projects/q/global/networks/n2"
ASKED: Json = {"name": "a", "network": "n1", "peer_network": THERE}
BUSY = "There is a route operation in progress on the local or peer network. Try again later."


def entry(name: str, to: str, state: str = "ACTIVE", **more: t.Any) -> Json:
    details = "[2026-09-29T00:00:00.000-07:00]: "
    details += "Connected." if state == "ACTIVE" else "Waiting for peer network to connect."
    return {"name": name, "network": PREFIX + to, "state": state, "stateDetails": details, **more}


def network(path: str, *entries: Json) -> Expected:
    body: Json = {"name": path.rpartition("/")[2], "selfLink": PREFIX + path, "autoCreateSubnetworks": False}
    return Expected("GET", path, {**body, **({"peerings": list(entries)} if entries else {})})


def hidden(path: str) -> Expected:
    return Expected("GET", path, google_error(403, "forbidden"), status=403)


CONNECTED = entry("a", THERE)


def test_one_side_that_is_there_costs_two_reads() -> None:
    result = Wire(network(HERE, CONNECTED), hidden(THERE)).run(DEFINITION, {**ASKED, "import_custom_routes": False})
    assert (result["changed"], result["active"], result["peer_resource"]) == (False, True, None)


def test_another_one_at_it_is_waited_for() -> None:
    adding = f"{HERE}/addPeering"
    busy = Expected("POST", adding, google_error(400, "badRequest", BUSY), status=400)
    done = Expected(
        "POST",
        adding,
        operation("addPeering", HERE),
        body={
            "networkPeering": {
                "name": "a",
                "network": THERE,
                "exchangeSubnetRoutes": True,
                "exportCustomRoutes": True,
            }
        },
    )
    waiting = entry("a", THERE, "INACTIVE", exportCustomRoutes=True)
    reads = [network(HERE), hidden(THERE)]
    wire = Wire(*copy.deepcopy(reads), *reads, busy, busy, busy, done, network(HERE, waiting), hidden(THERE))
    warnings: list[str] = []
    result = wire.run(DEFINITION, {**ASKED, "export_custom_routes": True}, warnings=warnings)
    assert (result["changed"], result["active"]) == (True, False)
    assert len(wire.request_ids) == 4
    assert len(set(wire.request_ids)) == 1
    assert any("Waiting for peer network to connect." in text for text in warnings)
    assert any(f"{THERE} could not be read (403)" in text for text in warnings)


def test_both_sides_have_until_the_deadline_to_connect() -> None:
    mine, theirs = entry("a", THERE, "INACTIVE"), entry("b", HERE, "INACTIVE")
    wire = Wire(*[item for _time in range(12) for item in (network(HERE, mine), network(THERE, theirs))])
    params = {**ASKED, "peer_side": {"name": "b"}, "timeout": 30}
    with pytest.raises(Exception, match="INACTIVE.* after 30 s, though both sides are there") as caught:
        wire.run(DEFINITION, params)
    assert t.cast("t.Any", caught.value).code == "peering-inactive"
    assert wire.time == pytest.approx(30, abs=LAST_PAUSE)


def test_a_legacy_network_and_consensus() -> None:
    legacy = Expected("GET", HERE, {"name": "n1", "IPv4Range": "10.240.0.0/16"})
    assert Wire(legacy, network(THERE)).fails(DEFINITION, ASKED).code == "legacy-network"
    agreed = entry("a", THERE, updateStrategy="CONSENSUS")
    for options in ({"state": "absent"}, {"stack_type": "IPV4_IPV6"}):
        error = Wire(network(HERE, agreed), network(THERE)).fails(DEFINITION, {**ASKED, **options})
        assert error.code == "consensus"


def test_what_the_exporter_learned_counts_where_it_lists_nothing_yet() -> None:
    """A default route that AWS gives, behind an export that is still off."""
    region = f"{PREFIX}projects/q/regions/r1"
    router = {"name": "r", "network": PREFIX + THERE, "selfLink": f"{region}/routers/r", "region": region}
    status = {"result": {"bestRoutesForRouter": [{"destRange": "0.0.0.0/0", "priority": 100}]}}
    subnetwork = {
        "name": "s",
        "network": PREFIX + HERE,
        "selfLink": f"{PREFIX}projects/p/regions/r1/subnetworks/s",
        "region": f"{PREFIX}projects/p/regions/r1",
        "ipCidrRange": "10.1.0.0/24",
    }
    around = [
        Expected("GET", "projects/q/global/routes"),
        Expected("GET", "projects/q/aggregated/routers", {"items": {"regions/r1": {"routers": [router]}}}),
        Expected("GET", "projects/q/regions/r1/routers/r/getRouterStatus", status),
        Expected("GET", "projects/p/aggregated/subnetworks", {"items": {"regions/r1": {"subnetworks": [subnetwork]}}}),
        Expected("GET", "projects/p/global/routes"),
        Expected("GET", "projects/p/aggregated/routers"),
    ]
    params: Json = {**ASKED, "import_custom_routes": True}
    params["peer_side"] = {"name": "b", "export_custom_routes": True}
    wire = Wire(network(HERE, CONNECTED), network(THERE, entry("b", HERE)), *around)
    error = wire.fails(DEFINITION, params)
    assert error.code == "disruption-not-allowed"
    assert "0.0.0.0/0 learned by router r: it is a default route" in str(error)


def test_routes_that_may_not_be_listed_are_told_as_unknown() -> None:
    """A role may read networks and subnetworks, and not list what peerings exchange."""
    subnetwork = {
        "name": "s",
        "network": PREFIX + HERE,
        "selfLink": f"{PREFIX}projects/p/regions/r1/subnetworks/s",
        "region": f"{PREFIX}projects/p/regions/r1",
        "ipCidrRange": "10.1.0.0/24",
    }
    mine, theirs = CONNECTED, entry("b", HERE, exportCustomRoutes=True)
    refusing = Expected("GET", f"{HERE}/listPeeringRoutes", google_error(403, "forbidden"), status=403)
    listing = Expected("GET", "projects/p/aggregated/subnetworks", {"items": {"r": {"subnetworks": [subnetwork]}}})
    warnings: list[str] = []
    wire = Wire(network(HERE, mine), network(THERE, theirs), listing, refusing)
    result = wire.run(DEFINITION, {**ASKED, "import_custom_routes": True}, check_mode=True, warnings=warnings)
    assert result["changed"]
    assert any("peering a of projects/p/global/networks/n1 could not be listed (403)" in text for text in warnings)


# ---- routes


def route(to: str, label: str = "", **more: t.Any) -> Route:
    return Route(to, STATIC, 1000, label or f"route to {to}", **more)


INTERNET = route("0.0.0.0/0", "the default route")


@pytest.mark.parametrize(
    ("new", "existing", "wins", "problem"),
    [
        ("10.5.0.0/16", [], True, None),
        ("10.5.0.0/16", [INTERNET], True, None),
        ("8.8.8.0/24", [INTERNET], True, "takes traffic from the default route"),
        ("10.5.0.0/16", [route("10.0.0.0/8", "wide")], True, "takes traffic from wide"),
        ("10.0.0.0/8", [route("10.5.0.0/16")], True, None),
        ("10.5.0.0/16", [route("10.5.0.0/16")], False, None),
        ("10.5.0.0/16", [route("10.5.0.0/16"), route("10.0.0.0/8")], False, None),
        ("10.5.0.0/16", [route("10.5.0.0/16", "a peer's", local=False)], True, "takes traffic from a peer's"),
        ("0.0.0.0/0", [], True, "it is a default route"),
        ("0.0.0.0/0", [INTERNET], False, "it is a default route"),
        ("10.1.0.128/25", [], False, None),
    ],
)
def test_judged(new: str, existing: list[Route], wins: bool, problem: str | None) -> None:
    (found,) = judged(HERE, [Route(new, DYNAMIC, 0, "new")], existing, ["10.1.0.0/24"])
    assert found.wins is wins
    assert (found.problem or "").endswith(problem or "")
    assert bool(found.problem) is bool(problem)


# ---- the listing


def test_pages_and_regions_of_the_listing() -> None:
    """Each page of each region is asked for; a route of several regions is told once."""
    where = f"{HERE}/listPeeringRoutes"
    subnetworks = [
        {
            "name": f"s{number}",
            "network": PREFIX + HERE,
            "region": f"{PREFIX}projects/p/regions/r{number}",
            "selfLink": f"{PREFIX}projects/p/regions/r{number}/subnetworks/s",
            "ipCidrRange": f"10.1.{number}.0/24",
        }
        for number in (1, 2)
    ]
    everywhere = {"destRange": "10.2.0.0/16", "type": peering_surroundings.SUBNET, "imported": True}
    own = {"destRange": "10.1.1.128/25", "type": STATIC, "priority": 5, "imported": False}
    learned = {"destRange": "10.9.0.0/16", "type": DYNAMIC, "nextHopRegion": "r2", "imported": False}
    query = {"peeringName": "a", "direction": "INCOMING"}
    wire = Wire(
        network(HERE, entry("a", THERE, importCustomRoutes=True)),
        Expected("GET", "projects/p/aggregated/subnetworks", {"items": {"x": {"subnetworks": subnetworks}}}),
        Expected("GET", where, {"items": [everywhere], "nextPageToken": "2"}, query={**query, "region": "r1"}),
        Expected("GET", where, {"items": [own]}, query={**query, "region": "r1", "pageToken": "2"}),
        Expected("GET", where, {"items": [everywhere, learned]}, query={**query, "region": "r2"}),
    )
    result = wire.run(peering_routes_info.DEFINITION, {"network": "n1", "direction": "INCOMING"})
    found = {item["dest_range"]: item for item in result["routes"]}
    assert {cidr: item["regions"] for cidr, item in found.items()} == {
        "10.2.0.0/16": ["r1", "r2"],
        "10.1.1.128/25": ["r1"],
        "10.9.0.0/16": ["r2"],
    }
    assert found["10.2.0.0/16"]["reason"] is None
    assert "a subnet range of this network holds it" in found["10.1.1.128/25"]["reason"]
    assert "quota" in found["10.9.0.0/16"]["reason"]
    assert result["regions"] == ["r1", "r2"]


def test_public_subnetworks_that_are_not_imported() -> None:
    public = {"destRange": "20.1.0.0/24", "type": peering_surroundings.SUBNET, "imported": False}
    reads = [network(HERE, CONNECTED), Expected("GET", "projects/p/aggregated/subnetworks")]
    wire = Wire(*reads, Expected("GET", f"{HERE}/listPeeringRoutes", {"items": [public]}))
    asked = {"network": "n1", "direction": "INCOMING", "region": "r1"}
    (found,) = wire.run(peering_routes_info.DEFINITION, asked)["routes"]
    assert found["reason"].startswith("import_subnet_routes_with_public_ip is off in peering a")


def test_a_key_inside_an_option_becomes_one_string() -> None:
    spec = ArgumentSpec({"outer": {"type": "dict", "options": {"key": {"type": "jsonarg"}, "name": {"type": "str"}}}})
    assert spec.tidy({"outer": {"key": {"a": 1}, "name": ""}}) == {"outer": {"key": '{"a": 1}', "name": ""}}
