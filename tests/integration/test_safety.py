# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may cut traffic or destroy something is refused, shown in check mode, and done when allowed; what is somebody
else's survives; lab and cloud never meet."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.integration.api import (
    CLUSTERS,
    COMPUTE,
    FIREWALLS,
    NETWORK,
    REGION,
    ROUTERS,
    SUBNETWORKS,
    ZONE,
    Api,
    Json,
)
from ansible_collections.podreach.gke.tests.integration.playbooks import Playbooks, Run, play, task
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

RANGES = {"pod": "10.1.128.0/19", "svc": "10.1.160.0/22", "more": "10.2.0.0/20"}


def lab_task(name: str, module: str, args: t.Mapping[str, t.Any], **keywords: t.Any) -> Json:
    return task(name, module, {"environment": "lab", **args}, **keywords)


# ---- disruptive changes: refused, shown, done

Change = tuple[str, str, Json, t.Callable[[Json], bool]]


def options(*names: str) -> list[Json]:
    return [{"range_name": name, "ip_cidr_range": RANGES[name]} for name in names]


def subnetwork(**more: t.Any) -> Json:
    return {"name": "s2", "region": REGION, **more}


def router(name: str, **bgp: t.Any) -> Json:
    return {"name": name, "region": REGION, "bgp": bgp}


def cluster(**more: t.Any) -> Json:
    return {"name": "c1", "location": ZONE, **more}


def pool(name: str, **more: t.Any) -> Json:
    return {"name": name, "cluster": "c1", "location": ZONE, **more}


def estate(api: Api) -> None:
    api.network("n1", routingConfig={"routingMode": "GLOBAL"})
    api.subnetwork("s1", ranges=RANGES)
    api.subnetwork("s2", "10.5.0.0/24", ranges={"a": "10.6.0.0/20", "b": "10.7.0.0/20"}, privateIpGoogleAccess=True)
    custom = {
        "advertiseMode": "CUSTOM",
        "advertisedGroups": ["ALL_SUBNETS"],
        "advertisedIpRanges": [{"range": "10.64.0.0/16"}, {"range": "10.65.0.0/16"}],
    }
    for name in ("r-default", "r-range", "r-keepalive"):
        api.router(name, bgp={"asn": 65010, **custom})
    api.router("r-custom", bgp={"asn": 65010})
    for name in ("f-range", "f-port", "f-protocol", "f-priority", "f-disabled"):
        api.firewall(
            name,
            sourceRanges=["10.0.0.0/16", "10.8.0.0/16"],
            allowed=[{"IPProtocol": "tcp", "ports": ["80", "443"]}, {"IPProtocol": "icmp"}],
        )
    api.firewall("f-tags", sourceTags=["web"])
    body = {
        "name": "f-denied",
        "denied": [{"IPProtocol": "tcp", "ports": ["22"]}],
        "network": f"{NETWORK}/n1",
        "sourceRanges": ["10.0.0.0/16"],
        "description": "[podreach.gke]",
    }
    api.post(FIREWALLS, body)
    api.cluster("c1", pools=3, locations=[ZONE, f"{REGION}-b"])


CHANGES: dict[str, Change] = {
    "secondary range": (
        "subnetwork",
        f"{SUBNETWORKS}/s2",
        subnetwork(
            secondary_ip_ranges=[{"range_name": "a", "ip_cidr_range": "10.6.0.0/20"}], purge_secondary_ranges=True
        ),
        lambda now: [item["rangeName"] for item in now["secondaryIpRanges"]] == ["a"],
    ),
    "private google access": (
        "subnetwork",
        f"{SUBNETWORKS}/s2",
        subnetwork(private_ip_google_access=False),
        lambda now: not now["privateIpGoogleAccess"],
    ),
    "routing mode": (
        "network",
        f"{COMPUTE}/global/networks/n1",
        {"name": "n1", "routing_config": {"routing_mode": "REGIONAL"}},
        lambda now: now["routingConfig"]["routingMode"] == "REGIONAL",
    ),
    "best path": (
        "network",
        f"{COMPUTE}/global/networks/n1",
        {"name": "n1", "routing_config": {"bgp_best_path_selection_mode": "STANDARD"}},
        lambda now: now["routingConfig"]["bgpBestPathSelectionMode"] == "STANDARD",
    ),
    "back to default": (
        "router",
        f"{ROUTERS}/r-default",
        router("r-default", advertise_mode="DEFAULT"),
        lambda now: now["bgp"].get("advertisedIpRanges", "DEFAULT") == now["bgp"]["advertiseMode"],
    ),
    "advertised range": (
        "router",
        f"{ROUTERS}/r-range",
        {
            **router(
                "r-range",
                advertise_mode="CUSTOM",
                advertised_groups=["ALL_SUBNETS"],
                advertised_ip_ranges=[{"range": "10.64.0.0/16"}],
            ),
            "purge_advertisement": True,
        },
        lambda now: now["bgp"]["advertisedIpRanges"] == [{"range": "10.64.0.0/16"}],
    ),
    "keepalive": (
        "router",
        f"{ROUTERS}/r-keepalive",
        router("r-keepalive", keepalive_interval=40),
        lambda now: now["bgp"]["keepaliveInterval"] == 40,
    ),
    "withdrawn subnets": (
        "router",
        f"{ROUTERS}/r-custom",
        {
            **router("r-custom", advertise_mode="CUSTOM", advertised_ip_ranges=[{"range": "10.64.0.0/16"}]),
            "confirm_withdraw_subnets": "r-custom",
        },
        lambda now: now["bgp"]["advertiseMode"] == "CUSTOM" and "advertisedGroups" not in now["bgp"],
    ),
    "source range": (
        "firewall_rule",
        f"{FIREWALLS}/f-range",
        {"name": "f-range", "source_ranges": ["10.0.0.0/16"], "purge_ranges": True},
        lambda now: now["sourceRanges"] == ["10.0.0.0/16"],
    ),
    "port": (
        "firewall_rule",
        f"{FIREWALLS}/f-port",
        {"name": "f-port", "allowed": [{"ip_protocol": "tcp", "ports": ["443"]}]},
        lambda now: {"IPProtocol": "tcp", "ports": ["443"]} in now["allowed"] and len(now["allowed"]) == 2,
    ),
    "protocol": (
        "firewall_rule",
        f"{FIREWALLS}/f-protocol",
        {"name": "f-protocol", "allowed": [{"ip_protocol": "icmp"}], "purge_rules": True},
        lambda now: now["allowed"] == [{"IPProtocol": "icmp"}],
    ),
    "priority": (
        "firewall_rule",
        f"{FIREWALLS}/f-priority",
        {"name": "f-priority", "priority": 900},
        lambda now: now["priority"] == 900,
    ),
    "disabled": (
        "firewall_rule",
        f"{FIREWALLS}/f-disabled",
        {"name": "f-disabled", "disabled": True},
        lambda now: bool(now["disabled"]),
    ),
    "tags": (
        "firewall_rule",
        f"{FIREWALLS}/f-tags",
        {"name": "f-tags", "source_tags": ["db"]},
        lambda now: sorted(now["sourceTags"]) == ["db", "web"],
    ),
    "denied more": (
        "firewall_rule",
        f"{FIREWALLS}/f-denied",
        {"name": "f-denied", "denied": [{"ip_protocol": "udp"}]},
        lambda now: {"IPProtocol": "udp"} in now["denied"],
    ),
    "default snat": (
        "cluster",
        f"{CLUSTERS}/c1",
        cluster(network_config={"default_snat_status": {"disabled": True}}),
        lambda now: now["networkConfig"]["defaultSnatStatus"]["disabled"],
    ),
    "authorised networks": (
        "cluster",
        f"{CLUSTERS}/c1",
        cluster(master_authorized_networks_config={"cidr_blocks": [{"cidr_block": "10.0.0.0/8"}]}),
        lambda now: now["masterAuthorizedNetworksConfig"]["enabled"],
    ),
    "zones": ("cluster", f"{CLUSTERS}/c1", cluster(locations=[ZONE]), lambda now: now["locations"] == [ZONE]),
    "fewer nodes": ("node_pool", f"{CLUSTERS}/c1/nodePools/p1", pool("p1", node_count=0), lambda now: True),
    "machine type": (
        "node_pool",
        f"{CLUSTERS}/c1/nodePools/p2",
        pool("p2", config={"machine_type": "e2-standard-4"}),
        lambda now: now["config"]["machineType"] == "e2-standard-4",
    ),
    "image type": (
        "node_pool",
        f"{CLUSTERS}/c1/nodePools/p3",
        pool("p3", config={"image_type": "ubuntu_containerd"}),
        lambda now: now["config"]["imageType"] == "UBUNTU_CONTAINERD",
    ),
}


@pytest.fixture(scope="module")
def changes(lab_process: Lab, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Each change without consent, in check mode, with consent, and once more without."""
    lab_process.reset()
    estate(Api(lab_process))
    tasks = []
    for name, (module, path, args, _judge) in CHANGES.items():
        seen: Json = {"vars": {"observe": [path]}}
        tasks += [
            lab_task(f"{name}: refused", module, args, **seen),
            lab_task(f"{name}: shown", module, args, check_mode=True, **seen),
            lab_task(f"{name}: done", module, {**args, "allow_disruption": True}, **seen),
            lab_task(f"{name}: again", module, args, **seen),
        ]
    return Playbooks(lab_process, tmp_path_factory.mktemp("changes")).run(play(tasks))


@pytest.mark.parametrize("name", CHANGES)
def test_disruptive_change(name: str, changes: Run) -> None:
    judge = CHANGES[name][3]
    refused, shown, done, again = (changes[f"{name}: {what}"] for what in ("refused", "shown", "done", "again"))
    assert refused.failed
    assert refused.result["error"]["code"] == "disruption-not-allowed"
    assert "allow_disruption: true" in refused.result["msg"]
    # check mode shows what would be done, and that it would be refused
    assert shown.status == "ok", shown.result["msg"]
    assert "disruptive" in [step["grade"] for step in shown.result["plan"]]
    assert any("allow_disruption: true" in warning for warning in shown.result["warnings"])
    assert shown.mutations == refused.mutations
    assert shown.observed == refused.observed
    assert done.status == "ok", done.result["msg"]
    assert done.result["changed"]
    assert done.result["plan"] == shown.result["plan"]
    assert done.mutations > refused.mutations
    assert judge(done.observed[0]), done.observed[0]
    # nothing left to do needs no consent
    assert again.status == "ok", again.result["msg"]
    assert not again.result["changed"]


def test_no_refusal_sent_anything(changes: Run) -> None:
    previous = changes.records[0].mutations
    for record in changes.records:
        if record.task.endswith((": refused", ": shown", ": again")) and record is not changes.records[0]:
            assert record.mutations == previous, record.task
        previous = record.mutations


def test_nodes_were_taken_away(playbooks: Playbooks) -> None:
    """The shrunken pool really has fewer nodes, and an unchanged run sees that."""
    api = Api(playbooks.lab)
    api.network()
    api.subnetwork(ranges=RANGES)
    api.cluster("c1")
    args = pool("p1", node_count=3)
    less = {**args, "node_count": 1}
    run = playbooks.run(
        play(
            [
                lab_task("more", "node_pool", args),
                lab_task("less, refused", "node_pool", less),
                lab_task("less", "node_pool", {**less, "allow_disruption": True}),
                lab_task("same", "node_pool", less),
            ]
        )
    )
    assert [record.status for record in run.records] == ["ok", "failed", "ok", "ok"]
    assert [bool(record.result["changed"]) for record in run.records] == [True, False, True, False]


# ---- somebody else's


def test_unmarked_things_survive(playbooks: Playbooks) -> None:
    """Objects of the same names that other tools made are left exactly as they are."""
    api = Api(playbooks.lab)
    api.network("n1", marked=False)
    api.subnetwork("s1", ranges=RANGES, marked=False)
    api.router("r1", marked=False)
    api.firewall("f1", marked=False)
    api.cluster("c1", marked=False)
    where = [f"{CLUSTERS}/c1", f"{FIREWALLS}/f1", f"{ROUTERS}/r1", f"{SUBNETWORKS}/s1", f"{COMPUTE}/global/networks/n1"]
    before = [api.get(path) for path in where]
    sent = len(playbooks.lab.mutating())
    names = {
        "networks": [{"name": "n1"}],
        "subnetworks": [{"name": "s1"}],
        "routers": [{"name": "r1"}],
        "firewall_rules": [{"name": "f1"}],
        "clusters": [{"name": "c1", "deletion_protection": False}],
        "node_pools": [{"name": "p1", "cluster": "c1"}],
        "defaults": {"region": REGION, "location": ZONE},
        "state": "absent",
    }
    run = playbooks.run(
        play(
            [
                lab_task("network", "network", {"name": "n1", "state": "absent"}),
                lab_task("subnetwork", "subnetwork", {"name": "s1", "region": REGION, "state": "absent"}),
                lab_task("router", "router", {"name": "r1", "region": REGION, "state": "absent"}),
                lab_task("firewall_rule", "firewall_rule", {"name": "f1", "state": "absent"}),
                lab_task("cluster", "cluster", cluster(state="absent", deletion_protection=False)),
                lab_task("node_pool", "node_pool", pool("p1", state="absent")),
                lab_task("all, refused", "resource_set", names),
                lab_task("all, kept", "resource_set", {**names, "unmarked": "keep"}),
            ]
        )
    )
    *refused, kept = run.records
    assert all(record.failed for record in refused)
    assert {record.result["error"]["code"] for record in refused} == {"not-ours"}
    assert kept.status == "ok", kept.result["msg"]
    assert not kept.result["changed"]
    assert len(kept.result["warnings"]) == 6
    assert [api.get(path) for path in where] == before
    assert len(playbooks.lab.mutating()) == sent


def test_ours_go_and_theirs_stay(playbooks: Playbooks) -> None:
    """Among unmarked things, marked ones are deleted; what holds somebody else's stays too."""
    api = Api(playbooks.lab)
    api.network("n1")
    api.subnetwork("ours", "10.1.0.0/24")
    api.subnetwork("theirs", "10.2.0.0/24", marked=False)
    api.firewall("ours")
    api.firewall("theirs", marked=False)
    names = {
        "networks": [{"name": "n1"}],
        "subnetworks": [{"name": "ours"}],
        "firewall_rules": [{"name": "ours"}, {"name": "theirs"}],
        "defaults": {"region": REGION},
        "state": "absent",
    }
    run = playbooks.run(
        play(
            [
                lab_task("refused", "resource_set", names),
                lab_task("kept", "resource_set", {**names, "unmarked": "keep"}),
            ]
        )
    )
    assert run["refused"].failed
    assert run["refused"].mutations == 5
    assert run["kept"].status == "ok", run["kept"].result["msg"]
    assert [step["summary"] for step in run["kept"].result["plan"]] == [
        "delete firewall_rule ours",
        "delete subnetwork ours",
    ]
    for gone in (f"{FIREWALLS}/ours", f"{SUBNETWORKS}/ours"):
        assert api.get(gone) is None
    for kept in (f"{FIREWALLS}/theirs", f"{SUBNETWORKS}/theirs", f"{COMPUTE}/global/networks/n1"):
        assert api.get(kept)


def test_unmarked_things_change_only_as_asked(playbooks: Playbooks) -> None:
    """Somebody else's may be used, and changed field by field; that does not make it ours."""
    api = Api(playbooks.lab)
    api.network("n1", marked=False)
    api.subnetwork("s1", ranges={"a": "10.6.0.0/20"}, marked=False)
    ranges = [{"range_name": "b", "ip_cidr_range": "10.7.0.0/20"}]
    args = {"name": "s1", "region": REGION, "secondary_ip_ranges": ranges}
    run = playbooks.run(play([lab_task("add", "subnetwork", args)]))
    assert run["add"].result["changed"]
    now = api.get(f"{SUBNETWORKS}/s1")
    assert now and now["description"] == "by hand"
    assert [item["rangeName"] for item in now["secondaryIpRanges"]] == ["a", "b"]


# ---- replacement


def test_a_cluster_is_replaced_only_by_name(playbooks: Playbooks) -> None:
    api = Api(playbooks.lab)
    api.network()
    api.subnetwork(ranges=RANGES)
    api.cluster("c1", ipAllocationPolicy={"useRoutes": True}, clusterIpv4Cidr="10.64.0.0/14")
    before = api.get(f"{CLUSTERS}/c1")
    assert before
    wanted = cluster(
        network="n1",
        subnetwork="s1",
        node_pools=[{"name": "p1", "node_count": 1}],
        ip_allocation_policy={
            "use_ip_aliases": True,
            "cluster_secondary_range_name": "pod",
            "services_secondary_range_name": "svc",
        },
    )
    named = {**wanted, "confirm_replace": "c1"}
    disruptive = {**wanted, "allow_disruption": True, "deletion_protection": False}
    run = playbooks.run(
        play(
            [
                lab_task("refused", "cluster", wanted),
                lab_task("allowing disruption is not enough", "cluster", disruptive),
                lab_task("protected", "cluster", named),
                lab_task("misnamed", "cluster", {**named, "deletion_protection": False, "confirm_replace": "c2"}),
                lab_task(
                    "in a set, not named", "resource_set", {"clusters": [{**wanted, "deletion_protection": False}]}
                ),
                lab_task("shown", "cluster", {**named, "deletion_protection": False}, check_mode=True),
                lab_task("replaced", "cluster", {**named, "deletion_protection": False}),
                lab_task("again", "cluster", wanted),
            ]
        )
    )
    *refused, shown, replaced, again = run.records
    assert [record.status for record in refused] == ["failed"] * 5
    assert refused[0].result["error"]["code"] == "cluster-type-fixed"
    assert "confirm_replace: c1" in refused[0].result["msg"]
    assert len({record.mutations for record in (*refused, shown)}) == 1
    assert [(step["action"], step["grade"]) for step in shown.result["plan"]] == [
        ("replace", "destructive"),
        ("create", "safe"),
    ]
    assert replaced.status == "ok", replaced.result["msg"]
    after = api.get(f"{CLUSTERS}/c1")
    assert after and after["id"] != before["id"]
    assert after["ipAllocationPolicy"]["clusterSecondaryRangeName"] == "pod"
    assert again.status == "ok" and not again.result["changed"]


# ---- the prefix budget


def test_prefix_budget(playbooks: Playbooks) -> None:
    """A session that sends 99 prefixes takes one more, and not two; unless its peer is known to take more."""
    lab, api = playbooks.lab, Api(playbooks.lab)
    api.network("n1")
    api.subnetwork("s1", "10.1.0.0/24", ranges={"a": "10.6.0.0/20"})
    peer = {"name": "aws-1", "interfaceName": "if-1", "peerAsn": 64512, "peerIpAddress": "169.254.10.1"}
    api.router("r1", interfaces=[{"name": "if-1", "ipRange": "169.254.10.2/30"}], bgpPeers=[peer])
    routes = [
        {
            "kind": "compute#route",
            "name": f"x{number}",
            "destRange": f"10.{number}.0.0/16",
            "priority": 100,
            "network": f"https://www.googleapis.com/compute/v1/{NETWORK}/n1",
        }
        for number in range(99)
    ]
    status = {"name": "aws-1", "advertisedRoutes": routes, "status": "UP", "state": "Established"}
    lab.router_status(ROUTERS.removeprefix("/compute/v1/") + "/r1", {"bgpPeerStatus": [status]})

    def adding(*names: str) -> Json:
        return {
            "name": "s1",
            "region": REGION,
            "secondary_ip_ranges": [
                {"range_name": name, "ip_cidr_range": f"10.{100 + ord(name)}.0.0/20"} for name in names
            ],
        }

    run = playbooks.run(
        play(
            [
                lab_task("two", "subnetwork", adding("b", "c")),
                lab_task("two in check mode", "subnetwork", adding("b", "c"), check_mode=True),
                lab_task("two with consent", "subnetwork", {**adding("b", "c"), "allow_disruption": True}),
                lab_task(
                    "new subnetwork",
                    "subnetwork",
                    {
                        "name": "s2",
                        "region": REGION,
                        "network": "n1",
                        "ip_cidr_range": "10.240.0.0/24",
                        "secondary_ip_ranges": adding("b")["secondary_ip_ranges"],
                    },
                ),
                lab_task(
                    "custom ranges",
                    "router",
                    router(
                        "r1",
                        advertise_mode="CUSTOM",
                        advertised_groups=["ALL_SUBNETS"],
                        advertised_ip_ranges=[{"range": "10.250.0.0/16"}, {"range": "10.251.0.0/16"}],
                    ),
                ),
                lab_task("one", "subnetwork", adding("b")),
                lab_task("a limit of 200", "subnetwork", {**adding("b", "c", "d"), "advertised_prefix_limit": 200}),
            ]
        )
    )
    *refused, one, more = run.records
    assert [record.status for record in refused] == ["failed"] * 5
    for record in refused:
        assert record.result["error"]["code"] == "bgp-prefix-limit"
        assert "r1/aws-1: 99 now, 101 then" in record.result["msg"]
        assert "advertised_prefix_limit" in record.result["msg"]
    assert len({record.mutations for record in refused}) == 1
    assert (one.status, more.status) == ("ok", "ok"), more.result


def test_prefix_budget_of_a_routing_mode(playbooks: Playbooks) -> None:
    """GLOBAL brings in the subnetworks of other regions; their prefixes count before it is switched."""
    lab, api = playbooks.lab, Api(playbooks.lab)
    api.network("n1")
    for number in range(3):
        api.subnetwork(f"far{number}", f"10.{number}.0.0/24", region="us-west1")
    peer = {"name": "aws-1", "interfaceName": "if-1", "peerAsn": 64512, "peerIpAddress": "169.254.10.1"}
    api.router("r1", interfaces=[{"name": "if-1", "ipRange": "169.254.10.2/30"}], bgpPeers=[peer])
    args = {"name": "n1", "routing_config": {"routing_mode": "GLOBAL"}}
    run = playbooks.run(
        play(
            [
                lab_task("refused", "network", {**args, "advertised_prefix_limit": 2}),
                lab_task("done", "network", {**args, "advertised_prefix_limit": 3}),
            ]
        )
    )
    assert run["refused"].failed
    assert "r1/aws-1: 0 now, 3 then" in run["refused"].result["msg"]
    assert run["done"].status == "ok", run["done"].result
    assert lab.mutating()


# ---- lab and cloud

GOOGLE = {
    "compute_endpoint": "https://compute.googleapis.com/compute/v1/",
    "container_endpoint": "https://container.googleapis.com/v1/",
    "iam_credentials_endpoint": "https://iamcredentials.googleapis.com/v1/",
}


def key_file(lab: Lab, where: pathlib.Path, token_uri: str) -> str:
    key = {**json.loads(lab.key_file().read_text(encoding="utf-8")), "token_uri": token_uri}
    where.write_text(json.dumps(key), encoding="utf-8")
    return str(where)


@pytest.fixture
def mismatches(lab: Lab, tmp_path: pathlib.Path) -> dict[str, Json]:
    """For the lab and for the cloud: tasks of which one service, each in turn, is at the wrong place."""
    google_key = key_file(lab, tmp_path / "google.json", "https://oauth2.googleapis.com/token")
    lab_key = key_file(lab, tmp_path / "lab.json", f"{lab.url}/token")
    impersonated = {"impersonate_service_account": "someone@podreach-lab.iam.gserviceaccount.com"}
    at_google = {**GOOGLE, "service_account_file": google_key}
    at_the_lab = {
        "compute_endpoint": f"{lab.url}/compute/v1/",
        "container_endpoint": f"{lab.url}/v1/",
        "iam_credentials_endpoint": f"{lab.url}/v1/",
        "service_account_file": lab_key,
    }
    application = {"auth_kind": "application", "service_account_file": ""}
    found: dict[str, Json] = {}
    for environment, right, wrong in (("lab", at_the_lab, at_google), ("cloud", at_google, at_the_lab)):
        for what in ("compute_endpoint", "container_endpoint", "iam_credentials_endpoint", "service_account_file"):
            more = impersonated if what == "iam_credentials_endpoint" else {}
            args = {"auth_kind": "serviceaccount", **right, **more, what: wrong[what]}
            found[f"{environment}: {what}"] = network(environment, args)
        wrong_key = wrong["service_account_file"]
        found[f"{environment}: application default"] = network(
            environment,
            {**right, **application},
            environment={"GOOGLE_APPLICATION_CREDENTIALS": wrong_key, "GCP_SERVICE_ACCOUNT_FILE": ""},
        )
    machine = {"auth_kind": "machineaccount"}
    for environment, right, host in (
        ("lab", at_the_lab, "metadata.google.internal"),
        ("cloud", at_google, f"127.0.0.1:{lab.port}"),
    ):
        found[f"{environment}: metadata server"] = network(
            environment, {**right, **machine}, environment={"GCE_METADATA_HOST": host}
        )
    return {name: {"name": name, **item} for name, item in found.items()}


def network(where: str, args: Json, **keywords: t.Any) -> Json:
    return {"podreach.gke.network": {"name": "n1", "environment": where, **args}, **keywords}


def test_lab_and_cloud_never_meet(playbooks: Playbooks, mismatches: dict[str, Json]) -> None:
    """Every service at the wrong place is refused, before anything is asked anywhere."""
    run = playbooks.run(play(list(mismatches.values())))
    assert len(mismatches) == 12
    for name in mismatches:
        assert run[name].failed, name
        assert run[name].result["error"]["code"] == "environment-mismatch", (name, run[name].result["msg"])
        assert f"environment is {name.split(':')[0]}" in run[name].result["msg"]
    assert playbooks.lab.requests() == []


LOOPBACK = [
    "http://localhost",
    "http://LOCALHOST.",
    "http://127.0.0.2",
    "http://[::1]",
    "http://0.0.0.0",
    "http://2130706433",
    "http://127.1",
    "http://[::ffff:127.0.0.1]",
]
ELSEWHERE = [
    "http://127.0.0.1.example.org",
    "http://localhost.example.org",
    "http://user@example.org",
    "http://127.0.0.1@example.org",
    "http://10.0.0.1",
    "http://[2001:db8::1]",
]


def test_this_machine_by_any_name(playbooks: Playbooks) -> None:
    """The cloud is not at any spelling of this machine, and the lab at nothing that only looks like one."""
    port = playbooks.lab.port
    cloud = {**GOOGLE, "auth_kind": "accesstoken", "access_token": "x"}
    tasks = []
    for where, args, urls in (("cloud", cloud, LOOPBACK), ("lab", {}, ELSEWHERE)):
        for url in urls:
            tasks.append({"name": url, **network(where, {**args, "compute_endpoint": f"{url}:{port}/compute/v1/"})})
    run = playbooks.run(play(tasks))
    for url in (*LOOPBACK, *ELSEWHERE):
        assert run[url].failed
        assert run[url].result["error"]["code"] in ("environment-mismatch", "invalid-input"), run[url].result["msg"]
    assert playbooks.lab.requests() == []
