# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tarball, installed in an empty place: the lab, site and teardown, from a directory that holds nothing of ours."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

from ansible_collections.podreach.gke.tests.integration.playbooks import BIN, ROOT, SETTINGS, Run

SECONDS = 180


class Installed:
    """The collection as a user has it who only ran ``ansible-galaxy collection install``."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.place = directory / "collections"
        self.root = self.place / "ansible_collections" / "podreach" / "gke"
        self.directory = directory / "work"
        self.home = directory / "home"
        self.directory.mkdir()
        self.home.mkdir()
        settings = (*SETTINGS, "CLOUDSDK_", "PYTHON")
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(settings)},
            "HOME": str(self.home),
            "ANSIBLE_COLLECTIONS_PATH": str(self.place),
            "ANSIBLE_NOCOLOR": "1",
        }
        snapshot = directory / "clone"
        self.call([str(ROOT / "tests" / "tools" / "snapshot"), str(snapshot)])
        self.call(
            [sys.executable, str(BIN / "ansible-galaxy"), "collection", "build", "--output-path", str(directory)],
            cwd=snapshot,
        )
        (tarball,) = directory.glob("podreach-gke-*.tar.gz")
        self.call(
            [
                sys.executable,
                str(BIN / "ansible-galaxy"),
                "collection",
                "install",
                "--offline",
                "--no-deps",
                "-p",
                str(self.place),
                str(tarball),
            ]
        )

    def call(self, command: list[str], cwd: pathlib.Path | None = None) -> None:
        done = subprocess.run(
            command,
            cwd=cwd or self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"

    def run(self, playbook: str, *arguments: str) -> Run:
        """``ansible-playbook PLAYBOOK ARGUMENTS`` in the empty directory."""
        return self.finish([sys.executable, str(BIN / "ansible-playbook"), playbook, *arguments])

    def finish(self, command: list[str], **environment: str) -> Run:
        done = subprocess.run(
            command,
            cwd=self.directory,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return Run(done.returncode, done.stdout, [], [])


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(tmp_path_factory.mktemp("installed"))


def test_the_whole_way(installed: Installed) -> None:
    """The lab, the estate on both clouds, nothing to do, the estate gone, the lab gone; found without settings."""
    example = str(installed.root / "examples" / "pods-to-aws.podreach.yml")
    try:
        started = installed.run("podreach.gke.lab", "-e", "lab_latency=zero")
        assert started.rc == 0 and "The lab is up" in started.output, started.output
        assert "latency zero" in started.output
        assert "changed=1" in recap(installed.run("podreach.gke.lab", "-e", "lab_preset=aws-account"))
        assert "changed=0" in recap(installed.run("podreach.gke.lab", "-e", "lab_preset=aws-account"))
        made = ("aws-internal-connect", "test-cluster", "aws-vpn", "pods-in-aws", "plot")
        built = installed.run("podreach.gke.site", "-i", example)
        again = installed.run("podreach.gke.site", "-i", example)
        gone = installed.run("podreach.gke.teardown", "-i", example)
        for host in made:
            assert "changed=0" not in recap(built, host)
            assert "changed=0" in recap(again, host)
            assert "changed=0" not in recap(gone, host)
    finally:
        stopped = installed.run("podreach.gke.lab", "-e", "lab_state=absent")
    assert stopped.rc == 0 and "The lab is down" in stopped.output, stopped.output
    assert "changed=0" in recap(installed.run("podreach.gke.lab", "-e", "lab_state=absent"))
    assert not (installed.directory / ".lab" / "lab.json").exists()


def recap(run: Run, host: str = "localhost") -> str:
    """The host's line of the recap of a run that ended well."""
    assert run.rc == 0, run.output
    (line,) = [line for line in run.output.split("PLAY RECAP", 1)[1].splitlines() if line.startswith(f"{host} ")]
    return line


def test_a_lab_whose_packages_are_missing_says_which(installed: Installed, tmp_path: pathlib.Path) -> None:
    """The same Python, in which two of the packages are hidden."""
    hide = tmp_path / "sitecustomize.py"
    hide.write_text(
        "import importlib.util\n"
        "real = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: None if name in ('aiohttp', 'googleapiclient') "
        "else real(name, *rest)\n",
        encoding="utf-8",
    )
    command = [sys.executable, str(BIN / "ansible-playbook"), "podreach.gke.lab"]
    run = installed.finish(command, PYTHONPATH=str(tmp_path))
    assert run.rc != 0
    assert "lacks the Python packages aiohttp, google-api-python-client" in run.output
    assert "-m pip install aiohttp google-api-python-client" in run.output


def test_a_wrong_state_is_refused(installed: Installed) -> None:
    run = installed.run("podreach.gke.lab", "-e", "lab_state=started")
    assert run.rc != 0
    assert "lab_state is started and must be present or absent" in run.output


def test_site_without_a_topology_says_so(installed: Installed) -> None:
    run = installed.run("podreach.gke.site")
    assert run.rc != 0
    assert "No topology was read" in run.output
