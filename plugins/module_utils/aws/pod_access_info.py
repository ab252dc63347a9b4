# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a security group admits, and what network ACLs refuse all the same."""

from __future__ import annotations

import typing as t

from .. import addressing
from ..arguments import ArgumentSpec, Call
from ..errors import InvalidInput
from . import pod_access
from .client import Client

SPEC = ArgumentSpec(
    options={
        "name": {"type": "str"},
        **pod_access.GROUP_OPTIONS,
        "ranges": {"type": "list", "elements": "str"},
        "protocol": {"type": "str", "choices": list(pod_access.PROTOCOLS), "default": "icmp"},
        "ports": {"type": "list", "elements": "str"},
    },
    required_one_of=(("group_id", "group_name"),),
    mutually_exclusive=(("group_id", "group_name"), ("vpc_id", "vpc_name")),
    empty_is_unset=frozenset({"name", *pod_access.GROUP_OPTIONS}),
)


def gather(client: Client, call: Call) -> dict[str, t.Any]:
    """The group, its rules for ranges, and the warnings for the ranges that are asked about."""
    params = call.params
    ports, wrong = pod_access.parse_ports(params.get("ports") or [])
    if wrong:
        raise InvalidInput(f"ports: {wrong[0][0]!r}: {wrong[0][1]}")
    ranges = []
    for number, text in enumerate(params.get("ranges") or []):
        try:
            ranges.append(str(addressing.parse(text)))
        except addressing.AddressingError as error:
            raise InvalidInput(f"ranges[{number}]: {text!r}: {error}") from None
    group = pod_access.find_group(client, params)
    rules = [
        pod_access.shown_rule(item)
        for item in pod_access.rules_of(client, group["GroupId"])
        if not params.get("name") or (item["owned"] and item["name"] == params["name"])
    ]
    return {
        "group": {"id": group["GroupId"], "name": group["GroupName"], "vpc_id": group.get("VpcId")},
        "rules": rules,
        "network_acl_warnings": pod_access.acl_problems(
            client, group, protocol=params["protocol"], ports=ports, ranges=ranges
        ),
    }
