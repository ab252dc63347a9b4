# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the fabric finds to be done between two plans, without a kernel."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane import changes, messages, nft, ttl
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane.changes import Change, Held, PlanError
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane.plan import (
    End,
    Link,
    Namespace,
    Plan,
    Route,
    Rule,
)

LINK = Link(End("a", "x"), End("b", "y"))
NFT = "table ip filter {\n}\n"
EMPTY = Namespace()


def hold(held: Held, plan: Plan) -> list[Change]:
    """Do all that is to be done, without a kernel; what it was."""
    todo = changes.changes(held, plan)
    for change in todo:
        held.number(change.namespace)
        if change.what in NETLINK:
            messages.message(held, change, 0)
    # Only afterwards it is known what succeeded.
    for change in todo:
        held.record(change)
    return todo


NETLINK = {
    "delete link",
    "create link",
    "link up",
    "add address",
    "delete address",
    "set route",
    "delete route",
    "add rule",
    "delete rule",
}


def whats(todo: t.Iterable[Change]) -> list[str]:
    return [change.what for change in todo]


def two(first: Namespace = EMPTY, second: Namespace = EMPTY) -> Plan:
    return Plan({"a": first, "b": second}, frozenset({LINK}))


def test_from_nothing_and_back() -> None:
    held = Held()
    full = Namespace(
        frozenset({("x", "10.0.0.1/32")}),
        frozenset({Route("10.0.0.0/8", (("x", 1),))}),
        frozenset({Rule(100, 7)}),
        True,
        True,
        NFT,
    )
    todo = whats(hold(held, two(full)))
    order = ["create namespace", "settings", "create link", "link up", "keep TTL", "nft", "set route", "add rule"]
    assert [what for what in dict.fromkeys(todo) if what in order] == order
    assert changes.changes(held, two(full)) == []
    # A link between two namespaces that go needs no deletion of its own.
    assert whats(hold(held, Plan())) == ["delete namespace", "delete namespace"]
    assert not held.links and not held.up and not held.indexes and not held.links_of and not held.numbers


def test_only_what_differs() -> None:
    held = Held()
    plan = two(Namespace(nft=NFT))
    hold(held, plan)
    other = "table ip filter {\n}\ntable inet more {\n}\n"
    todo = hold(held, two(Namespace(nft=other)))
    assert todo == [Change("nft", "a", other)]
    assert hold(held, two(Namespace(nft=other, forwards=True))) == [Change("settings", "a", True)]


def test_a_replaced_link_takes_its_routes_along() -> None:
    held = Held()
    ends = frozenset({("x", "10.0.0.1/32"), ("lo", "10.0.0.2/32")})
    routes = frozenset({Route("10.1.0.0/16", (("x", 1), ("lo", 1))), Route("10.2.0.0/16", (("lo", 1),))})
    hold(held, two(Namespace(ends, routes)))
    todo = hold(held, Plan(two(Namespace(ends, routes)).namespaces, frozenset({dataclasses.replace(LINK, mtu=1500)})))
    assert whats(todo) == ["delete link", "create link", "link up", "add address", "set route"]
    assert todo[3].item == ("x", "10.0.0.1/32")
    assert todo[4].item.to == "10.1.0.0/16"


def test_a_route_that_prefers_an_address_goes_with_it() -> None:
    held = Held()
    address = ("lo", "10.0.0.1/32")
    route = Route("10.0.0.0/8", (("x", 1),), source="10.0.0.1")
    hold(held, two(Namespace(frozenset({address}), frozenset({route}))))
    hold(held, two(Namespace(frozenset(), frozenset())))
    assert not held.namespaces["a"].routes
    # Moved to another device: added there before it goes here, so the route stays.
    hold(held, two(Namespace(frozenset({address}), frozenset({route}))))
    todo = hold(held, two(Namespace(frozenset({("x", "10.0.0.1/32")}), frozenset({route}))))
    assert whats(todo) == ["add address", "delete address"]
    assert list(held.namespaces["a"].routes.values()) == [route]


def test_numbers_of_namespaces_are_used_again() -> None:
    held = Held()
    for name in "pqrs":
        hold(held, Plan({name: Namespace(), "stays": Namespace()}))
    assert max(held.numbers.values()) <= 2


@pytest.mark.parametrize(
    ("plan", "word"),
    [
        (Plan({"a": Namespace()}, frozenset({LINK})), "no such namespace"),
        (Plan(two().namespaces, frozenset({LINK, Link(End("a", "x"), End("b", "z"))})), "'x' is taken"),
        (Plan(two().namespaces, frozenset({Link(End("a", "x" * 16), End("b", "z"))})), "impossible"),
        (two(Namespace(routes=frozenset({Route("10.0.0.1/8", ())}))), "host bits"),
        (
            two(Namespace(routes=frozenset({Route("10.0.0.1", ()), Route("10.0.0.1/32", (("lo", 1),))}))),
            "two routes to the same prefix",
        ),
    ],
)
def test_plans_that_contradict_themselves(plan: Plan, word: str) -> None:
    with pytest.raises(PlanError, match=word):
        changes.check(plan)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("table nat {\n}\n", ["ip nat"]),
        ("table inet a {\nchain table {\n}\n}\ntable ip6 b { }", ["inet a", "ip6 b"]),
        ("# table ip no {\ntable ip yes { # table ip no {\n}", ["ip yes"]),
        ('table ip a {\nset s {\ncomment "} table ip no {"\n}\n}\ntable ip a {\n}', ["ip a"]),
    ],
)
def test_tables_of_a_text(text: str, names: list[str]) -> None:
    assert changes.tables(text) == names


def test_a_text_replaces_only_tables_that_it_or_the_one_before_names() -> None:
    assert changes.replacement("", NFT) == NFT + "\n"
    text = changes.replacement("table ip old {\n}\n", NFT)
    for name in ("ip old", "ip filter"):
        assert f"add table {name}\ndelete table {name}\n" in text
    assert ttl.TABLE not in text


def test_what_nft_points_at_is_told_on_one_line() -> None:
    said = "Error: syntax error, unexpected nonsense\ntable ip x { nonsense }\n             ^^^^^^^^\n"
    assert nft.complaint(said) == "Error: syntax error, unexpected nonsense `nonsense`"
    assert nft.complaint("") == "refused without a word"


DEVICES = ("p", "q", "lo")
HOSTS = ("10.0.0.1", "10.0.0.2")
NAMES = ("a", "b", "c")


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    names = draw(st.sets(st.sampled_from(NAMES)))
    free = [End(name, device) for name in sorted(names) for device in DEVICES[:2]]
    free = draw(st.permutations(free))
    pairs = draw(st.integers(0, len(free) // 2))
    links = frozenset(
        Link(free[2 * number], free[2 * number + 1], draw(st.sampled_from((1400, 1460)))) for number in range(pairs)
    )
    there = {end for link in links for end in (link.a, link.b)}
    namespaces = {}
    for name in sorted(names):
        devices = [device for device in DEVICES if device == "lo" or End(name, device) in there]
        addresses = draw(st.sets(st.tuples(st.sampled_from(devices), st.sampled_from([f"{x}/32" for x in HOSTS]))))
        sources = ["", *sorted({address.removesuffix("/32") for _device, address in addresses})]
        routes = {
            to: Route(
                to,
                tuple((device, 1) for device in sorted(draw(st.sets(st.sampled_from(devices))))),
                source=draw(st.sampled_from(sources)),
            )
            for to in draw(st.sets(st.sampled_from(("10.1.0.0/16", "10.2.0.0/16", "0.0.0.0/0"))))
        }
        namespaces[name] = Namespace(
            frozenset(addresses),
            frozenset(routes.values()),
            frozenset({Rule(priority, 7) for priority in draw(st.sets(st.sampled_from((1, 2))))}),
            draw(st.booleans()),
            draw(st.booleans()),
            draw(st.sampled_from(("", NFT))),
        )
    return Plan(namespaces, links)


@given(st.lists(plans(), min_size=1, max_size=4), st.randoms())
def test_after_any_failures_the_next_attempts_reach_the_plan(wanted: list[Plan], chance: t.Any) -> None:
    """What fails stays to be done; what is held afterwards is the plan, whatever came before."""
    held = Held()
    for plan in wanted:
        changes.check(plan)
        sent = []
        for change in changes.changes(held, plan):
            assert held.number(change.namespace) < 16
            if encodable(held, change):
                sent.append(change)
        for change in sent:
            if chance.random() < 0.7 and possible(held, change):
                held.record(change)
    for _attempt in range(2):
        hold(held, wanted[-1])
    assert changes.changes(held, wanted[-1]) == []
    assert held.links == wanted[-1].links
    indexes = {}
    for link in held.links:
        indexes[link.a], indexes[link.b] = held.indexes[link]
    assert indexes == {end: held.devices[end] for end in held.up}
    assert len(set(indexes.values())) == len(indexes)
    for name, there in wanted[-1].namespaces.items():
        assert held.namespaces[name].addresses == there.addresses
        assert set(held.namespaces[name].routes.values()) == there.routes


def encodable(held: Held, change: Change) -> bool:
    try:
        return change.what not in NETLINK or bool(messages.message(held, change, 0))
    except LookupError:
        return False


def possible(held: Held, change: Change) -> bool:
    """False where the kernel would miss what the change needs."""
    if change.what == "create namespace":
        return True
    if change.what == "create link":
        ends = {change.item.a, change.item.b}
        taken = {end for link in held.links for end in (link.a, link.b)}
        return {end.namespace for end in ends} <= set(held.namespaces) and not ends & taken
    if change.what == "link up":
        return any(
            change.item in (link.a, link.b) and held.devices[change.item] in held.indexes[link] for link in held.links
        )
    return change.namespace in held.namespaces
