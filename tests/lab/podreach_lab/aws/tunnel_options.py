# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a VPN connection's tunnels: AWS's rules, and what AWS fills in itself.

The rules are those that botocore's EC2 model states for VpnTunnelOptionsSpecification
(https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_VpnTunnelOptionsSpecification.html). Options are kept in the
form of the response (TunnelOption); what nobody asked for is not shown there, as at AWS.
"""

from __future__ import annotations

import ipaddress
import re
import typing as t

from .answers import Refused, invalid_value
from .facts import TunnelOptions

Json = dict[str, t.Any]

LINK_LOCAL = ipaddress.IPv4Network("169.254.0.0/16")
RESERVED = frozenset(
    ipaddress.IPv4Network(text) for text in (*(f"169.254.{at}.0/30" for at in range(6)), "169.254.169.252/30")
)
KEY = re.compile(r"(?!0)[A-Za-z0-9._]{8,64}")

ENCRYPTION = ("AES128", "AES256", "AES128-GCM-16", "AES256-GCM-16")
INTEGRITY = ("SHA1", "SHA2-256", "SHA2-384", "SHA2-512")
PHASE1_GROUPS = (2, *range(14, 25))
PHASE2_GROUPS = (2, 5, *range(14, 25))
LISTS: dict[str, tuple[str, tuple[t.Any, ...]]] = {
    "IKEVersions": ("IkeVersions", ("ikev1", "ikev2")),
    "Phase1EncryptionAlgorithms": ("Phase1EncryptionAlgorithms", ENCRYPTION),
    "Phase2EncryptionAlgorithms": ("Phase2EncryptionAlgorithms", ENCRYPTION),
    "Phase1IntegrityAlgorithms": ("Phase1IntegrityAlgorithms", INTEGRITY),
    "Phase2IntegrityAlgorithms": ("Phase2IntegrityAlgorithms", INTEGRITY),
    "Phase1DHGroupNumbers": ("Phase1DHGroupNumbers", PHASE1_GROUPS),
    "Phase2DHGroupNumbers": ("Phase2DHGroupNumbers", PHASE2_GROUPS),
}
WORDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "StartupAction": ("StartupAction", ("add", "start")),
    "DPDTimeoutAction": ("DpdTimeoutAction", ("clear", "none", "restart")),
}
NUMBERS: dict[str, tuple[str, int, int]] = {
    "Phase1LifetimeSeconds": ("Phase1LifetimeSeconds", 900, 28800),
    "Phase2LifetimeSeconds": ("Phase2LifetimeSeconds", 900, 3600),
    "RekeyMarginTimeSeconds": ("RekeyMarginTimeSeconds", 60, 1800),
    "RekeyFuzzPercentage": ("RekeyFuzzPercentage", 0, 100),
    "ReplayWindowSize": ("ReplayWindowSize", 64, 2048),
    "DPDTimeoutSeconds": ("DpdTimeoutSeconds", 30, 2**31 - 1),
}
DEFAULTS: Json = {"Phase1LifetimeSeconds": 28800, "Phase2LifetimeSeconds": 3600, "RekeyMarginTimeSeconds": 270}
KNOWN = {*LISTS, *WORDS, *NUMBERS, "TunnelInsideCidr", "PreSharedKey", "LogOptions", "EnableTunnelLifecycleControl"}


def inside_network(text: str) -> ipaddress.IPv4Network:
    """A TunnelInsideCidr that AWS accepts."""
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError:
        raise invalid_value("TunnelInsideCidr", text) from None
    if network.prefixlen != 30 or not network.subnet_of(LINK_LOCAL):
        raise invalid_value("TunnelInsideCidr", text, "It must be a /30 of 169.254.0.0/16.")
    if network in RESERVED:
        raise invalid_value("TunnelInsideCidr", text, "The block is reserved.")
    return network


def checked(asked: t.Mapping[str, t.Any]) -> Json:
    """A VpnTunnelOptionsSpecification in the form of the response. Raises Refused."""
    options: Json = {}
    for name in asked:
        if name not in KNOWN:
            raise Refused("UnsupportedOperation", f"The lab does not model the tunnel option {name}.")
    if asked.get("TunnelInsideCidr"):
        options["TunnelInsideCidr"] = str(inside_network(asked["TunnelInsideCidr"]))
    if asked.get("PreSharedKey") is not None:
        if not KEY.fullmatch(asked["PreSharedKey"]):
            raise invalid_value("PreSharedKey")
        options["PreSharedKey"] = asked["PreSharedKey"]
    for name, (shown, values) in LISTS.items():
        chosen = [item.get("Value") for item in asked.get(name) or []]
        for value in chosen:
            if value not in values:
                raise invalid_value(name, value)
        if chosen:
            options[shown] = [{"Value": value} for value in dict.fromkeys(chosen)]
    for name, (shown, words) in WORDS.items():
        if asked.get(name) is not None:
            if asked[name] not in words:
                raise invalid_value(name, asked[name])
            options[shown] = asked[name]
    for name, (shown, least, most) in NUMBERS.items():
        if asked.get(name) is not None:
            if not least <= int(asked[name]) <= most:
                raise invalid_value(name, asked[name], f"It must be between {least} and {most}.")
            options[shown] = int(asked[name])
    if asked.get("LogOptions"):
        options["LogOptions"] = asked["LogOptions"]
    if "EnableTunnelLifecycleControl" in asked:
        options["EnableTunnelLifecycleControl"] = bool(asked["EnableTunnelLifecycleControl"])
    return options


def check_lifetimes(options: Json) -> None:
    """What must hold among the options of one tunnel, once all are known."""
    values = DEFAULTS | options
    if values["Phase2LifetimeSeconds"] >= values["Phase1LifetimeSeconds"]:
        text = "It must be less than Phase1LifetimeSeconds."
        raise invalid_value("Phase2LifetimeSeconds", values["Phase2LifetimeSeconds"], text)
    if values["RekeyMarginTimeSeconds"] > values["Phase2LifetimeSeconds"] / 2:
        text = "It must be at most half of Phase2LifetimeSeconds."
        raise invalid_value("RekeyMarginTimeSeconds", values["RekeyMarginTimeSeconds"], text)


def ends(inside: str) -> tuple[str, str]:
    """AWS's and the customer gateway's address: the first and the second host.
    https://docs.aws.amazon.com/vpn/latest/s2svpn/VPNTunnels.html"""
    hosts = list(ipaddress.IPv4Network(inside).hosts())
    return str(hosts[0]), str(hosts[1])


def facts(options: Json) -> TunnelOptions:
    def values(name: str) -> tuple[t.Any, ...]:
        return tuple(item["Value"] for item in options.get(name, ()))

    return TunnelOptions(
        outside=options["OutsideIpAddress"],
        inside=options["TunnelInsideCidr"],
        key=options["PreSharedKey"],
        ike_versions=values("IkeVersions") or ("ikev1", "ikev2"),
        phase1_encryption=values("Phase1EncryptionAlgorithms"),
        phase1_integrity=values("Phase1IntegrityAlgorithms"),
        phase1_groups=values("Phase1DHGroupNumbers"),
        phase2_encryption=values("Phase2EncryptionAlgorithms"),
        phase2_integrity=values("Phase2IntegrityAlgorithms"),
        phase2_groups=values("Phase2DHGroupNumbers"),
        starts=options.get("StartupAction") == "start",
    )
