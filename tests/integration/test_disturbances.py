# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disturbances of a running lab, by the command and by tests' own way, and what `lab status` tells of them."""

from __future__ import annotations

import pytest

from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab, run_command


@pytest.fixture
def joined(lab: Lab) -> Lab:
    """Google and AWS joined by four tunnels."""
    lab.preset("aws-vpn")
    return lab


def test_a_tunnel_by_its_name_at_either_cloud(joined: Lab) -> None:
    before = joined.status()["tunnels"]
    assert [(item["status"], item["peer_status"]) for item in before] == [("ESTABLISHED", "UP")] * 4
    assert run_command(joined.directory, "fault", "tunnel", "aws-vpn-1-tunnel-1") == (
        "The tunnel aws-vpn-1-tunnel-1 is cut.\n"
    )
    joined.cut_tunnel(before[3]["peer"])
    after = joined.status()
    assert [item["status"] for item in after["tunnels"]] == [
        "NO_INCOMING_PACKETS",
        "ESTABLISHED",
        "ESTABLISHED",
        "NO_INCOMING_PACKETS",
    ]
    assert [item["name"] for item in after["disturbances"]] == [before[0]["name"], before[3]["name"]]
    said = run_command(joined.directory, "status")
    assert f"tunnel aws-vpn-1-tunnel-1 NO_INCOMING_PACKETS -- {before[0]['peer']} DOWN" in said
    assert "disturbed: tunnel aws-vpn-2-tunnel-2" in said
    for item in (before[0], before[3]):
        run_command(joined.directory, "fault", "tunnel", item["name"], "--end")
    assert joined.status()["tunnels"] == before
    assert joined.status()["disturbances"] == []


def test_the_others_and_a_reset(joined: Lab) -> None:
    run_command(joined.directory, "fault", "session", "aws-router", "aws-vpn-1-bgp-1")
    run_command(joined.directory, "fault", "prefixes", "aws-router", "--count", "120")
    said = run_command(joined.directory, "status")
    assert "disturbed: session aws-router aws-vpn-1-bgp-1" in said
    assert "disturbed: prefixes aws-router 120" in said
    joined.reset()
    assert joined.status()["disturbances"] == []


def test_a_wrong_name_is_told_with_the_right_ones(joined: Lab) -> None:
    with pytest.raises(RuntimeError, match=r"no VPN tunnel 'nine'; there are aws-vpn-1-tunnel-1, .* At AWS there are"):
        run_command(joined.directory, "fault", "tunnel", "nine")
    with pytest.raises(ValueError, match="no router 'r9'; there are aws-router"):
        joined.stop_session("r9", "p")
    with pytest.raises(RuntimeError, match="no instance or node 'nine'"):
        run_command(joined.directory, "fault", "node", "nine")


def test_faults_of_requests_are_as_before(joined: Lab) -> None:
    assert "waiting for a request: 1" in run_command(joined.directory, "fault", "--path", "/networks$", "--count", "2")
    assert run_command(joined.directory, "fault", "--clear").startswith("No request")
