# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shared VPC told in the commands of the real gcloud: attach, share a subnetwork, and reach the host's machines."""

from __future__ import annotations

import pathlib
import shutil

import pytest

from ansible_collections.podreach.gke.tests.integration.test_gcloud_peering import As
from ansible_collections.podreach.gke.tests.integration.test_kubectl_conformance import Kubectl
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

pytestmark = pytest.mark.skipif(
    shutil.which("gcloud") is None or shutil.which("kubectl") is None,
    reason="gcloud or kubectl is not installed; the lab's conformance with them cannot be tried",
)

REGION, ZONE = "asia-northeast1", "asia-northeast1-a"
HOST, SERVICE = "podreach-lab", "podreach-peer"
GKE = "serviceAccount:service-100000000002@container-engine-robot.iam.gserviceaccount.com"
GOOGLE = "serviceAccount:100000000002@cloudservices.gserviceaccount.com"
PEER = "serviceAccount:peer@podreach-peer.iam.gserviceaccount.com"
USABLE = f"container subnets list-usable --project {SERVICE} --network-project {HOST}"
CREATE = (
    f"container clusters create c1 --zone {ZONE} --num-nodes 1 --enable-ip-alias "
    f"--network projects/{HOST}/global/networks/net --subnetwork projects/{HOST}/regions/{REGION}/subnetworks/sub "
    "--cluster-secondary-range-name pods --services-secondary-range-name services"
)


@pytest.fixture
def admin(lab: Lab, tmp_path: pathlib.Path) -> As:
    """Who administers the organization's Shared VPC, with a network in the host project."""
    gcloud = As(lab, "operator", tmp_path)
    gcloud("compute networks create net --subnet-mode custom")
    gcloud(
        f"compute networks subnets create sub --network net --region {REGION} --range 10.1.0.0/24 "
        "--secondary-range pods=10.4.0.0/20,services=10.5.0.0/22"
    )
    return gcloud


def test_hosts_and_their_projects(admin: As) -> None:
    assert "does not have an associated Shared-VPC host project" in admin.fails(f"{CREATE} --project {SERVICE}")
    attach = f"compute shared-vpc associated-projects add {SERVICE} --host-project {HOST}"
    assert f"'projects/{HOST}' is not a shared VPC host project." in admin.fails(attach)
    admin(f"compute shared-vpc enable {HOST}")
    admin(attach)
    assert admin.json(f"compute shared-vpc get-host-project {SERVICE}")["name"] == HOST
    [row] = admin.table(f"compute shared-vpc list-associated-resources {HOST}")
    assert (row["RESOURCE_ID"], row["RESOURCE_TYPE"]) == (SERVICE, "PROJECT")
    [row] = admin.table("compute shared-vpc organizations list-host-projects 123456789012")
    assert (row["NAME"], row["XPN_PROJECT_STATUS"]) == (HOST, "HOST")
    assert "it has active service projects" in admin.fails(f"compute shared-vpc disable {HOST}")
    admin(attach.replace(" add ", " remove "))
    admin(f"compute shared-vpc disable {HOST}")
    assert admin.json("compute shared-vpc organizations list-host-projects 123456789012") == []


def test_a_cluster_of_a_service_project_reaches_the_host(admin: As, tmp_path: pathlib.Path) -> None:
    lab = admin.lab
    peer = As(lab, "peer", tmp_path)
    admin(f"compute shared-vpc enable {HOST}")
    admin(f"compute shared-vpc associated-projects add {SERVICE} --host-project {HOST}")
    assert 'required "container.hostServiceAgent.use" permission' in peer.fails(CREATE)
    assert admin.json(USABLE) == []
    role = "--role roles/container.hostServiceAgentUser"
    admin(f"projects add-iam-policy-binding {HOST} --member {GKE} {role}")
    missing = peer.fails(CREATE)
    assert "Google Compute Engine: Required 'compute.subnetworks.get' permission for" in missing
    peer(f"container clusters delete c1 --zone {ZONE}")
    subnetwork = f"networks subnets add-iam-policy-binding sub --region {REGION} --role roles/compute.networkUser"
    for who in (GKE, GOOGLE, PEER):
        admin(f"compute {subnetwork} --member {who}")
    policy = admin.json(f"compute networks subnets get-iam-policy sub --region {REGION}")
    assert sorted(policy["bindings"][0]["members"]) == sorted([GKE, GOOGLE, PEER])
    [usable] = peer.json(USABLE)
    assert [(item["rangeName"], item["status"]) for item in usable["secondaryIpRanges"]] == [
        ("pods", "UNUSED"),
        ("services", "UNUSED"),
    ]
    [usable] = peer.json(f"compute networks subnets list-usable --project {HOST}")
    assert usable["ipCidrRange"] == "10.1.0.0/24"
    peer(CREATE)
    cluster = peer.json(f"container clusters describe c1 --zone {ZONE}")
    assert cluster["network"] == f"projects/{HOST}/global/networks/net"
    vm = "--machine-type e2-micro --image-family debian-12 --image-project debian-cloud --no-address"
    admin(f"compute instances create vm --zone {ZONE} --subnet sub {vm} --private-network-ip 10.1.0.50")
    there = f"projects/{HOST}/regions/{REGION}/subnetworks/sub"
    peer(f"compute instances create theirs --zone {ZONE} --subnet {there} {vm} --private-network-ip 10.1.0.51")
    admin("compute firewall-rules create in --network net --source-ranges 10.0.0.0/8 --allow tcp,icmp")
    kubectl = Kubectl(lab)
    kubectl.environment["KUBECONFIG"] = peer.environment["KUBECONFIG"] = str(tmp_path / "kubeconfig")
    peer(f"container clusters get-credentials c1 --zone {ZONE}")
    kubectl("config", "set-credentials", "peer", f"--token={lab.token('peer')}")
    kubectl("config set-context --current --user=peer")
    kubectl("run web --image nginx")
    kubectl("wait --for condition=Ready pod/web --timeout=30s")
    for destination in ("vm", "theirs"):
        traced = lab.trace("web", destination, "tcp", 80)
        assert traced["request"]["died"] is None, traced
        assert traced["reply"]["died"] is None, traced
    # GKE may not write firewall rules in the host project, and says what its admin has to
    manifest = tmp_path / "service.yml"
    manifest.write_text(
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n"
        '  annotations: {networking.gke.io/load-balancer-type: "Internal"}\n'
        "spec:\n  type: LoadBalancer\n  selector: {run: web}\n  ports: [{port: 80}]\n",
        encoding="utf-8",
    )
    kubectl(f"apply -f {manifest}")
    kubectl("wait --for jsonpath={.status.loadBalancer.ingress} service/web --timeout=30s")
    events = kubectl("get events --field-selector reason=LoadBalancerManualChange -o jsonpath={.items[*].message}")
    assert "Firewall change required by security admin: `gcloud compute firewall-rules create k8s" in events
    assert not [item for item in admin.json("compute firewall-rules list") if item["name"].startswith("k8s")]
    refused = admin.fails(f"compute shared-vpc associated-projects remove {SERVICE} --host-project {HOST}")
    assert f"The project resource 'projects/{SERVICE}' is already being used by" in refused
