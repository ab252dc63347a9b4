# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ip-masq-agent itself, for clusters to which GKE does not deploy it.

What it needs is as in https://cloud.google.com/kubernetes-engine/docs/how-to/ip-masquerade-agent: the network of the
node, the right to change its rules, GKE's own chain, and the ConfigMap's key as a file. Without a list it keeps what
GKE's own rules keep, and it says in its log which configuration it uses.
"""

from __future__ import annotations

from .client import Json
from .masquerade_config import GKE_CHAIN

NAMESPACE, NAME, KEY = "kube-system", "ip-masq-agent", "config"
IMAGE = "gke.gcr.io/ip-masq-agent:v2.9.3-gke.5"
COLLECTION = f"/apis/apps/v1/namespaces/{NAMESPACE}/daemonsets"


def daemon_set(image: str) -> Json:
    """The DaemonSet, on every Linux node, tainted or not."""
    labels = {"k8s-app": NAME}
    container: Json = {
        "name": NAME,
        "image": image,
        "args": [f"--masq-chain={GKE_CHAIN}", "--nomasq-all-reserved-ranges", "--v=2"],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
        "securityContext": {"privileged": False, "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN", "NET_RAW"]}},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/config"}],
    }
    file: Json = {"name": NAME, "optional": True, "items": [{"key": KEY, "path": NAME}]}
    spec: Json = {
        "hostNetwork": True,
        "priorityClassName": "system-node-critical",
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "containers": [container],
        "tolerations": [
            {"effect": "NoSchedule", "operator": "Exists"},
            {"effect": "NoExecute", "operator": "Exists"},
            {"key": "CriticalAddonsOnly", "operator": "Exists"},
        ],
        "volumes": [{"name": "config", "configMap": file}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": dict(labels)},
        "spec": {
            "selector": {"matchLabels": dict(labels)},
            "template": {"metadata": {"labels": dict(labels)}, "spec": spec},
        },
    }
