# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps that make AWS's half of a VPN, or bring it to what is wanted."""

from __future__ import annotations

import typing as t

from .. import addressing
from ..engine import Grade
from ..errors import InvalidInput
from . import new_routes, tags, tunnel_options
from .vpn_reading import ALIVE, VIRTUAL, Json, choose_subnets, choose_tables
from .vpn_steps import NEW_KEY, Planner, Request, shown_table

DEFAULT_ASN = 64512


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
        elif self.vpn.asked.get("subnets") or self.vpn.params.get("vpc_id") or self.vpn.params.get("vpc_name"):
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
        attached = found["subnet_ids"] if found else []
        wanted = choose_subnets(self.estate.subnets, self.vpn.asked.get("subnets") or [], attached, self.vpn.label)
        ready = self.gateway and self.gateway["state"] == "available"
        if not found:
            if not wanted:
                raise self.vpn.refused(
                    f"{vpc['id']} has no attachment to the transit gateway, and to make one gateway.subnets is "
                    "missing: one subnet of each zone whose instances shall be reached",
                    code="missing-subnets",
                )
            request = Request(
                "create_transit_gateway_vpc_attachment",
                {
                    "TransitGatewayId": self.gateway["id"] if self.gateway else None,
                    "VpcId": vpc["id"],
                    "SubnetIds": wanted,
                    **self._tagged("transit-gateway-attachment"),
                },
                "" if ready else "the gateway",
                gives=("TransitGatewayVpcAttachment", "TransitGatewayAttachmentId"),
                busy=("IncorrectState",),
            )
            self.planner.add("create", f"create the attachment of {vpc['id']}", request)
            self.after["vpc_id"] = vpc["id"]
            return
        missing = [item for item in wanted if item not in attached]
        if missing:
            request = Request(
                "modify_transit_gateway_vpc_attachment",
                {"TransitGatewayAttachmentId": found["id"], "AddSubnetIds": missing},
                "" if found["state"] == "available" else "the attachment",
            )
            self.planner.add(
                "update", f"add {', '.join(missing)} to the attachment of {vpc['id']}", request, fields=("subnets",)
            )

    # -- connections

    def _connections(self) -> None:
        mine = self.vpn.mine(self.estate)
        taken: list[str] = []
        fitting: dict[str, Json] = {}
        for address in self.vpn.addresses:
            for item in mine:
                if item["id"] not in taken and not self.unfit(item, address):
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
            # its own, else one that no address is left for
            strays = [item for item in left if item["customer_address"] not in self.vpn.addresses]
            own = [item for item in left if item["customer_address"] == address]
            old = next(iter([*own, *strays]), None)
            waits = ""
            if old and not old["owned"]:
                raise self.vpn.refused(
                    f"the connection {old['id']} from {address} is not as wanted ({self.unfit(old, address)}), and "
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
                    f"({self.unfit(old, address)})",
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

    def unfit(self, item: Json, address: str) -> str:
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
        replacing = self.vpn.replaced or any(step.action == "replace" for step in self.planner.steps)
        allowed = self.vpn.params["allow_disruption"] and not (self.vpn.serial and replacing)
        if allowed or self.vpn.foresees or not carries:
            return True
        if not replacing and any(tunnel["status"] == "UP" for item in others for tunnel in item["tunnels"]):
            return True
        if not replacing and not others:
            raise self.vpn.refused(
                f"the connection {old['id']} is to be replaced by one to {address}. It carries traffic, and there is "
                "no other. Say allow_disruption: true to do it.",
                code="disruption-not-allowed",
            )
        self.planner.postponed.append(old["id"])
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
            if not item or self.unfit(item, address):
                continue
            asked = (given[number].get("tunnels") if number < len(given) else None) or []
            for index, tunnel in enumerate(item["tunnels"]):
                if self.vpn.only is not None and (address, index) not in self.vpn.only:
                    continue
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
                    f"change {', '.join(fields)} of {self.vpn.tunnel_word(address, index)}",
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
                        if "pre_shared_key" in fields:
                            new["pre_shared_key"] = NEW_KEY
                            self.planner.keys.append((address, index))

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
            words, grade = self._news(table, self.vpn.google_prefixes())
            summary = f"enable propagation into {shown_table(table)}{words}"
            self.planner.add("update", summary, request, grade, fields=("route_tables",))
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

    def _news(self, table: Json, ranges: t.Iterable[str]) -> tuple[str, Grade]:
        """What a step brings into a table, in words, and what it may cost."""
        blocks = self.estate.vpc["ranges"] if self.estate.vpc else []
        coming = new_routes.judged(table, ranges, blocks, self.gateway["id"] if self.gateway else None)
        self.planner.coming += coming
        taken = any(item.problem for item in coming)
        return new_routes.in_words(coming), Grade.DISRUPTIVE if taken else Grade.SAFE

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
                words, grade = self._news(table, [text])
                summary = f"route {text} in {shown_table(table)}{words if grade is not Grade.SAFE else ''}"
                self.planner.add("update", summary, request, grade, fields=("routes",))
                seen.append({"route_table": table["id"], "to": text})
