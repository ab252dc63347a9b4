# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the data plane decides before a packet moves: choices of routes, filters' text, probes that are told apart."""

from __future__ import annotations

import pytest

from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane import packets
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane.plan import Namespace, Route, Rule
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane.routing import NOWHERE, Candidate, choose
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane.rules import Ruleset, ports, ranges
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane.trace import look_up
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane.view import Range

TO = Range("10.9.0.0/16")


def candidate(origin: str, priority: int = 1000, usable: bool = True, peer: str = "") -> Candidate:
    return Candidate(TO, priority, ((origin, 1),) if usable else (), origin, peer)


@pytest.mark.parametrize(
    ("rivals", "winners"),
    [
        ([candidate("a", 900), candidate("b", 800)], ["b"]),
        ([candidate("a", 100), candidate("b", 100)], ["a", "b"]),
        ([candidate("a", 100, usable=False), candidate("b", 1000)], ["b"]),
        ([candidate("local", 2000), candidate("imported", 100, peer="p")], ["local"]),
        ([candidate("late", 10, peer="p2"), candidate("first", 900, peer="p1")], ["first"]),
        ([candidate("a", usable=False)], []),
        ([candidate("a"), Candidate(TO, 1000, NOWHERE, "internet")], ["a"]),
    ],
    ids=["priority", "equal", "unusable", "local before imported", "one peer", "none", "internet last"],
)
def test_choice(rivals: list[Candidate], winners: list[str]) -> None:
    assert [item.origin for item in choose(rivals)] == winners


def test_sets_without_overlaps() -> None:
    assert ranges(["10.0.0.0/8", "10.1.0.0/16", "192.168.0.1/32"]) == "{ 10.0.0.0/8, 192.168.0.1/32 }"
    assert ranges(["0.0.0.0/0", "10.0.0.0/8"]) == ""
    assert ports([(443, 443), (80, 80), (81, 90), (85, 100)]) == "{ 80-100, 443 }"


def test_a_drop_has_a_counter_with_a_meaning() -> None:
    table = Ruleset("t")
    statement = table.drop("no-route", "why")
    name = statement.split()[2]
    table.chain("forward", [statement], "filter hook forward priority 0")
    assert f"counter {name} {{ }}" in table.text()
    assert (table.drops[name].reason, table.drops[name].detail) == ("no-route", "why")


@pytest.mark.parametrize("protocol", ["icmp", "tcp", "udp"])
@pytest.mark.parametrize("length", [0, 900])
def test_a_probe_is_recognised(protocol: str, length: int) -> None:
    flow = packets.Flow("10.1.0.2", "10.2.0.1", protocol, 0 if protocol == "icmp" else 80, 4000, length)
    sent = packets.request(flow, 0x01020304)
    seen = packets.read(sent)
    assert seen is not None
    assert (seen.source, seen.destination, seen.token, seen.answer) == ("10.1.0.2", "10.2.0.1", 0x01020304, "")
    assert seen.source_port == 4000
    assert packets.checksum(sent[:20]) == 0
    if length:
        assert len(sent) == (length if protocol != "tcp" else 40)


def test_an_error_quotes_the_probe() -> None:
    sent = packets.request(packets.Flow("10.1.0.2", "10.2.0.1", "udp", 53), 77)
    error = bytes([3, 3, 0, 0, 0, 0, 0, 0]) + sent
    back = packets.request(packets.Flow("10.2.0.1", "10.1.0.2", "icmp"), 1)[:20] + error
    seen = packets.read(back)
    assert seen is not None
    assert (seen.token, seen.answer) == (77, "port-unreachable")


def test_other_packets_are_ignored() -> None:
    assert packets.read(b"") is None
    assert packets.read(bytes(60)) is None


def test_rules_decide_before_prefixes() -> None:
    namespace = Namespace(
        routes=frozenset(
            {
                Route("10.0.0.0/8", (("lo", 1),), 7),
                Route("10.1.0.0/16", (("x", 1),), 8),
                Route("0.0.0.0/0", (("y", 1),), 8),
            }
        ),
        rules=frozenset({Rule(1, 7, "a"), Rule(2, 8)}),
    )
    first = look_up(namespace, "a", "10.3.0.1", "10.1.0.1")
    assert first is not None and first.table == 7
    second = look_up(namespace, "b", "10.3.0.1", "10.1.0.1")
    assert second is not None and second.hops == (("x", 1),)
