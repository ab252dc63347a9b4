# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must exist before a cluster can be created, looked at in the cloud."""

from __future__ import annotations

import typing as t

from .fields import Json, dig

if t.TYPE_CHECKING:
    from .clusters import Cluster


class Prerequisites:
    """What must exist before a cluster can be created: its network, its subnetwork, and the ranges in it."""

    def __init__(self, cluster: Cluster, body: Json) -> None:
        self.cluster = cluster
        self.body = body
        #: the secondary ranges of the subnetwork, by name, once they were read
        self.ranges: dict[str | None, str] = {}

    def look(self, *, check_mode: bool) -> list[str]:
        """Wait for them as long as the caller allows (something else may be building them); raise for what is missing.

        In check mode what is missing counts as planned: a warning each.
        """
        cluster = self.cluster
        missing = self.missing()
        if missing and not check_mode and cluster.params.get("prerequisite_timeout"):
            missing = cluster.client.wait_until(
                self.missing, cluster.params["prerequisite_timeout"], f"{cluster.label}: waits for what it needs"
            )
        if missing and check_mode:
            return [f"{cluster.label}: {what}; counted as planned." for what in missing]
        if missing:
            raise cluster.refused(
                "; ".join(missing)
                + ": create it first (if the topology declares it, run without --limit), or correct the name",
                code="missing-prerequisite",
            )
        return []

    def missing(self) -> list[str]:
        """What is not there yet, in words. Raises :class:`Refused` for what is there and can never do."""
        cluster, policy = self.cluster, self.body.get("ipAllocationPolicy") or {}
        if self.body.get("network"):
            network = cluster.look_at(self.body["network"])
            if network is None:
                return [f"network {self.body['network']} does not exist"]
            if network.get("IPv4Range") and not policy.get("useRoutes"):
                raise cluster.refused(
                    f"network {network['name']} is a legacy network, and VPC-native clusters need a subnet-mode one: "
                    "make a "
                    "new network",
                    code="legacy-network",
                )
        if not self.body.get("subnetwork"):
            return []
        subnetwork = cluster.look_at(self.body["subnetwork"])
        if subnetwork is None:
            return [f"subnetwork {self.body['subnetwork']} does not exist"]
        named = [policy.get("clusterSecondaryRangeName"), policy.get("servicesSecondaryRangeName")]
        extra = dig(cluster.params, "ip_allocation_policy.additional_pod_ranges_config.pod_range_names") or []
        ranges = {item["rangeName"]: item["ipCidrRange"] for item in subnetwork.get("secondaryIpRanges") or []}
        self.ranges = {**ranges}
        missing = [
            f"subnetwork {subnetwork['name']} has no secondary range {name} (it has {', '.join(ranges) or 'none'})"
            for name in (*named, *extra)
            if name and name not in ranges
        ]
        if not missing and named[0]:
            self._refuse_managed(named[0])
        return missing

    def _refuse_managed(self, range_name: str) -> None:
        """Refuse a pod range that GKE made for another cluster; one that a user made may be shared."""
        cluster = self.cluster
        project = self.body["subnetwork"].split("/")[1]
        usable = cluster.client.list_all(
            "container",
            f"projects/{cluster.project}/aggregated/usableSubnetworks",
            key="subnetworks",
            filter=f"networkProjectId={project}",
        )
        for item in usable:
            if item.get("subnetwork") != self.body["subnetwork"]:
                continue
            for extra in item.get("secondaryIpRanges") or []:
                if extra.get("rangeName") == range_name and extra.get("status") in (
                    "IN_USE_MANAGED_POD",
                    "IN_USE_SERVICE",
                ):
                    raise cluster.refused(
                        f"ip_allocation_policy.cluster_secondary_range_name: {range_name} is {extra['status']}: it "
                        "cannot "
                        "hold the pods of another cluster; take a range of your own",
                        code="range-in-use",
                    )
