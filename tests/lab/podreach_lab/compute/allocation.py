# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has which internal address: interfaces, their alias ranges, reserved addresses, load balancers, control planes.

Four addresses of a primary range are Google's (network, gateway, second-to-last, broadcast), none of a secondary one:
https://cloud.google.com/vpc/docs/subnets#unusable-ip-addresses-in-every-subnet
"""

from __future__ import annotations

import ipaddress
import typing as t

from .. import cidr
from ..faults import ApiFault, invalid
from ..links import relative, self_link
from ..state import Body, Resource, State
from . import ranges

INSTANCE = "compute#instance"
ADDRESS = "compute#address"
FORWARDING_RULE = "compute#forwardingRule"
CLUSTER = "container#cluster"
Address = ipaddress.IPv4Address


class Space(t.NamedTuple):
    """Where an address may come from: a subnetwork's primary range or a legacy network's. `link` names the owner."""

    range: cidr.Range
    link: str
    field: str

    @property
    def reserved(self) -> set[Address]:
        return {self.range[0], self.range[1], self.range[-2], self.range[-1]}


def of_subnetwork(subnetwork: Resource) -> Space:
    return Space(cidr.Range(subnetwork.body["ipCidrRange"]), subnetwork.body["selfLink"], "subnetwork")


def of_legacy(network: Resource) -> Space:
    return Space(cidr.Range(network.body["IPv4Range"]), network.body["selfLink"], "network")


def cards(state: State) -> t.Iterator[tuple[Resource, Body]]:
    """Every interface with its instance."""
    for instance in state.of_kind(INSTANCE):
        for card in instance.body["networkInterfaces"]:
            yield instance, card


def aliases(state: State, subnetwork: str, range_name: str, besides: Body | None = None) -> list[cidr.Range]:
    """The alias ranges from a range of a subnetwork ('': the primary one), leaving out one interface's own."""
    return [
        cidr.Range(item["ipCidrRange"])
        for _instance, card in cards(state)
        if card.get("subnetwork") == subnetwork and card is not besides
        for item in card.get("aliasIpRanges", [])
        if item.get("subnetworkRangeName", "") == range_name
    ]


def users(state: State, space: Space, besides: Body | None = None) -> dict[str, str]:
    """Address -> path of the resource that has it. Whatever uses a reserved address comes before the reservation."""
    found: dict[str, str] = {}
    for item in state.of_kind(ADDRESS):
        if item.body.get(space.field) == space.link:
            found[item.body["address"]] = item.path
    for item in state.of_kind(FORWARDING_RULE):
        if item.body.get(space.field) == space.link and item.body.get("IPAddress"):
            found[item.body["IPAddress"]] = item.path
    for cluster in state.of_kind(CLUSTER):
        endpoint = cluster.body.get("privateClusterConfig", {}).get("privateEndpoint")
        if endpoint and cluster.hidden["subnetwork"] and self_link(cluster.hidden["subnetwork"]) == space.link:
            found[endpoint] = cluster.path
    for instance, card in cards(state):
        if card.get(space.field) == space.link and card is not besides:
            found[card["networkIP"]] = instance.path
    return found


def free(state: State, space: Space, more: t.Collection[str] = (), *, highest: bool = False) -> str | None:
    """The lowest (or highest) address that nobody has, nor will have by this request (`more`)."""
    busy = {*users(state, space), *more}
    blocks = aliases(state, space.link, "")
    places = range(2, space.range.num_addresses - 2)
    for at in reversed(places) if highest else places:
        found = space.range[at]
        if str(found) not in busy and not any(found in block for block in blocks):
            return str(found)
    return None


def exhausted(space: Space) -> ApiFault:
    return ApiFault(
        400, f"IP space of '{relative(space.link, '')}' is exhausted.", "ipSpaceExhausted", status="RESOURCE_EXHAUSTED"
    )


def parse(text: t.Any, field: str) -> Address:
    try:
        return Address(str(text))
    except ValueError:
        raise invalid(field, text, "Must be a valid IPv4 address.") from None


def claim(state: State, space: Space, text: t.Any, field: str) -> str:
    """A requested address, if it may be had; a reservation without a user may be taken up."""
    found = parse(text, field)
    if found not in space.range:
        raise invalid(field, text, "Requested internal IP is outside the subnetwork/network CIDR range.")
    if found in space.reserved:
        raise invalid(field, text, "The requested internal IP is reserved by Google.")
    holder = users(state, space).get(str(found))
    taken = holder is not None and "/addresses/" not in holder
    if taken or any(found in block for block in aliases(state, space.link, "")):
        raise in_use(str(found))
    return str(found)


def in_use(text: str) -> ApiFault:
    return ApiFault(400, f"IP '{text}' is already being used by another resource.", "ipInUseByAnotherResource")


# ---- alias ranges


def claim_aliases(state: State, subnetwork: Resource, wanted: list[Body], field: str, card: Body) -> list[Body]:
    """Alias ranges of an interface: each given whole, as one address, or as a size (/24) that the server places."""
    found: list[Body] = []
    have = ranges.secondary(subnetwork)
    space = of_subnetwork(subnetwork)
    for at, item in enumerate(wanted):
        where = f"{field}[{at}]"
        name = item.get("subnetworkRangeName") or ""
        if name and name not in have:
            raise invalid(f"{where}.subnetworkRangeName", name, "The subnetwork has no secondary range with this name.")
        outer = cidr.Range(have[name]) if name else space.range
        mine = [cidr.Range(part["ipCidrRange"]) for part in found if part.get("subnetworkRangeName", "") == name]
        busy = [*aliases(state, subnetwork.body["selfLink"], name, card), *mine]
        if not name:
            own = [Address(card["networkIP"]), *map(Address, users(state, space, card)), *space.reserved]
            busy += [cidr.Range(address) for address in own]
        block = place(str(item.get("ipCidrRange") or ""), outer, busy, f"{where}.ipCidrRange")
        found.append({"ipCidrRange": str(block), **({"subnetworkRangeName": name} if name else {})})
    return found


def place(text: str, outer: cidr.Range, busy: list[cidr.Range], field: str) -> cidr.Range:
    if text.startswith("/") and text[1:].isdigit() and outer.prefixlen <= int(text[1:]) <= 32:
        block = cidr.free_block(int(text[1:]), [str(outer)], busy)
        if block is None:
            raise invalid(field, text, f"The range {outer} has no free block of this size.")
        return block
    block = cidr.parse(text if "/" in text else f"{text}/32", field)
    if not block.subnet_of(outer):
        raise invalid(field, text, f"The alias IP range is outside the subnetwork's range {outer}.")
    if any(block.overlaps(other) for other in busy):
        raise in_use(str(block))
    return block
