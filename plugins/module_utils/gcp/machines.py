# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an instance is made of, by itself or from a template: the options and fields that both have.

In the API an instance has them at its top level, a template below ``properties``:
https://cloud.google.com/compute/docs/reference/rest/v1/instances and .../v1/instanceTemplates
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import typing as t

from ..errors import ApiError
from .addresses import place_refusal
from .client import network_path, relative
from .fields import CreateOnly, Default, Field, Fixed, Json, Keyed, Kind, Labels, Link, Names, Number, Via, full_path
from .node_pools import labels
from .resource import NAME, GcpResource
from .subnetworks import missing_network

#: what gives all to the roles of the service account, as Google recommends it
ALL_SCOPES = "https://www.googleapis.com/auth/cloud-platform"

OPTIONS: dict[str, t.Any] = {
    "name": {"type": "str", "required": True},
    "description": {"type": "str"},
    "machine_type": {"type": "str"},
    "boot_disk": {
        "type": "dict",
        "options": {
            "image": {"type": "str", "required": True},
            "size_gb": {"type": "int"},
            "type": {"type": "str"},
        },
    },
    "can_ip_forward": {"type": "bool"},
    "tags": {"type": "list", "elements": "str"},
    "labels": {"type": "dict"},
    "metadata": {"type": "dict"},
    "service_account": {
        "type": "dict",
        "options": {
            "email": {"type": "str", "required": True},
            "scopes": {"type": "list", "elements": "str"},
        },
    },
}
#: of an interface
INTERFACE_OPTIONS: dict[str, t.Any] = {
    "network": {"type": "str"},
    "subnetwork": {"type": "str"},
    "external_address": {"type": "bool"},
}
REQUIRED = ("machine_type", "boot_disk", "network_interfaces")

#: of metadata: the discovery document, Metadata.items.key
_KEY = re.compile(r"[a-zA-Z0-9_-]{1,127}")


# -- how values are compared


class Image(Link):
    """An image, or a family of them, which means its newest; a bare name is an image of the own project."""

    def canonical(self, value: t.Any) -> t.Any:
        return None if value is None else full_path(value, "", "global/images").partition("/global/")[2]


class Present(Kind):
    """Something that is there or is not."""

    def canonical(self, value: t.Any) -> t.Any:
        return bool(value)


class Parts(Kind):
    """Objects told apart by where they stand, each of whose fields is of a kind of its own. None is taken away."""

    def __init__(self, kinds: t.Mapping[str, Kind]) -> None:
        self.kinds = kinds

    def merged(self, current: t.Any, wanted: t.Any, *, exact: bool) -> t.Any:
        now = list(current or [])
        padded = [*now, *[{}] * (len(wanted) - len(now))]
        return [self.part(*pair) for pair in zip(padded, wanted, strict=False)] + now[len(wanted) :]

    def part(self, now: Json, wanted: Json) -> Json:
        """One object as it shall be; what means the same stays as it is written."""
        after = dict(now)
        for key, value in wanted.items():
            kind = self.kinds.get(key, Kind())
            if isinstance(kind, Parts):
                value = kind.part(now.get(key) or {}, value)
            if not kind.same(now.get(key), value):
                after[key] = value
        return after


class Accounts(Kind):
    """The one service account of an instance, with its scopes, which are given as a whole or stay as they are."""

    DEFAULT = "-compute@developer.gserviceaccount.com"

    def merged(self, current: t.Any, wanted: t.Any, *, exact: bool) -> t.Any:
        now = (current or [{}])[0]
        account = {"scopes": now.get("scopes") or [ALL_SCOPES], **wanted[0]}
        if account["email"] == "default" and str(now.get("email")).endswith(self.DEFAULT):
            account = {**account, "email": now["email"]}
        return [account]

    def canonical(self, value: t.Any) -> t.Any:
        return [(item.get("email"), sorted(item.get("scopes") or [])) for item in value or []]


class Map(Labels):
    """A map of which the caller mentions some keys, or all of them."""

    def merged(self, current: t.Any, wanted: t.Any, *, exact: bool) -> t.Any:
        return {**({} if exact else current or {}), **wanted}

    def removed(self, current: t.Any, after: t.Any) -> list[str]:
        return [key for key in current or {} if key not in (after or {})]


INTERFACES = Parts({"network": Link(), "subnetwork": Link(), "accessConfigs": Present()})
DISKS = Parts(
    {"initializeParams": Parts({"sourceImage": Image(), "diskSizeGb": Number(), "diskType": Link()}), "boot": Present()}
)


# -- from options to the API


def _interfaces(value: list[Json]) -> list[Json]:
    names = {"network": "network", "subnetwork": "subnetwork", "network_ip": "networkIP"}
    found = []
    for item in value:
        card: Json = {names[key]: item[key] for key in names if item.get(key) is not None}
        if item.get("external_address") is not None:
            one = {"type": "ONE_TO_ONE_NAT", "name": "External NAT"}
            card["accessConfigs"] = [one] if item["external_address"] else []
        found.append(card)
    return found


def _disks(value: Json) -> list[Json]:
    names = {"image": "sourceImage", "type": "diskType"}
    params: Json = {names[key]: value[key] for key in names if value.get(key) is not None}
    if value.get("size_gb") is not None:
        params["diskSizeGb"] = str(value["size_gb"])
    return [{"boot": True, "autoDelete": True, "initializeParams": params}]


def _metadata(value: Json) -> list[Json]:
    return [{"key": str(key), "value": as_text(item)} for key, item in value.items()]


def as_text(value: t.Any) -> str:
    """A value of metadata; switches of Google's are written TRUE and FALSE."""
    return str(value).upper() if isinstance(value, bool) else str(value)


def _accounts(value: Json) -> list[Json]:
    return [{key: value[key] for key in ("email", "scopes") if value.get(key) is not None}]


def fields(changes: t.Mapping[str, Via], fixed: Fixed, *, below: str = "") -> tuple[Field, ...]:
    """The fields of a machine. ``changes`` says by option what can be changed and how; the others are ``fixed``.

    ``below`` is where in the API's object they stand. What an instance's disk was made from is not in the instance.
    """
    disks: CreateOnly | Fixed = fixed if below else CreateOnly()
    known: tuple[Field, ...] = (
        Field("description", fixed, Default("")),
        Field("machineType", kind=Link(), option="machine_type"),
        Field("disks", disks, DISKS, encode=_disks, option="boot_disk"),
        Field("networkInterfaces", kind=INTERFACES, encode=_interfaces, option="network_interfaces"),
        Field("canIpForward", kind=Default(False), option="can_ip_forward"),
        Field("tags.items", kind=Names(), purge="purge_tags", option="tags"),
        Field("labels", kind=Map(), purge="purge_labels", encode=labels, option="labels"),
        Field("metadata.items", kind=Keyed("key"), purge="purge_metadata", encode=_metadata, option="metadata"),
        Field("serviceAccounts", kind=Accounts(), encode=_accounts, option="service_account"),
    )
    return tuple(
        item
        if item.path == "description"
        else dataclasses.replace(
            item,
            path=f"{below}{item.path}",
            change=item.change if isinstance(item.change, CreateOnly) else changes.get(item.option, fixed),
        )
        for item in known
    )


# -- checks, and the body of a create call


def validate(resource: GcpResource) -> None:
    """Note what can be known to be wrong with the options of a machine without asking anybody."""
    params = resource.params
    if params.get("machine_type") == "":
        resource.invalid("machine_type", "", "a machine type is a name such as e2-small")
    for number, item in enumerate(params.get("network_interfaces") or []):
        where = f"network_interfaces[{number}]"
        for key in ("network", "subnetwork"):
            if item.get(key) is not None:
                resource.check_name(f"{where}.{key}", str(Link().canonical(item[key])))
        if item.get("network") is None and item.get("subnetwork") is None:
            resource.invalid(where, item, "say in which subnetwork it is")
    if params.get("network_interfaces") is not None and not params["network_interfaces"]:
        resource.invalid("network_interfaces", [], "an instance has at least one")
    size = (params.get("boot_disk") or {}).get("size_gb")
    if size is not None and size < 10:
        # the discovery document, AttachedDiskInitializeParams.diskSizeGb
        resource.invalid("boot_disk.size_gb", size, "a disk has at least 10 GB")
    for number, tag in enumerate(params.get("tags") or []):
        if not NAME.fullmatch(tag):
            rule = "a tag has 1 to 63 lower-case letters, digits and hyphens, and starts with a letter"
            resource.invalid(f"tags[{number}]", tag, rule)
    for key, value in (params.get("metadata") or {}).items():
        if not _KEY.fullmatch(str(key)):
            rule = "a key has 1 to 127 letters, digits, hyphens and underscores"
            resource.invalid("metadata", key, rule)
        if value is None or isinstance(value, (dict, list)):
            resource.invalid(f"metadata.{key}", value, "a value is text: put structures into it with to_json")


def complete(body: Json, project: str, *, region: str | None, disk_types: str | None) -> None:
    """Names become paths in the body of a create call (an instance, or a template's properties).

    ``region`` is where subnetworks given by name are, ``disk_types`` where disk types are (``None``: names stay).
    """
    for card in body["networkInterfaces"]:
        if card.get("network"):
            card["network"] = network_path(card["network"], project)
        if card.get("subnetwork"):
            card["subnetwork"] = full_path(card["subnetwork"], project, f"regions/{region}/subnetworks")
        if not card.get("accessConfigs"):
            card.pop("accessConfigs", None)
    for disk in body["disks"]:
        params = disk["initializeParams"]
        params["sourceImage"] = full_path(params["sourceImage"], project, "global/images")
        if params.get("diskType") and disk_types:
            params["diskType"] = full_path(params["diskType"], project, disk_types)


def look_at_networks(resource: GcpResource, cards: t.Sequence[Json], *, check_mode: bool) -> list[str]:
    """Refuse interfaces whose network, subnetwork or address cannot be; in check mode what is missing is planned."""
    warnings = []
    for number, card in enumerate(cards):
        option = f"network_interfaces[{number}]"
        path = card.get("subnetwork")
        if not path:
            warnings += missing_network(resource, card["network"], check_mode=check_mode)
            continue
        subnetwork = read_if_allowed(resource, path)
        if subnetwork is None and check_mode:
            warnings.append(f"{resource.label}: subnetwork {path} does not exist yet; counted as planned.")
        elif subnetwork is None:
            problem = f"{option}.subnetwork: {path} does not exist: create it first"
            raise resource.refused(problem, code="missing-prerequisite")
        elif subnetwork.get("ipCidrRange") and is_address(card.get("networkIP")):
            where, cidr = f"{option}.network_ip", subnetwork["ipCidrRange"]
            refusal = place_refusal(resource, where, card["networkIP"], cidr, path)
            if refusal:
                raise refusal
    return warnings


def read_if_allowed(resource: GcpResource, path: str) -> Json | None:
    """What is at a path. A Shared VPC host's subnetwork may be used by who may not read it: then, nothing is known."""
    try:
        return resource.look_at(path)
    except ApiError as error:
        if error.status == 403 and relative(path)[0] != resource.project:
            return {}
        raise


def is_address(text: t.Any) -> bool:
    """Whether it is an IPv4 address, not the name of one."""
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
