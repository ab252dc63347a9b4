# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines in an estate: a proxy that reaches the peer, one in a Shared VPC host's subnetwork, and what is refused.

The twelve cases of both modules are in test_modules.py.
"""

from __future__ import annotations

import importlib
import typing as t

import pytest
import yaml

from ansible_collections.podreach.gke.tests.integration.api import COMPUTE, MARKER, PROJECT, REGION, ZONE, Api, Json
from ansible_collections.podreach.gke.tests.integration.playbooks import Playbooks, Run, play, task
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

INSTANCES = f"{COMPUTE}/zones/{ZONE}/instances"
HOST = "podreach-peer"
SHARED = f"projects/{HOST}/regions/{REGION}/subnetworks/target-subnet"
IMAGE = "projects/debian-cloud/global/images/family/debian-12"
ACCOUNT = f"proxy@{PROJECT}.iam.gserviceaccount.com"
MACHINE: Json = {"machine_type": "e2-small", "boot_disk": {"image": IMAGE}}


def examples(module: str) -> list[Json]:
    """The tasks of a module's documentation."""
    found = importlib.import_module(f"ansible_collections.podreach.gke.plugins.modules.{module}")
    return t.cast("list[Json]", yaml.safe_load(found.EXAMPLES))


def estate(api: Api) -> None:
    """Beside the preset: a Shared VPC host, a template that a group takes, and a machine of somebody else, stopped."""
    api.post(f"/compute/v1/projects/{HOST}/enableXpnHost", {})
    attached = {"xpnResource": {"id": PROJECT, "type": "PROJECT"}}
    api.post(f"/compute/v1/projects/{HOST}/enableXpnResource", attached)
    subnetwork = f"projects/{PROJECT}/regions/{REGION}/subnetworks/my-subnet"
    properties = {
        "machineType": "e2-small",
        "disks": [{"boot": True, "initializeParams": {"sourceImage": IMAGE}}],
        "networkInterfaces": [{"subnetwork": subnetwork}],
    }
    templates = f"{COMPUTE}/global/instanceTemplates"
    api.post(templates, {"name": "used", "description": MARKER, "properties": properties})
    group = {"name": "g1", "instanceTemplate": f"projects/{PROJECT}/global/instanceTemplates/used", "targetSize": 0}
    api.post(f"{COMPUTE}/zones/{ZONE}/instanceGroupManagers", {"baseInstanceName": "g1", **group})
    api.post(f"{INSTANCES}/test-gce-01/stop", {})


@pytest.fixture(scope="module")
def run(lab_process: Lab, tmp_path_factory: pytest.TempPathFactory) -> Run:
    lab_process.reset()
    lab_process.preset("peered-project")
    estate(Api(lab_process))
    proxy, stopped = ({"name": name, "zone": ZONE} for name in ("proxy", "test-gce-01"))
    shared = {"name": "guest", "zone": ZONE, **MACHINE, "network_interfaces": [{"subnetwork": SHARED}]}
    tasks = [
        *examples("instance"),
        *examples("instance_template"),
        task("shared", "instance", shared),
        task("shared-again", "instance", shared),
        task("running", "instance", {**proxy, "machine_type": "e2-micro"}),
        task("stopped", "instance", {**stopped, "machine_type": "e2-medium", "service_account": {"email": ACCOUNT}}),
        task("moved", "instance", {**proxy, "network_interfaces": [{"subnetwork": SHARED}]}),
        task("template", "instance_template", {"name": "proxy-1", "tags": ["other"]}),
        task("used", "instance_template", {"name": "used", "state": "absent"}),
        task("theirs", "instance", {**stopped, "state": "absent"}),
    ]
    playbooks = Playbooks(lab_process, tmp_path_factory.mktemp("instances"))
    return playbooks.run(play(tasks, environment={"PODREACH_ENVIRONMENT": "lab"}))


def test_examples(run: Run) -> None:
    names = [item["name"] for module in ("instance", "instance_template") for item in examples(module)]
    assert [run[name].status for name in names] == ["ok"] * len(names), run.output
    proxy = run[names[1]].result["resource"]
    assert proxy["networkInterfaces"][0]["networkIP"] == "10.1.0.20"
    assert "accessConfigs" not in proxy["networkInterfaces"][0]


def test_the_proxy_reaches_the_peer(run: Run, lab_process: Lab) -> None:
    """And the machine in the Shared VPC, which is in the peer's own network, answers."""
    lab_process.settle()
    assert run["shared"].status == "ok", run["shared"].result
    card = run["shared"].result["resource"]["networkInterfaces"][0]
    assert card["subnetwork"].endswith(SHARED)
    assert not run["shared-again"].result["changed"]
    for address in ("10.2.0.1", card["networkIP"]):
        assert lab_process.exec("proxy", "curl", "-s", f"http://{address}/health").stdout == "OK\n"


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("running", "must-be-stopped", ["e2-small", "e2-micro", "gcloud compute instances stop proxy"]),
        ("moved", "fixed-at-creation", ["network_interfaces", "target-subnet", "make another one"]),
        ("template", "fixed-at-creation", ["tags", "Make one under another name"]),
        ("used", "in-use", [f"zones/{ZONE}/instanceGroupManagers/g1"]),
        ("theirs", "not-ours", ["did not create it"]),
    ],
)
def test_refused(name: str, code: str, words: list[str], run: Run) -> None:
    result = run[name].result
    assert run[name].failed
    assert result["error"]["code"] == code
    assert [word for word in words if word not in result["msg"]] == [], result["msg"]


def test_a_stopped_machine_of_somebody_else(run: Run) -> None:
    """It is changed as asked, and stays stopped."""
    record = run["stopped"]
    assert record.status == "ok", record.result
    assert [step["fields"] for step in record.result["plan"]] == [["machine_type"], ["service_account"]]
    now = record.result["resource"]
    assert (now["machineType"].rpartition("/")[2], now["status"]) == ("e2-medium", "TERMINATED")
    assert now["serviceAccounts"] == [{"email": ACCOUNT, "scopes": ["https://www.googleapis.com/auth/cloud-platform"]}]
