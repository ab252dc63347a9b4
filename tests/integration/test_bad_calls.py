# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad calls of modules: each gives one clear error that names what is wrong, with which value, and sends no change.

All run in one playbook against one estate; the callback ``record`` counts the lab's mutating requests after each.
"""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.podreach.gke.plugins.module_utils.gcp import info
from ansible_collections.podreach.gke.tests.integration.api import (
    CLUSTERS,
    PROJECT,
    REGION,
    ROUTERS,
    ZONE,
    Api,
    Json,
)
from ansible_collections.podreach.gke.tests.integration.playbooks import Playbooks, Run, play, task
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

#: id -> module, options, what the message must say
Bad = tuple[str, Json, list[str]]


REGIONAL = f"projects/{PROJECT}/regions/{REGION}"


def subnetwork(**more: t.Any) -> Json:
    return {"name": "new", "region": REGION, "network": "n1", "ip_cidr_range": "10.9.0.0/24", **more}


def secondary(*pairs: tuple[str, str]) -> list[Json]:
    return [{"range_name": name, "ip_cidr_range": cidr} for name, cidr in pairs]


def firewall(**more: t.Any) -> Json:
    return {
        "name": "new",
        "network": "n1",
        "allowed": [{"ip_protocol": "tcp", "ports": ["80"]}],
        "source_ranges": ["10.0.0.0/16"],
        **more,
    }


def router(**more: t.Any) -> Json:
    return {"name": "new", "region": REGION, "network": "n1", "bgp": {"asn": 65010, **more}}


def sessions(interface: Json | None = None, peer: Json | None = None, **more: t.Any) -> Json:
    """Options for r1, which has the session p1 over t1; t2 is free."""
    lists = {"interfaces": [interface] if interface else None, "bgp_peers": [peer] if peer else None}
    given = {key: value for key, value in lists.items() if value}
    return {"name": "r1", "region": REGION, **given, **more}


def tunnel(**more: t.Any) -> Json:
    return {
        "name": "new",
        "region": REGION,
        "vpn_gateway": "g1",
        "vpn_gateway_interface": 0,
        "peer_external_gateway": "e1",
        "peer_external_gateway_interface": 2,
        "router": "r1",
        "shared_secret": "a.secret_of_the_tests",
        **more,
    }


def external(*addresses: str, **more: t.Any) -> Json:
    interfaces = [{"id": number, "ip_address": address} for number, address in enumerate(addresses)]
    return {"name": "new", "interfaces": interfaces, **more}


def address(**more: t.Any) -> Json:
    return {"name": "new", "region": REGION, "subnetwork": "s1", **more}


def group(**more: t.Any) -> Json:
    return {"name": "new", "region": REGION, "instance_template": "t1", "target_size": 1, **more}


def service(**more: t.Any) -> Json:
    return {"name": "new", "region": REGION, "health_checks": ["h1"], **more}


def forwarding(**more: t.Any) -> Json:
    return {
        "name": "new",
        "region": REGION,
        "subnetwork": "s1",
        "ports": [80],
        "backend_service": "b1",
        **more,
    }


def cluster(policy: Json | None = None, **more: t.Any) -> Json:
    named = {"cluster_secondary_range_name": "pod", "services_secondary_range_name": "svc"}
    return {
        "name": "new",
        "location": ZONE,
        "network": "n1",
        "subnetwork": "s1",
        "ip_allocation_policy": named if policy is None else policy,
        "node_pools": [{"name": "p"}],
        **more,
    }


def pool(**more: t.Any) -> Json:
    return {"name": "new", "cluster": "c1", "location": ZONE, **more}


def estate(api: Api) -> None:
    """One of everything, ours; a second network; things of somebody else; a routes-based cluster."""
    api.network("n1", mtu=1460)
    api.network("n2")
    api.network("theirs", marked=False)
    api.subnetwork("s1", "10.1.0.0/24", ranges={"pod": "10.1.128.0/19", "svc": "10.1.160.0/22", "tiny": "10.3.0.0/24"})
    api.subnetwork("s2", "10.2.0.0/24", network="n2")
    api.subnetwork("theirs", "10.4.0.0/24", marked=False)
    api.router("r1")
    api.router("theirs", marked=False)
    api.router("r2", network="n2", bgp={"asn": 65020})
    api.vpn_gateway("g1")
    api.vpn_gateway("theirs", marked=False)
    api.external_vpn_gateway("e1")
    api.external_vpn_gateway("theirs", 1, marked=False)
    for number in range(2):
        api.vpn_tunnel(f"t{number + 1}", peer=number)
    api.vpn_tunnel("theirs", interface=1, marked=False)
    interface = {"name": "i1", "ipRange": "169.254.24.222/30", "linkedVpnTunnel": f"{REGIONAL}/vpnTunnels/t1"}
    peer = {"name": "p1", "interfaceName": "i1", "peerIpAddress": "169.254.24.221", "peerAsn": 64512}
    api.patch(f"{ROUTERS}/r1", {"interfaces": [interface], "bgpPeers": [peer]})
    where = f"/compute/v1/{REGIONAL}/addresses"
    api.post(where, {"name": "theirs", "addressType": "INTERNAL", "subnetwork": f"{REGIONAL}/subnetworks/s1"})
    card = {"subnetwork": f"{REGIONAL}/subnetworks/s1"}
    machine = {
        "disks": [{"boot": True, "source": f"projects/{PROJECT}/zones/{ZONE}/disks/d"}],
        "networkInterfaces": [card],
    }
    there = {"name": "theirs", **machine, "machineType": f"zones/{ZONE}/machineTypes/e2-micro"}
    api.post(f"/compute/v1/projects/{PROJECT}/zones/{ZONE}/instances", there)
    template = {"name": "theirs", "properties": {**machine, "machineType": "e2-micro"}}
    api.post(f"/compute/v1/projects/{PROJECT}/global/instanceTemplates", template)
    api.firewall("f1")
    api.firewall("theirs", marked=False)
    api.template()
    api.health_check()
    api.health_check("theirs", marked=False)
    api.managed_group("m1")
    api.managed_group("theirs", 0, marked=False)
    api.backend_service("b1", "m1", "theirs")
    api.backend_service("theirs", marked=False)
    api.forwarding_rule(IPAddress="10.1.0.60")
    api.forwarding_rule("theirs", marked=False)
    api.cluster("c1")
    api.cluster("theirs", marked=False)
    api.cluster("routes", ipAllocationPolicy={"useRoutes": True}, clusterIpv4Cidr="10.64.0.0/14")


BAD: dict[str, Bad] = {
    # ---- names
    "network-name-upper": ("network", {"name": "Net"}, ["name", "'Net'", "lower-case"]),
    "network-name-hyphen": ("network", {"name": "net-"}, ["name", "'net-'"]),
    "network-name-long": ("network", {"name": "n" * 64}, ["name", "n" * 64, "63"]),
    "network-name-empty": ("network", {"name": ""}, ["name", "''"]),
    "network-name-missing": ("network", {}, ["missing required arguments", "name"]),
    "cluster-name-long": ("cluster", {**cluster(), "name": "c" * 41}, ["name", "c" * 41, "40"]),
    "cluster-location": ("cluster", {**cluster(), "location": "Tokyo!"}, ["location", "'Tokyo!'"]),
    "subnetwork-network-name": ("subnetwork", subnetwork(network="no_such"), ["network", "no_such"]),
    "range-name": (
        "subnetwork",
        subnetwork(secondary_ip_ranges=secondary(("Pod", "10.10.0.0/20"))),
        ["secondary_ip_ranges[0].range_name", "'Pod'"],
    ),
    "range-name-twice": (
        "subnetwork",
        subnetwork(secondary_ip_ranges=secondary(("pod", "10.10.0.0/20"), ("pod", "10.11.0.0/20"))),
        ["secondary_ip_ranges[1].range_name", "'pod'", "twice"],
    ),
    # ---- ranges
    "host-bits": (
        "subnetwork",
        subnetwork(ip_cidr_range="10.9.0.1/24"),
        ["ip_cidr_range", "10.9.0.1/24", "host bits", "10.9.0.0/24"],
    ),
    "host-bits-secondary": (
        "subnetwork",
        subnetwork(secondary_ip_ranges=secondary(("pod", "10.10.1.0/20"))),
        ["secondary_ip_ranges[0].ip_cidr_range", "10.10.1.0/20", "10.10.0.0/20"],
    ),
    "no-mask": ("subnetwork", subnetwork(ip_cidr_range="10.9.0.0"), ["ip_cidr_range", "10.9.0.0"]),
    "wrong-mask": ("subnetwork", subnetwork(ip_cidr_range="10.9.0.0/33"), ["ip_cidr_range", "10.9.0.0/33"]),
    "not-an-address": ("subnetwork", subnetwork(ip_cidr_range="ten/8"), ["ip_cidr_range", "ten/8"]),
    "ipv6": ("subnetwork", subnetwork(ip_cidr_range="fd00::/64"), ["ip_cidr_range", "fd00::/64", "IPv6"]),
    "empty-range": ("subnetwork", subnetwork(ip_cidr_range=""), ["ip_cidr_range", "''"]),
    "prohibited": ("subnetwork", subnetwork(ip_cidr_range="169.254.0.0/24"), ["ip_cidr_range", "169.254.0.0/24"]),
    "overlap-in-itself": (
        "subnetwork",
        subnetwork(secondary_ip_ranges=secondary(("pod", "10.9.0.0/20"))),
        ["secondary_ip_ranges[0]", "10.9.0.0/20", "overlaps", "10.9.0.0/24"],
    ),
    "overlap-with-another": (
        "subnetwork",
        subnetwork(ip_cidr_range="10.1.130.0/24"),
        ["10.1.130.0/24", "overlaps", "10.1.128.0/19", "s1"],
    ),
    "too-small-primary": ("subnetwork", subnetwork(ip_cidr_range="10.9.0.0/30"), ["ip_cidr_range", "10.9.0.0/30"]),
    "range-shrunk": (
        "subnetwork",
        {"name": "s1", "region": REGION, "ip_cidr_range": "10.1.0.0/25"},
        ["ip_cidr_range", "10.1.0.0/24", "10.1.0.0/25", "only grow"],
    ),
    "range-changed": (
        "subnetwork",
        {"name": "s1", "region": REGION, "secondary_ip_ranges": secondary(("pod", "10.1.128.0/18"))},
        ["secondary_ip_ranges", "pod", "10.1.128.0/19", "10.1.128.0/18"],
    ),
    "control-plane-mask": (
        "cluster",
        cluster(private_cluster_config={"enable_private_nodes": True, "master_ipv4_cidr_block": "172.16.0.0/24"}),
        ["private_cluster_config.master_ipv4_cidr_block", "172.16.0.0/24", "/28"],
    ),
    "authorised-host-bits": (
        "cluster",
        cluster(master_authorized_networks_config={"cidr_blocks": [{"cidr_block": "10.0.0.1/8"}]}),
        ["cidr_blocks[0].cidr_block", "10.0.0.1/8", "10.0.0.0/8"],
    ),
    "cluster-ranges-overlap": (
        "cluster",
        cluster({"cluster_ipv4_cidr_block": "10.64.0.0/14", "services_ipv4_cidr_block": "10.65.0.0/20"}),
        ["services_ipv4_cidr_block", "10.65.0.0/20", "overlaps", "10.64.0.0/14"],
    ),
    "pods-mask-words": ("cluster", cluster({"cluster_ipv4_cidr_block": "/big"}), ["cluster_ipv4_cidr_block", "/big"]),
    "firewall-host-bits": (
        "firewall_rule",
        firewall(source_ranges=["10.0.0.1/16"]),
        ["source_ranges[0]", "10.0.0.1/16", "10.0.0.0/16"],
    ),
    "advertised-host-bits": (
        "router",
        router(
            advertise_mode="CUSTOM", advertised_groups=["ALL_SUBNETS"], advertised_ip_ranges=[{"range": "10.0.0.1/16"}]
        ),
        ["bgp.advertised_ip_ranges[0].range", "10.0.0.1/16", "10.0.0.0/16"],
    ),
    # ---- values
    "mtu": ("network", {"name": "new", "mtu": 9000}, ["mtu", "9000", "1300 to 8896"]),
    "mtu-text": ("network", {"name": "new", "mtu": "big"}, ["mtu", "convert to int"]),
    "routing-mode": (
        "network",
        {"name": "new", "routing_config": {"routing_mode": "global"}},
        ["routing_mode", "REGIONAL, GLOBAL", "global"],
    ),
    "state": ("network", {"name": "new", "state": "gone"}, ["state", "present, absent", "gone"]),
    "environment": ("network", {"name": "new", "environment": "moon"}, ["environment", "lab, cloud", "moon"]),
    "unknown-option": ("network", {"name": "new", "subnet_mode": "custom"}, ["subnet_mode", "Unsupported"]),
    "asn-public": ("router", router(asn=15169), ["bgp.asn", "15169", "64512-65534"]),
    "asn-text": ("router", router(asn="AS65010"), ["asn", "convert to int"]),
    "keepalive": ("router", router(keepalive_interval=5), ["bgp.keepalive_interval", "5", "20 to 60"]),
    "advertise-mode": ("router", router(advertise_mode="SOME"), ["advertise_mode", "DEFAULT, CUSTOM", "SOME"]),
    "groups-without-custom": (
        "router",
        router(advertised_groups=["ALL_SUBNETS"]),
        ["bgp.advertised_groups", "ALL_SUBNETS", "CUSTOM"],
    ),
    "priority": ("firewall_rule", firewall(priority=70000), ["priority", "70000", "65535"]),
    "port": (
        "firewall_rule",
        firewall(allowed=[{"ip_protocol": "tcp", "ports": ["http"]}]),
        ["allowed[0].ports", "'http'"],
    ),
    "port-range": (
        "firewall_rule",
        firewall(allowed=[{"ip_protocol": "tcp", "ports": ["90-80"]}]),
        ["allowed[0].ports", "'90-80'"],
    ),
    "protocol-empty": ("firewall_rule", firewall(allowed=[{"ip_protocol": ""}]), ["allowed[0].ip_protocol", "''"]),
    "allowed-and-denied": (
        "firewall_rule",
        firewall(denied=[{"ip_protocol": "udp"}]),
        ["mutually exclusive", "allowed", "denied"],
    ),
    "egress-with-sources": ("firewall_rule", firewall(direction="EGRESS"), ["source_ranges", "10.0.0.0/16", "EGRESS"]),
    "tags-and-accounts": (
        "firewall_rule",
        firewall(source_tags=["a"], target_service_accounts=["x@y.iam"]),
        ["source_tags", "'a'", "service accounts"],
    ),
    "no-sources": (
        "firewall_rule",
        {key: value for key, value in firewall().items() if key != "source_ranges"},
        ["source_ranges", "0.0.0.0/0"],
    ),
    "max-pods": (
        "cluster",
        cluster(default_max_pods_constraint={"max_pods_per_node": 0}),
        ["max_pods_constraint.max_pods_per_node", "0"],
    ),
    "max-pods-pool": (
        "node_pool",
        pool(max_pods_constraint={"max_pods_per_node": -1}),
        ["max_pods_constraint.max_pods_per_node", "-1"],
    ),
    "negative-nodes": ("node_pool", pool(node_count=-1), ["node_count", "-1"]),
    "two-counts": ("node_pool", pool(node_count=1, initial_node_count=1), ["mutually exclusive", "node_count"]),
    "count-with-autoscaling": (
        "node_pool",
        pool(node_count=1, autoscaling={"max_node_count": 3}),
        ["node_count", "autoscaling"],
    ),
    "least-above-most": (
        "node_pool",
        pool(autoscaling={"min_node_count": 4, "max_node_count": 3}),
        ["autoscaling.min_node_count", "4", "3"],
    ),
    "release-channel": ("cluster", cluster(release_channel={"channel": "FAST"}), ["channel", "RAPID", "FAST"]),
    "datapath": ("cluster", cluster(network_config={"datapath_provider": "V2"}), ["datapath_provider", "V2"]),
    # ---- what contradicts itself
    "routes-with-range-names": (
        "cluster",
        cluster({"use_routes": True, "cluster_secondary_range_name": "pod"}),
        ["cluster_secondary_range_name", "'pod'", "routes-based"],
    ),
    "routes-and-aliases": (
        "cluster",
        cluster({"use_routes": True, "use_ip_aliases": True}),
        ["ip_allocation_policy.use_routes", "VPC-native"],
    ),
    "routes-with-max-pods": (
        "cluster",
        cluster({"use_routes": True}, default_max_pods_constraint={"max_pods_per_node": 32}),
        ["default_max_pods_constraint", "32", "VPC-native"],
    ),
    "one-range-for-both": (
        "cluster",
        cluster({"cluster_secondary_range_name": "pod", "services_secondary_range_name": "pod"}),
        ["services_secondary_range_name", "'pod'"],
    ),
    "name-and-size": (
        "cluster",
        cluster({"cluster_secondary_range_name": "pod", "cluster_ipv4_cidr_block": "/14"}),
        ["cluster_ipv4_cidr_block", "/14", "cluster_secondary_range_name"],
    ),
    "autopilot-with-pools": ("cluster", cluster(autopilot={"enabled": True}), ["node_pools", "'p'", "Autopilot"]),
    "private-endpoint": (
        "cluster",
        cluster(private_cluster_config={"enable_private_nodes": False, "enable_private_endpoint": True}),
        ["enable_private_endpoint", "enable_private_nodes"],
    ),
    "snat-of-routes": (
        "cluster",
        cluster({"use_routes": True}, network_config={"default_snat_status": {"disabled": True}}),
        ["default_snat_status.disabled", "VPC-native"],
    ),
    # ---- what is not there
    "subnetwork-of-no-network": ("subnetwork", subnetwork(network="nowhere"), ["nowhere", "does not exist"]),
    "cluster-of-no-subnetwork": ("cluster", cluster(subnetwork="nowhere"), ["nowhere", "does not exist"]),
    "cluster-of-no-range": (
        "cluster",
        cluster({"cluster_secondary_range_name": "pods"}),
        ["pods", "s1", "pod, svc, tiny"],
    ),
    "pool-of-no-cluster": ("node_pool", pool(cluster="nowhere"), ["nowhere", "does not exist"]),
    "router-of-no-network": ("router", {**router(), "network": "nowhere"}, ["nowhere", "does not exist"]),
    "firewall-of-no-network": ("firewall_rule", firewall(network="nowhere"), ["nowhere", "does not exist"]),
    "nodes-without-room": (
        "cluster",
        cluster(
            {"cluster_secondary_range_name": "tiny", "services_secondary_range_name": "svc"},
            node_pools=[{"name": "p", "node_count": 2}],
        ),
        ["10.3.0.0/24", "2"],
    ),
    "subnetwork-incomplete": ("subnetwork", {"name": "new", "region": REGION}, ["network", "ip_cidr_range", "missing"]),
    "router-incomplete": ("router", {"name": "new", "region": REGION}, ["network", "missing"]),
    "firewall-incomplete": ("firewall_rule", {"name": "new"}, ["network", "missing"]),
    "firewall-of-nothing": ("firewall_rule", {"name": "new", "network": "n1"}, ["allowed", "denied"]),
    # ---- what never changes
    "mtu-changed": ("network", {"name": "n1", "mtu": 1500}, ["mtu", "1460", "1500"]),
    "mode-changed": ("network", {"name": "n1", "auto_create_subnetworks": True}, ["auto_create_subnetworks", "true"]),
    "network-description": ("network", {"name": "n1", "description": "x"}, ["description", "x"]),
    "subnetwork-moved": ("subnetwork", {"name": "s1", "region": REGION, "network": "n2"}, ["network", "n1", "n2"]),
    "router-moved": ("router", {"name": "r1", "region": REGION, "network": "n2"}, ["network", "n1", "n2"]),
    "asn-changed": ("router", {"name": "r1", "region": REGION, "bgp": {"asn": 65011}}, ["bgp.asn", "65010", "65011"]),
    "firewall-moved": ("firewall_rule", {"name": "f1", "network": "n2"}, ["network", "n1", "n2"]),
    "direction-changed": ("firewall_rule", {"name": "f1", "direction": "EGRESS"}, ["direction", "INGRESS", "EGRESS"]),
    "allowed-to-denied": ("firewall_rule", {"name": "f1", "denied": [{"ip_protocol": "udp"}]}, ["allowed", "denied"]),
    "routes-to-aliases": (
        "cluster",
        {"name": "routes", "location": ZONE, "ip_allocation_policy": {"use_ip_aliases": True}},
        ["ip_allocation_policy", "routes-based and cannot become VPC-native", "new cluster"],
    ),
    "aliases-to-routes": (
        "cluster",
        {"name": "c1", "location": ZONE, "ip_allocation_policy": {"use_routes": True}},
        ["ip_allocation_policy", "VPC-native and cannot become routes-based", "new cluster"],
    ),
    "pods-moved": (
        "cluster",
        {"name": "c1", "location": ZONE, "ip_allocation_policy": {"cluster_secondary_range_name": "tiny"}},
        ["cluster_secondary_range_name", '"pod"', '"tiny"'],
    ),
    "cluster-moved": ("cluster", {"name": "c1", "location": ZONE, "subnetwork": "theirs"}, ["subnetwork", "theirs"]),
    "to-autopilot": ("cluster", {"name": "c1", "location": ZONE, "autopilot": {"enabled": True}}, ["autopilot"]),
    "datapath-changed": (
        "cluster",
        {"name": "c1", "location": ZONE, "network_config": {"datapath_provider": "ADVANCED_DATAPATH"}},
        ["datapath_provider", "ADVANCED_DATAPATH"],
    ),
    "pool-max-pods-changed": (
        "node_pool",
        {"name": "p1", "cluster": "c1", "location": ZONE, "max_pods_constraint": {"max_pods_per_node": 32}},
        ["max_pods_constraint.max_pods_per_node", "110", "32"],
    ),
    "pool-disk-changed": (
        "node_pool",
        {"name": "p1", "cluster": "c1", "location": ZONE, "config": {"disk_size_gb": 33}},
        ["config.disk_size_gb", "33"],
    ),
    "pool-range-changed": (
        "node_pool",
        {"name": "p1", "cluster": "c1", "location": ZONE, "network_config": {"pod_range": "tiny"}},
        ["network_config.pod_range", "tiny"],
    ),
    # ---- what may not be done
    **{
        f"not-ours-{module}": (module, {"name": "theirs", "state": "absent", **more}, ["theirs", "did not create it"])
        for module, more in (
            ("network", {}),
            ("subnetwork", {"region": REGION}),
            ("router", {"region": REGION}),
            ("firewall_rule", {}),
            ("vpn_gateway", {"region": REGION}),
            ("external_vpn_gateway", {}),
            ("vpn_tunnel", {"region": REGION}),
            ("address", {"region": REGION}),
            ("instance", {"zone": ZONE}),
            ("instance_template", {}),
            ("health_check", {"region": REGION}),
            ("instance_group_manager", {"region": REGION}),
            ("backend_service", {"region": REGION}),
            ("forwarding_rule", {"region": REGION}),
            ("cluster", {"location": ZONE, "deletion_protection": False}),
        )
    },
    "not-ours-node_pool": (
        "node_pool",
        {"name": "p1", "cluster": "theirs", "location": ZONE, "state": "absent"},
        ["p1", "did not create it"],
    ),
    "network-in-use": ("network", {"name": "n1", "state": "absent"}, ["still holds", "subnetworks/s1"]),
    "protected": ("cluster", {"name": "c1", "location": ZONE, "state": "absent"}, ["deletion_protection", "c1"]),
    "replacement-unnamed": (
        "cluster",
        {"name": "c1", "location": ZONE, "deletion_protection": False, "ip_allocation_policy": {"use_routes": True}},
        ["c1", "confirm_replace"],
    ),
    "replacement-misnamed": (
        "cluster",
        {
            "name": "c1",
            "location": ZONE,
            "ip_allocation_policy": {"use_routes": True},
            "deletion_protection": False,
            "confirm_replace": "c2",
        },
        ["c1", "confirm_replace: c1"],
    ),
    "replacement-protected": (
        "cluster",
        {"name": "c1", "location": ZONE, "ip_allocation_policy": {"use_routes": True}, "confirm_replace": "c1"},
        ["deletion_protection"],
    ),
    "disruption": (
        "subnetwork",
        {
            "name": "s1",
            "region": REGION,
            "purge_secondary_ranges": True,
            "secondary_ip_ranges": secondary(("pod", "10.1.128.0/19"), ("svc", "10.1.160.0/22")),
        },
        ["tiny (10.3.0.0/24)", "allow_disruption: true"],
    ),
    "withdraws-subnets": (
        "router",
        {
            "name": "r1",
            "region": REGION,
            "bgp": {"advertise_mode": "CUSTOM", "advertised_ip_ranges": [{"range": "10.64.0.0/16"}]},
        },
        ["advertise_mode", "ALL_SUBNETS", "confirm_withdraw_subnets: r1"],
    ),
    # ---- VPN
    "inside-not-link-local": (
        "router",
        sessions({"name": "i2", "ip_range": "10.0.0.2/30", "linked_vpn_tunnel": "t2"}),
        ["interfaces[0].ip_range", "'10.0.0.2/30'", "169.254.0.0/16"],
    ),
    "inside-taken": (
        "router",
        sessions({"name": "i2", "ip_range": "169.254.24.221/30", "linked_vpn_tunnel": "t2"}),
        ["i1 and i2", "169.254.24.220/30"],
    ),
    "inside-of-the-peer": (
        "router",
        sessions(peer={"name": "p1", "peer_ip_address": "169.254.24.222"}),
        ["peer_ip_address 169.254.24.222", "it must be 169.254.24.221"],
    ),
    "own-asn": ("router", sessions(peer={"name": "p1", "peer_asn": 65010}), ["peer_asn 65010", "router's own"]),
    "peer-without-interface": (
        "router",
        sessions(peer={"name": "p2", "interface_name": "i2", "peer_asn": 64512}),
        ["BGP peer p2", "i2", "add it to interfaces"],
    ),
    "interface-without-tunnel": ("router", sessions({"name": "i2"}), ["interface i2", "linked_vpn_tunnel"]),
    "interface-of-no-tunnel": (
        "router",
        sessions({"name": "i2", "linked_vpn_tunnel": "none"}),
        ["interface i2", "vpnTunnels/none does not exist"],
    ),
    "tunnel-of-another-router": (
        "router",
        {"name": "r2", "region": REGION, "interfaces": [{"name": "i2", "linked_vpn_tunnel": "t2"}]},
        ["t2 was made for router r1", "r2"],
    ),
    "session-changed": (
        "router",
        sessions(peer={"name": "p1", "enable": False}),
        ["change bgp_peers of router r1", "allow_disruption: true"],
    ),
    "session-purged": (
        "router",
        {"name": "r1", "region": REGION, "bgp_peers": [], "purge_bgp_peers": True},
        ["change bgp_peers of router r1", "allow_disruption: true"],
    ),
    "session-withdraws-subnets": (
        "router",
        sessions(peer={"name": "p1", "advertise_mode": "CUSTOM", "advertised_ip_ranges": [{"range": "10.64.0.0/16"}]}),
        ["bgp_peers (p1)", "ALL_SUBNETS", "confirm_withdraw_subnets: r1"],
    ),
    "session-over-the-limit": (
        "router",
        sessions(
            peer={
                "name": "p1",
                "advertise_mode": "CUSTOM",
                "advertised_groups": ["ALL_SUBNETS"],
                "advertised_ip_ranges": [{"range": f"10.64.{number}.0/24"} for number in range(100)],
            }
        ),
        ["r1/p1: 5 now, 105 then", "100 prefixes", "advertised_prefix_limit"],
    ),
    "router-with-tunnels": ("router", {"name": "r1", "region": REGION, "state": "absent"}, ["vpnTunnels/t1", "Delete"]),
    "gateway-moved": ("vpn_gateway", {"name": "g1", "region": REGION, "network": "n2"}, ["network", "n1", "n2"]),
    "gateway-stack": (
        "vpn_gateway",
        {"name": "g1", "region": REGION, "stack_type": "IPV4_IPV6"},
        ["stack_type", "IPV4_IPV6", "another gateway would have other addresses"],
    ),
    "gateway-nowhere": (
        "vpn_gateway",
        {"name": "new", "region": REGION, "network": "none"},
        ["networks/none", "does not exist"],
    ),
    "external-of-three": (
        "external_vpn_gateway",
        external("203.0.113.1", "203.0.113.2", "203.0.113.3"),
        ["interfaces", "3", "1, 2 or 4"],
    ),
    "external-type": (
        "external_vpn_gateway",
        external("203.0.113.1", redundancy_type="TWO_IPS_REDUNDANCY"),
        ["redundancy_type", "TWO_IPS_REDUNDANCY", "SINGLE_IP_INTERNALLY_REDUNDANT"],
    ),
    "external-ids": (
        "external_vpn_gateway",
        {"name": "new", "interfaces": [{"id": 1, "ip_address": "203.0.113.1"}]},
        ["interfaces[].id", "[1]", "0 to 0"],
    ),
    "external-address": ("external_vpn_gateway", external("203.0.113"), ["interfaces[0].ip_address", "'203.0.113'"]),
    "external-twice": (
        "external_vpn_gateway",
        external("203.0.113.1", "203.0.113.1"),
        ["interfaces[1].ip_address", "twice"],
    ),
    "external-in-use": (
        "external_vpn_gateway",
        {**external("203.0.113.9"), "name": "e1", "confirm_replace": "e1"},
        ["vpnTunnels/t1", "another name"],
    ),
    "tunnel-without-peer": (
        "vpn_tunnel",
        {key: value for key, value in tunnel().items() if not key.startswith("peer_")},
        ["peer_external_gateway or peer_gcp_gateway", "missing"],
    ),
    "tunnel-with-two-peers": ("vpn_tunnel", tunnel(peer_gcp_gateway="g1"), ["mutually exclusive", "peer_gcp_gateway"]),
    "tunnel-without-secret": (
        "vpn_tunnel",
        {key: value for key, value in tunnel().items() if key != "shared_secret"},
        ["shared_secret", "missing"],
    ),
    "tunnel-secret": ("vpn_tunnel", tunnel(shared_secret="schlüssel"), ["shared_secret", "(not shown)", "ASCII"]),
    "tunnel-always": (
        "vpn_tunnel",
        {"name": "t1", "region": REGION, "update_secret": "always"},
        ["update_secret", "shared_secret"],
    ),
    "tunnel-nowhere": ("vpn_tunnel", tunnel(vpn_gateway="none"), ["vpnGateways/none does not exist"]),
    "tunnel-no-interface": (
        "vpn_tunnel",
        tunnel(peer_external_gateway="theirs"),
        ["peer_external_gateway_interface is 2", "interfaces 0"],
    ),
    "tunnel-of-two-networks": ("vpn_tunnel", tunnel(router="r2"), ["router r2 is in network n2", "g1 in n1"]),
    "tunnel-changed": (
        "vpn_tunnel",
        {**tunnel(ike_version=1), "name": "t1", "peer_external_gateway_interface": 0},
        ["ike_version is 2 and cannot become 1", "confirm_replace: t1"],
    ),
    "tunnel-described": (
        "vpn_tunnel",
        {"name": "t1", "region": REGION, "description": "x", "confirm_replace": "t1"},
        ["description", "fixed"],
    ),
    "tunnel-of-theirs": (
        "vpn_tunnel",
        {**tunnel(ike_version=1), "name": "theirs", "confirm_replace": "theirs"},
        ["theirs", "does not replace it"],
    ),
    "address-outside": ("address", address(address="10.9.0.9"), ["10.9.0.9", "10.1.0.0/24", "s1"]),
    "address-reserved": ("address", address(address="10.1.0.1"), ["10.1.0.1", "keeps for itself"]),
    "address-nonsense": ("address", address(address="ten"), ["address", "'ten'"]),
    "address-nowhere": ("address", address(subnetwork="none"), ["subnetworks/none", "does not exist"]),
    "address-of-nothing": ("address", {"name": "new", "region": REGION}, ["subnetwork"]),
    "address-global": ("address", {"name": "new", "subnetwork": "s1"}, ["region"]),
    "address-external": ("address", address(address_type="EXTERNAL"), ["subnetwork", "INTERNAL"]),
    "address-changed": (
        "address",
        {"name": "theirs", "region": REGION, "address": "10.1.0.99"},
        ["address", "10.1.0.99", "another name"],
    ),
    # ---- load balancers
    "check-of-nothing": ("health_check", {"name": "new"}, ["type", "missing"]),
    "check-of-two": (
        "health_check",
        {"name": "new", "tcp_health_check": {}, "http_health_check": {}},
        ["mutually exclusive", "tcp_health_check"],
    ),
    "check-contradicts": (
        "health_check",
        {"name": "new", "type": "TCP", "http_health_check": {"port": 80}},
        ["http_health_check", "type: HTTP", "TCP"],
    ),
    "check-port": (
        "health_check",
        {"name": "new", "tcp_health_check": {"port": 0}},
        ["tcp_health_check.port", "0", "65535"],
    ),
    "check-path": (
        "health_check",
        {"name": "new", "http_health_check": {"request_path": "health"}},
        ["request_path", "'health'", "/health"],
    ),
    "check-interval": ("health_check", {"name": "new", "check_interval_sec": 0}, ["check_interval_sec", "1 to 300"]),
    "check-threshold": ("health_check", {"name": "new", "healthy_threshold": 11}, ["healthy_threshold", "11", "10"]),
    "check-timeout": (
        "health_check",
        {"name": "h1", "region": REGION, "timeout_sec": 9},
        ["timeout_sec: 9", "check_interval_sec: 5"],
    ),
    "check-of-another-kind": (
        "health_check",
        {"name": "h1", "region": REGION, "http_health_check": {"request_path": "/health"}},
        ["type", '"TCP"', '"HTTP"', "another one"],
    ),
    "check-another-port": (
        "health_check",
        {"name": "h1", "region": REGION, "tcp_health_check": {"port": 81}},
        ["tcp_health_check.port", "allow_disruption: true"],
    ),
    "group-nowhere": ("instance_group_manager", {"name": "new"}, ["region, zone"]),
    "group-in-two-places": ("instance_group_manager", group(zone=ZONE), ["mutually exclusive", "region"]),
    "group-of-nothing": (
        "instance_group_manager",
        {"name": "new", "region": REGION},
        ["instance_template, target_size", "missing"],
    ),
    "group-size": ("instance_group_manager", group(target_size=-1), ["target_size", "-1"]),
    "group-wait": ("instance_group_manager", group(wait_stable=-1), ["wait_stable", "-1", "0 for no wait"]),
    "group-base": ("instance_group_manager", group(base_instance_name="w" * 59), ["base_instance_name", "58"]),
    "group-template": (
        "instance_group_manager",
        group(instance_template="none"),
        ["global/instanceTemplates/none does not exist"],
    ),
    "group-template-name": (
        "instance_group_manager",
        group(instance_template="t1?x", auto_healing_policies=[{"health_check": "No"}]),
        ["instance_template", "'t1?x'", "auto_healing_policies[0].health_check", "'No'"],
    ),
    "group-check": (
        "instance_group_manager",
        group(auto_healing_policies=[{"health_check": "none"}]),
        ["global/healthChecks/none does not exist"],
    ),
    "group-heals-by-nothing": (
        "instance_group_manager",
        group(auto_healing_policies=[{"initial_delay_sec": 60}]),
        ["auto_healing_policies", "health_check"],
    ),
    "group-delay": (
        "instance_group_manager",
        group(auto_healing_policies=[{"health_check": "h1", "initial_delay_sec": 3601}]),
        ["auto_healing_policies[0].initial_delay_sec", "3601", "3600"],
    ),
    "group-two-policies": (
        "instance_group_manager",
        group(auto_healing_policies=[{"health_check": "h1"}, {"health_check": "h2"}]),
        ["auto_healing_policies", "one policy"],
    ),
    "group-zones": (
        "instance_group_manager",
        group(distribution_policy={"zones": ["us-east1-b"]}),
        ["distribution_policy.zones[0]", "'us-east1-b'", REGION],
    ),
    "group-zones-none": (
        "instance_group_manager",
        group(distribution_policy={"zones": []}),
        ["distribution_policy.zones", "[]"],
    ),
    "group-zones-of-a-zone": (
        "instance_group_manager",
        {"name": "new", "zone": ZONE, "distribution_policy": {"zones": [ZONE]}},
        ["distribution_policy", "region"],
    ),
    "group-another-base": (
        "instance_group_manager",
        {"name": "m1", "region": REGION, "base_instance_name": "other"},
        ["base_instance_name", '"m1"', '"other"', "another group"],
    ),
    "group-smaller": (
        "instance_group_manager",
        {"name": "m1", "region": REGION, "target_size": 0},
        ["resize", "from 1 to 0", "allow_disruption: true"],
    ),
    "group-heals-now": (
        "instance_group_manager",
        {
            "name": "m1",
            "region": REGION,
            "auto_healing_policies": [{"health_check": f"regions/{REGION}/healthChecks/h1"}],
        },
        ["auto_healing_policies", "allow_disruption: true"],
    ),
    "service-of-nothing": ("backend_service", {"name": "new", "region": REGION}, ["health_checks", "missing"]),
    "service-two-checks": ("backend_service", service(health_checks=["h1", "h2"]), ["health_checks", "exactly one"]),
    "service-check": (
        "backend_service",
        service(health_checks=["none"]),
        [f"regions/{REGION}/healthChecks/none does not exist"],
    ),
    "service-group": (
        "backend_service",
        service(backends=[{"group": "none"}]),
        [f"regions/{REGION}/instanceGroups/none does not exist"],
    ),
    "service-names": (
        "backend_service",
        service(health_checks=["global/healthChecks/H"], backends=[{"group": "zones/z/instanceGroups/G"}]),
        ["health_checks[0]", "'H'", "backends[0].group", "'G'"],
    ),
    "service-group-twice": (
        "backend_service",
        service(backends=[{"group": "m1"}, {"group": f"regions/{REGION}/instanceGroupManagers/m1"}]),
        ["backends[1].group", "m1", "twice"],
    ),
    "service-draining": (
        "backend_service",
        service(connection_draining={"draining_timeout_sec": 3601}),
        ["connection_draining.draining_timeout_sec", "3601", "3600"],
    ),
    "service-scheme": (
        "backend_service",
        service(load_balancing_scheme="EXTERNAL"),
        ["load_balancing_scheme", "INTERNAL", "EXTERNAL"],
    ),
    "service-protocol": (
        "backend_service",
        {"name": "b1", "region": REGION, "protocol": "UDP"},
        ["protocol", '"TCP"', '"UDP"', "another service"],
    ),
    "service-fewer": (
        "backend_service",
        {"name": "b1", "region": REGION, "backends": [{"group": "m1"}], "purge_backends": True},
        ["backends", "allow_disruption: true"],
    ),
    "service-spare": (
        "backend_service",
        {"name": "b1", "region": REGION, "backends": [{"group": "m1", "failover": True}]},
        ["backends", "allow_disruption: true"],
    ),
    "service-affinity": (
        "backend_service",
        {"name": "b1", "region": REGION, "session_affinity": "CLIENT_IP"},
        ["session_affinity", "allow_disruption: true"],
    ),
    "rule-of-nothing": ("forwarding_rule", {"name": "new", "region": REGION}, ["backend_service", "missing"]),
    "rule-service": ("forwarding_rule", forwarding(backend_service="none"), ["backendServices/none does not exist"]),
    "rule-names": (
        "forwarding_rule",
        forwarding(backend_service="B", ip_address="my_address"),
        ["backend_service", "'B'", "ip_address", "'my_address'"],
    ),
    "rule-protocol": (
        "forwarding_rule",
        forwarding(ip_protocol="UDP"),
        ["ip_protocol: UDP", "backendServices/b1", "TCP"],
    ),
    "rule-without-ports": (
        "forwarding_rule",
        {key: value for key, value in forwarding().items() if key != "ports"},
        ["ports", "all_ports: true"],
    ),
    "rule-ports-and-all": ("forwarding_rule", forwarding(all_ports=True), ["mutually exclusive", "all_ports"]),
    "rule-many-ports": ("forwarding_rule", forwarding(ports=[1, 2, 3, 4, 5, 6]), ["ports", "1 to 5", "all_ports"]),
    "rule-port": ("forwarding_rule", forwarding(ports=["http"]), ["ports[0]", "'http'", "65535"]),
    "rule-port-range": ("forwarding_rule", forwarding(ports=["80-90"]), ["ports[0]", "'80-90'"]),
    "rule-nowhere": (
        "forwarding_rule",
        {key: value for key, value in forwarding().items() if key != "subnetwork"},
        ["give subnetwork"],
    ),
    "rule-network-alone": (
        "forwarding_rule",
        {**{key: value for key, value in forwarding().items() if key != "subnetwork"}, "network": "n1"},
        ["networks/n1", "give subnetwork"],
    ),
    "rule-subnetwork": ("forwarding_rule", forwarding(subnetwork="none"), ["subnetworks/none does not exist"]),
    "rule-address-nonsense": ("forwarding_rule", forwarding(ip_address="10.1.0"), ["ip_address", "'10.1.0'", "IPv4"]),
    "rule-address-outside": (
        "forwarding_rule",
        forwarding(ip_address="10.9.0.9"),
        ["ip_address: 10.9.0.9", "10.1.0.0/24"],
    ),
    "rule-address-reserved": ("forwarding_rule", forwarding(ip_address="10.1.0.1"), ["ip_address: 10.1.0.1", "keeps"]),
    "rule-no-address": ("forwarding_rule", forwarding(ip_address="none"), ["addresses/none does not exist"]),
    "rule-other-ports": (
        "forwarding_rule",
        {"name": "f1", "region": REGION, "ports": [80, 443], "ip_address": "10.1.0.61"},
        ["ports", '"443"', "ip_address", '"10.1.0.60"', '"10.1.0.61"', "another name"],
    ),
    "rule-other-address": (
        "forwarding_rule",
        {"name": "f1", "region": REGION, "ip_address": "theirs"},
        ["ip_address", "another name"],
    ),
    # ---- where it may not be done
    "project-not-listed": (
        "network",
        {"name": "new", "projects": ["podreach-peer"]},
        [PROJECT, "podreach-peer", "projects"],
    ),
    "project-forbidden": ("network", {"name": "new", "project": "podreach-forbidden"}, ["podreach-forbidden", "403"]),
    "lab-at-google": (
        "network",
        {"name": "new", "compute_endpoint": "https://compute.googleapis.com/compute/v1/"},
        ["environment is lab", "https://compute.googleapis.com"],
    ),
    "cloud-at-the-lab": ("network", {"name": "new", "environment": "cloud"}, ["environment is cloud", "127.0.0.1"]),
    "no-url": ("network", {"name": "new", "compute_endpoint": "the lab"}, ["compute_endpoint", "the lab"]),
    "kind-of-credentials": ("network", {"name": "new", "auth_kind": "password"}, ["auth_kind", "password"]),
    "no-key-file": (
        "network",
        {"name": "new", "auth_kind": "serviceaccount", "service_account_file": "/no/such.json"},
        ["service_account_file", "/no/such.json"],
    ),
    "no-token": ("network", {"name": "new", "auth_kind": "accesstoken"}, ["auth_kind accesstoken", "access_token"]),
    # ---- what is only read
    "status-name": ("router_status_info", {"name": "R1", "region": REGION}, ["name", "'R1'", "lower-case"]),
    "status-ranges": ("router_status_info", {"ranges": ["10.1.0.1/24"]}, ["ranges[0]", "10.1.0.1/24", "10.1.0.0/24"]),
    "status-limit": ("router_status_info", {"advertised_prefix_limit": 0}, ["advertised_prefix_limit", "0"]),
    "status-query": ("router_status_info", {"query": "routers[?"}, ["query", "'routers[?'", "JMESPath"]),
    "status-state": ("router_status_info", {"state": "absent"}, ["state", "Unsupported"]),
    "status-of-a-tunnel-to-nowhere": (
        "router_status_info",
        {"name": "r1", "region": REGION, "wait_established": True, "timeout": 1},
        ["r1/p1", "NO_INCOMING_PACKETS", "after 1 s"],
    ),
    **{
        f"{kind}-info-name": (f"{kind}_info", {"name": "N1/x"}, ["name", "'N1/x'", "lower-case"]) for kind in info.KINDS
    },
    **{
        f"{kind}-info-forbidden": (f"{kind}_info", {"project": "podreach-forbidden"}, ["podreach-forbidden", "403"])
        for kind in info.KINDS
    },
    **{
        f"{kind}-info-nowhere": (f"{kind}_info", {str(row.place): "nowhere", "name": "x"}, ["nowhere"])
        for kind, row in info.KINDS.items()
        if row.place
    },
    "info-unknown-project": ("network_info", {"project": "no-such-project", "name": "n1"}, ["no-such-project"]),
    "info-filter": ("router_info", {"filter": "asn"}, ["filter", "'asn'"]),
    "info-filter-of-clusters": ("cluster_info", {"filter": "name = c1"}, ["filter", "Unsupported"]),
    "info-state": ("network_info", {"state": "absent"}, ["state", "Unsupported"]),
    "info-lab-at-google": (
        "network_info",
        {"compute_endpoint": "https://compute.googleapis.com/compute/v1/"},
        ["environment is lab", "https://compute.googleapis.com"],
    ),
    "status-forbidden": ("router_status_info", {"project": "podreach-forbidden"}, ["podreach-forbidden", "403"]),
    # ---- machines
    "instance-moved": (
        "instance",
        {"name": "theirs", "zone": ZONE, "network_interfaces": [{"subnetwork": "theirs"}]},
        ["network_interfaces", "subnetworks/s1", "theirs", "make another one"],
    ),
    "instance-running": (
        "instance",
        {"name": "theirs", "zone": ZONE, "machine_type": "e2-small"},
        ["e2-micro", "e2-small", "Stop it", "RUNNING"],
    ),
    "instance-of-nothing": ("instance", {"name": "new", "zone": ZONE}, ["machine_type, boot_disk, network_interfaces"]),
    "instance-nowhere": (
        "instance",
        {
            "name": "new",
            "zone": ZONE,
            "machine_type": "e2-small",
            "boot_disk": {"image": "i"},
            "network_interfaces": [{"subnetwork": "none"}],
        },
        ["network_interfaces[0].subnetwork", "subnetworks/none", "create it first"],
    ),
    "template-changed": (
        "instance_template",
        {"name": "theirs", "can_ip_forward": True},
        ["can_ip_forward", "another"],
    ),
    "template-bare-subnetwork": (
        "instance_template",
        {"name": "new", "network_interfaces": [{"subnetwork": "s1"}]},
        ["network_interfaces[0].subnetwork", "'s1'", "region"],
    ),
    # ---- several at once
    "set-with-several": (
        "resource_set",
        {
            "networks": [{"name": "n1", "mtu": 1500}],
            "subnetworks": [{"name": "s1", "region": REGION, "ip_cidr_range": "10.1.0.0/25"}],
            "firewall_rules": [firewall()],
        },
        ["mtu", "1500", "10.1.0.0/25"],
    ),
    "set-with-bad-items": (
        "resource_set",
        {"networks": [{"name": "New"}], "subnetworks": [{"name": "x"}], "firewall_rules": [{"nam": "y"}]},
        ["'New'", "subnetworks[0] (x)", "region", "firewall_rules[0]", "nam"],
    ),
    "set-of-theirs": (
        "resource_set",
        {"networks": [{"name": "theirs"}], "firewall_rules": [{"name": "f1"}], "state": "absent"},
        ["theirs", "did not create it"],
    ),
    "set-unknown-kind": ("resource_set", {"vpns": []}, ["vpns", "Unsupported"]),
}
#: what is read only so that it may be judged costs a request; these must not even be sent one
UNASKED = {
    "environment",
    "lab-at-google",
    "cloud-at-the-lab",
    "no-url",
    "kind-of-credentials",
    "no-key-file",
    "no-token",
    "status-name",
    "status-ranges",
    "status-limit",
    "status-query",
    "info-filter-of-clusters",
    "info-state",
    "info-lab-at-google",
    *(f"{kind}-info-name" for kind in info.KINDS),
}


@pytest.fixture(scope="module")
def answers(lab_process: Lab, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """All of them, one after the other."""
    lab_process.reset()
    estate(Api(lab_process))
    tasks = [task(name, module, {"environment": "lab", **options}) for name, (module, options, _words) in BAD.items()]
    return Playbooks(lab_process, tmp_path_factory.mktemp("bad")).run(play(tasks))


@pytest.mark.parametrize("name", BAD)
def test_bad_call(name: str, answers: Run) -> None:
    order = list(BAD)
    record = answers[name]
    before = answers[order[order.index(name) - 1]] if name != order[0] else record
    assert record.failed, record.result
    message = record.result["msg"]
    assert [word for word in BAD[name][2] if word not in message] == [], message
    assert "bug in podreach.gke" not in message
    assert record.mutations == before.mutations, message
    assert not record.result["changed"]
    assert len(message) < 1000


def test_no_mutating_request_at_all(answers: Run, lab_process: Lab) -> None:
    """Nothing of the estate was touched, by any of them."""
    assert len(BAD) >= 40
    assert len({record.mutations for record in answers.records}) == 1
    assert Api(lab_process).get(f"{CLUSTERS}/c1")


def test_not_even_asked(playbooks: Playbooks) -> None:
    """What can be told without the server is told without it."""
    tasks = [task(name, BAD[name][0], {"environment": "lab", **BAD[name][1]}) for name in sorted(UNASKED)]
    run = playbooks.run(play(tasks))
    assert all(record.failed for record in run.records)
    assert playbooks.lab.requests() == []
