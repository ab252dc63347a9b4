# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold of a network in a topology, beyond the types of its keys.

Rules come from Google's discovery document, https://www.googleapis.com/discovery/v1/apis/compute/v1/rest, where no
other page is named.
"""

from __future__ import annotations

import typing as t

from .. import addressing
from .shape import UNKNOWN, Report
from .values import (
    Item,
    add_findings,
    check_name,
    check_ports,
    check_private_asn,
    check_range_of_either_family,
    check_region,
    check_within,
    given,
    items,
    parse_range,
    profile_of,
    strings,
)

if t.TYPE_CHECKING:
    from .reading import Entry

#: Network.mtu.
MTUS = (1300, 8896)
KEEPALIVE_INTERVALS = (20, 60)
#: https://cloud.google.com/network-connectivity/docs/router/quotas
MAX_CUSTOM_RANGES = 200


def _region(report: Report, item: Item, path: str, network: Entry) -> None:
    if "region" not in item and network.effective("region") is None:
        report.error(f"{path}.region", "'region' is missing: add it here, in the network or at the top")
    check_region(report, item, f"{path}.region")


def check_network(network: Entry, report: Report) -> None:
    """One network with its subnetworks, routers and firewall rules; ranges against each other come later."""
    check_within(report, network.clean.get("mtu"), MTUS, network.at("mtu"), "an MTU that a network can have")
    for item, path in items(network.clean.get("subnetworks"), network.at("subnetworks")):
        _check_subnetwork(item, path, network, report)
    for item, path in items(network.clean.get("routers"), network.at("routers")):
        _check_router(item, path, network, report)
    for item, path in items(network.clean.get("firewall_rules"), network.at("firewall_rules")):
        _check_firewall_rule(item, path, report)


def _check_subnetwork(item: Item, path: str, network: Entry, report: Report) -> None:
    check_name(report, item.get("name"), f"{path}.name")
    _region(report, item, path, network)
    if item.get("state") == "absent":
        return
    auto_mode = network.clean.get("auto_create_subnetworks") is True
    at = f"{path}.ip_cidr_range"
    if "ip_cidr_range" not in item:
        report.error(at, "'ip_cidr_range' is missing: add the primary range, such as '10.1.0.0/24'")
    cidr = parse_range(report, item.get("ip_cidr_range"), at)
    if cidr:
        add_findings(report, addressing.check_subnet_range(cidr, auto_mode=auto_mode), at)
        if addressing.usable_addresses(cidr) == 0:
            report.error(
                at, f"{cidr} is too small, Google keeps four addresses of a primary range: use a /29 or larger"
            )
        else:
            add_findings(report, addressing.check_mask(int(cidr.split("/")[1]), "nodes", profile_of(network)), at)
    seen: dict[str, str] = {}
    for secondary, where in items(item.get("secondary_ip_ranges"), f"{path}.secondary_ip_ranges"):
        name, at = secondary.get("range_name"), f"{where}.ip_cidr_range"
        check_name(report, name, f"{where}.range_name")
        if isinstance(name, str):
            if name in seen:
                report.error(
                    f"{where}.range_name", f"'{name}' is already the name of {seen[name]}: give it another name"
                )
            seen.setdefault(name, where)
        cidr = parse_range(report, secondary.get("ip_cidr_range"), at)
        if cidr:
            add_findings(report, addressing.check_subnet_range(cidr, auto_mode=auto_mode), at)


def _check_router(item: Item, path: str, network: Entry, report: Report) -> None:
    check_name(report, item.get("name"), f"{path}.name")
    _region(report, item, path, network)
    if item.get("state") == "absent" or item.get("bgp") is UNKNOWN:
        return
    bgp, at = item.get("bgp", {}), f"{path}.bgp"
    asn = bgp.get("asn")
    if asn is None:
        report.error(f"{at}.asn", "'asn' is missing: add the router's private AS number, such as 65010")
    check_private_asn(report, asn, f"{at}.asn")
    check_within(
        report, bgp.get("keepalive_interval"), KEEPALIVE_INTERVALS, f"{at}.keepalive_interval", "an interval in seconds"
    )
    parse_range(report, bgp.get("identifier_range"), f"{at}.identifier_range")
    check_advertisement(report, bgp, at, item.get("name"), item.get("confirm_withdraw_subnets"), " on the router")


def check_advertisement(report: Report, bgp: Item, path: str, router: t.Any, word: t.Any, where: str = "") -> None:
    """What a router is to advertise. ``word`` confirms it, said ``where``, that subnetworks are not among that."""
    mode, groups = bgp.get("advertise_mode", "DEFAULT"), bgp.get("advertised_groups", [])
    seen: dict[str, str] = {}
    for item, at in items(bgp.get("advertised_ip_ranges"), f"{path}.advertised_ip_ranges"):
        cidr = parse_range(report, item.get("range"), f"{at}.range")
        if cidr and cidr in seen:
            report.error(f"{at}.range", f"{cidr} is already at {seen[cidr]}: list it once")
        elif cidr:
            seen[cidr] = f"{at}.range"
    if len(seen) > MAX_CUSTOM_RANGES:
        report.error(
            f"{path}.advertised_ip_ranges",
            f"{len(seen)} ranges are more than a session advertises: aggregate them to {MAX_CUSTOM_RANGES} or fewer",
        )
    if mode == "DEFAULT":
        for key in ("advertised_groups", "advertised_ip_ranges"):
            if bgp.get(key):
                report.error(f"{path}.{key}", f"'{key}' needs advertise_mode CUSTOM: set that, or remove '{key}'")
    withdrawn = mode == "CUSTOM" and isinstance(groups, list) and not {"ALL_SUBNETS", UNKNOWN} & set(groups)
    if withdrawn and UNKNOWN not in (word, router) and word != router:
        report.error(
            f"{path}.advertised_groups",
            "advertise_mode CUSTOM without ALL_SUBNETS stops advertising the subnetworks, pods included: add "
            f"ALL_SUBNETS, or confirm it with 'confirm_withdraw_subnets: {router}'{where}",
        )


def _check_firewall_rule(item: Item, path: str, report: Report) -> None:
    check_name(report, item.get("name"), f"{path}.name")
    if item.get("state") == "absent":
        return
    both = [key for key in ("allowed", "denied") if key in item]
    if given(item, "allowed") and given(item, "denied"):
        report.error(f"{path}.denied", "'denied' cannot be together with 'allowed': make two rules of it")
    elif not both:
        report.error(f"{path}.allowed", "'allowed' is missing: add it, or 'denied'")
    check_within(report, item.get("priority"), (0, 65535), f"{path}.priority", "a priority")
    if item.get("direction") == "EGRESS":
        for key in ("source_ranges", "source_tags", "source_service_accounts"):
            if given(item, key):
                report.error(
                    f"{path}.{key}",
                    f"'{key}' is not for a rule of direction EGRESS: remove it, or use destination_ranges",
                )
    for key in ("source_tags", "target_tags"):
        for account in ("source_service_accounts", "target_service_accounts"):
            if given(item, key) and given(item, account):
                report.error(
                    f"{path}.{key}", f"'{key}' cannot be together with '{account}': use tags or service accounts"
                )
    for key in ("source_ranges", "destination_ranges"):
        for cidr, where in strings(item.get(key), f"{path}.{key}"):
            check_range_of_either_family(report, cidr, where)
    for key in both:
        for protocol, where in items(item.get(key), f"{path}.{key}"):
            for ports, at in strings(protocol.get("ports"), f"{where}.ports"):
                check_ports(report, ports, at)
