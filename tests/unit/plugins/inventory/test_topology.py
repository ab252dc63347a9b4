# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The topology inventory plugin: in this process where possible, and by Ansible's own commands where that matters."""

from __future__ import annotations

import copy
import json
import os
import pathlib
import subprocess
import sys
import textwrap
import typing as t

import pytest
import yaml
from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader

from ansible_collections.podreach.gke.plugins.inventory import topology as plugin_file
from ansible_collections.podreach.gke.plugins.module_utils.topology import reading as topology

ROOT = pathlib.Path(__file__).resolve().parents[4]
BAD = sorted((ROOT / "tests" / "unit" / "data" / "bad_topologies").glob("*.podreach.yml"))
SPECS = plugin_file.load_specs()
HEAD = "plugin: podreach.gke.topology\nenvironment: lab\nproject: podreach-lab\nregion: asia-northeast1\n"
# Encrypted with a password that nobody needs: it must never be asked for.
VAULTED = """!vault |
      $ANSIBLE_VAULT;1.1;AES256
      66376135313461323032363330343266636462336436373761326538653133333930386439323333
      3062653966373061303534386364626230623365326638620a636436633634323164316563323063
      32303331393739653131373366373862333133383665326433376131636565653265363462353863
      6265613366633261390a626165396434363164326264643030663232636238373731353134656166
      3834
"""
#: Two pod ranges, and everything a cluster can refer to.
BASE = (
    HEAD
    + """
networks:
  n1:
    subnetworks:
      - name: s1
        ip_cidr_range: 10.1.0.0/20
        secondary_ip_ranges:
          - {range_name: pods, ip_cidr_range: 10.16.0.0/14}
          - {range_name: more-pods, ip_cidr_range: 10.20.0.0/16}
          - {range_name: services, ip_cidr_range: 10.24.0.0/20}
"""
)
CLUSTER = """
clusters:
  c1:
    network: n1
    subnetwork: s1
    ip_allocation_policy: {cluster_secondary_range_name: pods, services_secondary_range_name: services}
"""
#: An entry of each kind, with all that it refers to.
EVERY_KIND = (
    BASE
    + CLUSTER
    + """
vpns:
  v1: {network: n1, asn: 65010, aws: {vpc_name: aws-vpc, route_tables: [all]}}
aws:
  a1: {vpc: aws-vpc, rules: [{group: aws-ec2, ranges: [10.16.0.0/14]}]}
peerings:
  p1: {network: n1, peer_network: projects/other-project/global/networks/n2}
shared_vpcs:
  h1: {host_project: podreach-host, service_projects: [podreach-lab], subnetworks: [{name: s9}]}
masquerades:
  m1: {cluster: c1, masquerade: [10.2.0.0/16]}
services:
  lb1: {cluster: c1, selector: {app: web}, ports: [{port: 80}]}
flows:
  f1: {cluster: c1, kind: icmp, target: 10.0.1.7}
"""
)


def parse(path: pathlib.Path, inventory: InventoryData | None = None) -> InventoryData:
    inventory = inventory or InventoryData()
    plugin_file.InventoryModule().parse(inventory, DataLoader(), str(path))
    return inventory


@pytest.fixture
def write(tmp_path: pathlib.Path) -> t.Callable[..., pathlib.Path]:
    def write(text: str, name: str = "t.podreach.yml") -> pathlib.Path:
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def read(text: str, is_opaque: t.Callable[[t.Any], bool] = plugin_file.is_opaque) -> topology.Topology:
    return topology.read(yaml.safe_load(text), SPECS, is_opaque)


def good(text: str) -> topology.Topology:
    result = read(text)
    assert [str(problem) for problem in result.errors] == []
    return result


def errors(text: str) -> list[str]:
    return [str(problem) for problem in read(text).errors]


def variables(text: str, host: str) -> dict[str, t.Any]:
    return next(item.variables for item in good(text).hosts if item.name == host)


def command(name: str, *args: str | pathlib.Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """One of Ansible's commands, of the Ansible that runs these tests."""
    collections = (
        ROOT.parents[2] if ROOT.parts[-3:] == ("ansible_collections", "podreach", "gke") else ROOT / ".collections"
    )
    clean = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    return subprocess.run(
        [sys.executable, "-m", f"ansible.cli.{name}", *map(str, args)],
        env={**clean, "ANSIBLE_COLLECTIONS_PATH": str(collections), "ANSIBLE_NOCOLOR": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


# ---------------------------------------------------------------------------------------------------------------------
# Bad topologies


def said(path: pathlib.Path) -> list[str]:
    """What a bad topology's first comments say that is to be said about it; a line that is indented goes on."""
    found: list[str] = []
    for line in path.read_text().splitlines():
        if line.startswith("#   "):
            found[-1] += " " + line[4:]
        elif line.startswith("# "):
            found.append(line[2:])
        else:
            break
    return found


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.name.removesuffix(".podreach.yml"))
def test_bad_topology(path: pathlib.Path) -> None:
    """Exactly what the file says of itself, and nothing else."""
    expected = [f"{path}: {line}" for line in said(path)]
    assert expected
    inventory = InventoryData()
    with pytest.raises(AnsibleParserError) as caught:
        parse(path, inventory)
    lines = str(caught.value).splitlines()
    if len(expected) > 1:
        assert lines.pop(0) == f"{len(expected)} mistakes in this topology:"
    assert lines == expected
    assert inventory.hosts == {}, "a bad topology leaves nothing behind"


def test_there_are_enough_bad_topologies() -> None:
    lengths = [len(said(path)) for path in BAD]
    assert lengths.count(1) >= 40
    assert max(lengths) >= 8


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + "networks:\n  n1: {mtu: 1460\n  n2: {}\n", "line 7, column 5: is not valid YAML, "),
        (HEAD + "networks:\n\tn1: {}\n", "line 6, column 1: is not valid YAML, "),
        (
            HEAD + "networks:\n  n1: {mtu: 1460}\n  n1: {mtu: 1500}\n",
            "networks.n1: the key is there twice, in lines 6 and 7: keep one of them",
        ),
        ("environment: lab\n", "plugin: the key is missing: add 'plugin: podreach.gke.topology'"),
        (
            HEAD.replace("topology", "topolgy"),
            "plugin: 'podreach.gke.topolgy' is not one of podreach.gke.topology: did you mean 'podreach.gke.topology'?",
        ),
        ("", "expected keys such as 'environment' and 'networks', got nothing: write a mapping"),
    ],
)
def test_bad_file(write: t.Callable[..., pathlib.Path], text: str, message: str) -> None:
    path = write(text)
    with pytest.raises(AnsibleParserError) as caught:
        parse(path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert len(str(caught.value).splitlines()) == 1


def test_file_that_is_no_text(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "t.podreach.yml"
    path.write_bytes(b"plugin: \xff\xfe")
    with pytest.raises(AnsibleParserError, match=r"t\.podreach\.yml: cannot be read as text"):
        parse(path)


def test_secrets_are_not_shown() -> None:
    shown = "\n".join(
        errors(HEAD + "access_token: [hush-hush]\nservice_account_contents: 7654321\nacces_token: hush-hush\n")
    )
    assert "access_token" in shown
    assert "hush" not in shown
    assert "7654321" not in shown


def test_secret_inputs_have_no_choices() -> None:
    """Ansible prints the value of an option that is none of its choices, no_log or not."""
    secrets = [(name, option) for spec in SPECS.values() for name, option in spec.items() if option.get("no_log")]
    assert len(secrets) == 25
    assert not [name for name, option in secrets if "choices" in option]


@pytest.mark.parametrize("wrong", [1, 1.5, True, "text", [], ["x"], {}, {"x": 1}, None, [None], [[]], [{"name": []}]])
def test_wrong_types_anywhere_are_reported_not_raised(wrong: t.Any) -> None:
    """Every declared key of every kind takes every kind of value without an exception."""
    every = yaml.safe_load(EVERY_KIND)
    for kind in topology.KINDS:
        for key in topology.entry_options(SPECS[kind.role], kind):
            document = copy.deepcopy(every)
            entry = next(iter(document[kind.key].values()))
            entry[key] = wrong
            topology.read(document, SPECS, plugin_file.is_opaque)
    for key in (*topology.SHARED, *(kind.key for kind in topology.KINDS)):
        topology.read({**copy.deepcopy(every), key: wrong}, SPECS, plugin_file.is_opaque)


# ---------------------------------------------------------------------------------------------------------------------
# Good topologies


def test_example() -> None:
    text = (ROOT / "examples" / "pods-to-aws.podreach.yml").read_text()
    assert variables(text, "test-cluster") == {
        "cluster_network": "aws-internal-connect",
        "cluster_subnetwork": "aws-internal-connect-subnet-2",
        "cluster_ip_allocation_policy": {
            "cluster_secondary_range_name": "subnet-2-pod",
            "services_secondary_range_name": "subnet-2-svc",
        },
        "cluster_node_pools": [
            {
                "name": "default-pool",
                "node_count": 1,
                "config": {"machine_type": "e2-medium"},
            }
        ],
        "cluster_deletion_protection": False,
        "cluster_environment": "lab",
        "cluster_project": "podreach-lab",
        "cluster_location": "asia-northeast1",
    }
    assert sorted(variables(text, "aws-internal-connect")) == [
        "network_environment", "network_firewall_rules", "network_project", "network_region", "network_subnetworks",
    ]  # fmt: skip
    assert variables(text, "aws-vpn") == {
        "vpn_network": "aws-internal-connect",
        "vpn_asn": 65010,
        "vpn_aws": {"vpc_name": "aws-vpc", "route_tables": ["all"]},
        "vpn_environment": "lab",
        "vpn_project": "podreach-lab",
        "vpn_region": "asia-northeast1",
        "vpn_aws_region": "ap-northeast-1",
        # the role verify runs on this host too
        "verify_environment": "lab",
        "verify_project": "podreach-lab",
        "verify_region": "asia-northeast1",
        "verify_aws_region": "ap-northeast-1",
    }


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.podreach.yml")), ids=lambda path: path.name)
def test_examples_are_good(path: pathlib.Path) -> None:
    result = good(path.read_text())
    # what is wrong with the one that the story begins with is not a mistake, but is told
    told = ["vpns.aws-vpn.advertised_ip_ranges"] if path.name == "pods-to-aws-before.podreach.yml" else []
    assert [warning.path for warning in result.warnings] == told
    declared = yaml.safe_load(path.read_text())
    groups = parse(path).get_groups_dict()
    for kind in topology.KINDS:
        assert groups[kind.group] == list(declared.get(kind.key, ()))


def test_only_declared_roles_inputs_become_variables() -> None:
    result = good(BASE + CLUSTER)
    for host in result.hosts:
        assert set(host.variables) <= set(SPECS[host.kind.role])
    assert "cluster_deletion_protection" not in variables(BASE + CLUSTER, "c1")


def test_top_level_values_reach_every_role_that_has_the_input() -> None:
    top = (
        "projects: [podreach-lab]\nprofile: today\nservice_account_file: key.json\nimpersonate_service_account: a@b.c\n"
    )
    network, cluster = variables(top + BASE + CLUSTER, "n1"), variables(top + BASE + CLUSTER, "c1")
    assert cluster["cluster_profile"] == "today"
    assert "network_profile" not in network
    for name, value in (
        ("projects", ["podreach-lab"]), ("service_account_file", "key.json"), ("impersonate_service_account", "a@b.c"),
    ):  # fmt: skip
        assert network[f"network_{name}"] == cluster[f"cluster_{name}"] == value


def test_an_entry_overrides_the_top() -> None:
    text = BASE + CLUSTER.replace(
        "network: n1", "service_account_file: own.json\n    location: asia-northeast1-a\n    network: n1"
    )
    found = variables("service_account_file: key.json\n" + text, "c1")
    assert found["cluster_service_account_file"] == "own.json"
    assert found["cluster_location"] == "asia-northeast1-a"


def test_empty_kinds_and_entries() -> None:
    assert good(HEAD + "networks:\nclusters:\n").hosts == []
    assert [host.name for host in good(HEAD + "networks:\n  n1:\n").hosts] == ["n1"]


def test_reference_by_key_gives_the_real_name() -> None:
    text = BASE.replace("  n1:\n", "  n1:\n    name: main\n") + CLUSTER
    assert variables(text, "c1")["cluster_network"] == "main"
    assert good(text).declared["clusters"]["c1"]["network"] == "n1"
    assert good(text).declared["networks"]["n1"]["name"] == "main"


def test_reference_to_another_project_gives_full_paths() -> None:
    text = BASE.replace("  n1:\n", "  n1:\n    project: podreach-host\n") + CLUSTER
    found = variables(text, "c1")
    assert found["cluster_network"] == "projects/podreach-host/global/networks/n1"
    assert found["cluster_subnetwork"] == "projects/podreach-host/regions/asia-northeast1/subnetworks/s1"
    templated = text.replace("podreach-host", '"{{ host_project }}"')
    assert errors(templated) == [
        "clusters.c1.network: 'n1' may be in another project, and the names are templates: write "
        "projects/PROJECT/global/networks/NAME"
    ]


def test_reference_by_full_path() -> None:
    path = "projects/podreach-lab/global/networks/{}"
    known = BASE + CLUSTER.replace("network: n1", "network: " + path.format("n1"))
    assert variables(known, "c1")["cluster_network"] == path.format("n1")
    assert good(known).declared["clusters"]["c1"]["network"] == "n1"
    assert errors(known.replace("subnetwork: s1", "subnetwork: s2")), "the path leads to the declared network"
    url = "https://www.googleapis.com/compute/v1/" + path.format("n9")
    for foreign in (path.format("n9"), url):
        assert (
            variables(BASE + CLUSTER.replace("network: n1", f"network: {foreign}"), "c1")["cluster_network"] == foreign
        )


def test_equal_names_in_several_projects_and_regions() -> None:
    text = """
networks:
  main-lab:
    name: main
    subnetworks:
      - {name: s1, ip_cidr_range: 10.1.0.0/24}
      - {name: s1, region: us-east1, ip_cidr_range: 10.2.0.0/24}
  main-peer: {name: main, project: podreach-peer, subnetworks: [{name: s1, ip_cidr_range: 10.1.0.0/24}]}
clusters:
  tokyo: {name: web, network: main-lab, subnetwork: s1}
  carolina: {name: web, network: main-lab, subnetwork: s1, location: us-east1-b}
"""
    assert len(good(HEAD + text).hosts) == 4


def test_ranges_of_unconnected_networks_may_overlap() -> None:
    good(
        HEAD
        + "networks:\n  n1: {subnetworks: [{name: s1, ip_cidr_range: 10.1.0.0/24}]}\n"
        + "  n2: {subnetworks: [{name: s2, ip_cidr_range: 10.1.0.0/16}]}\n"
    )


def test_clusters_may_share_ranges() -> None:
    good(BASE + CLUSTER + CLUSTER.replace("clusters:", "").replace("c1:", "c2:"))
    default = (
        BASE
        + "clusters:\n"
        + "".join(
            f"  {name}: {{network: n1, subnetwork: s1, ip_allocation_policy: {{cluster_ipv4_cidr_block: {block}, "
            "services_ipv4_cidr_block: 34.118.224.0/20}}\n"
            for name, block in (("c1", "10.32.0.0/16"), ("c2", "10.33.0.0/16"))
        )
    )
    good(default)


def test_absent_things_take_no_room_and_need_no_range() -> None:
    good(
        HEAD
        + "networks:\n  n1:\n    subnetworks: [{name: s1, state: absent}, {name: s2, ip_cidr_range: 10.1.0.0/24}, "
        + "{name: s3, state: absent, ip_cidr_range: 10.1.0.0/16}]\n"
        + "    routers: [{name: r1, state: absent}]\n    firewall_rules: [{name: f1, state: absent}]\n"
        + "clusters:\n  c1: {state: absent}\n"
    )


def test_custom_advertisement_by_name() -> None:
    router = "{name: r1, confirm_withdraw_subnets: WORD, bgp: {asn: 65010, advertise_mode: CUSTOM}}"
    text = HEAD + "networks: {n1: {routers: [" + router + "]}}\n"
    good(text.replace("WORD", "r1"))
    assert len(errors(text.replace("WORD", "r2"))) == 1


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (
            BASE.replace("10.24.0.0/20", "10.24.0.0/29") + CLUSTER,
            "networks.n1.subnetworks[0].secondary_ip_ranges[2].ip_cidr_range: 10.24.0.0/29 for services of ",
        ),
        (
            BASE.replace("10.24.0.0/20", "34.118.224.0/22") + CLUSTER,
            "networks.n1.subnetworks[0].secondary_ip_ranges[2].ip_cidr_range: 34.118.224.0/22 touches ",
        ),
        (
            BASE.replace("10.16.0.0/14", "10.16.0.0/22")
            + CLUSTER
            + "    node_pools: [{name: p1, initial_node_count: 1, autoscaling: {enabled: true, max_node_count: 2}}]\n",
            "networks.n1.subnetworks[0].secondary_ip_ranges[0].ip_cidr_range: 10.16.0.0/22 has 1024 addresses, but if",
        ),
        (
            BASE + CLUSTER + "    default_max_pods_constraint: {max_pods_per_node: 4}\n",
            "clusters.c1.default_max_pods_constraint.max_pods_per_node: 4 pods per node",
        ),
    ],
)
def test_what_only_warns(text: str, warning: str) -> None:
    found = [str(problem) for problem in good(text).warnings]
    assert any(line.startswith(warning) for line in found), found


def test_pools_with_their_own_pod_range() -> None:
    pools = "    node_pools:\n      - {name: p1, node_count: 1, network_config: {pod_range: more-pods}}\n"
    good(BASE + CLUSTER + pools)
    assert len(errors(BASE + CLUSTER + pools.replace("node_count: 1", "node_count: 86"))) == 1


# ---------------------------------------------------------------------------------------------------------------------
# Templates and vaulted values


def test_what_is_templated_is_not_judged_but_passed_on() -> None:
    template = '"{{ something }}"'
    text = """
networks:
  n1:
    name: X
    mtu: X
    subnetworks: X
    routers: [{name: X, bgp: {asn: X, keepalive_interval: X}}, {name: r2, bgp: X}]
    firewall_rules: [{name: X, direction: X, allowed: X, source_ranges: [X]}]
  n2: {subnetworks: [{name: X, region: X, ip_cidr_range: X, secondary_ip_ranges: [{range_name: X, ip_cidr_range: X}]}]}
clusters:
  c1: {network: n1, subnetwork: X, location: X, ip_allocation_policy: X, node_pools: X, state: X}
  c2: {network: X, subnetwork: s1, node_pools: [{name: X, node_count: X, locations: X, autoscaling: X}], profile: X}
  c3:
    network: n2
    subnetwork: s1
    ip_allocation_policy: {use_routes: X, cluster_secondary_range_name: X}
    resource_labels: {a: X}
""".replace("X", template)
    head = HEAD.replace("podreach-lab", template).replace("asia-northeast1", template) + f"projects: [{template}]\n"
    found = variables(head + text, "c1")
    assert found["cluster_project"] == found["cluster_location"] == found["cluster_network"] == "{{ something }}"
    assert variables(head + text, "n1")["network_mtu"] == "{{ something }}"


def test_every_input_may_be_a_template() -> None:
    every = yaml.safe_load(EVERY_KIND)
    for kind in topology.KINDS:
        for key in topology.entry_options(SPECS[kind.role], kind):
            if key in topology.NOT_IN_ENTRY or key in kind.own:
                continue
            document = copy.deepcopy(every)
            next(iter(document[kind.key].values()))[key] = "{{ something }}"
            result = topology.read(document, SPECS, plugin_file.is_opaque)
            assert [e for e in result.errors if "may be in another project" not in e.message] == [], key


ROUTES = """networks: {n1: {subnetworks: [{name: s1, ip_cidr_range: 10.1.0.0/20}]}}
clusters:
  c1: {network: n1, subnetwork: s1, cluster_ipv4_cidr: 10.32.0.0/14, ip_allocation_policy: {use_routes: true}}
  c2: {network: n1, subnetwork: s1, ip_allocation_policy: {use_routes: true}}
  c3: {network: n1, subnetwork: s1}
  c4: {network: n1, subnetwork: s1, cluster_ipv4_cidr: "{{ pods }}", ip_allocation_policy: {use_routes: true}}
  c5: {network: n1, subnetwork: s1, state: absent}
vpns: {v1: {network: n1, asn: 65010, aws: {vpc_name: v}, advertise_pods_of: PODS}}
"""


def test_pods_are_advertised_by_their_clusters_key() -> None:
    """As if the user had listed the range; templates stay what they are."""
    found = variables(HEAD + ROUTES.replace("PODS", "[c1, c4]"), "v1")
    assert "vpn_advertise_pods_of" not in found
    assert (found["vpn_advertise_mode"], found["vpn_advertised_groups"]) == ("CUSTOM", ["ALL_SUBNETS"])
    pods = [
        {"description": "Pods of c1", "range": "10.32.0.0/14"},
        {"description": "Pods of c4", "range": "{{ pods }}"},
    ]
    assert found["vpn_advertised_ip_ranges"] == pods
    more = "[c1], advertise_mode: CUSTOM, advertised_groups: [ALL_SUBNETS], advertised_ip_ranges: [{range: RANGE}]"
    for cidr, expected in (("10.9.0.0/24", [{"range": "10.9.0.0/24"}, pods[0]]), ("10.32.0.0/14", None)):
        found = variables(HEAD + ROUTES.replace("PODS", more.replace("RANGE", cidr)), "v1")
        assert found["vpn_advertised_ip_ranges"] == (expected or [{"range": cidr}])
    assert "vpn_advertise_mode" not in variables(HEAD + ROUTES.replace("PODS", "[]"), "v1")


@pytest.mark.parametrize(
    ("pods", "path", "words"),
    [
        ("[c2]", "advertise_pods_of[0]", "range of 'c2' is not given: add it at clusters.c2.cluster_ipv4_cidr"),
        ("[c1, c3]", "advertise_pods_of[1]", "'c3' is VPC-native: its pods are in a secondary range"),
        ("[c5]", "advertise_pods_of[0]", "'c5' is declared with state absent"),
        ("[c11]", "advertise_pods_of[0]", "'c11' is not a key of clusters: did you mean 'c1'?"),
        ("['{{ c }}']", "advertise_pods_of[0]", "a template cannot be looked up"),
        ("'{{ c }}'", "advertise_pods_of", "a template cannot be looked up"),
        ("[c1], advertise_mode: DEFAULT", "advertise_mode", "'advertise_pods_of' needs CUSTOM"),
        ("[c1], advertised_ip_ranges: '{{ r }}'", "advertised_ip_ranges", "a template cannot be added to"),
        ("[c1], advertise_mode: CUSTOM, advertised_groups: []", "advertised_groups", "stops advertising"),
    ],
)
def test_pods_that_cannot_be_advertised_so(pods: str, path: str, words: str) -> None:
    document = yaml.safe_load(HEAD + ROUTES.replace("PODS", pods))
    errors = topology.read(document, SPECS, plugin_file.is_opaque).errors
    [error] = [item for item in errors if item.path == f"vpns.v1.{path}"]
    assert words in error.message


VAULT_TEXT = (
    HEAD.replace("podreach-lab", VAULTED)
    + "access_token: "
    + VAULTED
    + "networks:\n  n1:\n    description: "
    + VAULTED
    + "    subnetworks: [{name: s1, ip_cidr_range: 10.1.0.0/24}]\nclusters:\n  c1: {network: n1, subnetwork: s1}\n"
)


def test_vaulted_values_need_no_password(write: t.Callable[..., pathlib.Path]) -> None:
    inventory = parse(write(VAULT_TEXT))
    host = inventory.hosts["n1"].get_vars()
    for name in ("network_project", "network_access_token", "network_description"):
        assert plugin_file.is_opaque(host[name])
        assert not isinstance(host[name], str), "still encrypted"
    declared = inventory.groups["all"].get_vars()["podreach_topology"]
    assert set(declared) == {"environment", "region", *(kind.key for kind in topology.KINDS)}
    assert set(declared["networks"]["n1"]) == {"name", "subnetworks", "environment", "region"}


def test_inventory_sync_needs_no_password(write: t.Callable[..., pathlib.Path]) -> None:
    done = command("inventory", "-i", write(VAULT_TEXT), "--list", "--export")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["_meta"]["hostvars"]["n1"]
    assert found["network_access_token"]["__ansible_vault"].startswith("$ANSIBLE_VAULT")
    assert "__ansible_unsafe" not in done.stdout


def test_topology_variable_has_no_secrets() -> None:
    result = good(
        "access_token: hush-hush\n"
        + BASE
        + CLUSTER.replace("network: n1", "service_account_contents: hush-hush\n    network: n1")
    )
    assert "hush" not in json.dumps(result.declared)
    assert result.hosts[0].variables["network_access_token"] == "hush-hush"


# ---------------------------------------------------------------------------------------------------------------------
# Hosts, groups, slices, other sources


def test_groups_and_constants() -> None:
    inventory = parse(ROOT / "examples" / "pods-to-aws.podreach.yml")
    assert inventory.get_groups_dict()["podreach_clusters"] == ["test-cluster"]
    for host in inventory.hosts.values():
        assert host.get_vars()["ansible_connection"] == "local"
        assert host.get_vars()["ansible_python_interpreter"] == "{{ ansible_playbook_python }}"


def test_verify_file(write: t.Callable[..., pathlib.Path]) -> None:
    plugin = plugin_file.InventoryModule()
    for name, mine in (
        ("a.podreach.yml", True),
        ("a.podreach.yaml", True),
        ("a.yml", False),
        ("a.podreach.yml.bak", False),
    ):
        assert plugin.verify_file(str(write(HEAD, name))) is mine
    assert not plugin.verify_file("/nowhere/a.podreach.yml")


def many(count: int) -> str:
    networks = "".join(
        f"  n{i}: {{subnetworks: [{{name: s{i}, ip_cidr_range: 10.{i}.0.0/16}}]}}\n" for i in range(count)
    )
    clusters = "".join(f"  c{i}: {{network: n{i}, subnetwork: s{i}}}\n" for i in range(count))
    return HEAD + "networks:\n" + networks + "clusters:\n" + clusters


def test_a_slice_has_all_it_needs(write: t.Callable[..., pathlib.Path]) -> None:
    """AWX cuts an inventory as hosts[i::n]. What a slice's hosts know must not depend on the hosts of other slices."""
    whole = parse(write(many(5)))
    hosts = list(whole.hosts)
    for number in (2, 3):
        for start in range(number):
            for name in hosts[start::number]:
                index, kind = name[1:], name[0]
                alone = yaml.safe_load(many(5))
                alone["networks"] = {f"n{index}": alone["networks"][f"n{index}"]}
                alone["clusters"] = {name: alone["clusters"][name]} if kind == "c" else {}
                result = topology.read(alone, SPECS, plugin_file.is_opaque)
                assert result.errors == []
                ours = next(host.variables for host in result.hosts if host.name == name)
                found = whole.hosts[name].get_vars()
                assert {key: found[key] for key in ours} == ours
                assert {key for key in found if key.startswith(("network_", "cluster_"))} == set(ours)


def test_order_is_that_of_the_file(write: t.Callable[..., pathlib.Path]) -> None:
    text = HEAD + "networks: {z: {}, a: {}, m: {}}\n"
    runs = {tuple(parse(write(text)).hosts) for _run in range(3)}
    assert runs == {("z", "a", "m")}


def test_existing_host_or_group_of_the_same_name(write: t.Callable[..., pathlib.Path]) -> None:
    path = write(HEAD + "networks: {n1: {}, n2: {}}\n")
    inventory = InventoryData()
    inventory.current_source = "/somewhere/hosts"
    inventory.add_host("n1")
    inventory.add_group("n2")
    with pytest.raises(AnsibleParserError) as caught:
        parse(path, inventory)
    assert f"{path}: networks.n1: 'n1' is also a host of /somewhere/hosts: use another key" in str(caught.value)
    assert f"{path}: networks.n2: 'n2' is also a group of another inventory source: use another key" in str(
        caught.value
    )


def test_second_topology(write: t.Callable[..., pathlib.Path]) -> None:
    inventory = parse(write(HEAD + "networks: {n1: {}}\n", "one.podreach.yml"))
    with pytest.raises(AnsibleParserError, match="a run takes one topology"):
        parse(write(HEAD + "networks: {n2: {}}\n", "two.podreach.yml"), inventory)


# ---------------------------------------------------------------------------------------------------------------------
# Ansible's own commands

PLAY = textwrap.dedent("""
    - hosts: all
      gather_facts: false
      tasks:
        - ansible.builtin.debug:
            msg: "{{ inventory_hostname }} {{ cluster_network | default('') }} {{ ansible_python_interpreter }}"
""")


def test_bad_topology_ends_the_command(write: t.Callable[..., pathlib.Path]) -> None:
    play = write(PLAY, "play.yml")
    path = next(path for path in BAD if path.name == "many.podreach.yml")
    for done in (
        command("playbook", "-i", path, play),
        command("inventory", "-i", path, "--graph"),
        command("inventory", "-i", "localhost,", "-i", path, "--list"),
    ):
        assert done.returncode == 4, done.stdout
        assert done.stdout == ""
        for line in said(path):
            assert done.stderr.count(f"{path}: {line}\n") == 1, "once, on one line"
        assert "mistakes in this topology:" in done.stderr
        assert "WARNING" not in done.stderr


@pytest.mark.parametrize("ours_first", [True, False])
def test_host_of_another_source_ends_the_command(write: t.Callable[..., pathlib.Path], ours_first: bool) -> None:
    sources = [write(HEAD + "networks: {n1: {}}\n"), write("[web]\nn1\n", "hosts.ini")]
    if not ours_first:
        sources.reverse()
    done = command("inventory", "-i", sources[0], "-i", sources[1], "--graph")
    assert done.returncode == 4
    assert "networks.n1: 'n1' is also a host of " in done.stderr


def test_other_sources_work_beside(write: t.Callable[..., pathlib.Path]) -> None:
    ours = write(HEAD + "networks: {n1: {}}\n")
    others = write("[web]\nw1\n", "hosts.ini")
    grouped = write(
        "plugin: ansible.builtin.constructed\ngroups:\n  tokyo: network_region | default('') == 'asia-northeast1'\n",
        "grouped.yml",
    )
    done = command("inventory", "-i", ours, "-i", others, "-i", grouped, "--graph")
    assert done.returncode == 0, done.stderr
    for line in ("@podreach_networks:", "@web:", "@tokyo:"):
        assert line in done.stdout


def test_play_fills_in_templates_and_limits(write: t.Callable[..., pathlib.Path]) -> None:
    text = (BASE + CLUSTER).replace(
        "  n1:\n", "  n1:\n    name: \"{{ lookup('ansible.builtin.env', 'PREFIX') }}-net\"\n"
    )
    path, play = write(text), write(PLAY, "play.yml")
    done = command("playbook", "-i", path, play, "--limit", "c1", PREFIX="tokyo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"c1 tokyo-net {sys.executable}" in done.stdout
    assert "n1 " not in done.stdout


def test_refresh_inventory(write: t.Callable[..., pathlib.Path]) -> None:
    """The second reading meets none of the first."""
    play = write(
        "- hosts: n1\n  gather_facts: false\n  tasks:\n    - ansible.builtin.meta: refresh_inventory\n"
        "    - ansible.builtin.ping:\n",
        "play.yml",
    )
    done = command("playbook", "-i", write(HEAD + "networks: {n1: {}}\n"), play)
    assert done.returncode == 0, done.stdout + done.stderr


def test_documentation_and_roles_agree() -> None:
    documented = yaml.safe_load(plugin_file.DOCUMENTATION)["options"]
    assert set(documented) == {*topology.top_options(SPECS), *(kind.key for kind in topology.KINDS)}
    for name, option in topology.top_options(SPECS).items():
        assert documented[name].get("choices") == option.get("choices"), name
    good(plugin_file.EXAMPLES)


def test_begin_takes_the_inputs_of_main() -> None:
    entry_points = yaml.safe_load((ROOT / "roles" / "cluster" / "meta" / "argument_specs.yml").read_text())[
        "argument_specs"
    ]
    assert entry_points["begin"]["options"] == entry_points["main"]["options"]


@pytest.mark.parametrize("role", [kind.role for kind in topology.KINDS])
def test_defaults_are_those_of_the_specs(role: str) -> None:
    defaults = yaml.safe_load((ROOT / "roles" / role / "defaults" / "main.yml").read_text())
    assert defaults == {name: option["default"] for name, option in SPECS[role].items() if "default" in option}
