#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vpn_tunnel
short_description: A tunnel of an HA VPN gateway
version_added: 0.1.0
description:
  - Creates, replaces and deletes a VPN tunnel from an HA VPN gateway to an external gateway or to another HA VPN
    gateway. It carries traffic once a router has an interface and a BGP peer on it, see M(podreach.gke.router).
  - Nothing of a tunnel can be changed. With O(confirm_replace) it is deleted and made anew, and carries nothing
    meanwhile. A difference in O(description) alone is refused.
  - The secret is never shown, and no hash of it either.
  - A secret can't be read back, so an existing tunnel's is not compared with O(shared_secret). See O(update_secret).
author:
  - podreach.gke contributors (@podreach)
extends_documentation_fragment:
  - podreach.gke.google
  - podreach.gke.google.timeout
  - podreach.gke.attributes
options:
  name:
    description:
      - The tunnel's name.
    type: str
    required: true
  region:
    description:
      - The region of the gateway, the router and the tunnel.
    type: str
    required: true
  description:
    description:
      - A description. Fixed at creation. C([podreach.gke]) is added to it, which marks what this collection created.
    type: str
  vpn_gateway:
    description:
      - The HA VPN gateway at this end, by name or URL. Needed to create a tunnel.
    type: str
  vpn_gateway_interface:
    description:
      - The interface of O(vpn_gateway). Needed to create a tunnel.
    type: int
    choices: [0, 1]
  peer_external_gateway:
    description:
      - The external VPN gateway at the other end, by name or URL. This or O(peer_gcp_gateway) is needed to create a
        tunnel.
    type: str
  peer_external_gateway_interface:
    description:
      - The interface of O(peer_external_gateway).
    type: int
    choices: [0, 1, 2, 3]
  peer_gcp_gateway:
    description:
      - The HA VPN gateway at the other end, by name, or by URL if it is in another project. Its interface is that of
        the same number.
    type: str
  router:
    description:
      - The Cloud Router that speaks BGP over the tunnel, by name or URL. Needed to create a tunnel.
    type: str
  ike_version:
    description:
      - The IKE version, V(2) in a new tunnel unless told otherwise.
    type: int
    choices: [1, 2]
  shared_secret:
    description:
      - The pre-shared key. Needed to create a tunnel.
      - AWS takes 8 to 64 letters, digits, dots and underscores, not starting with 0.
    type: str
  update_secret:
    description:
      - With V(on_create), O(shared_secret) goes into a tunnel that is created or replaced. With V(always), a tunnel
        that is there already is replaced every time, since nobody can tell whether its secret is the same.
    type: str
    choices: [on_create, always]
    default: on_create
  cipher_suite:
    description:
      - The ciphers that the gateway proposes, by their names in Google's documentation. Google's own lists otherwise.
      - Each list that is given is compared as a whole.
    type: dict
    suboptions:
      phase1:
        description:
          - The ciphers of IKE itself.
        type: dict
        suboptions:
          encryption:
            description:
              - Encryption algorithms.
            type: list
            elements: str
          integrity:
            description:
              - Integrity algorithms.
            type: list
            elements: str
          prf:
            description:
              - Pseudo-random functions.
            type: list
            elements: str
          dh:
            description:
              - Diffie-Hellman groups.
            type: list
            elements: str
      phase2:
        description:
          - The ciphers of the traffic.
        type: dict
        suboptions:
          encryption:
            description:
              - Encryption algorithms.
            type: list
            elements: str
          integrity:
            description:
              - Integrity algorithms.
            type: list
            elements: str
          pfs:
            description:
              - Groups for perfect forward secrecy.
            type: list
            elements: str
  wait_established:
    description:
      - Seconds to wait until the tunnel is C(ESTABLISHED), once all else is done. If it is not by then, the task fails
        and names the tunnel's status. Not waited for otherwise, nor in check mode.
      - For that, the peer must be configured, and the router must have an interface on the tunnel. The BGP session need
        not be up.
    type: int
  confirm_replace:
    description:
      - The tunnel's own name, to confirm that it may be deleted and made anew, if that is what its changes need.
    type: str
seealso:
  - module: podreach.gke.vpn_tunnel_info
  - module: podreach.gke.router
  - name: Supported IKE ciphers
    description: Google's documentation.
    link: https://cloud.google.com/network-connectivity/docs/vpn/concepts/supported-ike-ciphers
"""

EXAMPLES = r"""
- name: The first tunnel to AWS
  podreach.gke.vpn_tunnel:
    name: aws-vpn-1-tunnel-1
    region: asia-northeast1
    vpn_gateway: aws-vpn
    vpn_gateway_interface: 0
    peer_external_gateway: aws-peer
    peer_external_gateway_interface: 0
    router: aws-internal-connect-router
    shared_secret: "{{ aws_key }}"

- name: AWS has got another key, so the tunnel is made anew with it
  podreach.gke.vpn_tunnel:
    name: aws-vpn-1-tunnel-1
    region: asia-northeast1
    vpn_gateway: aws-vpn
    vpn_gateway_interface: 0
    peer_external_gateway: aws-peer
    peer_external_gateway_interface: 0
    router: aws-internal-connect-router
    shared_secret: "{{ aws_key }}"
    update_secret: always
    confirm_replace: aws-vpn-1-tunnel-1

- name: Wait until the tunnel is up
  podreach.gke.vpn_tunnel:
    name: aws-vpn-1-tunnel-1
    region: asia-northeast1
    wait_established: 120
"""

RETURN = r"""
resource:
  description: The tunnel as the API has it, without its secret and the secret's hash; in check mode as it would be.
  returned: success
  type: dict
  sample:
    description: "[podreach.gke]"
    detailedStatus: Tunnel is up and running.
    ikeVersion: 2
    name: aws-vpn-1-tunnel-1
    peerExternalGateway: https://www.googleapis.com/compute/v1/projects/my-project/global/externalVpnGateways/aws-peer
    peerExternalGatewayInterface: 0
    peerIp: 203.0.113.11
    region: https://www.googleapis.com/compute/v1/projects/my-project/regions/asia-northeast1
    router: https://www.googleapis.com/compute/v1/projects/my-project/regions/asia-northeast1/routers/aws-internal-connect-router
    status: ESTABLISHED
    vpnGateway: https://www.googleapis.com/compute/v1/projects/my-project/regions/asia-northeast1/vpnGateways/aws-vpn
    vpnGatewayInterface: 0
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
      summary: create vpn_tunnel aws-vpn-1-tunnel-1
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
from ansible_collections.podreach.gke.plugins.module_utils.gcp import vpn_tunnels
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import definition

DEFINITION = definition(vpn_tunnels.VpnTunnel, vpn_tunnels.SPEC)


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
