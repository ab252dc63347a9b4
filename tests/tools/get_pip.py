# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-in for the get-pip.py that ansible-test downloads from a host that closed networks refuse.

ansible-test runs it inside an empty virtual environment as ``get_pip.py REQUIREMENT... --no-setuptools --no-wheel``
and expects pip to be installed there. The pip that Python itself bundles (ensurepip) can do that.
"""

from __future__ import annotations

import runpy
import subprocess
import sys

ONLY_GET_PIP_KNOWS = ("--no-setuptools", "--no-wheel")


def main() -> None:
    """Install the bundled pip, then let it install what was asked for (the pip that ansible-test wants)."""
    # Not ensurepip.bootstrap(): in this process that would hide the machine's pip settings from what follows.
    subprocess.run([sys.executable, "-m", "ensurepip"], check=True, stdout=subprocess.DEVNULL)
    # Before Python 3.12 ensurepip brings setuptools too, which ansible-test asks to leave out.
    subprocess.run(
        [sys.executable, "-m", "pip", "uninstall", "--quiet", "--yes", "setuptools"],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    sys.argv[1:] = ["install", *(argument for argument in sys.argv[1:] if argument not in ONLY_GET_PIP_KNOWS)]
    runpy.run_module("pip", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
