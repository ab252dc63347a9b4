# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, numbers, external gateways and placeholders of an HA VPN."""

from __future__ import annotations

import pytest

from ansible_collections.podreach.gke.plugins.module_utils.aws.tunnel_options import ends, inside_problem
from ansible_collections.podreach.gke.plugins.module_utils.ha_vpn import slots
from ansible_collections.podreach.gke.plugins.module_utils.ha_vpn.slots import End, Slot
from ansible_collections.podreach.gke.plugins.module_utils.ha_vpn.states import State

OURS = "[podreach.gke]"


@pytest.mark.parametrize(
    ("count", "names"),
    [
        (1, ["v-1-tunnel-1"]),
        (2, ["v-1-tunnel-1", "v-2-tunnel-1"]),
        (4, ["v-1-tunnel-1", "v-1-tunnel-2", "v-2-tunnel-1", "v-2-tunnel-2"]),
    ],
)
def test_half_of_the_slots_belong_to_each_interface(count: int, names: list[str]) -> None:
    found = slots.slots("v", [End(f"203.0.113.{number}") for number in range(count)])
    assert [slot.tunnel for slot in found] == names
    assert [slot.place for slot in found] == [int(name[2]) - 1 for name in names]


def test_the_names_of_a_slot() -> None:
    slot = Slot("v", 1, 0, End("203.0.113.1"))
    assert (slot.tunnel, slot.interface, slot.session) == ("v-2-tunnel-1", "v-2-if-1", "v-2-bgp-1")


def gateway(*addresses: str, description: str = OURS) -> slots.Json:
    interfaces = [{"id": number, "ipAddress": address} for number, address in enumerate(addresses)]
    return {"description": description, "interfaces": interfaces}


DERIVED = f"Peer of HA VPN v {OURS}"


@pytest.mark.parametrize(
    ("present", "used", "chosen"),
    [
        ({}, {}, "p"),
        ({"p": gateway("1", "2")}, {"p": ["t"]}, "p"),
        # the same addresses in another order
        ({"p": gateway("2", "1", description="by hand")}, {}, "p"),
        # other ones, used and not
        ({"p": gateway("1", "3")}, {"p": ["t"]}, "p-2"),
        ({"p": gateway("1", "3")}, {}, "p"),
        ({"p": gateway("1", "3", description="by hand")}, {}, "p-2"),
        # back again, and on
        ({"p": gateway("1", "3"), "p-2": gateway("1", "2", description=DERIVED)}, {"p": ["t"], "p-2": ["u"]}, "p-2"),
        ({"p-2": gateway("1", "3", description=DERIVED)}, {"p-2": ["t"]}, "p"),
        (
            {"p": gateway("1", "3"), "p-2": gateway("1", "4", description=DERIVED)},
            {"p": ["t"], "p-2": ["u"]},
            "p-3",
        ),
        ({"p": gateway("1", "3"), "p-2": gateway("1", "4", description=DERIVED)}, {"p": ["t"]}, "p-2"),
        # a derived name that another VPN has
        ({"p": gateway("1", "3"), "p-2": gateway("1", "4")}, {"p": ["t"]}, "p-3"),
        ({name: gateway("9") for name in ("p", "p-2", "p-3", "p-4")}, {"p": ["t"]}, None),
    ],
)
def test_which_external_gateway(present: dict[str, slots.Json], used: dict[str, list[str]], chosen: str | None) -> None:
    assert slots.choose("p", "v", ["1", "2"], present, used) == chosen


def test_derived_names_are_no_longer_than_names_may_be() -> None:
    assert {len(name) for name in slots.candidates("p" * 63)} == {63}
    assert slots.candidates("p" * 60 + "-ab")[1] == "p" * 60 + "-2"


def test_the_numbers_of_addresses() -> None:
    assert slots.numbered(["1", "2"], gateway("2", "1")) == {"2": 0, "1": 1}
    assert slots.numbered(["1", "1", "2"], None) == {"1": 0, "2": 1}
    assert slots.numbered(["1", "2"], gateway("3")) == {"1": 0, "2": 1}


def test_an_unknown_address_is_hidden_and_no_longer_one() -> None:
    unknown = {"240.0.1.1": "?", "169.254.240.2/30": "??"}
    data = {"a": ["240.0.1.1", "240.0.1.10", "at 240.0.1.1.", 7], "240.0.1.1": ("1240.0.1.1", "169.254.240.2/30")}
    assert slots.hidden(data, unknown) == {
        "a": ["?", "240.0.1.10", "at ?.", 7],
        "?": ["1240.0.1.1", "??"],
    }
    assert slots.hidden(data, {}) == data


def test_unknown_ranges_are_none_that_the_router_has() -> None:
    found = slots.unknown_inside([{"ipRange": "169.254.240.6/30"}, {"name": "without"}])
    assert found == ["169.254.240.0/30", "169.254.240.8/30", "169.254.240.12/30", "169.254.240.16/30"]
    assert not any(inside_problem(text) for text in found)
    assert ends(found[0]) == ("169.254.240.1", "169.254.240.2/30")


SLOT = Slot("v", 0, 1, End("203.0.113.1"))


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (State("ESTABLISHED", "", "Established", True, 1, 2, "UP"), []),
        (State("ESTABLISHED", "", "Established", True, 0, 2), ["learned 0 prefixes and advertises 2, before"]),
        (State("ESTABLISHED", "", "Connect"), ["session v-1-bgp-2 is Connect. Compare the addresses"]),
        (
            State("AUTHORIZATION_ERROR", "Wrong.", "Idle", aws="DOWN", aws_words="IPSEC IS DOWN"),
            [
                "tunnel v-1-tunnel-2 is AUTHORIZATION_ERROR (Wrong), AWS says DOWN: IPSEC IS DOWN. The secrets",
                "is Idle",
            ],
        ),
        (State("ESTABLISHED", "", "Established", True, 1, 2, "DOWN", "x"), ["AWS says of the other end"]),
    ],
)
def test_what_a_slot_lacks(state: State, said: list[str]) -> None:
    found = state.problems(SLOT, learned=1, advertised=1, both=True)
    assert len(found) == len(said), found
    assert all(text in line for text, line in zip(said, found, strict=True)), found
