# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Jinja tests over module_utils/bgp.py. Each is documented in the YAML file of its name beside this one."""

from __future__ import annotations

import typing as t

from ..module_utils import bgp
from ..plugin_utils.jinja import plugin, truth


@plugin
def bgp_established(value: t.Any) -> bool:
    peers = bgp.read(value).peers
    return bool(peers) and all(peer.up for peer in peers)


@plugin
def bgp_advertises(value: t.Any, ranges: t.Any, each_peer: t.Any = True) -> bool:
    return not bgp.missing_ranges(bgp.read(value), ranges, each_peer=truth(each_peer, "each_peer"))


class TestModule:
    """Ansible's entry point."""

    def tests(self) -> dict[str, t.Callable[..., bool]]:
        return {"bgp_advertises": bgp_advertises, "bgp_established": bgp_established}
