# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The patches that a Kubernetes API takes: JSON (RFC 6902), merge (RFC 7386) and strategic merge.

Strategic merge: https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md
"""

from __future__ import annotations

import typing as t

from . import schema as schemas
from .errors import bad_request, unprocessable
from .store import clone

Json = dict[str, t.Any]

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"

_MISSING = object()


# ---- merge patch


def merge_patch(target: t.Any, patch: t.Any) -> t.Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return clone(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result


# ---- JSON patch


def json_patch(target: t.Any, operations: t.Any) -> t.Any:
    """RFC 6902. What cannot be done is a 422, as of a real server."""
    if not isinstance(operations, list):
        raise bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    result = clone(target)
    for operation in operations:
        if not isinstance(operation, dict) or "op" not in operation or not isinstance(operation.get("path"), str):
            raise bad_request("a JSON patch is a list of operations with op and path")
        result = _operate(result, operation)
    return result


def _operate(document: t.Any, operation: Json) -> t.Any:
    verb, path = operation["op"], operation["path"]
    if verb in ("add", "replace", "test") and "value" not in operation:
        raise unprocessable(f"{verb} operation does not apply: value is missing")
    if verb == "test":
        if _read(document, path, verb) != operation["value"]:
            raise unprocessable(f"testing value {path} failed")
        return document
    if verb in ("move", "copy"):
        value = _read(document, operation.get("from", ""), verb)
        if verb == "move":
            document = _write(document, operation["from"], "remove", None)
        return _write(document, path, "add", clone(value))
    if verb not in ("add", "replace", "remove"):
        raise unprocessable(f"Unexpected kind: {verb}")
    return _write(document, path, verb, clone(operation.get("value")))


def _parts(path: str) -> list[str]:
    if path == "":
        return []
    return [part.replace("~1", "/").replace("~0", "~") for part in path.lstrip("/").split("/")]


def _missing(verb: str, path: str) -> t.NoReturn:
    raise unprocessable(f"{verb} operation does not apply: doc is missing path: {path}: missing value")


def _step(value: t.Any, part: str, verb: str, path: str) -> t.Any:
    if isinstance(value, dict) and part in value:
        return value[part]
    if isinstance(value, list) and part.isdigit() and int(part) < len(value):
        return value[int(part)]
    return _missing(verb, path)


def _read(document: t.Any, path: str, verb: str) -> t.Any:
    for part in _parts(path):
        document = _step(document, part, verb, path)
    return document


def _write(document: t.Any, path: str, verb: str, value: t.Any) -> t.Any:
    parts = _parts(path)
    if not parts:
        return value
    holder = document
    for part in parts[:-1]:
        holder = _step(holder, part, verb, path)
    last = parts[-1]
    if isinstance(holder, list):
        _write_list(holder, last, verb, value, path)
    elif isinstance(holder, dict):
        if verb != "add" and last not in holder:
            _missing(verb, path)
        if verb == "remove":
            del holder[last]
        else:
            holder[last] = value
    else:
        _missing(verb, path)
    return document


def _write_list(holder: list[t.Any], last: str, verb: str, value: t.Any, path: str) -> None:
    if verb == "add" and last == "-":
        holder.append(value)
        return
    limit = len(holder) + (verb == "add")
    if not last.isdigit() or int(last) >= limit:
        _missing(verb, path)
    if verb == "add":
        holder.insert(int(last), value)
    elif verb == "replace":
        holder[int(last)] = value
    else:
        del holder[int(last)]


# ---- strategic merge patch


def strategic_patch(target: t.Any, patch: t.Any, schema: Json) -> t.Any:
    """Merge by schema: lists with a merge key item by item, the others replaced."""
    if not isinstance(patch, dict):
        raise bad_request("a strategic merge patch is an object")
    return _merge_map(target if isinstance(target, dict) else {}, patch, schema)


def _merge_map(target: Json, patch: Json, schema: Json) -> Json:
    directive = patch.get("$patch")
    if directive == "replace":
        return {name: clone(value) for name, value in patch.items() if name != "$patch"}
    if directive == "delete":
        return {}
    if directive not in (None, "merge"):
        raise bad_request(f"Unknown patch type: {directive}")
    result = dict(target)
    if "$retainKeys" in patch:
        result = {name: value for name, value in result.items() if name in patch["$retainKeys"]}
    for name, value in patch.items():
        if name in ("$patch", "$retainKeys") or name.startswith("$setElementOrder/"):
            continue
        if name.startswith("$deleteFromPrimitiveList/"):
            field = name.partition("/")[2]
            if isinstance(result.get(field), list):
                result[field] = [item for item in result[field] if item not in value]
            continue
        if value is None:
            result.pop(name, None)
            continue
        inside = schemas.child(schema, name)
        if isinstance(value, dict):
            before = result.get(name)
            result[name] = _merge_map(before if isinstance(before, dict) else {}, value, inside)
            if value.get("$patch") == "delete":
                del result[name]
        elif isinstance(value, list) and "merge" in str(inside.get("x-kubernetes-patch-strategy", "")).split(","):
            before = result.get(name)
            order = patch.get(f"$setElementOrder/{name}")
            result[name] = _merge_list(before if isinstance(before, list) else [], value, inside, order)
        else:
            result[name] = clone(value)
    for name, order in patch.items():
        field = name.partition("/")[2]
        if name.startswith("$setElementOrder/") and field not in patch and isinstance(result.get(field), list):
            result[field] = _ordered(result[field], order, schemas.child(schema, field))
    return result


def _merge_list(target: list[t.Any], patch: list[t.Any], schema: Json, order: list[t.Any] | None) -> list[t.Any]:
    key = schema.get("x-kubernetes-patch-merge-key")
    result = list(target)
    if key is None:
        result += [item for item in patch if item not in result]
        return _ordered(result, order, schema)
    inside = schemas.items(schema)
    if any(isinstance(item, dict) and item.get("$patch") == "replace" for item in patch):
        return [clone(item) for item in patch if "$patch" not in item]
    for item in patch:
        if not isinstance(item, dict) or key not in item:
            raise bad_request(f"map: {item} does not contain declared merge key: {key}")
        at = next((at for at, old in enumerate(result) if isinstance(old, dict) and old.get(key) == item[key]), None)
        if item.get("$patch") == "delete":
            if at is not None:
                del result[at]
        elif at is None:
            result.append(_merge_map({}, item, inside))
        else:
            result[at] = _merge_map(result[at], item, inside)
    return _ordered(result, order, schema)


def _ordered(items: list[t.Any], order: list[t.Any] | None, schema: Json) -> list[t.Any]:
    """Items that the order names stand in it; the others keep their place between them."""
    if not order:
        return items
    key = schema.get("x-kubernetes-patch-merge-key")
    names = [item.get(key) if key and isinstance(item, dict) else item for item in order]

    def name(item: t.Any) -> t.Any:
        return item.get(key) if key and isinstance(item, dict) else item

    named = iter(sorted((item for item in items if name(item) in names), key=lambda item: names.index(name(item))))
    return [next(named) if name(item) in names else item for item in items]
