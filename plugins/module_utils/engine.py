# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How everything is changed: read, plan, apply one step, read and plan again, until nothing is left to do.

``changed``, the diff and check mode all come from the same plan, and the read that finds nothing left to do is the
verification. Nothing here knows a cloud: a :class:`Resource` reads, plans and sends; see ``gcp/resource.py``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import typing as t
from dataclasses import dataclass, field

from .errors import ApiError, Conflict, InvalidInput, PodreachError, Refused, raise_all

#: How often one resource is planned again because somebody else changed it meanwhile.
MAX_CONFLICTS = 5
#: How often a change that was accepted is looked for before it counts as lost.
MAX_READS = 4
#: How many steps one resource may need before it counts as one that never comes to rest (another tool undoes them).
MAX_STEPS = 50


class Grade(enum.StrEnum):
    """What a step may do to traffic that flows now."""

    SAFE = "safe"
    DISRUPTIVE = "disruptive"
    DESTRUCTIVE = "destructive"


@dataclass(frozen=True)
class Step:
    """One call that changes the estate.

    ``action`` is create, update, replace or delete; ``fields`` names what differs; ``request`` is understood by the
    resource that made the step. Two steps with the same action and summary are the same step.
    """

    action: str
    summary: str
    request: t.Any
    grade: Grade = Grade.SAFE
    fields: tuple[str, ...] = ()

    def as_result(self) -> dict[str, t.Any]:
        return {
            "action": self.action,
            "summary": self.summary,
            "grade": self.grade.value,
            "fields": list(self.fields),
        }


@dataclass(frozen=True)
class Plan:
    """What a resource is, what it shall be, and the steps between. No steps: nothing to do."""

    before: dict[str, t.Any] | None
    after: dict[str, t.Any] | None
    steps: tuple[Step, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Consent:
    """What the caller allows beyond safe changes. ``replaceable`` are names beside the one that was confirmed."""

    allow_disruption: bool = False
    confirm_replace: str | None = None
    replaceable: frozenset[str] = frozenset()

    def replaces(self, name: str) -> bool:
        return name == self.confirm_replace or name in self.replaceable


class Resource(t.Protocol):
    """One thing in a cloud, with what the caller wants of it."""

    @property
    def name(self) -> str:
        """Its own name, as the caller confirms a replacement by it."""

    @property
    def label(self) -> str:
        """Kind and full name, as messages show it."""

    def read(self) -> dict[str, t.Any] | None:
        """The current object, ``None`` if there is none."""

    def plan(self, current: dict[str, t.Any] | None, *, check_mode: bool) -> Plan:
        """What to do about it. May read more, changes nothing. Raises :class:`Refused` for what may not be done."""

    def send(self, step: Step) -> str | None:
        """Do one step. Returns the name of an operation that was begun and not waited for."""

    def settle(self, current: dict[str, t.Any] | None) -> tuple[dict[str, t.Any] | None, str | None]:
        """Adopt an operation that is already in flight: wait for it, or return its name. Else the object as it is."""

    def lost(self, plan: Plan, observed: dict[str, t.Any] | None) -> list[str]:
        """What the plan left in place and a later read no longer shows."""

    def exclusive(self) -> contextlib.AbstractContextManager[t.Any] | None:
        """A lock to hold from read to verification, where writers must not overlap."""

    def word(self, option: str, value: str) -> str:
        """How the caller gives an option, as a message says it."""

    def pause(self, attempt: int) -> None:
        """Let some time pass before the resource is looked at again, more with each attempt."""


class Usual:
    """What most resources answer: others may write meanwhile, options are called as they are, nothing else vanishes."""

    def exclusive(self) -> contextlib.AbstractContextManager[t.Any] | None:
        return None

    def word(self, option: str, value: str) -> str:
        return f"{option}: {value}"

    def lost(self, plan: Plan, observed: dict[str, t.Any] | None) -> list[str]:
        return []


@dataclass
class Outcome:
    """What became of one resource. ``operation`` is set where something still goes on."""

    resource: Resource
    plan: Plan
    steps: list[Step] = field(default_factory=list)
    observed: dict[str, t.Any] | None = None
    operation: str | None = None

    @property
    def changed(self) -> bool:
        return bool(self.steps)


def prepare(resources: t.Sequence[Resource], consent: Consent, *, check_mode: bool) -> list[Outcome]:
    """Read and plan everything; refuse everything that must be refused, at once and before the first change."""
    outcomes: list[Outcome] = []
    refusals: list[PodreachError] = []
    for resource in resources:
        try:
            current, operation = resource.settle(resource.read())
            plan = Plan(None, None) if operation else resource.plan(current, check_mode=check_mode)
            unallowed = missing_consent(resource, plan, consent)
            if check_mode:
                plan = dataclasses.replace(plan, warnings=(*plan.warnings, *(str(refusal) for refusal in unallowed)))
            else:
                refusals.extend(unallowed)
        except (Refused, InvalidInput) as refusal:
            refusals.append(refusal)
            continue
        outcomes.append(Outcome(resource, plan, observed=current, operation=operation))
    raise_all(refusals)
    return outcomes


def missing_consent(resource: Resource, plan: Plan, consent: Consent) -> list[Refused]:
    """The refusals for steps that need the caller's explicit word and do not have it."""
    refusals = []
    for step in plan.steps:
        if step.action == "replace" and not consent.replaces(resource.name):
            refusals.append(
                Refused(
                    f"{resource.label}: {step.summary}: this replaces it. Say "
                    f"{resource.word('confirm_replace', resource.name)} to do it.",
                    code="replace-not-confirmed",
                    resource=resource.label,
                )
            )
        elif step.grade is Grade.DISRUPTIVE and not consent.allow_disruption:
            refusals.append(
                Refused(
                    f"{resource.label}: {step.summary}: this may cut traffic that flows now. "
                    f"Say {resource.word('allow_disruption', 'true')} to do it.",
                    code="disruption-not-allowed",
                    resource=resource.label,
                )
            )
    return refusals


def converge(resources: t.Sequence[Resource], consent: Consent, *, check_mode: bool) -> list[Outcome]:
    """Bring all resources, in the order given, to what the caller wants. In check mode, say what would be done."""
    outcomes = prepare(resources, consent, check_mode=check_mode)
    if check_mode:
        for outcome in outcomes:
            outcome.steps = list(outcome.plan.steps)
        return outcomes
    anything_done = False
    for outcome in outcomes:
        try:
            if outcome.plan.steps:
                _apply(outcome, consent)
        except Exception as error:
            # whoever reports it must know that something was changed before it happened
            error.changed = anything_done or outcome.changed  # type: ignore[attr-defined]  # ours has it, others take it
            raise
        anything_done = anything_done or outcome.changed
    return outcomes


def _apply(outcome: Outcome, consent: Consent) -> None:
    resource = outcome.resource
    lock = resource.exclusive()
    with lock or contextlib.nullcontext():
        plan = outcome.plan
        if lock:
            plan = _plan_again(outcome, consent, done=None)
        conflicts = 0
        while plan.steps:
            step = plan.steps[0]
            if len(outcome.steps) >= MAX_STEPS:
                raise ApiError(
                    f"{resource.label}: after {MAX_STEPS} changes it is still not as wanted (next: {step.summary}). "
                    "Something else keeps changing it: find out what, and stop one of the two.",
                    code="not-in-force",
                    resource=resource.label,
                )
            try:
                outcome.operation = resource.send(step)
            except Conflict as conflict:
                conflicts += 1
                if conflicts > MAX_CONFLICTS:
                    raise
                resource.pause(conflicts)
                plan = _plan_again(outcome, consent, done=None)
                if conflict.unsure and not _again(step, plan):
                    # the answer was lost, the change was not
                    outcome.steps.append(step)
                continue
            outcome.steps.append(step)
            if outcome.operation:
                return
            plan = _plan_again(outcome, consent, done=(plan, step))


def _again(step: Step, plan: Plan) -> bool:
    """Whether a plan wants this step still."""
    return any((other.action, other.summary) == (step.action, step.summary) for other in plan.steps)


def _plan_again(outcome: Outcome, consent: Consent, done: tuple[Plan, Step] | None) -> Plan:
    """Read and plan; after a step that was done, make sure that it shows and that nothing else vanished with it.

    Where something still goes on that this call does not wait for, the outcome names it and the plan is empty.
    """
    resource, plan = outcome.resource, Plan(None, None)
    for reading in range(MAX_READS):
        if reading:
            resource.pause(reading)
        outcome.observed, outcome.operation = resource.settle(resource.read())
        if outcome.operation:
            return Plan(None, None)
        plan = resource.plan(outcome.observed, check_mode=False)
        if not done or not _again(done[1], plan):
            break
        if reading + 1 == MAX_READS:
            raise ApiError(
                f"{resource.label}: {done[1].summary}: the API accepted this, but reading it back does not show it.",
                code="not-in-force",
                resource=resource.label,
            )
    if done:
        lost = resource.lost(done[0], outcome.observed)
        if lost:
            raise ApiError(
                f"{resource.label}: after '{done[1].summary}' these are gone, though nobody asked for it: "
                f"{', '.join(lost)}. Another writer may have overwritten them at the same moment: restore them.",
                code="lost-update",
                resource=resource.label,
            )
    raise_all(missing_consent(resource, plan, consent))
    return plan
