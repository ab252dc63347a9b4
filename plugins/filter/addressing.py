# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters over module_utils/addressing.py. Each is documented in the YAML file of its name beside this one."""

from __future__ import annotations

import dataclasses
import typing as t

from ..module_utils import addressing
from ..plugin_utils.jinja import plugin, truth, whole_number


def _prefix_length(value: t.Any, where: str = "") -> int:
    """The prefix length of what may be a length, a range, or a dict with a range."""
    if isinstance(value, t.Mapping):
        value = addressing.own_range(value, where=where)
    return addressing.prefix_length(value, where=where)


def _cidrs(value: t.Any, where: str) -> list[str]:
    return [item.cidr for item in addressing.as_ranges(value, where=where)]


@plugin
def range_capacity(
    value: t.Any,
    max_pods: t.Any = addressing.DEFAULT_MAX_PODS,
    routes_based: t.Any = False,
    overprovision: t.Any = True,
) -> dict[str, int]:
    found = addressing.capacity(
        _prefix_length(value),
        whole_number(max_pods, "max_pods"),
        truth(routes_based, "routes_based"),
        overprovision=truth(overprovision, "overprovision"),
    )
    return dataclasses.asdict(found)


@plugin
def range_for_nodes(
    nodes: t.Any,
    within: t.Any = None,
    used: t.Any = (),
    purpose: str = "pods",
    max_pods: t.Any = addressing.DEFAULT_MAX_PODS,
    routes_based: t.Any = False,
    overprovision: t.Any = True,
) -> int | str:
    count = whole_number(nodes, "nodes")
    if purpose == "nodes":
        prefix = addressing.nodes_prefix_for(count)
    elif purpose == "pods":
        prefix = addressing.pods_prefix_for_nodes(
            count,
            whole_number(max_pods, "max_pods"),
            truth(routes_based, "routes_based"),
            overprovision=truth(overprovision, "overprovision"),
        )
    else:
        raise addressing.AddressingError(
            f"purpose: {purpose!r} cannot be sized by nodes; use one of: nodes, pods", code="unknown-purpose"
        )
    if within is None:
        return prefix
    return addressing.next_free(addressing.own_range(within, where="within"), prefix, _cidrs(used, "used"))


@plugin
def pod_cidr_mask(max_pods: t.Any, overprovision: t.Any = True) -> int:
    return addressing.pod_cidr_mask(whole_number(max_pods, "max_pods"), truth(overprovision, "overprovision"))


@plugin
def overlapping_ranges(value: t.Any) -> list[dict[str, t.Any]]:
    return [
        {
            "first": {"label": first.label, "cidr": first.cidr},
            "second": {"label": second.label, "cidr": second.cidr},
            "message": addressing.overlap_message(first, second),
        }
        for first, second in addressing.overlaps(addressing.as_ranges(value))
    ]


@plugin
def next_free_range(within: t.Any, prefix_length: t.Any, used: t.Any = ()) -> str:
    return addressing.next_free(
        addressing.own_range(within),
        _prefix_length(prefix_length, "prefix_length"),
        _cidrs(used, "used"),
    )


@plugin
def range_space(value: t.Any) -> str:
    return addressing.space(addressing.own_range(value))


@plugin
def usable_addresses(value: t.Any) -> int:
    return addressing.usable_addresses(addressing.own_range(value))


@plugin
def gateway_address(value: t.Any) -> str:
    return addressing.gateway_address(addressing.own_range(value))


@plugin
def routes_based_services_range(value: t.Any) -> str:
    return addressing.routes_based_services_range(addressing.own_range(value))


@plugin
def tunnel_inside_addresses(value: t.Any) -> dict[str, str]:
    return dataclasses.asdict(addressing.inside_addresses(addressing.own_range(value)))


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {
            "gateway_address": gateway_address,
            "next_free_range": next_free_range,
            "overlapping_ranges": overlapping_ranges,
            "pod_cidr_mask": pod_cidr_mask,
            "range_capacity": range_capacity,
            "range_for_nodes": range_for_nodes,
            "range_space": range_space,
            "routes_based_services_range": routes_based_services_range,
            "tunnel_inside_addresses": tunnel_inside_addresses,
            "usable_addresses": usable_addresses,
        }
