# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forwarding that leaves the TTL as it is: the kernel's own rule for it, as a batch of nfnetlink messages.

nft's language cannot add to a TTL. iptables can (`-t mangle -A PREROUTING -j TTL --ttl-inc 1`), and what iptables-nft
sends for that is small enough to be sent without it: a process for each router would cost more than all the rest.
https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git/tree/include/uapi/linux/netfilter/nf_tables.h
"""

from __future__ import annotations

import struct

# linux/netfilter/nfnetlink.h, nf_tables.h, nf_tables_compat.h, netfilter_ipv4/ipt_TTL.h
BATCH_BEGIN, BATCH_END = 0x10, 0x11
NEWTABLE, DELTABLE, NEWCHAIN, NEWRULE = 0xA00, 0xA02, 0xA03, 0xA06
REQUEST, ACK, CREATE, APPEND = 0x1, 0x4, 0x400, 0x800
SUBSYSTEM_NFTABLES = 10
UNSPECIFIED, IPV4 = 0, 2
PREROUTING, MANGLE_PRIORITY = 0, -150
TTL_INCREMENT = 1
NESTED = 0x8000
TABLE = "mangle"
"""The target refuses any other. Texts of a Plan must not define a table of this name."""


def attribute(kind: int, value: bytes | str | int) -> bytes:
    if isinstance(value, str):
        value = value.encode() + b"\0"
    elif isinstance(value, int):
        value = struct.pack("!I", value & 0xFFFFFFFF)
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def nested(kind: int, *attributes: bytes) -> bytes:
    return attribute(kind | NESTED, b"".join(attributes))


def message(number: int, kind: int, flags: int, *attributes: bytes, resource: int = 0, family: int = IPV4) -> bytes:
    body = struct.pack("!BBH", family, 0, resource) + b"".join(attributes)
    return struct.pack("=IHHII", 16 + len(body), kind, REQUEST | flags, number, 0) + body


def batch(*messages: bytes) -> bytes:
    """One transaction; the last message is the one that asks for an answer."""
    begin = message(0, BATCH_BEGIN, 0, resource=SUBSYSTEM_NFTABLES, family=UNSPECIFIED)
    end = message(len(messages) + 1, BATCH_END, 0, resource=SUBSYSTEM_NFTABLES, family=UNSPECIFIED)
    return begin + b"".join(messages) + end


def keep(setting: bool) -> bytes:
    """The batch that makes a namespace keep TTLs, or not any more."""
    table = attribute(1, TABLE)
    if not setting:
        return batch(message(1, DELTABLE, ACK, table))
    hook = nested(4, attribute(1, PREROUTING), attribute(2, MANGLE_PRIORITY))
    increment = struct.pack("=BB6x", TTL_INCREMENT, 1)
    target = nested(2, attribute(1, "TTL"), attribute(2, 0), attribute(3, increment))
    expressions = nested(4, nested(1, attribute(1, "target"), target))
    return batch(
        message(1, NEWTABLE, CREATE, table),
        message(2, NEWCHAIN, CREATE, table, attribute(3, "PREROUTING"), hook, attribute(7, "filter")),
        message(3, NEWRULE, CREATE | APPEND | ACK, table, attribute(2, "PREROUTING"), expressions),
    )
