# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Masquerading in an Autopilot cluster, by its EgressNATPolicy objects: the resource and the call.

It does not heed the agent's ConfigMap:
https://cloud.google.com/kubernetes-engine/docs/how-to/egress-nat-policy-ip-masq-autopilot
"""

from __future__ import annotations

import typing as t

from ..arguments import Call
from ..engine import Consent, Plan, Step, Usual, converge
from ..errors import ApiError, InvalidInput, PodreachError, Refused, raise_all
from . import masquerade_cluster, masquerade_policies, masquerade_requests, masquerade_rules, workloads
from .client import MERGE_PATCH, Json, Kube
from .masquerade_changes import ANNOTATION, Asked
from .masquerade_cluster import POLICIES, Surroundings
from .masquerade_policies import KIND
from .masquerade_requests import Request, deletion, effect, grade, some

#: options that mean nothing here, and why
AGENTS = {
    "deploy_agent": "policies decide, not an agent",
    "resync_interval": "GKE itself looks at policies, not an agent at intervals",
    "masq_link_local": "policies have no word for it, and link-local destinations see pods' addresses",
}


def refuse_options(params: Json) -> None:
    """Raise for options that are for the agent."""
    raise_all(
        [
            InvalidInput(
                f"{option}: this is an Autopilot cluster, where {why} (masq-wrong-mode). Leave it out.",
                code="masq-wrong-mode",
            )
            for option, why in AGENTS.items()
            if params.get(option) not in (None, *((False,) if option == "deploy_agent" else ()))
        ]
    )


def _by_name(policies: t.Iterable[Json]) -> dict[str, Json]:
    return {policy["metadata"]["name"]: policy for policy in policies}


class Policies(Usual):
    """All policies of a cluster, and what the caller wants of them; a :class:`..engine.Resource`."""

    name = "egressnatpolicies"
    label = f"{KIND} objects"

    def __init__(self, kube: Kube, call: Call, around: Surroundings, asked: Asked) -> None:
        self.kube = kube
        self.absent: bool = call.params["state"] == "absent"
        self.around = around
        self.asked = asked
        #: the first plan's policies before, and the latest one's after
        self.before: list[Json] | None = None
        self.after: list[Json] = []

    def read(self) -> Json | None:
        try:
            return {"items": self.kube.items(POLICIES, self.label)}
        except ApiError as error:
            if error.status != 404:
                raise
            if self.absent:
                return {"items": []}
            raise Refused(
                f"{self.label}: this Autopilot cluster has none. They come with GKE 1.22.7-gke.1500, 1.23.4-gke.1600 "
                "and later, and with Dataplane V2: upgrade the cluster.",
                code="masq-wrong-mode",
                resource=self.label,
            ) from None

    def settle(self, current: Json | None) -> tuple[Json | None, str | None]:
        return current, None

    def pause(self, attempt: int) -> None:
        self.kube.pause(attempt)

    def plan(self, current: Json | None, *, check_mode: bool) -> Plan:
        policies: list[Json] = (current or {}).get("items") or []
        try:
            if self.absent:
                after = masquerade_policies.absent(self.asked.owner, policies)
            else:
                after = masquerade_policies.present(self.asked, policies, self.around.own)
        except PodreachError as error:
            error.resource = error.resource or self.label
            raise
        self.before = policies if self.before is None else self.before
        self.after = after
        return Plan(projection(policies), projection(after), tuple(self._steps(policies, after)))

    def moved(self, before: t.Iterable[Json], after: t.Iterable[Json]) -> tuple[list[str], list[str]]:
        """Which destinations see the node's address after that, and which the pod's."""
        own = self.around.own
        return masquerade_rules.moved(
            masquerade_rules.autopilot(before, own).kept, masquerade_rules.autopilot(after, own).kept
        )

    def _steps(self, policies: t.Sequence[Json], after: t.Sequence[Json]) -> t.Iterator[Step]:
        """One for each policy that changes. What is to be kept comes first, so that nothing is masqueraded between."""
        old, new = _by_name(policies), _by_name(after)
        names = [name for name in dict.fromkeys((*old, *new)) if old.get(name) != new.get(name)]

        def turn(name: str) -> int:
            if name not in old or name not in new or masquerade_policies.is_own(new[name], self.asked.owner):
                return 1
            gained = set(masquerade_policies.entries(new[name])) - set(masquerade_policies.entries(old[name]))
            return 0 if gained else 2

        now = dict(old)
        for name in sorted(names, key=turn):
            then = {key: policy for key, policy in {**now, name: new.get(name)}.items() if policy}
            to_node, to_pod = self.moved(now.values(), then.values())
            words, request = self._change(name, old.get(name), new.get(name))
            action = {"POST": "create", "PATCH": "update", "DELETE": "delete"}[request.method]
            lists = [masquerade_policies.entries(one[name]) if name in one else [] for one in (old, new)]
            fields = ("destinations",) if lists[0] != lists[1] else ()
            yield Step(
                action,
                f"{words}{effect(to_node, to_pod)}",
                request,
                grade(to_node, to_pod, absent=self.absent),
                fields,
            )
            now = then

    def _change(self, name: str, old: Json | None, new: Json | None) -> tuple[str, Request]:
        """What is done to one policy, in words and as a request."""
        label, path = f"{KIND} {name}", f"{POLICIES}/{name}"
        if old is None:
            return f"create {label}", Request("POST", POLICIES, t.cast("Json", new))
        if new is None:
            return f"delete {label}", deletion(path, old)
        annotation = (new["metadata"].get("annotations") or {}).get(ANNOTATION)
        version = old["metadata"]["resourceVersion"]
        body = {"metadata": {"resourceVersion": version, "annotations": {ANNOTATION: annotation}}, "spec": new["spec"]}
        request = Request("PATCH", path, body, MERGE_PATCH)
        before, after = masquerade_policies.entries(old), masquerade_policies.entries(new)
        if masquerade_policies.is_own(new, self.asked.owner):
            return f"change destinations of {label}", request
        back, out = [one for one in after if one not in before], [one for one in before if one not in after]
        words = [f"put {some(back)} back into"] if back else []
        words += [f"take {some(out)} out of"] if out else []
        return f"{' and '.join(words) or 'change the record of owners in'} {label}", request

    def send(self, step: Step) -> str | None:
        request: Request = step.request
        name = request.body["metadata"]["name"] if request.method == "POST" else request.path.rpartition("/")[2]
        masquerade_requests.send(self.kube, request, f"{KIND} {name}")
        return None


def projection(policies: t.Iterable[Json]) -> Json:
    """What of the policies this module looks at, by name."""
    found: Json = {}
    for policy in policies:
        annotations = policy["metadata"].get("annotations") or {}
        noted = {ANNOTATION: annotations[ANNOTATION]} if ANNOTATION in annotations else {}
        found[policy["metadata"]["name"]] = {"metadata": {"annotations": noted}, "spec": policy.get("spec")}
    return found


def run(kube: Kube, call: Call, around: Surroundings, asked: Asked) -> dict[str, t.Any]:
    """Bring the policies about; say who sees another address."""
    refuse_options(call.params)
    absent = call.params["state"] == "absent"
    if not absent and asked.derives:
        masquerade_cluster.require_own(around)
    resource = Policies(kube, call, around, asked)
    consent = Consent(call.params["allow_disruption"])
    outcomes = converge([resource], consent, check_mode=call.check_mode)
    for warning in outcomes[0].plan.warnings:
        call.warn(warning)
    to_node, to_pod = resource.moved(resource.before or [], resource.after)
    entries = masquerade_policies.entries
    own = [policy for policy in resource.after if masquerade_policies.is_own(policy, asked.owner)]
    found: dict[str, t.Any] = {
        "changed": outcomes[0].changed,
        "plan": [step.as_result() for step in outcomes[0].steps],
        "config": None,
        "non_masquerade_cidrs": list(dict.fromkeys(cidr for policy in resource.after for cidr in entries(policy))),
        "owned_cidrs": [cidr for policy in own for cidr in entries(policy)],
        "resync_seconds": None,
        "now_masqueraded": to_node,
        "now_kept": to_pod,
        "in_force": {"seen": None, "at_latest": None},
    }
    if call.diff:
        found["diff"] = [workloads.diff(outcome) for outcome in outcomes]
    return found
