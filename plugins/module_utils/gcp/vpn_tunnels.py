# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tunnels of HA VPN gateways: https://cloud.google.com/compute/docs/reference/rest/v1/vpnTunnels

Nothing of a tunnel can be changed: a difference is a replacement, during which the tunnel carries nothing. Its secret
cannot be read back, and the API does not say how its hash is made; no note of ours stands for it either, since whoever
reads such a note can try out secrets against it. So an existing tunnel's secret is not compared; the caller says when
it is to be put in anew.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ..arguments import ArgumentSpec
from ..engine import Plan
from ..errors import InvalidInput, Refused, Timeout
from .external_vpn_gateways import replace_plan
from .fields import Default, Field, Json, Link, Whole, full_path
from .resource import GcpResource

SPEC = ArgumentSpec(
    options={
        "name": {"type": "str", "required": True},
        "region": {"type": "str", "required": True},
        "description": {"type": "str"},
        "vpn_gateway": {"type": "str"},
        "vpn_gateway_interface": {"type": "int", "choices": [0, 1]},
        "peer_external_gateway": {"type": "str"},
        "peer_external_gateway_interface": {"type": "int", "choices": [0, 1, 2, 3]},
        "peer_gcp_gateway": {"type": "str"},
        "router": {"type": "str"},
        "ike_version": {"type": "int", "choices": [1, 2]},
        "shared_secret": {"type": "str", "no_log": True},
        "update_secret": {"type": "str", "choices": ["on_create", "always"], "default": "on_create", "no_log": False},
        "cipher_suite": {
            "type": "dict",
            "options": {
                "phase1": {
                    "type": "dict",
                    "options": {
                        name: {"type": "list", "elements": "str"} for name in ("encryption", "integrity", "prf", "dh")
                    },
                },
                "phase2": {
                    "type": "dict",
                    "options": {
                        name: {"type": "list", "elements": "str"} for name in ("encryption", "integrity", "pfs")
                    },
                },
            },
        },
        "wait_established": {"type": "int"},
        "confirm_replace": {"type": "str"},
    },
    mutually_exclusive=(("peer_external_gateway", "peer_gcp_gateway"),),
)

#: how diffs show a secret
OLD, NEW = "(not shown)", "(put in anew, not shown)"

#: status -> what to do about it; the others only need time, or say enough themselves
REMEDIES = {
    "AUTHORIZATION_ERROR": "The secrets of the two sides differ: give the peer's, with update_secret: always.",
    "NEGOTIATION_FAILURE": "The two sides agree on no IKE version or ciphers: compare ike_version and cipher_suite.",
    "NO_INCOMING_PACKETS": "Nothing comes from the peer: is its address right, does it know this gateway's, and may "
    "UDP 500, UDP 4500 and ESP pass?",
    "WAITING_FOR_FULL_CONFIG": "Its router must have an interface on it: see interfaces of the router.",
    "FIRST_HANDSHAKE": "The peer does not answer: is its address right, and is its side configured?",
}


class VpnTunnel(GcpResource):
    kind = "vpn_tunnel"
    role = "vpn"
    required = ("vpn_gateway", "vpn_gateway_interface", "router", "shared_secret")
    fields = (
        Field("description", kind=Default("")),
        Field("vpnGateway", kind=Link()),
        Field("vpnGatewayInterface", kind=Default(0)),
        Field("peerExternalGateway", kind=Link()),
        Field("peerExternalGatewayInterface", kind=Default(0)),
        Field("peerGcpGateway", kind=Link()),
        Field("router", kind=Link()),
        Field("ikeVersion", kind=Default(2)),
        *(Field(f"cipherSuite.phase1.{name}", kind=Whole()) for name in ("encryption", "integrity", "prf", "dh")),
        *(Field(f"cipherSuite.phase2.{name}", kind=Whole()) for name in ("encryption", "integrity", "pfs")),
    )

    #: the tunnel that was there at first, by the API's id
    first: str | None = None
    #: why its secret is put in anew, where it is
    because = "its secret is to be put in anew: update_secret is always"

    @property
    def collection(self) -> str:
        return f"projects/{self.project}/regions/{self.params['region']}/vpnTunnels"

    def validate(self) -> None:
        self.check_name("region", self.params["region"])
        params = self.params
        for option in ("vpn_gateway", "peer_external_gateway", "peer_gcp_gateway", "router"):
            if params.get(option) is not None:
                self.check_name(option, str(Link().canonical(params[option])))
        interface = params.get("peer_external_gateway_interface")
        if interface is not None and params.get("peer_gcp_gateway"):
            self.invalid(
                "peer_external_gateway_interface",
                interface,
                "with peer_gcp_gateway it is the interface of the same number as vpn_gateway_interface; leave it out",
            )
        secret = params.get("shared_secret")
        if secret is not None and not (secret and secret.isascii() and secret.isprintable()):
            self.invalid("shared_secret", "(not shown)", "it must be of printable ASCII characters, at least one")
        if params["update_secret"] == "always" and secret is None and params["state"] == "present":
            self.invalid("update_secret", "always", "give shared_secret too")
        wait = params.get("wait_established")
        if wait is not None and wait < 0:
            self.invalid("wait_established", wait, "a number of seconds is wanted, 0 for no wait")

    def creation(self, body: Json) -> Json:
        missing = None
        if not body.get("peerExternalGateway") and not body.get("peerGcpGateway"):
            missing = "peer_external_gateway or peer_gcp_gateway"
        elif body.get("peerExternalGateway") and body.get("peerExternalGatewayInterface") is None:
            missing = "peer_external_gateway_interface"
        if missing:
            raise InvalidInput(
                f"{self.label} does not exist, and to create it these options are missing: {missing}",
                resource=self.label,
            )
        body.update(self.links(body))
        body.setdefault("ikeVersion", 2)
        body["sharedSecret"] = self.params["shared_secret"]
        return body

    def links(self, body: Json) -> Json:
        """The paths of what the tunnel stands on."""
        region = f"regions/{self.params['region']}"
        where = {
            "vpnGateway": f"{region}/vpnGateways",
            "peerExternalGateway": "global/externalVpnGateways",
            "peerGcpGateway": f"{region}/vpnGateways",
            "router": f"{region}/routers",
        }
        return {key: full_path(body[key], self.project, place) for key, place in where.items() if body.get(key)}

    def precheck(self, current: Json | None, after: Json, *, check_mode: bool) -> list[str]:
        warnings, found = [], {}
        for field, path in self.links(after).items():
            if path.split("/")[1] != self.project:
                continue  # a peer in another project need not be readable
            found[field] = self.look_at(path)
            if found[field] is None and not check_mode:
                raise self.refused(f"{path} does not exist: create it first", code="missing-prerequisite")
            if found[field] is None:
                warnings.append(f"{self.label}: {path} does not exist yet; counted as planned.")
        gateway, router, external = (found.get(key) for key in ("vpnGateway", "router", "peerExternalGateway"))
        if gateway and router and not Link().same(gateway.get("network"), router.get("network")):
            raise self.refused(
                f"router {router['name']} is in network {Link().canonical(router['network'])}, and VPN gateway "
                f"{gateway['name']} in {Link().canonical(gateway['network'])}: take a router of the gateway's network",
                code="invalid-input",
            )
        number = after.get("peerExternalGatewayInterface")
        ids = [item.get("id", 0) for item in (external or {}).get("interfaces") or []]
        if external and number not in ids:
            raise self.refused(
                f"peer_external_gateway_interface is {number}, and {external['name']} has the interfaces "
                f"{', '.join(map(str, ids))}: take one of these",
                code="invalid-input",
            )
        return warnings

    def _plan_update(self, current: Json, *, check_mode: bool) -> Plan:
        plan = super()._plan_update(current, check_mode=check_mode)
        if plan.steps or self.params["update_secret"] != "always":
            return plan
        identity = str(current.get("id") or current.get("creationTimestamp"))
        self.first = self.first or identity
        if identity != self.first:
            return plan  # it was made with that secret just now
        plan = self._replace(current, [self.because], check_mode=check_mode)
        # what differs, or is taken to, is nothing that may be shown
        before, after = (
            {**(side or {}), "shared_secret": text} for side, text in ((plan.before, OLD), (plan.after, NEW))
        )
        return dataclasses.replace(plan, before=before, after=after)

    def _plan_creation(self, *, check_mode: bool) -> Plan:
        # whatever is there later was made with the secret that was given
        plan = super()._plan_creation(check_mode=check_mode)
        self.first = self.first or "none"
        return plan

    def replacement(self, current: Json, differences: list[Refused], *, check_mode: bool) -> Plan | None:
        if all(" description is " in f" {difference}" for difference in differences):
            return None  # not worth a tunnel
        self.first = self.first or str(current.get("id"))
        return self._replace(current, differences, check_mode=check_mode)

    def _replace(self, current: Json, why: t.Sequence[t.Any], *, check_mode: bool) -> Plan:
        if not self.marked(current):
            raise self.refused("podreach.gke did not create it, so it does not replace it", code="not-ours")
        self.first = self.first or str(current.get("id"))
        return replace_plan(self, current, why, check_mode=check_mode)

    def afterwards(self, observed: Json | None) -> Json | None:
        """Wait until the tunnel is established, if that is asked for."""
        seconds = self.params.get("wait_established")
        if not seconds or self.params["state"] == "absent":
            return observed
        seen: list[Json] = [observed or {}]

        def missing() -> list[str]:
            seen[0] = self.read() or {}
            status = seen[0].get("status", "missing")
            detail = seen[0].get("detailedStatus")
            return [] if status == "ESTABLISHED" else [f"{status} ({detail})" if detail else str(status)]

        left = self.client.wait_until(missing, seconds, f"{self.label}: waiting until it is established")
        if left:
            remedy = REMEDIES.get(str(seen[0].get("status")), "")
            raise Timeout(
                f"{self.label}: after {seconds} s (wait_established) it is not ESTABLISHED but {left[0]}. "
                f"Peer {seen[0].get('peerIp', 'unknown')}. {remedy}".rstrip(),
                code="tunnel-not-established",
                reason=str(seen[0].get("status")),
                resource=self.label,
            )
        return seen[0]
