# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps that take AWS's half of a VPN away."""

from __future__ import annotations

import typing as t

from ..engine import Grade
from .vpn_reading import ALIVE, VIRTUAL, Json, choose_tables
from .vpn_steps import Planner, Request, shown_table


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
