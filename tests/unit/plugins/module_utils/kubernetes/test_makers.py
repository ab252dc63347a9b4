# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the process that made something has ended."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

from ansible_collections.podreach.gke.plugins.module_utils.kubernetes import makers

PRINT = f"""
import importlib.util
spec = importlib.util.spec_from_file_location("makers", {makers.__file__!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print(module.this_process(), flush=True)
input()
"""


def test_another_process_is_known_by_its_mark() -> None:
    """While it lives, when it was killed but is still listed, and when it is gone."""
    command = [sys.executable, "-c", PRINT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        mark = process.stdout.readline().strip()
        assert not makers.has_ended(mark)
        process.kill()
        # until it has ended, but so that it is not yet reaped
        process.stdout.read()
        while "Z" not in pathlib.Path(f"/proc/{process.pid}/stat").read_text("utf-8").split():
            pass
        assert makers.has_ended(mark)
    assert makers.has_ended(mark)


def test_this_process_lives() -> None:
    assert makers.this_process()
    assert not makers.has_ended(makers.this_process())


def test_the_same_id_since_another_time_is_another_process() -> None:
    assert makers.has_ended(makers.this_process() + "0")


@pytest.mark.parametrize("mark", ["", "x", "x.1", "x.1.1", "0123456789abcdef.4000000.1", "..", "a.b.c"])
def test_what_was_made_elsewhere_is_not_judged(mark: str) -> None:
    assert not makers.has_ended(mark)


def test_without_proc_nothing_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    mark = makers.this_process()
    monkeypatch.setattr(makers, "PROC", tmp_path)
    assert makers.this_process() == ""
    assert not makers.has_ended(mark)
