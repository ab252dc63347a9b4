#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
---
module: workload
short_description: Manage workloads of a cluster
version_added: 0.1.0
description:
  - Brings about a Deployment that an image and a few options describe, or whatever objects a manifest holds, and waits
    until its pods are ready. Where they do not become so, the error says why, in the words of conditions, pods and
    events.
  - Applies on the side of the server, as C(kubectl apply --server-side) does, with the field manager C(podreach.gke). A
    dry run at the API comes before every change, for all objects before the first one, so what it would refuse is
    refused before anything has changed.
  - What an earlier call set and this one leaves out goes. What others set stays, but for what this call mentions. A
    number of replicas that is left out stays as it is.
  - The label C(app.kubernetes.io/managed-by) with the value C(podreach.gke) marks what this module created. An object
    without it is neither changed, unless O(adopt=true), nor deleted.
  - Changes that may cut traffic that flows now need O(allow_disruption). No replicas at all, a change of pods whose
    strategy is C(Recreate), a Service's other selector or port, and another NetworkPolicy are such; a rolling update is
    not.
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
      - The workload's name. Needed without O(manifest).
    type: str
  image:
    description:
      - The image of a Deployment with one container. This or O(manifest) is needed, but to delete.
      - Another image is a rolling update. Its pods have no token of the cluster's API; for what they need beyond
        these options there is O(manifest).
    type: str
  port:
    description:
      - The TCP port that the container listens on. Not together with O(ports).
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
        Environment variables. They are shown by anybody who reads the Deployment: secrets belong into a Secret, by
        O(manifest).
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
      - A path that has to answer by HTTP at the first TCP port before a pod gets connections. Without it, a pod is
        ready as soon as its container runs.
    type: str
  pod_security:
    description:
      - V(baseline) is as strict as usual images bear. The container gains no privileges, and the runtime's default
        filter of system calls is on.
      - V(restricted) meets the restricted Pod Security Standard. The image has to run as another user than root, by
        number, and without any capability. Many images, like that of nginx, do not.
    type: str
    choices: [baseline, restricted]
    default: baseline
  manifest:
    description:
      - Any objects of the namespace instead of O(image), in the order in which they are to be made. YAML text with
        one or several documents, a dict, or a list of dicts.
      - Objects name their own namespace or get O(namespace). A Secret's values are never shown.
    type: raw
  namespace:
    description:
      - The namespace, which has to exist, of the Deployment and of a manifest's objects that name none.
    type: str
    default: default
  state:
    description:
      - V(present) creates or changes.
      - V(absent) deletes, the last object first, but only what this module created or adopted, and waits until the pods
        are gone.
    type: str
    choices: [present, absent]
    default: present
  adopt:
    description:
      - Take over objects that this module did not create. They are marked as this collection's, so O(state=absent)
        deletes them later.
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
      - An object's own name, to confirm that it is deleted and made anew. Needed where the API says that what differs
        cannot be changed.
    type: str
  wait:
    description:
      - Whether to wait until the pods are ready, and for the end of a deletion. If not, the next run does.
    type: bool
    default: true
  timeout:
    description:
      - Seconds that the whole task may take to wait. What was begun goes on in the cluster.
    type: int
    default: 300
notes:
  - Needs the right to get, create, patch and delete what is applied, and to list pods, ReplicaSets and events, which
    tell why pods are not ready. O(cluster) needs C(container.clusters.get) at Google.
  - A C(stringData) of a Secret is applied as C(data), which is what becomes of it.
requirements:
  - PyYAML, for an O(manifest) that is text
seealso:
  - module: podreach.gke.internal_service
  - module: podreach.gke.pod_probe
"""

EXAMPLES = r"""
- name: A web application, two pods of it
  podreach.gke.workload:
    cluster: test-cluster
    location: asia-northeast1-a
    name: plot
    image: registry.example.com/plot:1.0
    port: 5000
    replicas: 2
    env:
      TITLE: Reachable
    requests:
      cpu: 50m
      memory: 64Mi

- name: A newer version of it, pod by pod
  podreach.gke.workload:
    cluster: test-cluster
    location: asia-northeast1-a
    name: plot
    image: registry.example.com/plot:1.1
    port: 5000

- name: What a manifest holds
  podreach.gke.workload:
    cluster: test-cluster
    location: asia-northeast1-a
    manifest:
      - apiVersion: v1
        kind: ConfigMap
        metadata:
          name: greeting
        data:
          words: good morning
      - apiVersion: apps/v1
        kind: Deployment
        metadata:
          name: greeter
        spec:
          selector:
            matchLabels:
              app: greeter
          template:
            metadata:
              labels:
                app: greeter
            spec:
              containers:
                - name: greeter
                  image: registry.example.com/greeter:2
                  envFrom:
                    - configMapRef:
                        name: greeting

- name: Delete the first one, and wait until its pods are gone
  podreach.gke.workload:
    cluster: test-cluster
    location: asia-northeast1-a
    name: plot
    state: absent
"""

RETURN = r"""
resources:
  description: The objects as the API has them; in check mode as they would be. A Secret's values are hidden.
  returned: success
  type: list
  elements: dict
  sample:
    - apiVersion: apps/v1
      kind: Deployment
      metadata:
        annotations:
          deployment.kubernetes.io/revision: "1"
        creationTimestamp: "2026-11-23T15:53:17Z"
        generation: 1
        labels:
          app: plot
          app.kubernetes.io/managed-by: podreach.gke
        name: plot
        namespace: default
        resourceVersion: "40"
        uid: cf246de8-64a1-470a-92fd-8dc2894c165d
      spec:
        progressDeadlineSeconds: 600
        replicas: 2
        revisionHistoryLimit: 10
        selector:
          matchLabels:
            app: plot
        strategy:
          rollingUpdate:
            maxSurge: 25%
            maxUnavailable: 25%
          type: RollingUpdate
        template:
          metadata:
            labels:
              app: plot
          spec:
            automountServiceAccountToken: false
            containers:
              - image: registry.example.com/plot:1.0
                imagePullPolicy: IfNotPresent
                name: plot
                ports:
                  - containerPort: 5000
                    protocol: TCP
                resources: {}
                securityContext:
                  allowPrivilegeEscalation: false
                terminationMessagePath: /dev/termination-log
                terminationMessagePolicy: File
            dnsPolicy: ClusterFirst
            restartPolicy: Always
            schedulerName: default-scheduler
            securityContext:
              seccompProfile:
                type: RuntimeDefault
            terminationGracePeriodSeconds: 30
      status:
        availableReplicas: 2
        observedGeneration: 1
        readyReplicas: 2
        replicas: 2
        updatedReplicas: 2
rollouts:
  description: How far the workloads among them are.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Kind, namespace and name.
      type: str
    done:
      description: Whether it is as wanted.
      type: bool
    ready:
      description: How many pods are ready, and of the newest template.
      type: int
    wanted:
      description: How many there shall be.
      type: int
  sample:
    - done: true
      name: Deployment default/plot
      ready: 2
      wanted: 2
selector:
  description: The labels by which the first workload finds its pods, as M(podreach.gke.internal_service) takes them.
  returned: success
  type: dict
  sample:
    app: plot
ports:
  description: The ports of its containers, as M(podreach.gke.internal_service) takes them. Null where it names none.
  returned: success
  type: list
  elements: dict
  sample:
    - name: null
      port: 5000
      protocol: TCP
      target_port: "5000"
events:
  description: What was noted about the workload and its pods that are not ready, oldest first.
  returned: where they do not become ready
  type: list
  elements: dict
  contains:
    object:
      description: What the event is about, by kind, namespace and name.
      type: str
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
      message: Scaled up replica set plot-9sjp22twg4 from 0 to 1
      object: Deployment default/plot
      reason: ScalingReplicaSet
      time: "2026-11-23T15:53:18Z"
      type: Normal
    - count: 2
      message: >-
        Failed to pull image "registry.invalid/plot:1.0": lookup registry.invalid: no such host
      object: Pod default/plot-9sjp22twg4-ftz44
      reason: Failed
      time: "2026-11-23T15:53:18Z"
      type: Warning
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
      fields: ["spec.template.spec.containers[plot].image"]
      grade: safe
      summary: change spec.template.spec.containers[plot].image of Deployment default/plot
operation:
  description: The deletion that still goes on, where O(wait=false).
  returned: success
  type: str
  sample: deletion of Deployment default/plot
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
from ansible_collections.podreach.gke.plugins.module_utils.kubernetes import workloads

DEFINITION = workloads.DEFINITION


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
