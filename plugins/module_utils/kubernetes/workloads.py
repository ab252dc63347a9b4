# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of a manifest, or one Deployment, brought about by server-side apply.

The API itself says what an apply would change: a dry run comes before every change, for all objects before the first
one. So plans heed the API's defaults, and what it would refuse is refused while nothing has been changed.
Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/

Apply keeps count of what it set. What an earlier call set and this one leaves out goes, as in any declaration; what
others set stays, but for what this call mentions: the caller's word counts more than another manager's. A number of
replicas that is left out stays as it is, whoever set it.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ..arguments import ArgumentSpec, Call, Definition, failure
from ..engine import Consent, Grade, Outcome, Plan, Resource, Step, Usual, converge
from ..errors import ApiError, Conflict, InvalidInput, PodreachError, Refused, Timeout, raise_all
from ..gcp.resource import shown
from ..gcp.task import rehearse
from . import manifests
from .access import ACCESS_SPEC, NoCluster
from .client import FIELD_MANAGER, JSON, MANAGED_BY, OWNER, Answer, Json, Kube
from .manifests import CONTENT_OPTIONS
from .rollouts import Rollout, progress
from .service_changes import NAMESPACE_NAME, is_ours, labels_of

APPLY = "application/apply-patch+yaml"
#: how often an object that changes all the time is read again to see what an apply would do
MAX_READS = 8

#: what usual manifests hold; of all else the API is asked
PLURALS = {
    ("v1", "ConfigMap"): "configmaps",
    ("v1", "Secret"): "secrets",
    ("v1", "Service"): "services",
    ("v1", "ServiceAccount"): "serviceaccounts",
    ("apps/v1", "Deployment"): "deployments",
    ("apps/v1", "StatefulSet"): "statefulsets",
    ("apps/v1", "DaemonSet"): "daemonsets",
}

SPEC = ACCESS_SPEC.merge(
    ArgumentSpec(
        options={
            **CONTENT_OPTIONS,
            "namespace": {"type": "str", "default": "default"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "adopt": {"type": "bool", "default": False},
            "allow_disruption": {"type": "bool", "default": False},
            "confirm_replace": {"type": "str"},
            "wait": {"type": "bool", "default": True},
            "timeout": {"type": "int", "default": 300},
        },
    )
)


@dataclass(frozen=True)
class Request:
    """One request that changes an object."""

    method: str
    path: str
    query: dict[str, str]
    body: Json
    content_type: str = JSON


def complaints(params: Json, where: str = "") -> list[str]:
    """What can be known to be wrong with the options without asking anybody; the manifest's objects apart."""
    found = []
    if not NAMESPACE_NAME.fullmatch(params["namespace"]):
        found.append(f"namespace: {params['namespace']!r} is no name of a namespace")
    if params.get("manifest") is not None:
        given = [option for option in manifests.OF_IMAGE if params.get(option) is not None]
        if given:
            found.append(f"{where}manifest says all, so leave out {', '.join(where + option for option in given)}")
        return found
    if params.get("name") is None:
        found.append(f"{where}name is missing: give it, or a manifest")
    elif not NAMESPACE_NAME.fullmatch(params["name"]):
        found.append(
            f"{where}name: {params['name']!r}: 1 to 63 lower-case letters, digits and hyphens make the name of a "
            "workload, none of the hyphens first or last"
        )
    if params.get("image") is not None:
        found += manifests.image_complaints(params, where)
    elif params["state"] == "present":
        found.append(f"{where}image is missing: give it, or a manifest")
    return found


def wanted(params: Json, where: str = "") -> list[Json]:
    """The objects that the options ask for, in the order in which they are applied. Raises all that is wrong."""
    found = complaints(params, where)
    raise_all([InvalidInput(problem) for problem in found])
    if params.get("manifest") is None:
        if params.get("image") is None:
            metadata = {"name": params["name"], "namespace": params["namespace"]}
            return [{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata}]
        return [manifests.deployment(params)]
    items = manifests.documents(params["manifest"], f"{where}manifest")
    found = manifests.manifest_complaints(items, params["namespace"], f"{where}manifest")
    raise_all([InvalidInput(problem) for problem in found])
    return [manifests.prepared(item, params["namespace"]) for item in items]


class Discovery:
    """Where the API serves a kind. One request for each group that is not known beforehand."""

    def __init__(self, kube: Kube, *, planned: bool) -> None:
        self.kube = kube
        self.planned = planned
        self._groups: dict[str, list[Json]] = {}

    def collection(self, item: Json) -> str:
        version, kind = item["apiVersion"], item["kind"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        namespace = item["metadata"]["namespace"]
        plural = PLURALS.get((version, kind)) or self._plural(root, version, kind)
        return f"{root}/namespaces/{namespace}/{plural}"

    def _plural(self, root: str, version: str, kind: str) -> str:
        if self.planned:
            return f"{kind.lower()}s"  # nobody is asked for it
        if version not in self._groups:
            found = self.kube.get(root, f"kinds of {version}") or {}
            self._groups[version] = list(found.get("resources") or [])
        for resource in self._groups[version]:
            if resource.get("kind") == kind and "/" not in resource["name"]:
                if not resource.get("namespaced"):
                    raise InvalidInput(
                        f"manifest: {kind} ({version}) belongs to no namespace: this module is for what belongs to one"
                    )
                return str(resource["name"])
        raise InvalidInput(
            f"manifest: the cluster knows no kind {kind} of {version}. Correct kind or apiVersion, or install what "
            "defines it"
        )


class Applied(Usual):
    """One object and what the caller wants of it; a :class:`..engine.Resource`."""

    def __init__(self, kube: Kube, call: Call, item: Json, collection: str, *, of_options: bool, planned: bool) -> None:
        self.kube = kube
        self.params = call.params
        self.item = item
        self.name: str = item["metadata"]["name"]
        self.namespace: str = item["metadata"]["namespace"]
        self.collection = collection
        self.path = f"{collection}/{self.name}"
        self.waits: bool = call.params["wait"] and not call.check_mode
        #: it is made of options, not of a manifest
        self.of_options = of_options
        #: there is no cluster yet that could be asked
        self.planned = planned

    @property
    def label(self) -> str:
        return f"{self.item['kind']} {self.namespace}/{self.name}"

    def read(self) -> Json | None:
        return self.kube.get(self.path, self.label)

    def pause(self, attempt: int) -> None:
        self.kube.pause(attempt)

    def refused(self, problem: str, code: str) -> Refused:
        return Refused(f"{self.label}: {problem}", code=code, resource=self.label)

    def lost(self, plan: Plan, observed: Json | None) -> list[str]:
        """Nothing: the API itself merges what is applied."""
        return []

    def settle(self, current: Json | None) -> tuple[Json | None, str | None]:
        """What is being deleted goes when its pods have gone: wait for that, or say so."""
        if current is None or not current["metadata"].get("deletionTimestamp"):
            return current, None
        if not self.waits:
            return current, f"deletion of {self.label}"
        uid = current["metadata"]["uid"]

        def gone() -> bool | None:
            found = self.read()
            return True if found is None or found["metadata"]["uid"] != uid else None

        if self.kube.wait(gone, f"{self.label}: it is being deleted") is None:
            kept = ", ".join(current["metadata"].get("finalizers") or []) or "nothing says why"
            raise Timeout(
                f"{self.label}: it is still being deleted after {self.kube.timeout:.0f} s (timeout; finalizers: "
                f"{kept}). It goes on; the next run waits for it again.",
                resource=self.label,
            )
        return self.read(), None

    # -- plans

    def plan(self, current: Json | None, *, check_mode: bool) -> Plan:
        if self.params["state"] == "absent":
            return self._removal(current)
        if current is None:
            return self._creation(check_mode=check_mode)
        for attempt in range(1, MAX_READS):
            try:
                return self._change(current)
            except Conflict:
                # a controller wrote into it between the two requests
                self.kube.pause(attempt)
                found = self.read()
                if found is None:
                    return self._creation(check_mode=check_mode)
                current = found
        return self._change(current)

    def _body(self, current: Json | None) -> Json:
        """What to apply: the object, as ours."""
        item = self.item
        if self.of_options and current:
            item = manifests.fitted(item, current, labels_given=bool(self.params.get("labels")))
        metadata = dict(item["metadata"])
        if current is None or self.params["adopt"] or is_ours(current):
            metadata["labels"] = {**(metadata.get("labels") or {}), MANAGED_BY: OWNER}
        spec = item.get("spec")
        if current and isinstance(spec, dict) and spec.get("replicas") is None and _owns_replicas(current):
            # to leave it out would set it to what the API takes for usual
            spec = {**spec, "replicas": current["spec"]["replicas"]}
        return {**item, "metadata": metadata, **({"spec": spec} if isinstance(spec, dict) else {})}

    def _dry_run(self, body: Json, *, force: bool) -> Json:
        query = {"fieldManager": FIELD_MANAGER, "dryRun": "All"}
        if force:
            query["force"] = "true"
        return self.kube.request("PATCH", self.path, self.label, query=query, body=body, content_type=APPLY)

    def _creation(self, *, check_mode: bool) -> Plan:
        body = self._body(None)
        warnings: tuple[str, ...] = ()
        if not self.planned:
            try:
                self._dry_run(body, force=False)
            except ApiError as error:
                if error.status != 404 or not check_mode:
                    raise
                warnings = (f"{self.label}: {error} It counts as planned.",)
        query = {"fieldManager": FIELD_MANAGER}
        step = Step("create", f"create {self.label}", Request("PATCH", self.path, query, body, APPLY))
        return Plan(None, manifests.projection(body), (step,), warnings)

    def _change(self, current: Json) -> Plan:
        body = self._body(current)
        body["metadata"]["resourceVersion"] = current["metadata"].get("resourceVersion")
        try:
            new = self._dry_run(body, force=True)
        except ApiError as error:
            if error.status == 422 and "immutable" in error.message:
                return self._replacement(current, error)
            raise
        before, after = manifests.tidy(current), manifests.tidy(new)
        paths = manifests.differences(before, after)
        if not paths:
            same = manifests.projection(current)
            return Plan(same, same)
        self._refuse_foreign(current, ", ".join(paths))
        why = manifests.disruption(before, after)
        named = ", ".join(paths[:4]) + (f" and {len(paths) - 4} more" if len(paths) > 4 else "")
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        step = Step(
            "update",
            f"change {named} of {self.label}" + (f": {why}" if why else ""),
            Request("PATCH", self.path, query, body, APPLY),
            Grade.DISRUPTIVE if why else Grade.SAFE,
            tuple(paths),
        )
        return Plan(manifests.projection(current), manifests.projection(after, current), (step,))

    def _refuse_foreign(self, current: Json, what: str) -> None:
        if is_ours(current) or self.params["adopt"]:
            return
        owner = shown(labels_of(current).get(MANAGED_BY))
        raise self.refused(
            f"it exists, and podreach.gke did not create it ({MANAGED_BY} is {owner}), so it is not changed ({what}). "
            "Say adopt: true to make it this collection's, or take another name.",
            "not-ours",
        )

    def _replacement(self, current: Json, error: ApiError) -> Plan:
        self._refuse_foreign(current, "what cannot be changed in place")
        body = self._body(None)
        message = error.message.removeprefix(f"change {self.label}: ")
        removal = Step(
            "replace", f"delete {self.label} and make it anew: {message}", self._delete(current), Grade.DESTRUCTIVE
        )
        query = {"fieldManager": FIELD_MANAGER}
        made = Step("create", f"create {self.label}", Request("PATCH", self.path, query, body, APPLY))
        return Plan(manifests.projection(current), manifests.projection(body, current), (removal, made))

    def _removal(self, current: Json | None) -> Plan:
        if current is None:
            return Plan(None, None)
        if not is_ours(current):
            raise self.refused(
                f"podreach.gke did not create it ({MANAGED_BY} is {shown(labels_of(current).get(MANAGED_BY))}), so it "
                "is not deleted. Delete it with the tool that made it.",
                "not-ours",
            )
        step = Step("delete", f"delete {self.label}", self._delete(current), Grade.DESTRUCTIVE)
        return Plan(manifests.projection(current), None, (step,))

    def _delete(self, current: Json) -> Request:
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            # so that it is gone when its pods are
            "propagationPolicy": "Foreground",
            "preconditions": {"uid": current["metadata"]["uid"]},
        }
        return Request("DELETE", self.path, {}, body)

    def send(self, step: Step) -> str | None:
        request: Request = step.request
        try:
            self.kube.request(
                request.method,
                request.path,
                self.label,
                query=request.query,
                body=request.body,
                content_type=request.content_type,
            )
        except ApiError as error:
            if isinstance(error, Conflict) or request.method != "DELETE" or error.status != 404:
                raise
            raise Conflict(
                str(error), unsure=error.tries > 1, status=error.status, reason=error.reason, resource=self.label
            ) from None
        return None


def _owns_replicas(current: Json) -> bool:
    """Whether the number of replicas is what this module applied last; a scaler's is its own."""
    for entry in current["metadata"].get("managedFields") or []:
        if entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply":
            return "f:replicas" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})
    return False


def resources(kube: Kube, call: Call, items: t.Sequence[Json], *, of_options: bool, planned: bool) -> list[Applied]:
    """The objects as resources, in the order in which they are brought about or go."""
    discovery, found = Discovery(kube, planned=planned), []
    for item in items:
        for value in manifests.secret_values(item):
            call.secrets.add(value)
        whole = of_options and "spec" in item
        found.append(Applied(kube, call, item, discovery.collection(item), of_options=whole, planned=planned))
    return found[::-1] if call.params["state"] == "absent" else found


def finish(kube: Kube, outcomes: t.Sequence[Outcome]) -> tuple[PodreachError, list[Json]] | None:
    """Wait for everything that is rolled out; what is wrong with what did not come about, and its events."""
    for outcome in outcomes:
        resource, item = outcome.resource, outcome.observed
        if not isinstance(resource, Applied) or not item:
            continue
        rollout = Rollout(kube, resource.path, resource.label, item)
        try:
            outcome.observed = rollout.finish()
        except PodreachError as error:
            outcome.observed = rollout.item
            return error, rollout.events()
    return None


def reach(call: Call) -> tuple[Kube, bool]:
    """The cluster, and whether it is only planned: one that is not there yet holds nothing."""
    absent = call.params.get("state") == "absent"
    try:
        return Kube.for_call(call), False
    except NoCluster as error:
        if not (call.check_mode or absent):
            raise
        call.warn(f"{error} " + ("So there is nothing to delete." if absent else "It counts as planned."))
        return Kube(_empty, timeout=call.params["timeout"]), True


def _empty(method: str, path: str, body: Json | None, content_type: str) -> Answer:
    """A cluster that is not there yet."""
    return Answer(404, {}, {"reason": "NotFound", "message": "the cluster does not exist"})


def state_of(outcome: Outcome, call: Call) -> Json | None:
    """The object to show: as the API has it; in check mode as it would be."""
    if call.check_mode and outcome.changed:
        return outcome.plan.after
    return outcome.observed


def described(outcomes: t.Sequence[Outcome], items: t.Sequence[Json], call: Call) -> Json:
    """What a result says of workloads."""
    found: list[Json] = []
    rollouts = []
    for outcome in outcomes:
        item = state_of(outcome, call)
        if not item:
            continue
        metadata = {key: value for key, value in item["metadata"].items() if key != "managedFields"}
        found.append(manifests.hidden({**item, "metadata": metadata}))
        state = progress(item) if "status" in item else None
        if state:
            label = outcome.resource.label
            rollouts.append({"name": label, "done": state.done, "ready": state.ready, "wanted": state.wanted})
    return {
        "resources": found,
        "rollouts": rollouts,
        "selector": manifests.selector_of(found) or manifests.selector_of(items),
        "ports": manifests.service_ports(items),
    }


def diff(outcome: Outcome) -> Json:
    """Before and after of one object; the header says the steps with their grades."""
    label = outcome.resource.label
    steps = ", ".join(f"{step.summary} ({step.grade.value})" for step in outcome.steps)
    return {
        "before_header": label,
        "after_header": steps or label,
        "before": outcome.plan.before or {},
        "after": (outcome.plan.after if outcome.changed else outcome.plan.before) or {},
    }


def execute(call: Call) -> dict[str, t.Any]:
    """Bring the objects about, wait for their pods."""
    params = call.params
    items = wanted(params)
    kube, planned = reach(call)
    applied: t.Sequence[Resource] = resources(
        kube, call, items, of_options=params.get("manifest") is None, planned=planned
    )
    consent = Consent(params["allow_disruption"], params.get("confirm_replace"))
    outcomes = converge(applied, consent, check_mode=call.check_mode)
    for outcome in outcomes:
        for warning in outcome.plan.warnings:
            call.warn(warning)
    problem = None
    if params["wait"] and not call.check_mode and params["state"] == "present":
        problem = finish(kube, outcomes)
    result: Json = {
        "changed": any(outcome.changed for outcome in outcomes),
        "plan": [step.as_result() for outcome in outcomes for step in outcome.steps],
        "operation": next((outcome.operation for outcome in outcomes if outcome.operation), None),
        **described(outcomes, items, call),
    }
    if call.diff:
        result["diff"] = [diff(outcome) for outcome in outcomes]
    if problem:
        error, events = problem
        error.changed = result["changed"]
        return {**failure(error), **result, "events": events}
    return result


DEFINITION = Definition(name="workload", spec=SPEC, execute=execute, rehearse=rehearse)
