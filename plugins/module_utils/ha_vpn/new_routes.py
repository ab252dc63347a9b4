# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The routes that a VPN brings to both sides, known before the first change: what AWS's route tables newly get of what
Google will advertise, and what Google's network will learn.
"""

from __future__ import annotations

import functools
import typing as t

from ..aws.new_routes import Coming, in_words, judged
from ..aws.vpn_steps import shown_table
from ..errors import Refused
from ..gcp.advertisement import advertised
from ..gcp.peering_surroundings import Surroundings, Unread
from . import shadows
from .anew import word
from .slots import Json, all_slots

if t.TYPE_CHECKING:
    from ..aws.vpn import AwsVpn
    from .vpn import HaVpn


class NewRoutes:
    """``coming`` are the routes that AWS's route tables would newly get, once they were judged."""

    def __init__(self, made: HaVpn) -> None:
        self.made = made
        self.coming: list[Coming] = []
        self._announced: list[str] | None = None

    def judge(self, aws: AwsVpn) -> list[Refused]:
        """What needs the caller's word and does not have it, besides the steps of AWS's half, whose plan is made."""
        found = [*self._growth(aws), *self._learning(aws)]
        return [] if self.made.params["allow_disruption"] else found

    def _refusal(self, what: str) -> Refused:
        return Refused(
            f"{self.made.label}: {what}: this may cut traffic that flows now. Say {word('allow_disruption', 'true')} "
            "to do it.",
            code="disruption-not-allowed",
            resource=self.made.label,
        )

    def announced(self) -> list[str]:
        """What all sessions of this VPN will advertise, as far as the network is there."""
        if self._announced is None:
            self._announced = sorted(self._advertised(self.made.router_then, every=True))
        return self._announced

    def _advertised(self, router: Json, *, every: bool = False) -> set[str]:
        """What sessions of this VPN advertise with the router like this: those that it has, or ``every`` one, switched
        on."""
        made = self.made
        network = self._network
        subnetworks = made.subnetworks() if network else []
        peers: dict[str, Json] = {peer["name"]: peer for peer in router.get("bgpPeers") or []}
        names = [slot.session for slot in all_slots(made.name)]
        mine = [{**peers.get(name, {}), "enable": "TRUE"} for name in names if every or name in peers]
        where = {**router, "region": made.google.where}
        return {cidr for peer in mine for cidr in advertised(network or {}, subnetworks, where, peer)}

    @functools.cached_property
    def _network(self) -> Json | None:
        """The router's network as it is; ``None`` where it is not there yet, and where there can be no router."""
        return self.made.client.get("compute", self.made.network) if self.made.router_then else None

    def _growth(self, aws: AwsVpn) -> t.Iterator[Refused]:
        """What the router newly advertises comes at once to the route tables that take it already."""
        made, gateway = self.made, aws.estate.gateway
        self.coming = list(aws.coming or [])
        before, then = (made.router_now or {}).get("bgp") or {}, made.router_then.get("bgp") or {}
        tables = [table for table in aws.estate.tables if gateway and gateway["id"] in table["propagating"]]
        if not gateway or not tables or before == then:
            return
        growth = set(self.announced()) - self._advertised(made.router_now or {})
        for table in tables:
            found = judged(table, growth, (aws.estate.vpc or {}).get("ranges") or [], gateway["id"])
            self.coming += found
            if any(item.problem for item in found):
                yield self._refusal(
                    f"change what router {made.google.router_name} advertises{in_words(found)} to {shown_table(table)}"
                )

    def _learning(self, aws: AwsVpn) -> t.Iterator[Refused]:
        """What Google's network learns once the first session is up: the VPC's ranges, as far as is known here."""
        made, vpc = self.made, aws.estate.vpc
        names = {slot.session for slot in all_slots(made.name)}
        peers: list[Json] = (made.router_now or {}).get("bgpPeers") or []
        network = self._network
        if network is None or not vpc or names & {peer["name"] for peer in peers}:
            return
        around = Surroundings(made.client, made.network, network)
        try:
            taken = shadows.taken(vpc["ranges"], around.existing(""), [item.cidr for item in around.ranges()])
        except Unread as unread:
            made.notes.append(
                f"{made.label}: {unread}, so that the routes at Google that lose traffic to AWS's are not known "
                "beforehand."
            )
            return
        if taken:
            yield self._refusal(
                f"bring up its sessions, by which routes to {vpc['id']} come to {made.network} ({'; '.join(taken)})"
            )
