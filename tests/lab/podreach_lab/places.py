# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Regions and zones that exist in the lab, and the ranges that auto-mode networks use in them.

Ranges: https://cloud.google.com/vpc/docs/subnets#ip-ranges
"""

from __future__ import annotations

REGIONS: dict[str, tuple[str, str]] = {
    "asia-east1": ("abc", "10.140.0.0/20"),
    "asia-east2": ("abc", "10.170.0.0/20"),
    "asia-northeast1": ("abc", "10.146.0.0/20"),
    "asia-northeast2": ("abc", "10.174.0.0/20"),
    "asia-south1": ("abc", "10.160.0.0/20"),
    "asia-southeast1": ("abc", "10.148.0.0/20"),
    "australia-southeast1": ("abc", "10.152.0.0/20"),
    "europe-north1": ("abc", "10.166.0.0/20"),
    "europe-west1": ("bcd", "10.132.0.0/20"),
    "europe-west2": ("abc", "10.154.0.0/20"),
    "europe-west3": ("abc", "10.156.0.0/20"),
    "europe-west4": ("abc", "10.164.0.0/20"),
    "northamerica-northeast1": ("abc", "10.162.0.0/20"),
    "southamerica-east1": ("abc", "10.158.0.0/20"),
    "us-central1": ("abcf", "10.128.0.0/20"),
    "us-east1": ("bcd", "10.142.0.0/20"),
    "us-east4": ("abc", "10.150.0.0/20"),
    "us-west1": ("abc", "10.138.0.0/20"),
    "us-west2": ("abc", "10.168.0.0/20"),
}
"""Region -> letters of its zones, range of its subnetwork in an auto-mode network."""

ZONES: dict[str, str] = {f"{region}-{letter}": region for region, place in REGIONS.items() for letter in place[0]}
"""Zone -> region."""


def zones_of(region: str) -> list[str]:
    return [zone for zone, home in ZONES.items() if home == region]
