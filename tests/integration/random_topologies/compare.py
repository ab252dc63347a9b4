# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's kernel against the oracle: a topology is built, compared, changed, compared."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import random
import typing as t

from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

from . import world as w
from .build import Estate
from .generate import PORTS, Step, Topology
from .grounds import EmptyGround, Ground
from .oracle import MASQUERADED, Oracle
from .reports import Report, compare_reports

Json = dict[str, t.Any]
NOWHERE = ("10.200.5.7", "8.8.8.8")
#: Disagreements that are traced; one is enough to look into.
MOST_TRACES = 20


@dataclasses.dataclass
class Disagreement:
    """One flow on which the lab and the oracle differ."""

    seed: int
    step: str
    flow: w.Flow
    found: w.Verdict
    allowed: frozenset[w.Verdict]
    story: str
    trace: Json

    def __str__(self) -> str:
        allowed = " or ".join(sorted(str(verdict) for verdict in self.allowed))
        return (
            f"seed {self.seed}, {self.step}\nflow {self.flow}\nlab: {self.found}\noracle: {allowed}\n{self.story}\n"
            f"the lab's trace: {self.trace}"
        )


@dataclasses.dataclass
class Misreport:
    """One thing that an API says of BGP other than the oracle."""

    seed: int
    step: str
    report: Report

    def __str__(self) -> str:
        return f"seed {self.seed}, {self.step}\n{self.report}"


@dataclasses.dataclass
class Tally:
    """What was compared."""

    topologies: int = 0
    comparisons: int = 0
    flows: int = 0
    delivered: int = 0
    several: int = 0
    """Flows that may or may not arrive, or be answered."""
    skipped: int = 0
    """Flows beyond the documents."""
    again: int = 0
    """Flows that only agreed when they were asked once more; see `by_chance`."""
    reports: int = 0
    """What the APIs said of BGP."""
    disagreements: list[Disagreement | Misreport] = dataclasses.field(default_factory=list)

    def add(self, other: Tally) -> None:
        for field in dataclasses.fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))

    def __str__(self) -> str:
        return (
            f"{self.topologies} topologies, {self.comparisons} comparisons, {self.flows} flows ({self.delivered} "
            f"delivered, {self.several} open, {self.skipped} skipped, {self.again} asked again), "
            f"{self.reports} reports, {len(self.disagreements)} disagreements"
        )


def run(lab: Lab, seeds: t.Iterable[int], enough: int = 1, ground: Ground | None = None) -> Tally:
    """Compare the topologies of the seeds, until `enough` disagreements are found."""
    ground = ground or EmptyGround()
    tally = Tally()
    for seed in seeds:
        run_one(lab, seed, ground, tally, enough)
        if len(tally.disagreements) >= enough:
            break
    return tally


def run_together(
    labs: t.Sequence[Lab], seeds: t.Sequence[int], enough: int = 1, ground: type[Ground] = EmptyGround
) -> Tally:
    """The same with several labs at once, each with its share of the seeds: a lab waits more than it works."""
    grounds = [ground() for _lab in labs]
    shares = grounds[0].shares(seeds, len(labs))
    total = Tally()
    with concurrent.futures.ThreadPoolExecutor(len(labs)) as pool:
        for tally in pool.map(run, labs, shares, [enough] * len(labs), grounds):
            total.add(tally)
    return total


def run_one(lab: Lab, seed: int, ground: Ground, tally: Tally, enough: int = MOST_TRACES) -> None:
    """One topology, until `enough` disagreements are found."""
    topology: Topology = ground.topology(seed)
    estate = ground.estate(lab, seed)
    tally.topologies += 1
    try:
        for step in topology.steps:
            estate.take(step)
        compare(estate, topology.seed, None, tally, ground)
        for step in topology.changes:
            if len(tally.disagreements) >= enough:
                break
            estate.take(step)
            compare(estate, topology.seed, step, tally, ground)
    finally:
        estate.close()


def compare(estate: Estate, seed: int, step: Step | None, tally: Tally, ground: Ground) -> None:
    """All flows at this moment, and what is reported of BGP."""
    world = estate.read()
    oracle = Oracle(world)
    chance = random.Random(f"{seed} {step}")
    when = f"after {step}" if step else "as built"
    expected = {flow: oracle.verdicts(flow) for flow in ground.flows(flows(world, chance), world, chance)}
    asked = [flow for flow, allowed in expected.items() if allowed is not None]
    results = probe(estate.lab, world, asked)
    tally.comparisons += 1
    tally.flows += len(expected)
    tally.skipped += len(expected) - len(asked)
    for flow, found in zip(asked, results, strict=True):
        allowed = expected[flow]
        assert allowed is not None
        tally.delivered += found.delivered
        tally.several += len({(verdict.delivered, verdict.replied) for verdict in allowed}) > 1
        if not fits(flow, found, allowed) and by_chance(oracle, flow, found, allowed, bool(estate.skeleton)):
            tally.again += 1
            found = probe(estate.lab, world, [flow])[0]
        for _moment in oracle.bgp.flapping:
            if not fits(flow, found, allowed):
                found = probe(estate.lab, world, [flow])[0]
        if not fits(flow, found, allowed):
            enough_traces = len(tally.disagreements) >= MOST_TRACES
            trace = {} if enough_traces else estate.lab.admin("POST", "trace", question(world, flow))
            tally.disagreements.append(Disagreement(seed, when, flow, found, allowed, oracle.story(flow), trace))
    for report in compare_reports(estate, oracle.bgp) if estate.skeleton else ():
        tally.reports += 1
        if not report.agrees:
            tally.disagreements.append(Misreport(seed, when, report))


def fits(flow: w.Flow, found: w.Verdict, allowed: frozenset[w.Verdict]) -> bool:
    """Whether udp is answered is up to the program that gets it."""
    if flow.protocol != "udp":
        return found in allowed
    return any((item.delivered, item.source_seen) == (found.delivered, found.source_seen) for item in allowed)


def by_chance(oracle: Oracle, flow: w.Flow, found: w.Verdict, allowed: frozenset[w.Verdict], stays: bool) -> bool:
    """Whether luck may have let a packet pass. A port or identifier taken at random that an earlier connection had,
    which was still allowed then, passes every stateful firewall, in the lab as anywhere: those that masquerading takes,
    and where networks stay (`stays`) from topology to topology, the sender's own too."""
    luckier = all((found.delivered, found.replied) > (verdict.delivered, verdict.replied) for verdict in allowed)
    return luckier and (stays or MASQUERADED in oracle.story(flow))


def flows(world: w.World, chance: random.Random) -> list[w.Flow]:
    """Every sender to every other's address, and to addresses that nobody has; icmp, and tcp to one of the ports."""
    senders: dict[str, w.Address] = {item.path: item.address for item in world.instances if item.running}
    senders |= {pod.full_name: pod.address for pod in world.pods}
    senders |= {item.name: item.address for item in world.amazon.machines if item.running}
    targets = {item.address for item in world.instances} | {pod.address for pod in world.pods}
    targets |= {item.address for item in world.amazon.machines}
    targets |= {alias[3] for item in world.instances if item.pods is None for alias in item.aliases}
    targets |= {service.address for service in world.services}
    targets |= {w.address(text) for text in NOWHERE}
    for subnetwork in world.subnetworks:
        targets.add(chance.choice(subnetwork.ranges)[101])
    for item in world.instances:
        if item.pods is not None:
            targets.add(item.pods[99])
    ports = {service.address: port for service in world.services for kind, port, target in service.ports}
    found = []
    for sender, own in senders.items():
        for target in sorted(targets):
            if target != own:
                found.append(w.Flow(sender, str(target)))
                found.append(w.Flow(sender, str(target), "tcp", ports.get(target, chance.choice(PORTS))))
    return found


def probe(lab: Lab, world: w.World, asked: list[w.Flow]) -> list[w.Verdict]:
    answer = lab.admin("POST", "probes", {"flows": [question(world, flow) for flow in asked]})
    return [w.Verdict(item["delivered"], item["source_seen"], item["replied"]) for item in answer["results"]]


def question(world: w.World, flow: w.Flow) -> Json:
    """A flow in the lab's words."""
    name = flow.sender.rsplit("/", 1)[1] if flow.sender.startswith("projects/") else flow.sender
    body: Json = {"from": name, "to": flow.to, "protocol": flow.protocol}
    return body | ({"port": flow.port} if flow.port else {})
