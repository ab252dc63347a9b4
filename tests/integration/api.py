# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's API, spoken to directly: what tests put there beforehand, and what they look at afterwards."""

from __future__ import annotations

import typing as t

import requests

from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

Json = dict[str, t.Any]

PROJECT = "podreach-lab"
REGION = "asia-northeast1"
ZONE = "asia-northeast1-a"
IMAGE = "projects/debian-cloud/global/images/family/debian-12"
COMPUTE = f"/compute/v1/projects/{PROJECT}"
CONTAINER = f"/v1/projects/{PROJECT}"
NETWORK = f"projects/{PROJECT}/global/networks"
SUBNETWORKS = f"{COMPUTE}/regions/{REGION}/subnetworks"
ROUTERS = f"{COMPUTE}/regions/{REGION}/routers"
FIREWALLS = f"{COMPUTE}/global/firewalls"
CLUSTERS = f"{CONTAINER}/locations/{ZONE}/clusters"

#: what marks a thing as made by this collection
MARKER = "[podreach.gke]"
LABELS = {"managed-by": "podreach-gke"}


class Api:
    """Requests of the lab's operator. Operations end at once under the latency profile zero."""

    def __init__(self, lab: Lab) -> None:
        self._url = lab.url
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.headers["authorization"] = f"Bearer {lab.token()}"

    def get(self, path: str) -> Json | None:
        """The object at a path, None if there is none."""
        reply = self._http.get(self._url + path, timeout=30)
        return None if reply.status_code == 404 else self._good(reply)

    def post(self, path: str, body: Json) -> Json:
        return self._good(self._http.post(self._url + path, json=body, timeout=30))

    def patch(self, path: str, body: Json) -> Json:
        return self._good(self._http.patch(self._url + path, json=body, timeout=30))

    def delete(self, path: str) -> Json:
        return self._good(self._http.delete(self._url + path, timeout=30))

    @staticmethod
    def _good(reply: requests.Response) -> Json:
        assert reply.ok, f"{reply.request.method} {reply.url}: {reply.text}"
        answer: Json = reply.json()
        assert "error" not in answer, answer
        return answer

    # ---- what most tests need

    def network(self, name: str = "n1", *, marked: bool = True, **fields: t.Any) -> None:
        body = {"name": name, "autoCreateSubnetworks": False}
        self.post(f"{COMPUTE}/global/networks", {**body, **_mark(marked), **fields})

    def subnetwork(
        self,
        name: str = "s1",
        cidr: str = "10.1.0.0/24",
        *,
        network: str = "n1",
        region: str = REGION,
        marked: bool = True,
        ranges: t.Mapping[str, str] | None = None,
        **fields: t.Any,
    ) -> None:
        extra = [{"rangeName": key, "ipCidrRange": value} for key, value in (ranges or {}).items()]
        body = {"name": name, "network": f"{NETWORK}/{network}", "ipCidrRange": cidr, "secondaryIpRanges": extra}
        self.post(f"{COMPUTE}/regions/{region}/subnetworks", {**body, **_mark(marked), **fields})

    def router(self, name: str = "r1", *, network: str = "n1", marked: bool = True, **fields: t.Any) -> None:
        body = {"name": name, "network": f"{NETWORK}/{network}", "bgp": {"asn": 65010}}
        self.post(ROUTERS, {**body, **_mark(marked), **fields})

    def vpn_gateway(self, name: str = "g1", *, network: str = "n1", marked: bool = True) -> Json:
        """The gateway as it is then, with its addresses."""
        where = f"{COMPUTE}/regions/{REGION}/vpnGateways"
        self.post(where, {"name": name, "network": f"{NETWORK}/{network}", **_mark(marked)})
        made = self.get(f"{where}/{name}")
        assert made
        return made

    def external_vpn_gateway(self, name: str = "e1", count: int = 4, *, marked: bool = True) -> None:
        """Its interfaces are 203.0.113.1 and so on."""
        interfaces = [{"id": number, "ipAddress": f"203.0.113.{number + 1}"} for number in range(count)]
        self.post(f"{COMPUTE}/global/externalVpnGateways", {"name": name, "interfaces": interfaces, **_mark(marked)})

    def vpn_tunnel(self, name: str = "t1", *, interface: int = 0, peer: int = 0, marked: bool = True) -> None:
        """From g1 to e1, for r1."""
        where = f"projects/{PROJECT}/regions/{REGION}"
        body = {
            "name": name,
            "vpnGateway": f"{where}/vpnGateways/g1",
            "vpnGatewayInterface": interface,
            "peerExternalGateway": f"projects/{PROJECT}/global/externalVpnGateways/e1",
            "peerExternalGatewayInterface": peer,
            "router": f"{where}/routers/r1",
            "sharedSecret": "a.secret_of_the_tests",
            "ikeVersion": 2,
        }
        self.post(f"{COMPUTE}/regions/{REGION}/vpnTunnels", {**body, **_mark(marked)})

    def firewall(self, name: str = "f1", *, network: str = "n1", marked: bool = True, **fields: t.Any) -> None:
        body = {
            "name": name,
            "network": f"{NETWORK}/{network}",
            "allowed": [{"IPProtocol": "icmp"}],
            "sourceRanges": ["10.0.0.0/16"],
        }
        self.post(FIREWALLS, {**body, **_mark(marked), **fields})

    # ---- load balancers

    def template(self, name: str = "t1", *, subnetwork: str = "s1", **card: t.Any) -> None:
        """A template of machines in a subnetwork, which have the tag web. ``card`` is more of their interface."""
        where = f"projects/{PROJECT}/regions/{REGION}/subnetworks/{subnetwork}"
        properties = {
            "machineType": "e2-micro",
            "networkInterfaces": [{"subnetwork": where, **card}],
            "disks": [{"boot": True, "initializeParams": {"sourceImage": IMAGE}}],
            "tags": {"items": ["web"]},
        }
        self.post(f"{COMPUTE}/global/instanceTemplates", {"name": name, "properties": properties})

    def health_check(
        self, name: str = "h1", *, where: str = f"regions/{REGION}", marked: bool = True, **fields: t.Any
    ) -> None:
        body = {"name": name, "type": "TCP", "tcpHealthCheck": {"port": 80}, **_mark(marked), **fields}
        self.post(f"{COMPUTE}/{where}/healthChecks", body)

    def managed_group(
        self, name: str = "m1", size: int = 1, *, where: str = f"regions/{REGION}", marked: bool = True
    ) -> None:
        """A managed group of t1, without healing."""
        template = f"projects/{PROJECT}/global/instanceTemplates/t1"
        body = {"name": name, "instanceTemplate": template, "targetSize": size, **_mark(marked)}
        self.post(f"{COMPUTE}/{where}/instanceGroupManagers", body)

    def backend_service(self, name: str = "b1", *groups: str, marked: bool = True, **fields: t.Any) -> None:
        """With h1, and regional groups of these names."""
        where = f"projects/{PROJECT}/regions/{REGION}"
        body = {
            "name": name,
            "loadBalancingScheme": "INTERNAL",
            "protocol": "TCP",
            "healthChecks": [f"{where}/healthChecks/h1"],
            "backends": [{"group": f"{where}/instanceGroups/{group}"} for group in groups],
        }
        self.post(f"{COMPUTE}/regions/{REGION}/backendServices", {**body, **_mark(marked), **fields})

    def forwarding_rule(self, name: str = "f1", *, marked: bool = True, **fields: t.Any) -> None:
        """To b1, in s1, at port 80."""
        where = f"projects/{PROJECT}/regions/{REGION}"
        body = {
            "name": name,
            "loadBalancingScheme": "INTERNAL",
            "subnetwork": f"{where}/subnetworks/s1",
            "backendService": f"{where}/backendServices/b1",
            "ports": ["80"],
        }
        self.post(f"{COMPUTE}/regions/{REGION}/forwardingRules", {**body, **_mark(marked), **fields})

    def cluster(
        self,
        name: str = "c1",
        *,
        network: str = "n1",
        subnetwork: str = "s1",
        marked: bool = True,
        pools: int = 1,
        **fields: t.Any,
    ) -> None:
        """A zonal cluster; VPC-native by the ranges pod and svc unless told otherwise."""
        labels = LABELS if marked else {}
        node_pools = [
            {"name": f"p{number}", "initialNodeCount": 1, "config": {"resourceLabels": labels}}
            for number in range(1, pools + 1)
        ]
        policy = {"useIpAliases": True, "clusterSecondaryRangeName": "pod", "servicesSecondaryRangeName": "svc"}
        body = {
            "name": name,
            "network": f"{NETWORK}/{network}",
            "subnetwork": f"projects/{PROJECT}/regions/{REGION}/subnetworks/{subnetwork}",
            "resourceLabels": labels,
            "nodePools": node_pools,
            "ipAllocationPolicy": policy,
            **fields,
        }
        self.post(CLUSTERS, {"parent": f"projects/{PROJECT}/locations/{ZONE}", "cluster": body})


def _mark(marked: bool) -> Json:
    return {"description": MARKER if marked else "by hand"}
