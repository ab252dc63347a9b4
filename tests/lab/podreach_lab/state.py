# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What exists. Every API of the lab is a thin layer over this one store, and the data plane watches it.

A resource has a `path` (its relative name, such as projects/p/regions/r/subnetworks/s, unique over all services), a
`body` (exactly what its API returns), `hidden` facts that no API tells (a node's pod range, say), and a phase. Whoever
must follow what happens (Kubernetes, the data plane, AWS) subscribes with `watch` and is told of each change, in order,
after it happened.

Three things are not resources of a Google API and are kept beside them: what EC2 holds (`aws`), which of its instances
neither send nor answer (`dead`, by id), and what the gateways' BGP really knows (`bgp`, by gateway). Whoever follows
these subscribes with `watch_outside`.
"""

from __future__ import annotations

import base64
import dataclasses
import enum
import random
import typing as t

from . import PROJECTS
from .aws.facts import AwsFacts
from .clock import Clock
from .wan.model import SpeakerState

Body = dict[str, t.Any]


class Phase(enum.Enum):
    """CREATING and DELETING resources are visible, but may not be used or changed."""

    CREATING = "creating"
    READY = "ready"
    DELETING = "deleting"


@dataclasses.dataclass
class Resource:
    """One thing. `kind` is the API's own: compute#network, container#cluster, ..."""

    kind: str
    path: str
    body: Body
    hidden: Body = dataclasses.field(default_factory=dict)
    phase: Phase = Phase.READY

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[1]

    @property
    def collection(self) -> str:
        return self.path.rsplit("/", 1)[0]

    @property
    def project(self) -> str:
        return self.path.split("/")[1]


@dataclasses.dataclass(frozen=True)
class Change:
    """What a watcher is told: verb is added, changed or removed."""

    verb: str
    resource: Resource
    revision: int


class State:
    """All resources of all projects, and who wants to know about them."""

    def __init__(self, clock: Clock, seed: int | None = None) -> None:
        self.clock = clock
        self.revision = 0
        self.clearing = False
        self.projects = dict(PROJECTS)
        self._random = random.Random(seed)
        self._by_path: dict[str, Resource] = {}
        self._by_collection: dict[str, dict[str, Resource]] = {}
        self._by_kind: dict[str, dict[str, Resource]] = {}
        self._watchers: list[t.Callable[[Change], None]] = []
        self.aws = AwsFacts()
        self.bgp: dict[str, SpeakerState] = {}
        self.dead: frozenset[str] = frozenset()
        self._outside: list[t.Callable[[], None]] = []

    def watch(self, callback: t.Callable[[Change], None]) -> t.Callable[[], None]:
        """Call `callback` after every change, until the returned function is called."""
        self._watchers.append(callback)
        return lambda: self._watchers.remove(callback)

    def watch_outside(self, callback: t.Callable[[], None]) -> t.Callable[[], None]:
        """Call `callback` whenever `aws`, `dead` or `bgp` changed, until the returned function is called."""
        self._outside.append(callback)
        return lambda: self._outside.remove(callback)

    def learn_aws(self, facts: AwsFacts) -> None:
        """What EC2 holds now."""
        if facts != self.aws:
            self.aws = facts
            self._tell_outside()

    def silence(self, instance: str, dead: bool) -> None:
        """An instance of EC2 neither sends nor answers any more, whatever the API says; or does so again."""
        found = self.dead | {instance} if dead else self.dead - {instance}
        if found != self.dead:
            self.dead = found
            self._tell_outside()

    def learn_bgp(self, gateway: str, found: SpeakerState | None) -> None:
        """What a gateway's BGP knows now; None: it speaks no more."""
        if self.bgp.get(gateway) != found:
            if found is None:
                del self.bgp[gateway]
            else:
                self.bgp[gateway] = found
            self._tell_outside()

    def get(self, path: str) -> Resource | None:
        return self._by_path.get(path)

    def within(self, collection: str) -> list[Resource]:
        """The members of one collection (projects/p/global/networks), in order of creation."""
        return list(self._by_collection.get(collection, {}).values())

    def of_kind(self, kind: str, project: str | None = None) -> list[Resource]:
        """All resources of a kind, of one project or of all."""
        found = self._by_kind.get(kind, {}).values()
        return [item for item in found if project is None or item.project == project]

    def add(self, resource: Resource) -> Resource:
        if resource.path in self._by_path:
            raise KeyError(resource.path)
        self._by_path[resource.path] = resource
        self._by_collection.setdefault(resource.collection, {})[resource.path] = resource
        self._by_kind.setdefault(resource.kind, {})[resource.path] = resource
        self._tell("added", resource)
        return resource

    def changed(self, resource: Resource) -> None:
        """To be called after a body was altered; renews its fingerprint."""
        if "fingerprint" in resource.body:
            resource.body["fingerprint"] = self.new_fingerprint()
        self._tell("changed", resource)

    def changed_phase(self, resource: Resource) -> None:
        """To be called after only the phase was altered: the API shows no difference, watchers may care."""
        self._tell("changed", resource)

    def remove(self, path: str) -> None:
        resource = self._by_path.pop(path, None)
        if resource is not None:
            del self._by_collection[resource.collection][path]
            del self._by_kind[resource.kind][path]
            self._tell("removed", resource)

    def clear(self) -> None:
        """Empty every project, telling the watchers of each loss, newest first; `clearing` tells them that nothing is
        to be made up for."""
        self.clearing = True
        try:
            for path in reversed(list(self._by_path)):
                self.remove(path)
        finally:
            self.clearing = False
        self.dead = frozenset()

    def counts(self) -> dict[str, int]:
        return {kind: len(items) for kind, items in sorted(self._by_kind.items()) if items}

    def new_id(self) -> str:
        """A 19-digit number, as compute's ids are."""
        return str(self._random.randrange(10**18, 9 * 10**18))

    def new_hex(self, digits: int) -> str:
        return f"{self._random.getrandbits(4 * digits):0{digits}x}"

    def new_fingerprint(self) -> str:
        """Eight bytes in base64; unlike any earlier one."""
        self.revision += 1
        value = self.revision.to_bytes(3, "big") + self._random.randbytes(5)
        return base64.b64encode(value).decode()

    def _tell_outside(self) -> None:
        self.revision += 1
        for watcher in list(self._outside):
            watcher()

    def _tell(self, verb: str, resource: Resource) -> None:
        self.revision += 1
        change = Change(verb, resource, self.revision)
        for watcher in list(self._watchers):
            watcher(change)
