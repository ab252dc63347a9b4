# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command `lab`: up, down, status, reset, log, exec, trace, preset, fault."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import importlib.util
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import typing as t

from . import client, files
from .dataplane import report
from .dataplane.exec_client import exec_client
from .wan import summary

NEEDS = {
    "aiohttp": "aiohttp",
    "cryptography": "cryptography",
    "googleapiclient": "google-api-python-client",
    "yaml": "PyYAML",
}
PACKAGE_PARENT = pathlib.Path(__file__).resolve().parent.parent


class Refusal(Exception):
    """The command cannot do it; the text tells the user why and what to do."""


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        code = int(options.run(options))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Its reader (head, say) has had enough. What is still unwritten must not fail at the end of the interpreter.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except Refusal as refusal:
        print(f"lab: {refusal}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="lab",
        description="A Google Cloud on this machine's loopback, and what of AWS a VPN leads to, for podreach.gke.",
    )
    top.add_argument("--dir", default=os.environ.get("PODREACH_LAB_DIR") or ".lab", help="the lab's directory")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="start it, or say that it runs")
    serve = commands.add_parser("serve", help="run it in the foreground")
    for command in (up, serve):
        command.add_argument("--port", type=int, default=0, help="default: a free one")
        command.add_argument("--latency", choices=("zero", "fast", "realistic"), help="default: fast")
        command.add_argument("--scale", type=float, help="multiplies every duration; default: 1")
        command.add_argument(
            "--no-check-responses",
            action="store_true",
            help="do not hold the lab's answers against the discovery documents",
        )
    up.set_defaults(run=do_up)
    serve.set_defaults(run=do_serve)
    commands.add_parser("down", help="stop it and remove its files").set_defaults(run=do_down)
    status = commands.add_parser("status", help="what runs and what exists")
    status.add_argument("--json", action="store_true")
    status.set_defaults(run=do_status)
    commands.add_parser("reset", help="empty every project and the AWS account").set_defaults(run=do_reset)
    log = commands.add_parser("log", help="the requests that it answered")
    log.add_argument("--since", type=int, default=0, help="only those after this number")
    log.add_argument("--mutating", action="store_true", help="only those that change something")
    log.add_argument("--json", action="store_true")
    log.set_defaults(run=do_log)
    add_packets(commands)
    return top


def add_packets(commands: t.Any) -> None:
    """The commands that need more than the request log."""
    run = commands.add_parser("exec", help="run a command in an instance or a pod", usage="lab exec NAME -- COMMAND...")
    run.add_argument("name")
    run.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- COMMAND...")
    run.set_defaults(run=do_exec)
    trace = commands.add_parser("trace", help="send one packet and tell what became of it and of its answer")
    trace.add_argument("source", help="an instance or a pod")
    trace.add_argument("destination", help="an instance, a pod, an address, or svc/NAME")
    trace.add_argument("--protocol", choices=("icmp", "tcp", "udp"), default="icmp")
    trace.add_argument("--port", type=int, default=0)
    trace.add_argument("--length", type=int, default=0, help="of the whole packet, which must not be fragmented")
    trace.add_argument("--json", action="store_true")
    trace.set_defaults(run=do_trace)
    preset = commands.add_parser("preset", help="build the surroundings that a story presupposes")
    preset.add_argument("name", nargs="?", help="default: list them")
    preset.add_argument("--option", action="append", default=[], metavar="NAME=true|false", help="of the preset")
    preset.set_defaults(run=do_preset)
    fault = commands.add_parser(
        "fault",
        help="let the next matching requests fail, or disturb what the APIs do not govern",
        usage="lab fault [OPTION...] | lab fault {tunnel NAME|session ROUTER PEER|node NAME|prefixes ROUTER} [--end]",
    )
    fault.add_argument("--clear", action="store_true", help="forget all faults of requests")
    # Only what is given is passed on: what is left out has the server's defaults, and nothing at all is no fault.
    unsaid = argparse.SUPPRESS
    fault.add_argument("--method", default=unsaid, help="GET, POST, ..., or an action of AWS; default: any")
    fault.add_argument("--path", default=unsaid, help="a regular expression; default: any")
    fault.add_argument("--status", type=int, default=unsaid, help="default: 503")
    fault.add_argument("--reason", default=unsaid)
    fault.add_argument("--message", default=unsaid)
    fault.add_argument("--count", type=int, default=unsaid, help="how many requests; default: 1")
    fault.add_argument("--delay", type=float, default=unsaid, help="seconds")
    fault.add_argument("--drop", action="store_true", default=unsaid, help="close the connection instead of answering")
    fault.add_argument("--when", choices=("before", "after", "operation"), default=unsaid, help="default: before")
    fault.set_defaults(run=do_fault, usage=fault.format_help)
    add_disturbances(fault)


def add_disturbances(fault: argparse.ArgumentParser) -> None:
    """Faults of the world instead of the API."""
    kinds = fault.add_subparsers(required=False, prog="lab fault", metavar="DISTURBANCE")
    tunnel = kinds.add_parser("tunnel", help="lose what is sent into a VPN tunnel")
    tunnel.add_argument("name", help="a tunnel at Google, or AWS's end of it (vpn-0a1b/0)")
    session = kinds.add_parser("session", help="switch off the other side of a BGP session")
    session.add_argument("router")
    session.add_argument("peer", help="the name of the router's BGP peer")
    node = kinds.add_parser("node", help="let an instance or node neither send nor answer")
    node.add_argument("name")
    prefixes = kinds.add_parser("prefixes", help="let a router announce more than its peers accept")
    prefixes.add_argument("router")
    prefixes.add_argument("--count", type=int, default=101, help="prefixes in all; default: 101")
    for kind, parser_of_kind in (("tunnel", tunnel), ("session", session), ("node", node), ("prefixes", prefixes)):
        parser_of_kind.add_argument("--end", action="store_true", help="it is over")
        parser_of_kind.add_argument("--clear", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        parser_of_kind.set_defaults(run=do_disturb, kind=kind)


def directory_of(options: argparse.Namespace) -> pathlib.Path:
    return pathlib.Path(options.dir).absolute()


# ---- is it there?


def is_our_process(pid: int) -> bool:
    """Whether that process is a lab of this user: a pid file can outlive its process, and pids are reused."""
    try:
        command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        found = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
        command = found.stdout
    return "podreach_lab" in command and " serve" in command


def running(directory: pathlib.Path) -> dict[str, t.Any] | None:
    """The status of the lab of this directory, if one answers and is the one that lab.json tells of."""
    record = files.read_record(directory)
    if record is None:
        return None
    try:
        status = client.request(record["port"], "GET", "/_lab/status", timeout=5.0)
    except (client.LabUnreachable, ValueError):
        return None
    return status if status.get("instance") == record.get("instance") and status.get("pid") == record["pid"] else None


def need_running(options: argparse.Namespace) -> dict[str, t.Any]:
    directory = directory_of(options)
    status = running(directory)
    if status is None:
        raise Refusal(f"no lab runs for {directory}. Start it with: lab up")
    return status


@contextlib.contextmanager
def locked(directory: pathlib.Path) -> t.Iterator[None]:
    """Two `lab up` at once must not start two labs."""
    files.private_directory(directory)
    with open(os.open(directory / "lock", os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


# ---- commands


def missing_packages() -> list[str]:
    return [package for module, package in NEEDS.items() if importlib.util.find_spec(module) is None]


def check_packages() -> None:
    missing = missing_packages()
    if missing:
        raise Refusal(
            f"{sys.executable} lacks the Python packages {', '.join(missing)}. "
            f"Install them with: {sys.executable} -m pip install {' '.join(missing)}"
        )


def do_up(options: argparse.Namespace) -> int:
    check_packages()
    directory = directory_of(options)
    with locked(directory):
        status = running(directory)
        if status is not None:
            print(f"The lab runs already: http://127.0.0.1:{status['port']} (pid {status['pid']}).")
            set_latency(options, status)
        else:
            stop_left_over(directory)
            status = start(options, directory)
            print(f"The lab is up: http://127.0.0.1:{status['port']} (pid {status['pid']}).")
    shown = os.path.relpath(directory) if directory.is_relative_to(pathlib.Path.cwd()) else str(directory)
    print(f"For gcloud and ansible in this shell: . {shown}/env")
    return 0


def set_latency(options: argparse.Namespace, status: dict[str, t.Any]) -> None:
    """What was asked for holds for a lab that runs already, too."""
    wanted = {"profile": options.latency, "scale": options.scale}
    wanted = {name: value for name, value in wanted.items() if value is not None}
    if wanted:
        try:
            now = client.request(status["port"], "POST", "/_lab/latency", wanted)
        except ValueError as error:
            raise Refusal(str(error)) from None
        before, after = (f"{item['profile']} x {item['scale']}" for item in (status["latency"], now))
        print(f"Its latency was {before} and is {after}." if before != after else f"Its latency is {after} already.")


def stop_left_over(directory: pathlib.Path) -> None:
    """A lab that no longer answers but still lives must not linger."""
    record = files.read_record(directory)
    if record is not None and is_our_process(record["pid"]):
        stop(record["pid"])
    (directory / "lab.json").unlink(missing_ok=True)


def start(options: argparse.Namespace, directory: pathlib.Path, seconds: float = 20.0) -> dict[str, t.Any]:
    command = [sys.executable, "-m", "podreach_lab", "--dir", str(directory), "serve"]
    command += ["--port", str(options.port)]
    if options.latency is not None:
        command += ["--latency", options.latency]
    if options.scale is not None:
        command += ["--scale", str(options.scale)]
    if options.no_check_responses:
        command.append("--no-check-responses")
    path = os.pathsep.join(item for item in (str(PACKAGE_PARENT), os.environ.get("PYTHONPATH", "")) if item)
    log_path = directory / files.LOG
    with open(os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=os.environ | {"PYTHONPATH": path},
            start_new_session=True,
        )
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        status = running(directory)
        if status is not None:
            return status
        if process.poll() is not None:
            break
        time.sleep(0.02)
    else:
        process.terminate()
    said = log_path.read_text(encoding="utf-8").strip().splitlines()
    raise Refusal(f"it did not come up. {log_path} ends with: {said[-1] if said else '(nothing)'}")


def do_serve(options: argparse.Namespace) -> int:
    check_packages()
    import asyncio

    from .server import serve  # needs the packages that were checked just now

    os.umask(0o077)
    directory = directory_of(options)
    try:
        scale = 1.0 if options.scale is None else options.scale
        asyncio.run(serve(directory, options.port, options.latency or "fast", scale, not options.no_check_responses))
    except (OSError, ValueError) as error:
        raise Refusal(str(error)) from None
    return 0


def do_down(options: argparse.Namespace) -> int:
    directory = directory_of(options)
    record = files.read_record(directory)
    if record is None:
        print(f"No lab runs for {directory}.")
    elif running(directory) is not None or is_our_process(record["pid"]):
        stop(record["pid"])
        print(f"The lab is down (pid {record['pid']}, {directory}).")
    else:
        print(f"No lab runs for {directory}: process {record['pid']} is gone or is not a lab.")
    if directory.is_dir():
        files.remove(directory)
    return 0


def stop(pid: int, seconds: float = 5.0) -> None:
    """SIGTERM, and SIGKILL to one that does not heed it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not is_our_process(pid):
                return
            time.sleep(0.02)
    raise Refusal(f"process {pid} does not end")


def do_status(options: argparse.Namespace) -> int:
    directory = directory_of(options)
    status = running(directory)
    if options.json:
        print(json.dumps({"running": status is not None} | (status or {"directory": str(directory)}), indent=2))
        return 0 if status else 3
    if status is None:
        print(f"No lab runs for {directory}.")
        return 3
    latency = status["latency"]
    print(f"http://127.0.0.1:{status['port']}  pid {status['pid']}  up {status['uptime']} s")
    print(
        f"latency {latency['profile']} x {latency['scale']}, {status['requests']} requests, "
        f"{status['mutations']} mutating, {status['operations_running']} operations running"
    )
    packets = status["packets"]
    if packets["available"]:
        print(f"packets: {packets['namespaces']} namespaces" + ("" if packets["settled"] else ", not yet up to date"))
        if packets["reason"]:
            print(f"the packets do not follow: {packets['reason']}")
        for line in (packets["bgp"]["reason"], *packets["bgp"]["trouble"].values()):
            if line:
                print(f"BGP: {line}")
    else:
        print(f"no packets: {packets['reason']}")
    for kind, count in status["resources"].items():
        print(f"{count:6} {kind}")
    for line in summary.lines(status):
        print(line)
    return 0


def do_reset(options: argparse.Namespace) -> int:
    client.request(need_running(options)["port"], "POST", "/_lab/reset")
    print("The lab is empty.")
    return 0


def do_log(options: argparse.Namespace) -> int:
    query = f"since={options.since}&mutating={int(options.mutating)}"
    answer = client.request(need_running(options)["port"], "GET", f"/_lab/requests?{query}")
    if options.json:
        print(json.dumps(answer, indent=2))
        return 0
    for item in answer["requests"]:
        mark = "*" if item["mutating"] else " "
        who = item["caller"].split("@")[0] or "-"
        print(f"{item['seq']:6} {mark} {item['status']} {item['ms']:7.2f} ms {who:9} {item['method']:6} {item['path']}")
    return 0


def ask(options: argparse.Namespace, http_method: str, what: str, body: dict[str, t.Any] | None = None) -> t.Any:
    """One admin request; what it refuses is told to the user."""
    try:
        return client.request(need_running(options)["port"], http_method, f"/_lab/{what}", body)
    except ValueError as error:
        raise Refusal(str(error)) from None


def do_exec(options: argparse.Namespace) -> int:
    argv = options.argv[1:] if options.argv[:1] == ["--"] else options.argv
    if not argv:
        raise Refusal("what shall it run? lab exec NAME -- COMMAND...")
    return exec_client(directory_of(options), options.name, argv)


def do_trace(options: argparse.Namespace) -> int:
    question = {"from": options.source, "to": options.destination, "protocol": options.protocol}
    question |= {"port": options.port, "length": options.length}
    answer = ask(options, "POST", "trace", question)
    if options.json:
        print(json.dumps(answer, indent=2))
    else:
        print("\n".join(report.lines(question, answer)))
    return 0 if answer["verdict"] == "reachable" else 1


def do_preset(options: argparse.Namespace) -> int:
    if options.name is None:
        for name, text in ask(options, "GET", "presets")["presets"].items():
            print(f"{name:20} {text}")
        return 0
    answer = ask(options, "POST", "presets", preset_options(options.option) | {"name": options.name})
    for path in answer["made"]:
        print(path)
    if not answer["made"]:
        print(f"{options.name} is there already.")
    return 0


def preset_options(given: list[str]) -> dict[str, t.Any]:
    """Of a preset: all of them are switches."""
    found: dict[str, t.Any] = {}
    for item in given:
        name, _separator, value = item.partition("=")
        if not name or value not in ("true", "false"):
            raise Refusal(f"--option takes NAME=true or NAME=false, not {item!r}")
        found[name] = value == "true"
    return found


def do_fault(options: argparse.Namespace) -> int:
    if options.clear:
        ask(options, "DELETE", "faults")
        print("No request will fail on purpose.")
        return 0
    names = ("method", "path", "status", "reason", "message", "count", "delay", "drop", "when")
    body = {name: getattr(options, name) for name in names if hasattr(options, name)}
    if not body:
        print(options.usage())
        print("No fault was made: say which requests, by one option at least. `lab status` lists what is armed.")
        return 2
    answer = ask(options, "POST", "faults", body)
    print(f"Faults waiting for a request: {answer['faults']}.")
    return 0


def do_disturb(options: argparse.Namespace) -> int:
    if options.clear:
        raise Refusal(
            f"--clear forgets faults of requests. A disturbance ends with: lab fault {options.kind} ... --end, "
            "and all of them with: lab reset"
        )
    given = vars(options)
    body: dict[str, t.Any] = {
        key: given[key] for key in ("kind", "name", "router", "peer", "count", "end") if key in given
    }
    print(ask(options, "POST", "disturbances", body)["said"])
    return 0
