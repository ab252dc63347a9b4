# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a session that is up does not advertise a range: what the configuration of router and network says about it.

https://cloud.google.com/network-connectivity/docs/router/concepts/advertised-routes
"""

from __future__ import annotations

import dataclasses
import typing as t

from .. import bgp
from ..errors import ApiError
from .advertisement import advertised
from .client import Client, network_path, relative
from .cluster_pod_ranges import PodRange
from .fields import Json

REGION_SCOPE = "bgp-region-scope"
PEER_OVERRIDE = "bgp-peer-override"


class Surroundings:
    """The networks of routers with their subnetworks, read once each and only where something is amiss.

    ``unread`` tells in words what could not be read.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.unread: list[str] = []
        self._known: dict[str, tuple[Json, list[Json]] | None] = {}

    def of(self, router: Json) -> tuple[Json, list[Json]] | None:
        """The network of a router and its subnetworks; ``None`` where they cannot be read."""
        path = network_path(router.get("network"), self.client.project)
        if path not in self._known:
            self._known[path] = self._read(path)
        return self._known[path]

    def _read(self, path: str) -> tuple[Json, list[Json]] | None:
        project = path.split("/")[1]
        try:
            network = self.client.get("compute", path) or {}
            subnetworks = self.client.list_all("compute", f"projects/{project}/aggregated/subnetworks")
        except ApiError as error:
            self.unread.append(f"why ranges are not advertised is not known in full: {error.message}")
            return None
        return network, [item for item in subnetworks if network_path(item.get("network"), project) == path]

    def intended(self, router: Json, peer: Json) -> list[str]:
        """The IPv4 ranges that a session would advertise, were it up; nothing where that is not known."""
        known = self.of(router)
        return sorted(cidr for cidr in advertised(*known, router, peer) if ":" not in cidr) if known else []


def explained(
    missing: bgp.MissingRange,
    router: Json,
    peer: Json,
    surroundings: Surroundings,
    pods: t.Sequence[PodRange],
) -> bgp.MissingRange:
    """The same with the cause and its mend, where the configuration shows one.

    ``peer`` is the configuration of a session that lacks the range; ``pods`` are the pod ranges that are known.
    """
    if missing.code != bgp.NOT_ADVERTISED:
        return missing
    known = surroundings.of(router)
    wanted, on = missing.range, f" on {missing.peer}" if missing.peer else ""
    shown = wanted if missing.name == wanted else f"{missing.name} ({wanted})"

    def told(code: str, why: str) -> bgp.MissingRange:
        return dataclasses.replace(missing, code=code, message=f"{shown} is not advertised{on}: {why}")

    if known:
        network, subnetworks = known
        if _holds(wanted, advertised(network, subnetworks, router, peer)):
            # as configured it is; it may have been changed this minute
            return missing
        everywhere = {**network, "routingConfig": {"routingMode": "GLOBAL"}}
        plain = {name: value for name, value in peer.items() if not name.startswith("advertise")}
        if _holds(wanted, advertised(network, subnetworks, router, plain)):
            return told(
                PEER_OVERRIDE,
                "the router's advertisement holds it, and the session's own CUSTOM lists take its place. Add the range "
                "(for subnetworks ALL_SUBNETS) to the session's lists, or set its advertise_mode to DEFAULT.",
            )
        if _holds(wanted, advertised(everywhere, subnetworks, router, peer)):
            region = relative(router["region"])[1].rpartition("/")[2]
            return told(
                REGION_SCOPE,
                f"it belongs to another region than the router ({region}), and the network's routing mode is REGIONAL. "
                "Set routing_mode to GLOBAL, or give that region a router with sessions.",
            )
    routes_based = [item.cluster for item in pods if item.routes_based and item.cidr == wanted]
    if routes_based:
        return told(
            bgp.NOT_ADVERTISED,
            f"{', '.join(routes_based)} is routes-based, and static routes are never advertised by themselves. Add the "
            "range to the router's advertised_ip_ranges (advertise_mode CUSTOM, with the group ALL_SUBNETS), or move "
            "the workloads to a VPC-native cluster.",
        )
    if known and _holds(wanted, advertised(known[0], known[1], {"region": router["region"]}, {})):
        return told(
            bgp.NOT_ADVERTISED,
            "it is a range of a subnetwork, and the CUSTOM advertisement leaves subnetworks out. Add the group "
            "ALL_SUBNETS, or the range itself, to it.",
        )
    return missing


def _holds(wanted: str, ranges: t.Collection[str]) -> bool:
    """Whether ranges make up one."""
    return not bgp.coverage(wanted, [cidr for cidr in ranges if ":" not in cidr]).missing
