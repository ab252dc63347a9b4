# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules that read what exists, against one estate, by both paths: one table of questions and whom they name."""

from __future__ import annotations

import collections
import importlib
import typing as t

import pytest
import yaml

from ansible_collections.podreach.gke.plugins.module_utils.gcp.info import KINDS
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import public
from ansible_collections.podreach.gke.tests.integration.api import COMPUTE, MARKER, PROJECT, REGION, ZONE, Api, Json
from ansible_collections.podreach.gke.tests.integration.playbooks import PATHS, Playbooks, Run, play, task
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

AWS = "aws-internal-connect"
SUBNETWORK = f"{AWS}-subnet-1"
TUNNELS = [f"aws-vpn-{connection}-tunnel-{number}" for connection in (1, 2) for number in (1, 2)]
ELSEWHERE = "us-east1"


def estate(lab: Lab) -> None:
    """The preset aws-vpn with a cluster and an address, and a second network of this collection."""
    lab.reset()
    lab.preset("aws-vpn")
    api = Api(lab)
    where = f"{COMPUTE}/regions/{REGION}/subnetworks/{SUBNETWORK}"
    found = api.get(where)
    assert found
    ranges = {"pod": "10.4.0.0/14", "svc": "10.8.0.0/20"}
    secondary = [{"rangeName": name, "ipCidrRange": cidr} for name, cidr in ranges.items()]
    api.patch(where, {"fingerprint": found["fingerprint"], "secondaryIpRanges": secondary})
    api.cluster("my-gke", network=AWS, subnetwork=SUBNETWORK)
    mine = {"subnetwork": f"projects/{PROJECT}/regions/{REGION}/subnetworks/{SUBNETWORK}", "description": MARKER}
    api.post(f"{COMPUTE}/regions/{REGION}/addresses", {"name": "web", "addressType": "INTERNAL", **mine})
    machine = {
        "disks": [{"boot": True, "initializeParams": {"sourceImage": "projects/debian-cloud/global/images/family/x"}}],
        "networkInterfaces": [{"subnetwork": mine["subnetwork"]}],
        "labels": {"role": "proxy"},
    }
    there = f"zones/{ZONE}/machineTypes/e2-small"
    api.post(f"{COMPUTE}/zones/{ZONE}/instances", {"name": "i1", **machine, "machineType": there})
    template = {"name": "proxy-1", "properties": {**machine, "machineType": "e2-small"}}
    api.post(f"{COMPUTE}/global/instanceTemplates", template)
    api.network("n1")
    api.subnetwork("s1", "10.20.0.0/24", region=ELSEWHERE)
    api.firewall("f1")
    hop = {"network": "global/networks/n1", "destRange": "10.99.0.0/16", "nextHopIp": "10.20.0.9"}
    api.post(f"{COMPUTE}/global/routes", {"name": "o1", "priority": 900, **hop})
    api.router("r1")
    api.vpn_gateway("g1")
    api.external_vpn_gateway("e1")
    balancer(api)
    lab.settle()


def balancer(api: Api) -> None:
    """A regional group behind an internal load balancer, a group of a zone, and a global health check."""
    api.subnetwork("s2", "10.21.0.0/24")
    api.template(subnetwork="s2")
    api.health_check("proxy")
    api.health_check("alive", where="global")
    api.managed_group("proxy")
    api.managed_group("zonal", 0, where=f"zones/{ZONE}")
    where = f"projects/{PROJECT}/regions/{REGION}"
    api.backend_service("proxy", "proxy", healthChecks=[f"{where}/healthChecks/proxy"])
    api.forwarding_rule("proxy", subnetwork=f"{where}/subnetworks/s2", backendService=f"{where}/backendServices/proxy")


#: id -> kind, options, the names that are found
CASES: dict[str, tuple[str, Json, list[str]]] = {
    "instances": ("instance", {"filter": "labels.role = proxy"}, ["i1"]),
    "instance": ("instance", {"zone": ZONE, "name": "i1"}, ["i1"]),
    "instance-zone": ("instance", {"zone": f"{REGION}-b"}, []),
    "instance_templates": ("instance_template", {"filter": 'name eq "proxy-.*"'}, ["proxy-1"]),
    "instance_template": ("instance_template", {"name": "proxy-1"}, ["proxy-1"]),
    "networks": ("network", {}, [AWS, "n1"]),
    "network": ("network", {"name": "n1"}, ["n1"]),
    "network-none": ("network", {"name": "none"}, []),
    "network-filter": ("network", {"filter": 'name eq "aws-.*"'}, [AWS]),
    "subnetworks": ("subnetwork", {}, [SUBNETWORK, "s1", "s2"]),
    "subnetwork": ("subnetwork", {"region": REGION, "name": SUBNETWORK}, [SUBNETWORK]),
    "subnetwork-anywhere": ("subnetwork", {"name": "s1"}, ["s1"]),
    "subnetwork-region": ("subnetwork", {"region": ELSEWHERE}, ["s1"]),
    "subnetwork-network": ("subnetwork", {"network": f"projects/{PROJECT}/global/networks/{AWS}"}, [SUBNETWORK]),
    "subnetwork-filter": ("subnetwork", {"filter": "ipCidrRange = 10.20.0.0/24"}, ["s1"]),
    "firewall_rules": ("firewall_rule", {"filter": 'name ne "gke-.*"'}, [f"{AWS}-allow-private", "f1"]),
    "firewall_rule": ("firewall_rule", {"name": "f1"}, ["f1"]),
    "firewall_rule-network": ("firewall_rule", {"network": "n1"}, ["f1"]),
    "firewall_rule-not-there": ("firewall_rule", {"network": "n1", "name": f"{AWS}-allow-private"}, []),
    "routes": ("route", {"filter": 'name ne "default-.*"'}, ["o1"]),
    "route": ("route", {"name": "o1", "network": "n1"}, ["o1"]),
    "route-not-there": ("route", {"name": "o1", "network": AWS}, []),
    "routers": ("router", {}, ["aws-router", "r1"]),
    "router": ("router", {"region": REGION, "name": "aws-router"}, ["aws-router"]),
    "router-region": ("router", {"region": ELSEWHERE}, []),
    "router-network": ("router", {"network": AWS}, ["aws-router"]),
    "clusters": ("cluster", {}, ["my-gke"]),
    "cluster": ("cluster", {"location": ZONE, "name": "my-gke"}, ["my-gke"]),
    "cluster-none": ("cluster", {"location": ZONE, "name": "none"}, []),
    "cluster-location": ("cluster", {"location": ELSEWHERE}, []),
    "cluster-network": ("cluster", {"network": AWS}, ["my-gke"]),
    "cluster-other-network": ("cluster", {"network": "n1"}, []),
    "vpn_gateways": ("vpn_gateway", {}, ["aws-vpn", "g1"]),
    "vpn_gateway-status": ("vpn_gateway", {"region": REGION, "include_status": True}, ["aws-vpn", "g1"]),
    "vpn_gateway-network": ("vpn_gateway", {"network": "n1"}, ["g1"]),
    "external_vpn_gateways": ("external_vpn_gateway", {}, ["aws-peer", "e1"]),
    "external_vpn_gateway": ("external_vpn_gateway", {"name": "e1"}, ["e1"]),
    "addresses": ("address", {}, ["web"]),
    "address-subnetwork": ("address", {"subnetwork": SUBNETWORK, "region": REGION}, ["web"]),
    "address-filter": ("address", {"filter": "status = IN_USE"}, []),
    "health_checks": ("health_check", {}, ["alive", "proxy"]),
    "health_check": ("health_check", {"region": REGION, "name": "proxy"}, ["proxy"]),
    "health_check-global": ("health_check", {"region": "global"}, ["alive"]),
    "instance_group_managers": ("instance_group_manager", {"filter": 'name ne "gke-.*"'}, ["proxy", "zonal"]),
    "instance_group_manager-zone": ("instance_group_manager", {"zone": ZONE, "name": "zonal"}, ["zonal"]),
    "instance_group_manager-template": (
        "instance_group_manager",
        {"instance_template": "t1", "region": REGION},
        ["proxy"],
    ),
    "instance_group_manager-instances": (
        "instance_group_manager",
        {"region": REGION, "name": "proxy", "include_instances": True},
        ["proxy"],
    ),
    "backend_services": ("backend_service", {}, ["proxy"]),
    "backend_service-health": ("backend_service", {"name": "proxy", "include_health": True}, ["proxy"]),
    "forwarding_rules": ("forwarding_rule", {}, ["proxy"]),
    "forwarding_rule-service": ("forwarding_rule", {"backend_service": "proxy", "network": "n1"}, ["proxy"]),
    "forwarding_rule-other": ("forwarding_rule", {"network": AWS}, []),
    "vpn_tunnels": ("vpn_tunnel", {}, TUNNELS),
    "vpn_tunnel-gateway": ("vpn_tunnel", {"vpn_gateway": "g1"}, []),
    "vpn_tunnel-name-and-filter": (
        "vpn_tunnel",
        {"region": REGION, "name": TUNNELS[0], "filter": f"name != {TUNNELS[1]}"},
        TUNNELS[:1],
    ),
}

#: id -> what an answer has beside what the API shows of the resource itself
MORE = {
    "vpn_gateway-status": ["status"],
    "instance_group_manager-instances": ["managedInstances"],
    "backend_service-health": ["health"],
}


class Answers(t.NamedTuple):
    """A run of all questions, and what the API itself says of what they found."""

    run: Run
    path: str
    api: Api


@pytest.fixture(scope="module")
def estate_of(lab_process: Lab) -> Lab:
    estate(lab_process)
    return lab_process


@pytest.fixture(scope="module", params=PATHS)
def answers(request: pytest.FixtureRequest, estate_of: Lab, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    questions = [
        task(name, f"{kind}_info", {"environment": "lab", **options}, check_mode=name.endswith("s"))
        for name, (kind, options, _names) in CASES.items()
    ]
    run = Playbooks(estate_of, tmp_path_factory.mktemp("info")).run(play(questions), path=request.param)
    return Answers(run, request.param, Api(estate_of))


def found(answers: Answers, name: str) -> list[Json]:
    record = answers.run[name]
    assert record.status == "ok", record.result
    assert not record.result["changed"]
    assert not record.result.get("warnings")
    return t.cast("list[Json]", record.result[KINDS[CASES[name][0]].key])


@pytest.mark.parametrize("name", CASES)
def test_question(name: str, answers: Answers) -> None:
    resources = found(answers, name)
    assert [item["name"] for item in resources] == CASES[name][2]
    for item in resources:
        _service, _slash, path = item["selfLink"].partition("/projects/")
        container = "clusters" in path
        where = "/v1/projects/" if container else "/compute/v1/projects/"
        whole = answers.api.get(where + path.replace("/zones/", "/locations/", container))
        assert whole
        added = {key: item[key] for key in MORE.get(name, ())}
        assert item == {**(public(whole) or {}), **added}


def test_no_secrets(answers: Answers) -> None:
    for name in CASES:
        shown = str(found(answers, name))
        assert "sharedSecret" not in shown
        assert "clientKey" not in shown
    (cluster,) = found(answers, "cluster")
    assert list(cluster["masterAuth"]) == ["clusterCaCertificate"]
    assert [pool["name"] for pool in cluster["nodePools"]] == ["p1"]


def test_redundancy_of_each_connection(answers: Answers) -> None:
    aws, other = (gateway["status"] for gateway in found(answers, "vpn_gateway-status"))
    (connection,) = aws["vpnConnections"]
    assert connection["state"] == {"state": "CONNECTION_REDUNDANCY_MET"}
    assert connection["peerExternalGateway"].endswith("/aws-peer")
    assert len(connection["tunnels"]) == 4
    assert other == {}
    assert "status" not in found(answers, "vpn_gateways")[0]


def test_the_machines_behind_a_load_balancer(answers: Answers) -> None:
    (group,) = found(answers, "instance_group_manager-instances")
    (machine,) = group["managedInstances"]
    assert (machine["currentAction"], machine["instanceStatus"]) == ("NONE", "RUNNING")
    (service,) = found(answers, "backend_service-health")
    (backend,) = service["health"]
    assert backend["group"] == service["backends"][0]["group"]
    (status,) = backend["healthStatus"]
    # no rule of the network lets Google's checkers in
    assert (status["instance"], status["healthState"]) == (machine["instance"], "UNHEALTHY")


def test_path(answers: Answers) -> None:
    wanted = collections.Counter(f"{kind}_info" for kind, _options, _names in CASES.values())
    assert collections.Counter(answers.run.processes) == (wanted if answers.path == "module" else {})


def test_reading_sends_no_change(answers: Answers) -> None:
    assert len({record.mutations for record in answers.run.records}) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_examples(kind: str, estate_of: Lab, playbooks_apart: Playbooks) -> None:
    """They run as they stand, in the lab."""
    module = importlib.import_module(f"ansible_collections.podreach.gke.plugins.modules.{kind}_info")
    tasks = yaml.safe_load(module.EXAMPLES)
    run = playbooks_apart.run(play(tasks, environment={"PODREACH_ENVIRONMENT": "lab"}))
    assert {record.status for record in run.records} == {"ok"}, run.output
    assert run.records[0].result[KINDS[kind].key], "it finds something"


@pytest.fixture
def playbooks_apart(estate_of: Lab, tmp_path_factory: pytest.TempPathFactory) -> Playbooks:
    """Runs playbooks against the estate as it is."""
    return Playbooks(estate_of, tmp_path_factory.mktemp("examples"))
