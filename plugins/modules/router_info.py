#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: router_info
short_description: What Cloud Routers there are, with their configuration
version_added: 0.1.0
description:
  - Reads one Cloud Router, or all routers of a region, a network or a project, with their interfaces and BGP peers.
  - What its sessions say is read by M(podreach.gke.router_status_info). MD5 keys are not part of the API's answer.
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
      - The router's name. Every router otherwise.
    type: str
  region:
    description:
      - The region. All regions otherwise; one that does not answer becomes a warning.
    type: str
  network:
    description:
      - The network whose routers are read, by name or URL. Those of all networks otherwise.
    type: str
seealso:
  - module: podreach.gke.router
  - module: podreach.gke.router_status_info
"""

EXAMPLES = r"""
- name: The routers of a network
  podreach.gke.router_info:
    network: aws-internal-connect
  register: found

- name: Which AS numbers are in use?
  ansible.builtin.debug:
    msg: "{{ found.resources | map(attribute='bgp.asn') }}"
"""

RETURN = r"""
resources:
  description:
    - The routers as the API has them, by name, each like RV(podreach.gke.router#module:resource).
      None found is no failure.
    - What this collection created has V([podreach.gke]) at the end of its C(description).
  returned: success
  type: list
  elements: dict
  sample:
    - bgp:
        advertiseMode: DEFAULT
        asn: 65010
        keepaliveInterval: 20
      bgpPeers:
        - advertiseMode: DEFAULT
          advertisedRoutePriority: 100
          enable: 'TRUE'
          interfaceName: aws-vpn-1-if-1
          ipAddress: 169.254.24.222
          name: aws-vpn-1-bgp-1
          peerAsn: 64512
          peerIpAddress: 169.254.24.221
      interfaces:
        - ipRange: 169.254.24.222/30
          name: aws-vpn-1-if-1
      name: aws-router
      network: https://www.googleapis.com/compute/v1/projects/my-project/global/networks/aws-internal-connect
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

DEFINITION = info.definition("router")


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
