# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Single values of a topology, whatever they stand in: names, regions, ranges, ports, AS numbers. And how to get at
them in a copy of which parts are :data:`UNKNOWN`.
"""

from __future__ import annotations

import ipaddress
import re
import typing as t

from .. import addressing
from .shape import UNKNOWN, Report, join

if t.TYPE_CHECKING:
    from .reading import Entry

Item = dict[str, t.Any]

#: RouterBgp.asn: "must be an RFC6996 private ASN".
PRIVATE_ASNS = ((64512, 65534), (4200000000, 4294967294))
#: Network.name and most others, at most 63 characters; Cluster.name and NodePool.name at most 40.
RESOURCE_NAME = re.compile(r"[a-z](?:[-a-z0-9]*[a-z0-9])?")
PROJECT_ID = re.compile(r"(?:[a-z0-9][-.a-z0-9]*:)?[a-z][-a-z0-9]{4,28}[a-z0-9]")
PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
REGION = re.compile(r"[a-z]+(?:-[a-z]+)+[0-9]+")
ZONE = re.compile(REGION.pattern + "-[a-z]")
#: https://docs.aws.amazon.com/general/latest/gr/rande.html
AWS_REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]+){1,2}-[0-9]{1,2}")
AWS_ACCOUNT = re.compile(r"[0-9]{12}")


def items(value: t.Any, path: str) -> t.Iterator[tuple[Item, str]]:
    """The items of a list that can be judged, each with its path."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, dict):
                yield item, f"{path}[{index}]"


def strings(value: t.Any, path: str) -> t.Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, str):
                yield item, f"{path}[{index}]"


def sub(item: t.Mapping[str, t.Any], *keys: str) -> t.Any:
    """A value further down; None where it is not there, UNKNOWN where something on the way is."""
    value: t.Any = item
    for key in keys:
        if not isinstance(value, dict):
            return UNKNOWN if value is UNKNOWN else None
        value = value.get(key)
    return value


def given(item: t.Mapping[str, t.Any], key: str) -> bool:
    """Is there a value that can be judged? A template may well come to nothing."""
    return key in item and item[key] is not UNKNOWN


def add_findings(report: Report, findings: t.Iterable[addressing.Finding], path: str, prefix: str = "") -> None:
    for finding in findings:
        add = report.error if finding.severity == "error" else report.warning
        add(path, prefix + finding.message)


def parse_range(report: Report, cidr: t.Any, path: str) -> str | None:
    """A range that can be worked with, or None after saying why not."""
    if not isinstance(cidr, str):
        return None
    try:
        return str(addressing.parse(cidr))
    except addressing.AddressingError as exc:
        report.error(path, exc.message.replace("; ", ": ", 1))
        return None


def check_range_of_either_family(report: Report, cidr: str, path: str) -> None:
    """A range of a firewall rule, which may be IPv6."""
    if ":" not in cidr:
        parse_range(report, cidr, path)
        return
    try:
        ipaddress.IPv6Network(cidr)
    except ValueError:
        report.error(path, f"'{cidr}' is not an IPv6 range: write one without host bits, such as 'fd20::/64'")


def check_name(report: Report, name: t.Any, path: str, length: int = 63, otherwise: str = "") -> None:
    """A name of a resource; ``otherwise`` is another way out for whom it shall be this one."""
    if not isinstance(name, str) or (RESOURCE_NAME.fullmatch(name) and len(name) <= length):
        return
    wrong = f"has {len(name)} characters" if RESOURCE_NAME.fullmatch(name) else "is not a valid name"
    todo = f"use at most {length} lowercase letters, digits and '-', beginning with a letter, not ending in '-'"
    report.error(path, f"'{name}' {wrong}: {todo}{', ' + otherwise if otherwise else ''}")


def check_project(report: Report, project: t.Any, path: str) -> None:
    if isinstance(project, str) and not PROJECT_ID.fullmatch(project):
        report.error(
            path,
            f"'{project}' is not a project's ID: write 6 to 30 lowercase letters, digits and '-', such as "
            "'my-project-1'",
        )


def check_region(report: Report, item: dict[str, t.Any], path: str) -> None:
    """The region of anything that has one. A wrong one counts as unknown from then on."""
    region = item.get("region")
    if isinstance(region, str) and not REGION.fullmatch(region):
        item["region"] = UNKNOWN
        report.error(path, f"'{region}' is not a region: write one such as 'asia-northeast1'")


def check_within(report: Report, value: t.Any, limits: tuple[int, int], path: str, what: str) -> None:
    if isinstance(value, int) and not limits[0] <= value <= limits[1]:
        report.error(path, f"{value} is not {what}: choose {limits[0]} to {limits[1]}")


def check_private_asn(report: Report, asn: t.Any, path: str) -> None:
    if isinstance(asn, int) and not any(first <= asn <= last for first, last in PRIVATE_ASNS):
        ranges = " or ".join(f"{first} to {last}" for first, last in PRIVATE_ASNS)
        report.error(path, f"{asn} is not a private AS number: choose one from {ranges}")


def known_range(cidr: t.Any) -> str | None:
    """The range if it can be worked with; what is wrong with it was said before."""
    try:
        return str(addressing.parse(cidr)) if isinstance(cidr, str) else None
    except addressing.AddressingError:
        return None


def check_ports(report: Report, ports: str, path: str) -> None:
    match = PORTS.fullmatch(ports)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if not first <= last <= 65535:
        report.error(path, f"'{ports}' is not a port or range of ports: write one such as '443' or '30000-32767'")


def check_address(report: Report, text: t.Any, path: str, example: str) -> ipaddress.IPv4Address | None:
    if not isinstance(text, str):
        return None
    try:
        return ipaddress.IPv4Address(text)
    except ValueError:
        report.error(path, f"'{text}' is not an IPv4 address: write one such as {example}")
        return None


def check_there(entry: Entry, report: Report, name: str, todo: str) -> None:
    if name not in entry.clean:
        report.error(entry.at(name), f"'{name}' is missing: {todo}")


def check_not_both(report: Report, item: Item, path: str, one: str, other: str) -> None:
    if given(item, one) and given(item, other):
        report.error(join(path, other), f"'{other}' cannot be together with '{one}': keep one of them")


def check_aws_settings(report: Report, item: Item, path: str, prefix: str = "") -> None:
    """AWS's region and account, wherever they stand."""
    region, account = item.get(f"{prefix}region"), item.get(f"{prefix}account")
    if isinstance(region, str) and not AWS_REGION.fullmatch(region):
        report.error(
            join(path, f"{prefix}region"), f"'{region}' is not a region of AWS: write one such as 'ap-northeast-1'"
        )
    if isinstance(account, str) and not AWS_ACCOUNT.fullmatch(account):
        report.error(
            join(path, f"{prefix}account"), f"'{account}' is not an account's id: write its 12 digits, in quotes"
        )


def profile_of(entry: Entry) -> str:
    profile = entry.effective("profile")
    return profile if isinstance(profile, str) else addressing.DEFAULT_PROFILE
