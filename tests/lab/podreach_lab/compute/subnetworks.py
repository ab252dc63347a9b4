# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.subnetworks: primary and secondary ranges, and every refusal that guards them."""

from __future__ import annotations

import typing as t

from .. import cidr
from ..core import Call, method
from ..faults import ApiFault, bad_fingerprint, in_use, invalid, required
from ..links import relative, self_link
from ..state import Body, Resource, State
from . import networks, overlaps, quotas, ranges
from .common import (
    NAME,
    aggregated,
    base,
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

KIND = "compute#subnetwork"
ROUTE = "compute#route"
MAX_SECONDARY = 170
PATCHABLE = (
    "secondaryIpRanges",
    "enableFlowLogs",
    "logConfig",
    "purpose",
    "role",
    "stackType",
    "ipv6AccessType",
    "privateIpv6GoogleAccess",
    "allowSubnetCidrRoutesOverlap",
)


def path_of(project: str, region: str, name: str) -> str:
    return f"projects/{project}/regions/{region}/subnetworks/{name}"


def region_of(subnetwork: Resource) -> str:
    return subnetwork.path.split("/")[3]


secondary = ranges.secondary


# ---- checks


def check_free(
    call: Call,
    network: Resource,
    field: str,
    wanted: cidr.Range,
    ignore: t.Callable[[ranges.Owned], bool] | None = None,
) -> None:
    """Refuse a range that a new subnetwork, or a secondary range of one, may not have."""
    check_clear(call, network, field, wanted, ignore)
    if networks.is_auto(network) and wanted.overlaps(cidr.AUTO_MODE):
        raise invalid(
            field,
            wanted,
            f"Extended subnetworks in auto subnet mode networks cannot overlap with {cidr.AUTO_MODE}.",
        )


def check_clear(
    call: Call,
    network: Resource,
    field: str,
    wanted: cidr.Range,
    ignore: t.Callable[[ranges.Owned], bool] | None = None,
) -> None:
    """Refuse a range that meets another of the network, a static route, or what peers have."""
    for owned in ranges.ranges_in(call.state, network.path):
        if owned.range.overlaps(wanted) and not (ignore and ignore(owned)):
            raise cidr.conflict(field, wanted, owned.subnetwork.name, region_of(owned.subnetwork))
    name = call.params.get("subnetwork") or call.body.get("name", "")
    holder = path_of(call.project, call.params.get("region", ""), name)
    existing = call.state.get(holder)
    hybrid = {**(existing.body if existing else {}), **call.body}.get("allowSubnetCidrRoutesOverlap")
    for route in [] if hybrid else ranges.static_routes(call.state, network.path):
        target = cidr.Range(route.body["destRange"])
        if target.subnet_of(wanted):
            raise invalid(
                field, wanted, f"Invalid IPCidrRange: {wanted} conflicts with existing route '{route.name}' ({target})."
            )
    overlaps.refuse_range(call.state, network, wanted, holder)


def check_secondary(
    call: Call,
    network: Resource,
    ranges: list[Body],
    primary: cidr.Range,
    ignore: t.Callable[[ranges.Owned], bool] | None = None,
    *,
    known: t.Mapping[str, str] | None = None,
    own: str = "",
) -> None:
    """Names, masks and overlaps of a whole list of secondary ranges; `known` ones are there already."""
    if len(ranges) > MAX_SECONDARY:
        raise ApiFault(400, f"Exceeded the maximum of {MAX_SECONDARY} secondary ranges for a subnetwork.", "invalid")
    seen: dict[str, cidr.Range] = {}
    region = call.params.get("region", "")
    for at, item in enumerate(ranges):
        where = f"resource.secondaryIpRanges[{at}]"
        name, text = item.get("rangeName"), item.get("ipCidrRange")
        if not name:
            raise required(f"{where}.rangeName")
        if not text:
            raise required(f"{where}.ipCidrRange")
        if not NAME.fullmatch(name):
            raise invalid(f"{where}.rangeName", name, f"Must be a match of regex '{NAME.pattern}'")
        if name in seen:
            raise invalid(f"{where}.rangeName", name, "Secondary range names must be unique within the subnetwork.")
        wanted = cidr.parse_subnet(text, f"{where}.ipCidrRange")
        if primary.overlaps(wanted) or any(other.overlaps(wanted) for other in seen.values()):
            raise cidr.conflict(f"{where}.ipCidrRange", wanted, own, region)
        seen[name] = wanted
        if (known or {}).get(name) != text:
            check_free(call, network, f"{where}.ipCidrRange", wanted, ignore)


def user_of(state: State, subnetwork: Resource, range_name: str | None = None) -> str:
    """Who uses a subnetwork (or one secondary range of it); '' when nobody does."""
    for instance in state.of_kind("compute#instance"):
        for card in instance.body["networkInterfaces"]:
            if card.get("subnetwork") != subnetwork.body["selfLink"]:
                continue
            names = {item.get("subnetworkRangeName") for item in card.get("aliasIpRanges", [])}
            if range_name is None or range_name in names:
                return instance.path
    for kind in ("compute#forwardingRule", "compute#address") if range_name is None else ():
        for item in state.of_kind(kind):
            if item.body.get("subnetwork") == subnetwork.body["selfLink"]:
                return item.path
    for cluster in state.of_kind("container#cluster"):
        if cluster.hidden.get("subnetwork") == subnetwork.path:
            used = cluster.hidden.get("ranges", {})
            if range_name is None or range_name in used:
                return cluster.path
    return ""


# ---- methods


@method("compute.subnetworks.insert")
def insert_subnetwork(call: Call) -> Body:
    region = check_region(call)
    body = call.lab.discovery.writable("compute", "Subnetwork", call.body)
    body.pop("fingerprint", None)
    need(body, "name", "network", "ipCidrRange")
    path = path_of(call.project, region, body["name"])
    if "region" in body and body.pop("region").rstrip("/").rsplit("/", 1)[-1] != region:
        raise invalid("resource.region", call.body["region"], f"It must be the region of the request, {region}.")
    network = reference(call, body["network"], "resource.network", "networks", missing="400")
    if network.project != call.project:
        raise invalid("resource.network", body["network"], "The network must be in the same project.")
    networks.not_for_legacy(network, "resource.network", body["network"])
    if call.state.get(path) is None:
        primary = cidr.parse_subnet(body["ipCidrRange"], "resource.ipCidrRange")
        check_free(call, network, "resource.ipCidrRange", primary)
        check_secondary(call, network, body.get("secondaryIpRanges", []), primary, own=body["name"])
        quotas.check_new_ranges(call.state, network, 1 + len(body.get("secondaryIpRanges", [])))
    else:
        primary = cidr.Range("0.0.0.0/0")
    if not body.get("secondaryIpRanges"):
        body.pop("secondaryIpRanges", None)
    full = body | filled(call, network, region, primary, body)
    answer = insert(call, KIND, path, full, lambda made: remove_made(call.state, made, network))
    subnetwork = call.state.get(path)
    if subnetwork is not None:  # else the operation has failed already
        add_local_routes(call, subnetwork)
        link_to_network(call.state, network)
    return answer


def remove_made(state: State, subnetwork: Resource, network: Resource) -> None:
    """Take away the routes of a subnetwork that is gone."""
    for route in subnetwork.hidden.get("routes", {}).values():
        state.remove(route.path)
    link_to_network(state, network)


def filled(call: Call, network: Resource, region: str, primary: cidr.Range, body: Body) -> Body:
    """What the server adds to a new subnetwork."""
    return {
        "fingerprint": call.state.new_fingerprint(),
        "network": network.body["selfLink"],
        "region": self_link(f"projects/{network.project}/regions/{region}"),
        "gatewayAddress": str(primary[1]),
        "privateIpGoogleAccess": body.get("privateIpGoogleAccess", False),
        "privateIpv6GoogleAccess": body.get("privateIpv6GoogleAccess", "DISABLE_GOOGLE_ACCESS"),
        "purpose": body.get("purpose", "PRIVATE"),
        "stackType": body.get("stackType", "IPV4_ONLY"),
        "state": "READY",
    }


def add_auto_subnetwork(call: Call, network: Resource, region: str, text: str) -> None:
    """The subnetwork that an auto-mode network has in every region, named as the network is."""
    path = path_of(network.project, region, network.name)
    primary = cidr.Range(text)
    body = base(call, KIND, path) | {"name": network.name, "ipCidrRange": text}
    body |= filled(call, network, region, primary, {})
    resource = call.state.add(Resource(KIND, path, body, {"automatic": True}))
    add_local_routes(call, resource)
    link_to_network(call.state, network)


def link_to_network(state: State, network: Resource) -> None:
    """Keep the network's list of subnetworks what it is."""
    links = [item.body["selfLink"] for item in networks.members(state, network.path, KIND)]
    if links:
        network.body["subnetworks"] = links
    else:
        network.body.pop("subnetworks", None)
    state.changed(network)


def add_local_routes(call: Call, subnetwork: Resource) -> None:
    """One subnet route for each range that has none yet; those of gone ranges are removed."""
    wanted = {subnetwork.body["ipCidrRange"], *secondary(subnetwork).values()}
    have: dict[str, Resource] = subnetwork.hidden.setdefault("routes", {})
    for text in [item for item in have if item not in wanted]:
        call.state.remove(have.pop(text).path)
    for text in sorted(wanted - set(have)):
        name = f"default-route-r-{call.state.new_hex(16)}"
        path = f"projects/{subnetwork.project}/global/routes/{name}"
        body = base(call, ROUTE, path) | {
            "name": name,
            "description": f"Default local route to the subnetwork {text}.",
            "network": subnetwork.body["network"],
            "destRange": text,
            "priority": 0,
            "nextHopNetwork": subnetwork.body["network"],
        }
        hidden: Body = {"automatic": True, "subnetwork": subnetwork.path}
        have[text] = call.state.add(Resource(ROUTE, path, body, hidden))


@method("compute.subnetworks.get")
def get_subnetwork(call: Call) -> Body:
    return t.cast(Body, call.get(path_of(call.project, check_region(call), call.params["subnetwork"])).body)


@method("compute.subnetworks.list")
def list_subnetworks(call: Call) -> Body:
    path = f"projects/{call.project}/regions/{check_region(call)}/subnetworks"
    return listed(call, "compute#subnetworkList", path, bodies(call.state, path))


@method("compute.subnetworks.aggregatedList")
def aggregated_subnetworks(call: Call) -> Body:
    found = [item.body for item in call.state.of_kind(KIND, call.project)]
    return aggregated(call, "compute#subnetworkAggregatedList", "subnetworks", found, region_scopes())


def target(call: Call) -> Resource:
    return ready(call.get(path_of(call.project, check_region(call), call.params["subnetwork"])))


@method("compute.subnetworks.patch")
def patch_subnetwork(call: Call) -> Body:
    subnetwork = target(call)
    if call.body.get("fingerprint") != subnetwork.body["fingerprint"]:
        raise bad_fingerprint()
    change = call.lab.discovery.writable("compute", "Subnetwork", call.body)
    change.pop("fingerprint")
    fixed(subnetwork, change, [name for name in change if name not in PATCHABLE], call)
    change = {name: value for name, value in change.items() if name in PATCHABLE}
    if "secondaryIpRanges" in change:
        check_secondary_change(call, subnetwork, change["secondaryIpRanges"] or [])
    subnetwork.body |= merge_patch(subnetwork.body, change)
    if not subnetwork.body.get("secondaryIpRanges"):
        subnetwork.body.pop("secondaryIpRanges", None)
    call.state.changed(subnetwork)
    add_local_routes(call, subnetwork)
    return call.compute_operation("patch", subnetwork.path, subnetwork.body["id"])


def check_secondary_change(call: Call, subnetwork: Resource, wanted: list[Body]) -> None:
    """Adding, or removing, whole ranges is possible; nothing else, and not both at once."""
    have = secondary(subnetwork)
    network = call.state.get(relative(subnetwork.body["network"], call.project))
    assert network is not None
    for at, item in enumerate(wanted):
        old = have.get(item.get("rangeName", ""))
        text = item.get("ipCidrRange")
        if old is not None and text != old:
            field = f"resource.secondaryIpRanges[{at}].ipCidrRange"
            raise invalid(field, text, f"Existing secondary range cannot be modified: {text}.")
    names = {item.get("rangeName") for item in wanted}
    added = [item for item in wanted if item.get("rangeName") not in have]
    removed = {name: text for name, text in have.items() if name not in names}
    # A new name over an old range conflicts with the old one first: https://github.com/terraform-google-modules/
    # terraform-google-network/issues/20
    check_secondary(
        call,
        network,
        wanted,
        cidr.Range(subnetwork.body["ipCidrRange"]),
        known=have,
        own=subnetwork.name,
    )
    if added and removed:
        raise invalid(
            "resource.secondaryIpRanges",
            "",
            "Cannot add and remove secondary IP ranges in the same request. "
            f"Added ranges: [{', '.join(item['ipCidrRange'] for item in added)}]. \n"
            f"Removed ranges: [{', '.join(removed.values())}].",
        )
    quotas.check_new_ranges(call.state, network, len(added))
    for name in removed:
        user = user_of(call.state, subnetwork, name)
        if user:
            raise in_use("subnetwork", f"{subnetwork.path}/secondaryIpRanges/{name}", user)


@method("compute.subnetworks.expandIpCidrRange")
def expand(call: Call) -> Body:
    subnetwork = target(call)
    need(call.body, "ipCidrRange", prefix="")
    wanted = cidr.parse_subnet(call.body["ipCidrRange"], "ipCidrRange")
    old = cidr.Range(subnetwork.body["ipCidrRange"])
    if wanted == old or not old.subnet_of(wanted):
        raise invalid(
            "ipCidrRange", wanted, f"The new IPCidrRange must contain and be larger than the existing range {old}."
        )
    network = call.state.get(relative(subnetwork.body["network"], call.project))
    assert network is not None
    if networks.is_auto(network) and subnetwork.hidden.get("automatic") and wanted.prefixlen < 16:
        raise invalid("ipCidrRange", wanted, "A subnetwork of an auto subnet mode network cannot exceed /16.")
    mine = subnetwork.path
    check_clear(
        call, network, "ipCidrRange", wanted, lambda owned: owned.subnetwork.path == mine and not owned.range_name
    )
    subnetwork.body["ipCidrRange"] = str(wanted)
    call.state.changed(subnetwork)
    add_local_routes(call, subnetwork)
    return call.compute_operation("expandIpCidrRange", subnetwork.path, subnetwork.body["id"])


@method("compute.subnetworks.setPrivateIpGoogleAccess")
def set_private_access(call: Call) -> Body:
    subnetwork = target(call)
    subnetwork.body["privateIpGoogleAccess"] = bool(call.body.get("privateIpGoogleAccess", False))
    call.state.changed(subnetwork)
    return call.compute_operation("setPrivateIpGoogleAccess", subnetwork.path, subnetwork.body["id"])


@method("compute.subnetworks.delete")
def delete_subnetwork(call: Call) -> Body:
    subnetwork = target(call)
    network = call.state.get(relative(subnetwork.body["network"], call.project))
    assert network is not None
    if networks.is_auto(network) and subnetwork.hidden.get("automatic"):
        raise invalid("subnetwork", subnetwork.name, "Cannot delete auto subnetwork from an auto subnet mode network.")
    user = user_of(call.state, subnetwork)
    if user:
        raise in_use("subnetwork", subnetwork.path, user)

    def before() -> None:
        later = user_of(call.state, subnetwork)
        if later:
            raise in_use("subnetwork", subnetwork.path, later)

    def after() -> None:
        remove_made(call.state, subnetwork, network)

    return delete(call, subnetwork, before, after)
