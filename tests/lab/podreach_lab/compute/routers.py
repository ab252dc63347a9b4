# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.routers: Cloud Routers, their BGP configuration, and their status."""

from __future__ import annotations

import copy
import ipaddress
import typing as t

from .. import cidr
from ..core import Call, method
from ..faults import ApiFault, in_use, invalid, required
from ..links import resolve, self_link
from ..state import Body, Resource
from ..wan import report
from . import networks
from .common import (
    aggregated,
    bodies,
    check_region,
    delete,
    fixed,
    insert,
    listed,
    merge_patch,
    need,
    ready,
    reference,
    region_scopes,
)

KIND = "compute#router"
PER_NETWORK_AND_REGION = 5
MAX_PEERS = 128
MAX_RANGES = 200


def path_of(project: str, region: str, name: str) -> str:
    return f"projects/{project}/regions/{region}/routers/{name}"


def private_asn(number: int) -> bool:
    return 64512 <= number <= 65534 or 4200000000 <= number <= 4294967294


# ---- configuration


def complete(body: Body, project: str) -> Body:
    """Fill in the server's defaults and refuse a configuration that Google refuses."""
    bgp = body.get("bgp")
    if bgp is not None:
        if bgp.get("asn") is None:
            raise required("resource.bgp.asn")
        if not private_asn(bgp["asn"]):
            raise invalid(
                "resource.bgp.asn", bgp["asn"], "Must be an RFC6996 private ASN, or 16550 for Partner Interconnect."
            )
        if not 20 <= bgp.setdefault("keepaliveInterval", 20) <= 60:
            raise invalid("resource.bgp.keepaliveInterval", bgp["keepaliveInterval"], "Must be between 20 and 60.")
        check_advertisement(bgp, "resource.bgp")
    body.setdefault("encryptedInterconnectRouter", False)
    interfaces = check_interfaces(body.get("interfaces", []), project)
    check_peers(body.get("bgpPeers", []), interfaces, bgp)
    return body


def check_advertisement(part: Body, field: str) -> None:
    """advertisedGroups and advertisedIpRanges belong to the mode CUSTOM."""
    custom = part.setdefault("advertiseMode", "DEFAULT") == "CUSTOM"
    for name in ("advertisedGroups", "advertisedIpRanges"):
        if part.get(name) and not custom:
            raise invalid(f"{field}.{name}", "", f"{name} can be specified only with the advertiseMode CUSTOM.")
        if part.get(name) == []:
            del part[name]
    ranges = part.get("advertisedIpRanges", [])
    if len(ranges) > MAX_RANGES:
        raise invalid(f"{field}.advertisedIpRanges", "", f"At most {MAX_RANGES} custom ranges can be advertised.")
    seen = set()
    for at, item in enumerate(ranges):
        if not item.get("range"):
            raise required(f"{field}.advertisedIpRanges[{at}].range")
        if ":" in item["range"]:
            continue
        if "/" not in item["range"]:
            item["range"] += "/32"
        found = cidr.parse(item["range"], f"{field}.advertisedIpRanges[{at}].range")
        if found in seen:
            raise invalid(f"{field}.advertisedIpRanges[{at}].range", found, "Duplicate advertised range.")
        seen.add(found)


def check_interfaces(interfaces: list[Body], project: str) -> dict[str, Body]:
    """Interfaces by name, with their defaults."""
    found: dict[str, Body] = {}
    for at, item in enumerate(interfaces):
        where = f"resource.interfaces[{at}]"
        if not item.get("name"):
            raise required(f"{where}.name")
        if item["name"] in found:
            raise invalid(f"{where}.name", item["name"], "Interface names must be unique.")
        item.setdefault("managementType", "MANAGED_BY_USER")
        if item.get("linkedVpnTunnel"):
            tunnel = resolve(item["linkedVpnTunnel"], f"{where}.linkedVpnTunnel", project, "vpnTunnels")
            item["linkedVpnTunnel"] = self_link(tunnel)
        text = item.get("ipRange")
        if text:
            try:
                address = ipaddress.IPv4Interface(text)
            except ValueError:
                raise invalid(f"{where}.ipRange", text, "Must be an address with its prefix length.") from None
            if item.get("linkedVpnTunnel") and address not in ipaddress.IPv4Network("169.254.0.0/16"):
                raise invalid(f"{where}.ipRange", text, "Must be a link-local address in 169.254.0.0/16.")
            for other in found.values():
                if other.get("ipRange") and ipaddress.IPv4Interface(other["ipRange"]).network.overlaps(address.network):
                    raise invalid(f"{where}.ipRange", text, f"It overlaps the interface '{other['name']}'.")
        found[item["name"]] = item
    return found


def check_tunnels(call: Call, region: str, name: str, interfaces: list[Body], before: list[Body]) -> None:
    """An interface's tunnel is there, in the router's region, was made for this router, and has no other interface.
    Those that were linked `before` stay linked: their tunnel may be gone by now."""
    kept = {item.get("linkedVpnTunnel") for item in before}
    seen: dict[str, str] = {}
    for at, item in enumerate(interfaces):
        link = item.get("linkedVpnTunnel")
        if not link:
            continue
        field = f"resource.interfaces[{at}].linkedVpnTunnel"
        if link in seen:
            raise invalid(field, link, f"The VPN tunnel is linked to the interface '{seen[link]}' already.")
        seen[link] = item["name"]
        if link in kept:
            continue
        tunnel = reference(call, link, field, "vpnTunnels", missing="400")
        if tunnel.path.split("/")[3] != region:
            raise invalid(field, link, "The VPN tunnel must be in the router's region.")
        if tunnel.body["router"] != self_link(path_of(call.project, region, name)):
            raise invalid(field, link, "The VPN tunnel is not associated with this router.")


def check_peers(peers: list[Body], interfaces: dict[str, Body], bgp: Body | None) -> None:
    if len(peers) > MAX_PEERS:
        raise invalid("resource.bgpPeers", "", f"A router has at most {MAX_PEERS} BGP peers.")
    names = set()
    for at, peer in enumerate(peers):
        where = f"resource.bgpPeers[{at}]"
        for name in ("name", "interfaceName", "peerAsn"):
            if not peer.get(name):
                raise required(f"{where}.{name}")
        if peer["name"] in names:
            raise invalid(f"{where}.name", peer["name"], "BGP peer names must be unique.")
        names.add(peer["name"])
        interface = interfaces.get(peer["interfaceName"])
        if interface is None:
            raise invalid(
                f"{where}.interfaceName", peer["interfaceName"], "The interface does not exist on the router."
            )
        if bgp is None:
            raise required("resource.bgp")
        if peer["peerAsn"] == bgp["asn"]:
            raise invalid(f"{where}.peerAsn", peer["peerAsn"], "The peer's ASN must differ from the router's.")
        if interface.get("ipRange"):
            local = ipaddress.IPv4Interface(interface["ipRange"])
            peer.setdefault("ipAddress", str(local.ip))
            remote = peer.get("peerIpAddress")
            if remote and (ipaddress.IPv4Address(remote) not in local.network or remote == str(local.ip)):
                raise invalid(f"{where}.peerIpAddress", remote, f"It must be another address of {local.network}.")
        peer.setdefault("advertisedRoutePriority", 100)
        peer.setdefault("enable", "TRUE")
        peer.setdefault("enableIpv4", True)
        peer.setdefault("enableIpv6", False)
        peer.setdefault("managementType", "MANAGED_BY_USER")
        check_advertisement(peer, where)


def take_keys(body: Body, known: t.Mapping[str, str]) -> dict[str, str]:
    """The MD5 keys by name, out of the body: they are never shown. One that is left out stays what it was."""
    found = {}
    for at, item in enumerate(body.get("md5AuthenticationKeys", [])):
        where = f"resource.md5AuthenticationKeys[{at}]"
        if not item.get("name"):
            raise required(f"{where}.name")
        key = item.pop("key", known.get(item["name"]))
        if not key:
            raise required(f"{where}.key")
        found[item["name"]] = key
    for at, peer in enumerate(body.get("bgpPeers", [])):
        name = peer.get("md5AuthenticationKeyName")
        if name and name not in found:
            where = f"resource.bgpPeers[{at}].md5AuthenticationKeyName"
            raise invalid(where, name, "The router has no such MD5 authentication key.")
    return found


# ---- methods


@method("compute.routers.insert")
def insert_router(call: Call) -> Body:
    region = check_region(call)
    body = call.lab.discovery.writable("compute", "Router", call.body)
    need(body, "name", "network")
    network = reference(call, body["network"], "resource.network", "networks")
    networks.not_for_legacy(network, "resource.network", body["network"])
    path = path_of(call.project, region, body["name"])
    siblings = [
        item
        for item in networks.members(call.state, network.path, KIND)
        if item.path.split("/")[3] == region and item.path != path
    ]
    if len(siblings) >= PER_NETWORK_AND_REGION:
        raise ApiFault(
            403,
            f"Quota 'ROUTERS_PER_NETWORK_AND_REGION' exceeded. Limit: {PER_NETWORK_AND_REGION}.0 in region {region}.",
            "quotaExceeded",
        )
    body["network"] = network.body["selfLink"]
    body["region"] = self_link(f"projects/{call.project}/regions/{region}")
    keys = take_keys(body, {})
    complete(body, call.project)
    check_tunnels(call, region, body["name"], body.get("interfaces", []), [])
    return insert(call, KIND, path, body, made=lambda made: made.hidden.update(md5_keys=keys))


@method("compute.routers.get")
def get_router(call: Call) -> Body:
    return t.cast(Body, call.get(path_of(call.project, check_region(call), call.params["router"])).body)


@method("compute.routers.list")
def list_routers(call: Call) -> Body:
    path = f"projects/{call.project}/regions/{check_region(call)}/routers"
    return listed(call, "compute#routerList", path, bodies(call.state, path))


@method("compute.routers.aggregatedList")
def aggregated_routers(call: Call) -> Body:
    found = [item.body for item in call.state.of_kind(KIND, call.project)]
    return aggregated(call, "compute#routerAggregatedList", "routers", found, region_scopes())


@method("compute.routers.patch", "compute.routers.update")
def change_router(call: Call) -> Body:
    """PATCH is a JSON merge patch, PUT replaces; both accept the whole object as it was read."""
    router = ready(call.get(path_of(call.project, check_region(call), call.params["router"])))
    change = call.lab.discovery.writable("compute", "Router", call.body)
    fixed(router, change, ("name", "network", "region"), call)
    for name in ("name", "network", "region"):
        change.pop(name, None)
    kept = {
        key: router.body[key] for key in ("kind", "id", "creationTimestamp", "selfLink", "name", "network", "region")
    }
    body = merge_patch(copy.deepcopy(router.body), change) if call.method.patches else kept | change
    old = router.body.get("bgp", {}).get("asn")
    if old is not None and body.get("bgp", {}).get("asn") != old:
        raise invalid("resource.bgp.asn", body.get("bgp", {}).get("asn", ""), "The ASN of a router cannot be changed.")
    keys = take_keys(body, router.hidden.get("md5_keys", {}))
    complete(body, call.project)
    before = router.body.get("interfaces", [])
    check_tunnels(call, call.params["region"], router.name, body.get("interfaces", []), before)
    for name in ("interfaces", "bgpPeers", "nats", "md5AuthenticationKeys"):
        if body.get(name) == []:
            del body[name]
    router.hidden["md5_keys"] = keys
    router.body.clear()
    router.body.update(body)
    call.state.changed(router)
    kind = "patch" if call.method.patches else "update"
    return call.compute_operation(kind, router.path, router.body["id"])


@method("compute.routers.delete")
def delete_router(call: Call) -> Body:
    router = call.get(path_of(call.project, check_region(call), call.params["router"]))
    for tunnel in call.state.of_kind("compute#vpnTunnel", router.project):
        if tunnel.body["router"] == router.body["selfLink"]:
            raise in_use("router", router.path, tunnel.path)
    return delete(call, router)


# ---- status


def status_of(call: Call, router: Resource) -> Body:
    """RouterStatus: what tests have set for this router, else what its BGP really does."""
    if "status" in router.hidden:
        return t.cast(Body, router.hidden["status"])
    return report.router_view(call.state, router.path)


@method("compute.routers.getRouterStatus")
def router_status(call: Call) -> Body:
    router = call.get(path_of(call.project, check_region(call), call.params["router"]))
    return {"kind": "compute#routerStatusResponse", "result": status_of(call, router)}
