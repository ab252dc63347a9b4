#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: instance_template
short_description: A template that a managed group makes its instances from
version_added: 0.1.0
description:
  - Makes and deletes an instance template, a global one, which managed groups of every region and zone take.
  - A template never changes, so a difference is refused. Make one under another name, and tell the managed group to
    take that.
  - A template that a managed group of the project takes is not deleted.
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
      - The name of the template. What changes from one to the next is well put into it, such as a number.
    type: str
    required: true
  region:
    description:
      - The region of the subnetworks that are given by name. The template itself is in none.
    type: str
  boot_disk:
    description:
      - The disk that each instance starts from. Needed at creation. It goes with its instance.
    type: dict
    suboptions:
      image:
        description:
          - The image by name, path or URL, or a family of images, of which every new instance takes the newest, such as
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
      - The interfaces of each instance, the first one being C(nic0). Needed at creation. Google chooses the addresses.
    type: list
    elements: dict
    suboptions:
      subnetwork:
        description:
          - The subnetwork by path or URL, or with O(region) by name. That of a Shared VPC host is given by its path,
            C(projects/HOST/regions/REGION/subnetworks/NAME). One of a subnetwork and a network is needed.
        type: str
      network:
        description:
          - The network by name, path or URL, where that says which subnetwork it is (networks of mode auto).
        type: str
      external_address:
        description:
          - Whether each instance has an address of the internet, too. It has none otherwise.
        type: bool
  tags:
    description:
      - Network tags of the instances, by which firewall rules and routes choose machines.
    type: list
    elements: str
  labels:
    description:
      - Labels of the instances.
    type: dict
  metadata:
    description:
      - Metadata of the instances, such as C(startup-script), which each runs at every start. Values are text; V(true)
        becomes C(TRUE).
    type: dict
seealso:
  - module: podreach.gke.instance_template_info
  - module: podreach.gke.instance
"""

EXAMPLES = r"""
- name: What the proxies of a group are made from
  podreach.gke.instance_template:
    name: proxy-1
    region: asia-northeast1
    machine_type: e2-small
    boot_disk:
      # with haproxy in it: without an address of the internet, a machine that starts cannot fetch it
      image: projects/my-project/global/images/family/proxy
    network_interfaces:
      - subnetwork: my-subnet
    tags: [proxy]
    metadata:
      startup-script: |
        #!/bin/sh
        systemctl enable --now haproxy
"""

RETURN = r"""
resource:
  description: The template as the API has it; in check mode as it would be.
  returned: success
  type: dict
  sample:
    creationTimestamp: "2026-11-23T11:11:42.439-08:00"
    description: "[podreach.gke]"
    id: "5274818304731023927"
    name: proxy-1
    properties:
      canIpForward: false
      disks:
        - autoDelete: true
          boot: true
          index: 0
          initializeParams:
            sourceImage: projects/my-project/global/images/family/proxy
      machineType: e2-small
      metadata:
        items:
          - key: startup-script
            value: |
              #!/bin/sh
              systemctl enable --now haproxy
      networkInterfaces:
        - name: nic0
          network: https://www.googleapis.com/compute/v1/projects/my-project/global/networks/my-network
          subnetwork: https://www.googleapis.com/compute/v1/projects/my-project/regions/asia-northeast1/subnetworks/my-subnet
      tags:
        items: [proxy]
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
      summary: create instance_template proxy-1
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
from ansible_collections.podreach.gke.plugins.module_utils.gcp import instance_templates
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import definition

DEFINITION = definition(instance_templates.InstanceTemplate, instance_templates.SPEC)


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
