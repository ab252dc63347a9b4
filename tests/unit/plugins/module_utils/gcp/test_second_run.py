# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By property: whatever is asked of a resource, asked again over what the first run made, nothing is left to do.

The cloud here keeps objects in a dictionary and knows just how each call changes one; what Google fills in of itself
is added on reading, so that a comparison that trips over it is found.
"""

from __future__ import annotations

import copy
import re
import tempfile
import typing as t
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.podreach.gke.plugins.module_utils.arguments import Definition
from ansible_collections.podreach.gke.plugins.module_utils.gcp import (
    addresses,
    backend_services,
    clusters,
    external_vpn_gateways,
    firewall_rules,
    forwarding_rules,
    health_checks,
    instance_group_managers,
    instance_templates,
    instances,
    networks,
    node_pools,
    routers,
    subnetworks,
    vpn_gateways,
    vpn_tunnels,
)
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import definition
from ansible_collections.podreach.gke.plugins.module_utils.gcp.transport import Answer
from ansible_collections.podreach.gke.tests.unit.plugins.module_utils.gcp.wire import (
    COMPUTE,
    CONTAINER,
    Wire,
    container_operation,
    google_error,
    operation,
)

Json = dict[str, t.Any]
URL = "https://www.googleapis.com/compute/v1/"
CLUSTER = "projects/p/locations/r1/clusters/c"
SUBNETWORK = "projects/p/regions/r1/subnetworks/s"


def merge(now: t.Any, patch: t.Any) -> t.Any:
    """JSON merge patch, RFC 7396."""
    if not isinstance(patch, dict) or not isinstance(now, dict):
        return patch
    result = dict(now)
    for key, value in patch.items():
        result[key] = merge(now.get(key), value)
    return result


class Cloud(Wire):
    """Objects by path, and what the calls of the APIs make of them."""

    def __init__(self) -> None:
        super().__init__()
        self.objects: dict[str, Json] = {
            "projects/p/global/networks/n": {"name": "n", "autoCreateSubnetworks": False},
            "projects/p/global/networks/other": {"name": "other"},
            SUBNETWORK: {
                "name": "s",
                "network": f"{URL}projects/p/global/networks/other",
                "region": f"{URL}projects/p/regions/r1",
                "ipCidrRange": "10.200.0.0/24",
                "secondaryIpRanges": [
                    {"rangeName": "pods", "ipCidrRange": "10.201.0.0/16"},
                    {"rangeName": "svc", "ipCidrRange": "10.202.0.0/20"},
                ],
            },
        }
        self.sizes: dict[str, int] = {}
        self.changes = 0

    def __call__(self, method: str, url: str, body: Json | None) -> Answer:
        path = url.split("?")[0].removeprefix(COMPUTE).removeprefix(CONTAINER)
        if method == "GET":
            found = self.read(path)
            return Answer(404, {}, google_error(404, "notFound")) if found is None else Answer(200, {}, found)
        self.changes += 1
        if path.endswith("/setDeletionProtection"):
            body = {"deletionProtection": parse_qs(urlsplit(url).query)["deletionProtection"] == ["true"]}
        if path.endswith("/resize"):
            body = {"targetSize": int(parse_qs(urlsplit(url).query)["size"][0])}
        self.write(method, path, copy.deepcopy(body or {}))
        return Answer(200, {}, container_operation() if "/locations/" in path else operation())

    def read(self, path: str) -> Json | None:
        if "/aggregated/" in path:
            kind = path.rsplit("/", 1)[1]
            items = [self.shown(key) for key in self.objects if f"/{kind}/" in key and "/regions/" in key]
            return {"items": {"regions/r1": {kind: items}}}
        if "/instanceGroupManagers/" in path and path.rsplit("/", 1)[1] in self.sizes:
            return {"targetSize": self.sizes[path.rsplit("/", 1)[1]]}
        return self.shown(path) if path in self.objects else None

    def shown(self, path: str) -> Json:
        """An object as the API shows it: with what the API fills in, without what is false, lists in another order."""
        found = copy.deepcopy(self.objects[path])
        found |= {"id": "1", "selfLink": URL + path, "fingerprint": "f", "labelFingerprint": "l"}
        if "/regions/" in path:
            found["region"] = f"{URL}projects/p/regions/r1"
        if "/clusters/" in path:
            found["status"] = "RUNNING"
        if "/instances/" in path:
            # so that everything may be changed that ever may
            found["status"] = "TERMINATED"
        return t.cast("Json", turned(found))

    def write(self, method: str, path: str, body: Json) -> None:
        if method == "DELETE":
            del self.objects[path]
        elif method == "PATCH":
            self.objects[path] = merge(self.objects[path], body)
            self.filled(path, self.objects[path])
        elif method == "PUT":
            self.update(path, body)
        elif match := re.fullmatch(
            r"(.*)/(expandIpCidrRange|setPrivateIpGoogleAccess|setInstanceTemplate|resize)", path
        ):
            self.objects[match[1]] |= body
        elif match := re.fullmatch(r"(.*/instances/\w+)/set(\w+)", path):
            self.set_instance(self.objects[match[1]], match[2], body)
        elif match := re.fullmatch(r"(.*):(setAutoscaling|setManagement|setResourceLabels)", path):
            body.pop("labelFingerprint", None)
            self.objects[match[1]] |= body
        elif path.endswith(":setSize"):
            self.sizes[path.rsplit("/", 1)[1].removesuffix(":setSize")] = body["nodeCount"]
        else:
            made = body.get("cluster") or body.get("nodePool") or body
            self.objects[f"{path}/{made['name']}"] = made
            self.filled(f"{path}/{made['name']}", made)

    @staticmethod
    def set_instance(now: Json, what: str, body: Json) -> None:
        body.pop("labelFingerprint", None)
        if what in ("Tags", "Metadata"):
            now[what.lower()] = body
        elif what == "ServiceAccount":
            now["serviceAccounts"] = [body]
        else:
            now |= body

    def filled(self, path: str, made: Json) -> None:
        """What Google answers in other words than it was asked."""
        if "nodePool" in path:
            made["instanceGroupUrls"] = [f"{URL}projects/p/zones/r1-a/instanceGroupManagers/{made['name']}"]
            self.sizes[made["name"]] = made["initialNodeCount"]
            config = made.setdefault("networkConfig", {})
            block = config.get("podIpv4CidrBlock", "/20")
            config["podIpv4CidrBlock"] = f"10.96.0.0{block}" if block.startswith("/") else block
            made.setdefault("maxPodsConstraint", {"maxPodsPerNode": "110"})
            made["config"].setdefault("machineType", "e2-medium")
        elif "/clusters/" in path:
            policy = made["ipAllocationPolicy"]
            pods = made.get("clusterIpv4Cidr") or policy.get("clusterIpv4CidrBlock") or "/14"
            made["clusterIpv4Cidr"] = f"10.32.0.0{pods}" if pods.startswith("/") else pods
            services = policy.get("servicesIpv4CidrBlock") or "/20"
            policy["servicesIpv4CidrBlock"] = f"10.64.0.0{services}" if services.startswith("/") else services
            policy["clusterIpv4CidrBlock"] = made["clusterIpv4Cidr"]
            policy.pop("useRoutes", None)  # not said of a routes-based one
            made["network"] = made["network"].rsplit("/", 1)[1]
            made["subnetwork"] = made.get("subnetwork", "x/s").rsplit("/", 1)[1]
            made.setdefault("locations", ["r1-a", "r1-b"])
            made.setdefault("releaseChannel", {"channel": "REGULAR"})
        elif "/firewalls/" in path and not made.get("sourceTags") and made.get("direction") != "EGRESS":
            made.setdefault("sourceRanges", ["0.0.0.0/0"])
        elif "/routers/" in path:
            made.setdefault("bgp", {}).setdefault("advertiseMode", "DEFAULT")
            for key in made.get("md5AuthenticationKeys", []):
                key.pop("key", None)
            own = {item["name"]: item["ipRange"].partition("/")[0] for item in made.get("interfaces", [])}
            for peer in made.get("bgpPeers", []):
                filled = {"ipAddress": own[peer["interfaceName"]], "advertiseMode": "DEFAULT", "enable": "TRUE"}
                for name, value in {**filled, "advertisedRoutePriority": 100}.items():
                    peer.setdefault(name, value)
        elif "/externalVpnGateways/" in path:
            # zero is what a number is when it is left out
            for item in made["interfaces"]:
                if item["id"] == 0:
                    del item["id"]
        elif "/vpnTunnels/" in path:
            made |= {"sharedSecret": "*****", "sharedSecretHash": "x", "status": "FIRST_HANDSHAKE"}
        elif "/addresses/" in path:
            made.setdefault("address", "10.200.0.9")
        elif "/instances/" in path:
            made["disks"] = [{"boot": True, "source": "x"}]
            for card in made["networkInterfaces"]:
                card.setdefault("networkIP", "10.200.0.9")
            for account in made.get("serviceAccounts", []):
                if account["email"] == "default":
                    account["email"] = "1-compute@developer.gserviceaccount.com"
        elif "/instanceGroupManagers/" in path:
            made["status"] = {"isStable": True}
            # in another form of the same link
            made["instanceTemplate"] = URL + made["instanceTemplate"].removeprefix(URL)
        elif "/forwardingRules/" in path:
            asked = made.get("IPAddress", "10.200.0.9")
            made["IPAddress"] = self.objects[asked]["address"] if "/" in asked else asked
            made.setdefault("network", f"{URL}projects/p/global/networks/other")

    def update(self, path: str, body: Json) -> None:
        now = self.objects[path]
        change = body.get("update", body)
        policy = now.setdefault("ipAllocationPolicy", {}) if "update" in body else {}
        for key, value in change.items():
            ranges = (
                policy.setdefault("additionalPodRangesConfig", {}).setdefault("podRangeNames", []) if policy else []
            )
            if key == "additionalPodRangesConfig":
                ranges += value["podRangeNames"]
            elif key == "removedAdditionalPodRangesConfig":
                ranges[:] = [name for name in ranges if name not in value["podRangeNames"]]
            elif key == "desiredDefaultSnatStatus":
                now.setdefault("networkConfig", {})["defaultSnatStatus"] = value
            elif key == "desiredEnablePrivateEndpoint":
                now.setdefault("privateClusterConfig", {})["enablePrivateEndpoint"] = value
            elif key.startswith("desired"):
                now[key[7].lower() + key[8:]] = value
            elif key in ("machineType", "imageType"):
                now["config"][key] = value or now["config"].get(key)
            elif key == "nodeVersion":
                now["version"] = value
            elif key != "name":
                now[key] = value


def turned(value: t.Any) -> t.Any:
    """Lists backwards, and without the booleans that are false."""
    if isinstance(value, dict):
        return {
            key: turned(item)
            for key, item in value.items()
            # without this one it would be a legacy network
            if item is not False or key == "autoCreateSubnetworks"
        }
    if isinstance(value, list):
        return [turned(item) for item in reversed(value)]
    return value


def some(**options: st.SearchStrategy[t.Any]) -> st.SearchStrategy[Json]:
    """Any of these options, none of them required."""
    return st.fixed_dictionaries({}, optional=options)


def subset(*values: t.Any, least: int = 0) -> st.SearchStrategy[list[t.Any]]:
    return st.lists(st.sampled_from(values), min_size=least, unique_by=repr)


FLAG = st.booleans()
TEXT = st.sampled_from(["", "text", "[podreach.gke]"])

NETWORK = some(
    description=TEXT,
    auto_create_subnetworks=FLAG,
    mtu=st.sampled_from([1300, 1460]),
    routing_config=some(
        routing_mode=st.sampled_from(["REGIONAL", "GLOBAL"]),
        bgp_best_path_selection_mode=st.sampled_from(["LEGACY", "STANDARD"]),
    ),
)
RANGES = [{"range_name": name, "ip_cidr_range": f"10.{number}.0.0/16"} for number, name in enumerate("abc", 20)]
SUBNETWORKS = some(
    description=TEXT,
    secondary_ip_ranges=subset(*RANGES),
    purge_secondary_ranges=FLAG,
    private_ip_google_access=FLAG,
)
CUSTOM = [{"range": "172.16.0.0/16"}, {"range": "172.17.0.0/16", "description": "x"}]


def sessions(numbers: list[int], parts: Json, purge: bool) -> Json:
    """Interfaces and peers of these numbers, all of them with the same further options."""
    return {
        "interfaces": [
            {"name": f"i{at}", "ip_range": f"169.254.{at}.2/30", "linked_vpn_tunnel": f"t{at}"} for at in numbers
        ],
        "bgp_peers": [
            {
                "name": f"p{at}",
                "interface_name": f"i{at}",
                "peer_ip_address": f"169.254.{at}.1",
                "peer_asn": 64512,
                **copy.deepcopy(parts),
            }
            for at in numbers
        ],
        "purge_interfaces": purge,
        "purge_bgp_peers": purge,
    }


PEER: dict[str, st.SearchStrategy[t.Any]] = {
    "enable": FLAG,
    "advertised_route_priority": st.sampled_from([0, 100]),
    "bfd": some(session_initialization_mode=st.sampled_from(["ACTIVE", "DISABLED"]), multiplier=st.just(7)),
    "custom_learned_ip_ranges": subset("10.7.0.0/16", "10.8.0.0/16"),
    "md5_authentication_key": st.sampled_from(["", "key.of.the.tests"]),
}
CUSTOM_LISTS = {"advertised_groups": subset("ALL_SUBNETS"), "advertised_ip_ranges": subset(*CUSTOM)}
SESSIONS = st.builds(
    sessions,
    subset(0, 1),
    st.one_of(
        st.fixed_dictionaries({}, optional={**PEER, "advertise_mode": st.just("DEFAULT")}),
        st.fixed_dictionaries({"advertise_mode": st.just("CUSTOM")}, optional={**PEER, **CUSTOM_LISTS}),
    ),
    FLAG,
)
ROUTER = st.fixed_dictionaries(
    {
        "bgp": st.one_of(
            st.fixed_dictionaries(
                {"asn": st.just(65010)},
                optional={"advertise_mode": st.just("DEFAULT"), "keepalive_interval": st.sampled_from([20, 30])},
            ),
            st.fixed_dictionaries(
                {"asn": st.just(65010), "advertise_mode": st.just("CUSTOM")},
                optional={"advertised_groups": subset("ALL_SUBNETS"), "advertised_ip_ranges": subset(*CUSTOM)},
            ),
        )
    },
    optional={"description": TEXT, "purge_advertisement": FLAG},
)
PROTOCOLS = [
    {"ip_protocol": "tcp", "ports": ["80", "8000-8100"]},
    {"ip_protocol": "udp", "ports": []},
    {"ip_protocol": "icmp"},
]
RULE = some(
    description=TEXT,
    priority=st.sampled_from([0, 1000]),
    source_ranges=subset("10.0.0.0/8", "192.168.0.0/16", least=1),
    destination_ranges=subset("10.0.0.0/8", least=1),
    source_tags=subset("a", "b"),
    target_tags=subset("a", "b"),
    disabled=FLAG,
    log_config=st.fixed_dictionaries({"enable": FLAG}),
    purge_rules=FLAG,
    purge_ranges=FLAG,
    purge_tags=FLAG,
)
POLICIES = st.one_of(
    st.just({"use_routes": True}),
    some(
        use_ip_aliases=st.just(True),
        cluster_ipv4_cidr_block=st.sampled_from(["/14", "10.40.0.0/16"]),
        services_ipv4_cidr_block=st.sampled_from(["/20", "10.64.0.0/22"]),
    ),
    st.fixed_dictionaries(
        {"cluster_secondary_range_name": st.just("pods"), "services_secondary_range_name": st.just("svc")},
        optional={"additional_pod_ranges_config": st.just({"pod_range_names": ["pods"]})},
    ),
)
CLUSTERS = some(
    description=TEXT,
    ip_allocation_policy=POLICIES,
    private_cluster_config=some(enable_private_nodes=FLAG, master_ipv4_cidr_block=st.just("172.16.0.0/28")),
    master_authorized_networks_config=some(
        enabled=FLAG,
        cidr_blocks=subset({"cidr_block": "203.0.113.0/24", "display_name": "x"}, {"cidr_block": "198.51.100.0/24"}),
    ),
    purge_master_authorized_networks=FLAG,
    release_channel=st.fixed_dictionaries({"channel": st.sampled_from(["REGULAR", "UNSPECIFIED"])}),
    initial_cluster_version=st.sampled_from(["latest", "1.33"]),
    locations=subset("r1-a", "r1-b", least=1),
    resource_labels=st.dictionaries(st.sampled_from(["a_b", "c-d"]), st.sampled_from(["x", 1])),
    network_config=some(datapath_provider=st.sampled_from(["LEGACY_DATAPATH", "ADVANCED_DATAPATH"])),
)
POOL = some(
    node_count=st.integers(0, 3),
    management=some(auto_repair=FLAG, auto_upgrade=FLAG),
    config=some(
        machine_type=st.just("e2-small"),
        image_type=st.just("cos_containerd"),
        disk_size_gb=st.just(50),
        labels=st.dictionaries(st.sampled_from(["a_b", "c"]), st.just("x")),
        tags=subset("a", "b"),
        spot=FLAG,
        oauth_scopes=subset("https://a", "https://b", least=1),
    ),
    network_config=some(pod_ipv4_cidr_block=st.sampled_from(["/20", "10.80.0.0/20"]), create_pod_range=st.just(True)),
    max_pods_constraint=st.fixed_dictionaries({"max_pods_per_node": st.sampled_from([32, 110])}),
    locations=subset("r1-a", "r1-b", least=1),
    upgrade_settings=some(max_surge=st.integers(0, 2), max_unavailable=st.integers(0, 1)),
)

TUNNEL = some(
    description=TEXT,
    peer_external_gateway_interface=st.sampled_from([0, 1]),
    ike_version=st.sampled_from([1, 2]),
    update_secret=st.just("on_create"),
    cipher_suite=some(phase1=some(dh=subset("group14", "group20"), prf=subset("sha2_256"))),
)
EXTERNAL = some(
    description=TEXT,
    interfaces=st.integers(0, 2).map(
        lambda power: [{"id": at, "ip_address": f"203.0.113.{at}"} for at in range(2**power)]
    ),
)

MACHINE = {
    "description": TEXT,
    "can_ip_forward": FLAG,
    "tags": subset("a", "b", "c"),
    "labels": some(x=st.sampled_from(["1", "2"]), y=st.just(3)),
    "metadata": some(script=st.sampled_from(["", "#!/bin/sh\n"]), flag=FLAG),
    "service_account": st.fixed_dictionaries(
        {"email": st.sampled_from(["default", "a@b"])}, optional={"scopes": subset("s1", "s2", least=1)}
    ),
}
CHECK = some(
    description=TEXT,
    http_health_check=some(
        port=st.sampled_from([80, 8080]),
        request_path=st.sampled_from(["/", "/health"]),
        host=st.sampled_from(["", "h"]),
    ),
    check_interval_sec=st.integers(5, 9),
    timeout_sec=st.integers(1, 5),
    healthy_threshold=st.integers(1, 3),
    unhealthy_threshold=st.integers(1, 3),
)
GROUP = some(
    description=TEXT,
    instance_template=st.sampled_from(["t", "projects/p/global/instanceTemplates/u"]),
    target_size=st.integers(0, 3),
    base_instance_name=st.sampled_from(["x", "y"]),
    auto_healing_policies=subset(
        {"health_check": "c"}, {"health_check": f"{URL}projects/p/global/healthChecks/d", "initial_delay_sec": 60}
    ).map(lambda policies: policies[:1]),
    distribution_policy=some(zones=subset("r1-a", "r1-b", least=1)),
)
SERVICE = some(
    description=TEXT,
    backends=st.builds(
        lambda names, more: [{"group": name, **more} for name in names],
        subset("a", "zones/r1-a/instanceGroupManagers/a"),
        some(description=st.sampled_from(["", "x"]), failover=FLAG),
    ),
    purge_backends=FLAG,
    health_checks=st.sampled_from([["c"], ["global/healthChecks/c"]]),
    session_affinity=st.sampled_from(["NONE", "CLIENT_IP"]),
    connection_draining=some(draining_timeout_sec=st.sampled_from([0, 60])),
)
FORWARDING = some(
    description=TEXT,
    ip_address=st.sampled_from(["10.200.0.77", "a"]),
    ip_protocol=st.just("TCP"),
    ports=subset(80, "443", least=1),
    allow_global_access=FLAG,
)

CASES: dict[str, tuple[Definition, Json, st.SearchStrategy[Json]]] = {
    "network": (definition(networks.Network, networks.SPEC), {"name": "new"}, NETWORK),
    "subnetwork": (
        definition(subnetworks.Subnetwork, subnetworks.SPEC),
        {"name": "new", "region": "r1", "network": "n", "ip_cidr_range": "10.1.0.0/24"},
        SUBNETWORKS,
    ),
    "router": (
        definition(routers.Router, routers.SPEC),
        {"name": "new", "region": "r1", "network": "n", "confirm_withdraw_subnets": "new"},
        ROUTER,
    ),
    "router with sessions": (
        definition(routers.Router, routers.SPEC),
        {"name": "new", "region": "r1", "network": "n", "confirm_withdraw_subnets": "new"},
        st.builds(lambda router, more: {**router, **more}, ROUTER, SESSIONS),
    ),
    "vpn_gateway": (
        definition(vpn_gateways.VpnGateway, vpn_gateways.SPEC),
        {"name": "new", "region": "r1", "network": "n"},
        some(description=TEXT, stack_type=st.sampled_from(["IPV4_ONLY", "IPV4_IPV6"])),
    ),
    "external_vpn_gateway": (
        definition(external_vpn_gateways.ExternalVpnGateway, external_vpn_gateways.SPEC),
        {"name": "new", "interfaces": [{"id": 0, "ip_address": "203.0.113.0"}], "confirm_replace": "new"},
        EXTERNAL,
    ),
    "vpn_tunnel": (
        definition(vpn_tunnels.VpnTunnel, vpn_tunnels.SPEC),
        {
            "name": "new",
            "region": "r1",
            "vpn_gateway": "g",
            "vpn_gateway_interface": 0,
            "peer_external_gateway": "e",
            "peer_external_gateway_interface": 0,
            "router": "r",
            "shared_secret": "a.secret",
            "confirm_replace": "new",
        },
        TUNNEL,
    ),
    "address": (
        definition(addresses.Address, addresses.SPEC),
        {"name": "new", "region": "r1", "subnetwork": "s"},
        some(
            description=TEXT,
            address=st.just("10.200.0.77"),
            purpose=st.sampled_from(["GCE_ENDPOINT", "SHARED_LOADBALANCER_VIP"]),
        ),
    ),
    "instance": (
        definition(instances.Instance, instances.SPEC),
        {
            "name": "new",
            "zone": "r1-a",
            "machine_type": "e2-small",
            "boot_disk": {"image": "i"},
            "network_interfaces": [{"subnetwork": "s"}],
        },
        some(
            **MACHINE,
            machine_type=st.sampled_from(["e2-small", "e2-micro"]),
            deletion_protection=FLAG,
            purge_tags=FLAG,
            purge_labels=FLAG,
            purge_metadata=FLAG,
        ),
    ),
    "instance_template": (
        definition(instance_templates.InstanceTemplate, instance_templates.SPEC),
        {
            "name": "new",
            "region": "r1",
            "machine_type": "e2-small",
            "boot_disk": {"image": "i"},
            "network_interfaces": [{"subnetwork": "s"}],
        },
        some(**MACHINE),
    ),
    "firewall_rule": (
        definition(firewall_rules.FirewallRule, firewall_rules.SPEC),
        {"name": "new", "network": "n", "allowed": PROTOCOLS, "source_ranges": ["10.0.0.0/8"]},
        RULE,
    ),
    "health_check": (
        definition(health_checks.HealthCheck, health_checks.SPEC),
        {"name": "new", "region": "r1", "type": "HTTP"},
        CHECK,
    ),
    "instance_group_manager": (
        definition(instance_group_managers.InstanceGroupManager, instance_group_managers.SPEC),
        {"name": "new", "region": "r1", "instance_template": "t", "target_size": 1},
        GROUP,
    ),
    "backend_service": (
        definition(backend_services.BackendService, backend_services.SPEC),
        {"name": "new", "region": "r1", "health_checks": ["c"]},
        SERVICE,
    ),
    "forwarding_rule": (
        definition(forwarding_rules.ForwardingRule, forwarding_rules.SPEC),
        {"name": "new", "region": "r1", "subnetwork": "s", "ports": [22], "backend_service": "b"},
        FORWARDING,
    ),
    "cluster": (
        definition(clusters.Cluster, clusters.SPEC),
        {"name": "c", "location": "r1", "network": "other", "subnetwork": "s"},
        CLUSTERS,
    ),
    "node_pool": (
        definition(node_pools.NodePool, node_pools.SPEC),
        {"name": "new", "location": "r1", "cluster": "c"},
        POOL,
    ),
}


@pytest.fixture(autouse=True)
def _locks_of_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def cloud_for(kind: str) -> Cloud:
    cloud = Cloud()
    if kind == "router with sessions":
        cloud.objects |= {f"projects/p/regions/r1/vpnTunnels/t{at}": {"name": f"t{at}"} for at in range(2)}
    if kind == "vpn_tunnel":
        network = f"{URL}projects/p/global/networks/n"
        cloud.objects |= {
            "projects/p/regions/r1/vpnGateways/g": {"name": "g", "network": network},
            "projects/p/regions/r1/routers/r": {"name": "r", "network": network},
            "projects/p/global/externalVpnGateways/e": {"name": "e", "interfaces": [{}, {"id": 1}]},
        }
    if kind in ("instance_group_manager", "backend_service", "forwarding_rule"):
        where = "projects/p/regions/r1"
        names = [
            *(f"projects/p/global/{name}" for name in ("instanceTemplates/t", "instanceTemplates/u")),
            *(f"projects/p/global/healthChecks/{name}" for name in "cd"),
            *(f"{where}/{name}" for name in ("healthChecks/c", "instanceGroups/a", "backendServices/b", "addresses/a")),
            "projects/p/zones/r1-a/instanceGroups/a",
        ]
        cloud.objects |= {name: {"name": name.rpartition("/")[2], "address": "10.200.0.77"} for name in names}
    if kind == "node_pool":
        cloud.objects[CLUSTER] = {
            "name": "c",
            "locations": ["r1-a"],
            "clusterIpv4Cidr": "10.32.0.0/14",
            "ipAllocationPolicy": {"useIpAliases": True, "clusterSecondaryRangeName": "pods"},
        }
    return cloud


@pytest.mark.parametrize("kind", sorted(CASES))
@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_second_run_changes_nothing(kind: str, data: st.DataObject) -> None:
    module, base, options = CASES[kind]
    params = {**base, **data.draw(options)}
    cloud = cloud_for(kind)
    assert cloud.run(module, params)["changed"]
    changes = cloud.changes
    again = cloud.run(module, params, check_mode=True)
    assert again["plan"] == []
    assert not cloud.run(module, params)["changed"]
    assert cloud.changes == changes


#: options whose change is refused; a second declaration keeps the first one's
FIXED = {
    "network": {"description", "auto_create_subnetworks", "mtu"},
    "subnetwork": {"description"},
    "router": {"description"},
    "router with sessions": {"description"},
    "vpn_gateway": {"description", "stack_type"},
    "external_vpn_gateway": {"description"},
    "vpn_tunnel": {"description"},
    "address": {"description", "address", "purpose"},
    "firewall_rule": set[str](),
    "instance": {"description", "can_ip_forward"},
    "instance_template": set(MACHINE),
    "health_check": set[str](),
    "instance_group_manager": {"base_instance_name", "distribution_policy"},
    "backend_service": set[str](),
    "forwarding_rule": {"description", "ip_address", "ports"},
    "cluster": {
        *("description", "ip_allocation_policy", "private_cluster_config", "network_config", "initial_cluster_version"),
    },
    "node_pool": {"config", "network_config", "max_pods_constraint"},
}


@pytest.mark.parametrize("kind", sorted(CASES))
@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_after_a_change_too_a_second_run_changes_nothing(kind: str, data: st.DataObject) -> None:
    module, base, options = CASES[kind]
    first, second = data.draw(options), data.draw(options)
    kept = {name: value for name, value in first.items() if name in FIXED[kind]}
    params = {
        **base,
        **{name: value for name, value in second.items() if name not in FIXED[kind]},
        **kept,
        "allow_disruption": True,
    }
    cloud = cloud_for(kind)
    cloud.run(module, {**base, **first})
    planned = cloud.run(module, params, check_mode=True)
    done = cloud.run(module, params)
    assert done["changed"] == planned["changed"], "check mode says what will be"
    assert [step["summary"] for step in done["plan"]] == [step["summary"] for step in planned["plan"]]
    assert not cloud.run(module, params)["changed"]


@pytest.mark.parametrize("kind", sorted(CASES))
def test_what_was_made_is_ours_and_can_be_deleted(kind: str) -> None:
    module, base, _options = CASES[kind]
    cloud = cloud_for(kind)
    before = set(cloud.objects)
    cloud.run(module, base)
    more = {"deletion_protection": False} if kind == "cluster" else {}
    assert cloud.run(module, {**base, **more, "state": "absent"})["changed"]
    assert set(cloud.objects) == before
