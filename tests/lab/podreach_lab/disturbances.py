# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong in the world while the APIs go on: a tunnel is cut, a session stopped, a node dies, a router
announces more than its peers accept.

Each is a hidden fact of one resource, which whatever it concerns reads: `cut` (and `silent`, until the dead peer is
noticed) of a VPN tunnel, `stopped` and `prefixes` of a router, `dead` of an instance. They go with the resource, so
that a reset ends them all. Of EC2's instances the state itself knows which are dead.
"""

from __future__ import annotations

import typing as t

from .state import Resource, State
from .wan.tunnels import met, negotiate

Json = dict[str, t.Any]
TUNNEL, ROUTER, INSTANCE = "compute#vpnTunnel", "compute#router", "compute#instance"
MOST_PREFIXES = 5000


class NoSuchThing(ValueError):
    """Nothing or more than one thing has that name; the text lists what there is."""


# ---- finding what a name means


def named(state: State, kind: str, name: str, what: str) -> Resource:
    """The one resource with a name or relative path."""
    found = [item for item in state.of_kind(kind) if name in (item.name, item.path)]
    if len(found) == 1:
        return found[0]
    if found:
        raise NoSuchThing(f"{name!r} is the name of several: {', '.join(item.path for item in found)}. Give a path.")
    raise NoSuchThing(f"There is no {what} {name!r}; {there_are(item.name for item in state.of_kind(kind))}.")


def there_are(names: t.Iterable[str]) -> str:
    text = ", ".join(sorted(names))
    return f"there are {text}" if text else "there is none"


def tunnel_of(state: State, name: str) -> Resource:
    """The tunnel at Google that a name means: its own, or that of AWS's end (vpn-0a1b/0)."""
    pairs = met(state)
    if name in pairs or name in negotiate(state).states:
        found = state.get(name) or state.get(pairs.get(name, ""))
        if found is None:
            raise NoSuchThing(f"No tunnel at Google leads to {name}: there is nothing to cut.")
        return found
    try:
        return named(state, TUNNEL, name, "VPN tunnel")
    except NoSuchThing as error:
        others = [item for item in negotiate(state).states if not item.startswith("projects/")]
        more = f" At AWS {there_are(others)}." if others else ""
        raise NoSuchThing(f"{error}{more}") from None


# ---- disturbing


def tunnel(state: State, body: Json, end: bool) -> str:
    """What is sent into it is lost; both ends notice when their dead peer detection does."""
    found = tunnel_of(state, text(body, "name"))
    other = state.get(met(state).get(found.path, ""))
    cut = bool(found.hidden.get("cut"))
    if end:
        for item in (found, other):
            if item is not None:
                item.hidden.pop("cut", None)
                item.hidden.pop("silent", None)
        state.changed_phase(found)
        return f"The tunnel {found.name} {told(cut, end, 'cut', 'is whole')}."
    if not cut:
        up = any(found.path in (one.resource for one in item.ends) for item in negotiate(state).tunnels)
        found.hidden["cut"] = True
        seconds = state.clock.seconds("vpn.deadPeer", "compute")
        if up and seconds > 0:
            fall_silent(state, found, seconds)
        state.changed_phase(found)
    return f"The tunnel {found.name} {told(cut, end, 'cut', 'is whole')}."


def fall_silent(state: State, found: Resource, seconds: float) -> None:
    """Until both ends notice."""
    mark = found.hidden["silent"] = object()

    def noticed() -> None:
        if found.hidden.get("silent") is mark:
            del found.hidden["silent"]
            if state.get(found.path) is found:
                state.changed_phase(found)

    state.clock.after(seconds, noticed)


def session(state: State, body: Json, end: bool) -> str:
    """The other side of a BGP session is switched off."""
    router = named(state, ROUTER, text(body, "router"), "router")
    name = text(body, "peer")
    peers = [peer["name"] for peer in router.body.get("bgpPeers", [])]
    if name not in peers:
        raise NoSuchThing(f"The router {router.name} has no BGP peer {name!r}; {there_are(peers)}.")
    before = router.hidden.get("stopped", [])
    stopped = [item for item in before if item != name]
    set_hidden(state, router, "stopped", stopped if end else [*stopped, name])
    return f"The session {name} of {router.name} {told(name in before, end, 'stopped', 'may run')}."


def node(state: State, body: Json, end: bool) -> str:
    """An instance neither sends nor answers any more, while the API says RUNNING."""
    name = text(body, "name")
    at_aws = [item for item in state.aws.instances if name in (item.id, item.name)]
    here = [item.path for item in state.of_kind(INSTANCE) if name in (item.name, item.path)]
    if at_aws and len(at_aws) + len(here) > 1:
        several = ", ".join([*here, *(item.id for item in at_aws)])
        raise NoSuchThing(f"{name!r} is the name of several: {several}. Give a path or an id.")
    if at_aws:
        before = at_aws[0].id in state.dead
        state.silence(at_aws[0].id, not end)
        return f"{name} {told(before, end, 'dead', 'lives')}."
    try:
        found = named(state, INSTANCE, name, "instance or node")
    except NoSuchThing as error:
        others = [item.name or item.id for item in state.aws.instances]
        raise NoSuchThing(f"{error} At AWS {there_are(others)}." if others else str(error)) from None
    before = bool(found.hidden.get("dead"))
    set_hidden(state, found, "dead", not end)
    return f"{found.name} {told(before, end, 'dead', 'lives')}."


def prefixes(state: State, body: Json, end: bool) -> str:
    """Every session of a router announces so many prefixes in all."""
    router = named(state, ROUTER, text(body, "router"), "router")
    count = body.get("count", 101)
    if not isinstance(count, int) or not 1 <= count <= MOST_PREFIXES:
        raise ValueError(f"count must be between 1 and {MOST_PREFIXES}, not {count!r}")
    before = router.hidden.get("prefixes", 0)
    after = 0 if end else count
    set_hidden(state, router, "prefixes", after)
    already = " already" if before == after else ""
    return f"The router {router.name} announces {'what it should' if end else f'{count} prefixes'}{already}."


def told(before: bool, end: bool, disturbed: str, whole: str) -> str:
    """What holds now, or that nothing changed."""
    if end:
        return whole if before else f"was not {disturbed}"
    return f"is {disturbed}{' already' if before else ''}"


def set_hidden(state: State, resource: Resource, key: str, value: t.Any) -> None:
    """Nothing false is kept."""
    if value:
        resource.hidden[key] = value
    else:
        resource.hidden.pop(key, None)
    state.changed_phase(resource)


def text(body: Json, key: str) -> str:
    found = body.get(key)
    if not isinstance(found, str) or not found:
        raise ValueError(f"{key} must be the name of something, not {found!r}")
    return found


KINDS: dict[str, t.Callable[[State, Json, bool], str]] = {
    "tunnel": tunnel,
    "session": session,
    "node": node,
    "prefixes": prefixes,
}


def disturb(state: State, body: Json) -> str:
    """Begin or (end: true) end one disturbance; a sentence about what holds now. Raises ValueError."""
    kind = KINDS.get(body.get("kind", ""))
    if kind is None:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {body.get('kind')!r}")
    return kind(state, body, bool(body.get("end")))


def present(state: State) -> list[Json]:
    """All disturbances that last, in the form in which they are asked for."""
    found: list[Json] = []
    for item in state.of_kind(TUNNEL):
        if item.hidden.get("cut"):
            found.append({"kind": "tunnel", "name": item.path})
    for item in state.of_kind(ROUTER):
        found += [{"kind": "session", "router": item.path, "peer": peer} for peer in item.hidden.get("stopped", [])]
        if item.hidden.get("prefixes"):
            found.append({"kind": "prefixes", "router": item.path, "count": item.hidden["prefixes"]})
    for item in state.of_kind(INSTANCE):
        if item.hidden.get("dead"):
            found.append({"kind": "node", "name": item.path})
    found += [{"kind": "node", "name": item.name or item.id} for item in state.aws.instances if item.id in state.dead]
    return found
