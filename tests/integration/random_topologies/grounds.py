# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where topologies are built: in an empty lab, or around a skeleton that stays from one to the next."""

from __future__ import annotations

import random
import typing as t

from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

from . import generate, generate_vpn
from . import world as w
from .account import client
from .build import Estate
from .clients import google
from .skeleton import Skeleton

#: The shares of flows that are asked around a VPN: inside Google, which the other topologies try, inside AWS, and to
#: addresses that nobody has.
INSIDE_GOOGLE, INSIDE_AMAZON, TO_NOBODY = 0.12, 0.5, 0.25


class Ground(t.Protocol):
    """What a comparison needs to know of the kind of its topologies."""

    def topology(self, seed: int) -> generate.Topology: ...

    def estate(self, lab: Lab, seed: int) -> Estate: ...

    def flows(self, found: list[w.Flow], world: w.World, chance: random.Random) -> list[w.Flow]: ...

    def shares(self, seeds: t.Sequence[int], count: int) -> list[t.Sequence[int]]: ...


class EmptyGround:
    """A lab that is emptied before."""

    def topology(self, seed: int) -> generate.Topology:
        return generate.generate(seed)

    def estate(self, lab: Lab, seed: int) -> Estate:
        lab.reset()
        return Estate(lab)

    def flows(self, found: list[w.Flow], world: w.World, chance: random.Random) -> list[w.Flow]:
        return found

    def shares(self, seeds: t.Sequence[int], count: int) -> list[t.Sequence[int]]:
        return [seeds[at::count] for at in range(count)]


class VpnGround:
    """A skeleton with a virtual private or a transit gateway. One for each lab."""

    def __init__(self) -> None:
        self.skeleton: Skeleton | None = None

    def topology(self, seed: int) -> generate.Topology:
        return generate_vpn.generate(seed)

    def estate(self, lab: Lab, seed: int) -> Estate:
        transit = generate_vpn.has_transit(seed)
        if self.skeleton is None or self.skeleton.transit != transit:
            lab.reset()
            self.skeleton = Skeleton(lab, google(lab.port, lab.token()), client(lab.env), transit)
            self.skeleton.build()
        self.skeleton.sweep()
        return Estate(lab, self.skeleton)

    def flows(self, found: list[w.Flow], world: w.World, chance: random.Random) -> list[w.Flow]:
        """Of udp, tcp and icmp; mostly those between the clouds."""
        amazon = {item.name for item in world.amazon.machines}
        there = {str(item.address) for item in world.amazon.machines}
        here = {str(item.address) for item in world.instances} | {str(pod.address) for pod in world.pods}

        def share(flow: w.Flow) -> float:
            if flow.to in there:
                return INSIDE_AMAZON if flow.sender in amazon else 1
            if flow.to not in here:
                return TO_NOBODY
            return 1 if flow.sender in amazon else INSIDE_GOOGLE

        return [
            w.Flow(flow.sender, flow.to, "udp", flow.port) if flow.port and chance.random() < 0.2 else flow
            for flow in found
            if chance.random() < share(flow)
        ]

    def shares(self, seeds: t.Sequence[int], count: int) -> list[t.Sequence[int]]:
        """So that a lab has to build another skeleton once at most."""
        ordered = sorted(seeds, key=generate_vpn.has_transit)
        size = -(-len(ordered) // count)
        return [ordered[at * size : (at + 1) * size] for at in range(count)]
