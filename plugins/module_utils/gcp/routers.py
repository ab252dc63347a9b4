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
import dataclasses
import typing as t

from ..arguments import ArgumentSpec
from ..bgp import PREFIX_LIMIT
from ..engine import Grade, Plan, Step
from ..errors import Refused, raise_all
from . import advertisement, bgp_peers
from .client import network_path
from .fields import (
    Default,
    Field,
    Fixed,
    Json,
    Keyed,
    Link,
    Names,
    Patch,
    dig,
    disruptive,
    disruptive_if_less,
    full_path,
)
from .locks import locked
from .resource import GcpResource
from .subnetworks import missing_network
from .vpn_gateways import held_by_tunnels

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
        "advertised_prefix_limit": {"type": "int", "default": PREFIX_LIMIT},
        **bgp_peers.OPTIONS,
    }
)


def _mode_grade(old: t.Any, new: t.Any) -> Grade:
    """Back to DEFAULT withdraws the custom ranges; to CUSTOM withdraws nothing while ALL_SUBNETS is listed."""
    return Grade.DISRUPTIVE if old == "CUSTOM" else Grade.SAFE


_CUSTOM_RANGES = Keyed("range")
_GROUPS = Names()


class Router(GcpResource):
    kind = "router"
    required = ("network",)
    fields: t.ClassVar[tuple[Field, ...]] = (
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
        Field("interfaces", Patch(bgp_peers.grade_interfaces), bgp_peers.INTERFACES, "purge_interfaces"),
        Field("bgpPeers", Patch(bgp_peers.grade_peers), bgp_peers.Peers(), "purge_bgp_peers", bgp_peers.encode_peers),
    )

    #: what the last plan that changes something has looked at
    surroundings: advertisement.Surroundings | None = None

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
        bgp_peers.check_mode_lists(self, "bgp", bgp)
        bgp_peers.check_options(self)

    def merged(self, item: Field, now: t.Any, wanted: t.Any) -> t.Any:
        if item.path == "interfaces":
            wanted = self._with_paths(wanted)
        if item.path == "bgpPeers":
            kind = bgp_peers.Peers(exact_routes=self.params["purge_advertisement"])
            return kind.merged(now, wanted, exact=self.params["purge_bgp_peers"])
        return super().merged(item, now, wanted)

    def _with_paths(self, interfaces: list[Json]) -> list[Json]:
        where = f"regions/{self.params['region']}/vpnTunnels"
        return [
            {**item, "linkedVpnTunnel": full_path(item["linkedVpnTunnel"], self.project, where)}
            if item.get("linkedVpnTunnel")
            else item
            for item in interfaces
        ]

    def creation(self, body: Json) -> Json:
        body["network"] = network_path(self.params["network"], self.project)
        if body.get("interfaces"):
            body["interfaces"] = self._with_paths(body["interfaces"])
        keys = self._keys([], body.get("bgpPeers") or [])
        return {**body, "md5AuthenticationKeys": keys} if keys else body

    def _keys(self, before: list[Json], after: list[Json]) -> list[Json]:
        """The MD5 keys by name, as a write takes them: known ones by name alone, new ones with the key."""
        said = {item["name"]: item.get("md5_authentication_key") for item in self.params.get("bgp_peers") or []}
        known = {peer["name"] for peer in before if peer.get("md5AuthenticationKeyName")}
        return [
            {
                "name": peer["md5AuthenticationKeyName"],
                **({} if peer["name"] in known else {"key": said[peer["name"]]}),
            }
            for peer in after
            if peer.get("md5AuthenticationKeyName")
        ]

    def precheck(self, current: Json | None, after: Json, *, check_mode: bool) -> list[str]:
        self._check_withdrawal(current or {}, after)
        options = [*(self.params.get("interfaces") or []), *(self.params.get("bgp_peers") or [])]
        found = bgp_peers.problems(after, {item["name"] for item in options})
        raise_all([self.refused(problem, code="invalid-input") for problem in found])
        warnings = missing_network(self, after["network"], check_mode=check_mode) if current is None else []
        warnings += self._missing_tunnels(current or {}, after, check_mode=check_mode)
        if current is not None or after.get("bgpPeers"):
            region = f"projects/{self.project}/regions/{self.params['region']}"
            network = network_path((current or after)["network"], self.project)
            then: Json = {"name": self.name, "region": region, "network": network}
            then |= {"bgp": after.get("bgp") or {}, "bgpPeers": after.get("bgpPeers") or []}
            self.surroundings = advertisement.check(self, network, router=then)
        return warnings

    def _check_withdrawal(self, current: Json, after: Json) -> None:
        """CUSTOM without ALL_SUBNETS, of the router or of a session, needs to be said by name."""

        def without(part: Json) -> bool:
            return part.get("advertiseMode") == "CUSTOM" and "ALL_SUBNETS" not in (part.get("advertisedGroups") or [])

        peers = {peer["name"]: peer for peer in current.get("bgpPeers") or []}
        parts = [("bgp", current.get("bgp") or {}, after.get("bgp") or {})]
        parts += [
            (f"bgp_peers ({peer['name']})", peers.get(peer["name"], {}), peer) for peer in after.get("bgpPeers") or []
        ]
        for where, before, then in parts:
            if without(then) and not without(before) and self.params.get("confirm_withdraw_subnets") != self.name:
                raise self.refused(
                    f"{where}.advertise_mode CUSTOM without ALL_SUBNETS in {where}.advertised_groups stops advertising "
                    "every subnetwork of the network. Add advertised_groups: [ALL_SUBNETS], or say "
                    f"confirm_withdraw_subnets: {self.name} if that is what you want.",
                    code="withdraws-subnets",
                )

    def _missing_tunnels(self, current: Json, after: Json, *, check_mode: bool) -> list[str]:
        """What to say of tunnels that interfaces are newly linked to: they must be there, and made for this router."""
        linked = {item.get("linkedVpnTunnel") for item in current.get("interfaces") or []}
        warnings = []
        for item in after.get("interfaces") or []:
            link = item.get("linkedVpnTunnel")
            if not link or link in linked:
                continue
            path = full_path(link, self.project, "")
            tunnel = self.look_at(path)
            if tunnel is None and not check_mode:
                raise self.refused(
                    f"interface {item['name']}: {path} does not exist: create it first", code="missing-prerequisite"
                )
            if tunnel is None:
                warnings.append(f"{self.label}: {path} does not exist yet; counted as planned.")
            elif tunnel.get("router") and not Link().same(tunnel["router"], self.path):
                raise self.refused(
                    f"interface {item['name']}: {path} was made for router {Link().canonical(tunnel['router'])}, which "
                    "cannot be changed: link a tunnel of this router",
                    code="invalid-input",
                )
        return warnings

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
        bgp: Json = current.get("bgp") or {}
        peers: list[Json] = current.get("bgpPeers") or []
        peers_then: list[Json] = patch.get("bgpPeers", peers)
        if bgp_peers.withdraws(bgp, peers, {**bgp, **patch.get("bgp", {})}, peers_then):
            grade = Grade.DISRUPTIVE
        if any(peer.get("md5AuthenticationKeyName") for peer in [*peers, *peers_then]) and "bgpPeers" in patch:
            patch["md5AuthenticationKeys"] = self._keys(peers, peers_then)
        return super().patch_step(current, patch, patched, grade, summary)

    def _plan_update(self, current: Json, *, check_mode: bool) -> Plan:
        plan = super()._plan_update(current, check_mode=check_mode)
        if plan.after and plan.steps and dig(plan.after, "bgp.advertiseMode") == "DEFAULT":
            for emptied in ("advertisedGroups", "advertisedIpRanges"):
                plan.after["bgp"].pop(emptied, None)
        return plan

    def removal_refusal(self, current: Json) -> Refused | None:
        nats = [item["name"] for item in current.get("nats") or []]
        if nats:
            return self.refused(f"it still does Cloud NAT: {', '.join(nats)}. Delete these first.", code="holds-others")
        return held_by_tunnels(self, "router")

    def projection(self, data: Json | None) -> Json | None:
        shown = super().projection(data)
        if shown is not None and data is not None and data.get("nats"):
            # by name: a patch leaves them alone, and lost() looks whether another writer did
            shown["nats"] = sorted(item["name"] for item in data["nats"])
        return shown

    def lost(self, plan: Plan, observed: Json | None) -> list[str]:
        left = (self.projection(observed) or {}).get("nats") or []
        gone = [f"nats {name}" for name in (plan.before or {}).get("nats") or [] if name not in left]
        return super().lost(plan, observed) + gone

    def exclusive(self) -> contextlib.AbstractContextManager[t.Any] | None:
        return locked(self.client, [self.path], self.label, self.params["timeout"])


class RouterSessions(Router):
    """The interfaces and BGP peers of a router, where a set brings them about after the tunnels they run over.

    Removed, it takes the interfaces and peers that it names out of the router, and leaves the router.
    """

    role = "vpn"
    fields = tuple(item for item in Router.fields if item.path in ("interfaces", "bgpPeers"))

    def plan(self, current: Json | None, *, check_mode: bool) -> Plan:
        current = current or self.look_at(self.path)
        self.planned = Plan(None, None)
        if current is None and self.params["state"] == "present":
            raise self.refused("the router does not exist: create it first", code="missing-prerequisite")
        if current is not None:
            self.planned = self._plan_update(current, check_mode=check_mode)
        return self.planned

    def merged(self, item: Field, now: t.Any, wanted: t.Any) -> t.Any:
        if self.params["state"] == "absent":
            return item.kind.merged(now, [{"name": one["name"], "state": "absent"} for one in wanted], exact=False)
        return super().merged(item, now, wanted)

    def precheck(self, current: Json | None, after: Json, *, check_mode: bool) -> list[str]:
        whole = {**(current or {}), **after}
        if self.params["state"] == "absent":
            problems = bgp_peers.problems(whole, ())
            raise_all([self.refused(problem, code="invalid-input") for problem in problems])
            return []
        return super().precheck(current, whole, check_mode=check_mode)

    def patch_step(
        self,
        current: Json,
        patch: Json,
        patched: t.Sequence[str],
        grade: Grade = Grade.SAFE,
        summary: str | None = None,
    ) -> Step:
        step = super().patch_step(current, patch, patched, grade, summary)
        if self.params["state"] == "absent":
            return dataclasses.replace(step, grade=Grade.DESTRUCTIVE)
        return step
