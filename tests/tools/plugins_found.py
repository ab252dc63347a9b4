# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that ansible-doc finds every module, filter, test, inventory plugin and role of a source tree where the
collection is installed (ANSIBLE_COLLECTIONS_PATH says where).

Usage: ``plugins_found.py SOURCE``
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

# ansible-doc's name of a kind, and the folder of its plugins
KINDS = {"module": "modules", "filter": "filter", "test": "test", "inventory": "inventory", "role": "roles"}


def declared(source: pathlib.Path, kind: str) -> set[str]:
    """Full names of what the source tree holds of this kind."""
    if kind == "role":
        names = {path.parent.parent.name for path in source.glob("roles/*/meta/argument_specs.yml")}
    elif kind in ("filter", "test"):
        # Their names are those of the documents beside them: one Python file may hold many.
        folder = source / "plugins" / KINDS[kind]
        names = {path.stem for path in folder.glob("*.yml")}
        for path in folder.glob("*.py"):
            text = path.read_text(encoding="utf-8")
            if "DOCUMENTATION" in text:
                names.add(path.stem)
    else:
        names = {path.stem for path in (source / "plugins" / KINDS[kind]).glob("*.py")}
    return {f"podreach.gke.{name}" for name in names if not name.startswith("_")}


def found(kind: str) -> set[str]:
    """Full names of what ansible-doc lists of this kind."""
    listed = subprocess.run(
        ["ansible-doc", "-t", kind, "-l", "--json", "podreach.gke"], check=True, capture_output=True, text=True
    ).stdout
    return set(json.loads(listed))


def main() -> int:
    """Print what is declared and not found, or found and not declared; 1 if there is any."""
    source = pathlib.Path(sys.argv[1])
    wrong = 0
    for kind in KINDS:
        want, got = declared(source, kind), found(kind)
        for name in sorted(want - got):
            print(f"{kind} {name}: in the source tree, but ansible-doc does not list it")
        for name in sorted(got - want):
            print(f"{kind} {name}: listed by ansible-doc, but not documented in the source tree")
        print(f"{kind}: {len(want)} declared, {len(got)} found")
        wrong += len(want ^ got)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
