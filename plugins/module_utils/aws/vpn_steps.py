# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan for AWS's half of a VPN is made of."""

from __future__ import annotations

import copy
import dataclasses
import typing as t

from ..engine import Grade, Step
from .new_routes import Coming
from .vpn_reading import Estate, Json

if t.TYPE_CHECKING:
    from .vpn import AwsVpn


#: how diffs show a key that changes
OLD_KEY, NEW_KEY = "(not shown)", "(another one, not shown)"


@dataclasses.dataclass(frozen=True)
class Request:
    """A call of EC2. ``waits`` names what it has to wait for; ``gives`` is where the answer has the new id."""

    operation: str
    arguments: Json
    waits: str = ""
    gives: tuple[str, str] = ("", "")
    busy: tuple[str, ...] = ()


class Planner:
    """The steps between an estate and what is wanted of it."""

    def __init__(self, vpn: AwsVpn, estate: Estate) -> None:
        self.vpn = vpn
        self.estate = estate
        self.steps: list[Step] = []
        self.warnings: list[str] = []
        #: connections whose turn to be replaced has not come
        self.postponed: list[str] = []
        #: routes that route tables will newly get
        self.coming: list[Coming] = []
        #: the tunnels that get another key, by customer address and number
        self.keys: list[tuple[str, int]] = []
        self.after: Json | None = vpn.projection(estate)

    def before(self, current: Json | None) -> Json | None:
        """What there is, with the keys that change marked as what they are."""
        if not current or not self.keys:
            return current
        marked = copy.deepcopy(current)
        for item in marked["connections"]:
            for index, tunnel in enumerate(item["tunnels"]):
                if (item["customer_address"], index) in self.keys:
                    tunnel["pre_shared_key"] = OLD_KEY
        return marked

    def add(
        self, action: str, summary: str, request: Request, grade: Grade = Grade.SAFE, fields: t.Sequence[str] = ()
    ) -> None:
        self.steps.append(Step(action, summary, request, grade, tuple(fields)))


def shown_table(table: Json) -> str:
    """A route table in words."""
    return f"route table {table['name']} ({table['id']})" if table["name"] else f"route table {table['id']}"
