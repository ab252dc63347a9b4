#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: route_info
short_description: What routes VPC networks have
version_added: 0.1.0
description:
  - Reads one route, or all routes of a network or a project.
  - Besides static routes, among these the ones to pods of a routes-based GKE cluster, the API lists those that Google
    makes for each range of a subnetwork, and for what peers give. It does not list what a Cloud Router learned.
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
      - The route's name. Every route otherwise.
    type: str
  network:
    description:
      - The network whose routes are read, by name or URL. Those of all networks otherwise.
    type: str
seealso:
  - module: podreach.gke.network_peering_routes_info
"""

EXAMPLES = r"""
- name: The routes of a network
  podreach.gke.route_info:
    network: aws-internal-connect
  register: found

- name: Which of them never cross a peering?
  ansible.builtin.debug:
    msg: "{{ found.resources | selectattr('tags', 'defined') | map(attribute='destRange') }}"
"""

RETURN = r"""
resources:
  description:
    - The routes as the API has them, by name. None found is no failure.
  returned: success
  type: list
  elements: dict
  sample:
    - description: Default local route to the subnetwork 10.1.0.0/24.
      destRange: 10.1.0.0/24
      name: default-route-r-887883e6e0a6987c
      network: https://www.googleapis.com/compute/v1/projects/my-project/global/networks/aws-internal-connect
      nextHopNetwork: https://www.googleapis.com/compute/v1/projects/my-project/global/networks/aws-internal-connect
      priority: 0
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

DEFINITION = info.definition("route")


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
