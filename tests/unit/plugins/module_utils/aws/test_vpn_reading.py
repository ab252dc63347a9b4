# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Route tables and subnets by id, by Name tag, and all of them."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.podreach.gke.plugins.module_utils.aws.vpn_reading import choose_subnets, choose_tables
from ansible_collections.podreach.gke.plugins.module_utils.errors import Refused

SUBNETS: list[dict[str, t.Any]] = [
    {"id": "subnet-1", "name": "web", "zone": "a"},
    {"id": "subnet-2", "name": "db", "zone": "a"},
    {"id": "subnet-3", "name": "db", "zone": "c"},
]


@pytest.mark.parametrize(
    ("asked", "attached", "chosen"),
    [
        (["subnet-2", "web"], [], ["subnet-2", "subnet-1"]),
        (["web", "subnet-1"], [], ["subnet-1"]),
        (["all"], [], ["subnet-1", "subnet-3"]),
        # another one of that zone would be refused by AWS
        (["all"], ["subnet-2"], ["subnet-2", "subnet-3"]),
        ([], [], []),
    ],
)
def test_subnets(asked: list[str], attached: list[str], chosen: list[str]) -> None:
    assert sorted(choose_subnets(SUBNETS, asked, attached, "vpn")) == sorted(chosen)


def test_what_names_none_or_several_is_told_at_once() -> None:
    with pytest.raises(Refused) as caught:
        choose_subnets(SUBNETS, ["db", "nowhere"], [], "vpn")
    assert caught.value.code == "subnet-not-found"
    assert "gateway.subnets: db: this names 2 subnets" in str(caught.value)
    assert "nowhere: this names 0 subnets" in str(caught.value)
    assert "web (subnet-1)" in str(caught.value)


def test_tables() -> None:
    tables: list[dict[str, t.Any]] = [{"id": "rtb-1", "name": "main"}, {"id": "rtb-2", "name": None}]
    assert choose_tables(tables, ["all"], "vpn") == tables
    assert choose_tables(tables, ["rtb-2", "main"], "vpn") == tables[::-1]
    with pytest.raises(Refused) as caught:
        choose_tables(tables, ["other"], "vpn")
    assert caught.value.code == "route-table-not-found"
