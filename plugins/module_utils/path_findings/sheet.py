# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes out of a judgement while it grows: findings, rows of the table, warnings."""

from __future__ import annotations

import dataclasses
import typing as t

from .. import addressing

Json = t.Mapping[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something that is not as it should be: a code of the diagnosis, a sentence, the resource, what to do about it.

    ``fails`` is false where traffic still passes. Where ``mend`` is empty, the message says what to do.
    """

    code: str
    message: str
    where: str
    mend: str = ""
    fails: bool = True


@dataclasses.dataclass(frozen=True)
class Row:
    """A line of the table."""

    what: str
    name: str
    state: str
    detail: str = ""


@dataclasses.dataclass(frozen=True)
class Asked:
    """What is asked of a path.

    ``redundancy``: a lost tunnel or session is a failure even while others carry the traffic. ``planned``: nothing has
    been made yet (check mode), so that what is not there is no failure. ``router`` and ``vpn_gateway`` are names that
    the looking was confined to.
    """

    ranges: tuple[addressing.Range, ...] = ()
    redundancy: bool = False
    planned: bool = False
    router: str | None = None
    vpn_gateway: str | None = None


@dataclasses.dataclass
class Sheet:
    """What comes out, as it grows. ``absent`` counts what is not there yet, ``unproven`` what was not read or run."""

    asked: Asked
    rows: list[Row] = dataclasses.field(default_factory=list)
    findings: list[Finding] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    planned: int = 0
    unproven: int = 0

    def row(self, what: str, name: str, state: str, detail: str = "") -> None:
        self.rows.append(Row(what, name, state, detail))

    def find(self, code: str, where: str, message: str, mend: str = "", *, fails: bool = True) -> None:
        """Each once, though several flows may fail by it."""
        found = Finding(code, message, where, mend, fails)
        if found not in self.findings:
            self.findings.append(found)

    @property
    def sound(self) -> bool:
        """Whether nothing that fails was found so far."""
        return not any(finding.fails for finding in self.findings)

    def warn(self, text: str) -> None:
        """Something that would have told a cause could not be read, or says no more than this."""
        self.warnings.append(text)
        self.unproven += 1

    def unknown(self, what: str, whether: str) -> None:
        self.warn(f"{what} could not be read, so it is not known whether {whether}")

    def absent(self, what: str, name: str, code: str, message: str, mend: str) -> None:
        """Something is not there: planned before the first run, a failure otherwise."""
        if self.asked.planned:
            self.later(what, name, message)
        else:
            self.row(what, name, "not there")
            self.find(code, name, message, mend)

    def later(self, what: str, name: str, detail: str) -> None:
        """Something is to come about."""
        self.row(what, name, "planned", detail)
        self.planned += 1

    def unread(self, what: str, answer: Json) -> None:
        """Something could not be read."""
        self.row(what, "", "not read")
        code = str((answer.get("error") or {}).get("code") or "not-read")
        self.find(code, what, str(answer.get("msg") or "there was no answer"))
        self.unproven += 1


def last(link: t.Any) -> str:
    """The name at the end of a URL."""
    return str(link or "").rpartition("/")[2]


def count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
