#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import os
import sys
import time
import typing as t

from ansible_collections.podreach.gke.plugins.module_utils.arguments import (
    ArgumentSpec,
    Call,
    Definition,
    env_unless_empty,
    run_as_module,
)
from ansible_collections.podreach.gke.plugins.module_utils.errors import Refused

DOCUMENTATION = r"""
module: probe
short_description: Shows what a module of podreach.gke is given, and does what modules should not
description:
  - For tests of the two ways in which such a module can run.
author:
  - podreach.gke contributors (@podreach)
options:
  name: {description: [A name.], type: str, required: true}
  text: {description: [Any text.], type: str}
  number: {description: [A number.], type: int}
  kind: {description: [One of two.], type: str, choices: [plain, fancy]}
  strings: {description: [A list.], type: list, elements: str}
  inner:
    description: [A structure.]
    type: dict
    suboptions:
      one: {description: [A part.], type: str}
      many: {description: [More.], type: list, elements: dict}
  free: {description: [Anything.], type: raw}
  secret: {description: [A secret.], type: str}
  secret_kind: {description: [A secret with choices which should not be.], type: str, choices: [correct-horse]}
  old: {description: [Deprecated.], type: str}
  renamed: {description: [Has a deprecated alias.], type: str, aliases: [former]}
  from_environment: {description: [Falls back to the environment.], type: str}
  variables: {description: [Environment variables to show.], type: list, elements: str, default: []}
  learn: {description: [A secret that is learned while running.], type: str}
  fail: {description: [How to fail.], type: str, choices: [refused, unexpected]}
  sleep: {description: [Seconds.], type: float, default: 0}
"""

SPEC = ArgumentSpec(
    options={
        "name": {"type": "str", "required": True},
        "text": {"type": "str"},
        "number": {"type": "int"},
        "kind": {"type": "str", "choices": ["plain", "fancy"]},
        "strings": {"type": "list", "elements": "str"},
        "inner": {
            "type": "dict",
            "options": {"one": {"type": "str"}, "many": {"type": "list", "elements": "dict"}},
        },
        "free": {"type": "raw"},
        "secret": {"type": "str", "no_log": True},
        "secret_kind": {"type": "str", "no_log": True, "choices": ["correct-horse"]},
        "old": {"type": "str", "removed_in_version": "9.0.0", "removed_from_collection": "podreach_test.probe"},
        "renamed": {
            "type": "str",
            "aliases": ["former"],
            "deprecated_aliases": [{"name": "former", "version": "9.0.0", "collection_name": "podreach_test.probe"}],
        },
        "from_environment": {"type": "str", "fallback": (env_unless_empty, ["PROBE_FALLBACK"])},
        "variables": {"type": "list", "elements": "str", "default": []},
        "learn": {"type": "str"},
        "fail": {"type": "str", "choices": ["refused", "unexpected"]},
        "sleep": {"type": "float", "default": 0},
    },
    mutually_exclusive=(("text", "number"),),
    empty_is_unset=frozenset({"kind"}),
)


def types(value: t.Any) -> t.Any:
    """The same structure with the names of the types."""
    if isinstance(value, dict):
        return {"is": type(value).__name__, "of": {f"{type(k).__name__} {k}": types(v) for k, v in value.items()}}
    if isinstance(value, (list, tuple)):
        return {"is": type(value).__name__, "of": [types(item) for item in value]}
    return type(value).__name__


def execute(call: Call) -> dict[str, t.Any]:
    params = call.params
    if params["learn"]:
        # a secret that no option named
        call.secrets.add(params["learn"][::-1])
        call.warn(f"something to hear, and {params['learn'][::-1]}")
    if params["fail"] == "refused":
        raise Refused(f"{params['name']}: refused, with {params['secret']} in it", code="probe")
    if params["fail"] == "unexpected":
        raise RuntimeError(f"{params['name']}: unexpected, with {params['secret']} in it")
    time.sleep(params["sleep"])
    return {
        "changed": False,
        "ran": "controller" if "ansible.executor" in sys.modules else "process",
        "check_mode": call.check_mode,
        "diff_mode": call.diff,
        "given": {name: value for name, value in params.items() if value is not None},
        "types": types({name: value for name, value in params.items() if name not in ("secret", "secret_kind")}),
        "environment": {name: os.environ.get(name) for name in params["variables"]},
        "odd": {"tuple": (1, 2), "set": {1}, "date": datetime.date(2026, 1, 2)},
        **({"keys": {params["secret"]: 1, "nested": [{f"x{params['secret']}": 2}]}} if params["secret"] else {}),
        **({"learned": params["learn"][::-1]} if params["learn"] else {}),
    }


DEFINITION = Definition(name="probe", spec=SPEC, execute=execute)


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
