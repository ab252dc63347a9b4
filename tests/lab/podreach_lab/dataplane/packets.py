# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IPv4 packets that can be told apart wherever they are seen: made, and read again.

Every probe carries a token that no translation changes: in ICMP and UDP in the payload, in TCP as the sequence number
of its SYN. Ports, identifiers and addresses may be rewritten on the way. https://www.rfc-editor.org/rfc/rfc791
"""

from __future__ import annotations

import dataclasses
import ipaddress
import itertools
import secrets
import socket
import struct

ICMP, TCP, UDP = 1, 6, 17
NUMBERS = {"icmp": ICMP, "tcp": TCP, "udp": UDP}
ECHO_REPLY, UNREACHABLE, ECHO = 0, 3, 8
SYN, RST, ACK = 0x02, 0x04, 0x10
TTL = 64
MARK = b"podreach"

PORTS = itertools.cycle(range(32768, 60768))
"""Source ports and ICMP identifiers, in turn: a connection that a filter still knows is not to be met again soon."""


@dataclasses.dataclass(frozen=True)
class Flow:
    """What to send. Port 0 with TCP or UDP is refused before it comes here."""

    source: str
    destination: str
    protocol: str
    port: int = 0
    source_port: int = 0
    length: int = 0
    """Of the whole packet; 0: as short as it can be. Longer ones must not be fragmented."""


@dataclasses.dataclass(frozen=True)
class Seen:
    """One packet as a tap sees it. answer says what kind of reply it is, '' for a request."""

    source: str
    destination: str
    ttl: int
    protocol: int
    source_port: int
    port: int
    token: int
    answer: str = ""


def new_token() -> int:
    return secrets.randbits(32)


def checksum(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def request(flow: Flow, token: int) -> bytes:
    """The first packet of a flow, with its IP header."""
    source, destination = packed(flow.source), packed(flow.destination)
    number = NUMBERS[flow.protocol]
    headers = {ICMP: 28, TCP: 40, UDP: 28}[number]
    payload = MARK + struct.pack("!I", token)
    payload += bytes(max(0, flow.length - headers - len(payload)))
    start = flow.source_port or next(PORTS)
    if number == ICMP:
        body = struct.pack("!BBHHH", ECHO, 0, 0, start, 1) + payload
        body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
    else:
        if number == TCP:
            body = struct.pack("!HHIIBBHHH", start, flow.port, token, 0, 5 << 4, SYN, 64240, 0, 0)
            at = 16
        else:
            body = struct.pack("!HHHH", start, flow.port, 8 + len(payload), 0) + payload
            at = 6
        pseudo = source + destination + struct.pack("!BBH", 0, number, len(body))
        body = body[:at] + struct.pack("!H", checksum(pseudo + body) or 0xFFFF) + body[at + 2 :]
    fragment = 0x4000 if flow.length else 0
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), secrets.randbits(16), fragment, TTL, number, 0)
    head = head[:10] + struct.pack("!H", checksum(head + source + destination)) + source + destination
    return head + body


def send(raw: socket.socket, flow: Flow, token: int) -> str:
    """'' or why the sender's own kernel refused."""
    try:
        raw.sendto(request(flow, token), (flow.destination, 0))
    except OSError as error:
        return str(error.strerror)
    return ""


def read(packet: bytes) -> Seen | None:
    """What a probe or the answer to one looks like here; None for everything else."""
    if len(packet) < 28 or packet[0] >> 4 != 4:
        return None
    size = (packet[0] & 15) * 4
    ttl, number = packet[8], packet[9]
    source, destination = (str(ipaddress.IPv4Address(packet[at : at + 4])) for at in (12, 16))
    body = packet[size:]
    if number == ICMP:
        kind = body[0]
        identifier = struct.unpack("!H", body[4:6])[0]
        if kind in (ECHO, ECHO_REPLY):
            token = marked(body[8:])
            answer = "echo-reply" if kind == ECHO_REPLY else ""
        elif kind == UNREACHABLE and (quoted := read(body[8:])) is not None and not quoted.answer:
            names = {3: "port-unreachable", 4: "fragmentation-needed", 13: "prohibited"}
            token, answer = quoted.token, names.get(body[1], "host-unreachable")
        else:
            return None
        return None if token is None else Seen(source, destination, ttl, number, identifier, 0, token, answer)
    if number == TCP and len(body) >= 20:
        start, port, sequence, acknowledged = struct.unpack("!HHII", body[:12])
        flags = body[13]
        if flags & (SYN | ACK | RST) == SYN:
            return Seen(source, destination, ttl, number, start, port, sequence)
        if flags & ACK and flags & (SYN | RST):
            answer = "rst" if flags & RST else "syn-ack"
            return Seen(source, destination, ttl, number, start, port, (acknowledged - 1) % 2**32, answer)
        return None
    if number == UDP and len(body) >= 8:
        start, port = struct.unpack("!HH", body[:4])
        token = marked(body[8:])
        return None if token is None else Seen(source, destination, ttl, number, start, port, token)
    if number == TCP and len(body) >= 8:  # quoted in an ICMP error: only the first eight bytes are certain
        start, port, sequence = struct.unpack("!HHI", body[:8])
        return Seen(source, destination, ttl, number, start, port, sequence)
    return None


def marked(payload: bytes) -> int | None:
    """The token in a payload."""
    if not payload.startswith(MARK) or len(payload) < 12:
        return None
    return int(struct.unpack("!I", payload[8:12])[0])


def packed(address: str) -> bytes:
    return ipaddress.IPv4Address(address).packed
