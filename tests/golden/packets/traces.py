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


NO_ROUTE = "no-route"


def gateways(world: World, part: Json) -> list[str]:
    """The AWS gateways that the packet came by, by id."""
    if world.outside is None:
        return []
    known = [side.gateway for side in world.outside.sides]
    return [gateway for gateway in known if passed_at(part, gateway)]


def passed_at(part: Json, name: str) -> bool:
    """Whether the packet was seen where this name is part of what the place is called."""
    return any(name in hop["at"] for hop in part["hops"])


def first_gateway(part: Json) -> Json:
    """The hop at the first gateway, a Cloud Router or one of AWS, that the packet came by."""
    hop: Json = next(hop for hop in part["hops"] if hop["at"].startswith(("router ", "vgw ", "tgw ")))
    return hop


def died_at_amazon(world: World, part: Json) -> bool:
    """Whether the packet died in a VPC, or at an AWS gateway."""
    known = [name for side in world.far_clouds.sides for name in (side.gateway, side.vpc.id)]
    return bool(part["died"]) and any(name in part["died"]["at"] for name in known)


def routeless(part: Json) -> bool:
    """Whether the packet died because a route table of AWS has no route for it."""
    return reason(part) == "aws-route" and "has no route" in part["died"]["detail"]


def died_in_network(part: Json, network: str) -> bool:
    """Whether the packet died in a Google network."""
    return bool(part["died"]) and part["died"]["at"].startswith("network ") and last(part["died"]["at"]) == network


def on_the_wire(answer: Json) -> str:
    """The source address in the first network that the packet came into."""
    sources = [hop["source"] for hop in answer["request"]["hops"] if hop["at"].startswith("network ")]
    assert sources, f"the packet never left its node: {answer}"
    return str(sources[0])
