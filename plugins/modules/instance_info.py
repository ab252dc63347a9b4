#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: instance_info
short_description: What virtual machines there are
version_added: 0.1.0
description:
  - Reads one instance, or all instances of a zone or a project. Nodes of clusters are instances too.
author:
  - podreach.gke contributors (@podreach)
extends_documentation_fragment:
  - podreach.gke.google.reading
  - podreach.gke.google.timeout
  - podreach.gke.google.filter
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
      - The instance's name. Every instance otherwise.
    type: str
  zone:
    description:
      - The zone. All zones otherwise; one that does not answer becomes a warning.
    type: str
seealso:
  - module: podreach.gke.instance
"""

EXAMPLES = r"""
- name: Which machines bear the label of the proxies?
  podreach.gke.instance_info:
    filter: labels.role = proxy
  register: found

- name: Show their addresses
  ansible.builtin.debug:
    msg: "{{ found.resources | map(attribute='networkInterfaces') | map('first') | map(attribute='networkIP') }}"
"""

RETURN = r"""
resources:
  description:
    - The instances as the API has them, by name, each like RV(podreach.gke.instance#module:resource).
      None found is no failure.
    - What this collection created has V([podreach.gke]) at the end of its C(description).
    - Of the nodes of GKE, what C(kube-env) and C(kubeconfig) hold is not shown.
  returned: success
  type: list
  elements: dict
  sample:
    - name: proxy
      description: '[podreach.gke]'
      labels:
        role: proxy
      networkInterfaces:
        - name: nic0
          network: https://www.googleapis.com/compute/v1/projects/my-project/global/networks/my-network
          networkIP: 10.1.0.20
          subnetwork: https://www.googleapis.com/compute/v1/projects/my-project/regions/asia-northeast1/subnetworks/my-subnet
      status: RUNNING
      zone: https://www.googleapis.com/compute/v1/projects/my-project/zones/asia-northeast1-a
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

DEFINITION = info.definition("instance")


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
