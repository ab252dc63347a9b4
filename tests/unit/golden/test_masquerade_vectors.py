# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The golden vectors of group ``masquerade``, put to the pure functions of module_utils/kubernetes/masquerade_*.py.

The same vectors are put to the lab's packets in tests/integration/test_golden_packets.py.
"""

from __future__ import annotations

import ipaddress
import typing as t

import pytest

from ansible_collections.podreach.gke.plugins.module_utils.kubernetes import masquerade_config, masquerade_rules
from ansible_collections.podreach.gke.plugins.module_utils.kubernetes.masquerade_config import Flags, Rejected
from ansible_collections.podreach.gke.tests.golden.loader import Vector, load

VECTORS = load("masquerade")
Json = dict[str, t.Any]


def flags(given: Json) -> Flags | None:
    """Those of the agent; ``None`` where there is none."""
    found = given.get("daemonSet", "absent")
    return None if found == "absent" else masquerade_config.flags_of(found)


def text(given: Json) -> str | None:
    """What the agent finds in its file."""
    found = given.get("configMap", "absent")
    if found == "absent" or found["metadata"] != {"namespace": "kube-system", "name": "ip-masq-agent"}:
        return None
    return t.cast("str | None", found["data"].get("config"))


@pytest.mark.parametrize("vector", [one for one in VECTORS if one.kind == "masq_config"], ids=lambda one: one.id)
def test_what_the_agent_takes(vector: Vector) -> None:
    agent = flags(vector.given)
    assert agent is not None
    expect = vector.expect
    if not expect["accepted"]:
        with pytest.raises(Rejected) as caught:
            masquerade_config.read(text(vector.given), agent)
        assert str(caught.value) == expect.get("message", str(caught.value))
        return
    config = masquerade_config.read(text(vector.given), agent)
    assert list(config.cidrs) == expect.get("nonMasqueradeCIDRs", list(config.cidrs))
    assert len(config.cidrs) == expect.get("count", len(config.cidrs))
    assert config.cidr_limit == expect.get("cidrLimit", config.cidr_limit)
    assert config.link_local == expect.get("masqLinkLocal", config.link_local)
    assert config.resync == masquerade_config.seconds(expect.get("resyncInterval", f"{config.resync}s"))
    if "warn" in expect:
        assert expect["warn"] == f"unknown key {config.unknown[0]}"
        assert masquerade_config.meant(config.unknown[0]) == "nonMasqueradeCIDRs"


def effective(given: Json) -> masquerade_rules.Effective:
    """What the nodes of a vector do."""
    cluster = (given.get("clusters") or [{}])[0]
    node = (given.get("nodes") or [{}])[0]
    own = [cluster[key] for key in ("clusterIpv4Cidr", "servicesIpv4Cidr") if key in cluster]
    if "cluster.autopilot" in given.get("unread", []):
        return masquerade_rules.Effective((), unknown="the cluster's mode")
    if "iptables_nat_postrouting" in node:
        return masquerade_rules.Effective(
            tuple(tuple(chain["nonMasqueradeCIDRs"]) for chain in node["iptables_nat_postrouting"])
        )
    if node.get("os") == "windows":
        return masquerade_rules.windows(own)
    if (cluster.get("autopilot") or {}).get("enabled"):
        return masquerade_rules.autopilot(given["egressNatPolicies"], own)
    agent = flags(given)
    status = agent and given["daemonSet"].get("status")
    if (status and status["numberReady"] < status["desiredNumberScheduled"]) or "seconds_since_change" in given:
        return masquerade_rules.Effective((), unknown="which rules the node has by now")
    disabled = ((cluster.get("networkConfig") or {}).get("defaultSnatStatus") or {}).get("disabled", False)
    config = masquerade_config.read(text(given), agent) if agent else None
    return masquerade_rules.standard(agent, config, snat_disabled=disabled)


@pytest.mark.parametrize("vector", [one for one in VECTORS if one.kind == "snat"], ids=lambda one: one.id)
def test_who_is_seen(vector: Vector) -> None:
    found, ask = effective(vector.given), vector.ask["snat"]
    expect = {**vector.expect, **vector.expect.get("new_flow", {})}
    for destination in [ask["dst"]] if isinstance(ask["dst"], str) else ask["dst"]:
        answer = masquerade_rules.would_masquerade(found, destination, host_network="hostNetwork" in ask["src"])
        expected = expect.get(destination, expect.get("source"))
        assert {True: "node", False: "pod", None: "unknown"}[answer] == expected
        if answer is not None and "hostNetwork" not in ask["src"]:
            address = int(ipaddress.IPv4Address(destination))
            assert any(low <= address <= high for low, high in found.kept) is not answer


def test_all_vectors_are_put() -> None:
    kinds = {vector.kind for vector in VECTORS}
    # of the agent's label on nodes, and of Cloud NAT, these functions say nothing
    assert kinds - {"masq_config", "snat"} == {"agent_expected", "nat"}
