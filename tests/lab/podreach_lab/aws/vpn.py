# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VPN at AWS: virtual private gateways, customer gateways and VPN connections, as moto has them and further.

What moto lacks is here: tunnel options, telemetry, a true configuration for the other side, the rules about ASNs, the
time that things take, Modify*, static routes. Values that nobody chose (outside addresses, inside ranges, keys) differ
for every tunnel of the lab.
"""

from __future__ import annotations

import datetime
import ipaddress
import typing as t

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.models import EC2Backend
from moto.ec2.models.customer_gateways import CustomerGateway
from moto.ec2.models.vpn_connections import VPNConnection
from moto.ec2.models.vpn_gateway import VPCGatewayAttachment, VpnGateway
from moto.ec2.responses import EC2Response
from moto.ec2.utils import generic_filter, random_vpn_connection_id

from ..wan import report
from . import customer_configuration, tunnel_options
from .answers import Refused, invalid_value
from .places import Place, advance

Json = dict[str, t.Any]

DEFAULT_ASN = 64512
DEFAULT_CUSTOMER_ASN = 65000
ALIVE = ("pending", "available", "modifying")


def checked_asn(asked: object) -> int:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpnGateway.html"""
    asn = DEFAULT_ASN if asked is None else int(str(asked))
    if not (64512 <= asn <= 65534 or 4200000000 <= asn <= 4294967294):
        raise invalid_value("amazonSideAsn", asn, "It must be in 64512-65534 or 4200000000-4294967294.")
    return asn


class LabVpnConnection(VPNConnection):
    """moto's connection with all that AWS tells of it. Attributes are named as botocore's model has them."""

    category = "VPN"

    def __init__(self, place: Place, *arguments: t.Any, options: Json, **more: t.Any) -> None:
        super().__init__(*arguments, **more)
        self.place = place
        self.vpn_connection_id = self.id
        self.options = options
        self.state = "pending"
        self.routes: list[Json] = []
        self.gateway_association_state = "associated"

    @property
    def gateway(self) -> str:
        return str(self.vpn_gateway_id or self.transit_gateway_id)

    @property
    def tunnel_set(self) -> list[Json]:
        return t.cast(list[Json], self.options["TunnelOptions"])

    def living_tunnels(self) -> list[Json]:
        return [] if self.state == "deleted" else self.tunnel_set

    @property
    def static_only(self) -> bool:
        return bool(self.options["StaticRoutesOnly"])

    @property
    def vgw_telemetry(self) -> list[Json]:
        clock = self.place.state.clock
        found = []
        for number, options in enumerate(self.tunnel_set):
            known = report.telemetry(self.place.state, self.id, number)
            since = clock.now() - datetime.timedelta(seconds=max(0.0, clock.monotonic() - known.since))
            found.append(
                {
                    "OutsideIpAddress": options["OutsideIpAddress"],
                    "Status": "UP" if known.up else "DOWN",
                    "StatusMessage": known.message,
                    "AcceptedRouteCount": known.accepted,
                    "LastStatusChange": since.replace(microsecond=0),
                }
            )
        return found

    @property
    def customer_gateway_configuration(self) -> str | None:
        """Shown while the connection is pending or available only."""
        if self.state not in ("pending", "available"):
            return None
        customer = self.ec2_backend.customer_gateways[self.customer_gateway_id]
        known = {"id": customer.id, "asn": customer.asn, "address": customer.ip_address}
        gateway = {"id": self.gateway, "asn": self.ec2_backend.asn_of(self.gateway)}
        return customer_configuration.text(self.id, known, gateway, self.type, self.static_only, self.tunnel_set)

    def get_filter_value(self, filter_name: str, method_name: str | None = None) -> t.Any:
        own = {
            "vpn-gateway-id": self.vpn_gateway_id or "",
            "transit-gateway-id": self.transit_gateway_id or "",
            "option.static-routes-only": str(self.static_only).lower(),
            "route.destination-cidr-block": [route["DestinationCidrBlock"] for route in self.routes],
            "bgp-asn": str(self.ec2_backend.customer_gateways[self.customer_gateway_id].asn),
        }
        return own[filter_name] if filter_name in own else super().get_filter_value(filter_name, method_name)


class VpnBackend(EC2Backend):
    """The VPN part of a region's store."""

    place: Place

    # ---- virtual private gateways

    def create_vpn_gateway(
        self, gateway_type: str = "ipsec.1", amazon_side_asn: t.Any = None, *arguments: t.Any, **more: t.Any
    ) -> VpnGateway:
        if gateway_type != "ipsec.1":
            raise invalid_value("type", gateway_type)
        gateway = super().create_vpn_gateway(gateway_type, checked_asn(amazon_side_asn), *arguments, **more)
        gateway.vpn_gateway_id = gateway.id
        return gateway

    def known_vpn_gateway(self, identity: str) -> VpnGateway:
        gateway = self.get_vpn_gateway(identity)
        if gateway.state == "deleted":
            raise Refused("InvalidVpnGatewayID.NotFound", f"The vpnGateway ID '{identity}' does not exist")
        return gateway

    def describe_vpn_gateways(self, filters: t.Any = None, vpn_gw_ids: list[str] | None = None) -> list[VpnGateway]:
        for identity in vpn_gw_ids or ():
            self.get_vpn_gateway(identity)
        return t.cast(list[VpnGateway], super().describe_vpn_gateways(filters, vpn_gw_ids))

    def attach_vpn_gateway(self, vpn_gateway_id: str, vpc_id: str) -> VPCGatewayAttachment:
        gateway = self.known_vpn_gateway(vpn_gateway_id)
        self.get_vpc(vpc_id)
        for item in gateway.attachments.values():
            if item.state != "detached" and item.vpc_id != vpc_id:
                text = f"The vpnGateway '{vpn_gateway_id}' is already attached to {item.vpc_id}."
                raise Refused("VpnGatewayAttachmentLimitExceeded", text)
            if item.state != "detached":
                return item
        for other in self.vpn_gateways.values():
            if self.attached_vpc(other, ("attaching", "attached")) == vpc_id:
                text = f"Network {vpc_id} already has an attached gateway of type VPN_GATEWAY"
                raise Refused("InvalidParameterValue", text)
        attachment = VPCGatewayAttachment(vpc_id, state="attaching")
        gateway.attachments = {vpc_id: attachment}
        self.place.later("aws.vpnGatewayAttachment", lambda: advance(attachment, "attaching", "attached"))
        return attachment

    def detach_vpn_gateway(self, vpn_gateway_id: str, vpc_id: str) -> VPCGatewayAttachment:
        attachment = super().detach_vpn_gateway(vpn_gateway_id, vpc_id)
        attachment.state = "detaching"
        self.forget_propagation(vpn_gateway_id)
        self.place.later("aws.vpnGatewayAttachment", lambda: advance(attachment, "detaching", "detached"))
        return t.cast(VPCGatewayAttachment, attachment)

    def delete_vpn_gateway(self, vpn_gateway_id: str) -> VpnGateway:
        gateway = self.known_vpn_gateway(vpn_gateway_id)
        used = any(item.gateway == vpn_gateway_id and item.state in ALIVE for item in self.connections)
        if used or self.attached_vpc(gateway, ("attaching", "attached", "detaching")):
            raise Refused("IncorrectState", f"The virtual private gateway '{vpn_gateway_id}' is in use")
        return super().delete_vpn_gateway(vpn_gateway_id)

    @staticmethod
    def attached_vpc(gateway: VpnGateway, states: tuple[str, ...] = ("attached",)) -> str:
        return next((item.vpc_id for item in gateway.attachments.values() if item.state in states), "")

    def asn_of(self, gateway: str) -> int:
        """Amazon's ASN of a virtual private or transit gateway."""
        if gateway in self.vpn_gateways:
            return int(self.vpn_gateways[gateway].amazon_side_asn)
        return int(self.transit_gateways[gateway].options["AmazonSideAsn"])

    # ---- customer gateways

    def create_customer_gateway(
        self,
        gateway_type: str,
        ip_address: str,
        bgp_asn: t.Any,
        tags: dict[str, str] | None = None,
        device_name: str | None = None,
    ) -> CustomerGateway:
        asn = DEFAULT_CUSTOMER_ASN if bgp_asn is None else int(bgp_asn)
        if gateway_type != "ipsec.1":
            raise invalid_value("type", gateway_type)
        if not 1 <= asn <= 4294967295:
            raise invalid_value("bgpAsn", asn)
        try:
            address = ipaddress.IPv4Address(ip_address or "")
        except ValueError:
            raise invalid_value("ipAddress", ip_address) from None
        wanted = (str(address), asn, device_name)
        for known in self.customer_gateways.values():
            if known.state == "available" and (known.ip_address, known.asn, known.device_name) == wanted:
                return known  # an identical request tells of the existing one
        made = super().create_customer_gateway(gateway_type, str(address), str(asn), tags)
        made.customer_gateway_id = made.id
        made.asn, made.device_name = asn, device_name
        if asn > 2147483647:
            made.bgp_asn, made.bgp_asn_extended = None, str(asn)
        return made

    def living_customer(self, identity: str) -> CustomerGateway:
        found = self.get_customer_gateway(identity)
        if found.state != "available":
            raise Refused("InvalidCustomerGatewayID.NotFound", f"The customerGateway ID '{identity}' does not exist")
        return found

    def describe_customer_gateways(
        self, filters: t.Any = None, customer_gateway_ids: list[str] | None = None
    ) -> list[CustomerGateway]:
        known = self.customer_gateways
        chosen = [self.get_customer_gateway(item) for item in customer_gateway_ids or known]
        return t.cast(list[CustomerGateway], generic_filter(filters, chosen))

    def delete_customer_gateway(self, customer_gateway_id: str) -> None:
        if any(item.customer_gateway_id == customer_gateway_id and item.state in ALIVE for item in self.connections):
            raise Refused("IncorrectState", "The customer gateway is in use.")
        super().delete_customer_gateway(customer_gateway_id)

    # ---- connections

    @property
    def connections(self) -> list[LabVpnConnection]:
        return list(self.vpn_connections.values())

    def living_connection(self, identity: str) -> LabVpnConnection:
        found = self.vpn_connections.get(identity)
        if found is None or found.state not in ALIVE:
            text = f"The vpnConnection ID '{identity}' does not exist"
            raise Refused("InvalidVpnConnectionID.NotFound", text)
        return t.cast(LabVpnConnection, found)

    def make_vpn_connection(self, asked: Json, tags: dict[str, str]) -> LabVpnConnection:
        """`asked`: CreateVpnConnection's parameters."""
        gateway, customer = self._connected(asked), asked.get("CustomerGatewayId", "")
        if asked.get("VpnConcentratorId") or asked.get("PreSharedKeyStorage", "Standard") != "Standard":
            text = "The lab models neither VPN concentrators nor keys in Secrets Manager."
            raise Refused("UnsupportedOperation", text)
        if asked.get("Type") != "ipsec.1":
            raise invalid_value("type", asked.get("Type"))
        for item in self.connections:
            if item.state in ALIVE and (item.vpn_gateway_id, item.customer_gateway_id) == (gateway, customer):
                return item  # "This is an idempotent operation", says the model
        made = LabVpnConnection(
            self.place,
            self,
            random_vpn_connection_id(),
            "ipsec.1",
            customer,
            vpn_gateway_id=asked.get("VpnGatewayId"),
            transit_gateway_id=asked.get("TransitGatewayId"),
            tags={},
            options=self._options(asked.get("Options") or {}, gateway),
        )
        self.vpn_connections[made.id] = made
        made.add_tags(tags)
        if made.transit_gateway_id:
            self.create_transit_gateway_vpn_attachment(made.id, gateway)
        self.place.later("aws.vpnConnection", lambda: advance(made, "pending", "available"))
        return made

    def _connected(self, asked: Json) -> str:
        """The gateway that a new connection shall end at."""
        virtual, transit = asked.get("VpnGatewayId"), asked.get("TransitGatewayId")
        if virtual and transit:
            text = "The request must not contain both parameter vpnGatewayId and transitGatewayId"
            raise Refused("InvalidParameterCombination", text)
        self.living_customer(asked.get("CustomerGatewayId", ""))
        if transit:
            self.available_transit_gateway(transit)
            return str(transit)
        if not virtual:
            text = "The request must contain the parameter vpnGatewayId or transitGatewayId"
            raise Refused("MissingParameter", text)
        return str(self.known_vpn_gateway(virtual).id)

    def _options(self, asked: Json, gateway: str) -> Json:
        unlike = {"TunnelInsideIpVersion": "ipv4", "EnableAcceleration": False, "OutsideIpAddressType": "PublicIpv4"}
        for name, modelled in unlike.items():
            if asked.get(name, modelled) != modelled:
                raise Refused("UnsupportedOperation", f"The lab models {name} {modelled} only.")
        specified = asked.get("TunnelOptions") or []
        if len(specified) > 2:
            raise invalid_value("TunnelOptions", len(specified), "A VPN connection has two tunnels.")
        tunnels: list[Json] = []
        for number in range(2):
            options = tunnel_options.checked(specified[number] if number < len(specified) else {})
            tunnels.append(self._completed(options, gateway, tunnels))
        return {
            "EnableAcceleration": False,
            "StaticRoutesOnly": bool(asked.get("StaticRoutesOnly", False)),
            "LocalIpv4NetworkCidr": asked.get("LocalIpv4NetworkCidr", "0.0.0.0/0"),
            "RemoteIpv4NetworkCidr": asked.get("RemoteIpv4NetworkCidr", "0.0.0.0/0"),
            "OutsideIpAddressType": "PublicIpv4",
            "TunnelInsideIpVersion": "ipv4",
            "TunnelOptions": tunnels,
        }

    def _completed(self, options: Json, gateway: str, siblings: list[Json]) -> Json:
        """With what AWS chooses itself. Inside ranges are unique at a gateway if chosen, in the whole lab if made."""
        tunnel_options.check_lifetimes(options)
        self._check_inside(options, gateway, [], siblings)
        taken = self.place.inside_ranges() | {item["TunnelInsideCidr"] for item in siblings}
        made = {
            "OutsideIpAddress": self.place.outside_address({item["OutsideIpAddress"] for item in siblings}),
            "TunnelInsideCidr": options.get("TunnelInsideCidr") or self.place.new_inside(taken),
            "PreSharedKey": options.get("PreSharedKey") or self.place.new_key(),
        }
        return made | options

    def _check_inside(
        self, options: Json, gateway: str, own: t.Sequence[Json], siblings: t.Sequence[Json] = ()
    ) -> None:
        """A chosen inside range must be unlike those of the gateway's other tunnels, which `own` is not."""
        there = [item for one in self.connections if one.gateway == gateway for item in one.living_tunnels()]
        others = [item for item in (*there, *siblings) if not any(item is one for one in own)]
        if options.get("TunnelInsideCidr") in {item["TunnelInsideCidr"] for item in others}:
            text = "The block is in use by another tunnel of the gateway."
            raise invalid_value("TunnelInsideCidr", options["TunnelInsideCidr"], text)

    def delete_vpn_connection(self, vpn_connection_id: str) -> LabVpnConnection:
        connection = self.living_connection(vpn_connection_id)
        connection.state = "deleting"
        for item in list(self.transit_gateway_attachments.values()):
            if item.resource_id == vpn_connection_id:
                self.forget_attachment(item.id)
                item.state = "deleted"
        self.place.later("aws.vpnConnectionDelete", lambda: advance(connection, "deleting", "deleted"))
        return connection

    def modify_tunnel(self, identity: str, outside: str, asked: Json) -> LabVpnConnection:
        connection = self.living_connection(identity)
        tunnels = connection.tunnel_set
        number = next((at for at, item in enumerate(tunnels) if item["OutsideIpAddress"] == outside), None)
        if number is None:
            raise invalid_value("VpnTunnelOutsideIpAddress", outside)
        changed = tunnels[number] | tunnel_options.checked(asked)
        tunnel_options.check_lifetimes(changed)
        self._check_inside(changed, connection.gateway, [tunnels[number]])
        tunnels[number] = changed
        return self._modifying(connection)

    def modify_connection_options(self, identity: str, asked: Json) -> LabVpnConnection:
        connection = self.living_connection(identity)
        for name in ("LocalIpv4NetworkCidr", "RemoteIpv4NetworkCidr"):
            if asked.get(name):
                connection.options[name] = asked[name]
        return self._modifying(connection)

    def modify_connection(self, identity: str, asked: Json) -> LabVpnConnection:
        """Another customer gateway; another gateway of AWS's is not modelled."""
        connection = self.living_connection(identity)
        if asked.get("VpnGatewayId") or asked.get("TransitGatewayId"):
            raise Refused("UnsupportedOperation", "The lab does not move VPN connections to other gateways.")
        connection.customer_gateway_id = self.living_customer(asked.get("CustomerGatewayId", "")).id
        return self._modifying(connection)

    def _modifying(self, connection: LabVpnConnection) -> LabVpnConnection:
        if connection.state == "available":
            connection.state = "modifying"
            self.place.later("aws.vpnConnectionModify", lambda: advance(connection, "modifying", "available"))
        return connection

    def add_static_route(self, identity: str, cidr: str) -> None:
        connection = self.living_connection(identity)
        if not connection.static_only or connection.transit_gateway_id:
            raise Refused("InvalidParameterValue", f"The VPN connection {identity} does not use static routes.")
        try:
            text = str(ipaddress.IPv4Network(cidr))
        except ValueError:
            raise invalid_value("destinationCidrBlock", cidr) from None
        if not any(route["DestinationCidrBlock"] == text for route in connection.routes):
            connection.routes.append({"DestinationCidrBlock": text, "Source": "Static", "State": "available"})

    def remove_static_route(self, identity: str, cidr: str) -> None:
        connection = self.living_connection(identity)
        kept = [route for route in connection.routes if route["DestinationCidrBlock"] != cidr]
        if len(kept) == len(connection.routes):
            raise Refused("InvalidRoute.NotFound", f"The route {cidr} of {identity} does not exist")
        connection.routes = kept


class VpnResponse(EC2Response):
    """The calls about VPN: what moto has with what it leaves out, and what it lacks."""

    def create_customer_gateway(self) -> ActionResult:
        made = self.ec2_backend.create_customer_gateway(
            self._get_param("Type"),
            self._get_param("IpAddress") or self._get_param("PublicIp"),
            self._get_param("BgpAsn") or self._get_param("BgpAsnExtended"),
            self._parse_tag_specification().get("customer-gateway", {}),
            self._get_param("DeviceName"),
        )
        return ActionResult({"CustomerGateway": made})

    def create_vpn_connection(self) -> ActionResult:
        tags = self._parse_tag_specification().get("vpn-connection", {})
        return self._shown(self.ec2_backend.make_vpn_connection(self.params, tags))

    def delete_vpn_connection(self) -> ActionResult:
        self.ec2_backend.delete_vpn_connection(self._get_param("VpnConnectionId"))
        return EmptyResult()

    def modify_vpn_tunnel_options(self) -> ActionResult:
        asked = self._get_param("TunnelOptions", {})
        outside = self._get_param("VpnTunnelOutsideIpAddress")
        return self._shown(self.ec2_backend.modify_tunnel(self._get_param("VpnConnectionId"), outside, asked))

    def modify_vpn_connection_options(self) -> ActionResult:
        identity = self._get_param("VpnConnectionId")
        return self._shown(self.ec2_backend.modify_connection_options(identity, self.params))

    def modify_vpn_connection(self) -> ActionResult:
        return self._shown(self.ec2_backend.modify_connection(self._get_param("VpnConnectionId"), self.params))

    def create_vpn_connection_route(self) -> ActionResult:
        identity = self._get_param("VpnConnectionId")
        self.ec2_backend.add_static_route(identity, self._get_param("DestinationCidrBlock"))
        return EmptyResult()

    def delete_vpn_connection_route(self) -> ActionResult:
        identity = self._get_param("VpnConnectionId")
        self.ec2_backend.remove_static_route(identity, self._get_param("DestinationCidrBlock"))
        return EmptyResult()

    @staticmethod
    def _shown(connection: LabVpnConnection) -> ActionResult:
        return ActionResult({"VpnConnection": connection})
