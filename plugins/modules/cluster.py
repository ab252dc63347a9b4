#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster
short_description: A GKE cluster
version_added: 0.1.0
description:
  - Creates, changes, replaces and deletes a GKE cluster, Standard or Autopilot.
  - Whether a cluster is VPC-native or routes-based is fixed for good, and so are its network, its ranges and most of
    what is given here. A difference in what is fixed is refused, with all differences named, before anything is sent.
    O(confirm_replace) is the way to have the cluster deleted and made anew.
  - Before a cluster is created, its network, its subnetwork and the secondary ranges that it names are looked for, and
    the nodes are counted against the pod range. O(prerequisite_timeout) says how long to wait for what is not there
    yet; in check mode it counts as planned, with a warning.
  - What the collection created bears the label C(managed-by=podreach-gke). A cluster without it is changed only as
    asked, and never deleted or replaced.
author:
  - podreach.gke contributors (@podreach)
extends_documentation_fragment:
  - podreach.gke.google
  - podreach.gke.google.timeout_cluster
  - podreach.gke.node_pool.cluster
  - podreach.gke.attributes
options:
  name:
    description:
      - The cluster's name, at most 40 characters.
    type: str
    required: true
  location:
    description:
      - The region, for a regional cluster, or the zone, for a zonal one.
    type: str
    required: true
  description:
    description:
      - A description. Fixed at creation.
    type: str
  network:
    description:
      - The network, by name or URL, which may be of another project (Shared VPC). Google's default is the network
        C(default). Fixed at creation.
    type: str
  subnetwork:
    description:
      - The subnetwork, by name or URL. Its primary range holds the nodes. Fixed at creation.
      - One of another project, the host of a Shared VPC, must be usable for clusters of O(project). What is missing for
        that, the attachment or a role of Google's accounts there, is named before the cluster is created. See
        M(podreach.gke.shared_vpc).
    type: str
  cluster_ipv4_cidr:
    description:
      - The pod range of a routes-based cluster, as CIDR V(10.32.0.0/14) or as size V(/14). The Services take its last
        /20, each node takes a /24 of the rest. Fixed at creation.
      - A VPC-native cluster takes O(ip_allocation_policy) instead.
    type: str
  ip_allocation_policy:
    description:
      - Where pods and Services get their addresses from. Fixed at creation, except
        O(ip_allocation_policy.additional_pod_ranges_config).
      - A new cluster is VPC-native unless O(ip_allocation_policy.use_routes=true).
    type: dict
    suboptions:
      use_ip_aliases:
        description:
          - Whether the cluster is VPC-native, so that pods have addresses of a secondary range. This is what a new
            cluster is unless told otherwise, and what naming a secondary range means. V(false) means the same as
            O(ip_allocation_policy.use_routes=true).
        type: bool
      use_routes:
        description:
          - Whether the cluster is routes-based, so that pods have addresses of O(cluster_ipv4_cidr), which are in no
            subnetwork. These are not advertised by a Cloud Router unless it is told to, and do not cross a peering
            unless custom routes are exchanged. Takes no secondary ranges.
        type: bool
      cluster_secondary_range_name:
        description:
          - Name of the subnetwork's secondary range for pods. Not together with
            O(ip_allocation_policy.cluster_ipv4_cidr_block).
          - A range that Google made for another cluster, or that holds Services, is refused. Clusters may share a range
            that a user made.
        type: str
      services_secondary_range_name:
        description:
          - Name of the subnetwork's secondary range for Services, another one than that for pods. Not together with
            O(ip_allocation_policy.services_ipv4_cidr_block).
        type: str
      cluster_ipv4_cidr_block:
        description:
          - Has Google make the range for pods, as CIDR V(10.1.128.0/19) or as size V(/19).
        type: str
      services_ipv4_cidr_block:
        description:
          - Has Google make the range for Services, as CIDR V(10.1.160.0/22) or as size V(/22).
        type: str
      additional_pod_ranges_config:
        description:
          - More secondary ranges of the subnetwork for pods, which node pools can take their addresses from.
          - They are added after the cluster's creation, by an update that needs O(wait=true) or a second run.
        type: dict
        suboptions:
          pod_range_names:
            description:
              - Names of secondary ranges. Those that are not mentioned are kept, unless
                O(purge_additional_pod_ranges=true).
            type: list
            elements: str
            required: true
  purge_additional_pod_ranges:
    description:
      - Remove the additional pod ranges that O(ip_allocation_policy.additional_pod_ranges_config.pod_range_names) does
        not mention. Needs O(allow_disruption).
    type: bool
    default: false
  autopilot:
    description:
      - Autopilot, where Google runs the nodes. Fixed at creation.
    type: dict
    suboptions:
      enabled:
        description:
          - Whether the cluster is an Autopilot cluster. Such a cluster takes no O(node_pools).
        type: bool
        required: true
  network_config:
    description:
      - How packets are handled.
    type: dict
    suboptions:
      datapath_provider:
        description:
          - V(ADVANCED_DATAPATH) is Dataplane V2, which Autopilot clusters have. Google's default for Standard clusters
            is V(LEGACY_DATAPATH). Fixed at creation.
        type: str
        choices: [LEGACY_DATAPATH, ADVANCED_DATAPATH]
      default_snat_status:
        description:
          - Whether nodes put their own address in place of a pod's where a packet leaves for what Google does not take
            for internal.
        type: dict
        suboptions:
          disabled:
            description:
              - V(true) keeps the pods' addresses towards every destination, so that the other side has to know them.
                Only in VPC-native clusters. A change needs O(allow_disruption).
            type: bool
            required: true
  private_cluster_config:
    description:
      - Private nodes and the private control plane.
    type: dict
    suboptions:
      enable_private_nodes:
        description:
          - Whether nodes have internal addresses only. Fixed at creation.
        type: bool
      enable_private_endpoint:
        description:
          - Whether the control plane can be reached at its internal address only, which needs private nodes. A change
            needs O(allow_disruption).
        type: bool
      master_ipv4_cidr_block:
        description:
          - The control plane's own range, a /28 that overlaps nothing else. Fixed at creation.
        type: str
  master_authorized_networks_config:
    description:
      - Who may reach the control plane.
    type: dict
    suboptions:
      enabled:
        description:
          - Whether only authorised networks may. Giving O(master_authorized_networks_config) without this switches it
            on, which needs O(allow_disruption) where it was off.
        type: bool
        default: true
      cidr_blocks:
        description:
          - Authorised networks, told apart by O(master_authorized_networks_config.cidr_blocks[].cidr_block). Those that
            are not mentioned are kept, unless O(purge_master_authorized_networks=true).
        type: list
        elements: dict
        suboptions:
          cidr_block:
            description:
              - The range.
            type: str
            required: true
          display_name:
            description:
              - What it is.
            type: str
  purge_master_authorized_networks:
    description:
      - Remove the authorised networks that O(master_authorized_networks_config.cidr_blocks) does not mention. Needs
        O(allow_disruption).
    type: bool
    default: false
  release_channel:
    description:
      - Which releases the cluster follows.
    type: dict
    suboptions:
      channel:
        description:
          - The channel. V(UNSPECIFIED) means none.
        type: str
        required: true
        choices: [RAPID, REGULAR, STABLE, EXTENDED, UNSPECIFIED]
  initial_cluster_version:
    description:
      - The Kubernetes version to begin with, exact or an alias such as V(1.33) or V(latest). It says nothing
        afterwards.
    type: str
  default_max_pods_constraint:
    description:
      - How many pods a node takes, for pools that do not say it themselves. Only in VPC-native clusters. Fixed at
        creation.
    type: dict
    suboptions:
      max_pods_per_node:
        description:
          - The number of pods, V(8) to V(256). Google's default is V(110) for Standard and V(32) for Autopilot.
          - Each node reserves a block of at least twice as many addresses, for example a /24 for V(110).
        type: int
        required: true
  locations:
    description:
      - The zones of the nodes, exactly these. Taking one away needs O(allow_disruption).
    type: list
    elements: str
  resource_labels:
    description:
      - Labels of the cluster. Those that are not mentioned are kept. C(managed-by=podreach-gke) is added at creation.
    type: dict
  deletion_protection:
    description:
      - Whether deleting and replacing are refused. It is this task's own word and not kept in the cluster, so that it
        has to be V(false) in the very task that deletes with O(state=absent), or replaces with O(confirm_replace).
    type: bool
    default: true
  confirm_replace:
    description:
      - The cluster's own name, to have it deleted and made anew where a difference in what is fixed cannot be mended
        otherwise. All workloads and volumes of the cluster are lost.
      - Without such a difference it does nothing. It needs O(deletion_protection=false), and whatever a new cluster
        needs, O(node_pools) among it.
    type: str
  prerequisite_timeout:
    description:
      - Seconds to wait, before a cluster is created, for a network, a subnetwork or a secondary range that something
        else may be building. V(0) fails at once if one is missing. Counts towards O(timeout).
    type: int
    default: 0
seealso:
  - module: podreach.gke.subnetwork
  - module: podreach.gke.node_pool
  - name: VPC-native clusters
    description: Google's documentation.
    link: https://cloud.google.com/kubernetes-engine/docs/concepts/alias-ips
"""

EXAMPLES = r"""
- name: A VPC-native cluster whose pods and Services have ranges of their own
  podreach.gke.cluster:
    name: test-cluster
    location: asia-northeast1
    network: aws-internal-connect
    subnetwork: aws-internal-connect-subnet-2
    ip_allocation_policy:
      cluster_secondary_range_name: subnet-2-pod
      services_secondary_range_name: subnet-2-svc
    release_channel:
      channel: REGULAR
    node_pools:
      - name: default-pool
        initial_node_count: 1
        config:
          machine_type: e2-standard-2

- name: A routes-based cluster
  podreach.gke.cluster:
    name: routes-cluster
    location: asia-northeast1-a
    network: aws-internal-connect
    subnetwork: aws-internal-connect-subnet-1
    cluster_ipv4_cidr: 10.32.0.0/14
    ip_allocation_policy:
      use_routes: true
    node_pools:
      - name: default-pool

- name: A cluster with private nodes, whose control plane the office can reach
  podreach.gke.cluster:
    name: private-cluster
    location: asia-northeast1
    network: aws-internal-connect
    subnetwork: aws-internal-connect-subnet-2
    ip_allocation_policy:
      cluster_secondary_range_name: subnet-2-pod
      services_secondary_range_name: subnet-2-svc
    private_cluster_config:
      enable_private_nodes: true
      master_ipv4_cidr_block: 172.31.255.0/28
    master_authorized_networks_config:
      cidr_blocks:
        - cidr_block: 203.0.113.0/24
          display_name: Office
    network_config:
      datapath_provider: ADVANCED_DATAPATH
    node_pools:
      - name: default-pool

- name: An Autopilot cluster, for which Google makes the ranges
  podreach.gke.cluster:
    name: auto-cluster
    location: asia-northeast1
    network: aws-internal-connect
    subnetwork: aws-internal-connect-subnet-2
    ip_allocation_policy:
      cluster_ipv4_cidr_block: /18
      services_ipv4_cidr_block: /22
    autopilot:
      enabled: true

- name: Let pods take addresses of one more range, once the subnetwork has it
  podreach.gke.cluster:
    name: test-cluster
    location: asia-northeast1
    ip_allocation_policy:
      additional_pod_ranges_config:
        pod_range_names: [subnet-2-pod-more]

- name: Keep the pods' own addresses towards AWS and everything else
  podreach.gke.cluster:
    name: test-cluster
    location: asia-northeast1
    network_config:
      default_snat_status:
        disabled: true
    allow_disruption: true

- name: Make the routes-based cluster anew as a VPC-native one, and lose what runs in it
  podreach.gke.cluster:
    name: routes-cluster
    location: asia-northeast1-a
    network: aws-internal-connect
    subnetwork: aws-internal-connect-subnet-1
    ip_allocation_policy:
      use_ip_aliases: true
    node_pools:
      - name: default-pool
    deletion_protection: false
    confirm_replace: routes-cluster

- name: Delete a cluster that this collection created
  podreach.gke.cluster:
    name: test-cluster
    location: asia-northeast1
    deletion_protection: false
    state: absent
"""

RETURN = r"""
resource:
  description: The cluster as the API has it, without its credentials; in check mode as it would be.
  returned: success
  type: dict
  sample:
    clusterIpv4Cidr: 10.1.128.0/19
    endpoint: 203.0.113.10
    ipAllocationPolicy:
      clusterIpv4CidrBlock: 10.1.128.0/19
      clusterSecondaryRangeName: subnet-2-pod
      servicesIpv4CidrBlock: 10.1.160.0/22
      servicesSecondaryRangeName: subnet-2-svc
      useIpAliases: true
    location: asia-northeast1
    name: test-cluster
    network: aws-internal-connect
    resourceLabels:
      managed-by: podreach-gke
    status: RUNNING
    subnetwork: aws-internal-connect-subnet-2
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
      summary: create cluster test-cluster
operation:
  description: The operation that still goes on, where O(wait=false).
  returned: success
  type: str
  sample: operation-1763877600000-01234567-89ab-cdef-0123-456789abcdef
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
from ansible_collections.podreach.gke.plugins.module_utils.gcp import clusters
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import definition

DEFINITION = definition(clusters.Cluster, clusters.SPEC)


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
