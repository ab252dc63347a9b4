# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab inside the test's own process, driven without a socket."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.podreach.gke.tests.lab.podreach_lab import compute, container
from ansible_collections.podreach.gke.tests.lab.podreach_lab.auth import Accounts
from ansible_collections.podreach.gke.tests.lab.podreach_lab.clock import Clock
from ansible_collections.podreach.gke.tests.lab.podreach_lab.core import Lab, Reply
from ansible_collections.podreach.gke.tests.lab.podreach_lab.discovery import Discovery
from ansible_collections.podreach.gke.tests.lab.podreach_lab.state import State

Json = dict[str, t.Any]
REGISTERED = (compute, container)
REGION = "asia-northeast1"
ZONE = "asia-northeast1-a"


class Refused(Exception):
    """An HTTP error of the lab."""

    def __init__(self, code: int, error: Json) -> None:
        super().__init__(f"{code} {error['message']}")
        self.code = code
        self.error = error
        self.message = str(error["message"])
        self.reason = error["errors"][0]["reason"]


class Cloud:
    """Calls of the operator to both APIs of project podreach-lab. Paths are relative to it."""

    def __init__(self, clock: Clock, accounts: Accounts, discovery: Discovery) -> None:
        self.clock = clock
        self.accounts = accounts
        self.lab = Lab(State(clock, seed=1), accounts, discovery)
        self.project = "podreach-lab"
        self.headers = {"authorization": f"Bearer {accounts.issue(accounts.accounts['operator'].caller)}"}

    def raw(self, method: str, target: str, body: t.Any = None, headers: t.Mapping[str, str] | None = None) -> Reply:
        """One call; a handler that waits is not for here."""
        payload = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        running = self.lab.call(method, target, self.headers if headers is None else headers, payload)
        try:
            running.send(None)
        except StopIteration as stop:
            return t.cast(Reply, stop.value)
        raise AssertionError(f"{method} {target} waits")

    def call(self, method: str, target: str, body: t.Any = None) -> Json:
        reply = self.raw(method, target, body)
        answer = t.cast(Json, reply.json())
        if reply.status != 200:
            raise Refused(reply.status, answer["error"])
        return answer

    def compute(self, method: str, path: str, body: t.Any = None) -> Json:
        return self.call(method, f"/compute/v1/projects/{self.project}/{path}", body)

    def container(self, method: str, path: str, body: t.Any = None) -> Json:
        return self.call(method, f"/v1/projects/{self.project}/locations/{path}", body)

    # ---- an estate in a line each

    def network(self, name: str = "n1", **fields: t.Any) -> Json:
        return self.compute("POST", "global/networks", {"name": name, "autoCreateSubnetworks": False, **fields})

    def subnetwork(self, name: str = "s1", cidr: str = "10.1.0.0/24", /, network: str = "n1", **ranges: str) -> Json:
        """Secondary ranges as keywords: name=cidr."""
        body: Json = {"name": name, "network": f"global/networks/{network}", "ipCidrRange": cidr}
        if ranges:
            body["secondaryIpRanges"] = secondary(**ranges)
        return self.compute("POST", f"regions/{REGION}/subnetworks", body)

    def patch_subnetwork(self, subnetwork: str = "s1", /, **fields: t.Any) -> Json:
        """With the current fingerprint."""
        path = f"regions/{REGION}/subnetworks/{subnetwork}"
        return self.compute("PATCH", path, {"fingerprint": self.compute("GET", path)["fingerprint"], **fields})

    def estate(self) -> None:
        """Network n1 with subnetwork s1 (10.1.0.0/24), its ranges pods (10.4.0.0/20) and services (10.5.0.0/22)."""
        self.network()
        self.subnetwork("s1", "10.1.0.0/24", pods="10.4.0.0/20", services="10.5.0.0/22")

    def cluster(self, name: str = "c1", location: str = ZONE, **fields: t.Any) -> Json:
        """VPC-native by range names unless `fields` say otherwise; the first reply is the operation."""
        body: Json = {
            "name": name,
            "network": "n1",
            "subnetwork": "s1",
            "ipAllocationPolicy": {
                "useIpAliases": True,
                "clusterSecondaryRangeName": "pods",
                "servicesSecondaryRangeName": "services",
            },
            "nodePools": [{"name": "default-pool", "initialNodeCount": 1}],
            **fields,
        }
        body = {key: value for key, value in body.items() if value is not None}
        return self.container("POST", f"{location}/clusters", {"cluster": body})

    def nodes(self) -> list[Json]:
        answer = self.compute("GET", "aggregated/instances")["items"]
        return [node for scope in answer.values() for node in scope.get("instances", [])]

    def routes(self, network: str = "n1") -> list[Json]:
        found = self.compute("GET", "global/routes").get("items", [])
        return [route for route in found if route["network"].endswith(f"/{network}")]


def secondary(**ranges: str) -> list[Json]:
    return [{"rangeName": name, "ipCidrRange": cidr} for name, cidr in ranges.items()]
