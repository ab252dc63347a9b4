# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Service of type LoadBalancer that GKE makes an internal passthrough load balancer of.

Changes are JSON merge patches of exactly the fields that differ, with the version that was read. Server-side apply was
not taken: it would remove what an earlier call set and this one does not mention, and it would either fight over, or
silently take, fields that Helm, a controller or a person owns. A patch leaves all that alone, and a version that has
moved makes the API refuse it, so that it is planned again.
"""

from __future__ import annotations

import dataclasses
import typing as t
from dataclasses import dataclass

from ..arguments import ArgumentSpec, Call, Definition, failure
from ..engine import Consent, Grade, Outcome, Plan, Resource, Step, Usual, converge
from ..errors import ApiError, Conflict, InvalidInput, PodreachError, Refused, Timeout, raise_all
from ..gcp.resource import shown
from ..gcp.task import rehearse
from . import manifests, workloads
from .access import ACCESS_SPEC
from .client import FIELD_MANAGER, JSON, MANAGED_BY, MERGE_PATCH, Json, Kube
from .service_changes import (
    CLASSES,
    address_of,
    annotations_of,
    carried,
    changes,
    complaints,
    creation,
    is_ours,
    labels_of,
    merge_patch,
    patched,
    port_key,
    projection,
    target_of,
    why_replace,
)

SPEC = ACCESS_SPEC.merge(
    ArgumentSpec(
        options={
            "name": {"type": "str", "required": True},
            "namespace": {"type": "str", "default": "default"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "selector": {"type": "dict"},
            "ports": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "port": {"type": "int", "required": True},
                    "target_port": {"type": "str"},
                    "protocol": {"type": "str", "choices": ["TCP", "UDP"], "default": "TCP"},
                    "name": {"type": "str"},
                },
            },
            "purge_ports": {"type": "bool", "default": False},
            "labels": {"type": "dict"},
            "annotations": {"type": "dict"},
            "legacy_annotation": {"type": "bool", "default": False},
            "load_balancer_ip": {"type": "str"},
            "address_names": {"type": "list", "elements": "str"},
            "global_access": {"type": "bool"},
            "subnet": {"type": "str"},
            "load_balancer_class": {"type": "str", "choices": list(CLASSES)},
            "source_ranges": {"type": "list", "elements": "str"},
            "purge_source_ranges": {"type": "bool", "default": False},
            "external_traffic_policy": {"type": "str", "choices": ["Cluster", "Local"]},
            "adopt": {"type": "bool", "default": False},
            "allow_disruption": {"type": "bool", "default": False},
            "confirm_replace": {"type": "str"},
            "wait": {"type": "bool", "default": True},
            "timeout": {"type": "int", "default": 300},
            "workload": {"type": "dict", "options": manifests.CONTENT_OPTIONS},
        },
        mutually_exclusive=(("load_balancer_ip", "address_names"),),
    )
)


@dataclass(frozen=True)
class Request:
    """One request that changes a Service."""

    method: str
    path: str
    body: Json
    content_type: str = JSON


# ---- the Service in its cluster


class InternalService(Usual):
    """An internal LoadBalancer Service and what the caller wants of it; a :class:`..engine.Resource`."""

    def __init__(self, kube: Kube, call: Call) -> None:
        self.kube = kube
        self.params = call.params
        self.name: str = call.params["name"]
        self.namespace: str = call.params["namespace"]
        self.waits: bool = call.params["wait"] and not call.check_mode
        self.collection = f"/api/v1/namespaces/{self.namespace}/services"
        self.path = f"{self.collection}/{self.name}"
        #: what is taken over where it is made anew
        self._base: Json | None = None
        #: the ports that it gets when it is made, where neither the caller nor the one before says others
        self.usual_ports: list[Json] | None = None
        found = complaints(call.params)
        raise_all([InvalidInput(f"{self.label}: {problem}", resource=self.label) for problem in found])

    @property
    def label(self) -> str:
        return f"Service {self.namespace}/{self.name}"

    def read(self) -> Json | None:
        return self.kube.get(self.path, self.label)

    def pause(self, attempt: int) -> None:
        self.kube.pause(attempt)

    def refused(self, problem: str, code: str) -> Refused:
        return Refused(f"{self.label}: {problem}", code=code, resource=self.label)

    def settle(self, current: Json | None) -> tuple[Json | None, str | None]:
        """A Service that is being deleted goes when its load balancer has gone: wait for that, or say so."""
        if current is None or not current["metadata"].get("deletionTimestamp"):
            return current, None
        if not self.waits:
            return current, f"deletion of {self.label}"
        uid = current["metadata"]["uid"]

        def gone() -> bool | None:
            found = self.read()
            return True if found is None or found["metadata"]["uid"] != uid else None

        if self.kube.wait(gone, f"{self.label}: its load balancer is being deleted") is None:
            raise Timeout(
                f"{self.label}: it is still being deleted after {self.kube.timeout:.0f} s (timeout). "
                f"{self.told(uid, ('DeleteLoadBalancerFailed', 'SyncLoadBalancerFailed'))}It goes on; the next run "
                "waits for it again.",
                resource=self.label,
            )
        return self.read(), None

    def told(self, uid: str | None, reasons: tuple[str, ...] = ()) -> str:
        """The newest warning about it, as a sentence; nothing if there is none."""
        for event in reversed(self.events(uid)):
            if event["type"] == "Warning" and (not reasons or event["reason"] in reasons):
                times = f" ({event['count']} times)" if event["count"] > 1 else ""
                return f"{event['reason']}: {str(event['message']).rstrip('.')}{times}. "
        return ""

    def events(self, uid: str | None) -> list[Json]:
        return self.kube.events(self.namespace, "Service", self.name, uid)

    def plan(self, current: Json | None, *, check_mode: bool) -> Plan:
        if self.params["state"] == "absent":
            return self._removal(current)
        if current is None:
            return self._creation(self._base)
        self._base = None
        found = changes(self.params, current)
        why = why_replace(self.params, current)
        if (found or why) and not is_ours(current) and not self.params["adopt"]:
            owner = labels_of(current).get(MANAGED_BY)
            wanted = ", ".join(dict.fromkeys(change.option for change in found)) or "its kind"
            raise self.refused(
                f"it exists, and podreach.gke did not create it ({MANAGED_BY} is {shown(owner)}), so it is not "
                f"changed ({wanted}). Say adopt: true to make it this collection's, or take another name.",
                "not-ours",
            )
        if why:
            return self._replacement(current, why)
        before = projection(current)
        if not found:
            return Plan(before, before)
        patch = merge_patch(found, current["metadata"].get("resourceVersion"))
        options = ", ".join(dict.fromkeys(change.option for change in found))
        disruptive = any(change.grade is not Grade.SAFE for change in found)
        step = Step(
            "update",
            f"change {options} of {self.label}",
            Request("PATCH", self.path, patch, MERGE_PATCH),
            Grade.DISRUPTIVE if disruptive else Grade.SAFE,
            tuple(".".join(change.path) for change in found),
        )
        return Plan(before, projection(patched(current, patch)), (step,))

    def _creation(self, base: Json | None = None) -> Plan:
        params = self.params
        if params.get("ports") is None and not ((base or {}).get("spec") or {}).get("ports"):
            params = {**params, "ports": self.usual_ports}
        body = creation(params, base)
        missing = [option for option in ("ports", "selector") if not body["spec"].get(option)]
        if missing:
            raise InvalidInput(
                f"{self.label} does not exist, and to create it these options are missing: {', '.join(missing)}",
                resource=self.label,
            )
        step = Step("create", f"create {self.label}", Request("POST", self.collection, body))
        return Plan(None, projection(body), (step,))

    def warn_of_ports(self, call: Call, service: Json | None) -> None:
        """Say so where no port of the Service leads to one of the workload's."""
        ports = ((service or {}).get("spec") or {}).get("ports") or []
        behind = {
            target_of({"port": port["port"], "targetPort": port["target_port"]}) for port in self.usual_ports or []
        }
        names = {port["name"] for port in self.usual_ports or [] if port.get("name")}
        if ports and behind and not any(target_of(port) in behind | names for port in ports):
            found = ", ".join(f"{port['port']} to {target_of(port)}" for port in ports)
            wanted = ", ".join(str(port) for port in sorted(behind, key=str))
            call.warn(
                f"{self.label}: its ports ({found}) do not lead to those of the workload ({wanted}): give ports, with "
                "target_port."
            )

    def _replacement(self, current: Json, why: str) -> Plan:
        self._base = carried(current)
        made = self._creation(self._base)
        removal = Step(
            "replace",
            f"delete {self.label} and make it anew: {why}",
            self._delete(current),
            Grade.DESTRUCTIVE,
        )
        return Plan(projection(current), made.after, (removal, *made.steps))

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
        return Plan(projection(current), None, (step,))

    def _delete(self, current: Json) -> Request:
        metadata = current["metadata"]
        seen = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": seen}
        return Request("DELETE", self.path, body)

    def send(self, step: Step) -> str | None:
        request: Request = step.request
        query = {} if request.method == "DELETE" else {"fieldManager": FIELD_MANAGER}
        try:
            self.kube.request(
                request.method,
                request.path,
                self.label,
                query=query,
                body=request.body,
                content_type=request.content_type,
            )
        except ApiError as error:
            if isinstance(error, Conflict):
                raise
            there = request.method == "POST" and error.reason == "AlreadyExists"
            if not there and error.status != 404:
                raise
            if request.method == "POST" and error.status == 404:
                raise  # the namespace is missing
            raise Conflict(
                str(error), unsure=error.tries > 1, status=error.status, reason=error.reason, resource=self.label
            ) from None
        return None

    def lost(self, plan: Plan, observed: Json | None) -> list[str]:
        after, seen = plan.after, projection(observed)
        if plan.before is None or after is None or seen is None:
            return []
        gone = []
        for part in ("labels", "annotations"):
            gone += [f"{part} {key}" for key in after["metadata"][part] if key not in seen["metadata"][part]]
        left = [port_key(port) for port in seen["spec"].get("ports") or []]
        gone += [f"port {port['port']}" for port in after["spec"].get("ports") or [] if port_key(port) not in left]
        return gone

    # -- its address

    def expected(self) -> str | None:
        """The address that was asked for, where it is known."""
        names = self.params.get("address_names")
        if not names:
            return t.cast("str | None", self.params.get("load_balancer_ip"))
        access = self.kube.access
        if not access or not access.google:
            return None
        region = "-".join(str(self.params["location"]).split("-")[:2])
        for name in names:
            path = f"projects/{access.google.project}/regions/{region}/addresses/{name}"
            try:
                found = access.google.get("compute", path) or {}
            except PodreachError:
                # the right to read addresses is not needed otherwise
                return None
            if ":" not in str(found.get("address", ":")):
                return str(found["address"])
        return None

    def await_address(self) -> Json:
        """The Service once it has the address that it should. Raises :class:`Timeout` with what its events say."""
        expected = self.expected()

        def served() -> Json | None:
            found = self.read()
            address = address_of(found)
            return found if found and address and expected in (None, address) else None

        service = self.kube.wait(served, f"{self.label}: waiting for the load balancer's address")
        if service is not None:
            return service
        now = self.read()
        uid = now["metadata"]["uid"] if now else None
        address = address_of(now)
        problem = f"its address is {address}, not {expected}" if address else "it has no address"
        raise Timeout(
            f"{self.label}: {problem} after {self.kube.timeout:.0f} s (timeout). "
            + (self.told(uid) or "No event says why: see who makes load balancers in this cluster. ")
            + self._hint(),
            code="no-address",
            resource=self.label,
        )

    def _hint(self) -> str:
        cluster = (self.kube.access.cluster if self.kube.access else None) or {}
        subsetting = (cluster.get("networkConfig") or {}).get("enableL4ilbSubsetting")
        if self.params.get("address_names") and cluster and not subsetting:
            return (
                "address_names is heeded in clusters with subsetting for internal load balancers "
                "(networkConfig.enableL4ilbSubsetting), which this one has not: use load_balancer_ip."
            )
        return "What was asked for stays; correct it, or run again to wait longer."


def workload_call(call: Call) -> Call:
    """The part of a call that is about the workload behind the Service: named as the Service unless it says otherwise.

    The Service's selector is the workload's where the call does not give it, and so are the ports of a new Service.
    """
    params = call.params
    shared = {key: params[key] for key in ("namespace", "state", "adopt", "wait", "timeout")}
    named = {**params["workload"], "name": params["workload"].get("name") or params["name"]}
    return dataclasses.replace(call, params={**params, **shared, **named})


def execute(call: Call) -> dict[str, t.Any]:
    """Bring the Service about, after the workload behind it if that is given; wait for the address."""
    params = call.params
    absent = params["state"] == "absent"
    behind: Call | None = None
    items: list[Json] = []
    if params.get("workload") is not None:
        behind = workload_call(call)
        items = workloads.wanted(behind.params, "workload.")
        if not absent:
            params["selector"] = params.get("selector") or manifests.selector_of(items)
    kube, planned = workloads.reach(call)
    resource = InternalService(kube, call)
    resource.usual_ports = manifests.service_ports(items)
    resources: list[Resource] = [resource]
    if behind:
        by_options = behind.params.get("manifest") is None
        applied = workloads.resources(kube, behind, items, of_options=by_options, planned=planned)
        if any(one.path == resource.path for one in applied):
            raise InvalidInput(f"workload.manifest: {resource.label} is what this module makes: leave it out there")
        resources = [resource, *applied] if absent else [*applied, resource]
    consent = Consent(params["allow_disruption"], params.get("confirm_replace"))
    outcomes = converge(resources, consent, check_mode=call.check_mode)
    for outcome in outcomes:
        for warning in outcome.plan.warnings:
            call.warn(warning)
    own = next(outcome for outcome in outcomes if outcome.resource is resource)
    others = [outcome for outcome in outcomes if outcome.resource is not resource]
    problem: tuple[PodreachError, list[Json]] | None = None
    if resource.waits and not absent:
        problem = workloads.finish(kube, others)
        if not problem and not own.operation:
            try:
                own.observed = resource.await_address()
            except PodreachError as error:
                uid = ((own.observed or {}).get("metadata") or {}).get("uid")
                problem = error, resource.events(uid)
    result = report(own, call)
    if behind and not absent and params.get("ports") is None:
        resource.warn_of_ports(call, result["resource"])
    if behind:
        result |= {
            "changed": any(outcome.changed for outcome in outcomes),
            "plan": [step.as_result() for outcome in outcomes for step in outcome.steps],
            "operation": next((outcome.operation for outcome in outcomes if outcome.operation), None),
            "workload": workloads.described(others, items, call),
        }
        if call.diff:
            result["diff"] = [workloads.diff(outcome) for outcome in outcomes]
    if problem:
        found, events = problem
        found.changed = result["changed"]
        return {**failure(found), **result, "events": events}
    return result


def report(outcome: Outcome, call: Call) -> dict[str, t.Any]:
    """The result of a task."""
    service = outcome.plan.after if call.check_mode and outcome.changed else outcome.observed
    spec = (service or {}).get("spec") or {}
    found: dict[str, t.Any] = {
        "changed": outcome.changed,
        "plan": [step.as_result() for step in outcome.steps],
        "resource": without_managers(service),
        "operation": outcome.operation,
        "address": address_of(service),
        "cluster_ip": spec.get("clusterIP"),
        "node_ports": [
            {"port": port["port"], "protocol": port.get("protocol") or "TCP", "node_port": port["nodePort"]}
            for port in spec.get("ports") or []
            if port.get("nodePort")
        ],
        "annotations": annotations_of(service or {}),
    }
    if call.diff:
        found["diff"] = workloads.diff(outcome)
    return found


def without_managers(item: Json | None) -> Json | None:
    """An object without the bookkeeping of its fields' owners."""
    if item is None:
        return None
    metadata = {key: value for key, value in item["metadata"].items() if key != "managedFields"}
    return {**item, "metadata": metadata}


DEFINITION = Definition(name="internal_service", spec=SPEC, execute=execute, rehearse=rehearse)
