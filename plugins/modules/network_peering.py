#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: network_peering
short_description: A VPC Network Peering, from one side or from both
version_added: 0.1.0
description:
  - Peers a network with another one, by the entry that each of the two needs. Without O(peer_side), only the entry of
    O(network) is looked after, and the other network's owner makes the other one. With it, one task makes both, if need
    be with other credentials for the other side.
  - Waits until the peering is C(ACTIVE) where both sides are there. Where one is missing, it stays C(INACTIVE), and a
    warning says why.
  - With O(wait=false), a task begins one operation, and the next run takes up the rest.
  - Google runs one peering operation at a time on a network. Tasks on this machine take turns, and operations of others
    are waited for.
  - Before a peering is made, the ranges of both networks and of the networks that they are peered with are compared,
    as far as they may be read, and overlaps are refused with both resources.
  - Before custom routes come to cross, RV(new_routes) says which these are. A default route, and one that takes traffic
    from a route that is there, need O(allow_disruption).
  - A peering has no description, so its name and its peer network together say which one is meant. A peering of that
    name with another network is never changed or removed.
author:
  - podreach.gke contributors (@podreach)
extends_documentation_fragment:
  - podreach.gke.google
  - podreach.gke.google.timeout_cluster
  - podreach.gke.attributes
options:
  name:
    description:
      - The name of the peering in O(network).
    type: str
    required: true
  network:
    description:
      - The network of this side, by name or URL.
    type: str
    required: true
  peer_network:
    description:
      - The network of the other side, by name or by URL such as
        V(projects/my-peer-project/global/networks/target-network).
    type: str
    required: true
  peer_project:
    description:
      - The project of O(peer_network), where that is a name. The same project otherwise.
    type: str
  export_custom_routes:
    description:
      - Give this network's static and dynamic routes to the peer. Google's default is V(false).
      - They come only where the other side imports them. Routes with network tags or to the internet gateway never
        cross.
      - The pods of a routes-based cluster are reached by static routes. So a peer reaches them only with custom
        routes exported on the cluster's side and imported on the other.
    type: bool
  import_custom_routes:
    description:
      - Take the static and dynamic routes that the peer exports. Google's default is V(false).
    type: bool
  export_subnet_routes_with_public_ip:
    description:
      - Give this network's subnetworks that use public addresses privately, too. Google's default is V(true).
    type: bool
  import_subnet_routes_with_public_ip:
    description:
      - Take such subnetworks of the peer. Google's default is V(false).
    type: bool
  stack_type:
    description:
      - Which IP versions cross. Google's default is V(IPV4_ONLY).
    type: str
    choices: [IPV4_ONLY, IPV4_IPV6]
  peer_side:
    description:
      - Look after the other network's entry, too. With O(state=absent), it is removed as well.
      - V({}) is an entry of the same name with Google's defaults.
    type: dict
    suboptions:
      name:
        description:
          - The name of the peering in O(peer_network). Defaults to O(name).
        type: str
      export_custom_routes:
        description:
          - Give the peer network's static and dynamic routes to this side. Google's default is V(false).
          - They come only where the other side imports them. Routes with network tags or to the internet gateway never
            cross.
          - The pods of a routes-based cluster are reached by static routes. So a peer reaches them only with custom
            routes exported on the cluster's side and imported on the other.
        type: bool
      import_custom_routes:
        description:
          - Take the static and dynamic routes that this side exports. Google's default is V(false).
        type: bool
      export_subnet_routes_with_public_ip:
        description:
          - Give the peer network's subnetworks that use public addresses privately, too. Google's default is V(true).
        type: bool
      import_subnet_routes_with_public_ip:
        description:
          - Take such subnetworks of this side. Google's default is V(false).
        type: bool
      stack_type:
        description:
          - Which IP versions cross. Google's default is V(IPV4_ONLY).
        type: str
        choices: [IPV4_ONLY, IPV4_IPV6]
  peer_auth:
    description:
      - Credentials for the other side, where those for O(network) may not read or write it. Nothing in it has a default
        in the environment.
      - They are used without O(peer_side), too, to read the ranges and routes of the other side.
      - With O(peer_auth.impersonate_service_account) or O(peer_auth.scopes) alone, the rest is as for this side.
    type: dict
    suboptions:
      auth_kind:
        description:
          - Which kind of credentials to use. It follows from what is given otherwise.
        type: str
        choices: [application, machineaccount, serviceaccount, accesstoken]
      service_account_file:
        description:
          - Path of a service account's JSON key.
        type: path
      service_account_contents:
        description:
          - The JSON key itself, as a string or a dictionary.
        type: jsonarg
      service_account_email:
        description:
          - Which service account of the machine to use, where O(peer_auth.auth_kind=machineaccount).
        type: str
      access_token:
        description:
          - An OAuth 2.0 access token.
        type: str
      scopes:
        description:
          - OAuth scopes to ask for.
        type: list
        elements: str
      impersonate_service_account:
        description:
          - E-mail of a service account to act as.
        type: str
  peering_limit:
    description:
      - How many peerings a network may have, Google's quota C(PEERINGS_PER_NETWORK). One more is refused before
        anything is sent.
      - Raise it where Google raised the quota.
    type: int
    default: 25
  prerequisite_timeout:
    description:
      - Seconds to wait for the networks whose sides are looked after, where one does not exist yet because something
        else is building it. Then a missing one is an error that names it.
      - Nothing is waited for in check mode.
    type: int
    default: 0
  unmarked:
    description:
      - What to do, with O(state=absent), about what may be somebody else's, for peerings have no mark.
      - V(refuse) removes the sides that are named, and nothing at all where one of them leads to another network than
        the one that is meant.
      - V(keep) removes them from networks that this collection made only, and leaves the others alone, with a warning.
    type: str
    choices: [refuse, keep]
    default: refuse
seealso:
  - module: podreach.gke.network_peering_routes_info
  - module: podreach.gke.network
  - name: VPC Network Peering
    description: Google's documentation.
    link: https://cloud.google.com/vpc/docs/vpc-peering
"""

EXAMPLES = r"""
- name: Both sides, so that pods of a routes-based cluster in my-network reach the target project
  podreach.gke.network_peering:
    name: my-to-target
    network: my-network
    peer_network: target-network
    peer_project: my-peer-project
    export_custom_routes: true
    peer_side:
      name: target-to-my
      import_custom_routes: true
    projects: [my-project, my-peer-project]

- name: This side only, where the peer's owner makes the other one
  podreach.gke.network_peering:
    name: my-to-target
    network: my-network
    peer_network: projects/my-peer-project/global/networks/target-network

- name: Both sides, the other one by a key of its own
  podreach.gke.network_peering:
    name: my-to-target
    network: my-network
    peer_network: projects/my-peer-project/global/networks/target-network
    peer_side:
      name: target-to-my
    peer_auth:
      service_account_file: /etc/keys/peer.json
    projects: [my-project, my-peer-project]

- name: Remove both sides again
  podreach.gke.network_peering:
    name: my-to-target
    network: my-network
    peer_network: projects/my-peer-project/global/networks/target-network
    peer_side:
      name: target-to-my
    projects: [my-project, my-peer-project]
    state: absent
"""

RETURN = r"""
resource:
  description: The entry of this side as the API has it; in check mode as it would be.
  returned: success
  type: dict
  sample:
    autoCreateRoutes: true
    exchangeSubnetRoutes: true
    exportCustomRoutes: true
    exportSubnetRoutesWithPublicIp: true
    importCustomRoutes: false
    importSubnetRoutesWithPublicIp: false
    name: my-to-target
    network: https://www.googleapis.com/compute/v1/projects/my-peer-project/global/networks/target-network
    peerMtu: 1460
    stackType: IPV4_ONLY
    state: ACTIVE
    stateDetails: "[2026-11-23T09:12:03.415-08:00]: Connected."
    updateStrategy: INDEPENDENT
peer_resource:
  description: >-
    The entry of the other side in the same form. None where there is none, or where it may not be read.
  returned: success
  type: dict
active:
  description: Whether the networks are connected.
  returned: success
  type: bool
  sample: true
state_details:
  description: What Google says of the state.
  returned: success
  type: str
  sample: "[2026-11-23T09:12:03.415-08:00]: Connected."
new_routes:
  description:
    - The custom routes that begin to cross by this task, or in check mode would. Subnetworks are not among them, since
      they always cross.
    - The routes of a side that may not be read are not known, and a warning says so.
  returned: success
  type: list
  elements: dict
  sample:
    - dest_range: 172.16.0.0/24
      network: projects/my-peer-project/global/networks/target-network
      priority: 1000
      problem: null
      type: STATIC_PEERING_ROUTE
      wins: true
  contains:
    network:
      description: The network that gets the route.
      type: str
    dest_range:
      description: The destination.
      type: str
    type:
      description: V(STATIC_PEERING_ROUTE) or V(DYNAMIC_PEERING_ROUTE).
      type: str
    priority:
      description: Its priority.
      type: int
    wins:
      description: Whether traffic will take it. A network's own routes win over imported ones to the same destination.
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
      description: V(create), V(update) or V(delete).
      type: str
    summary:
      description: The step in words.
      type: str
    grade:
      description: V(safe), V(disruptive) (may cut traffic that flows now) or V(destructive) (deletes).
      type: str
    fields:
      description: The API's fields that differ.
      type: list
      elements: str
  sample:
    - action: create
      fields: []
      grade: safe
      summary: >-
        create network_peering my-to-target of projects/my-project/global/networks/my-network with
        projects/my-peer-project/global/networks/target-network
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
from ansible_collections.podreach.gke.plugins.module_utils.gcp import peering_task

DEFINITION = peering_task.DEFINITION


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
