# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold of the peerings of a topology, each by itself and all together: what the role would refuse later
without asking anybody, and what only all declared networks together tell.

Rules: https://cloud.google.com/vpc/docs/vpc-peering (restrictions), https://cloud.google.com/vpc/docs/quota
"""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t

from .. import addressing
from .cluster_rules import routes_based
from .range_rules import made_ranges, network_ranges
from .references import NETWORK_PATH
from .shape import UNKNOWN, Report
from .values import Item, check_name, known_range, sub

if t.TYPE_CHECKING:
    from .reading import Entry

QUOTA = "PEERINGS_PER_NETWORK"
#: As the role peering has it.
PEERING_LIMIT = 25
#: What a network in auto mode takes its subnetworks from, now or later.
AUTO_MODE = "10.128.0.0/9"


# ---------------------------------------------------------------------------------------------------------------------
# One peering


def check_peering(peering: Entry, report: Report) -> None:
    """One peering. Its networks are already looked up."""
    for key in ("network", "peer_network"):
        value = peering.clean.get(key)
        path = NETWORK_PATH.fullmatch(value) if isinstance(value, str) else None
        if path:
            check_name(report, path["name"], peering.at(key))
    other = peering.clean.get("peer_side")
    if isinstance(other, dict):
        check_name(report, other.get("name"), peering.at("peer_side.name"))
    limit = peering.effective("peering_limit")
    if isinstance(limit, int) and limit < 1:
        report.error(peering.where_from("peering_limit"), f"{limit} is not a number of peerings: use 1 or more")
    here, there = network_of(peering), peer_of(peering)
    if here is not None and here == there:
        report.error(
            peering.at("peer_network"),
            f"'{peering.clean['peer_network']}' is the network itself, which cannot be peered with itself: name "
            "another one",
        )
    if peering.surely_present:
        _check_projects(peering, report)


def _check_projects(peering: Entry, report: Report) -> None:
    """The projects whose networks are written have to be among those that may be."""
    own, allowed = peering.effective("project"), peering.top.get("projects")
    if allowed is None and peering.top.get("environment") == "cloud":
        allowed = [own]
    if not isinstance(allowed, list) or not all(isinstance(project, str) for project in allowed):
        return
    sides = [("network", _project_of(peering, "network", peering.network, own))]
    if isinstance(peering.clean.get("peer_side"), dict):
        elsewhere = peering.clean.get("peer_project", own)
        sides.append(("peer_side", _project_of(peering, "peer_network", peering.peer, elsewhere)))
    for key, project in sides:
        if isinstance(project, str) and project not in allowed:
            todo = "remove 'peer_side'" if key == "peer_side" else f"set 'project: {project}' here"
            report.error(
                peering.at(key),
                f"it is in '{project}', which is not among the allowed projects ({', '.join(allowed) or 'none'}): add "
                f"it to 'projects' at the top, or {todo}",
            )


def _project_of(peering: Entry, key: str, network: Entry | None, otherwise: t.Any) -> t.Any:
    """The project of one of the two networks."""
    if network is not None:
        return network.effective("project")
    name = peering.clean.get(key)
    path = NETWORK_PATH.fullmatch(name) if isinstance(name, str) else None
    return path["project"] if path else otherwise


def network_of(peering: Entry) -> str | None:
    """What makes its network the same as another one's: the path of its entry, or of the network; None: not known."""
    name = peering.clean.get("network")
    if peering.network is not None:
        return peering.network.path
    path = NETWORK_PATH.fullmatch(name) if isinstance(name, str) else None
    return "projects/{}/global/networks/{}".format(*path.group("project", "name")) if path else None


def peer_of(peering: Entry) -> str | None:
    """The same of its peer network."""
    if peering.peer is not None:
        return peering.peer.path
    name = peering.clean.get("peer_network")
    path = NETWORK_PATH.fullmatch(name) if isinstance(name, str) else None
    if path:
        return "projects/{}/global/networks/{}".format(*path.group("project", "name"))
    project = peering.clean.get("peer_project")
    return f"projects/{project}/global/networks/{name}" if isinstance(project, str) and isinstance(name, str) else None


# ---------------------------------------------------------------------------------------------------------------------
# All of them


@dataclasses.dataclass(frozen=True)
class Side:
    """What a topology says of the peering of one network. ``flags`` are its keys there."""

    peering: Entry
    network: str
    peer: str | None
    name: t.Any
    path: str
    flags: Item


def check_peerings(entries: t.Sequence[Entry], report: Report) -> None:
    """Everything that takes several entries to see."""
    peerings = [entry for entry in entries if entry.kind.key == "peerings"]
    sides = [side for peering in peerings for side in _sides(peering)]
    _check_twice(sides, report)
    _check_quota([side for side in sides if side.peering.surely_present], report)
    ranges = _Ranges(entries)
    surely = [peering for peering in peerings if peering.surely_present]
    seen: set[tuple[str, str]] = set()
    for peering in surely:
        _check_direct(peering, ranges, seen, report)
    _check_hubs(surely, ranges, seen, report)


def _sides(peering: Entry) -> t.Iterator[Side]:
    here, there = network_of(peering), peer_of(peering)
    if here is not None:
        yield Side(peering, here, there, peering.real_name, peering.path, peering.clean)
    other = peering.clean.get("peer_side")
    if there is not None and isinstance(other, dict):
        name = other.get("name", peering.real_name)
        yield Side(peering, there, here, name, peering.at("peer_side"), other)


def _check_twice(sides: list[Side], report: Report) -> None:
    """A network has one peering of a name, and one with another network."""
    names: dict[tuple[str, t.Any], Side] = {}
    pairs: dict[tuple[str, str], Side] = {}
    for side in sides:
        before = pairs.get((side.network, side.peer)) if side.peer else None
        same = names.get((side.network, side.name)) if side.name is not UNKNOWN else None
        if before and before.peering is not side.peering and before.peering.present and side.peering.present:
            report.error(
                side.path,
                f"the peering of {side.network} with {side.peer} is already declared at {before.path}: remove one, or "
                "if this is its other side, say it in 'peer_side' there",
            )
        elif same and same.peering is not side.peering:
            report.error(
                side.path,
                f"{side.network} already has a peering '{side.name}' at {same.path}: give one of them another name",
            )
        names.setdefault((side.network, side.name), side)
        if side.peer and side.peering.present:
            pairs.setdefault((side.network, side.peer), side)


def _check_quota(sides: list[Side], report: Report) -> None:
    by_network: dict[str, dict[str, Side]] = {}
    for side in sides:
        by_network.setdefault(side.network, {}).setdefault(side.peer or side.path, side)
    for network, found in by_network.items():
        members = list(found.values())
        limits = [member.peering.effective("peering_limit") for member in members]
        known = [PEERING_LIMIT if limit is None else limit for limit in limits if limit is not UNKNOWN]
        limit = min((item for item in known if isinstance(item, int)), default=None)
        if limit is None or limit < 1 or len(members) <= limit:
            continue
        report.error(
            members[limit].path,
            f"{network} would have {len(members)} peerings, and its quota {QUOTA} is {limit}: remove some, join the "
            f"networks otherwise, or where Google raised the quota, set 'peering_limit: {len(members)}' at the top",
        )


class _Ranges:
    """The declared ranges of networks: of their subnetworks, and those that Google makes for their clusters."""

    def __init__(self, entries: t.Iterable[Entry]) -> None:
        self.found: dict[str, list[addressing.Range]] = {}
        #: The pods of routes-based clusters, which have static routes.
        self.routes: dict[str, list[addressing.Range]] = {}
        for entry in entries:
            if entry.kind.key == "networks" and entry.surely_present:
                self._add(entry.path, network_ranges(entry))
                if entry.clean.get("auto_create_subnetworks") is True:
                    self._add(entry.path, [addressing.Range(AUTO_MODE, entry.at("auto_create_subnetworks"))])
            elif entry.kind.key == "clusters" and entry.surely_present:
                network = network_of(entry)
                if network is None:
                    continue
                cidr = known_range(entry.clean.get("cluster_ipv4_cidr"))
                if cidr and routes_based(entry):
                    pods = addressing.Range(cidr, entry.at("cluster_ipv4_cidr"))
                    self.routes.setdefault(network, []).append(pods)
                self._add(network, made_ranges(entry))

    def _add(self, network: str, ranges: t.Iterable[addressing.Range]) -> None:
        own = (item for item in ranges if item.cidr != addressing.GKE_DEFAULT_SERVICES_RANGE)
        self.found.setdefault(network, []).extend(own)


def _pairs(
    one: t.Iterable[addressing.Range], other: t.Iterable[addressing.Range]
) -> t.Iterator[tuple[addressing.Range, addressing.Range]]:
    """The pairs, one of each, that overlap."""
    mine = {item.label: item for item in one}
    theirs = {item.label: item for item in other}
    for pair in addressing.overlaps([*mine.values(), *theirs.values()]):
        first, second = pair if pair[0].label in mine else (pair[1], pair[0])
        if first.label in mine and second.label in theirs:
            yield first, second


def _private(cidr: str) -> bool:
    return addressing.space(cidr) != "public"


def _check_direct(peering: Entry, ranges: _Ranges, seen: set[tuple[str, str]], report: Report) -> None:
    """Ranges of the two networks, as far as they cross."""
    here, there = network_of(peering), peer_of(peering)
    if here is None or there is None or here == there:
        return
    for one, other in _pairs(ranges.found.get(here, ()), ranges.found.get(there, ())):
        first = _private(one.cidr) or _lets_public(peering.clean, sub(peering.clean, "peer_side"))
        second = _private(other.cidr) or _lets_public(sub(peering.clean, "peer_side"), peering.clean)
        if first or second:
            seen.add((one.label, other.label))
            report.error(
                other.label,
                f"{other.cidr} overlaps {one.cidr} at {one.label}, and {peering.path} joins {here} and {there}: give "
                "one of them another range",
            )
    for near, far in ((here, there), (there, here)):
        for route in ranges.routes.get(near, ()):
            for item in ranges.found.get(far, ()):
                inside = ipaddress.IPv4Network(route.cidr).subnet_of(ipaddress.IPv4Network(item.cidr))
                if inside and _private(item.cidr):
                    report.error(
                        route.label,
                        f"{route.cidr} is in {item.cidr} at {item.label}, and {peering.path} joins {here} and {there}, "
                        "so that nodes would get no routes for their pods: give one of them another range",
                    )


def _lets_public(sender: t.Any, receiver: t.Any) -> bool:
    """Do public ranges certainly cross? They need a word of the receiver."""
    if not isinstance(sender, dict) or not isinstance(receiver, dict):
        return False
    exported = sender.get("export_subnet_routes_with_public_ip", True)
    return exported is True and receiver.get("import_subnet_routes_with_public_ip") is True


def _check_hubs(peerings: list[Entry], ranges: _Ranges, seen: set[tuple[str, str]], report: Report) -> None:
    """Two networks that are peered with the same one may not overlap either."""
    around: dict[str, dict[str, Entry]] = {}
    for peering in peerings:
        here, there = network_of(peering), peer_of(peering)
        if here is not None and there is not None and here != there:
            around.setdefault(here, {}).setdefault(there, peering)
            around.setdefault(there, {}).setdefault(here, peering)
    for hub, spokes in around.items():
        places: dict[str, str] = {}
        listed = []
        for network in spokes:
            for item in ranges.found.get(network, ()):
                if _private(item.cidr):
                    places[item.label] = network
                    listed.append(item)
        order = list(places)
        for pair in addressing.overlaps(listed):
            one, other = sorted(pair, key=lambda item: order.index(item.label))
            first, second = places[one.label], places[other.label]
            if first == second or {(one.label, other.label), (other.label, one.label)} & seen:
                continue
            seen.add((one.label, other.label))
            report.error(
                other.label,
                f"{other.cidr} overlaps {one.cidr} at {one.label}, and {spokes[first].path} and {spokes[second].path} "
                f"join both networks with {hub}: give one of them another range",
            )
