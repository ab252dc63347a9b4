# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nft text, built so that every drop has a named counter and every counter a meaning."""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t

from .plan import Link, Namespace
from .view import Range, short


@dataclasses.dataclass(frozen=True)
class Drop:
    """What a drop counter stands for."""

    reason: str
    detail: str


@dataclasses.dataclass
class Part:
    """Some namespaces of a plan, the links of these, and what drops in them mean: by namespace and counter, and by
    namespace, table and destination."""

    namespaces: dict[str, Namespace] = dataclasses.field(default_factory=dict)
    links: set[Link] = dataclasses.field(default_factory=set)
    drops: dict[tuple[str, str], Drop] = dataclasses.field(default_factory=dict)
    nowhere: dict[tuple[str, int, str], Drop] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Ruleset:
    """One table being written."""

    name: str
    drops: dict[str, Drop] = dataclasses.field(default_factory=dict)
    counters: set[str] = dataclasses.field(default_factory=set)
    parts: list[str] = dataclasses.field(default_factory=list)

    def drop(self, reason: str, detail: str, verdict: str = "drop") -> str:
        """A statement that counts and drops."""
        name = "d" + short(reason, detail)
        self.drops[name] = Drop(reason, detail)
        self.counters.add(name)
        return f"counter name {name} {verdict}"

    def count(self, name: str) -> str:
        self.counters.add(name)
        return f"counter name {name}"

    def chain(self, name: str, lines: t.Iterable[str], hook: str = "") -> None:
        body = [f"  type {hook};"] if hook else []
        body += [f"  {line}" for line in lines]
        self.parts.append("\n".join([f" chain {name} {{", *body, " }"]))

    def set(self, name: str, kind: str, elements: t.Iterable[str], flags: str = "") -> None:
        body = [f"  type {kind};"] + ([f"  flags {flags};"] if flags else [])
        body.append(f"  elements = {{ {', '.join(dict.fromkeys(elements))} }}")
        self.parts.append("\n".join([f" set {name} {{", *body, " }"]))

    def text(self) -> str:
        """The whole table."""
        counters = [f" counter {name} {{ }}" for name in sorted(self.counters)]
        return "\n".join([f"table ip {self.name} {{", *counters, *self.parts, "}", ""])


def dead() -> Ruleset:
    """Of a machine that takes nothing and sends nothing, what it would pass on included."""
    table = Ruleset("dead")
    dropped = dead_drop(table)
    for hook in ("prerouting", "output"):
        table.chain(hook, [dropped], f"filter hook {hook} priority -400; policy accept")
    return table


def dead_drop(table: Ruleset) -> str:
    return table.drop("instance-dead", "the instance neither sends nor answers")


def ranges(found: t.Iterable[str | Range]) -> str:
    """A set of addresses as nft wants it, without overlaps; '' for everywhere."""
    merged = list(ipaddress.collapse_addresses(Range(str(item)) for item in found))
    if any(item.prefixlen == 0 for item in merged):
        return ""
    return "{ " + ", ".join(map(str, merged)) + " }"


def ports(found: t.Iterable[tuple[int, int]]) -> str:
    """Ranges of ports, without overlaps."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(found):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return "{ " + ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in merged) + " }"


def verdict_map(device: str, jumps: t.Mapping[str, str]) -> str:
    """Jump to a chain by interface; '' when there is none."""
    if not jumps:
        return ""
    entries = ", ".join(f'"{name}" : jump {chain}' for name, chain in sorted(jumps.items()))
    return f"{device} vmap {{ {entries} }}"
