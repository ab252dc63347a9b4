# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Firewalls: what becomes of a packet, and which rule decided it."""

from __future__ import annotations

from ansible_collections.podreach.gke.tests.golden.loader import Vector
from ansible_collections.podreach.gke.tests.golden.packets.build import Builder
from ansible_collections.podreach.gke.tests.golden.packets.ends import End, parse
from ansible_collections.podreach.gke.tests.golden.packets.flows import stand
from ansible_collections.podreach.gke.tests.golden.packets.questions import answers
from ansible_collections.podreach.gke.tests.golden.packets.traces import reason, trace
from ansible_collections.podreach.gke.tests.golden.packets.world import (
    ANCESTORS,
    REGION,
    Json,
    World,
    net,
)


@answers("firewall", "action", "matched")
def firewall(vector: Vector, world: World) -> None:
    """What becomes of one packet, and whether that turns round with the rule that is said to match."""
    ask, expect = vector.ask["firewall"], vector.expect
    name, address = firewall_ends(vector, world)
    given = {rule["name"]: rule for rule in vector.given.get("firewalls", [])}
    make_policies(world, vector.given)

    def allowed() -> bool:
        part = trace(world, name, address, ask["protocol"], ask.get("port"))["request"]
        if part["delivered"]:
            return True
        assert reason(part).startswith("firewall-"), part
        direction = "ingress" if ask["direction"] == "INGRESS" else "egress"
        if direction == "egress" and reason(part) == "firewall-ingress":
            return True
        assert direction in reason(part) or "policy" in reason(part), part
        return False

    assert allowed() == (expect["action"] == "allow")
    if expect["matched"] == "implied":
        others = [rule for rule in given.values() if not rule.get("disabled") and "denied" in rule]
        for rule in others:
            turn_rule(world, rule)
        assert allowed() == (expect["action"] == "allow"), "one of the given rules decided"
    elif expect["matched"] in given:
        turn_rule(world, given[expect["matched"]])
        assert allowed() != (expect["action"] == "allow"), f"{expect['matched']} didn't decide"
    else:
        turn_policy(world, expect["matched"])
        assert allowed() != (expect["action"] == "allow"), f"{expect['matched']} didn't decide"


def firewall_ends(vector: Vector, world: World) -> tuple[str, str]:
    """Builds the vector with a sender and a receiver as the question has them: name to trace from, address to go to."""
    ask, given = vector.ask["firewall"], vector.given
    at = parse(ask["at"]) if "at" in ask else End("vm")
    (one,) = {rule.get("network", "n1") for rule in given["firewalls"]} or {"n1"}
    network = at.network or one
    kind = ask.get("source_kind", "")
    source = ask.get("source", "")
    if "/" in source:
        # a range is asked for: an address that the rules have something to say of
        source = str(net(given["firewalls"][0]["sourceRanges"][0])[16])
    ends: list[End] = []
    pool: Json = {}
    if kind.startswith("pod on "):
        ends = [End("pod", address=source, node=kind.removeprefix("pod on "))]
    elif kind.startswith("node "):
        ends = [End("node", kind.split()[1].rstrip(","))]
    nodes = [item for item in given.get("instances", []) if ends and "networkInterfaces" in item]
    for item in nodes:
        config: Json = {"tags": item.get("tags", {}).get("items", [])}
        if "serviceAccounts" in item:
            config["serviceAccount"] = item["serviceAccounts"][0]["email"]
        pool = {"config": config}
    ours = {**given, "instances": nodes}
    Builder(world, ours, ends, pool).build()
    tags: Json = {"tags": {"items": ask["target_tags"]}} if ask.get("target_tags") else {}
    if "target_service_account" in ask:
        tags["serviceAccounts"] = [{"email": ask["target_service_account"], "scopes": []}]
    if ask["direction"] == "EGRESS":
        world.machine("receiver", network, ask["destination"])
        return world.machine("sender", network), str(ask["destination"])
    destination = parse(ask["destination"]) if "destination" in ask else at
    receiver = world.machine("receiver", network, destination.address, destination.region, **tags)
    address = next(found for found, name in world.addresses.items() if name == receiver)
    if ends:
        return stand(world, ends[0], given), address
    fields: Json = {}
    if "source_tags" in ask:
        fields["tags"] = {"items": ask["source_tags"]}
    if "source_service_account" in ask:
        fields["serviceAccounts"] = [{"email": ask["source_service_account"], "scopes": []}]
    other = [name for name in sorted(world.networks) if name != network]
    sender = world.machine("sender", other[0] if other else network, source, **fields)
    return sender, address


def turned(rule: Json) -> Json:
    """The rule with its action turned round."""
    swap = {"allowed": "denied", "denied": "allowed"}
    return {swap.get(key, key): value for key, value in rule.items()}


def turn_rule(world: World, rule: Json) -> None:
    """Replace a VPC rule by its contrary: an action can't be changed in place."""
    world.do("DELETE", f"global/firewalls/{rule['name']}")
    world.firewall(turned(rule))


DEFAULT_RULE = 2147483647


def make_policies(world: World, given: Json) -> None:
    """The firewall policies, associated with n1, its region or, from the organisation down, the project's ancestors."""
    ancestors = iter(ANCESTORS)
    for policy in given.get("firewallPolicys", []):
        name = policy["name"]
        if policy["type"] == "HIERARCHY":
            ancestor = next(ancestors)
            where = world.hierarchical_policy(name, ancestor)
            association = {"name": f"{name}-here", "attachmentTarget": ancestor}
        else:
            assert policy["type"] in ("NETWORK", "NETWORK_REGIONAL"), policy
            scope = "global" if policy["type"] == "NETWORK" else f"regions/{REGION}"
            where = f"projects/{world.project}/{scope}/firewallPolicies/{name}"
            world.act(where.rpartition("/")[0], {"name": name})
            association = {"name": f"{name}-here", "attachmentTarget": world.network_path("n1")}
        rules = [rule for rule in policy["rules"] if rule["priority"] != DEFAULT_RULE]
        assert all(rule["action"] == "goto_next" for rule in policy["rules"] if rule not in rules)
        for rule in rules:
            world.act(f"{where}/addRule", rule)
        world.act(f"{where}/addAssociation", association)
        world.policies[name] = {"where": where, "rules": rules}


def turn_policy(world: World, name: str) -> None:
    """Turn round the action of every rule of a policy."""
    policy = world.policies[name]
    for rule in policy["rules"]:
        action = {"allow": "deny", "deny": "allow"}.get(rule["action"], rule["action"])
        world.act(f"{policy['where']}/patchRule?priority={rule['priority']}", {**rule, "action": action})
