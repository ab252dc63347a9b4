# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all compute collections share: names, readiness, lists with paging and filters, aggregated lists."""

from __future__ import annotations

import base64
import copy
import re
import typing as t

from ..clock import compute_time
from ..core import Call
from ..faults import ApiFault, already_exists, invalid, not_found, not_ready, required
from ..links import relative, resolve, self_link
from ..places import REGIONS, ZONES
from ..state import Body, Phase, Resource, State

NAME = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")


# ---- creating and changing


def need(body: Body, *names: str, prefix: str = "resource.") -> None:
    for name in names:
        if body.get(name) in (None, "", [], {}):
            raise required(prefix + name)


def check_region(call: Call) -> str:
    """The path's region, which must exist."""
    region = call.params["region"]
    if region not in REGIONS:
        raise invalid("region", region, "Unknown region.")
    return region


def base(call: Call, kind: str, path: str) -> Body:
    """The fields that the server gives to every new resource."""
    return {
        "kind": kind,
        "id": call.state.new_id(),
        "creationTimestamp": compute_time(call.state.clock.now()),
        "selfLink": self_link(path),
    }


def insert(
    call: Call,
    kind: str,
    path: str,
    body: Body,
    undo: t.Callable[[Resource], None] | None = None,
    made: t.Callable[[Resource], None] | None = None,
    *,
    hidden: Body | None = None,
    verb: str = "insert",
) -> Body:
    """Add a resource (CREATING until the operation is done) and begin its insert operation, of the type `verb`. `undo`
    takes away what came with it, should the operation fail; `made` is called just before it is ready."""
    if call.state.get(path):
        raise already_exists(path)
    full = base(call, kind, path) | {key: value for key, value in body.items() if value is not None}
    resource = call.state.add(Resource(kind, path, full, hidden or {}, Phase.CREATING))

    def finish() -> None:
        if made:
            made(resource)
        resource.phase = Phase.READY
        call.state.changed_phase(resource)

    def abort() -> None:
        call.state.remove(path)
        if undo:
            undo(resource)

    return call.compute_operation(verb, path, full["id"], finish, abort)


def delete(
    call: Call,
    resource: Resource,
    before: t.Callable[[], None] | None = None,
    after: t.Callable[[], None] | None = None,
    *,
    verb: str = "delete",
) -> Body:
    """Begin deleting. `before` runs at the operation's end and may refuse; then the resource is READY again."""
    ready(resource)
    resource.phase = Phase.DELETING

    def finish() -> None:
        try:
            if before:
                before()
        except ApiFault:
            resource.phase = Phase.READY
            raise
        call.state.remove(resource.path)
        if after:
            after()

    def abort() -> None:
        resource.phase = Phase.READY

    return call.compute_operation(verb, resource.path, resource.body["id"], finish, abort)


def ready(resource: Resource) -> Resource:
    """The resource, if it may be used or changed now."""
    if resource.phase is not Phase.READY:
        raise not_ready(resource.path)
    return resource


def reference(call: Call, value: t.Any, field: str, kind: str, *, missing: str = "404") -> Resource:
    """The resource that a field of the body names; refused when malformed, missing or not ready."""
    path = resolve(value, field, call.project, kind)
    found = call.state.get(path)
    if found is None:
        if missing == "404":
            raise not_found(path)
        raise invalid(field, value, f"The referenced {kind[:-1]} resource cannot be found.")
    return ready(found)


def same_project(call: Call, found: Resource, field: str, value: t.Any) -> Resource:
    """Refuse another project's resource."""
    if found.project != call.project:
        raise invalid(field, value, "Cross project referencing is not allowed for this resource.")
    return found


def merge_patch(target: t.Any, patch: t.Any) -> t.Any:
    """RFC 7396: objects are merged, null removes, everything else replaces."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def fixed(resource: Resource, body: Body, names: t.Iterable[str], call: Call) -> None:
    """Refuse a different value for a field that is set at creation only. References are compared normalised."""
    for name in names:
        if name not in body or body[name] is None:
            continue
        old, new = resource.body.get(name), body[name]
        if old is None and new == "":
            continue
        if isinstance(old, str) and old.startswith("https://") and isinstance(new, str):
            old, new = relative(old, call.project), relative(new, call.project)
            if name == "region":
                old, new = old.rsplit("/", 1)[-1], new.rsplit("/", 1)[-1]
        if old != new:
            raise invalid(f"resource.{name}", body[name], "Field is immutable and cannot be changed.")


# ---- lists


def listed(call: Call, kind: str, path: str, items: t.Iterable[Body]) -> Body:
    """One page of a list of bodies."""
    page, token = paged(call, list(items))
    result: Body = {"kind": kind, "id": path, "selfLink": self_link(path)}
    if page:
        result["items"] = page
    if token:
        result["nextPageToken"] = token
    return result


def bodies(state: State, collection: str) -> list[Body]:
    return [item.body for item in state.within(collection)]


def paged(call: Call, items: list[Body]) -> tuple[list[Body], str]:
    """Filter, order and cut; the page and the token of the next one."""
    items = [item for item in items if matches(call.query.get("filter", ""), item)]
    order = call.query.get("orderBy", "").strip('"')
    if order == "creationTimestamp desc":
        items.sort(key=lambda item: item.get("creationTimestamp") or item.get("insertTime") or "", reverse=True)
    elif order in ("", "name"):
        items.sort(key=lambda item: str(item.get("name", "")))
    else:
        raise invalid("orderBy", order, "Only sorting by `name` or `creationTimestamp desc` is supported.")
    return cut(items, call.query.get("maxResults", 500), call.query.get("pageToken", ""))


def cut(items: list[t.Any], size: int, token: str) -> tuple[list[t.Any], str]:
    if not 0 <= size <= 500:
        raise invalid("maxResults", size, "Acceptable values are 0 to 500, inclusive.")
    start = 0
    if token:
        try:
            start = int(base64.urlsafe_b64decode(token).decode().removeprefix("lab-page-"))
        except ValueError:
            raise invalid("pageToken", token, "Invalid page token.") from None
    end = start + (size or 500)
    more = base64.urlsafe_b64encode(f"lab-page-{end}".encode()).decode() if end < len(items) else ""
    return items[start:end], more


def aggregated(call: Call, kind: str, what: str, items: t.Iterable[Body], scopes: t.Iterable[str]) -> Body:
    """A map of scope to its items; scopes without items carry Google's warning."""
    page, token = paged(call, list(items))
    result: dict[str, Body] = {scope: {} for scope in scopes}
    for item in page:
        place = item.get("zone") or item.get("region")
        scope = "/".join(place.split("/")[-2:]) if place else "global"
        result.setdefault(scope, {}).setdefault(what, []).append(item)
    for scope, content in result.items():
        if not content:
            content["warning"] = {
                "code": "NO_RESULTS_ON_PAGE",
                "message": f"No results for the scope '{scope}'.",
                "data": [{"key": "scope", "value": scope}],
            }
    path = f"projects/{call.project}/aggregated/{what}"
    answer: Body = {"kind": kind, "id": path, "items": result, "selfLink": self_link(path)}
    if token:
        answer["nextPageToken"] = token
    return answer


def region_scopes() -> list[str]:
    return [f"regions/{name}" for name in REGIONS]


def zone_scopes() -> list[str]:
    return [f"zones/{name}" for name in ZONES]


_TERM = re.compile(r"""^\s*([\w.]+)\s*(!=|<=|>=|=|:|<|>|\beq\b|\bne\b)\s*(?:"([^"]*)"|'([^']*)'|(.*?))\s*$""")


def matches(expression: str, item: Body) -> bool:
    """A list filter: comparisons joined by AND (or side by side in parentheses) and OR; eq and ne are expressions."""
    if not expression.strip():
        return True
    flat = re.sub(r"\)\s*\(", ") AND (", expression)
    return any(
        all(_term(term, item, expression) for term in re.split(r"\s+AND\s+", choice))
        for choice in re.split(r"\s+OR\s+", flat)
    )


def _term(text: str, item: Body, expression: str) -> bool:
    match = _TERM.match(text.strip().strip("()"))
    if not match:
        raise invalid("filter", expression, "Invalid list filter expression.")
    value: t.Any = item
    for part in match[1].split("."):
        value = value.get(part) if isinstance(value, dict) else None
    wanted = next(group for group in match.groups()[2:] if group is not None)
    found = str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)
    operator = match[2]
    if operator in ("eq", "ne"):
        return (re.fullmatch(wanted, found) is not None) is (operator == "eq")
    if operator == ":":
        return value is not None if wanted == "*" else wanted.strip("*") in found
    if operator in ("=", "!="):
        return (found == wanted or found.endswith(f"/{wanted}")) is (operator == "=")
    try:
        left, right = float(found), float(wanted)
    except ValueError:
        return False
    return {"<": left < right, ">": left > right, "<=": left <= right, ">=": left >= right}[operator]
