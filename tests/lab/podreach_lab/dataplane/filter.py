# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a VPC network's router lets through: source checks, firewall rules and policies of every machine.

Order in the forward hook: a machine may send only what it owns, and is handed only what it owns (unless canIpForward);
what leads nowhere is counted and dropped; replies pass; then the sender's egress rules, and the receiver's ingress.
"""

from __future__ import annotations

import typing as t

from ..compute.effective import IMPLIED, VPC, FilterRule, Layer, Layer4
from . import mutants
from .balancing import Balancer, unforwarded
from .rules import Ruleset, dead_drop, ports, ranges, verdict_map
from .view import Card, Machine, short

PROTOCOLS = {"tcp": "tcp", "udp": "udp", "icmp": "icmp", "esp": "esp", "ah": "ah", "sctp": "sctp", "ipip": "4"}
ALLOWED = "meta mark set 1 return"
Layers = t.Sequence[Layer]
Sources = t.Callable[[FilterRule], t.Sequence[str]]
"""The addresses that a rule's source tags and accounts stand for."""


def router_rules(
    network: str,
    members: t.Sequence[tuple[Machine, Card]],
    layers: t.Callable[[Machine, Card], Layers],
    sources: Sources,
    balancers: t.Sequence[Balancer],
) -> Ruleset:
    """The table of one network's router. `members` are the machines that run. Machines under the same rules share
    their chains: hundreds of nodes are no longer than one."""
    table = Ruleset("vpc")
    chains = Chains(table, sources)
    egress: dict[str, str] = {}
    ingress: dict[str, str] = {}
    guarded: list[str] = []
    owned: list[str] = []
    here = [item for item in balancers if item.network == network]
    for machine, card in members:
        if not machine.forwards and not mutants.on("no-source-check"):
            guarded.append(f'"{card.device}"')
            fronts = [item.address for item in here if machine.path in item.backends]
            owned += [f'"{card.device}" . {item}' for item in (*card.owned, *fronts)]
        found = layers(machine, card)
        ingress[card.device] = chains.direction("INGRESS", found)
        if not mutants.on("no-egress-rules"):
            egress[card.device] = chains.direction("EGRESS", found)
    lines = [f'oifname "lo" {table.drop("no-route", "")}']
    if guarded:
        table.set("guarded", "ifname", guarded)
        table.set("owned", "ifname . ipv4_addr", owned, "interval")
        spoofed = table.drop("spoofed-source", "without canIpForward an instance sends only from its own addresses")
        foreign = table.drop("not-for-this-instance", "without canIpForward it is handed only its own addresses")
        lines.insert(0, f"iifname @guarded iifname . ip saddr != @owned {spoofed}")
        lines.append(f"oifname @guarded oifname . ip daddr != @owned {foreign}")
    dead = [f'"{card.device}"' for machine, card in members if machine.dead]
    if dead:
        table.set("dead", "ifname", dead)
        gone = dead_drop(table)
        lines = [f"iifname @dead {gone}", f"oifname @dead {gone}", *lines]
    lines += [
        *unforwarded(table, here),
        "ct state established accept",
        # That a packet was too long is told only where the rules admit ICMP from whoever says so:
        # https://cloud.google.com/network-connectivity/docs/vpn/concepts/mtu-considerations
        "ct state related meta l4proto != icmp accept",
        "ct state related icmp type != destination-unreachable accept",
        "ct state related icmp code != 4 accept",
        verdict_map("iifname", egress),
        verdict_map("oifname", ingress),
    ]
    table.chain("forward", filter(None, lines), "filter hook forward priority 0; policy accept")
    return table


class Chains:
    """Chains of a table, each written once."""

    def __init__(self, table: Ruleset, sources: Sources) -> None:
        self.table = table
        self.sources = sources
        self.known: dict[tuple[str, tuple[str, ...]], str] = {}
        self.worked_out: dict[tuple[str, str, FilterRule], list[str]] = {}

    def direction(self, way: str, layers: Layers) -> str:
        """The chain for one direction: each layer in turn until one decides; the implied layer always does."""
        lines = ["meta mark set 0"]
        last = "return" if way == "EGRESS" else "accept"
        for layer in layers:
            mine = [rule for rule in layer.rules if rule.direction == way]
            if mutants.on("firewall-priority-reversed"):
                mine = mine[::-1]
            statements = [line for rule in mine for line in self.lines(layer, rule)]
            if statements:
                lines += [f"jump {self.chain('layer', statements)}", f"meta mark 1 {last}"]
        return self.chain(way.lower(), lines)

    def lines(self, layer: Layer, rule: FilterRule) -> list[str]:
        """A rule's statements, worked out once for all machines that it is for."""
        key = (layer.kind, layer.policy, rule)
        if key not in self.worked_out:
            self.worked_out[key] = list(rule_lines(self.table, layer, rule, self.sources))
        return self.worked_out[key]

    def chain(self, stem: str, lines: t.Sequence[str]) -> str:
        """The name of the chain with these lines."""
        key = (stem, tuple(lines))
        if key not in self.known:
            self.known[key] = f"{stem}_{short(*lines)}"
            self.table.chain(self.known[key], lines)
        return self.known[key]


def rule_lines(table: Ruleset, layer: Layer, rule: FilterRule, sources: Sources) -> t.Iterator[str]:
    """One rule as nft statements: who, what, and then its action."""
    if rule.action == "allow":
        action = ALLOWED
    elif rule.action == "deny":
        side = "firewall-ingress" if rule.direction == "INGRESS" else "firewall-egress"
        reason = side if layer.kind in (VPC, IMPLIED) else "firewall-policy"
        name = f"{layer.policy}: {rule.name}" if layer.policy else rule.name
        action = table.drop(reason, f"denied by {name}")
    else:
        action = "return"
    for who in addresses(rule, sources):
        for what in rule.layer4:
            yield " ".join(filter(None, (who, match(what), action)))


def addresses(rule: FilterRule, sources: Sources) -> t.Iterator[str]:
    """The match of source and destination; nothing when nobody can match."""
    found = [*rule.src_ranges, *sources(rule)] if rule.direction == "INGRESS" else list(rule.src_ranges)
    if not found or not rule.dest_ranges:
        return
    start, to = ranges(found), ranges(rule.dest_ranges)
    yield " ".join(filter(None, (f"ip saddr {start}" if start else "", f"ip daddr {to}" if to else "")))


def match(what: Layer4) -> str:
    """The match of a protocol and its ports."""
    if what.protocol == "all":
        return ""
    if what.ports:
        return f"{what.protocol} dport {ports(what.ports)}"
    return f"meta l4proto {PROTOCOLS.get(what.protocol, what.protocol)}"
