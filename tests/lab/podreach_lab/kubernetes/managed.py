# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who owns which field: managedFields, and server-side apply.

https://kubernetes.io/docs/reference/using-api/server-side-apply/; the format of fieldsV1 is FieldsV1's in schemas.json.
A set of fields is held as a set of paths; a path is a tuple of fieldsV1's own words (f:spec, k:{"name":"a"}, v:"x").
"""

from __future__ import annotations

import dataclasses
import json
import typing as t

from . import schema as schemas
from .errors import ApiError, bad_request
from .store import clone

Json = dict[str, t.Any]
Path = tuple[str, ...]
Fields = set[Path]

BEFORE = "before-first-apply"
"""Owns the fields of an object that nobody's writes were recorded of."""
STRIPPED: tuple[Path, ...] = (
    ("f:apiVersion",),
    ("f:kind",),
    ("f:metadata",),
    *(
        ("f:metadata", f"f:{name}")
        for name in (
            "name",
            "namespace",
            "generateName",
            "creationTimestamp",
            "selfLink",
            "uid",
            "clusterName",
            "generation",
            "managedFields",
            "resourceVersion",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
        )
    ),
)
"""What nobody owns."""


@dataclasses.dataclass
class Manager:
    """One entry of managedFields."""

    name: str
    operation: str
    api_version: str
    fields: Fields
    time: str = ""
    subresource: str = ""

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """Appliers are the same whatever version they use."""
        version = "" if self.operation == "Apply" else self.api_version
        return (self.name, self.operation, version, self.subresource)

    def text(self) -> str:
        """As conflicts name it."""
        text = json.dumps(self.name)
        if self.subresource:
            text += f" with subresource {json.dumps(self.subresource)}"
        return f"{text} using {self.api_version}" if self.operation == "Update" else text


# ---- fieldsV1


def read_fields(tree: Json) -> Fields:
    """fieldsV1 as paths."""
    found: Fields = set()

    def walk(node: Json, path: Path) -> None:
        if not node and path:
            found.add(path)
        for word, below in node.items():
            if word == ".":
                found.add(path)
            else:
                walk(below, (*path, word))

    walk(tree, ())
    return found


def write_fields(fields: Fields) -> Json:
    """Paths as fieldsV1."""
    tree: Json = {}
    for path in sorted(fields):
        node = tree
        for word in path:
            node = node.setdefault(word, {})
        node["."] = {}

    def tidy(node: Json) -> Json:
        if set(node) == {"."}:
            return {}
        return {word: {} if word == "." else tidy(below) for word, below in node.items()}

    return tidy(tree)


def read_managers(item: Json | None) -> list[Manager]:
    found = []
    for entry in ((item or {}).get("metadata") or {}).get("managedFields") or ():
        if not entry.get("manager") and not entry.get("operation"):
            continue
        found.append(
            Manager(
                entry.get("manager", ""),
                entry.get("operation", "Update"),
                entry.get("apiVersion", ""),
                read_fields(entry.get("fieldsV1") or {}),
                entry.get("time", ""),
                entry.get("subresource", ""),
            )
        )
    return found


def write_managers(item: Json, managers: t.Iterable[Manager]) -> None:
    entries = []
    for manager in managers:
        if not manager.fields:
            continue
        entry = {
            "manager": manager.name,
            "operation": manager.operation,
            "apiVersion": manager.api_version,
            "time": manager.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": write_fields(manager.fields),
        }
        if manager.subresource:
            entry["subresource"] = manager.subresource
        entries.append(entry)
    item["metadata"].pop("managedFields", None)
    if entries:
        item["metadata"]["managedFields"] = entries


# ---- which fields an object has


def _item_word(schema: Json, item: t.Any) -> str:
    if schemas.list_type(schema) == "map" and isinstance(item, dict):
        key = {name: value for name, value in schemas.item_key(schema, item) if value is not None}
        return "k:" + json.dumps(key, separators=(",", ":"), sort_keys=True)
    return "v:" + json.dumps(item, separators=(",", ":"), sort_keys=True)


def leaves(value: t.Any, schema: Json, *, containers: bool = False) -> dict[Path, t.Any]:
    """The fields of an object, and their values. Items of associative lists and, with `containers`, maps count
    themselves besides what is in them."""
    found: dict[Path, t.Any] = {}

    def walk(value: t.Any, schema: Json, path: Path) -> None:
        if isinstance(value, dict) and value and not schemas.is_atomic_map(schema):
            if containers and path and schemas.is_map(schema):
                found[path] = None
            for name, below in value.items():
                walk(below, schemas.child(schema, name), (*path, f"f:{name}"))
        elif isinstance(value, list) and value and schemas.list_type(schema) in ("map", "set"):
            if containers:
                found[path] = None
            for below in value:
                where = (*path, _item_word(schema, below))
                found[where] = None
                if isinstance(below, dict):
                    walk(below, schemas.items(schema), where)
        else:
            found[path] = value

    walk(value, schema, ())
    return {path: value for path, value in found.items() if path not in STRIPPED and not _stripped(path)}


def _stripped(path: Path) -> bool:
    return path[:2] == ("f:metadata", "f:managedFields")


def _relevant(fields: Fields, subresource: str, has_status: bool) -> Fields:
    """Each way in owns only what it can write."""
    if not has_status:
        return fields
    if subresource == "status":
        return {path for path in fields if path[:1] == ("f:status",)}
    return {path for path in fields if path[:1] != ("f:status",)}


# ---- update: whoever changes a field owns it


def track_update(
    new: Json, old: Json | None, schema: Json, manager: Manager, *, has_status: bool, asked: Json | None = None
) -> None:
    """Write into `new` who owns what after `manager` made it of `old`. `asked`: the object as it was sent, whose
    managedFields may take ownership away."""
    told = ((asked or {}).get("metadata") or {}).get("managedFields")
    managers = read_managers(asked if told is not None else old)
    before = leaves(old, schema, containers=True) if old else {}
    after = leaves(new, schema, containers=True)
    changed = {path for path, value in after.items() if path not in before or before[path] != value}
    removed = {path for path in before if path not in after}
    changed = _relevant(changed, manager.subresource, has_status)
    gone = changed | removed
    mine = next((item for item in managers if item.identity == manager.identity), None)
    kept = []
    for item in managers:
        fields = {path for path in item.fields if path not in gone} if item is not mine else item.fields - removed
        if item is mine:
            fields = fields | changed
            if fields != item.fields or changed:
                item = dataclasses.replace(item, time=manager.time)
        kept.append(dataclasses.replace(item, fields=fields))
    if mine is None and changed:
        kept.append(dataclasses.replace(manager, fields=changed))
    write_managers(new, kept)


# ---- apply


def apply(
    live: Json | None,
    config: Json,
    schema: Json,
    manager: Manager,
    *,
    has_status: bool,
    force: bool = False,
) -> tuple[Json, list[Manager]]:
    """What the object becomes when `manager` applies `config`, and who owns what then; 409 for a conflict."""
    wanted = _relevant(set(leaves(config, schema)), manager.subresource, has_status)
    managers = read_managers(live)
    if live and not managers:
        everything = _relevant(set(leaves(live, schema)), manager.subresource, has_status)
        managers = [Manager(BEFORE, "Update", manager.api_version, everything, manager.time)]
    mine = next((item for item in managers if item.identity == manager.identity), None)
    others = [item for item in managers if item is not mine]
    base: Json = clone(live) if live else {"metadata": {}}
    merged = _merge(base, config, schema)
    merged["metadata"].pop("managedFields", None)
    if mine is not None:
        owned = set().union(*(item.fields for item in others))
        _prune(merged, schema, {path for path in mine.fields if path not in wanted}, wanted | owned)
    before = leaves(live, schema) if live else {}
    after = leaves(merged, schema)
    changed = {path for path in after if path not in before or before[path] != after[path]}
    removed = {path for path in before if path not in after}
    conflicts = [(item, path) for item in others for path in sorted(item.fields & changed & wanted)]
    if conflicts and not force:
        raise _conflict(conflicts)
    taken = {path for item, path in conflicts}
    entry = dataclasses.replace(manager, fields=wanted)
    if mine is not None and mine.fields == wanted and not changed and not removed:
        entry = dataclasses.replace(entry, time=mine.time)
    kept = [dataclasses.replace(item, fields=item.fields - taken - removed) for item in others]
    return merged, [*kept, entry]


def _merge(live: t.Any, config: t.Any, schema: Json) -> t.Any:
    if isinstance(config, dict) and isinstance(live, dict) and not schemas.is_atomic_map(schema):
        result = dict(live)
        for name, value in config.items():
            if value is None:
                continue
            result[name] = _merge(live.get(name), value, schemas.child(schema, name))
        return result
    if isinstance(config, list) and isinstance(live, list) and schemas.list_type(schema) in ("map", "set"):
        words = [_item_word(schema, item) for item in config]
        result_list = []
        for item in live:
            word = _item_word(schema, item)
            if word in words:
                result_list.append(_merge(item, config[words.index(word)], schemas.items(schema)))
            else:
                result_list.append(item)
        known = {_item_word(schema, item) for item in live}
        result_list += [clone(item) for item, word in zip(config, words, strict=True) if word not in known]
        return result_list
    return clone(config)


def _prune(item: Json, schema: Json, dropped: Fields, kept: Fields) -> None:
    """Remove what a manager applied before and now leaves out, unless someone else owns it too."""
    for path in sorted(dropped, key=len, reverse=True):
        if not any(other[: len(path)] == path for other in kept):
            _remove(item, schema, path)


def _remove(value: t.Any, schema: Json, path: Path) -> None:
    word = path[0]
    if isinstance(value, dict) and word.startswith("f:"):
        name = word[2:]
        if name not in value:
            return
        if len(path) == 1:
            del value[name]
            return
        inside = schemas.child(schema, name)
        _remove(value[name], inside, path[1:])
        if value[name] in ({}, []) and (schemas.is_map(inside) or isinstance(value[name], list)):
            del value[name]
    elif isinstance(value, list):
        for at, item in enumerate(value):
            if _item_word(schema, item) == word:
                if len(path) == 1:
                    del value[at]
                else:
                    _remove(item, schemas.items(schema), path[1:])
                return


def shown(path: Path) -> str:
    """.spec.containers[name="a"].image"""
    text = ""
    for word in path:
        kind, _separator, rest = word.partition(":")
        if kind == "f":
            text += f".{rest}"
        elif kind == "k":
            key = json.loads(rest)
            text += "[" + ",".join(f"{name}={json.dumps(value)}" for name, value in sorted(key.items())) + "]"
        else:
            text += f"[={rest}]"
    return text


def _conflict(conflicts: list[tuple[Manager, Path]]) -> ApiError:
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {item.text()}", "field": shown(path)}
        for item, path in conflicts
    ]
    if len(conflicts) == 1:
        message = f"Apply failed with 1 conflict: conflict with {conflicts[0][0].text()}: {shown(conflicts[0][1])}"
    else:
        lines = []
        for name in sorted({item.text() for item, _path in conflicts}):
            lines.append(f"conflicts with {name}:")
            lines += [f"- {shown(path)}" for item, path in conflicts if item.text() == name]
        message = f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(lines)
    return ApiError(409, "Conflict", message, {"causes": causes})


def check_managers(item: Json) -> None:
    """managedFields that a client sends must make sense."""
    for entry in (item.get("metadata") or {}).get("managedFields") or ():
        if not isinstance(entry, dict) or not isinstance(entry.get("fieldsV1", {}), dict):
            raise bad_request("metadata.managedFields must be a list of entries with fieldsV1")
