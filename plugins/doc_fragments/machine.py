# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an instance and an instance template have in common."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  description:
    description:
      - A description. Fixed at creation. C([podreach.gke]) is added to it, which marks what this collection created.
    type: str
  machine_type:
    description:
      - The machine type by name, such as V(e2-small). Needed at creation.
    type: str
  can_ip_forward:
    description:
      - Whether it may send and take packets whose addresses are not its own. A proxy, which speaks for itself, does
        not need it. Fixed at creation. Google's default is V(false).
    type: bool
  service_account:
    description:
      - As whom programs on the machine speak to Google's APIs. Without it at creation, as nobody.
    type: dict
    suboptions:
      email:
        description:
          - The service account. V(default) is the project's own for Compute Engine.
        type: str
        required: true
      scopes:
        description:
          - The scopes, all of them. Without it, those that there are, and at creation
            V(https://www.googleapis.com/auth/cloud-platform), which leaves it to the roles of the service account what
            it may do.
        type: list
        elements: str
notes:
  - Metadata is shown in results and diffs, and everything that runs on the machine can read it. It is no place for
    secrets. Of a node of GKE, what is in C(kube-env) and C(kubeconfig) is not shown.
"""
