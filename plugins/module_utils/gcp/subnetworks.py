# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Subnetworks and their secondary ranges: https://cloud.google.com/compute/docs/reference/rest/v1/subnetworks

A patch of the secondary ranges replaces the whole list, must not add and remove at once, and cannot change a range.
So removing and adding are two steps, and a changed range is refused.
"""

from __future__ import annotations

from collections import Counter

from .. import addressing
from ..arguments import ArgumentSpec
from ..bgp import PREFIX_LIMIT
from ..engine import Grade, Step
from . import advertisement
from .client import network_path
from .fields import Default, Field, Fixed, Json, Keyed, Link, Request, Via
from .resource import GcpResource

#: prefix lengths: https://cloud.google.com/vpc/docs/subnets#valid-ranges
SMALLEST_RANGE, LARGEST_RANGE = 29, 4

SPEC = ArgumentSpec(
    options={
        "name": {"type": "str", "required": True},
        "region": {"type": "str", "required": True},
        "network": {"type": "str"},
        "description": {"type": "str"},
        "ip_cidr_range": {"type": "str"},
        "secondary_ip_ranges": {
            "type": "list",
            "elements": "dict",
            "options": {
                "range_name": {"type": "str", "required": True},
                "ip_cidr_range": {"type": "str", "required": True},
            },
        },
        "purge_secondary_ranges": {"type": "bool", "default": False},
        "private_ip_google_access": {"type": "bool"},
        "advertised_prefix_limit": {"type": "int", "default": PREFIX_LIMIT},
    }
)


class SecondaryRanges(Keyed):
    """Secondary ranges by name; purging removes the unnamed ones."""

    def __init__(self) -> None:
        super().__init__("rangeName")


def _expand(subnetwork: Subnetwork, current: Json, wanted: str) -> list[Step]:
    old, new = addressing.parse(current["ipCidrRange"]), addressing.parse(wanted)
    if not new.supernet_of(old):
        raise subnetwork.refused(
            f"ip_cidr_range is {old} and cannot become {new}: a primary range can only grow to one that contains it",
            code="range-shrink",
        )
    request = Request("POST", f"{subnetwork.path}/expandIpCidrRange", {"ipCidrRange": wanted})
    return [Step("update", f"expand ip_cidr_range from {old} to {new}", request, fields=("ipCidrRange",))]


def _secondary_ranges(subnetwork: Subnetwork, current: Json, wanted: list[Json]) -> list[Step]:
    ranges = SecondaryRanges()
    now, then = ranges.keys(current.get("secondaryIpRanges")), ranges.keys(wanted)
    for key, item in then.items():
        if key in now and now[key]["ipCidrRange"] != item["ipCidrRange"]:
            raise subnetwork.refused(
                f"secondary_ip_ranges: {key[0]} is {now[key]['ipCidrRange']} and cannot become {item['ipCidrRange']}: "
                "Google does not change a secondary range. Add the new range under another name, and remove the old "
                "one "
                "when nothing uses it (leave it out, with purge_secondary_ranges: true).",
                code="range-fixed",
            )
    steps = []
    kept = [item for key, item in now.items() if key in then]
    removed = [f"{key[0]} ({item['ipCidrRange']})" for key, item in now.items() if key not in then]
    added = [item for key, item in then.items() if key not in now]
    if removed:
        steps.append(
            subnetwork.patch_step(
                current,
                {"secondaryIpRanges": kept},
                ["secondaryIpRanges"],
                Grade.DISRUPTIVE,
                f"remove secondary ranges {', '.join(removed)}",
            )
        )
    if added:
        names = ", ".join(f"{item['rangeName']} ({item['ipCidrRange']})" for item in added)
        steps.append(
            subnetwork.patch_step(
                current,
                {"secondaryIpRanges": kept + added},
                ["secondaryIpRanges"],
                summary=f"add secondary ranges {names}",
            )
        )
    return steps


def _private_google_access(subnetwork: Subnetwork, current: Json, wanted: bool) -> list[Step]:
    request = Request("POST", f"{subnetwork.path}/setPrivateIpGoogleAccess", {"privateIpGoogleAccess": wanted})
    grade = Grade.SAFE if wanted else Grade.DISRUPTIVE
    summary = f"set private_ip_google_access to {str(wanted).lower()}"
    return [Step("update", summary, request, grade, ("privateIpGoogleAccess",))]


class Subnetwork(GcpResource):
    kind = "subnetwork"
    required = ("network", "ip_cidr_range")
    fingerprinted = True
    fields = (
        Field("description", kind=Default("")),
        Field("network", Fixed("a subnetwork stays in its network"), Link()),
        Field("ipCidrRange", Via(_expand)),
        Field("secondaryIpRanges", Via(_secondary_ranges), SecondaryRanges(), purge="purge_secondary_ranges"),
        Field("privateIpGoogleAccess", Via(_private_google_access), Default(False)),
    )

    @property
    def collection(self) -> str:
        return f"projects/{self.project}/regions/{self.params['region']}/subnetworks"

    @property
    def network_path(self) -> str:
        return network_path(self.params["network"], self.project)

    def validate(self) -> None:
        self.check_name("region", self.params["region"])
        if self.params.get("network") is not None:
            self.check_name("network", str(Link().canonical(self.params["network"])))
        ranges: list[addressing.Range] = []

        def check_range(option: str, cidr: str) -> None:
            try:
                network = addressing.parse(cidr)
            except addressing.AddressingError as error:
                self.invalid(option, cidr, str(error), code=error.code)
                return
            if not LARGEST_RANGE <= network.prefixlen <= SMALLEST_RANGE:
                problem = f"a subnetwork's range is /{SMALLEST_RANGE} (smallest) to /{LARGEST_RANGE} (largest)"
                self.invalid(option, cidr, problem, code="range-mask")
            for finding in addressing.check_subnet_range(cidr):
                if finding.severity == "error":
                    self.invalid(option, cidr, finding.message, code=finding.code)
                else:
                    self.call.warn(f"{self.label}: {option}: {finding.message}")
            ranges.append(addressing.Range(str(network), option))

        if self.params.get("ip_cidr_range") is not None:
            check_range("ip_cidr_range", self.params["ip_cidr_range"])
        names: set[str] = set()
        for number, item in enumerate(self.params.get("secondary_ip_ranges") or []):
            option = f"secondary_ip_ranges[{number}]"
            self.check_name(f"{option}.range_name", item["range_name"])
            if item["range_name"] in names:
                self.invalid(f"{option}.range_name", item["range_name"], "this name is given twice")
            names.add(item["range_name"])
            check_range(f"{option}.ip_cidr_range", item["ip_cidr_range"])
        for one, other in addressing.overlaps(ranges):
            self.invalid(other.label, other.cidr, f"overlaps {one.cidr} of {one.label}", code="range-overlap")

    def creation(self, body: Json) -> Json:
        body["network"] = self.network_path
        return body

    def precheck(self, current: Json | None, after: Json, *, check_mode: bool) -> list[str]:
        before = advertisement.subnetwork_ranges(current) if current else []
        if not Counter(advertisement.subnetwork_ranges(after)) - Counter(before):
            return []
        path = network_path(current["network"], self.project) if current else self.network_path
        warnings = self._look_at_network(path, after, check_mode=check_mode)
        region = f"projects/{self.project}/regions/{self.params['region']}"
        advertisement.check(self, path, subnetwork={**after, "name": self.name, "region": region})
        return warnings

    def _look_at_network(self, path: str, after: Json, *, check_mode: bool) -> list[str]:
        """Refuse ranges that the network has no room for; a network that is not there yet is missing or planned."""
        network = self.look_at(path)
        if network is None:
            return missing_network(self, path, check_mode=check_mode)
        own = [addressing.Range(cidr, self.label) for cidr in advertisement.subnetwork_ranges(after)]
        for cidr in advertisement.subnetwork_ranges(after):
            for finding in addressing.check_subnet_range(cidr, auto_mode=bool(network.get("autoCreateSubnetworks"))):
                if finding.severity == "error":
                    raise self.refused(finding.message, code=finding.code)
        there = {
            (item["name"], region_of(item)): item
            for item in self.client.list_all("compute", f"projects/{path.split('/')[1]}/aggregated/subnetworks")
            if network_path(item["network"], self.project) == path
        }
        for sibling in self.siblings:
            # what the same task is about to make or delete counts as made or deleted
            if isinstance(sibling, Subnetwork) and sibling.planned and sibling.planned.steps:
                key = (sibling.name, sibling.params["region"])
                there.pop(key, None)
                ahead = sibling.planned.after
                if ahead and network_path(ahead["network"], self.project) == path:
                    there[key] = ahead
        others = [
            addressing.Range(cidr, f"subnetwork {name} in {region}")
            for (name, region), item in there.items()
            if (name, region) != (self.name, self.params["region"])
            for cidr in advertisement.subnetwork_ranges(item)
        ]
        for one, other in addressing.overlaps([*own, *others]):
            mine, theirs = (one, other) if one.label == self.label else (other, one)
            if mine.label == self.label:
                raise self.refused(f"{mine.cidr} overlaps {theirs.cidr} of {theirs.label}", code="range-overlap")
        return []


def region_of(item: Json) -> str:
    """The name of the region that an object is in."""
    return str(Link().canonical(item["region"]))


def missing_network(resource: GcpResource, path: str, *, check_mode: bool) -> list[str]:
    """What to say if the network that a new resource shall be in is not there: refused, or planned in check mode."""
    if resource.look_at(path) is not None:
        return []
    if check_mode:
        return [f"{resource.label}: network {path} does not exist yet; counted as planned."]
    raise resource.refused(f"network {path} does not exist: create it first", code="missing-prerequisite")
