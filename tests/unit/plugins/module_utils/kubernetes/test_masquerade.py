# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ip-masq-agent's configuration as it is read and merged, and the shortest list, by property and table."""

from __future__ import annotations

import ipaddress
import json
import pathlib
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.podreach.gke.plugins.module_utils.errors import PodreachError
from ansible_collections.podreach.gke.plugins.module_utils.kubernetes import (
    masquerade_changes,
    masquerade_config,
    masquerade_rules,
)
from ansible_collections.podreach.gke.plugins.module_utils.kubernetes.masquerade_changes import Asked, Change, Record
from ansible_collections.podreach.gke.plugins.module_utils.kubernetes.masquerade_config import PRIVATE, Flags, Rejected

FLAGS = Flags()
OWN = {"172.16.0.0/16": "the cluster's pod range", "10.1.0.0/16": "the cluster's node range"}
#: few addresses, so that ranges meet
SMALL = ipaddress.IPv4Network("10.0.0.0/26")


@st.composite
def ranges(draw: st.DrawFn) -> str:
    length = draw(st.integers(SMALL.prefixlen, 32))
    number = draw(st.integers(0, 2 ** (length - SMALL.prefixlen) - 1))
    return str(ipaddress.IPv4Network((int(SMALL.network_address) + (number << (32 - length)), length)))


LISTS = st.lists(ranges(), max_size=5, unique=True)


def members(cidrs: t.Iterable[str]) -> set[ipaddress.IPv4Address]:
    return {address for cidr in cidrs for address in ipaddress.IPv4Network(cidr)}


# ---- sets of addresses


@given(LISTS, LISTS)
def test_sets_of_addresses(one: list[str], other: list[str]) -> None:
    first, second = masquerade_rules.spans(one), masquerade_rules.spans(other)
    assert members(masquerade_rules.blocks(masquerade_rules.union(first, second))) == members(one) | members(other)
    assert members(masquerade_rules.blocks(masquerade_rules.minus(first, second))) == members(one) - members(other)
    assert masquerade_rules.overlaps(first, second) == bool(members(one) & members(other))
    assert masquerade_rules.covers(first, other) == (members(other) <= members(one))


@given(LISTS)
def test_no_list_of_blocks_is_shorter(cidrs: list[str]) -> None:
    """Each block is one that no larger one in the set contains, so none can be spared and no two can be one."""
    whole = members(cidrs)
    found = [ipaddress.IPv4Network(block) for block in masquerade_rules.blocks(masquerade_rules.spans(cidrs))]
    assert sum(block.num_addresses for block in found) == len(whole)
    for block in found:
        assert not set(block.supernet()) <= whole


# ---- what to ask for


@given(LISTS, LISTS, LISTS, LISTS, LISTS)
@settings(max_examples=150, deadline=None)
def test_what_is_derived(
    base: list[str], keep: list[str], masquerade: list[str], own: list[str], fixed: list[str]
) -> None:
    base = [*base, *fixed]
    try:
        found = masquerade_rules.derive(
            base, keep=keep, masquerade=masquerade, own=dict.fromkeys(own, "its own"), fixed=fixed
        )
    except PodreachError:
        inside = any(members([cidr]) & members([mine]) == members([cidr]) for cidr in masquerade for mine in own)
        assert inside or set(keep) & set(masquerade) or any(members([cidr]) <= members(own) for cidr in masquerade)
        return
    for address in SMALL:
        named = [(int(cidr.partition("/")[2]), True) for cidr in keep if address in ipaddress.IPv4Network(cidr)]
        named += [(int(cidr.partition("/")[2]), False) for cidr in masquerade if address in ipaddress.IPv4Network(cidr)]
        wanted = max(named)[1] if named else address in members(base)
        wanted = wanted or address in members(own)
        assert (address in members(masquerade_rules.blocks(found.kept))) is wanted
    stays = [cidr for cidr in fixed if cidr not in found.hindering]
    after = [*stays, *found.add]
    assert members(after) == members(masquerade_rules.blocks(found.kept))
    # none of them can be spared, and each needs a block of its own
    for cidr in found.add:
        assert not members([cidr]) <= members([other for other in after if other != cidr])
        assert not set(ipaddress.IPv4Network(cidr).supernet()) <= members(after)


@pytest.mark.parametrize(
    ("keep", "masquerade", "message"),
    [
        ((), ("10.1.4.0/24",), "10.1.4.0/24 is in 10.1.0.0/16, the cluster's node range"),
        ((), ("172.16.0.0/16",), "172.16.0.0/16 is in 172.16.0.0/16"),
        (("10.2.0.0/16",), ("10.2.0.0/16",), "it can be one only"),
    ],
)
def test_what_contradicts(keep: tuple[str, ...], masquerade: tuple[str, ...], message: str) -> None:
    with pytest.raises(PodreachError, match=message):
        masquerade_rules.derive(PRIVATE, keep=keep, masquerade=masquerade, own=OWN)


def test_a_masquerade_that_contains_the_clusters_ranges_spares_them() -> None:
    found = masquerade_rules.derive(PRIVATE, masquerade=["10.0.0.0/8"], own=OWN)
    assert found.add == ("10.1.0.0/16", "172.16.0.0/12", "192.168.0.0/16")


# ---- the text: what the agent's own code (e300086, go-yaml and encoding/json) made of each; null: it refused it

DATA = pathlib.Path(__file__).parents[3] / "data" / "ip_masq_agent.json"
AGENT: list[tuple[str, dict[str, t.Any] | None]] = json.loads(DATA.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("text", "said"), AGENT, ids=range(len(AGENT)))
def test_what_the_agent_says(text: str, said: dict[str, t.Any] | None) -> None:
    if said is None:
        with pytest.raises(Rejected):
            masquerade_config.read(text, FLAGS)
        return
    found = masquerade_config.read(text, FLAGS)
    assert list(found.cidrs) == (said["nonMasqueradeCIDRs"] or [])
    assert found.cidr_limit == said["cidrLimit"]
    assert found.link_local == said["masqLinkLocal"]
    assert found.link_local_ipv6 == said["masqLinkLocalIPv6"]
    assert found.resync == masquerade_config.seconds(said["resyncInterval"])


@pytest.mark.parametrize(
    ("container", "flags"),
    [
        ({}, Flags()),
        ({"args": ["--masq-chain=IP-MASQ", "--nomasq-all-reserved-ranges"]}, Flags("IP-MASQ", all_reserved=True)),
        ({"args": ["-masq-chain", "X", "--enable-ipv6=1", "-v", "2"]}, Flags("X", ipv6=True, verbosity=2)),
        ({"command": ["/ip-masq-agent", "--v=4"], "args": ["--enable-ipv6=false"]}, Flags(verbosity=4)),
    ],
)
def test_the_command_line(container: dict[str, t.Any], flags: Flags) -> None:
    assert masquerade_config.flags_of(container) == flags


# ---- owners


def after(change: Change) -> tuple[str | None, Record]:
    return change.text, Record.of(change.record.as_text())


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "theirs"]), LISTS), min_size=1, max_size=12), st.booleans())
@settings(max_examples=100, deadline=None)
def test_nobody_loses_an_entry(turns: list[tuple[str, list[str]]], as_json: bool) -> None:
    """Owners and somebody who writes the text change what is theirs in any order; each has its own in the end."""
    text: str | None = json.dumps({"nonMasqueradeCIDRs": ["192.168.0.0/16"]}) if as_json else None
    record, foreign = Record(), {"192.168.0.0/16"} if as_json else set()
    wanted: dict[str, set[str]] = {}
    for who, cidrs in turns:
        if who == "theirs":
            values = masquerade_config.fields(text)
            there = list(values.get("nonMasqueradeCIDRs") or [])
            foreign |= set(cidrs) - set(there)
            text = masquerade_config.write({**values, "nonMasqueradeCIDRs": [*there, *(set(cidrs) - set(there))]}, text)
            continue
        text, record = after(masquerade_changes.present(Asked(who, tuple(cidrs)), text, record, FLAGS, {}))
        wanted[who] = set(cidrs)
        listed = masquerade_config.fields(text).get("nonMasqueradeCIDRs", [])
        assert set(listed) == foreign | set().union(*wanted.values())
        assert len(listed) == len(set(listed))
        assert masquerade_changes.present(Asked(who, tuple(cidrs)), text, record, FLAGS, {}).text == text
    for who in wanted:
        text, record = after(masquerade_changes.absent(who, text, record, FLAGS))
    assert record.owners == {}
    assert set(masquerade_config.fields(text).get("nonMasqueradeCIDRs") or []) == foreign


def test_a_record_that_cannot_be_read_counts_as_none() -> None:
    for text in ("", "x", "[]", '{"owners": 1}', '{"owners": {"a": 1}}'):
        assert Record.of(text) == Record()


def test_what_gave_way_to_one_owner_stays_away_from_others() -> None:
    text = "nonMasqueradeCIDRs: [10.0.0.0/8, 172.16.0.0/16]\n"
    before = masquerade_rules.spans(["10.0.0.0/8", "172.16.0.0/16"])
    masqueraded: tuple[list[str], list[str]] = (["10.2.0.0/16"], [])

    def moved(change: Change) -> tuple[list[str], list[str]]:
        return masquerade_rules.moved(before, masquerade_rules.spans(change.after.cidrs))

    first = masquerade_changes.present(Asked("a", masquerade=("10.2.0.0/16",), adopt=True), text, Record(), FLAGS, OWN)
    assert moved(first) == masqueraded
    more = masquerade_changes.present(Asked("b", keep=("8.8.8.0/24",)), first.text, first.record, FLAGS, OWN)
    assert moved(more) == (["10.2.0.0/16"], ["8.8.8.0/24"])
    assert more.record.owners["b"].cidrs == ["8.8.8.0/24"]
    # the one to whom it gave way goes: it comes back, also while another one is there
    gone = masquerade_changes.absent("a", more.text, more.record, FLAGS)
    assert moved(gone) == ([], ["8.8.8.0/24"])
    assert masquerade_changes.absent("b", gone.text, gone.record, FLAGS).text == text
    # of two with the same wish, the first one goes: all stays as it is, until the second one goes too
    same = masquerade_changes.present(Asked("b", masquerade=("10.2.0.0/16",)), first.text, first.record, FLAGS, OWN)
    assert moved(same) == masqueraded
    again = masquerade_changes.present(Asked("b", masquerade=("10.2.0.0/16",)), same.text, same.record, FLAGS, OWN)
    assert (again.text, again.record) == (same.text, same.record)
    left = masquerade_changes.absent("a", same.text, same.record, FLAGS)
    assert moved(left) == masqueraded
    assert masquerade_changes.absent("b", left.text, left.record, FLAGS).text == text


def test_a_second_owner_does_not_bring_the_built_in_list_back() -> None:
    one = Asked("one", masquerade=("10.2.0.0/16",))
    two = Asked("two", keep=("8.8.8.0/24",))
    text, record = after(masquerade_changes.present(one, None, Record(), FLAGS, OWN))
    first = masquerade_config.read(text, FLAGS).cidrs
    text, record = after(masquerade_changes.present(two, text, record, FLAGS, OWN))
    assert set(masquerade_config.read(text, FLAGS).cidrs) == {*first, "8.8.8.0/24"}
    assert record.owners["two"].cidrs == ["8.8.8.0/24"]
    # and the first one's are what they were
    assert masquerade_changes.present(one, text, record, FLAGS, OWN).text == text
    with pytest.raises(PodreachError, match="held by another owner"):
        masquerade_changes.present(Asked("two", masquerade=("10.3.0.0/16",)), text, record, FLAGS, OWN)
    text, record = after(masquerade_changes.absent("two", text, record, FLAGS))
    assert masquerade_config.read(text, FLAGS).cidrs == first
    assert masquerade_changes.absent("one", text, record, FLAGS).text is None
