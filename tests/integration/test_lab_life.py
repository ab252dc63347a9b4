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
import sysconfig
import tempfile
import time

import pytest

from ansible_collections.podreach.gke.tests.integration.api import Api
from ansible_collections.podreach.gke.tests.integration.machines import network, rule, vm
from ansible_collections.podreach.gke.tests.lab.podreach_lab import files
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import COMMAND, Lab

CYCLES = int(os.environ.get("PODREACH_KILL_CYCLES", "20"))
NOBODY = 65534


def processes(mark: str) -> set[int]:
    """Those that have a mark in their environment or arguments. A network namespace lives as long as a process is in it
    or holds it open, and nothing here gives one a name: no process, no namespace."""
    found = set()
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                told = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if mark.encode() in told:
                found.add(int(entry.name))
    return found - {os.getpid()}


def left(mark: str, seconds: float = 10) -> set[int]:
    """Those that are still there when they had time to end."""
    deadline = time.monotonic() + seconds
    while (found := processes(mark)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


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


def test_the_killed_leave_nothing(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while something runs in it, every time; PODREACH_KILL_CYCLES=100 takes two minutes."""
    place = tmp_path / ".lab"
    mark = f"podreach-mark-{os.getpid()}-{time.time_ns()}"
    monkeypatch.setenv("PODREACH_TEST_MARK", mark)
    for cycle in range(CYCLES):
        lab = Lab.start(place)
        record = files.read_record(place)
        assert record is not None
        with_two_machines(lab)
        inside = [sys.executable, "-m", "podreach_lab", "--dir", str(place), "exec", "a", "--"]
        command = [*inside, "sh", "-c", "echo ready; sleep 60; echo", mark]
        environment = os.environ | {"PYTHONPATH": str(COMMAND)}
        busy = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        assert busy.stdout is not None
        assert busy.stdout.readline() == "ready\n"
        assert len(processes(mark)) >= 3, "the server, the holder of the namespaces and the shell bear the mark"
        os.kill(record["pid"], signal.SIGKILL)
        assert busy.wait(10) != 0
        busy.stdout.close()
        assert not left(mark), f"cycle {cycle}: processes are left"
    lab.stop()
    assert not place.exists()


AS_NOBODY = """
set -eu
place=$1 base=$2 packages=$3 lab=$4
shift 4
mount --bind "$base" "$place/base"
mount --bind "$packages" "$place/packages"
mount --bind "$lab" "$place/lab"
exec setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --no-new-privs "$@"
"""
"""What root has installed for itself (an interpreter in /root, say) is made readable for one command, by mounts that
nobody else sees."""


@pytest.mark.skipif(os.geteuid() != 0, reason="run as an ordinary user, all the other tests are this one")
def test_an_ordinary_user() -> None:
    place = pathlib.Path(tempfile.mkdtemp(prefix="podreach-nobody-"))
    for name in ("base", "packages", "lab", "home"):
        (place / name).mkdir()
    place.chmod(0o755)
    os.chown(place / "home", NOBODY, NOBODY)
    packages = sysconfig.get_path("purelib")
    python = place / "base" / pathlib.Path(sys.executable).resolve().relative_to(sys.base_prefix)
    environment = {"PATH": os.environ["PATH"], "HOME": str(place / "home")}
    environment["PYTHONPATH"] = f"{place / 'lab'}:{place / 'packages'}"
    environment["LD_LIBRARY_PATH"] = str(place / "base" / "lib")  # where libpython is, if it is a library
    directory = place / "home" / ".lab"

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        mounts = [str(place), sys.base_prefix, packages, str(COMMAND)]
        command = ["unshare", "--mount", "sh", "-c", AS_NOBODY, "sh", *mounts]
        command += [str(python), "-m", "podreach_lab", "--dir", str(directory), *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, env=environment, cwd="/", timeout=60, check=False
        )

    try:
        done = run("up", "--latency", "zero")
        assert done.returncode == 0, done.stderr
        record = files.read_record(directory)
        assert record is not None
        assert pathlib.Path(f"/proc/{record['pid']}").stat().st_uid == NOBODY
        lab = Lab(directory, record["port"], {})
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
        assert done.returncode == 125
        assert "unshare" in done.stderr
    finally:
        lab.stop()
