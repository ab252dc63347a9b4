# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes what every task gave to a file, with what the lab's API showed right afterwards."""

from __future__ import annotations

import json
import os
import pathlib
import typing as t
import urllib.error
import urllib.request

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: record
type: aggregate
short_description: Records results for tests
description:
  - Writes a line of JSON for each result to the file named by the environment variable C(PODREACH_RECORD).
  - A task variable C(observe) lists paths of the lab to be read right after the task.
author:
  - podreach.gke contributors (@podreach)
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "record"
    CALLBACK_NEEDS_ENABLED = True

    def v2_runner_on_ok(self, result: t.Any) -> None:
        self._write("ok", result)

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        self._write("failed", result)

    def v2_runner_on_skipped(self, result: t.Any) -> None:
        self._write("skipped", result)

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        self._write("unreachable", result)

    def _write(self, status: str, result: t.Any) -> None:
        record = {
            "host": result._host.get_name(),
            "task": result._task.get_name(),
            "status": status,
            "result": result._result,
            "mutations": self._get("/_lab/status")["mutations"],
            "observed": [self._get(path) for path in result._task.vars.get("observe", [])],
        }
        with open(os.environ["PODREACH_RECORD"], "a", encoding="utf-8") as file:
            file.write(json.dumps(record, default=repr) + "\n")

    @staticmethod
    def _get(path: str) -> t.Any:
        """The object at a path of the lab, None if there is none."""
        token = pathlib.Path(os.environ["PODREACH_LAB_DIR"], "access-token").read_text(encoding="utf-8")
        record = json.loads(pathlib.Path(os.environ["PODREACH_LAB_DIR"], "lab.json").read_text(encoding="utf-8"))
        request = urllib.request.Request(record["url"] + path, headers={"authorization": f"Bearer {token}"})
        try:
            # Google's settings for proxies are none of the lab's
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise
