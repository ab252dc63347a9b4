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

from .cluster_rules import check_cluster
from .connections import check_connections
from .masquerade_rules import check_masquerade, check_masquerades
from .network_rules import check_network
from .path_rules import check_aws_access, check_flow, check_service, reserved_address_of
from .peering_rules import check_peering, check_peerings
from .range_rules import check_ranges
from .references import References, subnetwork_region
from .shape import UNKNOWN, Options, Problem, Report, Shape, join, kind_of
from .shared_vpc_rules import check_shared_vpc, check_shared_vpcs
from .values import REGION, ZONE, check_aws_settings, check_name, check_project, check_region
from .vpn_rules import advertised_pods, check_vpn, external_gateway_of

PLUGIN_NAME = "podreach.gke.topology"


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of declared things: its top-level key, what one is called, the role that makes one, and the group of its
    hosts.

    ``name_length`` is how long a name may be, with the pattern of Google's names; None where it is a mere label.
    ``from_top`` says where an input that an entry lacks comes from, if not from the same name at the top. An entry of a
    kind with ``item`` is one item of that input of the role, together with what stands at the top. ``also`` is a role
    that runs on its hosts too, and signs in as the first one does. ``own`` are keys of an entry that are no inputs of
    the role: they become others, and cannot be templates.
    """

    key: str
    noun: str
    role: str
    group: str
    name_length: int | None
    from_top: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    item: str = ""
    also: str = ""
    own: t.Mapping[str, t.Mapping[str, t.Any]] = dataclasses.field(default_factory=dict)

    def source(self, name: str) -> str:
        """The key at the top that counts where an entry does not have ``name``."""
        return self.from_top.get(name, name)


#: What stands at the top with a prefix, and is an input of the same name without it where everything is AWS's.
AWS_ACCESS = ("region", "account", "profile", "access_key", "secret_key", "session_token", "endpoint_url")

KINDS = (
    # Network.name and Cluster.name in Google's discovery documents
    Kind("networks", "network", "network", "podreach_networks", 63),
    Kind("clusters", "cluster", "cluster", "podreach_clusters", 40, {"location": "region"}),
    # its tunnels are called NAME-1-tunnel-1 and so on
    Kind(
        *("vpns", "VPN", "vpn", "podreach_vpns", 63 - len("-1-tunnel-1")),
        also="verify",
        own={"advertise_pods_of": {"type": "list", "elements": "str"}},
    ),
    Kind("aws", "access", "aws_access", "podreach_aws", None, {name: f"aws_{name}" for name in AWS_ACCESS}),
    Kind("peerings", "peering", "peering", "podreach_peerings", 63),
    Kind("shared_vpcs", "Shared VPC", "shared_vpc", "podreach_shared_vpcs", None),
    Kind("masquerades", "masquerade", "masquerade", "podreach_masquerades", None),
    # names of Services are DNS labels (RFC 1035)
    Kind("services", "Service", "internal_lb", "podreach_services", 63),
    Kind("flows", "flow", "verify", "podreach_flows", None, item="flows"),
)

#: Inputs that may stand at the top and then count for every entry that does not state them itself.
SHARED = (
    "environment", "project", "projects", "region", "profile", "auth_kind", "service_account_file",
    "service_account_contents", "service_account_email", "access_token", "scopes", "impersonate_service_account",
    "compute_endpoint", "container_endpoint", "iam_credentials_endpoint",
    "resource_manager_endpoint", "peering_limit",
    *(f"aws_{name}" for name in AWS_ACCESS),
)  # fmt: skip
#: Inputs that no entry may have, and what to do instead.
NOT_IN_ENTRY = {
    "environment": "a topology is either lab or cloud, set it at the top",
    "projects": "set it at the top, once for all",
    "unmarked": "give it to the run that deletes, with -e {role}_unmarked=keep",
    "confirm_replace": "give it to the one run that may replace something, with -e {role}_confirm_replace=NAME",
}

#: Names that mean something else to Ansible.
RESERVED_HOSTS = ("all", "ungrouped", "localhost", *(kind.group for kind in KINDS))
HOST_NAME = re.compile(r"[A-Za-z0-9](?:[-_.A-Za-z0-9]*[A-Za-z0-9])?")


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
    #: What it stands on, if that is declared here: the network of a cluster, VPN or peering, the cluster of a
    #: Service, flow or masquerade.
    network: Entry | None = None
    #: The other network of a peering.
    peer: Entry | None = None
    cluster: Entry | None = None
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

    @property
    def surely_present(self) -> bool:
        """Is it so whatever a template may say?"""
        return self.clean.get("state", "present") == "present"

    def effective(self, name: str) -> t.Any:
        """What counts for this entry: its own value, or the one at the top; None where there is neither."""
        if name in self.clean:
            return self.clean[name]
        return self.top.get(self.kind.source(name))

    def effective_raw(self, name: str) -> t.Any:
        return self.raw.get(name) if name in self.raw else self.top_raw.get(self.kind.source(name))

    @property
    def real_name(self) -> t.Any:
        """The name in Google Cloud, UNKNOWN where it is templated."""
        return self.clean.get("name", self.key)

    def where_from(self, name: str) -> str:
        """The path of the key that an effective value comes from."""
        return self.at(name) if name in self.clean else self.kind.source(name)


def entry_options(spec: Options, kind: Kind) -> dict[str, t.Mapping[str, t.Any]]:
    """The inputs of a kind's role by their keys in an entry: without prefix, none required that the top may give."""
    prefix = f"{kind.role}_"
    inputs: dict[str, t.Mapping[str, t.Any]] = {
        name.removeprefix(prefix): {**option, "required": False}
        for name, option in spec.items()
        if name.startswith(prefix)
    }
    if not kind.item:
        return {**inputs, **kind.own}
    shared = {name: option for name, option in inputs.items() if name in SHARED}
    return {**shared, **inputs[kind.item]["options"]}


def top_options(specs: t.Mapping[str, Options]) -> dict[str, t.Mapping[str, t.Any]]:
    """Options of the top level: the plugin, and what entries share."""
    options: dict[str, t.Mapping[str, t.Any]] = {"plugin": {"type": "str", "choices": [PLUGIN_NAME]}}
    for kind in KINDS:
        for key, option in entry_options(specs[kind.role], kind).items():
            name = kind.source(key)
            if name in SHARED:
                options.setdefault(name, {**option, "required": name == "environment"})
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
    check_project(report, top.get("project"), "project")
    check_region(report, top, "region")
    check_aws_settings(report, top, "", "aws_")
    for index, project in enumerate(_items(top.get("projects"))):
        check_project(report, project, f"projects[{index}]")

    entries = [entry for kind in KINDS for entry in _entries(kind, top_raw, top, specs[kind.role], shape)]
    _check_keys(entries, report)
    for entry in entries:
        _check_identity(entry, report)
    references = References(entries, report, trust)
    resolved = []
    for entry in entries:
        resolved.append(references.of(entry))
        if entry.kind.key == "vpns":
            resolved[-1].update(advertised_pods(entry, references.clusters, report))
        CHECKS[entry.kind.key](entry, report)
    _check_unique(entries, report)
    check_ranges(entries, report)
    check_connections(entries, report)
    check_peerings(entries, report)
    check_shared_vpcs(entries, report)
    check_masquerades(entries, report)

    values = [_values(entry, specs[entry.kind.role], found) for entry, found in zip(entries, resolved, strict=True)]
    hosts = [Host(e.key, e.kind, _variables(e.kind, e.key, v, specs)) for e, v in zip(entries, values, strict=True)]
    return Topology(hosts, _declared(top_raw, entries, values, specs), report.errors, report.warnings)


def _items(value: t.Any) -> list[t.Any]:
    return value if isinstance(value, list) else []


def _entries(
    kind: Kind, top_raw: t.Mapping[str, t.Any], top: t.Mapping[str, t.Any], spec: Options, shape: Shape
) -> t.Iterator[Entry]:
    if not isinstance(top.get(kind.key), t.Mapping):
        return
    options = entry_options(spec, kind)
    not_here = {name: todo.format(role=kind.role) for name, todo in NOT_IN_ENTRY.items()}
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
        yield Entry(kind, key, raw, shape.mapping(raw, options, path, not_here), top_raw, top)


def _check_keys(entries: t.Iterable[Entry], report: Report) -> None:
    """Every key becomes a host's name, and the resource's name where there is no other."""
    seen: dict[str, Entry] = {}
    for entry in entries:
        key, example = entry.key, f"{entry.kind.noun.lower().replace(' ', '-')}-1"
        if not HOST_NAME.fullmatch(key):
            report.error(
                entry.path,
                f"the key '{key}' cannot be a host's name: use letters, digits, '-', '_' and '.', such as '{example}'",
            )
        elif key in RESERVED_HOSTS:
            report.error(
                entry.path, f"the key '{key}' means something else to Ansible: use another and add 'name: {key}'"
            )
        elif "name" not in entry.clean and entry.kind.name_length:
            check_name(report, key, entry.path, entry.kind.name_length, "or keep the key and add 'name:'")
        if key in seen:
            report.error(
                entry.path,
                f"the key '{key}' is also a key of {seen[key].kind.key}: keys are host names, so use another and add "
                f"'name: {key}'",
            )
        seen.setdefault(key, entry)


def _check_identity(entry: Entry, report: Report) -> None:
    """Name, project, region and location of one entry."""
    if "name" in entry.clean and entry.kind.name_length:
        check_name(report, entry.clean["name"], entry.at("name"), entry.kind.name_length)
    if entry.kind.source("region") == "aws_region":
        return  # neither in a project nor in a region of Google's
    if "project" in entry.clean:
        check_project(report, entry.clean["project"], entry.at("project"))
    # what is written
    key = "host_project" if "host_project" in entry.clean else "project"
    project, allowed = entry.effective(key), entry.top.get("projects")
    if project is None and "cluster" not in entry.clean:
        report.error(
            entry.at("project"),
            "'project' is missing: add it here or at the top (to take it from the environment, write "
            "\"{{ lookup('env', 'GCP_PROJECT') }}\")",
        )
    elif isinstance(project, str) and isinstance(allowed, list) and UNKNOWN not in allowed and project not in allowed:
        report.error(
            entry.where_from(key),
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


#: key of a kind -> what must hold of one of its entries, beyond the types of its keys
CHECKS: dict[str, t.Callable[[Entry, Report], None]] = {
    "networks": check_network,
    "clusters": check_cluster,
    "vpns": check_vpn,
    "aws": check_aws_access,
    "peerings": check_peering,
    "shared_vpcs": check_shared_vpc,
    "masquerades": check_masquerade,
    "services": check_service,
    "flows": check_flow,
}


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
        elif entry.kind.key == "vpns":
            claim(entry.path, "VPN gateway", project, entry.effective("region"), entry.real_name)
            claim(
                entry.at("external_gateway") if "external_gateway" in entry.clean else entry.path,
                "external VPN gateway",
                project,
                external_gateway_of(entry),
            )
        elif entry.kind.key == "services" and entry.cluster:
            namespace = entry.clean.get("namespace", "default")
            claim(entry.path, "Service", entry.cluster.path, namespace, entry.real_name)
        if entry.kind.key == "services" and "address" in entry.clean:
            claim(entry.at("address"), "reserved address", *reserved_address_of(entry))
        if entry.kind.key != "networks":
            continue
        claim(entry.path, "network", project, entry.real_name)
        for key, what in (("subnetworks", "subnetwork"), ("routers", "router")):
            for index, item in enumerate(_items(entry.clean.get(key))):
                if isinstance(item, dict):
                    region = subnetwork_region(item, entry)
                    claim(entry.at(f"{key}[{index}].name"), what, project, region, item.get("name"))
        for index, rule in enumerate(_items(entry.clean.get("firewall_rules"))):
            if isinstance(rule, dict):
                claim(entry.at(f"firewall_rules[{index}].name"), "firewall rule", project, rule.get("name"))


def _values(entry: Entry, spec: Options, resolved: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What the role is given, by the keys of an entry: only what is declared, since a default as host variable would
    beat every group_vars.
    """
    values = {**{key: resolved.get(key, value) for key, value in entry.raw.items()}, **resolved}
    values = {key: value for key, value in values.items() if key not in entry.kind.own}
    for key in entry_options(spec, entry.kind):
        source = entry.kind.source(key)
        if source in (*SHARED, "region") and key not in values and source in entry.top_raw:
            values[key] = entry.top_raw[source]
    return values


def _variables(kind: Kind, key: str, values: t.Mapping[str, t.Any], specs: t.Mapping[str, Options]) -> dict[str, t.Any]:
    """The host's variables."""
    if not kind.item:
        also = {f"{kind.also}_{name}": value for name, value in values.items() if name in SHARED}
        own = {f"{kind.role}_{name}": value for name, value in values.items()}
        return {**own, **{name: value for name, value in also.items() if name in specs.get(kind.also, {})}}
    item = {"name": key, **{name: value for name, value in values.items() if name not in SHARED}}
    shared = {f"{kind.role}_{name}": value for name, value in values.items() if name in SHARED}
    return {**shared, f"{kind.role}_{kind.item}": [item]}


def _declared(
    top_raw: t.Mapping[str, t.Any],
    entries: t.Iterable[Entry],
    values: t.Iterable[t.Mapping[str, t.Any]],
    specs: t.Mapping[str, Options],
) -> dict[str, t.Any]:
    """The whole topology, without anything that is secret by its nature.

    Every entry has its name and what it gets from the top. Its networks and cluster are the keys of these wherever they
    are declared here, also where they are named otherwise there.
    """
    options = top_options(specs)
    declared: dict[str, t.Any] = {
        key: value
        for key, value in top_raw.items()
        if key in options and key != "plugin" and not options[key].get("no_log")
    }
    declared.update({kind.key: {} for kind in KINDS})
    for entry, found in zip(entries, values, strict=True):
        known = entry_options(specs[entry.kind.role], entry.kind)
        shown = _without_secrets(found, known)
        if entry.network is not None:
            shown["network"] = entry.network.key
            if "subnetwork" in entry.raw:
                shown["subnetwork"] = entry.raw["subnetwork"]
        if entry.peer is not None:
            shown["peer_network"] = entry.peer.key
        if entry.cluster is not None:
            shown["cluster"] = entry.cluster.key
        declared[entry.kind.key][entry.key] = {"name": entry.key, **shown}
    return declared


def _without_secrets(values: t.Mapping[str, t.Any], options: Options) -> dict[str, t.Any]:
    """A copy without what is secret by its nature, also in mappings below."""
    shown: dict[str, t.Any] = {}
    for key, value in values.items():
        option = options.get(key, {})
        if not option.get("no_log"):
            below = isinstance(value, t.Mapping) and "options" in option
            shown[key] = _without_secrets(value, option["options"]) if below else value
    return shown
