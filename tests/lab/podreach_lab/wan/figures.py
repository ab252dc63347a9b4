# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers that decide what BGP says and takes, as data: change one here and the lab follows.

Published: https://cloud.google.com/network-connectivity/docs/router/quotas,
https://docs.aws.amazon.com/vpn/latest/s2svpn/vpn-limits.html. What nobody has published says so.
"""

from __future__ import annotations

GOOGLE_ACCEPTS = 5000
"""Prefixes from one peer; more reset the session."""
VIRTUAL_GATEWAY_ACCEPTS = 100
TRANSIT_GATEWAY_ACCEPTS = 1000

LEARNED_HERE = 250
LEARNED_ELSEWHERE = 250
"""Unique destinations that a region uses: learned in it, and in all other regions together."""
PEERING_GROUP_ACCEPTS = 300
"""DYNAMIC_ROUTES_PER_REGION_PER_PEERING_GROUP: unique destinations of a region, of a network and its peers."""

KEEPALIVE = 20
"""Of a Cloud Router, in seconds, unless it is configured. Everywhere the hold time is three times that."""
AWS_HOLD = 30
"""As in the configurations that AWS generates for customer gateways."""
AWAY = 30
"""Seconds until a gateway tries a session again that it closed itself. Unpublished."""

BASE_PRIORITY = 100
AWS_MED = 100
"""What AWS sends with its routes. Unpublished; outputs of getRouterStatus show it."""
WITHOUT_MED = 0
"""A route without MED counts as one with this, at Google and AWS. Unpublished."""

INTER_REGION_COST = 250
"""Google publishes only that costs between regions are 201 to 9999. This one is for all pairs not listed."""
INTER_REGION_COSTS: dict[frozenset[str], int] = {}
"""Exceptions by pair of regions."""


def inter_region_cost(here: str, there: str) -> int:
    """What Google adds to a metric between two regions; nothing inside one."""
    return 0 if here == there else INTER_REGION_COSTS.get(frozenset((here, there)), INTER_REGION_COST)
