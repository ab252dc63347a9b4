# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways between peered networks: whether a network leads to an address behind one, and that one back to the pods.

Subnetworks' routes always cross. Static and dynamic ones do where the one side exports and the other imports custom
routes; those with network tags never do, and what a network got from a peer goes no further.
https://cloud.google.com/vpc/docs/vpc-peering#route-exchange-options
"""

from __future__ import annotations

import dataclasses
import ipaddress
import typing as t

from .sheet import Json, Sheet, last

ONE_SIDED = "peering-one-sided"
EXPORT_OFF = "peering-export-off"
IMPORT_OFF = "peering-import-off"
TAGGED = "peering-tagged-route"
NOT_TRANSITIVE = "peering-not-transitive"

SUBNET = "SUBNET_PEERING_ROUTE"
INCOMING, OUTGOING = "INCOMING", "OUTGOING"
EVERYWHERE = ipaddress.IPv4Network("0.0.0.0/0")


@dataclasses.dataclass(frozen=True)
class Network:
    """What was read of a network: its peerings, what crosses them, and its own routes; None where it was not read."""

    path: str
    peerings: t.Sequence[Json] | None = None
    crossing: t.Sequence[Json] = ()
    routes: t.Sequence[Json] | None = None

    @property
    def name(self) -> str:
        return last(self.path)

    @property
    def project(self) -> str:
        return self.path.removeprefix("projects/").partition("/")[0]

    def peering(self, name: str) -> Json:
        return next((item for item in self.peerings or () if item["name"] == name), {})

    def peering_with(self, path: str) -> Json | None:
        return next((item for item in self.peerings or () if item.get("peer_network") == path), None)

    def coming(self, address: ipaddress.IPv4Address) -> list[Json]:
        """What peers offer that leads to an address, taken or not."""
        return [item for item in self.crossing if item["direction"] == INCOMING and holds(item["dest_range"], address)]

    def own(self, address: ipaddress.IPv4Address) -> list[Json]:
        """Its own routes to an address: those of subnetworks, and static ones but the default route."""
        return [item for item in self.routes or () if _is_own(item) and holds(str(item["destRange"]), address)]


def _is_own(route: Json) -> bool:
    return not route.get("nextHopPeering") and _parsed(str(route.get("destRange"))) not in (None, EVERYWHERE)


def _parsed(text: str) -> ipaddress.IPv4Network | None:
    try:
        return ipaddress.IPv4Network(text)
    except ValueError:
        # of IPv6
        return None


def holds(text: str, address: ipaddress.IPv4Address) -> bool:
    found = _parsed(text)
    return found is not None and address in found


def _length(text: str) -> int:
    """The length of a range's prefix."""
    return int(text.rpartition("/")[2])


def _overlaps(text: str, ranges: t.Iterable[ipaddress.IPv4Network]) -> bool:
    found = _parsed(text)
    return found is not None and any(found.overlaps(item) for item in ranges)


def _update(network: Network, peering: str, flag: str) -> str:
    return (
        f"gcloud compute networks peerings update {peering} --project {network.project} --network {network.name} {flag}"
    )


@dataclasses.dataclass(frozen=True)
class Pods:
    """The pods of a cluster."""

    cluster: str
    ranges: tuple[ipaddress.IPv4Network, ...]

    def __str__(self) -> str:
        return f"the pods of {self.cluster} ({', '.join(map(str, self.ranges))})"


def _leads_to(network: Network, pods: Pods) -> bool:
    """Whether a network has a route of its own to pods, by an appliance, say."""
    routes = [_parsed(str(item["destRange"])) for item in network.routes or () if _is_own(item)]
    return bool(pods.ranges) and all(any(one and own.subnet_of(one) for one in routes) for own in pods.ranges)


class Ways:
    """The ways between networks, by the paths of these."""

    def __init__(self, sheet: Sheet, networks: t.Mapping[str, Network]) -> None:
        self.sheet = sheet
        self.networks = networks

    def network(self, path: t.Any) -> Network:
        return self.networks.get(str(path)) or Network(str(path))

    # -- there

    def there(self, network: Network, address: ipaddress.IPv4Address) -> Json | None:
        """The peering by which packets to an address leave; where none is, findings that say why.

        None, and no finding, where a route of its own leads there. The most specific one counts, and of equal ones the
        own: https://cloud.google.com/vpc/docs/routes#routeselection
        """
        offered = network.coming(address)
        taken = [item for item in offered if item["imported"]]
        own = max((_length(str(item["destRange"])) for item in network.own(address)), default=-1)
        if taken:
            best = max(taken, key=lambda item: _length(item["dest_range"]))
            return network.peering(best["peering"]) if _length(best["dest_range"]) > own else None
        if own >= 0:
            return None
        for item in offered:
            self._not_taken(network, item, address)
        if not offered:
            for entry in network.peerings or ():
                self._not_offered(network, entry, address)
        return None

    def _not_taken(self, network: Network, route: Json, address: ipaddress.IPv4Address) -> None:
        entry = network.peering(route["peering"])
        peer, name = last(entry.get("peer_network")), str(route["peering"])
        if route["type"] == SUBNET or entry.get("import_custom_routes"):
            self.sheet.warn(f"{network.name} does not take {route['dest_range']} from {peer}: {route['reason']}")
            return
        self.sheet.find(
            IMPORT_OFF,
            f"{network.name}/{name}",
            f"{network.name} does not import custom routes in its peering {name} (import_custom_routes is false), so "
            f"it does not take {route['dest_range']} from {peer}, which leads to {address}",
            "import_custom_routes: true in the topology's entry of peerings, then podreach.gke.site "
            f"({_update(network, name, '--import-custom-routes')})",
        )

    def _not_offered(self, network: Network, entry: Json, address: ipaddress.IPv4Address) -> None:
        """A peer that offers no route to an address: whether it should."""
        peer = self.network(entry.get("peer_network"))
        where = f"{network.name}/{entry['name']}"
        own = peer.own(address)
        if entry.get("state") != "ACTIVE":
            self._inactive(network, entry, peer, own, address)
            return
        if peer.peerings is None or peer.routes is None:
            self.sheet.unknown(f"{peer.name}, a peer of {network.name},", f"{address} is behind it")
        tagged = [item for item in own if item.get("tags")]
        static = [item for item in own if not item.get("nextHopNetwork") and not item.get("tags")]
        theirs = peer.peering_with(network.path) or {}
        if static and not theirs.get("export_custom_routes", True):
            self.sheet.find(
                EXPORT_OFF,
                where,
                f"{peer.name} does not export custom routes in its peering {theirs['name']} (export_custom_routes is "
                f"false), so {network.name} has no route {static[0]['destRange']}, which leads to {address} there",
                "peer_side: {export_custom_routes: true} and import_custom_routes: true in the topology's entry of "
                f"peerings, then podreach.gke.site ({_update(peer, theirs['name'], '--export-custom-routes')})",
            )
        elif tagged and not static:
            self._tagged(where, peer, network, tagged[0], str(address))
        through = [item for item in peer.coming(address) if item["imported"] and item["peering"] != theirs.get("name")]
        if through and not own:
            far = last(peer.peering(through[0]["peering"]).get("peer_network"))
            self.sheet.find(
                NOT_TRANSITIVE,
                where,
                f"{address} is in {through[0]['dest_range']} of {far}, a peer of {peer.name}, which does not pass on "
                f"to {network.name} what it gets from a peer",
                f"peer {network.name} with {far} itself, or go by a proxy in {peer.name} or a Network Connectivity "
                "Center hub",
            )

    def _inactive(
        self, network: Network, entry: Json, peer: Network, own: list[Json], address: ipaddress.IPv4Address
    ) -> None:
        said = str(entry.get("state_details") or "").rpartition("]: ")[2].rstrip(".")
        state = f"{entry.get('state')}" + (f" ({said})" if said else "")
        if own:
            self.sheet.find(
                ONE_SIDED,
                f"{network.name}/{entry['name']}",
                f"the peering {entry['name']} of {network.name} with {peer.name} is {state}: {peer.name} has no side "
                "of it, and nothing crosses",
                "make the other side: peer_side in the topology's entry of peerings, then podreach.gke.site "
                f"(gcloud compute networks peerings create NAME --project {peer.project} --network {peer.name} "
                f"--peer-project {network.project} --peer-network {network.name})",
            )
        elif peer.routes is None:
            here = f"the peering {entry['name']} of {network.name} is {state}"
            self.sheet.unknown(f"{here}; {peer.name}", f"{address} is behind it")

    def _tagged(self, where: str, owner: Network, other: Network, route: Json, what: str) -> None:
        tags = ", ".join(route.get("tags") or ())
        self.sheet.find(
            TAGGED,
            where,
            f"{other.name} has no route to {what}: that of {owner.name}, {route['name']} to {route['destRange']}, has "
            f"network tags ({tags}), and such a route never crosses a peering",
            "make a route without tags beside it (gcloud compute routes create NAME --project "
            f"{owner.project} --network {owner.name} --destination-range {route['destRange']}, and its next hop)",
        )

    # -- and back

    def back(self, network: Network, entry: Json, pods: Pods) -> str | None:
        """How the peer lacks a route to pods whose routes are static ones, in words, with findings that say why."""
        peer, name = self.network(entry.get("peer_network")), str(entry["name"])
        where = f"{network.name}/{name}"
        theirs = peer.peering_with(network.path)
        crossing = [
            item
            for item in network.crossing
            if (item["direction"], item["peering"]) == (OUTGOING, name) and _overlaps(item["dest_range"], pods.ranges)
        ]
        lacking = [item for item in crossing if not item["imported"]]
        if (crossing and not lacking) or _leads_to(peer, pods):
            return None
        imports = None if theirs is None else bool(theirs.get("import_custom_routes"))
        if not entry.get("export_custom_routes"):
            self.sheet.find(
                EXPORT_OFF,
                where,
                f"{network.name} does not export custom routes in its peering {name} (export_custom_routes is false), "
                f"so {peer.name} has no route back to {pods}: the cluster is routes-based, so its routes are static",
                "export_custom_routes: true in the topology's entry of peerings, and import_custom_routes: true in "
                f"its peer_side, then podreach.gke.site ({_update(network, name, '--export-custom-routes')}), or "
                "masquerade the pods toward there",
            )
        elif not crossing:
            self._nothing_crosses(network, peer, where, pods)
        if imports is False or (lacking and imports is None):
            self._not_imported(network, peer, where, pods, theirs)
        elif lacking:
            self.sheet.warn(f"{peer.name} does not take {lacking[0]['dest_range']}: {lacking[0]['reason']}")
        elif imports is None:
            self.sheet.unknown(peer.name, f"it imports custom routes of {network.name}")
        return f"{peer.name} has no route back to them"

    def _not_imported(self, network: Network, peer: Network, where: str, pods: Pods, theirs: Json | None) -> None:
        how = "--import-custom-routes"
        name = str(theirs["name"]) if theirs else "NAME"
        if theirs:
            said = f"{peer.name} does not import custom routes in its peering {name} (import_custom_routes is false)"
        else:
            said = (
                f"{peer.name} rejects the routes that {network.name} exports: most likely import_custom_routes is off "
                "on its side, which could not be read"
            )
        self.sheet.find(
            IMPORT_OFF,
            where,
            f"{said}, so it has no route back to {pods}",
            f"peer_side: {{name: {name}, import_custom_routes: true}} in the topology's entry of peerings, then "
            f"podreach.gke.site ({_update(peer, name, how)}), or masquerade the pods toward there",
        )

    def _nothing_crosses(self, network: Network, peer: Network, where: str, pods: Pods) -> None:
        """Custom routes are exported, and none for the pods is among them."""
        tagged = [
            item
            for item in network.routes or ()
            if item.get("tags") and _is_own(item) and _overlaps(str(item["destRange"]), pods.ranges)
        ]
        if tagged:
            self._tagged(where, network, peer, tagged[0], str(pods))
        else:
            self.sheet.warn(f"{network.name} exports custom routes in {where}, and none to {pods} is among them")
