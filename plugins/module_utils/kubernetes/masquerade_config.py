# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ip-masq-agent's command line and configuration, taken and refused as the agent does. Pure.

Source: https://github.com/kubernetes-sigs/ip-masq-agent (cmd/ip-masq-agent/ip-masq-agent.go). It turns YAML into JSON
(https://pkg.go.dev/sigs.k8s.io/yaml), reads that with Go's encoding/json over its defaults, and validates the result.
What it refuses changes nothing: the rules that it wrote before stay.
"""

from __future__ import annotations

import dataclasses
import decimal
import difflib
import ipaddress
import json
import re
import typing as t
from dataclasses import dataclass

from ansible.module_utils.basic import missing_required_lib

from ..errors import PodreachError

if t.TYPE_CHECKING:
    from .client import Json

try:
    import yaml
except ImportError:
    # said where it is needed
    yaml = None  # type: ignore[assignment]  # only the name must exist

#: https://datatracker.ietf.org/doc/html/rfc1918, what the agent keeps without a list
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
#: what it keeps besides with --nomasq-all-reserved-ranges
RESERVED = (
    "100.64.0.0/10",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "240.0.0.0/4",
)
#: the chain of GKE's own rules, into which the agent writes where GKE runs it, and that of an agent left to itself
GKE_CHAIN = "IP-MASQ"
AGENT_CHAIN = "IP-MASQ-AGENT"

LIST, LINK_LOCAL, RESYNC = "nonMasqueradeCIDRs", "masqLinkLocal", "resyncInterval"
FIELDS = (LIST, "cidrLimit", LINK_LOCAL, "masqLinkLocalIPv6", RESYNC)

Pairs = list[tuple[str, t.Any]]


class Rejected(Exception):
    """Why the agent does not take a configuration, or its command line."""


@dataclass(frozen=True)
class Flags:
    """What the agent's arguments say."""

    chain: str = AGENT_CHAIN
    all_reserved: bool = False
    ipv6: bool = False
    verbosity: int = 0

    @property
    def default_cidrs(self) -> tuple[str, ...]:
        return PRIVATE + RESERVED if self.all_reserved else PRIVATE


@dataclass(frozen=True)
class Config:
    """A configuration that the agent takes. ``resync`` is in seconds; ``unknown`` are keys that it does not heed."""

    cidrs: tuple[str, ...]
    cidr_limit: int = 64
    link_local: bool = False
    link_local_ipv6: bool = False
    resync: float = 60.0
    unknown: tuple[str, ...] = ()


# ---- the command line

_TRUTH = {**dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True)}
_TRUTH |= dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False)


def flags_of(container: Json) -> Flags:
    """What the arguments of the agent's container say of the few things that matter here."""
    rest = [*(container.get("command") or [])[1:], *(container.get("args") or [])]
    found: dict[str, str] = {}
    while rest:
        name, equals, value = rest.pop(0).lstrip("-").partition("=")
        if not equals and name in ("masq-chain", "v") and rest:
            value = rest.pop(0)
        found[name] = value if equals or value else "true"

    def switch(name: str) -> bool:
        return _TRUTH.get(found.get(name, "false"), False)

    verbosity = found.get("v", "0")
    return Flags(
        found.get("masq-chain", AGENT_CHAIN),
        switch("nomasq-all-reserved-ranges"),
        switch("enable-ipv6"),
        int(verbosity) if verbosity.isdigit() else 0,
    )


# ---- the text


class _Object(list[tuple[str, t.Any]]):
    """A JSON object, in the order in which Go applies its keys."""


def parse(text: str) -> t.Any:
    """The JSON value that the agent sees: objects as key-value pairs, whole numbers as ``Decimal``. Raises Rejected."""
    if text.lstrip().startswith("{"):
        try:
            return json.loads(
                text,
                object_pairs_hook=_Object,
                parse_int=decimal.Decimal,
                parse_constant=_no_constant,
            )
        except ValueError as error:
            raise Rejected(f"it is no JSON: {error}") from None
    if yaml is None:
        raise PodreachError(missing_required_lib("PyYAML"), code="missing-library")
    if _OTHER_YAML.search(text):
        raise Rejected("it is no YAML: found incompatible YAML document")
    try:
        loader = _go_loader()(text)
        try:
            # later documents of a stream are not looked at
            node = loader.get_node() if loader.check_node() else None
            return None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise Rejected(f"it is no YAML: {' '.join(str(error).split())}") from None


def _no_constant(name: str) -> t.NoReturn:
    raise ValueError(f"{name} is no value")


#: a directive for another version than the one that Go's library takes
_OTHER_YAML = re.compile(r"^%YAML (?!1\.1\s)")
_WORDS: dict[str, t.Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"(?P<sign>[-+]?)(?:0x(?P<hex>[0-9a-fA-F]+)|0b(?P<bin>[01]+)|0o?(?P<oct>[0-7]+)|(?P<dec>\d+))")
_REAL = re.compile(r"[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?")
_BASES = {"hex": 16, "bin": 2, "oct": 8, "dec": 10}


def _scalar(text: str) -> t.Any:
    """A plain scalar as go-yaml 2 takes it. No numbers of base 60: 1:00 is text."""
    if text in _WORDS:
        return _WORDS[text]
    digits = text.replace("_", "")
    if match := _INTEGER.fullmatch(digits):
        for name, base in _BASES.items():
            if match[name]:
                return decimal.Decimal(int(match["sign"] + match[name], base))
    if _REAL.fullmatch(digits):
        return decimal.Decimal(digits)
    return text


#: the tag of scalars that are neither quoted nor have a tag
_PLAIN = "!plain"


def _go_loader() -> t.Any:
    """A YAML loader that finds in a text what Go does."""

    class Loader(yaml.SafeLoader):
        pass

    Loader.yaml_implicit_resolvers = {
        "<": [("tag:yaml.org,2002:merge", re.compile("^<<$"))],
        None: [(_PLAIN, re.compile(""))],
    }

    def mapping(loader: t.Any, node: t.Any) -> _Object:
        loader.flatten_mapping(node)
        found: dict[str, t.Any] = {}
        for key, value in node.value:
            name = loader.construct_object(key, deep=True)
            if isinstance(name, bool):
                name = str(name).lower()
            if not isinstance(name, (str, decimal.Decimal)):
                raise yaml.constructor.ConstructorError(None, None, "a key is no text", key.start_mark)
            found[str(name)] = loader.construct_object(value, deep=True)
        return _Object(sorted(found.items()))

    def sequence(loader: t.Any, node: t.Any) -> list[t.Any]:
        return [loader.construct_object(item, deep=True) for item in node.value]

    Loader.add_constructor(_PLAIN, lambda loader, node: _scalar(node.value))
    Loader.add_constructor("tag:yaml.org,2002:str", lambda loader, node: node.value)
    Loader.add_constructor("tag:yaml.org,2002:bool", lambda loader, node: _scalar(node.value))
    Loader.add_constructor("tag:yaml.org,2002:map", mapping)
    Loader.add_constructor("tag:yaml.org,2002:seq", sequence)
    return Loader


def field_of(key: str) -> str | None:
    """The agent's field that a key is taken for: case does not matter, any other difference does."""
    return next((name for name in FIELDS if name.casefold() == key.casefold()), None)


def meant(key: str) -> str | None:
    """The agent's field that an unknown key may have been meant for."""
    near = difflib.get_close_matches(key.lower(), [name.lower() for name in FIELDS], 1, 0.75)
    return field_of(near[0]) if near else None


# ---- the configuration


def read(text: str | None, flags: Flags) -> Config:
    """The configuration in force with this text; without any, the agent's default. Raises Rejected."""
    default = Config(flags.default_cidrs)
    if text is None:
        return default
    config = _decode(parse(text), default)
    _validate(config, flags)
    return config


def _kind(value: t.Any) -> str:
    if isinstance(value, _Object):
        return "object"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (decimal.Decimal, float)):
        return "number"
    return "array" if isinstance(value, list) else "string"


def _mismatch(value: t.Any, field: str, kind: str) -> Rejected:
    return Rejected(f"json: cannot unmarshal {_kind(value)} into Go struct field MasqConfig.{field} of type {kind}")


def _decode(document: t.Any, config: Config) -> Config:
    """Go's json.Unmarshal over the defaults: unknown keys are ignored, null changes nothing but a list."""
    if document is None:
        return config
    if not isinstance(document, _Object):
        raise Rejected(f"json: cannot unmarshal {_kind(document)} into Go value of type main.MasqConfig")
    values: dict[str, t.Any] = {}
    unknown = []
    for key, value in document:
        field = field_of(key)
        if field is None:
            unknown.append(key)
        elif field == LIST:
            values["cidrs"] = _cidrs(value, values.get("cidrs", config.cidrs))
        elif field == RESYNC:
            # a metav1.Duration reads itself, from a string; null is the empty string
            if value is not None and not isinstance(value, str):
                raise _mismatch(value, field, "string")
            values["resync"] = seconds(value or "")
        elif value is None:
            continue
        elif field == "cidrLimit":
            whole = isinstance(value, decimal.Decimal) and value == value.to_integral_value()
            if not whole or not -(2**63) <= value < 2**63:
                raise _mismatch(value, field, "int")
            values["cidr_limit"] = int(value)
        elif not isinstance(value, bool):
            raise _mismatch(value, field, "bool")
        else:
            values["link_local" if field == LINK_LOCAL else "link_local_ipv6"] = value
    return dataclasses.replace(config, **values, unknown=tuple(unknown))


def _cidrs(value: t.Any, before: tuple[str, ...]) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or isinstance(value, _Object):
        raise _mismatch(value, LIST, "[]string")
    found = []
    for index, item in enumerate(value):
        if item is None:
            # Go leaves what the list held there before
            found.append(before[index] if index < len(before) else "")
        elif isinstance(item, str):
            found.append(item)
        else:
            raise _mismatch(item, LIST, "string")
    return tuple(found)


def _validate(config: Config, flags: Flags) -> None:
    count = len(config.cidrs)
    if count > config.cidr_limit:
        raise Rejected(
            f"the daemon can only accept up to {config.cidr_limit} CIDRs (excluding link-local), but got {count} "
            "CIDRs (excluding link local)"
        )
    for cidr in config.cidrs:
        network = _network(cidr)
        if network.version == 6 and not flags.ipv6:
            raise Rejected(
                f"ipv6 is not enabled, but ipv6 cidr {cidr} provided. Enable ipv6 using --enable-ipv6 agent flag"
            )


def _network(cidr: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """Go's net.ParseCIDR, and that no bit of the host is set."""
    address, _slash, length = cidr.partition("/")
    try:
        # a zone, and a mask that is written as an address, are Python's
        if not length.isascii() or not length.isdigit() or "%" in address:
            raise ValueError
        ip = ipaddress.ip_address(address)
        network = ipaddress.ip_network(f"{address}/{int(length)}", strict=False)
    except ValueError:
        raise Rejected(f'CIDR "{cidr}" could not be parsed, invalid CIDR address: {cidr}') from None
    if network.network_address != ip:
        raise Rejected(f'CIDR "{cidr}" is not aligned to a CIDR block, ip: "{ip}" network: "{network}"')
    return network


_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(?P<number>\d+\.?\d*|\.\d+)(?P<unit>[^\d.]*)", re.ASCII)
#: nanoseconds in 63 bits
_LONGEST = 9223372036.854775807


def seconds(text: str) -> float:
    """A duration as https://pkg.go.dev/time#ParseDuration reads it, in seconds. Raises Rejected."""
    rest = text.removeprefix("-") if text.startswith("-") else text.removeprefix("+")
    if rest == "0":
        return 0.0
    total = 0.0
    bad = Rejected(f'time: invalid duration "{text}"')
    if not rest:
        raise bad
    while rest:
        part = _PART.match(rest)
        if not part:
            raise bad
        if not part["unit"]:
            raise Rejected(f'time: missing unit in duration "{text}"')
        if part["unit"] not in _UNITS:
            raise Rejected(f'time: unknown unit "{part["unit"]}" in duration "{text}"')
        total += float(part["number"]) * _UNITS[part["unit"]]
        rest = rest[part.end() :]
    if total > _LONGEST:
        raise bad
    return -total if text.startswith("-") else total


# ---- writing


def plain(value: t.Any) -> t.Any:
    """A parsed value without this file's own types, to be written again."""
    if isinstance(value, _Object):
        return {key: plain(item) for key, item in value}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def fields(text: str | None) -> Json:
    """What a text sets, by key, the agent's own keys in its spelling. Raises Rejected."""
    document = None if text is None else parse(text)
    if document is not None and not isinstance(document, _Object):
        raise Rejected(f"json: cannot unmarshal {_kind(document)} into Go value of type main.MasqConfig")
    return {field_of(key) or key: plain(value) for key, value in document or ()}


def write(values: Json, like: str | None) -> str:
    """A text that sets these values: JSON where the one before is, else YAML."""
    if like is not None and like.lstrip().startswith("{"):
        return json.dumps(values, indent=2) + "\n"
    if yaml is None:
        raise PodreachError(missing_required_lib("PyYAML"), code="missing-library")
    written: str = yaml.safe_dump(values, sort_keys=False, default_flow_style=False)
    return written
