#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_info
short_description: What GKE clusters there are, with their node pools
version_added: 0.1.0
description:
  - Reads one GKE cluster, or all clusters of a location, a network or a project, with their node pools.
  - Of C(masterAuth), the certificate that proves the control plane is shown. Clients' keys, certificates and passwords
    are left out.
  - The container API has no filter. Choose from RV(resources) instead.
author:
  - podreach.gke contributors (@podreach)
extends_documentation_fragment:
  - podreach.gke.google.reading
  - podreach.gke.google.timeout
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
      - The cluster's name. Every cluster otherwise.
    type: str
  location:
    description:
      - The region or zone. All of both otherwise; one that does not answer becomes a warning.
    type: str
  network:
    description:
      - The network whose clusters are read, by name or URL. Those of all networks otherwise.
    type: str
seealso:
  - module: podreach.gke.cluster
  - module: podreach.gke.node_pool
"""

EXAMPLES = r"""
- name: The clusters of the project
  podreach.gke.cluster_info:
  register: found

- name: Their node pools, with the versions
  ansible.builtin.debug:
    msg: "{{ item.nodePools | items2dict(key_name='name', value_name='version') }}"
  loop: "{{ found.resources }}"
  loop_control:
    label: "{{ item.name }}"

- name: One cluster
  podreach.gke.cluster_info:
    name: my-gke
    location: asia-northeast1-a
  register: one

- name: It must run
  ansible.builtin.assert:
    that: one.resources[0].status == 'RUNNING'
"""

RETURN = r"""
resources:
  description:
    - The clusters as the API has them, by name, each like RV(podreach.gke.cluster#module:resource).
      None found is no failure.
    - What this collection created has the label C(managed-by), V(podreach-gke), in its C(resourceLabels); a node pool
      in those of its C(config).
  returned: success
  type: list
  elements: dict
  sample:
    - currentMasterVersion: 1.35.3-gke.1041000
      currentNodeCount: 1
      endpoint: 127.64.0.2
      ipAllocationPolicy:
        clusterIpv4CidrBlock: 10.4.0.0/14
        clusterSecondaryRangeName: pod
        servicesIpv4CidrBlock: 10.8.0.0/20
        servicesSecondaryRangeName: svc
        useIpAliases: true
      location: asia-northeast1-a
      masterAuth:
        clusterCaCertificate: LS0tLS1CRUdJTiBD...
      name: my-gke
      network: aws-internal-connect
      nodePools:
        - initialNodeCount: 1
          name: p1
          podIpv4CidrSize: 24
          status: RUNNING
          version: 1.35.3-gke.1041000
      resourceLabels:
        managed-by: podreach-gke
      status: RUNNING
      subnetwork: aws-internal-connect-subnet-1
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
      description: Not used here.
      type: str
    operation:
      description: Not used here.
      type: str
"""

from ansible_collections.podreach.gke.plugins.module_utils.arguments import run_as_module
from ansible_collections.podreach.gke.plugins.module_utils.gcp import info

DEFINITION = info.definition("cluster")


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
