# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the golden vectors beside this file and hands each one to the check that answers its question.

A group of vectors is one file, ``GROUP.yml``; its head explains the keys. The vectors were written apart from the code
they judge, so a failing one is a question to both sides and never a reason to edit the data: :func:`digest` tells of
edits.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
import typing as t

import yaml

HERE = pathlib.Path(__file__).resolve().parent

#: Questions that only a running API server, or a module talking to one, can answer.
LAB_KINDS = ("validate compute.", "validate container.", "change ")


@dataclasses.dataclass(frozen=True)
class Vector:
    """One golden vector; ``given``, ``ask`` and ``expect`` are as in the file."""

    id: str
    group: str
    given: dict[str, t.Any]
    ask: dict[str, t.Any]
    expect: dict[str, t.Any]
    source: list[str]
    confidence: str
    note: str

    @property
    def kind(self) -> str:
        """What is asked, less its particulars: ``flow``, ``max_nodes``, ``change nodeCount``, ``validate METHOD``."""
        if "from" in self.ask:
            return "flow"
        (question,) = self.ask
        inner = self.ask[question]
        if question == "validate" and "method" in inner:
            return f"validate {inner['method']}"
        if question == "validate":
            return "change " + "+".join(sorted(inner["change"]))
        if question == "route":
            return "route " + "+".join(sorted(inner))
        return str(question)

    @property
    def needs_lab(self) -> bool:
        """Whether the question is put to an API method or to an estate that exists."""
        return self.kind.startswith(LAB_KINDS)


def _data(group: str) -> list[dict[str, t.Any]]:
    """The vectors of one group as plain data."""
    data: list[dict[str, t.Any]] = yaml.safe_load((HERE / f"{group}.yml").read_text(encoding="utf-8"))
    return data


def load(group: str) -> list[Vector]:
    """The vectors of one group, in the order of the file; an unknown key or a double id is an error."""
    vectors = []
    for item in _data(group):
        source, note = item.pop("source"), item.pop("note", "")
        vectors.append(Vector(source=[source] if isinstance(source, str) else source, note=note, **item))
    seen = [vector.id for vector in vectors]
    if len(set(seen)) != len(seen):
        raise ValueError(f"{group}.yml: an id is used twice")
    if wrong := [vector.id for vector in vectors if vector.group != group]:
        raise ValueError(f"{group}.yml: these vectors belong to another group: {wrong}")
    return vectors


def digest(group: str) -> str:
    """SHA-256 (hex) over the group's data as canonical JSON: layout and comments may change, data may not."""
    canonical = json.dumps(_data(group), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


Check = t.Callable[..., None]


@dataclasses.dataclass(frozen=True)
class Answer:
    """How one kind of question is answered: the check, and the keys that it reads and judges."""

    check: Check
    reads: frozenset[str]
    judges: frozenset[str]


class Answers:
    """A table from kinds of questions to checks.

    A check that overlooks part of what is given or expected would pass for the wrong reason, so each one names the keys
    of ``given`` it reads and of ``expect`` it judges, and :meth:`run` fails on any other.
    """

    def __init__(self) -> None:
        self._table: dict[str, Answer] = {}

    def __contains__(self, vector: object) -> bool:
        return isinstance(vector, Vector) and vector.kind in self._table

    def to(self, kind: str, *, reads: t.Iterable[str], judges: t.Iterable[str]) -> t.Callable[[Check], Check]:
        """Decorator: the function answers questions of this kind."""

        def register(check: Check) -> Check:
            if kind in self._table:
                raise ValueError(f"two checks answer '{kind}'")
            self._table[kind] = Answer(check, frozenset(reads), frozenset(judges))
            return check

        return register

    def judged(self, vector: Vector) -> frozenset[str]:
        """The keys of ``expect`` that this table judges for the vector; none where it does not take it."""
        answer = self._table.get(vector.kind)
        return answer.judges if answer else frozenset()

    def run(self, vector: Vector, *args: t.Any, partly: bool = False) -> None:
        """Put the vector to its check, with ``args`` after it. ``partly``: other tables judge the rest."""
        answer = self._table.get(vector.kind)
        assert answer is not None, f"{vector.id}: nothing answers '{vector.kind}'"
        unread = set(vector.given) - answer.reads
        assert not unread, f"{vector.id}: the check of '{vector.kind}' does not read {sorted(unread)} of what is given"
        unjudged = set(vector.expect) - answer.judges
        assert partly or not unjudged, f"{vector.id}: the check of '{vector.kind}' does not judge {sorted(unjudged)}"
        answer.check(vector, *args)
