# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One refusal for everything of a VPN that would be made anew."""

from __future__ import annotations

from ansible_collections.podreach.gke.plugins.module_utils.ha_vpn.anew import KEY, Unallowed
from ansible_collections.podreach.gke.plugins.module_utils.ha_vpn.slots import plain


def test_nothing_is_no_refusal() -> None:
    assert Unallowed().refusal("ha_vpn v", "v") is None


def test_those_with_the_same_reasons_are_said_together() -> None:
    found = Unallowed()
    found.add(["v-1-tunnel-1", "v-1-tunnel-2"], ["lifetime at AWS", KEY], replaced=False)
    found.add(["v-2-tunnel-1"], [KEY], replaced=False)
    found.add(["v-1-tunnel-1"], [KEY], replaced=True)
    refusal = found.refusal("ha_vpn v", "v")
    assert refusal and refusal.code == "replace-not-confirmed"
    assert str(refusal) == (
        "ha_vpn v: to be made anew: v-1-tunnel-1, v-1-tunnel-2 (lifetime at AWS; another key), v-2-tunnel-1 (another "
        "key). Say confirm_replace: v (-e vpn_confirm_replace=v with role or playbook), and it is, one tunnel at a "
        "time while the others carry the traffic."
    )


def test_the_rougher_word_is_said_where_it_is_enough() -> None:
    found = Unallowed()
    found.add(["v-1-tunnel-1"], ["lifetime at AWS"], replaced=False)
    refusal = found.refusal("ha_vpn v", "v")
    assert refusal and refusal.code == "disruption-not-allowed"
    first, rougher = (
        str(refusal).index("-e vpn_confirm_replace=v "),
        str(refusal).index("-e vpn_allow_disruption=true "),
    )
    assert first < rougher


def test_links_are_paths() -> None:
    link = "https://www.googleapis.com/compute/v1/projects/p/global/networks/n"
    assert plain({"a": [link, 1], "b": f'is "{link}"'}) == {
        "a": ["projects/p/global/networks/n", 1],
        "b": 'is "projects/p/global/networks/n"',
    }
