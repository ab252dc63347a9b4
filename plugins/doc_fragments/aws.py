# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that every module for AWS has."""

from __future__ import annotations


class ModuleDocFragment:
    # who asks, and where
    DOCUMENTATION = r"""
options:
  region:
    description:
      - The AWS region.
      - Defaults to the environment variable E(AWS_REGION), then E(AWS_DEFAULT_REGION), then to the region of the
        profile.
    type: str
  profile:
    description:
      - A profile of boto3's configuration files. It is not mixed with keys of the environment.
      - Defaults to the environment variable E(AWS_PROFILE), then E(AWS_DEFAULT_PROFILE).
    type: str
  access_key:
    description:
      - The id of an access key. Needs O(secret_key).
      - Defaults to the environment variable E(AWS_ACCESS_KEY_ID). Without any, boto3 looks where it always does, the
        role of an instance or a container included.
    type: str
  secret_key:
    description:
      - The secret of the access key.
      - Defaults to the environment variable E(AWS_SECRET_ACCESS_KEY).
    type: str
  session_token:
    description:
      - The session token of temporary keys.
      - Defaults to the environment variable E(AWS_SESSION_TOKEN).
    type: str
  endpoint_url:
    description:
      - Where the APIs of AWS are, if not at AWS.
      - Defaults to the environment variables and settings that boto3 knows, of which E(AWS_ENDPOINT_URL) is the first.
    type: str
  account:
    description:
      - The id of the account that the credentials are expected to be of. Others are refused before anything is read or
        written.
    type: str
  environment:
    description:
      - Where this may run. V(lab) refuses every address that is not this machine, V(cloud) every address that is, both
        before the first request.
      - With V(lab), what is not given is taken from the running lab's C(.lab/env), and no other source of credentials
        is asked.
      - Defaults to the environment variable E(PODREACH_ENVIRONMENT).
    type: str
    choices: [lab, cloud]
notes:
  - An empty string counts as unset for every option that has an environment variable, and so does an empty variable.
requirements:
  - boto3
"""

    # what changes something
    STATE = r"""
options:
  state:
    description:
      - V(present) creates or changes. Only what is given is compared, and nothing that is not mentioned is removed.
      - V(absent) deletes, but only what this collection created for O(name), told by its tags.
    type: str
    choices: [present, absent]
    default: present
  allow_disruption:
    description:
      - Allow changes that may cut traffic that flows now. RV(plan) says which these are; without this word they are
        refused.
      - In check mode they are shown, not refused. O(state=absent) does not need this word.
    type: bool
    default: false
"""

    # its action group; before podreach.gke.attributes, which names that of Google
    GROUP = r"""
attributes:
  action_group:
    version_added: 0.1.0
    support: full
    membership: [podreach.gke.aws]
    description: Use C(group/podreach.gke.aws) in C(module_defaults) to set defaults for this module.
"""
