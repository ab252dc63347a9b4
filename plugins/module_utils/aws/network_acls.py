# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What network ACLs let through, pure: https://docs.aws.amazon.com/vpc/latest/userguide/nacl-rules.html

An ACL knows no connections, so a request and its answer are judged each for itself: the answer comes back to any port
of 1024-65535 that the caller chose.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t

Json = dict[str, t.Any]

NUMBERS = {"tcp": "6", "udp": "17", "icmp": "1"}
EVERYTHING = "-1"
EPHEMERAL = (1024, 65535)


@dataclasses.dataclass(frozen=True)
class Box:
    """Addresses and ports (ICMP: types), both as closed intervals of numbers."""

    addresses: tuple[int, int]
    ports: tuple[int, int]

    def cut(self, other: Box) -> Box | None:
        """What both have in common."""
        addresses = common(self.addresses, other.addresses)
        ports = common(self.ports, other.ports)
        return Box(addresses, ports) if addresses and ports else None

    def without(self, inner: Box) -> list[Box]:
        """What is left when a box inside this one is taken out."""
        (low, high), (first, last) = self.addresses, self.ports
        (inner_low, inner_high), (inner_first, inner_last) = inner.addresses, inner.ports
        left = []
        if low < inner_low:
            left.append(Box((low, inner_low - 1), self.ports))
        if inner_high < high:
            left.append(Box((inner_high + 1, high), self.ports))
        if first < inner_first:
            left.append(Box(inner.addresses, (first, inner_first - 1)))
        if inner_last < last:
            left.append(Box(inner.addresses, (inner_last + 1, last)))
        return left


def common(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int] | None:
    low, high = max(one[0], other[0]), min(one[1], other[1])
    return (low, high) if low <= high else None


def span(block: str) -> tuple[int, int]:
    network = ipaddress.IPv4Network(block, strict=False)
    return int(network[0]), int(network[-1])


def refusing(
    entries: t.Sequence[Json], *, egress: bool, protocol: str, block: str, ports: tuple[int, int]
) -> int | None:
    """The number of the first entry (as DescribeNetworkAcls has them) that refuses a part of this traffic; ``None`` if
    all of it passes. ``protocol`` is tcp, udp or icmp; for icmp, ``ports`` are types."""
    left = [Box(span(block), ports)]
    for entry in sorted(entries, key=lambda item: int(item["RuleNumber"])):
        if bool(entry["Egress"]) != egress or not entry.get("CidrBlock"):
            continue
        if str(entry["Protocol"]) not in (NUMBERS[protocol], EVERYTHING):
            continue
        rule = Box(span(entry["CidrBlock"]), entry_ports(entry, protocol))
        rest: list[Box] = []
        for box in left:
            hit = box.cut(rule)
            if hit and entry["RuleAction"] == "deny":
                return int(entry["RuleNumber"])
            rest.extend(box.without(hit) if hit else [box])
        left = rest
        if not left:
            return None
    return 32767


def entry_ports(entry: Json, protocol: str) -> tuple[int, int]:
    if str(entry["Protocol"]) == EVERYTHING:
        return 0, 65535
    if protocol == "icmp":
        kind = int((entry.get("IcmpTypeCode") or {}).get("Type", -1))
        return (0, 255) if kind == -1 else (kind, kind)
    ports = entry.get("PortRange") or {}
    return int(ports.get("From", 0)), int(ports.get("To", 65535))


def problems(acl: Json, *, protocol: str, ports: t.Sequence[tuple[int, int]], ranges: t.Sequence[str]) -> list[str]:
    """What an ACL of a subnet refuses of requests from these ranges and of the answers to them, in words.

    ``protocol`` may be ``all``: then nothing of TCP, UDP and ICMP may be refused. For icmp, echo is looked at.
    """
    found = []
    name = f"network ACL {acl['NetworkAclId']}"
    for kind in ("tcp", "udp", "icmp") if protocol == "all" else (protocol,):
        inward = [(8, 8)] if kind == "icmp" else list(ports) or [(0, 65535)]
        outward = (0, 0) if kind == "icmp" else EPHEMERAL
        for block in ranges:
            for wanted in inward:
                number = refusing(acl["Entries"], egress=False, protocol=kind, block=block, ports=wanted)
                if number is not None:
                    what = "echo requests" if kind == "icmp" else f"{kind} ports {wanted[0]}-{wanted[1]}"
                    found.append(f"{name}: entry {shown(number)} refuses {what} from {block}, or a part of it, inward")
            number = refusing(acl["Entries"], egress=True, protocol=kind, block=block, ports=outward)
            if number is not None:
                what = "echo replies" if kind == "icmp" else f"answers to {kind} ports {outward[0]}-{outward[1]}"
                found.append(f"{name}: entry {shown(number)} refuses {what} of {block}, or a part of it, outward")
    return found


def shown(number: int) -> str:
    return "*" if number == 32767 else str(number)
