# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The golden vectors of group ``addressing`` that need no API, put to the pure functions of module_utils/addressing.py.

Those that ask an API method or an existing estate are in tests/integration/test_addressing_vectors_lab.py.
"""

from __future__ import annotations

import ipaddress
import re
import typing as t

import pytest

from ansible_collections.podreach.gke.plugins.module_utils import addressing
from ansible_collections.podreach.gke.tests.golden.loader import Answers, Vector, digest, load

VECTORS = load("addressing")
ANSWERS = Answers()


def test_the_data_is_unedited() -> None:
    """Expectations change by a new source only, never to please code: update the digest in a commit that names it."""
    assert len(VECTORS) == 61
    assert digest("addressing") == "e82dc0449716ad65f824019913c6abe1811fac1be1b448d3b4077d3b3566367e"


def errors(findings: t.Iterable[t.Any]) -> list[t.Any]:
    """The findings that refuse."""
    return [finding for finding in findings if finding.severity == "error"]


def only_warns(vector: Vector, findings: t.Iterable[t.Any]) -> list[t.Any]:
    """The warnings: at least one, no finding an error, and together they name the limits that the vector names."""
    findings = list(findings)
    warnings = [finding for finding in findings if finding.severity == "warning"]
    assert warnings, f"a warning is due: {vector.expect['warn']}"
    assert not errors(findings)
    text = " ".join(finding.message for finding in warnings)
    for limit in re.findall(r"(?<!\w)/?\d+(?!\w)", vector.expect["warn"]):
        assert re.search(rf"(?<![\w./]){re.escape(limit)}(?!\w)", text), f"{text!r} does not name the limit {limit}"
    return warnings


def is_refused(expected: dict[str, t.Any], findings: t.Iterable[t.Any]) -> None:
    """At least one error, bearing every code of ``causes`` and one of ``causes_any_of``."""
    codes = {finding.code for finding in errors(findings)}
    assert codes, "must be refused"
    assert codes >= set(expected.get("causes", []))
    if "causes_any_of" in expected:
        assert codes & set(expected["causes_any_of"])


def prefix_length(cidr: str) -> int:
    """The length of ``10.0.0.0/8`` or ``/8``."""
    return int(cidr.rpartition("/")[2])


@ANSWERS.to(
    "pod_cidr_mask",
    reads=["maxPodsConstraint", "podCidrOverprovisionConfig"],
    judges=["podIpv4CidrSize", "addresses", "warn"],
)
def pod_cidr_mask(vector: Vector) -> None:
    """The range each node gets. A number that is only warned of must still have an answer."""
    max_pods = int(vector.given["maxPodsConstraint"]["maxPodsPerNode"])
    overprovision = not vector.given.get("podCidrOverprovisionConfig", {}).get("disable", False)
    size = addressing.pod_cidr_mask(max_pods=max_pods, overprovision=overprovision)
    findings = addressing.check_max_pods(max_pods)
    if "warn" in vector.expect:
        only_warns(vector, findings)
        return
    assert not errors(findings)
    assert size == vector.expect["podIpv4CidrSize"]
    if "addresses" in vector.expect:
        assert addressing.addresses(size) == vector.expect["addresses"]


@ANSWERS.to("max_nodes", reads=["clusters", "maxPodsConstraint"], judges=["max_nodes"])
def max_nodes(vector: Vector) -> None:
    """How many nodes the cluster's pod range has room for; no range given means Google's default."""
    (cluster,) = vector.given["clusters"]
    policy = cluster["ipAllocationPolicy"]
    if policy.get("useIpAliases"):
        max_pods = int(vector.given["maxPodsConstraint"]["maxPodsPerNode"])
        answer = addressing.max_nodes_vpc_native(prefix_length(policy["clusterIpv4CidrBlock"]), max_pods=max_pods)
    else:
        assert policy == {"useRoutes": True}
        given = [prefix_length(cluster["clusterIpv4Cidr"])] if "clusterIpv4Cidr" in cluster else []
        answer = addressing.max_nodes_routes_based(*given)
    assert answer == vector.expect["max_nodes"]


@ANSWERS.to("services_range", reads=["clusters"], judges=["servicesIpv4Cidr"])
def services_range(vector: Vector) -> None:
    """Where a routes-based cluster has its Services."""
    (cluster,) = vector.given["clusters"]
    assert cluster["ipAllocationPolicy"] == {"useRoutes": True}
    assert str(addressing.routes_based_services_range(cluster["clusterIpv4Cidr"])) == vector.expect["servicesIpv4Cidr"]


@ANSWERS.to("usable_addresses", reads=["subnetworks"], judges=["usable"])
def usable_addresses(vector: Vector) -> None:
    """How many nodes the primary range can address."""
    (subnetwork,) = vector.given["subnetworks"]
    assert vector.ask["usable_addresses"] == "primary"
    assert addressing.usable_addresses(subnetwork["ipCidrRange"]) == vector.expect["usable"]


@ANSWERS.to("gatewayAddress", reads=["subnetworks"], judges=["gatewayAddress"])
def gateway_address(vector: Vector) -> None:
    """The address that Google keeps for the subnetwork's gateway."""
    (subnetwork,) = [s for s in vector.given["subnetworks"] if s["name"] == vector.ask["gatewayAddress"]]
    assert str(addressing.gateway_address(subnetwork["ipCidrRange"])) == vector.expect["gatewayAddress"]


@ANSWERS.to("mask_allowed", reads=["profile", "range"], judges=["allowed", "causes_any_of", "warn", "must_not"])
def mask_allowed(vector: Vector) -> None:
    """Whether a range of this size may be used for this purpose."""
    wanted = vector.given["range"]
    findings = addressing.check_mask(prefix_length(wanted["mask"]), wanted["purpose"], profile=vector.given["profile"])
    if "warn" in vector.expect:
        assert vector.expect["must_not"] == "refuse"
        only_warns(vector, findings)
    elif vector.expect["allowed"]:
        assert not errors(findings)
    else:
        is_refused(vector.expect, findings)


def declared_ranges(given: dict[str, t.Any]) -> list[t.Any]:
    """Every range of the estate, once for each use of it. Google lets clusters share a Services range and a pod range
    of the user's own, so such uses bear the same key."""
    status = {entry["rangeName"]: entry["status"] for entry in given.get("usableSubnetworks", [])}
    ranges = [addressing.Range(cidr, f"range {cidr}") for cidr in given.get("ranges", [])]
    ranges += [addressing.Range(vpc["CidrBlock"], "AWS VPC") for vpc in given.get("aws", {}).get("Vpcs", [])]
    for subnetwork in given.get("subnetworks", []):
        name = subnetwork["name"]
        ranges.append(addressing.Range(subnetwork["ipCidrRange"], f"subnetwork {name}"))
        clusters = [c for c in given.get("clusters", []) if c["subnetwork"] == name]
        for secondary in subnetwork.get("secondaryIpRanges", []):
            cidr, range_name = secondary["ipCidrRange"], secondary["rangeName"]
            users = [c["name"] for c in clusters if range_name in c["ipAllocationPolicy"].values()]
            shareable = status.get(range_name, "IN_USE_SHAREABLE_POD") in ("IN_USE_SHAREABLE_POD", "IN_USE_SERVICE")
            key = f"{name}/{range_name}" if users and shareable else None
            ranges += [addressing.Range(cidr, f"{range_name} of cluster {user}", shared_key=key) for user in users]
            if not users:
                ranges.append(addressing.Range(cidr, f"{range_name} of subnetwork {name}"))
    return ranges


@ANSWERS.to(
    "overlap", reads=["ranges", "subnetworks", "clusters", "usableSubnetworks", "aws"], judges=["pairs", "causes"]
)
def overlap(vector: Vector) -> None:
    """Which ranges are in each other's way. The function gives pairs; the code ``range-overlap`` is its caller's."""
    pairs = addressing.overlaps(declared_ranges(vector.given))
    found = sorted(sorted([str(one.cidr), str(other.cidr)]) for one, other in pairs)
    assert found == sorted(sorted(pair) for pair in vector.expect["pairs"])
    assert vector.expect["causes"] == (["range-overlap"] if found else [])


@ANSWERS.to("inside_addresses", reads=["aws"], judges=["aws", "google"])
def inside_addresses(vector: Vector) -> None:
    """Which end of a tunnel has which address of its /30."""
    ends = [addressing.inside_addresses(o["TunnelInsideCidr"]) for o in vector.given["aws"]["TunnelOptions"]]
    assert [str(end.aws) for end in ends] == vector.expect["aws"]
    assert [str(end.google) for end in ends] == vector.expect["google"]


@ANSWERS.to("validate ec2.CreateVpnConnection", reads=[], judges=["error"])
def create_vpn_connection(vector: Vector) -> None:
    """Whether AWS takes these inside ranges."""
    body = vector.ask["validate"]["body"]
    options = body["Options"]["TunnelOptions"]
    assert set(body) == {"Options"} and all(set(option) == {"TunnelInsideCidr"} for option in options)
    findings = [f for option in options for f in addressing.check_inside_cidr(option["TunnelInsideCidr"])]
    if vector.expect["error"] is None:
        assert not errors(findings)
    else:
        is_refused(vector.expect, findings)


@ANSWERS.to("validate compute.subnetworks.insert", reads=["networks"], judges=["error", "causes"])
def subnetworks_insert(vector: Vector) -> None:
    """Whether the range can be a subnetwork's. The server's own wording is judged in the lab."""
    body = vector.ask["validate"]["body"]
    auto_mode = any(
        network["name"] == body.get("network") and network.get("autoCreateSubnetworks", False)
        for network in vector.given.get("networks", [])
    )
    findings = addressing.check_subnet_range(body["ipCidrRange"], auto_mode=auto_mode)
    assert vector.expect["error"]["class"] == "invalid"
    is_refused(vector.expect, findings)


@ANSWERS.to("route node+to", reads=["nodes"], judges=["warn", "causes"])
def destination(vector: Vector) -> None:
    """Whether a node would keep the packet. The function knows the bridge's usual range only, which is the vector's."""
    (node,) = [n for n in vector.given["nodes"] if n["name"] == vector.ask["route"]["node"]]
    bridges = [ipaddress.ip_interface(i["address"]).network for i in node["interfaces"] if i["name"] == "docker0"]
    assert bridges == [ipaddress.ip_network("172.17.0.0/16")]
    warnings = only_warns(vector, addressing.check_destination(vector.ask["route"]["to"]))
    assert {finding.code for finding in warnings} >= set(vector.expect["causes"])


@pytest.mark.parametrize("vector", [pytest.param(v, id=v.id) for v in VECTORS if v in ANSWERS or not v.needs_lab])
def test_vector(vector: Vector) -> None:
    """The vector comes out as its source says."""
    ANSWERS.run(vector)
