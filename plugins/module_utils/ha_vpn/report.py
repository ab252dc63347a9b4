# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was done, or would be: the steps and diffs of everything that a VPN consists of, in order."""

from __future__ import annotations

import dataclasses
import typing as t

from ..engine import Outcome, Plan, Resource, Step
from ..gcp.task import diff
from .slots import Json, hidden, plain


@dataclasses.dataclass
class Report:
    """``words`` are the addresses that summaries name otherwise, so that those of check mode are those of the run;
    ``unknown`` the addresses that stand for ones that nobody knows yet."""

    rows: list[tuple[str, Step]] = dataclasses.field(default_factory=list)
    diffs: list[Json] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    operations: list[str] = dataclasses.field(default_factory=list)
    words: dict[str, str] = dataclasses.field(default_factory=dict)
    unknown: dict[str, str] = dataclasses.field(default_factory=dict)

    def planned(self, resource: Resource, plan: Plan, steps: t.Sequence[Step] | None = None) -> None:
        """A plan as it is, or with other steps."""
        taken = list(plan.steps if steps is None else steps)
        self.warnings += plan.warnings
        if taken:
            self.rows += [(resource.label, step) for step in taken]
            self.diffs.append(diff(Outcome(resource, plan, steps=taken)))

    def done(self, outcomes: t.Sequence[Outcome], summary: str | None = None) -> None:
        """What became of resources; ``summary`` replaces that of their steps."""
        for outcome in outcomes:
            self.warnings += outcome.plan.warnings
            if outcome.operation:
                self.operations.append(outcome.operation)
            steps = outcome.steps
            if summary:
                steps = outcome.steps = [dataclasses.replace(step, summary=summary) for step in steps]
            if steps:
                self.rows += [(outcome.resource.label, step) for step in steps]
                self.diffs.append(diff(outcome))

    @property
    def changed(self) -> bool:
        return bool(self.rows)

    def plan(self) -> list[Json]:
        return [{"resource": label, **hidden(plain(step.as_result()), self.words)} for label, step in self.rows]

    def shown_diffs(self) -> list[Json]:
        headers = ("before_header", "after_header")
        return [
            {key: hidden(plain(value), self.words if key in headers else self.unknown) for key, value in item.items()}
            for item in self.diffs
        ]
