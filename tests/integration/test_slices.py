# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A topology cut in slices, as AWX cuts it, that run side by side: together they make what one run makes."""

from __future__ import annotations

import pathlib
import time
import typing as t

import pytest
import yaml

from ansible_collections.podreach.gke.tests.integration.playbooks import ROOT, Playbooks, Run
from ansible_collections.podreach.gke.tests.integration.sites import (
    AFTER,
    FLEET,
    Json,
    Sites,
    changed,
    differences,
    estate,
    failures,
)
from ansible_collections.podreach.gke.tests.integration.slicing import SLICES, cut, inventory, slices
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

SITE = ROOT / "playbooks" / "site.yml"
SECONDS = 30


@pytest.fixture(scope="module")
def lab_fast(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Lab]:
    """A lab whose operations take a moment, so that slices meet unfinished things."""
    running = Lab.start(tmp_path_factory.mktemp("slices") / ".lab", latency="fast")
    yield running
    running.stop()


@pytest.fixture
def sites(lab_fast: Lab, tmp_path: pathlib.Path) -> Sites:
    lab_fast.reset()
    return Sites(lab_fast, tmp_path)


@pytest.fixture(scope="module")
def unsliced(lab_fast: Lab, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Json]:
    """The estate that one run makes."""
    lab_fast.reset()
    changed(Sites(lab_fast, tmp_path_factory.mktemp("unsliced")).site(FLEET))
    return estate(lab_fast)


def test_slices_hold_every_host_once(sites: Sites) -> None:
    listed = inventory(FLEET, sites)
    parts = [set(one["all"]["hosts"]) for one in slices(listed, SLICES)]
    assert set().union(*parts) == set(listed["_meta"]["hostvars"])
    assert sum(map(len, parts)) == len(listed["_meta"]["hostvars"]) == 8
    declared = yaml.safe_load(FLEET.read_text(encoding="utf-8"))
    apart = [
        name
        for name, cluster in declared["clusters"].items()
        for part in parts
        if name in part and cluster["network"] not in part
    ]
    assert apart, "no slice has a cluster without its network: this example shows nothing"


@pytest.mark.parametrize(
    ("order", "apart"),
    [((0, 1, 2), 0.0), ((2, 1, 0), 0.7), ((1, 2, 0), 2.0)],
    ids=["at-once", "backwards", "first-one-late"],
)
def test_slices_side_by_side_make_the_estate_of_one_run(
    order: tuple[int, ...], apart: float, sites: Sites, unsliced: dict[str, Json]
) -> None:
    """Each begins some seconds after the one before it; what needs another slice's network waits for it."""
    files = cut(FLEET, sites)
    started = []
    for number in order:
        started.append(sites.start(SITE, "-i", str(files[number])))
        time.sleep(apart)
    runs: list[Run] = [Playbooks.finish(one) for one in started]
    for run in runs:
        assert run.rc == 0, run.output
    assert differences(estate(sites.lab), unsliced) == []
    assert changed(sites.site(FLEET)) == []


def network_and_cluster(sites: Sites) -> tuple[pathlib.Path, pathlib.Path]:
    """The example's two hosts, a slice each: the network's and the cluster's."""
    first, second = cut(AFTER, sites, 2)
    assert "aws-internal-connect" in yaml.safe_load(first.read_text())["all"]["hosts"]
    return first, second


def test_a_cluster_waits_for_the_network_of_another_slice(sites: Sites) -> None:
    network, cluster = network_and_cluster(sites)
    waiting = sites.start(SITE, "-i", str(cluster))
    deadline = time.monotonic() + SECONDS
    while not [item for item in sites.lab.requests() if "/networks/" in item["path"]]:
        assert time.monotonic() < deadline and waiting.process.poll() is None
        time.sleep(0.1)
    assert sites.lab.mutating() == []
    changed(sites.site(network))
    assert changed(Playbooks.finish(waiting))
    assert changed(sites.site(AFTER)) == []


def test_a_cluster_does_not_wait_for_ever(sites: Sites) -> None:
    _network, cluster = network_and_cluster(sites)
    began = time.monotonic()
    run = sites.site(cluster, "-e", "cluster_prerequisite_timeout=3")
    assert run.rc != 0
    assert time.monotonic() - began > 3
    missing = "network projects/podreach-lab/global/networks/aws-internal-connect does not exist"
    assert missing in failures(run)["test-cluster"]
    assert sites.lab.mutating() == []


def test_a_slice_in_check_mode_counts_other_slices_as_planned(sites: Sites) -> None:
    _network, cluster = network_and_cluster(sites)
    run = sites.site(cluster, "--check")
    assert changed(run)
    assert "counted as planned" in " ".join(run.output.split())
    assert sites.lab.mutating() == []
