#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: aws_pod_access_info
short_description: What a security group admits, and what network ACLs refuse
version_added: 0.1.0
description:
  - Reads the inward rules of a security group for IPv4 ranges, and judges the network ACLs of the subnets behind it for
    ranges that are asked about.
author:
  - podreach.gke contributors (@podreach)
extends_documentation_fragment:
  - podreach.gke.aws
  - podreach.gke.aws.group
  - podreach.gke.attributes
attributes:
  check_mode:
    support: full
    details:
      - This module changes nothing.
  diff_mode:
    support: none
options:
  name:
    description:
      - Only the rules that M(podreach.gke.aws_pod_access) made for this name.
    type: str
  group_id:
    description:
      - The security group.
    type: str
  group_name:
    description:
      - The same by its name or C(Name) tag. Give the VPC too where several have one of that name.
    type: str
  vpc_id:
    description:
      - The VPC of the group.
    type: str
  vpc_name:
    description:
      - The same by its C(Name) tag.
    type: str
  ranges:
    description:
      - Ranges to judge the network ACLs for.
    type: list
    elements: str
  protocol:
    description:
      - The protocol to judge them for.
    type: str
    choices: [icmp, tcp, udp, all]
    default: icmp
  ports:
    description:
      - The ports to judge them for, such as V(80) or V(8000-8100). All of them if none are given.
    type: list
    elements: str
notes:
  - The credentials need the permission C(ec2:Describe*).
seealso:
  - module: podreach.gke.aws_pod_access
"""

EXAMPLES = r"""
- name: See who may reach EC2
  podreach.gke.aws_pod_access_info:
    region: ap-northeast-1
    vpc_name: aws-vpc
    group_name: aws-ec2
    ranges: [10.32.0.0/14]
  register: access
"""

RETURN = r"""
group:
  description: The security group.
  returned: success
  type: dict
  contains:
    id:
      description: Its id.
      type: str
    name:
      description: Its name.
      type: str
    vpc_id:
      description: Its VPC.
      type: str
  sample:
    id: sg-0a9c1f5b0e7d4c2a1
    name: aws-ec2
    vpc_id: vpc-0c1d8f2f64a3b7e19
rules:
  description: The rules.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Its id; V(null) in check mode where it would be made.
      type: str
    range:
      description: The range.
      type: str
    protocol:
      description: The protocol.
      type: str
    from_port:
      description: The first port; for ICMP the type; V(-1) is all.
      type: int
    to_port:
      description: The last port; for ICMP the code; V(-1) is all.
      type: int
    description:
      description: Its description.
      type: str
    owned:
      description: Whether this collection made it.
      type: bool
    name:
      description: The name of M(podreach.gke.aws_pod_access) that it belongs to.
      type: str
  sample:
    - description: Pods of test-cluster
      from_port: -1
      id: sgr-0c52fa1e6d2b7f904
      name: pods
      owned: true
      protocol: icmp
      range: 10.32.0.0/14
      to_port: -1
network_acl_warnings:
  description:
    - What network ACLs of the subnets behind the group refuse of this traffic or of the answers to it. Network ACLs
      know no connections, so both ways count.
  returned: success
  type: list
  elements: str
  sample:
    - "network ACL acl-5fb85d36: entry * refuses echo replies of 10.32.0.0/14, or a part of it, outward (subnets
      subnet-9d4a7b6c)"
error:
  description: What went wrong, for programs.
  returned: failure
  type: dict
  contains:
    code:
      description: A short stable code of this collection, or AWS's own.
      type: str
    reason:
      description: AWS's code.
      type: str
    message:
      description: The message.
      type: str
    resource:
      description: The resource, by kind and name.
      type: str
    operation:
      description: The operation that failed or still goes on.
      type: str
"""

from ansible_collections.podreach.gke.plugins.module_utils.arguments import run_as_module
from ansible_collections.podreach.gke.plugins.module_utils.aws import task

DEFINITION = task.POD_ACCESS_INFO


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
