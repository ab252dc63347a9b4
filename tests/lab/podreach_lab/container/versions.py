# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GKE versions that the lab offers, newest first in each channel. Data: change it freely."""

from __future__ import annotations

CHANNELS: dict[str, tuple[str, ...]] = {
    "RAPID": ("1.36.1-gke.1182000", "1.35.4-gke.1530000"),
    "REGULAR": ("1.35.3-gke.1041000", "1.34.6-gke.1306000"),
    "STABLE": ("1.34.5-gke.1217000", "1.33.9-gke.1100000"),
    "EXTENDED": ("1.34.5-gke.1217000", "1.33.9-gke.1100000", "1.32.11-gke.1174000"),
}
DEFAULT_CHANNEL = "REGULAR"
MATURITY = ("STABLE", "REGULAR", "RAPID", "EXTENDED")
IMAGE_TYPES = ("COS_CONTAINERD", "UBUNTU_CONTAINERD", "WINDOWS_LTSC_CONTAINERD")


def all_versions() -> list[str]:
    return sorted({item for items in CHANNELS.values() for item in items}, key=key, reverse=True)


def key(version: str) -> tuple[int, ...]:
    """1.35.3-gke.1041000 as a tuple that sorts."""
    return tuple(int(part) for part in version.replace("-gke.", ".").split("."))


def resolve(wanted: str, channel: str) -> str | None:
    """The exact version that an alias (latest, -, 1.X, 1.X.Y, exact) means; None where there is none."""
    offered = list(CHANNELS.get(channel, ())) or all_versions()
    if wanted in ("", "-"):
        return offered[0]
    if wanted == "latest":
        return (all_versions() if channel not in CHANNELS else offered)[0]
    return next((item for item in offered if item == wanted or item.startswith((f"{wanted}.", f"{wanted}-"))), None)


def channel_of(wanted: str) -> str:
    """The most mature channel that has a version; UNSPECIFIED where none has."""
    for channel in MATURITY:
        if resolve(wanted, channel):
            return channel
    return "UNSPECIFIED"
