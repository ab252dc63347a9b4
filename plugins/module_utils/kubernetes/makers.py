# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which process made a thing that nobody else needs, so that others can tell that it was killed and clean up.

Only processes that see one another are compared: of the same user, in the same PID namespace, since the same boot. A
process id alone may be another one's by now; with the time at which the process began it is its own.
Source: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
"""

from __future__ import annotations

import hashlib
import os
import pathlib

PROC = pathlib.Path("/proc")


def this_process() -> str:
    """What to write on the thing: opaque, of letters, digits and dots; empty where the system does not tell."""
    try:
        return f"{_surroundings()}.{os.getpid()}.{_began(os.getpid())}"
    except OSError:
        return ""


def has_ended(maker: str) -> bool:
    """Whether a process is known to have ended, by what :func:`this_process` gave it."""
    surroundings, _dot, process = maker.partition(".")
    pid, _dot, began = process.partition(".")
    try:
        if not pid.isdecimal() or surroundings != _surroundings():
            return False
    except OSError:
        return False
    try:
        return _began(int(pid)) != began
    except (FileNotFoundError, ProcessLookupError):
        return True
    except OSError:
        return False


def _surroundings() -> str:
    """Differs wherever process ids are others, or other users' cannot be seen."""
    boot = (PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
    told = f"{boot} {os.readlink(PROC / 'self/ns/pid')} {os.getuid()}"
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _began(pid: int) -> str:
    """When a process began, in ticks since boot; of one that has ended and is only still listed, "ended"."""
    stat = (PROC / str(pid) / "stat").read_text("utf-8", "replace")
    fields = stat.rpartition(")")[2].split()
    return "ended" if fields[0] in "ZX" else fields[19]
