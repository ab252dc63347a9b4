#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vpn_tunnel_info
short_description: What VPN tunnels say of themselves
version_added: 0.1.0
description:
  - Reads one VPN tunnel, or all tunnels of a region, a gateway, a router or a project, with their status.
  - Secrets and their hashes are left out.
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
      - The tunnel's name. Every tunnel otherwise.
    type: str
  region:
    description:
      - The region. All regions otherwise; one that does not answer becomes a warning.
    type: str
  vpn_gateway:
    description:
      - The HA VPN gateway whose tunnels are read, by name or URL. Those of all gateways otherwise.
    type: str
  router:
    description:
      - The Cloud Router whose tunnels are read, by name or URL. Those of all routers otherwise.
    type: str
seealso:
  - module: podreach.gke.vpn_tunnel
"""

EXAMPLES = r"""
- name: The tunnels of a gateway
  podreach.gke.vpn_tunnel_info:
    region: asia-northeast1
    vpn_gateway: aws-vpn
  register: aws

- name: All of them must be up
  ansible.builtin.assert:
    that: aws.tunnels | map(attribute='status') | unique == ['ESTABLISHED']
    fail_msg: "{{ aws.tunnels | items2dict(key_name='name', value_name='detailedStatus') | to_json }}"
"""

RETURN = r"""
tunnels:
  description: The tunnels as the API has them, by name, without secrets and their hashes. None found is no failure.
  returned: success
  type: list
  elements: dict
  sample:
    - description: "[podreach.gke]"
      detailedStatus: Tunnel is up and running.
      ikeVersion: 2
      name: aws-vpn-1-tunnel-1
      peerExternalGateway: https://www.googleapis.com/compute/v1/projects/my-project/global/externalVpnGateways/aws-peer
      peerExternalGatewayInterface: 0
      peerIp: 203.0.113.11
      status: ESTABLISHED
      vpnGatewayInterface: 0
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
from ansible_collections.podreach.gke.plugins.module_utils.gcp import info

DEFINITION = info.definition("vpn_tunnel")


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
