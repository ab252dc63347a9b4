#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: firewall_rule_info
short_description: What firewall rules there are
version_added: 0.1.0
description:
  - Reads one firewall rule, or all rules of a network or a project.
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
      - The rule's name. Every rule otherwise.
    type: str
  network:
    description:
      - The network whose rules are read, by name or URL. Those of all networks otherwise.
    type: str
seealso:
  - module: podreach.gke.firewall_rule
"""

EXAMPLES = r"""
- name: The rules of a network that admit traffic
  podreach.gke.firewall_rule_info:
    network: aws-internal-connect
    filter: direction = INGRESS
  register: found

- name: From where?
  ansible.builtin.debug:
    msg: "{{ found.resources | map(attribute='sourceRanges', default=[]) | flatten | unique }}"
"""

RETURN = r"""
resources:
  description:
    - The rules as the API has them, by name, each like RV(podreach.gke.firewall_rule#module:resource).
      None found is no failure.
    - What this collection created has V([podreach.gke]) at the end of its C(description).
  returned: success
  type: list
  elements: dict
  sample:
    - allowed:
        - IPProtocol: tcp
        - IPProtocol: udp
        - IPProtocol: icmp
      direction: INGRESS
      disabled: false
      name: aws-internal-connect-allow-private
      network: https://www.googleapis.com/compute/v1/projects/my-project/global/networks/aws-internal-connect
      priority: 1000
      sourceRanges:
        - 10.0.0.0/8
        - 172.16.0.0/12
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

DEFINITION = info.definition("firewall_rule")


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
