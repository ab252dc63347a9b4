# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IPv4 ranges as Google's APIs judge them. Uses nothing but the standard library, so that the lab's truth is its own.

Space: https://cloud.google.com/vpc/docs/subnets#valid-ranges
"""

from __future__ import annotations

import ipaddress
import typing as t

from .faults import ApiFault, invalid

Range = ipaddress.IPv4Network

PROHIBITED: dict[str, str] = {
    "0.0.0.0/8": "current (local) network",
    "127.0.0.0/8": "local host",
    "169.254.0.0/16": "link-local",
    "224.0.0.0/4": "multicast",
    "255.255.255.255/32": "limited broadcast destination",
    "199.36.153.4/30": "private virtual IP addresses for Google APIs",
    "199.36.153.8/30": "private virtual IP addresses for Google APIs",
}
AUTO_MODE = ipaddress.IPv4Network("10.128.0.0/9")
SMALLEST_SUBNET = 29
LARGEST_SUBNET = 4
_PROHIBITED = [(ipaddress.IPv4Network(text), why) for text, why in PROHIBITED.items()]


def parse(text: t.Any, field: str) -> Range:
    """A range in CIDR notation without host bits, or the refusal that names the field."""
    try:
        loose = ipaddress.IPv4Network(str(text), strict=False)
    except ValueError:
        raise invalid(field, text, "Must be a valid CIDR address range, for example 10.0.0.0/24.") from None
    if "/" not in str(text):
        raise invalid(field, text, "Must be a valid CIDR address range: the prefix length is missing.")
    if str(loose) != str(text):
        raise invalid(
            field, text, f"IP address range must have its host bits set to zero in CIDR notation, as in {loose}."
        )
    return loose


def parse_subnet(text: t.Any, field: str) -> Range:
    """A range that a subnetwork may own."""
    found = parse(text, field)
    if not LARGEST_SUBNET <= found.prefixlen <= SMALLEST_SUBNET:
        raise invalid(
            field,
            text,
            f"Invalid IPCidrRange: the prefix length must be between /{LARGEST_SUBNET} and /{SMALLEST_SUBNET}.",
        )
    refuse_prohibited(found, field)
    return found


def refuse_prohibited(found: Range, field: str) -> None:
    for taken, why in _PROHIBITED:
        if found.overlaps(taken):
            raise invalid(field, found, f"Invalid IPCidrRange: {found} overlaps the reserved range {taken} ({why}).")


def conflict(field: str, found: Range, subnetwork: str, region: str) -> ApiFault:
    return invalid(
        field,
        found,
        f"Invalid IPCidrRange: {found} conflicts with existing subnetwork '{subnetwork}' in region '{region}'.",
    )


def free_block(prefix: int, within: t.Iterable[str], taken: t.Sequence[Range]) -> Range | None:
    """The first aligned block of that prefix length in `within` that overlaps nothing `taken`."""
    for text in within:
        outer = ipaddress.IPv4Network(text)
        if prefix < outer.prefixlen:
            continue
        size = 1 << (32 - prefix)
        at, end = int(outer.network_address), int(outer.broadcast_address)
        busy = sorted(
            (int(item.network_address), int(item.broadcast_address)) for item in taken if item.overlaps(outer)
        )
        while at + size - 1 <= end:
            hit = next((high for low, high in busy if low <= at + size - 1 and high >= at), None)
            if hit is None:
                return ipaddress.IPv4Network((at, prefix))
            at = (hit // size + 1) * size
    return None
