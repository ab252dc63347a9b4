#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ha_vpn
short_description: An HA VPN between Google Cloud and AWS, both halves
version_added: 0.1.0
description:
  - Makes Google's HA VPN gateway and Cloud Router, AWS's gateway, customer gateways and connections, and Google's
    external gateway, tunnels and BGP sessions, and waits until the sessions are up. Each cloud needs the other's
    addresses, so that it goes to Google, to AWS, and to Google again.
  - Without O(aws) it makes Google's half alone, toward any peer.
  - Everything is read, planned and judged before the first change. A run that was killed is taken up where it stopped,
    and makes nothing twice.
  - The tunnels' keys go from AWS to Google inside this module, and are in no result, diff, plan or message.
  - Before a route table of AWS's gets routes to Google, by propagation or because more is advertised, RV(new_routes)
    says which these are. A default route, and one that takes traffic from a route that is there, need
    O(allow_disruption). So does a new VPN by which Google's network would learn a route that takes traffic from a route
    of its own.
  - EC2 refuses pods all the same until a security group admits them. See M(podreach.gke.aws_pod_access).
author:
  - podreach.gke contributors (@podreach)
extends_documentation_fragment:
  - podreach.gke.google
  - podreach.gke.attributes
options:
  name:
    description:
      - Name of the HA VPN gateway in Google Cloud, and of AWS's half in its tags. Tunnels, interfaces and sessions are
        named after it, such as C(NAME-1-tunnel-1), C(NAME-1-if-1) and C(NAME-1-bgp-1). First comes the interface of
        Google's gateway, then the tunnel of it.
    type: str
    required: true
  region:
    description:
      - Google's region of the gateway, the router and the tunnels.
    type: str
    required: true
  network:
    description:
      - Network of the gateway and the router. Needed to create them.
    type: str
  router:
    description:
      - Name of the Cloud Router. One that exists is used. If not given it is C(NAME-router).
    type: str
  keep_router:
    description:
      - With O(state=absent), leave the router, and only take the interfaces and sessions of this VPN out of it.
    type: bool
    default: false
  asn:
    description:
      - AS number of the router, a private one (V(64512) to V(65534), or V(4200000000) to V(4294967294)), and not the
        peer's. Needed to create the router, and taken from it where it exists. Cannot be changed later.
    type: int
  advertise_mode:
    description:
      - V(DEFAULT) advertises the network's subnetworks, pods' secondary ranges included, V(CUSTOM) what the two lists
        below say. The pods of a routes-based cluster are in no subnetwork, and need V(CUSTOM).
    type: str
    choices: [DEFAULT, CUSTOM]
  advertised_groups:
    description:
      - Groups of ranges to advertise in mode V(CUSTOM).
    type: list
    elements: str
    choices: [ALL_SUBNETS]
  advertised_ip_ranges:
    description:
      - Ranges to advertise in mode V(CUSTOM), besides the groups.
    type: list
    elements: dict
    suboptions:
      range:
        description:
          - The range.
        type: str
        required: true
      description:
        description:
          - What the range is for.
        type: str
  purge_advertisement:
    description:
      - Whether advertised ranges and groups that are not listed are withdrawn.
    type: bool
    default: false
  confirm_withdraw_subnets:
    description:
      - The router's own name, as the word that it may stop advertising the subnetworks (mode V(CUSTOM) without
        V(ALL_SUBNETS)).
    type: str
  advertised_prefix_limit:
    description:
      - How many prefixes a BGP session may advertise. A change that would push one beyond it is refused, with the count
        of each session.
      - If not given it is 1000 toward a transit gateway, and 100 otherwise, since AWS's virtual private gateway closes
        a session that brings more.
    type: int
  external_gateway:
    description:
      - Name of the external VPN gateway, which tells Google of the peer's addresses. If not given it is C(NAME-peer).
      - Where these addresses change, tunnels move to a second one, one after the other. Its name ends in C(-2), C(-3)
        or C(-4), and what no tunnel uses any more is deleted.
    type: str
  aws:
    description:
      - AWS's half. It gets one connection of two tunnels for each of the two addresses of Google's gateway. Without it
        there is Google's half alone, see O(peer_interfaces).
    type: dict
    suboptions:
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
              - A virtual private gateway sends by one tunnel. A transit gateway can use all at once (ECMP), and has to
                be reached by static routes of the VPC.
            type: str
            choices: [virtual_private_gateway, transit_gateway]
          id:
            description:
              - A gateway that exists already. It is used, and never deleted unless this collection made it for O(name).
            type: str
          asn:
            description:
              - AWS's ASN, V(64512) to V(65534) or V(4200000000) to V(4294967294), fixed once the gateway is made.
                V(64512) if not given.
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
      connections:
        description:
          - What differs from connection to connection, in the order of the interfaces of Google's gateway.
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
                  - The range for BGP, a C(/30) of C(169.254.0.0/16). AWS takes the first address of it, Google the
                    second.
                type: str
      tunnel_options:
        description:
          - Options of all tunnels. For existing connections only what is given is compared. A change takes the tunnel
            down for some minutes, is made tunnel by tunnel, and needs O(allow_disruption).
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
          - With a virtual private gateway, what it learns by BGP is propagated into them. With a transit gateway, they
            get a static route for each of O(aws.google_ranges).
        type: list
        elements: str
      purge_route_tables:
        description:
          - Stop propagation into route tables that O(aws.route_tables) does not mention. Needs O(allow_disruption).
        type: bool
        default: false
      google_ranges:
        description:
          - Google's ranges, pods included. A range that overlaps the VPC is refused, since the VPC's local route always
            wins.
        type: list
        elements: str
  peer_asn:
    description:
      - The peer's AS number, with O(peer_interfaces).
    type: int
  peer_interfaces:
    description:
      - The ends at a peer that is made elsewhere, where O(aws) is not given. There are 1, 2 or 4 of them, one for each
        tunnel. The first half of them belongs to the first interface of Google's gateway. One address may stand there
        twice.
    type: list
    elements: dict
    suboptions:
      ip_address:
        description:
          - The peer's outside address.
        type: str
        required: true
      ip_range:
        description:
          - Google's address in the tunnel, with its mask, such as V(169.254.24.222/30).
        type: str
      peer_ip_address:
        description:
          - The peer's address in the tunnel.
        type: str
  pre_shared_keys:
    description:
      - The tunnels' keys, in the order of the tunnels; four with AWS. Needed with O(peer_interfaces).
      - AWS makes them where none are given, and with O(aws.make_keys) this module does. Both are for new tunnels. Those
        that are there get other keys by four new ones here and O(confirm_replace), whoever made their keys of now; the
        four may be left out again in the next run.
    type: list
    elements: str
    default: []
  wait_established:
    description:
      - Seconds to wait until all tunnels and sessions of this VPN are up; if they are not by then, the task fails and
        names them, with what to look at. V(0) does not wait, for a peer that is not there yet.
      - Where nothing has to be changed and at least one session is up, what is down is a warning, and is not waited
        for.
      - It is also the time that a tunnel that is made anew has to come up again, or 600 seconds where it is V(0).
    type: int
    default: 300
  prerequisite_timeout:
    description:
      - Seconds to wait for O(network) where it does not exist yet, because something else is building it. Then, and in
        check mode, a missing one is named.
    type: int
    default: 0
  confirm_replace:
    description:
      - O(name), as the word that whatever of this VPN has to be made anew may be. Its tunnels are, one after the other.
        A session is switched off before its tunnel goes, and the next one's turn comes when both ends say that the last
        one is up, and as many prefixes are learned and advertised as before. AWS's connections are replaced one after
        the other too, and Google's tunnels follow their new addresses.
      - Or a tunnel's name, for this one alone. It is made anew in any case, with the key of now, since nobody can read
        which one it has.
      - Or the name of O(external_gateway), where no tunnel uses it.
      - Any other name is an error. Where nothing has to be made anew, O(name) is a warning; new keys are what
        O(pre_shared_keys) gives.
    type: str
  unmarked:
    description:
      - What to do, with O(state=absent), about what this collection did not create at Google. V(refuse) deletes nothing
        at all, V(keep) leaves it alone, with a warning, and deletes the rest.
    type: str
    choices: [refuse, keep]
    default: refuse
  wait:
    description:
      - Whether to bring it to its end. If not, what needs no waiting for AWS is started (Google's gateway and router,
        AWS's gateway, customer gateways and connections), and a later call without this option takes it up. Nothing is
        replaced or deleted before that.
    type: bool
    default: true
  timeout:
    description:
      - Seconds that each part of the task may take to wait for operations of a cloud. What was begun goes on there, and
        the next run adopts it.
    type: int
    default: 1200
  aws_region:
    description:
      - The AWS region.
      - Defaults to the environment variable E(AWS_REGION), then E(AWS_DEFAULT_REGION), then to the region of the
        profile.
    type: str
  aws_profile:
    description:
      - A profile of boto3's configuration files. It is not mixed with keys of the environment.
      - Defaults to the environment variable E(AWS_PROFILE), then E(AWS_DEFAULT_PROFILE).
    type: str
  aws_access_key:
    description:
      - The id of an access key. Needs O(aws_secret_key).
      - Defaults to the environment variable E(AWS_ACCESS_KEY_ID). Without any, boto3 looks where it always does.
    type: str
  aws_secret_key:
    description:
      - The secret of the access key.
      - Defaults to the environment variable E(AWS_SECRET_ACCESS_KEY).
    type: str
  aws_session_token:
    description:
      - The session token of temporary keys.
      - Defaults to the environment variable E(AWS_SESSION_TOKEN).
    type: str
  aws_endpoint_url:
    description:
      - Where the APIs of AWS are, if not at AWS.
      - Defaults to the environment variables and settings that boto3 knows, of which E(AWS_ENDPOINT_URL) is the first.
    type: str
  aws_account:
    description:
      - The id of the account that the credentials are expected to be of. Others are refused before anything is read or
        written.
    type: str
notes:
  - Google's credentials need the permissions C(compute.vpnGateways.*), C(compute.externalVpnGateways.*),
    C(compute.vpnTunnels.*) and C(compute.routers.*), and C(get) and C(list) of networks, subnetworks and operations.
    AWS's need those of M(podreach.gke.aws_vpn).
  - The sessions of the VPN are switched on. One that was switched off by hand is switched on again.
requirements:
  - boto3, for O(aws)
seealso:
  - module: podreach.gke.aws_vpn
  - module: podreach.gke.aws_pod_access
  - module: podreach.gke.router_status_info
  - name: HA VPN with AWS
    description: Google's guide.
    link: https://cloud.google.com/network-connectivity/docs/vpn/how-to/connect-ha-vpn-aws-peer-gateway
"""

EXAMPLES = r"""
- name: Both halves, until the sessions are up
  podreach.gke.ha_vpn:
    name: aws-vpn
    region: asia-northeast1
    network: aws-internal-connect
    asn: 65010
    aws_region: ap-northeast-1
    aws:
      vpc_name: aws-vpc
      route_tables: [all]

- name: Make every tunnel that needs it anew, one after the other
  podreach.gke.ha_vpn:
    name: aws-vpn
    region: asia-northeast1
    network: aws-internal-connect
    aws_region: ap-northeast-1
    aws:
      vpc_name: aws-vpc
      route_tables: [all]
      tunnel_options:
        phase2_dh_group_numbers: [20]
    confirm_replace: aws-vpn

- name: Google's half alone, toward a peer that is not there yet
  podreach.gke.ha_vpn:
    name: office-vpn
    region: asia-northeast1
    network: aws-internal-connect
    asn: 65010
    peer_asn: 65020
    peer_interfaces:
      - ip_address: 203.0.113.7
        ip_range: 169.254.30.2/30
        peer_ip_address: 169.254.30.1
    pre_shared_keys: ["{{ key_of_the_vault }}"]
    wait_established: 0

- name: Take both halves away, and leave the router
  podreach.gke.ha_vpn:
    name: aws-vpn
    region: asia-northeast1
    aws_region: ap-northeast-1
    aws: {}
    keep_router: true
    state: absent
"""

RETURN = r"""
gateway:
  description: Google's gateway; V(null) if there is none.
  returned: success
  type: dict
  contains:
    name:
      description: Its name.
      type: str
    addresses:
      description: Its two addresses; C((known after apply)) each, in check mode where it would be made.
      type: list
      elements: str
  sample:
    name: aws-vpn
    addresses: [35.242.36.198, 35.220.126.72]
router:
  description: The Cloud Router.
  returned: success
  type: dict
  contains:
    name:
      description: Its name.
      type: str
    asn:
      description: Its AS number.
      type: int
  sample:
    name: aws-vpn-router
    asn: 65010
external_gateway:
  description: Name of the external gateway that the tunnels lead to.
  returned: success
  type: str
  sample: aws-vpn-peer
tunnels:
  description: The tunnels with their sessions, in order.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the tunnel.
      type: str
    status:
      description: Google's word on the tunnel, C(ESTABLISHED) where it is up.
      type: str
    detailed_status:
      description: Google's words on it.
      type: str
    vpn_gateway_interface:
      description: The interface of Google's gateway.
      type: int
    peer_external_gateway_interface:
      description: The interface of the external gateway; V(null) in check mode where that would be made.
      type: int
    peer_ip:
      description: The peer's outside address.
      type: str
    interface:
      description: Name of the router's interface.
      type: str
    ip_range:
      description: Google's address in the tunnel.
      type: str
    peer_ip_address:
      description: The peer's address in the tunnel.
      type: str
    session:
      description: Name of the BGP session.
      type: str
    session_state:
      description: State of the BGP session, C(Established) where it is up.
      type: str
    learned_routes:
      description: How many prefixes it has learned.
      type: int
    advertised_routes:
      description: How many prefixes it advertises.
      type: int
  sample:
    - name: aws-vpn-1-tunnel-1
      status: ESTABLISHED
      detailed_status: Tunnel is up and running.
      vpn_gateway_interface: 0
      peer_external_gateway_interface: 0
      peer_ip: 203.0.113.1
      interface: aws-vpn-1-if-1
      ip_range: 169.254.73.158/30
      peer_ip_address: 169.254.73.157
      session: aws-vpn-1-bgp-1
      session_state: Established
      learned_routes: 1
      advertised_routes: 1
aws:
  description: AWS's half, where O(aws) is given; the same as of M(podreach.gke.aws_vpn), never with keys.
  returned: success
  type: dict
  contains:
    gateway:
      description: The gateway, with C(id), C(type), C(asn) and whether this collection made it (C(owned)).
      type: dict
    vpc_id:
      description: The VPC.
      type: str
    connections:
      description: The connections, in the order of Google's addresses, with their tunnels.
      type: list
      elements: dict
  sample:
    gateway:
      asn: 64512
      id: vgw-05d37ca8f0b5a6d3e
      owned: true
      type: virtual_private_gateway
    vpc_id: vpc-554d879591992d4b3
    connections:
      - id: vpn-977cb1f63a7202c76
        state: available
        customer_gateway_id: cgw-43f7505c187ca31e9
        customer_address: 35.242.36.198
        customer_asn: 65010
        owned: true
        tunnels:
          - outside_ip_address: 203.0.113.1
            inside_cidr: 169.254.73.156/30
            aws_inside_address: 169.254.73.157
            customer_inside_range: 169.254.73.158/30
            status: UP
            status_message: 1 BGP ROUTES
            accepted_route_count: 1
new_routes:
  description:
    - The routes to Google that route tables of the VPC newly get by this task, or in check mode would.
    - They are what the sessions of this VPN will advertise, and what other tables have got from the gateway.
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
  description:
    - The steps that were done, or would be in check mode. C(NAME/0) and C(NAME/1) stand for the addresses of Google's
      gateway, which nobody knows before it is made.
  returned: success
  type: list
  elements: dict
  contains:
    resource:
      description: The resource, by kind and path; AWS's half is one.
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
      description: The fields that differ.
      type: list
      elements: str
  sample:
    - action: create
      fields: []
      grade: safe
      resource: vpn_gateway projects/my-project/regions/asia-northeast1/vpnGateways/aws-vpn
      summary: create vpn_gateway aws-vpn
    - action: create
      fields: []
      grade: safe
      resource: aws_vpn aws-vpn
      summary: create the connection to aws-vpn/0
operation:
  description: What still goes on, where O(wait=false).
  returned: success
  type: str
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
      description: The resource.
      type: str
    operation:
      description: The operation that failed or still goes on.
      type: str
"""

from ansible_collections.podreach.gke.plugins.module_utils.arguments import run_as_module
from ansible_collections.podreach.gke.plugins.module_utils.ha_vpn import task

DEFINITION = task.DEFINITION


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
