# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-in for the get-pip.py that ansible-test downloads from a host that closed networks refuse.

ansible-test runs it inside an empty virtual environment as ``get_pip.py REQUIREMENT... --no-setuptools --no-wheel``
and expects pip to be installed there. The pip that Python itself bundles (ensurepip) can do that.
"""

from __future__ import annotations

import ensurepip
import pathlib
import runpy
import sys


def main() -> None:
    """Run the bundled pip's ``install`` with the arguments given, less those that only get-pip.py knows."""
    bundled = sorted((pathlib.Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"))
    if not bundled:
        sys.exit("This Python's ensurepip bundles no pip: use another Python (make PYTHON=...).")
    sys.path.insert(0, str(bundled[-1]))
    sys.argv[1:] = ["install", *(a for a in sys.argv[1:] if a not in ("--no-setuptools", "--no-wheel"))]
    runpy.run_module("pip", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
