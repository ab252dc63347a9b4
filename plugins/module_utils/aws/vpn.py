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

import ipaddress
import typing as t

from .. import addressing
from ..arguments import ArgumentSpec, Call
from ..engine import Grade, Plan, Step, Usual
from ..errors import ApiError, Conflict, InvalidInput, PodreachError, Refused, raise_all
from . import tunnel_options
from .client import Client
from .new_routes import Coming
from .vpn_making import Making
from .vpn_reading import (
    ALIVE,
    TRANSIT,
    VIRTUAL,
    Estate,
    Json,
    kind_of,
    read,
    shown_connection,
    shown_gateway,
)
from .vpn_removal import Removal
from .vpn_steps import Planner, Request

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
                "subnets": {"type": "list", "elements": "str"},
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


class AwsVpn(Usual):
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
        #: whether connections are replaced one by one even where traffic may be cut; whoever says so runs it again
        self.serial = False
        #: whether a tunnel that was up and is changed is waited for before the next one is
        self.awaits = True
        #: whether what will be replaced in later runs is planned too
        self.foresees = False
        #: the tunnels whose options may be changed, by customer address and number; None: all
        self.only: frozenset[tuple[str, int]] | None = None
        #: what messages call a tunnel instead, by customer address and number
        self.words: dict[tuple[str, int], str] = {}
        #: what Google's sessions will advertise, where that is known; asked for where a route table is to take it
        self.announced: t.Callable[[], t.Sequence[str]] | None = None
        #: what route tables had got from the gateway when it was read first
        self._propagated: tuple[str, ...] | None = None
        #: routes that the first plan would newly bring
        self.coming: list[Coming] | None = None
        #: connections whose turn to be replaced has not come, by the last plan
        self.postponed: list[str] = []
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
        for option in ("route_table_id", "subnets"):
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
        if self._propagated is None:
            gateway = (self.estate.gateway or {}).get("id")
            routes = [route for table in self.estate.tables for route in table["routes"] if route["propagated"]]
            self._propagated = tuple(route["to"] for route in routes if route["target"] == gateway)
        return self.projection(self.estate)

    def google_prefixes(self) -> set[str]:
        """What a route table gets that takes what the gateway learns, as far as it is known: what other tables got
        before the first change, and what Google's sessions will advertise. That does not change within a run, so that
        no step is judged otherwise when its turn comes."""
        said = self.announced() if self.announced else self.params.get("google_ranges") or []
        return {*said, *(self._propagated or ())}

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
        self.postponed = planner.postponed
        if self.coming is None:
            self.coming = planner.coming
        after = planner.after if planner.steps else current
        return Plan(planner.before(current), after, tuple(planner.steps), tuple(dict.fromkeys(planner.warnings)))

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
        if request.operation == "modify_vpn_tunnel_options" and step.grade is Grade.DISRUPTIVE and self.awaits:
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
        if "TunnelOptions" not in arguments.get("Options", {}) or not self.params["make_keys"]:
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

    def tunnel_word(self, address: str, number: int) -> str:
        """A tunnel as messages and summaries name it."""
        return self.words.get((address, number), f"tunnel {number} of the connection to {address}")

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

    def fitting(self) -> dict[str, Json]:
        """The connections that are as wanted, apart from options of their tunnels, by customer address."""
        making = Making(Planner(self, self.estate))
        found: dict[str, Json] = {}
        for item in self.mine(self.estate):
            address = item["customer_address"]
            if address in self.addresses and address not in found and not making.unfit(item, address):
                found[address] = item
        return found

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
        coming = [item.as_result() for item in self.coming or []]
        if predicted and planned is None:
            return {"gateway": None, "vpc_id": vpc_id, "connections": [], "new_routes": coming}
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
        return {"gateway": gateway, "vpc_id": vpc_id, "connections": found, "new_routes": coming}

    # ---- the plan

    def _planned(self) -> Planner:
        planner = Planner(self, self.estate)
        if self.params["state"] == "absent":
            Removal(planner).plan()
        else:
            Making(planner).plan()
        return planner
