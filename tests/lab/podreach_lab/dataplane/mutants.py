# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deliberate faults, for the test that the lab's checks would notice one. Off unless the environment names one."""

from __future__ import annotations

import os

VARIABLE = "PODREACH_LAB_MUTANT"
KNOWN = (
    "no-masquerade",
    "firewall-priority-reversed",
    "no-source-check",
    "subnet-ranges-not-first",
    "peering-transitive",
    "custom-routes-always-exchanged",
    "tags-ignored",
    "no-egress-rules",
    "propagated-beats-local",
    "acl-stateful",
    "security-groups-ignored",
    "tagged-routes-for-tunnels",
    "regional-as-global",
)
_CHOSEN = os.environ.get(VARIABLE, "")
if _CHOSEN and _CHOSEN not in KNOWN:
    raise SystemExit(f"{VARIABLE} must be one of {', '.join(KNOWN)}, not {_CHOSEN!r}")


def on(name: str) -> bool:
    """Whether this fault is to be made."""
    return name == _CHOSEN
