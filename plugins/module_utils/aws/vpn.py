# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS's half of an HA VPN as one resource: a gateway, a customer gateway and a connection for each of Google's
addresses, and the routes that lead to them.

The plan is worked out anew from what there is after every step, so that a run that was killed is taken up wherever it
stopped. EC2's create calls for gateways and connections know no idempotency token: the tags are part of the call, and
what bears them is taken for what the lost call made.
https://docs.aws.amazon.com/vpn/latest/s2svpn/VPC_VPN.html
"""

from __future__ import annotations

import contextlib
import dataclasses
import ipaddress
import typing as t

from .. import addressing
from ..arguments import ArgumentSpec, Call
from ..engine import Grade, Plan, Step
from ..errors import ApiError, Conflict, InvalidInput, PodreachError, Refused, raise_all
from . import tags, tunnel_options
from .client import Client
from .vpn_reading import (
    ALIVE,
    TRANSIT,
    VIRTUAL,
    Estate,
    Json,
    choose_tables,
    kind_of,
    read,
    shown_connection,
    shown_gateway,
)

DEFAULT_ASN = 64512
#: Seconds in which a changed tunnel has to come up again.
SETTLING = 600

SPEC = ArgumentSpec(
    options={
        "name": {"type": "str", "required": True},
        "vpc_id": {"type": "str"},
        "vpc_name": {"type": "str"},
        "gateway": {
            "type": "dict",
            "options": {
                "type": {"type": "str", "choices": [VIRTUAL, TRANSIT]},
                "id": {"type": "str"},
                "asn": {"type": "int"},
                "route_table_id": {"type": "str"},
                "subnet_ids": {"type": "list", "elements": "str"},
            },
        },
        "customer_asn": {"type": "int"},
        "customer_addresses": {"type": "list", "elements": "str"},
        "connections": {
            "type": "list",
            "elements": "dict",
            "options": {
                "tunnels": {
                    "type": "list",
                    "elements": "dict",
                    "options": {
                        "inside_cidr": {"type": "str"},
                        "pre_shared_key": {"type": "str", "no_log": True},
                    },
                }
            },
        },
        "tunnel_options": {"type": "dict", "options": tunnel_options.SPEC},
        "make_keys": {"type": "bool", "default": False, "no_log": False},
        "route_tables": {"type": "list", "elements": "str"},
        "purge_route_tables": {"type": "bool", "default": False},
        "google_ranges": {"type": "list", "elements": "str"},
        "include_pre_shared_keys": {"type": "bool", "default": False, "no_log": False},
    },
    mutually_exclusive=(("vpc_id", "vpc_name"),),
    empty_is_unset=frozenset({"vpc_id", "vpc_name"}),
)


@dataclasses.dataclass(frozen=True)
class Request:
    """A call of EC2. ``waits`` names what it has to wait for; ``gives`` is where the answer has the new id."""

    operation: str
    arguments: Json
    waits: str = ""
    gives: tuple[str, str] = ("", "")
    busy: tuple[str, ...] = ()


class Planner:
    """The steps between an estate and what is wanted of it."""

    def __init__(self, vpn: AwsVpn, estate: Estate) -> None:
        self.vpn = vpn
        self.estate = estate
        self.steps: list[Step] = []
        self.warnings: list[str] = []
        self.after: Json | None = vpn.projection(estate)

    def add(
        self, action: str, summary: str, request: Request, grade: Grade = Grade.SAFE, fields: t.Sequence[str] = ()
    ) -> None:
        self.steps.append(Step(action, summary, request, grade, tuple(fields)))


class AwsVpn:
    """One logical VPN and what the caller wants of it."""

    kind = "aws_vpn"

    def __init__(self, client: Client, call: Call) -> None:
        self.client = client
        self.call = call
        self.params = call.params
        self.name: str = call.params["name"]
        self.asked: Json = call.params.get("gateway") or {}
        self.options: Json = call.params.get("tunnel_options") or {}
        self.addresses: list[str] = call.params.get("customer_addresses") or []
        self.estate = Estate()
        #: whether a connection was replaced in this run
        self.replaced = False
        self.errors: list[PodreachError] = []
        self._validate()
        raise_all(self.errors)

    @property
    def label(self) -> str:
        return f"aws_vpn {self.name}"

    def invalid(self, option: str, value: t.Any, problem: str) -> None:
        self.errors.append(InvalidInput(f"{self.label}: {option}: {value!r}: {problem}", resource=self.label))

    def refused(self, problem: str, code: str = "refused") -> Refused:
        return Refused(f"{self.label}: {problem}", code=code, resource=self.label)

    # ---- what can be known to be wrong without asking anybody

    def _validate(self) -> None:
        if not self.name or len(self.name) > 255:
            self.invalid("name", self.name, "a name has 1 to 255 characters; it becomes a tag")
        self._validate_gateway()
        self._validate_customers()
        for option, value, problem in tunnel_options.option_problems(self.options):
            self.invalid(f"tunnel_options.{option}", value, problem)
        for number, text in enumerate(self.params.get("google_ranges") or []):
            try:
                addressing.parse(text)
            except addressing.AddressingError as error:
                self.invalid(f"google_ranges[{number}]", text, str(error))

    def _validate_gateway(self) -> None:
        identity, kind, asn = (self.asked.get(option) for option in ("id", "type", "asn"))
        if identity and kind_of(identity) is None:
            self.invalid(
                "gateway.id",
                identity,
                "it is neither a virtual private gateway (vgw-...) nor a transit gateway (tgw-...)",
            )
        elif identity and kind and kind_of(identity) != kind:
            self.invalid("gateway.type", kind, f"{identity} is a {kind_of(identity)}: leave the type out")
        if asn is not None and not (64512 <= asn <= 65534 or 4200000000 <= asn <= 4294967294):
            self.invalid("gateway.asn", asn, "a private ASN is 64512-65534 or 4200000000-4294967294")
        transit = TRANSIT in (kind, kind_of(identity or ""))
        for option in ("route_table_id", "subnet_ids"):
            if self.asked.get(option) and not transit:
                self.invalid(f"gateway.{option}", self.asked[option], f"only a {TRANSIT} has it: say gateway.type too")

    def _validate_customers(self) -> None:
        asn = self.params.get("customer_asn")
        if asn is not None and not 1 <= asn <= 4294967294:
            self.invalid("customer_asn", asn, "an ASN is 1 to 4294967294")
        if asn is not None and asn == self.asked.get("asn"):
            self.invalid("customer_asn", asn, "it is gateway.asn as well: BGP between two clouds needs two ASNs")
        if len(self.addresses) > 2:
            self.invalid("customer_addresses", self.addresses, "an HA VPN gateway has two addresses, so 1 or 2 of them")
        for number, text in enumerate(self.addresses):
            try:
                ipaddress.IPv4Address(text)
            except ValueError:
                self.invalid(f"customer_addresses[{number}]", text, "it is no IPv4 address")
        if len(set(self.addresses)) < len(self.addresses):
            self.invalid("customer_addresses", self.addresses, "an address is given twice")
        insides: list[str] = []
        for number, item in enumerate(self.params.get("connections") or []):
            tunnels = item.get("tunnels") or []
            where = f"connections[{number}].tunnels"
            if number >= len(self.addresses):
                self.invalid(where, len(tunnels), "there is no customer address for this connection: they go by order")
            if len(tunnels) > 2:
                self.invalid(where, len(tunnels), "a VPN connection has two tunnels")
            for index, tunnel in enumerate(tunnels):
                self._validate_tunnel(f"{where}[{index}]", tunnel, insides)

    def _validate_tunnel(self, where: str, tunnel: Json, insides: list[str]) -> None:
        inside = tunnel.get("inside_cidr")
        if inside:
            problem = tunnel_options.inside_problem(inside)
            if not problem and inside in insides:
                problem = "another tunnel has this range: each needs its own"
            if problem:
                self.invalid(f"{where}.inside_cidr", inside, problem)
            insides.append(inside)
        key = tunnel.get("pre_shared_key")
        if key and not tunnel_options.KEY.fullmatch(key):
            self.errors.append(
                InvalidInput(
                    f"{self.label}: {where}.pre_shared_key: this key (not shown) is not one that both clouds take: 8 "
                    "to 64 letters, digits, dots and underscores, not beginning with 0. Or leave it out and say "
                    "make_keys: true.",
                    resource=self.label,
                )
            )

    # ---- what the engine asks

    def read(self) -> Json | None:
        self.estate = read(self.client, self.params, self.call.secrets)
        return self.projection(self.estate)

    def settle(self, current: Json | None) -> tuple[Json | None, str | None]:
        """Wait for what is in flight where the next step needs it, or where nothing else is left to do."""
        if self.call.check_mode or not self._blocked():
            return current, None
        if not self.client.wait:
            return current, ", ".join(self.estate.passing(self.name))
        latest = [current]

        def pending() -> list[str]:
            latest[0] = self.read()
            return self._blocked()

        self.client.until(pending, self.label)
        return latest[0], None

    def _blocked(self) -> list[str]:
        passing = self.estate.passing(self.name)
        if not passing:
            return []
        steps = self._planned().steps
        if steps and not steps[0].request.waits:
            return []
        return passing

    def plan(self, current: Json | None, *, check_mode: bool) -> Plan:
        planner = self._planned()
        after = planner.after if planner.steps else current
        return Plan(current, after, tuple(planner.steps), tuple(dict.fromkeys(planner.warnings)))

    def send(self, step: Step) -> str | None:
        request: Request = step.request
        if request.waits:
            raise Conflict(f"{self.label}: {step.summary}: this waits for {request.waits}", resource=self.label)
        arguments = self._with_keys(request.arguments)
        try:
            answer = self.client.call(request.operation, resource=self.label, busy=request.busy, **arguments)
        except Conflict as conflict:
            if conflict.unsure and step.action == "create":
                self._look_for(step)
            raise
        self.replaced = self.replaced or step.action == "replace"
        holder, field = request.gives
        if holder:
            self.client.made.add(answer[holder][field])
        if request.operation == "modify_vpn_tunnel_options" and step.grade is Grade.DISRUPTIVE:
            self._await_tunnel(step, arguments)
        return None

    def _await_tunnel(self, step: Step, arguments: Json) -> None:
        """Let a tunnel that was up come up again before the next one is touched. With another key or inside range it
        cannot until Google's end has them too."""
        if {"pre_shared_key", "inside_cidr"} & set(step.fields):
            return
        outside = arguments["VpnTunnelOutsideIpAddress"]

        def down() -> list[str]:
            self.read()
            tunnels = [tunnel for item in self.estate.connections for tunnel in item["tunnels"]]
            up = any(tunnel["outside_ip_address"] == outside and tunnel["status"] == "UP" for tunnel in tunnels)
            return [] if up else [f"the tunnel at {outside} is down"]

        if self.client.until(down, self.label, seconds=SETTLING):
            raise ApiError(
                f"{self.label}: after '{step.summary}' the tunnel at {outside} has not come up again in {SETTLING} s. "
                "Nothing further was changed. See what both clouds say of it, and run again.",
                code="tunnel-down",
                resource=self.label,
            )

    def _with_keys(self, arguments: Json) -> Json:
        """With keys of our own for new tunnels that have none, where that was asked for."""
        if "CustomerGatewayId" not in arguments or not self.params["make_keys"]:
            return arguments
        tunnels = [
            tunnel if tunnel.get("PreSharedKey") else {**tunnel, "PreSharedKey": tunnel_options.new_key()}
            for tunnel in arguments["Options"]["TunnelOptions"]
        ]
        self.call.secrets.update(tunnel["PreSharedKey"] for tunnel in tunnels)
        return {**arguments, "Options": {**arguments["Options"], "TunnelOptions": tunnels}}

    def _look_for(self, step: Step) -> None:
        """Give what a lost call may have made the time to show, so that it isn't made twice."""

        def missing() -> list[str]:
            self.read()
            planned = self._planned().steps
            return [step.summary for other in planned if (other.action, other.summary) == (step.action, step.summary)]

        self.client.until(missing, self.label, seconds=1 if self.client.near else 20)

    def lost(self, plan: Plan, observed: Json | None) -> list[str]:
        return []

    def exclusive(self) -> contextlib.AbstractContextManager[t.Any] | None:
        return None

    def word(self, option: str, value: str) -> str:
        return f"{option}: {value}"

    def pause(self, attempt: int) -> None:
        self.client.pause(attempt + 1)

    # ---- what diffs and results show

    def mine(self, estate: Estate) -> list[Json]:
        """The connections that this VPN is made of: ours, and others' between the same ends."""
        found = []
        gateway = estate.gateway
        for item in estate.connections:
            tagged = item["owned"] and item["name"] == self.name
            same_ends = gateway and item["gateway_id"] == gateway["id"] and item["customer_address"] in self.addresses
            if item["state"] in ALIVE and (tagged or same_ends):
                found.append(item)
        order = {address: number for number, address in enumerate(self.addresses)}
        return sorted(found, key=lambda item: (order.get(item["customer_address"], 9), item["customer_address"] or ""))

    def projection(self, estate: Estate) -> Json | None:
        """What this VPN is, without ids that change and without keys."""
        gateway, mine = estate.gateway, self.mine(estate)
        customers = [item for item in estate.customers if item["owned"] and item["name"] == self.name]
        if not gateway and not mine and not customers:
            return None
        seen: Json = {"name": self.name}
        if gateway:
            attached = gateway["attachment"] in ("attaching", "attached")
            seen["gateway"] = {"type": gateway["kind"], "asn": gateway["asn"]}
            if gateway["kind"] == VIRTUAL:
                seen["vpc_id"] = gateway["vpc_id"] if attached else None
                seen["route_tables"] = [item["id"] for item in estate.tables if gateway["id"] in item["propagating"]]
            else:
                item = self._vpc_attachment(estate)
                seen["vpc_id"] = item["resource_id"] if item else None
                seen["routes"] = self._routes(estate)
        seen["customer_gateways"] = [item["address"] for item in customers]
        seen["connections"] = [
            {
                "customer_address": item["customer_address"],
                "customer_asn": item["customer_asn"],
                "tunnels": [tunnel_options.shown(tunnel["current"]) for tunnel in item["tunnels"]],
            }
            for item in mine
        ]
        return seen

    @staticmethod
    def _routes(estate: Estate) -> list[Json]:
        gateway = estate.gateway or {}
        return [
            {"route_table": table["id"], "to": route["to"]}
            for table in estate.tables
            for route in table["routes"]
            if route["target"] == gateway.get("id")
        ]

    @staticmethod
    def _vpc_attachment(estate: Estate) -> Json | None:
        for item in estate.attachments:
            if item["kind"] == "vpc" and estate.vpc and item["resource_id"] == estate.vpc["id"]:
                return item if item["state"] != "deleting" else None
        return None

    def result(self, *, predicted: bool = False, planned: Json | None = None) -> Json:
        """What a task registers. Where it is ``predicted``, in check mode, ``planned`` is what there would be: without
        ids where these are not known yet."""
        keys = bool(self.params.get("include_pre_shared_keys"))
        gateway = shown_gateway(self.estate.gateway)
        found = [shown_connection(item, keys=keys) for item in self.mine(self.estate)]
        vpc_id = self.estate.vpc["id"] if self.estate.vpc else None
        if predicted and planned is None:
            return {"gateway": None, "vpc_id": vpc_id, "connections": []}
        if predicted and planned is not None:
            gateway = gateway or {"id": None, **planned["gateway"], "owned": True}
            known = {item["customer_address"]: item for item in found}
            unknown = {"id": None, "state": None, "customer_gateway_id": None, "owned": True}
            found = [
                known.get(item["customer_address"])
                or {
                    **unknown,
                    "customer_address": item["customer_address"],
                    "customer_asn": item["customer_asn"],
                    "tunnels": [],
                }
                for item in planned["connections"]
            ]
        return {"gateway": gateway, "vpc_id": vpc_id, "connections": found}

    # ---- the plan

    def _planned(self) -> Planner:
        planner = Planner(self, self.estate)
        if self.params["state"] == "absent":
            Removal(planner).plan()
        else:
            Making(planner).plan()
        return planner


class Making:
    """state: present."""

    def __init__(self, planner: Planner) -> None:
        self.planner = planner
        self.vpn = planner.vpn
        self.estate = planner.estate
        self.gateway = planner.estate.gateway
        self.after: Json = planner.after or {"name": self.vpn.name, "connections": [], "customer_gateways": []}
        self.planner.after = self.after

    def plan(self) -> None:
        self._gateway()
        self._customers()
        self._attachment()
        self._connections()
        self._tunnels()
        self._orphans()
        self._ways()

    @property
    def kind(self) -> str:
        if self.gateway:
            return str(self.gateway["kind"])
        return str(self.vpn.asked.get("type") or VIRTUAL)

    def _tagged(self, kind: str, shown: str | None = None) -> Json:
        return {"TagSpecifications": tags.specification(kind, self.vpn.name, shown)}

    # -- the gateway

    def _gateway(self) -> None:
        asn, customer_asn = self.vpn.asked.get("asn"), self.vpn.params.get("customer_asn")
        if self.gateway is None:
            theirs = sorted({item["gateway_id"] for item in self.vpn.mine(self.estate) if item["gateway_id"]})
            if theirs:
                raise self.vpn.refused(
                    f"its connections are at {', '.join(theirs)}, which gateway does not name. Say gateway.id: "
                    f"{theirs[0]}.",
                    code="fixed",
                )
            asn = asn or DEFAULT_ASN
            if customer_asn == asn:
                raise self.vpn.refused(
                    f"customer_asn: {asn} is AWS's ASN as well: BGP between two clouds needs two. Give another "
                    "gateway.asn.",
                    code="same-asn",
                )
            self._create_gateway(asn)
            return
        if asn is not None and asn != self.gateway["asn"]:
            raise self.vpn.refused(
                f"gateway.asn is {self.gateway['asn']} of {self.gateway['id']} and cannot become {asn}: AWS fixes it "
                "when the gateway is made. Keep it, or make a VPN of another name with a gateway of its own.",
                code="fixed",
            )
        if customer_asn == self.gateway["asn"]:
            raise self.vpn.refused(
                f"customer_asn: {customer_asn} is the ASN of {self.gateway['id']} as well: BGP between two clouds "
                "needs two. Use another ASN at Google's router.",
                code="same-asn",
            )

    def _create_gateway(self, asn: int) -> None:
        self.after["gateway"] = {"type": self.kind, "asn": asn}
        if self.kind == VIRTUAL:
            request = Request(
                "create_vpn_gateway",
                {"Type": "ipsec.1", "AmazonSideAsn": asn, **self._tagged("vpn-gateway")},
                gives=("VpnGateway", "VpnGatewayId"),
            )
        else:
            own = bool(self.vpn.asked.get("route_table_id"))
            if own:
                raise self.vpn.refused(
                    "gateway.route_table_id belongs to a transit gateway that exists: give gateway.id too",
                    code="invalid-input",
                )
            options = {
                "AmazonSideAsn": asn,
                "DefaultRouteTableAssociation": "enable",
                "DefaultRouteTablePropagation": "enable",
                "VpnEcmpSupport": "enable",
            }
            request = Request(
                "create_transit_gateway",
                {"Description": self.vpn.name, "Options": options, **self._tagged("transit-gateway")},
                gives=("TransitGateway", "TransitGatewayId"),
            )
        self.planner.add("create", f"create {self.kind} {self.vpn.name}", request)

    # -- customer gateways

    def _customer(self, address: str) -> Json | None:
        """The customer gateway to use: identical ones are one at AWS, whoever made it."""
        asn = self.vpn.params.get("customer_asn")
        found = [
            item
            for item in self.estate.customers
            if item["address"] == address and item["plain"] and asn in (None, item["asn"])
        ]
        found.sort(key=lambda item: not (item["owned"] and item["name"] == self.vpn.name))
        return found[0] if found else None

    def _customers(self) -> None:
        asn = self.vpn.params.get("customer_asn")
        for number, address in enumerate(self.vpn.addresses):
            if self._customer(address):
                continue
            if asn is None:
                raise InvalidInput(
                    f"{self.vpn.label}: there is no customer gateway for {address} yet, and to make one customer_asn "
                    "is missing: the ASN of Google's router",
                    resource=self.vpn.label,
                )
            number_of = {"BgpAsn": asn} if asn <= 2147483647 else {"BgpAsnExtended": asn}
            request = Request(
                "create_customer_gateway",
                {
                    "Type": "ipsec.1",
                    "IpAddress": address,
                    **number_of,
                    **self._tagged("customer-gateway", f"{self.vpn.name}-{number}"),
                },
                gives=("CustomerGateway", "CustomerGatewayId"),
            )
            self.planner.add("create", f"create customer gateway {address}", request)
            self.after["customer_gateways"] = [*self.after["customer_gateways"], address]

    # -- the attachment to the VPC

    def _attachment(self) -> None:
        vpc = self.estate.vpc
        if not vpc:
            if self.vpn.params.get("route_tables") is not None:
                raise InvalidInput(
                    f"{self.vpn.label}: route_tables: these belong to a VPC, and none is known: give vpc_id or "
                    "vpc_name",
                    resource=self.vpn.label,
                )
            return
        if self.kind == VIRTUAL:
            self._attach_virtual(vpc)
        elif self.vpn.asked.get("subnet_ids") or self.vpn.params.get("vpc_id") or self.vpn.params.get("vpc_name"):
            self._attach_transit(vpc)

    def _attach_virtual(self, vpc: Json) -> None:
        gateway = self.gateway
        if gateway and gateway["attachment"] in ("attaching", "attached"):
            if gateway["vpc_id"] != vpc["id"]:
                raise self.vpn.refused(
                    f"{gateway['id']} is attached to {gateway['vpc_id']}, and a virtual private gateway is attached "
                    f"to one VPC only. Correct vpc_id ({vpc['id']}), or make a VPN of another name.",
                    code="attached-elsewhere",
                )
            return
        other = self.estate.attached.get(vpc["id"])
        if other:
            raise self.vpn.refused(
                f"{vpc['id']} has the virtual private gateway {other} already, and a VPC has one only. To use it, say "
                f"gateway.id: {other}.",
                code="vpc-has-gateway",
            )
        waits = ""
        if not gateway or gateway["state"] != "available" or gateway["attachment"] == "detaching":
            waits = "the gateway"
        request = Request(
            "attach_vpn_gateway",
            {"VpnGatewayId": gateway["id"] if gateway else None, "VpcId": vpc["id"]},
            waits if gateway else "the gateway",
            busy=("IncorrectState",),
        )
        self.planner.add("update", f"attach the gateway to {vpc['id']}", request, fields=("vpc_id",))
        self.after["vpc_id"] = vpc["id"]

    def _attach_transit(self, vpc: Json) -> None:
        found = self.vpn._vpc_attachment(self.estate)
        wanted = self.vpn.asked.get("subnet_ids")
        ready = self.gateway and self.gateway["state"] == "available"
        if not found:
            if not wanted:
                raise self.vpn.refused(
                    f"{vpc['id']} has no attachment to the transit gateway, and to make one gateway.subnet_ids is "
                    "missing: one subnet of each zone whose instances shall be reached",
                    code="missing-subnets",
                )
            request = Request(
                "create_transit_gateway_vpc_attachment",
                {
                    "TransitGatewayId": self.gateway["id"] if self.gateway else None,
                    "VpcId": vpc["id"],
                    "SubnetIds": list(wanted),
                    **self._tagged("transit-gateway-attachment"),
                },
                "" if ready else "the gateway",
                gives=("TransitGatewayVpcAttachment", "TransitGatewayAttachmentId"),
                busy=("IncorrectState",),
            )
            self.planner.add("create", f"create the attachment of {vpc['id']}", request)
            self.after["vpc_id"] = vpc["id"]
            return
        missing = [item for item in wanted or [] if item not in found["subnet_ids"]]
        if missing:
            request = Request(
                "modify_transit_gateway_vpc_attachment",
                {"TransitGatewayAttachmentId": found["id"], "AddSubnetIds": missing},
                "" if found["state"] == "available" else "the attachment",
            )
            self.planner.add(
                "update", f"add {', '.join(missing)} to the attachment of {vpc['id']}", request, fields=("subnet_ids",)
            )

    # -- connections

    def _connections(self) -> None:
        mine = self.vpn.mine(self.estate)
        taken: list[str] = []
        fitting: dict[str, Json] = {}
        for address in self.vpn.addresses:
            for item in mine:
                if item["id"] not in taken and not self._unfit(item, address):
                    fitting[address] = item
                    taken.append(item["id"])
                    break
        left = [item for item in mine if item["id"] not in taken]
        deleting = [
            item for item in self.estate.connections if item["state"] == "deleting" and item["name"] == self.vpn.name
        ]
        # one at a time: the next one only when nothing is under way
        replaced = any(item["state"] != "available" for item in (*mine, *deleting))
        for number, address in enumerate(self.vpn.addresses):
            if address in fitting:
                self._check_static(fitting[address])
                continue
            old = next((item for item in left if item["customer_address"] == address), left[0] if left else None)
            waits = ""
            if old and not old["owned"]:
                raise self.vpn.refused(
                    f"the connection {old['id']} from {address} is not as wanted ({self._unfit(old, address)}), and "
                    "podreach.gke did not make it, so it is not replaced. Correct the options, or delete it with the "
                    "tool that made it.",
                    code="not-ours",
                )
            if old:
                left.remove(old)
                if not self._may_replace(old, [*fitting.values(), *left], address):
                    continue
                waits = "the last replacement" if replaced else ""
                request = Request("delete_vpn_connection", {"VpnConnectionId": old["id"]}, waits)
                self.planner.add(
                    "replace",
                    f"replace the connection to {old['customer_address']} by one to {address} "
                    f"({self._unfit(old, address)})",
                    request,
                    Grade.DESTRUCTIVE,
                    ("customer_gateway",),
                )
                replaced = True
                waits = "the deletion of the connection that it replaces"
            elif any(item["customer_address"] == address for item in deleting):
                waits = "the deletion of the last one"
            self._create_connection(number, address, waits)
        for item in left:
            self.planner.warnings.append(
                f"{self.vpn.label}: the connection {item['id']} to {item['customer_address']} is of this VPN, and "
                "customer_addresses does not mention it. It was left as it is."
            )

    def _unfit(self, item: Json, address: str) -> str:
        """Why a connection is not the one to this address, in words; empty if it is."""
        asn = self.vpn.params.get("customer_asn")
        if item["customer_address"] != address:
            return f"customer address {item['customer_address']}"
        if asn is not None and item["customer_asn"] != asn:
            return f"customer ASN {item['customer_asn']}, not {asn}"
        if self.gateway and item["gateway_id"] != self.gateway["id"]:
            return f"gateway {item['gateway_id']}, not {self.gateway['id']}"
        return ""

    def _check_static(self, item: Json) -> None:
        if item["static_only"]:
            raise self.vpn.refused(
                f"the connection {item['id']} uses static routes, without BGP, and AWS fixes that when it is made. "
                "Delete it with the tool that made it.",
                code="static-routes",
            )

    def _may_replace(self, old: Json, others: t.Sequence[Json], address: str) -> bool:
        """One connection at a time: the other one carries the traffic meanwhile, if there is any."""
        carries = any(tunnel["status"] == "UP" for tunnel in old["tunnels"])
        if self.vpn.params["allow_disruption"] or not carries:
            return True
        replacing = self.vpn.replaced or any(step.action == "replace" for step in self.planner.steps)
        if not replacing and any(tunnel["status"] == "UP" for item in others for tunnel in item["tunnels"]):
            return True
        if not replacing and not others:
            raise self.vpn.refused(
                f"the connection {old['id']} is to be replaced by one to {address}. It carries traffic, and there is "
                "no other. Say allow_disruption: true to do it.",
                code="disruption-not-allowed",
            )
        self.planner.warnings.append(
            f"{self.vpn.label}: the connection {old['id']} to {old['customer_address']} carries traffic and was left "
            f"as it is: run again when the tunnels of the other one are up, and it is replaced by one to {address}. "
            "allow_disruption: true replaces both in one run."
        )
        return False

    def _create_connection(self, number: int, address: str, waits: str) -> None:
        customer = self._customer(address)
        given = (self.vpn.params.get("connections") or [])[number:][:1]
        asked = (given[0].get("tunnels") if given else None) or []
        tunnels = [
            tunnel_options.creation(self.vpn.options, asked[index] if index < len(asked) else {}) for index in range(2)
        ]
        gateway_id = self.gateway["id"] if self.gateway else None
        target = "VpnGatewayId" if self.kind == VIRTUAL else "TransitGatewayId"
        if not customer:
            waits = waits or "the customer gateway"
        if not self.gateway or self.gateway["state"] != "available":
            waits = waits or "the gateway"
        request = Request(
            "create_vpn_connection",
            {
                "Type": "ipsec.1",
                "CustomerGatewayId": customer["id"] if customer else None,
                target: gateway_id,
                "Options": {"StaticRoutesOnly": False, "TunnelOptions": tunnels},
                **self._tagged("vpn-connection", f"{self.vpn.name}-{number}"),
            },
            waits,
            gives=("VpnConnection", "VpnConnectionId"),
            busy=("IncorrectState",),
        )
        self.planner.add("create", f"create the connection to {address}", request)
        seen: Json = {
            "customer_address": address,
            "customer_asn": self.vpn.params.get("customer_asn") or (customer or {}).get("asn"),
            "tunnels": [tunnel_options.shown(tunnel_options.as_answer(tunnel)) for tunnel in tunnels],
        }
        kept = [item for item in self.after["connections"] if item["customer_address"] != address]
        self.after["connections"] = [*kept, seen]

    # -- options of tunnels that exist

    def _tunnels(self) -> None:
        mine = {item["customer_address"]: item for item in self.vpn.mine(self.estate)}
        given = self.vpn.params.get("connections") or []
        changed = False
        for number, address in enumerate(self.vpn.addresses):
            item = mine.get(address)
            if not item or self._unfit(item, address):
                continue
            asked = (given[number].get("tunnels") if number < len(given) else None) or []
            for index, tunnel in enumerate(item["tunnels"]):
                wanted = asked[index] if index < len(asked) else {}
                fields = tunnel_options.differences(tunnel["current"], self.vpn.options, wanted)
                if not fields:
                    continue
                waits = "the last change" if changed or item["state"] != "available" else ""
                options = {name: self.vpn.options.get(name) for name in fields if name in tunnel_options.SPEC}
                own = {name: wanted.get(name) for name in fields if name not in tunnel_options.SPEC}
                request = Request(
                    "modify_vpn_tunnel_options",
                    {
                        "VpnConnectionId": item["id"],
                        "VpnTunnelOutsideIpAddress": tunnel["outside_ip_address"],
                        "TunnelOptions": tunnel_options.request(options, own),
                    },
                    waits,
                    busy=("IncorrectState",),
                )
                self.planner.add(
                    "update",
                    f"change {', '.join(fields)} of tunnel {index} of the connection to {address}",
                    request,
                    # replacing the tunnel's endpoint takes it down for some minutes
                    Grade.DISRUPTIVE if tunnel["status"] == "UP" else Grade.SAFE,
                    fields,
                )
                changed = True
                for seen in self.after["connections"]:
                    if seen["customer_address"] == address:
                        new = {**seen["tunnels"][index], **options, **own}
                        new.pop("pre_shared_key", None)
                        seen["tunnels"][index] = new

    def _orphans(self) -> None:
        """Customer gateways of replaced connections."""
        replaced = {
            step.request.arguments["VpnConnectionId"] for step in self.planner.steps if step.action == "replace"
        }
        for item in self.estate.customers:
            if not item["owned"] or item["name"] != self.vpn.name or not self.vpn.addresses:
                continue
            asn = self.vpn.params.get("customer_asn")
            if item["address"] in self.vpn.addresses and asn in (None, item["asn"]):
                continue
            users = [one for one in self.estate.connections if one["customer_gateway_id"] == item["id"]]
            if any(one["state"] in ALIVE and one["id"] not in replaced for one in users):
                continue
            if item["used"] and not users:
                continue
            request = Request(
                "delete_customer_gateway",
                {"CustomerGatewayId": item["id"]},
                "the deletion of its connection" if users else "",
                busy=("IncorrectState",),
            )
            summary = f"delete customer gateway {item['address']} ({item['id']})"
            self.planner.add("delete", summary, request, Grade.DESTRUCTIVE)
            if item["address"] in self.after["customer_gateways"]:
                self.after["customer_gateways"] = [
                    text for text in self.after["customer_gateways"] if text != item["address"]
                ]

    # -- the way to Google

    def _ways(self) -> None:
        vpc, ranges = self.estate.vpc, self.vpn.params.get("google_ranges") or []
        if vpc:
            for text in ranges:
                for block in vpc["ranges"]:
                    if addressing.parse(text).overlaps(addressing.parse(block)):
                        self._overlap(text, block)
        asked = self.vpn.params.get("route_tables") or []
        tables = choose_tables(self.estate.tables, asked, self.vpn.label) if vpc else []
        if self.kind == VIRTUAL:
            self._propagation(tables)
        else:
            self._transit_tables()
            self._static_routes(tables, ranges)

    def _overlap(self, text: str, block: str) -> None:
        raise self.vpn.refused(
            f"google_ranges: {text} overlaps {block} of the VPC, whose local route wins always: what is in both cannot "
            "be reached through the VPN. Use another range at Google, or leave this one out.",
            code="range-overlap",
        )

    def _propagation(self, tables: t.Sequence[Json]) -> None:
        gateway = self.gateway
        attached = gateway and gateway["attachment"] == "attached"
        seen = self.after.setdefault("route_tables", [])
        for table in tables:
            if gateway and gateway["id"] in table["propagating"]:
                continue
            request = Request(
                "enable_vgw_route_propagation",
                {"RouteTableId": table["id"], "GatewayId": gateway["id"] if gateway else None},
                "" if attached else "the attachment",
                busy=("Gateway.NotAttached", "IncorrectState"),
            )
            self.planner.add(
                "update", f"enable propagation into {shown_table(table)}", request, fields=("route_tables",)
            )
            seen.append(table["id"])
        if self.vpn.params["purge_route_tables"] and self.vpn.params.get("route_tables") is not None and gateway:
            for table in self.estate.tables:
                if table not in tables and gateway["id"] in table["propagating"]:
                    request = Request(
                        "disable_vgw_route_propagation", {"RouteTableId": table["id"], "GatewayId": gateway["id"]}
                    )
                    self.planner.add(
                        "update",
                        f"disable propagation into {shown_table(table)}",
                        request,
                        Grade.DISRUPTIVE,
                        ("route_tables",),
                    )
                    seen.remove(table["id"])

    def _transit_tables(self) -> None:
        """Association and propagation of what is attached, and of what will be, where a table is asked for."""
        table, gateway = self.vpn.asked.get("route_table_id"), self.gateway
        if not table or not gateway:
            return
        by_resource = {item["resource_id"]: item for item in self.estate.attachments}
        mine = {item["customer_address"]: item for item in self.vpn.mine(self.estate)}
        ends = [(f"the connection to {address}", mine.get(address)) for address in self.vpn.addresses]
        attached: list[tuple[str, Json | None]] = [
            (words, by_resource.get(item["id"]) if item else None) for words, item in ends
        ]
        if self.estate.vpc and self.after.get("vpc_id"):
            attached.append((self.estate.vpc["id"], self.vpn._vpc_attachment(self.estate)))
        for words, item in attached:
            self._associate(words, item, table, gateway)

    def _associate(self, words: str, item: Json | None, table: str, gateway: Json) -> None:
        present = item is not None and item["state"] == "available"
        # one that is not there yet gets what the gateway gives to all
        associated = item["table"] if item and present else gateway["associates"]
        if associated and associated != table:
            raise self.vpn.refused(
                f"gateway.route_table_id: {words} {'is' if present else 'would be'} associated with {associated}, not "
                f"with {table}. Correct the option, take the association away, or switch off the transit gateway's "
                "default association.",
                code="associated-elsewhere",
            )
        place = {"TransitGatewayAttachmentId": item["id"] if item else None, "TransitGatewayRouteTableId": table}
        waits = "" if present else "the attachment"
        if not associated:
            self.planner.add(
                "update",
                f"associate {words} with {table}",
                Request("associate_transit_gateway_route_table", place, waits, busy=("IncorrectState",)),
                fields=("route_table_id",),
            )
        propagated = table in item["propagated_to"] if item and present else gateway["propagates"] == table
        if not propagated:
            self.planner.add(
                "update",
                f"propagate {words} to {table}",
                Request("enable_transit_gateway_route_table_propagation", place, waits, busy=("IncorrectState",)),
                fields=("route_table_id",),
            )

    def _static_routes(self, tables: t.Sequence[Json], ranges: t.Sequence[str]) -> None:
        gateway, seen = self.gateway, self.after.setdefault("routes", [])
        attachment = self.vpn._vpc_attachment(self.estate)
        if tables and not ranges:
            self.planner.warnings.append(
                f"{self.vpn.label}: route_tables is given without google_ranges. Nothing is propagated from a transit "
                "gateway into a VPC, so no route was made."
            )
        for table in tables:
            routes = {route["to"]: route for route in table["routes"]}
            for text in ranges:
                known = routes.get(text)
                if known and gateway and known["target"] == gateway["id"]:
                    continue
                if known:
                    raise self.vpn.refused(
                        f"{shown_table(table)} has a route to {text} by {known['target']} already, and it is not "
                        "taken over. Delete it, or leave the range or the table out.",
                        code="route-exists",
                    )
                request = Request(
                    "create_route",
                    {
                        "RouteTableId": table["id"],
                        "DestinationCidrBlock": text,
                        "TransitGatewayId": gateway["id"] if gateway else None,
                    },
                    "" if attachment and attachment["state"] == "available" else "the attachment",
                )
                self.planner.add("update", f"route {text} in {shown_table(table)}", request, fields=("routes",))
                seen.append({"route_table": table["id"], "to": text})


class Removal:
    """state: absent. Only what is ours goes, what stands on something before it."""

    def __init__(self, planner: Planner) -> None:
        self.planner = planner
        self.vpn = planner.vpn
        self.estate = planner.estate
        self.gateway = planner.estate.gateway

    def plan(self) -> None:
        name, gateway = self.vpn.name, self.gateway
        ours = [item for item in self.estate.connections if item["owned"] and item["name"] == name]
        owned = bool(gateway and gateway["owned"] and gateway["name"] == name)
        if owned and gateway:
            self._refuse_others(gateway, ours)
        for item in ours:
            if item["state"] in ALIVE:
                self.planner.add(
                    "delete",
                    f"delete the connection to {item['customer_address']} ({item['id']})",
                    Request("delete_vpn_connection", {"VpnConnectionId": item["id"]}, busy=("IncorrectState",)),
                    Grade.DESTRUCTIVE,
                )
        gone = "the deletion of the connections" if ours else ""
        if gateway:
            self._ways(gateway, owned)
        for item in self.estate.customers:
            users = [one for one in self.estate.connections if one["customer_gateway_id"] == item["id"]]
            if item["owned"] and item["name"] == name and (users or not item["used"]):
                if any(one not in ours for one in users):
                    continue
                self.planner.add(
                    "delete",
                    f"delete customer gateway {item['address']} ({item['id']})",
                    Request(
                        "delete_customer_gateway",
                        {"CustomerGatewayId": item["id"]},
                        "the deletion of its connection" if users else "",
                        busy=("IncorrectState",),
                    ),
                    Grade.DESTRUCTIVE,
                )
        if gateway and owned:
            self._gateway(gateway, gone)
        elif gateway:
            self._own_attachment(gateway)
        if self.planner.steps:
            after = self.planner.after or {}
            kept: Json = {key: after[key] for key in ("name", "gateway") if key in after}
            self.planner.after = {**kept, "connections": []} if gateway and not owned else None

    def _refuse_others(self, gateway: Json, ours: t.Sequence[Json]) -> None:
        others = [item["id"] for item in self.estate.connections if item not in ours and item["state"] in ALIVE]
        mine = {item["id"] for item in ours}
        others += [
            f"{item['id']} of {item['resource_id']}"
            for item in self.estate.attachments
            if item["state"] != "deleting"
            and item["resource_id"] not in mine
            and not (item["owned"] and item["name"] == self.vpn.name)
        ]
        if others:
            raise self.vpn.refused(
                f"{gateway['id']} cannot go while others use it: {', '.join(others)}. Delete or move these first.",
                code="holds-others",
            )

    def _ways(self, gateway: Json, owned: bool) -> None:
        asked = self.vpn.params.get("route_tables") or []
        tables = self.estate.tables if owned else choose_tables(self.estate.tables, asked, self.vpn.label)
        ranges = self.vpn.params.get("google_ranges") or []
        for table in tables:
            if gateway["id"] in table["propagating"]:
                place = {"RouteTableId": table["id"], "GatewayId": gateway["id"]}
                request = Request("disable_vgw_route_propagation", place)
                summary = f"disable propagation into {shown_table(table)}"
                self.planner.add("update", summary, request, Grade.DESTRUCTIVE, ("route_tables",))
            for route in table["routes"]:
                if route["target"] != gateway["id"] or route["propagated"]:
                    continue
                if owned or route["to"] in ranges:
                    place = {"RouteTableId": table["id"], "DestinationCidrBlock": route["to"]}
                    summary = f"delete the route to {route['to']} of {shown_table(table)}"
                    self.planner.add("delete", summary, Request("delete_route", place), Grade.DESTRUCTIVE)

    def _own_attachment(self, gateway: Json) -> None:
        """The attachment that was made here to a transit gateway of somebody else's."""
        deleted = {
            (step.request.arguments["RouteTableId"], step.request.arguments["DestinationCidrBlock"])
            for step in self.planner.steps
            if step.request.operation == "delete_route"
        }
        for item in self.estate.attachments:
            if item["kind"] != "vpc" or not item["owned"] or item["name"] != self.vpn.name:
                continue
            if item["state"] == "deleting":
                continue
            self._delete_attachment(item)
            for table in self.estate.tables:
                for route in table["routes"]:
                    if route["target"] == gateway["id"] and (table["id"], route["to"]) not in deleted:
                        self.planner.warnings.append(
                            f"{self.vpn.label}: the route to {route['to']} of {shown_table(table)} leads to "
                            f"{gateway['id']} and nowhere any more. Name it by google_ranges and route_tables to have "
                            "it deleted too."
                        )

    def _delete_attachment(self, item: Json) -> None:
        place = {"TransitGatewayAttachmentId": item["id"]}
        request = Request("delete_transit_gateway_vpc_attachment", place, busy=("IncorrectState",))
        summary = f"delete the attachment of {item['resource_id']} ({item['id']})"
        self.planner.add("delete", summary, request, Grade.DESTRUCTIVE)

    def _gateway(self, gateway: Json, gone: str) -> None:
        attachment = "the attachment"
        if gateway["kind"] == VIRTUAL:
            if gateway["attachment"] in ("attaching", "attached"):
                place = {"VpnGatewayId": gateway["id"], "VpcId": gateway["vpc_id"]}
                request = Request("detach_vpn_gateway", place, gone)
                summary = f"detach {gateway['id']} from {gateway['vpc_id']}"
                self.planner.add("update", summary, request, Grade.DESTRUCTIVE, ("vpc_id",))
            waits = gone or (attachment if gateway["attachment"] else "")
            last = Request("delete_vpn_gateway", {"VpnGatewayId": gateway["id"]}, waits, busy=("IncorrectState",))
        else:
            held = [item for item in self.estate.attachments if item["kind"] == "vpc"]
            for item in held:
                if item["state"] != "deleting":
                    self._delete_attachment(item)
            waits = gone or (attachment if self.estate.attachments else "")
            place = {"TransitGatewayId": gateway["id"]}
            last = Request("delete_transit_gateway", place, waits, busy=("IncorrectState",))
        if gateway["state"] not in ("deleting", "deleted"):
            summary = f"delete {gateway['kind']} {self.vpn.name} ({gateway['id']})"
            self.planner.add("delete", summary, last, Grade.DESTRUCTIVE)


def shown_table(table: Json) -> str:
    """A route table in words."""
    return f"route table {table['name']} ({table['id']})" if table["name"] else f"route table {table['id']}"
