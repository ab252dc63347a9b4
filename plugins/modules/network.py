#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: network
short_description: A VPC network of Google Cloud
version_added: 0.1.0
description:
  - Creates, changes and deletes a VPC network.
  - A new network is a custom-mode one unless O(auto_create_subnetworks) says otherwise. It is never a legacy network.
author:
  - podreach.gke contributors (@podreach)
extends_documentation_fragment:
  - podreach.gke.google
  - podreach.gke.google.timeout
  - podreach.gke.google.prefix_limit
  - podreach.gke.attributes
options:
  name:
    description:
      - The network's name.
    type: str
    required: true
  description:
    description:
      - A description. Fixed at creation. C([podreach.gke]) is added to it, which marks what this collection created.
    type: str
  auto_create_subnetworks:
    description:
      - Whether Google makes a subnetwork in every region. A new network has none unless this is V(true). Fixed at
        creation.
    type: bool
  mtu:
    description:
      - Maximum transmission unit, 1300 to 8896 bytes. Google's default is 1460. Fixed at creation.
    type: int
  routing_config:
    description:
      - How the network's Cloud Routers see its regions.
    type: dict
    suboptions:
      routing_mode:
        description:
          - With V(REGIONAL), a Cloud Router advertises the subnetworks of its own region only, and what it learns is
            usable there only. V(GLOBAL) means all regions.
          - Going back to V(REGIONAL) withdraws routes, and needs O(allow_disruption).
        type: str
        choices: [REGIONAL, GLOBAL]
      bgp_best_path_selection_mode:
        description:
          - How the best of several learned routes is selected. A change needs O(allow_disruption).
        type: str
        choices: [LEGACY, STANDARD]
seealso:
  - module: podreach.gke.subnetwork
  - name: VPC networks
    description: Google's documentation.
    link: https://cloud.google.com/vpc/docs/vpc
"""

EXAMPLES = r"""
- name: A network whose Cloud Routers advertise all regions
  podreach.gke.network:
    name: aws-internal-connect
    routing_config:
      routing_mode: GLOBAL
"""

RETURN = r"""
resource:
  description: The network as the API has it; in check mode as it would be.
  returned: success
  type: dict
  sample:
    autoCreateSubnetworks: false
    description: "[podreach.gke]"
    mtu: 1460
    name: aws-internal-connect
    routingConfig:
      bgpBestPathSelectionMode: LEGACY
      routingMode: GLOBAL
    selfLink: https://www.googleapis.com/compute/v1/projects/my-project/global/networks/aws-internal-connect
plan:
  description: The steps that were done, or would be in check mode.
  returned: success
  type: list
  elements: dict
  contains:
    action:
      description: V(create), V(update), V(replace) or V(delete).
      type: str
    summary:
      description: The step in words.
      type: str
    grade:
      description: V(safe), V(disruptive) (may cut traffic that flows now) or V(destructive) (deletes or replaces).
      type: str
    fields:
      description: The API's fields that differ.
      type: list
      elements: str
  sample:
    - action: create
      fields: []
      grade: safe
      summary: create network aws-internal-connect
operation:
  description: The operation that still goes on, where O(wait=false).
  returned: success
  type: str
  sample: operation-1763877600000-0123456789abc-01234567-89abcdef
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
      description: The resource, by kind and path.
      type: str
    operation:
      description: The operation that failed or still goes on.
      type: str
"""

from ansible_collections.podreach.gke.plugins.module_utils.arguments import run_as_module
from ansible_collections.podreach.gke.plugins.module_utils.gcp import networks
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import definition

DEFINITION = definition(networks.Network, networks.SPEC)


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
