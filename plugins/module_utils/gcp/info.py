# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading what exists, without changing it: one mechanism, and a table of the kinds that have an ``_info`` module.

One thing is got where its full path is known; else the API lists, where no place is named those of all places, and what
the API's filter cannot say in one form for all kinds (a name, a network by name or URL) is chosen from the answer.
Secrets never leave here: ``task.public`` says what they are.
https://cloud.google.com/compute/docs/reference/rest/v1/routers/aggregatedList, and its like for the other kinds;
https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.locations.clusters/list
"""

from __future__ import annotations

import dataclasses
import typing as t
from dataclasses import dataclass, field

from ..arguments import ArgumentSpec, Call, Definition
from ..errors import ApiError, InvalidInput, PodreachError, raise_all
from .auth import AUTH_SPEC
from .client import Client, relative
from .fields import Json, Link, dig
from .resource import NAME
from .task import public, rehearse


def _vpn_status(client: Client, gateway: Json) -> Json | None:
    """The gateway with its connections, and whether each has the tunnels that Google's promise asks for."""
    project, path = relative(gateway["selfLink"])
    answer = client.get("compute", f"projects/{project}/{path}/getStatus")
    return None if answer is None else {**gateway, "status": answer.get("result") or {}}


def _backends_health(client: Client, service: Json) -> Json | None:
    """The backend service with what its health checks find of each of its groups."""
    project, path = relative(service["selfLink"])
    health = []
    for backend in service.get("backends") or []:
        where, body = f"projects/{project}/{path}/getHealth", {"group": backend["group"]}
        answer = client.request("compute", "POST", where, body=body)
        health.append({"group": backend["group"], "healthStatus": answer.get("healthStatus") or []})
    return {**service, "health": health}


def _managed_instances(client: Client, group: Json) -> Json | None:
    """The group with its machines: what each is doing, and what the health check finds."""
    project, path = relative(group["selfLink"])
    found: list[Json] = []
    query: Json = {}
    while True:
        where = f"projects/{project}/{path}/listManagedInstances"
        answer = client.request("compute", "POST", where, query=query)
        found += answer.get("managedInstances") or []
        if not answer.get("nextPageToken"):
            return {**group, "managedInstances": found}
        query = {"pageToken": answer["nextPageToken"]}


#: given an object, the object with more; None where it is gone meanwhile
More = t.Callable[[Client, Json], "Json | None"]


@dataclass(frozen=True)
class Kind:
    """What is read: a collection of an API, where its objects live, and by what they are chosen."""

    collection: str
    #: the option that says where, None for what lives in the whole project
    place: str | None = None
    #: option -> the field that links to it
    links: t.Mapping[str, str] = field(default_factory=dict)
    #: option -> what it adds
    more: t.Mapping[str, More] = field(default_factory=dict)
    service: str = "compute"
    #: the result's key
    key: str = "resources"
    #: the option that says where instead of the first
    other_place: str | None = None

    @property
    def filtered(self) -> bool:
        """Whether the API can filter."""
        return self.service == "compute"

    @property
    def places(self) -> list[str]:
        """The options that say where, of which one may be given."""
        return [option for option in (self.place, self.other_place) if option]

    def path(self, project: str, place: str | None, other: str | None = None) -> str:
        """Where objects are listed: those of one place, or of all."""
        if self.service == "container":
            where = f"locations/{place or '-'}"
        elif not self.place or place == "global":
            where = "global"
        elif other:
            where = f"{self.other_place}s/{other}"
        else:
            where = f"{self.place}s/{place}" if place else "aggregated"
        return f"projects/{project}/{where}/{self.collection}"

    def spec(self) -> ArgumentSpec:
        names = ["name", *self.places, *self.links, "filter" if self.filtered else None]
        options: dict[str, t.Any] = {name: {"type": "str"} for name in names if name}
        options |= {name: {"type": "bool", "default": False} for name in self.more}
        return AUTH_SPEC.merge(
            ArgumentSpec(
                options={**options, "timeout": {"type": "int", "default": 600}},
                mutually_exclusive=(tuple(self.places),) if self.other_place else (),
            )
        )


_NETWORK = {"network": "network"}
#: module without _info -> what it reads
KINDS: t.Mapping[str, Kind] = {
    "address": Kind("addresses", "region", {"subnetwork": "subnetwork"}),
    "backend_service": Kind("backendServices", "region", more={"include_health": _backends_health}),
    "cluster": Kind("clusters", "location", {"network": "networkConfig.network"}, service="container"),
    "external_vpn_gateway": Kind("externalVpnGateways"),
    "firewall_rule": Kind("firewalls", links=_NETWORK),
    "instance": Kind("instances", "zone"),
    "instance_template": Kind("instanceTemplates"),
    "forwarding_rule": Kind(
        "forwardingRules", "region", {"backend_service": "backendService", "subnetwork": "subnetwork", **_NETWORK}
    ),
    "health_check": Kind("healthChecks", "region"),
    "instance_group_manager": Kind(
        "instanceGroupManagers",
        "region",
        {"instance_template": "instanceTemplate"},
        {"include_instances": _managed_instances},
        other_place="zone",
    ),
    "network": Kind("networks"),
    "route": Kind("routes", links=_NETWORK),
    "router": Kind("routers", "region", _NETWORK),
    "subnetwork": Kind("subnetworks", "region", _NETWORK),
    "vpn_gateway": Kind("vpnGateways", "region", _NETWORK, {"include_status": _vpn_status}),
    "vpn_tunnel": Kind("vpnTunnels", "region", {"vpn_gateway": "vpnGateway", "router": "router"}, key="tunnels"),
}


def definition(name: str) -> Definition:
    """The module that reads one kind of the table."""
    kind = KINDS[name]

    def execute(call: Call) -> dict[str, t.Any]:
        _check(kind, call.params)
        client = Client.for_call(dataclasses.replace(call, params={**call.params, "wait": True}))
        found = [item for item in _read(kind, client, call) if _chosen(kind, call.params, item)]
        for option, more in kind.more.items():
            if call.params[option]:
                found = [full for item in found if (full := more(client, item)) is not None]
        found.sort(
            key=lambda item: (str(item["name"]), str(item.get("region") or item.get("zone") or item.get("location")))
        )
        return {"changed": False, kind.key: [public(item) for item in found]}

    return Definition(name=f"{name}_info", spec=kind.spec(), execute=execute, rehearse=rehearse)


def _check(kind: Kind, params: t.Mapping[str, t.Any]) -> None:
    """Refuse names that cannot be any, which would ask for something else, before anything is sent."""
    errors: list[PodreachError] = []
    for option in ("name", *kind.places):
        if params[option] is not None and not NAME.fullmatch(params[option]):
            rule = "a name has 1 to 63 lower-case letters, digits and hyphens, and starts with a letter"
            errors.append(InvalidInput(f"{option}: {params[option]!r}: {rule}"))
    raise_all(errors)


def _read(kind: Kind, client: Client, call: Call) -> list[Json]:
    """What the API has there. What it could not read becomes a warning."""
    params = call.params
    project, name = str(client.project), params["name"]
    place, other = (params.get(option or "") for option in (kind.place, kind.other_place))
    path, query = kind.path(project, place, other), {"filter": params["filter"]} if params.get("filter") else {}
    if name and not query and (place or other or not kind.place):
        return _one(client, kind.service, f"{path}/{name}", project)
    if "/aggregated/" in path:
        # else one region that does not answer fails all; Google recommends it
        query["returnPartialSuccess"] = "true"

    def unread(where: str) -> None:
        call.warn(f"{path}: {where} could not be read: what is there is missing in {kind.key}. Ask again later.")

    return client.list_all(
        kind.service, path, kind.collection if kind.service == "container" else "items", unread, **query
    )


def _one(client: Client, service: str, path: str, project: str) -> list[Json]:
    """What is at a path, as a list. That the project itself does not exist is a failure."""
    try:
        return [client.request(service, "GET", path)]
    except ApiError as error:
        if error.status != 404 or error.message.rstrip(".").endswith(f"'projects/{project}' was not found"):
            raise
        return []


def _chosen(kind: Kind, params: t.Mapping[str, t.Any], item: Json) -> bool:
    return params["name"] in (None, item["name"]) and all(
        # a cluster that is being made may have the bare name alone
        params[option] is None or Link().same(dig(item, path) or item.get(option), params[option])
        for option, path in kind.links.items()
    )
