# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot be entered or asked: pods of a dead node, pods that do not run, a cluster that was never created."""

from __future__ import annotations

import pathlib
import shutil
import socket

import pytest

from ansible_collections.podreach.gke.tests.golden.packets.kube import Kube
from ansible_collections.podreach.gke.tests.integration.api import CLUSTERS, COMPUTE, ZONE, Api, Json
from ansible_collections.podreach.gke.tests.integration.clusters import call, make_cluster
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

PACKETS = pytest.mark.skipif(shutil.which("unshare") is None, reason="there are no namespaces for packets here")


def pod(kube: Kube, name: str, **spec: object) -> None:
    body: Json = {"containers": [{"name": "c", "image": "nginx"}], **spec}
    kube.put({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"}, "spec": body})


def phase(kube: Kube, name: str) -> str:
    return str((kube.get("Pod", name) or {"status": {}})["status"].get("phase"))


@PACKETS
def test_pods_that_nobody_can_enter(lab: Lab, tmp_path: pathlib.Path) -> None:
    kube = Kube(make_cluster(lab, "c1"), lab.token(), tmp_path)
    pod(kube, "runs")
    pod(kube, "stuck", nodeSelector={"disk": "fast"})
    kube.wait("runs", lambda: phase(kube, "runs") == "Running")
    assert lab.exec("runs", "true").returncode == 0

    done = lab.exec("stuck", "true")
    assert done.returncode != 0
    assert "The pod c1/default/stuck exists but does not run: it is Pending" in done.stderr
    with pytest.raises(ValueError, match="default/stuck exists but does not run"):
        lab.trace("stuck", "runs")

    node = (kube.get("Pod", "runs") or {})["spec"]["nodeName"]
    lab.kill_node(node)
    done = lab.exec("runs", "true")
    assert (done.returncode, done.stderr) == (125, f"lab: the node {node} does not answer\n")
    Api(lab).post(f"{COMPUTE}/zones/{ZONE}/instances/{node}/reset", {})
    assert lab.status()["disturbances"] == []
    assert lab.exec("runs", "true").returncode == 0


@PACKETS
def test_a_dead_instance_of_ec2(lab: Lab) -> None:
    lab.preset("aws-account")
    assert lab.exec("aws-ec2-01", "ping", "-c1", "-W1", "10.0.1.7").returncode == 0
    lab.kill_node("aws-ec2-01")
    assert lab.status()["disturbances"] == [{"kind": "node", "name": "aws-ec2-01"}]
    assert lab.exec("aws-ec2-01", "ping", "-c1", "-W1", "10.0.1.7").returncode != 0
    lab.kill_node("aws-ec2-01", end=True)
    assert lab.exec("aws-ec2-01", "ping", "-c1", "-W1", "10.0.1.7").returncode == 0
    lab.kill_node("aws-ec2-01")
    lab.reset()
    assert lab.status()["disturbances"] == []


def test_a_cluster_that_was_never_created_serves_nothing(lab: Lab) -> None:
    lab.fault(path="/clusters$", when="operation", status=403, reason="quotaExceeded")
    cluster = make_cluster(lab, "c1")
    assert cluster["status"] == "ERROR"
    host, _separator, port = str(cluster.get("endpoint", "")).partition(":")
    with socket.socket() as link:
        link.settimeout(5)
        assert link.connect_ex((host, int(port or 443))) != 0
    call(lab, "DELETE", f"{CLUSTERS.removeprefix('/')}/c1")
