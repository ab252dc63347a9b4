# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of a security group that admit pods, and what else stands between: network ACLs of the subnets behind it.

A rule is known as ours by the tags of its create call. What the group has besides is used and left alone.
https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from .. import addressing
from ..arguments import ArgumentSpec, Call
from ..engine import Grade, Plan, Step, Usual
from ..errors import ApiError, Conflict, InvalidInput, PodreachError, Refused, raise_all
from . import network_acls, tags, vpn_reading
from .client import Client

Json = dict[str, t.Any]

GROUP_OPTIONS: dict[str, t.Any] = {
    "group_id": {"type": "str"},
    "group_name": {"type": "str"},
    "vpc_id": {"type": "str"},
    "vpc_name": {"type": "str"},
}
PROTOCOLS = ("icmp", "tcp", "udp", "all")

SPEC = ArgumentSpec(
    options={
        "name": {"type": "str", "required": True},
        **GROUP_OPTIONS,
        "ranges": {"type": "list", "elements": "str"},
        "protocol": {"type": "str", "choices": list(PROTOCOLS), "default": "icmp"},
        "ports": {"type": "list", "elements": "str"},
        "description": {"type": "str"},
        "purge_rules": {"type": "bool", "default": False},
    },
    required_if=(("state", "present", ("ranges",)),),
    required_one_of=(("group_id", "group_name"),),
    mutually_exclusive=(("group_id", "group_name"), ("vpc_id", "vpc_name")),
    empty_is_unset=frozenset(GROUP_OPTIONS),
)

#: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpRange.html
DESCRIPTION = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{0,255}")
PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")


@dataclasses.dataclass(frozen=True, order=True)
class Rule:
    """What a rule lets in; ports are types for ICMP, and -1 is everything."""

    block: str
    protocol: str
    first: int
    last: int

    def words(self) -> str:
        if self.protocol == "-1":
            return f"everything from {self.block}"
        if self.first == -1:
            return f"{self.protocol} from {self.block}"
        return f"{self.protocol} {self.first}{'' if self.first == self.last else f'-{self.last}'} from {self.block}"


def find_group(client: Client, params: t.Mapping[str, t.Any]) -> Json:
    """The security group of an id, or of a name or Name tag in a VPC. Raises :class:`Refused`."""
    vpc = vpn_reading.one_vpc(client, params.get("vpc_id"), params.get("vpc_name"))
    identity, name = params.get("group_id"), params.get("group_name")
    filters = [{"Name": "group-id", "Values": [identity]}] if identity else []
    if vpc:
        filters.append({"Name": "vpc-id", "Values": [vpc["id"]]})
    found = known = client.describe(
        "describe_security_groups", "SecurityGroups", **({"Filters": filters} if filters else {})
    )
    if name:
        found = [item for item in found if name in (item["GroupName"], tags.name_of(item))]
    option, value = ("group_id", identity) if identity else ("group_name", name)
    if len(found) != 1:
        listed = ", ".join(f"{item['GroupId']} of {item['VpcId']}" for item in found) or "none"
        if not found and name:
            listed = "there are " + (", ".join(sorted({item["GroupName"] for item in known})) or "none")
        raise Refused(
            f"{option}: {value}: this names {len(found)} security groups of region {client.session.region}"
            f"{' in ' + vpc['id'] if vpc else ''} ({listed}), and must name one. Give "
            f"its id{'' if vpc else ', or the VPC too'}.",
            code="group-not-found" if not found else "ambiguous",
        )
    return found[0]


def rules_of(client: Client, group_id: str) -> list[Json]:
    """The group's rules for IPv4 ranges, inward."""
    filters = [{"Name": "group-id", "Values": [group_id]}]
    found = []
    for item in client.describe("describe_security_group_rules", "SecurityGroupRules", Filters=filters):
        if item.get("IsEgress") or not item.get("CidrIpv4"):
            continue
        protocol = str(item["IpProtocol"])
        first, last = int(item.get("FromPort", -1)), int(item.get("ToPort", -1))
        if protocol == "-1":
            first = last = -1
        found.append(
            {
                "id": item["SecurityGroupRuleId"],
                "rule": Rule(item["CidrIpv4"], protocol, first, last),
                "description": item.get("Description") or "",
                "owned": tags.owned(item),
                "name": tags.of(item).get(tags.NAME_TAG),
            }
        )
    return sorted(found, key=lambda item: (item["rule"], item["id"]))


def shown_rule(item: Json) -> Json:
    rule: Rule = item["rule"]
    return {
        "id": item["id"],
        "range": rule.block,
        "protocol": "all" if rule.protocol == "-1" else rule.protocol,
        "from_port": rule.first,
        "to_port": rule.last,
        "description": item["description"],
        "owned": item["owned"],
        "name": item["name"],
    }


def acl_problems(
    client: Client, group: Json, *, protocol: str, ports: t.Sequence[tuple[int, int]], ranges: t.Sequence[str]
) -> list[str]:
    """What the network ACLs of the subnets with interfaces in the group refuse of this traffic."""
    filters = [{"Name": "group-id", "Values": [group["GroupId"]]}]
    interfaces = client.describe("describe_network_interfaces", "NetworkInterfaces", Filters=filters)
    subnets = sorted({item["SubnetId"] for item in interfaces if item.get("SubnetId")})
    if not subnets or not ranges:
        return []
    filters = [{"Name": "association.subnet-id", "Values": subnets}]
    found = []
    for acl in client.describe("describe_network_acls", "NetworkAcls", Filters=filters):
        held = [link["SubnetId"] for link in acl.get("Associations") or [] if link["SubnetId"] in subnets]
        for problem in network_acls.problems(acl, protocol=protocol, ports=ports, ranges=ranges):
            found.append(f"{problem} (subnets {', '.join(sorted(held))})")
    return found


def parse_ports(words: t.Sequence[str]) -> tuple[list[tuple[int, int]], list[tuple[str, str]]]:
    """Port ranges, and what is wrong with which word."""
    found, wrong = [], []
    for word in words:
        match = PORTS.fullmatch(word)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if first > last or last > 65535:
            wrong.append((word, "a port is 0 to 65535, a range of them is written like 8000-8100"))
        else:
            found.append((first, last))
    return found, wrong


class PodAccess(Usual):
    """The rules of one logical name in one group."""

    kind = "aws_pod_access"

    def __init__(self, client: Client, call: Call) -> None:
        self.client = client
        self.call = call
        self.params = call.params
        self.name: str = call.params["name"]
        self.group: Json = {}
        self.rules: list[Json] = []
        self.ports: list[tuple[int, int]] = []
        self.ranges: list[str] = []
        self.acl_warnings: list[str] | None = None
        self.errors: list[PodreachError] = []
        self._validate()
        raise_all(self.errors)

    @property
    def label(self) -> str:
        return f"aws_pod_access {self.name}"

    def _invalid(self, option: str, value: t.Any, problem: str) -> None:
        self.errors.append(InvalidInput(f"{self.label}: {option}: {value!r}: {problem}", resource=self.label))

    def _validate(self) -> None:
        if not self.name or len(self.name) > 255:
            self._invalid("name", self.name, "a name has 1 to 255 characters; it becomes a tag")
        for number, text in enumerate(self.params.get("ranges") or []):
            try:
                block = str(addressing.parse(text))
            except addressing.AddressingError as error:
                self._invalid(f"ranges[{number}]", text, str(error))
                continue
            if block in self.ranges:
                self._invalid(f"ranges[{number}]", text, "this range is given twice")
            self.ranges.append(block)
        protocol, words = self.params["protocol"], self.params.get("ports")
        self.ports, wrong = parse_ports(words or [])
        for word, problem in wrong:
            self._invalid("ports", word, problem)
        if self.params["state"] == "present":
            if protocol in ("tcp", "udp") and not words:
                self._invalid("ports", words, f"{protocol} needs ports; 0-65535 is all of them")
            if protocol in ("icmp", "all") and words:
                self._invalid("ports", words, f"{protocol} has none: leave them out, or say protocol: tcp")
        text = self.params.get("description")
        if text is not None and not DESCRIPTION.fullmatch(text):
            self._invalid("description", text, "AWS takes up to 255 letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*")

    @property
    def wanted(self) -> list[Rule]:
        protocol = {"all": "-1"}.get(self.params["protocol"], self.params["protocol"])
        ports = self.ports or [(-1, -1)]
        return sorted(Rule(block, protocol, first, last) for block in self.ranges for first, last in ports)

    # ---- what the engine asks

    def read(self) -> Json | None:
        if not self.group:
            self.group = find_group(self.client, self.params)
        self.rules = rules_of(self.client, self.group["GroupId"])
        return self._projection(self.rules)

    def _projection(self, rules: t.Sequence[Json]) -> Json | None:
        wanted = self.wanted if self.params["state"] == "present" else []
        mine = [item for item in rules if self._ours(item) or item["rule"] in wanted]
        if not mine:
            return None
        seen = [{key: value for key, value in shown_rule(item).items() if key not in ("id", "name")} for item in mine]
        return {"name": self.name, "group": self.group["GroupId"], "rules": seen}

    def _ours(self, item: Json) -> bool:
        return bool(item["owned"] and item["name"] == self.name)

    def settle(self, current: Json | None) -> tuple[Json | None, str | None]:
        return current, None

    def plan(self, current: Json | None, *, check_mode: bool) -> Plan:
        steps, after = self._removal() if self.params["state"] == "absent" else self._making()
        warnings: list[str] = []
        if self.params["state"] == "present":
            if self.acl_warnings is None:
                self.acl_warnings = acl_problems(
                    self.client,
                    self.group,
                    protocol=self.params["protocol"],
                    ports=self.ports,
                    ranges=self.ranges,
                )
            warnings = [f"{self.label}: {problem}" for problem in self.acl_warnings]
        return Plan(current, after if steps else current, tuple(steps), tuple(warnings))

    def _making(self) -> tuple[list[Step], Json | None]:
        group, text = self.group["GroupId"], self.params.get("description")
        known = {item["rule"]: item for item in self.rules}
        steps, after = [], list(self.rules)
        for rule in self.wanted:
            item = known.get(rule)
            if item is None:
                ports = {} if rule.protocol == "-1" else {"FromPort": rule.first, "ToPort": rule.last}
                block = {"CidrIp": rule.block, **({"Description": text} if text else {})}
                arguments = {
                    "GroupId": group,
                    "IpPermissions": [{"IpProtocol": rule.protocol, "IpRanges": [block], **ports}],
                    "TagSpecifications": tags.specification("security-group-rule", self.name),
                }
                request = ("authorize_security_group_ingress", arguments)
                steps.append(Step("create", f"admit {rule.words()} to {group}", request))
                after.append({"id": None, "rule": rule, "description": text or "", "owned": True, "name": self.name})
            elif text is not None and text != item["description"] and self._ours(item):
                change = {
                    "IpProtocol": rule.protocol,
                    "CidrIpv4": rule.block,
                    "FromPort": rule.first,
                    "ToPort": rule.last,
                    "Description": text,
                }
                changes = [{"SecurityGroupRuleId": item["id"], "SecurityGroupRule": change}]
                request = ("modify_security_group_rules", {"GroupId": group, "SecurityGroupRules": changes})
                steps.append(Step("update", f"describe {rule.words()} anew", request, fields=("description",)))
                after[after.index(item)] = {**item, "description": text}
        if self.params["purge_rules"]:
            for item in self.rules:
                if self._ours(item) and item["rule"] not in self.wanted:
                    steps.append(self._revoke(item, Grade.DISRUPTIVE))
                    after.remove(item)
        after.sort(key=lambda item: item["rule"])
        return steps, self._projection(after)

    def _removal(self) -> tuple[list[Step], Json | None]:
        mine = [item for item in self.rules if self._ours(item)]
        return [self._revoke(item, Grade.DESTRUCTIVE) for item in mine], None

    def _revoke(self, item: Json, grade: Grade) -> Step:
        group = self.group["GroupId"]
        request = ("revoke_security_group_ingress", {"GroupId": group, "SecurityGroupRuleIds": [item["id"]]})
        return Step("delete", f"no longer admit {item['rule'].words()} to {group}", request, grade)

    def send(self, step: Step) -> str | None:
        operation, arguments = step.request
        try:
            self.client.call(operation, resource=self.label, **arguments)
        except ApiError as error:
            if error.code in ("InvalidPermission.Duplicate", "InvalidSecurityGroupRuleId.NotFound"):
                # somebody else was faster, or an earlier try of ours did arrive
                raise Conflict(str(error), unsure=error.tries > 1, reason=error.code, resource=self.label) from None
            raise
        return None

    def pause(self, attempt: int) -> None:
        self.client.pause(attempt + 1)

    def result(self, *, predicted: bool = False, planned: Json | None = None) -> Json:
        wanted = self.wanted if self.params["state"] == "present" else []
        rules = [shown_rule(item) for item in self.rules if self._ours(item) or item["rule"] in wanted]
        if predicted:
            known = {(rule["range"], rule["protocol"], rule["from_port"], rule["to_port"]): rule for rule in rules}
            rules = []
            for rule in (planned or {"rules": []})["rules"]:
                key = (rule["range"], rule["protocol"], rule["from_port"], rule["to_port"])
                rules.append({"id": None, "name": self.name, **known.get(key, {}), **rule})
        return {
            "group": {
                "id": self.group["GroupId"],
                "name": self.group["GroupName"],
                "vpc_id": self.group.get("VpcId"),
            },
            "rules": rules,
            "network_acl_warnings": self.acl_warnings or [],
        }
