# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clusters and their node pools have in common: the container API's operations, and the pod ranges of a cluster."""

from __future__ import annotations

from .client import relative
from .resource import GcpResource, Json, dig


class ContainerResource(GcpResource):
    """A resource of the container API, whose objects show a status while an operation changes them."""

    service = "container"

    def settle_operation(self, current: Json) -> tuple[Json | None, str | None]:
        """Adopt the operation that goes on: wait for it and read again, or name it where this call does not wait."""
        operation = self.client.in_flight(self.service, self.operations_scope, self.path)
        if operation is None:
            return self.read(), None
        pending = self.client.finish(self.service, operation, self.label)
        return (current, pending) if pending else (self.read(), None)


def zones_of(cluster: Json) -> list[str]:
    """The zones of a cluster's nodes: what it says, or one."""
    return cluster.get("locations") or [cluster.get("location") or ""]


def subnetwork_path(cluster: Json, project: str | None, location: str) -> str:
    """Where the cluster's subnetwork is read: its own project unless it names another (Shared VPC)."""
    full = dig(cluster, "networkConfig.subnetwork") or cluster.get("subnetwork") or ""
    owner, path = relative(full)
    region = location if location.count("-") == 1 else location.rsplit("-", 1)[0]
    name = path.rsplit("/", 1)[-1]
    return f"projects/{owner or project}/regions/{region}/subnetworks/{name}"


def cluster_pod_range(resource: GcpResource, cluster: Json, range_name: str | None) -> str | None:
    """The CIDR that a pool's pods take their addresses from, ``None`` where it cannot be told."""
    policy = cluster.get("ipAllocationPolicy") or {}
    default = policy.get("clusterSecondaryRangeName")
    if not range_name or range_name == default:
        return policy.get("clusterIpv4CidrBlock") or cluster.get("clusterIpv4Cidr")
    location = resource.params["location"]
    subnetwork = resource.client.get("compute", subnetwork_path(cluster, resource.project, location)) or {}
    for extra in subnetwork.get("secondaryIpRanges") or []:
        if extra["rangeName"] == range_name:
            return str(extra["ipCidrRange"])
    return None
