#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_pool
short_description: A node pool of a GKE cluster
version_added: 0.1.0
description:
  - Creates, changes and deletes a node pool of a Standard cluster.
  - A difference in what is fixed at creation is refused, with all differences named, before anything is sent. Make a
    new pool then, and drain the old one.
  - A number of nodes that the pod range has no room for is refused.
  - Deleting takes the nodes with it. Only a pool that bears the resource label C(managed-by=podreach-gke) is deleted,
    which pools have that this module or M(podreach.gke.cluster) created.
author:
  - podreach.gke contributors (@podreach)
extends_documentation_fragment:
  - podreach.gke.google
  - podreach.gke.google.timeout_cluster
  - podreach.gke.node_pool
  - podreach.gke.attributes
options:
  cluster:
    description:
      - The cluster's name. It has to exist; in check mode a missing one counts as planned.
    type: str
    required: true
  location:
    description:
      - The cluster's region or zone.
    type: str
    required: true
seealso:
  - module: podreach.gke.cluster
  - name: Node pools
    description: Google's documentation.
    link: https://cloud.google.com/kubernetes-engine/docs/concepts/node-pools
"""

EXAMPLES = r"""
- name: A pool that grows by itself, with its pods in an additional range of the cluster
  podreach.gke.node_pool:
    name: more-pods
    cluster: test-cluster
    location: asia-northeast1
    network_config:
      pod_range: subnet-2-pod-more
    max_pods_constraint:
      max_pods_per_node: 32
    autoscaling:
      min_node_count: 1
      max_node_count: 5
    management:
      auto_repair: true
      auto_upgrade: true
    config:
      machine_type: e2-standard-4

- name: A pool of two nodes in each zone
  podreach.gke.node_pool:
    name: fixed
    cluster: test-cluster
    location: asia-northeast1
    node_count: 2

- name: Take one node away in each zone
  podreach.gke.node_pool:
    name: fixed
    cluster: test-cluster
    location: asia-northeast1
    node_count: 1
    allow_disruption: true

- name: Make the nodes of a pool anew with another machine type
  podreach.gke.node_pool:
    name: fixed
    cluster: test-cluster
    location: asia-northeast1
    config:
      machine_type: e2-standard-8
    allow_disruption: true

- name: Delete a pool that this collection created
  podreach.gke.node_pool:
    name: fixed
    cluster: test-cluster
    location: asia-northeast1
    state: absent
"""

RETURN = r"""
resource:
  description: The node pool as the API has it; in check mode as it would be.
  returned: success
  type: dict
  sample:
    config:
      machineType: e2-standard-4
      resourceLabels:
        managed-by: podreach-gke
    initialNodeCount: 1
    maxPodsConstraint:
      maxPodsPerNode: "32"
    name: more-pods
    networkConfig:
      podIpv4CidrBlock: 10.2.0.0/17
      podRange: subnet-2-pod-more
    status: RUNNING
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
      fields: [nodeCount]
      grade: disruptive
      summary: resize from 2 to 1 nodes in each zone
operation:
  description: The operation that still goes on, where O(wait=false).
  returned: success
  type: str
  sample: operation-1763877600000-01234567-89ab-cdef-0123-456789abcdef
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
from ansible_collections.podreach.gke.plugins.module_utils.gcp import node_pools
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import definition

DEFINITION = definition(node_pools.NodePool, node_pools.SPEC)


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
