#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: forwarding_rule_info
short_description: What forwarding rules there are
version_added: 0.1.0
description:
  - Reads one forwarding rule, or all of a region, a network, a backend service or a project, of every kind of load
    balancer; those that GKE made for Services, too.
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
  region:
    description:
      - The region, or V(global) for global rules alone. All regions and the global ones otherwise; one that does not
        answer becomes a warning.
    type: str
  network:
    description:
      - The network whose rules are read, by name or URL. Those of all networks otherwise.
    type: str
  subnetwork:
    description:
      - The subnetwork whose rules are read, by name or URL. Those of all subnetworks otherwise.
    type: str
  backend_service:
    description:
      - The backend service whose rules are read, by name or URL. Those of all services otherwise.
    type: str
seealso:
  - module: podreach.gke.forwarding_rule
  - module: podreach.gke.backend_service_info
"""

EXAMPLES = r"""
- name: At which addresses does the proxy answer?
  podreach.gke.forwarding_rule_info:
    backend_service: proxy
  register: found

- name: Show them
  ansible.builtin.debug:
    msg: "{{ found.resources | map(attribute='IPAddress') | list }}"
"""

RETURN = r"""
resources:
  description:
    - The rules as the API has them, by name, each like RV(podreach.gke.forwarding_rule#module:resource).
      None found is no failure.
    - What this collection created has V([podreach.gke]) at the end of its C(description).
  returned: success
  type: list
  elements: dict
  sample:
    - IPAddress: 10.1.0.2
      IPProtocol: TCP
      allowGlobalAccess: true
      backendService: https://www.googleapis.com/compute/v1/projects/my-project/regions/asia-northeast1/backendServices/proxy
      description: '[podreach.gke]'
      loadBalancingScheme: INTERNAL
      name: proxy
      network: https://www.googleapis.com/compute/v1/projects/my-project/global/networks/my-network
      ports:
        - '80'
      region: https://www.googleapis.com/compute/v1/projects/my-project/regions/asia-northeast1
      subnetwork: https://www.googleapis.com/compute/v1/projects/my-project/regions/asia-northeast1/subnetworks/my-subnet
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

DEFINITION = info.definition("forwarding_rule")


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
