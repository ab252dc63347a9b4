# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watches: a stream of what happens to the objects of a list.

https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

from __future__ import annotations

import asyncio
import collections
import json
import typing as t

from . import errors, selectors, tables
from .api import PARTIAL, Api, Request, Target, partial, wanted_shape
from .errors import ApiError
from .store import Event

Json = dict[str, t.Any]

BOOKMARK_SECONDS = 60.0
INITIAL_END = "k8s.io/initial-events-end"


class Watch:
    """One watch: lines to send, until its time is over or the client has gone. Begins when it is made."""

    def __init__(self, api: Api, request: Request, target: Target) -> None:
        self.api = api
        self.request = request
        self.kind = target.kind
        self.namespace = target.namespace
        self.name = target.name
        self.shape = wanted_shape(request)
        self.labels = selectors.parse_labels(request.query.get("labelSelector", ""))
        self.fields = selectors.parse_fields(request.query.get("fieldSelector", ""), target.kind.key)
        self.bookmarks = request.flag("allowWatchBookmarks")
        self.seconds: float | None = request.number("timeoutSeconds") or None
        self._pending: collections.deque[bytes] = collections.deque()
        self._wake = asyncio.Event()
        self._columns = True
        self.closed = False
        self._begin()
        self._stop = api.store.watch(self._follow)

    # ---- what to send

    def _begin(self) -> None:
        store = self.api.store
        text = self.request.query.get("resourceVersion", "")
        if text and not text.isdigit():
            raise errors.bad_request(f"invalid resource version: {text!r}")
        initial = self.request.query.get("sendInitialEvents")
        everything = self.request.flag("sendInitialEvents") if initial is not None else text in ("", "0")
        if everything:
            for item in store.stored(self.kind.key, self.namespace):
                if self._selects(item):
                    self._send("ADDED", item)
            if initial is not None and self.bookmarks:
                self._bookmark({INITIAL_END: "true"})
            return
        try:
            for event in store.since(int(text or store.version)):
                self._follow(event)
        except ApiError as error:
            self._pending.append(line("ERROR", error.status))
            self.closed = True

    def _selects(self, item: Json) -> bool:
        metadata = item["metadata"]
        if self.namespace is not None and metadata.get("namespace", "") != self.namespace:
            return False
        if self.name and metadata["name"] != self.name:
            return False
        return selectors.matches(self.labels, metadata.get("labels")) and selectors.matches_fields(self.fields, item)

    def _follow(self, event: Event) -> None:
        if event.key != self.kind.key or self.closed:
            return
        if event.type == "DELETED" and self.kind.key not in self.api.store.types:
            self.closed = True
        was = event.before is not None and self._selects(event.before)
        now = event.type != "DELETED" and self._selects(event.stored)
        if now:
            self._send("MODIFIED" if was else "ADDED", event.stored)
        elif was:
            self._send("DELETED", event.stored)

    def _send(self, verb: str, item: Json) -> None:
        shown: Json = item
        if self.shape == "Table":
            include = self.request.query.get("includeObject", "Metadata")
            metadata = {"resourceVersion": item["metadata"]["resourceVersion"]}
            shown = tables.table(self.kind, [item], self.api.moment(), include, metadata, columns=self._columns)
            self._columns = False
        elif self.shape.startswith(PARTIAL):
            shown = partial(item)
        self._pending.append(line(verb, shown))
        self._wake.set()

    def _bookmark(self, annotations: Json | None = None) -> None:
        metadata: Json = {"resourceVersion": str(self.api.store.version), "creationTimestamp": None}
        if annotations:
            metadata["annotations"] = annotations
        body = {"kind": self.kind.kind, "apiVersion": self.kind.api_version, "metadata": metadata}
        self._pending.append(line("BOOKMARK", body))

    # ---- sending

    async def lines(self) -> t.AsyncIterator[bytes]:
        """Chunks of lines, as they come."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + self.seconds if self.seconds else None
        marks = loop.time() + BOOKMARK_SECONDS
        while True:
            if self._pending:
                chunk = b"".join(self._pending)
                self._pending.clear()
                yield chunk
                continue
            if self.closed:
                return
            if ends is not None and loop.time() >= ends:
                if self.bookmarks:
                    self._bookmark()
                    self.closed = True
                    continue
                return
            self._wake.clear()
            try:
                wait = min(marks, ends or marks) - loop.time()
                await asyncio.wait_for(self._wake.wait(), max(wait, 0.001))
            except TimeoutError:
                if loop.time() >= marks:
                    marks = loop.time() + BOOKMARK_SECONDS
                    if self.bookmarks:
                        self._bookmark()

    def close(self) -> None:
        self.closed = True
        self._stop()
        self._wake.set()


def line(verb: str, body: Json) -> bytes:
    return json.dumps({"type": verb, "object": body}, separators=(",", ":")).encode() + b"\n"
