# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which subnetworks clusters of a project may use, and what is missing where they may not.

https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.aggregated.usableSubnetworks/list
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ..arguments import ArgumentSpec, Call, Definition
from ..errors import ApiError, InvalidInput, PodreachError, raise_all
from .auth import AUTH_SPEC
from .client import Client, relative
from .fields import Json
from .resource import NAME
from .service_agents import HOST_AGENT_USER, NETWORK_USER, gke_agent, google_agent
from .task import rehearse

SPEC = AUTH_SPEC.merge(
    ArgumentSpec(
        options={
            "host_project": {"type": "str"},
            "region": {"type": "str"},
            "network": {"type": "str"},
            "name": {"type": "str"},
            "timeout": {"type": "int", "default": 600},
        }
    )
)


Read = t.TypeVar("Read")


def listed(client: Client, project: str, host: str) -> list[Json]:
    """The subnetworks of a host project that clusters of a project may use, as the API tells them."""
    path = f"projects/{project}/aggregated/usableSubnetworks"
    return client.list_all("container", path, "subnetworks", filter=f"networkProjectId={host}")


def host_of(client: Client, project: str) -> str:
    """The host project that a project is attached to, empty without one."""
    return str((client.get("compute", f"projects/{project}/getXpnHost") or {}).get("name") or "")


def obstacles(client: Client, project: str, subnetwork: str) -> tuple[list[Json], list[str]]:
    """What clusters of a project may use of another one's subnetworks, and what keeps them from this one, each with its
    remedy; nothing where they may use it.

    Whether Google's other account may use it, which makes the nodes, the API does not tell.
    """
    host = subnetwork.split("/")[1]
    told = f"GKE does not name {subnetwork} among those that clusters of {project} may use"
    try:
        usable = listed(client, project, host)
    except ApiError as error:
        if error.status != 403:
            raise
        usable, told = [], f"whether clusters of {project} may use {subnetwork} cannot be asked ({error})"
    found = [item for item in usable if item.get("subnetwork") == subnetwork]
    if found and not found[0].get("statusMessage"):
        return usable, []
    # what may not be read is taken for right
    attached = _unless_forbidden(lambda: host_of(client, project), host)
    if attached != host:
        now = f"to {attached}, and a project has one host" if attached else "to no host project"
        problem = f"project {project} is not attached to the host project {host} (it is attached {now})"
        return usable, [
            f"{problem}: let a Shared VPC admin attach it, by the role or module podreach.gke.shared_vpc, or by gcloud "
            f"compute shared-vpc associated-projects add {project} --host-project {host}"
        ]
    number = _unless_forbidden(lambda: _number(client, project), "")
    number = number or f"NUMBER-OF-{project}"
    both = f"{gke_agent(number)} and {google_agent(number)}"
    use = f"{NETWORK_USER} on {subnetwork} (or on all of {host}) to {both}"
    remedy = "the role or module podreach.gke.shared_vpc gives them"
    if found:
        return usable, [f"{subnetwork} cannot be used yet: {found[0]['statusMessage']}. It takes {use}: {remedy}"]
    return usable, [
        f"{told}. It takes {HOST_AGENT_USER} on project {host} to {gke_agent(number)}, and {use}: {remedy}. Whoever "
        f"creates the cluster needs {NETWORK_USER} there, too"
    ]


def _unless_forbidden(read: t.Callable[[], Read], otherwise: Read) -> Read:
    try:
        return read()
    except ApiError as error:
        if error.status != 403:
            raise
        return otherwise


def _number(client: Client, project: str) -> str:
    """A project's number, from its default account's name; empty where that is another one."""
    account = str((client.get("compute", f"projects/{project}") or {}).get("defaultServiceAccount"))
    found = re.fullmatch(r"(\d+)-compute@developer\.gserviceaccount\.com", account)
    return found[1] if found else ""


def execute(call: Call) -> dict[str, t.Any]:
    params = call.params
    _check({option: params[option] for option in ("region", "name")})
    client = Client.for_call(dataclasses.replace(call, params={**params, "wait": True}))
    project = str(client.project)
    attached = host_of(client, project)
    host = params["host_project"] or attached or project
    found = [_subnetwork(item) for item in listed(client, project, host)]
    wanted = {"region": params["region"], "name": params["name"]}
    network = params["network"] and relative(params["network"])[1].rpartition("/")[2]
    return {
        "changed": False,
        "host_project": attached or None,
        "subnetworks": sorted(
            (
                item
                for item in found
                if all(value in (None, item[option]) for option, value in wanted.items())
                and network in (None, item["network"].rpartition("/")[2])
            ),
            key=lambda item: str(item["subnetwork"]),
        ),
    }


DEFINITION = Definition(name="usable_subnetworks_info", spec=SPEC, execute=execute, rehearse=rehearse)


def _check(names: t.Mapping[str, str | None]) -> None:
    """Refuse names that cannot be any, before anything is sent."""
    errors: list[PodreachError] = []
    for option, value in names.items():
        if value is not None and not NAME.fullmatch(value):
            rule = "a name has 1 to 63 lower-case letters, digits and hyphens, and starts with a letter"
            errors.append(InvalidInput(f"{option}: {value!r}: {rule}"))
    raise_all(errors)


def _subnetwork(item: Json) -> Json:
    parts = item["subnetwork"].split("/")
    return {
        "name": parts[-1],
        "region": parts[3],
        "subnetwork": item["subnetwork"],
        "network": item["network"],
        "ip_cidr_range": item["ipCidrRange"],
        "secondary_ip_ranges": [
            {"range_name": extra["rangeName"], "ip_cidr_range": extra["ipCidrRange"], "status": extra.get("status")}
            for extra in item.get("secondaryIpRanges") or []
        ],
        "status_message": item.get("statusMessage"),
    }
