# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's Kubernetes against kubernetes.core, as PyPI's package `ansible` brings it.

Its modules know nothing of the lab but an endpoint, a token and a certificate. They run in an environment of their own
(`make community`), which holds hundreds of collections that must not leak into the other tests.
"""

from __future__ import annotations

import base64
import os
import pathlib
import shutil
import subprocess
import typing as t

import pytest
import yaml

from ansible_collections.podreach.gke.tests.integration.clusters import make_cluster
from ansible_collections.podreach.gke.tests.integration.community import Community, needs_community
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

Json = dict[str, t.Any]

pytestmark = needs_community

NAMESPACE: Json = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "blue", "labels": {"team": "a"}}}
CONFIG: Json = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "ip-masq-agent", "namespace": "blue"},
    "data": {"config": "nonMasqueradeCIDRs:\n- 10.0.0.0/8\nresyncInterval: 60s\n"},
}
SERVICE: Json = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": "blue"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
}
DEPLOYMENT: Json = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "blue"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "containers": [
                    {
                        "name": "web",
                        "image": "nginx:1.27",
                        "ports": [{"containerPort": 8080}],
                        "env": [{"name": "A", "value": "1"}],
                        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
                    }
                ]
            },
        },
    },
}
POLICY: Json = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "from-peer", "namespace": "blue"},
    "spec": {
        "podSelector": {"matchLabels": {"app": "web"}},
        "ingress": [{"from": [{"ipBlock": {"cidr": "10.2.0.0/16", "except": ["10.2.1.0/24"]}}]}],
    },
}
DAEMON_SET: Json = {
    "apiVersion": "apps/v1",
    "kind": "DaemonSet",
    "metadata": {"name": "agent", "namespace": "blue"},
    "spec": {
        "selector": {"matchLabels": {"k8s-app": "agent"}},
        "template": {
            "metadata": {"labels": {"k8s-app": "agent"}},
            "spec": {
                "hostNetwork": True,
                "containers": [
                    {
                        "name": "agent",
                        "image": "example.com/agent:v1",
                        "volumeMounts": [{"name": "config", "mountPath": "/etc/config"}],
                    }
                ],
                "volumes": [{"name": "config", "configMap": {"name": "ip-masq-agent", "optional": True}}],
                "tolerations": [{"effect": "NoSchedule", "operator": "Exists"}],
            },
        },
    },
}
EVERYTHING = (CONFIG, SERVICE, DEPLOYMENT, POLICY, DAEMON_SET)


@pytest.fixture
def community(lab: Lab, tmp_path: pathlib.Path) -> Community:
    """kubernetes.core with a cluster `c1`, told endpoint, token and certificate."""
    cluster = make_cluster(lab, "c1")
    certificate = tmp_path / "ca.pem"
    certificate.write_bytes(base64.b64decode(cluster["masterAuth"]["clusterCaCertificate"]))
    access = {
        "K8S_AUTH_HOST": f"https://{cluster['endpoint']}",
        "K8S_AUTH_API_KEY": lab.token(),
        "K8S_AUTH_SSL_CA_CERT": str(certificate),
    }
    return Community(lab, tmp_path, access)


def k8s(definition: Json | list[Json], **more: t.Any) -> Json:
    return {"kubernetes.core.k8s": {"definition": definition, **more}}


def versions(result: Json) -> dict[str, t.Any]:
    """By kind and name, what counts the changes of an object, of a task that was given several. The status of
    workloads goes on changing, so that only their generation counts."""
    found = [item["result"] for item in result["result"]["results"]]
    return {
        f"{item['kind']}/{item['metadata']['name']}": item["metadata"].get(
            "generation", item["metadata"]["resourceVersion"]
        )
        for item in found
    }


def test_a_second_run_changes_nothing(community: Community) -> None:
    tasks = [k8s(NAMESPACE), k8s(list(EVERYTHING))]
    first = community.run(*tasks)
    assert [result["changed"] for result in first] == [True, True]
    second = community.run(*tasks)
    assert [result["changed"] for result in second] == [False, False]
    assert versions(second[1]) == versions(first[1])


def test_a_second_run_of_apply_changes_nothing(community: Community) -> None:
    tasks = [k8s([NAMESPACE, *EVERYTHING], apply=True)]
    assert community.run(*tasks)[0]["changed"]
    changed = yaml.safe_load(yaml.safe_dump(DEPLOYMENT))
    del changed["spec"]["template"]["spec"]["containers"][0]["env"]
    again, result = community.run(*tasks, k8s(changed, apply=True))
    assert not again["changed"]
    assert result["changed"]
    assert "env" not in result["result"]["spec"]["template"]["spec"]["containers"][0]


def test_server_side_apply_twice_and_a_conflict(community: Community) -> None:
    mine = {"apply": True, "server_side_apply": {"field_manager": "mine"}}
    others = {"apply": True, "server_side_apply": {"field_manager": "others"}}
    forced = {"apply": True, "server_side_apply": {"field_manager": "others", "force_conflicts": True}}
    changed = CONFIG | {"data": {"config": "nonMasqueradeCIDRs: []\n"}}
    first, second, refused, taken = community.run(
        k8s([NAMESPACE, CONFIG, DEPLOYMENT], **mine),
        k8s([NAMESPACE, CONFIG, DEPLOYMENT], **mine),
        k8s(changed, **others) | {"ignore_errors": True},
        k8s(changed, **forced),
    )
    assert [first["changed"], second["changed"], taken["changed"]] == [True, False, True]
    assert "Apply failed with 1 conflict" in refused["msg"]
    assert ".data.config" in refused["msg"]


def test_check_mode_persists_nothing(community: Community) -> None:
    community.run(k8s(NAMESPACE), k8s(CONFIG))
    before = community.lab.seq()
    changed = CONFIG | {"data": {"other": "x"}}
    results = community.run(
        k8s(changed),
        k8s(SERVICE),
        k8s(DEPLOYMENT, apply=True),
        k8s(CONFIG, state="absent"),
        check=True,
    )
    assert [result["changed"] for result in results] == [True] * 4
    assert community.lab.mutating(before) == []
    info = {"kubernetes.core.k8s_info": {"kind": "ConfigMap", "name": "ip-masq-agent", "namespace": "blue"}}
    none = {"kubernetes.core.k8s_info": {"kind": "Service", "name": "web", "namespace": "blue"}}
    there, absent = community.run(info, none)
    assert there["resources"][0]["data"] == CONFIG["data"]
    assert absent["resources"] == []


def test_reading_selecting_patching_and_deleting(community: Community) -> None:
    results = community.run(
        k8s(NAMESPACE),
        k8s(CONFIG),
        k8s(DEPLOYMENT),
        {"kubernetes.core.k8s_info": {"kind": "Namespace", "label_selectors": ["team = a"]}},
        {"kubernetes.core.k8s_info": {"kind": "ConfigMap", "field_selectors": ["metadata.name=ip-masq-agent"]}},
        {
            "kubernetes.core.k8s_json_patch": {
                "kind": "ConfigMap",
                "name": "ip-masq-agent",
                "namespace": "blue",
                "patch": [{"op": "add", "path": "/data/more", "value": "x"}],
            }
        },
        {
            "kubernetes.core.k8s_scale": {
                "kind": "Deployment",
                "name": "web",
                "namespace": "blue",
                "replicas": 5,
                "wait": False,
            }
        },
        {"kubernetes.core.k8s_cluster_info": {}},
        k8s(NAMESPACE, state="absent", wait=True),
        k8s(NAMESPACE, state="absent"),
    )
    assert [item["metadata"]["name"] for item in results[3]["resources"]] == ["blue"]
    assert [item["metadata"]["namespace"] for item in results[4]["resources"]] == ["blue"]
    assert results[5]["result"]["data"]["more"] == "x"
    assert results[6]["result"]["spec"]["replicas"] == 5
    assert results[7]["version"]["server"]["kubernetes"]["gitVersion"].startswith("v1.")
    assert (results[8]["changed"], results[9]["changed"]) == (True, False)


def test_what_is_wrong_is_refused_in_the_servers_words(community: Community) -> None:
    (wrong,) = community.run(
        k8s(CONFIG | {"data": {"a key": "x"}, "metadata": {"name": "c"}}, namespace="default"), succeeds=False
    )
    assert "a valid config key must consist of alphanumeric characters" in wrong["msg"]
    (unknown,) = community.run(
        k8s(
            CONFIG | {"metadata": {"name": "c", "namespace": "default"}, "datas": {}}, validate={"fail_on_error": True}
        ),
        succeeds=False,
    )
    assert unknown["failed"]


def test_running_a_program_and_waiting_for_pods(community: Community) -> None:
    packets = community.lab.status()["packets"]
    if not packets["available"]:
        if os.environ.get("PODREACH_NO_PACKETS") == "1":
            pytest.skip(f"pods have no network here: {packets['reason']}")
        pytest.fail(f"{packets['reason']} (PODREACH_NO_PACKETS=1 skips what needs packets)")
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "shell", "namespace": "default"},
        "spec": {"containers": [{"name": "shell", "image": "busybox:1.37"}]},
    }
    program = {"namespace": "default", "pod": "shell"}
    made, out, wrong, again = community.run(
        k8s(pod, wait=True, wait_timeout=30),
        {"kubernetes.core.k8s_exec": program | {"command": "sh -c 'echo out; echo err >&2'"}},
        {"kubernetes.core.k8s_exec": program | {"command": "sh -c 'exit 7'"}, "ignore_errors": True},
        k8s(pod, wait=True, wait_timeout=30),
    )
    assert made["changed"]
    assert made["result"]["status"]["phase"] == "Running"
    assert (out["rc"], out["stdout"], out["stderr"]) == (0, "out\n", "err\n")
    assert wrong["rc"] == 7
    assert not again["changed"]


def test_by_a_kubeconfig_that_gcloud_wrote(community: Community) -> None:
    if shutil.which("gcloud") is None or shutil.which("gke-gcloud-auth-plugin") is None:
        pytest.skip("gcloud and its plugin for kubectl are not installed")
    lab = community.lab
    environment = os.environ | lab.env
    line = "gcloud container clusters get-credentials c1 --location asia-northeast1-a"
    subprocess.run(line.split(), env=environment, check=True, capture_output=True, timeout=60)
    names = ("CLOUDSDK_CONFIG", "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", "CLOUDSDK_CORE_PROJECT")
    community.access = {"K8S_AUTH_KUBECONFIG": lab.env["KUBECONFIG"]} | {name: lab.env[name] for name in names}
    (result,) = community.run({"kubernetes.core.k8s_info": {"kind": "Namespace", "name": "kube-system"}})
    assert result["resources"][0]["status"]["phase"] == "Active"
