# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VPC Network Peering: https://cloud.google.com/compute/docs/reference/rest/v1/networks/addPeering

A peering is an entry in each of two networks, made by whoever may write that network, and ACTIVE when both are there.
One declaration stands for one entry or for both. A peering has no description, so the declared name and peer network
say which one is meant. Google runs one peering operation at a time on a network: ours take turns by locks on both
networks, and the client waits for those of others.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import typing as t

from .. import addressing
from ..arguments import ArgumentSpec, Call
from ..engine import Grade, Plan, Step
from ..errors import ApiError, Conflict, InvalidInput, PodreachError, Refused, Timeout, raise_all
from .client import RETRIED_TEXTS, Client
from .fields import Default, Field, Json, Patch, Request
from .locks import locked
from .other_credentials import CREDENTIALS_OPTION
from .peering_surroundings import (
    SUBNET,
    Coming,
    Route,
    Surroundings,
    Unread,
    custom,
    is_ipv4,
    judged,
    overlaps,
    path_of,
)
from .resource import NAME, GcpResource

#: how many peerings a network may have: https://cloud.google.com/vpc/docs/quota
PEERING_LIMIT = 25
QUOTA = "PEERINGS_PER_NETWORK"
FLAGS: dict[str, t.Any] = {
    "export_custom_routes": {"type": "bool"},
    "import_custom_routes": {"type": "bool"},
    "export_subnet_routes_with_public_ip": {"type": "bool"},
    "import_subnet_routes_with_public_ip": {"type": "bool"},
    "stack_type": {"type": "str", "choices": ["IPV4_ONLY", "IPV4_IPV6"]},
}
SPEC = ArgumentSpec(
    options={
        "name": {"type": "str", "required": True},
        "network": {"type": "str", "required": True},
        "peer_network": {"type": "str", "required": True},
        "peer_project": {"type": "str"},
        **FLAGS,
        "peer_side": {"type": "dict", "options": {"name": {"type": "str"}, **FLAGS}},
        "peer_auth": CREDENTIALS_OPTION,
        "peering_limit": {"type": "int", "default": PEERING_LIMIT},
        "prerequisite_timeout": {"type": "int", "default": 0},
        "unmarked": {"type": "str", "choices": ["refuse", "keep"], "default": "refuse"},
        "timeout": {"type": "int", "default": 1800},
    }
)

#: how many routes a step's summary names
NAMED = 3


def _off(old: t.Any, new: t.Any) -> Grade:
    """What stops crossing was perhaps used; what would newly come is judged by its routes."""
    return Grade.SAFE if new in (True, "IPV4_IPV6") else Grade.DISRUPTIVE


FIELDS = (
    Field("exportCustomRoutes", Patch(_off), Default(False)),
    Field("importCustomRoutes", Patch(_off), Default(False)),
    Field("exportSubnetRoutesWithPublicIp", Patch(_off), Default(True)),
    Field("importSubnetRoutesWithPublicIp", Patch(_off), Default(False)),
    Field("stackType", Patch(_off), Default("IPV4_ONLY")),
)


@dataclasses.dataclass(frozen=True)
class Sent:
    """A step's call and the side that makes it."""

    side: Side
    request: Request


@dataclasses.dataclass(frozen=True)
class Side:
    """One network's entry. ``params`` None: it is not declared, and only looked at."""

    client: Client
    network: str
    peer: str
    name: str
    params: t.Mapping[str, t.Any] | None

    @property
    def label(self) -> str:
        return f"network_peering {self.name} of {self.network}"

    def refused(self, problem: str, code: str = "refused") -> Refused:
        return Refused(f"{self.label}: {problem}", code=code, resource=self.label)

    def entry(self, network: Json | None) -> Json | None:
        """Its entry in a network as it was read: the one of its name, or where it is not declared that of its peer."""
        for item in (network or {}).get("peerings") or []:
            if item["name"] == self.name if self.params is not None else self.is_peer(item):
                return t.cast("Json", item)
        return None

    def is_peer(self, entry: Json) -> bool:
        return path_of(entry["network"], self.network) == self.peer

    def shown(self, entry: Json | None) -> Json | None:
        """What of an entry this collection manages."""
        if entry is None:
            return None
        return {
            "network": self.network,
            "name": entry["name"],
            "peerNetwork": path_of(entry["network"], self.network),
            **{item.path: item.kind.canonical(entry.get(item.path)) for item in FIELDS},
        }

    def wanted(self, entry: Json | None) -> Json:
        """The entry as it shall be."""
        then = copy.deepcopy(entry or {"name": self.name, "network": self.peer})
        for item in FIELDS:
            value = item.wanted(self.params or {})
            if value is not None:
                then[item.path] = value
        return then

    def removal(self, network: Json | None, *, of_ours: bool) -> list[Step]:
        """The step that removes this side; ``of_ours``: only from a network that this collection made."""
        entry = self.entry(network)
        if network is None or entry is None:
            return []
        if not self.is_peer(entry):
            raise self.refused(
                f"it leads to {path_of(entry['network'], self.network)}, not to {self.peer}: it is not the one that is "
                "meant, and is left alone. Correct peer_network, or the name.",
                code="not-ours",
            )
        if of_ours and not GcpResource.marked(network):
            raise self.refused(
                "podreach.gke did not make its network, and nothing tells who made the peering, so it is left alone, "
                "as are its settings. To have it removed, say unmarked: refuse (from a role or playbook of this "
                "collection: -e peering_unmarked=refuse).",
                code="not-ours",
            )
        self._refuse_consensus(entry)
        request = Request("POST", f"{self.network}/removePeering", {"name": self.name})
        return [Step("delete", f"delete {self.label}", Sent(self, request), Grade.DESTRUCTIVE)]

    def bringing(self, network: Json | None, limit: int) -> list[Step]:
        """The step that makes the entry as it is wanted, if one is needed."""
        entry = self.entry(network)
        if entry is None:
            self._refuse_creation(network or {}, limit)
            body = {"name": self.name, "network": self.peer, "exchangeSubnetRoutes": True, **self._given()}
            request = Request("POST", f"{self.network}/addPeering", {"networkPeering": body})
            return [Step("create", f"create {self.label} with {self.peer}", Sent(self, request))]
        if not self.is_peer(entry):
            raise self.refused(
                f"a peering of this name leads to {path_of(entry['network'], self.network)}, and the peer network of a "
                f"peering cannot be changed. Choose another name for the one with {self.peer}.",
                code="name-taken",
            )
        patch: Json = {}
        grade = Grade.SAFE
        for item in FIELDS:
            value = item.wanted(self.params or {})
            if value is not None and not item.kind.same(entry.get(item.path), value):
                patch[item.path] = value
                if _off(None, value) is not Grade.SAFE:
                    grade = Grade.DISRUPTIVE
        if not patch:
            return []
        self._refuse_consensus(entry)
        words = ", ".join(f"{item.option}: {str(patch[item.path]).lower()}" for item in FIELDS if item.path in patch)
        request = Request("PATCH", f"{self.network}/updatePeering", {"networkPeering": {"name": self.name, **patch}})
        return [Step("update", f"set {words} of {self.label}", Sent(self, request), grade, tuple(patch))]

    def _given(self) -> Json:
        given = {item.path: item.wanted(self.params or {}) for item in FIELDS}
        return {path: value for path, value in given.items() if value is not None}

    def _refuse_creation(self, network: Json, limit: int) -> None:
        entries = network.get("peerings") or []
        for item in entries:
            if self.is_peer(item):
                raise self.refused(
                    f"{self.network} has a peering with {self.peer} already, called {item['name']}, and there can be "
                    f"only one: say that name to use it.",
                    code="peered-already",
                )
        if network.get("IPv4Range"):
            raise self.refused(
                f"{self.network} is a legacy network, and these cannot be peered: make a network with subnetworks.",
                code="legacy-network",
            )
        if len(entries) >= limit:
            raise self.refused(
                f"{self.network} has {len(entries)} peerings, and its quota {QUOTA} is {limit}. Remove one, join the "
                "networks otherwise, or if Google raised the quota, say so with peering_limit.",
                code="quota",
            )

    def _refuse_consensus(self, entry: Json) -> None:
        if entry.get("updateStrategy") == "CONSENSUS":
            raise self.refused(
                "its update strategy is CONSENSUS, by which both sides have to agree to each change, and which this "
                "module does not do: change it with gcloud compute networks peerings.",
                code="consensus",
            )


class Peering:
    """A peering as the engine brings it about: one side, or both."""

    def __init__(self, client: Client, peer_client: Client, call: Call) -> None:
        self.client, self.call, self.params = client, call, call.params
        params = call.params
        self.errors: list[PodreachError] = []
        project = params.get("project") or client.project
        here = self._network("network", params["network"], project)
        there = self._network("peer_network", params["peer_network"], params.get("peer_project") or project)
        self.name: str = params["name"]
        other = params.get("peer_side")
        self._check_name("name", self.name)
        if other is not None and other.get("name") is not None:
            self._check_name("peer_side.name", other["name"])
        if here == there:
            self._invalid("peer_network", f"{there} is the network itself: a network cannot be peered with itself")
        if params["peering_limit"] < 1:
            self._invalid("peering_limit", f"{params['peering_limit']}: write a whole number from 1 up")
        if params["prerequisite_timeout"] < 0:
            wait = f"{params['prerequisite_timeout']}: a number of seconds is wanted, 0 for no wait"
            self._invalid("prerequisite_timeout", wait)
        raise_all(self.errors)
        mine = Side(client, here, there, self.name, params)
        theirs = Side(peer_client, there, here, (other or {}).get("name") or self.name, other)
        self.sides = (mine, theirs)
        #: routes that the first plan would newly bring, whoever gets them
        self.coming: list[Coming] | None = None
        self.unread: str | None = None

    @property
    def declared(self) -> list[Side]:
        return [side for side in self.sides if side.params is not None]

    @property
    def label(self) -> str:
        return self.sides[0].label

    def _invalid(self, option: str, problem: str) -> None:
        self.errors.append(InvalidInput(f"network_peering {self.params['name']}: {option}: {problem}"))

    def _check_name(self, option: str, value: str) -> None:
        if not NAME.fullmatch(value):
            rule = "a name has 1 to 63 lower-case letters, digits and hyphens, starts with a letter and does not end"
            self._invalid(option, f"{value!r}: {rule} with a hyphen")

    def _network(self, option: str, value: str, project: str | None) -> str:
        path = path_of(value, f"projects/{project}")
        self._check_name(option, path.rpartition("/")[2])
        return path

    def prerequisites(self) -> None:
        """Wait for the networks as long as the caller allows: another job may be building them."""
        seconds = self.params["prerequisite_timeout"]
        if not seconds or self.call.check_mode or self.params["state"] == "absent":
            return

        def missing() -> list[str]:
            there = self.read() or {}
            pairs = zip(self.sides, there["networks"], strict=True)
            return [
                f"network {side.network} does not exist"
                for side, network in pairs
                if side.params is not None and not network
            ]

        self.client.wait_until(missing, seconds, f"{self.label}: waits for what it needs")
        for side in self.sides:
            side.client.renew()

    # -- what the engine asks

    def read(self) -> Json | None:
        networks = []
        for side in self.sides:
            try:
                networks.append(side.client.get("compute", side.network))
            except ApiError as error:
                if side.params is not None or error.status != 403:
                    raise
                self.unread = f"{side.network} could not be read ({error.status})"
                networks.append(None)
        if networks[1] is None and self.sides[1].params is None:
            self.unread = self.unread or f"{self.sides[1].network} does not exist, or may not be seen"
        return {"networks": networks}

    def plan(self, current: Json | None, *, check_mode: bool) -> Plan:
        networks: list[Json | None] = (current or {})["networks"]
        pairs = [(side, network) for side, network in zip(self.sides, networks, strict=True) if side.params is not None]
        before = [shown for side, network in pairs if (shown := side.shown(side.entry(network)))]
        errors: list[PodreachError] = []
        steps: list[Step] = []
        warnings: list[str] = []
        keep = self.params["unmarked"] == "keep"
        for side, network in pairs:
            try:
                if self.params["state"] == "absent":
                    steps += side.removal(network, of_ours=keep)
                else:
                    warnings += self._missing(side, network, check_mode=check_mode)
                    steps += side.bringing(network, self.params["peering_limit"])
            except Refused as error:
                if error.code == "not-ours" and keep:
                    warnings.append(str(error))
                else:
                    errors.append(error)
        errors += self._unlisted(steps)
        raise_all(errors)
        if self.params["state"] == "absent":
            kept = [item for item in before if not any(step.request.side.network == item["network"] for step in steps)]
            return Plan(_peerings(before), _peerings(kept), tuple(steps), tuple(warnings))
        after = [shown for side, network in pairs if (shown := side.shown(side.wanted(side.entry(network))))]
        if steps and networks[0] is not None:
            steps, more = self._look_around(networks, steps)
            warnings += more
        return Plan(_peerings(before), _peerings(after), tuple(steps), tuple(warnings))

    def send(self, step: Step) -> str | None:
        sent: Sent = step.request
        side, request = sent.side, sent.request
        try:
            operation = side.client.mutate("compute", request.method, request.path, request.body, resource=side.label)
            return side.client.finish("compute", operation, side.label)
        except Conflict:
            raise
        except ApiError as error:
            # somebody else was faster or is at it, or an earlier try of ours did arrive
            known = ("There is already a peering", "There is no peering", *RETRIED_TEXTS)
            if error.status != 409 and not any(text in error.message for text in known):
                raise
            raise Conflict(
                str(error), unsure=error.tries > 1, status=error.status, reason=error.reason, resource=side.label
            ) from None

    def settle(self, current: Json | None) -> tuple[Json | None, str | None]:
        return current, None

    def lost(self, plan: Plan, observed: Json | None) -> list[str]:
        # each call concerns one entry, and nothing else can vanish with it
        return []

    def exclusive(self) -> contextlib.AbstractContextManager[t.Any] | None:
        return self._in_turn()

    @contextlib.contextmanager
    def _in_turn(self) -> t.Iterator[None]:
        """Both networks' locks. What was waited for them is not taken from the time for operations."""
        with locked(self.client, (side.network for side in self.sides), self.label, self.params["timeout"]):
            for side in self.sides:
                side.client.renew()
            yield

    def word(self, option: str, value: str) -> str:
        return f"{option}: {value} (from a role or playbook of this collection: -e peering_{option}={value})"

    def pause(self, attempt: int) -> None:
        self.client.pause(attempt)

    # -- what is around

    def _unlisted(self, steps: list[Step]) -> list[Refused]:
        """Refusals for sides that may not be written: found by a call, one side would be there already."""
        found = []
        for step in steps:
            side: Side = step.request.side
            project, allowed = side.network.split("/")[1], side.client.projects
            if allowed and project not in allowed:
                problem = f"project {project} is not among the projects that may be written ({', '.join(allowed)}): "
                found.append(side.refused(f"{problem}add it to projects, or correct it", code="project-not-listed"))
        return found

    @staticmethod
    def _missing(side: Side, network: Json | None, *, check_mode: bool) -> list[str]:
        if network is not None:
            return []
        if check_mode:
            return [f"{side.label}: {side.network} does not exist yet; counted as planned."]
        raise side.refused(f"{side.network} does not exist: create it first", code="missing-prerequisite")

    def _look_around(self, networks: list[Json | None], steps: list[Step]) -> tuple[list[Step], list[str]]:
        """Refuse overlaps; grade the steps by the routes that they bring. Returns steps and warnings."""
        around = [
            None if network is None else Surroundings(side.client, side.network, network)
            for side, network in zip(self.sides, networks, strict=True)
        ]
        warnings = []
        mine, theirs = around
        if any(step.action == "create" or _lets_public(step) for step in steps):
            try:
                if mine is None or theirs is None:
                    raise Unread(self.unread or "one of the networks does not exist yet")
                found = overlaps(mine, theirs, self._crosses(networks))
            except Unread as unread:
                warnings.append(f"{self.label}: {unread}, so that overlapping ranges are found by Google alone.")
                found = []
            if found:
                raise self.sides[0].refused(
                    f"networks whose ranges overlap cannot be peered: {'; '.join(found[:5])}"
                    f"{f'; and {len(found) - 5} more' if len(found) > 5 else ''}. Give one of them another range.",
                    code="range-overlap",
                )
        coming: list[Coming] = []
        for exporter, importer in ((1, 0), (0, 1)):
            try:
                news = self._news(networks, around, exporter, importer)
            except Unread as unread:
                gets = self.sides[importer].network
                warnings.append(
                    f"{self.label}: {unread}, so that the custom routes that would come to {gets} are "
                    "not known beforehand."
                )
                continue
            coming += news
            if news:
                steps = _graded(steps, self._letting(networks, exporter, importer), self.sides[importer], news)
        if self.coming is None:
            self.coming = coming
        return steps, warnings

    def _crosses(self, networks: list[Json | None]) -> t.Callable[[bool, str], bool]:
        """Whether a range crosses: public ones need a word of both sides, which are taken for given where unknown."""

        def flag(number: int, path: str, default: bool) -> bool:
            side = self.sides[number]
            entry = side.entry(networks[number])
            then = side.wanted(entry) if side.params is not None else entry or {}
            return bool(then.get(path, default))

        def crosses(first: bool, cidr: str) -> bool:
            sender, receiver = (0, 1) if first else (1, 0)
            return addressing.space(cidr) != "public" or (
                flag(sender, "exportSubnetRoutesWithPublicIp", True)
                and flag(receiver, "importSubnetRoutesWithPublicIp", False)
            )

        return crosses

    def _news(
        self, networks: list[Json | None], around: t.Sequence[Surroundings | None], exporter: int, importer: int
    ) -> list[Coming]:
        """The custom routes that would newly cross in one direction. A side that is not declared and not there yet
        counts as one that exports, since it may come to do so any time, and as one that does not import."""
        giver, taker = self.sides[exporter], self.sides[importer]
        gives_now, takes_now = giver.entry(networks[exporter]), taker.entry(networks[importer])
        unknown = giver.params is None and gives_now is None
        exported = bool((gives_now or {}).get("exportCustomRoutes"))
        imported = bool((takes_now or {}).get("importCustomRoutes"))
        exports = unknown or bool(self._then(giver, gives_now).get("exportCustomRoutes"))
        imports = bool(self._then(taker, takes_now).get("importCustomRoutes"))
        if not (exports and imports) or (exported and imported) or (unknown and imported):
            return []
        here, there = around[importer], around[exporter]
        if here is None:
            raise Unread(self.unread or f"{taker.network} does not exist yet")
        routes: list[Route]
        if exported and takes_now and takes_now.get("state") == "ACTIVE":
            found = here.incoming(takes_now["name"], here.regions)
            routes = [
                custom(item, takes_now["name"])
                for item in found
                if item["type"] != SUBNET and is_ipv4(item["destRange"])
            ]
        elif there is None:
            raise Unread(self.unread or f"{giver.network} does not exist yet")
        else:
            routes = there.exportable()
        if not routes:
            return []
        own = [item.cidr for item in here.ranges()]
        return judged(taker.network, routes, here.existing(giver.network), own)

    def _letting(self, networks: list[Json | None], exporter: int, importer: int) -> list[Side]:
        """The sides that still have to turn something on before custom routes cross in one direction."""
        flags = ((exporter, "exportCustomRoutes"), (importer, "importCustomRoutes"))
        sides = [(self.sides[at], flag, self.sides[at].entry(networks[at]) or {}) for at, flag in flags]
        return [side for side, flag, entry in sides if side.params is not None and not entry.get(flag)]

    @staticmethod
    def _then(side: Side, entry: Json | None) -> Json:
        return side.wanted(entry) if side.params is not None else entry or {}

    # -- afterwards

    def entries(self, observed: Json | None) -> list[Json | None]:
        networks = (observed or {}).get("networks") or [None, None]
        return [side.entry(network) for side, network in zip(self.sides, networks, strict=True)]

    def until_active(self, observed: Json | None, *, wait: bool) -> Json | None:
        """Wait for the connection where both sides are there; else say why there is none."""
        seen = observed

        def missing() -> list[str]:
            nonlocal seen
            if inactive(self.entries(seen)[0]):
                seen = self.read()
            return inactive(self.entries(seen)[0])

        mine, theirs = self.entries(observed)
        if not inactive(mine):
            return observed
        if theirs is None or not wait:
            self.call.warn(f"{self.label}: {'; '.join(inactive(mine))}. {self._why(theirs)}")
            return observed
        seconds = self.params["timeout"]
        left = self.client.wait_until(missing, seconds, self.label)
        if left:
            raise Timeout(
                f"{self.label}: {'; '.join(left)} after {seconds} s, though both sides are there.",
                code="peering-inactive",
                resource=self.label,
            )
        return seen

    def _why(self, theirs: Json | None) -> str:
        mine, other = self.sides
        if theirs is not None:
            return "Both sides are there."
        if self.unread:
            return (
                f"{self.unread}; its owner has to create a peering with {mine.network} there, or give peer_side, and "
                "peer_auth if other credentials are needed, to create it from here."
            )
        return (
            f"{other.network} has no peering with {mine.network}: create it there, or give peer_side to create it from "
            "here."
        )


def inactive(entry: Json | None) -> list[str]:
    """In which words a peering says that it is not ACTIVE; nothing where it is."""
    if entry is None:
        return ["it is not there"]
    if entry.get("state") == "ACTIVE":
        return []
    details = str(entry.get("stateDetails") or "no details").rstrip(".")
    return [f"it is {entry.get('state') or 'INACTIVE'}: {details}"]


def _lets_public(step: Step) -> bool:
    """Whether more subnetworks cross after a step."""
    entry = (step.request.request.body or {}).get("networkPeering") or {}
    return bool(entry.get("exportSubnetRoutesWithPublicIp") or entry.get("importSubnetRoutesWithPublicIp"))


def _peerings(shown: list[Json]) -> Json | None:
    return {"peerings": shown} if shown else None


def _graded(steps: list[Step], letting: list[Side], taker: Side, news: list[Coming]) -> list[Step]:
    """The steps, with what comes told by the last of those that let it come, which completes it: as a disruptive one
    if some of it takes traffic from elsewhere. What does so is told first."""
    last = [step for step in steps if step.request.side in letting][-1]
    problems = [f"{item.route.label}: {item.problem}" for item in news if item.problem]
    routes = [*problems, *(item.route.dest_range for item in news if not item.problem)]
    told = "; ".join(routes[:NAMED]) + (f"; and {len(routes) - NAMED} more" if len(routes) > NAMED else "")
    summary = f"{last.summary}, by which custom routes come to {taker.network} ({told})"
    then = dataclasses.replace(last, grade=Grade.DISRUPTIVE if problems else last.grade, summary=summary)
    return [then if step is last else step for step in steps]
