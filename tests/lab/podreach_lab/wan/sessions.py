# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps one BIRD a gateway speaking what its Speaker says, and the state knowing what they know.

`follow` is told of every change of what is to be said; what was really said comes back by `State.learn_bgp`, from
reading a BIRD whenever it logs something. A BIRD runs from a gateway's first tunnel on until the gateway is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import shutil
import sys
import typing as t

from ..dataplane.fabric import Fabric, FabricDied
from ..dataplane.worker import PATH
from ..state import State
from . import bird
from .daemon import BirdError, Daemon
from .model import LearnedRoute, Negotiated, Session, SessionState, Speaker, SpeakerState, Tunnel

Json = dict[str, t.Any]
PROGRAM = "bird"
MISSING = "The program bird is missing. Install it: apt install bird2"
GATHER = 0.003
"""Seconds that a reading waits for more to come: changes are many lines."""
RETRY = 1.0
"""Seconds until a BIRD that did not start or ended is started again."""


@dataclasses.dataclass
class Gateway:
    """What one gateway is to say, and the BIRD that says it. ups: session -> how often it had come up when it was
    read."""

    speaker: Speaker
    daemon: Daemon | None = None
    trouble: str = ""
    again: asyncio.TimerHandle | None = None
    reading: asyncio.Task[None] | None = None
    more: bool = False
    changing: asyncio.Lock = dataclasses.field(default_factory=asyncio.Lock)
    rate: float = 1.0
    """The lab's seconds for one of the real services, when its BIRD was started: another would restart its sessions."""
    told: object = None
    """What its sessions' states were last worked out from, besides what its BIRD logs."""
    ups: dict[str, int] = dataclasses.field(default_factory=dict)
    ended: dict[str, tuple[Session, str]] = dataclasses.field(default_factory=dict)
    """What BGP itself, in words of the protocol, ended a session with as it was configured then."""


class Bgp:
    """All BGP of the lab. Belongs to the event loop of the fabric that it is given."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.unavailable: str | None = None
        self._fabric: Fabric | None = None
        self._gateways: dict[str, Gateway] = {}
        self._tunnels: tuple[Tunnel, ...] = ()
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    # ---- following

    async def follow(self, fabric: Fabric, speakers: t.Mapping[str, Speaker], negotiated: Negotiated) -> None:
        """Let every BIRD say what its speaker says. Never fails: what does not work is told and tried again."""
        self._fabric = fabric
        self._tunnels = negotiated.tunnels
        self.unavailable = None if installed() else MISSING
        for key in self._gateways.keys() - speakers.keys():
            await self._forget(key)
        await asyncio.gather(*(self._follow_one(key, speaker) for key, speaker in speakers.items()))
        await self._let_in_again()
        self._tell()

    async def _let_in_again(self) -> None:
        """A session that was closed because its peer sent too much stays closed until the peer has less to send. AWS
        tries now and then; here it is known when that is of use."""
        for a, b in self._pairs():
            if not agree(a[1], b[1]):
                continue
            for key, session in (a, b):
                known = self.state.bgp.get(key, SpeakerState()).sessions.get(session.name, SessionState())
                daemon = self._gateways[key].daemon
                if bird.TOO_MANY in known.reason and daemon is not None:
                    with contextlib.suppress(BirdError):  # it is told where it is read
                        await daemon.ask(f"enable {bird.protocol(session.name)}")

    async def release(self, namespaces: t.Container[str]) -> None:
        """To be called before any but these namespaces go: no BIRD is to die with its own."""
        for key, gateway in self._gateways.items():
            if key not in namespaces:
                await self._silence(gateway)

    async def close(self) -> None:
        self._closed = True
        for key in list(self._gateways):
            await self._forget(key)
        self._tell()

    async def _forget(self, key: str) -> None:
        await self._silence(self._gateways.pop(key))
        self.state.learn_bgp(key, None)

    async def _silence(self, gateway: Gateway) -> None:
        self._settle(gateway)
        daemon, gateway.daemon = gateway.daemon, None
        if daemon is not None:
            await daemon.stop()

    @staticmethod
    def _settle(gateway: Gateway) -> None:
        """Nothing that was planned for its BIRD is to happen."""
        if gateway.again is not None:
            gateway.again.cancel()
            gateway.again = None
        if gateway.reading is not None:
            gateway.reading.cancel()
            gateway.reading = None

    async def _follow_one(self, key: str, speaker: Speaker) -> None:
        gateway = self._gateways.setdefault(key, Gateway(speaker))
        async with gateway.changing:
            gateway.speaker = speaker
            if self.unavailable is None:
                try:
                    await self._let_speak(gateway)
                except (BirdError, OSError, LookupError) as error:
                    self._stumble(gateway, str(error))
            now = (speaker, gateway.daemon, gateway.trouble, self.unavailable)
            if gateway.told != now:
                gateway.told = now
                await self._publish(gateway)

    async def _let_speak(self, gateway: Gateway) -> None:
        assert self._fabric is not None
        daemon = gateway.daemon
        if daemon is None:
            gateway.rate = self.state.clock.scaled(1.0)
        text = bird.configuration(gateway.speaker, gateway.rate)
        if daemon is not None and daemon.text != text:
            await daemon.configure(text)
        elif daemon is None and gateway.again is None and self._may_start(gateway):
            daemon = await Daemon.start(
                self._fabric,
                gateway.speaker.gateway,
                text,
                lambda: self._heard(gateway),
                lambda ended, why: self._ended(gateway, ended, why),
            )
            if self._gateways.get(gateway.speaker.gateway) is gateway:
                gateway.daemon, gateway.trouble = daemon, ""
            else:
                await daemon.stop()

    def _has_namespace(self, key: str) -> bool:
        return self._fabric is not None and key in self._fabric.held.namespaces

    def _may_start(self, gateway: Gateway) -> bool:
        there = self._has_namespace(gateway.speaker.gateway)
        return there and any(bird.can_try(session) for session in gateway.speaker.sessions)

    # ---- trouble

    def _ended(self, gateway: Gateway, daemon: Daemon, why: str) -> None:
        """A BIRD ended by itself."""
        if gateway.daemon is daemon:
            gateway.daemon = None
            self._settle(gateway)
            self._stumble(gateway, why)
            self._later(daemon.stop())
            self._learn(gateway, {}, ())

    def _stumble(self, gateway: Gateway, why: str) -> None:
        """Say it, and try again soon."""
        print(f"{gateway.speaker.gateway}: {why}", file=sys.stderr, flush=True)
        gateway.trouble = why
        if gateway.again is None and not self._closed:
            gateway.again = asyncio.get_running_loop().call_later(RETRY, self._try_again, gateway)

    def _try_again(self, gateway: Gateway) -> None:
        gateway.again = None
        if self._gateways.get(gateway.speaker.gateway) is gateway:
            self._later(self._follow_one(gateway.speaker.gateway, gateway.speaker))

    def _later(self, work: t.Coroutine[t.Any, t.Any, None]) -> None:
        """Do it beside all else; asyncio alone would forget the task."""

        async def run() -> None:
            try:
                await work
            except FabricDied:
                pass  # the data plane says so

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ---- reading

    def _heard(self, gateway: Gateway) -> None:
        """Its BIRD logged something: read it, once more if it is being read just now."""
        gateway.more = True
        if gateway.reading is None and not self._closed:
            gateway.reading = asyncio.get_running_loop().create_task(self._read(gateway))

    async def _read(self, gateway: Gateway) -> None:
        try:
            while gateway.more:
                await asyncio.sleep(GATHER)
                gateway.more = False
                await self._publish(gateway)
        finally:
            gateway.reading = None

    async def _publish(self, gateway: Gateway) -> None:
        """Let the state know what its BIRD knows."""
        daemon = gateway.daemon
        found: dict[str, bird.Protocol] = {}
        routes: list[LearnedRoute] = []
        said: dict[str, SessionState] = {}
        try:
            if daemon is not None:
                found = bird.protocols((await daemon.ask("show protocols all"))[1])
                for session in gateway.speaker.sessions:
                    name = bird.protocol(session.name)
                    if name in found and found[name].state == "Established":
                        came = bird.learned(session.name, (await daemon.ask(f"show route all protocol {name}"))[1])
                        went = await daemon.ask(f"show route table t_{name} export {name} all")
                        routes += came
                        said[session.name] = SessionState(learned=len(came), announced=bird.announced(went[1]))
        except BirdError as error:
            if gateway.daemon is daemon:
                gateway.trouble = str(error)
            found, routes = {}, []
        if gateway.daemon is daemon and self._gateways.get(gateway.speaker.gateway) is gateway:
            self._learn(gateway, found, tuple(routes), said)

    def _learn(
        self,
        gateway: Gateway,
        found: t.Mapping[str, bird.Protocol],
        routes: tuple[LearnedRoute, ...],
        said: t.Mapping[str, SessionState] | None = None,
    ) -> None:
        before = self.state.bgp.get(gateway.speaker.gateway, SpeakerState()).sessions
        states: dict[str, SessionState] = {}
        for session in gateway.speaker.sessions:
            protocol = found.get(bird.protocol(session.name)) if bird.can_try(session) else None
            reason = self._reason(gateway, session, protocol)
            now = dataclasses.replace(
                (said or {}).get(session.name, SessionState()), state=word(protocol, session, reason), reason=reason
            )
            then = before.get(session.name)
            # Down and up again between two readings is another session.
            same = then is not None and then.state == now.state
            if now.up and gateway.daemon is not None:
                ups = gateway.daemon.ups[bird.protocol(session.name)]
                same = same and gateway.ups.get(session.name) == ups
                gateway.ups[session.name] = ups
            since = then.since if then is not None and same else self.state.clock.monotonic()
            states[session.name] = dataclasses.replace(now, since=since)
        kept = tuple(sorted(routes, key=lambda item: (item.session, item.range)))
        self.state.learn_bgp(gateway.speaker.gateway, SpeakerState(states, kept))
        self._tell()

    def _reason(self, gateway: Gateway, session: Session, protocol: bird.Protocol | None) -> str:
        if not session.device:
            return "The tunnel is not up."
        if not session.local or not session.remote:
            return "It lacks an address."
        if not session.enabled:
            return "It is disabled."
        if protocol is None:
            return self.unavailable or gateway.trouble or "Its gateway has not started."
        return lasting(gateway, session, protocol)

    # ---- whether all is as it should be

    def waiting(self) -> list[str]:
        """Sessions that will be otherwise than they are: both ends' configurations say so. Empty when settled."""
        if self.unavailable or self._closed:
            return []
        return [text for a, b in self._pairs() for text in self._missing(a, b)]

    def _pairs(self) -> t.Iterator[tuple[tuple[str, Session], tuple[str, Session]]]:
        """Both ends' sessions, with their gateways, of every tunnel that is open."""
        ends = {
            (key, session.resource): session
            for key, gateway in self._gateways.items()
            for session in gateway.speaker.sessions
        }
        for tunnel in self._tunnels:
            keys = [(end.gateway, end.resource) for end in tunnel.ends]
            if not tunnel.silent and all(key in ends and self._has_namespace(key[0]) for key in keys):
                a, b = ((key[0], ends[key]) for key in keys)
                yield a, b

    def _missing(self, a: tuple[str, Session], b: tuple[str, Session]) -> t.Iterator[str]:
        agreed = agree(a[1], b[1])
        for (key, mine), (_other, theirs) in ((a, b), (b, a)):
            known = self.state.bgp.get(key, SpeakerState())
            now = known.sessions.get(mine.name, SessionState())
            if now.up != agreed:
                wanted = "to come up" if agreed else "to go down"
                yield f"{key}: session {mine.name} has {wanted} ({now.state}{': ' if now.reason else ''}{now.reason})"
            elif agreed:
                there = {(item.range, item.med, item.path) for item in known.routes if item.session == mine.name}
                if there != brought(theirs, mine):
                    yield f"{key}: session {mine.name} has yet to learn what its peer announces"

    async def changed(self) -> None:
        """Wait until anything is otherwise."""
        await self._changed.wait()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def status(self) -> Json:
        sessions = [session for known in self.state.bgp.values() for session in known.sessions.values()]
        return {
            "available": self.unavailable is None,
            "reason": self.unavailable,
            "speakers": sum(gateway.daemon is not None for gateway in self._gateways.values()),
            "sessions": len(sessions),
            "established": sum(session.up for session in sessions),
            "waiting": self.waiting(),
            "trouble": {key: gateway.trouble for key, gateway in self._gateways.items() if gateway.trouble},
        }


def installed() -> bool:
    return shutil.which(PROGRAM, path=PATH) is not None


def lasting(gateway: Gateway, session: Session, protocol: bird.Protocol) -> str:
    """Why a session is down: what the protocol ended it with says more than the attempts to connect that follow."""
    now = dataclasses.replace(session, announced=())
    if protocol.state == "Established":
        gateway.ended.pop(session.name, None)
        return ""
    if protocol.error.startswith(bird.BY_PROTOCOL):
        gateway.ended[session.name] = now, protocol.error
    then, why = gateway.ended.get(session.name, (None, ""))
    return why if then == now else protocol.error


def word(protocol: bird.Protocol | None, session: Session, reason: str) -> str:
    """The state to show. BIRD goes from attempt to attempt, through Idle, Active, Connect and more; what is told is
    Idle where the protocol has ended the session, and Connect where there is no connection."""
    if protocol is None or not session.enabled:
        return "Idle"
    if protocol.state == "Established":
        return "Established"
    return "Idle" if reason.startswith(bird.BY_PROTOCOL) else "Connect"


def agree(a: Session, b: Session) -> bool:
    """Whether two configurations make a session that stays up."""
    return (
        all(bird.can_try(item) and item.enabled for item in (a, b))
        and (a.local, a.remote) == (b.remote, b.local)
        and (a.local_asn, a.remote_asn) == (b.remote_asn, b.local_asn)
        and a.password == b.password
        and all(len(says.announced) <= hears.limit for says, hears in ((a, b), (b, a)))
    )


def brought(says: Session, hears: Session) -> set[tuple[str, int | None, tuple[int, ...]]]:
    """What arrives of what is announced: whoever finds its own number in a path drops the route."""
    found = {(item.range, item.med, (says.local_asn, *item.path)) for item in says.announced}
    return {item for item in found if hears.local_asn not in item[2]}
