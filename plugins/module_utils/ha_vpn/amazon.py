# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS's half of an HA VPN, as one resource, and what Google's half takes from it."""

from __future__ import annotations

import dataclasses
import typing as t

from ..arguments import Call
from ..aws import tunnel_options, vpn_reading
from ..aws.client import Client
from ..aws.session import AUTH_SPEC
from ..aws.vpn import SPEC, AwsVpn
from ..aws.vpn_reading import TRANSIT, kind_of
from ..engine import Step
from .slots import PEER_ADDRESSES, End, Json, slots

#: options of the AWS module that the VPN gives itself
GIVEN = ("name", "customer_asn", "customer_addresses", "include_pre_shared_keys")
#: AWS's ASN where nothing else is said
DEFAULT_ASN = 64512


class Amazon:
    """AWS's half as the module's options ask for it."""

    def __init__(self, call: Call) -> None:
        params = call.params
        aws = params["aws"] or {}
        own = {name: params.get(f"aws_{name}") for name in AUTH_SPEC.options if name != "environment"}
        common = {
            name: params[name] for name in ("name", "environment", "state", "wait", "timeout", "allow_disruption")
        }
        self.params: Json = {**dict.fromkeys(SPEC.options), **aws, **own, **common, "include_pre_shared_keys": False}
        for option in ("make_keys", "purge_route_tables"):
            self.params[option] = bool(self.params[option])
        self.keys: list[str] = params["pre_shared_keys"]
        self.call = dataclasses.replace(call, params=self.params)
        self.client = Client.for_call(self.call)
        #: what Google's sessions will advertise
        self.announced: t.Callable[[], t.Sequence[str]] | None = None

    def vpn(self, addresses: t.Sequence[str] = (), asn: int | None = None) -> AwsVpn:
        """The resource, for these addresses of Google's gateway. Connections are replaced one by one."""
        connections = []
        for number in range(len(addresses)):
            said = (self.params["connections"] or [])[number : number + 1]
            tunnels = (said[0].get("tunnels") if said else None) or []
            both = []
            for index in range(2):
                inside = (tunnels[index] if index < len(tunnels) else {}).get("inside_cidr")
                key = self.keys[2 * number + index] if self.keys else None
                both.append({"inside_cidr": inside, "pre_shared_key": key})
            connections.append({"tunnels": both})
        params = {
            **self.params,
            "customer_asn": asn,
            "customer_addresses": list(addresses),
            "connections": connections,
        }
        made = AwsVpn(self.client, dataclasses.replace(self.call, params=params))
        made.serial = True
        # whoever changes a tunnel here waits for it with Google's end in view
        made.awaits = False
        made.announced = self.announced
        of = slots(self.params["name"], [End(address) for address in addresses for _number in range(2)])
        made.words = {(slot.end.ip_address, slot.number): f"{slot.tunnel} at AWS" for slot in of}
        return made

    def transit(self) -> bool:
        """Whether the other end is a transit gateway, as far as the options say it."""
        asked = self.params["gateway"] or {}
        return TRANSIT in (asked.get("type"), kind_of(asked.get("id") or ""))

    def ends(self, vpn: AwsVpn, inside: t.Sequence[str]) -> list[End]:
        """The four ends as AWS has them; for those that it has still to choose, addresses that stand for them."""
        found = []
        fitting = {**self.postponed(vpn), **vpn.fitting()}
        for number, address in enumerate(vpn.addresses):
            tunnels = fitting.get(address, {}).get("tunnels") or []
            for index in range(2):
                at = 2 * number + index
                tunnel = tunnels[index] if index < len(tunnels) else {}
                asked = vpn.params["connections"][number]["tunnels"][index]["inside_cidr"]
                mine, theirs = tunnel_options.ends(asked or inside[at])
                found.append(
                    End(
                        tunnel.get("outside_ip_address") or PEER_ADDRESSES[at],
                        tunnel.get("customer_inside_range") or theirs,
                        tunnel.get("aws_inside_address") or mine,
                    )
                )
        return found

    @staticmethod
    def postponed(vpn: AwsVpn) -> dict[str, Json]:
        """The connections that stay as they are until others are replaced, by customer address."""
        mine = vpn.mine(vpn.estate)
        return {item["customer_address"]: item for item in mine if item["id"] in vpn.postponed}

    def key(self, vpn: AwsVpn, place: int, number: int) -> str | None:
        """A tunnel's key: as given, else as AWS has it."""
        if self.keys:
            return self.keys[2 * place + number]
        tunnels = vpn.fitting().get(vpn.addresses[place], {}).get("tunnels") or []
        return tunnels[number]["current"].get("PreSharedKey") if number < len(tunnels) else None

    @staticmethod
    def changes(vpn: AwsVpn, steps: t.Sequence[Step]) -> dict[tuple[int, int], Step]:
        """The steps that change options of tunnels that exist, by place and number of the tunnel."""
        found = {}
        outside = {
            tunnel["outside_ip_address"]: (vpn.addresses.index(address), index)
            for address, item in vpn.fitting().items()
            for index, tunnel in enumerate(item["tunnels"])
        }
        for step in steps:
            if step.request.operation == "modify_vpn_tunnel_options":
                found[outside[step.request.arguments["VpnTunnelOutsideIpAddress"]]] = step
        return found

    def connections(self) -> list[Json]:
        """All connections of the region with what AWS says of their tunnels now."""
        known = vpn_reading.customers(self.client)
        return vpn_reading.connections(self.client, known, self.call.secrets)
