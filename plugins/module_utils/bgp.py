# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Cloud Router's status says: its BGP sessions, what they advertise, what is missing there, what more fits in.

Everything here is pure. :func:`read` takes a response of getRouterStatus, what ``gcloud compute routers get-status``
printed, whole or in part, or what this module made of either; :class:`BgpError` says what it cannot read. Findings bear
the codes of this collection's diagnosis: ``bgp-session-down``, ``bgp-range-not-advertised``, ``bgp-prefix-limit``.

A session that is not known to be up advertises nothing, whatever else its status lists.

Sources: https://cloud.google.com/compute/docs/reference/rest/v1/routers/getRouterStatus and
https://cloud.google.com/network-connectivity/docs/router/concepts/advertised-routes
"""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import re
import textwrap
import typing as t

from . import addressing
from .errors import InvalidInput

try:
    import yaml
except ImportError as import_error:
    YAML_ERROR: ImportError | None = import_error
else:
    YAML_ERROR = None

#: Prefixes that a session may send unless its peer is known to take more: what an AWS virtual private gateway accepts
#: (https://docs.aws.amazon.com/vpn/latest/s2svpn/vpn-limits.html).
PREFIX_LIMIT = 100

SESSION_DOWN = "bgp-session-down"
NOT_ADVERTISED = "bgp-range-not-advertised"
OVER_LIMIT = "bgp-prefix-limit"


class BgpError(InvalidInput):
    """An input that is no router status, or a value in it that cannot be understood.

    Codes: ``status-syntax`` (text that is neither YAML nor JSON), ``status-shape`` (something else than a router
    status), ``duration-syntax``, ``prefix-limit``.
    """

    code = "status-shape"


# ---------------------------------------------------------------------------------------------------------------------
# Durations as Google writes them

#: Google's words and their seconds. How long its year is, Google does not say: 365 days are assumed.
UNITS = {"years": 31536000, "weeks": 604800, "days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}
_PART = re.compile(r"(\d+) +([a-z]+)")


def duration_seconds(value: int | str, *, where: str = "") -> int:
    """Seconds of ``1 weeks, 1 days, 23 hours, 0 minutes, 0 seconds``; a number of seconds, also as text, is itself.

    Units come from large to small, each once at most, in the plural or singular. Raises BgpError (duration-syntax).
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return int(value)
    text = value.strip() if isinstance(value, str) else ""
    if text.isascii() and text.isdigit():
        return int(text)
    seconds, smaller = 0, list(UNITS)
    for part in text.split(","):
        found = _PART.fullmatch(part.strip())
        unit = found.group(2).removesuffix("s") + "s" if found else ""
        if not found or unit not in smaller:
            raise BgpError(
                _at(
                    where,
                    f"{value!r} is not a duration; write it as Google does, such as '2 days, 13 hours, 19 minutes, "
                    "0 seconds', or as a number of seconds",
                ),
                code="duration-syntax",
            )
        smaller = smaller[smaller.index(unit) + 1 :]
        seconds += int(found.group(1)) * UNITS[unit]
    return seconds


def duration_words(seconds: int) -> str:
    """A number of seconds in Google's words: from the largest unit that is not zero down to the seconds, all plural.

    Raises BgpError (duration-syntax) for a negative number.
    """
    if seconds < 0:
        raise BgpError(f"{seconds} is not a duration; write a number of seconds from 0 up", code="duration-syntax")
    parts: list[str] = []
    for unit, size in UNITS.items():
        count, seconds = divmod(seconds, size)
        if count or parts or size == 1:
            parts.append(f"{count} {unit}")
    return ", ".join(parts)


# ---------------------------------------------------------------------------------------------------------------------
# The model


@dataclasses.dataclass(frozen=True)
class AdvertisedRange:
    """A range that a session lists as advertised. ``priority`` is the MED, ``next_hop_ip`` the router's own address."""

    range: str
    priority: int | None = None
    next_hop_ip: str | None = None


@dataclasses.dataclass(frozen=True)
class Peer:
    """One BGP session as the router sees it; ``None`` is what its status does not say.

    ``up`` is true only where the status says so: of ``state`` and ``status``, all that is there. ``ip_address`` is the
    router's own address, ``linked_vpn_tunnel`` the tunnel's name.
    """

    name: str
    state: str | None = None
    status: str | None = None
    status_reason: str | None = None
    up: bool = False
    uptime: str | None = None
    uptime_seconds: int | None = None
    ip_address: str | None = None
    peer_ip_address: str | None = None
    linked_vpn_tunnel: str | None = None
    num_learned_routes: int | None = None
    advertised_ranges: tuple[AdvertisedRange, ...] = ()

    @property
    def sent(self) -> tuple[str, ...]:
        """The IPv4 ranges that really reach the other side: none unless the session is up."""
        return tuple(item.range for item in self.advertised_ranges if ":" not in item.range) if self.up else ()

    @property
    def condition(self) -> str:
        """The session's state in a word, for messages."""
        return self.state or self.status or "not told"


@dataclasses.dataclass(frozen=True)
class LearnedRoute:
    """A route that the router learned. ``next_hop_ip`` is the peer's address; ``as_path`` the ASNs of all segments."""

    range: str
    priority: int | None = None
    next_hop_ip: str | None = None
    next_hop_vpn_tunnel: str | None = None
    as_path: tuple[int, ...] = ()
    status: str | None = None


@dataclasses.dataclass(frozen=True)
class RouterStatus:
    """A router's status. ``best_routes`` are those that its region uses, ``best_routes_for_router`` the best that this
    router learned itself."""

    peers: tuple[Peer, ...] = ()
    best_routes: tuple[LearnedRoute, ...] = ()
    best_routes_for_router: tuple[LearnedRoute, ...] = ()


def as_data(value: t.Any) -> t.Any:
    """Dataclasses of this module, and tuples and lists of them, as dictionaries and lists."""
    if isinstance(value, (list, tuple)):
        return [as_data(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: as_data(getattr(value, item.name)) for item in dataclasses.fields(value)}
    return value


# ---------------------------------------------------------------------------------------------------------------------
# Reading


def read(value: t.Any, *, where: str = "") -> RouterStatus:
    """A router's status, or of several ones that of all their sessions together.

    Takes a response of getRouterStatus or its ``result``, one or more entries of its ``bgpPeerStatus``, any of these as
    the YAML or JSON that gcloud prints, what :func:`as_data` makes of a status or its peers, a result of
    router_status_info, and lists of all of them. Raises BgpError naming the place.
    """
    if isinstance(value, RouterStatus):
        return value
    if isinstance(value, str):
        data = parse_text(value, where=where)
        if not all(isinstance(item, dict) for item in (data if isinstance(data, list) else [data])):
            # text inside text would be parsed for ever
            raise BgpError(_at(where, f"{value.strip()[:60]!r} is not the status of a router; {_WANTED}"))
        return read(data, where=where)
    if isinstance(value, t.Mapping):
        return _read_mapping(value, where)
    if isinstance(value, (list, tuple)):
        found = [read(item, where=f"{where}[{number}]") for number, item in enumerate(value)]
        return RouterStatus(
            tuple(peer for item in found for peer in item.peers),
            tuple(route for item in found for route in item.best_routes),
            tuple(route for item in found for route in item.best_routes_for_router),
        )
    raise BgpError(_at(where, f"{value!r} is not the status of a router; {_WANTED}"))


_WANTED = (
    "give what `gcloud compute routers get-status ROUTER --region REGION` prints, or the API's response to "
    "getRouterStatus"
)


def _read_mapping(value: t.Mapping[str, t.Any], where: str) -> RouterStatus:
    if "routers" in value:
        return read(_items(value, "routers", where), where=_path(where, "routers"))
    if "result" in value:
        return _read_mapping(_mapping(value["result"], _path(where, "result")), _path(where, "result"))
    if "bgpPeerStatus" in value or "bestRoutes" in value or "bestRoutesForRouter" in value:
        return RouterStatus(
            _each(value, "bgpPeerStatus", where, _peer),
            _each(value, "bestRoutes", where, _route),
            _each(value, "bestRoutesForRouter", where, _route),
        )
    if "peers" in value:
        return RouterStatus(
            _each(value, "peers", where, _own_peer),
            _each(value, "best_routes", where, _own_route),
            _each(value, "best_routes_for_router", where, _own_route),
        )
    if "advertised_ranges" in value:
        return RouterStatus((_own_peer(value, where),))
    if "peerIpAddress" in value or "advertisedRoutes" in value:
        return RouterStatus((_peer(value, where),))
    if value.get("kind") == "compute#routerStatusResponse" or set(value) == {"network"} or where.endswith("result"):
        # a router without peers has none of the lists
        return RouterStatus()
    known = ", ".join(sorted(str(key) for key in value))
    raise BgpError(_at(where, f"this has neither bgpPeerStatus nor peers, only {known}; {_WANTED}"))


def _peer(value: t.Mapping[str, t.Any], where: str) -> Peer:
    """One entry of bgpPeerStatus."""
    state, status = _text(value, "state", where), _text(value, "status", where)
    seconds = _number(value, "uptimeSeconds", where)
    words = _text(value, "uptime", where)
    if seconds is None and words is not None:
        seconds = duration_seconds(words, where=_path(where, "uptime"))
    return Peer(
        name=_text(value, "name", where) or _text(value, "peerIpAddress", where) or "(no name)",
        state=state,
        status=status,
        status_reason=_text(value, "statusReason", where),
        up=bool(state or status) and (state or "Established").lower() == "established" and status in (None, "UP"),
        uptime=words if words is not None or seconds is None else duration_words(seconds),
        uptime_seconds=seconds,
        ip_address=_text(value, "ipAddress", where),
        peer_ip_address=_text(value, "peerIpAddress", where),
        linked_vpn_tunnel=_name(_text(value, "linkedVpnTunnel", where)),
        num_learned_routes=_number(value, "numLearnedRoutes", where),
        advertised_ranges=_each(value, "advertisedRoutes", where, _advertised),
    )


def _advertised(value: t.Mapping[str, t.Any], where: str) -> AdvertisedRange:
    return AdvertisedRange(
        _range(value, "destRange", where), _number(value, "priority", where), _text(value, "nextHopIp", where)
    )


def _route(value: t.Mapping[str, t.Any], where: str) -> LearnedRoute:
    """One learned route."""
    path: list[int] = []
    for segment, item in enumerate(_items(value, "asPaths", where)):
        inside = f"{_path(where, 'asPaths')}[{segment}]"
        path += [_whole(asn, _path(inside, "asLists")) for asn in _items(_mapping(item, inside), "asLists", inside)]
    return LearnedRoute(
        _range(value, "destRange", where),
        _number(value, "priority", where),
        _text(value, "nextHopIp", where),
        _name(_text(value, "nextHopVpnTunnel", where)),
        tuple(path),
        _text(value, "routeStatus", where),
    )


def _own_peer(value: t.Mapping[str, t.Any], where: str) -> Peer:
    """What :func:`as_data` made of a :class:`Peer`."""
    data: dict[str, t.Any] = {
        field.name: value[field.name] for field in dataclasses.fields(Peer) if field.name in value
    }
    data["name"] = _text(value, "name", where) or "(no name)"
    data["up"] = value.get("up") is True
    for key in ("uptime_seconds", "num_learned_routes"):
        data[key] = _number(value, key, where)
    data["advertised_ranges"] = _each(value, "advertised_ranges", where, _own_range)
    return Peer(**data)


def _own_range(value: t.Mapping[str, t.Any], where: str) -> AdvertisedRange:
    return AdvertisedRange(
        _range(value, "range", where), _number(value, "priority", where), _text(value, "next_hop_ip", where)
    )


def _own_route(value: t.Mapping[str, t.Any], where: str) -> LearnedRoute:
    return LearnedRoute(
        _range(value, "range", where),
        _number(value, "priority", where),
        _text(value, "next_hop_ip", where),
        _text(value, "next_hop_vpn_tunnel", where),
        tuple(_whole(asn, _path(where, "as_path")) for asn in _items(value, "as_path", where)),
        _text(value, "status", where),
    )


Item = t.TypeVar("Item")


def _each(
    value: t.Mapping[str, t.Any], key: str, where: str, make: t.Callable[[t.Mapping[str, t.Any], str], Item]
) -> tuple[Item, ...]:
    """What ``make`` makes of every item of a list, which may be missing."""
    made = []
    for number, item in enumerate(_items(value, key, where)):
        inside = f"{_path(where, key)}[{number}]"
        made.append(make(_mapping(item, inside), inside))
    return tuple(made)


def _items(value: t.Mapping[str, t.Any], key: str, where: str) -> t.Sequence[t.Any]:
    found = value.get(key)
    if found is None or found == "":
        return ()
    if not isinstance(found, (list, tuple)):
        raise BgpError(_at(_path(where, key), f"{found!r} is not a list; {_WANTED}"))
    return found


def _mapping(value: t.Any, where: str) -> t.Mapping[str, t.Any]:
    if value is None or value == "":
        return {}
    if not isinstance(value, t.Mapping):
        raise BgpError(_at(where, f"{value!r} is not a dictionary; {_WANTED}"))
    return value


def _text(value: t.Mapping[str, t.Any], key: str, where: str) -> str | None:
    found = value.get(key)
    if found is None or found == "":
        return None
    if not isinstance(found, str):
        raise BgpError(_at(_path(where, key), f"{found!r} is not a string; {_WANTED}"))
    return str(found)


def _number(value: t.Mapping[str, t.Any], key: str, where: str) -> int | None:
    found = value.get(key)
    return None if found is None or found == "" else _whole(found, _path(where, key))


def _whole(value: t.Any, where: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    raise BgpError(_at(where, f"{value!r} is not a whole number; {_WANTED}"))


def _range(value: t.Mapping[str, t.Any], key: str, where: str) -> str:
    text = _text(value, key, where)
    try:
        return str(ipaddress.ip_network(text or "", strict=False))
    except ValueError as exc:
        raise BgpError(_at(_path(where, key), f"{text!r} is not a range such as '10.1.0.0/24'; {_WANTED}")) from exc


def _name(url: str | None) -> str | None:
    """The last part of a resource's URL."""
    return url.rpartition("/")[2] if url else None


def _path(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _at(where: str, message: str) -> str:
    return f"{where}: {message}" if where else message


# ---------------------------------------------------------------------------------------------------------------------
# Text

#: Lines that say that something was left out, prompts with their commands, comments, and the fences of code blocks.
_NOT_STATUS = re.compile(r"\s*(?:[\[(<]?\s*(?:[.…⋯⋮・·]+|snip|中略|省略|略)\s*[\])>]?|[$#].*|```.*)\s*")


def parse_text(text: str, *, where: str = "") -> t.Any:
    """Pasted output of gcloud as data; in YAML, every scalar stays a string.

    Lines of dots, prompts, comments and code fences are passed over, and a part may stand as deep as it did in the
    whole. Raises BgpError: status-syntax, with the line.
    """
    lines = ["" if _NOT_STATUS.fullmatch(line) else line.expandtabs() for line in text.splitlines()]
    filled = [line for line in lines if line.strip()]
    if not filled:
        raise BgpError(_at(where, f"there is no status in this text; {_WANTED}"), code="status-syntax")
    if filled[0].lstrip()[0] in "{[":
        try:
            return json.loads("\n".join(lines))
        except ValueError as exc:
            raise BgpError(_at(where, f"this text is not JSON: {exc}; {_WANTED}"), code="status-syntax") from exc
    if YAML_ERROR:
        raise BgpError(
            _at(where, f"YAML cannot be read here ({YAML_ERROR}); install PyYAML, or give the output of --format=json"),
            code="status-syntax",
        )
    block = textwrap.dedent("\n".join(lines))
    try:
        return _parse_yaml(block)
    except BgpError as problem:
        # trimmed text has lost the indentation of its first line, and of that line only
        first, *others = [line for line in lines if line.strip()]
        depth = min((len(line) - len(line.lstrip()) for line in others), default=0)
        if first == first.lstrip() and depth:
            try:
                return _parse_yaml("\n".join([" " * depth + first, *others]))
            except BgpError:
                pass  # the text as it was given explains itself better
        raise BgpError(_at(where, str(problem)), code=problem.code) from None


def _parse_yaml(text: str) -> t.Any:
    try:
        return _plain(yaml.compose(text, Loader=yaml.BaseLoader))
    except (yaml.YAMLError, RecursionError) as exc:
        mark = getattr(exc, "problem_mark", None)
        line = f"line {mark.line + 1}: {getattr(exc, 'problem', exc)}" if mark else str(exc)
        raise BgpError(f"this text is not YAML: {line}; {_WANTED}", code="status-syntax") from None


def _plain(node: t.Any) -> t.Any:
    """A node of YAML as data. A key that is there twice would hide a part: gcloud never prints one."""
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item) for item in node.value]
    if not isinstance(node, yaml.MappingNode):
        return node.value
    found: dict[str, t.Any] = {}
    for key, value in node.value:
        name = str(key.value)
        if name in found:
            raise BgpError(
                f"line {key.start_mark.line + 1}: {name} is there twice; give the status of one router, or a list with "
                "one text for each router",
                code="status-syntax",
            )
        found[name] = _plain(value)
    return found


# ---------------------------------------------------------------------------------------------------------------------
# What is missing from the advertisement


@dataclasses.dataclass(frozen=True)
class Coverage:
    """How much of a range a set of advertised ranges covers.

    ``advertised_by`` is the smallest advertised range that holds all of it, else those that hold or are parts of it;
    ``missing`` is the rest, as the fewest ranges.
    """

    advertised_by: tuple[str, ...]
    missing: tuple[str, ...]


def coverage(cidr: str, advertised: t.Iterable[str]) -> Coverage:
    """What of an IPv4 range is advertised: by itself, by an aggregate, or in pieces. Raises AddressingError."""
    wanted = addressing.parse(cidr)
    touching = {net for net in map(addressing.parse, advertised) if net.overlaps(wanted)}
    holding = [net for net in touching if wanted.subnet_of(net)]
    if holding:
        return Coverage((str(max(holding, key=lambda net: net.prefixlen)),), ())
    parts = tuple(str(net) for net in sorted(touching))
    return Coverage(parts, tuple(addressing.free_blocks(cidr, parts)))


@dataclasses.dataclass(frozen=True)
class MissingRange:
    """A range that the other side does not hear of, or not of all of it.

    ``peer`` is the session, ``None`` where all sessions together were looked at; ``name`` what the range is called.
    """

    peer: str | None
    range: str
    name: str
    missing: tuple[str, ...]
    advertised_by: tuple[str, ...]
    code: str
    message: str


def asked_ranges(ranges: t.Any, *, where: str = "ranges") -> list[addressing.Range]:
    """What a user asks for, as :func:`addressing.as_ranges` takes it, called by its name or else by itself.

    Raises AddressingError naming the item of the list ``where``.
    """
    found = addressing.as_ranges(ranges, where=where if isinstance(ranges, (list, tuple)) else "")
    names = [item.label.removeprefix(where).removeprefix(".") for item in found]
    return [
        dataclasses.replace(item, label=item.cidr if name[:1] in ("", "[") else name)
        for item, name in zip(found, names, strict=True)
    ]


def missing_ranges(status: RouterStatus, ranges: t.Any, *, each_peer: bool = True) -> list[MissingRange]:
    """Which of the ranges the sessions do not advertise.

    ``each_peer``: every session has to advertise every range, and there is an entry for each session and range where it
    does not. Otherwise the sessions count together, and there is an entry for each range that is in none of them.
    Without any session everything is missing. ``ranges`` are as :func:`asked_ranges` takes them.
    """
    wanted = asked_ranges(ranges)
    if each_peer and status.peers:
        return [found for peer in status.peers for item in wanted for found in _missing(item, [peer], peer.name)]
    return [found for item in wanted for found in _missing(item, status.peers, None)]


def _missing(wanted: addressing.Range, peers: t.Sequence[Peer], name: str | None) -> list[MissingRange]:
    found = coverage(wanted.cidr, [cidr for peer in peers for cidr in peer.sent])
    if not found.missing:
        return []
    down = not any(peer.up for peer in peers)
    if not peers:
        why = "is not advertised, because the router has no BGP peer; add one"
    elif down:
        states = ", ".join(f"{peer.name} is {peer.condition}" for peer in peers)
        why = f"is not advertised, because no session is up ({states}); bring the session up first"
    else:
        what = "is not advertised"
        if found.advertised_by:
            what = f"is advertised in part ({', '.join(found.advertised_by)}), {', '.join(found.missing)} is missing"
        on = f" on {name}" if name else ""
        why = f"{what}{on}; make it a range of a subnetwork of the network, or add it to the advertised_ip_ranges"
    shown = wanted.cidr if wanted.label == wanted.cidr else f"{wanted.label} ({wanted.cidr})"
    return [
        MissingRange(
            peer=name,
            range=wanted.cidr,
            name=wanted.label,
            missing=found.missing,
            advertised_by=found.advertised_by,
            code=SESSION_DOWN if down else NOT_ADVERTISED,
            message=f"{shown} {why}",
        )
    ]


# ---------------------------------------------------------------------------------------------------------------------
# Headroom


@dataclasses.dataclass(frozen=True)
class Aggregate:
    """One range that stands for several advertised ones and for nothing else."""

    range: str
    replaces: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Headroom:
    """How many prefixes a session sends, of how many its peer takes.

    ``headroom`` is what is left, negative where it is over. ``aggregates`` lose and add no address; with all of them
    the session would send ``aggregated_count``.
    """

    peer: str
    count: int
    limit: int
    headroom: int
    aggregated_count: int
    aggregates: tuple[Aggregate, ...]
    code: str | None
    message: str


def prefix_headroom(peer: Peer, limit: int = PREFIX_LIMIT, adding: t.Any = ()) -> Headroom:
    """The prefixes that a session lists, up or not, against the limit of its peer.

    ``adding`` are ranges to count as if they were advertised too. Raises BgpError (prefix-limit) for a limit below 1.
    """
    if limit < 1:
        raise BgpError(f"{limit} is not a limit on prefixes; write a whole number from 1 up", code="prefix-limit")
    texts = [item.range for item in peer.advertised_ranges]
    texts += [item.cidr for item in asked_ranges(adding, where="adding")]
    prefixes: set[ipaddress.IPv4Network | ipaddress.IPv6Network] = {ipaddress.ip_network(text) for text in texts}
    aggregates = _aggregates(prefixes)
    saved = sum(len(item.replaces) - 1 for item in aggregates)
    count, left = len(prefixes), limit - len(prefixes)
    message = f"{peer.name}: {count} of {limit} prefixes"
    if left < 0:
        message += (
            f", {-left} too many: a peer such as an AWS virtual private gateway ends the whole session. "
            + (f"Aggregates would make them {count - saved}. " if saved else "No two of them make an aggregate. ")
            + "Advertise fewer ranges (CUSTOM advertisement), or use a peer that takes more."
        )
    return Headroom(peer.name, count, limit, left, count - saved, aggregates, OVER_LIMIT if left < 0 else None, message)


def _aggregates(prefixes: set[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> tuple[Aggregate, ...]:
    """Each largest range that two or more of the prefixes fill completely, in order, IPv4 first."""
    four = sorted(net for net in prefixes if isinstance(net, ipaddress.IPv4Network))
    six = sorted(net for net in prefixes if isinstance(net, ipaddress.IPv6Network))
    found = []
    for whole in ipaddress.collapse_addresses(four):
        found.append(Aggregate(str(whole), tuple(str(net) for net in four if net.subnet_of(whole))))
    for whole_six in ipaddress.collapse_addresses(six):
        found.append(Aggregate(str(whole_six), tuple(str(net) for net in six if net.subnet_of(whole_six))))
    return tuple(item for item in found if len(item.replaces) > 1)


# ---------------------------------------------------------------------------------------------------------------------
# Differences between sessions


@dataclasses.dataclass(frozen=True)
class Difference:
    """Something in which sessions differ that are meant to stand in for one another.

    ``aspect`` is ``up``, ``range`` (advertised by some only), ``priority`` (of the same range) or ``learned`` (the
    number of routes). ``peers`` are worse off (down, without the range, with a higher priority number, with fewer
    routes), ``others`` are not.
    """

    aspect: t.Literal["up", "range", "priority", "learned"]
    range: str | None
    peers: tuple[str, ...]
    others: tuple[str, ...]
    message: str


def differences(peers: t.Sequence[Peer]) -> list[Difference]:
    """In what sessions differ. Those that are down are told as such, and the rest is compared among those that are up.

    Different priorities may be meant: one session is then a reserve of the other.
    """
    found = []
    up, down = [peer for peer in peers if peer.up], [peer for peer in peers if not peer.up]
    if up and down:
        states = ", ".join(f"{peer.name} is {peer.condition}" for peer in down)
        found.append(_difference("up", None, down, up, f"{states}, {_names(up)} up"))
    listed = {peer: {item.range: item.priority for item in peer.advertised_ranges} for peer in up}
    for cidr in sorted({cidr for ranges in listed.values() for cidr in ranges}, key=_order):
        have = [peer for peer in up if cidr in listed[peer]]
        lack = [peer for peer in up if cidr not in listed[peer]]
        if lack:
            message = f"{cidr} is advertised by {_names(have)}, not by {_names(lack)}"
            found.append(_difference("range", cidr, lack, have, message))
        priorities = {peer: priority for peer in have if (priority := listed[peer][cidr]) is not None}
        best = [peer for peer, priority in priorities.items() if priority == min(priorities.values())]
        worse = [peer for peer in priorities if peer not in best]
        if worse:
            said = ", ".join(f"{priority} by {peer.name}" for peer, priority in priorities.items())
            message = f"{cidr} is advertised with different priorities: {said}"
            found.append(_difference("priority", cidr, worse, best, message))
    learned = {peer: peer.num_learned_routes for peer in up if peer.num_learned_routes is not None}
    most = max(learned.values(), default=0)
    fewer = [peer for peer, count in learned.items() if count < most]
    if fewer:
        message = "different numbers of routes are learned: " + ", ".join(
            f"{count} by {peer.name}" for peer, count in learned.items()
        )
        found.append(_difference("learned", None, fewer, [peer for peer in learned if peer not in fewer], message))
    return found


def _difference(
    aspect: t.Literal["up", "range", "priority", "learned"],
    cidr: str | None,
    peers: t.Sequence[Peer],
    others: t.Sequence[Peer],
    message: str,
) -> Difference:
    return Difference(aspect, cidr, tuple(p.name for p in peers), tuple(p.name for p in others), message)


def _names(peers: t.Sequence[Peer]) -> str:
    return ", ".join(peer.name for peer in peers)


def _order(cidr: str) -> tuple[int, int, int]:
    """Ranges in the order of their addresses, IPv4 first."""
    net = ipaddress.ip_network(cidr)
    return net.version, int(net.network_address), net.prefixlen
