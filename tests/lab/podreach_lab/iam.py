# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what: the policies of projects and subnetworks, and the predefined roles that matter to networks.

What the lab's accounts may do in projects of their own is fixed (`auth.py`); policies give rights beyond that: to them
in other projects, and to Google's service agents, which act for GKE and for managed instances.
"""

from __future__ import annotations

import fnmatch
import re

from .auth import ACCOUNTS
from .faults import ApiFault
from .state import Body, Resource, State

PROJECT_POLICY = "cloudresourcemanager#policy"
EMPTY_ETAG = "ACAB"
"""Google's etag of a policy that nobody has set."""
MOST_MEMBERS = 1500

_READ = ("compute.*.get", "compute.*.list")
_NETWORK_READ = tuple(
    f"compute.{what}.{verb}"
    for what in ("addresses", "firewalls", "networks", "projects", "routers", "routes", "subnetworks", "vpn*")
    for verb in ("get", "list", "getEffectiveFirewalls")
)
_OPERATIONS = ("compute.globalOperations.*", "compute.regionOperations.*", "compute.zoneOperations.*")
ROLES: dict[str, tuple[str, ...]] = {
    "roles/owner": ("compute.*", "container.*", "resourcemanager.projects.*"),
    "roles/editor": ("compute.*", "container.*", "resourcemanager.projects.get"),
    "roles/viewer": (*_READ, "container.*.get", "container.*.list", "resourcemanager.projects.get"),
    "roles/compute.admin": ("compute.*", "resourcemanager.projects.get"),
    "roles/compute.networkAdmin": (
        *_NETWORK_READ,
        *_OPERATIONS,
        *(f"compute.{what}.*" for what in ("addresses", "networks", "routers", "routes", "subnetworks", "vpn*")),
    ),
    "roles/compute.networkUser": (
        *_NETWORK_READ,
        "compute.addresses.*Internal",
        *(f"compute.{what}.use*" for what in ("addresses", "networks", "subnetworks", "vpn*")),
    ),
    "roles/compute.networkViewer": _NETWORK_READ,
    "roles/compute.securityAdmin": (
        *_NETWORK_READ,
        *_OPERATIONS,
        "compute.firewallPolicies.*",
        "compute.firewalls.*",
        "compute.networks.updatePolicy",
    ),
    "roles/container.hostServiceAgentUser": ("compute.firewallPolicies.get", "container.hostServiceAgent.*"),
    "roles/container.serviceAgent": ("compute.*", "container.*"),
}
"""Role -> permissions. Those of other roles are not known to the lab: they are kept in policies and give nothing."""
_ORGANIZATIONS = "compute.organizations.*"
"""What no role of a project gives."""
_MAY_SHARE = ("roles/owner", "roles/compute.admin")
"""Who of them may change policies of subnetworks."""
_MEMBER = re.compile(r"(?:user|serviceAccount|group|domain|projectOwner|projectEditor|projectViewer):\S+")
_EVERYBODY = ("allUsers", "allAuthenticatedUsers")
_ROLE = re.compile(r"(?:(?:projects|organizations)/[^/]+/)?roles/[\w.]+")
_AGENT = re.compile(
    r"serviceAccount:(?:service-(\d+)@(?:container-engine-robot|compute-system)\.iam\.gserviceaccount\.com"
    r"|(\d+)(?:@cloudservices|-compute@developer)\.gserviceaccount\.com)"
)
_CHANGED = {"insert": "create", "patch": "update", "aggregatedList": "list", "wait": "get", "listUsable": "use"}


# ---- accounts


def member(email: str) -> str:
    return f"serviceAccount:{email}"


def gke_agent(state: State, project: str) -> str:
    """Who acts for GKE in a project."""
    return f"service-{state.projects[project]}@container-engine-robot.iam.gserviceaccount.com"


def google_agent(state: State, project: str) -> str:
    """Who makes the instances of managed groups in a project, nodes among them."""
    return f"{state.projects[project]}@cloudservices.gserviceaccount.com"


# ---- rights


def permission_of(method_id: str) -> str:
    """What a method of compute or container asks for: compute.networks.insert wants compute.networks.create."""
    service, _middle, rest = method_id.partition(".")
    what, _dot, verb = rest.rpartition(".")
    return f"{service}.{what.rpartition('.')[2]}.{_CHANGED.get(verb, verb)}"


def permitted(state: State, email: str, permission: str, path: str) -> bool:
    """Whether policies give an account a permission on a project (projects/P) or a subnetwork."""
    bindings = [*project_policy(state, path.split("/")[1])["bindings"]]
    found = state.get(path)
    if found is not None:
        bindings += found.hidden.get("policy", {}).get("bindings", [])
    who = {member(email), *_EVERYBODY}
    return any(grants(item["role"], permission) for item in bindings if who & set(item["members"]))


def grants(role: str, permission: str) -> bool:
    if fnmatch.fnmatchcase(permission, _ORGANIZATIONS):
        return False
    if permission.endswith(".setIamPolicy") and role not in _MAY_SHARE:
        return False
    return any(fnmatch.fnmatchcase(permission, pattern) for pattern in ROLES.get(role, ()))


# ---- policies


def policy_path(project: str) -> str:
    return f"projects/{project}/policies/iam"


def project_policy(state: State, project: str) -> Body:
    """A project's policy; before anybody sets one, the owners and what Google gives its own agents."""
    found = state.get(policy_path(project))
    if found is not None:
        return found.body
    owners = [
        member(f"{name}@{home}.iam.gserviceaccount.com")
        for name, (home, projects) in ACCOUNTS.items()
        if project in projects
    ]
    bindings = [
        {"role": "roles/container.serviceAgent", "members": [member(gke_agent(state, project))]},
        {"role": "roles/editor", "members": [member(google_agent(state, project))]},
    ]
    if owners:
        bindings.append({"role": "roles/owner", "members": owners})
    return {"version": 1, "etag": EMPTY_ETAG, "bindings": bindings}


def set_project_policy(state: State, project: str, policy: Body) -> Body:
    path = policy_path(project)
    found = state.get(path)
    if found is None:
        return state.add(Resource(PROJECT_POLICY, path, policy)).body
    found.body = policy
    state.changed(found)
    return policy


def checked(state: State, wanted: Body) -> Body:
    """A policy as it is kept: members without repetition, equal roles as one binding, a new etag."""
    roles: dict[str, list[str]] = {}
    for binding in wanted.get("bindings", []):
        role = binding.get("role", "")
        if binding.get("condition"):
            raise ApiFault(501, "The lab does not model conditions in policies.", "notImplemented")
        if not _ROLE.fullmatch(role):
            raise ApiFault(400, f"The role name must be in the form \"roles/{{role}}\": '{role}'.", "badRequest")
        for who in binding.get("members", []):
            check_member(state, who)
            if who not in roles.setdefault(role, []):
                roles[role].append(who)
    if sum(len(found) for found in roles.values()) > MOST_MEMBERS:
        raise ApiFault(400, f"A policy may have at most {MOST_MEMBERS} members.", "badRequest")
    kept: Body = {"version": 1, "etag": state.new_fingerprint()}
    if roles:
        kept["bindings"] = [{"role": role, "members": sorted(found)} for role, found in sorted(roles.items())]
    return kept


def check_member(state: State, who: str) -> None:
    if who in _EVERYBODY:
        return
    if not _MEMBER.fullmatch(who):
        message = f"The member {who} is of an unknown type. Please set a valid type prefix for the member."
        raise ApiFault(400, message, "badRequest")
    agent = _AGENT.fullmatch(who)
    if agent and (agent[1] or agent[2]) not in state.projects.values():
        raise ApiFault(400, f"Service account {who.partition(':')[2]} does not exist.", "badRequest")
