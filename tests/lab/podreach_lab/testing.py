# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab for tests: a process of its own, emptied between tests.

In a conftest.py: `from ansible_collections.podreach.gke.tests.lab.podreach_lab.fixtures import lab, lab_process`; or
start one yourself, `Lab.start(directory)`, and `stop()` it.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shlex
import subprocess
import sys
import typing as t

from . import client, files

Json = dict[str, t.Any]
COMMAND = pathlib.Path(__file__).resolve().parent.parent


@dataclasses.dataclass
class Lab:
    """A running lab. `url` is http://127.0.0.1:PORT, `env` what its env file exports."""

    directory: pathlib.Path
    port: int
    env: dict[str, str]
    mark: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @classmethod
    def start(cls, directory: pathlib.Path | str, latency: str = "zero", *options: str) -> Lab:
        """`lab up` in a directory, by this Python."""
        where = pathlib.Path(directory).absolute()
        run_command(where, "up", "--latency", latency, *options)
        record = files.read_record(where)
        assert record is not None, f"lab up left no lab.json in {where}"
        return cls(where, record["port"], read_env(where / "env"))

    def stop(self) -> None:
        """`lab down`."""
        run_command(self.directory, "down")

    def reset(self) -> None:
        """Empty projects, no faults; `requests()` starts here."""
        self.mark = self.admin("POST", "reset")["seq"]

    def admin(self, http_method: str, what: str, body: Json | None = None) -> Json:
        return client.request(self.port, http_method, f"/_lab/{what}", body)

    def status(self) -> Json:
        return self.admin("GET", "status")

    def memory(self) -> float:
        """Megabytes that its processes have in memory, the server and all that it started; what they share counts in
        each."""
        processes = resident()
        found, mine = 0, {self.status()["pid"]}
        while mine:
            found += sum(processes[pid][1] for pid in mine if pid in processes)
            mine = {pid for pid, (parent, _size) in processes.items() if parent in mine}
        return found / 1e6

    def requests(self, since: int | None = None) -> list[Json]:
        """The logged requests after a sequence number; by default those since reset."""
        found: list[Json] = self.admin("GET", f"requests?since={self.mark if since is None else since}")["requests"]
        return found

    def mutating(self, since: int | None = None) -> list[Json]:
        """Those that change something."""
        return [item for item in self.requests(since) if item["mutating"]]

    def seq(self) -> int:
        """The number of the latest request, for `since`."""
        return int(self.status()["requests"])

    def fault(self, **fields: t.Any) -> None:
        """Let the next matching requests fail: count, method, path (a regular expression), status, reason, message,
        headers, drop, delay, when: before or after carrying the request out, or operation: accept it and let the
        operation fail (a patch has taken effect by then)."""
        self.admin("POST", "faults", fields)

    def halt(self, **fields: t.Any) -> None:
        """Stand still after the count-th mutating request of a method and path (a regular expression): it is carried
        out, nothing else is, and nobody gets an answer until `go_on` or a reset."""
        self.admin("POST", "halt", fields)

    def halted(self) -> Json | None:
        """The request after which the lab stands still, as in the log; None if that has not come."""
        found: Json | None = (self.admin("GET", "halt")["halt"] or {}).get("request")
        return found

    def go_on(self) -> None:
        """End a halt: connections whose clients are still there are closed without an answer."""
        self.admin("DELETE", "halt")

    def cut_tunnel(self, name: str, *, end: bool = False) -> None:
        """Lose what is sent into a VPN tunnel, named as at Google or as AWS's end (vpn-0a1b/0); end: no more."""
        self.disturb("tunnel", name=name, end=end)

    def stop_session(self, router: str, peer: str, *, end: bool = False) -> None:
        """Switch off the other side of a router's BGP session."""
        self.disturb("session", router=router, peer=peer, end=end)

    def kill_node(self, name: str, *, end: bool = False) -> None:
        """Let an instance fall silent while the API says RUNNING."""
        self.disturb("node", name=name, end=end)

    def flood(self, router: str, count: int = 101, *, end: bool = False) -> None:
        """Let every session of a router announce so many prefixes."""
        self.disturb("prefixes", router=router, count=count, end=end)

    def disturb(self, kind: str, **fields: t.Any) -> None:
        """Any of the above; they last until `end` or a reset."""
        self.admin("POST", "disturbances", {"kind": kind} | fields)

    def router_status(self, router: str, result: Json | None) -> None:
        """What getRouterStatus answers for the router at a path; None: computed again."""
        self.admin("POST", "routerStatus", {"router": router, "result": result})

    def token(self, account: str = "operator") -> str:
        """An access token: the operator's long-lived one, or a fresh one of another account."""
        if account == "operator":
            return (self.directory / "access-token").read_text(encoding="utf-8")
        answer = self.admin("POST", "token", {"account": account})
        return str(answer["access_token"])

    def trace(self, source: str, destination: str, protocol: str = "icmp", port: int = 0, **more: int) -> Json:
        """The way of one packet and of its answer: verdict, request, reply, answer."""
        question = {"from": source, "to": destination, "protocol": protocol, "port": port}
        return self.admin("POST", "trace", question | more)

    def probes(self, flows: t.Sequence[Json]) -> list[Json]:
        """delivered, source_seen and replied for every flow {from, to, protocol, port}; all are sent at once."""
        found: list[Json] = self.admin("POST", "probes", {"flows": list(flows)})["results"]
        return found

    def settle(self) -> None:
        """Wait until the packets follow all that the lab has accepted."""
        self.admin("POST", "settle")

    def place_node(self, cluster: str, name: str, address: str, pods: str = "", **more: str) -> str:
        """Add a node of that name and address, with that block of pod addresses, to a cluster's first pool (or `pool`);
        `os` is linux or windows. Returns its path."""
        body = {"cluster": cluster, "name": name, "address": address, "pods": pods}
        return str(self.admin("POST", "nodes", body | more)["node"])

    def preset(self, name: str, **options: t.Any) -> None:
        """Build the surroundings that a story presupposes (see presets.py)."""
        self.admin("POST", "presets", {"name": name} | options)

    def exec(self, name: str, *argv: str, seconds: float = 30) -> subprocess.CompletedProcess[str]:
        """A command inside an instance or a pod."""
        return subprocess.run(
            [sys.executable, "-m", "podreach_lab", "--dir", str(self.directory), "exec", name, "--", *argv],
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": str(COMMAND)},
            timeout=seconds,
            check=False,
        )

    def key_file(self, account: str = "operator") -> pathlib.Path:
        """The service-account key of lab, peer or operator."""
        return self.directory / "credentials" / f"{account}.json"


def resident() -> dict[int, tuple[int, int]]:
    """Parent and bytes in memory of every process that runs now."""
    found = {}
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            status = dict(line.split(":", 1) for line in (entry / "status").read_text("utf-8").splitlines())
        except OSError:  # it has ended
            continue
        kilobytes = status.get("VmRSS", "0").split()
        found[int(entry.name)] = (int(status["PPid"]), int(kilobytes[0]) * 1024)
    return found


def run_command(directory: pathlib.Path, *arguments: str) -> str:
    """Run the lab command by this Python; raises with what it said when it fails."""
    environment = os.environ | {"PYTHONPATH": str(COMMAND)}
    command = [sys.executable, "-m", "podreach_lab", "--dir", str(directory), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    if done.returncode:
        raise RuntimeError(f"lab {' '.join(arguments)} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def read_env(path: pathlib.Path) -> dict[str, str]:
    """The variables that an env file exports."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, _separator, value = line.removeprefix("export ").partition("=")
        found[name] = shlex.split(value)[0]
    return found
