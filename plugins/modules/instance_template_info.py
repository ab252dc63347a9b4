#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: instance_template_info
short_description: What instance templates there are
version_added: 0.1.0
description:
  - Reads one instance template, or all global templates of a project. Those of clusters' node pools are among them.
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
      - The template's name. Every template otherwise.
    type: str
seealso:
  - module: podreach.gke.instance_template
"""

EXAMPLES = r"""
- name: The templates of the proxies
  podreach.gke.instance_template_info:
    filter: name eq "proxy-.*"
  register: found

- name: Show from which images they make machines
  ansible.builtin.debug:
    msg: "{{ found.resources | map(attribute='properties.disks') | map('first') | map(attribute='initializeParams') }}"
"""

RETURN = r"""
resources:
  description:
    - The templates as the API has them, by name, each like RV(podreach.gke.instance_template#module:resource).
      None found is no failure.
    - What this collection created has V([podreach.gke]) at the end of its C(description).
    - Of the nodes of GKE, what C(kube-env) and C(kubeconfig) hold is not shown.
  returned: success
  type: list
  elements: dict
  sample:
    - name: proxy-1
      description: '[podreach.gke]'
      properties:
        disks:
          - autoDelete: true
            boot: true
            initializeParams:
              sourceImage: projects/my-project/global/images/family/proxy
        machineType: e2-small
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

DEFINITION = info.definition("instance_template")


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
