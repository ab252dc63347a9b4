#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vpn_gateway_info
short_description: What HA VPN gateways there are, and how redundant their connections are
version_added: 0.1.0
description:
  - Reads one HA VPN gateway, or all gateways of a region, a network or a project, with their addresses.
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
      - The gateway's name. Every gateway otherwise.
    type: str
  region:
    description:
      - The region. All regions otherwise; one that does not answer becomes a warning.
    type: str
  network:
    description:
      - The network whose gateways are read, by name or URL. Those of all networks otherwise.
    type: str
  include_status:
    description:
      - Whether to ask every gateway for its connections too, and whether each has the tunnels that Google's promise of
        99.99 % availability asks for. One request more for each gateway.
    type: bool
    default: false
seealso:
  - module: podreach.gke.vpn_gateway
  - module: podreach.gke.vpn_tunnel_info
"""

EXAMPLES = r"""
- name: The gateways of a network, with their connections
  podreach.gke.vpn_gateway_info:
    network: aws-internal-connect
    include_status: true
  register: found

- name: Each connection must have all its tunnels
  ansible.builtin.assert:
    that: item.status.vpnConnections | default([]) | rejectattr('state.state', 'eq', wanted) | length == 0
  loop: "{{ found.resources }}"
  loop_control:
    label: "{{ item.name }}"
  vars:
    wanted: CONNECTION_REDUNDANCY_MET
"""

RETURN = r"""
resources:
  description:
    - The gateways as the API has them, by name, each like RV(podreach.gke.vpn_gateway#module:resource).
      None found is no failure.
    - What this collection created has V([podreach.gke]) at the end of its C(description).
    - With O(include_status=true) each has C(status) besides, the API's answer to C(getStatus). It tells how tunnels are
      laid out, not whether they are up; M(podreach.gke.vpn_tunnel_info) tells that.
  returned: success
  type: list
  elements: dict
  sample:
    - name: aws-vpn
      network: https://www.googleapis.com/compute/v1/projects/my-project/global/networks/aws-internal-connect
      stackType: IPV4_ONLY
      status:
        vpnConnections:
          - peerExternalGateway: https://www.googleapis.com/compute/v1/projects/my-project/global/externalVpnGateways/aws-peer
            state:
              state: CONNECTION_REDUNDANCY_MET
            tunnels:
              - localGatewayInterface: 0
                peerGatewayInterface: 0
              - localGatewayInterface: 0
                peerGatewayInterface: 1
              - localGatewayInterface: 1
                peerGatewayInterface: 2
              - localGatewayInterface: 1
                peerGatewayInterface: 3
      vpnInterfaces:
        - id: 0
          ipAddress: 35.242.172.109
        - id: 1
          ipAddress: 35.220.42.103
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
      description: Not used here.
      type: str
    operation:
      description: Not used here.
      type: str
"""

from ansible_collections.podreach.gke.plugins.module_utils.arguments import run_as_module
from ansible_collections.podreach.gke.plugins.module_utils.gcp import info

DEFINITION = info.definition("vpn_gateway")


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
