# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a resource class to a module: its spec, and the result that a task shows."""

from __future__ import annotations

import functools
import typing as t

from ..arguments import ArgumentSpec, Call, Definition
from ..engine import Consent, Outcome, converge
from ..errors import PodreachError, Timeout, raise_all
from . import auth, endpoints
from .auth import AUTH_SPEC
from .client import Client
from .fields import Json
from .resource import COMMON_SPEC, GcpResource
from .transport import rehearsal

BASE_SPEC = AUTH_SPEC.merge(COMMON_SPEC)


def definition(resource: type[GcpResource], spec: ArgumentSpec) -> Definition:
    """The module of one resource class. ``spec`` holds the options of its own."""

    def execute(call: Call) -> dict[str, t.Any]:
        client = Client.for_call(call)
        outcomes = converge([resource(client, call, call.params)], consent(call), check_mode=call.check_mode)
        warn(call, outcomes)
        afterwards(call, outcomes)
        outcome = outcomes[0]
        return {
            "changed": outcome.changed,
            **({"diff": diff(outcome)} if call.diff else {}),
            "plan": [step.as_result() for step in outcome.steps],
            "resource": public(state(outcome, call)),
            "operation": outcome.operation,
        }

    return Definition(name=resource.kind, spec=BASE_SPEC.merge(spec), execute=execute, rehearse=rehearse)


@functools.cache
def rehearse() -> None:
    """Do before the controller forks what every task does, some times over, so that no fork is the first to do it."""
    if auth.IMPORT_ERROR:
        return
    urls = dict.fromkeys(endpoints.SERVICES, "http://localhost/")
    transport = rehearsal()
    for _round in range(10):
        endpoints.resolve(auth.settle({"compute_endpoint": urls["compute"]}))
        Client(transport, urls, project="none", timeout=1).get("compute", "projects/none/global/networks/none")
    transport.session.http.close()


def consent(call: Call) -> Consent:
    return Consent(call.params["allow_disruption"], call.params.get("confirm_replace"))


def warn(call: Call, outcomes: t.Sequence[Outcome]) -> None:
    for outcome in outcomes:
        for warning in outcome.plan.warnings:
            call.warn(warning)


def afterwards(call: Call, outcomes: t.Sequence[Outcome]) -> None:
    """Once everything is done, wait for what comes about by itself; all that does not is reported together."""
    errors: list[PodreachError] = []
    for outcome in outcomes:
        if not call.check_mode and not outcome.operation and isinstance(outcome.resource, GcpResource):
            try:
                outcome.observed = outcome.resource.afterwards(outcome.observed)
            except Timeout as error:
                errors.append(error)
    try:
        raise_all(errors)
    except PodreachError as error:
        error.changed = any(outcome.changed for outcome in outcomes)
        raise


def state(outcome: Outcome, call: Call) -> Json | None:
    """The object to show: as the API has it; in check mode as it would be."""
    if call.check_mode and outcome.changed:
        return outcome.plan.after
    return outcome.observed


def diff(outcome: Outcome) -> dict[str, t.Any]:
    """Before and after, of the fields that the resource manages; the header says the steps with their grades."""
    label = outcome.resource.label
    steps = ", ".join(f"{step.summary} ({step.grade.value})" for step in outcome.steps)
    return {
        "before_header": label,
        "after_header": steps or label,
        "before": public(outcome.plan.before) or {},
        "after": public(outcome.plan.after if outcome.changed else outcome.plan.before) or {},
    }


def public(data: Json | None) -> Json | None:
    """An object of the API without what is nobody's business: a cluster's own credentials, a tunnel's secret, what
    GKE tells its nodes.

    The hash of a secret goes too: whoever has it can try out secrets without asking anybody.
    """
    data = data and {key: value for key, value in data.items() if not key.startswith("sharedSecret")}
    if not data or "masterAuth" not in data:
        return data and _without_nodes_secrets(data)
    hidden = ("clientKey", "clientCertificate", "password", "username")
    return {**data, "masterAuth": {k: v for k, v in data["masterAuth"].items() if k not in hidden}}


#: Keys of metadata by which a node of GKE comes to its credentials:
#: https://cloud.google.com/kubernetes-engine/docs/how-to/metadata-concealment
NODES_SECRETS = frozenset({"kube-env", "kubeconfig"})


def _without_nodes_secrets(machine: Json) -> Json:
    """An instance, or a template, without what only a node of GKE should know; anything else as it is."""
    if isinstance(machine.get("properties"), dict):
        return {**machine, "properties": _without_nodes_secrets(machine["properties"])}
    metadata = machine.get("metadata")
    if not isinstance(metadata, dict) or not metadata.get("items"):
        return machine
    items = [{**item, "value": "(not shown)"} if item["key"] in NODES_SECRETS else item for item in metadata["items"]]
    return {**machine, "metadata": {**metadata, "items": items}}
