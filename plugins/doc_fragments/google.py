# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that every module for Google resources has."""

from __future__ import annotations


def reading(documentation: str) -> str:
    """The same options without those of changes."""
    head, _start, tail = documentation.partition("  projects:\n")
    return head + "notes:\n" + tail.partition("notes:\n")[2]


class ModuleDocFragment:
    # who asks, and where
    DOCUMENTATION = r"""
options:
  project:
    description:
      - The Google Cloud project.
      - Defaults to the environment variable E(GCP_PROJECT), and without it to the project that the credentials name.
    type: str
  auth_kind:
    description:
      - Which kind of credentials to use.
      - Without it, the kind follows from what is given. O(access_token) comes first, then O(service_account_file) or
        O(service_account_contents), else application default credentials are used.
      - Defaults to the environment variable E(GCP_AUTH_KIND).
    type: str
    choices: [application, machineaccount, serviceaccount, accesstoken]
  service_account_file:
    description:
      - Path of a service account's JSON key.
      - Defaults to the environment variable E(GCP_SERVICE_ACCOUNT_FILE).
    type: path
  service_account_contents:
    description:
      - The JSON key itself, as a string or a dictionary.
      - Defaults to the environment variable E(GCP_SERVICE_ACCOUNT_CONTENTS).
    type: jsonarg
  service_account_email:
    description:
      - Which service account of the machine to use, where O(auth_kind=machineaccount). The machine's default one
        otherwise.
      - Defaults to the environment variable E(GCP_SERVICE_ACCOUNT_EMAIL).
    type: str
  access_token:
    description:
      - An OAuth 2.0 access token, as C(gcloud auth print-access-token) prints it.
      - Defaults to the environment variable E(GCP_ACCESS_TOKEN).
    type: str
  scopes:
    description:
      - OAuth scopes to ask for.
      - Defaults to the environment variable E(GCP_SCOPES), and without it to
        V(https://www.googleapis.com/auth/cloud-platform).
    type: list
    elements: str
  impersonate_service_account:
    description:
      - E-mail of a service account to act as. The credentials need the role of token creator on it.
      - Defaults to the environment variable E(GOOGLE_IMPERSONATE_SERVICE_ACCOUNT).
    type: str
  environment:
    description:
      - Where this may run. V(lab) refuses every address that is not this machine, V(cloud) every address that is, both
        before the first request and for every service.
      - With V(lab), what is not given is taken from the running lab's C(.lab/env).
      - Defaults to the environment variable E(PODREACH_ENVIRONMENT).
    type: str
    choices: [lab, cloud]
  compute_endpoint:
    description:
      - Where the compute API is. Ends in C(/compute/v1/).
      - Defaults to the environment variable E(GOOGLE_COMPUTE_CUSTOM_ENDPOINT).
    type: str
  container_endpoint:
    description:
      - Where the container API is. Ends in C(/v1/).
      - Defaults to the environment variable E(GOOGLE_CONTAINER_CUSTOM_ENDPOINT).
    type: str
  iam_credentials_endpoint:
    description:
      - Where the IAM credentials API is, for O(impersonate_service_account). Ends in C(/v1/).
      - Defaults to the environment variable E(GOOGLE_IAM_CREDENTIALS_CUSTOM_ENDPOINT).
    type: str
  projects:
    description:
      - The only projects that may be written. A change in another one is refused before it is sent.
      - With O(environment=cloud) this is O(project) alone unless more are listed.
    type: list
    elements: str
  state:
    description:
      - V(present) creates or changes. Only what is given is compared, and nothing that is not mentioned is removed.
      - V(absent) deletes, but only what this collection created.
    type: str
    choices: [present, absent]
    default: present
  wait:
    description:
      - Whether to wait until the operation is done. If not, the result names it, and the next run adopts it.
    type: bool
    default: true
  allow_disruption:
    description:
      - Allow changes that may cut traffic that flows now. RV(plan) says which these are; without this word they are
        refused.
      - In check mode they are shown, not refused. O(state=absent) does not need this word.
    type: bool
    default: false
notes:
  - An empty string counts as unset for every option that has an environment variable, and so does an empty variable.
requirements:
  - google-auth
  - requests
"""

    # of modules that only read; annotated, since the linter of literal documentation reads every plain assignment here
    READING: str = reading(DOCUMENTATION)

    # how long: short for compute resources
    TIMEOUT = r"""
options:
  timeout:
    description:
      - Seconds that the whole task may take to wait for operations, and for what is busy. What was begun goes on in the
        cloud, and the next run adopts it.
    type: int
    default: 600
"""

    TIMEOUT_CLUSTER = r"""
options:
  timeout:
    description:
      - Seconds that the whole task may take to wait for operations, and for what is busy. What was begun goes on in the
        cloud, and the next run adopts it.
    type: int
    default: 1800
"""

    # of modules that read or write projects themselves
    RESOURCE_MANAGER = r"""
options:
  resource_manager_endpoint:
    description:
      - Where the Cloud Resource Manager API is. Ends in C(/v1/).
      - Defaults to the environment variable E(GOOGLE_RESOURCE_MANAGER_CUSTOM_ENDPOINT).
    type: str
"""

    # of modules that list what the compute API has
    FILTER = r"""
options:
  filter:
    description:
      - Take only what this expression of the API's own is true of, such as V(name eq "shop-.*"). The API evaluates it.
    type: str
seealso:
  - name: Filter expressions
    description: Google's documentation, at the query parameter filter.
    link: https://cloud.google.com/compute/docs/reference/rest/v1/networks/list
"""

    PREFIX_LIMIT = r"""
options:
  advertised_prefix_limit:
    description:
      - How many prefixes a BGP session of the network may advertise. A change that would push one over this is refused.
      - An AWS virtual private gateway drops a session that sends it more than 100. Raise it only for peers that take
        more.
    type: int
    default: 100
"""
