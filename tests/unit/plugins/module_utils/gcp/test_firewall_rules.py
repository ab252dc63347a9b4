# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Firewall rules over a scripted wire: what is merged, what is purged, and what may cut traffic."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.podreach.gke.plugins.module_utils.gcp import firewall_rules
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import definition
from ansible_collections.podreach.gke.tests.unit.plugins.module_utils.gcp.wire import (
    Expected,
    Wire,
    absent,
    operation,
)

MODULE = definition(firewall_rules.FirewallRule, firewall_rules.SPEC)
COLLECTION = "projects/p/global/firewalls"
PATH = f"{COLLECTION}/f"


def rule(**more: t.Any) -> dict[str, t.Any]:
    return {
        "name": "f",
        "description": "[podreach.gke]",
        "network": "https://www.googleapis.com/compute/v1/projects/p/global/networks/n",
        "direction": "INGRESS",
        "priority": 1000,
        "disabled": False,
        "allowed": [{"IPProtocol": "tcp", "ports": ["80", "443"]}, {"IPProtocol": "icmp"}],
        "sourceRanges": ["10.0.0.0/8", "172.16.0.0/12"],
        "logConfig": {"enable": False},
        **more,
    }


def deny_rule(**more: t.Any) -> dict[str, t.Any]:
    now = rule(denied=[{"IPProtocol": "tcp"}], **more)
    del now["allowed"]
    return now


def changed(before: dict[str, t.Any], patch: dict[str, t.Any], **params: t.Any) -> str:
    """Run a change with the caller's word; asserts the patch, returns the grade."""
    wire = Wire(
        Expected("GET", PATH, before),
        Expected("PATCH", PATH, operation("patch", PATH), patch),
        Expected("GET", PATH, {**before, **patch}),
    )
    result = wire.run(MODULE, {"name": "f", "allow_disruption": True, **params})
    assert result["changed"]
    return str(result["plan"][0]["grade"])


def unchanged(now: dict[str, t.Any], **params: t.Any) -> None:
    assert not Wire(Expected("GET", PATH, now)).run(MODULE, {"name": "f", **params})["changed"]


def test_create() -> None:
    body = {
        "name": "f",
        "description": "from AWS [podreach.gke]",
        "network": "projects/p/global/networks/n",
        "direction": "INGRESS",
        "priority": 900,
        "allowed": [{"IPProtocol": "tcp", "ports": ["80", "8000-8100"]}, {"IPProtocol": "icmp"}],
        "sourceRanges": ["10.0.0.0/8"],
        "logConfig": {"enable": True},
    }
    wire = Wire(
        absent(PATH),
        Expected("GET", "projects/p/global/networks/n", {"name": "n"}),
        Expected("POST", COLLECTION, operation("insert", PATH), body),
        Expected("GET", PATH, rule(**body)),
    )
    params = {
        "name": "f",
        "description": "from AWS",
        "network": "n",
        "direction": "INGRESS",
        "priority": 900,
        "allowed": [{"ip_protocol": "tcp", "ports": ["80", "8000-8100"]}, {"ip_protocol": "icmp"}],
        "source_ranges": ["10.0.0.0/8"],
        "log_config": {"enable": True},
    }
    assert wire.run(MODULE, params)["changed"]


def test_a_creation_needs_network_and_rules() -> None:
    allow = {"allowed": [{"ip_protocol": "tcp"}]}
    assert "missing: network" in str(Wire(absent(PATH)).fails(MODULE, {"name": "f", **allow}))
    assert "give allowed or denied" in str(Wire(absent(PATH)).fails(MODULE, {"name": "f", "network": "n"}))


def test_order_and_case_of_nothing_matters() -> None:
    unchanged(
        rule(),
        allowed=[{"ip_protocol": "icmp"}, {"ip_protocol": "tcp", "ports": ["443", "80"]}],
        source_ranges=["172.16.0.0/12", "10.0.0.0/8"],
        priority=1000,
        direction="INGRESS",
        disabled=False,
        log_config={"enable": False},
    )


def test_what_was_not_mentioned_is_kept() -> None:
    unchanged(rule(), source_ranges=["10.0.0.0/8"], allowed=[{"ip_protocol": "icmp"}])
    patch: dict[str, t.Any] = {"sourceRanges": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]}
    assert changed(rule(), patch, source_ranges=["192.168.0.0/16"]) == "safe"
    patch = {"allowed": [*rule()["allowed"], {"IPProtocol": "udp"}]}
    assert changed(rule(), patch, allowed=[{"ip_protocol": "udp"}]) == "safe"


def test_only_what_differs_is_sent() -> None:
    assert changed(rule(), {"description": "new [podreach.gke]"}, description="new", priority=1000) == "safe"


def test_a_protocol_has_exactly_the_ports_that_are_mentioned_with_it() -> None:
    patch: dict[str, t.Any] = {"allowed": [{"IPProtocol": "tcp", "ports": ["80"]}, {"IPProtocol": "icmp"}]}
    assert changed(rule(), patch, allowed=[{"ip_protocol": "tcp", "ports": ["80"]}]) == "disruptive"
    patch = {"allowed": [{"IPProtocol": "tcp", "ports": ["80", "443", "22"]}, {"IPProtocol": "icmp"}]}
    assert changed(rule(), patch, allowed=[{"ip_protocol": "tcp", "ports": ["80", "443", "22"]}]) == "safe"
    # no ports are all ports
    patch = {"allowed": [{"IPProtocol": "tcp"}, {"IPProtocol": "icmp"}]}
    assert changed(rule(), patch, allowed=[{"ip_protocol": "tcp"}]) == "safe"
    patch = {"allowed": [{"IPProtocol": "tcp", "ports": ["80", "443"]}, {"IPProtocol": "icmp", "ports": ["1"]}]}
    assert changed(rule(), patch, allowed=[{"ip_protocol": "icmp", "ports": ["1"]}]) == "disruptive"


def test_purging() -> None:
    patch: dict[str, t.Any] = {"sourceRanges": ["10.0.0.0/8"]}
    assert changed(rule(), patch, source_ranges=["10.0.0.0/8"], purge_ranges=True) == "disruptive"
    patch = {"allowed": [{"IPProtocol": "icmp"}]}
    assert changed(rule(), patch, allowed=[{"ip_protocol": "icmp"}], purge_rules=True) == "disruptive"
    unchanged(rule(), purge_ranges=True, purge_rules=True, purge_tags=True)


def test_taking_away_needs_the_callers_word() -> None:
    error = Wire(Expected("GET", PATH, rule())).fails(
        MODULE, {"name": "f", "source_ranges": ["10.0.0.0/8"], "purge_ranges": True}
    )
    assert error.code == "disruption-not-allowed"


@pytest.mark.parametrize(
    ("params", "patch"),
    [
        ({"priority": 900}, {"priority": 900}),
        ({"disabled": True}, {"disabled": True}),
        ({"target_tags": ["web"]}, {"targetTags": ["web"]}),
        ({"source_tags": ["web"]}, {"sourceTags": ["web"]}),
        ({"target_service_accounts": ["a@b"]}, {"targetServiceAccounts": ["a@b"]}),
        # a rule for every destination becomes one for a few
        ({"destination_ranges": ["10.1.0.0/16"]}, {"destinationRanges": ["10.1.0.0/16"]}),
    ],
)
def test_what_may_cut_traffic_is_disruptive(params: dict[str, t.Any], patch: dict[str, t.Any]) -> None:
    assert changed(rule(), patch, **params) == "disruptive"


def test_a_deny_rule_is_disruptive_where_it_grows() -> None:
    patch = {"sourceRanges": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]}
    assert changed(deny_rule(), patch, source_ranges=["192.168.0.0/16"]) == "disruptive"
    denied = [{"IPProtocol": "tcp"}, {"IPProtocol": "udp"}]
    assert changed(deny_rule(), {"denied": denied}, denied=[{"ip_protocol": "udp"}]) == "disruptive"


@pytest.mark.parametrize(
    ("params", "named"),
    [({"network": "m"}, "network is"), ({"direction": "EGRESS"}, 'direction is "INGRESS"')],
)
def test_what_is_fixed_is_refused_by_name(params: dict[str, t.Any], named: str) -> None:
    error = Wire(Expected("GET", PATH, rule())).fails(MODULE, {"name": "f", **params})
    assert named in str(error)
    assert error.code == "fixed-at-creation"


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"priority": 65536}, "0 (first) to 65535 (last)"),
        ({"source_ranges": ["10.0.0.1/8"]}, "source_ranges[0]: '10.0.0.1/8'"),
        ({"destination_ranges": ["x"]}, "destination_ranges[0]: 'x'"),
        ({"allowed": [{"ip_protocol": ""}]}, "allowed[0].ip_protocol"),
        ({"allowed": [{"ip_protocol": "tcp", "ports": ["http"]}]}, "allowed[0].ports: 'http'"),
        ({"denied": [{"ip_protocol": "tcp", "ports": ["1-2-3"]}]}, "denied[0].ports: '1-2-3'"),
        ({"allowed": [{"ip_protocol": "tcp", "ports": ["65536"]}]}, "'65536'"),
        ({"allowed": [{"ip_protocol": "tcp", "ports": ["8100-8000"]}]}, "'8100-8000'"),
        ({"direction": "EGRESS", "source_ranges": ["10.0.0.0/8"]}, "an EGRESS rule has no sources"),
        ({"source_tags": ["a"], "target_service_accounts": ["b"]}, "cannot be used in one rule"),
    ],
)
def test_what_is_wrong_is_refused_without_any_request(params: dict[str, t.Any], problem: str) -> None:
    assert problem in str(Wire().fails(MODULE, {"name": "f", **params}))


def test_a_range_of_ipv6_is_left_to_the_api() -> None:
    unchanged(rule(sourceRanges=["2001:db8::/32"]), source_ranges=["2001:db8::/32"])


def test_all_that_is_wrong_is_said_at_once() -> None:
    error = Wire().fails(MODULE, {"name": "F", "priority": -1, "source_ranges": ["a", "b"]})
    assert len(str(error).splitlines()) == 4


def test_ownership() -> None:
    absent_please = {"name": "f", "state": "absent"}
    assert Wire(Expected("GET", PATH, rule(description="x"))).fails(MODULE, absent_please).code == "not-ours"
    wire = Wire(Expected("GET", PATH, rule()), Expected("DELETE", PATH, operation("delete", PATH)), absent(PATH))
    assert wire.run(MODULE, absent_please)["changed"]


@pytest.mark.parametrize(
    ("now", "wanted", "sent"),
    [
        ("old [podreach.gke]", "new", "new [podreach.gke]"),
        ("old [podreach.gke]", "", "[podreach.gke]"),
        ("[podreach.gke]", "new", "new [podreach.gke]"),
        ("somebody's", "new", "new"),
    ],
)
def test_a_change_of_the_description_keeps_the_mark_and_gives_none(now: str, wanted: str, sent: str) -> None:
    assert changed(rule(description=now), {"description": sent}, description=wanted) == "safe"
