# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One cluster's API, from a request to its answer. Knows no sockets; watches and exec are elsewhere.

https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import json
import typing as t
import urllib.parse

import yaml

from ..core import Reply
from . import discovery, errors, managed, patches, protobuf, tables
from . import schema as schemas
from .errors import ApiError
from .kinds import Type
from .managed import Manager
from .store import Deleted, Store

Json = dict[str, t.Any]

NO_MODEL = ("attach", "portforward", "proxy", "ephemeralcontainers", "resize", "token", "finalize", "approval")
"""Subresources of a real server that the lab has none of."""
PARTIAL = "PartialObjectMetadata"
DRY_RUN = "All"


@dataclasses.dataclass(frozen=True)
class Request:
    """One request as it came. user: who asks; allowed: whether the account may use the cluster."""

    method: str
    path: str
    query: dict[str, str]
    headers: t.Mapping[str, str]
    raw: bytes = b""
    user: str = ""
    allowed: bool = True

    @classmethod
    def of(cls, method: str, target: str, headers: t.Mapping[str, str], raw: bytes = b"", user: str = "") -> Request:
        """From a path with its query string."""
        path, _separator, query = target.partition("?")
        found = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        return cls(method, urllib.parse.unquote(path), found, headers, raw, user)

    @property
    def accept(self) -> str:
        return self.headers.get("Accept", "") or "application/json"

    def flag(self, name: str) -> bool:
        return self.query.get(name, "").lower() in ("1", "true")

    @property
    def dry_run(self) -> bool:
        wanted = self.query.get("dryRun", "")
        if wanted not in ("", DRY_RUN):
            raise errors.bad_request(f'dryRun: Unsupported value: "{wanted}": supported values: "All"')
        return wanted == DRY_RUN

    def number(self, name: str) -> int:
        text = self.query.get(name, "")
        if text and not text.lstrip("-").isdigit():
            raise errors.bad_request(f"{name}: Invalid value: {text!r}: must be a number")
        return int(text or 0)


@dataclasses.dataclass(frozen=True)
class Target:
    """What a path means. name is '' for a collection, namespace None where no namespace is named."""

    kind: Type
    namespace: str | None
    name: str
    subresource: str

    @property
    def where(self) -> str:
        """The namespace as the store has it, for one object."""
        return self.namespace or ""


class Api:
    """Answers for one store. `version` is GKE's (1.35.3-gke.1041000), `address` host:port."""

    def __init__(self, store: Store, version: str, address: str) -> None:
        self.store = store
        self.version = version
        self.address = address

    # ---- the way in

    def answer(self, request: Request) -> Reply:
        """Everything but watches and exec."""
        try:
            return self._answer(request)
        except ApiError as error:
            return self.refuse(error)

    @staticmethod
    def refuse(error: ApiError) -> Reply:
        return reply(error.code, error.status)

    def _answer(self, request: Request) -> Reply:
        target = self.route(request.path)
        self.check_access(request, target)
        if target is None:
            return self._about(request)
        if target.kind.key not in self.store.types:
            return self._review(request, target)
        if target.subresource in NO_MODEL:
            raise ApiError(501, "NotImplemented", f"the lab has no {target.kind.plural}/{target.subresource}")
        if target.subresource and target.subresource not in target.kind.subresources:
            raise errors.no_such_path()
        verb = verb_of(request, target)
        if not target.subresource and verb not in target.kind.verbs:
            raise errors.method_not_allowed(target.kind.plural, target.kind.group, verb)
        if target.subresource in ("log", "binding", "eviction"):
            return self._pod_action(request, target)
        if target.subresource == "scale":
            return self._scale(request, target)
        handler = {
            "get": self._get,
            "list": self._list,
            "create": self._create,
            "update": self._update,
            "patch": self._patch,
            "delete": self._delete,
            "deletecollection": self._delete_collection,
        }.get(verb)
        if handler is None or (target.subresource and verb in ("create", "delete", "deletecollection")):
            raise errors.method_not_allowed(target.kind.plural, target.kind.group, verb)
        return handler(request, target)

    def route(self, path: str) -> Target | None:
        """The resource that a path names; None for what is about the server itself."""
        parts = [part for part in path.split("/") if part]
        if parts[:1] == ["api"] and len(parts) > 2:
            group, version, rest = "", parts[1], parts[2:]
        elif parts[:1] == ["apis"] and len(parts) > 3:
            group, version, rest = parts[1], parts[2], parts[3:]
        else:
            return None
        namespace = None
        if rest[0] == "namespaces" and len(rest) > 2 and not (len(rest) == 3 and rest[2] in ("status", "finalize")):
            namespace, rest = rest[1], rest[2:]
        for kind in discovery.types(self.store):
            if (kind.group, kind.version, kind.plural) == (group, version, rest[0]):
                break
        else:
            raise errors.no_such_path()
        if len(rest) > 3 or (namespace is not None and not kind.namespaced):
            raise errors.no_such_path()
        name, subresource = (*rest[1:], "", "")[:2]
        if name and kind.namespaced and namespace is None:
            raise errors.no_such_path()
        return Target(kind, namespace, name, subresource)

    def check_access(self, request: Request, target: Target | None) -> None:
        """403 for an account that may not use the cluster, in GKE's words. Reviews of oneself are anybody's."""
        if request.allowed or (target is not None and target.kind.key not in self.store.types):
            return
        if target is None:
            message = f'forbidden: User "{request.user}" cannot {request.method.lower()} path "{request.path}"'
            raise ApiError(403, "Forbidden", message, {})
        verb = verb_of(request, target)
        kind = target.kind
        where = f'in the namespace "{target.namespace}"' if target.namespace else "at the cluster scope"
        plural = f"{kind.plural}/{target.subresource}" if target.subresource else kind.plural
        permission = f"container.{kind.plural}.{PERMISSIONS.get(verb, verb)}"
        named = f' "{target.name}"' if target.name else ""
        message = (
            f'{errors.qualified(plural, kind.group)}{named} is forbidden: User "{request.user}" cannot {verb} resource '
            f'"{plural}" in API group "{kind.group}" {where}: requires one of ["{permission}"] permission(s).'
        )
        details = {"name": target.name, "group": kind.group, "kind": kind.plural}
        raise ApiError(403, "Forbidden", message, {key: value for key, value in details.items() if value})

    # ---- about the server

    def _about(self, request: Request) -> Reply:
        if request.method not in ("GET", "HEAD"):
            raise errors.no_such_path()
        path = request.path.rstrip("/")
        if path in ("/healthz", "/livez", "/readyz"):
            return Reply(200, b"ok", content_type="text/plain; charset=utf-8")
        if path == "/version":
            return reply(200, self.about_version())
        if path in ("/api", "/apis"):
            return self._discovery(request, core=path == "/api")
        if path == "/openapi/v2":
            if "json" not in request.accept and "*/*" not in request.accept:
                return Reply(406, b"406 Not Acceptable", content_type="text/plain; charset=utf-8")
            return reply(200, discovery.openapi_v2(self.store, self.git_version))
        if path == "/openapi/v3":
            return reply(200, discovery.openapi_v3_index(self.store))
        found: Json | None = None
        parts = path.strip("/").split("/")
        if path.startswith("/openapi/v3/"):
            found = discovery.openapi_v3(self.store, "/".join(parts[2:]), self.git_version)
        elif parts[0] == "api" and len(parts) == 2:
            found = discovery.resources(self.store, "", parts[1])
        elif parts[0] == "apis" and len(parts) == 2:
            found = discovery.api_group(self.store, parts[1])
        elif parts[0] == "apis" and len(parts) == 3:
            found = discovery.resources(self.store, parts[1], parts[2])
        elif path == "":
            roots = sorted({kind.root for kind in self.store.types.values()})
            found = {"paths": ["/api", "/apis", *roots, "/healthz", "/openapi/v2", "/openapi/v3", "/version"]}
        if found is None:
            raise errors.no_such_path()
        return reply(200, found)

    @property
    def git_version(self) -> str:
        return f"v{self.version}"

    def about_version(self) -> Json:
        major, minor = self.version.split(".")[:2]
        return {
            "major": major,
            "minor": minor,
            "gitVersion": self.git_version,
            "gitCommit": "",
            "gitTreeState": "clean",
            "buildDate": "1970-01-01T00:00:00Z",
            "goVersion": "",
            "compiler": "",
            "platform": "linux/amd64",
        }

    def _discovery(self, request: Request, *, core: bool) -> Reply:
        for part in request.accept.split(","):
            options = media_options(part)
            if options.get("g") == "apidiscovery.k8s.io" and options.get("v") in ("v2", "v2beta1"):
                version = options["v"]
                body = discovery.aggregated(self.store, core=core, version=version)
                kind = f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
                return reply(200, body, content_type=kind)
        return reply(200, discovery.api_versions(self.address) if core else discovery.api_groups(self.store))

    def _review(self, request: Request, target: Target) -> Reply:
        if request.method != "POST":
            raise errors.method_not_allowed(target.kind.plural, target.kind.group, verb_of(request, target))
        body = self.read_object(request)
        body |= {"apiVersion": target.kind.api_version, "kind": target.kind.kind}
        if target.kind.kind == "SelfSubjectReview":
            groups = ["system:authenticated"]
            body["status"] = {"userInfo": {"username": request.user, "groups": groups}}
        elif target.kind.kind == "SelfSubjectAccessReview":
            body["status"] = {"allowed": request.allowed}
        else:
            every = ["*"] if request.allowed else []
            body["status"] = {
                "resourceRules": [{"verbs": every, "apiGroups": every, "resources": every}] if every else [],
                "nonResourceRules": [{"verbs": every, "nonResourceURLs": every}] if every else [],
                "incomplete": False,
            }
        return reply(201, body)

    # ---- reading

    def _get(self, request: Request, target: Target) -> Reply:
        item = self.store.get(target.kind.key, target.where, target.name)
        return self.present(request, target.kind, item)

    def _list(self, request: Request, target: Target) -> Reply:
        kind = target.kind
        labels, fields = request.query.get("labelSelector", ""), request.query.get("fieldSelector", "")
        found = self.store.stored(kind.key, target.namespace, labels, fields)
        limit = request.number("limit")
        start = _read_token(request.query.get("continue", ""))
        if start is not None:
            found = [item for item in found if place(item) > start]
        metadata: Json = {"resourceVersion": str(self.store.version)}
        if limit and len(found) > limit:
            metadata["continue"] = _write_token(place(found[limit - 1]), self.store.version)
            if not labels and not fields:
                metadata["remainingItemCount"] = len(found) - limit
            found = found[:limit]
        return self.present_list(request, kind, found, metadata)

    def present_list(self, request: Request, kind: Type, found: list[Json], metadata: Json) -> Reply:
        """Objects as the client wants to see them: a list, a table, or their metadata."""
        shape = wanted_shape(request)
        if shape == "Table":
            include = request.query.get("includeObject", "Metadata")
            return reply(200, tables.table(kind, found, self.moment(), include, metadata))
        if shape.startswith(PARTIAL):
            items = [partial(item) for item in found]
            body = {"kind": f"{PARTIAL}List", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "items": items}
            return reply(200, body)
        listed = found if kind.schema is not None else [_bare(item) for item in found]
        return reply(200, {"kind": kind.many, "apiVersion": kind.api_version, "metadata": metadata, "items": listed})

    def present(
        self, request: Request, kind: Type, item: Json, code: int = 200, warnings: t.Sequence[str] = ()
    ) -> Reply:
        """One object as the client wants to see it."""
        shape = wanted_shape(request)
        if shape == "Table" and item.get("kind") == kind.kind:
            metadata = {"resourceVersion": item["metadata"].get("resourceVersion", "")}
            include = request.query.get("includeObject", "Metadata")
            body = tables.table(kind, [item], self.moment(), include, metadata)
        elif shape == PARTIAL:
            body = partial(item)
        else:
            body = item
        return reply(code, body, warnings=warnings)

    def moment(self) -> tables.Moment:
        return tables.Moment(self.store.clock.now())

    # ---- what a body says

    def read_object(self, request: Request) -> Json:
        """The object in a body, whatever it is written in."""
        found, _twice = self._read_body(request)
        return found

    @staticmethod
    def _read_body(request: Request) -> tuple[Json, list[str]]:
        kind = request.headers.get("Content-Type", "application/json").partition(";")[0].strip().lower()
        twice: list[str] = []
        try:
            if kind == protobuf.CONTENT_TYPE:
                found: t.Any = protobuf.decode(request.raw)
            elif kind in ("application/yaml", patches.APPLY_PATCH):
                found = yaml.safe_load(request.raw)
            elif kind in ("application/json", "", "text/plain", "application/x-www-form-urlencoded", "*/*"):
                found, twice = schemas.loads(request.raw)
            else:
                raise errors.unsupported_media_type(("application/json", "application/yaml", protobuf.CONTENT_TYPE))
        except (ValueError, yaml.YAMLError) as error:
            raise errors.bad_request(f"the object provided is unrecognized: {error}") from None
        if not isinstance(found, dict):
            raise errors.bad_request("the object provided is unrecognized: it must be an object")
        return found, [f'duplicate field "{name}"' for name in twice]

    def _decode(
        self, request: Request, target: Target, found: Json, problems: t.Sequence[str], refusal: str = ""
    ) -> tuple[Json, list[str]]:
        """Hold a body against the schema as fieldValidation says; warnings for what was dropped."""
        kind = target.kind
        if found.get("apiVersion") != kind.api_version or found.get("kind") != kind.kind:
            if not found.get("kind") or not found.get("apiVersion"):
                missing = "Kind" if not found.get("kind") else "apiVersion"
                raise errors.bad_request(f"Object '{missing}' is missing in '{json.dumps(found)}'")
            if found["apiVersion"] != kind.api_version:
                raise errors.bad_request(
                    f"the API version in the data ({found['apiVersion']}) does not match the expected API version "
                    f"({kind.api_version})"
                )
            raise errors.bad_request(
                f"{found['kind']} in version {json.dumps(kind.version)} cannot be handled as a {kind.kind}: converting "
                f"({found['kind']}) to ({kind.kind}): unknown conversion"
            )
        metadata = found.get("metadata")
        if metadata is not None and not isinstance(metadata, dict):
            raise errors.bad_request("metadata must be an object")
        decoded = schemas.decode(found, kind)
        decoded.object.setdefault("metadata", {})
        wrong = [*problems, *decoded.problems]
        policy = request.query.get("fieldValidation") or "Warn"
        if policy not in ("Strict", "Warn", "Ignore"):
            raise errors.bad_request(f'fieldValidation: Unsupported value: "{policy}"')
        if wrong and policy == "Strict":
            text = f"strict decoding error: {', '.join(wrong)}"
            if refusal:
                raise errors.unprocessable(f' "" is invalid: patch: Invalid value: {refusal}: {text}')
            raise errors.bad_request(
                f"{kind.kind} in version {json.dumps(kind.version)} cannot be handled as a {kind.kind}: {text}"
            )
        name = decoded.object["metadata"].get("name", "")
        if target.name and name and name != target.name:
            raise errors.bad_request(
                f"the name of the object ({name}) does not match the name on the URL ({target.name})"
            )
        return decoded.object, wrong if policy == "Warn" else []

    def _manager(self, request: Request, target: Target, operation: str) -> Manager:
        agent = request.headers.get("User-Agent", "").partition("/")[0][:128]
        name = request.query.get("fieldManager") or agent or "unknown"
        if operation == "Apply" and not request.query.get("fieldManager"):
            cause = errors.Cause("fieldManager", "Required value: is required for apply patch")
            raise errors.invalid("PatchOptions", "meta.k8s.io", "", [cause])
        if len(name) > 128:
            cause = errors.Cause("fieldManager", "Too long: may not be more than 128 bytes")
            raise errors.invalid("PatchOptions", "meta.k8s.io", "", [cause])
        return Manager(
            name, operation, target.kind.api_version, set(), self.store.timestamp(), subresource=target.subresource
        )

    def _prepare(self, request: Request, target: Target, asked: Json) -> t.Callable[[Json, Json | None], None]:
        """Records who changed what, once it is known what changed."""
        managed.check_managers(asked)
        manager = self._manager(request, target, "Update")
        schema = schemas.of(target.kind)

        def prepare(new: Json, old: Json | None) -> None:
            managed.track_update(new, old, schema, manager, has_status=target.kind.has_status, asked=asked)

        return prepare

    # ---- writing

    def _create(self, request: Request, target: Target) -> Reply:
        if target.name:
            raise errors.method_not_allowed(target.kind.plural, target.kind.group, "create")
        found, problems = self._read_body(request)
        item, warnings = self._decode(request, target, found, problems)
        if target.kind.key in ("pods", "nodes"):
            item.pop("status", None)
        if not target.namespace and target.kind.namespaced and not item["metadata"].get("namespace"):
            raise errors.bad_request("the namespace of the object must be named")
        prepare = self._prepare(request, target, item)
        made = self.store.create(target.kind.key, item, target.namespace, dry_run=request.dry_run, prepare=prepare)
        return self.present(request, target.kind, made, 201, warnings)

    def _update(self, request: Request, target: Target) -> Reply:
        found, problems = self._read_body(request)
        item, warnings = self._decode(request, target, found, problems)
        item["metadata"].setdefault("name", target.name)
        if target.kind.schema is not None and not item["metadata"].get("resourceVersion"):
            cause = errors.Cause("metadata.resourceVersion", "Invalid value: 0: must be specified for an update")
            raise errors.invalid(target.kind.kind, target.kind.group, target.name, [cause])
        made = self.store.update(
            target.kind.key,
            item,
            target.namespace,
            subresource=target.subresource,
            dry_run=request.dry_run,
            prepare=self._prepare(request, target, item),
        )
        return self.present(request, target.kind, made, 200, warnings)

    def _patch(self, request: Request, target: Target) -> Reply:
        style = request.headers.get("Content-Type", "").partition(";")[0].strip()
        if style == patches.APPLY_PATCH:
            return self._apply(request, target)
        if request.flag("force"):
            cause = errors.Cause("force", "Forbidden: may not be specified for non-apply patch")
            raise errors.invalid("PatchOptions", "meta.k8s.io", "", [cause])
        current = self.store.get(target.kind.key, target.where, target.name)
        patched, twice = self._patched(request, target, style, current)
        item, warnings = self._decode(request, target, patched, twice, refusal=request.raw.decode("utf-8", "replace"))
        if item["metadata"].get("name") != target.name:
            item["metadata"]["name"] = target.name
        made = self.store.update(
            target.kind.key,
            item,
            target.namespace,
            subresource=target.subresource,
            dry_run=request.dry_run,
            prepare=self._prepare(request, target, item),
        )
        return self.present(request, target.kind, made, 200, warnings)

    def _patched(self, request: Request, target: Target, style: str, current: Json) -> tuple[Json, list[str]]:
        try:
            patch, twice = schemas.loads(request.raw)
        except ValueError as error:
            raise errors.bad_request(f"error decoding patch: {error}") from None
        if style == patches.JSON_PATCH:
            found = patches.json_patch(current, patch)
        elif style == patches.MERGE_PATCH:
            found = patches.merge_patch(current, patch)
        elif style == patches.STRATEGIC_PATCH and target.kind.schema is None:
            found = patches.strategic_patch(current, patch, schemas.of(target.kind))
        else:
            accepted = [patches.JSON_PATCH, patches.MERGE_PATCH, patches.APPLY_PATCH]
            if target.kind.schema is None:
                accepted.insert(2, patches.STRATEGIC_PATCH)
            raise errors.unsupported_media_type(accepted)
        if not isinstance(found, dict) or not isinstance(found.get("metadata"), dict):
            raise errors.unprocessable("the patch leaves no object")
        return found, [f'duplicate field "{name}"' for name in twice]

    def _apply(self, request: Request, target: Target) -> Reply:
        found, problems = self._read_body(request)
        kind = target.kind
        manager = self._manager(request, target, "Apply")
        config, warnings = self._decode(request, target, found, problems)
        if warnings:
            where = f"{target.where}/{target.name}; {kind.api_version}, Kind={kind.kind}"
            field = warnings[0].partition('"')[2].rstrip('"')
            why = f"failed to create typed patch object ({where}): .{field}: field not declared in schema"
            raise ApiError(500, "", why)
        if config["metadata"].get("managedFields"):
            raise errors.bad_request("metadata.managedFields must be nil")
        config["metadata"].setdefault("name", target.name)
        if kind.namespaced:
            config["metadata"].setdefault("namespace", target.namespace)
        if kind.key == "secrets" and config.get("stringData"):
            raise errors.bad_request("the lab does not apply stringData from the server's side; send data")
        live = self.store.find(kind.key, target.where, target.name)
        if live is None and target.subresource:
            raise errors.not_found(kind.plural, kind.group, target.name)
        version = config["metadata"].pop("resourceVersion", None)
        if live is not None and version and version != live["metadata"]["resourceVersion"]:
            raise errors.conflict(kind.plural, kind.group, target.name)
        merged, managers = managed.apply(
            live, config, schemas.of(kind), manager, has_status=kind.has_status, force=request.flag("force")
        )

        def prepare(new: Json, old: Json | None) -> None:
            managed.write_managers(new, managers)

        if live is None:
            made = self.store.create(kind.key, merged, target.namespace, dry_run=request.dry_run, prepare=prepare)
            return self.present(request, kind, made, 201)
        made = self.store.update(
            kind.key,
            merged,
            target.namespace,
            subresource=target.subresource,
            dry_run=request.dry_run,
            prepare=prepare,
        )
        return self.present(request, kind, made, 200)

    # ---- deleting

    def _delete_options(self, request: Request, kind: Type) -> Json:
        options = self.read_object(request) if request.raw.strip() else {}
        query = request.query
        policy = query.get("propagationPolicy") or options.get("propagationPolicy")
        if policy is None and (options.get("orphanDependents") or request.flag("orphanDependents")):
            policy = "Orphan"
        policy = policy or ("Orphan" if kind.key == "jobs.batch" else "Background")
        if policy not in ("Background", "Foreground", "Orphan"):
            supported = ("Background", "Foreground", "Orphan")
            listed = ", ".join(map(json.dumps, supported))
            cause = errors.Cause(
                "propagationPolicy", f"Unsupported value: {json.dumps(policy)}: supported values: {listed}"
            )
            raise errors.invalid("DeleteOptions", "", "", [cause])
        grace = options.get("gracePeriodSeconds")
        if query.get("gracePeriodSeconds"):
            grace = request.number("gracePeriodSeconds")
        wanted = options.get("preconditions") or {}
        return {
            "propagation": policy,
            "grace": grace,
            "uid": wanted.get("uid") or "",
            "resource_version": wanted.get("resourceVersion") or "",
            "dry_run": request.dry_run or DRY_RUN in (options.get("dryRun") or ()),
        }

    def _delete(self, request: Request, target: Target) -> Reply:
        options = self._delete_options(request, target.kind)
        done = self.store.delete(target.kind.key, target.where, target.name, **options)
        if done.gone and target.kind.key not in ("pods", "namespaces"):
            return reply(200, deleted(target.kind, done))
        return self.present(request, target.kind, done.object, 200)

    def _delete_collection(self, request: Request, target: Target) -> Reply:
        options = self._delete_options(request, target.kind)
        labels, fields = request.query.get("labelSelector", ""), request.query.get("fieldSelector", "")
        gone = []
        for item in self.store.list(target.kind.key, target.namespace, labels, fields):
            metadata = item["metadata"]
            still = self.store.find(target.kind.key, metadata.get("namespace", ""), metadata["name"])
            if still is not None:
                done = self.store.delete(target.kind.key, metadata.get("namespace", ""), metadata["name"], **options)
                gone.append(done.object)
        return self.present_list(request, target.kind, gone, {"resourceVersion": str(self.store.version)})

    # ---- subresources

    def _scale(self, request: Request, target: Target) -> Reply:
        item = self.store.get(target.kind.key, target.where, target.name)
        current = scale(item)
        if request.method == "GET":
            return reply(200, current)
        if request.method == "PUT":
            wanted = self.read_object(request)
        elif request.method == "PATCH":
            style = request.headers.get("Content-Type", "").partition(";")[0].strip()
            patch, _twice = schemas.loads(request.raw)
            change = functools.partial(patches.json_patch, current)
            wanted = change(patch) if style == patches.JSON_PATCH else patches.merge_patch(current, patch)
        else:
            raise errors.method_not_allowed(target.kind.plural, target.kind.group, request.method.lower())
        replicas = (wanted.get("spec") or {}).get("replicas", 0)
        if isinstance(replicas, bool) or not isinstance(replicas, int) or replicas < 0:
            cause = errors.Cause("spec.replicas", f"Invalid value: {replicas}: must be greater than or equal to 0")
            raise errors.invalid("Scale", "autoscaling", target.name, [cause])
        version = (wanted.get("metadata") or {}).get("resourceVersion")
        item["spec"]["replicas"] = replicas
        if version:
            item["metadata"]["resourceVersion"] = version
        schema = schemas.of(target.kind)
        manager = self._manager(request, target, "Update")

        def prepare(new: Json, old: Json | None) -> None:
            managed.track_update(new, old, schema, manager, has_status=target.kind.has_status)

        made = self.store.update(target.kind.key, item, target.namespace, dry_run=request.dry_run, prepare=prepare)
        return reply(200, scale(made))

    def _pod_action(self, request: Request, target: Target) -> Reply:
        if target.subresource == "log":
            if request.method != "GET":
                raise errors.method_not_allowed("pods", "", request.method.lower())
            return self._log(request, target)
        if request.method != "POST":
            raise errors.method_not_allowed("pods", "", request.method.lower())
        body = self.read_object(request)
        if target.subresource == "binding":
            item = self.store.get("pods", target.where, target.name)
            if item["spec"].get("nodeName"):
                why = f'pod {target.name} is already assigned to node "{item["spec"]["nodeName"]}"'
                raise errors.conflict("pods/binding", "", target.name, why)
            item["spec"]["nodeName"] = (body.get("target") or {}).get("name", "")
            self.store.update("pods", item, dry_run=request.dry_run)
        else:
            options = body.get("deleteOptions") or {}
            dry_run = request.dry_run or DRY_RUN in (options.get("dryRun") or ())
            grace = options.get("gracePeriodSeconds")
            self.store.delete("pods", target.where, target.name, grace=grace, dry_run=dry_run)
        return reply(201, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201})

    def _log(self, request: Request, target: Target) -> Reply:
        pod = self.store.get("pods", target.where, target.name)
        container = choose_container(pod, request.query.get("container", ""))
        lines = list(self.store.logs.get((pod["metadata"]["uid"], container), ()))
        if not pod["spec"].get("nodeName"):
            why = f'container "{container}" in pod "{target.name}" is waiting to start: ContainerCreating'
            raise errors.bad_request(why)
        if request.query.get("tailLines"):
            count = request.number("tailLines")
            lines = lines[-count:] if count else []
        text = "".join(f"{line}\n" for line in lines).encode()
        if request.query.get("limitBytes"):
            text = text[: request.number("limitBytes")]
        return Reply(200, text, content_type="text/plain; charset=utf-8")


PERMISSIONS = {"deletecollection": "delete", "patch": "update", "watch": "list"}
"""GKE's permission where it is not called as the verb."""


# ---- shapes


def reply(code: int, body: Json, *, warnings: t.Sequence[str] = (), content_type: str = "application/json") -> Reply:
    headers = {}
    if warnings:
        headers["Warning"] = ", ".join(f"299 - {json.dumps(text)}" for text in warnings)
    return Reply(code, json.dumps(body, separators=(",", ":")).encode() + b"\n", headers, content_type)


def verb_of(request: Request, target: Target) -> str:
    """get, list, watch, create, update, patch, delete, deletecollection"""
    if request.method in ("GET", "HEAD"):
        if request.flag("watch") and target.subresource == "":
            return "watch"
        return "get" if target.name else "list"
    if request.method == "DELETE":
        return "delete" if target.name else "deletecollection"
    return {"POST": "create", "PUT": "update", "PATCH": "patch"}.get(request.method, request.method.lower())


def media_options(part: str) -> dict[str, str]:
    """application/json;as=Table;v=v1 -> {as: Table, v: v1}"""
    pairs = (option.partition("=") for option in part.split(";")[1:])
    return {name.strip(): value.strip() for name, _separator, value in pairs}


def wanted_shape(request: Request) -> str:
    """Table, PartialObjectMetadata(List), or '' for the object itself: the first that the client names and the lab
    has."""
    for part in request.accept.split(","):
        base = part.partition(";")[0].strip()
        if base not in ("application/json", "*/*", "application/*"):
            continue
        shape = media_options(part).get("as", "")
        if shape in ("", "Table", PARTIAL, f"{PARTIAL}List"):
            return shape
    if "application/yaml" in request.accept:
        return ""
    raise ApiError(
        406,
        "NotAcceptable",
        "only the following media types are accepted: application/json, application/json;as=Table",
    )


def partial(item: Json) -> Json:
    return {"kind": PARTIAL, "apiVersion": "meta.k8s.io/v1", "metadata": item["metadata"]}


def _bare(item: Json) -> Json:
    return {key: value for key, value in item.items() if key not in ("kind", "apiVersion")}


def place(item: Json) -> list[str]:
    """Where an object stands in a list."""
    return [item["metadata"].get("namespace", ""), item["metadata"]["name"]]


def _write_token(where: list[str], version: int) -> str:
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": where})
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_token(text: str) -> list[str] | None:
    if not text:
        return None
    try:
        found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        return [str(part) for part in found["start"]]
    except (ValueError, KeyError, TypeError):
        raise errors.bad_request(f"continue key is not valid: {text}") from None


def deleted(kind: Type, done: Deleted) -> Json:
    metadata = done.object["metadata"]
    details = {"name": metadata["name"], "group": kind.group, "kind": kind.plural, "uid": metadata["uid"]}
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {key: value for key, value in details.items() if value},
    }


def scale(item: Json) -> Json:
    """The Scale of a workload."""
    metadata = item["metadata"]
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: metadata[key] for key in kept if key in metadata},
        "spec": {"replicas": item["spec"].get("replicas", 0)},
        "status": {
            "replicas": (item.get("status") or {}).get("replicas", 0),
            "selector": tables.selector(item["spec"].get("selector")),
        },
    }


def choose_container(pod: Json, asked: str) -> str:
    """The container that a request means."""
    names = [item["name"] for item in pod["spec"].get("containers") or ()]
    extra = [item["name"] for item in pod["spec"].get("initContainers") or ()]
    name = pod["metadata"]["name"]
    if asked:
        if asked not in names + extra:
            raise errors.bad_request(f"container {asked} is not valid for pod {name}")
        return asked
    default = (pod["metadata"].get("annotations") or {}).get("kubectl.kubernetes.io/default-container")
    if default in names:
        return str(default)
    if len(names) > 1:
        raise errors.bad_request(
            f"a container name must be specified for pod {name}, choose one of: [{' '.join(names)}]"
        )
    return str(names[0])
