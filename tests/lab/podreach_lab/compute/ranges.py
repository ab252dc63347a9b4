# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ranges that a network owns, seen from inside and from its peers."""

from __future__ import annotations

import typing as t

from .. import cidr
from ..state import Resource, State
from . import networks

SUBNETWORK = "compute#subnetwork"
ROUTE = "compute#route"

NOT_PUBLIC = [
    cidr.Range(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "240.0.0.0/4",
    )
]
"""Private and special-use space: https://cloud.google.com/vpc/docs/subnets#valid-ranges. All else in a subnetwork is
a privately used public range."""


class Owned(t.NamedTuple):
    """A range of a network and the subnetwork that has it. rangeName is '' for the primary range."""

    range: cidr.Range
    subnetwork: Resource
    range_name: str


def secondary(subnetwork: Resource) -> dict[str, str]:
    """Range name -> CIDR."""
    return {item["rangeName"]: item["ipCidrRange"] for item in subnetwork.body.get("secondaryIpRanges", [])}


def of_subnetwork(subnetwork: Resource) -> list[Owned]:
    """Its primary range and then its secondary ones."""
    primary = Owned(cidr.Range(subnetwork.body["ipCidrRange"]), subnetwork, "")
    return [primary, *(Owned(cidr.Range(text), subnetwork, name) for name, text in secondary(subnetwork).items())]


def ranges_in(state: State, network: str) -> list[Owned]:
    """Every primary and secondary range of a network, in all regions."""
    return [owned for item in networks.members(state, network, SUBNETWORK) for owned in of_subnetwork(item)]


def is_public(found: cidr.Range) -> bool:
    return not any(found.subnet_of(known) for known in NOT_PUBLIC)


def static_routes(state: State, network: str) -> list[Resource]:
    """The network's static routes; those that the server made itself (subnet routes, the default route) are not
    meant."""
    return [route for route in networks.members(state, network, ROUTE) if not route.hidden.get("automatic")]
