#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
---
module: masquerade_info
short_description: With which address pods of a GKE cluster are seen
version_added: 0.1.0
description:
  - Reads what decides with which address pods of a cluster leave, their own or that of their node. On Standard
    clusters, that is the ip-masq-agent with its ConfigMap, or GKE's own rules where no agent runs; on Autopilot
    clusters, it is the EgressNATPolicy objects.
  - Tells for each of O(destinations) what it sees, and what of the configuration has no effect, or one that is hardly
    meant.
  - What cannot be known is said to be unknown, like the rules of an agent that refused its configuration.
author:
  - podreach.gke contributors (@podreach)
extends_documentation_fragment:
  - podreach.gke.google.reading
  - podreach.gke.kubernetes
  - podreach.gke.attributes
attributes:
  check_mode:
    support: full
    details:
      - This module changes nothing. In check mode, nothing is known of a cluster that does not exist yet.
  diff_mode:
    support: none
  action_group:
    version_added: 0.1.0
    support: full
    membership: [podreach.gke.google, podreach.gke.kubernetes]
    description: Use C(group/podreach.gke.google) or C(group/podreach.gke.kubernetes) in C(module_defaults) to set
      defaults for this module.
options:
  destinations:
    description:
      - Addresses or ranges of which it shall be said which address of pods they see. In IPv6, that is not known.
    type: list
    elements: str
  cluster_ranges:
    description:
      - The cluster's own pod, node and Services ranges, where they are not read from Google because there is no
        O(cluster), or its subnetwork may not be read.
    type: list
    elements: str
  timeout:
    description:
      - Seconds that the whole task may take.
    type: int
    default: 60
notes:
  - Needs the right to get ConfigMaps and DaemonSets in C(kube-system), and on Autopilot clusters to list
    EgressNATPolicy objects, or by O(host) or O(kubeconfig) to get them. O(cluster) needs C(container.clusters.get) and
    C(compute.subnetworks.get) at Google.
  - It is what Linux nodes do with packets of pods that have an address of their own. Pods with C(hostNetwork) have
    only the node's. Pods of Windows nodes are seen with it everywhere but in the cluster itself.
  - A changed ConfigMap is in force some time later, which RV(in_force) tells, and a flow that runs already keeps its
    translation. A ConfigMap, or its key C(config), that was deleted leaves no trace, so of that nothing is known to be
    pending; the result of M(podreach.gke.masquerade) says it. Google does not say how soon a changed policy of an
    Autopilot cluster is in force.
  - RV(in_force) goes by the clock of the machine that the module runs on.
seealso:
  - module: podreach.gke.masquerade
  - name: IP masquerade agent
    description: Google's documentation.
    link: https://cloud.google.com/kubernetes-engine/docs/concepts/ip-masquerade-agent
"""

EXAMPLES = r"""
- name: With which address do pods come into the peered project?
  podreach.gke.masquerade_info:
    cluster: test-cluster
    location: asia-northeast1-a
    destinations: [10.2.0.0/16]
  register: masquerading

- name: Nothing of what is configured may be without effect
  ansible.builtin.assert:
    that: masquerading.findings | length == 0
    fail_msg: "{{ masquerading.findings | map(attribute='message') | join(' ') }}"

- name: Tell whom a firewall there has to let in
  ansible.builtin.debug:
    msg: >-
      {{ masquerading.cluster_ranges.nodes if masquerading.destinations[0].seen_as == 'node'
      else masquerading.cluster_ranges.pods }}
"""

RETURN = r"""
mode:
  description:
    - V(standard) or V(autopilot). Null in check mode for a cluster that does not exist yet.
  returned: success
  type: str
  sample: standard
agent:
  description: The DaemonSet C(kube-system/ip-masq-agent).
  returned: success
  type: dict
  contains:
    deployed:
      description: Whether there is one.
      type: bool
    ready:
      description: Whether it runs on all nodes on which it shall.
      type: bool
  sample:
    deployed: true
    ready: true
non_masquerade_cidrs:
  description:
    - Destinations toward which pods keep their own addresses, beside link-local ones, and on Autopilot the cluster's
      own.
    - Null where it cannot be known, which RV(findings) mostly explain.
    - Where RV(in_force) is not null, what is configured, which counts from then on at the latest.
  returned: success
  type: list
  elements: str
  sample:
    - 10.0.0.0/8
    - 172.16.0.0/12
    - 192.168.0.0/16
    - 100.64.0.0/10
    - 192.0.0.0/24
    - 192.0.2.0/24
    - 192.88.99.0/24
    - 198.18.0.0/15
    - 198.51.100.0/24
    - 203.0.113.0/24
    - 240.0.0.0/4
source:
  description:
    - Where RV(non_masquerade_cidrs) comes from.
    - V(config_map), a list that somebody wrote; V(default), the built-in list of the agent or of GKE's own rules;
      V(snat_disabled), which is everything, since the cluster has default SNAT disabled and no agent; V(policies),
      those of an Autopilot cluster; V(unknown).
  returned: success
  type: str
  sample: default
cluster_ranges:
  description: The cluster's own ranges, as far as Google says them.
  returned: success
  type: dict
  contains:
    pods:
      description: The pod ranges.
      type: list
      elements: str
    nodes:
      description: The node range.
      type: list
      elements: str
    services:
      description: The Services range.
      type: list
      elements: str
  sample:
    pods: [172.16.0.0/16]
    nodes: [10.1.0.0/16]
    services: [172.16.240.0/20]
in_force:
  description:
    - Until when a change of the ConfigMap may not be in force yet. Null where nothing is pending.
    - It goes by the latest change of the ConfigMap, whatever it was, by the interval at which agents look for changes,
      of at least the usual minute, and by the time that a ConfigMap takes to reach running pods. An interval that was
      longer before that change is not known. Agents that have the change already are not asked.
  returned: success
  type: dict
  contains:
    at_latest:
      description: When it is in force at the latest.
      type: str
    seconds_left:
      description: How many seconds that is from now.
      type: int
  sample:
    at_latest: "2026-11-23T17:19:14+00:00"
    seconds_left: 148
destinations:
  description: What each of O(destinations) sees.
  returned: success
  type: list
  elements: dict
  contains:
    destination:
      description: The address or range.
      type: str
    seen_as:
      description:
        - V(pod) where it sees pods' own addresses, V(node) where it sees the nodes', V(both) where parts of the range
          differ, V(unknown).
        - Where RV(in_force) is not null, it is unknown what was configured before, so most is V(unknown).
      type: str
  sample:
    - destination: 10.2.0.0/16
      seen_as: pod
findings:
  description: What has no effect, or one that is hardly meant.
  returned: success
  type: list
  elements: dict
  contains:
    code:
      description:
        - V(masq-no-agent), V(masq-wrong-key), V(masq-unknown-key), V(masq-rejected), V(masq-pod-range-missing),
          V(masq-node-range-missing), V(masq-agent-not-on-node), V(masq-two-chains), V(masq-windows),
          V(masq-wrong-mode), V(masq-resync-pending) or V(snat-disabled).
      type: str
    message:
      description: A sentence.
      type: str
    mend:
      description: What to do about it.
      type: str
  sample:
    - code: masq-wrong-key
      message: "ConfigMap kube-system/ip-masq-agent: its key 'ip-masq-config' holds a configuration, but the agent reads
        only the key 'config': that is why it has no effect."
      mend: Move it to the key 'config'.
error:
  description: What went wrong, for programs.
  returned: failure
  type: dict
  contains:
    code:
      description: A short stable code of this collection, or the reason of Kubernetes.
      type: str
    reason:
      description: The API's reason.
      type: str
    message:
      description: The message.
      type: str
    resource:
      description: The object, by kind, namespace and name.
      type: str
    operation:
      description: What still goes on.
      type: str
"""

from ansible_collections.podreach.gke.plugins.module_utils.arguments import run_as_module
from ansible_collections.podreach.gke.plugins.module_utils.kubernetes import masquerade_info

DEFINITION = masquerade_info.DEFINITION


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
