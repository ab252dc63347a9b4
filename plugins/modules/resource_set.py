#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: resource_set
short_description: Several Google Cloud resources, planned as one
version_added: 0.1.0
description:
  - Brings networks, subnetworks, routers, VPN gateways and tunnels, addresses, firewall rules, clusters and node pools
    to what is declared, in one task.
  - Everything is read, planned and judged first. If anything must be refused, all refusals are reported together and
    nothing is changed.
  - Then they are applied in the order in which they need each other; with O(state=absent) in the opposite order.
  - The roles of this collection use it, so that a host costs one task.
author:
  - podreach.gke contributors (@podreach)
extends_documentation_fragment:
  - podreach.gke.google
  - podreach.gke.google.timeout_cluster
  - podreach.gke.attributes
options:
  networks:
    description:
      - Networks, each with the options of M(podreach.gke.network).
    type: list
    elements: dict
    default: []
  subnetworks:
    description:
      - Subnetworks, each with the options of M(podreach.gke.subnetwork).
    type: list
    elements: dict
    default: []
  routers:
    description:
      - Cloud Routers, each with the options of M(podreach.gke.router).
      - A router's C(interfaces) and C(bgp_peers) are brought about after O(vpn_tunnels), and RV(resources) then has the
        router a second time. With O(state=absent) they are taken out of the router before the tunnels go.
    type: list
    elements: dict
    default: []
  vpn_gateways:
    description:
      - HA VPN gateways, each with the options of M(podreach.gke.vpn_gateway).
    type: list
    elements: dict
    default: []
  external_vpn_gateways:
    description:
      - External VPN gateways, each with the options of M(podreach.gke.external_vpn_gateway).
    type: list
    elements: dict
    default: []
  vpn_tunnels:
    description:
      - VPN tunnels, each with the options of M(podreach.gke.vpn_tunnel). Those that are to be waited for are waited for
        when everything else is done.
    type: list
    elements: dict
    default: []
  addresses:
    description:
      - Reserved addresses, each with the options of M(podreach.gke.address).
    type: list
    elements: dict
    default: []
  firewall_rules:
    description:
      - Firewall rules, each with the options of M(podreach.gke.firewall_rule).
    type: list
    elements: dict
    default: []
  clusters:
    description:
      - Clusters, each with the options of M(podreach.gke.cluster).
    type: list
    elements: dict
    default: []
  node_pools:
    description:
      - Node pools, each with the options of M(podreach.gke.node_pool).
      - A pool that its cluster's own C(node_pools) names too is created together with the cluster.
    type: list
    elements: dict
    default: []
  defaults:
    description:
      - Options for every item that has such an option and does not say it itself, for example C(region) or C(network).
    type: dict
    default: {}
  unmarked:
    description:
      - What to do with O(state=absent) about what this collection did not create. V(refuse) deletes nothing at all,
        V(keep) leaves it alone, with a warning, and deletes the rest.
    type: str
    choices: [refuse, keep]
    default: refuse
  confirm_replace:
    description:
      - The name of the cluster, VPN tunnel or external VPN gateway that may be deleted and made anew, if that is what
        its changes need.
    type: str
"""

EXAMPLES = r"""
- name: A network, a subnetwork for a VPC-native cluster, and a router
  podreach.gke.resource_set:
    defaults:
      network: aws-internal-connect
      region: asia-northeast1
    networks:
      - name: aws-internal-connect
    subnetworks:
      - name: aws-internal-connect-subnet-2
        ip_cidr_range: 10.1.1.0/24
        secondary_ip_ranges:
          - range_name: subnet-2-pod
            ip_cidr_range: 10.1.128.0/19
          - range_name: subnet-2-svc
            ip_cidr_range: 10.1.160.0/22
    routers:
      - name: aws-internal-connect-router
        bgp:
          asn: 65010

- name: A tunnel to AWS and the session over it
  podreach.gke.resource_set:
    defaults:
      network: aws-internal-connect
      region: asia-northeast1
    vpn_gateways:
      - name: aws-vpn
    external_vpn_gateways:
      - name: aws-peer
        interfaces:
          - id: 0
            ip_address: 203.0.113.11
    vpn_tunnels:
      - name: aws-vpn-1-tunnel-1
        vpn_gateway: aws-vpn
        vpn_gateway_interface: 0
        peer_external_gateway: aws-peer
        peer_external_gateway_interface: 0
        router: aws-internal-connect-router
        shared_secret: "{{ aws_key }}"
    routers:
      - name: aws-internal-connect-router
        interfaces:
          - name: aws-vpn-1-if-1
            ip_range: 169.254.24.222/30
            linked_vpn_tunnel: aws-vpn-1-tunnel-1
        bgp_peers:
          - name: aws-vpn-1-bgp-1
            interface_name: aws-vpn-1-if-1
            peer_ip_address: 169.254.24.221
            peer_asn: 64512
"""

RETURN = r"""
plan:
  description: The steps that were done, or would be in check mode.
  returned: success
  type: list
  elements: dict
  contains:
    resource:
      description: The resource, by kind and path.
      type: str
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
resources:
  description: Every resource, in the order in which they were applied.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: The module that manages it.
      type: str
    name:
      description: Its name.
      type: str
    changed:
      description: Whether it was changed.
      type: bool
    operation:
      description: The operation that still goes on, where O(wait=false).
      type: str
    resource:
      description: The resource as the API has it; in check mode as it would be.
      type: dict
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
from ansible_collections.podreach.gke.plugins.module_utils.gcp import resource_set

DEFINITION = resource_set.DEFINITION


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
