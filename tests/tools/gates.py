# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs make targets ("gates"), some side by side, and says of each how long it took and whether it passed.

Usage: ``gates.py NUMBER GATE...``: that many at a time, begun in the order given, so the long ones belong first. What a
gate prints is shown when it ends, under its heading, and is kept in ``.cache/gates/NAME.log``. All gates run even when
one fails; the exit code is 1 if any did.
"""

from __future__ import annotations

import concurrent.futures
import os
import pathlib
import subprocess
import sys
import threading
import time

LOGS = pathlib.Path(".cache/gates")


class Runner:
    """The gates' results, and one lock for the terminal they share."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.results: list[tuple[str, int, float]] = []
        self.lock = threading.Lock()

    def run_gate(self, target: str) -> None:
        """Run one make target, then print its output under a heading."""
        with self.lock:
            print(f"--- {target}: begun at {time.monotonic() - self.began:.0f} s", flush=True)
        began = time.monotonic()
        log = LOGS / f"{target}.log"
        with log.open("wb") as output:
            code = subprocess.run(
                [os.environ.get("MAKE", "make"), "--no-print-directory", target],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            ).returncode
        seconds = time.monotonic() - began
        with self.lock:
            self.results.append((target, code, seconds))
            print(f"\n=== {target}: {'passed' if code == 0 else 'FAILED'} in {seconds:.1f} s {'=' * 40}", flush=True)
            sys.stdout.buffer.write(log.read_bytes())
            sys.stdout.flush()

    def summary(self) -> int:
        """Print one line a gate; the exit code for all of them."""
        print(f"\n=== all gates: {time.monotonic() - self.began:.1f} s {'=' * 40}")
        for target, code, seconds in self.results:
            print(f"{'passed' if code == 0 else 'FAILED'} {seconds:8.1f} s  {target}")
        failed = [target for target, code, _seconds in self.results if code]
        print(f"{len(self.results) - len(failed)} passed, {len(failed)} failed")
        return 1 if failed else 0


def main() -> int:
    """Run every gate."""
    LOGS.mkdir(parents=True, exist_ok=True)
    runner = Runner()
    number, *gates = sys.argv[1:]
    with concurrent.futures.ThreadPoolExecutor(int(number)) as side_by_side:
        list(side_by_side.map(runner.run_gate, gates))
    return runner.summary()


if __name__ == "__main__":
    sys.exit(main())
