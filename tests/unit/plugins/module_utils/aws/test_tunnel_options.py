# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of tunnels: what AWS takes, and what differs."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.podreach.gke.plugins.module_utils.aws import tunnel_options


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("169.254.10.0/30", True),
        ("169.254.255.252/30", True),
        ("169.254.6.0/30", True),
        ("169.254.5.0/30", False),
        ("169.254.169.252/30", False),
        ("169.254.10.1/30", False),
        ("169.254.10.0/29", False),
        ("10.0.0.0/30", False),
        ("here", False),
    ],
)
def test_inside_ranges(text: str, fine: bool) -> None:
    assert (tunnel_options.inside_problem(text) is None) == fine


@pytest.mark.parametrize(
    ("key", "fine"),
    [
        ("abcdefgh", True),
        ("a" * 64, True),
        ("._._._._", True),
        ("9abcdefg", True),
        ("0abcdefg", False),
        ("abcdefg", False),
        ("a" * 65, False),
        ("abc-defgh", False),
        ("abcdefgh\n", False),
    ],
)
def test_keys(key: str, fine: bool) -> None:
    assert bool(tunnel_options.KEY.fullmatch(key)) == fine


def test_made_keys_are_taken_by_both_clouds_and_differ() -> None:
    made = {tunnel_options.new_key() for _number in range(200)}
    assert len(made) == 200
    assert all(tunnel_options.KEY.fullmatch(key) and key.isascii() and key.isprintable() for key in made)


def test_the_ends_of_a_range() -> None:
    assert tunnel_options.ends("169.254.24.220/30") == ("169.254.24.221", "169.254.24.222/30")


def test_a_new_tunnel_has_one_value_for_each_list() -> None:
    body = tunnel_options.creation({"phase1_dh_group_numbers": [20], "startup_action": "start"}, {})
    assert body["IKEVersions"] == [{"Value": "ikev2"}]
    assert body["Phase1DHGroupNumbers"] == [{"Value": 20}]
    assert body["StartupAction"] == "start"
    lists = [value for value in body.values() if isinstance(value, list)]
    assert len(lists) == len(tunnel_options.LISTS)
    assert {len(value) for value in lists} == {1}


CURRENT: dict[str, t.Any] = {
    "TunnelInsideCidr": "169.254.10.0/30",
    "PreSharedKey": "abcdefgh",
    "IkeVersions": [{"Value": "ikev2"}],
    "Phase2DHGroupNumbers": [{"Value": 14}, {"Value": 20}],
}


@pytest.mark.parametrize(
    ("options", "tunnel", "differs"),
    [
        ({}, {}, []),
        ({"startup_action": "add", "dpd_timeout_seconds": 30}, {}, []),
        ({"startup_action": "start"}, {}, ["startup_action"]),
        ({"phase2_dh_group_numbers": [20, 14]}, {}, []),
        ({"phase2_dh_group_numbers": [20]}, {}, ["phase2_dh_group_numbers"]),
        ({"ike_versions": ["ikev1", "ikev2"]}, {}, ["ike_versions"]),
        ({}, {"inside_cidr": "169.254.10.4/30"}, ["inside_cidr"]),
        ({}, {"pre_shared_key": "abcdefgh"}, []),
        ({}, {"pre_shared_key": "ijklmnop"}, ["pre_shared_key"]),
    ],
)
def test_differences(options: dict[str, t.Any], tunnel: dict[str, t.Any], differs: list[str]) -> None:
    assert tunnel_options.differences(CURRENT, options, tunnel) == differs


def test_a_key_that_is_not_shown_counts_as_the_same() -> None:
    hidden = {name: value for name, value in CURRENT.items() if name != "PreSharedKey"}
    assert tunnel_options.differences(hidden, {}, {"pre_shared_key": "ijklmnop"}) == []


def test_what_is_shown_has_no_key() -> None:
    assert "abcdefgh" not in str(tunnel_options.shown(CURRENT))


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({}, []),
        ({"dpd_timeout_seconds": 29}, ["dpd_timeout_seconds"]),
        ({"phase1_lifetime_seconds": 28801}, ["phase1_lifetime_seconds"]),
        ({"phase1_lifetime_seconds": 900, "phase2_lifetime_seconds": 900}, ["phase2_lifetime_seconds"]),
        ({"phase1_lifetime_seconds": 3600}, ["phase2_lifetime_seconds"]),
        ({"ike_versions": []}, ["ike_versions"]),
    ],
)
def test_problems(options: dict[str, t.Any], wrong: list[str]) -> None:
    assert [option for option, _value, _problem in tunnel_options.option_problems(options)] == wrong
