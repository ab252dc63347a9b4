# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Endpoints and EndpointSlices kept in step with Services and pods."""

from __future__ import annotations

import typing as t

from . import selectors, services
from .context import Context
from .store import Event, clone

Json = dict[str, t.Any]
SLICES = "endpointslices.discovery.k8s.io"
SKIP = "endpointslice.kubernetes.io/skip-mirror"


class Endpoints:
    """The endpoint controllers of a cluster."""

    def __init__(self, context: Context) -> None:
        self.context = context
        context.stage("services", self.reconcile)
        context.listeners.append(self._saw)

    def _saw(self, event: Event) -> None:
        metadata = event.stored["metadata"]
        if event.key in ("services", "endpoints"):
            self.context.enqueue("services", metadata["namespace"], metadata["name"])
        elif event.key == SLICES:
            name = (metadata.get("labels") or {}).get(services.SLICE_SERVICE)
            if name and event.type == "DELETED":
                self.context.enqueue("services", metadata["namespace"], name)
        elif event.key == "pods":
            seen = [event.stored, event.before] if event.before else [event.stored]
            for service in self.context.all("services", metadata["namespace"]):
                wanted = service["spec"].get("selector")
                if not wanted:
                    continue
                selector = selectors.from_object({"matchLabels": wanted})
                if any(selectors.matches(selector, pod["metadata"].get("labels")) for pod in seen):
                    self.context.enqueue("services", metadata["namespace"], service["metadata"]["name"])

    def reconcile(self, namespace: str, name: str) -> None:
        service = self.context.get("services", namespace, name)
        found = self.context.get("endpoints", namespace, name)
        if service is None:
            if found is not None:
                self.context.delete("endpoints", found)
            return
        if service["spec"].get("type") == "ExternalName":
            return
        if service["spec"].get("selector"):
            sets = services.endpoints(service, self.context.all("pods", namespace))
            self._write_endpoints(found, services.endpoints_object(service, sets))
            zones = {
                node["metadata"]["name"]: node["metadata"]["labels"]["topology.kubernetes.io/zone"]
                for node in self.context.all("nodes")
                if "topology.kubernetes.io/zone" in (node["metadata"].get("labels") or {})
            }
            empty: Json = {"ports": [], "ready": [], "unready": []}
            wanted = [services.slice_object(service, item, zones) for item in sets or [empty]]
            self._write_slices(service, wanted, services.CONTROLLER)
        elif found is None or (found["metadata"].get("labels") or {}).get(SKIP) != "true":
            mirrored = services.mirrored_slices(service, found) if found else []
            self._write_slices(service, mirrored, services.MIRROR)

    def _write_endpoints(self, found: Json | None, wanted: Json) -> None:
        if found is None:
            self.context.create("endpoints", wanted)
            return
        have = (found.get("subsets"), found["metadata"].get("labels"))
        if have != (wanted.get("subsets"), wanted["metadata"]["labels"]):

            def alter(new: Json) -> None:
                new["metadata"]["labels"] = wanted["metadata"]["labels"]
                new.pop("subsets", None)
                if "subsets" in wanted:
                    new["subsets"] = wanted["subsets"]

            self.context.change("endpoints", found, alter)

    def _write_slices(self, service: Json, wanted: list[Json], manager: str) -> None:
        metadata = service["metadata"]
        have = [
            item
            for item in self.context.all(SLICES, metadata["namespace"])
            if (item["metadata"].get("labels") or {}).get(services.SLICE_SERVICE) == metadata["name"]
            and (item["metadata"].get("labels") or {}).get(services.SLICE_MANAGER)
            in (services.CONTROLLER, services.MIRROR)
        ]
        for at, item in enumerate(wanted):
            if at >= len(have):
                self.context.create(SLICES, item)
                continue
            old = have[at]
            same = all(old.get(key) == item[key] for key in ("endpoints", "ports"))
            if not same or old["metadata"].get("labels") != item["metadata"]["labels"]:
                self.context.change(SLICES, old, _replace(item))
        for old in have[len(wanted) :]:
            self.context.delete(SLICES, old)


def _replace(wanted: Json) -> t.Callable[[Json], None]:
    def alter(new: Json) -> None:
        new["endpoints"], new["ports"] = clone(wanted["endpoints"]), clone(wanted["ports"])
        new["metadata"]["labels"] = dict(wanted["metadata"]["labels"])

    return alter
