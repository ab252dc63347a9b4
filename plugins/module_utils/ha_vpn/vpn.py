# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making and removing an HA VPN: Google's gateway, AWS's half, Google's half, and again where AWS's addresses change.

Everything is read, planned and judged before the first change. What is done then is worked out anew from what there
is, so that a run that was killed is taken up wherever it stopped: Google's resources are told by name, AWS's by tags.
Keys go from AWS's answer into Google's request, and nowhere else.
https://cloud.google.com/network-connectivity/docs/vpn/how-to/connect-ha-vpn-aws-peer-gateway
"""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ..arguments import Call
from ..aws.vpn import AwsVpn
from ..aws.vpn_reading import TRANSIT
from ..bgp import PREFIX_LIMIT
from ..engine import Consent, Grade, Plan, Resource, Step, converge, missing_consent
from ..errors import ApiError, InvalidInput, PodreachError, Refused, raise_all
from ..gcp.advertisement import advertised
from ..gcp.client import Client, network_path
from ..gcp.fields import Link, dig
from ..gcp.resource import MARKER, GcpResource
from ..gcp.routers import RouterSessions
from . import shadows
from .amazon import DEFAULT_ASN, Amazon
from .anew import KEY, Unallowed, word
from .google import Google, Tunnel
from .new_routes import NewRoutes
from .report import Report
from .slots import (
    GOOGLE_ADDRESSES,
    PEER_ADDRESSES,
    UNKNOWN,
    End,
    Json,
    Slot,
    all_slots,
    belongs,
    candidates,
    choose,
    numbered,
    slots,
    unknown_inside,
)
from .states import State, states

#: prefixes that a VPN connection of a transit gateway takes
#: https://docs.aws.amazon.com/vpc/latest/tgw/transit-gateway-quotas.html
TRANSIT_PREFIX_LIMIT = 1000
#: how often AWS's half and Google's follow each other; two replaced connections take three rounds
MAX_ROUNDS = 6


@dataclasses.dataclass
class Piece:
    """One slot with what is planned for it. ``anew``: it is brought down and up again, when its turn comes."""

    slot: Slot
    tunnel: Tunnel
    plan: Plan
    sessions: RouterSessions
    session_plan: Plan
    change: Step | None = None
    #: whether only the external gateway is another one, with the same address
    moves: bool = False
    #: why the tunnel is made anew, where it is
    why: tuple[str, ...] = ()

    @property
    def anew(self) -> bool:
        return bool(
            self.change
            or any(step.action == "replace" for step in self.plan.steps)
            or any(step.grade is not Grade.SAFE for step in self.session_plan.steps)
        )


class HaVpn:
    """One VPN, and what the caller wants of it."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.params = call.params
        self.name: str = call.params["name"]
        self.confirmed: str | None = call.params["confirm_replace"]
        self.report = Report()
        #: warnings beside those of the report, which is made anew when what was planned is done
        self.notes: list[str] = []
        #: what would be made anew and may not
        self.unallowed = Unallowed()
        #: whether the report is of what was done, not of what is planned
        self.acting = False
        self.client = Client.for_call(call)
        # Google's gateway and router take seconds, and nothing can begin without their addresses
        self.client.wait = not call.check_mode
        self.amazon = Amazon(call) if call.params["aws"] is not None else None
        limit = TRANSIT_PREFIX_LIMIT if self.amazon and self.amazon.transit() else PREFIX_LIMIT
        self.google = Google(self.client, call, call.params["advertised_prefix_limit"] or limit)
        self.label = f"ha_vpn {self.google.where}/{self.name}"
        self.addresses: list[str] = []
        #: AWS's half as it was read last
        self.aws: AwsVpn | None = None
        self.router_now: Json | None = None
        self.gateway_now: Json | None = None
        self.tunnels_now: dict[str, Json] = {}
        self.externals: dict[str, Json] = {}
        self.users: dict[str, list[str]] = {}
        #: every slot's state before the first change
        self.before: dict[str, State] = {}
        self.external_name = self.google.external_name
        #: the router as it is planned
        self.router_then: Json = {}
        self.new_routes = NewRoutes(self)
        if self.amazon:
            self.amazon.announced = self.new_routes.announced

    def validate(self) -> None:
        """Raise everything that can be known to be wrong with the options of any part, before anything is read."""
        ends = self.params["peer_interfaces"]
        of = slots(self.name, [End(**item) for item in ends] if ends else [End(text) for text in PEER_ADDRESSES])
        keys: list[str | None] = [*self.params["pre_shared_keys"], *[None] * len(of)]
        numbers = numbered([slot.end.ip_address for slot in of], None)
        makers: list[t.Callable[[], t.Any]] = [self.google.router, self.google.gateway]
        if self.params["state"] == "present":
            makers.append(lambda: self.google.external(self.google.external_name, numbers))
            makers.append(lambda: self.google.sessions(of, self.params["peer_asn"]))
        external = self.google.external_name
        makers += [
            functools.partial(self.google.tunnel, slot, external, 0, key) for slot, key in zip(of, keys, strict=False)
        ]
        if self.amazon:
            amazon = self.amazon
            makers.append(lambda: amazon.vpn(GOOGLE_ADDRESSES, self.params["asn"]))
        errors: list[PodreachError] = []
        for make in makers:
            try:
                make()
            except (InvalidInput, Refused) as error:
                errors.append(error)
        raise_all(errors)

    # ---- reading

    def look(self) -> None:
        """Read Google's half."""
        self.router_now = self.client.get("compute", f"{self.google.where}/routers/{self.google.router_name}")
        self.gateway_now = self.client.get("compute", f"{self.google.where}/vpnGateways/{self.name}")
        project = f"projects/{self.google.project}"
        listed = self.client.list_all("compute", f"{project}/global/externalVpnGateways")
        self.externals = {item["name"]: item for item in listed}
        self.tunnels_now, self.users = {}, {}
        for item in self.client.list_all("compute", f"{project}/aggregated/vpnTunnels"):
            if f"/{self.google.where}/" in f"/{item.get('selfLink')}":
                self.tunnels_now[item["name"]] = item
            if item.get("peerExternalGateway"):
                self.users.setdefault(str(Link().canonical(item["peerExternalGateway"])), []).append(item["name"])
        known = sorted((self.gateway_now or {}).get("vpnInterfaces") or [], key=lambda item: item.get("id", 0))
        found = [item["ipAddress"] for item in known if item.get("ipAddress")]
        self.addresses = found if len(found) == 2 else list(GOOGLE_ADDRESSES)
        for number, (address, unknown) in enumerate(zip(self.addresses, GOOGLE_ADDRESSES, strict=True)):
            self.report.words.update(dict.fromkeys((address, unknown), f"{self.name}/{number}"))
        self.report.unknown.update(dict.fromkeys((*GOOGLE_ADDRESSES, *PEER_ADDRESSES), UNKNOWN))

    def adopt(self) -> None:
        """Wait for operations that an earlier run began on any of these resources and did not see end."""
        project = f"projects/{self.google.project}"
        names = {slot.tunnel for slot in all_slots(self.name)}
        paths = {f"{self.google.where}/vpnTunnels/{name}" for name in names}
        paths |= {
            f"{self.google.where}/vpnGateways/{self.name}",
            self.google.where + "/routers/" + self.google.router_name,
        }
        paths |= {f"{project}/global/externalVpnGateways/{name}" for name in candidates(self.google.external_name)}
        for scope in (self.google.where, f"{project}/global"):
            under_way = self.client.list_all("compute", f"{scope}/operations", filter='status != "DONE"')
            for operation in under_way:
                target = "projects/" + str(operation.get("targetLink", "")).rpartition("/projects/")[2]
                if operation.get("status") != "DONE" and target in paths:
                    try:
                        self.client.finish("compute", operation, target)
                    except ApiError as error:
                        self.report.warnings.append(f"{error} It was begun by an earlier run, and is tried again.")

    def states(self, of: t.Sequence[Slot], connections: t.Sequence[Json] | None = None) -> dict[str, State]:
        """These slots as they are now; ``connections`` where AWS was asked just now."""
        if self.amazon and connections is None:
            connections = self.amazon.connections()
        return states(self.client, self.google.where, self.google.router_name, of, connections)

    # ---- what the options mean together

    @property
    def asn(self) -> int | None:
        asn = self.params["asn"] or dig(self.router_now, "bgp.asn")
        return int(asn) if asn else None

    @property
    def network(self) -> str:
        """The path of the router's network."""
        return network_path(dig(self.router_now, "network") or self.params["network"], self.google.project)

    @property
    def peer_asn(self) -> int | None:
        if not self.amazon:
            return t.cast("int | None", self.params["peer_asn"])
        gateway = self.aws.estate.gateway if self.aws else None
        return int(gateway["asn"] if gateway else (self.amazon.params["gateway"] or {}).get("asn") or DEFAULT_ASN)

    def slots(self) -> list[Slot]:
        """The slots with the peer's ends, as far as they are known."""
        if not self.amazon:
            return slots(self.name, [End(**item) for item in self.params["peer_interfaces"] or []])
        if not self.aws:
            return []
        inside = unknown_inside((self.router_now or {}).get("interfaces") or [])
        for text in inside:
            head, _dot, last = text.partition("/")[0].rpartition(".")
            self.report.unknown[text] = self.report.unknown[f"{head}.{int(last) + 1}"] = UNKNOWN
            self.report.unknown[f"{head}.{int(last) + 2}/30"] = UNKNOWN
        return slots(self.name, self.amazon.ends(self.aws, inside))

    def key(self, slot: Slot) -> str | None:
        if self.amazon and self.aws:
            return self.amazon.key(self.aws, slot.place, slot.number)
        keys: list[str] = self.params["pre_shared_keys"]
        at = [item.tunnel for item in self.slots()].index(slot.tunnel)
        return keys[at] if at < len(keys) else None

    def consent(self, slot: Slot | None = None) -> Consent:
        """What the caller allows, for one slot where one is given: its own name or the VPN's allows all of it."""
        if slot and self.confirmed in (self.name, slot.tunnel):
            return Consent(True, self.confirmed, frozenset({slot.tunnel}))
        return Consent(self.params["allow_disruption"], self.confirmed)

    def choose_external(self, of: t.Sequence[Slot]) -> dict[str, int]:
        """Choose the external gateway to use, and say which interface of it each address is."""
        wanted = list(dict.fromkeys(slot.end.ip_address for slot in of))
        chosen = choose(self.google.external_name, self.name, wanted, self.externals, self.users)
        if chosen is None:
            raise Refused(
                f"{self.label}: external_gateway: the peer's addresses have changed, and of the names for another "
                f"external gateway ({', '.join(candidates(self.google.external_name))}) none is free. Delete one that "
                "is not needed, or give another name.",
                code="holds-others",
            )
        self.external_name = chosen
        return numbered(wanted, self.externals.get(chosen))

    def external_consent(self) -> Consent:
        """An external gateway of a derived name that nobody uses is nobody's loss."""
        derived = {self.external_name} if self.external_name != self.google.external_name else set()
        if self.confirmed == self.name:
            derived.add(self.external_name)
        return dataclasses.replace(self.consent(), replaceable=frozenset(derived))

    def pieces(
        self, of: t.Sequence[Slot], numbers: t.Mapping[str, int], siblings: t.Sequence[GcpResource] = ()
    ) -> t.Iterator[Piece | PodreachError]:
        """Every slot with what is planned for it, or what is to be refused."""
        check = self.call.check_mode
        changes = {}
        if self.amazon and self.aws:
            self.aws.only = None
            changes = self.amazon.changes(self.aws, self.aws.plan(None, check_mode=True).steps)
            self.aws.only = frozenset()
        now = {item.tunnel: self.tunnels_now.get(item.tunnel) for item in of}
        for slot in of:
            current, change = now[slot.tunnel], changes.get((slot.place, slot.number))
            new_key = bool(change and "pre_shared_key" in change.fields)
            because = ""
            if new_key:
                because = KEY
            elif dig(current, "status") == "AUTHORIZATION_ERROR":
                because = "its key is not the peer's"
            elif self.confirmed == slot.tunnel:
                because = "confirm_replace names it"
            key = self.key(slot)
            if key is None and self.amazon and slot.end.ip_address in PEER_ADDRESSES:
                key = "not-known-before-it-is-made"
            try:
                if key is None and (because or current is None):
                    raise self.no_key(slot)
                tunnel = self.google.tunnel(
                    slot, self.external_name, numbers[slot.end.ip_address], key, because if current else ""
                )
                tunnel.siblings = siblings
                plan = tunnel.plan(current, check_mode=check)
                sessions = self.google.sessions([slot], self.peer_asn)
                sessions.siblings = [*siblings, tunnel]
                session_plan = sessions.plan(self.router_now, check_mode=check)
            except (Refused, InvalidInput) as error:
                yield error
                continue
            moves = self._moves(slot, current, plan, anew=bool(because))
            why = self._why(slot, tunnel, current, plan) or ((because,) if because else ())
            yield Piece(slot, tunnel, plan, sessions, session_plan, change, moves, why)

    def _moves(self, slot: Slot, current: Json | None, plan: Plan, *, anew: bool) -> bool:
        if anew or not current or not plan.steps:
            return False
        after, before = plan.after or {}, plan.before or {}
        fields = ("vpnGateway", "router")
        same = all(Link().same(before.get(field), after.get(field)) for field in fields)
        return (
            same
            and before.get("vpnGatewayInterface", 0) == after.get("vpnGatewayInterface", 0)
            and self.google.outside(current, self.externals) == slot.end.ip_address
        )

    def _why(self, slot: Slot, tunnel: Tunnel, current: Json | None, plan: Plan) -> tuple[str, ...]:
        """What of a tunnel that is replaced is to be another one, in few words."""
        if not current or not any(step.action == "replace" for step in plan.steps):
            return ()
        fields = [
            item.option
            for item in tunnel.fields
            if item.path != "description"
            and not item.kind.same(dig(plan.before, item.path), dig(plan.after, item.path))
        ]
        others = [field for field in fields if not field.startswith("peer_external_gateway")]
        peer = []
        if self.google.outside(current, self.externals) != slot.end.ip_address:
            peer = ["the peer has another address"]
        elif len(others) < len(fields):
            peer = [f"moves to external gateway {self.external_name}"]
        return (*peer, *(f"another {field}" for field in others))

    def only_one(self, slot: Slot) -> Refused:
        return Refused(
            f"{self.label}: tunnel {slot.tunnel} is to be made anew, and it is the only one whose session is up. "
            f"Mend the others first, or say {word('allow_disruption', 'true')}.",
            code="disruption-not-allowed",
            resource=self.label,
        )

    def no_key(self, slot: Slot) -> Refused:
        if self.amazon:
            problem = (
                "AWS does not show its key (it may be kept in Secrets Manager), and Google needs it. Give all four "
                "in pre_shared_keys."
            )
        else:
            problem = "it has no key: give one for each tunnel in pre_shared_keys."
        return Refused(f"{self.label}: tunnel {slot.tunnel}: {problem}", code="missing-key", resource=self.label)

    # ---- judging

    def judge(self) -> None:
        """Plan everything; refuse all that must be refused, at once. In check mode the report is the plan."""
        errors: list[PodreachError] = []
        if self.asn is None:
            errors.append(
                InvalidInput(
                    f"{self.label}: asn: router {self.google.router_name} does not exist, and to create it its AS "
                    "number is missing: give asn, a private one such as 65010",
                    resource=self.label,
                )
            )
        if self.amazon:
            self._read_aws(self.amazon, errors)
        router, gateway = self.google.router(), self.google.gateway()
        siblings: list[GcpResource] = [router, gateway]
        standing: list[PodreachError] = []
        self._consider(router, self.router_now, self.consent(), siblings, standing)
        self._consider(gateway, self.gateway_now, self.consent(), siblings, standing)
        changes = router.planned.after if router.planned and router.planned.steps else None
        self.router_then = {**(self.router_now or {}), **(changes or {})}
        errors += self._network_once(standing)
        self._judge_aws(errors)
        found: list[Piece] = []
        of = self.slots()
        # what stands on these two says nothing new where they cannot be made
        if of and (self.router_now or router.planned) and (self.gateway_now or gateway.planned):
            known = self.aws.estate.connections if self.aws else None
            self.before = self.states(of, known) if self.router_now else {}
            try:
                numbers = self.choose_external(of)
            except Refused as error:
                raise_all([*errors, error])
                raise
            external = self.google.external(self.external_name, numbers)
            siblings.append(external)
            now = self.externals.get(self.external_name)
            self._consider(external, now, self.external_consent(), siblings, errors, "its addresses")
            for piece in self.pieces(of, numbers, siblings):
                if isinstance(piece, PodreachError):
                    errors.append(piece)
                else:
                    found.append(piece)
                    siblings.append(piece.tunnel)
            self._judge_pieces(found, siblings, errors)
            self._judge_leftovers(found)
            self._judge_ranges(router, found)
        refusal = self.unallowed.refusal(self.label, self.name)
        self._allow([refusal] if refusal else [], errors)
        raise_all(errors)
        if not any(piece.anew for piece in found) and not any(
            step.action == "replace" for _label, step in self.report.rows
        ):
            self._note_confirmation()

    def _network_once(self, errors: t.Sequence[PodreachError]) -> list[PodreachError]:
        """What is wrong with router and gateway, with a network that is missing said once instead of by each."""
        network = network_path(self.params["network"] or "", self.google.project)
        planned = f": network {network} does not exist yet; counted as planned."
        warned = [text for text in self.report.warnings if text.endswith(planned)]
        if warned:
            self.report.warnings = [text for text in self.report.warnings if text not in warned]
            self.notes.append(self.label + planned)
        others = [error for error in errors if error.code != "missing-prerequisite"]
        if len(others) == len(errors):
            return others
        return [
            Refused(
                f"{self.label}: network {network} does not exist: create it first, or correct network.",
                code="missing-prerequisite",
                resource=self.label,
            ),
            *others,
        ]

    def _note_confirmation(self) -> None:
        """Say that the word to make something anew was given in vain."""
        if not self.confirmed:
            return
        keys = ""
        if self.confirmed == self.name and self.amazon:
            keys = " To give its tunnels new keys, also where AWS made those of now, give four in pre_shared_keys too."
        elif self.confirmed == self.name:
            keys = (
                " To give its tunnels new keys, give them in pre_shared_keys, and name one tunnel after the other in "
                "confirm_replace, as the peer gets them."
            )
        self.notes.append(f"{self.label}: confirm_replace: {self.confirmed}: nothing of it has to be made anew.{keys}")

    def _consider(
        self,
        resource: GcpResource,
        current: Json | None,
        consent: Consent,
        siblings: t.Sequence[GcpResource],
        errors: list[PodreachError],
        anew: str = "",
    ) -> None:
        """Plan one resource. ``anew`` says what is another one where it is replaced."""
        resource.siblings = siblings
        try:
            plan = resource.plan(current, check_mode=self.call.check_mode)
        except (Refused, InvalidInput) as error:
            errors.append(error)
            return
        missing = missing_consent(resource, plan, consent)
        if missing and anew:
            self.unallowed.add([resource.name], [anew], replaced=True)
        else:
            self._allow(missing, errors)
        self.report.planned(resource, plan)

    def _allow(self, missing: t.Sequence[Refused], errors: list[PodreachError]) -> None:
        if self.call.check_mode:
            self.report.warnings += [str(refusal) for refusal in missing]
        else:
            errors.extend(missing)

    def _read_aws(self, amazon: Amazon, errors: list[PodreachError]) -> None:
        """Read AWS's half; what Google's sessions may advertise depends on the kind of its gateway."""
        self.aws = None
        try:
            vpn = amazon.vpn(self.addresses, self.asn)
            vpn.foresees = True
            vpn.read()
        except (Refused, InvalidInput) as error:
            errors.append(error)
            return
        self.aws = vpn
        if vpn.estate.gateway and vpn.estate.gateway["kind"] == TRANSIT:
            self.google.prefix_limit = self.params["advertised_prefix_limit"] or TRANSIT_PREFIX_LIMIT

    def _judge_aws(self, errors: list[PodreachError]) -> None:
        vpn = self.aws
        if not self.amazon or not vpn or self.asn is None:
            return
        try:
            plan = vpn.plan(vpn.projection(vpn.estate), check_mode=True)
        except (Refused, InvalidInput) as error:
            self.aws = None
            errors.append(error)
            return
        changes = {id(step): place for place, step in self.amazon.changes(vpn, plan.steps).items()}
        by_place = {(slot.place, slot.number): slot for slot in all_slots(self.name)}
        for step in plan.steps:
            consent = self.consent(by_place[changes[id(step)]] if id(step) in changes else None)
            refusals = missing_consent(vpn, Plan(None, None, (step,)), consent)
            if not refusals:
                continue
            if id(step) in changes:
                fields = [field for field in step.fields if field != "pre_shared_key"]
                why = [f"{', '.join(fields)} at AWS"] if fields else []
                why += [KEY] if "pre_shared_key" in step.fields else []
                self.unallowed.add([by_place[changes[id(step)]].tunnel], why, replaced=False)
            elif step.action == "replace":
                self._add_connection(vpn, step)
            else:
                self._allow(refusals, errors)
        self.report.planned(vpn, plan)
        self._allow(self.new_routes.judge(vpn), errors)

    def _add_connection(self, vpn: AwsVpn, step: Step) -> None:
        """Note a connection of AWS's that may not be replaced, by the tunnels that lead to it."""
        identity = step.request.arguments["VpnConnectionId"]
        ends = [item["tunnels"] for item in vpn.estate.connections if item["id"] == identity]
        outside = [tunnel["outside_ip_address"] for tunnels in ends for tunnel in tunnels]
        names = [
            slot.tunnel
            for slot in all_slots(self.name)
            if self.google.outside(self.tunnels_now.get(slot.tunnel, {}), self.externals) in outside
        ]
        reason = step.summary.rpartition(" (")[2].rstrip(")")
        self.unallowed.add(names or [identity], [f"{identity} is replaced at AWS: {reason}"], replaced=True)

    def _judge_pieces(
        self, found: t.Sequence[Piece], siblings: t.Sequence[GcpResource], errors: list[PodreachError]
    ) -> None:
        for piece in found:
            consent = self.consent(piece.slot)
            if missing_consent(piece.tunnel, piece.plan, consent):
                self.unallowed.add([piece.slot.tunnel], piece.why, replaced=True)
            if not self.carries(piece.slot) or any(step.action == "replace" for step in piece.plan.steps):
                consent = dataclasses.replace(consent, allow_disruption=True)
            if missing_consent(piece.sessions, piece.session_plan, consent):
                self.unallowed.add([piece.slot.tunnel], ["its session"], replaced=False)
            others = [state for name, state in self.before.items() if name != piece.slot.tunnel and state.established]
            if piece.anew and self.carries(piece.slot) and not others and not self.params["allow_disruption"]:
                self._allow([self.only_one(piece.slot)], errors)
        plain = [piece for piece in found if not piece.anew]
        for piece in plain:
            self.report.planned(piece.tunnel, piece.plan)
        if plain:
            sessions = self.google.sessions([piece.slot for piece in plain], self.peer_asn)
            self._consider(sessions, self.router_now, Consent(True), siblings, errors)
        for piece in self.in_turn([piece for piece in found if piece.anew]):
            steps = list(piece.plan.steps)
            if self.carries(piece.slot):
                steps.insert(0, Step("update", switch_off(piece.slot), None, fields=("bgpPeers",)))
            self.report.planned(piece.tunnel, piece.plan, steps)
            if self.carries(piece.slot) or piece.session_plan.steps:
                step = Step("update", switch_on(piece.slot), None, fields=("bgpPeers",))
                self.report.planned(piece.sessions, piece.session_plan, [step])

    def _judge_leftovers(self, found: t.Sequence[Piece]) -> None:
        leaving = {piece.slot.tunnel for piece in found if piece.anew}
        for name in self.leftovers(leaving):
            external = self.google.external(name)
            step = Step("delete", f"delete {external.kind} {name}", None, Grade.DESTRUCTIVE)
            self.report.planned(external, Plan(external.projection(self.externals[name]), None), [step])

    def _judge_ranges(self, router: GcpResource, found: t.Sequence[Piece]) -> None:
        """Warn of what Google will advertise and the VPC's own routes hide. Where something is to be changed, the count
        of prefixes has read what there is to advertise; else the sessions' status says what is advertised now."""
        vpc = self.aws.estate.vpc if self.aws else None
        if not vpc:
            return
        read = [getattr(resource, "surroundings", None) for resource in (router, *(item.sessions for item in found))]
        known = next((item for item in read if item), None)
        ranges = {cidr for state in self.before.values() for cidr in state.sent}
        if known:
            then = {**(self.router_now or {}), **((router.planned and router.planned.after) or {})}
            then["region"] = self.google.where
            ranges = set()
            for piece in found:
                peers = (piece.session_plan.after or self.router_now or {}).get("bgpPeers") or []
                mine: Json = next((peer for peer in peers if peer["name"] == piece.slot.session), {})
                ranges |= advertised(known.network, known.subnetworks, then, {**mine, "enable": "TRUE"})
        pairs = shadows.overlaps(ranges, vpc["ranges"])
        if not pairs:
            return
        subnetworks = known.subnetworks if known else self.subnetworks()
        self.notes.append(f"{self.label}: {shadows.message(pairs, subnetworks, vpc['id'])}")

    def subnetworks(self) -> list[Json]:
        """Those of the router's network, as they are."""
        project = self.network.split("/")[1]
        listed = self.client.list_all("compute", f"projects/{project}/aggregated/subnetworks")
        return [item for item in listed if network_path(item.get("network"), project) == self.network]

    def leftovers(self, leaving: t.Collection[str] = ()) -> list[str]:
        """External gateways of this VPN that no tunnel needs any more, once these tunnels have left them."""
        found = []
        for name in candidates(self.google.external_name):
            gateway = self.externals.get(name)
            if not gateway or name == self.external_name or set(self.users.get(name, ())) - set(leaving):
                continue
            if belongs(gateway, self.name) or (
                name == self.google.external_name and MARKER in str(gateway.get("description") or "")
            ):
                found.append(name)
        return found

    def carries(self, slot: Slot) -> bool:
        return self.before.get(slot.tunnel, State()).up

    def in_turn(self, found: t.Sequence[Piece]) -> list[Piece]:
        """Those that carry nothing first: they make room for the others."""
        return sorted(found, key=lambda piece: self.carries(piece.slot))

    # ---- removal

    def removal(self) -> list[Resource]:
        """Everything that goes, in order."""
        router, every = self.google.router(), all_slots(self.name)
        going: list[GcpResource] = [self.google.sessions(every)]
        going += [self.google.tunnel(slot) for slot in every]
        names = [
            name
            for name in candidates(self.google.external_name)
            if name == self.google.external_name or belongs(self.externals.get(name, {}), self.name)
        ]
        going += [self.google.external(name) for name in names]
        going.append(self.google.gateway())
        if not self.params["keep_router"]:
            going.append(router)
        # what stands on something is judged with what goes before it in mind
        for resource in going:
            resource.siblings = going
        return [*going, *([self.amazon.vpn()] if self.amazon else [])]

    # ---- the surroundings

    def prerequisites(self) -> None:
        """Wait for the network as long as the caller allows: another job may be building it."""
        network, seconds = self.params["network"], self.params["prerequisite_timeout"]
        if not network or not seconds or self.call.check_mode or self.params["state"] == "absent":
            return
        path = network_path(network, self.google.project)

        def missing() -> list[str]:
            there = self.client.get("compute", path)
            return [] if there else [f"network {path} does not exist"]

        self.client.wait_until(missing, seconds, f"{self.label}: waits for what it needs")

    def converge(self, resources: t.Sequence[Resource], consent: Consent, summary: str | None = None) -> None:
        """Bring resources about, one part of the whole, and note what was done."""
        self.client.renew()
        if self.amazon:
            self.amazon.client.renew()
        self.report.done(converge(resources, consent, check_mode=False), summary)


def switch_off(slot: Slot) -> str:
    return f"switch session {slot.session} off while its tunnel is made anew"


def switch_on(slot: Slot) -> str:
    return f"bring session {slot.session} up again"
