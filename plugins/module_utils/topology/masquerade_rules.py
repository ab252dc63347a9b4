# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold of the masquerading of a cluster's pods in a topology, beyond the types of its keys: all that the role
would refuse later without asking anybody.
"""

from __future__ import annotations

import ipaddress
import typing as t

from ..kubernetes.masquerade_config import Rejected, seconds
from .cluster_rules import secondary_ranges
from .range_rules import pod_ranges, primary_range
from .shape import Report
from .values import check_not_both, check_range_of_either_family, given, known_range, parse_range, strings

if t.TYPE_CHECKING:
    from .reading import Entry

#: The agent's limit: https://github.com/kubernetes-sigs/ip-masq-agent
MAX_RANGES = 64
#: As the role masquerade has it.
DEFAULT_OWNER = "podreach.gke"
LIST = "non_masquerade_cidrs"
WANTS = (LIST, "keep", "masquerade", "resync_interval", "masq_link_local")


def check_masquerade(masquerade: Entry, report: Report) -> None:
    """Toward what pods of one cluster keep their addresses. The cluster is already looked up."""
    clean = masquerade.clean
    if not any(key in clean for key in ("cluster", "host", "kubeconfig", "context")):
        report.error(
            masquerade.at("cluster"), "'cluster' is missing: name a key of clusters, or give host or kubeconfig"
        )
    for cidr, path in strings(clean.get(LIST), masquerade.at(LIST)):
        check_range_of_either_family(report, cidr, path)
    for name in ("keep", "masquerade", "cluster_ranges"):
        for cidr, path in strings(clean.get(name), masquerade.at(name)):
            parse_range(report, cidr, path)
    for name in ("keep", "masquerade"):
        check_not_both(report, clean, masquerade.path, LIST, name)
    cidrs, cluster = clean.get(LIST), masquerade.cluster
    agent = cluster is not None and "autopilot" not in cluster.clean
    if agent and isinstance(cidrs, list) and len(cidrs) > MAX_RANGES:
        report.warning(
            masquerade.at(LIST),
            f"{len(cidrs)} ranges are more than the agent takes, {MAX_RANGES} unless its own cidrLimit is another: "
            "aggregate them",
        )
    interval = clean.get("resync_interval")
    if isinstance(interval, str) and not _is_time(interval):
        report.error(masquerade.at("resync_interval"), f"'{interval}' is no time: write one such as 60s or 5m")
    if not masquerade.surely_present:
        return
    if not any(name in clean for name in WANTS):
        report.error(masquerade.at("masquerade"), f"nothing is asked for: give one of {', '.join(WANTS)}")
    if clean.get("unmentioned") == "masquerade" and not any(
        clean.get(name, []) != [] for name in ("keep", "masquerade")
    ):
        report.error(masquerade.at("unmentioned"), "'unmentioned' needs keep or masquerade: add one, or remove it")
    _check_contradictions(masquerade, report)


def check_masquerades(entries: t.Iterable[Entry], report: Report) -> None:
    """Two entries of one owner in one cluster would undo each other."""
    seen: dict[tuple[str, str], str] = {}
    for entry in entries:
        owner = entry.clean.get("owner", DEFAULT_OWNER)
        if entry.kind.key != "masquerades" or entry.cluster is None or not isinstance(owner, str):
            continue
        before = seen.setdefault((entry.cluster.path, owner), entry.path)
        if before != entry.path:
            report.error(
                entry.at("owner") if "owner" in entry.clean else entry.path,
                f"'{owner}' is the owner of {before} in {entry.cluster.path} too, and they would undo each other: make "
                "one of them, or give this one an 'owner' of its own",
            )


def _is_time(text: str) -> bool:
    try:
        return seconds(text) > 0
    except Rejected:
        return False


def _check_contradictions(masquerade: Entry, report: Report) -> None:
    """The same range both ways, and ranges of the cluster itself, toward which pods must keep their addresses."""
    own = _own_ranges(masquerade)
    kept = {known_range(cidr): path for cidr, path in strings(masquerade.clean.get("keep"), masquerade.at("keep"))}
    for text, path in strings(masquerade.clean.get("masquerade"), masquerade.at("masquerade")):
        cidr = known_range(text)
        if cidr is None:
            continue
        if cidr in kept:
            report.error(path, f"{cidr} is also at {kept[cidr]}: keep it in one of the lists")
        for mine, where in own.items():
            if ipaddress.IPv4Network(cidr).subnet_of(ipaddress.IPv4Network(mine)):
                report.error(
                    path,
                    f"{cidr} is in {mine} at {where}, which is the cluster's own, and toward which pods must keep "
                    "their addresses: remove it",
                )


def _own_ranges(masquerade: Entry) -> dict[str, str]:
    """The cluster's pod, node and Services ranges, as far as they are known, each with its path."""
    found = {
        cidr: path
        for text, path in strings(masquerade.clean.get("cluster_ranges"), masquerade.at("cluster_ranges"))
        if (cidr := known_range(text))
    }
    cluster = masquerade.cluster
    if cluster is None:
        return found
    policy = cluster.clean.get("ip_allocation_policy") or {}
    name = policy.get("services_secondary_range_name")
    services, at = (secondary_ranges(cluster) or {}).get(name, (None, "")) if isinstance(name, str) else (None, "")
    if given(policy, "services_ipv4_cidr_block"):
        services, at = policy["services_ipv4_cidr_block"], cluster.at("ip_allocation_policy.services_ipv4_cidr_block")
    cidr = known_range(services)
    if cidr:
        found.setdefault(cidr, at)
    nodes = primary_range(cluster)
    if nodes:
        found.setdefault(*nodes)
    for pods, where in pod_ranges(cluster).items():
        found.setdefault(pods, where)
    return {cidr: path for cidr, path in found.items() if known_range(cidr)}
