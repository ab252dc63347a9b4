# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Standing still after a certain request: a program can be killed exactly there, and nothing of it goes on unseen.

The requests of all services count together. The one that it is about is carried out; its answer is withheld, and so are
those of requests that come after it, which are not carried out (but one that was being carried out meanwhile may be).
Every connection is held until its client has gone. The admin API answers as ever.
"""

from __future__ import annotations

import asyncio
import dataclasses
import re
import typing as t

from aiohttp import web

Json = dict[str, t.Any]


@dataclasses.dataclass
class Halt:
    """Stand still after the `count`-th mutating request of this method (of AWS, the action; empty: any) whose path has
    a match of this regular expression. A request that was refused counts as well."""

    count: int = 1
    method: str = ""
    path: str = ""
    met: int = dataclasses.field(default=0, init=False)
    request: Json | None = dataclasses.field(default=None, init=False)
    """What the log says of it, once the point is reached."""

    def see(self, entry: Json) -> None:
        """A request has been answered, so to speak, and is in the log."""
        if self.request is not None or not entry["mutating"]:
            return
        if (not self.method or self.method == entry["method"]) and re.search(self.path, entry["path"]):
            self.met += 1
            if self.met == self.count:
                self.request = entry


class Halting(t.Protocol):
    """What has a halt: the lab."""

    halt: Halt | None


async def withheld(lab: Halting, request: web.BaseRequest) -> bool:
    """Whether nothing may be done or answered since the lab stands still. If so, this has lasted until the client was
    gone, or until the halt was lifted, when the connection is closed without an answer."""
    halt = lab.halt
    if halt is None or halt.request is None:
        return False
    while lab.halt is halt and request.transport is not None and not request.transport.is_closing():
        await asyncio.sleep(0.01)
    if request.transport is not None:
        request.transport.abort()
    return True
