# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ranges of Google's inside a VPC's blocks."""

from __future__ import annotations

import pytest

from ansible_collections.podreach.gke.plugins.module_utils.gcp.peering_surroundings import (
    DYNAMIC,
    STATIC,
    Route,
)
from ansible_collections.podreach.gke.plugins.module_utils.ha_vpn import shadows
from ansible_collections.podreach.gke.plugins.module_utils.ha_vpn.slots import Json


@pytest.mark.parametrize(
    ("ranges", "blocks", "expected"),
    [
        (["10.1.0.0/20"], ["10.0.0.0/16"], []),
        (["10.0.64.0/18", "10.1.0.0/20"], ["10.0.0.0/16"], [("10.0.64.0/18", "10.0.0.0/16")]),
        (["10.0.0.0/8"], ["10.9.0.0/16", "10.0.0.0/16"], [("10.0.0.0/8", f"10.{n}.0.0/16") for n in (0, 9)]),
        (["fd00::/64"], ["10.0.0.0/16"], []),
    ],
)
def test_what_overlaps(ranges: list[str], blocks: list[str], expected: list[tuple[str, str]]) -> None:
    assert shadows.overlaps(ranges, blocks) == expected


@pytest.mark.parametrize(
    ("existing", "kind", "words"),
    [
        ("10.0.0.0/8", STATIC, "10.0.0.0/16: it takes traffic from old"),
        ("10.0.0.0/8", DYNAMIC, "10.0.0.0/16: it takes traffic from old"),
        ("10.0.0.0/16", STATIC, "10.0.0.0/16: it takes traffic from old"),
        # another way to the same VPC
        ("10.0.0.0/16", DYNAMIC, None),
        ("10.0.8.0/24", STATIC, None),
        ("172.16.0.0/12", STATIC, None),
        # no private traffic goes to the internet
        ("0.0.0.0/0", STATIC, None),
    ],
)
def test_what_google_learns_takes_traffic_from(existing: str, kind: str, words: str | None) -> None:
    routes = [Route(existing, kind, 1000, "old")]
    assert shadows.taken(["10.0.0.0/16", "fd00::/64"], routes, ["10.1.0.0/20"]) == ([words] if words else [])


def test_the_origin_of_a_range() -> None:
    subnetwork: Json = {"name": "s", "region": "projects/p/regions/r", "ipCidrRange": "10.1.0.0/20"}
    subnetwork["secondaryIpRanges"] = [{"rangeName": "pods", "ipCidrRange": "10.4.0.0/14"}]
    assert shadows.origin("10.1.0.0/20", [subnetwork]) == "the primary range of subnetwork s in r"
    assert shadows.origin("10.4.0.0/14", [subnetwork]) == "the secondary range pods of subnetwork s in r"
    assert shadows.origin("10.32.0.0/14", [subnetwork]) == "a custom range of the router"
