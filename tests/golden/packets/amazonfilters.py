# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Security groups and network ACLs: whether a packet comes in at an instance, and its reply out, all else being open.

All vectors share one estate: a cluster whose pod pings, a machine in place of a pod of other addresses, one instance.
"""

from __future__ import annotations

from ansible_collections.podreach.gke.tests.golden.loader import Vector
from ansible_collections.podreach.gke.tests.golden.packets.amazon import Amazon, Json, Vpc
from ansible_collections.podreach.gke.tests.golden.packets.amazonroutes import a_plan
from ansible_collections.podreach.gke.tests.golden.packets.build import Builder
from ansible_collections.podreach.gke.tests.golden.packets.ends import End, parse
from ansible_collections.podreach.gke.tests.golden.packets.flows import stand
from ansible_collections.podreach.gke.tests.golden.packets.outside import Outside
from ansible_collections.podreach.gke.tests.golden.packets.questions import staged
from ansible_collections.podreach.gke.tests.golden.packets.stage import Stage
from ansible_collections.podreach.gke.tests.golden.packets.traces import died_at_amazon, trace
from ansible_collections.podreach.gke.tests.golden.packets.world import REGION, World, ip, net

KEY = "filters of AWS"
SUBNET = "subnet-1"
NODE = {"name": "gke-n1", "networkIP": "10.1.0.2", "podCIDR": "10.32.0.0/24"}
PODS = "10.32.0.0/16"
#: The masquerade list with which pods keep their addresses, and the one with which they don't.
KEPT, TAKEN = ["10.0.0.0/8"], [PODS]
GIVEN: Json = {
    "subnetworks": [
        {
            "name": "s1",
            "network": "n1",
            "region": REGION,
            "ipCidrRange": "10.1.0.0/24",
            "secondaryIpRanges": [{"rangeName": "pods", "ipCidrRange": PODS}],
        },
        {"name": "s2", "network": "n1", "region": REGION, "ipCidrRange": "10.1.128.0/19"},
    ],
    "nodes": [NODE],
    "masquerade": {"nonMasqueradeCIDRs_in_force": KEPT},
    "open": ["gcp-firewall"],
}
EVERYTHING: Json = {"Protocol": "-1", "CidrBlock": "0.0.0.0/0", "RuleAction": "allow", "RuleNumber": 1}


def build(world: World) -> None:
    """The estate that all vectors of filters share."""
    Builder(world, GIVEN, [End("pod", address="10.32.0.5")]).build()
    plan = a_plan()
    plan.bgp.update({"advertiseMode": "DEFAULT"})
    world.outside = Outside(world, plan)
    world.outside.build({"Subnets": [{"SubnetId": SUBNET, "CidrBlock": "10.0.1.0/24"}]})


def put_filters(amazon: Amazon, vpc: Vpc, given: Json) -> str:
    """The given security group and ACL, each open where nothing is given; the ACL's id."""
    amazon.filter(vpc, given["SecurityGroups"][0] if "SecurityGroups" in given else None)
    acl = amazon.default_acl(vpc)
    amazon.use_acl(vpc, SUBNET, acl)
    for wanted in given.get("NetworkAcls", []):
        acl = amazon.network_acl(vpc, wanted)
    return acl


@staged("aws_filter", "action", "where", "matched")
def aws_filter(vector: Vector, stage: Stage) -> None:
    """What becomes of the packet, or of it and its reply, at the instance's filters."""
    world = stage.keep(KEY, build)
    outside = world.far_clouds
    (side,) = outside.sides
    acl = put_filters(outside.amazon, side.vpc, vector.given)
    if vector.expect["action"] == "unknown":
        two_answers(vector, world, side.vpc)
        return
    answer = asked(vector, world)
    allowed = vector.expect["action"] == "allow"
    judge(vector, world, answer, allowed)
    if "matched" in vector.expect:
        turn_entry(vector, outside.amazon, acl)
        assert asked(vector, world)["request"]["delivered"] != allowed, "another entry decided"
    if not allowed:
        put_filters(outside.amazon, side.vpc, {})
        assert asked(vector, world)["verdict"] == "reachable", "it was something else than the filter"


def asked(vector: Vector, world: World) -> Json:
    """The way of the packet and of its reply."""
    ask = vector.ask["aws_filter"]
    source, _masqueraded, node = ask.get("source", ask.get("from")).partition(" masqueraded to node ")
    world.masquerade_list(TAKEN if node else KEPT)
    ends = [parse(source), parse(ask["to"])]
    names = [stand(world, machine_instead(end), {}) for end in ends]
    world.far_clouds.settle()
    answer: Json = trace(world, names[0], ends[1].address, ask["protocol"], ask.get("port"))
    seen = answer["request"]["source_seen"]
    assert seen in (None, ask.get("seen", ends[0].address)), answer
    return answer


def machine_instead(end: End) -> End:
    """A machine in place of a pod whose address isn't the cluster's: at AWS only the address counts."""
    if end.kind == "pod" and ip(end.address) not in net(PODS):
        return End("vm", address=end.address)
    return end


def judge(vector: Vector, world: World, answer: Json, allowed: bool) -> None:
    """What was asked of, the packet or its reply too, came through; else it died at AWS, where that is said."""
    both = vector.ask["aws_filter"].get("direction") == "request and reply"
    if allowed:
        assert answer["request"]["delivered"], answer
        assert not both or answer["verdict"] == "reachable", answer
    elif vector.expect.get("where") == "reply":
        assert answer["request"]["delivered"], answer
        assert died_at_amazon(world, answer["reply"]), answer
    else:
        assert vector.expect.get("where", "request") == "request"
        assert died_at_amazon(world, answer["request"]), answer


def turn_entry(vector: Vector, amazon: Amazon, acl: str) -> None:
    """Turn round the action of the inward entry that is said to match."""
    (given,) = vector.given["NetworkAcls"]
    (entry,) = [
        item for item in given["Entries"] if item["RuleNumber"] == vector.expect["matched"] and not item["Egress"]
    ]
    action = {"allow": "deny", "deny": "allow"}[entry["RuleAction"]]
    amazon.ec2.replace_network_acl_entry(NetworkAclId=acl, **{**entry, "RuleAction": action})


def two_answers(vector: Vector, world: World, vpc: Vpc) -> None:
    """What wasn't read decides: with an ACL that lets everything in the flow passes, with another it doesn't."""
    assert vector.expect["decided_by"] == "DescribeNetworkAcls"
    assert asked(vector, world)["verdict"] == "reachable"
    entries = [{**EVERYTHING, "Egress": True}]
    world.far_clouds.amazon.network_acl(vpc, {"Associations": [{"SubnetId": SUBNET}], "Entries": entries})
    assert asked(vector, world)["verdict"] == "unreachable"
