#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: forwarding_rule
short_description: The address of an internal load balancer
version_added: 0.1.0
description:
  - Creates, changes and deletes the forwarding rule of an internal passthrough load balancer. At its address the
    machines behind O(backend_service) answer, who see the client's own address.
  - Only O(allow_global_access) can be changed later; to turn it off needs O(allow_disruption). Any other difference is
    refused.
author:
  - podreach.gke contributors (@podreach)
extends_documentation_fragment:
  - podreach.gke.google
  - podreach.gke.google.timeout
  - podreach.gke.attributes
options:
  name:
    description:
      - The rule's name.
    type: str
    required: true
  region:
    description:
      - The region.
    type: str
    required: true
  description:
    description:
      - A description. Fixed at creation. C([podreach.gke]) is added to it, which marks what this collection created.
    type: str
  load_balancing_scheme:
    description:
      - The kind of load balancer. Others than internal passthrough ones are not made by this module.
    type: str
    choices: [INTERNAL]
    default: INTERNAL
  ip_address:
    description:
      - The address, of the subnetwork's primary range, or a reserved one by its name, path or URL, see
        M(podreach.gke.address). Google chooses one otherwise, which is lost when the rule is deleted.
    type: str
  ip_protocol:
    description:
      - The protocol, the same as that of O(backend_service). V(TCP) if a new rule is not told.
    type: str
    choices: [TCP, UDP]
  ports:
    description:
      - One to five ports at which it answers. To create a rule, either this or O(all_ports) is needed.
      - The machines get the packets with the port that the client asked for; a load balancer of this kind does not
        change it.
    type: list
    elements: str
  all_ports:
    description:
      - Whether it answers at all ports.
    type: bool
  allow_global_access:
    description:
      - Whether clients of other regions reach it, also those that come by VPN or by a peered network. Google's
        default is V(false).
    type: bool
  backend_service:
    description:
      - The backend service, by name, path or URL. Needed to create a rule.
    type: str
  network:
    description:
      - The network, by name or URL. Follows from O(subnetwork); alone it will do in a network that makes its
        subnetworks by itself.
    type: str
  subnetwork:
    description:
      - The subnetwork that the address is of, by name or URL; one of a Shared VPC host by its path
        (V(projects/host/regions/asia-northeast1/subnetworks/shared)).
    type: str
seealso:
  - module: podreach.gke.forwarding_rule_info
  - module: podreach.gke.backend_service
  - module: podreach.gke.address
  - name: Forwarding rules
    description: Google's documentation.
    link: https://cloud.google.com/load-balancing/docs/forwarding-rule-concepts
"""

EXAMPLES = r"""
- name: Reserve the address, so that it outlives the rule
  podreach.gke.address:
    name: proxy
    region: asia-northeast1
    subnetwork: my-subnet

- name: Let the proxies answer there
  podreach.gke.forwarding_rule:
    name: proxy
    region: asia-northeast1
    subnetwork: my-subnet
    ip_address: proxy
    ports: ["80"]
    backend_service: proxy
    allow_global_access: true
"""

RETURN = r"""
resource:
  description: The rule as the API has it; in check mode as it would be.
  returned: success
  type: dict
  sample:
    IPAddress: 10.1.0.2
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
      summary: create forwarding_rule proxy
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
from ansible_collections.podreach.gke.plugins.module_utils.gcp import forwarding_rules
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import definition

DEFINITION = definition(forwarding_rules.ForwardingRule, forwarding_rules.SPEC)


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
