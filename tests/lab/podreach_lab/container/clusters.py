# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""container.projects.locations.clusters: create, get, list, delete."""

from __future__ import annotations

import copy
import re
import typing as t

from .. import cidr
from ..clock import container_time
from ..compute import allocation, networks, shared_vpc, subnetworks
from ..compute.common import base
from ..core import Call, method
from ..faults import ApiFault, not_ready
from ..links import CONTAINER_BASE, relative
from ..places import REGIONS, ZONES, zones_of
from ..state import Body, Phase, Resource
from . import node_pools, nodes, pod_ranges, versions
from .common import (
    CLUSTER,
    bad,
    begin,
    digest,
    find_cluster,
    idle,
    location_of,
    region_of,
    shown,
    touch,
    word,
)

NAME = re.compile(r"[a-z](?:[-a-z0-9]{0,38}[a-z0-9])?")


# ---- create


@method("container.projects.locations.clusters.create")
def create_cluster(call: Call) -> Body:
    location = location_of(call)
    if not call.body.get("cluster"):
        raise bad("Cluster is a required field.")
    wanted = call.lab.discovery.writable("container", "Cluster", call.body["cluster"])
    name = wanted.get("name", "")
    if not NAME.fullmatch(name):
        raise bad(
            f'Invalid value for field "cluster.name": "{name}". Must be a match of regex "{NAME.pattern}", at most '
            "40 characters."
        )
    path = f"projects/{call.project}/locations/{location}/clusters/{name}"
    if call.state.get(path):
        raise ApiFault(409, f"Already exists: {shown(path)}.", "alreadyExists")
    network = find_network(call, wanted)
    policy = wanted.setdefault("ipAllocationPolicy", {})
    subnetwork = find_subnetwork(call, wanted, network, region_of(location), policy)
    cluster = Resource(CLUSTER, path, {}, {"network": network.path}, Phase.CREATING)
    cluster.hidden |= {
        "subnetwork": subnetwork.path if subnetwork else "",
        "ranges": {},
        "made_ranges": [],
        "routes": bool(policy.get("useRoutes")),
        "made_subnetwork": bool(policy.get("createSubnetwork")),
    }
    body = cluster.body
    try:
        body |= skeleton(call, cluster, wanted, location)
        fill_versions(body, wanted)
    except ApiFault:
        give_back(call, cluster)
        raise
    fill_networking(body, wanted, network, subnetwork)
    body["nodePools"] = []
    try:
        pools = planned_pools(call, body, wanted)
        plan_addresses(call, cluster, wanted, network, subnetwork)
        fill_endpoint(call, cluster, wanted, subnetwork)
        check_private(body)
        for pool in pools:
            body["nodePools"].append(node_pools.complete(call, cluster, pool))
    except ApiFault:
        give_back(call, cluster)
        raise
    call.state.add(cluster)

    def finish() -> None:
        try:
            shared_vpc.check_agents(call.state, call.project, cluster.hidden["subnetwork"])
            settle(call, cluster, network, subnetwork)
            nodes.add_firewalls(call, cluster)
            for pool in body["nodePools"]:
                node_pools.start(call, cluster, pool)
        except ApiFault as fault:
            body["status"] = "ERROR"
            body["statusMessage"] = fault.message
            body["conditions"] = [{"canonicalCode": fault.status, "message": fault.message}]
            cluster.phase = Phase.READY
            raise
        body["status"] = "RUNNING"
        cluster.phase = Phase.READY

    return begin(call, cluster, "CREATE_CLUSTER", finish=finish, during="PROVISIONING")


def find_network(call: Call, wanted: Body) -> Resource:
    text = wanted.get("network") or "default"
    if "/" in text:
        shared_vpc.check_cluster(call, relative(text, call.project).split("/")[1])
    network = networks.find(call, text)
    if network is None:
        raise bad(f'Network "{text}" does not exist.')
    if network.phase is not Phase.READY:
        raise ApiFault(400, not_ready(network.path).message, "failedPrecondition", status="FAILED_PRECONDITION")
    if network.project != call.project:
        check_shared(wanted, network)
    return network


def check_shared(wanted: Body, network: Resource) -> None:
    """In a network of the host project GKE makes no ranges of its own: those of pods, and of services unless GKE
    manages them, must be there."""
    policy = wanted.get("ipAllocationPolicy", {})
    if networks.is_legacy(network) or policy.get("useRoutes"):
        raise bad("Clusters in a Shared VPC network must be VPC-native, and the network must not be a legacy network.")
    services = policy.get("servicesIpv4CidrBlock") or policy.get("servicesIpv4Cidr")
    asked = policy.get("createSubnetwork") or (services and services != pod_ranges.MANAGED_SERVICES)
    if asked or not policy.get("clusterSecondaryRangeName"):
        raise bad("Clusters in a Shared VPC network must use existing secondary ranges of the subnetwork, by name.")


def find_subnetwork(call: Call, wanted: Body, network: Resource, region: str, policy: Body) -> Resource | None:
    """The cluster's subnetwork; made here with createSubnetwork; None in a legacy network."""
    if policy.get("useRoutes") and policy.get("useIpAliases"):
        raise bad("ip_allocation_policy.use_ip_aliases and ip_allocation_policy.use_routes cannot both be set.")
    if networks.is_legacy(network):
        if not policy.get("useRoutes"):
            raise bad(f'Legacy network "{network.name}" does not support VPC-native clusters (IP aliases).')
        return None
    text = wanted.get("subnetwork", "")
    if policy.get("createSubnetwork"):
        if text:
            raise bad("cluster.subnetwork cannot be set when ip_allocation_policy.create_subnetwork is.")
        return make_subnetwork(call, wanted, network, region, policy)
    if not text:
        found = [
            item
            for item in networks.members(call.state, network.path, subnetworks.KIND)
            if subnetworks.region_of(item) == region
        ]
        if not networks.is_auto(network) or not found:
            raise bad(f'Network "{network.name}" is in custom subnet mode: a subnetwork must be specified.')
        return next((item for item in found if item.hidden.get("automatic")), found[0])
    path = relative(text, call.project) if "/" in text else ""
    if not path:
        path = subnetworks.path_of(network.project, region, text)
    subnetwork = call.state.get(path)
    if subnetwork is None or subnetwork.kind != subnetworks.KIND:
        raise bad(f'Subnetwork "{text}" does not exist in region "{region}" of network "{network.name}".')
    if subnetworks.region_of(subnetwork) != region:
        raise bad(f'Subnetwork "{text}" is not in the region "{region}" of the cluster.')
    if subnetwork.body["network"] != network.body["selfLink"]:
        raise bad(f'Subnetwork "{text}" is not valid for network "{network.name}".')
    if subnetwork.phase is not Phase.READY:
        raise ApiFault(400, not_ready(subnetwork.path).message, "failedPrecondition", status="FAILED_PRECONDITION")
    return subnetwork


def make_subnetwork(call: Call, wanted: Body, network: Resource, region: str, policy: Body) -> Resource:
    name = policy.get("subnetworkName") or f"gke-{wanted['name']}-subnet-{digest(network.path + wanted['name'])}"
    primary = pod_ranges.choose(call, network, policy.get("nodeIpv4CidrBlock", ""), 22, "nodeIpv4CidrBlock")
    path = subnetworks.path_of(network.project, region, name)
    if call.state.get(path):
        raise ApiFault(409, f"Already exists: {path}.", "alreadyExists")
    body = base(call, subnetworks.KIND, path) | {"name": name, "ipCidrRange": str(primary)}
    body |= subnetworks.filled(call, network, region, primary, {})
    resource = call.state.add(Resource(subnetworks.KIND, path, body))
    subnetworks.add_local_routes(call, resource)
    subnetworks.link_to_network(call.state, network)
    return resource


def skeleton(call: Call, cluster: Resource, wanted: Body, location: str) -> Body:
    """What the server fills in, over what was asked for."""
    zones = wanted.get("locations") or ([location] if location in ZONES else zones_of(location)[:3])
    for zone in zones:
        if ZONES.get(zone) != region_of(location):
            raise bad(f'Zone "{zone}" is not in the region of the cluster, "{region_of(location)}".')
    autopilot = wanted.get("autopilot", {}).get("enabled", False)
    if autopilot and location in ZONES:
        raise bad("Autopilot clusters must be regional clusters.")
    now = call.state.clock.now()
    filled: Body = {
        "id": call.state.new_hex(64),
        "status": "PROVISIONING",
        "createTime": container_time(now),
        "location": location,
        "zone": location,
        "locations": sorted(zones),
        "selfLink": f"{CONTAINER_BASE}projects/{call.project}/{word(location)}/{location}/clusters/{cluster.name}",
        "etag": call.state.new_hex(8),
        "labelFingerprint": label_fingerprint(wanted.get("resourceLabels", {})),
        "databaseEncryption": {"state": "DECRYPTED", "currentState": "CURRENT_STATE_DECRYPTED"},
        "loggingService": "logging.googleapis.com/kubernetes",
        "monitoringService": "monitoring.googleapis.com/kubernetes",
        "defaultMaxPodsConstraint": {"maxPodsPerNode": "32" if autopilot else "110"},
        "shieldedNodes": {"enabled": True},
        "nodePoolDefaults": {"nodeConfigDefaults": {}},
        "masterAuthorizedNetworksConfig": {},
        "legacyAbac": {},
        "addonsConfig": {"networkPolicyConfig": {"disabled": True}},
    }
    kept = copy.deepcopy(wanted)
    for key in ("nodePools", "initialNodeCount", "nodeConfig", "initialClusterVersion", "etag"):
        kept.pop(key, None)
    if autopilot:
        kept["autopilot"] = {"enabled": True} | wanted["autopilot"]
        kept["verticalPodAutoscaling"] = {"enabled": True}
    else:
        kept.setdefault("autopilot", {})
    return filled | kept


def label_fingerprint(labels: Body) -> str:
    return digest(repr(sorted(labels.items())))


def fill_versions(body: Body, wanted: Body) -> None:
    channel = wanted.get("releaseChannel", {}).get("channel", "")
    asked = wanted.get("initialClusterVersion", "")
    if not channel:
        channel = versions.channel_of(asked) if asked and asked not in ("-", "latest") else versions.DEFAULT_CHANNEL
    version = versions.resolve(asked, channel)
    if version is None:
        place = f' in the channel "{channel}"' if channel in versions.CHANNELS else ""
        raise bad(f'Master version "{asked}" is unsupported{place}.')
    if channel in versions.CHANNELS:
        body["releaseChannel"] = {"channel": channel}
    else:
        body.pop("releaseChannel", None)
    body["initialClusterVersion"] = version
    body["currentMasterVersion"] = version
    body["currentNodeVersion"] = version


def fill_networking(body: Body, wanted: Body, network: Resource, subnetwork: Resource | None) -> None:
    same = network.project == body["selfLink"].split("/")[5]
    body["network"] = network.name if same else network.path
    config = copy.deepcopy(wanted.get("networkConfig", {}))
    config["network"] = network.path
    if subnetwork:
        body["subnetwork"] = subnetwork.name if same else subnetwork.path
        config["subnetwork"] = subnetwork.path
    if wanted.get("autopilot", {}).get("enabled"):
        config["datapathProvider"] = "ADVANCED_DATAPATH"
    config.setdefault("datapathProvider", "LEGACY_DATAPATH")
    config.setdefault("defaultSnatStatus", {})
    body["networkConfig"] = config


def check_private(body: Body) -> None:
    snat = body["networkConfig"]["defaultSnatStatus"].get("disabled")
    if snat and "useRoutes" in body["ipAllocationPolicy"]:
        raise bad("Default SNAT can only be disabled on VPC-native clusters (with IP aliases).")


def planned_pools(call: Call, body: Body, wanted: Body) -> list[Body]:
    """The pools of a new cluster: the given ones, or one from the deprecated top-level fields."""
    pools = wanted.get("nodePools", [])
    autopilot = body["autopilot"].get("enabled")
    if len(pools) > 1 and autopilot:  # gcloud container clusters create-auto does send one
        raise bad("Node pools cannot be specified for Autopilot clusters.")
    if pools and ("initialNodeCount" in wanted or "nodeConfig" in wanted):
        raise bad("cluster.initial_node_count and cluster.node_config cannot be set together with cluster.node_pools.")
    if pools:
        names = [item.get("name") for item in pools]
        if len(set(names)) != len(names):
            raise bad("Node pool names must be unique within the cluster.")
        return [copy.deepcopy(item) for item in pools]
    if autopilot:
        return [{"name": "default-pool", "initialNodeCount": 1, "maxPodsConstraint": {"maxPodsPerNode": "32"}}]
    count = wanted.get("initialNodeCount", 0)
    if count < 1:
        raise bad("Cluster.initial_node_count must be greater than zero.")
    return [{"name": "default-pool", "initialNodeCount": count, "config": copy.deepcopy(wanted.get("nodeConfig", {}))}]


def plan_addresses(call: Call, cluster: Resource, wanted: Body, network: Resource, subnetwork: Resource | None) -> None:
    """Decide the pod and services ranges. Ranges that GKE makes are made now, so that nobody else takes them."""
    policy, body = wanted["ipAllocationPolicy"], cluster.body
    block = policy.get("clusterIpv4CidrBlock") or policy.get("clusterIpv4Cidr") or ""
    if block and wanted.get("clusterIpv4Cidr"):
        raise bad("cluster.cluster_ipv4_cidr and ip_allocation_policy.cluster_ipv4_cidr_block cannot both be set.")
    if cluster.hidden["routes"]:
        for name in ("clusterSecondaryRangeName", "servicesSecondaryRangeName", "servicesIpv4CidrBlock"):
            if policy.get(name):
                raise bad(f"ip_allocation_policy.{name} requires ip_allocation_policy.use_ip_aliases.")
        space = pod_ranges.choose(
            call, network, wanted.get("clusterIpv4Cidr", "") or block, pod_ranges.DEFAULT_ROUTES_PODS, "clusterIpv4Cidr"
        )
        if space.prefixlen >= pod_ranges.ROUTES_SERVICES:
            raise bad(f"The cluster range {space} is too small: its last /20 holds the services, and no node fits.")
        services = list(space.subnets(new_prefix=pod_ranges.ROUTES_SERVICES))[-1]
        body["clusterIpv4Cidr"], body["servicesIpv4Cidr"] = str(space), str(services)
        body["nodeIpv4CidrSize"] = pod_ranges.ROUTES_NODE
        body["ipAllocationPolicy"] = {
            "useRoutes": True,
            "clusterIpv4Cidr": str(space),
            "clusterIpv4CidrBlock": str(space),
            "servicesIpv4Cidr": str(services),
            "servicesIpv4CidrBlock": str(services),
            "stackType": "IPV4",
        }
        return
    assert subnetwork is not None
    policy.setdefault("useIpAliases", True)
    if policy["useIpAliases"] is False:
        raise bad("ip_allocation_policy.use_ip_aliases is false: set use_routes for a routes-based cluster.")
    pods = policy.get("clusterSecondaryRangeName")
    services_name = policy.get("servicesSecondaryRangeName")
    if pods and pods == services_name:
        raise bad(f"Pod secondary range name ({pods}) should not be the same as service secondary range name.")
    if pods and (block or wanted.get("clusterIpv4Cidr")):
        raise bad("A pod range is given by its secondary range name or by a CIDR block, not by both.")
    if services_name and (policy.get("servicesIpv4CidrBlock") or policy.get("servicesIpv4Cidr")):
        raise bad("A services range is given by its secondary range name or by a CIDR block, not by both.")
    if (pods or services_name) and policy.get("createSubnetwork"):
        raise bad("Secondary range names require ip_allocation_policy.create_subnetwork to be false.")
    pod_cidr, service_cidr = "", ""
    made: list[tuple[str, cidr.Range]] = []
    if pods:
        if subnetwork and pods in subnetworks.secondary(subnetwork):
            pod_ranges.claim(call, None, subnetwork, pods, "pods")
        pod_cidr = subnetworks.secondary(subnetwork).get(pods, "")
    else:
        default = pod_ranges.DEFAULT_PODS_AUTOPILOT if body["autopilot"].get("enabled") else pod_ranges.DEFAULT_PODS
        text = block or wanted.get("clusterIpv4Cidr", "")
        found = pod_ranges.choose(call, network, text, default, "clusterIpv4CidrBlock")
        pods, pod_cidr = pod_ranges.made_name(cluster.name, "pods", body["id"]), str(found)
        made.append((pods, found))
    service_text = policy.get("servicesIpv4CidrBlock") or policy.get("servicesIpv4Cidr") or ""
    if services_name:
        if services_name in subnetworks.secondary(subnetwork):
            pod_ranges.claim(call, None, subnetwork, services_name, "services")
        service_cidr = subnetworks.secondary(subnetwork).get(services_name, "")
    elif service_text and service_text != pod_ranges.MANAGED_SERVICES:
        make_ranges(call, cluster, subnetwork, made)
        made_services = pod_ranges.choose(call, network, service_text, 20, "servicesIpv4CidrBlock")
        services_name = pod_ranges.made_name(cluster.name, "services", body["id"])
        service_cidr = str(made_services)
        made.append((services_name, made_services))
    else:
        service_cidr = pod_ranges.MANAGED_SERVICES
    make_ranges(call, cluster, subnetwork, made)
    cluster.hidden["ranges"] = {pods: "pods"} | ({services_name: "services"} if services_name else {})
    result: Body = {
        "useIpAliases": True,
        "clusterSecondaryRangeName": pods,
        "stackType": policy.get("stackType", "IPV4"),
        "podCidrOverprovisionConfig": policy.get("podCidrOverprovisionConfig", {}),
    }
    if services_name:
        result["servicesSecondaryRangeName"] = services_name
    body["ipAllocationPolicy"] = result
    mirror(body, pod_cidr, service_cidr)


def make_ranges(call: Call, cluster: Resource, subnetwork: Resource, made: list[tuple[str, cidr.Range]]) -> None:
    """Make those that are not there yet, and note them so that they can be given back."""
    have = subnetworks.secondary(subnetwork)
    for name, found in made:
        if name not in have:
            pod_ranges.make_range(call, subnetwork, name, found)
            cluster.hidden["made_ranges"].append(name)


def mirror(body: Body, pods: str, services: str) -> None:
    """The same two ranges appear in four places each."""
    policy = body["ipAllocationPolicy"]
    for what, text in (("cluster", pods), ("services", services)):
        if text:
            body[f"{what}Ipv4Cidr"] = policy[f"{what}Ipv4Cidr"] = policy[f"{what}Ipv4CidrBlock"] = text


def settle(call: Call, cluster: Resource, network: Resource, subnetwork: Resource | None) -> None:
    """At the end of creation: named ranges must exist by now."""
    if cluster.hidden["routes"] or subnetwork is None:
        return
    policy = cluster.body["ipAllocationPolicy"]
    pods = pod_ranges.secondary_range(call, subnetwork, network, policy["clusterSecondaryRangeName"])
    services = cluster.body.get("servicesIpv4Cidr", "")
    if "servicesSecondaryRangeName" in policy:
        services = pod_ranges.secondary_range(call, subnetwork, network, policy["servicesSecondaryRangeName"])
    mirror(cluster.body, pods, services)


def fill_endpoint(call: Call, cluster: Resource, wanted: Body, subnetwork: Resource | None) -> None:
    body = cluster.body
    endpoint = call.lab.authority.next_endpoint()
    body["masterAuth"] = {"clusterCaCertificate": call.lab.authority.certificate_base64()} | {
        key: value for key, value in wanted.get("masterAuth", {}).items() if key == "clientCertificateConfig"
    }
    private = copy.deepcopy(wanted.get("privateClusterConfig", {}))
    plane = copy.deepcopy(wanted.get("controlPlaneEndpointsConfig", {}))
    ip_endpoints = plane.setdefault("ipEndpointsConfig", {})
    ip_endpoints.setdefault("enabled", True)
    if "enablePublicEndpoint" not in ip_endpoints:
        ip_endpoints["enablePublicEndpoint"] = not private.get("enablePrivateEndpoint", False)
    private["enablePrivateEndpoint"] = not ip_endpoints["enablePublicEndpoint"]
    internal = None
    if private.get("masterIpv4CidrBlock"):
        try:
            internal = str(cidr.parse(private["masterIpv4CidrBlock"], "masterIpv4CidrBlock")[2])
        except ApiFault as fault:
            raise bad(fault.message) from None
        if cidr.Range(private["masterIpv4CidrBlock"]).prefixlen != 28:
            raise bad(f"Invalid masterIpv4CidrBlock: {private['masterIpv4CidrBlock']}. It must be a /28.")
    elif subnetwork is not None:
        # from the other end than the nodes', whose addresses people like to know beforehand
        internal = allocation.free(call.state, allocation.of_subnetwork(subnetwork), highest=True)
    private["publicEndpoint"] = endpoint
    ip_endpoints["publicEndpoint"] = endpoint
    if internal:
        private["privateEndpoint"] = ip_endpoints["privateEndpoint"] = internal
    nodes_private = private.get("enablePrivateNodes", body["networkConfig"].get("defaultEnablePrivateNodes", False))
    if nodes_private:
        private["enablePrivateNodes"] = True
        body["networkConfig"]["defaultEnablePrivateNodes"] = True
    if wanted.get("masterAuthorizedNetworksConfig"):
        ip_endpoints["authorizedNetworksConfig"] = copy.deepcopy(wanted["masterAuthorizedNetworksConfig"])
    elif ip_endpoints.get("authorizedNetworksConfig"):
        body["masterAuthorizedNetworksConfig"] = copy.deepcopy(ip_endpoints["authorizedNetworksConfig"])
    plane.setdefault("dnsEndpointConfig", {})["endpoint"] = (
        f"gke-{digest(body['id'], 28)}-{call.state.projects[call.project]}.{region_of(body['location'])}.gke.goog"
    )
    body["privateClusterConfig"] = private
    body["controlPlaneEndpointsConfig"] = plane
    body["endpoint"] = endpoint


# ---- read


@method("container.projects.locations.clusters.get")
def get_cluster(call: Call) -> Body:
    return find_cluster(call).body


@method("container.projects.locations.clusters.list")
def list_clusters(call: Call) -> Body:
    location = call.params["locationsId"]
    if location != "-" and location not in REGIONS and location not in ZONES:
        raise bad(f'Location "{location}" does not exist.')
    found = [
        item.body for item in call.state.of_kind(CLUSTER, call.project) if location in ("-", item.body["location"])
    ]
    return {"clusters": sorted(found, key=lambda item: str(item["name"]))} if found else {}


# ---- delete


@method("container.projects.locations.clusters.delete")
def delete_cluster(call: Call) -> Body:
    cluster = find_cluster(call)
    idle(call, cluster)
    cluster.phase = Phase.DELETING

    def finish() -> None:
        for pool in cluster.body["nodePools"]:
            nodes.remove_pool(call, cluster, pool["name"])
        nodes.remove_firewalls(call, cluster)
        call.state.remove(cluster.path)
        give_back(call, cluster)

    return begin(call, cluster, "DELETE_CLUSTER", finish=finish, during="STOPPING")


def give_back(call: Call, cluster: Resource) -> None:
    """Remove the secondary ranges and the subnetwork that GKE made for a cluster that is gone, or never came to be."""
    subnetwork = call.state.get(cluster.hidden["subnetwork"])
    if subnetwork is None:
        return
    pod_ranges.drop_ranges(call, subnetwork, cluster.hidden["made_ranges"])
    if cluster.hidden["made_subnetwork"] and not subnetworks.user_of(call.state, subnetwork):
        for route in subnetwork.hidden.get("routes", {}).values():
            call.state.remove(route.path)
        call.state.remove(subnetwork.path)
        network = call.state.get(cluster.hidden["network"])
        if network is not None:
            subnetworks.link_to_network(call.state, network)


@method("container.projects.locations.clusters.setResourceLabels")
def set_labels(call: Call) -> Body:
    cluster = find_cluster(call)
    idle(call, cluster)
    if call.body.get("labelFingerprint") != cluster.body["labelFingerprint"]:
        raise ApiFault(
            412, "Labels could not be set due to fingerprint mismatch.", "conditionNotMet", status="FAILED_PRECONDITION"
        )
    labels = t.cast(Body, call.body.get("resourceLabels", {}))
    if labels:
        cluster.body["resourceLabels"] = labels
    else:
        cluster.body.pop("resourceLabels", None)
    cluster.body["labelFingerprint"] = label_fingerprint(labels)
    touch(call, cluster)
    return begin(call, cluster, "UPDATE_CLUSTER")
