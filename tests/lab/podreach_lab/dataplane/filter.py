# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a VPC network's router lets through: source checks, firewall rules and policies of every machine.

Order in the forward hook: a machine may send only what it owns, and is handed only what it owns (unless canIpForward);
what leads nowhere is counted and dropped; replies pass; then the sender's egress rules, and the receiver's ingress.
"""

from __future__ import annotations

import typing as t

from ..compute.effective import FilterRule
from . import mutants
from .routing import Balancer
from .rules import Ruleset, ports, ranges, verdict_map
from .view import Card, Machine, Range

PROTOCOLS = {"tcp": "tcp", "udp": "udp", "icmp": "icmp", "esp": "esp", "ah": "ah", "sctp": "sctp", "ipip": "4"}
ALLOWED = "meta mark set 1 return"
Layers = t.Sequence[tuple[str, str, t.Sequence[FilterRule]]]
"""Kind, name of the policy, its rules in order: as compute.effective gives them."""


class Sources(t.Protocol):
    """Who has a tag or service account in a network: primary addresses only, never alias ranges."""

    def tagged(self, network: str, tags: t.Iterable[str]) -> list[str]: ...

    def accounts(self, network: str, accounts: t.Iterable[str]) -> list[str]: ...


class Members:
    """The machines of all networks, as sources of rules."""

    def __init__(self, machines: t.Sequence[Machine]) -> None:
        self.machines = machines

    def tagged(self, network: str, tags: t.Iterable[str]) -> list[str]:
        return self._addresses(network, lambda machine: bool(machine.tags & set(tags)))

    def accounts(self, network: str, accounts: t.Iterable[str]) -> list[str]:
        return self._addresses(network, lambda machine: bool(machine.accounts & set(accounts)))

    def _addresses(self, network: str, wanted: t.Callable[[Machine], bool]) -> list[str]:
        return [
            card.address
            for machine in self.machines
            if wanted(machine)
            for card in machine.cards
            if card.network == network
        ]


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
            direction(table, network, machine, card, "EGRESS", found, sources)
        direction(table, network, machine, card, "INGRESS", found, sources)
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


def direction(
    table: Ruleset, network: str, machine: Machine, card: Card, way: str, layers: Layers, sources: Sources
) -> None:
    """One machine's chain for a direction: each layer in turn until one decides, then the implied rule."""
    side = way.lower()
    lines = ["meta mark set 0"]
    last = "return" if way == "EGRESS" else "accept"
    for at, (kind, name, rules) in enumerate(layers):
        mine = [rule for rule in rules if rule.direction == way and not rule.disabled]
        if mutants.on("firewall-priority-reversed"):
            mine = mine[::-1]
        statements = [line for rule in mine for line in rule_lines(table, network, kind, name, rule, sources)]
        if statements:
            table.chain(f"{side}_{card.device}_{at}", statements)
            lines += [f"jump {side}_{card.device}_{at}", f"meta mark 1 {last}"]
    if way == "INGRESS":
        lines.append(table.drop("firewall-ingress", f"{machine.name}: no rule admits it (implied deny)"))
    table.chain(f"{side}_{card.device}", lines)


def rule_lines(
    table: Ruleset, network: str, kind: str, policy: str, rule: FilterRule, sources: Sources
) -> t.Iterator[str]:
    """One rule as nft statements: who, what, and then its action."""
    if rule.action == "allow":
        action = ALLOWED
    elif rule.action == "deny":
        side = "firewall-ingress" if rule.direction == "INGRESS" else "firewall-egress"
        reason = side if kind == "VPC" else "firewall-policy"
        action = table.drop(reason, f"{policy + ': ' if policy else ''}{rule.name} denies it")
    else:
        action = "return"
    for who in addresses(network, rule, sources):
        for what in matches(rule):
            yield " ".join(filter(None, (who, what, action)))


def addresses(network: str, rule: FilterRule, sources: Sources) -> t.Iterator[str]:
    """Matches of addresses, one for each alternative; nothing when nobody can match."""
    to = ranges(rule.dest_ranges) if rule.dest_ranges else ""
    target = f"ip daddr {to}" if to else ""
    if rule.direction == "EGRESS":
        start = ranges(rule.src_ranges) if rule.src_ranges else ""
        yield " ".join(filter(None, (f"ip saddr {start}" if start else "", target)))
        return
    named = bool(rule.src_tags or rule.src_accounts)
    found: list[str | Range] = list(rule.src_ranges)
    if rule.src_tags:
        found += sources.tagged(network, rule.src_tags)
    if rule.src_accounts:
        found += sources.accounts(network, rule.src_accounts)
    if not found:
        if not named:
            yield target
        return
    start = ranges(found)
    yield " ".join(filter(None, (f"ip saddr {start}" if start else "", target)))


def matches(rule: FilterRule) -> t.Iterator[str]:
    """Matches of protocols and ports."""
    for protocol, wanted in rule.layer4:
        name = protocol.lower()
        if name == "all":
            yield ""
        elif wanted:
            yield f"{name} dport {ports(wanted)}"
        else:
            yield f"meta l4proto {PROTOCOLS.get(name, name)}"
