#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
---
module: internal_service_info
short_description: What the load balancers of a cluster's pods are
version_added: 0.1.0
description:
  - Reads the Services of type C(LoadBalancer) of a namespace, or of the whole cluster. For each, it says at which
    address and ports it is, whether it is an internal one, who may connect, and which endpoints are ready.
  - Where a Service has no address, its events say why.
author:
  - podreach.gke contributors (@podreach)
extends_documentation_fragment:
  - podreach.gke.google.reading
  - podreach.gke.kubernetes
  - podreach.gke.attributes
attributes:
  check_mode:
    support: full
    details:
      - This module changes nothing. In check mode, a cluster that does not exist yet has no Services.
  diff_mode:
    support: none
  action_group:
    version_added: 0.1.0
    support: full
    membership: [podreach.gke.google, podreach.gke.kubernetes]
    description: Use C(group/podreach.gke.google) or C(group/podreach.gke.kubernetes) in C(module_defaults) to set
      defaults for this module.
options:
  name:
    description:
      - The Service's name. Every Service otherwise.
    type: str
  namespace:
    description:
      - The namespace. All namespaces otherwise.
    type: str
  timeout:
    description:
      - Seconds that the whole task may take.
    type: int
    default: 60
notes:
  - Needs the right to list Services, EndpointSlices and events, in all namespaces where O(namespace) is not given.
    Without that to EndpointSlices, no endpoint is known to be ready, and a warning says so. O(cluster) needs
    C(container.clusters.get) at Google.
seealso:
  - module: podreach.gke.internal_service
"""

EXAMPLES = r"""
- name: All load balancers of the cluster
  podreach.gke.internal_service_info:
    cluster: test-cluster
    location: asia-northeast1-a
  register: balancers

- name: Each must have an address, and pods behind it
  ansible.builtin.assert:
    that:
      - item.address is not none
      - item.ready_endpoints | length > 0
    fail_msg: "{{ item.events | default([]) | map(attribute='message') | join('; ') }}"
  loop: "{{ balancers.services | selectattr('internal') }}"
  loop_control:
    label: "{{ item.namespace }}/{{ item.name }}"
"""

RETURN = r"""
services:
  description: The Services of type C(LoadBalancer), by namespace and name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
    namespace:
      description: Its namespace.
      type: str
    internal:
      description: Whether GKE makes an internal load balancer of it.
      type: bool
    owned:
      description: Whether this collection made it.
      type: bool
    address:
      description: The load balancer's address. Null where there is none.
      type: str
    cluster_ip:
      description: The address inside the cluster.
      type: str
    ports:
      description: Its ports.
      type: list
      elements: dict
      contains:
        port:
          description: The load balancer's port.
          type: int
        target_port:
          description: The pods' port, a number or a name.
          type: str
        protocol:
          description: The protocol.
          type: str
        name:
          description: Its name.
          type: str
    selector:
      description: The labels of the pods.
      type: dict
    source_ranges:
      description: The ranges that may connect. Empty where everybody may whom the network lets through.
      type: list
      elements: str
    external_traffic_policy:
      description: V(Cluster) or V(Local).
      type: str
    ready_endpoints:
      description: The endpoints that get connections.
      type: list
      elements: dict
      contains:
        address:
          description: The pod's address.
          type: str
        node:
          description: Its node.
          type: str
        pod:
          description: Its name. Null where the endpoint is no pod.
          type: str
    events:
      description: What was noted about the Service, oldest first, as M(podreach.gke.internal_service) returns it.
      returned: where it has no address
      type: list
      elements: dict
  sample:
    - address: 10.1.0.4
      cluster_ip: 34.118.231.4
      external_traffic_policy: Cluster
      internal: true
      name: plot
      namespace: default
      owned: true
      ports:
        - name: null
          port: 80
          protocol: TCP
          target_port: "5000"
      ready_endpoints:
        - address: 10.4.0.2
          node: gke-c1-default-pool-13317d95-8e0a
          pod: plot-4mcvcgwqmg-2w2r9
        - address: 10.4.1.2
          node: gke-c1-default-pool-13317d95-b1d6
          pod: plot-4mcvcgwqmg-tg9wv
      selector:
        app: plot
      source_ranges: []
error:
  description: What went wrong, for programs.
  returned: failure
  type: dict
  contains:
    code:
      description: A short stable code of this collection, or the reason of Kubernetes.
      type: str
    reason:
      description: The API's reason.
      type: str
    message:
      description: The message.
      type: str
    resource:
      description: The object, by kind, namespace and name.
      type: str
    operation:
      description: What still goes on.
      type: str
"""

from ansible_collections.podreach.gke.plugins.module_utils.arguments import run_as_module
from ansible_collections.podreach.gke.plugins.module_utils.kubernetes import service_info

DEFINITION = service_info.DEFINITION


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
