#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: shared_vpc
short_description: A Shared VPC host project that GKE clusters of service projects can use
version_added: 0.1.0
description:
  - Makes a project a Shared VPC host project, attaches service projects to it, and gives Google's accounts of these
    what clusters need there.
  - On each of O(subnetworks), or with O(all_subnetworks) on the host project, GKE's account
    C(service-NUMBER@container-engine-robot.iam.gserviceaccount.com) and C(NUMBER@cloudservices.gserviceaccount.com) get
    C(roles/compute.networkUser). On the host project, GKE's account gets C(roles/container.hostServiceAgentUser), and
    with O(firewall_admin) C(roles/compute.securityAdmin).
  - Policies are merged. Other members, other roles and conditional bindings are sent back as they were read, with the
    policy's etag. If somebody else writes at the same moment, it is read and merged again, a few times.
  - A member that has a role under a condition only gets it without one as well.
  - A service project that is attached to another host is refused, with the name of that host.
  - Neither an attachment nor a member of a policy can bear a mark of who made it. So O(state=absent) takes back exactly
    what the task names, whoever made it.
author:
  - podreach.gke contributors (@podreach)
extends_documentation_fragment:
  - podreach.gke.google
  - podreach.gke.google.resource_manager
  - podreach.gke.google.timeout
  - podreach.gke.attributes
options:
  state:
    description:
      - V(present) makes what is missing. Nothing that is not mentioned is removed.
      - V(absent) detaches the service projects and takes back the roles that the same task with V(present) gives. It is
        refused while clusters, instances, forwarding rules or addresses of a service project use networks of the host.
      - With V(absent), the host project stays one unless O(disable_host).
  host_project:
    description:
      - The ID of the host project. Defaults to O(project).
      - All that is written is written there, so it must be among O(projects) where these are limited.
    type: str
  service_projects:
    description:
      - The IDs of the projects whose clusters are to use it.
    type: list
    elements: str
    required: true
  subnetworks:
    description:
      - The subnetworks of the host project that clusters may use.
      - Without any, and without O(all_subnetworks), the projects are attached and clusters still may use none.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - Its name, or its URL.
        type: str
        required: true
      region:
        description:
          - The region that it is in. Not needed with a URL.
        type: str
  all_subnetworks:
    description:
      - Let clusters use every subnetwork of the host project, those of the future included.
    type: bool
    default: false
  firewall_admin:
    description:
      - Let GKE write firewall rules in the host project, which it does for load balancers, with
        C(roles/compute.securityAdmin).
      - Without it, each such Service gets an event that names the C(gcloud) command that an admin of the host project
        has to run.
    type: bool
    default: false
  disable_host:
    description:
      - With O(state=absent), have the host project be none any more, too. Refused while other service projects are
        attached to it.
    type: bool
    default: false
  prerequisite_timeout:
    description:
      - Seconds to wait for O(subnetworks) where one does not exist yet because something else is building it. Then a
        missing one is an error that names it.
      - Nothing is waited for in check mode.
    type: int
    default: 0
  service_auth:
    description:
      - Credentials for reading the service projects, where those for the host project may not. Nothing in it has a
        default in the environment.
      - With O(service_auth.impersonate_service_account) or O(service_auth.scopes) alone, the rest is as for the host.
    type: dict
    suboptions:
      auth_kind:
        description:
          - Which kind of credentials to use. It follows from what is given otherwise.
        type: str
        choices: [application, machineaccount, serviceaccount, accesstoken]
      service_account_file:
        description:
          - Path of a service account's JSON key.
        type: path
      service_account_contents:
        description:
          - The JSON key itself, as a string or a dictionary.
        type: jsonarg
      service_account_email:
        description:
          - Which service account of the machine to use, where O(service_auth.auth_kind=machineaccount).
        type: str
      access_token:
        description:
          - An OAuth 2.0 access token.
        type: str
      scopes:
        description:
          - OAuth scopes to ask for.
        type: list
        elements: str
      impersonate_service_account:
        description:
          - E-mail of a service account to act as.
        type: str
seealso:
  - module: podreach.gke.usable_subnetworks_info
  - module: podreach.gke.cluster
  - name: Setting up clusters with Shared VPC
    description: Google's documentation.
    link: https://cloud.google.com/kubernetes-engine/docs/how-to/cluster-shared-vpc
"""

EXAMPLES = r"""
- name: Clusters of two projects may use one subnetwork of the host
  podreach.gke.shared_vpc:
    host_project: my-host-project
    service_projects: [my-project, my-second-project]
    subnetworks:
      - name: shared-subnet
        region: asia-northeast1
    projects: [my-host-project]

- name: All subnetworks, and GKE writes the firewall rules of load balancers itself
  podreach.gke.shared_vpc:
    host_project: my-host-project
    service_projects: [my-project]
    all_subnetworks: true
    firewall_admin: true
    projects: [my-host-project]

- name: The service project is read by a key of its own
  podreach.gke.shared_vpc:
    host_project: my-host-project
    service_projects: [my-project]
    subnetworks:
      - name: projects/my-host-project/regions/asia-northeast1/subnetworks/shared-subnet
    service_auth:
      service_account_file: /etc/keys/service-project.json
    projects: [my-host-project]

- name: Take it back
  podreach.gke.shared_vpc:
    host_project: my-host-project
    service_projects: [my-project]
    subnetworks:
      - name: shared-subnet
        region: asia-northeast1
    projects: [my-host-project]
    state: absent
"""

RETURN = r"""
resource:
  description: What there is of what the task names; in check mode what there would be.
  returned: success
  type: dict
  contains:
    host_project:
      description: The host project.
      type: str
    enabled:
      description: Whether it is a host project.
      type: bool
    service_projects:
      description: Each service project that was named, with its number, and whether it is attached to this host.
      type: list
      elements: dict
    bindings:
      description: Of the members that the task is about, those that have their role.
      type: list
      elements: dict
  sample:
    host_project: my-host-project
    enabled: true
    service_projects:
      - attached: true
        number: "100000000001"
        project: my-project
    bindings:
      - members:
          - serviceAccount:service-100000000001@container-engine-robot.iam.gserviceaccount.com
        resource: projects/my-host-project
        role: roles/container.hostServiceAgentUser
      - members:
          - serviceAccount:service-100000000001@container-engine-robot.iam.gserviceaccount.com
          - serviceAccount:100000000001@cloudservices.gserviceaccount.com
        resource: projects/my-host-project/regions/asia-northeast1/subnetworks/shared-subnet
        role: roles/compute.networkUser
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
      description: V(safe), V(disruptive) (may cut traffic that flows now) or V(destructive) (takes something away).
      type: str
    fields:
      description: The API's fields that differ.
      type: list
      elements: str
  sample:
    - action: create
      fields: []
      grade: safe
      summary: attach service project my-project to my-host-project
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
from ansible_collections.podreach.gke.plugins.module_utils.gcp import shared_vpc_task

DEFINITION = shared_vpc_task.DEFINITION


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
