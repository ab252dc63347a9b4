# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The organization that the lab's projects belong to: one folder, fixed.

organizations/123456789012
    folders/234567890123
        podreach-lab, podreach-peer
    podreach-forbidden
"""

from __future__ import annotations

ORGANIZATION = "organizations/123456789012"
FOLDER = "folders/234567890123"
PARENTS: dict[str, str] = {
    FOLDER: ORGANIZATION,
    "podreach-lab": FOLDER,
    "podreach-peer": FOLDER,
    "podreach-forbidden": ORGANIZATION,
}
"""Folder or project -> what it is in."""
NODES = (ORGANIZATION, FOLDER)


def ancestors(project: str) -> list[str]:
    """Where a project is, from the organization down."""
    found: list[str] = []
    node = PARENTS.get(project)
    while node:
        found.insert(0, node)
        node = PARENTS.get(node)
    return found
