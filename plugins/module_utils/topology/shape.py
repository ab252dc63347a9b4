# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds a document against argument specs: keys, types, choices, required keys. Knows nothing of networks.

The result is a copy in which every value that is wrong, or that cannot be judged yet (a template, a vaulted value), is
:data:`UNKNOWN`. Rules that look at the copy can thus trust every type, and one mistake makes one message.
"""

from __future__ import annotations

import dataclasses
import difflib
import typing as t


class Unknown:
    """Stands for a value that is there but cannot be judged."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: t.Final = Unknown()

Options = t.Mapping[str, t.Mapping[str, t.Any]]
"""Options as in a role's ``meta/argument_specs.yml``: name -> type, elements, options, choices, required, no_log."""


@dataclasses.dataclass(frozen=True)
class Problem:
    """One thing that is wrong (or doubtful): where, and what with which value and what to do."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


@dataclasses.dataclass
class Report:
    """Collects problems, each once, in the order in which they are found."""

    errors: list[Problem] = dataclasses.field(default_factory=list)
    warnings: list[Problem] = dataclasses.field(default_factory=list)

    def error(self, path: str, message: str) -> None:
        self._add(self.errors, path, message)

    def warning(self, path: str, message: str) -> None:
        self._add(self.warnings, path, message)

    @staticmethod
    def _add(problems: list[Problem], path: str, message: str) -> None:
        problem = Problem(path, message)
        if problem not in problems:
            problems.append(problem)


def nearest(name: str, candidates: t.Iterable[str]) -> str | None:
    """The candidate that ``name`` is most likely a misspelling of."""
    found = difflib.get_close_matches(name, list(candidates), n=1, cutoff=0.6)
    return found[0] if found else None


def suggest(name: str, candidates: t.Collection[str], nothing: str = "remove it") -> str:
    """What to do about a name that is none of ``candidates``."""
    close = nearest(name, candidates)
    if close is not None:
        return f"did you mean '{close}'?"
    return f"use one of {', '.join(candidates)}" if 0 < len(candidates) <= 12 else nothing


def join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def kind_of(value: t.Any) -> str:
    """What a YAML value is, in words and with its value, if that is short."""
    if value is None:
        return "nothing"
    if isinstance(value, t.Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, bool):
        return f"{'true' if value else 'false'} (a boolean)"
    if isinstance(value, (int, float)):
        return f"{value} (a number)"
    text = str(value)
    return f"'{text}'" if len(text) <= 80 else f"'{text[:77]}...'"


@dataclasses.dataclass
class Shape:
    """``is_opaque`` says of a value that it cannot be judged now; it must not decrypt anything."""

    report: Report
    is_opaque: t.Callable[[t.Any], bool]

    def mapping(
        self, value: t.Mapping[t.Any, t.Any], options: Options, path: str, not_here: t.Mapping[str, str] | None = None
    ) -> dict[str, t.Any]:
        """Check a mapping's keys and values. ``not_here``: options that may not stand here, each with what to do."""
        not_here = not_here or {}
        known = [name for name in options if name not in not_here]
        clean: dict[str, t.Any] = {}
        taken_for: set[str] = set()
        for key, item in value.items():
            if not isinstance(key, str):
                self.report.error(path, f"the key {kind_of(key)} is not text: put it in quotes")
            elif key in not_here:
                self.report.error(join(path, key), f"'{key}' cannot be set here: {not_here[key]}")
            elif key in options:
                clean[key] = self.value(item, options[key], join(path, key))
            else:
                self.report.error(join(path, key), f"'{key}' is not a known key: {suggest(key, known)}")
                taken_for.add(nearest(key, known) or "")
        for name, option in options.items():
            if name in clean or name in not_here:
                continue
            if name in taken_for:
                clean[name] = UNKNOWN
            elif option.get("required"):
                self.missing(path, name, option)
                clean[name] = UNKNOWN
        return clean

    def missing(self, path: str, name: str, option: t.Mapping[str, t.Any], todo: str = "") -> None:
        choices = option.get("choices")
        if not todo:
            todo = f"set it to {' or '.join(choices)}" if choices else "add it"
        self.report.error(join(path, name), f"'{name}' is missing: {todo}")

    def value(self, value: t.Any, option: t.Mapping[str, t.Any], path: str) -> t.Any:
        """Check one value; returns its clean copy."""
        if self.is_opaque(value):
            return UNKNOWN
        if value is None:
            self.report.error(path, "the key has no value: give it one or leave the key out")
            return UNKNOWN
        clean = getattr(self, f"_{option.get('type', 'str')}")(value, option, path)
        choices = option.get("choices")
        # A secret never has choices, so this shows none.
        if choices and isinstance(clean, str) and clean not in choices:
            close = nearest(clean.upper(), choices) or nearest(clean.lower(), choices)
            todo = f"did you mean '{close}'?" if close else f"use one of {', '.join(choices)}"
            self.report.error(path, f"'{clean}' is not one of {', '.join(choices)}: {todo}")
            return UNKNOWN
        return clean

    def _wrong(self, value: t.Any, option: t.Mapping[str, t.Any], path: str, wanted: str, todo: str) -> Unknown:
        got = "something else" if option.get("no_log") else kind_of(value)
        self.report.error(path, f"expected {wanted}, got {got}: {todo}")
        return UNKNOWN

    def _str(self, value: t.Any, option: t.Mapping[str, t.Any], path: str) -> t.Any:
        if isinstance(value, str):
            if not value.strip():
                self.report.error(path, f"'{value}' is empty: give it a value or leave the key out")
                return UNKNOWN
            return value
        if isinstance(value, int) and not isinstance(value, bool) and not option.get("no_log"):
            return str(value)  # a port, say; a number that YAML could have changed (1.30) is not accepted
        scalar = isinstance(value, (bool, float)) or not isinstance(value, (t.Mapping, list))
        return self._wrong(value, option, path, "text", "put it in quotes" if scalar else "write one value")

    _path = _str

    def _jsonarg(self, value: t.Any, option: t.Mapping[str, t.Any], path: str) -> t.Any:
        return value if isinstance(value, t.Mapping) else self._str(value, option, path)

    def _raw(self, value: t.Any, option: t.Mapping[str, t.Any], path: str) -> t.Any:
        return value

    def _int(self, value: t.Any, option: t.Mapping[str, t.Any], path: str) -> t.Any:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        return self._wrong(value, option, path, "a whole number", "write digits without quotes")

    def _bool(self, value: t.Any, option: t.Mapping[str, t.Any], path: str) -> t.Any:
        if isinstance(value, bool):
            return value
        return self._wrong(value, option, path, "true or false", "write one of them without quotes")

    def _list(self, value: t.Any, option: t.Mapping[str, t.Any], path: str) -> t.Any:
        if not isinstance(value, list):
            todo = "begin each item with '- '" if isinstance(value, t.Mapping) else "put it in [brackets]"
            return self._wrong(value, option, path, "a list", todo)
        element = {key: option[key] for key in ("options", "choices", "no_log") if key in option}
        element["type"] = option.get("elements", "str")
        return [self.value(item, element, f"{path}[{index}]") for index, item in enumerate(value)]

    def _dict(self, value: t.Any, option: t.Mapping[str, t.Any], path: str) -> t.Any:
        if not isinstance(value, t.Mapping):
            keys = list(option.get("options", {}))
            todo = f"write its keys ({', '.join(keys)}) below it" if keys else "write 'key: value' below it"
            return self._wrong(value, option, path, "a mapping", todo)
        if "options" not in option:
            return {str(key): UNKNOWN if self.is_opaque(item) else item for key, item in value.items()}
        return self.mapping(value, option["options"], path)
