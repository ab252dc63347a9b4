# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""BIRD's configuration, and what it answers, as text: https://bird.network.cz/?get_doc&v=20&f=bird.html

Each session has a table of its own, so that nothing passes from one to another: a static protocol puts in what is to
be announced, the peer's routes are what came. Nothing is handed to the kernel.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import typing as t

from . import figures
from .model import Announcement, LearnedRoute, Session, Speaker

LEAST_HOLD = 3
"""What the protocol and BIRD allow."""
BY_PROTOCOL = ("Received: ", "BGP Error: ", "Automatic shutdown: ")
"""How errors begin that ended a session by a message of the protocol; others are of the connection below it."""
TOO_MANY = "Route limit exceeded"
"""Of what it says when it closed a session because its peer sent too much."""
CAME_UP = re.compile(r"<TRACE> (\S+): BGP session established")
ROUTE = re.compile(r"^(\S+/\d+)?\s+\w+ \[")
ATTRIBUTE = re.compile(r"^\s+BGP\.(\w+): (.*)$")


def protocol(session: str) -> str:
    """The name of a session in BIRD, which allows few characters."""
    return "b_" + hashlib.sha256(session.encode()).hexdigest()[:12]


def can_try(session: Session) -> bool:
    """Whether there is anything to configure: a tunnel and two addresses."""
    return bool(session.device and session.local and session.remote)


# ---- configuration


def configuration(speaker: Speaker, rate: float) -> str:
    """`rate`: how many of the lab's seconds one of the real services' is."""
    parts = [
        "log stderr all;",
        f"router id {speaker.router_id};",
        # A MED counts as ours only where the filter sets it.
        "attribute int said_med;",
        "filter say { if defined(said_med) then bgp_med = said_med; accept; }",
        "protocol device { scan time 60; }",
    ]
    parts += [part(session, rate) for session in speaker.sessions if can_try(session)]
    return "\n".join(parts) + "\n"


def part(session: Session, rate: float) -> str:
    name = protocol(session.name)
    hold = max(LEAST_HOLD, round(session.hold * rate))
    away = max(1, round(figures.AWAY * rate))
    lines = [
        f"ipv4 table t_{name};",
        f"protocol static s_{name} {{",
        f"  ipv4 {{ table t_{name}; }};",
        *(f"  {route(item)}" for item in session.announced),
        "}",
        f"protocol bgp {name} {{",
        # What it says of states and routes wakes whoever reads it. Its own loop sleeps on some updates that are ready
        # to be sent (2.0.12) until anything happens: then the reader's questions do.
        "  debug { states, routes, events };",
        f"  local {session.local} as {session.local_asn};",
        f"  neighbor {session.remote} as {session.remote_asn};",
        "  direct;",
        f"  hold time {hold}; keepalive time {max(1, hold // 3)}; startup hold time {hold};",
        "  connect delay time 1; connect retry time 1;",
        f"  error wait time {away}, {2 * away}; error forget time {4 * away};",
    ]
    if session.password:
        lines.append(f"  password {quoted(session.password)};")
    if not session.enabled:
        lines.append("  disabled;")
    lines += [
        f"  ipv4 {{ table t_{name}; import all; export filter say; receive limit {session.limit} action disable; }};",
        "}",
    ]
    return "\n".join(lines)


def route(item: Announcement) -> str:
    set_path = "".join(f" bgp_path.prepend({asn});" for asn in reversed(item.path))
    set_med = "" if item.med is None else f" said_med = {item.med};"
    return f"route {item.range} unreachable {{{set_path}{set_med} }};"


def quoted(text: str) -> str:
    """BIRD's strings have no escapes."""
    return '"' + re.sub(r'["\n]', "", text) + '"'


# ---- answers


@dataclasses.dataclass(frozen=True)
class Protocol:
    """What `show protocols all` says of one BGP protocol."""

    name: str
    state: str
    error: str


def protocols(lines: t.Iterable[str]) -> dict[str, Protocol]:
    """By name, BGP only."""
    found: dict[str, Protocol] = {}
    name = ""
    for line in lines:
        words = line.split()
        if words and not line.startswith(" "):
            name = words[0] if len(words) > 4 and words[1] == "BGP" else ""
            if name:
                found[name] = Protocol(name, "Idle", "")
        elif name:
            field, _colon, value = line.strip().partition(":")
            if field == "BGP state":
                found[name] = dataclasses.replace(found[name], state=value.strip())
            elif field == "Last error":
                found[name] = dataclasses.replace(found[name], error=value.strip())
    return found


def routes(lines: t.Iterable[str]) -> list[dict[str, str]]:
    """What `show route ... all` lists: BGP attributes by name, and the range as `range`."""
    found: list[dict[str, str]] = []
    last = ""
    for line in lines:
        if match := ROUTE.match(line):
            last = match.group(1) or last
            found.append({"range": last})
        elif found and (match := ATTRIBUTE.match(line)):
            found[-1][match.group(1)] = match.group(2)
    return found


def learned(session: str, lines: t.Iterable[str]) -> tuple[LearnedRoute, ...]:
    return tuple(
        LearnedRoute(item["range"], session, item.get("next_hop", ""), med(item), path(item)) for item in routes(lines)
    )


def announced(lines: t.Iterable[str]) -> tuple[Announcement, ...]:
    return tuple(Announcement(item["range"], med(item), path(item)) for item in routes(lines))


def med(item: dict[str, str]) -> int | None:
    return int(item["med"]) if "med" in item else None


def path(item: dict[str, str]) -> tuple[int, ...]:
    return tuple(int(text) for text in item.get("as_path", "").split() if text.isdigit())
