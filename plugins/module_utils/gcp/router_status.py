# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the status of Cloud Routers, and waiting for their sessions; ``bgp.py`` says what a status means.

https://cloud.google.com/compute/docs/reference/rest/v1/routers/getRouterStatus
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible.module_utils.basic import missing_required_lib

from .. import addressing, bgp
from ..arguments import ArgumentSpec, Call, Definition
from ..errors import ApiError, InvalidInput, PodreachError, Timeout, raise_all
from . import cluster_pod_ranges
from .auth import AUTH_SPEC
from .client import Client, network_path, relative
from .cluster_pod_ranges import PodRange
from .fields import Json, Link
from .resource import NAME
from .task import rehearse
from .unadvertised import Surroundings, explained

try:
    import jmespath
    import jmespath.exceptions
except ImportError as import_error:
    JMESPATH_ERROR: ImportError | None = import_error
else:
    JMESPATH_ERROR = None

SPEC = AUTH_SPEC.merge(
    ArgumentSpec(
        options={
            "name": {"type": "str"},
            "region": {"type": "str"},
            "network": {"type": "str"},
            "ranges": {"type": "list", "elements": "raw", "default": []},
            "pod_ranges": {"type": "bool", "default": False},
            "advertised_prefix_limit": {"type": "int", "default": bgp.PREFIX_LIMIT},
            "query": {"type": "str"},
            "include_raw": {"type": "bool", "default": False},
            "wait_established": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 300},
        }
    )
)


def execute(call: Call) -> dict[str, t.Any]:
    params = call.params
    _check(params)
    ranges = bgp.asked_ranges(params["ranges"])
    expression = _expression(params["query"])
    client = Client.for_call(dataclasses.replace(call, params={**params, "wait": True}))
    waits = params["wait_established"] and not call.check_mode
    found = _wait(client, params) if waits else _read(client, params)
    surroundings = Surroundings(client)
    pods: list[PodRange] = []
    unread: list[str] = []
    if params["pod_ranges"] and found:
        pods, unread = cluster_pod_ranges.read(client, {_network(client, router) for router, _status in found})
    result: dict[str, t.Any] = {
        "changed": False,
        "routers": [_shown(router, status, params, ranges, pods, surroundings) for router, status in found],
        **({"pod_ranges": [item.as_result() for item in pods]} if params["pod_ranges"] else {}),
    }
    result["unread"] = unread + surroundings.unread
    for problem in result["unread"]:
        call.warn(problem)
    if expression is not None:
        result["selected"] = _search(expression, result["routers"], params["query"])
    return result


DEFINITION = Definition(name="router_status_info", spec=SPEC, execute=execute, rehearse=rehearse)


def _check(params: t.Mapping[str, t.Any]) -> None:
    """Refuse what cannot be asked for, all of it at once and before anything is sent."""
    errors: list[PodreachError] = []
    for option in ("name", "region"):
        if params[option] is not None and not NAME.fullmatch(params[option]):
            rule = "a name has 1 to 63 lower-case letters, digits and hyphens, and starts with a letter"
            errors.append(InvalidInput(f"{option}: {params[option]!r}: {rule}"))
    for option in ("advertised_prefix_limit", "timeout"):
        if params[option] < 1:
            errors.append(InvalidInput(f"{option}: {params[option]}: write a whole number from 1 up"))
    raise_all(errors)


# -- reading

Found = list[tuple[Json, Json]]


def _read(client: Client, params: t.Mapping[str, t.Any]) -> Found:
    """The routers that are asked for, each with its status; none is no error."""
    found = []
    for router in _routers(client, params):
        # a router that was deleted meanwhile is none of them
        status = client.get("compute", f"{_path(router)}/getRouterStatus")
        if status is not None:
            found.append((router, status))
    return found


def _routers(client: Client, params: t.Mapping[str, t.Any]) -> list[Json]:
    name, region, network = params["name"], params["region"], params["network"]
    project = f"projects/{client.project}"
    if name and region:
        router = client.get("compute", f"{project}/regions/{region}/routers/{name}")
        routers = [router] if router else []
    elif region:
        routers = client.list_all("compute", f"{project}/regions/{region}/routers")
    else:
        routers = client.list_all("compute", f"{project}/aggregated/routers")
    return [
        router
        for router in routers
        if name in (None, router["name"]) and (network is None or Link().same(network, router.get("network")))
    ]


def _path(router: Json) -> str:
    project, path = relative(router["selfLink"])
    return f"projects/{project}/{path}"


def _peers(router: Json, status: Json) -> list[tuple[bgp.Peer, Json]]:
    """The sessions of a router with their configuration: those that its status has, and those that it has not yet."""
    configured = {item["name"]: item for item in router.get("bgpPeers") or []}
    peers = bgp.read(status, where=f"status of router {router['name']}").peers
    told = {peer.name for peer in peers}
    peers += tuple(
        bgp.Peer(name, ip_address=item.get("ipAddress"), peer_ip_address=item.get("peerIpAddress"))
        for name, item in configured.items()
        if name not in told
    )
    return [(peer, configured.get(peer.name, {})) for peer in peers]


def _enabled(configuration: Json) -> bool:
    # a string, says the discovery document
    return configuration.get("enable") != "FALSE"


# -- waiting


def _wait(client: Client, params: t.Mapping[str, t.Any]) -> Found:
    """Read again until every session that is not disabled is up. Raises :class:`Timeout` naming those that are not."""
    seconds = params["timeout"]
    latest: Found = []

    def missing() -> list[str]:
        latest[:] = _read(client, params)
        return _not_up(latest)

    if client.wait_until(missing, seconds, "BGP sessions"):
        left = _not_up(latest, lambda router, peer: _tunnel(client, router, peer))
        raise Timeout(
            f"not every BGP session is Established after {seconds} s: {'; '.join(left)}. Look at the tunnel first, "
            "then at the addresses and ASNs of both sides.",
            code=bgp.SESSION_DOWN,
            resource=", ".join(f"router {_path(router)}" for router, _status in latest) or None,
        )
    return latest


def _not_up(found: Found, more: t.Callable[[Json, bgp.Peer], str] = lambda router, peer: "") -> list[str]:
    """What the sessions of some routers still lack; ``more`` says more about one."""
    if not found:
        return ["there is no such router"]
    left = []
    enabled = [
        (router, [peer for peer, configuration in _peers(router, status) if _enabled(configuration)])
        for router, status in found
    ]
    # beside others, one without peers may be of Cloud NAT, and never have any
    some = any(peers for _router, peers in enabled)
    for router, peers in enabled:
        if not peers and not some:
            left.append(f"router {router['name']} has no enabled BGP peer")
        for peer in peers:
            if not peer.up:
                reason = f" ({peer.status_reason})" if peer.status_reason else ""
                left.append(f"{router['name']}/{peer.name} is {peer.condition}{reason}{more(router, peer)}")
    return left


def _tunnel(client: Client, router: Json, peer: bgp.Peer) -> str:
    """What the tunnel below a session says of itself."""
    name = peer.linked_vpn_tunnel or _interface_tunnel(router, peer)
    if not name:
        return ", no VPN tunnel is linked"
    path = f"{_path(router).rpartition('/routers/')[0]}/vpnTunnels/{name}"
    try:
        tunnel = client.get("compute", path)
    except ApiError as error:
        return f", its tunnel {name} cannot be read: {error.message}"
    if tunnel is None:
        return f", its tunnel {name} does not exist"
    details = str(tunnel.get("detailedStatus") or "").rstrip(".")
    return f", its tunnel {name} is {tunnel.get('status')}" + (f": {details}" if details else "")


def _interface_tunnel(router: Json, peer: bgp.Peer) -> str | None:
    """The tunnel of the interface that a peer is configured on."""
    interfaces = {item.get("name"): item.get("linkedVpnTunnel") for item in router.get("interfaces") or []}
    for item in router.get("bgpPeers") or []:
        if item["name"] == peer.name:
            return str(Link().canonical(interfaces.get(item.get("interfaceName"))) or "") or None
    return None


# -- the result


def _network(client: Client, router: Json) -> str:
    return network_path(router.get("network"), client.project)


def _wanted(ranges: list[addressing.Range], pods: list[PodRange], network: str) -> list[addressing.Range]:
    """What is asked for, and the pods' ranges of a network, each range once."""
    asked = {item.cidr for item in ranges}
    theirs = [item for item in pods if item.network == network and item.cidr not in asked]
    return [*ranges, *(addressing.Range(item.cidr, item.name) for item in theirs)]


def _shown(
    router: Json,
    status: Json,
    params: t.Mapping[str, t.Any],
    ranges: list[addressing.Range],
    pods: list[PodRange],
    surroundings: Surroundings,
) -> dict[str, t.Any]:
    wanted = _wanted(ranges, pods, _network(surroundings.client, router))
    peers = [
        (dataclasses.replace(peer, linked_vpn_tunnel=peer.linked_vpn_tunnel or _interface_tunnel(router, peer)), its)
        for peer, its in _peers(router, status)
    ]
    whole = bgp.read(status)

    def lacking(them: t.Sequence[bgp.Peer], configuration: Json, *, each_peer: bool) -> list[Json]:
        """What sessions do not advertise; why, the configuration of one of them says."""
        found = bgp.missing_ranges(bgp.RouterStatus(tuple(them)), wanted, each_peer=each_peer)
        told = (
            [explained(item, router, configuration, surroundings, pods) for item in found] if configuration else found
        )
        return t.cast("list[Json]", bgp.as_data(told))

    sessions = [
        {
            **bgp.as_data(peer),
            "peer_asn": configuration.get("peerAsn"),
            "enabled": _enabled(configuration),
            "prefix_headroom": bgp.as_data(_headroom(peer, configuration, router, params, surroundings)),
            "missing_ranges": lacking([peer], configuration, each_peer=True),
        }
        for peer, configuration in peers
    ]
    up = [configuration for peer, configuration in peers if peer.up]
    return {
        "name": router["name"],
        "region": Link().canonical(router.get("region")),
        "network": Link().canonical(router.get("network")),
        "asn": (router.get("bgp") or {}).get("asn"),
        "peers": sessions,
        "missing_ranges": lacking([peer for peer, _its in peers], up[0] if up else {}, each_peer=False),
        "differences": bgp.as_data(bgp.differences([peer for peer, configuration in peers if _enabled(configuration)])),
        "best_routes": bgp.as_data(whole.best_routes),
        "best_routes_for_router": bgp.as_data(whole.best_routes_for_router),
        **({"raw": status} if params["include_raw"] else {}),
    }


def _headroom(
    peer: bgp.Peer, configuration: Json, router: Json, params: t.Mapping[str, t.Any], surroundings: Surroundings
) -> bgp.Headroom:
    """Of a session that is down, what it would advertise counts: that may be why its peer ended it."""
    looked = configuration and _enabled(configuration) and not peer.up
    intended = surroundings.intended(router, configuration) if looked else []
    return bgp.prefix_headroom(peer, params["advertised_prefix_limit"], intended)


def _expression(query: str | None) -> t.Any:
    """A compiled query; refused before anything is read where it is none."""
    if query is None:
        return None
    if JMESPATH_ERROR:
        raise InvalidInput(f"query: {missing_required_lib('jmespath')} ({JMESPATH_ERROR})", code="missing-library")
    try:
        return jmespath.compile(query)
    except jmespath.exceptions.JMESPathError as error:
        raise InvalidInput(
            f"query: {query!r} is no JMESPath expression: {' '.join(str(error).split())}. Write one such as "
            "'routers[].peers[?!up].name[]'",
            code="query",
        ) from None


def _search(expression: t.Any, routers: list[dict[str, t.Any]], query: str) -> t.Any:
    try:
        return expression.search({"routers": routers})
    except jmespath.exceptions.JMESPathError as error:
        raise InvalidInput(
            f"query: {query!r} cannot be answered: {' '.join(str(error).split())}", code="query"
        ) from None
