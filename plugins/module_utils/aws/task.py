# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From AWS's resources to modules: their specs, and the results that tasks show."""

from __future__ import annotations

import functools
import typing as t

from ..arguments import ArgumentSpec, Call, Definition
from ..engine import converge
from ..gcp.task import consent, diff, warn
from . import pod_access, pod_access_info, session, vpn, vpn_info
from .client import Client
from .session import AUTH_SPEC, Session

STATE_SPEC = ArgumentSpec(
    options={
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "wait": {"type": "bool", "default": True},
        "timeout": {"type": "int", "default": 1200},
        "allow_disruption": {"type": "bool", "default": False},
    }
)


@functools.cache
def rehearse() -> None:
    """Load boto3 and EC2's model before the controller forks, so that no task has to."""
    if session.IMPORT_ERROR:
        return
    known = {"region": "us-east-1", "access_key": "none", "secret_key": "none", "endpoint_url": "http://localhost:9"}
    Session(known, set()).client("ec2")


def reveal(call: Call, result: dict[str, t.Any]) -> None:
    """Let the keys that were asked for, and nothing else, pass the censor."""
    if not call.params["include_pre_shared_keys"]:
        return
    vpns = result.get("vpns", [result])
    for connection in (item for one in vpns for item in one["connections"]):
        call.revealed.update(tunnel["pre_shared_key"] for tunnel in connection["tunnels"] if tunnel["pre_shared_key"])


def _vpn(call: Call) -> dict[str, t.Any]:
    resource = vpn.AwsVpn(Client.for_call(call), call)
    outcome = converge([resource], consent(call), check_mode=call.check_mode)[0]
    warn(call, [outcome])
    result = {
        "changed": outcome.changed,
        **({"diff": diff(outcome)} if call.diff else {}),
        "plan": [step.as_result() for step in outcome.steps],
        **resource.result(predicted=call.check_mode and outcome.changed, planned=outcome.plan.after),
        "operation": outcome.operation,
    }
    reveal(call, result)
    return result


def _vpn_info(call: Call) -> dict[str, t.Any]:
    result = {"changed": False, **vpn_info.gather(Client.for_call(call), call)}
    reveal(call, result)
    return result


def _pod_access(call: Call) -> dict[str, t.Any]:
    resource = pod_access.PodAccess(Client.for_call(call), call)
    outcome = converge([resource], consent(call), check_mode=call.check_mode)[0]
    warn(call, [outcome])
    return {
        "changed": outcome.changed,
        **({"diff": diff(outcome)} if call.diff else {}),
        "plan": [step.as_result() for step in outcome.steps],
        **resource.result(predicted=call.check_mode and outcome.changed, planned=outcome.plan.after),
    }


def _pod_access_info(call: Call) -> dict[str, t.Any]:
    return {"changed": False, **pod_access_info.gather(Client.for_call(call), call)}


VPN = Definition(
    "aws_vpn",
    AUTH_SPEC.merge(STATE_SPEC).merge(vpn.SPEC).merge(ArgumentSpec({"confirm_replace": {"type": "str"}})),
    _vpn,
    rehearse=rehearse,
    reveals="include_pre_shared_keys",
)
VPN_INFO = Definition(
    "aws_vpn_info",
    AUTH_SPEC.merge(vpn_info.SPEC),
    _vpn_info,
    rehearse=rehearse,
    reveals="include_pre_shared_keys",
)
POD_ACCESS = Definition(
    "aws_pod_access",
    AUTH_SPEC.merge(STATE_SPEC.without("wait"))
    .merge(ArgumentSpec({"timeout": {"type": "int", "default": 120}}))
    .merge(pod_access.SPEC),
    _pod_access,
    rehearse=rehearse,
)
POD_ACCESS_INFO = Definition(
    "aws_pod_access_info", AUTH_SPEC.merge(pod_access_info.SPEC), _pod_access_info, rehearse=rehearse
)
