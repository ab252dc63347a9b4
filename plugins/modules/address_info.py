#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: address_info
short_description: What addresses are reserved, and by whom they are used
version_added: 0.1.0
description:
  - Reads one reserved address, or all addresses of a region, a subnetwork or a project, internal and external ones.
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
      - The address's name. Every address otherwise.
    type: str
  region:
    description:
      - The region, or V(global) for global addresses alone. All regions and the global ones otherwise; one that does
        not answer becomes a warning.
    type: str
  subnetwork:
    description:
      - The subnetwork whose internal addresses are read, by name or URL. All addresses otherwise.
    type: str
seealso:
  - module: podreach.gke.address
"""

EXAMPLES = r"""
- name: What is reserved in a subnetwork and used by nobody?
  podreach.gke.address_info:
    subnetwork: aws-internal-connect-subnet-1
    filter: status = RESERVED
  register: found

- name: Show it
  ansible.builtin.debug:
    msg: "{{ found.resources | items2dict(key_name='name', value_name='address') }}"
"""

RETURN = r"""
resources:
  description:
    - The addresses as the API has them, by name, each like RV(podreach.gke.address#module:resource).
      None found is no failure.
    - What this collection created has V([podreach.gke]) at the end of its C(description).
  returned: success
  type: list
  elements: dict
  sample:
    - address: 10.1.0.3
      addressType: INTERNAL
      description: '[podreach.gke]'
      name: web
      purpose: GCE_ENDPOINT
      status: RESERVED
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

DEFINITION = info.definition("address")


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
