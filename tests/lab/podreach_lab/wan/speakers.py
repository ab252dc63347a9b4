# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every gateway's BGP is configured to say, and to whom."""

from __future__ import annotations

from ..state import State
from .model import Negotiated, Speaker


def speakers(state: State, negotiated: Negotiated) -> dict[str, Speaker]:
    """By gateway key."""
    return {}
