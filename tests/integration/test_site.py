# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site.yml and teardown.yml, run as users run them, on the examples."""

from __future__ import annotations

import collections
import pathlib
import re
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.integration.api import CONTAINER, MARKER, REGION, Api
from ansible_collections.podreach.gke.tests.integration.playbooks import ROOT
from ansible_collections.podreach.gke.tests.integration.sites import (
    AFTER,
    BEFORE,
    FLEET,
    Sites,
    changed,
    estate,
    failures,
)
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

NETWORK = "aws-internal-connect"
CLUSTER = "test-cluster"
CLUSTER_PATH = f"podreach-lab/locations/{REGION}/clusters/{CLUSTER}"


@pytest.fixture
def sites(lab: Lab, tmp_path: pathlib.Path) -> Sites:
    return Sites(lab, tmp_path)


def edited(path: pathlib.Path, directory: pathlib.Path, *changes: tuple[str, str]) -> pathlib.Path:
    """A copy of an example, with text replaced that must be there."""
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    copy = directory / f"edited{len(list(directory.glob('edited*')))}.podreach.yml"
    copy.write_text(text, encoding="utf-8")
    return copy


UNPROTECTED = ("    deletion_protection: false\n", "")


# ---- site


@pytest.mark.parametrize("topology", [AFTER, BEFORE, FLEET], ids=lambda path: path.name.split(".")[0])
def test_check_then_build_then_nothing(topology: pathlib.Path, sites: Sites) -> None:
    """The plan is complete beforehand; the second run has nothing to do, in few tasks, and so has a last check."""
    plan = sites.site(topology, "--check", "--diff")
    assert sites.lab.mutating() == []
    planned = {step["summary"] for record in plan.records for step in record.result.get("plan", [])}
    assert changed(plan)

    built = sites.site(topology)
    assert changed(built)
    done = {step["summary"] for record in built.records for step in record.result.get("plan", [])}
    assert planned == done

    since = sites.lab.seq()
    for arguments in ((), ("--check", "--diff")):
        again = sites.site(topology, *arguments)
        assert changed(again) == []
        assert "+++" not in again.output
        tasks = collections.Counter(record.host for record in again.records)
        # a check has one play for everything, with a task for each kind
        assert arguments or max(tasks.values()) <= 3, tasks
    assert sites.lab.mutating(since) == []


def test_the_plan_names_everything_that_will_be_there(sites: Sites) -> None:
    """Nothing exists, yet the whole plan shows, as steps and as a diff."""
    run = sites.site(AFTER, "--check", "--diff")
    summaries = [step["summary"] for record in run.records for step in record.result.get("plan", [])]
    assert sorted(summaries) == sorted(
        [
            f"create network {NETWORK}",
            f"create subnetwork {NETWORK}-subnet-1",
            f"create subnetwork {NETWORK}-subnet-2",
            f"create router {NETWORK}-router",
            f"create cluster {CLUSTER}",
        ]
    )
    for text in ("10.1.128.0/19", "10.1.160.0/22", "subnet-2-pod", "65010", "create cluster test-cluster (safe)"):
        assert text in run.output
    assert "counted as planned" in run.output


def test_what_site_makes_is_what_the_topology_says(sites: Sites) -> None:
    changed(sites.site(AFTER))
    made = estate(sites.lab)
    regional = f"podreach-lab/regions/{REGION}"
    assert made[f"podreach-lab/global/networks/{NETWORK}"]["description"] == MARKER
    pods = made[f"{regional}/subnetworks/{NETWORK}-subnet-2"]["secondaryIpRanges"]
    assert {item["rangeName"]: item["ipCidrRange"] for item in pods} == {
        "subnet-2-pod": "10.1.128.0/19",
        "subnet-2-svc": "10.1.160.0/22",
    }
    assert made[f"{regional}/routers/{NETWORK}-router"]["bgp"]["asn"] == 65010
    cluster = made[CLUSTER_PATH]
    assert cluster["clusterIpv4Cidr"] == "10.1.128.0/19"
    assert cluster["resourceLabels"] == {"managed-by": "podreach-gke"}
    assert [pool["name"] for pool in cluster["nodePools"]] == ["default-pool"]


# ---- a cluster is not converted


def test_a_plain_run_does_not_convert_a_cluster(sites: Sites) -> None:
    """Routes-based stays routes-based, and the refusal says what to do; nothing of the cluster is touched."""
    changed(sites.site(BEFORE))
    before = estate(sites.lab)[CLUSTER_PATH]
    run = sites.site(AFTER)
    assert run.rc != 0
    assert "routes-based" in failures(run)[CLUSTER]
    assert "confirm_replace" in failures(run)[CLUSTER]
    assert estate(sites.lab)[CLUSTER_PATH] == before


def test_a_cluster_is_replaced_by_its_name_with_protection_off(sites: Sites, tmp_path: pathlib.Path) -> None:
    changed(sites.site(BEFORE))
    word = ("-e", f"cluster_confirm_replace={CLUSTER}")

    protected = edited(AFTER, tmp_path, UNPROTECTED)
    since = sites.lab.seq()
    run = sites.site(protected, "--limit", CLUSTER, *word)
    assert "deletion_protection is on" in failures(run)[CLUSTER]
    # another cluster's name is no word for this one
    run = sites.site(AFTER, "--limit", CLUSTER, "-e", "cluster_confirm_replace=other")
    assert run.rc != 0
    assert sites.lab.mutating(since) == []

    changed(sites.site(AFTER, *word))
    assert estate(sites.lab)[CLUSTER_PATH]["ipAllocationPolicy"]["useIpAliases"] is True
    assert changed(sites.site(AFTER)) == []


# ---- refused before the first request


def test_a_bad_topology_ends_the_run_with_all_its_mistakes(sites: Sites, tmp_path: pathlib.Path) -> None:
    bad = edited(
        AFTER,
        tmp_path,
        ("10.1.0.0/24", "10.1.0.7/24"),
        ("asn: 65010", "asn: 15169"),
        ("    subnetwork: aws-internal-connect-subnet-2", "    subnetwork: nowhere"),
        ("node_count", "nodes"),
    )
    run = sites.site(bad)
    assert run.rc != 0
    assert run.records == []
    for text in ("4 mistakes", "10.1.0.7/24", "15169", "nowhere", "nodes"):
        assert text in run.output
    assert sites.lab.requests() == []


AWAY = "https://far.example.com/"


@pytest.mark.parametrize(
    "variables",
    [
        {"GOOGLE_COMPUTE_CUSTOM_ENDPOINT": f"{AWAY}compute/v1/"},
        {"GOOGLE_CONTAINER_CUSTOM_ENDPOINT": f"{AWAY}v1/"},
        {
            "GOOGLE_IAM_CREDENTIALS_CUSTOM_ENDPOINT": f"{AWAY}v1/",
            "GOOGLE_IMPERSONATE_SERVICE_ACCOUNT": "lab@podreach-lab",
        },
        {"GCP_SERVICE_ACCOUNT_FILE": "far.json"},
    ],
    ids=["compute", "container", "iamcredentials", "token"],
)
def test_a_lab_topology_does_not_leave_this_machine(
    variables: dict[str, str], sites: Sites, tmp_path: pathlib.Path
) -> None:
    if "GCP_SERVICE_ACCOUNT_FILE" in variables:
        key = sites.lab.key_file().read_text(encoding="utf-8").replace(sites.lab.url, AWAY.rstrip("/"))
        assert AWAY in key
        (tmp_path / "far.json").write_text(key, encoding="utf-8")
        variables = {"GCP_SERVICE_ACCOUNT_FILE": str(tmp_path / "far.json")}
    run = sites.site(AFTER, env=variables)
    assert run.rc != 0
    assert "environment is lab, but" in failures(run)[NETWORK]
    assert AWAY.rstrip("/") in failures(run)[NETWORK]
    assert sites.lab.requests() == []


GOOGLE: dict[str, str | None] = {
    "GOOGLE_COMPUTE_CUSTOM_ENDPOINT": None,
    "GOOGLE_CONTAINER_CUSTOM_ENDPOINT": None,
    "GOOGLE_IAM_CREDENTIALS_CUSTOM_ENDPOINT": None,
    "GCP_AUTH_KIND": "accesstoken",
    "GCP_ACCESS_TOKEN": "no-token-of-anybody",
    "GCP_SERVICE_ACCOUNT_FILE": None,
    # were the refusal late, the request would end here and not at Google
    "HTTPS_PROXY": "http://127.0.0.1:9",
}


@pytest.mark.parametrize("service", ["COMPUTE", "CONTAINER", "IAM_CREDENTIALS", "token"])
def test_a_cloud_topology_does_not_reach_the_lab(service: str, sites: Sites, tmp_path: pathlib.Path) -> None:
    topology = edited(AFTER, tmp_path, ("environment: lab", "environment: cloud"))
    env = dict(GOOGLE)
    if service == "token":
        env |= {"GCP_AUTH_KIND": "serviceaccount", "GCP_SERVICE_ACCOUNT_FILE": str(sites.lab.key_file())}
    else:
        name = f"GOOGLE_{service}_CUSTOM_ENDPOINT"
        env |= {name: sites.lab.env[name], "GOOGLE_IMPERSONATE_SERVICE_ACCOUNT": "lab@podreach-lab"}
    run = sites.site(topology, env=env)
    assert run.rc != 0
    assert "environment is cloud, but" in failures(run)[NETWORK]
    assert "127.0.0.1" in failures(run)[NETWORK]
    assert sites.lab.requests() == []


# ---- limits


def test_a_limit_on_a_cluster_whose_network_is_missing_says_so_at_once(sites: Sites) -> None:
    run = sites.site(AFTER, "--limit", CLUSTER)
    assert run.rc != 0
    message = failures(run)[CLUSTER]
    assert NETWORK in message and CLUSTER in message and "does not exist" in message
    asked = [item for item in sites.lab.requests() if item["path"].endswith(f"/global/networks/{NETWORK}")]
    assert len(asked) == 1, "it waited"
    assert sites.lab.mutating() == []


def test_a_limit_on_a_cluster_whose_network_is_there(sites: Sites) -> None:
    changed(sites.site(AFTER, "--limit", NETWORK))
    assert CLUSTER_PATH not in estate(sites.lab)
    changed(sites.site(AFTER, "--limit", CLUSTER))
    assert CLUSTER_PATH in estate(sites.lab)


# ---- teardown


@pytest.mark.parametrize("topology", [AFTER, FLEET], ids=lambda path: path.name.split(".")[0])
def test_teardown_leaves_nothing(topology: pathlib.Path, sites: Sites) -> None:
    changed(sites.site(topology))
    since = sites.lab.seq()
    plan = sites.teardown(topology, "--check")
    assert changed(plan)
    assert sites.lab.mutating(since) == []
    assert changed(sites.teardown(topology))
    assert estate(sites.lab) == {}
    assert changed(sites.teardown(topology)) == []


def test_teardown_heeds_deletion_protection(sites: Sites, tmp_path: pathlib.Path) -> None:
    changed(sites.site(AFTER))
    before = estate(sites.lab)
    protected = edited(AFTER, tmp_path, UNPROTECTED)
    run = sites.teardown(protected)
    assert run.rc != 0
    assert "deletion_protection is on" in failures(run)[CLUSTER]
    assert estate(sites.lab) == before
    # its network keeps all that is in it, also where the network alone is torn down
    run = sites.teardown(protected, "--limit", NETWORK)
    assert run.rc != 0
    assert f"clusters still live in it: projects/{CLUSTER_PATH}" in failures(run)[NETWORK]
    assert estate(sites.lab) == before


def unmarked_estate(api: Api) -> None:
    """What somebody made by hand, with the names that the example has."""
    api.network(NETWORK, marked=False)
    api.subnetwork(f"{NETWORK}-subnet-1", "10.1.0.0/24", network=NETWORK, marked=False)
    api.subnetwork(
        f"{NETWORK}-subnet-2",
        "10.1.1.0/24",
        network=NETWORK,
        marked=False,
        ranges={"subnet-2-pod": "10.1.128.0/19", "subnet-2-svc": "10.1.160.0/22"},
    )
    api.router(f"{NETWORK}-router", network=NETWORK, marked=False)
    policy = {
        "useIpAliases": True,
        "clusterSecondaryRangeName": "subnet-2-pod",
        "servicesSecondaryRangeName": "subnet-2-svc",
    }
    cluster = {
        "name": CLUSTER,
        "network": f"projects/podreach-lab/global/networks/{NETWORK}",
        "subnetwork": f"projects/podreach-lab/regions/{REGION}/subnetworks/{NETWORK}-subnet-2",
        "nodePools": [{"name": "default-pool", "initialNodeCount": 1}],
        "ipAllocationPolicy": policy,
    }
    parent = f"projects/podreach-lab/locations/{REGION}"
    api.post(f"{CONTAINER}/locations/{REGION}/clusters", {"parent": parent, "cluster": cluster})


def test_teardown_leaves_what_others_made(sites: Sites) -> None:
    """Objects of the same names without the marker survive, every one, and the run says so and ends well."""
    unmarked_estate(Api(sites.lab))
    before = estate(sites.lab)
    since = sites.lab.seq()
    run = sites.teardown(AFTER)
    assert changed(run) == []
    assert sites.lab.mutating(since) == []
    assert estate(sites.lab) == before
    for name in (NETWORK, f"{NETWORK}-subnet-1", f"{NETWORK}-subnet-2", f"{NETWORK}-router", CLUSTER):
        assert any(name in line and "Left alone" in line for line in unwrapped(run.output)), name


def test_teardown_leaves_a_network_that_holds_something_of_others(sites: Sites) -> None:
    changed(sites.site(AFTER))
    Api(sites.lab).subnetwork("of-another-team", "10.9.0.0/24", network=NETWORK, marked=False)
    run = sites.teardown(AFTER)
    assert changed(run)
    left = estate(sites.lab)
    assert set(left) == {
        f"podreach-lab/global/networks/{NETWORK}",
        f"podreach-lab/regions/{REGION}/subnetworks/of-another-team",
    }
    assert any("of-another-team" in line and "Left alone" in line for line in unwrapped(run.output))


def unwrapped(output: str) -> list[str]:
    """The paragraphs of an output as a line each: warnings are broken at the terminal's width."""
    return [" ".join(part.split()) for part in output.split("[WARNING]")]


# ---- what site finds


def test_site_does_not_touch_what_others_made_the_same(sites: Sites) -> None:
    """Unmarked things that are as declared are used as they are."""
    unmarked_estate(Api(sites.lab))
    before, since = estate(sites.lab), sites.lab.seq()
    assert changed(sites.site(AFTER)) == []
    assert sites.lab.mutating(since) == []
    assert estate(sites.lab) == before


def test_disruption_is_refused_then_done(sites: Sites, tmp_path: pathlib.Path) -> None:
    """A routing mode that goes back withdraws routes."""
    shop: tuple[t.Any, ...] = ("--limit", "shop")
    changed(sites.site(FLEET, *shop))
    regional = edited(FLEET, tmp_path, ("routing_mode: GLOBAL", "routing_mode: REGIONAL"))
    since = sites.lab.seq()
    run = sites.site(regional, *shop)
    assert "may cut traffic" in failures(run)["shop"]
    shown = sites.site(regional, *shop, "--check")
    assert shown.rc == 0
    assert any("may cut traffic" in line for line in unwrapped(shown.output))
    assert sites.lab.mutating(since) == []
    assert changed(sites.site(regional, *shop, "-e", "network_allow_disruption=true"))
    network = estate(sites.lab)["podreach-lab/global/networks/shop"]
    assert network["routingConfig"]["routingMode"] == "REGIONAL"


# ---- what the roles' READMEs say


#: calls that only tests of changes cause, beside those that every run on an example does
CHANGES = (
    ("routing_mode: GLOBAL", "routing_mode: REGIONAL"),
    (
        "ip_cidr_range: 10.16.4.0/22, private_ip_google_access: true",
        "ip_cidr_range: 10.16.4.0/22, private_ip_google_access: false",
    ),
    ("ip_cidr_range: 10.17.0.0/24}", "ip_cidr_range: 10.17.0.0/23}"),
    (
        "ip_cidr_range: 10.18.0.0/22, private_ip_google_access: true}",
        "ip_cidr_range: 10.18.0.0/22, secondary_ip_ranges: [{range_name: new, ip_cidr_range: 10.50.0.0/20}]}",
    ),
    ("asn: 65010", "asn: 65010, keepalive_interval: 30"),
    ('ports: ["8080-8089"]', 'ports: ["8080-8099"]'),
    ("total_max_node_count: 6", "total_max_node_count: 7"),
    ("{name: main, node_count: 2}", "{name: main, node_count: 3, management: {auto_upgrade: true}}"),
    ("    autopilot: {enabled: true}", "    autopilot: {enabled: true}\n    resource_labels: {team: data}"),
)


def test_the_readmes_name_every_call(sites: Sites, tmp_path: pathlib.Path) -> None:
    """Whoever grants what a README lists can create, change and delete: each call of each kind is in its table."""
    changed(sites.site(FLEET))
    words = ("-e", "network_allow_disruption=true", "-e", "cluster_allow_disruption=true")
    assert changed(sites.site(edited(FLEET, tmp_path, *CHANGES), *words))
    changed(sites.teardown(FLEET))
    told = {
        role: set(re.findall(r"`([A-Za-z.]+)`", (ROOT / "roles" / role / "README.md").read_text(encoding="utf-8")))
        for role in ("network", "cluster")
    }
    calls = {item["method_id"] for item in sites.lab.requests() if item["method_id"]}
    assert len(calls) >= 30
    for call in sorted(calls):
        service, _dot, name = call.partition(".")
        name = name.removeprefix("projects.").removeprefix("locations.")
        assert name in told["network"] | told["cluster"], call
        # the network role looks at one thing of the other API, before it deletes
        assert service == "compute" or name in told["cluster"] | {"clusters.list"}, call
