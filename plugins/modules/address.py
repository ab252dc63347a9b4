#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: address
short_description: A reserved IP address
version_added: 0.1.0
description:
  - Reserves and releases an address, above all an internal one for a Service of type C(LoadBalancer).
  - Nothing of a reservation can be changed, so a difference is refused. What is in use is not released.
author:
  - podreach.gke contributors (@podreach)
extends_documentation_fragment:
  - podreach.gke.google
  - podreach.gke.google.timeout
  - podreach.gke.attributes
options:
  name:
    description:
      - The name of the reservation.
    type: str
    required: true
  region:
    description:
      - The region. Without it, the address is a global external one.
    type: str
  description:
    description:
      - A description. Fixed at creation. C([podreach.gke]) is added to it, which marks what this collection created.
    type: str
  address_type:
    description:
      - Whether the address is of a subnetwork or of the internet.
    type: str
    choices: [INTERNAL, EXTERNAL]
    default: INTERNAL
  address:
    description:
      - Which internal address, of the subnetwork's primary range. Google chooses one otherwise.
    type: str
  subnetwork:
    description:
      - The subnetwork of an internal address, by name or URL. Needed to reserve one.
    type: str
  purpose:
    description:
      - What an internal address is for. V(SHARED_LOADBALANCER_VIP) may be used by several load balancers at once.
        Google's default is V(GCE_ENDPOINT).
    type: str
    choices: [GCE_ENDPOINT, SHARED_LOADBALANCER_VIP]
"""

EXAMPLES = r"""
- name: An address of the nodes' subnetwork for an internal load balancer
  podreach.gke.address:
    name: plot
    region: asia-northeast1
    subnetwork: aws-internal-connect-subnet-2
    address: 10.1.1.77
    purpose: SHARED_LOADBALANCER_VIP
"""

RETURN = r"""
resource:
  description: The address as the API has it; in check mode as it would be.
  returned: success
  type: dict
  sample:
    address: 10.1.1.77
    addressType: INTERNAL
    description: "[podreach.gke]"
    name: plot
    networkTier: PREMIUM
    purpose: SHARED_LOADBALANCER_VIP
    region: https://www.googleapis.com/compute/v1/projects/my-project/regions/asia-northeast1
    status: RESERVED
    subnetwork: https://www.googleapis.com/compute/v1/projects/my-project/regions/asia-northeast1/subnetworks/aws-internal-connect-subnet-2
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
      summary: create address plot
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
from ansible_collections.podreach.gke.plugins.module_utils.gcp import addresses
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import definition

DEFINITION = definition(addresses.Address, addresses.SPEC)


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
