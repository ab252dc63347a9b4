# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The in-process path, apart from Ansible's executor: what becomes of values, of the environment, and of results.

Everything that needs a real run is in tests/integration/test_in_process.py.
"""

from __future__ import annotations

import collections
import json
import os
import sys
import typing as t
from unittest import mock

import pytest
import yaml
from ansible.plugins.connection.local import Connection as LocalConnection
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podreach.gke.plugins.module_utils.arguments import ArgumentSpec, Call, Definition
from ansible_collections.podreach.gke.plugins.module_utils.errors import Refused
from ansible_collections.podreach.gke.plugins.plugin_utils.in_process import InProcessAction, applied, plain

PLAIN: tuple[t.Any, ...] = (dict, list, str, int, float, bool, type(None))
CENSORED = "********"

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


class Text(str):
    """A string of another class, as tagged ones are."""

    def __str__(self) -> str:
        return "what a subclass makes of it"


class Number(int):
    pass


def disguised(value: t.Any) -> t.Any:
    """The same value in other types than plain ones."""
    if isinstance(value, dict):
        return collections.OrderedDict((Text(key), disguised(item)) for key, item in value.items())
    if isinstance(value, list):
        return tuple(disguised(item) for item in value)
    if isinstance(value, str):
        return Text(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return Number(value)
    return value


def all_plain(value: t.Any) -> bool:
    """Whether it is made of exactly these types, and of none that are derived from them."""
    inner: tuple[t.Any, ...] = ()
    if isinstance(value, dict):
        inner = (*value.keys(), *value.values())
    elif isinstance(value, list):
        inner = tuple(value)
    return value.__class__ in PLAIN and all(map(all_plain, inner))


@given(values)
def test_plain_keeps_values_and_loses_types(value: t.Any) -> None:
    result = plain(disguised(value))
    assert result == value
    assert all_plain(result)
    yaml.safe_dump(result)
    json.dumps(result)


@given(values)
def test_plain_is_a_copy(value: t.Any) -> None:
    result = plain(value)
    assert result == value
    if isinstance(value, (dict, list)):
        assert result is not value


def test_plain_leaves_out_what_is_to_be_omitted() -> None:
    omit = "__omit_place_holder__4711"
    value = {"a": omit, "b": [1, omit, {"c": omit, "d": 2}], "e": {"f": omit}}
    assert plain(value, omit) == {"b": [1, {"d": 2}], "e": {}}


def test_plain_of_everything_else() -> None:
    assert plain(
        {
            1,
        }
    ) == [1]
    assert plain(b"bytes") == "bytes"
    assert plain(ValueError("as text")) == "as text"


# ---- the environment


def test_environment_is_applied_and_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROBE_KEPT", "before")
    monkeypatch.delenv("PROBE_NEW", raising=False)
    before = dict(os.environ)
    with applied({"PROBE_KEPT": "during", "PROBE_NEW": 1}):
        assert (os.environ["PROBE_KEPT"], os.environ["PROBE_NEW"]) == ("during", "1")
        os.environ["PROBE_LEFT"] = "by the call"
    assert dict(os.environ) == before


def test_environment_is_restored_after_a_failure() -> None:
    before = dict(os.environ)
    with pytest.raises(KeyboardInterrupt), applied({"PROBE_NEW": "x"}):
        raise KeyboardInterrupt
    assert dict(os.environ) == before


# ---- results

SPEC = ArgumentSpec(
    options={
        "name": {"type": "str", "required": True},
        "secret": {"type": "str", "no_log": True},
        "key": {"type": "jsonarg", "no_log": True},
    },
    empty_is_unset=frozenset({"secret"}),
)


def action(
    execute: t.Callable[[Call], dict[str, t.Any]], *, transport: t.Any = "local", **task: t.Any
) -> InProcessAction:
    """An action plugin whose module is this function."""

    class Action(InProcessAction):
        definition = Definition(name="probe", spec=SPEC, execute=execute)

    connection = mock.Mock(spec=LocalConnection, transport=transport, become=None)
    return Action(
        task=mock.Mock(**{"check_mode": False, "diff": False, "async_val": 0, "delegate_to": None, **task}),
        connection=connection,
        play_context=mock.Mock(become=False),
        loader=mock.Mock(),
        templar=mock.Mock(template=lambda value: value),
        shared_loader_obj=mock.Mock(),
    )


def run(execute: t.Callable[[Call], dict[str, t.Any]], args: dict[str, t.Any]) -> dict[str, t.Any]:
    return action(execute)._in_process(SPEC.tidy(args), {})


def test_result_is_plain_and_without_secrets() -> None:
    def execute(call: Call) -> dict[str, t.Any]:
        call.secrets.add("learned")
        return {"text": Text("with hush"), "hush": [{"x-hush": 1}], "more": ("learned", Number(1)), "list": {2}}

    result = run(execute, {"name": "n", "secret": "hush"})
    assert all_plain(result)
    assert "hush" not in json.dumps(result)
    assert "learned" not in json.dumps(result)
    assert result["more"] == ["VALUE_SPECIFIED_IN_NO_LOG_PARAMETER", 1]


@pytest.mark.parametrize("error", [Refused("no, hush"), RuntimeError("no, hush"), KeyError("hush")])
def test_failures_are_without_secrets(error: Exception) -> None:
    def execute(call: Call) -> dict[str, t.Any]:
        call.warn("careful with hush")
        raise error

    result = run(execute, {"name": "n", "secret": "hush"})
    assert result["failed"]
    assert CENSORED in result["msg"]
    assert result["warnings"] == [f"careful with {CENSORED}"]
    assert "hush" not in json.dumps(result)


def test_what_stops_the_task_is_not_swallowed() -> None:
    """The task's timeout is no ordinary exception, and must pass."""

    class TimeIsUp(BaseException):
        pass

    def execute(call: Call) -> dict[str, t.Any]:
        raise TimeIsUp

    with pytest.raises(TimeIsUp):
        run(execute, {"name": "n"})


def test_a_secret_structure_is_one_secret() -> None:
    """Its parts, such as a project's name, stay readable elsewhere."""
    key = {"project_id": "my-project", "private_key": "very private"}
    result = run(lambda call: {"text": "in my-project", "all": call.params["key"]}, {"name": "n", "key": key})
    assert result["text"] == "in my-project"
    assert "very private" not in json.dumps(result)


def test_an_empty_secret_hides_nothing() -> None:
    assert run(lambda call: {"text": "as it is"}, {"name": "n", "secret": ""}) == {"text": "as it is"}


# ---- where it runs


@pytest.mark.parametrize(
    "interpreter, why",
    [
        (None, False),
        ("auto", False),
        ("auto_silent", False),
        ("auto_legacy", False),
        ("", False),
        (sys.executable, False),
        (Text(sys.executable), False),
        ("/usr/bin/another-python", True),
        (os.path.join(os.path.dirname(sys.executable), ".", os.path.basename(sys.executable)), True),
    ],
)
def test_interpreters(interpreter: str | None, why: bool) -> None:
    variables = {} if interpreter is None else {"ansible_python_interpreter": interpreter}
    assert bool(action(lambda call: {}).must_be_a_process(variables)) is why


@pytest.mark.parametrize(
    "changed", [{"transport": "ssh"}, {"transport": "community.docker.docker"}, {"transport": None}, {"async_val": 10}]
)
def test_what_needs_a_process(changed: dict[str, t.Any]) -> None:
    assert action(lambda call: {}, **changed).must_be_a_process({})


def test_become_needs_a_process() -> None:
    elevated = action(lambda call: {})
    elevated._play_context.become = True
    assert elevated.must_be_a_process({}) == "become"


def test_unsafe_platforms_need_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert action(lambda call: {}).must_be_a_process({})


def test_the_interpreter_of_a_delegate_counts() -> None:
    variables = {
        "ansible_python_interpreter": sys.executable,
        "ansible_delegated_vars": {"other": {"ansible_python_interpreter": "/usr/bin/another-python"}},
    }
    assert not action(lambda call: {}).must_be_a_process(variables)
    assert action(lambda call: {}, delegate_to="other").must_be_a_process(variables)
