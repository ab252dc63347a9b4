# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that every Python file and every script opens with the licence header. Empty files need none."""

from __future__ import annotations

import pathlib
import subprocess
import sys

HEADER = (
    "# Copyright: (c) 2026, podreach.gke contributors\n"
    "# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)\n"
    "# SPDX-License-Identifier: GPL-3.0-or-later\n"
)


def has_header(text: str) -> bool:
    """Whether ``text`` opens with the header, after its ``#!`` line if there is one."""
    if text.startswith("#!"):
        text = text.partition("\n")[2]
    return text.startswith(HEADER)


def needs_header(path: pathlib.Path, text: str) -> bool:
    """Python and scripts do; package markers are empty, and data has its licence from LICENSE."""
    return bool(text) and (path.suffix == ".py" or text.startswith("#!"))


def repository_files() -> list[pathlib.Path]:
    """Tracked files and new ones that are not ignored, relative to the working directory."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [path for path in map(pathlib.Path, filter(None, listed.split("\0"))) if path.is_file()]


def main() -> int:
    """Name every file without a header; 1 if there is any."""
    checked, bad = 0, []
    for path in repository_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        if needs_header(path, text):
            checked += 1
            if not has_header(text):
                bad.append(path)
    for path in bad:
        print(f"{path}: does not open with the three lines of the licence header (see tests/tools/licence_headers.py)")
    print(f"{checked} files need a licence header, {len(bad)} lack it")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
