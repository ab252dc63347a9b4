# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal load balancers told in the commands that users type: those of the real gcloud, and of the real kubectl."""

from __future__ import annotations

import json
import pathlib
import shutil
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.integration.clusters import LOCATION, REGION, make_cluster
from ansible_collections.podreach.gke.tests.integration.test_gcloud_peering import As
from ansible_collections.podreach.gke.tests.integration.test_kubectl_conformance import Kubectl
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

pytestmark = pytest.mark.skipif(
    shutil.which("gcloud") is None or shutil.which("kubectl") is None,
    reason="gcloud or kubectl is not installed; the lab's conformance with them cannot be tried",
)

Json = dict[str, t.Any]
SERVICE = """
apiVersion: v1
kind: Service
metadata:
  name: web
  annotations: {networking.gke.io/load-balancer-type: "Internal"}
spec:
  type: LoadBalancer
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}]
"""
IN = f"--region {REGION}"


@pytest.fixture
def gcloud(lab: Lab, tmp_path: pathlib.Path) -> As:
    return As(lab, "operator", tmp_path)


def kubectl_of(gcloud: As, cluster: Json, tmp_path: pathlib.Path) -> Kubectl:
    """kubectl with a kubeconfig that gcloud wrote, and a token of its own: the plugin takes most of a second."""
    kubectl = Kubectl(gcloud.lab)
    kubectl.environment["KUBECONFIG"] = gcloud.environment["KUBECONFIG"] = str(tmp_path / "kubeconfig")
    gcloud(f"container clusters get-credentials {cluster['name']} --location {LOCATION}")
    kubectl("config", "set-credentials", "operator", f"--token={gcloud.lab.token()}")
    kubectl("config set-context --current --user=operator")
    return kubectl


def test_a_load_balancer_by_hand(gcloud: As) -> None:
    gcloud("compute networks create net --subnet-mode custom")
    gcloud(f"compute networks subnets create sub --network net {IN} --range 10.1.0.0/24")
    gcloud("compute health-checks create http check --port 10256 --request-path /healthz --check-interval 8s")
    gcloud(f"compute health-checks create tcp regional {IN} --port 80")
    assert {(row["NAME"], row["PROTOCOL"]) for row in gcloud.table("compute health-checks list")} == {
        ("check", "HTTP"),
        ("regional", "TCP"),
    }
    found = gcloud.json("compute health-checks describe check --global")
    assert (found["httpHealthCheck"]["port"], found["checkIntervalSec"], found["healthyThreshold"]) == (10256, 8, 2)
    gcloud("compute health-checks update http check --port 8080")
    assert gcloud.json("compute health-checks describe check --global")["httpHealthCheck"]["port"] == 8080
    rule = (
        f"compute forwarding-rules create rule {IN} --load-balancing-scheme internal --network net --subnet sub "
        "--ports 80,443 --backend-service backend"
    )
    why = f"The resource 'projects/podreach-lab/regions/{REGION}/backendServices/backend' was not found"
    assert why in gcloud.fails(rule)
    gcloud(
        f"compute backend-services create backend {IN} --load-balancing-scheme internal --protocol tcp "
        "--health-checks check --global-health-checks"
    )
    [row] = gcloud.table("compute backend-services list")
    assert (row["NAME"], row["BACKENDS"], row["PROTOCOL"]) == ("backend", "", "TCP")
    gcloud(f"compute backend-services update backend {IN} --session-affinity client_ip")
    described = gcloud.json(f"compute backend-services describe backend {IN}")
    assert (described["sessionAffinity"], described["loadBalancingScheme"]) == ("CLIENT_IP", "INTERNAL")
    gcloud(rule)
    [row] = gcloud.table("compute forwarding-rules list")
    assert (row["NAME"], row["IP_ADDRESS"], row["IP_PROTOCOL"]) == ("rule", "10.1.0.2", "TCP")
    assert row["TARGET"] == f"{REGION}/backendServices/backend"
    in_use = "is already being used by"
    assert in_use in gcloud.fails(f"compute backend-services delete backend {IN}")
    assert in_use in gcloud.fails("compute health-checks delete check --global")
    gcloud(f"compute forwarding-rules delete rule {IN}")
    gcloud(f"compute backend-services delete backend {IN}")
    gcloud("compute health-checks delete check --global")
    gcloud(f"compute health-checks delete regional {IN}")
    assert gcloud("compute backend-services list") == ""


def test_what_gke_makes_of_a_service(gcloud: As, lab: Lab, tmp_path: pathlib.Path) -> None:
    cluster = make_cluster(lab, "c1")
    kubectl = kubectl_of(gcloud, cluster, tmp_path)
    kubectl("apply", "-f", "-", given=SERVICE)
    kubectl("wait service/web --for=jsonpath={.status.loadBalancer.ingress} --timeout=20s")
    service = kubectl.json("get service web")
    assert set(service["metadata"]["finalizers"]) == {
        "gke.networking.io/l4-ilb-v1",
        "service.kubernetes.io/load-balancer-cleanup",
    }
    said = kubectl("describe service web")
    assert "EnsuringLoadBalancer" in said
    assert "Ensured load balancer" in said
    name = "a" + service["metadata"]["uid"].replace("-", "")[:31]
    backend = gcloud.json(f"compute backend-services describe {name} {IN}")
    [group] = backend["backends"]
    group_name = group["group"].rpartition("/")[2]
    assert group_name.startswith("k8s-ig--")
    rows = gcloud.table("compute instance-groups list")
    assert [(row["NAME"], row["MANAGED"], row["INSTANCES"]) for row in rows] == [(group_name, "No", "2")]
    members = gcloud.table(f"compute instance-groups list-instances {group_name} --zone {LOCATION}")
    assert {row["STATUS"] for row in members} == {"RUNNING"}
    [health] = gcloud.json(f"compute backend-services get-health {name} {IN}")
    assert [item["healthState"] for item in health["status"]["healthStatus"]] == ["HEALTHY", "HEALTHY"]
    node = members[0]["NAME"]
    gcloud(f"compute instances stop {node} --zone {LOCATION}")
    [health] = gcloud.json(f"compute backend-services get-health {name} {IN}")
    states = {item["instance"].rpartition("/")[2]: item["healthState"] for item in health["status"]["healthStatus"]}
    assert states.pop(node) == "UNHEALTHY"
    assert list(states.values()) == ["HEALTHY"]
    assert "is already being used by" in gcloud.fails(f"compute backend-services delete {name} {IN}")
    kubectl("delete service web")
    for what in ("forwarding-rules", "backend-services", "health-checks", "instance-groups"):
        assert gcloud(f"compute {what} list") == ""


def test_with_subsetting(gcloud: As, lab: Lab, tmp_path: pathlib.Path) -> None:
    cluster = make_cluster(lab, "c1")
    gcloud(f"container clusters update c1 --location {LOCATION} --enable-l4-ilb-subsetting")
    kubectl = kubectl_of(gcloud, cluster, tmp_path)
    gcloud(f"compute addresses create vip {IN} --subnet c1 --addresses 10.1.0.50 --purpose SHARED_LOADBALANCER_VIP")
    named = SERVICE.replace("annotations: {", "annotations: {networking.gke.io/load-balancer-ip-addresses: vip, ")
    kubectl("apply", "-f", "-", given=named)
    kubectl("wait service/web --for=jsonpath={.status.loadBalancer.ingress} --timeout=20s")
    service = kubectl.json("get service web")
    assert service["status"]["loadBalancer"]["ingress"][0]["ip"] == "10.1.0.50"
    assert "gke.networking.io/l4-ilb-v2" in service["metadata"]["finalizers"]
    said = kubectl("describe service web")
    assert "Successfully ensured load balancer resources" in said
    told = service["metadata"]["annotations"]
    name = told["service.kubernetes.io/backend-service"]
    rule = gcloud.json(f"compute forwarding-rules describe {told['service.kubernetes.io/tcp-forwarding-rule']} {IN}")
    assert rule["backendService"].rpartition("/")[2] == name
    gcloud(f"compute firewall-rules describe {told['service.kubernetes.io/firewall-rule']}")
    gcloud(f"compute firewall-rules describe {told['service.kubernetes.io/firewall-rule-for-hc']}")
    gcloud(f"compute health-checks describe {told['service.kubernetes.io/healthcheck']} --global")
    assert json.loads(told["cloud.google.com/neg-status"])["network_endpoint_groups"] == {"0": name}
    [row] = gcloud.table("compute network-endpoint-groups list")
    assert (row["NAME"], row["ENDPOINT_TYPE"], row["SIZE"]) == (name, "GCE_VM_IP", "2")
    listing = f"compute network-endpoint-groups list-network-endpoints {name} --zone {LOCATION}"
    assert len(gcloud.table(listing)) == 2
    [health] = gcloud.json(f"compute backend-services get-health {name} {IN}")
    assert {item["healthState"] for item in health["status"]["healthStatus"]} == {"HEALTHY"}
    kubectl("delete service web")
    for what in ("forwarding-rules", "backend-services", "health-checks", "network-endpoint-groups"):
        assert gcloud(f"compute {what} list") == ""
