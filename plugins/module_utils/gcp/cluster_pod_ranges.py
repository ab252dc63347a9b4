# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ranges that the pods of a network's clusters have, as the container API tells of them.

https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.locations.clusters
"""

from __future__ import annotations

import dataclasses
import typing as t

from .. import addressing
from ..errors import ApiError
from .client import Client, network_path, relative
from .fields import Json, dig
from .pod_ranges import subnetwork_path


@dataclasses.dataclass(frozen=True)
class PodRange:
    """A range of pods. Clusters that share it are told together: ``cluster`` and ``location`` are of the first.

    ``network`` is a path such as ``projects/p/global/networks/n``. Pods of a ``routes_based`` cluster have static
    routes.
    """

    name: str
    cidr: str
    cluster: str
    location: str
    network: str
    routes_based: bool

    def as_result(self) -> Json:
        return {**dataclasses.asdict(self), "network": self.network.rpartition("/")[2]}


def read(client: Client, networks: t.Collection[str]) -> tuple[list[PodRange], list[str]]:
    """The pod ranges of all clusters of the project in these networks (paths), and what could not be read, in words.

    A cluster that is about to be deleted has none.
    """
    unread: list[str] = []
    try:
        answer = client.request("container", "GET", f"projects/{client.project}/locations/-/clusters")
    except ApiError as error:
        return [], [f"the pods' ranges were not read: {error.message}"]
    if answer.get("missingZones"):
        zones = ", ".join(answer["missingZones"])
        unread.append(f"the pods' ranges of clusters in {zones} were not read: the zones did not answer")
    found: dict[tuple[str, str], PodRange] = {}
    for cluster in answer.get("clusters") or []:
        network = network_path(dig(cluster, "networkConfig.network") or cluster.get("network"), client.project)
        if network not in networks or cluster.get("status") == "STOPPING":
            continue
        for cidr in _ranges(client, cluster, unread):
            known = found.get((network, cidr))
            found[network, cidr] = PodRange(
                name=f"{known.name}, {cluster['name']}" if known else f"pods of {cluster['name']}",
                cidr=cidr,
                cluster=known.cluster if known else cluster["name"],
                location=known.location if known else str(cluster.get("location")),
                network=network,
                routes_based=not dig(cluster, "ipAllocationPolicy.useIpAliases"),
            )
    return list(found.values()), unread


def _ranges(client: Client, cluster: Json, unread: list[str]) -> list[str]:
    """The CIDRs of a cluster's pods: its own range, those of its node pools, and those that are set aside for more."""
    policy = cluster.get("ipAllocationPolicy") or {}
    pools = cluster.get("nodePools") or []
    told = [policy.get("clusterIpv4CidrBlock") or cluster.get("clusterIpv4Cidr")]
    told += [dig(pool, "networkConfig.podIpv4CidrBlock") for pool in pools]
    known = {dig(pool, "networkConfig.podRange") for pool in pools}
    own = subnetwork_path(cluster, client.project, str(cluster.get("location")))
    names = [(own, name) for name in dig(policy, "additionalPodRangesConfig.podRangeNames") or []]
    for config in policy.get("additionalIpRangesConfigs") or []:
        project, path = relative(config.get("subnetwork") or "")
        names += [(f"projects/{project}/{path}", name) for name in config.get("podIpv4RangeNames") or []]
    for path, name in names:
        if path != own or name not in known:
            told.append(_secondary(client, path, name, f"pods of {cluster['name']}", unread))
    if told[0] is None:
        unread.append(f"the pods' range of {cluster['name']} is not known yet")
    return sorted({cidr for cidr in told if cidr and not cidr.startswith("/")}, key=addressing.parse)


def _secondary(client: Client, path: str, name: str, label: str, unread: list[str]) -> str | None:
    try:
        subnetwork = client.get("compute", path) or {}
    except ApiError as error:
        unread.append(f"{label}: the range {name} was not read: {error.message}")
        return None
    for item in subnetwork.get("secondaryIpRanges") or []:
        if item["rangeName"] == name:
            return str(item["ipCidrRange"])
    unread.append(f"{label}: there is no range {name} in {path.rpartition('/')[2]}")
    return None
