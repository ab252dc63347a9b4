# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must exist before a cluster can be created, looked at in the cloud."""

from __future__ import annotations

import typing as t

from ..errors import ApiError
from . import usable_subnetworks
from .client import relative
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
        #: the project of a Shared VPC that the subnetwork is in; ``None`` where it is the cluster's own
        owner = relative(body.get("subnetwork") or "")[0]
        self.host = owner if owner not in ("", cluster.project) else None
        #: why clusters of the project may not use the host's subnetwork, as of the last look
        self.obstacles: list[str] = []

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
        if missing and self.obstacles:
            raise cluster.refused("; ".join(missing), code="subnetwork-not-usable")
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
        self.obstacles = []
        if self.body.get("network"):
            network = self._look_at(self.body["network"])
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
        subnetwork, name = self._look_at(self.body["subnetwork"]), self.body["subnetwork"].rpartition("/")[2]
        if subnetwork is None:
            return [f"subnetwork {self.body['subnetwork']} does not exist"]
        # what is about to be made cannot be told of yet
        usable = self._usable() if self.host and not cluster.sibling(self.body["subnetwork"]) else []
        if self.obstacles:
            return self.obstacles
        if not subnetwork:
            # not to be read, but GKE tells what a cluster needs
            (subnetwork,) = [item for item in usable if item.get("subnetwork") == self.body["subnetwork"]]
        named = [policy.get("clusterSecondaryRangeName"), policy.get("servicesSecondaryRangeName")]
        extra = dig(cluster.params, "ip_allocation_policy.additional_pod_ranges_config.pod_range_names") or []
        ranges = {item["rangeName"]: item["ipCidrRange"] for item in subnetwork.get("secondaryIpRanges") or []}
        self.ranges = {**ranges}
        missing = [
            f"subnetwork {name} has no secondary range {wanted} (it has {', '.join(ranges) or 'none'})"
            for wanted in (*named, *extra)
            if wanted and wanted not in ranges
        ]
        if not missing and named[0]:
            self._refuse_managed(named[0], usable or ([] if self.host else self._usable()))
        return missing

    def _look_at(self, path: str) -> Json | None:
        """What is there; empty where it is the host project's, and not for these credentials to read."""
        try:
            return self.cluster.look_at(path)
        except ApiError as error:
            if error.status != 403 or not self.host:
                raise
            return {}

    def _usable(self) -> list[Json]:
        """What GKE says of the subnetworks there; notes what keeps the cluster from its own, in a Shared VPC."""
        client, path = self.cluster.client, self.body["subnetwork"]
        project = str(self.cluster.project)
        if not self.host:
            return usable_subnetworks.listed(client, project, project)
        usable, self.obstacles = usable_subnetworks.obstacles(client, project, path)
        return usable

    def _refuse_managed(self, range_name: str, usable: list[Json]) -> None:
        """Refuse a pod range that GKE made for another cluster; one that a user made may be shared."""
        cluster = self.cluster
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
