# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab itself takes: to come up, to bring a change into the packets, to build a large estate.

Every figure is a median over fresh labs or repeated changes. Exits with 1 if a limit is missed: up in LIMIT_UP seconds,
a change in the packets in LIMIT_CHANGE (with the latency profile zero: its declared delay is nothing), 200 pods on
50 nodes in 10 networks in LIMIT_ESTATE, and from nothing to both clouds with BGP over four tunnels in LIMIT_CLOUDS, in
LIMIT_MEMORY megabytes.
"""

from __future__ import annotations

import argparse
import base64
import concurrent.futures
import json
import pathlib
import ssl
import statistics
import sys
import tempfile
import time
import typing as t
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / ".collections"))
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

LIMIT_UP = 3.0
LIMIT_CHANGE = 0.05
LIMIT_ESTATE = 5.0
LIMIT_CLOUDS = 6.0
LIMIT_MEMORY = 400
ROUNDS = 5
IMAGE = "projects/debian-cloud/global/images/family/debian-12"
REGION, ZONE = "asia-northeast1", "asia-northeast1-a"
COMPUTE, CLUSTERS = "/compute/v1/projects/podreach-lab", f"/v1/projects/podreach-lab/locations/{ZONE}/clusters"
NETWORKS, NODES, PODS = 10, 5, 4
"""Nodes a network, and pods a node."""

Json = dict[str, t.Any]


class Client:
    """Requests of the operator, to Google's APIs and to clusters."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.token = lab.token()

    def __call__(self, method: str, path: str, body: Json | None = None, cluster: Json | None = None) -> Json:
        base, context = self.lab.url, None
        if cluster is not None:
            base = f"https://{cluster['endpoint']}"
            authority = base64.b64decode(cluster["masterAuth"]["clusterCaCertificate"]).decode()
            context = ssl.create_default_context(cadata=authority)
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(base + path, data, headers, method=method)
        handlers = [urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)]
        with urllib.request.build_opener(*handlers).open(request, timeout=60) as answer:
            found: Json = json.loads(answer.read())
        return found


def vm(client: Client, number: int, name: str, address: str) -> None:
    card = {
        "network": f"global/networks/n{number}",
        "subnetwork": f"regions/{REGION}/subnetworks/s{number}",
        "networkIP": address,
    }
    body = {
        "name": name,
        "machineType": f"zones/{ZONE}/machineTypes/e2-micro",
        "networkInterfaces": [card],
        "disks": [{"boot": True, "initializeParams": {"sourceImage": IMAGE}}],
    }
    client("POST", f"{COMPUTE}/zones/{ZONE}/instances", body)


def network(client: Client, number: int) -> None:
    client("POST", f"{COMPUTE}/global/networks", {"name": f"n{number}", "autoCreateSubnetworks": False})
    ranges = [
        {"rangeName": "pods", "ipCidrRange": f"10.{100 + number}.0.0/16"},
        {"rangeName": "services", "ipCidrRange": f"10.{number}.128.0/20"},
    ]
    subnet = {"name": f"s{number}", "network": f"global/networks/n{number}", "ipCidrRange": f"10.{number}.0.0/24"}
    client("POST", f"{COMPUTE}/regions/{REGION}/subnetworks", subnet | {"secondaryIpRanges": ranges})
    rule = {"name": f"open{number}", "network": f"global/networks/n{number}", "allowed": [{"IPProtocol": "all"}]}
    client("POST", f"{COMPUTE}/global/firewalls", rule)


def cluster(client: Client, number: int) -> None:
    body = {
        "name": f"c{number}",
        "network": f"n{number}",
        "subnetwork": f"s{number}",
        "ipAllocationPolicy": {
            "useIpAliases": True,
            "clusterSecondaryRangeName": "pods",
            "servicesSecondaryRangeName": "services",
        },
        "nodePools": [{"name": "pool", "initialNodeCount": NODES}],
    }
    client("POST", CLUSTERS, {"cluster": body})
    made = client("GET", f"{CLUSTERS}/c{number}")
    labels = {"app": "bench"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}}
    spec = {"replicas": NODES * PODS, "selector": {"matchLabels": labels}, "template": template}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "bench"}, "spec": spec}
    client("POST", "/apis/apps/v1/namespaces/default/deployments", deployment, made)


def estate(lab: Lab) -> float:
    """Seconds until all pods of a large estate answer to packets."""
    client = Client(lab)
    began = time.perf_counter()

    def one(number: int) -> None:
        network(client, number)
        cluster(client, number)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(NETWORKS)))
    expected = NETWORKS * (1 + NODES + NODES * PODS)
    deadline = began + 60
    while True:
        lab.settle()
        if lab.status()["packets"]["namespaces"] >= expected:
            return time.perf_counter() - began
        if time.perf_counter() > deadline:
            raise SystemExit(f"only {lab.status()['packets']} after a minute, expected {expected} namespaces")
        time.sleep(0.01)


def change(lab: Lab) -> float:
    """Seconds from a request that opens a firewall to the first probe that passes, less what a probe itself takes."""
    client = Client(lab)
    flow = {"from": "a", "to": "b", "protocol": "tcp", "port": 80}
    rule = {"name": "open", "network": "global/networks/n0", "allowed": [{"IPProtocol": "all"}]}
    client("DELETE", f"{COMPUTE}/global/firewalls/open0")
    lab.settle()
    assert not lab.probes([flow])[0]["delivered"]
    began = time.perf_counter()
    client("POST", f"{COMPUTE}/global/firewalls", rule)
    lab.settle()
    took = time.perf_counter() - began
    assert lab.probes([flow])[0]["delivered"]
    client("DELETE", f"{COMPUTE}/global/firewalls/open")
    client("POST", f"{COMPUTE}/global/firewalls", rule | {"name": "open0"})
    return took


def clouds() -> tuple[float, float]:
    """Seconds from nothing until all four BGP sessions are up, and the megabytes that it takes."""
    with tempfile.TemporaryDirectory() as place:
        began = time.perf_counter()
        lab = Lab.start(pathlib.Path(place) / ".lab")
        try:
            lab.preset("aws-vpn")
            lab.settle()
            took = time.perf_counter() - began
            router = f"{COMPUTE}/regions/{REGION}/routers/aws-router/getRouterStatus"
            peers = Client(lab)("GET", router)["result"]["bgpPeerStatus"]
            assert [peer["status"] for peer in peers] == ["UP"] * 4, peers
            return took, lab.memory()
        finally:
            lab.stop()


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--output", type=pathlib.Path, default=pathlib.Path(".bench"))
    directory = options.parse_args().output
    up, small, large, big = [], [], [], []
    for _round in range(ROUNDS):
        with tempfile.TemporaryDirectory() as place:
            began = time.perf_counter()
            lab = Lab.start(pathlib.Path(place) / ".lab")
            up.append(time.perf_counter() - began)
            try:
                client = Client(lab)
                network(client, 0)
                vm(client, 0, "a", "10.0.0.10")
                vm(client, 0, "b", "10.0.0.11")
                small += [change(lab) for _turn in range(ROUNDS)]
                lab.reset()
                big.append(estate(lab))
                vm(client, 0, "a", "10.0.0.100")
                vm(client, 0, "b", "10.0.0.101")
                large += [change(lab) for _turn in range(ROUNDS)]
            finally:
                lab.stop()
    both = [clouds() for _round in range(ROUNDS)]
    figures = {
        "lab up": (up, LIMIT_UP),
        "a change in a small estate": (small, LIMIT_CHANGE),
        "200 pods on 50 nodes in 10 networks": (big, LIMIT_ESTATE),
        "a change in that estate": (large, LIMIT_CHANGE),
        "both clouds up, BGP established": ([seconds for seconds, _size in both], LIMIT_CLOUDS),
    }
    missed = False
    for name, (values, limit) in figures.items():
        middle = statistics.median(values)
        missed |= middle > limit
        verdict = "missed" if middle > limit else "kept"
        print(f"{name:40} {middle * 1000:8.1f} ms   limit {limit * 1000:6.0f} ms, {verdict}")
    size = statistics.median(megabytes for _seconds, megabytes in both)
    missed |= size > LIMIT_MEMORY
    verdict = "missed" if size > LIMIT_MEMORY else "kept"
    print(f"{'both clouds in memory':40} {size:8.1f} MB   limit {LIMIT_MEMORY:6} MB, {verdict}")
    directory.mkdir(exist_ok=True)
    report: Json = {name: {"seconds": values, "limit": limit} for name, (values, limit) in figures.items()}
    report["both clouds in memory"] = {"megabytes": [megabytes for _seconds, megabytes in both], "limit": LIMIT_MEMORY}
    (directory / "lab.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
