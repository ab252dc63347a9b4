# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shared VPC: host projects, the service projects attached to them, and what these may use of a host's networks.

Names of the API say XPN (cross-project networking). Words of refusals as users of Terraform report them:
https://github.com/GoogleCloudPlatform/gke-enterprise-mt/issues/20 (not a host, not attached),
https://github.com/hashicorp/terraform-provider-google/issues/6177 (a host that still has service projects),
https://github.com/terraform-google-modules/terraform-google-kubernetes-engine/issues/616 and 302 (missing roles).
"""

from __future__ import annotations

import typing as t

from .. import iam
from ..core import Call, method
from ..faults import ApiFault, in_use, invalid, required
from ..links import project_id, relative, self_link
from ..organization import PARENTS
from ..state import Body, Resource, State
from .common import NAME, cut, paged, same_project

HOST = "compute#xpnHost"
SERVICE = "compute#xpnResource"
CREATED = "1969-12-31T16:00:00.000-08:00"


# ---- what is so


def host_path(project: str) -> str:
    return f"projects/{project}/xpn/host"


def service_path(project: str) -> str:
    """Where a service project's link to its host is kept."""
    return f"projects/{project}/xpn/resource"


def is_host(state: State, project: str) -> bool:
    return state.get(host_path(project)) is not None


def host_of(state: State, project: str) -> str:
    """The host project that a service project is attached to, '' without one."""
    found = state.get(service_path(project))
    return "" if found is None else str(found.body["host"])


def services_of(state: State, host: str) -> list[str]:
    return [item.project for item in state.of_kind(SERVICE) if item.body["host"] == host]


def project_body(state: State, project: str) -> Body:
    number = state.projects[project]
    return {
        "kind": "compute#project",
        "id": number,
        "creationTimestamp": CREATED,
        "name": project,
        "selfLink": self_link(f"projects/{project}"),
        "defaultServiceAccount": f"{number}-compute@developer.gserviceaccount.com",
        "xpnProjectStatus": "HOST" if is_host(state, project) else "UNSPECIFIED_XPN_PROJECT_STATUS",
        "defaultNetworkTier": "PREMIUM",
        "commonInstanceMetadata": {"kind": "compute#metadata", "fingerprint": "AAAAAAAAAAA="},
    }


# ---- what may be used


def may(call: Call, permission: str, path: str) -> bool:
    """Whether the caller has a permission on a project or a subnetwork."""
    return call.caller.may_use(path.split("/")[1]) or iam.permitted(call.state, call.caller.email, permission, path)


def usable_subnetwork(call: Call, found: Resource, field: str, value: t.Any) -> Resource:
    """Refuse another project's subnetwork, unless it is the host's and the caller may use it."""
    if found.project == call.project:
        return found
    if host_of(call.state, call.project) != found.project:
        return same_project(call, found, field, value)
    if not may(call, "compute.subnetworks.use", found.path):
        raise ApiFault(403, f"Required 'compute.subnetworks.use' permission for '{found.path}'", "forbidden")
    return found


def check_cluster(call: Call, host: str) -> None:
    """Whether clusters of the request's project may be in a network of another one: the projects must be attached,
    and GKE's agent must be let into the host."""
    state = call.state
    if host == call.project:
        return
    if host_of(state, call.project) != host:
        message = f'Project "{call.project}" does not have an associated Shared-VPC host project.'
        raise ApiFault(400, message, "badRequest")
    if not iam.permitted(state, iam.gke_agent(state, call.project), "container.hostServiceAgent.use", projects(host)):
        raise ApiFault(
            403,
            "Kubernetes Engine Service Agent is missing required permissions on this project. See "
            "https://cloud.google.com/kubernetes-engine/docs/troubleshooting#gke_service_account_deleted for more "
            f'info: required "container.hostServiceAgent.use" permission(s) for "{projects(host)}".',
            "forbidden",
        )


def check_agents(state: State, project: str, subnetwork: str) -> None:
    """Whether Google's agents of a project may put nodes into a subnetwork ('' in a legacy network); the error of the
    operation if not."""
    if not subnetwork or subnetwork.split("/")[1] == project:
        return
    for who, permission in (
        (iam.gke_agent(state, project), "compute.subnetworks.get"),
        (iam.google_agent(state, project), "compute.subnetworks.use"),
    ):
        if not iam.permitted(state, who, permission, subnetwork):
            message = f"Google Compute Engine: Required '{permission}' permission for '{subnetwork}'"
            raise ApiFault(403, message, "forbidden")


def projects(project: str) -> str:
    return f"projects/{project}"


# ---- hosts


def administer(call: Call) -> None:
    """Refuse callers that are not Shared VPC Admin of the organization."""
    inside = {name for name in PARENTS if "/" not in name and name != "podreach-forbidden"}
    if not all(call.caller.may_use(name) for name in inside):
        verb = call.method.id.rsplit(".", 1)[1]
        message = f"Required 'compute.organizations.{verb}' permission for '{projects(call.project)}'"
        raise ApiFault(403, message, "forbidden")


def unusable(message: str) -> ApiFault:
    return ApiFault(400, f"Invalid resource usage: '{message}'.", "invalidResourceUsage")


def begin(call: Call, finish: t.Callable[[], None]) -> Body:
    """These operations are the host's own: their target is the project."""
    verb = call.method.id.rsplit(".", 1)[1]
    return call.compute_operation(verb, projects(call.project), call.state.projects[call.project], finish)


@method("compute.projects.enableXpnHost")
def enable_host(call: Call) -> Body:
    administer(call)
    host = host_of(call.state, call.project)
    if host:
        raise unusable(f"'{projects(call.project)}' is a service project of the shared VPC host '{projects(host)}'.")

    def finish() -> None:
        if not is_host(call.state, call.project):
            call.state.add(Resource(HOST, host_path(call.project), {}))

    return begin(call, finish)


@method("compute.projects.disableXpnHost")
def disable_host(call: Call) -> Body:
    administer(call)
    if services_of(call.state, call.project):
        message = "Cannot disable project as a shared VPC host because it has active service projects."
        raise ApiFault(400, message, "badRequest")
    return begin(call, lambda: call.state.remove(host_path(call.project)))


# ---- service projects


def named_service(call: Call) -> str:
    """The service project that the request's body names."""
    wanted = call.body.get("xpnResource") or {}
    if not wanted.get("id"):
        raise required("xpnResource.id")
    if wanted.get("type", "PROJECT") != "PROJECT":
        raise invalid("xpnResource.type", wanted["type"], "Only projects can be service resources.")
    project = project_id(wanted["id"])
    if not NAME.fullmatch(project) or project not in call.state.projects:
        raise ApiFault(404, f"The resource '{projects(project)}' was not found", "notFound")
    if not call.caller.may_use(project):
        verb = call.method.id.rsplit(".", 1)[1]
        raise ApiFault(
            403, f"Required 'compute.organizations.{verb}' permission for '{projects(project)}'", "forbidden"
        )
    return project


@method("compute.projects.enableXpnResource")
def enable_resource(call: Call) -> Body:
    administer(call)
    service = named_service(call)
    if not is_host(call.state, call.project):
        raise unusable(f"'{projects(call.project)}' is not a shared VPC host project.")
    if service == call.project or is_host(call.state, service):
        raise unusable(f"'{projects(service)}' is a shared VPC host project.")
    host = host_of(call.state, service)
    if host not in ("", call.project):
        raise unusable(
            f"The resource '{projects(service)}' is already linked to another shared VPC host '{projects(host)}'"
        )

    def finish() -> None:
        if not host_of(call.state, service):
            call.state.add(Resource(SERVICE, service_path(service), {"host": call.project}))

    return begin(call, finish)


@method("compute.projects.disableXpnResource")
def disable_resource(call: Call) -> Body:
    administer(call)
    service = named_service(call)
    if host_of(call.state, service) != call.project:
        raise unusable(
            f"The resource '{projects(service)}' is not linked to shared VPC host '{projects(call.project)}'"
        )
    user = user_of(call.state, service, call.project)
    if user:
        raise in_use("project", projects(service), user)
    return begin(call, lambda: call.state.remove(service_path(service)))


def user_of(state: State, service: str, host: str) -> str:
    """What of a service project is in a network of its host; '' when nothing is."""
    for item in state.of_kind("container#cluster", service):
        if item.hidden["network"].split("/")[1] == host:
            return item.path
    for item in state.of_kind("compute#instance", service):
        if any(relative(card["network"], service).split("/")[1] == host for card in item.body["networkInterfaces"]):
            return item.path
    for kind in ("compute#address", "compute#forwardingRule"):
        for item in state.of_kind(kind, service):
            if relative(item.body["subnetwork"], service).split("/")[1] == host:
                return item.path
    return ""


# ---- reading


@method("compute.projects.get")
def get_project(call: Call) -> Body:
    return project_body(call.state, call.project)


@method("compute.projects.getXpnHost")
def get_host(call: Call) -> Body:
    """Empty for a project without a host."""
    host = host_of(call.state, call.project)
    return project_body(call.state, host) if host else {}


@method("compute.projects.getXpnResources")
def get_resources(call: Call) -> Body:
    found = sorted(services_of(call.state, call.project))
    page, token = cut(found, call.query.get("maxResults", 500), call.query.get("pageToken", ""))
    answer: Body = {"kind": "compute#projectsGetXpnResources"}
    if page:
        answer["resources"] = [{"id": name, "type": "PROJECT"} for name in page]
    return answer | ({"nextPageToken": token} if token else {})


@method("compute.projects.listXpnHosts")
def list_hosts(call: Call) -> Body:
    """Those that the caller may see, of the one organization."""
    found = [
        project_body(call.state, item.project) for item in call.state.of_kind(HOST) if call.caller.may_use(item.project)
    ]
    page, token = paged(call, found)
    path = f"{projects(call.project)}/listXpnHosts"
    answer: Body = {"kind": "compute#xpnHostList", "id": path, "selfLink": self_link(path)}
    return answer | ({"items": page} if page else {}) | ({"nextPageToken": token} if token else {})
