# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Firewall policies: of the organization and its folder, global and regional ones of networks; and what is in effect.

compute.firewallPolicies, networkFirewallPolicies, regionNetworkFirewallPolicies, and getEffectiveFirewalls of
networks, regions and instances. What a rule can match on, but the lab's packets do not know (secure tags, address
groups, FQDNs, countries, threat lists, network contexts, security profiles), is refused with 501 rather than ignored.
"""

from __future__ import annotations

import typing as t

from .. import cidr
from ..clock import compute_time
from ..core import Call, method
from ..faults import ApiFault, bad_fingerprint, in_use, invalid, not_found, required
from ..links import relative, resolve, self_link
from ..organization import NODES, PARENTS
from ..places import REGIONS, ZONES
from ..state import Body, Resource, State
from . import effective, networks
from .common import (
    aggregated,
    bodies,
    check_region,
    delete,
    insert,
    listed,
    merge_patch,
    need,
    ready,
    reference,
    region_scopes,
    same_project,
)
from .firewalls import check_entry

KIND = effective.POLICY
RULE_KIND = "compute#firewallPolicyRule"
ACTIONS = ("allow", "deny", "goto_next")
NOT_MODELLED = ("targetSecureTags", "securityProfileGroup", "targetForwardingRules", "tlsInspect")
MATCHED = ("srcIpRanges", "destIpRanges", "layer4Configs")
LAST = 2147483647
DEFAULTS = (
    (LAST - 3, "EGRESS", "::/0", "default egress rule ipv6"),
    (LAST - 2, "INGRESS", "::/0", "default ingress rule ipv6"),
    (LAST - 1, "EGRESS", "0.0.0.0/0", "default egress rule"),
    (LAST, "INGRESS", "0.0.0.0/0", "default ingress rule"),
)
TYPES = {
    effective.HIERARCHY: "HIERARCHY",
    effective.NETWORK: "NETWORK",
    effective.NETWORK_REGIONAL: "NETWORK_REGIONAL",
}
Ids = tuple[str, ...]


def every(name: str) -> Ids:
    """The same method of the three collections."""
    return tuple(
        f"compute.{collection}.{name}"
        for collection in ("firewallPolicies", "networkFirewallPolicies", "regionNetworkFirewallPolicies")
    )


# ---- finding


def collection(call: Call) -> str:
    """Where the request's policies are; refuses callers without a right on the organization."""
    if "project" not in call.params:
        inside = {name for name in PARENTS if "/" not in name and name != "podreach-forbidden"}
        if not all(call.caller.may_use(name) for name in inside):
            verb = call.method.id.split(".", 1)[1]
            raise ApiFault(403, f"Required 'compute.{verb}' permission for '{NODES[0]}'", "forbidden")
        return "locations/global/firewallPolicies"
    place = f"regions/{check_region(call)}" if "region" in call.params else "global"
    return f"projects/{call.project}/{place}/firewallPolicies"


def find(call: Call) -> Resource:
    name = call.params["firewallPolicy"].removeprefix("firewallPolicies/")
    return t.cast(Resource, call.get(f"{collection(call)}/{name}"))


# ---- rules


def complete_rule(rule: Body, field: str) -> Body:
    """Fill in a rule's defaults, and refuse what makes none."""
    for name in ("action", "direction", "match"):
        if not rule.get(name):
            raise required(f"{field}.{name}")
    if rule.get("priority") is None:
        raise required(f"{field}.priority")
    if not 0 <= rule["priority"] <= LAST:
        raise invalid(f"{field}.priority", rule["priority"], f"Must be between 0 and {LAST}.")
    unknown = [name for name in NOT_MODELLED if rule.get(name)]
    unknown += [f"match.{name}" for name in rule["match"] if name not in MATCHED and rule["match"][name]]
    if unknown or rule["action"] == "apply_security_profile_group":
        what = unknown[0] if unknown else f"the action {rule['action']}"
        raise ApiFault(501, f"The lab does not model {what} of firewall policy rules.", "notImplemented")
    if rule["action"] not in ACTIONS:
        raise invalid(f"{field}.action", rule["action"], f"Must be one of {', '.join(ACTIONS)}.")
    for name in ("srcIpRanges", "destIpRanges"):
        for at, text in enumerate(rule["match"].get(name, [])):
            if ":" not in text:
                rule["match"][name][at] = text = text if "/" in text else f"{text}/32"
                cidr.parse(text, f"{field}.match.{name}[{at}]")
    if not rule["match"].get("layer4Configs"):
        raise required(f"{field}.match.layer4Configs")
    for at, config in enumerate(rule["match"]["layer4Configs"]):
        entry = {"IPProtocol": config.get("ipProtocol", ""), "ports": config.get("ports", [])}
        check_entry(entry, f"{field}.match.layer4Configs[{at}]")
        config["ipProtocol"] = entry["IPProtocol"]
    for at, target in enumerate(rule.get("targetResources", [])):
        rule["targetResources"][at] = self_link(resolve(target, f"{field}.targetResources[{at}]", "", "networks"))
    rule.setdefault("disabled", False)
    rule.setdefault("enableLogging", False)
    rule["kind"] = RULE_KIND
    return rule


def default_rules() -> list[Body]:
    """Those that every policy has, at its end: on to the next layer."""
    return [
        {
            "kind": RULE_KIND,
            "priority": priority,
            "direction": direction,
            "action": "goto_next",
            "description": description,
            "disabled": False,
            "enableLogging": False,
            "match": {
                "srcIpRanges" if direction == "INGRESS" else "destIpRanges": [text],
                "layer4Configs": [{"ipProtocol": "all"}],
            },
        }
        for priority, direction, text, description in DEFAULTS
    ]


def set_rules(policy: Resource, rules: t.Iterable[Body]) -> None:
    policy.body["rules"] = sorted(rules, key=lambda item: item["priority"])
    policy.body["ruleTupleCount"] = 2 * len(policy.body["rules"])


def rule_at(call: Call, policy: Resource) -> Body:
    priority = call.query.get("priority", 0)
    found = next((item for item in policy.body["rules"] if item["priority"] == priority), None)
    if found is None:
        raise invalid("priority", priority, f"The firewall policy {policy.name} has no rule with this priority.")
    return t.cast(Body, found)


def changed(call: Call, policy: Resource, kind: str) -> Body:
    call.state.changed(policy)
    return call.compute_operation(kind, policy.path, policy.body["id"])


# ---- policies


@method(*every("insert"))
def insert_policy(call: Call) -> Body:
    body = call.lab.discovery.writable("compute", "FirewallPolicy", call.body)
    where = collection(call)
    body.pop("associations", None)
    rules = [complete_rule(item, f"resource.rules[{at}]") for at, item in enumerate(body.pop("rules", None) or [])]
    if "project" in call.params:
        need(body, "name")
        path = f"{where}/{body['name']}"
        body.pop("shortName", None)
        if "region" in call.params:
            body["region"] = self_link(f"projects/{call.project}/regions/{call.params['region']}")
    else:
        body["parent"] = parent_of(call)
        body["shortName"] = body.get("shortName") or body.get("displayName")
        need(body, "shortName")
        body["displayName"] = body["shortName"]
        for item in call.state.within(where):
            if (item.body["parent"], item.body["shortName"]) == (body["parent"], body["shortName"]):
                raise ApiFault(409, f"The resource '{item.path}' already exists", "alreadyExists")
        body["name"] = call.state.new_id()[:12]
        path = f"{where}/{body['name']}"
    body |= {"fingerprint": call.state.new_fingerprint(), "associations": [], "selfLinkWithId": "", "rules": []}
    body.setdefault("policySource", "USER_DEFINED")
    body.setdefault("policyType", "VPC_POLICY")
    if body["policyType"] != "VPC_POLICY":
        raise ApiFault(501, f"The lab does not model policies of type {body['policyType']}.", "notImplemented")
    taken = {item["priority"] for item in rules}
    rules += [item for item in default_rules() if item["priority"] not in taken]
    answer = insert(call, KIND, path, body)
    policy = call.state.get(path)
    if policy is not None:
        policy.body["selfLinkWithId"] = self_link(f"{where}/{policy.body['id']}")
        set_rules(policy, rules)
        call.state.changed(policy)
    return answer


def parent_of(call: Call) -> str:
    parent = str(call.query.get("parentId") or "")
    if not parent:
        raise required("parentId")
    if parent not in NODES:
        raise ApiFault(403, f"Required 'compute.firewallPolicies.create' permission for '{parent}'", "forbidden")
    return parent


@method(*every("get"))
def get_policy(call: Call) -> Body:
    return find(call).body


@method(*every("list"))
def list_policies(call: Call) -> Body:
    where = collection(call)
    found = [item for item in bodies(call.state, where) if item.get("policySource") != "SYSTEM"]
    if "project" not in call.params:
        parent = parent_of(call)
        found = [item for item in found if item["parent"] == parent]
    answer = listed(call, "compute#firewallPolicyList", where, found)
    del answer["selfLink"]  # not in this list's schema
    return answer


@method("compute.networkFirewallPolicies.aggregatedList")
def aggregated_policies(call: Call) -> Body:
    found = [item.body for item in call.state.of_kind(KIND, call.project) if not effective.is_system(item)]
    scopes = ["global", *region_scopes()]
    return aggregated(call, "compute#networkFirewallPoliciesAggregatedList", "firewallPolicies", found, scopes)


@method(*every("patch"))
def patch_policy(call: Call) -> Body:
    policy = ready(find(call))
    change = call.lab.discovery.writable("compute", "FirewallPolicy", call.body)
    wanted = change.pop("fingerprint", None)
    if wanted is not None and wanted != policy.body["fingerprint"]:
        raise bad_fingerprint()
    rules = change.pop("rules", None)
    for name in change:
        if name not in ("description", "name", "displayName", "shortName"):
            raise invalid(f"resource.{name}", change[name], "Field is immutable and cannot be changed.")
    change.pop("name", None)
    policy.body |= merge_patch(policy.body, change)
    if rules is not None:
        set_rules(policy, [complete_rule(item, f"resource.rules[{at}]") for at, item in enumerate(rules)])
    return changed(call, policy, "patch")


@method(*every("delete"))
def delete_policy(call: Call) -> Body:
    policy = find(call)
    for item in policy.body["associations"]:
        raise in_use("firewall_policy", policy.path, relative(item["attachmentTarget"], ""))
    return delete(call, policy)


@method(*every("addRule"))
def add_rule(call: Call) -> Body:
    policy = ready(find(call))
    rule = complete_rule(call.lab.discovery.writable("compute", "FirewallPolicyRule", call.body), "rule")
    if any(item["priority"] == rule["priority"] for item in policy.body["rules"]):
        raise invalid("rule.priority", rule["priority"], "A rule with this priority exists already in the policy.")
    set_rules(policy, [*policy.body["rules"], rule])
    return changed(call, policy, "addFirewallRuleToFirewallPolicy")


@method(*every("getRule"))
def get_rule(call: Call) -> Body:
    return rule_at(call, find(call))


@method(*every("patchRule"))
def patch_rule(call: Call) -> Body:
    policy = ready(find(call))
    rule = rule_at(call, policy)
    change = call.lab.discovery.writable("compute", "FirewallPolicyRule", call.body)
    wanted = complete_rule(merge_patch(rule, change), "rule")
    others = [item for item in policy.body["rules"] if item is not rule]
    if any(item["priority"] == wanted["priority"] for item in others):
        raise invalid("rule.priority", wanted["priority"], "A rule with this priority exists already in the policy.")
    set_rules(policy, [*others, wanted])
    return changed(call, policy, "patchFirewallRuleInFirewallPolicy")


@method(*every("removeRule"))
def remove_rule(call: Call) -> Body:
    policy = ready(find(call))
    rule = rule_at(call, policy)
    if rule["priority"] > LAST - 4:
        raise invalid("priority", rule["priority"], "Default rules cannot be removed.")
    set_rules(policy, [item for item in policy.body["rules"] if item is not rule])
    return changed(call, policy, "removeFirewallRuleFromFirewallPolicy")


@method(*every("cloneRules"))
def clone_rules(call: Call) -> Body:
    policy = ready(find(call))
    path = relative(str(call.query.get("sourceFirewallPolicy") or ""), call.params.get("project", ""))
    source = call.state.get(path) or call.state.get(f"locations/global/firewallPolicies/{path.rsplit('/', 1)[-1]}")
    if source is None or source.kind != KIND:
        raise not_found(path)
    set_rules(policy, [merge_patch({}, item) for item in source.body["rules"]])
    return changed(call, policy, "cloneRulesFirewallPolicy")


# ---- associations


@method(*every("addAssociation"))
def add_association(call: Call) -> Body:
    policy = ready(find(call))
    link = call.lab.discovery.writable("compute", "FirewallPolicyAssociation", call.body)
    link.pop("displayName", None)
    if not link.get("attachmentTarget"):
        raise required("association.attachmentTarget")
    if "project" in call.params:
        network = reference(call, link["attachmentTarget"], "association.attachmentTarget", "networks")
        same_project(call, network, "association.attachmentTarget", link["attachmentTarget"])
        networks.not_for_legacy(network, "association.attachmentTarget", link["attachmentTarget"])
        link["attachmentTarget"] = network.body["selfLink"]
        target = network.path
    else:
        target = relative(link["attachmentTarget"], "")
        target = "/".join(target.split("/")[-2:])
        if target not in NODES:
            raise invalid("association.attachmentTarget", link["attachmentTarget"], "It is not in the organization.")
        link["attachmentTarget"] = target
    link["name"] = link.get("name") or target.replace("/", "-")
    replace = call.query.get("replaceExistingAssociation", False)
    for other in rivals(call, policy):
        known = effective.associated(other, target)
        if known is None:
            continue
        if not replace:
            raise ApiFault(
                409,
                f"The resource '{target}' is already associated with the firewall policy '{other.path}'.",
                "alreadyExists",
            )
        other.body["associations"].remove(known)
        call.state.changed(other)
    if any(item["name"] == link["name"] for item in policy.body["associations"]):
        raise invalid("association.name", link["name"], "An association with this name exists already.")
    link["firewallPolicyId"] = policy.body["id"]
    if policy.body.get("shortName"):
        link |= {"shortName": policy.body["shortName"], "displayName": policy.body["shortName"]}
    policy.body["associations"].append(link)
    mark(call, policy, target)
    return changed(call, policy, "addAssociation")


def mark(call: Call, policy: Resource, target: str) -> None:
    """A network names its global policy."""
    network = call.state.get(target)
    if network is None or "/global/" not in policy.path:
        return
    network.body.pop("firewallPolicy", None)
    if effective.associated(policy, target):
        network.body["firewallPolicy"] = policy.body["selfLink"]
    call.state.changed(network)


def rivals(call: Call, policy: Resource) -> list[Resource]:
    """Policies of the same sort: a target has one of each."""
    return [
        item
        for item in call.state.within(policy.collection)
        if effective.is_system(item) == effective.is_system(policy)
    ]


def association(call: Call, policy: Resource) -> Body:
    name = call.query.get("name", "")
    found = next((item for item in policy.body["associations"] if item["name"] == name), None)
    if found is None:
        raise invalid("name", name, f"The firewall policy {policy.name} has no association with this name.")
    return t.cast(Body, found)


@method(*every("getAssociation"))
def get_association(call: Call) -> Body:
    return association(call, find(call))


@method(*every("removeAssociation"))
def remove_association(call: Call) -> Body:
    policy = ready(find(call))
    link = association(call, policy)
    policy.body["associations"].remove(link)
    mark(call, policy, relative(link["attachmentTarget"], ""))
    return changed(call, policy, "removeAssociation")


@method("compute.firewallPolicies.listAssociations")
def list_associations(call: Call) -> Body:
    target = str(call.query.get("targetResource") or "")
    targets = [target]
    if call.query.get("includeInheritedPolicies"):
        while target := PARENTS.get(target, ""):
            targets.append(target)
    found = [
        link
        for item in call.state.within(collection(call))
        for link in item.body["associations"]
        if link["attachmentTarget"] in targets
    ]
    return {"kind": "compute#firewallPoliciesListAssociationsResponse", "associations": found}


# ---- what is in effect


def shown(call: Call, network: str, region: str, keep: t.Callable[[Body], bool]) -> list[Body]:
    """The policies over a network, in the order of evaluation. No region: those of regions are left out."""
    found = [
        *((effective.HIERARCHY, item) for item in effective.hierarchical_policies(call.state, network)),
        *(
            (kind, item)
            for kind in (effective.SYSTEM, effective.NETWORK, effective.NETWORK_REGIONAL)
            for item in effective.network_policies(call.state, network, region, kind)
        ),
    ]
    return [view(kind, item, network, keep, bool(region)) for kind, item in found]


def view(kind: str, policy: Resource, network: str, keep: t.Callable[[Body], bool], by_region: bool) -> Body:
    system = "SYSTEM" if not by_region else "SYSTEM_REGIONAL" if "/regions/" in policy.path else "SYSTEM_GLOBAL"
    body: Body = {
        "name": policy.name,
        "type": TYPES.get(kind, system),
        "rules": [item for item in policy.body["rules"] if keep(item)],
    }
    if policy.body.get("shortName"):
        body |= {"shortName": policy.body["shortName"], "displayName": policy.body["shortName"]}
    link = effective.associated(policy, network)
    return body | ({"priority": link.get("priority", 1000)} if link and kind != effective.HIERARCHY else {})


@method("compute.networks.getEffectiveFirewalls")
def network_effective(call: Call) -> Body:
    network = call.get(networks.path_of(call.project, call.params["network"]))
    return answer_of(call, network, "", lambda rule: True)


@method("compute.regionNetworkFirewallPolicies.getEffectiveFirewalls")
def region_effective(call: Call) -> Body:
    region = check_region(call)
    path = resolve_network(call, str(call.query.get("network") or ""))
    answer = answer_of(call, call.get(path), region, lambda rule: True)
    for item in answer.get("firewallPolicys", []):
        item.pop("shortName", None)  # not in this method's schema
    return answer


def resolve_network(call: Call, text: str) -> str:
    if not text:
        raise required("network")
    return resolve(text, "network", call.project, "networks") if "/" in text else networks.path_of(call.project, text)


@method("compute.instances.getEffectiveFirewalls")
def instance_effective(call: Call) -> Body:
    zone = call.params["zone"]
    instance = call.get(f"projects/{call.project}/zones/{zone}/instances/{call.params['instance']}")
    name = call.query.get("networkInterface")
    if not name:
        raise required("networkInterface")
    places = zip(instance.body["networkInterfaces"], effective.networks_of(instance), strict=True)
    network = next((path for card, path in places if card["name"] == name), None)
    if network is None:
        raise invalid("networkInterface", name, "The instance has no such interface.")
    tags, accounts = effective.tags_of(instance), effective.accounts_of(instance)

    def targets(body: Body) -> bool:
        rule = effective.from_firewall(body) if "allowed" in body or "denied" in body else None
        rule = rule or (effective.from_policy_rule(body, "") if "match" in body else None)
        return rule is None or rule.targets(tags, accounts, network)

    return answer_of(call, call.get(network), ZONES[zone], targets)


def answer_of(call: Call, network: Resource, region: str, keep: t.Callable[[Body], bool]) -> Body:
    firewalls = [item.body for item in effective.vpc_firewalls(call.state, network.path) if keep(item.body)]
    firewalls.sort(key=lambda item: (item["priority"], item["name"]))
    policies = shown(call, network.path, region, keep)
    return ({"firewalls": firewalls} if firewalls else {}) | ({"firewallPolicys": policies} if policies else {})


# ---- policies that no user wrote


def add_system_policy(state: State, network: Resource, region: str, name: str, rules: list[Body]) -> Resource:
    """A policy as GKE writes it for a network ('' as region: global). For tests and for what GKE does by itself; the
    API shows it in getEffectiveFirewalls only."""
    if region and region not in REGIONS:
        raise invalid("region", region, "Unknown region.")
    place = f"regions/{region}" if region else "global"
    path = f"projects/{network.project}/{place}/firewallPolicies/{name}"
    link = {"name": network.name, "attachmentTarget": network.body["selfLink"]}
    body: Body = {
        "kind": KIND,
        "id": state.new_id(),
        "creationTimestamp": compute_time(state.clock.now()),
        "selfLink": self_link(path),
        "name": name,
        "policySource": "SYSTEM",
        "fingerprint": state.new_fingerprint(),
        "associations": [link],
    }
    policy = Resource(KIND, path, body, {"system": True})
    wanted = [complete_rule(item, f"rules[{at}]") for at, item in enumerate(rules)]
    taken = {item["priority"] for item in wanted}
    set_rules(policy, [*wanted, *(item for item in default_rules() if item["priority"] not in taken)])
    return state.add(policy)
