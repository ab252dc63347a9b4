# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters over module_utils/bgp.py. Each is documented in the YAML file of its name beside this one."""

from __future__ import annotations

import typing as t

from ..module_utils import bgp
from ..plugin_utils.jinja import plugin, truth, whole_number


@plugin
def bgp_peers(value: t.Any) -> list[dict[str, t.Any]]:
    return t.cast("list[dict[str, t.Any]]", bgp.as_data(bgp.read(value).peers))


@plugin
def bgp_advertised_ranges(value: t.Any) -> list[dict[str, t.Any]]:
    return [
        {"peer": peer.name, **bgp.as_data(item)} for peer in bgp.read(value).peers for item in peer.advertised_ranges
    ]


@plugin
def bgp_missing_ranges(value: t.Any, ranges: t.Any, each_peer: t.Any = True) -> list[dict[str, t.Any]]:
    found = bgp.missing_ranges(bgp.read(value), ranges, each_peer=truth(each_peer, "each_peer"))
    return t.cast("list[dict[str, t.Any]]", bgp.as_data(found))


@plugin
def bgp_prefix_headroom(value: t.Any, limit: t.Any = bgp.PREFIX_LIMIT, adding: t.Any = ()) -> list[dict[str, t.Any]]:
    most = whole_number(limit, "limit")
    return [bgp.as_data(bgp.prefix_headroom(peer, most, adding)) for peer in bgp.read(value).peers]


@plugin
def bgp_peer_differences(value: t.Any) -> list[dict[str, t.Any]]:
    return t.cast("list[dict[str, t.Any]]", bgp.as_data(bgp.differences(bgp.read(value).peers)))


@plugin
def duration_seconds(value: t.Any) -> int:
    return bgp.duration_seconds(value)


@plugin
def duration_words(value: t.Any) -> str:
    return bgp.duration_words(bgp.duration_seconds(value))


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {
            "bgp_advertised_ranges": bgp_advertised_ranges,
            "bgp_missing_ranges": bgp_missing_ranges,
            "bgp_peer_differences": bgp_peer_differences,
            "bgp_peers": bgp_peers,
            "bgp_prefix_headroom": bgp_prefix_headroom,
            "duration_seconds": duration_seconds,
            "duration_words": duration_words,
        }
