# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CustomerGatewayConfiguration: what AWS writes for the administrator of the other side, true of this connection.

The elements are those of AWS's native format, https://docs.aws.amazon.com/vpn/latest/s2svpn/your-cgw.html; where a list
of algorithms is allowed it names the first, as AWS's sample configurations do.
"""

from __future__ import annotations

import typing as t
from xml.sax.saxutils import escape, quoteattr

from .tunnel_options import ends

Json = dict[str, t.Any]

HOLD_TIME = 30
MSS = 1379
_CIPHERS = {
    "AES128": "aes-128-cbc",
    "AES256": "aes-256-cbc",
    "AES128-GCM-16": "aes-128-gcm",
    "AES256-GCM-16": "aes-256-gcm",
}
_HASHES = {"SHA1": "sha1", "SHA2-256": "sha2-256", "SHA2-384": "sha2-384", "SHA2-512": "sha2-512"}
_MACS = {"SHA1": "hmac-sha1-96", "SHA2-256": "hmac-sha2-256-128"}


def text(connection: str, customer: Json, gateway: Json, kind: str, static_only: bool, tunnels: list[Json]) -> str:
    """customer: id, asn, address; gateway: id, asn; tunnels: TunnelOption."""
    name = "transit_gateway_id" if gateway["id"].startswith("tgw-") else "vpn_gateway_id"
    body = "".join(tunnel(options, customer, gateway, static_only) for options in tunnels)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<vpn_connection id={quoteattr(connection)}>\n"
        f"  <customer_gateway_id>{customer['id']}</customer_gateway_id>\n"
        f"  <{name}>{gateway['id']}</{name}>\n"
        f"  <vpn_connection_type>{escape(kind)}</vpn_connection_type>\n"
        f"{body}</vpn_connection>\n"
    )


def tunnel(options: Json, customer: Json, gateway: Json, static_only: bool) -> str:
    ours, theirs = ends(options["TunnelInsideCidr"])
    sides = side("customer_gateway", customer["address"], theirs, customer["asn"], static_only)
    sides += side("vpn_gateway", options["OutsideIpAddress"], ours, gateway["asn"], static_only)
    return f"  <ipsec_tunnel>\n{sides}{ike(options)}{ipsec(options)}  </ipsec_tunnel>\n"


def side(name: str, outside: str, inside: str, asn: object, static_only: bool) -> str:
    bgp = f"      <bgp>\n        <asn>{asn}</asn>\n        <hold_time>{HOLD_TIME}</hold_time>\n      </bgp>\n"
    return (
        f"    <{name}>\n      <tunnel_outside_address>\n        <ip_address>{outside}</ip_address>\n"
        "      </tunnel_outside_address>\n      <tunnel_inside_address>\n"
        f"        <ip_address>{inside}</ip_address>\n        <network_mask>255.255.255.252</network_mask>\n"
        "        <network_cidr>30</network_cidr>\n      </tunnel_inside_address>\n"
        f"{'' if static_only else bgp}    </{name}>\n"
    )


def ike(options: Json) -> str:
    return (
        "    <ike>\n"
        f"      <authentication_protocol>{_HASHES[first(options, 'Phase1IntegrityAlgorithms', 'SHA1')]}"
        "</authentication_protocol>\n"
        f"      <encryption_protocol>{_CIPHERS[first(options, 'Phase1EncryptionAlgorithms', 'AES128')]}"
        "</encryption_protocol>\n"
        f"      <lifetime>{options.get('Phase1LifetimeSeconds', 28800)}</lifetime>\n"
        f"      <perfect_forward_secrecy>group{first(options, 'Phase1DHGroupNumbers', 2)}</perfect_forward_secrecy>\n"
        "      <mode>main</mode>\n"
        f"      <pre_shared_key>{escape(options['PreSharedKey'])}</pre_shared_key>\n    </ike>\n"
    )


def ipsec(options: Json) -> str:
    integrity = first(options, "Phase2IntegrityAlgorithms", "SHA1")
    return (
        "    <ipsec>\n      <protocol>esp</protocol>\n"
        f"      <authentication_protocol>{_MACS.get(integrity, f'hmac-{integrity.lower()}')}"
        "</authentication_protocol>\n"
        f"      <encryption_protocol>{_CIPHERS[first(options, 'Phase2EncryptionAlgorithms', 'AES128')]}"
        "</encryption_protocol>\n"
        f"      <lifetime>{options.get('Phase2LifetimeSeconds', 3600)}</lifetime>\n"
        f"      <perfect_forward_secrecy>group{first(options, 'Phase2DHGroupNumbers', 2)}</perfect_forward_secrecy>\n"
        "      <mode>tunnel</mode>\n      <clear_df_bit>true</clear_df_bit>\n"
        "      <fragmentation_before_encryption>true</fragmentation_before_encryption>\n"
        f"      <tcp_mss_adjustment>{MSS}</tcp_mss_adjustment>\n      <dead_peer_detection>\n"
        "        <interval>10</interval>\n        <retries>3</retries>\n      </dead_peer_detection>\n    </ipsec>\n"
    )


def first(options: Json, name: str, default: t.Any) -> t.Any:
    chosen = options.get(name)
    return chosen[0]["Value"] if chosen else default
