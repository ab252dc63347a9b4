# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which routes of an AWS route table count, by the cases of AWS's page on their priority."""

from __future__ import annotations

import pytest

from ansible_collections.podreach.gke.tests.lab.podreach_lab.aws import routes
from ansible_collections.podreach.gke.tests.lab.podreach_lab.aws.facts import Route, RouteTable, VirtualGateway
from ansible_collections.podreach.gke.tests.lab.podreach_lab.clock import Clock
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane import mutants
from ansible_collections.podreach.gke.tests.lab.podreach_lab.state import State
from ansible_collections.podreach.gke.tests.lab.podreach_lab.wan.model import Path
from ansible_collections.podreach.gke.tests.unit.lab.hybrid import LOCAL, amazon


def static(to: str, target: str = "eni-1", kind: str = "interface", prefix_list: str = "") -> Route:
    return Route(to, kind, target, prefix_list=prefix_list)


def learned(to: str) -> Route:
    return Route(to, "vgw", "vgw-1")


@pytest.mark.parametrize(
    ("own", "more", "address", "target"),
    [
        ([LOCAL], [learned("10.0.1.0/24")], "10.0.1.7", "local"),
        ([LOCAL], [learned("10.0.0.0/16")], "10.0.1.7", "local"),
        ([LOCAL], [learned("10.0.0.0/8")], "10.1.1.7", "vgw-1"),
        ([LOCAL], [learned("10.0.0.0/8")], "10.0.1.7", "local"),
        ([LOCAL, static("10.0.1.0/24")], [learned("10.0.1.0/24")], "10.0.1.7", "eni-1"),
        ([LOCAL, static("10.1.0.0/16")], [learned("10.1.0.0/16")], "10.1.1.7", "eni-1"),
        ([LOCAL, static("10.1.0.0/16")], [learned("10.1.1.0/24")], "10.1.1.7", "vgw-1"),
        ([LOCAL, static("10.1.0.0/16", prefix_list="pl-1"), static("10.1.0.0/16", "eni-2")], [], "10.1.1.7", "eni-2"),
        ([LOCAL, static("10.1.0.0/16", prefix_list="pl-1")], [learned("10.1.0.0/16")], "10.1.1.7", "eni-1"),
        ([LOCAL, static("0.0.0.0/0", "igw-1", "igw")], [learned("10.1.0.0/16")], "10.1.1.7", "vgw-1"),
        ([LOCAL, static("0.0.0.0/0", "igw-1", "igw")], [learned("0.0.0.0/0")], "8.8.8.8", "igw-1"),
        ([LOCAL], [], "8.8.8.8", None),
    ],
)
def test_order(own: list[Route], more: list[Route], address: str, target: str | None) -> None:
    found = routes.decide(routes.choose(own, more), address)
    assert (found.target if found else None) == target


def test_a_fault_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutants, "_CHOSEN", "propagated-beats-local")
    found = routes.decide(routes.choose([LOCAL], [learned("10.0.1.0/24")]), "10.0.1.7")
    assert found is not None and found.target == "vgw-1"


def test_only_an_attached_gateway_propagates() -> None:
    state = State(Clock("zero"), seed=1)
    away = VirtualGateway("vgw-2", 64513, "")
    state.learn_aws(amazon(virtual_gateways=(VirtualGateway("vgw-1", 64512, "vpc-1"), away)))
    table = RouteTable("rtb-1", "vpc-1", True, (LOCAL,), ("vgw-1", "vgw-2"))
    found = routes.propagated(state, table, lambda gateway: [Path(gateway, "10.1.0.0/24", ())])
    assert found == (learned("10.1.0.0/24"),)
    assert routes.propagated(state, table) == ()
