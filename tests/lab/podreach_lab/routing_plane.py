# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The seam where BGP joins: who tells the compute API what its Cloud Routers' sessions really do.

The API builds getRouterStatus from a RoutingPlane. `NoBgp`, used while the lab has no data plane, says of every
configured peer that it is down and has exchanged nothing.
"""

from __future__ import annotations

import dataclasses
import typing as t

Json = dict[str, t.Any]


@dataclasses.dataclass
class Session:
    """One BGP session as its router sees it. Routes are compute Route bodies."""

    up: bool = False
    state: str = "Connect"
    seconds_up: int = 0
    learned: int = 0
    advertised: list[Json] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class RouterView:
    """What a router knows: its sessions by peer name, and the best routes of its region and its own."""

    sessions: dict[str, Session] = dataclasses.field(default_factory=dict)
    best_routes: list[Json] = dataclasses.field(default_factory=list)
    best_routes_for_router: list[Json] = dataclasses.field(default_factory=list)


class RoutingPlane(t.Protocol):
    """What a data plane offers to the API."""

    def view(self, router: str) -> RouterView:
        """The state of the router at that path."""

    def reset(self) -> None:
        """Forget everything."""


class NoBgp:
    """No data plane: sessions are configured and down."""

    def view(self, router: str) -> RouterView:
        return RouterView()

    def reset(self) -> None:
        return None
