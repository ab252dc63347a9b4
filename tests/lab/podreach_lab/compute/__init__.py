# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute v1. Importing this package registers its handlers."""

from __future__ import annotations

from . import (
    addresses,
    backend_services,
    external_vpn_gateways,
    firewall_policies,
    firewalls,
    forwarding_rules,
    groups,
    health_checks,
    images,
    instance_templates,
    instances,
    managed_groups,
    networks,
    operations,
    peerings,
    places,
    routers,
    routes,
    shared_vpc,
    subnetwork_policies,
    subnetworks,
    vpn_gateways,
    vpn_tunnels,
)

__all__ = [
    "addresses",
    "backend_services",
    "external_vpn_gateways",
    "firewall_policies",
    "firewalls",
    "forwarding_rules",
    "groups",
    "health_checks",
    "images",
    "instance_templates",
    "instances",
    "managed_groups",
    "networks",
    "operations",
    "peerings",
    "places",
    "routers",
    "routes",
    "shared_vpc",
    "subnetwork_policies",
    "subnetworks",
    "vpn_gateways",
    "vpn_tunnels",
]
