#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: aws_pod_access
short_description: Rules of a security group that admit pods
version_added: 0.1.0
description:
  - Adds rules to a security group that exists, so that pods of Google's reach what is in it. Rules that are there
    already are used, whoever made them; what else the group has is left alone.
  - Name the addresses that AWS sees. That is the pods' range, or the nodes' range where the cluster masquerades towards
    AWS.
  - A security group knows connections, so answers need no rule. Network ACLs of the subnets know none; what these
    refuse becomes a warning and RV(network_acl_warnings).
author:
  - podreach.gke contributors (@podreach)
extends_documentation_fragment:
  - podreach.gke.aws
  - podreach.gke.aws.state
  - podreach.gke.aws.group
  - podreach.gke.attributes
options:
  name:
    description:
      - A name for these rules. It is the tag C(podreach.gke/name) of each, and how they are found again.
    type: str
    required: true
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
      - The ranges to admit. Needed where O(state=present).
    type: list
    elements: str
  protocol:
    description:
      - The protocol. V(all) admits everything.
    type: str
    choices: [icmp, tcp, udp, all]
    default: icmp
  ports:
    description:
      - Ports such as V(80) or ranges of them such as V(8000-8100). Needed for TCP and UDP.
    type: list
    elements: str
  description:
    description:
      - A description for the rules.
    type: str
  purge_rules:
    description:
      - Remove the rules of O(name) that the options do not mention. Needs O(allow_disruption).
    type: bool
    default: false
  timeout:
    description:
      - Seconds that the task may take.
    type: int
    default: 120
notes:
  - The credentials need the permissions C(ec2:Describe*), C(ec2:AuthorizeSecurityGroupIngress),
    C(ec2:RevokeSecurityGroupIngress), C(ec2:ModifySecurityGroupRules) and C(ec2:CreateTags).
seealso:
  - module: podreach.gke.aws_pod_access_info
  - module: podreach.gke.aws_vpn
"""

EXAMPLES = r"""
- name: Let pods ping EC2
  podreach.gke.aws_pod_access:
    name: pods-ping
    region: ap-northeast-1
    vpc_name: aws-vpc
    group_name: aws-ec2
    ranges: [10.32.0.0/14]
    description: Pods of test-cluster

- name: Let them reach a web server
  podreach.gke.aws_pod_access:
    name: pods-web
    region: ap-northeast-1
    vpc_name: aws-vpc
    group_name: aws-ec2
    ranges: [10.32.0.0/14]
    protocol: tcp
    ports: ["80", "8000-8100"]

- name: Take the first rule away
  podreach.gke.aws_pod_access:
    name: pods-ping
    region: ap-northeast-1
    vpc_name: aws-vpc
    group_name: aws-ec2
    state: absent
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
  description: The rules of O(name), and those of others that do the same.
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
      description: The fields that differ.
      type: list
      elements: str
  sample:
    - action: create
      fields: []
      grade: safe
      summary: admit icmp from 10.32.0.0/14 to sg-0a9c1f5b0e7d4c2a1
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

DEFINITION = task.POD_ACCESS


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
