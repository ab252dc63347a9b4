#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: external_vpn_gateway_info
short_description: What Google is told of VPN gateways elsewhere
version_added: 0.1.0
description:
  - Reads one external VPN gateway, or all of a project, with the addresses of their interfaces.
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
      - The gateway's name. Every gateway otherwise.
    type: str
seealso:
  - module: podreach.gke.external_vpn_gateway
"""

EXAMPLES = r"""
- name: The gateway that stands for AWS
  podreach.gke.external_vpn_gateway_info:
    name: aws-peer
  register: found

- name: Its addresses
  ansible.builtin.debug:
    msg: "{{ found.resources | map(attribute='interfaces') | flatten | map(attribute='ipAddress') }}"
"""

RETURN = r"""
resources:
  description:
    - The gateways as the API has them, by name, each like RV(podreach.gke.external_vpn_gateway#module:resource).
      None found is no failure.
    - What this collection created has V([podreach.gke]) at the end of its C(description).
  returned: success
  type: list
  elements: dict
  sample:
    - interfaces:
        - id: 0
          ipAddress: 203.0.113.1
        - id: 1
          ipAddress: 203.0.113.2
        - id: 2
          ipAddress: 203.0.113.3
        - id: 3
          ipAddress: 203.0.113.4
      name: aws-peer
      redundancyType: FOUR_IPS_REDUNDANCY
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

DEFINITION = info.definition("external_vpn_gateway")


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
