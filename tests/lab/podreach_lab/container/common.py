# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, lookups, refusals and the one-operation-at-a-time rule of container v1."""

from __future__ import annotations

import hashlib
import typing as t

from ..core import Call
from ..faults import ApiFault
from ..places import REGIONS, ZONES
from ..state import Body, Phase, Resource

CLUSTER = "container#cluster"


def bad(message: str) -> ApiFault:
    return ApiFault(400, message, "badRequest")


def precondition(message: str) -> ApiFault:
    return ApiFault(400, message, "failedPrecondition", status="FAILED_PRECONDITION")


def word(location: str) -> str:
    """What GKE calls a location in its messages and links."""
    return "zones" if location in ZONES else "locations"


def shown(path: str) -> str:
    """A cluster's path as messages write it."""
    parts = path.split("/")
    return "/".join([*parts[:2], word(parts[3]), *parts[3:]])


def location_of(call: Call) -> str:
    """The path's location, which must exist."""
    name = call.params["locationsId"]
    if name not in REGIONS and name not in ZONES:
        raise bad(f'Location "{name}" does not exist.')
    return name


def region_of(location: str) -> str:
    return ZONES.get(location, location)


def cluster_path(call: Call) -> str:
    return f"projects/{call.project}/locations/{location_of(call)}/clusters/{call.params['clustersId']}"


def find_cluster(call: Call) -> Resource:
    path = cluster_path(call)
    found = call.state.get(path)
    if found is None:
        raise ApiFault(404, f"Not found: {shown(path)}.", "notFound")
    return found


def find_pool(call: Call, cluster: Resource) -> Body:
    name = call.params["nodePoolsId"]
    for pool in cluster.body["nodePools"]:
        if pool["name"] == name:
            return t.cast(Body, pool)
    raise ApiFault(404, f"Not found: {shown(cluster.path)}/nodePools/{name}.", "notFound")


def digest(text: str, digits: int = 8) -> str:
    """A short name suffix that depends on nothing but `text`."""
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


def idle(call: Call, cluster: Resource) -> None:
    """Refuse while another operation runs on the cluster."""
    for operation in call.lab.operations.running():
        if operation.service == "container" and (operation.target + "/").startswith(cluster.path + "/"):
            raise precondition(f"Cluster is running incompatible operation {operation.body['name']}.")


def begin(
    call: Call,
    cluster: Resource,
    kind: str,
    *,
    target: str = "",
    finish: t.Callable[[], None] | None = None,
    during: str = "RECONCILING",
) -> Body:
    """Start an operation on a cluster; its status is `during` meanwhile and what finish leaves afterwards."""
    before = cluster.body["status"]
    if during:
        cluster.body["status"] = during

    def end() -> None:
        if during == "RECONCILING":
            cluster.body["status"] = before
        try:
            if finish:
                finish()
        finally:
            if call.state.get(cluster.path) is cluster:
                touch(call, cluster)

    def abort() -> None:
        cluster.body["status"] = "ERROR" if during == "PROVISIONING" else before
        cluster.phase = Phase.READY
        for pool in cluster.body["nodePools"]:
            pool["status"] = {"PROVISIONING": "ERROR", "RECONCILING": "RUNNING", "STOPPING": "RUNNING"}.get(
                pool["status"], pool["status"]
            )
        touch(call, cluster)

    location = cluster.path.split("/")[3]
    operation = call.lab.operations.begin_container(
        kind=kind, target=target or cluster.path, location=location, finish=end, abort=abort
    )
    return call.lab.operations.view(operation)


def touch(call: Call, cluster: Resource) -> None:
    """Renew what changes with every change, and tell the watchers."""
    cluster.body["etag"] = call.state.new_hex(8) + "-" + call.state.new_hex(4)
    cluster.body["currentNodeCount"] = sum(1 for _node in nodes_of(call, cluster))
    if not cluster.body["currentNodeCount"]:
        del cluster.body["currentNodeCount"]
    pools = cluster.body["nodePools"]
    if pools:  # two deprecated mirrors of the first pool, which the API still shows
        cluster.body["nodeConfig"] = pools[0]["config"]
        if "initialNodeCount" in pools[0]:
            cluster.body["initialNodeCount"] = pools[0]["initialNodeCount"]
    call.state.changed(cluster)


def nodes_of(call: Call, cluster: Resource, pool: str | None = None) -> list[Resource]:
    """The node instances of a cluster, or of one of its pools."""
    return [
        item
        for item in call.state.of_kind("compute#instance")
        if item.hidden.get("cluster") == cluster.path and (pool is None or item.hidden.get("pool") == pool)
    ]


def usable(cluster: Resource) -> None:
    if cluster.phase is Phase.DELETING or cluster.body["status"] == "STOPPING":
        raise precondition(f"Cluster {shown(cluster.path)} is being deleted.")
