# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold of the Shared VPCs of a topology, each by itself and all together: what the role would refuse later
without asking anybody, and what only all entries together tell.

Rules: https://cloud.google.com/vpc/docs/shared-vpc, https://cloud.google.com/kubernetes-engine/docs/how-to/cluster-shared-vpc
"""

from __future__ import annotations

import typing as t

from ..addressing import GKE_DEFAULT_SERVICES_RANGE
from .cluster_rules import routes_based
from .references import NETWORK_PATH, SUBNETWORK_PATH, host_of, region_of
from .shape import UNKNOWN, Report
from .values import Item, check_name, check_project, check_region, check_there, items, strings

if t.TYPE_CHECKING:
    from .reading import Entry


# ---------------------------------------------------------------------------------------------------------------------
# One Shared VPC


def check_shared_vpc(shared: Entry, report: Report) -> None:
    """One host project with some of its service projects. Regions of its subnetworks are already looked up."""
    host, services = host_of(shared), shared.clean.get("service_projects")
    check_project(report, shared.clean.get("host_project"), shared.at("host_project"))
    _check_may_be_written(shared, host, report)
    check_there(shared, report, "service_projects", "list the projects whose clusters are to use the host project")
    if services == []:
        report.error(shared.at("service_projects"), "it is empty: name at least one project")
    for project, path in strings(services, shared.at("service_projects")):
        check_project(report, project, path)
        if project == host:
            report.error(path, f"'{project}' is the host project itself: name the projects that are to use it")
    seconds = shared.clean.get("prerequisite_timeout")
    if isinstance(seconds, int) and seconds < 0:
        report.error(shared.at("prerequisite_timeout"), f"{seconds} is not a time to wait: use 0 or more seconds")
    for item, path in items(shared.clean.get("subnetworks"), shared.at("subnetworks")):
        _check_subnetwork(item, path, host, report)


def _check_may_be_written(shared: Entry, host: t.Any, report: Report) -> None:
    """In the cloud, only the entry's own project may be written where nobody lists others."""
    own = shared.effective("project")
    if shared.top.get("environment") != "cloud" or "projects" in shared.top or own is None:
        return
    if isinstance(host, str) and isinstance(own, str) and host != own:
        report.error(
            shared.at("host_project"),
            f"'{host}' is not among the allowed projects ({own}): add it to 'projects' at the top",
        )


def _check_subnetwork(item: Item, path: str, host: t.Any, report: Report) -> None:
    name, region = item.get("name"), item.get("region")
    if not isinstance(name, str):
        return
    check_region(report, item, f"{path}.region")
    given = SUBNETWORK_PATH.fullmatch(name)
    check_name(report, given["name"] if given else name, f"{path}.name")
    if given is None:
        return
    if isinstance(host, str) and given["project"] != host:
        report.error(
            f"{path}.name",
            f"'{name}' is of project {given['project']}, and the host project is {host}: name a subnetwork of that one",
        )
    if isinstance(region, str) and region != given["region"]:
        report.error(f"{path}.region", f"'{region}' is not the region of '{name}': remove it")


# ---------------------------------------------------------------------------------------------------------------------
# All of them


def check_shared_vpcs(entries: t.Sequence[Entry], report: Report) -> None:
    """Everything that takes several entries to see."""
    shared = [entry for entry in entries if entry.kind.key == "shared_vpcs"]
    _check_attached_once(shared, report)
    _check_hosts(shared, report)
    for entry in entries:
        if entry.kind.key == "clusters" and entry.present:
            _check_cluster(entry, shared, report)
            if entry.surely_present and _in_another_project(entry):
                _check_ranges_of(entry, report)


def _services(shared: Entry) -> list[tuple[str, str]]:
    return list(strings(shared.clean.get("service_projects"), shared.at("service_projects")))


def _all_known(shared: Entry) -> bool:
    """Whether no service project may be another one than is written."""
    listed = shared.clean.get("service_projects", [])
    return isinstance(listed, list) and all(isinstance(project, str) for project in listed)


def _check_attached_once(shared: list[Entry], report: Report) -> None:
    """A project has one host, and one entry that says so: two would undo each other."""
    claims: dict[tuple[t.Any, str], str] = {}
    hosts: dict[str, tuple[str, str]] = {}
    for entry in shared:
        host = host_of(entry)
        if not isinstance(host, str):
            continue
        for project, path in _services(entry):
            before = claims.setdefault((host, project), path)
            if before != path:
                report.error(
                    path,
                    f"'{project}' is already a service project of {host} at {before}: name it once, with all its "
                    "subnetworks there",
                )
                continue
            if not entry.surely_present or project == host:
                continue
            other, where = hosts.setdefault(project, (host, path))
            if other != host:
                report.error(
                    path,
                    f"'{project}' is a service project of {other} at {where}, and a project has one host project: "
                    "remove one of them",
                )


def _check_hosts(shared: list[Entry], report: Report) -> None:
    hosts: dict[str, Entry] = {}
    for entry in shared:
        host = host_of(entry)
        if isinstance(host, str) and entry.surely_present:
            hosts.setdefault(host, entry)
    for entry in shared:
        host = host_of(entry)
        if not isinstance(host, str):
            continue
        for project, path in _services(entry) if entry.surely_present else ():
            if project in hosts and project != host:
                report.error(
                    path,
                    f"'{project}' is the host project of {hosts[project].path}, and a host project cannot be attached "
                    "to another one: remove it",
                )
        others = [o for o in shared if o is not entry and host_of(o) == host]
        if entry.clean.get("disable_host") is True and others:
            report.error(
                entry.at("disable_host"),
                f"{host} has service projects at {others[0].path} too, which may still be attached then: remove it, or "
                "make one entry of both",
            )


def _check_cluster(cluster: Entry, shared: list[Entry], report: Report) -> None:
    """A cluster in a declared network of another project: the Shared VPC that lets it be there."""
    project, network = cluster.effective("project"), cluster.network
    host = network.effective("project") if network is not None else None
    if not isinstance(project, str) or not isinstance(host, str) or project == host:
        return
    found = [e for e in shared if host_of(e) == host and project in [name for name, _path in _services(e)]]
    if not found:
        if cluster.surely_present and all(isinstance(host_of(e), str) and _all_known(e) for e in shared):
            report.warning(
                cluster.at("network"),
                f"it is a network of {host}, and no entry of shared_vpcs attaches '{project}' to that: declare one, "
                "unless somebody else does it",
            )
        return
    entry = found[0]
    if not entry.present:
        report.error(
            cluster.at("network"),
            f"'{project}' is to use networks of {host} no longer, by {entry.path} with state absent: take that away, "
            "or make the cluster absent too",
        )
    elif cluster.surely_present and not _shares(entry, cluster):
        report.warning(
            cluster.at("subnetwork"),
            f"'{cluster.clean['subnetwork']}' is not among the subnetworks of {entry.path}, which attaches '{project}' "
            f"to {host}: add it there, unless somebody else shares it",
        )


def _in_another_project(cluster: Entry) -> bool:
    """Is its network certainly one of a host project?"""
    name, own = cluster.clean.get("network"), cluster.effective("project")
    path = NETWORK_PATH.fullmatch(name) if isinstance(name, str) else None
    host = path["project"] if path else cluster.network.effective("project") if cluster.network is not None else None
    return isinstance(own, str) and isinstance(host, str) and own != host


def _check_ranges_of(cluster: Entry, report: Report) -> None:
    """GKE makes no ranges in a host project: they are there, and named. It may have Services in its own range."""
    policy, at = cluster.clean.get("ip_allocation_policy", {}), cluster.at("ip_allocation_policy")
    if not isinstance(policy, dict):
        return
    where = "the network is another project's"
    if routes_based(cluster):
        report.error(f"{at}.use_routes", f"{where}, where clusters cannot be routes-based: remove 'use_routes'")
        return
    if "cluster_secondary_range_name" not in policy:
        report.error(
            f"{at}.cluster_secondary_range_name",
            f"'cluster_secondary_range_name' is missing, and {where}, where GKE makes no ranges: name a secondary "
            "range of the subnetwork for pods",
        )
    services = policy.get("services_ipv4_cidr_block", GKE_DEFAULT_SERVICES_RANGE)
    if services not in (UNKNOWN, GKE_DEFAULT_SERVICES_RANGE):
        report.error(
            f"{at}.services_ipv4_cidr_block",
            f"{where}, where GKE makes no ranges: name a secondary range with 'services_secondary_range_name' instead, "
            "or neither, for GKE's own",
        )


def _shares(shared: Entry, cluster: Entry) -> bool:
    """May it be that the cluster's subnetwork is shared?"""
    subnetwork, listed = cluster.clean.get("subnetwork"), shared.clean.get("subnetworks", [])
    if not isinstance(subnetwork, str) or not isinstance(listed, list) or shared.clean.get("all_subnetworks", False):
        return True
    wanted = SUBNETWORK_PATH.fullmatch(subnetwork)
    name = wanted["name"] if wanted else subnetwork
    region = wanted["region"] if wanted else region_of(cluster.effective("location"))
    for item in listed:
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            return True
        path = SUBNETWORK_PATH.fullmatch(item["name"])
        its_name, its_region = (path["name"], path["region"]) if path else (item["name"], item.get("region"))
        if its_name == name and (region in (None, UNKNOWN) or its_region in (None, UNKNOWN, region)):
            return True
    return False
