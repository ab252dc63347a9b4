# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields of a resource: which option becomes which field of the API, how values are compared, how they change."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from ..engine import Grade, Step
from .client import relative

Json = dict[str, t.Any]


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def snake(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", lambda found: "_" + found.group(1).lower(), name).lower()


def to_api(value: t.Any) -> t.Any:
    """An option's value with the API's key names; what was not given is left out."""
    if isinstance(value, dict):
        return {camel(k): to_api(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [to_api(v) for v in value]
    return value


def full_path(value: str, project: str | None, where: str) -> str:
    """A resource's path from its URL in any form, or its bare name. ``where`` is its collection below the project."""
    owner, path = relative(value)
    return f"projects/{owner or project}/{path if '/' in path else f'{where}/{path}'}"


def dig(data: t.Any, path: str) -> t.Any:
    """The value at a dotted path, ``None`` where something on the way is missing."""
    for key in path.split("."):
        if not isinstance(data, dict):
            return None
        data = data.get(key)
    return data


def bury(data: Json, path: str, value: t.Any) -> None:
    """Set the value at a dotted path, making what is missing on the way."""
    *way, last = path.split(".")
    for key in way:
        data = data.setdefault(key, {})
    data[last] = value


class Kind:
    """How a field's values are compared and merged. This one: plain values."""

    def canonical(self, value: t.Any) -> t.Any:
        return value

    def same(self, one: t.Any, other: t.Any) -> bool:
        return bool(self.canonical(one) == self.canonical(other))

    def merged(self, current: t.Any, wanted: t.Any, *, exact: bool) -> t.Any:
        """What the field shall be: the wanted value, with what the caller did not mention kept unless ``exact``."""
        return wanted

    def removed(self, current: t.Any, after: t.Any) -> list[str]:
        """What of the current value is gone afterwards, in words."""
        return []


class Default(Kind):
    """A plain value that the API may leave out when it is this."""

    def __init__(self, default: t.Any) -> None:
        self.default = default

    def canonical(self, value: t.Any) -> t.Any:
        return self.default if value is None else value


class Block(Kind):
    """A range that may be given as an exact CIDR, or as a size (``/14``) that any range of that size fulfils."""

    def same(self, one: t.Any, other: t.Any) -> bool:
        if isinstance(other, str) and other.startswith("/"):
            return str(one).endswith(other)
        return bool(one == other)


class Number(Kind):
    """A number that the API writes as a string (int64)."""

    def canonical(self, value: t.Any) -> t.Any:
        return None if value is None else int(value)


class Link(Kind):
    """A resource's URL, in any of its forms; a bare name is the last part, and may be in any project."""

    def canonical(self, value: t.Any) -> t.Any:
        return None if value is None else relative(value)[1].rsplit("/", 1)[-1]

    def same(self, one: t.Any, other: t.Any) -> bool:
        projects = {relative(value)[0] for value in (one, other) if value} - {""}
        return super().same(one, other) and len(projects) < 2


class Names(Kind):
    """A list of plain values whose order means nothing."""

    def canonical(self, value: t.Any) -> t.Any:
        return sorted(value or [])

    def merged(self, current: t.Any, wanted: t.Any, *, exact: bool) -> t.Any:
        kept = [] if exact else [item for item in current or [] if item not in wanted]
        return kept + list(dict.fromkeys(wanted))

    def removed(self, current: t.Any, after: t.Any) -> list[str]:
        return [str(item) for item in current or [] if item not in (after or [])]


class Whole(Names):
    """A list whose order means nothing and which is always given as a whole."""

    def merged(self, current: t.Any, wanted: t.Any, *, exact: bool) -> t.Any:
        return list(dict.fromkeys(wanted))


class Keyed(Kind):
    """A list of objects told apart by a key, whose order means nothing. Unmentioned objects and fields are kept."""

    def __init__(self, *key: str) -> None:
        self.key = key

    def keys(self, value: t.Any) -> dict[tuple[str, ...], Json]:
        return {tuple(str(item.get(part, "")) for part in self.key): item for item in value or []}

    def canonical(self, value: t.Any) -> t.Any:
        return self.keys(value)

    def merged(self, current: t.Any, wanted: t.Any, *, exact: bool) -> t.Any:
        now, want = self.keys(current), self.keys(wanted)
        kept = [] if exact else [item for key, item in now.items() if key not in want]
        return kept + [{**now.get(key, {}), **item} for key, item in want.items()]

    def removed(self, current: t.Any, after: t.Any) -> list[str]:
        left = self.keys(after)
        return [" ".join(key) for key in self.keys(current) if key not in left]


class Labels(Kind):
    """A map of which the caller mentions some keys."""

    def canonical(self, value: t.Any) -> t.Any:
        return value or {}

    def merged(self, current: t.Any, wanted: t.Any, *, exact: bool) -> t.Any:
        return {**(current or {}), **wanted}


class Items(Keyed):
    """Objects told apart by name, each of whose fields is of a kind of its own.

    An item whose ``state`` is absent is taken out. ``None`` as a field's value takes the field away.
    """

    def __init__(self, kinds: t.Mapping[str, Kind], whole: t.Collection[str] = ()) -> None:
        super().__init__("name")
        self.kinds = kinds
        #: fields whose lists the items name completely
        self.whole = whole

    def merged(self, current: t.Any, wanted: t.Any, *, exact: bool) -> t.Any:
        now, result = self.keys(current), {} if exact else self.keys(current)
        for key, item in self.keys(wanted).items():
            if item.get("state") == "absent":
                result.pop(key, None)
            else:
                result[key] = self.item(now.get(key, {}), item)
        return list(result.values())

    def item(self, now: Json, wanted: Json) -> Json:
        """One item as it shall be; what means the same stays as it is written."""
        after = {name: value for name, value in now.items() if wanted.get(name, value) is not None}
        for name, value in wanted.items():
            if value is None or name == "state":
                continue
            kind = self.kinds.get(name, Kind())
            value = kind.merged(now.get(name), value, exact=name in self.whole)
            if not kind.same(now.get(name), value):
                after[name] = value
        return after


# -- how a field changes


@dataclass(frozen=True)
class Fixed:
    """Set at creation only. ``because`` says why or what to do instead; ``code`` names the refusal."""

    because: str = "it is fixed at creation"
    code: str = "fixed-at-creation"


@dataclass(frozen=True)
class Patch:
    """Part of the resource's patch. ``grade`` judges the change from the current to the new value."""

    grade: t.Callable[[t.Any, t.Any], Grade] = lambda old, new: Grade.SAFE


@dataclass(frozen=True)
class Via:
    """A call of its own: given the resource, its current object, and the new value of the field, the steps."""

    steps: t.Callable[[t.Any, Json, t.Any], t.Sequence[Step]]


@dataclass(frozen=True)
class CreateOnly:
    """Only the create call takes it; afterwards it says nothing (a count that autoscaling changes, say)."""


@dataclass(frozen=True)
class Field:
    """One field: the API's dotted path, the option at the same path in snake_case, and how it behaves."""

    path: str
    change: Fixed | Patch | Via | CreateOnly = field(default_factory=Fixed)
    kind: Kind = field(default_factory=Kind)
    #: the option that makes a merged list exact
    purge: str | None = None
    #: turns the option's value into the API's
    encode: t.Callable[[t.Any], t.Any] = to_api
    #: the option's dotted path, where the API's name is not simply in another case (IPAddress)
    option: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "option", self.option or ".".join(snake(part) for part in self.path.split(".")))

    def wanted(self, params: t.Mapping[str, t.Any]) -> t.Any:
        """The API's value for what the caller said, ``None`` if nothing was said."""
        value = dig(params, self.option)
        return None if value is None else self.encode(value)


@dataclass(frozen=True)
class Request:
    """A change as HTTP: where, and with which body and query."""

    method: str
    path: str
    body: Json | None = None
    query: t.Mapping[str, t.Any] = field(default_factory=dict)


def disruptive_if_less(kind: Kind) -> t.Callable[[t.Any, t.Any], Grade]:
    """A grade: taking something away may cut traffic, adding does not."""
    return lambda old, new: Grade.DISRUPTIVE if kind.removed(old, new) else Grade.SAFE


def disruptive(old: t.Any, new: t.Any) -> Grade:
    return Grade.DISRUPTIVE
