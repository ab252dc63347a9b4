# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kills a run after a certain one of its requests, lets others follow, and says what is not as it would have been.

As a program it does so after every request that changes something, from the first to the last, and prints a table:
``python -m ansible_collections.podreach.gke.tests.integration.resuming [-i TOPOLOGY] [--from K] [--to K]``.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import os
import pathlib
import signal
import sys
import tempfile
import time
import typing as t

from ansible_collections.podreach.gke.tests.integration.estates import whole_estate
from ansible_collections.podreach.gke.tests.integration.playbooks import ROOT, Playbooks, Run, Started
from ansible_collections.podreach.gke.tests.integration.sites import EXAMPLES, Json, Sites, changed, differences
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab, resident

SITE = ROOT / "playbooks" / "site.yml"
TOPOLOGY = EXAMPLES / "pods-to-aws.podreach.yml"
#: of a run until it is killed
SECONDS = 180
#: the most differences that are shown of one trial, and of each
SHOWN, WIDTH = 20, 400


@dataclasses.dataclass
class Trial:
    """One run that was killed, and what followed."""

    #: after which it was killed, as in the lab's log; None: it had ended before
    request: Json | None
    seconds: float
    #: what is not as it should be
    problems: list[str]

    @property
    def what(self) -> str:
        """Its request in a word: the id of the method."""
        return str(self.request["method_id"] or self.request["path"]) if self.request else "(it had ended)"


@dataclasses.dataclass
class Resuming:
    """Trials of one playbook on one topology. ``preset`` is what is there before any run."""

    sites: Sites
    topology: pathlib.Path = TOPOLOGY
    playbook: pathlib.Path = SITE
    preset: str = "aws-account"
    #: the estate of a run that nobody disturbed
    reference: Json = dataclasses.field(default_factory=dict)

    @property
    def lab(self) -> Lab:
        return self.sites.lab

    def begin(self) -> None:
        self.lab.reset()
        self.lab.preset(self.preset)

    def start(self) -> Started:
        return self.sites.start(self.playbook, "-i", str(self.topology))

    def run(self) -> Run:
        return Playbooks.finish(self.start())

    def undisturbed(self) -> list[Json]:
        """The run that all others must come to; its requests that change something."""
        self.begin()
        since = self.lab.seq()
        assert changed(self.run()), "there was nothing to do"
        requests = self.lab.mutating(since)
        self.reference = whole_estate(self.lab)
        return requests

    def trial(self, **halt: t.Any) -> Trial:
        """On a new estate, kill a run and let others follow."""
        began = time.monotonic()
        self.begin()
        request = self.killed(**halt)
        problems = self.finished() if request else []
        return Trial(request, time.monotonic() - began, problems)

    def killed(self, **halt: t.Any) -> Json | None:
        """Kill a run at the point that the lab's Halt describes: the request there, None if the run ended before."""
        began = time.monotonic()
        self.lab.halt(**halt)
        started = self.start()
        while (request := self.lab.halted()) is None and started.process.poll() is None:
            assert time.monotonic() - began < SECONDS, "the run neither ended nor came to the point"
            time.sleep(0.02)
        kill(started)
        self.lab.go_on()
        return request

    def finished(self) -> list[str]:
        """What is wrong after a run, and another one, on what an interrupted run has left."""
        second = self.run()
        if second.rc:
            return [f"the run after it failed: {second.output[-3000:]}"]
        third = self.run()
        if third.rc:
            return [f"the third run failed: {third.output[-3000:]}"]
        return [f"the third run changed {item}" for item in changed(third)] + self.compare()

    def compare(self) -> list[str]:
        """What there is that an undisturbed run would not have made, or not so."""
        found = [line[:WIDTH] for line in differences(self.reference, whole_estate(self.lab))]
        return found[:SHOWN] + ([f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else [])


def family(pid: int) -> set[int]:
    """A process that we have started, with all that it has started. Ansible's workers have sessions of their own."""
    parents = {child: parent for child, (parent, _size) in resident().items()}
    found, more = set(), {pid} & parents.keys()
    while more:
        found |= more
        more = {child for child, parent in parents.items() if parent in more}
    return found


def kill(started: Started) -> None:
    """SIGKILL a run's every process. They are all stopped first: one that runs might start another meanwhile."""
    stopped: set[int] = set()
    while new := family(started.process.pid) - stopped:
        for pid in new:
            send(pid, signal.SIGSTOP)
        stopped |= new
    for pid in stopped:
        send(pid, signal.SIGKILL)
    started.process.communicate(timeout=30)


def send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:  # it has ended by itself
        pass


def main(arguments: t.Sequence[str] | None = None) -> int:
    """Every request of a run, one trial each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "-i", dest="topology", type=pathlib.Path, default=TOPOLOGY, help="the topology (default: %(default)s)"
    )
    parser.add_argument("--from", dest="first", type=int, default=1, metavar="K", help="begin with the K-th request")
    parser.add_argument("--to", dest="last", type=int, default=sys.maxsize, metavar="K", help="end with the K-th")
    parser.add_argument("--playbook", type=pathlib.Path, default=SITE, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="podreach-resume.") as name:
        lab = Lab.start(pathlib.Path(name) / ".lab")
        try:
            sites = Sites(lab, pathlib.Path(name))
            resuming = Resuming(sites, options.topology.absolute(), options.playbook.absolute())
            return table(resuming, options.first, options.last)
        finally:
            lab.stop()


def table(resuming: Resuming, first: int, last: int) -> int:
    """Print a line for each trial; 1 if any did not come to the reference, or if none was made."""
    requests = resuming.undisturbed()
    print(f"{len(requests)} requests of an undisturbed run change something.\n")
    print(f"{'k':>3}  {'killed after':<50} {'seconds':>7}  result", flush=True)
    good = bad = 0
    for count in itertools.count(first):
        if count > last:
            break
        trial = resuming.trial(count=count)
        if trial.request is None:
            break
        good, bad = (good, bad + 1) if trial.problems else (good + 1, bad)
        result = "differs" if trial.problems else "the same estate"
        print(f"{count:>3}  {trial.what:<50} {trial.seconds:>7.1f}  {result}", flush=True)
        for problem in trial.problems:
            print(f"       {problem}", flush=True)
    print(f"\n{good} of {good + bad} came to the same estate, without orphan and duplicate.")
    return 1 if bad or not good else 0


if __name__ == "__main__":
    sys.exit(main())
