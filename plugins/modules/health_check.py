#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: health_check
short_description: What tells whether a machine is well
version_added: 0.1.0
description:
  - Creates, changes and deletes a health check of a region, or a global one, which asks over TCP or HTTP.
  - Load balancers send new connections to machines only that it finds well; a group of machines with a policy of
    healing makes those anew that it does not, see M(podreach.gke.instance_group_manager).
  - Google's checkers come from V(35.191.0.0/16) and V(130.211.0.0/22). A firewall rule must let them in
    (M(podreach.gke.firewall_rule)), else no machine is ever well.
  - Another port, path or host needs O(allow_disruption), and so does a check that gives up sooner than before (a
    smaller O(check_interval_sec), O(timeout_sec) or O(unhealthy_threshold)).
author:
  - podreach.gke contributors (@podreach)
extends_documentation_fragment:
  - podreach.gke.google
  - podreach.gke.google.timeout
  - podreach.gke.attributes
options:
  name:
    description:
      - The check's name.
    type: str
    required: true
  region:
    description:
      - The region. Without it, the check is a global one; a group of machines and a load balancer can name either.
    type: str
  description:
    description:
      - A description. C([podreach.gke]) is added to it, which marks what this collection created.
    type: str
  type:
    description:
      - How to ask. V(TCP) wants a connection, V(HTTP) an answer with the status 200.
      - Follows from O(tcp_health_check) or O(http_health_check) if one of them is given. Needed to create a check,
        fixed afterwards.
    type: str
    choices: [TCP, HTTP]
  tcp_health_check:
    description:
      - Of a check over TCP.
    type: dict
    suboptions:
      port:
        description:
          - The port. Google's default is V(80).
        type: int
  http_health_check:
    description:
      - Of a check over HTTP.
    type: dict
    suboptions:
      port:
        description:
          - The port. Google's default is V(80).
        type: int
      request_path:
        description:
          - The path. Google's default is V(/).
        type: str
      host:
        description:
          - The header C(Host). The address that is asked otherwise.
        type: str
  check_interval_sec:
    description:
      - Seconds from one question to the next, V(1) to V(300). Google's default is V(5).
    type: int
  timeout_sec:
    description:
      - Seconds until no answer counts as a failure, not more than O(check_interval_sec). Google's default is V(5).
    type: int
  healthy_threshold:
    description:
      - After how many good answers in a row an unwell machine is well, V(1) to V(10). Google's default is V(2).
    type: int
  unhealthy_threshold:
    description:
      - After how many failures in a row a well machine is unwell, V(1) to V(10). Google's default is V(2).
    type: int
seealso:
  - module: podreach.gke.health_check_info
  - module: podreach.gke.backend_service
  - module: podreach.gke.instance_group_manager
  - name: Health checks
    description: Google's documentation.
    link: https://cloud.google.com/load-balancing/docs/health-check-concepts
"""

EXAMPLES = r"""
- name: Whether a proxy takes connections, for its load balancer
  podreach.gke.health_check:
    name: proxy
    region: asia-northeast1
    tcp_health_check:
      port: 80

- name: The same, for the group that makes silent machines anew; slower, so that a busy one is not taken for a dead one
  podreach.gke.health_check:
    name: proxy-healing
    tcp_health_check:
      port: 80
    check_interval_sec: 10
    unhealthy_threshold: 3

- name: Let Google's checkers reach it
  podreach.gke.firewall_rule:
    name: my-network-health-checks
    network: my-network
    source_ranges:
      - 35.191.0.0/16
      - 130.211.0.0/22
    target_tags:
      - proxy
    allowed:
      - ip_protocol: tcp
        ports: ["80"]
"""

RETURN = r"""
resource:
  description: The check as the API has it; in check mode as it would be.
  returned: success
  type: dict
  sample:
    checkIntervalSec: 10
    description: '[podreach.gke]'
    healthyThreshold: 2
    name: proxy-healing
    tcpHealthCheck:
      port: 80
      proxyHeader: NONE
    timeoutSec: 5
    type: TCP
    unhealthyThreshold: 3
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
      summary: create health_check proxy-healing
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
from ansible_collections.podreach.gke.plugins.module_utils.gcp import health_checks
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import definition

DEFINITION = definition(health_checks.HealthCheck, health_checks.SPEC)


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
