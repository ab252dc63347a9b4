# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible.plugins.connection.local import Connection as LocalConnection

DOCUMENTATION = """
name: fake_remote
short_description: This machine, as if it were another one
description:
  - For tests of what must not run in the controller.
author:
  - podreach.gke contributors (@podreach)
extends_documentation_fragment:
  - connection_pipelining
"""


class Connection(LocalConnection):
    transport = "podreach_test.probe.fake_remote"
