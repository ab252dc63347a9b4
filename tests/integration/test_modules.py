# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The twelve cases of every module: create, modify and delete, each in check mode, for real, again, and verified.

Every module runs by both paths: in the controller, and in a process of its own. One playbook holds all cases of one
module and one path; the callback ``record`` reads the lab's API after each task.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.integration.api import (
    CLUSTERS,
    COMPUTE,
    FIREWALLS,
    MARKER,
    NETWORK,
    PROJECT,
    REGION,
    ROUTERS,
    SUBNETWORKS,
    ZONE,
    Api,
    Json,
)
from ansible_collections.podreach.gke.tests.integration.playbooks import PATHS, Playbooks, Record, Run, play, task
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

PREFIX = "https://www.googleapis.com/compute/v1/"


@dataclasses.dataclass(frozen=True)
class Row:
    """One module: where its resource is, what it is created and modified with, and what the API must then show."""

    module: str
    path: str
    create: Json
    created: Json
    modify: Json | None
    modified: Json
    #: what tells which resource is to be deleted
    absent: Json
    #: what must be there beforehand
    before: t.Callable[[Api], None] = lambda api: None

    @property
    def verbs(self) -> list[str]:
        """Nothing of some resources can be modified."""
        return ["create", "modify", "delete"] if self.modify else ["create", "delete"]

    @property
    def order(self) -> list[str]:
        return [f"{verb}-{how}" for verb in self.verbs for how in ("check", "real", "again")]


def ranges(*pairs: tuple[str, str]) -> list[Json]:
    return [{"rangeName": name, "ipCidrRange": cidr} for name, cidr in pairs]


def options(*pairs: tuple[str, str]) -> list[Json]:
    return [{"range_name": name, "ip_cidr_range": cidr} for name, cidr in pairs]


def with_network(api: Api) -> None:
    api.network()


def with_subnetwork(api: Api) -> None:
    api.network()
    api.subnetwork(ranges={"pod": "10.1.128.0/19", "svc": "10.1.160.0/22", "more": "10.2.0.0/20"})


def with_address(api: Api) -> None:
    """A subnetwork, and in it the reserved address proxy."""
    with_subnetwork(api)
    where = f"projects/{PROJECT}/regions/{REGION}/subnetworks/s1"
    body = {"name": "proxy", "addressType": "INTERNAL", "subnetwork": where, "address": "10.1.0.20"}
    api.post(f"{COMPUTE}/regions/{REGION}/addresses", body)


def with_vpn(api: Api) -> None:
    """What a tunnel stands on."""
    api.network()
    api.router()
    api.vpn_gateway()
    api.external_vpn_gateway()


def with_cluster(api: Api) -> None:
    with_subnetwork(api)
    api.cluster(marked=False)


def with_template(api: Api) -> None:
    """What a group of machines is made of, and what lets Google's checkers in."""
    with_subnetwork(api)
    for name in ("t1", "t2"):
        api.template(name)
    api.health_check("alive", where="global")
    api.firewall(allowed=[{"IPProtocol": "tcp"}], sourceRanges=["130.211.0.0/22", "35.191.0.0/16"])


def with_groups(api: Api) -> None:
    """What stands behind a load balancer: a regional group and one of a zone."""
    with_subnetwork(api)
    api.template()
    api.health_check()
    api.managed_group("m1")
    api.managed_group("m2", where=f"zones/{ZONE}")


def with_service(api: Api) -> None:
    with_subnetwork(api)
    api.health_check()
    api.backend_service()
    where = f"projects/{PROJECT}/regions/{REGION}/subnetworks/s1"
    reserved = {"name": "a1", "addressType": "INTERNAL", "subnetwork": where, "address": "10.1.0.77"}
    api.post(f"{REGIONAL}/addresses", reserved)


REGIONAL = f"{COMPUTE}/regions/{REGION}"
DEBIAN = "projects/debian-cloud/global/images/family/debian-12"
GROUPS = f"{PREFIX}projects/{PROJECT}/regions/{REGION}/instanceGroups"
TUNNEL: Json = {
    "name": "t1",
    "region": REGION,
    "vpn_gateway": "g1",
    "vpn_gateway_interface": 0,
    "peer_external_gateway": "e1",
    "peer_external_gateway_interface": 0,
    "router": "r1",
    "shared_secret": "a.secret_of_the_tests",
}
ROWS = [
    Row(
        "network",
        f"{COMPUTE}/global/networks/n1",
        {"name": "n1", "description": "To AWS.", "mtu": 1500},
        {
            "description": f"To AWS. {MARKER}",
            "mtu": 1500,
            "autoCreateSubnetworks": False,
            "routingConfig": {"routingMode": "REGIONAL"},
        },
        {"name": "n1", "routing_config": {"routing_mode": "GLOBAL"}},
        {"description": f"To AWS. {MARKER}", "mtu": 1500, "routingConfig": {"routingMode": "GLOBAL"}},
        {"name": "n1"},
    ),
    Row(
        "subnetwork",
        f"{SUBNETWORKS}/s1",
        {
            "name": "s1",
            "region": REGION,
            "network": "n1",
            "ip_cidr_range": "10.1.1.0/24",
            "secondary_ip_ranges": options(("pod", "10.1.128.0/19"), ("svc", "10.1.160.0/22")),
        },
        {
            "network": f"{PREFIX}{NETWORK}/n1",
            "ipCidrRange": "10.1.1.0/24",
            "description": MARKER,
            "privateIpGoogleAccess": False,
            "secondaryIpRanges": ranges(("pod", "10.1.128.0/19"), ("svc", "10.1.160.0/22")),
        },
        # grows, takes one more range and keeps those that are not mentioned, and one more call for a switch
        {
            "name": "s1",
            "region": REGION,
            "ip_cidr_range": "10.1.0.0/23",
            "private_ip_google_access": True,
            "secondary_ip_ranges": options(("more", "10.2.0.0/20")),
        },
        {
            "ipCidrRange": "10.1.0.0/23",
            "privateIpGoogleAccess": True,
            "secondaryIpRanges": ranges(("pod", "10.1.128.0/19"), ("svc", "10.1.160.0/22"), ("more", "10.2.0.0/20")),
        },
        {"name": "s1", "region": REGION},
        with_network,
    ),
    Row(
        "firewall_rule",
        f"{FIREWALLS}/f1",
        {
            "name": "f1",
            "network": "n1",
            "allowed": [{"ip_protocol": "tcp", "ports": ["443", "80"]}],
            "source_ranges": ["10.0.0.0/16"],
        },
        {
            "network": f"{PREFIX}{NETWORK}/n1",
            "direction": "INGRESS",
            "priority": 1000,
            "description": MARKER,
            "allowed": [{"IPProtocol": "tcp", "ports": ["443", "80"]}],
            "sourceRanges": ["10.0.0.0/16"],
        },
        {
            "name": "f1",
            "source_ranges": ["172.31.0.0/16"],
            "allowed": [{"ip_protocol": "icmp"}],
            "log_config": {"enable": True},
        },
        {
            "allowed": [{"IPProtocol": "tcp", "ports": ["443", "80"]}, {"IPProtocol": "icmp"}],
            "sourceRanges": ["10.0.0.0/16", "172.31.0.0/16"],
            "logConfig": {"enable": True},
        },
        {"name": "f1"},
        with_network,
    ),
    Row(
        "router",
        f"{ROUTERS}/r1",
        {"name": "r1", "region": REGION, "network": "n1", "bgp": {"asn": 65010}},
        {"network": f"{PREFIX}{NETWORK}/n1", "description": MARKER, "bgp": {"asn": 65010, "advertiseMode": "DEFAULT"}},
        {
            "name": "r1",
            "region": REGION,
            "bgp": {
                "advertise_mode": "CUSTOM",
                "advertised_groups": ["ALL_SUBNETS"],
                "advertised_ip_ranges": [{"range": "10.64.0.0/16", "description": "more"}],
            },
        },
        {
            "bgp": {
                "asn": 65010,
                "advertiseMode": "CUSTOM",
                "advertisedGroups": ["ALL_SUBNETS"],
                "advertisedIpRanges": [{"range": "10.64.0.0/16", "description": "more"}],
            }
        },
        {"name": "r1", "region": REGION},
        with_network,
    ),
    Row(
        "vpn_gateway",
        f"{REGIONAL}/vpnGateways/g1",
        {"name": "g1", "region": REGION, "network": "n1", "stack_type": "IPV4_ONLY"},
        {"network": f"{PREFIX}{NETWORK}/n1", "description": MARKER, "stackType": "IPV4_ONLY"},
        None,
        {},
        {"name": "g1", "region": REGION},
        with_network,
    ),
    Row(
        "external_vpn_gateway",
        f"{COMPUTE}/global/externalVpnGateways/e1",
        {
            "name": "e1",
            "interfaces": [{"id": 0, "ip_address": "203.0.113.1"}, {"id": 1, "ip_address": "203.0.113.2"}],
        },
        {
            "description": MARKER,
            "redundancyType": "TWO_IPS_REDUNDANCY",
            "interfaces": [{"id": 0, "ipAddress": "203.0.113.1"}, {"id": 1, "ipAddress": "203.0.113.2"}],
        },
        # nothing of it can be changed: it is made anew
        {"name": "e1", "interfaces": [{"id": 0, "ip_address": "203.0.113.9"}], "confirm_replace": "e1"},
        {
            "description": MARKER,
            "redundancyType": "SINGLE_IP_INTERNALLY_REDUNDANT",
            "interfaces": [{"id": 0, "ipAddress": "203.0.113.9"}],
        },
        {"name": "e1"},
    ),
    Row(
        "vpn_tunnel",
        f"{REGIONAL}/vpnTunnels/t1",
        TUNNEL,
        {
            "description": MARKER,
            "vpnGateway": f"{PREFIX}projects/{PROJECT}/regions/{REGION}/vpnGateways/g1",
            "vpnGatewayInterface": 0,
            "peerExternalGateway": f"{PREFIX}projects/{PROJECT}/global/externalVpnGateways/e1",
            "peerExternalGatewayInterface": 0,
            "peerIp": "203.0.113.1",
            "ikeVersion": 2,
        },
        {**TUNNEL, "peer_external_gateway_interface": 1, "confirm_replace": "t1"},
        {"description": MARKER, "peerExternalGatewayInterface": 1, "peerIp": "203.0.113.2", "ikeVersion": 2},
        {"name": "t1", "region": REGION},
        with_vpn,
    ),
    Row(
        "instance",
        f"{COMPUTE}/zones/{ZONE}/instances/i1",
        {
            "name": "i1",
            "zone": ZONE,
            "machine_type": "e2-small",
            "boot_disk": {"image": DEBIAN, "size_gb": 10, "type": "pd-balanced"},
            "network_interfaces": [{"subnetwork": "s1", "network_ip": "proxy"}],
            "tags": ["proxy"],
            "labels": {"role": "proxy"},
            "metadata": {"startup-script": "#!/bin/sh\nexit 0\n", "enable-oslogin": True},
            "service_account": {"email": "default"},
            "deletion_protection": True,
        },
        {
            "description": MARKER,
            "status": "RUNNING",
            "machineType": f"{PREFIX}projects/{PROJECT}/zones/{ZONE}/machineTypes/e2-small",
            "canIpForward": False,
            "tags": {"items": ["proxy"]},
            "labels": {"role": "proxy"},
            "metadata": {
                "items": [
                    {"key": "startup-script", "value": "#!/bin/sh\nexit 0\n"},
                    {"key": "enable-oslogin", "value": "TRUE"},
                ]
            },
            "networkInterfaces": [
                {
                    "networkIP": "10.1.0.20",
                    "subnetwork": f"{PREFIX}projects/{PROJECT}/regions/{REGION}/subnetworks/s1",
                    "accessConfigs": None,
                }
            ],
            "deletionProtection": True,
        },
        # each by a call of its own; what is not mentioned stays
        {
            "name": "i1",
            "zone": ZONE,
            "tags": ["web"],
            "labels": {"team": "network"},
            "metadata": {"startup-script": "#!/bin/sh\nexit 1\n"},
            "network_interfaces": [{"subnetwork": "s1", "network_ip": "10.1.0.20", "external_address": False}],
            "deletion_protection": False,
        },
        {
            "tags": {"items": ["proxy", "web"]},
            "labels": {"role": "proxy", "team": "network"},
            "metadata": {
                "items": [
                    {"key": "enable-oslogin", "value": "TRUE"},
                    {"key": "startup-script", "value": "#!/bin/sh\nexit 1\n"},
                ]
            },
            "deletionProtection": False,
        },
        {"name": "i1", "zone": ZONE},
        with_address,
    ),
    Row(
        "instance_template",
        f"{COMPUTE}/global/instanceTemplates/it1",
        {
            "name": "it1",
            "region": REGION,
            "machine_type": "e2-small",
            "boot_disk": {"image": DEBIAN, "size_gb": 10, "type": "pd-balanced"},
            "network_interfaces": [{"subnetwork": "s1"}],
            "tags": ["proxy"],
            "labels": {"role": "proxy"},
            "metadata": {"startup-script": "#!/bin/sh\n"},
            "can_ip_forward": True,
            "service_account": {"email": "default"},
        },
        {
            "description": MARKER,
            "properties": {
                "machineType": "e2-small",
                "canIpForward": True,
                "tags": {"items": ["proxy"]},
                "labels": {"role": "proxy"},
                "metadata": {"items": [{"key": "startup-script", "value": "#!/bin/sh\n"}]},
                "disks": [
                    {
                        "boot": True,
                        "autoDelete": True,
                        "initializeParams": {"sourceImage": DEBIAN, "diskSizeGb": "10", "diskType": "pd-balanced"},
                    }
                ],
                "networkInterfaces": [
                    {"subnetwork": f"{PREFIX}projects/{PROJECT}/regions/{REGION}/subnetworks/s1"},
                ],
            },
        },
        None,
        {},
        {"name": "it1"},
        with_subnetwork,
    ),
    Row(
        "address",
        f"{REGIONAL}/addresses/a1",
        {
            "name": "a1",
            "region": REGION,
            "subnetwork": "s1",
            "address": "10.1.0.77",
            "purpose": "SHARED_LOADBALANCER_VIP",
        },
        {
            "description": MARKER,
            "address": "10.1.0.77",
            "addressType": "INTERNAL",
            "purpose": "SHARED_LOADBALANCER_VIP",
            "status": "RESERVED",
            "subnetwork": f"{PREFIX}projects/{PROJECT}/regions/{REGION}/subnetworks/s1",
        },
        None,
        {},
        {"name": "a1", "region": REGION},
        with_subnetwork,
    ),
    Row(
        "health_check",
        f"{REGIONAL}/healthChecks/h1",
        {
            "name": "h1",
            "region": REGION,
            "http_health_check": {"request_path": "/health"},
            "check_interval_sec": 10,
        },
        {
            "description": MARKER,
            "type": "HTTP",
            "httpHealthCheck": {"port": 80, "requestPath": "/health"},
            "checkIntervalSec": 10,
            "timeoutSec": 5,
            "unhealthyThreshold": 2,
        },
        {
            "name": "h1",
            "region": REGION,
            "description": "Slower.",
            "http_health_check": {"port": 8080},
            "unhealthy_threshold": 3,
            "allow_disruption": True,
        },
        {
            "description": f"Slower. {MARKER}",
            "httpHealthCheck": {"port": 8080, "requestPath": "/health"},
            "checkIntervalSec": 10,
            "unhealthyThreshold": 3,
        },
        {"name": "h1", "region": REGION},
    ),
    Row(
        "instance_group_manager",
        f"{REGIONAL}/instanceGroupManagers/m1",
        {
            "name": "m1",
            "region": REGION,
            "instance_template": "t1",
            "target_size": 1,
            "base_instance_name": "web",
            "distribution_policy": {"zones": [ZONE, f"{REGION}-b"]},
        },
        {
            "description": MARKER,
            "baseInstanceName": "web",
            "instanceTemplate": f"{PREFIX}projects/{PROJECT}/global/instanceTemplates/t1",
            "targetSize": 1,
            "status": {"isStable": True},
        },
        {
            "name": "m1",
            "region": REGION,
            "instance_template": "t2",
            "target_size": 2,
            "auto_healing_policies": [{"health_check": "alive", "initial_delay_sec": 60}],
            "allow_disruption": True,
        },
        {
            "description": MARKER,
            "instanceTemplate": f"{PREFIX}projects/{PROJECT}/global/instanceTemplates/t2",
            "targetSize": 2,
            "autoHealingPolicies": [
                {"healthCheck": f"{PREFIX}projects/{PROJECT}/global/healthChecks/alive", "initialDelaySec": 60}
            ],
            "status": {"isStable": True, "versionTarget": {"isReached": False}},
        },
        {"name": "m1", "region": REGION},
        with_template,
    ),
    Row(
        "backend_service",
        f"{REGIONAL}/backendServices/b1",
        {"name": "b1", "region": REGION, "health_checks": ["h1"], "backends": [{"group": "m1"}]},
        {
            "description": MARKER,
            "loadBalancingScheme": "INTERNAL",
            "protocol": "TCP",
            "backends": [{"group": f"{GROUPS}/m1", "balancingMode": "CONNECTION"}],
            "healthChecks": [f"{PREFIX}projects/{PROJECT}/regions/{REGION}/healthChecks/h1"],
        },
        {
            "name": "b1",
            "region": REGION,
            # by what manages it, as the module that makes it names it
            "backends": [{"group": f"zones/{ZONE}/instanceGroupManagers/m2", "failover": True}],
            "connection_draining": {"draining_timeout_sec": 60},
        },
        {
            "backends": [
                {"group": f"{GROUPS}/m1"},
                {"group": f"{PREFIX}projects/{PROJECT}/zones/{ZONE}/instanceGroups/m2", "failover": True},
            ],
            "connectionDraining": {"drainingTimeoutSec": 60},
        },
        {"name": "b1", "region": REGION},
        with_groups,
    ),
    Row(
        "forwarding_rule",
        f"{REGIONAL}/forwardingRules/f1",
        {
            "name": "f1",
            "region": REGION,
            "subnetwork": "s1",
            "ip_address": "a1",
            "ports": [80, 443],
            "backend_service": "b1",
        },
        {
            "description": MARKER,
            "loadBalancingScheme": "INTERNAL",
            "IPAddress": "10.1.0.77",
            "IPProtocol": "TCP",
            "ports": ["80", "443"],
            "allowGlobalAccess": False,
            "network": f"{PREFIX}{NETWORK}/n1",
            "backendService": f"{PREFIX}projects/{PROJECT}/regions/{REGION}/backendServices/b1",
        },
        {"name": "f1", "region": REGION, "ip_address": "a1", "ports": [443, 80], "allow_global_access": True},
        {"IPAddress": "10.1.0.77", "ports": ["80", "443"], "allowGlobalAccess": True},
        {"name": "f1", "region": REGION},
        with_service,
    ),
    Row(
        "cluster",
        f"{CLUSTERS}/c1",
        {
            "name": "c1",
            "location": ZONE,
            "network": "n1",
            "subnetwork": "s1",
            "ip_allocation_policy": {"cluster_secondary_range_name": "pod", "services_secondary_range_name": "svc"},
            "node_pools": [{"name": "default-pool", "node_count": 1, "config": {"machine_type": "e2-medium"}}],
        },
        {
            "network": "n1",
            "subnetwork": "s1",
            "status": "RUNNING",
            "resourceLabels": {"managed-by": "podreach-gke"},
            "ipAllocationPolicy": {
                "useIpAliases": True,
                "clusterSecondaryRangeName": "pod",
                "servicesSecondaryRangeName": "svc",
                "clusterIpv4CidrBlock": "10.1.128.0/19",
            },
            "nodePools": [{"name": "default-pool", "initialNodeCount": 1, "config": {"machineType": "e2-medium"}}],
        },
        {
            "name": "c1",
            "location": ZONE,
            "resource_labels": {"team": "network"},
            "ip_allocation_policy": {"additional_pod_ranges_config": {"pod_range_names": ["more"]}},
            "master_authorized_networks_config": {"cidr_blocks": [{"cidr_block": "10.0.0.0/8"}]},
            "release_channel": {"channel": "STABLE"},
            "allow_disruption": True,
        },
        {
            "resourceLabels": {"managed-by": "podreach-gke", "team": "network"},
            "ipAllocationPolicy": {"additionalPodRangesConfig": {"podRangeNames": ["more"]}},
            "masterAuthorizedNetworksConfig": {"enabled": True, "cidrBlocks": [{"cidrBlock": "10.0.0.0/8"}]},
            "releaseChannel": {"channel": "STABLE"},
        },
        {"name": "c1", "location": ZONE, "deletion_protection": False},
        with_subnetwork,
    ),
    Row(
        "node_pool",
        f"{CLUSTERS}/c1/nodePools/p2",
        {
            "name": "p2",
            "cluster": "c1",
            "location": ZONE,
            "node_count": 1,
            "config": {"machine_type": "e2-small"},
            "management": {"auto_repair": True, "auto_upgrade": True},
            "max_pods_constraint": {"max_pods_per_node": 64},
        },
        {
            "status": "RUNNING",
            "initialNodeCount": 1,
            "management": {"autoRepair": True, "autoUpgrade": True},
            "config": {"machineType": "e2-small", "resourceLabels": {"managed-by": "podreach-gke"}},
            "maxPodsConstraint": {"maxPodsPerNode": "64"},
        },
        {
            "name": "p2",
            "cluster": "c1",
            "location": ZONE,
            "initial_node_count": 1,
            "autoscaling": {"min_node_count": 1, "max_node_count": 3},
            "upgrade_settings": {"max_surge": 2},
        },
        {"autoscaling": {"enabled": True, "minNodeCount": 1, "maxNodeCount": 3}, "upgradeSettings": {"maxSurge": 2}},
        {"name": "p2", "cluster": "c1", "location": ZONE},
        with_cluster,
    ),
    Row(
        "resource_set",
        f"{SUBNETWORKS}/s1",
        {
            "defaults": {"network": "n1", "region": REGION},
            "networks": [{"name": "n1"}],
            "subnetworks": [{"name": "s1", "ip_cidr_range": "10.1.1.0/24"}],
            "routers": [
                {
                    "name": "r1",
                    "bgp": {"asn": 65010},
                    "interfaces": [{"name": "i1", "ip_range": "169.254.24.222/30", "linked_vpn_tunnel": "t1"}],
                    "bgp_peers": [
                        {
                            "name": "p1",
                            "interface_name": "i1",
                            "peer_ip_address": "169.254.24.221",
                            "peer_asn": 64512,
                        }
                    ],
                }
            ],
            "vpn_gateways": [{"name": "g1"}],
            "external_vpn_gateways": [{"name": "e1", "interfaces": [{"id": 0, "ip_address": "203.0.113.1"}]}],
            "vpn_tunnels": [{key: TUNNEL[key] for key in TUNNEL if key != "region"}],
            "addresses": [{"name": "a1", "subnetwork": "s1"}],
            "firewall_rules": [{"name": "f1", "allowed": [{"ip_protocol": "icmp"}], "source_ranges": ["10.0.0.0/8"]}],
        },
        {"network": f"{PREFIX}{NETWORK}/n1", "ipCidrRange": "10.1.1.0/24", "description": MARKER},
        {
            "subnetworks": [{"name": "s1", "region": REGION, "secondary_ip_ranges": options(("pod", "10.1.128.0/19"))}],
            "networks": [{"name": "n1"}],
            "routers": [
                {
                    "name": "r1",
                    "region": REGION,
                    "bgp_peers": [
                        {
                            "name": "p1",
                            "advertise_mode": "CUSTOM",
                            "advertised_groups": ["ALL_SUBNETS"],
                            "advertised_ip_ranges": [{"range": "10.64.0.0/16"}],
                        }
                    ],
                }
            ],
        },
        {"secondaryIpRanges": ranges(("pod", "10.1.128.0/19"))},
        {
            "networks": [{"name": "n1"}],
            "defaults": {"region": REGION},
            "subnetworks": [{"name": "s1"}],
            "routers": [{"name": "r1", "interfaces": [{"name": "i1"}], "bgp_peers": [{"name": "p1"}]}],
            "vpn_gateways": [{"name": "g1"}],
            "external_vpn_gateways": [{"name": "e1"}],
            "vpn_tunnels": [{"name": "t1"}],
            "addresses": [{"name": "a1"}],
            "firewall_rules": [{"name": "f1"}],
        },
    ),
]
CASES = [(row, f"{verb}-{how}") for row in ROWS for verb in row.verbs for how in ("check", "real", "again", "verified")]
#: filled by the server, different for each resource that was ever made
ITS_OWN = {
    "id",
    "creationTimestamp",
    "lastStartTimestamp",
    "createTime",
    "fingerprint",
    "labelFingerprint",
    "selfLinkWithId",
    "endpoint",
    "etag",
    "instanceGroupUrls",
    "expireTime",
    "clusterCaCertificate",
    "publicEndpoint",
    "privateEndpoint",
    "vpnInterfaces",
}


def plays(row: Row) -> list[Json]:
    """Each case but the verified ones as a task; those are judged by what was observed after the others."""
    tasks = []
    options = {"create": row.create, "modify": row.modify or {}, "delete": {**row.absent, "state": "absent"}}
    for verb in row.verbs:
        args = options[verb]
        for how, keywords in (("check", {"check_mode": True}), ("real", {}), ("again", {})):
            vars_ = {"observe": [row.path]}
            tasks.append(task(f"{verb}-{how}", row.module, {"environment": "lab", **args}, vars=vars_, **keywords))
    return [play(tasks, diff=True)]


Runs = t.Callable[[str, str], Run]


@pytest.fixture(scope="module")
def finished(lab_process: Lab, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """The run of a module's cases by one path, made when it is first asked for."""

    @functools.cache
    def run(module: str, path: str) -> Run:
        row = next(row for row in ROWS if row.module == module)
        lab_process.reset()
        row.before(Api(lab_process))
        before = lab_process.status()["mutations"]
        done = Playbooks(lab_process, tmp_path_factory.mktemp("modules")).run(*plays(row), path=path)
        for record in done.records:
            record.mutations -= before
        return done

    return run


def shows(current: t.Any, wanted: t.Any, where: str = "") -> list[str]:
    """Where the current object is not as wanted; dicts may have more keys, and lists of objects are ordered by name."""
    if isinstance(wanted, dict) and isinstance(current, dict):
        return [item for key in wanted for item in shows(current.get(key), wanted[key], f"{where}.{key}")]
    if isinstance(wanted, list) and isinstance(current, list) and len(wanted) == len(current):
        pairs = enumerate(zip(current, wanted, strict=True))
        return [item for number, pair in pairs for item in shows(*pair, f"{where}[{number}]")]
    return [] if current == wanted else [f"{where} is {current!r}, not {wanted!r}"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("row, case", CASES, ids=[f"{row.module}-{case}" for row, case in CASES])
def test_case(row: Row, path: str, case: str, finished: Runs) -> None:
    run = finished(row.module, path)
    verb, how = case.split("-")
    order = row.order
    steps: list[Record] = [run[name] for name in order]
    index = order.index(f"{verb}-{'again' if how == 'verified' else how}")
    record, mutations = steps[index], steps[index].mutations - (steps[index - 1].mutations if index else 0)
    assert record.status == "ok", record.result["msg"]
    state_before = {"create": None, "modify": row.created, "delete": row.modified or row.created}[verb]
    state_after = {"create": row.created, "modify": row.modified, "delete": None}[verb]
    if how == "check":
        assert record.result["changed"]
        assert record.result["plan"]
        assert record.result["diff"]
        assert mutations == 0
        _judge(record, state_before)
    elif how == "real":
        assert record.result["changed"]
        assert mutations >= 1
        check = steps[index - 1].result
        # what check mode says is what happens
        assert record.result["plan"] == check["plan"]
        assert record.result["diff"] == check["diff"]
    elif how == "again":
        assert not record.result["changed"]
        assert record.result["plan"] == []
        assert mutations == 0
    else:
        _judge(record, state_after)


def _judge(record: Record, wanted: Json | None) -> None:
    if wanted is None:
        assert record.observed == [None]
    else:
        assert record.observed[0] is not None
        assert shows(record.observed[0], wanted) == []


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.module)
def test_path(row: Row, path: str, finished: Runs) -> None:
    """A module's tasks are processes by the one path, and none by the other."""
    expected = {"module": {row.module: len(row.order)}, "in-process": {}}[path]
    assert collections.Counter(finished(row.module, path).processes) == expected


def comparable(value: t.Any) -> t.Any:
    if isinstance(value, dict):
        return {key: "its own" if key in ITS_OWN else comparable(item) for key, item in value.items()}
    return [comparable(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.module)
def test_paths_agree(row: Row, finished: Runs) -> None:
    """Both paths send the same and give the same results: the same keys, and the same values."""
    one, other = (finished(row.module, path).records for path in PATHS)
    assert [record.task for record in one] == [record.task for record in other]
    for first, second in zip(one, other, strict=True):
        assert first.mutations == second.mutations
        assert comparable(first.result) == comparable(second.result)
        assert comparable(first.observed) == comparable(second.observed)
