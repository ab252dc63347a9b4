#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
---
module: internal_service
short_description: Manage internal load balancers of a GKE cluster's pods
version_added: 0.1.0
description:
  - Creates, changes and deletes a Service of type C(LoadBalancer) that GKE makes an internal passthrough load balancer
    of, so that clients in the VPC network, in peered networks and behind a VPN reach pods at one private address.
  - Waits until the load balancer has its address. Where it gets none, the error says why, in the words of the Service's
    events.
  - Only what is given is compared and changed, by a patch of exactly the fields that differ. What others wrote into the
    Service stays.
  - The label C(app.kubernetes.io/managed-by) with the value C(podreach.gke) marks what this module created. A Service
    without it is neither changed, unless O(adopt=true), nor deleted.
  - Changes that may cut traffic that flows now need O(allow_disruption). Another address, another selector, a port that
    goes or leads elsewhere, and source ranges that narrow are such.
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
  name:
    description:
      - The Service's name.
    type: str
    required: true
  namespace:
    description:
      - Its namespace, which has to exist.
    type: str
    default: default
  state:
    description:
      - V(present) creates or changes. Nothing that is not mentioned is removed.
      - V(absent) deletes, but only what this module created or adopted, and waits until the load balancer is gone.
    type: str
    choices: [present, absent]
    default: present
  selector:
    description:
      - Labels of the pods to send to. The selector becomes exactly this. Needed to create the Service.
    type: dict
  ports:
    description:
      - Ports that the load balancer forwards, told apart by O(ports[].protocol) and O(ports[].port). Needed to create
        the Service.
      - Ports that are not mentioned are kept, unless O(purge_ports=true).
    type: list
    elements: dict
    suboptions:
      port:
        description:
          - The load balancer's port.
        type: int
        required: true
      target_port:
        description:
          - The pods' port, by number or by the name that the container gives it. The same as O(ports[].port) without
            it.
        type: str
      protocol:
        description:
          - The protocol. One internal load balancer forwards only one of them.
        type: str
        choices: [TCP, UDP]
        default: TCP
      name:
        description:
          - A name, which each port needs where there are several.
        type: str
  purge_ports:
    description:
      - Remove ports that O(ports) does not mention. Needs O(allow_disruption) where that removes one in use.
    type: bool
    default: false
  labels:
    description:
      - Labels of the Service. Others are kept.
    type: dict
  annotations:
    description:
      - Annotations besides those that options of this module set. Others are kept; one whose value is null is removed.
    type: dict
  legacy_annotation:
    description:
      - Set the annotation C(cloud.google.com/load-balancer-type) too, which clusters before GKE 1.17, and other tools,
        look for.
    type: bool
    default: false
  load_balancer_ip:
    description:
      - The address that the load balancer shall have. It is free, or reserved, in the primary range of the subnetwork.
    type: str
  address_names:
    description:
      - The names of reserved internal addresses that the load balancer shall have, of which the first IPv4 one is
        waited for. Heeded by clusters with subsetting for internal load balancers only; O(load_balancer_ip) is by all.
    type: list
    elements: str
  global_access:
    description:
      - Whether clients in other regions reach it, also those that come through a VPN or a peering there. Taking that
        away needs O(allow_disruption).
    type: bool
  subnet:
    description:
      - The name of the subnetwork that the address is taken from. The cluster's own without it.
    type: str
  load_balancer_class:
    description:
      - Choose the controller by class instead of annotation. V(networking.gke.io/l4-regional-internal) needs subsetting
        and a recent GKE. Fixed while the Service is a load balancer.
    type: str
    choices:
      - networking.gke.io/l4-regional-internal
      - networking.gke.io/l4-regional-internal-legacy
  source_ranges:
    description:
      - Ranges that may connect. Without any, everybody whom the network lets through may.
      - Ranges that are not mentioned are kept, unless O(purge_source_ranges=true).
    type: list
    elements: str
  purge_source_ranges:
    description:
      - Remove ranges that O(source_ranges) does not mention. An empty list lets everybody in.
    type: bool
    default: false
  external_traffic_policy:
    description:
      - With V(Local), only nodes with a ready pod get packets and pods see the client's own address. With V(Cluster),
        every node does and pods may see a node's address. A change needs O(allow_disruption).
    type: str
    choices: [Cluster, Local]
  adopt:
    description:
      - Take over a Service that this module did not create. It is marked as this collection's, so O(state=absent)
        deletes it later.
    type: bool
    default: false
  allow_disruption:
    description:
      - Allow changes that may cut traffic that flows now. RV(plan) says which these are; without this word they are
        refused.
      - In check mode they are shown, not refused. O(state=absent) does not need this word.
    type: bool
    default: false
  confirm_replace:
    description:
      - The Service's own name, to confirm that it is deleted and made anew. Needed where it is an external load
        balancer, headless, of type C(ExternalName), or of another O(load_balancer_class).
    type: str
  wait:
    description:
      - Whether to wait for the pods of O(workload), for the address, and for the end of a deletion. If not, the next
        run does.
    type: bool
    default: true
  timeout:
    description:
      - Seconds that the whole task may take to wait. What was begun goes on in the cluster.
    type: int
    default: 300
  workload:
    description:
      - A workload to bring about before the Service, and to delete after it, with the options of
        M(podreach.gke.workload). It is as if that module were called first, but nothing is changed where either of the
        two is refused.
      - Where O(selector) is not given, it is the workload's, and so are O(ports) where the Service is to be created.
    type: dict
    suboptions:
      name:
        description:
          - Its name. That of the Service without this.
        type: str
      image:
        description:
          - The image of a Deployment with one container. This or O(workload.manifest) is needed, but to delete.
          - Another image is a rolling update. Its pods have no token of the cluster's API; for what they need beyond
            these options there is O(workload.manifest).
        type: str
      port:
        description:
          - The TCP port that the container listens on. Not together with O(workload.ports).
        type: int
      ports:
        description:
          - Ports that the container listens on.
        type: list
        elements: dict
        suboptions:
          port:
            description:
              - The container's port.
            type: int
            required: true
          protocol:
            description:
              - Its protocol.
            type: str
            choices: [TCP, UDP]
            default: TCP
          name:
            description:
              - A name for it.
            type: str
      replicas:
        description:
          - How many pods there are. Without this, one at first, and later what a scaler or an earlier call made it.
          - V(0) needs O(allow_disruption).
        type: int
      labels:
        description:
          - Labels of the Deployment and its pods, by which it finds them. V(app) with its name without this.
          - >-
            The selector of a Deployment that is there cannot change: its labels are kept.
        type: dict
      env:
        description:
          - >-
            Environment variables. They are shown by anybody who reads the Deployment: secrets belong into a Secret,
            by O(workload.manifest).
        type: dict
      command:
        description:
          - What to run instead of the image's own entrypoint.
        type: list
        elements: str
      args:
        description:
          - Its arguments.
        type: list
        elements: str
      requests:
        description:
          - What the container needs, like C(cpu) and C(memory). Nothing without this, so that clusters with Autopilot
            choose.
        type: dict
      limits:
        description:
          - What it may use at most.
        type: dict
      readiness_path:
        description:
          - A path that has to answer by HTTP at the first TCP port before a pod gets connections. Without it, a pod
            is ready as soon as its container runs.
        type: str
      pod_security:
        description:
          - V(baseline) is as strict as usual images bear. The container gains no privileges, and the runtime's
            default filter of system calls is on.
          - V(restricted) meets the restricted Pod Security Standard. The image has to run as another user than root,
            by number, and without any capability. Many images, like that of nginx, do not.
        type: str
        choices: [baseline, restricted]
        default: baseline
      manifest:
        description:
          - Any objects of the namespace instead of O(workload.image), in the order in which they are to be made. YAML
            text with one or several documents, a dict, or a list of dicts.
          - Objects name their own namespace or get O(namespace). A Secret's values are never shown.
        type: raw
notes:
  - Needs the right to get, create, patch and delete Services in the namespace, and to list its events, which tell why
    there is no address. For O(workload), M(podreach.gke.workload) says what it needs. O(cluster) needs
    C(container.clusters.get) at Google, and O(address_names) are compared where C(compute.addresses.get) is there.
seealso:
  - module: podreach.gke.internal_service_info
  - module: podreach.gke.workload
  - module: podreach.gke.pod_probe
  - name: Internal LoadBalancer Services
    description: Google's documentation.
    link: https://cloud.google.com/kubernetes-engine/docs/how-to/internal-load-balancing
"""

EXAMPLES = r"""
- name: An internal load balancer that is reached from AWS as well, through a VPN in any region
  podreach.gke.internal_service:
    cluster: test-cluster
    location: asia-northeast1-a
    name: web
    selector:
      app: web
    ports:
      - port: 80
        target_port: 8080
    global_access: true
  register: web

- name: At a fixed address, for clients of one range
  podreach.gke.internal_service:
    cluster: test-cluster
    location: asia-northeast1-a
    name: orders
    selector:
      app: orders
    ports:
      - port: 443
        target_port: https
    load_balancer_ip: 10.1.0.50
    source_ranges: [10.0.0.0/16]

- name: Let another range in
  podreach.gke.internal_service:
    cluster: test-cluster
    location: asia-northeast1-a
    name: orders
    source_ranges: [10.2.0.0/16]

- name: Pods and their load balancer in one go
  podreach.gke.internal_service:
    cluster: test-cluster
    location: asia-northeast1-a
    name: plot
    workload:
      image: registry.example.com/plot:1.0
      port: 5000
      replicas: 2
    ports:
      - port: 80
        target_port: 5000

- name: Delete it, and wait until the load balancer is gone
  podreach.gke.internal_service:
    cluster: test-cluster
    location: asia-northeast1-a
    name: orders
    state: absent
"""

RETURN = r"""
resource:
  description: The Service as the API has it; in check mode as it would be. Null where there is none.
  returned: success
  type: dict
  sample:
    apiVersion: v1
    kind: Service
    metadata:
      annotations:
        networking.gke.io/internal-load-balancer-allow-global-access: "true"
        networking.gke.io/load-balancer-type: Internal
      creationTimestamp: "2026-11-23T13:57:42Z"
      finalizers: [service.kubernetes.io/load-balancer-cleanup, gke.networking.io/l4-ilb-v1]
      labels:
        app.kubernetes.io/managed-by: podreach.gke
      name: web
      namespace: default
      resourceVersion: "24"
      uid: 6197143a-b82f-49de-91c2-69249e9493f9
    spec:
      allocateLoadBalancerNodePorts: true
      clusterIP: 34.118.226.76
      clusterIPs: [34.118.226.76]
      externalTrafficPolicy: Cluster
      internalTrafficPolicy: Cluster
      ipFamilies: [IPv4]
      ipFamilyPolicy: SingleStack
      ports:
        - nodePort: 30809
          port: 80
          protocol: TCP
          targetPort: 8080
      selector:
        app: web
      sessionAffinity: None
      type: LoadBalancer
    status:
      loadBalancer:
        ingress:
          - ip: 10.1.0.4
            ipMode: VIP
address:
  description: The load balancer's address. Null where there is none yet.
  returned: success
  type: str
  sample: 10.1.0.4
cluster_ip:
  description: The address inside the cluster.
  returned: success
  type: str
  sample: 34.118.226.76
node_ports:
  description: The port of every node that stands for a port.
  returned: success
  type: list
  elements: dict
  contains:
    port:
      description: The load balancer's port.
      type: int
    protocol:
      description: Its protocol.
      type: str
    node_port:
      description: The nodes' port.
      type: int
  sample:
    - port: 80
      protocol: TCP
      node_port: 30809
annotations:
  description: The Service's annotations, those of the controllers among them.
  returned: success
  type: dict
  sample:
    networking.gke.io/internal-load-balancer-allow-global-access: "true"
    networking.gke.io/load-balancer-type: Internal
events:
  description: What was noted about the Service, or about a workload that does not become ready, oldest first.
  returned: where it gets no address, or its pods do not become ready
  type: list
  elements: dict
  contains:
    type:
      description: V(Normal) or V(Warning).
      type: str
    reason:
      description: The event's reason.
      type: str
    message:
      description: Its message.
      type: str
    count:
      description: How often it happened.
      type: int
    time:
      description: When it happened last.
      type: str
  sample:
    - count: 1
      message: Ensuring load balancer
      reason: EnsuringLoadBalancer
      time: "2026-11-23T13:57:43Z"
      type: Normal
    - count: 1
      message: >-
        Error syncing load balancer: failed to ensure load balancer: Invalid value for field 'resource.IPAddress':
        '10.77.0.1'. Requested internal IP is outside the subnetwork/network CIDR range.
      reason: SyncLoadBalancerFailed
      time: "2026-11-23T13:57:43Z"
      type: Warning
workload:
  description: What M(podreach.gke.workload) returns of it.
  returned: O(workload)
  type: dict
  contains:
    resources:
      description: Its objects as the API has them; in check mode as they would be. A Secret's values are hidden.
      type: list
      elements: dict
    rollouts:
      description: How far the workloads among them are.
      type: list
      elements: dict
    selector:
      description: The labels of its pods.
      type: dict
    ports:
      description: Its ports.
      type: list
      elements: dict
  sample:
    ports:
      - name: null
        port: 5000
        protocol: TCP
        target_port: "5000"
    resources: []
    rollouts:
      - done: true
        name: Deployment default/plot
        ready: 2
        wanted: 2
    selector:
      app: plot
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
      summary: create Service default/web
operation:
  description: The deletion that still goes on, where O(wait=false).
  returned: success
  type: str
  sample: deletion of Service default/web
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
from ansible_collections.podreach.gke.plugins.module_utils.kubernetes import services

DEFINITION = services.DEFINITION


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
