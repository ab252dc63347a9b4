# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ``network_peering``: from a declaration to both sides' clients, and the result that a task shows."""

from __future__ import annotations

import typing as t

from ..arguments import Call, Definition
from ..engine import converge
from .client import Client
from .fields import Json
from .other_credentials import other_client
from .peerings import SPEC, Peering, inactive
from .task import BASE_SPEC, consent, diff, rehearse, warn


def execute(call: Call) -> dict[str, t.Any]:
    client = Client.for_call(call)
    peering = Peering(client, other_client(call, client, "peer_auth"), call)
    peering.prerequisites()
    (outcome,) = converge([peering], consent(call), check_mode=call.check_mode)
    warn(call, [outcome])
    present = call.params["state"] == "present"
    observed = outcome.observed
    if present and not call.check_mode and not outcome.operation:
        try:
            observed = peering.until_active(observed, wait=call.params["wait"])
        except Exception as error:
            error.changed = outcome.changed  # type: ignore[attr-defined]  # as the engine has it
            raise
    mine, theirs = peering.entries(observed)
    if call.check_mode and outcome.changed:
        mine, theirs = _then(peering, mine, theirs, present=present)
    return {
        "changed": outcome.changed,
        **({"diff": diff(outcome)} if call.diff else {}),
        "plan": [step.as_result() for step in outcome.steps],
        "resource": mine,
        "peer_resource": theirs,
        "active": not inactive(mine),
        "state_details": (mine or {}).get("stateDetails"),
        "new_routes": [item.as_result() for item in peering.coming or []],
        "operation": outcome.operation,
    }


DEFINITION = Definition(name="network_peering", spec=BASE_SPEC.merge(SPEC), execute=execute, rehearse=rehearse)


def _then(peering: Peering, mine: Json | None, theirs: Json | None, *, present: bool) -> tuple[Json | None, ...]:
    """Both sides as they would be. What is removed is what leads to the peer network."""
    entries = list(zip(peering.sides, (mine, theirs), strict=True))
    if present:
        return tuple(entry if side.params is None else side.wanted(entry) for side, entry in entries)
    return tuple(
        entry if side.params is None or (entry is not None and not side.is_peer(entry)) else None
        for side, entry in entries
    )
