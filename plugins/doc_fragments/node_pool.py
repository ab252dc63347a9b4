# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node pool is made of: the options of the node_pool module, and of the items of a cluster's node_pools."""

from __future__ import annotations

import textwrap

CLUSTER_OPTION = r"""
options:
  node_pools:
    description:
      - The node pools that a Standard cluster is created with. A name is enough for one. Without any, the cluster
        begins with V(default-pool), of one node in each zone.
      - They count at creation only. An existing cluster's pools are neither compared nor changed by this;
        M(podreach.gke.node_pool) does that.
      - An Autopilot cluster makes its own pools and takes none.
    type: list
    elements: dict
    suboptions:
      state:
        description:
          - An absent pool is not created with the cluster.
        type: str
        choices: [present, absent]
        default: present
"""


def in_cluster(documentation: str) -> str:
    """The same options, as suboptions of a cluster's ``node_pools``: deeper, and referred to by their full name."""
    options = documentation.split("options:\n", 1)[1].replace("O(", "O(node_pools[].")
    return CLUSTER_OPTION + textwrap.indent(options, "    ")


class ModuleDocFragment:
    # options of the pool itself
    DOCUMENTATION = r"""
options:
  name:
    description:
      - The pool's name, at most 40 characters.
    type: str
    required: true
  node_count:
    description:
      - The number of nodes in each zone of the pool. It is kept. A pool of another size is resized.
      - Making a pool smaller is a disruptive change.
      - Not together with autoscaling, which decides the number itself.
    type: int
  initial_node_count:
    description:
      - The number of nodes in each zone that the pool is created with. It says nothing afterwards.
      - Without it and without O(node_count), a pool begins with O(autoscaling.min_node_count) nodes, at least one.
    type: int
  autoscaling:
    description:
      - Lets Google change the number of nodes between two bounds. What is not mentioned keeps its value.
    type: dict
    suboptions:
      enabled:
        description:
          - Whether the number of nodes changes by itself. Giving O(autoscaling) without this switches it on.
        type: bool
        default: true
      min_node_count:
        description:
          - The fewest nodes in each zone.
        type: int
      max_node_count:
        description:
          - The most nodes in each zone.
        type: int
      total_min_node_count:
        description:
          - The fewest nodes of all zones together. Use either this pair of bounds or that of each zone.
        type: int
      total_max_node_count:
        description:
          - The most nodes of all zones together.
        type: int
      location_policy:
        description:
          - V(BALANCED) spreads new nodes over the zones, V(ANY) takes the zone that has room.
        type: str
        choices: [BALANCED, ANY]
  management:
    description:
      - What Google does to the nodes by itself. What is not mentioned keeps its value.
    type: dict
    suboptions:
      auto_repair:
        description:
          - Whether unhealthy nodes are made anew.
        type: bool
      auto_upgrade:
        description:
          - Whether nodes follow the control plane's version. A cluster in a release channel insists on it.
        type: bool
  config:
    description:
      - The nodes. All of it is fixed at creation, except O(config.machine_type) and O(config.image_type), which make
        the nodes anew.
    type: dict
    suboptions:
      machine_type:
        description:
          - The machine type, for example V(e2-standard-4). A change makes the nodes anew and is disruptive.
        type: str
      image_type:
        description:
          - The node image, for example V(COS_CONTAINERD), in any case. A change makes the nodes anew and is disruptive.
        type: str
      disk_size_gb:
        description:
          - The size of each node's boot disk in GB.
        type: int
      disk_type:
        description:
          - The type of each node's boot disk, for example V(pd-balanced).
        type: str
      oauth_scopes:
        description:
          - OAuth scopes of the nodes' service account. A new pool without it has those that C(gcloud) gives.
        type: list
        elements: str
      service_account:
        description:
          - E-mail of the service account that the nodes run as. Google's default one otherwise.
        type: str
      labels:
        description:
          - Kubernetes labels of the nodes.
        type: dict
      tags:
        description:
          - Network tags of the nodes, which firewall rules can name.
        type: list
        elements: str
      spot:
        description:
          - Whether the nodes are spot machines.
        type: bool
  network_config:
    description:
      - Where the pool's pods get their addresses from. Fixed at creation.
    type: dict
    suboptions:
      pod_range:
        description:
          - Name of the secondary range for the pods of this pool, the cluster's own one or one of its additional pod
            ranges. With O(network_config.create_pod_range=true), the name of the range to make.
        type: str
      create_pod_range:
        description:
          - Whether Google makes a secondary range for this pool. It says nothing after creation.
        type: bool
      pod_ipv4_cidr_block:
        description:
          - The range to make, as CIDR V(10.96.0.0/14) or as size V(/14), with O(network_config.create_pod_range=true).
        type: str
      enable_private_nodes:
        description:
          - Whether the nodes have internal addresses only. The cluster's setting otherwise.
        type: bool
  max_pods_constraint:
    description:
      - How many pods a node takes. Only in VPC-native clusters. Fixed at creation.
    type: dict
    suboptions:
      max_pods_per_node:
        description:
          - The number of pods, V(8) to V(256). Each node reserves a block of at least twice as many addresses, for
            example a /24 for V(110) and a /26 for V(32).
        type: int
        required: true
  locations:
    description:
      - The zones of the nodes, all of them. Those of the cluster otherwise.
      - Leaving out a zone that the pool has needs C(allow_disruption).
    type: list
    elements: str
  version:
    description:
      - The exact Kubernetes version of the nodes, for example V(1.33.5-gke.1080000). A change makes the nodes anew and
        is disruptive.
      - Leave it out where Google upgrades the nodes, else every run takes them back.
    type: str
  upgrade_settings:
    description:
      - How nodes are made anew. What is not mentioned keeps its value.
    type: dict
    suboptions:
      max_surge:
        description:
          - How many nodes may be there in addition meanwhile.
        type: int
      max_unavailable:
        description:
          - How many nodes may be missing meanwhile.
        type: int
"""

    # annotated, since the linter of literal documentation reads every plain assignment here
    CLUSTER: str = in_cluster(DOCUMENTATION)
