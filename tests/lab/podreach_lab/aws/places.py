# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a region's store is: the lab around it, and the values that differ in the whole lab."""

from __future__ import annotations

import ipaddress
import typing as t

from ..state import State
from .tunnel_options import LINK_LOCAL, RESERVED

OUTSIDE = (ipaddress.IPv4Network("203.0.113.0/24"), ipaddress.IPv4Network("198.51.100.0/24"))
"""Of AWS's ends of tunnels. AWS's are public; these are reserved for documentation (RFC 5737) and nobody's."""
KEY_CHARACTERS = "123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._"


def advance(item: t.Any, before: str, after: str) -> None:
    """Into the next state, unless something else has happened meanwhile."""
    if item.state == before:
        item.state = after


class Place:
    """What the stores of all regions share."""

    def __init__(self, state: State, tunnels: t.Callable[[], list[dict[str, t.Any]]], learn: t.Callable[[], None]):
        self.state = state
        self._tunnels = tunnels
        self._learn = learn

    def later(self, what: str, call: t.Callable[[], None]) -> None:
        """Run `call` when the lab's clock says that this is done; then the others learn of it."""
        seconds = self.state.clock.seconds(what, "aws")
        if seconds <= 0:
            call()  # within the request, after which they learn anyway
            return

        def done() -> None:
            call()
            self._learn()

        self.state.clock.after(seconds, done)

    def inside_ranges(self) -> set[str]:
        return {options["TunnelInsideCidr"] for options in self._tunnels()}

    def outside_address(self, taken: set[str]) -> str:
        """The first address of AWS's that no tunnel has."""
        used = taken | {options["OutsideIpAddress"] for options in self._tunnels()}
        return next(str(host) for network in OUTSIDE for host in network.hosts() if str(host) not in used)

    def new_inside(self, taken: set[str]) -> str:
        while True:
            network = ipaddress.IPv4Network((int(LINK_LOCAL[0]) + 4 * int(self.state.new_hex(4), 16) % 2**16, 30))
            if str(network) not in taken and network not in RESERVED:
                return str(network)

    def new_key(self) -> str:
        """A pre-shared key as AWS makes them: 32 characters, the first one a letter or a digit but 0."""
        digits = [int(self.state.new_hex(4), 16) for _place in range(32)]
        letters = [KEY_CHARACTERS[digit % len(KEY_CHARACTERS)] for digit in digits]
        return KEY_CHARACTERS[digits[0] % 61] + "".join(letters[1:])
