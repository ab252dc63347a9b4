# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an HA VPN consists of, by name and number; pure.

A VPN has 1, 2 or 4 ends at the peer, and for each of them a slot: a tunnel, an interface of the router, and a session.
The first half of the slots belongs to the first interface of Google's gateway. With AWS there are two connections of
two tunnels each: https://cloud.google.com/network-connectivity/docs/vpn/how-to/connect-ha-vpn-aws-peer-gateway
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import typing as t

from ..gcp.resource import MARKER

Json = dict[str, t.Any]

UNKNOWN = "(known after apply)"
#: addresses that nobody has (RFC 1112), for those that a cloud has still to choose
GOOGLE_ADDRESSES = ("240.0.0.1", "240.0.0.2")
PEER_ADDRESSES = ("240.0.1.1", "240.0.1.2", "240.0.1.3", "240.0.1.4")
#: the external gateways that there may be at the same time, while tunnels move from one to another
SUFFIXES = ("", "-2", "-3", "-4")


@dataclasses.dataclass(frozen=True)
class End:
    """A tunnel's other end: the peer's outside address, Google's inside address with its mask, the peer's one."""

    ip_address: str
    ip_range: str | None = None
    peer_ip_address: str | None = None


@dataclasses.dataclass(frozen=True)
class Slot:
    """One tunnel with its session. ``place`` is the interface of Google's gateway, ``number`` the tunnel of it."""

    vpn: str
    place: int
    number: int
    end: End

    def _named(self, what: str) -> str:
        return f"{self.vpn}-{self.place + 1}-{what}-{self.number + 1}"

    @property
    def tunnel(self) -> str:
        return self._named("tunnel")

    @property
    def interface(self) -> str:
        return self._named("if")

    @property
    def session(self) -> str:
        return self._named("bgp")


def slots(vpn: str, ends: t.Sequence[End]) -> list[Slot]:
    """The slots of these ends."""
    half = (len(ends) + 1) // 2
    return [Slot(vpn, at // half, at % half, end) for at, end in enumerate(ends)]


def all_slots(vpn: str) -> list[Slot]:
    """All slots that may be there, whichever peer they were made for."""
    return slots(vpn, [End("") for _number in range(4)])


def unknown_inside(interfaces: t.Sequence[Json]) -> list[str]:
    """Four ranges for tunnels whose inside ranges AWS has still to choose: none that the router has already."""
    used = set()
    for item in interfaces:
        try:
            used.add(ipaddress.IPv4Interface(item.get("ipRange") or "").network)
        except ValueError:
            continue
    free = (network for network in ipaddress.IPv4Network("169.254.240.0/22").subnets(new_prefix=30))
    return [str(network) for network in free if network not in used][:4]


def hidden(value: t.Any, unknown: t.Mapping[str, str]) -> t.Any:
    """A result in which every address that is a key of ``unknown`` is its value, at every depth."""
    if not unknown:
        return value
    if isinstance(value, str):
        texts = "|".join(re.escape(text) for text in sorted(unknown, key=len, reverse=True))
        return re.sub(rf"(?<![\d.])(?:{texts})(?!\.?\d)", lambda found: unknown[found.group()], value)
    if isinstance(value, dict):
        return {hidden(key, unknown): hidden(item, unknown) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [hidden(item, unknown) for item in value]
    return value


def replaceable(vpn: str, external: str, count: int) -> list[str]:
    """What of a VPN with so many tunnels may be confirmed to be made anew, by name."""
    tunnels = [slot.tunnel for slot in slots(vpn, [End("") for _number in range(count)])]
    return [vpn, *tunnels, *candidates(external)]


def plain(value: t.Any) -> t.Any:
    """A result in which every link is a path, at every depth: a project has many URLs, and the API answers with others
    than it was given."""
    if isinstance(value, str):
        return re.sub(r"https?://[^/\s\"]+/compute/\w+/(?=projects/)", "", value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


# -- external gateways


def candidates(name: str) -> list[str]:
    """The names that external gateways of this VPN may have."""
    return [f"{name[: 63 - len(suffix)].rstrip('-')}{suffix}" for suffix in SUFFIXES]


def addresses(gateway: Json) -> dict[int, str]:
    """An external gateway's addresses by their ids; an API may leave out an id that is 0."""
    return {int(item.get("id", 0)): str(item.get("ipAddress")) for item in gateway.get("interfaces") or []}


def description(vpn: str) -> str:
    """What tells whose external gateway with a derived name it is."""
    return f"Peer of HA VPN {vpn}"


def belongs(gateway: Json, vpn: str) -> bool:
    """Whether an external gateway with a derived name was made for this VPN."""
    return str(gateway.get("description")) == f"{description(vpn)} {MARKER}"


def choose(
    name: str,
    vpn: str,
    wanted: t.Collection[str],
    present: t.Mapping[str, Json],
    used: t.Mapping[str, t.Collection[str]],
) -> str | None:
    """The external gateway to use: one with exactly these addresses, else a name that is free.

    ``present`` are the external gateways of the project by name, ``used`` the tunnels of each. A gateway of ours that
    no tunnel uses is free, since it can be made anew. ``None`` where no name is free.
    """
    names = candidates(name)
    for candidate in names:
        gateway = present.get(candidate)
        if gateway and set(addresses(gateway).values()) == set(wanted):
            return candidate
    for candidate in names:
        gateway = present.get(candidate)
        if gateway is None:
            return candidate
        ours = MARKER in str(gateway.get("description") or "") if candidate == name else belongs(gateway, vpn)
        if ours and not used.get(candidate):
            return candidate
    return None


def numbered(wanted: t.Sequence[str], gateway: Json | None) -> dict[str, int]:
    """The interface of each address: as the gateway has them if these are its addresses, else in order."""
    there = addresses(gateway or {})
    if set(there.values()) == set(wanted):
        return {address: number for number, address in there.items()}
    return {address: number for number, address in enumerate(dict.fromkeys(wanted))}
