# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab's life: two at once do not meet, an ordinary user needs nothing more than root, the killed leave nothing."""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.integration.api import Api
from ansible_collections.podreach.gke.tests.integration.machines import network, rule, vm
from ansible_collections.podreach.gke.tests.lab.podreach_lab import files
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import COMMAND, Lab

CYCLES = int(os.environ.get("PODREACH_KILL_CYCLES", "20"))
NOBODY = 65534


def processes() -> set[int]:
    """Everything of any lab on this machine: the server, the child that holds the namespaces, what runs in them."""
    found = set()
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if b"podreach_lab" in command:
                found.add(int(entry.name))
    return found


def namespaces() -> set[str]:
    """The network namespaces that some process of the machine is in."""
    found = set()
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found.add(os.readlink(entry / "ns/net"))
            except OSError:
                continue
    return found


def gone(before: set[int], seconds: float = 10) -> set[int]:
    """What is left of the processes that were not there before, once it has had time to end."""
    deadline = time.monotonic() + seconds
    while (left := processes() - before) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def with_two_machines(lab: Lab) -> Api:
    api = Api(lab)
    network(api, "n1", "10.0.0.0/24")
    rule(api, "n1", "open", allowed=[{"IPProtocol": "all"}])
    vm(api, "n1", "a", "10.0.0.10")
    vm(api, "n1", "b", "10.0.0.11")
    return api


def test_two_labs_do_not_meet(tmp_path: pathlib.Path) -> None:
    one, two = Lab.start(tmp_path / "one"), Lab.start(tmp_path / "two")
    try:
        for lab in (one, two):
            with_two_machines(lab)
        Api(two).delete("/compute/v1/projects/podreach-lab/global/firewalls/open")
        assert one.trace("a", "b")["verdict"] == "reachable"
        assert two.trace("a", "b")["verdict"] == "unreachable"
        two.stop()
        assert one.exec("a", "curl", "--silent", "--max-time", "2", "http://10.0.0.11/health").stdout == "OK\n"
    finally:
        one.stop()
        two.stop()


def test_the_killed_leave_nothing(tmp_path: pathlib.Path) -> None:
    """Killed while something runs in it, every time; PODREACH_KILL_CYCLES=100 takes two minutes."""
    before, known = processes(), namespaces()
    place = tmp_path / ".lab"
    for cycle in range(CYCLES):
        lab = Lab.start(place)
        record = files.read_record(place)
        assert record is not None
        if cycle == 0:
            with_two_machines(lab)
            command = [sys.executable, "-m", "podreach_lab", "--dir", str(place), "exec", "a", "--", "sleep", "60"]
            busy = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(COMMAND)})
            while not any(b"sleep" in cmdline(pid) for pid in children(record["pid"])):
                time.sleep(0.02)
        os.kill(record["pid"], signal.SIGKILL)
        if cycle == 0:
            assert busy.wait(10) != 0
        assert not gone(before), f"cycle {cycle}: processes are left"
    assert namespaces() <= known
    lab.stop()
    assert not place.exists()


def children(pid: int) -> t.Iterator[int]:
    """All descendants of a process."""
    tasks = pathlib.Path(f"/proc/{pid}/task")
    for task in tasks.iterdir() if tasks.exists() else ():
        for child in (task / "children").read_text(encoding="ascii").split():
            yield int(child)
            yield from children(int(child))


def cmdline(pid: int) -> bytes:
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.skipif(os.geteuid() != 0, reason="run as an ordinary user, all the other tests are this one")
def test_an_ordinary_user(tmp_path: pathlib.Path) -> None:
    """As nobody. The one capability left is to read the Python that root has installed for itself."""
    place = pathlib.Path("/tmp") / f"podreach-nobody-{os.getpid()}"
    place.mkdir(mode=0o700)
    os.chown(place, NOBODY, NOBODY)
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    drop += ["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search", "--no-new-privs"]
    lab_command = [*drop, sys.executable, "-m", "podreach_lab", "--dir", str(place / ".lab")]
    environment = {"PATH": os.environ["PATH"], "HOME": str(place), "PYTHONPATH": str(COMMAND)}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*lab_command, *arguments],
            capture_output=True,
            text=True,
            env=environment,
            cwd="/",
            timeout=60,
            check=False,
        )

    try:
        done = run("up", "--latency", "zero")
        assert done.returncode == 0, done.stderr
        record = files.read_record(place / ".lab")
        assert record is not None
        assert pathlib.Path(f"/proc/{record['pid']}").stat().st_uid == NOBODY
        lab = Lab(place / ".lab", record["port"], {})
        assert lab.status()["packets"]["available"], lab.status()["packets"]
        with_two_machines(lab)
        done = run("exec", "a", "--", "curl", "--silent", "--max-time", "2", "http://10.0.0.11/health")
        assert done.stdout == "OK\n", done.stderr
        assert run("exec", "a", "--", "ping", "-c1", "-W2", "10.0.0.11").returncode == 0
    finally:
        run("down")
        shutil.rmtree(place)


def test_without_packets_it_says_so(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without `unshare` still has the APIs; what needs packets is refused with the reason."""
    empty = tmp_path / "bin"
    empty.mkdir()
    monkeypatch.setenv("PATH", str(empty))
    lab = Lab.start(tmp_path / ".lab")
    try:
        packets = lab.status()["packets"]
        assert packets["available"] is False
        assert "unshare" in packets["reason"]
        with_two_machines(lab)
        with pytest.raises(ValueError, match="There are no packets: .*unshare"):
            lab.trace("a", "b")
        done = lab.exec("a", "true")
        assert done.returncode == 1
        assert "unshare" in done.stderr
    finally:
        lab.stop()
