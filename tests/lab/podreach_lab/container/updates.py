# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""container.projects.locations.clusters.update: one field at a time."""

from __future__ import annotations

import copy
import typing as t

from ..compute import subnetworks
from ..core import Call, method
from ..faults import ApiFault
from ..places import ZONES
from ..state import Body, Resource
from . import node_pools, pod_ranges, versions
from .common import bad, begin, find_cluster, idle, nodes_of, precondition, region_of, usable

Finish = t.Callable[[], None]
QUALIFIERS = ("desiredNodePoolId", "etag", "desiredImageProject")

REPLACED = {
    "desiredMasterAuthorizedNetworksConfig": ("masterAuthorizedNetworksConfig",),
    "desiredDefaultSnatStatus": ("networkConfig", "defaultSnatStatus"),
    "desiredDnsConfig": ("networkConfig", "dnsConfig"),
    "desiredGatewayApiConfig": ("networkConfig", "gatewayApiConfig"),
    "desiredDatapathProvider": ("networkConfig", "datapathProvider"),
    "desiredServiceExternalIpsConfig": ("networkConfig", "serviceExternalIpsConfig"),
    "desiredEnableFqdnNetworkPolicy": ("networkConfig", "enableFqdnNetworkPolicy"),
    "desiredEnableCiliumClusterwideNetworkPolicy": ("networkConfig", "enableCiliumClusterwideNetworkPolicy"),
    "desiredDisableL4LbFirewallReconciliation": ("networkConfig", "disableL4LbFirewallReconciliation"),
    "desiredLoggingConfig": ("loggingConfig",),
    "desiredMonitoringConfig": ("monitoringConfig",),
    "desiredLoggingService": ("loggingService",),
    "desiredMonitoringService": ("monitoringService",),
    "desiredVerticalPodAutoscaling": ("verticalPodAutoscaling",),
    "desiredWorkloadIdentityConfig": ("workloadIdentityConfig",),
    "desiredShieldedNodes": ("shieldedNodes",),
    "desiredBinaryAuthorization": ("binaryAuthorization",),
    "desiredClusterAutoscaling": ("autoscaling",),
    "desiredCostManagementConfig": ("costManagementConfig",),
    "desiredNotificationConfig": ("notificationConfig",),
    "desiredSecurityPostureConfig": ("securityPostureConfig",),
    "desiredMeshCertificates": ("meshCertificates",),
    "desiredDatabaseEncryption": ("databaseEncryption",),
    "desiredResourceUsageExportConfig": ("resourceUsageExportConfig",),
}
"""ClusterUpdate field -> where its value goes in the cluster, whole."""


@method("container.projects.locations.clusters.update")
def update_cluster(call: Call) -> Body:
    cluster = find_cluster(call)
    usable(cluster)
    update = call.body.get("update") or {}
    fields = [name for name in update if name not in QUALIFIERS]
    if not fields:
        raise bad("Must specify a field to update.")
    if len(fields) > 1:
        raise bad(
            f"Exactly one update can be applied to a cluster with each request, not: {', '.join(sorted(fields))}."
        )
    if update.get("etag") and update["etag"] != cluster.body["etag"]:
        raise precondition("The etag does not match the cluster's.")
    idle(call, cluster)
    name = fields[0]
    value = copy.deepcopy(update[name])
    if name in REPLACED:
        check_replaced(cluster, name, value)
        put(cluster.body, REPLACED[name], value)
        if name == "desiredMasterAuthorizedNetworksConfig":
            put(cluster.body, ("controlPlaneEndpointsConfig", "ipEndpointsConfig", "authorizedNetworksConfig"), value)
        return begin(call, cluster, "UPDATE_CLUSTER")
    special = SPECIAL.get(name)
    if special is None:
        raise ApiFault(501, f"The lab does not model the update of {name}.", "notImplemented")
    kind, finish = special(call, cluster, value, update)
    return begin(call, cluster, kind, finish=finish)


def check_replaced(cluster: Resource, name: str, value: t.Any) -> None:
    if name == "desiredDefaultSnatStatus" and value.get("disabled") and cluster.hidden["routes"]:
        raise bad("Default SNAT can only be disabled on VPC-native clusters (with IP aliases).")
    if name == "desiredDatapathProvider" and value != cluster.body["networkConfig"]["datapathProvider"]:
        raise bad("The datapath provider of a cluster cannot be changed.")


def put(body: Body, where: tuple[str, ...], value: t.Any) -> None:
    for key in where[:-1]:
        body = body.setdefault(key, {})
    body[where[-1]] = copy.deepcopy(value)


def pools_of(cluster: Resource, update: Body) -> list[Body]:
    """The pool that desiredNodePoolId names, or the only one."""
    wanted = update.get("desiredNodePoolId")
    found = [item for item in cluster.body["nodePools"] if item["name"] == wanted]
    if not wanted and len(cluster.body["nodePools"]) == 1:
        return list(cluster.body["nodePools"])
    if not wanted:
        raise bad("Node_pool_id must be specified when the cluster has more than one node pool.")
    if not found:
        raise ApiFault(404, f'Not found: node pool "{wanted}".', "notFound")
    return found


# ---- fields that need more than being stored


def l4_subsetting(call: Call, cluster: Resource, value: Body, update: Body) -> tuple[str, Finish | None]:
    if not value.get("enabled") and cluster.body["networkConfig"].get("enableL4ilbSubsetting"):
        raise bad("L4 ILB subsetting cannot be disabled once it is enabled.")
    cluster.body["networkConfig"]["enableL4ilbSubsetting"] = bool(value.get("enabled"))
    return "UPDATE_CLUSTER", None


def intra_node(call: Call, cluster: Resource, value: Body, update: Body) -> tuple[str, Finish | None]:
    cluster.body["networkConfig"]["enableIntraNodeVisibility"] = bool(value.get("enabled"))
    return "UPDATE_CLUSTER", None


def private_nodes(call: Call, cluster: Resource, value: bool, update: Body) -> tuple[str, Finish | None]:
    cluster.body["networkConfig"]["defaultEnablePrivateNodes"] = value
    cluster.body["privateClusterConfig"]["enablePrivateNodes"] = value
    return "UPDATE_CLUSTER", None


def addons(call: Call, cluster: Resource, value: Body, update: Body) -> tuple[str, Finish | None]:
    cluster.body["addonsConfig"] = cluster.body.get("addonsConfig", {}) | value
    return "UPDATE_CLUSTER", None


def release_channel(call: Call, cluster: Resource, value: Body, update: Body) -> tuple[str, Finish | None]:
    channel = value.get("channel", "UNSPECIFIED")
    if channel in versions.CHANNELS:
        cluster.body["releaseChannel"] = {"channel": channel}
    else:
        cluster.body.pop("releaseChannel", None)
    return "UPDATE_CLUSTER", None


def control_plane(call: Call, cluster: Resource, value: Body, update: Body) -> tuple[str, Finish | None]:
    plane = cluster.body["controlPlaneEndpointsConfig"]
    wanted = value.get("ipEndpointsConfig", {})
    plane["ipEndpointsConfig"] |= {
        key: item for key, item in wanted.items() if key not in ("publicEndpoint", "privateEndpoint")
    }
    dns = {key: item for key, item in value.get("dnsEndpointConfig", {}).items() if key != "endpoint"}
    plane["dnsEndpointConfig"] |= dns
    if "enablePublicEndpoint" in wanted:
        cluster.body["privateClusterConfig"]["enablePrivateEndpoint"] = not wanted["enablePublicEndpoint"]
    if "authorizedNetworksConfig" in wanted:
        cluster.body["masterAuthorizedNetworksConfig"] = copy.deepcopy(wanted["authorizedNetworksConfig"])
    return "UPDATE_CLUSTER", None


def private_endpoint(call: Call, cluster: Resource, value: bool, update: Body) -> tuple[str, Finish | None]:
    cluster.body["privateClusterConfig"]["enablePrivateEndpoint"] = value
    cluster.body["controlPlaneEndpointsConfig"]["ipEndpointsConfig"]["enablePublicEndpoint"] = not value
    return "UPDATE_CLUSTER", None


def private_cluster(call: Call, cluster: Resource, value: Body, update: Body) -> tuple[str, Finish | None]:
    config = cluster.body["privateClusterConfig"]
    block = value.get("masterIpv4CidrBlock")
    if block and block != config.get("masterIpv4CidrBlock"):
        raise bad("master_ipv4_cidr_block cannot be changed.")
    config |= {
        key: item for key, item in value.items() if key not in ("publicEndpoint", "privateEndpoint", "peeringName")
    }
    if "enablePrivateEndpoint" in value:
        private_endpoint(call, cluster, value["enablePrivateEndpoint"], update)
    if "enablePrivateNodes" in value:
        private_nodes(call, cluster, value["enablePrivateNodes"], update)
    return "UPDATE_CLUSTER", None


def master_version(call: Call, cluster: Resource, value: str, update: Body) -> tuple[str, Finish | None]:
    channel = cluster.body.get("releaseChannel", {}).get("channel", "")
    version = versions.resolve(value, channel) or versions.resolve(value, "")
    current = cluster.body["currentMasterVersion"]
    if version is None:
        raise bad(f'Master version "{value}" is unsupported.')
    if versions.key(version)[:2] < versions.key(current)[:2]:
        raise bad(f"Master cannot be downgraded from {current} to {version}.")

    def finish() -> None:
        cluster.body["currentMasterVersion"] = version

    return "UPGRADE_MASTER", finish


def node_version(call: Call, cluster: Resource, value: str, update: Body) -> tuple[str, Finish | None]:
    pools = pools_of(cluster, update)
    version = node_pools.check_version(value, cluster)

    def finish() -> None:
        for pool in pools:
            pool["version"] = version
        found = {pool["version"] for pool in cluster.body["nodePools"]}
        cluster.body["currentNodeVersion"] = min(found, key=versions.key) + ("*" if len(found) > 1 else "")

    return "UPGRADE_NODES", finish


def image_type(call: Call, cluster: Resource, value: str, update: Body) -> tuple[str, Finish | None]:
    pools = pools_of(cluster, update)
    image = node_pools.check_image(value)

    def finish() -> None:
        for pool in pools:
            pool["config"]["imageType"] = image

    return "UPGRADE_NODES", finish


def pool_autoscaling(call: Call, cluster: Resource, value: Body, update: Body) -> tuple[str, Finish | None]:
    for pool in pools_of(cluster, update):
        if value.get("enabled"):
            pool["autoscaling"] = value
        else:
            pool.pop("autoscaling", None)
    return "UPDATE_CLUSTER", None


def locations(call: Call, cluster: Resource, value: list[str], update: Body) -> tuple[str, Finish | None]:
    region = region_of(cluster.body["location"])
    for zone in value:
        if ZONES.get(zone) != region:
            raise bad(f'Zone "{zone}" is not in the region of the cluster, "{region}".')
    if cluster.body["location"] in ZONES and cluster.body["location"] not in value:
        raise bad(f'The zone of the cluster, "{cluster.body["location"]}", must be one of its locations.')

    def finish() -> None:
        cluster.body["locations"] = sorted(value)
        for pool in cluster.body["nodePools"]:
            count = len(nodes_of(call, cluster, pool["name"])) // max(1, len(pool["locations"]))
            pool["locations"] = sorted(value)
            node_pools.resize(call, cluster, pool, count)

    return "UPDATE_CLUSTER", finish


def add_pod_ranges(call: Call, cluster: Resource, value: Body, update: Body) -> tuple[str, Finish | None]:
    if cluster.hidden["routes"]:
        raise bad("Additional pod ranges require a VPC-native cluster (IP aliases).")
    subnetwork = call.state.get(cluster.hidden["subnetwork"])
    assert subnetwork is not None
    policy = cluster.body["ipAllocationPolicy"]
    names = list(policy.get("additionalPodRangesConfig", {}).get("podRangeNames", []))
    for name in value.get("podRangeNames", []):
        if name not in subnetworks.secondary(subnetwork):
            raise bad(f'Pod secondary range "{name}" does not exist in subnetwork "{subnetwork.name}".')
        if name in names or name == policy["clusterSecondaryRangeName"]:
            raise bad(f'Pod secondary range "{name}" is already a pod range of the cluster.')
        pod_ranges.claim(call, cluster, subnetwork, name, "pods")
        names.append(name)
    for name in names:
        cluster.hidden["ranges"].setdefault(name, "pods")
    policy["additionalPodRangesConfig"] = {"podRangeNames": names}
    return "UPDATE_CLUSTER", None


def remove_pod_ranges(call: Call, cluster: Resource, value: Body, update: Body) -> tuple[str, Finish | None]:
    policy = cluster.body["ipAllocationPolicy"]
    names = list(policy.get("additionalPodRangesConfig", {}).get("podRangeNames", []))
    for name in value.get("podRangeNames", []):
        if name not in names:
            raise bad(f'Pod secondary range "{name}" is not an additional pod range of the cluster.')
        users = [item["name"] for item in cluster.body["nodePools"] if item["networkConfig"]["podRange"] == name]
        if users:
            raise bad(f'Pod secondary range "{name}" is in use by node pool "{users[0]}".')
        names.remove(name)
        cluster.hidden["ranges"].pop(name, None)
    if names:
        policy["additionalPodRangesConfig"] = {"podRangeNames": names}
    else:
        policy.pop("additionalPodRangesConfig", None)
    return "UPDATE_CLUSTER", None


Special = t.Callable[[Call, Resource, t.Any, Body], tuple[str, "Finish | None"]]
SPECIAL: dict[str, Special] = {
    "desiredL4ilbSubsettingConfig": l4_subsetting,
    "desiredIntraNodeVisibilityConfig": intra_node,
    "desiredDefaultEnablePrivateNodes": private_nodes,
    "desiredAddonsConfig": addons,
    "desiredReleaseChannel": release_channel,
    "desiredControlPlaneEndpointsConfig": control_plane,
    "desiredEnablePrivateEndpoint": private_endpoint,
    "desiredPrivateClusterConfig": private_cluster,
    "desiredMasterVersion": master_version,
    "desiredNodeVersion": node_version,
    "desiredImageType": image_type,
    "desiredNodePoolAutoscaling": pool_autoscaling,
    "desiredLocations": locations,
    "additionalPodRangesConfig": add_pod_ranges,
    "removedAdditionalPodRangesConfig": remove_pod_ranges,
}
