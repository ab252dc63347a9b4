#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: network_info
short_description: What VPC networks there are
version_added: 0.1.0
description:
  - Reads one VPC network, or all networks of a project, with their peerings.
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
      - The network's name. Every network otherwise.
    type: str
seealso:
  - module: podreach.gke.network
"""

EXAMPLES = r"""
- name: The networks of the project
  podreach.gke.network_info:
  register: found

- name: Which of them did this collection create?
  ansible.builtin.debug:
    msg: "{{ found.resources | selectattr('description', 'defined')
      | selectattr('description', 'search', '\\[podreach\\.gke\\]$') | map(attribute='name') }}"

- name: How do its peerings stand?
  podreach.gke.network_info:
    name: aws-internal-connect
  register: one

- name: All peerings must be active
  ansible.builtin.assert:
    that: one.resources[0].peerings | default([]) | rejectattr('state', 'eq', 'ACTIVE') | length == 0
"""

RETURN = r"""
resources:
  description:
    - The networks as the API has them, by name, each like RV(podreach.gke.network#module:resource).
      None found is no failure.
    - What this collection created has V([podreach.gke]) at the end of its C(description).
  returned: success
  type: list
  elements: dict
  sample:
    - autoCreateSubnetworks: false
      mtu: 1460
      name: aws-internal-connect
      routingConfig:
        routingMode: REGIONAL
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

DEFINITION = info.definition("network")


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
