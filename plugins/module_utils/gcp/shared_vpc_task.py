# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ``shared_vpc``: from a declaration to both sides' clients, and the result that a task shows."""

from __future__ import annotations

import typing as t

from ..arguments import Call, Definition
from ..engine import converge
from .auth import RESOURCE_MANAGER_SPEC
from .client import Client
from .other_credentials import other_client
from .shared_vpc import SERVICES, SPEC, SharedVpc
from .task import BASE_SPEC, consent, diff, rehearse, warn


def execute(call: Call) -> dict[str, t.Any]:
    client = Client.for_call(call, SERVICES)
    shared = SharedVpc(client, other_client(call, client, "service_auth", SERVICES), call)
    shared.prerequisites()
    (outcome,) = converge([shared], consent(call), check_mode=call.check_mode)
    warn(call, [outcome])
    then = outcome.plan.after if call.check_mode else None
    return {
        "changed": outcome.changed,
        **({"diff": diff(outcome)} if call.diff else {}),
        "plan": [step.as_result() for step in outcome.steps],
        "resource": then or shared.shown(outcome.observed or {}),
        "operation": outcome.operation,
    }


DEFINITION = Definition(
    name="shared_vpc",
    spec=BASE_SPEC.merge(RESOURCE_MANAGER_SPEC).merge(SPEC),
    execute=execute,
    rehearse=rehearse,
)
