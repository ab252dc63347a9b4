# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is judged of VPNs, access to AWS, peerings, Shared VPCs, masquerades, Services and flows in a topology. What is
refused is in bad_topologies.
"""

from __future__ import annotations

import copy
import dataclasses
import typing as t

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.podreach.gke.plugins.inventory import topology as plugin_file
from ansible_collections.podreach.gke.plugins.module_utils.arguments import Call
from ansible_collections.podreach.gke.plugins.module_utils.aws import pod_access, vpn
from ansible_collections.podreach.gke.plugins.module_utils.errors import InvalidInput, PodreachError
from ansible_collections.podreach.gke.plugins.module_utils.kubernetes import probes, services
from ansible_collections.podreach.gke.plugins.module_utils.topology import reading as topology

SPECS = plugin_file.load_specs()
HEAD = "plugin: podreach.gke.topology\nenvironment: lab\nproject: podreach-lab\nregion: asia-northeast1\n"
TEMPLATE = "{{ something }}"
NETWORK = """
networks:
  n1:
    subnetworks:
      - name: s1
        ip_cidr_range: 10.1.1.0/24
        secondary_ip_ranges:
          - {range_name: pods, ip_cidr_range: 10.1.128.0/19}
          - {range_name: services, ip_cidr_range: 10.1.160.0/22}
    routers:
      - {name: r1, bgp: {asn: 65010}}
clusters:
  c1:
    network: n1
    subnetwork: s1
    ip_allocation_policy: {cluster_secondary_range_name: pods, services_secondary_range_name: services}
"""
ROUTES_BASED = """
networks:
  n1: {subnetworks: [{name: s1, ip_cidr_range: 10.1.1.0/24}]}
clusters:
  c1: {network: n1, subnetwork: s1, cluster_ipv4_cidr: 10.32.0.0/14, ip_allocation_policy: {use_routes: true}}
"""
#: Every key that any rule looks at, in entries that are right.
FULL = (
    HEAD
    + """
aws_region: ap-northeast-1
aws_account: "123456789012"
"""
    + NETWORK
    + """
vpns:
  v1:
    network: n1
    asn: 65011
    aws_region: us-gov-west-1
    aws_account: "210987654321"
    external_gateway: aws-vpc
    advertise_mode: CUSTOM
    advertised_groups: [ALL_SUBNETS]
    advertised_ip_ranges: [{range: 10.9.0.0/16, description: more}]
    advertised_prefix_limit: 50
    confirm_withdraw_subnets: v1-router
    pre_shared_keys: [good.key_1, good.key_2, good.key_3, good.key_4]
    aws:
      vpc_id: vpc-0a1b
      gateway: {type: transit_gateway, asn: 64513, subnets: [subnet-0a1b]}
      connections:
        - tunnels: [{inside_cidr: 169.254.10.0/30}, {inside_cidr: 169.254.10.4/30}]
        - tunnels: [{inside_cidr: 169.254.10.8/30}, {inside_cidr: 169.254.10.12/30}]
      tunnel_options:
        ike_versions: [ikev2]
        phase1_encryption_algorithms: [AES256]
        phase1_dh_group_numbers: [14]
        phase2_dh_group_numbers: [5]
        phase1_lifetime_seconds: 3601
        phase2_lifetime_seconds: 3600
        dpd_timeout_seconds: 30
        startup_action: start
      route_tables: [all]
      google_ranges: [10.1.1.0/24, 10.1.128.0/19]
  v2: {network: n1, router: r1, aws: {gateway: {id: vgw-0a1b}, route_tables: [main]}}
  v3:
    network: n1
    asn: 65012
    peer_asn: 65020
    peer_interfaces:
      - {ip_address: 203.0.113.7, ip_range: 169.254.30.2/30, peer_ip_address: 169.254.30.1}
      - {ip_address: 203.0.113.7, ip_range: 169.254.30.6/30, peer_ip_address: 169.254.30.5}
    pre_shared_keys: ["one of any length", two]
  v4: {state: absent, network: n1}
aws:
  a1:
    vpc: aws-vpc
    region: ap-northeast-1
    account: "123456789012"
    allow_disruption: true
    rules:
      - {name: pings, group: aws-ec2, ranges: [10.1.128.0/19], purge_rules: true, description: "Pods (all of them)"}
      - {group: sg-0a1b, ranges: [10.1.128.0/19], protocol: tcp, ports: ["80", 8000-8100]}
      - {group: aws-ec2, vpc: vpc-0a1b, ranges: [10.1.1.0/24], protocol: all}
  a2: {state: absent, rules: [{group: sg-0a1b}]}
peerings:
  p1:
    network: n1
    name: n1-to-n2
    peer_network: n2
    peer_project: my-peer-project
    export_custom_routes: true
    export_subnet_routes_with_public_ip: false
    stack_type: IPV4_IPV6
    peering_limit: 30
    peer_side: {name: n2-to-n1, import_custom_routes: true}
    peer_auth: {impersonate_service_account: a@b.c, access_token: hush}
  p2: {state: absent, network: n1, peer_network: projects/my-peer-project/global/networks/n3}
shared_vpcs:
  h1:
    host_project: my-host-project
    service_projects: [my-project-2, my-project-3]
    subnetworks:
      - {name: s8}
      - {name: s8, region: us-east1}
      - {name: projects/my-host-project/regions/us-east1/subnetworks/s9, region: us-east1}
    firewall_admin: true
    service_auth: {impersonate_service_account: a@b.c, access_token: hush}
    resource_manager_endpoint: http://127.0.0.1:1/v1/
  h2: {service_projects: [my-project-4], all_subnetworks: true}
  h3: {state: absent, host_project: my-host-project, service_projects: [my-project-5], disable_host: false}
masquerades:
  m1:
    cluster: c1
    owner: shop
    keep: [10.9.0.0/16]
    masquerade: [10.2.0.0/16]
    unmentioned: masquerade
    cluster_ranges: [10.1.0.0/16]
    resync_interval: 30s
    masq_link_local: false
  m2: {cluster: c1, owner: list, non_masquerade_cidrs: [10.0.0.0/8, "fd20::/64"]}
  m3: {cluster: c1, owner: gone, state: absent}
  m4: {cluster: c2, location: asia-northeast1, masquerade: [10.2.0.0/16]}
services:
  lb1:
    cluster: c1
    namespace: web
    selector: {app: web, tier: 1}
    ports:
      - {port: 80, target_port: "8080", name: http}
      - {port: 443, target_port: https, name: https, protocol: TCP}
    labels: {team: shop}
    annotations: {example.com/note: x}
    load_balancer_ip: 10.1.1.77
    address: {name: web-address, subnetwork: s1, address: 10.1.1.77, region: asia-northeast1}
    source_ranges: [10.0.0.0/8, "fd20::/64"]
    subnet: s1
  lb2: {kubeconfig: ./kubeconfig, selector: {app: web}, ports: [{port: 53, protocol: UDP}], address_names: [dns]}
  lb3: {cluster: c1, state: absent}
flows:
  f1: {cluster: c1, kind: icmp, target: 10.0.1.7, count: 5, min_received: 4, image: busybox, labels: {app: web}}
  f2: {cluster: c1, kind: tcp, target: 10.0.1.7, port: 5432, expect: unreachable, probe_timeout: 2, timeout: 60}
  f3: {cluster: c1, kind: http, url: "http://10.0.1.7:8080/health", status: [200, 204], body: "^ok"}
  f4: {cluster: c1, kind: dns, target: db.example.com, namespace: web, pod: web-0.1, container: web}
  f5: {cluster: c1, kind: dns, target: db.example.org, node_selector: {zone: 1}}
"""
)


def read(document: t.Any) -> topology.Topology:
    document = yaml.safe_load(document) if isinstance(document, str) else document
    return topology.read(document, SPECS, plugin_file.is_opaque)


def errors(document: t.Any) -> list[str]:
    return [str(problem) for problem in read(document).errors]


def warnings(text: str) -> list[str]:
    result = read(text)
    assert [str(problem) for problem in result.errors] == []
    return [str(problem) for problem in result.warnings]


def test_everything_that_is_right() -> None:
    assert warnings(FULL) == []


def places(value: t.Any, path: tuple[t.Any, ...] = ()) -> t.Iterator[tuple[t.Any, ...]]:
    """The way to everything below the kinds' entries."""
    if len(path) > 2:
        yield path
    keys = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in keys:
        yield from places(item, (*path, key))


def with_value(document: t.Any, path: tuple[t.Any, ...], value: t.Any) -> t.Any:
    """A copy with another value in one place."""
    changed = copy.deepcopy(document)
    holder = changed
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return changed


DOCUMENT = yaml.safe_load(FULL)
KINDS = ("vpns", "aws", "peerings", "shared_vpcs", "masquerades", "services", "flows")
PLACES = [path for kind in KINDS for path in places({kind: DOCUMENT[kind]})]


def test_no_template_is_judged_anywhere() -> None:
    assert len(PLACES) > 150
    for path in PLACES:
        assert errors(with_value(DOCUMENT, path, TEMPLATE)) == [], path


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "wrong", "a b", [], ["x"], {}, {"x": 1}, None, [None], [[]]])
def test_wrong_values_anywhere_are_reported_not_raised(wrong: t.Any) -> None:
    for path in PLACES:
        read(with_value(DOCUMENT, path, wrong))


def test_every_other_key_may_be_left_out_or_is_reported() -> None:
    """What is missing is an error with the path of what is missing, or none."""
    for path in PLACES:
        changed = copy.deepcopy(DOCUMENT)
        holder = changed
        for key in path[:-1]:
            holder = holder[key]
        del holder[path[-1]]
        for error in errors(changed):
            assert error.startswith(f"{path[0]}.{path[1]}"), error


def test_keys_are_never_shown() -> None:
    """Whatever is wrong with a pre-shared key, and wherever it was put."""
    for value in (
        "hush",
        ["hush"] * 3,
        ["0hush-hush"] * 4,
        ["hush\thush\n"] * 4,
        [["hush"]],
        {"hush": "hush"},
        ["hüsh"],
    ):
        for entry in ("v1", "v3"):
            found = errors(with_value(DOCUMENT, ("vpns", entry, "pre_shared_keys"), value))
            assert found
            assert not [line for line in found if "hush" in line or "hüsh" in line]


def test_autonomous_systems_of_a_declared_router_are_its_own() -> None:
    assert read(FULL).hosts[3].variables["vpn_asn"] == 65010
    for routers in (TEMPLATE, [TEMPLATE], [{"name": TEMPLATE, "bgp": {"asn": 65010}}]):
        assert errors(with_value(DOCUMENT, ("networks", "n1", "routers"), routers)) == []


# ---------------------------------------------------------------------------------------------------------------------
# What the modules would refuse by looking at options alone

AWS_VPN = {"vpc_name": "aws-vpc"}
TUNNEL_OPTIONS: tuple[dict[str, t.Any], ...] = (
    {"ike_versions": []}, {"ike_versions": ["ikev2"]}, {"phase1_dh_group_numbers": [5]},
    {"phase2_dh_group_numbers": [5]}, {"phase1_lifetime_seconds": 899}, {"phase1_lifetime_seconds": 28801},
    {"phase1_lifetime_seconds": 3600}, {"phase1_lifetime_seconds": 3601}, {"phase2_lifetime_seconds": 899},
    {"phase1_lifetime_seconds": 900, "phase2_lifetime_seconds": 900}, {"dpd_timeout_seconds": 29},
    {"dpd_timeout_seconds": 30},
)  # fmt: skip


def values(name: str, options: t.Mapping[str, t.Any], spec: t.Any) -> dict[str, t.Any]:
    """Parameters of a module with its defaults; raises what Ansible itself would refuse."""
    validation = ArgumentSpecValidator(spec.options, **spec.rules()).validate({"name": name, **options})
    if validation.errors.errors:
        raise InvalidInput(str(validation.error_messages))
    found: dict[str, t.Any] = validation.validated_parameters
    return found


@pytest.mark.parametrize(
    "aws",
    [
        AWS_VPN,
        {"vpc_id": "vpc-0a1b"},
        {"vpc_id": "vpc-0a1b", "vpc_name": "aws-vpc"},
        *({**AWS_VPN, "gateway": gateway} for gateway in (
            {"id": "vgw-0a1b"}, {"id": "tgw-0a1b"}, {"id": "gw"}, {"id": "tgw-0a1b", "type": "virtual_private_gateway"},
            {"asn": 64511}, {"asn": 65535}, {"asn": 4200000000}, {"asn": 4294967295}, {"asn": 65011},
            {"subnets": ["subnet-0a1b"]}, {"id": "vgw-0a1b", "route_table_id": "tgw-rtb-0a1b"},
        )),
        *({**AWS_VPN, "google_ranges": [text]} for text in ("10.0.0.0/8", "10.0.0.1/8", "10.0.0.0", "fd20::/64", "x")),
        *({**AWS_VPN, "tunnel_options": options} for options in TUNNEL_OPTIONS),
        *({**AWS_VPN, "connections": connections} for connections in (
            [{}], [{}, {}], [{}, {}, {"tunnels": [{}]}], [{"tunnels": [{}, {}, {}]}],
            [{"tunnels": [{"inside_cidr": "169.254.9.0/30"}, {"inside_cidr": "169.254.9.0/30"}]}],
            *([{"tunnels": [{"inside_cidr": text}]}] for text in (
                "169.254.5.0/30", "169.254.6.0/30", "169.254.6.1/30", "169.254.6.0/29", "169.254.169.252/30",
                "10.0.0.0/30", "x",
            )),
        )),
    ],
)  # fmt: skip
def test_the_topology_refuses_what_aws_vpn_would(aws: dict[str, t.Any]) -> None:
    options = {**aws, "customer_asn": 65011, "customer_addresses": ["203.0.113.1", "203.0.113.2"]}
    document = {**yaml.safe_load(HEAD + NETWORK), "vpns": {"v1": {"network": "n1", "asn": 65011, "aws": aws}}}
    found = errors(document)
    try:
        parameters = {**values("v1", options, vpn.SPEC)}
        vpn.AwsVpn(t.cast("t.Any", None), Call(parameters))
    except PodreachError as error:
        assert found, error
    else:
        assert found == []


@pytest.mark.parametrize(
    "key", ["good.key_1", "a" * 64, "a" * 65, "a" * 7, "0abcdefgh", "abcdefg-", "abcdefgh ", "äbcdefgh", "abcdefgh\n"]
)
def test_the_topology_refuses_the_keys_that_aws_vpn_would(key: str) -> None:
    connections = [{"tunnels": [{"pre_shared_key": key}]}]
    found = errors(with_value(DOCUMENT, ("vpns", "v1", "pre_shared_keys"), [key] * 4))
    options = {"customer_addresses": ["203.0.113.1"], "connections": connections}
    try:
        vpn.AwsVpn(t.cast("t.Any", None), Call(values("v1", options, vpn.SPEC)))
    except PodreachError:
        assert found
    else:
        assert found == []


@pytest.mark.parametrize(
    "rule",
    [
        {}, {"ranges": []}, {"ranges": ["10.0.0.0/8"]}, {"ranges": ["10.0.0.1/8"]}, {"ranges": ["fd20::/64"]},
        {"ranges": ["10.0.0.0/8", "10.0.0.0/8"]},
        *({"ranges": ["10.0.0.0/8"], **more} for more in (
            {"protocol": "tcp"}, {"protocol": "tcp", "ports": ["80"]}, {"protocol": "udp", "ports": []},
            {"protocol": "all", "ports": ["80"]}, {"protocol": "icmp", "ports": []}, {"ports": ["80"]},
            {"protocol": "tcp", "ports": ["80-70"]}, {"protocol": "tcp", "ports": ["65536"]},
            {"protocol": "tcp", "ports": ["http"]}, {"protocol": "tcp", "ports": ["0-65535"]},
            {"protocol": "sctp"}, {"description": "x" * 255}, {"description": "x" * 256}, {"description": "it's"},
            {"name": "x" * 255}, {"name": "x" * 256},
        )),
    ],
)  # fmt: skip
def test_the_topology_refuses_what_aws_pod_access_would(rule: dict[str, t.Any]) -> None:
    found = errors({**yaml.safe_load(HEAD), "aws": {"a1": {"rules": [{"group": "sg-0a1b", **rule}]}}})
    spec = pod_access.SPEC
    try:
        parameters = values("a1", {"group_id": "sg-0a1b", "state": "present", **rule}, _with_state(spec))
        pod_access.PodAccess(t.cast("t.Any", None), Call(parameters))
    except PodreachError as error:
        assert found, error
    else:
        # an empty list of ranges admits nobody, which nobody means
        assert found == [] or rule.get("ranges") == []


def _with_state(spec: t.Any) -> t.Any:
    return dataclasses.replace(spec, options={**spec.options, "state": {"type": "str"}})


PROBES: tuple[dict[str, t.Any], ...] = (
    {"kind": "tcp"}, {"kind": "tcp", "port": 0}, {"kind": "tcp", "port": 65535}, {"kind": "tcp", "port": 65536},
    {"count": 0}, {"min_received": 0}, {"probe_timeout": 0}, {"timeout": 0}, {"count": 2, "min_received": 3},
    {"min_received": 4}, {"count": 4, "min_received": 4}, {"namespace": "A"}, {"pod": "A"}, {"pod": "a.b-c"},
    {"labels": {"a": []}}, {"labels": {"a": 1}}, {"labels": {"app.kubernetes.io/managed-by": "x"}},
    {"labels": {"app.kubernetes.io/component": "x"}}, {"node_selector": {"a": None}},
    {"host_network": True}, {"host_network": True, "pod": "a"}, {"host_network": False, "pod": "a"},
    {"source_url": "http://10.0.1.7/"}, {"source_url": "10.0.1.7/"}, {"source_url": "ftp://10.0.1.7/"},
)  # fmt: skip
SERVICE = {"selector": {"app": "web"}, "ports": [{"port": 80}]}


@pytest.mark.parametrize(
    "more",
    [
        {}, {"name": "1web"}, {"name": "web-"}, {"name": "x" * 63}, {"name": "x" * 64}, {"namespace": "1a"},
        {"namespace": "A"}, {"namespace": "x" * 64}, {"selector": {}}, {"selector": {"a": []}}, {"selector": {"a": 1}},
        {"labels": {"a": None}}, {"labels": {"app.kubernetes.io/managed-by": "x"}}, {"labels": {"a": True}},
        *({"annotations": {name: "x"}} for name in (
            "networking.gke.io/load-balancer-type", "cloud.google.com/load-balancer-type",
            "networking.gke.io/load-balancer-ip-addresses", "networking.gke.io/internal-load-balancer-subnet",
            "networking.gke.io/internal-load-balancer-allow-global-access", "example.com/x",
        )),
        {"load_balancer_ip": "10.0.0.300"}, {"load_balancer_ip": "name"}, {"load_balancer_ip": "fd20::1"},
        {"load_balancer_ip": "fd20::x"}, {"load_balancer_ip": "10.1.1.7", "address_names": ["a"]},
        {"address_names": ["a"]}, {"address_names": ["10.1.1.7"]}, {"source_ranges": ["10.0.0.0/8", "fd20::/64"]},
        {"source_ranges": ["10.0.0.1/8"]}, {"source_ranges": ["fd20::1/64"]}, {"source_ranges": ["x"]},
        *({"ports": ports} for ports in (
            [], [{"port": 0}], [{"port": 65536}], [{"port": 80, "target_port": "0"}],
            [{"port": 80, "target_port": "http"}], [{"port": 80, "target_port": "x" * 16}],
            [{"port": 80, "target_port": "a--b"}], [{"port": 80, "name": "a"}, {"port": 81}],
            [{"port": 80, "name": "a"}, {"port": 80, "name": "b"}],
            [{"port": 80, "name": "a"}, {"port": 81, "name": "a"}],
            [{"port": 80, "name": "a"}, {"port": 81, "name": "b"}], [{"port": 80, "protocol": "SCTP"}],
        )),
    ],
)  # fmt: skip
def test_the_topology_refuses_what_internal_service_would(more: dict[str, t.Any]) -> None:
    entry = {"cluster": "c1", **SERVICE, **more}
    found = errors({**yaml.safe_load(HEAD + NETWORK), "services": {"web": entry}})
    options = {**entry, "name": more.get("name", "web"), "location": "asia-northeast1"}
    try:
        services.InternalService(t.cast("t.Any", None), Call(values(options.pop("name"), options, services.SPEC)))
    except PodreachError as error:
        assert found, error
    else:
        assert found == []


@pytest.mark.parametrize(
    "flow",
    [
        {}, {"target": "10.0.1.7"}, {"target": "-c"}, {"target": "a b"},
        *({"target": "10.0.1.7", **more} for more in PROBES),
        *({"kind": "http", "url": url} for url in (
            "http://10.0.1.7", "https://h:443/p", "ftp://h", "10.0.1.7", "http://", "http://h:0", "http://h:x",
            "http://a b",
        )),
        {"kind": "http"}, {"kind": "http", "url": "http://h", "body": "("}, {"kind": "dns"},
    ],
)  # fmt: skip
def test_the_topology_refuses_what_pod_probe_would(flow: dict[str, t.Any]) -> None:
    entry = {"cluster": "c1", "kind": "icmp", **flow}
    found = errors({**yaml.safe_load(HEAD + NETWORK), "flows": {"f1": entry}})
    validation = ArgumentSpecValidator(probes.SPEC.options, **probes.SPEC.rules()).validate(
        {**entry, "location": "asia-northeast1"}
    )
    refused = validation.error_messages or probes.complaints(validation.validated_parameters)
    assert bool(found) == bool(refused), (found, refused)


# ---------------------------------------------------------------------------------------------------------------------
# Several entries together

TO_AWS = "vpns:\n  v1: {network: n1, asn: 65010, aws: {vpc_name: aws-vpc}MORE}\n"


def test_pods_that_aws_has_no_way_back_to() -> None:
    text = HEAD + ROUTES_BASED + TO_AWS
    assert warnings(text.replace("MORE", "")) == [
        "vpns.v1.advertised_ip_ranges: 10.32.0.0/14 of clusters.c1 is not among them, and as the cluster is "
        "routes-based, AWS has no way back to its pods: add 'c1' to vpns.v1.advertise_pods_of, or make the cluster "
        "anew with its pods in a secondary range"
    ]
    assert warnings(text.replace("MORE", ", advertise_pods_of: [c1]")) == []
    custom = ", advertise_mode: CUSTOM, advertised_groups: [ALL_SUBNETS], advertised_ip_ranges: [{range: X}]"
    assert warnings(text.replace("MORE", custom.replace("X", "10.32.0.0/14"))) == []
    assert warnings(text.replace("MORE", custom.replace("X", "10.32.0.0/12"))) == []
    assert len(warnings(text.replace("MORE", custom.replace("X", "10.32.0.0/15")))) == 1
    assert warnings(text.replace("MORE", custom.replace("X", '"{{ pods }}"'))) == []


def test_the_way_back_by_a_declared_router() -> None:
    router = "routers: [{name: r1, bgp: {asn: 65010, advertise_mode: CUSTOM, advertised_groups: [ALL_SUBNETS]RANGES}}]"
    text = HEAD + ROUTES_BASED.replace("n1: {", "n1: {" + router + ", ") + TO_AWS.replace("asn: 65010", "router: r1")
    text = text.replace("MORE", "")
    assert warnings(text.replace("RANGES", ", advertised_ip_ranges: [{range: 10.32.0.0/14}]")) == []
    found = warnings(text.replace("RANGES", ""))
    assert [line.partition(": ")[0] for line in found] == ["networks.n1.routers[0].bgp.advertised_ip_ranges"]


def test_google_ranges_without_the_pods() -> None:
    text = HEAD + NETWORK + TO_AWS.replace("MORE", "").replace("aws-vpc", "aws-vpc, google_ranges: [RANGES]")
    assert warnings(text.replace("RANGES", "10.1.0.0/16")) == []
    assert warnings(text.replace("RANGES", '"{{ ranges }}"')) == []
    assert warnings(text.replace("RANGES", "10.1.1.0/24")) == [
        "vpns.v1.aws.google_ranges: 10.1.128.0/19 at networks.n1.subnetworks[0].secondary_ip_ranges[0].ip_cidr_range, "
        "where pods of clusters.c1 are, is in none of them: add it"
    ]


def test_a_hundred_prefixes_are_not_too_many() -> None:
    def declared(count: int, more: str = "", network: str = "") -> str:
        subnetworks = "".join(f"      - {{name: s{i}, ip_cidr_range: 10.1.{i}.0/24}}\n" for i in range(count))
        return HEAD + f"networks:\n  n1:\n{network}    subnetworks:\n{subnetworks}" + TO_AWS.replace("MORE", more)

    assert warnings(declared(100)) == []
    assert len(errors(declared(101))) == 1
    assert errors(declared(101))[0].startswith("vpns.v1: 101 prefixes would be advertised, and 100 is the limit: ")
    assert warnings(declared(101, ", advertised_prefix_limit: 1000")) == []
    assert warnings(declared(101, ', advertise_mode: "{{ mode }}"')) == []
    custom = (
        ", advertise_mode: CUSTOM, confirm_withdraw_subnets: v1-router, advertised_ip_ranges: [{range: 10.1.0.0/16}]"
    )
    assert warnings(declared(101, custom)) == []
    elsewhere = declared(100).replace(
        "      - {name: s0,", "      - {name: t, region: us-east1, ip_cidr_range: 10.9.0.0/24}\n      - {name: s0,"
    )
    assert warnings(elsewhere) == []
    assert len(errors(elsewhere.replace("  n1:\n", "  n1:\n    routing_config: {routing_mode: GLOBAL}\n"))) == 1


def test_networks_that_lead_to_different_places_may_overlap() -> None:
    text = (
        HEAD
        + """
networks:
  n1: {subnetworks: [{name: s1, ip_cidr_range: 10.1.0.0/16}]}
  n2: {subnetworks: [{name: s2, ip_cidr_range: 10.1.1.0/24}]}
vpns:
  v1: {network: n1, asn: 65010, aws_region: ap-northeast-1, aws: {vpc_name: aws-vpc}}
  v2: {network: n2, asn: 65011, aws_region: OTHER, aws: {vpc_name: aws-vpc, gateway: {id: vgw-0a1b}}MORE}
"""
    )
    assert len(errors(text.replace("OTHER", "ap-northeast-1").replace("MORE", ""))) == 1
    assert warnings(text.replace("OTHER", "us-east-1").replace("MORE", "")) == []
    assert warnings(text.replace("OTHER", "ap-northeast-1").replace("MORE", ", state: absent")) == []
    hidden = (
        ", advertise_mode: CUSTOM, confirm_withdraw_subnets: v2-router, advertised_ip_ranges: [{range: 10.7.0.0/16}]"
    )
    assert warnings(text.replace("OTHER", "ap-northeast-1").replace("MORE", hidden)) == []


def test_two_vpns_of_one_network_lead_to_one_gateway() -> None:
    gateway = "aws: {gateway: {id: tgw-0a1b}}"
    assert (
        warnings(
            HEAD
            + NETWORK
            + f"vpns:\n  v1: {{network: n1, asn: 65010, {gateway}}}\n  v2: {{network: n1, asn: 65011, {gateway}}}\n"
        )
        == []
    )


def test_equal_flows() -> None:
    flow = "{cluster: c1, kind: icmp, target: TARGET}"
    text = HEAD + NETWORK + f"flows:\n  f1: {flow}\n  f2: {flow[:-1]}, name: again}}\n  f3: {flow[:-1]}, count: 5}}\n"
    assert warnings(text.replace("TARGET", "10.0.1.7")) == [
        "flows.f2: the flow is the same as flows.f1: remove one of them"
    ]
    assert warnings(text.replace("TARGET", '"{{ target }}"')) == []


def test_addresses_in_a_subnetwork_that_is_named() -> None:
    text = (
        HEAD
        + NETWORK.replace("    routers:", "      - {name: s2, ip_cidr_range: 10.2.0.0/24}\n    routers:")
        + (
            "services:\n  lb1: {cluster: c1, selector: {app: web}, ports: [{port: 80}], subnet: s2, "
            "load_balancer_ip: IP}\n"
        )
    )
    assert warnings(text.replace("IP", "10.2.0.9")) == []
    assert len(errors(text.replace("IP", "10.1.1.9"))) == 1
    assert len(errors(text.replace("IP", "10.2.0.255"))) == 1
