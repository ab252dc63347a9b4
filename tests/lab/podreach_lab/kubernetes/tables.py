# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What kubectl prints: objects as rows of a Table.

Columns and cells are those of a real server:
https://github.com/kubernetes/kubernetes/blob/master/pkg/printers/internalversion/printers.go
"""

from __future__ import annotations

import datetime
import json
import re
import typing as t

from .kinds import Type

Json = dict[str, t.Any]
Cells = list[t.Any]
Row = t.Callable[[Json, "Moment"], Cells]
NONE, UNKNOWN, UNSET = "<none>", "<unknown>", "<unset>"


class Moment:
    """Now, and how long ago things were."""

    def __init__(self, now: datetime.datetime) -> None:
        self.now = now

    def ago(self, timestamp: str | None) -> str:
        if not timestamp:
            return UNKNOWN
        return human((self.now - when(timestamp)).total_seconds())


def when(timestamp: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(timestamp.replace("Z", "+00:00"))


def human(seconds: float) -> str:
    """45s, 3m20s, 15m, 3h5m, 2d4h, 40d, 2y30d"""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 0:
        return "0s"
    if whole < 120:
        return f"{whole}s"
    minutes = whole // 60
    if minutes < 10:
        return _two(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    hours = whole // 3600
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    days = hours // 24
    if days < 8:
        return _two(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    years = days // 365
    return _two(years, "y", days % 365, "d") if years < 8 else f"{years}y"


def _two(first: int, unit: str, second: int, lesser: str) -> str:
    return f"{first}{unit}{second}{lesser}" if second else f"{first}{unit}"


def table(
    kind: Type, objects: list[Json], moment: Moment, include: str, metadata: Json, *, columns: bool = True
) -> Json:
    """Objects as a Table. include: None, Metadata or Object."""
    definitions, row = _printer(kind)
    rows = []
    for item in objects:
        entry: Json = {"cells": row(item, moment)}
        if include == "Object":
            entry["object"] = item
        elif include != "None":
            entry["object"] = {
                "kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": item["metadata"],
            }
        rows.append(entry)
    result: Json = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "rows": rows}
    result["columnDefinitions"] = definitions if columns else []
    return result


def _columns(text: str) -> list[Json]:
    """'Name Ready | IP': columns, and after the bar (or marked with +) those of -o wide; _ stands for a space."""
    shown, _separator, wide = text.partition("|")
    found = []
    for priority, names in enumerate((shown.split(), wide.split())):
        for name in names:
            plain = name.rstrip("+").replace("_", " ")
            found.append(
                {
                    "name": plain,
                    "type": "string",
                    "format": "name" if plain == "Name" else "",
                    "description": "",
                    "priority": int(priority or name.endswith("+")),
                }
            )
    return found


def _printer(kind: Type) -> tuple[list[Json], Row]:
    known = PRINTERS.get(kind.key)
    if known is not None and kind.schema is None:
        return _columns(known[0]), known[1]
    if kind.columns:
        return _custom(kind)
    return _columns("Name Age"), lambda item, moment: [_name(item), _age(item, moment)]


def _custom(kind: Type) -> tuple[list[Json], Row]:
    definitions = _columns("Name")
    for column in kind.columns:
        definitions.append(
            {
                "name": column["name"],
                "type": column.get("type", "string"),
                "format": column.get("format", ""),
                "description": column.get("description", ""),
                "priority": column.get("priority", 0),
            }
        )

    def row(item: Json, moment: Moment) -> Cells:
        cells: Cells = [_name(item)]
        for column in kind.columns:
            found = json_path(item, column["jsonPath"])
            if column.get("type") == "date":
                found = moment.ago(found) if isinstance(found, str) else None
            cells.append(json.dumps(found) if isinstance(found, (dict, list)) else found)
        return cells

    return definitions, row


def json_path(item: t.Any, path: str) -> t.Any:
    """The first value at a simple JSONPath: .a.b, .a[0], .a[*].b, .a[?(@.type=="x")].b"""
    values = [item]
    for name, inside in re.findall(r"\.([\w-]+)|\[([^\]]*)\]", path):
        found: list[t.Any] = []
        for value in values:
            if name and isinstance(value, dict) and name in value:
                found.append(value[name])
            elif inside and isinstance(value, list):
                match = re.match(r"""\?\(@\.([\w.]+)\s*==\s*["']([^"']*)["']\)""", inside)
                if match:
                    found += [one for one in value if isinstance(one, dict) and str(one.get(match[1])) == match[2]]
                elif inside == "*":
                    found += value
                elif inside.lstrip("-").isdigit() and -len(value) <= int(inside) < len(value):
                    found.append(value[int(inside)])
        values = found
    return values[0] if values else None


# ---- cells


def _name(item: Json) -> str:
    return str(item["metadata"].get("name", ""))


def _age(item: Json, moment: Moment) -> str:
    return moment.ago(item["metadata"].get("creationTimestamp"))


def labels(found: t.Mapping[str, str] | None) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted((found or {}).items())) or NONE


def selector(found: Json | None) -> str:
    """A label selector as text."""
    parts = [f"{key}={value}" for key, value in sorted(((found or {}).get("matchLabels") or {}).items())]
    for item in (found or {}).get("matchExpressions") or ():
        values = ",".join(sorted(item.get("values") or ()))
        text = {
            "In": f"{item['key']} in ({values})",
            "NotIn": f"{item['key']} notin ({values})",
            "Exists": item["key"],
            "DoesNotExist": f"!{item['key']}",
        }
        parts.append(text.get(item["operator"], "?"))
    return ",".join(parts) or NONE


def _template(item: Json) -> Cells:
    containers = item["spec"].get("template", {}).get("spec", {}).get("containers") or ()
    return [",".join(one.get(field, "") for one in containers) for field in ("name", "image")]


def pod_state(item: Json) -> str:
    """The STATUS column."""
    status = item.get("status") or {}
    found = status.get("reason") or status.get("phase") or "Unknown"
    for at, one in enumerate(status.get("initContainerStatuses") or ()):
        state = one.get("state") or {}
        ended, waiting = state.get("terminated"), state.get("waiting")
        if ended and ended.get("exitCode") == 0:
            continue
        if ended:
            found = f"Init:{ended.get('reason') or 'ExitCode:' + str(ended.get('exitCode'))}"
        elif waiting and waiting.get("reason") not in (None, "", "PodInitializing"):
            found = f"Init:{waiting['reason']}"
        else:
            found = f"Init:{at}/{len(item['spec'].get('initContainers') or ())}"
        break
    else:
        for one in reversed(status.get("containerStatuses") or []):
            state = one.get("state") or {}
            if (state.get("waiting") or {}).get("reason"):
                found = state["waiting"]["reason"]
            elif "terminated" in state:
                ended = state["terminated"]
                found = ended.get("reason") or (
                    f"Signal:{ended['signal']}" if ended.get("signal") else f"ExitCode:{ended.get('exitCode')}"
                )
    if item["metadata"].get("deletionTimestamp"):
        return "Unknown" if status.get("reason") == "NodeLost" else "Terminating"
    return str(found)


def _pod(item: Json, moment: Moment) -> Cells:
    status = item.get("status") or {}
    every = status.get("containerStatuses") or ()
    ready = sum(1 for one in every if one.get("ready") and "running" in (one.get("state") or {"running": {}}))
    restarts = sum(one.get("restartCount", 0) for one in every)
    return [
        _name(item),
        f"{ready}/{len(item['spec'].get('containers') or ())}",
        pod_state(item),
        str(restarts),
        _age(item, moment),
        status.get("podIP") or NONE,
        item["spec"].get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        NONE,
    ]


def _deployment(item: Json, moment: Moment) -> Cells:
    status = item.get("status") or {}
    return [
        _name(item),
        f"{status.get('readyReplicas', 0)}/{item['spec'].get('replicas', 0)}",
        status.get("updatedReplicas", 0),
        status.get("availableReplicas", 0),
        _age(item, moment),
        *_template(item),
        selector(item["spec"].get("selector")),
    ]


def _replica_set(item: Json, moment: Moment) -> Cells:
    status = item.get("status") or {}
    return [
        _name(item),
        item["spec"].get("replicas", 0),
        status.get("replicas", 0),
        status.get("readyReplicas", 0),
        _age(item, moment),
        *_template(item),
        selector(item["spec"].get("selector")),
    ]


def _daemon_set(item: Json, moment: Moment) -> Cells:
    status = item.get("status") or {}
    counts = [
        status.get(name, 0)
        for name in (
            "desiredNumberScheduled",
            "currentNumberScheduled",
            "numberReady",
            "updatedNumberScheduled",
            "numberAvailable",
        )
    ]
    return [
        _name(item),
        *counts,
        labels(item["spec"].get("template", {}).get("spec", {}).get("nodeSelector")),
        _age(item, moment),
        *_template(item),
        selector(item["spec"].get("selector")),
    ]


def _stateful_set(item: Json, moment: Moment) -> Cells:
    ready = (item.get("status") or {}).get("readyReplicas", 0)
    return [_name(item), f"{ready}/{item['spec'].get('replicas', 0)}", _age(item, moment), *_template(item)]


def _job(item: Json, moment: Moment) -> Cells:
    status = item.get("status") or {}
    conditions = [one["type"] for one in status.get("conditions") or () if one.get("status") == "True"]
    state = next((name for name in ("Complete", "Failed", "Suspended") if name in conditions), "Running")
    started, ended = status.get("startTime"), status.get("completionTime")
    duration = ""
    if started:
        duration = human((when(ended) - when(started)).total_seconds()) if ended else moment.ago(started)
    return [
        _name(item),
        state,
        f"{status.get('succeeded', 0)}/{item['spec'].get('completions', 1)}",
        duration,
        _age(item, moment),
        *_template(item),
        selector(item["spec"].get("selector")),
    ]


def _external(spec: Json, status: Json) -> str:
    extra = list(spec.get("externalIPs") or ())
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName") or NONE)
    if spec.get("type") != "LoadBalancer":
        return ",".join(extra) or NONE
    found = [
        one.get("ip") or one.get("hostname", "") for one in (status.get("loadBalancer") or {}).get("ingress") or ()
    ]
    return ",".join([*found, *extra]) or "<pending>"


def _service(item: Json, moment: Moment) -> Cells:
    spec = item["spec"]
    ports = [
        f"{port['port']}:{port['nodePort']}/{port['protocol']}"
        if port.get("nodePort")
        else f"{port['port']}/{port['protocol']}"
        for port in spec.get("ports") or ()
    ]
    return [
        _name(item),
        spec.get("type", ""),
        spec.get("clusterIP") or NONE,
        _external(spec, item.get("status") or {}),
        ",".join(ports) or NONE,
        _age(item, moment),
        labels(spec.get("selector")),
    ]


def _endpoints(item: Json, moment: Moment) -> Cells:
    found = []
    for subset in item.get("subsets") or ():
        for port in subset.get("ports") or [{}]:
            for address in subset.get("addresses") or ():
                found.append(f"{address['ip']}:{port['port']}" if "port" in port else address["ip"])
    more = f" + {len(found) - 3} more..." if len(found) > 3 else ""
    return [_name(item), (",".join(found[:3]) + more) or NONE, _age(item, moment)]


def _endpoint_slice(item: Json, moment: Moment) -> Cells:
    ports = [str(port.get("port", "*")) for port in item.get("ports") or ()]
    found = [address for one in item.get("endpoints") or () for address in one.get("addresses") or ()]
    more = [f" + {len(found) - 3} more..."] if len(found) > 3 else []
    return [
        _name(item),
        item.get("addressType", ""),
        ",".join(ports[:3]) or UNSET,
        (",".join(found[:3]) + "".join(more)) or UNSET,
        _age(item, moment),
    ]


def _node(item: Json, moment: Moment) -> Cells:
    status = item.get("status") or {}
    ready = next((one for one in status.get("conditions") or () if one.get("type") == "Ready"), None)
    state = "Unknown" if ready is None else ("Ready" if ready.get("status") == "True" else "NotReady")
    if item["spec"].get("unschedulable"):
        state += ",SchedulingDisabled"
    prefix = "node-role.kubernetes.io/"
    found = item["metadata"].get("labels") or {}
    roles = sorted(key[len(prefix) :] for key in found if key.startswith(prefix) and key != prefix)
    addresses = {one["type"]: one["address"] for one in status.get("addresses") or ()}
    info = status.get("nodeInfo") or {}
    return [
        _name(item),
        state,
        ",".join(roles) or NONE,
        _age(item, moment),
        info.get("kubeletVersion", ""),
        addresses.get("InternalIP") or NONE,
        addresses.get("ExternalIP") or NONE,
        info.get("osImage") or UNKNOWN,
        info.get("kernelVersion") or UNKNOWN,
        info.get("containerRuntimeVersion") or UNKNOWN,
    ]


def _namespace(item: Json, moment: Moment) -> Cells:
    return [_name(item), (item.get("status") or {}).get("phase", ""), _age(item, moment)]


def _config_map(item: Json, moment: Moment) -> Cells:
    return [_name(item), len(item.get("data") or ()) + len(item.get("binaryData") or ()), _age(item, moment)]


def _secret(item: Json, moment: Moment) -> Cells:
    return [_name(item), item.get("type", ""), len(item.get("data") or ()), _age(item, moment)]


def _service_account(item: Json, moment: Moment) -> Cells:
    return [_name(item), len(item.get("secrets") or ()), _age(item, moment)]


def _event(item: Json, moment: Moment) -> Cells:
    first = item.get("firstTimestamp") or item.get("eventTime") or item["metadata"].get("creationTimestamp")
    last = item.get("lastTimestamp") or first
    involved = item.get("involvedObject") or {}
    source = item.get("source") or {}
    return [
        moment.ago(last),
        item.get("type", ""),
        item.get("reason", ""),
        f"{involved.get('kind', '').lower()}/{involved.get('name', '')}",
        involved.get("fieldPath", ""),
        ", ".join(part for part in (source.get("component"), source.get("host")) if part),
        item.get("message", "").strip(),
        moment.ago(first),
        item.get("count", 1),
        _name(item),
    ]


def _network_policy(item: Json, moment: Moment) -> Cells:
    return [_name(item), selector(item["spec"].get("podSelector")), _age(item, moment)]


def _lease(item: Json, moment: Moment) -> Cells:
    return [_name(item), (item.get("spec") or {}).get("holderIdentity", ""), _age(item, moment)]


def _created(item: Json, moment: Moment) -> Cells:
    return [_name(item), item["metadata"].get("creationTimestamp", "")]


def _binding(item: Json, moment: Moment) -> Cells:
    role = item.get("roleRef") or {}
    by_kind: dict[str, list[str]] = {"User": [], "Group": [], "ServiceAccount": []}
    for subject in item.get("subjects") or ():
        inside = f"{subject.get('namespace', '')}/" if subject.get("kind") == "ServiceAccount" else ""
        by_kind.setdefault(subject.get("kind", ""), []).append(inside + subject.get("name", ""))
    subjects = [", ".join(by_kind[name]) for name in ("User", "Group", "ServiceAccount")]
    return [_name(item), f"{role.get('kind', '')}/{role.get('name', '')}", _age(item, moment), *subjects]


RBAC = "rbac.authorization.k8s.io"
PRINTERS: dict[str, tuple[str, Row]] = {
    "pods": ("Name Ready Status Restarts Age | IP Node Nominated_Node Readiness_Gates", _pod),
    "deployments.apps": ("Name Ready Up-to-date Available Age | Containers Images Selector", _deployment),
    "replicasets.apps": ("Name Desired Current Ready Age | Containers Images Selector", _replica_set),
    "daemonsets.apps": (
        "Name Desired Current Ready Up-to-date Available Node_Selector Age | Containers Images Selector",
        _daemon_set,
    ),
    "statefulsets.apps": ("Name Ready Age | Containers Images", _stateful_set),
    "jobs.batch": ("Name Status Completions Duration Age | Containers Images Selector", _job),
    "services": ("Name Type Cluster-IP External-IP Port(s) Age | Selector", _service),
    "endpoints": ("Name Endpoints Age", _endpoints),
    "endpointslices.discovery.k8s.io": ("Name AddressType Ports Endpoints Age", _endpoint_slice),
    "nodes": (
        "Name Status Roles Age Version | Internal-IP External-IP OS-Image Kernel-Version Container-Runtime",
        _node,
    ),
    "namespaces": ("Name Status Age", _namespace),
    "configmaps": ("Name Data Age", _config_map),
    "secrets": ("Name Type Data Age", _secret),
    "serviceaccounts": ("Name Secrets Age", _service_account),
    "events": ("Last_Seen Type Reason Object Subobject+ Source+ Message First_Seen+ Count+ Name+", _event),
    "networkpolicies.networking.k8s.io": ("Name Pod-Selector Age", _network_policy),
    "leases.coordination.k8s.io": ("Name Holder Age", _lease),
    "customresourcedefinitions.apiextensions.k8s.io": ("Name Created_At", _created),
    f"roles.{RBAC}": ("Name Created_At", _created),
    f"clusterroles.{RBAC}": ("Name Created_At", _created),
    f"rolebindings.{RBAC}": ("Name Role Age | Users Groups ServiceAccounts", _binding),
    f"clusterrolebindings.{RBAC}": ("Name Role Age | Users Groups ServiceAccounts", _binding),
}
