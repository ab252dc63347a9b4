# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Google's own description of its APIs, used as the judge of every request and response.

The discovery documents are those inside the PyPI package google-api-python-client. From them come the paths, the
query parameters, and the schemas with their types, enumerations and patterns. A request that they do not allow is
refused with 400 in Google's words; a response that they do not allow is a mistake of the lab.
"""

from __future__ import annotations

import base64
import binascii
import copy
import dataclasses
import importlib.util
import json
import pathlib
import re
import typing as t

from .faults import ApiFault, invalid

Json = dict[str, t.Any]

STILL_ACCEPTED: dict[str, Json] = {"returnPartialSuccess": {"type": "boolean", "location": "query"}}
"""Query parameters that gcloud sends with every list, though the document has them for some lists only."""

DOCUMENTS = {
    "cloudresourcemanager": "cloudresourcemanager.v1.json",
    "compute": "compute.v1.json",
    "container": "container.v1.json",
    "iamcredentials": "iamcredentials.v1.json",
    "serviceusage": "serviceusage.v1.json",
}


@dataclasses.dataclass(frozen=True)
class Method:
    """One REST method. `id` is Google's, such as compute.networks.insert."""

    id: str
    service: str
    http_method: str
    path_names: tuple[str, ...]
    parameters: Json
    request: str
    response: str

    @property
    def patches(self) -> bool:
        return self.http_method == "PATCH"


class _Node:
    """A node of the tree of path segments."""

    def __init__(self) -> None:
        self.literal: dict[str, _Node] = {}
        self.variable: dict[str, _Node] = {}  # by custom verb, '' for none
        self.methods: dict[str, Method] = {}


def documents_directory() -> pathlib.Path:
    """Where the discovery documents are; raises ModuleNotFoundError when the package is missing."""
    found = importlib.util.find_spec("googleapiclient")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("google-api-python-client")
    return pathlib.Path(found.submodule_search_locations[0]) / "discovery_cache" / "documents"


class Discovery:
    """The documents of all services: path lookup and validation."""

    def __init__(self, directory: pathlib.Path | None = None) -> None:
        where = directory or documents_directory()
        self._tree: dict[str, _Node] = {"compute": _Node(), "v1": _Node()}
        self._schemas: dict[str, Json] = {}
        self._global_parameters: dict[str, Json] = {}
        self.revisions: dict[str, str] = {}
        for service, file_name in DOCUMENTS.items():
            document = json.loads((where / file_name).read_bytes())
            self._schemas[service] = document["schemas"]
            self._global_parameters[service] = document["parameters"]
            self.revisions[service] = document["revision"]
            self._index(service, document)

    # ---- paths

    def _index(self, service: str, resource: Json) -> None:
        for method in resource.get("methods", {}).values():
            path = method.get("flatPath", method["path"])
            node = self._tree["compute" if service == "compute" else "v1"]
            names: list[str] = []
            for segment in path.split("/"):
                match = re.fullmatch(r"\{(\w+)\}(?::(\w+))?", segment)
                if match:
                    names.append(match[1])
                    node = node.variable.setdefault(match[2] or "", _Node())
                else:
                    node = node.literal.setdefault(segment, _Node())
            node.methods.setdefault(
                method["httpMethod"],
                Method(
                    id=method["id"],
                    service=service,
                    http_method=method["httpMethod"],
                    path_names=tuple(names),
                    parameters=method.get("parameters", {}),
                    request=method.get("request", {}).get("$ref", ""),
                    response=method.get("response", {}).get("$ref", ""),
                ),
            )
        for child in resource.get("resources", {}).values():
            self._index(service, child)

    def find(self, tree: str, http_method: str, path: str) -> tuple[Method, dict[str, str]] | None:
        """The method that a path names, with its path parameters. `tree` is compute or v1, `path` has no leading /."""
        values: list[str] = []
        node = _descend(self._tree[tree], path.split("/"), values)
        method = node.methods.get(http_method) if node else None
        if method is None:
            return None
        return method, dict(zip(method.path_names, values, strict=True))

    # ---- requests

    def check_path(self, method: Method, values: dict[str, str]) -> None:
        for name, value in values.items():
            pattern = method.parameters.get(name, {}).get("pattern")
            if pattern and not _matches(pattern, value):
                raise invalid(name, value, f"Must be a match of regex '{pattern}'")

    def query(self, method: Method, pairs: t.Iterable[tuple[str, str]]) -> Json:
        """Query parameters with their types; refuses what the method does not know."""
        found: Json = {}
        for name, text in pairs:
            described = method.parameters.get(name) or self._global_parameters[method.service].get(name)
            if described is None and "pageToken" in method.parameters:
                described = STILL_ACCEPTED.get(name)
            if described is None or described.get("location") != "query":
                raise _bad_request(
                    f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter. '
                    f"Field '{name}' could not be found in request message.",
                    name,
                )
            value = _query_value(name, text, described)
            if described.get("repeated"):
                found.setdefault(name, []).append(value)
            else:
                found[name] = value
        return found

    def body(self, method: Method, raw: bytes) -> Json:
        """The request's body, checked and brought to canonical types (int64 as text, integers as numbers)."""
        if not method.request:
            if raw.strip() not in (b"", b"{}"):
                raise _bad_request("Request body is not allowed for this method.", "")
            return {}
        try:
            value = json.loads(raw) if raw.strip() else {}
        except ValueError as error:
            raise ApiFault(
                400, f"Invalid JSON payload received. Parse error: {error}", "parseError", status="INVALID_ARGUMENT"
            ) from None
        if not isinstance(value, dict):
            raise _bad_request("Invalid JSON payload received. Root element must be a message.", "")
        checker = _Checker(self._schemas[method.service], method.service, keep_null=method.patches)
        return t.cast(Json, checker.schema(method.request, value, ""))

    # ---- responses

    def response(self, method: Method, value: Json) -> None:
        """Refuse (as an ApiFault that means a mistake of the lab) what Google's document does not allow."""
        if method.response:
            checker = _Checker(self._schemas[method.service], method.service, keep_null=False)
            checker.schema(method.response, value, "")

    def writable(self, service: str, schema: str, value: Json) -> Json:
        """A deep copy without the fields that the document calls output only."""
        properties = self._schemas[service][schema].get("properties", {})
        result: Json = {}
        for name, item in value.items():
            described = properties.get(name, {})
            if is_output_only(described):
                continue
            reference = described.get("$ref")
            if reference and isinstance(item, dict):
                result[name] = self.writable(service, reference, item)
            elif described.get("type") == "array" and "$ref" in described["items"] and isinstance(item, list):
                result[name] = [self.writable(service, described["items"]["$ref"], part) for part in item]
            else:
                result[name] = copy.deepcopy(item)
        return result

    def fields(self, service: str, schema: str) -> set[str]:
        """The names that a schema knows."""
        return set(self._schemas[service][schema].get("properties", {}))


def is_output_only(described: Json) -> bool:
    """Compute marks output-only fields in prose where it does not set readOnly."""
    text = described.get("description", "").lstrip()
    return bool(described.get("readOnly")) or text.startswith(("[Output Only]", "Output only"))


def _descend(node: _Node, segments: list[str], values: list[str]) -> _Node | None:
    if not segments:
        return node if node.methods else None
    head, rest = segments[0], segments[1:]
    if head in node.literal:
        found = _descend(node.literal[head], rest, values)
        if found:
            return found
    if not head:
        return None
    bare, colon, verb = head.rpartition(":")
    for key, value in ((verb, bare), ("", head)) if colon else (("", head),):
        if key in node.variable:
            mark = len(values)
            values.append(value)
            found = _descend(node.variable[key], rest, values)
            if found:
                return found
            del values[mark:]
    return None


def _bad_request(message: str, field: str) -> ApiFault:
    violation: Json = {"description": message}
    if field:
        violation["field"] = field
    return ApiFault(
        400,
        message,
        "badRequest",
        details=[{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}],
    )


def _query_value(name: str, text: str, described: Json) -> t.Any:
    kind = described.get("type")
    if kind == "boolean":
        if text.lower() not in ("true", "false"):
            raise _bad_request(f"Invalid value at '{name}' (TYPE_BOOL), \"{text}\"", name)
        return text.lower() == "true"
    if kind == "integer":
        if not re.fullmatch(r"-?\d+", text):
            raise _bad_request(f"Invalid value at '{name}' (TYPE_INT32), \"{text}\"", name)
        number = int(text)
        if number < int(described.get("minimum", number)) or number > int(described.get("maximum", number)):
            raise invalid(name, text, "The value is out of its range.")
        return number
    if "enum" in described and text not in described["enum"]:
        raise invalid(name, text, f"Must be one of: {', '.join(described['enum'])}.")
    return text


_PATTERNS: dict[str, re.Pattern[str]] = {}


def _matches(pattern: str, value: str) -> bool:
    compiled = _PATTERNS.get(pattern)
    if compiled is None:
        compiled = _PATTERNS[pattern] = re.compile(pattern)
    return compiled.fullmatch(value) is not None


class _Checker:
    """Walks a value along a schema; returns it in canonical types or raises the fault."""

    def __init__(self, schemas: Json, service: str, *, keep_null: bool) -> None:
        self._schemas = schemas
        self._service = service
        self._keep_null = keep_null

    def schema(self, name: str, value: t.Any, where: str) -> t.Any:
        return self.value(self._schemas[name], value, where)

    def value(self, described: Json, value: t.Any, where: str) -> t.Any:
        if "$ref" in described:
            return self.schema(described["$ref"], value, where)
        kind = described.get("type", "any")
        if kind == "object":
            return self._object(described, value, where)
        if kind == "array":
            if not isinstance(value, list):
                raise self._wrong("TYPE_MESSAGE", value, where)
            return [self.value(described["items"], item, f"{where}[{at}]") for at, item in enumerate(value)]
        if kind == "string":
            return self._string(described, value, where)
        if kind == "integer":
            return self._integer(described, value, where)
        if kind == "number":
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise self._wrong("TYPE_DOUBLE", value, where)
            return value
        if kind == "boolean":
            if not isinstance(value, bool):
                raise self._wrong("TYPE_BOOL", value, where)
            return value
        return value

    def _object(self, described: Json, value: t.Any, where: str) -> Json:
        if not isinstance(value, dict):
            raise self._wrong("TYPE_MESSAGE", value, where)
        properties = described.get("properties", {})
        extra = described.get("additionalProperties")
        result: Json = {}
        for name, item in value.items():
            child = properties.get(name, extra)
            if child is None:
                place = f" at '{self._place(where)}'" if where else ""
                raise _bad_request(
                    f'Invalid JSON payload received. Unknown name "{name}"{place}: Cannot find field.', where
                )
            if item is None:
                if self._keep_null:
                    result[name] = None
                continue
            result[name] = self.value(child, item, f"{where}.{name}" if where else name)
        return result

    def _string(self, described: Json, value: t.Any, where: str) -> str:
        style = described.get("format")
        if style in ("int64", "uint64"):
            if isinstance(value, bool) or not re.fullmatch(r"-?\d+", str(value)):
                raise self._wrong("TYPE_INT64" if style == "int64" else "TYPE_UINT64", value, where)
            return str(value)
        if not isinstance(value, str):
            raise self._wrong("TYPE_STRING", value, where)
        if style == "byte":
            value = value.replace("-", "+").replace("_", "/")  # gcloud writes the URL-safe alphabet
            try:
                base64.b64decode(value, validate=True)
            except (binascii.Error, ValueError):
                raise self._wrong("TYPE_BYTES", value, where) from None
        choices = described.get("enum")
        if choices and value not in choices:
            if self._service == "compute":
                raise invalid(self._place(where), value, f"Must be one of: {', '.join(choices)}.")
            raise self._wrong("TYPE_ENUM", value, where)
        pattern = described.get("pattern")
        if pattern and not _matches(pattern, value):
            raise invalid(self._place(where), value, f"Must be a match of regex '{pattern}'")
        return value

    def _integer(self, described: Json, value: t.Any, where: str) -> int:
        kind = "TYPE_UINT32" if described.get("format") == "uint32" else "TYPE_INT32"
        text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
        if isinstance(value, bool) or not re.fullmatch(r"-?\d+", text):
            raise self._wrong(kind, value, where)
        number = int(text)
        low, high = (0, 2**32 - 1) if kind == "TYPE_UINT32" else (-(2**31), 2**31 - 1)
        if not low <= number <= high:
            raise self._wrong(kind, value, where)
        return number

    def _place(self, where: str) -> str:
        return f"resource.{where}" if self._service == "compute" else where

    def _wrong(self, kind: str, value: t.Any, where: str) -> ApiFault:
        return _bad_request(f"Invalid value at '{self._place(where)}' ({kind}), {json.dumps(value)}", where)
