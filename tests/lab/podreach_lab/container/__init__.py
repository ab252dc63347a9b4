# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""container v1, with the little of serviceusage, iamcredentials and cloudresourcemanager that its clients call.
Importing registers all."""

from __future__ import annotations

from .. import resource_manager
from . import clusters, node_pools, reading, updates

__all__ = ["clusters", "node_pools", "reading", "resource_manager", "updates"]
