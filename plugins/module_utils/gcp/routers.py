# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cloud Routers and what they advertise: https://cloud.google.com/compute/docs/reference/rest/v1/routers

A patch is a JSON merge patch: a list replaces the whole list. A router has no fingerprint, so two writers can undo
each other: ours hold a lock from read to verification, send only the lists that change, and fail loudly when
something is gone afterwards. Interfaces and BGP peers are lists of the same shape, merged by name.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat
import tempfile
import typing as t

from .. import addressing
from ..arguments import ArgumentSpec
from ..engine import Grade, Plan, Step
from ..errors import PodreachError, Timeout
from . import advertisement
from .fields import Default, Field, Fixed, Json, Keyed, Link, Names, Patch, dig, disruptive, disruptive_if_less
from .resource import GcpResource
from .subnetworks import missing_network, network_path

SPEC = ArgumentSpec(
    options={
        "name": {"type": "str", "required": True},
        "region": {"type": "str", "required": True},
        "network": {"type": "str"},
        "description": {"type": "str"},
        "bgp": {
            "type": "dict",
            "options": {
                "asn": {"type": "int"},
                "advertise_mode": {"type": "str", "choices": ["DEFAULT", "CUSTOM"]},
                "advertised_groups": {"type": "list", "elements": "str", "choices": ["ALL_SUBNETS"]},
                "advertised_ip_ranges": {
                    "type": "list",
                    "elements": "dict",
                    "options": {"range": {"type": "str", "required": True}, "description": {"type": "str"}},
                },
                "keepalive_interval": {"type": "int"},
                "identifier_range": {"type": "str"},
            },
        },
        "purge_advertisement": {"type": "bool", "default": False},
        "confirm_withdraw_subnets": {"type": "str"},
        "advertised_prefix_limit": {"type": "int", "default": advertisement.PREFIX_LIMIT},
    }
)


#: Lists of a router that are not managed here.
HELD = ("interfaces", "bgpPeers", "nats")


def _mode_grade(old: t.Any, new: t.Any) -> Grade:
    """Back to DEFAULT withdraws the custom ranges; to CUSTOM withdraws nothing while ALL_SUBNETS is listed."""
    return Grade.DISRUPTIVE if old == "CUSTOM" else Grade.SAFE


_CUSTOM_RANGES = Keyed("range")
_GROUPS = Names()


class Router(GcpResource):
    kind = "router"
    required = ("network",)
    fields = (
        Field("description", kind=Default("")),
        Field("network", Fixed("a router stays in its network"), Link()),
        Field("bgp.asn", Fixed("the ASN of a router is fixed; all its sessions use it")),
        Field("bgp.advertiseMode", Patch(_mode_grade), Default("DEFAULT")),
        Field("bgp.advertisedGroups", Patch(disruptive_if_less(_GROUPS)), _GROUPS, purge="purge_advertisement"),
        Field(
            "bgp.advertisedIpRanges", Patch(disruptive_if_less(_CUSTOM_RANGES)), _CUSTOM_RANGES, "purge_advertisement"
        ),
        Field("bgp.keepaliveInterval", Patch(disruptive), Default(20)),
        Field("bgp.identifierRange", Patch(disruptive)),
    )

    @property
    def collection(self) -> str:
        return f"projects/{self.project}/regions/{self.params['region']}/routers"

    def validate(self) -> None:
        self.check_name("region", self.params["region"])
        if self.params.get("network") is not None:
            self.check_name("network", str(Link().canonical(self.params["network"])))
        bgp = self.params.get("bgp") or {}
        asn = bgp.get("asn")
        if asn is not None and not (64512 <= asn <= 65534 or 4200000000 <= asn <= 4294967294):
            self.invalid("bgp.asn", asn, "a private ASN (RFC 6996) is 64512-65534 or 4200000000-4294967294")
        keepalive = bgp.get("keepalive_interval")
        if keepalive is not None and not 20 <= keepalive <= 60:
            self.invalid("bgp.keepalive_interval", keepalive, "the interval is 20 to 60 seconds")
        if bgp.get("advertise_mode") != "CUSTOM":
            for option in ("advertised_groups", "advertised_ip_ranges"):
                if bgp.get(option):
                    self.invalid(f"bgp.{option}", bgp[option], "only advertise_mode: CUSTOM takes it; say that too")
        seen = set()
        for number, item in enumerate(bgp.get("advertised_ip_ranges") or []):
            option = f"bgp.advertised_ip_ranges[{number}].range"
            try:
                network = addressing.parse(item["range"])
            except addressing.AddressingError as error:
                self.invalid(option, item["range"], str(error), code=error.code)
                continue
            if network in seen:
                self.invalid(option, item["range"], "this range is given twice")
            seen.add(network)

    def creation(self, body: Json) -> Json:
        body["network"] = network_path(self.params["network"], self.project)
        return body

    def precheck(self, current: Json | None, after: Json, *, check_mode: bool) -> list[str]:
        mode, groups = dig(after, "bgp.advertiseMode"), dig(after, "bgp.advertisedGroups") or []
        withdraws = mode == "CUSTOM" and "ALL_SUBNETS" not in groups
        already = current and dig(current, "bgp.advertiseMode") == "CUSTOM" and not dig(current, "bgp.advertisedGroups")
        if withdraws and not already and self.params.get("confirm_withdraw_subnets") != self.name:
            raise self.refused(
                "bgp.advertise_mode CUSTOM without ALL_SUBNETS in bgp.advertised_groups stops advertising every "
                "subnetwork of the network. Add advertised_groups: [ALL_SUBNETS], or say "
                f"confirm_withdraw_subnets: {self.name} if that is what you want.",
                code="withdraws-subnets",
            )
        if current is None:
            return missing_network(self, after["network"], check_mode=check_mode)
        network = network_path(current["network"], self.project)
        region = f"projects/{self.project}/regions/{self.params['region']}"
        advertisement.check(self, network, router={"name": self.name, "region": region, "bgp": after.get("bgp") or {}})
        return []

    def patch_step(
        self,
        current: Json,
        patch: Json,
        patched: t.Sequence[str],
        grade: Grade = Grade.SAFE,
        summary: str | None = None,
    ) -> Step:
        mode = dig(patch, "bgp.advertiseMode")
        groups = dig(patch, "bgp.advertisedGroups") or dig(current, "bgp.advertisedGroups") or []
        if mode == "CUSTOM" and "ALL_SUBNETS" not in groups:
            grade = Grade.DISRUPTIVE
        if mode == "DEFAULT":
            # the API takes the lists only together with CUSTOM
            patch["bgp"].update(advertisedGroups=[], advertisedIpRanges=[])
        return super().patch_step(current, patch, patched, grade, summary)

    def _plan_update(self, current: Json, *, check_mode: bool) -> Plan:
        plan = super()._plan_update(current, check_mode=check_mode)
        if plan.after and plan.steps and dig(plan.after, "bgp.advertiseMode") == "DEFAULT":
            for emptied in ("advertisedGroups", "advertisedIpRanges"):
                plan.after["bgp"].pop(emptied, None)
        return plan

    def projection(self, data: Json | None) -> Json | None:
        shown = super().projection(data)
        if shown is not None and data is not None:
            # by name: a patch leaves them alone, and lost() looks whether another writer did
            shown.update({held: sorted(item["name"] for item in data[held]) for held in HELD if data.get(held)})
        return shown

    def lost(self, plan: Plan, observed: Json | None) -> list[str]:
        gone = super().lost(plan, observed)
        now = self.projection(observed) or {}
        for held in HELD:
            left = now.get(held) or []
            gone += [f"{held} {name}" for name in (plan.before or {}).get(held) or [] if name not in left]
        return gone

    def exclusive(self) -> contextlib.AbstractContextManager[t.Any] | None:
        return _locked(self)


@contextlib.contextmanager
def _locked(router: Router) -> t.Iterator[None]:
    """Hold this machine's lock on a router. Writers elsewhere, and other tools, are not stopped by it."""
    directory = os.path.join(tempfile.gettempdir(), f"podreach-{os.getuid()}")
    os.makedirs(directory, mode=0o700, exist_ok=True)
    found = os.lstat(directory)
    if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode):
        raise PodreachError(f"{directory} is no directory of yours; locks cannot be kept there: remove it", code="lock")
    name = hashlib.sha256(router.path.encode()).hexdigest()[:32]
    with os.fdopen(os.open(os.path.join(directory, name), os.O_RDWR | os.O_CREAT, 0o600)) as lock:

        def taken() -> list[str]:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return ["another task on this machine is changing it"]
            return []

        seconds = router.params["timeout"]
        if router.client.wait_until(taken, seconds, router.label):
            raise Timeout(
                f"{router.label}: another task on this machine has been changing it for {seconds} s. Try again later.",
                resource=router.label,
            )
        yield
