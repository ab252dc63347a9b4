# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schemas of what is served, and what a decoder does with them: unknown fields, wrong types, what Go leaves out.

schemas.json is the part of a Kubernetes release's OpenAPI document that the lab serves; it says where it is from. Its
extensions drive patches and server-side apply: x-kubernetes-patch-merge-key, -patch-strategy, -list-type,
-list-map-keys, -map-type.
"""

from __future__ import annotations

import dataclasses
import decimal
import functools
import json
import pathlib
import re
import typing as t

from .errors import bad_request
from .kinds import Type

Json = dict[str, t.Any]

META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
ANYTHING: Json = {}
"""The schema of what nobody has described."""


@functools.cache
def document() -> Json:
    """schemas.json as it is."""
    text = (pathlib.Path(__file__).parent / "schemas.json").read_text(encoding="utf-8")
    return t.cast(Json, json.loads(text))


def definitions() -> Json:
    return t.cast(Json, document()["definitions"])


@functools.cache
def _by_kind() -> dict[tuple[str, str, str], str]:
    found = {}
    for name, schema in definitions().items():
        for kind in schema.get("x-kubernetes-group-version-kind", ()):
            found[kind["group"], kind["version"], kind["kind"]] = name
    return found


def definition_name(group: str, version: str, kind: str) -> str | None:
    """io.k8s.api.apps.v1.Deployment"""
    return _by_kind().get((group, version, kind))


def of(kind: Type) -> Json:
    """The schema of a type's objects."""
    name = definition_name(kind.group, kind.version, kind.kind)
    if name is not None:
        return t.cast(Json, definitions()[name])
    schema = kind.schema or {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    head = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"$ref": f"#/definitions/{META}"},
    }
    return {**schema, "type": "object", "properties": {**schema.get("properties", {}), **head}}


def resolve(schema: Json) -> Json:
    """A schema with its reference followed; what stands beside the reference wins."""
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return schema
    name = reference.rsplit("/", 1)[1]
    if name == QUANTITY:
        return {"type": "string", "format": "quantity"}
    return {**definitions()[name], **{key: value for key, value in schema.items() if key != "$ref"}}


def child(schema: Json, name: str) -> Json:
    """The schema of a field or of a map's value."""
    properties = schema.get("properties", {})
    if name in properties:
        return resolve(properties[name])
    more = schema.get("additionalProperties")
    return resolve(more) if isinstance(more, dict) else ANYTHING


def items(schema: Json) -> Json:
    """The schema of a list's items."""
    found = schema.get("items")
    return resolve(found) if isinstance(found, dict) else ANYTHING


def list_type(schema: Json) -> str:
    """atomic, set or map, as server-side apply merges it."""
    return str(schema.get("x-kubernetes-list-type", "atomic"))


def list_keys(schema: Json) -> list[str]:
    return list(schema.get("x-kubernetes-list-map-keys", ()))


def is_atomic_map(schema: Json) -> bool:
    return schema.get("x-kubernetes-map-type") == "atomic"


def is_map(schema: Json) -> bool:
    """Keys of its own choosing, as opposed to fields."""
    return "additionalProperties" in schema and "properties" not in schema


def item_key(schema: Json, item: Json) -> tuple[tuple[str, t.Any], ...]:
    """What names an item of an associative list. A port without a protocol is TCP's."""
    return tuple((name, item.get(name, "TCP" if name == "protocol" else None)) for name in sorted(list_keys(schema)))


# ---- decoding


@dataclasses.dataclass
class Decoded:
    """An object as the server took it, and what it did not understand."""

    object: Json
    problems: list[str]


def loads(raw: bytes) -> tuple[t.Any, list[str]]:
    """JSON, and the names of fields that stand twice in an object."""
    twice: list[str] = []

    def pairs(found: list[tuple[str, t.Any]]) -> Json:
        result: Json = {}
        for name, value in found:
            if name in result:
                twice.append(name)
            result[name] = value
        return result

    return json.loads(raw, object_pairs_hook=pairs), twice


def decode(item: Json, kind: Type) -> Decoded:
    """Hold an object against its type's schema: unknown fields are dropped and named, wrong types are a 400."""
    return Decoder(kind.kind, kind.version, built_in=kind.schema is None).decode(item, of(kind))


class Decoder:
    """One decoding. A custom resource keeps its empty lists and maps, and its nulls go only where none may be."""

    def __init__(self, kind: str, version: str, *, built_in: bool) -> None:
        self.kind = kind
        self.version = version
        self.built_in = built_in
        self.problems: list[str] = []

    def decode(self, item: Json, schema: Json) -> Decoded:
        result = self._struct(item, schema, "")
        return Decoded(result, self.problems)

    def _wrong(self, value: t.Any, wanted: str, path: str) -> t.NoReturn:
        name = {str: "string", bool: "bool", int: "number", float: "number", list: "array", dict: "object"}[type(value)]
        raise bad_request(
            f'{self.kind} in version "{self.version}" cannot be handled as a {self.kind}: json: cannot unmarshal '
            f"{name} into Go struct field {self.kind}.{path} of type {wanted}"
        )

    def _value(self, value: t.Any, schema: Json, path: str) -> t.Any:
        schema = resolve(schema)
        kind = schema.get("type")
        if schema.get("format") == "int-or-string" or schema.get("x-kubernetes-int-or-string"):
            if isinstance(value, (dict, list, bool, float)):
                self._wrong(value, "intstr.IntOrString", path)
            return value
        if schema.get("format") == "quantity":
            return self._quantity(value, path)
        if kind is None:
            return value
        if kind == "string":
            return value if isinstance(value, str) else self._wrong(value, "string", path)
        if kind == "boolean":
            return value if isinstance(value, bool) else self._wrong(value, "bool", path)
        if kind in ("integer", "number"):
            return self._number(value, schema, path)
        if kind == "array":
            if not isinstance(value, list):
                self._wrong(value, "[]" + str(items(schema).get("type", "object")), path)
            inside = items(schema)
            return [
                item if item is None else self._value(item, inside, f"{path}[{at}]") for at, item in enumerate(value)
            ]
        if not isinstance(value, dict):
            self._wrong(value, "map[string]string" if is_map(schema) else "object", path)
        return self._struct(value, schema, path)

    def _number(self, value: t.Any, schema: Json, path: str) -> t.Any:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        allowed = (int,) if schema.get("type") == "integer" else (int, float)
        if isinstance(value, bool) or not isinstance(value, allowed):
            self._wrong(value, str(schema.get("format", "int64")), path)
        return value

    def _quantity(self, value: t.Any, path: str) -> str:
        if isinstance(value, (dict, list, bool)):
            self._wrong(value, "resource.Quantity", path)
        try:
            return quantity(str(value))
        except ValueError:
            raise bad_request(
                f'{self.kind} in version "{self.version}" cannot be handled as a {self.kind}: quantities must match '
                "the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
            ) from None

    def _struct(self, value: Json, schema: Json, path: str) -> Json:
        properties = schema.get("properties")
        more = schema.get("additionalProperties")
        if properties is None and (not isinstance(more, dict) or schema.get("x-kubernetes-preserve-unknown-fields")):
            return value
        required = schema.get("required", ())
        result: Json = {}
        for name, item in value.items():
            where = f"{path}.{name}" if path else name
            if properties is not None and name in properties:
                inside = properties[name]
            elif isinstance(more, dict):
                inside = more
            elif schema.get("x-kubernetes-preserve-unknown-fields") or schema.get("x-kubernetes-embedded-resource"):
                result[name] = item
                continue
            else:
                self.problems.append(f'unknown field "{where}"')
                continue
            if item is None:
                if not self.built_in and resolve(inside).get("nullable"):
                    result[name] = None
                elif properties is None and resolve(inside).get("type") == "string":
                    result[name] = ""  # Go reads null as the value type's zero
                continue
            decoded = self._value(item, inside, where)
            resolved = resolve(inside)
            if (
                self.built_in
                and name not in required
                and (decoded == [] or (decoded == {} and is_map(resolved)))
                and properties is not None
            ):
                continue  # omitempty
            result[name] = decoded
        return result


_QUANTITY = re.compile(r"^([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?[0-9]+)?$")
_BINARY = {name: 1024**at for at, name in enumerate(("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"))}
_DECIMAL = {
    name: decimal.Decimal(10) ** (3 * (at - 3))
    for at, name in enumerate(("n", "u", "m", "", "k", "M", "G", "T", "P", "E"))
}


def quantity(text: str) -> str:
    """A resource quantity in its canonical form: 1000m -> 1, 0.5 -> 500m, 1024Mi -> 1Gi."""
    match = _QUANTITY.match(text)
    if match is None:
        raise ValueError(text)
    number, suffix = decimal.Decimal(match[1]), match[2] or ""
    if suffix in _BINARY and suffix:
        value = number * _BINARY[suffix]
        if value == value.to_integral_value():
            for name, size in reversed(_BINARY.items()):
                if value % size == 0:
                    return f"{int(value / size)}{name}"
        suffix, number = "", value
    if suffix[:1] in ("e", "E") and len(suffix) > 1:
        return text
    value = number * _DECIMAL[suffix]
    for name, size in sorted(_DECIMAL.items(), key=lambda pair: pair[1], reverse=True):
        if value and value % size == 0:
            return f"{int(value / size)}{name}"
    return "0"
