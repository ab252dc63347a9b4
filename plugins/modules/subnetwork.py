#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: subnetwork
short_description: A subnetwork of a VPC network, with its secondary ranges
version_added: 0.1.0
description:
  - Creates, changes and deletes a subnetwork. Its primary range holds the nodes of GKE clusters, its secondary ranges
    hold pods and Services.
  - All ranges are judged before anything is sent, so that a wrong CIDR, a range with host bits, prohibited space and an
    overlap within the task are refused. Public addresses that are used privately draw a warning.
  - Before a range is added, the routers of the network are read. A change after which a BGP session would advertise
    more than O(advertised_prefix_limit) prefixes is refused.
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
      - The subnetwork's name.
    type: str
    required: true
  region:
    description:
      - The region.
    type: str
    required: true
  network:
    description:
      - The network, by name or URL. Needed to create a subnetwork, fixed afterwards.
      - A URL may name a network of another project.
    type: str
  description:
    description:
      - A description. Fixed at creation. C([podreach.gke]) is added to it, which marks what this collection created.
    type: str
  ip_cidr_range:
    description:
      - The primary range. Needed to create a subnetwork.
      - A range that contains the current one expands it. This cannot be undone, and every other change is refused.
    type: str
  secondary_ip_ranges:
    description:
      - Secondary ranges, told apart by O(secondary_ip_ranges[].range_name).
      - Ranges that are not mentioned are kept, unless O(purge_secondary_ranges=true).
      - A range of the same name with other addresses is refused, since Google changes no secondary range. Add the new
        one under another name, and remove the old one when nothing uses it.
    type: list
    elements: dict
    suboptions:
      range_name:
        description:
          - The range's name, which clusters refer to.
        type: str
        required: true
      ip_cidr_range:
        description:
          - The range.
        type: str
        required: true
  purge_secondary_ranges:
    description:
      - Remove the secondary ranges that O(secondary_ip_ranges) does not mention. An empty list removes all of them;
        without O(secondary_ip_ranges) none is removed.
      - Removing a range needs O(allow_disruption). Google refuses it while a cluster uses the range.
      - What is removed goes before what is added, since Google takes only one of both in one request.
    type: bool
    default: false
  private_ip_google_access:
    description:
      - Whether machines without an external address reach Google's APIs. Google's default is V(false).
      - Switching it off needs O(allow_disruption).
    type: bool
seealso:
  - module: podreach.gke.network
  - module: podreach.gke.cluster
  - name: Subnets
    description: Google's documentation, with the ranges that may be used.
    link: https://cloud.google.com/vpc/docs/subnets
"""

EXAMPLES = r"""
- name: A subnetwork for a VPC-native cluster, with ranges for its pods and Services
  podreach.gke.subnetwork:
    name: aws-internal-connect-subnet-2
    region: asia-northeast1
    network: aws-internal-connect
    ip_cidr_range: 10.1.1.0/24
    secondary_ip_ranges:
      - range_name: subnet-2-pod
        ip_cidr_range: 10.1.128.0/19
      - range_name: subnet-2-svc
        ip_cidr_range: 10.1.160.0/22
    private_ip_google_access: true

- name: Expand the primary range from 10.1.2.0/24, which cannot be undone
  podreach.gke.subnetwork:
    name: aws-internal-connect-subnet-3
    region: asia-northeast1
    ip_cidr_range: 10.1.2.0/23

- name: Add a range for more pods, and keep the others
  podreach.gke.subnetwork:
    name: aws-internal-connect-subnet-2
    region: asia-northeast1
    secondary_ip_ranges:
      - range_name: subnet-2-pod-more
        ip_cidr_range: 10.2.0.0/17

- name: Remove that range again, by naming those that stay
  podreach.gke.subnetwork:
    name: aws-internal-connect-subnet-2
    region: asia-northeast1
    secondary_ip_ranges:
      - range_name: subnet-2-pod
        ip_cidr_range: 10.1.128.0/19
      - range_name: subnet-2-svc
        ip_cidr_range: 10.1.160.0/22
    purge_secondary_ranges: true
    allow_disruption: true

- name: Delete a subnetwork that this collection created
  podreach.gke.subnetwork:
    name: aws-internal-connect-subnet-2
    region: asia-northeast1
    state: absent
"""

RETURN = r"""
resource:
  description: The subnetwork as the API has it; in check mode as it would be.
  returned: success
  type: dict
  sample:
    description: "[podreach.gke]"
    gatewayAddress: 10.1.1.1
    ipCidrRange: 10.1.1.0/24
    name: aws-internal-connect-subnet-2
    network: https://www.googleapis.com/compute/v1/projects/my-project/global/networks/aws-internal-connect
    privateIpGoogleAccess: true
    region: https://www.googleapis.com/compute/v1/projects/my-project/regions/asia-northeast1
    secondaryIpRanges:
      - ipCidrRange: 10.1.128.0/19
        rangeName: subnet-2-pod
      - ipCidrRange: 10.1.160.0/22
        rangeName: subnet-2-svc
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
    - action: update
      fields: [secondaryIpRanges]
      grade: safe
      summary: add secondary ranges subnet-2-pod-more (10.2.0.0/17)
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
from ansible_collections.podreach.gke.plugins.module_utils.gcp import subnetworks
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import definition

DEFINITION = definition(subnetworks.Subnetwork, subnetworks.SPEC)


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
