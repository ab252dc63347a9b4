#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: router_status_info
short_description: What the BGP sessions of Cloud Routers do, and what they do not advertise
version_added: 0.1.0
description:
  - Reads the status of one Cloud Router, or of all routers of a region, a network or a project, as
    C(gcloud compute routers get-status) shows it, and says what it means.
  - For every BGP session, whether it is up, what it advertises, which of O(ranges) are missing there, how many prefixes
    more its peer takes, and in what the sessions of a router differ.
  - A session that is not known to be up advertises nothing, whatever else its status lists.
  - Where a session is down or a range is missing, the network and its subnetworks are read too, to find out why.
    Without the right to read them, a warning says so, and the cause stays unknown.
  - It can wait until all sessions are up.
author:
  - podreach.gke contributors (@podreach)
extends_documentation_fragment:
  - podreach.gke.google.reading
  - podreach.gke.attributes
attributes:
  check_mode:
    support: full
    details:
      - This module changes nothing. In check mode it does not wait.
  diff_mode:
    support: none
options:
  name:
    description:
      - The router's name. Every router otherwise.
    type: str
  region:
    description:
      - The region. All regions otherwise.
    type: str
  network:
    description:
      - The network whose routers are read, by name or URL. All networks otherwise.
    type: str
  ranges:
    description:
      - Ranges that the other side should hear of, for example those of pods. What is missing is told in
        RV(routers[].peers[].missing_ranges) and RV(routers[].missing_ranges).
      - Each is a range in CIDR notation, or a dictionary as P(podreach.gke.overlapping_ranges#filter) reads it, such as
        a subnetwork with its C(secondary_ip_ranges).
      - A range counts as advertised where an advertised aggregate holds it, and where smaller advertised ranges make it
        up.
    type: list
    elements: raw
    default: []
  pod_ranges:
    description:
      - Whether to look for the ranges of pods too, as for O(ranges). They are those of all GKE clusters of the project
        that are in a router's network, VPC-native or routes-based, additional ranges included.
      - Clusters of other projects in a shared network are not known. Name the ranges of their pods in O(ranges).
      - What of it cannot be read is told in RV(unread), and by a warning.
    type: bool
    default: false
  advertised_prefix_limit:
    description:
      - How many prefixes the peers take. An AWS virtual private gateway takes V(100), a transit gateway V(1000).
    type: int
    default: 100
  query:
    description:
      - A L(JMESPath, https://jmespath.org) expression. What it selects from the result, which it sees as a dictionary
        with RV(routers), is returned as RV(selected).
      - Needs the Python library jmespath.
    type: str
  include_raw:
    description:
      - Whether to return the API's own response too.
    type: bool
    default: false
  wait_established:
    description:
      - Wait until every session of every selected router is up, except those whose peer is disabled. A router that does
        not exist yet, or has no peer yet, is waited for too; but not one without peers, such as that of a Cloud NAT,
        beside others that have some.
      - If one is not up in time, the task fails and names it with its state and the status of the tunnel below it.
    type: bool
    default: false
  timeout:
    description:
      - Seconds to wait for the sessions, with O(wait_established=true).
    type: int
    default: 300
seealso:
  - module: podreach.gke.router
  - plugin: podreach.gke.bgp_missing_ranges
    plugin_type: filter
    description: The same questions for a status that somebody has pasted.
  - name: Advertised routes
    description: Google's documentation.
    link: https://cloud.google.com/network-connectivity/docs/router/concepts/advertised-routes
"""

EXAMPLES = r"""
- name: Does AWS hear of the pods?
  podreach.gke.router_status_info:
    name: aws-router
    region: asia-northeast1
    ranges:
      - name: nodes
        cidr: 10.1.0.0/24
      - name: pods
        cidr: 10.32.0.0/14
  register: status

- name: Say what is missing
  ansible.builtin.debug:
    msg: "{{ status.routers | map(attribute='missing_ranges') | flatten | map(attribute='message') }}"

- name: Does the other side hear of the pods of every cluster of this network?
  podreach.gke.router_status_info:
    network: aws-internal-connect
    pod_ranges: true
  register: known
  failed_when: >-
    known.unread | length > 0
    or known.routers | map(attribute='missing_ranges') | flatten | length > 0

- name: Wait until every session of the network is up
  podreach.gke.router_status_info:
    network: aws-internal-connect
    wait_established: true
    timeout: 120

- name: Which sessions are down, and which tunnels are below them?
  podreach.gke.router_status_info:
    region: asia-northeast1
    query: "routers[].peers[?!up].{peer: name, state: state, tunnel: linked_vpn_tunnel}[]"
  register: down

- name: Refuse to go on near the limit of a virtual private gateway
  ansible.builtin.assert:
    that: status.routers[0] | podreach.gke.bgp_prefix_headroom | map(attribute='headroom') | min >= 10
"""

RETURN = r"""
routers:
  description: The routers, in the order of the API. None is no error.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The router's name.
      type: str
      sample: aws-router
    region:
      description: Its region's name.
      type: str
      sample: asia-northeast1
    network:
      description: Its network's name.
      type: str
      sample: aws-internal-connect
    asn:
      description: Its own AS number.
      type: int
      sample: 65010
    peers:
      description: Its BGP sessions. One that is configured, and that the status does not tell of yet, is down.
      type: list
      elements: dict
      contains:
        name:
          description: The peer's name.
          type: str
          sample: aws-vpn-1-bgp-1
        state:
          description: The session's state, such as V(Established), V(Connect) or V(Idle).
          type: str
          sample: Established
        status:
          description: V(UP), V(DOWN) or V(UNKNOWN).
          type: str
          sample: UP
        status_reason:
          description: Why it is down, where Google says so.
          type: str
        up:
          description: Whether the session is known to be up.
          type: bool
          sample: true
        uptime:
          description: How long it has been up, in Google's words.
          type: str
          sample: 2 minutes, 9 seconds
        uptime_seconds:
          description: The same in seconds.
          type: int
          sample: 129
        ip_address:
          description: The router's own address.
          type: str
          sample: 169.254.24.222
        peer_ip_address:
          description: The peer's address.
          type: str
          sample: 169.254.24.221
        linked_vpn_tunnel:
          description: The name of the VPN tunnel below the session.
          type: str
          sample: aws-vpn-1-tunnel-1
        num_learned_routes:
          description: How many routes are learned from the peer.
          type: int
          sample: 1
        advertised_ranges:
          description: What the session advertises.
          type: list
          elements: dict
          sample:
            - next_hop_ip: 169.254.24.222
              priority: 100
              range: 10.1.0.0/24
          contains:
            range:
              description: The range.
              type: str
            priority:
              description: Its priority (MED). The lower one is preferred.
              type: int
            next_hop_ip:
              description: The address that the peer is to send to.
              type: str
        peer_asn:
          description: The peer's AS number, as configured.
          type: int
          sample: 64512
        enabled:
          description: Whether the peer is enabled.
          type: bool
          sample: true
        prefix_headroom:
          description: >-
            How much more the peer takes, as P(podreach.gke.bgp_prefix_headroom#filter) returns it. Of a session that is
            down, what it would advertise by its configuration counts.
          type: dict
          sample:
            aggregated_count: 1
            aggregates: []
            code: null
            count: 1
            headroom: 99
            limit: 100
            message: "aws-vpn-1-bgp-1: 1 of 100 prefixes"
            peer: aws-vpn-1-bgp-1
        missing_ranges:
          description:
            - Which of O(ranges), and of the pods' ranges, this session does not advertise, as
              P(podreach.gke.bgp_missing_ranges#filter) returns them.
            - Where the configuration shows the cause, the message says it, and C(code) may be V(bgp-peer-override) (the
              session's own lists take the place of the router's) or V(bgp-region-scope) (the range is of another
              region, and the routing mode is V(REGIONAL)).
          type: list
          elements: dict
          sample:
            - advertised_by: []
              code: bgp-range-not-advertised
              message: >-
                pods (10.32.0.0/14) is not advertised on aws-vpn-1-bgp-1; make it a range of a subnetwork of the
                network, or add it to the advertised_ip_ranges
              missing: [10.32.0.0/14]
              name: pods
              peer: aws-vpn-1-bgp-1
              range: 10.32.0.0/14
    missing_ranges:
      description: Which of O(ranges), and of the pods' ranges, no session advertises.
      type: list
      elements: dict
      sample:
        - advertised_by: []
          code: bgp-range-not-advertised
          message: >-
            pods (10.32.0.0/14) is not advertised; make it a range of a subnetwork of the network, or add it
            to the advertised_ip_ranges
          missing: [10.32.0.0/14]
          name: pods
          peer: null
          range: 10.32.0.0/14
    differences:
      description: In what the enabled sessions differ, as P(podreach.gke.bgp_peer_differences#filter) returns it.
      type: list
      elements: dict
      sample: []
    best_routes:
      description: The learned routes that the router's region uses.
      type: list
      elements: dict
      sample:
        - as_path: [64512]
          next_hop_ip: 169.254.24.221
          next_hop_vpn_tunnel: aws-vpn-1-tunnel-1
          priority: 100
          range: 10.0.0.0/16
          status: ACTIVE
      contains:
        range:
          description: The destination.
          type: str
        priority:
          description: The route's priority.
          type: int
        next_hop_ip:
          description: The peer's address.
          type: str
        next_hop_vpn_tunnel:
          description: The name of the tunnel that packets take.
          type: str
        as_path:
          description: The AS numbers on the way.
          type: list
          elements: int
        status:
          description: The API's C(routeStatus), such as V(ACTIVE).
          type: str
    best_routes_for_router:
      description: The best routes that this router learned itself, in the same form.
      type: list
      elements: dict
    raw:
      description: The API's own response to C(getRouterStatus).
      returned: O(include_raw=true)
      type: dict
pod_ranges:
  description: The ranges of the pods that were found.
  returned: O(pod_ranges=true)
  type: list
  elements: dict
  sample:
    - cidr: 10.32.0.0/14
      cluster: my-gke
      location: asia-northeast1-a
      name: pods of my-gke
      network: aws-internal-connect
      routes_based: false
  contains:
    name:
      description: What the range is called; clusters that share it are all named.
      type: str
    cidr:
      description: The range.
      type: str
    cluster:
      description: The first cluster that has it.
      type: str
    location:
      description: That cluster's region or zone.
      type: str
    network:
      description: The network's name.
      type: str
    routes_based:
      description: Whether the pods are reached over static routes, which no session advertises by itself.
      type: bool
unread:
  description: What could not be read, in words. Nothing is known of it.
  returned: success
  type: list
  elements: str
  sample: []
selected:
  description: What O(query) selected.
  returned: where O(query) is given
  type: raw
  sample:
    - peer: aws-vpn-2-bgp-1
      state: Connect
      tunnel: aws-vpn-2-tunnel-1
error:
  description: What went wrong, for programs.
  returned: failure
  type: dict
  contains:
    code:
      description: A short stable code of this collection, or the API's own. V(bgp-session-down) where sessions are not
        up in time.
      type: str
    reason:
      description: The API's reason.
      type: str
    message:
      description: The message.
      type: str
    resource:
      description: The routers, by kind and path.
      type: str
    operation:
      description: Not used here.
      type: str
"""

from ansible_collections.podreach.gke.plugins.module_utils.arguments import run_as_module
from ansible_collections.podreach.gke.plugins.module_utils.gcp import router_status

DEFINITION = router_status.DEFINITION


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
