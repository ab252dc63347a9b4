# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is run in a pod to try a connection, and what its output says. Pure.

The programs are those that an image happens to have: busybox's, iputils', curl, bash, Python. Nothing here needs root.
"""

from __future__ import annotations

import ipaddress
import json
import re
import typing as t
from dataclasses import dataclass, field

from ..errors import PodreachError
from .streams import Finished

Json = dict[str, t.Any]

#: the status of a script that found none of its programs
NO_PROGRAM = 96
#: those of programs that died of themselves (SIGILL, SIGABRT, SIGFPE, SIGSEGV), by way of a shell
CRASHED = frozenset({132, 134, 136, 139})
#: those of programs that were stopped when their time was up: by timeout of coreutils and of busybox, by curl
TOO_LATE = frozenset({124, 143, 28})

ICMP = """
command -v ping >/dev/null 2>&1 || { echo "no ping" >&2; exit 96; }
exec ping -c "$1" -W "$2" "$3"
"""

# nc of busybox has either -z or -e, those of others have -z
TCP = """
if command -v nc >/dev/null 2>&1; then
  case "$(nc -h 2>&1)" in
    *-z*|*z]*) exec nc -v -z -w "$3" "$1" "$2" ;;
    *-e*) exec nc -w "$3" "$1" "$2" -e true ;;
  esac
fi
if command -v bash >/dev/null 2>&1 && command -v timeout >/dev/null 2>&1; then
  exec timeout "$3" bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2"
fi
if command -v python3 >/dev/null 2>&1; then
  exec python3 -c 'import socket,sys
try: socket.create_connection((sys.argv[1], int(sys.argv[2])), float(sys.argv[3]))
except OSError as error: sys.exit(str(error))' "$1" "$2" "$3"
fi
echo "no nc, bash with timeout, or python3" >&2
exit 96
"""

# certificates are not what is asked about, and nothing secret is sent
HTTP = """
if command -v curl >/dev/null 2>&1; then
  exec curl -sS -k -i --http1.1 --noproxy '*' -m "$2" "$1"
fi
if command -v wget >/dev/null 2>&1; then
  case "$(wget --help 2>&1)" in
    *BusyBox*)
      # not by its own -T, which some builds of it crash on
      if command -v timeout >/dev/null 2>&1; then exec timeout "$2" wget -S -Y off -O - "$1"; fi
      exec wget -S -Y off -O - "$1" ;;
    *) exec wget -S --no-proxy --no-check-certificate -t 1 -T "$2" -O - "$1" ;;
  esac
fi
echo "no curl or wget" >&2
exit 96
"""

DNS = """
if command -v getent >/dev/null 2>&1; then exec getent ahosts "$1"; fi
if command -v nslookup >/dev/null 2>&1; then exec nslookup "$1"; fi
echo "no getent or nslookup" >&2
exit 96
"""

#: keys under which a server's JSON tells who asked
CALLER = ("source", "ip", "origin", "client")
#: words of programs -> why there is no connection
REASONS = (
    (re.compile(r"connection refused", re.I), "refused"),
    (
        re.compile(r"(no route to host|network is unreachable|host is unreachable|host unreachable)", re.I),
        "no-route",
    ),
    (
        re.compile(
            r"(bad address|name or service not known|could not resolve|can't resolve|NXDOMAIN|bad hostname"
            r"|name does not resolve|temporary failure in name resolution|nodename nor servname|invalid hostname)",
            re.I,
        ),
        "unresolved",
    ),
    (re.compile(r"(timed out|timeout)", re.I), "timed-out"),
)
NOT_PERMITTED = re.compile(r"(permission denied|operation not permitted|are you root)", re.I)
ADDRESS = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}|[0-9a-f]*:[0-9a-f:]*:[0-9a-f]*", re.I)


@dataclass
class Verdict:
    """Whether the target was reached, why not, and what was measured."""

    reachable: bool
    reason: str | None
    output: str
    measured: Json = field(default_factory=dict)


def command(params: Json) -> list[str]:
    """The program to run, with the options as its arguments: none of them is ever a part of a script."""
    kind, seconds = params["kind"], str(params["probe_timeout"])
    if kind == "icmp":
        return ["sh", "-c", ICMP, "probe", str(params["count"]), seconds, params["target"]]
    if kind == "tcp":
        return ["sh", "-c", TCP, "probe", params["target"], str(params["port"]), seconds]
    if kind == "http":
        return ["sh", "-c", HTTP, "probe", params["url"], seconds]
    return ["sh", "-c", DNS, "probe", params["target"]]


def judge(params: Json, done: Finished, what: str) -> Verdict:
    """What the output means. Raises :class:`PodreachError` where the check itself could not be made."""
    kind = params["kind"]
    output = (done.stdout + done.stderr).strip()
    if done.rc == NO_PROGRAM:
        raise PodreachError(
            f"{what}: the container's image has {done.stderr.strip()}, so nothing was checked by {kind}. Leave out "
            "pod to use a pod of podreach.gke's own, or name another container or image.",
            code="no-program",
            resource=what,
        )
    if done.rc in CRASHED:
        raise PodreachError(
            f"{what}: the program that was to check by {kind} crashed (status {done.rc}), so nothing is known. Name "
            f"another image or container. {output}".strip(),
            code="program-crashed",
            resource=what,
        )
    found = {"icmp": _icmp, "tcp": _tcp, "http": _http, "dns": _dns}[kind](params, done, output)
    if not found.reachable and NOT_PERMITTED.search(output) and not found.measured.get("sent"):
        raise PodreachError(
            f"{what}: the container may not send ICMP ({output}), so nothing was checked. The sysctl "
            "net.ipv4.ping_group_range of the pod must include its group; a pod of podreach.gke's own has that.",
            code="no-permission",
            resource=what,
        )
    return found


def reason_of(output: str) -> str | None:
    return next((reason for words, reason in REASONS if words.search(output)), None)


def _icmp(params: Json, done: Finished, output: str) -> Verdict:
    counted = re.search(r"(\d+) packets transmitted, (\d+) (?:packets )?received", output)
    sent, received = (int(counted[1]), int(counted[2])) if counted else (0, 0)
    ttl = re.search(r"ttl=(\d+)", output)
    times = re.search(r"= ([\d.]+)/([\d.]+)/([\d.]+)", output)
    measured: Json = {
        "sent": sent,
        "received": received,
        "ttl": int(ttl[1]) if ttl else None,
        "rtt": {"min": float(times[1]), "avg": float(times[2]), "max": float(times[3])} if times else None,
    }
    reachable = received >= params["min_received"]
    reason = None if reachable else reason_of(output) or ("no-reply" if not received else "lost")
    return Verdict(reachable, reason, output, measured)


def _tcp(params: Json, done: Finished, output: str) -> Verdict:
    if done.rc == 0:
        return Verdict(True, None, output)
    return Verdict(False, reason_of(output) or ("timed-out" if done.rc in TOO_LATE else "failed"), output)


def _http(params: Json, done: Finished, output: str) -> Verdict:
    # curl writes the answer's head before its body, wget among its messages
    head = re.match(r"HTTP/[\d.]+ (\d{3})", done.stdout)
    told = re.findall(r"^\s*HTTP/[\d.]+ (\d{3})", done.stderr, re.M)
    body = done.stdout
    status = int(told[-1]) if told else None
    if head:
        status = int(head[1])
        body = re.split(r"\r?\n\r?\n", body, maxsplit=1)[-1]
    measured: Json = {"status": status, "body": body[:4000]}
    if status is None:
        return Verdict(False, reason_of(output) or ("timed-out" if done.rc in TOO_LATE else "failed"), output, measured)
    if params.get("status") and status not in params["status"]:
        return Verdict(False, "status", output, measured)
    if params.get("body") and not re.search(params["body"], body):
        return Verdict(False, "body", output, measured)
    return Verdict(True, None, output, measured)


def caller(body: str) -> str | None:
    """The address that an answer tells of who asked: under a usual key of JSON, or the one that is in the text."""
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    if isinstance(told, dict):
        named = [str(told[key]) for key in CALLER if told.get(key)]
        body = named[0] if named else body
    found = {address for word in re.split(r"[\s\"'<>\[\](){},;=/|]+", body) if (address := _address(word))}
    return found.pop() if len(found) == 1 else None


def _address(word: str) -> str | None:
    """An address, also one with a port behind it."""
    for text in (word, word.rpartition(":")[0]):
        try:
            return str(ipaddress.ip_address(text))
        except ValueError:
            continue
    return None


def _dns(params: Json, done: Finished, output: str) -> Verdict:
    text = done.stdout
    if "Server:" in text:
        # nslookup names whom it asked first
        text = re.split(r"\n\s*\n", text, maxsplit=1)[-1]
    found = [word for line in text.splitlines() for word in line.split() if ADDRESS.fullmatch(word)]
    addresses = list(dict.fromkeys(found))
    reachable = done.rc == 0 and bool(addresses)
    return Verdict(
        reachable, None if reachable else reason_of(output) or "unresolved", output, {"addresses": addresses}
    )


def sentence(params: Json, verdict: Verdict, pod: Json) -> str:
    """What was found, in words."""
    target = params["url"] if params["kind"] == "http" else params["target"]
    if params["kind"] == "tcp":
        target = f"{target}:{params['port']}"
    who = f"pod {pod['namespace']}/{pod['name']} ({pod['address']} on node {pod['node']})"
    if params["kind"] == "dns":
        said = "resolves" if verdict.reachable else "does not resolve"
    else:
        said = "reaches" if verdict.reachable else "does not reach"
    told = f"{who} {said} {target} by {params['kind']}"
    if "received" in verdict.measured:
        told += f": {verdict.measured['received']} of {verdict.measured['sent']} replies"
    if verdict.measured.get("status"):
        told += f": status {verdict.measured['status']}"
    return told if verdict.reachable else f"{told} ({verdict.reason})"
