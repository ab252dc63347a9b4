# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keeper of meta/runtime.yml's action groups finds what is missing, and writes only that part of the file."""

from __future__ import annotations

import pathlib

import pytest
import yaml

from ansible_collections.podreach.gke.tests.tools import action_groups

OPTIONS = {"network": {"name", "auth_kind"}, "address": {"auth_kind"}}


@pytest.fixture
def tree(tmp_path: pathlib.Path) -> pathlib.Path:
    """A source tree with two modules and their action plugins."""
    for folder in ("plugins/modules", "plugins/action"):
        (tmp_path / folder).mkdir(parents=True)
        for name in ("network", "address"):
            (tmp_path / folder / f"{name}.py").touch()
    (tmp_path / "plugins/modules/_private.py").touch()
    return tmp_path


def test_groups_hold_the_modules_with_their_credentials_in_order() -> None:
    assert action_groups.wanted_groups(OPTIONS) == {"google": ["address", "network"]}


def test_no_module_no_group() -> None:
    assert action_groups.wanted_groups({}) == {}
    assert action_groups.options([]) == {}


def test_complete_groups_have_no_fault(tree: pathlib.Path) -> None:
    names = action_groups.modules(tree)
    assert names == ["address", "network"]
    wanted = action_groups.wanted_groups(OPTIONS)
    assert action_groups.faults(tree, names, wanted, {"google": ["address", "network"]}) == []


@pytest.mark.parametrize(
    "present",
    [
        {},
        {"google": ["network"]},
        {"google": ["address", "gone", "network"]},
        {"google": ["address", "network"], "other": ["network"]},
    ],
)
def test_incomplete_and_stale_groups_are_faults(tree: pathlib.Path, present: dict[str, list[str]]) -> None:
    wanted = action_groups.wanted_groups(OPTIONS)
    (fault,) = action_groups.faults(tree, ["address", "network"], wanted, present)
    assert fault.startswith("meta/runtime.yml: action_groups.")


def test_module_without_group_or_action_plugin_is_a_fault(tree: pathlib.Path) -> None:
    (tree / "plugins/action/network.py").unlink()
    wanted = action_groups.wanted_groups({"network": {"auth_kind"}, "address": set()})
    found = action_groups.faults(tree, ["address", "network"], wanted, wanted)
    assert [fault.split(":")[0].split(" ")[0] for fault in found] == [
        "plugins/modules/address.py",
        "plugins/action/network.py",
    ]


def test_write_leaves_the_rest_of_the_file(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "runtime.yml"
    path.write_text(
        "---\nrequires_ansible: x\naction_groups:\n  google:\n    - old\n\n# why\nplugin_routing: {}\n",
        encoding="utf-8",
    )
    action_groups.write(path, {"google": ["address", "network"]})
    assert "# why\nplugin_routing: {}\n" in path.read_text(encoding="utf-8")
    assert yaml.safe_load(path.read_text(encoding="utf-8")) == {
        "requires_ansible": "x",
        "plugin_routing": {},
        "action_groups": {"google": ["address", "network"]},
    }
