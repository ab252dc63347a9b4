# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's kernel agrees with an independent oracle on random topologies, and deliberate faults are noticed.

A failure prints the seed, the flow, the oracle's story and the lab's trace. To replay a seed:
python -m ansible_collections.podreach.gke.tests.integration.random_topologies --seed N (--vpn for those around a VPN)
"""

from __future__ import annotations

import contextlib
import pathlib
import random
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.integration.random_topologies.compare import Tally, run, run_together
from ansible_collections.podreach.gke.tests.integration.random_topologies.grounds import VpnGround
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

SEEDS = 200
PARTS = 4
LABS = 2
#: Of the compared flows; more would mean that the oracle leaves too much open.
MOST_OPEN = 0.02
#: Flows of one part that chance let pass; about one in 300 000 was seen.
MOST_AGAIN = 2
#: Faults of the data plane, and seeds that notice each of them.
MUTANTS: dict[str, tuple[int, ...]] = {
    "no-masquerade": (1, 4),
    "firewall-priority-reversed": (0, 9),
    "no-source-check": (30, 87),
    "subnet-ranges-not-first": (65, 63),
    "peering-transitive": (5, 155),
    "custom-routes-always-exchanged": (4, 5),
    "tags-ignored": (17, 7),
    "no-egress-rules": (0, 5),
}
VPN_SEEDS = 48
#: The same around a VPN to AWS.
VPN_MUTANTS: dict[str, tuple[int, ...]] = {
    "propagated-beats-local": (5, 10),
    "acl-stateful": (2, 7),
    "security-groups-ignored": (1, 2),
    "tagged-routes-for-tunnels": (38, 74),
    "regional-as-global": (26, 37),
}


def start(directory: pathlib.Path) -> Lab:
    """A lab with packets; where this machine has none, that is said, and nothing passes."""
    lab = Lab.start(directory / ".lab")
    packets = lab.status()["packets"]
    if not packets["available"]:
        lab.stop()
        pytest.skip(f"packets are not available here: {packets['reason']}")
    return lab


@pytest.fixture(scope="module")
def labs(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[list[Lab]]:
    with contextlib.ExitStack() as stack:
        running = []
        for _count in range(LABS):
            lab = start(tmp_path_factory.mktemp("lab"))
            stack.callback(lab.stop)
            running.append(lab)
        yield running


def report(tally: Tally) -> str:
    return "\n\n".join([str(tally), *map(str, tally.disagreements)])


@pytest.mark.parametrize("part", range(PARTS))
def test_the_kernel_agrees_with_the_oracle(labs: list[Lab], part: int) -> None:
    tally = run_together(labs, range(part, SEEDS, PARTS), enough=3)
    print(tally)
    assert not tally.disagreements, report(tally)
    assert tally.topologies == SEEDS // PARTS
    assert tally.delivered > tally.flows / 5
    assert tally.several + tally.skipped < tally.flows * MOST_OPEN
    assert tally.again <= MOST_AGAIN


def test_a_seed_that_nobody_has_tried(labs: list[Lab]) -> None:
    seed = random.SystemRandom().randrange(1_000_000, 1_000_000_000)
    print(f"seed {seed}")
    tally = run(labs[0], [seed])
    assert not tally.disagreements, report(tally)


def test_it_agrees_around_a_vpn(labs: list[Lab]) -> None:
    tally = run_together(labs, range(VPN_SEEDS), 3, VpnGround)
    print(tally)
    assert not tally.disagreements, report(tally)
    assert tally.topologies == VPN_SEEDS
    assert tally.delivered > tally.flows / 8
    assert tally.several + tally.skipped < tally.flows * MOST_OPEN
    assert tally.again <= MOST_AGAIN


def test_a_seed_around_a_vpn_that_nobody_has_tried(labs: list[Lab]) -> None:
    seed = random.SystemRandom().randrange(1_000_000, 1_000_000_000)
    print(f"--vpn --seed {seed}")
    tally = run(labs[0], [seed], ground=VpnGround())
    assert not tally.disagreements, report(tally)


@pytest.mark.parametrize("mutant", sorted(MUTANTS))
def test_a_fault_is_noticed(mutant: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODREACH_LAB_MUTANT", mutant)
    faulty = start(tmp_path)
    try:
        tally = run(faulty, MUTANTS[mutant])
    finally:
        faulty.stop()
    assert tally.disagreements, f"{mutant} was not noticed: {tally}"


@pytest.mark.parametrize("mutant", sorted(VPN_MUTANTS))
def test_a_fault_is_noticed_around_a_vpn(mutant: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODREACH_LAB_MUTANT", mutant)
    faulty = start(tmp_path)
    try:
        tally = run(faulty, VPN_MUTANTS[mutant], ground=VpnGround())
    finally:
        faulty.stop()
    assert tally.disagreements, f"{mutant} was not noticed: {tally}"
