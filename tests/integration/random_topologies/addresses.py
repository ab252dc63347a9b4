# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses and ranges, parsed once."""

from __future__ import annotations

import functools
import ipaddress

Address = ipaddress.IPv4Address
Range = ipaddress.IPv4Network


@functools.cache
def address(text: str) -> Address:
    return ipaddress.IPv4Address(text)


@functools.cache
def cidr(text: str) -> Range:
    return ipaddress.IPv4Network(text)
