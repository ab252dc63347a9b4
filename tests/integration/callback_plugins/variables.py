# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes every variable that a run has made to a file: set_fact, registered results, custom statistics."""

from __future__ import annotations

import json
import os
import typing as t

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: variables
type: aggregate
short_description: Records what hosts know after a run, for tests
description:
  - Writes an object of JSON to the file named by the environment variable C(PODREACH_VARIABLES). What callbacks such as
    those of inventories and reports can see is no more than this.
author:
  - podreach.gke contributors (@podreach)
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "variables"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_play_start(self, play: t.Any) -> None:
        self._manager = play.get_variable_manager()

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        """What was made in the run is kept apart from what the user has given, which is the user's to hide."""
        manager = self._manager
        made = {host: dict(known) for host, known in manager._nonpersistent_fact_cache.items()}
        with open(os.environ["PODREACH_VARIABLES"], "w", encoding="utf-8") as file:
            json.dump({"made": made, "custom": stats.custom}, file, default=repr)
