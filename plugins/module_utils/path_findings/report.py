# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report on findings and rows: sentences, a table of aligned lines, a verdict."""

from __future__ import annotations

import collections
import dataclasses
import textwrap
import typing as t

from .. import bgp
from .google import TUNNEL_DOWN
from .sheet import Finding, Row, Sheet

#: Characters that a line of the table may have: with what Ansible prints around it, it fits into 120 columns.
WIDTH = 109
#: Wider names push their own details aside, not those of all.
WIDEST_NAME = 44


def report(sheet: Sheet, *, proven: bool) -> dict[str, t.Any]:
    findings = sorted(sheet.findings, key=_rank)
    failing = [item for item in findings if item.fails]
    noted = [item for item in findings if not item.fails]
    proven = proven and not failing and not sheet.planned and not sheet.unproven
    state = "failed" if failing else "planned" if sheet.planned else "proven" if proven else "ok"
    if state == "ok" and sheet.unproven:
        state = "unproven"
    said = [f"{len(failing)} failing"] if failing else []
    said += [f"{len(noted)} to note"] if noted else []
    said += [f"{sheet.planned} not there yet"] if sheet.planned else []
    said += ["not everything was read or run"] if sheet.unproven else []
    said = said or ["every flow is as expected" if proven else "nothing wrong was read, no flow was tried"]
    warnings = list(dict.fromkeys(sheet.warnings))
    return {
        "ok": not failing,
        "proven": proven,
        "causes": list(dict.fromkeys(item.code for item in findings)),
        "findings": [dataclasses.asdict(item) for item in findings],
        "warnings": warnings,
        "rows": [dataclasses.asdict(item) for item in sheet.rows],
        "table": written([*sheet.rows, Row("result", "", state, ", ".join(said))]),
        "message": "; ".join(_sentences(findings)),
        "failures": _wrapped(_sentences(failing)),
        "notes": _wrapped([*_sentences(noted), *(f"warning: {text}" for text in warnings)]),
    }


def _sentences(findings: t.Sequence[Finding]) -> list[str]:
    """Findings in words, those with the same code and mend together."""
    groups: dict[tuple[str, str], list[str]] = collections.defaultdict(list)
    for item in findings:
        groups[item.code, item.mend].append(item.message)
    return [f"{code}: {', '.join(said)}" + (f": {mend}" if mend else "") for (code, mend), said in groups.items()]


def _rank(finding: Finding) -> tuple[bool, bool, int]:
    """Causes come before what follows from them, and flows last."""
    first = (TUNNEL_DOWN, bgp.OVER_LIMIT)
    place = first.index(finding.code) if finding.code in first else len(first)
    return finding.code.startswith("flow-"), not finding.fails, place


def written(rows: t.Sequence[Row]) -> list[str]:
    """The rows as aligned lines of :data:`WIDTH` characters at most, below a header."""
    head = Row("WHAT", "NAME", "STATE", "DETAIL")
    what = max(len(row.what) for row in [head, *rows])
    name = min(max(len(row.name) for row in [head, *rows]), WIDEST_NAME)
    state = max(len(row.state) for row in [head, *rows])
    before = what + name + state + 6
    lines = []
    for row in [head, *rows]:
        left = f"{row.what:{what}}  {row.name:{name}}  {row.state:{state}}  "
        if len(left) > before and row.detail:
            lines.append(left.rstrip())
            left = ""
        for part in textwrap.wrap(row.detail, max(WIDTH - before, 24), break_on_hyphens=False) or [""]:
            lines.append(f"{left:{before}}{part}".rstrip())
            left = ""
    return lines


def _wrapped(notes: t.Sequence[str]) -> list[str]:
    return [
        line
        for note in notes
        for line in textwrap.wrap(note, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    ]
