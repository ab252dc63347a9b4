# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controllers of one cluster share: the objects as they last saw them, the work that is to do, and events.

A controller is a function of one object's namespace and name. It compares what is with what should be and writes the
difference; whatever it writes makes work again, until nothing is left. Work is done stage by stage, so that many
changes of pods cost their Services one computation.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import traceback
import typing as t

from ..core import Lab
from ..state import Body, Resource
from . import errors
from .store import Event, Store

Json = dict[str, t.Any]
Name = tuple[str, str]
"""Namespace ('' for cluster-scoped) and name."""
Reconcile = t.Callable[[str, str], None]
Callbacks = list[t.Callable[[Event], None]]

MISTAKES = (LookupError, TypeError, ValueError, AttributeError, AssertionError, RecursionError, errors.ApiError)
EVENTS_KEPT = 1000
ROUNDS = 100_000
SAFE = "bcdfghjklmnpqrstvwxz2456789"


class Context:
    """One cluster's objects and queue."""

    def __init__(self, lab: Lab, path: str, store: Store) -> None:
        self.lab = lab
        self.path = path
        self.store = store
        self.listeners: Callbacks = []
        """Told of every event, to mark what it makes necessary."""
        self.idle: list[t.Callable[[], None]] = []
        """Called whenever the work is done."""
        self._seen: dict[str, dict[Name, Json]] = {}
        self._stages: dict[str, Reconcile] = {}
        self._dirty: dict[str, dict[Name, None]] = {}
        self._scheduled = False
        self._working = False
        self._events: dict[tuple[str, str, str], Name] = {}
        self._stop = store.watch(self._saw)
        for key in list(store.types):
            for item in store.stored(key):
                self._seen.setdefault(key, {})[_name(item)] = item

    def stop(self) -> None:
        """From now on nothing is done, and nobody is told."""
        self._stop()
        self._dirty.clear()
        self.idle.clear()

    @property
    def cluster(self) -> Resource | None:
        return self.lab.state.get(self.path)

    @property
    def body(self) -> Body:
        """The cluster as container v1 shows it; empty when it is gone."""
        cluster = self.cluster
        return {} if cluster is None else cluster.body

    # ---- reading: objects are the store's own, to be read only

    def all(self, key: str, namespace: str | None = None) -> list[Json]:
        found = self._seen.get(key, {})
        return [item for where, item in found.items() if namespace is None or where[0] == namespace]

    def get(self, key: str, namespace: str, name: str) -> Json | None:
        return self._seen.get(key, {}).get((namespace, name))

    def owned(self, owner: Json, key: str) -> list[Json]:
        """The objects of a type that an object controls."""
        uid = owner["metadata"]["uid"]
        found = []
        for kind, namespace, name in self.store.owned(uid):
            item = self.get(kind, namespace, name) if kind == key else None
            if item is not None and controller_of(item).get("uid") == uid:
                found.append(item)
        return sorted(found, key=lambda item: str(item["metadata"]["name"]))

    # ---- writing

    def create(self, key: str, item: Json) -> Json | None:
        """A new object, or None when it may not be (its namespace is going, say)."""
        try:
            return self.store.create(key, item, item["metadata"].get("namespace"))
        except errors.ApiError:
            return None

    def change(self, key: str, item: Json, alter: t.Callable[[Json], None], subresource: str = "") -> Json | None:
        """Alter an object as it is now; None when it has gone."""
        metadata = item["metadata"]
        try:
            return self.store.change(
                key, metadata.get("namespace", ""), metadata["name"], alter, subresource=subresource
            )
        except errors.ApiError:
            return None

    def set_status(self, key: str, item: Json, status: Json) -> None:
        if item.get("status") != status:
            self.change(key, item, lambda new: new.update(status=status), "status")

    def delete(self, key: str, item: Json, grace: int | None = None) -> None:
        metadata = item["metadata"]
        try:
            self.store.delete(key, metadata.get("namespace", ""), metadata["name"], grace=grace, uid=metadata["uid"])
        except errors.ApiError:
            return

    def event(self, item: Json, kind: str, reason: str, message: str, component: str) -> None:
        """Record an Event about an object; the same again counts."""
        metadata = item["metadata"]
        same = (metadata["uid"], reason, message)
        now = self.store.timestamp()
        if same in self._events:
            before = self.get("events", *self._events[same])
            if before is not None:
                self.change("events", before, lambda new: new.update(count=new.get("count", 1) + 1, lastTimestamp=now))
                return
        namespace = metadata.get("namespace") or "default"
        made = self.create(
            "events",
            {
                "metadata": {"name": f"{metadata['name']}.{self.lab.state.new_hex(16)}", "namespace": namespace},
                "involvedObject": {
                    "apiVersion": item["apiVersion"],
                    "kind": item["kind"],
                    "name": metadata["name"],
                    "namespace": metadata.get("namespace", ""),
                    "resourceVersion": metadata["resourceVersion"],
                    "uid": metadata["uid"],
                },
                "reason": reason,
                "message": message,
                "type": kind,
                "count": 1,
                "firstTimestamp": now,
                "lastTimestamp": now,
                "eventTime": None,
                "source": {"component": component},
                "reportingComponent": component,
                "reportingInstance": "",
            },
        )
        if made is None:
            return
        self._events[same] = (namespace, made["metadata"]["name"])
        while len(self._events) > EVENTS_KEPT:
            oldest = next(iter(self._events))
            gone = self.get("events", *self._events.pop(oldest))
            if gone is not None:
                self.delete("events", gone)

    # ---- the queue

    def stage(self, name: str, reconcile: Reconcile) -> None:
        """Add a kind of work. Stages added first are done first."""
        self._stages[name] = reconcile
        self._dirty.setdefault(name, {})

    def enqueue(self, stage: str, namespace: str = "", name: str = "") -> None:
        if stage in self._dirty:
            self._dirty[stage][namespace, name] = None
            self.wake()

    def wake(self) -> None:
        """Have the work done in the running loop's next turn. Without a loop somebody calls settle."""
        if self._scheduled or self._working:
            return
        try:
            asyncio.get_running_loop().call_soon(self.settle)
        except RuntimeError:
            return
        self._scheduled = True

    def settle(self) -> None:
        """Do all work that there is, and what follows from it."""
        self._scheduled = False
        if self._working:
            return
        self._working = True
        try:
            for _round in range(ROUNDS):
                stage = next((name for name, work in self._dirty.items() if work), None)
                if stage is None:
                    break
                work, self._dirty[stage] = self._dirty[stage], {}
                for where in work:
                    self._reconcile(stage, where)
            else:
                print(f"The controllers of {self.path} find no end.", file=sys.stderr)
                for work in self._dirty.values():
                    work.clear()
            for call in self.idle:
                call()
        finally:
            self._working = False

    def _reconcile(self, stage: str, where: Name) -> None:
        try:
            self._stages[stage](*where)
        except MISTAKES:  # one object's trouble must not stop the others' work
            traceback.print_exc(file=sys.stderr)

    def _saw(self, event: Event) -> None:
        where = _name(event.stored)
        if event.type == "DELETED":
            self._seen.get(event.key, {}).pop(where, None)
        else:
            self._seen.setdefault(event.key, {})[where] = event.stored
        for listener in self.listeners:
            listener(event)


def _name(item: Json) -> Name:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def controller_of(item: Json) -> Json:
    """The owner reference of the controller of an object, empty when nobody controls it."""
    owners: list[Json] = item["metadata"].get("ownerReferences") or []
    return next((owner for owner in owners if owner.get("controller")), {})


def owner_reference(owner: Json) -> Json:
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def safe_hash(value: t.Any, length: int = 10) -> str:
    """A short name suffix that depends on nothing but a JSON value, in the letters that Kubernetes uses for those."""
    digest = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()
    return "".join(SAFE[byte % len(SAFE)] for byte in digest[:length])
