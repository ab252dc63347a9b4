# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Peerings and masquerades of a topology: what becomes of references, what only all entries together tell, and that the
topology refuses whatever their modules would refuse without asking anybody.
"""

from __future__ import annotations

import json
import random
import typing as t

import pytest
import yaml

from ansible_collections.podreach.gke.plugins.inventory import topology as plugin_file
from ansible_collections.podreach.gke.plugins.module_utils.arguments import Call
from ansible_collections.podreach.gke.plugins.module_utils.errors import PodreachError
from ansible_collections.podreach.gke.plugins.module_utils.gcp import peerings
from ansible_collections.podreach.gke.plugins.module_utils.kubernetes import masquerade
from ansible_collections.podreach.gke.plugins.module_utils.topology import reading as topology

Json = dict[str, t.Any]

SPECS = plugin_file.load_specs()
TEMPLATE = "{{ something }}"
HEAD: Json = {
    "plugin": "podreach.gke.topology",
    "environment": "lab",
    "project": "podreach-lab",
    "region": "asia-northeast1",
}
NETWORKS: Json = {
    "hub": {"subnetworks": [{"name": "hub", "ip_cidr_range": "10.1.0.0/16"}]},
    "n2": {"name": "two", "project": "podreach-peer", "subnetworks": [{"name": "n2", "ip_cidr_range": "10.2.0.0/16"}]},
}
CLUSTER: Json = {"c1": {"network": "hub", "subnetwork": "hub"}}
PATH = "projects/podreach-peer/global/networks/"


def read(**kinds: t.Any) -> topology.Topology:
    return topology.read({**HEAD, "networks": NETWORKS, **kinds}, SPECS, plugin_file.is_opaque)


def errors(**kinds: t.Any) -> list[str]:
    return [str(problem) for problem in read(**kinds).errors]


def variables(host: str, **kinds: t.Any) -> Json:
    result = read(**kinds)
    assert [str(problem) for problem in result.errors] == []
    return next(found.variables for found in result.hosts if found.name == host)


# ---- references


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (
            {"network": "hub", "peer_network": "n2"},
            {"network": "hub", "peer_network": "two", "peer_project": "podreach-peer"},
        ),
        ({"network": "hub", "peer_network": PATH + "two"}, {"network": "hub", "peer_network": PATH + "two"}),
        (
            {"network": "hub", "peer_network": "two", "peer_project": "podreach-peer"},
            {"network": "hub", "peer_network": "two", "peer_project": "podreach-peer"},
        ),
        ({"network": "n2", "peer_network": "hub"}, {"network": PATH + "two", "peer_network": "hub"}),
        (
            {"network": "n2", "project": "podreach-peer", "peer_network": "hub"},
            {"network": "two", "project": "podreach-peer", "peer_network": "hub", "peer_project": "podreach-lab"},
        ),
        (
            {"network": "hub", "peer_network": "elsewhere", "peer_project": "another-project"},
            {"network": "hub", "peer_network": "elsewhere", "peer_project": "another-project"},
        ),
    ],
)  # fmt: skip
def test_both_networks_of_a_peering(entry: Json, told: Json) -> None:
    found = variables("p1", peerings={"p1": entry})
    assert found == {
        f"peering_{key}": value
        for key, value in {**told, "environment": "lab", "project": told.get("project", "podreach-lab")}.items()
    }


def test_a_peer_whose_project_and_name_are_templates() -> None:
    networks = {**NETWORKS, "n2": {"name": TEMPLATE, "project": TEMPLATE}}
    found = variables("p1", networks=networks, peerings={"p1": {"network": "hub", "peer_network": "n2"}})
    assert (found["peering_peer_network"], found["peering_peer_project"]) == (TEMPLATE, TEMPLATE)


def test_a_cluster_of_a_masquerade() -> None:
    clusters = {"c1": {"name": "one", "location": "asia-northeast1-a", **CLUSTER["c1"]}}
    found = variables("m1", clusters=clusters, masquerades={"m1": {"cluster": "c1", "masquerade": ["10.2.0.0/16"]}})
    assert found == {
        "masquerade_cluster": "one",
        "masquerade_location": "asia-northeast1-a",
        "masquerade_project": "podreach-lab",
        "masquerade_environment": "lab",
        "masquerade_masquerade": ["10.2.0.0/16"],
    }


def test_the_declared_topology_names_keys_and_no_secrets() -> None:
    auth = {"access_token": "hush", "service_account_contents": {"private_key": "hush"}, "scopes": ["a"]}
    entry = {"network": "hub", "peer_network": PATH + "two", "peer_auth": auth, "peer_side": {"name": "back"}}
    declared = read(peerings={"p1": entry}).declared
    assert "hush" not in json.dumps(declared)
    assert declared["peerings"]["p1"] == {
        "name": "p1",
        "network": "hub",
        "peer_network": "n2",
        "peer_auth": {"scopes": ["a"]},
        "peer_side": {"name": "back"},
        "environment": "lab",
        "project": "podreach-lab",
    }


@pytest.mark.parametrize(
    ("top", "entry", "refused"),
    [
        ({}, {"peer_side": {}}, ["peerings.p1.peer_side"]),
        ({}, {}, []),
        ({"projects": ["podreach-lab", "podreach-peer"]}, {"peer_side": {}}, []),
        ({"projects": ["podreach-lab", TEMPLATE]}, {"peer_side": {}}, []),
        ({}, {"network": "n2", "peer_network": "hub"}, ["peerings.p1.network"]),
        ({}, {"network": "n2", "peer_network": "hub", "project": "podreach-peer"}, []),
        ({"projects": ["podreach-peer"]}, {"state": "absent", "project": "podreach-peer", "peer_side": {}}, []),
        ({"environment": "lab"}, {"peer_side": {}}, []),
        ({"project": None}, {"peer_side": {}}, None),
    ],
)
def test_projects_that_may_be_written(top: Json, entry: Json, refused: list[str] | None) -> None:
    kinds = {"environment": "cloud", **top, "peerings": {"p1": {"network": "hub", "peer_network": "n2", **entry}}}
    found = read(**kinds).errors
    paths = [problem.path for problem in found if problem.path.startswith("peerings")]
    assert paths == refused if refused is not None else found


# ---- all of them together


def star(spokes: int, **more: t.Any) -> Json:
    """A hub and its spokes; every other one is declared from the spoke's side."""
    names = [f"spoke-{number}" for number in range(spokes)]
    cidrs = {name: f"10.100.{number}.0/24" for number, name in enumerate(names)}
    networks = {name: {"subnetworks": [{"name": name, "ip_cidr_range": cidr}]} for name, cidr in cidrs.items()}
    ends = [("hub", name) if number % 2 else (name, "hub") for number, name in enumerate(names)]
    return {
        "networks": {"hub": NETWORKS["hub"], **networks},
        "peerings": {
            f"p-{one}-{other}": {"network": one, "peer_network": other, "peer_side": {}} for one, other in ends
        },
        **more,
    }


def test_as_many_as_the_quota_allows() -> None:
    found = star(25)
    assert errors(**found) == []
    order = list(found["peerings"].items())
    random.Random(7).shuffle(order)
    assert errors(**{**found, "peerings": dict(order)}) == []


def test_one_more_is_refused_by_name_of_the_quota() -> None:
    (error,) = errors(**star(26))
    assert error.startswith("peerings.p-hub-spoke-25: networks.hub would have 26 peerings, and its quota ")
    assert "PEERINGS_PER_NETWORK is 25" in error and "'peering_limit: 26'" in error
    assert errors(**star(26, peering_limit=26)) == []
    assert len(errors(**star(26, peering_limit=24))) == 1


@pytest.mark.parametrize("key", ["state", "peer_side", "peering_limit"])
def test_what_may_be_otherwise_does_not_count(key: str) -> None:
    found = star(26)
    for entry in found["peerings"].values():
        if entry["network"] == "hub" or key != "state":
            entry[key] = TEMPLATE
    assert errors(**found) == []


def test_one_side_of_two_owners_is_no_second_peering() -> None:
    """Each of two networks has a peering of that name, and each is declared once."""
    assert errors(
        peerings={
            "p1": {"network": "hub", "peer_network": "n2", "name": "same"},
            "p2": {"network": "n2", "project": "podreach-peer", "peer_network": "hub", "name": "same"},
        }
    ) == []  # fmt: skip


def test_a_peering_may_be_renamed() -> None:
    gone = {"network": "hub", "peer_network": "n2", "state": "absent"}
    assert errors(peerings={"p1": gone, "p2": {**gone, "state": "present"}}) == []


# ---- what modules would refuse


class Nobody:
    """A client that nothing may be asked of."""

    project = "podreach-lab"


MORE: tuple[Json, ...] = (
    {"name": "A"}, {"name": "a" * 63}, {"name": "a" * 64}, {"peer_side": {}}, {"peer_side": {"name": "a_b"}},
    {"peering_limit": 0}, {"peering_limit": 1},
)  # fmt: skip


@pytest.mark.parametrize(
    "entry",
    [
        {"network": "hub", "peer_network": PATH + "a"},
        {"network": "hub", "peer_network": PATH.replace("peer", "lab") + "hub"},
        {"network": "hub", "peer_network": "hub", "peer_project": "podreach-lab"},
        *({"network": "hub", "peer_network": PATH + name} for name in ("A", "a-", "1", "a" * 63, "a" * 64)),
        *({"network": "hub", "peer_network": PATH + "a", **more} for more in MORE),
    ],
)  # fmt: skip
def test_the_topology_refuses_what_network_peering_would(entry: Json) -> None:
    found = errors(peerings={"p1": entry})
    spec = {name: option.get("default") for name, option in peerings.SPEC.options.items()}
    params = {**spec, "name": "p1", "state": "present", "project": "podreach-lab", **entry}
    client = t.cast("t.Any", Nobody())
    try:
        peerings.Peering(client, client, Call(params))
    except PodreachError as error:
        assert found, error
    else:
        assert found == []


@pytest.mark.parametrize(
    "entry",
    [
        {}, {"keep": []}, {"masquerade": []}, {"masq_link_local": False}, {"unmentioned": "masquerade"},
        *({"keep": [text]} for text in ("10.0.0.0/8", "10.0.0.1/8", "10.0.0.0", "fd20::/64", "x")),
        *({"non_masquerade_cidrs": [text]} for text in ("10.0.0.0/8", "10.0.0.1/8", "10.0.0.0", "fd20::/64", "x")),
        *({"resync_interval": text} for text in ("60s", "1h30m", "0s", "-5s", "60", "x", "5 m")),
        {"keep": [], "unmentioned": "masquerade"}, {"keep": ["10.2.0.0/16"], "unmentioned": "masquerade"},
    ],
)  # fmt: skip
def test_the_topology_refuses_what_masquerade_would(entry: Json) -> None:
    found = errors(clusters=CLUSTER, masquerades={"m1": {"cluster": "c1", **entry}})
    spec = {name: option.get("default") for name, option in masquerade.SPEC.options.items()}
    try:
        masquerade.asked_of({**spec, **entry})
    except PodreachError as error:
        assert found, error
    else:
        assert found == []


def test_more_ranges_than_the_agent_takes() -> None:
    for count, told in ((64, 0), (65, 1)):
        cidrs = [f"10.{number}.0.0/24" for number in range(count)]
        entry = {"cluster": "c1", "non_masquerade_cidrs": cidrs}
        found = read(clusters=CLUSTER, masquerades={"m1": entry})
        assert (found.errors, len(found.warnings)) == ([], told)
        autopilot = {"c1": {**CLUSTER["c1"], "autopilot": {"enabled": True}}}
        assert read(clusters=autopilot, masquerades={"m1": entry}).warnings == []


def test_the_examples_of_the_readmes() -> None:
    for role in ("peering", "masquerade"):
        text = (plugin_file.ROLES / role / "README.md").read_text(encoding="utf-8")
        block = text.partition("## In a topology")[2].partition("```yaml\n")[2].partition("```")[0]
        found = yaml.safe_load(block)
        assert found.keys() <= {kind.key for kind in topology.KINDS}
        assert errors(clusters=CLUSTER, **{**found, "networks": {**NETWORKS, **found.get("networks", {})}}) == []
