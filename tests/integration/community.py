# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks with the collections that PyPI's package `ansible` brings, in an environment of their own.

`make community` makes it: it holds hundreds of collections that must not leak into the other tests.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import subprocess
import typing as t

import pytest
import yaml

from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

Json = dict[str, t.Any]

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMUNITY = pathlib.Path(os.environ.get("PODREACH_COMMUNITY_VENV") or ROOT / ".venv-community").absolute()
PLAYBOOK = COMMUNITY / "bin" / "ansible-playbook"
SETTINGS = ("GCP_", "GOOGLE_", "ANSIBLE_", "PODREACH_", "K8S_", "CLOUDSDK_", "KUBE", "AWS_", "EC2_", "BOTO")

needs_community = pytest.mark.skipif(
    not PLAYBOOK.exists(), reason=f"{PLAYBOOK} does not exist; make it with: make community"
)


@dataclasses.dataclass
class Community:
    """Runs playbooks of the community's collections against the lab."""

    lab: Lab
    directory: pathlib.Path
    access: dict[str, str]
    """Variables by which the modules are told where the lab is."""

    def run(self, *tasks: Json, check: bool = False, succeeds: bool = True) -> list[Json]:
        """The results of tasks, in order."""
        play = {
            "hosts": "localhost",
            "gather_facts": False,
            "tasks": [{"name": f"task {at}", **task} for at, task in enumerate(tasks)],
        }
        path = self.directory / "play.yml"
        path.write_text(yaml.safe_dump([play]), encoding="utf-8")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
        environment = kept | {
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
            "ANSIBLE_HOME": str(self.directory / "home"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_COLLECTIONS_PATH": str(self.directory / "none"),
            **self.access,
        }
        done = subprocess.run(
            [PLAYBOOK, path, *(["--check"] if check else [])],
            capture_output=True,
            text=True,
            env=environment,
            cwd=self.directory,
            timeout=180,
            check=False,
        )
        assert (done.returncode == 0) == succeeds, done.stdout + done.stderr
        output = json.loads(done.stdout[done.stdout.index("{") :])
        return [task["hosts"]["localhost"] for task in output["plays"][0]["tasks"]]
