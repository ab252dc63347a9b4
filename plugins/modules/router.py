#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: router
short_description: A Cloud Router, its BGP sessions and what they advertise
version_added: 0.1.0
description:
  - Creates, changes and deletes a Cloud Router, which speaks BGP over VPN tunnels and interconnects.
  - Its interfaces and BGP peers are told apart by name. What is not mentioned is left as it is, be it an item, a field
    of an item, or Cloud NAT.
  - Before a change, the routers of the network are read. A change after which a BGP session would advertise more than
    O(advertised_prefix_limit) prefixes is refused.
  - A router has no fingerprint, so that two writers can undo each other's work. Tasks on this machine take turns, and a
    change after which something else is missing fails and names what is missing.
author:
  - podreach.gke contributors (@podreach)
extends_documentation_fragment:
  - podreach.gke.google
  - podreach.gke.google.timeout
  - podreach.gke.google.prefix_limit
  - podreach.gke.attributes
options:
  name:
    description:
      - The router's name.
    type: str
    required: true
  region:
    description:
      - The region.
    type: str
    required: true
  network:
    description:
      - The network, by name or URL. Needed to create a router, fixed afterwards.
    type: str
  description:
    description:
      - A description. Fixed at creation. C([podreach.gke]) is added to it, which marks what this collection created.
    type: str
  bgp:
    description:
      - How the router speaks BGP. What is not mentioned keeps its value.
    type: dict
    suboptions:
      asn:
        description:
          - The router's own AS number, a private one, V(64512) to V(65534) or V(4200000000) to V(4294967294). Fixed at
            creation.
        type: int
      advertise_mode:
        description:
          - With V(DEFAULT), the router advertises the ranges of all subnetworks of the network, or of its region where
            the network's routing mode is C(REGIONAL). V(CUSTOM) advertises what O(bgp.advertised_groups) and
            O(bgp.advertised_ip_ranges) say, and nothing else.
          - Both lists are taken with V(CUSTOM) only, which has to be given with them.
          - Going back to V(DEFAULT) empties both lists and needs O(allow_disruption).
        type: str
        choices: [DEFAULT, CUSTOM]
      advertised_groups:
        description:
          - V(ALL_SUBNETS) stands for what V(DEFAULT) would advertise. V(CUSTOM) without it withdraws every subnetwork,
            and needs O(confirm_withdraw_subnets).
        type: list
        elements: str
        choices: [ALL_SUBNETS]
      advertised_ip_ranges:
        description:
          - Ranges to advertise in addition, told apart by O(bgp.advertised_ip_ranges[].range). For example the pods of
            a peered network, or of a routes-based cluster, which are in no subnetwork.
          - Ranges that are not mentioned are kept, unless O(purge_advertisement=true).
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
              - What it is.
            type: str
      keepalive_interval:
        description:
          - Seconds between two signs of life, 20 to 60. Google's default is 20. A change needs O(allow_disruption).
        type: int
      identifier_range:
        description:
          - The link-local range that BGP identifiers are taken from. A change needs O(allow_disruption).
        type: str
  interfaces:
    description:
      - Interfaces, each of which is the router's end of a VPN tunnel. Those that are not mentioned stay, unless
        O(purge_interfaces=true).
      - A change needs O(allow_disruption), a new interface does not.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - The interface's name.
        type: str
        required: true
      ip_range:
        description:
          - The router's own address in a /30 of V(169.254.0.0/16), with its prefix length, for example
            V(169.254.24.222/30). Google chooses one otherwise.
          - Towards AWS this is the inside address of the customer gateway.
        type: str
      linked_vpn_tunnel:
        description:
          - The VPN tunnel, by name or URL, which must have been made for this router. Needed for a new interface.
        type: str
      state:
        description:
          - With V(absent) the interface is removed. Its BGP peer has to go with it.
        type: str
        choices: [present, absent]
        default: present
  bgp_peers:
    description:
      - BGP peers, each of which is a session. Those that are not mentioned stay, unless O(purge_bgp_peers=true), and so
        do fields that are not mentioned.
      - A new session, and one more route over a session, are safe. What takes a session down, or takes routes away,
        needs O(allow_disruption).
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - The session's name.
        type: str
        required: true
      interface_name:
        description:
          - The interface. Needed for a new session.
        type: str
      peer_ip_address:
        description:
          - The peer's address, the other one of the interface's /30.
          - Towards AWS this is the inside address of the virtual private gateway.
        type: str
      peer_asn:
        description:
          - The peer's AS number, which is not the router's own. Needed for a new session.
        type: int
      ip_address:
        description:
          - The router's own address, which is that of the interface anyway.
        type: str
      advertised_route_priority:
        description:
          - The priority of what is advertised, which the peer sees as MED. Lower is preferred. Google's default is 100.
        type: int
      advertise_mode:
        description:
          - With V(DEFAULT), the session advertises what the router does. With V(CUSTOM), it advertises what
            O(bgp_peers[].advertised_groups) and O(bgp_peers[].advertised_ip_ranges) say, and nothing of what O(bgp)
            says.
          - Both lists are taken with V(CUSTOM) only, which has to be given with them. Going back to V(DEFAULT) empties
            them.
        type: str
        choices: [DEFAULT, CUSTOM]
      advertised_groups:
        description:
          - V(ALL_SUBNETS) stands for the subnetworks. V(CUSTOM) without it withdraws them from this session, and needs
            O(confirm_withdraw_subnets).
        type: list
        elements: str
        choices: [ALL_SUBNETS]
      advertised_ip_ranges:
        description:
          - Ranges that this session advertises in addition. Those that are not mentioned are kept, unless
            O(purge_advertisement=true).
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
              - What it is.
            type: str
      enable:
        description:
          - Whether the session is switched on. Google's default is V(true).
        type: bool
      bfd:
        description:
          - Bidirectional forwarding detection, which finds a dead peer sooner. What is not mentioned keeps its value.
        type: dict
        suboptions:
          session_initialization_mode:
            description:
              - Which side begins.
            type: str
            choices: [ACTIVE, PASSIVE, DISABLED]
          min_receive_interval:
            description:
              - Milliseconds between two packets from the peer, 1000 to 30000.
            type: int
          min_transmit_interval:
            description:
              - Milliseconds between two packets to the peer, 1000 to 30000.
            type: int
          multiplier:
            description:
              - How many packets may be missed, 5 to 16.
            type: int
      md5_authentication_key:
        description:
          - The key that both sides sign with. An empty one switches authentication off.
          - A key can't be read back. It is sent when the session has none yet, and not compared afterwards. To change
            it, take it away and give the new one.
        type: str
      custom_learned_ip_ranges:
        description:
          - Ranges that count as learned from this peer, at most 10. Those that are not mentioned are kept, unless
            O(purge_advertisement=true).
        type: list
        elements: str
      custom_learned_route_priority:
        description:
          - Their priority. Google's default is 100.
        type: int
      state:
        description:
          - With V(absent) the session is removed.
        type: str
        choices: [present, absent]
        default: present
  purge_interfaces:
    description:
      - Remove the interfaces that O(interfaces) does not mention. Without O(interfaces), all stay.
    type: bool
    default: false
  purge_bgp_peers:
    description:
      - Remove the sessions that O(bgp_peers) does not mention. Without O(bgp_peers), all stay.
    type: bool
    default: false
  purge_advertisement:
    description:
      - Withdraw the groups and ranges that O(bgp.advertised_groups) and O(bgp.advertised_ip_ranges) do not mention, and
        likewise those of each session in O(bgp_peers). A list that is not given stays.
      - Needs O(allow_disruption) where that withdraws something.
    type: bool
    default: false
  confirm_withdraw_subnets:
    description:
      - The router's own name, to confirm that it shall advertise no subnetwork any more.
      - Without it, V(CUSTOM) without V(ALL_SUBNETS) is refused, in check mode too, where the router does not do so
        already. The same goes for each session.
    type: str
seealso:
  - module: podreach.gke.network
  - module: podreach.gke.vpn_tunnel
  - name: Advertised routes
    description: Google's documentation.
    link: https://cloud.google.com/network-connectivity/docs/router/concepts/advertised-routes
"""

EXAMPLES = r"""
- name: A router that advertises all subnetworks, secondary ranges for pods included
  podreach.gke.router:
    name: aws-internal-connect-router
    region: asia-northeast1
    network: aws-internal-connect
    bgp:
      asn: 65010

- name: Advertise the pods of a routes-based cluster too
  podreach.gke.router:
    name: aws-internal-connect-router
    region: asia-northeast1
    bgp:
      advertise_mode: CUSTOM
      advertised_groups: [ALL_SUBNETS]
      advertised_ip_ranges:
        - range: 10.32.0.0/14
          description: Pods of test-cluster

- name: A session with AWS over a tunnel that is there already
  podreach.gke.router:
    name: aws-internal-connect-router
    region: asia-northeast1
    interfaces:
      - name: aws-vpn-1-if-1
        ip_range: 169.254.24.222/30
        linked_vpn_tunnel: aws-vpn-1-tunnel-1
    bgp_peers:
      - name: aws-vpn-1-bgp-1
        interface_name: aws-vpn-1-if-1
        peer_ip_address: 169.254.24.221
        peer_asn: 64512

- name: Advertise one range more over that session than over the others
  podreach.gke.router:
    name: aws-internal-connect-router
    region: asia-northeast1
    bgp_peers:
      - name: aws-vpn-1-bgp-1
        advertise_mode: CUSTOM
        advertised_groups: [ALL_SUBNETS]
        advertised_ip_ranges:
          - range: 10.32.0.0/14
          - range: 10.64.0.0/16

- name: Remove the session and its interface, and leave the others alone
  podreach.gke.router:
    name: aws-internal-connect-router
    region: asia-northeast1
    interfaces:
      - name: aws-vpn-1-if-1
        state: absent
    bgp_peers:
      - name: aws-vpn-1-bgp-1
        state: absent
    allow_disruption: true

- name: Withdraw that range again
  podreach.gke.router:
    name: aws-internal-connect-router
    region: asia-northeast1
    bgp:
      advertise_mode: CUSTOM
      advertised_groups: [ALL_SUBNETS]
      advertised_ip_ranges: []
    purge_advertisement: true
    allow_disruption: true

- name: Advertise two aggregates instead of a hundred subnetworks
  podreach.gke.router:
    name: aws-internal-connect-router
    region: asia-northeast1
    bgp:
      advertise_mode: CUSTOM
      advertised_groups: []
      advertised_ip_ranges:
        - range: 10.1.0.0/16
        - range: 10.2.0.0/16
    purge_advertisement: true
    confirm_withdraw_subnets: aws-internal-connect-router
    allow_disruption: true
"""

RETURN = r"""
resource:
  description: The router as the API has it; in check mode as it would be.
  returned: success
  type: dict
  sample:
    bgp:
      advertiseMode: CUSTOM
      advertisedGroups: [ALL_SUBNETS]
      advertisedIpRanges:
        - description: Pods of test-cluster
          range: 10.32.0.0/14
      asn: 65010
      keepaliveInterval: 20
    bgpPeers:
      - advertiseMode: DEFAULT
        advertisedRoutePriority: 100
        enable: "TRUE"
        interfaceName: aws-vpn-1-if-1
        ipAddress: 169.254.24.222
        name: aws-vpn-1-bgp-1
        peerAsn: 64512
        peerIpAddress: 169.254.24.221
    description: "[podreach.gke]"
    interfaces:
      - ipRange: 169.254.24.222/30
        linkedVpnTunnel: https://www.googleapis.com/compute/v1/projects/my-project/regions/asia-northeast1/vpnTunnels/aws-vpn-1-tunnel-1
        name: aws-vpn-1-if-1
    name: aws-internal-connect-router
    network: https://www.googleapis.com/compute/v1/projects/my-project/global/networks/aws-internal-connect
    region: https://www.googleapis.com/compute/v1/projects/my-project/regions/asia-northeast1
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
    - action: update
      fields: [bgp.advertisedIpRanges]
      grade: safe
      summary: change bgp.advertised_ip_ranges of router aws-internal-connect-router
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
from ansible_collections.podreach.gke.plugins.module_utils.gcp import routers
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import definition

DEFINITION = definition(routers.Router, routers.SPEC)


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
