# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ip-masq-agent's ConfigMap in a cluster, with whoever else writes into it.

Where no agent runs, nothing reads the ConfigMap, and that is refused instead of done:
https://cloud.google.com/kubernetes-engine/docs/concepts/ip-masquerade-agent
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import typing as t

from ..arguments import ArgumentSpec, Call, Definition, failure
from ..engine import Consent, Outcome, Plan, Resource, Step, Usual, converge
from ..errors import InvalidInput, PodreachError, Refused, Timeout, raise_all
from ..gcp.task import rehearse
from . import (
    masquerade_agent,
    masquerade_autopilot,
    masquerade_changes,
    masquerade_cluster,
    masquerade_config,
    masquerade_pending,
    masquerade_requests,
    masquerade_rules,
    workloads,
)
from .access import ACCESS_SPEC
from .client import MANAGED_BY, MERGE_PATCH, OWNER, Json, Kube
from .masquerade_agent import IMAGE, KEY, NAME, NAMESPACE
from .masquerade_changes import ANNOTATION, Asked, Change, Record
from .masquerade_cluster import CONFIG_MAP, CONFIG_MAPS, HOW_TO, Surroundings, surroundings
from .masquerade_config import LIST, Config, Rejected
from .masquerade_requests import Request, deletion
from .service_changes import is_ours

#: the verbosity at which the agent logs which configuration it uses
TALKATIVE = 2
USING, REJECTED, MISSING = "] Using config: ", "] Error syncing configuration: ", "] No config file found at "

SPEC = ACCESS_SPEC.merge(
    ArgumentSpec(
        options={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "owner": {"type": "str", "default": OWNER},
            "non_masquerade_cidrs": {"type": "list", "elements": "str"},
            "keep": {"type": "list", "elements": "str"},
            "masquerade": {"type": "list", "elements": "str"},
            "unmentioned": {"type": "str", "choices": ["unchanged", "masquerade"], "default": "unchanged"},
            "cluster_ranges": {"type": "list", "elements": "str"},
            "resync_interval": {"type": "str"},
            "masq_link_local": {"type": "bool"},
            "deploy_agent": {"type": "bool", "default": False},
            "agent_image": {"type": "str", "default": IMAGE},
            "adopt": {"type": "bool", "default": False},
            "allow_disruption": {"type": "bool", "default": False},
            "wait": {"type": "bool", "default": True},
            "timeout": {"type": "int", "default": 300},
        },
        mutually_exclusive=(("non_masquerade_cidrs", "keep"), ("non_masquerade_cidrs", "masquerade")),
    )
)


class Masquerade(Usual):
    """The ConfigMap and what the caller wants of it; a :class:`..engine.Resource`."""

    name = NAME
    label = CONFIG_MAP

    def __init__(self, kube: Kube, call: Call, around: Surroundings, asked: Asked) -> None:
        self.kube = kube
        self.params = call.params
        self.around = around
        self.asked = asked
        #: the latest plan's, and the first one's
        self.change: Change | None = None
        self.first: Change | None = None

    def read(self) -> Json | None:
        return self.kube.get(f"{CONFIG_MAPS}/{NAME}", self.label)

    def settle(self, current: Json | None) -> tuple[Json | None, str | None]:
        return current, None

    def pause(self, attempt: int) -> None:
        self.kube.pause(attempt)

    def lost(self, plan: Plan, observed: Json | None) -> list[str]:
        """Nothing: a change of exactly the version that was read overwrites nobody."""
        return []

    def plan(self, current: Json | None, *, check_mode: bool) -> Plan:
        text = ((current or {}).get("data") or {}).get(KEY)
        record = Record.of(_annotations(current).get(ANNOTATION))
        absent = self.params["state"] == "absent"
        try:
            if absent:
                change = masquerade_changes.absent(self.asked.owner, text, record, self.around.flags)
            else:
                change = masquerade_changes.present(self.asked, text, record, self.around.flags, self.around.own)
        except PodreachError as error:
            kind = InvalidInput if isinstance(error, InvalidInput) else Refused
            raise kind(f"{self.label}: {error}", code=error.code, resource=self.label) from None
        self.change = change
        self.first = self.first or change
        before, after = projection(current), self._after(current, change)
        steps = () if before == after else (self._step(current, change, absent=absent),)
        return Plan(before, after, steps, tuple(self._warnings(current, change)))

    def _after(self, current: Json | None, change: Change) -> Json | None:
        annotation = change.record.as_text()
        data = dict((current or {}).get("data") or {})
        if change.text is None:
            data.pop(KEY, None)
        else:
            data[KEY] = change.text
        if current is None and change.text is None and annotation is None:
            return None
        if current and annotation is None and is_ours(current) and not data and not current.get("binaryData"):
            return None
        owners = {ANNOTATION: annotation} if annotation else {}
        return {"metadata": {"name": NAME, "namespace": NAMESPACE, "annotations": owners}, "data": data}

    def _step(self, current: Json | None, change: Change, *, absent: bool) -> Step:
        to_node, to_pod = self.moved(change)
        grade = masquerade_requests.grade(to_node, to_pod, absent=absent)
        fields = tuple(
            key
            for key, differs in (
                (LIST, set(change.before.cidrs) != set(change.after.cidrs)),
                (masquerade_config.LINK_LOCAL, change.before.link_local != change.after.link_local),
                (masquerade_config.RESYNC, change.before.resync != change.after.resync),
            )
            if differs
        )
        effect = masquerade_requests.effect(to_node, to_pod)
        annotation = change.record.as_text()
        if current is None:
            body = {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {
                    "name": NAME,
                    "namespace": NAMESPACE,
                    "labels": {MANAGED_BY: OWNER},
                    "annotations": {ANNOTATION: annotation} if annotation else {},
                },
                "data": {KEY: change.text},
            }
            return Step("create", f"create {self.label}{effect}", Request("POST", CONFIG_MAPS, body), grade, fields)
        metadata = current["metadata"]
        path = f"{CONFIG_MAPS}/{NAME}"
        if self._after(current, change) is None:
            return Step("delete", f"delete {self.label}{effect}", deletion(path, current), grade, fields)
        body = {
            "metadata": {"resourceVersion": metadata["resourceVersion"], "annotations": {ANNOTATION: annotation}},
            "data": {KEY: change.text},
        }
        named = ", ".join(fields) or "the record of owners"
        request = Request("PATCH", path, body, MERGE_PATCH)
        return Step("update", f"change {named} of {self.label}{effect}", request, grade, fields)

    def moved(self, change: Change) -> tuple[list[str], list[str]]:
        """Which destinations will see the node's address from now on, and which the pod's."""
        before = self.around.effective_before(change.before).kept
        return masquerade_rules.moved(before, self.around.effective(change.after).kept)

    def _warnings(self, current: Json | None, change: Change) -> t.Iterator[str]:
        found = list(masquerade_cluster.of_config_map(current))
        absent = self.params["state"] == "absent"
        if not absent:
            found += masquerade_cluster.of_config(change.before)
            found += masquerade_cluster.of_ranges(self.around, self.around.effective(change.after).kept)
        yield from (finding.as_warning() for finding in found)
        written = change.text != ((current or {}).get("data") or {}).get(KEY)
        if not absent and written and "#" in _config_text(current):
            yield f"{self.label}: the text under {KEY} is written anew, and its comments go."

    def send(self, step: Step) -> str | None:
        masquerade_requests.send(self.kube, step.request, self.label)
        return None

    # -- in force

    def in_force(self, change: Change) -> list[str]:
        """The agents' pods that do not use this configuration yet, by their logs."""
        query = {"labelSelector": _selector(self.around.agent)}
        pods = self.kube.request("GET", f"/api/v1/namespaces/{NAMESPACE}/pods", "the agents' pods", query=query)
        late = []
        for pod in pods.get("items") or []:
            name = pod["metadata"]["name"]
            answer = self.kube.exchange("GET", f"/api/v1/namespaces/{NAMESPACE}/pods/{name}/log", f"log of {name}")
            if not _uses(answer.text, None if change.text is None else change.after):
                late.append(name)
        return late

    def await_force(self, change: Change) -> None:
        """Wait until every agent says that it uses this configuration. Raises :class:`Timeout`."""
        late: list[str] = []

        def used() -> bool | None:
            late[:] = self.in_force(change)
            return None if late else True

        if self.kube.wait(used, f"{self.label}: waits until the agents use it") is None:
            raise Timeout(
                f"{self.label}: after {self.kube.timeout:.0f} s (timeout), {', '.join(late)} did not say that the new "
                "configuration is used. It stays; see the logs of these pods.",
                code="masq-resync-pending",
                resource=self.label,
            )


def _selector(daemon_set: Json | None) -> str:
    labels = (((daemon_set or {}).get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
    return ",".join(f"{key}={value}" for key, value in labels.items())


def _uses(log: str, config: Config | None) -> bool:
    """Whether the latest of what an agent says of its configuration is that it uses this one, or none at all."""
    said = [line for line in log.splitlines() if any(words in line for words in (USING, REJECTED, MISSING))]
    if not said or REJECTED in said[-1]:
        return False
    if config is None or MISSING in said[-1]:
        return config is None and MISSING in said[-1]
    try:
        found = json.loads(said[-1].partition(USING)[2])
        return (
            set(found.get(LIST) or ()) == set(config.cidrs)
            and bool(found.get(masquerade_config.LINK_LOCAL)) == config.link_local
            and masquerade_config.seconds(str(found.get(masquerade_config.RESYNC))) == config.resync
        )
    except (ValueError, AttributeError, Rejected):
        return False


def _annotations(item: Json | None) -> Json:
    return t.cast("Json", ((item or {}).get("metadata") or {}).get("annotations") or {})


def _config_text(item: Json | None) -> str:
    return str(((item or {}).get("data") or {}).get(KEY) or "")


def projection(item: Json | None) -> Json | None:
    """What of the ConfigMap this module looks at."""
    if item is None:
        return None
    owners = {key: value for key, value in _annotations(item).items() if key == ANNOTATION}
    metadata = {"name": NAME, "namespace": NAMESPACE, "annotations": owners}
    return {"metadata": metadata, "data": dict(item.get("data") or {})}


# ---- the call


def asked_of(params: Json) -> Asked:
    """What a call asks for. Raises for what can be known to be wrong without asking anybody."""
    problems = []
    for option in ("non_masquerade_cidrs", "keep", "masquerade", "cluster_ranges"):
        for index, text in enumerate(params.get(option) or []):
            problem = masquerade_cluster.range_problem(text, ipv6=option == "non_masquerade_cidrs")
            if problem:
                problems.append(f"{option}[{index}]: {text!r} {problem}")
    if params.get("resync_interval") is not None:
        try:
            if masquerade_config.seconds(params["resync_interval"]) <= 0:
                problems.append(f"resync_interval: {params['resync_interval']!r} is no time: write one like 60s")
        except Rejected as error:
            problems.append(f"resync_interval: {error}: write it like 60s or 5m")
    if not params["owner"].strip():
        problems.append("owner: it is empty")
    wants = ("non_masquerade_cidrs", "keep", "masquerade", "resync_interval", "masq_link_local")
    if params["state"] == "present" and all(params.get(option) is None for option in wants):
        problems.append(f"nothing is asked for: give one of {', '.join(wants)}")
    if params["unmentioned"] == "masquerade" and not (params.get("keep") or params.get("masquerade")):
        problems.append("unmentioned: it needs keep or masquerade")
    raise_all([InvalidInput(problem) for problem in problems])
    cidrs = params.get("non_masquerade_cidrs")
    return Asked(
        params["owner"],
        None if cidrs is None else tuple(cidrs),
        tuple(params.get("keep") or ()),
        tuple(params.get("masquerade") or ()),
        params["unmentioned"] == "masquerade",
        {option: params.get(option) for option in masquerade_changes.SETTINGS},
        params["adopt"],
    )


def refuse_without_agent(around: Surroundings) -> None:
    """Raise where nothing would read the ConfigMap."""
    if around.agent is None:
        now = (
            "the cluster has default SNAT disabled, so pods keep their own addresses toward everything"
            if around.snat_disabled
            else "GKE's own rules keep pods' addresses toward private and reserved ranges, and only toward these"
        )
        raise Refused(
            f"no ip-masq-agent runs in this cluster: there is no DaemonSet {NAMESPACE}/{NAME}, so the ConfigMap would "
            f"have no effect (masq-no-agent). Until one runs, {now}. Say "
            f"deploy_agent: true, or deploy it yourself ({HOW_TO}) and run this again.",
            code="masq-no-agent",
        )


def agent_of(kube: Kube, call: Call, around: Surroundings, *, planned: bool) -> list[workloads.Applied]:
    """The agent as something to bring about, or to take away: where that is asked for, and GKE or others did not."""
    if not call.params["deploy_agent"] or (around.agent and not is_ours(around.agent)):
        return []
    if planned:
        call.warn("The cluster is still to come: whether GKE will deploy the agent to it is not known yet.")
        return []
    item = masquerade_agent.daemon_set(call.params["agent_image"])
    if call.params["state"] == "present" and not around.agent:
        around.agent, around.deploying = item, True
    own = dataclasses.replace(call, params={**call.params, "adopt": False})
    return [workloads.Applied(kube, own, item, masquerade_agent.COLLECTION, of_options=False, planned=planned)]


def execute(call: Call) -> dict[str, t.Any]:
    """Bring the configuration about, and the agent if asked; say who sees another address, and from when."""
    params = call.params
    asked = asked_of(params)
    absent = params["state"] == "absent"
    kube, planned = workloads.reach(call)
    around = surroundings(kube, call, planned=planned)
    if around.autopilot:
        return masquerade_autopilot.run(kube, call, around, asked)
    agents = agent_of(kube, call, around, planned=planned)
    if not absent and not planned:
        refuse_without_agent(around)
        for finding in masquerade_cluster.of_agent(around):
            call.warn(finding.as_warning())
        if asked.derives:
            masquerade_cluster.require_own(around)
    resource = Masquerade(kube, call, around, asked)
    consent = Consent(params["allow_disruption"])
    # the agent comes when its list is there, and goes when it has taken the list away
    together: list[Resource] = [resource] if absent else [resource, *agents]
    outcomes = converge(together, consent, check_mode=call.check_mode)
    problem: PodreachError | None = None
    seen: bool | None = None
    if params["wait"] and not call.check_mode and not absent:
        ended = workloads.finish(kube, outcomes[1:])
        problem = ended[0] if ended else None
    changed = any(outcome.changed for outcome in outcomes)
    tells = around.agent is not None and around.flags.verbosity >= TALKATIVE
    if changed and tells and not call.check_mode and not problem:
        change = t.cast(Change, resource.change)
        try:
            if params["wait"]:
                resource.await_force(change)
            seen = not resource.in_force(change)
        except PodreachError as error:
            problem = error
    if absent and agents and not problem:
        outcomes += converge(agents, consent, check_mode=call.check_mode)
    for outcome in outcomes:
        for warning in outcome.plan.warnings:
            call.warn(warning)
    result = report(resource, outcomes, call, seen)
    if problem:
        problem.changed = result["changed"]
        return {**failure(problem), **result}
    return result


def report(resource: Masquerade, outcomes: t.Sequence[Outcome], call: Call, seen: bool | None) -> dict[str, t.Any]:
    """The result of a task."""
    change, first = t.cast(Change, resource.change), t.cast(Change, resource.first)
    to_node, to_pod = resource.moved(first)
    changed = any(outcome.changed for outcome in outcomes)
    when = None
    if changed and not call.check_mode and not seen:
        latest = masquerade_pending.at_latest(datetime.datetime.now(tz=datetime.UTC), first.before.resync)
        when = masquerade_pending.text_of(latest)
    own = change.record.owners.get(resource.asked.owner)
    found: dict[str, t.Any] = {
        "changed": changed,
        "plan": [step.as_result() for outcome in outcomes for step in outcome.steps],
        "config": change.text,
        "non_masquerade_cidrs": list(change.after.cidrs),
        "owned_cidrs": list(own.cidrs) if own else [],
        "resync_seconds": change.after.resync,
        "now_masqueraded": to_node,
        "now_kept": to_pod,
        "in_force": {"seen": seen, "at_latest": when},
    }
    if call.diff:
        found["diff"] = [workloads.diff(outcome) for outcome in outcomes]
    return found


DEFINITION = Definition(name="masquerade", spec=SPEC, execute=execute, rehearse=rehearse)
