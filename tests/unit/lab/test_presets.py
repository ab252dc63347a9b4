# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets: what they build, and that they build it by the API."""

from __future__ import annotations

import asyncio
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.lab.podreach_lab import presets
from ansible_collections.podreach.gke.tests.lab.podreach_lab.auth import Accounts
from ansible_collections.podreach.gke.tests.lab.podreach_lab.aws.facts import AwsFacts, Instance
from ansible_collections.podreach.gke.tests.lab.podreach_lab.clock import Clock
from ansible_collections.podreach.gke.tests.lab.podreach_lab.discovery import Discovery
from ansible_collections.podreach.gke.tests.unit.lab.cloud import ZONE, Cloud

Json = dict[str, t.Any]


def build(cloud: Cloud, name: str = "peered-project", **options: t.Any) -> Json:
    return asyncio.run(presets.build(cloud.lab, name, **options))


@pytest.mark.parametrize("profile", ["zero", "fast"])
def test_peered_project(accounts: Accounts, discovery: Discovery, profile: str) -> None:
    cloud = Cloud(Clock(profile), accounts, discovery)
    made = build(cloud)["made"]
    assert "projects/podreach-peer/zones/asia-northeast1-a/instances/target-gce-01" in made
    assert cloud.lab.operations.running() == []
    vm = cloud.compute("GET", f"zones/{ZONE}/instances/test-gce-01")
    assert (vm["status"], vm["networkInterfaces"][0]["networkIP"]) == ("RUNNING", "10.1.0.9")
    [side] = cloud.compute("GET", "global/networks/my-network")["peerings"]
    assert (side["state"], side["exportCustomRoutes"], side["importCustomRoutes"]) == ("ACTIVE", False, False)
    cloud.project = "podreach-peer"
    [card] = cloud.compute("GET", f"zones/{ZONE}/instances/target-gce-01")["networkInterfaces"]
    assert card["aliasIpRanges"] == [{"ipCidrRange": "10.2.0.1/32", "subnetworkRangeName": "hosts"}]
    [rule] = cloud.compute("GET", "global/firewalls")["items"]
    assert rule["sourceRanges"] == ["10.0.0.0/8", "172.16.0.0/12"]
    callers = {entry["caller"].split("@")[0] for entry in cloud.lab.log if entry["mutating"]}
    assert callers == {"lab", "peer"}


def test_without_the_peering(cloud: Cloud) -> None:
    build(cloud, peering=False)
    assert "peerings" not in cloud.compute("GET", "global/networks/my-network")


def test_what_exists_is_named_before_anything_is_made(cloud: Cloud) -> None:
    cloud.network("target-network")
    cloud.project = "podreach-peer"
    cloud.network("target-network")
    before = cloud.lab.mutations
    there = "projects/podreach-peer/global/networks/target-network"
    with pytest.raises(presets.PresetError, match=f"exists already: {there}. `lab reset` empties"):
        build(cloud)
    assert cloud.lab.mutations == before


def test_what_is_there_as_a_whole_is_left_as_it_is(cloud: Cloud) -> None:
    made = build(cloud)
    before = cloud.lab.mutations
    assert made["made"] and build(cloud)["made"] == []
    assert cloud.lab.mutations == before


def test_an_instance_of_that_name_at_aws_is_enough(cloud: Cloud) -> None:
    cloud.lab.state.learn_aws(AwsFacts(instances=(Instance("i-1", "aws-ec2-01", True, ()),)))
    assert build(cloud, "aws-account")["made"] == []
    with pytest.raises(presets.PresetError, match="exists already: aws-ec2-01 at AWS"):
        build(cloud, "aws-vpn")
    assert not cloud.lab.log


def test_unknown_presets_and_options(cloud: Cloud) -> None:
    with pytest.raises(presets.PresetError, match="there are: peered-project"):
        build(cloud, "nothing")
    with pytest.raises(presets.PresetError, match="does not take these options"):
        build(cloud, colour="red")
    assert not cloud.lab.log


def test_a_preset_stops_at_a_failed_operation(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = presets.peered_project()
    clash = presets.subnetwork("peer", "podreach-peer", "target-network", "clash", "10.1.5.0/24")
    monkeypatch.setitem(presets.PRESETS, "clash", lambda: [*steps[:-2], clash, *steps[-2:]])
    with pytest.raises(presets.PresetError) as refused:
        build(cloud, "clash")
    said = str(refused.value)
    assert "addPeering of podreach-lab was refused: An IP range in the peer" in said
    assert "What was made before: projects/podreach-lab/global/networks/my-network, " in said
    assert said.endswith("`lab reset` empties the lab.")
