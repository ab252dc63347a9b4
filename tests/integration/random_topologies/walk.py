# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a walk is made of: packets, what is remembered of a connection, and the ends a walk may come to."""

from __future__ import annotations

import dataclasses
import typing as t

from . import world as w

T = t.TypeVar("T")


class Dropped(Exception):
    """The packet died; the text says why."""


class BeyondTheDocuments(Exception):
    """Nobody says what happens."""


@dataclasses.dataclass(frozen=True)
class Packet:
    """`port` is the server's port in both directions."""

    source: w.Address
    destination: w.Address
    protocol: str
    port: int
    reply: bool = False

    def __str__(self) -> str:
        return f"{'reply ' if self.reply else ''}{self.source} > {self.destination} {self.protocol}/{self.port}"


@dataclasses.dataclass
class Memory:
    """What the networks and the nodes remember of one connection."""

    passed: set[tuple[str, w.Address, w.Address]] = dataclasses.field(default_factory=set)
    """Instance, source and destination of requests that its firewall let through."""
    masqueraded: dict[str, tuple[w.Address, w.Address]] = dataclasses.field(default_factory=dict)
    """By node: the request's source, and what it was replaced by."""
    services: dict[str, Packet] = dataclasses.field(default_factory=dict)
    """By node: the request before its destination was replaced."""
    hops: int = 0


class Choose(t.Protocol):
    """Takes every one of the options in turn, walk after walk."""

    def __call__(self, options: t.Sequence[T], why: str) -> T: ...


class Tell(t.Protocol):
    """Notes a step for people."""

    def __call__(self, text: str) -> None: ...


class Fork:
    """Runs a walk once for every sequence of open decisions."""

    def __init__(self) -> None:
        self.script: list[int] = []
        self.sizes: list[int] = []
        self.at = 0

    def choose(self, options: t.Sequence[T]) -> T:
        if len(options) == 1:
            return options[0]
        if self.at == len(self.script):
            self.script.append(0)
            self.sizes.append(len(options))
        taken = options[self.script[self.at]]
        self.at += 1
        return taken

    def advance(self) -> bool:
        """Prepare the next walk; False when all were made."""
        self.at = 0
        while self.script and self.script[-1] + 1 == self.sizes[-1]:
            self.script.pop()
            self.sizes.pop()
        if self.script:
            self.script[-1] += 1
        return bool(self.script)
