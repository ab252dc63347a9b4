# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text as programs written in Go read it, with their words when they cannot.

JSON as https://pkg.go.dev/encoding/json, YAML as https://pkg.go.dev/sigs.k8s.io/yaml (YAML 1.1 turned into JSON),
durations as https://pkg.go.dev/time#ParseDuration, networks as https://pkg.go.dev/net#ParseCIDR.
"""

from __future__ import annotations

import ipaddress
import json
import re
import typing as t

import yaml

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class GoError(Exception):
    """The text of the error that Go would return."""


class Number(str):
    """A JSON number, as its digits: Go decides by them whether it fits."""


class Members(list[tuple[str, t.Any]]):
    """A JSON object in the order of its text: Go applies keys that repeat one after another."""


def quote(text: str) -> str:
    """%q, for the characters that configuration holds."""
    return json.dumps(text, ensure_ascii=False)


# ---- JSON and YAML


def load(text: str) -> t.Any:
    """What yaml.ToJSON and json.Unmarshal of Kubernetes make of a file: Members, lists, str, Number, bool, None."""
    if text.lstrip().startswith("{"):
        return load_json(text)
    return load_yaml(text)


def load_json(text: str) -> t.Any:
    def constant(name: str) -> t.NoReturn:
        raise GoError(f"invalid character '{name[0]}' looking for beginning of value")

    try:
        return json.loads(
            text, object_pairs_hook=Members, parse_int=Number, parse_float=Number, parse_constant=constant
        )
    except json.JSONDecodeError as error:
        raise GoError(_json_error(text, error)) from None


def _json_error(text: str, error: json.JSONDecodeError) -> str:
    at = error.pos
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    if at >= len(text) or error.msg.startswith("Unterminated"):
        return "unexpected end of JSON input"
    if error.msg.startswith("Expecting ','"):
        where = "after object key:value pair" if _innermost(text[:at]) == "{" else "after array element"
    else:
        where = {
            "Expecting property name enclosed in double quotes": "looking for beginning of object key string",
            "Expecting ':' delimiter": "after object key",
            "Extra data": "after top-level value",
        }.get(error.msg, "looking for beginning of value")
    return f"invalid character {_rune(text[at])} {where}"


def _rune(character: str) -> str:
    return {"'": "'\\''", '"': "'\"'"}.get(character, f"'{character}'")


def _innermost(text: str) -> str:
    open_: list[str] = []
    for found in re.finditer(r'"(?:[^"\\]|\\.)*"|[{}\[\]]', text):
        if found[0] in "{[":
            open_.append(found[0])
        elif found[0] in "}]" and open_:
            open_.pop()
    return open_[-1] if open_ else ""


_Loader: t.Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_yaml(text: str) -> t.Any:
    """The first document of a stream, null when there is none."""
    try:
        loader = _Loader(text)
        try:
            node = loader.get_node() if loader.check_node() else None
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        raise GoError(_yaml_error(error)) from None
    except yaml.YAMLError as error:
        raise GoError(f"yaml: {error}") from None
    return None if node is None else _plain(node)


def _yaml_error(error: yaml.MarkedYAMLError) -> str:
    """As libyaml's problem is printed by go-yaml: scanners count lines from 0, parsers have moved on already."""
    line = 0
    if error.problem_mark and error.problem_mark.line:
        line = error.problem_mark.line + isinstance(error, yaml.scanner.ScannerError)
    elif error.context_mark and error.context_mark.line:
        line = error.context_mark.line
    return f"yaml: {f'line {line}: ' if line else ''}{error.problem}"


_TRUE = {"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"}
_FALSE = {"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"}
_NULL = {"", "~", "null", "Null", "NULL"}
_INTEGER = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]*|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")


def _plain(node: t.Any) -> t.Any:
    if isinstance(node, yaml.ScalarNode):
        return node.value if node.style else _scalar(node.value)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item) for item in node.value]
    found: dict[str, t.Any] = {}
    for key, value in node.value:
        name = _key(_plain(key))
        if key.value == "<<" and not key.style:
            for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                if isinstance(merged := _plain(source), Members):
                    found = dict(merged) | found
        else:
            found[name] = _plain(value)
    return Members(sorted(found.items()))  # a Go map is written in the order of its keys


def _key(value: t.Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    raise GoError("unsupported map key")


def _scalar(text: str) -> t.Any:
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if text in _NULL:
        return None
    bare = text.replace("_", "")
    if _INTEGER.fullmatch(bare):
        sign, digits = ("-", bare[1:]) if bare[0] == "-" else ("", bare.lstrip("+"))
        octal = len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()
        return Number(f"{sign}{int(digits, 8 if octal else 0)}")
    if _FLOAT.fullmatch(bare):
        value = float(bare)
        return Number(str(int(value)) if value.is_integer() and abs(value) < 1e21 else repr(value))
    return text


def kind_of(value: t.Any) -> str:
    """What Go calls a JSON value in `cannot unmarshal ... into`."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, Number):
        return "number"
    if isinstance(value, Members):
        return "object"
    return "array" if isinstance(value, list) else "string"


# ---- durations


_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d*\.?\d*)([^\d.]*)")


def duration(text: str) -> float:
    """time.ParseDuration, in seconds."""
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return 0.0
    if not rest:
        raise GoError(f"time: invalid duration {quote(text)}")
    total = 0.0
    while rest:
        part = _PART.match(rest)
        assert part is not None
        number, unit = part.groups()
        if not number.strip(".") or not number.isascii():
            raise GoError(f"time: invalid duration {quote(text)}")
        if not unit:
            raise GoError(f"time: missing unit in duration {quote(text)}")
        if unit not in _UNITS:
            raise GoError(f"time: unknown unit {quote(unit)} in duration {quote(text)}")
        total += float(number) * _UNITS[unit]
        rest = rest[part.end() :]
    if total > 9223372036.8:  # nanoseconds in 63 bits
        raise GoError(f"time: invalid duration {quote(text)}")
    return -total if text[0] == "-" else total


# ---- networks


def parse_cidr(text: str) -> tuple[Address, Network]:
    """net.ParseCIDR: the address as written, and the network that it lies in."""
    wrong = GoError(f"invalid CIDR address: {text}")
    address, slash, length = text.partition("/")
    if not slash or not length.isascii() or not length.isdigit() or "%" in address:
        raise wrong
    try:
        ip = ipaddress.ip_address(address)
        if int(length) > ip.max_prefixlen:
            raise wrong
        return ip, ipaddress.ip_network(f"{ip}/{int(length)}", strict=False)
    except ValueError:
        raise wrong from None


# ---- flags


_TRUTH = {"1": True, "t": True, "T": True, "true": True, "TRUE": True, "True": True}
_TRUTH |= {"0": False, "f": False, "F": False, "false": False, "FALSE": False, "False": False}


def parse_flags(arguments: t.Iterable[str], known: t.Mapping[str, str | bool]) -> dict[str, str | bool]:
    """flag.Parse: the values of `known` flags (name -> default; a bool makes it boolean)."""
    found = dict(known)
    rest = list(arguments)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        argument = rest.pop(0)
        if argument == "--":
            break
        name, equals, value = argument.removeprefix("-").removeprefix("-").partition("=")
        if not name or name[0] in "-=":
            raise GoError(f"bad flag syntax: {argument}")
        if name not in known:
            raise GoError(f"flag provided but not defined: -{name}")
        if isinstance(known[name], bool):
            if equals and value not in _TRUTH:
                raise GoError(f"invalid boolean value {quote(value)} for -{name}: parse error")
            found[name] = _TRUTH[value] if equals else True
            continue
        if not equals:
            if not rest:
                raise GoError(f"flag needs an argument: -{name}")
            value = rest.pop(0)
        found[name] = value
    return found
