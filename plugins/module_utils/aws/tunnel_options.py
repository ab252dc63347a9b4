# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a VPN connection's tunnels: AWS's rules, pure.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_VpnTunnelOptionsSpecification.html. Every list that is not
given has one value at creation: with many, the messages of IKEv2 grow beyond a packet and rekeying with Cloud VPN
fails: https://cloud.google.com/network-connectivity/docs/vpn/how-to/connect-ha-vpn-aws-peer-gateway
"""

from __future__ import annotations

import ipaddress
import re
import secrets
import string
import typing as t

Json = dict[str, t.Any]

ENCRYPTION = ("AES128", "AES256", "AES128-GCM-16", "AES256-GCM-16")
INTEGRITY = ("SHA1", "SHA2-256", "SHA2-384", "SHA2-512")
PHASE1_GROUPS = (2, *range(14, 25))
PHASE2_GROUPS = (2, 5, *range(14, 25))

#: option -> (field of the request, field of the answer, values, the value at creation)
LISTS: dict[str, tuple[str, str, tuple[t.Any, ...], t.Any]] = {
    "ike_versions": ("IKEVersions", "IkeVersions", ("ikev1", "ikev2"), "ikev2"),
    **{
        f"phase{phase}_{option}": (f"Phase{phase}{field}", f"Phase{phase}{field}", values, default)
        for phase, groups in ((1, PHASE1_GROUPS), (2, PHASE2_GROUPS))
        for option, field, values, default in (
            ("encryption_algorithms", "EncryptionAlgorithms", ENCRYPTION, "AES256"),
            ("integrity_algorithms", "IntegrityAlgorithms", INTEGRITY, "SHA2-256"),
            ("dh_group_numbers", "DHGroupNumbers", groups, 14),
        )
    },
}
#: option -> (field of the request, field of the answer, AWS's default)
VALUES: dict[str, tuple[str, str, t.Any]] = {
    "startup_action": ("StartupAction", "StartupAction", "add"),
    "dpd_timeout_action": ("DPDTimeoutAction", "DpdTimeoutAction", "clear"),
    "dpd_timeout_seconds": ("DPDTimeoutSeconds", "DpdTimeoutSeconds", 30),
    "phase1_lifetime_seconds": ("Phase1LifetimeSeconds", "Phase1LifetimeSeconds", 28800),
    "phase2_lifetime_seconds": ("Phase2LifetimeSeconds", "Phase2LifetimeSeconds", 3600),
}
RANGES = {
    "dpd_timeout_seconds": (30, 2147483647),
    "phase1_lifetime_seconds": (900, 28800),
    "phase2_lifetime_seconds": (900, 3600),
}

SPEC: dict[str, t.Any] = {
    **{
        option: {
            "type": "list",
            "elements": "int" if isinstance(values[0], int) else "str",
            "choices": list(values),
        }
        for option, (_request, _answer, values, _default) in LISTS.items()
    },
    "startup_action": {"type": "str", "choices": ["add", "start"]},
    "dpd_timeout_action": {"type": "str", "choices": ["clear", "none", "restart"]},
    **{option: {"type": "int"} for option in RANGES},
}

LINK_LOCAL = ipaddress.IPv4Network("169.254.0.0/16")
RESERVED = frozenset(
    ipaddress.IPv4Network(text) for text in (*(f"169.254.{number}.0/30" for number in range(6)), "169.254.169.252/30")
)
KEY = re.compile(r"(?!0)[A-Za-z0-9._]{8,64}")


def new_key() -> str:
    """A pre-shared key that both clouds take: 48 letters and digits, the first one a letter."""
    return secrets.choice(string.ascii_letters) + "".join(
        secrets.choice(string.ascii_letters + string.digits) for _number in range(47)
    )


def inside_problem(text: str) -> str | None:
    """What is wrong with an inside range, if anything."""
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError:
        return "it is no IPv4 range: write it like 169.254.10.0/30"
    if network.prefixlen != 30 or not network.subnet_of(LINK_LOCAL):
        return "it must be a /30 of 169.254.0.0/16"
    if network in RESERVED:
        return "AWS keeps this range for itself: take another /30 of 169.254.0.0/16"
    return None


def option_problems(options: t.Mapping[str, t.Any]) -> list[tuple[str, t.Any, str]]:
    """Option, value and problem of everything that AWS would refuse, beyond the choices."""
    found = []
    for option, (least, most) in RANGES.items():
        value = options.get(option)
        if value is not None and not least <= value <= most:
            found.append((option, value, f"it is {least} to {most} seconds"))
    for option in LISTS:
        if options.get(option) == []:
            found.append((option, [], "an empty list leaves no proposal: leave the option out, or name one value"))
    first, second = (options.get(f"phase{phase}_lifetime_seconds") for phase in (1, 2))
    if (second or 3600) >= (first or 28800):
        found.append(("phase2_lifetime_seconds", second, "it must be less than phase1_lifetime_seconds"))
    return found


def ends(inside: str) -> tuple[str, str]:
    """AWS's inside address, and the customer gateway's with its mask: the first and the second host.
    https://docs.aws.amazon.com/vpn/latest/s2svpn/VPNTunnels.html"""
    network = ipaddress.IPv4Network(inside)
    return str(network[1]), f"{network[2]}/{network.prefixlen}"


def creation(options: t.Mapping[str, t.Any], tunnel: t.Mapping[str, t.Any]) -> Json:
    """A VpnTunnelOptionsSpecification for a new tunnel."""
    wanted = {option: options.get(option) or [default] for option, (_q, _a, _v, default) in LISTS.items()}
    return request({**options, **wanted}, tunnel)


def request(options: t.Mapping[str, t.Any], tunnel: t.Mapping[str, t.Any]) -> Json:
    """What is given, in the form of a request."""
    body: Json = {}
    if tunnel.get("inside_cidr"):
        body["TunnelInsideCidr"] = tunnel["inside_cidr"]
    if tunnel.get("pre_shared_key"):
        body["PreSharedKey"] = tunnel["pre_shared_key"]
    for option, (field, _answer, _values, _default) in LISTS.items():
        if options.get(option):
            body[field] = [{"Value": value} for value in options[option]]
    for option, (field, _answer, _default) in VALUES.items():
        if options.get(option) is not None:
            body[field] = options[option]
    return body


def as_answer(asked: t.Mapping[str, t.Any]) -> Json:
    """A request's options under the names of an answer."""
    names = {item[0]: item[1] for item in LISTS.values()} | {item[0]: item[1] for item in VALUES.values()}
    return {names.get(field, field): value for field, value in asked.items()}


def shown(current: t.Mapping[str, t.Any]) -> Json:
    """A tunnel's options, of the answer (TunnelOption), by our names; without its key."""
    found: Json = {"inside_cidr": current.get("TunnelInsideCidr")}
    for option, (_field, answer, _values, _default) in LISTS.items():
        found[option] = sorted((item["Value"] for item in current.get(answer) or []), key=str)
    for option, (_field, answer, default) in VALUES.items():
        found[option] = current.get(answer, default)
    return found


def differences(
    current: t.Mapping[str, t.Any], options: t.Mapping[str, t.Any], tunnel: t.Mapping[str, t.Any]
) -> list[str]:
    """The options that are given and are not so; a key that AWS does not show counts as the same."""
    now = shown(current)
    wanted: Json = {option: options[option] for option in VALUES if options.get(option) is not None}
    wanted.update({option: sorted(set(options[option]), key=str) for option in LISTS if options.get(option)})
    if tunnel.get("inside_cidr"):
        wanted["inside_cidr"] = tunnel["inside_cidr"]
    found = [option for option, value in wanted.items() if now.get(option) != value]
    key = tunnel.get("pre_shared_key")
    if key and current.get("PreSharedKey") and current["PreSharedKey"] != key:
        found.append("pre_shared_key")
    return found
