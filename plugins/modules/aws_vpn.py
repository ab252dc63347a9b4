#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: aws_vpn
short_description: AWS's half of an HA VPN to Google Cloud
version_added: 0.1.0
description:
  - Makes a virtual private gateway or a transit gateway, or uses one, attaches it to a VPC, and makes a customer
    gateway and a VPN connection with BGP for each address of an HA VPN gateway of Google's. Lets routes of Google's
    into the VPC's route tables.
  - All of it is one thing with one name, which is written into the tags of everything that is made. A run that was
    killed is taken up where it stopped, and makes nothing twice.
  - Google's half needs RV(connections), and this needs Google's addresses. Without O(customer_addresses) only the
    gateway is made, so that it can be ready by then.
  - Before a route table gets routes to Google, RV(new_routes) says which these are. A default route, and one that takes
    traffic from a route that is there, need O(allow_disruption).
  - EC2 refuses pods all the same until a security group admits them. See M(podreach.gke.aws_pod_access).
author:
  - podreach.gke contributors (@podreach)
extends_documentation_fragment:
  - podreach.gke.aws
  - podreach.gke.aws.state
  - podreach.gke.aws.group
  - podreach.gke.attributes
options:
  name:
    description:
      - A name for all of it. It is the tag C(podreach.gke/name) of what is made, and how it is found again.
    type: str
    required: true
  vpc_id:
    description:
      - The VPC that the gateway is attached to. Without a VPC, the gateway is made and attached to none.
    type: str
  vpc_name:
    description:
      - The same by its C(Name) tag.
    type: str
  gateway:
    description:
      - The gateway at AWS's end.
    type: dict
    suboptions:
      type:
        description:
          - What to make. Not needed for a gateway that exists. V(virtual_private_gateway) where there is none and
            nothing is said.
          - A virtual private gateway sends by one tunnel. A transit gateway can use all at once (ECMP), and has to be
            reached by static routes of the VPC.
        type: str
        choices: [virtual_private_gateway, transit_gateway]
      id:
        description:
          - A gateway that exists already. It is used, and never deleted unless this collection made it for O(name).
        type: str
      asn:
        description:
          - AWS's ASN, V(64512) to V(65534) or V(4200000000) to V(4294967294), fixed once the gateway is made. V(64512)
            if not given.
        type: int
      route_table_id:
        description:
          - A transit gateway's route table, that the connections and the VPC are associated with and propagated to.
          - Not needed where the transit gateway does so by default, as those made here do.
        type: str
      subnets:
        description:
          - Subnets for the attachment of the VPC to a transit gateway, by id or C(Name) tag, one of each zone whose
            instances shall be reached. V(all) stands for one of each zone that the VPC has a subnet in.
            Needed where there is no attachment yet; missing ones are added to one that exists.
        type: list
        elements: str
  customer_asn:
    description:
      - The ASN of Google's Cloud Router. Needed to make customer gateways.
    type: int
  customer_addresses:
    description:
      - The addresses of Google's HA VPN gateway, one or two, in the order of its interfaces. Each gets a connection of
        two tunnels.
      - A connection whose address or ASN is another one is replaced, see O(confirm_replace). One that is not mentioned
        is left.
    type: list
    elements: str
  connections:
    description:
      - What differs from connection to connection, in the order of O(customer_addresses).
    type: list
    elements: dict
    suboptions:
      tunnels:
        description:
          - The connection's two tunnels. What is not said, AWS chooses.
        type: list
        elements: dict
        suboptions:
          inside_cidr:
            description:
              - The range for BGP, a C(/30) of C(169.254.0.0/16). AWS takes the first address of it, Google the second.
            type: str
          pre_shared_key:
            description:
              - The key, 8 to 64 letters, digits, dots and underscores, not beginning with C(0).
            type: str
  tunnel_options:
    description:
      - Options of all tunnels. For existing connections only what is given is compared. A change takes the tunnel down
        for some minutes, is made tunnel by tunnel, and needs O(allow_disruption).
      - Give one value for each list. With many, the messages of IKEv2 outgrow a packet, and rekeying with Cloud VPN
        fails.
    type: dict
    suboptions:
      ike_versions:
        description:
          - IKE versions. A new connection has V(ikev2) if nothing is given.
        type: list
        elements: str
        choices: [ikev1, ikev2]
      phase1_encryption_algorithms:
        description:
          - Encryption of phase 1, the IKE SA. A new connection has V(AES256) if nothing is given.
        type: list
        elements: str
        choices: [AES128, AES256, AES128-GCM-16, AES256-GCM-16]
      phase1_integrity_algorithms:
        description:
          - Integrity of phase 1. A new connection has V(SHA2-256) if nothing is given.
        type: list
        elements: str
        choices: [SHA1, SHA2-256, SHA2-384, SHA2-512]
      phase1_dh_group_numbers:
        description:
          - Diffie-Hellman groups of phase 1. A new connection has V(14) if nothing is given.
        type: list
        elements: int
        choices: [2, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24]
      phase2_encryption_algorithms:
        description:
          - Encryption of phase 2, IPsec. A new connection has V(AES256) if nothing is given.
        type: list
        elements: str
        choices: [AES128, AES256, AES128-GCM-16, AES256-GCM-16]
      phase2_integrity_algorithms:
        description:
          - Integrity of phase 2. A new connection has V(SHA2-256) if nothing is given.
        type: list
        elements: str
        choices: [SHA1, SHA2-256, SHA2-384, SHA2-512]
      phase2_dh_group_numbers:
        description:
          - Diffie-Hellman groups of phase 2. A new connection has V(14) if nothing is given.
        type: list
        elements: int
        choices: [2, 5, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24]
      startup_action:
        description:
          - Who begins. With V(add), AWS's default, Google does; V(start) lets AWS do so.
        type: str
        choices: [add, start]
      dpd_timeout_action:
        description:
          - What AWS does when the peer is dead. Its default is V(clear).
        type: str
        choices: [clear, none, restart]
      dpd_timeout_seconds:
        description:
          - After how many seconds without a sign the peer counts as dead, 30 or more. AWS's default is 30.
        type: int
      phase1_lifetime_seconds:
        description:
          - Lifetime of phase 1, 900 to 28800 seconds. AWS's default is 28800.
        type: int
      phase2_lifetime_seconds:
        description:
          - Lifetime of phase 2, 900 to 3600 seconds, and less than that of phase 1. AWS's default is 3600.
        type: int
  make_keys:
    description:
      - Make the pre-shared keys of new tunnels here, by a rule that both clouds take. AWS makes them otherwise.
    type: bool
    default: false
  route_tables:
    description:
      - Route tables of the VPC, by id or C(Name) tag, that shall lead to Google. V(all) stands for all of them.
      - With a virtual private gateway, what it learns by BGP is propagated into them. With a transit gateway, they get
        a static route for each of O(google_ranges).
    type: list
    elements: str
  purge_route_tables:
    description:
      - Stop propagation into route tables that O(route_tables) does not mention. Needs O(allow_disruption).
    type: bool
    default: false
  google_ranges:
    description:
      - Google's ranges, pods included. A range that overlaps the VPC is refused, since the VPC's local route always
        wins.
    type: list
    elements: str
  include_pre_shared_keys:
    description:
      - Put the pre-shared keys into RV(connections[].tunnels[].pre_shared_key), for the task that makes Google's
        tunnels.
      - Only taken where the task says C(no_log=true), which keeps them out of every output. The registered result has
        them. They are never in a diff, a plan, a warning or a failure.
    type: bool
    default: false
  confirm_replace:
    description:
      - O(name) again, to confirm that connections whose address, ASN or gateway differs may be replaced. That changes
        the addresses and keys of AWS's end, so that Google's half has to follow.
      - A connection that carries traffic is replaced only while the other one is up, and the second one in a later run,
        unless O(allow_disruption=true).
    type: str
  wait:
    description:
      - Whether to wait until AWS is done. If not, the result names what goes on, and the next run adopts it.
    type: bool
    default: true
  timeout:
    description:
      - Seconds that the task may wait. What was begun goes on at AWS, and the next run adopts it.
    type: int
    default: 1200
notes:
  - The credentials need the permissions C(ec2:Describe*), and of C(ec2) C(CreateTags), C(CreateVpnGateway),
    C(AttachVpnGateway), C(DetachVpnGateway), C(DeleteVpnGateway), C(CreateCustomerGateway), C(DeleteCustomerGateway),
    C(CreateVpnConnection), C(DeleteVpnConnection), C(ModifyVpnTunnelOptions), C(EnableVgwRoutePropagation) and
    C(DisableVgwRoutePropagation). For transit gateways also C(CreateTransitGateway), C(DeleteTransitGateway),
    C(CreateTransitGatewayVpcAttachment), C(ModifyTransitGatewayVpcAttachment), C(DeleteTransitGatewayVpcAttachment),
    C(AssociateTransitGatewayRouteTable), C(EnableTransitGatewayRouteTablePropagation),
    C(GetTransitGatewayAttachmentPropagations), C(CreateRoute) and C(DeleteRoute).
  - Propagation and routes of a gateway that this collection did not make are only taken away where O(route_tables) and
    O(google_ranges) name them, and such a gateway stays attached.
seealso:
  - module: podreach.gke.aws_vpn_info
  - module: podreach.gke.aws_pod_access
  - name: HA VPN with AWS
    description: Google's guide.
    link: https://cloud.google.com/network-connectivity/docs/vpn/how-to/connect-ha-vpn-aws-peer-gateway
"""

EXAMPLES = r"""
- name: AWS's half, with keys made here
  podreach.gke.aws_vpn:
    name: google
    region: ap-northeast-1
    vpc_name: aws-vpc
    customer_asn: 65010
    customer_addresses: [192.0.2.1, 192.0.2.2]
    make_keys: true
    route_tables: [all]
    include_pre_shared_keys: true
  no_log: true
  register: aws

- name: The same by a transit gateway
  podreach.gke.aws_vpn:
    name: google-transit
    region: ap-northeast-1
    vpc_name: aws-vpc
    gateway:
      type: transit_gateway
      asn: 64600
      subnets: ["{{ subnet_id }}"]
    customer_asn: 65010
    customer_addresses: [192.0.2.3, 192.0.2.4]
    route_tables: [aws-routes]
    google_ranges: [10.1.0.0/24, 10.32.0.0/14]

- name: Delete what was made
  podreach.gke.aws_vpn:
    name: google-transit
    region: ap-northeast-1
    state: absent
"""

RETURN = r"""
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
  description: The VPC.
  returned: success
  type: str
  sample: vpc-0c1d8f2f64a3b7e19
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
new_routes:
  description:
    - The routes to Google that route tables of the VPC newly get by this task, or in check mode would.
    - They are O(google_ranges), and what other tables have got from the gateway. What Google will advertise besides is
      not known here; M(podreach.gke.ha_vpn) knows it.
  returned: success
  type: list
  elements: dict
  sample:
    - dest_range: 10.32.0.0/14
      problem: it takes traffic from the route to 10.0.0.0/8 by tgw-0c4d8a1e
      route_table: rtb-0f3d64c2
      wins: true
  contains:
    route_table:
      description: The route table's id.
      type: str
    dest_range:
      description: The destination.
      type: str
    wins:
      description: >-
        Whether traffic will take it. The VPC's local routes win over it, and a static route to the same destination.
      type: bool
    problem:
      description: Why it needs O(allow_disruption), if it does.
      type: str
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
      description: The fields that differ.
      type: list
      elements: str
  sample:
    - action: create
      fields: []
      grade: safe
      summary: create the connection to 192.0.2.1
operation:
  description: What still goes on at AWS, where O(wait=false).
  returned: success
  type: str
  sample: vpn-6f2c1a84 pending
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

DEFINITION = task.VPN


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
