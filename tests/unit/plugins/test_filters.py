# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters and Jinja tests as a playbook meets them: found by full name, templated, documented, examples run.

All of it happens in processes of their own, since the collection loader of ansible-core cannot be installed in a
process that has imported the collection already.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import json
import os
import pathlib
import re
import subprocess
import sys
import typing as t

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
#: Installed, the collection lies in .../ansible_collections/podreach/gke; a checkout links itself into .collections.
COLLECTIONS = (
    ROOT.parents[2] if ROOT.parts[-3:] == ("ansible_collections", "podreach", "gke") else ROOT / ".collections"
)

FILTERS = [
    "bgp_advertised_ranges",
    "bgp_missing_ranges",
    "bgp_peer_differences",
    "bgp_peers",
    "bgp_prefix_headroom",
    "duration_seconds",
    "duration_words",
    "gateway_address",
    "next_free_range",
    "overlapping_ranges",
    "path_findings",
    "pod_cidr_mask",
    "range_capacity",
    "range_for_nodes",
    "range_space",
    "routes_based_services_range",
    "tcp_proxy_plan",
    "tunnel_inside_addresses",
    "usable_addresses",
]
TESTS = ["bgp_advertises", "bgp_established", "range_mask_valid", "range_overlapping", "range_private", "range_within"]
PLUGINS = [("filter", name) for name in FILTERS] + [("test", name) for name in TESTS]
#: the file that a plugin is in, by the beginning of its name
FILES = {"bgp_": "bgp", "duration_": "bgp", "path_": "path", "tcp_proxy_": "tcp_proxy"}

TEMPLATE_ALL = """
import json, sys
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar
init_plugin_loader([])
try:
    from ansible.template import trust_as_template
except ImportError:  # before ansible-core 2.19 every string is a template
    def trust_as_template(text):
        return text
asked = json.load(sys.stdin)
answers = []
for expression in asked["expressions"]:
    templar = Templar(loader=DataLoader(), variables=asked["variables"])
    try:
        value = templar.template(trust_as_template("{{ " + expression + " }}"))
        answers.append({"value": value})
    except Exception as exc:
        answers.append({"error": str(exc), "type": type(exc).__name__})
json.dump(answers, sys.stdout)
"""

VARIABLES: dict[str, t.Any] = {
    "subnetwork": {
        "name": "subnet-2",
        "ip_cidr_range": "10.1.1.0/24",
        "secondary_ip_ranges": [
            {"range_name": "subnet-2-pod", "ip_cidr_range": "10.1.128.0/19"},
            {"range_name": "subnet-2-svc", "ip_cidr_range": "10.1.160.0/22"},
        ],
    },
    "pods": {"range_name": "subnet-2-pod", "ip_cidr_range": "10.1.128.0/19"},
    "from_api": {"name": "s", "ipCidrRange": "10.9.0.0/24"},
    "wanted_nodes": "100",
    "shared": [
        {"name": "a", "cidr": "10.1.160.0/22", "shared_key": "svc"},
        {"name": "b", "cidr": "10.1.160.0/22", "shared_key": "svc"},
    ],
    "host_bits": {"name": "bad", "ip_cidr_range": "10.1.0.5/24"},
    "pasted": """\
・・・
  bgpPeerStatus:
  - advertisedRoutes:
    - destRange: 10.1.0.0/24
      kind: compute#route
      nextHopIp: 169.254.24.222
      priority: 100
    name: aws-vpn-1-bgp-1
    peerIpAddress: 169.254.24.221
    state: Established
    status: UP
    uptimeSeconds: '220740'
  - name: aws-vpn-2-bgp-1
    peerIpAddress: 169.254.27.97
    state: Connect
    status: DOWN
・・・
""",
    "session": {"name": "a", "state": "Established", "advertisedRoutes": [{"destRange": "10.1.0.0/16"}]},
}

ANSWERS: list[tuple[str, t.Any]] = [
    ("'10.1.128.0/19' | podreach.gke.range_capacity", {"nodes": 32, "pods": 3520, "per_node_prefix": 24}),
    ("14 | podreach.gke.range_capacity(routes_based=true)", {"nodes": 1008, "pods": 110880, "per_node_prefix": 24}),
    ("'/14' | podreach.gke.range_capacity(110, 'yes')", {"nodes": 1008, "pods": 110880, "per_node_prefix": 24}),
    ("pods | podreach.gke.range_capacity(max_pods='32')", {"nodes": 128, "pods": 4096, "per_node_prefix": 26}),
    ("24 | podreach.gke.range_capacity(30, overprovision=false)", {"nodes": 8, "pods": 240, "per_node_prefix": 27}),
    ("100 | podreach.gke.range_for_nodes", 17),
    ("wanted_nodes | podreach.gke.range_for_nodes(purpose='nodes')", 25),
    ("240 | podreach.gke.range_for_nodes(routes_based=true)", 16),
    ("32 | podreach.gke.range_for_nodes('10.1.0.0/16', subnetwork)", "10.1.32.0/19"),
    ("32 | podreach.gke.range_for_nodes(within='10.1.0.0/16')", "10.1.0.0/19"),
    ("30 | podreach.gke.pod_cidr_mask", 26),
    ("30 | podreach.gke.pod_cidr_mask(overprovision=false)", 27),
    ("'110' | podreach.gke.pod_cidr_mask", 24),
    ("subnetwork | podreach.gke.overlapping_ranges", []),
    ("shared | podreach.gke.overlapping_ranges", []),
    (
        "{} | podreach.gke.path_findings | dict2items | selectattr('key', 'in', ['ok', 'proven', 'causes'])",
        [
            {"key": "ok", "value": True},
            {"key": "proven", "value": False},
            {"key": "causes", "value": []},
        ],
    ),
    (
        "[subnetwork, {'name': 'aws', 'cidr': '10.1.144.0/20'}] | podreach.gke.overlapping_ranges",
        [
            {
                "first": {"label": "subnet-2.subnet-2-pod", "cidr": "10.1.128.0/19"},
                "second": {"label": "aws", "cidr": "10.1.144.0/20"},
                "message": "subnet-2.subnet-2-pod (10.1.128.0/19) and aws (10.1.144.0/20) overlap; "
                "give one of them another range",
            }
        ],
    ),
    ("'10.1.0.0/16' | podreach.gke.next_free_range(24, ['10.1.0.0/24', from_api, subnetwork])", "10.1.2.0/24"),
    ("'10.1.0.0/16' | podreach.gke.next_free_range('/24')", "10.1.0.0/24"),
    (
        "['10.0.0.0/8', '25.0.0.0/8', '100.64.0.0/16'] | map('podreach.gke.range_space')",
        ["private", "public", "special-use"],
    ),
    ("subnetwork | podreach.gke.usable_addresses", 252),
    ("from_api | podreach.gke.gateway_address", "10.9.0.1"),
    ("'10.32.0.0/14' | podreach.gke.routes_based_services_range", "10.35.240.0/20"),
    (
        "'169.254.24.220/30' | podreach.gke.tunnel_inside_addresses",
        {"aws": "169.254.24.221", "google": "169.254.24.222"},
    ),
    ("subnetwork is podreach.gke.range_within('10.1.0.0/16')", True),
    ("subnetwork is podreach.gke.range_within(['10.1.0.0/17', '10.1.128.0/17'])", True),
    ("'10.1.0.0/16' is podreach.gke.range_within(['10.1.0.0/17', '10.1.128.0/17'])", False),
    ("subnetwork is podreach.gke.range_within([])", False),
    ("'10.1.0.0/16' is podreach.gke.range_overlapping(subnetwork)", True),
    ("'10.2.0.0/16' is podreach.gke.range_overlapping([subnetwork, subnetwork])", False),
    ("subnetwork is podreach.gke.range_overlapping", False),
    ("[subnetwork, '10.1.0.0/16'] is podreach.gke.range_overlapping", True),
    ("shared is podreach.gke.range_overlapping", False),
    ("'10.1.128.0/19' is podreach.gke.range_mask_valid", True),
    ("20 is podreach.gke.range_mask_valid('pods', 'gke-2018')", False),
    ("20 is podreach.gke.range_mask_valid('services', profile='gke-2018')", True),
    ("30 is podreach.gke.range_mask_valid", False),
    ("30 is podreach.gke.range_mask_valid(allow_warnings=true)", True),
    ("20 is podreach.gke.range_mask_valid('pods', 'gke-2018', allow_warnings=true)", False),
    ("22 is podreach.gke.range_mask_valid(managed=true)", False),
    ("subnetwork is podreach.gke.range_mask_valid('nodes')", True),
    ("subnetwork is podreach.gke.range_private", True),
    ("'100.64.0.0/10' is podreach.gke.range_private", False),
    ("'100.64.0.0/10' is podreach.gke.range_private(special_use=true)", True),
    ("['10.1.0.0/24', '8.8.8.0/24'] | reject('podreach.gke.range_private')", ["8.8.8.0/24"]),
    (
        "pasted | podreach.gke.bgp_peers | map(attribute='up')",
        [True, False],
    ),
    ("(pasted | podreach.gke.bgp_peers)[0].uptime", "2 days, 13 hours, 19 minutes, 0 seconds"),
    ("(pasted | podreach.gke.bgp_peers)[1].uptime_seconds", None),
    ("pasted | podreach.gke.bgp_peers | podreach.gke.bgp_peers == pasted | podreach.gke.bgp_peers", True),
    (
        "pasted | podreach.gke.bgp_advertised_ranges",
        [{"peer": "aws-vpn-1-bgp-1", "range": "10.1.0.0/24", "priority": 100, "next_hop_ip": "169.254.24.222"}],
    ),
    ("pasted | podreach.gke.bgp_missing_ranges('10.1.0.0/24') | map(attribute='peer')", ["aws-vpn-2-bgp-1"]),
    (
        "pasted | podreach.gke.bgp_missing_ranges(subnetwork, each_peer=false) | map(attribute='name')",
        ["subnet-2", "subnet-2-pod", "subnet-2-svc"],
    ),
    ("session | podreach.gke.bgp_missing_ranges(subnetwork)", []),
    ("session | podreach.gke.bgp_prefix_headroom | map(attribute='headroom')", [99]),
    ("session | podreach.gke.bgp_prefix_headroom('1', from_api) | map(attribute='code')", ["bgp-prefix-limit"]),
    ("pasted | podreach.gke.bgp_peer_differences | map(attribute='aspect')", ["up"]),
    ("'1 weeks, 1 days, 23 hours, 0 minutes, 0 seconds' | podreach.gke.duration_seconds", 774000),
    ("'774000' | podreach.gke.duration_words", "1 weeks, 1 days, 23 hours, 0 minutes, 0 seconds"),
    ("pasted is podreach.gke.bgp_established", False),
    ("session is podreach.gke.bgp_established", True),
    ("[] is podreach.gke.bgp_established", False),
    ("[] is podreach.gke.bgp_advertises('10.1.0.0/24')", False),
    ("pasted is podreach.gke.bgp_advertises('10.1.0.0/24')", False),
    ("pasted is podreach.gke.bgp_advertises('10.1.0.0/24', each_peer=false)", True),
    ("session is podreach.gke.bgp_advertises(subnetwork)", True),
    ("([] | podreach.gke.tcp_proxy_plan).problems", ["tcp_proxy_listeners: at least one listener is needed"]),
]

ERRORS = [
    ("'10.1.0.5/24' | podreach.gke.range_capacity", "'10.1.0.5/24' has host bits set; did you mean 10.1.0.0/24?"),
    ("host_bits | podreach.gke.gateway_address", "ip_cidr_range: '10.1.0.5/24' has host bits set"),
    ("[subnetwork, host_bits] | podreach.gke.overlapping_ranges", "bad: '10.1.0.5/24' has host bits set"),
    ("'fd00::/8' | podreach.gke.range_space", "is IPv6"),
    ("'' | podreach.gke.usable_addresses", "the range is empty"),
    ("none | podreach.gke.usable_addresses", "None is not one IPv4 range"),
    ("['10.0.0.0/8'] | podreach.gke.gateway_address", "is not one IPv4 range"),
    ("40 | podreach.gke.range_capacity", "40 is not a prefix length"),
    ("14 | podreach.gke.range_capacity(max_pods='many')", "max_pods: 'many' is not a whole number"),
    ("14 | podreach.gke.range_capacity(max_pods=true)", "max_pods: True is not a whole number"),
    ("14 | podreach.gke.range_capacity(routes_based='perhaps')", "routes_based: 'perhaps' is not a boolean"),
    ("14 | podreach.gke.range_capacity(64, routes_based=true)", "routes-based cluster"),
    ("0 | podreach.gke.pod_cidr_mask", "0 is not a number of pods per node"),
    ("0 | podreach.gke.range_for_nodes", "0 is not a number of nodes"),
    ("5 | podreach.gke.range_for_nodes(purpose='services')", "use one of: nodes, pods"),
    ("'10.1.0.0/24' | podreach.gke.next_free_range(24, '10.1.0.0/25')", "the largest free range is 10.1.0.128/25"),
    ("'10.1.0.0/24' | podreach.gke.next_free_range(24, used=[5])", "used[0]: 5 is not a range"),
    ("'10.1.0.0/30' | podreach.gke.gateway_address", "use a /29 or larger"),
    ("'10.1.0.0/20' | podreach.gke.routes_based_services_range", "use a /19 or larger"),
    ("'169.254.24.220/29' | podreach.gke.tunnel_inside_addresses", "did you mean"),
    ("'10.0.0.0/8' is podreach.gke.range_within('10.0.0.1/8')", "outer: '10.0.0.1/8' has host bits set"),
    ("'10.0.0.0/8' is podreach.gke.range_overlapping(7)", "others: 7 is not a range"),
    ("24 is podreach.gke.range_mask_valid('pod')", "use one of: nodes, pods, services"),
    ("24 is podreach.gke.range_mask_valid(profile='tomorrow')", "use one of: gke-2018, today"),
    ("5 is podreach.gke.range_private", "5 is not a range"),
    ("not_there | podreach.gke.range_capacity", "'not_there' is undefined"),
    ("14 | podreach.gke.range_capacity(not_there)", "'not_there' is undefined"),
    ("not_there is podreach.gke.range_private", "'not_there' is undefined"),
    ("'' | podreach.gke.bgp_peers", "there is no status in this text; give what `gcloud compute routers get-status"),
    ("subnetwork | podreach.gke.bgp_peers", "only ip_cidr_range, name, secondary_ip_ranges"),
    ("session | podreach.gke.bgp_missing_ranges('10.1.0.5/24')", "'10.1.0.5/24' has host bits set"),
    ("session | podreach.gke.bgp_missing_ranges([], each_peer='perhaps')", "each_peer: 'perhaps' is not a boolean"),
    ("session | podreach.gke.bgp_prefix_headroom(0)", "0 is not a limit on prefixes"),
    ("session | podreach.gke.bgp_prefix_headroom('all')", "limit: 'all' is not a whole number"),
    ("session | podreach.gke.bgp_prefix_headroom(adding=[5])", "adding[0]: 5 is not a range"),
    ("'soon' | podreach.gke.duration_seconds", "'soon' is not a duration"),
    ("none | podreach.gke.duration_words", "None is not a duration"),
    ("not_there is podreach.gke.bgp_established", "'not_there' is undefined"),
]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which ansible-core finds this collection and nothing of the user's."""
    home = tmp_path_factory.mktemp("ansible")
    (home / "ansible.cfg").touch()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    return {
        **kept,
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_CONFIG": str(home / "ansible.cfg"),
        "ANSIBLE_HOME": str(home),
        # before 2.19 a template gives text, unless asked not to; later it is always so and this setting is ignored
        "ANSIBLE_JINJA2_NATIVE": "1",
        "ANSIBLE_NOCOLOR": "1",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path and path != str(COLLECTIONS)),
    }


@pytest.fixture(scope="module")
def templated(environment: dict[str, str]) -> dict[str, dict[str, t.Any]]:
    """What ansible-core makes of every expression of the tables: its value, or its error."""
    expressions = [row[0] for row in (*ANSWERS, *ERRORS)]
    asked = json.dumps({"expressions": expressions, "variables": VARIABLES})
    done = subprocess.run(
        [sys.executable, "-c", TEMPLATE_ALL],
        check=False,
        input=asked,
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(expressions, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize(("expression", "want"), ANSWERS)
def test_answers(templated: dict[str, dict[str, t.Any]], expression: str, want: t.Any) -> None:
    assert templated[expression] == {"value": want}


@pytest.mark.parametrize(("expression", "part"), ERRORS)
def test_errors(templated: dict[str, dict[str, t.Any]], expression: str, part: str) -> None:
    answer = templated[expression]
    assert "value" not in answer
    assert part in answer["error"]


@pytest.fixture(scope="module")
def documents(environment: dict[str, str]) -> t.Callable[[str], dict[str, t.Any]]:
    """ansible-doc's JSON for all plugins of a kind, by full name."""

    @functools.cache
    def ask(kind: str) -> dict[str, t.Any]:
        names = [f"podreach.gke.{name}" for plugin_kind, name in PLUGINS if plugin_kind == kind]
        done = subprocess.run(
            [sys.executable, "-m", "ansible", "doc", "-t", kind, "--json", *names],
            check=False,
            capture_output=True,
            text=True,
            env=environment,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    return ask


@pytest.mark.parametrize("kind", ["filter", "test"])
def test_ansible_doc_lists_exactly_these(environment: dict[str, str], kind: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "doc", "-t", kind, "--json", "-l", "podreach.gke"],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
    )
    expected = {f"podreach.gke.{name}" for plugin_kind, name in PLUGINS if plugin_kind == kind}
    assert set(json.loads(done.stdout)) == expected
    documented = {path.stem for path in (ROOT / "plugins" / kind).glob("*.yml")}
    assert {f"podreach.gke.{name}" for name in documented} == expected


@pytest.mark.parametrize(("kind", "name"), PLUGINS)
def test_documentation_is_complete(documents: t.Callable[[str], dict[str, t.Any]], kind: str, name: str) -> None:
    found = documents(kind)[f"podreach.gke.{name}"]
    doc = found["doc"]
    assert doc["name"] == f"podreach.gke.{name}" or doc["name"] == name
    assert doc["version_added"] == "0.1.0"
    assert doc["short_description"]
    assert doc["author"]
    assert doc["options"]["_input"]["required"] is True
    assert found["return"]["_value"]["description"]
    assert f"podreach.gke.{name}" in found["examples"]


@pytest.mark.parametrize(("kind", "name"), PLUGINS)
def test_documented_options_are_those_of_the_code(
    documents: t.Callable[[str], dict[str, t.Any]], kind: str, name: str
) -> None:
    """Names, positions and defaults of the options agree with the function behind the plugin."""
    file = next((file for start, file in FILES.items() if name.startswith(start)), "addressing")
    module = importlib.import_module(f"ansible_collections.podreach.gke.plugins.{kind}.{file}")
    parameters = list(inspect.signature(getattr(module, name)).parameters.values())
    doc = documents(kind)[f"podreach.gke.{name}"]["doc"]
    options = {key: option for key, option in doc["options"].items() if key != "_input"}
    names = [parameter.name for parameter in parameters[1:]]
    assert sorted(names) == sorted(options)
    named = [part.strip() for part in (doc.get("positional") or "").split(",") if part.strip()]
    assert named == names[: len(named)]
    for parameter in parameters[1:]:
        option = options[parameter.name]
        if option.get("required"):
            assert parameter.default is inspect.Parameter.empty
        else:
            default = list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
            assert option.get("default") == default


def test_examples_run_and_give_what_they_say(environment: dict[str, str], tmp_path: pathlib.Path) -> None:
    tasks, promised = [], []
    for kind, name in PLUGINS:
        text = yaml.safe_load((ROOT / "plugins" / kind / f"{name}.yml").read_text(encoding="utf-8"))["EXAMPLES"]
        tasks.extend(yaml.safe_load(text))
        promised.extend(re.findall(r"^\s*# => (.*)$", text, flags=re.MULTILINE))
    assert len(tasks) >= len(PLUGINS)
    assert promised
    play = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}]
    playbook = tmp_path / "examples.yml"
    playbook.write_text(yaml.safe_dump(play, sort_keys=False), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "-v", "-i", "localhost,", str(playbook)],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shown = re.sub(r"\s", "", done.stdout)
    for words in promised:
        assert re.sub(r"\s", "", words) in shown, words
