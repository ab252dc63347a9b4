# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold of an access to AWS, a Service and a flow in a topology, each by itself, beyond the types of its keys:
all that their roles would refuse later without asking anybody, and keys that they would ignore.
"""

from __future__ import annotations

import ipaddress
import re
import typing as t
from urllib.parse import urlsplit

from .. import addressing
from .range_rules import primary_range
from .references import region_of
from .shape import UNKNOWN, Report
from .values import (
    Item,
    check_address,
    check_aws_settings,
    check_name,
    check_not_both,
    check_ports,
    check_range_of_either_family,
    check_there,
    check_within,
    given,
    items,
    parse_range,
    strings,
)

if t.TYPE_CHECKING:
    from .reading import Entry

#: A tag's value.
MAX_TAG = 255
#: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpRange.html
AWS_DESCRIPTION = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{0,255}")

#: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
DNS_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
DNS_SUBDOMAIN = re.compile(r"[a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?")
#: The name of a container's port.
PORT_NAME = re.compile(r"(?=.*[a-z])[a-z0-9](?:-?[a-z0-9])*")
PORT_NAME_LENGTH = 15
PORTS = (1, 65535)
MANAGED_BY = "app.kubernetes.io/managed-by"
COMPONENT = "app.kubernetes.io/component"
#: Annotations of a Service that have keys of their own, if any.
ANNOTATIONS = {
    "networking.gke.io/load-balancer-type": "",
    "cloud.google.com/load-balancer-type": "legacy_annotation",
    "networking.gke.io/load-balancer-ip-addresses": "address_names",
    "networking.gke.io/internal-load-balancer-allow-global-access": "global_access",
    "networking.gke.io/internal-load-balancer-subnet": "subnet",
}

#: key of a flow -> the kinds that it is for
FLOW_KEYS = {
    "target": ("icmp", "tcp", "dns"),
    "port": ("tcp",),
    "url": ("http",),
    "status": ("http",),
    "body": ("http",),
    "source_url": ("icmp", "tcp", "http"),
    "count": ("icmp",),
    "min_received": ("icmp",),
}
FLOW_NEEDS = {"icmp": ("target",), "tcp": ("target", "port"), "http": ("url",), "dns": ("target",)}
PINGS, PINGS_RECEIVED = 3, 1


# ---------------------------------------------------------------------------------------------------------------------
# Access to AWS


def check_aws_access(access: Entry, report: Report) -> None:
    """Rules that admit pods to security groups."""
    check_aws_settings(report, access.clean, access.path)
    _check_tag(report, access.real_name, access.path if "name" not in access.clean else access.at("name"))
    rules = list(items(access.clean.get("rules"), access.at("rules")))
    names = [rule.get("name", access.real_name) for rule, _path in rules]
    for rule, path in rules:
        _check_tag(report, rule.get("name"), f"{path}.name")
        _check_rule(access, rule, path, report)
        if rule.get("purge_rules") is not True or not access.surely_present:
            continue
        name = rule.get("name", access.real_name)
        if isinstance(name, str) and names.count(name) > 1:
            report.error(
                f"{path}.purge_rules",
                f"'purge_rules' would remove the rules of other items named '{name}': give this one a name of its own",
            )


def _check_tag(report: Report, name: t.Any, path: str) -> None:
    if isinstance(name, str) and len(name) > MAX_TAG:
        report.error(path, f"a name of {len(name)} characters is too long for a tag: use at most {MAX_TAG}")


def _check_rule(access: Entry, rule: Item, path: str, report: Report) -> None:
    seen: dict[str, str] = {}
    for cidr, where in strings(rule.get("ranges"), f"{path}.ranges"):
        known = parse_range(report, cidr, where)
        if known in seen:
            report.error(where, f"{known} is already at {seen[known]}: list it once")
        elif known:
            seen[known] = where
    for ports, where in strings(rule.get("ports"), f"{path}.ports"):
        check_ports(report, ports, where)
    text = rule.get("description")
    if isinstance(text, str) and not AWS_DESCRIPTION.fullmatch(text):
        report.error(
            f"{path}.description",
            "AWS does not take this description: use up to 255 letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*",
        )
    if not access.surely_present:
        return
    if rule.get("ranges", []) == []:
        report.error(f"{path}.ranges", "'ranges' is missing: list the ranges to admit, such as the pods'")
    protocol = rule.get("protocol", "icmp")
    if protocol in ("tcp", "udp") and rule.get("ports", []) == []:
        report.error(f"{path}.ports", f"'ports' is missing: {protocol} needs some, and 0-65535 is all of them")
    elif protocol in ("icmp", "all") and rule.get("ports"):
        report.error(f"{path}.ports", f"'ports' is not for protocol {protocol}: remove it, or set 'protocol: tcp'")


# ---------------------------------------------------------------------------------------------------------------------
# Services


def check_service(service: Entry, report: Report) -> None:
    """One internal load balancer. Its cluster is already looked up."""
    clean = service.clean
    if not any(key in clean for key in ("cluster", "host", "kubeconfig", "context")):
        report.error(service.at("cluster"), "'cluster' is missing: name a key of clusters, or give host or kubeconfig")
    _check_namespace(service, report)
    _check_texts(service, report, ("labels", "selector"), (MANAGED_BY,))
    annotations = clean.get("annotations")
    for name in annotations if isinstance(annotations, dict) else ():
        if name in ANNOTATIONS:
            todo = f"use '{ANNOTATIONS[name]}'" if ANNOTATIONS[name] else "leave it out"
            report.error(service.at(f"annotations.{name}"), f"'{name}' is what this collection sets itself: {todo}")
    for name, path in strings(clean.get("address_names"), service.at("address_names")):
        check_name(report, name, path)
    for cidr, path in strings(clean.get("source_ranges"), service.at("source_ranges")):
        check_range_of_either_family(report, cidr, path)
    check_not_both(report, clean, service.path, "load_balancer_ip", "address_names")
    check_not_both(report, clean, service.path, "address", "address_names")
    _check_service_ports(service, report)
    _check_addresses(service, report)
    if service.surely_present and "workload" not in clean:
        for name, todo in (("selector", "add the labels of the pods"), ("ports", "add at least one, as '- port: 80'")):
            if clean.get(name, {}) in ({}, []):
                report.error(service.at(name), f"'{name}' is missing: {todo}")


def _check_namespace(entry: Entry, report: Report) -> None:
    name = entry.clean.get("namespace")
    if isinstance(name, str) and not DNS_LABEL.fullmatch(name):
        report.error(
            entry.at("namespace"),
            f"'{name}' is not a namespace's name: use at most 63 lowercase letters, digits and '-', with a letter or "
            "digit at both ends",
        )


def _check_texts(entry: Entry, report: Report, keys: t.Iterable[str], ours: t.Collection[str]) -> None:
    """Labels: texts, and none that is this collection's own."""
    for key in keys:
        labels = entry.clean.get(key)
        for name, value in labels.items() if isinstance(labels, dict) else ():
            if key == "labels" and name in ours:
                report.error(entry.at(f"{key}.{name}"), f"'{name}' is this collection's own label: leave it out")
            elif isinstance(value, (dict, list)) or value is None:
                report.error(entry.at(f"{key}.{name}"), "the label's value is not text: write one value, in quotes")


def _check_service_ports(service: Entry, report: Report) -> None:
    ports = service.clean.get("ports")
    found = list(items(ports, service.at("ports")))
    seen: dict[tuple[t.Any, t.Any], str] = {}
    names: dict[str, str] = {}
    protocols: dict[str, str] = {}
    for port, path in found:
        number, name, protocol = port.get("port"), port.get("name"), port.get("protocol", "TCP")
        check_within(report, number, PORTS, f"{path}.port", "a port")
        target = port.get("target_port")
        if isinstance(target, str) and not (
            PORTS[0] <= int(target) <= PORTS[1]
            if target.isdecimal() and target.isascii()
            else len(target) <= PORT_NAME_LENGTH and PORT_NAME.fullmatch(target)
        ):
            report.error(
                f"{path}.target_port",
                f"'{target}' is neither a port nor the name of one: write 1 to 65535, or the name in the container",
            )
        if isinstance(number, int) and isinstance(protocol, str):
            if (protocol, number) in seen:
                report.error(path, f"{protocol} {number} is already at {seen[protocol, number]}: list it once")
            seen.setdefault((protocol, number), path)
            protocols.setdefault(protocol, path)
        if len(ports or []) > 1 and "name" not in port:
            report.error(f"{path}.name", "'name' is missing: where there are several ports, give each a name")
        if not isinstance(name, str):
            continue
        if not DNS_LABEL.fullmatch(name):
            report.error(f"{path}.name", f"'{name}' is not a port's name: use lowercase letters, digits and '-'")
        elif name in names:
            report.error(f"{path}.name", f"'{name}' is already the name of {names[name]}: give it another name")
        names.setdefault(name, path)
    if len(protocols) > 1:
        report.error(
            service.at("ports"),
            f"{' and '.join(protocols)} together: a load balancer forwards one protocol, make two Services of it",
        )


def _check_addresses(service: Entry, report: Report) -> None:
    """Addresses that the load balancer shall have: in the range of the subnetwork, and free to be used."""
    clean, address = service.clean, service.clean.get("address", {})
    wanted = clean.get("load_balancer_ip")
    if isinstance(wanted, str):
        if ":" not in wanted:
            _check_place(service, wanted, service.at("load_balancer_ip"), clean.get("subnet"), report)
        else:
            try:
                ipaddress.IPv6Address(wanted)
            except ValueError:
                report.error(
                    service.at("load_balancer_ip"), f"'{wanted}' is not an address: write one of the subnetwork"
                )
    if "address" not in clean or not isinstance(address, dict):
        return
    check_name(report, address.get("name"), service.at("address.name"))
    own = address.get("address")
    if isinstance(own, str):
        _check_place(
            service, own, service.at("address.address"), address.get("subnetwork", clean.get("subnet")), report
        )
        if isinstance(wanted, str) and wanted != own:
            report.error(
                service.at("load_balancer_ip"), f"{wanted} is not the reserved address, {own}: leave one of them out"
            )
    if not service.surely_present:
        return
    if "subnetwork" not in address and "subnet" not in clean:
        report.error(
            service.at("address.subnetwork"), "'subnetwork' is missing: name the one that the address is reserved in"
        )
    if "region" not in address and "cluster" not in clean and "location" not in clean:
        report.error(service.at("address.region"), "'region' is missing: add that of the subnetwork")


def reserved_address_of(service: Entry) -> tuple[t.Any, t.Any, t.Any]:
    """Project, region and name of the address that a Service reserves, as far as they are known."""
    cluster, own = service.cluster, "project" in service.clean
    project = service.effective("project") if own or cluster is None else cluster.effective("project")
    location = service.clean.get("location", cluster.effective("location") if cluster else None)
    address = service.clean["address"] if isinstance(service.clean["address"], dict) else {"name": UNKNOWN}
    return project, address.get("region", region_of(location)), address.get("name", service.real_name)


def _check_place(service: Entry, text: str, path: str, subnetwork: t.Any, report: Report) -> None:
    address = check_address(report, text, path, "10.1.1.77")
    if address is None or service.cluster is None or subnetwork is UNKNOWN:
        return
    name = str(subnetwork).rsplit("/", 1)[-1] if subnetwork else None
    primary = primary_range(service.cluster, name)
    if primary is None:
        return
    cidr, where = primary
    if address not in ipaddress.IPv4Network(cidr):
        report.error(path, f"{text} is not in {cidr}, the primary range at {where}: choose an address of that range")
    elif text in addressing.reserved_addresses(cidr):
        report.error(
            path, f"{text} is one of the first and last two of {cidr}, which Google keeps: choose another address"
        )


# ---------------------------------------------------------------------------------------------------------------------
# Flows


def check_flow(flow: Entry, report: Report) -> None:
    """What a pod has to reach, or must not."""
    clean, kind = flow.clean, flow.clean.get("kind")
    check_there(flow, report, "cluster", "name a key of clusters, whose pods are to reach it")
    if isinstance(kind, str):
        for name in FLOW_NEEDS[kind]:
            check_there(flow, report, name, f"kind {kind} needs it")
        for name, kinds in FLOW_KEYS.items():
            if given(clean, name) and kind not in kinds:
                report.error(flow.at(name), f"'{name}' is not for kind {kind} but for {', '.join(kinds)}: remove it")
    target, body = clean.get("target"), clean.get("body")
    if isinstance(target, str) and (re.search(r"[\s\x00]", target) or target.startswith("-")):
        report.error(flow.at("target"), f"'{target}' is no target: write an address or a name")
    for name in ("url", "source_url"):
        if isinstance(clean.get(name), str) and not _is_url(clean[name]):
            report.error(flow.at(name), "the value is no URL: write one such as http://10.0.0.2/health")
    if isinstance(body, str):
        try:
            re.compile(body)
        except re.error as error:
            report.error(flow.at("body"), f"'{body}' is not a regular expression, {error}: correct it")
    check_within(report, clean.get("port"), PORTS, flow.at("port"), "a port")
    for index, status in enumerate(clean["status"] if isinstance(clean.get("status"), list) else []):
        check_within(report, status, (100, 599), flow.at(f"status[{index}]"), "a status of HTTP")
    for name in ("count", "min_received", "probe_timeout", "timeout"):
        value = clean.get(name)
        if isinstance(value, int) and value < 1:
            report.error(flow.at(name), f"{value} is too few: use 1 or more")
    count, least = clean.get("count", PINGS), clean.get("min_received", PINGS_RECEIVED)
    if isinstance(count, int) and isinstance(least, int) and least > count >= 1:
        report.error(flow.at("min_received"), f"{least} is more than the {count} pings that are sent: lower it")
    _check_namespace(flow, report)
    _check_texts(flow, report, ("labels", "node_selector"), (MANAGED_BY, COMPONENT))
    _check_pod(flow, report)


def _check_pod(flow: Entry, report: Report) -> None:
    """A pod of the user's, or what is to be said of the one that is made."""
    pod = flow.clean.get("pod")
    if isinstance(pod, str) and not DNS_SUBDOMAIN.fullmatch(pod):
        report.error(flow.at("pod"), f"'{pod}' is not a pod's name: use lowercase letters, digits, '-' and '.'")
    if pod is None and given(flow.clean, "container"):
        report.error(flow.at("container"), "'container' is one of 'pod', which is missing: add it")
    for name in ("image", "labels", "node_selector", "host_network"):
        if isinstance(pod, str) and given(flow.clean, name) and flow.clean[name] is not False:
            report.error(
                flow.at(name), f"'{name}' is of a pod that is made, and cannot be together with 'pod': keep one of them"
            )


def _is_url(text: str) -> bool:
    if re.search(r"[\s\x00]", text):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
