# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a TCP proxy is asked to do, held against itself before any host is touched.

A listener is a dict as the role tcp_proxy takes it. ``plan`` completes each with defaults, so that a template needs
none, and says all that is wrong at once. What comes out can be written into nginx's configuration as it is: every text
in it has matched a pattern without spaces, quotes, semicolons and braces.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import typing as t

Json = dict[str, t.Any]

#: Who may connect where a listener does not say so. Never everybody: a proxy for all is a way into the network.
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
#: Google's health checkers, https://cloud.google.com/load-balancing/docs/health-check-concepts#ip-ranges
CHECKERS = ("35.191.0.0/16", "130.211.0.0/22")
NOBODY = "nobody"
ANY = "0.0.0.0"

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
HOST = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*"
)
TIME = re.compile(r"[1-9][0-9]*(ms|s|m|h|d)?")
LISTENER_KEYS = (
    *("name", "protocol", "address", "port", "upstreams", "allow"),
    *("connect_timeout", "idle_timeout", "proxy_protocol"),
)
UPSTREAM_KEYS = ("host", "port", "weight", "max_fails", "fail_timeout", "backup")
HEALTH_KEYS = ("kind", "address", "port", "allow")


class Problem(Exception):
    """One value that will not do: the text begins with its key."""


@dataclasses.dataclass(frozen=True)
class Socket:
    """What a listener listens on."""

    protocol: str
    address: str
    port: int

    def meets(self, other: Socket) -> bool:
        """Whether the kernel refuses the two beside each other."""
        same = self.protocol == other.protocol and self.port == other.port
        return same and (self.address == other.address or ANY in (self.address, other.address))

    def reached_by(self, host: str, own_addresses: t.Collection[str]) -> bool:
        """Whether connecting to `host` at this port, from the proxy itself, ends here."""
        if self.address != ANY:
            return host == self.address
        return host == "localhost" or host in own_addresses or is_loopback(host)

    def for_kernel(self) -> str:
        """As /proc/net/tcp writes it on machines of little-endian byte order: ``tcp:0100007F:1F90``."""
        packed = ipaddress.IPv4Address(self.address).packed[::-1]
        return f"{self.protocol}:{packed.hex().upper()}:{self.port:04X}"


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.IPv4Address(host) in ipaddress.IPv4Network("127.0.0.0/8")
    except ValueError:
        return False


# ---- single values


def known(item: t.Any, keys: t.Collection[str]) -> Json:
    if not isinstance(item, t.Mapping):
        raise Problem(f"{item!r} is no mapping; give one with {', '.join(keys)}")
    unknown = sorted(str(key) for key in item if key not in keys)
    if unknown:
        raise Problem(f"unknown: {', '.join(unknown)}; there are {', '.join(keys)}")
    return {str(key): value for key, value in item.items() if value is not None}


def number(item: Json, key: str, least: int, most: int, default: int | None = None) -> int:
    value = item.get(key, default)
    if value is None:
        raise Problem(f"{key}: it is needed")
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdigit()) or not least <= int(text) <= most:
        raise Problem(f"{key}: {value!r} will not do; give a whole number from {least} to {most}")
    return int(text)


def truth(item: Json, key: str) -> bool:
    value = item.get(key, False)
    if str(value).lower() not in ("true", "false", "yes", "no"):
        raise Problem(f"{key}: {value!r} is neither true nor false")
    return str(value).lower() in ("true", "yes")


def duration(item: Json, key: str, default: str) -> str:
    value = str(item.get(key, default))
    if not TIME.fullmatch(value):
        raise Problem(f"{key}: {value!r} is no time; write one such as 500ms, 10s or 5m")
    return value


def choice(item: Json, key: str, values: t.Sequence[str]) -> str:
    value = str(item.get(key, values[0]))
    if value not in values:
        raise Problem(f"{key}: {value!r} is none of {', '.join(values)}")
    return value


def bind_address(item: Json) -> str:
    value = str(item.get("address", ANY))
    try:
        return str(ipaddress.IPv4Address(value))
    except ValueError:
        raise Problem(f"address: {value!r} is no IPv4 address of this host; {ANY} stands for all of them") from None


def allowed(item: Json, default: t.Sequence[str]) -> list[str]:
    """Ranges that may connect. An empty list would mean nobody: that has to be said in a word."""
    value = item.get("allow", list(default))
    if isinstance(value, str) or not isinstance(value, t.Sequence):
        raise Problem(f"allow: {value!r} is no list of ranges")
    if not value:
        raise Problem(
            "allow: an empty list would let nobody connect. Leave it out for the default "
            f"({', '.join(default)}), or write [{NOBODY}] if that is what you want"
        )
    if list(value) == [NOBODY]:
        return []
    return [allowed_range(position, one) for position, one in enumerate(value)]


def allowed_range(position: int, value: t.Any) -> str:
    where = f"allow[{position}]"
    try:
        return str(ipaddress.IPv4Network(str(value)))
    except ValueError:
        pass
    try:
        meant = ipaddress.IPv4Network(str(value), strict=False)
    except ValueError:
        raise Problem(f"{where}: {value!r} is no range of IPv4, such as 10.1.0.0/16") from None
    raise Problem(f"{where}: {value!r} has bits of the host set; write {meant}, or a single address with /32")


# ---- upstreams, listeners, the health listener


def upstream(item: t.Any) -> Json:
    given = known(item, UPSTREAM_KEYS)
    host = str(given.get("host", ""))
    if not HOST.fullmatch(host):
        raise Problem(f"host: {host!r} is neither an IPv4 address nor a name")
    return {
        "host": host,
        "port": number(given, "port", 1, 65535),
        "weight": number(given, "weight", 1, 65535, 1),
        "max_fails": number(given, "max_fails", 0, 65535, 1),
        "fail_timeout": duration(given, "fail_timeout", "10s"),
        "backup": truth(given, "backup"),
    }


def upstreams(given: Json, listening: Socket, own_addresses: t.Collection[str]) -> list[Json]:
    value = given.get("upstreams")
    if not isinstance(value, t.Sequence) or isinstance(value, str) or not value:
        raise Problem("upstreams: at least one is needed, such as {host: 10.2.0.1, port: 80}")
    found: list[Json] = []
    for position, item in enumerate(value):
        where = f"upstreams[{position}]"
        try:
            one = upstream(item)
        except Problem as problem:
            raise Problem(f"{where}.{problem}") from None
        place = f"{one['host']}:{one['port']}"
        if one["port"] == listening.port and listening.reached_by(one["host"], own_addresses):
            raise Problem(f"{where}: {place} is this listener itself; it would connect to itself without end")
        if any((one["host"], one["port"]) == (other["host"], other["port"]) for other in found):
            raise Problem(f"{where}: {place} is there twice; weight says how much it takes")
        found.append(one)
    if all(one["backup"] for one in found):
        raise Problem("upstreams: all of them are backup; one at least must not be")
    return found


def listener(item: t.Any, own_addresses: t.Collection[str]) -> Json:
    given = known(item, LISTENER_KEYS)
    name = str(given.get("name", ""))
    if not NAME.fullmatch(name):
        raise Problem(f"name: {name!r} will not do; use up to 63 lower-case letters, digits and hyphens")
    protocol = choice(given, "protocol", ("tcp", "udp"))
    listening = Socket(protocol, bind_address(given), number(given, "port", 1, 65535))
    proxy_protocol = truth(given, "proxy_protocol")
    if proxy_protocol and protocol == "udp":
        raise Problem("proxy_protocol: it is of TCP only")
    return {
        "name": name,
        **dataclasses.asdict(listening),
        "upstreams": upstreams(given, listening, own_addresses),
        "allow": allowed(given, PRIVATE),
        "connect_timeout": duration(given, "connect_timeout", "5s"),
        "idle_timeout": duration(given, "idle_timeout", "10m" if protocol == "tcp" else "1m"),
        "proxy_protocol": proxy_protocol,
    }


def health_listener(item: t.Any) -> Json:
    given = known(item, HEALTH_KEYS)
    return {
        "name": "health",
        **dataclasses.asdict(Socket("tcp", bind_address(given), number(given, "port", 1, 65535))),
        "kind": choice(given, "kind", ("http", "tcp")),
        "allow": allowed(given, (*CHECKERS, *PRIVATE)),
    }


def socket_of(item: Json) -> Socket:
    return Socket(item["protocol"], item["address"], item["port"])


def plan(listeners: t.Any, health: t.Any = None, own_addresses: t.Collection[str] = ()) -> Json:
    """``{listeners, health, sockets, problems}``: the first three complete if there are no problems.

    `own_addresses` are the host's, to see whether an upstream leads back to its own listener. ``sockets`` are what the
    host has to have free: ``{name, protocol, address, port, kernel}``.
    """
    problems: list[str] = []
    found: list[Json] = []
    named = "tcp_proxy_listeners"
    if not isinstance(listeners, t.Sequence) or isinstance(listeners, str) or not listeners:
        problems.append(f"{named}: at least one listener is needed")
        listeners = []
    places: list[tuple[str, Json]] = []
    for position, item in enumerate(listeners):
        name = item.get("name") if isinstance(item, t.Mapping) else None
        where = f"{named}[{position}]" + (f" ({name})" if name else "")
        try:
            one = listener(item, own_addresses)
        except Problem as problem:
            problems.append(f"{where}: {problem}")
            continue
        found.append(one)
        places.append((where, one))
    checked = None
    if health:
        try:
            checked = health_listener(health)
            places.append(("tcp_proxy_health", checked))
        except Problem as problem:
            problems.append(f"tcp_proxy_health: {problem}")
    problems += collisions(places)
    sockets = [
        {"name": one["name"], **dataclasses.asdict(socket_of(one)), "kernel": socket_of(one).for_kernel()}
        for _where, one in places
    ]
    return {"listeners": found, "health": checked, "sockets": sockets, "problems": problems}


def collisions(places: t.Sequence[tuple[str, Json]]) -> t.Iterator[str]:
    for position, (where, one) in enumerate(places):
        for other_where, other in places[:position]:
            if socket_of(one).meets(socket_of(other)):
                port = f"{one['protocol']} port {one['port']}"
                yield f"{where}: {port} at {one['address']} is taken by {other_where} at {other['address']}"
            if "upstreams" in one and "upstreams" in other and one["name"] == other["name"]:
                yield f"{where}: name: {one['name']!r} is that of {other_where}"
