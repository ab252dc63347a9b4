# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One packet's way through the lab, as the admin API tells it."""

from __future__ import annotations

import typing as t

from ansible_collections.podreach.gke.tests.golden.packets.world import Json, World, last


def trace(world: World, source: str, to: str, protocol: str, port: int | None = None, **more: t.Any) -> Json:
    """Send one packet and see where it goes."""
    body = {"from": source, "to": to, "protocol": protocol, **({"port": port} if port else {}), **more}
    answer: Json = world.lab.admin("POST", "trace", body)
    return answer


def passed(world: World, part: Json) -> list[str]:
    """The machines and nodes that the packet came by, in order and once each, by name."""
    seen: list[str] = []
    for hop in part["hops"]:
        name = last(hop["at"].rpartition(" ")[2])
        if name in world.machines and name not in seen[-1:]:
            seen.append(name)
    return seen


def reason(part: Json) -> str:
    """Why the packet died, '' if it didn't."""
    return part["died"]["reason"] if part["died"] else ""


def on_the_wire(answer: Json) -> str:
    """The source address in the first network that the packet came into."""
    sources = [hop["source"] for hop in answer["request"]["hops"] if hop["at"].startswith("network ")]
    assert sources, f"the packet never left its node: {answer}"
    return str(sources[0])
