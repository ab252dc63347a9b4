# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tunnels come up, and what each end says of its own."""

from __future__ import annotations

from ..state import State
from .model import Negotiated


def negotiate(state: State) -> Negotiated:
    """All tunnels of all gateways."""
    return Negotiated()
