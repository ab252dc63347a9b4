# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters for the tests of the lab's Kubernetes, made by Google's API as anyone would."""

from __future__ import annotations

import json
import typing as t
import urllib.request

from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

Json = dict[str, t.Any]

LOCATION = "asia-northeast1-a"
REGION = "asia-northeast1"
PROJECT = "podreach-lab"


def call(lab: Lab, method: str, path: str, body: Json | None = None) -> Json:
    """One request to the lab's Google APIs as the operator."""
    request = urllib.request.Request(
        f"{lab.url}/{path}",
        data=None if body is None else json.dumps(body).encode(),
        method=method,
        headers={"Authorization": f"Bearer {lab.token()}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: Json = json.loads(answer.read())
    return found


def make_cluster(lab: Lab, name: str, *, autopilot: bool = False) -> Json:
    """A cluster in a network of its own, and the network; the lab must have latency zero."""
    compute = f"compute/v1/projects/{PROJECT}"
    network = f"projects/{PROJECT}/global/networks/{name}"
    call(lab, "POST", f"{compute}/global/networks", {"name": name, "autoCreateSubnetworks": False})
    subnetwork = {"name": name, "network": network, "ipCidrRange": "10.1.0.0/20"}
    call(lab, "POST", f"{compute}/regions/{REGION}/subnetworks", subnetwork)
    location = REGION if autopilot else LOCATION
    parent = f"projects/{PROJECT}/locations/{location}"
    wanted: Json = {"name": name, "network": name, "subnetwork": name}
    wanted |= {"autopilot": {"enabled": True}} if autopilot else {"initialNodeCount": 2}
    call(lab, "POST", f"v1/{parent}/clusters", {"cluster": wanted, "parent": parent})
    return call(lab, "GET", f"v1/{parent}/clusters/{name}")
