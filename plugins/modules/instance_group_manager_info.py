#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: instance_group_manager_info
short_description: What managed instance groups there are, and how their machines are
version_added: 0.1.0
description:
  - Reads one managed instance group, or all of a region, a zone or a project; those of clusters, too.
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
      - The group's name. Every group otherwise.
    type: str
  region:
    description:
      - The region whose groups over several zones are read. All regions and zones otherwise; one that does not answer
        becomes a warning.
    type: str
  zone:
    description:
      - The zone whose groups are read. Not together with O(region).
    type: str
  instance_template:
    description:
      - The template whose groups are read, by name or URL. Those of all templates otherwise.
    type: str
  include_instances:
    description:
      - Whether to ask every group for its machines too, what each is doing, and whether the health check finds it
        well. One request more for each group.
    type: bool
    default: false
seealso:
  - module: podreach.gke.instance_group_manager
"""

EXAMPLES = r"""
- name: A group and its machines
  podreach.gke.instance_group_manager_info:
    name: proxy
    region: asia-northeast1
    include_instances: true
  register: found

- name: None of them may be in the making
  ansible.builtin.assert:
    that: item.currentAction == 'NONE'
    fail_msg: "{{ item.name }}: {{ item.currentAction }} {{ item.lastAttempt | default('') }}"
  loop: "{{ found.resources[0].managedInstances }}"
  loop_control:
    label: "{{ item.name }}"
"""

RETURN = r"""
resources:
  description:
    - The groups as the API has them, by name, each like RV(podreach.gke.instance_group_manager#module:resource).
      None found is no failure.
    - What this collection created has V([podreach.gke]) at the end of its C(description).
    - With O(include_instances=true) each has C(managedInstances) besides, the API's answer to C(listManagedInstances).
  returned: success
  type: list
  elements: dict
  sample:
    - description: '[podreach.gke]'
      managedInstances:
        - currentAction: NONE
          instance: https://www.googleapis.com/compute/v1/projects/my-project/zones/asia-northeast1-b/instances/proxy-1207
          instanceHealth:
            - detailedHealthState: HEALTHY
              healthCheck: https://www.googleapis.com/compute/v1/projects/my-project/global/healthChecks/proxy-healing
          instanceStatus: RUNNING
          name: proxy-1207
          version:
            instanceTemplate: https://www.googleapis.com/compute/v1/projects/my-project/global/instanceTemplates/proxy-1
      name: proxy
      targetSize: 1
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

DEFINITION = info.definition("instance_group_manager")


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
