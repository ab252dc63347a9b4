# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What masquerade_info says of clusters, by table."""

from __future__ import annotations

import datetime
import typing as t

import pytest

from ansible_collections.podreach.gke.plugins.module_utils.kubernetes import masquerade_info, masquerade_pending
from ansible_collections.podreach.gke.plugins.module_utils.kubernetes.masquerade_cluster import Surroundings
from ansible_collections.podreach.gke.plugins.module_utils.kubernetes.masquerade_config import PRIVATE, RESERVED

Json = dict[str, t.Any]
OWN = {
    "172.16.0.0/16": "the cluster's pod range",
    "10.1.0.0/16": "the cluster's node range",
    "34.118.224.0/20": "the cluster's Services range",
}
DEFAULT = [*PRIVATE, *RESERVED]
NOW = datetime.datetime(2026, 11, 23, 17, 20, 0, 500000, tzinfo=datetime.UTC)
ASKED = ("10.2.0.1", "10.0.0.0/7", "8.8.8.8", "172.16.1.0/24", "fc00::1")


def agent(*arguments: str, ready: int = 2) -> Json:
    container = {"name": "ip-masq-agent", "args": list(arguments)}
    status = {"numberReady": ready, "desiredNumberScheduled": 2}
    return {"spec": {"template": {"spec": {"containers": [container]}}}, "status": status}


def config(text: str, key: str = "config") -> Json:
    return {"data": {key: text}}


def policy(name: str, *cidrs: str) -> Json:
    spec = {"action": "NoSNAT", "destinations": [{"cidr": cidr} for cidr in cidrs]}
    return {"metadata": {"name": name}, "spec": spec}


GKE = agent("--masq-chain=IP-MASQ", "--nomasq-all-reserved-ranges")
LISTED = config("nonMasqueradeCIDRs: [172.16.0.0/16, 10.1.0.0/16]")
NAMED: Json = {"named": True}
AUTO: Json = {"named": True, "autopilot": True}

#: surroundings, policies, ConfigMap -> source, list, what the destinations see, codes of findings
TABLE: dict[str, tuple[Json, list[Json] | None, Json | None, str, list[str] | None, str, list[str]]] = {
    "agent without a list": ({**NAMED, "agent": GKE}, None, None, "default", DEFAULT, "pod both node pod", []),
    "a list": (
        {**NAMED, "agent": GKE},
        None,
        LISTED,
        "config_map",
        ["172.16.0.0/16", "10.1.0.0/16"],
        "node both node pod",
        [],
    ),
    "a list without the pods": (
        {**NAMED, "agent": GKE},
        None,
        config('{"nonMasqueradeCIDRs": ["10.1.0.0/17"], "list": []}'),
        "config_map",
        ["10.1.0.0/17"],
        "node both node node",
        ["masq-unknown-key", "masq-pod-range-missing", "masq-node-range-missing"],
    ),
    "another key": (
        {**NAMED, "agent": GKE},
        None,
        config("nonMasqueradeCIDRs: [10.0.0.0/8]", "ip-masq-config"),
        "default",
        DEFAULT,
        "pod both node pod",
        ["masq-wrong-key"],
    ),
    "refused": (
        {**NAMED, "agent": GKE},
        None,
        config("nonMasqueradeCIDRs: [10.0.0.1/8]"),
        "unknown",
        None,
        "unknown unknown unknown unknown",
        ["masq-rejected"],
    ),
    "not on each node": (
        {**NAMED, "agent": agent("--masq-chain=IP-MASQ", ready=1)},
        None,
        LISTED,
        "unknown",
        None,
        "unknown both node pod",
        ["masq-agent-not-on-node"],
    ),
    "two chains": (
        {**NAMED, "agent": agent("--masq-chain=OTHER")},
        None,
        config("nonMasqueradeCIDRs: [172.16.0.0/16, 10.1.0.0/16, 8.0.0.0/7]"),
        "config_map",
        ["10.1.0.0/16", "169.254.0.0/16", "172.16.0.0/16"],
        "node both node pod",
        ["masq-two-chains"],
    ),
    "no agent": (NAMED, None, None, "default", DEFAULT, "pod both node pod", []),
    "no agent, a list": (NAMED, None, LISTED, "default", DEFAULT, "pod both node pod", ["masq-no-agent"]),
    "no agent, default SNAT disabled": (
        {**NAMED, "snat_disabled": True},
        None,
        None,
        "snat_disabled",
        ["0.0.0.0/0"],
        "pod pod pod pod",
        ["snat-disabled"],
    ),
    "no agent, Google not asked": ({}, None, None, "unknown", None, "pod unknown unknown pod", []),
    "agent, Google not asked": ({"agent": GKE}, None, None, "default", DEFAULT, "pod both node pod", []),
    "Windows": (
        {**NAMED, "agent": GKE, "windows": True},
        None,
        None,
        "default",
        DEFAULT,
        "pod both node pod",
        ["masq-windows"],
    ),
    "Autopilot": (
        AUTO,
        [policy("default", "192.168.0.0/16", "fc00::/7"), policy("b", "192.168.0.0/16", "8.0.0.0/8")],
        None,
        "policies",
        ["192.168.0.0/16", "8.0.0.0/8"],
        "node both pod pod",
        [],
    ),
    "Autopilot with a ConfigMap": (
        AUTO,
        [policy("default", "10.0.0.0/8")],
        LISTED,
        "policies",
        ["10.0.0.0/8"],
        "pod both node pod",
        ["masq-wrong-mode"],
    ),
    "Autopilot without the kind": (AUTO, None, None, "unknown", None, "unknown unknown unknown unknown", []),
    "Autopilot, not all ranges known": (
        {**AUTO, "unread": ["the node range"]},
        [policy("default", "10.0.0.0/8")],
        None,
        "policies",
        ["10.0.0.0/8"],
        "pod unknown unknown pod",
        [],
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_what_is_said(name: str) -> None:
    more, policies, config_map, source, listed, seen, codes = TABLE[name]
    around = Surroundings(**{"own": dict(OWN), **more})
    known = masquerade_info.of_cluster(around, policies, config_map, NOW)
    found = masquerade_info.report(around, known, ASKED)
    assert (found["source"], found["non_masquerade_cidrs"]) == (source, listed)
    assert [one["seen_as"] for one in found["destinations"]] == [*seen.split(), "unknown"]
    assert [one["code"] for one in found["findings"]] == codes
    assert all(one["message"].endswith(".") and one["mend"].endswith(".") for one in found["findings"])
    assert found["mode"] == ("autopilot" if around.autopilot else "standard")
    assert found["cluster_ranges"]["services"] == ["34.118.224.0/20"]
    assert found["in_force"] is None


CHANGED = {"metadata": {"creationTimestamp": "2026-11-23T17:19:00Z"}}
#: flags of the agent, ConfigMap -> seconds left, list, what the destinations see, codes of findings
PENDING: dict[str, tuple[Json, Json, int | None, str, list[str]]] = {
    "a list": (GKE, LISTED, 90, "unknown unknown unknown unknown", ["masq-resync-pending"]),
    "a long interval": (
        GKE,
        config("resyncInterval: 5m"),
        330,
        "unknown unknown unknown unknown",
        ["masq-resync-pending"],
    ),
    "a short interval, which is not the one before": (
        GKE,
        config("resyncInterval: 5s"),
        90,
        "unknown unknown unknown unknown",
        ["masq-resync-pending"],
    ),
    "two chains, of which GKE's own masquerades in any case": (
        agent("--masq-chain=OTHER"),
        LISTED,
        90,
        "unknown unknown node unknown",
        ["masq-two-chains", "masq-resync-pending"],
    ),
    "another key": (GKE, config("nonMasqueradeCIDRs: []", "no"), None, "pod both node pod", ["masq-wrong-key"]),
    "refused": (GKE, config("a: [}"), None, "unknown unknown unknown unknown", ["masq-rejected"]),
}


@pytest.mark.parametrize("name", PENDING)
def test_what_is_not_in_force_yet(name: str) -> None:
    daemon_set, config_map, left, seen, codes = PENDING[name]
    around = Surroundings(own=dict(OWN), named=True, agent=daemon_set)
    known = masquerade_info.of_cluster(around, None, {**CHANGED, **config_map}, NOW)
    found = masquerade_info.report(around, known, ASKED)
    assert (found["in_force"] or {}).get("seconds_left") == left
    assert [one["seen_as"] for one in found["destinations"]] == [*seen.split(), "unknown"]
    assert [one["code"] for one in found["findings"]] == codes
    if name == "a list":
        assert (found["source"], found["non_masquerade_cidrs"]) == ("config_map", ["172.16.0.0/16", "10.1.0.0/16"])
        assert found["in_force"]["at_latest"] == "2026-11-23T17:21:30+00:00"
        assert "for 90 s at most, until 2026-11-23T17:21:30+00:00" in found["findings"][0]["message"]


#: times of managedFields, creationTimestamp -> when it is in force at the latest, seconds left
TIMES: dict[str, tuple[list[str | None], str | None, str | None, int]] = {
    "the newest counts": (
        ["2026-11-23T17:19:00Z", "2026-11-23T17:19:20Z", None],
        "2026-11-23T17:19:59Z",
        "2026-11-23T17:21:50+00:00",
        110,
    ),
    "created": ([], "2026-11-23T17:18:00Z", "2026-11-23T17:20:30+00:00", 30),
    "just now": ([], "2026-11-23T17:17:31Z", "2026-11-23T17:20:01+00:00", 1),
    "just over": ([], "2026-11-23T17:17:30Z", None, 0),
    "a clock that goes ahead": (["2026-11-23T18:00:00Z"], None, "2026-11-23T17:22:30+00:00", 150),
    "no time": (["soon"], None, None, 0),
    "none at all": ([], None, None, 0),
}


@pytest.mark.parametrize("name", TIMES)
def test_until_when(name: str) -> None:
    managed, created, latest, left = TIMES[name]
    entries = [{"manager": "somebody", **({"time": time} if time else {})} for time in managed]
    item = {"metadata": {"managedFields": entries, "creationTimestamp": created}}
    found = masquerade_pending.pending(item, 60.0, NOW)
    assert (found.as_result() if found else None) == (latest and {"at_latest": latest, "seconds_left": left})


def test_what_is_no_range() -> None:
    params: Json = {"cluster_ranges": ["10.0.0.1/8"], "destinations": ["10.2.0.1", "fc00::/7", "a.b", "10.0.0.1/8"]}
    assert masquerade_info.complaints(params) == [
        "cluster_ranges[0]: '10.0.0.1/8' is no range: write 10.0.0.0/8",
        "destinations[2]: 'a.b' is no range: write one like 10.0.0.0/8, or an address",
        "destinations[3]: '10.0.0.1/8' is no range: write 10.0.0.0/8, or an address",
    ]
