# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one cluster's Kubernetes knows. The API server is one caller of this store, the controllers are others.

Objects are JSON dictionaries. What goes in and what comes out is copied: a caller may do with it what it likes.
Everything happens at once and in one thread; watchers are told in order, each after what it is told of has happened,
and what they do in turn is told after that. Refusals are errors.ApiError.

Deletion: an object with finalizers, or a Pod that runs on a node, only gets its deletionTimestamp; the Pod is gone when
whoever plays its kubelet deletes it again with grace=0. Owned objects follow their owners as the API's
propagation policies say. A namespace takes along all that is in it.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import random
import sys
import traceback
import typing as t
import uuid

from . import errors, selectors
from .kinds import BUILT_IN, Type

Json = dict[str, t.Any]
Objects = list[Json]
Key = tuple[str, str, str]
"""Type key, namespace ('' for cluster-scoped), name."""
Keys = list[Key]

HISTORY = 10_000
LOG_LINES = 1_000
GENERATED = "bcdfghjklmnpqrstvwxz2456789"
"""What generated names end in: https://github.com/kubernetes/apimachinery/blob/master/pkg/util/rand/rand.go"""
DEPLOYMENT_REVISION = "deployment.kubernetes.io/revision"
FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
MISTAKES = (LookupError, TypeError, ValueError, AttributeError, AssertionError, RecursionError, errors.ApiError)


def clone(value: t.Any) -> t.Any:
    """A copy of a JSON value that shares nothing with it."""
    if isinstance(value, dict):
        return {key: clone(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clone(item) for item in value]
    return value


class Clock(t.Protocol):
    """The part of the lab's clock that the store needs."""

    def now(self) -> datetime.datetime:
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class Event:
    """What a watcher is told: type is ADDED, MODIFIED or DELETED; key says which type of object."""

    type: str
    key: str
    version: int
    stored: Json = dataclasses.field(repr=False)
    """As stored: to be read only."""
    before: Json | None = dataclasses.field(default=None, repr=False)
    """What it replaced, to be read only: a watch by selector must see what leaves its selection."""

    @property
    def object(self) -> Json:
        """The object after the change (as it last was, when deleted); the caller's own copy."""
        return t.cast(Json, clone(self.stored))


@dataclasses.dataclass(frozen=True)
class Write:
    """What admission is asked about. It may alter `new`, or raise errors.ApiError."""

    store: Store
    type: Type
    verb: str
    """create, update or delete"""
    new: Json
    old: Json | None = None
    subresource: str = ""
    dry_run: bool = False


@dataclasses.dataclass(frozen=True)
class Deleted:
    """What deleting left: the object as it is now, or as it was when it went."""

    object: Json
    gone: bool


Admission = t.Callable[[Write], None]
Prepare = t.Callable[[Json, Json | None], None]
Watcher = t.Callable[[Event], None]
Events = list[Event]


class Store:
    """All objects of one cluster."""

    def __init__(self, clock: Clock, seed: int | None = None) -> None:
        self.clock = clock
        self.version = 1
        self._random = random.Random(seed)
        self.types: dict[str, Type] = {}
        self._objects: dict[str, dict[tuple[str, str], Json]] = {}
        self._uids: dict[str, Key] = {}
        self._owned: dict[str, dict[str, Key]] = {}
        self._watchers: list[Watcher] = []
        self._events: collections.deque[Event] = collections.deque()
        self._telling = False
        self.history: collections.deque[Event] = collections.deque(maxlen=HISTORY)
        self.logs: dict[tuple[str, str], list[str]] = {}
        """What containers have said, by uid of the Pod and name of the container."""
        self.admission: list[Admission] = []
        """Asked in order about every write: defaults first, then validation."""
        for item in BUILT_IN:
            self.register(item)

    # ---- types

    def register(self, item: Type) -> None:
        self.types[item.key] = item
        self._objects.setdefault(item.key, {})

    def unregister(self, key: str) -> None:
        """Serve a type no longer; its objects go."""
        for namespace, name in list(self._objects.get(key, {})):
            self._remove((key, namespace, name))
        self.types.pop(key, None)
        self._objects.pop(key, None)

    def type_of(self, api_version: str, kind: str) -> Type | None:
        return next(
            (item for item in self.types.values() if item.api_version == api_version and item.kind == kind), None
        )

    # ---- reading

    def find(self, key: str, namespace: str, name: str) -> Json | None:
        """A copy of an object, or None. Cluster-scoped types have the namespace ''."""
        found = self._objects[key].get((namespace, name))
        return None if found is None else t.cast(Json, clone(found))

    def get(self, key: str, namespace: str, name: str) -> Json:
        """A copy of an object, or 404."""
        return t.cast(Json, clone(self._stored(key, namespace, name)))

    def list(
        self, key: str, namespace: str | None = None, labels: str | selectors.LabelSelector = "", fields: str = ""
    ) -> Objects:
        """Copies of the objects of a type by namespace and name, of one namespace or of all."""
        return [clone(item) for item in self.stored(key, namespace, labels, fields)]

    def stored(
        self, key: str, namespace: str | None = None, labels: str | selectors.LabelSelector = "", fields: str = ""
    ) -> Objects:
        """As list, but not copied: for reading only."""
        by_label = selectors.parse_labels(labels) if isinstance(labels, str) else labels
        by_field = selectors.parse_fields(fields, key)
        found = []
        for where, item in sorted(self._objects[key].items()):
            if namespace is not None and where[0] != namespace:
                continue
            if by_label and not selectors.matches(by_label, item["metadata"].get("labels")):
                continue
            if by_field and not selectors.matches_fields(by_field, item):
                continue
            found.append(item)
        return found

    def owned(self, uid: str) -> Keys:
        """Where the objects are that name this one as an owner."""
        return list(self._owned.get(uid, {}).values())

    def _stored(self, key: str, namespace: str, name: str) -> Json:
        found = self._objects[key].get((namespace, name))
        if found is None:
            item = self.types[key]
            raise errors.not_found(item.plural, item.group, name)
        return found

    # ---- watching

    def watch(self, callback: Watcher) -> t.Callable[[], None]:
        """Call back after every change, until the returned function is called."""
        self._watchers.append(callback)

        def stop() -> None:
            if callback in self._watchers:
                self._watchers.remove(callback)

        return stop

    def since(self, version: int) -> Events:
        """Events after a resourceVersion; 410 when they are forgotten or never were."""
        if version > self.version:
            return []
        oldest = self.history[0].version if len(self.history) == self.history.maxlen else 1
        if version < oldest - 1:
            raise errors.gone(version, oldest)
        return [event for event in self.history if event.version > version]

    def _tell(self, verb: str, key: str, item: Json, before: Json | None = None) -> None:
        event = Event(verb, key, self.version, item, before)
        self.history.append(event)
        self._events.append(event)
        if self._telling:
            return
        self._telling = True
        try:
            while self._events:
                event = self._events.popleft()
                for watcher in list(self._watchers):
                    try:
                        watcher(event)
                    except MISTAKES:  # a watcher's mistake is not the writer's, who has succeeded
                        traceback.print_exc(file=sys.stderr)
        finally:
            self._telling = False

    # ---- what containers say

    def say(self, uid: str, container: str, line: str) -> None:
        """Add a line to a container's log."""
        lines = self.logs.setdefault((uid, container), [])
        lines.append(line)
        del lines[:-LOG_LINES]

    # ---- writing

    def create(
        self,
        key: str,
        item: Json,
        namespace: str | None = None,
        *,
        dry_run: bool = False,
        prepare: Prepare | None = None,
    ) -> Json:
        """Store a new object and return it. `prepare` may alter it after admission (managedFields)."""
        kind = self.types[key]
        new: Json = clone(item)
        metadata = new.setdefault("metadata", {})
        new["apiVersion"], new["kind"] = kind.api_version, kind.kind
        where = self._namespace(kind, metadata, namespace)
        if metadata.get("resourceVersion"):
            raise errors.bad_request("resourceVersion should not be set on objects to be created")
        if not metadata.get("name") and metadata.get("generateName"):
            prefix = metadata["generateName"][:58]
            metadata["name"] = prefix + "".join(self._random.choice(GENERATED) for _at in range(5))
        name = metadata.get("name", "")
        for field in ("uid", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"):
            metadata.pop(field, None)
        metadata["uid"] = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        metadata["creationTimestamp"] = self.timestamp()
        if kind.generation:
            metadata["generation"] = 1
        if kind.has_status and key not in ("nodes", "pods"):
            new.pop("status", None)
        if where:
            self._check_namespace(kind, where, name)
        self._admit(Write(self, kind, "create", new, None, "", dry_run))
        if (where, name) in self._objects[key]:
            raise errors.already_exists(kind.plural, kind.group, name)
        if prepare is not None:
            prepare(new, None)
        if dry_run:
            return new
        self._put((key, where, name), new, "ADDED", None)
        self._collect_if_orphaned((key, where, name), new)
        return t.cast(Json, clone(new))

    def update(
        self,
        key: str,
        item: Json,
        namespace: str | None = None,
        *,
        subresource: str = "",
        dry_run: bool = False,
        prepare: Prepare | None = None,
    ) -> Json:
        """Replace an object, all but its status; with subresource 'status' its status only. A resourceVersion in it
        must be the current one. What changes nothing is not told to anyone."""
        kind = self.types[key]
        new: Json = clone(item)
        metadata = new.setdefault("metadata", {})
        new["apiVersion"], new["kind"] = kind.api_version, kind.kind
        where, name = self._namespace(kind, metadata, namespace), metadata.get("name", "")
        old = self._stored(key, where, name)
        self._check_same(kind, metadata, old["metadata"])
        new = self._keep(kind, new, old, subresource)
        self._admit(Write(self, kind, "update", new, old, subresource, dry_run))
        if kind.generation and not subresource and _wanted(new, kind) != _wanted(old, kind):
            new["metadata"]["generation"] = old["metadata"].get("generation", 1) + 1
        if prepare is not None:
            prepare(new, old)
        if _same(new, old):
            return t.cast(Json, clone(old))
        if dry_run:
            return t.cast(Json, clone(new))
        if new["metadata"].get("deletionTimestamp") and self._nothing_holds(key, new):
            return self._remove((key, where, name), new)
        self._put((key, where, name), new, "MODIFIED", old)
        return t.cast(Json, clone(new))

    def update_status(self, key: str, item: Json, namespace: str | None = None, *, dry_run: bool = False) -> Json:
        """Replace an object's status."""
        return self.update(key, item, namespace, subresource="status", dry_run=dry_run)

    def change(
        self, key: str, namespace: str, name: str, alter: t.Callable[[Json], None], *, subresource: str = ""
    ) -> Json:
        """Read, alter, write: what a controller does. 404 where there is none."""
        item = self.get(key, namespace, name)
        alter(item)
        return self.update(key, item, namespace, subresource=subresource)

    def delete(
        self,
        key: str,
        namespace: str,
        name: str,
        *,
        propagation: str = "Background",
        grace: int | None = None,
        uid: str = "",
        resource_version: str = "",
        dry_run: bool = False,
    ) -> Deleted:
        """Delete an object. propagation: Background, Foreground, Orphan. grace: seconds that a Pod has (None: its own
        terminationGracePeriodSeconds). uid, resource_version: refuse (409) unless they are the object's."""
        kind = self.types[key]
        old = self._stored(key, namespace, name)
        metadata = old["metadata"]
        for what, wanted, real in (
            ("UID", uid, metadata["uid"]),
            ("ResourceVersion", resource_version, metadata["resourceVersion"]),
        ):
            if wanted and wanted != real:
                why = f"Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {real}"
                raise errors.conflict(kind.plural, kind.group, name, why)
        self._admit(Write(self, kind, "delete", clone(old), old, "", dry_run))
        new: Json = clone(old)
        held = new["metadata"].setdefault("finalizers", [])
        for finalizer, policy in ((FOREGROUND, "Foreground"), (ORPHAN, "Orphan")):
            if propagation == policy and finalizer not in held and not metadata.get("deletionTimestamp"):
                held.append(finalizer)
            elif propagation != policy and finalizer in held:
                held.remove(finalizer)
        if not held:
            del new["metadata"]["finalizers"]
        seconds = self._grace(key, new, grace)
        if not metadata.get("deletionTimestamp"):
            new["metadata"]["deletionTimestamp"] = self.timestamp(seconds)
            new["metadata"]["deletionGracePeriodSeconds"] = seconds
            if kind.generation:
                new["metadata"]["generation"] = metadata.get("generation", 1) + 1
        elif seconds < metadata.get("deletionGracePeriodSeconds", 0):
            new["metadata"]["deletionTimestamp"] = self.timestamp(seconds)
            new["metadata"]["deletionGracePeriodSeconds"] = seconds
        if key == "namespaces":
            new.setdefault("status", {})["phase"] = "Terminating"
        if dry_run:
            return Deleted(new, gone=not held and not seconds and self._nothing_holds(key, new))
        if self._nothing_holds(key, new):
            return Deleted(self._remove((key, namespace, name), old), gone=True)
        if not _same(new, old):
            self._put((key, namespace, name), new, "MODIFIED", old)
        self._carry_on_deleting((key, namespace, name))
        left = self._objects[key].get((namespace, name))
        same = left is not None and left["metadata"]["uid"] == metadata["uid"]
        return Deleted(clone(left) if same else clone(new), gone=not same)

    def timestamp(self, later: float = 0) -> str:
        """The lab's time as Kubernetes writes it."""
        moment = self.clock.now() + datetime.timedelta(seconds=later)
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    # ---- how writing is done

    def _admit(self, write: Write) -> None:
        for ask in self.admission:
            ask(write)

    def _namespace(self, kind: Type, metadata: Json, namespace: str | None) -> str:
        if not kind.namespaced:
            metadata.pop("namespace", None)
            return ""
        inside = metadata.get("namespace")
        if namespace and inside and inside != namespace:
            raise errors.bad_request(
                f"the namespace of the provided object does not match the namespace sent on the request"
                f" ({inside} and {namespace})"
            )
        metadata["namespace"] = inside or namespace or "default"
        return str(metadata["namespace"])

    def _check_namespace(self, kind: Type, namespace: str, name: str) -> None:
        found = self._objects["namespaces"].get(("", namespace))
        if found is None:
            raise errors.not_found("namespaces", "", namespace)
        if found["metadata"].get("deletionTimestamp"):
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            cause = {
                "reason": "NamespaceTerminating",
                "message": f"namespace {namespace} is being terminated",
                "field": "metadata.namespace",
            }
            raise errors.forbidden(kind.plural, kind.group, name, why, [cause])

    def _check_same(self, kind: Type, metadata: Json, old: Json) -> None:
        if metadata.get("uid") and metadata["uid"] != old["uid"]:
            why = f"Precondition failed: UID in precondition: {metadata['uid']}, UID in object meta: {old['uid']}"
            raise errors.conflict(kind.plural, kind.group, old["name"], why)
        if metadata.get("resourceVersion") and metadata["resourceVersion"] != old["resourceVersion"]:
            raise errors.conflict(kind.plural, kind.group, old["name"])

    @staticmethod
    def _keep(kind: Type, new: Json, old: Json, subresource: str) -> Json:
        """What an update cannot change stays."""
        if subresource == "status":
            managed = new["metadata"].get("managedFields")
            new = clone(old) | {"status": new.get("status", {})}
            if managed is not None:
                new["metadata"]["managedFields"] = managed
        elif kind.has_status:
            new.pop("status", None)
            if "status" in old:
                new["status"] = clone(old["status"])
        metadata, before = new["metadata"], old["metadata"]
        for field in (
            "uid",
            "creationTimestamp",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "generation",
            "generateName",
            "resourceVersion",
        ):
            metadata.pop(field, None)
            if field in before:
                metadata[field] = before[field]
        metadata.pop("selfLink", None)
        if "managedFields" not in metadata and "managedFields" in before:
            metadata["managedFields"] = clone(before["managedFields"])
        return new

    def _put(self, where: Key, item: Json, verb: str, old: Json | None) -> None:
        key, namespace, name = where
        self.version += 1
        item["metadata"]["resourceVersion"] = str(self.version)
        stored: Json = clone(item)  # from here on nobody alters it: events and the history share it
        self._objects[key][namespace, name] = stored
        self._uids[stored["metadata"]["uid"]] = where
        self._index_owners(where, old, stored)
        self._tell(verb, key, stored, old)

    def _remove(self, where: Key, last: Json | None = None) -> Json:
        key, namespace, name = where
        old = self._objects[key].pop((namespace, name))
        self.version += 1
        final: Json = clone(last or old)
        final["metadata"]["resourceVersion"] = str(self.version)
        uid = old["metadata"]["uid"]
        self._uids.pop(uid, None)
        for spoke in [spoke for spoke in self.logs if spoke[0] == uid]:
            del self.logs[spoke]
        self._index_owners(where, old, None)
        self._tell("DELETED", key, final, old)
        self._collect(uid, "Background")
        for owner in old["metadata"].get("ownerReferences") or ():
            if owner["uid"] in self._uids:
                self._carry_on_deleting(self._uids[owner["uid"]])
        if namespace:
            self._carry_on_deleting(("namespaces", "", namespace))
        return t.cast(Json, clone(final))

    def _index_owners(self, where: Key, old: Json | None, new: Json | None) -> None:
        for item in (old, new):
            if item is None:
                continue
            for owner in item["metadata"].get("ownerReferences") or ():
                dependents = self._owned.setdefault(owner["uid"], {})
                if item is new:
                    dependents[item["metadata"]["uid"]] = where
                else:
                    dependents.pop(item["metadata"]["uid"], None)
                if not dependents:
                    del self._owned[owner["uid"]]

    # ---- how deleting goes on

    @staticmethod
    def _grace(key: str, item: Json, grace: int | None) -> int:
        if key != "pods" or not item.get("spec", {}).get("nodeName"):
            return 0
        if item.get("status", {}).get("phase") in ("Succeeded", "Failed"):
            return 0
        return int(item["spec"].get("terminationGracePeriodSeconds", 30) if grace is None else grace)

    def _nothing_holds(self, key: str, item: Json) -> bool:
        metadata = item["metadata"]
        if metadata.get("finalizers") or metadata.get("deletionGracePeriodSeconds"):
            return False
        return key != "namespaces" or not self._content(metadata["name"])

    def _content(self, namespace: str) -> Keys:
        return [
            (key, *where)
            for key, objects in self._objects.items()
            if self.types[key].namespaced
            for where in objects
            if where[0] == namespace
        ]

    def _carry_on_deleting(self, where: Key) -> None:
        """The work of the namespace controller and the garbage collector on one object that is to go."""
        key, namespace, name = where
        item = self._objects.get(key, {}).get((namespace, name))
        if item is None or not item["metadata"].get("deletionTimestamp"):
            return
        uid = item["metadata"]["uid"]
        finalizers = list(item["metadata"].get("finalizers") or ())
        if ORPHAN in finalizers:
            for dependent in self.owned(uid):
                self._disown(dependent, uid)
            self._drop_finalizer(where, ORPHAN)
        elif FOREGROUND in finalizers:
            self._collect(uid, "Foreground")
            if not any(self._blocks(dependent, uid) for dependent in self.owned(uid)):
                self._drop_finalizer(where, FOREGROUND)
        elif key == "namespaces":
            for inside in self._content(name):
                found = self._objects[inside[0]].get(inside[1:])
                if found is not None and not found["metadata"].get("deletionTimestamp"):
                    self.delete(*inside)
            left = self._objects[key].get((namespace, name))
            if left is not None and left["metadata"]["uid"] == uid and self._nothing_holds(key, left):
                self._remove(where)

    def _drop_finalizer(self, where: Key, finalizer: str) -> None:
        key, namespace, name = where
        item = self._objects[key].get((namespace, name))
        if item is None or finalizer not in item["metadata"].get("finalizers", ()):
            return
        new: Json = clone(item)
        new["metadata"]["finalizers"].remove(finalizer)
        if not new["metadata"]["finalizers"]:
            del new["metadata"]["finalizers"]
        if self._nothing_holds(key, new):
            self._remove(where, new)
        else:
            self._put(where, new, "MODIFIED", item)

    def _collect(self, uid: str, propagation: str) -> None:
        """Delete what an object owned that is gone or going; what another owner holds only loses the reference."""
        for where in self.owned(uid):
            key, namespace, name = where
            item = self._objects[key].get((namespace, name))
            if item is None:
                continue
            owners = item["metadata"].get("ownerReferences") or ()
            if any(owner["uid"] != uid and owner["uid"] in self._uids for owner in owners):
                self._disown(where, uid)
            elif not item["metadata"].get("deletionTimestamp"):
                policy = propagation if self.owned(item["metadata"]["uid"]) else "Background"
                self.delete(key, namespace, name, propagation=policy)

    def _blocks(self, where: Key, uid: str) -> bool:
        item = self._objects[where[0]].get(where[1:])
        owners = (item or {}).get("metadata", {}).get("ownerReferences") or ()
        return any(owner["uid"] == uid and owner.get("blockOwnerDeletion") for owner in owners)

    def _disown(self, where: Key, uid: str) -> None:
        item = self._objects[where[0]].get(where[1:])
        if item is None:
            return
        new: Json = clone(item)
        owners = [owner for owner in new["metadata"]["ownerReferences"] if owner["uid"] != uid]
        if owners:
            new["metadata"]["ownerReferences"] = owners
        else:
            del new["metadata"]["ownerReferences"]
        self._put(where, new, "MODIFIED", item)

    def _collect_if_orphaned(self, where: Key, item: Json) -> None:
        owners = item["metadata"].get("ownerReferences") or ()
        if owners and not any(owner["uid"] in self._uids for owner in owners) and where[1:] in self._objects[where[0]]:
            self.delete(*where)


def _wanted(item: Json, kind: Type) -> Json:
    """The part of an object that metadata.generation counts."""
    wanted = {name: value for name, value in item.items() if name not in ("metadata", "status")}
    if kind.key == "deployments.apps":
        annotations = item["metadata"].get("annotations") or {}
        # The controller writes this one together with the status, which counts nothing.
        wanted["annotations"] = {key: value for key, value in annotations.items() if key != DEPLOYMENT_REVISION}
    return wanted


def _same(new: Json, old: Json) -> bool:
    return _without_times(new) == _without_times(old)


def _without_times(item: Json) -> Json:
    """An object without what alone does not make it another: when a manager last wrote."""
    metadata = dict(item["metadata"])
    managed = metadata.get("managedFields")
    if managed:
        metadata["managedFields"] = [{key: entry[key] for key in entry if key != "time"} for entry in managed]
    return item | {"metadata": metadata}
