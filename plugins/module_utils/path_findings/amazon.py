# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS's side of a path: VPN connections, their tunnels, and what the route tables have."""

from __future__ import annotations

import ipaddress
import typing as t

from .. import addressing, bgp
from .google import IPSEC_UP, TUNNEL_DOWN, Google
from .sheet import Json, Sheet

PROPAGATION_OFF = "aws-propagation-off"
NOT_PROPAGATED = "aws-range-not-propagated"
NO_ROUTE_ACCEPTED = "aws-no-route-accepted"
SHADOWED = "aws-route-shadowed"
#: Error codes of what is not there; before a first run that is no error.
NOT_THERE = ("vpc-not-found", "gateway-not-found")


class Amazon:
    """VPN connections at AWS, their tunnels, and what the route tables have."""

    def __init__(self, sheet: Sheet, answer: Json, google: Google) -> None:
        self.sheet = sheet
        self.answer = answer
        self.google = google
        #: Google's tunnels by AWS's addresses
        self.tunnels = {str(tunnel.get("peerIp")): tunnel for tunnel in google.tunnels if tunnel.get("peerIp")}
        self.sessions = {
            str(session.tunnel.get("peerIp")): session for session in google.sessions if session.tunnel is not None
        }

    def judge(self) -> None:
        vpns = self.answer.get("vpns")
        if vpns is None:
            code = (self.answer.get("error") or {}).get("code")
            if code in NOT_THERE and self.sheet.asked.planned:
                self.sheet.later("AWS VPN", "", "its VPC or gateway is not there")
            else:
                self.sheet.unread("AWS VPN", self.answer)
            return
        if not vpns:
            check = "check region, account and verify_aws_vpn"
            self.sheet.absent("AWS VPN", "", "aws-vpn-not-found", "AWS has no such VPN", check)
        for vpn in vpns:
            self._judge_tunnels(vpn)
            self._judge_ranges(vpn)

    def _ours(self, vpn: Json) -> list[tuple[str, Json]]:
        """The tunnels with their names; where Google's are known, only of connections that one of those leads to."""
        found = []
        for connection in vpn.get("connections") or []:
            tunnels = connection.get("tunnels") or []
            if not self.tunnels or any(str(item.get("outside_ip_address")) in self.tunnels for item in tunnels):
                found += [(f"{connection['id']}/{item.get('outside_ip_address')}", item) for item in tunnels]
        return found

    def _judge_tunnels(self, vpn: Json) -> None:
        ours = self._ours(vpn)
        connections = vpn.get("connections") or []
        gateway = (vpn.get("gateway") or {}).get("id") or vpn.get("name") or "the VPN"
        if connections and not ours:
            self.sheet.warnings.append(f"no VPN connection of {gateway} leads to a tunnel that was read at Google")
        carries = any(self._is_up(item) and item.get("accepted_route_count") for _name, item in ours)
        spoken = set()
        for name, item in ours:
            address = str(item.get("outside_ip_address"))
            status, said = (
                str(item.get("status") or "not reported"),
                str(item.get("status_message") or "no reason given"),
            )
            accepts = ", accepts 0" if status == "UP" and not item.get("accepted_route_count") else ""
            here = self.tunnels.get(address)
            leads = f"{here['name']}: " if here else ""
            self.sheet.row("AWS tunnel", name, status, f"{leads}{said}{accepts}")
            if status != "UP" or not item.get("accepted_route_count"):
                spoken.add(address)
                self._judge_tunnel(name, item, status, said, carries=carries)
        self.sheet.warnings += [
            text for text in vpn.get("warnings") or [] if not any(f"({address})" in text for address in spoken)
        ]

    @staticmethod
    def _is_up(item: Json) -> bool:
        return item.get("status") == "UP"

    def _judge_tunnel(self, name: str, item: Json, status: str, said: str, *, carries: bool) -> None:
        """One that is down or accepts nothing. What Google's side explains is not said again."""
        address = str(item.get("outside_ip_address"))
        here, session = self.tunnels.get(address), self.sessions.get(address)
        fails = self.sheet.asked.redundancy or not carries
        if self.tunnels and here is None:
            told = f"{name} at AWS has no tunnel at Google"
            self.sheet.find(TUNNEL_DOWN, name, told, "make it, as podreach.gke.site does", fails=fails)
        elif session and session.up and status != "UP":
            self.sheet.warnings.append(
                f"AWS still reports {name} {status} ({said}), while {session.where} is {session.state}: "
                "its report may lag by minutes"
            )
        elif (here and here.get("status") != "ESTABLISHED") or (session and not session.up):
            return
        elif status != "UP":
            code = bgp.SESSION_DOWN if said == IPSEC_UP else TUNNEL_DOWN
            self.sheet.find(code, name, f"AWS has {name} {status}: {said}", fails=fails)
        else:
            self.sheet.find(
                NO_ROUTE_ACCEPTED,
                name,
                f"{name} is up, and AWS accepted no route over it",
                "see what its session advertises",
                fails=fails,
            )

    def _judge_ranges(self, vpn: Json) -> None:
        tables = vpn.get("route_tables") or []
        gateway = vpn.get("gateway") or {}
        where = str(gateway.get("id") or vpn.get("name") or "AWS")
        by_transit = gateway.get("type") == "transit_gateway"
        learned = ipv4_ranges(vpn.get("propagated_ranges") or [])
        routed = ipv4_ranges([cidr for table in tables for cidr in table.get("ranges") or []])
        blocks = ipv4_ranges(vpn.get("vpc_ranges") or [])
        for wanted in self.google.ranges():
            inside = [block for block in blocks if addressing.parse(block).overlaps(addressing.parse(wanted.cidr))]
            if inside:
                self.sheet.row("AWS route", wanted.label, "shadowed", f"{wanted.cidr}, the VPC has {inside[0]}")
                self.sheet.find(
                    SHADOWED,
                    where,
                    f"{wanted.label} ({wanted.cidr}) overlaps {inside[0]} of the VPC, whose local route always "
                    "wins, so no answer leaves AWS",
                    "give one of the two another range",
                )
                continue
            shown = wanted.cidr if wanted.label == wanted.cidr else f"{wanted.label} ({wanted.cidr})"
            unknown = bgp.coverage(wanted.cidr, learned if by_transit else {*learned, *routed}).missing
            unrouted = by_transit and bgp.coverage(wanted.cidr, routed).missing
            if not unknown and not unrouted:
                lacking = [
                    table
                    for table in tables
                    if bgp.coverage(wanted.cidr, ipv4_ranges(table.get("ranges") or [])).missing
                ]
                some = f" in {len(tables) - len(lacking)} of {len(tables)} route tables" if lacking else ""
                self.sheet.row("AWS route", wanted.label, "present", f"{wanted.cidr}{some}")
                if by_transit:
                    self.sheet.warnings += [
                        f"route table {table.get('name') or table['id']} has no route to {shown}" for table in lacking
                    ]
                continue
            if self.sheet.asked.planned:
                self.sheet.later("AWS route", wanted.label, wanted.cidr)
                continue
            gaps = ", ".join(unknown or unrouted or ())
            gap = "" if gaps == wanted.cidr else f", {gaps} is missing"
            self.sheet.row("AWS route", wanted.label, "missing", f"{wanted.cidr}{gap}")
            off = [str(table.get("name") or table["id"]) for table in tables if not table.get("propagating")]
            if unrouted and not unknown:
                self.sheet.find(
                    "tgw-route-missing",
                    where,
                    f"no route table of the VPC sends {shown} to {where}{gap}",
                    "give the subnets' tables a route",
                )
            elif not by_transit and tables and len(off) == len(tables):
                self.sheet.find(
                    PROPAGATION_OFF,
                    where,
                    f"no route table takes routes of {where}, so {shown} has none",
                    f"enable propagation on the table of the instances' subnet ({', '.join(off)})",
                )
            elif wanted.cidr not in self.google.missing:
                # else what is missing at Google is the cause
                self.sheet.find(
                    "tgw-propagation" if by_transit else NOT_PROPAGATED,
                    where,
                    f"{shown} is in no route table behind {where}{gap}",
                    "see whether a session advertises it, AWS accepts it and the gateway propagates it",
                )


def ipv4_ranges(ranges: t.Iterable[str]) -> list[str]:
    """IPv4 ranges among the texts; a prefix list's id, say, is none."""
    found = []
    for text in ranges:
        try:
            found.append(str(ipaddress.IPv4Network(text)))
        except ValueError:
            continue
    return found
