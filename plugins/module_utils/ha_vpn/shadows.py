# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ranges that Google advertises and that no instance of the VPC can answer, and routes at Google that lose traffic to
the VPC's; pure.

A route table's local routes, one for each block of the VPC, win against whatever is propagated or static:
https://docs.aws.amazon.com/vpc/latest/userguide/route-tables-priority.html
"""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t

from ..gcp.peering_surroundings import DYNAMIC, Route, judged
from ..path_findings.amazon import SHADOWED
from .slots import Json


def overlaps(ranges: t.Iterable[str], blocks: t.Sequence[str]) -> list[tuple[str, str]]:
    """The pairs of a range and a block of the VPC that overlap, in order of addresses. IPv6 is left out."""
    networks = [network for network in map(ipaddress.ip_network, ranges) if network.version == 4]
    locals_ = [network for network in map(ipaddress.ip_network, blocks) if network.version == 4]
    return [
        (str(network), str(block))
        for network in sorted(set(networks))
        for block in sorted(set(locals_))
        if network.overlaps(block)
    ]


def origin(cidr: str, subnetworks: t.Sequence[Json]) -> str:
    """Where an advertised range comes from, in words."""
    for item in subnetworks:
        place = f"of subnetwork {item['name']} in {str(item.get('region', '')).rsplit('/', 1)[-1]}"
        if item.get("ipCidrRange") == cidr:
            return f"the primary range {place}"
        for secondary in item.get("secondaryIpRanges") or []:
            if secondary.get("ipCidrRange") == cidr:
                return f"the secondary range {secondary.get('rangeName')} {place}"
    return "a custom range of the router"


def message(pairs: t.Sequence[tuple[str, str]], subnetworks: t.Sequence[Json], vpc: str) -> str:
    """What to say of such pairs, and what to do."""
    listed = "; ".join(f"{cidr}, {origin(cidr, subnetworks)}, overlaps {block} of {vpc}" for cidr, block in pairs)
    return (
        f"{SHADOWED}: of what Google advertises to AWS, {listed}. The VPC's local route wins always, so its instances "
        "never answer the addresses in both, whatever else is set. Use another range at Google, or another VPC."
    )


def taken(blocks: t.Sequence[str], existing: t.Sequence[Route], own: t.Sequence[str]) -> list[str]:
    """What Google's network would learn of a VPC's blocks and take traffic from, in words. ``existing`` are the custom
    routes of the network, ``own`` its subnetworks' ranges.

    A learned route to the same destination is another way there. A static one may win or lose by its priority, which
    AWS's is compared with when it comes: it counts as one that loses.
    """
    others = [
        dataclasses.replace(item, local=False)
        for item in existing
        if item.type != DYNAMIC or item.dest_range not in blocks
    ]
    new = [Route(cidr, DYNAMIC, 0, cidr) for cidr in blocks if ":" not in cidr]
    return [f"{item.route.label}: {item.problem}" for item in judged("", new, others, own) if item.problem]
