# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of routes to Google in a route table of AWS."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.podreach.gke.plugins.module_utils.aws import new_routes

Json = dict[str, t.Any]

GATEWAY, BLOCKS = "vgw-1", ["10.0.0.0/16", "100.64.0.0/16"]
LOCAL: Json = {"to": "10.0.0.0/16", "target": "local", "state": "active", "propagated": False}


def route(to: str, target: str, *, propagated: bool = False, state: str = "active") -> Json:
    return {"to": to, "target": target, "state": state, "propagated": propagated}


def judged(ranges: list[str], *routes: Json, gateway: str | None = GATEWAY) -> list[new_routes.Coming]:
    return new_routes.judged({"id": "rtb-1", "routes": [LOCAL, *routes]}, ranges, BLOCKS, gateway)


DEFAULT = "it is a default route"
TAKES = "it takes traffic from the route to {} by {}"


@pytest.mark.parametrize(
    ("to", "routes", "wins", "problem"),
    [
        # nothing is there
        ("10.32.0.0/14", [], True, None),
        ("0.0.0.0/0", [], True, DEFAULT),
        # the VPC's own ranges win, also against more specific ones; what is around them is less specific
        ("10.0.0.0/16", [], False, None),
        ("10.0.64.0/18", [], False, None),
        ("100.64.8.0/24", [], False, None),
        ("10.0.0.0/8", [], True, None),
        # the longest prefix
        ("10.32.0.0/14", [route("10.0.0.0/8", "tgw-1")], True, TAKES.format("10.0.0.0/8", "tgw-1")),
        ("10.32.0.0/14", [route("10.0.0.0/8", "pcx-1", propagated=True)], True, TAKES.format("10.0.0.0/8", "pcx-1")),
        ("10.0.0.0/8", [route("10.32.0.0/14", "tgw-1")], True, None),
        ("10.32.0.0/14", [route("172.16.0.0/12", "tgw-1")], True, None),
        # of several the one that has the traffic now
        (
            "10.32.0.0/14",
            [route("10.0.0.0/8", "tgw-1"), route("10.32.0.0/12", "eni-1")],
            True,
            TAKES.format("10.32.0.0/12", "eni-1"),
        ),
        ("10.32.0.0/14", [route("10.0.0.0/8", "tgw-1"), route("10.32.0.0/12", GATEWAY, propagated=True)], True, None),
        ("10.32.0.0/14", [route("10.0.0.0/8", "tgw-1"), route("10.32.0.0/12", "tgw-2", state="blackhole")], True, None),
        # one destination: static before propagated
        ("10.32.0.0/14", [route("10.32.0.0/14", "tgw-1")], False, None),
        (
            "10.32.0.0/14",
            [route("10.32.0.0/14", "vgw-2", propagated=True)],
            True,
            TAKES.format("10.32.0.0/14", "vgw-2"),
        ),
        ("0.0.0.0/0", [route("0.0.0.0/0", "igw-1")], False, DEFAULT),
        # default routes that are there: one to the internet has no private traffic
        ("10.32.0.0/14", [route("0.0.0.0/0", "igw-1")], True, None),
        ("10.32.0.0/14", [route("0.0.0.0/0", "nat-1")], True, None),
        ("8.8.8.0/24", [route("0.0.0.0/0", "nat-1")], True, TAKES.format("0.0.0.0/0", "nat-1")),
        ("10.32.0.0/14", [route("0.0.0.0/0", "tgw-1")], True, TAKES.format("0.0.0.0/0", "tgw-1")),
    ],
)
def test_what_becomes_of_a_route(to: str, routes: list[Json], wins: bool, problem: str | None) -> None:
    [found] = judged([to], *routes)
    assert (found.to, found.wins, found.problem) == (to, wins, problem)
    assert found.as_result() == {"route_table": "rtb-1", "dest_range": to, "wins": wins, "problem": problem}


def test_what_is_there_is_not_new() -> None:
    """Only where it leads to the gateway; IPv6 is left out."""
    there = route("10.32.0.0/14", GATEWAY, propagated=True)
    assert judged(["10.32.0.0/14", "fd00::/64"], there) == []
    assert [item.to for item in judged(["10.48.0.0/14", "10.32.0.0/14"], there, gateway=None)] == [
        "10.32.0.0/14",
        "10.48.0.0/14",
    ]


def test_in_words() -> None:
    assert new_routes.in_words([]) == ""
    assert new_routes.in_words(judged(["10.0.8.0/24"])) == ""
    assert new_routes.in_words(judged(["10.1.0.0/24", "10.32.0.0/14"])) == ", which brings 10.1.0.0/24, 10.32.0.0/14"
    beaten = new_routes.in_words(judged(["0.0.0.0/0"], route("0.0.0.0/0", "igw-1")))
    assert beaten == ", which brings 0.0.0.0/0 (0.0.0.0/0: it is a default route)"
    many = judged([f"10.1.{number}.0/24" for number in range(7)])
    assert new_routes.in_words(many).endswith("10.1.4.0/24, and 2 more")
    taken = new_routes.in_words(judged(["10.32.0.0/14"], route("10.0.0.0/8", "tgw-1")))
    assert taken == (
        ", which brings 10.32.0.0/14 (10.32.0.0/14: it takes traffic from the route to 10.0.0.0/8 by tgw-1)"
    )
