# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IAM policies of projects and subnetworks: read as a whole, merged, and written back if nobody else wrote meanwhile.

A policy is the only thing of Google's that is written as a whole: what is not sent back is gone. So only the members
that are meant are added or taken, of bindings without a condition, and all else is sent as it was read, with its etag.
Policies are read as version 3, which alone shows conditions:
https://cloud.google.com/iam/docs/policies#versions
"""

from __future__ import annotations

import copy
import typing as t

from ..errors import ApiError, Conflict, PodreachError
from .client import Client
from .fields import Json

#: role -> its members
Grants = dict[str, list[str]]
VERSION = 3


def is_project(path: str) -> bool:
    """Whether a policy is that of a project (``projects/P``), else of a subnetwork."""
    return path.count("/") == 1


def read(client: Client, path: str) -> Json | None:
    """The policy of a project or a subnetwork, by its path; ``None`` where there is no such subnetwork."""
    if is_project(path):
        body = {"options": {"requestedPolicyVersion": VERSION}}
        policy = client.request("cloudresourcemanager", "POST", f"{path}:getIamPolicy", body=body)
    else:
        found = client.get("compute", f"{path}/getIamPolicy", optionsRequestedPolicyVersion=VERSION)
        # a policy may be empty where there is no resource, too
        if found is None or (not found.get("bindings") and client.get("compute", path) is None):
            return None
        policy = found
    if not policy.get("etag"):
        raise PodreachError(f"{path}: its policy came without an etag, and cannot be changed safely", code="bad-answer")
    return policy


def write(client: Client, path: str, policy: Json, label: str) -> None:
    """Replace a policy, if it still is the one that was read; else a :class:`Conflict`: read and merge again."""
    service, separator = ("cloudresourcemanager", ":") if is_project(path) else ("compute", "/")
    try:
        client.mutate(service, "POST", f"{path}{separator}setIamPolicy", {"policy": policy}, resource=label)
    except ApiError as error:
        # the resource manager calls a stale etag 409, compute 412
        if isinstance(error, Conflict) or error.status != 409:
            raise
        raise Conflict(
            str(error), unsure=error.tries > 1, status=error.status, reason=error.reason, resource=label
        ) from None


def held(policy: Json, grants: Grants) -> Grants:
    """Which of the grants a policy has, without a condition."""
    return _chosen(grants, _members(policy), there=True)


def lacking(policy: Json, grants: Grants) -> Grants:
    """Which of the grants a policy does not have, or only under a condition."""
    return _chosen(grants, _members(policy), there=False)


def added(policy: Json, grants: Grants) -> Json:
    """The policy with these members as well."""
    then = copy.deepcopy(policy)
    bindings = then.setdefault("bindings", [])
    for role, members in lacking(policy, grants).items():
        plain = [item for item in bindings if item["role"] == role and not item.get("condition")]
        if not plain:
            plain = [{"role": role, "members": []}]
            bindings.extend(plain)
        plain[0].setdefault("members", []).extend(members)
    return then


def taken(policy: Json, grants: Grants) -> Json:
    """The policy without these members; a binding that has no member left goes, too."""
    then = copy.deepcopy(policy)
    kept = []
    for binding in then.get("bindings") or []:
        gone = grants.get(binding["role"], []) if not binding.get("condition") else []
        members = [who for who in binding.get("members") or [] if who not in gone]
        if members != (binding.get("members") or []):
            if not members:
                continue
            binding["members"] = members
        kept.append(binding)
    then["bindings"] = kept
    return then


def _members(policy: Json) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for binding in policy.get("bindings") or []:
        if not binding.get("condition"):
            found.setdefault(binding["role"], set()).update(binding.get("members") or [])
    return found


def _chosen(grants: Grants, members: t.Mapping[str, set[str]], *, there: bool) -> Grants:
    chosen = {
        role: [who for who in wanted if (who in members.get(role, ())) is there] for role, wanted in grants.items()
    }
    return {role: wanted for role, wanted in chosen.items() if wanted}
