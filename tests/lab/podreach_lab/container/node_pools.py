# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""container.projects.locations.clusters.nodePools, and how a pool of nodes is completed, started and resized."""

from __future__ import annotations

import copy
import re
import typing as t

from .. import cidr
from ..compute import subnetworks
from ..core import Call, method
from ..faults import ApiFault
from ..links import CONTAINER_BASE
from ..places import ZONES
from ..state import Body, Resource
from . import nodes, pod_ranges, versions
from .common import (
    bad,
    begin,
    digest,
    find_cluster,
    find_pool,
    idle,
    nodes_of,
    precondition,
    region_of,
    touch,
    usable,
    word,
)

NAME = re.compile(r"[a-z](?:[-a-z0-9]{0,38}[a-z0-9])?")
SCOPES = [
    "https://www.googleapis.com/auth/devstorage.read_only",
    "https://www.googleapis.com/auth/logging.write",
    "https://www.googleapis.com/auth/monitoring",
    "https://www.googleapis.com/auth/service.management.readonly",
    "https://www.googleapis.com/auth/servicecontrol",
    "https://www.googleapis.com/auth/trace.append",
]


# ---- completing


def complete(call: Call, cluster: Resource, pool: Body) -> Body:
    """A pool with everything that the server fills in; refuses what makes no pool."""
    name = pool.get("name", "")
    if not NAME.fullmatch(name):
        raise bad(f'Invalid value for field "node_pool.name": "{name}". Must be a match of regex "{NAME.pattern}".')
    if pool.get("initialNodeCount", 0) < 0:
        raise bad("NodePool.initial_node_count must not be negative.")
    location = cluster.body["location"]
    pool["locations"] = sorted(pool.get("locations") or cluster.body["locations"])
    for zone in pool["locations"]:
        if ZONES.get(zone) != region_of(location):
            raise bad(f'Zone "{zone}" is not in the region of the cluster.')
    config = pool.setdefault("config", {})
    config.setdefault("machineType", "e2-medium")
    config.setdefault("imageType", "COS_CONTAINERD")
    config["imageType"] = check_image(config["imageType"])
    config.setdefault("diskSizeGb", 100)
    config.setdefault("diskType", "pd-balanced")
    config.setdefault("oauthScopes", list(SCOPES))
    config.setdefault("serviceAccount", "default")
    config.setdefault("metadata", {}).setdefault("disable-legacy-endpoints", "true")
    config.setdefault("shieldedInstanceConfig", {"enableIntegrityMonitoring": True})
    management = pool.setdefault("management", {})
    if cluster.body.get("releaseChannel"):
        for key in ("autoRepair", "autoUpgrade"):
            if management.setdefault(key, True) is False and key == "autoUpgrade":
                raise bad("Auto_upgrade and auto_repair cannot be false when release_channel is set.")
    pool.setdefault("upgradeSettings", {}).setdefault("strategy", "SURGE")
    pool["upgradeSettings"].setdefault("maxSurge", 1)
    pool["version"] = check_version(pool.get("version", ""), cluster)
    pool["status"] = "PROVISIONING"
    place = f"projects/{cluster.project}/{word(location)}/{location}/clusters/{cluster.name}/nodePools/{name}"
    pool["selfLink"] = CONTAINER_BASE + place
    pool["etag"] = call.state.new_hex(8)
    fill_network(call, cluster, pool)
    return pool


def check_image(text: str) -> str:
    found = text.upper()
    if found not in versions.IMAGE_TYPES:
        raise bad(f'Image type "{text}" is not supported. Supported: {", ".join(versions.IMAGE_TYPES)}.')
    return found


def check_version(text: str, cluster: Resource) -> str:
    master = t.cast(str, cluster.body["currentMasterVersion"])
    if text in ("", "-"):
        return master
    found = master if master == text or master.startswith((f"{text}.", f"{text}-")) else versions.resolve(text, "")
    if found is None or versions.key(found) > versions.key(master):
        raise bad(f'Node version "{text}" is unsupported: it must be offered, and not newer than the master {master}.')
    return found


def fill_network(call: Call, cluster: Resource, pool: Body) -> None:
    """maxPodsConstraint, podIpv4CidrSize and networkConfig."""
    routes_based = cluster.hidden["routes"]
    if routes_based:
        if pool.get("maxPodsConstraint") and int(pool["maxPodsConstraint"].get("maxPodsPerNode", 110)) != 110:
            raise bad("Max pods constraint requires a VPC-native cluster (IP aliases).")
        if pool.get("networkConfig", {}).get("podRange"):
            raise bad("A pod range requires a VPC-native cluster (IP aliases).")
        pool["podIpv4CidrSize"] = pod_ranges.ROUTES_NODE
        return
    default = cluster.body["defaultMaxPodsConstraint"]["maxPodsPerNode"]
    limit = int(pool.setdefault("maxPodsConstraint", {}).setdefault("maxPodsPerNode", default))
    if not 8 <= limit <= 256:
        raise bad(f"Invalid max pods per node: {limit}. It must be between 8 and 256.")
    config = pool.setdefault("networkConfig", {})
    policy = cluster.body["ipAllocationPolicy"]
    over = config.get("podCidrOverprovisionConfig") or policy.get("podCidrOverprovisionConfig", {})
    pool["podIpv4CidrSize"] = pod_ranges.node_prefix(limit, not over.get("disable", False))
    config["subnetwork"] = config.get("subnetwork") or cluster.hidden["subnetwork"]
    if config["subnetwork"] != cluster.hidden["subnetwork"]:
        raise bad("The lab does not model node pools in another subnetwork than the cluster's.")
    pick_range(call, cluster, pool, config)
    if cluster.body["networkConfig"].get("defaultEnablePrivateNodes"):
        config.setdefault("enablePrivateNodes", True)


def pick_range(call: Call, cluster: Resource, pool: Body, config: Body) -> None:
    """The pod range of a pool: named, made on request, or the cluster's (then the additional ones) with room."""
    policy = cluster.body["ipAllocationPolicy"]
    subnetwork = call.state.get(cluster.hidden["subnetwork"])
    assert subnetwork is not None
    have = subnetworks.secondary(subnetwork)
    default = policy["clusterSecondaryRangeName"]
    create = config.pop("createPodRange", False)
    name = config.get("podRange", "")
    if create:
        network = call.state.get(cluster.hidden["network"])
        assert network is not None
        if network.project != cluster.project:
            raise bad("A pod range cannot be created in a Shared VPC network: name one that exists.")
        name = name or f"gke-{cluster.name}-{pool['name']}-pods-{digest(cluster.path + pool['name'])}"
        if name in have:
            raise bad(f'Secondary range "{name}" already exists in subnetwork "{subnetwork.name}".')
        text = config.get("podIpv4CidrBlock", "")
        made = pod_ranges.choose(call, network, text, pod_ranges.DEFAULT_PODS, "podIpv4CidrBlock")
        pod_ranges.make_range(call, subnetwork, name, made)
        cluster.hidden["made_ranges"].append(name)
        have = subnetworks.secondary(subnetwork)
    elif name and name != default:
        if name not in have:
            raise bad(f'Pod secondary range "{name}" does not exist in subnetwork "{subnetwork.name}".')
        if cluster.hidden["ranges"].get(name) == "services":
            raise bad(f'Secondary range "{name}" is already in use as a services range.')
        pod_ranges.claim(call, cluster, subnetwork, name, "pods")
    elif not name:
        names = [default, *policy.get("additionalPodRangesConfig", {}).get("podRangeNames", [])]
        name = next((item for item in names if item in have and room(call, cluster, pool, item, have[item])), default)
    config["podRange"] = name
    if name in have:
        config["podIpv4CidrBlock"] = have[name]
    elif cluster.body.get("clusterIpv4Cidr"):
        config["podIpv4CidrBlock"] = cluster.body["clusterIpv4Cidr"]
    if config.get("podIpv4CidrBlock") and cidr.Range(config["podIpv4CidrBlock"]).prefixlen > pool["podIpv4CidrSize"]:
        limit = pool["maxPodsConstraint"]["maxPodsPerNode"]
        raise bad(
            f"The pod range {config['podIpv4CidrBlock']} is too small for one node with {limit} pods, which takes a "
            f"/{pool['podIpv4CidrSize']}."
        )
    cluster.hidden["ranges"].setdefault(name, "pods")


def room(call: Call, cluster: Resource, pool: Body, name: str, text: str) -> bool:
    wanted = pool.get("initialNodeCount", 0) * len(pool["locations"])
    busy = len(pod_ranges.used_blocks(call, cluster, name))
    prefix = pool["podIpv4CidrSize"] - cidr.Range(text).prefixlen
    return prefix >= 0 and bool((1 << prefix) - busy >= wanted)


def start(call: Call, cluster: Resource, pool: Body) -> None:
    """Bring a new pool's nodes up; called when its operation ends."""
    if not cluster.hidden["routes"]:
        config = pool["networkConfig"]
        config.setdefault("podIpv4CidrBlock", cluster.body["clusterIpv4Cidr"])
        nodes.refresh_firewalls(call, cluster)
    resize(call, cluster, pool, pool.get("initialNodeCount", 0))


def resize(call: Call, cluster: Resource, pool: Body, per_zone: int) -> None:
    try:
        nodes.fit(call, cluster, pool, per_zone)
    except ApiFault as fault:
        nodes.refresh(call, cluster, pool)
        alive = any(True for _node in nodes_of(call, cluster, pool["name"]))
        pool["status"] = "RUNNING_WITH_ERROR" if alive else "ERROR"
        pool["statusMessage"] = fault.message
        pool["conditions"] = [{"canonicalCode": fault.status, "message": fault.message}]
        raise
    pool["status"] = "RUNNING"
    for key in ("statusMessage", "conditions"):
        pool.pop(key, None)


# ---- methods


@method("container.projects.locations.clusters.nodePools.list")
def list_pools(call: Call) -> Body:
    found = find_cluster(call).body["nodePools"]
    return {"nodePools": found} if found else {}


@method("container.projects.locations.clusters.nodePools.get")
def get_pool(call: Call) -> Body:
    return find_pool(call, find_cluster(call))


@method("container.projects.locations.clusters.nodePools.create")
def create_pool(call: Call) -> Body:
    cluster = find_cluster(call)
    if not call.body.get("nodePool"):
        raise bad("NodePool is a required field.")
    wanted = call.lab.discovery.writable("container", "NodePool", call.body["nodePool"])
    name = wanted.get("name", "")
    if any(item["name"] == name for item in cluster.body["nodePools"]):
        raise ApiFault(409, f"Already exists: {cluster.path}/nodePools/{name}.", "alreadyExists")
    usable(cluster)
    if cluster.body["autopilot"].get("enabled"):
        raise bad("Autopilot node pools cannot be accessed or modified.")
    idle(call, cluster)
    pool = complete(call, cluster, copy.deepcopy(wanted))
    cluster.body["nodePools"].append(pool)
    target = f"{cluster.path}/nodePools/{name}"
    return begin(call, cluster, "CREATE_NODE_POOL", target=target, finish=lambda: start(call, cluster, pool))


@method("container.projects.locations.clusters.nodePools.delete")
def delete_pool(call: Call) -> Body:
    cluster = find_cluster(call)
    pool = find_pool(call, cluster)
    usable(cluster)
    idle(call, cluster)
    pool["status"] = "STOPPING"

    def finish() -> None:
        nodes.remove_pool(call, cluster, pool["name"])
        cluster.body["nodePools"].remove(pool)
        release_range(call, cluster, pool)
        nodes.refresh_firewalls(call, cluster)
        for left in cluster.body["nodePools"]:
            nodes.refresh(call, cluster, left)
        if not cluster.body["nodePools"]:
            cluster.body["instanceGroupUrls"] = []

    target = f"{cluster.path}/nodePools/{pool['name']}"
    return begin(call, cluster, "DELETE_NODE_POOL", target=target, finish=finish)


def release_range(call: Call, cluster: Resource, pool: Body) -> None:
    """Forget the range of a deleted pool unless something else of the cluster uses it."""
    name = pool.get("networkConfig", {}).get("podRange")
    policy = cluster.body["ipAllocationPolicy"]
    kept = {
        policy.get("clusterSecondaryRangeName"),
        *policy.get("additionalPodRangesConfig", {}).get("podRangeNames", []),
    }
    kept |= {item.get("networkConfig", {}).get("podRange") for item in cluster.body["nodePools"]}
    if not name or name in kept:
        return
    cluster.hidden["ranges"].pop(name, None)
    if name in cluster.hidden["made_ranges"]:
        cluster.hidden["made_ranges"].remove(name)
        subnetwork = call.state.get(cluster.hidden["subnetwork"])
        if subnetwork is not None:
            pod_ranges.drop_ranges(call, subnetwork, [name])


@method("container.projects.locations.clusters.nodePools.setSize")
def set_size(call: Call) -> Body:
    cluster, pool, target = changeable(call)
    count = call.body.get("nodeCount", 0)
    if count < 0:
        raise bad("Node count must not be negative.")
    # initialNodeCount keeps what creation asked for; the groups' target sizes tell the truth.
    pool["status"] = "RECONCILING"
    return begin(call, cluster, "SET_NODE_POOL_SIZE", target=target, finish=lambda: resize(call, cluster, pool, count))


def changeable(call: Call) -> tuple[Resource, Body, str]:
    """The cluster, the pool and the operation's target, when a change may begin now."""
    cluster = find_cluster(call)
    pool = find_pool(call, cluster)
    usable(cluster)
    if cluster.body["autopilot"].get("enabled"):
        raise bad("Autopilot node pools cannot be accessed or modified.")
    idle(call, cluster)
    return cluster, pool, f"{cluster.path}/nodePools/{pool['name']}"


@method("container.projects.locations.clusters.nodePools.setAutoscaling")
def set_autoscaling(call: Call) -> Body:
    cluster, pool, target = changeable(call)
    wanted = call.body.get("autoscaling", {})
    if wanted.get("enabled"):
        low, high = wanted.get("minNodeCount", 0), wanted.get("maxNodeCount", 0)
        total = wanted.get("totalMaxNodeCount", 0)
        if total < 1 and (high < 1 or not 0 <= low <= high):
            raise bad("Autoscaling requires 0 <= min_node_count <= max_node_count and a positive max_node_count.")
        pool["autoscaling"] = wanted
    else:
        pool.pop("autoscaling", None)
    touch(call, cluster)
    return begin(call, cluster, "UPDATE_CLUSTER", target=target)


@method("container.projects.locations.clusters.nodePools.setManagement")
def set_management(call: Call) -> Body:
    cluster, pool, target = changeable(call)
    wanted = call.body.get("management", {})
    if cluster.body.get("releaseChannel") and not wanted.get("autoUpgrade"):
        raise bad("Auto_upgrade cannot be false when release_channel is set.")
    pool["management"] = wanted
    touch(call, cluster)
    return begin(call, cluster, "SET_NODE_POOL_MANAGEMENT", target=target)


_DIRECT = {
    "tags": ("config", "tags"),
    "taints": ("config", "taints"),
    "labels": ("config", "labels"),
    "resourceLabels": ("config", "resourceLabels"),
}
_CONFIG = (
    "machineType",
    "diskType",
    "workloadMetadataConfig",
    "gcfsConfig",
    "gvnic",
    "kubeletConfig",
    "linuxNodeConfig",
    "loggingConfig",
    "resourceManagerTags",
    "containerdConfig",
    "fastSocket",
)
_ADDRESSING = ("name", "projectId", "zone", "clusterId", "nodePoolId", "etag")


@method("container.projects.locations.clusters.nodePools.update")
def update_pool(call: Call) -> Body:
    cluster, pool, target = changeable(call)
    wanted = {key: value for key, value in call.body.items() if key not in _ADDRESSING}
    if not wanted:
        raise bad("Must specify a field to update.")
    if call.body.get("etag") and call.body["etag"] != pool["etag"]:
        raise precondition("The etag does not match the node pool's.")
    config = pool["config"]
    kind = "UPGRADE_NODES"
    size: int | None = None
    for key, value in wanted.items():
        if key in _DIRECT:
            config[_DIRECT[key][1]] = value.get(key, []) if isinstance(value, dict) else value
        elif key == "imageType":
            config["imageType"] = check_image(value)
        elif key == "nodeVersion":
            pool["version"] = check_version(value, cluster)
        elif key == "upgradeSettings":
            pool["upgradeSettings"] = pool["upgradeSettings"] | value
            kind = "UPDATE_CLUSTER"
        elif key == "locations":
            size = len(nodes_of(call, cluster, pool["name"])) // max(1, len(pool["locations"]))
            pool["locations"] = sorted(value)
            kind = "UPDATE_CLUSTER"
        elif key == "diskSizeGb":
            config["diskSizeGb"] = int(value)
        elif key in _CONFIG:
            config[key] = value
        elif key == "nodeNetworkConfig":
            pool.setdefault("networkConfig", {}).update(
                {name: item for name, item in value.items() if name == "enablePrivateNodes"}
            )
        else:
            raise bad(f"The lab does not model the update of {key}.")
    pool["etag"] = call.state.new_hex(8)
    pool["status"] = "RECONCILING"
    count = size

    def finish() -> None:
        pool["status"] = "RUNNING"
        if count is not None:
            resize(call, cluster, pool, count)

    return begin(call, cluster, kind, target=target, finish=finish)
