#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
---
module: masquerade
short_description: Manage toward which destinations pods of a GKE cluster are masqueraded
version_added: 0.1.0
description:
  - Manages the configuration of the ip-masq-agent, which decides toward which destinations pods keep their own address;
    in Autopilot clusters, the EgressNATPolicy objects, which decide there. Toward all others, they leave with the
    address of their node, as is needed where a network has a route to the nodes but none to the pods.
  - Either gives the list as it is to be (O(non_masquerade_cidrs)), or says what is wanted (O(keep), O(masquerade)), and
    the shortest list is derived from what is in force. The cluster's own pod, node and Services ranges are kept then
    in any case.
  - The ConfigMap C(ip-masq-agent) in C(kube-system) is merged with what others own. An annotation says which entries
    and settings are this module's; nothing else is changed or removed, and where nothing changes, the text stays to
    the letter.
  - The configuration is held against the agent's own rules before it is written. What the agent would refuse, it would
    ignore as a whole.
  - Where no agent runs, nothing reads the ConfigMap. This is refused, unless O(deploy_agent=true).
  - In an Autopilot cluster, what O(owner) adds goes into an EgressNATPolicy of its own. What stands against its wish is
    taken out of the policy C(default), which GKE makes with the built-in list, and what remains of it comes into the
    owner's policy. Annotations say who took what, and O(state=absent) puts it back. Policies C(gke-...) are GKE's, and
    never changed; those of others only with O(adopt=true).
  - Any destination that will see another source address than before is named. Such a change needs O(allow_disruption).
author:
  - podreach.gke contributors (@podreach)
extends_documentation_fragment:
  - podreach.gke.google.reading
  - podreach.gke.kubernetes
  - podreach.gke.attributes
attributes:
  action_group:
    version_added: 0.1.0
    support: full
    membership: [podreach.gke.google, podreach.gke.kubernetes]
    description: Use C(group/podreach.gke.google) or C(group/podreach.gke.kubernetes) in C(module_defaults) to set
      defaults for this module.
options:
  state:
    description:
      - V(present) makes the entries and settings of O(owner) those that are given.
      - V(absent) removes the entries of O(owner), puts settings and replaced entries of others back, and deletes the
        ConfigMap where this module made it and nothing else is in it. Where nobody changed anything else, the text is
        what it was before, to the letter. It does not need O(allow_disruption).
    type: str
    choices: [present, absent]
    default: present
  owner:
    description:
      - Whose entries these are. Several topologies that configure one cluster each take a name of their own. An entry
        that several of them want stays until the last one lets it go.
    type: str
    default: podreach.gke
  non_masquerade_cidrs:
    description:
      - Destinations toward which pods keep their own addresses, beside those of others in the list. An entry that an
        earlier call of the same O(owner) added, and this one leaves out, goes.
      - The first list replaces the agent's built-in one, so it has to name all that is to be kept, the pod range among
        that. An empty list masquerades everything. In an Autopilot cluster, the built-in list is that of the policy
        C(default), the cluster's own ranges need not be named, and all ranges are of IPv4.
    type: list
    elements: str
  keep:
    description:
      - Destinations toward which pods shall keep their own addresses, in IPv4.
      - Of ranges in O(keep) and O(masquerade) that overlap, the smaller one counts.
    type: list
    elements: str
  masquerade:
    description:
      - Destinations that shall see the nodes' addresses, in IPv4. Entries of others that stand against it are refused
        by name, unless O(adopt=true).
    type: list
    elements: str
  unmentioned:
    description:
      - What becomes of destinations that neither O(keep) nor O(masquerade) names.
      - With V(unchanged), they see what they saw before this module came. With V(masquerade), they see the nodes'
        addresses, which makes for a short list.
    type: str
    choices: [unchanged, masquerade]
    default: unchanged
  cluster_ranges:
    description:
      - The cluster's own pod, node and Services ranges, beside those that are read from Google. Needed for O(keep) and
        O(masquerade) where the cluster is not named by O(cluster), or its subnetwork may not be read.
    type: list
    elements: str
  resync_interval:
    description:
      - How often the agent looks at its configuration, like V(60s) or V(5m). The agent's own default is V(60s).
      - Not for Autopilot clusters.
    type: str
  masq_link_local:
    description:
      - Whether packets to V(169.254.0.0/16), the metadata server among that, are masqueraded too. The agent's own
        default is V(false).
      - Not for Autopilot clusters, where they never are.
    type: bool
  deploy_agent:
    description:
      - Deploy the agent where neither GKE nor anybody else has, and keep it as it is to be. One that is somebody else's
        is used as it is.
      - With O(state=absent), delete the agent that this module deployed, after it has taken the list away. The rules
        that it leaves behind keep what GKE's own do.
      - Not for Autopilot clusters.
    type: bool
    default: false
  agent_image:
    description:
      - The agent's image, for O(deploy_agent=true).
    type: str
    default: gke.gcr.io/ip-masq-agent:v2.9.3-gke.5
  adopt:
    description:
      - Take entries of others that stand against O(masquerade) out of the list, and put what remains of them there.
        O(state=absent) puts them back. In an Autopilot cluster, these are entries in policies of others, and those in
        the policy C(default) that are not of its built-in list.
    type: bool
    default: false
  allow_disruption:
    description:
      - Allow changes after which a destination sees another source address. RV(now_masqueraded) and RV(now_kept) say
        which do; without this word such a change is refused.
      - In check mode they are shown, not refused.
    type: bool
    default: false
  wait:
    description:
      - Whether to wait until all agents use a changed configuration. Only agents that run with C(--v=2) or more say in
        their logs what they use; for others, RV(in_force.at_latest) says when they will. Of the policies of an
        Autopilot cluster, nothing tells.
    type: bool
    default: true
  timeout:
    description:
      - Seconds to wait.
    type: int
    default: 300
notes:
  - Needs the right to get, create, patch and delete ConfigMaps and to get DaemonSets in C(kube-system). For
    O(deploy_agent=true), also to create, patch and delete the latter, and for O(wait), where agents tell it, to list
    pods and get their logs. In an Autopilot cluster, it is the right to list, create, patch and delete EgressNATPolicy
    objects. O(cluster) needs C(container.clusters.get) at Google, and O(keep) and O(masquerade) need
    C(compute.subnetworks.get).
  - A flow that runs already keeps its translation; new ones follow the new list.
  - Pods with C(hostNetwork), and pods of Windows nodes, leave with the node's address whatever the list says.
seealso:
  - module: podreach.gke.masquerade_info
  - module: podreach.gke.pod_probe
  - name: IP masquerade agent
    description: Google's documentation.
    link: https://cloud.google.com/kubernetes-engine/docs/concepts/ip-masquerade-agent
  - name: Egress NAT policies of Autopilot clusters
    description: Google's documentation.
    link: https://cloud.google.com/kubernetes-engine/docs/how-to/egress-nat-policy-ip-masq-autopilot
"""

EXAMPLES = r"""
- name: Be seen with the nodes' addresses in the peered project, and nowhere else than before
  podreach.gke.masquerade:
    cluster: test-cluster
    location: asia-northeast1-a
    masquerade: [10.2.0.0/16]
    allow_disruption: true

- name: The list as it is to be, which the agent looks at every half minute
  podreach.gke.masquerade:
    cluster: test-cluster
    location: asia-northeast1-a
    non_masquerade_cidrs: [172.16.0.0/16, 10.1.0.0/16]
    resync_interval: 30s
    allow_disruption: true

- name: Masquerade toward all but the cluster itself and one network
  podreach.gke.masquerade:
    cluster: test-cluster
    location: asia-northeast1-a
    keep: [10.3.0.0/16]
    unmentioned: masquerade
    allow_disruption: true

- name: Put back what was before
  podreach.gke.masquerade:
    cluster: test-cluster
    location: asia-northeast1-a
    state: absent
"""

RETURN = r"""
config:
  description:
    - The text under the key C(config); in check mode as it would be. Null where there is none, and in Autopilot
      clusters.
  returned: success
  type: str
  sample: |
    nonMasqueradeCIDRs:
    - 10.0.0.0/15
    - 10.3.0.0/16
    - 10.4.0.0/14
    - 10.8.0.0/13
    - 10.16.0.0/12
    - 10.32.0.0/11
    - 10.64.0.0/10
    - 10.128.0.0/9
    - 100.64.0.0/10
    - 172.16.0.0/12
    - 192.0.0.0/24
    - 192.0.2.0/24
    - 192.88.99.0/24
    - 192.168.0.0/16
    - 198.18.0.0/15
    - 198.51.100.0/24
    - 203.0.113.0/24
    - 240.0.0.0/4
non_masquerade_cidrs:
  description:
    - Destinations toward which pods keep their own addresses by the agent's list, its built-in one if need be; in
      Autopilot clusters, those that any policy names.
  returned: success
  type: list
  elements: str
  sample:
    - 10.0.0.0/15
    - 10.3.0.0/16
    - 10.4.0.0/14
    - 10.8.0.0/13
    - 10.16.0.0/12
    - 10.32.0.0/11
    - 10.64.0.0/10
    - 10.128.0.0/9
    - 100.64.0.0/10
    - 172.16.0.0/12
    - 192.0.0.0/24
    - 192.0.2.0/24
    - 192.88.99.0/24
    - 192.168.0.0/16
    - 198.18.0.0/15
    - 198.51.100.0/24
    - 203.0.113.0/24
    - 240.0.0.0/4
owned_cidrs:
  description: Those of them that O(owner) holds, in Autopilot clusters in a policy of its own.
  returned: success
  type: list
  elements: str
  sample:
    - 10.0.0.0/15
    - 10.3.0.0/16
    - 10.4.0.0/14
    - 10.8.0.0/13
    - 10.16.0.0/12
    - 10.32.0.0/11
    - 10.64.0.0/10
    - 10.128.0.0/9
    - 100.64.0.0/10
    - 172.16.0.0/12
    - 192.0.0.0/24
    - 192.0.2.0/24
    - 192.88.99.0/24
    - 192.168.0.0/16
    - 198.18.0.0/15
    - 198.51.100.0/24
    - 203.0.113.0/24
    - 240.0.0.0/4
resync_seconds:
  description: How often the agent looks at its configuration. Null in Autopilot clusters.
  returned: success
  type: float
  sample: 60.0
now_masqueraded:
  description:
    - Destinations that see the node's address and saw the pod's before this call, as far as the lists tell; in check
      mode, that would.
  returned: success
  type: list
  elements: str
  sample: [10.2.0.0/16]
now_kept:
  description: Destinations that see the pod's address and saw the node's before this call; in check mode, that would.
  returned: success
  type: list
  elements: str
  sample: []
in_force:
  description: Whether the agents use the configuration by now.
  returned: success
  type: dict
  contains:
    seen:
      description: Whether all agents say so. Null where nothing was changed, or the agents' logs do not tell it.
      type: bool
    at_latest:
      description:
        - When it is in force at the latest, by the interval that the agents had so far and the time that a ConfigMap
          takes to reach running pods. Null where nothing was changed, it was seen to be in force, or the cluster is
          an Autopilot one, of which Google does not say it.
      type: str
  sample:
    at_latest: "2026-11-23T17:19:14+00:00"
    seen: null
plan:
  description: The steps that were done, or would be in check mode.
  returned: success
  type: list
  elements: dict
  contains:
    action:
      description: V(create), V(update) or V(delete).
      type: str
    summary:
      description: The step in words.
      type: str
    grade:
      description: V(safe), V(disruptive) (destinations see another source address) or V(destructive) (removes).
      type: str
    fields:
      description: The keys of the configuration, or of the policy, that differ.
      type: list
      elements: str
  sample:
    - action: create
      fields: [nonMasqueradeCIDRs]
      grade: disruptive
      summary: "create ConfigMap kube-system/ip-masq-agent: masquerade toward 10.2.0.0/16"
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
from ansible_collections.podreach.gke.plugins.module_utils.kubernetes import masquerade

DEFINITION = masquerade.DEFINITION


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
