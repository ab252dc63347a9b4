#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: external_vpn_gateway
short_description: What Google is told of the VPN gateways at the other end
version_added: 0.1.0
description:
  - Creates, replaces and deletes an external VPN gateway, which names the addresses of a peer outside Google Cloud. For
    AWS these are the outside addresses of the tunnels of two VPN connections.
  - It is a global resource, and nothing of it can be changed. With O(confirm_replace) it is deleted and made anew, as
    long as no tunnel uses it.
author:
  - podreach.gke contributors (@podreach)
extends_documentation_fragment:
  - podreach.gke.google
  - podreach.gke.google.timeout
  - podreach.gke.attributes
options:
  name:
    description:
      - The external gateway's name.
    type: str
    required: true
  description:
    description:
      - A description. Fixed at creation. C([podreach.gke]) is added to it, which marks what this collection created.
    type: str
  interfaces:
    description:
      - All interfaces of the peer, 1, 2 or 4 of them. Needed to create an external gateway.
    type: list
    elements: dict
    suboptions:
      id:
        description:
          - Its number, from 0 on. Tunnels name it.
        type: int
        required: true
      ip_address:
        description:
          - Its outside address.
        type: str
        required: true
  redundancy_type:
    description:
      - What the peer is. Without it, it follows from how many O(interfaces) there are.
    type: str
    choices: [SINGLE_IP_INTERNALLY_REDUNDANT, TWO_IPS_REDUNDANCY, FOUR_IPS_REDUNDANCY]
  confirm_replace:
    description:
      - The external gateway's own name, to confirm that it may be deleted and made anew, if that is what its changes
        need.
    type: str
seealso:
  - module: podreach.gke.vpn_gateway
  - module: podreach.gke.vpn_tunnel
"""

EXAMPLES = r"""
- name: The four outside addresses of two AWS VPN connections
  podreach.gke.external_vpn_gateway:
    name: aws-peer
    interfaces:
      - id: 0
        ip_address: 203.0.113.11
      - id: 1
        ip_address: 203.0.113.12
      - id: 2
        ip_address: 203.0.113.21
      - id: 3
        ip_address: 203.0.113.22

- name: The second connection was made anew and has other addresses
  podreach.gke.external_vpn_gateway:
    name: aws-peer
    interfaces:
      - id: 0
        ip_address: 203.0.113.11
      - id: 1
        ip_address: 203.0.113.12
      - id: 2
        ip_address: 203.0.113.31
      - id: 3
        ip_address: 203.0.113.32
    confirm_replace: aws-peer
"""

RETURN = r"""
resource:
  description: The external gateway as the API has it; in check mode as it would be.
  returned: success
  type: dict
  sample:
    description: "[podreach.gke]"
    interfaces:
      - id: 0
        ipAddress: 203.0.113.11
      - id: 1
        ipAddress: 203.0.113.12
      - id: 2
        ipAddress: 203.0.113.21
      - id: 3
        ipAddress: 203.0.113.22
    name: aws-peer
    redundancyType: FOUR_IPS_REDUNDANCY
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
      summary: create external_vpn_gateway aws-peer
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
from ansible_collections.podreach.gke.plugins.module_utils.gcp import external_vpn_gateways
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import definition

DEFINITION = definition(external_vpn_gateways.ExternalVpnGateway, external_vpn_gateways.SPEC)


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
