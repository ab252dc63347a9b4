#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: router
short_description: A Cloud Router and what it advertises
version_added: 0.1.0
description:
  - Creates, changes and deletes a Cloud Router, which speaks BGP over VPN tunnels and interconnects.
  - Interfaces and BGP peers of the router are left as they are.
  - Before a change, the routers of the network are read. A change after which a BGP session would advertise more than
    O(advertised_prefix_limit) prefixes is refused.
  - A router has no fingerprint, so that two writers can undo each other's work. Tasks on this machine take turns, and a
    change after which something else is missing fails and names what is missing.
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
      - The router's name.
    type: str
    required: true
  region:
    description:
      - The region.
    type: str
    required: true
  network:
    description:
      - The network, by name or URL. Needed to create a router, fixed afterwards.
    type: str
  description:
    description:
      - A description. Fixed at creation. C([podreach.gke]) is added to it, which marks what this collection created.
    type: str
  bgp:
    description:
      - How the router speaks BGP. What is not mentioned keeps its value.
    type: dict
    suboptions:
      asn:
        description:
          - The router's own AS number, a private one, V(64512) to V(65534) or V(4200000000) to V(4294967294). Fixed at
            creation.
        type: int
      advertise_mode:
        description:
          - With V(DEFAULT), the router advertises the ranges of all subnetworks of the network, or of its region where
            the network's routing mode is C(REGIONAL). V(CUSTOM) advertises what O(bgp.advertised_groups) and
            O(bgp.advertised_ip_ranges) say, and nothing else.
          - Both lists are taken with V(CUSTOM) only, which has to be given with them.
          - Going back to V(DEFAULT) empties both lists and needs O(allow_disruption).
        type: str
        choices: [DEFAULT, CUSTOM]
      advertised_groups:
        description:
          - V(ALL_SUBNETS) stands for what V(DEFAULT) would advertise. V(CUSTOM) without it withdraws every subnetwork,
            and needs O(confirm_withdraw_subnets).
        type: list
        elements: str
        choices: [ALL_SUBNETS]
      advertised_ip_ranges:
        description:
          - Ranges to advertise in addition, told apart by O(bgp.advertised_ip_ranges[].range). For example the pods of
            a peered network, or of a routes-based cluster, which are in no subnetwork.
          - Ranges that are not mentioned are kept, unless O(purge_advertisement=true).
        type: list
        elements: dict
        suboptions:
          range:
            description:
              - The range.
            type: str
            required: true
          description:
            description:
              - What it is.
            type: str
      keepalive_interval:
        description:
          - Seconds between two signs of life, 20 to 60. Google's default is 20. A change needs O(allow_disruption).
        type: int
      identifier_range:
        description:
          - The link-local range that BGP identifiers are taken from. A change needs O(allow_disruption).
        type: str
  purge_advertisement:
    description:
      - Withdraw the groups and ranges that O(bgp.advertised_groups) and O(bgp.advertised_ip_ranges) do not mention. A
        list that is not given stays.
      - Needs O(allow_disruption) where that withdraws something.
    type: bool
    default: false
  confirm_withdraw_subnets:
    description:
      - The router's own name, to confirm that it shall advertise no subnetwork any more.
      - Without it, V(CUSTOM) without V(ALL_SUBNETS) is refused, in check mode too, where the router does not do so
        already.
    type: str
seealso:
  - module: podreach.gke.network
  - name: Advertised routes
    description: Google's documentation.
    link: https://cloud.google.com/network-connectivity/docs/router/concepts/advertised-routes
"""

EXAMPLES = r"""
- name: A router that advertises all subnetworks, secondary ranges for pods included
  podreach.gke.router:
    name: aws-internal-connect-router
    region: asia-northeast1
    network: aws-internal-connect
    bgp:
      asn: 65010

- name: Advertise the pods of a routes-based cluster too
  podreach.gke.router:
    name: aws-internal-connect-router
    region: asia-northeast1
    bgp:
      advertise_mode: CUSTOM
      advertised_groups: [ALL_SUBNETS]
      advertised_ip_ranges:
        - range: 10.32.0.0/14
          description: Pods of test-cluster

- name: Withdraw that range again
  podreach.gke.router:
    name: aws-internal-connect-router
    region: asia-northeast1
    bgp:
      advertise_mode: CUSTOM
      advertised_groups: [ALL_SUBNETS]
      advertised_ip_ranges: []
    purge_advertisement: true
    allow_disruption: true

- name: Advertise two aggregates instead of a hundred subnetworks
  podreach.gke.router:
    name: aws-internal-connect-router
    region: asia-northeast1
    bgp:
      advertise_mode: CUSTOM
      advertised_groups: []
      advertised_ip_ranges:
        - range: 10.1.0.0/16
        - range: 10.2.0.0/16
    purge_advertisement: true
    confirm_withdraw_subnets: aws-internal-connect-router
    allow_disruption: true
"""

RETURN = r"""
resource:
  description: The router as the API has it; in check mode as it would be.
  returned: success
  type: dict
  sample:
    bgp:
      advertiseMode: CUSTOM
      advertisedGroups: [ALL_SUBNETS]
      advertisedIpRanges:
        - description: Pods of test-cluster
          range: 10.32.0.0/14
      asn: 65010
      keepaliveInterval: 20
    description: "[podreach.gke]"
    name: aws-internal-connect-router
    network: https://www.googleapis.com/compute/v1/projects/my-project/global/networks/aws-internal-connect
    region: https://www.googleapis.com/compute/v1/projects/my-project/regions/asia-northeast1
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
      fields: [bgp.advertisedIpRanges]
      grade: safe
      summary: change bgp.advertised_ip_ranges of router aws-internal-connect-router
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
from ansible_collections.podreach.gke.plugins.module_utils.gcp import routers
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import definition

DEFINITION = definition(routers.Router, routers.SPEC)


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
