#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: network_peering_routes_info
short_description: Which routes cross the peerings of a network, and which are rejected and why
version_added: 0.1.0
description:
  - Lists what a network gives to its peers and gets from them, as C(gcloud compute networks peerings list-routes) does,
    for one or all of its peerings, both directions, and all regions in which it has subnetworks.
  - A route that crosses in several regions is told once, with the regions.
  - Says of a route that is not taken why, as far as this side can know.
  - A peering that is not C(ACTIVE) has no routes. A network without subnetworks has no regions to ask for, unless
    O(region) is given.
author:
  - podreach.gke contributors (@podreach)
extends_documentation_fragment:
  - podreach.gke.google.reading
  - podreach.gke.google.timeout
  - podreach.gke.attributes
options:
  network:
    description:
      - The network, by name or URL.
    type: str
    required: true
  name:
    description:
      - The name of one peering of it. All of them otherwise.
    type: str
  direction:
    description:
      - V(INCOMING) is what the peer exports, V(OUTGOING) what this network does. Both otherwise.
    type: str
    choices: [INCOMING, OUTGOING]
  region:
    description:
      - Look at this region only.
    type: str
seealso:
  - module: podreach.gke.network_peering
  - name: Show routes of a peering
    description: Google's documentation.
    link: https://cloud.google.com/compute/docs/reference/rest/v1/networks/listPeeringRoutes
"""

EXAMPLES = r"""
- name: All that crosses
  podreach.gke.network_peering_routes_info:
    network: target-network
    project: my-peer-project

- name: What one peer offers
  podreach.gke.network_peering_routes_info:
    network: target-network
    project: my-peer-project
    name: target-to-my
    direction: INCOMING
  register: offered

- name: Why some of it is not taken
  ansible.builtin.debug:
    msg: "{{ item.dest_range }}: {{ item.reason }}"
  loop: "{{ offered.routes | rejectattr('imported') }}"
"""

RETURN = r"""
routes:
  description: The routes, those that are not taken included.
  returned: success
  type: list
  elements: dict
  sample:
    - dest_range: 172.16.0.0/24
      direction: INCOMING
      imported: false
      next_hop_region: null
      peering: target-to-my
      priority: 1000
      reason: "import_custom_routes is off in peering target-to-my: turn it on to take it."
      regions: [asia-northeast1]
      status: rejected
      type: STATIC_PEERING_ROUTE
  contains:
    peering:
      description: The name of the peering.
      type: str
    direction:
      description: V(INCOMING) or V(OUTGOING).
      type: str
    regions:
      description: The regions in which it was told.
      type: list
      elements: str
    dest_range:
      description: The destination.
      type: str
    type:
      description: V(SUBNET_PEERING_ROUTE), V(STATIC_PEERING_ROUTE) or V(DYNAMIC_PEERING_ROUTE).
      type: str
    priority:
      description: Its priority.
      type: int
    next_hop_region:
      description: Where a dynamic route was learned.
      type: str
    imported:
      description: Whether the receiving network takes it.
      type: bool
    status:
      description: The same in a word, V(accepted) or V(rejected).
      type: str
    reason:
      description: Why it is rejected.
      type: str
peerings:
  description: The peerings that were looked at.
  returned: success
  type: list
  elements: dict
  sample:
    - export_custom_routes: false
      export_subnet_routes_with_public_ip: true
      import_custom_routes: false
      import_subnet_routes_with_public_ip: false
      name: target-to-my
      peer_network: projects/my-project/global/networks/my-network
      state: ACTIVE
      state_details: "[2026-11-23T09:12:03.415-08:00]: Connected."
regions:
  description: The regions that were looked at.
  returned: success
  type: list
  elements: str
  sample: [asia-northeast1]
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
from ansible_collections.podreach.gke.plugins.module_utils.gcp import peering_routes_info

DEFINITION = peering_routes_info.DEFINITION


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
