# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module supports."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return the changed status prediction without modifying target.
  diff_mode:
    support: full
    description: Returns details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
  idempotent:
    support: full
    description: A second run with the same options changes nothing.
  action_group:
    version_added: 0.1.0
    support: full
    membership: [podreach.gke.google]
    description: Use C(group/podreach.gke.google) in C(module_defaults) to set defaults for this module.
  action:
    support: partial
    details:
      - Runs inside the controller, without starting a process, where the connection is local and neither C(become),
        C(async), a remote C(delegate_to) nor another interpreter is asked for. Else it runs as a module. The result is
        the same.
    description:
      - Indicates that this has a corresponding action plugin so some parts of the options can be executed on the
        controller.
  async:
    support: full
    description: Supports being used with the C(async) keyword.
"""
