# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests and the `lab` command may do to the lab, under /_lab/ on the same port.

GET  /_lab/status                  what runs and what exists
POST /_lab/reset                   empty every project and the AWS account
GET  /_lab/requests?since=N        the request log after sequence number N; &mutating=1 for mutating ones only
POST /_lab/faults                  InjectedFault's fields; DELETE removes all
POST /_lab/halt                    Halt's count, method, path: stand still there; GET says whether; DELETE: go on
POST /_lab/disturbances            {"kind": "tunnel|session|node|prefixes", its names, "end": false}; GET lists them
POST /_lab/routerStatus            {"router": "projects/p/regions/r/routers/n", "result": {...}}; null result: computed
POST /_lab/token                   {"account": "lab"} -> a token of that account
POST /_lab/latency                 {"profile": "zero|fast|realistic", "scale": 1.0, "pending": 0.0}
POST /_lab/recording               {"on": true}: the log keeps the bodies of requests too
POST /_lab/trace                   {"from", "to", "protocol", "port", ...}: the way of one packet and of its answer
POST /_lab/probes                  {"flows": [as for trace]}: what became of each, all sent at once
POST /_lab/settle                  wait until the packets follow what has happened
GET  /_lab/presets                 what can be built; POST {"name", its options}: build it
POST /_lab/nodes                   {"cluster", "pool", "name", "address", "pods", "os"}: a node exactly so
POST /_lab/masquerade              {"cluster", "agent"}: whether GKE deployed ip-masq-agent; null: the lab's own rule
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
import pathlib
import re
import typing as t
import urllib.parse

from . import disturbances, presets
from .compute import vpn_tunnels
from .container import placing
from .core import InjectedFault, Lab, Reply, encode
from .dataplane.capability import Unavailable
from .dataplane.questions import Questions
from .dataplane.reconcile import DataPlane
from .faults import ApiFault
from .halt import Halt
from .kubernetes.controllers import Controllers
from .wan import summary

Json = dict[str, t.Any]


@dataclasses.dataclass
class Around:
    """What the server has beside the lab."""

    directory: pathlib.Path
    plane: DataPlane
    controllers: dict[str, Controllers] = dataclasses.field(default_factory=dict)
    """By cluster path."""
    port: int = 0
    instance: str = ""

    def __post_init__(self) -> None:
        self.questions = Questions(self.plane)


class BadAdminRequest(Exception):
    """What was asked makes no sense; the text says why."""


async def answer(lab: Lab, http_method: str, target: str, raw: bytes, around: Around) -> Reply:
    """One request to the admin API."""
    path, _separator, query_text = target.partition("?")
    query = dict(urllib.parse.parse_qsl(query_text))
    try:
        body = json.loads(raw) if raw.strip() else {}
        if not isinstance(body, dict):
            raise BadAdminRequest("the body must be a JSON object")
        handler = ROUTES.get((http_method, path))
        if handler is None:
            known = ", ".join(sorted(f"{verb} {where}" for verb, where in ROUTES))
            return Reply(404, encode({"error": f"{http_method} {path} is not one of: {known}"}))
        result = handler(lab, query, body, around)
        return Reply(200, encode(await result if inspect.isawaitable(result) else result))
    except Unavailable as error:
        return Reply(503, encode({"error": f"There are no packets: {error}"}))
    except (BadAdminRequest, ValueError, TypeError) as error:
        return Reply(400, encode({"error": str(error)}))


def status(lab: Lab, query: Json, body: Json, around: Around) -> Json:
    clock = lab.state.clock
    return {
        "port": around.port,
        "instance": around.instance,
        "directory": str(around.directory),
        "packets": around.plane.status(),
        "pid": os.getpid(),
        "projects": [name for name in lab.state.projects if name != "podreach-forbidden"],
        "resources": lab.state.counts() | lab.aws.counts(),
        "operations_running": len(lab.operations.running()),
        "latency": {"profile": clock.profile, "scale": clock.scale},
        "check_responses": lab.check_responses,
        "requests": lab.sequence,
        "mutations": lab.mutations,
        "faults": len(lab.faults),
        "armed": [dataclasses.asdict(fault) for fault in lab.faults],
        "revision": lab.state.revision,
        "tunnels": summary.tunnels(lab.state),
        "sessions": summary.sessions(lab.state),
        "disturbances": disturbances.present(lab.state),
        "uptime": round(clock.monotonic() - lab.started, 1),
        "discovery": lab.discovery.revisions,
    }


def reset(lab: Lab, query: Json, body: Json, around: Around) -> Json:
    lab.reset()
    return {"reset": True, "seq": lab.sequence}


def requests(lab: Lab, query: Json, body: Json, around: Around) -> Json:
    since = int(query.get("since", 0))
    only = query.get("mutating") in ("1", "true")
    found = [item for item in lab.log if item["seq"] > since and (item["mutating"] or not only)]
    return {"seq": lab.sequence, "requests": found}


def add_fault(lab: Lab, query: Json, body: Json, around: Around) -> Json:
    fault = InjectedFault(**body)
    if fault.when not in ("before", "after", "operation"):
        raise BadAdminRequest(f"when must be before, after or operation, not {fault.when!r}")
    if not 400 <= fault.status <= 599:
        raise BadAdminRequest(f"status must be an HTTP error, not {fault.status!r}")
    if fault.count < 1:
        raise BadAdminRequest(f"count must be at least 1, not {fault.count!r}")
    check_pattern(fault.path)
    lab.faults.append(fault)
    return {"faults": len(lab.faults)}


def check_pattern(path: str) -> None:
    try:
        re.compile(path)
    except re.error as error:
        raise BadAdminRequest(f"path must be a regular expression; {path!r} is none: {error}") from None


def clear_faults(lab: Lab, query: Json, body: Json, around: Around) -> Json:
    lab.faults.clear()
    return {"faults": 0}


def set_halt(lab: Lab, query: Json, body: Json, around: Around) -> Json:
    halt = Halt(**body)
    if halt.count < 1:
        raise BadAdminRequest(f"count must be at least 1, not {halt.count!r}")
    check_pattern(halt.path)
    lab.halt = halt
    return show_halt(lab, query, body, around)


def show_halt(lab: Lab, query: Json, body: Json, around: Around) -> Json:
    return {"halt": lab.halt and dataclasses.asdict(lab.halt)}


def lift_halt(lab: Lab, query: Json, body: Json, around: Around) -> Json:
    lab.halt = None
    return {"halt": None}


def list_disturbances(lab: Lab, query: Json, body: Json, around: Around) -> Json:
    return {"disturbances": disturbances.present(lab.state)}


def disturb(lab: Lab, query: Json, body: Json, around: Around) -> Json:
    return {"said": disturbances.disturb(lab.state, body), "disturbances": disturbances.present(lab.state)}


def router_status(lab: Lab, query: Json, body: Json, around: Around) -> Json:
    router = lab.state.get(body.get("router", ""))
    if router is None or router.kind != "compute#router":
        raise BadAdminRequest(f"router must be the path of a router that exists, not {body.get('router')!r}")
    result = body.get("result")
    if result is None:
        router.hidden.pop("status", None)
        return {"router": router.path, "set": False}
    found = lab.discovery.find("compute", "GET", f"{router.path}/getRouterStatus")
    assert found is not None
    try:
        lab.discovery.response(found[0], {"kind": "compute#routerStatusResponse", "result": result})
    except ApiFault as fault:
        raise BadAdminRequest(f"result is not a RouterStatus: {fault.message}") from None
    router.hidden["status"] = result
    return {"router": router.path, "set": True}


def token(lab: Lab, query: Json, body: Json, around: Around) -> Json:
    account = lab.accounts.accounts.get(body.get("account", ""))
    if account is None:
        raise BadAdminRequest(f"account must be one of {', '.join(lab.accounts.accounts)}, not {body.get('account')!r}")
    return {"access_token": lab.accounts.issue(account.caller, float(body.get("seconds", 3600)))}


def latency(lab: Lab, query: Json, body: Json, around: Around) -> Json:
    clock = lab.state.clock
    clock.configure(
        body.get("profile", clock.profile),
        float(body.get("scale", clock.scale)),
        float(body.get("pending", clock.pending)),
    )
    return {"profile": clock.profile, "scale": clock.scale, "pending": clock.pending}


def recording(lab: Lab, query: Json, body: Json, around: Around) -> Json:
    lab.recording = bool(body.get("on", True))
    return {"on": lab.recording}


async def trace(lab: Lab, query: Json, body: Json, around: Around) -> Json:
    return await around.questions.trace(body)


async def probes(lab: Lab, query: Json, body: Json, around: Around) -> Json:
    flows = body.get("flows")
    if not isinstance(flows, list):
        raise BadAdminRequest("flows must be a list of flows")
    return await around.questions.probes(flows)


def place_node(lab: Lab, query: Json, body: Json, around: Around) -> Json:
    needed = {name: str(body.get(name, "")) for name in ("cluster", "pool", "name", "address", "pods")}
    node = placing.place_node(lab, *needed.values(), system=body.get("os", "linux"))
    return {"node": node.path}


def masquerade(lab: Lab, query: Json, body: Json, around: Around) -> Json:
    controllers = around.controllers.get(body.get("cluster", ""))
    if controllers is None:
        known = ", ".join(around.controllers) or "none runs"
        raise BadAdminRequest(f"cluster must be the path of one that runs ({known}), not {body.get('cluster')!r}")
    agent = body.get("agent")
    if agent not in (True, False, None):
        raise BadAdminRequest(f"agent must be true, false or null, not {agent!r}")
    controllers.set_agent(agent)
    return {"agent": agent}


def list_presets(lab: Lab, query: Json, body: Json, around: Around) -> Json:
    return {"presets": presets.SUMMARIES}


async def build_preset(lab: Lab, query: Json, body: Json, around: Around) -> Json:
    options = dict(body)
    try:
        built = await presets.build(lab, str(options.pop("name", "")), **options)
    except presets.PresetError as error:
        raise BadAdminRequest(str(error)) from None
    await vpn_tunnels.shaken_hands(lab.state)
    if around.plane.unavailable is None:
        await around.plane.settled()
    return built


async def settle(lab: Lab, query: Json, body: Json, around: Around) -> Json:
    return await around.questions.settle()


ROUTES: dict[tuple[str, str], t.Callable[[Lab, Json, Json, Around], Json | t.Awaitable[Json]]] = {
    ("GET", "/_lab/status"): status,
    ("POST", "/_lab/reset"): reset,
    ("GET", "/_lab/requests"): requests,
    ("POST", "/_lab/faults"): add_fault,
    ("DELETE", "/_lab/faults"): clear_faults,
    ("POST", "/_lab/halt"): set_halt,
    ("GET", "/_lab/halt"): show_halt,
    ("DELETE", "/_lab/halt"): lift_halt,
    ("GET", "/_lab/disturbances"): list_disturbances,
    ("POST", "/_lab/disturbances"): disturb,
    ("POST", "/_lab/routerStatus"): router_status,
    ("POST", "/_lab/token"): token,
    ("POST", "/_lab/latency"): latency,
    ("POST", "/_lab/recording"): recording,
    ("POST", "/_lab/trace"): trace,
    ("POST", "/_lab/probes"): probes,
    ("POST", "/_lab/settle"): settle,
    ("GET", "/_lab/presets"): list_presets,
    ("POST", "/_lab/presets"): build_preset,
    ("POST", "/_lab/nodes"): place_node,
    ("POST", "/_lab/masquerade"): masquerade,
}
