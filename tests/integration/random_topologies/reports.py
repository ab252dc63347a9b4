# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What both clouds' APIs say of BGP, beside what the oracle expects: getRouterStatus, DescribeVpnConnections and
DescribeRouteTables."""

from __future__ import annotations

import dataclasses
import typing as t

from . import world as w
from .bgp import Bgp, Med
from .build import Estate

Json = dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Report:
    """One statement."""

    what: str
    found: str
    expected: str

    @property
    def agrees(self) -> bool:
        return self.found == self.expected

    def __str__(self) -> str:
        return f"{self.what}\nlab: {self.found}\noracle: {self.expected}"


def compare_reports(estate: Estate, bgp: Bgp) -> list[Report]:
    """Every statement that can be held against the oracle."""
    assert estate.skeleton is not None
    status, telemetry = estate.skeleton.status(), estate.skeleton.telemetry()
    found: list[Report] = []
    for session in bgp.world.sessions:
        if session not in bgp.flapping:
            found += of_session(bgp, session, status[session.name], telemetry[session.outside])
    tables = estate.skeleton.account.ec2.describe_route_tables()["RouteTables"]
    return found + [of_table(bgp, body) for body in tables if body.get("PropagatingVgws")]


def of_session(bgp: Bgp, session: w.Session, status: Json, telemetry: Json) -> t.Iterator[Report]:
    name = session.name
    accepted = telemetry["AcceptedRouteCount"]
    if session not in bgp.established:
        yield Report(f"{name} is up", str(status.get("status") == "UP"), "False")
        yield Report(f"AWS accepted over {name}", str(accepted), "0")
        return
    announced = bgp.announced(session)
    yield Report(f"{name} is up", str(status.get("status") == "UP"), "True")
    yield Report(f"state of {name}", str(status.get("state")), "Established")
    yield Report(f"AWS accepted over {name}", str(accepted), str(len(announced)))
    yield Report(f"status of {name} at AWS", telemetry["Status"], "UP")
    yield Report(f"{name} learned", str(status.get("numLearnedRoutes")), str(len(bgp.learned(session))))
    said = {w.cidr(item["destRange"]): item["priority"] for item in status.get("advertisedRoutes", [])}
    yield Report(f"{name} announces", listing(said), listing(announced))
    for found in sorted(set(said) & set(announced)):
        med = announced[found]
        yield Report(f"{name} sends {found} with {said[found]}, from {med}", str(med.allows(said[found])), "True")


def of_table(bgp: Bgp, body: Json) -> Report:
    """Propagated routes, without those that others hide: whether these are listed isn't documented."""
    hidden = {w.cidr(item["DestinationCidrBlock"]) for item in body["Routes"] if item["Origin"] != PROPAGATED}
    local = [block for vpc in bgp.amazon.vpcs if vpc.id == body["VpcId"] for block in vpc.ranges]
    said = [item["DestinationCidrBlock"] for item in body["Routes"] if item["Origin"] == PROPAGATED]
    known = {found for item in body["PropagatingVgws"] for found in bgp.known_to_gateway(item["GatewayId"])}

    def shown(found: w.Range) -> bool:
        return found not in hidden and not any(found.subnet_of(block) for block in local)

    return Report(
        f"routes propagated into {body['RouteTableId']}",
        listing(found for found in map(w.cidr, said) if shown(found)),
        listing(found for found in known if shown(found)),
    )


PROPAGATED = "EnableVgwRoutePropagation"


def listing(found: t.Iterable[w.Range] | t.Mapping[w.Range, Med | int]) -> str:
    return ", ".join(str(item) for item in sorted(found)) or "nothing"
