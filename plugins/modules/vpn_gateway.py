#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vpn_gateway
short_description: An HA VPN gateway
version_added: 0.1.0
description:
  - Creates and deletes an HA VPN gateway, Google's end of VPN tunnels. It has two interfaces, whose addresses Google
    chooses; RV(resource) has them.
  - Nothing of a gateway can be changed. Another gateway would have other addresses, so a difference is refused.
  - A gateway that tunnels still use is not deleted.
author:
  - podreach.gke contributors (@podreach)
extends_documentation_fragment:
  - podreach.gke.google
  - podreach.gke.google.timeout
  - podreach.gke.attributes
options:
  name:
    description:
      - The gateway's name.
    type: str
    required: true
  region:
    description:
      - The region.
    type: str
    required: true
  network:
    description:
      - The network, by name or URL. Needed to create a gateway, fixed afterwards.
    type: str
  description:
    description:
      - A description. Fixed at creation. C([podreach.gke]) is added to it, which marks what this collection created.
    type: str
  stack_type:
    description:
      - Which IP protocols the tunnels carry. Google's default is V(IPV4_ONLY). Fixed at creation.
    type: str
    choices: [IPV4_ONLY, IPV4_IPV6, IPV6_ONLY]
  gateway_ip_version:
    description:
      - Of which IP version the gateway's own addresses are. Google's default is V(IPV4). Fixed at creation.
    type: str
    choices: [IPV4, IPV6]
seealso:
  - module: podreach.gke.external_vpn_gateway
  - module: podreach.gke.vpn_tunnel
  - name: HA VPN to AWS
    description: Google's documentation.
    link: https://cloud.google.com/network-connectivity/docs/vpn/how-to/connect-ha-vpn-aws-peer-gateway
"""

EXAMPLES = r"""
- name: Google's end of a VPN to AWS
  podreach.gke.vpn_gateway:
    name: aws-vpn
    region: asia-northeast1
    network: aws-internal-connect
  register: gateway

- name: Show the addresses that AWS must be told
  ansible.builtin.debug:
    msg: "{{ gateway.resource.vpnInterfaces | map(attribute='ipAddress') | join(' and ') }}"
"""

RETURN = r"""
resource:
  description: The gateway as the API has it; in check mode as it would be, without addresses.
  returned: success
  type: dict
  sample:
    description: "[podreach.gke]"
    gatewayIpVersion: IPV4
    name: aws-vpn
    network: https://www.googleapis.com/compute/v1/projects/my-project/global/networks/aws-internal-connect
    region: https://www.googleapis.com/compute/v1/projects/my-project/regions/asia-northeast1
    stackType: IPV4_ONLY
    vpnInterfaces:
      - id: 0
        ipAddress: 35.242.119.128
      - id: 1
        ipAddress: 35.220.53.221
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
      summary: create vpn_gateway aws-vpn
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
from ansible_collections.podreach.gke.plugins.module_utils.gcp import vpn_gateways
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import definition

DEFINITION = definition(vpn_gateways.VpnGateway, vpn_gateways.SPEC)


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
