#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: firewall_rule
short_description: A firewall rule of a VPC network
version_added: 0.1.0
description:
  - Creates, changes and deletes a VPC firewall rule.
  - Lists are merged, so that what is not mentioned stays; O(purge_rules), O(purge_ranges) and O(purge_tags) make them
    exact.
  - Changes that may refuse traffic that flows now need O(allow_disruption). These are every change of O(priority),
    O(disabled), O(denied), tags or service accounts, and whatever is taken away from O(allowed) or from a list of
    ranges.
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
  network:
    description:
      - The network, by name or URL. Needed to create a rule, fixed afterwards.
    type: str
  description:
    description:
      - A description. C([podreach.gke]) is added to it, which marks what this collection created.
    type: str
  direction:
    description:
      - Whether the rule is about what arrives at the targets or about what leaves them. Google's default is V(INGRESS).
        Fixed at creation.
    type: str
    choices: [INGRESS, EGRESS]
  priority:
    description:
      - V(0) (first) to V(65535) (last). Google's default is V(1000).
    type: int
  allowed:
    description:
      - What the rule admits. To create a rule, either this or O(denied) is needed. A rule cannot turn from one to the
        other.
    type: list
    elements: dict
    suboptions: &protocols
      ip_protocol:
        description:
          - A protocol such as V(tcp), V(udp), V(icmp), V(esp) or V(all), in lower case, or a protocol's number.
          - Name a protocol once, with all its ports.
        type: str
        required: true
      ports:
        description:
          - Ports and ranges of ports such as V(8000-8100). Without them, all ports.
          - A protocol that is mentioned has exactly the ports that are mentioned with it.
        type: list
        elements: str
  denied:
    description:
      - What the rule refuses.
    type: list
    elements: dict
    suboptions: *protocols
  source_ranges:
    description:
      - Where traffic may come from, as CIDRs.
      - Google takes V(0.0.0.0/0), everywhere, for a new V(INGRESS) rule that names no source at all. To narrow such a
        rule later, give the ranges with O(purge_ranges=true).
    type: list
    elements: str
  destination_ranges:
    description:
      - Where traffic may go to, as CIDRs. Google takes V(0.0.0.0/0) for a new V(EGRESS) rule without it.
    type: list
    elements: str
  source_tags:
    description:
      - Network tags of machines that traffic may come from. An instance's tag stands for its primary address only, so
        that pods with addresses of a secondary range have to be given as O(source_ranges).
    type: list
    elements: str
  target_tags:
    description:
      - Network tags of the machines that the rule is for. All machines of the network otherwise.
    type: list
    elements: str
  source_service_accounts:
    description:
      - Service accounts of machines that traffic may come from. Not together with tags.
    type: list
    elements: str
  target_service_accounts:
    description:
      - Service accounts of the machines that the rule is for. Not together with tags.
    type: list
    elements: str
  disabled:
    description:
      - Whether the rule is there without being enforced. Google's default is V(false).
    type: bool
  log_config:
    description:
      - Logging of connections that the rule decides about.
    type: dict
    suboptions:
      enable:
        description:
          - Whether to log them.
        type: bool
        required: true
  purge_rules:
    description:
      - Remove the protocols that O(allowed) or O(denied), whichever is given, does not mention.
    type: bool
    default: false
  purge_ranges:
    description:
      - Remove the ranges that O(source_ranges) and O(destination_ranges) do not mention. A list that is not given
        stays.
    type: bool
    default: false
  purge_tags:
    description:
      - Remove the tags and service accounts that the lists of these do not mention. A list that is not given stays.
    type: bool
    default: false
seealso:
  - module: podreach.gke.network
  - name: VPC firewall rules
    description: Google's documentation.
    link: https://cloud.google.com/firewall/docs/firewalls
"""

EXAMPLES = r"""
- name: Admit an AWS VPC to pods and nodes
  podreach.gke.firewall_rule:
    name: aws-internal-connect-from-aws
    network: aws-internal-connect
    direction: INGRESS
    source_ranges:
      - 172.16.0.0/16
    allowed:
      - ip_protocol: tcp
        ports: ["443", "8000-8100"]
      - ip_protocol: icmp

- name: Admit a second VPC too, and keep the first
  podreach.gke.firewall_rule:
    name: aws-internal-connect-from-aws
    source_ranges:
      - 172.17.0.0/16

- name: Admit the second one only
  podreach.gke.firewall_rule:
    name: aws-internal-connect-from-aws
    source_ranges:
      - 172.17.0.0/16
    purge_ranges: true
    allow_disruption: true

- name: Keep certain machines from reaching AWS
  podreach.gke.firewall_rule:
    name: aws-internal-connect-not-to-aws
    network: aws-internal-connect
    direction: EGRESS
    priority: 900
    destination_ranges:
      - 172.16.0.0/16
    target_tags:
      - no-aws
    denied:
      - ip_protocol: all
"""

RETURN = r"""
resource:
  description: The rule as the API has it; in check mode as it would be.
  returned: success
  type: dict
  sample:
    allowed:
      - IPProtocol: tcp
        ports: ["443", "8000-8100"]
      - IPProtocol: icmp
    description: "[podreach.gke]"
    direction: INGRESS
    disabled: false
    logConfig:
      enable: false
    name: aws-internal-connect-from-aws
    network: https://www.googleapis.com/compute/v1/projects/my-project/global/networks/aws-internal-connect
    priority: 1000
    sourceRanges:
      - 172.16.0.0/16
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
      fields: [sourceRanges]
      grade: safe
      summary: change source_ranges of firewall_rule aws-internal-connect-from-aws
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
from ansible_collections.podreach.gke.plugins.module_utils.gcp import firewall_rules
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import definition

DEFINITION = definition(firewall_rules.FirewallRule, firewall_rules.SPEC)


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
