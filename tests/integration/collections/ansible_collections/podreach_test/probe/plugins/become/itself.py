# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from ansible.plugins.become import BecomeBase

DOCUMENTATION = """
name: itself
short_description: Become who one is
description:
  - For tests of tasks that are elevated, where there is nobody else to become.
author:
  - podreach.gke contributors (@podreach)
options:
  become_user:
    description: [Not used.]
    default: root
    type: str
    vars: [{name: ansible_become_user}]
  become_exe:
    description: [Not used.]
    type: str
  become_flags:
    description: [Not used.]
    type: str
  become_pass:
    description: [Not used.]
    type: str
"""


class BecomeModule(BecomeBase):
    name = "podreach_test.probe.itself"

    def build_become_command(self, cmd: str, shell: t.Any) -> str:
        super().build_become_command(cmd, shell)
        return t.cast("str", self._build_success_command(cmd, shell))
