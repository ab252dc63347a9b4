# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replay topologies: python -m ...random_topologies --seed N [--count N] [--steps] [--vpn]

The module's full name is ansible_collections.podreach.gke.tests.integration.random_topologies, with
PYTHONPATH=.collections in the checkout.
"""

from __future__ import annotations

import argparse
import pathlib
import tempfile
import time

from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

from .compare import Tally, run_one
from .grounds import EmptyGround, Ground, VpnGround


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, prog="random_topologies")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--count", type=int, default=1, help="how many seeds from there on")
    parser.add_argument("--steps", action="store_true", help="print the calls, make none")
    parser.add_argument("--most", type=int, default=5, help="stop after that many disagreements")
    parser.add_argument("--vpn", action="store_true", help="topologies around a VPN to AWS")
    chosen = parser.parse_args()
    seeds = range(chosen.seed, chosen.seed + chosen.count)
    ground: Ground = VpnGround() if chosen.vpn else EmptyGround()
    if chosen.steps:
        for seed in seeds:
            topology = ground.topology(seed)
            print(*topology.steps, "-- changes", *topology.changes, sep="\n")
        return 0
    (ordered,) = ground.shares(seeds, 1)
    tally = Tally()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        lab = Lab.start(pathlib.Path(directory) / ".lab")
        try:
            for seed in ordered:
                before = len(tally.disagreements)
                run_one(lab, seed, ground, tally, chosen.most)
                for item in tally.disagreements[before : chosen.most]:
                    print(item, end="\n\n")
                if len(tally.disagreements) >= chosen.most:
                    break
        finally:
            lab.stop()
    print(f"{tally}; {time.monotonic() - began:.1f} s")
    return 1 if tally.disagreements else 0


if __name__ == "__main__":
    raise SystemExit(main())
