# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab: Google's compute and container APIs on loopback, over one in-memory state. See ../README.md."""

from __future__ import annotations

PROJECTS: dict[str, str] = {
    "podreach-lab": "100000000001",
    "podreach-peer": "100000000002",
    "podreach-forbidden": "100000000003",
}
"""The projects that exist, with their numbers. Nobody may touch podreach-forbidden."""
