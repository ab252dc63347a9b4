# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The routes of an AWS route table that count, in AWS's order.

https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html
"""

from __future__ import annotations

from ..state import State
from .facts import Route, RouteTable


def propagated(state: State, table: RouteTable) -> tuple[Route, ...]:
    """What its virtual private gateways propagate into the table, lost to other routes or not (kind vgw)."""
    return ()
