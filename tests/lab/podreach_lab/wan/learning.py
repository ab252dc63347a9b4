# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what the gateways' BGP learned to the routes in force."""

from __future__ import annotations

from ..compute.exchange import DynamicRoute
from ..state import Resource, State
from .model import Path


def paths(state: State, gateway: str) -> tuple[Path, ...]:
    """What a gateway (by its key) sends into which of its tunnels, one Path a range."""
    return ()


def dynamic_routes(state: State, network: Resource) -> list[DynamicRoute]:
    """The dynamic routes of a VPC network, one a range, region and Cloud Router: as compute.exchange wants them. Quotas
    are applied."""
    return []
