# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running the collection's own playbooks on a topology, and comparing what is in the lab afterwards."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys
import typing as t

import requests

from ansible_collections.podreach.gke.tests.integration.playbooks import (
    BIN,
    HERE,
    ROOT,
    SETTINGS,
    Playbooks,
    Run,
    Started,
)
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

Json = dict[str, t.Any]

EXAMPLES = ROOT / "examples"
PODS_TO_AWS = EXAMPLES / "pods-to-aws.podreach.yml"
#: Google's part of it alone, and the same before the change.
AFTER = HERE / "data" / "vpc-native.podreach.yml"
BEFORE = HERE / "data" / "routes-based.podreach.yml"
FLEET = EXAMPLES / "fleet.podreach.yml"
PROJECTS = ("podreach-lab", "podreach-peer")
#: Fields that say when or in which order things were made, or where the lab listens; and what Google fills in.
PASSING = frozenset(
    {
        *("id", "creationTimestamp", "createTime", "fingerprint", "labelFingerprint", "etag", "selfLinkWithId"),
        *("endpoint", "privateEndpoint", "publicEndpoint", "controlPlaneEndpointsConfig", "masterAuth"),
        "instanceGroupUrls",
    }
)
#: The random parts of names: of what GKE makes for a cluster, and for a LoadBalancer Service.
RANDOM = re.compile(r"(?<=-)(?:[0-9a-f]{16}|[0-9a-f]{8})\b|\ba[0-9a-f]{31}\b")
LISTS = {
    "networks": "/compute/v1/projects/{}/global/networks",
    "subnetworks": "/compute/v1/projects/{}/aggregated/subnetworks",
    "routers": "/compute/v1/projects/{}/aggregated/routers",
    "firewalls": "/compute/v1/projects/{}/global/firewalls",
    "addresses": "/compute/v1/projects/{}/aggregated/addresses",
    "vpnGateways": "/compute/v1/projects/{}/aggregated/vpnGateways",
    "externalVpnGateways": "/compute/v1/projects/{}/global/externalVpnGateways",
    "vpnTunnels": "/compute/v1/projects/{}/aggregated/vpnTunnels",
    "forwardingRules": "/compute/v1/projects/{}/aggregated/forwardingRules",
    "backendServices": "/compute/v1/projects/{}/aggregated/backendServices",
    "healthChecks": "/compute/v1/projects/{}/aggregated/healthChecks",
    "clusters": "/v1/projects/{}/locations/-/clusters",
}


@dataclasses.dataclass
class Sites:
    """Runs playbooks with their own command line, from a directory and a home of its own."""

    lab: Lab
    directory: pathlib.Path
    number: int = 0

    def start(
        self,
        playbook: pathlib.Path | str,
        *arguments: str,
        env: t.Mapping[str, str | None] | None = None,
        program: str = "ansible-playbook",
    ) -> Started:
        """Begin ``ansible-playbook PLAYBOOK ARGUMENTS``; in ``env`` None takes a variable away."""
        self.number += 1
        where = self.directory / f"site-{self.number}"
        (where / "home").mkdir(parents=True)
        environment: dict[str, str | None] = {
            **{name: value for name, value in os.environ.items() if not name.startswith((*SETTINGS, "CLOUDSDK_"))},
            **self.lab.env,
            "HOME": str(where / "home"),
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "PODREACH_RECORD": str(where / "record"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "record",
            "ANSIBLE_REMOTE_TEMP": str(where / "remote"),
            "ANSIBLE_NOCOLOR": "1",
            **(env or {}),
        }
        process = subprocess.Popen(
            [sys.executable, str(BIN / program), str(playbook), *arguments],
            cwd=where,
            env={name: value for name, value in environment.items() if value is not None},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        return Started(process, where)

    def run(self, playbook: pathlib.Path | str, *arguments: str, **keywords: t.Any) -> Run:
        return Playbooks.finish(self.start(playbook, *arguments, **keywords))

    def site(self, topology: pathlib.Path | str, *arguments: str, **keywords: t.Any) -> Run:
        return self.run(ROOT / "playbooks" / "site.yml", "-i", str(topology), *arguments, **keywords)

    def teardown(self, topology: pathlib.Path | str, *arguments: str, **keywords: t.Any) -> Run:
        return self.run(ROOT / "playbooks" / "teardown.yml", "-i", str(topology), *arguments, **keywords)


def changed(run: Run) -> list[str]:
    """Host and task of everything that changed something; the run must have ended well."""
    assert run.rc == 0, run.output
    return [f"{record.host}: {record.task}" for record in run.records if record.result.get("changed")]


def failures(run: Run) -> dict[str, str]:
    """What failed, by host."""
    return {record.host: str(record.result["msg"]) for record in run.records if record.failed}


def estate(lab: Lab) -> dict[str, Json]:
    """All that users make in the lab's projects, by path; without what differs between two that are the same."""
    http = requests.Session()
    http.trust_env = False
    http.headers["authorization"] = f"Bearer {lab.token()}"
    found = {}
    for project in PROJECTS:
        for kind, path in LISTS.items():
            reply = http.get(lab.url + path.format(project), timeout=30)
            assert reply.ok, reply.text
            for item in items(reply.json(), kind):
                place = lasting(item["selfLink"].split("/projects/", 1)[1])
                while place in found:  # only its random part was another
                    place += ", another"
                found[place] = lasting(item)
    return found


def items(answer: Json, kind: str) -> list[Json]:
    listed = answer.get(kind if kind == "clusters" else "items") or []
    if isinstance(listed, dict):
        return [item for scope in listed.values() for item in scope.get(kind, [])]
    return list(listed)


def lasting(value: t.Any) -> t.Any:
    """A value without passing fields and random parts of names, at every depth; lists in one order. A resource's id is
    text, an interface's, which lasts, a number."""
    if isinstance(value, str):
        return RANDOM.sub("RANDOM", value)
    if isinstance(value, dict):
        return {key: lasting(item) for key, item in value.items() if not passing(key, item)}
    if isinstance(value, list):
        return sorted((lasting(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    return value


def passing(key: str, item: t.Any) -> bool:
    return key in PASSING and not (key == "id" and isinstance(item, int))


def differences(one: t.Any, other: t.Any, where: str = "") -> list[str]:
    """What two estates do not have in common, each with its place."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted(one.keys() | other.keys())
        return [line for key in keys for line in differences(one.get(key), other.get(key), f"{where}/{key}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [line for number, (a, b) in pairs for line in differences(a, b, f"{where}[{number}]")]
    if isinstance(one, list) and isinstance(other, list):
        alone = [item for item in one if item not in other], [item for item in other if item not in one]
        return [f"{where}: {len(one)} and {len(other)} items; these alone: {alone[0]!r}, {alone[1]!r}"]
    return [] if one == other else [f"{where}: {one!r}, {other!r}"]
