# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to change of an Autopilot cluster's EgressNATPolicy objects, of which several owners may hold parts. Pure.

Toward all that any policy names, pods keep their addresses. So what an owner adds goes into a policy of its own, and
what stands against its wish has to be taken out of another. An annotation there says who took which entry, and what was
there before: an entry comes back when the last owner lets it go, and when all are back, the list is what it was.
Of the policies that GKE makes, ``default`` may be edited and ``gke-...`` may not:
https://cloud.google.com/kubernetes-engine/docs/how-to/egress-nat-policy-ip-masq-autopilot
"""

from __future__ import annotations

import hashlib
import json
import re
import typing as t
from dataclasses import dataclass, field

from ..errors import InvalidInput, Refused
from . import masquerade_rules
from .client import MANAGED_BY, OWNER, Json
from .masquerade_changes import ANNOTATION, Asked, normal
from .masquerade_config import PRIVATE, RESERVED
from .masquerade_rules import EVERYTHING, minus, overlaps, spans, union
from .service_changes import is_ours, labels_of

API_VERSION, KIND = "networking.gke.io/v1", "EgressNATPolicy"
DEFAULT, MANAGED = "default", "gke-"
#: what the policy named default holds when GKE has made it
BUILT_IN = PRIVATE + RESERVED


@dataclass
class Record:
    """What the annotation of a policy says: whose it is; or what owners took out of it, and what it was ``before``."""

    owner: str | None = None
    taken: dict[str, list[str]] = field(default_factory=dict)
    before: list[Json] = field(default_factory=list)

    @classmethod
    def of(cls, policy: Json) -> Record:
        """The record of a policy; an empty one where there is none, or none that can be read."""
        text = (policy["metadata"].get("annotations") or {}).get(ANNOTATION)
        try:
            found = json.loads(text or "{}")
            taken = {str(name): [str(cidr) for cidr in cidrs] for name, cidrs in (found.get("taken") or {}).items()}
            return cls(found.get("owner"), taken, list(found.get("before") or []))
        except (ValueError, AttributeError, TypeError):
            return cls()

    def as_text(self) -> str | None:
        """The annotation, ``None`` where there is nothing to note."""
        if self.owner is not None:
            return json.dumps({"owner": self.owner})
        if not self.taken:
            return None
        return json.dumps({"taken": self.taken, "before": self.before}, sort_keys=True)

    def takers(self, cidr: str) -> set[str]:
        return {name for name, cidrs in self.taken.items() if cidr in cidrs}


def name_of(owner: str) -> str:
    """The name of an owner's own policy: of a few letters, and of no other owner."""
    if owner == OWNER:
        return OWNER
    word = re.sub(r"[^a-z0-9-]+", "-", owner.lower())[:40].strip("-")
    if word != owner:
        word = f"{word}-{hashlib.sha256(owner.encode()).hexdigest()[:8]}".strip("-")
    return f"{OWNER}.{word}"


def entries(policy: Json) -> list[str]:
    """The destinations of a policy, each in one spelling."""
    return [normal(cidr) for cidr in masquerade_rules.named_by(policy)]


def is_own(policy: Json, owner: str) -> bool:
    """Whether it is the owner's own policy."""
    if not is_ours(policy):
        return False
    noted = Record.of(policy).owner
    return noted == owner if noted is not None else policy["metadata"]["name"] == name_of(owner)


def _is_managed(policy: Json) -> bool:
    return bool(policy["metadata"]["name"].startswith(MANAGED))


class _Lists:
    """The policies as one owner sees them: its own, and those that others hold."""

    def __init__(self, owner: str, policies: t.Sequence[Json]) -> None:
        self.owner = owner
        self.own = next((policy for policy in policies if is_own(policy, owner)), None)
        self.others = [policy for policy in policies if policy is not self.own]
        #: policies out of which entries may be taken
        self.open = [policy for policy in self.others if not _is_managed(policy) and not is_ours(policy)]
        self.closed = [policy for policy in self.others if _is_managed(policy) or is_ours(policy)]
        self.records = {policy["metadata"]["name"]: Record.of(policy) for policy in self.open}

    def whole(self, policy: Json) -> list[str]:
        """What an open policy holds, and what owners took out of it."""
        taken = [cidr for cidrs in self.records[policy["metadata"]["name"]].taken.values() for cidr in cidrs]
        return list(dict.fromkeys([*entries(policy), *taken]))

    def taken_by_others(self, policy: Json, cidr: str) -> bool:
        return bool(self.records[policy["metadata"]["name"]].takers(cidr) - {self.owner})

    def without_me(self) -> list[str]:
        """What policies would name if this owner asked for nothing."""
        found = [cidr for policy in self.closed for cidr in entries(policy)]
        for policy in self.open:
            found += [
                cidr for cidr in self.whole(policy) if cidr in entries(policy) or not self.taken_by_others(policy, cidr)
            ]
        return list(dict.fromkeys(found))


def _label(policy: Json) -> str:
    return f"{KIND} {policy['metadata']['name']}"


def _refuse(asked: Asked, lists: _Lists, takes: t.Callable[[Json, str], bool]) -> None:
    """Entries that stand against what is asked, and may not be taken out of their policy."""
    against = "keeps pods' addresses toward what is to be masqueraded"
    foreign = []
    for policy in lists.others:
        hindering = [cidr for cidr in entries(policy) if takes(policy, cidr)]
        if not hindering:
            continue
        what = f"masquerade: {', '.join(hindering)} in {_label(policy)}"
        if _is_managed(policy):
            raise Refused(f"{what} {against}, and GKE holds that policy: nobody else can change it.", code="not-ours")
        if is_ours(policy):
            raise Refused(
                f"{what} is held by another owner of this collection, and {against}. Change what that owner asks for.",
                code="not-ours",
            )
        if policy["metadata"]["name"] == DEFAULT:
            hindering = [cidr for cidr in hindering if cidr not in BUILT_IN]
        if hindering:
            foreign.append(f"{', '.join(hindering)} in {_label(policy)}")
    if foreign and not asked.adopt:
        raise Refused(
            f"masquerade: {'; '.join(foreign)} was put there by somebody else, and {against}. Say adopt: true to take "
            "it out, and to put what remains of it into a policy of this collection; state: absent puts it back.",
            code="not-ours",
        )


def present(asked: Asked, policies: t.Sequence[Json], own: t.Mapping[str, str]) -> list[Json]:
    """The policies as they are to be, so that an owner has what it asks for and nobody else loses anything.

    ``own`` are the cluster's ranges (range -> what it is): toward them, pods keep their addresses in any case.
    """
    lists = _Lists(asked.owner, policies)
    taken_name = next((policy for policy in lists.others if policy["metadata"]["name"] == name_of(asked.owner)), None)
    if taken_name and not is_ours(taken_name):
        raise Refused(
            f"{_label(taken_name)}: podreach.gke did not create it ({MANAGED_BY} is "
            f"{labels_of(taken_name).get(MANAGED_BY)}), and its own policy would have this name. Give another owner.",
            code="not-ours",
        )
    if asked.cidrs is not None:
        return _listed(asked, lists)
    return _derived(asked, lists, own) if asked.derives else list(policies)


def _listed(asked: Asked, lists: _Lists) -> list[Json]:
    """Exactly the entries that are given, in place of GKE's built-in ones, beside those of others."""
    wanted = list(dict.fromkeys(normal(cidr) for cidr in asked.cidrs or ()))
    ipv6 = [cidr for cidr in wanted if ":" in cidr]
    if ipv6:
        raise InvalidInput(f"non_masquerade_cidrs: {', '.join(ipv6)}: policies of Autopilot clusters are for IPv4 here")

    def claims(policy: Json, cidr: str) -> bool:
        return policy["metadata"]["name"] == DEFAULT and cidr in BUILT_IN and cidr not in wanted

    after = [_edited(lists, policy, claims) for policy in lists.open]
    there = {cidr for policy in (*lists.closed, *after) if not is_ours(policy) for cidr in entries(policy)}
    return _all(lists, after, [cidr for cidr in wanted if cidr not in there])


def _derived(asked: Asked, lists: _Lists, own: t.Mapping[str, str]) -> list[Json]:
    """The fewest entries that keep what is to be kept, and nothing that is to be masqueraded."""
    managed = [cidr for policy in lists.others if _is_managed(policy) for cidr in entries(policy)]
    base = managed if asked.masquerade_rest else lists.without_me()
    kept = masquerade_rules.derive(base, keep=asked.keep, masquerade=asked.masquerade, own=own).kept
    unwanted = minus(spans([EVERYTHING[0]] if asked.masquerade_rest else asked.masquerade), kept)

    def claims(_policy: Json, cidr: str) -> bool:
        return overlaps(spans([cidr]), unwanted)

    _refuse(asked, lists, claims)
    after = [_edited(lists, policy, claims) for policy in lists.open]
    free = spans(
        [*own, *(cidr for policy in (*lists.closed, *after) if not is_ours(policy) for cidr in entries(policy))]
    )
    by_owners = spans(cidr for policy in lists.closed if is_ours(policy) for cidr in entries(policy))
    mine = spans(cidr for policy in lists.open for cidr in lists.whole(policy) if claims(policy, cidr))
    # of what this owner takes out, it holds the rest itself, even where another one holds that too
    inside = minus(mine, minus(mine, kept))
    needed = union(minus(kept, union(free, by_owners)), minus(inside, free))
    add = [block for block in masquerade_rules.blocks(kept) if overlaps(spans([block]), needed)]
    return _all(lists, after, add)


def _edited(lists: _Lists, policy: Json, claims: t.Callable[[Json, str], bool]) -> Json:
    """An open policy without what the owner claims and others took, and with what nobody wants out any more."""
    name = policy["metadata"]["name"]
    record, current = lists.records[name], entries(policy)
    whole = lists.whole(policy)
    mine = [cidr for cidr in whole if claims(policy, cidr)]
    out = {cidr for cidr in whole if cidr in mine or (cidr not in current and lists.taken_by_others(policy, cidr))}
    taken = {owner: cidrs for owner, cidrs in record.taken.items() if owner != lists.owner}
    if mine:
        taken[lists.owner] = mine
    written = list((policy.get("spec") or {}).get("destinations") or [])
    before = record.before if record.taken else written
    listed = [one for one in written if _key(one) not in out]
    listed += [{"cidr": cidr} for cidr in whole if cidr not in out and cidr not in current]
    if not taken and {_key(one) for one in listed} == {_key(one) for one in before}:
        listed = before
    fresh = Record(None, dict(sorted(taken.items())), before if taken else [])
    return _with(policy, listed, fresh)


def _key(destination: Json) -> str:
    """What makes two destinations the same."""
    found = entries({"spec": {"action": "NoSNAT", "destinations": [destination]}})
    return found[0] if found else json.dumps(destination, sort_keys=True)


def _with(policy: Json, destinations: t.Sequence[Json], record: Record) -> Json:
    """A policy with other destinations and another record; itself, where both are the same."""
    annotations = dict(policy["metadata"].get("annotations") or {})
    text = record.as_text()
    annotations.pop(ANNOTATION, None)
    if text is not None:
        annotations[ANNOTATION] = text
    spec = {**(policy.get("spec") or {}), "destinations": list(destinations)}
    after = {**policy, "metadata": {**policy["metadata"], "annotations": annotations}, "spec": spec}
    same = annotations == (policy["metadata"].get("annotations") or {}) and spec == policy.get("spec")
    return policy if same else after


def _all(lists: _Lists, edited: t.Sequence[Json], mine: t.Sequence[str]) -> list[Json]:
    """All policies, with the edited ones, and the owner's own where it has anything to name."""
    by_name = {policy["metadata"]["name"]: policy for policy in edited}
    found = [by_name.get(policy["metadata"]["name"], policy) for policy in lists.others]
    if not mine:
        return found
    own = lists.own
    if own is None:
        metadata: Json = {"name": name_of(lists.owner), "labels": {MANAGED_BY: OWNER}}
        own = {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": {"action": "NoSNAT"}}
    spec = {**(own.get("spec") or {}), "action": "NoSNAT"}
    written = list(spec.get("destinations") or [])
    if sorted(_key(one) for one in written) != sorted(mine):
        written = [{"cidr": cidr} for cidr in mine]
    return [*found, _with({**own, "spec": spec}, written, Record(lists.owner))]


def absent(owner: str, policies: t.Sequence[Json]) -> list[Json]:
    """The policies without anything of an owner, and with what it took out of others'."""
    lists = _Lists(owner, policies)
    edited = [_edited(lists, policy, lambda _policy, _cidr: False) for policy in lists.open]
    return _all(lists, edited, [])
