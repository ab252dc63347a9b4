#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: instance_group_manager
short_description: A group of like machines that keeps its size
version_added: 0.1.0
description:
  - Creates, changes and deletes a managed instance group, over the zones of a region or in one zone, which makes its
    machines from a template, and makes those anew that are gone.
  - With O(auto_healing_policies) it also makes those anew that run but no longer answer a health check.
  - Waits until the group has come to rest (O(wait_stable)). If it does not, the message says what it is doing, and
    which errors it reports.
  - To make the group smaller needs O(allow_disruption), and so does another health check in O(auto_healing_policies).
    Another template is for machines that are made from then on, which is safe; in a group that rolls it out by itself
    (its update policy is V(PROACTIVE)) it needs O(allow_disruption) too.
  - Named ports, which this kind of load balancer does not use, rolling updates, several versions, autoscaling and
    stateful machines are not this module's. A group that has them keeps them;
    the template of a group with several versions is refused.
author:
  - podreach.gke contributors (@podreach)
extends_documentation_fragment:
  - podreach.gke.google
  - podreach.gke.google.timeout
  - podreach.gke.attributes
options:
  name:
    description:
      - The group's name.
    type: str
    required: true
  region:
    description:
      - The region of a group over several zones. Either this or O(zone) is needed.
    type: str
  zone:
    description:
      - The zone of a group in one zone.
    type: str
  description:
    description:
      - A description. C([podreach.gke]) is added to it, which marks what this collection created.
    type: str
  instance_template:
    description:
      - The template of the machines, by name (a global one), path or URL. Needed to create a group.
    type: str
  target_size:
    description:
      - How many machines there shall be. Needed to create a group.
      - Not looked at later in a group that an autoscaler looks after.
    type: int
  base_instance_name:
    description:
      - How the names of the machines begin; a hyphen and four characters follow. The group's name otherwise. Fixed at
        creation.
    type: str
  auto_healing_policies:
    description:
      - When a machine that runs is made anew. One policy at most; an empty list takes away the one that there is.
      - What a policy does not mention stays.
    type: list
    elements: dict
    suboptions:
      health_check:
        description:
          - The check, by name (a global one), path (V(regions/asia-northeast1/healthChecks/proxy)) or URL. Needed in a
            new policy.
        type: str
      initial_delay_sec:
        description:
          - For how long a new machine may fail the check, V(0) to V(3600) seconds. It should be longer than the machine
            takes to start. Google's default is V(0).
        type: int
  distribution_policy:
    description:
      - Where the machines of a group over several zones are.
    type: dict
    suboptions:
      zones:
        description:
          - The zones, all of them, by name. Google chooses otherwise. Given to new groups only.
        type: list
        elements: str
  wait_stable:
    description:
      - For how many seconds to wait until nothing is being changed in the group any more; with a health check, until
        all machines are well. V(0) does not wait, and neither does O(wait=false).
      - A run that changes nothing waits as well, so that a group that cannot make its machines is never passed over.
    type: int
    default: 600
seealso:
  - module: podreach.gke.instance_group_manager_info
  - module: podreach.gke.health_check
  - module: podreach.gke.backend_service
  - name: Autohealing
    description: Google's documentation.
    link: https://cloud.google.com/compute/docs/instance-groups/autohealing-instances-in-migs
"""

EXAMPLES = r"""
- name: Two proxies in two zones; one that falls silent is made anew
  podreach.gke.instance_group_manager:
    name: proxy
    region: asia-northeast1
    instance_template: proxy-1
    target_size: 2
    distribution_policy:
      zones: [asia-northeast1-a, asia-northeast1-b]
    auto_healing_policies:
      - health_check: proxy-healing
        initial_delay_sec: 120

- name: Another template for machines that are made from now on
  podreach.gke.instance_group_manager:
    name: proxy
    region: asia-northeast1
    instance_template: proxy-2

- name: One machine only
  podreach.gke.instance_group_manager:
    name: proxy
    region: asia-northeast1
    target_size: 1
    allow_disruption: true
"""

RETURN = r"""
resource:
  description: The group as the API has it; in check mode as it would be.
  returned: success
  type: dict
  sample:
    autoHealingPolicies:
      - healthCheck: https://www.googleapis.com/compute/v1/projects/my-project/global/healthChecks/proxy-healing
        initialDelaySec: 120
    baseInstanceName: proxy
    description: '[podreach.gke]'
    distributionPolicy:
      targetShape: EVEN
      zones:
        - zone: https://www.googleapis.com/compute/v1/projects/my-project/zones/asia-northeast1-a
        - zone: https://www.googleapis.com/compute/v1/projects/my-project/zones/asia-northeast1-b
    instanceGroup: https://www.googleapis.com/compute/v1/projects/my-project/regions/asia-northeast1/instanceGroups/proxy
    instanceTemplate: https://www.googleapis.com/compute/v1/projects/my-project/global/instanceTemplates/proxy-2
    name: proxy
    region: https://www.googleapis.com/compute/v1/projects/my-project/regions/asia-northeast1
    selfLink: https://www.googleapis.com/compute/v1/projects/my-project/regions/asia-northeast1/instanceGroupManagers/proxy
    status:
      isStable: true
      versionTarget:
        isReached: false
    targetSize: 2
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
      fields:
        - instanceTemplate
      grade: safe
      summary: set template proxy-2 for instance_group_manager proxy
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
from ansible_collections.podreach.gke.plugins.module_utils.gcp import instance_group_managers
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import definition

DEFINITION = definition(instance_group_managers.InstanceGroupManager, instance_group_managers.SPEC)


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
