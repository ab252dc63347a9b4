# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cloudresourcemanager v1: what a project is, and who has which role in it."""

from __future__ import annotations

from . import iam
from .core import Call, method
from .faults import ApiFault
from .links import project_id
from .organization import ancestors
from .state import Body

DENIED = "The caller does not have permission"


def project_of(call: Call, name: str) -> str:
    """The request's project, which must exist and be the caller's."""
    project = project_id(call.params[name])
    if project not in call.state.projects or not call.caller.may_use(project):
        raise ApiFault(403, DENIED, "forbidden")
    return project


@method("cloudresourcemanager.projects.get")
def get_project(call: Call) -> Body:
    project = project_of(call, "projectId")
    kind, number = ancestors(project)[-1].split("/")
    return {
        "projectNumber": call.state.projects[project],
        "projectId": project,
        "lifecycleState": "ACTIVE",
        "name": project,
        "createTime": "2026-01-01T00:00:00.000Z",
        "parent": {"type": kind.removesuffix("s"), "id": number},
    }


@method("cloudresourcemanager.projects.getIamPolicy")
def get_policy(call: Call) -> Body:
    return iam.project_policy(call.state, project_of(call, "resource"))


@method("cloudresourcemanager.projects.setIamPolicy")
def set_policy(call: Call) -> Body:
    project = project_of(call, "resource")
    wanted = call.body.get("policy") or {}
    now = iam.project_policy(call.state, project)["etag"]
    if wanted.get("etag", now) != now:
        raise ApiFault(
            409,
            "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff. "
            f"The request's ETag '{wanted['etag']}' did not match the current policy's ETag '{now}'.",
            "aborted",
            status="ABORTED",
        )
    kept = iam.checked(call.state, wanted)
    owners = [who for item in kept.get("bindings", []) if item["role"] == "roles/owner" for who in item["members"]]
    if not owners:
        raise ApiFault(400, "Policy must have at least one owner.", "failedPrecondition", status="FAILED_PRECONDITION")
    return iam.set_project_policy(call.state, project, kept)


@method("cloudresourcemanager.projects.testIamPermissions")
def test_permissions(call: Call) -> Body:
    project = project_id(call.params["resource"])
    asked = call.body.get("permissions", [])
    if project not in call.state.projects:
        raise ApiFault(403, DENIED, "forbidden")
    mine = [
        name
        for name in asked
        if (call.caller.may_use(project) and iam.grants("roles/owner", name))
        or iam.permitted(call.state, call.caller.email, name, f"projects/{project}")
    ]
    return {"permissions": mine} if mine else {}
