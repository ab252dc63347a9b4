#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backend_service
short_description: What stands behind an internal load balancer
version_added: 0.1.0
description:
  - Creates, changes and deletes the backend service of an internal passthrough load balancer, which is the groups of
    machines behind it, and the health check that tells which of them are well.
  - Groups are merged, so that one that is not mentioned stays; O(purge_backends) makes the list exact.
  - To take a group away needs O(allow_disruption), and so does another health check, another O(session_affinity), and
    to make a group a spare one or a spare one a usual one.
author:
  - podreach.gke contributors (@podreach)
extends_documentation_fragment:
  - podreach.gke.google
  - podreach.gke.google.timeout
  - podreach.gke.attributes
options:
  name:
    description:
      - The service's name.
    type: str
    required: true
  region:
    description:
      - The region.
    type: str
    required: true
  description:
    description:
      - A description. C([podreach.gke]) is added to it, which marks what this collection created.
    type: str
  load_balancing_scheme:
    description:
      - The kind of load balancer. Others than internal passthrough ones are not made by this module.
    type: str
    choices: [INTERNAL]
    default: INTERNAL
  protocol:
    description:
      - The protocol, the same as that of the forwarding rule. V(TCP) if a new service is not told. Fixed at creation.
    type: str
    choices: [TCP, UDP]
  backends:
    description:
      - The groups of machines.
    type: list
    elements: dict
    suboptions:
      group:
        description:
          - The group. A name is that of a group of the region; one of a zone is given by its path
            (V(zones/asia-northeast1-a/instanceGroups/proxy)) or URL.
          - The path or URL of what manages the group
            (RV(podreach.gke.instance_group_manager#module:resource)C(.selfLink)) will do as well.
        type: str
        required: true
      description:
        description:
          - A description of this backend.
        type: str
      failover:
        description:
          - Whether the group is a spare one, which serves when the others do not. Google's default is V(false).
        type: bool
  purge_backends:
    description:
      - Remove the groups that O(backends) does not mention.
    type: bool
    default: false
  health_checks:
    description:
      - The health check, exactly one. A name is that of a check of the region; a global one is given by its path
        (V(global/healthChecks/proxy)) or URL. Needed to create a service.
    type: list
    elements: str
  session_affinity:
    description:
      - What connections have in common that go to the same machine. Google's default is V(NONE), by which connections
        are told apart by both addresses and ports.
    type: str
    choices: [NONE, CLIENT_IP, CLIENT_IP_PROTO, CLIENT_IP_PORT_PROTO, CLIENT_IP_NO_DESTINATION]
  connection_draining:
    description:
      - What becomes of connections to a machine that is taken away.
    type: dict
    suboptions:
      draining_timeout_sec:
        description:
          - For how many seconds they may go on, V(0) to V(3600). Google's default is V(0).
        type: int
seealso:
  - module: podreach.gke.backend_service_info
  - module: podreach.gke.forwarding_rule
  - module: podreach.gke.health_check
  - module: podreach.gke.instance_group_manager
  - name: Internal passthrough load balancers
    description: Google's documentation.
    link: https://cloud.google.com/load-balancing/docs/internal
"""

EXAMPLES = r"""
- name: Two proxies behind one address
  podreach.gke.backend_service:
    name: proxy
    region: asia-northeast1
    protocol: TCP
    health_checks: [proxy]
    backends:
      - group: proxy
    connection_draining:
      draining_timeout_sec: 60
"""

RETURN = r"""
resource:
  description: The service as the API has it; in check mode as it would be.
  returned: success
  type: dict
  sample:
    backends:
      - balancingMode: CONNECTION
        group: https://www.googleapis.com/compute/v1/projects/my-project/regions/asia-northeast1/instanceGroups/proxy
    connectionDraining:
      drainingTimeoutSec: 60
    description: '[podreach.gke]'
    healthChecks:
      - https://www.googleapis.com/compute/v1/projects/my-project/regions/asia-northeast1/healthChecks/proxy
    loadBalancingScheme: INTERNAL
    name: proxy
    protocol: TCP
    region: https://www.googleapis.com/compute/v1/projects/my-project/regions/asia-northeast1
    sessionAffinity: NONE
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
    - action: create
      fields: []
      grade: safe
      summary: create backend_service proxy
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
from ansible_collections.podreach.gke.plugins.module_utils.gcp import backend_services
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import definition

DEFINITION = definition(backend_services.BackendService, backend_services.SPEC)


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
