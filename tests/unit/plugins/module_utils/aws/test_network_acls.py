# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What network ACLs refuse, by table and against a count of every port and address."""

from __future__ import annotations

import ipaddress
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.podreach.gke.plugins.module_utils.aws import network_acls

Json = dict[str, t.Any]
EVERYWHERE = "0.0.0.0/0"


def entry(
    number: int, action: str, protocol: str, block: str = EVERYWHERE, egress: bool = False, **more: t.Any
) -> Json:
    return {
        "RuleNumber": number,
        "RuleAction": action,
        "Protocol": protocol,
        "CidrBlock": block,
        "Egress": egress,
        **more,
    }


def ports(first: int, last: int) -> Json:
    return {"PortRange": {"From": first, "To": last}}


OPEN = [entry(100, "allow", "-1"), entry(100, "allow", "-1", egress=True), entry(32767, "deny", "-1")]


@pytest.mark.parametrize(
    ("entries", "protocol", "block", "wanted", "refused_by"),
    [
        (OPEN, "tcp", "10.32.0.0/14", (80, 80), None),
        ([], "tcp", "10.32.0.0/14", (80, 80), 32767),
        ([entry(90, "deny", "6", **ports(80, 80)), *OPEN], "tcp", "10.32.0.0/14", (80, 80), 90),
        ([entry(90, "deny", "6", **ports(80, 80)), *OPEN], "tcp", "10.32.0.0/14", (443, 443), None),
        ([entry(90, "deny", "17", **ports(80, 80)), *OPEN], "tcp", "10.32.0.0/14", (80, 80), None),
        # a part of the range is enough
        ([entry(90, "deny", "-1", "10.33.0.0/16"), *OPEN], "udp", "10.32.0.0/14", (53, 53), 90),
        # what is admitted first is not refused later
        ([entry(80, "allow", "-1", "10.33.0.0/16"), entry(90, "deny", "-1", "10.33.0.0/16"), *OPEN], "udp",
         "10.32.0.0/14", (53, 53), None),
        # two halves
        ([entry(1, "allow", "6", "10.32.0.0/15"), entry(2, "allow", "6", "10.34.0.0/15")], "tcp", "10.32.0.0/14",
         (1, 9), None),
        ([entry(1, "allow", "6", "10.32.0.0/15"), entry(2, "allow", "6", "10.34.0.0/16")], "tcp", "10.32.0.0/14",
         (1, 9), 32767),
        ([entry(1, "allow", "1", IcmpTypeCode={"Type": 8, "Code": -1})], "icmp", "10.32.0.0/14", (8, 8), None),
        ([entry(1, "allow", "1", IcmpTypeCode={"Type": 0, "Code": -1})], "icmp", "10.32.0.0/14", (8, 8), 32767),
    ],
)  # fmt: skip
def test_refusing(
    entries: list[Json], protocol: str, block: str, wanted: tuple[int, int], refused_by: int | None
) -> None:
    found = network_acls.refusing(entries, egress=False, protocol=protocol, block=block, ports=wanted)
    assert found == refused_by


def test_answers_need_all_ephemeral_ports() -> None:
    narrow = [*OPEN[:1], entry(100, "allow", "6", egress=True, **ports(32768, 60999))]
    acl = {"NetworkAclId": "acl-1", "Entries": narrow}
    (found,) = network_acls.problems(acl, protocol="tcp", ports=[(80, 80)], ranges=["10.32.0.0/14"])
    assert "acl-1" in found
    assert "answers to tcp ports 1024-65535" in found


SMALL = st.builds(
    lambda number, action, size, at, first, width: entry(
        number,
        action,
        "6",
        str(ipaddress.IPv4Network((int(ipaddress.IPv4Address("10.0.0.0")) + (at >> (32 - size) << (32 - size)), size))),
        **ports(first, min(first + width, 15)),
    ),
    st.integers(1, 50),
    st.sampled_from(["allow", "deny"]),
    st.integers(28, 32),
    st.integers(0, 15),
    st.integers(0, 15),
    st.integers(0, 15),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(SMALL, max_size=6, unique_by=lambda item: item["RuleNumber"]))
def test_against_every_packet(entries: list[Json]) -> None:
    """All passes exactly where the first matching entry of every single packet allows it."""

    def passes(address: int, port: int) -> bool:
        for item in sorted(entries, key=lambda one: int(one["RuleNumber"])):
            low, high = network_acls.span(item["CidrBlock"])
            if low <= address <= high and item["PortRange"]["From"] <= port <= item["PortRange"]["To"]:
                return bool(item["RuleAction"] == "allow")
        return False

    low, high = network_acls.span("10.0.0.0/28")
    every = all(passes(address, port) for address in range(low, high + 1) for port in range(16))
    found = network_acls.refusing(entries, egress=False, protocol="tcp", block="10.0.0.0/28", ports=(0, 15))
    assert (found is None) == every
