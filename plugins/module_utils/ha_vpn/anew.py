# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a VPN would have to be made anew and may not: said once for all of it, with the one word that allows it."""

from __future__ import annotations

import dataclasses
import typing as t

from ..errors import Refused

KEY = "another key"


def word(option: str, value: str) -> str:
    """How the caller gives an option, as messages say it."""
    return f"{option}: {value} (-e vpn_{option}={value} with role or playbook)"


@dataclasses.dataclass
class Unallowed:
    """Google's names, each with the reasons; ``replaced`` where one of them needs confirm_replace in any case."""

    reasons: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    replaced: bool = False

    def add(self, names: t.Iterable[str], why: t.Iterable[str], *, replaced: bool) -> None:
        self.replaced = self.replaced or replaced
        why = list(why)
        for name in names:
            known = self.reasons.setdefault(name, [])
            known += [reason for reason in why if reason not in known]

    def refusal(self, label: str, vpn: str) -> Refused | None:
        """All of it in one, those with the same reasons together; ``None`` where there is nothing to refuse."""
        if not self.reasons:
            return None
        groups: dict[str, list[str]] = {}
        for name, why in sorted(self.reasons.items()):
            groups.setdefault("; ".join(why), []).append(name)
        listed = ", ".join(f"{', '.join(names)} ({why})" for why, names in groups.items())
        rougher = ""
        if not self.replaced:
            # which cuts nothing short, but takes the only way too
            way = word("allow_disruption", "true")
            rougher = f" The rougher alternative, {way}, does so also where no other tunnel is up."
        return Refused(
            f"{label}: to be made anew: {listed}. Say {word('confirm_replace', vpn)}, and it is, one tunnel at a time "
            f"while the others carry the traffic.{rougher}",
            code="replace-not-confirmed" if self.replaced else "disruption-not-allowed",
            resource=label,
        )
