# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing an HA VPN about, and one tunnel at a time where tunnels that are there have to be made anew.

A tunnel's session is switched off first, so that both sides take another way at once instead of after BGP's hold time;
then the tunnel is made anew, the session switched on, and the next one's turn comes only when both ends say that it is
up and as many prefixes are learned and advertised as before. Where AWS replaces a connection, its addresses are other
ones afterwards: Google's tunnels move to an external gateway with these, and only then AWS's other connection follows.
"""

from __future__ import annotations

import contextlib
import typing as t

from ..bgp import SESSION_DOWN
from ..engine import Consent, Grade
from ..errors import ApiError, PodreachError, Refused, Timeout, raise_all
from .amazon import Amazon
from .anew import word
from .slots import GOOGLE_ADDRESSES, PEER_ADDRESSES, Slot
from .states import State
from .vpn import MAX_ROUNDS, HaVpn, Piece, switch_off, switch_on

#: Seconds in which a tunnel that was made anew has to come up, where wait_established does not say it.
SETTLING = 600


class Making:
    """state: present, once everything was judged."""

    def __init__(self, vpn: HaVpn) -> None:
        self.vpn = vpn
        self.google = vpn.google
        self.amazon = vpn.amazon
        #: slots that were made anew in this run
        self.anew: set[str] = set()

    def begin(self) -> None:
        """Start what needs no waiting and cuts nothing."""
        vpn = self.vpn
        self._google_gateway()
        if not self.amazon:
            return
        aws = self.amazon.vpn(vpn.addresses, vpn.asn)
        plan = aws.plan(aws.read(), check_mode=False)
        if all(step.grade is Grade.SAFE for step in plan.steps):
            vpn.converge([aws], Consent())
        vpn.aws = aws

    def make(self) -> None:
        """All of it, in rounds: AWS's half as far as it may go, Google's half after it."""
        self._google_gateway()
        for _round in range(MAX_ROUNDS):
            steps = len(self.vpn.report.rows)
            postponed = self._amazon()
            self._follow(postponed)
            if not postponed:
                return self._tidy()
            if len(self.vpn.report.rows) == steps:
                raise Refused(
                    f"{self.vpn.label}: AWS's other connection is to be replaced too, but the tunnels of the first "
                    "one are not up at AWS's end. Nothing further was changed. See what both clouds say of them, and "
                    "run again; allow_disruption: true goes on all the same.",
                    code="tunnel-down",
                )
        raise ApiError(
            f"{self.vpn.label}: after {MAX_ROUNDS} rounds AWS's connections are still to be replaced. Something else "
            "keeps changing them: find out what, and stop one of the two.",
            code="not-in-force",
        )

    def _tidy(self) -> None:
        """Delete the external gateways that tunnels have left."""
        self.vpn.look()
        for name in self.vpn.leftovers():
            self.vpn.converge([self.google.external(name)], Consent())

    def _google_gateway(self) -> None:
        vpn = self.vpn
        gateway = self.google.gateway()
        vpn.converge([self.google.router(), gateway], vpn.consent())
        vpn.look()
        if not (vpn.gateway_now or {}).get("vpnInterfaces"):
            gateway.adopt()
            vpn.look()
        if GOOGLE_ADDRESSES[0] in vpn.addresses:
            raise ApiError(f"{gateway.label}: Google has not said its addresses", code="bad-answer")

    # -- AWS

    def _amazon(self) -> set[int]:
        """Bring AWS's half about, apart from tunnels that are there, one replaced connection at most. Returns the
        interfaces of Google's gateway whose connections have still to be replaced."""
        vpn = self.vpn
        if not self.amazon:
            return set()
        aws = self.amazon.vpn(vpn.addresses, vpn.asn)
        aws.only = frozenset()
        plan = aws.plan(aws.read(), check_mode=False)
        vpn.aws = aws
        going = {step.request.arguments["VpnConnectionId"] for step in plan.steps if step.action == "replace"}
        outside = {
            tunnel["outside_ip_address"]
            for item in aws.estate.connections
            if item["id"] in going
            for tunnel in item["tunnels"]
        }
        leaving = [
            slot
            for slot in vpn.slots()
            if self.google.outside(vpn.tunnels_now.get(slot.tunnel, {}), vpn.externals) in outside
        ]
        carrying: list[Slot] = []
        if leaving and vpn.confirmed == vpn.name:
            now = vpn.states(vpn.slots())
            staying = [slot for slot in vpn.slots() if slot not in leaving and now[slot.tunnel].established]
            carrying = [slot for slot in leaving if now[slot.tunnel].up]
            carrying = carrying if staying else []
        warned = len(vpn.report.warnings)
        with self._switched_off(carrying):
            vpn.converge([aws], vpn.consent())
        if aws.postponed:
            # it says to run again, and that is what the next round does
            del vpn.report.warnings[warned:]
        for slot in vpn.slots():
            if slot.end.ip_address in PEER_ADDRESSES:
                raise ApiError(
                    f"{vpn.label}: AWS has not said the outside addresses of the connection to "
                    f"{vpn.addresses[slot.place]}: run again, or look at it in AWS's console.",
                    code="bad-answer",
                )
        return {vpn.addresses.index(address) for address in self.amazon.postponed(aws) if address in vpn.addresses}

    # -- Google after it

    def _follow(self, postponed: t.Collection[int]) -> None:
        vpn = self.vpn
        vpn.look()
        of = vpn.slots()
        numbers = vpn.choose_external(of)
        vpn.converge([self.google.external(vpn.external_name, numbers)], vpn.external_consent())
        vpn.look()
        errors: list[PodreachError] = []
        found: list[Piece] = []
        for piece in vpn.pieces([slot for slot in of if slot.place not in postponed], numbers):
            if isinstance(piece, PodreachError):
                errors.append(piece)
            elif not (piece.moves and postponed):
                # what only moves to another external gateway does so once, when nothing else is to come
                found.append(piece)
        raise_all(errors)
        plain = [piece for piece in found if not piece.anew]
        turns = [piece for piece in found if piece.anew and piece.slot.tunnel not in self._done(piece)]
        if plain:
            vpn.converge([piece.tunnel for piece in plain], Consent())
            sessions = self.google.sessions([piece.slot for piece in plain], vpn.peer_asn)
            vpn.converge([sessions], Consent(True))
        if not turns:
            return
        states = vpn.states(of)
        for piece in plain:
            if any(step.action == "create" for step in piece.plan.steps):
                self._await(piece.slot, State())
        for piece in sorted(turns, key=lambda piece: states[piece.slot.tunnel].up):
            self._make_anew(piece, of, numbers)

    def _done(self, piece: Piece) -> set[str]:
        """A tunnel that is made anew only because it was named is made anew once."""
        only_named = self.vpn.confirmed == piece.slot.tunnel and not piece.change
        return self.anew if only_named else set()

    def _make_anew(self, piece: Piece, of: t.Sequence[Slot], numbers: t.Mapping[str, int]) -> None:
        vpn, slot = self.vpn, piece.slot
        states = vpn.states(of)
        state = states[slot.tunnel]
        others = [states[item.tunnel] for item in of if item != slot and states[item.tunnel].established]
        if state.up and not others and not vpn.params["allow_disruption"]:
            raise vpn.only_one(slot)
        before = vpn.before.get(slot.tunnel, State())
        if not before.up:
            # as the others do
            before = min(others, key=lambda item: item.learned + item.advertised, default=State())
        tunnel = piece.tunnel
        with self._switched_off([slot] if state.up else []):
            if self.amazon and piece.change:
                slot, tunnel = self._change_at_amazon(self.amazon, piece, numbers)
            vpn.converge([tunnel], vpn.consent(slot))
        sessions = self.google.sessions([slot], vpn.peer_asn)
        vpn.converge([sessions], Consent(True), switch_on(slot))
        self.anew.add(slot.tunnel)
        if any(item.up for item in vpn.before.values()):
            # where nothing carried any traffic, there is none to be spared
            self._await(slot, before)

    def _change_at_amazon(self, amazon: Amazon, piece: Piece, numbers: t.Mapping[str, int]) -> tuple[Slot, t.Any]:
        """The options of one tunnel that is there; the slot and Google's tunnel as they shall be then."""
        vpn, slot = self.vpn, piece.slot
        aws = amazon.vpn(vpn.addresses, vpn.asn)
        aws.only = frozenset({(vpn.addresses[slot.place], slot.number)})
        vpn.converge([aws], vpn.consent(slot))
        aws.read()
        vpn.aws = aws
        slot = next((item for item in vpn.slots() if item.tunnel == slot.tunnel), slot)
        key = vpn.key(slot)
        number = numbers.get(slot.end.ip_address)
        if number is None or key is None:
            return slot, piece.tunnel
        replaced = any(step.action == "replace" for step in piece.plan.steps)
        because = piece.tunnel.because if replaced else ""
        return slot, self.google.tunnel(slot, vpn.external_name, number, key, because)

    @contextlib.contextmanager
    def _switched_off(self, slots: t.Sequence[Slot]) -> t.Iterator[None]:
        """Sessions are off meanwhile, and on again at once if what was to be done fails; else whoever brings them up
        with their new addresses switches them on."""
        try:
            if slots:
                self._switch_off(slots)
            yield
        except Exception:
            if slots:
                with contextlib.suppress(PodreachError):
                    self.vpn.converge([self.google.switched(slots, on=True)], Consent(True))
            raise

    def _switch_off(self, slots: t.Sequence[Slot]) -> None:
        """Let both sides take another way, before this one goes."""
        vpn = self.vpn
        for slot in slots:
            vpn.converge([self.google.switched([slot], on=False)], Consent(True), switch_off(slot))

        def up() -> list[str]:
            now = vpn.states(slots)
            return [f"session {slot.session} is still up" for slot in slots if now[slot.tunnel].up]

        left = vpn.client.wait_until(up, SETTLING, f"{vpn.label}: switching sessions off")
        if left:
            raise Timeout(f"{vpn.label}: {'; '.join(left)} after {SETTLING} s.", code="session-up")

    def _await(self, slot: Slot, before: State) -> None:
        vpn = self.vpn
        seconds = vpn.params["wait_established"] or SETTLING

        def missing() -> list[str]:
            now = vpn.states([slot])[slot.tunnel]
            return now.problems(slot, learned=before.learned, advertised=before.advertised, both=True)

        left = vpn.client.wait_until(missing, seconds, f"{vpn.label}: waits for {slot.tunnel}")
        if left:
            raise Timeout(
                f"{vpn.label}: {slot.tunnel} was made anew, and after {seconds} s it is not as before: "
                f"{'; '.join(left)} Nothing further was changed. Run again when it is mended.",
                code=SESSION_DOWN,
                resource=vpn.label,
            )

    # -- the end

    def await_all(self) -> None:
        """Wait for all sessions, if that is asked for. Where nothing was changed and one of them is up, others that
        are down are said, and not waited for: a tunnel under maintenance must not stop whatever comes after the VPN."""
        vpn = self.vpn
        seconds, of = vpn.params["wait_established"], vpn.slots()

        def missing() -> list[str]:
            now = vpn.states(of)
            return [problem for slot in of for problem in now[slot.tunnel].problems(slot)]

        known = [(slot, vpn.before.get(slot.tunnel, State())) for slot in of]
        down = [problem for slot, state in known for problem in state.problems(slot)]
        if not seconds or (not vpn.report.changed and not down):
            return
        if not vpn.report.changed and any(state.established for _slot, state in known):
            vpn.notes.append(
                f"{vpn.label}: not every session is up, and the others carry the traffic: {sentence(down)} Nothing had "
                "to be changed, so this run did not wait for them."
            )
            return
        left = vpn.client.wait_until(missing, seconds, f"{vpn.label}: waits for its sessions")
        if left:
            raise Timeout(
                f"{vpn.label}: not every session is up after {seconds} s (wait_established): {sentence(left)} "
                f"{word('wait_established', '0')} goes on without waiting.",
                code=SESSION_DOWN,
                resource=vpn.label,
            )


def sentence(problems: t.Sequence[str]) -> str:
    """Several problems as one sentence."""
    return "; ".join(problem.rstrip(".") for problem in problems) + "."
