# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running playbooks as a user would, and looking at what every task gave and what the lab was asked."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import typing as t

import yaml

from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

Json = dict[str, t.Any]

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BIN = pathlib.Path(sys.executable).parent

#: Both ways to run a module.
PATHS = ("in-process", "module")
#: The running interpreter spelled otherwise: the same, but not the same string, so that modules get a process.
OTHER_SPELLING = str(BIN / ".." / BIN.name / pathlib.Path(sys.executable).name)
#: Variables of the machine that must not reach a test.
SETTINGS = ("GCP_", "GOOGLE_", "ANSIBLE_", "PODREACH_", "AWS_")
SECONDS = 180


@dataclasses.dataclass
class Record:
    """What one task gave on one host, and what the lab showed right after it."""

    host: str
    task: str
    status: str
    result: Json
    mutations: int
    observed: list[t.Any]

    @property
    def failed(self) -> bool:
        return self.status == "failed"


@dataclasses.dataclass
class Run:
    """A finished ansible-playbook."""

    rc: int
    output: str
    records: list[Record]
    #: the modules that were run in a process of their own, once for each run
    processes: list[str]

    def __getitem__(self, task: str) -> Record:
        """The record of the task of this name, which ran on one host."""
        found = [record for record in self.records if record.task == task]
        assert len(found) == 1, f"{len(found)} records of {task!r} in:\n{self.output}"
        return found[0]

    def of(self, task: str) -> dict[str, Record]:
        """The records of a task, by host."""
        return {record.host: record for record in self.records if record.task == task}


def task(name: str, module: str, args: t.Mapping[str, t.Any], **keywords: t.Any) -> Json:
    """A task of a play; ``module`` is one of podreach.gke unless it has a dot."""
    return {"name": name, module if "." in module else f"podreach.gke.{module}": dict(args), **keywords}


def play(tasks: t.Sequence[Json], **keywords: t.Any) -> Json:
    """A play for all hosts whose tasks fail without stopping it."""
    return {"hosts": "all", "gather_facts": False, "ignore_errors": True, "tasks": list(tasks), **keywords}


class Playbooks:
    """Runs playbooks against a lab, in a directory and a home of their own."""

    def __init__(self, lab: Lab, directory: pathlib.Path) -> None:
        self.lab = lab
        self.directory = directory
        self.number = 0

    def run(self, *plays: Json, path: str = "in-process", **keywords: t.Any) -> Run:
        """Run plays on host ``here``; see :meth:`start` for the keywords."""
        return self.finish(self.start(*plays, path=path, **keywords))

    def start(
        self,
        *plays: Json,
        path: str = "in-process",
        hosts: t.Mapping[str, Json] | None = None,
        env: t.Mapping[str, str | None] | None = None,
        arguments: t.Sequence[str] = (),
        config: str = "",
        inventory: str | None = None,
    ) -> Started:
        """Begin a run. ``hosts`` maps names to variables; in ``env`` None takes a variable away; ``config`` is added to
        ansible.cfg's section defaults; ``inventory`` replaces the generated one."""
        self.number += 1
        where = self.directory / f"run-{self.number}"
        (where / "home").mkdir(parents=True)
        (where / "play.yml").write_text(yaml.safe_dump(list(plays), sort_keys=False), encoding="utf-8")
        (where / "ansible.cfg").write_text(f"[defaults]\nnocows = true\n{config}\n", encoding="utf-8")
        common: Json = {"ansible_connection": "local"}
        if path == "module":
            common["ansible_python_interpreter"] = OTHER_SPELLING
        known = {name: {**common, **(more or {})} for name, more in (hosts or {"here": {}}).items()}
        (where / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": known}}), encoding="utf-8")
        environment: dict[str, str | None] = {
            **{name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)},
            **self.lab.env,
            "HOME": str(where / "home"),
            "PODREACH_RECORD": str(where / "record"),
            "ANSIBLE_CONFIG": str(where / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": f"{ROOT / '.collections'}:{HERE / 'collections'}",
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "record",
            # what a module's process was made of stays, and shows that there was one
            "ANSIBLE_KEEP_REMOTE_FILES": "1",
            "ANSIBLE_REMOTE_TEMP": str(where / "remote"),
            "ANSIBLE_ASYNC_DIR": str(where / "async"),
            "ANSIBLE_NOCOLOR": "1",
            **(env or {}),
        }
        command = [str(BIN / "ansible-playbook"), "-i", inventory or str(where / "hosts.yml"), str(where / "play.yml")]
        process = subprocess.Popen(
            [sys.executable, *command, *arguments],
            cwd=where,
            env={name: value for name, value in environment.items() if value is not None},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        return Started(process, where)

    @staticmethod
    def finish(started: Started) -> Run:
        """Wait for a run to end."""
        output, _nothing = started.process.communicate(timeout=SECONDS)
        where = started.directory
        lines = (where / "record").read_text(encoding="utf-8").splitlines() if (where / "record").exists() else []
        files = [file.stem.removeprefix("AnsiballZ_") for file in where.glob("remote/*/AnsiballZ_*.py")]
        records = [Record(**json.loads(line)) for line in lines]
        return Run(started.process.returncode, output, records, files)


@dataclasses.dataclass
class Started:
    """An ansible-playbook that runs."""

    process: subprocess.Popen[str]
    directory: pathlib.Path
