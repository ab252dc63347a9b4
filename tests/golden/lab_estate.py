# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts the estate that a golden vector gives into a running lab, by API calls, and runs modules against it.

Nothing here uses the collection's own code: the vectors judge that.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
import time
import typing as t

import requests

from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

ROOT = pathlib.Path(__file__).resolve().parents[2]
REGION = "asia-northeast1"
ZONE = "asia-northeast1-a"
#: What the collection puts on things of its own; without it a module would refuse for another reason.
MARKER = "[podreach.gke]"
LABELS = {"managed-by": "podreach-gke"}
DEADLINE = 60.0


def snake_case(value: t.Any) -> t.Any:
    """A body in the API's spelling as module options: ``useIpAliases`` becomes ``use_ip_aliases``, at every depth."""
    if isinstance(value, dict):
        return {re.sub(r"(?<!^)(?=[A-Z])", "_", key).lower(): snake_case(item) for key, item in value.items()}
    return [snake_case(item) for item in value] if isinstance(value, list) else value


class Estate:
    """One lab, empty at first. ``scratch`` is a directory for Ansible's own files."""

    def __init__(self, lab: Lab, scratch: pathlib.Path) -> None:
        self.lab = lab
        self.env = env = lab.env
        self.scratch = scratch
        self.project = env["GCP_PROJECT"]
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.headers["Authorization"] = f"Bearer {lab.token()}"

    # ---- requests

    def compute(self, method: str, path: str, body: t.Any = None) -> requests.Response:
        """One compute request; ``path`` is below the project (``global/networks``)."""
        url = f"{self.env['GOOGLE_COMPUTE_CUSTOM_ENDPOINT'].rstrip('/')}/projects/{self.project}/{path}"
        return self._http.request(method, url, json=body, timeout=DEADLINE)

    def container(self, method: str, path: str, body: t.Any = None) -> requests.Response:
        """One container request; ``path`` is below the project (``locations/L/clusters``)."""
        url = f"{self.env['GOOGLE_CONTAINER_CUSTOM_ENDPOINT'].rstrip('/')}/projects/{self.project}/{path}"
        return self._http.request(method, url, json=body, timeout=DEADLINE)

    def _done(self, reply: requests.Response, read: t.Callable[[dict[str, t.Any]], requests.Response]) -> None:
        """Wait until the operation that ``reply`` began has ended well."""
        deadline = time.monotonic() + DEADLINE
        while True:
            assert reply.ok, f"the given estate could not be made: {reply.request.method} {reply.url}: {reply.text}"
            operation = reply.json()
            if operation["status"] == "DONE":
                assert "error" not in operation, f"the given estate could not be made: {operation['error']}"
                return
            assert time.monotonic() < deadline, f"operation {operation['name']} did not end in {DEADLINE} s"
            time.sleep(0.05)
            reply = read(operation)

    def make(self, path: str, body: dict[str, t.Any]) -> None:
        """Create a compute resource and wait for it."""

        def read(operation: dict[str, t.Any]) -> requests.Response:
            scope = f"regions/{operation['region'].rsplit('/', 1)[1]}" if "region" in operation else "global"
            return self.compute("GET", f"{scope}/operations/{operation['name']}")

        self._done(self.compute("POST", path, body), read)

    # ---- what a vector gives

    def network(self, name: str, **fields: t.Any) -> None:
        """Make a network; neither ``autoCreateSubnetworks`` nor ``IPv4Range`` said means a custom-mode VPC."""
        if "autoCreateSubnetworks" not in fields and "IPv4Range" not in fields:
            fields["autoCreateSubnetworks"] = False
        self.make("global/networks", {"name": name, "description": MARKER, **fields})

    def subnetwork(self, name: str, network: str, cidr: str, region: str = REGION, **fields: t.Any) -> None:
        """Make a subnetwork in a network that is there."""
        self.make(
            f"regions/{region}/subnetworks",
            {
                "name": name,
                "network": f"projects/{self.project}/global/networks/{network}",
                "ipCidrRange": cidr,
                "description": MARKER,
                **fields,
            },
        )

    def networks_and_subnetworks(self, given: dict[str, t.Any]) -> None:
        """Make the vector's networks, those that only its subnetworks or its body name too, then the subnetworks."""
        networks = {network["name"]: network for network in given.get("networks", [])}
        for subnetwork in given.get("subnetworks", []):
            networks.setdefault(subnetwork["network"], {"name": subnetwork["network"]})
        for network in networks.values():
            self.network(**network)
        for given_subnetwork in given.get("subnetworks", []):
            fields = dict(given_subnetwork)
            self.subnetwork(fields.pop("name"), fields.pop("network"), fields.pop("ipCidrRange"), **fields)

    def cluster(self, name: str, **fields: t.Any) -> dict[str, t.Any]:
        """Make a zonal cluster in subnetwork ``s1`` of ``n1``, bearing the collection's label; return it as read."""
        if not {"nodePools", "initialNodeCount"} & set(fields):
            fields["initialNodeCount"] = 1
        parent = f"locations/{ZONE}"
        body = {
            "parent": f"projects/{self.project}/{parent}",
            "cluster": {"name": name, **self.place(), "resourceLabels": LABELS, **fields},
        }

        def read(operation: dict[str, t.Any]) -> requests.Response:
            return self.container("GET", f"{parent}/operations/{operation['name']}")

        self._done(self.container("POST", f"{parent}/clusters", body), read)
        reply = self.container("GET", f"{parent}/clusters/{name}")
        assert reply.ok, reply.text
        cluster: dict[str, t.Any] = reply.json()
        return cluster

    def place(self) -> dict[str, str]:
        """Where the clusters are, in the API's spelling."""
        return {
            "network": f"projects/{self.project}/global/networks/n1",
            "subnetwork": f"projects/{self.project}/regions/{REGION}/subnetworks/s1",
        }

    # ---- modules

    def module(self, name: str, options: dict[str, t.Any], *, check: bool = False) -> dict[str, t.Any]:
        """Run ``podreach.gke.NAME`` on localhost as a user would; give back its result, failed or not."""
        env = {key: value for key, value in os.environ.items() if not key.startswith(("GCP_", "GOOGLE_", "ANSIBLE_"))}
        env |= self.env
        env |= {
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
            "ANSIBLE_HOME": str(self.scratch),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
        }
        command = [
            sys.executable,
            "-m",
            "ansible",
            "adhoc",
            "localhost",
            "-m",
            f"podreach.gke.{name}",
            "-a",
            json.dumps({"environment": "lab", **options}),
            "-e",
            json.dumps({"ansible_python_interpreter": sys.executable}),
        ]
        done = subprocess.run(
            command + ["--check"] * check,
            env=env,
            cwd=self.scratch,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        host, arrow, result = done.stdout.partition(" => ")
        assert arrow and result.startswith("{"), f"no result of {name}: {done.stdout}\n{done.stderr}"
        outcome: dict[str, t.Any] = json.loads(result)
        outcome["failed"] = "SUCCESS" not in host and "CHANGED" not in host
        return outcome

    def quietly(self, name: str, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """As :meth:`module`, for real, and the lab must have got no request that could change something."""
        before = self.lab.seq()
        result = self.module(name, options)
        assert self.lab.mutating(before) == []
        return result
