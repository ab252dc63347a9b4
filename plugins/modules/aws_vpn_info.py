#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: aws_vpn_info
short_description: AWS's half of VPNs as it is
version_added: 0.1.0
description:
  - Reads gateways with their VPN connections, the route tables behind them, and what AWS learned from Google.
  - All given options must fit. Without any, all gateways of the region are shown.
author:
  - podreach.gke contributors (@podreach)
extends_documentation_fragment:
  - podreach.gke.aws
  - podreach.gke.aws.group
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
      - The name that M(podreach.gke.aws_vpn) was given.
    type: str
  gateway_id:
    description:
      - The id of a virtual private gateway or transit gateway.
    type: str
  vpc_id:
    description:
      - A VPC that the gateway is attached to.
    type: str
  vpc_name:
    description:
      - The same by its C(Name) tag.
    type: str
  include_pre_shared_keys:
    description:
      - Put the pre-shared keys into RV(vpns[].connections[].tunnels[].pre_shared_key), for the task that makes Google's
        tunnels.
      - Only taken where the task says C(no_log=true), which keeps them out of every output. The registered result has
        them. They are never in a diff, a plan, a warning or a failure.
    type: bool
    default: false
notes:
  - The credentials need the permissions C(ec2:Describe*), C(ec2:GetTransitGatewayAttachmentPropagations) and
    C(ec2:SearchTransitGatewayRoutes).
seealso:
  - module: podreach.gke.aws_vpn
"""

EXAMPLES = r"""
- name: See whether the tunnels are up and what was learned
  podreach.gke.aws_vpn_info:
    region: ap-northeast-1
    vpc_name: aws-vpc
  register: there
"""

RETURN = r"""
vpns:
  description: The gateways, each with what belongs to it.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name that M(podreach.gke.aws_vpn) gave it; V(null) if that made none of it.
      type: str
    gateway:
      description: The gateway at AWS; V(null) if there is none.
      returned: success
      type: dict
      contains:
        id:
          description: Its id; V(null) in check mode where it would be made.
          type: str
        type:
          description: V(virtual_private_gateway) or V(transit_gateway).
          type: str
        asn:
          description: AWS's ASN.
          type: int
        owned:
          description: Whether this collection made it.
          type: bool
      sample:
        asn: 64512
        id: vgw-05d37ca8f0b5a6d3e
        owned: true
        type: virtual_private_gateway
    vpc_id:
      description: The VPC that it is attached to.
      type: str
    connections:
      description:
        - The VPN connections, in the order of the customer addresses.
      returned: success
      type: list
      elements: dict
      contains:
        id:
          description: Its id; V(null) in check mode where it would be made.
          type: str
        state:
          description: AWS's state of it.
          type: str
        customer_gateway_id:
          description: The customer gateway, which stands for one address of Google's gateway.
          type: str
        customer_address:
          description: The address of Google's gateway.
          type: str
        customer_asn:
          description: The ASN of Google's router.
          type: int
        owned:
          description: Whether this collection made it.
          type: bool
        tunnels:
          description: Its two tunnels, in AWS's order.
          type: list
          elements: dict
          contains:
            outside_ip_address:
              description: AWS's public address.
              type: str
            inside_cidr:
              description: The range for BGP.
              type: str
            aws_inside_address:
              description: AWS's address in it, the BGP peer of Google's router.
              type: str
            customer_inside_range:
              description: Google's address in it, with its mask, as a Cloud Router's interface takes it.
              type: str
            status:
              description: V(UP) or V(DOWN), as AWS reports it.
              type: str
            status_message:
              description: AWS's words about it.
              type: str
            accepted_route_count:
              description: How many routes AWS accepted from Google.
              type: int
            pre_shared_key:
              description: The key, where O(include_pre_shared_keys=true).
              type: str
      sample:
        - customer_address: 192.0.2.1
          customer_asn: 65010
          customer_gateway_id: cgw-0f3d64c2
          id: vpn-6f2c1a84
          owned: true
          state: available
          tunnels:
            - accepted_route_count: 2
              aws_inside_address: 169.254.24.221
              customer_inside_range: 169.254.24.222/30
              inside_cidr: 169.254.24.220/30
              outside_ip_address: 203.0.113.1
              status: UP
              status_message: 2 BGP ROUTES
            - accepted_route_count: 2
              aws_inside_address: 169.254.24.225
              customer_inside_range: 169.254.24.226/30
              inside_cidr: 169.254.24.224/30
              outside_ip_address: 203.0.113.2
              status: UP
              status_message: 2 BGP ROUTES
    route_tables:
      description: The route tables of its VPCs.
      type: list
      elements: dict
      contains:
        id:
          description: Its id.
          type: str
        name:
          description: Its C(Name) tag.
          type: str
        main:
          description: Whether it is the VPC's main table, which subnets without one of their own use.
          type: bool
        subnets:
          description: The subnets that it is associated with.
          type: list
          elements: str
        propagating:
          description: Whether the gateway propagates into it.
          type: bool
        ranges:
          description: What it sends to the gateway.
          type: list
          elements: str
    vpc_ranges:
      description: The blocks of the VPCs. Nothing in them reaches Google, whatever is propagated.
      type: list
      elements: str
    propagated_ranges:
      description: What was learned from the other side and is in force.
      type: list
      elements: str
    warnings:
      description: What needs a look, in words.
      type: list
      elements: str
  sample:
    - gateway:
        asn: 64512
        id: vgw-05d37ca8f0b5a6d3e
        owned: false
        type: virtual_private_gateway
      name: null
      propagated_ranges: [10.1.0.0/24]
      vpc_id: vpc-0c1d8f2f64a3b7e19
      vpc_ranges: [10.0.0.0/16]
      warnings: []
error:
  description: What went wrong, for programs.
  returned: failure
  type: dict
  contains:
    code:
      description: A short stable code of this collection, or AWS's own.
      type: str
    reason:
      description: AWS's code.
      type: str
    message:
      description: The message.
      type: str
    resource:
      description: The resource, by kind and name.
      type: str
    operation:
      description: The operation that failed or still goes on.
      type: str
"""

from ansible_collections.podreach.gke.plugins.module_utils.arguments import run_as_module
from ansible_collections.podreach.gke.plugins.module_utils.aws import task

DEFINITION = task.VPN_INFO


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
