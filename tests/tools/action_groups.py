# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps ``action_groups`` of meta/runtime.yml complete, so that ``module_defaults`` reaches every module.

A module is in a group when it takes that group's credentials, told by the option that only they bring. Every module
must be in at least one group, and must have an action plugin of its name (the in-process path).

Usage: ``action_groups.py`` checks; ``action_groups.py --write`` puts the groups into meta/runtime.yml.
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import typing as t

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
# group: the option by which its modules are known
GROUPS = {"google": "auth_kind", "aws": "secret_key", "kubernetes": "kubeconfig"}


def modules(root: pathlib.Path) -> list[str]:
    """Names of the collection's modules."""
    return sorted(path.stem for path in (root / "plugins/modules").glob("*.py") if not path.stem.startswith("_"))


def options(names: list[str]) -> dict[str, set[str]]:
    """Each module's options, those of its documentation fragments included."""
    if not names:
        return {}
    shown = subprocess.run(
        ["ansible-doc", "-t", "module", "--json", *(f"podreach.gke.{name}" for name in names)],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    ).stdout
    documents: dict[str, t.Any] = json.loads(shown)
    return {full.rpartition(".")[2]: set(entry["doc"].get("options", {})) for full, entry in documents.items()}


def wanted_groups(module_options: dict[str, set[str]]) -> dict[str, list[str]]:
    """The groups and their modules, both in order; empty groups are left out."""
    groups = {
        group: sorted(name for name, known in module_options.items() if option in known)
        for group, option in GROUPS.items()
    }
    return {group: members for group, members in groups.items() if members}


def faults(root: pathlib.Path, names: list[str], wanted: dict[str, list[str]], present: dict[str, t.Any]) -> list[str]:
    """What is wrong with the groups ``present`` in meta/runtime.yml, and which modules lack their action plugin."""
    found = []
    for group in sorted(wanted.keys() | present.keys()):
        if wanted.get(group, []) != present.get(group, []):
            found.append(
                f"meta/runtime.yml: action_groups.{group} is {present.get(group)}, and should be "
                f"{wanted.get(group)}: run `make action-groups-write`"
            )
    grouped = {name for members in wanted.values() for name in members}
    for name in names:
        if name not in grouped:
            found.append(
                f"plugins/modules/{name}.py: in no action group, it has none of the options "
                f"{', '.join(GROUPS.values())}"
            )
        if not (root / "plugins/action" / f"{name}.py").is_file():
            found.append(f"plugins/action/{name}.py is missing: every module has its in-process path")
    return found


def write(path: pathlib.Path, wanted: dict[str, list[str]]) -> None:
    """Replace the action_groups of the file, leaving what else is in it as it was written."""
    kept, inside = [], False
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("action_groups:"):
            inside = True
        elif inside and (not line or line[0] not in " -#"):
            inside = False
        if not inside:
            kept.append(line)
    lines = ["action_groups:" if wanted else "action_groups: {}"]
    for group, members in wanted.items():
        lines += [f"  {group}:", *(f"    - {name}" for name in members)]
    path.write_text("\n".join([*kept, *lines]) + "\n", encoding="utf-8")


def main() -> int:
    """Check, or write; 1 if something is wrong."""
    runtime = ROOT / "meta/runtime.yml"
    names = modules(ROOT)
    wanted = wanted_groups(options(names))
    if "--write" in sys.argv[1:]:
        write(runtime, wanted)
    present = yaml.safe_load(runtime.read_text(encoding="utf-8")).get("action_groups", {})
    found = faults(ROOT, names, wanted, present)
    for fault in found:
        print(fault)
    print(f"{len(names)} modules, {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
