# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster's Kubernetes API over https, as any client speaks to it: its certificate authority, a bearer token."""

from __future__ import annotations

import base64
import pathlib
import time
import typing as t

import requests

Json = dict[str, t.Any]
DEADLINE = 20.0

#: kind -> (path of the API group, plural, namespaced)
KINDS = {
    "ConfigMap": ("api/v1", "configmaps", True),
    "Namespace": ("api/v1", "namespaces", False),
    "Node": ("api/v1", "nodes", False),
    "Pod": ("api/v1", "pods", True),
    "Service": ("api/v1", "services", True),
    "DaemonSet": ("apis/apps/v1", "daemonsets", True),
    "NetworkPolicy": ("apis/networking.k8s.io/v1", "networkpolicies", True),
    "EgressNATPolicy": ("apis/networking.gke.io/v1", "egressnatpolicies", False),
}


class Kube:
    """One cluster, as the container API describes it."""

    def __init__(self, cluster: Json, token: str, scratch: pathlib.Path) -> None:
        authority = scratch / f"{cluster['name']}.pem"
        authority.write_bytes(base64.b64decode(cluster["masterAuth"]["clusterCaCertificate"]))
        self.url = f"https://{cluster['endpoint']}"
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.verify = str(authority)
        self._http.headers["Authorization"] = f"Bearer {token}"

    def request(self, method: str, path: str, body: t.Any = None) -> requests.Response:
        """One request; ``path`` begins with api/ or apis/."""
        return self._http.request(method, f"{self.url}/{path}", json=body, timeout=DEADLINE)

    @staticmethod
    def collection(kind: str, namespace: str) -> str:
        """The path of all objects of a kind, in one namespace where the kind has any."""
        group, plural, namespaced = KINDS[kind]
        return f"{group}/namespaces/{namespace}/{plural}" if namespaced else f"{group}/{plural}"

    def put(self, item: Json) -> Json:
        """Create the object, or replace its content where there is one of the name."""
        namespace = item["metadata"].get("namespace", "default")
        path = self.collection(item["kind"], namespace)
        name = item["metadata"]["name"]
        there = self.request("GET", f"{path}/{name}")
        if there.status_code == 404:
            reply = self.request("POST", path, item)
        else:
            version = there.json()["metadata"]["resourceVersion"]
            body = {**item, "metadata": {**item["metadata"], "resourceVersion": version}}
            reply = self.request("PUT", f"{path}/{name}", body)
        assert reply.ok, f"{reply.request.method} {reply.url}: {reply.text}"
        made: Json = reply.json()
        return made

    def delete(self, kind: str, name: str, namespace: str = "default") -> None:
        """Delete the object, which is there."""
        reply = self.request("DELETE", f"{self.collection(kind, namespace)}/{name}")
        assert reply.ok, f"{reply.url}: {reply.text}"

    def get(self, kind: str, name: str, namespace: str = "default") -> Json | None:
        """The object, if there is one."""
        reply = self.request("GET", f"{self.collection(kind, namespace)}/{name}")
        if reply.status_code == 404:
            return None
        assert reply.ok, f"{reply.url}: {reply.text}"
        found: Json = reply.json()
        return found

    def items(self, kind: str, namespace: str = "default") -> list[Json]:
        """All objects of a kind."""
        reply = self.request("GET", self.collection(kind, namespace))
        assert reply.ok, f"{reply.url}: {reply.text}"
        found: list[Json] = reply.json()["items"]
        return found

    def wait(self, what: str, look: t.Callable[[], t.Any]) -> t.Any:
        """What ``look`` returns as soon as that is true; an error that names ``what`` after the deadline."""
        deadline = time.monotonic() + DEADLINE
        while True:
            if found := look():
                return found
            assert time.monotonic() < deadline, f"{what}: not within {DEADLINE} s"
            time.sleep(0.02)

    def running_pod(self, pod: Json) -> Json:
        """Create the pod and wait until it runs and has an address; as it then is."""
        name, namespace = pod["metadata"]["name"], pod["metadata"].get("namespace", "default")
        self.put(pod)

        def look() -> Json | None:
            found = self.get("Pod", name, namespace)
            status = (found or {}).get("status", {})
            return found if status.get("phase") == "Running" and status.get("podIP") else None

        running: Json = self.wait(f"pod {namespace}/{name} runs", look)
        return running

    def agent_log(self, node: str) -> str:
        """What the masquerade agent on the node has logged."""
        (pod,) = [
            item
            for item in self.items("Pod", "kube-system")
            if item["metadata"]["name"].startswith("ip-masq-agent") and item["spec"]["nodeName"] == node
        ]
        reply = self.request("GET", f"{self.collection('Pod', 'kube-system')}/{pod['metadata']['name']}/log")
        assert reply.ok, f"{reply.url}: {reply.text}"
        return reply.text
