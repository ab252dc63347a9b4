#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backend_service_info
short_description: What backend services there are, and which machines behind them are well
version_added: 0.1.0
description:
  - Reads one backend service, or all of a region or a project, of every kind of load balancer.
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
      - The service's name. Every service otherwise.
    type: str
  region:
    description:
      - The region, or V(global) for global services alone. All regions and the global ones otherwise; one that does not
        answer becomes a warning.
    type: str
  include_health:
    description:
      - Whether to ask for the health of the machines of every group too. One request more for each group.
    type: bool
    default: false
seealso:
  - module: podreach.gke.backend_service
  - module: podreach.gke.forwarding_rule_info
"""

EXAMPLES = r"""
- name: Is anybody well behind the load balancer?
  podreach.gke.backend_service_info:
    name: proxy
    region: asia-northeast1
    include_health: true
  register: found

- name: Show who is not
  ansible.builtin.debug:
    msg: >-
      {{ found.resources[0].health | map(attribute='healthStatus') | flatten
         | rejectattr('healthState', 'eq', 'HEALTHY') | map(attribute='instance') | list }}
"""

RETURN = r"""
resources:
  description:
    - The services as the API has them, by name, each like RV(podreach.gke.backend_service#module:resource).
      None found is no failure.
    - What this collection created has V([podreach.gke]) at the end of its C(description).
    - With O(include_health=true) each has C(health) besides, a list with C(group) and C(healthStatus), the API's
      answer to C(getHealth). Nothing is said of machines while no forwarding rule leads to the service.
  returned: success
  type: list
  elements: dict
  sample:
    - health:
        - group: https://www.googleapis.com/compute/v1/projects/my-project/regions/asia-northeast1/instanceGroups/proxy
          healthStatus:
            - forwardingRule: https://www.googleapis.com/compute/v1/projects/my-project/regions/asia-northeast1/forwardingRules/proxy
              forwardingRuleIp: 10.1.0.2
              healthState: HEALTHY
              instance: https://www.googleapis.com/compute/v1/projects/my-project/zones/asia-northeast1-b/instances/proxy-1207
              ipAddress: 10.1.0.3
              port: 80
      name: proxy
      protocol: TCP
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

DEFINITION = info.definition("backend_service")


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
