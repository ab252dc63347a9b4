#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: health_check_info
short_description: What health checks there are
version_added: 0.1.0
description:
  - Reads one health check, or all of a region or a project, of every protocol.
author:
  - podreach.gke contributors (@podreach)
extends_documentation_fragment:
  - podreach.gke.google.reading
  - podreach.gke.google.timeout
  - podreach.gke.google.filter
  - podreach.gke.attributes
attributes:
  check_mode:
    support: full
    details:
      - This module changes nothing.
  diff_mode:
    support: none
options:
  name:
    description:
      - The check's name. Every check otherwise.
    type: str
  region:
    description:
      - The region, or V(global) for global checks alone. All regions and the global ones otherwise; one that does not
        answer becomes a warning.
    type: str
seealso:
  - module: podreach.gke.health_check
"""

EXAMPLES = r"""
- name: The global checks
  podreach.gke.health_check_info:
    region: global
  register: found
"""

RETURN = r"""
resources:
  description:
    - The checks as the API has them, by name, each like RV(podreach.gke.health_check#module:resource).
      None found is no failure.
    - What this collection created has V([podreach.gke]) at the end of its C(description).
  returned: success
  type: list
  elements: dict
  sample:
    - checkIntervalSec: 10
      description: '[podreach.gke]'
      healthyThreshold: 2
      name: proxy-healing
      tcpHealthCheck:
        port: 80
        proxyHeader: NONE
      timeoutSec: 5
      type: TCP
      unhealthyThreshold: 3
error:
  description: What went wrong, for programs.
  returned: failure
  type: dict
  contains:
    code:
      description: A short stable code of this collection, or the API's own.
      type: str
    reason:
      description: The API's reason.
      type: str
    message:
      description: The message.
      type: str
    resource:
      description: Not used here.
      type: str
    operation:
      description: Not used here.
      type: str
"""

from ansible_collections.podreach.gke.plugins.module_utils.arguments import run_as_module
from ansible_collections.podreach.gke.plugins.module_utils.gcp import info

DEFINITION = info.definition("health_check")


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
