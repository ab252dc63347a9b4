# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role `tcp_proxy` on a VM of the lab: a pod of a routes-based cluster reaches a peered project by it.

nginx is this machine's own, in the VM's namespace, and Ansible comes to it by its connection ssh (tests/lab/ssh).
"""

from __future__ import annotations

import dataclasses
import pathlib
import subprocess
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.golden.packets.kube import Kube
from ansible_collections.podreach.gke.tests.integration import machines
from ansible_collections.podreach.gke.tests.integration.api import CLUSTERS, Api, Json
from ansible_collections.podreach.gke.tests.integration.kubernetes_site import needs_packets
from ansible_collections.podreach.gke.tests.integration.playbooks import BIN, Playbooks, Run
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

PROXY, ADDRESS, POD = "test-gce-01", "10.1.0.9", "my-pod"
TARGET, SECOND = "10.2.0.1", "10.2.128.3"
PODS = "172.16.0.0/16"
# In a VM of the lab, only /tmp and /run can be written, and there is no other user than root.
PLACE: Json = {
    "tcp_proxy_service": "direct",
    "tcp_proxy_user": "root",
    "tcp_proxy_config_dir": "/tmp/etc",
    "tcp_proxy_run_dir": "/run/podreach",
    "tcp_proxy_log_dir": "/tmp/log",
}
WEB: Json = {
    "name": "web",
    "port": 8080,
    "upstreams": [{"host": TARGET, "port": 80}, {"host": SECOND, "port": 80}],
    "allow": [PODS],
    "connect_timeout": "300ms",
}
INPUTS: Json = {"tcp_proxy_listeners": [WEB], "tcp_proxy_health": {"port": 8081}}


@dataclasses.dataclass
class Estate:
    """Both projects of the story, a pod, and a second target."""

    lab: Lab
    playbooks: Playbooks

    def run(self, *plays: Json, **keywords: t.Any) -> Run:
        hosts = {PROXY: {**machines.OVER_SSH, **PLACE, **INPUTS}}
        # kept files would have every module copied, where it can be piped
        return self.playbooks.run(*plays, hosts=hosts, env={"ANSIBLE_KEEP_REMOTE_FILES": None}, **keywords)

    def get(self, source: str, url: str) -> str:
        return self.lab.exec(source, "curl", "--silent", "--max-time", "1", url).stdout.strip()

    def served(self, count: int) -> set[str]:
        """The names of the machines that answer the pod through the proxy."""
        page = f"curl --silent --max-time 2 http://{ADDRESS}:8080/"
        pages = self.lab.exec(POD, "sh", "-c", "; ".join([page] * count)).stdout.splitlines()
        assert len(pages) == count
        assert all(f'"source": "{ADDRESS}"' in page for page in pages), pages
        return {name for page in pages for name in ("target-gce-01", "target-gce-02") if name in page}


def proxy(inputs: Json | None = None) -> Json:
    """A play with the role."""
    role = {"role": "podreach.gke.tcp_proxy", "vars": inputs or {}}
    return {"hosts": "all", "gather_facts": False, "roles": [role]}


def tried(inputs: Json) -> Json:
    """A play whose role fails; the next play goes on."""
    role: Json = {"ansible.builtin.include_role": {"name": "podreach.gke.tcp_proxy"}, "vars": inputs}
    forgiven: Json = {"ansible.builtin.meta": "noop"}
    return {"hosts": "all", "gather_facts": False, "tasks": [{"block": [role], "rescue": [forgiven]}]}


def rendered(service: str, folder: pathlib.Path) -> list[Json]:
    """Tasks that put the startup script into a file."""
    role = {"name": "podreach.gke.tcp_proxy", "tasks_from": "startup_script"}
    copy = {"content": "{{ tcp_proxy_startup_script }}", "dest": str(folder / f"{service}.sh"), "mode": "0600"}
    return [
        {"ansible.builtin.include_role": role, "vars": {"tcp_proxy_service": service}},
        {"ansible.builtin.copy": copy},
    ]


def recap(run: Run) -> str:
    return next((line for line in run.output.splitlines() if line.startswith(PROXY) and "unreachable" in line), "")


def good(run: Run) -> Run:
    assert run.rc == 0, run.output
    return run


@pytest.fixture(scope="module")
def estate(lab_process: Lab, tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Estate]:
    lab, scratch = lab_process, tmp_path_factory.mktemp("proxy")
    lab.reset()
    lab.preset("peered-project")
    api = Api(lab)
    card = {
        "subnetwork": "projects/podreach-peer/regions/asia-northeast1/subnetworks/target-subnet",
        "networkIP": SECOND,
    }
    machines.vm(api, "target-network", "target-gce-02", SECOND, "podreach-peer", networkInterfaces=[card])
    body: Json = {"name": "c1", "network": "my-network", "subnetwork": "my-subnet", "initialNodeCount": 1}
    api.post(CLUSTERS, {"cluster": {**body, "clusterIpv4Cidr": PODS, "ipAllocationPolicy": {"useRoutes": True}}})
    found = api.get(f"{CLUSTERS}/c1")
    assert found is not None
    container = {"name": "c", "image": "curlimages/curl", "command": ["sleep", "infinity"]}
    metadata = {"name": POD, "namespace": "default"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}
    Kube(found, lab.token(), scratch).running_pod(pod)
    yield Estate(lab, Playbooks(lab, scratch))
    # a daemon outlives its VM
    lab.exec(PROXY, "sh", "-c", "kill $(cat /run/podreach/*/nginx.pid); rm -r /tmp/etc /tmp/log /run/podreach")


@needs_packets
def test_a_pod_reaches_a_peered_project(estate: Estate) -> None:
    """In check mode, before nginx is there; then for real."""
    run = good(estate.run(proxy({"tcp_proxy_nginx": "/opt/none/nginx"}), arguments=["--check", "--diff"]))
    assert "Would install nginx, libnginx-mod-stream." in run.output
    assert f"+        server {SECOND}:80 weight=1" in run.output
    assert "Would start nginx with /tmp/etc/tcp-proxy-proxy/nginx.conf." in run.output
    assert estate.lab.exec(PROXY, "ls", "/tmp/etc").returncode != 0

    good(estate.run(proxy()))
    assert estate.get(POD, f"http://{TARGET}/health") == ""
    assert estate.get(POD, f"http://{ADDRESS}:8080/health") == "OK"
    assert estate.served(6) == {"target-gce-01", "target-gce-02"}
    assert estate.get("target-gce-01", f"http://{ADDRESS}:8080/health") == ""
    assert estate.get("target-gce-01", f"http://{ADDRESS}:8081/") == "OK"

    estate.lab.kill_node("target-gce-02")
    assert estate.served(4) == {"target-gce-01"}
    estate.lab.kill_node("target-gce-02", end=True)


@needs_packets
def test_what_is_wrong_leaves_the_working_one_in_force(estate: Estate) -> None:
    lost: Json = {**WEB, "upstreams": [{"host": "nowhere.invalid", "port": 80}]}
    taken: Json = {**WEB, "port": 80}
    run = good(estate.run(tried({"tcp_proxy_listeners": [lost]}), tried({"tcp_proxy_listeners": [taken]}), proxy()))
    assert "changed=0" in recap(run)
    assert 'host not found in upstream "nowhere.invalid:80"' in run.output
    assert "so the former one stays in force" in run.output
    assert "web: tcp port 80 at 0.0.0.0 is taken by another process." in run.output
    assert estate.get(POD, f"http://{ADDRESS}:8080/health") == "OK"


@needs_packets
def test_reload_then_absent_then_a_startup_script(estate: Estate, tmp_path: pathlib.Path) -> None:
    render: Json = {
        "hosts": "all",
        "gather_facts": False,
        "tasks": [task for service in ("direct", "system") for task in rendered(service, tmp_path)],
        "vars": {"ansible_connection": "local", "ansible_remote_tmp": str(tmp_path)},
    }
    wider = {"tcp_proxy_listeners": [{key: value for key, value in WEB.items() if key != "allow"}]}
    run = good(estate.run(proxy(wider)))
    assert "changed=3" in recap(run)  # the configuration, the reload, the note
    assert estate.get("target-gce-01", f"http://{ADDRESS}:8080/health") == "OK"

    gone: Json = {"tcp_proxy_state": "absent"}
    run = good(estate.run(proxy(gone), proxy(gone), render))
    assert "changed=4" in recap(run)  # the process, the folders, the files of two scripts
    assert estate.get(POD, f"http://{ADDRESS}:8080/health") == ""
    assert estate.lab.exec(PROXY, "ls", "/tmp/etc", "/tmp/log", "/run/podreach").stdout.count("tcp-proxy") == 0

    subprocess.run([BIN / "shellcheck", tmp_path / "direct.sh", tmp_path / "system.sh"], check=True)
    text = (tmp_path / "direct.sh").read_text(encoding="utf-8")
    for _start in range(2):
        done = estate.lab.exec(PROXY, "sh", "-c", text)
        assert done.returncode == 0, done.stderr
    assert estate.get(POD, f"http://{ADDRESS}:8080/health") == "OK"
    broken = estate.lab.exec(PROXY, "sh", "-c", text.replace(TARGET, "nowhere.invalid"))
    assert broken.returncode != 0
    assert 'host not found in upstream "nowhere.invalid:80"' in broken.stderr
    assert estate.get(POD, f"http://{ADDRESS}:8080/health") == "OK"
