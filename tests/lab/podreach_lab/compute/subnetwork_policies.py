# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.subnetworks: their policies, and which of them may be used."""

from __future__ import annotations

from .. import iam
from ..core import Call, method
from ..faults import ApiFault, required
from ..links import project_id, self_link
from ..state import Body, Resource
from . import shared_vpc, subnetworks
from .common import check_region, paged, ready


def target(call: Call) -> Resource:
    return ready(call.get(subnetworks.path_of(call.project, check_region(call), call.params["resource"])))


@method("compute.subnetworks.getIamPolicy")
def get_policy(call: Call) -> Body:
    return target(call).hidden.get("policy", {"version": 1, "etag": iam.EMPTY_ETAG})


@method("compute.subnetworks.setIamPolicy")
def set_policy(call: Call) -> Body:
    """Takes effect at once: there is no operation."""
    subnetwork = target(call)
    wanted = call.body.get("policy") or {name: call.body[name] for name in ("bindings", "etag") if name in call.body}
    if not wanted:
        raise required("policy")
    now = subnetwork.hidden.get("policy", {}).get("etag", iam.EMPTY_ETAG)
    if wanted.get("etag", now) != now:
        raise ApiFault(412, "Policy etag does not match the current policy's etag.", "conditionNotMet")
    kept = iam.checked(call.state, wanted)
    subnetwork.hidden["policy"] = kept
    call.state.changed_phase(subnetwork)
    return kept


@method("compute.subnetworks.testIamPermissions")
def test_permissions(call: Call) -> Body:
    subnetwork = target(call)
    owner = call.caller.may_use(call.project)
    mine = [
        name
        for name in call.body.get("permissions", [])
        if (owner and iam.grants("roles/owner", name))
        or iam.permitted(call.state, call.caller.email, name, subnetwork.path)
    ]
    return {"permissions": mine} if mine else {}


@method("compute.subnetworks.listUsable")
def usable_subnetworks(call: Call) -> Body:
    """Those that the caller may use; with serviceProject, what that project may."""
    service = project_id(call.query.get("serviceProject", call.project))
    attached = service == call.project or shared_vpc.host_of(call.state, service) == call.project
    found = []
    for item in call.state.of_kind(subnetworks.KIND, call.project) if attached else ():
        if not shared_vpc.may(call, "compute.subnetworks.use", item.path):
            continue
        body: Body = {
            key: item.body[key]
            for key in ("ipCidrRange", "network", "purpose", "stackType", "role")
            if key in item.body
        }
        body["subnetwork"] = item.body["selfLink"]
        ranges = subnetworks.secondary(item)
        if ranges:
            body["secondaryIpRanges"] = [{"rangeName": name, "ipCidrRange": text} for name, text in ranges.items()]
        found.append(body)
    page, token = paged(call, found)
    path = f"projects/{call.project}/aggregated/subnetworks/listUsable"
    answer: Body = {
        "kind": "compute#usableSubnetworksAggregatedList",
        "id": path,
        "items": page,
        "selfLink": self_link(path),
    }
    return answer | ({"nextPageToken": token} if token else {})
