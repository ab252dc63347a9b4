# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine with things that live in a dictionary: what is read and sent, in which order."""

from __future__ import annotations

import contextlib
import typing as t

import pytest

from ansible_collections.podreach.gke.plugins.module_utils import engine
from ansible_collections.podreach.gke.plugins.module_utils.engine import Consent, Grade, Outcome, Plan, Step
from ansible_collections.podreach.gke.plugins.module_utils.errors import (
    ApiError,
    Conflict,
    InvalidInput,
    PodreachError,
    Refused,
    Several,
)

Json = dict[str, t.Any]


class World:
    """What exists, what was done to it, and what goes wrong: ``trouble`` is asked before each change."""

    def __init__(self, **things: Json) -> None:
        self.things = things
        self.log: list[str] = []
        self.pauses: list[int] = []
        self.trouble: t.Callable[[Thing, Step], bool] = lambda thing, step: True

    def sent(self) -> list[str]:
        return [line for line in self.log if not line.startswith("read")]


class Thing:
    """A thing with fields, each of which is changed by a call of its own."""

    kind = "thing"

    def __init__(self, world: World, name: str, wanted: Json | None, **options: t.Any) -> None:
        self.world = world
        self.name = name
        self.label = f"thing {name}"
        self.wanted = wanted
        self.options = options

    def read(self) -> Json | None:
        self.world.log.append(f"read {self.name}")
        thing = self.world.things.get(self.name)
        return None if thing is None else dict(thing)

    def plan(self, current: Json | None, *, check_mode: bool) -> Plan:
        refusal = self.options.get("refusal")
        if refusal:
            raise refusal
        if self.wanted is None:
            gone: tuple[Step, ...] = (
                () if current is None else (Step("delete", f"delete {self.name}", None, Grade.DESTRUCTIVE),)
            )
            return Plan(current, None, gone)
        if current is None:
            return Plan(None, self.wanted, (Step("create", f"create {self.name}", self.wanted),))
        if self.options.get("replace") and current != self.wanted:
            steps: tuple[Step, ...] = (
                Step("replace", f"replace {self.name}", None, Grade.DESTRUCTIVE),
                Step("create", f"create {self.name}", self.wanted),
            )
            return Plan(current, self.wanted, steps)
        grade = self.options.get("grade", Grade.SAFE)
        steps = tuple(
            Step("update", f"{key}={value}", {key: value}, grade, (key,))
            for key, value in self.wanted.items()
            if current.get(key) != value
        )
        return Plan(current, {**current, **self.wanted}, steps, ("a warning",))

    def send(self, step: Step) -> str | None:
        self.world.log.append(f"send {self.name}: {step.summary}")
        if self.world.trouble(self, step):
            if step.action in ("delete", "replace"):
                del self.world.things[self.name]
            else:
                self.world.things[self.name] = {**self.world.things.get(self.name, {}), **step.request}
        operation: str | None = self.options.get("operation")
        return operation

    def settle(self, current: Json | None) -> tuple[Json | None, str | None]:
        return current, (current or {}).get("operation")

    def lost(self, plan: Plan, observed: Json | None) -> list[str]:
        return [key for key in plan.before or {} if key not in observed] if plan.after and observed else []

    def exclusive(self) -> contextlib.AbstractContextManager[t.Any] | None:
        lock: contextlib.AbstractContextManager[t.Any] | None = self.options.get("lock")
        return lock

    def word(self, option: str, value: str) -> str:
        return f"{option}: {value}"

    def pause(self, attempt: int) -> None:
        self.world.pauses.append(attempt)


def converge(*things: Thing, check_mode: bool = False, **consent: t.Any) -> list[Outcome]:
    return engine.converge(things, Consent(**consent), check_mode=check_mode)


def test_nothing_to_do_is_one_read() -> None:
    world = World(a={"x": 1})
    (outcome,) = converge(Thing(world, "a", {"x": 1}))
    assert not outcome.changed
    assert outcome.observed == {"x": 1}
    assert world.log == ["read a"]


def test_create_is_read_send_read() -> None:
    world = World()
    (outcome,) = converge(Thing(world, "a", {"x": 1}))
    assert outcome.changed
    assert outcome.observed == {"x": 1}
    assert world.log == ["read a", "send a: create a", "read a"]


def test_every_step_is_followed_by_a_read_and_a_new_plan() -> None:
    world = World(a={"x": 0, "y": 0})
    (outcome,) = converge(Thing(world, "a", {"x": 1, "y": 1}))
    assert [step.summary for step in outcome.steps] == ["x=1", "y=1"]
    assert world.log == ["read a", "send a: x=1", "read a", "send a: y=1", "read a"]


def test_everything_is_read_before_anything_is_sent() -> None:
    world = World(b={"x": 1})
    converge(Thing(world, "a", {"x": 1}), Thing(world, "b", {"x": 1}), Thing(world, "c", {"x": 1}))
    assert world.log == [
        *("read a", "read b", "read c"),
        *("send a: create a", "read a"),
        *("send c: create c", "read c"),
    ]


def test_refusals_of_several_things_come_together_and_nothing_is_sent() -> None:
    world = World(c={"x": 0})
    with pytest.raises(Several) as caught:
        converge(
            Thing(world, "a", {}, refusal=Refused("a may not", code="first")),
            Thing(world, "b", {}, refusal=InvalidInput("b lacks an option")),
            Thing(world, "c", {"x": 1}, grade=Grade.DISRUPTIVE),
            Thing(world, "d", {"x": 1}),
        )
    assert [type(error) for error in caught.value.errors] == [Refused, InvalidInput, Refused]
    assert str(caught.value).splitlines()[:2] == ["a may not", "b lacks an option"]
    assert "allow_disruption" in str(caught.value).splitlines()[2]
    assert caught.value.code == "first"
    assert not caught.value.changed
    assert world.log == ["read a", "read b", "read c", "read d"]


def test_refusals_that_say_the_same_are_said_once() -> None:
    world = World()
    with pytest.raises(Several) as caught:
        converge(*(Thing(world, name, {}, refusal=Refused("no network n")) for name in "ab"))
    assert str(caught.value) == "no network n"
    assert len(caught.value.errors) == 2


def test_one_refusal_is_raised_as_it_is() -> None:
    refusal = Refused("no")
    with pytest.raises(Refused) as caught:
        converge(Thing(World(), "a", {}, refusal=refusal))
    assert caught.value is refusal


def test_an_error_that_is_no_refusal_stops_at_once() -> None:
    world = World()
    with pytest.raises(ApiError):
        converge(Thing(world, "a", {}, refusal=ApiError("500")), Thing(world, "b", {}))
    assert world.log == ["read a"]


def test_disruption_needs_the_callers_word() -> None:
    world = World(a={"x": 0})
    with pytest.raises(Refused, match="allow_disruption: true") as caught:
        converge(Thing(world, "a", {"x": 1}, grade=Grade.DISRUPTIVE))
    assert caught.value.code == "disruption-not-allowed"
    assert world.sent() == []
    assert converge(Thing(world, "a", {"x": 1}, grade=Grade.DISRUPTIVE), allow_disruption=True)[0].changed


@pytest.mark.parametrize("word", [None, "b", ""])
def test_replacing_needs_the_name_of_this_thing(word: str | None) -> None:
    world = World(a={"x": 0})
    with pytest.raises(Refused, match="confirm_replace: a") as caught:
        converge(Thing(world, "a", {"x": 1}, replace=True), allow_disruption=True, confirm_replace=word)
    assert caught.value.code == "replace-not-confirmed"
    assert world.log == ["read a"]


def test_replacing_deletes_looks_and_creates() -> None:
    world = World(a={"x": 0})
    (outcome,) = converge(Thing(world, "a", {"x": 1}, replace=True), confirm_replace="a")
    assert world.log == ["read a", "send a: replace a", "read a", "send a: create a", "read a"]
    assert [step.action for step in outcome.steps] == ["replace", "create"]


def test_check_mode_sends_nothing_and_shows_what_would_be_refused() -> None:
    world = World(a={"x": 0})
    (outcome, other) = converge(
        Thing(world, "a", {"x": 1}, grade=Grade.DISRUPTIVE), Thing(world, "b", {"x": 1}), check_mode=True
    )
    assert world.log == ["read a", "read b"]
    assert outcome.changed
    assert outcome.steps[0].as_result() == {
        "action": "update",
        "summary": "x=1",
        "grade": "disruptive",
        "fields": ["x"],
    }
    assert outcome.plan.after == {"x": 1}
    assert other.changed


def test_check_mode_still_refuses_what_cannot_be_done() -> None:
    with pytest.raises(Refused):
        converge(Thing(World(), "a", {}, refusal=Refused("never")), check_mode=True)


def test_a_conflict_is_read_and_planned_again() -> None:
    world = World(a={"x": 0, "y": 0})
    tries: list[str] = []

    def trouble(thing: Thing, step: Step) -> bool:
        tries.append(step.summary)
        if len(tries) == 1:
            world.things["a"]["x"] = 1  # somebody else did it
            raise Conflict("412", status=412)
        return True

    world.trouble = trouble
    (outcome,) = converge(Thing(world, "a", {"x": 1, "y": 1}))
    assert tries == ["x=1", "y=1"]
    assert [step.summary for step in outcome.steps] == ["y=1"]
    assert world.log == ["read a", "send a: x=1", "read a", "send a: y=1", "read a"]


def test_conflicts_are_bounded_and_apart_in_time() -> None:
    world = World(a={"x": 0})

    def trouble(thing: Thing, step: Step) -> bool:
        raise Conflict("412", status=412)

    world.trouble = trouble
    with pytest.raises(Conflict) as caught:
        converge(Thing(world, "a", {"x": 1}))
    assert len(world.sent()) == engine.MAX_CONFLICTS + 1
    assert world.log.count("read a") == engine.MAX_CONFLICTS + 1
    assert world.pauses == list(range(1, engine.MAX_CONFLICTS + 1))
    assert not caught.value.changed


def test_what_the_new_plan_may_not_do_is_refused_after_a_conflict() -> None:
    world = World(a={"x": 0})
    thing = Thing(world, "a", {"x": 1})

    def trouble(_thing: Thing, step: Step) -> bool:
        thing.options["grade"] = Grade.DISRUPTIVE
        raise Conflict("412", status=412)

    world.trouble = trouble
    with pytest.raises(Refused, match="allow_disruption"):
        converge(thing)
    assert len(world.sent()) == 1


@pytest.mark.parametrize("arrived", [True, False])
def test_a_lost_answer_counts_once_and_is_not_sent_twice_if_it_arrived(arrived: bool) -> None:
    world = World()
    tries: list[str] = []

    def trouble(thing: Thing, step: Step) -> bool:
        tries.append(step.summary)
        if len(tries) == 1:
            if arrived:
                world.things["a"] = dict(step.request)
            raise Conflict("no answer", unsure=True)
        return True

    world.trouble = trouble
    (outcome,) = converge(Thing(world, "a", {"x": 1}))
    assert outcome.changed
    assert [step.summary for step in outcome.steps] == ["create a"]
    assert len(tries) == (1 if arrived else 2)


def test_what_somebody_else_did_meanwhile_is_no_change_of_ours() -> None:
    world = World()

    def trouble(thing: Thing, step: Step) -> bool:
        world.things["a"] = dict(step.request)
        raise Conflict("409", status=409)

    world.trouble = trouble
    assert not converge(Thing(world, "a", {"x": 1}))[0].changed


def test_a_change_that_does_not_show_is_looked_for_and_then_reported() -> None:
    world = World(a={"x": 0})
    world.trouble = lambda thing, step: False
    with pytest.raises(ApiError, match="x=1: the API accepted this") as caught:
        converge(Thing(world, "a", {"x": 1}))
    assert caught.value.code == "not-in-force"
    assert caught.value.changed
    assert world.log == ["read a", "send a: x=1", *["read a"] * engine.MAX_READS]
    assert world.pauses == list(range(1, engine.MAX_READS))


def test_a_change_that_shows_late_is_waited_for() -> None:
    world = World(a={"x": 0})
    world.trouble = lambda thing, step: False

    class Late(Thing):
        def read(self) -> Json | None:
            if world.log.count("read a") == 2:
                world.things["a"] = {"x": 1}
            return super().read()

    (outcome,) = converge(Late(world, "a", {"x": 1}))
    assert outcome.observed == {"x": 1}
    assert len(world.sent()) == 1


def test_what_vanished_with_a_change_is_reported() -> None:
    world = World(a={"x": 0, "peer": "b"})

    def trouble(thing: Thing, step: Step) -> bool:
        del world.things["a"]["peer"]
        return True

    world.trouble = trouble
    with pytest.raises(ApiError, match=r"after 'x=1' these are gone.*: peer") as caught:
        converge(Thing(world, "a", {"x": 1}))
    assert caught.value.code == "lost-update"
    assert caught.value.changed


def test_a_thing_that_never_comes_to_rest_is_given_up() -> None:
    world = World(a={"x": 0})

    class Restless(Thing):
        def plan(self, current: Json | None, *, check_mode: bool) -> Plan:
            number = (current or {}).get("x", 0) + 1
            return Plan(current, current, (Step("update", f"x={number}", {"x": number}),))

    with pytest.raises(ApiError, match="still not as wanted") as caught:
        converge(Restless(world, "a", {"x": 1}))
    assert caught.value.code == "not-in-force"
    assert len(world.sent()) == engine.MAX_STEPS


def test_an_operation_that_is_not_waited_for_ends_the_work_on_that_thing() -> None:
    world = World()
    outcome, other = converge(Thing(world, "a", {"x": 1}, operation="op-1"), Thing(world, "b", {"x": 1}))
    assert outcome.operation == "op-1"
    assert outcome.changed
    assert world.log == ["read a", "read b", "send a: create a", "send b: create b", "read b"]
    assert other.operation is None


@pytest.mark.parametrize("check_mode", [False, True])
def test_an_operation_in_flight_is_adopted_and_nothing_is_planned(check_mode: bool) -> None:
    world = World(a={"x": 0, "operation": "op-9"})
    (outcome,) = converge(Thing(world, "a", {"x": 1}), check_mode=check_mode)
    assert outcome.operation == "op-9"
    assert not outcome.changed
    assert outcome.plan.steps == ()
    assert world.log == ["read a"]


def test_an_operation_found_in_flight_after_a_conflict_is_adopted() -> None:
    world = World()

    def trouble(thing: Thing, step: Step) -> bool:
        world.things["a"] = {"x": 0, "operation": "op-9"}
        raise Conflict("409", status=409)

    world.trouble = trouble
    (outcome,) = converge(Thing(world, "a", {"x": 1}))
    assert outcome.operation == "op-9"
    assert world.log == ["read a", "send a: create a", "read a"]


def test_an_error_after_a_partial_apply_says_that_something_was_changed() -> None:
    world = World()

    def trouble(thing: Thing, step: Step) -> bool:
        if thing.name == "b":
            raise ApiError("quota")
        return True

    world.trouble = trouble
    with pytest.raises(PodreachError) as caught:
        converge(Thing(world, "a", {"x": 1}), Thing(world, "b", {"x": 1}), Thing(world, "c", {"x": 1}))
    assert caught.value.changed
    assert world.sent() == ["send a: create a", "send b: create b"]


def test_an_error_of_the_second_step_says_that_something_was_changed() -> None:
    world = World(a={"x": 0, "y": 0})

    def trouble(thing: Thing, step: Step) -> bool:
        if step.summary == "y=1":
            raise ApiError("quota")
        return True

    world.trouble = trouble
    with pytest.raises(ApiError) as caught:
        converge(Thing(world, "a", {"x": 1, "y": 1}))
    assert caught.value.changed


def test_an_error_of_the_first_step_says_that_nothing_was_changed() -> None:
    world = World(a={"x": 0})

    def trouble(thing: Thing, step: Step) -> bool:
        raise ApiError("quota")

    world.trouble = trouble
    with pytest.raises(ApiError) as caught:
        converge(Thing(world, "a", {"x": 1}))
    assert not caught.value.changed


def test_a_lock_is_held_from_a_fresh_read_to_the_verification() -> None:
    world = World(a={"x": 0})

    @contextlib.contextmanager
    def lock() -> t.Iterator[None]:
        world.log.append("lock")
        yield
        world.log.append("unlock")

    converge(Thing(world, "a", {"x": 1}, lock=lock()))
    assert world.log == ["read a", "lock", "read a", "send a: x=1", "read a", "unlock"]


def test_what_another_writer_did_while_the_lock_was_waited_for_is_not_done_again() -> None:
    world = World(a={"x": 0})

    @contextlib.contextmanager
    def lock() -> t.Iterator[None]:
        world.things["a"]["x"] = 1
        yield

    (outcome,) = converge(Thing(world, "a", {"x": 1}, lock=lock()))
    assert not outcome.changed
    assert world.sent() == []


def test_no_lock_is_taken_where_nothing_is_to_be_done() -> None:
    class Lock(contextlib.nullcontext[None]):
        def __enter__(self) -> None:
            raise AssertionError("not needed")

    converge(Thing(World(a={"x": 1}), "a", {"x": 1}, lock=Lock()))


def test_deleting() -> None:
    world = World(a={"x": 1})
    gone, never = converge(Thing(world, "a", None), Thing(world, "b", None))
    assert world.log == ["read a", "read b", "send a: delete a", "read a"]
    assert gone.changed
    assert gone.observed is None
    assert not never.changed


def test_a_word_for_several_names() -> None:
    word = Consent(False, "all-of-it", frozenset({"one"}))
    assert [word.replaces(name) for name in ("all-of-it", "one", "other")] == [True, True, False]
