# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks of this machine on resources whose writers must take turns.

Writers on other machines, and other tools, are not stopped by them.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat
import tempfile
import typing as t

from ..errors import PodreachError, Timeout
from .client import Client


@contextlib.contextmanager
def locked(client: Client, paths: t.Iterable[str], label: str, seconds: float) -> t.Iterator[None]:
    """Hold the locks of resources, by their paths. Waits that long for each, and raises :class:`Timeout` then.

    Several are always taken in the same order, so that nobody waits for somebody who waits for him.
    """
    with contextlib.ExitStack() as held:
        for path in sorted(set(paths)):
            held.enter_context(_one(client, path, label, seconds))
        yield


@contextlib.contextmanager
def _one(client: Client, path: str, label: str, seconds: float) -> t.Iterator[None]:
    directory = os.path.join(tempfile.gettempdir(), f"podreach-{os.getuid()}")
    os.makedirs(directory, mode=0o700, exist_ok=True)
    found = os.lstat(directory)
    if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode):
        raise PodreachError(f"{directory} is no directory of yours; locks cannot be kept there: remove it", code="lock")
    name = hashlib.sha256(path.encode()).hexdigest()[:32]
    with os.fdopen(os.open(os.path.join(directory, name), os.O_RDWR | os.O_CREAT, 0o600)) as lock:

        def taken() -> list[str]:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return ["another task on this machine is changing it"]
            return []

        # it costs no request, and whoever waits in a long row should not sleep while nobody holds it
        if client.wait_until(taken, seconds, label, longest=1):
            raise Timeout(
                f"{label}: another task on this machine has been changing it for {seconds} s. Try again later.",
                resource=label,
            )
        yield
