# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.addresses: reserved internal addresses."""

from __future__ import annotations

import typing as t

from ..core import Call, method
from ..faults import ApiFault, in_use, invalid, required
from ..links import self_link
from ..state import Body, Resource
from . import allocation, shared_vpc
from .common import aggregated, check_region, delete, insert, listed, need, reference, region_scopes

KIND = allocation.ADDRESS
PURPOSES = ("GCE_ENDPOINT", "SHARED_LOADBALANCER_VIP")


def collection(call: Call) -> str:
    return f"projects/{call.project}/regions/{check_region(call)}/addresses"


def users_of(call: Call, address: Resource) -> list[str]:
    """Links of what uses a reserved address: forwarding rules and interfaces in its subnetwork."""
    link, text = address.body["subnetwork"], address.body["address"]
    rules = [
        item.body["selfLink"]
        for item in call.state.of_kind(allocation.FORWARDING_RULE)
        if (item.body.get("subnetwork"), item.body.get("IPAddress")) == (link, text)
    ]
    return rules + [
        instance.body["selfLink"]
        for instance, card in allocation.cards(call.state)
        if (card.get("subnetwork"), card["networkIP"]) == (link, text)
    ]


def view(call: Call, address: Resource) -> Body:
    users = users_of(call, address)
    return address.body | ({"status": "IN_USE", "users": users} if users else {"status": "RESERVED"})


@method("compute.addresses.insert")
def insert_address(call: Call) -> Body:
    body = call.lab.discovery.writable("compute", "Address", call.body)
    where = collection(call)
    need(body, "name")
    if body.get("addressType", "EXTERNAL") != "INTERNAL":
        raise ApiFault(501, "The lab models internal addresses only.", "notImplemented")
    purpose = body.setdefault("purpose", "GCE_ENDPOINT")
    if purpose not in PURPOSES:
        raise ApiFault(501, f"The lab does not model addresses for {purpose}.", "notImplemented")
    if not body.get("subnetwork"):
        raise required("resource.subnetwork")
    subnetwork = reference(call, body["subnetwork"], "resource.subnetwork", "subnetworks")
    shared_vpc.usable_subnetwork(call, subnetwork, "resource.subnetwork", body["subnetwork"])
    if subnetwork.path.split("/")[3] != call.params["region"]:
        raise invalid("resource.subnetwork", body["subnetwork"], "It must be in the address's region.")
    space = allocation.of_subnetwork(subnetwork)
    if call.state.get(f"{where}/{body['name']}") is None:
        if body.get("address"):
            # An address in use may be reserved for its user; one that is reserved already may not.
            text = str(allocation.parse(body["address"], "resource.address"))
            holder = allocation.users(call.state, space).get(text, "")
            if "/instances/" not in holder:
                allocation.claim(call.state, space, text, "resource.address")
            if any(
                (item.body.get("subnetwork"), item.body["address"]) == (space.link, text)
                for item in call.state.of_kind(KIND)
            ):
                raise allocation.in_use(text)
        else:
            found = allocation.free(call.state, space)
            if found is None:
                raise allocation.exhausted(space)
            body["address"] = found
    body |= {
        "subnetwork": subnetwork.body["selfLink"],
        "region": self_link(f"projects/{call.project}/regions/{call.params['region']}"),
        "networkTier": "PREMIUM",
        "labelFingerprint": call.state.new_fingerprint(),
    }
    return insert(call, KIND, f"{where}/{body['name']}", body)


@method("compute.addresses.get")
def get_address(call: Call) -> Body:
    return view(call, call.get(f"{collection(call)}/{call.params['address']}"))


@method("compute.addresses.list")
def list_addresses(call: Call) -> Body:
    where = collection(call)
    return listed(call, "compute#addressList", where, [view(call, item) for item in call.state.within(where)])


@method("compute.addresses.aggregatedList")
def aggregated_addresses(call: Call) -> Body:
    found = [view(call, item) for item in call.state.of_kind(KIND, call.project)]
    return aggregated(call, "compute#addressAggregatedList", "addresses", found, ["global", *region_scopes()])


@method("compute.addresses.delete")
def delete_address(call: Call) -> Body:
    address = t.cast(Resource, call.get(f"{collection(call)}/{call.params['address']}"))
    for user in users_of(call, address):
        raise in_use("address", address.path, user.split("/compute/v1/", 1)[1])
    return delete(call, address)
