# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why flows fail that should not: what was read of their cluster, its network and the peers of that. Pure."""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t

from . import masquerading
from .amazon import ipv4_ranges
from .flows import Failed
from .google import Google
from .peerings import Network, Pods, Ways, holds
from .sheet import Json, Sheet, last

#: what is read only where a flow fails, each the results of a loop
READINGS = ("clusters", "peerings", "routes", "masquerades")


def _by_place(results: t.Iterable[Json]) -> dict[tuple[str, str], Json]:
    """Results of a loop over clusters, by name and location."""
    found = {}
    for result in results:
        item = result.get("item") or {}
        found[str(item.get("cluster")), str(item.get("location"))] = result
    return found


def _networks(peerings: t.Iterable[Json], routes: t.Iterable[Json]) -> dict[str, Network]:
    """Results of loops over networks, by path. What failed is told as not read, by what the judgement says of it."""
    found: dict[str, Network] = {}
    for result in peerings:
        path = str(result.get("item"))
        if result.get("routes") is not None:
            found[path] = Network(path, result.get("peerings") or [], result["routes"])
    for result in routes:
        path = str(result.get("item"))
        if result.get("resources") is not None:
            found[path] = dataclasses.replace(found.get(path) or Network(path), routes=result["resources"])
    return found


class Causes:
    """The causes of flows that fail."""

    def __init__(self, sheet: Sheet, readings: Json, google: Google, aws: Json | None) -> None:
        self.sheet = sheet
        self.google = google
        self.aws = aws
        clusters, peerings, routes, masquerades = (readings.get(name) or [] for name in READINGS)
        self.clusters = _by_place(clusters)
        self.masquerades = _by_place(masquerades)
        self.ways = Ways(sheet, _networks(peerings, routes))

    def judge(self, flows: t.Iterable[Failed]) -> None:
        if self.clusters:
            for flow in flows:
                self._judge(flow)

    def _judge(self, flow: Failed) -> None:
        answer = self.clusters.get((flow.cluster, flow.location)) or {}
        (cluster, *_more) = answer.get("resources") or [None]
        path = str(((cluster or {}).get("networkConfig") or {}).get("network") or "")
        if cluster is None or not path:
            why = answer.get("msg") or "there is no such cluster"
            self.sheet.warn(f"why {flow.name} fails was not looked into: {flow.cluster} could not be read: {why}")
            return
        network = self.ways.network(path)
        by_vpn = self._by_vpn(network, flow.address)
        peering = None
        if not by_vpn:
            if network.peerings is None:
                self.sheet.unknown(network.name, f"a peering of it leads to {flow.address}")
            peering = self.ways.there(network, flow.address)
        if flow.host_network or not (peering or by_vpn):
            return
        masquerade = self.masquerades.get((flow.cluster, flow.location))
        if masquerading.seen_as(masquerade, flow.address) == "node":
            return
        pods = Pods(flow.cluster, tuple(map(ipaddress.IPv4Network, ipv4_ranges([str(cluster.get("clusterIpv4Cidr"))]))))
        lacking = None
        if by_vpn:
            lacking = "AWS hears of no route to them" if self._unheard(pods) else None
        elif peering and not (cluster.get("ipAllocationPolicy") or {}).get("useIpAliases"):
            lacking = self.ways.back(network, peering, pods)
        if lacking is None or masquerade is None:
            return
        if "findings" not in masquerade:
            why = masquerade.get("msg") or "there was no answer"
            self.sheet.warn(f"whether pods of {flow.cluster} are masqueraded toward {flow.address} is not known: {why}")
            return
        masquerading.judge(self.sheet, flow.cluster, flow.address, masquerade, lacking)

    def _by_vpn(self, network: Network, address: ipaddress.IPv4Address) -> bool:
        """Whether an address is in a VPC of AWS to which the network has a VPN of its own."""
        joined = any(last(session.router.get("network")) == network.name for session in self.google.sessions)
        blocks = [cidr for vpn in (self.aws or {}).get("vpns") or [] for cidr in vpn.get("vpc_ranges") or []]
        return joined and any(holds(cidr, address) for cidr in blocks)

    def _unheard(self, pods: Pods) -> bool:
        """Whether no session that is up tells AWS of pods; those that are down are a cause of their own."""
        routers = [session.router for session in self.google.sessions if session.up]
        missing = [{item["range"] for item in router.get("missing_ranges") or []} for router in routers]
        return bool(missing) and any(str(cidr) in set.intersection(*missing) for cidr in pods.ranges)
