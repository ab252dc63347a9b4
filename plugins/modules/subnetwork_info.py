#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: subnetwork_info
short_description: What subnetworks there are, with their ranges
version_added: 0.1.0
description:
  - Reads one subnetwork, or all subnetworks of a region, a network or a project, with their secondary ranges.
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
      - The subnetwork's name. Every subnetwork otherwise.
    type: str
  region:
    description:
      - The region. All regions otherwise; one that does not answer becomes a warning.
    type: str
  network:
    description:
      - The network whose subnetworks are read, by name or URL. Those of all networks otherwise.
    type: str
seealso:
  - module: podreach.gke.subnetwork
"""

EXAMPLES = r"""
- name: The subnetworks of a network, wherever they are
  podreach.gke.subnetwork_info:
    network: aws-internal-connect
  register: found

- name: The first free /20 of 10.0.0.0/8
  ansible.builtin.debug:
    msg: "{{ '10.0.0.0/8' | podreach.gke.next_free_range(20, taken) }}"
  vars:
    taken: "{{ found.resources | map(attribute='ipCidrRange') | list
      + found.resources | selectattr('secondaryIpRanges', 'defined') | map(attribute='secondaryIpRanges') | flatten
      | map(attribute='ipCidrRange') | list }}"
"""

RETURN = r"""
resources:
  description:
    - The subnetworks as the API has them, by name, each like RV(podreach.gke.subnetwork#module:resource).
      None found is no failure.
    - What this collection created has V([podreach.gke]) at the end of its C(description).
  returned: success
  type: list
  elements: dict
  sample:
    - gatewayAddress: 10.1.0.1
      ipCidrRange: 10.1.0.0/24
      name: aws-internal-connect-subnet-1
      network: https://www.googleapis.com/compute/v1/projects/my-project/global/networks/aws-internal-connect
      privateIpGoogleAccess: false
      purpose: PRIVATE
      secondaryIpRanges:
        - ipCidrRange: 10.4.0.0/14
          rangeName: pod
        - ipCidrRange: 10.8.0.0/20
          rangeName: svc
      stackType: IPV4_ONLY
      state: READY
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

DEFINITION = info.definition("subnetwork")


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
