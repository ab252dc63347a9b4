# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes how long every task took, from its start in the controller to its result."""

from __future__ import annotations

import json
import os
import time
import typing as t

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: podreach_bench_stopwatch
type: aggregate
short_description: Times tasks for the benchmark
description:
  - Appends a line of JSON for each result to the file named by the environment variable C(PODREACH_BENCH_TIMES).
author:
  - podreach.gke contributors (@podreach)
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "podreach_bench_stopwatch"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        super().__init__(*args, **kwargs)
        self._began = 0.0

    def v2_playbook_on_task_start(self, task: t.Any, is_conditional: bool) -> None:
        self._began = time.perf_counter()

    def v2_runner_on_ok(self, result: t.Any) -> None:
        took = time.perf_counter() - self._began
        changed = bool(result._result.get("changed"))
        line = {"task": result._task.get_name(), "seconds": took, "changed": changed}
        with open(os.environ["PODREACH_BENCH_TIMES"], "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
