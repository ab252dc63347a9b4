# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an entry of a topology stands on: the network of a cluster or VPN, both networks of a peering, the cluster of a
Service, flow or masquerade, the subnetworks of a Shared VPC.

An entry names another one by its key. What is found becomes what the role must be told instead: the real name, the
project where that is another one, the location.
"""

from __future__ import annotations

import re
import typing as t

from .shape import UNKNOWN, Report, suggest
from .values import REGION, ZONE

if t.TYPE_CHECKING:
    from .reading import Entry

_URL = r"(?:https?://[^/]+/(?:compute/)?[^/]+/)?"
NETWORK_PATH = re.compile(_URL + r"projects/(?P<project>[^/]+)/global/networks/(?P<name>[^/]+)")
SUBNETWORK_PATH = re.compile(
    _URL + r"projects/(?P<project>[^/]+)/regions/(?P<region>[^/]+)/subnetworks/(?P<name>[^/]+)"
)


Resolved = dict[str, t.Any]


class References:
    """Looks up what entries name. ``trust`` marks a string that is made here as coming from the user."""

    def __init__(self, entries: t.Sequence[Entry], report: Report, trust: t.Callable[[str], str]) -> None:
        self.networks = {entry.key: entry for entry in entries if entry.kind.key == "networks"}
        self.clusters = {entry.key: entry for entry in entries if entry.kind.key == "clusters"}
        self.report = report
        self.trust = trust

    def of(self, entry: Entry) -> Resolved:
        """Find what an entry stands on. Returns what its role must be told, by the entry's keys."""
        if entry.kind.key == "peerings":
            return {**self._network(entry), **self._peer_network(entry)}
        if entry.kind.key in ("clusters", "vpns"):
            found = self._network(entry)
            if entry.network is None or (entry.present and not entry.network.present):
                return found
            more = self._subnetwork(entry, entry.network) if entry.kind.key == "clusters" else _router(entry)
            return {**found, **more}
        if entry.kind.key == "shared_vpcs":
            return self._shared(entry)
        return self._cluster(entry) if entry.kind.key in ("services", "flows", "masquerades") else {}

    # ---- networks

    def _network(self, entry: Entry) -> Resolved:
        name = self._network_given(entry, "network")
        if name is None:
            return {}
        path = NETWORK_PATH.fullmatch(name)
        found: Resolved = {}
        if path:
            entry.network = self._declared_as(*path.group("project", "name"))
        elif name in self.networks:
            entry.network = self.networks[name]
            found = self._network_name(entry, entry.network)
        else:
            self._unknown_network(entry, "network", name)
        self._must_be_present(entry, "network", entry.network)
        return found

    def _peer_network(self, peering: Entry) -> Resolved:
        """A key of networks; or a network that is not declared here, by its path or by its name and project."""
        name = self._network_given(peering, "peer_network")
        if name is None:
            return {}
        path = NETWORK_PATH.fullmatch(name)
        project = peering.clean.get("peer_project")
        found: Resolved = {}
        if path:
            peering.peer = self._declared_as(*path.group("project", "name"))
        elif project is not None:
            peering.peer = self._declared_as(project, name)
        elif name in self.networks:
            peering.peer = self.networks[name]
            found = {"peer_network": peering.peer.raw.get("name", name)}
            if not _shares_project(peering, peering.peer):
                found["peer_project"] = peering.peer.effective_raw("project")
        else:
            self._unknown_network(peering, "peer_network", name)
        self._must_be_present(peering, "peer_network", peering.peer)
        return found

    def _network_given(self, entry: Entry, key: str) -> str | None:
        name = entry.clean.get(key)
        if name is None and (entry.present or entry.kind.key == "peerings"):
            keys = ", ".join(self.networks)
            todo = f"name a key of networks ({keys})" if keys else "name one"
            self.report.error(entry.at(key), f"'{key}' is missing: {todo}, or projects/PROJECT/global/networks/NAME")
        return name if isinstance(name, str) else None

    def _declared_as(self, project: t.Any, name: t.Any) -> Entry | None:
        """The declared network with that project and name in Google Cloud."""
        if not isinstance(project, str):
            return None
        same = (n for n in self.networks.values() if (n.effective("project"), n.real_name) == (project, name))
        return next(same, None)

    def _unknown_network(self, entry: Entry, key: str, name: str) -> None:
        by_name = [network.key for network in self.networks.values() if network.real_name == name]
        todo = f"did you mean '{by_name[0]}'?" if by_name else suggest(name, list(self.networks), "declare it")
        self.report.error(
            entry.at(key),
            f"'{name}' is not a key of networks: {todo} (a network that is not declared here is written "
            "projects/PROJECT/global/networks/NAME)",
        )

    def _must_be_present(self, entry: Entry, key: str, other: Entry | None) -> None:
        if other is not None and entry.present and not other.present:
            todo = "remove the flow" if entry.kind.key == "flows" else f"make the {entry.kind.noun} absent too"
            self.report.error(
                entry.at(key), f"'{entry.clean[key]}' is declared with state absent: take that away, or {todo}"
            )

    def _network_name(self, entry: Entry, network: Entry) -> Resolved:
        shares = _shares_project(entry, network)
        if shares:
            return {"network": network.raw.get("name", network.key)}
        if shares is None or not isinstance(network.real_name, str):
            if network.effective("project") is not None and entry.effective("project") is not None:
                self.report.error(
                    entry.at("network"),
                    f"'{network.key}' may be in another project, and the names are templates: write "
                    "projects/PROJECT/global/networks/NAME",
                )
            return {}
        return {"network": self.trust(f"projects/{network.effective('project')}/global/networks/{network.real_name}")}

    def _subnetwork(self, cluster: Entry, network: Entry) -> Resolved:
        name = cluster.clean.get("subnetwork")
        declared = network.clean.get("subnetworks", [])
        if name is None:
            automatic = network.clean.get("auto_create_subnetworks")
            if cluster.present and automatic is not True and automatic is not UNKNOWN:
                items = declared if isinstance(declared, list) else []
                known = [s["name"] for s in items if isinstance(s, dict) and isinstance(s.get("name"), str)]
                self.report.error(
                    cluster.at("subnetwork"),
                    f"'subnetwork' is missing: name one of network '{network.key}' ({', '.join(known) or 'none yet'})",
                )
            return {}
        if not isinstance(name, str):
            return {}
        path = SUBNETWORK_PATH.fullmatch(name)
        short, region = (path["name"], path["region"]) if path else (name, region_of(cluster.effective("location")))
        if not isinstance(declared, list) or any(not isinstance(s, dict) or s.get("name") is UNKNOWN for s in declared):
            return {}
        named = [s for s in declared if s.get("name") == short and s.get("state") != "absent"]
        here = [s for s in named if region is None or subnetwork_region(s, network) in (None, UNKNOWN, region)]
        if here:
            cluster.subnetwork = here[0]
            if path or _shares_project(cluster, network) or not isinstance(network.effective("project"), str):
                return {}
            if region is None:
                self.report.error(
                    cluster.at("subnetwork"),
                    f"'{name}' is in another project, and its region is a template: write "
                    "projects/PROJECT/regions/REGION/subnetworks/NAME",
                )
                return {}
            return {
                "subnetwork": self.trust(f"projects/{network.effective('project')}/regions/{region}/subnetworks/{name}")
            }
        if path:
            return {}  # somebody else's subnetwork of this network
        if named:
            elsewhere = subnetwork_region(named[0], network)
            self.report.error(
                cluster.at("subnetwork"),
                f"'{name}' is in region {elsewhere}, the cluster in {region}: choose a subnetwork of that region, or "
                "another location",
            )
        else:
            known = [s["name"] for s in declared if isinstance(s.get("name"), str)]
            self.report.error(
                cluster.at("subnetwork"),
                f"'{name}' is not a subnetwork of network '{network.key}': {suggest(name, known, 'declare it there')}",
            )
        return {}

    def _shared(self, shared: Entry) -> Resolved:
        """The regions of subnetworks that are named without: those of declared ones, else the one at the top."""
        listed = shared.clean.get("subnetworks")
        if not isinstance(listed, list) or not listed:
            return {}
        raw = [dict(item) if isinstance(item, t.Mapping) else item for item in shared.raw["subnetworks"]]
        for index, item in enumerate(listed):
            if isinstance(item, dict) and isinstance(item.get("name"), str):
                found = self._shared_region(shared, item, shared.at(f"subnetworks[{index}]"))
                if found is not None:
                    raw[index]["region"] = found
                    item["region"] = found if isinstance(found, str) and REGION.fullmatch(found) else UNKNOWN
        return {"subnetworks": raw}

    def _shared_region(self, shared: Entry, item: t.Mapping[str, t.Any], path: str) -> t.Any:
        """The region of a subnetwork of the host project, as it is written; None where the entry tells it itself, or
        nobody does, which is said.
        """
        given = SUBNETWORK_PATH.fullmatch(item["name"])
        name, region = (given["name"], given["region"]) if given else (item["name"], item.get("region"))
        same = list(self._declared_subnetworks(host_of(shared), name))
        here = [found for found in same if region is None or subnetwork_region(*found) in (None, UNKNOWN, region)]
        if here and shared.present and not any(_stays(*found) for found in here):
            self.report.error(
                f"{path}.name",
                f"'{name}' is declared with state absent: take that away, or make the {shared.kind.noun} absent too",
            )
        if region is not None:
            return None
        regions = [_raw_region(*found) for found in here]
        top = shared.top_raw.get("region")
        told = list(dict.fromkeys(text for text in regions if isinstance(text, str)))
        if len(told) > 1:
            self.report.error(
                f"{path}.region", f"'{name}' is in several regions ({', '.join(told)}): say which one, with 'region'"
            )
            return None
        if not told and top is None:
            self.report.error(f"{path}.region", "'region' is missing: add it here or at the top")
        return told[0] if told else top

    def _declared_subnetworks(self, project: t.Any, name: str) -> t.Iterator[tuple[t.Mapping[str, t.Any], Entry]]:
        """Those of a name in declared networks of a project, each with its network."""
        for network in self.networks.values():
            listed = network.clean.get("subnetworks")
            if not isinstance(project, str) or network.effective("project") != project or not isinstance(listed, list):
                continue
            for item in listed:
                if isinstance(item, dict) and item.get("name") == name:
                    yield item, network

    # ---- clusters

    def _cluster(self, entry: Entry) -> Resolved:
        name = entry.clean.get("cluster")
        if name is None or not isinstance(name, str):
            return {}
        cluster = self.clusters.get(name)
        if cluster is None:
            if entry.effective("location") is not None and "location" in entry.clean:
                return {}  # one that is not declared here
            self.report.error(
                entry.at("cluster"),
                f"'{name}' is not a key of clusters: {suggest(name, list(self.clusters), 'declare it')} (a cluster "
                "that is not declared here needs its 'location')",
            )
            return {}
        entry.cluster = cluster
        self._must_be_present(entry, "cluster", cluster)
        found = {"cluster": cluster.raw.get("name", cluster.key)}
        for key in ("location", "project"):
            if key not in entry.raw and cluster.effective_raw(key) is not None:
                found[key] = cluster.effective_raw(key)
        return found


def declared_router(vpn: Entry) -> tuple[t.Mapping[str, t.Any], int] | None:
    """The router of a VPN's network that it names, with its place there; None where it names none of these."""
    name, declared = vpn.clean.get("router"), vpn.network.clean.get("routers") if vpn.network else None
    if isinstance(name, str) and isinstance(declared, list):
        for index, item in enumerate(declared):
            if isinstance(item, dict) and item.get("name") == name and item.get("state") != "absent":
                return item, index
    return None


def _router(vpn: Entry) -> Resolved:
    """A router that the network declares is the network's: its ASN is known, and it stays when the VPN goes."""
    found = declared_router(vpn)
    if found is None or vpn.network is None:
        return {}
    item, index = found
    raw = vpn.network.raw["routers"][index]
    asn = raw["bgp"].get("asn") if isinstance(item.get("bgp"), dict) else None
    known: Resolved = {"keep_router": True} if asn is None else {"keep_router": True, "asn": asn}
    return {key: value for key, value in known.items() if key not in vpn.raw}


def host_of(shared: Entry) -> t.Any:
    """The host project of a Shared VPC, UNKNOWN where it is templated."""
    return shared.clean["host_project"] if "host_project" in shared.clean else shared.effective("project")


def _stays(item: t.Mapping[str, t.Any], network: Entry) -> bool:
    return network.present and item.get("state") != "absent"


def _raw_region(item: t.Mapping[str, t.Any], network: Entry) -> t.Any:
    """A subnetwork's region as it is written."""
    if "region" not in item:
        return network.effective_raw("region")
    index = next((at for at, other in enumerate(network.clean["subnetworks"]) if other is item), 0)
    return network.raw["subnetworks"][index]["region"]


def _shares_project(entry: Entry, network: Entry) -> bool | None:
    """Are both in one project? None where that cannot be told before templates are filled in."""
    if "project" not in entry.raw and "project" not in network.raw:
        return True
    one, other = entry.effective("project"), network.effective("project")
    return one == other if isinstance(one, str) and isinstance(other, str) else None


def region_of(location: t.Any) -> t.Any:
    """The region of a region or zone, None where it cannot be told."""
    if not isinstance(location, str):
        return None
    return location.rsplit("-", 1)[0] if ZONE.fullmatch(location) else location


def subnetwork_region(item: t.Mapping[str, t.Any], network: Entry) -> t.Any:
    return item["region"] if "region" in item else network.effective("region")
