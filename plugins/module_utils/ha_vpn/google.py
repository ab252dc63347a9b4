# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Google's half of an HA VPN, as resources."""

from __future__ import annotations

import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ..arguments import ArgumentSpec, Call
from ..gcp import external_vpn_gateways, routers, vpn_gateways, vpn_tunnels
from ..gcp.client import Client
from ..gcp.resource import GcpResource
from .slots import Json, Slot, addresses, candidates, description

Kind = t.TypeVar("Kind", bound=GcpResource)

#: options of the module that every resource has too
COMMON = ("state", "wait", "timeout", "allow_disruption", "projects", "unmarked", "project")


class Router(routers.Router):
    role = "vpn"


class Tunnel(vpn_tunnels.VpnTunnel):
    """A tunnel of a VPN, which may be replaced by the word for all of it as well."""

    def word(self, option: str, value: str) -> str:
        if option != "confirm_replace":
            return super().word(option, value)
        return (
            f"{super().word(option, value)} for this one, or {option}: {self.params['vpn_gateway']} for all that need "
            "it, one after the other,"
        )


class ExternalGateway(external_vpn_gateways.ExternalVpnGateway):
    pass


class Google:
    """Makes the resources that the module's options ask for."""

    def __init__(self, client: Client, call: Call, prefix_limit: int) -> None:
        self.client = client
        self.call = call
        self.params = call.params
        self.prefix_limit = prefix_limit
        self.name: str = self.params["name"]
        self.router_name: str = self.params["router"] or f"{self.name}-router"
        self.external_name: str = self.params["external_gateway"] or f"{self.name}-peer"
        self.project: str = self.params.get("project") or client.project or ""
        self.where = f"projects/{self.project}/regions/{self.params['region']}"

    def made(self, kind: type[Kind], spec: ArgumentSpec, **given: t.Any) -> Kind:
        """A resource with these options; all others have their defaults."""
        options = {name: value for name, value in given.items() if value is not None and name in spec.options}
        checked = ArgumentSpecValidator(spec.options).validate(options).validated_parameters
        common = {name: self.params.get(name) for name in COMMON}
        return kind(self.client, self.call, {**checked, **common, "state": given.get("state") or common["state"]})

    def router(self) -> Router:
        names = ("asn", "advertise_mode", "advertised_groups", "advertised_ip_ranges")
        bgp = {name: self.params[name] for name in names if self.params[name] is not None}
        return self.made(
            Router,
            routers.SPEC,
            name=self.router_name,
            region=self.params["region"],
            network=self.params["network"],
            bgp=bgp or None,
            purge_advertisement=self.params["purge_advertisement"],
            confirm_withdraw_subnets=self.params["confirm_withdraw_subnets"],
            advertised_prefix_limit=self.prefix_limit,
        )

    def gateway(self) -> vpn_gateways.VpnGateway:
        return self.made(
            vpn_gateways.VpnGateway,
            vpn_gateways.SPEC,
            name=self.name,
            region=self.params["region"],
            network=self.params["network"],
        )

    def external(self, name: str, numbers: t.Mapping[str, int] | None = None) -> ExternalGateway:
        """An external gateway with these addresses; without them one that goes."""
        if numbers is None:
            return self.made(ExternalGateway, external_vpn_gateways.SPEC, name=name, state="absent")
        ends = [{"id": number, "ip_address": address} for address, number in numbers.items()]
        return self.made(
            ExternalGateway,
            external_vpn_gateways.SPEC,
            name=name,
            interfaces=sorted(ends, key=lambda item: item["id"]),
            description=description(self.name) if name in candidates(self.external_name)[1:] else None,
        )

    def tunnel(
        self, slot: Slot, external: str = "", number: int = 0, key: str | None = None, because: str = ""
    ) -> Tunnel:
        """The tunnel of a slot. ``because`` says why it gets its key anew, where it does."""
        if self.params["state"] == "absent":
            return self.made(Tunnel, vpn_tunnels.SPEC, name=slot.tunnel, region=self.params["region"])
        made = self.made(
            Tunnel,
            vpn_tunnels.SPEC,
            name=slot.tunnel,
            region=self.params["region"],
            vpn_gateway=self.name,
            vpn_gateway_interface=slot.place,
            peer_external_gateway=external,
            peer_external_gateway_interface=number,
            router=self.router_name,
            shared_secret=key,
            update_secret="always" if because else "on_create",
        )
        made.because = because or made.because
        return made

    def sessions(self, slots: t.Sequence[Slot], peer_asn: int | None = None) -> routers.RouterSessions:
        """The interfaces and sessions of these slots, switched on."""
        return self._sessions(
            [
                {"name": slot.interface, "ip_range": slot.end.ip_range, "linked_vpn_tunnel": slot.tunnel}
                for slot in slots
            ],
            [
                {
                    "name": slot.session,
                    "interface_name": slot.interface,
                    "peer_ip_address": slot.end.peer_ip_address,
                    "peer_asn": peer_asn,
                    "enable": True,
                }
                for slot in slots
            ],
        )

    def switched(self, slots: t.Sequence[Slot], *, on: bool) -> routers.RouterSessions:
        """The sessions of these slots, switched on or off and otherwise as they are."""
        return self._sessions([], [{"name": slot.session, "enable": on} for slot in slots])

    def _sessions(self, interfaces: list[Json], peers: list[Json]) -> routers.RouterSessions:
        def said(items: list[Json]) -> list[Json]:
            return [{name: value for name, value in item.items() if value is not None} for item in items]

        return self.made(
            routers.RouterSessions,
            routers.SPEC,
            name=self.router_name,
            region=self.params["region"],
            interfaces=said(interfaces),
            bgp_peers=said(peers),
            advertised_prefix_limit=self.prefix_limit,
        )

    def outside(self, tunnel: Json, externals: t.Mapping[str, Json]) -> str | None:
        """The address that a tunnel that exists leads to."""
        name = str(tunnel.get("peerExternalGateway") or "").rsplit("/", 1)[-1]
        number = int(tunnel.get("peerExternalGatewayInterface") or 0)
        return addresses(externals.get(name, {})).get(number) or tunnel.get("peerIp")
