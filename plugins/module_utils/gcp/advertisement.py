# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The blast radius of a range: what BGP sessions would advertise after a change, and the limit they must stay under.

A virtual private gateway drops a session that sends it more than 100 prefixes, and every subnet range, primary or
secondary, counts as one. So whatever changes what is advertised first reads the router status of its network.
Sources: https://cloud.google.com/network-connectivity/docs/router/concepts/advertised-routes,
https://docs.aws.amazon.com/vpn/latest/s2svpn/vpn-limits.html
"""

from __future__ import annotations

import dataclasses
import typing as t

from ..errors import Refused
from .client import Client, relative

if t.TYPE_CHECKING:
    from .fields import Json
from .resource import GcpResource


@dataclasses.dataclass(frozen=True)
class Surroundings:
    """The network and its subnetworks as they will be, as far as what is planned tells."""

    network: Json
    subnetworks: list[Json]


def subnetwork_ranges(subnetwork: Json) -> list[str]:
    """The IPv4 ranges of a subnetwork, primary first; an IPv6-only one has none."""
    ranges = [subnetwork, *(subnetwork.get("secondaryIpRanges") or [])]
    return [item["ipCidrRange"] for item in ranges if item.get("ipCidrRange")]


def advertised(network: Json, subnetworks: t.Sequence[Json], router: Json, peer: Json) -> set[str]:
    """The prefixes that one session advertises: a session's own CUSTOM lists override the router's; REGIONAL routing
    mode leaves out the subnetworks of other regions. A session that is switched off advertises nothing."""
    if peer.get("enable") == "FALSE":
        return set()
    lists = peer if peer.get("advertiseMode") == "CUSTOM" else router.get("bgp") or {}
    custom = lists.get("advertiseMode") == "CUSTOM"
    prefixes = {item["range"] for item in lists.get("advertisedIpRanges") or []} if custom else set()
    if not custom or "ALL_SUBNETS" in (lists.get("advertisedGroups") or []):
        everywhere = (network.get("routingConfig") or {}).get("routingMode") == "GLOBAL"
        for subnetwork in subnetworks:
            if everywhere or relative(subnetwork["region"])[1] == relative(router["region"])[1]:
                prefixes.update(subnetwork_ranges(subnetwork))
    return prefixes


def check(
    resource: GcpResource,
    network_path: str,
    *,
    network: Json | None = None,
    subnetwork: Json | None = None,
    router: Json | None = None,
) -> Surroundings | None:
    """Refuse a change after which a session of the network would send more prefixes than its peer takes.

    What changes is given as it will be: the ``network``, one ``subnetwork`` (with name and region) or one ``router``
    (with name and region); the rest is read. Raises :class:`Refused` naming every session with its count. Returns what
    was looked at, ``None`` where no router has a session.
    """
    client, limit = resource.client, resource.params["advertised_prefix_limit"]
    project, network_name = network_path.split("/")[1], network_path.rsplit("/", 1)[-1]

    def of_network(items: list[Json]) -> list[Json]:
        return [item for item in items if relative(item.get("network", ""))[1].rsplit("/", 1)[-1] == network_name]

    routers_now = of_network(client.list_all("compute", f"projects/{project}/aggregated/routers"))
    routers_then = [item for item in _replaced(routers_now, router) if item.get("bgpPeers")]
    if not routers_then:
        return None
    network_now = client.get("compute", network_path) or {}
    subnetworks_now = of_network(client.list_all("compute", f"projects/{project}/aggregated/subnetworks"))
    network_then = {**network_now, **(network or {})}
    subnetworks_then = subnetworks_now
    for sibling in resource.siblings:
        # what the same task is about to do counts too
        if sibling is resource or not (sibling.planned and sibling.planned.steps and sibling.planned.after):
            continue
        if sibling.path == network_path:
            network_then.update(sibling.planned.after)
        elif sibling.kind == "subnetwork":
            ahead = {**sibling.planned.after, "region": sibling.collection.rsplit("/", 1)[0]}
            if ahead.get("network", network_name).rsplit("/", 1)[-1] == network_name:
                subnetworks_then = _replaced(subnetworks_then, ahead)
    subnetworks_then = _replaced(subnetworks_then, subnetwork)
    over = []
    for then in routers_then:
        now: Json = next((item for item in routers_now if _key(item) == _key(then)), {})
        peers_now = {peer["name"]: peer for peer in now.get("bgpPeers") or []}
        sent = _sent(client, project, then) if peers_now else {}
        for peer in then["bgpPeers"]:
            known = peers_now.get(peer["name"])
            before = advertised(network_now, subnetworks_now, now, known) if known else set()
            after = advertised(network_then, subnetworks_then, then, peer)
            growth = len(after - before) - len(before - after)
            count = max(sent.get(peer["name"], 0), len(before)) + growth
            if growth > 0 and count > limit:
                over.append(f"{then['name']}/{peer['name']}: {count - growth} now, {count} then")
    if over:
        raise Refused(
            f"{resource.label}: this change would push BGP sessions over {limit} prefixes, and a peer such as an AWS "
            f"virtual private gateway then drops the whole session: {'; '.join(over)}. Aggregate the ranges with "
            "CUSTOM "
            "advertisement, or raise advertised_prefix_limit if the peer is known to take more.",
            code="bgp-prefix-limit",
            resource=resource.label,
        )
    return Surroundings(network_then, subnetworks_then)


def _sent(client: Client, project: str, router: Json) -> dict[str, int]:
    """How many prefixes each session of a router advertises now, as its status has it."""
    region = relative(router["region"])[1].rsplit("/", 1)[-1]
    path = f"projects/{project}/regions/{region}/routers/{router['name']}/getRouterStatus"
    found = ((client.get("compute", path) or {}).get("result") or {}).get("bgpPeerStatus") or []
    return {peer.get("name"): len(peer.get("advertisedRoutes") or []) for peer in found}


def _replaced(items: list[Json], changed: Json | None) -> list[Json]:
    """The list with one item as it will be; added if it is new."""
    if changed is None:
        return items

    result = [{**item, **changed} if _key(item) == _key(changed) else item for item in items]
    return result if any(_key(item) == _key(changed) for item in items) else [*result, changed]


def _key(item: Json) -> tuple[str, str]:
    return item["name"], relative(item["region"])[1].rsplit("/", 1)[-1]
