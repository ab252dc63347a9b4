# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tunnels and BGP sessions in a line each, for `lab status`."""

from __future__ import annotations

import typing as t

from ..state import State
from .tunnels import met, negotiate

Json = dict[str, t.Any]
ESTABLISHED = "Established"


def tunnels(state: State) -> list[Json]:
    """Every end with what it says, beside the end that it meets. A pair is told once, Google's end first."""
    said = negotiate(state).states
    pairs = met(state)
    found: list[Json] = []
    told: set[str] = set()
    for name in sorted(said, key=lambda item: (not item.startswith("projects/"), item)):
        if name in told:
            continue
        other = pairs.get(name, "")
        told |= {name, other}
        found.append(
            {
                "name": name,
                "status": said[name].status,
                "detail": said[name].detail,
                "peer": other,
                "peer_status": said[other].status if other else "",
            }
        )
    return found


def sessions(state: State) -> list[Json]:
    """Every session that a gateway's BGP tells of."""
    return [
        {"gateway": gateway, "name": name, "state": item.state, "learned": item.learned, "reason": item.reason}
        for gateway, speaker in sorted(state.bgp.items())
        for name, item in sorted(speaker.sessions.items())
    ]


def lines(found: Json) -> list[str]:
    """As people read it, from the status of the lab."""
    out = []
    for item in found.get("tunnels", []):
        peer = f" -- {short(item['peer'])} {item['peer_status']}" if item["peer"] else ""
        out.append(f"tunnel {short(item['name'])} {item['status']}{peer}")
    for item in found.get("sessions", []):
        routes = "1 route" if item["learned"] == 1 else f"{item['learned']} routes"
        more = f", {routes} learned" if item["state"] == ESTABLISHED else ""
        why = f" ({item['reason']})" if item["reason"] and not more else ""
        kind, _space, gateway = item["gateway"].partition(" ")
        out.append(f"session {short(item['name'])} of {kind} {short(gateway)}: {item['state']}{more}{why}")
    if found.get("sessions"):
        established = sum(item["state"] == ESTABLISHED for item in found["sessions"])
        out.append(f"sessions: {established} of {len(found['sessions'])} established")
    for item in found.get("armed", []):
        out.append(f"request fault: the next {item['count']} of {fault_of(item)}")
    for item in found.get("disturbances", []):
        names = " ".join(short(str(value)) for key, value in item.items() if key != "kind")
        out.append(f"disturbed: {item['kind']} {names}")
    return out


def fault_of(item: Json) -> str:
    """What an injected fault matches, and what it does."""
    matched = " ".join((item["method"] or "any method", repr(item["path"]) if item["path"] else "any path"))
    return f"{matched}: {'dropped' if item['drop'] else item['status']}"


def short(name: str) -> str:
    """A path's last part; AWS's names (vpn-0a1b/0) as they are."""
    return name.rpartition("/")[2] if name.startswith("projects/") else name
