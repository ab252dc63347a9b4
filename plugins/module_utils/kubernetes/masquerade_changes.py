# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to change of the ip-masq-agent's configuration, of which several owners may hold parts. Pure.

The configuration is one text, so the API cannot tell whose which entry is. An annotation does, for owners that use this
collection. What no owner there holds belongs to others: it is neither changed nor removed. An entry that several owners
want stays until the last one lets it go.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import typing as t
from dataclasses import dataclass, field

from ..errors import InvalidInput, Refused
from . import masquerade_config, masquerade_rules
from .client import Json
from .masquerade_config import LINK_LOCAL, LIST, RESYNC, Config, Flags, Rejected
from .masquerade_rules import Spans, minus, overlaps, spans

ANNOTATION = "podreach.gke/masquerade"
#: option -> the agent's key
SETTINGS = {"masq_link_local": LINK_LOCAL, "resync_interval": RESYNC}


@dataclass
class Owner:
    """What one owner holds: entries of the list, and settings with what they were before (key -> [now, before]).

    ``replaced`` are entries of others that had to give way to its wish. ``from_default`` says that its entries were
    derived from the agent's built-in list, which the first list replaces.
    """

    cidrs: list[str] = field(default_factory=list)
    settings: dict[str, list[t.Any]] = field(default_factory=dict)
    from_default: bool = False
    replaced: list[str] = field(default_factory=list)


@dataclass
class Record:
    """What the annotation says. ``previous`` is the text before the first owner came, and ``made_list`` says that there
    was no list before."""

    owners: dict[str, Owner] = field(default_factory=dict)
    previous: str | None = None
    made_list: bool = False

    @classmethod
    def of(cls, text: str | None) -> Record:
        """The record in an annotation; an empty one where there is none, or none that can be read."""
        try:
            found = json.loads(text or "{}")
            owners = {
                str(name): Owner(
                    list(one.get("cidrs") or []),
                    dict(one.get("settings") or {}),
                    bool(one.get("from_default")),
                    list(one.get("replaced") or []),
                )
                for name, one in (found.get("owners") or {}).items()
            }
            previous = found.get("previous")
            return cls(owners, previous, bool(found.get("madeList")))
        except (ValueError, AttributeError, TypeError):
            return cls()

    def as_text(self) -> str | None:
        """The annotation, ``None`` where nobody owns anything."""
        if not self.owners:
            return None
        found = {
            "owners": {name: dataclasses.asdict(one) for name, one in sorted(self.owners.items())},
            "previous": self.previous,
            "madeList": self.made_list,
        }
        return json.dumps(found, sort_keys=True)

    def held(self, *, but: str | None = None) -> list[str]:
        """The entries that owners hold."""
        return [cidr for name, one in self.owners.items() if name != but for cidr in one.cidrs]

    def replaced(self, *, but: str) -> list[str]:
        """The entries of others that gave way to owners."""
        return [cidr for name, one in self.owners.items() if name != but for cidr in one.replaced]


@dataclass(frozen=True)
class Change:
    """A configuration before and after: texts (``None``: no key ``config``), what the agent makes of them, and whose
    entries are whose. ``text`` is the text before, to the letter, where nothing in it changes."""

    before: Config
    after: Config
    text: str | None
    record: Record
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asked:
    """What an owner wants. ``cidrs``: exactly these entries. Else ``keep`` and ``masquerade``, if any is given."""

    owner: str
    cidrs: tuple[str, ...] | None = None
    keep: tuple[str, ...] = ()
    masquerade: tuple[str, ...] = ()
    #: what becomes of destinations that neither names: stay as they are, or be masqueraded
    masquerade_rest: bool = False
    settings: t.Mapping[str, t.Any] = field(default_factory=dict)
    adopt: bool = False

    @property
    def derives(self) -> bool:
        return self.cidrs is None and bool(self.keep or self.masquerade)


def normal(cidr: str) -> str:
    """A range in one spelling."""
    return str(ipaddress.ip_network(cidr))


def taken(text: str | None, flags: Flags) -> Config:
    """The configuration that the agent takes. Raises :class:`Refused` where it takes none."""
    try:
        return masquerade_config.read(text, flags)
    except Rejected as error:
        raise Refused(
            f"the key config of the ConfigMap holds what the agent does not take ({error}): it goes on with the rules "
            "that it had. Correct that, or delete the key, and run again.",
            code="masq-rejected",
        ) from None


def present(asked: Asked, text: str | None, record: Record, flags: Flags, own: t.Mapping[str, str]) -> Change:
    """What to write so that an owner has what it asks for, and nobody else loses anything."""
    before = taken(text, flags)
    values = masquerade_config.fields(text)
    current = [normal(cidr) for cidr in before.cidrs] if LIST in values else []
    mine = record.owners.get(asked.owner) or Owner()
    made_list = record.made_list if LIST in values else True
    elsewhere = record.held(but=asked.owner)
    foreign = [cidr for cidr in current if cidr not in (*elsewhere, *mine.cidrs)]
    others = [cidr for cidr in current if cidr in (*foreign, *elsewhere)]
    # what gave way to another owner stays away
    theirs = record.replaced(but=asked.owner)
    replaced = [cidr for cidr in mine.replaced if cidr not in theirs]
    # where another owner's list has replaced the built-in one, that is no more what is in force
    from_default = asked.derives and not asked.masquerade_rest and made_list and (mine.from_default or not elsewhere)
    if asked.derives:
        built_in = flags.default_cidrs if from_default else ()
        base = [] if asked.masquerade_rest else [*others, *replaced, *built_in]
        wanted = masquerade_rules.derive(
            base, keep=asked.keep, masquerade=asked.masquerade, own=own, fixed=[*others, *replaced]
        )
        _refuse_hindered(asked, [cidr for cidr in wanted.hindering if cidr in others], foreign)
        gone, entries = set(wanted.hindering), list(wanted.add)
        shared = _shared(asked, theirs, wanted.kept)
        entries += _rest(shared, wanted.kept, [*entries, *(cidr for cidr in foreign if cidr not in gone)])
        away = sorted({*gone, *shared})
    else:
        gone, entries = set(), [normal(cidr) for cidr in (mine.cidrs if asked.cidrs is None else asked.cidrs)]
        away = []
        if asked.cidrs is None:
            gone, away = set(replaced), list(mine.replaced)
    back = [cidr for cidr in replaced if cidr not in gone]
    held = [cidr for cidr in dict.fromkeys(entries) if cidr not in foreign and cidr not in back]
    stays = [cidr for cidr in current if (cidr in others and cidr not in gone) or cidr in held]
    after_list = list(dict.fromkeys([*stays, *back, *held]))
    if set(after_list) != set(current) or (asked.cidrs is not None and LIST not in values):
        values[LIST] = after_list
    keeps = asked.cidrs is None and not asked.derives and mine.from_default
    fresh = Owner(held, dict(mine.settings), from_default or keeps, away)
    for option, key in SETTINGS.items():
        _set(asked, option, key, values, fresh, before, record)
    owners = {**record.owners, asked.owner: fresh}
    renewed = Record(
        {name: one for name, one in owners.items() if one.cidrs or one.settings or one.replaced},
        record.previous if record.owners else text,
        made_list,
    )
    return _change(before, text, values, renewed, flags, current)


def _shared(asked: Asked, theirs: t.Sequence[str], kept: Spans) -> list[str]:
    """Of the entries that gave way to other owners, those that would stand against this one's wish too."""
    wish = masquerade_rules.EVERYTHING[:1] if asked.masquerade_rest else asked.masquerade
    unwanted = minus(spans(wish), kept)
    return [cidr for cidr in dict.fromkeys(theirs) if overlaps(spans([cidr]), unwanted)]


def _rest(shared: t.Sequence[str], kept: Spans, there: t.Sequence[str]) -> list[str]:
    """What remains of shared entries, to be held by each who shares them: blocks that are not there by others' hand."""
    whole = spans(shared)
    needed = minus(minus(whole, minus(whole, kept)), spans(there))
    return [block for block in masquerade_rules.blocks(kept) if overlaps(spans([block]), needed)]


def _refuse_hindered(asked: Asked, hindering: t.Sequence[str], foreign: t.Sequence[str]) -> None:
    """Entries that somebody else holds and that keep what is to be masqueraded."""
    if not hindering:
        return
    fixed = [cidr for cidr in hindering if cidr not in foreign]
    if fixed:
        raise Refused(
            f"masquerade: {', '.join(fixed)} in the list is held by another owner of this collection, and keeps pods' "
            "addresses toward what is to be masqueraded. Change what that owner asks for.",
            code="not-ours",
        )
    if not asked.adopt:
        raise Refused(
            f"masquerade: {', '.join(hindering)} in the list was put there by somebody else, and keeps pods' addresses "
            "toward what is to be masqueraded. Say adopt: true to put what remains of it in its place; state: absent "
            "puts it back.",
            code="not-ours",
        )


def _set(asked: Asked, option: str, key: str, values: Json, mine: Owner, before: Config, record: Record) -> None:
    """Set one setting, and note what it was."""
    value = asked.settings.get(option)
    if value is None:
        return
    other = next((name for name, one in record.owners.items() if name != asked.owner and key in one.settings), None)
    if option == "resync_interval":
        same = masquerade_config.seconds(value) == before.resync
    else:
        same = value == before.link_local
    if same:
        return
    if other:
        raise Refused(
            f"{option}: the owner {other} has set it to {record.owners[other].settings[key][0]}. Agree on one value.",
            code="not-ours",
        )
    earlier = mine.settings[key][1] if key in mine.settings else values.get(key)
    mine.settings[key] = [value, earlier]
    values[key] = value


def absent(owner: str, text: str | None, record: Record, flags: Flags) -> Change:
    """What to write so that nothing of an owner is left, and what it had replaced is back."""
    mine = record.owners.get(owner)
    if mine is None:
        config = _lenient(text, flags)
        return Change(config, config, text, record)
    before = taken(text, flags)
    values = masquerade_config.fields(text)
    current = [normal(cidr) for cidr in before.cidrs] if LIST in values else []
    left = {name: one for name, one in record.owners.items() if name != owner}
    elsewhere = [cidr for one in left.values() for cidr in one.cidrs]
    entries = [cidr for cidr in current if cidr in elsewhere or cidr not in mine.cidrs]
    away = {cidr for one in left.values() for cidr in one.replaced}
    entries += [cidr for cidr in mine.replaced if cidr not in away and cidr not in entries]
    if LIST in values and entries != current:
        values[LIST] = entries
    if LIST in values and not entries and record.made_list and not left:
        del values[LIST]
    for key, (now, earlier) in mine.settings.items():
        if values.get(key) == now:
            values[key] = earlier
            if earlier is None:
                del values[key]
    renewed = dataclasses.replace(record, owners=left)
    if not left and not values and record.previous is None:
        return _changed(before, None, renewed, flags, current)
    if not left and record.previous is not None and _same(record.previous, values, in_any_order=True):
        return _changed(before, record.previous, renewed, flags, current)
    return _change(before, text, values, renewed, flags, current)


def _lenient(text: str | None, flags: Flags) -> Config:
    try:
        return masquerade_config.read(text, flags)
    except Rejected:
        return Config(flags.default_cidrs)


def _same(text: str | None, values: Json, *, in_any_order: bool = False) -> bool:
    """Whether a text says these values; of entries that came back, the order says nothing."""
    try:
        found = masquerade_config.fields(text)
    except Rejected:
        return False
    if in_any_order and isinstance(found.get(LIST), list) and isinstance(values.get(LIST), list):
        entries = [[str(one) for one in listed] for listed in (found[LIST], values[LIST])]
        if sorted(entries[0]) == sorted(entries[1]):
            found = {**found, LIST: values[LIST]}
    return found == values


def _change(
    before: Config, text: str | None, values: Json, record: Record, flags: Flags, current: t.Sequence[str]
) -> Change:
    """The text that says the values: the one before to the letter, where it says the same."""
    same = _same(text, values) and (text is not None or not values)
    return _changed(before, text if same else masquerade_config.write(values, text), record, flags, current)


def _changed(before: Config, text: str | None, record: Record, flags: Flags, current: t.Sequence[str]) -> Change:
    try:
        after = masquerade_config.read(text, flags)
    except Rejected as error:
        raise InvalidInput(f"the agent would not take this: {error}", code="masq-rejected") from None
    listed = [normal(cidr) for cidr in after.cidrs] if LIST in masquerade_config.fields(text) else []
    return Change(
        before,
        after,
        text,
        record,
        tuple(cidr for cidr in listed if cidr not in current),
        tuple(cidr for cidr in current if cidr not in listed),
    )
