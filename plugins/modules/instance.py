#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: instance
short_description: A virtual machine
version_added: 0.1.0
description:
  - Makes, changes and deletes one virtual machine of Compute Engine, such as a proxy that pods reach a peer through.
  - Tags, labels, metadata and the protection against deletion change while it runs. Its machine type and service
    account change only while it is stopped. This module stops and starts nothing, so a difference is refused with what
    to do, and brought about once somebody has stopped it. Everything else is fixed at creation.
  - A machine that was stopped stays stopped.
author:
  - podreach.gke contributors (@podreach)
extends_documentation_fragment:
  - podreach.gke.google
  - podreach.gke.google.timeout
  - podreach.gke.machine
  - podreach.gke.attributes
options:
  name:
    description:
      - The name of the instance.
    type: str
    required: true
  zone:
    description:
      - The zone, such as V(asia-northeast1-a).
    type: str
    required: true
  boot_disk:
    description:
      - The disk that it starts from. Needed at creation, and looked at only then. It goes with the instance.
    type: dict
    suboptions:
      image:
        description:
          - The image by name, path or URL, or a family of images, of which the newest is taken, such as
            V(projects/debian-cloud/global/images/family/debian-12).
        type: str
        required: true
      size_gb:
        description:
          - The size in GB, at least 10. That of the image otherwise.
        type: int
      type:
        description:
          - The type of disk by name, such as V(pd-balanced). Google's default otherwise.
        type: str
  network_interfaces:
    description:
      - The interfaces, the first one being C(nic0). Needed at creation, and fixed then. A shorter list than what there
        is says nothing of the further ones.
    type: list
    elements: dict
    suboptions:
      subnetwork:
        description:
          - The subnetwork by name, path or URL. That of a Shared VPC host is given by its path,
            C(projects/HOST/regions/REGION/subnetworks/NAME). One of a subnetwork and a network is needed.
        type: str
      network:
        description:
          - The network by name, path or URL, where that says which subnetwork it is (networks of mode auto).
        type: str
      network_ip:
        description:
          - The internal address, in digits, or a reserved one by name or path, as M(podreach.gke.address) makes it.
            Google chooses one otherwise, which is another one when the instance is made anew.
        type: str
      external_address:
        description:
          - Whether it has an address of the internet, too, which Google chooses. It has none otherwise.
        type: bool
  tags:
    description:
      - Network tags, by which firewall rules and routes choose machines. To lose one may cut traffic.
    type: list
    elements: str
  purge_tags:
    description:
      - Remove the tags that O(tags) does not mention.
    type: bool
    default: false
  labels:
    description:
      - Labels. Those that are not mentioned stay.
    type: dict
  purge_labels:
    description:
      - Remove the labels that O(labels) does not mention.
    type: bool
    default: false
  metadata:
    description:
      - Metadata, such as C(startup-script), which the machine runs at every start. Keys that are not mentioned stay.
        Values are text; V(true) becomes C(TRUE).
      - A machine that runs notices a change, but a startup script is run only when it starts again.
    type: dict
  purge_metadata:
    description:
      - Remove the metadata that O(metadata) does not mention.
    type: bool
    default: false
  deletion_protection:
    description:
      - Whether Google refuses to delete it. Google's default is V(false).
      - With O(state=absent), V(false) takes the protection away first; without it, a protected instance is not deleted.
    type: bool
seealso:
  - module: podreach.gke.instance_info
  - module: podreach.gke.instance_template
  - module: podreach.gke.address
"""

EXAMPLES = r"""
- name: An address that the proxy keeps
  podreach.gke.address:
    name: proxy
    region: asia-northeast1
    subnetwork: my-subnet
    address: 10.1.0.20

- name: A proxy machine with that address, and none of the internet
  podreach.gke.instance:
    name: proxy
    zone: asia-northeast1-a
    machine_type: e2-small
    boot_disk:
      # with haproxy in it: without an address of the internet, a machine that starts cannot fetch it
      image: projects/my-project/global/images/family/proxy
      size_gb: 10
      type: pd-balanced
    network_interfaces:
      - subnetwork: my-subnet
        network_ip: proxy
    tags: [proxy]
    labels:
      role: proxy
    metadata:
      startup-script: |
        #!/bin/sh
        systemctl enable --now haproxy
"""

RETURN = r"""
resource:
  description: The instance as the API has it; in check mode as it would be.
  returned: success
  type: dict
  sample:
    canIpForward: false
    deletionProtection: false
    description: "[podreach.gke]"
    disks:
      - autoDelete: true
        boot: true
        deviceName: persistent-disk-0
        source: https://www.googleapis.com/compute/v1/projects/my-project/zones/asia-northeast1-a/disks/proxy
    labelFingerprint: AAArvEPCfSQ=
    labels:
      role: proxy
    machineType: https://www.googleapis.com/compute/v1/projects/my-project/zones/asia-northeast1-a/machineTypes/e2-small
    metadata:
      fingerprint: AAAt1GhCOAQ=
      items:
        - key: startup-script
          value: |
            #!/bin/sh
            systemctl enable --now haproxy
    name: proxy
    networkInterfaces:
      - name: nic0
        network: https://www.googleapis.com/compute/v1/projects/my-project/global/networks/my-network
        networkIP: 10.1.0.20
        subnetwork: https://www.googleapis.com/compute/v1/projects/my-project/regions/asia-northeast1/subnetworks/my-subnet
    status: RUNNING
    tags:
      fingerprint: AAAsP1R2MKo=
      items: [proxy]
    zone: https://www.googleapis.com/compute/v1/projects/my-project/zones/asia-northeast1-a
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
      summary: create instance proxy
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
from ansible_collections.podreach.gke.plugins.module_utils.gcp import instances
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import definition

DEFINITION = definition(instances.Instance, instances.SPEC)


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
