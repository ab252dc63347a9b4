# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which firewall rules an instance is under, and in which order: the one source for the packets and for the API.

Pure functions over the state. A packet meets the layers in order. In a layer the rules stand by priority, a deny before
an allow of the same priority; the first rule that matches decides, goto_next passes on to the next layer, and so does a
layer in which nothing matches. The last layer, `implied`, always decides.
https://cloud.google.com/firewall/docs/firewall-policies-overview#rule-evaluation
"""

from __future__ import annotations

import dataclasses
import typing as t

from ..links import region_of_zone, relative
from ..organization import ancestors
from ..state import Body, Resource, State
from . import networks

FIREWALL = "compute#firewall"
POLICY = "compute#firewallPolicy"
INSTANCE = "compute#instance"
BEFORE = "BEFORE_CLASSIC_FIREWALL"

HIERARCHY = "hierarchy"
SYSTEM = "system"
VPC = "vpc"
NETWORK = "network"
NETWORK_REGIONAL = "network-regional"
IMPLIED = "implied"

ANYWHERE = "0.0.0.0/0"
NUMBERS = {"1": "icmp", "4": "ipip", "6": "tcp", "17": "udp", "50": "esp", "51": "ah", "132": "sctp"}


@dataclasses.dataclass(frozen=True)
class Layer4:
    """`protocol` is all, a name (tcp, udp, icmp, esp, ah, sctp, ipip) or a number in digits; `ports` are closed
    intervals, none meaning all."""

    protocol: str
    ports: tuple[tuple[int, int], ...] = ()


@dataclasses.dataclass(frozen=True)
class FilterRule:
    """A rule of any kind, IPv4 only. action is allow, deny or goto_next.

    Sources of an ingress rule are a match if the address is in src_ranges, or is the primary address of an instance
    that src_tags or src_accounts name (see `primary_addresses`); dest_ranges must hold the destination. An egress rule
    has dest_ranges, and src_ranges must hold the source."""

    name: str
    direction: str
    priority: int
    action: str
    layer4: tuple[Layer4, ...]
    src_ranges: tuple[str, ...] = (ANYWHERE,)
    dest_ranges: tuple[str, ...] = (ANYWHERE,)
    src_tags: tuple[str, ...] = ()
    src_accounts: tuple[str, ...] = ()
    target_tags: tuple[str, ...] = ()
    target_accounts: tuple[str, ...] = ()
    target_resources: tuple[str, ...] = ()
    disabled: bool = False

    def targets(self, tags: t.Collection[str], accounts: t.Collection[str], network: str) -> bool:
        """Whether it is for an instance with these tags and accounts, on its interface in this network."""
        return (
            (not self.target_tags or not set(self.target_tags).isdisjoint(tags))
            and (not self.target_accounts or not set(self.target_accounts).isdisjoint(accounts))
            and (not self.target_resources or network in self.target_resources)
        )


class Layer(t.NamedTuple):
    """One step of the evaluation. `policy` is '' for VPC rules and the implied ones."""

    kind: str
    policy: str
    rules: list[FilterRule]


IMPLIED_RULES = [
    FilterRule("implied-allow-egress", "EGRESS", 65535, "allow", (Layer4("all"),)),
    FilterRule("implied-deny-ingress", "INGRESS", 65535, "deny", (Layer4("all"),)),
]


def layers(state: State, instance: Resource, network: str = "") -> list[Layer]:
    """The layers that an instance's packets meet on its interface in a network (the first interface's, unless said),
    with only those rules that are enabled and target it."""
    network = network or networks_of(instance)[0]
    region = region_of_zone(instance.path.split("/")[3])
    tags, accounts = tags_of(instance), accounts_of(instance)
    return [
        layer._replace(rules=targeted(layer.rules, tags, accounts, network))
        for layer in all_layers(state, network, region)
    ]


def targeted(
    rules: t.Iterable[FilterRule], tags: t.Collection[str], accounts: t.Collection[str], network: str
) -> list[FilterRule]:
    """Those rules that are enabled and for an instance with these tags and accounts, on its interface in a network."""
    return [rule for rule in rules if not rule.disabled and rule.targets(tags, accounts, network)]


def all_layers(state: State, network: str, region: str) -> list[Layer]:
    """The layers of a network in a region, with every rule, in the order of evaluation."""
    classic = Layer(VPC, "", in_order(vpc_rules(state, network)))
    own = [
        policy_layer(kind, policy)
        for kind in (NETWORK, NETWORK_REGIONAL)
        for policy in network_policies(state, network, region, kind)
    ]
    holder = state.get(network)
    before = holder is not None and holder.body.get("networkFirewallPolicyEnforcementOrder") == BEFORE
    return [
        *(policy_layer(HIERARCHY, policy) for policy in hierarchical_policies(state, network)),
        *(policy_layer(SYSTEM, policy) for policy in network_policies(state, network, region, SYSTEM)),
        *([*own, classic] if before else [classic, *own]),
        Layer(IMPLIED, "", IMPLIED_RULES),
    ]


def in_order(rules: t.Iterable[FilterRule]) -> list[FilterRule]:
    return sorted(rules, key=lambda rule: (rule.priority, rule.action != "deny", rule.name))


# ---- instances


def tags_of(instance: Resource) -> list[str]:
    return list(instance.body.get("tags", {}).get("items", []))


def accounts_of(instance: Resource) -> list[str]:
    return [item["email"] for item in instance.body.get("serviceAccounts", [])]


def networks_of(instance: Resource) -> list[str]:
    """The networks of its interfaces, in order."""
    return [relative(card["network"], instance.project) for card in instance.body["networkInterfaces"]]


def primary_addresses(state: State, network: str, rule: FilterRule) -> list[str]:
    """The addresses that a rule's source tags or accounts stand for: the primary ones of instances in the rule's own
    network. Alias ranges, and so pods, are never meant: https://cloud.google.com/vpc/docs/alias-ip."""
    found = []
    for instance in state.of_kind(INSTANCE) if rule.src_tags or rule.src_accounts else []:
        named = not set(rule.src_tags).isdisjoint(tags_of(instance))
        if named or not set(rule.src_accounts).isdisjoint(accounts_of(instance)):
            cards = zip(networks_of(instance), instance.body["networkInterfaces"], strict=True)
            found += [card["networkIP"] for place, card in cards if place == network]
    return found


# ---- VPC firewall rules


def vpc_firewalls(state: State, network: str) -> list[Resource]:
    return networks.members(state, network, FIREWALL)


def vpc_rules(state: State, network: str) -> list[FilterRule]:
    return [rule for item in vpc_firewalls(state, network) if (rule := from_firewall(item.body)) is not None]


def from_firewall(body: Body) -> FilterRule | None:
    """A VPC firewall rule; None if it is about IPv6 only."""
    src, dest = ipv4(body.get("sourceRanges")), ipv4(body.get("destinationRanges"))
    tags, accounts = tuple(body.get("sourceTags", ())), tuple(body.get("sourceServiceAccounts", ()))
    if src is None or dest is None:
        return None
    if body["direction"] == "INGRESS" and "sourceRanges" not in body and (tags or accounts):
        src = ()
    action = "allow" if "allowed" in body else "deny"
    return FilterRule(
        name=body["name"],
        direction=body["direction"],
        priority=body["priority"],
        action=action,
        layer4=tuple(
            layer4(item["IPProtocol"], item.get("ports", ()))
            for item in body["allowed" if action == "allow" else "denied"]
        ),
        src_ranges=src,
        dest_ranges=dest,
        src_tags=tags,
        src_accounts=accounts,
        target_tags=tuple(body.get("targetTags", ())),
        target_accounts=tuple(body.get("targetServiceAccounts", ())),
        disabled=body["disabled"],
    )


def ipv4(found: t.Sequence[str] | None) -> tuple[str, ...] | None:
    """The IPv4 ranges of a list (absent: everywhere); None if it holds others only."""
    if not found:
        return (ANYWHERE,)
    return tuple(text for text in found if ":" not in text) or None


def layer4(protocol: str, ports: t.Iterable[str]) -> Layer4:
    pairs = [text.partition("-") for text in ports]
    protocol = protocol.lower()
    return Layer4(
        NUMBERS.get(protocol, protocol), tuple((int(first), int(last or first)) for first, _dash, last in pairs)
    )


# ---- policies


def is_system(policy: Resource) -> bool:
    """Written by GKE or another Google service, as far as the lab is told so."""
    return bool(policy.body.get("policySource") == "SYSTEM")


def associated(policy: Resource, target: str) -> Body | None:
    """The association of a policy with a target: a network's path, organizations/N or folders/N."""
    for item in policy.body.get("associations", []):
        if relative(item["attachmentTarget"], "") == target:
            return t.cast(Body, item)
    return None


def hierarchical_policies(state: State, network: str) -> list[Resource]:
    """From the organization down to the project's own folder."""
    policies = [item for item in state.of_kind(POLICY) if item.path.startswith("locations/")]
    return [item for node in ancestors(network.split("/")[1]) for item in policies if associated(item, node)]


def network_policies(state: State, network: str, region: str, kind: str) -> list[Resource]:
    """Those associated with a network: global (NETWORK), of the region (NETWORK_REGIONAL), or system ones of either
    sort, global first. By priority of the association, then by its name."""
    found: list[tuple[bool, int, str, Resource]] = []
    for item in state.of_kind(POLICY):
        link = associated(item, network) if item.path.startswith("projects/") else None
        if link is None:
            continue
        regional = "/regions/" in item.path
        if regional and item.path.split("/")[3] != region:
            continue
        if kind == (SYSTEM if is_system(item) else NETWORK_REGIONAL if regional else NETWORK):
            found.append((regional, link.get("priority", 1000), link["name"], item))
    return [item for *_order, item in sorted(found, key=lambda entry: entry[:3])]


def label(policy: Resource) -> str:
    """How people call it: a hierarchical policy's short name, else its name."""
    return str(policy.body.get("shortName") or policy.name)


def policy_layer(kind: str, policy: Resource) -> Layer:
    rules = [from_policy_rule(item, label(policy)) for item in policy.body.get("rules", [])]
    return Layer(kind, label(policy), in_order(rule for rule in rules if rule is not None))


def from_policy_rule(body: Body, policy: str) -> FilterRule | None:
    """A rule of a policy; None if it is about IPv6 only."""
    match = body["match"]
    src, dest = ipv4(match.get("srcIpRanges")), ipv4(match.get("destIpRanges"))
    if src is None or dest is None:
        return None
    return FilterRule(
        name=body.get("ruleName") or f"{policy}/{body['priority']}",
        direction=body["direction"],
        priority=body["priority"],
        action=body["action"],
        layer4=tuple(layer4(item["ipProtocol"], item.get("ports", ())) for item in match["layer4Configs"]),
        src_ranges=src,
        dest_ranges=dest,
        target_accounts=tuple(body.get("targetServiceAccounts", ())),
        target_resources=tuple(relative(item, "") for item in body.get("targetResources", ())),
        disabled=body.get("disabled", False),
    )
