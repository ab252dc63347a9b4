# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""container: operations, serverConfig and usable subnetworks. serviceusage: the state of an API."""

from __future__ import annotations

import re

from .. import iam
from ..compute import shared_vpc, subnetworks
from ..compute.common import cut
from ..core import Call, method
from ..faults import ApiFault
from ..operations import Operation
from ..state import Body, Resource
from . import versions
from .common import bad, location_of, shown
from .pod_ranges import use_of


def find_operation(call: Call) -> Operation:
    path = f"projects/{call.project}/locations/{call.params['locationsId']}/operations/{call.params['operationsId']}"
    found = call.lab.operations.get(path)
    if found is None or found.service != "container":
        raise ApiFault(404, f"Not found: {shown(path)}.", "notFound")
    return found


@method("container.projects.locations.operations.get")
def get_operation(call: Call) -> Body:
    return call.lab.operations.view(find_operation(call))


@method("container.projects.locations.operations.list")
def list_operations(call: Call) -> Body:
    location = call.params["locationsId"]
    found = [
        call.lab.operations.view(item)
        for item in call.lab.operations.of_project("container", call.project)
        if location in ("-", item.body["location"])
    ]
    return {"operations": found} if found else {}


@method("container.projects.locations.operations.cancel")
def cancel_operation(call: Call) -> Body:
    operation = find_operation(call)
    raise bad(f"Operation {operation.body['name']} cannot be cancelled.")


@method("container.projects.locations.getServerConfig")
def server_config(call: Call) -> Body:
    location_of(call)
    return {
        "defaultClusterVersion": versions.CHANNELS[versions.DEFAULT_CHANNEL][0],
        "validMasterVersions": versions.all_versions(),
        "validNodeVersions": versions.all_versions(),
        "defaultImageType": "COS_CONTAINERD",
        "validImageTypes": list(versions.IMAGE_TYPES),
        "channels": [
            {"channel": name, "defaultVersion": items[0], "validVersions": list(items)}
            for name, items in versions.CHANNELS.items()
        ],
    }


def usable(call: Call, host: str) -> list[Resource]:
    """The subnetworks of a project that the caller may put clusters of the request's project into. Those of a host
    project only GKE's agent can tell, which must be let in there."""
    state = call.state
    known = state.of_kind(subnetworks.KIND, host) if host in state.projects else []
    mine = [item for item in known if shared_vpc.may(call, "compute.subnetworks.use", item.path)]
    if not mine and not call.caller.may_use(host):
        raise ApiFault(403, f'Required "compute.subnetworks.list" permission for "projects/{host}".', "forbidden")
    if host == call.project:
        return mine
    agent = iam.gke_agent(state, call.project)
    let_in = iam.permitted(state, agent, "container.hostServiceAgent.use", f"projects/{host}")
    return mine if let_in and shared_vpc.host_of(state, call.project) == host else []


@method("container.projects.aggregated.usableSubnetworks.list")
def usable_subnetworks(call: Call) -> Body:
    host = call.project
    text = call.query.get("filter", "")
    if text:
        match = re.fullmatch(r'networkProjectId\s*=\s*"?([\w-]+)"?', text.strip())
        if not match:
            raise bad(f"Invalid filter: '{text}'. Only networkProjectId=PROJECT is supported.")
        host = match[1]
    found = []
    for item in usable(call, host):
        body: Body = {
            "subnetwork": item.path,
            "network": item.body["network"].split("/v1/", 1)[1],
            "ipCidrRange": item.body["ipCidrRange"],
        }
        ranges = [
            {"rangeName": name, "ipCidrRange": block, "status": use_of(call, item, name)}
            for name, block in subnetworks.secondary(item).items()
        ]
        agent = iam.gke_agent(call.state, call.project)
        if host != call.project and not iam.permitted(call.state, agent, "compute.subnetworks.get", item.path):
            body["statusMessage"] = f"Required 'compute.subnetworks.get' permission for '{item.path}'"
        elif ranges:
            body["secondaryIpRanges"] = ranges
        found.append(body)
    found.sort(key=lambda item: str(item["subnetwork"]))
    page, token = cut(found, min(call.query.get("pageSize", 500), 500), call.query.get("pageToken", ""))
    return ({"subnetworks": page} if page else {}) | ({"nextPageToken": token} if token else {})


@method("serviceusage.services.get")
def get_service(call: Call) -> Body:
    place, project, service = call.params["v1Id"], call.params["v1Id1"], call.params["servicesId"]
    if place != "projects" or not call.caller.may_use(project):
        raise ApiFault(403, f"Permission denied to get service [{service}]", "forbidden")
    number = call.state.projects[project]
    return {
        "name": f"projects/{number}/services/{service}",
        "parent": f"projects/{number}",
        "config": {"name": service},
        "state": "ENABLED",
    }


@method("iamcredentials.projects.serviceAccounts.generateAccessToken")
def generate_token(call: Call) -> Body:
    text = call.body.get("lifetime", "3600s")
    match = re.fullmatch(r"(\d+)s", text)
    if not call.body.get("scope"):
        raise bad("Request contains an invalid argument: scope is required.")
    if not match or not 0 < int(match[1]) <= 43200:
        raise bad(f"Request contains an invalid argument: lifetime {text}.")
    return call.lab.accounts.impersonate(call.caller, call.params["serviceAccountsId"], int(match[1]))
