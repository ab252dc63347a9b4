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
from .routing import Balancer
from .rules import Ruleset, ports, ranges, verdict_map
from .view import Card, Machine

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
    """The table of one network's router. `members` are the machines that run."""
    table = Ruleset("vpc")
    egress: dict[str, str] = {}
    ingress: dict[str, str] = {}
    sending: dict[str, str] = {}
    receiving: dict[str, str] = {}
    for machine, card in members:
        fronts = [item.address for item in balancers if item.cluster == machine.cluster and item.network == network]
        if not machine.forwards and not mutants.on("no-source-check"):
            check_owned(table, machine, card, fronts, sending, receiving)
        found = layers(machine, card)
        egress[card.device] = f"egress_{card.device}"
        ingress[card.device] = f"ingress_{card.device}"
        if mutants.on("no-egress-rules"):
            egress.pop(card.device)
        else:
            direction(table, machine, card, "EGRESS", found, sources)
        direction(table, machine, card, "INGRESS", found, sources)
    lines = [
        verdict_map("iifname", sending),
        f'oifname "lo" {table.drop("no-route", "")}',
        verdict_map("oifname", receiving),
        "ct state established,related accept",
        verdict_map("iifname", egress),
        verdict_map("oifname", ingress),
    ]
    table.chain("forward", filter(None, lines), "filter hook forward priority 0; policy accept")
    return table


def check_owned(
    table: Ruleset,
    machine: Machine,
    card: Card,
    fronts: t.Sequence[str],
    sending: dict[str, str],
    receiving: dict[str, str],
) -> None:
    """Without canIpForward a machine sends from, and is handed, its own addresses only."""
    owned = ranges([*card.owned, *fronts])
    sending[card.device], receiving[card.device] = f"source_{card.device}", f"target_{card.device}"
    spoofed = table.drop("spoofed-source", f"{machine.name} may not forward: it sends only from {owned}")
    foreign = table.drop("not-for-this-instance", f"{machine.name} may not forward: it is handed only {owned}")
    table.chain(f"source_{card.device}", [f"ip saddr != {owned} {spoofed}"])
    table.chain(f"target_{card.device}", [f"ip daddr != {owned} {foreign}"])


def direction(table: Ruleset, machine: Machine, card: Card, way: str, layers: Layers, sources: Sources) -> None:
    """One machine's chain for a direction: each layer in turn until one decides; the implied layer always does."""
    side = way.lower()
    lines = ["meta mark set 0"]
    last = "return" if way == "EGRESS" else "accept"
    for at, layer in enumerate(layers):
        mine = [rule for rule in layer.rules if rule.direction == way]
        if mutants.on("firewall-priority-reversed"):
            mine = mine[::-1]
        statements = [line for rule in mine for line in rule_lines(table, machine, layer, rule, sources)]
        if statements:
            table.chain(f"{side}_{card.device}_{at}", statements)
            lines += [f"jump {side}_{card.device}_{at}", f"meta mark 1 {last}"]
    table.chain(f"{side}_{card.device}", lines)


def rule_lines(table: Ruleset, machine: Machine, layer: Layer, rule: FilterRule, sources: Sources) -> t.Iterator[str]:
    """One rule as nft statements: who, what, and then its action."""
    if rule.action == "allow":
        action = ALLOWED
    elif rule.action == "deny":
        side = "firewall-ingress" if rule.direction == "INGRESS" else "firewall-egress"
        reason = side if layer.kind in (VPC, IMPLIED) else "firewall-policy"
        name = f"{layer.policy}: {rule.name}" if layer.policy else rule.name
        action = table.drop(reason, f"{name} denies it to {machine.name}")
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
