# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One lab for many vectors. Most get it empty; those that give the same estate share one that stands already, since
BGP sessions take about a second to come up."""

from __future__ import annotations

import pathlib
import typing as t

from ansible_collections.podreach.gke.tests.golden.packets.world import World
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab


class Stage:
    """``kept`` is what stands in the lab, as the key under which it was built; '' is nothing that may be used again."""

    def __init__(self, lab: Lab, scratch: pathlib.Path) -> None:
        self.lab = lab
        self.scratch = scratch
        self.kept = ""
        self._world: World | None = None

    def fresh(self) -> World:
        """An empty lab."""
        self.forget()
        self.lab.reset()
        return World(self.lab, self.scratch)

    def keep(self, key: str, build: t.Callable[[World], None]) -> World:
        """The estate of this key: the one that stands, or a new one by ``build``."""
        if self._world is None or key != self.kept:
            world = self.fresh()
            build(world)
            self._world, self.kept = world, key
        return self._world

    def forget(self) -> None:
        """What stands is not to be used again."""
        self._world, self.kept = None, ""
