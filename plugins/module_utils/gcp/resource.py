# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Google resource is, as a declaration; see ``networks.py`` for the shortest one.

A resource says where it lives and lists its :class:`Field` s: which option becomes which field of the API, how the two
are compared, and how a difference is mended: by a patch, by a call of its own, or not at all. Planning, ownership,
waiting and verification are the same for all and stand here.
"""

from __future__ import annotations

import copy
import json
import re
import typing as t

from ..arguments import ArgumentSpec, Call
from ..engine import Grade, Plan, Step, Usual
from ..errors import ApiError, Conflict, InvalidInput, PodreachError, Refused, raise_all
from .client import Client
from .fields import CreateOnly, Field, Fixed, Json, Patch, Request, bury, dig, snake

#: Ends the description of everything that this collection created (most of these resources have no labels).
MARKER = "[podreach.gke]"

#: refusals to delete that mean: it, or what is in it, is somebody else's
KEPT = frozenset({"not-ours", "holds-others"})

#: https://cloud.google.com/compute/docs/naming-resources
NAME = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")

COMMON_SPEC = ArgumentSpec(
    options={
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "wait": {"type": "bool", "default": True},
        "timeout": {"type": "int", "default": 600},
        "allow_disruption": {"type": "bool", "default": False},
        "projects": {"type": "list", "elements": "str"},
    }
)


class GcpResource(Usual):
    """A Google resource and what the caller wants of it. Subclasses declare; see the module's docstring."""

    kind: t.ClassVar[str]
    service: t.ClassVar[str] = "compute"
    #: the role whose inputs are this resource's options
    role: t.ClassVar[str] = "network"
    fields: t.ClassVar[tuple[Field, ...]] = ()
    #: options that the create call cannot do without
    required: t.ClassVar[tuple[str, ...]] = ()
    #: whether a patch must carry the fingerprint that was read
    fingerprinted: t.ClassVar[bool] = False
    #: whether the description bears the mark of who created it (else a label does)
    marked_by_description: t.ClassVar[bool] = True

    def __init__(self, client: Client, call: Call, params: t.Mapping[str, t.Any]) -> None:
        self.client = client
        self.call = call
        self.params = params
        self.name: str = params["name"]
        self.project = params.get("project") or client.project
        #: what is brought about together with this one; the ones before it come first
        self.siblings: t.Sequence[GcpResource] = ()
        #: what was planned for it last
        self.planned: Plan | None = None
        self.errors: list[PodreachError] = []
        self.check_name("name", self.name)
        self.validate()
        raise_all(self.errors)

    # what a subclass may say

    @property
    def collection(self) -> str:
        """Where objects of this kind are listed and created, below the API's root."""
        raise NotImplementedError

    @property
    def operations_scope(self) -> str:
        """Where this resource's operations are listed."""
        return self.collection.rsplit("/", 1)[0]

    def validate(self) -> None:
        """Add to ``errors`` what can be known to be wrong without asking anybody."""

    def precheck(self, current: Json | None, after: Json, *, check_mode: bool) -> list[str]:
        """Look at the surroundings of a change that is about to be planned. Raises :class:`Refused`; returns
        warnings."""
        return []

    def creation(self, body: Json) -> Json:
        """The last word on the body of the create call."""
        return body

    def replacement(self, current: Json, differences: list[Refused], *, check_mode: bool) -> Plan | None:
        """The plan that replaces the resource where fixed fields differ; ``None``: it is refused."""
        return None

    def merged(self, item: Field, now: t.Any, wanted: t.Any) -> t.Any:
        """What a field shall be, given what it is and what the caller said."""
        return item.kind.merged(now, wanted, exact=bool(item.purge and self.params.get(item.purge)))

    def afterwards(self, observed: Json | None) -> Json | None:
        """Wait for what comes about by itself once all is done; the object as it is then."""
        return observed

    def telling(self, differences: list[Refused]) -> list[Refused]:
        """Of the fixed fields that differ, those that say what is wrong; the others follow from them."""
        return differences

    def removal_refusal(self, current: Json) -> Refused | None:
        """Why this object, which is ours, may not be deleted now, if so."""
        return None

    # what all have in common

    @property
    def path(self) -> str:
        return f"{self.collection}/{self.name}"

    @property
    def label(self) -> str:
        return f"{self.kind} {self.path}"

    def invalid(self, option: str, value: t.Any, problem: str, code: str = "invalid-input") -> None:
        """Note that an option's value is wrong, and why, and what to do."""
        shown_value = "" if problem.startswith(repr(value)) else f"{value!r}: "
        self.errors.append(
            InvalidInput(
                f"{self.kind} {self.name or '(no name)'}: {option}: {shown_value}{problem}",
                code=code,
                resource=self.label if self.name else None,
            )
        )

    def check_name(self, option: str, value: str, limit: int = 63) -> None:
        if not NAME.fullmatch(value) or len(value) > limit:
            self.invalid(
                option,
                value,
                f"a name has 1 to {limit} lower-case letters, digits and hyphens, starts with a letter and does not "
                "end with a hyphen",
            )

    def word(self, option: str, value: str) -> str:
        by_role = f" (from a role or playbook of this collection: -e {self.role}_{option}={value})" if self.role else ""
        return f"{option}: {value}{by_role}"

    def refused(self, problem: str, code: str = "refused") -> Refused:
        return Refused(f"{self.label}: {problem}", code=code, resource=self.label)

    @staticmethod
    def marked(current: Json) -> bool:
        """Whether this collection created the object."""
        return MARKER in str(current.get("description") or "")

    def sibling(self, path: str) -> GcpResource | None:
        """The sibling that lives at ``path``, if it is about to be changed, created or deleted."""
        for sibling in self.siblings:
            if sibling is not self and sibling.path == path and sibling.planned and sibling.planned.steps:
                return sibling
        return None

    def look_at(self, path: str) -> Json | None:
        """What is at a path of the compute API, as it will be when this resource's turn comes."""
        sibling = self.sibling(path)
        if sibling and sibling.planned and not (sibling.planned.before and sibling.planned.after):
            return sibling.planned.after
        found = self.client.get("compute", path)
        if sibling and sibling.planned and sibling.planned.after:
            return {**(found or {}), **sibling.planned.after}
        return found

    def read(self) -> Json | None:
        return self.client.get(self.service, self.path)

    def settle(self, current: Json | None) -> tuple[Json | None, str | None]:
        return current, None

    def pause(self, attempt: int) -> None:
        self.client.pause(attempt)

    def projection(self, data: Json | None) -> Json | None:
        """The fields that this resource manages, for diffs: no server-filled ones."""
        if data is None:
            return None
        shown: Json = {"name": data.get("name", self.name)}
        for item in self.fields:
            value = dig(data, item.path)
            if value is not None:
                bury(shown, item.path, copy.deepcopy(value))
        return shown

    def plan(self, current: Json | None, *, check_mode: bool) -> Plan:
        if self.params["state"] == "absent":
            self.planned = self._plan_removal(current)
        elif current is None:
            self.planned = self._plan_creation(check_mode=check_mode)
        else:
            self.planned = self._plan_update(current, check_mode=check_mode)
        return self.planned

    def _plan_removal(self, current: Json | None) -> Plan:
        if current is None:
            return Plan(None, None)
        before = self.projection(current)
        if self.marked(current):
            refusal = self.removal_refusal(current)
        else:
            refusal = self.refused(
                f"podreach.gke did not create it (no {MARKER} in its description, no label managed-by=podreach-gke), "
                "so it is not deleted. Delete it with the tool that made it.",
                code="not-ours",
            )
        if refusal and refusal.code in KEPT and self.params.get("unmarked") == "keep":
            return Plan(before, before, warnings=(f"{refusal} Left alone.",))
        if refusal:
            raise refusal
        step = Step("delete", f"delete {self.kind} {self.name}", Request("DELETE", self.path), Grade.DESTRUCTIVE)
        return Plan(before, None, (step,))

    def _plan_creation(self, *, check_mode: bool) -> Plan:
        missing = [option for option in self.required if dig(self.params, option) is None]
        if missing:
            raise InvalidInput(
                f"{self.label} does not exist, and to create it these options are missing: {', '.join(missing)}",
                resource=self.label,
            )
        body: Json = {"name": self.name}
        for item in self.fields:
            value = item.wanted(self.params)
            if value is not None:
                bury(body, item.path, item.kind.merged(None, value, exact=True))
        body = self.creation(self.mark(body))
        warnings = self.precheck(None, body, check_mode=check_mode)
        step = Step("create", f"create {self.kind} {self.name}", self.creation_request(body))
        return Plan(None, self.projection(body), (step,), tuple(warnings))

    def creation_request(self, body: Json) -> Request:
        return Request("POST", self.collection, body)

    def mark(self, body: Json) -> Json:
        """The body of a create call, saying that this collection made it."""
        body["description"] = f"{body['description']} {MARKER}" if body.get("description") else MARKER
        return body

    def _plan_update(self, current: Json, *, check_mode: bool) -> Plan:
        before = self.projection(current)
        after = copy.deepcopy(before) or {}
        patch: Json = {}
        patched: list[str] = []
        grade = Grade.SAFE
        steps: list[Step] = []
        fixed: list[Refused] = []
        for item in self.fields:
            wanted = item.wanted(self.params)
            if wanted is None or isinstance(item.change, CreateOnly):
                continue
            now = dig(current, item.path)
            if item.path == "description" and self.marked_by_description and self.marked(current):
                wanted = f"{wanted} {MARKER}" if wanted else MARKER
            new = self.merged(item, now, wanted)
            if item.kind.same(now, new):
                continue
            if isinstance(item.change, Fixed):
                fixed.append(
                    self.refused(
                        f"{item.option} is {shown(now)} and cannot become {shown(new)}: " + item.change.because,
                        code=item.change.code,
                    )
                )
            elif isinstance(item.change, Patch):
                bury(patch, item.path, new)
                patched.append(item.path)
                if item.change.grade(now, new) is not Grade.SAFE:
                    grade = item.change.grade(now, new)
            else:
                steps.extend(item.change.steps(self, current, new))
            bury(after, item.path, new)
        if fixed:
            replacement = self.replacement(current, fixed, check_mode=check_mode)
            if replacement:
                return Plan(before, replacement.after, replacement.steps, replacement.warnings)
            raise_all(self.telling(fixed))
        if patch:
            steps.insert(0, self.patch_step(current, patch, patched, grade))
        warnings = self.precheck(current, after, check_mode=check_mode) if steps else []
        return Plan(before, after, tuple(steps), tuple(warnings))

    def patch_step(
        self,
        current: Json,
        patch: Json,
        patched: t.Sequence[str],
        grade: Grade = Grade.SAFE,
        summary: str | None = None,
    ) -> Step:
        """One PATCH with exactly these fields, and the fingerprint where there is one."""
        if self.fingerprinted:
            patch = {"fingerprint": current.get("fingerprint"), **patch}
        summary = summary or f"change {', '.join(snake(path) for path in patched)} of {self.kind} {self.name}"
        return Step("update", summary, Request("PATCH", self.path, patch), grade, tuple(patched))

    def send(self, step: Step) -> str | None:
        request: Request = step.request
        try:
            operation = self.client.mutate(
                self.service, request.method, request.path, request.body, resource=self.label, **request.query
            )
        except ApiError as error:
            already = (step.action == "create" and error.status == 409) or (
                step.action == "delete" and error.status == 404
            )
            if not already:
                raise
            # somebody else was faster, or an earlier try of ours did arrive
            self.adopt()
            raise Conflict(
                str(error), unsure=error.tries > 1, status=error.status, reason=error.reason, resource=self.label
            ) from None
        return self.client.finish(self.service, operation, self.label)

    def adopt(self) -> None:
        """Wait for the operation that is changing this resource now, if there is one."""
        operation = self.client.in_flight(self.service, self.operations_scope, self.path)
        if operation:
            self.client.finish(self.service, operation, self.label)

    def lost(self, plan: Plan, observed: Json | None) -> list[str]:
        if plan.before is None or plan.after is None or observed is None:
            return []
        gone = []
        for item in self.fields:
            before = dig(plan.before, item.path)
            meant = item.kind.removed(before, dig(plan.after, item.path))
            for name in item.kind.removed(before, dig(observed, item.path)):
                if name not in meant:
                    gone.append(f"{item.option} {name}")
        return gone


def shown(value: t.Any) -> str:
    """A value as a message shows it: as it stands in YAML."""
    return "unset" if value is None else json.dumps(value)
