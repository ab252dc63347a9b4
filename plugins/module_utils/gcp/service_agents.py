# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who acts for Google in a project, and which roles clusters of it need in a Shared VPC host project.

https://cloud.google.com/kubernetes-engine/docs/how-to/cluster-shared-vpc
"""

from __future__ import annotations

NETWORK_USER = "roles/compute.networkUser"
HOST_AGENT_USER = "roles/container.hostServiceAgentUser"
SECURITY_ADMIN = "roles/compute.securityAdmin"


def gke_agent(number: str) -> str:
    """The account that acts for GKE in the project with this number."""
    return f"service-{number}@container-engine-robot.iam.gserviceaccount.com"


def google_agent(number: str) -> str:
    """The account by which Google makes the instances of managed groups there, nodes among them."""
    return f"{number}@cloudservices.gserviceaccount.com"


def member(account: str) -> str:
    """A service account as policies write it."""
    return f"serviceAccount:{account}"
