# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a topology: what a user declares, in one document, becomes hosts with the variables that the roles take.

Pure: a parsed document and the roles' argument specs go in, hosts and problems come out. The inventory plugin does the
rest. In a topology, a key of an entry of a kind is an input of that kind's role without its prefix, so the roles'
``meta/argument_specs.yml`` are the schema.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ._topology_rules import REGION, ZONE, check_cluster, check_name, check_network, check_ranges, check_region
from ._topology_shape import UNKNOWN, Options, Problem, Report, Shape, join, kind_of, suggest

PLUGIN_NAME = "podreach.gke.topology"


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of declared things: its top-level key, the role that makes one, and the group of its hosts."""

    key: str
    role: str
    group: str
    #: Longest name and its pattern, of Network.name and Cluster.name in Google's discovery documents.
    name_length: int


KINDS = (
    Kind("networks", "network", "podreach_networks", 63),
    Kind("clusters", "cluster", "podreach_clusters", 40),
)

#: Inputs that may stand at the top and then count for every entry that does not state them itself.
SHARED = (
    "environment", "project", "projects", "region", "profile", "auth_kind", "service_account_file",
    "service_account_contents", "service_account_email", "access_token", "scopes", "impersonate_service_account",
    "compute_endpoint", "container_endpoint", "iam_credentials_endpoint",
)  # fmt: skip
#: Inputs that no entry may have, and what to do instead.
NOT_IN_ENTRY = {
    "environment": "a topology is either lab or cloud, set it at the top",
    "projects": "set it at the top, once for all",
    "unmarked": "give it to the run that deletes, with -e network_unmarked=keep -e cluster_unmarked=keep",
    "confirm_replace": "give it to the one run that may replace the cluster, with -e cluster_confirm_replace=NAME",
}
#: Where an input that an entry lacks comes from, if not from the same name at the top.
FALLS_BACK_TO = {"location": "region"}

#: Names that mean something else to Ansible.
RESERVED_HOSTS = ("all", "ungrouped", "localhost", *(kind.group for kind in KINDS))
HOST_NAME = re.compile(r"[A-Za-z0-9](?:[-_.A-Za-z0-9]*[A-Za-z0-9])?")
PROJECT_ID = re.compile(r"(?:[a-z0-9][-.a-z0-9]*:)?[a-z][-a-z0-9]{4,28}[a-z0-9]")
_URL = r"(?:https?://[^/]+/(?:compute/)?[^/]+/)?"
NETWORK_PATH = re.compile(_URL + r"projects/(?P<project>[^/]+)/global/networks/(?P<name>[^/]+)")
SUBNETWORK_PATH = re.compile(
    _URL + r"projects/(?P<project>[^/]+)/regions/(?P<region>[^/]+)/subnetworks/(?P<name>[^/]+)"
)


@dataclasses.dataclass
class Host:
    """One declared thing: its key, its kind, and its variables as the user wrote them."""

    name: str
    kind: Kind
    variables: dict[str, t.Any]


@dataclasses.dataclass
class Topology:
    """What :func:`read` returns. With ``errors``, ``hosts`` and ``declared`` are not to be used."""

    hosts: list[Host]
    declared: dict[str, t.Any]
    errors: list[Problem]
    warnings: list[Problem]


@dataclasses.dataclass
class Entry:
    """One entry as written (``raw``) and as far as it can be judged (``clean``)."""

    kind: Kind
    key: str
    raw: t.Mapping[str, t.Any]
    clean: dict[str, t.Any]
    #: The same two for what stands at the top.
    top_raw: t.Mapping[str, t.Any]
    top: t.Mapping[str, t.Any]
    #: The network entry that a cluster is in, if it is one of this topology.
    network: Entry | None = None
    #: A subnetwork of that network, as it can be judged.
    subnetwork: t.Mapping[str, t.Any] | None = None

    @property
    def path(self) -> str:
        return f"{self.kind.key}.{self.key}"

    def at(self, name: str) -> str:
        """The path of a key of this entry."""
        return join(self.path, name)

    @property
    def present(self) -> bool:
        return self.clean.get("state") != "absent"

    def effective(self, name: str) -> t.Any:
        """What counts for this entry: its own value, or the one at the top; None where there is neither."""
        if name in self.clean:
            return self.clean[name]
        return self.top.get(FALLS_BACK_TO.get(name, name))

    def effective_raw(self, name: str) -> t.Any:
        return self.raw.get(name) if name in self.raw else self.top_raw.get(FALLS_BACK_TO.get(name, name))

    @property
    def real_name(self) -> t.Any:
        """The name in Google Cloud, UNKNOWN where it is templated."""
        return self.clean.get("name", self.key)

    def where_from(self, name: str) -> str:
        """The path of the key that an effective value comes from."""
        return self.at(name) if name in self.clean else FALLS_BACK_TO.get(name, name)


def entry_options(spec: Options, role: str) -> dict[str, t.Mapping[str, t.Any]]:
    """A role's inputs by their keys in a topology: without the prefix, and none required (the top may give it)."""
    prefix = f"{role}_"
    return {
        name.removeprefix(prefix): {**option, "required": False}
        for name, option in spec.items()
        if name.startswith(prefix)
    }


def top_options(specs: t.Mapping[str, Options]) -> dict[str, t.Mapping[str, t.Any]]:
    """Options of the top level: the plugin, what entries share, and the kinds."""
    options: dict[str, t.Mapping[str, t.Any]] = {"plugin": {"type": "str", "choices": [PLUGIN_NAME]}}
    for name in SHARED:
        for role, spec in specs.items():
            if f"{role}_{name}" in spec:
                options.setdefault(name, {**spec[f"{role}_{name}"], "required": name == "environment"})
    options.setdefault("region", {"type": "str"})
    return options


def read(
    document: t.Any,
    specs: t.Mapping[str, Options],
    is_opaque: t.Callable[[t.Any], bool],
    trust: t.Callable[[str], str] = str,
) -> Topology:
    """Read one topology.

    ``document`` is the parsed YAML, ``specs`` the inputs of each role by the role's name, and ``is_opaque`` says of a
    value that it is a template or encrypted; such a value is passed on untouched and judged by the role. ``trust``
    marks a string that is made here, of what was written there, as coming from the user.
    """
    report = Report()
    if not isinstance(document, t.Mapping):
        report.error(
            "", f"expected keys such as 'environment' and 'networks', got {kind_of(document)}: write a mapping"
        )
        return Topology([], {}, report.errors, report.warnings)
    shape = Shape(report, is_opaque)
    kinds: dict[str, t.Mapping[str, t.Any]] = {kind.key: {"type": "dict"} for kind in KINDS}
    top_raw = {key: value for key, value in document.items() if key not in kinds or value is not None}
    top = shape.mapping(top_raw, {**top_options(specs), **kinds}, "")
    _check_project(report, top.get("project"), "project")
    check_region(report, top, "region")
    for index, project in enumerate(_items(top.get("projects"))):
        _check_project(report, project, f"projects[{index}]")

    entries = [entry for kind in KINDS for entry in _entries(kind, top_raw, top, specs[kind.role], shape)]
    _check_keys(entries, report)
    for entry in entries:
        _check_identity(entry, report)
    networks = {entry.key: entry for entry in entries if entry.kind.key == "networks"}
    references = {}
    for entry in entries:
        if entry.kind.key == "networks":
            check_network(entry, report)
        else:
            references[entry.key] = _resolve(entry, networks, report, trust)
            check_cluster(entry, report)
    _check_unique(entries, report)
    check_ranges(entries, report)

    hosts = [Host(e.key, e.kind, _variables(e, specs[e.kind.role], references.get(e.key, {}))) for e in entries]
    return Topology(hosts, _declared(top_raw, entries, hosts, specs), report.errors, report.warnings)


def _items(value: t.Any) -> list[t.Any]:
    return value if isinstance(value, list) else []


def _entries(
    kind: Kind, top_raw: t.Mapping[str, t.Any], top: t.Mapping[str, t.Any], spec: Options, shape: Shape
) -> t.Iterator[Entry]:
    if not isinstance(top.get(kind.key), t.Mapping):
        return
    options = entry_options(spec, kind.role)
    for key, raw in top_raw[kind.key].items():
        if not isinstance(key, str):
            shape.report.error(kind.key, f"the key {kind_of(key)} is not text: put it in quotes")
            continue
        path = join(kind.key, key)
        if shape.is_opaque(raw) or not isinstance(raw, (t.Mapping, type(None))):
            got = "a template or an encrypted value" if shape.is_opaque(raw) else kind_of(raw)
            shape.report.error(path, f"expected a mapping, got {got}: write its keys below it")
            continue
        raw = raw or {}
        yield Entry(kind, key, raw, shape.mapping(raw, options, path, NOT_IN_ENTRY), top_raw, top)


def _check_keys(entries: t.Iterable[Entry], report: Report) -> None:
    """Every key becomes a host's name, and the resource's name where there is no other."""
    seen: dict[str, Entry] = {}
    for entry in entries:
        key, example = entry.key, f"{entry.kind.role}-1"
        if not HOST_NAME.fullmatch(key):
            report.error(
                entry.path,
                f"the key '{key}' cannot be a host's name: use letters, digits, '-', '_' and '.', such as '{example}'",
            )
        elif key in RESERVED_HOSTS:
            report.error(
                entry.path, f"the key '{key}' means something else to Ansible: use another and add 'name: {key}'"
            )
        elif "name" not in entry.clean:
            check_name(report, key, entry.path, entry.kind.name_length, "or keep the key and add 'name:'")
        if key in seen:
            report.error(
                entry.path,
                f"the key '{key}' is also a key of {seen[key].kind.key}: keys are host names, so use another and add "
                f"'name: {key}'",
            )
        seen.setdefault(key, entry)


def _check_project(report: Report, project: t.Any, path: str) -> None:
    if isinstance(project, str) and not PROJECT_ID.fullmatch(project):
        report.error(
            path,
            f"'{project}' is not a project's ID: write 6 to 30 lowercase letters, digits and '-', such as "
            "'my-project-1'",
        )


def _check_identity(entry: Entry, report: Report) -> None:
    """Name, project, region and location of one entry."""
    if "name" in entry.clean:
        check_name(report, entry.clean["name"], entry.at("name"), entry.kind.name_length)
    if "project" in entry.clean:
        _check_project(report, entry.clean["project"], entry.at("project"))
    project, allowed = entry.effective("project"), entry.top.get("projects")
    if project is None:
        report.error(
            entry.at("project"),
            "'project' is missing: add it here or at the top (to take it from the environment, write "
            "\"{{ lookup('env', 'GCP_PROJECT') }}\")",
        )
    elif isinstance(project, str) and isinstance(allowed, list) and UNKNOWN not in allowed and project not in allowed:
        report.error(
            entry.where_from("project"),
            f"'{project}' is not among the allowed projects ({', '.join(allowed) or 'none'}): "
            "use one of them, or add it to 'projects'",
        )
    check_region(report, entry.clean, entry.at("region"))
    if entry.kind.key == "clusters":
        location = entry.clean.get("location")
        if entry.effective("location") is None:
            report.error(entry.at("location"), "'location' is missing: add a region or zone, or 'region' at the top")
        elif isinstance(location, str) and not REGION.fullmatch(location) and not ZONE.fullmatch(location):
            entry.clean["location"] = UNKNOWN
            report.error(
                entry.at("location"),
                f"'{location}' is neither a region nor a zone: write one such as 'asia-northeast1' or "
                "'asia-northeast1-a'",
            )


def _resolve(
    cluster: Entry, networks: t.Mapping[str, Entry], report: Report, trust: t.Callable[[str], str]
) -> dict[str, t.Any]:
    """Find the network and subnetwork of a cluster. Returns what its variables must say instead of what is written."""
    name = cluster.clean.get("network")
    if name is None:
        if cluster.present:
            todo = f"name a key of networks ({', '.join(networks)})" if networks else "name one"
            report.error(
                cluster.at("network"), f"'network' is missing: {todo}, or projects/PROJECT/global/networks/NAME"
            )
        return {}
    if not isinstance(name, str):
        return {}
    path = NETWORK_PATH.fullmatch(name)
    if path:
        same = (n for n in networks.values() if (n.effective("project"), n.real_name) == path.group("project", "name"))
        cluster.network = next(same, None)
        found = {}
    elif name in networks:
        cluster.network = networks[name]
        found = _network_name(cluster, networks[name], report, trust)
    else:
        by_name = [entry.key for entry in networks.values() if entry.real_name == name]
        todo = f"did you mean '{by_name[0]}'?" if by_name else suggest(name, list(networks), "declare it")
        report.error(
            cluster.at("network"),
            f"'{name}' is not a key of networks: {todo} (a network that is not declared here is written "
            "projects/PROJECT/global/networks/NAME)",
        )
        return {}
    if cluster.network is None:
        return found
    if cluster.present and not cluster.network.present:
        report.error(
            cluster.at("network"),
            f"'{name}' is declared with state absent: take that away, or make the cluster absent too",
        )
        return found
    return {**found, **_resolve_subnetwork(cluster, cluster.network, report, trust)}


def _shares_project(cluster: Entry, network: Entry) -> bool | None:
    """Are both in one project? None where that cannot be told before templates are filled in."""
    if "project" not in cluster.raw and "project" not in network.raw:
        return True
    one, other = cluster.effective("project"), network.effective("project")
    return one == other if isinstance(one, str) and isinstance(other, str) else None


def _network_name(cluster: Entry, network: Entry, report: Report, trust: t.Callable[[str], str]) -> dict[str, t.Any]:
    shares = _shares_project(cluster, network)
    if shares:
        return {"network": network.raw.get("name", network.key)}
    if shares is None or not isinstance(network.real_name, str):
        if network.effective("project") is not None and cluster.effective("project") is not None:
            report.error(
                cluster.at("network"),
                f"'{network.key}' may be in another project, and the names are templates: write "
                "projects/PROJECT/global/networks/NAME",
            )
        return {}
    return {"network": trust(f"projects/{network.effective('project')}/global/networks/{network.real_name}")}


def region_of(location: t.Any) -> t.Any:
    """The region of a region or zone, None where it cannot be told."""
    if not isinstance(location, str):
        return None
    return location.rsplit("-", 1)[0] if ZONE.fullmatch(location) else location


def _resolve_subnetwork(
    cluster: Entry, network: Entry, report: Report, trust: t.Callable[[str], str]
) -> dict[str, t.Any]:
    name = cluster.clean.get("subnetwork")
    declared = network.clean.get("subnetworks", [])
    if name is None:
        automatic = network.clean.get("auto_create_subnetworks")
        if cluster.present and automatic is not True and automatic is not UNKNOWN:
            known = [s["name"] for s in _items(declared) if isinstance(s, dict) and isinstance(s.get("name"), str)]
            report.error(
                cluster.at("subnetwork"),
                f"'subnetwork' is missing: name one of network '{network.key}' ({', '.join(known) or 'none yet'})",
            )
        return {}
    if not isinstance(name, str):
        return {}
    path = SUBNETWORK_PATH.fullmatch(name)
    short, region = (path["name"], path["region"]) if path else (name, region_of(cluster.effective("location")))
    if not isinstance(declared, list) or any(not isinstance(s, dict) or s.get("name") is UNKNOWN for s in declared):
        return {}
    named = [s for s in declared if s.get("name") == short and s.get("state") != "absent"]
    here = [s for s in named if region is None or _subnetwork_region(s, network) in (None, UNKNOWN, region)]
    if here:
        cluster.subnetwork = here[0]
        if path or _shares_project(cluster, network) or not isinstance(network.effective("project"), str):
            return {}
        if region is None:
            report.error(
                cluster.at("subnetwork"),
                f"'{name}' is in another project, and its region is a template: write "
                "projects/PROJECT/regions/REGION/subnetworks/NAME",
            )
            return {}
        return {"subnetwork": trust(f"projects/{network.effective('project')}/regions/{region}/subnetworks/{name}")}
    if path:
        return {}  # somebody else's subnetwork of this network
    if named:
        elsewhere = _subnetwork_region(named[0], network)
        report.error(
            cluster.at("subnetwork"),
            f"'{name}' is in region {elsewhere}, the cluster in {region}: choose a subnetwork of that region, or "
            "another location",
        )
    else:
        known = [s["name"] for s in declared if isinstance(s.get("name"), str)]
        report.error(
            cluster.at("subnetwork"),
            f"'{name}' is not a subnetwork of network '{network.key}': {suggest(name, known, 'declare it there')}",
        )
    return {}


def _subnetwork_region(item: t.Mapping[str, t.Any], network: Entry) -> t.Any:
    return item["region"] if "region" in item else network.effective("region")


def _check_unique(entries: t.Iterable[Entry], report: Report) -> None:
    """Two declarations of one real resource would undo each other."""
    seen: dict[tuple[t.Any, ...], str] = {}

    def claim(path: str, what: str, *identity: t.Any) -> None:
        if not all(isinstance(part, str) for part in identity):
            return
        if (what, *identity) in seen:
            report.error(
                path,
                f"{what} '{'/'.join(identity)}' is already declared at {seen[(what, *identity)]}: "
                "declare it once, or give one of them another name",
            )
        seen.setdefault((what, *identity), path)

    for entry in entries:
        project = entry.effective("project")
        if entry.kind.key == "clusters":
            claim(entry.path, "cluster", project, entry.effective("location"), entry.real_name)
            for index, pool in enumerate(_items(entry.clean.get("node_pools"))):
                if isinstance(pool, dict):
                    claim(entry.at(f"node_pools[{index}].name"), "node pool", entry.path, pool.get("name"))
            continue
        claim(entry.path, "network", project, entry.real_name)
        for key, what in (("subnetworks", "subnetwork"), ("routers", "router")):
            for index, item in enumerate(_items(entry.clean.get(key))):
                if isinstance(item, dict):
                    region = _subnetwork_region(item, entry)
                    claim(entry.at(f"{key}[{index}].name"), what, project, region, item.get("name"))
        for index, rule in enumerate(_items(entry.clean.get("firewall_rules"))):
            if isinstance(rule, dict):
                claim(entry.at(f"firewall_rules[{index}].name"), "firewall rule", project, rule.get("name"))


def _variables(entry: Entry, spec: Options, resolved: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The host's variables: only what is declared, since a default as host variable would beat every group_vars."""
    role = entry.kind.role
    variables = {f"{role}_{key}": resolved.get(key, value) for key, value in entry.raw.items()}
    for key in (*SHARED, *FALLS_BACK_TO):
        source = FALLS_BACK_TO.get(key, key)
        if f"{role}_{key}" in spec and key not in entry.raw and source in entry.top_raw:
            variables[f"{role}_{key}"] = entry.top_raw[source]
    return variables


def _declared(
    top_raw: t.Mapping[str, t.Any],
    entries: t.Iterable[Entry],
    hosts: t.Iterable[Host],
    specs: t.Mapping[str, Options],
) -> dict[str, t.Any]:
    """The whole topology, without anything that is secret by its nature.

    Every entry has its name and what it gets from the top. A cluster's network is the key of that network wherever it
    is declared here, also where the cluster names it by its full path.
    """
    kinds = {kind.key: kind for kind in KINDS}
    options = top_options(specs)
    declared: dict[str, t.Any] = {
        key: value
        for key, value in top_raw.items()
        if key in options and key != "plugin" and not options[key].get("no_log")
    }
    declared.update({key: {} for key in kinds})
    for entry, host in zip(entries, hosts, strict=True):
        spec, prefix = specs[entry.kind.role], f"{entry.kind.role}_"
        values = {
            name.removeprefix(prefix): value
            for name, value in host.variables.items()
            if not spec.get(name, {}).get("no_log")
        }
        if entry.network is not None:
            values["network"] = entry.network.key
            if "subnetwork" in entry.raw:
                values["subnetwork"] = entry.raw["subnetwork"]
        declared[entry.kind.key][entry.key] = {"name": entry.key, **values}
    return declared
