# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks what is in the built tarball: all that runs once installed, nothing that only a checkout needs.

Usage: ``tarball.py TARBALL``
"""

from __future__ import annotations

import sys
import tarfile

# A path ending in "/" stands for everything below it.
WANTED = (
    "LICENSE",
    "README.md",
    "CHANGELOG.md",
    "requirements.txt",
    "meta/runtime.yml",
    "meta/execution-environment.yml",
    "plugins/",
    "roles/",
    "playbooks/",
    "examples/",
    "tests/lab/requirements.txt",
    "tests/lab/lab",
    "bindep.txt",
)
UNWANTED = (
    ".",
    "Makefile",
    "pyproject.toml",
    "requirements-",
    "changelogs/fragments/",
    "extensions/molecule/",
    "ansible.cfg",
)


def is_below(name: str, pattern: str) -> bool:
    """Whether the file ``name`` is what ``pattern`` stands for."""
    return name.startswith(pattern) if pattern.endswith("/") else name == pattern


def faults(files: list[str], links: list[str]) -> list[str]:
    """What is wrong with a tarball of these regular files and these symbolic links."""
    found = [f"lacks {want}" for want in WANTED if not any(is_below(name, want) for name in files)]
    for name in files:
        if name.startswith(UNWANTED) or (name.startswith("tests/") and not name.startswith("tests/lab/")):
            found.append(f"holds {name}, which only a checkout needs: name it in build_ignore of galaxy.yml")
        elif "/." in name or "__pycache__" in name:
            found.append(f"holds {name}, a left-over: name it in build_ignore of galaxy.yml")
    found += [f"holds the link {name}: links don't survive everywhere" for name in links]
    return found


def main() -> int:
    """Print the faults of the tarball named on the command line; 1 if there is any."""
    with tarfile.open(sys.argv[1]) as archive:
        members = archive.getmembers()
    files = [member.name for member in members if member.isfile()]
    found = faults(files, [member.name for member in members if member.issym() or member.islnk()])
    for fault in found:
        print(f"{sys.argv[1]}: {fault}")
    print(f"{len(files)} files in the tarball, {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
