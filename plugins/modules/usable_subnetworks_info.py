#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: usable_subnetworks_info
short_description: Which subnetworks clusters of a project may use, and how their ranges are used
version_added: 0.1.0
description:
  - Lists the subnetworks that GKE lets clusters of a project be in, as C(gcloud container subnets list-usable) does.
    For a service project of a Shared VPC these are those of its host project.
  - A subnetwork of a host project is missing where the project is not attached, where GKE's account has no role on the
    host project, or where these credentials may not use it.
author:
  - podreach.gke contributors (@podreach)
extends_documentation_fragment:
  - podreach.gke.google.reading
  - podreach.gke.google.timeout
  - podreach.gke.attributes
options:
  project:
    description:
      - The project whose clusters it is about, most often a service project.
      - Defaults to the environment variable E(GCP_PROJECT), and without it to the project that the credentials name.
    type: str
  host_project:
    description:
      - The project whose subnetworks are listed. Defaults to the host project that O(project) is attached to, and
        without one to O(project) itself.
    type: str
  region:
    description:
      - Only those of this region.
    type: str
  network:
    description:
      - Only those of this network, by name or URL.
    type: str
  name:
    description:
      - Only those of this name.
    type: str
seealso:
  - module: podreach.gke.shared_vpc
  - module: podreach.gke.cluster
  - name: List usable subnetworks
    description: Google's documentation.
    link: https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.aggregated.usableSubnetworks/list
"""

EXAMPLES = r"""
- name: What clusters of my-project may use of its host
  podreach.gke.usable_subnetworks_info:
    project: my-project
  register: usable

- name: Ranges that are still free for the pods of a cluster
  ansible.builtin.debug:
    msg: >-
      {{ usable.subnetworks | map(attribute='secondary_ip_ranges') | flatten
         | selectattr('status', 'equalto', 'UNUSED') | map(attribute='range_name') }}

- name: One subnetwork of a certain host project
  podreach.gke.usable_subnetworks_info:
    project: my-project
    host_project: my-host-project
    region: asia-northeast1
    name: shared-subnet
"""

RETURN = r"""
host_project:
  description: The host project that the project is attached to. None where it is attached to none.
  returned: success
  type: str
  sample: my-host-project
subnetworks:
  description: The subnetworks that clusters of the project may use.
  returned: success
  type: list
  elements: dict
  sample:
    - ip_cidr_range: 10.1.0.0/24
      name: shared-subnet
      network: projects/my-host-project/global/networks/shared
      region: asia-northeast1
      secondary_ip_ranges:
        - ip_cidr_range: 10.4.0.0/20
          range_name: pods
          status: IN_USE_SHAREABLE_POD
        - ip_cidr_range: 10.5.0.0/22
          range_name: services
          status: IN_USE_SERVICE
      status_message: null
      subnetwork: projects/my-host-project/regions/asia-northeast1/subnetworks/shared-subnet
  contains:
    name:
      description: Its name.
      type: str
    region:
      description: Its region.
      type: str
    subnetwork:
      description: Its path, as the option O(podreach.gke.cluster#module:subnetwork) takes it.
      type: str
    network:
      description: The path of its network.
      type: str
    ip_cidr_range:
      description: Its primary range, for nodes.
      type: str
    secondary_ip_ranges:
      description:
        - Its secondary ranges, for pods and Services. The status is V(UNUSED), V(IN_USE_SERVICE),
          V(IN_USE_SHAREABLE_POD) (made by a user, and other clusters may use it too) or V(IN_USE_MANAGED_POD) (made by
          GKE for one cluster).
      type: list
      elements: dict
    status_message:
      description: Why its secondary ranges cannot be used, if so.
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
      description: The resource, by kind and path.
      type: str
    operation:
      description: The operation that failed or still goes on.
      type: str
"""

from ansible_collections.podreach.gke.plugins.module_utils.arguments import run_as_module
from ansible_collections.podreach.gke.plugins.module_utils.gcp import usable_subnetworks

DEFINITION = usable_subnetworks.DEFINITION


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
