# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the APIs tell of BGP."""

from __future__ import annotations

from ..state import State
from .model import Telemetry


def telemetry(state: State, connection: str, number: int) -> Telemetry:
    """Of one tunnel of a VPN connection at AWS."""
    return Telemetry(False, "IPSEC IS DOWN", 0, 0.0)
